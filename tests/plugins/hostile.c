/* SPDX-License-Identifier: MIT
 *
 * hostile.c - a plugin that tries what a worker must not be able to do. The option `attack` says
 * which kind, `target` names what it is done to, `moment` when: in `document` (each document is one
 * attack) or already in `open`. What came of each attempt is logged, and counted in `document`.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "strait/date.h"
#include "strait/plugin.h"

enum { ATTEMPTS, REFUSED };

#define FORKS_MAX 1000

static const struct strait_option options[] = {
	{ .name = "attack", .type = STRAIT_OPTION_STRING, .help = "What to try" },
	{ .name = "target", .type = STRAIT_OPTION_STRING, .fallback = "/", .help = "Done to what" },
	{ .name = "moment",
	  .type = STRAIT_OPTION_STRING,
	  .fallback = "document",
	  .help = "open or document" },
	{ .name = NULL },
};

static const struct strait_metric metrics[] = {
	[ATTEMPTS] = { .name = "test.attempts",
		       .unit = "attempts",
		       .title = "Attempts",
		       .kind = STRAIT_EVENT,
		       .granularity = STRAIT_DAY },
	[REFUSED] = { .name = "test.refused",
		      .unit = "attempts",
		      .title = "Refused attempts",
		      .kind = STRAIT_EVENT,
		      .granularity = STRAIT_DAY },
	{ .name = NULL },
};

static const struct strait_figure figures[] = {
	{ "hostile.attempts", "test.attempts", "total", "attempts", "Attempts ever" },
	{ "hostile.refused", "test.refused", "total", "attempts", "Refused ever" },
	{ .name = NULL },
};

/* ── attempts: 0 when it worked, else the errno ────────────────────────────────────────────── */

/* Of a call that gives a descriptor: which is not kept. */
static int of_fd(int fd)
{
	if (fd < 0)
		return errno;
	(void)close(fd);
	return 0;
}

static int of(long result)
{
	return result < 0 ? errno : 0;
}

static int read_it(const char *target)
{
	return of_fd(open(target, O_RDONLY | O_CLOEXEC));
}

static int write_it(const char *target)
{
	return of_fd(open(target, O_RDWR | O_CLOEXEC));
}

static int make_file(const char *target)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/planted", target);
	return of_fd(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int make_link(const char *target)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/link", target);
	return of(symlink("/etc/passwd", path));
}

static int make_pipe(const char *target)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/pipe", target);
	return of(mkfifo(path, 0600));
}

static int rename_it(const char *target)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s.moved", target);
	return of(rename(target, path));
}

static int list_root(const char *target)
{
	(void)target;
	return of_fd(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int tcp_socket(const char *target)
{
	(void)target;
	return of_fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int unix_socket(const char *target)
{
	(void)target;
	return of_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int datagram_pair(const char *target)
{
	int fds[2];

	(void)target;
	return of(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds));
}

/* On the one socket that a worker has. */
static int connect_link(const char *target)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", target);
	return of(connect(3, (const struct sockaddr *)&address, sizeof(address)));
}

static int run_program(const char *target)
{
	char *const argv[] = { (char *)"true", NULL };

	(void)target;
	return of(execve("/bin/true", argv, argv + 1));
}

static int trace_main(const char *target)
{
	(void)target;
	return of(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int read_main(const char *target)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)(uintptr_t)&metrics, 1 };

	(void)target;
	return of(process_vm_readv(getppid(), &here, 1, &there, 1, 0));
}

static int open_memory(const char *target)
{
	char path[64];

	(void)target;
	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)getppid());
	return of_fd(open(path, O_RDONLY | O_CLOEXEC));
}

static int limit_main(const char *target)
{
	const struct rlimit none = { 0 };

	(void)target;
	return of(prlimit(getppid(), RLIMIT_CORE, &none, NULL));
}

static int term_main(const char *target)
{
	(void)target;
	return of(kill(getppid(), SIGTERM));
}

static int kill_main(const char *target)
{
	(void)target;
	return of(kill(getppid(), SIGKILL));
}

static int kill_thread(const char *target)
{
	(void)target;
	return of(syscall(SYS_tgkill, getppid(), getppid(), SIGKILL));
}

static int queue_main(const char *target)
{
	(void)target;
	return of(sigqueue(getppid(), SIGTERM, (union sigval){ 0 }));
}

static int open_process(const char *target)
{
	(void)target;
	return of_fd((int)syscall(SYS_pidfd_open, getppid(), 0));
}

static int let_kernel_signal(const char *target)
{
	(void)target;
	return of(fcntl(3, F_SETOWN, getppid()));
}

/* The same with junk where the kernel does not look. */
static int let_kernel_signal_slyly(const char *target)
{
	(void)target;
	return of(syscall(SYS_fcntl, 3, F_SETOWN | 1L << 32, getppid()));
}

static int outlive_main(const char *target)
{
	(void)target;
	return of(syscall(SYS_prctl, 1 /* PR_SET_PDEATHSIG */, 0, 0, 0, 0));
}

static int fork_on(const char *target)
{
	(void)target;
	for (int i = 0; i < FORKS_MAX; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (pid < 0)
			return errno;
	}
	return 0;
}

static int vfork_once(const char *target)
{
	pid_t pid =
		(pid_t)syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, 0);

	(void)target;
	if (pid == 0)
		_exit(0);
	return of(pid);
}

static int fill_memfd(const char *target)
{
	int fd = memfd_create("hoard", MFD_CLOEXEC), result;

	(void)target;
	if (fd < 0)
		return errno;
	result = of(ftruncate(fd, 1 << 30));
	(void)close(fd);
	return result;
}

static int map_8_gib(const char *target)
{
	void *memory = mmap(NULL, (size_t)8 << 30, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)target;
	if (memory == MAP_FAILED)
		return errno;
	(void)munmap(memory, (size_t)8 << 30);
	return 0;
}

static int become_root(const char *target)
{
	(void)target;
	return of(setuid(0));
}

static int leave_namespace(const char *target)
{
	(void)target;
	return of(unshare(CLONE_NEWUSER));
}

static int set_up_ring(const char *target)
{
	(void)target;
	return of_fd((int)syscall(SYS_io_uring_setup, 1, NULL));
}

static int load_bpf(const char *target)
{
	(void)target;
	return of_fd((int)syscall(SYS_bpf, 0, NULL, 0));
}

static const struct attempt {
	const char *attack, *what;
	int (*make)(const char *target);
} attempts[] = {
	{ "open_store", "open for reading", read_it },
	{ "open_store", "open for writing", write_it },
	{ "connect", "socket of TCP", tcp_socket },
	{ "connect", "socket of a path", unix_socket },
	{ "connect", "pair of datagram sockets", datagram_pair },
	{ "connect", "connect of the link", connect_link },
	{ "exec", "execve", run_program },
	{ "ptrace", "ptrace of main", trace_main },
	{ "ptrace", "process_vm_readv of main", read_main },
	{ "ptrace", "prlimit of main", limit_main },
	{ "memory", "open of main's memory", open_memory },
	{ "signal", "SIGTERM to main", term_main },
	{ "signal", "SIGTERM queued to main", queue_main },
	{ "signal", "F_SETOWN to main", let_kernel_signal },
	{ "signal", "F_SETOWN to main with junk", let_kernel_signal_slyly },
	{ "kill_parent", "SIGKILL to main", kill_main },
	{ "kill_parent", "SIGKILL to main's thread", kill_thread },
	{ "kill_parent", "pidfd of main", open_process },
	{ "outlive", "giving up the death signal", outlive_main },
	{ "fork", "fork without end", fork_on },
	{ "fork", "vfork", vfork_once },
	{ "fill_disk", "a new file", make_file },
	{ "fill_disk", "a memfd of 1 GiB", fill_memfd },
	{ "map8g", "a mapping of 8 GiB", map_8_gib },
	{ "write_spool", "a new file", make_file },
	{ "write_spool", "a new link", make_link },
	{ "write_spool", "a new FIFO", make_pipe },
	{ "write_spool", "renaming", rename_it },
	{ "read_etc", "open for reading", read_it },
	{ "read_etc", "listing /", list_root },
	{ "privilege", "setuid", become_root },
	{ "privilege", "unshare", leave_namespace },
	{ "privilege", "io_uring_setup", set_up_ring },
	{ "privilege", "bpf", load_bpf },
};

/* ── the plugin ────────────────────────────────────────────────────────────────────────────── */

static int count(struct strait_source *source, unsigned int metric, uint64_t at)
{
	const struct strait_observation observation = { .struct_size = sizeof(observation),
							.metric = metric,
							.day = strait_day(2026, 1, 1),
							.value = 1,
							.at = strait_at_offset(at) };

	return strait_emit(source, &observation);
}

static int attack(struct strait_source *source, int counted)
{
	const char *kind = strait_option_string(source, "attack");
	int result = 0;

	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]) && result == 0; i++) {
		int error;

		if (!kind || strcmp(attempts[i].attack, kind) != 0)
			continue;
		error = attempts[i].make(strait_option_string(source, "target"));
		if (error)
			strait_log(source, LOG_WARNING, "%s: %s was refused with %s", kind,
				   attempts[i].what, strerrorname_np(error));
		else
			strait_log(source, LOG_WARNING, "%s: %s WORKED", kind, attempts[i].what);
		if (counted)
			result = count(source, ATTEMPTS, i);
		if (counted && result == 0 && error)
			result = count(source, REFUSED, i);
	}
	return result;
}

static int at(struct strait_source *source, const char *moment)
{
	return strcmp(strait_option_string(source, "moment"), moment) == 0;
}

static int begin(struct strait_source *source)
{
	return at(source, "open") ? attack(source, 0) : 0;
}

static int document(struct strait_source *source, struct strait_document *document)
{
	(void)document;
	return at(source, "document") ? attack(source, 1) : 0;
}

STRAIT_PLUGIN(.name = "hostile", .version = "1", .summary = "tries what it must not",
	      .options = options, .metrics = metrics, .figures = figures, .open = begin,
	      .document = document);
