/* SPDX-License-Identifier: MIT
 *
 * frame.h - cutting a byte stream into frames. Header, 20 bytes, little-endian: magic u16, version
 * u8, type u8, payload length u32, generation u32, sequence u64.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "fault.h"

#define FRAME_MAGIC	   0x5374u /* "tS" on the wire */
#define FRAME_VERSION	   1u
#define FRAME_HEADER_BYTES 20u
#define FRAME_MAX_BYTES	   (1u << 20) /* payload; checked before any memory is taken */

struct evbuffer;

struct frame {
	uint8_t type;
	uint32_t generation;
	uint64_t sequence;
	const unsigned char *payload;
	size_t payload_size;
};

/* Looks at the front of the buffer. 1: a whole frame is there and *ret_frame points into the buffer
   (made contiguous); drain FRAME_HEADER_BYTES + payload_size when done with it. 0: more bytes are
   needed. -1: not our protocol. */
int frame_peek(struct evbuffer *in, struct frame *ret_frame, struct fault *fault);
