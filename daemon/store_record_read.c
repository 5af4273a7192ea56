/* SPDX-License-Identifier: MIT
 *
 * store_record_read.c - records as known on a date: all versions that were known then, key by key.
 * Main only; reads, never writes.
 *
 * Invariant: the answer depends only on what was known by then, never on when it was imported, nor
 * on how the versions lie in runs.
 */
#include <stdlib.h>
#include <string.h>

#include "store_record.h"

/* ── as known on a date ────────────────────────────────────────────────────────────────────── */

struct key_set {
	int64_t *keys;
	size_t count, capacity;
};

static int compare_keys(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

typedef void each_version_fn(struct store *store, void *context, int64_t key,
			     const struct record_version *version);

static void no_memory(struct store *store)
{
	(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
}

static bool decode(const struct record_merge *merge, size_t i, struct record_version *ret_version)
{
	if (record_decode(merge->bodies + merge->versions[i].start, merge->versions[i].size,
			  ret_version))
		return true;
	(void)store_fail(
		merge->store, FAULT_SYSTEM,
		"store: a record version is damaged; move the file aside (keep it) and import the documents in the spools' done/ directories again");
	return false;
}

typedef void each_key_fn(void *context, const struct record_merge *merge, int64_t key);

/* Calls back once a key of the source. */
static void each_key(struct store *store, int64_t source, each_key_fn *each, void *context)
{
	struct record_run **live;
	size_t count = record_live_runs(store, source, &live);
	struct record_merge merge;
	int64_t key;

	if (record_merge_begin(store, live, count, NULL, &merge))
		while (record_merge_next(&merge, &key))
			each(context, &merge, key);
	record_merge_end(&merge);
	free(live);
}

struct as_of {
	struct store *store;
	int64_t ms;
	each_version_fn *each;
	void *context;
};

static void find_best(void *context, const struct record_merge *merge, int64_t key)
{
	const struct as_of *as_of = context;
	struct record_version best, next;
	bool have = false;

	for (size_t i = 0; i < merge->version_count; i++) {
		if (!decode(merge, i, have ? &next : &best))
			return;
		if (!have) {
			have = best.head.known_at <= as_of->ms;
			continue;
		}
		if (next.head.known_at <= as_of->ms && record_is_after(&next.head, &best.head))
			best = next;
	}
	if (have)
		as_of->each(as_of->store, as_of->context, key, &best);
}

/* Calls back once a key with the version that counted at that instant, replaced or not. */
static void each_key_as_of(struct store *store, int64_t source, int64_t as_of_ms,
			   each_version_fn *each, void *context)
{
	struct as_of as_of = { .store = store, .ms = as_of_ms, .each = each, .context = context };

	each_key(store, source, find_best, &as_of);
}

static void collect_replaced(struct store *store, void *context, int64_t key,
			     const struct record_version *version)
{
	struct key_set *set = context;

	if (!version->head.replaces || version->head.replaces == key)
		return;
	if (!STORE_GROW(set->keys, set->count, set->capacity)) {
		(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
		return;
	}
	set->keys[set->count++] = version->head.replaces;
}

struct emit {
	const struct key_set *replaced;
	store_record_fn *each;
	void *context;
};

static void emit_version(struct store *store, void *context, int64_t key,
			 const struct record_version *version)
{
	const struct emit *emit = context;
	struct store_record record = { .parts = version->parts,
				       .part_count = version->part_count,
				       .known_at_ms = version->head.known_at,
				       .release = version->head.release,
				       .at = (uint64_t)version->head.at };

	(void)store; /* same signature as collect_replaced */
	if (emit->replaced->count &&
	    bsearch(&key, emit->replaced->keys, emit->replaced->count, sizeof(key), compare_keys))
		return;
	emit->each(emit->context, &record);
}

void store_records_counting(struct store *store, int64_t as_of_ms, store_record_fn *each,
			    void *context)
{
	int64_t sources = store_number(store, "SELECT max(id) FROM source", 0, "");

	for (int64_t source = 1; source <= sources && !store_failed(store); source++) {
		struct key_set replaced = { 0 };
		struct emit emit = { .replaced = &replaced, .each = each, .context = context };

		each_key_as_of(store, source, as_of_ms, collect_replaced, &replaced);
		if (replaced.count)
			qsort(replaced.keys, replaced.count, sizeof(replaced.keys[0]),
			      compare_keys);
		each_key_as_of(store, source, as_of_ms, emit_version, &emit);
		free(replaced.keys);
	}
}

struct part_sink {
	store_part_fn *each;
	void *context;
};

static void sink_parts(void *context, const struct store_record *record)
{
	const struct part_sink *sink = context;

	for (size_t i = 0; i < record->part_count; i++)
		sink->each(sink->context, &record->parts[i], record->known_at_ms,
			   /* counts= */ true);
}

struct touching {
	const struct part_sink *sink;
	int64_t as_of_ms;
};

static void touch_key(void *context, const struct record_merge *merge, int64_t key)
{
	const struct touching *touching = context;
	struct record_version version;

	(void)key; /* of whatever key */
	for (size_t i = 0; i < merge->version_count && decode(merge, i, &version); i++)
		for (size_t k = 0;
		     k < version.part_count && version.head.known_at <= touching->as_of_ms; k++)
			touching->sink->each(touching->sink->context, &version.parts[k],
					     version.head.known_at, /* counts= */ false);
}

static int64_t last_source(struct store *store)
{
	return store_number(store, "SELECT max(id) FROM source", 0, "");
}

/* Every version known by then makes its periods that new, whether it counts or not; as
 * store_record_settle() does for now. */
static void touch_parts(struct store *store, int64_t as_of_ms, const struct part_sink *sink)
{
	struct touching touching = { .sink = sink, .as_of_ms = as_of_ms };
	int64_t sources = last_source(store);

	for (int64_t source = 1; source <= sources && !store_failed(store); source++)
		each_key(store, source, touch_key, &touching);
}

void store_records_as_of(struct store *store, int64_t as_of_ms, store_part_fn *each, void *context)
{
	struct part_sink sink = { .each = each, .context = context };

	store_records_counting(store, as_of_ms, sink_parts, &sink);
	touch_parts(store, as_of_ms, &sink);
}

/* ── instants ──────────────────────────────────────────────────────────────────────────────── */

struct instants {
	struct store *store;
	const int64_t *series;
	size_t series_count;
	int32_t day;
	struct key_set here; /* keys that ever counted in that day of those series, sorted */
	store_instant_fn *each;
	void *context;
};

static bool touches(const struct record_version *version, const struct instants *instants)
{
	for (size_t i = 0; i < version->part_count; i++)
		for (size_t k = 0; k < instants->series_count; k++)
			if (version->parts[i].day == instants->day &&
			    version->parts[i].series == instants->series[k])
				return true;
	return false;
}

static bool has_key(const struct key_set *set, int64_t key)
{
	return key && set->count && bsearch(&key, set->keys, set->count, sizeof(key), compare_keys);
}

static void add_key(void *context, const struct record_merge *merge, int64_t key)
{
	struct instants *instants = context;
	struct key_set *set = &instants->here;
	struct record_version version;

	for (size_t i = 0; i < merge->version_count && decode(merge, i, &version); i++) {
		if (!touches(&version, instants))
			continue;
		if (STORE_GROW(set->keys, set->count, set->capacity))
			set->keys[set->count++] = key;
		else
			no_memory(instants->store);
		return;
	}
}

static void tell_key(void *context, const struct record_merge *merge, int64_t key)
{
	const struct instants *instants = context;
	struct record_version version;
	bool matched = false;

	(void)key; /* what its versions say tells */
	for (size_t i = 0; i < merge->version_count && !matched && decode(merge, i, &version); i++)
		matched = has_key(&instants->here, version.head.replaces) ||
			  touches(&version, instants);
	for (size_t i = 0; matched && i < merge->version_count && decode(merge, i, &version); i++)
		instants->each(instants->context, version.head.known_at, version.head.release);
}

void store_record_instants(struct store *store, const int64_t *series, size_t series_count,
			   int32_t day, store_instant_fn *each, void *context)
{
	struct instants instants = { .store = store,
				     .series = series,
				     .series_count = series_count,
				     .day = day,
				     .each = each,
				     .context = context };
	int64_t sources = last_source(store);

	for (int64_t source = 1; source <= sources && !store_failed(store); source++)
		each_key(store, source, add_key, &instants);
	/* Whoever takes the place of one of these changes that period too, from wherever it is. */
	if (instants.here.count)
		qsort(instants.here.keys, instants.here.count, sizeof(instants.here.keys[0]),
		      compare_keys);
	for (int64_t source = 1; source <= sources && !store_failed(store); source++)
		each_key(store, source, tell_key, &instants);
	free(instants.here.keys);
}

int64_t store_record_versions(struct store *store)
{
	const struct record_runs *runs = record_runs(store);
	int64_t count = 0;

	for (size_t i = 0; runs && i < runs->count; i++)
		if (runs->items[i]->state == RECORD_LIVE)
			count += runs->items[i]->entries;
	return count;
}
