/* SPDX-License-Identifier: MIT
 *
 * store_feed.c - figures as they were last published, commits, changes and rejects: the feed. Main
 * only.
 *
 * Invariant: sequence n+1 is written in the transaction that changed the figures, with all its
 * changes; so the feed has no gap.
 */
#include "store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIM_SLACK_MAX 4096 /* rows forgotten ahead of need, so that trimming is rare */

uint64_t store_sequence(struct store *store)
{
	return (uint64_t)store_number(store, "SELECT max(sequence) FROM commit_log", 0, "");
}

void store_put_commit(struct store *store, uint64_t sequence, int64_t now_ms, const char *source)
{
	store_step();
	store_run(store, "INSERT INTO commit_log (sequence, time, source) VALUES (?, ?, ?)", "iit",
		  (int64_t)sequence, now_ms, source);
}

void store_put_change(struct store *store, uint64_t sequence, const char *figure, enum cause cause,
		      double old_value, double new_value, enum strait_status status)
{
	store_run(
		store,
		"INSERT INTO change (sequence, figure, cause, old, new, status) VALUES (?, ?, ?, ?, ?, ?)",
		"itiddi", (int64_t)sequence, figure, (int64_t)cause, old_value, new_value,
		(int64_t)status);
	if (store->change_count >= 0)
		store->change_count++;
}

void store_put_figure(struct store *store, const struct figure *figure)
{
	store_run(
		store,
		"INSERT OR REPLACE INTO figure (name, title, unit, source, value, status, period, published_at, sequence,"
		" stale) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		"ttttditiii", figure->name, figure->title, figure->unit, figure->source,
		figure->value, (int64_t)figure->status, figure->period, figure->published_at_ms,
		(int64_t)figure->sequence, (int64_t)figure->stale);
}

void store_drop_figure(struct store *store, const char *name)
{
	store_run(store, "DELETE FROM figure WHERE name = ?", "t", name);
}

void store_each_figure(struct store *store,
		       void (*each)(void *context, const struct figure *figure), void *context)
{
	sqlite3_stmt *row = store_sql(
		store,
		"SELECT name, title, unit, source, value, status, period, published_at, sequence,"
		" stale FROM figure ORDER BY name");

	while (store_row(store, row)) {
		struct figure figure = { .name = (char *)(uintptr_t)store_text(row, 0),
					 .title = (char *)(uintptr_t)store_text(row, 1),
					 .unit = (char *)(uintptr_t)store_text(row, 2),
					 .source = (char *)(uintptr_t)store_text(row, 3),
					 .value = store_real(row, 4),
					 .status = (enum strait_status)sqlite3_column_int(row, 5),
					 .published_at_ms = sqlite3_column_int64(row, 7),
					 .sequence = (uint64_t)sqlite3_column_int64(row, 8),
					 .stale = sqlite3_column_int(row, 9) != 0 };

		(void)snprintf(figure.period, sizeof(figure.period), "%s", store_text(row, 6));
		each(context, &figure);
	}
}

/* Cuts the list back to the last whole commit, unless the first one alone is larger than what was
 * asked for. */
static size_t whole_commits(const struct change_row *rows, size_t count, size_t max)
{
	size_t end = max;

	if (count <= max)
		return count;
	while (end > 0 && rows[end - 1].sequence == rows[end].sequence)
		end--;
	if (end > 0)
		return end;
	for (end = max; end < count && rows[end].sequence == rows[0].sequence; end++)
		;
	return end;
}

int store_changes(struct store *store, uint64_t after, size_t max, uint64_t *ret_oldest,
		  struct change_row **ret_rows, size_t *ret_count, bool *ret_complete,
		  struct fault *fault)
{
	struct change_row *rows = NULL;
	size_t count = 0, capacity = 0;
	sqlite3_stmt *row;

	store_read(store);
	*ret_oldest = (uint64_t)store_number(store, "SELECT min(sequence) FROM commit_log", 0, "");
	row = store_sql(
		store,
		"SELECT c.sequence, l.time, c.cause, c.figure, c.old, c.new, c.status, l.source"
		" FROM change c"
		" JOIN commit_log l ON l.sequence = c.sequence WHERE c.sequence > ?"
		" ORDER BY c.sequence, c.figure");
	store_bind(store, row, "i", (int64_t)after);
	/* One row past a full page tells whether there is more; a commit larger than the page is
	 * read to its end. */
	while ((count <= max || rows[count - 1].sequence == rows[0].sequence) &&
	       store_row(store, row)) {
		struct change_row *change;

		if (!STORE_GROW(rows, count, capacity)) {
			(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
			break;
		}
		change = &rows[count++];
		*change = (struct change_row){ .sequence = (uint64_t)sqlite3_column_int64(row, 0),
					       .time_ms = sqlite3_column_int64(row, 1),
					       .cause = (enum cause)sqlite3_column_int(row, 2),
					       .old_value = store_real(row, 4),
					       .new_value = store_real(row, 5),
					       .status = (enum strait_status)sqlite3_column_int(
						       row, 6) };
		(void)snprintf(change->figure, sizeof(change->figure), "%s", store_text(row, 3));
		(void)snprintf(change->source, sizeof(change->source), "%s", store_text(row, 7));
	}
	if (row)
		(void)sqlite3_reset(row); /* may have stopped before the end */
	if (store_read_end(store, fault) < 0) {
		free(rows);
		return -1;
	}
	*ret_count = whole_commits(rows, count, max);
	*ret_complete = *ret_count == count;
	*ret_rows = rows;
	return 0;
}

/* Everything up to that sequence, but never the newest commit: the sequence goes on from it. */
static void forget_changes(struct store *store, int64_t last)
{
	store_run(
		store,
		"DELETE FROM change WHERE sequence <= min(?, (SELECT max(sequence) FROM commit_log) - 1)",
		"i", last);
	if (store->change_count >= 0)
		store->change_count -= sqlite3_changes(store->db);
	store_run(
		store,
		"DELETE FROM commit_log WHERE sequence <= min(?, (SELECT max(sequence) FROM commit_log) - 1)",
		"i", last);
}

void store_trim_changes(struct store *store, size_t limit)
{
	int64_t count, target;

	if (store->change_count < 0)
		store->change_count = store_number(store, "SELECT count(*) FROM change", 0, "");
	count = store->change_count;
	if (count <= (int64_t)limit)
		return;
	/* Some more than must be, so that it is not done with every commit. */
	target = (int64_t)(limit - (limit / 16 < TRIM_SLACK_MAX ? limit / 16 : TRIM_SLACK_MAX));
	forget_changes(
		store,
		store_number(
			store,
			"SELECT sequence FROM change ORDER BY sequence, figure LIMIT 1 OFFSET ?", 0,
			"i", count - target - 1));
}

/* Source by source: in one statement the limit would be looked for anew for every row. */
static void forget_rejects(struct store *store, int64_t kept)
{
	int64_t sources = store_number(store, "SELECT max(id) FROM source", 0, "");

	for (int64_t source = 1; source <= sources && !store_failed(store); source++)
		store_run(store,
			  "DELETE FROM reject WHERE source = ?1 AND id <= (SELECT id FROM reject"
			  " WHERE source = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
			  "ii", source, kept);
}

void store_expire(struct store *store, int64_t before_ms, size_t rejects_kept)
{
	/* Times do not go up with the sequence when the clock was set back: up to the newest old
	 * one. */
	forget_changes(store,
		       store_number(store, "SELECT max(sequence) FROM commit_log WHERE time < ?", 0,
				    "i", before_ms));
	forget_rejects(store, (int64_t)rejects_kept);
}

int store_rejects(struct store *store, const char *source, size_t max, struct reject_row **ret_rows,
		  size_t *ret_count, struct fault *fault)
{
	struct reject_row *rows = NULL;
	size_t count = 0, capacity = 0;
	sqlite3_stmt *row;

	store_read(store);
	row = store_sql(
		store,
		"SELECT s.name, r.name, x.at, x.reason, x.extract, x.time, r.sheets FROM reject x"
		" JOIN source s ON s.id = x.source LEFT JOIN release r ON r.id = x.release"
		" WHERE ?1 = '' OR s.name = ?1 ORDER BY x.id DESC LIMIT ?2");
	store_bind(store, row, "ti", source, (int64_t)max);
	while (store_row(store, row)) {
		struct reject_row *reject;

		if (!STORE_GROW(rows, count, capacity)) {
			(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
			break;
		}
		reject = &rows[count++];
		*reject = (struct reject_row){ .time_ms = sqlite3_column_int64(row, 5) };
		(void)snprintf(reject->source, sizeof(reject->source), "%s", store_text(row, 0));
		(void)snprintf(reject->release, sizeof(reject->release), "%s", store_text(row, 1));
		(void)snprintf(reject->reason, sizeof(reject->reason), "%s", store_text(row, 3));
		(void)snprintf(reject->extract, sizeof(reject->extract), "%s", store_text(row, 4));
		store_place((uint64_t)sqlite3_column_int64(row, 2), store_text(row, 6),
			    reject->place, sizeof(reject->place));
	}
	if (store_read_end(store, fault) < 0) {
		free(rows);
		return -1;
	}
	*ret_rows = rows;
	*ret_count = count;
	return 0;
}
