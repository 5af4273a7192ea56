/* SPDX-License-Identifier: MIT
 *
 * spread_pool.c - collects the distributions of a batch, see the header. Worker only; owns one
 * table and its entries. Invariant: an entry is in the table and in its observation's list. Must
 * never allocate after spread_pool_new().
 */
#include "spread_pool.h"

#include <stdlib.h>
#include <string.h>

#include "spread.h"

#define WORD_BITS	   64u
#define CLEARED_ONE_BY_ONE (SPREAD_POOL_SLOTS / 64u)

struct spread_pool *spread_pool_new(void)
{
	struct spread_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->entries = calloc(SPREAD_POOL_BUCKETS, sizeof(*pool->entries));
	pool->slots = calloc(SPREAD_POOL_SLOTS, sizeof(*pool->slots));
	pool->used = calloc(SPREAD_BUCKETS / WORD_BITS, sizeof(*pool->used));
	pool->counts = calloc(SPREAD_BUCKETS, sizeof(*pool->counts));
	if (!pool->entries || !pool->slots || !pool->used || !pool->counts)
		return spread_pool_free(pool);
	return pool;
}

struct spread_pool *spread_pool_free(struct spread_pool *pool)
{
	if (!pool)
		return NULL;
	free(pool->entries);
	free(pool->slots);
	free(pool->used);
	free(pool->counts);
	free(pool);
	return NULL;
}

/* A small batch must not pay for the whole table. */
void spread_pool_clear(struct spread_pool *pool)
{
	if (pool->count > CLEARED_ONE_BY_ONE) {
		memset(pool->slots, 0, SPREAD_POOL_SLOTS * sizeof(*pool->slots));
	} else {
		for (size_t i = 0; i < pool->count; i++) {
			const struct spread_pool_entry *entry = &pool->entries[i];
			uint64_t key = (uint64_t)entry->observation << 32 | entry->bucket;
			size_t slot = (size_t)((key * SPREAD_POOL_FACTOR) >> 46);

			/* All go: nobody looks for one that stood behind another. */
			while (pool->slots[slot] != i + 1)
				slot = (slot + 1) % SPREAD_POOL_SLOTS;
			pool->slots[slot] = 0;
		}
	}
	pool->count = 0;
}

size_t spread_pool_encode(struct spread_pool *pool, uint32_t head, void *buffer, size_t size)
{
	struct spread_writer out = spread_writer(buffer, size);
	uint32_t low = SPREAD_BUCKETS / WORD_BITS, high = 0;

	for (uint32_t index = head; index; index = pool->entries[index - 1].next) {
		const struct spread_pool_entry *entry = &pool->entries[index - 1];
		uint32_t word = entry->bucket / WORD_BITS;

		pool->used[word] |= UINT64_C(1) << entry->bucket % WORD_BITS;
		pool->counts[entry->bucket] = entry->count;
		low = word < low ? word : low;
		high = word > high ? word : high;
	}
	for (uint32_t word = low; word <= high; word++) {
		for (uint64_t bits = pool->used[word]; bits; bits &= bits - 1) {
			uint32_t bucket = word * WORD_BITS + (uint32_t)__builtin_ctzll(bits);

			spread_put(&out, bucket, pool->counts[bucket]);
		}
		pool->used[word] = 0;
	}
	return (size_t)(out.at - (uint8_t *)buffer);
}
