/* SPDX-License-Identifier: MIT
 *
 * follow.h - following one log file that is appended to: partial last lines, rotation by rename,
 * copytruncate, a file that appears later. Worker only. Wakes by inotify on the file's directory;
 * never polls.
 *
 * Position = file identity (device, inode, fingerprint of the first bytes) + offset of the first
 * byte not handed over. After a rename the rest of the old file is read to its end before the new
 * one is begun; the old one is found again by identity among the directory's entries after a
 * restart. A file that got shorter, or whose fingerprint changed, is new.
 *
 * The log as a whole has places too: base + offset, where base counts the bytes of all files
 * before. They only grow, through rotation and truncation.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

#define FOLLOW_STRETCH_MAX                                                                         \
	(256u * 1024u) /* bytes handed over at once; grows to FOLLOW_LINE_MAX for one long line */
#define FOLLOW_LINE_MAX		 (1u << 20) /* a longer line is skipped, told through `skipped` */
#define FOLLOW_FINGERPRINT_BYTES 256u /* at most; of what the file had when it was first seen */
#define FOLLOW_POSITION_BYTES	 64u  /* encoded size of a position */

struct event_base;
struct follow;

struct follow_stretch {
	const char *data; /* complete lines */
	size_t size;
	uint64_t base;		/* place of the file's first byte in the log as a whole */
	uint64_t offset;	/* of data[0] in the file */
	const char *first_line; /* of the file, without newline; "" while unknown */
	size_t first_line_size;
	const char *name;	/* file's base name as configured */
	int64_t modified_at_ms; /* of the file */
};

struct follow_events {
	/* There may be something to read: call follow_read() when it suits. Called from the loop,
	   at most once until follow_read() has said 0. */
	void (*ready)(void *context);
	/* place: base + offset of the skipped part. */
	void (*skipped)(void *context, uint64_t place, uint64_t size, const char *why);
};

/* position: FOLLOW_POSITION_BYTES from an earlier follow_position(), or NULL to start at the
 * beginning. */
int follow_new(struct event_base *base, const char *path, const unsigned char *position,
	       const struct follow_events *events, void *context, struct follow **ret_follow,
	       struct fault *fault);
struct follow *follow_free(struct follow *follow);
/* 1 and the next stretch (valid until the next call); 0 nothing complete now (ready will be
   called); -1 fault. The position moves past the stretch. */
int follow_read(struct follow *follow, struct follow_stretch *ret_stretch, struct fault *fault);
void follow_position(const struct follow *follow,
		     unsigned char ret_position[FOLLOW_POSITION_BYTES]);
/* Bytes between the position and the end of the file, as last seen. */
uint64_t follow_lag_bytes(const struct follow *follow);
