/* SPDX-License-Identifier: MIT
 *
 * table.h - one row of a table, whatever file it came from: what ods.c and csv_table.c hand over
 * and timeseries.c and quarterly.c read. Pure; knows nothing of the host but the form of its
 * locators.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_COLUMNS_MAX 64u /* cells further right are ignored */
#define TABLE_TEXT_MAX                                                                             \
	512u /* bytes of one cell's text with the NUL; longer text is cut and marked */
#define TABLE_HEADER_ROWS                                                                          \
	20u /* the header is looked for in so many rows; titles may stand before it */

enum table_type {
	TABLE_EMPTY = 0,
	TABLE_NUMBER, /* number is set; text is what was shown */
	TABLE_DATE,   /* day is set */
	TABLE_TEXT,
};

struct table_cell {
	enum table_type type;
	bool cut;	  /* text is only the beginning: it must not be read as a value */
	int32_t day;	  /* days since 1970-01-01 */
	double number;	  /* finite */
	const char *text; /* UTF-8, terminated, never NULL */
};

/* Valid during the callback that gets it. */
struct table_row {
	const struct table_cell *cells;
	unsigned int count; /* cells up to the last that is not empty */
	uint32_t row;	    /* from 0 */
	bool in_sheet; /* a spreadsheet: places are cells of `sheet`; else they are byte offsets */
	unsigned int sheet; /* as the host numbers it */
	uint64_t offset;
	const uint64_t *offsets; /* a web page: of each cell; else NULL: they have the row's */
	const char *raw; /* the line as it stands, or NULL: then a cell's text is the extract */
	size_t raw_size;
};

/* What a cell says as a count. */
enum table_value {
	TABLE_COUNT = 1,
	TABLE_MISSING, /* empty, "-", "..", ":", "[z]" …: the source has no value; not zero */
	TABLE_UNREADABLE,
};

/* The empty cell for columns the row does not have (also for column < 0). */
const struct table_cell *table_cell(const struct table_row *row, int column);
unsigned int table_filled(const struct table_row *row); /* cells that are not empty */
/* Locator of a cell for observations and rejects. */
uint64_t table_at(const struct table_row *row, int column);

/* A whole number from 0 to max - 1, thousands commas allowed in text. */
enum table_value table_count(const struct table_cell *cell, int64_t max, int64_t *ret_count);
/* A date cell, or text: 2020-09-02, 2020-09-02T00:00:00, 02/09/2020 (day first), 2 September 2020,
 * 2 Sep 2020. */
bool table_day(const struct table_cell *cell, int32_t *ret_day);
/* The same for text without a cell. */
bool table_day_of_text(const char *text, int32_t *ret_day);

/* Ignoring case, runs of blanks (no-break ones too), and a note mark at the end ("Boats arrived
 * [note 2]"). */
bool table_name_equals(const char *text, const char *name);
/* First column whose text equals one of the names (NULL ends them early), or -1. */
int table_column(const struct table_row *row, const char *const *names, size_t name_count);
/* A remark and no data: one filled cell, of text that does not look like a date. */
bool table_is_remark(const struct table_row *row);
/* "Date | Migrants arrived | Boats arrived", cut with "…" where it does not fit. Returns buffer. */
const char *table_describe(const struct table_row *row, char *buffer, size_t size);
