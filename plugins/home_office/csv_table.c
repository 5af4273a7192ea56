/* SPDX-License-Identifier: MIT
 *
 * csv_table.c - turns the shared CSV scanner's slices into cells of text. Worker process only.
 *
 * Owns the texts of one row. Invariant: a field that does not fit is marked as cut. Must never
 * guess a type: what a text means is decided where its column is known.
 */
#include <stdlib.h>
#include <string.h>

#include "strait/csv.h"

#include "csv_table.h"

struct csv_table {
	struct strait_csv *scanner;
	csv_table_row_fn *on_row;
	void *context;
	struct table_cell cells[TABLE_COLUMNS_MAX];
	char texts[TABLE_COLUMNS_MAX][TABLE_TEXT_MAX];
};

static bool is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

static struct table_cell cell_of(const struct strait_csv_field *field, char text[TABLE_TEXT_MAX])
{
	struct table_cell cell = { .type = TABLE_TEXT, .text = text };

	if (!strait_csv_text(field, text, TABLE_TEXT_MAX)) {
		text[0] = '\0';
		cell.cut = true;
	} else if (is_blank(text)) {
		cell.type = TABLE_EMPTY;
	}
	return cell;
}

static int scanned(void *context, const struct strait_csv_row *scanned_row)
{
	struct csv_table *table = context;
	struct table_row row = {
		.cells = table->cells,
		.row = scanned_row->line - 1,
		.offset = scanned_row->offset,
		.raw = scanned_row->raw,
		.raw_size = scanned_row->raw_size,
	};

	for (uint32_t i = 0; i < scanned_row->count && i < TABLE_COLUMNS_MAX; i++) {
		table->cells[i] = cell_of(&scanned_row->fields[i], table->texts[i]);
		if (table->cells[i].type != TABLE_EMPTY)
			row.count = i + 1;
	}
	if (!row.count && !scanned_row->error)
		return 0;
	return table->on_row(table->context, &row, scanned_row->error);
}

struct csv_table *csv_table_new(csv_table_row_fn *on_row, void *context)
{
	struct csv_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->on_row = on_row;
	table->context = context;
	table->scanner = strait_csv_new(',', 0, scanned, table);
	return table->scanner ? table : csv_table_free(table);
}

struct csv_table *csv_table_free(struct csv_table *table)
{
	if (table)
		table->scanner = strait_csv_free(table->scanner);
	free(table);
	return NULL;
}

int csv_table_feed(struct csv_table *table, const char *data, size_t size)
{
	return strait_csv_feed(table->scanner, data, size);
}

int csv_table_end(struct csv_table *table)
{
	return strait_csv_end(table->scanner);
}
