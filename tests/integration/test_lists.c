/* SPDX-License-Identifier: MIT
 *
 * test_lists.c - what there is to ask about: metrics, and the rejects of a source. Test program.
 */
#include <stdio.h>
#include <string.h>

#include <check.h>
#include <jansson.h>

#include "harness.h"

static struct harness h;

static void set_up(void)
{
	harness_start(&h);
	harness_plugin(&h, "doc_demo");
	harness_config(&h, "demo.conf", "[source demo]\nplugin = doc_demo\n");
	harness_daemon(&h);
	harness_wait_source(&h, "demo", "idle");
}

static void tear_down(void)
{
	harness_stop(&h);
}

START_TEST(list_shows_the_metrics)
{
	struct output output;
	json_t *metric;

	CTL(&h, &output, "list", "--metrics");
	ck_assert_int_eq(output.code, 0);
	ck_assert_int_eq(strncmp(output.out, "METRIC", 6), 0);
	ck_assert_ptr_nonnull(strstr(output.out, "demo.record"));
	output_done(&output);
	CTL(&h, &output, "--json", "list", "--metrics");
	ck_assert_int_eq(output.code, 0);
	metric = json_loadb(output.out, strcspn(output.out, "\n"), 0, NULL);
	ck_assert_str_eq(json_string_value(json_object_get(metric, "name")), "demo.level");
	ck_assert_str_eq(json_string_value(json_object_get(metric, "unit")), "things");
	ck_assert_str_eq(json_string_value(json_object_get(metric, "kind")), "level");
	ck_assert_str_eq(json_string_value(json_object_get(metric, "title")), "Levels");
	ck_assert(json_is_array(json_object_get(metric, "labels")));
	json_decref(metric);
	output_done(&output);
}
END_TEST

START_TEST(rejects_of_an_unknown_source_are_no_empty_list)
{
	struct output output;

	CTL(&h, &output, "rejects", "no-such");
	ck_assert_int_eq(output.code, 4);
	harness_assert(&h, strstr(output.err, "no-such") != NULL, "%s", output.err);
	output_done(&output);
	CTL(&h, &output, "rejects", "demo");
	ck_assert_int_eq(output.code, 0);
	output_done(&output);
}
END_TEST

/* Nothing but rejects, so it is refused; what is kept of it is all the same. */
static void drop_rejects(const char *name, unsigned int count)
{
	static char text[4096 * 16];
	char path[HARNESS_PATH_MAX];
	size_t used = 0;

	for (unsigned int i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "reject %s\n", name);
	harness_drop(&h, "demo", name, text);
	harness_wait_path(&h, harness_spool_path(&h, "demo", "failed", name, path), true);
}

static void expect_rejects(const char *max, size_t expected, const char *told)
{
	struct output output;
	size_t lines = 0;

	CTL(&h, &output, "--json", "rejects", "demo", "--max", max);
	ck_assert_int_eq(output.code, 0);
	for (const char *end = output.out; (end = strchr(end, '\n')) != NULL; end++)
		lines++;
	ck_assert_uint_eq(lines, expected);
	ck_assert_str_eq(output.err, told);
	output_done(&output);
}

START_TEST(no_reject_goes_without_a_word)
{
	struct output output;

	drop_rejects("a", 3000);
	harness_wait_source(&h, "demo", "idle");
	ck_assert_double_eq(harness_source_number(&h, "demo", "Rejected"), 3000);
	expect_rejects("100", 100, "straitctl: 100 of 3000 shown; --max N shows more\n");
	expect_rejects("5000", 256,
		       "straitctl: 256 of 3000 shown; the others are summed up in an entry that "
		       "says so, or too old to be kept\n");
	CTL(&h, &output, "rejects", "demo");
	harness_assert(&h,
		       strstr(output.out, "and 2745 more rejected in this batch, up to byte 26991; "
					  "the first of them: told to reject: a") != NULL,
		       "%s", output.out);
	harness_assert(&h, strstr(output.out, "byte 2295") != NULL, "%s", output.out);
	output_done(&output);
}
END_TEST

START_TEST(more_than_a_thousand_rejects_are_shown_on_demand)
{
	static const char *const names[] = { "a", "b", "c", "d", "e" };

	for (size_t i = 0; i < 5; i++)
		drop_rejects(names[i], 256);
	harness_wait_source(&h, "demo", "idle");
	expect_rejects("1279", 1279, "straitctl: 1279 of 1280 shown; --max N shows more\n");
	expect_rejects("20000", 1280, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lists");
	TCase *tests = tcase_create("lists");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, list_shows_the_metrics);
	tcase_add_test(tests, rejects_of_an_unknown_source_are_no_empty_list);
	tcase_add_test(tests, no_reject_goes_without_a_word);
	tcase_add_test(tests, more_than_a_thousand_rejects_are_shown_on_demand);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
