/* SPDX-License-Identifier: MIT
 *
 * test_period.c - calendar periods against tables written by hand from calendars, and every day
 * from 1970 to 2200 against the C library's own calendar (gmtime_r, strftime %G-W%V).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "period.h"
#include "strait/date.h"

static const enum strait_granularity granularities[] = {
	STRAIT_DAY, STRAIT_WEEK, STRAIT_MONTH, STRAIT_QUARTER, STRAIT_HALF_YEAR, STRAIT_YEAR,
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int32_t day(int year, int month, int day_of_month)
{
	return strait_day(year, month, day_of_month);
}

static const struct {
	const char *text;
	int first[3], last[3];
	const char *written; /* NULL = as read */
} good[] = {
	{ "2020-09-02", { 2020, 9, 2 }, { 2020, 9, 2 }, NULL },
	{ "2020-02-29", { 2020, 2, 29 }, { 2020, 2, 29 }, NULL },
	{ "2000-02-29", { 2000, 2, 29 }, { 2000, 2, 29 }, NULL },
	{ "0001-01-01", { 1, 1, 1 }, { 1, 1, 1 }, NULL },
	{ "9999-12-31", { 9999, 12, 31 }, { 9999, 12, 31 }, NULL },
	/* ISO weeks round the ends of years, from a printed calendar */
	{ "2019-W01", { 2018, 12, 31 }, { 2019, 1, 6 }, NULL },
	{ "2020-W01", { 2019, 12, 30 }, { 2020, 1, 5 }, NULL },
	{ "2020-W53", { 2020, 12, 28 }, { 2021, 1, 3 }, NULL },
	{ "2021-W01", { 2021, 1, 4 }, { 2021, 1, 10 }, NULL },
	{ "2016-W52", { 2016, 12, 26 }, { 2017, 1, 1 }, NULL },
	{ "2015-W53", { 2015, 12, 28 }, { 2016, 1, 3 }, NULL },
	{ "2026-W16", { 2026, 4, 13 }, { 2026, 4, 19 }, NULL },
	{ "2026-W53", { 2026, 12, 28 }, { 2027, 1, 3 }, NULL },
	{ "0001-W01", { 1, 1, 1 }, { 1, 1, 7 }, NULL },
	{ "2020-09", { 2020, 9, 1 }, { 2020, 9, 30 }, NULL },
	{ "2021-02", { 2021, 2, 1 }, { 2021, 2, 28 }, NULL },
	{ "1900-02", { 1900, 2, 1 }, { 1900, 2, 28 }, NULL },
	{ "9999-12", { 9999, 12, 1 }, { 9999, 12, 31 }, NULL },
	{ "2020-Q1", { 2020, 1, 1 }, { 2020, 3, 31 }, NULL },
	{ "2020-Q3", { 2020, 7, 1 }, { 2020, 9, 30 }, NULL },
	{ "2020-Q4", { 2020, 10, 1 }, { 2020, 12, 31 }, NULL },
	{ "2025-S1", { 2025, 1, 1 }, { 2025, 6, 30 }, NULL },
	{ "2020-S2", { 2020, 7, 1 }, { 2020, 12, 31 }, NULL },
	{ "2020-H2", { 2020, 7, 1 }, { 2020, 12, 31 }, "2020-S2" },
	{ "2020", { 2020, 1, 1 }, { 2020, 12, 31 }, NULL },
	{ "2020-01/2020-05", { 2020, 1, 1 }, { 2020, 5, 31 }, NULL },
	{ "2020-01-01/2020-05-31", { 2020, 1, 1 }, { 2020, 5, 31 }, "2020-01/2020-05" },
	{ "2018/2025", { 2018, 1, 1 }, { 2025, 12, 31 }, "2018-01/2025-12" },
	{ "2020-Q1/2020-W14", { 2020, 1, 1 }, { 2020, 4, 5 }, "2020-01-01/2020-04-05" },
	{ "2020-09-02/2020-09-02", { 2020, 9, 2 }, { 2020, 9, 2 }, "2020-09-02" },
	{ "2020-01/2020-03", { 2020, 1, 1 }, { 2020, 3, 31 }, "2020-Q1" },
	{ "2020-12-28/2021-01-03", { 2020, 12, 28 }, { 2021, 1, 3 }, "2020-W53" },
	{ "2020-12-28/P7D", { 2020, 12, 28 }, { 2021, 1, 3 }, "2020-W53" },
	{ "2020-W53/P1W", { 2020, 12, 28 }, { 2021, 1, 3 }, "2020-W53" },
	{ "2020-01/P5M", { 2020, 1, 1 }, { 2020, 5, 31 }, "2020-01/2020-05" },
	{ "2020-01-31/P1M", { 2020, 1, 31 }, { 2020, 2, 28 }, "2020-01-31/2020-02-28" },
	{ "2020-02-29/P1Y", { 2020, 2, 29 }, { 2021, 2, 27 }, "2020-02-29/2021-02-27" },
	{ "2020/P1Y", { 2020, 1, 1 }, { 2020, 12, 31 }, "2020" },
};

START_TEST(reads_a_period_and_writes_its_standard_form)
{
	struct period period;
	char text[PERIOD_TEXT_MAX];

	ck_assert_msg(period_parse(good[_i].text, &period), "%s", good[_i].text);
	ck_assert_int_eq(period.first,
			 day(good[_i].first[0], good[_i].first[1], good[_i].first[2]));
	ck_assert_int_eq(period.last, day(good[_i].last[0], good[_i].last[1], good[_i].last[2]));
	ck_assert_str_eq(period_format(period, text),
			 good[_i].written ? good[_i].written : good[_i].text);
}
END_TEST

static const char *const bad[] = {
	"",
	"-",
	"/",
	"202",
	"20200",
	"2020-",
	"0000",
	"0000-01-01",
	"10000-01-01",
	"2020-9-2",
	"2020-00",
	"2020-13",
	"2020-1",
	"2020-09-",
	"2020-09-0",
	"2020-09-00",
	"2020-09-31",
	"2020-02-30",
	"2021-02-29",
	"1900-02-29",
	"2020-09-02 ",
	" 2020-09-02",
	"2020-09-02T00:00:00Z",
	"2020-W",
	"2020-W0",
	"2020-W00",
	"2020-W54",
	"2019-W53",
	"2021-W53",
	"2020-W5",
	"2020-W053",
	"2020W36",
	"2020-w36",
	"2020-W36-1",
	"2020-Q0",
	"2020-Q5",
	"2020-Q",
	"2020-Q11",
	"2020-q3",
	"2020-S0",
	"2020-S3",
	"2020-H3",
	"2020-H",
	"9999-W52",
	"2020/",
	"/2020",
	"2020/2019",
	"2020-09-02/2020-09-01",
	"2020//2021",
	"2020/2021/2022",
	"P1D",
	"P1D/2020",
	"2020/P",
	"2020/P0D",
	"2020/P1",
	"2020/PD",
	"2020/PT1H",
	"2020/P1H",
	"2020/P-1D",
	"2020/P1000000D",
	"2020/P999999D/",
	"2020/P999999M",
	"2020/P8000Y",
	"9999-12-31/P2D",
	"٢٠٢٠",
	"2020-0x",
	"+2020",
	"-2020",
};

START_TEST(refuses_text_that_is_no_period)
{
	struct period period = { 11, 22 };

	ck_assert_msg(!period_parse(bad[_i], &period), "'%s' was taken as %d to %d", bad[_i],
		      period.first, period.last);
	ck_assert_int_eq(period.first, 11);
	ck_assert_int_eq(period.last, 22);
}
END_TEST

/* The C library's word on the period that a day is in. */
static void libc_name(enum strait_granularity granularity, int32_t at, char *text, size_t size)
{
	time_t seconds = (time_t)at * 86400;
	struct tm tm;

	ck_assert_ptr_nonnull(gmtime_r(&seconds, &tm));
	switch (granularity) {
	case STRAIT_DAY:
		strftime(text, size, "%Y-%m-%d", &tm);
		break;
	case STRAIT_WEEK:
		strftime(text, size, "%G-W%V", &tm);
		break;
	case STRAIT_MONTH:
		strftime(text, size, "%Y-%m", &tm);
		break;
	case STRAIT_QUARTER:
		snprintf(text, size, "%d-Q%d", tm.tm_year + 1900, tm.tm_mon / 3 + 1);
		break;
	case STRAIT_HALF_YEAR:
		snprintf(text, size, "%d-S%d", tm.tm_year + 1900, tm.tm_mon / 6 + 1);
		break;
	case STRAIT_YEAR:
		strftime(text, size, "%Y", &tm);
		break;
	}
}

/* For every day: its period's name is the C library's; the name changes exactly at the period's
   ends; the name reads back as the same days; steps there and back meet. */
START_TEST(agrees_with_the_c_library_on_every_day_from_1970_to_2200)
{
	enum strait_granularity granularity = granularities[_i];
	int32_t end = day(2200, 12, 31), first = granularity_floor(granularity, 0);
	char before[PERIOD_TEXT_MAX] = "";

	for (int32_t at = 0; at <= end; at++) {
		char ours[PERIOD_TEXT_MAX], theirs[PERIOD_TEXT_MAX];
		int32_t floor = granularity_floor(granularity, at);
		struct period period;

		libc_name(granularity, at, theirs, sizeof(theirs));
		ck_assert_str_eq(granularity_format(granularity, at, ours), theirs);
		if (at > 0 && strcmp(before, theirs) != 0)
			first = at;
		ck_assert_msg(floor == first, "%s: %s starts on day %d, not %d",
			      granularity_duration(granularity), theirs, first, floor);
		ck_assert(period_parse(theirs, &period));
		ck_assert_int_eq(period.first, floor);
		ck_assert_int_eq(period.last, granularity_last(granularity, at));
		ck_assert_int_ge(period.last, at);
		ck_assert_int_eq(granularity_step(granularity, at, 1), period.last + 1);
		ck_assert_int_eq(granularity_step(granularity, period.last + 1, -1), floor);
		ck_assert_str_eq(period_format(period, ours), theirs);
		memcpy(before, theirs, sizeof(before));
	}
}
END_TEST

START_TEST(every_pair_of_days_reads_back_as_itself)
{
	for (int32_t first = day(2019, 12, 20); first < day(2020, 3, 10); first++) {
		for (int32_t last = first; last < first + 400; last++) {
			struct period period = { first, last }, again;
			char text[PERIOD_TEXT_MAX];

			period_format(period, text);
			ck_assert_msg(period_parse(text, &again), "%s", text);
			ck_assert_msg(again.first == first && again.last == last, "%s", text);
		}
	}
}
END_TEST

static const struct {
	enum strait_granularity granularity;
	const char *day;
	int steps;
	const char *first;
} steps[] = {
	{ STRAIT_DAY, "2020-03-01", -1, "2020-02-29" },
	{ STRAIT_DAY, "2020-03-01", 0, "2020-03-01" },
	{ STRAIT_DAY, "2020-01-01", 366, "2021-01-01" },
	{ STRAIT_WEEK, "2021-01-03", 0, "2020-12-28" },
	{ STRAIT_WEEK, "2021-01-03", 1, "2021-01-04" },
	{ STRAIT_WEEK, "2021-01-04", -53, "2019-12-30" },
	{ STRAIT_WEEK, "1969-12-31", 0, "1969-12-29" },
	{ STRAIT_MONTH, "2020-01-31", 1, "2020-02-01" },
	{ STRAIT_MONTH, "2020-01-31", -13, "2018-12-01" },
	{ STRAIT_QUARTER, "2020-05-15", -5, "2019-01-01" },
	{ STRAIT_HALF_YEAR, "2020-06-30", 1, "2020-07-01" },
	{ STRAIT_HALF_YEAR, "2020-07-01", -1, "2020-01-01" },
	{ STRAIT_YEAR, "2020-02-29", 1, "2021-01-01" },
	{ STRAIT_YEAR, "2020-02-29", -100, "1920-01-01" },
};

START_TEST(steps_to_the_first_day_of_another_period)
{
	struct period from, wanted;

	ck_assert(period_parse(steps[_i].day, &from));
	ck_assert(period_parse(steps[_i].first, &wanted));
	ck_assert_int_eq(granularity_step(steps[_i].granularity, from.first, steps[_i].steps),
			 wanted.first);
}
END_TEST

START_TEST(days_and_steps_beyond_the_calendar_do_not_overflow)
{
	enum strait_granularity granularity = granularities[_i];
	char text[PERIOD_TEXT_MAX];

	ck_assert_int_eq(granularity_floor(granularity, INT32_MIN),
			 granularity_floor(granularity, PERIOD_DAY_MIN));
	ck_assert_int_eq(granularity_floor(granularity, INT32_MAX),
			 granularity_floor(granularity, PERIOD_DAY_MAX));
	ck_assert_int_gt(granularity_step(granularity, INT32_MAX, INT32_MAX), PERIOD_DAY_MAX);
	ck_assert_int_lt(granularity_step(granularity, INT32_MIN, INT32_MIN), PERIOD_DAY_MIN);
	ck_assert_int_gt(granularity_step(granularity, PERIOD_DAY_MAX, 1), PERIOD_DAY_MAX);
	ck_assert_int_lt(granularity_step(granularity, PERIOD_DAY_MIN, -1), PERIOD_DAY_MIN);
	ck_assert_str_ne(granularity_format(granularity, INT32_MAX, text), "");
	ck_assert_uint_lt(strlen(period_format((struct period){ INT32_MIN, INT32_MAX }, text)),
			  sizeof(text));
}
END_TEST

START_TEST(every_granularity_has_its_iso_duration)
{
	static const char *const durations[] = { "P1D", "P7D", "P1M", "P3M", "P6M", "P1Y" };

	ck_assert_str_eq(granularity_duration(granularities[_i]), durations[_i]);
}
END_TEST

START_TEST(an_unknown_granularity_has_no_duration)
{
	ck_assert_str_eq(granularity_duration((enum strait_granularity)0), "");
	ck_assert_str_eq(granularity_duration((enum strait_granularity)7), "");
}
END_TEST

static const struct {
	enum strait_status status;
	const char *word;
	char letter;
} statuses[] = {
	{ STRAIT_FINAL, "final", 'A' },		  { STRAIT_PROVISIONAL, "provisional", 'P' },
	{ STRAIT_ESTIMATED, "estimated", 'E' },	  { STRAIT_MISSING, "missing", 'O' },
	{ STRAIT_SUPPRESSED, "suppressed", 'Q' },
};

START_TEST(every_status_has_its_word_and_sdmx_letter)
{
	ck_assert_str_eq(status_word(statuses[_i].status), statuses[_i].word);
	ck_assert_int_eq(status_letter(statuses[_i].status), statuses[_i].letter);
	ck_assert_int_eq(status_of_letter(statuses[_i].letter), statuses[_i].status);
}
END_TEST

START_TEST(letters_that_are_no_status_are_unknown)
{
	for (int letter = 0; letter < 128; letter++) {
		if (!strchr("APEOQ", letter) || letter == 0)
			ck_assert_int_eq(status_of_letter((char)letter), 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("period");
	TCase *all = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_set_timeout(all, 60);
	tcase_add_loop_test(all, reads_a_period_and_writes_its_standard_form, 0, COUNT(good));
	tcase_add_loop_test(all, refuses_text_that_is_no_period, 0, COUNT(bad));
	tcase_add_loop_test(all, agrees_with_the_c_library_on_every_day_from_1970_to_2200, 0,
			    COUNT(granularities));
	tcase_add_test(all, every_pair_of_days_reads_back_as_itself);
	tcase_add_loop_test(all, steps_to_the_first_day_of_another_period, 0, COUNT(steps));
	tcase_add_loop_test(all, days_and_steps_beyond_the_calendar_do_not_overflow, 0,
			    COUNT(granularities));
	tcase_add_loop_test(all, every_granularity_has_its_iso_duration, 0, COUNT(granularities));
	tcase_add_test(all, an_unknown_granularity_has_no_duration);
	tcase_add_loop_test(all, every_status_has_its_word_and_sdmx_letter, 0, COUNT(statuses));
	tcase_add_test(all, letters_that_are_no_status_are_unknown);
	suite_add_tcase(suite, all);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
