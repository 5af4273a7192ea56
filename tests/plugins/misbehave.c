/* SPDX-License-Identifier: MIT
 *
 * misbehave.c - a plugin that does what its section says: `what`, in the callback `in`. Without
 * both it is well-behaved: every 'r' of a document or a log is a row of bad.count.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "misbehave_values.h"

#define LINK_FD	      3
#define FDS_MAX	      65536
#define FORKS_MAX     1000
#define THREADS_MAX   500
#define CHUNK_BYTES   (32u << 20)
#define TOUCHED_BYTES (2u << 20) /* of each: time is short */
#define CHUNKS_MAX    (128u)	 /* 4 GiB; the limit is 2 */
#define LINE_BYTES    (1u << 20)
#define LINES	      10
#define HEADER_BYTES  20
#define GENERATIONS   8 /* workers that a test can have started before this one */

static const struct strait_option options[] = {
	{ .name = "what", .type = STRAIT_OPTION_STRING, .fallback = "", .help = "What to do" },
	{ .name = "in",
	  .type = STRAIT_OPTION_STRING,
	  .fallback = "document",
	  .help = "In which callback; also: thread, event" },
	{ .name = NULL },
};

/* ── ends ──────────────────────────────────────────────────────────────────────────────────── */

/* Also under a sanitizer, which would turn the signal into an exit. */
static void die_by(int number)
{
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

static int do_segv(struct strait_source *source)
{
	(void)source;
	(void)fputs("about to die\n", stderr);
	die_by(SIGSEGV);
	return 0;
}

static int do_abort(struct strait_source *source)
{
	(void)source;
	(void)signal(SIGABRT, SIG_DFL);
	abort();
}

static int do_exit(struct strait_source *source)
{
	(void)source;
	exit(0);
}

static int do__exit(struct strait_source *source)
{
	(void)source;
	_exit(0);
}

static int do_stop(struct strait_source *source)
{
	(void)source;
	return raise(SIGSTOP);
}

/* The compiler must neither see that this has no end nor make a loop of it. */
static volatile int depth = 1;

static int __attribute__((noinline)) deeper(volatile const char *above)
{
	volatile char here[4096];

	here[0] = above ? above[0] : 'x';
	return depth ? deeper(here) + here[0] : 0;
}

static int do_recursion(struct strait_source *source)
{
	(void)source;
	(void)signal(SIGSEGV, SIG_DFL);
	return deeper(NULL);
}

static int do_double_free(struct strait_source *source)
{
	void *volatile memory = malloc(100);
	void *volatile again = memory;

	(void)source;
	free(memory);
	free(again);
	return 0;
}

static int do_fail_silently(struct strait_source *source)
{
	(void)source;
	return -1;
}

static int do_hang(struct strait_source *source)
{
	(void)source;
	(void)signal(SIGTERM, SIG_IGN);
	while (depth)
		(void)pause();
	return 0;
}

static int do_spin(struct strait_source *source)
{
	(void)source;
	while (depth)
		continue;
	return 0;
}

/* ── what a worker has little of ───────────────────────────────────────────────────────────── */

static int do_alloc(struct strait_source *source)
{
	for (unsigned int i = 0; i < CHUNKS_MAX; i++) {
		volatile char *memory = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE,
					     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (size_t at = 0; memory != MAP_FAILED && at < TOUCHED_BYTES; at += 4096)
			memory[at] = 'x';
		if (memory == MAP_FAILED) {
			(void)fprintf(stderr, "no memory after %u MiB\n", i * (CHUNK_BYTES >> 20));
			die_by(SIGSEGV);
		}
	}
	return strait_fail(source, STRAIT_FAULT_BUG, "4 GiB were given");
}

static int do_fork_bomb(struct strait_source *source)
{
	for (int i = 0; i < FORKS_MAX; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(0);
		if (child < 0)
			return strait_fail(source, STRAIT_FAULT_BUG,
					   "fork number %d was refused with %s", i + 1,
					   strerrorname_np(errno));
	}
	return strait_fail(source, STRAIT_FAULT_BUG, "fork was not refused");
}

static int do_leak_fd(struct strait_source *source)
{
	for (int i = 0; i < FDS_MAX; i++)
		if (dup(LINK_FD) < 0)
			return strait_fail(source, STRAIT_FAULT_BUG,
					   "no fd is left after the leak: %s",
					   strerrorname_np(errno));
	return strait_fail(source, STRAIT_FAULT_BUG, "the leak had no end");
}

static void *wait_for_ever(void *context)
{
	(void)context;
	for (;;)
		(void)pause();
	return NULL;
}

static int do_threads(struct strait_source *source)
{
	pthread_t thread;

	(void)source;
	for (int i = 0; i < THREADS_MAX; i++)
		if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
			break;
	return do_hang(source);
}

/* ── descriptors ───────────────────────────────────────────────────────────────────────────── */

static int do_close_stderr(struct strait_source *source)
{
	(void)source;
	(void)close(STDERR_FILENO);
	return 0;
}

static int do_close_link(struct strait_source *source)
{
	(void)source;
	(void)close(LINK_FD);
	(void)wait_for_ever(NULL);
	return 0;
}

static int do_close_all(struct strait_source *source)
{
	(void)source;
	(void)close_range(0, ~0u, 0);
	(void)wait_for_ever(NULL);
	return 0;
}

/* ── the wire ──────────────────────────────────────────────────────────────────────────────── */

static void send_all(const void *data, size_t size)
{
	const char *at = data;
	struct pollfd fd = { .fd = LINK_FD, .events = POLLOUT };

	while (size > 0) {
		ssize_t sent = write(LINK_FD, at, size);

		if (sent > 0) {
			at += sent;
			size -= (size_t)sent;
		} else if (errno != EAGAIN || poll(&fd, 1, -1) < 0) {
			return; /* main is gone */
		}
	}
}

static void put(unsigned char *at, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		at[i] = (unsigned char)(value >> 8 * i);
}

static void header(unsigned char bytes[HEADER_BYTES], unsigned int magic, unsigned int version,
		   unsigned int type, uint32_t size, uint32_t generation)
{
	put(bytes, magic, 2);
	put(bytes + 2, version, 1);
	put(bytes + 3, type, 1);
	put(bytes + 4, size, 4);
	put(bytes + 8, generation, 4);
	put(bytes + 12, 1, 8);
}

/* A frame without a payload of whatever generation this worker is, then silence. */
static int send_empty(unsigned int type)
{
	unsigned char frame[HEADER_BYTES];

	for (uint32_t generation = 1; generation <= GENERATIONS; generation++) {
		header(frame, 0x5374, 1, type, 0, generation);
		send_all(frame, sizeof(frame));
	}
	return do_hang(NULL);
}

static int send_header(unsigned int magic, unsigned int version, uint32_t size)
{
	unsigned char frame[HEADER_BYTES];

	header(frame, magic, version, 20, size, 1);
	send_all(frame, sizeof(frame));
	return do_hang(NULL);
}

static int do_magic(struct strait_source *source)
{
	(void)source;
	return send_header(0xffff, 1, 0);
}

static int do_version(struct strait_source *source)
{
	(void)source;
	return send_header(0x5374, 9, 0);
}

static int do_oversize(struct strait_source *source)
{
	(void)source;
	return send_header(0x5374, 1, 0xfffffff0);
}

static int do_truncated(struct strait_source *source)
{
	(void)source;
	return send_header(0x5374, 1, 1000);
}

static int do_type(struct strait_source *source)
{
	(void)source;
	return send_empty(99);
}

static int do_ready_again(struct strait_source *source)
{
	(void)source;
	return send_empty(16);
}

/* Of a worker that is long gone: not this one's fault, so nothing comes of it. */
static int do_old_frames(struct strait_source *source)
{
	unsigned char frame[HEADER_BYTES];

	(void)source;
	header(frame, 0x5374, 1, 99, 0, 0);
	for (int i = 0; i < 100000; i++)
		send_all(frame, sizeof(frame));
	return 0;
}

/* Log lines of which each is within the rules, as fast as they go. */
static int do_flood_frames(struct strait_source *source)
{
	unsigned char frame[HEADER_BYTES + 4 + 8];

	(void)source;
	while (depth) {
		for (uint32_t generation = 1; generation <= GENERATIONS; generation++) {
			header(frame, 0x5374, 1, 20, 12, generation);
			put(frame + HEADER_BYTES, LOG_WARNING, 1);
			put(frame + HEADER_BYTES + 1, 8, 2);
			(void)memcpy(frame + HEADER_BYTES + 3, "flooding", 9);
			send_all(frame, sizeof(frame));
		}
	}
	return 0;
}

static int do_drip(struct strait_source *source)
{
	static const struct timespec a_while = { .tv_nsec = 200000000 };
	int drops = 6; /* the length would be too large, and say so */

	(void)source;
	send_all("\x74", 1);
	(void)nanosleep(&a_while, NULL);
	send_all("\x53", 1);
	while (depth) {
		(void)nanosleep(&a_while, NULL);
		send_all("\x01", 1); /* version, type, length: never more than the header */
		if (--drops == 0)
			(void)wait_for_ever(NULL);
	}
	return 0;
}

/* ── words ─────────────────────────────────────────────────────────────────────────────────── */

static int do_noise(struct strait_source *source)
{
	char *line = malloc(LINE_BYTES);

	if (!line)
		return strait_fail(source, STRAIT_FAULT_TRANSIENT, "no memory");
	(void)memset(line, '\x1b', LINE_BYTES - 1);
	line[LINE_BYTES - 1] = '\0';
	for (int i = 0; i < LINES; i++) {
		strait_log(source, LOG_WARNING, "\x1b[31m\n%s\xff\xfe", line);
		(void)fprintf(stderr, "%s\n", line);
	}
	free(line);
	return 0;
}

static int do_flood(struct strait_source *source)
{
	for (uint64_t at = 0;; at++) {
		if (count_row(source, at) < 0)
			return strait_fail(source, STRAIT_FAULT_TRANSIENT, "the flood was stopped");
		strait_reject(source, at, "row", 3, "flooding");
	}
}

static int do_deaf(struct strait_source *source)
{
	for (uint64_t at = 0; depth; at++)
		(void)count_row(source, at); /* whatever it says */
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct strait_source *source);
} deeds[] = {
	{ "segv", do_segv },
	{ "abort", do_abort },
	{ "exit", do_exit },
	{ "_exit", do__exit },
	{ "stop", do_stop },
	{ "recursion", do_recursion },
	{ "double_free", do_double_free },
	{ "fail_silently", do_fail_silently },
	{ "hang", do_hang },
	{ "spin", do_spin },
	{ "alloc", do_alloc },
	{ "fork_bomb", do_fork_bomb },
	{ "leak_fd", do_leak_fd },
	{ "threads", do_threads },
	{ "close_stderr", do_close_stderr },
	{ "close_link", do_close_link },
	{ "close_all", do_close_all },
	{ "magic", do_magic },
	{ "version", do_version },
	{ "oversize", do_oversize },
	{ "truncated", do_truncated },
	{ "type", do_type },
	{ "ready_again", do_ready_again },
	{ "old_frames", do_old_frames },
	{ "flood_frames", do_flood_frames },
	{ "drip", do_drip },
	{ "noise", do_noise },
	{ "flood", do_flood },
	{ "deaf", do_deaf },
};

/* ── callbacks ─────────────────────────────────────────────────────────────────────────────── */

static int act(struct strait_source *source, const char *in)
{
	const char *what = strait_option_string(source, "what");

	if (strcmp(strait_option_string(source, "in"), in) != 0)
		return 0;
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		if (strcmp(what, deeds[i].name) == 0)
			return deeds[i].run(source);
	return hand_over(source, what)
		       ? 0
		       : strait_fail(source, STRAIT_FAULT_CONFIG, "there is no '%s' to do", what);
}

static int acts_in(struct strait_source *source, const char *in)
{
	return strait_option_string(source, "what")[0] ? act(source, in) : 0;
}

static int check(struct strait_source *source)
{
	return acts_in(source, "check");
}

static int open_it(struct strait_source *source)
{
	return acts_in(source, "open");
}

static void *in_thread(void *source)
{
	(void)acts_in(source, "thread");
	return NULL;
}

static void in_event(evutil_socket_t fd, short what, void *source)
{
	(void)fd, (void)what;
	(void)acts_in(source, "event");
}

static int start(struct strait_source *source, const void *cursor, size_t cursor_size)
{
	static const struct timeval soon = { .tv_usec = 1000 };
	pthread_t thread;

	(void)cursor, (void)cursor_size;
	if (strcmp(strait_option_string(source, "in"), "thread") == 0 &&
	    pthread_create(&thread, NULL, in_thread, source) != 0)
		return strait_fail(source, STRAIT_FAULT_TRANSIENT, "no thread");
	if (strcmp(strait_option_string(source, "in"), "event") == 0 &&
	    event_base_once(strait_event_base(source), -1, EV_TIMEOUT, in_event, source, &soon) < 0)
		return strait_fail(source, STRAIT_FAULT_TRANSIENT, "no event");
	return acts_in(source, "start");
}

static int count_rows(struct strait_source *source, const char *data, size_t size, uint64_t offset)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] == 'r' && count_row(source, offset + i) < 0)
			return strait_fail(source, STRAIT_FAULT_BUG, "a row was refused");
	return 0;
}

static int document(struct strait_source *source, struct strait_document *document)
{
	char data[4096];
	uint64_t offset = 0;
	long got;

	if (hand_over_document(document, strait_option_string(source, "what")))
		return count_row(source, 0);
	while ((got = strait_document_read(document, data, sizeof(data))) > 0) {
		if (count_rows(source, data, (size_t)got, offset) < 0)
			return -1;
		offset += (uint64_t)got;
	}
	return acts_in(source, "document");
}

static int lines(struct strait_source *source, const struct strait_stretch *stretch)
{
	if (count_rows(source, stretch->data, stretch->size, stretch->offset) < 0)
		return -1;
	return acts_in(source, "lines");
}

static void committed(struct strait_source *source, uint64_t batch)
{
	(void)batch;
	(void)acts_in(source, "committed");
}

static void finish(struct strait_source *source)
{
	(void)acts_in(source, "close");
}

STRAIT_PLUGIN(.name = "misbehave", .version = "1", .summary = "does what its section says",
	      .options = options, .metrics = metrics, .figures = figures, .check = check,
	      .open = open_it, .start = start, .document = document, .lines = lines,
	      .committed = committed, .close = finish);
