/* SPDX-License-Identifier: MIT
 *
 * bytes.h - bounded little-endian writer and reader over memory; pure. Both processes.
 *
 * Both have a sticky failure: after the first one every further call does nothing (a reader gives
 * zeros and ""), so that a codec is written as a list and checked once at its end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes_writer {
	unsigned char *data; /* NULL: only measures */
	size_t size, used;
	bool failed;
};

static inline struct bytes_writer bytes_writer(void *data, size_t size)
{
	return (struct bytes_writer){ .data = data, .size = size };
}

void bytes_put_u8(struct bytes_writer *writer, uint8_t value);
void bytes_put_u16(struct bytes_writer *writer, uint16_t value);
void bytes_put_u32(struct bytes_writer *writer, uint32_t value);
void bytes_put_u64(struct bytes_writer *writer, uint64_t value);
void bytes_put_i32(struct bytes_writer *writer, int32_t value);
void bytes_put_i64(struct bytes_writer *writer, int64_t value);
void bytes_put_f64(struct bytes_writer *writer, double value); /* IEEE 754 binary64 */
void bytes_put(struct bytes_writer *writer, const void *data, size_t size);
/* Length u32, then the bytes. */
void bytes_put_blob(struct bytes_writer *writer, const void *data, size_t size);
/* Length u16, the bytes, a NUL. NULL counts as "". Fails past max bytes (without the NUL), and on
 * malformed UTF-8. */
void bytes_put_text(struct bytes_writer *writer, const char *text, size_t max);

struct bytes_reader {
	const unsigned char *data;
	size_t size, at;
	bool failed;
	size_t failed_at;	/* offset of the first failure */
	const char *failed_why; /* a few words */
};

static inline struct bytes_reader bytes_reader(const void *data, size_t size)
{
	return (struct bytes_reader){ .data = data, .size = size };
}

uint8_t bytes_get_u8(struct bytes_reader *reader);
uint16_t bytes_get_u16(struct bytes_reader *reader);
uint32_t bytes_get_u32(struct bytes_reader *reader);
uint64_t bytes_get_u64(struct bytes_reader *reader);
int32_t bytes_get_i32(struct bytes_reader *reader);
int64_t bytes_get_i64(struct bytes_reader *reader);
double bytes_get_f64(struct bytes_reader *reader);
/* Points into the memory; NULL on failure. */
const void *bytes_get(struct bytes_reader *reader, size_t size);
/* Points into the memory. Fails past max bytes. Never NULL; *ret_size is 0 on failure. */
const void *bytes_get_blob(struct bytes_reader *reader, size_t max, size_t *ret_size);
/* Points into the memory, terminated there. Fails past max bytes, on malformed UTF-8, on a NUL
   inside and on one missing at the end. Never NULL. */
const char *bytes_get_text(struct bytes_reader *reader, size_t max);
size_t bytes_left(const struct bytes_reader *reader);
/* Marks what was just read as unacceptable. */
void bytes_refuse(struct bytes_reader *reader, const char *why);
/* Reads a count u32 of things that take at least item_min bytes each; refuses more than max, and
 * more than can be there. */
size_t bytes_get_count(struct bytes_reader *reader, size_t max, size_t item_min);
/* Nothing failed and nothing is left over; otherwise refuses. */
bool bytes_finish(struct bytes_reader *reader);
