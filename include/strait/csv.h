/* SPDX-License-Identifier: MIT
 *
 * strait/csv.h - the CSV scanner (RFC 4180) that plugins share; its code is in straitd.
 *
 * Push parser: feed it any pieces of the input; it calls back once a row with slices. A slice
 * points into the piece or, where a row crosses pieces, into the scanner's own row buffer; no field
 * is copied otherwise. A quoted field's slice is what stands between its quotes, with doubled
 * quotes left doubled
 * (`quoted` says so; strait_csv_text undoes them). Rows end with LF, CRLF, or the end of input. A
 * line without a byte gives no row. A quote that does not begin a field is text. A UTF-8 byte order
 * mark at the start is skipped. Memory: one row, at most `row_max` bytes, taken once: nothing is
 * allocated while scanning.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STRAIT_CSV_COLUMNS_MAX 1024u
#define STRAIT_CSV_ROW_MAX     (1u << 20) /* default of row_max, bytes */

#pragma GCC visibility push(default) /* straitd is built with hidden symbols and exports these */

struct strait_csv; /* opaque */

struct strait_csv_field {
	const char *data; /* not terminated */
	uint32_t size;
	bool quoted; /* stood in quotes; may hold doubled quotes */
};

struct strait_csv_row {
	const struct strait_csv_field *fields;
	uint32_t count;
	uint32_t line;	 /* of the row's start, from 1 */
	uint64_t offset; /* of the row's first byte in the input */
	const char *raw; /* the row as it stands, without its line end */
	size_t raw_size;
	const char *error; /* NULL, or why this row is broken (text after a closing quote, quote not
			      closed, row too long, too many columns, NUL byte); broken rows are
			      delivered with count 0 and the scanner goes on after the next LF; raw
			      is cut at row_max */
};

/* Returns 0 to go on; anything else stops the scan and comes back from feed or end. */
typedef int strait_csv_row_fn(void *context, const struct strait_csv_row *row);

/* NULL when out of memory. row_max 0 = STRAIT_CSV_ROW_MAX. The separator is any byte but quote, CR,
 * LF, NUL. */
struct strait_csv *strait_csv_new(char separator, size_t row_max, strait_csv_row_fn *row,
				  void *context);
struct strait_csv *strait_csv_free(struct strait_csv *csv);
/* Offsets count from this one; for a log that is read from the middle. Call before the first feed.
 */
void strait_csv_set_offset(struct strait_csv *csv, uint64_t offset, uint32_t line);
int strait_csv_feed(struct strait_csv *csv, const char *data, size_t size);
/* The input is over: delivers a last row without line end. The scanner is then as new, for the next
 * input. */
int strait_csv_end(struct strait_csv *csv);

/* Copies a field without quoting into buffer, terminated; true if it fitted (size includes the
   NUL); else it is cut. */
bool strait_csv_text(const struct strait_csv_field *field, char *buffer, size_t size);
/* Field equals this text, after undoing quotes. */
bool strait_csv_equals(const struct strait_csv_field *field, const char *text);
/* Whole number with optional sign and thousands commas ("1,160"), surrounding blanks allowed. */
bool strait_csv_integer(const struct strait_csv_field *field, int64_t *ret_value);
/* Decimal number with '.', no exponent needed but accepted; finite. Locale does not matter. */
bool strait_csv_number(const struct strait_csv_field *field, double *ret_value);
/* "", "-", "..", ":", "[z]", "[x]", "[c]", "NA", "n/a" and U+00A0: the source has no value here. */
bool strait_csv_missing(const struct strait_csv_field *field);
/* Index of the first header that equals the text ignoring case, runs of blanks and surrounding
 * blanks; -1. */
int strait_csv_column(const struct strait_csv_row *header, const char *name);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
