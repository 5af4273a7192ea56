/* SPDX-License-Identifier: MIT
 *
 * bulk.h - rows of a log whose lines are final (`identity = none`): no identity is kept, so they
 * add up like events, many in one call of the host.
 */
#pragma once

#include "log_rows.h"
#include "strait/plugin.h"

#define BULK_PLATFORMS_MAX 1024u
#define BULK_ADDENDS	   512u
#define BULK_DATE_BYTES	   10u /* YYYY-MM-DD */

enum bulk_series {
	BULK_PENDING,
	BULK_BLOCKED,
	BULK_REFUSED,
	BULK_HOURS,
	BULK_SERIES,
};

/* A platform as it is spelt in the log. */
struct bulk_platform {
	size_t size; /* 0 = free */
	char text[STRAIT_LABEL_MAX_BYTES];
	uint32_t series[BULK_SERIES];
};

struct bulk_date {
	char text[BULK_DATE_BYTES];
	int64_t ms;
};

struct bulk {
	uint32_t accounts, hours; /* metrics */
	size_t platform_count;
	struct bulk_platform platforms[2 * BULK_PLATFORMS_MAX]; /* by hash of the spelling */
	struct bulk_date submitted, responded;			/* the last ones */
	size_t count;
	struct strait_addend addends[BULK_ADDENDS];
};

/* NULL when out of memory. */
struct bulk *bulk_new(uint32_t accounts_metric, uint32_t hours_metric);
/* One row: 0, or a negative number for the callback to return. */
int bulk_row(struct bulk *bulk, struct strait_source *source, const struct log_field *fields,
	     uint64_t at, const char *raw, size_t raw_size);
/* Hands over what is still held; to be called at the end of every callback. */
int bulk_flush(struct bulk *bulk, struct strait_source *source);
