/* SPDX-License-Identifier: MIT
 *
 * output.h - what straitctl prints: tables for people, one JSON object a line for programs. Colours
 * only on a terminal and without $NO_COLOR; nothing that goes into a pipe is cut, coloured or
 * grouped by thousands.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define NUMBER_TEXT_MAX 32 /* bytes with the NUL */
#define TIME_TEXT_MAX	32

/* Whole numbers without decimals, others with four significant digits (one decimal from 1000 on),
 * NaN as "-". */
const char *number_text(double value, char buffer[NUMBER_TEXT_MAX]);
/* RFC 3339 to the second; "-" for 0. */
const char *time_text(int64_t ms, char buffer[TIME_TEXT_MAX]);

/* A JSON number: whole ones as integers, NaN and infinities as null. */
json_t *number_json(double value);
/* RFC 3339 with milliseconds where there are any; null for 0. */
json_t *time_json(int64_t ms);
/* One line on stdout, flushed; takes the object. Numbers have as many digits as they need to be
   read back the same. A NULL object (out of memory) ends the process. */
void json_line(json_t *object);
/* The same into another stream, not flushed. */
void json_put_line(json_t *object, FILE *out);
/* All of it on stdout by one write(2) if the system takes it, so that whoever is stopped or killed
   around it has written all or nothing: a pipe never splits up to PIPE_BUF (4096) bytes. Ends the
   process when it cannot be written. Not to be mixed with stdio on stdout. */
void output_at_once(const char *text, size_t size);

enum tint {
	TINT_NONE,
	TINT_GOOD,
	TINT_WARN,
	TINT_BAD,
	TINT_DIM,
};
/* The terminal sequence for stdout, "" when there are no colours; end with tint_end(). */
const char *tint_begin(enum tint tint);
const char *tint_end(void);

struct table;
struct table_column {
	const char *heading;
	bool right;
};
/* Ends the process when memory is short, as all of these. */
struct table *table_new(const struct table_column *columns, size_t count);
/* On a terminal this column is cut so that a row fits a line; elsewhere nothing is. */
void table_may_cut(struct table *table, size_t column);
/* Begins a row; then the cells one after the other (copied). */
void table_row(struct table *table);
void table_cell(struct table *table, const char *text, enum tint tint);
/* Prints and frees. Prints nothing when there is no row. */
void table_print(struct table *table);

/* A progress bar on stderr if that is a terminal and quiet is false; erased by progress_end. */
struct progress {
	bool shown;
	int percent;
};
void progress_begin(struct progress *progress, bool quiet);
void progress_set(struct progress *progress, const char *what, double fraction);
void progress_end(struct progress *progress);
