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
#include "store_sums.h"

#define RECORD_WALK_MAX	   4000000 /* versions looked at for one answer */
#define AS_OF_PERIODS_KEPT 100000u /* of the last answer, about 12 MB */

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

static void no_memory(struct store *store)
{
	(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
}

static void damaged(struct store *store)
{
	(void)store_fail(
		store, FAULT_SYSTEM,
		"store: a record version is damaged; move the file aside (keep it) and import the documents in the spools' done/ directories again");
}

static bool decode(const struct record_merge *merge, size_t i, struct record_version *ret_version)
{
	if (record_decode(merge->bodies + merge->versions[i].start, merge->versions[i].size,
			  ret_version))
		return true;
	damaged(merge->store);
	return false;
}

static bool decode_head(const struct record_merge *merge, size_t i, struct record_head *ret_head)
{
	if (record_decode_head(merge->bodies + merge->versions[i].start, merge->versions[i].size,
			       ret_head))
		return true;
	damaged(merge->store);
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

int64_t store_record_versions(struct store *store)
{
	const struct record_runs *runs = record_runs(store);
	int64_t count = 0;

	for (size_t i = 0; runs && i < runs->count; i++)
		if (runs->items[i]->state == RECORD_LIVE)
			count += runs->items[i]->entries;
	return count;
}

/* Main answers nobody else meanwhile. */
static bool may_walk(struct store *store)
{
	int64_t versions = store_record_versions(store);

	if (versions <= RECORD_WALK_MAX)
		return !store_failed(store);
	(void)store_fail(
		store, FAULT_TOO_LARGE,
		"%lld versions of records would have to be read for this answer, at most %d are, because nobody else is answered meanwhile; values of now (GetFigure, GetSeries without as_of) are answered among any number",
		(long long)versions, RECORD_WALK_MAX);
	return false;
}

static int64_t last_source(struct store *store)
{
	return store_number(store, "SELECT max(id) FROM source", 0, "");
}

/* Calls back once a key of each source; *source says of which. */
static void each_source_key(struct store *store, int64_t *source, each_key_fn *each, void *context)
{
	int64_t sources = last_source(store);

	for (*source = 1; *source <= sources && !store_failed(store); ++*source)
		each_key(store, *source, each, context);
}

/* A key of a source whose place another one has taken. */
struct replaced {
	int64_t source, key;
};

struct store_as_of {
	int64_t ms;
	struct store_sums sums;
	struct replaced *replaced; /* in order */
	size_t replaced_count, replaced_capacity;
};

struct walk {
	struct store *store;
	struct store_as_of *as_of;
	int64_t source; /* in hand */
	store_record_fn *each;
	void *context;
};

static int compare_replaced(const void *a, const void *b)
{
	const struct replaced *left = a, *right = b;

	if (left->source != right->source)
		return left->source < right->source ? -1 : 1;
	return (left->key > right->key) - (left->key < right->key);
}

static bool is_replaced(const struct walk *walk, int64_t key)
{
	const struct store_as_of *as_of = walk->as_of;
	struct replaced wanted = { walk->source, key };

	return as_of->replaced_count && bsearch(&wanted, as_of->replaced, as_of->replaced_count,
						sizeof(wanted), compare_replaced);
}

/* The version of the key that counted at that instant, replaced or not; false = none. */
static bool best_of(const struct record_merge *merge, int64_t as_of_ms,
		    struct record_version *ret_best)
{
	struct record_head best, next;
	size_t at = SIZE_MAX;

	for (size_t i = 0; i < merge->version_count; i++) {
		if (!decode_head(merge, i, &next))
			return false;
		if (next.known_at > as_of_ms || (at != SIZE_MAX && !record_is_after(&next, &best)))
			continue;
		best = next;
		at = i;
	}
	return at != SIZE_MAX && decode(merge, at, ret_best);
}

static void add_parts(struct walk *walk, struct record_version *version, int sign)
{
	for (size_t i = 0; i < version->part_count; i++) {
		version->parts[i].distribution = false; /* only periods are added up */
		store_sums_add(walk->store, &walk->as_of->sums, &version->parts[i], sign);
	}
}

static void note_replaced(const struct walk *walk, int64_t key)
{
	struct store_as_of *as_of = walk->as_of;

	if (STORE_GROW(as_of->replaced, as_of->replaced_count, as_of->replaced_capacity))
		as_of->replaced[as_of->replaced_count++] = (struct replaced){ walk->source, key };
	else
		no_memory(walk->store);
}

/* Every version known by then makes its periods that new, whether it counts or not, as
 * store_record_settle() does for now. The one that counts is added; those whose place is taken are
 * not known yet. */
static void add_up_key(void *context, const struct record_merge *merge, int64_t key)
{
	struct walk *walk = context;
	struct record_version version;

	for (size_t i = 0; i < merge->version_count && decode(merge, i, &version); i++)
		for (size_t k = 0;
		     k < version.part_count && version.head.known_at <= walk->as_of->ms; k++)
			store_sums_touch(walk->store, &walk->as_of->sums, &version.parts[k],
					 version.head.known_at);
	if (store_failed(walk->store) || !best_of(merge, walk->as_of->ms, &version))
		return;
	add_parts(walk, &version, 1);
	if (version.head.replaces && version.head.replaces != key)
		note_replaced(walk, version.head.replaces);
}

static void take_back_key(void *context, const struct record_merge *merge, int64_t key)
{
	struct walk *walk = context;
	struct record_version version;

	if (is_replaced(walk, key) && best_of(merge, walk->as_of->ms, &version))
		add_parts(walk, &version, -1);
}

void store_as_of_forget(struct store *store)
{
	if (!store->as_of)
		return;
	store_sums_done(&store->as_of->sums);
	free(store->as_of->replaced);
	free(store->as_of);
	store->as_of = NULL;
}

void store_as_of_trim(struct store *store)
{
	if (store->as_of && (store->as_of->sums.period_count > AS_OF_PERIODS_KEPT ||
			     store->as_of->replaced_count > AS_OF_PERIODS_KEPT))
		store_as_of_forget(store);
}

static struct store_as_of *known_at(struct store *store, int64_t as_of_ms)
{
	struct walk walk = { .store = store };

	if (store->as_of && store->as_of->ms == as_of_ms)
		return store->as_of;
	store_as_of_forget(store);
	if (!may_walk(store))
		return NULL;
	store->as_of = walk.as_of = calloc(1, sizeof(*store->as_of));
	if (!walk.as_of) {
		no_memory(store);
		return NULL;
	}
	walk.as_of->ms = as_of_ms;
	each_source_key(store, &walk.source, add_up_key, &walk);
	if (walk.as_of->replaced_count) {
		qsort(walk.as_of->replaced, walk.as_of->replaced_count,
		      sizeof(walk.as_of->replaced[0]), compare_replaced);
		each_source_key(store, &walk.source, take_back_key, &walk);
	}
	if (store_failed(store))
		store_as_of_forget(store);
	return store->as_of;
}

const struct store_sums *store_records_as_of(struct store *store, int64_t as_of_ms)
{
	const struct store_as_of *as_of = known_at(store, as_of_ms);

	return as_of ? &as_of->sums : NULL;
}

static void tell_record(void *context, const struct record_merge *merge, int64_t key)
{
	struct walk *walk = context;
	struct record_version version;
	struct store_record record;

	if (is_replaced(walk, key) || !best_of(merge, walk->as_of->ms, &version))
		return;
	record = (struct store_record){ .parts = version.parts,
					.part_count = version.part_count,
					.known_at_ms = version.head.known_at,
					.release = version.head.release,
					.at = (uint64_t)version.head.at };
	walk->each(walk->context, &record);
}

void store_records_counting(struct store *store, int64_t as_of_ms, store_record_fn *each,
			    void *context)
{
	struct walk walk = {
		.store = store, .as_of = known_at(store, as_of_ms), .each = each, .context = context
	};

	if (walk.as_of)
		each_source_key(store, &walk.source, tell_record, &walk);
	store_as_of_trim(store);
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
	int64_t source;

	if (!may_walk(store))
		return;
	each_source_key(store, &source, add_key, &instants);
	/* Whoever takes the place of one of these changes that period too, from wherever it is. */
	if (instants.here.count)
		qsort(instants.here.keys, instants.here.count, sizeof(instants.here.keys[0]),
		      compare_keys);
	each_source_key(store, &source, tell_key, &instants);
	free(instants.here.keys);
}
