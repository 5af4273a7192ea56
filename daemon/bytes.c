/* SPDX-License-Identifier: MIT
 *
 * bytes.c - bounded little-endian writer and reader over memory. Both processes. Pure.
 *
 * Invariant: no byte outside [data, data + size) is ever touched, whatever the lengths in the input
 * say.
 */
#include "bytes.h"

#include <string.h>

#include "utf8.h"

/* ── writer ─────────────────────────────────────────────────────────────────────────────────── */

void bytes_put(struct bytes_writer *writer, const void *data, size_t size)
{
	if (writer->failed || size > writer->size - writer->used) {
		writer->failed = true;
		return;
	}
	if (writer->data && size > 0)
		memcpy(writer->data + writer->used, data, size);
	writer->used += size;
}

static void put_little_endian(struct bytes_writer *writer, uint64_t value, size_t size)
{
	unsigned char bytes[8];

	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)(value >> (8 * i));
	bytes_put(writer, bytes, size);
}

void bytes_put_u8(struct bytes_writer *writer, uint8_t value)
{
	put_little_endian(writer, value, 1);
}

void bytes_put_u16(struct bytes_writer *writer, uint16_t value)
{
	put_little_endian(writer, value, 2);
}

void bytes_put_u32(struct bytes_writer *writer, uint32_t value)
{
	put_little_endian(writer, value, 4);
}

void bytes_put_u64(struct bytes_writer *writer, uint64_t value)
{
	put_little_endian(writer, value, 8);
}

void bytes_put_i32(struct bytes_writer *writer, int32_t value)
{
	put_little_endian(writer, (uint32_t)value, 4);
}

void bytes_put_i64(struct bytes_writer *writer, int64_t value)
{
	put_little_endian(writer, (uint64_t)value, 8);
}

void bytes_put_f64(struct bytes_writer *writer, double value)
{
	uint64_t bits;

	_Static_assert(sizeof(bits) == sizeof(value), "double is binary64");
	memcpy(&bits, &value, sizeof(bits));
	put_little_endian(writer, bits, 8);
}

void bytes_put_blob(struct bytes_writer *writer, const void *data, size_t size)
{
	if (size > UINT32_MAX) {
		writer->failed = true;
		return;
	}
	bytes_put_u32(writer, (uint32_t)size);
	bytes_put(writer, data, size);
}

void bytes_put_text(struct bytes_writer *writer, const char *text, size_t max)
{
	size_t size = text ? strlen(text) : 0;

	if (size > max || size > UINT16_MAX || !utf8_valid(text, size)) {
		writer->failed = true;
		return;
	}
	bytes_put_u16(writer, (uint16_t)size);
	bytes_put(writer, text, size);
	bytes_put_u8(writer, 0);
}

/* ── reader ─────────────────────────────────────────────────────────────────────────────────── */

static void fail(struct bytes_reader *reader, size_t at, const char *why)
{
	if (reader->failed)
		return;
	reader->failed = true;
	reader->failed_at = at;
	reader->failed_why = why;
}

size_t bytes_left(const struct bytes_reader *reader)
{
	return reader->failed ? 0 : reader->size - reader->at;
}

void bytes_refuse(struct bytes_reader *reader, const char *why)
{
	fail(reader, reader->at, why);
}

const void *bytes_get(struct bytes_reader *reader, size_t size)
{
	const unsigned char *start;

	if (reader->failed)
		return NULL;
	if (size > reader->size - reader->at) {
		fail(reader, reader->at, "ends too early");
		return NULL;
	}
	start = reader->data + reader->at;
	reader->at += size;
	return start;
}

static uint64_t get_little_endian(struct bytes_reader *reader, size_t size)
{
	const unsigned char *bytes = bytes_get(reader, size);
	uint64_t value = 0;

	if (!bytes)
		return 0;
	for (size_t i = 0; i < size; i++)
		value |= (uint64_t)bytes[i] << (8 * i);
	return value;
}

uint8_t bytes_get_u8(struct bytes_reader *reader)
{
	return (uint8_t)get_little_endian(reader, 1);
}

uint16_t bytes_get_u16(struct bytes_reader *reader)
{
	return (uint16_t)get_little_endian(reader, 2);
}

uint32_t bytes_get_u32(struct bytes_reader *reader)
{
	return (uint32_t)get_little_endian(reader, 4);
}

uint64_t bytes_get_u64(struct bytes_reader *reader)
{
	return get_little_endian(reader, 8);
}

int32_t bytes_get_i32(struct bytes_reader *reader)
{
	return (int32_t)bytes_get_u32(reader);
}

int64_t bytes_get_i64(struct bytes_reader *reader)
{
	return (int64_t)bytes_get_u64(reader);
}

double bytes_get_f64(struct bytes_reader *reader)
{
	uint64_t bits = bytes_get_u64(reader);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

const void *bytes_get_blob(struct bytes_reader *reader, size_t max, size_t *ret_size)
{
	size_t start = reader->at;
	size_t size = bytes_get_u32(reader);
	const void *data;

	*ret_size = 0;
	if (!reader->failed && size > max)
		fail(reader, start, "too many bytes");
	data = bytes_get(reader, size);
	if (!data)
		return "";
	*ret_size = size;
	return data;
}

const char *bytes_get_text(struct bytes_reader *reader, size_t max)
{
	size_t start = reader->at;
	size_t size = bytes_get_u16(reader);
	const char *text;

	if (!reader->failed && size > max)
		fail(reader, start, "text too long");
	text = bytes_get(reader, size + 1);
	if (!text)
		return "";
	if (text[size] != '\0' || !utf8_valid(text, size)) {
		fail(reader, start, "malformed text");
		return "";
	}
	return text;
}

size_t bytes_get_count(struct bytes_reader *reader, size_t max, size_t item_min)
{
	size_t start = reader->at;
	size_t count = bytes_get_u32(reader);

	if (reader->failed)
		return 0;
	if (count > max || count > (reader->size - reader->at) / item_min) {
		fail(reader, start, "count too great");
		return 0;
	}
	return count;
}

bool bytes_finish(struct bytes_reader *reader)
{
	if (!reader->failed && reader->at != reader->size)
		fail(reader, reader->at, "bytes left over");
	return !reader->failed;
}
