/* SPDX-License-Identifier: MIT
 *
 * store_record_run.c - runs of record versions: their rows, their pages, and the index by which a
 * key is looked up. Main only.
 *
 * Invariant: memory says what the tables say within the transaction that is open; when it is rolled
 * back, all that is in memory is forgotten and read again. Pages are written once and never
 * changed.
 */
#include "store_record.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_PAGES 512 /* whose index is one row: about 90 KB */

/* ── the list ──────────────────────────────────────────────────────────────────────────────── */

static void run_free(struct record_run *run)
{
	if (!run)
		return;
	free(run->first_keys);
	free(run->print_ends);
	free(run->prints);
	free(run);
}

void record_runs_forget(struct store *store)
{
	struct record_runs *runs = store->records;

	store_as_of_forget(store);
	if (!runs)
		return;
	for (size_t i = 0; i < runs->count; i++)
		run_free(runs->items[i]);
	free(runs->items);
	free(runs);
	store->records = NULL;
}

/* Keeps the order: by source, then age, newest first. */
static bool add_run(struct store *store, struct record_runs *runs, struct record_run *run)
{
	size_t place = 0;

	if (!STORE_GROW(runs->items, runs->count, runs->capacity)) {
		(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
		return false;
	}
	while (place < runs->count &&
	       (runs->items[place]->source < run->source ||
		(runs->items[place]->source == run->source && runs->items[place]->age > run->age)))
		place++;
	memmove(&runs->items[place + 1], &runs->items[place],
		(runs->count - place) * sizeof(runs->items[0]));
	runs->items[place] = run;
	runs->count++;
	return true;
}

static struct record_run *new_run(struct store *store)
{
	struct record_run *run = calloc(1, sizeof(*run));

	if (!run)
		(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
	return run;
}

static void load_runs(struct store *store, struct record_runs *runs)
{
	sqlite3_stmt *row = store_sql(store, "SELECT id, source, level, age, state, entries, pages,"
					     " chunks, last_key, target FROM record_run");

	while (store_row(store, row)) {
		struct record_run *run = new_run(store);

		if (!run)
			break;
		run->id = sqlite3_column_int64(row, 0);
		run->source = sqlite3_column_int64(row, 1);
		run->level = sqlite3_column_int64(row, 2);
		run->age = sqlite3_column_int64(row, 3);
		run->state = (enum record_state)sqlite3_column_int(row, 4);
		run->entries = sqlite3_column_int64(row, 5);
		run->pages = sqlite3_column_int64(row, 6);
		run->chunks = sqlite3_column_int64(row, 7);
		run->last_key = sqlite3_column_int64(row, 8);
		run->target = sqlite3_column_int64(row, 9);
		if (!add_run(store, runs, run)) {
			run_free(run);
			break;
		}
	}
	if (row)
		(void)sqlite3_reset(row); /* may have stopped before the end */
}

struct record_runs *record_runs(struct store *store)
{
	if (store->records)
		return store->records;
	if (store_failed(store))
		return NULL;
	store->records = calloc(1, sizeof(*store->records));
	if (!store->records) {
		(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
		return NULL;
	}
	load_runs(store, store->records);
	if (!store_failed(store))
		return store->records;
	record_runs_forget(store);
	return NULL;
}

size_t record_live_runs(struct store *store, int64_t source, struct record_run ***ret_live)
{
	const struct record_runs *runs = record_runs(store);
	struct record_run **live = NULL;
	size_t count = 0, capacity = 0;

	*ret_live = NULL;
	for (size_t i = 0; runs && i < runs->count; i++) {
		if (runs->items[i]->source != source || runs->items[i]->state != RECORD_LIVE)
			continue;
		if (!STORE_GROW(live, count, capacity)) {
			(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
			break;
		}
		live[count++] = runs->items[i];
	}
	*ret_live = live;
	return count;
}

struct record_run *record_run_new(struct store *store, int64_t source, int64_t level, int64_t age,
				  enum record_state state)
{
	struct record_runs *runs = record_runs(store);
	struct record_run *run = runs ? new_run(store) : NULL;

	if (!run)
		return NULL;
	*run = (struct record_run){ .source = source,
				    .level = level,
				    .age = age,
				    .state = state,
				    .last_key = INT64_MIN,
				    .indexed = true };
	run->id = store_number(store, "SELECT max(id) FROM record_run", 0, "") + 1;
	if (!run->age)
		run->age = run->id;
	store_run(store,
		  "INSERT INTO record_run (id, source, level, age, state, entries, pages, chunks,"
		  " last_key, target) VALUES (?, ?, ?, ?, ?, 0, 0, 0, ?, 0)",
		  "iiiiii", run->id, source, level, run->age, (int64_t)state, run->last_key);
	if (store_failed(store) || !add_run(store, runs, run)) {
		run_free(run);
		return NULL;
	}
	return run;
}

void record_run_save(struct store *store, const struct record_run *run)
{
	store_run(store,
		  "UPDATE record_run SET state = ?, entries = ?, pages = ?, chunks = ?,"
		  " last_key = ?, target = ? WHERE id = ?",
		  "iiiiiii", (int64_t)run->state, run->entries, run->pages, run->chunks,
		  run->last_key, run->target, run->id);
}

void record_run_drop(struct store *store, struct record_run *run)
{
	struct record_runs *runs = store->records;

	store_run(store, "DELETE FROM record_index WHERE id >= ? AND id < ?", "ii",
		  run->id << RECORD_RUN_SHIFT, (run->id + 1) << RECORD_RUN_SHIFT);
	store_run(store, "DELETE FROM record_run WHERE id = ?", "i", run->id);
	for (size_t i = 0; i < runs->count; i++) {
		if (runs->items[i] != run)
			continue;
		runs->count--;
		memmove(&runs->items[i], &runs->items[i + 1],
			(runs->count - i) * sizeof(runs->items[0]));
		break;
	}
	run_free(run);
}

/* ── the index ─────────────────────────────────────────────────────────────────────────────── */

static uint16_t print_of(int64_t key)
{
	return (uint16_t)((uint64_t)key * UINT64_C(0x9e3779b97f4a7c15) >> 48);
}

static bool add_page(struct store *store, struct record_run *run, size_t page, int64_t first_key)
{
	if (STORE_GROW(run->first_keys, page, run->page_capacity) &&
	    STORE_GROW(run->print_ends, page, run->end_capacity)) {
		run->first_keys[page] = first_key;
		run->print_ends[page] = (uint32_t)run->print_count;
		return true;
	}
	(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
	return false;
}

static bool add_prints(struct store *store, struct record_run *run, size_t page, const void *prints,
		       size_t count)
{
	while (run->print_count + count > run->print_capacity)
		if (!store_grow((void **)&run->prints, sizeof(run->prints[0]),
				&run->print_capacity)) {
			(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
			return false;
		}
	memcpy(run->prints + run->print_count, prints, count * sizeof(run->prints[0]));
	run->print_count += count;
	run->print_ends[page] = (uint32_t)run->print_count;
	return true;
}

static void *damaged_run(struct store *store, const struct record_run *run, const char *what)
{
	(void)store_fail(
		store, FAULT_SYSTEM,
		"store: the %s of record run %lld cannot be read; the file is damaged. Move it aside (keep it) and import the documents in the spools' done/ directories again",
		what, (long long)run->id);
	return NULL;
}

/* One row: of each page its first key and the count of its prints, then all the prints. */
static bool read_chunk(struct store *store, struct record_run *run, const unsigned char *data,
		       size_t size, size_t *page)
{
	const unsigned char *prints;
	uint32_t pages, used = 0;

	if (size < sizeof(pages))
		return false;
	memcpy(&pages, data, sizeof(pages));
	data += sizeof(pages);
	size -= sizeof(pages);
	if (pages > size / 12)
		return false;
	prints = data + (size_t)pages * 12;
	size = (size - (size_t)pages * 12) / sizeof(run->prints[0]);
	for (uint32_t i = 0; i < pages; i++, data += 12) {
		int64_t first_key;
		uint32_t count;

		memcpy(&first_key, data, 8);
		memcpy(&count, data + 8, 4);
		if (count > size - used)
			return false;
		if (!add_page(store, run, *page, first_key) ||
		    !add_prints(store, run, *page, prints + (size_t)used * sizeof(run->prints[0]),
				count))
			return true; /* told */
		used += count;
		(*page)++;
	}
	return true;
}

bool record_run_index(struct store *store, struct record_run *run)
{
	sqlite3_stmt *row;
	size_t pages = 0;

	if (run->indexed || store_failed(store))
		return !store_failed(store);
	row = store_sql(store,
			"SELECT data FROM record_index WHERE id >= ? AND id < ? ORDER BY id");
	run->print_count = 0;
	store_bind(store, row, "ii", run->id << RECORD_RUN_SHIFT,
		   (run->id + 1) << RECORD_RUN_SHIFT);
	while (store_row(store, row))
		if (!read_chunk(store, run, sqlite3_column_blob(row, 0),
				(size_t)sqlite3_column_bytes(row, 0), &pages))
			(void)damaged_run(store, run, "index");
	if (!store_failed(store) && (int64_t)pages != run->pages)
		(void)damaged_run(store, run, "index");
	if (row)
		(void)sqlite3_reset(row); /* may have stopped before the end */
	run->saved_pages = pages;
	run->hint = 0;
	run->indexed = !store_failed(store);
	return run->indexed;
}

static void save_index(struct store *store, struct record_run *run)
{
	size_t pages = (size_t)run->pages - run->saved_pages;
	uint32_t start = run->saved_pages ? run->print_ends[run->saved_pages - 1] : 0;
	size_t prints = (run->print_count - start) * sizeof(run->prints[0]);
	size_t size = 4 + pages * 12 + prints;
	unsigned char *data, *out;
	uint32_t count = (uint32_t)pages;

	if (!pages || store_failed(store))
		return;
	data = malloc(size);
	if (!data) {
		(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
		return;
	}
	memcpy(data, &count, 4);
	out = data + 4;
	for (size_t i = run->saved_pages; i < (size_t)run->pages; i++, out += 12) {
		uint32_t of_page = run->print_ends[i] - (i ? run->print_ends[i - 1] : 0);

		memcpy(out, &run->first_keys[i], 8);
		memcpy(out + 8, &of_page, 4);
	}
	memcpy(out, run->prints + start, prints);
	store_run(store, "INSERT INTO record_index (id, data) VALUES (?, ?)", "ib",
		  run->id << RECORD_RUN_SHIFT | run->chunks, data, size);
	free(data);
	run->chunks++;
	run->saved_pages = (size_t)run->pages;
}

size_t record_run_seek(struct record_run *run, int64_t key)
{
	size_t low = run->hint, count = (size_t)run->pages, step = 1, high;

	/* First page whose first key is not less; from where the last one was, in growing steps. */
	while (low + step < count && run->first_keys[low + step] < key) {
		low += step;
		step *= 2;
	}
	high = low + step < count ? low + step : count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (run->first_keys[middle] < key)
			low = middle + 1;
		else
			high = middle;
	}
	run->hint = low ? low - 1 : 0;
	return run->hint;
}

/* Four prints at a time: "haszero" of Bit Twiddling Hacks, on 16-bit lanes. */
bool record_page_may_hold(const struct record_run *run, size_t page, int64_t key)
{
	const uint16_t *print = run->prints + (page ? run->print_ends[page - 1] : 0);
	const uint16_t *end = run->prints + run->print_ends[page];
	uint16_t wanted = print_of(key);
	uint64_t four = wanted * UINT64_C(0x0001000100010001), found = 0;

	for (; end - print >= 4; print += 4) {
		uint64_t lanes;

		memcpy(&lanes, print, sizeof(lanes));
		lanes ^= four;
		found |= (lanes - UINT64_C(0x0001000100010001)) & ~lanes &
			 UINT64_C(0x8000800080008000);
	}
	for (; print < end; print++)
		found |= *print == wanted;
	return found != 0;
}

/* ── pages ─────────────────────────────────────────────────────────────────────────────────── */

bool record_page_read(struct store *store, const struct record_run *run, int64_t page,
		      struct record_buffer *buffer, struct record_cursor *ret_cursor)
{
	sqlite3_stmt *row = store_sql(store, "SELECT data FROM record_page WHERE id = ?");
	size_t size;

	store_bind(store, row, "i", run->id << RECORD_RUN_SHIFT | page);
	if (!store_row(store, row)) {
		if (!store_failed(store))
			(void)damaged_run(store, run, "pages");
		return false;
	}
	size = (size_t)sqlite3_column_bytes(row, 0);
	while (buffer->capacity < size)
		if (!store_grow((void **)&buffer->data, 1, &buffer->capacity)) {
			(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
			break;
		}
	if (!store_failed(store) && size)
		memcpy(buffer->data, sqlite3_column_blob(row, 0), size);
	(void)sqlite3_reset(row); /* one row was wanted */
	*ret_cursor = (struct record_cursor){ .at = buffer->data, .end = buffer->data + size };
	return !store_failed(store);
}

static void write_page(struct record_writer *writer)
{
	struct record_run *run = writer->run;

	if (!writer->used)
		return;
	store_run(writer->store, "INSERT INTO record_page (id, data) VALUES (?, ?)", "ib",
		  run->id << RECORD_RUN_SHIFT | run->pages, writer->page, writer->used);
	run->pages++;
	writer->used = 0;
	if ((size_t)run->pages - run->saved_pages == CHUNK_PAGES)
		save_index(writer->store, run);
}

void record_write(struct record_writer *writer, int64_t key, const unsigned char *body, size_t size)
{
	struct record_run *run = writer->run;
	bool first;

	if (store_failed(writer->store))
		return;
	/* 10 for the key, 2 for the length: the most that they take */
	if (writer->used && writer->used + size + 12 > RECORD_PAGE_BYTES)
		write_page(writer);
	first = !writer->used;
	if (first && !add_page(writer->store, run, (size_t)run->pages, key))
		return;
	if (first || writer->key != key) {
		uint16_t print = print_of(key);

		if (!add_prints(writer->store, run, (size_t)run->pages, &print, 1))
			return;
	}
	writer->used = record_append(writer->page, writer->used, first ? NULL : &writer->key, key,
				     body, size);
	writer->key = key;
	run->entries++;
}

void record_write_end(struct record_writer *writer)
{
	write_page(writer);
	save_index(writer->store, writer->run);
	record_run_save(writer->store, writer->run);
}
