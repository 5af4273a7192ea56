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
	row = store_sql(store,
			"SELECT c.sequence, l.time, c.cause, c.figure, c.old, c.new FROM change c"
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
					       .new_value = store_real(row, 5) };
		(void)snprintf(change->figure, sizeof(change->figure), "%s", store_text(row, 3));
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

void store_expire(struct store *store, int64_t before_ms, size_t rejects_kept)
{
	/* The newest commit stays: the sequence goes on from it. */
	store_run(
		store,
		"DELETE FROM change WHERE sequence IN (SELECT sequence FROM commit_log WHERE time < ?"
		" AND sequence < (SELECT max(sequence) FROM commit_log))",
		"i", before_ms);
	store_run(
		store,
		"DELETE FROM commit_log WHERE time < ? AND sequence < (SELECT max(sequence) FROM commit_log)",
		"i", before_ms);
	store_run(
		store,
		"DELETE FROM reject WHERE id <= (SELECT r.id FROM reject r WHERE r.source = reject.source"
		" ORDER BY r.id DESC LIMIT 1 OFFSET ?)",
		"i", (int64_t)rejects_kept);
}

/* "SB_01!B978" from a cell, "byte 1234" from an offset; sheets as store_batch.c wrote them. */
static void write_place(uint64_t at, const char *sheets, char *buffer, size_t size)
{
	unsigned int sheet = (unsigned int)(at >> 56) & 0x7f,
		     column = (unsigned int)(at >> 32) & 0xffff;
	char letters[8] = "", *letter = letters + sizeof(letters) - 1;
	size_t length;

	if (!(at & STRAIT_AT_CELL)) {
		(void)snprintf(buffer, size, "byte %llu", (unsigned long long)at);
		return;
	}
	*letter = '\0';
	for (unsigned int n = column + 1; n > 0 && letter > letters; n = (n - 1) / 26)
		*--letter = (char)('A' + (n - 1) % 26);
	for (unsigned int i = 0; i < sheet && *sheets; i++) {
		sheets += strcspn(sheets, "\n");
		sheets += *sheets == '\n';
	}
	length = strcspn(sheets, "\n");
	(void)snprintf(buffer, size, "%.*s%s%s%u", (int)length, sheets, length ? "!" : "", letter,
		       (unsigned int)(at & 0xffffffffu) + 1);
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
		write_place((uint64_t)sqlite3_column_int64(row, 2), store_text(row, 6),
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
