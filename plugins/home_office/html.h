/* SPDX-License-Identifier: MIT
 *
 * html.h - web pages: bytes of HTML → meta elements, blocks of prose, and rows of tables. Pure: no
 * host, no files.
 *
 * The syntax is read by libxml2's HTML parser, which forgives what browsers forgive; no tree is
 * built. Scripts, styles, comments and drawings are passed over. Blanks are as a browser shows
 * them: runs of them, no-break ones too, are one, and none stand at the ends; a cell of U+00A0 is
 * empty. Bytes that are not UTF-8 count as blanks, so that places stay what they are in the file.
 * Everything that a hostile page could blow up has a limit:
 */
#pragma once

#include "table.h"

#define HTML_FILE_MAX_BYTES (8u << 20)
#define HTML_DEPTH_MAX	    256u /* open elements */
#define HTML_TAG_PARTS_MAX                                                                         \
	512u		       /* names and values in one tag; looking for doubles is quadratic    \
				*/
#define HTML_TEXT_MAX	 4096u /* bytes of one block with the NUL; longer ones are cut */
#define HTML_ROWSPAN_MAX 1000u
#define HTML_ERROR_MAX	 256u

/* A block of prose: a paragraph, heading, list item … Valid during the callback. */
struct html_block {
	const char *text; /* UTF-8, terminated, never empty */
	uint64_t offset;  /* of its first byte */
	bool cut;	  /* text is only the beginning */
	bool closed;	  /* false: the page ends inside it */
};

struct html_handler {
	void (*meta)(void *context, const char *name, const char *content);
	void (*block)(void *context, const struct html_block *block);
	/* A row that is not empty. sheet counts the tables of the page, row the rows of the table;
	   a cell that spans others stands in the first, the others are empty. Tables inside a cell
	   are text. */
	void (*row)(void *context, const struct table_row *row);
	void (*table_end)(void *context, bool closed); /* false: the page ends inside it */
	void *context;
};

/* Whether text that begins so is HTML or XML: the first thing in it is a tag. */
bool html_likely(const char *data, size_t size);
/* false: there is a <html> and not its end, as in a page that was not fetched to its end. */
bool html_is_whole(const char *data, size_t size);
/* Hands over the whole page. 0, or -EFBIG, -EBADMSG or -ENOMEM with a sentence in error
 * (HTML_ERROR_MAX bytes). */
int html_read(const char *data, size_t size, const struct html_handler *handler, char *error);
