/* SPDX-License-Identifier: MIT
 *
 * wire_worker.c - see the header. Blocking, straight on, without a loop.
 */
#include "wire_worker.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "messages.h"
#include "worker.h"

#define TICK_MS 10

struct wire {
	struct evbuffer *in, *out;
	struct message_header header;
	char behave[32], incoming[1024];
	uint64_t batch;
};

/* Also under a sanitizer, which would turn the signal into an exit. */
static void crash(void)
{
	(void)signal(SIGSEGV, SIG_DFL);
	(void)raise(SIGSEGV);
}

static void send_out(struct wire *wire, int result)
{
	if (result < 0)
		_exit(99);
	while (evbuffer_get_length(wire->out))
		if (evbuffer_write(wire->out, WORKER_FD) < 0)
			_exit(0); /* main is gone */
}

static struct message_header next(struct wire *wire)
{
	wire->header.sequence++;
	return wire->header;
}

/* 1 and the next frame; 0 after a tick without one. Exits when main closes. */
static int receive(struct wire *wire, struct frame *ret_frame, int timeout_ms)
{
	struct pollfd fd = { .fd = WORKER_FD, .events = POLLIN };

	while (frame_peek(wire->in, ret_frame, NULL) == 0) {
		if (poll(&fd, 1, timeout_ms) == 0)
			return 0;
		if (evbuffer_read(wire->in, WORKER_FD, -1) <= 0)
			_exit(0);
	}
	return 1;
}

static void drop(struct wire *wire, const struct frame *frame)
{
	(void)evbuffer_drain(wire->in, FRAME_HEADER_BYTES + frame->payload_size);
}

static void __attribute__((noreturn)) stop(struct wire *wire)
{
	send_out(wire, message_put_stopped(wire->out, next(wire)));
	_exit(WORKER_EXIT_STOPPED);
}

static void configure(struct wire *wire)
{
	struct message_scratch *scratch = message_scratch_new();
	struct message_configure message;
	struct frame frame;
	size_t i;

	(void)receive(wire, &frame, -1);
	wire->header.generation = frame.generation;
	if (frame.type != MESSAGE_CONFIGURE ||
	    message_get_configure(&frame, scratch, &message, NULL) < 0)
		_exit(98);
	(void)snprintf(wire->incoming, sizeof(wire->incoming), "%s", message.incoming);
	for (i = 0; i < message.option_count; i++)
		if (strcmp(message.options[i].key, "behave") == 0)
			(void)snprintf(wire->behave, sizeof(wire->behave), "%s",
				       message.options[i].value);
	drop(wire, &frame);
	message_scratch_free(scratch);
}

static void put_batch(struct wire *wire, uint64_t number, const char *name, uint64_t rows,
		      const uint8_t sha256[SHA256_BYTES], bool final)
{
	static const struct batch_series series = { .metric = 0 };
	struct batch batch = {
		.number = number,
		.final = final,
		.series = &series,
		.series_count = 1,
		.accepted = rows,
		.release = { .name = name, .dataset = "", .url = "", .published_at_ms = 1000 }
	};

	(void)memcpy(batch.release.sha256, sha256, SHA256_BYTES);
	send_out(wire, message_put_batch(wire->out, next(wire), &batch));
}

/* A log of four batches; the last word waits for a file of that name beside incoming/. */
static void catch_up(struct wire *wire)
{
	static const uint8_t sha256[SHA256_BYTES] = { 9 };
	struct message_heartbeat heartbeat = { .catches_up = 1 };
	struct frame frame;
	char path[2048];

	for (int i = 0; i < 4; i++) {
		heartbeat.progress = (i + 1) / 5.0;
		send_out(wire, message_put_heartbeat(wire->out, next(wire), &heartbeat));
		put_batch(wire, wire->batch + 1, "log", 10, sha256, true);
		(void)receive(wire, &frame, -1);
		if (frame.type != MESSAGE_COMMITTED)
			_exit(93);
		wire->batch++;
		drop(wire, &frame);
	}
	(void)snprintf(path, sizeof(path), "%s/../go-on", wire->incoming);
	while (access(path, F_OK) < 0 && !receive(wire, &frame, TICK_MS))
		send_out(wire, message_put_heartbeat(wire->out, next(wire), &heartbeat));
}

static void ready(struct wire *wire)
{
	static struct metric_declaration metric = { .name = (char *)"test.count",
						    .unit = (char *)"rows",
						    .title = (char *)"Rows",
						    .kind = STRAIT_EVENT,
						    .granularity = STRAIT_DAY };
	struct declaration declaration = { .plugin = (char *)"wire",
					   .version = (char *)"1.0",
					   .summary = (char *)"test",
					   .metrics = &metric,
					   .metric_count = 1 };
	static const struct sandbox_layers sandbox = { .landlock_abi = 7, .seccomp = true };
	struct message_start start;
	struct frame frame;

	send_out(wire, message_put_ready(wire->out, next(wire), &declaration, &sandbox));
	(void)receive(wire, &frame, -1);
	if (frame.type == MESSAGE_STOP)
		stop(wire);
	if (frame.type != MESSAGE_START || message_get_start(&frame, &start, NULL) < 0)
		_exit(97);
	wire->batch = start.batch;
	drop(wire, &frame);
}

/* Waits for that frame; STOP ends the worker. *ret_frame must be dropped. */
static void wait_for(struct wire *wire, unsigned int type, struct frame *ret_frame)
{
	(void)receive(wire, ret_frame, -1);
	if (ret_frame->type == MESSAGE_STOP)
		stop(wire);
	if (ret_frame->type != type)
		_exit(96);
}

/* incoming/.next takes the name of what is being read. */
static void swap_in(const struct wire *wire, const char *path)
{
	char next_path[2048];

	(void)snprintf(next_path, sizeof(next_path), "%s/.next", wire->incoming);
	if (rename(next_path, path) < 0)
		_exit(92);
}

static void read_document(struct wire *wire, const char *name)
{
	struct message_document document = { .name = name };
	struct message_proceed proceed;
	char path[2048], text[64] = "";
	struct frame frame;
	struct stat status;
	ssize_t size;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", wire->incoming, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	size = read(fd, text, sizeof(text) - 1);
	if (fstat(fd, &status) < 0)
		_exit(93);
	(void)close(fd);
	if (size < 0)
		return;
	document.file = file_identity_of(&status);
	(void)memcpy(document.sha256, text, SHA256_BYTES); /* equal text, equal hash: enough here */
	send_out(wire, message_put_document(wire->out, next(wire), &document));
	wait_for(wire, MESSAGE_PROCEED, &frame);
	if (message_get_proceed(&frame, &proceed, NULL) < 0)
		_exit(95);
	drop(wire, &frame);
	if (proceed.skip)
		return;
	if (strstr(text, "swap"))
		swap_in(wire, path);
	if (strncmp(text, "crash", 5) == 0)
		crash();
	if (strncmp(text, "wait", 4) == 0)
		wait_for(wire, MESSAGE_STOP, &frame);
	if (strncmp(text, "ok ", 3) != 0) {
		static const struct batch_reject reject = { .at = 7,
							    .reason = "no date",
							    .extract = "xx" };
		struct message_failed failed = { .name = name,
						 .reason = "row 1: no date",
						 .rejected = 3,
						 .rejects = &reject,
						 .reject_count = 1 };

		if (strncmp(text, "named ", 6) == 0)
			failed.reason = text + 6;
		if (strncmp(text, "drifted", 7) == 0)
			failed.class_ = STRAIT_FAULT_DRIFTED;
		if (strncmp(text, "retired", 7) == 0)
			failed.class_ = STRAIT_FAULT_RETIRED;

		send_out(wire, message_put_failed(wire->out, next(wire), &failed));
		return;
	}
	for (int left = strstr(text, " twice") ? 1 : 0; left >= 0; left--) {
		put_batch(wire, wire->batch + 1, name, strtoul(text + 3, NULL, 10), document.sha256,
			  left == 0);
		wait_for(wire, MESSAGE_COMMITTED, &frame);
		wire->batch++;
		drop(wire, &frame);
	}
}

static void read_documents(struct wire *wire)
{
	DIR *directory = opendir(wire->incoming);
	struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			read_document(wire, entry->d_name);
	if (directory)
		(void)closedir(directory);
}

static void __attribute__((noreturn)) idle(struct wire *wire, bool documents)
{
	struct message_heartbeat heartbeat = { .progress = 0 };
	struct frame frame;

	for (;;) {
		if (documents)
			read_documents(wire);
		if (receive(wire, &frame, TICK_MS)) {
			if (frame.type == MESSAGE_STOP)
				stop(wire);
			drop(wire, &frame);
		}
		send_out(wire, message_put_heartbeat(wire->out, next(wire), &heartbeat));
	}
}

static void __attribute__((noreturn))
say_fault(struct wire *wire, enum strait_fault class, const char *text, int code)
{
	struct message_fault fault = { .class_ = (uint8_t) class, .text = text };

	send_out(wire, message_put_fault(wire->out, next(wire), &fault));
	_exit(code);
}

static void misbehave_before_ready(struct wire *wire, const char *behave)
{
	static const uint8_t sha256[SHA256_BYTES] = { 0 };

	if (strcmp(behave, "crash") == 0) {
		(void)fputs("oops\n", stderr);
		crash();
	}
	if (strcmp(behave, "config") == 0)
		say_fault(wire, STRAIT_FAULT_CONFIG, "option 'x' is missing", WORKER_EXIT_CONFIG);
	if (strcmp(behave, "transient") == 0)
		say_fault(wire, STRAIT_FAULT_TRANSIENT, "the disk is away", WORKER_EXIT_TRANSIENT);
	if (strcmp(behave, "early") == 0)
		put_batch(wire, 1, "a", 1, sha256, true);
	if (strcmp(behave, "late") == 0 || strcmp(behave, "early") == 0)
		for (;;)
			(void)pause();
}

/* A header by hand, with nothing behind it. */
static void send_header(const struct wire *wire, unsigned int version, unsigned int type,
			uint32_t size)
{
	unsigned char header[FRAME_HEADER_BYTES] = { 0x74, 0x53, (unsigned char)version,
						     (unsigned char)type };

	for (int i = 0; i < 4; i++) {
		header[4 + i] = (unsigned char)(size >> 8 * i);
		header[8 + i] = (unsigned char)(wire->header.generation >> 8 * i);
	}
	if (write(WORKER_FD, header, sizeof(header)) < 0)
		_exit(94);
}

static void lie(struct wire *wire, const char *behave)
{
	static const unsigned char absurd[64] = { 0xff };

	if (strcmp(behave, "version") == 0)
		send_header(wire, 9, MESSAGE_HEARTBEAT, 0);
	if (strcmp(behave, "oversize") == 0)
		send_header(wire, FRAME_VERSION, MESSAGE_BATCH, FRAME_MAX_BYTES + 1);
	if (strcmp(behave, "type") == 0)
		send_header(wire, FRAME_VERSION, 99, 0);
	if (strcmp(behave, "again") == 0)
		send_header(wire, FRAME_VERSION, MESSAGE_READY, 0);
	if (strcmp(behave, "empty") == 0)
		send_header(wire, FRAME_VERSION, MESSAGE_HEARTBEAT, 0);
	if (strcmp(behave, "truncated") == 0)
		send_header(wire, FRAME_VERSION, MESSAGE_LOG, 1000);
	if (strcmp(behave, "lies") == 0) { /* counts of what is not there */
		send_header(wire, FRAME_VERSION, MESSAGE_BATCH, sizeof(absurd));
		if (write(WORKER_FD, absurd, sizeof(absurd)) < 0)
			_exit(94);
	}
	if (strcmp(behave, "old") == 0) { /* of a worker that is gone: nothing comes of it */
		wire->header.generation--;
		send_header(wire, FRAME_VERSION, 99, 0);
		wire->header.generation++;
	}
}

/* Beats, and comes no further in a document. */
static void __attribute__((noreturn)) stall(struct wire *wire)
{
	struct message_document document = { .name = "x" };
	struct message_heartbeat heartbeat = { .progress = 0.5 };
	struct frame frame;

	send_out(wire, message_put_document(wire->out, next(wire), &document));
	for (;;) {
		if (receive(wire, &frame, TICK_MS)) {
			if (frame.type == MESSAGE_STOP)
				stop(wire);
			drop(wire, &frame);
		}
		send_out(wire, message_put_heartbeat(wire->out, next(wire), &heartbeat));
	}
}

static void misbehave_when_ready(struct wire *wire, const char *behave)
{
	static const uint8_t sha256[SHA256_BYTES] = { 0 };
	struct message_document document = { .name = "../x" };
	struct message_failed failed = { .name = "../x", .reason = "because" };
	struct frame frame;
	int i;

	if (strcmp(behave, "garbage") == 0 &&
	    write(WORKER_FD, "all work and no play makes", 26) < 0)
		_exit(94);
	if (strcmp(behave, "unasked") == 0)
		send_out(wire, message_put_stopped(wire->out, next(wire)));
	if (strcmp(behave, "number") == 0)
		put_batch(wire, wire->batch + 5, "a", 1, sha256, true);
	if (strcmp(behave, "name") == 0)
		send_out(wire, message_put_document(wire->out, next(wire), &document));
	if (strcmp(behave, "failname") == 0)
		send_out(wire, message_put_failed(wire->out, next(wire), &failed));
	if (strcmp(behave, "close") == 0)
		(void)close(WORKER_FD);
	if (strcmp(behave, "one") == 0) {
		put_batch(wire, wire->batch + 1, "a", 1, sha256, true);
		wait_for(wire, MESSAGE_COMMITTED, &frame);
		crash();
	}
	for (i = 0; strcmp(behave, "chatter") == 0 && i < 1000; i++)
		(void)fprintf(stderr, "line %d\n", i);
	lie(wire, behave);
	if (strcmp(behave, "stall") == 0)
		stall(wire);
	if (strcmp(behave, "hang") == 0)
		(void)signal(SIGTERM, SIG_IGN);
	if (strcmp(behave, "catchup") == 0)
		catch_up(wire);
	if (strcmp(behave, "idle") != 0 && strcmp(behave, "old") != 0 &&
	    strcmp(behave, "catchup") != 0 && strcmp(behave, "documents") != 0 &&
	    strcmp(behave, "chatter") != 0)
		for (;;)
			(void)pause();
}

int wire_worker_main(void)
{
	struct wire wire = { .in = evbuffer_new(), .out = evbuffer_new() };

	(void)signal(SIGPIPE, SIG_IGN);
	configure(&wire);
	misbehave_before_ready(&wire, wire.behave);
	ready(&wire);
	misbehave_when_ready(&wire, wire.behave);
	idle(&wire, strcmp(wire.behave, "documents") == 0);
}
