/* SPDX-License-Identifier: MIT
 *
 * page_table.c - the table of the page "last 7 days": rows to days. Worker process only; pure.
 *
 * Owns nothing but what it fills. Invariant: a table is used only under the very header that is
 * expected, since only names tell people from boats. Must never take an empty cell as zero, nor as
 * "not recorded": the published pages have a number in each.
 */
#include <string.h>

#include "home_office.h"
#include "page.h"

enum column { COLUMN_DATE = 0, COLUMN_VALUES = 1, COLUMN_COUNT = COLUMN_VALUES + PAGE_VALUES_MAX };

const char *const page_table_header[COLUMN_COUNT] = { "Date", "Migrants arrived", "Boats arrived",
						      "Boats involved in uncontrolled landings" };
/* The spreadsheet's name for the last column, in case the page takes it over. */
static const char other_name[] = "Boats arrived - involved in uncontrolled landings";

static bool is_header(struct page_table *table, const struct table_row *row)
{
	for (size_t i = 0; i < COLUMN_COUNT; i++) {
		const char *const names[] = { page_table_header[i],
					      i + 1 == COLUMN_COUNT ? other_name : NULL };

		table->columns[i] = table_column(row, names, 2);
		if (table->columns[i] < 0)
			return false;
	}
	return true;
}

static void read_value(struct page_days *days, const struct table_row *row, int column,
		       struct page_value *ret_value)
{
	const struct table_cell *cell = table_cell(row, column);
	char quote[PAGE_SEEN_MAX];

	*ret_value = (struct page_value){ .offset = table_at(row, column) };
	if (cell->type == TABLE_EMPTY)
		page_problem(days, "expected a count or '-' in each cell; saw none in '%s'",
			     table_describe(row, quote, sizeof(quote)));
	ret_value->says = table_count(cell, COUNT_LIMIT, &ret_value->count);
	strncpy(ret_value->extract, cell->text, sizeof(ret_value->extract) - 1);
}

static void read_day(struct page_table *table, const struct table_row *row)
{
	struct page_days *days = &table->days;
	const struct table_cell *date = table_cell(row, table->columns[COLUMN_DATE]);
	struct page_day *day;
	char quote[PAGE_SEEN_MAX];

	if (days->count == PAGE_DAYS_MAX) {
		page_problem(days, "expected at most %u days; saw more", PAGE_DAYS_MAX);
		return;
	}
	day = &days->days[days->count];
	if (!table_day(date, &day->day)) {
		page_problem(days, "expected a day like '13 July 2026' in each row; saw '%s'",
			     table_describe(row, quote, sizeof(quote)));
		return;
	}
	day->offset = table_at(row, table->columns[COLUMN_DATE]);
	for (unsigned int i = 0; i < PAGE_VALUES_MAX; i++)
		read_value(days, row, table->columns[COLUMN_VALUES + i], &day->values[i]);
	days->count++;
}

void page_table_row(struct page_table *table, const struct table_row *row)
{
	struct page_days *days = &table->days;

	if (!table->any)
		(void)table_describe(row, table->seen, sizeof(table->seen));
	table->any = true;
	if (days->found && row->sheet == table->table) {
		if (!table_is_remark(row))
			read_day(table, row);
	} else if (row->row < TABLE_HEADER_ROWS && is_header(table, row)) {
		if (days->found)
			page_problem(days, "expected one table of days; saw a second one");
		days->found = true;
		table->table = row->sheet;
	}
}

void page_table_end(struct page_table *table, bool closed)
{
	table->days.torn = table->days.torn || !closed;
}
