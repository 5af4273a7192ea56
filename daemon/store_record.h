/* SPDX-License-Identifier: MIT
 *
 * store_record.h - what store_record*.c share: versions of records as they are kept.
 *
 * Form (docs/ARCHITECTURE.md, "Records"): the new versions of a batch, sorted by key, are one *run*
 * of pages, appended; a full level of runs is merged into one run of the next level, a bounded
 * stretch at a time. Of a run, memory holds the first key of each page and 16 bits of each key, so
 * that a new key costs no reading and a known one costs about one page.
 *
 * Memory, bytes: 2 a distinct key of each run + 12 a page (about 80 versions), twice while the
 * largest runs are merged; loaded when the first record after a start is put. 10 million keys:
 * about 22 MB, 44 MB during that merge.
 */
#pragma once

#include "store_internal.h"

/* A page and its row fit one SQLite page of 4096 bytes: U-35 of "Database File Format", 1.6. */
#define RECORD_PAGE_BYTES  4040u
#define RECORD_ENTRY_BYTES 1400u /* of one version: key 10, length 2, 57 of its own, 41 a part */
#define RECORD_FANOUT	   12u	 /* runs of one level that become one of the next */
#define RECORD_RUN_SHIFT   24	 /* page n of run r is row r << 24 | n */
#define RECORD_RUN_ENTRIES 16384 /* of level 0, about; tells the level of a migrated run */

/* ── versions ──────────────────────────────────────────────────────────────────────────────── */

struct record_head {
	int64_t known_at, rank, digest, at, release, replaces;
};

struct record_version {
	struct record_head head;
	struct store_part parts[BATCH_VERSION_PARTS_MAX]; /* series_hash is not kept: 0 */
	size_t part_count;
};

/* Whether a counts before b: by (known_at, rank, at, digest). */
bool record_is_after(const struct record_head *a, const struct record_head *b);
/* The same version of a key, wherever it was said. */
bool record_is_same(const struct record_head *a, const struct record_head *b);

/* The body of a version: everything but its key. At most RECORD_ENTRY_BYTES - 20. */
size_t record_encode(const struct record_version *version, unsigned char *body);
/* false: damaged. */
bool record_decode(const unsigned char *body, size_t size, struct record_version *ret_version);
/* Only what orders it. */
bool record_decode_head(const unsigned char *body, size_t size, struct record_head *ret_head);

/* Entries of a page, in order of key. */
struct record_cursor {
	const unsigned char *at, *end;
	int64_t key;
	const unsigned char *body;
	size_t size;
	bool begun, damaged;
};
bool record_next(struct record_cursor *cursor);
/* Appends an entry; returns the new size. previous: key before it in the page, NULL = first. */
size_t record_append(unsigned char *page, size_t used, const int64_t *previous, int64_t key,
		     const unsigned char *body, size_t size);

/* ── runs ──────────────────────────────────────────────────────────────────────────────────── */

enum record_state {
	RECORD_LIVE,	 /* its versions are true */
	RECORD_BUILDING, /* the output of a merge that is not done; not read */
	RECORD_DEAD,	 /* merged away; its pages are being deleted */
};

struct record_run {
	int64_t id, source, level;
	int64_t age; /* of two runs with the same version, the greater one says where it was said */
	enum record_state state;
	int64_t entries, pages, chunks;
	int64_t last_key; /* of a run being built: the merge has come so far */
	int64_t target;	  /* the run that it is merged into; 0 = none */
	/* the index; loaded when it is needed */
	bool indexed;
	int64_t *first_keys;  /* by page */
	uint32_t *print_ends; /* by page: where its prints end */
	uint16_t *prints;
	size_t page_capacity, end_capacity, print_count, print_capacity;
	size_t saved_pages; /* whose index is in the table */
	size_t hint;	    /* page where the last look-up ended; keys are asked in order */
};

struct record_runs {
	struct record_run **items; /* by source, then age, newest first */
	size_t count, capacity;
};

/* All runs; NULL after a failure. Kept until record_runs_forget(). */
struct record_runs *record_runs(struct store *store);
/* After a transaction that is no more, and at the end. */
void record_runs_forget(struct store *store);
/* A new run of the source, empty, written down. NULL after a failure. */
struct record_run *record_run_new(struct store *store, int64_t source, int64_t level, int64_t age,
				  enum record_state state);
void record_run_save(struct store *store, const struct record_run *run);
/* Forgets it; its pages are deleted already. */
void record_run_drop(struct store *store, struct record_run *run);
/* Makes sure that the index is in memory; false after a failure. */
bool record_run_index(struct store *store, struct record_run *run);
/* First page that may hold the key, from run->hint on: keys must be asked in order. Reset hint to 0
 * to begin anew. */
size_t record_run_seek(struct record_run *run, int64_t key);
bool record_page_may_hold(const struct record_run *run, size_t page, int64_t key);
/* Reads a page into the buffer (grown as needed) and sets the cursor to its start. */
struct record_buffer {
	unsigned char *data;
	size_t capacity;
};
bool record_page_read(struct store *store, const struct record_run *run, int64_t page,
		      struct record_buffer *buffer, struct record_cursor *ret_cursor);

/* Writes entries in order of key to the end of a run. */
struct record_writer {
	struct store *store;
	struct record_run *run;
	unsigned char page[RECORD_PAGE_BYTES];
	size_t used;
	int64_t key; /* last */
};
void record_write(struct record_writer *writer, int64_t key, const unsigned char *body,
		  size_t size);
/* Writes the last page and the index of what was added, and saves the run. */
void record_write_end(struct record_writer *writer);

/* ── several runs as one ───────────────────────────────────────────────────────────────────── */

struct record_input {
	const struct record_run *run;
	int64_t page;
	struct record_buffer buffer;
	struct record_cursor cursor;
	size_t order; /* 0 = newest */
};

struct record_merge {
	struct store *store;
	struct record_input *inputs; /* newest first */
	size_t input_count;
	struct record_input **heap; /* of those that have an entry */
	size_t heap_count;
	/* the versions of the key last given */
	unsigned char *bodies;
	size_t body_bytes, body_capacity;
	struct {
		size_t start, size;
	} * versions;
	size_t version_count, version_capacity;
};

/* runs: newest first, of one source. after: begins behind this key; NULL = at the start. */
bool record_merge_begin(struct store *store, struct record_run *const *runs, size_t count,
			const int64_t *after, struct record_merge *ret_merge);
/* The next key and its versions, each once. false at the end and after a failure. */
bool record_merge_next(struct record_merge *merge, int64_t *ret_key);
void record_merge_end(struct record_merge *merge);

/* Goes on with merging runs of the source, in proportion to the versions that were just put. */
void record_tidy(struct store *store, int64_t source, size_t put);
/* How many runs there are, live ones of the source first in *ret_live (to be freed). */
size_t record_live_runs(struct store *store, int64_t source, struct record_run ***ret_live);

/* Takes over the table `record` of format 4; inside the migration's transaction. */
int record_migrate(struct store *store, struct fault *fault);
