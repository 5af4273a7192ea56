/* SPDX-License-Identifier: MIT
 *
 * disk_journal.h - what the test build of the daemon writes down about its disk
 * (tests/hooks/disk.c) and the torture campaign reads (tests/torture/cut.c): records of varying
 * size, one after the other. Both are of one build, so numbers are the machine's own.
 *
 * A record is written before what it tells of is done (SYNC: after), so a killed process has told
 * at most of one thing too much, and undoing that changes nothing.
 */
#pragma once

#include <stdint.h>

enum disk_kind {
	DISK_WRITE = 1, /* inode, offset, size; payload: what was there, up to the file's old end */
	DISK_TRUNCATE,	/* inode, offset = new size; payload: what was behind it */
	DISK_SYNC,	/* inode: its content and size, or a directory's entries, are on the disk */
	DISK_MAKE,	/* payload: path of a new file, directory or symbolic link */
	DISK_RENAME,	/* payload: old path, new path, place of what was there ("" = nothing) */
	DISK_UNLINK,	/* payload: path, place where it still is */
};

struct disk_record {
	uint32_t kind;	  /* enum disk_kind */
	uint32_t payload; /* bytes that follow; paths end with a NUL each */
	uint64_t inode, offset, size;
	uint64_t old_size; /* of the file, before WRITE and TRUNCATE */
	uint64_t parent;   /* inode of the directory; RENAME: of the old one */
	uint64_t parent2;  /* RENAME: of the new one */
};
