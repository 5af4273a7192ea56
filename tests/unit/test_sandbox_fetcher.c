/* SPDX-License-Identifier: MIT
 *
 * test_sandbox_fetcher.c - what a fetcher can still do once it is confined, and what not; each
 * tried by a process of its own. What this kernel does not have is skipped with a line. Test
 * program.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "sandbox.h"
#include "sandbox_private.h"

#define MAX_BYTES 4096u
#define UNSEEN	  99

static char spool[64];
static uint16_t port_allowed, port_other;
static int listeners[2];

static void set_up(void)
{
	char path[96];

	(void)snprintf(spool, sizeof(spool), "/tmp/strait-fetcher-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(spool));
	(void)snprintf(path, sizeof(path), "%s/incoming", spool);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	for (int i = 0; i < 2; i++) {
		struct sockaddr_in address = { .sin_family = AF_INET,
					       .sin_addr = { htonl(INADDR_LOOPBACK) } };
		socklen_t size = sizeof(address);

		listeners[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert_int_eq(bind(listeners[i], (struct sockaddr *)&address, size), 0);
		ck_assert_int_eq(listen(listeners[i], 8), 0);
		ck_assert_int_eq(getsockname(listeners[i], (struct sockaddr *)&address, &size), 0);
		*(i ? &port_other : &port_allowed) = ntohs(address.sin_port);
	}
}

static void tear_down(void)
{
	static const char *const left[] = { "incoming/a.csv", "incoming/.job-0", ".job-0" };
	char path[96];

	(void)close(listeners[0]);
	(void)close(listeners[1]);
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", spool, left[i]);
		(void)unlink(path);
	}
	(void)snprintf(path, sizeof(path), "%s/incoming", spool);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(rmdir(spool), 0);
}

/* ── deeds; each returns an errno, 0 = it worked ──────────────────────────────────────────── */

static int result_of(long result)
{
	return result < 0 ? errno : 0;
}

static int write_file(const char *folder, size_t size)
{
	static char zeros[2 * MAX_BYTES];
	char path[96], to[96];
	int fd, code;

	(void)snprintf(path, sizeof(path), "%s/%s/.job-0", spool, folder);
	(void)snprintf(to, sizeof(to), "%s/%s/a.csv", spool, folder);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return errno;
	for (size_t done = 0; done < size;) {
		ssize_t wrote = write(fd, zeros, size - done);

		if (wrote < 0)
			return errno;
		done += (size_t)wrote;
	}
	code = result_of(fsync(fd));
	return code ? code : result_of(rename(path, to));
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? errno
		      : result_of(connect(fd, (struct sockaddr *)&address, sizeof(address)));
}

static int fill_incoming(void)
{
	return write_file("incoming", MAX_BYTES);
}

static int fill_too_much(void)
{
	return write_file("incoming", MAX_BYTES + 2);
}

static int write_beside(void)
{
	return write_file(".", 1);
}

static int read_passwords(void)
{
	return result_of(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int read_names(void)
{
	return result_of(open("/etc/hosts", O_RDONLY | O_CLOEXEC));
}

static int list_root(void)
{
	return result_of(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int connect_allowed(void)
{
	return connect_to(port_allowed);
}

static int connect_other(void)
{
	return connect_to(port_other);
}

static int local_socket(void)
{
	return result_of(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int packet_socket(void)
{
	return result_of(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static int serve(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return errno;
	return result_of(listen(fd, 1));
}

static int ask_names(void)
{
	return result_of(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static int start_program(void)
{
	return result_of(execl("/bin/true", "true", (char *)NULL));
}

static int start_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return result_of(pid);
}

static int signal_parent(void)
{
	return result_of(kill(getppid(), SIGURG));
}

static int make_link(void)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/incoming/l", spool);
	return result_of(symlink("/etc/shadow", path));
}

static int make_executable(void)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/incoming", spool);
	return result_of(chmod(path, 04777));
}

static int take_much_memory(void)
{
	void *at = mmap(NULL, (size_t)2 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	return at == MAP_FAILED ? errno : 0;
}

#define LANDLOCK (1u << 0)
#define SECCOMP	 (1u << 1)
#define PORTS	 (1u << 2) /* Landlock of ABI 4 */
#define NO_ASAN	 (1u << 3)

static const struct deed {
	const char *name;
	int (*try)(void);
	int expected, or_else; /* errno; a layer may answer before another */
	unsigned int needs;
} deeds[] = {
	{ "fills a file of incoming/", fill_incoming, 0, 0, 0 },
	{ "is refused a larger one", fill_too_much, EFBIG, EFBIG, 0 },
	{ "is refused a file beside incoming/", write_beside, EACCES, EACCES, LANDLOCK },
	{ "is refused other files", read_passwords, EACCES, EACCES, LANDLOCK },
	{ "is refused a look round", list_root, EACCES, EACCES, LANDLOCK },
	{ "reads what a resolver reads", read_names, 0, ENOENT, 0 },
	{ "connects to its port", connect_allowed, 0, 0, 0 },
	{ "is refused other ports", connect_other, EACCES, EACCES, PORTS },
	{ "is refused the bus", local_socket, EPERM, EPERM, SECCOMP },
	{ "is refused raw packets", packet_socket, EPERM, EPERM, SECCOMP },
	{ "is refused to serve", serve, EPERM, EACCES, SECCOMP },
	{ "asks which addresses there are", ask_names, 0, 0, 0 },
	{ "is refused programs", start_program, EPERM, EACCES, SECCOMP },
	{ "is refused processes", start_process, EPERM, EPERM, SECCOMP },
	{ "is refused signals", signal_parent, EPERM, EPERM, SECCOMP },
	{ "is refused links", make_link, EPERM, EPERM, SECCOMP },
	{ "is refused modes", make_executable, EPERM, EPERM, SECCOMP },
	{ "is refused 2 GiB", take_much_memory, ENOMEM, ENOMEM, NO_ASAN },
};

static unsigned int there(void)
{
	uint32_t abi = sandbox_landlock_abi();
	unsigned int layers = SECCOMP;

	layers |= abi ? LANDLOCK : 0;
	layers |= abi >= 4 ? PORTS : 0;
	layers |= SANDBOX_FOR_LEAK_CHECK ? 0 : NO_ASAN;
	return layers;
}

START_TEST(a_fetcher)
{
	const struct deed *deed = &deeds[_i];
	int status = 0;
	pid_t pid;

	if (deed->needs & ~there()) {
		(void)fprintf(stderr, "SKIP a fetcher %s: not on this kernel or build\n",
			      deed->name);
		return;
	}
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct fault fault = { 0 };
		int code = sandbox_fetcher(spool, MAX_BYTES - 1, NULL, &port_allowed, 1, &fault);

		(void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
		_exit(code < 0 ? UNSEEN : deed->try());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "%s: ended by signal %d", deed->name, WTERMSIG(status));
	ck_assert_msg(WEXITSTATUS(status) == deed->expected || WEXITSTATUS(status) == deed->or_else,
		      "a fetcher %s: %s", deed->name, strerror(WEXITSTATUS(status)));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sandbox_fetcher");
	TCase *tests = tcase_create("sandbox_fetcher");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_loop_test(tests, a_fetcher, 0, sizeof(deeds) / sizeof(deeds[0]));
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
