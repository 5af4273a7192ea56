/* SPDX-License-Identifier: MIT
 *
 * store_wal.c - is the write-ahead log of a store that did not end well torn at its end, as a crash
 * leaves it, or damaged before it? SQLite takes the first frame that is not whole for the end, and
 * passes over all commits behind it without a word: their sequence numbers would be given twice.
 * Main only.
 *
 * Format: https://www.sqlite.org/fileformat2.html#walformat. A commit is on the disk before the
 * next one is written (synchronous=FULL), so behind a frame that is not whole there is at most the
 * one commit that was being written, or, a log being written over from its beginning, frames with
 * another salt. What failed commits left behind does not link up from one to the next. Must never
 * write. What cannot be told from a torn end: damage to the very newest commit.
 */
#include "store_internal.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

#define HEADER_BYTES	   32u
#define FRAME_HEADER_BYTES 24u
#define FRAME_BYTES	   (FRAME_HEADER_BYTES + STORE_PAGE_BYTES)
#define SALT_BYTES	   8u

struct sum {
	uint32_t first, second;
};

struct wal {
	int fd;
	bool big; /* its checksums are of big-endian words */
	struct sum sum;
	uint8_t salt[SALT_BYTES];
};

struct wal_frame {
	uint8_t bytes[FRAME_BYTES];
	struct sum said;
	bool is_commit, has_salt;
};

static uint32_t big_endian(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static uint32_t little_endian(const uint8_t *bytes)
{
	return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 |
	       bytes[0];
}

/* size is a multiple of 8. */
static struct sum add_up(bool big, struct sum sum, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i += 8) {
		sum.first += (big ? big_endian(bytes + i) : little_endian(bytes + i)) + sum.second;
		sum.second += (big ? big_endian(bytes + i + 4) : little_endian(bytes + i + 4)) +
			      sum.first;
	}
	return sum;
}

static struct sum sum_at(const uint8_t *bytes)
{
	return (struct sum){ big_endian(bytes), big_endian(bytes + 4) };
}

static bool is_same(struct sum a, struct sum b)
{
	return a.first == b.first && a.second == b.second;
}

static bool read_header(struct wal *wal, uint32_t *ret_page_bytes)
{
	uint8_t header[HEADER_BYTES];
	uint32_t magic;

	if (pread(wal->fd, header, sizeof(header), 0) != (ssize_t)sizeof(header))
		return false;
	magic = big_endian(header);
	if (magic != 0x377f0682 && magic != 0x377f0683)
		return false;
	wal->big = magic & 1;
	wal->sum = add_up(wal->big, (struct sum){ 0 }, header, HEADER_BYTES - 8);
	memcpy(wal->salt, header + 16, sizeof(wal->salt));
	*ret_page_bytes = big_endian(header + 8);
	return is_same(wal->sum, sum_at(header + HEADER_BYTES - 8));
}

static bool read_frame(const struct wal *wal, size_t index, struct wal_frame *ret_frame)
{
	off_t at = (off_t)(HEADER_BYTES + index * FRAME_BYTES);

	if (pread(wal->fd, ret_frame->bytes, FRAME_BYTES, at) != (ssize_t)FRAME_BYTES)
		return false;
	ret_frame->is_commit = big_endian(ret_frame->bytes + 4) != 0;
	ret_frame->has_salt = memcmp(ret_frame->bytes + 8, wal->salt, SALT_BYTES) == 0;
	ret_frame->said = sum_at(ret_frame->bytes + 16);
	return true;
}

static struct sum sum_of_frame(const struct wal *wal, struct sum before,
			       const struct wal_frame *frame)
{
	before = add_up(wal->big, before, frame->bytes, 8);
	return add_up(wal->big, before, frame->bytes + FRAME_HEADER_BYTES, STORE_PAGE_BYTES);
}

/* From the first frame that is not whole, whose sum should be `computed`: do two commits follow,
 * one from the other? */
static bool commits_follow(const struct wal *wal, size_t index, struct wal_frame *frame,
			   struct sum computed)
{
	unsigned int commits = frame->is_commit;
	struct sum said = frame->said;

	while (commits < 2 && read_frame(wal, ++index, frame) && frame->has_salt) {
		struct sum from_said = sum_of_frame(wal, said, frame);
		struct sum from_computed = sum_of_frame(wal, computed, frame);
		bool linked =
			is_same(from_said, frame->said) || is_same(from_computed, frame->said);

		commits = (linked ? commits : 0) + frame->is_commit;
		said = frame->said;
		computed = from_computed;
	}
	return commits >= 2;
}

bool store_wal_is_damaged(const char *path)
{
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct wal wal = { .fd = fd };
	struct wal_frame frame;
	uint32_t page_bytes;

	/* The header is on the disk before the first frame is written. */
	if (fd < 0 || !read_frame(&wal, 0, &frame))
		return false;
	if (!read_header(&wal, &page_bytes))
		return true;
	if (page_bytes != STORE_PAGE_BYTES)
		return false; /* not of our making: SQLite may judge */
	for (size_t index = 0; read_frame(&wal, index, &frame); index++) {
		wal.sum = sum_of_frame(&wal, wal.sum, &frame);
		if (!frame.has_salt || !is_same(wal.sum, frame.said))
			return commits_follow(&wal, index, &frame, wal.sum);
	}
	return false;
}
