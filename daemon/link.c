/* SPDX-License-Identifier: MIT
 *
 * link.c - one end of a worker's fd 3 on a bufferevent. Both processes.
 *
 * Owns the socket. Invariant: the handler is called once a frame, in the order of the stream, never
 * from within itself; `closed` is called at most once, after all frames that came before it, and
 * nothing after it. Must never buffer more input than one whole frame: the bufferevent stops
 * reading at LINK_READ_HIGH, so a peer that floods is stopped by its own socket. Must never handle
 * more than LINK_TURN_FRAMES in one turn of the loop, nor begin a frame after LINK_TURN_US of it:
 * the rest waits for the next turn, so that the others have theirs.
 */
#include "link.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "clock.h"

struct link {
	struct bufferevent *stream;
	struct event *next_turn; /* zero timer, pending while whole frames may be left over */
	const struct link_events *events;
	void *context;
	struct message_scratch *scratch;
	uint32_t generation;
	uint64_t sequence; /* of the frame sent last */
	bool check_generation;
	bool adopted; /* the generation is the peer's */
	bool ended;   /* the peer ended, of `end`, with frames left over */
	struct fault end;
	bool dead;     /* `closed` was called */
	bool busy;     /* a handler is running */
	bool released; /* link_free() was called by that handler */
};

static void release(struct link *link)
{
	if (link->stream)
		bufferevent_free(link->stream); /* closes the socket */
	if (link->next_turn)
		event_free(link->next_turn);
	link->scratch = message_scratch_free(link->scratch);
	free(link);
}

static void die(struct link *link, const struct fault *fault)
{
	if (link->dead)
		return;
	link->dead = true;
	(void)bufferevent_disable(link->stream, EV_READ | EV_WRITE); /* cannot fail for a socket */
	(void)evtimer_del(link->next_turn);			     /* cannot fail */
	link->busy = true;
	link->events->closed(link->context, fault);
	link->busy = false;
}

/* true: the frame is for us. */
static bool generation_fits(struct link *link, const struct frame *frame)
{
	if (link->check_generation)
		return frame->generation == link->generation;
	if (!link->adopted) {
		link->adopted = true;
		link->generation = frame->generation;
	}
	return frame->generation == link->generation;
}

/* 1: a frame was handled; 0: wait for more; -1: the link must die of the fault. */
static int handle_one(struct link *link, struct evbuffer *in, struct fault *fault)
{
	struct frame frame;
	int result = frame_peek(in, &frame, fault);

	if (result <= 0)
		return result;
	result = 0;
	if (generation_fits(link, &frame)) {
		link->busy = true;
		result = link->events->frame(link->context, &frame, fault);
		link->busy = false;
	}
	if (link->released)
		return 0;
	(void)evbuffer_drain(in, FRAME_HEADER_BYTES +
					 frame.payload_size); /* it is there: frame_peek saw it */
	return result == 0 ? 1 : -1;
}

/* Until nothing whole is left (0), the link must die (-1), or the turn is over (1). */
static int handle_some(struct link *link, struct fault *fault)
{
	struct evbuffer *in = bufferevent_get_input(link->stream);
	int64_t end_us = clock_monotonic_us() + LINK_TURN_US;
	unsigned int frames = 0;
	int result;

	do
		result = handle_one(link, in, fault);
	while (result == 1 && ++frames < LINK_TURN_FRAMES && clock_monotonic_us() < end_us);
	return result;
}

static void take_turn(struct link *link)
{
	static const struct timeval now = { 0 };
	struct fault fault = { 0 };
	int result = handle_some(link, &fault);

	if (!link->released && result > 0)
		(void)evtimer_add(link->next_turn,
				  &now); /* allocated: fails only on a broken base */
	else if (!link->released && result < 0)
		die(link, &fault);
	else if (!link->released && link->ended)
		die(link, &link->end);
	if (link->released)
		release(link);
}

static bool waits_for_turn(const struct link *link)
{
	return evtimer_pending(link->next_turn, NULL);
}

static void on_readable(struct bufferevent *stream, void *context)
{
	struct link *link = context;

	(void)stream;
	if (link->busy || link->dead || waits_for_turn(link))
		return;
	take_turn(link);
}

static void on_next_turn(evutil_socket_t fd, short what, void *context)
{
	struct link *link = context;

	(void)fd, (void)what;
	if (link->busy || link->dead)
		return; /* the handler's caller goes on */
	take_turn(link);
}

static void on_written(struct bufferevent *stream, void *context)
{
	struct link *link = context;

	(void)stream;
	if (link->dead || link->busy || !link->events->drained)
		return;
	link->busy = true;
	link->events->drained(link->context);
	link->busy = false;
	if (link->released)
		release(link);
}

static void on_event(struct bufferevent *stream, short what, void *context)
{
	struct link *link = context;
	struct fault fault = { 0 };
	int error = errno;

	(void)stream;
	if (link->dead || link->busy)
		return;
	/* A process that was killed resets the socket, or stops in the middle of a frame: an end
	   like any other. What it died of is for the one who reaps it to say. */
	if (what & BEV_EVENT_ERROR && error != ECONNRESET && error != EPIPE)
		(void)fault_errno(&fault, error, "the link to the other process failed");
	if (waits_for_turn(link)) {
		link->ended = true;
		link->end = fault;
		return;
	}
	die(link, &fault);
	if (link->released)
		release(link);
}

struct link *link_new(struct event_base *base, int fd, uint32_t generation, bool check_generation,
		      const struct link_events *events, void *context)
{
	struct link *link = calloc(1, sizeof(*link));

	if (!link) {
		(void)close(fd); /* taken in every case */
		return NULL;
	}
	*link = (struct link){ .events = events,
			       .context = context,
			       .generation = generation,
			       .check_generation = check_generation,
			       .scratch = message_scratch_new() };
	if (link->scratch && evutil_make_socket_nonblocking(fd) == 0)
		link->stream = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!link->stream) {
		(void)close(fd); /* no bufferevent took it */
		release(link);
		return NULL;
	}
	link->next_turn = evtimer_new(base, on_next_turn, link);
	if (!link->next_turn) {
		release(link);
		return NULL;
	}
	bufferevent_setcb(link->stream, on_readable, on_written, on_event, link);
	bufferevent_setwatermark(link->stream, EV_READ, 0, LINK_READ_HIGH);
	if (bufferevent_enable(link->stream, EV_READ | EV_WRITE) < 0) {
		release(link);
		return NULL;
	}
	return link;
}

struct link *link_free(struct link *link)
{
	if (!link)
		return NULL;
	if (link->busy)
		link->released = true; /* the handler's caller frees it when it is back */
	else
		release(link);
	return NULL;
}

struct evbuffer *link_output(struct link *link)
{
	return bufferevent_get_output(link->stream);
}

struct message_header link_header(struct link *link)
{
	return (struct message_header){ .generation = link->generation,
					.sequence = ++link->sequence };
}

struct message_scratch *link_scratch(struct link *link)
{
	return link->scratch;
}

size_t link_pending_bytes(const struct link *link)
{
	return evbuffer_get_length(bufferevent_get_output(link->stream));
}

int link_flush(struct link *link, int deadline_ms)
{
	struct evbuffer *out = bufferevent_get_output(link->stream);
	struct pollfd wait = { .fd = bufferevent_getfd(link->stream), .events = POLLOUT };
	int64_t deadline = clock_monotonic_ms() + deadline_ms;
	int result = link->dead ? -EPIPE : 0;

	/* The bufferevent keeps the front of its output frozen between its own writes. */
	(void)evbuffer_unfreeze(out, 1);
	while (result == 0 && evbuffer_get_length(out) > 0) {
		int64_t left = deadline - clock_monotonic_ms();

		if (evbuffer_write(out, wait.fd) >= 0)
			continue;
		if (errno != EAGAIN && errno != EINTR)
			result = -errno;
		else if (left <= 0 || poll(&wait, 1, (int)left) == 0)
			result = -ETIMEDOUT;
	}
	(void)evbuffer_freeze(out, 1);
	return result;
}
