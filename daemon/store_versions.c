/* SPDX-License-Identifier: MIT
 *
 * store_versions.c - every version of one period: what each publication said of it. Main only;
 * reads.
 */
#include "store_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALK_MAX 1000000 /* records looked at for one answer; about 0.3 s */
#define INSTANTS_MAX                                                                               \
	512u /* versions of one period of an event or record metric; more is FAULT_TOO_LARGE */

struct said {
	int64_t published_at, tie, release;
	bool has_value; /* false: the release covers the period */
	double value;
	enum strait_status status;
};

struct saids {
	struct said *items;
	size_t count, capacity;
};

struct instants {
	struct store *store;
	struct saids *saids;
};

static int compare_said(const void *a, const void *b)
{
	const struct said *left = a, *right = b;

	if (left->published_at != right->published_at)
		return left->published_at < right->published_at ? -1 : 1;
	if (left->tie != right->tie)
		return left->tie < right->tie ? -1 : 1;
	return (left->release > right->release) - (left->release < right->release);
}

static void add_said(struct store *store, struct saids *saids, const struct said *said)
{
	if (!STORE_GROW(saids->items, saids->count, saids->capacity))
		(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
	else
		saids->items[saids->count++] = *said;
}

static void level_versions(struct store *store, const struct store_selection *selection,
			   const int64_t *series, size_t series_count, int32_t day,
			   struct saids *saids)
{
	sqlite3_stmt *row;

	for (size_t i = 0; i < series_count; i++) {
		row = store_sql(store,
				"SELECT published_at, tie, release, value, status FROM version"
				" WHERE series = ? AND day = ?"
				" AND release NOT IN (SELECT id FROM release WHERE complete = 0)");
		store_bind(store, row, "ii", series[i], (int64_t)day);
		while (store_row(store, row))
			add_said(store, saids,
				 &(struct said){ .published_at = sqlite3_column_int64(row, 0),
						 .tie = sqlite3_column_int64(row, 1),
						 .release = sqlite3_column_int64(row, 2),
						 .has_value = true,
						 .value = store_real(row, 3),
						 .status = (enum strait_status)sqlite3_column_int(
							 row, 4) });
	}
	row = store_sql(store, "SELECT published_at, tie, release FROM coverage"
			       " WHERE metric = ? AND first <= ? AND last >= ?");
	store_bind(store, row, "iii", selection->metric, (int64_t)day, (int64_t)day);
	while (store_row(store, row))
		add_said(store, saids,
			 &(struct said){ .published_at = sqlite3_column_int64(row, 0),
					 .tie = sqlite3_column_int64(row, 1),
					 .release = sqlite3_column_int64(row, 2) });
}

static void name_release(struct store *store, int64_t release, char *name, size_t size)
{
	sqlite3_stmt *row = store_sql(store, "SELECT name FROM release WHERE id = ?");

	store_bind(store, row, "i", release);
	name[0] = '\0';
	if (store_row(store, row)) {
		(void)snprintf(name, size, "%s", store_text(row, 0));
		(void)sqlite3_reset(row); /* one row was wanted */
	}
}

/* One row a release: the sum of what it said; a release that covers the period and says nothing
 * withdraws what was there. */
static size_t fold_levels(struct store *store, const struct saids *saids, struct version_row *rows)
{
	size_t count = 0;

	for (size_t i = 0; i < saids->count;) {
		const struct said *first = &saids->items[i];
		struct version_row *row = &rows[count];
		bool has_value = false;

		*row = (struct version_row){ .published_at_ms = first->published_at };
		for (; i < saids->count && saids->items[i].release == first->release; i++) {
			if (!saids->items[i].has_value)
				continue;
			has_value = true;
			row->value += saids->items[i].value;
			row->status = status_worse(row->status, saids->items[i].status);
		}
		if (!has_value) {
			if (!count || !rows[count - 1].status)
				continue; /* nothing there to withdraw */
			row->value = NAN;
		}
		name_release(store, first->release, row->release, sizeof(row->release));
		count++;
	}
	return count;
}

/* Instants at which a period of an event or record metric may have got another value. */
static void event_instants(struct store *store, const int64_t *series, size_t series_count,
			   int32_t day, struct saids *saids)
{
	for (size_t i = 0; i < series_count; i++) {
		sqlite3_stmt *row =
			store_sql(store, "SELECT r.published_at, r.tie, r.id FROM event e"
					 " JOIN release r ON r.id = e.release"
					 " WHERE e.series = ? AND e.day = ? AND r.complete = 1");

		store_bind(store, row, "ii", series[i], (int64_t)day);
		while (store_row(store, row))
			add_said(store, saids,
				 &(struct said){ .published_at = sqlite3_column_int64(row, 0),
						 .release = sqlite3_column_int64(row, 2) });
	}
}

static void record_instant(void *context, int64_t known_at_ms, int64_t release)
{
	const struct instants *into = context;

	add_said(into->store, into->saids,
		 &(struct said){ .published_at = known_at_ms, .release = release });
}

/* The value at each instant, leaving out those that changed nothing. */
static size_t replay_instants(struct store *store, const struct store_selection *selection,
			      int32_t day, const struct saids *saids, struct version_row *rows)
{
	size_t count = 0;

	for (size_t i = 0; i < saids->count && !store_failed(store); i++) {
		struct version_row *row = &rows[count];
		struct point *points;
		size_t point_count;

		if (i + 1 < saids->count &&
		    saids->items[i + 1].published_at == saids->items[i].published_at)
			continue; /* one instant, one value */
		if (store_points(store, selection, day, day, saids->items[i].published_at, &points,
				 &point_count, NULL) < 0)
			return count; /* sticky only inside a transaction; the caller sees fewer
					 rows, never wrong ones */
		*row = (struct version_row){ .published_at_ms = saids->items[i].published_at,
					     .value = point_count ? points[0].value : NAN,
					     .status = point_count ? points[0].status : 0 };
		free(points);
		if (count ? value_same(row->value, rows[count - 1].value) &&
				    row->status == rows[count - 1].status
			  : !row->status)
			continue;
		name_release(store, saids->items[i].release, row->release, sizeof(row->release));
		count++;
	}
	return count;
}

static void gather(struct store *store, const struct store_selection *selection, int32_t day,
		   struct saids *saids)
{
	struct instants into = { .store = store, .saids = saids };
	size_t series_count;
	int64_t *series = store_selected(store, selection, &series_count);

	switch (selection->kind) {
	case STRAIT_LEVEL:
		level_versions(store, selection, series, series_count, day, saids);
		break;
	case STRAIT_EVENT:
		event_instants(store, series, series_count, day, saids);
		break;
	case STRAIT_RECORD:
		event_instants(store, series, series_count, day, saids);
		store_record_instants(store, series, series_count, day, record_instant, &into);
		break;
	}
	free(series);
	if (saids->count)
		qsort(saids->items, saids->count, sizeof(saids->items[0]), compare_said);
	if (selection->kind != STRAIT_LEVEL && saids->count > INSTANTS_MAX)
		(void)store_fail(
			store, FAULT_TOO_LARGE,
			"this period has %zu versions, the limit is %u; ask for fewer labels",
			saids->count, INSTANTS_MAX);
	/* Each instant of a record metric is answered by a walk over all records, during which
	 * nobody else is. */
	else if (selection->kind == STRAIT_RECORD &&
		 (int64_t)saids->count * store_record_versions(store) > WALK_MAX)
		(void)store_fail(
			store, FAULT_TOO_LARGE,
			"this period has %zu versions among too many records to be replayed; ask for values as known on single dates (GetFigureAsOf)",
			saids->count);
}

int store_versions(struct store *store, const struct store_selection *selection, int32_t day,
		   struct version_row **ret_rows, size_t *ret_count, struct fault *fault)
{
	struct version_row *rows = NULL;
	struct saids saids = { 0 };
	size_t count = 0;

	store_read(store);
	gather(store, selection, day, &saids);
	if (!store_failed(store)) {
		rows = calloc(saids.count ? saids.count : 1, sizeof(*rows));
		if (!rows)
			(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
		else if (selection->kind == STRAIT_LEVEL)
			count = fold_levels(store, &saids, rows);
		else
			count = replay_instants(store, selection, day, &saids, rows);
	}
	free(saids.items);
	if (store_read_end(store, fault) < 0) {
		free(rows);
		return -1;
	}
	*ret_rows = rows;
	*ret_count = count;
	return 0;
}
