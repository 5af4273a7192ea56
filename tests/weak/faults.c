/* SPDX-License-Identifier: MIT
 *
 * faults.c - linked into build/tests/straitd-weak only: takes the place of calls of the C library,
 * for the daemon and the libraries that it uses, and lets them fail when a test wants it
 * (tests/support/faults.h). Main and worker.
 *
 * Invariant: without $STRAITD_TEST_FAULTS every call does what the C library's does. Must never
 * allocate, nor change errno of a call that goes through.
 */
#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

static struct faults *faults; /* NULL: no test */
static bool is_worker;

static __attribute__((constructor)) void begin(int argc, char **argv)
{
	const char *path = getenv(FAULTS_VARIABLE);
	int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(*faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)syscall(SYS_close, fd);
	if (map == MAP_FAILED)
		return;
	is_worker = argc > 1 && strcmp(argv[1], "--worker") == 0;
	faults = map;
	if (is_worker)
		faults->worker_allocations = 0;
	else if (argc > 1 && strcmp(argv[1], "--archiver") == 0)
		faults = NULL;
	else
		faults->main_allocations = 0;
}

/* ── files ───────────────────────────────────────────────────────────────────────────────────── */

static bool is_below(const char *path)
{
	size_t size = strlen(faults->directory);

	return strncmp(path, faults->directory, size) == 0;
}

static bool fails(enum faults_call call, const char *path)
{
	if (!faults || is_worker != (faults->in_worker != 0) || !(faults->calls & call) ||
	    (path && !is_below(path)))
		return false;
	if (faults->spared > 0) {
		faults->spared--;
		return false;
	}
	if (faults->once)
		faults->calls = 0;
	faults->failed++;
	errno = faults->error;
	return true;
}

static bool fails_fd(enum faults_call call, int fd)
{
	char link[32], path[PATH_MAX];
	ssize_t size;

	if (!faults || is_worker != (faults->in_worker != 0) || !(faults->calls & call))
		return false;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	size = readlink(link, path, sizeof(path) - 1);
	if (size <= 0)
		return false;
	path[size] = '\0';
	return fails(call, path);
}

static bool fails_at(enum faults_call call, int directory, const char *path)
{
	return path[0] == '/' || directory == AT_FDCWD ? fails(call, path)
						       : fails_fd(call, directory);
}

PUBLIC ssize_t write(int fd, const void *data, size_t size)
{
	return fails_fd(FAULTS_WRITE, fd) ? -1 : syscall(SYS_write, fd, data, size);
}

PUBLIC ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	return fails_fd(FAULTS_WRITE, fd) ? -1 : syscall(SYS_pwrite64, fd, data, size, at);
}

PUBLIC ssize_t pwrite64(int fd, const void *data, size_t size, off_t at)
{
	return pwrite(fd, data, size, at);
}

PUBLIC int fsync(int fd)
{
	return fails_fd(FAULTS_SYNC, fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

PUBLIC int fdatasync(int fd)
{
	return fails_fd(FAULTS_SYNC, fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

PUBLIC int ftruncate(int fd, off_t size)
{
	return fails_fd(FAULTS_CUT, fd) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

PUBLIC int ftruncate64(int fd, off_t size)
{
	return ftruncate(fd, size);
}

static int open_at(int directory, const char *path, int flags, unsigned int mode)
{
	if (fails(FAULTS_FD, NULL))
		return -1;
	if ((flags & (O_ACCMODE | O_CREAT)) != O_RDONLY && fails(FAULTS_OPEN, path))
		return -1;
	return (int)syscall(SYS_openat, directory, path, flags, mode);
}

#define MODE_OF(flags, last)                                                                       \
	({                                                                                         \
		va_list arguments;                                                                 \
		unsigned int mode_ = 0;                                                            \
		if ((flags) & (O_CREAT | O_TMPFILE)) {                                             \
			va_start(arguments, last);                                                 \
			mode_ = va_arg(arguments, unsigned int);                                   \
			va_end(arguments);                                                         \
		}                                                                                  \
		mode_;                                                                             \
	})

PUBLIC int open(const char *path, int flags, ...)
{
	return open_at(AT_FDCWD, path, flags, MODE_OF(flags, flags));
}

PUBLIC int open64(const char *path, int flags, ...)
{
	return open_at(AT_FDCWD, path, flags, MODE_OF(flags, flags));
}

PUBLIC int openat(int directory, const char *path, int flags, ...)
{
	return open_at(directory, path, flags, MODE_OF(flags, flags));
}

PUBLIC int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned int flags)
{
	return fails_at(FAULTS_RENAME, to_at, to)
		       ? -1
		       : (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
}

PUBLIC int renameat(int from_at, const char *from, int to_at, const char *to)
{
	return renameat2(from_at, from, to_at, to, 0);
}

PUBLIC int rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

PUBLIC int linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
	return fails_at(FAULTS_RENAME, to_at, to)
		       ? -1
		       : (int)syscall(SYS_linkat, from_at, from, to_at, to, flags);
}

/* ── file descriptors ────────────────────────────────────────────────────────────────────────── */

PUBLIC int socketpair(int domain, int type, int protocol, int fds[2])
{
	return fails(FAULTS_FD, NULL) ? -1
				      : (int)syscall(SYS_socketpair, domain, type, protocol, fds);
}

PUBLIC int pipe2(int fds[2], int flags)
{
	return fails(FAULTS_FD, NULL) ? -1 : (int)syscall(SYS_pipe2, fds, flags);
}

PUBLIC int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
	return fails(FAULTS_FD, NULL) ? -1 : (int)syscall(SYS_accept4, fd, address, size, flags);
}

PUBLIC int memfd_create(const char *name, unsigned int flags)
{
	return fails(FAULTS_FD, NULL) ? -1 : (int)syscall(SYS_memfd_create, name, flags);
}

PUBLIC int dup(int fd)
{
	return fails(FAULTS_FD, NULL) ? -1 : (int)syscall(SYS_dup, fd);
}

/* ── the clock ───────────────────────────────────────────────────────────────────────────────── */

PUBLIC int clock_gettime(clockid_t id, struct timespec *ret_time)
{
	static int (*real)(clockid_t, struct timespec *);
	int result;

	if (!real)
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	result = real(id, ret_time);
	if (result == 0 && faults && id == CLOCK_REALTIME)
		ret_time->tv_sec += faults->clock_ms / 1000;
	return result;
}

/* ── memory ──────────────────────────────────────────────────────────────────────────────────── */

#if !defined(__SANITIZE_ADDRESS__)
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

/* iniparser 4.1 crashes, whoever calls it; config.c sees to it that it has memory. */
static bool is_spared(const void *caller)
{
	Dl_info info;

	return dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, "libiniparser");
}

static bool no_memory(const void *caller)
{
	volatile int64_t *wanted;
	int64_t number;

	if (!faults)
		return false;
	number = is_worker ? ++faults->worker_allocations : ++faults->main_allocations;
	wanted = is_worker ? &faults->worker_allocation : &faults->main_allocation;
	if (number != *wanted)
		return false;
	if (is_spared(caller)) {
		*wanted = number + 1;
		return false;
	}
	faults->allocation_failed++;
	faults->main_allocation = faults->worker_allocation = 0;
	errno = ENOMEM;
	return true;
}

PUBLIC void *malloc(size_t size)
{
	return no_memory(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

PUBLIC void *calloc(size_t count, size_t size)
{
	return no_memory(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

PUBLIC void *realloc(void *old, size_t size)
{
	return no_memory(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}
#endif
