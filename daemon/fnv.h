/* SPDX-License-Identifier: MIT
 *
 * fnv.h - FNV-1a, 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv). For hash tables and for ordering
 * what is equal in everything else; never where somebody may choose the input to do harm.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FNV_START UINT64_C(0xcbf29ce484222325)

/* The hash of what was hashed so far (at first FNV_START) and these bytes. */
static inline uint64_t fnv_add(uint64_t hash, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}
