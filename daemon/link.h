/* SPDX-License-Identifier: MIT
 *
 * link.h - one end of a worker's fd 3: a bufferevent, frames in and out, back-pressure. Both
 * processes.
 *
 * The owner gives one handler; it is called once a frame, in order, never re-entrantly. A bad
 * frame, end of file or an error is told once through `closed`; after that the link is dead and
 * only link_free() is allowed. The handler may call link_free(). Reading stops while more than
 * LINK_READ_HIGH bytes wait (style rule 51). A turn of the loop handles a few frames: a peer that
 * sends without waiting keeps nobody from his turn.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "frame.h"
#include "messages.h"

#define LINK_READ_HIGH	 (FRAME_MAX_BYTES + FRAME_HEADER_BYTES) /* one whole frame must fit */
#define LINK_TURN_FRAMES 64u  /* handled at most in one turn of the loop */
#define LINK_TURN_US	 1000 /* after so long in a turn no other frame is begun */

struct event_base;
struct evbuffer;
struct link;

struct link_events {
	/* 0 = go on; anything else closes the link with the fault that was filled. */
	int (*frame)(void *context, const struct frame *frame, struct fault *fault);
	/* fault->kind FAULT_NONE: the peer closed; FAULT_PROTOCOL: a bad frame; else a system
	 * error. */
	void (*closed)(void *context, const struct fault *fault);
	void (*drained)(void *context); /* all output written; may be NULL */
};

/* Takes the fd. generation is stamped on what is sent; frames of another generation are dropped
   silently when check_generation (main's side), adopted from the first frame otherwise (worker's
   side). */
struct link *link_new(struct event_base *base, int fd, uint32_t generation, bool check_generation,
		      const struct link_events *events, void *context);
struct link *link_free(struct link *link);
/* Where message_put_… appends; and the header to put. */
struct evbuffer *link_output(struct link *link);
struct message_header link_header(struct link *link);
struct message_scratch *link_scratch(struct link *link);
size_t link_pending_bytes(const struct link *link); /* waiting to be written */
/* Writes everything out, blocking, for a process about to end; gives up after the deadline. */
int link_flush(struct link *link, int deadline_ms);
