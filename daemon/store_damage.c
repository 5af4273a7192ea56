/* SPDX-License-Identifier: MIT
 *
 * store_damage.c - a store that is not what was written to it: how it is noticed beside SQLite, and
 * how it is set aside. Main only.
 *
 *   PATH.suspect        damage was met while the store was in use; the next start looks at all of
 * it PATH.damaged-TIME   what was set aside, with -wal and -shm behind; never touched again
 *   PATH.rebuild        the order to fill the new store: "sequence N" and why, one a line; gone
 * when it is filled (rebuild.c)
 *
 * Invariant: nothing is ever renamed over anything or removed but PATH.suspect. The order is on the
 * disk before the first rename, so that a crash anywhere goes on with it.
 */
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "log.h"
#include "write_all.h"

#define SUSPECT		".suspect"
#define IDENTITY_KEY	"identity.key" /* of ledger.c: made right after the first store */
#define SEQUENCE_MARGIN 1000000	       /* what the damaged store's log may have had beside */
#define ASIDE_MAX	1000u
#define ORDER_MAX	1024

static void beside(const char *path, const char *suffix, char buffer[STORE_PATH_MAX])
{
	(void)snprintf(buffer, STORE_PATH_MAX, "%s%s", path,
		       suffix); /* too long: no such file can be */
}

static void directory_of(const char *path, char buffer[STORE_PATH_MAX])
{
	char *slash;

	(void)snprintf(buffer, STORE_PATH_MAX, "%s", path);
	slash = strrchr(buffer, '/');
	if (slash)
		*slash = '\0';
}

/* ── what is seen without SQLite ───────────────────────────────────────────────────────────── */

/* The key is made after the store: where it is, a store was. */
static bool was_in_use(const char *path)
{
	char directory[STORE_PATH_MAX], key[STORE_PATH_MAX + sizeof(IDENTITY_KEY) + 1];

	directory_of(path, directory);
	(void)snprintf(key, sizeof(key), "%s/" IDENTITY_KEY, directory);
	return access(key, F_OK) == 0;
}

int store_looks_damaged(const char *path, struct fault *fault)
{
	char wal[STORE_PATH_MAX];
	struct stat status;

	beside(path, "-wal", wal);
	if (stat(path, &status) < 0) {
		if (errno != ENOENT)
			return fault_errno(fault, errno, "store: cannot look at '%s'", path);
		if (access(wal, F_OK) == 0 || (was_in_use(path) && !store_rebuild_sequence(path)))
			return fault_set(fault, FAULT_DAMAGED, "store: '%s' is gone", path);
		return 0;
	}
	if (!S_ISREG(status.st_mode))
		return fault_set(fault, FAULT_DAMAGED, "store: '%s' is no file", path);
	if (status.st_size == 0 && was_in_use(path) && !store_rebuild_sequence(path))
		return fault_set(fault, FAULT_DAMAGED, "store: '%s' is empty", path);
	if (store_wal_is_damaged(wal))
		return fault_set(fault, FAULT_DAMAGED,
				 "store: '%s-wal', its newest commits, is damaged", path);
	return 0;
}

/* ── damage that was met in use ────────────────────────────────────────────────────────────── */

void store_note_damage(const char *path)
{
	CLEANUP(close_fd) int fd = -1;
	char suspect[STORE_PATH_MAX];

	beside(path, SUSPECT, suspect);
	fd = open(suspect, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fsync(fd) < 0)
		log_store(LOG_WARNING, "cannot write '%s': %s; the damage is found again in use",
			  suspect, strerror(errno));
}

bool store_damage_noted(const char *path)
{
	char suspect[STORE_PATH_MAX];

	beside(path, SUSPECT, suspect);
	return access(suspect, F_OK) == 0;
}

void store_forget_damage(const char *path)
{
	char suspect[STORE_PATH_MAX];

	beside(path, SUSPECT, suspect);
	(void)unlink(suspect); /* mostly there is none; one too many costs a check */
}

/* ── the order to rebuild ──────────────────────────────────────────────────────────────────── */

/* Best effort: the newest sequence that the damaged file still tells. */
static uint64_t readable_sequence(const char *path)
{
	sqlite3_stmt *row = NULL;
	sqlite3 *db = NULL;
	char uri[STORE_PATH_MAX + 32];
	uint64_t sequence = 0;

	(void)snprintf(uri, sizeof(uri), "file:%s?immutable=1", path);
	if (sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, "SELECT max(sequence) FROM commit_log", -1, &row, NULL) ==
		    SQLITE_OK &&
	    sqlite3_step(row) == SQLITE_ROW && sqlite3_column_int64(row, 0) > 0)
		sequence = (uint64_t)sqlite3_column_int64(row, 0);
	(void)sqlite3_finalize(row); /* repeats the step's error */
	(void)sqlite3_close(db);
	return sequence < UINT64_MAX / 4 ? sequence : 0; /* more is damage */
}

/* Milliseconds since 1970 are more than the commits of a store that made less than a thousand a
 * second ever since. */
static uint64_t first_sequence(const char *path)
{
	uint64_t by_time = (uint64_t)clock_now_ms();
	uint64_t by_store = readable_sequence(path) + SEQUENCE_MARGIN;

	return by_time > by_store ? by_time : by_store;
}

static int sync_directory(const char *path, struct fault *fault)
{
	CLEANUP(close_fd) int fd = -1;
	char directory[STORE_PATH_MAX];

	directory_of(path, directory);
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return fault_errno(fault, errno, "cannot sync '%s'", directory);
	return 0;
}

static int write_order(const char *path, const char *why, struct fault *fault)
{
	CLEANUP(close_fd) int fd = -1;
	char order[STORE_PATH_MAX], temporary[STORE_PATH_MAX], text[ORDER_MAX];
	int size = snprintf(text, sizeof(text), "sequence %" PRIu64 "\n%s\n", first_sequence(path),
			    why);

	beside(path, STORE_REBUILD_NAME, order);
	beside(path, STORE_REBUILD_NAME ".new", temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || write_all(fd, text, (size_t)size) < 0 || fsync(fd) < 0 ||
	    rename(temporary, order) < 0)
		return fault_errno(fault, errno, "cannot write '%s'", order);
	return sync_directory(path, fault);
}

uint64_t store_rebuild_sequence(const char *path)
{
	CLEANUP(close_fd) int fd = -1;
	char order[STORE_PATH_MAX], text[ORDER_MAX];
	uint64_t sequence;
	ssize_t size;

	beside(path, STORE_REBUILD_NAME, order);
	fd = open(order, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (size < 0)
		return 0;
	text[size] = '\0';
	/* Whatever else stands there, the order is one. */
	return sscanf(text, "sequence %" SCNu64, &sequence) == 1 && sequence
		       ? sequence
		       : (uint64_t)clock_now_ms();
}

/* ── setting aside ─────────────────────────────────────────────────────────────────────────── */

/* 0, -EEXIST when the name is taken, or another errno. What is not there is no error. */
static int move_aside(const char *path, const char *suffix, const char *aside)
{
	char from[STORE_PATH_MAX], to[STORE_PATH_MAX];

	beside(path, suffix, from);
	beside(aside, suffix, to);
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0 || errno == ENOENT)
		return 0;
	return -errno;
}

int store_set_aside(const char *path, const char *why, struct fault *fault)
{
	static const char *const others[] = { "-wal", "-shm" };
	time_t seconds = (time_t)(clock_now_ms() / 1000);
	char when[32], aside[STORE_PATH_MAX], text[FAULT_TEXT_MAX];
	unsigned int count = 0;
	struct tm utc = { 0 };
	int result;

	(void)gmtime_r(&seconds, &utc);
	(void)strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &utc);
	(void)snprintf(text, sizeof(text), "%s", why); /* the fault may hold it */
	if (write_order(path, text, fault) < 0)
		return -1;
	/* The file first: a log that is left alone is noticed and follows, a store without its log
	 * would pass for whole. */
	do {
		(void)snprintf(aside, sizeof(aside), count ? "%s.damaged-%s.%u" : "%s.damaged-%s",
			       path, when, count);
		result = move_aside(path, "", aside);
	} while (result == -EEXIST && ++count < ASIDE_MAX);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]) && result == 0; i++)
		result = move_aside(path, others[i], aside);
	if (result < 0)
		return fault_errno(
			fault, -result,
			"%s; it cannot be set aside as '%s': move it away by hand (keep it) and start straitd again",
			text, aside);
	if (sync_directory(path, fault) < 0)
		return -1;
	store_forget_damage(path);
	log_store(
		LOG_ERR,
		"%s; set aside as '%s', kept as it is. A new store is made and rebuilt from the documents in done/, the kept originals and the logs",
		text, aside);
	return 0;
}
