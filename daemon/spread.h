/* SPDX-License-Identifier: MIT
 *
 * spread.h - a distribution of event values: how many fall into which bucket, as bytes that cross
 * fd 3 and lie in the store as they are. Pure; both processes.
 *
 * A bucket holds the values that share exponent and the 7 leading bits of the fraction of an
 * IEEE 754 double: a relative width of 2^-7 = 0.78 %. It is named by those bits, which order like
 * the values, and stands for its lower bound. Whole numbers up to 256 and their halves, quarters …
 * are lower bounds, so they come back exactly. What is not above zero counts as zero.
 *
 * Bytes: for each bucket in rising order, the difference to the one before (the first: its name)
 * and the count, both LEB128 (unsigned, 7 bits a byte, lowest first). No bucket has count 0.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPREAD_SHIFT	   45	      /* bits of a double that a bucket does not look at */
#define SPREAD_BUCKETS	   (1u << 18) /* 11 bits of exponent and 7 of fraction */
#define SPREAD_NAME_BYTES  3u	      /* of a bucket's name or difference, at most */
#define SPREAD_COUNT_BYTES 9u	      /* of a count, at most */
#define SPREAD_COUNT_MAX   (UINT64_C(1) << 62)

uint32_t spread_bucket(double value);
double spread_value(uint32_t bucket);

struct spread_reader {
	const uint8_t *at, *end;
	uint32_t bucket; /* the one before; SPREAD_BUCKETS at the beginning */
	bool broken;
};

struct spread_reader spread_reader(const void *bytes, size_t size);
/* Next bucket: true. false at the end, or when the bytes are not as above (reader->broken). */
bool spread_next(struct spread_reader *reader, uint32_t *ret_bucket, uint64_t *ret_count);
/* Whether all of it is as above; *ret_total is how many values it holds. */
bool spread_valid(const void *bytes, size_t size, uint64_t *ret_total);

struct spread_writer {
	uint8_t *at, *end;
	uint32_t bucket; /* as above */
};

struct spread_writer spread_writer(void *buffer, size_t size);
/* Buckets in rising order. Room for SPREAD_NAME_BYTES + SPREAD_COUNT_BYTES must be left. */
void spread_put(struct spread_writer *writer, uint32_t bucket, uint64_t count);
/* left + sign × right, into a buffer with room for spread_room(both sizes). Returns its size; what
   is taken away must have been added before: a bucket never falls below zero. */
size_t spread_merge(const void *left, size_t left_size, const void *right, size_t right_size,
		    int sign, void *buffer, size_t size);
size_t spread_room(size_t left_size, size_t right_size);
