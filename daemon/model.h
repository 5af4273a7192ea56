/* SPDX-License-Identifier: MIT
 *
 * model.h - the nouns that the parts of the main process share: figures, changes, series,
 * declarations. Plain data; what an answer is made of, not where it comes from. See DESIGN words in
 * docs/ARCHITECTURE.md.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "period.h"
#include "strait/plugin.h"

#define FIGURE_NAME_MAX                                                                            \
	160 /* bytes with the NUL; also metric{labels}.window names asked for ad hoc */
#define SOURCE_NAME_MAX 64
#define SHA256_BYTES	32

/* One published number. Strings belong to whoever holds the struct (the ledger, unless said
 * otherwise). */
struct figure {
	char *name, *title, *unit, *source;
	double value; /* NaN when missing or suppressed */
	enum strait_status status;
	char period[PERIOD_TEXT_MAX];
	int64_t published_at_ms; /* newest publication that it rests on; 0 = none yet */
	uint64_t sequence;	 /* commit that gave it this value */
	bool stale;
};

/* Equal as figures are: a missing value (NaN) is the same as a missing value. */
bool value_same(double a, double b);
/* 64 lower-case digits and a NUL. */
#define SHA256_TEXT_BYTES (2 * SHA256_BYTES + 1)
void sha256_text(const uint8_t sha256[SHA256_BYTES], char ret_text[SHA256_TEXT_BYTES]);

/* Answer of a query that computes a figure: nothing to free. */
struct figure_value {
	double value;
	enum strait_status status;
	char period[PERIOD_TEXT_MAX];
	int64_t published_at_ms;
	char unit[32];
};

enum cause {
	CAUSE_NEW = 1,
	CAUSE_REVISED,
	CAUSE_WITHDRAWN,
	CAUSE_STATUS,
	CAUSE_STALE,
};
const char *cause_word(enum cause cause);

/* How status flows through a sum: the worse of two, in the order final, provisional, estimated,
   suppressed, missing. 0 (no part yet) is better than all. */
enum strait_status status_worse(enum strait_status a, enum strait_status b);

struct figure_change {
	const char *figure;
	double old_value, new_value;
	enum strait_status status;
};

/* What one commit did. rows are valid until the next call that commits. */
struct commit_report {
	uint64_t sequence; /* 0: nothing was committed that anybody must hear of */
	int64_t time_ms;
	char source[SOURCE_NAME_MAX];
	enum cause cause;
	const struct figure_change *rows;
	size_t row_count;
	uint64_t refused; /* observations of the batch: their metric has too many series */
};

/* A change as ChangesSince and ListChanges give it. */
struct change_row {
	uint64_t sequence;
	int64_t time_ms;
	char source[SOURCE_NAME_MAX]; /* of the commit */
	enum cause cause;
	char figure[FIGURE_NAME_MAX];
	double old_value, new_value;
	enum strait_status status;
};

struct series {
	enum strait_granularity granularity;
	size_t count;
	int64_t *starts; /* UTC ms of each period's first day */
	double *values;
	char *letters; /* SDMX status letters; not terminated */
};
void series_done(struct series *series);

/* One period of a selection of series, as it counts now or counted on a date. */
struct point {
	int32_t day;	/* first of the period */
	double value;	/* sum; NaN when missing or suppressed */
	uint64_t count; /* observations behind it */
	enum strait_status status;
	int64_t published_at_ms;
};

/* One step of a distribution. */
struct bucket {
	double value; /* the bucket's lower bound */
	uint64_t count;
};

struct version_row {
	int64_t published_at_ms;
	double value;		   /* NaN: missing, or withdrawn */
	enum strait_status status; /* 0 = withdrawn by this release */
	char release[128];
};

struct reject_row {
	char source[SOURCE_NAME_MAX];
	char release[128];
	char place[64];
	char reason[256];
	char extract[128]; /* letters and digits masked */
	int64_t time_ms;
};

/* How far a source's content reaches and what is wrong with it; times are ms UTC, 0 = none. */
struct source_health {
	int64_t content_end_ms; /* end of the newest period that has a value (exclusive) */
	int64_t content_at_ms;	/* its age counts from here: that end, or when it was published if
				   the period was not over */
	int64_t answered_ms;	/* newest sign that the source still answers */
	int64_t since_ms;	/* configured since */
	enum strait_fault trouble; /* STRAIT_FAULT_DRIFTED or _RETIRED; 0 = none */
	char trouble_text[512];
};

/* One label filter of a query: series with this value of this key; other keys are summed over. */
struct label {
	const char *key, *value;
};

/* What a plugin declares, as main knows it (from READY, kept in the store). Owns its strings. */
struct metric_declaration {
	char *name, *unit, *title;
	enum strait_kind kind;
	enum strait_granularity granularity;
	unsigned int flags;
	char *labels[STRAIT_LABELS_MAX];
};

void metric_declaration_done(struct metric_declaration *metric);

struct figure_declaration {
	char *name, *formula, *window, *unit, *title;
};

struct check_declaration {
	char *name, *left, *right, *every, *tolerance, *title; /* texts as in checks.h */
};

struct declaration {
	char *plugin, *version, *summary;
	struct metric_declaration *metrics;
	size_t metric_count;
	struct figure_declaration *figures;
	size_t figure_count;
	struct check_declaration *checks;
	size_t check_count;
};
void declaration_done(struct declaration *declaration);
