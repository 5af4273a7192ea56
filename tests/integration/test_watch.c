/* SPDX-License-Identifier: MIT
 *
 * test_watch.c - straitctl watch: each change once and in order, from a sequence number on, and
 * through a daemon that is killed. Test program.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <jansson.h>

#include "harness.h"
#include "inputs.h"

#define LINE_MS	 10000
#define QUIET_MS 300

static struct harness h;
static struct process watch;

static void set_up(void)
{
	harness_start(&h);
	harness_plugin(&h, "platform_response");
	harness_config(&h, "nca.conf", "[source nca]\nplugin = platform_response\n");
	harness_daemon(&h);
	harness_wait_source(&h, "nca", "idle");
}

static void tear_down(void)
{
	process_done(&watch);
	harness_stop(&h);
}

static void import(const char *name, const char *text)
{
	struct output output;
	char path[HARNESS_PATH_MAX];

	harness_file(&h, name, text, path);
	CTL(&h, &output, "import", "nca", path);
	harness_assert(&h, output.code == 0, "%s", output.err);
	output_done(&output);
}

/* The next line of the watch as JSON. */
static json_t *next_change(void)
{
	const char *line = process_line(&watch, LINE_MS);
	json_t *change;

	harness_assert(&h, line != NULL, "watch printed nothing for %d ms", LINE_MS);
	change = json_loads(line, 0, NULL);
	ck_assert_msg(json_is_object(change), "no JSON object: %s", line);
	return change;
}

static void expect_change(const char *figure, double new_value)
{
	json_t *change = next_change(), *value;

	ck_assert_str_eq(json_string_value(json_object_get(change, "figure")), figure);
	value = json_object_get(change, "new");
	ck_assert_double_eq(json_number_value(value), new_value);
	json_decref(change);
}

/* A watch that has printed the changes since 0 of this figure is up and running. */
static void begin_watching(const char *figure)
{
	CTL_BEGIN(&h, &watch, "--json", "watch", "--since", "0", figure);
}

START_TEST(prints_a_change_with_the_agreed_members)
{
	static const char *const keys[] = { "sequence", "source", "cause", "figure",
					    "old",	"new",	  "status" };
	json_t *change;

	import(REFERRALS_MARCH_NAME, REFERRALS_MARCH);
	begin_watching("referrals.blocked");
	expect_change("referrals.blocked", 2);
	import(REFERRALS_SEPTEMBER_NAME, REFERRALS_SEPTEMBER);
	change = next_change();
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		ck_assert_msg(json_object_get(change, keys[i]) != NULL, "%s is missing", keys[i]);
	ck_assert_uint_eq(json_object_size(change), sizeof(keys) / sizeof(keys[0]));
	ck_assert_str_eq(json_string_value(json_object_get(change, "source")), "nca");
	ck_assert_str_eq(json_string_value(json_object_get(change, "cause")), "revised");
	ck_assert_str_eq(json_string_value(json_object_get(change, "status")), "final");
	ck_assert_double_eq(json_number_value(json_object_get(change, "old")), 2);
	ck_assert_double_eq(json_number_value(json_object_get(change, "new")), 3);
	json_decref(change);
	ck_assert_ptr_null(process_line(&watch, QUIET_MS));
}
END_TEST

START_TEST(the_first_value_of_a_figure_comes_from_null)
{
	json_t *change;

	import(REFERRALS_MARCH_NAME, REFERRALS_MARCH);
	begin_watching("referrals.requested");
	change = next_change();
	ck_assert(json_is_null(json_object_get(change, "old")));
	ck_assert_str_eq(json_string_value(json_object_get(change, "cause")), "new");
	json_decref(change);
}
END_TEST

START_TEST(since_prints_only_what_is_after_it)
{
	char since[32];

	import(REFERRALS_MARCH_NAME, REFERRALS_MARCH);
	(void)snprintf(since, sizeof(since), "%llu", (unsigned long long)harness_sequence(&h));
	import(REFERRALS_SEPTEMBER_NAME, REFERRALS_SEPTEMBER);
	import(REFERRALS_NOVEMBER_NAME, REFERRALS_NOVEMBER);
	CTL_BEGIN(&h, &watch, "--json", "watch", "--since", since, "referrals.refused",
		  "referrals.blocked");
	expect_change("referrals.blocked", 3);
	expect_change("referrals.refused", 2);
	ck_assert_ptr_null(process_line(&watch, QUIET_MS));
}
END_TEST

START_TEST(misses_and_doubles_nothing_when_the_daemon_is_killed)
{
	import(REFERRALS_MARCH_NAME, REFERRALS_MARCH);
	begin_watching("referrals.requested");
	expect_change("referrals.requested", 4);
	ck_assert_int_eq(harness_daemon_end(&h, SIGKILL), 128 + SIGKILL);
	harness_daemon(&h);
	import(REFERRALS_SEPTEMBER_NAME, REFERRALS_SEPTEMBER);
	expect_change("referrals.requested", 5);
	ck_assert_ptr_null(process_line(&watch, QUIET_MS));
	ck_assert_int_gt(watch.pid, 0);
}
END_TEST

START_TEST(sequences_go_up_and_each_commit_is_printed_once)
{
	json_int_t last = 0;

	begin_watching("referrals.requested");
	for (int i = 0; i < 20; i++) {
		char name[64], text[512];
		json_t *change;
		json_int_t sequence;

		(void)snprintf(name, sizeof(name), "referrals-2021-01-%02d.csv", i + 1);
		(void)snprintf(
			text, sizeof(text),
			REFERRALS_HEADER "n%d,alpha,account,2021-01-01T10:00:00Z,pending,,\n", i);
		harness_drop(&h, "nca", name, text);
		change = next_change();
		sequence = json_integer_value(json_object_get(change, "sequence"));
		ck_assert_int_gt(sequence, last);
		ck_assert_double_eq(json_number_value(json_object_get(change, "new")), i + 1);
		last = sequence;
		json_decref(change);
	}
}
END_TEST

START_TEST(people_see_old_and_new_with_an_arrow)
{
	const char *line;

	import(REFERRALS_MARCH_NAME, REFERRALS_MARCH);
	CTL_BEGIN(&h, &watch, "watch", "--since", "0", "referrals.blocked");
	line = process_line(&watch, LINE_MS);
	harness_assert(&h, line != NULL, "watch printed nothing");
	ck_assert_msg(strstr(line, "referrals.blocked  - → 2  new") != NULL, "%s", line);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch");
	TCase *tests = tcase_create("watch");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, prints_a_change_with_the_agreed_members);
	tcase_add_test(tests, the_first_value_of_a_figure_comes_from_null);
	tcase_add_test(tests, since_prints_only_what_is_after_it);
	tcase_add_test(tests, misses_and_doubles_nothing_when_the_daemon_is_killed);
	tcase_add_test(tests, sequences_go_up_and_each_commit_is_printed_once);
	tcase_add_test(tests, people_see_old_and_new_with_an_arrow);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
