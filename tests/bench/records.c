/* SPDX-License-Identifier: MIT
 *
 * records.c - keyed records: referrals that are answered later, through the whole daemon (file,
 * worker, wire, store, figures), interleaved with the same job done by sqlite3 in this process:
 * the parsed rows, INSERT … ON CONFLICT by key, counts and the distribution added up a batch and
 * written once, WAL, synchronous=FULL, one transaction for as many rows as a batch of ours has.
 * Meanwhile the daemon is asked for a figure every few milliseconds. Bench program.
 *
 * Environment: ROWS (default 1000000; half are answers), RUNS (3), BENCH_DIR.
 */
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <check.h>
#include <sqlite3.h>

#include "harness.h"

enum {
	RUNS_MAX = 16,
	PLATFORMS = 5,
	DAYS = 365,
	BATCH_ROWS = 8176,
	SAMPLES_MAX = 1 << 16,
	CALL_EVERY_MS = 3
};

#define START_S	     INT64_C(1577836800) /* 2020-01-01 */
#define WINDOW	     20 /* an answer comes when a 20th of all referrals came since */
#define BUCKET_SHIFT 40 /* as in daemon/store_value.c */

static const char *const platforms[PLATFORMS] = { "alpha", "bravo", "charlie", "delta", "echo" };

struct row {
	uint64_t key;
	int64_t submitted_s, responded_s; /* responded 0 = pending */
	int platform;
	bool refused;
};

static uint64_t mixed(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static double now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static long number(const char *name, long fallback)
{
	const char *text = getenv(name);

	return text && *text ? strtol(text, NULL, 10) : fallback;
}

/* Referral i, and its state. */
static struct row referral(long i, long keys, bool answered)
{
	uint64_t random = mixed((uint64_t)i);
	struct row row = { .key = mixed(~(uint64_t)i),
			   .submitted_s =
				   START_S + (int64_t)((double)i / (double)keys * DAYS * 86400),
			   .platform = (int)(random % PLATFORMS),
			   .refused = random >> 8 & 1 };

	if (answered)
		row.responded_s = row.submitted_s + 600 + (int64_t)(random >> 16) % (20 * 86400);
	return row;
}

/* The n-th row of the log: referrals, and from the window on as many answers. */
static struct row row_of(long n, long keys)
{
	long lag = keys / WINDOW;

	if (n < lag)
		return referral(n, keys, false);
	n -= lag;
	if (n / 2 + lag < keys)
		return n % 2 ? referral(n / 2, keys, true) : referral(n / 2 + lag, keys, false);
	return referral(n - (keys - lag), keys, true);
}

static void time_text(int64_t s, char *text, size_t size)
{
	time_t when = (time_t)s;
	struct tm tm;

	(void)gmtime_r(&when, &tm);
	(void)strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void write_log(const char *path, long keys)
{
	FILE *out = fopen(path, "we");

	if (!out) {
		perror(path);
		exit(1);
	}
	fputs("id,platform,kind,submitted_at,status,responded_at,reason\n", out);
	for (long n = 0; n < 2 * keys; n++) {
		struct row row = row_of(n, keys);
		char submitted[32], responded[32] = "";

		time_text(row.submitted_s, submitted, sizeof(submitted));
		if (row.responded_s)
			time_text(row.responded_s, responded, sizeof(responded));
		fprintf(out, "r%016llx,%s,account,%s,%s,%s,\n", (unsigned long long)row.key,
			platforms[row.platform], submitted,
			!row.responded_s ? "pending"
			: row.refused	 ? "refused"
					 : "blocked",
			responded);
	}
	if (fclose(out) != 0) {
		perror(path);
		exit(1);
	}
}

/* ── ours ──────────────────────────────────────────────────────────────────────────────────── */

struct measured {
	double seconds;
	double peak_mib; /* of the main process */
	double file_mib; /* straitd.db at the end */
	double call_p50_ms, call_p99_ms, call_max_ms;
};

static int compare_doubles(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static double peak_mib(pid_t pid)
{
	char path[64], line[256];
	double kib = 0;
	FILE *in;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	in = fopen(path, "re");
	while (in && fgets(line, sizeof(line), in))
		if (sscanf(line, "VmHWM: %lf", &kib) == 1)
			break;
	if (in)
		(void)fclose(in);
	return kib / 1024;
}

static struct measured run_ours(const char *log, long keys)
{
	static double samples[SAMPLES_MAX];
	struct pollfd change = { .events = POLLIN };
	char path[HARNESS_PATH_MAX], done[HARNESS_PATH_MAX], store[HARNESS_PATH_MAX + 16];
	struct measured measured = { .seconds = 0 };
	size_t count = 0;
	struct stat status;
	struct harness h;
	double start;

	harness_start(&h);
	harness_plugin(&h, "platform_response");
	harness_config(&h, "one.conf", "[source nca]\nplugin = platform_response\n");
	harness_daemon(&h);
	harness_wait_source(&h, "nca", "idle");
	(void)harness_spool_path(&h, "nca", "incoming", "log.csv", path);
	(void)harness_spool_path(&h, "nca", "done", "log.csv", done);
	change.fd = inotify_init1(IN_CLOEXEC);
	(void)snprintf(store, sizeof(store), "%s/nca/done", h.spool);
	harness_assert(&h, inotify_add_watch(change.fd, store, IN_MOVED_TO) >= 0, "no inotify");
	start = now_s();
	/* a file counts when it is renamed in */
	(void)snprintf(store, sizeof(store), "%s/log.csv", h.directory);
	harness_assert(&h, link(log, store) == 0 && rename(store, path) == 0,
		       "cannot bring the log to %s", path);
	while (access(done, F_OK) != 0) {
		double before = now_s();

		(void)harness_figure(&h, "referrals.requested");
		if (count < SAMPLES_MAX)
			samples[count++] = (now_s() - before) * 1e3;
		(void)poll(&change, 1, CALL_EVERY_MS);
	}
	measured.seconds = now_s() - start;
	(void)close(change.fd);
	harness_wait_figure(&h, "referrals.requested", (double)keys);
	harness_wait_figure(&h, "referrals.pending", 0);
	measured.peak_mib = peak_mib(h.daemon.pid);
	(void)snprintf(store, sizeof(store), "%s/straitd.db", h.state);
	if (stat(store, &status) == 0)
		measured.file_mib = (double)status.st_size / 1048576;
	qsort(samples, count, sizeof(samples[0]), compare_doubles);
	measured.call_p50_ms = count ? samples[count / 2] : NAN;
	measured.call_p99_ms = count ? samples[count * 99 / 100] : NAN;
	measured.call_max_ms = count ? samples[count - 1] : NAN;
	harness_stop(&h);
	return measured;
}

/* ── sqlite3 ───────────────────────────────────────────────────────────────────────────────── */

struct peer {
	sqlite3 *db;
	sqlite3_stmt *get, *put, *count, *bucket;
};

static void must(struct peer *peer, bool good, const char *doing)
{
	if (good)
		return;
	fprintf(stderr, "sqlite3: %s: %s\n", doing, sqlite3_errmsg(peer->db));
	exit(1);
}

static sqlite3_stmt *prepare(struct peer *peer, const char *sql)
{
	sqlite3_stmt *statement = NULL;

	must(peer, sqlite3_prepare_v2(peer->db, sql, -1, &statement, NULL) == SQLITE_OK, sql);
	return statement;
}

static void run(struct peer *peer, sqlite3_stmt *statement, size_t count, const int64_t *values)
{
	for (size_t i = 0; i < count; i++)
		(void)sqlite3_bind_int64(statement, (int)i + 1, values[i]);
	must(peer, sqlite3_step(statement) == SQLITE_DONE, "writing");
	(void)sqlite3_reset(statement);
}

static int64_t bucket_of(int64_t seconds)
{
	double hours = (double)seconds / 3600;
	uint64_t bits;

	memcpy(&bits, &hours, sizeof(bits));
	return (int64_t)(bits >> BUCKET_SHIFT);
}

/* What a batch changes, added up; the same number of statements as a careful program would need. */
struct counts {
	int64_t items[DAYS + 1][PLATFORMS][3];
	struct {
		int64_t day, platform, bucket;
	} buckets[BATCH_ROWS];
	size_t bucket_count;
};

static int compare_buckets(const void *a, const void *b)
{
	return memcmp(a, b, 3 * sizeof(int64_t));
}

static void put_row(struct peer *peer, const struct row *row, struct counts *counts)
{
	int64_t day = (row->submitted_s - START_S) / 86400;
	int outcome = !row->responded_s ? 0 : row->refused ? 1 : 2;
	int64_t known_at = (row->responded_s ? row->responded_s : row->submitted_s) * 1000;

	(void)sqlite3_bind_int64(peer->get, 1, (int64_t)row->key);
	if (sqlite3_step(peer->get) == SQLITE_ROW)
		counts->items[sqlite3_column_int64(peer->get, 0)][sqlite3_column_int64(
			peer->get, 1)][sqlite3_column_int64(peer->get, 2)]--;
	(void)sqlite3_reset(peer->get);
	counts->items[day][row->platform][outcome]++;
	run(peer, peer->put, 7,
	    (int64_t[]){ (int64_t)row->key, known_at, outcome ? 2 : 1, day, row->platform, outcome,
			 row->responded_s - row->submitted_s });
	if (row->responded_s) {
		counts->buckets[counts->bucket_count].day = day;
		counts->buckets[counts->bucket_count].platform = row->platform;
		counts->buckets[counts->bucket_count++].bucket =
			bucket_of(row->responded_s - row->submitted_s);
	}
}

static void write_counts(struct peer *peer, struct counts *counts)
{
	for (int day = 0; day <= DAYS; day++)
		for (int platform = 0; platform < PLATFORMS; platform++)
			for (int outcome = 0; outcome < 3; outcome++)
				if (counts->items[day][platform][outcome])
					run(peer, peer->count, 4,
					    (int64_t[]){ day, platform, outcome,
							 counts->items[day][platform][outcome] });
	qsort(counts->buckets, counts->bucket_count, sizeof(counts->buckets[0]), compare_buckets);
	for (size_t i = 0; i < counts->bucket_count; i++)
		run(peer, peer->bucket, 3,
		    (int64_t[]){ counts->buckets[i].day, counts->buckets[i].platform,
				 counts->buckets[i].bucket });
	memset(counts, 0, sizeof(*counts));
}

static const char schema[] =
	"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	"CREATE TABLE record (key INTEGER PRIMARY KEY, known_at INTEGER, rank INTEGER, day INTEGER,"
	" platform INTEGER, outcome INTEGER, seconds INTEGER);"
	"CREATE TABLE point (day INTEGER, platform INTEGER, outcome INTEGER, count INTEGER,"
	" PRIMARY KEY (day, platform, outcome)) WITHOUT ROWID;"
	"CREATE TABLE bucket (day INTEGER, platform INTEGER, bucket INTEGER, count INTEGER,"
	" PRIMARY KEY (day, platform, bucket)) WITHOUT ROWID;"
	"CREATE TABLE cursor (at INTEGER); INSERT INTO cursor VALUES (0);";

static double run_sqlite(const char *path, long keys)
{
	static struct counts counts;
	struct peer peer = { .db = NULL };
	char other[4200];
	double start;

	(void)unlink(path);
	must(&peer, sqlite3_open(path, &peer.db) == SQLITE_OK, "opening");
	must(&peer, sqlite3_exec(peer.db, schema, NULL, NULL, NULL) == SQLITE_OK, "schema");
	peer.get = prepare(&peer, "SELECT day, platform, outcome FROM record WHERE key = ?");
	peer.put = prepare(
		&peer,
		"INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
		" known_at = excluded.known_at, rank = excluded.rank, day = excluded.day,"
		" platform = excluded.platform, outcome = excluded.outcome, seconds = excluded.seconds"
		" WHERE (excluded.known_at, excluded.rank) > (known_at, rank)");
	peer.count = prepare(&peer, "INSERT INTO point VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
				    " SET count = count + excluded.count");
	peer.bucket = prepare(&peer, "INSERT INTO bucket VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE"
				     " SET count = count + 1");
	start = now_s();
	for (long n = 0; n < 2 * keys;) {
		long end = n + BATCH_ROWS < 2 * keys ? n + BATCH_ROWS : 2 * keys;

		must(&peer, sqlite3_exec(peer.db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK, "BEGIN");
		for (; n < end; n++) {
			struct row row = row_of(n, keys);

			put_row(&peer, &row, &counts);
		}
		write_counts(&peer, &counts);
		must(&peer,
		     sqlite3_exec(peer.db, "UPDATE cursor SET at = at + 1; COMMIT", NULL, NULL,
				  NULL) == SQLITE_OK,
		     "COMMIT");
	}
	start = now_s() - start;
	(void)sqlite3_finalize(peer.get);
	(void)sqlite3_finalize(peer.put);
	(void)sqlite3_finalize(peer.count);
	(void)sqlite3_finalize(peer.bucket);
	(void)sqlite3_close(peer.db);
	(void)unlink(path);
	(void)snprintf(other, sizeof(other), "%s-wal", path);
	(void)unlink(other);
	return start;
}

/* ── results ───────────────────────────────────────────────────────────────────────────────── */

static void tell(const char *what, const char *kind, double *values, long runs, const char *rest)
{
	qsort(values, (size_t)runs, sizeof(values[0]), compare_doubles);
	printf("{\"bench\":\"records\",\"what\":\"%s\",%s,\"min\":%.4g,\"max\":%.4g,\"runs\":%ld%s}\n",
	       what, kind, values[0], values[runs - 1], runs, rest);
	fflush(stdout);
}

static void tell_value(const char *what, const char *unit, double *values, long runs,
		       const char *rest)
{
	char kind[128];

	qsort(values, (size_t)runs, sizeof(values[0]), compare_doubles);
	(void)snprintf(kind, sizeof(kind), "\"value\":%.6g,\"unit\":\"%s\"", values[runs / 2],
		       unit);
	tell(what, kind, values, runs, rest);
}

/* The harness speaks through Check. */
START_TEST(records)
{
	long keys = number("ROWS", 1000000) / 2, runs = number("RUNS", 3);
	const char *directory = getenv("BENCH_DIR") ? getenv("BENCH_DIR") : "/tmp";
	double ratios[RUNS_MAX], rates[RUNS_MAX], peer_rates[RUNS_MAX], peaks[RUNS_MAX],
		files[RUNS_MAX], p50s[RUNS_MAX], p99s[RUNS_MAX], longest[RUNS_MAX];
	char log[4096], db[4096], kind[128];

	if (runs < 1 || runs > RUNS_MAX || keys < WINDOW) {
		ck_abort_msg("RUNS is 1 to %d, ROWS at least %d", RUNS_MAX, 2 * WINDOW);
	}
	(void)snprintf(log, sizeof(log), "%s/records-%d.csv", directory, (int)getpid());
	(void)snprintf(db, sizeof(db), "%s/records-%d.db", directory, (int)getpid());
	write_log(log, keys);
	for (long i = 0; i < runs; i++) {
		struct measured ours = run_ours(log, keys);
		double theirs = run_sqlite(db, keys);

		ratios[i] = theirs / ours.seconds;
		rates[i] = 2 * (double)keys / ours.seconds;
		peer_rates[i] = 2 * (double)keys / theirs;
		peaks[i] = ours.peak_mib;
		files[i] = ours.file_mib;
		p50s[i] = ours.call_p50_ms;
		p99s[i] = ours.call_p99_ms;
		longest[i] = ours.call_max_ms;
	}
	(void)unlink(log);
	qsort(ratios, (size_t)runs, sizeof(ratios[0]), compare_doubles);
	(void)snprintf(kind, sizeof(kind), "\"ratio\":%.4g,\"to\":\"sqlite3 upsert\"",
		       ratios[runs / 2]);
	tell("rows answered later, whole daemon", kind, ratios, runs,
	     ",\"goal\":2,\"better\":\"higher\"");
	tell_value("rows a second", "rows/s", rates, runs,
		   ",\"goal\":300000,\"better\":\"higher\"");
	tell_value("rows a second of sqlite3", "rows/s", peer_rates, runs, "");
	tell_value("peak memory of the daemon", "MiB", peaks, runs, "");
	tell_value("size of the store", "MiB", files, runs, "");
	tell_value("GetFigure meanwhile, median", "ms", p50s, runs, "");
	tell_value("GetFigure meanwhile, 99 of 100", "ms", p99s, runs, "");
	tell_value("GetFigure meanwhile, longest", "ms", longest, runs, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("records");
	TCase *tests = tcase_create("records");
	SRunner *runner;
	int failed;

	tcase_add_test(tests, records);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	if (failed)
		srunner_print(runner, CK_NORMAL);
	srunner_free(runner);
	return failed ? 1 : 0;
}
