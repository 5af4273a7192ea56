/* SPDX-License-Identifier: MIT
 *
 * store_record.c - records: keyed observations of which a later version takes the place of an
 * earlier one. Putting the versions of a batch. Main only.
 *
 * Invariant: point and bucket hold exactly the parts of those versions that count: of each key the
 * version with the greatest (known_at, rank, at, digest), unless another key's counting version
 * replaces that key. Whatever changes what counts takes back the old parts and adds the new ones,
 * so the order of arrival does not matter. The versions of a batch are gathered first: then each
 * key is looked up once, in order, and each period is written once.
 */
#include <stdlib.h>
#include <string.h>

#include "fnv.h"
#include "store_record.h"
#include "store_sums.h"

#define STEP_KEYS 1000u /* a fault point of test builds after so many */

/* ── gathering ─────────────────────────────────────────────────────────────────────────────── */

/* A version as it was put. */
struct put {
	int64_t key, known_at, rank, digest, at, replaces;
	uint32_t first_part, part_count;
};

struct store_puts {
	struct put *items;
	size_t count, capacity;
	struct store_part *parts;
	size_t part_count, part_capacity;
};

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

void store_puts_forget(struct store *store)
{
	if (!store->puts)
		return;
	free(store->puts->items);
	free(store->puts->parts);
	free(store->puts);
	store->puts = NULL;
}

static void no_memory(struct store *store)
{
	(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
}

void store_record_put(struct store *store, const struct store_release *release,
		      const struct batch_observation *identity, const struct store_part *parts,
		      size_t count)
{
	struct store_puts *puts = store->puts;

	if (count > BATCH_VERSION_PARTS_MAX) {
		(void)store_fail(store, FAULT_PROTOCOL,
				 "a record version of %zu parts; the limit is %u", count,
				 BATCH_VERSION_PARTS_MAX);
		return;
	}
	if (!puts)
		puts = store->puts = calloc(1, sizeof(*puts));
	if (!puts || !STORE_GROW(puts->items, puts->count, puts->capacity)) {
		no_memory(store);
		return;
	}
	while (puts->part_count + count > puts->part_capacity) {
		if (!store_grow((void **)&puts->parts, sizeof(puts->parts[0]),
				&puts->part_capacity)) {
			no_memory(store);
			return;
		}
	}
	puts->items[puts->count++] = (struct put){
		.key = (int64_t)identity->key,
		.known_at =
			identity->known_at_ms ? identity->known_at_ms : release->published_at_ms,
		.rank = (int64_t)identity->rank,
		.digest = digest_of(parts, count, identity->replaces),
		.at = (int64_t)identity->at,
		.replaces = (int64_t)identity->replaces,
		.first_part = (uint32_t)puts->part_count,
		.part_count = (uint32_t)count,
	};
	if (count)
		memcpy(&puts->parts[puts->part_count], parts, count * sizeof(parts[0]));
	puts->part_count += count;
}

static int compare_puts(const void *a, const void *b)
{
	const struct put *left = a, *right = b;

	return (left->key > right->key) - (left->key < right->key);
}

/* ── finding what is known ─────────────────────────────────────────────────────────────────── */

/* A stored version of one of the keys that were asked. */
struct found {
	size_t start, size; /* its body */
	uint32_t next;	    /* index + 1 of the one found before it for the key, in an older run */
};

struct finds {
	struct found *items;
	size_t count, capacity;
	unsigned char *bodies;
	size_t body_bytes, body_capacity;
	uint32_t *heads; /* by key: index + 1 of the one found last, in the newest run */
};

static void finds_done(struct finds *finds)
{
	free(finds->items);
	free(finds->bodies);
	free(finds->heads);
}

static bool add_found(struct finds *finds, size_t key_index, const struct record_cursor *cursor)
{
	while (finds->body_bytes + cursor->size > finds->body_capacity)
		if (!store_grow((void **)&finds->bodies, 1, &finds->body_capacity))
			return false;
	if (!STORE_GROW(finds->items, finds->count, finds->capacity))
		return false;
	memcpy(finds->bodies + finds->body_bytes, cursor->body, cursor->size);
	finds->items[finds->count] = (struct found){ .start = finds->body_bytes,
						     .size = cursor->size,
						     .next = finds->heads[key_index] };
	finds->body_bytes += cursor->size;
	finds->heads[key_index] = (uint32_t)++finds->count;
	return true;
}

/* The place in a run up to which it has been read. */
struct place {
	int64_t page; /* -1 = none */
	struct record_buffer buffer;
	struct record_cursor cursor;
	bool has; /* the cursor stands on an entry that was not used */
};

/* Adds what the page has of the key. */
static void find_in_page(struct store *store, const struct record_run *run, int64_t page,
			 int64_t key, size_t key_index, struct place *place, struct finds *finds)
{
	if (place->page != page) {
		if (!record_page_read(store, run, page, &place->buffer, &place->cursor))
			return;
		place->page = page;
		place->has = false;
	}
	while (place->has || record_next(&place->cursor)) {
		place->has = place->cursor.key > key;
		if (place->has)
			return;
		if (place->cursor.key == key && !add_found(finds, key_index, &place->cursor)) {
			no_memory(store);
			return;
		}
	}
	if (place->cursor.damaged)
		(void)store_fail(
			store, FAULT_SYSTEM,
			"store: page %lld of record run %lld is damaged; move the file aside (keep it) and import the documents in the spools' done/ directories again",
			(long long)page, (long long)run->id);
}

/* keys: in order, each once. */
static void find_in_run(struct store *store, struct record_run *run, const int64_t *keys,
			size_t count, struct finds *finds)
{
	struct place place = { .page = -1 };

	if (!record_run_index(store, run))
		return;
	run->hint = 0;
	for (size_t i = 0; i < count && !store_failed(store); i++) {
		size_t first = record_run_seek(run, keys[i]);

		for (size_t page = first; page < (size_t)run->pages &&
					  (page == first || run->first_keys[page] == keys[i]);
		     page++)
			if (record_page_may_hold(run, page, keys[i]))
				find_in_page(store, run, (int64_t)page, keys[i], i, &place, finds);
	}
	run->hint = 0;
	free(place.buffer.data);
}

static bool find_keys(struct store *store, int64_t source, const int64_t *keys, size_t count,
		      struct finds *finds)
{
	struct record_run **live;
	size_t runs = record_live_runs(store, source, &live);

	finds->heads = calloc(count + 1, sizeof(*finds->heads));
	if (!finds->heads)
		no_memory(store);
	for (size_t i = runs; i-- > 0 && !store_failed(store);) /* oldest first */
		find_in_run(store, live[i], keys, count, finds);
	free(live);
	return !store_failed(store);
}

/* ── one key ───────────────────────────────────────────────────────────────────────────────── */

/* A version of the key in hand, stored or put. */
struct said {
	struct record_head version;
	size_t order;		   /* stored: 0 = in the newest run; put: after all of those */
	const struct put *put;	   /* NULL = stored */
	const unsigned char *body; /* of a stored one */
	size_t size;
	bool is_new; /* to be written */
};

/* The key's counting version now replaces another key than before; 0 = none. */
struct turn {
	int64_t key, before, after;
};

struct settling {
	struct store *store;
	const struct store_release *release;
	const struct store_puts *puts;
	const struct finds *finds;
	struct store_effects *effects;
	struct store_sums sums;
	struct said *saids; /* of the key in hand */
	size_t said_count, said_capacity;
	bool any_replaced; /* of the source, before this batch */
	struct turn *turns;
	size_t turn_count, turn_capacity;
	int64_t kept_release, kept_published, kept_tie; /* a release that was looked up */
	struct record_version whole;			/* in hand */
	struct record_writer writer;
};

/* Like record_is_after(), but without the place: where it was said may change. */
static int compare_saids(const void *a, const void *b)
{
	const struct said *left = a, *right = b;

	if (left->version.known_at != right->version.known_at)
		return left->version.known_at < right->version.known_at ? -1 : 1;
	if (left->version.rank != right->version.rank)
		return left->version.rank < right->version.rank ? -1 : 1;
	if (left->version.digest != right->version.digest)
		return left->version.digest < right->version.digest ? -1 : 1;
	return (left->order > right->order) - (left->order < right->order);
}

static struct said *add_said(struct settling *settling)
{
	if (!STORE_GROW(settling->saids, settling->said_count, settling->said_capacity)) {
		no_memory(settling->store);
		return NULL;
	}
	return &settling->saids[settling->said_count++];
}

static void damaged(struct store *store)
{
	(void)store_fail(
		store, FAULT_SYSTEM,
		"store: a record version is damaged; move the file aside (keep it) and import the documents in the spools' done/ directories again");
}

static void gather_stored(struct settling *settling, size_t key_index)
{
	const struct finds *finds = settling->finds;
	size_t order = 0;

	for (uint32_t at = finds->heads[key_index]; at; at = finds->items[at - 1].next) {
		const struct found *found = &finds->items[at - 1];
		struct said *said = add_said(settling);

		if (!said)
			return;
		if (!record_decode_head(finds->bodies + found->start, found->size,
					&said->version)) {
			damaged(settling->store);
			return;
		}
		said->put = NULL;
		said->body = finds->bodies + found->start;
		said->size = found->size;
		said->order = order++;
		said->is_new = false;
	}
}

static void gather_put(struct settling *settling, const struct put *put)
{
	struct said *said = add_said(settling);

	if (!said)
		return;
	said->put = put;
	said->body = NULL;
	said->order = SIZE_MAX;
	said->is_new = true;
	said->version.known_at = put->known_at;
	said->version.rank = put->rank;
	said->version.digest = put->digest;
	said->version.at = put->at;
	said->version.release = settling->release->id;
	said->version.replaces = put->replaces;
}

static bool is_earlier(struct settling *settling, int64_t release)
{
	const struct store_release *ours = settling->release;

	if (settling->kept_release != release) {
		struct store *store = settling->store;
		sqlite3_stmt *row =
			store_sql(store, "SELECT published_at, tie FROM release WHERE id = ?");

		store_bind(store, row, "i", release);
		if (!store_row(store, row))
			return false;
		settling->kept_published = sqlite3_column_int64(row, 0);
		settling->kept_tie = sqlite3_column_int64(row, 1);
		settling->kept_release = release;
		(void)sqlite3_reset(row); /* one row was wanted */
	}
	return settling->kept_published != ours->published_at_ms
		       ? settling->kept_published < ours->published_at_ms
		       : settling->kept_tie < ours->tie;
}

/* Where a version was said: of several places the earliest release, and in it the place furthest
   on. So what is kept does not depend on which copy came first. */
static void settle_place(struct settling *settling, struct said *kept, const struct said *again)
{
	int64_t release = settling->release->id;

	if (kept->version.release == release) {
		if (again->version.at <= kept->version.at)
			return;
	} else if (is_earlier(settling, kept->version.release)) {
		return;
	}
	kept->version.at = again->version.at;
	kept->version.release = release;
	kept->is_new = true;
}

/* Each version once: as stored, else as put first. */
static void join_saids(struct settling *settling)
{
	size_t kept = 0;

	for (size_t i = 0; i < settling->said_count; i++) {
		struct said *last = kept ? &settling->saids[kept - 1] : NULL;

		if (last && record_is_same(&last->version, &settling->saids[i].version)) {
			if (settling->saids[i].put)
				settle_place(settling, last, &settling->saids[i]);
			continue;
		}
		if (kept != i)
			settling->saids[kept] = settling->saids[i];
		kept++;
	}
	settling->said_count = kept;
}

/* The whole version, in settling->whole. */
static void load(struct settling *settling, const struct said *said)
{
	struct record_version *whole = &settling->whole;

	whole->part_count = 0;
	if (said->put) {
		whole->part_count = said->put->part_count;
		memcpy(whole->parts, &settling->puts->parts[said->put->first_part],
		       said->put->part_count * sizeof(whole->parts[0]));
	} else if (!record_decode(said->body, said->size, whole)) {
		damaged(settling->store);
	}
	whole->head = said->version;
}

static void apply(struct settling *settling, const struct said *said, int sign)
{
	load(settling, said);
	for (size_t i = 0; i < settling->whole.part_count; i++) {
		const struct store_part *part = &settling->whole.parts[i];

		store_sums_add(settling->store, &settling->sums, part, sign);
		if (sign < 0)
			store_effects_of(settling->effects, part->metric)->revised = true;
	}
}

static void write_new(struct settling *settling, int64_t key)
{
	unsigned char body[RECORD_ENTRY_BYTES];

	for (size_t i = 0; i < settling->said_count && !store_failed(settling->store); i++) {
		struct said *said = &settling->saids[i];

		if (!said->is_new)
			continue;
		if (!settling->writer.run)
			settling->writer.run =
				record_run_new(settling->store, settling->release->source,
					       /* level= */ 0, /* age= */ 0, RECORD_LIVE);
		if (!settling->writer.run)
			return;
		load(settling, said);
		record_write(&settling->writer, key, body, record_encode(&settling->whole, body));
	}
}

static bool is_replaced(struct store *store, int64_t source, int64_t key)
{
	return store_number(store, "SELECT 1 FROM replacement WHERE source = ? AND key = ? LIMIT 1",
			    0, "ii", source, key) != 0;
}

/* The stored version that counted so far; false = none. Before join_saids(), after sorting. */
static bool best_stored(const struct settling *settling, struct said *ret_best)
{
	bool any = false;

	for (size_t i = 0; i < settling->said_count; i++) {
		const struct said *said = &settling->saids[i];

		/* in an older run: of the past */
		if (said->put || (i && record_is_same(&said[-1].version, &said->version)))
			continue;
		if (!any || record_is_after(&said->version, &ret_best->version))
			*ret_best = *said;
		any = true;
	}
	return any;
}

static const struct said *best_now(const struct settling *settling)
{
	const struct said *best = &settling->saids[0];

	for (size_t i = 1; i < settling->said_count; i++)
		if (record_is_after(&settling->saids[i].version, &best->version))
			best = &settling->saids[i];
	return best;
}

static void note_turn(struct settling *settling, int64_t key, int64_t before, int64_t after)
{
	if (before == after)
		return;
	if (!STORE_GROW(settling->turns, settling->turn_count, settling->turn_capacity)) {
		no_memory(settling->store);
		return;
	}
	settling->turns[settling->turn_count++] = (struct turn){ key, before, after };
}

/* Puts [first, end) are of this key. */
static void settle_key(struct settling *settling, size_t key_index, const struct put *first,
		       const struct put *end)
{
	int64_t key = first->key;
	const struct said *after;
	struct said before;
	bool existed, replaced;

	settling->said_count = 0;
	gather_stored(settling, key_index);
	for (const struct put *put = first; put < end; put++)
		gather_put(settling, put);
	if (store_failed(settling->store))
		return;
	if (settling->said_count > 1)
		qsort(settling->saids, settling->said_count, sizeof(settling->saids[0]),
		      compare_saids);
	existed = best_stored(settling, &before);
	join_saids(settling);
	after = best_now(settling);
	write_new(settling, key);
	if (existed && record_is_same(&before.version, &after->version))
		return;
	replaced = settling->any_replaced &&
		   is_replaced(settling->store, settling->release->source, key);
	if (!replaced && (!existed || before.version.digest != after->version.digest)) {
		if (existed)
			apply(settling, &before, -1);
		apply(settling, after, 1);
	}
	note_turn(settling, key, existed ? before.version.replaces : 0, after->version.replaces);
}

static void settle_keys(struct settling *settling)
{
	const struct store_puts *puts = settling->puts;
	size_t next_step = STEP_KEYS;

	for (size_t i = 0, k = 0; i < puts->count && !store_failed(settling->store); k++) {
		size_t end = i + 1;

		while (end < puts->count && puts->items[end].key == puts->items[i].key)
			end++;
		settle_key(settling, k, &puts->items[i], &puts->items[end]);
		if (end >= next_step) {
			store_step();
			next_step += STEP_KEYS;
		}
		i = end;
	}
	if (settling->writer.run)
		record_write_end(&settling->writer);
}

/* ── the place of another key ──────────────────────────────────────────────────────────────── */

/* The version of a stored key that counts; false when there is none. */
static bool best_version(struct store *store, int64_t source, int64_t key,
			 struct record_version *ret_best)
{
	struct finds finds = { 0 };
	struct settling settling = { .store = store, .finds = &finds };
	struct said best;
	bool any = false;

	if (find_keys(store, source, &key, 1, &finds)) {
		gather_stored(&settling, 0);
		if (settling.said_count > 1)
			qsort(settling.saids, settling.said_count, sizeof(settling.saids[0]),
			      compare_saids);
		any = !store_failed(store) && best_stored(&settling, &best);
		if (any) {
			load(&settling, &best);
			*ret_best = settling.whole;
		}
	}
	free(settling.saids);
	finds_done(&finds);
	return any && !store_failed(store);
}

/* `by` begins (or ends) to take the place of `key`. */
static void set_replaced(struct settling *settling, int64_t key, int64_t by, bool begins)
{
	struct store *store = settling->store;
	int64_t source = settling->release->source;
	struct record_version hidden;
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
	if (before == after || !best_version(store, source, key, &hidden))
		return;
	for (size_t i = 0; i < hidden.part_count; i++) {
		store_sums_add(store, &settling->sums, &hidden.parts[i], after ? -1 : 1);
		if (after)
			store_effects_of(settling->effects, hidden.parts[i].metric)->revised = true;
	}
}

static void settle_turns(struct settling *settling)
{
	for (size_t i = 0; i < settling->turn_count && !store_failed(settling->store); i++) {
		const struct turn *turn = &settling->turns[i];

		set_replaced(settling, turn->before, turn->key, false);
		set_replaced(settling, turn->after, turn->key, true);
	}
}

/* ── the batch ─────────────────────────────────────────────────────────────────────────────── */

/* A period is as new as the newest statement about it, also one that does not count (any more). */
static void touch_periods(struct settling *settling)
{
	const struct store_puts *puts = settling->puts;

	for (size_t i = 0; i < puts->count && !store_failed(settling->store); i++)
		for (uint32_t k = 0; k < puts->items[i].part_count; k++)
			store_sums_touch(settling->store, &settling->sums,
					 &puts->parts[puts->items[i].first_part + k],
					 puts->items[i].known_at);
}

/* The keys of the puts, in order, each once; to be freed. */
static int64_t *keys_of(struct store *store, const struct store_puts *puts, size_t *ret_count)
{
	int64_t *keys = malloc((puts->count + 1) * sizeof(*keys));
	size_t count = 0;

	if (!keys)
		no_memory(store);
	for (size_t i = 0; keys && i < puts->count; i++)
		if (!count || keys[count - 1] != puts->items[i].key)
			keys[count++] = puts->items[i].key;
	*ret_count = count;
	return keys;
}

static void settle(struct store *store, const struct store_release *release,
		   struct store_puts *puts, struct store_effects *effects)
{
	struct finds finds = { 0 };
	struct settling settling = { .store = store,
				     .release = release,
				     .puts = puts,
				     .finds = &finds,
				     .effects = effects,
				     .writer = { .store = store } };
	size_t key_count;
	int64_t *keys;

	qsort(puts->items, puts->count, sizeof(puts->items[0]), compare_puts);
	keys = keys_of(store, puts, &key_count);
	settling.any_replaced =
		store_number(store, "SELECT 1 FROM replacement WHERE source = ? LIMIT 1", 0, "i",
			     release->source) != 0;
	store_step();
	if (keys && find_keys(store, release->source, keys, key_count, &finds)) {
		settle_keys(&settling);
		store_step();
		settle_turns(&settling);
		touch_periods(&settling);
		store_sums_write(store, &settling.sums, effects);
		record_tidy(store, release->source, puts->count);
	}
	free(keys);
	free(settling.saids);
	free(settling.turns);
	store_sums_done(&settling.sums);
	finds_done(&finds);
}

void store_record_settle(struct store *store, const struct store_release *release,
			 struct store_effects *effects)
{
	if (store->puts && store->puts->count)
		store_as_of_forget(store);
	if (store->puts && store->puts->count && !store_failed(store))
		settle(store, release, store->puts, effects);
	store_puts_forget(store);
}
