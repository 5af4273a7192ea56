/* SPDX-License-Identifier: MIT
 *
 * test_kill_merge.c - the daemon is killed at every step while runs of records are merged
 * (store_record_merge.c), and started again: figures, versions and answers as known on a date are
 * those of an undisturbed run. Test program.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <sqlite3.h>

#include "harness.h"
#include "inputs.h"

#define FAULT_VARIABLE "STRAITD_TEST_FAULT_POINT"
#define FAULT_CODE     99
#define BATCHES	       13  /* a document is one */
#define BEFORE	       11  /* of them; the next one makes a level full (RECORD_FANOUT) */
#define ROWS	       300 /* a document: together more than one stretch of a merge */
#define POINTS_MIN     30
#define POINTS_MAX     1000

static const char *const dates[] = { "2021-02-20", "2021-06-20", "2021-12-20", "2022-02-20" };

static const char *document_name(int batch, char name[64])
{
	(void)snprintf(name, 64, "referrals-%d-%02d-15.csv", 2021 + batch / 12, 1 + batch % 12);
	return name;
}

/* Half of the rows are new, half answer what an earlier document left pending. */
static char *document_text(int batch)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	fputs(REFERRALS_HEADER, out);
	for (int i = 0; i < ROWS; i++) {
		int id = batch * ROWS / 2 + i - (batch > 0 ? ROWS / 2 : 0);
		bool answered = i < ROWS / 2 && batch > 0;

		fprintf(out, "k%d,%s,account,2020-%02d-%02dT10:00:00Z,%s,%s,\n", id,
			id % 3 ? "alpha" : "beta", 1 + id % 12, 1 + id % 28,
			answered ? "blocked" : "pending", answered ? "2020-12-30T10:00:00Z" : "");
	}
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

static void drop(struct harness *h, int first, int end)
{
	for (int i = first; i < end; i++) {
		char *text = document_text(i), name[64];

		harness_drop(h, "nca", document_name(i, name), text);
		free(text);
	}
}

static const char *done_path(struct harness *h, int batch, char path[HARNESS_PATH_MAX])
{
	char name[64];

	return harness_spool_path(h, "nca", "done", document_name(batch, name), path);
}

static void wait_until_read(struct harness *h, int end)
{
	char path[HARNESS_PATH_MAX];

	for (int i = 0; i < end; i++)
		harness_wait_path(h, done_path(h, i, path), true);
	harness_wait_source(h, "nca", "idle");
}

static void prepare(struct harness *h)
{
	harness_start(h);
	h->program = "tests/straitd-faulty";
	harness_plugin(h, "platform_response");
	harness_config(h, "one.conf", "[source nca]\nplugin = platform_response\n");
	harness_make_spool(h, "nca");
}

static void copy_below(const char *from, const char *to)
{
	struct output output;
	char inside[HARNESS_PATH_MAX + 4];

	(void)snprintf(inside, sizeof(inside), "%.200s/.", from);
	RUN(&output, "cp", "-a", inside, to);
	ck_assert_msg(output.code == 0, "%s", output.err);
	output_done(&output);
}

/* What a daemon leaves whose level is nearly full: copies of its directories. */
struct full {
	char state[HARNESS_PATH_MAX], spool[HARNESS_PATH_MAX], directory[64];
};

static void copy_full(struct full *full, const struct harness *h)
{
	(void)snprintf(full->directory, sizeof(full->directory), "/tmp/straitd-merge-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(full->directory));
	(void)snprintf(full->state, sizeof(full->state), "%s/state", full->directory);
	(void)snprintf(full->spool, sizeof(full->spool), "%s/spool", full->directory);
	copy_below(h->state, full->state);
	copy_below(h->spool, full->spool);
}

static void begin_full(struct harness *h, const struct full *full)
{
	prepare(h);
	copy_below(full->state, h->state);
	copy_below(full->spool, h->spool);
	drop(h, BEFORE, BATCHES);
}

/* Runs of records in that state and level; the file is read only. */
static int runs_of_level(struct harness *h, int level)
{
	char path[HARNESS_PATH_MAX + 16], sql[96];
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	int count;

	(void)snprintf(path, sizeof(path), "%s/straitd.db", h->state);
	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM record_run WHERE level = %d", level);
	harness_assert(h,
		       sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
			       sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
			       sqlite3_step(statement) == SQLITE_ROW,
		       "%s: %s", path, sqlite3_errmsg(db));
	count = sqlite3_column_int(statement, 0);
	(void)sqlite3_finalize(statement);
	(void)sqlite3_close(db);
	return count;
}

static char *answers(struct harness *h)
{
	static const char *const versions[] = { "referrals.accounts 2020-01-01",
						"referrals.accounts 2020-05-17",
						"referrals.accounts 2020-10-10", NULL };
	char *text = harness_snapshot(h, versions), *all = NULL;
	size_t size;
	FILE *out = open_memstream(&all, &size);

	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	free(text);
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		struct output output;
		char as_of[64];

		(void)snprintf(as_of, sizeof(as_of), "--as-of=%s", dates[i]);
		CTL(h, &output, "get", as_of, "referrals.requested", "referrals.blocked",
		    "referrals.pending");
		harness_assert(h, output.code == 0, "%s", output.err);
		fprintf(out, "as known on %s:\n%s", dates[i], output.out);
		output_done(&output);
		CTL(h, &output, "series", "referrals.accounts", "--csv", as_of);
		harness_assert(h, output.code == 0, "%s", output.err);
		fputs(output.out, out);
		output_done(&output);
	}
	fprintf(out, "accepted %g rejected %g\n", harness_source_number(h, "nca", "Accepted"),
		harness_source_number(h, "nca", "Rejected"));
	ck_assert_int_eq(fclose(out), 0);
	return all;
}

/* False: the point was never reached. */
static bool run_into(struct harness *h, int point)
{
	char number[16], path[HARNESS_PATH_MAX];
	bool alive = true;
	int code;

	(void)snprintf(number, sizeof(number), "%d", point);
	ck_assert_int_eq(setenv(FAULT_VARIABLE, number, 1), 0);
	harness_daemon_begin(h);
	ck_assert_int_eq(unsetenv(FAULT_VARIABLE), 0);
	for (int i = BEFORE; i < BATCHES && alive; i++)
		alive = harness_wait_path_or_end(h, done_path(h, i, path));
	code = harness_daemon_end(h, SIGTERM);
	harness_assert(h, code == 0 || code == FAULT_CODE, "the daemon ended with %d at point %d",
		       code, point);
	return code == FAULT_CODE;
}

/* What the store says after a merge was interrupted at the point, and the rest was read. */
static bool kill_at(const struct full *full, int point, const char *expected)
{
	struct harness h;
	bool died;
	char *got;

	begin_full(&h, full);
	died = run_into(&h, point);
	harness_daemon(&h);
	wait_until_read(&h, BATCHES);
	got = answers(&h);
	if (strcmp(got, expected) != 0)
		harness_fail(&h, "killed at point %d, it says:\n%sand should say:\n%s", point, got,
			     expected);
	harness_assert(&h, runs_of_level(&h, 1) == 1, "nothing was merged after point %d", point);
	free(got);
	harness_stop(&h);
	return died;
}

START_TEST(every_step_of_a_merge_of_records_can_be_the_last)
{
	struct full full;
	struct harness h;
	struct output output;
	int point = 1;
	char *expected;

	prepare(&h);
	drop(&h, 0, BEFORE);
	harness_daemon(&h);
	wait_until_read(&h, BEFORE);
	ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
	ck_assert_int_eq(runs_of_level(&h, 0), BEFORE);
	copy_full(&full, &h);
	harness_stop(&h);
	begin_full(&h, &full);
	harness_daemon(&h);
	wait_until_read(&h, BATCHES);
	expected = answers(&h);
	harness_assert(&h, runs_of_level(&h, 0) == BATCHES - BEFORE - 1,
		       "the merge is not complete");
	harness_stop(&h);
	while (kill_at(&full, point, expected))
		ck_assert_int_lt(++point, POINTS_MAX);
	ck_assert_int_gt(point, POINTS_MIN);
	free(expected);
	RUN(&output, "rm", "-r", full.directory);
	ck_assert_int_eq(output.code, 0);
	output_done(&output);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kill_merge");
	TCase *tests = tcase_create("kill_merge");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 600);
	tcase_add_test(tests, every_step_of_a_merge_of_records_can_be_the_last);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
