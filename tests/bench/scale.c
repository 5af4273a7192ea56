/* SPDX-License-Identifier: MIT
 *
 * scale.c - what grows with what is stored: a commit among more and more keyed records, one value
 * as known on a date among two versions of each of them, the start of the daemon on a store of many
 * series and days, and one whole series of it. The stores are built through the ledger, as a
 * worker's batches would. Bench program.
 *
 * Environment: KEYS (default 1000000; every one gets two versions; 10000000 takes some minutes and
 * 2 GB), SERIES (5000) and DAYS (3650) of the store that the daemon starts with, RUNS (5),
 * COMMITS (200 at each size).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

// packages: dbus-1
#include "bus_client.h"
#include "harness.h"
#include "ledger.h"

enum {
	RUNS_MAX = 64,
	COMMITS_MAX = 4096,
	FILL = 8000,	   /* records of a batch that fills the store */
	COMMIT = 100,	   /* of one that is measured: half new, half a second version */
	RECORD_DAYS = 365, /* that the records are of */
	FIRST_DAY = 16000
};

#define DAY_MS INT64_C(86400000)

enum { LEVEL, RECORDS, HOURS };

static uint64_t mixed(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static double now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static long number(const char *name, long fallback, long max)
{
	const char *text = getenv(name);
	long value = text && *text ? strtol(text, NULL, 10) : fallback;

	return value < 1 ? 1 : value > max ? max : value;
}

static int compare_doubles(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static void tell(const char *what, const char *unit, double *values, long count, const char *rest)
{
	qsort(values, (size_t)count, sizeof(values[0]), compare_doubles);
	printf("{\"bench\":\"scale\",\"what\":\"%s\",\"value\":%.4g,\"unit\":\"%s\",\"min\":%.4g,\"max\":%.4g,\"runs\":%ld%s}\n",
	       what, values[count / 2], unit, values[0], values[count - 1], count, rest);
	fflush(stdout);
}

/* ── a store ───────────────────────────────────────────────────────────────────────────────── */

struct store_made {
	struct ledger *ledger;
	uint64_t batch;
};

static void must(int result, const struct fault *fault)
{
	ck_assert_msg(result == 0, "%s", fault->text);
}

static void open_store(struct store_made *made, const char *directory)
{
	struct metric_declaration metrics[] = {
		{ .name = (char *)"scale.level",
		  .unit = (char *)"people",
		  .title = (char *)"Level",
		  .kind = STRAIT_LEVEL,
		  .granularity = STRAIT_DAY,
		  .labels = { (char *)"place" } },
		{ .name = (char *)"scale.records",
		  .unit = (char *)"records",
		  .title = (char *)"Records",
		  .kind = STRAIT_RECORD,
		  .granularity = STRAIT_DAY,
		  .labels = { (char *)"state" } },
		{ .name = (char *)"scale.hours",
		  .unit = (char *)"hours",
		  .title = (char *)"Hours",
		  .kind = STRAIT_RECORD,
		  .granularity = STRAIT_DAY,
		  .flags = STRAIT_METRIC_DISTRIBUTION },
	};
	struct figure_declaration figures[] = {
		{ (char *)"scale.count", (char *)"scale.records", (char *)"total",
		  (char *)"records", (char *)"t" },
		{ (char *)"scale.answered", (char *)"scale.records{state=answered} / scale.records",
		  (char *)"total", (char *)"ratio", (char *)"t" },
		{ (char *)"scale.median", (char *)"percentile(scale.hours, 50)", (char *)"total",
		  (char *)"hours", (char *)"t" },
	};
	struct declaration declaration = { .plugin = (char *)"scale",
					   .version = (char *)"1",
					   .summary = (char *)"s",
					   .metrics = metrics,
					   .metric_count = 3,
					   .figures = figures,
					   .figure_count = 3 };
	struct commit_report report;
	struct fault fault;

	*made = (struct store_made){ .batch = 0 };
	must(ledger_open(directory, &made->ledger, &fault), &fault);
	must(ledger_declare(made->ledger, "scale", &declaration, &report, &fault), &fault);
}

static void commit(struct store_made *made, int64_t published_at_ms,
		   const struct batch_series *series, size_t series_count,
		   const struct batch_observation *observations, size_t count)
{
	struct batch batch = { .number = made->batch + 1,
			       .final = true,
			       .accepted = count,
			       .series = series,
			       .series_count = series_count,
			       .observations = observations,
			       .observation_count = count,
			       .cursor = "cursor",
			       .cursor_size = 6,
			       .release = { .dataset = "",
					    .url = "",
					    .name = "release",
					    .published_at_ms = published_at_ms } };
	struct commit_report report;
	struct fault fault;

	memcpy(batch.release.sha256, &batch.number, sizeof(batch.number));
	must(ledger_commit(made->ledger, "scale", &batch, &report, &fault), &fault);
	made->batch++;
}

/* ── records ───────────────────────────────────────────────────────────────────────────────── */

static const struct batch_series record_series[] = {
	{ .metric = RECORDS, .labels = { "open" } },
	{ .metric = RECORDS, .labels = { "answered" } },
	{ .metric = HOURS },
};

/* A version of record i: as it was opened, or as it was answered ten days later. */
static size_t put_record(struct batch_observation *observations, uint64_t i, bool answered)
{
	int32_t day = FIRST_DAY + (int32_t)(mixed(i) % RECORD_DAYS);
	struct batch_observation observation = { .series = answered,
						 .day = day,
						 .status = STRAIT_FINAL,
						 .value = 1,
						 .at = i * 2 + answered,
						 .key = mixed(~i),
						 .rank = answered,
						 .known_at_ms = (day + 10 * answered) * DAY_MS,
						 .count = 1 };

	observations[0] = observation;
	if (!answered)
		return 1;
	observation.series = 2;
	observation.value = (double)(mixed(i + 1) % 9600) / 40;
	observations[1] = observation;
	return 2;
}

/* Records [first, first + count) in one batch, and their answers in another. */
static void fill(struct store_made *made, uint64_t first, uint64_t count)
{
	static struct batch_observation observations[2 * FILL];

	for (int answered = 0; answered < 2; answered++) {
		size_t used = 0;

		for (uint64_t i = first; i < first + count; i++)
			used += put_record(&observations[used], i, answered);
		commit(made, FIRST_DAY * DAY_MS + (int64_t)made->batch, record_series, 3,
		       observations, used);
	}
}

/* So many small batches; returns records that are stored after them. */
static uint64_t measure_commits(struct store_made *made, uint64_t stored, long commits)
{
	static struct batch_observation observations[2 * COMMIT];
	static double values[COMMITS_MAX];
	char what[96];
	uint64_t next = stored;

	for (long i = 0; i < commits; i++) {
		size_t used = 0;
		double start;

		for (uint64_t k = 0; k < COMMIT / 2; k++) {
			used += put_record(&observations[used], next + k, false);
			if (next + k < stored + COMMIT / 2)
				continue; /* the first batch has none to answer */
			used += put_record(&observations[used], next + k - COMMIT / 2, true);
		}
		start = now_ms();
		commit(made, FIRST_DAY * DAY_MS + (int64_t)made->batch, record_series, 3,
		       observations, used);
		values[i] = now_ms() - start;
		next += COMMIT / 2;
	}
	(void)snprintf(what, sizeof(what), "commit of %d rows beside %llu", COMMIT,
		       (unsigned long long)stored);
	tell(what, "ms", values, commits, "");
	return next;
}

static void measure_as_of(struct store_made *made, const char *name, uint64_t stored, long runs,
			  bool anew)
{
	struct figure_value value;
	double values[RUNS_MAX];
	struct fault fault;
	char what[96];

	for (long i = 0; i < runs; i++) {
		int64_t as_of = (FIRST_DAY + RECORD_DAYS / 2 + (anew ? i : 0)) * DAY_MS;
		double start = now_ms();
		int result = ledger_value(made->ledger, name, as_of, &value, &fault);

		if (result < 0 && fault.kind == FAULT_TOO_LARGE) {
			fprintf(stderr, "scale: %s: %s\n", name, fault.text);
			return;
		}
		must(result, &fault);
		values[i] = now_ms() - start;
		ck_assert_msg(value.value > 0, "%s is %g", name, value.value);
	}
	(void)snprintf(what, sizeof(what), "%s as known on %s, %llu records", name,
		       anew ? "a date" : "the same", (unsigned long long)stored);
	tell(what, "ms", values, runs, anew ? ",\"goal\":2000,\"better\":\"lower\"" : "");
}

START_TEST(records)
{
	uint64_t keys = (uint64_t)number("KEYS", 1000000, 100000000),
		 stored = 0; /* from 10000 on */
	long runs = number("RUNS", 5, RUNS_MAX), commits = number("COMMITS", 200, COMMITS_MAX);
	struct store_made made;
	struct harness h; /* for its directories */

	harness_start(&h);
	ck_assert_int_eq(access(h.state, W_OK), 0);
	open_store(&made, h.state);
	for (uint64_t size = 10000; size <= keys; size *= 10) {
		while (stored < size) {
			uint64_t count = size - stored < FILL ? size - stored : FILL;

			fill(&made, stored, count);
			stored += count;
		}
		stored = measure_commits(&made, stored, commits);
	}
	measure_as_of(&made, "scale.count", stored, runs, true);
	measure_as_of(&made, "scale.answered", stored, runs, true);
	measure_as_of(&made, "scale.median", stored, runs, true);
	measure_as_of(&made, "scale.count", stored, runs, false);
	ledger_free(made.ledger);
	harness_stop(&h);
}
END_TEST

/* ── the start of the daemon ───────────────────────────────────────────────────────────────── */

/* Of each series all days, as many series in a batch as fit. */
static void fill_levels(struct store_made *made, long series_count, long days)
{
	static struct batch_observation observations[BATCH_OBSERVATIONS_MAX];
	static struct batch_series series[BATCH_SERIES_MAX];
	static char names[BATCH_SERIES_MAX][16];
	long at_once = (long)BATCH_OBSERVATIONS_MAX / days;

	for (long first = 0; first < series_count; first += at_once) {
		size_t used = 0, taken = 0;

		for (long i = first; i < first + at_once && i < series_count; i++, taken++) {
			(void)snprintf(names[taken], sizeof(names[0]), "p%ld", i);
			series[taken] = (struct batch_series){ .metric = LEVEL,
							       .labels = { names[taken] } };
			for (long day = 0; day < days; day++, used++)
				observations[used] = (struct batch_observation){
					.series = (uint32_t)taken,
					.day = FIRST_DAY + (int32_t)day,
					.status = STRAIT_FINAL,
					.value = (double)(mixed((uint64_t)(i * days + day)) % 1000),
					.at = used,
					.count = 1
				};
		}
		commit(made, FIRST_DAY * DAY_MS + (int64_t)made->batch, series, taken, observations,
		       used);
	}
}

static double ask(struct bus_client *client, const char *member, const char *signature,
		  const char *const *arguments)
{
	DBusMessage *message =
		bus_client_message(client, "/org/straitd/Straitd1", "org.straitd.Straitd1.Manager",
				   member, signature, arguments);
	double start = now_ms();
	DBusMessage *reply = bus_client_ask(client, message);
	double took = now_ms() - start;

	ck_assert_msg(dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_METHOD_RETURN, "%s: %s",
		      member, bus_client_text(reply));
	dbus_message_unref(reply);
	return took;
}

START_TEST(start)
{
	long series = number("SERIES", 5000, 1000000), runs = number("RUNS", 5, RUNS_MAX);
	long days = number("DAYS", 3650, BATCH_OBSERVATIONS_MAX);
	double starts[RUNS_MAX], whole[RUNS_MAX];
	struct store_made made;
	struct harness h;
	char what[96];

	harness_start(&h);
	open_store(&made, h.state);
	fill_levels(&made, series, days);
	for (uint64_t stored = 0; stored < 500000; stored += FILL) /* two versions each */
		fill(&made, stored, FILL);
	ledger_free(made.ledger);
	/* there is no such plugin: what it declared counts as it was kept */
	harness_config(&h, "scale.conf", "[source scale]\nplugin = scale\n");
	for (long i = 0; i < runs; i++) {
		const char *arguments[] = { "scale.level", "place=p17", "", "", "0" };
		struct bus_client client;
		double begin = now_ms();

		harness_daemon(&h);
		bus_client_open(&client, NULL, h.bus.address, "org.straitd.Straitd1");
		(void)ask(&client, "GetFigure", "s", (const char *const[]){ "scale.count" });
		starts[i] = now_ms() - begin;
		(void)ask(&client, "GetSeries", "sa{ss}ssx",
			  arguments); /* pages come into memory */
		whole[i] = ask(&client, "GetSeries", "sa{ss}ssx", arguments);
		bus_client_close(&client);
		ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
	}
	(void)snprintf(what, sizeof(what), "start to first answer, %ld x %ld + 1M versions", series,
		       days);
	tell(what, "ms", starts, runs, ",\"goal\":100,\"better\":\"lower\"");
	(void)snprintf(what, sizeof(what), "GetSeries of %ld points", days);
	tell(what, "ms", whole, runs, ",\"goal\":2,\"better\":\"lower\"");
	harness_stop(&h);
}
END_TEST

/* The harness speaks through Check. */
int main(void)
{
	Suite *suite = suite_create("scale");
	TCase *tests = tcase_create("scale");
	SRunner *runner;
	int failed;

	tcase_add_test(tests, records);
	tcase_add_test(tests, start);
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
