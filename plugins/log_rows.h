/* SPDX-License-Identifier: MIT
 *
 * log_rows.h - rows of named fields out of a log, in CSV with a header or in NDJSON, for the
 * plugins that read logs of the project's own formats. Included by one file of such a plugin; runs
 * in its worker. Owns the scanner and a line buffer, made once.
 *
 * Invariant: which rows come out depends on the bytes alone, not on how the host cuts them: an
 * appended log is read line by line (one line = one row), so a restart at any line sees the same
 * rows; a document is read as a whole, so there a quoted field may hold line ends. Must never put
 * the text of a field into a reason: reasons are kept, and fields may be about people.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strait/csv.h"
#include "strait/plugin.h"

#define LOG_FIELDS_MAX	16u
#define LOG_TEXT_MAX	256u	       /* bytes of one field that is used, with a NUL */
#define LOG_LINE_MAX	(1u << 20)     /* of NDJSON in a document */
#define LOG_PIECE_BYTES (256u * 1024u) /* of a document read at once */
#define LOG_BOM		"\xEF\xBB\xBF"

/* Text of one field without surrounding blanks; size 0 = there is none. Not terminated. */
struct log_field {
	const char *data;
	size_t size;
};

/* What a plugin reads. */
struct log_format {
	const char *const
		*names;	    /* of the fields; NULL ends. In this order where a log has no header */
	size_t plain_count; /* how many of them a log without header has */
	uint32_t required;  /* bit i: a header without field i is refused */
	uint32_t unread;    /* bit i: the field is known, and never looked at */
	/* Takes one row: 0, or a negative number that ends the reading. `at` is for strait_emit and
	 * strait_reject. */
	int (*row)(struct strait_source *source, const struct log_field *fields, uint64_t at,
		   const char *raw, size_t raw_size);
	/* These fields make a row: tells a log without header from one with a wrong header. */
	bool (*is_row)(const struct log_field *fields);
};

enum log_kind {
	LOG_KIND_UNKNOWN = 0,
	LOG_KIND_CSV,
	LOG_KIND_NDJSON,
};

struct log_reader {
	struct strait_source *source;
	const struct log_format *format;
	size_t field_count;
	const char *columns[LOG_FIELDS_MAX]; /* what each field is called in the source */
	bool mapped;			     /* by column.… options: a header is needed */
	enum strait_fault fault; /* of an unusable header: INPUT in a document, CONFIG in a log */
	const char *name;	 /* of what is being read, for messages */

	struct strait_csv *csv;
	bool want_header;
	bool learning;		       /* only the header is wanted, whatever the row is */
	bool headless;		       /* what should have been the header is a row */
	int column_of[LOG_FIELDS_MAX]; /* index in a CSV row; -1 = not there */
	char *first_line;	       /* for which column_of was made; log only */
	size_t first_line_size;

	char *piece; /* LOG_PIECE_BYTES */
	char *line;  /* LOG_LINE_MAX; a line that crosses pieces of a document */
	char texts[LOG_FIELDS_MAX][LOG_TEXT_MAX];
};

/* ── fields ─────────────────────────────────────────────────────────────────────────────────── */

static inline struct log_field log_trimmed(const char *data, size_t size)
{
	while (size && (*data == ' ' || *data == '\t')) {
		data++;
		size--;
	}
	while (size && (data[size - 1] == ' ' || data[size - 1] == '\t'))
		size--;
	return (struct log_field){ .data = data, .size = size };
}

static inline void log_reject(struct log_reader *reader, uint64_t offset, const char *raw,
			      size_t size, const char *why, const char *which)
{
	strait_reject(reader->source, strait_at_offset(offset), raw, size, "%s%s", why, which);
}

static inline bool log_csv_fields(struct log_reader *reader, const struct strait_csv_row *row,
				  struct log_field *fields, const char **ret_too_long)
{
	for (size_t i = 0; i < reader->field_count; i++) {
		int column = reader->column_of[i];
		const struct strait_csv_field *field;

		fields[i] = (struct log_field){ .data = "" };
		if (column < 0 || (uint32_t)column >= row->count ||
		    (reader->format->unread >> i & 1))
			continue;
		field = &row->fields[column];
		if (field->quoted && strait_csv_text(field, reader->texts[i], LOG_TEXT_MAX)) {
			fields[i] = log_trimmed(reader->texts[i], strlen(reader->texts[i]));
		} else if (!field->quoted && field->size < LOG_TEXT_MAX) {
			fields[i] = log_trimmed(field->data, field->size);
		} else {
			*ret_too_long = reader->format->names[i];
			return false;
		}
	}
	return true;
}

static inline bool log_json_field(struct log_reader *reader, size_t i, const json_t *value,
				  struct log_field *ret_field)
{
	char *text = reader->texts[i];

	*ret_field = (struct log_field){ .data = "" };
	if (!value || json_is_null(value) || (reader->format->unread >> i & 1))
		return true;
	if (json_is_string(value)) {
		*ret_field = log_trimmed(json_string_value(value), json_string_length(value));
		return ret_field->size < LOG_TEXT_MAX;
	}
	if (json_is_integer(value))
		(void)snprintf(text, LOG_TEXT_MAX, "%" JSON_INTEGER_FORMAT,
			       json_integer_value(value)); /* fits */
	else if (json_is_real(value))
		(void)snprintf(text, LOG_TEXT_MAX, "%.17g", json_real_value(value)); /* fits */
	else
		return false;
	*ret_field = (struct log_field){ .data = text, .size = strlen(text) };
	return true;
}

/* ── NDJSON ─────────────────────────────────────────────────────────────────────────────────── */

static inline int log_json_line(struct log_reader *reader, const char *line, size_t size,
				uint64_t offset)
{
	struct log_field fields[LOG_FIELDS_MAX], trimmed;
	json_error_t error;
	json_t *object;
	int result = 0;

	if (size && line[size - 1] == '\r')
		size--;
	if (offset == 0 && size >= 3 && memcmp(line, LOG_BOM, 3) == 0) {
		line += 3;
		size -= 3;
	}
	trimmed = log_trimmed(line, size);
	if (trimmed.size == 0)
		return 0;
	object = json_loadb(trimmed.data, trimmed.size, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(object)) { /* the library's text quotes the input */
		log_reject(reader, offset, line, size, "not one JSON object on one line", "");
		json_decref(object);
		return 0;
	}
	for (size_t i = 0; i < reader->field_count; i++) {
		if (!log_json_field(reader, i, json_object_get(object, reader->columns[i]),
				    &fields[i])) {
			log_reject(reader, offset, line, size,
				   "not a short text or a number: ", reader->format->names[i]);
			json_decref(object);
			return 0;
		}
	}
	result = reader->format->row(reader->source, fields, strait_at_offset(offset), line, size);
	json_decref(object);
	return result;
}

/* ── CSV ────────────────────────────────────────────────────────────────────────────────────── */

static inline int log_csv_row(struct log_reader *reader, const struct strait_csv_row *row)
{
	struct log_field fields[LOG_FIELDS_MAX];
	const char *too_long;

	if (!log_csv_fields(reader, row, fields, &too_long)) {
		log_reject(reader, row->offset, row->raw, row->raw_size,
			   "longer than 255 bytes: ", too_long);
		return 0;
	}
	return reader->format->row(reader->source, fields, strait_at_offset(row->offset), row->raw,
				   row->raw_size);
}

/* The first row is a row: its fields, in the order of the format, make one. */
static inline bool log_is_headless(struct log_reader *reader, const struct strait_csv_row *row)
{
	struct log_field fields[LOG_FIELDS_MAX];
	const char *too_long;

	if (reader->mapped || row->count > reader->format->plain_count)
		return false;
	for (size_t i = 0; i < reader->field_count; i++)
		reader->column_of[i] = i < reader->format->plain_count ? (int)i : -1;
	return log_csv_fields(reader, row, fields, &too_long) && reader->format->is_row(fields);
}

static inline int log_take_header(struct log_reader *reader, const struct strait_csv_row *row)
{
	const char *missing = NULL, *called = NULL;

	reader->headless = false;
	for (size_t i = 0; i < reader->field_count; i++) {
		reader->column_of[i] = row->error ? -1 : strait_csv_column(row, reader->columns[i]);
		if (reader->column_of[i] < 0 && (reader->format->required >> i & 1) && !missing) {
			missing = reader->format->names[i];
			called = reader->columns[i];
		}
	}
	if (!missing)
		return 0;
	reader->headless = !row->error && log_is_headless(reader, row);
	if (reader->headless)
		return 0;
	return strait_fail(
		reader->source, reader->fault,
		"'%s': line %u is no header with a column '%s'; name the one that is meant with 'column.%s = …', or "
		"give the file a header",
		reader->name, row->line, called, missing);
}

static inline int log_on_csv_row(void *context, const struct strait_csv_row *row)
{
	struct log_reader *reader = context;

	if (reader->want_header) {
		int result = log_take_header(reader, row);

		reader->want_header = false;
		if (result || !reader->headless || reader->learning)
			return result;
	}
	if (row->error) {
		log_reject(reader, row->offset, row->raw, row->raw_size, row->error, "");
		return 0;
	}
	return log_csv_row(reader, row);
}

/* A stopped scanner stays stopped: the next input gets a new one. */
static inline bool log_fresh_csv(struct log_reader *reader)
{
	strait_csv_free(reader->csv);
	reader->csv = strait_csv_new(',', 0, log_on_csv_row, reader);
	return reader->csv != NULL;
}

static inline int log_no_memory(struct log_reader *reader)
{
	return strait_fail(reader->source, STRAIT_FAULT_TRANSIENT, "'%s': out of memory",
			   reader->name);
}

/* ── documents ──────────────────────────────────────────────────────────────────────────────── */

static inline enum log_kind log_kind_of(const char *data, size_t size)
{
	if (size >= 3 && memcmp(data, LOG_BOM, 3) == 0) {
		data += 3;
		size -= 3;
	}
	while (size && (*data == ' ' || *data == '\t' || *data == '\r' || *data == '\n')) {
		data++;
		size--;
	}
	if (size == 0)
		return LOG_KIND_UNKNOWN;
	return *data == '{' ? LOG_KIND_NDJSON : LOG_KIND_CSV;
}

/* Lines of a document that comes in pieces. */
struct log_lines {
	uint64_t at;	/* offset of the next byte */
	uint64_t start; /* of the line that has begun */
	size_t kept;	/* bytes of it that are in reader->line */
	bool too_long;	/* there were more */
};

static inline void log_keep(struct log_reader *reader, struct log_lines *lines, const char *data,
			    size_t size)
{
	size_t room = LOG_LINE_MAX - lines->kept;

	lines->too_long = lines->too_long || size > room;
	size = size < room ? size : room;
	memcpy(reader->line + lines->kept, data, size);
	lines->kept += size;
}

/* The line is over; its last part is data. */
static inline int log_end_line(struct log_reader *reader, struct log_lines *lines, const char *data,
			       size_t size)
{
	bool in_pieces = lines->kept > 0;
	int result = 0;

	if (in_pieces)
		log_keep(reader, lines, data, size);
	if (lines->too_long)
		log_reject(reader, lines->start, reader->line, lines->kept,
			   "line longer than 1 MiB", "");
	else
		result = log_json_line(reader, in_pieces ? reader->line : data,
				       in_pieces ? lines->kept : size, lines->start);
	lines->kept = 0;
	lines->too_long = false;
	return result;
}

static inline int log_json_piece(struct log_reader *reader, struct log_lines *lines,
				 const char *data, size_t size)
{
	const char *end = data + size;
	int result = 0;

	while (data < end && !result) {
		const char *lf = memchr(data, '\n', (size_t)(end - data));
		size_t length = (size_t)((lf ? lf : end) - data);

		if (!lf) {
			log_keep(reader, lines, data, length);
			lines->at += length;
			return 0;
		}
		result = log_end_line(reader, lines, data, length);
		data = lf + 1;
		lines->at += length + 1;
		lines->start = lines->at;
	}
	return result;
}

/* Fills the piece as far as the document goes. Its size, 0 at the end, or -errno. */
static inline long log_read_piece(struct log_reader *reader, struct strait_document *document)
{
	size_t filled = 0;

	while (filled < LOG_PIECE_BYTES) {
		long got = strait_document_read(document, reader->piece + filled,
						LOG_PIECE_BYTES - filled);

		if (got < 0)
			return got;
		if (got == 0)
			break;
		filled += (size_t)got;
	}
	return (long)filled;
}

/* Reads one whole document. 0, or what the plugin's callback is to return. */
static inline int log_read_document(struct log_reader *reader, struct strait_document *document)
{
	enum log_kind kind = LOG_KIND_UNKNOWN;
	struct log_lines lines = { 0 };
	long got = 0;
	int result = 0;

	reader->name = strait_document_name(document);
	reader->fault = STRAIT_FAULT_INPUT;
	reader->want_header = true;
	/* The document has columns of its own; the log's are learnt again at its next line. */
	free(reader->first_line);
	reader->first_line = NULL;
	reader->first_line_size = 0;
	if (!log_fresh_csv(reader))
		return log_no_memory(reader);
	while (!result && (got = log_read_piece(reader, document)) > 0) {
		size_t size = (size_t)got;

		if (kind == LOG_KIND_UNKNOWN)
			kind = log_kind_of(reader->piece, size);
		result = kind == LOG_KIND_NDJSON
				 ? log_json_piece(reader, &lines, reader->piece, size)
				 : strait_csv_feed(reader->csv, reader->piece, size);
	}
	if (result)
		return result;
	if (got < 0)
		return strait_fail(reader->source, STRAIT_FAULT_TRANSIENT,
				   "'%s': cannot be read: %s", reader->name, strerror((int)-got));
	if (kind == LOG_KIND_UNKNOWN)
		return strait_fail(reader->source, STRAIT_FAULT_INPUT, "'%s': is empty",
				   reader->name);
	if (kind == LOG_KIND_CSV)
		return strait_csv_end(reader->csv);
	return lines.kept ? log_end_line(reader, &lines, "", 0) : 0;
}

/* ── logs that are appended to ──────────────────────────────────────────────────────────────── */

/* Reads the header from the file's first line, unless it is the one that was read last. Leaves
 * `headless` set right. */
static inline int log_learn_header(struct log_reader *reader, const char *line, size_t size)
{
	int result;
	char *copy;

	if (reader->first_line && reader->first_line_size == size &&
	    memcmp(reader->first_line, line, size) == 0)
		return 0;
	copy = malloc(size + 1);
	if (!copy || !log_fresh_csv(reader)) {
		free(copy);
		return log_no_memory(reader);
	}
	memcpy(copy, line, size);
	free(reader->first_line);
	reader->first_line = NULL;
	reader->want_header = true;
	reader->learning = true;
	result = strait_csv_feed(reader->csv, copy, size);
	result = result ? result : strait_csv_end(reader->csv);
	reader->learning = false;
	if (result) {
		free(copy);
		return result;
	}
	reader->first_line = copy;
	reader->first_line_size = size;
	return 0;
}

static inline int log_csv_line(struct log_reader *reader, const char *line, size_t size,
			       uint64_t offset)
{
	int result;

	strait_csv_set_offset(reader->csv, offset, 1);
	result = strait_csv_feed(reader->csv, line, size);
	return result ? result : strait_csv_end(reader->csv);
}

/* Reads a stretch of complete lines. 0, or what the plugin's callback is to return. */
static inline int log_read_stretch(struct log_reader *reader, const struct strait_stretch *stretch)
{
	const char *line = stretch->data, *end = stretch->data + stretch->size;
	enum log_kind kind = log_kind_of(stretch->first_line, stretch->first_line_size);
	int result = 0;

	reader->name = "log";
	reader->fault = STRAIT_FAULT_CONFIG;
	if (kind == LOG_KIND_UNKNOWN)
		return strait_fail(
			reader->source, reader->fault,
			"the log begins with an empty line; it must begin with a CSV header or a JSON object");
	if (kind == LOG_KIND_CSV)
		result = log_learn_header(reader, stretch->first_line, stretch->first_line_size);
	while (line < end && !result) {
		const char *lf = memchr(line, '\n', (size_t)(end - line));
		size_t size = (size_t)((lf ? lf : end) - line);
		uint64_t offset = stretch->offset + (uint64_t)(line - stretch->data);

		if (kind == LOG_KIND_NDJSON)
			result = log_json_line(reader, line, size, offset);
		else if (offset > 0 || reader->headless) /* at 0 is the header */
			result = log_csv_line(reader, line, size + (lf != NULL), offset);
		line += size + 1;
	}
	return result;
}

/* ── life ───────────────────────────────────────────────────────────────────────────────────── */

/* Takes over the column.… options; for `check`. 0, or the result of strait_fail(). */
static inline int log_map_columns(struct strait_source *source, const struct log_format *format,
				  const char *columns[LOG_FIELDS_MAX], bool *ret_mapped)
{
	const char *field, *column;
	size_t iterator = 0, i;

	*ret_mapped = false;
	for (i = 0; format->names[i]; i++)
		columns[i] = format->names[i];
	while ((field = strait_option_next(source, "column", &iterator, &column)) != NULL) {
		for (i = 0; format->names[i] && strcmp(format->names[i], field) != 0; i++)
			;
		if (!format->names[i])
			return strait_fail(
				source, STRAIT_FAULT_CONFIG,
				"column.%s: there is no such field; the plugin's README lists them",
				field);
		columns[i] = column;
		*ret_mapped = true;
	}
	return 0;
}

static inline struct log_reader *log_reader_free(struct log_reader *reader)
{
	if (!reader)
		return NULL;
	strait_csv_free(reader->csv);
	free(reader->first_line);
	free(reader->piece);
	free(reader->line);
	free(reader);
	return NULL;
}

/* The source's reader; NULL after a failure, with *ret_result for the callback to return. */
static inline struct log_reader *log_reader_new(struct strait_source *source,
						const struct log_format *format, int *ret_result)
{
	struct log_reader *reader = calloc(1, sizeof(*reader));

	*ret_result = 0;
	if (reader) {
		reader->source = source;
		reader->format = format;
		reader->piece = malloc(LOG_PIECE_BYTES);
		reader->line = malloc(LOG_LINE_MAX);
		while (format->names[reader->field_count])
			reader->field_count++;
	}
	if (!reader || !reader->piece || !reader->line)
		*ret_result = strait_fail(source, STRAIT_FAULT_TRANSIENT, "out of memory");
	else
		*ret_result = log_map_columns(source, format, reader->columns, &reader->mapped);
	return *ret_result ? log_reader_free(reader) : reader;
}
