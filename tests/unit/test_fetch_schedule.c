/* SPDX-License-Identifier: MIT
 *
 * test_fetch_schedule.c - when a source is fetched next. Test program.
 */
#include <stdlib.h>

#include <check.h>

#include "fetch_schedule.h"

#define HOUR_MS INT64_C(3600000)

static struct fetch_schedule schedule(int64_t refresh_ms)
{
	return (struct fetch_schedule){ .refresh_ms = refresh_ms,
					.backoff_ms = FETCH_BACKOFF_MIN_MS,
					.random = 12345 };
}

static const struct {
	int64_t cadence_ms, refresh_ms;
} defaults[] = {
	{ 0, 6 * HOUR_MS },
	{ HOUR_MS, 10 * 60000 },
	{ 24 * HOUR_MS, 24 * HOUR_MS / 28 },
	{ 7 * 24 * HOUR_MS, 6 * HOUR_MS },
	{ 92 * 24 * HOUR_MS, 6 * HOUR_MS },
};

START_TEST(looks_often_enough_for_the_cadence)
{
	ck_assert_int_eq(fetch_default_refresh_ms(defaults[_i].cadence_ms),
			 defaults[_i].refresh_ms);
}
END_TEST

START_TEST(a_good_fetch_is_repeated_within_a_tenth_of_the_refresh_time)
{
	struct fetch_schedule s = schedule(HOUR_MS);
	int64_t least = INT64_MAX, most = 0;

	for (int i = 0; i < 2000; i++) {
		int64_t wait = fetch_schedule_good(&s);

		least = wait < least ? wait : least;
		most = wait > most ? wait : most;
	}
	ck_assert_int_ge(least, HOUR_MS * 9 / 10);
	ck_assert_int_le(most, HOUR_MS * 11 / 10);
	ck_assert_int_gt(most - least, HOUR_MS / 6); /* it does spread */
}
END_TEST

START_TEST(failures_wait_longer_each_time_until_the_refresh_time)
{
	struct fetch_schedule s = schedule(HOUR_MS);
	int64_t wanted = FETCH_BACKOFF_MIN_MS;

	for (int i = 0; i < 40; i++) {
		int64_t wait = fetch_schedule_failed(&s, 0);

		ck_assert_int_ge(wait, wanted * 9 / 10);
		ck_assert_int_le(wait, wanted * 11 / 10);
		wanted = wanted * 2 < HOUR_MS ? wanted * 2 : HOUR_MS;
	}
	(void)fetch_schedule_good(&s);
	ck_assert_int_le(fetch_schedule_failed(&s, 0), FETCH_BACKOFF_MIN_MS * 11 / 10);
}
END_TEST

START_TEST(a_server_that_asks_for_time_gets_it)
{
	struct fetch_schedule s = schedule(HOUR_MS);

	ck_assert_int_eq(fetch_schedule_failed(&s, 7200), 2 * HOUR_MS);
	ck_assert_int_ge(fetch_schedule_failed(&s, 1),
			 FETCH_BACKOFF_MIN_MS); /* not sooner for it */
}
END_TEST

START_TEST(a_jitter_of_nothing_still_works)
{
	struct fetch_schedule s = schedule(1);

	s.random = 0;
	ck_assert_int_le(fetch_schedule_good(&s), 2);
	ck_assert_int_le(fetch_schedule_failed(&s, 0), 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fetch_schedule");
	TCase *tests = tcase_create("fetch_schedule");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tests, looks_often_enough_for_the_cadence, 0,
			    sizeof(defaults) / sizeof(defaults[0]));
	tcase_add_test(tests, a_good_fetch_is_repeated_within_a_tenth_of_the_refresh_time);
	tcase_add_test(tests, failures_wait_longer_each_time_until_the_refresh_time);
	tcase_add_test(tests, a_server_that_asks_for_time_gets_it);
	tcase_add_test(tests, a_jitter_of_nothing_still_works);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
