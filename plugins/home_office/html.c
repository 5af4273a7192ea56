/* SPDX-License-Identifier: MIT
 *
 * html.c - cuts a web page into metas, blocks of prose and table rows, on the SAX events of
 * libxml2's HTML parser. Worker process only.
 *
 * Owns the state of one page. Invariant: text that stands in different elements is never joined to
 * one number: only elements that cannot change what a number says (links, emphasis) are looked
 * through. Must never fetch anything, nor build a tree.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libxml/HTMLparser.h>
#include <libxml/parserInternals.h>

#include "html.h"
#include "html_bytes.h"

/* What an element does to the text in it. */
enum role {
	ROLE_BLOCK = 0, /* also every element that has no name below */
	ROLE_INLINE,	/* its text is part of what is round it */
	ROLE_APART,	/* the same, but set apart by a blank: "255<sup>1</sup>" is not 2551 */
	ROLE_PASSED_OVER,
	ROLE_META,
	ROLE_TABLE,
	ROLE_ROW,
	ROLE_CELL,
};

static const char *const inline_names[] = { "a", "abbr", "b",	   "em", "font",
					    "i", "span", "strong", "u",	 NULL };
static const char *const apart_names[] = { "code",  "del",    "ins", "mark", "q",    "s",
					   "small", "strike", "sub", "sup",  "time", NULL };
static const char *const passed_over_names[] = { "noscript", "script",	 "style",
						 "svg",	     "template", NULL };
static const char *const meta_names[] = { "meta", NULL };
static const char *const table_names[] = { "table", NULL };
static const char *const row_names[] = { "tr", NULL };
static const char *const cell_names[] = { "td", "th", NULL };

static const char *const *const names_of_role[] = {
	[ROLE_INLINE] = inline_names,
	[ROLE_APART] = apart_names,
	[ROLE_PASSED_OVER] = passed_over_names,
	[ROLE_META] = meta_names,
	[ROLE_TABLE] = table_names,
	[ROLE_ROW] = row_names,
	[ROLE_CELL] = cell_names,
};
#define ROLE_COUNT (sizeof(names_of_role) / sizeof(names_of_role[0]))

/* Text being gathered, blanks put right on the way. */
struct gather {
	char *text;
	size_t size; /* of the buffer */
	size_t used;
	uint64_t offset; /* of what the first character stands in */
	bool gap;	 /* a blank is due before the next character */
	bool cut;
};

struct html {
	const struct html_handler *handler;
	htmlParserCtxtPtr parser;
	const char *data; /* as it is parsed: `size` bytes and a newline */
	size_t size;
	char *error;
	int result;

	unsigned int depth;
	unsigned int passed_over; /* open elements from the outermost one that is passed over */
	unsigned int table_depth, table_count;

	bool row_open, cell_open;
	uint32_t row; /* of the current table */
	uint64_t row_offset;
	unsigned int column, span; /* of the open cell; the next cell's when none is open */
	unsigned int rows_below;   /* that the open cell reaches into */
	unsigned int taken[TABLE_COLUMNS_MAX]; /* so many more rows by a cell above */
	struct table_cell cells[TABLE_COLUMNS_MAX];
	uint64_t offsets[TABLE_COLUMNS_MAX];
	char texts[TABLE_COLUMNS_MAX][TABLE_TEXT_MAX];

	struct gather cell, block;
	char block_text[HTML_TEXT_MAX];
};

static enum role role_of(const char *name)
{
	for (size_t role = ROLE_INLINE; role < ROLE_COUNT; role++)
		for (const char *const *names = names_of_role[role]; *names; names++)
			if (strcasecmp(*names, name) == 0)
				return (enum role)role;
	return ROLE_BLOCK;
}

static void stop(struct html *html, int result, const char *why)
{
	if (html->result)
		return;
	html->result = result;
	(void)snprintf(html->error, HTML_ERROR_MAX, "%s", why);
	xmlStopParser(html->parser);
}

/* How far the parser is in the bytes; past `size` only once the page is over. */
static size_t position(const struct html *html)
{
	const xmlParserInput *input = html->parser->input;

	return input ? (size_t)input->consumed + (size_t)(input->cur - input->base)
		     : html->size + 1;
}

/* Where the tag begins that the parser has just read the attributes of. */
static uint64_t tag_offset(const struct html *html)
{
	size_t at = position(html);
	const char *tag = memrchr(html->data, '<', at < html->size ? at : html->size);

	return tag ? (uint64_t)(tag - html->data) : 0;
}

/* An element that the end of the page closes is not closed. */
static bool is_closed(const struct html *html)
{
	return position(html) <= html->size;
}

/* ── text ────────────────────────────────────────────────────────────────────────────────────── */

static void gather_start(struct gather *gather, char *text, size_t size, uint64_t offset)
{
	*gather = (struct gather){ .text = text, .size = size, .offset = offset };
	text[0] = '\0';
}

static size_t character_size(const char *text, size_t size)
{
	size_t length = 1;

	while (length < size && ((unsigned char)text[length] & 0xc0) == 0x80)
		length++;
	return length;
}

static void gather_add(struct gather *gather, const char *text, size_t size)
{
	while (size && !gather->cut) {
		size_t length = character_size(text, size);
		bool blank = (unsigned char)*text <= ' ' || *text == '\x7f' ||
			     (length == 2 && memcmp(text, "\xc2\xa0", 2) == 0);

		if (blank) {
			gather->gap = gather->used > 0;
		} else if (gather->used + gather->gap + length >= gather->size) {
			gather->cut = true;
		} else {
			if (gather->gap)
				gather->text[gather->used++] = ' ';
			memcpy(gather->text + gather->used, text, length);
			gather->used += length;
			gather->gap = false;
		}
		text += length;
		size -= length;
	}
	gather->text[gather->used] = '\0';
}

static void end_block(struct html *html, bool closed)
{
	if (html->block.used)
		html->handler->block(html->handler->context,
				     &(struct html_block){ .text = html->block.text,
							   .offset = html->block.offset,
							   .cut = html->block.cut,
							   .closed = closed });
	gather_start(&html->block, html->block_text, sizeof(html->block_text), 0);
}

/* ── tables ──────────────────────────────────────────────────────────────────────────────────── */

static void put_cell(struct html *html, const struct table_cell *cell, uint64_t offset)
{
	html->cells[html->column] = *cell;
	html->offsets[html->column] = offset;
	html->column++;
}

/* Passes over the columns that cells of rows above reach into. */
static void pass_taken(struct html *html)
{
	while (html->column < TABLE_COLUMNS_MAX && html->taken[html->column]) {
		html->taken[html->column]--;
		put_cell(html, &(struct table_cell){ .type = TABLE_EMPTY, .text = "" },
			 html->row_offset);
	}
}

static void end_cell(struct html *html)
{
	struct table_cell cell = { .type = TABLE_EMPTY, .cut = html->cell.cut, .text = "" };

	if (!html->cell_open)
		return;
	html->cell_open = false;
	for (unsigned int i = 0; i < html->span && html->column < TABLE_COLUMNS_MAX; i++) {
		bool first = i == 0;

		cell.text = first ? html->cell.text : "";
		cell.cut = first && html->cell.cut;
		cell.type = first && html->cell.used ? TABLE_TEXT : TABLE_EMPTY;
		html->taken[html->column] = html->rows_below;
		put_cell(html, &cell, html->cell.offset);
	}
}

static void end_row(struct html *html)
{
	struct table_row row = { .cells = html->cells,
				 .row = html->row,
				 .sheet = html->table_count - 1,
				 .offset = html->row_offset,
				 .offsets = html->offsets };

	if (!html->row_open)
		return;
	end_cell(html);
	pass_taken(html);
	for (unsigned int i = html->column; i < TABLE_COLUMNS_MAX; i++)
		html->taken[i] -= html->taken[i] > 0;
	for (unsigned int i = 0; i < html->column; i++)
		if (html->cells[i].type != TABLE_EMPTY)
			row.count = i + 1;
	html->row_open = false;
	html->row++;
	if (row.count)
		html->handler->row(html->handler->context, &row);
}

static void start_row(struct html *html)
{
	end_row(html);
	html->row_open = true;
	html->row_offset = tag_offset(html);
	html->column = 0;
}

/* A number from 1 to max in an attribute; 1 when it has none. */
static unsigned int number_of(const xmlChar **attributes, const char *name, unsigned int max)
{
	for (; attributes && attributes[0]; attributes += 2) {
		unsigned int number = 0;

		if (!attributes[1] || strcasecmp((const char *)attributes[0], name) != 0)
			continue;
		for (const xmlChar *c = attributes[1]; *c >= '0' && *c <= '9' && number <= max; c++)
			number = number * 10 + (unsigned int)(*c - '0');
		return number < 1 ? 1 : number < max ? number : max;
	}
	return 1;
}

static void start_cell(struct html *html, const xmlChar **attributes)
{
	unsigned int column;

	if (html->row_open)
		end_cell(html);
	else
		start_row(html);
	pass_taken(html);
	html->span = number_of(attributes, "colspan", TABLE_COLUMNS_MAX);
	html->rows_below = number_of(attributes, "rowspan", HTML_ROWSPAN_MAX) - 1;
	html->cell_open = true;
	column = html->column < TABLE_COLUMNS_MAX ? html->column : TABLE_COLUMNS_MAX - 1;
	if (html->column < TABLE_COLUMNS_MAX)
		gather_start(&html->cell, html->texts[column], TABLE_TEXT_MAX, tag_offset(html));
	else /* too far right: it goes to where prose is not looked for, and is dropped */
		gather_start(&html->cell, html->block_text, sizeof(html->block_text), 0);
}

static void end_table(struct html *html, bool closed)
{
	if (html->table_depth == 1) {
		end_row(html);
		html->handler->table_end(html->handler->context, closed);
		gather_start(&html->block, html->block_text, sizeof(html->block_text), 0);
	}
	html->table_depth -= html->table_depth > 0;
}

static void start_table(struct html *html)
{
	if (++html->table_depth > 1)
		return;
	html->table_count++;
	html->row = 0;
	html->row_open = html->cell_open = false;
	memset(html->taken, 0, sizeof(html->taken));
}

/* ── events ──────────────────────────────────────────────────────────────────────────────────── */

static void read_meta(struct html *html, const xmlChar **attributes)
{
	const char *name = NULL, *content = NULL;

	for (; attributes && attributes[0]; attributes += 2) {
		const char *attribute = (const char *)attributes[0];
		const char *value = (const char *)attributes[1];

		if (strcasecmp(attribute, "content") == 0)
			content = value;
		else if (strcasecmp(attribute, "name") == 0 ||
			 strcasecmp(attribute, "property") == 0)
			name = value;
	}
	if (name && content)
		html->handler->meta(html->handler->context, name, content);
}

/* A boundary between two texts. */
static void set_apart(struct html *html)
{
	struct gather *gather = html->cell_open ? &html->cell : &html->block;

	gather->gap = gather->used > 0;
}

static void break_off(struct html *html)
{
	if (html->table_depth)
		set_apart(html);
	else
		end_block(html, is_closed(html));
}

static void on_start(void *user, const xmlChar *name, const xmlChar **attributes)
{
	struct html *html = user;
	enum role role = role_of((const char *)name);

	if (html->result)
		return;
	if (++html->depth > HTML_DEPTH_MAX) {
		stop(html, -EBADMSG, "elements are nested too deeply");
		return;
	}
	if (html->passed_over || role == ROLE_PASSED_OVER) {
		html->passed_over++;
		return;
	}
	switch (role) {
	case ROLE_INLINE:
		break;
	case ROLE_APART:
		set_apart(html);
		break;
	case ROLE_BLOCK:
	case ROLE_PASSED_OVER:
		break_off(html);
		break;
	case ROLE_META:
		read_meta(html, attributes);
		break;
	case ROLE_TABLE:
		break_off(html);
		start_table(html);
		break;
	case ROLE_ROW:
		if (html->table_depth == 1)
			start_row(html);
		else
			break_off(html);
		break;
	case ROLE_CELL:
		if (html->table_depth == 1)
			start_cell(html, attributes);
		else
			break_off(html);
		break;
	}
}

static void on_end(void *user, const xmlChar *name)
{
	struct html *html = user;

	if (html->result)
		return;
	html->depth -= html->depth > 0;
	if (html->passed_over) {
		html->passed_over--;
		return;
	}
	switch (role_of((const char *)name)) {
	case ROLE_INLINE:
	case ROLE_META:
		break;
	case ROLE_APART:
		set_apart(html);
		break;
	case ROLE_BLOCK:
	case ROLE_PASSED_OVER:
		break_off(html);
		break;
	case ROLE_TABLE:
		end_table(html, is_closed(html));
		break;
	case ROLE_ROW:
		if (html->table_depth == 1)
			end_row(html);
		break;
	case ROLE_CELL:
		if (html->table_depth == 1)
			end_cell(html);
		break;
	}
}

static void on_text(void *user, const xmlChar *text, int size)
{
	struct html *html = user;

	if (html->result || html->passed_over || size <= 0)
		return;
	if (html->cell_open) {
		gather_add(&html->cell, (const char *)text, (size_t)size);
	} else if (!html->table_depth) {
		bool empty = !html->block.used;

		gather_add(&html->block, (const char *)text, (size_t)size);
		if (empty)
			html->block.offset = tag_offset(html);
	}
}

/* What scripts and styles hold. */
static void on_script(void *user, const xmlChar *text, int size)
{
	(void)user;
	(void)text;
	(void)size;
}

static void on_error(void *user, const char *format, ...)
{
	(void)user; /* pages are full of errors; what matters is whether the figures are there */
	(void)format;
}

/* ── the page ────────────────────────────────────────────────────────────────────────────────── */

static int parse(struct html *html)
{
	htmlSAXHandler events = {
		.startElement = on_start,
		.endElement = on_end,
		.characters = on_text,
		.ignorableWhitespace = on_text,
		.cdataBlock = on_script,
		.warning = on_error,
		.error = on_error,
		.fatalError = on_error,
	};

	html->parser = htmlCreateMemoryParserCtxt(html->data, (int)html->size + 1);
	if (!html->parser)
		return -ENOMEM;
	*html->parser->sax = events;
	html->parser->userData = html;
	/* The encoding is settled: a meta element must not change it in the middle. */
	(void)htmlCtxtUseOptions(html->parser, HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
						       HTML_PARSE_NONET | HTML_PARSE_IGNORE_ENC);
	(void)xmlSwitchEncoding(html->parser, XML_CHAR_ENCODING_UTF8);
	gather_start(&html->block, html->block_text, sizeof(html->block_text), 0);
	(void)htmlParseDocument(html->parser); /* says only that the page has errors */
	if (!html->result && html->parser->errNo == XML_ERR_NO_MEMORY)
		html->result = -ENOMEM;
	if (!html->result) {
		while (html->table_depth)
			end_table(html, false);
		end_block(html, false);
	}
	htmlFreeParserCtxt(html->parser);
	return html->result;
}

int html_read(const char *data, size_t size, const struct html_handler *handler, char *error)
{
	struct html *html = NULL;
	char *copy = NULL;
	int result = -ENOMEM;

	if (size > HTML_FILE_MAX_BYTES) {
		(void)snprintf(error, HTML_ERROR_MAX, "the page is larger than %u MiB",
			       HTML_FILE_MAX_BYTES >> 20);
		return -EFBIG;
	}
	html = calloc(1, sizeof(*html));
	copy = malloc(size + 2);
	if (html && copy) {
		memcpy(copy, data, size);
		html_blank_what_is_no_text((unsigned char *)copy, size);
		memcpy(copy + size, "\n", 2); /* position() passes size only when all was read */
		html->handler = handler;
		html->data = copy;
		html->size = size;
		html->error = error;
		result = html_tags_are_bounded(copy, copy + size) ? parse(html) : -EBADMSG;
		if (result == -EBADMSG && !*error)
			(void)snprintf(error, HTML_ERROR_MAX, "a single tag has more than %u parts",
				       HTML_TAG_PARTS_MAX);
	}
	if (result == -ENOMEM)
		(void)snprintf(error, HTML_ERROR_MAX, "out of memory");
	free(copy);
	free(html);
	return result;
}
