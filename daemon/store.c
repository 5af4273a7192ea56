/* SPDX-License-Identifier: MIT
 *
 * store.c - opening, locking and checking the store, statements, the transaction with its sticky
 * failure.
 *
 * Main process only. Invariant: nothing is written outside store_begin/store_end, and a transaction
 * in which one verb failed is never committed. Never interprets SQLite's error texts; never repairs
 * a damaged file in place.
 */
#include "store_record.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "log.h"
#include "test_point.h"

void store_step(void)
{
	test_point();
}

/* ── trouble ───────────────────────────────────────────────────────────────────────────────── */

/* What an admin does about it. */
static const char *remedy_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return "; free space on its file system, and storing goes on by itself";
	case SQLITE_READONLY:
		return "; make its file system and directory writable again, and storing goes on by itself";
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return "; look at the disk (dmesg) and at the free space; it is tried again by itself";
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return "; the file is damaged; it is set aside and rebuilt at the next start";
	case SQLITE_NOMEM:
		return "; give the daemon more memory; it is tried again by itself";
	default:
		return "";
	}
}

static bool is_damage(int code)
{
	return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

/* SQLite knows the errno of these; for the others it would be an old one. */
static int errno_of(sqlite3 *db, int code)
{
	return (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN ||
			       (code & 0xff) == SQLITE_FULL
		       ? sqlite3_system_errno(db)
		       : 0;
}

/* After a failed write or sync the handle stays open: SQLite has not moved its mark in the log, so
 * the next commit writes the same frames again, which is what a failed sync asks for. Another
 * handle would find the frames of the failed commit, maybe whole, and make it true behind the
 * ledger's back; the next start may, because the ledger is read anew there. */
static void set_trouble(struct store *store, const char *text, bool damaged)
{
	bool changed = strcmp(store->trouble.text, text) != 0 || store->trouble.damaged != damaged;

	if (damaged && !store->trouble.damaged)
		store_note_damage(store->path);
	store->trouble.damaged = damaged;
	(void)snprintf(store->trouble.text, sizeof(store->trouble.text), "%s", text);
	if (changed && store->tell)
		store->tell(store->tell_context);
}

void store_on_trouble(struct store *store, store_tell_fn *tell, void *context)
{
	store->tell = tell;
	store->tell_context = context;
}

const struct store_trouble *store_trouble(const struct store *store)
{
	return &store->trouble;
}

int store_sqlite_failed(struct store *store, const char *doing)
{
	int code = store->db ? sqlite3_extended_errcode(store->db) : SQLITE_NOMEM, error;
	const char *message = store->db ? sqlite3_errmsg(store->db) : "out of memory";
	enum fault_kind kind = FAULT_SYSTEM;

	if (store->fault.kind != FAULT_NONE)
		return -1;
	error = store->db ? errno_of(store->db, code) : 0;
	if (is_damage(code))
		kind = FAULT_DAMAGED;
	else if ((code & 0xff) == SQLITE_NOMEM)
		kind = FAULT_MEMORY;
	(void)fault_set(&store->fault, kind, "store '%s': %s: %s%s%s (SQLite %d)%s", store->path,
			doing, message, error ? ": " : "", error ? strerror(error) : "", code,
			remedy_of(code));
	set_trouble(store, store->fault.text, store->trouble.damaged || kind == FAULT_DAMAGED);
	return -1;
}

int store_fail(struct store *store, enum fault_kind kind, const char *format, ...)
{
	char text[FAULT_TEXT_MAX];
	va_list arguments;

	if (store->fault.kind != FAULT_NONE)
		return -1;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments); /* cut is fine */
	va_end(arguments);
	return fault_set(&store->fault, kind, "%s", text);
}

bool store_failed(const struct store *store)
{
	return store->fault.kind != FAULT_NONE;
}

/* ── statements ────────────────────────────────────────────────────────────────────────────── */

sqlite3_stmt *store_sql(struct store *store, const char *sql)
{
	sqlite3_stmt *statement = NULL;

	if (store_failed(store))
		return NULL;
	for (size_t i = 0; i < store->statement_count; i++) {
		if (store->statements[i].sql == sql) {
			statement = store->statements[i].statement;
			(void)sqlite3_reset(statement); /* repeats an error that was told already */
			(void)sqlite3_clear_bindings(statement);
			return statement;
		}
	}
	if (store->statement_count == STORE_STATEMENTS_MAX) {
		(void)store_fail(store, FAULT_BUG, "store: more than %u statements",
				 STORE_STATEMENTS_MAX);
		return NULL;
	}
	if (sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) !=
	    SQLITE_OK) {
		(void)store_sqlite_failed(store, "preparing a statement");
		return NULL;
	}
	store->statements[store->statement_count].sql = sql;
	store->statements[store->statement_count++].statement = statement;
	return statement;
}

static void bind_list(struct store *store, sqlite3_stmt *statement, const char *pattern,
		      va_list arguments)
{
	int result = SQLITE_OK;

	for (int i = 1; *pattern && result == SQLITE_OK; pattern++, i++) {
		switch (*pattern) {
		case 'i':
			result = sqlite3_bind_int64(statement, i, va_arg(arguments, int64_t));
			break;
		case 'd': {
			double value = va_arg(arguments, double);

			result = isnan(value) ? sqlite3_bind_null(statement, i)
					      : sqlite3_bind_double(statement, i, value);
			break;
		}
		case 't':
			result = sqlite3_bind_text(statement, i, va_arg(arguments, const char *),
						   -1, SQLITE_STATIC);
			break;
		case 'b': {
			const void *data = va_arg(arguments, const void *);
			size_t size = va_arg(arguments, size_t);

			result = sqlite3_bind_blob64(statement, i, size ? data : "", size,
						     SQLITE_STATIC);
			break;
		}
		case 'n':
			result = sqlite3_bind_null(statement, i);
			break;
		default:
			result = SQLITE_MISUSE;
		}
	}
	if (result != SQLITE_OK)
		(void)store_sqlite_failed(store, "binding a value");
}

void store_bind(struct store *store, sqlite3_stmt *statement, const char *pattern, ...)
{
	va_list arguments;

	if (!statement)
		return;
	va_start(arguments, pattern);
	bind_list(store, statement, pattern, arguments);
	va_end(arguments);
}

bool store_row(struct store *store, sqlite3_stmt *statement)
{
	int result;

	if (!statement || store_failed(store))
		return false;
	result = sqlite3_step(statement);
	if (result == SQLITE_ROW)
		return true;
	if (result != SQLITE_DONE)
		(void)store_sqlite_failed(store, store->writing ? "writing" : "reading");
	(void)sqlite3_reset(statement); /* the step has told */
	return false;
}

void store_run(struct store *store, const char *sql, const char *pattern, ...)
{
	sqlite3_stmt *statement = store_sql(store, sql);
	va_list arguments;

	if (!statement)
		return;
	va_start(arguments, pattern);
	bind_list(store, statement, pattern, arguments);
	va_end(arguments);
	(void)store_row(store, statement); /* a failure is sticky */
}

int64_t store_number(struct store *store, const char *sql, int64_t fallback, const char *pattern,
		     ...)
{
	sqlite3_stmt *statement = store_sql(store, sql);
	int64_t number = fallback;
	va_list arguments;

	if (!statement)
		return fallback;
	va_start(arguments, pattern);
	bind_list(store, statement, pattern, arguments);
	va_end(arguments);
	if (store_row(store, statement)) {
		if (sqlite3_column_type(statement, 0) != SQLITE_NULL)
			number = sqlite3_column_int64(statement, 0);
		(void)sqlite3_reset(statement); /* one row was wanted */
	}
	return number;
}

const char *store_text(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return text ? text : "";
}

double store_real(sqlite3_stmt *statement, int column)
{
	return sqlite3_column_type(statement, column) == SQLITE_NULL
		       ? NAN
		       : sqlite3_column_double(statement, column);
}

/* ── transactions ──────────────────────────────────────────────────────────────────────────── */

void store_begin(struct store *store)
{
	store->fault = (struct fault){ .kind = FAULT_NONE };
	store->writing = true;
	store_step();
	store_run(store, "BEGIN IMMEDIATE", "");
}

int store_end(struct store *store, struct fault *fault)
{
	store_step();
	store_run(store, "COMMIT", "");
	store->writing = false;
	store_step();
	if (!store_failed(store)) {
		if (store->trouble.text[0] && !store->trouble.damaged)
			set_trouble(store, "", false);
		return 0;
	}
	store->change_count = -1;
	record_runs_forget(store);
	store_puts_forget(store);
	if (fault)
		*fault = store->fault;
	store->fault = (struct fault){ .kind = FAULT_NONE };
	if (store->db && !sqlite3_get_autocommit(store->db))
		store_run(store, "ROLLBACK", "");
	store->fault =
		(struct fault){ .kind = FAULT_NONE }; /* SQLite may have rolled back by itself */
	return -1;
}

/* ── opening ───────────────────────────────────────────────────────────────────────────────── */

/* Two daemons on one store would both number commits. A record lock belongs to this process alone:
   a worker that was just forked does not keep it when the daemon is killed. Nobody else here opens
   that file, so nothing lets go of it early. */
static int take_lock(const char *path, int *ret_fd, struct fault *fault)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char lock_path[4200];
	CLEANUP(close_fd) int fd = -1;

	(void)snprintf(lock_path, sizeof(lock_path), "%s.lock",
		       path); /* too long: open fails and says so */
	fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fault_errno(
			fault, errno,
			"store: cannot open '%s'; is the state directory writable for the daemon's user?",
			lock_path);
	if (fcntl(fd, F_SETLK, &whole) < 0)
		return fault_set(
			fault, FAULT_SYSTEM,
			"store: '%s' is in use by another straitd; stop that one first, or give this one its own --state directory",
			path);
	*ret_fd = fd;
	fd = -1;
	return 0;
}

/* A fault of the handle that is not (yet) part of a transaction. */
static int connect_failed(struct store *store, const char *doing, struct fault *fault)
{
	store->fault = (struct fault){ .kind = FAULT_NONE };
	(void)store_sqlite_failed(store, doing);
	if (fault)
		*fault = store->fault;
	return -1;
}

static int set_pragmas(struct store *store, struct fault *fault)
{
	static const char *const pragmas[] = {
		"PRAGMA journal_mode = WAL",	    "PRAGMA synchronous = FULL",
		"PRAGMA foreign_keys = OFF",	    "PRAGMA cache_size = -1024",
		"PRAGMA temp_store = MEMORY",	    "PRAGMA trusted_schema = OFF",
		"PRAGMA wal_autocheckpoint = 1000", "PRAGMA mmap_size = 0",
	};

	for (size_t i = 0; i < sizeof(pragmas) / sizeof(pragmas[0]); i++)
		if (sqlite3_exec(store->db, pragmas[i], NULL, NULL, NULL) != SQLITE_OK)
			return connect_failed(store, "opening it", fault);
	return 0;
}

static void disconnect(struct store *store)
{
	record_runs_forget(store);
	store_puts_forget(store);
	for (size_t i = 0; i < store->statement_count; i++)
		(void)sqlite3_finalize(store->statements[i].statement); /* repeats an old error */
	store->statement_count = 0;
	(void)sqlite3_close(store->db); /* every statement is finalized */
	store->db = NULL;
	store->change_count = -1;
}

static int connect(struct store *store, struct fault *fault)
{
	int reserve = (int)STORE_PAGE_SUM_BYTES;
	const char *vfs = store_pages_vfs();

	if (!vfs ||
	    sqlite3_open_v2(store->path, &store->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
			    vfs) != SQLITE_OK)
		return connect_failed(store, "cannot open it", fault);
	(void)sqlite3_extended_result_codes(store->db, 1);
	if (store_event_functions(store->db) != SQLITE_OK)
		return connect_failed(store, "defining functions", fault);
	/* Only a file that is made now heeds it. */
	(void)sqlite3_file_control(store->db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserve);
	return set_pragmas(store, fault);
}

/* All of it, which takes a second for each GB or two: only after an error, or where pages have no
 * checksums and the last run did not end well. */
static int check_whole(struct store *store, struct fault *fault)
{
	sqlite3_stmt *row = NULL;
	bool good = false;

	if (sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1, &row, NULL) == SQLITE_OK &&
	    sqlite3_step(row) == SQLITE_ROW)
		good = strcmp(store_text(row, 0), "ok") == 0;
	if (!good && sqlite3_errcode(store->db) != SQLITE_ROW &&
	    sqlite3_errcode(store->db) != SQLITE_OK)
		(void)connect_failed(store, "checking it", fault);
	else if (!good)
		(void)fault_set(fault, FAULT_DAMAGED, "store '%s': its check says: %.200s",
				store->path, store_text(row, 0));
	(void)sqlite3_finalize(row);
	return good ? 0 : -1;
}

static bool has_checksums(struct store *store)
{
	int reserve = -1;

	return sqlite3_file_control(store->db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserve) ==
		       SQLITE_OK &&
	       reserve == (int)STORE_PAGE_SUM_BYTES;
}

/* The numbers of a store that takes another one's place go on above all that were given. */
static int begin_sequence(struct store *store, struct fault *fault)
{
	uint64_t first = store_rebuild_sequence(store->path);

	if (!first)
		return 0;
	store_begin(store);
	if (!store_sequence(store))
		store_put_commit(store, first, (int64_t)0, "");
	return store_end(store, fault);
}

static int open_whole(struct store *store, struct fault *fault)
{
	bool noted = store_damage_noted(store->path), unclean;
	char wal[STORE_PATH_MAX];
	struct stat status;

	if (store_looks_damaged(store->path, fault) < 0)
		return -1;
	(void)snprintf(wal, sizeof(wal), "%s-wal", store->path); /* too long: there is none */
	unclean = stat(wal, &status) == 0 && status.st_size > 0;
	if (connect(store, fault) < 0 || store_schema(store, fault) < 0)
		return -1;
	if ((noted || (unclean && !has_checksums(store))) && check_whole(store, fault) < 0)
		return -1;
	if (noted)
		log_store(
			LOG_NOTICE,
			"'%s' was found damaged while it was in use, and is not: going on with it",
			store->path);
	store_forget_damage(store->path);
	return begin_sequence(store, fault);
}

int store_open(const char *path, struct store **ret_store, struct fault *fault)
{
	struct store *store = calloc(1, sizeof(*store));
	char why[FAULT_TEXT_MAX];

	if (!store || !(store->path = strdup(path))) {
		free(store);
		return fault_set(fault, FAULT_MEMORY, "store: out of memory");
	}
	store->lock_fd = -1;
	store->change_count = -1;
	if (take_lock(path, &store->lock_fd, fault) < 0)
		goto failed;
	if (open_whole(store, fault) < 0) {
		if (fault->kind != FAULT_DAMAGED)
			goto failed;
		(void)snprintf(why, sizeof(why), "%s", fault->text);
		disconnect(store);
		if (store_set_aside(path, why, fault) < 0 || open_whole(store, fault) < 0)
			goto failed;
	}
	store->trouble = (struct store_trouble){ .damaged = false };
	*ret_store = store;
	return 0;
failed:
	store_free(store);
	return -1;
}

struct store *store_free(struct store *store)
{
	if (!store)
		return NULL;
	disconnect(store);
	if (store->lock_fd >= 0)
		(void)close(store->lock_fd);
	free(store->path);
	free(store);
	return NULL;
}
