/* SPDX-License-Identifier: MIT
 *
 * store_schema.c - the tables, as numbered migrations from user_version. Main only.
 *
 * Invariant: a migration that was released is never changed; migration n takes a store from version
 * n-1 to n in one transaction. A store with a higher number than ours is refused: going on would
 * lose what the newer version added.
 */
#include "store_record.h"

#include <stdio.h>

/* Version 1. Words: docs/ARCHITECTURE.md.
 *
 * version is what a release said (levels). point is what counts now: for levels the newest version,
 * for events and records the tally of what contributes. record keeps every version of every keyed
 * observation; the one with the greatest (known_at, rank, at, digest) counts. `tie` orders releases
 * of the same instant by their hash. unsettled holds the level values of a release until its last
 * batch. Tallies are whole millionths (micro): a sum of integers does not depend on the order.
 */
static const char migration_1[] =
	"CREATE TABLE source ("
	" id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, batch INTEGER NOT NULL DEFAULT 0,"
	" cursor BLOB NOT NULL DEFAULT x'', accepted INTEGER NOT NULL DEFAULT 0,"
	" rejected INTEGER NOT NULL DEFAULT 0, last_read INTEGER NOT NULL DEFAULT 0,"
	" plugin TEXT NOT NULL DEFAULT '', plugin_version TEXT NOT NULL DEFAULT '',"
	" summary TEXT NOT NULL DEFAULT '');"
	"CREATE TABLE declared_metric ("
	" source INTEGER NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, unit TEXT NOT NULL,"
	" title TEXT NOT NULL, kind INTEGER NOT NULL, granularity INTEGER NOT NULL, flags INTEGER NOT NULL,"
	" labels TEXT NOT NULL, PRIMARY KEY (source, position)) WITHOUT ROWID;"
	"CREATE TABLE declared_figure ("
	" source INTEGER NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, formula TEXT NOT NULL,"
	" \"window\" TEXT NOT NULL, unit TEXT NOT NULL, title TEXT NOT NULL,"
	" PRIMARY KEY (source, position)) WITHOUT ROWID;"
	"CREATE TABLE metric (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
	"CREATE TABLE series ("
	" id INTEGER PRIMARY KEY, metric INTEGER NOT NULL, labels TEXT NOT NULL, UNIQUE (metric, labels));"
	"CREATE TABLE release ("
	" id INTEGER PRIMARY KEY, source INTEGER NOT NULL, name TEXT NOT NULL, dataset TEXT NOT NULL,"
	" url TEXT NOT NULL, sha256 BLOB NOT NULL, size INTEGER NOT NULL, offset INTEGER NOT NULL,"
	" published_at INTEGER NOT NULL, tie INTEGER NOT NULL, imported_at INTEGER NOT NULL,"
	" plugin_version TEXT NOT NULL, sheets TEXT NOT NULL DEFAULT '', observations INTEGER NOT NULL,"
	" accepted INTEGER NOT NULL, rejected INTEGER NOT NULL, complete INTEGER NOT NULL);"
	"CREATE INDEX release_by_hash ON release (source, sha256);"
	"CREATE INDEX release_by_dataset ON release (source, dataset, published_at, tie);"
	"CREATE INDEX release_unfinished ON release (id) WHERE complete = 0;"
	"CREATE TABLE coverage ("
	" metric INTEGER NOT NULL, published_at INTEGER NOT NULL, tie INTEGER NOT NULL, release INTEGER NOT NULL,"
	" first INTEGER NOT NULL, last INTEGER NOT NULL,"
	" PRIMARY KEY (metric, published_at, tie, release)) WITHOUT ROWID;"
	"CREATE TABLE version ("
	" series INTEGER NOT NULL, day INTEGER NOT NULL, published_at INTEGER NOT NULL, tie INTEGER NOT NULL,"
	" release INTEGER NOT NULL, value REAL, status INTEGER NOT NULL, at INTEGER NOT NULL,"
	" PRIMARY KEY (series, day, published_at, tie, release)) WITHOUT ROWID;"
	"CREATE TABLE unsettled ("
	" release INTEGER NOT NULL, metric INTEGER NOT NULL, series INTEGER NOT NULL, day INTEGER NOT NULL,"
	" value REAL, status INTEGER NOT NULL, PRIMARY KEY (release, metric, series, day)) WITHOUT ROWID;"
	"CREATE TABLE event ("
	" release INTEGER NOT NULL, series INTEGER NOT NULL, day INTEGER NOT NULL, count INTEGER NOT NULL,"
	" missing INTEGER NOT NULL, provisional INTEGER NOT NULL, estimated INTEGER NOT NULL, micro INTEGER NOT NULL,"
	" PRIMARY KEY (release, series, day)) WITHOUT ROWID;"
	"CREATE INDEX event_by_series ON event (series, day);"
	"CREATE TABLE event_bucket ("
	" release INTEGER NOT NULL, series INTEGER NOT NULL, day INTEGER NOT NULL, bucket INTEGER NOT NULL,"
	" count INTEGER NOT NULL, PRIMARY KEY (release, series, day, bucket)) WITHOUT ROWID;"
	"CREATE TABLE record ("
	" source INTEGER NOT NULL, key INTEGER NOT NULL, known_at INTEGER NOT NULL, rank INTEGER NOT NULL,"
	" digest INTEGER NOT NULL, at INTEGER NOT NULL, release INTEGER NOT NULL, replaces INTEGER NOT NULL,"
	" parts BLOB NOT NULL, PRIMARY KEY (source, key, known_at, rank, digest)) WITHOUT ROWID;"
	"CREATE TABLE replacement ("
	" source INTEGER NOT NULL, key INTEGER NOT NULL, by_key INTEGER NOT NULL,"
	" PRIMARY KEY (source, key, by_key)) WITHOUT ROWID;"
	"CREATE TABLE point ("
	" series INTEGER NOT NULL, day INTEGER NOT NULL, value REAL, status INTEGER NOT NULL,"
	" published_at INTEGER NOT NULL, tie INTEGER NOT NULL DEFAULT 0, release INTEGER NOT NULL DEFAULT 0,"
	" micro INTEGER NOT NULL DEFAULT 0, count INTEGER NOT NULL DEFAULT 1,"
	" missing INTEGER NOT NULL DEFAULT 0, provisional INTEGER NOT NULL DEFAULT 0,"
	" estimated INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY (series, day)) WITHOUT ROWID;"
	"CREATE TABLE bucket ("
	" series INTEGER NOT NULL, day INTEGER NOT NULL, bucket INTEGER NOT NULL, count INTEGER NOT NULL,"
	" PRIMARY KEY (series, day, bucket)) WITHOUT ROWID;"
	"CREATE TABLE reject ("
	" id INTEGER PRIMARY KEY, source INTEGER NOT NULL, release INTEGER NOT NULL, at INTEGER NOT NULL,"
	" reason TEXT NOT NULL, extract TEXT NOT NULL, time INTEGER NOT NULL);"
	"CREATE INDEX reject_by_source ON reject (source, id);"
	"CREATE TABLE figure ("
	" name TEXT PRIMARY KEY, title TEXT NOT NULL, unit TEXT NOT NULL, source TEXT NOT NULL, value REAL,"
	" status INTEGER NOT NULL, period TEXT NOT NULL, published_at INTEGER NOT NULL,"
	" sequence INTEGER NOT NULL, stale INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE commit_log (sequence INTEGER PRIMARY KEY, time INTEGER NOT NULL, source TEXT NOT NULL);"
	"CREATE TABLE change ("
	" sequence INTEGER NOT NULL, figure TEXT NOT NULL, cause INTEGER NOT NULL, old REAL, new REAL,"
	" status INTEGER NOT NULL, PRIMARY KEY (sequence, figure)) WITHOUT ROWID;";

/* Version 2: the checks that plugins declare. */
static const char migration_2[] =
	"CREATE TABLE declared_check ("
	" source INTEGER NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, left_side TEXT NOT NULL,"
	" right_side TEXT NOT NULL, every TEXT NOT NULL, tolerance TEXT NOT NULL, title TEXT NOT NULL,"
	" PRIMARY KEY (source, position)) WITHOUT ROWID;";

/* Version 3: how a source is.
 *
 * source.content_end is the end of the newest period that it has, content_at what its age counts
 * from, answered_at when it was last heard of; trouble is an enum strait_fault. A failed document
 * is a release that is not complete and has `failed` set: its rejects hang on it.
 *
 * For what is there already: the current points say how far the content reaches. A period that
 * begins more than two days after it was published is a slip of the year, not content.
 */
static const char migration_3[] =
	"ALTER TABLE source ADD COLUMN content_end INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE source ADD COLUMN content_at INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE source ADD COLUMN answered_at INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE source ADD COLUMN since INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE source ADD COLUMN trouble INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE source ADD COLUMN trouble_text TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE source ADD COLUMN trouble_at INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE release ADD COLUMN content_end INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE release ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;"
	"UPDATE source SET content_end = coalesce((SELECT"
	" max(strftime('%s', p.day * 86400, 'unixepoch', CASE d.granularity WHEN 1 THEN '+1 day'"
	" WHEN 2 THEN '+7 days' WHEN 3 THEN '+1 month' WHEN 4 THEN '+3 months'"
	" WHEN 5 THEN '+6 months' ELSE '+1 year' END) * 1000)"
	" FROM declared_metric d JOIN metric m ON m.name = d.name JOIN series s ON s.metric = m.id"
	" JOIN point p ON p.series = s.id WHERE d.source = source.id AND p.status <> 4"
	" AND p.day * 86400000 <= p.published_at + 172800000), 0),"
	" answered_at = coalesce((SELECT max(r.published_at) FROM release r"
	" WHERE r.source = source.id AND r.complete = 1), 0);"
	"UPDATE source SET content_at = min(content_end, answered_at);";

/* Version 4: what is known of the last fetch of a source (fetch_wire.h). */
static const char migration_4[] =
	"CREATE TABLE fetch ("
	" source INTEGER PRIMARY KEY, url TEXT NOT NULL, etag TEXT NOT NULL, last_modified TEXT NOT NULL,"
	" sha256 BLOB NOT NULL, answered_at INTEGER NOT NULL, next_at INTEGER NOT NULL,"
	" failures INTEGER NOT NULL);";

/* Version 5: distributions of events as bytes (spread.h), one row a period instead of one a bucket.
 * `bucket` is left to records. spread_of() and spread_add() are ours (store_event.c).
 */
static const char migration_5[] =
	"ALTER TABLE event ADD COLUMN spread BLOB NOT NULL DEFAULT x'';"
	"CREATE TABLE spread ("
	" series INTEGER NOT NULL, day INTEGER NOT NULL, buckets BLOB NOT NULL,"
	" PRIMARY KEY (series, day)) WITHOUT ROWID;"
	"INSERT INTO event (release, series, day, count, missing, provisional, estimated, micro, spread)"
	" SELECT release, series, day, 0, 0, 0, 0, 0, spread_of(bucket, count) FROM event_bucket WHERE true"
	" ON CONFLICT (release, series, day) DO UPDATE SET spread = spread_add(spread, excluded.spread, 1);"
	"INSERT INTO spread (series, day, buckets)"
	" SELECT series, day, spread_of(bucket, count) FROM bucket"
	" WHERE series IN (SELECT series FROM event_bucket) ON CONFLICT (series, day) DO UPDATE SET"
	" buckets = spread_add(buckets, excluded.buckets, 1);"
	"DELETE FROM bucket WHERE series IN (SELECT series FROM event_bucket);"
	"DROP TABLE event_bucket;";

/* Version 6: records in runs (store_record.h), instead of one row a version. state is an enum
 * record_state; page n of run r is row r << 24 | n, and so is row n of its index. record_migrate()
 * moves what is there and drops the old table.
 */
static const char migration_6[] =
	"CREATE TABLE record_run ("
	" id INTEGER PRIMARY KEY, source INTEGER NOT NULL, level INTEGER NOT NULL, age INTEGER NOT NULL,"
	" state INTEGER NOT NULL, entries INTEGER NOT NULL, pages INTEGER NOT NULL, chunks INTEGER NOT NULL,"
	" last_key INTEGER NOT NULL, target INTEGER NOT NULL);"
	"CREATE TABLE record_page (id INTEGER PRIMARY KEY, data BLOB NOT NULL);"
	"CREATE TABLE record_index (id INTEGER PRIMARY KEY, data BLOB NOT NULL);";

static const struct {
	const char *sql;
	int (*then)(struct store *store, struct fault *fault); /* NULL = nothing more */
} migrations[] = {
	{ migration_1, NULL }, { migration_2, NULL }, { migration_3, NULL },
	{ migration_4, NULL }, { migration_5, NULL }, { migration_6, record_migrate },
};

#define SCHEMA_VERSION ((int64_t)(sizeof(migrations) / sizeof(migrations[0])))

static int64_t user_version(struct store *store)
{
	sqlite3_stmt *statement = NULL;
	int64_t version = -1;

	if (sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &statement, NULL) ==
		    SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		version = sqlite3_column_int64(statement, 0);
	(void)sqlite3_finalize(statement); /* repeats the step's error */
	return version;
}

static int migrate(struct store *store, int64_t to, struct fault *fault)
{
	struct fault why = { .kind = FAULT_NONE };
	char set_version[64];

	(void)snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %lld",
		       (long long)to);
	store_step();
	if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
	    sqlite3_exec(store->db, migrations[to - 1].sql, NULL, NULL, NULL) == SQLITE_OK &&
	    (!migrations[to - 1].then || migrations[to - 1].then(store, &why) == 0) &&
	    sqlite3_exec(store->db, set_version, NULL, NULL, NULL) == SQLITE_OK) {
		store_step();
		if (sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
			return 0;
	}
	store->fault = why;
	if (why.kind == FAULT_NONE)
		(void)store_sqlite_failed(store,
					  "bringing it to a newer format, which changed nothing");
	*fault = store->fault;
	(void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL,
			   NULL); /* may be rolled back already */
	return -1;
}

int store_schema(struct store *store, struct fault *fault)
{
	int64_t version = user_version(store);

	if (version < 0) {
		store->fault = (struct fault){ .kind = FAULT_NONE };
		(void)store_sqlite_failed(store, "reading its format");
		*fault = store->fault;
		return -1;
	}
	if (version > SCHEMA_VERSION)
		return fault_set(
			fault, FAULT_CONFIG,
			"store: written by a newer straitd (format %lld, this one knows %lld); install that version again, or give this one another --state directory",
			(long long)version, (long long)SCHEMA_VERSION);
	for (int64_t next = version + 1; next <= SCHEMA_VERSION; next++)
		if (migrate(store, next, fault) < 0)
			return -1;
	return 0;
}
