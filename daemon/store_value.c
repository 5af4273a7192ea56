/* SPDX-License-Identifier: MIT
 *
 * store_value.c - tallies, points and distribution buckets: how contributions add up and are taken
 * back. Main only.
 *
 * Invariant: adding and taking back in any order gives the same rows; hence integers only.
 */
#include "store_internal.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MICRO	  1e6
#define MICRO_MAX 9e18 /* fits an int64_t; nothing of sense comes near it */

/* A bucket holds the values that share sign, exponent and the 12 leading bits of the fraction of an
   IEEE 754 double, that is a relative width of 2^-12 = 0.024 %. It is named by those leading bits,
   which order like the values. Whole numbers up to 8,192 and their halves, quarters … are lower
   bounds, so they come back exactly. Values below zero count as zero. */
#define BUCKET_SHIFT 40

int64_t store_bucket_of(double value)
{
	uint64_t bits;

	if (!(value > 0))
		return 0;
	memcpy(&bits, &value, sizeof(bits));
	return (int64_t)(bits >> BUCKET_SHIFT);
}

double store_bucket_value(int64_t bucket)
{
	uint64_t bits = (uint64_t)bucket << BUCKET_SHIFT;
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* A sum that is out of range stays at its end: wrong, but no other sum's business. */
static int64_t sum_of(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return a < 0 ? -INT64_MAX : INT64_MAX;
	return sum;
}

static int64_t micro_of(double value)
{
	return llround(fmin(fmax(value * MICRO, -MICRO_MAX), MICRO_MAX));
}

void store_tally_add(struct store_tally *tally, double value, uint8_t status, int sign)
{
	tally->count += sign;
	if (status == STRAIT_MISSING || status == STRAIT_SUPPRESSED)
		tally->missing += sign;
	else
		tally->micro = sum_of(tally->micro, sign * micro_of(value));
	if (status == STRAIT_PROVISIONAL)
		tally->provisional += sign;
	if (status == STRAIT_ESTIMATED)
		tally->estimated += sign;
}

void store_tally_merge(struct store_tally *tally, const struct store_tally *other)
{
	tally->count += other->count;
	tally->missing += other->missing;
	tally->provisional += other->provisional;
	tally->estimated += other->estimated;
	tally->micro = sum_of(tally->micro, other->micro);
}

enum strait_status store_tally_status(const struct store_tally *tally)
{
	if (tally->missing > 0)
		return tally->missing < tally->count ? STRAIT_ESTIMATED : STRAIT_MISSING;
	if (tally->estimated > 0)
		return STRAIT_ESTIMATED;
	return tally->provisional > 0 ? STRAIT_PROVISIONAL : STRAIT_FINAL;
}

double store_tally_value(const struct store_tally *tally)
{
	return store_tally_status(tally) == STRAIT_MISSING ? NAN : (double)tally->micro / MICRO;
}

static struct store_tally read_point(struct store *store, int64_t series, int32_t day)
{
	sqlite3_stmt *row = store_sql(store, "SELECT count, missing, provisional, estimated, micro"
					     " FROM point WHERE series = ? AND day = ?");
	struct store_tally tally = { 0 };

	store_bind(store, row, "ii", series, (int64_t)day);
	if (!store_row(store, row))
		return tally;
	tally.count = sqlite3_column_int64(row, 0);
	tally.missing = sqlite3_column_int64(row, 1);
	tally.provisional = sqlite3_column_int64(row, 2);
	tally.estimated = sqlite3_column_int64(row, 3);
	tally.micro = sqlite3_column_int64(row, 4);
	(void)sqlite3_reset(row); /* one row was wanted */
	return tally;
}

void store_point_add(struct store *store, int64_t series, int32_t day,
		     const struct store_tally *delta, struct store_effect *effect)
{
	struct store_tally tally = read_point(store, series, day);

	if (tally.count > 0 && tally.count + delta->count == 0)
		effect->withdrawn = true; /* may be filled again by the same batch: the ledger looks
					     at the values */
	store_tally_merge(&tally, delta);
	effect->touched = true;
	store_run(
		store,
		"INSERT INTO point (series, day, status, published_at, count, missing, provisional, estimated, micro)"
		" VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?) ON CONFLICT (series, day) DO UPDATE SET"
		" status = excluded.status, count = excluded.count, missing = excluded.missing,"
		" provisional = excluded.provisional, estimated = excluded.estimated, micro = excluded.micro",
		"iiiiiiii", series, (int64_t)day, (int64_t)store_tally_status(&tally), tally.count,
		tally.missing, tally.provisional, tally.estimated, tally.micro);
}

void store_point_touch(struct store *store, int64_t series, int32_t day, int64_t published_at_ms)
{
	store_run(
		store,
		"INSERT INTO point (series, day, status, published_at, count) VALUES (?, ?, 0, ?, 0)"
		" ON CONFLICT (series, day) DO UPDATE SET published_at = max(published_at, excluded.published_at)",
		"iii", series, (int64_t)day, published_at_ms);
}

void store_bucket_add(struct store *store, int64_t series, int32_t day, int64_t bucket,
		      int64_t count)
{
	store_run(store,
		  "INSERT INTO bucket (series, day, bucket, count) VALUES (?, ?, ?, ?)"
		  " ON CONFLICT (series, day, bucket) DO UPDATE SET count = count + excluded.count",
		  "iiii", series, (int64_t)day, bucket, count);
	if (count < 0)
		store_run(
			store,
			"DELETE FROM bucket WHERE series = ? AND day = ? AND bucket = ? AND count = 0",
			"iii", series, (int64_t)day, bucket);
}

bool store_grow(void **list, size_t item_bytes, size_t *capacity)
{
	size_t wanted = *capacity ? *capacity * 2 : 64;
	void *grown;

	if (wanted > SIZE_MAX / item_bytes)
		return false;
	grown = realloc(*list, wanted * item_bytes);
	if (!grown)
		return false;
	*list = grown;
	*capacity = wanted;
	return true;
}

struct store_effect *store_effects_of(struct store_effects *effects, int64_t metric)
{
	for (size_t i = 0; i < effects->count; i++)
		if (effects->items[i].metric == metric)
			return &effects->items[i].effect;
	if (effects->count == sizeof(effects->items) / sizeof(effects->items[0]))
		return &effects->items[effects->count - 1]
				.effect; /* cannot be; better told under a wrong metric than not */
	effects->items[effects->count].metric = metric;
	effects->items[effects->count].effect = (struct store_effect){ 0 };
	return &effects->items[effects->count++].effect;
}
