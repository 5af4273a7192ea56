/* SPDX-License-Identifier: MIT
 *
 * store_event.c - events: observations that add to their period, kept by release so that a
 * regenerated document takes the place of the earlier one. Main only.
 *
 * Invariant: point and spread hold the contributions of every finished release without a dataset,
 * and of the newest finished release (published_at, tie) of each dataset.
 */
#include "store_internal.h"

#include "spread.h"

/* ── distributions in SQL ──────────────────────────────────────────────────────────────────── */

/* spread_of(bucket of 2^-12, count): one bucket, of the finer ones that a store had before its
 * version 5. */
static void sql_spread_of(sqlite3_context *context, int count, sqlite3_value **values)
{
	uint8_t bytes[SPREAD_NAME_BYTES + SPREAD_COUNT_BYTES];
	struct spread_writer writer = spread_writer(bytes, sizeof(bytes));
	sqlite3_int64 values_there = sqlite3_value_int64(values[1]);
	double value = store_bucket_value(sqlite3_value_int64(values[0]));

	(void)count; /* two, as it was declared */
	if (values_there > 0)
		spread_put(&writer, spread_bucket(value), (uint64_t)values_there);
	sqlite3_result_blob(context, bytes, (int)(writer.at - bytes), SQLITE_TRANSIENT);
}

/* spread_add(left, right, sign); NULL is a distribution of nothing. */
static void sql_spread_add(sqlite3_context *context, int count, sqlite3_value **values)
{
	const void *left = sqlite3_value_blob(values[0]), *right = sqlite3_value_blob(values[1]);
	size_t left_size = (size_t)sqlite3_value_bytes(values[0]),
	       right_size = (size_t)sqlite3_value_bytes(values[1]);
	size_t room = spread_room(left_size, right_size);
	void *merged = sqlite3_malloc64(room);

	(void)count; /* three, as it was declared */
	if (!merged) {
		sqlite3_result_error_nomem(context);
		return;
	}
	sqlite3_result_blob64(context, merged,
			      spread_merge(left, left_size, right, right_size,
					   sqlite3_value_int(values[2]), merged, room),
			      sqlite3_free);
}

int store_event_functions(sqlite3 *db)
{
	const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
	int result =
		sqlite3_create_function(db, "spread_of", 2, flags, NULL, sql_spread_of, NULL, NULL);

	if (result == SQLITE_OK)
		result = sqlite3_create_function(db, "spread_add", 3, flags, NULL, sql_spread_add,
						 NULL, NULL);
	return result;
}

/* ── what a release says ───────────────────────────────────────────────────────────────────── */

void store_event_put(struct store *store, const struct store_release *release, int64_t series,
		     const struct batch_observation *observation)
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
		"INSERT INTO event (release, series, day, count, missing, provisional, estimated, micro, spread)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (release, series, day) DO UPDATE SET"
		" count = count + excluded.count, missing = missing + excluded.missing,"
		" provisional = provisional + excluded.provisional, estimated = estimated + excluded.estimated,"
		" micro = micro + excluded.micro, spread = spread_add(spread, excluded.spread, 1)",
		"iiiiiiiib", release->id, series, (int64_t)observation->day, tally.count,
		tally.missing, tally.provisional, tally.estimated, tally.micro,
		observation->spread_size ? observation->spread : "", observation->spread_size);
}

/* ── what counts ───────────────────────────────────────────────────────────────────────────── */

/* As store_tally_merge() and store_tally_status() do it for one point, for all of a release at
 * once: a huge one has tens of thousands. A sum out of range stays at its end. */
#define MERGED(column) "point." column " + excluded." column
#define STATUS_OF(count, missing, provisional, estimated)                                          \
	"CASE WHEN " missing " > 0 AND " missing " < " count " THEN 3 WHEN " missing               \
	" > 0 THEN 4 WHEN " estimated " > 0 THEN 3 WHEN " provisional " > 0 THEN 2 ELSE 1 END"
#define ADD_POINTS(sign)                                                                                       \
	"INSERT INTO point (series, day, status, published_at, count, missing, provisional,"                   \
	" estimated, micro) SELECT series, day, " STATUS_OF(                                                   \
		"count", "missing", "provisional",                                                             \
		"estimated") ", 0, " sign "count, " sign "missing, " sign "provisional, " sign                 \
			     "estimated, " sign "micro FROM event"                                             \
			     " WHERE release = ? ON CONFLICT (series, day) DO UPDATE SET status = " STATUS_OF( \
				     MERGED("count"), "(" MERGED("missing") ")",                               \
				     "(" MERGED("provisional") ")",                                            \
				     "(" MERGED(                                                               \
					     "estimated") ")") ", count = " MERGED("count") ", missing = " MERGED("missing") ", provisional = " MERGED("provisional") ", estimated = " MERGED("estimated") ", micro = max(-9223372036854775807, min(9223372036854775807, " MERGED("micro") "))"

_Static_assert(STRAIT_FINAL == 1 && STRAIT_PROVISIONAL == 2 && STRAIT_ESTIMATED == 3 &&
		       STRAIT_MISSING == 4,
	       "the numbers in STATUS_OF");

/* Which metrics the release speaks of, and whether a period of it is empty now. */
static void tell_effects(struct store *store, int64_t release, int sign,
			 struct store_effects *effects)
{
	sqlite3_stmt *row =
		store_sql(store, "SELECT s.metric, max(p.count = 0) FROM event e"
				 " JOIN series s ON s.id = e.series"
				 " JOIN point p ON p.series = e.series AND p.day = e.day"
				 " WHERE e.release = ? GROUP BY s.metric");

	store_bind(store, row, "i", release);
	while (store_row(store, row)) {
		struct store_effect *effect =
			store_effects_of(effects, sqlite3_column_int64(row, 0));

		effect->touched = effect->unlisted = true;
		if (sign < 0)
			effect->revised = true;
		if (sign < 0 && sqlite3_column_int(row, 1))
			effect->withdrawn = true; /* may be filled again by the same batch: the
						     ledger looks at the values */
	}
}

static void apply_release(struct store *store, int64_t release, int sign,
			  struct store_effects *effects)
{
	store_run(store, sign > 0 ? ADD_POINTS("") : ADD_POINTS("-"), "i", release);
	tell_effects(store, release, sign, effects);
	store_run(store,
		  "INSERT INTO spread (series, day, buckets)"
		  " SELECT series, day, CASE WHEN ?1 > 0 THEN spread ELSE x'' END FROM event"
		  " WHERE release = ?2 AND length(spread) > 0"
		  " ON CONFLICT (series, day) DO UPDATE SET buckets = spread_add(buckets,"
		  " (SELECT e.spread FROM event e WHERE e.release = ?2 AND e.series = spread.series"
		  " AND e.day = spread.day), ?1)",
		  "ii", (int64_t)sign, release);
	if (sign < 0)
		store_run(store,
			  "DELETE FROM spread WHERE length(buckets) = 0 AND (series, day) IN"
			  " (SELECT series, day FROM event WHERE release = ?)",
			  "i", release);
}

/* A period is as new as the newest release that speaks of it, also one that came late and does not
 * count. */
static void touch_periods(struct store *store, const struct store_release *release)
{
	store_run(
		store,
		"INSERT INTO point (series, day, status, published_at, count)"
		" SELECT series, day, 0, ?, 0 FROM event WHERE release = ? ON CONFLICT (series, day)"
		" DO UPDATE SET published_at = max(published_at, excluded.published_at)",
		"ii", release->published_at_ms, release->id);
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
