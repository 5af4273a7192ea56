/* SPDX-License-Identifier: MIT
 *
 * store_explain.c - where values come from: the inputs of a selection over some days, each with its
 * release and its place in it. Main only; reads.
 *
 * Invariant: exactly what store_points() adds up for the same days and instant is named: a level's
 * version for each period, the releases whose events count, the record versions that count. The
 * commits of one log are one input: their number depends on when the log was written, not on what
 * is in it.
 */
#include "store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Releases of events or records that are looked at, before those of one log are joined. */
#define RELEASES_MAX 1000000u

/* One row to be: a level's period, or what one release or log gave to events or records. */
struct found {
	int64_t release;
	int32_t first, last; /* days */
	uint64_t at, at_last;
	uint64_t count;
	uint64_t commits; /* of the log; 1 for a document */

	/* once the release is known */
	size_t release_index;
	int64_t published_at_ms;
};

struct explaining {
	struct store *store;
	const struct store_selection *selection;
	enum strait_granularity granularity;
	const int64_t *series;
	size_t series_count;
	int32_t first, last; /* first days of the first and the last period within the window */
	int64_t as_of_ms;    /* INT64_MAX = now */
	size_t max;
	struct found *found;
	size_t count, capacity;
	uint32_t *groups; /* by id of the release: index of its entry + 1, 0 = none yet */
	size_t groups_size;
};

static void fail_too_large(struct explaining *explaining)
{
	(void)store_fail(
		explaining->store, FAULT_TOO_LARGE,
		"more than %zu inputs; ask for a shorter time: METRIC.2020-09 instead of METRIC.total",
		explaining->max);
}

static struct found *add_found(struct explaining *explaining, size_t max)
{
	if (explaining->count == max) {
		fail_too_large(explaining);
		return NULL;
	}
	if (!STORE_GROW(explaining->found, explaining->count, explaining->capacity)) {
		(void)store_fail(explaining->store, FAULT_MEMORY, "store: out of memory");
		return NULL;
	}
	explaining->found[explaining->count] = (struct found){ 0 };
	return &explaining->found[explaining->count++];
}

/* ── levels ────────────────────────────────────────────────────────────────────────────────── */

struct level {
	int32_t day;
	int64_t release, published_at_ms, tie;
	uint64_t at;
};

static void add_level(struct explaining *explaining, const struct level *level, bool as_of)
{
	struct found *found;

	if (as_of &&
	    store_withdrawn_as_of(explaining->store, explaining->selection->metric, level->day,
				  level->published_at_ms, level->tie, explaining->as_of_ms))
		return;
	found = add_found(explaining, explaining->max);
	if (!found)
		return;
	found->release = level->release;
	found->first = level->day;
	found->last = granularity_last(explaining->granularity, level->day);
	found->at = level->at;
}

static struct level read_level(sqlite3_stmt *row)
{
	return (struct level){ .day = sqlite3_column_int(row, 0),
			       .release = sqlite3_column_int64(row, 1),
			       .published_at_ms = sqlite3_column_int64(row, 2),
			       .tie = sqlite3_column_int64(row, 3),
			       .at = (uint64_t)sqlite3_column_int64(row, 4) };
}

static void levels_now(struct explaining *explaining, int64_t series)
{
	sqlite3_stmt *row = store_sql(
		explaining->store,
		"SELECT v.day, v.release, v.published_at, v.tie, v.at FROM point p CROSS JOIN version v"
		" ON v.series = p.series AND v.day = p.day AND v.published_at = p.published_at"
		" AND v.tie = p.tie AND v.release = p.release"
		" WHERE p.series = ? AND p.day BETWEEN ? AND ?");

	store_bind(explaining->store, row, "iii", series, (int64_t)explaining->first,
		   (int64_t)explaining->last);
	while (store_row(explaining->store, row)) {
		struct level level = read_level(row);

		add_level(explaining, &level, /* as_of= */ false);
	}
	if (row)
		(void)sqlite3_reset(row); /* may have stopped before the end */
}

static void levels_as_of(struct explaining *explaining, int64_t series)
{
	sqlite3_stmt *row = store_sql(
		explaining->store, "SELECT day, release, published_at, tie, at FROM version"
				   " WHERE series = ? AND day BETWEEN ? AND ? AND published_at <= ?"
				   " AND release NOT IN (SELECT id FROM release WHERE complete = 0)"
				   " ORDER BY day, published_at, tie");
	struct level newest = { 0 };
	bool have = false;

	store_bind(explaining->store, row, "iiii", series, (int64_t)explaining->first,
		   (int64_t)explaining->last, explaining->as_of_ms);
	while (store_row(explaining->store, row)) {
		struct level level = read_level(row);

		if (have && level.day != newest.day)
			add_level(explaining, &newest, /* as_of= */ true);
		newest = level;
		have = true;
	}
	if (have)
		add_level(explaining, &newest, /* as_of= */ true);
	if (row)
		(void)sqlite3_reset(row); /* may have stopped before the end */
}

/* ── events and records, by release ────────────────────────────────────────────────────────── */

static bool grow_groups(struct explaining *explaining, size_t size)
{
	size_t old = explaining->groups_size;
	uint32_t *groups;

	if (size < 2 * old)
		size = 2 * old;
	groups = reallocarray(explaining->groups, size, sizeof(*groups));
	if (!groups) {
		(void)store_fail(explaining->store, FAULT_MEMORY, "store: out of memory");
		return false;
	}
	memset(groups + old, 0, (size - old) * sizeof(*groups));
	explaining->groups = groups;
	explaining->groups_size = size;
	return true;
}

/* The entry of a release. Records come in the order of their keys, so any may be next. */
static struct found *group_of(struct explaining *explaining, int64_t release)
{
	size_t id = (size_t)release;
	struct found *group;

	if (id >= explaining->groups_size && !grow_groups(explaining, id + 1))
		return NULL;
	if (explaining->groups[id])
		return &explaining->found[explaining->groups[id] - 1];
	group = add_found(explaining, RELEASES_MAX);
	if (!group)
		return NULL;
	*group = (struct found){ .release = release,
				 .first = INT32_MAX,
				 .last = INT32_MIN,
				 .at = UINT64_MAX,
				 .commits = 1 };
	explaining->groups[id] = (uint32_t)explaining->count;
	return group;
}

static void widen(struct found *group, int32_t first, int32_t last)
{
	if (first < group->first)
		group->first = first;
	if (last > group->last)
		group->last = last;
}

static void events(struct explaining *explaining, int64_t series)
{
	sqlite3_stmt *row = store_sql(
		explaining->store,
		"SELECT e.release, min(e.day), max(e.day), sum(e.count) FROM event e"
		" JOIN release r ON r.id = e.release"
		" WHERE e.series = ?1 AND e.day BETWEEN ?2 AND ?3 AND" STORE_COUNTED_RELEASE
		" GROUP BY e.release");

	store_bind(explaining->store, row, "iiii", series, (int64_t)explaining->first,
		   (int64_t)explaining->last, explaining->as_of_ms);
	while (store_row(explaining->store, row)) {
		struct found *group = group_of(explaining, sqlite3_column_int64(row, 0));

		if (!group)
			break;
		widen(group, sqlite3_column_int(row, 1),
		      granularity_last(explaining->granularity, sqlite3_column_int(row, 2)));
		group->count += (uint64_t)sqlite3_column_int64(row, 3);
	}
	if (row)
		(void)sqlite3_reset(row); /* may have stopped before the end */
}

static bool is_selected(const struct explaining *explaining, const struct store_part *part)
{
	if (part->day < explaining->first || part->day > explaining->last)
		return false;
	for (size_t i = 0; i < explaining->series_count; i++)
		if (explaining->series[i] == part->series)
			return true;
	return false;
}

static void add_record(void *context, const struct store_record *record)
{
	struct explaining *explaining = context;
	struct found *group = NULL;

	for (size_t i = 0; i < record->part_count && !store_failed(explaining->store); i++) {
		const struct store_part *part = &record->parts[i];

		if (!is_selected(explaining, part))
			continue;
		if (!group) {
			group = group_of(explaining, record->release);
			if (!group)
				return;
			group->count++;
			if (record->at < group->at)
				group->at = record->at;
			if (record->at > group->at_last)
				group->at_last = record->at;
		}
		widen(group, part->day, granularity_last(explaining->granularity, part->day));
	}
}

static void collect(struct explaining *explaining)
{
	bool now = explaining->as_of_ms == INT64_MAX;

	if (explaining->selection->kind == STRAIT_RECORD)
		store_records_counting(explaining->store, explaining->as_of_ms, add_record,
				       explaining);
	for (size_t i = 0; i < explaining->series_count && !store_failed(explaining->store); i++) {
		switch (explaining->selection->kind) {
		case STRAIT_LEVEL:
			if (now)
				levels_now(explaining, explaining->series[i]);
			else
				levels_as_of(explaining, explaining->series[i]);
			break;
		case STRAIT_EVENT:
		case STRAIT_RECORD: /* those with an identity: all series at once, above */
			events(explaining, explaining->series[i]);
			break;
		}
	}
}

/* ── releases ──────────────────────────────────────────────────────────────────────────────── */

#define RELEASE_COLUMNS                                                                            \
	"SELECT s.name, s.plugin, r.plugin_version, r.name, r.dataset, r.url, r.sheets, r.sha256," \
	" r.size, r.offset, r.published_at, r.imported_at"                                         \
	" FROM release r JOIN source s ON s.id = r.source WHERE "

static bool read_release(struct store *store, sqlite3_stmt *row,
			 struct explanation_release *ret_release)
{
	struct explanation_release release = { .source = strdup(store_text(row, 0)),
					       .plugin = strdup(store_text(row, 1)),
					       .plugin_version = strdup(store_text(row, 2)),
					       .name = strdup(store_text(row, 3)),
					       .dataset = strdup(store_text(row, 4)),
					       .url = strdup(store_text(row, 5)),
					       .sheets = strdup(store_text(row, 6)),
					       .size = (uint64_t)sqlite3_column_int64(row, 8),
					       .offset = (uint64_t)sqlite3_column_int64(row, 9),
					       .published_at_ms = sqlite3_column_int64(row, 10),
					       .imported_at_ms = sqlite3_column_int64(row, 11) };
	const void *hash = sqlite3_column_blob(row, 7);

	if (hash && sqlite3_column_bytes(row, 7) == SHA256_BYTES)
		memcpy(release.sha256, hash, SHA256_BYTES);
	if (release.source && release.plugin && release.plugin_version && release.name &&
	    release.dataset && release.url && release.sheets) {
		*ret_release = release;
		return true;
	}
	explanation_release_done(&release);
	(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
	return false;
}

static int by_release(const void *a, const void *b)
{
	const struct found *left = a, *right = b;

	return (left->release > right->release) - (left->release < right->release);
}

static bool load_release(struct explaining *explaining, int64_t id,
			 struct explanation_release *ret_release)
{
	sqlite3_stmt *row = store_sql(explaining->store, RELEASE_COLUMNS "r.id = ?");
	bool good;

	store_bind(explaining->store, row, "i", id);
	if (!store_row(explaining->store, row)) {
		(void)store_fail(explaining->store, FAULT_SYSTEM,
				 "store: a value names release %lld, which is not there",
				 (long long)id);
		return false;
	}
	good = read_release(explaining->store, row, ret_release);
	(void)sqlite3_reset(row); /* one row was wanted */
	return good;
}

/* Whether the next release goes on in the log of this entry. Only commits of a log begin behind 0.
 * The first of a log looks like a document, and is taken for the log only when the next begins
 * where it ends; between later ones there may be commits that gave nothing here. */
static bool goes_on(const struct found *found, const struct explanation_release *release,
		    const struct explanation_release *next)
{
	uint64_t end = release->offset + release->size;

	return end == next->offset ||
	       (end < next->offset && (release->offset || found->commits > 1));
}

/* Index of the log that this release goes on from, or SIZE_MAX. */
static size_t log_before(const struct explaining *explaining,
			 const struct explanation_inputs *inputs,
			 const struct explanation_release *next)
{
	for (size_t i = next->offset ? inputs->release_count : 0; i > 0; i--) {
		const struct explanation_release *release = &inputs->releases[i - 1];

		if (strcmp(release->name, next->name) == 0 &&
		    strcmp(release->source, next->source) == 0 &&
		    strcmp(release->dataset, next->dataset) == 0)
			return goes_on(&explaining->found[i - 1], release, next) ? i - 1 : SIZE_MAX;
	}
	return SIZE_MAX;
}

/* The newer commit stands for all of them, with the bytes from the first to the last. */
static void join_release(struct explanation_release *log, struct explanation_release *newer)
{
	newer->size += newer->offset - log->offset;
	newer->offset = log->offset;
	explanation_release_done(log);
	*log = *newer;
}

static void join_found(struct found *log, const struct found *newer)
{
	widen(log, newer->first, newer->last);
	if (newer->at < log->at)
		log->at = newer->at;
	if (newer->at_last > log->at_last)
		log->at_last = newer->at_last;
	log->count += newer->count;
	log->commits += newer->commits;
}

static bool add_release(struct explaining *explaining, struct explanation_inputs *inputs,
			size_t *capacity, const struct explanation_release *release)
{
	if (inputs->release_count == explaining->max) {
		fail_too_large(explaining);
		return false;
	}
	if (!STORE_GROW(inputs->releases, inputs->release_count, *capacity)) {
		(void)store_fail(explaining->store, FAULT_MEMORY, "store: out of memory");
		return false;
	}
	inputs->releases[inputs->release_count++] = *release;
	return true;
}

/* Every release of events or records, those of one log as one. Entry and release have the same
 * index afterwards. */
static void load_grouped(struct explaining *explaining, struct explanation_inputs *inputs)
{
	size_t capacity = 0, count = explaining->count;

	explaining->count = 0;
	for (size_t i = 0; i < count; i++) {
		const struct found *found = &explaining->found[i];
		struct explanation_release release;
		size_t log;

		if (!load_release(explaining, found->release, &release))
			return;
		log = log_before(explaining, inputs, &release);
		if (log != SIZE_MAX) {
			join_release(&inputs->releases[log], &release);
			join_found(&explaining->found[log], found);
		} else if (add_release(explaining, inputs, &capacity, &release)) {
			explaining->found[explaining->count++] = *found;
		} else {
			explanation_release_done(&release);
			return;
		}
	}
	for (size_t i = 0; i < explaining->count; i++) {
		explaining->found[i].release_index = i;
		explaining->found[i].published_at_ms = inputs->releases[i].published_at_ms;
	}
}

/* Every release of levels once: each period says which commit of a log its value is from. */
static void load_each(struct explaining *explaining, struct explanation_inputs *inputs)
{
	size_t capacity = 0;

	for (size_t i = 0; i < explaining->count; i++) {
		struct found *found = &explaining->found[i];

		if (i && found[-1].release == found->release) {
			found->release_index = found[-1].release_index;
			found->published_at_ms = found[-1].published_at_ms;
			continue;
		}
		if (!STORE_GROW(inputs->releases, inputs->release_count, capacity)) {
			(void)store_fail(explaining->store, FAULT_MEMORY, "store: out of memory");
			return;
		}
		found->release_index = inputs->release_count;
		if (!load_release(explaining, found->release,
				  &inputs->releases[inputs->release_count]))
			return;
		found->published_at_ms = inputs->releases[inputs->release_count++].published_at_ms;
	}
}

static void load_releases(struct explaining *explaining, struct explanation_inputs *inputs)
{
	if (explaining->count)
		qsort(explaining->found, explaining->count, sizeof(explaining->found[0]),
		      by_release);
	if (explaining->selection->kind == STRAIT_LEVEL)
		load_each(explaining, inputs);
	else
		load_grouped(explaining, inputs);
}

/* ── rows ──────────────────────────────────────────────────────────────────────────────────── */

static int by_period(const void *a, const void *b)
{
	const struct found *left = a, *right = b;

	if (left->first != right->first)
		return left->first < right->first ? -1 : 1;
	if (left->last != right->last)
		return left->last < right->last ? -1 : 1;
	if (left->published_at_ms != right->published_at_ms)
		return left->published_at_ms < right->published_at_ms ? -1 : 1;
	if (left->at != right->at)
		return left->at < right->at ? -1 : 1;
	return by_release(a, b);
}

static void write_locator(const struct explaining *explaining, const struct found *found,
			  const struct explanation_release *release,
			  char locator[EXPLANATION_LOCATOR_MAX])
{
	bool events = explaining->selection->kind == STRAIT_EVENT;
	uint64_t begin = events ? release->offset : found->at;
	uint64_t end =
		events ? release->offset + (release->size ? release->size - 1 : 0) : found->at_last;
	char first[64], last[64], count[64], commits[40] = "";

	store_place(found->at, release->sheets, first, sizeof(first));
	if (explaining->selection->kind == STRAIT_LEVEL) {
		(void)snprintf(locator, EXPLANATION_LOCATOR_MAX, "%s", first);
		return;
	}
	store_place(found->at_last, release->sheets, last, sizeof(last));
	if (found->commits > 1)
		(void)snprintf(commits, sizeof(commits), " in %llu commits",
			       (unsigned long long)found->commits);
	(void)snprintf(count, sizeof(count), "%llu %s%s%s", (unsigned long long)found->count,
		       events ? "event" : "record", found->count == 1 ? "" : "s", commits);
	if (!events && found->at == found->at_last)
		(void)snprintf(locator, EXPLANATION_LOCATOR_MAX, "%s, %s", first, count);
	else if (!events && found->at & STRAIT_AT_CELL)
		(void)snprintf(locator, EXPLANATION_LOCATOR_MAX, "%s - %s, %s", first, last, count);
	else
		(void)snprintf(locator, EXPLANATION_LOCATOR_MAX, "bytes %llu-%llu, %s",
			       (unsigned long long)begin, (unsigned long long)end, count);
}

static void make_rows(struct explaining *explaining, struct explanation_inputs *inputs)
{
	inputs->rows = calloc(explaining->count + 1, sizeof(*inputs->rows));
	if (!inputs->rows) {
		(void)store_fail(explaining->store, FAULT_MEMORY, "store: out of memory");
		return;
	}
	if (explaining->count)
		qsort(explaining->found, explaining->count, sizeof(explaining->found[0]),
		      by_period);
	for (size_t i = 0; i < explaining->count; i++) {
		const struct found *found = &explaining->found[i];
		struct explanation_row *row = &inputs->rows[inputs->row_count++];

		row->release = found->release_index;
		(void)period_format((struct period){ found->first, found->last }, row->period);
		write_locator(explaining, found, &inputs->releases[found->release_index],
			      row->locator);
	}
}

/* First day of the last period that ends on that day or before: one that is not wholly within a
 * window is not counted either. */
static int32_t last_start(enum strait_granularity granularity, int32_t day)
{
	int32_t start = granularity_floor(granularity, day);

	return granularity_last(granularity, start) <= day
		       ? start
		       : granularity_step(granularity, start, -1);
}

int store_explain(struct store *store, const struct store_selection *selection,
		  enum strait_granularity granularity, struct period period, int64_t as_of_ms,
		  size_t max, struct explanation_inputs *ret_inputs, struct fault *fault)
{
	struct explaining explaining = { .store = store,
					 .selection = selection,
					 .granularity = granularity,
					 .first = period.first,
					 .last = last_start(granularity, period.last),
					 .as_of_ms = as_of_ms ? as_of_ms : INT64_MAX,
					 .max = max };
	struct explanation_inputs inputs = { 0 };
	int64_t *series;

	store_read(store);
	series = store_selected(store, selection, &explaining.series_count);
	explaining.series = series;
	collect(&explaining);
	if (!store_failed(store))
		load_releases(&explaining, &inputs);
	if (!store_failed(store))
		make_rows(&explaining, &inputs);
	free(series);
	free(explaining.found);
	free(explaining.groups);
	if (store_read_end(store, fault) < 0) {
		explanation_inputs_done(&inputs);
		return -1;
	}
	*ret_inputs = inputs;
	return 0;
}

int store_release_by_hash(struct store *store, const uint8_t sha256[SHA256_BYTES],
			  struct explanation_release *ret_release, struct fault *fault)
{
	struct explanation_release release = { 0 };
	bool found = false;
	sqlite3_stmt *row;

	store_read(store);
	/* The list of sources lets the index on (source, sha256) serve. */
	row = store_sql(store, RELEASE_COLUMNS
			"r.source IN (SELECT id FROM source) AND r.sha256 = ? AND r.complete = 1"
			" ORDER BY r.published_at, r.id LIMIT 1");
	store_bind(store, row, "b", sha256, (size_t)SHA256_BYTES);
	if (store_row(store, row)) {
		found = read_release(store, row, &release);
		(void)sqlite3_reset(row); /* one row was wanted */
	}
	if (store_read_end(store, fault) < 0)
		return -1;
	if (!found)
		return 1;
	*ret_release = release;
	return 0;
}
