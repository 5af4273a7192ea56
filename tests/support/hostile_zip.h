/* SPDX-License-Identifier: MIT
 *
 * hostile_zip.h - zip packages as an attacker writes them, byte by byte: sizes and checksums are
 * whatever is said. See APPNOTE.TXT 6.3. For tests; needs zlib.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct hostile_zip {
	FILE *file;
	struct hostile_entry {
		const char *name;
		uint32_t crc, packed, unpacked, offset;
		uint16_t method;
	} entries[8];
	unsigned int count;
};

void hostile_zip_begin(struct hostile_zip *zip, const char *path);
/* A stored member that tells the truth. */
void hostile_zip_store(struct hostile_zip *zip, const char *name, const void *data, size_t size);
/* A deflated member: head, then so many MiB of blanks, of which it declares `declared` bytes. */
void hostile_zip_bomb(struct hostile_zip *zip, const char *name, const char *head, unsigned int mib,
		      uint32_t declared);
/* The directory, in which each member stands so many times: they all overlap. */
void hostile_zip_end(struct hostile_zip *zip, unsigned int times);
