/* SPDX-License-Identifier: MIT
 *
 * disk.c - linked into the test build of the daemon only: takes the place of the C library's calls
 * that change files, for the daemon's own code and for SQLite, and writes down what each of them
 * does below one directory, with what was there before (disk_journal.h). From that the campaign
 * makes the disk of a machine that lost its power (tests/torture/cut.c). Main and archiver; a
 * worker changes no file.
 *
 * Invariant: without $STRAITD_TEST_DISK_ROOT every call does what the C library's does. Must never
 * change what a call does or answers.
 *
 * $STRAITD_TEST_DISK_ROOT=DIR      changes below it are written down …
 * $STRAITD_TEST_DISK_JOURNAL=FILE  … here; FILE.grave/, which must exist, keeps what is unlinked
 * $STRAITD_TEST_POWER_CUT=n        main is killed when it is about to make its n-th change or sync
 *
 * Not written down: SQLite's -shm, which it makes anew after a crash; writes through mmap, of which
 * there are no others; copy_file_range (files that wait in incoming/ under a name with a dot until
 * they are synced).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "disk_journal.h"

#define PUBLIC __attribute__((visibility("default")))

static struct {
	char root[PATH_MAX];
	size_t root_size;
	const char *journal_name;
	int journal; /* -1: nothing is written down */
	long changes, cut;
	unsigned int graves;
} disk = { .journal = -1 };

static __attribute__((constructor)) void begin(int argc, char **argv)
{
	const char *root = getenv("STRAITD_TEST_DISK_ROOT"),
		   *journal = getenv("STRAITD_TEST_DISK_JOURNAL"),
		   *cut = getenv("STRAITD_TEST_POWER_CUT");

	if (!root || !journal || (argc > 1 && strcmp(argv[1], "--worker") == 0))
		return;
	disk.root_size = (size_t)snprintf(disk.root, sizeof(disk.root), "%s/", root);
	disk.journal_name = journal;
	if (cut && argc > 1 && strcmp(argv[1], "--archiver") != 0)
		disk.cut = strtol(cut, NULL, 10);
	disk.journal = (int)syscall(SYS_openat, AT_FDCWD, journal,
				    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* ── what is meant ───────────────────────────────────────────────────────────────────────────── */

static bool is_ours(const char *path)
{
	size_t size = strlen(path);

	return strncmp(path, disk.root, disk.root_size) == 0 &&
	       (size < 4 || strcmp(path + size - 4, "-shm") != 0);
}

static bool path_of_fd(int fd, char path[PATH_MAX])
{
	char link[32];
	ssize_t size;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	size = readlink(link, path, PATH_MAX - 1);
	if (size <= 0)
		return false;
	path[size] = '\0';
	return true;
}

/* The absolute path of a name; false when it is none of ours. */
static bool path_of_name(int at, const char *name, char path[PATH_MAX])
{
	char directory[PATH_MAX];

	if (disk.journal < 0)
		return false;
	if (name[0] == '/')
		(void)snprintf(path, PATH_MAX, "%s", name);
	else if (at == AT_FDCWD || !path_of_fd(at, directory) ||
		 (size_t)snprintf(path, PATH_MAX, "%s/%s", directory, name) >= PATH_MAX)
		return false;
	return is_ours(path);
}

/* A file of ours, or a directory. */
static bool stat_ours(int fd, struct stat *ret_status)
{
	char path[PATH_MAX];

	return disk.journal >= 0 && fstat(fd, ret_status) == 0 &&
	       (S_ISREG(ret_status->st_mode) || S_ISDIR(ret_status->st_mode)) &&
	       path_of_fd(fd, path) && is_ours(path);
}

static uint64_t parent_of(const char *path)
{
	char parent[PATH_MAX];
	struct stat status;

	(void)snprintf(parent, sizeof(parent), "%s", path);
	*strrchr(parent, '/') = '\0';
	return stat(parent, &status) == 0 ? status.st_ino : 0;
}

static bool is_there(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0;
}

/* ── writing it down ─────────────────────────────────────────────────────────────────────────── */

/* Power fails before the change that is about to be made. */
static void count_change(void)
{
	if (++disk.changes == disk.cut)
		(void)kill(getpid(), SIGKILL);
}

static void put(struct disk_record *record, const void *payload, size_t size)
{
	struct iovec parts[2] = { { .iov_base = record, .iov_len = sizeof(*record) },
				  { .iov_base = (void *)payload, .iov_len = size } };

	record->payload = (uint32_t)size;
	if (syscall(SYS_writev, disk.journal, parts, 2) != (long)(sizeof(*record) + size))
		abort(); /* a journal with a gap would prove nothing */
}

/* Bytes of a file, whatever its descriptor may do. Returns how many there are. */
static size_t read_old(int fd, off_t offset, void *data, size_t size)
{
	char link[32];
	ssize_t got;
	int in;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	in = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		abort();
	got = pread(in, data, size, offset);
	(void)close(in);
	return got > 0 ? (size_t)got : 0;
}

static void tell_write(int fd, off_t offset, size_t size)
{
	struct disk_record record = { .kind = DISK_WRITE,
				      .offset = (uint64_t)offset,
				      .size = size };
	struct stat status;
	void *old = NULL;
	size_t held = 0;
	int error = errno;

	if (!stat_ours(fd, &status) || !S_ISREG(status.st_mode)) {
		errno = error;
		return;
	}
	count_change();
	record.inode = status.st_ino;
	record.old_size = (uint64_t)status.st_size;
	if (offset < status.st_size) {
		old = malloc(size);
		if (!old)
			abort();
		held = read_old(fd, offset, old, size);
	}
	put(&record, old, held);
	free(old);
	errno = error;
}

static void tell_truncate(int fd, off_t size)
{
	struct disk_record record = { .kind = DISK_TRUNCATE, .offset = (uint64_t)size };
	struct stat status;
	void *old = NULL;
	size_t held = 0;

	if (!stat_ours(fd, &status) || !S_ISREG(status.st_mode))
		return;
	count_change();
	record.inode = status.st_ino;
	record.old_size = (uint64_t)status.st_size;
	if (size < status.st_size) {
		old = malloc((size_t)(status.st_size - size));
		if (!old)
			abort();
		held = read_old(fd, size, old, (size_t)(status.st_size - size));
	}
	put(&record, old, held);
	free(old);
}

static void tell_made(const char *path)
{
	struct disk_record record = { .kind = DISK_MAKE, .parent = parent_of(path) };

	count_change();
	put(&record, path, strlen(path) + 1);
}

/* Keeps what a name leads to; grave is "" when there is nothing. */
static void bury(const char *path, char grave[PATH_MAX])
{
	grave[0] = '\0';
	if (!is_there(path))
		return;
	(void)snprintf(grave, PATH_MAX, "%s.grave/%d-%u", disk.journal_name, (int)getpid(),
		       disk.graves++);
	(void)syscall(SYS_unlinkat, AT_FDCWD, grave, 0); /* of a process with the same number */
	if (syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, grave, 0) != 0)
		abort();
}

/* ── the calls ───────────────────────────────────────────────────────────────────────────────── */

static int open_any(int at, const char *name, int flags, mode_t mode)
{
	char path[PATH_MAX];
	bool ours = flags & (O_CREAT | O_TRUNC) && path_of_name(at, name, path);
	bool there = ours && is_there(path);

	if (there && flags & O_TRUNC && !(flags & O_EXCL)) {
		int fd = (int)syscall(SYS_openat, at, name, O_WRONLY | O_CLOEXEC);

		if (fd >= 0) {
			tell_truncate(fd, 0);
			(void)close(fd);
		}
	}
	if (ours && !there && flags & O_CREAT)
		tell_made(path);
	return (int)syscall(SYS_openat, at, name, flags, mode);
}

#define MODE_OF(flags, mode)                                                                       \
	do {                                                                                       \
		va_list arguments;                                                                 \
                                                                                                   \
		va_start(arguments, flags);                                                        \
		if ((flags) & (O_CREAT | O_TMPFILE))                                               \
			(mode) = va_arg(arguments, mode_t);                                        \
		va_end(arguments);                                                                 \
	} while (0)

PUBLIC int open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_OF(flags, mode);
	return open_any(AT_FDCWD, path, flags, mode);
}

PUBLIC int open64(const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_OF(flags, mode);
	return open_any(AT_FDCWD, path, flags, mode);
}

PUBLIC int openat(int at, const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_OF(flags, mode);
	return open_any(at, path, flags, mode);
}

PUBLIC int openat64(int at, const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_OF(flags, mode);
	return open_any(at, path, flags, mode);
}

PUBLIC ssize_t write(int fd, const void *data, size_t size)
{
	if (disk.journal >= 0) {
		int error = errno;
		off_t at = lseek(fd, 0, SEEK_CUR); /* a pipe or socket has none */

		errno = error;
		if (at >= 0)
			tell_write(fd, at, size);
	}
	return syscall(SYS_write, fd, data, size);
}

PUBLIC ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	tell_write(fd, offset, size);
	return syscall(SYS_pwrite64, fd, data, size, offset);
}

PUBLIC ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
	return pwrite(fd, data, size, offset);
}

PUBLIC int ftruncate(int fd, off_t size)
{
	tell_truncate(fd, size);
	return (int)syscall(SYS_ftruncate, fd, size);
}

PUBLIC int ftruncate64(int fd, off64_t size)
{
	return ftruncate(fd, size);
}

static int sync_any(long number, int fd)
{
	struct disk_record record = { .kind = DISK_SYNC };
	struct stat status;
	bool ours = stat_ours(fd, &status);
	int result;

	if (ours)
		count_change();
	result = (int)syscall(number, fd);
	if (ours && result == 0) {
		record.inode = status.st_ino;
		put(&record, NULL, 0);
	}
	return result;
}

PUBLIC int fsync(int fd)
{
	return sync_any(SYS_fsync, fd);
}

PUBLIC int fdatasync(int fd)
{
	return sync_any(SYS_fdatasync, fd);
}

PUBLIC int renameat2(int from, const char *old_name, int to, const char *new_name,
		     unsigned int flags)
{
	char paths[3 * PATH_MAX], old_path[PATH_MAX], new_path[PATH_MAX], grave[PATH_MAX];
	struct disk_record record = { .kind = DISK_RENAME };
	size_t size;

	if (path_of_name(from, old_name, old_path) && path_of_name(to, new_name, new_path) &&
	    is_there(old_path) && !(flags & RENAME_NOREPLACE && is_there(new_path))) {
		count_change();
		bury(new_path, grave);
		record.parent = parent_of(old_path);
		record.parent2 = parent_of(new_path);
		size = strlen(old_path) + 1;
		memcpy(paths, old_path, size);
		memcpy(paths + size, new_path, strlen(new_path) + 1);
		size += strlen(new_path) + 1;
		memcpy(paths + size, grave, strlen(grave) + 1);
		put(&record, paths, size + strlen(grave) + 1);
	}
	return (int)syscall(SYS_renameat2, from, old_name, to, new_name, flags);
}

PUBLIC int renameat(int from, const char *old_name, int to, const char *new_name)
{
	return renameat2(from, old_name, to, new_name, 0);
}

PUBLIC int rename(const char *old_path, const char *new_path)
{
	return renameat2(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

PUBLIC int unlinkat(int at, const char *name, int flags)
{
	char paths[2 * PATH_MAX], path[PATH_MAX], grave[PATH_MAX];
	struct disk_record record = { .kind = DISK_UNLINK };
	size_t size;

	if (!(flags & AT_REMOVEDIR) && path_of_name(at, name, path) && is_there(path)) {
		count_change();
		bury(path, grave);
		record.parent = parent_of(path);
		size = strlen(path) + 1;
		memcpy(paths, path, size);
		memcpy(paths + size, grave, strlen(grave) + 1);
		put(&record, paths, size + strlen(grave) + 1);
	}
	return (int)syscall(SYS_unlinkat, at, name, flags);
}

PUBLIC int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

static void tell_name(int at, const char *name)
{
	char path[PATH_MAX];

	if (path_of_name(at, name, path) && !is_there(path))
		tell_made(path);
}

PUBLIC int mkdirat(int at, const char *name, mode_t mode)
{
	tell_name(at, name);
	return (int)syscall(SYS_mkdirat, at, name, mode);
}

PUBLIC int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

PUBLIC int symlinkat(const char *target, int at, const char *name)
{
	tell_name(at, name);
	return (int)syscall(SYS_symlinkat, target, at, name);
}

PUBLIC int linkat(int from, const char *old_name, int to, const char *new_name, int flags)
{
	tell_name(to, new_name);
	return (int)syscall(SYS_linkat, from, old_name, to, new_name, flags);
}
