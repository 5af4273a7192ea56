/* SPDX-License-Identifier: MIT
 *
 * figures.h - the arithmetic of figures: a formula over a window of points. Main only; pure: it
 * sees points through a reader and does not know whether they are today's or those known on some
 * date.
 *
 * Rules (docs/ARCHITECTURE.md, "How status flows"): windows end at the latest period that has a
 * value. A sum over a level with a missing period in it, also one that is not there between the
 * first and the last, is missing. A period of events or records without observations is zero. A
 * ratio with a missing part, or over zero, is missing. Otherwise the status is the worst of the
 * parts.
 */
#pragma once

#include "fault.h"
#include "formula.h"
#include "model.h"

struct figure_points {
	enum strait_kind kind;
	enum strait_granularity granularity;
	bool is_distribution;
	bool has_data; /* the metric has points, with these labels or others */
	/* first and newest day of the metric whatever the labels; used when count is 0 */
	int32_t first_day, last_day;
	const struct point *items; /* by day, oldest first */
	size_t count;
};

struct figure_reader {
	void *context;
	/* All points of an item's series; valid until the evaluation ends. FAULT_NO_SUCH_METRIC. */
	int (*points)(void *context, const struct formula_item *item,
		      struct figure_points *ret_points, struct fault *fault);
	/* Distribution over the days, by value; freed by the caller. */
	int (*buckets)(void *context, const struct formula_item *item, int32_t first, int32_t last,
		       struct bucket **ret_buckets, size_t *ret_count, struct fault *fault);
};

/* ret_value->unit is left empty. */
int figure_evaluate(const struct formula *formula, const struct window *window,
		    const struct figure_reader *reader, struct figure_value *ret_value,
		    struct fault *fault);
/* The same days a year before, as FORMULA_CHANGE compares them; 29 February becomes the 28th. */
struct period figure_year_before(struct period period);
