/* SPDX-License-Identifier: MIT
 *
 * spread_pool.h - the distributions of one batch while it is being collected: every observation has
 * buckets that count up. Worker only; all memory is taken once.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SPREAD_POOL_BUCKETS (1u << 17) /* of all observations together */
#define SPREAD_POOL_SLOTS   (2u * SPREAD_POOL_BUCKETS)

struct spread_pool_entry {
	uint32_t observation, bucket;
	uint32_t next; /* of the same observation; index + 1, 0 = none */
	uint32_t count;
};

struct spread_pool {
	struct spread_pool_entry *entries; /* SPREAD_POOL_BUCKETS */
	uint32_t *slots;		   /* SPREAD_POOL_SLOTS; index + 1; 0 = free */
	uint64_t *used;			   /* scratch of encoding: a bit for each bucket */
	uint32_t *counts;		   /* scratch: by bucket */
	size_t count;
};

/* NULL when out of memory. */
struct spread_pool *spread_pool_new(void);
struct spread_pool *spread_pool_free(struct spread_pool *pool);
void spread_pool_clear(struct spread_pool *pool);

static inline size_t spread_pool_room(const struct spread_pool *pool)
{
	return SPREAD_POOL_BUCKETS - pool->count;
}

/* Counts values of an observation in a bucket. *head is the observation's list, 0 at its
   beginning. There must be room. Returns how many bytes the encoded batch grows, at most. */
static inline size_t spread_pool_add(struct spread_pool *pool, uint32_t *head, uint32_t observation,
				     uint32_t bucket, uint32_t count);
/* Writes an observation's buckets as spread.h has them; returns the size, at most what the adds
   announced. */
size_t spread_pool_encode(struct spread_pool *pool, uint32_t head, void *buffer, size_t size);

/* ── inline: once for every value ── */

#define SPREAD_POOL_FACTOR UINT64_C(0x9e3779b97f4a7c15) /* 2^64 / golden ratio: spreads keys */
#define SPREAD_POOL_NEW_BYTES                                                                      \
	4u /* of a bucket that was not there: name and a count of one byte                         \
	    */

static inline size_t spread_pool_grow(uint32_t before, uint32_t count)
{
	size_t bytes = 0;

	for (unsigned int bits = 7; bits < 32; bits += 7)
		bytes += (uint64_t)before >> bits == 0 && ((uint64_t)before + count) >> bits != 0;
	return bytes;
}

static inline size_t spread_pool_add(struct spread_pool *pool, uint32_t *head, uint32_t observation,
				     uint32_t bucket, uint32_t count)
{
	uint64_t key = (uint64_t)observation << 32 | bucket;
	size_t slot = (size_t)((key * SPREAD_POOL_FACTOR) >> 46);
	uint32_t index;

	_Static_assert(SPREAD_POOL_SLOTS == UINT32_C(1) << (64 - 46), "the shift gives a slot");
	while ((index = pool->slots[slot]) != 0) {
		struct spread_pool_entry *entry = &pool->entries[index - 1];

		if (entry->bucket == bucket && entry->observation == observation) {
			uint32_t before = entry->count;

			entry->count += count;
			/* the usual case first: one more of a few */
			return entry->count < 128 ? 0 : spread_pool_grow(before, count);
		}
		slot = (slot + 1) % SPREAD_POOL_SLOTS;
	}
	pool->entries[pool->count] = (struct spread_pool_entry){
		.observation = observation, .bucket = bucket, .next = *head, .count = count
	};
	pool->slots[slot] = *head = (uint32_t)++pool->count;
	return SPREAD_POOL_NEW_BYTES + spread_pool_grow(0, count);
}
