/* SPDX-License-Identifier: MIT
 *
 * store_internal.h - what store*.c share: the handle, statements by their text, the sticky failure,
 * combining points.
 */
#pragma once

#include <sqlite3.h>

#include "store.h"

#define STORE_STATEMENTS_MAX 192u

#define STORE_PATH_MAX	     4200u
#define STORE_PAGE_BYTES     4096u
#define STORE_PAGE_SUM_BYTES 8u /* at the end of every page: store_pages.c */

struct store {
	sqlite3 *db;
	char *path;
	int lock_fd;
	struct store_trouble trouble;
	store_tell_fn *tell;
	void *tell_context;
	bool writing;
	struct fault fault; /* sticky while writing; kind FAULT_NONE = good */
	struct {
		const char *sql; /* identity: the address of the literal */
		sqlite3_stmt *statement;
	} statements[STORE_STATEMENTS_MAX];
	size_t statement_count;
	struct store_puts *puts;     /* records of the batch in hand: store_record.c */
	struct record_runs *records; /* what is known of the runs: store_record_run.c */
	struct store_as_of *as_of;   /* the answer last computed: store_record_read.c */
	int64_t change_count; /* rows of the table change, with those of this transaction; -1 = to
				 be counted */
};

/* The prepared statement of a string literal, reset and without bindings; NULL after a failure
 * (sticky). */
sqlite3_stmt *store_sql(struct store *store, const char *sql);
/* Binds by a pattern, one letter a parameter: i int64_t, d double (NaN becomes NULL), t const char
 *, b const void * and size_t, n NULL. */
void store_bind(struct store *store, sqlite3_stmt *statement, const char *pattern, ...);
/* Next row: true. false at the end or after a failure; the statement is reset then. */
bool store_row(struct store *store, sqlite3_stmt *statement);
/* Binds and runs a statement that gives no rows. */
void store_run(struct store *store, const char *sql, const char *pattern, ...);
/* Binds, runs, returns the first column of the first row, or the fallback. */
int64_t store_number(struct store *store, const char *sql, int64_t fallback, const char *pattern,
		     ...);
/* Remembers SQLite's own error; returns -1. */
int store_sqlite_failed(struct store *store, const char *doing);

/* Text column, never NULL. */
const char *store_text(sqlite3_stmt *statement, int column);
double store_real(sqlite3_stmt *statement, int column); /* NULL = NaN */

/* Forgets the records that were put and not settled. */
void store_puts_forget(struct store *store);

int store_schema(struct store *store, struct fault *fault);
/* The SQL functions spread_of() and spread_add(), over distributions of events (spread.h). SQLite's
 * result code. */
int store_event_functions(sqlite3 *db);
/* The name of the VFS that checks pages, registered at the first call; NULL: out of memory. */
const char *store_pages_vfs(void);

/* store_wal.c: whether commits that were finished stand behind a frame that is not whole (or its
   header is not one). Reads all of it. */
bool store_wal_is_damaged(const char *wal_path);

/* store_damage.c */

/* Whether what lies at the path (and beside it) cannot be this daemon's store as it left it, seen
   without SQLite: not a file, empty or gone though the state directory was in use, a log that is
   damaged before its end. FAULT_DAMAGED with the reason, else 0. */
int store_looks_damaged(const char *path, struct fault *fault);
/* Remembers, past this process, that the store is damaged; the next open looks at all of it. */
void store_note_damage(const char *path);
bool store_damage_noted(const char *path);
void store_forget_damage(const char *path);
/* Renames what is there to PATH.damaged-TIME, with its -wal and -shm; never over anything. Before
   that it leaves the order to rebuild. */
int store_set_aside(const char *path, const char *why, struct fault *fault);
/* The first sequence of a store that is made in place of one that was set aside; 0 = this one is
   not. */
uint64_t store_rebuild_sequence(const char *path);

#define STORE_SHEETS_BYTES 2048u /* names of a release's sheets; later ones are told by number */
/* One name a line, as many as fit whole. */
void store_sheets(const char *const *sheets, size_t count, char *buffer, size_t size);
/* Orders releases of the same instant by their content. */
int64_t store_tie(const uint8_t sha256[SHA256_BYTES]);
/* The release of an earlier failure is read again, and this time it gives batches: what is kept of
 * the failure, so many rejects, is taken back. */
void store_failed_again(struct store *store, const struct store_release *release,
			const struct batch_release *from, const char *plugin_version,
			int64_t rejected, int64_t now_ms);

void store_tally_add(struct store_tally *tally, double value, uint8_t status, int sign);
void store_tally_merge(struct store_tally *tally, const struct store_tally *other);
/* final; provisional or estimated when a part is; estimated when a part is missing, missing when
 * all are. */
enum strait_status store_tally_status(const struct store_tally *tally);
double store_tally_value(const struct store_tally *tally); /* NaN when missing */
/* Adds the tally to the current point of a period. A point that nothing is left of stays, with
 * count 0, for its date. */
void store_point_add(struct store *store, int64_t series, int32_t day,
		     const struct store_tally *delta, struct store_effect *effect);
/* The period was spoken of at that time: its date moves on, never back. */
void store_point_touch(struct store *store, int64_t series, int32_t day, int64_t published_at_ms);
/* So many values more (or fewer) in a bucket of a period; an empty bucket has no row. */
void store_bucket_add(struct store *store, int64_t series, int32_t day, int64_t bucket,
		      int64_t count);

/* A growing list of T: pointer, count, capacity. */
#define STORE_GROW(list, count, capacity)                                                          \
	((count) < (capacity) || store_grow((void **)&(list), sizeof(*(list)), &(capacity)))
bool store_grow(void **list, size_t item_bytes, size_t *capacity);

/* Reading verbs: clear the sticky failure when no transaction is open; hand it over at the end. */
void store_read(struct store *store);
int store_read_end(struct store *store, struct fault *fault);

/* "SB_01!B978" from a cell, "byte 1234" from an offset; sheets as store_batch.c wrote them. */
void store_place(uint64_t at, const char *sheets, char *buffer, size_t size);

/* A day that the newest release covering it (as of that instant) does not have is withdrawn: its
   version is older than that coverage. */
bool store_withdrawn_as_of(struct store *store, int64_t metric, int64_t day,
			   int64_t published_at_ms, int64_t tie, int64_t as_of_ms);

/* Releases r whose events counted at an instant (parameter 4): finished, published by then, and the
 * newest of their dataset. */
#define STORE_COUNTED_RELEASE                                                                      \
	" r.complete = 1 AND r.published_at <= ?4 AND (r.dataset = '' OR NOT EXISTS (SELECT 1 "    \
	"FROM release n"                                                                           \
	" WHERE n.source = r.source AND n.dataset = r.dataset AND n.complete = 1 AND "             \
	"n.published_at <= ?4"                                                                     \
	" AND (n.published_at, n.tie) > (r.published_at, r.tie)))"

/* Every version of a record that counts at an instant, with where it stands. parts are valid during
   the call. */
struct store_record {
	const struct store_part *parts;
	size_t part_count;
	int64_t known_at_ms;
	int64_t release;
	uint64_t at;
};
typedef void store_record_fn(void *context, const struct store_record *record);
void store_records_counting(struct store *store, int64_t as_of_ms, store_record_fn *each,
			    void *context);
/* The periods of all records as known at an instant: what counts in them, and when they were last
   spoken of; of every series, in no order. Valid until the next question or store_as_of_trim(). One
   walk over all versions, kept for the next question about the same instant. NULL after a failure;
   FAULT_TOO_LARGE: there are more versions than may be walked in one go. */
struct store_sums;
const struct store_sums *store_records_as_of(struct store *store, int64_t as_of_ms);
/* At the end of a question: forgets what is too large to be kept. */
void store_as_of_trim(struct store *store);
/* Other versions are, or may be, stored now. */
void store_as_of_forget(struct store *store);

/* Instants at which a key that ever counted in that day of those series got a version. Replacement
   by another key is found through the replacing key's own versions. */
typedef void store_instant_fn(void *context, int64_t known_at_ms, int64_t release);
void store_record_instants(struct store *store, const int64_t *series, size_t series_count,
			   int32_t day, store_instant_fn *each, void *context);
/* Versions of records that are kept, about: one that was said twice may be counted twice. */
int64_t store_record_versions(struct store *store);
