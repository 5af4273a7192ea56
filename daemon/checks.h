/* SPDX-License-Identifier: MIT
 *
 * checks.h - reconciliation: two formulas that must say the same, period by period. Main and, to
 * look at what a plugin declares, workers; pure: it sees points through the reader of figures.h.
 *
 * A period is compared when both sides have it whole: it lies between the first and the last value
 * of every series on either side, and no level has a gap in it. A period in that range of which a
 * side has no value is not compared but counted as missing. Of the others:
 *   agrees      the sides differ by no more than the tolerance
 *   explained   they differ, and the period is in the list of known differences
 *   open        they differ, and nobody has said why
 * The state of a check is the worst of its periods'; that of a check without a compared period is
 * missing: nothing to compare is no agreement.
 */
#pragma once

#include "fault.h"
#include "figures.h"
#include "formula.h"
#include "period.h"

/* Published as figure check.NAME: the number of open periods. */
#define CHECK_PREFIX	 "check."
#define CHECK_UNIT	 "periods"
#define CHECK_NAME_MAX	 (STRAIT_NAME_MAX_BYTES - (sizeof(CHECK_PREFIX) - 1))
#define CHECK_NOTES_MAX	 256u
#define CHECK_EVERY_TEXT "day, week, month, quarter or year"

/* A check as it is written. explained may be NULL: nothing is. */
struct check_text {
	const char *left, *right; /* formulas; no percentile() and below() */
	const char *every;	  /* CHECK_EVERY_TEXT */
	const char *tolerance;	  /* "0", "5", "0.5 %": of the greater side */
	const char *explained;	  /* "2022: counted later; 2020-W36: …" */
};

struct check_tolerance {
	double amount;
	bool percent;
};

/* A known difference. Explains each period whose middle day lies within: so a week belongs to the
   year of its Thursday, as in ISO 8601. */
struct check_note {
	struct period period;
	char *text;
};

struct check_rule {
	struct formula left, right;
	enum strait_granularity every;
	struct check_tolerance tolerance;
	struct check_note *notes;
	size_t note_count;
};

enum check_state { /* from good to bad */
		   CHECK_MISSING = 1,
		   CHECK_AGREES,
		   CHECK_EXPLAINED,
		   CHECK_OPEN,
};
const char *check_state_word(enum check_state state);
/* "day" … "year"; NULL-terminated, for "did you mean". */
extern const char *const check_every_words[];
const char *check_every_word(enum strait_granularity every);

/* All parsers: FAULT_BAD_ARGUMENT with what was expected; nothing is left to free on failure. */
int check_formula_parse(const char *text, struct formula *ret_formula, struct fault *fault);
int check_every_parse(const char *text, enum strait_granularity *ret_every, struct fault *fault);
int check_tolerance_parse(const char *text, struct check_tolerance *ret_tolerance,
			  struct fault *fault);
/* Notes about less than one period of `every` are refused: they would never explain one. */
int check_notes_parse(const char *text, enum strait_granularity every,
		      struct check_note **ret_notes, size_t *ret_count, struct fault *fault);
void check_notes_free(struct check_note *notes, size_t count);
/* All of them; the fault names the part. check_done() what was given. */
int check_parse(const struct check_text *text, struct check_rule *ret_check, struct fault *fault);
void check_done(struct check_rule *check);
/* Whether whole periods of one length are made of whole periods of another. */
bool check_granularity_fits(enum strait_granularity points, enum strait_granularity every);

/* A period that differs. */
struct check_row {
	int32_t day; /* first of the period */
	double left, right;
	enum check_state state; /* explained or open */
	const char *note;	/* of the check; "" when open */
};

struct check_result {
	enum check_state state;
	uint32_t compared, explained, open, missing; /* periods */
	struct period period;			     /* first to last compared; if any */
	enum strait_status status; /* the worst of what was compared; missing when nothing was */
	int64_t published_at_ms;   /* newest publication that was compared */
};

/* Rows are the newest `max` periods that differ, newest first; max 0: rows may be NULL. Fails when
   a metric is not known, or has longer periods than the check. */
int check_evaluate(const struct check_rule *check, const struct figure_reader *reader,
		   struct check_result *ret_result, struct check_row *rows, size_t max,
		   size_t *ret_count, struct fault *fault);
/* The result as a figure: the number of open periods. Without unit. */
struct figure_value check_value(const struct check_result *result);
