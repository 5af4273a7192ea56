/* SPDX-License-Identifier: MIT
 *
 * test_ctl_series.c - straitctl series with more points than a message may have: they come by
 * descriptor without the user noticing. Over a fake ledger, because no real series of days is that
 * long (the wire's last day is in 2199). Runs $STRAIT_BUILD/straitctl.
 */
// needs: fake_ledger fake_sources
#include "bus_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <check.h>

/* First, second and last line of what it prints, and how many lines there are. */
static const char *series(const char *options)
{
	const char *build = getenv("STRAIT_BUILD");
	char command[1024];

	(void)snprintf(command, sizeof(command),
		       "'%s/straitctl' --bus '%s' series arrivals.people --csv %s | "
		       "sed -n '1p;2p;$p;$='",
		       build != NULL ? build : "build", fixture.bus.address, options);
	return bus_fixture_run(0, 0, (const char *const[]){ "sh", "-c", command, NULL });
}

static bool straitctl_is_built(void)
{
	const char *build = getenv("STRAIT_BUILD");
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/straitctl", build != NULL ? build : "build");
	if (access(path, X_OK) == 0)
		return true;
	fprintf(stderr, "test_ctl_series: %s is not built; nothing was tested\n", path);
	return false;
}

START_TEST(what_fits_into_a_message_comes_in_one)
{
	if (!straitctl_is_built())
		return;
	fake_ledger_set_points(fixture.ledger, BUS_SERIES_POINTS_MAX);
	ck_assert_str_eq(series(""), "period,value,status\n2020-09-02,100,final\n"
				     "2294-06-17,100099,final\n100001\n");
}
END_TEST

START_TEST(one_point_more_comes_by_descriptor)
{
	if (!straitctl_is_built())
		return;
	fake_ledger_set_points(fixture.ledger, BUS_SERIES_POINTS_MAX + 1);
	ck_assert_str_eq(series(""), "period,value,status\n2020-09-02,100,final\n"
				     "2294-06-18,100100,provisional\n100002\n");
}
END_TEST

START_TEST(what_is_too_large_even_for_that_is_told)
{
	if (!straitctl_is_built())
		return;
	fake_ledger_set_points(fixture.ledger, BUS_SERIES_FD_POINTS_MAX + 1);
	ck_assert_str_eq(
		series("2>&1"),
		"straitctl: 1000001 points\nstraitctl: 1000001 points\n1\n" /* first and last */);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ctl series");
	TCase *tests = tcase_create("ctl series");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, bus_fixture_start, bus_fixture_stop);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, what_fits_into_a_message_comes_in_one);
	tcase_add_test(tests, one_point_more_comes_by_descriptor);
	tcase_add_test(tests, what_is_too_large_even_for_that_is_told);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
