/* SPDX-License-Identifier: MIT
 *
 * spawn.c - starting a worker (style rule 39): socketpair, pipe, fork, fds, signals, limits, exec.
 * Main only.
 *
 * Invariant: between fork and exec only async-signal-safe calls are made; everything that needs
 * memory is made before. Must never: leave an fd of the daemon open in a worker (close_range), or a
 * worker alive after the daemon (PDEATHSIG).
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "worker.h"

#define ENVIRONMENT_MAX 32 /* entries handed on; more are left out */
#define FD_ABOVE	10 /* out of the way of 0 to 3 */

extern char **environ;

static const char own_program[] = "/proc/self/exe";

/* Nothing else of the daemon's environment reaches a plugin: no tokens, no LD_*, no locale. */
static const char *const environment_fixed[] = { "PATH=/usr/bin:/bin", "LANG=C.UTF-8", "TZ=UTC" };
static const char *const environment_passed[] = {
	"STRAITD_", "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS=", "MALLOC_", NULL
};
/* As curl(1) has them; only for fetchers, since a proxy's address may hold a password. */
static const char *const environment_fetching[] = { "http_proxy=", "https_proxy=",   "HTTPS_PROXY=",
						    "all_proxy=",  "ALL_PROXY=",     "no_proxy=",
						    "NO_PROXY=",   "SSL_CERT_FILE=", NULL };

static const struct limit {
	int resource;
	rlim_t value;
} limits[] = {
	{ RLIMIT_CORE, 0 },
	{ RLIMIT_NOFILE, SPAWN_FDS_MAX },
#if !defined(__SANITIZE_ADDRESS__) /* reserves terabytes of address space */
	{ RLIMIT_AS, SPAWN_MEMORY_MAX_BYTES },
#endif
	/* No RLIMIT_NPROC: it counts all processes of the user. The sandbox refuses fork. */
};

/* What the child needs, made before the fork. */
struct child {
	pid_t parent;
	int link_fd, stderr_fd, null_fd; /* all of them ≥ FD_ABOVE */
	const char *program;
	rlim_t file_max; /* bytes of a file that it writes */
	char *argv[4];
	char *environment[ENVIRONMENT_MAX + 1];
};

static size_t pass(struct child *child, size_t count, const char *const *names)
{
	for (size_t i = 0; environ && environ[i]; i++)
		for (size_t j = 0; names[j]; j++)
			if (count < ENVIRONMENT_MAX &&
			    strncmp(environ[i], names[j], strlen(names[j])) == 0)
				child->environment[count++] = environ[i];
	return count;
}

static void fill_environment(struct child *child, bool fetching)
{
	size_t count = 0;
	size_t i;

	for (i = 0; i < sizeof(environment_fixed) / sizeof(environment_fixed[0]); i++)
		child->environment[count++] =
			(char *)environment_fixed[i]; /* execve does not write to it */
	count = pass(child, count, environment_passed);
	if (fetching)
		count = pass(child, count, environment_fetching);
	child->environment[count] = NULL;
}

/* The daemon may have been started with 0, 1 or 2 closed: a new fd can be one of those that the
 * child replaces. */
static int move_up(int *fd)
{
	int moved = fcntl(*fd, F_DUPFD_CLOEXEC, FD_ABOVE);

	if (moved < 0)
		return -errno;
	(void)close(*fd);
	*fd = moved;
	return 0;
}

/* Says what failed as the worker's last words. By hand: strerror and printf are not
 * async-signal-safe. */
static void __attribute__((noreturn)) give_up(const char *what)
{
	char number[] = " (errno 000)\n";
	int error = errno;

	number[8] = (char)('0' + error / 100 % 10);
	number[9] = (char)('0' + error / 10 % 10);
	number[10] = (char)('0' + error % 10);
	if (write(STDERR_FILENO, what, strlen(what)) < 0 ||
	    write(STDERR_FILENO, number, strlen(number)) < 0)
		_exit(SPAWN_EXIT_FAILED); /* nobody is there to hear it */
	_exit(SPAWN_EXIT_FAILED);
}

static void reset_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;
	int number;

	for (number = 1; number < NSIG; number++)
		(void)sigaction(number, &action,
				NULL); /* SIGKILL and a few others refuse: they are default */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Never up: the daemon itself may be limited further. */
static void lower_limit(const struct limit *limit)
{
	struct rlimit now;

	if (getrlimit((unsigned int)limit->resource, &now) < 0)
		give_up("getrlimit failed");
	if (now.rlim_max > limit->value)
		now.rlim_max = limit->value;
	if (now.rlim_cur > now.rlim_max)
		now.rlim_cur = now.rlim_max;
	if (setrlimit((unsigned int)limit->resource, &now) < 0)
		give_up("setrlimit failed");
}

static void lower_limits(const struct child *child)
{
	const struct limit of_files = { RLIMIT_FSIZE, child->file_max };
	size_t i;

	lower_limit(&of_files);
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		lower_limit(&limits[i]);
}

static void offer_to_oom_killer(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return; /* no /proc: exec will fail and say so */
	if (write(fd, SPAWN_OOM_SCORE, strlen(SPAWN_OOM_SCORE)) < 0) {
		/* only a preference */
	}
	(void)close(fd);
}

/* First of all: until exec this process holds what the daemon had open, the lock of the store too,
 * which must not outlive it. */
static void die_with_daemon(const struct child *child)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		give_up("prctl(PR_SET_PDEATHSIG) failed");
	if (getppid() != child->parent)
		_exit(SPAWN_EXIT_FAILED); /* it died in between: nobody is there to hear it */
}

/* The last steps of every child; its fds are in place. */
static void __attribute__((noreturn)) run(const struct child *child, int last_fd)
{
	if (close_range((unsigned int)last_fd + 1, ~0u, 0) < 0)
		give_up("close_range failed (Linux 5.9 or newer is needed)");
	reset_signals();
	/* Ctrl-C on the daemon's terminal must not reach the worker before the daemon's polite
	 * STOP. */
	(void)setsid();
	lower_limits(child);
	offer_to_oom_killer();
	(void)execve(child->program, child->argv, child->environment);
	give_up(child->program == own_program
			? "cannot run /proc/self/exe: is /proc mounted, and is the daemon's program readable?"
			: "cannot run straitd-fetcher: is it readable for the daemon?");
}

static void __attribute__((noreturn)) become_worker(const struct child *child)
{
	die_with_daemon(child);
	if (dup2(child->stderr_fd, STDERR_FILENO) < 0)
		_exit(SPAWN_EXIT_FAILED);
	if (dup2(child->null_fd, STDIN_FILENO) < 0 || dup2(child->null_fd, STDOUT_FILENO) < 0 ||
	    dup2(child->link_fd, WORKER_FD) < 0)
		give_up("dup2 failed");
	run(child, WORKER_FD);
}

/* stderr stays the daemon's: an archiver or a fetcher says there what nobody else can. */
static void __attribute__((noreturn))
become_filter(const struct child *child, int in_fd, int out_fd)
{
	die_with_daemon(child);
	if (dup2(in_fd, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0)
		give_up("dup2 failed");
	run(child, STDERR_FILENO);
}

static int make_fds(int ret_link[2], int ret_stderr[2], int *ret_null, struct fault *fault)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_link) < 0)
		return fault_errno(fault, errno, "cannot make a socket pair for a worker");
	if (pipe2(ret_stderr, O_CLOEXEC) < 0)
		return fault_errno(fault, errno, "cannot make a pipe for a worker");
	*ret_null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (*ret_null < 0)
		return fault_errno(fault, errno, "cannot open /dev/null for a worker");
	/* Only main's ends: these flags belong to the open file, and each end is its own. */
	if (fcntl(ret_link[0], F_SETFL, O_NONBLOCK) < 0 ||
	    fcntl(ret_stderr[0], F_SETFL, O_NONBLOCK) < 0)
		return fault_errno(fault, errno, "cannot prepare the fds of a worker");
	if (move_up(&ret_link[1]) < 0 || move_up(&ret_stderr[1]) < 0 || move_up(ret_null) < 0)
		return fault_errno(fault, errno, "cannot prepare the fds of a worker");
	return 0;
}

int spawn_worker(const char *name, struct spawned *ret_spawned, struct fault *fault)
{
	int link_fds[2] = { -1, -1 };
	int stderr_fds[2] = { -1, -1 };
	CLEANUP(close_fd) int null_fd = -1;
	struct child child = { .parent = getpid(),
			       .program = own_program,
			       .file_max = SPAWN_FILE_MAX_BYTES,
			       .argv = { (char *)"straitd", (char *)"--worker", (char *)name,
					 NULL } };
	pid_t pid = -1;
	int result;

	result = make_fds(link_fds, stderr_fds, &null_fd, fault);
	if (result == 0) {
		child.link_fd = link_fds[1];
		child.stderr_fd = stderr_fds[1];
		child.null_fd = null_fd;
		fill_environment(&child, /* fetching= */ false);
		pid = fork();
		if (pid == 0)
			become_worker(&child);
		if (pid < 0)
			result = fault_errno(fault, errno, "cannot start a process for a worker");
	}
	close_fd(&link_fds[1]);
	close_fd(&stderr_fds[1]);
	if (result < 0) {
		close_fd(&link_fds[0]);
		close_fd(&stderr_fds[0]);
		return result;
	}
	*ret_spawned =
		(struct spawned){ .pid = pid, .link_fd = link_fds[0], .stderr_fd = stderr_fds[0] };
	return 0;
}

/* Both have their work on fds 0 and 1. */
static int spawn_filter(struct child *child, const char *what, int in_fd, int out_fd,
			pid_t *ret_pid, struct fault *fault)
{
	CLEANUP(close_fd) int in = fcntl(in_fd, F_DUPFD_CLOEXEC, FD_ABOVE);
	CLEANUP(close_fd) int out = fcntl(out_fd, F_DUPFD_CLOEXEC, FD_ABOVE);
	pid_t pid;

	if (in < 0 || out < 0)
		return fault_errno(fault, errno, "cannot prepare the fds of the %s", what);
	child->parent = getpid();
	pid = fork();
	if (pid == 0)
		become_filter(child, in, out);
	if (pid < 0)
		return fault_errno(fault, errno, "cannot start a process for the %s", what);
	*ret_pid = pid;
	return 0;
}

int spawn_archiver(const char *sha256, int in_fd, int out_fd, pid_t *ret_pid, struct fault *fault)
{
	struct child child = { .program = own_program,
			       .file_max = SPAWN_FILE_MAX_BYTES,
			       .argv = { (char *)"straitd", (char *)"--archiver", (char *)sha256,
					 NULL } };

	fill_environment(&child, /* fetching= */ false);
	return spawn_filter(&child, "archiver", in_fd, out_fd, ret_pid, fault);
}

/* In a build directory and in /usr/sbin it lies beside the daemon's own program. */
static bool find_helper(const char *program, char path[PATH_MAX])
{
	ssize_t size = readlink(own_program, path, PATH_MAX - 1);
	char *slash;

	if (size > 0) {
		path[size] = '\0';
		slash = strrchr(path, '/');
		if (slash &&
		    (size_t)snprintf(slash + 1, PATH_MAX - (size_t)(slash + 1 - path), "%s",
				     program) < PATH_MAX - (size_t)(slash + 1 - path) &&
		    access(path, X_OK) == 0)
			return true;
	}
	return snprintf(path, PATH_MAX, LIBEXECDIR "/%s", program) < PATH_MAX &&
	       access(path, X_OK) == 0;
}

int spawn_fetcher(const char *program, const char *name, uint64_t file_max, int in_fd, int out_fd,
		  pid_t *ret_pid, struct fault *fault)
{
	char path[PATH_MAX];
	struct child child = { .program = path,
			       .file_max = file_max,
			       .argv = { (char *)program, (char *)name, NULL } };

	if (!find_helper(program, path))
		return fault_set(fault, FAULT_SYSTEM,
				 "there is no %s beside the daemon's program, nor in " LIBEXECDIR
				 "; install it, or take 'url' out of the section",
				 program);
	fill_environment(&child, /* fetching= */ true);
	return spawn_filter(&child, "fetcher", in_fd, out_fd, ret_pid, fault);
}
