/* SPDX-License-Identifier: MIT
 *
 * store.c - opening, locking and checking the store, statements, the transaction with its sticky
 * failure.
 *
 * Main process only. Invariant: nothing is written outside store_begin/store_end, and a transaction
 * in which one verb failed is never committed. Never interprets SQLite's error texts; never repairs
 * a damaged file in place.
 */
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "test_point.h"

void store_step(void)
{
	test_point();
}

int store_sqlite_failed(struct store *store, const char *doing)
{
	int code = sqlite3_extended_errcode(store->db);

	if (store->fault.kind != FAULT_NONE)
		return -1;
	return fault_set(&store->fault, FAULT_SYSTEM, "store: %s: %s (SQLite %d)", doing,
			 sqlite3_errmsg(store->db), code);
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
	if (!store_failed(store))
		return 0;
	store->change_count = -1;
	if (fault)
		*fault = store->fault;
	store->fault = (struct fault){ .kind = FAULT_NONE };
	if (!sqlite3_get_autocommit(store->db))
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

static int set_pragmas(struct store *store, const char *path, struct fault *fault)
{
	static const char *const pragmas[] = {
		"PRAGMA journal_mode = WAL",	    "PRAGMA synchronous = FULL",
		"PRAGMA foreign_keys = OFF",	    "PRAGMA cache_size = -1024",
		"PRAGMA temp_store = MEMORY",	    "PRAGMA trusted_schema = OFF",
		"PRAGMA wal_autocheckpoint = 1000",
	};

	for (size_t i = 0; i < sizeof(pragmas) / sizeof(pragmas[0]); i++) {
		if (sqlite3_exec(store->db, pragmas[i], NULL, NULL, NULL) == SQLITE_OK)
			continue;
		return fault_set(
			fault, FAULT_SYSTEM,
			"store: '%s' cannot be used: %s. If the file is damaged, move it aside (keep it) and import the documents in the spools' done/ directories again",
			path, sqlite3_errmsg(store->db));
	}
	return 0;
}

int store_open(const char *path, struct store **ret_store, struct fault *fault)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return fault_set(fault, FAULT_MEMORY, "store: out of memory");
	store->lock_fd = -1;
	store->change_count = -1;
	if (take_lock(path, &store->lock_fd, fault) < 0)
		goto failed;
	if (sqlite3_open_v2(path, &store->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK) {
		(void)fault_set(fault, FAULT_SYSTEM, "store: cannot open '%s': %s", path,
				store->db ? sqlite3_errmsg(store->db) : "out of memory");
		goto failed;
	}
	(void)sqlite3_extended_result_codes(store->db, 1);
	if (store_event_functions(store->db) != SQLITE_OK) {
		(void)store_sqlite_failed(store, "defining functions");
		*fault = store->fault;
		goto failed;
	}
	if (set_pragmas(store, path, fault) < 0 || store_schema(store, fault) < 0)
		goto failed;
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
	for (size_t i = 0; i < store->statement_count; i++)
		(void)sqlite3_finalize(store->statements[i].statement);
	(void)sqlite3_close(store->db);
	if (store->lock_fd >= 0)
		(void)close(store->lock_fd);
	free(store);
	return NULL;
}
