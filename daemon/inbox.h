/* SPDX-License-Identifier: MIT
 *
 * inbox.h - watching incoming/ of a spool. Worker only. A file counts when it was closed after
 * writing or renamed in, and what is there at the start; names that begin with '.' and what is no
 * regular file are passed over, the latter with a warning (opened with O_NOFOLLOW | O_NONBLOCK,
 * then fstat: no symlinks, FIFOs, devices). Files are offered in order of name. Never polls.
 */
#pragma once

#include <stdint.h>

#include "fault.h"

struct event_base;
struct inbox;

struct inbox_file {
	char name[256];
	int fd; /* the caller's from now on */
	uint64_t size;
	int64_t modified_at_ms;
};

struct inbox_events {
	void (*ready)(void *context); /* there may be a file: call inbox_next() when it suits */
};

int inbox_new(struct event_base *base, const char *directory, const struct inbox_events *events,
	      void *context, struct inbox **ret_inbox, struct fault *fault);
struct inbox *inbox_free(struct inbox *inbox);
/* 1 and a file that was not offered before (a file replaced under the same name is offered again);
 * 0 none; -1. */
int inbox_next(struct inbox *inbox, struct inbox_file *ret_file, struct fault *fault);
