/* SPDX-License-Identifier: MIT
 *
 * fuzz_csv.c - the CSV scanner on hostile input: no classifier and no cut may change what is
 * delivered, and every slice stands inside its row. The first three bytes choose row_max and the
 * cut. libFuzzer.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "csv_scan.h"
#include "strait/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void digest(uint64_t *hash, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i++)
		*hash = (*hash ^ bytes[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
}

static int take_row(void *context, const struct strait_csv_row *row)
{
	uint64_t *hash = context;

	digest(hash, &row->line, sizeof(row->line));
	digest(hash, &row->offset, sizeof(row->offset));
	digest(hash, row->raw, row->raw_size);
	digest(hash, row->error ? row->error : "", row->error ? strlen(row->error) : 0);
	if (row->error && row->count)
		abort();
	for (uint32_t i = 0; i < row->count; i++) {
		const struct strait_csv_field *field = &row->fields[i];
		char text[32];
		int64_t integer;
		double number;

		if (field->data < row->raw || field->data + field->size > row->raw + row->raw_size)
			abort();
		digest(hash, &field->size, sizeof(field->size));
		digest(hash, &field->quoted, sizeof(field->quoted));
		digest(hash, field->data, field->size);
		(void)strait_csv_text(field, text, sizeof(text)); /* these only must not crash */
		(void)strait_csv_integer(field, &integer);
		(void)strait_csv_number(field, &number);
		(void)strait_csv_missing(field);
	}
	(void)strait_csv_column(row, "id");
	return 0;
}

static uint64_t scan(const struct csv_classifier *classifier, const char *data, size_t size,
		     size_t row_max, size_t step)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	struct strait_csv *csv = csv_new_on(classifier, ',', row_max, take_row, &hash);

	if (!csv)
		abort();
	for (size_t at = 0; at < size; at += step) {
		size_t part = size - at < step ? size - at : step;
		char *copy = malloc(part);

		if (!copy)
			abort();
		memcpy(copy, data + at, part);
		if (strait_csv_feed(csv, copy, part) != 0)
			abort();
		free(copy);
	}
	if (strait_csv_end(csv) != 0)
		abort();
	strait_csv_free(csv);
	return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct csv_classifier *classifiers = csv_classifiers();
	size_t row_max, step;
	uint64_t whole;

	if (size < 4)
		return 0;
	row_max = data[0] % 2 ? size + 1 : 1u + data[0]; /* no row is too long, or some are */
	step = 1u + data[1] + (size_t)data[2] % 16 * 256;
	data += 3;
	size -= 3;
	whole = scan(&classifiers[0], (const char *)data, size, row_max, size);
	for (const struct csv_classifier *one = classifiers; one->name; one++) {
		if (scan(one, (const char *)data, size, row_max, step) != whole)
			abort();
	}
	return 0;
}
