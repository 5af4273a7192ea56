/* SPDX-License-Identifier: MIT
 *
 * store_sums.c - what the records of one batch change, added up in memory: each period and each
 * bucket is written once, however many records are about it. Main only.
 *
 * Invariant: after store_sums_write() the tables are as if each part had been added or taken back
 * by itself.
 */
#include "store_sums.h"

#include <stdlib.h>
#include <string.h>

/* ── a table of places ─────────────────────────────────────────────────────────────────────── */

static uint64_t mix(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t hash = (a * UINT64_C(0x9e3779b97f4a7c15)) ^ (b * UINT64_C(0xc2b2ae3d27d4eb4f)) ^
			(c * UINT64_C(0x165667b19e3779f9));

	return hash ^ hash >> 29;
}

static uint64_t period_hash(const struct store_sums *sums, size_t item)
{
	const struct store_period_sum *period = &sums->periods[item];

	return mix((uint64_t)period->series, (uint32_t)period->day, 0);
}

static uint64_t bucket_hash(const struct store_sums *sums, size_t item)
{
	const struct store_bucket_sum *bucket = &sums->buckets[item];

	return mix((uint64_t)bucket->series, (uint32_t)bucket->day, (uint64_t)bucket->bucket);
}

typedef uint64_t hash_fn(const struct store_sums *sums, size_t item);

/* Room for one more, at most half full. false: out of memory. */
static bool make_room(const struct store_sums *sums, struct store_slots *slots, size_t count,
		      hash_fn *hash_of)
{
	size_t size = slots->size ? slots->size * 2 : 1024;
	uint32_t *places;

	if (slots->size && count < slots->size / 2)
		return true;
	places = calloc(size, sizeof(*places));
	if (!places)
		return false;
	for (size_t i = 0; i < count; i++) {
		size_t at = hash_of(sums, i) & (size - 1);

		while (places[at])
			at = (at + 1) & (size - 1);
		places[at] = (uint32_t)i + 1;
	}
	free(slots->places);
	slots->places = places;
	slots->size = size;
	return true;
}

static struct store_period_sum *period_of(struct store *store, struct store_sums *sums,
					  const struct store_part *part)
{
	size_t at;

	if (!make_room(sums, &sums->period_slots, sums->period_count, period_hash) ||
	    !STORE_GROW(sums->periods, sums->period_count, sums->period_capacity)) {
		(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
		return NULL;
	}
	at = mix((uint64_t)part->series, (uint32_t)part->day, 0) & (sums->period_slots.size - 1);
	while (sums->period_slots.places[at]) {
		struct store_period_sum *period = &sums->periods[sums->period_slots.places[at] - 1];

		if (period->series == part->series && period->day == part->day)
			return period;
		at = (at + 1) & (sums->period_slots.size - 1);
	}
	sums->periods[sums->period_count] = (struct store_period_sum){ .series = part->series,
								       .day = part->day,
								       .metric = part->metric };
	sums->period_slots.places[at] = (uint32_t)++sums->period_count;
	return &sums->periods[sums->period_count - 1];
}

static void add_to_bucket(struct store *store, struct store_sums *sums,
			  const struct store_bucket_sum *more)
{
	size_t at;

	if (!make_room(sums, &sums->bucket_slots, sums->bucket_count, bucket_hash) ||
	    !STORE_GROW(sums->buckets, sums->bucket_count, sums->bucket_capacity)) {
		(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
		return;
	}
	at = mix((uint64_t)more->series, (uint32_t)more->day, (uint64_t)more->bucket) &
	     (sums->bucket_slots.size - 1);
	while (sums->bucket_slots.places[at]) {
		struct store_bucket_sum *bucket = &sums->buckets[sums->bucket_slots.places[at] - 1];

		if (bucket->series == more->series && bucket->day == more->day &&
		    bucket->bucket == more->bucket) {
			bucket->count += more->count;
			return;
		}
		at = (at + 1) & (sums->bucket_slots.size - 1);
	}
	sums->buckets[sums->bucket_count] = *more;
	sums->bucket_slots.places[at] = (uint32_t)++sums->bucket_count;
}

/* ── adding up ─────────────────────────────────────────────────────────────────────────────── */

void store_sums_add(struct store *store, struct store_sums *sums, const struct store_part *part,
		    int sign)
{
	struct store_period_sum *period = period_of(store, sums, part);

	if (!period)
		return;
	store_tally_add(&period->delta, part->value, part->status, sign);
	period->counts = true;
	if (part->distribution && part->status != STRAIT_MISSING &&
	    part->status != STRAIT_SUPPRESSED)
		add_to_bucket(store, sums,
			      &(struct store_bucket_sum){ .series = part->series,
							  .bucket = store_bucket_of(part->value),
							  .count = sign,
							  .day = part->day });
}

void store_sums_count(struct store *store, struct store_sums *sums, int64_t bucket, int64_t count)
{
	add_to_bucket(store, sums, &(struct store_bucket_sum){ .bucket = bucket, .count = count });
}

void store_sums_touch(struct store *store, struct store_sums *sums, const struct store_part *part,
		      int64_t known_at_ms)
{
	struct store_period_sum *period = period_of(store, sums, part);

	if (!period)
		return;
	if (!period->touched || known_at_ms > period->known_at_ms)
		period->known_at_ms = known_at_ms;
	period->touched = true;
}

/* ── writing ───────────────────────────────────────────────────────────────────────────────── */

static int compare_periods(const void *a, const void *b)
{
	const struct store_period_sum *left = a, *right = b;

	if (left->series != right->series)
		return left->series < right->series ? -1 : 1;
	return (left->day > right->day) - (left->day < right->day);
}

static int compare_buckets(const void *a, const void *b)
{
	const struct store_bucket_sum *left = a, *right = b;

	if (left->series != right->series)
		return left->series < right->series ? -1 : 1;
	if (left->day != right->day)
		return left->day < right->day ? -1 : 1;
	return (left->bucket > right->bucket) - (left->bucket < right->bucket);
}

void store_sums_write(struct store *store, struct store_sums *sums, struct store_effects *effects)
{
	if (sums->period_count)
		qsort(sums->periods, sums->period_count, sizeof(sums->periods[0]), compare_periods);
	for (size_t i = 0; i < sums->period_count && !store_failed(store); i++) {
		const struct store_period_sum *period = &sums->periods[i];
		/* also of a metric of which only dates moved: they are kept too */
		struct store_effect *effect = store_effects_of(effects, period->metric);

		if (period->counts)
			store_point_add(store, period->series, period->day, &period->delta, effect);
		if (period->touched)
			store_point_touch(store, period->series, period->day, period->known_at_ms);
	}
	store_step();
	if (sums->bucket_count)
		qsort(sums->buckets, sums->bucket_count, sizeof(sums->buckets[0]), compare_buckets);
	for (size_t i = 0; i < sums->bucket_count && !store_failed(store); i++) {
		const struct store_bucket_sum *bucket = &sums->buckets[i];

		if (bucket->count)
			store_bucket_add(store, bucket->series, bucket->day, bucket->bucket,
					 bucket->count);
	}
	store_effects_done(effects);
	effects->periods = sums->periods;
	effects->period_count = sums->period_count;
	effects->buckets = sums->buckets;
	effects->bucket_count = sums->bucket_count;
	sums->periods = NULL;
	sums->buckets = NULL;
	store_sums_done(sums);
}

void store_effects_done(struct store_effects *effects)
{
	free(effects->periods);
	free(effects->buckets);
	effects->periods = NULL;
	effects->buckets = NULL;
	effects->period_count = effects->bucket_count = 0;
}

void store_sums_done(struct store_sums *sums)
{
	free(sums->periods);
	free(sums->period_slots.places);
	free(sums->buckets);
	free(sums->bucket_slots.places);
	*sums = (struct store_sums){ 0 };
}
