/* SPDX-License-Identifier: MIT
 *
 * worker_cursor.h - where a worker goes on after a restart: the position in a followed log, how
 * much of the stretch after it is committed, and the plugin's own cursor. Worker only; pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "batch.h"
#include "fault.h"
#include "follow.h"

#define WORKER_CURSOR_VERSION	 1u
#define WORKER_CURSOR_PLUGIN_MAX 3968u /* bytes of the plugin's own */

struct worker_cursor {
	bool has_position;
	unsigned char position[FOLLOW_POSITION_BYTES];
	/* A stretch may be committed in several pieces, but only its end is a position: so much of
	   what follows the position is done, and this is its hash, to know it again. 0 = nothing.
	 */
	uint32_t done_bytes;
	uint8_t done_sha256[SHA256_BYTES];
	unsigned char plugin[WORKER_CURSOR_PLUGIN_MAX];
	size_t plugin_size;
};

/* Returns the bytes written; at most CURSOR_MAX_BYTES. */
size_t worker_cursor_encode(const struct worker_cursor *cursor,
			    unsigned char buffer[CURSOR_MAX_BYTES]);
/* size 0 = a fresh start. */
int worker_cursor_decode(const void *data, size_t size, struct worker_cursor *ret_cursor,
			 struct fault *fault);
