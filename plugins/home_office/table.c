/* SPDX-License-Identifier: MIT
 *
 * table.c - cells to values: counts, dates, header names. Worker process only.
 *
 * Owns nothing; every function is pure. Invariant: a cell that cannot be read for certain is
 * unreadable, never a guess and never zero. Must never depend on the locale or the time zone.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "strait/csv.h"
#include "strait/date.h"
#include "strait/plugin.h"

#include "table.h"

static const struct table_cell empty_cell = { .type = TABLE_EMPTY, .text = "" };

static const char *const month_names[12] = { "january",	  "february", "march",	  "april",
					     "may",	  "june",     "july",	  "august",
					     "september", "october",  "november", "december" };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Length of the blank at text: an ASCII one, or U+00A0, which office programs put into headers; 0 =
 * no blank. */
static size_t blank_size(const char *text)
{
	if (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\r')
		return 1;
	return text[0] == '\xc2' && text[1] == '\xa0' ? 2 : 0;
}

static const char *skip_blanks(const char *text)
{
	while (blank_size(text))
		text += blank_size(text);
	return text;
}

/* Reads min to max digits; a further digit is an error. */
static bool take_number(const char **text, unsigned int min, unsigned int max, int *ret_number)
{
	unsigned int digits = 0;
	int number = 0;

	while (is_digit((*text)[digits]) && digits < max)
		number = number * 10 + ((*text)[digits++] - '0');
	if (digits < min || is_digit((*text)[digits]))
		return false;
	*text += digits;
	*ret_number = number;
	return true;
}

static bool take_month_name(const char **text, int *ret_month)
{
	for (int i = 0; i < 12; i++) {
		size_t full = strlen(month_names[i]);
		size_t size = strncasecmp(*text, month_names[i], full) == 0 ? full : 3;

		if (strncasecmp(*text, month_names[i], size) == 0) {
			*text += size;
			*ret_month = i + 1;
			return true;
		}
	}
	return false;
}

/* The rest after an ISO date: nothing, or a time of day, which a date cell has as midnight. */
static bool only_a_time_follows(const char *text)
{
	if (*text != 'T' && *text != ' ')
		return *skip_blanks(text) == '\0';
	return text[strspn(text, "T 0123456789:.Z+")] == '\0';
}

bool table_day_of_text(const char *text, int32_t *ret_day)
{
	int year, month, day;
	const char *p = skip_blanks(text);
	const char *start = p;

	if (take_number(&p, 4, 4, &year) && *p == '-') { /* 2020-09-02 */
		p++;
		if (!take_number(&p, 2, 2, &month) || *p++ != '-' || !take_number(&p, 2, 2, &day) ||
		    !only_a_time_follows(p))
			return false;
	} else {
		p = start;
		if (!take_number(&p, 1, 2, &day))
			return false;
		if (*p == '/') { /* 02/09/2020: these are British documents, the day is first */
			p++;
			if (!take_number(&p, 1, 2, &month) || *p++ != '/')
				return false;
		} else { /* 2 September 2020 */
			if (!blank_size(p))
				return false;
			p = skip_blanks(p);
			if (!take_month_name(&p, &month) || !blank_size(p))
				return false;
			p = skip_blanks(p);
		}
		if (!take_number(&p, 4, 4, &year) || *skip_blanks(p) != '\0')
			return false;
	}
	if (!strait_is_date(year, month, day))
		return false;
	*ret_day = strait_day(year, month, day);
	return true;
}

bool table_day(const struct table_cell *cell, int32_t *ret_day)
{
	switch (cell->type) {
	case TABLE_DATE:
		*ret_day = cell->day;
		return true;
	case TABLE_TEXT:
		return !cell->cut && table_day_of_text(cell->text, ret_day);
	case TABLE_EMPTY:
	case TABLE_NUMBER:
		return false;
	}
	return false;
}

static enum table_value count_of_text(const struct table_cell *cell, int64_t max,
				      int64_t *ret_count)
{
	struct strait_csv_field field = { .data = cell->text,
					  .size = (uint32_t)strlen(cell->text) };
	int64_t count;

	if (cell->cut)
		return TABLE_UNREADABLE;
	if (strait_csv_missing(&field))
		return TABLE_MISSING;
	if (!strait_csv_integer(&field, &count) || count < 0 || count >= max)
		return TABLE_UNREADABLE;
	*ret_count = count;
	return TABLE_COUNT;
}

enum table_value table_count(const struct table_cell *cell, int64_t max, int64_t *ret_count)
{
	switch (cell->type) {
	case TABLE_EMPTY:
		return TABLE_MISSING;
	case TABLE_NUMBER:
		if (!(cell->number >= 0 && cell->number < (double)max) ||
		    floor(cell->number) != cell->number)
			return TABLE_UNREADABLE;
		*ret_count = (int64_t)cell->number;
		return TABLE_COUNT;
	case TABLE_TEXT:
		return count_of_text(cell, max, ret_count);
	case TABLE_DATE:
		return TABLE_UNREADABLE;
	}
	return TABLE_UNREADABLE;
}

const struct table_cell *table_cell(const struct table_row *row, int column)
{
	return column >= 0 && (unsigned int)column < row->count ? &row->cells[column] : &empty_cell;
}

unsigned int table_filled(const struct table_row *row)
{
	unsigned int filled = 0;

	for (unsigned int i = 0; i < row->count; i++)
		filled += row->cells[i].type != TABLE_EMPTY;
	return filled;
}

uint64_t table_at(const struct table_row *row, int column)
{
	if (!row->in_sheet && row->offsets && column >= 0 && (unsigned int)column < row->count)
		return strait_at_offset(row->offsets[column]);
	if (!row->in_sheet)
		return strait_at_offset(row->offset);
	return strait_at_cell(row->sheet, row->row, column > 0 ? (unsigned int)column : 0);
}

bool table_name_equals(const char *text, const char *name)
{
	text = skip_blanks(text);
	for (;;) {
		const char *after = skip_blanks(text);

		if (*name == '\0') /* what may follow: a mark like "[note 2]" */
			return *after == '\0' || (*after == '[' && after[strlen(after) - 1] == ']');
		if (*name == ' ') {
			if (after == text)
				return false;
			text = after;
			name++;
			continue;
		}
		if (lower(*text) != lower(*name))
			return false;
		text++;
		name++;
	}
}

int table_column(const struct table_row *row, const char *const *names, size_t name_count)
{
	for (size_t n = 0; n < name_count && names[n]; n++)
		for (unsigned int i = 0; i < row->count; i++)
			if (row->cells[i].type == TABLE_TEXT && !row->cells[i].cut &&
			    table_name_equals(row->cells[i].text, names[n]))
				return (int)i;
	return -1;
}

/* May be meant as a date, readable or not: "31/02/2020", "2020-13-01", "2 Septembre 2020"; but not
 * "1. Provisional". */
static bool resembles_a_date(const char *text)
{
	enum { DATE_TEXT_MAX = 24 };
	const char *after;

	text = skip_blanks(text);
	after = text + strspn(text, "0123456789");
	return after != text && strlen(text) <= DATE_TEXT_MAX &&
	       (*after == '/' || *after == '-' || blank_size(after));
}

bool table_is_remark(const struct table_row *row)
{
	for (unsigned int i = 0; i < row->count; i++) {
		const struct table_cell *cell = &row->cells[i];

		if (cell->type != TABLE_EMPTY)
			return table_filled(row) == 1 && cell->type == TABLE_TEXT &&
			       !resembles_a_date(cell->text);
	}
	return true; /* nothing at all */
}

const char *table_describe(const struct table_row *row, char *buffer, size_t size)
{
	static const char more[] = "…";
	size_t used = 0;

	buffer[0] = '\0';
	for (unsigned int i = 0; i < row->count; i++) {
		const char *text = row->cells[i].text;
		const char *separator = used ? " | " : "";

		if (row->cells[i].type == TABLE_EMPTY)
			continue;
		if (used + strlen(separator) + strlen(text) + sizeof(more) > size) {
			(void)snprintf(buffer + used, size - used, "%s%s", separator, more);
			return buffer;
		}
		used += (size_t)snprintf(buffer + used, size - used, "%s%s", separator, text);
	}
	return buffer;
}
