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

#define SPOOL_NAME_MAX	 256 /* bytes with the NUL */
#define SPOOL_PATH_MAX	 4096
#define SPOOL_SUFFIX_MAX 9999u /* NAME.9999 is the last one tried */
#define SPOOL_TEMP                                                                                 \
	".job-" /* prefix, in incoming/, of what is being copied in; passed over by the worker */

/* One path component that a worker or a client may name: not empty, no '/', no control characters,
   not starting with '.', and short enough. */
bool spool_name_ok(const char *name);

/* Makes the directory, those above it, and its three folders (0750) where they are missing. Removes
   what an earlier daemon left half copied. */
int spool_create(const char *spool, struct fault *fault);
/* incoming/NAME → done/. Returns 0 and the name it got there; 1 when there is no such file (any
 * more). */
int spool_done(const char *spool, const char *name, char ret_name[SPOOL_NAME_MAX],
	       struct fault *fault);
/* incoming/NAME → failed/, with failed/RET_NAME.reason beside it that holds the text. Returns as
 * spool_done(). */
int spool_failed(const char *spool, const char *name, const char *reason,
		 char ret_name[SPOOL_NAME_MAX], struct fault *fault);

/* A file to be filled and then published: opens incoming/.job-ID for writing. */
int spool_temp_open(const char *spool, unsigned int id, int *ret_fd, struct fault *fault);
void spool_temp_remove(const char *spool, unsigned int id);
/* incoming/.job-ID, whose content is synced, → incoming/NAME, where a worker sees it. */
int spool_temp_publish(const char *spool, unsigned int id, const char *name,
		       char ret_name[SPOOL_NAME_MAX], struct fault *fault);
