/* SPDX-License-Identifier: MIT
 *
 * test_checks.c - reconciliation as people and scripts see it: straitctl checks, its exit code, and
 * a difference that opens, is explained, and is known as of a date. Test program; the real daemon
 * on a private bus, with the checks that home_office brings.
 */
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <jansson.h>

#include "harness.h"

/* A week to Sunday, 5 July 2026: 10 people in one boat each day. */
#define DAYS_HEADER "Date,Migrants arrived,Boats arrived\n"
#define FIVE_DAYS                                                                                  \
	"2026-06-29,10,1\n2026-06-30,10,1\n2026-07-01,10,1\n2026-07-02,10,1\n2026-07-03,10,1\n"
#define DAYS	     DAYS_HEADER FIVE_DAYS "2026-07-04,10,1\n2026-07-05,10,1\n"
#define DAYS_REVISED DAYS_HEADER FIVE_DAYS "2026-07-04,12,1\n2026-07-05,10,1\n"
#define WEEKS	     "Week ending,Migrants arrived,Boats arrived\n2026-07-05,70,7\n"

#define PLUGIN_SECTION "[source home]\nplugin = home_office\n"

static struct harness h;

static void set_up(void)
{
	harness_start(&h);
	harness_plugin(&h, "home_office");
	harness_config(&h, "home.conf", PLUGIN_SECTION);
	harness_daemon(&h);
	harness_wait_source(&h, "home", "idle");
}

static void tear_down(void)
{
	harness_stop(&h);
}

static void expect(const struct output *output, int code, const char *text)
{
	if (output->code != code || !strstr(output->out, text))
		harness_fail(&h, "exit code %d, wanted %d with '%s'; it said: %s%s", output->code,
			     code, text, output->out, output->err);
}

static void agree(void)
{
	harness_drop(&h, "home", "weeks-2026-07-06.csv", WEEKS);
	harness_drop(&h, "home", "days-2026-07-06.csv", DAYS);
	harness_wait_figure(&h, "check.weekly_people", 0);
}

static void differ(void)
{
	agree();
	harness_drop(&h, "home", "days-2026-07-08.csv", DAYS_REVISED);
	harness_wait_figure(&h, "check.weekly_people", 1);
}

START_TEST(without_data_there_is_nothing_to_compare)
{
	struct output output;

	CTL(&h, &output, "checks");
	expect(&output, 0, "weekly_people");
	expect(&output, 0, "missing");
	output_done(&output);
	CTL(&h, &output, "checks", "quarterly_people");
	expect(&output, 0, "every quarter: 0,");
	output_done(&output);
}
END_TEST

START_TEST(weeks_and_days_agree)
{
	struct output output;

	agree();
	CTL(&h, &output, "--json", "checks");
	expect(&output, 0,
	       "{\"name\":\"weekly_people\",\"title\":\"People by week are the sum of the people by "
	       "day\",\"state\":\"agrees\",\"compared\":1,\"explained\":0,\"open\":0}\n");
	output_done(&output);
	CTL(&h, &output, "checks", "weekly_boats");
	expect(&output, 0, "weekly_boats: agrees");
	expect(&output, 0, "left       arrivals.boats_weekly\nright      arrivals.boats\n");
	output_done(&output);
	CTL(&h, &output, "get", "check.weekly_people");
	expect(&output, 0, "2026-W27");
	output_done(&output);
}
END_TEST

START_TEST(a_revision_opens_the_check_and_the_exit_code_says_so)
{
	struct output output;
	json_t *check, *row;

	differ();
	CTL(&h, &output, "checks");
	expect(&output, 1, "open");
	output_done(&output);
	CTL(&h, &output, "checks", "weekly_boats");
	expect(&output, 0, "agrees");
	output_done(&output);
	CTL(&h, &output, "checks", "weekly_people");
	expect(&output, 1, "of which 0 explained and 1 open");
	output_done(&output);
	CTL(&h, &output, "--json", "checks", "check.weekly_people");
	expect(&output, 1, "{");
	check = json_loads(output.out, 0, NULL);
	ck_assert(json_is_object(check));
	ck_assert_str_eq(json_string_value(json_object_get(check, "every")), "week");
	ck_assert_int_eq(json_array_size(json_object_get(check, "periods")), 1);
	row = json_array_get(json_object_get(check, "periods"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(row, "period")), "2026-W27");
	ck_assert_double_eq(json_number_value(json_object_get(row, "left")), 70);
	ck_assert_double_eq(json_number_value(json_object_get(row, "right")), 72);
	ck_assert_double_eq(json_number_value(json_object_get(row, "difference")), -2);
	ck_assert_str_eq(json_string_value(json_object_get(row, "state")), "open");
	json_decref(check);
	output_done(&output);
}
END_TEST

START_TEST(what_was_known_before_the_revision_agreed)
{
	struct output output;

	differ();
	CTL(&h, &output, "checks", "weekly_people", "--as-of", "2026-07-07");
	expect(&output, 0, "weekly_people: agrees");
	output_done(&output);
	CTL(&h, &output, "checks", "--as-of", "2026-07-07");
	expect(&output, 0, "agrees");
	output_done(&output);
	CTL(&h, &output, "checks", "--as-of", "2026-07-08");
	expect(&output, 1, "open");
	output_done(&output);
}
END_TEST

START_TEST(a_section_explains_the_difference_and_goes_before_the_plugin)
{
	struct output output;

	differ();
	harness_config(
		&h, "checks.conf",
		"[check weekly_people]\nleft = arrivals.people_weekly\nright = arrivals.people\n"
		"every = week\ntitle = Mine\n"
		"explained = \"2026-W27: two were counted on Saturday night\"\n");
	CTL(&h, &output, "reload");
	expect(&output, 0, "");
	output_done(&output);
	harness_wait_figure(&h, "check.weekly_people", 0);
	CTL(&h, &output, "checks", "weekly_people");
	expect(&output, 0, "two were counted on Saturday night");
	expect(&output, 0, "weekly_people: explained");
	output_done(&output);
	/* after a restart the plugin declares its own again */
	ck_assert_int_eq(harness_daemon_end(&h, 15), 0);
	harness_daemon(&h);
	harness_wait_source(&h, "home", "idle");
	CTL(&h, &output, "checks", "weekly_people");
	expect(&output, 0, "Mine");
	output_done(&output);
}
END_TEST

START_TEST(an_unknown_check_is_no_such_thing)
{
	struct output output;

	CTL(&h, &output, "checks", "weekly_peple");
	ck_assert_int_eq(output.code, 4);
	ck_assert_msg(strstr(output.err, "did you mean 'weekly_people'?") != NULL, "%s",
		      output.err);
	output_done(&output);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("checks");
	TCase *tests = tcase_create("checks");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, without_data_there_is_nothing_to_compare);
	tcase_add_test(tests, weeks_and_days_agree);
	tcase_add_test(tests, a_revision_opens_the_check_and_the_exit_code_says_so);
	tcase_add_test(tests, what_was_known_before_the_revision_agreed);
	tcase_add_test(tests, a_section_explains_the_difference_and_goes_before_the_plugin);
	tcase_add_test(tests, an_unknown_check_is_no_such_thing);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
