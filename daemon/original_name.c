/* SPDX-License-Identifier: MIT
 *
 * original_name.c - the note in front of a kept original, and reading both again. Main only.
 *
 * The note is a zstd skippable frame (RFC 8878, 3.1.2), which every reader passes over: magic
 * 0x184D2A50 and the size, little-endian, then "MTIME_MS PATH". Whoever has the originals can
 * rebuild a store with them alone. Must never: trust a note's path beyond comparing it.
 */
#include "original_name.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

#include "cleanup.h"
#include "originals.h"
#include "spool.h"
#include "write_all.h"

#define NOTE_MAGIC   0x184D2A50u
#define HEADER_BYTES 8u
#define NOTE_MAX     (SPOOL_PATH_MAX + 32u)
#define DONE	     "/done/"

static void put_u32(uint8_t *bytes, uint32_t value)
{
	for (unsigned int i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get_u32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

int original_note(int pending_fd, const char *link, int document_fd, int out_fd)
{
	char path[SPOOL_PATH_MAX];
	uint8_t note[HEADER_BYTES + NOTE_MAX];
	struct stat status;
	ssize_t size = readlinkat(pending_fd, link, path, sizeof(path) - 1);
	int used;

	if (size < 0 || fstat(document_fd, &status) < 0)
		return -1;
	path[size] = '\0';
	used = snprintf((char *)note + HEADER_BYTES, NOTE_MAX, "%" PRId64 " %s",
			(int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000,
			path);
	put_u32(note, NOTE_MAGIC);
	put_u32(note + 4, (uint32_t)used);
	return write_all(out_fd, note, HEADER_BYTES + (size_t)used);
}

/* ── reading again ─────────────────────────────────────────────────────────────────────────── */

struct unpacking {
	int fd;
	ZSTD_DCtx *context;
	size_t in_size, out_size, left;
	void *in, *out;
};

/* "MTIME_MS SPOOL/done/FILE" */
static bool parse_note(char *text, struct original_name *ret_name)
{
	char *path, *done = NULL, *file;

	ret_name->modified_ms = strtoll(text, &path, 10);
	if (*path++ != ' ')
		return false;
	file = strrchr(path, '/');
	if (file && file - path >= (ptrdiff_t)sizeof(DONE) - 2)
		done = file - (sizeof(DONE) - 2);
	if (!done || strncmp(done, DONE, sizeof(DONE) - 1) != 0 || !spool_name_ok(file + 1))
		return false;
	*done = '\0';
	(void)snprintf(ret_name->spool, sizeof(ret_name->spool), "%s", path);
	(void)snprintf(ret_name->file, sizeof(ret_name->file), "%s", file + 1);
	return true;
}

static bool read_note(int fd, struct original_name *ret_name)
{
	uint8_t header[HEADER_BYTES];
	char text[NOTE_MAX + 1];
	uint32_t size;

	if (read(fd, header, sizeof(header)) != (ssize_t)sizeof(header) ||
	    get_u32(header) != NOTE_MAGIC)
		return false;
	size = get_u32(header + 4);
	if (size > NOTE_MAX || read(fd, text, size) != (ssize_t)size)
		return false;
	text[size] = '\0';
	return parse_note(text, ret_name);
}

struct unpacking *unpacking_new(const struct originals *originals,
				const uint8_t sha256[SHA256_BYTES], struct original_name *ret_name,
				struct fault *fault)
{
	struct unpacking *unpacking = calloc(1, sizeof(*unpacking));

	if (!unpacking) {
		(void)fault_set(fault, FAULT_MEMORY, "out of memory");
		return NULL;
	}
	unpacking->fd = -1;
	if (originals_open(originals, sha256, &unpacking->fd, fault) < 0)
		return unpacking_free(unpacking);
	if (!read_note(unpacking->fd, ret_name)) {
		(void)fault_set(fault, FAULT_SYSTEM, "it does not tell where it was");
		return unpacking_free(unpacking);
	}
	unpacking->context = ZSTD_createDCtx();
	unpacking->in_size = ZSTD_DStreamInSize();
	unpacking->out_size = ZSTD_DStreamOutSize();
	unpacking->in = malloc(unpacking->in_size);
	unpacking->out = malloc(unpacking->out_size);
	unpacking->left = 1;
	if (unpacking->context && unpacking->in && unpacking->out)
		return unpacking;
	(void)fault_set(fault, FAULT_MEMORY, "out of memory");
	return unpacking_free(unpacking);
}

struct unpacking *unpacking_free(struct unpacking *unpacking)
{
	if (!unpacking)
		return NULL;
	close_fd(&unpacking->fd);
	(void)ZSTD_freeDCtx(unpacking->context);
	free(unpacking->in);
	free(unpacking->out);
	free(unpacking);
	return NULL;
}

int unpacking_piece(struct unpacking *unpacking, int out_fd, struct fault *fault)
{
	ssize_t got = read(unpacking->fd, unpacking->in, unpacking->in_size);
	ZSTD_inBuffer in = { .src = unpacking->in };

	if (got < 0)
		return fault_errno(fault, errno, "cannot read the kept original");
	if (got == 0)
		return unpacking->left == 0
			       ? 0
			       : fault_set(fault, FAULT_SYSTEM, "the kept original is cut off");
	in.size = (size_t)got;
	for (bool full = true; in.pos < in.size || full;) {
		ZSTD_outBuffer out = { .dst = unpacking->out, .size = unpacking->out_size };

		unpacking->left = ZSTD_decompressStream(unpacking->context, &out, &in);
		if (ZSTD_isError(unpacking->left))
			return fault_set(fault, FAULT_SYSTEM, "the kept original is damaged: %s",
					 ZSTD_getErrorName(unpacking->left));
		if (write_all(out_fd, out.dst, out.pos) < 0)
			return fault_errno(fault, errno, "cannot write the document");
		full = out.pos == out.size;
	}
	return 1;
}
