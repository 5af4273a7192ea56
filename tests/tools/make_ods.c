/* SPDX-License-Identifier: MIT
 *
 * make_ods.c - a small text → an OpenDocument spreadsheet as the Home Office's office program
 * writes them, padding and all. For the demo and the tests; no part of straitd, linked with libzip
 * alone. The same text gives the same bytes.
 *
 *   make_ods FROM.sheets TO.ods [PUBLISHED]
 *
 * FROM has comma-separated lines without quotes; lines that begin with # are remarks:
 *   published,2020-09-02T20:00:00Z      the time of saving that goes into meta.xml, unless
 * PUBLISHED says another sheet,SB_01                         begins a sheet; the lines after it are
 * its rows 2020-09-02,409,27,-                 a date, numbers, text; an empty field is an absent
 * cell
 *
 * Must never write what the real files do not have, except wrong content that a test asks for.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zip.h>

#define LINE_MAX_BYTES 1024
#define SHEET_COLUMNS  16384u
#define SHEET_ROWS     1048576u
#define EPOCH_1980     315532800 /* the earliest time that a zip file can say */

static const char mimetype[] = "application/vnd.oasis.opendocument.spreadsheet";

static const char manifest[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
	"<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\" "
	"manifest:version=\"1.3\">"
	"<manifest:file-entry manifest:full-path=\"/\" "
	"manifest:media-type=\"application/vnd.oasis.opendocument.spreadsheet\"/>"
	"<manifest:file-entry manifest:full-path=\"content.xml\" manifest:media-type=\"text/xml\"/>"
	"<manifest:file-entry manifest:full-path=\"meta.xml\" manifest:media-type=\"text/xml\"/>"
	"</manifest:manifest>";

static const char content_begin[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
	"<office:document-content xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" "
	"xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" "
	"xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" office:version=\"1.3\">"
	"<office:body><office:spreadsheet>";

static const char content_end[] = "</office:spreadsheet></office:body></office:document-content>";

struct output {
	FILE *stream; /* into text */
	char *text;
	size_t size;
	bool in_sheet;
	unsigned int rows; /* of the current sheet */
};

static void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void die(const char *format, ...)
{
	va_list arguments;

	fputs("make_ods: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static void put_escaped(FILE *stream, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", stream);
			break;
		case '<':
			fputs("&lt;", stream);
			break;
		case '"':
			fputs("&quot;", stream);
			break;
		default:
			fputc(*text, stream);
		}
	}
}

static bool is_number(const char *text)
{
	return *text && text[strspn(text, "0123456789.")] == '\0';
}

static bool is_iso_date(const char *text)
{
	return strlen(text) == 10 && text[4] == '-' && text[7] == '-' &&
	       text[strspn(text, "0123456789-")] == '\0';
}

static void put_cell(FILE *stream, const char *text)
{
	if (!*text) {
		fputs("<table:table-cell/>", stream);
	} else if (is_iso_date(text)) {
		fprintf(stream,
			"<table:table-cell office:value-type=\"date\" "
			"office:date-value=\"%sT00:00:00\">"
			"<text:p>%.2s/%.2s/%.4s</text:p></table:table-cell>",
			text, text + 8, text + 5, text);
	} else if (is_number(text)) {
		fprintf(stream,
			"<table:table-cell office:value-type=\"float\" office:value=\"%s\">"
			"<text:p>%s</text:p></table:table-cell>",
			text, text);
	} else {
		fputs("<table:table-cell office:value-type=\"string\"><text:p>", stream);
		put_escaped(stream, text);
		fputs("</text:p></table:table-cell>", stream);
	}
}

static void put_row(struct output *output, char *line)
{
	unsigned int columns = 0;
	char *rest = line;
	char *field;

	fputs("<table:table-row>", output->stream);
	while ((field = strsep(&rest, ","))) {
		put_cell(output->stream, field);
		columns++;
	}
	fprintf(output->stream,
		"<table:table-cell table:number-columns-repeated=\"%u\"/></table:table-row>",
		SHEET_COLUMNS - columns);
	output->rows++;
}

/* The empty rest of the sheet, of which it has about a million rows of 16,384 cells. */
static void end_sheet(struct output *output)
{
	if (output->in_sheet)
		fprintf(output->stream,
			"<table:table-row table:number-rows-repeated=\"%u\"><table:table-cell "
			"table:number-columns-repeated=\"%u\"/></table:table-row></table:table>",
			SHEET_ROWS - output->rows, SHEET_COLUMNS);
	output->in_sheet = false;
}

static void begin_sheet(struct output *output, const char *name)
{
	end_sheet(output);
	output->in_sheet = true;
	output->rows = 0;
	fputs("<table:table table:name=\"", output->stream);
	put_escaped(output->stream, name);
	fprintf(output->stream, "\"><table:table-column table:number-columns-repeated=\"%u\"/>",
		SHEET_COLUMNS);
}

/* Fills output; published is what the file says, "" if it does not. */
static void read_sheets(const char *path, struct output *output, char published[LINE_MAX_BYTES])
{
	char line[LINE_MAX_BYTES];
	unsigned int number = 0;
	FILE *from = fopen(path, "re");

	if (!from)
		die("cannot open '%s'", path);
	while (fgets(line, sizeof(line), from)) {
		number++;
		if (!strchr(line, '\n'))
			die("%s:%u: the line is too long or does not end", path, number);
		line[strcspn(line, "\r\n")] = '\0';
		if (*line == '#' || *line == '\0')
			continue;
		if (strncmp(line, "published,", 10) == 0)
			snprintf(published, LINE_MAX_BYTES, "%s", line + 10);
		else if (strncmp(line, "sheet,", 6) == 0)
			begin_sheet(output, line + 6);
		else if (output->in_sheet)
			put_row(output, line);
		else
			die("%s:%u: a row before the first 'sheet,NAME' line", path, number);
	}
	fclose(from);
	end_sheet(output);
}

static void add(zip_t *zip, const char *name, const char *text, size_t size, zip_int32_t method)
{
	zip_source_t *source = zip_source_buffer(zip, text, size, 0);
	zip_int64_t index = source ? zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8) : -1;

	if (index < 0 || zip_set_file_compression(zip, (zip_uint64_t)index, method, 0) < 0 ||
	    zip_file_set_mtime(zip, (zip_uint64_t)index, EPOCH_1980, 0) < 0)
		die("cannot add %s: %s", name, zip_strerror(zip));
}

static void write_package(const char *path, const char *meta, const struct output *output)
{
	int error = 0;
	zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &error);

	if (!zip)
		die("cannot write '%s' (libzip error %d)", path, error);
	add(zip, "mimetype", mimetype, strlen(mimetype),
	    ZIP_CM_STORE); /* first and stored, as the format asks */
	add(zip, "content.xml", output->text, output->size, ZIP_CM_DEFLATE);
	add(zip, "meta.xml", meta, strlen(meta), ZIP_CM_DEFLATE);
	add(zip, "META-INF/manifest.xml", manifest, strlen(manifest), ZIP_CM_DEFLATE);
	if (zip_close(zip) < 0)
		die("cannot write '%s': %s", path, zip_strerror(zip));
}

int main(int argc, char **argv)
{
	struct output output = { 0 };
	char published[LINE_MAX_BYTES] = "";
	char meta[2048];

	if (argc != 3 && argc != 4)
		die("usage: make_ods FROM.sheets TO.ods [PUBLISHED]");
	output.stream = open_memstream(&output.text, &output.size);
	if (!output.stream)
		die("out of memory");
	fputs(content_begin, output.stream);
	read_sheets(argv[1], &output, published);
	fputs(content_end, output.stream);
	if (fclose(output.stream) != 0)
		die("out of memory");
	snprintf(
		meta, sizeof(meta),
		"<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
		"<office:document-meta "
		"xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" "
		"xmlns:dc=\"http://purl.org/dc/elements/1.1/\" office:version=\"1.3\"><office:meta>"
		"<dc:date>%s</dc:date></office:meta></office:document-meta>",
		argc == 4 ? argv[3] : published);
	write_package(argv[2], meta, &output);
	free(output.text);
	return 0;
}
