/* SPDX-License-Identifier: MIT
 *
 * test_checks.c - comparing two formulas over made-up points: which periods are compared, when they
 * agree, what is explained, and how a check is written.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "checks.h"
#include "strait/date.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define POINTS_MAX   4000u
#define SERIES_MAX   12u

/* ── made-up series ────────────────────────────────────────────────────────────────────────── */

static struct series_of_points {
	const char *name;
	enum strait_kind kind;
	enum strait_granularity granularity;
	bool has_data;
	struct point points[POINTS_MAX];
	size_t count;
} all[SERIES_MAX];
static size_t all_count;

static int32_t day_of(const char *text)
{
	struct period period;

	ck_assert_msg(period_parse(text, &period), "%s", text);
	return period.first;
}

static struct series_of_points *series(const char *name, enum strait_kind kind,
				       enum strait_granularity granularity)
{
	struct series_of_points *made = &all[all_count++];

	ck_assert_uint_le(all_count, SERIES_MAX);
	made->name = name;
	made->kind = kind;
	made->granularity = granularity;
	made->has_data = true;
	made->count = 0;
	return made;
}

static struct point *put(struct series_of_points *made, int32_t day, double value)
{
	struct point *point = &made->points[made->count++];

	ck_assert_uint_le(made->count, POINTS_MAX);
	*point = (struct point){ .day = day,
				 .value = value,
				 .count = 1,
				 .status = isnan(value) ? STRAIT_MISSING : STRAIT_FINAL,
				 .published_at_ms = 1000 + day };
	return point;
}

/* 10 a day from a Friday to the Wednesday after the next one but one: two whole weeks. */
static void put_days(struct series_of_points *made, const char *without)
{
	int32_t left_out = without ? day_of(without) : 0;

	for (int32_t day = day_of("2020-08-28"); day <= day_of("2020-09-16"); day++)
		if (day != left_out)
			(void)put(made, day, 10);
}

static void set_up(void)
{
	struct series_of_points *made;

	all_count = 0;
	put_days(series("daily", STRAIT_LEVEL, STRAIT_DAY), NULL);
	put_days(series("gap", STRAIT_LEVEL, STRAIT_DAY), "2020-09-02");
	put_days(series("headless", STRAIT_LEVEL, STRAIT_DAY), "2020-08-31");
	put_days(series("tailless", STRAIT_LEVEL, STRAIT_DAY), "2020-09-06");
	made = series("unknown", STRAIT_LEVEL, STRAIT_DAY);
	put_days(made, NULL);
	made->points[5].value = NAN; /* 2 September */
	made->points[5].status = STRAIT_MISSING;
	made->points[12].status = STRAIT_PROVISIONAL; /* 9 September */
	made = series("weekly", STRAIT_LEVEL, STRAIT_WEEK);
	(void)put(made, day_of("2020-W35"), 20);
	(void)put(made, day_of("2020-W36"), 70);
	(void)put(made, day_of("2020-W37"), 71);
	(void)put(made, day_of("2020-W38"), 60);
	made = series("seen", STRAIT_RECORD, STRAIT_DAY);
	(void)put(made, day_of("2020-08-28"), 1);
	(void)put(made, day_of("2020-09-02"), 70);
	(void)put(made, day_of("2020-09-16"), 9);
	(void)series("never", STRAIT_RECORD, STRAIT_DAY);
	made = series("nothing", STRAIT_LEVEL, STRAIT_DAY);
	made->has_data = false;
	made = series("quarterly", STRAIT_LEVEL, STRAIT_QUARTER);
	(void)put(made, day_of("2020-Q3"), 500);
	made = series("turn", STRAIT_LEVEL, STRAIT_WEEK); /* its Thursday is in 2020 */
	(void)put(made, day_of("2020-W53"), 5);
	(void)put(made, day_of("2021-W01"), 6);
	made = series("turned", STRAIT_LEVEL, STRAIT_WEEK);
	(void)put(made, day_of("2020-W53"), 7);
	(void)put(made, day_of("2021-W01"), 8);
}

static int points(void *context, const struct formula_item *item, struct figure_points *ret,
		  struct fault *fault)
{
	(void)context;
	for (size_t i = 0; i < all_count; i++) {
		if (strcmp(all[i].name, item->metric) != 0)
			continue;
		*ret = (struct figure_points){ .kind = all[i].kind,
					       .granularity = all[i].granularity,
					       .has_data = all[i].has_data,
					       .items = all[i].points,
					       .count = all[i].count };
		return 0;
	}
	return fault_set(fault, FAULT_NO_SUCH_METRIC, "no metric '%s'", item->metric);
}

static const struct figure_reader reader = { .points = points };

static struct check_rule parsed(const struct check_text *text)
{
	struct check_rule check;
	struct fault fault;

	ck_assert_msg(check_parse(text, &check, &fault) == 0, "%s", fault.text);
	return check;
}

/* ── comparing ─────────────────────────────────────────────────────────────────────────────── */

/* clang-format off */
static const struct {
	struct check_text text;
	enum check_state state;
	uint32_t compared, explained, open, missing;
	const char *period;
	enum strait_status status;
} cases[] = {
	/* two whole weeks; the parts of a week at both ends are not compared */
	{ { "daily", "daily", "week", "0", NULL }, CHECK_AGREES, 2, 0, 0, 0, "2020-08-31/2020-09-13", STRAIT_FINAL },
	{ { "weekly", "daily", "week", "0", NULL }, CHECK_OPEN, 2, 0, 1, 0, "2020-08-31/2020-09-13", STRAIT_FINAL },
	{ { "daily", "weekly", "week", "0", NULL }, CHECK_OPEN, 2, 0, 1, 0, "2020-08-31/2020-09-13", STRAIT_FINAL },
	/* the tolerance is the greatest difference that agrees */
	{ { "weekly", "daily", "week", "1", NULL }, CHECK_AGREES, 2, 0, 0, 0, "2020-08-31/2020-09-13", STRAIT_FINAL },
	{ { "weekly", "daily", "week", "0.9", NULL }, CHECK_OPEN, 2, 0, 1, 0, "2020-08-31/2020-09-13", STRAIT_FINAL },
	{ { "weekly", "daily", "week", "1.4 %", NULL }, CHECK_OPEN, 2, 0, 1, 0, "2020-08-31/2020-09-13", STRAIT_FINAL },
	{ { "weekly", "daily", "week", "1.5%", NULL }, CHECK_AGREES, 2, 0, 0, 0, "2020-08-31/2020-09-13", STRAIT_FINAL },
	/* known differences */
	{ { "weekly", "daily", "week", "0", "2020-W37: late" }, CHECK_EXPLAINED, 2, 1, 0, 0, "2020-08-31/2020-09-13", STRAIT_FINAL },
	{ { "weekly", "daily", "week", "0", "2020: late" }, CHECK_EXPLAINED, 2, 1, 0, 0, "2020-08-31/2020-09-13", STRAIT_FINAL },
	{ { "weekly", "daily", "week", "0", "2020-W36: late" }, CHECK_OPEN, 2, 0, 1, 0, "2020-08-31/2020-09-13", STRAIT_FINAL },
	{ { "turn", "turned", "week", "0", "2020: late" }, CHECK_OPEN, 2, 1, 1, 0, "2020-12-28/2021-01-10", STRAIT_FINAL },
	/* missing is not zero: neither a difference nor an agreement */
	{ { "weekly", "gap", "week", "0", NULL }, CHECK_OPEN, 1, 0, 1, 1, "2020-W37", STRAIT_FINAL },
	{ { "weekly", "headless", "week", "100", NULL }, CHECK_AGREES, 1, 0, 0, 1, "2020-W37", STRAIT_FINAL },
	{ { "weekly", "tailless", "week", "100", NULL }, CHECK_AGREES, 1, 0, 0, 1, "2020-W37", STRAIT_FINAL },
	{ { "weekly", "unknown", "week", "1", NULL }, CHECK_AGREES, 1, 0, 0, 1, "2020-W37", STRAIT_PROVISIONAL },
	{ { "daily", "nothing", "day", "0", NULL }, CHECK_MISSING, 0, 0, 0, 0, "", STRAIT_MISSING },
	{ { "never", "never", "day", "0", NULL }, CHECK_MISSING, 0, 0, 0, 0, "", STRAIT_MISSING },
	{ { "daily", "quarterly", "quarter", "0", NULL }, CHECK_MISSING, 0, 0, 0, 0, "", STRAIT_MISSING },
	/* what is counted as it happens is zero where nothing happened */
	{ { "seen", "daily", "week", "0", NULL }, CHECK_OPEN, 2, 0, 1, 0, "2020-08-31/2020-09-13", STRAIT_FINAL },
	{ { "daily", "never", "week", "0", NULL }, CHECK_OPEN, 2, 0, 2, 0, "2020-08-31/2020-09-13", STRAIT_FINAL },
	/* the whole language of formulas */
	{ { "daily + daily", "daily", "week", "70", NULL }, CHECK_AGREES, 2, 0, 0, 0, "2020-08-31/2020-09-13", STRAIT_FINAL },
	{ { "weekly / weekly", "daily / daily", "week", "0", NULL }, CHECK_AGREES, 2, 0, 0, 0, "2020-08-31/2020-09-13", STRAIT_FINAL },
	{ { "max(daily)", "mean(daily)", "week", "0", NULL }, CHECK_AGREES, 2, 0, 0, 0, "2020-08-31/2020-09-13", STRAIT_FINAL },
	{ { "quarterly", "quarterly", "year", "0", NULL }, CHECK_MISSING, 0, 0, 0, 0, "", STRAIT_MISSING },
	{ { "quarterly", "quarterly", "quarter", "0", NULL }, CHECK_AGREES, 1, 0, 0, 0, "2020-Q3", STRAIT_FINAL },
};
/* clang-format on */

START_TEST(compares_what_both_sides_have_whole)
{
	struct check_rule check = parsed(&cases[_i].text);
	struct check_result result;
	struct figure_value value;
	struct fault fault;

	ck_assert_msg(check_evaluate(&check, &reader, &result, NULL, 0, NULL, &fault) == 0, "%s",
		      fault.text);
	ck_assert_str_eq(check_state_word(result.state), check_state_word(cases[_i].state));
	ck_assert_uint_eq(result.compared, cases[_i].compared);
	ck_assert_uint_eq(result.explained, cases[_i].explained);
	ck_assert_uint_eq(result.open, cases[_i].open);
	ck_assert_uint_eq(result.missing, cases[_i].missing);
	value = check_value(&result);
	ck_assert_str_eq(value.period, cases[_i].period);
	ck_assert_int_eq(value.status, cases[_i].status);
	if (cases[_i].compared)
		ck_assert_double_eq(value.value, cases[_i].open);
	else
		ck_assert(isnan(value.value));
	check_done(&check);
}
END_TEST

START_TEST(tells_the_periods_that_differ_newest_first)
{
	struct check_text text = { "turn", "turned", "week", "0", "2020: counted later" };
	struct check_rule check = parsed(&text);
	struct check_result result;
	struct check_row rows[2];
	size_t count;

	ck_assert_int_eq(check_evaluate(&check, &reader, &result, rows, 2, &count, NULL), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert_int_eq(rows[0].day, day_of("2021-W01"));
	ck_assert_double_eq(rows[0].left, 6);
	ck_assert_double_eq(rows[0].right, 8);
	ck_assert_int_eq(rows[0].state, CHECK_OPEN);
	ck_assert_str_eq(rows[0].note, "");
	ck_assert_int_eq(rows[1].day, day_of("2020-W53"));
	ck_assert_int_eq(rows[1].state, CHECK_EXPLAINED);
	ck_assert_str_eq(rows[1].note, "counted later");
	ck_assert_int_eq(result.published_at_ms, 1000 + day_of("2021-W01"));
	/* no room: the oldest are left out, but counted */
	ck_assert_int_eq(check_evaluate(&check, &reader, &result, rows, 1, &count, NULL), 0);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(rows[0].day, day_of("2021-W01"));
	ck_assert_uint_eq(result.open + result.explained, 2);
	check_done(&check);
}
END_TEST

static const struct {
	struct check_text text;
	const char *why;
} impossible[] = {
	{ { "weekly", "daily", "month", "0", NULL },
	  "metric 'weekly' has periods of P7D, which do not add up to a month; compare longer periods" },
	{ { "daily", "quarterly", "week", "0", NULL },
	  "metric 'quarterly' has periods of P3M, which do not add up to a week; compare longer periods" },
	{ { "daily / quarterly", "daily", "day", "0", NULL },
	  "metric 'quarterly' has periods of P3M, which do not add up to a day; compare longer periods" },
	{ { "daily", "nowhere", "week", "0", NULL }, "no metric 'nowhere'" },
};

START_TEST(refuses_what_cannot_be_compared)
{
	struct check_rule check = parsed(&impossible[_i].text);
	struct check_result result;
	struct fault fault;

	ck_assert_int_eq(check_evaluate(&check, &reader, &result, NULL, 0, NULL, &fault), -1);
	ck_assert_str_eq(fault.text, impossible[_i].why);
	check_done(&check);
}
END_TEST

static void eight_years(void)
{
	struct series_of_points *daily = series("long", STRAIT_LEVEL, STRAIT_DAY);
	struct series_of_points *weekly = series("long_weekly", STRAIT_LEVEL, STRAIT_WEEK);
	int32_t first = day_of("2018-01-01"), day = first;

	for (int week = 0; week < 450; week++) {
		for (int i = 0; i < 7; i++)
			(void)put(daily, day++, week);
		(void)put(weekly, first + week * 7, 7 * week);
	}
}

START_TEST(takes_milliseconds_for_eight_years_of_days)
{
	struct check_text text = { "long_weekly", "long", "week", "0", NULL };
	struct check_rule check = parsed(&text);
	struct check_result result;
	struct timespec begin, end;
	double ms;

	all_count = 0;
	eight_years();
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	ck_assert_int_eq(check_evaluate(&check, &reader, &result, NULL, 0, NULL, NULL), 0);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	ck_assert_uint_eq(result.compared, 450);
	ck_assert_int_eq(result.state, CHECK_AGREES);
	ms = (double)(end.tv_sec - begin.tv_sec) * 1e3 +
	     (double)(end.tv_nsec - begin.tv_nsec) / 1e6;
	ck_assert_msg(ms < 50, "%.1f ms",
		      ms); /* 0.3 ms, with room for sanitizers on a busy machine */
	check_done(&check);
}
END_TEST

/* ── how it is written ─────────────────────────────────────────────────────────────────────── */

/* clang-format off */
static const struct {
	struct check_text text;
	const char *why;
} bad_texts[] = {
	{ { "a +", "b", "week", "0", NULL }, "left: formula 'a +': expected a metric or a function at character 4" },
	{ { "a", "percentile(b, 50)", "week", "0", NULL },
	  "right: formula 'percentile(b, 50)': percentile and below look into a distribution, which a check does not; "
	  "compare sums, count, max or mean" },
	{ { "a", "b", "fortnight", "0", NULL }, "every: 'fortnight' is none of day, week, month, quarter or year" },
	{ { "a", "b", "week", "", NULL }, "tolerance: '' is no tolerance; write a number such as 0 or 5, or a share such as 0.5 %" },
	{ { "a", "b", "week", "-1", NULL }, "tolerance: '-1' is no tolerance; write a number such as 0 or 5, or a share such as 0.5 %" },
	{ { "a", "b", "week", "1e3", NULL }, "tolerance: '1e3' is no tolerance; write a number such as 0 or 5, or a share such as 0.5 %" },
	{ { "a", "b", "week", "1.2.3", NULL }, "tolerance: '1.2.3' is no tolerance; write a number such as 0 or 5, or a share such as 0.5 %" },
	{ { "a", "b", "week", "5 %%", NULL }, "tolerance: '5 %%' is no tolerance; write a number such as 0 or 5, or a share such as 0.5 %" },
	{ { "a", "b", "week", "0", "2020-W60: x" },
	  "explained: '2020-W60' is no period; write PERIOD: NOTE, with a period such as 2022, 2020-Q3, 2020-W36, 2020-09 or 2020-09-02" },
	{ { "a", "b", "week", "0", "2020-W36" }, "explained: '2020-W36' has no note; write why it differs: 2020-W36: NOTE" },
	{ { "a", "b", "week", "0", "2020-W36: ; 2021: x" }, "explained: '2020-W36' has no note; write why it differs: 2020-W36: NOTE" },
	{ { "a", "b", "quarter", "0", "2022: x; 2020-08: one more" },
	  "explained: '2020-08' is shorter than the periods that are compared (one quarter); name whole ones" },
};
/* clang-format on */

START_TEST(refuses_a_bad_text)
{
	struct check_rule check;
	struct fault fault;

	ck_assert_int_eq(check_parse(&bad_texts[_i].text, &check, &fault), -1);
	ck_assert_int_eq(fault.kind, FAULT_BAD_ARGUMENT);
	ck_assert_str_eq(fault.text, bad_texts[_i].why);
}
END_TEST

START_TEST(reads_known_differences)
{
	struct check_text text = {
		"a", "b", "week", "2.5%",
		" 2022 : counted later: by quarter ;2020-W36:x;2020-01/2020-06: y; "
	};
	struct check_rule check = parsed(&text);

	ck_assert(check.tolerance.percent);
	ck_assert_double_eq(check.tolerance.amount, 2.5);
	ck_assert_uint_eq(check.note_count, 3);
	ck_assert_int_eq(check.notes[0].period.last, day_of("2022-12-31"));
	ck_assert_str_eq(check.notes[0].text, "counted later: by quarter");
	ck_assert_str_eq(check.notes[1].text, "x");
	ck_assert_int_eq(check.notes[2].period.last, day_of("2020-06-30"));
	check_done(&check);
}
END_TEST

START_TEST(refuses_too_many_known_differences)
{
	static char many[(CHECK_NOTES_MAX + 1) * 8 + 1];
	struct check_text text = { "a", "b", "week", "0", many };
	struct check_rule check;
	struct fault fault;

	many[0] = '\0';
	for (size_t i = 0; i < CHECK_NOTES_MAX; i++)
		memcpy(many + i * 8, "2022: x;", 9);
	check = parsed(&text);
	ck_assert_uint_eq(check.note_count, CHECK_NOTES_MAX);
	check_done(&check);
	memcpy(many + (size_t)CHECK_NOTES_MAX * 8, "2022: x;", 9);
	ck_assert_int_eq(check_parse(&text, &check, &fault), -1);
	ck_assert_str_eq(fault.text,
			 "explained: more than 256 known differences; name longer periods");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("checks");
	TCase *comparing = tcase_create("comparing"), *writing = tcase_create("writing");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(comparing, set_up, NULL);
	tcase_add_loop_test(comparing, compares_what_both_sides_have_whole, 0, COUNT(cases));
	tcase_add_test(comparing, tells_the_periods_that_differ_newest_first);
	tcase_add_loop_test(comparing, refuses_what_cannot_be_compared, 0, COUNT(impossible));
	tcase_add_test(comparing, takes_milliseconds_for_eight_years_of_days);
	suite_add_tcase(suite, comparing);
	tcase_add_loop_test(writing, refuses_a_bad_text, 0, COUNT(bad_texts));
	tcase_add_test(writing, reads_known_differences);
	tcase_add_test(writing, refuses_too_many_known_differences);
	suite_add_tcase(suite, writing);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
