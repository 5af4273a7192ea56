/* SPDX-License-Identifier: MIT
 *
 * follow_file.h - which file is which, for follow.c: the position with its coding (follow_mark.c),
 * and the directory that the log and its rotated predecessors lie in (follow_dir.c). Private to
 * follow*.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

#define FOLLOW_HASH_BYTES 8u /* of SHA-256, cut */

/* A position, decoded. inode 0: nothing was read yet. */
struct follow_mark {
	uint64_t device, inode;
	uint64_t base;	  /* bytes of all files before this one */
	uint64_t offset;  /* first byte not handed over */
	int64_t born_ns;  /* orders files by age; see follow_look */
	uint32_t covered; /* how many of the file's first bytes the hash is of; grows with a short
			     file */
	unsigned char hash[FOLLOW_HASH_BYTES];
};

struct follow_stat {
	uint64_t device, inode, size;
	int64_t born_ns; /* creation; last modification where the file system keeps no creation time
			  */
	int64_t modified_at_ms;
	bool regular;
};

/* ── follow_mark.c ─────────────────────────────────────────────────────────────────────────── */

void follow_mark_encode(const struct follow_mark *mark, unsigned char *ret_position);
/* Refuses what was not written by follow_mark_encode() of this version or the one before. */
int follow_mark_decode(const unsigned char *position, struct follow_mark *ret_mark,
		       struct fault *fault);

/* What the mark's hash says about the open file's first bytes. */
enum follow_match {
	FOLLOW_MATCH_FAILED = -1, /* errno is set */
	FOLLOW_MATCH_OTHER = 0,	  /* another file, or the same one shortened or written anew */
	FOLLOW_MATCH_SAME = 1,
};
/* Compares; when the same and the file has grown within its first FOLLOW_FINGERPRINT_BYTES, the
   mark's hash is extended. A mark that covers nothing yet matches everything. */
enum follow_match follow_mark_match(struct follow_mark *mark, int fd);
/* The mark of this file's beginning, at that place of the log. Returns 0, or -1 with errno. */
int follow_mark_begin(struct follow_mark *ret_mark, int fd, const struct follow_stat *stat,
		      uint64_t base);

/* ── follow_dir.c ──────────────────────────────────────────────────────────────────────────── */

/* statx of NAME in the directory, or of the fd itself when name is "". 0, or -1 with errno. */
int follow_look(int fd, const char *name, bool follow_link, struct follow_stat *ret_stat);
/* Opens a regular file for reading. An fd, or -1 with errno (EINVAL: no regular file). */
int follow_open(int dir_fd, const char *name, bool follow_link, struct follow_stat *ret_stat);
/* NAME is what a rotation makes of BASE: "BASE.1", "BASE-20261124", "STEM-20261124.EXT",
 * "STEM.1.EXT". */
bool follow_is_rotated(const char *base, const char *name);
/* Looks for the marked file: under its configured name, then under every name of the directory. An
   fd, or -1 with errno; ENOENT: it is gone. */
int follow_find(int dir_fd, const char *base, struct follow_mark *mark,
		struct follow_stat *ret_stat);
/* The file to read when the marked one is finished: the oldest rotated file that is younger, else
 *the configured one. ret_rotated tells which. An fd, or -1 with errno; ENOENT: there is none yet.
 */
int follow_find_next(int dir_fd, const char *base, const struct follow_mark *mark,
		     struct follow_stat *ret_stat, bool *ret_rotated);
