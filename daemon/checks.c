/* SPDX-License-Identifier: MIT
 *
 * checks.c - comparing two formulas over every period that both have whole. Main process; pure.
 * Rules: checks.h.
 *
 * Invariant: the result depends on the points alone, as that of a figure does; a value that is not
 * there is never taken for zero, neither to agree nor to differ.
 */
#include "checks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "figures_private.h"

/* Sums of decimal fractions are not exact; this share of the greater side is no difference. */
#define ROUNDING 1e-12

const char *check_state_word(enum check_state state)
{
	switch (state) {
	case CHECK_MISSING:
		return "missing";
	case CHECK_AGREES:
		return "agrees";
	case CHECK_EXPLAINED:
		return "explained";
	case CHECK_OPEN:
		return "open";
	}
	return "unknown";
}

bool check_granularity_fits(enum strait_granularity points, enum strait_granularity every)
{
	if (points == STRAIT_DAY || points == every)
		return true;
	return points != STRAIT_WEEK && every != STRAIT_WEEK && points <= every;
}

/* ── what can be compared ──────────────────────────────────────────────────────────────────── */

struct comparison {
	const struct check_rule *check;
	struct evaluation sides[2];
	struct check_result result;
	struct check_row *rows;
	size_t row_count, row_max;
};

/* Points of the next item of an evaluation; NULL at the end. *at starts at 0. */
static const struct figure_points *next_points(const struct evaluation *side, size_t *at)
{
	size_t index = (*at)++;

	if (index < side->formula->counts[0])
		return &side->points[0][index];
	index -= side->formula->counts[0];
	return index < side->formula->counts[1] ? &side->points[1][index] : NULL;
}

static const char *metric_name(const struct evaluation *side, size_t at)
{
	size_t above = side->formula->counts[0];

	return at < above ? side->formula->items[0][at].metric
			  : side->formula->items[1][at - above].metric;
}

static int check_lengths(const struct comparison *comparison, struct fault *fault)
{
	for (size_t i = 0; i < 2; i++) {
		const struct evaluation *side = &comparison->sides[i];
		const struct figure_points *points;
		size_t at = 0;

		while ((points = next_points(side, &at)) != NULL)
			if (!check_granularity_fits(points->granularity, comparison->check->every))
				return fault_set(
					fault, FAULT_BAD_ARGUMENT,
					"metric '%s' has periods of %s, which do not add up to a %s; compare longer periods",
					metric_name(side, at - 1),
					granularity_duration(points->granularity),
					check_every_word(comparison->check->every));
	}
	return 0;
}

/* Narrows the range to the days from the first to the last value of the points. false: they have
   none, so nothing can be compared. */
static bool narrow(const struct figure_points *points, struct period *range, bool *bounded)
{
	size_t first = 0, end = points->count;

	while (first < end && isnan(points->items[first].value))
		first++;
	while (end > first && isnan(points->items[end - 1].value))
		end--;
	if (first == end) /* events of a kind that never happened are zero, everywhere */
		return points->kind != STRAIT_LEVEL && points->has_data && !points->count;
	if (points->items[first].day > range->first)
		range->first = points->items[first].day;
	if (granularity_last(points->granularity, points->items[end - 1].day) < range->last)
		range->last = granularity_last(points->granularity, points->items[end - 1].day);
	*bounded = true;
	return true;
}

static bool common_range(const struct comparison *comparison, struct period *ret_range)
{
	struct period range = { PERIOD_DAY_MIN, PERIOD_DAY_MAX };
	bool bounded = false;

	for (size_t i = 0; i < 2; i++) {
		const struct figure_points *points;
		size_t at = 0;

		while ((points = next_points(&comparison->sides[i], &at)) != NULL)
			if (!narrow(points, &range, &bounded))
				return false;
	}
	*ret_range = range;
	return bounded && range.first <= range.last;
}

/* A level without the first or the last part of the period; a gap between is found by the sum. */
static bool is_cut(const struct evaluation *side, struct period period)
{
	const struct figure_points *points;
	size_t at = 0;

	while ((points = next_points(side, &at)) != NULL) {
		size_t first, count;

		if (points->kind != STRAIT_LEVEL)
			continue;
		count = figure_points_within(points, period, &first);
		if (!count || points->items[first].day != period.first ||
		    granularity_last(points->granularity, points->items[first + count - 1].day) !=
			    period.last)
			return true;
	}
	return false;
}

/* ── comparing ─────────────────────────────────────────────────────────────────────────────── */

static bool within_tolerance(const struct check_rule *check, double left, double right)
{
	double greater = fmax(fabs(left), fabs(right)), allowed = check->tolerance.amount;

	if (check->tolerance.percent)
		allowed = allowed / 100 * greater;
	return fabs(left - right) <= allowed + greater * ROUNDING;
}

/* NULL = nobody has said anything about this period. */
static const char *note_of(const struct check_rule *check, struct period period)
{
	int32_t middle = period.first + (period.last - period.first) / 2;

	for (size_t i = 0; i < check->note_count; i++)
		if (check->notes[i].period.first <= middle && middle <= check->notes[i].period.last)
			return check->notes[i].text;
	return NULL;
}

static void count_period(struct comparison *comparison, struct period period,
			 const struct number numbers[2])
{
	struct check_result *result = &comparison->result;
	enum check_state state = CHECK_AGREES;
	const char *note = NULL;

	if (!result->compared++)
		result->period.last = period.last; /* from the newest to the oldest */
	result->period.first = period.first;
	for (size_t i = 0; i < 2; i++) {
		result->status = status_worse(result->status, numbers[i].status);
		if (numbers[i].published_at_ms > result->published_at_ms)
			result->published_at_ms = numbers[i].published_at_ms;
	}
	if (!within_tolerance(comparison->check, numbers[0].value, numbers[1].value)) {
		note = note_of(comparison->check, period);
		state = note ? CHECK_EXPLAINED : CHECK_OPEN;
	}
	if (state > result->state)
		result->state = state;
	if (state == CHECK_AGREES)
		return;
	if (state == CHECK_OPEN)
		result->open++;
	else
		result->explained++;
	if (comparison->row_count < comparison->row_max)
		comparison->rows[comparison->row_count++] =
			(struct check_row){ .day = period.first,
					    .left = numbers[0].value,
					    .right = numbers[1].value,
					    .state = state,
					    .note = note ? note : "" };
}

static int compare(struct comparison *comparison, struct period period)
{
	struct number numbers[2];

	for (size_t i = 0; i < 2; i++) {
		if (is_cut(&comparison->sides[i], period)) {
			comparison->result.missing++;
			return 0;
		}
		if (figure_over(&comparison->sides[i], period, &numbers[i]) < 0)
			return -1;
	}
	if (isnan(numbers[0].value) || isnan(numbers[1].value))
		comparison->result.missing++;
	else
		count_period(comparison, period, numbers);
	return 0;
}

/* From the newest period to the oldest, so that the rows that are kept are the newest. */
static int compare_all(struct comparison *comparison, struct period range)
{
	enum strait_granularity every = comparison->check->every;
	int32_t day = granularity_floor(every, range.last);

	if (granularity_last(every, day) > range.last)
		day = granularity_step(every, day, -1);
	for (; day >= range.first; day = granularity_step(every, day, -1)) {
		struct period period = { day, granularity_last(every, day) };

		if (compare(comparison, period) < 0)
			return -1;
	}
	return 0;
}

int check_evaluate(const struct check_rule *check, const struct figure_reader *reader,
		   struct check_result *ret_result, struct check_row *rows, size_t max,
		   size_t *ret_count, struct fault *fault)
{
	struct comparison comparison = {
		.check = check, .result = { .state = CHECK_MISSING }, .rows = rows, .row_max = max
	};
	const struct formula *formulas[2] = { &check->left, &check->right };
	struct period range;

	for (size_t i = 0; i < 2; i++) {
		comparison.sides[i] = (struct evaluation){ .formula = formulas[i],
							   .reader = reader,
							   .fault = fault };
		if (figure_load(&comparison.sides[i]) < 0)
			return -1;
	}
	if (check_lengths(&comparison, fault) < 0)
		return -1;
	if (common_range(&comparison, &range) && compare_all(&comparison, range) < 0)
		return -1;
	if (!comparison.result.compared)
		comparison.result.status = STRAIT_MISSING;
	*ret_result = comparison.result;
	if (ret_count)
		*ret_count = comparison.row_count;
	return 0;
}

struct figure_value check_value(const struct check_result *result)
{
	struct figure_value value = { .value = result->compared ? (double)result->open : NAN,
				      .status = result->status,
				      .published_at_ms = result->published_at_ms };

	if (result->compared)
		(void)period_format(result->period, value.period);
	return value;
}
