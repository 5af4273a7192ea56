/* SPDX-License-Identifier: MIT
 *
 * worker_cursor.c - the cursor of a worker as bytes. Worker only. Pure.
 *
 * Layout: version u8, flags u8, [position 64 bytes], [done u32, sha256], plugin's bytes u32 and as
 * many.
 */
#include "worker_cursor.h"

#include <assert.h>
#include <string.h>

#include "bytes.h"

#define HAS_POSITION 0x01u
#define HAS_DONE     0x02u

_Static_assert(2 + FOLLOW_POSITION_BYTES + 4 + SHA256_BYTES + 4 + WORKER_CURSOR_PLUGIN_MAX <=
		       CURSOR_MAX_BYTES,
	       "a cursor fits");

size_t worker_cursor_encode(const struct worker_cursor *cursor,
			    unsigned char buffer[CURSOR_MAX_BYTES])
{
	struct bytes_writer writer = bytes_writer(buffer, CURSOR_MAX_BYTES);
	bool has_done = cursor->has_position && cursor->done_bytes > 0;

	bytes_put_u8(&writer, WORKER_CURSOR_VERSION);
	bytes_put_u8(&writer,
		     (cursor->has_position ? HAS_POSITION : 0) | (has_done ? HAS_DONE : 0));
	if (cursor->has_position)
		bytes_put(&writer, cursor->position, sizeof(cursor->position));
	if (has_done) {
		bytes_put_u32(&writer, cursor->done_bytes);
		bytes_put(&writer, cursor->done_sha256, sizeof(cursor->done_sha256));
	}
	bytes_put_blob(&writer, cursor->plugin, cursor->plugin_size);
	assert(!writer.failed);
	return writer.used;
}

static void get_into(struct bytes_reader *reader, void *target, size_t size)
{
	const void *data = bytes_get(reader, size);

	if (data)
		memcpy(target, data, size);
}

int worker_cursor_decode(const void *data, size_t size, struct worker_cursor *ret_cursor,
			 struct fault *fault)
{
	struct bytes_reader reader = bytes_reader(data, size);
	struct worker_cursor cursor = { 0 };
	uint8_t version, flags;
	const void *plugin;

	if (size == 0) {
		*ret_cursor = cursor;
		return 0;
	}
	version = bytes_get_u8(&reader);
	if (version != WORKER_CURSOR_VERSION)
		return fault_set(
			fault, FAULT_CONFIG,
			"the stored position has format %u, this straitd reads %u; was it downgraded?",
			version, WORKER_CURSOR_VERSION);
	flags = bytes_get_u8(&reader);
	if ((flags & ~(HAS_POSITION | HAS_DONE)) || flags == HAS_DONE)
		bytes_refuse(&reader, "unknown flags");
	cursor.has_position = flags & HAS_POSITION;
	if (flags & HAS_POSITION)
		get_into(&reader, cursor.position, sizeof(cursor.position));
	if (flags & HAS_DONE) {
		cursor.done_bytes = bytes_get_u32(&reader);
		get_into(&reader, cursor.done_sha256, sizeof(cursor.done_sha256));
	}
	plugin = bytes_get_blob(&reader, WORKER_CURSOR_PLUGIN_MAX, &cursor.plugin_size);
	memcpy(cursor.plugin, plugin, cursor.plugin_size);
	if (!bytes_finish(&reader))
		return fault_set(fault, FAULT_BUG,
				 "the stored position is damaged at offset %zu: %s",
				 reader.failed_at, reader.failed_why);
	*ret_cursor = cursor;
	return 0;
}
