/* SPDX-License-Identifier: MIT
 *
 * test_sandbox.c - what a process can do after each step of the sandbox, call by call. Every row
 * runs in a process of its own that has taken the step.
 *
 * What this kernel does not have is skipped with a line that begins with "SKIP", which tests/run
 * shows.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <limits.h>
#include <mqueue.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"
#include "sandbox_private.h"

#define NOT_TAKEN 250 /* exit code: the step itself failed */

static char directory[64], incoming[PATH_MAX], outside[PATH_MAX], log_path[PATH_MAX],
	log_link[PATH_MAX];
static int old_file; /* open for writing since before the sandbox */
static bool has_seccomp, has_landlock;

/* ── the deeds: 0 when it worked, else the errno ───────────────────────────────────────────── */

static int of(long result)
{
	return result < 0 ? errno : 0;
}

static int below(const char *parent, const char *name, int flags)
{
	char path[PATH_MAX + 32];

	(void)snprintf(path, sizeof(path), "%s/%s", parent, name);
	return of(open(path, flags | O_CLOEXEC, 0600));
}

static int do_read_incoming(void)
{
	return below(incoming, "file", O_RDONLY);
}

static int do_list_incoming(void)
{
	return of(open(incoming, O_RDONLY | O_DIRECTORY));
}

static int do_read_log(void)
{
	return of(open(log_path, O_RDONLY));
}

static int do_read_log_link(void)
{
	return of(open(log_link, O_RDONLY));
}

static int do_read_outside(void)
{
	return below(outside, "file", O_RDONLY);
}

static int do_read_by_dots(void)
{
	return below(incoming, "../outside/file", O_RDONLY);
}

static int do_list_root(void)
{
	return of(open("/", O_RDONLY | O_DIRECTORY));
}

static int do_write(void)
{
	return below(incoming, "file", O_WRONLY);
}

static int do_append(void)
{
	return below(incoming, "file", O_RDWR | O_APPEND);
}

static int do_create(void)
{
	return below(incoming, "new", O_RDONLY | O_CREAT);
}

static int do_shorten(void)
{
	return below(incoming, "file", O_RDONLY | O_TRUNC);
}

static int do_openat2(void)
{
	uint64_t how[3] = { O_RDWR };

	return of(syscall(SYS_openat2, AT_FDCWD, outside, how, sizeof(how)));
}

static int do_mkdir(void)
{
	return of(mkdir("/tmp/no", 0700));
}

static int do_unlink(void)
{
	return of(unlink(log_path));
}

static int do_rename(void)
{
	return of(rename(log_path, log_link));
}

static int do_chmod(void)
{
	return of(chmod(log_path, 0777));
}

static int do_grow_old_file(void)
{
	return of(write(old_file, "more", 4));
}

static int do_socket(void)
{
	return of(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int do_socketpair(void)
{
	int fds[2];

	return of(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds));
}

static int do_exec(void)
{
	char *const argv[] = { (char *)"true", NULL };

	return of(execve("/bin/true", argv, argv + 1));
}

static int do_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return of(pid);
}

static int do_clone3(void)
{
	return of(syscall(SYS_clone3, NULL, (size_t)0));
}

static int do_kill_parent(void)
{
	return of(kill(getppid(), 0));
}

static int do_kill_group(void)
{
	return of(kill(0, 0));
}

static int do_kill_self(void)
{
	return of(kill(getpid(), 0));
}

static int do_raise(void)
{
	(void)signal(SIGUSR1, SIG_IGN);
	return raise(SIGUSR1) ? EIO : 0;
}

static int do_setown(void)
{
	return of(syscall(SYS_fcntl, 0, F_SETOWN | INT64_C(1) << 40, getppid()));
}

static int do_prlimit_parent(void)
{
	struct rlimit limit;

	return of(prlimit(getppid(), RLIMIT_AS, NULL, &limit));
}

static int do_getrlimit(void)
{
	struct rlimit limit;

	return of(getrlimit(RLIMIT_AS, &limit));
}

static int do_setuid(void)
{
	return of(setuid(getuid()));
}

static int do_unshare(void)
{
	return of(unshare(CLONE_NEWNS));
}

static int do_chroot(void)
{
	return of(chroot("/"));
}

static int do_personality(void)
{
	return of(personality(0xffffffff));
}

static int do_mount(void)
{
	return of(mount("none", "/tmp", "tmpfs", 0, NULL));
}

static int do_keyctl(void)
{
	return of(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
}

static int do_bpf(void)
{
	return of(syscall(SYS_bpf, 0, NULL, 0));
}

static int do_perf(void)
{
	return of(syscall(SYS_perf_event_open, NULL, 0, 0, -1, 0));
}

static int do_userfaultfd(void)
{
	return of(syscall(SYS_userfaultfd, 0));
}

static int do_io_uring(void)
{
	return of(syscall(SYS_io_uring_setup, 1, NULL));
}

static int do_open_by_handle(void)
{
	return of(syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, O_RDONLY));
}

static int do_memfd(void)
{
	return of(memfd_create("x", MFD_CLOEXEC));
}

static int do_shm(void)
{
	return of(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600));
}

static int do_mq(void)
{
	return of(mq_open("/none", O_RDONLY));
}

static int do_fds_without_end(void)
{
	for (int i = 0; i < 1024; i++) {
		if (dup(0) < 0)
			return errno;
	}
	return 0;
}

/* What the loop and the host of a worker need. */
static int do_loop(void)
{
	int fds[2];

	return of(epoll_create1(EPOLL_CLOEXEC)) ?: of(eventfd(0, EFD_CLOEXEC)) ?:
	       of(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) ?: of(pipe2(fds, O_CLOEXEC));
}

static int do_watch(void)
{
	int fd = inotify_init1(IN_CLOEXEC);

	return of(fd) ?: of(inotify_add_watch(fd, incoming, IN_CLOSE_WRITE));
}

static void *nothing(void *context)
{
	return context;
}

static int do_thread(void)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, nothing, NULL);

	return error ?: pthread_join(thread, NULL);
}

static int do_map(void)
{
	return mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			       MAP_FAILED
		       ? errno
		       : 0;
}

/* ── taking a step ─────────────────────────────────────────────────────────────────────────── */

/* DIRECTORY/NAME, as a directory or as a file with a little text. */
static const char *make(char path[PATH_MAX], const char *name, bool is_directory)
{
	int fd;

	(void)snprintf(path, PATH_MAX, "%s/%s", directory, name);
	if (is_directory) {
		ck_assert_int_eq(mkdir(path, 0700), 0);
		return path;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "text", 4), 4);
	(void)close(fd);
	return path;
}

static void set_up(void)
{
	char path[PATH_MAX];

	(void)snprintf(directory, sizeof(directory), "/tmp/test_sandbox.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	make(incoming, "incoming", true);
	make(path, "incoming/file", false);
	make(path, "logs", true);
	make(log_path, "logs/real.log", false);
	make(path, "links", true);
	(void)snprintf(log_link, sizeof(log_link), "%s/links/linked.log", directory);
	ck_assert_int_eq(symlink(log_path, log_link), 0);
	make(outside, "outside", true);
	old_file = open(make(path, "outside/file", false), O_WRONLY | O_APPEND | O_CLOEXEC);
	ck_assert_int_ge(old_file, 0);
}

static void tear_down(void)
{
	(void)close(old_file);
	if (fork() == 0) {
		execlp("rm", "rm", "-rf", directory, NULL);
		_exit(1);
	}
	(void)wait(NULL);
}

static int take(enum sandbox_step step, const char *log, struct sandbox_layers *ret_layers)
{
	struct fault fault = { 0 };

	if (sandbox_early(&fault) < 0 ||
	    (step == SANDBOX_LATE && sandbox_late(incoming, log, ret_layers, &fault) < 0)) {
		(void)fprintf(stderr, "%s\n", fault.text);
		return -1;
	}
	return 0;
}

/* What the deed gives in a process behind that step; what it says goes to words. */
static int after(enum sandbox_step step, int (*deed)(void), char words[256])
{
	struct sandbox_layers layers;
	int status, said[2];
	ssize_t size;
	pid_t pid;

	ck_assert_int_eq(pipe2(said, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)dup2(said[1], STDERR_FILENO);
		_exit(take(step, log_link, &layers) < 0 ? NOT_TAKEN : deed());
	}
	(void)close(said[1]);
	size = read(said[0], words, 255);
	words[size < 0 ? 0 : size] = '\0';
	(void)close(said[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "ended by signal %d: %s", WTERMSIG(status), words);
	ck_assert_msg(WEXITSTATUS(status) != NOT_TAKEN, "the step failed: %s", words);
	return WEXITSTATUS(status);
}

/* ── the rows ──────────────────────────────────────────────────────────────────────────────── */

enum layer { ALWAYS, SECCOMP, LANDLOCK };

#define ROW(step, deed, error, layer)                                                              \
	{                                                                                          \
		step, #deed, do_##deed, error, layer                                               \
	}

static const struct row {
	enum sandbox_step step;
	const char *name;
	int (*deed)(void);
	int error;
	enum layer layer;
} rows[] = {
	/* before the plugin's code: what it needs, and what it never does */
	ROW(SANDBOX_EARLY, read_outside, 0, ALWAYS),
	ROW(SANDBOX_EARLY, list_root, 0, ALWAYS),
	ROW(SANDBOX_EARLY, socket, 0, ALWAYS),
	ROW(SANDBOX_EARLY, memfd, 0, ALWAYS),
	ROW(SANDBOX_EARLY, thread, 0, ALWAYS),
	ROW(SANDBOX_EARLY, write, EPERM, SECCOMP),
	ROW(SANDBOX_EARLY, exec, EPERM, SECCOMP),
	ROW(SANDBOX_EARLY, fork, EPERM, SECCOMP),
	ROW(SANDBOX_EARLY, kill_parent, EPERM, SECCOMP),
	/* after `open`: what a worker goes on with */
	ROW(SANDBOX_LATE, read_incoming, 0, ALWAYS),
	ROW(SANDBOX_LATE, list_incoming, 0, ALWAYS),
	ROW(SANDBOX_LATE, read_log, 0, ALWAYS),
	ROW(SANDBOX_LATE, read_log_link, 0, ALWAYS),
	ROW(SANDBOX_LATE, loop, 0, ALWAYS),
	ROW(SANDBOX_LATE, watch, 0, ALWAYS),
	ROW(SANDBOX_LATE, thread, 0, ALWAYS),
	ROW(SANDBOX_LATE, map, 0, ALWAYS),
	ROW(SANDBOX_LATE, raise, 0, ALWAYS),
	ROW(SANDBOX_LATE, kill_self, 0, ALWAYS),
	ROW(SANDBOX_LATE, getrlimit, 0, ALWAYS),
	/* and what it cannot */
	ROW(SANDBOX_LATE, grow_old_file, EFBIG, ALWAYS),
	ROW(SANDBOX_LATE, fds_without_end, EMFILE, ALWAYS),
	ROW(SANDBOX_LATE, read_outside, EACCES, LANDLOCK),
	ROW(SANDBOX_LATE, read_by_dots, EACCES, LANDLOCK),
	ROW(SANDBOX_LATE, list_root, EACCES, LANDLOCK),
	ROW(SANDBOX_LATE, write, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, append, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, create, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, shorten, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, openat2, ENOSYS, SECCOMP),
	ROW(SANDBOX_LATE, mkdir, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, unlink, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, rename, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, chmod, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, socket, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, socketpair, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, exec, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, fork, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, clone3, ENOSYS, SECCOMP),
	ROW(SANDBOX_LATE, kill_parent, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, kill_group, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, setown, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, prlimit_parent, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, setuid, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, unshare, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, chroot, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, personality, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, mount, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, keyctl, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, bpf, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, perf, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, userfaultfd, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, io_uring, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, open_by_handle, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, memfd, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, shm, EPERM, SECCOMP),
	ROW(SANDBOX_LATE, mq, EPERM, SECCOMP),
};

START_TEST(a_deed_has_its_answer)
{
	const struct row *row = &rows[_i];
	char words[256];
	int error;

	if ((row->layer == SECCOMP && !has_seccomp) || (row->layer == LANDLOCK && !has_landlock)) {
		(void)fprintf(stderr, "SKIP %s: this kernel has no %s\n", row->name,
			      row->layer == SECCOMP ? "seccomp filters" : "Landlock");
		return;
	}
	error = after(row->step, row->deed, words);
	ck_assert_msg(error == row->error, "%s %s gave %s instead of %s; it said: %s", row->name,
		      row->step == SANDBOX_EARLY ? "before `open`" : "after `open`",
		      strerrorname_np(error), strerrorname_np(row->error), words);
}
END_TEST

/* ── telling ───────────────────────────────────────────────────────────────────────────────── */

static int do_socket_thrice(void)
{
	return do_socket() == EPERM && do_socket() == EPERM ? do_socket() : 0;
}

START_TEST(a_refused_call_is_named_once)
{
	char words[256];

	if (!has_seccomp) {
		(void)fputs("SKIP telling: this kernel has no seccomp filters\n", stderr);
		return;
	}
	ck_assert_int_eq(after(SANDBOX_LATE, do_socket_thrice, words), EPERM);
	ck_assert_str_eq(words,
			 "sandbox refused socket(): a worker opens no connection after `open`\n");
}
END_TEST

static const struct text {
	struct sandbox_layers layers;
	const char *text;
} texts[] = {
	{ { 7, true }, "landlock 7, seccomp" },
	{ { 1, false }, "landlock 1" },
	{ { 0, true }, "seccomp" },
	{ { 0, false }, "none" },
	{ { UINT32_MAX, true }, "landlock 4294967295, seccomp" },
};

START_TEST(layers_have_a_text)
{
	char buffer[SANDBOX_TEXT_MAX];

	ck_assert_str_eq(sandbox_text(&texts[_i].layers, buffer), texts[_i].text);
}
END_TEST

/* ── the process as a whole ────────────────────────────────────────────────────────────────── */

static int do_show_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };
	const uint32_t reading = UINT32_C(1) << CAP_DAC_READ_SEARCH;

	if (syscall(SYS_capget, &header, sets) < 0)
		return 1;
	return (sets[0].permitted & ~reading) || (sets[0].effective & ~reading) ||
	       sets[1].permitted || sets[1].effective;
}

START_TEST(root_keeps_no_right_but_reading)
{
	char words[256];

	ck_assert_int_eq(after(SANDBOX_EARLY, do_show_capabilities, words), 0);
}
END_TEST

static void *wait_for_the_end(void *context)
{
	pthread_barrier_t *barrier = context;

	pthread_barrier_wait(barrier);
	return NULL;
}

/* 0: refused as it must be. */
static int do_close_with_a_thread(void)
{
	struct sandbox_layers layers;
	struct fault fault = { 0 };
	pthread_barrier_t barrier;
	pthread_t thread;
	int result;

	if (pthread_barrier_init(&barrier, NULL, 2) ||
	    pthread_create(&thread, NULL, wait_for_the_end, &barrier))
		return 1;
	result = sandbox_late(incoming, "", &layers, &fault);
	pthread_barrier_wait(&barrier);
	(void)pthread_join(thread, NULL);
	return result < 0 && fault.kind == FAULT_BUG && strstr(fault.text, "2 threads") ? 0 : 2;
}

START_TEST(a_thread_of_open_is_not_left_outside)
{
	char words[256];

	ck_assert_int_eq(after(SANDBOX_EARLY, do_close_with_a_thread, words), 0);
}
END_TEST

static int do_close_without_directories(void)
{
	struct sandbox_layers layers;

	return sandbox_late("/nowhere/at/all", "/nowhere/at/all.log", &layers, NULL) < 0;
}

START_TEST(a_directory_that_is_missing_is_no_failure)
{
	char words[256];

	ck_assert_int_eq(after(SANDBOX_EARLY, do_close_without_directories, words), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sandbox");
	TCase *tests = tcase_create("sandbox");
	SRunner *runner;
	int failed;

	has_landlock = sandbox_landlock_abi() > 0;
	has_seccomp = syscall(SYS_prctl, 21 /* PR_GET_SECCOMP */, 0, 0, 0, 0) >= 0;
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_loop_test(tests, a_deed_has_its_answer, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tests, a_refused_call_is_named_once);
	tcase_add_loop_test(tests, layers_have_a_text, 0, sizeof(texts) / sizeof(texts[0]));
	tcase_add_test(tests, root_keeps_no_right_but_reading);
	tcase_add_test(tests, a_thread_of_open_is_not_left_outside);
	tcase_add_test(tests, a_directory_that_is_missing_is_no_failure);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
