/* SPDX-License-Identifier: MIT
 *
 * figures_private.h - a formula that is asked about many periods. What figures.c and checks.c
 * share.
 */
#pragma once

#include "figures.h"

/* One formula with its points at hand. Begin with formula, reader and fault; then figure_load(). */
struct evaluation {
	const struct formula *formula;
	const struct figure_reader *reader;
	struct figure_points points[2][FORMULA_ITEMS_MAX];
	bool any; /* some item has a point with a value */
	int32_t first_day,
		anchor; /* of all items: first point, and latest point that has a value */
	bool all_levels;
	enum strait_granularity granularity;
	struct fault *fault;
};

/* A number on its way through the formula. */
struct number {
	double value;
	enum strait_status status;
	int64_t published_at_ms;
};

int figure_load(struct evaluation *evaluation);
/* The formula over those days; NaN and missing (or suppressed) when a part has no value. */
int figure_over(struct evaluation *evaluation, struct period period, struct number *ret_number);
/* How many points have their whole period within these days, and the index of the first. */
size_t figure_points_within(const struct figure_points *points, struct period period,
			    size_t *ret_first);
