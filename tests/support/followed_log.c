/* SPDX-License-Identifier: MIT
 *
 * followed_log.c - a log in a temporary directory, and a follower of it on a loop of its own, for
 * the tests of follow.c. One a process: Check runs every test in a process of its own. Every wait
 * has a deadline.
 */
#include "followed_log.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#define DEADLINE_S 10

char directory[64], log_path[128];
struct event_base *base;
struct follow *follow;
unsigned int ready_calls;

/* What came out: all lines one after the other, and what was told as skipped. */
char *lines;
size_t lines_size;
unsigned int skipped_count;
uint64_t skipped_offset, skipped_size;
char skipped_why[512], first_line[256];
bool read_at_once; /* on_ready reads; else the test does */
struct fault fault;
int read_result;

void take_stretch(const struct follow_stretch *stretch)
{
	char *grown = realloc(lines, lines_size + stretch->size + 1);

	ck_assert_ptr_nonnull(grown);
	ck_assert_uint_gt(stretch->size, 0);
	ck_assert_int_eq(stretch->data[stretch->size - 1], '\n');
	ck_assert_str_eq(stretch->name, "boats.csv");
	ck_assert_int_gt(stretch->modified_at_ms, INT64_C(1500000000000));
	lines = grown;
	memcpy(lines + lines_size, stretch->data, stretch->size);
	lines_size += stretch->size;
	lines[lines_size] = '\0';
	snprintf(first_line, sizeof(first_line), "%.*s",
		 (int)(stretch->first_line_size < 255 ? stretch->first_line_size : 255),
		 stretch->first_line);
}

void read_all(void)
{
	struct follow_stretch stretch;

	while ((read_result = follow_read(follow, &stretch, &fault)) > 0)
		take_stretch(&stretch);
}

static void on_ready(void *context)
{
	ck_assert_ptr_eq(context, &base);
	ready_calls++;
	if (read_at_once)
		read_all();
	event_base_loopbreak(base);
}

static void on_skipped(void *context, uint64_t offset, uint64_t size, const char *why)
{
	ck_assert_ptr_eq(context, &base);
	skipped_count++;
	skipped_offset = offset;
	skipped_size = size;
	snprintf(skipped_why, sizeof(skipped_why), "%s", why);
}

const struct follow_events events = { .ready = on_ready, .skipped = on_skipped };

void start(const unsigned char *position)
{
	follow = follow_free(follow);
	ck_assert_msg(follow_new(base, log_path, position, &events, &base, &follow, &fault) == 0,
		      "%s", fault.text);
}

void restart(void)
{
	unsigned char position[FOLLOW_POSITION_BYTES];

	follow_position(follow, position);
	start(position);
}

void stop(unsigned char position[FOLLOW_POSITION_BYTES])
{
	follow_position(follow, position);
	follow = follow_free(follow);
}

void set_up(void)
{
	snprintf(directory, sizeof(directory), "/tmp/test_follow.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(log_path, sizeof(log_path), "%s/boats.csv", directory);
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	read_at_once = true;
	lines = calloc(1, 1);
}

void tear_down(void)
{
	pid_t child;

	follow = follow_free(follow);
	event_base_free(base);
	free(lines);
	child = fork();
	if (child == 0) {
		execlp("rm", "rm", "-rf", "--", directory, (char *)NULL);
		_exit(127);
	}
	waitpid(child, NULL, 0);
}

const char *path_of(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

void write_bytes(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t put = write(fd, text, size);

		ck_assert_int_gt(put, 0);
		text += put;
		size -= (size_t)put;
	}
}

void append(const char *name, const char *text)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	write_bytes(fd, text, strlen(text));
	close(fd);
}

void move(const char *from, const char *to)
{
	char old[512];

	snprintf(old, sizeof(old), "%s", path_of(from));
	ck_assert_int_eq(rename(old, path_of(to)), 0);
}

/* Creation times are as coarse as the kernel's tick: returns when a file made now is younger than
 * all before. */
void wait_for_tick(void)
{
	struct stat before, now;

	append(".tick", "");
	ck_assert_int_eq(stat(path_of(".tick"), &before), 0);
	do {
		ck_assert_int_eq(unlink(path_of(".tick")), 0);
		append(".tick", "");
		ck_assert_int_eq(stat(path_of(".tick"), &now), 0);
	} while (now.st_mtim.tv_nsec ==
		 before.st_mtim.tv_nsec); /* the test's time limit ends this */
}

/* Lets the loop handle all that the kernel has told already. */
void settle(void)
{
	for (int i = 0; i < 3; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

void turn(void)
{
	const struct timeval deadline = { DEADLINE_S, 0 };
	unsigned int before = ready_calls;

	event_base_loopexit(base, &deadline);
	event_base_loop(base, 0);
	ck_assert_msg(ready_calls > before, "not woken within %d s; the end so far: '%s'",
		      DEADLINE_S, lines_size > 80 ? lines + lines_size - 80 : lines);
	ck_assert_msg(!read_at_once || read_result == 0, "%s", fault.text);
}

/* Waits until all lines that ever came out are these. */
void expect(const char *text)
{
	while (lines_size < strlen(text))
		turn();
	settle();
	ck_assert_str_eq(lines, text);
}
