/* SPDX-License-Identifier: MIT
 *
 * checks_text.c - a check as it is written, parsed. Main process, and workers to look at what a
 * plugin declares; pure.
 *
 * Invariant: what is not wholly understood is refused, and a failed parse leaves nothing to free.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "cleanup.h"

const char *const check_every_words[] = { "day", "week", "month", "quarter", "year", NULL };

static const enum strait_granularity everies[] = { STRAIT_DAY, STRAIT_WEEK, STRAIT_MONTH,
						   STRAIT_QUARTER, STRAIT_YEAR };

const char *check_every_word(enum strait_granularity every)
{
	for (size_t i = 0; check_every_words[i]; i++)
		if (everies[i] == every)
			return check_every_words[i];
	return "";
}

int check_every_parse(const char *text, enum strait_granularity *ret_every, struct fault *fault)
{
	for (size_t i = 0; check_every_words[i]; i++) {
		if (strcmp(text, check_every_words[i]) == 0) {
			*ret_every = everies[i];
			return 0;
		}
	}
	return fault_set(fault, FAULT_BAD_ARGUMENT, "'%.40s' is none of " CHECK_EVERY_TEXT, text);
}

int check_formula_parse(const char *text, struct formula *ret_formula, struct fault *fault)
{
	struct formula formula;

	if (formula_parse(text, &formula, fault) < 0)
		return -1;
	for (size_t side = 0; side < 2; side++) {
		for (size_t i = 0; i < formula.counts[side]; i++) {
			enum formula_function function = formula.items[side][i].function;

			if (function != FORMULA_PERCENTILE && function != FORMULA_BELOW)
				continue;
			formula_done(&formula);
			return fault_set(
				fault, FAULT_BAD_ARGUMENT,
				"formula '%.200s': percentile and below look into a distribution, which a check does not; compare sums, count, max or mean",
				text);
		}
	}
	*ret_formula = formula;
	return 0;
}

int check_tolerance_parse(const char *text, struct check_tolerance *ret_tolerance,
			  struct fault *fault)
{
	size_t size = strspn(text, "0123456789.");
	const char *rest = text + size + strspn(text + size, " \t");
	struct check_tolerance tolerance = { .percent = *rest == '%' };
	char *end;

	tolerance.amount = strtod(text, &end); /* of digits and dots only, when it ends there */
	if (!size || end != text + size || !isfinite(tolerance.amount) ||
	    strcmp(rest, tolerance.percent ? "%" : "") != 0)
		return fault_set(
			fault, FAULT_BAD_ARGUMENT,
			"'%.40s' is no tolerance; write a number such as 0 or 5, or a share such as 0.5 %%",
			text);
	*ret_tolerance = tolerance;
	return 0;
}

/* ── known differences ─────────────────────────────────────────────────────────────────────── */

static char *trimmed(const char *text, size_t size)
{
	while (size && isspace((unsigned char)*text)) {
		text++;
		size--;
	}
	while (size && isspace((unsigned char)text[size - 1]))
		size--;
	return strndup(text, size);
}

static int32_t length_of(struct period period)
{
	return period.last - period.first + 1;
}

static int parse_period(const char *text, enum strait_granularity every, struct period *ret_period,
			struct fault *fault)
{
	struct period period, one;

	if (!period_parse(text, &period))
		return fault_set(
			fault, FAULT_BAD_ARGUMENT,
			"'%.40s' is no period; write PERIOD: NOTE, with a period such as 2022, 2020-Q3, 2020-W36, 2020-09 or 2020-09-02",
			text);
	one.first = granularity_floor(every, period.first);
	one.last = granularity_last(every, one.first);
	if (length_of(period) < length_of(one))
		return fault_set(
			fault, FAULT_BAD_ARGUMENT,
			"'%.40s' is shorter than the periods that are compared (one %s); name whole ones",
			text, check_every_word(every));
	*ret_period = period;
	return 0;
}

/* "PERIOD: NOTE" */
static int parse_note(const char *text, size_t size, enum strait_granularity every,
		      struct check_note *ret_note, struct fault *fault)
{
	const char *colon = memchr(text, ':', size);
	size_t before = colon ? (size_t)(colon - text) : size;
	CLEANUP(free_text) char *period = trimmed(text, before);
	CLEANUP(free_text) char *note = NULL;

	if (colon)
		note = trimmed(colon + 1, size - before - 1);
	if (!period || (colon && !note))
		return fault_set(fault, FAULT_MEMORY, "out of memory");
	if (parse_period(period, every, &ret_note->period, fault) < 0)
		return -1;
	if (!note || !*note)
		return fault_set(fault, FAULT_BAD_ARGUMENT,
				 "'%.40s' has no note; write why it differs: %.40s: NOTE", period,
				 period);
	ret_note->text = TAKE(note);
	return 0;
}

void check_notes_free(struct check_note *notes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(notes[i].text);
	free(notes);
}

int check_notes_parse(const char *text, enum strait_granularity every,
		      struct check_note **ret_notes, size_t *ret_count, struct fault *fault)
{
	struct check_note *notes = calloc(CHECK_NOTES_MAX, sizeof(*notes));
	size_t count = 0;

	if (!notes)
		return fault_set(fault, FAULT_MEMORY, "out of memory");
	while (*text) {
		size_t size = strcspn(text, ";");
		bool blank = strspn(text, " \t") >= size; /* also after the last ';' */

		if (!blank && count == CHECK_NOTES_MAX) {
			(void)fault_set(fault, FAULT_BAD_ARGUMENT,
					"more than %u known differences; name longer periods",
					CHECK_NOTES_MAX);
			goto failed;
		}
		if (!blank && parse_note(text, size, every, &notes[count], fault) < 0)
			goto failed;
		count += !blank;
		text += size;
		text += *text == ';';
	}
	*ret_notes = notes;
	*ret_count = count;
	return 0;
failed:
	check_notes_free(notes, count);
	return -1;
}

/* ── all ───────────────────────────────────────────────────────────────────────────────────── */

void check_done(struct check_rule *check)
{
	formula_done(&check->left);
	formula_done(&check->right);
	check_notes_free(check->notes, check->note_count);
	*check = (struct check_rule){ 0 };
}

int check_parse(const struct check_text *text, struct check_rule *ret_check, struct fault *fault)
{
	struct check_rule check = { 0 };
	const char *part = "left";
	int result = check_formula_parse(text->left, &check.left, fault);

	if (result == 0) {
		part = "right";
		result = check_formula_parse(text->right, &check.right, fault);
	}
	if (result == 0) {
		part = "every";
		result = check_every_parse(text->every, &check.every, fault);
	}
	if (result == 0) {
		part = "tolerance";
		result = check_tolerance_parse(text->tolerance, &check.tolerance, fault);
	}
	if (result == 0 && text->explained) {
		part = "explained";
		result = check_notes_parse(text->explained, check.every, &check.notes,
					   &check.note_count, fault);
	}
	if (result < 0) {
		check_done(&check);
		return fault_prefix(fault, "%s", part);
	}
	*ret_check = check;
	return 0;
}
