/* SPDX-License-Identifier: MIT
 *
 * store_batch.c - writing: sources and their cursor, releases, rejects, and levels with their
 * withdrawal. Main only.
 *
 * Invariant of levels: point(series, day) is the version of the newest finished release
 * (published_at, tie) that covers that period; no point when that release has no value there. This
 * holds after every transaction, whatever order releases come in.
 */
#include "store_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t store_source(struct store *store, const char *name)
{
	int64_t id = store_number(store, "SELECT id FROM source WHERE name = ?", 0, "t", name);

	if (id || store_failed(store))
		return id;
	store_run(store, "INSERT INTO source (name) VALUES (?)", "t", name);
	return store_failed(store) ? 0 : sqlite3_last_insert_rowid(store->db);
}

void store_resume(struct store *store, int64_t source, uint64_t *ret_batch, void **ret_cursor,
		  size_t *ret_size)
{
	sqlite3_stmt *row = store_sql(store, "SELECT batch, cursor FROM source WHERE id = ?");

	*ret_batch = 0;
	*ret_cursor = NULL;
	*ret_size = 0;
	store_bind(store, row, "i", source);
	if (!store_row(store, row))
		return;
	*ret_batch = (uint64_t)sqlite3_column_int64(row, 0);
	*ret_size = (size_t)sqlite3_column_bytes(row, 1);
	if (*ret_size) {
		*ret_cursor = malloc(*ret_size);
		if (*ret_cursor)
			memcpy(*ret_cursor, sqlite3_column_blob(row, 1), *ret_size);
		else
			(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
	}
	(void)sqlite3_reset(row); /* one row was wanted */
}

void store_set_cursor(struct store *store, int64_t source, uint64_t batch, const void *cursor,
		      size_t size, uint64_t accepted, uint64_t rejected, int64_t now_ms)
{
	store_step();
	store_run(
		store,
		"UPDATE source SET batch = ?, cursor = ?, accepted = accepted + ?, rejected = rejected + ?,"
		" last_read = ? WHERE id = ?",
		"ibiiii", (int64_t)batch, cursor, size, (int64_t)accepted, (int64_t)rejected,
		now_ms, source);
}

int64_t store_metric(struct store *store, const char *name)
{
	int64_t id = store_number(store, "SELECT id FROM metric WHERE name = ?", 0, "t", name);

	if (id || store_failed(store))
		return id;
	store_run(store, "INSERT INTO metric (name) VALUES (?)", "t", name);
	return store_failed(store) ? 0 : sqlite3_last_insert_rowid(store->db);
}

int64_t store_series_find(struct store *store, int64_t metric, const char *labels)
{
	return store_number(store, "SELECT id FROM series WHERE metric = ? AND labels = ?", 0, "it",
			    metric, labels);
}

uint64_t store_series_count(struct store *store, int64_t metric)
{
	return (uint64_t)store_number(store, "SELECT count(*) FROM series WHERE metric = ?", 0, "i",
				      metric);
}

int64_t store_series(struct store *store, int64_t metric, const char *labels)
{
	int64_t id = store_series_find(store, metric, labels);

	if (id || store_failed(store))
		return id;
	store_run(store, "INSERT INTO series (metric, labels) VALUES (?, ?)", "it", metric, labels);
	return store_failed(store) ? 0 : sqlite3_last_insert_rowid(store->db);
}

int64_t store_newest_series(struct store *store)
{
	return store_number(store, "SELECT max(id) FROM series", 0, "");
}

/* ── releases ──────────────────────────────────────────────────────────────────────────────── */

/* Releases of the same instant are ordered by their content, not by their arrival. */
int64_t store_tie(const uint8_t sha256[SHA256_BYTES])
{
	int64_t tie = 0;

	for (size_t i = 0; i < 7; i++)
		tie = tie << 8 | sha256[i];
	return tie;
}

static bool find_unfinished(struct store *store, int64_t source, const struct batch *batch,
			    const char *plugin_version, int64_t now_ms,
			    struct store_release *release)
{
	sqlite3_stmt *row = store_sql(
		store, "SELECT id, published_at, observations, failed, rejected FROM release"
		       " WHERE source = ? AND sha256 = ? AND complete = 0");
	int64_t published_at_ms, observations, rejected;
	bool failed;

	store_bind(store, row, "ib", source, batch->release.sha256, (size_t)SHA256_BYTES);
	if (!store_row(store, row))
		return false;
	release->id = sqlite3_column_int64(row, 0);
	published_at_ms = sqlite3_column_int64(row, 1);
	observations = sqlite3_column_int64(row, 2);
	failed = sqlite3_column_int(row, 3) != 0;
	rejected = sqlite3_column_int64(row, 4);
	(void)sqlite3_reset(row);	   /* one row was wanted */
	if (failed && batch->first == 0) { /* it could not be read before; now it can */
		store_failed_again(store, release, &batch->release, plugin_version, rejected,
				   now_ms);
		return true;
	}
	if (published_at_ms != batch->release.published_at_ms)
		(void)store_fail(store, FAULT_PROTOCOL,
				 "the publication time of '%s' changed between batches",
				 batch->release.name);
	else if ((uint64_t)observations != batch->first)
		(void)store_fail(store, FAULT_PROTOCOL,
				 "batch of '%s' starts at observation %llu, %lld are committed",
				 batch->release.name, (unsigned long long)batch->first,
				 (long long)observations);
	return true;
}

void store_sheets(const char *const *sheets, size_t count, char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		int wrote = snprintf(buffer + used, size - used, "%s%s", i ? "\n" : "", sheets[i]);

		if (wrote < 0 || (size_t)wrote >= size - used)
			return; /* places of later sheets are told by number */
		used += (size_t)wrote;
	}
}

void store_release_open(struct store *store, int64_t source, const struct batch *batch,
			const char *plugin_version, int64_t now_ms,
			struct store_release *ret_release)
{
	const struct batch_release *from = &batch->release;

	*ret_release = (struct store_release){ .source = source,
					       .published_at_ms = from->published_at_ms,
					       .tie = store_tie(from->sha256) };
	store_step();
	if (find_unfinished(store, source, batch, plugin_version, now_ms, ret_release) ||
	    store_failed(store))
		return;
	if (batch->first != 0) {
		(void)store_fail(store, FAULT_PROTOCOL,
				 "batch of '%s' goes on with a release that was not begun",
				 from->name);
		return;
	}
	store_run(
		store,
		"INSERT INTO release (source, name, dataset, url, sha256, size, offset, published_at, tie, imported_at,"
		" plugin_version, observations, accepted, rejected, complete)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0)",
		"itttbiiiiit", source, from->name, from->dataset, from->url, from->sha256,
		(size_t)SHA256_BYTES, (int64_t)from->size, (int64_t)from->offset,
		from->published_at_ms, ret_release->tie, now_ms, plugin_version);
	ret_release->id = sqlite3_last_insert_rowid(store->db);
}

void store_release_close(struct store *store, const struct store_release *release,
			 const struct batch *batch, int64_t now_ms)
{
	char sheets[STORE_SHEETS_BYTES];

	store_sheets(batch->release.sheets, batch->release.sheet_count, sheets, sizeof(sheets));
	store_step();
	store_run(
		store,
		"UPDATE release SET observations = observations + ?, accepted = accepted + ?, rejected = rejected + ?,"
		" complete = ?, sheets = ?, imported_at = ? WHERE id = ?",
		"iiiitii", (int64_t)batch->observation_count, (int64_t)batch->accepted,
		(int64_t)batch->rejected, (int64_t)batch->final, sheets, now_ms, release->id);
}

/* Whether a finished release of the same bytes is this very publication. */
static bool same_publication(const char *name, const char *kept_name, int64_t kept_published_ms)
{
	int64_t date_ms, kept_date_ms;

	if (!time_of_name(name, INT64_MAX, &date_ms) || date_ms == kept_published_ms)
		return true;
	/* Not dated by its name, so by what it says itself, which the same bytes say again. */
	return !time_of_name(kept_name, INT64_MAX, &kept_date_ms) ||
	       kept_date_ms != kept_published_ms;
}

void store_release_state(struct store *store, int64_t source, const char *name,
			 const uint8_t sha256[SHA256_BYTES], bool *ret_complete,
			 uint64_t *ret_observations, int64_t *ret_published_at_ms)
{
	sqlite3_stmt *row = store_sql(
		store, "SELECT complete, observations, name, published_at, failed FROM release"
		       " WHERE source = ? AND sha256 = ? ORDER BY complete DESC");

	*ret_complete = false;
	*ret_observations = 0;
	*ret_published_at_ms = 0;
	store_bind(store, row, "ib", source, sha256, (size_t)SHA256_BYTES);
	while (!*ret_complete && store_row(store, row)) {
		bool complete = sqlite3_column_int(row, 0) != 0;

		if (complete &&
		    !same_publication(name, store_text(row, 2), sqlite3_column_int64(row, 3)))
			continue;
		*ret_complete = complete;
		*ret_observations = (uint64_t)sqlite3_column_int64(row, 1);
		/* One that failed begins anew, and is dated anew. */
		if (!complete && !sqlite3_column_int(row, 4))
			*ret_published_at_ms = sqlite3_column_int64(row, 3);
	}
	if (row)
		(void)sqlite3_reset(row); /* may have stopped before the end */
}

void store_reject(struct store *store, const struct store_release *release,
		  const struct batch_reject *reject, int64_t now_ms)
{
	store_run(
		store,
		"INSERT INTO reject (source, release, at, reason, extract, time) VALUES (?, ?, ?, ?, ?, ?)",
		"iiitti", release->source, release->id, (int64_t)reject->at, reject->reason,
		reject->extract, now_ms);
}

/* ── levels ────────────────────────────────────────────────────────────────────────────────── */

static double value_of(const struct batch_observation *observation)
{
	return observation->status == STRAIT_MISSING || observation->status == STRAIT_SUPPRESSED
		       ? NAN
		       : observation->value;
}

void store_level_put(struct store *store, const struct store_release *release, int64_t metric,
		     int64_t series, const struct batch_observation *observation)
{
	double value = value_of(observation);

	store_run(
		store,
		"INSERT OR REPLACE INTO version (series, day, published_at, tie, release, value, status, at)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		"iiiiidii", series, (int64_t)observation->day, release->published_at_ms,
		release->tie, release->id, value, (int64_t)observation->status,
		(int64_t)observation->at);
	store_run(
		store,
		"INSERT OR REPLACE INTO unsettled (release, metric, series, day, value, status) VALUES (?, ?, ?, ?, ?, ?)",
		"iiiidi", release->id, metric, series, (int64_t)observation->day, value,
		(int64_t)observation->status);
}

static bool newer_covers(struct store *store, const struct store_release *release, int64_t metric,
			 int64_t day)
{
	return store_number(
		       store,
		       "SELECT 1 FROM coverage WHERE metric = ? AND (published_at, tie) > (?, ?)"
		       " AND first <= ? AND last >= ? LIMIT 1",
		       0, "iiiii", metric, release->published_at_ms, release->tie, day, day) != 0;
}

struct current {
	bool exists;
	double value;
	int64_t status, published_at, tie;
};

static struct current current_point(struct store *store, int64_t series, int64_t day)
{
	sqlite3_stmt *row = store_sql(store, "SELECT value, status, published_at, tie FROM point"
					     " WHERE series = ? AND day = ?");
	struct current current = { .exists = false };

	store_bind(store, row, "ii", series, day);
	if (!store_row(store, row))
		return current;
	current = (struct current){ .exists = true,
				    .value = store_real(row, 0),
				    .status = sqlite3_column_int64(row, 1),
				    .published_at = sqlite3_column_int64(row, 2),
				    .tie = sqlite3_column_int64(row, 3) };
	(void)sqlite3_reset(row); /* one row was wanted */
	return current;
}

static void settle(struct store *store, const struct store_release *release, int64_t metric,
		   int64_t series, int64_t day, double value, int64_t status,
		   struct store_effect *effect)
{
	struct current now = current_point(store, series, day);

	if (now.exists &&
	    (now.published_at > release->published_at_ms ||
	     (now.published_at == release->published_at_ms && now.tie > release->tie)))
		return;
	if (!now.exists && newer_covers(store, release, metric, day))
		return;
	if (now.exists && !value_same(now.value, value))
		effect->revised = true;
	effect->touched = true;
	store_run(
		store,
		"INSERT OR REPLACE INTO point (series, day, value, status, published_at, tie, release)"
		" VALUES (?, ?, ?, ?, ?, ?, ?)",
		"iidiiii", series, day, value, status, release->published_at_ms, release->tie,
		release->id);
}

static void withdraw(struct store *store, const struct store_release *release, int64_t metric,
		     const struct batch_coverage *coverage, struct store_effect *effect)
{
	store_run(store,
		  "DELETE FROM point WHERE series IN (SELECT id FROM series WHERE metric = ?)"
		  " AND day BETWEEN ? AND ? AND (published_at, tie) < (?, ?)",
		  "iiiii", metric, (int64_t)coverage->first, (int64_t)coverage->last,
		  release->published_at_ms, release->tie);
	if (!store_failed(store) && sqlite3_changes(store->db) > 0)
		effect->touched = effect->withdrawn = true;
}

void store_level_close(struct store *store, const struct store_release *release, int64_t metric,
		       const struct batch_coverage *coverage, struct store_effect *effect)
{
	sqlite3_stmt *row = store_sql(store, "SELECT series, day, value, status FROM unsettled"
					     " WHERE release = ? AND metric = ?");

	store_step();
	store_bind(store, row, "ii", release->id, metric);
	while (store_row(store, row))
		settle(store, release, metric, sqlite3_column_int64(row, 0),
		       sqlite3_column_int64(row, 1), store_real(row, 2),
		       sqlite3_column_int64(row, 3), effect);
	store_step();
	if (coverage) {
		withdraw(store, release, metric, coverage, effect);
		store_run(
			store,
			"INSERT OR REPLACE INTO coverage (metric, published_at, tie, release, first, last)"
			" VALUES (?, ?, ?, ?, ?, ?)",
			"iiiiii", metric, release->published_at_ms, release->tie, release->id,
			(int64_t)coverage->first, (int64_t)coverage->last);
	}
	store_run(store, "DELETE FROM unsettled WHERE release = ? AND metric = ?", "ii",
		  release->id, metric);
}
