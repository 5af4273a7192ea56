/* SPDX-License-Identifier: MIT
 *
 * spool.h - the directories of a source: incoming/, done/, failed/. Main only. Nothing in them is
 * ever overwritten; a taken name becomes NAME.1, NAME.2 … A move is a rename, and the directories
 * are synced before it counts as done.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "fault.h"
#include "file_identity.h"

#define SPOOL_NAME_MAX	 256 /* bytes with the NUL */
#define SPOOL_PATH_MAX	 4096
#define SPOOL_SUFFIX_MAX 9999u /* NAME.9999 is the last one tried */
#define SPOOL_TEMP                                                                                 \
	".job-" /* prefix, in incoming/, of what is being copied in; passed over by the worker */

/* One path component that a worker or a client may name: not empty, no '/', no control characters,
   not starting with '.', and short enough. */
bool spool_name_ok(const char *name);

/* Removes what an earlier daemon left half copied. Once, before anything is copied: what is being
   copied now looks the same. */
void spool_sweep(const char *spool);
/* Makes the directory, those above it, and its three folders (0750) where they are missing. */
int spool_create(const char *spool, struct fault *fault);
#define SPOOL_GONE     1 /* there is no such file (any more) */
#define SPOOL_REPLACED 2 /* another file has the name by now; it is in incoming/ (again) */
/* incoming/NAME → done/, if it is that file still, as it was (NULL = whichever it is). Returns 0
 * and the name it got there, SPOOL_GONE, or SPOOL_REPLACED and the name in incoming/ under which a
 * worker sees the other one. */
int spool_done(const char *spool, const char *name, const struct file_identity *file,
	       char ret_name[SPOOL_NAME_MAX], struct fault *fault);
/* incoming/NAME → failed/, with failed/RET_NAME.reason beside it that holds the text. Returns as
 * spool_done(), but a file that was written to stays the same one: that may be why it failed. */
int spool_failed(const char *spool, const char *name, const struct file_identity *file,
		 const char *reason, char ret_name[SPOOL_NAME_MAX], struct fault *fault);

/* A file to be filled and then published: opens incoming/.job-ID for writing. */
int spool_temp_open(const char *spool, unsigned int id, int *ret_fd, struct fault *fault);
void spool_temp_remove(const char *spool, unsigned int id);
/* incoming/.job-ID, whose content is synced, → incoming/NAME, where a worker sees it. */
int spool_temp_publish(const char *spool, unsigned int id, const char *name,
		       char ret_name[SPOOL_NAME_MAX], struct fault *fault);

/* Moves every document of done/ back to incoming/, as it is; *ret_count is how many were. */
int spool_again(const char *spool, size_t *ret_count, struct fault *fault);
/* Whether a document lies in incoming/. */
bool spool_waits(const char *spool);
