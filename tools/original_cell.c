/* SPDX-License-Identifier: MIT
 *
 * original_cell.c - cells of an OpenDocument spreadsheet, found as the home_office plugin finds
 * them: by its own reader, which is pure.
 *
 * Process: straitctl. Invariant: a text is only given for the sheet, row and column that were asked
 * for; nothing near by.
 */
#include "original.h"

#include <stdlib.h>
#include <string.h>

#include "home_office/ods.h"

struct search {
	struct original_want *wants;
	size_t count;
	char sheet[ORIGINAL_SHEET_MAX]; /* the present one */
};

static int on_sheet(void *context, const char *name)
{
	struct search *search = context;
	size_t size = strnlen(name, sizeof(search->sheet) - 1);

	memcpy(search->sheet, name, size);
	search->sheet[size] = '\0';
	return 0;
}

static int on_row(void *context, const struct table_row *row)
{
	struct search *search = context;

	for (size_t i = 0; i < search->count; i++) {
		struct original_want *want = &search->wants[i];

		if (!want->place.is_cell || want->text || want->place.row != row->row ||
		    !want->place.sheet[0] || strcmp(want->place.sheet, search->sheet) != 0)
			continue;
		want->text = strndup(
			want->place.column < row->count ? row->cells[want->place.column].text : "",
			ORIGINAL_TEXT_MAX);
	}
	return 0;
}

bool original_cells(const void *data, size_t size, struct original_want *wants, size_t count,
		    char error[ORIGINAL_ERROR_MAX])
{
	struct search search = { .wants = wants, .count = count };
	struct ods_handler handler = { .sheet = on_sheet, .row = on_row, .context = &search };
	struct ods *ods = ods_open(data, size, error);
	int result;

	_Static_assert(ORIGINAL_ERROR_MAX >= ODS_ERROR_MAX, "errors of the reader fit");
	if (!ods)
		return false;
	result = ods_read(ods, &handler, error);
	(void)ods_close(ods);
	return result == 0;
}
