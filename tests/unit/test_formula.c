/* SPDX-License-Identifier: MIT
 *
 * test_formula.c - the figure language: what is read, what is refused and with which words.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "formula.h"

START_TEST(reads_a_sum_of_one_metric)
{
	struct formula formula;
	struct fault fault;

	ck_assert_int_eq(formula_parse("arrivals.people", &formula, &fault), 0);
	ck_assert_uint_eq(formula.counts[0], 1);
	ck_assert_uint_eq(formula.counts[1], 0);
	ck_assert_int_eq(formula.items[0][0].function, FORMULA_SUM);
	ck_assert_str_eq(formula.items[0][0].metric, "arrivals.people");
	formula_done(&formula);
}
END_TEST

START_TEST(reads_a_ratio_with_labels_and_sums)
{
	struct formula formula;
	struct fault fault;

	ck_assert_int_eq(
		formula_parse(
			" a{outcome=blocked, platform=One Two} + a{outcome=refused} / count(b) ",
			&formula, &fault),
		0);
	ck_assert_uint_eq(formula.counts[0], 2);
	ck_assert_uint_eq(formula.counts[1], 1);
	ck_assert_uint_eq(formula.items[0][0].label_count, 2);
	ck_assert_str_eq(formula.items[0][0].labels[0].key, "outcome");
	ck_assert_str_eq(formula.items[0][0].labels[0].value, "blocked");
	ck_assert_str_eq(formula.items[0][0].labels[1].value, "One Two");
	ck_assert_int_eq(formula.items[1][0].function, FORMULA_COUNT);
	ck_assert_str_eq(formula.items[1][0].metric, "b");
	formula_done(&formula);
}
END_TEST

START_TEST(reads_functions_with_an_argument)
{
	struct formula formula;
	struct fault fault;

	ck_assert_int_eq(formula_parse("percentile(h{p=x}, 50)", &formula, &fault), 0);
	ck_assert_int_eq(formula.items[0][0].function, FORMULA_PERCENTILE);
	ck_assert_double_eq(formula.items[0][0].argument, 50);
	formula_done(&formula);
}
END_TEST

static const struct {
	const char *text, *error;
} refused[] = {
	{ "", "formula '': expected a metric or a function at character 1" },
	{ "a +", "formula 'a +': expected a metric or a function at character 4" },
	{ "a b", "formula 'a b': expected '+', '/' or the end at character 3" },
	{ "a / b / c", "formula 'a / b / c': expected '+', '/' or the end at character 7" },
	{ "a{", "formula 'a{': expected a label's key at character 3" },
	{ "a{k}", "formula 'a{k}': expected '=' at character 4" },
	{ "a{k=}", "formula 'a{k=}': expected a label's value at character 5" },
	{ "a{k=v", "formula 'a{k=v': expected ',' or '}' at character 6" },
	{ "median(a)",
	  "formula 'median(a)': no function 'median'; there are sum, count, max, mean, percentile, below, change" },
	{ "percentile(a)", "formula 'percentile(a)': expected ',' and a number at character 13" },
	{ "percentile(a, 101)",
	  "formula 'percentile(a, 101)': expected a percentile from 0 to 100 at character 15" },
	{ "below(a, x)", "formula 'below(a, x)': expected a number at character 10" },
	{ "sum(a", "formula 'sum(a': expected ')' at character 6" },
	{ "A", "formula 'A': expected a metric or a function at character 1" },
	{ "a+a+a+a+a+a+a+a+a",
	  "formula 'a+a+a+a+a+a+a+a+a': expected at most 8 terms at character 17" },
	{ "a{a=1,b=1,c=1,d=1,e=1}",
	  "formula 'a{a=1,b=1,c=1,d=1,e=1}': expected at most 4 labels at character 19" },
};

START_TEST(refuses_with_the_place_and_what_was_expected)
{
	struct formula formula;
	struct fault fault;

	ck_assert_int_eq(formula_parse(refused[_i].text, &formula, &fault), -1);
	ck_assert_str_eq(fault.text, refused[_i].error);
	ck_assert_int_eq(fault.kind, FAULT_BAD_ARGUMENT);
}
END_TEST

static const struct {
	const char *name, *metric;
	enum window_kind kind;
} names[] = {
	{ "arrivals.people.latest", "arrivals.people", WINDOW_LATEST },
	{ "arrivals.people.2020-09-02", "arrivals.people", WINDOW_FIXED },
	{ "arrivals.people.2020-01/2020-05", "arrivals.people", WINDOW_FIXED },
	{ "referrals.accounts{outcome=blocked}.total", "referrals.accounts", WINDOW_TOTAL },
	{ "referrals.accounts{platform=a.b}.record", "referrals.accounts", WINDOW_RECORD },
};

START_TEST(reads_a_metric_and_window_as_a_name)
{
	struct formula formula;
	struct window window;
	struct fault fault;

	ck_assert_int_eq(formula_parse_name(names[_i].name, &formula, &window, &fault), 0);
	ck_assert_str_eq(formula.items[0][0].metric, names[_i].metric);
	ck_assert_int_eq(window.kind, names[_i].kind);
	formula_done(&formula);
}
END_TEST

static const char *const no_names[] = { "",	      "x",	   ".latest",	"a.",
					"a.tomorrow", "a.2020-13", "a b.latest" };

START_TEST(refuses_what_is_no_metric_and_window)
{
	struct formula formula;
	struct window window;
	struct fault fault;

	ck_assert_int_eq(formula_parse_name(no_names[_i], &formula, &window, &fault), -1);
	ck_assert_int_eq(fault.kind,
			 strncmp(no_names[_i], "a.2", 3) && strcmp(no_names[_i], "a.tomorrow")
				 ? FAULT_NO_SUCH_FIGURE
				 : FAULT_BAD_PERIOD);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("formula");
	TCase *cases = tcase_create("formula");
	SRunner *runner;
	int failed;

	tcase_add_test(cases, reads_a_sum_of_one_metric);
	tcase_add_test(cases, reads_a_ratio_with_labels_and_sums);
	tcase_add_test(cases, reads_functions_with_an_argument);
	tcase_add_loop_test(cases, refuses_with_the_place_and_what_was_expected, 0,
			    sizeof(refused) / sizeof(refused[0]));
	tcase_add_loop_test(cases, reads_a_metric_and_window_as_a_name, 0,
			    sizeof(names) / sizeof(names[0]));
	tcase_add_loop_test(cases, refuses_what_is_no_metric_and_window, 0,
			    sizeof(no_names) / sizeof(no_names[0]));
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
