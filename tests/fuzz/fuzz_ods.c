/* SPDX-License-Identifier: MIT
 *
 * fuzz_ods.c - the spreadsheet reader of the home_office plugin, without a host.
 *
 * Input that begins with "PK" is taken as a package; anything else becomes the content.xml of one,
 * so that the fuzzer need not find out about checksums. What a row promises (ods.h, table.h) is
 * asserted for every row.
 */
// links: plugins/home_office/ods.c plugins/home_office/table.c
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zip.h>

#include "home_office/ods.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_sheet(void *context, const char *name)
{
	(void)context;
	assert(name);
	return 0;
}

static int on_row(void *context, const struct table_row *row)
{
	static const char *const names[] = { "Date", "Week ending" };
	uint32_t *rows = context;
	char text[64];
	int64_t count;
	int32_t day;

	assert(++*rows <= ODS_ROWS_MAX);
	assert(row->count > 0 && row->count <= TABLE_COLUMNS_MAX);
	assert(row->cells[row->count - 1].type != TABLE_EMPTY);
	for (unsigned int i = 0; i < row->count; i++) {
		const struct table_cell *cell = &row->cells[i];

		assert(strlen(cell->text) < TABLE_TEXT_MAX);
		assert(!(cell->cut && cell->type == TABLE_TEXT &&
			 table_count(cell, 1000, &count) != TABLE_UNREADABLE));
		if (table_count(cell, 1000, &count) == TABLE_COUNT)
			assert(count >= 0 && count < 1000);
		(void)table_day(cell, &day);
	}
	(void)table_column(row, names, 2);
	(void)table_is_remark(row);
	assert(strlen(table_describe(row, text, sizeof(text))) < sizeof(text));
	return 0;
}

static void read_package(const void *data, size_t size)
{
	char error[ODS_ERROR_MAX] = "";
	uint32_t rows = 0;
	const struct ods_handler handler = { .sheet = on_sheet, .row = on_row, .context = &rows };
	struct ods *ods = ods_open(data, size, error);
	int64_t saved_ms;

	if (!ods) {
		assert(*error);
		return;
	}
	(void)ods_saved_ms(ods, &saved_ms);
	if (ods_read(ods, &handler, error) != 0)
		assert(*error);
	ods_close(ods);
}

/* A stored content.xml with this text. */
static void read_content(const uint8_t *data, size_t size)
{
	zip_error_t why;
	zip_source_t *package = zip_source_buffer_create(NULL, 0, 0, &why);
	zip_t *zip = zip_open_from_source(package, ZIP_CREATE | ZIP_TRUNCATE, &why);
	zip_stat_t stat;
	void *bytes;

	assert(zip);
	zip_source_keep(package);
	assert(zip_file_add(zip, "content.xml", zip_source_buffer(zip, data, size, 0), 0) == 0);
	assert(zip_set_file_compression(zip, 0, ZIP_CM_STORE, 0) == 0);
	assert(zip_close(zip) == 0 && zip_source_stat(package, &stat) == 0);
	bytes = malloc((size_t)stat.size);
	assert(bytes && zip_source_open(package) == 0);
	assert(zip_source_read(package, bytes, stat.size) == (zip_int64_t)stat.size);
	zip_source_close(package);
	zip_source_free(package);
	read_package(bytes, (size_t)stat.size);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size >= 2 && memcmp(data, "PK", 2) == 0)
		read_package(data, size);
	else
		read_content(data, size);
	return 0;
}
