/* SPDX-License-Identifier: MIT
 *
 * count.h - what the plugins of this folder have in common: one metric, one figure, and one way to
 * count a row.
 */
#pragma once

#include "strait/date.h"
#include "strait/plugin.h"

static const struct strait_metric count_metrics[] = {
	{ .name = "test.count",
	  .unit = "rows",
	  .title = "Rows",
	  .kind = STRAIT_EVENT,
	  .granularity = STRAIT_DAY },
	{ .name = NULL },
};

static const struct strait_figure count_figures[] = {
	{ "test.count.total", "test.count", "total", "rows", "Rows ever" },
	{ .name = NULL },
};

static inline int count_row(struct strait_source *source, uint64_t at)
{
	struct strait_observation row = { .struct_size = sizeof(row),
					  .day = strait_day(2026, 1, 1),
					  .value = 1,
					  .at = strait_at_offset(at) };

	return strait_emit(source, &row);
}
