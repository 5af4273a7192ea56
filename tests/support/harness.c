/* SPDX-License-Identifier: MIT
 *
 * harness.c - directories, files, log and processes of a test's own straitd; harness_bus.c has its
 * D-Bus half. Test programs only. Invariant: everything is below one temporary directory, and every
 * process is a child that dies with the test. Must never sleep: waits are inotify, pidfd or the
 * bus, with a deadline.
 */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <check.h>
#include <dbus/dbus.h>

#define LOG_TAIL_BYTES 6000

/* ── files ───────────────────────────────────────────────────────────────────────────────────── */

static const char *build_directory(void)
{
	const char *build = getenv("STRAIT_BUILD");

	ck_assert_msg(build != NULL, "$STRAIT_BUILD is not set; run the test through tests/run");
	return build;
}

__attribute__((format(printf, 2, 3))) static void path_format(char path[HARNESS_PATH_MAX],
							      const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(path, HARNESS_PATH_MAX, format, arguments);
	va_end(arguments);
	ck_assert_int_lt(length, HARNESS_PATH_MAX);
}

static void write_all(const char *path, int flags, const void *data, size_t size)
{
	int fd = open(path, flags | O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	ck_assert_msg(fd >= 0, "cannot write %s: %s", path, strerror(errno));
	ck_assert_msg(write(fd, data, size) == (ssize_t)size, "cannot write %s: %s", path,
		      strerror(errno));
	(void)close(fd);
}

/* NULL when it cannot be opened. */
static char *read_all(const char *path, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	char *data;
	ssize_t got;

	if (fd < 0)
		return NULL;
	ck_assert_int_eq(fstat(fd, &status), 0);
	data = malloc((size_t)status.st_size + 1);
	ck_assert_ptr_nonnull(data);
	got = read(fd, data, (size_t)status.st_size);
	(void)close(fd);
	ck_assert_int_ge(got, 0);
	data[got] = '\0';
	*ret_size = (size_t)got;
	return data;
}

char *harness_read(struct harness *harness, const char *path)
{
	size_t size;
	char *data = read_all(path, &size);

	harness_assert(harness, data != NULL, "%s: %s", path, strerror(errno));
	return data;
}

void harness_config(struct harness *harness, const char *file, const char *format, ...)
{
	char path[HARNESS_PATH_MAX], temporary[HARNESS_PATH_MAX], text[8192];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	ck_assert_int_lt(length, (int)sizeof(text));
	path_format(temporary, "%s/new", harness->directory);
	path_format(path, "%s/conf.d/%s", harness->config, file);
	write_all(temporary, O_TRUNC, text, (size_t)length);
	ck_assert_int_eq(rename(temporary, path), 0);
}

void harness_config_remove(struct harness *harness, const char *file)
{
	char path[HARNESS_PATH_MAX];

	path_format(path, "%s/conf.d/%s", harness->config, file);
	ck_assert_int_eq(unlink(path), 0);
}

void harness_plugin(struct harness *harness, const char *name)
{
	char from[HARNESS_PATH_MAX], to[HARNESS_PATH_MAX], temporary[HARNESS_PATH_MAX];
	size_t size = 0;
	char *data;

	path_format(from, "%s/plugins/%s.so", build_directory(), name);
	data = read_all(from, &size);
	if (data == NULL) {
		path_format(from, "%s/tests/plugins/%s.so", build_directory(), name);
		data = read_all(from, &size);
	}
	ck_assert_msg(data != NULL, "there is no plugin %s; is it built?", name);
	path_format(temporary, "%s/new", harness->plugins);
	path_format(to, "%s/%s.so", harness->plugins, name);
	write_all(temporary, O_TRUNC, data, size);
	ck_assert_int_eq(rename(temporary, to), 0);
	free(data);
}

void harness_drop(struct harness *harness, const char *source, const char *name, const char *text)
{
	char temporary[HARNESS_PATH_MAX], path[HARNESS_PATH_MAX];

	path_format(temporary, "%s/new", harness->spool);
	write_all(temporary, O_TRUNC, text, strlen(text));
	(void)harness_spool_path(harness, source, "incoming", name, path);
	harness_assert(harness, rename(temporary, path) == 0, "%s: %s", path, strerror(errno));
}

void harness_file(struct harness *harness, const char *name, const char *text, char *ret_path)
{
	char path[HARNESS_PATH_MAX];

	path_format(path, "%s/%s", harness->directory, name);
	write_all(path, O_TRUNC, text, strlen(text));
	if (ret_path != NULL)
		path_format(ret_path, "%s", path);
}

void harness_append(const char *path, const char *text)
{
	write_all(path, O_APPEND, text, strlen(text));
}

const char *harness_spool_path(const struct harness *harness, const char *source,
			       const char *folder, const char *name, char *buffer)
{
	path_format(buffer, "%s/%s/%s/%s", harness->spool, source, folder, name);
	return buffer;
}

/* Waits for something to happen in a directory or to a file, or for a process to end (pidfd, or
   -1). False after the deadline. */
static bool wait_for_event(int inotify, int pidfd, long long end)
{
	struct pollfd fds[2] = { { .fd = inotify, .events = POLLIN },
				 { .fd = pidfd, .events = POLLIN } };
	long long left = end - process_now_ms();
	char events[4096];

	if (left <= 0 || poll(fds, 2, (int)left) < 1)
		return false;
	return fds[0].revents == 0 || read(inotify, events, sizeof(events)) > 0;
}

static bool has_ended(int pidfd)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };

	return pidfd >= 0 && poll(&ended, 1, 0) == 1;
}

/* False when the process of the pidfd ended first. */
static bool wait_path(struct harness *harness, const char *path, bool there, int pidfd)
{
	long long end = process_now_ms() + HARNESS_DEADLINE_MS;
	int inotify = inotify_init1(IN_CLOEXEC);
	char directory[HARNESS_PATH_MAX];
	bool reached;

	ck_assert_int_ge(inotify, 0);
	path_format(directory, "%s", path);
	*strrchr(directory, '/') = '\0';
	harness_assert(harness,
		       inotify_add_watch(inotify, directory, IN_CREATE | IN_MOVE | IN_DELETE) >= 0,
		       "%s: %s", directory, strerror(errno));
	while (reached = (access(path, F_OK) == 0) == there, !reached && !has_ended(pidfd)) {
		if (!wait_for_event(inotify, pidfd, end))
			harness_fail(harness, "'%s' is still %s", path,
				     there ? "not there" : "there");
	}
	(void)close(inotify);
	return reached;
}

void harness_wait_path(struct harness *harness, const char *path, bool there)
{
	(void)wait_path(harness, path, there, -1); /* without a process there is one way to end */
}

bool harness_wait_path_or_end(struct harness *harness, const char *path)
{
	int pidfd = (int)syscall(SYS_pidfd_open, harness->daemon.pid, 0);
	bool reached;

	ck_assert_int_ge(pidfd, 0);
	reached = wait_path(harness, path, true, pidfd);
	(void)close(pidfd);
	return reached;
}

static void make_directory(char path[HARNESS_PATH_MAX], const char *parent, const char *name)
{
	path_format(path, "%s/%s", parent, name);
	ck_assert_msg(mkdir(path, 0755) == 0, "%s: %s", path, strerror(errno));
}

void harness_make_spool(struct harness *harness, const char *source)
{
	char spool[HARNESS_PATH_MAX], folder[HARNESS_PATH_MAX];

	make_directory(spool, harness->spool, source);
	make_directory(folder, spool, "incoming");
	make_directory(folder, spool, "done");
	make_directory(folder, spool, "failed");
}

/* ── the log ─────────────────────────────────────────────────────────────────────────────────── */

bool harness_log_has(struct harness *harness, const char *text)
{
	size_t size;
	char *log = read_all(harness->log, &size);
	bool found = log != NULL && memmem(log, size, text, strlen(text)) != NULL;

	free(log);
	return found;
}

void harness_wait_log(struct harness *harness, const char *text)
{
	long long end = process_now_ms() + HARNESS_DEADLINE_MS;
	int inotify = inotify_init1(IN_CLOEXEC);

	ck_assert_int_ge(inotify, 0);
	ck_assert_int_ge(inotify_add_watch(inotify, harness->log, IN_MODIFY), 0);
	while (!harness_log_has(harness, text)) {
		if (!wait_for_event(inotify, -1, end))
			harness_fail(harness, "the log has no line with '%s'", text);
	}
	(void)close(inotify);
}

void harness_fail(struct harness *harness, const char *format, ...)
{
	char message[1024];
	size_t size = 0;
	char *log = read_all(harness->log, &size);
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	fprintf(stderr, "%s\n--- end of the daemon's log:\n%s---\n", message,
		log == NULL ? "(none)\n"
			    : log + (size > LOG_TAIL_BYTES ? size - LOG_TAIL_BYTES : 0));
	ck_abort_msg("%s", message);
	abort(); /* ck_abort_msg does not come back, but is not declared so */
}

/* ── the daemon ──────────────────────────────────────────────────────────────────────────────── */

void harness_daemon_begin(struct harness *harness)
{
	char program[HARNESS_PATH_MAX];
	int log = open(harness->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	ck_assert_int_ge(log, 0);
	process_done(&harness->daemon);
	path_format(program, "%s/%s", build_directory(), harness->program);
	process_start(&harness->daemon, log,
		      (const char *const[]){ program, "--config", harness->config, "--state",
					     harness->state, "--spool", harness->spool, "--plugins",
					     harness->plugins, "--bus", harness->bus.address,
					     NULL });
	(void)close(log);
}

void harness_daemon(struct harness *harness)
{
	harness_daemon_begin(harness);
	harness_assert(harness, harness_wait_name(harness, true),
		       "the daemon ended before it was on the bus");
}

int harness_daemon_end(struct harness *harness, int signal)
{
	int code = process_end(&harness->daemon, signal);

	harness_assert(harness, code >= 0, "the daemon did not end in %d ms after signal %d",
		       PROCESS_DEADLINE_MS, signal);
	return code;
}

/* Parent of a living process, or -1. */
static pid_t parent_of(pid_t pid)
{
	char path[64], stat[512], *after;
	int fd, parent = -1;
	ssize_t got;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	got = read(fd, stat, sizeof(stat) - 1);
	(void)close(fd);
	if (got <= 0)
		return -1;
	stat[got] = '\0';
	after = strrchr(stat, ')'); /* the name before it may hold anything */
	if (after == NULL || after[1] == '\0' || after[2] == 'Z' ||
	    sscanf(after + 3, "%d", &parent) != 1)
		return -1;
	return parent;
}

size_t harness_workers(struct harness *harness, pid_t *ret_pids, size_t max)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t count = 0;

	ck_assert_ptr_nonnull(proc);
	while ((entry = readdir(proc)) != NULL && count < max) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && parent_of(pid) == harness->daemon.pid)
			ret_pids[count++] = pid;
	}
	(void)closedir(proc);
	return count;
}

/* ── straitctl ───────────────────────────────────────────────────────────────────────────────── */

#define CTL_WORDS_MAX 64

static void ctl_words(char program[HARNESS_PATH_MAX], const char *const words[],
		      const char *argv[CTL_WORDS_MAX])
{
	size_t count = 0;

	path_format(program, "%s/straitctl", build_directory());
	argv[0] = program;
	while (words[count] != NULL) {
		ck_assert_uint_lt(count + 2, CTL_WORDS_MAX);
		argv[count + 1] = words[count];
		count++;
	}
	argv[count + 1] = NULL;
}

void harness_run_ctl(struct harness *harness, struct output *ret_output, const char *const words[])
{
	char program[HARNESS_PATH_MAX];
	const char *argv[CTL_WORDS_MAX];

	(void)harness; /* the environment has the bus */
	ctl_words(program, words, argv);
	process_run(ret_output, argv);
}

void harness_begin_ctl(struct harness *harness, struct process *process, const char *const words[])
{
	char program[HARNESS_PATH_MAX];
	const char *argv[CTL_WORDS_MAX];

	(void)harness;
	ctl_words(program, words, argv);
	process_start(process, -1, argv);
}

/* ── begin and end ───────────────────────────────────────────────────────────────────────────── */

static void set_addresses(const struct harness *harness)
{
	(void)setenv("STRAITD_BUS", harness->bus.address, 1);
	(void)setenv("DBUS_SYSTEM_BUS_ADDRESS", harness->bus.address, 1);
	(void)setenv("DBUS_SESSION_BUS_ADDRESS", harness->bus.address, 1);
}

void harness_bus_restart(struct harness *harness)
{
	if (harness->connection != NULL) {
		dbus_connection_close(harness->connection);
		dbus_connection_unref(harness->connection);
		harness->connection = NULL;
	}
	private_bus_restart(&harness->bus);
	set_addresses(harness);
	harness_assert(harness, harness_wait_name(harness, /* owned= */ true),
		       "without a bus the daemon ended");
}

void harness_start(struct harness *harness)
{
	char path[HARNESS_PATH_MAX];

	*harness = (struct harness){ .program = "straitd", .daemon = { .out = -1 } };
	private_bus_start(&harness->bus, NULL);
	set_addresses(harness);
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("JOURNAL_STREAM");
	/* benches fill disks */
	(void)snprintf(harness->directory, sizeof(harness->directory), "%s/straitd-test-XXXXXX",
		       getenv("BENCH_DIR") ? getenv("BENCH_DIR") : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(harness->directory));
	make_directory(harness->config, harness->directory, "config");
	make_directory(path, harness->config, "conf.d");
	make_directory(harness->state, harness->directory, "state");
	make_directory(harness->spool, harness->directory, "spool");
	make_directory(harness->plugins, harness->directory, "plugins");
	path_format(harness->log, "%s/log", harness->directory);
	write_all(harness->log, O_TRUNC, "", 0);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	(void)remove(path); /* a rest in /tmp hurts nobody */
	return 0;
}

void harness_stop(struct harness *harness)
{
	int code = 0;

	if (harness->daemon.pid > 0)
		code = harness_daemon_end(harness, SIGTERM);
	harness_assert(harness, code == 0, "the daemon ended with %d after SIGTERM", code);
	process_done(&harness->daemon);
	if (harness->connection != NULL) {
		dbus_connection_close(harness->connection);
		dbus_connection_unref(harness->connection);
		dbus_shutdown();
	}
	private_bus_stop(&harness->bus);
	(void)nftw(harness->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	*harness = (struct harness){ .program = "straitd", .daemon = { .out = -1 } };
}
