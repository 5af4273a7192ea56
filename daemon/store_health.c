/* SPDX-License-Identifier: MIT
 *
 * store_health.c - how a source is: how far its content reaches, what is wrong with it, and the
 * documents that could not be read, with their rejects. Main only.
 *
 * Invariant: nothing that a failed document said is kept but its rejects, and those are there, and
 * counted, once, however often it is read again. Content moves forward only; an older release that
 * comes late leaves it where it is.
 */
#include "store_internal.h"

#include <stdio.h>
#include <string.h>

/* ── the row of a source ───────────────────────────────────────────────────────────────────── */

/* A later publication has content that nothing published up to the trouble had. Told from the
   publications alone, so the order in which the documents came does not matter. */
#define TROUBLE_IS_OVER                                                                                   \
	" EXISTS (SELECT 1 FROM release r WHERE r.source = source.id AND r.complete = 1"                  \
	" AND r.published_at > source.trouble_at AND r.content_end > coalesce((SELECT max(e.content_end)" \
	" FROM release e WHERE e.source = source.id AND e.complete = 1"                                   \
	" AND e.published_at <= source.trouble_at), 0))"

void store_totals(struct store *store, int64_t source, struct store_totals *ret_totals)
{
	sqlite3_stmt *row = store_sql(
		store, "SELECT accepted, rejected, last_read, content_end, content_at, answered_at,"
		       " since, CASE WHEN" TROUBLE_IS_OVER
		       " THEN 0 ELSE trouble END, trouble_text FROM source WHERE id = ?");

	*ret_totals = (struct store_totals){ 0 };
	store_bind(store, row, "i", source);
	if (!store_row(store, row))
		return;
	*ret_totals = (struct store_totals){
		.accepted = (uint64_t)sqlite3_column_int64(row, 0),
		.rejected = (uint64_t)sqlite3_column_int64(row, 1),
		.last_read_ms = sqlite3_column_int64(row, 2),
		.health = { .content_end_ms = sqlite3_column_int64(row, 3),
			    .content_at_ms = sqlite3_column_int64(row, 4),
			    .answered_ms = sqlite3_column_int64(row, 5),
			    .since_ms = sqlite3_column_int64(row, 6),
			    .trouble = (enum strait_fault)sqlite3_column_int(row, 7) },
	};
	if (ret_totals->health.trouble)
		(void)snprintf(ret_totals->health.trouble_text,
			       sizeof(ret_totals->health.trouble_text), "%s", store_text(row, 8));
	(void)sqlite3_reset(row); /* one row was wanted */
}

void store_newest_release(struct store *store, int64_t source, struct store_newest *ret_newest)
{
	sqlite3_stmt *row = store_sql(
		store,
		"SELECT name, published_at, sha256 FROM release WHERE source = ? AND complete = 1"
		" ORDER BY published_at DESC, tie DESC LIMIT 1");

	*ret_newest = (struct store_newest){ 0 };
	store_bind(store, row, "i", source);
	if (!store_row(store, row))
		return;
	(void)snprintf(ret_newest->name, sizeof(ret_newest->name), "%s", store_text(row, 0));
	ret_newest->published_at_ms = sqlite3_column_int64(row, 1);
	if (sqlite3_column_bytes(row, 2) == SHA256_BYTES)
		memcpy(ret_newest->sha256, sqlite3_column_blob(row, 2), SHA256_BYTES);
	(void)sqlite3_reset(row); /* one row was wanted */
}

void store_known_since(struct store *store, int64_t source, int64_t now_ms)
{
	store_run(store, "UPDATE source SET since = ? WHERE id = ? AND since = 0", "ii", now_ms,
		  source);
}

/* ── content ───────────────────────────────────────────────────────────────────────────────── */

void store_content_put(struct store *store, const struct store_release *release, int64_t end_ms)
{
	store_run(store, "UPDATE release SET content_end = max(content_end, ?) WHERE id = ?", "ii",
		  end_ms, release->id);
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void store_content_close(struct store *store, const struct store_release *release, bool adds_up,
			 int64_t now_ms)
{
	int64_t end_ms = store_number(store, "SELECT content_end FROM release WHERE id = ?", 0, "i",
				      release->id);
	int64_t before_ms = store_number(store, "SELECT content_end FROM source WHERE id = ?", 0,
					 "i", release->source);
	int64_t at_ms = smaller(smaller(end_ms, release->published_at_ms), now_ms);

	store_run(store, "UPDATE source SET answered_at = max(answered_at, ?) WHERE id = ?", "ii",
		  smaller(release->published_at_ms, now_ms), release->source);
	if (!end_ms || end_ms < before_ms)
		return;
	if (end_ms > before_ms)
		store_run(store, "UPDATE source SET content_end = ?, content_at = ? WHERE id = ?",
			  "iii", end_ms, at_ms, release->source);
	else if (adds_up)
		store_run(store, "UPDATE source SET content_at = max(content_at, ?) WHERE id = ?",
			  "ii", at_ms, release->source);
	else
		store_run(store, "UPDATE source SET content_at = min(content_at, ?) WHERE id = ?",
			  "ii", at_ms, release->source);
}

void store_answered(struct store *store, int64_t source, const uint8_t sha256[SHA256_BYTES],
		    int64_t now_ms)
{
	store_run(store,
		  "UPDATE source SET answered_at = max(answered_at, ?) WHERE id = ? AND EXISTS"
		  " (SELECT 1 FROM release r WHERE r.source = source.id AND r.sha256 = ?"
		  " AND r.complete = 1 AND r.content_end >= source.content_end)",
		  "iib", now_ms, source, sha256, (size_t)SHA256_BYTES);
}

/* ── documents that cannot be read ─────────────────────────────────────────────────────────── */

/* What was kept of a release that will not be finished. Its records stay: each is true or replaced
 * by itself, whatever became of the rest. */
static void take_back(struct store *store, int64_t release)
{
	store_step();
	store_run(store,
		  "DELETE FROM version WHERE release = ?1 AND (series, day) IN"
		  " (SELECT series, day FROM unsettled WHERE release = ?1)",
		  "i", release);
	store_run(store, "DELETE FROM unsettled WHERE release = ?", "i", release);
	store_run(store, "DELETE FROM event WHERE release = ?", "i", release);
	store_step();
}

/* The counters of a source without what this release added to them. */
static void uncount(struct store *store, int64_t source, int64_t accepted, int64_t rejected)
{
	store_run(store,
		  "UPDATE source SET accepted = max(accepted - ?, 0),"
		  " rejected = max(rejected - ?, 0) WHERE id = ?",
		  "iii", accepted, rejected, source);
}

static void drop_rejects(struct store *store, int64_t source, int64_t release)
{
	store_run(store, "DELETE FROM reject WHERE source = ? AND release = ?", "ii", source,
		  release);
}

void store_failed_again(struct store *store, const struct store_release *release,
			const struct batch_release *from, const char *plugin_version,
			int64_t rejected, int64_t now_ms)
{
	uncount(store, release->source, 0, rejected);
	drop_rejects(store, release->source, release->id);
	store_run(
		store,
		"UPDATE release SET failed = 0, rejected = 0, name = ?, dataset = ?, url = ?, size = ?,"
		" published_at = ?, plugin_version = ?, imported_at = ? WHERE id = ?",
		"tttiitii", from->name, from->dataset, from->url, (int64_t)from->size,
		from->published_at_ms, plugin_version, now_ms, release->id);
}

/* The row of the failed document: of an earlier failure, of what is half imported, or new. Rejects
 * of an earlier failure are taken back; *ret_rejected is what is counted of it besides. */
static struct store_release open_failed(struct store *store, int64_t source,
					const struct failed_document *document, int64_t now_ms,
					int64_t *ret_rejected)
{
	sqlite3_stmt *row = store_sql(store, "SELECT id, failed, accepted, rejected FROM release"
					     " WHERE source = ? AND sha256 = ? AND complete = 0");
	struct store_release release = { .source = source };

	*ret_rejected = 0;
	store_bind(store, row, "ib", source, document->sha256, (size_t)SHA256_BYTES);
	if (store_row(store, row)) {
		bool failed = sqlite3_column_int(row, 1) != 0;
		int64_t accepted = sqlite3_column_int64(row, 2);
		int64_t rejected = sqlite3_column_int64(row, 3);

		release.id = sqlite3_column_int64(row, 0);
		(void)sqlite3_reset(row); /* one row was wanted */
		if (failed && document->unread) {
			*ret_rejected = rejected;
		} else if (failed) {
			uncount(store, source, 0, rejected);
			drop_rejects(store, source, release.id);
		} else {
			uncount(store, source, accepted, 0);
			*ret_rejected = rejected;
		}
		take_back(store, release.id);
		return release;
	}
	store_run(
		store,
		"INSERT INTO release (source, name, dataset, url, sha256, size, offset, published_at, tie,"
		" imported_at, plugin_version, observations, accepted, rejected, complete)"
		" VALUES (?, ?, '', '', ?, ?, 0, ?, ?, ?, '', 0, 0, 0, 0)",
		"itbiiii", source, document->name, document->sha256, (size_t)SHA256_BYTES,
		(int64_t)document->size, now_ms, store_tie(document->sha256), now_ms);
	release.id = sqlite3_last_insert_rowid(store->db);
	return release;
}

static void keep_failed(struct store *store, int64_t source, const struct failed_document *document,
			int64_t now_ms)
{
	char sheets[STORE_SHEETS_BYTES];
	int64_t counted;
	struct store_release release = open_failed(store, source, document, now_ms, &counted);
	int64_t rejected =
		(int64_t)document->rejected > counted ? (int64_t)document->rejected : counted;

	store_sheets(document->sheets, document->sheet_count, sheets, sizeof(sheets));
	if (document->unread)
		store_run(
			store,
			"UPDATE release SET failed = 1, observations = 0, accepted = 0, content_end = 0,"
			" rejected = ?, name = ?, imported_at = ? WHERE id = ?",
			"itii", rejected, document->name, now_ms, release.id);
	else
		store_run(
			store,
			"UPDATE release SET failed = 1, observations = 0, accepted = 0, content_end = 0,"
			" rejected = ?, name = ?, imported_at = ?, sheets = ? WHERE id = ?",
			"ititi", rejected, document->name, now_ms, sheets, release.id);
	for (size_t i = 0; i < document->reject_count; i++)
		store_reject(store, &release, &document->rejects[i], now_ms);
	store_run(store, "UPDATE source SET rejected = rejected + ? WHERE id = ?", "ii",
		  rejected - counted, source);
}

/* A page of another shape is as old as it says. One that says that it is given up says so whenever
   it is read: only what is published after that shows that its source goes on. */
static void keep_trouble(struct store *store, int64_t source,
			 const struct failed_document *document, int64_t now_ms)
{
	bool as_it_says = document->class_ == STRAIT_FAULT_DRIFTED && document->published_at_ms;

	store_run(
		store,
		"UPDATE source SET trouble = ?1, trouble_text = ?2, trouble_at = ?3 WHERE id = ?4 AND ?3 >= trouble_at",
		"itii", (int64_t)document->class_, document->reason,
		as_it_says ? document->published_at_ms : now_ms, source);
	store_run(store, "UPDATE source SET answered_at = max(answered_at, ?) WHERE id = ?", "ii",
		  now_ms, source);
}

void store_fail_document(struct store *store, int64_t source,
			 const struct failed_document *document, int64_t now_ms)
{
	store_step();
	if (document->sha256)
		keep_failed(store, source, document, now_ms);
	if (document->class_ == STRAIT_FAULT_DRIFTED || document->class_ == STRAIT_FAULT_RETIRED)
		keep_trouble(store, source, document, now_ms);
	store_run(store, "UPDATE source SET last_read = ? WHERE id = ?", "ii", now_ms, source);
}
