/* SPDX-License-Identifier: MIT
 *
 * fuzz_frame.c - frames out of a byte stream: what a link hands on does not depend on how the bytes
 * come in, is what frame_peek() finds in the whole of them, and ends with one `closed` that says
 * why. The bytes are what a hostile worker writes to main (generation 1 is checked). The first byte
 * chooses the size of the pieces, the second after how many frames the handler refuses or lets the
 * link go.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "link.h"

#define GENERATION 1u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct stream {
	struct link *link;
	uint64_t hash;
	uint32_t frames, stop_at; /* 0 = never */
	bool release;		  /* at stop_at: link_free() from within the handler */
	bool closed;
	enum fault_kind kind;
};

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static void digest(struct stream *stream, const struct frame *frame)
{
	const uint64_t numbers[] = { frame->type, frame->generation, frame->sequence,
				     frame->payload_size };
	const unsigned char *bytes = (const unsigned char *)numbers;

	for (size_t i = 0; i < sizeof(numbers); i++)
		stream->hash = (stream->hash ^ bytes[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
	for (size_t i = 0; i < frame->payload_size; i++)
		stream->hash = (stream->hash ^ frame->payload[i]) * UINT64_C(0x100000001b3);
	stream->frames++;
}

static int on_frame(void *context, const struct frame *frame, struct fault *fault)
{
	struct stream *stream = context;

	demand(!stream->closed && frame->generation == GENERATION &&
	       frame->payload_size <= FRAME_MAX_BYTES);
	digest(stream, frame);
	if (stream->frames != stream->stop_at)
		return 0;
	if (!stream->release)
		return fault_set(fault, FAULT_BUG, "no more");
	stream->link = link_free(stream->link);
	stream->closed = true; /* nothing may come after it */
	return 0;
}

static void on_closed(void *context, const struct fault *fault)
{
	struct stream *stream = context;

	demand(!stream->closed);
	stream->closed = true;
	stream->kind = fault->kind;
	demand((fault->kind == FAULT_NONE) == (fault->text[0] == '\0'));
}

/* The same from the whole of the bytes. */
static void peek(struct stream *stream, const uint8_t *data, size_t size)
{
	struct evbuffer *in = evbuffer_new();
	struct fault fault = { 0 };
	struct frame frame;
	int found;

	demand(in && evbuffer_add(in, data, size) == 0);
	while ((found = frame_peek(in, &frame, &fault)) == 1) {
		if (frame.generation == GENERATION)
			digest(stream, &frame);
		demand(evbuffer_drain(in, FRAME_HEADER_BYTES + frame.payload_size) == 0);
		if (stream->stop_at && stream->frames == stream->stop_at &&
		    frame.generation == GENERATION)
			break;
	}
	stream->kind = found < 0 ? fault.kind : FAULT_NONE;
	if (found == 1)
		stream->kind = FAULT_BUG;
	evbuffer_free(in);
}

static void feed(struct stream *stream, struct event_base *base, int fd, const uint8_t *data,
		 size_t size, size_t step)
{
	for (size_t at = 0; at < size && !stream->closed; at += step) {
		size_t part = size - at < step ? size - at : step;

		demand(send(fd, data + at, part, MSG_NOSIGNAL) == (ssize_t)part);
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct link_events events = { .frame = on_frame, .closed = on_closed };
	static struct event_base *base;
	struct stream stream = { .hash = 1 }, whole = { .hash = 1 };
	int fds[2];

	if (size < 2)
		return 0;
	base = base ? base : event_base_new();
	stream.stop_at = whole.stop_at = data[1] & 0x7f;
	stream.release = data[1] & 0x80;
	demand(base &&
	       socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
	stream.link = link_new(base, fds[0], GENERATION, true, &events, &stream);
	demand(stream.link);
	feed(&stream, base, fds[1], data + 2, size - 2, data[0] ? data[0] * 16u : size);
	(void)close(fds[1]);
	for (int turn = 0; turn < 100 && !stream.closed; turn++)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	demand(stream.closed);
	peek(&whole, data + 2, size - 2);
	demand(stream.hash == whole.hash && stream.frames == whole.frames);
	if (!stream.release || stream.frames != stream.stop_at)
		demand(stream.kind == whole.kind);
	stream.link = link_free(stream.link);
	return 0;
}
