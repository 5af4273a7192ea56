/* SPDX-License-Identifier: MIT
 *
 * ods.c - reads an OpenDocument spreadsheet as a stream: libzip unpacks 32 KiB at a time, expat
 * turns them into elements, and one row of at most 64 cells is all that is kept. Worker process
 * only.
 *
 * Owns the row being built. Invariant: memory does not depend on what the document claims about
 * itself. Must never expand entities (any DOCTYPE is refused), nor repeat empty cells, nor trust a
 * size from a header.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <expat.h>
#include <zip.h>

#include "strait/csv.h"
#include "strait/date.h"

#include "ods.h"

#define CHUNK_BYTES    (32u << 10)
#define NAME_SEPARATOR '|' /* between namespace and local name in what expat reports */

struct ods {
	zip_t *zip;
};

enum xml_name {
	NAME_OTHER = 0,
	NAME_TABLE,
	NAME_ROW,
	NAME_CELL,
	NAME_COVERED_CELL,
	NAME_PARAGRAPH,
	NAME_SPACES,
	NAME_TAB,
	NAME_LINE_BREAK,
	NAME_DATE,
	NAME_ASIDE, /* what stands in a sheet and is not its content */
};

#define NS_OFFICE "urn:oasis:names:tc:opendocument:xmlns:office:1.0|"
#define NS_TABLE  "urn:oasis:names:tc:opendocument:xmlns:table:1.0|"
#define NS_TEXT	  "urn:oasis:names:tc:opendocument:xmlns:text:1.0|"
#define NS_DRAW	  "urn:oasis:names:tc:opendocument:xmlns:drawing:1.0|"
#define NS_DC	  "http://purl.org/dc/elements/1.1/|"

/* The frequent ones first: names are looked up in order. */
static const struct {
	const char *text;
	enum xml_name name;
} xml_names[] = {
	{ NS_TABLE "table-cell", NAME_CELL },
	{ NS_TEXT "p", NAME_PARAGRAPH },
	{ NS_TABLE "table-row", NAME_ROW },
	{ NS_TABLE "covered-table-cell", NAME_COVERED_CELL },
	{ NS_TEXT "s", NAME_SPACES },
	{ NS_TEXT "tab", NAME_TAB },
	{ NS_TEXT "line-break", NAME_LINE_BREAK },
	{ NS_TABLE "table", NAME_TABLE },
	{ NS_DC "date", NAME_DATE },
	{ NS_OFFICE "annotation", NAME_ASIDE }, /* a comment in a cell has paragraphs of its own */
	{ NS_TABLE "shapes", NAME_ASIDE },
	{ NS_TABLE "tracked-changes", NAME_ASIDE }, /* has the cells as they were before */
	{ NS_TABLE "dde-links", NAME_ASIDE },
	{ NS_DRAW "frame", NAME_ASIDE },
	{ NS_DRAW "custom-shape", NAME_ASIDE },
	{ NS_DRAW "g", NAME_ASIDE },
	{ NS_TEXT "note", NAME_ASIDE },
};

struct cell_text {
	char bytes[TABLE_TEXT_MAX];
	size_t used;
};

/* One XML document being read; each kind uses its half. */
struct reader {
	XML_Parser parser;
	const struct ods_handler *handler;
	char *error;
	int result; /* why parsing was stopped; sticky */
	unsigned int depth;
	unsigned int aside_depth; /* depth of the element whose content is left out; 0 = none */
	size_t quiet_bytes;	  /* fed since the last element or text */

	/* content.xml */
	bool in_table, in_row, in_cell;
	bool cell_has_paragraph;
	uint32_t row;	     /* index of the current row */
	uint32_t row_repeat; /* of the current row */
	uint32_t delivered;  /* rows handed over */
	unsigned int column; /* of the current cell; stays at TABLE_COLUMNS_MAX past the last that
				is kept */
	uint32_t column_repeat; /* of the current cell */
	unsigned int filled;	/* cells up to the last that is not empty */
	struct table_cell cell; /* the current one */
	struct table_cell cells[TABLE_COLUMNS_MAX];
	struct cell_text texts[TABLE_COLUMNS_MAX]; /* a repeated cell uses the text of the first */
	struct cell_text excess;		   /* text of cells past the last column */

	/* meta.xml */
	bool wants_date, in_date;
	struct cell_text date;
};

static void say(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(char *error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(error, ODS_ERROR_MAX, format, arguments);
	va_end(arguments);
}

static void stop(struct reader *reader, int result)
{
	if (reader->result)
		return;
	reader->result = result;
	(void)XML_StopParser(reader->parser, XML_FALSE); /* fails only if it is stopped already */
}

/* ── text of a cell ──────────────────────────────────────────────────────────────────────────── */

/* false when it did not fit; what is kept ends at a character. */
static bool text_append(struct cell_text *text, const char *bytes, size_t size)
{
	size_t room = sizeof(text->bytes) - 1 - text->used;
	bool fits = size <= room;

	if (!fits) {
		size = room;
		while (size && ((unsigned char)bytes[size] & 0xc0) == 0x80)
			size--;
	}
	memcpy(text->bytes + text->used, bytes, size);
	text->used += size;
	text->bytes[text->used] = '\0';
	return fits;
}

static struct cell_text *current_text(struct reader *reader)
{
	return reader->column < TABLE_COLUMNS_MAX ? &reader->texts[reader->column]
						  : &reader->excess;
}

static void append(struct reader *reader, const char *bytes, size_t size)
{
	if (!reader->cell.cut && !text_append(current_text(reader), bytes, size))
		reader->cell.cut = true;
}

static bool is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

/* ── attributes ──────────────────────────────────────────────────────────────────────────────── */

static const char *attribute(const char **attributes, const char *name)
{
	for (; *attributes; attributes += 2)
		if (strcmp(attributes[0], name) == 0)
			return attributes[1];
	return NULL;
}

/* A repetition count; 1 when it is absent or makes no sense. */
static uint32_t repetition(const char **attributes, const char *name)
{
	const char *text = attribute(attributes, name);
	uint32_t count = 0;

	if (!text)
		return 1;
	for (; *text >= '0' && *text <= '9'; text++)
		count = count > UINT32_MAX / 16 ? count : count * 10 + (uint32_t)(*text - '0');
	return *text == '\0' && count ? count : 1;
}

static struct strait_csv_field field_of(const char *text)
{
	return (struct strait_csv_field){ .data = text, .size = (uint32_t)strlen(text) };
}

/* Type and value from the attributes; text that follows decides for the rest in cell_end. */
static void cell_value(struct reader *reader, const char **attributes)
{
	struct table_cell *cell = &reader->cell;
	const char *type = attribute(attributes, NS_OFFICE "value-type");
	const char *value = attribute(attributes, NS_OFFICE "value");
	const char *date = attribute(attributes, NS_OFFICE "date-value");
	const char *string = attribute(attributes, NS_OFFICE "string-value");

	if (!type)
		return;
	if (strcmp(type, "date") == 0 && date && table_day_of_text(date, &cell->day)) {
		cell->type = TABLE_DATE;
	} else if (value && (strcmp(type, "float") == 0 || strcmp(type, "percentage") == 0 ||
			     strcmp(type, "currency") == 0)) {
		struct strait_csv_field field = field_of(value);

		if (strait_csv_number(&field, &cell->number)) {
			cell->type = TABLE_NUMBER;
		} else if (*value) {
			append(reader, value, strlen(value));
			cell->type = TABLE_TEXT;
		}
	} else if (string && *string) {
		/* an empty one is also what a formula with an error has; then the paragraphs say
		 * "#REF!" */
		append(reader, string, strlen(string));
		cell->type = TABLE_TEXT;
	}
}

/* ── cells and rows ──────────────────────────────────────────────────────────────────────────── */

static void cell_begin(struct reader *reader, const char **attributes)
{
	struct cell_text *text = current_text(reader);

	text->used = 0;
	text->bytes[0] = '\0';
	reader->in_cell = true;
	reader->cell_has_paragraph = false;
	reader->cell = (struct table_cell){ .text = text->bytes };
	reader->column_repeat = repetition(attributes, NS_TABLE "number-columns-repeated");
	cell_value(reader, attributes);
}

static void cell_end(struct reader *reader)
{
	uint32_t room = TABLE_COLUMNS_MAX - reader->column;
	uint32_t repeat = reader->column_repeat < room ? reader->column_repeat : room;

	reader->in_cell = false;
	if (reader->cell.type == TABLE_EMPTY && !is_blank(reader->cell.text))
		reader->cell.type = TABLE_TEXT;
	for (uint32_t i = 0; i < repeat; i++)
		reader->cells[reader->column + i] = reader->cell;
	reader->column += repeat;
	if (repeat && reader->cell.type != TABLE_EMPTY)
		reader->filled = reader->column;
}

static void row_begin(struct reader *reader, const char **attributes)
{
	reader->in_row = true;
	reader->row_repeat = repetition(attributes, NS_TABLE "number-rows-repeated");
	reader->column = 0;
	reader->filled = 0;
}

static void row_end(struct reader *reader)
{
	struct table_row row = { .cells = reader->cells,
				 .count = reader->filled,
				 .in_sheet = true };

	reader->in_row = false;
	for (uint32_t i = 0; i < reader->row_repeat && reader->filled; i++) {
		int result;

		if (reader->delivered++ == ODS_ROWS_MAX) {
			say(reader->error, "the workbook has more than %u rows with content",
			    ODS_ROWS_MAX);
			stop(reader, -EFBIG);
			return;
		}
		row.row = reader->row + i;
		result = reader->handler->row(reader->handler->context, &row);
		if (result) {
			stop(reader, result);
			return;
		}
	}
	/* a row number is only a place: it stays at the end instead of starting again */
	reader->row = reader->row > UINT32_MAX - reader->row_repeat
			      ? UINT32_MAX
			      : reader->row + reader->row_repeat;
}

static void table_begin(struct reader *reader, const char **attributes)
{
	const char *name = attribute(attributes, NS_TABLE "name");
	int result;

	reader->in_table = true;
	reader->row = 0;
	result = reader->handler->sheet(reader->handler->context, name ? name : "");
	if (result)
		stop(reader, result);
}

/* ── expat's callbacks ───────────────────────────────────────────────────────────────────────── */

static enum xml_name name_of(const char *text)
{
	for (size_t i = 0; i < sizeof(xml_names) / sizeof(*xml_names); i++)
		if (strcmp(text, xml_names[i].text) == 0)
			return xml_names[i].name;
	return NAME_OTHER;
}

static void paragraph_begin(struct reader *reader)
{
	if (reader->cell_has_paragraph)
		append(reader, "\n", 1);
	reader->cell_has_paragraph = true;
}

static void spaces(struct reader *reader, const char **attributes)
{
	uint32_t count = repetition(attributes, NS_TEXT "c");

	for (uint32_t i = 0; i < count && !reader->cell.cut; i++)
		append(reader, " ", 1);
}

/* string-value, where there is one, stands for the paragraphs. */
static bool wants_text(const struct reader *reader)
{
	return reader->in_cell && reader->cell.type != TABLE_TEXT;
}

static void content_element(struct reader *reader, enum xml_name name, const char **attributes)
{
	switch (name) {
	case NAME_TABLE:
		if (reader->in_table)
			reader->aside_depth = reader->depth; /* a table in a cell */
		else
			table_begin(reader, attributes);
		break;
	case NAME_ROW:
		if (reader->in_table && !reader->in_row)
			row_begin(reader, attributes);
		break;
	case NAME_CELL:
	case NAME_COVERED_CELL: /* covered by a merged one, but it takes its column */
		if (reader->in_row && !reader->in_cell)
			cell_begin(reader, attributes);
		break;
	case NAME_PARAGRAPH:
		if (wants_text(reader))
			paragraph_begin(reader);
		break;
	case NAME_SPACES:
		if (wants_text(reader))
			spaces(reader, attributes);
		break;
	case NAME_TAB:
	case NAME_LINE_BREAK:
		if (wants_text(reader))
			append(reader, name == NAME_TAB ? "\t" : "\n", 1);
		break;
	case NAME_ASIDE:
		reader->aside_depth = reader->depth;
		break;
	case NAME_DATE:
	case NAME_OTHER:
		break;
	}
}

static void XMLCALL on_start(void *context, const char *text, const char **attributes)
{
	struct reader *reader = context;

	reader->quiet_bytes = 0;
	if (++reader->depth > ODS_DEPTH_MAX) {
		say(reader->error, "its XML has more than %u nested elements", ODS_DEPTH_MAX);
		stop(reader, -EFBIG);
		return;
	}
	if (reader->aside_depth || reader->result)
		return;
	if (reader->wants_date)
		reader->in_date = name_of(text) == NAME_DATE && reader->date.used == 0;
	else
		content_element(reader, name_of(text), attributes);
}

static void XMLCALL on_end(void *context, const char *text)
{
	struct reader *reader = context;
	bool aside = reader->aside_depth != 0;

	reader->quiet_bytes = 0;
	reader->in_date = false;
	if (reader->aside_depth == reader->depth)
		reader->aside_depth = 0;
	reader->depth--;
	if (aside || reader->result || reader->wants_date)
		return;
	switch (name_of(text)) {
	case NAME_CELL:
	case NAME_COVERED_CELL:
		if (reader->in_cell)
			cell_end(reader);
		break;
	case NAME_ROW:
		if (reader->in_row)
			row_end(reader);
		break;
	case NAME_TABLE:
		reader->in_table = false;
		break;
	case NAME_PARAGRAPH:
	case NAME_SPACES:
	case NAME_TAB:
	case NAME_LINE_BREAK:
	case NAME_DATE:
	case NAME_ASIDE:
	case NAME_OTHER:
		break;
	}
}

static void XMLCALL on_text(void *context, const char *text, int size)
{
	struct reader *reader = context;

	reader->quiet_bytes = 0;
	if (reader->in_date)
		(void)text_append(&reader->date, text,
				  (size_t)size); /* cut text is no time, which is right */
	else if (wants_text(reader) && reader->cell_has_paragraph && !reader->aside_depth)
		append(reader, text, (size_t)size);
}

/* Entities could be declared here: "billion laughs", or files of this machine. No office program
 * writes one. */
static void XMLCALL on_doctype(void *context, const char *name, const char *system_id,
			       const char *public_id, int has_internal_subset)
{
	struct reader *reader = context;

	(void)name, (void)system_id, (void)public_id,
		(void)has_internal_subset; /* none is welcome */
	say(reader->error,
	    "its XML has a DOCTYPE, which spreadsheets do not have and which is refused");
	stop(reader, -EBADMSG);
}

/* ── package ─────────────────────────────────────────────────────────────────────────────────── */

/* Only the two methods that the package format allows; others may take any amount of memory to
 * unpack. */
static zip_file_t *open_entry(zip_t *zip, const char *name, char *error)
{
	zip_stat_t stat;
	zip_file_t *file;

	if (zip_stat(zip, name, 0, &stat) < 0) {
		say(error, "it has no %s inside", name);
		return NULL;
	}
	if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) && stat.encryption_method != ZIP_EM_NONE) {
		say(error, "%s in it is encrypted", name);
		return NULL;
	}
	if (!(stat.valid & ZIP_STAT_COMP_METHOD) ||
	    (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)) {
		say(error, "%s in it is packed in a way that OpenDocument does not have", name);
		return NULL;
	}
	file = zip_fopen(zip, name, 0);
	if (!file)
		say(error, "%s in it cannot be unpacked: %s", name, zip_strerror(zip));
	return file;
}

static int feed(struct reader *reader, const char *name, const char *data, size_t size, bool last)
{
	reader->quiet_bytes += size;
	if (XML_Parse(reader->parser, data, (int)size, last) == XML_STATUS_OK && !reader->result) {
		if (reader->quiet_bytes <= ODS_TAG_MAX_BYTES)
			return 0;
		say(reader->error, "%s has a single tag of more than %u bytes", name,
		    ODS_TAG_MAX_BYTES);
		return -EFBIG;
	}
	if (reader->result)
		return reader->result;
	say(reader->error, "%s is not well-formed XML: %s in line %lu, column %lu", name,
	    XML_ErrorString(XML_GetErrorCode(reader->parser)),
	    XML_GetCurrentLineNumber(reader->parser), XML_GetCurrentColumnNumber(reader->parser));
	return XML_GetErrorCode(reader->parser) == XML_ERROR_NO_MEMORY ? -ENOMEM : -EBADMSG;
}

static int feed_entry(struct reader *reader, zip_file_t *file, const char *name, char *chunk)
{
	uint64_t total = 0;

	for (;;) {
		zip_int64_t size = zip_fread(file, chunk, CHUNK_BYTES);
		int result;

		if (size < 0) {
			say(reader->error, "%s in it is damaged: %s", name,
			    zip_file_strerror(file));
			return -EBADMSG;
		}
		total += (uint64_t)size;
		if (total > ODS_ENTRY_MAX_BYTES) {
			say(reader->error, "%s unpacks to more than %u MiB", name,
			    ODS_ENTRY_MAX_BYTES >> 20);
			return -EFBIG;
		}
		result = feed(reader, name, chunk, (size_t)size, size == 0);
		if (result || size == 0)
			return result;
	}
}

static int parse_entry(struct ods *ods, struct reader *reader, const char *name)
{
	zip_file_t *file = open_entry(ods->zip, name, reader->error);
	char *chunk = malloc(CHUNK_BYTES);
	int result = -EBADMSG;

	reader->parser = XML_ParserCreateNS(NULL, NAME_SEPARATOR);
	if (!chunk || !reader->parser) {
		say(reader->error, "out of memory");
		result = -ENOMEM;
	} else if (file) {
		XML_SetUserData(reader->parser, reader);
		XML_SetElementHandler(reader->parser, on_start, on_end);
		XML_SetCharacterDataHandler(reader->parser, on_text);
		XML_SetStartDoctypeDeclHandler(reader->parser, on_doctype);
		result = feed_entry(reader, file, name, chunk);
	}
	if (reader->parser)
		XML_ParserFree(reader->parser);
	if (file)
		(void)zip_fclose(file); /* its result is that of a finished reading */
	free(chunk);
	return result;
}

static zip_t *open_package(const void *data, size_t size, char *error)
{
	zip_error_t why;
	zip_source_t *source;
	zip_t *zip;

	zip_error_init(&why);
	source = zip_source_buffer_create(data, size, 0, &why);
	zip = source ? zip_open_from_source(source, ZIP_RDONLY, &why) : NULL;
	if (!zip) {
		say(error, "it is not a zip file that can be read: %s", zip_error_strerror(&why));
		zip_source_free(source);
	}
	zip_error_fini(&why);
	return zip;
}

struct ods *ods_open(const void *data, size_t size, char *error)
{
	struct ods *ods;

	if (size > ODS_FILE_MAX_BYTES) {
		say(error, "it is larger than %u MiB", ODS_FILE_MAX_BYTES >> 20);
		return NULL;
	}
	ods = calloc(1, sizeof(*ods));
	if (!ods) {
		say(error, "out of memory");
		return NULL;
	}
	ods->zip = open_package(data, size, error);
	if (!ods->zip)
		return ods_close(ods);
	if (zip_name_locate(ods->zip, "content.xml", 0) < 0) {
		if (zip_name_locate(ods->zip, "xl/workbook.xml", 0) >= 0)
			say(error, "it is an Excel workbook; save it as OpenDocument spreadsheet "
				   "(.ods) or CSV");
		else
			say(error,
			    "it is no OpenDocument spreadsheet: it has no content.xml inside");
		return ods_close(ods);
	}
	return ods;
}

struct ods *ods_close(struct ods *ods)
{
	if (ods && ods->zip)
		zip_discard(ods->zip);
	free(ods);
	return NULL;
}

/* Two digits and what stands before them. */
static bool take_two(const char **text, char before, int max, int *ret_number)
{
	const char *p = *text;

	if (p[0] != before || p[1] < '0' || p[1] > '9' || p[2] < '0' || p[2] > '9')
		return false;
	*ret_number = (p[1] - '0') * 10 + (p[2] - '0');
	*text = p + 3;
	return *ret_number <= max;
}

/* RFC 3339 as meta.xml has it; seconds, fraction and zone may be absent. */
static bool time_of(const char *text, int64_t *ret_ms)
{
	char date[11];
	int32_t day;
	int hour = 0, minute = 0, second = 0, zone_hour = 0, zone_minute = 0;
	int zone_sign = 0;

	if (strlen(text) < 10)
		return false;
	memcpy(date, text, 10);
	date[10] = '\0';
	text += 10;
	if (!table_day_of_text(date, &day))
		return false;
	if (*text == 'T' &&
	    (!take_two(&text, 'T', 23, &hour) || !take_two(&text, ':', 59, &minute)))
		return false;
	if (*text == ':' && !take_two(&text, ':', 60, &second))
		return false;
	if (*text == '.')
		text += 1 +
			strspn(text + 1,
			       "0123456789"); /* LibreOffice writes nanoseconds: no matter here */
	if (*text == '+' || *text == '-') {
		zone_sign = *text == '+' ? 1 : -1;
		if (!take_two(&text, *text, 23, &zone_hour) ||
		    !take_two(&text, ':', 59, &zone_minute))
			return false;
	} else if (*text == 'Z') {
		text++;
	}
	if (*text != '\0')
		return false;
	*ret_ms = day * STRAIT_DAY_MS + ((int64_t)(hour - zone_sign * zone_hour) * 3600 +
					 (minute - zone_sign * zone_minute) * 60 + second) *
						1000;
	return true;
}

bool ods_saved_ms(struct ods *ods, int64_t *ret_ms)
{
	char ignored[ODS_ERROR_MAX]; /* a broken meta.xml says no time, and is no reason to lose the
					figures */
	struct reader *reader = calloc(1, sizeof(*reader));
	bool found = false;

	if (reader) {
		reader->error = ignored;
		reader->wants_date = true;
		found = parse_entry(ods, reader, "meta.xml") == 0 &&
			time_of(reader->date.bytes, ret_ms);
	}
	free(reader);
	return found;
}

int ods_read(struct ods *ods, const struct ods_handler *handler, char *error)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	int result;

	if (!reader) {
		say(error, "out of memory");
		return -ENOMEM;
	}
	reader->error = error;
	reader->handler = handler;
	result = parse_entry(ods, reader, "content.xml");
	free(reader);
	return result;
}
