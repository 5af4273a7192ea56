/* SPDX-License-Identifier: MIT
 *
 * jobs.h - files that clients hand over by fd: copied into a spool piece by piece between other
 * work, then followed until the worker has read them. Main only.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "source.h"
#include "sources.h"

#define JOB_PIECE_BYTES                                                                            \
	(1u << 20)	    /* copied in one turn of the loop, whatever the number of jobs         \
			     */
#define JOBS_KEPT_MAX  256u /* open and finished; past it the oldest finished one goes early */
#define JOB_COPY_SHARE 0.1  /* of the progress; the rest is the worker's reading */

struct jobs;

struct jobs_events {
	void (*added)(void *context, uint32_t id);
	void (*changed)(void *context, uint32_t id, bool finished);
	void (*removed)(void *context, uint32_t id);
};

struct jobs *jobs_new(struct event_base *base, const struct jobs_events *events, void *context);
struct jobs *jobs_free(struct jobs *jobs);

/* Takes the fd in every case. spool: of the source. */
int jobs_add(struct jobs *jobs, const char *source, const char *spool, const char *name, int fd,
	     uint32_t *ret_id, struct fault *fault);
int jobs_cancel(struct jobs *jobs, uint32_t id, struct fault *fault);
size_t jobs_count(const struct jobs *jobs);
int jobs_at(const struct jobs *jobs, size_t index, struct job_info *ret_info);
int jobs_find(const struct jobs *jobs, uint32_t id, struct job_info *ret_info);

/* What became of a document of the source. */
void jobs_follow(struct jobs *jobs, const char *source, const struct document_news *news);
/* The source will not read them (any more): its open jobs fail with the reason; copied files stay
 * in incoming/. */
void jobs_give_up(struct jobs *jobs, const char *source, const char *reason);
