/* SPDX-License-Identifier: MIT
 *
 * file_identity.h - which file it is, and whether it still is what it was. Worker and main see the
 * same, whatever the name leads to meanwhile.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct stat;

struct file_identity {
	uint64_t device, inode, size;
	uint64_t modified_ns; /* since 1970, modulo 2^64: only to be compared */
};

struct file_identity file_identity_of(const struct stat *status);
/* The same file, whatever was written into it. */
bool file_identity_same_file(const struct file_identity *a, const struct file_identity *b);
/* Also of the same content, as far as size and modification time tell. */
bool file_identity_same(const struct file_identity *a, const struct file_identity *b);
