/* SPDX-License-Identifier: MIT
 *
 * test_ledger_explain.c - where a figure comes from: the release and place of every input, of
 * levels, events, records and ratios, now and as known on a date; releases by hash.
 */
#include "ledger_case.h"

static struct ledger_case c;
static struct case_release r;
static struct explanation e;

static void open_case(void)
{
	case_open(&c);
}

static void close_case(void)
{
	explanation_done(&e);
	case_close(&c);
}

static void explain(const char *name, int64_t as_of_ms)
{
	explanation_done(&e);
	ck_assert_msg(ledger_explain(c.ledger, name, as_of_ms, &e, &c.fault) == 0, "%s",
		      c.fault.text);
}

/* "period release locator; …" of one item */
static const char *rows(size_t item)
{
	static char text[4096];
	const struct explanation_inputs *inputs = &e.items[item].inputs;
	size_t used = 0;

	text[0] = '\0';
	ck_assert_uint_lt(item, e.item_count);
	for (size_t i = 0; i < inputs->row_count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s %s",
					 i ? "; " : "", inputs->rows[i].period,
					 inputs->releases[inputs->rows[i].release].name,
					 inputs->rows[i].locator);
	return text;
}

static void two_sheets(void)
{
	static const char *const sheets[] = { "Cover", "SB_01" };

	release_init(&r, "old.ods", 1000);
	release_add(&r, CASE_PEOPLE, "2020-09-01", 7, NULL, NULL)->at = strait_at_cell(0, 4, 1);
	release_add(&r, CASE_PEOPLE, "2020-09-02", 409, NULL, NULL)->at = strait_at_cell(1, 977, 1);
	release_send(&c, &r);
	release_init(&r, "new.ods", 2000);
	r.release.sheets[0] = sheets[0];
	r.release.sheets[1] = sheets[1];
	r.release.sheet_count = 2;
	r.release.url = "https://example.org/new.ods";
	r.release.size = 12345;
	release_add(&r, CASE_PEOPLE, "2020-09-02", 399, NULL, NULL)->at =
		strait_at_cell(1, 977, 27);
	release_add(&r, CASE_PEOPLE, "2020-09-03", 5, NULL, NULL)->at = strait_at_cell(1, 978, 27);
	release_send(&c, &r);
}

START_TEST(a_level_names_the_cell_of_each_period)
{
	two_sheets();
	explain("people.total", 0);
	ck_assert_str_eq(e.formula, "people");
	ck_assert_str_eq(e.window, "total");
	ck_assert_str_eq(e.value.period, "2020-09-01/2020-09-03");
	ck_assert_uint_eq(e.item_count, 1);
	ck_assert_str_eq(e.items[0].text, "people");
	ck_assert_str_eq(rows(0), "2020-09-01 old.ods B5; 2020-09-02 new.ods SB_01!AB978; "
				  "2020-09-03 new.ods SB_01!AB979");
	ck_assert_uint_eq(e.items[0].inputs.release_count, 2);
}
END_TEST

START_TEST(a_release_says_what_it_is)
{
	const struct explanation_release *release;

	two_sheets();
	explain("people.latest", 0);
	ck_assert_uint_eq(e.items[0].inputs.row_count, 1);
	release = &e.items[0].inputs.releases[0];
	ck_assert_str_eq(release->source, "src");
	ck_assert_str_eq(release->plugin, "p");
	ck_assert_str_eq(release->plugin_version, "1");
	ck_assert_str_eq(release->url, "https://example.org/new.ods");
	ck_assert_uint_eq(release->size, 12345);
	ck_assert_int_eq(release->published_at_ms, 2000);
	ck_assert_int_gt(release->imported_at_ms, 0);
	ck_assert_mem_eq(release->sha256, "new.ods", 7);
}
END_TEST

START_TEST(a_record_figure_names_the_period_that_won)
{
	two_sheets();
	explain("people.record", 0);
	ck_assert_str_eq(rows(0), "2020-09-02 new.ods SB_01!AB978");
	explain("people.record", 1500);
	ck_assert_str_eq(rows(0), "2020-09-02 old.ods B978");
}
END_TEST

START_TEST(any_metric_and_period_is_explained)
{
	two_sheets();
	explain("people.2020-09-02", 0);
	ck_assert_str_eq(e.formula, "people");
	ck_assert_str_eq(e.window, "2020-09-02");
	ck_assert_str_eq(rows(0), "2020-09-02 new.ods SB_01!AB978");
	explain("people.2020-09-02", 1999);
	ck_assert_str_eq(rows(0), "2020-09-02 old.ods B978");
	explain("people.2020-09-02", 999);
	ck_assert_str_eq(rows(0), "");
}
END_TEST

START_TEST(a_withdrawn_period_has_no_input)
{
	release_init(&r, "a", 1000);
	release_add(&r, CASE_PEOPLE, "2020-09-01", 1, NULL, NULL);
	release_add(&r, CASE_PEOPLE, "2020-09-02", 2, NULL, NULL);
	release_send(&c, &r);
	release_init(&r, "b", 2000);
	release_add(&r, CASE_PEOPLE, "2020-09-01", 1, NULL, NULL);
	release_cover(&r, CASE_PEOPLE, "2020-09-01", "2020-09-02");
	release_send(&c, &r);
	for (int64_t as_of = 0; as_of <= 2000; as_of += 2000) {
		explain("people.2020-09", as_of);
		ck_assert_str_eq(rows(0), "2020-09-01 b byte 0");
	}
	explain("people.2020-09", 1000);
	ck_assert_str_eq(rows(0), "2020-09-01 a byte 0; 2020-09-02 a byte 1");
}
END_TEST

START_TEST(a_week_that_is_not_wholly_inside_is_no_input)
{
	release_init(&r, "a", 1000);
	release_add(&r, CASE_WEEKLY, "2020-W36", 1, NULL, NULL);
	release_add(&r, CASE_WEEKLY, "2020-W37", 2, NULL, NULL);
	release_send(&c, &r);
	explain("weekly.2020-08-31/2020-09-12", 0);
	ck_assert_str_eq(rows(0), "2020-W36 a byte 0");
}
END_TEST

static struct batch_observation *boats(const char *day, const char *outcome, uint64_t key,
				       uint64_t at)
{
	struct batch_observation *observation =
		release_add(&r, CASE_BOATS, day, 1, "dover", outcome);

	observation->key = key;
	observation->at = at;
	return observation;
}

START_TEST(records_are_told_by_release_with_their_bytes)
{
	release_init(&r, "a.csv", 1000);
	boats("2020-09-01", "lost", 1, 100);
	boats("2020-09-02", "kept", 2, 230);
	boats("2020-09-05", "kept", 3, 310);
	release_send(&c, &r);
	release_init(&r, "b.csv", 2000);
	boats("2020-09-03", "lost", 2, 40); /* takes the place of the second */
	release_send(&c, &r);
	explain("boats.total", 0);
	ck_assert_str_eq(rows(0), "2020-09-01/2020-09-05 a.csv bytes 100-310, 2 records; "
				  "2020-09-03 b.csv byte 40, 1 record");
	explain("boats.total", 1000);
	ck_assert_str_eq(rows(0), "2020-09-01/2020-09-05 a.csv bytes 100-310, 3 records");
}
END_TEST

START_TEST(a_ratio_shows_both_sides)
{
	release_init(&r, "a.csv", 1000);
	boats("2020-09-01", "lost", 1, 100);
	boats("2020-09-02", "kept", 2, 230);
	release_send(&c, &r);
	explain("boats.lost", 0);
	ck_assert_uint_eq(e.item_count, 2);
	ck_assert_str_eq(e.items[0].text, "boats{outcome=lost}");
	ck_assert_str_eq(e.items[0].side, "above");
	ck_assert_str_eq(rows(0), "2020-09-01 a.csv byte 100, 1 record");
	ck_assert_str_eq(e.items[1].text, "boats");
	ck_assert_str_eq(e.items[1].side, "below");
	ck_assert_str_eq(rows(1), "2020-09-01/2020-09-02 a.csv bytes 100-230, 2 records");
}
END_TEST

START_TEST(a_replaced_record_is_no_input)
{
	release_init(&r, "a.csv", 1000);
	boats("2020-09-01", "lost", 1, 100);
	boats("2020-09-02", "kept", 2, 230)->replaces = 1;
	release_send(&c, &r);
	explain("boats.total", 0);
	ck_assert_str_eq(rows(0), "2020-09-02 a.csv byte 230, 1 record");
}
END_TEST

/* The same version in two files: the place must belong to the release, the earlier one, and not
 * depend on the order. */
START_TEST(a_record_said_twice_has_one_place_in_any_order)
{
	for (int i = 0; i < 2; i++) {
		bool first = (i == 0) == (_i == 0);

		release_init(&r, first ? "a.csv" : "b.csv", first ? 1000 : 2000);
		boats("2020-09-01", "lost", 1, first ? 100 : 900)->known_at_ms = 500;
		boats("2020-09-02", "lost", 2, 50)->known_at_ms = 500;
		release_send(&c, &r);
	}
	explain("boats.2020-09-01", 0);
	ck_assert_str_eq(rows(0), "2020-09-01 a.csv byte 100, 1 record");
	explain("boats.2020-09-02", 0);
	ck_assert_str_eq(rows(0), "2020-09-02 a.csv byte 50, 1 record");
}
END_TEST

static void statements(const char *name, int64_t published, const char *dataset, double count)
{
	release_init(&r, name, published);
	r.release.dataset = dataset;
	r.release.offset = 1000;
	r.release.size = 500;
	release_add(&r, CASE_STATEMENTS, "2020-09-01", count, "x", NULL);
	release_add(&r, CASE_STATEMENTS, "2020-09-02", count, "y", NULL);
	release_send(&c, &r);
}

START_TEST(events_are_told_by_release_with_its_own_bytes)
{
	statements("log", 1000, "", 1);
	statements("day", 2000, "d", 1);
	statements("day-again", 3000, "d", 1);
	explain("statements.total", 0);
	ck_assert_str_eq(rows(0), "2020-09-01/2020-09-02 log bytes 1000-1499, 2 events; "
				  "2020-09-01/2020-09-02 day-again bytes 1000-1499, 2 events");
	explain("statements{area=y}.total", 2500);
	ck_assert_str_eq(rows(0), "2020-09-02 log bytes 1000-1499, 1 event; "
				  "2020-09-02 day bytes 1000-1499, 1 event");
}
END_TEST

/* A commit of a followed log with one record or statement; its number makes its hash. */
static void stretch(const char *name, int number, uint64_t offset, uint16_t metric, const char *day)
{
	struct batch_observation *observation;

	release_init(&r, name, 1000 * (number + 1));
	(void)snprintf((char *)r.release.sha256, SHA256_BYTES, "%s %d", name, number);
	r.release.offset = offset;
	r.release.size = 100;
	observation = release_add(&r, metric, day, 1, "x", metric == CASE_BOATS ? "kept" : NULL);
	observation->key = offset + 1;
	observation->at = offset + 10;
	release_send(&c, &r);
}

START_TEST(the_commits_of_a_log_are_one_input)
{
	stretch("sea.csv", 0, 0, CASE_BOATS, "2020-09-02");
	stretch("sea.csv", 1, 100, CASE_BOATS, "2020-09-01");
	stretch("air.csv", 2, 5000, CASE_BOATS, "2020-09-04"); /* between them */
	stretch("sea.csv", 3, 400, CASE_BOATS, "2020-09-03");  /* nothing of this metric before */
	stretch("air.csv", 4, 5100, CASE_BOATS, "2020-09-04");
	explain("boats.total", 0);
	ck_assert_str_eq(rows(0),
			 "2020-09-01/2020-09-03 sea.csv bytes 10-410, 3 records in 3 commits; "
			 "2020-09-04 air.csv bytes 5010-5110, 2 records in 2 commits");
	ck_assert_uint_eq(e.items[0].inputs.release_count, 2);
	for (size_t i = 0; i < 2; i++) { /* the newest commit stands for them */
		const struct explanation_release *release = &e.items[0].inputs.releases[i];
		bool sea = strcmp(release->name, "sea.csv") == 0;

		ck_assert_str_eq((const char *)release->sha256, sea ? "sea.csv 3" : "air.csv 4");
		ck_assert_int_eq(release->published_at_ms, sea ? 4000 : 5000);
	}
	explain("boats.total", 2000);
	ck_assert_str_eq(rows(0),
			 "2020-09-01/2020-09-02 sea.csv bytes 10-110, 2 records in 2 commits");
}
END_TEST

START_TEST(the_statements_of_a_log_are_one_input)
{
	stretch("log", 0, 300, CASE_STATEMENTS, "2020-09-01");
	stretch("log", 1, 700, CASE_STATEMENTS, "2020-09-02");
	explain("statements.total", 0);
	ck_assert_str_eq(rows(0), "2020-09-01/2020-09-02 log bytes 300-799, 2 events in 2 commits");
}
END_TEST

/* Documents begin at 0; so does a log whose place was lost. */
START_TEST(documents_and_a_log_read_anew_are_not_joined)
{
	stretch("a.csv", 0, 0, CASE_BOATS,
		"2020-09-01"); /* a document: the log goes on elsewhere */
	stretch("a.csv", 1, 700, CASE_BOATS, "2020-09-02");
	stretch("a.csv", 2, 300, CASE_BOATS, "2020-09-03");
	explain("boats.total", 0);
	ck_assert_str_eq(rows(0), "2020-09-01 a.csv byte 10, 1 record; "
				  "2020-09-02 a.csv byte 710, 1 record; "
				  "2020-09-03 a.csv byte 310, 1 record");
}
END_TEST

START_TEST(a_figure_without_data_has_items_without_inputs)
{
	explain("boats.lost", 0);
	ck_assert_uint_eq(e.item_count, 2);
	ck_assert_uint_eq(e.items[0].inputs.row_count, 0);
	ck_assert_str_eq(e.value.period, "");
}
END_TEST

START_TEST(a_check_shows_both_sides)
{
	struct check_text text = {
		.left = "weekly", .right = "people", .every = "week", .tolerance = "0"
	};
	struct figure_section section = { .name = "weeks", .title = "t", .check = &text };

	ck_assert_msg(ledger_set_figures(c.ledger, &section, 1, &c.report, &c.fault) == 0, "%s",
		      c.fault.text);
	release_init(&r, "a", 1000);
	for (int day = 7; day <= 13; day++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "2020-09-%02d", day);
		release_add(&r, CASE_PEOPLE, name, 1, NULL, NULL);
	}
	release_add(&r, CASE_WEEKLY, "2020-W37", 7, NULL, NULL);
	release_send(&c, &r);
	explain(CHECK_PREFIX "weeks", 0);
	ck_assert_uint_eq(e.item_count, 2);
	ck_assert_str_eq(e.items[0].side, "left");
	ck_assert_str_eq(rows(0), "2020-W37 a byte 7");
	ck_assert_str_eq(e.items[1].side, "right");
	ck_assert_uint_eq(e.items[1].inputs.row_count, 7);
}
END_TEST

START_TEST(a_change_shows_both_years)
{
	struct figure_section section = { .name = "people.change",
					  .formula = "change(people)",
					  .window = "2021-09",
					  .unit = "ratio",
					  .title = "t" };

	ck_assert_int_eq(ledger_set_figures(c.ledger, &section, 1, &c.report, &c.fault), 0);
	release_init(&r, "a", 1000);
	release_add(&r, CASE_PEOPLE, "2020-09-02", 2, NULL, NULL);
	release_add(&r, CASE_PEOPLE, "2021-09-02", 3, NULL, NULL);
	release_send(&c, &r);
	explain("people.change", 0);
	ck_assert_uint_eq(e.item_count, 2);
	ck_assert_str_eq(e.items[0].text, "change(people)");
	ck_assert_str_eq(rows(0), "2021-09-02 a byte 1");
	ck_assert_str_eq(e.items[1].text, "change(people), a year before");
	ck_assert_str_eq(rows(1), "2020-09-02 a byte 0");
}
END_TEST

START_TEST(functions_are_written_as_in_the_formula)
{
	explain("hours.median", 0);
	ck_assert_str_eq(e.items[0].text, "percentile(hours, 50)");
}
END_TEST

START_TEST(an_unknown_figure_is_refused)
{
	ck_assert_int_eq(ledger_explain(c.ledger, "no.such", 0, &e, &c.fault), -1);
	ck_assert_int_eq(c.fault.kind, FAULT_NO_SUCH_FIGURE);
	ck_assert_int_eq(ledger_explain(c.ledger, "people.2020-13", 0, &e, &c.fault), -1);
}
END_TEST

START_TEST(a_release_is_found_by_its_hash)
{
	struct explanation_release release;
	uint8_t hash[SHA256_BYTES] = "new.ods";

	two_sheets();
	ck_assert_int_eq(ledger_release(c.ledger, hash, &release, &c.fault), 0);
	ck_assert_str_eq(release.name, "new.ods");
	ck_assert_str_eq(release.sheets, "Cover\nSB_01");
	explanation_release_done(&release);
	hash[0] = 'x';
	ck_assert_int_eq(ledger_release(c.ledger, hash, &release, &c.fault), -1);
	ck_assert_int_eq(c.fault.kind, FAULT_BAD_ARGUMENT);
}
END_TEST

START_TEST(a_definition_is_told_as_it_was_given)
{
	const char *formula, *window;

	ledger_definition(c.ledger, "boats.lost", &formula, &window);
	ck_assert_str_eq(formula, "boats{outcome=lost} / boats");
	ck_assert_str_eq(window, "total");
	ledger_definition(c.ledger, "no.such", &formula, &window);
	ck_assert_str_eq(formula, "");
}
END_TEST

/* The inputs add up to the value: releases in a made-up order, at every instant. */
START_TEST(the_inputs_are_those_that_were_added_up)
{
	static const char *const days[] = { "2020-09-01", "2020-09-02", "2020-09-03" };
	unsigned int state = (unsigned int)_i + 1;

	for (int release = 0; release < 8; release++) {
		char name[16];

		state = state * 1103515245u + 12345u;
		(void)snprintf(name, sizeof(name), "r%d", release);
		release_init(&r, name, 1 + (int64_t)(state >> 16) % 5 * 1000);
		for (size_t day = 0; day < 3; day++)
			if (state >> (20 + day) & 1)
				release_add(&r, CASE_PEOPLE, days[day], 1 << release, NULL, NULL)
					->at = (uint64_t)1 << release;
		if (state >> 25 & 1)
			release_cover(&r, CASE_PEOPLE, days[0], days[2]);
		release_send(&c, &r);
	}
	for (int64_t as_of = 0; as_of <= 6000; as_of += 1000) {
		for (size_t day = 0; day < 3; day++) {
			char figure[32];
			double value;

			(void)snprintf(figure, sizeof(figure), "people.%s", days[day]);
			value = case_value(&c, figure, as_of);
			explain(figure, as_of);
			ck_assert_uint_eq(e.items[0].inputs.row_count, isnan(value) ? 0 : 1);
			if (!isnan(value)) {
				char locator[32];

				(void)snprintf(locator, sizeof(locator), "byte %.0f", value);
				ck_assert_str_eq(e.items[0].inputs.rows[0].locator, locator);
			}
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ledger_explain");
	TCase *tests = tcase_create("ledger_explain");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, open_case, close_case);
	tcase_add_test(tests, a_level_names_the_cell_of_each_period);
	tcase_add_test(tests, a_release_says_what_it_is);
	tcase_add_test(tests, a_record_figure_names_the_period_that_won);
	tcase_add_test(tests, any_metric_and_period_is_explained);
	tcase_add_test(tests, a_withdrawn_period_has_no_input);
	tcase_add_test(tests, a_week_that_is_not_wholly_inside_is_no_input);
	tcase_add_test(tests, records_are_told_by_release_with_their_bytes);
	tcase_add_test(tests, a_ratio_shows_both_sides);
	tcase_add_test(tests, a_replaced_record_is_no_input);
	tcase_add_loop_test(tests, a_record_said_twice_has_one_place_in_any_order, 0, 2);
	tcase_add_test(tests, events_are_told_by_release_with_its_own_bytes);
	tcase_add_test(tests, the_commits_of_a_log_are_one_input);
	tcase_add_test(tests, the_statements_of_a_log_are_one_input);
	tcase_add_test(tests, documents_and_a_log_read_anew_are_not_joined);
	tcase_add_test(tests, a_figure_without_data_has_items_without_inputs);
	tcase_add_test(tests, a_check_shows_both_sides);
	tcase_add_test(tests, a_change_shows_both_years);
	tcase_add_test(tests, functions_are_written_as_in_the_formula);
	tcase_add_test(tests, an_unknown_figure_is_refused);
	tcase_add_test(tests, a_release_is_found_by_its_hash);
	tcase_add_test(tests, a_definition_is_told_as_it_was_given);
	tcase_add_loop_test(tests, the_inputs_are_those_that_were_added_up, 0, 20);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
