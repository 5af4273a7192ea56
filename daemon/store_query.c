/* SPDX-License-Identifier: MIT
 *
 * store_query.c - reading values: the points and the distribution of a selection of series, now or
 * as known on a date.
 *
 * Main process only; reads, never writes. Invariant: the answer for an instant depends only on what
 * was published (or known) by then, never on when it was imported.
 */
#include "store_internal.h"
#include "store_sums.h"

#include "spread.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ── selections ────────────────────────────────────────────────────────────────────────────── */

/* "platform=x,outcome=y" contains "outcome=y" as a whole item. */
static bool has_label(const char *labels, const struct label *wanted)
{
	size_t key_size = strlen(wanted->key), value_size = strlen(wanted->value);

	while (*labels) {
		size_t size = strcspn(labels, ",");

		if (size == key_size + 1 + value_size &&
		    strncmp(labels, wanted->key, key_size) == 0 && labels[key_size] == '=' &&
		    strncmp(labels + key_size + 1, wanted->value, value_size) == 0)
			return true;
		labels += size;
		if (*labels == ',')
			labels++;
	}
	return false;
}

static bool takes(const struct store_selection *selection, const char *labels)
{
	for (size_t i = 0; i < selection->label_count; i++)
		if (!has_label(labels, &selection->labels[i]))
			return false;
	return true;
}

int64_t *store_selected(struct store *store, const struct store_selection *selection,
			size_t *ret_count)
{
	sqlite3_stmt *row =
		store_sql(store, "SELECT id, labels FROM series WHERE metric = ? ORDER BY id");
	size_t capacity = 0, count = 0;
	int64_t *ids = NULL;

	store_bind(store, row, "i", selection->metric);
	while (store_row(store, row)) {
		if (!takes(selection, store_text(row, 1)))
			continue;
		if (!STORE_GROW(ids, count, capacity)) {
			(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
			break;
		}
		ids[count++] = sqlite3_column_int64(row, 0);
	}
	*ret_count = count;
	return ids;
}

void store_read(struct store *store)
{
	if (!store->writing)
		store->fault = (struct fault){ .kind = FAULT_NONE };
}

int store_read_end(struct store *store, struct fault *fault)
{
	if (!store_failed(store))
		return 0;
	if (fault)
		*fault = store->fault;
	if (!store->writing)
		store->fault = (struct fault){ .kind = FAULT_NONE };
	return -1;
}

/* ── collecting points ─────────────────────────────────────────────────────────────────────── */

/* One contribution of one series to one day; folded by day at the end. */
struct part {
	int32_t day;
	bool is_tally;
	struct store_tally tally; /* events and records */
	double value;		  /* levels */
	enum strait_status status;
	int64_t published_at_ms;
};

struct parts {
	struct part *items;
	size_t count, capacity;
};

static struct part *add_part(struct store *store, struct parts *parts)
{
	if (!STORE_GROW(parts->items, parts->count, parts->capacity)) {
		(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
		return NULL;
	}
	parts->items[parts->count] = (struct part){ 0 };
	return &parts->items[parts->count++];
}

static void level_now(struct store *store, int64_t series, int32_t first, int32_t last,
		      struct parts *parts)
{
	sqlite3_stmt *row = store_sql(store, "SELECT day, value, status, published_at FROM point"
					     " WHERE series = ? AND day BETWEEN ? AND ?");

	store_bind(store, row, "iii", series, (int64_t)first, (int64_t)last);
	while (store_row(store, row)) {
		struct part *part = add_part(store, parts);

		if (!part)
			return;
		part->day = sqlite3_column_int(row, 0);
		part->value = store_real(row, 1);
		part->status = (enum strait_status)sqlite3_column_int(row, 2);
		part->published_at_ms = sqlite3_column_int64(row, 3);
	}
}

bool store_withdrawn_as_of(struct store *store, int64_t metric, int64_t day,
			   int64_t published_at_ms, int64_t tie, int64_t as_of_ms)
{
	return store_number(
		       store,
		       "SELECT 1 FROM coverage WHERE metric = ? AND (published_at, tie) > (?, ?)"
		       " AND published_at <= ? AND first <= ? AND last >= ? LIMIT 1",
		       0, "iiiiii", metric, published_at_ms, tie, as_of_ms, day, day) != 0;
}

static void keep_unless_withdrawn(struct store *store, int64_t metric, const struct part *part,
				  int64_t tie, int64_t as_of_ms, struct parts *parts)
{
	struct part *kept;

	if (store_withdrawn_as_of(store, metric, part->day, part->published_at_ms, tie, as_of_ms))
		return;
	kept = add_part(store, parts);
	if (kept)
		*kept = *part;
}

static void level_as_of(struct store *store, const struct store_selection *selection,
			int64_t series, int32_t first, int32_t last, int64_t as_of_ms,
			struct parts *parts)
{
	sqlite3_stmt *row =
		store_sql(store, "SELECT day, value, status, published_at, tie FROM version"
				 " WHERE series = ? AND day BETWEEN ? AND ? AND published_at <= ?"
				 " AND release NOT IN (SELECT id FROM release WHERE complete = 0)"
				 " ORDER BY day, published_at, tie");
	struct part newest = { 0 };
	bool have = false;
	int64_t tie = 0;

	store_bind(store, row, "iiii", series, (int64_t)first, (int64_t)last, as_of_ms);
	while (store_row(store, row)) {
		int32_t day = sqlite3_column_int(row, 0);

		if (have && newest.day != day)
			keep_unless_withdrawn(store, selection->metric, &newest, tie, as_of_ms,
					      parts);
		have = true;
		newest.day = day;
		newest.value = store_real(row, 1);
		newest.status = (enum strait_status)sqlite3_column_int(row, 2);
		newest.published_at_ms = sqlite3_column_int64(row, 3);
		tie = sqlite3_column_int64(row, 4);
	}
	if (have)
		keep_unless_withdrawn(store, selection->metric, &newest, tie, as_of_ms, parts);
}

static void tally_columns(sqlite3_stmt *row, int first, struct store_tally *ret_tally)
{
	ret_tally->count = sqlite3_column_int64(row, first);
	ret_tally->missing = sqlite3_column_int64(row, first + 1);
	ret_tally->provisional = sqlite3_column_int64(row, first + 2);
	ret_tally->estimated = sqlite3_column_int64(row, first + 3);
	ret_tally->micro = sqlite3_column_int64(row, first + 4);
}

static void tally_rows(struct store *store, sqlite3_stmt *row, struct parts *parts)
{
	while (store_row(store, row)) {
		struct part *part = add_part(store, parts);

		if (!part)
			return;
		part->day = sqlite3_column_int(row, 0);
		part->is_tally = true;
		tally_columns(row, 1, &part->tally);
		part->published_at_ms = sqlite3_column_int64(row, 6);
	}
}

static void tally_now(struct store *store, int64_t series, int32_t first, int32_t last,
		      struct parts *parts)
{
	sqlite3_stmt *row = store_sql(
		store, "SELECT day, count, missing, provisional, estimated, micro, published_at"
		       " FROM point WHERE series = ? AND day BETWEEN ? AND ?");

	store_bind(store, row, "iii", series, (int64_t)first, (int64_t)last);
	tally_rows(store, row, parts);
}

static void event_as_of(struct store *store, int64_t series, int32_t first, int32_t last,
			int64_t as_of_ms, struct parts *parts)
{
	sqlite3_stmt *row = store_sql(
		store,
		"SELECT day, counted * count, counted * missing, counted * provisional, counted * estimated,"
		" counted * micro, published_at FROM (SELECT e.*, r.published_at AS published_at, (" STORE_COUNTED_RELEASE
		") AS counted FROM event e JOIN release r ON r.id = e.release WHERE e.series = ?1"
		" AND e.day BETWEEN ?2 AND ?3 AND r.complete = 1 AND r.published_at <= ?4)");

	store_bind(store, row, "iiii", series, (int64_t)first, (int64_t)last, as_of_ms);
	tally_rows(store, row, parts);
}

struct record_filter {
	struct store *store;
	const int64_t *series; /* in order */
	size_t series_count;
	int32_t first, last;
	struct parts *parts;	 /* or */
	struct store_sums *sums; /* and */
	struct bucket **buckets;
	size_t *bucket_count, *bucket_capacity;
};

static int compare_ids(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static bool filter_takes(const struct record_filter *filter, int64_t series, int32_t day)
{
	return day >= filter->first && day <= filter->last && filter->series_count &&
	       bsearch(&series, filter->series, filter->series_count, sizeof(series), compare_ids);
}

static void records_as_of(struct store *store, const struct record_filter *filter, int64_t as_of_ms)
{
	const struct store_sums *sums = store_records_as_of(store, as_of_ms);

	for (size_t i = 0; sums && i < sums->period_count; i++) {
		const struct store_period_sum *from = &sums->periods[i];
		struct part *part;

		if (!filter_takes(filter, from->series, from->day))
			continue;
		part = add_part(store, filter->parts);
		if (!part)
			return;
		part->day = from->day;
		part->is_tally = true;
		part->tally = from->delta;
		part->published_at_ms = from->known_at_ms;
	}
}

static int compare_parts(const void *a, const void *b)
{
	const struct part *left = a, *right = b;

	return (left->day > right->day) - (left->day < right->day);
}

/* All parts of one day, from index i; returns the index after them. false in *ret_any: nothing
 * there counts. */
static size_t fold_day(const struct parts *parts, size_t i, struct point *point, bool *ret_any)
{
	struct store_tally tally = { 0 };
	int32_t day = parts->items[i].day;
	bool is_tally = parts->items[i].is_tally;

	*point = (struct point){ .day = day };
	for (; i < parts->count && parts->items[i].day == day; i++) {
		const struct part *part = &parts->items[i];

		if (part->published_at_ms > point->published_at_ms)
			point->published_at_ms = part->published_at_ms;
		if (!is_tally) {
			point->value +=
				part->value; /* NaN stays NaN: missing is never left out of a sum */
			point->status = status_worse(point->status, part->status);
			point->count++;
		}
		store_tally_merge(&tally, &part->tally);
	}
	*ret_any = !is_tally || tally.count != 0;
	if (is_tally) {
		point->value = store_tally_value(&tally);
		point->status = store_tally_status(&tally);
		point->count = (uint64_t)(tally.count - tally.missing);
	}
	return i;
}

static void fold(struct parts *parts, struct point *points, size_t *ret_count)
{
	size_t count = 0;

	if (parts->count)
		qsort(parts->items, parts->count, sizeof(parts->items[0]), compare_parts);
	for (size_t i = 0; i < parts->count;) {
		bool any;

		i = fold_day(parts, i, &points[count], &any);
		count += any;
	}
	*ret_count = count;
}

static void collect(struct store *store, const struct store_selection *selection,
		    const int64_t *series, size_t count, int32_t first, int32_t last,
		    int64_t as_of_ms, struct parts *parts)
{
	struct record_filter filter = { .store = store,
					.series = series,
					.series_count = count,
					.first = first,
					.last = last,
					.parts = parts };

	/* What has an identity; what has none is as events are. */
	if (as_of_ms && selection->kind == STRAIT_RECORD)
		records_as_of(store, &filter, as_of_ms);
	for (size_t i = 0; i < count && !store_failed(store); i++) {
		if (selection->kind == STRAIT_LEVEL && as_of_ms)
			level_as_of(store, selection, series[i], first, last, as_of_ms, parts);
		else if (selection->kind == STRAIT_LEVEL)
			level_now(store, series[i], first, last, parts);
		else if (as_of_ms)
			event_as_of(store, series[i], first, last, as_of_ms, parts);
		else
			tally_now(store, series[i], first, last, parts);
	}
}

int store_points(struct store *store, const struct store_selection *selection, int32_t first,
		 int32_t last, int64_t as_of_ms, struct point **ret_points, size_t *ret_count,
		 struct fault *fault)
{
	struct point *points = NULL;
	struct parts parts = { 0 };
	size_t series_count, count = 0;
	int64_t *series;

	store_read(store);
	series = store_selected(store, selection, &series_count);
	collect(store, selection, series, series_count, first, last, as_of_ms, &parts);
	if (!store_failed(store)) {
		points = calloc(parts.count ? parts.count : 1, sizeof(*points));
		if (points)
			fold(&parts, points, &count);
		else
			(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
	}
	store_as_of_trim(store);
	free(series);
	free(parts.items);
	if (store_read_end(store, fault) < 0) {
		free(points);
		return -1;
	}
	*ret_points = points;
	*ret_count = count;
	return 0;
}

/* ── distributions ─────────────────────────────────────────────────────────────────────────── */

static void add_bucket(struct record_filter *filter, double value, uint64_t count)
{
	if (!STORE_GROW(*filter->buckets, *filter->bucket_count, *filter->bucket_capacity)) {
		(void)store_fail(filter->store, FAULT_MEMORY, "store: out of memory");
		return;
	}
	(*filter->buckets)[(*filter->bucket_count)++] =
		(struct bucket){ .value = value, .count = count };
}

static void record_buckets(void *context, const struct store_record *record)
{
	struct record_filter *filter = context;

	for (size_t i = 0; i < record->part_count; i++) {
		const struct store_part *part = &record->parts[i];

		if (part->distribution && part->status != STRAIT_MISSING &&
		    part->status != STRAIT_SUPPRESSED &&
		    filter_takes(filter, part->series, part->day))
			store_sums_count(filter->store, filter->sums, store_bucket_of(part->value),
					 1);
	}
}

/* Most buckets are met once a day: a table finds them again faster than GROUP BY sorts them. */
static void bucket_rows(struct store *store, int64_t series, const struct record_filter *filter)
{
	sqlite3_stmt *row = store_sql(store, "SELECT bucket, count FROM bucket WHERE series = ?"
					     " AND day BETWEEN ? AND ?");

	store_bind(store, row, "iii", series, (int64_t)filter->first, (int64_t)filter->last);
	while (store_row(store, row))
		store_sums_count(store, filter->sums, sqlite3_column_int64(row, 0),
				 sqlite3_column_int64(row, 1));
}

static void add_counted(struct record_filter *filter)
{
	for (size_t i = 0; i < filter->sums->bucket_count; i++)
		if (filter->sums->buckets[i].count)
			add_bucket(filter, store_bucket_value(filter->sums->buckets[i].bucket),
				   (uint64_t)filter->sums->buckets[i].count);
}

/* Adds the rows' distributions to counts, by bucket. */
static void spread_rows(struct store *store, sqlite3_stmt *row, uint64_t *counts)
{
	while (store_row(store, row)) {
		struct spread_reader reader = spread_reader(sqlite3_column_blob(row, 0),
							    (size_t)sqlite3_column_bytes(row, 0));
		uint32_t bucket;
		uint64_t count;

		while (spread_next(&reader, &bucket, &count))
			counts[bucket] += count;
	}
}

/* Of events, and of records without identity. */
static void add_spreads(struct store *store, const struct record_filter *filter, int64_t as_of_ms,
			uint64_t *counts)
{
	for (size_t i = 0; i < filter->series_count; i++) {
		sqlite3_stmt *row;

		if (as_of_ms)
			row = store_sql(store,
					"SELECT e.spread FROM event e"
					" JOIN release r ON r.id = e.release WHERE e.series = ?1"
					" AND e.day BETWEEN ?2 AND ?3 AND" STORE_COUNTED_RELEASE);
		else
			row = store_sql(store, "SELECT buckets FROM spread WHERE series = ?1"
					       " AND day BETWEEN ?2 AND ?3");
		store_bind(store, row, as_of_ms ? "iiii" : "iii", filter->series[i],
			   (int64_t)filter->first, (int64_t)filter->last, as_of_ms);
		spread_rows(store, row, counts);
	}
}

static void collect_spreads(struct store *store, int64_t as_of_ms, struct record_filter *filter)
{
	uint64_t *counts = calloc(SPREAD_BUCKETS, sizeof(*counts));

	if (!counts) {
		(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
		return;
	}
	add_spreads(store, filter, as_of_ms, counts);
	for (uint32_t bucket = 0; bucket < SPREAD_BUCKETS; bucket++)
		if (counts[bucket])
			add_bucket(filter, spread_value(bucket), counts[bucket]);
	free(counts);
}

static int compare_buckets(const void *a, const void *b)
{
	const struct bucket *left = a, *right = b;

	return (left->value > right->value) - (left->value < right->value);
}

int store_buckets(struct store *store, const struct store_selection *selection, int32_t first,
		  int32_t last, int64_t as_of_ms, struct bucket **ret_buckets, size_t *ret_count,
		  struct fault *fault)
{
	size_t series_count, count = 0, capacity = 0;
	struct bucket *buckets = NULL;
	struct store_sums sums = { 0 };
	struct record_filter filter = { .store = store,
					.sums = &sums,
					.first = first,
					.last = last,
					.buckets = &buckets,
					.bucket_count = &count,
					.bucket_capacity = &capacity };
	int64_t *series;

	store_read(store);
	series = store_selected(store, selection, &series_count);
	filter.series = series;
	filter.series_count = series_count;
	if (as_of_ms && selection->kind == STRAIT_RECORD)
		store_records_counting(store, as_of_ms, record_buckets, &filter);
	for (size_t i = 0; i < series_count && !as_of_ms; i++)
		bucket_rows(store, series[i], &filter);
	add_counted(&filter);
	store_sums_done(&sums);
	collect_spreads(store, as_of_ms, &filter);
	free(series);
	if (store_read_end(store, fault) < 0) {
		free(buckets);
		return -1;
	}
	if (count)
		qsort(buckets, count, sizeof(*buckets), compare_buckets);
	*ret_buckets = buckets;
	*ret_count = count;
	return 0;
}
