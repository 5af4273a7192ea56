/* SPDX-License-Identifier: MIT
 *
 * spreadsheet.c - packs XML into OpenDocument files in memory, for tests. Owns nothing. Must never
 * correct what a test asks for: wrong documents are the point.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zip.h>

#include "spreadsheet.h"

static const char namespaces[] =
	"xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" "
	"xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" "
	"xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" "
	"xmlns:dc=\"http://purl.org/dc/elements/1.1/\"";

static void must(int good)
{
	if (good)
		return;
	fputs("spreadsheet: out of memory\n", stderr);
	abort();
}

static void add(zip_t *zip, const char *name, const char *text, size_t size)
{
	zip_source_t *source = zip_source_buffer(zip, text, size, 0);

	must(source && zip_file_add(zip, name, source, 0) >= 0);
}

struct spreadsheet spreadsheet_package(const char *name, const char *text, size_t size,
				       const char *name2, const char *text2)
{
	struct spreadsheet made;
	zip_error_t why;
	zip_source_t *source;
	zip_stat_t stat;
	zip_t *zip;

	zip_error_init(&why);
	source = zip_source_buffer_create(NULL, 0, 0, &why);
	zip = zip_open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, &why);
	must(zip != NULL);
	zip_source_keep(source);
	if (name)
		add(zip, name, text, size);
	if (name2)
		add(zip, name2, text2, strlen(text2));
	must(zip_close(zip) == 0 && zip_source_stat(source, &stat) == 0);
	made.size = (size_t)stat.size;
	made.data = malloc(made.size);
	must(made.data && zip_source_open(source) == 0);
	must(zip_source_read(source, made.data, made.size) == (zip_int64_t)made.size);
	zip_source_close(source);
	zip_source_free(source);
	zip_error_fini(&why);
	return made;
}

struct spreadsheet spreadsheet_make(const char *sheets, const char *saved)
{
	char *content = NULL, *meta = NULL;
	struct spreadsheet made;

	must(asprintf(&content,
		      "<?xml version=\"1.0\"?><office:document-content %s><office:body>"
		      "<office:spreadsheet>%s</office:spreadsheet></office:body>"
		      "</office:document-content>",
		      namespaces, sheets) >= 0);
	must(asprintf(&meta,
		      "<?xml version=\"1.0\"?><office:document-meta %s><office:meta>"
		      "<dc:date>%s</dc:date></office:meta></office:document-meta>",
		      namespaces, saved ? saved : "") >= 0);
	made = spreadsheet_package("content.xml", content, strlen(content),
				   saved ? "meta.xml" : NULL, meta);
	free(content);
	free(meta);
	return made;
}
