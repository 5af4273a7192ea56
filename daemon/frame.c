/* SPDX-License-Identifier: MIT
 *
 * frame.c - cutting a byte stream into frames. Both processes.
 *
 * Invariant: the length is checked before memory is taken for it; the buffer holds at most one
 * whole frame contiguous. Does not know what the payloads mean.
 */
#include "frame.h"

#include <event2/buffer.h>

#include "bytes.h"

int frame_peek(struct evbuffer *in, struct frame *ret_frame, struct fault *fault)
{
	unsigned char header[FRAME_HEADER_BYTES];
	struct bytes_reader reader = bytes_reader(header, sizeof(header));
	struct frame frame = { 0 };
	unsigned int magic, version;
	const unsigned char *whole;

	if (evbuffer_copyout(in, header, sizeof(header)) < (ev_ssize_t)sizeof(header))
		return 0;
	magic = bytes_get_u16(&reader);
	version = bytes_get_u8(&reader);
	frame.type = bytes_get_u8(&reader);
	frame.payload_size = bytes_get_u32(&reader);
	frame.generation = bytes_get_u32(&reader);
	frame.sequence = bytes_get_u64(&reader);

	if (magic != FRAME_MAGIC)
		return fault_set(fault, FAULT_PROTOCOL, "not a frame: it begins with 0x%04x",
				 magic);
	if (version != FRAME_VERSION)
		return fault_set(fault, FAULT_PROTOCOL,
				 "frame of protocol version %u, this is version %u", version,
				 FRAME_VERSION);
	if (frame.payload_size > FRAME_MAX_BYTES)
		return fault_set(fault, FAULT_PROTOCOL,
				 "frame of type %u claims %zu bytes, at most %u are allowed",
				 frame.type, frame.payload_size, FRAME_MAX_BYTES);
	if (evbuffer_get_length(in) < FRAME_HEADER_BYTES + frame.payload_size)
		return 0;

	whole = evbuffer_pullup(in, (ev_ssize_t)(FRAME_HEADER_BYTES + frame.payload_size));
	if (!whole)
		return fault_set(fault, FAULT_MEMORY, "no memory for a frame of %zu bytes",
				 frame.payload_size);
	frame.payload = whole + FRAME_HEADER_BYTES;
	*ret_frame = frame;
	return 1;
}
