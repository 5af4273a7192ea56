/* SPDX-License-Identifier: MIT
 *
 * source.h - main's view of one configured source: its section, its worker's life, what is
 * published about it. Main only.
 *
 * A source is either working (a process exists or will be started by its own timer) or at rest. All
 * functions return at once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox.h"
#include "sources.h"
#include "supervisor.h"

struct source;

#define SOURCE_DRAIN_MS 500 /* after a worker's death, what it wrote before is read for so long */
#define SOURCE_POISON_MAX                                                                          \
	8u /* documents in a row that may end the worker for good before the plugin is held for    \
	      broken */
#define SOURCE_FRESHNESS_SLEEP_MS                                                                  \
	(60 * 60 * 1000) /* a stepped clock or a suspend is noticed after at most this */

#define SOURCE_STORE_RETRY_MS                                                                      \
	(60 * 1000) /* a mark that could not be stored is tried again after so long */

/* What happens to a file of incoming/; import jobs follow it by name. Strings live as long as the
 * call. */
enum document_step {
	DOCUMENT_READING = 1,
	DOCUMENT_PROGRESS,
	DOCUMENT_BATCH, /* accepted and rejected: of this batch */
	DOCUMENT_DONE,
	DOCUMENT_FAILED,
};

struct document_news {
	enum document_step step;
	const char *name;
	double progress;
	uint64_t accepted, rejected;
	const char *reason;
	bool repeated; /* DOCUMENT_DONE: it was imported before, and nothing was read */
};

/* Of the set that the sources belong to; outlives them. */
struct source_owner {
	struct event_base *base;
	struct ledger *ledger;
	const char *plugin_dir;
	struct supervisor_deadlines deadlines;
	bool rebuilding; /* the store is new: a source is stale until its documents are read */
	bool unpacking;	 /* and more of them may still come */
	void *context;
	void (*committed)(void *context, const struct commit_report *report);
	void (*changed)(void *context, struct source *source, bool state_changed);
	void (*document)(void *context, struct source *source, const struct document_news *news);
	/* It is about to move to done/, most likely to that path; it lies there, at that path. */
	void (*document_leaves)(void *context, struct source *source, const char *path,
				const uint8_t sha256[SHA256_BYTES]);
	void (*document_done)(void *context, struct source *source, const char *path,
			      const uint8_t sha256[SHA256_BYTES]);
	/* A worker is up, held by these layers. */
	void (*confined)(void *context, const struct sandbox_layers *layers);
	/* No process (any more), and none will be started by itself. Do not free the source in
	 * here. */
	void (*at_rest)(void *context, struct source *source);
};

/* Copies the section. Does not start anything. */
struct source *source_new(const struct source_owner *owner, const struct config_source *config,
			  struct fault *fault);
/* Kills and reaps what still runs. */
struct source *source_free(struct source *source);

/* Starts it, or gives a quarantined or misconfigured one another chance; leaves a working one
 * alone. */
void source_start(struct source *source);
/* Takes over a changed section, or a changed plugin file, and starts the worker anew. config NULL:
 * keep the section. */
int source_restart(struct source *source, const struct config_source *config, struct fault *fault);
/* The one setting that needs no other worker. */
void source_set_cadence(struct source *source, int64_t cadence_ms);
void source_stop(struct source *source);
/* From now on nothing of it is committed or moved: the section is gone. */
void source_mute(struct source *source);
/* Looks whether its worker died. Call after SIGCHLD. */
void source_reap(struct source *source);

const char *source_name(const struct source *source);
const struct config_source *source_config(const struct source *source);
void source_info(const struct source *source, struct source_info *ret_info);
/* The plugin's file is another one than the worker was started with (device, inode, time, or it
 * came or went). */
bool source_plugin_changed(const struct source *source);
bool source_at_rest(const struct source *source);
/* Not all documents that the store is rebuilt from are read. */
bool source_rebuilding(const struct source *source);
/* Why documents are not read at the moment and will not be without an admin; NULL when they are. */
const char *source_blocked(const struct source *source);
