/* SPDX-License-Identifier: MIT
 *
 * test_freshness.c - fresh, due, late, dead and drifted by the dates of the content alone.
 */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>

#include "clock.h"
#include "freshness.h"

#define HOUR  INT64_C(3600000)
#define DAY   (24 * HOUR)
#define WEEK  (7 * DAY)
#define EPOCH (INT64_C(1777593600000)) /* 2026-05-01: data to Thursday, 30 April */

static const struct {
	int64_t content_at, answered, now; /* from EPOCH */
	enum strait_fault trouble;
	int64_t cadence;
	enum freshness expected;
	bool moves; /* by itself, later */
} rows[] = {
	/* the weekly table: published on Friday at noon, the next one a week later */
	{ 0, 12 * HOUR, 12 * HOUR, 0, WEEK, FRESHNESS_FRESH, true },
	{ 0, 12 * HOUR, WEEK + 12 * HOUR, 0, WEEK, FRESHNESS_FRESH, true },
	{ 0, 12 * HOUR, WEEK + WEEK / 2, 0, WEEK, FRESHNESS_FRESH, true },
	{ 0, 12 * HOUR, WEEK + WEEK / 2 + 1, 0, WEEK, FRESHNESS_DUE, true },
	{ 0, 12 * HOUR, 2 * WEEK, 0, WEEK, FRESHNESS_DUE, true },
	{ 0, 12 * HOUR, 2 * WEEK + 1, 0, WEEK, FRESHNESS_LATE, false },
	{ 0, 12 * HOUR, 200 * WEEK, 0, WEEK, FRESHNESS_LATE, false },
	/* it answers on, and its content does not move */
	{ 0, 4 * WEEK - 1, 5 * WEEK, 0, WEEK, FRESHNESS_LATE, false },
	{ 0, 4 * WEEK, 5 * WEEK, 0, WEEK, FRESHNESS_DEAD, false },
	/* without a cadence only trouble counts */
	{ 0, 400 * WEEK, 400 * WEEK, 0, 0, FRESHNESS_FRESH, false },
	{ 0, 0, 1, STRAIT_FAULT_DRIFTED, 0, FRESHNESS_DRIFTED, false },
	{ 0, 0, 1, STRAIT_FAULT_RETIRED, WEEK, FRESHNESS_DEAD, false },
	/* a clock that was set back */
	{ DAY, 0, 0, 0, WEEK, FRESHNESS_FRESH, true },
};

START_TEST(follows_from_the_dates_of_the_content)
{
	struct source_health health = { .content_end_ms = EPOCH + rows[_i].content_at,
					.content_at_ms = EPOCH + rows[_i].content_at,
					.answered_ms = EPOCH + rows[_i].answered,
					.since_ms = 1,
					.trouble = rows[_i].trouble };
	int64_t wait_ms = -1;

	clock_set_fake(EPOCH + rows[_i].now);
	ck_assert_int_eq(freshness_judge(&health, rows[_i].cadence, clock_now_ms(), &wait_ms),
			 rows[_i].expected);
	if (!rows[_i].moves) {
		ck_assert_int_eq(wait_ms, 0);
		return;
	}
	ck_assert_int_gt(wait_ms, 0);
	/* At the end of the wait, and not before, it is another one. */
	ck_assert_int_eq(
		freshness_judge(&health, rows[_i].cadence, clock_now_ms() + wait_ms - 1, &wait_ms),
		rows[_i].expected);
	(void)freshness_judge(&health, rows[_i].cadence, clock_now_ms(), &wait_ms);
	ck_assert_int_ne(
		freshness_judge(&health, rows[_i].cadence, clock_now_ms() + wait_ms, &wait_ms),
		rows[_i].expected);
}
END_TEST

START_TEST(counts_from_the_beginning_without_any_content)
{
	struct source_health health = { .since_ms = EPOCH };
	int64_t wait_ms;

	ck_assert_int_eq(freshness_judge(&health, DAY, EPOCH + DAY, &wait_ms), FRESHNESS_FRESH);
	ck_assert_int_eq(freshness_judge(&health, DAY, EPOCH + 3 * DAY, &wait_ms), FRESHNESS_LATE);
}
END_TEST

START_TEST(says_how_far_the_content_reaches)
{
	struct source_health health = { .content_end_ms = EPOCH, .content_at_ms = EPOCH };
	char text[512] = "x";

	freshness_reason(FRESHNESS_FRESH, &health, WEEK, text, sizeof(text));
	ck_assert_str_eq(text, "");
	freshness_reason(FRESHNESS_LATE, &health, WEEK, text, sizeof(text));
	ck_assert_str_eq(
		text, "newer content is late: it reaches to 2026-04-30 and should move every 1w");
	freshness_reason(FRESHNESS_DEAD, &health, WEEK, text, sizeof(text));
	ck_assert_str_eq(
		text,
		"it still answers, but its content reaches to 2026-04-30 only and should move every 1w");
	health.trouble = STRAIT_FAULT_RETIRED;
	(void)snprintf(health.trouble_text, sizeof(health.trouble_text),
		       "'a.html': 'no longer be updated'");
	freshness_reason(FRESHNESS_DEAD, &health, 0, text, sizeof(text));
	ck_assert_str_eq(text, "it is no longer updated: 'a.html': 'no longer be updated'");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("freshness");
	TCase *tcase = tcase_create("freshness");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, follows_from_the_dates_of_the_content, 0,
			    (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(tcase, counts_from_the_beginning_without_any_content);
	tcase_add_test(tcase, says_how_far_the_content_reaches);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
