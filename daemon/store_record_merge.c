/* SPDX-License-Identifier: MIT
 *
 * store_record_merge.c - several runs read as one, and runs made into larger ones. Main only.
 *
 * Invariant: at any moment, the live runs together hold every version of every key at least once.
 * The output of a merge is not read before it is whole; then, in one transaction, it takes the
 * place of its inputs. A stretch of a merge ends between two keys and leaves all that is needed to
 * go on in the tables, so nothing is lost or doubled by a crash. Never merges more at once than in
 * proportion to what was put: a commit stays short.
 */
#include "store_record.h"

#include <stdlib.h>
#include <string.h>

#define TIDY_ENTRIES_MIN 2048 /* of each level at least: a batch of few records merges few runs */
#define TIDY_PAGES_MIN	 32   /* deleted at least */
#define TIDY_SHARE	 2 /* entries of each level merged for one that is put; 1 would just do */

/* ── several runs as one ───────────────────────────────────────────────────────────────────── */

static bool comes_before(const struct record_input *a, const struct record_input *b)
{
	if (a->cursor.key != b->cursor.key)
		return a->cursor.key < b->cursor.key;
	return a->order < b->order;
}

static void sift_down(struct record_merge *merge, size_t i)
{
	struct record_input *moved = merge->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= merge->heap_count)
			break;
		if (child + 1 < merge->heap_count &&
		    comes_before(merge->heap[child + 1], merge->heap[child]))
			child++;
		if (!comes_before(merge->heap[child], moved))
			break;
		merge->heap[i] = merge->heap[child];
		i = child;
	}
	merge->heap[i] = moved;
}

/* The next entry of the input; false at its end and after a failure. */
static bool advance(struct record_merge *merge, struct record_input *input)
{
	while (!record_next(&input->cursor)) {
		if (input->cursor.damaged) {
			(void)store_fail(
				merge->store, FAULT_SYSTEM,
				"store: page %lld of record run %lld is damaged; move the file aside (keep it) and import the documents in the spools' done/ directories again",
				(long long)input->page, (long long)input->run->id);
			return false;
		}
		if (++input->page >= input->run->pages ||
		    !record_page_read(merge->store, input->run, input->page, &input->buffer,
				      &input->cursor))
			return false;
	}
	return true;
}

/* Sets the input to its first entry behind the key. */
static bool begin_input(struct record_merge *merge, struct record_input *input,
			struct record_run *run, const int64_t *after)
{
	input->run = run;
	input->page = 0;
	if (!run->pages)
		return false;
	if (after) {
		if (!record_run_index(merge->store, run))
			return false;
		run->hint = 0;
		input->page = (int64_t)record_run_seek(run, *after);
		run->hint = 0;
	}
	if (!record_page_read(merge->store, run, input->page, &input->buffer, &input->cursor))
		return false;
	while (advance(merge, input))
		if (!after || input->cursor.key > *after)
			return true;
	return false;
}

bool record_merge_begin(struct store *store, struct record_run *const *runs, size_t count,
			const int64_t *after, struct record_merge *ret_merge)
{
	*ret_merge = (struct record_merge){
		.store = store,
		.inputs = calloc(count + 1, sizeof(*ret_merge->inputs)),
		.heap = calloc(count + 1, sizeof(struct record_input *)),
	};
	if (!ret_merge->inputs || !ret_merge->heap) {
		(void)store_fail(store, FAULT_MEMORY, "store: out of memory");
		return false;
	}
	ret_merge->input_count = count;
	for (size_t i = 0; i < count; i++) {
		struct record_input *input = &ret_merge->inputs[i];

		input->order = i;
		if (begin_input(ret_merge, input, runs[i], after))
			ret_merge->heap[ret_merge->heap_count++] = input;
	}
	for (size_t i = ret_merge->heap_count; i-- > 0;)
		sift_down(ret_merge, i);
	return !store_failed(store);
}

static bool keep_body(struct record_merge *merge, const struct record_cursor *cursor)
{
	while (merge->body_bytes + cursor->size > merge->body_capacity)
		if (!store_grow((void **)&merge->bodies, 1, &merge->body_capacity))
			return false;
	if (!STORE_GROW(merge->versions, merge->version_count, merge->version_capacity))
		return false;
	memcpy(merge->bodies + merge->body_bytes, cursor->body, cursor->size);
	merge->versions[merge->version_count].start = merge->body_bytes;
	merge->versions[merge->version_count].size = cursor->size;
	merge->version_count++;
	merge->body_bytes += cursor->size;
	return true;
}

/* A newer run has the same version: what this one says of it is of the past. */
static bool is_kept_already(const struct record_merge *merge, const struct record_cursor *cursor)
{
	struct record_head head, kept;

	if (!merge->version_count || !record_decode_head(cursor->body, cursor->size, &head))
		return false;
	for (size_t i = 0; i < merge->version_count; i++)
		if (record_decode_head(merge->bodies + merge->versions[i].start,
				       merge->versions[i].size, &kept) &&
		    record_is_same(&kept, &head))
			return true;
	return false;
}

bool record_merge_next(struct record_merge *merge, int64_t *ret_key)
{
	merge->version_count = 0;
	merge->body_bytes = 0;
	if (!merge->heap_count || store_failed(merge->store))
		return false;
	*ret_key = merge->heap[0]->cursor.key;
	while (merge->heap_count && merge->heap[0]->cursor.key == *ret_key) {
		struct record_input *input = merge->heap[0];

		if (!is_kept_already(merge, &input->cursor) && !keep_body(merge, &input->cursor)) {
			(void)store_fail(merge->store, FAULT_MEMORY, "store: out of memory");
			return false;
		}
		if (!advance(merge, input))
			merge->heap[0] = merge->heap[--merge->heap_count];
		if (merge->heap_count)
			sift_down(merge, 0);
	}
	return !store_failed(merge->store);
}

void record_merge_end(struct record_merge *merge)
{
	for (size_t i = 0; i < merge->input_count; i++)
		free(merge->inputs[i].buffer.data);
	free(merge->inputs);
	free(merge->heap);
	free(merge->bodies);
	free(merge->versions);
}

/* ── larger runs ───────────────────────────────────────────────────────────────────────────── */

/* Runs of the source that are merged into that one, newest first. */
static size_t inputs_of(const struct record_runs *runs, const struct record_run *output,
			struct record_run **inputs)
{
	size_t count = 0;

	for (size_t i = 0; i < runs->count && count < RECORD_FANOUT; i++)
		if (runs->items[i]->target == output->id && runs->items[i]->state == RECORD_LIVE)
			inputs[count++] = runs->items[i];
	return count;
}

static void finish_merge(struct store *store, struct record_run *output,
			 struct record_run *const *inputs, size_t count)
{
	store_step();
	output->state = RECORD_LIVE;
	record_run_save(store, output);
	for (size_t i = 0; i < count; i++) {
		inputs[i]->state = RECORD_DEAD;
		inputs[i]->indexed = false;
		free(inputs[i]->prints);
		inputs[i]->prints = NULL;
		inputs[i]->print_capacity = inputs[i]->print_count = 0;
		record_run_save(store, inputs[i]);
	}
	store_step();
}

/* Merges on from the output's last key, so many entries or a few more. */
static void go_on(struct store *store, struct record_runs *runs, struct record_run *output,
		  size_t entries)
{
	struct record_writer writer = { .store = store, .run = output };
	struct record_run *inputs[RECORD_FANOUT];
	size_t count = inputs_of(runs, output, inputs), done = 0;
	struct record_merge merge;
	bool more = false;
	int64_t key;

	store_step();
	if (!record_run_index(store, output))
		return;
	if (record_merge_begin(store, inputs, count, output->pages ? &output->last_key : NULL,
			       &merge)) {
		while (done < entries && (more = record_merge_next(&merge, &key))) {
			for (size_t i = 0; i < merge.version_count; i++)
				record_write(&writer, key, merge.bodies + merge.versions[i].start,
					     merge.versions[i].size);
			done += merge.version_count;
			output->last_key = key;
		}
	}
	record_merge_end(&merge);
	record_write_end(&writer);
	if (!more && !store_failed(store))
		finish_merge(store, output, inputs, count);
}

/* Begins a merge when a level is full: its oldest runs, so that ages stay in order. */
static struct record_run *begin_merge(struct store *store, const struct record_runs *runs,
				      int64_t source, int64_t level)
{
	struct record_run *inputs[RECORD_FANOUT], *output;
	size_t count = 0;

	for (size_t i = runs->count; i-- > 0 && count < RECORD_FANOUT;) {
		struct record_run *run = runs->items[i];

		if (run->source == source && run->level == level && run->state == RECORD_LIVE &&
		    !run->target)
			inputs[count++] = run;
	}
	if (count < RECORD_FANOUT)
		return NULL;
	output = record_run_new(store, source, level + 1, inputs[count - 1]->age, RECORD_BUILDING);
	for (size_t i = 0; output && i < count; i++) {
		inputs[i]->target = output->id;
		record_run_save(store, inputs[i]);
	}
	return output;
}

static struct record_run *merge_into(const struct record_runs *runs, int64_t source, int64_t level)
{
	for (size_t i = 0; i < runs->count; i++)
		if (runs->items[i]->source == source && runs->items[i]->level == level &&
		    runs->items[i]->state == RECORD_BUILDING)
			return runs->items[i];
	return NULL;
}

/* Deletes pages of runs that were merged away, from their ends; then the runs. */
static void bury(struct store *store, struct record_runs *runs, int64_t source, int64_t pages)
{
	for (size_t i = 0; i < runs->count && pages > 0 && !store_failed(store);) {
		struct record_run *run = runs->items[i];
		int64_t keep;

		if (run->source != source || run->state != RECORD_DEAD) {
			i++;
			continue;
		}
		keep = run->pages > pages ? run->pages - pages : 0;
		pages -= run->pages - keep;
		store_step();
		store_run(store, "DELETE FROM record_page WHERE id >= ? AND id < ?", "ii",
			  run->id << RECORD_RUN_SHIFT | keep,
			  run->id << RECORD_RUN_SHIFT | run->pages);
		run->pages = keep;
		if (keep)
			record_run_save(store, run);
		else
			record_run_drop(store, run);
	}
}

void record_tidy(struct store *store, int64_t source, size_t put)
{
	struct record_runs *runs = record_runs(store);
	size_t entries = TIDY_SHARE * put > TIDY_ENTRIES_MIN ? TIDY_SHARE * put : TIDY_ENTRIES_MIN;
	int64_t pages = 0, top = 0;

	for (size_t i = 0; runs && i < runs->count; i++)
		if (runs->items[i]->source == source && runs->items[i]->level > top)
			top = runs->items[i]->level;
	for (int64_t level = 0; runs && level <= top && !store_failed(store); level++) {
		struct record_run *output = merge_into(runs, source, level + 1);

		if (!output)
			output = begin_merge(store, runs, source, level);
		if (!output)
			continue;
		pages -= output->pages;
		go_on(store, runs, output, entries);
		pages += output->pages;
	}
	if (runs)
		bury(store, runs, source, 2 * pages + TIDY_PAGES_MIN);
}
