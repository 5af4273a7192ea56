/* SPDX-License-Identifier: MIT
 *
 * fuzz_html.c - the web page reader of the home_office plugin, without a host; reading_day_text of
 * document.c is here. What a block, a row and a list of days promise (html.h, table.h, page.h) is
 * asserted for each.
 */
// links: plugins/home_office/html*.c plugins/home_office/page_*.c plugins/home_office/table.c
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "home_office/home_office.h"
#include "home_office/page.h"
#include "strait/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct found {
	size_t size;
	uint32_t tables;
	struct page_table table;
	struct page_prose prose;
};

const char *reading_day_text(int32_t day, char buffer[DAY_TEXT_MAX])
{
	int year, month, day_of_month;

	strait_date(day, &year, &month, &day_of_month);
	(void)snprintf(buffer, DAY_TEXT_MAX, "%04d-%02d-%02d", year % 10000, month % 100,
		       day_of_month % 100);
	return buffer;
}

static void assert_text(const char *text, size_t size_max)
{
	size_t size = strlen(text);

	assert(size < size_max);
	assert(!size || (text[0] != ' ' && text[size - 1] != ' '));
	assert(!strstr(text, "  ") && !strchr(text, '\n') && !strstr(text, "\xc2\xa0"));
}

static void on_meta(void *context, const char *name, const char *content)
{
	(void)context;
	assert(name && content);
}

static void on_block(void *context, const struct html_block *block)
{
	struct found *found = context;

	assert_text(block->text, HTML_TEXT_MAX);
	assert(*block->text && block->offset <= found->size);
	page_prose_block(&found->prose, block);
}

static void on_row(void *context, const struct table_row *row)
{
	struct found *found = context;

	assert(row->sheet == found->tables); /* rows of a table come before its end */
	assert(row->count > 0 && row->count <= TABLE_COLUMNS_MAX);
	assert(row->cells[row->count - 1].type == TABLE_TEXT);
	for (unsigned int i = 0; i < row->count; i++) {
		const struct table_cell *cell = &row->cells[i];

		assert_text(cell->text, TABLE_TEXT_MAX);
		assert((cell->type == TABLE_EMPTY) == (*cell->text == '\0'));
		assert(row->offsets[i] <= found->size);
	}
	page_table_row(&found->table, row);
}

static void on_table_end(void *context, bool closed)
{
	struct found *found = context;

	found->tables++;
	page_table_end(&found->table, closed);
}

static void check_days(struct page_days *days)
{
	assert(days->count <= PAGE_DAYS_MAX);
	page_check_days(days, 0, 20000);
	assert(strlen(days->problem) < PAGE_PROBLEM_MAX);
	if (!*days->problem)
		for (unsigned int i = 1; i < days->count; i++)
			assert(days->days[i].day == days->days[i - 1].day + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct found *found = calloc(1, sizeof(*found));
	const struct html_handler handler = { .meta = on_meta,
					      .block = on_block,
					      .row = on_row,
					      .table_end = on_table_end,
					      .context = found };
	char error[HTML_ERROR_MAX] = "";

	assert(found);
	found->size = size;
	(void)html_is_whole((const char *)data, size);
	(void)html_likely((const char *)data, size);
	if (html_read((const char *)data, size, &handler, error) != 0)
		assert(*error);
	check_days(&found->table.days);
	check_days(&found->prose.days);
	free(found);
	return 0;
}
