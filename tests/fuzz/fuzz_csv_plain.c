/* SPDX-License-Identifier: MIT
 *
 * fuzz_csv_plain.c - the CSV scanner against a tokenizer that looks at one byte after the other and
 * has the whole input at hand: the same rows, places, fields and errors. Written from what
 * strait/csv.h and the head of csv.c promise, not from the scanner. The first byte chooses the cut.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "strait/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is expected next, and what the scanner has delivered of it. */
struct plain {
	const char *data;
	size_t size, at; /* at: where the next row begins */
	uint32_t line;
	uint32_t count;
	struct strait_csv_field fields[STRAIT_CSV_COLUMNS_MAX + 1];
	const char *error;
	size_t row, row_size; /* of the row found: begin, length without its line end */
	uint32_t row_line;
};

static void add(struct plain *plain, size_t from, size_t to, bool quoted)
{
	if (plain->count == STRAIT_CSV_COLUMNS_MAX) {
		plain->error = "too many columns";
		return;
	}
	plain->fields[plain->count++] =
		(struct strait_csv_field){ plain->data + from, (uint32_t)(to - from), quoted };
}

static bool at_line_end(const struct plain *plain, size_t at)
{
	if (at < plain->size && plain->data[at] == '\r')
		at++;
	return at == plain->size || plain->data[at] == '\n';
}

/* The field that begins here; returns where it ends. */
static size_t plain_field(struct plain *plain, size_t at)
{
	const char *data = plain->data;
	size_t from = at;

	if (at == plain->size || data[at] != '"') {
		while (at < plain->size && data[at] && data[at] != ',' && !at_line_end(plain, at))
			at++;
		/* a CR before the LF is no text, whatever else it looks like */
		if (at < plain->size && !data[at])
			plain->error = "NUL byte";
		else
			add(plain, from, at, false);
		return at;
	}
	for (from = ++at; at < plain->size; at++) {
		if (!data[at]) {
			plain->error = "NUL byte";
			return at;
		}
		if (data[at] == '\n')
			plain->line++;
		if (data[at] != '"')
			continue;
		if (at + 1 < plain->size && data[at + 1] == '"') {
			at++;
			continue;
		}
		add(plain, from, at, true);
		at++;
		if (at < plain->size && data[at] != ',' && !at_line_end(plain, at))
			plain->error = data[at] ? "text after a closing quote" : "NUL byte";
		return at;
	}
	plain->error = "quote not closed";
	return at;
}

/* The next row that has a byte; false at the end. */
static bool plain_row(struct plain *plain)
{
	while (plain->at < plain->size) {
		size_t at = plain->at, end;

		plain->row = at;
		plain->row_line = plain->line;
		plain->count = 0;
		plain->error = NULL;
		at = plain_field(plain, at);
		while (!plain->error && at < plain->size && plain->data[at] == ',')
			at = plain_field(plain, at + 1);
		while (at < plain->size && plain->data[at] != '\n') /* broken: up to its LF */
			at++;
		end = at;
		if (end > plain->row && plain->data[end - 1] == '\r')
			end--;
		plain->at = at + 1;
		plain->line++;
		plain->row_size = end - plain->row;
		if (end > plain->row)
			return true;
	}
	return false;
}

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static int take_row(void *context, const struct strait_csv_row *row)
{
	struct plain *plain = context;

	demand(plain_row(plain));
	demand(row->offset == plain->row && row->line == plain->row_line);
	demand(row->raw_size == plain->row_size &&
	       memcmp(row->raw, plain->data + plain->row, row->raw_size) == 0);
	demand(!row->error == !plain->error);
	if (row->error) {
		demand(strcmp(row->error, plain->error) == 0 && row->count == 0);
		return 0;
	}
	demand(row->count == plain->count);
	for (uint32_t i = 0; i < row->count; i++) {
		const struct strait_csv_field *is = &row->fields[i], *wanted = &plain->fields[i];

		demand(is->size == wanted->size && is->quoted == wanted->quoted &&
		       memcmp(is->data, wanted->data, is->size) == 0);
		demand(is->data - row->raw == wanted->data - (plain->data + plain->row));
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strait_csv *csv;
	struct plain *plain;
	size_t step;

	if (size < 2)
		return 0;
	step = data[0] ? data[0] : size;
	data++;
	size--;
	plain = calloc(1, sizeof(*plain));
	demand(plain);
	csv = strait_csv_new(',', size + 1, take_row, plain);
	demand(csv);
	plain->data = (const char *)data;
	plain->size = size;
	plain->line = 1;
	if (size >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0)
		plain->at = 3;
	for (size_t at = 0; at < size; at += step) {
		size_t part = size - at < step ? size - at : step;
		char *copy = malloc(part); /* its own block, so that a sanitizer sees more */

		demand(copy);
		memcpy(copy, data + at, part);
		demand(strait_csv_feed(csv, copy, part) == 0);
		free(copy);
	}
	demand(strait_csv_end(csv) == 0);
	demand(!plain_row(plain)); /* nothing was left out */
	strait_csv_free(csv);
	free(plain);
	return 0;
}
