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
	} document;
	bool stretch_open; /* a log batch came that was not the last one of its stretch */

	bool muted;
	bool good; /* the figures rest on a worker that works: a commit, or a heartbeat with nothing
		      to do */
	int stale_told; /* what the ledger was told last: -1 nothing, 0, 1 */
	uint32_t violations;
	struct complaint store_complaint;
	int64_t since_ms; /* wall clock; freshness of a source without any release counts from here
			   */

	/* published */
	enum source_state state;
	enum freshness freshness;
	char reason[FAULT_TEXT_MAX], last_fault[FAULT_TEXT_MAX];
	char told_reason[FAULT_TEXT_MAX];
	char plugin_version[64];
	struct source_totals totals;
	double progress;
};

/* source.c */

/* Carries out what the supervisor wants, arms its timer, publishes a changed state. Last thing a
 * caller does. */
void source_act(struct source *source, enum supervisor_action action);
/* Tells of changed counters. */
void source_counters_changed(struct source *source);
/* After a commit or a heartbeat: freshness, and the stale mark of the figures. */
void source_refresh(struct source *source);
/* Writes a commit's report on to who wants to know; nothing without a sequence. */
void source_report(struct source *source, const struct commit_report *report);

/* source_wire.c */

/* One frame of the worker; -1 = it broke the rules, and the fault says how. */
int source_take_frame(struct source *source, const struct frame *frame, struct fault *fault);
int source_send_configure(struct source *source, const char *plugin_path, const char *incoming);
/* Does nothing without a link. */
void source_send_stop(struct source *source);
