/* SPDX-License-Identifier: MIT
 *
 * test_complaint.c - once, then rarely, then that it is over.
 */
#include "complaint.h"

#include <stdlib.h>

#include <check.h>

#define START_MS INT64_C(1000)

START_TEST(the_first_is_said_and_the_next_minute_is_silent)
{
	struct complaint complaint = { 0 };

	ck_assert(complaint_raise(&complaint, START_MS));
	ck_assert(!complaint_raise(&complaint, START_MS));
	ck_assert(!complaint_raise(&complaint, START_MS + COMPLAINT_FIRST_MS - 1));
	ck_assert(complaint_raise(&complaint, START_MS + COMPLAINT_FIRST_MS));
}
END_TEST

START_TEST(intervals_double_up_to_the_longest)
{
	struct complaint complaint = { 0 };
	int64_t now_ms = START_MS, said_ms = START_MS, interval_ms = COMPLAINT_FIRST_MS;
	int lines = 0;

	ck_assert(complaint_raise(&complaint, now_ms));
	while (lines < 20) {
		now_ms += 1000;
		if (!complaint_raise(&complaint, now_ms)) {
			ck_assert_int_lt(now_ms, said_ms + interval_ms);
			continue;
		}
		ck_assert_int_eq(now_ms, said_ms + interval_ms);
		said_ms = now_ms;
		interval_ms =
			2 * interval_ms < COMPLAINT_MAX_MS ? 2 * interval_ms : COMPLAINT_MAX_MS;
		lines++;
	}
	ck_assert_int_eq(interval_ms, COMPLAINT_MAX_MS);
}
END_TEST

START_TEST(its_end_is_said_once_with_how_long_and_how_often)
{
	struct complaint complaint = { 0 };
	int64_t lasted_ms = -1;
	uint32_t count = 77;

	ck_assert(!complaint_end(&complaint, START_MS, &lasted_ms, &count));
	ck_assert_int_eq(lasted_ms, -1);
	ck_assert_uint_eq(count, 77);
	for (int i = 0; i < 5; i++)
		(void)complaint_raise(&complaint, START_MS + i);
	ck_assert(complaint_end(&complaint, START_MS + 5000, &lasted_ms, &count));
	ck_assert_int_eq(lasted_ms, 5000);
	ck_assert_uint_eq(count, 5);
	ck_assert(!complaint_end(&complaint, START_MS + 5001, &lasted_ms, &count));
}
END_TEST

START_TEST(a_new_trouble_after_the_end_is_said_at_once)
{
	struct complaint complaint = { 0 };

	ck_assert(complaint_raise(&complaint, START_MS));
	ck_assert(complaint_end(&complaint, START_MS + 1, NULL, NULL));
	ck_assert(complaint_raise(&complaint, START_MS + 2));
}
END_TEST

START_TEST(trouble_at_time_zero_is_trouble)
{
	struct complaint complaint = { 0 };

	ck_assert(complaint_raise(&complaint, 0));
	ck_assert(!complaint_raise(&complaint, 0));
	ck_assert(complaint_end(&complaint, 10, NULL, NULL));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("complaint");
	TCase *tcase = tcase_create("complaint");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, the_first_is_said_and_the_next_minute_is_silent);
	tcase_add_test(tcase, intervals_double_up_to_the_longest);
	tcase_add_test(tcase, its_end_is_said_once_with_how_long_and_how_often);
	tcase_add_test(tcase, a_new_trouble_after_the_end_is_said_at_once);
	tcase_add_test(tcase, trouble_at_time_zero_is_trouble);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
