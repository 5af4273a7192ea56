/* SPDX-License-Identifier: MIT
 *
 * figures.c - evaluating a formula over a window. Main process; pure. Rules: figures.h.
 *
 * Invariant: the result depends on the points alone; no clock, no store, no order of arrival.
 */
#include "figures_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strait/date.h"

static struct number missing_number(void)
{
	return (struct number){ .value = NAN, .status = STRAIT_MISSING };
}

/* Index of the first point on or after a day. */
static size_t lower_bound(const struct figure_points *points, int32_t day)
{
	size_t low = 0, high = points->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (points->items[middle].day < day)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t figure_points_within(const struct figure_points *points, struct period period,
			    size_t *ret_first)
{
	size_t first = lower_bound(points, period.first),
	       end = lower_bound(points, period.last + 1);

	while (end > first &&
	       granularity_last(points->granularity, points->items[end - 1].day) > period.last)
		end--;
	*ret_first = first;
	return end - first;
}

/* A level must have every period between its first and its last one within the window. */
static bool has_gap(const struct figure_points *points, size_t first, size_t count)
{
	for (size_t i = first + 1; i < first + count; i++)
		if (granularity_step(points->granularity, points->items[i - 1].day, 1) !=
		    points->items[i].day)
			return true;
	return false;
}

static struct number combine_points(const struct figure_points *points, struct period period,
				    enum formula_function function)
{
	size_t first, count = figure_points_within(points, period, &first), with_value = 0;
	struct number result = { .value = 0, .status = 0 };
	double greatest = -INFINITY;
	uint64_t observations = 0;

	if (!points->has_data ||
	    (points->kind == STRAIT_LEVEL && (!count || has_gap(points, first, count))))
		return missing_number();
	for (size_t i = first; i < first + count; i++) {
		const struct point *point = &points->items[i];

		result.value += point->value;
		result.status = status_worse(result.status, point->status);
		observations += point->count;
		if (point->published_at_ms > result.published_at_ms)
			result.published_at_ms = point->published_at_ms;
		if (isnan(point->value))
			continue;
		with_value++;
		if (point->value > greatest)
			greatest = point->value;
	}
	if (!result.status)
		result.status = STRAIT_FINAL; /* nothing happened: zero */
	if (function == FORMULA_COUNT) {
		result.value =
			points->kind == STRAIT_LEVEL ? (double)with_value : (double)observations;
		result.status = with_value < count ? STRAIT_ESTIMATED : result.status;
	} else if (function == FORMULA_MAX) {
		result.value = with_value ? greatest : NAN;
		if (with_value && result.status == STRAIT_MISSING)
			result.status = STRAIT_ESTIMATED; /* the missing one may be greater */
	} else if (function == FORMULA_MEAN) {
		uint64_t over = points->is_distribution ? observations : count;

		result.value = over ? result.value / (double)over : NAN;
	}
	return result;
}

/* The p-th percentile as the value at rank p/100 * (n - 1), between two ranks by a straight line
   (Hyndman and Fan 1996, type 7); so the 50th of an even number is the mean of the middle two. */
static double percentile_of(const struct bucket *buckets, size_t bucket_count, uint64_t total,
			    double percent)
{
	double rank = percent / 100 * (double)(total - 1), below = floor(rank), low = NAN;
	uint64_t seen = 0;

	for (size_t i = 0; i < bucket_count; i++) {
		seen += buckets[i].count;
		if (isnan(low) && (double)seen > below)
			low = buckets[i].value;
		if ((double)seen > below + 1 || (!isnan(low) && (rank == below || seen == total)))
			return low + (buckets[i].value - low) * (rank - below);
	}
	return low;
}

static int distribution(struct evaluation *evaluation, const struct formula_item *item,
			const struct figure_points *points, struct period period,
			struct number *ret_number)
{
	struct bucket *buckets;
	uint64_t total = 0, below = 0;
	size_t count;

	*ret_number = combine_points(points, period, FORMULA_SUM);
	if (ret_number->status == STRAIT_MISSING)
		return 0;
	if (!points->is_distribution)
		return fault_set(evaluation->fault, FAULT_BAD_ARGUMENT,
				 "metric '%s' is not kept as a distribution", item->metric);
	if (evaluation->reader->buckets(evaluation->reader->context, item, period.first,
					period.last, &buckets, &count, evaluation->fault) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		total += buckets[i].count;
		if (buckets[i].value <= item->argument)
			below += buckets[i].count;
	}
	if (item->function == FORMULA_BELOW)
		ret_number->value = (double)below;
	else if (total)
		ret_number->value = percentile_of(buckets, count, total, item->argument);
	else
		*ret_number = missing_number();
	free(buckets);
	return 0;
}

static int32_t year_before(int32_t day)
{
	int year, month, day_of_month;

	strait_date(day, &year, &month, &day_of_month);
	if (month == 2 && day_of_month == 29)
		day_of_month = 28;
	return strait_day(year - 1, month, day_of_month);
}

struct period figure_year_before(struct period period)
{
	return (struct period){ .first = year_before(period.first),
				.last = year_before(period.last) };
}

static struct number change_of(const struct figure_points *points, struct period period)
{
	struct period before = figure_year_before(period);
	struct number now = combine_points(points, period, FORMULA_SUM), then;

	if (!points->count || points->items[0].day > before.first)
		return missing_number();
	then = combine_points(points, before, FORMULA_SUM);
	if (isnan(now.value) || isnan(then.value) || then.value == 0)
		return missing_number();
	now.value = (now.value - then.value) / then.value;
	now.status = status_worse(now.status, then.status);
	return now;
}

static int item_value(struct evaluation *evaluation, const struct formula_item *item,
		      const struct figure_points *points, struct period period,
		      struct number *ret_number)
{
	switch (item->function) {
	case FORMULA_SUM:
	case FORMULA_COUNT:
	case FORMULA_MAX:
	case FORMULA_MEAN:
		*ret_number = combine_points(points, period, item->function);
		return 0;
	case FORMULA_PERCENTILE:
	case FORMULA_BELOW:
		return distribution(evaluation, item, points, period, ret_number);
	case FORMULA_CHANGE:
		*ret_number = change_of(points, period);
		return 0;
	}
	return fault_set(evaluation->fault, FAULT_BUG, "formula without a function");
}

int figure_over(struct evaluation *evaluation, struct period period, struct number *ret_number)
{
	struct number sides[2] = { 0 };

	for (size_t side = 0; side < 2; side++) {
		for (size_t i = 0; i < evaluation->formula->counts[side]; i++) {
			struct number number = missing_number();

			if (item_value(evaluation, &evaluation->formula->items[side][i],
				       &evaluation->points[side][i], period, &number) < 0)
				return -1;
			sides[side].value += number.value;
			sides[side].status = status_worse(sides[side].status, number.status);
			if (number.published_at_ms > sides[side].published_at_ms)
				sides[side].published_at_ms = number.published_at_ms;
		}
	}
	*ret_number = sides[0];
	if (evaluation->formula->counts[1]) {
		ret_number->value = sides[1].value != 0 ? sides[0].value / sides[1].value : NAN;
		ret_number->status = status_worse(sides[0].status, sides[1].status);
		if (sides[1].published_at_ms > ret_number->published_at_ms)
			ret_number->published_at_ms = sides[1].published_at_ms;
	}
	if (ret_number->status == STRAIT_MISSING || ret_number->status == STRAIT_SUPPRESSED)
		ret_number->value = NAN;
	else if (isnan(ret_number->value))
		ret_number->status = STRAIT_MISSING; /* over zero, or of nothing */
	return 0;
}

static void widen(struct evaluation *evaluation, int32_t first_day, int32_t last_day)
{
	if (!evaluation->any || last_day > evaluation->anchor)
		evaluation->anchor = last_day;
	if (!evaluation->any || first_day < evaluation->first_day)
		evaluation->first_day = first_day;
	evaluation->any = true;
}

static void look_at(struct evaluation *evaluation, const struct figure_points *points)
{
	if (points->kind != STRAIT_LEVEL)
		evaluation->all_levels = false;
	if (!evaluation->granularity)
		evaluation->granularity = points->granularity;
	/* No referral was refused, but there are referrals: the answer is zero, over the days that
	 * there are. */
	if (!points->count && points->has_data && points->kind != STRAIT_LEVEL)
		widen(evaluation, points->first_day, points->last_day);
	for (size_t i = points->count; i > 0; i--) {
		if (isnan(points->items[i - 1].value))
			continue;
		widen(evaluation, points->items[0].day, points->items[i - 1].day);
		return;
	}
}

int figure_load(struct evaluation *evaluation)
{
	evaluation->all_levels = true;
	for (size_t side = 0; side < 2; side++) {
		for (size_t i = 0; i < evaluation->formula->counts[side]; i++) {
			if (evaluation->reader->points(evaluation->reader->context,
						       &evaluation->formula->items[side][i],
						       &evaluation->points[side][i],
						       evaluation->fault) < 0)
				return -1;
			look_at(evaluation, &evaluation->points[side][i]);
		}
	}
	return 0;
}

static struct period single(const struct evaluation *evaluation, int32_t day)
{
	return (struct period){ .first = granularity_floor(evaluation->granularity, day),
				.last = granularity_last(evaluation->granularity, day) };
}

/* The days that a window means, given the latest period that has a value. */
static struct period window_period(const struct evaluation *evaluation, const struct window *window)
{
	int32_t last = granularity_last(evaluation->granularity, evaluation->anchor);

	switch (window->kind) {
	case WINDOW_LATEST:
	case WINDOW_RECORD:
		return single(evaluation, evaluation->anchor);
	case WINDOW_PREVIOUS:
		return single(evaluation,
			      granularity_step(evaluation->granularity, evaluation->anchor, -1));
	case WINDOW_LAST_7_DAYS:
		return (struct period){ last - 6, last };
	case WINDOW_LAST_28_DAYS:
		return (struct period){ last - 27, last };
	case WINDOW_MONTH_TO_DATE:
		return (struct period){ granularity_floor(STRAIT_MONTH, last), last };
	case WINDOW_YEAR_TO_DATE:
		return (struct period){ granularity_floor(STRAIT_YEAR, last), last };
	case WINDOW_TOTAL:
		return (struct period){ evaluation->first_day, last };
	case WINDOW_FIXED:
		return window->fixed;
	}
	return window->fixed;
}

/* The part of a period that the data can speak about: it is what the figure's period says. */
static struct period clip(const struct evaluation *evaluation, struct period period)
{
	struct period clipped = period;
	int32_t last = granularity_last(evaluation->granularity, evaluation->anchor);

	if (clipped.last > last)
		clipped.last = last;
	if (evaluation->all_levels && clipped.first < evaluation->first_day)
		clipped.first = evaluation->first_day;
	return clipped.first <= clipped.last ? clipped : period;
}

/* The greatest period, the earliest of equals. */
static int record_of(struct evaluation *evaluation, struct number *ret_number,
		     struct period *ret_period)
{
	const struct figure_points *points = &evaluation->points[0][0];
	bool found = false;

	for (size_t i = 0; i < points->count; i++) {
		struct period period = single(evaluation, points->items[i].day);
		struct number number;

		if (figure_over(evaluation, period, &number) < 0)
			return -1;
		if (isnan(number.value) || (found && number.value <= ret_number->value))
			continue;
		*ret_number = number;
		*ret_period = period;
		found = true;
	}
	if (!found)
		*ret_number = missing_number();
	return 0;
}

int figure_evaluate(const struct formula *formula, const struct window *window,
		    const struct figure_reader *reader, struct figure_value *ret_value,
		    struct fault *fault)
{
	struct evaluation evaluation = { .formula = formula, .reader = reader, .fault = fault };
	struct number number = missing_number();
	struct period period = window->fixed;

	if (figure_load(&evaluation) < 0)
		return -1;
	if (evaluation.any) {
		period = window_period(&evaluation, window);
		if (window->kind == WINDOW_RECORD) {
			if (record_of(&evaluation, &number, &period) < 0)
				return -1;
		} else {
			period = clip(&evaluation, period);
			if (period.last < evaluation.first_day ||
			    period.first >
				    granularity_last(evaluation.granularity, evaluation.anchor))
				number = missing_number(); /* before or after all that is known */
			else if (figure_over(&evaluation, period, &number) < 0)
				return -1;
		}
	}
	*ret_value = (struct figure_value){ .value = number.value,
					    .status = number.status,
					    .published_at_ms = number.published_at_ms };
	if (evaluation.any || window->kind == WINDOW_FIXED)
		(void)period_format(period, ret_value->period);
	return 0;
}
