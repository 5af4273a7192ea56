/* SPDX-License-Identifier: MIT
 *
 * worker_private.h - the state of a worker, and what worker*.c files share. Private to worker*.c.
 *
 * The loop is never nested: callbacks only note what happened, and all work (reading a document, a
 * stretch of a log) runs between two turns of it. So a plugin's callback that must wait, because a
 * batch is full and the one before is not committed, simply runs the loop until it is.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "follow.h"
#include "inbox.h"
#include "link.h"
#include "plugin_host.h"
#include "sandbox.h"
#include "worker_cursor.h"

struct event;
struct event_base;

#define WORKER_TICK_MS                                                                             \
	1000 /* a long callback is heard of at least so often, if it emits or reads */
#define WORKER_FLUSH_MS 5000 /* for the last words */
#define WORKER_LOG_PENDING_MAX                                                                     \
	(256u * 1024u)	     /* unwritten output past which log lines are dropped */
#define WORKER_SKIPS_MAX 16u /* skipped parts of a log told one by one; the rest are counted */

struct worker_skip {
	uint64_t place, size;
	char why[96];
};

struct worker {
	struct event_base *base;
	struct link *link;
	struct event *heartbeat;
	int64_t heartbeat_due_ms, heartbeat_sent_ms;
	struct fault fault;  /* why it ends; FAULT_NONE = it was asked to, or main is gone */
	struct fault broken; /* the link's */
	bool cut_off;	     /* the link is dead */
	bool stopping;	     /* STOP came */
	uint32_t stop_deadline_ms;
	uint64_t log_dropped;

	/* CONFIGURE */
	unsigned char *setup_bytes; /* its payload, which setup points into */
	size_t setup_size;
	struct message_scratch *setup_scratch;
	struct message_configure setup;
	bool configured;

	/* START and what follows */
	bool announced, started;
	struct worker_cursor cursor; /* as sent last, or as START gave it */
	uint64_t sent, committed;    /* batch numbers; equal = nothing is under way */
	uint64_t told;		     /* the plugin's `committed` knows of this one */
	bool offered, answered;	     /* DOCUMENT was sent; PROCEED came */
	struct message_proceed answer;

	/* the plugin */
	struct strait_source source;
	struct keyed_hash *hash;
	struct builder *builder; /* of documents and stretches */
	bool opened;
	struct sandbox_layers sandbox; /* that hold it since then */

	/* inputs */
	struct inbox *inbox;
	struct follow *follow;
	bool inbox_ready, follow_ready;
	struct strait_document *document; /* being read; NULL = none */
	struct message_document identity; /* its name, size and hash */
	int64_t document_date_ms;	  /* publication time if the plugin does not say one */
	uint64_t document_done;		  /* its observations that are committed already */
	bool document_refused;		  /* too many of its rows are rejects, or it changed */
	bool document_changed;		  /* since it was hashed */
	struct worker_cursor log_from; /* position before the stretch that is being read, and what
					  of it is done */
	bool log_resumed;	       /* the first stretch after the start was looked at */
	bool log_overflow;	       /* the piece being read gives more than a batch holds */
	bool catches_up;	       /* more of the log is there than one batch holds */
	double log_progress;	       /* while it does: of the file */
	struct worker_skip skips[WORKER_SKIPS_MAX];
	uint64_t skip_count; /* all of them; told with the next batch */
};

/* worker_wire.c: fd 3. Functions that wait return 0, or -1 when the worker must end (worker->fault
   says why, if there is more to say than STOP). */
extern const struct plugin_host_calls worker_plugin_calls;
int worker_wire_open(struct worker *worker, int fd);
void worker_wire_close(struct worker *worker);
bool worker_ending(const struct worker *worker);
int worker_wait(struct worker *worker, bool (*until)(const struct worker *worker));
bool worker_is_configured(const struct worker *worker);
bool worker_is_started(const struct worker *worker);
bool worker_is_settled(const struct worker *worker); /* no batch is under way */
/* Sends the batch with the next number and the cursor that becomes true with it; waits for the one
 * before. */
int worker_send_batch(struct worker *worker, struct batch *batch,
		      const struct worker_cursor *cursor);
/* Sends DOCUMENT and waits for the answer. */
int worker_offer(struct worker *worker, const struct message_document *document,
		 struct message_proceed *ret_answer);
int worker_send_failed(struct worker *worker, const struct message_failed *failed);
int worker_send_ready(struct worker *worker);
/* The last words; both wait until they are written, or for a deadline. */
void worker_send_fault(struct worker *worker);
void worker_send_stopped(struct worker *worker);
/* Tells how far it is, now. */
void worker_beat(struct worker *worker);
/* Heart beats on during long work. */
void worker_tick(struct worker *worker);

/* worker_document.c */
/* Reads the next file of the inbox, if there is one. */
int worker_read_inbox(struct worker *worker);
/* The builder is full in the middle of a document: sends what is in it. */
int worker_document_full(struct worker *worker);
double worker_document_progress(const struct worker *worker); /* 0…1; NaN = none is read */
/* Publication time by the name of a document (its first date YYYY-MM-DD), or else by its file
 * times. */
int64_t worker_document_date(const char *name, int fd, int64_t modified_at_ms);

/* worker_log.c */
extern const struct follow_events worker_follow_events;
/* Reads one stretch, if there is one. */
int worker_read_log(struct worker *worker);
