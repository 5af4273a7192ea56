/* SPDX-License-Identifier: MIT
 *
 * test_misbehave.c - plugins that crash, hang, flood, write garbage, do not stop: the daemon
 * answers on, another source goes on, the log has a clear line, the figures stay. Test program; the
 * plugins are in tests/plugins.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "harness.h"

#define ANSWER_MS 100  /* the daemon answers within this, whatever a plugin does */
#define PERCENT	  "20" /* of the real deadlines: 6 s without a heartbeat, which is sent every 5 s */

static struct harness h;

static void set_up(void)
{
	(void)setenv("STRAITD_TEST_PERCENT", PERCENT, 1);
	harness_start(&h);
	harness_plugin(&h, "counts");
	harness_config(&h, "good.conf", "[source good]\nplugin = counts\n");
}

static void tear_down(void)
{
	harness_stop(&h);
}

static void begin(const char *plugin)
{
	harness_plugin(&h, plugin);
	harness_config(&h, "bad.conf", "[source bad]\nplugin = %s\n", plugin);
	harness_make_spool(&h, "bad");
	harness_daemon(&h);
	harness_wait_source(&h, "good", "idle");
}

static double now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* The daemon answers, and the other source's document becomes a figure. */
static void goes_on(const char *document, const char *text, double expected)
{
	double before = now_ms();

	(void)harness_sequence(&h);
	harness_assert(&h, now_ms() - before < ANSWER_MS, "an answer took %.0f ms",
		       now_ms() - before);
	harness_drop(&h, "good", document, text);
	harness_wait_figure(&h, "test.count.total", expected);
	before = now_ms();
	ck_assert_double_eq(harness_figure(&h, "test.count.total"), expected);
	harness_assert(&h, now_ms() - before < ANSWER_MS, "an answer took %.0f ms",
		       now_ms() - before);
}

START_TEST(a_plugin_that_crashes_in_open_is_quarantined)
{
	char text[512];

	begin("crash_open");
	goes_on("1", "abc", 3);
	harness_wait_source(&h, "bad", "quarantined");
	harness_wait_log(&h, "source 'bad': worker ");
	harness_wait_log(&h,
			 "died by signal 11 (Segmentation fault) before it was ready; last words: "
			 "'crash_open: about to die'");
	harness_source_text(&h, "bad", "LastFault", text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "signal 11"));
	ck_assert_double_eq(harness_source_number(&h, "bad", "Restarts"), 2);
	goes_on("2", "de", 5);
}
END_TEST

/* The document that the plugin cannot bear is put away with the reason, and the source works on. */
static void expect_put_away(const char *name, const char *how)
{
	char path[HARNESS_PATH_MAX], file[64];
	char *reason;

	harness_wait_path(&h, harness_spool_path(&h, "bad", "failed", name, path), true);
	(void)snprintf(file, sizeof(file), "%s.reason", name);
	reason = harness_read(&h, harness_spool_path(&h, "bad", "failed", file, path));
	harness_assert(
		&h,
		strstr(reason, "reason: the worker died 3 times while reading it; the last one "),
		"%s", reason);
	harness_assert(&h, strstr(reason, how), "%s", reason);
	free(reason);
	harness_wait_source(&h, "bad", "idle");
}

START_TEST(a_document_that_crashes_its_worker_is_put_away)
{
	char text[512];

	begin("crash_document");
	harness_wait_source(&h, "bad", "idle");
	harness_drop(&h, "bad", "poison", "x");
	harness_wait_log(&h, "while reading 'poison'");
	expect_put_away("poison", "died by signal 11 (Segmentation fault)");
	harness_source_text(&h, "bad", "LastFault", text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "signal 11"));
	goes_on("1", "abc", 3);
}
END_TEST

START_TEST(the_documents_behind_a_poisoned_one_are_read)
{
	char path[HARNESS_PATH_MAX];

	harness_plugin(&h, "doc_demo");
	harness_config(&h, "bad.conf", "[source bad]\nplugin = doc_demo\n");
	harness_make_spool(&h, "bad");
	harness_drop(&h, "bad", "a", "level 20000 1\ncrash\n");
	harness_drop(&h, "bad", "b", "level 20000 2\n");
	harness_daemon(&h);
	harness_wait_path(&h, harness_spool_path(&h, "bad", "done", "b", path), true);
	harness_wait_path(&h, harness_spool_path(&h, "bad", "failed", "a.reason", path), true);
	harness_wait_figure(&h, "demo.latest", 2);
	ck_assert_double_eq(harness_source_number(&h, "bad", "Accepted"), 1);
}
END_TEST

START_TEST(a_plugin_that_hangs_is_shown_then_killed)
{
	begin("hang");
	harness_drop(&h, "bad", "x", "x");
	harness_wait_source(&h, "bad", "reading");
	goes_on("1", "abc", 3);
	harness_wait_source(&h, "bad", "unresponsive");
	goes_on("2", "de", 5);
	harness_wait_source(&h, "bad", "backoff");
	harness_wait_log(&h, "died by signal 9 (Killed)");
	harness_wait_log(&h, "gave no sign of life for 6 s");
	goes_on("3", "f", 6);
}
END_TEST

START_TEST(a_plugin_that_floods_fills_neither_the_log_nor_the_loop)
{
	char *log;
	size_t size;

	begin("flood");
	harness_drop(&h, "bad", "x", "x");
	harness_wait_source(&h, "bad", "reading");
	goes_on("1", "abc", 3);
	harness_wait_log(&h, "lines left out");
	goes_on("2", "de", 5);
	log = harness_read(&h, h.log);
	size = strlen(log);
	free(log);
	ck_assert_uint_lt(size, 200 * 1024);
}
END_TEST

START_TEST(a_plugin_that_writes_garbage_is_killed_with_a_clear_line)
{
	begin("garbage");
	harness_drop(&h, "bad", "x", "x");
	expect_put_away("x",
			"killed for breaking the rules of the link (violation 3 of this source)");
	goes_on("1", "abc", 3);
}
END_TEST

START_TEST(a_plugin_that_closes_its_link_is_ended)
{
	begin("closes_fd3");
	harness_drop(&h, "bad", "x", "x");
	expect_put_away("x", "it closed its link and did not leave");
	goes_on("1", "abc", 3);
}
END_TEST

START_TEST(a_plugin_that_does_not_stop_does_not_keep_the_daemon)
{
	begin("slow_stop");
	harness_wait_source(&h, "bad", "idle");
	goes_on("1", "abc", 3);
	ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
	ck_assert(harness_log_has(&h, "it did not stop when asked"));
	harness_daemon(&h);
	ck_assert_double_eq(harness_figure(&h, "test.count.total"), 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("misbehave");
	TCase *tests = tcase_create("misbehave");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_plugin_that_crashes_in_open_is_quarantined);
	tcase_add_test(tests, a_document_that_crashes_its_worker_is_put_away);
	tcase_add_test(tests, the_documents_behind_a_poisoned_one_are_read);
	tcase_add_test(tests, a_plugin_that_hangs_is_shown_then_killed);
	tcase_add_test(tests, a_plugin_that_floods_fills_neither_the_log_nor_the_loop);
	tcase_add_test(tests, a_plugin_that_writes_garbage_is_killed_with_a_clear_line);
	tcase_add_test(tests, a_plugin_that_closes_its_link_is_ended);
	tcase_add_test(tests, a_plugin_that_does_not_stop_does_not_keep_the_daemon);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
