/* SPDX-License-Identifier: MIT
 *
 * original.c - places of a document found in its compressed stream.
 *
 * Process: straitctl. Invariant: memory does not grow with a document that is read by lines. What
 * is in the stream is hostile: every length is bounded.
 */
#include "original.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zstd.h>

/* ── locators ──────────────────────────────────────────────────────────────────────────────── */

static bool read_number(const char **text, uint64_t *ret_number)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*ret_number = strtoull(*text, &end, 10);
	*text = end;
	return errno == 0;
}

/* "byte 12", "byte 12, 1 record", "bytes 12-345, 9 records"; *ret_events for those of events. */
static size_t read_bytes(const char *text, struct original_place places[2], bool *ret_events)
{
	uint64_t first, last = 0, count;
	bool range = strncmp(text, "bytes ", 6) == 0;

	*ret_events = false;
	if (!range && strncmp(text, "byte ", 5) != 0)
		return 0;
	text += range ? 6 : 5;
	if (!read_number(&text, &first) ||
	    (range && (*text++ != '-' || !read_number(&text, &last))))
		return 0;
	if (*text == ',') {
		text += 2;
		if (text[-1] != ' ' || !read_number(&text, &count))
			return 0;
		*ret_events = strncmp(text, " event", 6) == 0;
	} else if (*text) {
		return 0;
	}
	places[0] = (struct original_place){ .offset = first };
	places[1] = (struct original_place){ .offset = last };
	return range ? 2 : 1;
}

/* "SB_01!B978", size bytes of it; the sheet's name may have anything in it. */
static bool read_cell(const char *text, size_t size, struct original_place *place)
{
	uint64_t row = 0, column = 0;
	size_t at = size;

	while (at > 0 && text[at - 1] >= '0' && text[at - 1] <= '9')
		at--;
	if (at == size || size - at > 10)
		return false;
	for (size_t i = at; i < size; i++)
		row = row * 10 + (uint64_t)(text[i] - '0');
	for (size = at; at > 0 && text[at - 1] >= 'A' && text[at - 1] <= 'Z'; at--)
		;
	if (at == size || size - at > 4 || row == 0 || row > UINT32_MAX)
		return false;
	for (size_t i = at; i < size; i++)
		column = column * 26 + (uint64_t)(text[i] - 'A' + 1);
	if (at > 0 && (text[at - 1] != '!' || at > ORIGINAL_SHEET_MAX))
		return false;
	*place = (struct original_place){ .is_cell = true,
					  .row = (uint32_t)(row - 1),
					  .column = (uint32_t)(column - 1) };
	if (at > 0)
		memcpy(place->sheet, text, at - 1);
	return true;
}

/* Length of "A - B" or "A" in "A - B, 4 records". */
static size_t without_count(const char *text)
{
	const char *comma = strrchr(text, ',');
	size_t digits;

	if (comma == NULL || comma[1] != ' ')
		return strlen(text);
	digits = strspn(comma + 2, "0123456789");
	return digits && strncmp(comma + 2 + digits, " record", 7) == 0 ? (size_t)(comma - text)
									: strlen(text);
}

size_t original_places(const char *locator, struct original_place ret_places[2])
{
	size_t size = without_count(locator), count;
	bool events;

	count = read_bytes(locator, ret_places, &events);
	if (count > 0)
		return events ? 0 : count;
	for (size_t i = 1; i + 3 < size; i++)
		if (strncmp(locator + i, " - ", 3) == 0 && read_cell(locator, i, &ret_places[0]) &&
		    read_cell(locator + i + 3, size - i - 3, &ret_places[1]))
			return 2;
	return read_cell(locator, size, &ret_places[0]) ? 1 : 0;
}

/* ── the stream ────────────────────────────────────────────────────────────────────────────── */

struct stream {
	int fd;
	ZSTD_DCtx *context;
	ZSTD_inBuffer in;
	char *in_bytes, *out_bytes;
	size_t in_size, out_size;
	size_t left; /* what zstd says: 0 = at the end of a frame */
	char *error;
};

static bool fail(struct stream *stream, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static bool fail(struct stream *stream, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(stream->error, ORIGINAL_ERROR_MAX, format, arguments);
	va_end(arguments);
	return false;
}

static bool stream_open(struct stream *stream, int fd, char *error)
{
	*stream = (struct stream){ .fd = fd,
				   .context = ZSTD_createDCtx(),
				   .in_size = ZSTD_DStreamInSize(),
				   .out_size = ZSTD_DStreamOutSize(),
				   .error = error };
	stream->in_bytes = malloc(stream->in_size);
	stream->out_bytes = malloc(stream->out_size);
	if (stream->context && stream->in_bytes && stream->out_bytes)
		return true;
	return fail(stream, "out of memory");
}

static void stream_close(struct stream *stream)
{
	(void)ZSTD_freeDCtx(stream->context);
	free(stream->in_bytes);
	free(stream->out_bytes);
}

/* The next piece in out_bytes; *ret_size 0 at the end. */
static bool stream_next(struct stream *stream, size_t *ret_size)
{
	for (;;) {
		ZSTD_outBuffer out = { .dst = stream->out_bytes, .size = stream->out_size };
		ssize_t got;

		if (stream->in.pos < stream->in.size || stream->left) {
			size_t left = ZSTD_decompressStream(stream->context, &out, &stream->in);

			if (ZSTD_isError(left))
				return fail(stream, "the kept original is damaged: %s",
					    ZSTD_getErrorName(left));
			stream->left = left;
			if (out.pos) {
				*ret_size = out.pos;
				return true;
			}
		}
		if (stream->in.pos < stream->in.size)
			continue;
		got = read(stream->fd, stream->in_bytes, stream->in_size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(stream, "cannot read the kept original: %s", strerror(errno));
		if (got == 0 && stream->left)
			return fail(stream, "the kept original is cut short");
		if (got == 0) {
			*ret_size = 0;
			return true;
		}
		stream->in = (ZSTD_inBuffer){ .src = stream->in_bytes, .size = (size_t)got };
	}
}

/* ── lines ─────────────────────────────────────────────────────────────────────────────────── */

static int by_offset(const void *a, const void *b)
{
	const struct original_want *left = a, *right = b;

	if (left->place.is_cell != right->place.is_cell)
		return left->place.is_cell ? 1 : -1;
	return (left->place.offset > right->place.offset) -
	       (left->place.offset < right->place.offset);
}

/* What this piece, which begins at `position`, has of the line; true while more may come. */
static bool take_piece(struct original_want *want, uint64_t position, const char *bytes,
		       size_t size)
{
	size_t used = want->text ? strlen(want->text) : 0, from, room;
	const char *end;

	if (want->place.offset + used < position)
		return false; /* it ended in an earlier piece */
	from = (size_t)(want->place.offset + used - position);
	if (!want->text)
		want->text = calloc(1, ORIGINAL_TEXT_MAX + 1);
	if (!want->text || used == ORIGINAL_TEXT_MAX)
		return false;
	room = size - from < ORIGINAL_TEXT_MAX - used ? size - from : ORIGINAL_TEXT_MAX - used;
	end = memchr(bytes + from, '\n', room);
	room = end ? (size_t)(end - (bytes + from)) : room;
	for (size_t i = 0; i < room; i++) /* a NUL would end the text */
		want->text[used + i] = bytes[from + i] ? bytes[from + i] : '?';
	return !end;
}

/* wants are sorted by offset. */
static bool read_lines(struct stream *stream, struct original_want *wants, size_t count)
{
	size_t first = 0, size;
	uint64_t position = 0;

	while (first < count) {
		if (!stream_next(stream, &size))
			return false;
		if (size == 0)
			break;
		for (size_t i = first; i < count && wants[i].place.offset < position + size; i++) {
			bool more = take_piece(&wants[i], position, stream->out_bytes, size);

			if (!more && i == first)
				first++;
		}
		position += size;
	}
	return true;
}

/* ── spreadsheets ──────────────────────────────────────────────────────────────────────────── */

static bool read_whole(struct stream *stream, char **ret_data, size_t *ret_size)
{
	char *data = NULL;
	size_t used = 0, size;

	for (;;) {
		char *grown;

		if (!stream_next(stream, &size)) {
			free(data);
			return false;
		}
		if (size == 0)
			break;
		grown = used + size <= ORIGINAL_BYTES_MAX ? realloc(data, used + size) : NULL;
		if (!grown) {
			free(data);
			return fail(stream, "the spreadsheet is larger than %u MiB",
				    ORIGINAL_BYTES_MAX >> 20);
		}
		data = grown;
		memcpy(data + used, stream->out_bytes, size);
		used += size;
	}
	*ret_data = data;
	*ret_size = used;
	return true;
}

bool original_read(int fd, struct original_want *wants, size_t count,
		   char error[ORIGINAL_ERROR_MAX])
{
	struct stream stream;
	size_t size = 0, cells = 0;
	char *data = NULL;
	bool good = stream_open(&stream, fd, error);

	if (count)
		qsort(wants, count, sizeof(*wants), by_offset);
	for (size_t i = 0; i < count; i++)
		cells += wants[i].place.is_cell;
	if (good && cells == 0)
		good = read_lines(&stream, wants, count);
	else if (good)
		good = read_whole(&stream, &data, &size) &&
		       original_cells(data, size, wants, count, error);
	free(data);
	stream_close(&stream);
	return good;
}
