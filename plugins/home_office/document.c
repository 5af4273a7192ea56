/* SPDX-License-Identifier: MIT
 *
 * document.c - reads one document: finds out what it is, finds the tables in it by their header
 * rows, and passes rows to the shape they belong to. Worker process only.
 *
 * Owns the state of one document while it is read; nothing lasts from one document to the next.
 * Invariant: a document either gives figures or fails with a sentence that says what was looked for
 * and what was seen. Must never tell a table by the name of its file or sheet: those change.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "strait/date.h"

#include "csv_table.h"
#include "home_office.h"
#include "ods.h"
#include "page.h"

#define CHUNK_BYTES	((size_t)64 << 10)
#define SEEN_TEXT_BYTES 160u
#define SHEET_NAME_MAX	64u
#define STOP_READING	1 /* from a row handler: no header where it should be */

static const struct shape *const shapes[] = { &shape_daily, &shape_weekly, &shape_detections,
					      &shape_outcomes };
#define SHAPE_COUNT (sizeof(shapes) / sizeof(shapes[0]))

/* A row that might be a header of a table that is not known; for the admin. */
struct glimpse {
	unsigned int likeness; /* 0 = nothing seen, 3 = very much like a header */
	char sheet[SHEET_NAME_MAX];
	char text[SEEN_TEXT_BYTES];
};

struct scan {
	struct reading reading; /* first: shapes get a pointer to it */
	char sheet[SHEET_NAME_MAX];
	unsigned int sheet_index; /* as the host numbers it; valid once there is a shape */
	bool shapes_seen[SHAPE_COUNT];
	bool any_row;
	struct glimpse here, best; /* in the current sheet; in the document */
};

/* ── what shapes use ─────────────────────────────────────────────────────────────────────────── */

const struct table_cell *reading_cell(const struct reading *reading, const struct table_row *row,
				      unsigned int column)
{
	return table_cell(row, reading->columns[column]);
}

void reading_reject(struct reading *reading, const struct table_row *row, unsigned int column,
		    const char *why, ...)
{
	const char *raw = row->raw ? row->raw : reading_cell(reading, row, column)->text;
	size_t raw_size = row->raw ? row->raw_size : strlen(raw);
	char text[256];
	va_list arguments;

	va_start(arguments, why);
	(void)vsnprintf(text, sizeof(text), why, arguments); /* a cut reason is still a reason */
	va_end(arguments);
	strait_reject(reading->source, table_at(row, reading->columns[column]), raw, raw_size, "%s",
		      text);
}

int reading_emit(struct reading *reading, const struct strait_observation *observation)
{
	int result = strait_emit(reading->source, observation);

	if (result == 0)
		reading->values++;
	return result == -EINVAL ? 0 : result;
}

const char *reading_day_text(int32_t day, char buffer[DAY_TEXT_MAX])
{
	int year, month, day_of_month;

	strait_date(day, &year, &month, &day_of_month);
	(void)snprintf(buffer, DAY_TEXT_MAX, "%04d-%02d-%02d", year % 10000, month % 100,
		       day_of_month % 100);
	return buffer;
}

bool reading_published(struct reading *reading, int64_t published_at_ms)
{
	char text[DAY_TEXT_MAX];

	if (published_at_ms < strait_day(FIRST_YEAR, 1, 1) * STRAIT_DAY_MS ||
	    published_at_ms > strait_now_ms(reading->source) + STRAIT_DAY_MS) {
		strait_log(reading->source, LOG_WARNING,
			   "'%s' says that it was saved on %s, which cannot be; using its name or "
			   "file time instead",
			   strait_document_name(reading->document),
			   reading_day_text(strait_day_of_ms(published_at_ms), text));
		return false;
	}
	strait_document_published(reading->document, published_at_ms);
	reading->last_day = strait_day_of_ms(published_at_ms) + 1;
	return true;
}

/* ── finding tables ──────────────────────────────────────────────────────────────────────────── */

static bool shape_matches(const struct shape *shape, const struct table_row *row,
			  int columns[SHAPE_COLUMNS_MAX])
{
	for (size_t i = 0; i < SHAPE_COLUMNS_MAX; i++) {
		const struct shape_column *column = &shape->columns[i];

		columns[i] = table_column(row, column->names, SHAPE_COLUMN_NAMES_MAX);
		if (columns[i] < 0 && column->need == NEED_REQUIRED)
			return false;
	}
	return true;
}

static void warn_of_absent_columns(struct scan *scan)
{
	const struct reading *reading = &scan->reading;

	for (size_t i = 0; i < SHAPE_COLUMNS_MAX; i++)
		if (reading->shape->columns[i].need == NEED_EXPECTED && reading->columns[i] < 0)
			strait_log(reading->source, LOG_WARNING,
				   "'%s': the table of %s has no column '%s'; reading the rest",
				   strait_document_name(reading->document), reading->shape->title,
				   reading->shape->columns[i].names[0]);
}

/* Whether this row is the header of a shape, which is then the sheet's. The row is not placed yet:
 * only sheets that are read get a number. */
static bool is_header(struct scan *scan, struct table_row *row)
{
	struct reading *reading = &scan->reading;

	for (size_t i = 0; i < SHAPE_COUNT; i++) {
		if (!shape_matches(shapes[i], row, reading->columns))
			continue;
		reading->shape = shapes[i];
		scan->shapes_seen[i] = true;
		strait_document_dataset(reading->document, shapes[i]->dataset);
		if (row->in_sheet)
			scan->sheet_index = strait_document_sheet(reading->document, scan->sheet);
		row->sheet = scan->sheet_index;
		reading->header_at = table_at(row, reading->columns[0]);
		warn_of_absent_columns(scan);
		return true;
	}
	return false;
}

/* Keeps the row if it is more like a header than those before. */
static void glance(struct scan *scan, const struct table_row *row)
{
	unsigned int texts = 0;
	unsigned int likeness;

	for (unsigned int i = 0; i < row->count; i++)
		texts += row->cells[i].type == TABLE_TEXT;
	likeness = texts >= 3 && texts == table_filled(row) ? 3 : texts >= 2 ? 2 : 1;
	if (likeness <= scan->here.likeness)
		return;
	scan->here.likeness = likeness;
	memcpy(scan->here.sheet, scan->sheet, sizeof(scan->here.sheet));
	(void)table_describe(row, scan->here.text, sizeof(scan->here.text));
}

static int scan_row(void *context, const struct table_row *unplaced)
{
	struct scan *scan = context;
	struct reading *reading = &scan->reading;
	struct table_row row = *unplaced;

	scan->any_row = true;
	if (!reading->shape) {
		if (row.row >= TABLE_HEADER_ROWS)
			return row.in_sheet ? 0 : STOP_READING;
		if (!is_header(scan, &row))
			glance(scan, &row);
		return 0;
	}
	row.sheet = scan->sheet_index;
	return reading->shape->row(reading, &row);
}

static void sheet_end(struct scan *scan)
{
	struct reading *reading = &scan->reading;

	if (!reading->shape && scan->here.likeness == 3 && *scan->sheet)
		strait_log(reading->source, LOG_WARNING,
			   "'%s': sheet '%s' is not read, its columns are none that are known: %s",
			   strait_document_name(reading->document), scan->sheet, scan->here.text);
	if (scan->here.likeness > scan->best.likeness)
		scan->best = scan->here;
	scan->here.likeness = 0;
	reading->shape = NULL;
}

static int scan_sheet(void *context, const char *name)
{
	struct scan *scan = context;
	size_t size = strnlen(name, SHEET_NAME_MAX - 1);

	sheet_end(scan);
	while (name[size] != '\0' && size && ((unsigned char)name[size] & 0xc0) == 0x80)
		size--; /* the cut is at a character */
	memcpy(scan->sheet, name, size);
	scan->sheet[size] = '\0';
	return 0;
}

/* ── the kinds of document ───────────────────────────────────────────────────────────────────── */

static int fail_unreadable(struct reading *reading, long error)
{
	return strait_fail(reading->source, STRAIT_FAULT_TRANSIENT, "'%s' cannot be read: %s",
			   strait_document_name(reading->document), strerror((int)-error));
}

/* Fills the buffer as far as the document goes; the number of bytes, or -errno. */
static long read_full(struct strait_document *document, char *buffer, size_t size)
{
	size_t used = 0;

	while (used < size) {
		long got = strait_document_read(document, buffer + used, size - used);

		if (got < 0)
			return got;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	return (long)used;
}

static int scan_csv_row(void *context, const struct table_row *row, const char *error)
{
	struct scan *scan = context;
	struct reading *reading = &scan->reading;

	if (!error)
		return scan_row(scan, row);
	if (!reading->shape)
		return row->row >= TABLE_HEADER_ROWS ? STOP_READING : 0;
	reading->torn = true;
	strait_reject(reading->source, table_at(row, 0), row->raw, row->raw_size,
		      "not a row of CSV: %s", error);
	return 0;
}

static int read_csv(struct scan *scan, char *chunk, size_t size)
{
	struct csv_table *table = csv_table_new(scan_csv_row, scan);
	long got = (long)size;
	int result = 0;

	if (!table)
		return strait_fail(scan->reading.source, STRAIT_FAULT_TRANSIENT, "out of memory");
	while (got > 0 && result == 0) {
		result = csv_table_feed(table, chunk, (size_t)got);
		got = result ? 0 : read_full(scan->reading.document, chunk, CHUNK_BYTES);
	}
	if (got < 0)
		result = fail_unreadable(&scan->reading, got);
	if (result == 0)
		result = csv_table_end(table);
	csv_table_free(table);
	sheet_end(scan);
	return result == STOP_READING ? 0 : result;
}

static int read_sheets(struct scan *scan, const void *data, size_t size)
{
	const struct ods_handler handler = { .sheet = scan_sheet,
					     .row = scan_row,
					     .context = scan };
	struct reading *reading = &scan->reading;
	char error[ODS_ERROR_MAX] = "";
	struct ods *ods = ods_open(data, size, error);
	int64_t saved_ms;
	int result = -EBADMSG;

	if (ods) {
		if (ods_saved_ms(ods, &saved_ms))
			(void)reading_published(reading, saved_ms);
		result = ods_read(ods, &handler, error);
		ods_close(ods);
	}
	sheet_end(scan);
	if (!*error)
		return result;
	return strait_fail(
		reading->source, result == -ENOMEM ? STRAIT_FAULT_TRANSIENT : STRAIT_FAULT_INPUT,
		"'%s' cannot be read: %s", strait_document_name(reading->document), error);
}

/* The whole document into memory: the directory of a package is at its end, and what a page is
   worth is known when it is over. 0 with *ret_data to be freed, or what to return. */
static int read_whole(struct reading *reading, const char *chunk, size_t size, size_t limit,
		      char **ret_data, size_t *ret_size)
{
	uint64_t full_size = strait_document_size(reading->document);
	char *data;
	long rest;

	if (full_size > limit || full_size < size)
		return strait_fail(reading->source, STRAIT_FAULT_INPUT,
				   "'%s' is larger than %zu MiB, or was changed meanwhile",
				   strait_document_name(reading->document), limit >> 20);
	data = malloc((size_t)full_size);
	if (!data)
		return strait_fail(reading->source, STRAIT_FAULT_TRANSIENT, "out of memory");
	memcpy(data, chunk, size);
	rest = read_full(reading->document, data + size, (size_t)full_size - size);
	if (rest < 0) {
		free(data);
		return fail_unreadable(reading, rest);
	}
	*ret_data = data;
	*ret_size = size + (size_t)rest;
	return 0;
}

static int read_package(struct scan *scan, const char *chunk, size_t size)
{
	char *data = NULL;
	size_t full_size = 0;
	int result = read_whole(&scan->reading, chunk, size, ODS_FILE_MAX_BYTES, &data, &full_size);

	if (!result)
		result = read_sheets(scan, data, full_size);
	free(data);
	return result;
}

static int read_page(struct scan *scan, const char *chunk, size_t size)
{
	char *data = NULL;
	size_t full_size = 0;
	int result =
		read_whole(&scan->reading, chunk, size, HTML_FILE_MAX_BYTES, &data, &full_size);

	if (!result)
		result = page_read(&scan->reading, data, full_size);
	free(data);
	return result;
}

/* ── the result ──────────────────────────────────────────────────────────────────────────────── */

/* "'Date' and 'Migrants arrived' (daily arrivals); …" */
static void describe_shapes(char *buffer, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < SHAPE_COUNT && used < size; i++) {
		const char *before = i ? "; or '" : "'";

		for (size_t c = 0; c < SHAPE_COLUMNS_MAX && used < size; c++) {
			if (shapes[i]->columns[c].need != NEED_REQUIRED)
				continue;
			used += (size_t)snprintf(buffer + used, size - used, "%s%s'", before,
						 shapes[i]->columns[c].names[0]);
			before = " and '";
		}
		if (used < size)
			used += (size_t)snprintf(buffer + used, size - used, " (%s)",
						 shapes[i]->title);
	}
}

static int fail_without_table(const struct scan *scan)
{
	const struct reading *reading = &scan->reading;
	char wanted[512];
	char where[SHEET_NAME_MAX + 16] = "";
	const char *seen = scan->best.likeness ? scan->best.text : "nothing";

	describe_shapes(wanted, sizeof(wanted));
	if (*scan->best.sheet)
		(void)snprintf(where, sizeof(where), " in sheet '%s'", scan->best.sheet);
	return strait_fail(
		reading->source, scan->any_row ? STRAIT_FAULT_DRIFTED : STRAIT_FAULT_INPUT,
		"'%s' has no table that is known. Seen%s: %s. Looked in the first %u rows for a header with %s",
		strait_document_name(reading->document), where, seen, TABLE_HEADER_ROWS, wanted);
}

static int finish(struct scan *scan)
{
	struct reading *reading = &scan->reading;
	bool any = false;

	for (size_t i = 0; i < SHAPE_COUNT; i++) {
		int result = scan->shapes_seen[i] ? shapes[i]->finish(reading) : 0;

		if (result)
			return result;
		any = any || scan->shapes_seen[i];
	}
	if (!any)
		return fail_without_table(scan);
	if (reading->values == 0)
		return strait_fail(reading->source, STRAIT_FAULT_DRIFTED,
				   "'%s' has the header of a known table, and not one figure below "
				   "it that can be read",
				   strait_document_name(reading->document));
	return 0;
}

static int read_any(struct scan *scan, char *chunk)
{
	long size = read_full(scan->reading.document, chunk, CHUNK_BYTES);
	int result;

	if (size < 0)
		return fail_unreadable(&scan->reading, size);
	if (html_likely(chunk, (size_t)size))
		return read_page(scan, chunk, (size_t)size);
	if (size >= 4 && memcmp(chunk, "PK\3\4", 4) == 0)
		result = read_package(scan, chunk, (size_t)size);
	else
		result = read_csv(scan, chunk, (size_t)size);
	return result ? result : finish(scan);
}

int document_read(struct strait_source *source, struct strait_document *document)
{
	struct scan *scan = calloc(1, sizeof(*scan));
	char *chunk = malloc(CHUNK_BYTES);
	int result;

	if (scan && chunk) {
		scan->reading.source = source;
		scan->reading.document = document;
		scan->reading.last_day = strait_day_of_ms(strait_now_ms(source)) + 1;
		result = read_any(scan, chunk);
		timeseries_free(scan->reading.timeseries);
		quarterly_free(scan->reading.quarterly);
	} else {
		result = strait_fail(source, STRAIT_FAULT_TRANSIENT, "out of memory");
	}
	free(chunk);
	free(scan);
	return result;
}
