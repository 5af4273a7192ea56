/* SPDX-License-Identifier: MIT
 *
 * sources.h - the set of configured sources, their workers and their import jobs. Main only. Knows
 * the ledger (to commit what workers send), not the bus: what others must hear goes through
 * sources_events.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "fault.h"
#include "ledger.h"
#include "model.h"

struct event_base;
struct sources;

enum source_state {
	SOURCE_STARTING = 1,
	SOURCE_READING,
	SOURCE_IDLE,
	SOURCE_UNRESPONSIVE,
	SOURCE_BACKOFF,
	SOURCE_QUARANTINED,
	SOURCE_MISCONFIGURED,
	SOURCE_STOPPED,
};
const char *source_state_word(enum source_state state);

enum freshness {
	FRESHNESS_FRESH = 1,
	FRESHNESS_DUE,
	FRESHNESS_LATE,
	FRESHNESS_DEAD,
	FRESHNESS_DRIFTED,
};
const char *freshness_word(enum freshness freshness);

/* What is published about a source. Strings belong to the source. */
struct source_info {
	const char *name, *plugin, *plugin_version;
	enum source_state state;
	const char *reason; /* one sentence for the state; "" */
	enum freshness freshness;
	const char *last_release;
	int64_t last_read_ms;
	uint64_t accepted, rejected;
	uint32_t restarts;
	const char *last_fault; /* obituary or fault, "" */
	const char *sandbox;   /* layers that hold its worker (sandbox.h): "landlock 7, seccomp"; ""
				  before the first */
	double progress;       /* 0…1 of what is being read; 1 when idle */
	int worker_pid;	       /* 0 = none */
	int64_t last_fetch_ms; /* its url gave a document, or said that nothing is new; 0 = never */
	const char *fetch_fault; /* why its url could not be fetched the last time; "" */
};

enum job_state {
	JOB_QUEUED = 1, /* being copied into the spool, or waiting for the worker */
	JOB_READING,
	JOB_DONE,
	JOB_FAILED,
	JOB_CANCELLED,
};
const char *job_state_word(enum job_state state);

struct job_info {
	uint32_t id;
	const char *source, *name;
	enum job_state state;
	double progress;
	uint64_t accepted, rejected;
	const char *error; /* "" */
	const char *note;  /* what else to know about one that is done; "" */
};

#define JOBS_MAX    64u		     /* open ones; more → FAULT_BUSY */
#define JOB_KEEP_MS (10 * 60 * 1000) /* a finished job stays visible so long */

struct sources_events {
	void (*committed)(void *context,
			  const struct commit_report *report); /* only with sequence != 0 */
	void (*source_added)(void *context, const char *name);
	void (*source_changed)(void *context, const char *name,
			       bool state_changed); /* false: only counters */
	void (*source_removed)(void *context, const char *name);
	void (*job_added)(void *context, uint32_t id);
	void (*job_changed)(void *context, uint32_t id, bool finished);
	void (*job_removed)(void *context, uint32_t id);
	/* A document is imported and about to move to done/, under that absolute path unless the
	   name is taken; then it lies there, at that path. May be NULL. */
	void (*document_leaves)(void *context, const char *path,
				const uint8_t sha256[SHA256_BYTES]);
	void (*document_done)(void *context, const char *path, const uint8_t sha256[SHA256_BYTES]);
};

struct sources *sources_new(struct event_base *base, struct ledger *ledger, const char *plugin_dir,
			    const char *spool_dir, const struct sources_events *events,
			    void *context);
/* Kills what still runs. */
struct sources *sources_free(struct sources *sources);

/* Makes the set equal to the configuration: starts new sources, stops removed ones, restarts those
   whose section or whose plugin file (device, inode, mtime) changed, leaves the others alone. Also
   gives quarantined and misconfigured ones another chance. Creates spool directories. */
int sources_apply(struct sources *sources, const struct config *config, struct fault *fault);
/* Asks every worker to stop; calls done when all are gone (killed at the deadlines of the
 * supervisor). */
/* Before the first sources_apply(): the store is new and its documents are read again. Sources are
   stale until theirs are. */
void sources_rebuild(struct sources *sources);
/* No more of those documents will be put into incoming/. */
void sources_unpacked(struct sources *sources);
/* Sources that are not done with it, but for those that do not work. */
size_t sources_rebuilding(const struct sources *sources);
void sources_stop(struct sources *sources, void (*done)(void *context), void *context);
int sources_retry(struct sources *sources, const char *name, struct fault *fault);
/* Fetches its url now; as fetches_now() (fetch.h). */
int sources_refresh(struct sources *sources, const char *name, struct fault *fault);

size_t sources_count(const struct sources *sources);
int sources_info_at(const struct sources *sources, size_t index, struct source_info *ret_info);
int sources_info(const struct sources *sources, const char *name, struct source_info *ret_info,
		 struct fault *fault);

/* Takes the fd in every case. The file is copied into incoming/ in pieces between other work, then
 * renamed in. */
int sources_import(struct sources *sources, const char *source, const char *name, int fd,
		   uint32_t *ret_job, struct fault *fault);
int sources_job_cancel(struct sources *sources, uint32_t id, struct fault *fault);
size_t sources_job_count(const struct sources *sources);
int sources_job_at(const struct sources *sources, size_t index, struct job_info *ret_info);
int sources_job(const struct sources *sources, uint32_t id, struct job_info *ret_info);

/* For --check-config: runs each source's plugin check in a worker, blocking; every refusal is
   appended to the errors with file and line of the section. 0 when all agree. */
int sources_check(const struct config *config, const char *plugin_dir,
		  struct config_errors *errors);
