/* SPDX-License-Identifier: MIT
 *
 * store_event.c - events: observations that add to their period, kept by release so that a
 * regenerated document takes the place of the earlier one. Main only.
 *
 * Invariant: point and bucket hold the contributions of every finished release without a dataset,
 * and of the newest finished release (published_at, tie) of each dataset.
 */
#include "store_internal.h"

void store_event_put(struct store *store, const struct store_release *release, int64_t series,
		     bool distribution, const struct batch_observation *observation)
{
	struct store_tally tally = { 0 };

	store_tally_add(&tally, observation->value, observation->status, 1);
	/* The worker adds events up: one value, many observations. */
	if (observation->count > 1) {
		tally.count *= observation->count;
		tally.missing *= observation->count;
		tally.provisional *= observation->count;
		tally.estimated *= observation->count;
	}
	store_run(
		store,
		"INSERT INTO event (release, series, day, count, missing, provisional, estimated, micro)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (release, series, day) DO UPDATE SET"
		" count = count + excluded.count, missing = missing + excluded.missing,"
		" provisional = provisional + excluded.provisional, estimated = estimated + excluded.estimated,"
		" micro = micro + excluded.micro",
		"iiiiiiii", release->id, series, (int64_t)observation->day, tally.count,
		tally.missing, tally.provisional, tally.estimated, tally.micro);
	if (distribution && !tally.missing)
		store_run(
			store,
			"INSERT INTO event_bucket (release, series, day, bucket, count) VALUES (?, ?, ?, ?, 1)"
			" ON CONFLICT (release, series, day, bucket) DO UPDATE SET count = count + 1",
			"iiii", release->id, series, (int64_t)observation->day,
			store_bucket_of(observation->value));
}

static void apply_release(struct store *store, int64_t release, int sign,
			  struct store_effects *effects)
{
	sqlite3_stmt *row = store_sql(
		store, "SELECT e.series, e.day, e.count, e.missing, e.provisional, e.estimated,"
		       " e.micro, s.metric FROM event e JOIN series s ON s.id = e.series"
		       " WHERE e.release = ?");

	store_bind(store, row, "i", release);
	while (store_row(store, row)) {
		struct store_effect *effect =
			store_effects_of(effects, sqlite3_column_int64(row, 7));
		struct store_tally delta = { .count = sign * sqlite3_column_int64(row, 2),
					     .missing = sign * sqlite3_column_int64(row, 3),
					     .provisional = sign * sqlite3_column_int64(row, 4),
					     .estimated = sign * sqlite3_column_int64(row, 5),
					     .micro = sign * sqlite3_column_int64(row, 6) };

		if (sign < 0)
			effect->revised = true;
		store_point_add(store, sqlite3_column_int64(row, 0), sqlite3_column_int(row, 1),
				&delta, effect);
	}
	store_run(store,
		  "INSERT INTO bucket (series, day, bucket, count)"
		  " SELECT series, day, bucket, ? * count FROM event_bucket WHERE release = ?"
		  " ON CONFLICT (series, day, bucket) DO UPDATE SET count = count + excluded.count",
		  "ii", (int64_t)sign, release);
	if (sign < 0)
		store_run(store,
			  "DELETE FROM bucket WHERE count = 0 AND (series, day, bucket) IN"
			  " (SELECT series, day, bucket FROM event_bucket WHERE release = ?)",
			  "i", release);
}

/* A period is as new as the newest release that speaks of it, also one that came late and does not
 * count. */
static void touch_periods(struct store *store, const struct store_release *release)
{
	sqlite3_stmt *row = store_sql(store, "SELECT series, day FROM event WHERE release = ?");

	store_bind(store, row, "i", release->id);
	while (store_row(store, row))
		store_point_touch(store, sqlite3_column_int64(row, 0), sqlite3_column_int(row, 1),
				  release->published_at_ms);
}

void store_event_close(struct store *store, const struct store_release *release,
		       const char *dataset, struct store_effects *effects)
{
	int64_t previous = 0, previous_at = 0, previous_tie = 0;

	store_step();
	touch_periods(store, release);
	if (dataset[0]) {
		sqlite3_stmt *row = store_sql(
			store, "SELECT id, published_at, tie FROM release WHERE source = ?"
			       " AND dataset = ? AND complete = 1 AND id <> ?"
			       " ORDER BY published_at DESC, tie DESC LIMIT 1");

		store_bind(store, row, "iti", release->source, dataset, release->id);
		if (store_row(store, row)) {
			previous = sqlite3_column_int64(row, 0);
			previous_at = sqlite3_column_int64(row, 1);
			previous_tie = sqlite3_column_int64(row, 2);
			(void)sqlite3_reset(row); /* one row was wanted */
		}
	}
	if (previous && (previous_at > release->published_at_ms ||
			 (previous_at == release->published_at_ms && previous_tie > release->tie)))
		return; /* came late: the newer one counts */
	if (previous)
		apply_release(store, previous, -1, effects);
	apply_release(store, release->id, 1, effects);
}
