/* SPDX-License-Identifier: MIT
 *
 * spread.c - distributions as bytes: see the header. Pure; both processes. Invariant: what
 * spread_put() wrote, spread_next() reads back; what it did not write is refused or read within
 * bounds. Must never allocate.
 */
#include "spread.h"

#include <assert.h>
#include <string.h>

#define BYTE_BITS 7u
#define MORE	  0x80u

uint32_t spread_bucket(double value)
{
	uint64_t bits;

	if (!(value > 0))
		return 0;
	memcpy(&bits, &value, sizeof(bits));
	return (uint32_t)(bits >> SPREAD_SHIFT);
}

double spread_value(uint32_t bucket)
{
	uint64_t bits = (uint64_t)bucket << SPREAD_SHIFT;
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

struct spread_reader spread_reader(const void *bytes, size_t size)
{
	const uint8_t *at = bytes;

	return (struct spread_reader){ .at = at,
				       .end = size ? at + size : at,
				       .bucket = SPREAD_BUCKETS };
}

/* 0 is nothing that is ever written here. */
static uint64_t get_number(struct spread_reader *reader, size_t bytes_max)
{
	uint64_t value = 0;

	for (size_t i = 0; i < bytes_max && reader->at < reader->end; i++) {
		uint8_t byte = *reader->at++;

		value |= (uint64_t)(byte & (MORE - 1)) << (BYTE_BITS * i);
		if (!(byte & MORE))
			return value;
	}
	reader->broken = true;
	return 0;
}

bool spread_next(struct spread_reader *reader, uint32_t *ret_bucket, uint64_t *ret_count)
{
	bool first = reader->bucket == SPREAD_BUCKETS;
	uint64_t bucket, count;

	if (reader->at == reader->end || reader->broken)
		return false;
	bucket = get_number(reader, SPREAD_NAME_BYTES);
	count = get_number(reader, SPREAD_COUNT_BYTES);
	if (!first && bucket == 0)
		reader->broken = true;
	bucket += first ? 0 : reader->bucket;
	if (count == 0 || count > SPREAD_COUNT_MAX || bucket >= SPREAD_BUCKETS)
		reader->broken = true;
	if (reader->broken)
		return false;
	*ret_bucket = reader->bucket = (uint32_t)bucket;
	*ret_count = count;
	return true;
}

bool spread_valid(const void *bytes, size_t size, uint64_t *ret_total)
{
	struct spread_reader reader = spread_reader(bytes, size);
	uint64_t total = 0, count;
	uint32_t bucket;

	while (spread_next(&reader, &bucket, &count)) {
		total += count;
		if (total > SPREAD_COUNT_MAX)
			return false;
	}
	*ret_total = total;
	return !reader.broken;
}

struct spread_writer spread_writer(void *buffer, size_t size)
{
	return (struct spread_writer){ .at = buffer,
				       .end = (uint8_t *)buffer + size,
				       .bucket = SPREAD_BUCKETS };
}

static void put_number(struct spread_writer *writer, uint64_t value)
{
	for (; value >= MORE; value >>= BYTE_BITS)
		*writer->at++ = (uint8_t)(value | MORE);
	*writer->at++ = (uint8_t)value;
}

void spread_put(struct spread_writer *writer, uint32_t bucket, uint64_t count)
{
	assert((size_t)(writer->end - writer->at) >= SPREAD_NAME_BYTES + SPREAD_COUNT_BYTES);
	assert(bucket < SPREAD_BUCKETS && count > 0 && count <= SPREAD_COUNT_MAX);
	assert(writer->bucket == SPREAD_BUCKETS || bucket > writer->bucket);
	put_number(writer, writer->bucket == SPREAD_BUCKETS ? bucket : bucket - writer->bucket);
	put_number(writer, count);
	writer->bucket = bucket;
}

size_t spread_room(size_t left_size, size_t right_size)
{
	/* A bucket has two bytes at least; merged, one more in its count and two in its difference.
	 */
	return 3 * (left_size + right_size) + SPREAD_NAME_BYTES + SPREAD_COUNT_BYTES;
}

size_t spread_merge(const void *left, size_t left_size, const void *right, size_t right_size,
		    int sign, void *buffer, size_t size)
{
	struct spread_reader a = spread_reader(left, left_size),
			     b = spread_reader(right, right_size);
	struct spread_writer out = spread_writer(buffer, size);
	uint32_t bucket_a = 0, bucket_b = 0;
	uint64_t count_a = 0, count_b = 0;
	bool has_a = spread_next(&a, &bucket_a, &count_a),
	     has_b = spread_next(&b, &bucket_b, &count_b);

	while (has_a || has_b) {
		bool take_a = has_a && (!has_b || bucket_a <= bucket_b);
		bool take_b = has_b && (!has_a || bucket_b <= bucket_a);
		uint32_t bucket = take_a ? bucket_a : bucket_b;
		uint64_t count = take_a ? count_a : 0;

		if (take_b && sign > 0)
			count = count + count_b > SPREAD_COUNT_MAX ? SPREAD_COUNT_MAX
								   : count + count_b;
		else if (take_b)
			count = count > count_b ? count - count_b : 0;
		if (count)
			spread_put(&out, bucket, count);
		if (take_a)
			has_a = spread_next(&a, &bucket_a, &count_a);
		if (take_b)
			has_b = spread_next(&b, &bucket_b, &count_b);
	}
	return (size_t)(out.at - (uint8_t *)buffer);
}
