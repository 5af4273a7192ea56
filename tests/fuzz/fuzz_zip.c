/* SPDX-License-Identifier: MIT
 *
 * fuzz_zip.c - zip packages that lie: the spreadsheet reader on a package whose members' names,
 * methods, sizes, checksums, places and flags come from the input. Beside fuzz_ods.c, where a
 * mutated package mostly fails at its checksum.
 *
 * The input is a list of members, each 8 bytes of how it lies and then its content; the last is
 * what is left. Nothing may be read past a limit of ods.h, and a refusal says why.
 */
// links: plugins/home_office/ods.c plugins/home_office/table.c
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "home_office/ods.h"

#define MEMBERS_MAX 8u
#define HEAD_BYTES  8u
#define LOCAL_BYTES 30u

/* APPNOTE.TXT 6.3, sections 4.3.7, 4.3.12, 4.3.16 */
#define LOCAL_MAGIC UINT32_C(0x04034b50)
#define ENTRY_MAGIC UINT32_C(0x02014b50)
#define END_MAGIC   UINT32_C(0x06054b50)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {
	"content.xml",		 "mimetype",	   "meta.xml", "content.xml",
	"META-INF/manifest.xml", "../content.xml", "",	       "content.XML"
};

struct member {
	const char *name;
	uint8_t lies[HEAD_BYTES];
	uint32_t crc, packed, unpacked, offset;
	uint16_t method;
};

struct package {
	uint8_t *bytes;
	size_t used;
};

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static void put(struct package *package, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		package->bytes[package->used++] = (uint8_t)(value >> (8 * i));
}

static void put_bytes(struct package *package, const void *bytes, size_t size)
{
	if (size)
		memcpy(package->bytes + package->used, bytes, size);
	package->used += size;
}

static uint32_t lie(uint32_t truth, uint8_t how)
{
	static const uint32_t others[] = { 0, 1, UINT32_MAX, UINT32_MAX - 1, 1u << 26, 1u << 31 };

	if (how < 0xe0)
		return truth;
	return how < 0xf0 ? others[how % 6] : truth + how - 0xf8;
}

static void deflated(struct package *package, const uint8_t *data, size_t size)
{
	z_stream stream = { 0 };

	demand(deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	stream.next_in = (Bytef *)(uintptr_t)data;
	stream.avail_in = (uInt)size;
	stream.next_out = package->bytes + package->used;
	stream.avail_out = (uInt)(size * 2 + 64);
	demand(deflate(&stream, Z_FINISH) == Z_STREAM_END);
	package->used += stream.total_out;
	(void)deflateEnd(&stream);
}

static void put_local(struct package *package, struct member *member, const uint8_t *data,
		      size_t size)
{
	size_t header = package->used, from;

	member->offset = (uint32_t)header;
	member->method = member->lies[1] & 1 ? 8 : 0;
	member->crc = (uint32_t)crc32(0, data, (uInt)size);
	member->unpacked = (uint32_t)size;
	package->used += LOCAL_BYTES;
	put_bytes(package, member->name, strlen(member->name));
	from = package->used;
	if (member->method)
		deflated(package, data, size);
	else
		put_bytes(package, data, size);
	member->packed = (uint32_t)(package->used - from);
	from = package->used;
	package->used = header;
	put(package, LOCAL_MAGIC, 4);
	put(package, 20, 2);
	put(package, member->lies[1] & 0x80 ? member->lies[2] : 0, 2);
	put(package, member->method, 2);
	put(package, 0, 4);
	put(package, lie(member->crc, member->lies[3]), 4);
	put(package, lie(member->packed, member->lies[4]), 4);
	put(package, lie(member->unpacked, member->lies[5]), 4);
	put(package, strlen(member->name), 2);
	put(package, 0, 2);
	package->used = from;
}

static void put_entry(struct package *package, const struct member *member)
{
	put(package, ENTRY_MAGIC, 4);
	put(package, 20, 2);
	put(package, 20, 2);
	put(package, member->lies[1] & 0x40 ? member->lies[2] : 0, 2);
	put(package, member->lies[1] & 0x20 ? member->lies[2] : member->method, 2);
	put(package, 0, 4);
	put(package, lie(member->crc, member->lies[3]), 4);
	put(package, lie(member->packed, member->lies[4]), 4);
	put(package, lie(member->unpacked, member->lies[6]), 4);
	put(package, strlen(member->name), 2);
	put(package, 0, 8);
	put(package, 0, 4);
	put(package, member->lies[1] & 0x10 ? 0 : lie(member->offset, member->lies[7]), 4);
	put_bytes(package, member->name, strlen(member->name));
}

static size_t split(const uint8_t *data, size_t size, struct package *package,
		    struct member members[MEMBERS_MAX])
{
	size_t count = 0;

	while (count < MEMBERS_MAX && size >= HEAD_BYTES) {
		struct member *member = &members[count++];
		size_t length;

		memcpy(member->lies, data, HEAD_BYTES);
		data += HEAD_BYTES;
		size -= HEAD_BYTES;
		member->name = names[member->lies[0] % 8];
		length = member->lies[0] & 0x80 ? size / 2 : size;
		put_local(package, member, data, length);
		data += length;
		size -= length;
	}
	return count;
}

static int on_sheet(void *context, const char *name)
{
	(void)context;
	demand(name);
	return 0;
}

static int on_row(void *context, const struct table_row *row)
{
	uint32_t *rows = context;

	demand(++*rows <= ODS_ROWS_MAX && row->count > 0 && row->count <= TABLE_COLUMNS_MAX);
	return 0;
}

static void read_package(const uint8_t *data, size_t size)
{
	char error[ODS_ERROR_MAX] = "";
	uint32_t rows = 0;
	const struct ods_handler handler = { .sheet = on_sheet, .row = on_row, .context = &rows };
	struct ods *ods = ods_open(data, size, error);
	int64_t saved_ms;

	if (!ods) {
		demand(*error);
		return;
	}
	(void)ods_saved_ms(ods, &saved_ms);
	if (ods_read(ods, &handler, error) != 0)
		demand(*error);
	ods_close(ods);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct member members[MEMBERS_MAX];
	struct package package = { .bytes = calloc(2 * size + 4096, 1) };
	size_t count, start;
	uint8_t *exact;

	demand(package.bytes);
	count = split(data, size, &package, members);
	start = package.used;
	for (size_t i = 0; i < count; i++)
		put_entry(&package, &members[i]);
	put(&package, END_MAGIC, 4);
	put(&package, 0, 4);
	put(&package, count, 2);
	put(&package, count, 2);
	put(&package, package.used - 12 - start, 4);
	put(&package, start, 4);
	put(&package, 0, 2);
	exact = malloc(package.used);
	demand(exact);
	memcpy(exact, package.bytes, package.used);
	free(package.bytes);
	read_package(exact, package.used);
	free(exact);
	return 0;
}
