/* SPDX-License-Identifier: MIT
 *
 * fuzz_original.c - what straitctl explain --show reads: locators as they come over the bus, and
 * the kept original, a zstd stream. The input is a locator, a NUL byte, then the stream; one that
 * does not begin with zstd's magic number is compressed first, so that the fuzzer gets behind it.
 */
// links: tools/original.c tools/original_cell.c
// links: plugins/home_office/ods.c plugins/home_office/table.c
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zstd.h>

#include "../../tools/original.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static int stream_of(const uint8_t *data, size_t size)
{
	const uint32_t magic = ZSTD_MAGICNUMBER; /* little-endian, as all machines of the project */
	int fd = memfd_create("fuzz original", MFD_CLOEXEC);
	size_t bound = ZSTD_compressBound(size), packed;
	char *buffer;

	demand(fd >= 0);
	if (size >= sizeof(magic) && memcmp(data, &magic, sizeof(magic)) == 0) {
		demand(write(fd, data, size) == (ssize_t)size);
	} else {
		buffer = malloc(bound);
		demand(buffer);
		packed = ZSTD_compress(buffer, bound, data, size, 1);
		demand(!ZSTD_isError(packed) && write(fd, buffer, packed) == (ssize_t)packed);
		free(buffer);
	}
	demand(lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\0', size);
	size_t locator_size = end ? (size_t)(end - data) : size;
	char *locator = strndup((const char *)data, locator_size);
	struct original_place places[2];
	struct original_want wants[3] = { { .place.offset = 0 } };
	char error[ORIGINAL_ERROR_MAX] = "";
	size_t count;
	int fd;

	demand(locator);
	count = original_places(locator, places);
	demand(count <= 2);
	for (size_t i = 0; i < count; i++) {
		demand(memchr(places[i].sheet, '\0', ORIGINAL_SHEET_MAX));
		wants[i].place = places[i];
	}
	free(locator);
	if (!end)
		return 0;
	fd = stream_of(end + 1, size - locator_size - 1);
	if (!original_read(fd, wants, count ? count : 1, error))
		demand(*error);
	for (size_t i = 0; i < 3; i++) {
		if (wants[i].text)
			demand(strlen(wants[i].text) <= ORIGINAL_BYTES_MAX);
		free(wants[i].text);
	}
	(void)close(fd);
	return 0;
}
