/* SPDX-License-Identifier: MIT
 *
 * store_sums.h - what one batch of records changes, added up before it is written.
 */
#pragma once

#include "store_internal.h"

/* Open addressing; a place is an index + 1, 0 = free. size: a power of two. */
struct store_slots {
	uint32_t *places;
	size_t size;
};

struct store_sums {
	struct store_period_sum *periods;
	size_t period_count, period_capacity;
	struct store_slots period_slots;
	struct store_bucket_sum *buckets;
	size_t bucket_count, bucket_capacity;
	struct store_slots bucket_slots;
};

/* A part begins (sign 1) or ends (-1) to count. */
void store_sums_add(struct store *store, struct store_sums *sums, const struct store_part *part,
		    int sign);
/* So many more in a bucket, of no series and no day: a distribution over all of them. */
void store_sums_count(struct store *store, struct store_sums *sums, int64_t bucket, int64_t count);
/* The period was spoken of at that time. */
void store_sums_touch(struct store *store, struct store_sums *sums, const struct store_part *part,
		      int64_t known_at_ms);
/* Writes them in order, and hands the lists over to the effects, in the place of what is there. */
void store_sums_write(struct store *store, struct store_sums *sums, struct store_effects *effects);
void store_sums_done(struct store_sums *sums);
