/* SPDX-License-Identifier: MIT
 *
 * fuzz_cursor.c - the cursor that a worker gets back from the store, which another version or
 * another plugin may have written: what is accepted is encoded as the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "worker_cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char buffer[CURSOR_MAX_BYTES];
	struct worker_cursor cursor, again;
	struct fault fault = { 0 };
	size_t used;

	if (worker_cursor_decode(data, size, &cursor, &fault) < 0) {
		if (!*fault.text)
			abort();
		return 0;
	}
	if (cursor.plugin_size > WORKER_CURSOR_PLUGIN_MAX)
		abort();
	used = worker_cursor_encode(&cursor, buffer);
	if (used > sizeof(buffer) || worker_cursor_decode(buffer, used, &again, &fault) < 0 ||
	    again.plugin_size != cursor.plugin_size || again.done_bytes != cursor.done_bytes ||
	    again.has_position != cursor.has_position ||
	    memcmp(again.plugin, cursor.plugin, cursor.plugin_size) != 0)
		abort();
	return 0;
}
