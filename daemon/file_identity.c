/* SPDX-License-Identifier: MIT
 *
 * file_identity.c - comparing files by what the kernel says of them. Both roles.
 *
 * Invariant: renaming a file changes nothing of it. Must never ask by name: what the caller hands
 * over is what was opened.
 */
#include "file_identity.h"

#include <sys/stat.h>

struct file_identity file_identity_of(const struct stat *status)
{
	return (struct file_identity){
		.device = status->st_dev,
		.inode = status->st_ino,
		.size = (uint64_t)status->st_size,
		.modified_ns = (uint64_t)status->st_mtim.tv_sec * UINT64_C(1000000000) +
			       (uint64_t)status->st_mtim.tv_nsec,
	};
}

bool file_identity_same_file(const struct file_identity *a, const struct file_identity *b)
{
	return a->device == b->device && a->inode == b->inode;
}

bool file_identity_same(const struct file_identity *a, const struct file_identity *b)
{
	return file_identity_same_file(a, b) && a->size == b->size &&
	       a->modified_ns == b->modified_ns;
}
