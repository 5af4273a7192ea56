/* SPDX-License-Identifier: MIT
 *
 * store_record.c - records: keyed observations of which a later version takes the place of an
 * earlier one. Main only.
 *
 * Invariant: point and bucket hold exactly the parts of those versions that count: of each key the
 * version with the greatest (known_at, rank, at, digest), unless another key's counting version
 * replaces that key. Every step that changes what counts takes back the old parts and adds the new
 * ones, so the order of arrival does not matter.
 */
#include "store_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fnv.h"

#define PART_BYTES                                                                                 \
	26u /* series i64, day i32, status u8, distribution u8, value f64, metric u32              \
	     */
#define BATCH_VERSION_PARTS_MAX 32u

struct version {
	int64_t known_at, rank, digest, at, replaces;
	int64_t release; /* read by each_key_as_of() only */
	struct store_part parts[BATCH_VERSION_PARTS_MAX];
	size_t part_count;
};

static bool is_after(const struct version *a, const struct version *b)
{
	if (a->known_at != b->known_at)
		return a->known_at > b->known_at;
	if (a->rank != b->rank)
		return a->rank > b->rank;
	if (a->at != b->at)
		return a->at > b->at;
	return a->digest > b->digest;
}

static size_t encode_parts(const struct store_part *parts, size_t count, unsigned char *out)
{
	unsigned char *cursor = out;

	for (size_t i = 0; i < count; i++) {
		uint32_t metric = (uint32_t)parts[i].metric;

		memcpy(cursor, &parts[i].series, 8);
		memcpy(cursor + 8, &parts[i].day, 4);
		cursor[12] = parts[i].status;
		cursor[13] = parts[i].distribution;
		memcpy(cursor + 14, &parts[i].value, 8);
		memcpy(cursor + 22, &metric, 4);
		cursor += PART_BYTES;
	}
	return (size_t)(cursor - out);
}

static size_t decode_parts(const unsigned char *in, size_t size, struct store_part *parts)
{
	size_t count = size / PART_BYTES;

	if (count > BATCH_VERSION_PARTS_MAX)
		count = BATCH_VERSION_PARTS_MAX;
	for (size_t i = 0; i < count; i++, in += PART_BYTES) {
		uint32_t metric;

		memcpy(&parts[i].series, in, 8);
		memcpy(&parts[i].day, in + 8, 4);
		parts[i].status = in[12];
		parts[i].distribution = in[13] != 0;
		memcpy(&parts[i].value, in + 14, 8);
		memcpy(&metric, in + 22, 4);
		parts[i].metric = metric;
	}
	return count;
}

/* Only to order versions that are equal in everything else. */
static int64_t digest_of(const struct store_part *parts, size_t count, uint64_t replaces)
{
	uint64_t digest = fnv_add(FNV_START, &replaces, sizeof(replaces));

	for (size_t i = 0; i < count; i++) {
		digest = fnv_add(digest, &parts[i].series_hash, sizeof(parts[i].series_hash));
		digest = fnv_add(digest, &parts[i].day, sizeof(parts[i].day));
		digest = fnv_add(digest, &parts[i].status, sizeof(parts[i].status));
		digest = fnv_add(digest, &parts[i].value, sizeof(parts[i].value));
	}
	return (int64_t)digest;
}

/* The version of a key that counts; false when there is none. */
static bool best_version(struct store *store, int64_t source, int64_t key, struct version *ret_best)
{
	sqlite3_stmt *row = store_sql(
		store, "SELECT known_at, rank, digest, at, replaces, parts FROM record"
		       " WHERE source = ? AND key = ?"
		       " ORDER BY known_at DESC, rank DESC, at DESC, digest DESC LIMIT 1");

	store_bind(store, row, "ii", source, key);
	if (!store_row(store, row))
		return false;
	ret_best->known_at = sqlite3_column_int64(row, 0);
	ret_best->rank = sqlite3_column_int64(row, 1);
	ret_best->digest = sqlite3_column_int64(row, 2);
	ret_best->at = sqlite3_column_int64(row, 3);
	ret_best->replaces = sqlite3_column_int64(row, 4);
	ret_best->part_count = decode_parts(sqlite3_column_blob(row, 5),
					    (size_t)sqlite3_column_bytes(row, 5), ret_best->parts);
	(void)sqlite3_reset(row); /* one row was wanted */
	return true;
}

static void apply(struct store *store, const struct version *version, int sign,
		  struct store_effects *effects)
{
	for (size_t i = 0; i < version->part_count; i++) {
		const struct store_part *part = &version->parts[i];
		struct store_effect *effect = store_effects_of(effects, part->metric);
		struct store_tally delta = { 0 };

		store_tally_add(&delta, part->value, part->status, sign);
		store_point_add(store, part->series, part->day, &delta, effect);
		if (part->distribution && part->status != STRAIT_MISSING &&
		    part->status != STRAIT_SUPPRESSED)
			store_bucket_add(store, part->series, part->day, part->value, sign);
		if (sign < 0)
			effect->revised = true;
	}
}

static bool is_replaced(struct store *store, int64_t source, int64_t key)
{
	return store_number(store, "SELECT 1 FROM replacement WHERE source = ? AND key = ? LIMIT 1",
			    0, "ii", source, key) != 0;
}

/* `by` begins (or ends) to take the place of `key`. */
static void set_replaced(struct store *store, int64_t source, int64_t key, int64_t by, bool begins,
			 struct store_effects *effects)
{
	struct version hidden;
	bool before, after;

	if (!key || key == by)
		return;
	before = is_replaced(store, source, key);
	if (begins)
		store_run(
			store,
			"INSERT OR IGNORE INTO replacement (source, key, by_key) VALUES (?, ?, ?)",
			"iii", source, key, by);
	else
		store_run(store,
			  "DELETE FROM replacement WHERE source = ? AND key = ? AND by_key = ?",
			  "iii", source, key, by);
	after = is_replaced(store, source, key);
	if (before != after && best_version(store, source, key, &hidden))
		apply(store, &hidden, after ? -1 : 1, effects);
}

/* Where a version was said: of several places the earliest release, and in it the place furthest
   on. So what is kept does not depend on which copy came first. */
static void settle_place(struct store *store, const struct store_release *release, int64_t *at,
			 int64_t *ret_release, sqlite3_stmt *kept)
{
	int64_t kept_release = sqlite3_column_int64(kept, 0),
		kept_at = sqlite3_column_int64(kept, 1);
	int64_t published = sqlite3_column_int64(kept, 2), tie = sqlite3_column_int64(kept, 3);
	bool earlier = published != release->published_at_ms ? published < release->published_at_ms
							     : tie < release->tie;

	(void)sqlite3_reset(kept); /* one row was wanted */
	if (kept_release != release->id && earlier) {
		*at = kept_at;
		*ret_release = kept_release;
	} else if (kept_release == release->id && kept_at > *at) {
		*at = kept_at;
	}
	(void)store;
}

static void put_version(struct store *store, const struct store_release *release,
			const struct batch_observation *identity, int64_t known_at,
			const struct store_part *parts, size_t count)
{
	unsigned char blob[BATCH_VERSION_PARTS_MAX * PART_BYTES];
	int64_t key = (int64_t)identity->key, digest = digest_of(parts, count, identity->replaces);
	int64_t at = (int64_t)identity->at, said_by = release->id;
	sqlite3_stmt *kept = store_sql(
		store, "SELECT v.release, v.at, r.published_at, r.tie FROM record v"
		       " JOIN release r ON r.id = v.release WHERE v.source = ? AND v.key = ?"
		       " AND v.known_at = ? AND v.rank = ? AND v.digest = ?");

	store_bind(store, kept, "iiiii", release->source, key, known_at, (int64_t)identity->rank,
		   digest);
	if (store_row(store, kept))
		settle_place(store, release, &at, &said_by, kept);
	store_run(
		store,
		"INSERT INTO record (source, key, known_at, rank, digest, at, release, replaces, parts)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
		" ON CONFLICT (source, key, known_at, rank, digest) DO UPDATE SET at = excluded.at, release = excluded.release",
		"iiiiiiiib", release->source, key, known_at, (int64_t)identity->rank, digest, at,
		said_by, (int64_t)identity->replaces, blob, encode_parts(parts, count, blob));
	/* A period is as new as the newest statement about it, also one that does not count (any
	 * more). */
	for (size_t i = 0; i < count; i++)
		store_point_touch(store, parts[i].series, parts[i].day, known_at);
}

void store_record_put(struct store *store, const struct store_release *release,
		      const struct batch_observation *identity, const struct store_part *parts,
		      size_t count, struct store_effects *effects)
{
	int64_t known_at = identity->known_at_ms ? identity->known_at_ms : release->published_at_ms;
	int64_t key = (int64_t)identity->key;
	struct version before, after;
	bool existed, replaced;

	if (count > BATCH_VERSION_PARTS_MAX) {
		(void)store_fail(store, FAULT_PROTOCOL,
				 "a record version of %zu parts; the limit is %u", count,
				 BATCH_VERSION_PARTS_MAX);
		return;
	}
	existed = best_version(store, release->source, key, &before);
	put_version(store, release, identity, known_at, parts, count);
	if (!best_version(store, release->source, key, &after))
		return;
	if (existed && before.digest == after.digest && before.known_at == after.known_at &&
	    before.rank == after.rank)
		return;
	replaced = is_replaced(store, release->source, key);
	if (existed && !replaced && before.digest != after.digest)
		apply(store, &before, -1, effects);
	if (!replaced && (!existed || before.digest != after.digest))
		apply(store, &after, 1, effects);
	if (existed && before.replaces == after.replaces)
		return;
	if (existed)
		set_replaced(store, release->source, before.replaces, key, false, effects);
	set_replaced(store, release->source, after.replaces, key, true, effects);
}

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
			     const struct version *version);

/* Calls back once a key with the version that counted at that instant, replaced or not. */
static void each_key_as_of(struct store *store, int64_t source, int64_t as_of_ms,
			   each_version_fn *each, void *context)
{
	sqlite3_stmt *row = store_sql(
		store,
		"SELECT key, known_at, rank, digest, at, replaces, parts, release FROM record"
		" WHERE source = ? AND known_at <= ? ORDER BY key, known_at, rank");
	struct version best = { 0 }, next = { 0 };
	int64_t key = 0;
	bool have = false;

	store_bind(store, row, "ii", source, as_of_ms);
	while (store_row(store, row)) {
		if (have && sqlite3_column_int64(row, 0) != key) {
			each(store, context, key, &best);
			have = false;
		}
		key = sqlite3_column_int64(row, 0);
		next.known_at = sqlite3_column_int64(row, 1);
		next.rank = sqlite3_column_int64(row, 2);
		next.digest = sqlite3_column_int64(row, 3);
		next.at = sqlite3_column_int64(row, 4);
		next.replaces = sqlite3_column_int64(row, 5);
		next.release = sqlite3_column_int64(row, 7);
		if (have && !is_after(&next, &best))
			continue;
		next.part_count = decode_parts(sqlite3_column_blob(row, 6),
					       (size_t)sqlite3_column_bytes(row, 6), next.parts);
		best = next;
		have = true;
	}
	if (row)
		(void)sqlite3_reset(row); /* a callback may have failed before the end */
	if (have)
		each(store, context, key, &best);
}

static void collect_replaced(struct store *store, void *context, int64_t key,
			     const struct version *version)
{
	struct key_set *set = context;

	if (!version->replaces || version->replaces == key)
		return;
	if (!STORE_GROW(set->keys, set->count, set->capacity)) {
		(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
		return;
	}
	set->keys[set->count++] = version->replaces;
}

struct emit {
	const struct key_set *replaced;
	store_record_fn *each;
	void *context;
};

static void emit_version(struct store *store, void *context, int64_t key,
			 const struct version *version)
{
	const struct emit *emit = context;
	struct store_record record = { .parts = version->parts,
				       .part_count = version->part_count,
				       .known_at_ms = version->known_at,
				       .release = version->release,
				       .at = (uint64_t)version->at };

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

/* Every version known by then makes its periods that new, whether it counts or not; as
 * put_version() does for now. */
static void touch_parts(struct store *store, int64_t as_of_ms, const struct part_sink *sink)
{
	sqlite3_stmt *row =
		store_sql(store, "SELECT known_at, parts FROM record WHERE known_at <= ?");
	struct store_part parts[BATCH_VERSION_PARTS_MAX];

	store_bind(store, row, "i", as_of_ms);
	while (store_row(store, row)) {
		size_t count = decode_parts(sqlite3_column_blob(row, 1),
					    (size_t)sqlite3_column_bytes(row, 1), parts);

		for (size_t i = 0; i < count; i++)
			sink->each(sink->context, &parts[i], sqlite3_column_int64(row, 0),
				   /* counts= */ false);
	}
}

void store_records_as_of(struct store *store, int64_t as_of_ms, store_part_fn *each, void *context)
{
	struct part_sink sink = { .each = each, .context = context };

	store_records_counting(store, as_of_ms, sink_parts, &sink);
	touch_parts(store, as_of_ms, &sink);
}

/* ── instants ──────────────────────────────────────────────────────────────────────────────── */

struct instant {
	int64_t known_at, release;
};

static bool touches(const unsigned char *blob, size_t size, const int64_t *series,
		    size_t series_count, int32_t day)
{
	struct store_part parts[BATCH_VERSION_PARTS_MAX];
	size_t count = decode_parts(blob, size, parts);

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < series_count; k++)
			if (parts[i].day == day && parts[i].series == series[k])
				return true;
	return false;
}

static bool has_key(const struct key_set *set, int64_t key)
{
	return key && set->count && bsearch(&key, set->keys, set->count, sizeof(key), compare_keys);
}

/* Keys that ever counted there: whoever takes their place changes that period too, from wherever it
 * is itself. */
static struct key_set keys_touching(struct store *store, const int64_t *series, size_t series_count,
				    int32_t day)
{
	sqlite3_stmt *row = store_sql(store, "SELECT key, parts FROM record");
	struct key_set set = { 0 };

	while (store_row(store, row)) {
		if (!touches(sqlite3_column_blob(row, 1), (size_t)sqlite3_column_bytes(row, 1),
			     series, series_count, day))
			continue;
		if (!STORE_GROW(set.keys, set.count, set.capacity)) {
			(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
			break;
		}
		set.keys[set.count++] = sqlite3_column_int64(row, 0);
	}
	if (set.count)
		qsort(set.keys, set.count, sizeof(set.keys[0]), compare_keys);
	return set;
}

static void tell_instants(struct instant *instants, size_t *count, bool *matched,
			  store_instant_fn *each, void *context)
{
	for (size_t i = 0; i < *count && *matched; i++)
		each(context, instants[i].known_at, instants[i].release);
	*count = 0;
	*matched = false;
}

void store_record_instants(struct store *store, const int64_t *series, size_t series_count,
			   int32_t day, store_instant_fn *each, void *context)
{
	sqlite3_stmt *row = store_sql(
		store, "SELECT source, key, known_at, release, parts, replaces FROM record"
		       " ORDER BY source, key");
	struct key_set replaced_here = keys_touching(store, series, series_count, day);
	struct instant *instants = NULL;
	size_t count = 0, capacity = 0;
	int64_t source = 0, key = 0;
	bool matched = false;

	while (store_row(store, row)) {
		if (sqlite3_column_int64(row, 0) != source || sqlite3_column_int64(row, 1) != key)
			tell_instants(instants, &count, &matched, each, context);
		source = sqlite3_column_int64(row, 0);
		key = sqlite3_column_int64(row, 1);
		if (!STORE_GROW(instants, count, capacity)) {
			(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
			break;
		}
		instants[count++] = (struct instant){ sqlite3_column_int64(row, 2),
						      sqlite3_column_int64(row, 3) };
		if (!matched)
			matched = has_key(&replaced_here, sqlite3_column_int64(row, 5)) ||
				  touches(sqlite3_column_blob(row, 4),
					  (size_t)sqlite3_column_bytes(row, 4), series,
					  series_count, day);
	}
	tell_instants(instants, &count, &matched, each, context);
	free(instants);
	free(replaced_here.keys);
}
