/* SPDX-License-Identifier: MIT
 *
 * process.c - children of a test: fork, exec, capture, deadline, reap. Test programs only.
 * Invariant: pid is a child of this process that has not been waited for, or 0; every child dies
 * with the test. Must never end a process it did not start.
 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

#define LINE_MAX_BYTES (1u << 20)

long long process_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static int remaining_ms(long long end)
{
	long long left = end - process_now_ms();

	return left > 0 ? (int)left : 0;
}

static pid_t spawn(int out, int err, const char *const argv[])
{
	pid_t parent = getpid(), pid = fork();

	ck_assert_msg(pid >= 0, "fork: %s", strerror(errno));
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	if ((out >= 0 && dup2(out, STDOUT_FILENO) < 0) ||
	    (err >= 0 && dup2(err, STDERR_FILENO) < 0))
		_exit(127);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

static int exit_code(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Exit code, or -1 after the deadline. */
static int wait_for(pid_t pid, long long end)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0), status = 0;
	struct pollfd ended = { .fd = fd, .events = POLLIN };

	ck_assert_msg(fd >= 0, "pidfd_open(%d): %s", (int)pid, strerror(errno));
	if (poll(&ended, 1, remaining_ms(end)) != 1) {
		(void)close(fd);
		return -1;
	}
	(void)close(fd);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return exit_code(status);
}

struct capture {
	int fd; /* -1 at the end */
	char *data;
	size_t size;
};

static void capture_some(struct capture *capture)
{
	ssize_t got;

	capture->data = realloc(capture->data, capture->size + 65536 + 1);
	ck_assert_ptr_nonnull(capture->data);
	got = read(capture->fd, capture->data + capture->size, 65536);
	if (got > 0) {
		capture->size += (size_t)got;
	} else {
		(void)close(capture->fd);
		capture->fd = -1;
	}
	capture->data[capture->size] = '\0';
}

void process_run(struct output *ret_output, const char *const argv[])
{
	long long end = process_now_ms() + PROCESS_DEADLINE_MS;
	struct capture captures[2] = { 0 };
	int out[2], err[2];
	pid_t pid;

	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(err, O_CLOEXEC), 0);
	pid = spawn(out[1], err[1], argv);
	(void)close(out[1]);
	(void)close(err[1]);
	captures[0].fd = out[0];
	captures[1].fd = err[0];
	while (captures[0].fd >= 0 || captures[1].fd >= 0) {
		struct pollfd fds[2] = { { .fd = captures[0].fd, .events = POLLIN },
					 { .fd = captures[1].fd, .events = POLLIN } };

		if (poll(fds, 2, remaining_ms(end)) <= 0) {
			(void)kill(pid, SIGKILL);
			ck_abort_msg("'%s %s' did not end in %d ms; so far: %s %s", argv[0],
				     argv[1] != NULL ? argv[1] : "", PROCESS_DEADLINE_MS,
				     captures[0].data != NULL ? captures[0].data : "",
				     captures[1].data != NULL ? captures[1].data : "");
		}
		for (int i = 0; i < 2; i++) {
			if (captures[i].fd >= 0 && fds[i].revents != 0)
				capture_some(&captures[i]);
		}
	}
	ret_output->code = wait_for(pid, end);
	ret_output->out = captures[0].data;
	ret_output->out_size = captures[0].size;
	ret_output->err = captures[1].data;
	ret_output->err_size = captures[1].size;
}

void output_done(struct output *output)
{
	free(output->out);
	free(output->err);
	*output = (struct output){ 0 };
}

void process_adopt(struct process *process, pid_t pid, int out)
{
	*process = (struct process){ .pid = pid, .out = out, .buffer = malloc(LINE_MAX_BYTES) };
	ck_assert_ptr_nonnull(process->buffer);
}

void process_start(struct process *process, int stderr_fd, const char *const argv[])
{
	int out[2];
	pid_t pid;

	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	pid = spawn(out[1], stderr_fd, argv);
	(void)close(out[1]);
	process_adopt(process, pid, out[0]);
}

/* The line at the front of the buffer, or NULL. */
static const char *take_line(struct process *process)
{
	char *start = process->buffer + process->taken;
	char *newline = memchr(start, '\n', process->used - process->taken);

	if (newline == NULL)
		return NULL;
	*newline = '\0';
	process->taken = (size_t)(newline - process->buffer) + 1;
	return start;
}

const char *process_line(struct process *process, int deadline_ms)
{
	long long end = process_now_ms() + deadline_ms;

	for (;;) {
		const char *line = take_line(process);
		struct pollfd ready = { .fd = process->out, .events = POLLIN };
		ssize_t got;

		if (line != NULL)
			return line;
		memmove(process->buffer, process->buffer + process->taken,
			process->used - process->taken);
		process->used -= process->taken;
		process->taken = 0;
		ck_assert_uint_lt(process->used, LINE_MAX_BYTES);
		if (poll(&ready, 1, remaining_ms(end)) != 1)
			return NULL;
		got = read(process->out, process->buffer + process->used,
			   LINE_MAX_BYTES - process->used);
		if (got <= 0)
			return NULL;
		process->used += (size_t)got;
	}
}

int process_wait(struct process *process, int deadline_ms)
{
	int code = wait_for(process->pid, process_now_ms() + deadline_ms);

	if (code >= 0)
		process->pid = 0;
	return code;
}

int process_end(struct process *process, int signal)
{
	(void)kill(process->pid, signal);
	return process_wait(process, PROCESS_DEADLINE_MS);
}

void process_done(struct process *process)
{
	if (process->pid > 0)
		(void)process_end(process, SIGKILL);
	if (process->buffer != NULL) {
		(void)close(process->out);
		free(process->buffer);
	}
	*process = (struct process){ .out = -1 };
}
