/* SPDX-License-Identifier: MIT
 *
 * test_trouble.c - sources that are late, dead or drifted, and documents that cannot be read, with
 * the real programs: what is said, what is kept, and that the figures stay and are marked. Test
 * program; the plugin is tests/plugins/doc_demo.c.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "harness.h"

#define DAY_S 86400

static struct harness h;

static void set_up(void)
{
	harness_start(&h);
	harness_plugin(&h, "doc_demo");
	harness_plugin(&h, "counts");
}

static void tear_down(void)
{
	harness_stop(&h);
}

/* demo: with these further keys. good: a source that nothing happens to. */
static void begin(const char *keys)
{
	harness_config(&h, "demo.conf", "[source demo]\nplugin = doc_demo\n%s", keys);
	harness_config(&h, "good.conf", "[source good]\nplugin = counts\n");
	harness_daemon(&h);
	harness_wait_source(&h, "demo", "idle");
	harness_wait_source(&h, "good", "idle");
}

static int today(void)
{
	return (int)(time(NULL) / DAY_S);
}

static void drop_level(const char *name, int day, int value)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "level %d %d\n", day, value);
	harness_drop(&h, "demo", name, text);
	harness_wait_figure(&h, "demo.latest", value);
}

static void expect_freshness(const char *expected, const char *reason)
{
	char text[512];

	harness_source_text(&h, "demo", "Freshness", text, sizeof(text));
	harness_assert(&h, strcmp(text, expected) == 0, "%s", text);
	harness_source_text(&h, "demo", "Reason", text, sizeof(text));
	harness_assert(&h, strstr(text, reason) != NULL, "'%s' in '%s'", reason, text);
}

/* "stale" of demo.latest as scripts see it. */
static void expect_stale(bool stale)
{
	struct output output;

	CTL(&h, &output, "--json", "get", "demo.latest");
	ck_assert_int_eq(output.code, 0);
	harness_assert(&h, strstr(output.out, stale ? "\"stale\":true" : "\"stale\":false") != NULL,
		       "%s", output.out);
	output_done(&output);
}

/* Consumes signals until one of that cause comes. */
static struct figures_signal wait_cause(const char *cause)
{
	struct figures_signal signal;

	do
		harness_assert(&h, harness_next_signal(&h, &signal, HARNESS_DEADLINE_MS),
			       "no signal of cause %s", cause);
	while (strcmp(signal.cause, cause) != 0);
	return signal;
}

static void wait_failed(const char *name, const char *reason)
{
	char path[HARNESS_PATH_MAX], file[64];
	char *text;

	(void)snprintf(file, sizeof(file), "%s.reason", name);
	harness_wait_path(&h, harness_spool_path(&h, "demo", "failed", file, path), true);
	text = harness_read(&h, path);
	harness_assert(&h, strstr(text, reason) != NULL, "'%s' in '%s'", reason, text);
	free(text);
}

START_TEST(time_alone_makes_figures_stale_and_new_content_fresh)
{
	struct figures_signal signal;

	begin("cadence = 2s\n");
	drop_level("a", today(), 5);
	expect_freshness("fresh", "");
	expect_stale(false);
	harness_wait_log(&h, "its figures are due");
	signal = wait_cause("stale");
	ck_assert_uint_eq(signal.rows, 1);
	ck_assert_str_eq(signal.source, "demo");
	harness_wait_log(&h, "its figures are late");
	expect_freshness("late", "newer content is late: it reaches to ");
	expect_stale(true);
	ck_assert_double_eq(harness_figure(&h, "demo.latest"), 5);
	harness_assert(&h, !harness_next_signal(&h, &signal, 0), "a second signal");
	drop_level("b", today() + 1, 6);
	harness_wait_log(&h, "its figures are fresh again");
	signal = wait_cause("stale"); /* and back */
	ck_assert_uint_eq(signal.rows, 1);
	expect_stale(false);
}
END_TEST

static bool sources_show(const char *text)
{
	struct output output;
	bool shows;

	CTL(&h, &output, "sources");
	ck_assert_int_eq(output.code, 0);
	shows = strstr(output.out, text) != NULL;
	output_done(&output);
	return shows;
}

START_TEST(a_fault_is_shown_until_something_is_committed_after_it)
{
	char fault[512], path[HARNESS_PATH_MAX];

	begin("");
	drop_level("a", today() - 1, 5);
	harness_drop(&h, "demo", "bad", "fail input\n");
	harness_wait_path(&h, harness_spool_path(&h, "demo", "failed", "bad", path), true);
	harness_wait_source(&h, "demo", "idle");
	ck_assert(sources_show("Z 'bad': told to fail: input"));
	drop_level("b", today(), 6);
	ck_assert(!sources_show("told to fail"));
	harness_source_text(&h, "demo", "LastFault", fault, sizeof(fault));
	ck_assert_ptr_nonnull(strstr(fault, "Z 'bad': told to fail: input"));
}
END_TEST

START_TEST(an_old_release_makes_nothing_fresher_or_staler)
{
	char path[HARNESS_PATH_MAX];

	begin("cadence = 7d\n");
	drop_level("new", today() - 1, 5);
	expect_freshness("fresh", "");
	harness_drop(&h, "demo", "2020-09-03", "level 18507 409\n");
	harness_wait_path(&h, harness_spool_path(&h, "demo", "done", "2020-09-03", path), true);
	expect_freshness("fresh", "");
	harness_source_text(&h, "demo", "LastRelease", path, sizeof(path));
	ck_assert_str_eq(path, "new");
}
END_TEST

START_TEST(a_source_that_answers_without_moving_is_dead)
{
	char text[128], path[HARNESS_PATH_MAX];

	begin("cadence = 1h\n");
	(void)snprintf(text, sizeof(text), "published %lld000\nlevel %d 5\n",
		       (long long)(today() - 10) * DAY_S + 60, today() - 11);
	harness_drop(&h, "demo", "a", text);
	harness_wait_figure(&h, "demo.latest", 5);
	harness_wait_log(&h, "its figures are late");
	harness_drop(&h, "demo", "b", text); /* the same again */
	harness_wait_path(&h, harness_spool_path(&h, "demo", "done", "b", path), true);
	harness_wait_log(&h, "its figures are dead");
	expect_freshness("dead", "it still answers, but its content reaches to ");
	expect_stale(true);
}
END_TEST

static const struct {
	const char *how, *freshness, *reason;
} troubles[] = {
	{ "drifted", "drifted",
	  "it has another shape than expected: 'bad': told to fail: drifted" },
	{ "retired", "dead", "it is no longer updated: 'bad': told to fail: retired" },
};

START_TEST(a_document_of_another_shape_marks_its_source)
{
	char text[64], path[HARNESS_PATH_MAX];

	begin("");
	harness_drop(&h, "good", "1", "abc");
	harness_wait_figure(&h, "test.count.total", 3);
	drop_level("a", today() - 1, 5);
	(void)snprintf(text, sizeof(text), "level %d 77\nfail %s\n", today(), troubles[_i].how);
	harness_drop(&h, "demo", "bad", text);
	wait_failed("bad", troubles[_i].reason + strlen(troubles[_i].reason) - 7);
	(void)wait_cause("stale");
	for (int run = 0; run < 2; run++) {
		expect_freshness(troubles[_i].freshness, troubles[_i].reason);
		expect_stale(true);
		ck_assert_double_eq(harness_figure(&h, "demo.latest"), 5);
		if (run > 0)
			break;
		ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
		harness_daemon(&h);
		harness_wait_source(&h, "demo", "idle");
	}
	(void)snprintf(text, sizeof(text), "level %d 5\n", today() - 1);
	harness_drop(&h, "demo", "again", text); /* imported already: says nothing new */
	harness_wait_path(&h, harness_spool_path(&h, "demo", "done", "again", path), true);
	expect_freshness(troubles[_i].freshness, troubles[_i].reason);
	drop_level("new", today(), 6);
	harness_wait_log(&h, "its figures are fresh again");
	expect_freshness("fresh", "");
	expect_stale(false);
}
END_TEST

/* Counts lines of straitctl rejects that have this text. */
static int count_rejects(const char *text)
{
	struct output output;
	int count = 0;

	CTL(&h, &output, "rejects", "demo");
	ck_assert_int_eq(output.code, 0);
	for (const char *at = output.out; (at = strstr(at, text)); at++)
		count++;
	output_done(&output);
	return count;
}

START_TEST(rejects_of_a_failed_document_are_kept_once)
{
	char path[HARNESS_PATH_MAX];
	struct output output;

	begin("");
	for (int i = 0; i < 2; i++) { /* moved back, it fails again */
		harness_drop(&h, "demo", "bad",
			     "sheet Notes\nsheet SB_01\ncell 977 1\nreject x\nfail input\n");
		harness_wait_path(
			&h, harness_spool_path(&h, "demo", "failed", i ? "bad.1" : "bad", path),
			true);
	}
	wait_failed("bad", "told to fail: input");
	harness_wait_source(&h, "demo", "idle");
	ck_assert_double_eq(harness_source_number(&h, "demo", "Rejected"), 2);
	ck_assert_int_eq(count_rejects("told to reject"), 2);
	CTL(&h, &output, "rejects", "demo");
	harness_assert(&h, strstr(output.out, "SB_01!B978") != NULL, "%s", output.out);
	harness_assert(&h, strstr(output.out, "bad") != NULL, "%s", output.out);
	harness_assert(&h, strstr(output.out, "xxxx 999 9") != NULL, "%s", output.out);
	output_done(&output);
	ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
	harness_daemon(&h);
	ck_assert_double_eq(harness_source_number(&h, "demo", "Rejected"), 2);
}
END_TEST

START_TEST(too_many_rejects_refuse_the_whole_document)
{
	char text[1024] = "", path[HARNESS_PATH_MAX];

	begin("reject_limit = 10%\n");
	for (int i = 0; i < 27; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "level %d %d\n",
			       today() - i, i);
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
		       "reject x\nreject y\nreject z\n");
	harness_drop(&h, "demo", "passes", text);
	harness_wait_path(&h, harness_spool_path(&h, "demo", "done", "passes", path), true);
	ck_assert_double_eq(harness_source_number(&h, "demo", "Accepted"), 27);
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "reject z\nlevel %d 99\n",
		       today() + 1);
	harness_drop(&h, "demo", "refused", text);
	wait_failed("refused", "4 of 32 rows are rejected, more than reject_limit = 10% allows: "
			       "told to reject: x; told to reject: y; told to reject: z");
	harness_wait_source(&h, "demo", "idle");
	ck_assert_double_eq(harness_source_number(&h, "demo", "Accepted"), 27);
	ck_assert_double_eq(harness_source_number(&h, "demo", "Rejected"), 3 + 4);
	ck_assert_double_eq(harness_figure(&h, "demo.latest"), 0);
	ck_assert_int_eq(count_rejects("refused"), 4);
}
END_TEST

START_TEST(a_misspelt_key_of_ours_is_named)
{
	harness_config(&h, "demo.conf", "[source demo]\nplugin = doc_demo\ncadense = 7d\n");
	harness_daemon(&h);
	harness_wait_source(&h, "demo", "misconfigured");
	harness_wait_log(&h, "unknown key 'cadense'; did you mean 'cadence'?");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("trouble");
	TCase *tests = tcase_create("trouble");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 90);
	tcase_add_test(tests, time_alone_makes_figures_stale_and_new_content_fresh);
	tcase_add_test(tests, a_fault_is_shown_until_something_is_committed_after_it);
	tcase_add_test(tests, an_old_release_makes_nothing_fresher_or_staler);
	tcase_add_test(tests, a_source_that_answers_without_moving_is_dead);
	tcase_add_loop_test(tests, a_document_of_another_shape_marks_its_source, 0,
			    (int)(sizeof(troubles) / sizeof(troubles[0])));
	tcase_add_test(tests, rejects_of_a_failed_document_are_kept_once);
	tcase_add_test(tests, too_many_rejects_refuse_the_whole_document);
	tcase_add_test(tests, a_misspelt_key_of_ours_is_named);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
