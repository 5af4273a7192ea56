/* SPDX-License-Identifier: MIT
 *
 * store_record_migrate.c - the table `record` of formats 1 to 4 (one row a version) becomes runs.
 * Main only; within the transaction of migration 5.
 *
 * Invariant: the old rows are read once, in their order, and each run is written from its start to
 * its end: memory is bounded by the index of one run, whatever there is.
 */
#include <string.h>

#include "store_record.h"

#define OLD_PART_BYTES                                                                             \
	26u /* series i64, day i32, status u8, distribution u8, value f64, metric u32 */

static bool decode_old(const unsigned char *in, size_t size, struct record_version *version)
{
	if (size % OLD_PART_BYTES || size / OLD_PART_BYTES > BATCH_VERSION_PARTS_MAX)
		return false;
	version->part_count = size / OLD_PART_BYTES;
	for (size_t i = 0; i < version->part_count; i++, in += OLD_PART_BYTES) {
		struct store_part *part = &version->parts[i];
		uint32_t metric;

		*part = (struct store_part){ .status = in[12], .distribution = in[13] != 0 };
		memcpy(&part->series, in, 8);
		memcpy(&part->day, in + 8, 4);
		memcpy(&part->value, in + 14, 8);
		memcpy(&metric, in + 22, 4);
		part->metric = metric;
	}
	return true;
}

/* The level that a run of so many versions belongs to. */
static int64_t level_of(int64_t entries)
{
	int64_t level = 0;

	for (int64_t room = RECORD_RUN_ENTRIES; room < entries; room *= RECORD_FANOUT)
		level++;
	return level;
}

static void migrate_source(struct store *store, int64_t source)
{
	int64_t count =
		store_number(store, "SELECT count(*) FROM record WHERE source = ?", 0, "i", source);
	struct record_writer writer = { .store = store };
	unsigned char body[RECORD_ENTRY_BYTES];
	struct record_version version;
	sqlite3_stmt *row;

	if (!count)
		return;
	writer.run = record_run_new(store, source, level_of(count), /* age= */ 0, RECORD_LIVE);
	row = store_sql(store,
			"SELECT key, known_at, rank, digest, at, release, replaces, parts"
			" FROM record WHERE source = ? ORDER BY key, known_at, rank, digest");
	store_bind(store, row, "i", source);
	while (writer.run && store_row(store, row)) {
		version.head = (struct record_head){ .known_at = sqlite3_column_int64(row, 1),
						     .rank = sqlite3_column_int64(row, 2),
						     .digest = sqlite3_column_int64(row, 3),
						     .at = sqlite3_column_int64(row, 4),
						     .release = sqlite3_column_int64(row, 5),
						     .replaces = sqlite3_column_int64(row, 6) };
		if (!decode_old(sqlite3_column_blob(row, 7), (size_t)sqlite3_column_bytes(row, 7),
				&version)) {
			(void)store_fail(store, FAULT_SYSTEM,
					 "a record version cannot be read; the file is damaged");
			break;
		}
		record_write(&writer, sqlite3_column_int64(row, 0), body,
			     record_encode(&version, body));
	}
	if (row)
		(void)sqlite3_reset(row); /* may have stopped before the end */
	if (writer.run)
		record_write_end(&writer);
}

int record_migrate(struct store *store, struct fault *fault)
{
	int64_t sources = store_number(store, "SELECT max(source) FROM record", 0, "");

	for (int64_t source = 1; source <= sources && !store_failed(store); source++)
		migrate_source(store, source);
	store_run(store, "DROP TABLE record", "");
	record_runs_forget(store);
	return store_read_end(store, fault);
}
