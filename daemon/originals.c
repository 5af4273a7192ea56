/* SPDX-License-Identifier: MIT
 *
 * originals.c - owns STATE/originals. Main only. The disk is the truth: `files` is what a scan of
 * it would find, for the bounds.
 *
 * Invariant: a file under its hash's name is whole and has that content: it is renamed there after
 * the archiver has checked the hash and synced it. A document stays in pending/ until then, so a
 * crash at any moment loses none and leaves at most one half-written file, which the next start
 * removes. Must never: delete or change a document in the spool.
 */
#include "originals.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "archiver.h"
#include "cleanup.h"
#include "clock.h"
#include "log.h"
#include "original_name.h"
#include "spawn.h"
#include "spool.h"
#include "test_point.h"

#define DIRECTORY  "originals"
#define PENDING	   "pending"
#define BEING_KEPT ".being-kept"
#define SUFFIX	   ".zst"
#define HASH_TEXT  (2 * SHA256_BYTES) /* without the NUL */

#define DELETED_AT_ONCE 256u /* then the loop has its turn */

struct kept_file {
	uint8_t sha256[SHA256_BYTES];
	uint64_t bytes;
	int64_t imported_at_ms;
};

struct originals {
	int directory, pending;	      /* -1: nothing can be kept */
	struct event *child;	      /* SIGCHLD */
	struct event *next;	      /* zero timer: the next pending one */
	pid_t pid;		      /* of the archiver; 0 = none */
	uint8_t sha256[SHA256_BYTES]; /* what it works on */
	uint64_t max_bytes;
	int64_t max_age_ms;
	bool told_too_large;
	bool killed;		 /* the archiver of sha256 was: it is tried once more */
	struct kept_file *files; /* the oldest first */
	size_t count, capacity;
	uint64_t bytes; /* sum over files */
};

/* ── names ─────────────────────────────────────────────────────────────────────────────────── */

/* ret_sha256 from 64 lower-case digits with that suffix behind them. */
static bool hash_of_name(const char *name, const char *suffix, uint8_t ret_sha256[SHA256_BYTES])
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(name) != HASH_TEXT + strlen(suffix) || strcmp(name + HASH_TEXT, suffix) != 0)
		return false;
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		const char *high = memchr(digits, name[2 * i], 16),
			   *low = memchr(digits, name[2 * i + 1], 16);

		if (!high || !low)
			return false;
		ret_sha256[i] = (uint8_t)((high - digits) << 4 | (low - digits));
	}
	return true;
}

#define FILE_NAME_MAX (HASH_TEXT + 3 + sizeof(SUFFIX))

/* "ab/abcd….zst" */
static void file_name(const uint8_t sha256[SHA256_BYTES], char name[FILE_NAME_MAX])
{
	char text[HASH_TEXT + 1];

	sha256_text(sha256, text);
	(void)snprintf(name, FILE_NAME_MAX, "%.2s/%s" SUFFIX, text, text);
}

/* ── what is there ─────────────────────────────────────────────────────────────────────────── */

static void add_file(struct originals *originals, const uint8_t sha256[SHA256_BYTES],
		     uint64_t bytes, int64_t imported_at_ms)
{
	struct kept_file *file;

	if (originals->count == originals->capacity) {
		size_t capacity = originals->capacity ? 2 * originals->capacity : 64;
		struct kept_file *grown = reallocarray(originals->files, capacity, sizeof(*grown));

		if (!grown) {
			log_main(LOG_WARNING, "originals: out of memory; one is not counted");
			return;
		}
		originals->files = grown;
		originals->capacity = capacity;
	}
	file = &originals->files[originals->count++];
	memcpy(file->sha256, sha256, SHA256_BYTES);
	file->bytes = bytes;
	file->imported_at_ms = imported_at_ms;
	originals->bytes += bytes;
}

static struct kept_file *find_file(struct originals *originals, const uint8_t sha256[SHA256_BYTES])
{
	for (size_t i = 0; i < originals->count; i++)
		if (memcmp(originals->files[i].sha256, sha256, SHA256_BYTES) == 0)
			return &originals->files[i];
	return NULL;
}

/* An imported-again file goes to the end of the list. */
static void make_newest(struct originals *originals, struct kept_file *file)
{
	struct kept_file newest = *file;
	size_t behind = originals->count - 1 - (size_t)(file - originals->files);

	newest.imported_at_ms = clock_now_ms();
	memmove(file, file + 1, behind * sizeof(*file));
	originals->files[originals->count - 1] = newest;
}

static bool is_over(const struct originals *originals, size_t index, uint64_t bytes)
{
	return index < originals->count &&
	       (bytes > originals->max_bytes || originals->count - index > ORIGINALS_MAX ||
		originals->files[index].imported_at_ms < clock_now_ms() - originals->max_age_ms);
}

/* Deletes the oldest ones that are over a bound, a few at a time. */
static void enforce(struct originals *originals)
{
	static const struct timeval now = { 0 };
	char name[FILE_NAME_MAX];
	size_t deleted = 0;

	while (deleted < DELETED_AT_ONCE && is_over(originals, deleted, originals->bytes)) {
		const struct kept_file *file = &originals->files[deleted++];

		file_name(file->sha256, name);
		if (unlinkat(originals->directory, name, 0) < 0 && errno != ENOENT)
			log_main(LOG_WARNING, "originals: cannot delete %s: %s", name,
				 strerror(errno));
		originals->bytes -= file->bytes;
	}
	if (!deleted)
		return;
	originals->count -= deleted;
	memmove(originals->files, originals->files + deleted,
		originals->count * sizeof(originals->files[0]));
	log_main(
		LOG_INFO,
		"originals: deleted the %zu oldest; %zu of %llu bytes are left (keep_originals, keep_originals_age)",
		deleted, originals->count, (unsigned long long)originals->bytes);
	if (is_over(originals, 0, originals->bytes))
		(void)evtimer_add(originals->next,
				  &now); /* allocated: fails only on a broken base */
}

static void free_directory(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}

static DIR *open_directory(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (!directory && fd >= 0)
		(void)close(fd);
	return directory;
}

static void scan_folder(struct originals *originals, const char *folder)
{
	CLEANUP(free_directory) DIR *directory = open_directory(originals->directory, folder);
	struct dirent *entry;
	uint8_t sha256[SHA256_BYTES];
	struct stat status;

	while (directory && (entry = readdir(directory)))
		if (hash_of_name(entry->d_name, SUFFIX, sha256) &&
		    strncmp(entry->d_name, folder, 2) == 0 &&
		    fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(status.st_mode))
			add_file(originals, sha256, (uint64_t)status.st_size,
				 (int64_t)status.st_mtim.tv_sec * 1000 +
					 status.st_mtim.tv_nsec / 1000000);
}

static int by_age(const void *a, const void *b)
{
	const struct kept_file *left = a, *right = b;

	if (left->imported_at_ms != right->imported_at_ms)
		return left->imported_at_ms < right->imported_at_ms ? -1 : 1;
	return memcmp(left->sha256, right->sha256, SHA256_BYTES);
}

static void scan(struct originals *originals)
{
	char folder[8];

	for (unsigned int i = 0; i < 256; i++) {
		(void)snprintf(folder, sizeof(folder), "%02x", i);
		scan_folder(originals, folder);
	}
	if (originals->count)
		qsort(originals->files, originals->count, sizeof(originals->files[0]), by_age);
}

static bool open_directories(struct originals *originals, const char *state_dir)
{
	char path[SPOOL_PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/" DIRECTORY, state_dir) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return false;
	originals->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (originals->directory < 0 ||
	    (mkdirat(originals->directory, PENDING, 0700) < 0 && errno != EEXIST))
		return false;
	originals->pending = openat(originals->directory, PENDING,
				    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return originals->pending >= 0;
}

/* ── the archiver ──────────────────────────────────────────────────────────────────────────── */

static void forget_pending(struct originals *originals, const uint8_t sha256[SHA256_BYTES])
{
	char name[HASH_TEXT + 1];

	sha256_text(sha256, name);
	(void)unlinkat(originals->pending, name, 0); /* gone already is as good */
}

static bool first_pending(struct originals *originals, uint8_t ret_sha256[SHA256_BYTES])
{
	CLEANUP(free_directory) DIR *directory = open_directory(originals->directory, PENDING);
	struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		if (hash_of_name(entry->d_name, "", ret_sha256))
			return true;
	return false;
}

/* The document that a pending name leads to; -1 when it is no (longer a) file. */
static int open_document(struct originals *originals, const uint8_t sha256[SHA256_BYTES],
			 uint64_t *ret_bytes)
{
	CLEANUP(close_fd) int fd = -1;
	char name[HASH_TEXT + 1];
	struct stat status;
	int document;

	sha256_text(sha256, name);
	fd = openat(originals->pending, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	*ret_bytes = (uint64_t)status.st_size;
	document = fd;
	fd = -1;
	return document;
}

/* false: nothing was started, and this one is not worth another try. */
static bool start_archiver(struct originals *originals, const uint8_t sha256[SHA256_BYTES],
			   bool *ret_later)
{
	CLEANUP(close_fd) int document = -1;
	CLEANUP(close_fd) int out = -1;
	char name[HASH_TEXT + 1];
	struct fault fault;
	uint64_t bytes;

	sha256_text(sha256, name);
	*ret_later = false;
	document = open_document(originals, sha256, &bytes);
	if (document < 0) {
		log_main(LOG_NOTICE, "originals: document %.16s… is not kept: %s", name,
			 strerror(errno));
		return false;
	}
	if (bytes > originals->max_bytes) {
		if (!originals->told_too_large)
			log_main(
				LOG_NOTICE,
				"originals: document %.16s… of %llu bytes is larger than keep_originals and is not kept; neither are others like it, without being told",
				name, (unsigned long long)bytes);
		originals->told_too_large = true;
		return false;
	}
	*ret_later = true;
	(void)unlinkat(originals->directory, BEING_KEPT, 0); /* there after a failure only */
	out = openat(originals->directory, BEING_KEPT,
		     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0) {
		log_main(LOG_WARNING, "originals: cannot write: %s; trying again later",
			 strerror(errno));
		return false;
	}
	if (original_note(originals->pending, name, document, out) < 0) {
		log_main(LOG_WARNING, "originals: cannot write: %s; trying again later",
			 strerror(errno));
		return false;
	}
	if (spawn_archiver(name, document, out, &originals->pid, &fault) < 0) {
		log_main(LOG_WARNING, "originals: %s; trying again later", fault.text);
		return false;
	}
	memcpy(originals->sha256, sha256, SHA256_BYTES);
	test_point();
	return true;
}

static void start_next(struct originals *originals)
{
	uint8_t sha256[SHA256_BYTES];
	bool later;

	while (!originals->pid && originals->pending >= 0 && originals->max_bytes &&
	       first_pending(originals, sha256)) {
		if (start_archiver(originals, sha256, &later) || later)
			return;
		forget_pending(originals, sha256);
	}
}

static bool put_in_place(struct originals *originals)
{
	CLEANUP(close_fd) int folder_fd = -1;
	char name[FILE_NAME_MAX], folder[3];
	struct stat status;

	file_name(originals->sha256, name);
	(void)snprintf(folder, sizeof(folder), "%.2s", name);
	if (fstatat(originals->directory, BEING_KEPT, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (mkdirat(originals->directory, folder, 0700) < 0 && errno != EEXIST) ||
	    renameat(originals->directory, BEING_KEPT, originals->directory, name) < 0)
		return false;
	/* On the disk before the link goes: else both could be lost with the power. */
	folder_fd = openat(originals->directory, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder_fd < 0 || fsync(folder_fd) < 0 || fsync(originals->directory) < 0)
		return false;
	if (!find_file(originals, originals->sha256))
		add_file(originals, originals->sha256, (uint64_t)status.st_size, clock_now_ms());
	return true;
}

static void archived(struct originals *originals, int status)
{
	char name[HASH_TEXT + 1];

	sha256_text(originals->sha256, name);
	originals->pid = 0;
	test_point();
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		if (!put_in_place(originals))
			log_main(LOG_WARNING, "originals: cannot keep document %.16s…: %s", name,
				 strerror(errno));
	} else if (WIFEXITED(status) && WEXITSTATUS(status) == ARCHIVER_EXIT_CHANGED) {
		log_main(LOG_WARNING,
			 "originals: document %.16s… changed after it was imported; it is not kept",
			 name);
	} else if (WIFSIGNALED(status) && !originals->killed) {
		log_main(LOG_WARNING,
			 "originals: the archiver was killed by signal %d; trying once more",
			 WTERMSIG(status));
		originals->killed = true;
		return;
	} else {
		log_main(LOG_WARNING,
			 "originals: the archiver ended by %s %d; document %.16s… is not kept",
			 WIFSIGNALED(status) ? "signal" : "exit code",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), name);
	}
	(void)unlinkat(originals->directory, BEING_KEPT, 0); /* renamed when all went well */
	test_point();
	originals->killed = false;
	forget_pending(originals, originals->sha256);
	test_point();
	enforce(originals);
}

static void reap(struct originals *originals)
{
	static const struct timeval now = { 0 };
	int status;

	if (originals->pid && waitpid(originals->pid, &status, WNOHANG) == originals->pid) {
		archived(originals, status);
		(void)evtimer_add(originals->next,
				  &now); /* allocated: fails only on a broken base */
	}
}

static void on_child(evutil_socket_t number, short what, void *context)
{
	(void)number, (void)what;
	reap(context);
}

static void on_next(evutil_socket_t fd, short what, void *context)
{
	(void)fd, (void)what;
	enforce(context);
	start_next(context);
}

/* ── life ──────────────────────────────────────────────────────────────────────────────────── */

struct originals *originals_new(struct event_base *base, const char *state_dir)
{
	struct originals *originals = calloc(1, sizeof(*originals));

	if (!originals)
		return NULL;
	originals->directory = originals->pending = -1;
	originals->child = evsignal_new(base, SIGCHLD, on_child, originals);
	originals->next = evtimer_new(base, on_next, originals);
	if (!originals->child || !originals->next || evsignal_add(originals->child, NULL) < 0)
		return originals_free(originals);
	if (!open_directories(originals, state_dir)) {
		log_main(LOG_WARNING, "originals are not kept: cannot make %s/" DIRECTORY ": %s",
			 state_dir, strerror(errno));
		return originals;
	}
	(void)unlinkat(originals->directory, BEING_KEPT, 0); /* an earlier run's, half written */
	scan(originals);
	return originals;
}

struct originals *originals_free(struct originals *originals)
{
	if (!originals)
		return NULL;
	if (originals->pid) {
		(void)kill(originals->pid, SIGKILL);
		(void)waitpid(originals->pid, NULL, 0); /* it is dead: this does not wait */
		(void)unlinkat(originals->directory, BEING_KEPT, 0);
	}
	if (originals->child)
		event_free(originals->child);
	if (originals->next)
		event_free(originals->next);
	close_fd(&originals->pending);
	close_fd(&originals->directory);
	free(originals->files);
	free(originals);
	return NULL;
}

void originals_limit(struct originals *originals, uint64_t max_bytes, int64_t max_age_ms)
{
	originals->max_bytes = max_bytes;
	originals->max_age_ms = max_age_ms;
	originals->told_too_large = false;
	enforce(originals);
	start_next(originals);
}

/* Leads the document's name to that path, on the disk; does nothing when it does already. */
static void set_pending(struct originals *originals, const char *path,
			const uint8_t sha256[SHA256_BYTES])
{
	char name[HASH_TEXT + 1], now[SPOOL_PATH_MAX];
	ssize_t size;

	sha256_text(sha256, name);
	size = readlinkat(originals->pending, name, now, sizeof(now));
	if (size == (ssize_t)strlen(path) && memcmp(now, path, (size_t)size) == 0)
		return;
	(void)unlinkat(originals->pending, name,
		       0); /* an earlier one may lead to a file that went */
	test_point();
	if (symlinkat(path, originals->pending, name) < 0 || fsync(originals->pending) < 0)
		log_main(LOG_WARNING, "originals: cannot keep '%s': %s", path, strerror(errno));
	test_point();
}

void originals_expect(struct originals *originals, const char *path,
		      const uint8_t sha256[SHA256_BYTES])
{
	if (originals->pending >= 0 && originals->max_bytes && !find_file(originals, sha256))
		set_pending(originals, path, sha256);
}

void originals_keep(struct originals *originals, const char *path,
		    const uint8_t sha256[SHA256_BYTES])
{
	struct kept_file *file = find_file(originals, sha256);
	char name[FILE_NAME_MAX];

	if (originals->pending < 0 || !originals->max_bytes)
		return;
	if (file) {
		make_newest(originals, file);
		file_name(sha256, name);
		(void)utimensat(originals->directory, name, NULL,
				0); /* only its place in the order */
		return;
	}
	set_pending(originals, path, sha256);
	start_next(originals);
}

void originals_expire(struct originals *originals)
{
	enforce(originals);
	start_next(originals); /* what failed for want of room may work now */
}

bool originals_has(const struct originals *originals, const uint8_t sha256[SHA256_BYTES])
{
	char name[FILE_NAME_MAX];

	file_name(sha256, name);
	return originals->directory >= 0 &&
	       faccessat(originals->directory, name, R_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int originals_open(const struct originals *originals, const uint8_t sha256[SHA256_BYTES],
		   int *ret_fd, struct fault *fault)
{
	char name[FILE_NAME_MAX];
	int fd = -1;

	file_name(sha256, name);
	if (originals->directory >= 0)
		fd = openat(originals->directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0) {
		*ret_fd = fd;
		return 0;
	}
	if (originals->directory >= 0 && errno != ENOENT)
		return fault_errno(fault, errno, "cannot open the kept original");
	return fault_set(
		fault, FAULT_BAD_ARGUMENT,
		"the original of this release is not kept: it is a log's, or older or larger than keep_originals and keep_originals_age allow");
}

uint64_t originals_bytes(const struct originals *originals)
{
	return originals->bytes;
}

size_t originals_count(const struct originals *originals)
{
	return originals->count;
}

const uint8_t *originals_hash(const struct originals *originals, size_t index)
{
	return originals->files[index].sha256;
}
