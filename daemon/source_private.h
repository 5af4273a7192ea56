/* SPDX-License-Identifier: MIT
 *
 * source_private.h - the source object, for source.c (its life) and source_wire.c (its
 * conversation) only.
 */
#pragma once

#include <event2/event.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "chatter.h"
#include "complaint.h"
#include "link.h"
#include "log.h"
#include "period.h"
#include "sandbox.h"
#include "source.h"
#include "spool.h"

/* Where the conversation with the present worker is. */
enum source_phase {
	PHASE_NEW = 1 << 0,	  /* CONFIGURE sent; READY is awaited */
	PHASE_RUNNING = 1 << 1,	  /* START sent */
	PHASE_ANNOUNCED = 1 << 2, /* PROCEED sent; its batches follow */
	PHASE_STOPPING = 1 << 3,  /* beside one of the others: STOP sent */
};

struct plugin_identity {
	dev_t device;
	ino_t inode; /* 0 = no such file */
	struct timespec changed;
};

struct source {
	const struct source_owner *owner;
	struct config_source config; /* own copy */
	struct config_source
		next; /* takes its place when the next worker is started; name NULL = none */
	struct supervisor supervisor;
	struct event *deadline;	       /* supervisor.due_ms, or the end of the drain */
	struct event *freshness_timer; /* when the freshness changes next */

	/* the present worker */
	pid_t pid;   /* 0 = none */
	bool reaped; /* `status` is known; what it wrote is being drained */
	int status;
	uint32_t generation;
	struct link *link; /* NULL once it ended */
	int stderr_fd;	   /* -1 once it ended */
	struct event *stderr_event;
	struct chatter chatter;
	unsigned int phase;
	char cause[FAULT_TEXT_MAX]; /* why it ends, as far as main or the worker says */
	struct plugin_identity plugin;
	struct {
		bool open;
		char name[SPOOL_NAME_MAX];
		uint8_t sha256[SHA256_BYTES];
		struct file_identity file;
		int64_t moved_ms; /* monotonic; when it last came further */
	} document;
	struct {
		uint8_t sha256[SHA256_BYTES];
		uint32_t deaths;    /* in a row, over this document */
		uint32_t documents; /* in a row, moved to failed/ for that */
	} poison;
	/* What is committed is a part of what was found at once, so that figures are, too. */
	bool document_partial; /* of the open document, and not of levels, which wait for its end */
	bool catches_up;       /* of the log */
	uint64_t levels;       /* bit n: metric n of the plugin is one */
	bool stretch_open;     /* a log batch came that was not the last one of its stretch */

	bool muted;
	bool rebuilding; /* documents of an earlier store are being read again */
	bool good; /* the figures rest on a worker that works: a commit, or a heartbeat with nothing
		      to do */
	int stale_told; /* what the ledger was told last: -1 nothing, 0, 1 */
	uint32_t violations;
	struct complaint store_complaint;
	struct {
		struct complaint complaint;
		int64_t retry_ms; /* monotonic; when a new worker looks at them; 0 = none is left */
		unsigned int tries; /* in a row */
	} left;			    /* documents that could not be moved out of incoming/ */

	/* published */
	enum source_state state;
	enum freshness freshness;
	char freshness_text[FAULT_TEXT_MAX]; /* "" = fresh; the reason, when the state has none */
	char reason[FAULT_TEXT_MAX];
	char last_fault[FAULT_TEXT_MAX + PERIOD_TEXT_MAX]; /* time, blank, text */
	char told_reason[FAULT_TEXT_MAX];
	bool last_fault_is_config; /* gone with the worker that is ready again */
	char plugin_version[64];
	char sandbox[SANDBOX_TEXT_MAX];
	struct source_totals totals;
	double progress;
};

/* source.c */

/* Carries out what the supervisor wants, arms its timer, publishes a changed state. Last thing a
 * caller does. */
void source_act(struct source *source, enum supervisor_action action);
/* Makes it the last fault, with the time. */
void source_note_fault(struct source *source, const char *text);
/* Tells of changed counters. */
void source_counters_changed(struct source *source);
/* After a commit or a heartbeat: freshness, and the stale mark of the figures. */
void source_refresh(struct source *source);
/* Writes a commit's report on to who wants to know; nothing without a sequence. */
void source_report(struct source *source, const struct commit_report *report);

/* source_failure.c */

/* Ledger, failed/, last_fault, and who follows the document. Strings of the document may be the
   source's own. -1: the ledger did not take it, and the document stays. Does not close it. */
int source_fail_document(struct source *source, const struct failed_document *document,
			 struct fault *fault);
/* After supervisor_gone(): when one document ended the worker for the last time, it is given up and
 * the worker is spared. */
void source_judge_death(struct source *source);

/* A document that is done with stays in incoming/, for that reason. It is said in the log now and
 * then, and tried again by a new worker, which finds it there. */
void source_leave_behind(struct source *source, const char *why);
/* One was moved. */
void source_moves_again(struct source *source);
/* With a heartbeat, when nothing is being read: when it is time, the worker is started anew. */
void source_retry_left_behind(struct source *source);

/* source_wire.c */

/* One frame of the worker; -1 = it broke the rules, and the fault says how. */
int source_take_frame(struct source *source, const struct frame *frame, struct fault *fault);
int source_send_configure(struct source *source, const char *plugin_path, const char *incoming);
/* Does nothing without a link. */
void source_send_stop(struct source *source);
