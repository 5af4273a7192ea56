/* SPDX-License-Identifier: MIT
 *
 * store_record_page.c - how versions of records are written in a page. Main only; pure.
 *
 * A page is entries in order of key: the first key whole, then differences, each with the length of
 * its body. Numbers are LEB128; signed ones zigzag. A body does not depend on its place, so that a
 * merge copies it as it is. Invariant: what is decoded lies wholly within the page, whatever the
 * bytes are.
 */
#include "store_record.h"

#include <math.h>
#include <string.h>

#define EPOCH_MS  UINT64_C(1577836800000) /* 2020-01-01: most times are near it */
#define DAY_MS	  INT64_C(86400000)
#define WHOLE_MAX 9007199254740992.0 /* 2^53: whole numbers below it are kept as such */

#define PART_STATUS	  0x0fu
#define PART_DISTRIBUTION 0x10u
#define PART_WHOLE	  0x20u

bool record_is_after(const struct record_head *a, const struct record_head *b)
{
	if (a->known_at != b->known_at)
		return a->known_at > b->known_at;
	if (a->rank != b->rank)
		return a->rank > b->rank;
	if (a->at != b->at)
		return a->at > b->at;
	return a->digest > b->digest;
}

bool record_is_same(const struct record_head *a, const struct record_head *b)
{
	return a->known_at == b->known_at && a->rank == b->rank && a->digest == b->digest;
}

static unsigned char *put_number(unsigned char *out, uint64_t number)
{
	while (number >= 0x80) {
		*out++ = (unsigned char)(number | 0x80);
		number >>= 7;
	}
	*out++ = (unsigned char)number;
	return out;
}

static uint64_t zigzag(int64_t number)
{
	return (uint64_t)number << 1 ^ (uint64_t)(number >> 63);
}

static int64_t unzigzag(uint64_t number)
{
	return (int64_t)(number >> 1) ^ -(int64_t)(number & 1);
}

/* NULL: the bytes end first. */
static const unsigned char *get_number(const unsigned char *in, const unsigned char *end,
				       uint64_t *ret_number)
{
	uint64_t number = 0;

	for (unsigned int shift = 0; in && in < end && shift < 64; shift += 7) {
		unsigned char byte = *in++;

		number |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*ret_number = number;
			return in;
		}
	}
	*ret_number = 0;
	return NULL;
}

static const unsigned char *get_signed(const unsigned char *in, const unsigned char *end,
				       int64_t *ret_number)
{
	uint64_t number;

	in = get_number(in, end, &number);
	*ret_number = unzigzag(number);
	return in;
}

static const unsigned char *get_bytes(const unsigned char *in, const unsigned char *end,
				      void *ret_bytes, size_t size)
{
	if (!in || (size_t)(end - in) < size)
		return NULL;
	memcpy(ret_bytes, in, size);
	return in + size;
}

/* Day of the instant, rounded down. */
static int64_t day_of(int64_t ms)
{
	return ms / DAY_MS - (ms % DAY_MS < 0);
}

static unsigned char *put_part(unsigned char *out, const struct store_part *part, int64_t day)
{
	bool whole = part->value > -WHOLE_MAX && part->value < WHOLE_MAX &&
		     part->value == trunc(part->value) &&
		     !(part->value == 0 && signbit(part->value));

	*out++ = (unsigned char)((part->status & PART_STATUS) |
				 (part->distribution ? PART_DISTRIBUTION : 0) |
				 (whole ? PART_WHOLE : 0));
	out = put_number(out, zigzag(part->series));
	out = put_number(out, zigzag(part->metric));
	out = put_number(out, zigzag(part->day - day));
	if (whole)
		return put_number(out, zigzag((int64_t)part->value));
	memcpy(out, &part->value, sizeof(part->value));
	return out + sizeof(part->value);
}

static const unsigned char *get_part(const unsigned char *in, const unsigned char *end, int64_t day,
				     struct store_part *part)
{
	unsigned char flags = 0;
	int64_t offset, whole;

	*part = (struct store_part){ 0 };
	in = get_bytes(in, end, &flags, 1);
	in = get_signed(in, end, &part->series);
	in = get_signed(in, end, &part->metric);
	in = get_signed(in, end, &offset);
	part->day = (int32_t)((uint64_t)day + (uint64_t)offset);
	part->status = flags & PART_STATUS;
	part->distribution = flags & PART_DISTRIBUTION;
	if (!(flags & PART_WHOLE))
		return get_bytes(in, end, &part->value, sizeof(part->value));
	in = get_signed(in, end, &whole);
	part->value = (double)whole;
	return in;
}

size_t record_encode(const struct record_version *version, unsigned char *body)
{
	unsigned char *out = body;

	out = put_number(out, zigzag((int64_t)((uint64_t)version->head.known_at - EPOCH_MS)));
	out = put_number(out, zigzag(version->head.rank));
	memcpy(out, &version->head.digest, sizeof(version->head.digest));
	out = put_number(out + sizeof(version->head.digest), (uint64_t)version->head.at);
	out = put_number(out, zigzag(version->head.release));
	out = put_number(out, version->part_count << 1 | (version->head.replaces != 0));
	if (version->head.replaces) {
		memcpy(out, &version->head.replaces, sizeof(version->head.replaces));
		out += sizeof(version->head.replaces);
	}
	for (size_t i = 0; i < version->part_count; i++)
		out = put_part(out, &version->parts[i], day_of(version->head.known_at));
	return (size_t)(out - body);
}

/* Returns where the parts begin; NULL: damaged. */
static const unsigned char *get_head(const unsigned char *in, const unsigned char *end,
				     struct record_head *head, size_t *ret_parts)
{
	uint64_t at, parts;

	in = get_signed(in, end, &head->known_at);
	head->known_at = (int64_t)((uint64_t)head->known_at + EPOCH_MS);
	in = get_signed(in, end, &head->rank);
	in = get_bytes(in, end, &head->digest, sizeof(head->digest));
	in = get_number(in, end, &at);
	head->at = (int64_t)at;
	in = get_signed(in, end, &head->release);
	in = get_number(in, end, &parts);
	head->replaces = 0;
	if (parts & 1)
		in = get_bytes(in, end, &head->replaces, sizeof(head->replaces));
	*ret_parts = parts >> 1;
	return *ret_parts > BATCH_VERSION_PARTS_MAX ? NULL : in;
}

bool record_decode_head(const unsigned char *body, size_t size, struct record_head *ret_head)
{
	size_t parts;

	return get_head(body, body + size, ret_head, &parts) != NULL;
}

bool record_decode(const unsigned char *body, size_t size, struct record_version *ret_version)
{
	const unsigned char *in = body, *end = body + size;

	in = get_head(in, end, &ret_version->head, &ret_version->part_count);
	if (!in)
		return false;
	for (size_t i = 0; i < ret_version->part_count; i++)
		in = get_part(in, end, day_of(ret_version->head.known_at), &ret_version->parts[i]);
	return in == end;
}

bool record_next(struct record_cursor *cursor)
{
	uint64_t step, size;
	const unsigned char *in;

	if (cursor->at == cursor->end)
		return false;
	in = get_number(cursor->at, cursor->end, &step);
	in = get_number(in, cursor->end, &size);
	if (!in || size > (size_t)(cursor->end - in)) {
		cursor->damaged = true;
		return false;
	}
	cursor->key = cursor->begun ? (int64_t)((uint64_t)cursor->key + step) : unzigzag(step);
	cursor->begun = true;
	cursor->body = in;
	cursor->size = size;
	cursor->at = in + size;
	return true;
}

size_t record_append(unsigned char *page, size_t used, const int64_t *previous, int64_t key,
		     const unsigned char *body, size_t size)
{
	unsigned char *out = page + used;

	out = put_number(out, previous ? (uint64_t)key - (uint64_t)*previous : zigzag(key));
	out = put_number(out, size);
	memcpy(out, body, size);
	return (size_t)(out + size - page);
}
