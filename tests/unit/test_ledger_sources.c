/* SPDX-License-Identifier: MIT
 *
 * test_ledger_sources.c - several sources in one ledger: what becomes of one must not hurt another.
 */
#include <sqlite3.h>

#include "clock.h"
#include "ledger_case.h"

static struct ledger_case c;

static void open_case(void)
{
	case_open(&c);
}

static void close_case(void)
{
	case_close(&c);
}

static int declare_other(const char *source)
{
	struct metric_declaration metric = { .name = (char *)"other",
					     .unit = (char *)"people",
					     .title = (char *)"Other",
					     .kind = STRAIT_LEVEL,
					     .granularity = STRAIT_DAY };
	struct figure_declaration figure = { .name = (char *)"other.latest",
					     .formula = (char *)"other",
					     .window = (char *)"latest",
					     .unit = (char *)"people",
					     .title = (char *)"Other" };
	struct declaration declaration = { .plugin = (char *)"q",
					   .version = (char *)"1",
					   .summary = (char *)"s",
					   .metrics = &metric,
					   .metric_count = 1,
					   .figures = &figure,
					   .figure_count = 1 };

	return ledger_declare(c.ledger, source, &declaration, &c.report, &c.fault);
}

/* The store is locked by somebody else for a moment. */
START_TEST(a_declaration_that_fails_leaves_the_other_sources_alone)
{
	static struct case_release r;
	char path[128];
	sqlite3 *other;

	(void)snprintf(path, sizeof(path), "%s/straitd.db", c.dir);
	ck_assert_int_eq(sqlite3_open(path, &other), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(declare_other("b"), -1);
	ck_assert_int_eq(sqlite3_close(other), SQLITE_OK);
	release_init(&r, "a", 1000);
	release_add(&r, CASE_PEOPLE, "2020-09-02", 409, NULL, NULL);
	release_send(&c, &r);
	ck_assert_double_eq(case_figure(&c, "people.latest"), 409);
	ck_assert_int_eq(declare_other("b"), 0);
	case_reopen(&c);
	ck_assert_double_eq(case_value(&c, "people.2020-09-02", 0), 409);
}
END_TEST

START_TEST(a_figure_of_two_sources_outlives_the_first)
{
	static const char *const kept[] = { "b" };

	ck_assert_int_eq(declare_other("a"), 0);
	ck_assert_int_eq(declare_other("b"), 0);
	ck_assert_int_eq(ledger_set_stale(c.ledger, "b", false, &c.report, &c.fault), 0);
	ck_assert_int_eq(ledger_set_stale(c.ledger, "a", true, &c.report, &c.fault), 0);
	ck_assert(ledger_figure(c.ledger, "other.latest")->stale);
	ck_assert_int_eq(ledger_keep_sources(c.ledger, kept, 1, &c.report, &c.fault), 0);
	ck_assert_uint_eq(ledger_figure_count(c.ledger), 1);
	ck_assert_str_eq(ledger_figure(c.ledger, "other.latest")->source, "b");
	ck_assert(!ledger_figure(c.ledger, "other.latest")->stale);
	ck_assert_uint_ne(c.report.sequence, 0);
	ck_assert_int_eq(ledger_keep_sources(c.ledger, kept, 1, &c.report, &c.fault), 0);
	ck_assert_uint_eq(c.report.sequence, 0);
}
END_TEST

static void send_rejects(const char *source, uint64_t number)
{
	static struct batch_reject rejects[BATCH_REJECTS_MAX];
	struct batch batch = { .number = number,
			       .release = { .name = "r",
					    .dataset = "",
					    .url = "",
					    .published_at_ms = 1000,
					    .sha256 = { (uint8_t)number } },
			       .final = true,
			       .rejected = BATCH_REJECTS_MAX,
			       .rejects = rejects,
			       .reject_count = BATCH_REJECTS_MAX };

	for (size_t i = 0; i < BATCH_REJECTS_MAX; i++)
		rejects[i] =
			(struct batch_reject){ .at = i, .reason = "no number", .extract = "x" };
	ck_assert_int_eq(ledger_commit(c.ledger, source, &batch, &c.report, &c.fault), 0);
}

static size_t rejects_of(const char *source)
{
	struct reject_row *rows;
	size_t count;

	ck_assert_int_eq(ledger_rejects(c.ledger, source, 20000, &rows, &count, &c.fault), 0);
	free(rows);
	return count;
}

/* Nobody is answered meanwhile. It takes 10 ms; looking for the limit at every row took seconds. */
START_TEST(old_rejects_are_forgotten_quickly)
{
	int64_t begun_ms;

	ck_assert_int_eq(declare_other("b"), 0);
	for (uint64_t i = 1; i <= 50; i++)
		send_rejects("src", i);
	send_rejects("b", 1);
	ck_assert_uint_eq(rejects_of("src"), 12800);
	begun_ms = clock_monotonic_ms();
	ck_assert_int_eq(ledger_expire(c.ledger, 1, &c.fault), 0);
	ck_assert_int_lt(clock_monotonic_ms() - begun_ms, 500);
	ck_assert_uint_eq(rejects_of("src"), 10000);
	ck_assert_uint_eq(rejects_of("b"), BATCH_REJECTS_MAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ledger_sources");
	TCase *tests = tcase_create("ledger_sources");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, open_case, close_case);
	tcase_add_test(tests, a_declaration_that_fails_leaves_the_other_sources_alone);
	tcase_add_test(tests, a_figure_of_two_sources_outlives_the_first);
	tcase_add_test(tests, old_rejects_are_forgotten_quickly);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
