/* SPDX-License-Identifier: MIT
 *
 * hostile_zip.c - writes packages that a library would refuse to write. Test programs only.
 */
#include "hostile_zip.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <zlib.h>

#define MIB		(1u << 20)
#define METHOD_DEFLATED 8u

static void put(FILE *file, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		(void)fputc((int)(value >> (8 * i) & 0xff), file);
}

void hostile_zip_begin(struct hostile_zip *zip, const char *path)
{
	memset(zip, 0, sizeof(*zip));
	zip->file = fopen(path, "we");
	ck_assert_ptr_nonnull(zip->file);
}

static struct hostile_entry *begin_member(struct hostile_zip *zip, const char *name)
{
	struct hostile_entry *entry = &zip->entries[zip->count++];

	ck_assert_uint_le(zip->count, sizeof(zip->entries) / sizeof(zip->entries[0]));
	entry->name = name;
	entry->offset = (uint32_t)ftell(zip->file);
	return entry;
}

static void put_local(struct hostile_zip *zip, const struct hostile_entry *entry)
{
	put(zip->file, UINT32_C(0x04034b50), 4);
	put(zip->file, 20, 2);
	put(zip->file, 0, 2);
	put(zip->file, entry->method, 2);
	put(zip->file, 0, 4);
	put(zip->file, entry->crc, 4);
	put(zip->file, entry->packed, 4);
	put(zip->file, entry->unpacked, 4);
	put(zip->file, strlen(entry->name), 2);
	put(zip->file, 0, 2);
	(void)fputs(entry->name, zip->file);
}

void hostile_zip_store(struct hostile_zip *zip, const char *name, const void *data, size_t size)
{
	struct hostile_entry *entry = begin_member(zip, name);

	entry->crc = (uint32_t)crc32(0, data, (uInt)size);
	entry->packed = entry->unpacked = (uint32_t)size;
	put_local(zip, entry);
	ck_assert_uint_eq(fwrite(data, 1, size, zip->file), size);
}

/* Ends at a byte, and knows nothing of what was before it: may be repeated. */
static size_t deflated(const char *data, size_t size, int flush, unsigned char *out, size_t room)
{
	z_stream stream = { 0 };

	ck_assert_int_eq(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY),
			 Z_OK);
	stream.next_in = (Bytef *)(uintptr_t)data;
	stream.avail_in = (uInt)size;
	stream.next_out = out;
	stream.avail_out = (uInt)room;
	ck_assert_int_ge(deflate(&stream, flush), Z_OK);
	room = stream.total_out;
	(void)deflateEnd(&stream);
	return room;
}

void hostile_zip_bomb(struct hostile_zip *zip, const char *name, const char *head, unsigned int mib,
		      uint32_t declared)
{
	struct hostile_entry *entry = begin_member(zip, name);
	static unsigned char begin[4096], block[8192], end[64];
	char *blanks = malloc(MIB);
	size_t begin_size, block_size, end_size;

	ck_assert_ptr_nonnull(blanks);
	memset(blanks, ' ', MIB);
	begin_size = deflated(head, strlen(head), Z_FULL_FLUSH, begin, sizeof(begin));
	block_size = deflated(blanks, MIB, Z_FULL_FLUSH, block, sizeof(block));
	end_size = deflated("", 0, Z_FINISH, end, sizeof(end));
	free(blanks);
	entry->method = METHOD_DEFLATED;
	entry->packed = (uint32_t)(begin_size + mib * block_size + end_size);
	entry->unpacked = declared;
	put_local(zip, entry);
	(void)fwrite(begin, 1, begin_size, zip->file);
	for (unsigned int i = 0; i < mib; i++)
		(void)fwrite(block, 1, block_size, zip->file);
	(void)fwrite(end, 1, end_size, zip->file);
}

static void put_entry(FILE *file, const struct hostile_entry *entry)
{
	put(file, UINT32_C(0x02014b50), 4);
	put(file, 20, 2);
	put(file, 20, 2);
	put(file, 0, 2);
	put(file, entry->method, 2);
	put(file, 0, 4);
	put(file, entry->crc, 4);
	put(file, entry->packed, 4);
	put(file, entry->unpacked, 4);
	put(file, strlen(entry->name), 2);
	put(file, 0, 8);
	put(file, 0, 4);
	put(file, entry->offset, 4);
	(void)fputs(entry->name, file);
}

void hostile_zip_end(struct hostile_zip *zip, unsigned int times)
{
	uint32_t begin = (uint32_t)ftell(zip->file), size;

	for (unsigned int i = 0; i < times; i++)
		for (unsigned int j = 0; j < zip->count; j++)
			put_entry(zip->file, &zip->entries[j]);
	size = (uint32_t)ftell(zip->file) - begin;
	put(zip->file, UINT32_C(0x06054b50), 4);
	put(zip->file, 0, 4);
	put(zip->file, zip->count * times, 2);
	put(zip->file, zip->count * times, 2);
	put(zip->file, size, 4);
	put(zip->file, begin, 4);
	put(zip->file, 0, 2);
	ck_assert_int_eq(fclose(zip->file), 0);
}
