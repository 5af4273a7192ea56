/* SPDX-License-Identifier: MIT
 *
 * follow_mark.c - the position in a followed log: its 64 bytes, and the fingerprint that tells a
 * file from another one that was given the same inode number later.
 *
 * Worker only. Invariant: a hash is only ever extended after its old part was found true in the
 * same bytes. Must never trust a position that it did not write: it comes back from the store,
 * maybe of another version.
 *
 * Layout, little-endian: magic u16, version u8, zero u8, covered u32, device u64, inode u64, offset
 * u64, born i64, hash 8 bytes, base u64, check 8 bytes (of SHA-256 over the 56 before). Version 1
 * had a hash of 16 bytes, of which the first 8 are the same, and no base.
 */
#include "follow_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <nettle/sha2.h>

#include "follow.h"

#define MARK_MAGIC	 0x4c46u /* "FL" */
#define MARK_VERSION	 2u
#define MARK_BASELESS	 1u
#define MARK_CHECK_AT	 56u
#define MARK_CHECK_BYTES 8u

_Static_assert(MARK_CHECK_AT + MARK_CHECK_BYTES == FOLLOW_POSITION_BYTES,
	       "layout fills the position");
_Static_assert(FOLLOW_HASH_BYTES <= SHA256_DIGEST_SIZE, "the hash is cut from SHA-256");

static void hash_bytes(const void *data, size_t size, unsigned char *ret_hash, size_t hash_size)
{
	struct sha256_ctx context;

	sha256_init(&context);
	sha256_update(&context, size, data);
	sha256_digest(&context, hash_size, ret_hash);
}

static unsigned char *put(unsigned char *at, unsigned int bytes, uint64_t value)
{
	for (unsigned int i = 0; i < bytes; i++)
		at[i] = (unsigned char)(value >> (8 * i));
	return at + bytes;
}

static uint64_t get(const unsigned char *at, unsigned int bytes)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

void follow_mark_encode(const struct follow_mark *mark, unsigned char *ret_position)
{
	unsigned char *at = ret_position;

	at = put(at, 2, MARK_MAGIC);
	at = put(at, 1, MARK_VERSION);
	at = put(at, 1, 0);
	at = put(at, 4, mark->covered);
	at = put(at, 8, mark->device);
	at = put(at, 8, mark->inode);
	at = put(at, 8, mark->offset);
	at = put(at, 8, (uint64_t)mark->born_ns);
	memcpy(at, mark->hash, FOLLOW_HASH_BYTES);
	(void)put(at + FOLLOW_HASH_BYTES, 8, mark->base);
	hash_bytes(ret_position, MARK_CHECK_AT, ret_position + MARK_CHECK_AT, MARK_CHECK_BYTES);
}

int follow_mark_decode(const unsigned char *position, struct follow_mark *ret_mark,
		       struct fault *fault)
{
	unsigned char check[MARK_CHECK_BYTES];
	struct follow_mark mark = { 0 };

	hash_bytes(position, MARK_CHECK_AT, check, sizeof(check));
	if (get(position, 2) != MARK_MAGIC ||
	    memcmp(check, position + MARK_CHECK_AT, sizeof(check)) != 0)
		return fault_set(fault, FAULT_CONFIG,
				 "the stored position in the log is damaged (its check does not "
				 "fit), so that it is not "
				 "known what was read already; restore the store from a backup, or "
				 "give the source a "
				 "new name to read the log from its start");
	if (position[2] != MARK_VERSION && position[2] != MARK_BASELESS)
		return fault_set(fault, FAULT_CONFIG,
				 "the stored position in the log has format %u and this straitd "
				 "knows format %u; "
				 "install the version that wrote it, or a newer one",
				 position[2], MARK_VERSION);
	mark.covered = (uint32_t)get(position + 4, 4);
	mark.device = get(position + 8, 8);
	mark.inode = get(position + 16, 8);
	mark.offset = get(position + 24, 8);
	mark.born_ns = (int64_t)get(position + 32, 8);
	memcpy(mark.hash, position + 40, FOLLOW_HASH_BYTES);
	if (position[2] == MARK_VERSION)
		mark.base = get(position + 48, 8);
	if (mark.covered > FOLLOW_FINGERPRINT_BYTES || mark.offset > INT64_MAX ||
	    mark.base > INT64_MAX)
		return fault_set(fault, FAULT_CONFIG,
				 "the stored position in the log is impossible (fingerprint of %u "
				 "bytes, offset %llu, base %llu); "
				 "restore the store from a backup",
				 mark.covered, (unsigned long long)mark.offset,
				 (unsigned long long)mark.base);
	*ret_mark = mark;
	return 0;
}

/* The file's first bytes, as many as count for the fingerprint; -1 with errno. */
static ssize_t read_head(int fd, unsigned char head[FOLLOW_FINGERPRINT_BYTES])
{
	size_t size = 0;

	while (size < FOLLOW_FINGERPRINT_BYTES) {
		ssize_t got = pread(fd, head + size, FOLLOW_FINGERPRINT_BYTES - size, (off_t)size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		size += (size_t)got;
	}
	return (ssize_t)size;
}

enum follow_match follow_mark_match(struct follow_mark *mark, int fd)
{
	unsigned char head[FOLLOW_FINGERPRINT_BYTES], hash[FOLLOW_HASH_BYTES];
	ssize_t size = read_head(fd, head);

	if (size < 0)
		return FOLLOW_MATCH_FAILED;
	if ((size_t)size < mark->covered)
		return FOLLOW_MATCH_OTHER;
	if (mark->covered) {
		hash_bytes(head, mark->covered, hash, sizeof(hash));
		if (memcmp(hash, mark->hash, sizeof(hash)) != 0)
			return FOLLOW_MATCH_OTHER;
	}
	if ((size_t)size > mark->covered) {
		hash_bytes(head, (size_t)size, mark->hash, sizeof(mark->hash));
		mark->covered = (uint32_t)size;
	}
	return FOLLOW_MATCH_SAME;
}

int follow_mark_begin(struct follow_mark *ret_mark, int fd, const struct follow_stat *stat,
		      uint64_t base)
{
	struct follow_mark mark = {
		.device = stat->device,
		.inode = stat->inode,
		.base = base,
		.born_ns = stat->born_ns,
	};

	if (follow_mark_match(&mark, fd) == FOLLOW_MATCH_FAILED)
		return -1;
	*ret_mark = mark;
	return 0;
}
