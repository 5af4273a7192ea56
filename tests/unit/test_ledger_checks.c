/* SPDX-License-Identifier: MIT
 *
 * test_ledger_checks.c - checks as figures: they follow revisions, stand in the feed, are known as
 * of a date, outlive a restart; sections go before declarations.
 */
#include "ledger_case.h"

#include "checks.h"

static struct ledger_case c;
static struct case_release r;

static const struct check_text weekly_text = {
	.left = "weekly", .right = "people", .every = "week", .tolerance = "0"
};

static void set_sections(const struct check_text *text)
{
	struct figure_section section = { .name = "weeks", .title = "Weeks", .check = text };

	ck_assert_msg(ledger_set_figures(c.ledger, &section, text ? 1 : 0, &c.report, &c.fault) ==
			      0,
		      "%s", c.fault.text);
}

static void open_case(void)
{
	case_open(&c);
	set_sections(&weekly_text);
}

static void close_case(void)
{
	case_close(&c);
}

/* Seven days of `people` each from that Monday, and the week with the sum that is given. */
static void send_week(const char *name, int64_t published, const char *monday, double people,
		      double week)
{
	int32_t first = case_day(monday);

	release_init(&r, name, published);
	for (int i = 0; i < 7; i++) {
		char day[PERIOD_TEXT_MAX];

		(void)granularity_format(STRAIT_DAY, first + i, day);
		(void)release_add(&r, CASE_PEOPLE, day, people, NULL, NULL);
	}
	(void)release_add(&r, CASE_WEEKLY, monday, week, NULL, NULL);
	release_send(&c, &r);
}

static const struct figure *figure(void)
{
	const struct figure *found = ledger_figure(c.ledger, "check.weeks");

	ck_assert_ptr_nonnull(found);
	return found;
}

static enum check_state state_of(const char *name, int64_t as_of_ms)
{
	struct check_summary check;
	struct check_row *rows;
	size_t count;

	ck_assert_msg(ledger_check(c.ledger, name, as_of_ms, 10, &check, &rows, &count, &c.fault) ==
			      0,
		      "%s", c.fault.text);
	free(rows);
	return check.result.state;
}

START_TEST(is_a_figure_before_there_is_data)
{
	ck_assert(isnan(figure()->value));
	ck_assert_int_eq(figure()->status, STRAIT_MISSING);
	ck_assert_str_eq(figure()->unit, "periods");
	ck_assert_str_eq(figure()->title, "Weeks");
	ck_assert_str_eq(figure()->source, "src");
	ck_assert_int_eq(state_of("weeks", 0), CHECK_MISSING);
}
END_TEST

START_TEST(follows_a_revision_of_either_side)
{
	send_week("a", 1000, "2020-08-31", 10, 70);
	ck_assert_double_eq(figure()->value, 0);
	ck_assert_str_eq(figure()->period, "2020-W36");
	ck_assert_int_eq(figure()->published_at_ms, 1000);
	/* the right side */
	release_init(&r, "b", 2000);
	(void)release_add(&r, CASE_PEOPLE, "2020-09-02", 12, NULL, NULL);
	release_send(&c, &r);
	ck_assert_double_eq(figure()->value, 1);
	ck_assert_int_eq(c.report.cause, CAUSE_REVISED);
	ck_assert_int_eq(figure()->published_at_ms, 2000);
	/* the left side */
	release_init(&r, "d", 3000);
	(void)release_add(&r, CASE_WEEKLY, "2020-08-31", 72, NULL, NULL);
	release_send(&c, &r);
	ck_assert_double_eq(figure()->value, 0);
	ck_assert_int_eq(state_of("weeks", 0), CHECK_AGREES);
	/* neither side */
	release_init(&r, "e", 4000);
	(void)release_add(&r, CASE_STATEMENTS, "2020-09-02", 5, "x", NULL);
	release_send(&c, &r);
	for (size_t i = 0; i < c.report.row_count; i++)
		ck_assert_str_ne(c.report.rows[i].figure, "check.weeks");
}
END_TEST

START_TEST(stands_in_the_feed_and_is_known_as_of_a_date)
{
	struct change_row *rows;
	size_t count, changes = 0;
	uint64_t latest;
	bool complete;

	/* the newer one first: the older must not show now, but must be known then */
	send_week("new", 3000, "2020-08-31", 10, 70);
	send_week("old", 1000, "2020-08-31", 10, 71);
	ck_assert_double_eq(figure()->value, 0);
	ck_assert_double_eq(case_value(&c, "check.weeks", 2000), 1);
	ck_assert(isnan(case_value(&c, "check.weeks", 500)));
	ck_assert_int_eq(state_of("weeks", 2000), CHECK_OPEN);
	ck_assert_int_eq(state_of("weeks", 500), CHECK_MISSING);
	send_week("newest", 4000, "2020-09-07", 10, 69);
	ck_assert_double_eq(figure()->value, 1);
	ck_assert_str_eq(figure()->period, "2020-08-31/2020-09-13");
	ck_assert_int_eq(
		ledger_changes_since(c.ledger, 0, 0, &latest, &complete, &rows, &count, &c.fault),
		0);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(rows[i].figure, "check.weeks") != 0)
			continue;
		ck_assert_double_eq(rows[i].new_value, changes ? 1 : 0);
		changes++;
	}
	ck_assert_uint_eq(changes, 2);
	free(rows);
}
END_TEST

START_TEST(a_known_difference_is_told_with_its_note)
{
	struct check_text text = weekly_text;
	struct check_summary check, *checks;
	struct check_row *rows;
	size_t count;

	send_week("a", 1000, "2020-08-31", 10, 71);
	ck_assert_double_eq(figure()->value, 1);
	text.explained = "2020-W36: one was counted twice";
	set_sections(&text);
	ck_assert_double_eq(figure()->value, 0);
	ck_assert_int_eq(
		ledger_check(c.ledger, "check.weeks", 0, 10, &check, &rows, &count, &c.fault), 0);
	ck_assert_int_eq(check.result.state, CHECK_EXPLAINED);
	ck_assert_str_eq(check.name, "weeks");
	ck_assert_str_eq(check.left, "weekly");
	ck_assert_str_eq(check.right, "people");
	ck_assert_uint_eq(count, 1);
	ck_assert_str_eq(rows[0].note, "one was counted twice");
	ck_assert_double_eq(rows[0].left, 71);
	ck_assert_double_eq(rows[0].right, 70);
	free(rows);
	ck_assert_int_eq(ledger_checks(c.ledger, &checks, &count, &c.fault), 0);
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(checks[0].result.explained, 1);
	ck_assert_uint_eq(checks[0].result.open, 0);
	free(checks);
}
END_TEST

START_TEST(a_check_that_is_not_there_is_told_with_its_nearest)
{
	struct check_summary check;
	struct check_row *rows;
	size_t count;

	ck_assert_int_eq(ledger_check(c.ledger, "week", 0, 10, &check, &rows, &count, &c.fault),
			 -1);
	ck_assert_int_eq(c.fault.kind, FAULT_NO_SUCH_FIGURE);
	ck_assert_str_eq(c.fault.text,
			 "no check 'week'; did you mean 'weeks'?; `straitctl checks` shows all");
	/* a figure is no check */
	ck_assert_int_eq(
		ledger_check(c.ledger, "people.total", 0, 10, &check, &rows, &count, &c.fault), -1);
	set_sections(NULL);
	ck_assert_ptr_null(ledger_figure(c.ledger, "check.weeks"));
}
END_TEST

START_TEST(says_why_it_cannot_compare)
{
	struct check_text text = weekly_text;
	struct check_summary check;
	struct check_row *rows;
	size_t count;

	send_week("a", 1000, "2020-08-31", 10, 70);
	text.every = "month";
	set_sections(&text);
	ck_assert(isnan(figure()->value));
	ck_assert_int_eq(ledger_check(c.ledger, "weeks", 0, 10, &check, &rows, &count, &c.fault),
			 -1);
	ck_assert_str_eq(
		c.fault.text,
		"check 'weeks': metric 'weekly' has periods of P7D, which do not add up to a month; compare longer periods");
}
END_TEST

/* ── what plugins declare ──────────────────────────────────────────────────────────────────── */

#define TEXT(literal)                                                                              \
	((char *)(literal)) /* declarations own their texts; these are never freed                 \
			     */

static void declare_other(const char *tolerance)
{
	struct metric_declaration metric = { TEXT("other"), TEXT("people"), TEXT("Other"),
					     STRAIT_LEVEL,  STRAIT_DAY,	    0,
					     { NULL } };
	struct check_declaration checks[] = {
		{ TEXT("same"), TEXT("other"), TEXT("people"), TEXT("day"), TEXT("0"),
		  TEXT("Same") },
		{ TEXT("weeks"), TEXT("other"), TEXT("people"), TEXT("day"), TEXT("0"),
		  TEXT("Declared") },
	};
	struct declaration declaration = { .plugin = TEXT("q"),
					   .version = TEXT("1"),
					   .summary = TEXT("s"),
					   .metrics = &metric,
					   .metric_count = 1,
					   .checks = checks,
					   .check_count = tolerance ? 2 : 0 };

	if (tolerance)
		checks[0].tolerance = TEXT(tolerance);
	ck_assert_msg(ledger_declare(c.ledger, "other", &declaration, &c.report, &c.fault) == 0,
		      "%s", c.fault.text);
}

START_TEST(a_declared_check_outlives_a_restart_and_goes_with_its_declaration)
{
	struct batch_series series = { .metric = 0 };
	struct batch_observation observation = { .day = case_day("2020-08-31"),
						 .status = STRAIT_FINAL,
						 .value = 11 };
	struct batch batch = { .number = 1,
			       .release = { .name = "o",
					    .dataset = "",
					    .url = "",
					    .sha256 = { 9 },
					    .published_at_ms = 1500 },
			       .final = true,
			       .accepted = 1,
			       .series = &series,
			       .series_count = 1,
			       .observations = &observation,
			       .observation_count = 1 };

	declare_other("0");
	send_week("a", 1000, "2020-08-31", 10, 70);
	ck_assert_int_eq(ledger_commit(c.ledger, "other", &batch, &c.report, &c.fault), 0);
	ck_assert_double_eq(case_figure(&c, "check.same"), 1);
	ck_assert_str_eq(ledger_figure(c.ledger, "check.same")->source, "other");
	case_reopen(&c);
	ck_assert_double_eq(case_figure(&c, "check.same"), 1);
	ck_assert_int_eq(state_of("same", 0), CHECK_OPEN);
	declare_other("1"); /* a newer plugin */
	ck_assert_double_eq(case_figure(&c, "check.same"), 0);
	declare_other(NULL);
	ck_assert_ptr_null(ledger_figure(c.ledger, "check.same"));
	case_reopen(&c);
	ck_assert_ptr_null(ledger_figure(c.ledger, "check.same"));
}
END_TEST

START_TEST(a_section_goes_before_a_declaration_whichever_comes_first)
{
	struct check_text text = {
		.left = "other", .right = "people", .every = "day", .tolerance = "0"
	};

	set_sections(_i ? NULL : &text);
	declare_other("0");
	if (_i) { /* as after a restart: what was declared is known before the sections are */
		ck_assert_str_eq(figure()->title, "Declared");
		set_sections(&text);
		ck_assert_str_eq(figure()->source, "other");
		declare_other("0");
	}
	ck_assert_str_eq(figure()->title, "Weeks");
	case_reopen(&c);
	set_sections(&text);
	ck_assert_str_eq(figure()->title, "Weeks");
	set_sections(NULL); /* and with it gone the declared one is back */
	ck_assert_str_eq(figure()->title, "Declared");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ledger checks");
	TCase *tests = tcase_create("checks");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, open_case, close_case);
	tcase_add_test(tests, is_a_figure_before_there_is_data);
	tcase_add_test(tests, follows_a_revision_of_either_side);
	tcase_add_test(tests, stands_in_the_feed_and_is_known_as_of_a_date);
	tcase_add_test(tests, a_known_difference_is_told_with_its_note);
	tcase_add_test(tests, a_check_that_is_not_there_is_told_with_its_nearest);
	tcase_add_test(tests, says_why_it_cannot_compare);
	tcase_add_test(tests, a_declared_check_outlives_a_restart_and_goes_with_its_declaration);
	tcase_add_loop_test(tests, a_section_goes_before_a_declaration_whichever_comes_first, 0, 2);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
