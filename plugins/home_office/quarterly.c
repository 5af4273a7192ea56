/* SPDX-License-Identifier: MIT
 *
 * quarterly.c - the quarterly irregular-migration data sets: irr_d01 (detections by method of
 * entry) and irr_d03 (outcomes of the asylum claims of small-boat arrivals). Worker process only.
 *
 * The sets have a row for each nationality, sex, age group and so on; here they are summed by
 * quarter and label, and handed over at the end of the document. Invariant: a sum that misses a
 * part is marked as estimated. Must never keep or hand over the other columns: groups of one person
 * are among them.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strait/date.h"

#include "home_office.h"

#define QUARTERS_MAX (200 * 4) /* from the first quarter of FIRST_YEAR */
#define LABELS_MAX   32u
#define LABEL_BYTES  (STRAIT_LABEL_MAX_BYTES + 1)
#define SUM_MAX	     (INT64_C(1) << 50)

struct sum {
	int64_t count;
	uint64_t at; /* of the first row in it */
	bool seen;
	bool counted; /* at least one row of it had a value */
	bool partial; /* a row of it had none */
};

/* The sums of one metric. */
struct totals {
	char labels[LABELS_MAX][LABEL_BYTES];
	unsigned int label_count;
	bool quarter_seen[QUARTERS_MAX];
	uint64_t headers[QUARTERS_MAX]; /* where the header above its first row is: says what was
					   looked for, for labels without a row */
	bool doubtful;			/* something was rejected */
	struct sum sums[QUARTERS_MAX][LABELS_MAX];
};

struct quarterly {
	struct totals detections, outcomes;
};

enum detections_column { D_METHOD = 0, D_VALUE, D_DATE, D_YEAR, D_QUARTER };
enum outcomes_column { O_GROUP = 0, O_VALUE, O_DATE, O_YEAR, O_QUARTER, O_OUTCOME };
/* Both shapes have these three in the same places. */
enum {
	COLUMN_VALUE = D_VALUE,
	COLUMN_DATE = D_DATE,
	COLUMN_YEAR = D_YEAR,
	COLUMN_QUARTER = D_QUARTER
};

static const struct {
	const char *text, *label;
} methods[] = {
	{ "Small boat arrivals", "small_boats" },
	{ "Inadequately documented air arrivals", "air" },
	{ "Recorded detections at UK ports", "ports" },
	{ "Recorded detections in the UK", "uk" },
};

/* Every outcome that can come; each quarter of the set gets all of them. */
static const char *const outcomes[] = { "protection", "other_leave",	"refused", "ineligible",
					"withdrawn",  "administrative", "awaiting" };

static const struct {
	const char *group, *label;
} groups[] = {
	{ "Grant of Protection", "protection" },
	{ "Grant of Other Leave", "other_leave" },
	{ "Refused", "refused" },
	{ "Withdrawn", "withdrawn" },
	{ "Administrative Outcome", "administrative" },
	{ "Awaiting initial decision", "awaiting" },
};

/* Refusals without a look at the claim: another country is held to be responsible. */
static const char *const ineligible_words[] = { "3rd country", "third country", "inadmissib",
						"ineligib" };

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static int prepare(struct reading *reading)
{
	if (!reading->quarterly)
		reading->quarterly = calloc(1, sizeof(*reading->quarterly));
	return reading->quarterly
		       ? 0
		       : strait_fail(reading->source, STRAIT_FAULT_TRANSIENT, "out of memory");
}

struct quarterly *quarterly_free(struct quarterly *quarterly)
{
	free(quarterly);
	return NULL;
}

/* ── quarters ────────────────────────────────────────────────────────────────────────────────── */

/* "2023 Q3", "2023Q3", "2023-Q3" */
static bool parse_year_quarter(const char *text, int *ret_year, int *ret_quarter)
{
	int year = 0;

	text += strspn(text, " ");
	for (int i = 0; i < 4; i++, text++) {
		if (*text < '0' || *text > '9')
			return false;
		year = year * 10 + (*text - '0');
	}
	text += strspn(text, " -");
	if ((text[0] != 'Q' && text[0] != 'q') || text[1] < '1' || text[1] > '4' ||
	    text[2 + strspn(text + 2, " ")])
		return false;
	*ret_year = year;
	*ret_quarter = text[1] - '0';
	return true;
}

static bool parse_quarter(const struct table_cell *cell, int *ret_quarter)
{
	int64_t number;
	struct table_cell without = *cell;

	if (cell->type == TABLE_TEXT && (*cell->text == 'Q' || *cell->text == 'q'))
		without.text++;
	if (table_count(&without, 5, &number) != TABLE_COUNT)
		return false;
	*ret_quarter = (int)number;
	return true;
}

/* Year and quarter where the row has them, else the quarter that its date falls in (the sets have
   first days and last days of quarters there). */
static bool quarter_of_row(const struct reading *reading, const struct table_row *row,
			   int *ret_year, int *ret_quarter)
{
	const struct table_cell *quarter = reading_cell(reading, row, COLUMN_QUARTER);
	const struct table_cell *date = reading_cell(reading, row, COLUMN_DATE);
	int64_t year;
	int32_t day;
	int month, day_of_month;

	if (parse_year_quarter(quarter->text, ret_year, ret_quarter))
		return true;
	if (table_count(reading_cell(reading, row, COLUMN_YEAR), 10000, &year) == TABLE_COUNT &&
	    parse_quarter(quarter, ret_quarter)) {
		*ret_year = (int)year;
		return true;
	}
	if (date->type == TABLE_TEXT && parse_year_quarter(date->text, ret_year, ret_quarter))
		return true;
	if (!table_day(date, &day))
		return false;
	strait_date(day, ret_year, &month, &day_of_month);
	*ret_quarter = (month - 1) / 3 + 1;
	return true;
}

/* Index from the first quarter of FIRST_YEAR, or -1 with a reject. */
static int quarter_index(struct reading *reading, const struct table_row *row)
{
	int place = reading->columns[COLUMN_QUARTER] >= 0 ? COLUMN_QUARTER : COLUMN_DATE;
	int year, quarter, index;

	if (!quarter_of_row(reading, row, &year, &quarter) || quarter < 1 || quarter > 4) {
		reading_reject(reading, row, (unsigned int)place,
			       "no quarter; it is told by 'Year' and 'Quarter' (1 to 4, or '2023 "
			       "Q3'), or by 'Date'");
		return -1;
	}
	index = (year - FIRST_YEAR) * 4 + quarter - 1;
	if (year < FIRST_YEAR || index >= QUARTERS_MAX ||
	    strait_day(year, quarter * 3 - 2, 1) > reading->last_day) {
		reading_reject(reading, row, (unsigned int)place, "%d Q%d is %s", year, quarter,
			       year < FIRST_YEAR ? "before this series began"
						 : "after the document was published");
		return -1;
	}
	return index;
}

/* ── sums ────────────────────────────────────────────────────────────────────────────────────── */

/* Index of the label, made if it is new; -1 = there are too many. */
static int label_index(struct totals *totals, const char *label)
{
	for (unsigned int i = 0; i < totals->label_count; i++)
		if (strcmp(totals->labels[i], label) == 0)
			return (int)i;
	if (totals->label_count == LABELS_MAX)
		return -1;
	(void)snprintf(totals->labels[totals->label_count], LABEL_BYTES, "%s", label);
	return (int)totals->label_count++;
}

static void add(struct reading *reading, struct totals *totals, const struct table_row *row,
		const char *label)
{
	int quarter = quarter_index(reading, row);
	int index = quarter < 0 ? -1 : label_index(totals, label);
	int64_t count = 0;
	struct sum *sum;

	if (index < 0) {
		totals->doubtful = true;
		if (quarter >= 0)
			reading_reject(reading, row, 0,
				       "more than %u different kinds in one data set", LABELS_MAX);
		return;
	}
	sum = &totals->sums[quarter][index];
	if (!totals->quarter_seen[quarter]) {
		totals->quarter_seen[quarter] = true;
		totals->headers[quarter] = reading->header_at;
	}
	if (!sum->seen) {
		sum->seen = true;
		sum->at = table_at(row, reading->columns[COLUMN_VALUE]);
	}
	switch (table_count(reading_cell(reading, row, COLUMN_VALUE), COUNT_LIMIT, &count)) {
	case TABLE_COUNT:
		sum->count += sum->count < SUM_MAX ? count : 0;
		sum->counted = true;
		break;
	case TABLE_MISSING:
		sum->partial = true;
		break;
	case TABLE_UNREADABLE:
		sum->partial = true;
		totals->doubtful = true;
		reading_reject(reading, row, COLUMN_VALUE, "not a whole number from 0 to %lld",
			       (long long)COUNT_LIMIT - 1);
		break;
	}
}

static enum strait_status status_of(const struct sum *sum)
{
	if (!sum->partial)
		return STRAIT_FINAL;
	return sum->counted ? STRAIT_ESTIMATED : STRAIT_MISSING;
}

/* Every label in every quarter of the set: in a cross table, a combination without a row is one
 * that did not occur. */
static int emit_totals(struct reading *reading, const struct totals *totals, uint32_t metric)
{
	int first = INT_MAX, last = -1;

	for (int quarter = 0; quarter < QUARTERS_MAX; quarter++) {
		int32_t day = strait_day(FIRST_YEAR + quarter / 4, quarter % 4 * 3 + 1, 1);

		if (!totals->quarter_seen[quarter])
			continue;
		first = quarter < first ? quarter : first;
		last = quarter;
		for (unsigned int i = 0; i < totals->label_count; i++) {
			const struct sum *sum = &totals->sums[quarter][i];
			int result = reading_emit(
				reading,
				&(struct strait_observation){
					.struct_size = sizeof(struct strait_observation),
					.metric = metric,
					.labels = { totals->labels[i] },
					.day = day,
					.status = status_of(sum),
					.value = (double)sum->count,
					.at = sum->seen ? sum->at : totals->headers[quarter],
				});

			if (result)
				return result;
		}
	}
	if (last >= 0 && !totals->doubtful &&
	    !reading->torn) /* the last day is the one before the next quarter begins */
		strait_document_covers(
			reading->document, metric,
			strait_day(FIRST_YEAR + first / 4, first % 4 * 3 + 1, 1),
			strait_day(FIRST_YEAR + (last + 1) / 4, (last + 1) % 4 * 3 + 1, 1) - 1);
	return 0;
}

/* ── detections ──────────────────────────────────────────────────────────────────────────────── */

/* "Recorded detections in the UK (72 hours)" → "recorded_detections_in_the_uk_72_hours" */
static void slug(const char *text, char label[LABEL_BYTES])
{
	size_t used = 0;
	bool gap = false;

	for (; *text && used + 2 < LABEL_BYTES; text++) {
		char c = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
			if (gap && used)
				label[used++] = '_';
			label[used++] = c;
			gap = false;
		} else {
			gap = true;
		}
	}
	label[used] = '\0';
}

static int detections_row(struct reading *reading, const struct table_row *row)
{
	const struct table_cell *method = reading_cell(reading, row, D_METHOD);
	char label[LABEL_BYTES];
	int result = prepare(reading);

	if (result || table_is_remark(row))
		return result;
	slug(method->type == TABLE_TEXT ? method->text : "", label);
	for (size_t i = 0; i < COUNT_OF(methods); i++)
		if (table_name_equals(method->text, methods[i].text))
			(void)snprintf(label, sizeof(label), "%s", methods[i].label);
	if (*label) {
		add(reading, &reading->quarterly->detections, row, label);
	} else {
		reading_reject(reading, row, D_METHOD, "no method of entry");
		reading->quarterly->detections.doubtful = true;
	}
	return 0;
}

static int detections_finish(struct reading *reading)
{
	return reading->quarterly
		       ? emit_totals(reading, &reading->quarterly->detections, METRIC_DETECTIONS)
		       : 0;
}

/* ── asylum outcomes ─────────────────────────────────────────────────────────────────────────── */

static const char *outcome_of(const char *group, const char *outcome)
{
	for (size_t i = 0; i < COUNT_OF(groups); i++) {
		if (!table_name_equals(group, groups[i].group))
			continue;
		for (size_t w = 0; w < COUNT_OF(ineligible_words); w++)
			if (strcmp(groups[i].label, "refused") == 0 &&
			    strcasestr(outcome, ineligible_words[w]))
				return "ineligible";
		return groups[i].label;
	}
	return NULL;
}

static void reject_group(struct reading *reading, const struct table_row *row)
{
	char known[256];
	size_t used = 0;

	for (size_t i = 0; i < COUNT_OF(groups); i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s'%s'",
					 i ? ", " : "", groups[i].group);
	reading_reject(reading, row, O_GROUP, "no outcome group that is known: %s", known);
}

static int outcomes_row(struct reading *reading, const struct table_row *row)
{
	const char *label;
	int result = prepare(reading);

	if (result || table_is_remark(row))
		return result;
	if (reading->quarterly->outcomes.label_count == 0)
		for (size_t i = 0; i < COUNT_OF(outcomes); i++)
			(void)label_index(&reading->quarterly->outcomes, outcomes[i]);
	label = outcome_of(reading_cell(reading, row, O_GROUP)->text,
			   reading_cell(reading, row, O_OUTCOME)->text);
	if (label) {
		add(reading, &reading->quarterly->outcomes, row, label);
	} else {
		reject_group(reading, row);
		reading->quarterly->outcomes.doubtful = true;
	}
	return 0;
}

static int outcomes_finish(struct reading *reading)
{
	return reading->quarterly
		       ? emit_totals(reading, &reading->quarterly->outcomes, METRIC_OUTCOMES)
		       : 0;
}

const struct shape shape_detections = {
	.title = "detections by method of entry",
	.dataset = "detections",
	.columns = {
		[D_METHOD] = { { "Method of entry" }, NEED_REQUIRED },
		[D_VALUE] = { { "Number of detections", "Detections", "Number of arrivals", "Arrivals" }, NEED_REQUIRED },
		[D_DATE] = { { "Date" }, NEED_OPTIONAL },
		[D_YEAR] = { { "Year" }, NEED_OPTIONAL },
		[D_QUARTER] = { { "Quarter" }, NEED_OPTIONAL },
	},
	.row = detections_row,
	.finish = detections_finish,
};

const struct shape shape_outcomes = {
	.title = "outcomes of asylum claims",
	.dataset = "asylum-outcomes",
	.columns = {
		[O_GROUP] = { { "Asylum case outcome group", "Case outcome group", "Outcome group" }, NEED_REQUIRED },
		[O_VALUE] = { { "Decisions", "Outcomes", "Number of decisions", "Number of outcomes", "Claims",
				"Applications" }, NEED_REQUIRED },
		[O_DATE] = { { "Date" }, NEED_OPTIONAL },
		[O_YEAR] = { { "Year" }, NEED_OPTIONAL },
		[O_QUARTER] = { { "Quarter" }, NEED_OPTIONAL },
		[O_OUTCOME] = { { "Asylum case outcome", "Case outcome", "Outcome" }, NEED_OPTIONAL },
	},
	.row = outcomes_row,
	.finish = outcomes_finish,
};
