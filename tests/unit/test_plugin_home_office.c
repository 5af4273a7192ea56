/* SPDX-License-Identifier: MIT
 *
 * test_plugin_home_office.c - the Home Office plugin on made-up documents: spreadsheets with every
 * quirk of the real ones, their CSV forms and files that must be
 * refused with a reason. Quarterly sets and web pages have programs of their own.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "fault.h"
#include "formula.h"
#include "home_office/ods.h"
#include "home_office_case.h"
#include "home_office_documents.h"
#include "strait/date.h"

/* ── the time series ─────────────────────────────────────────────────────────────────────────── */

START_TEST(reads_the_daily_and_the_weekly_sheet)
{
	ck_assert_int_eq(
		read_ods(COVER SHEET("SB_01", DAILY_HEADER GOOD_DAY ROW(
						      DATE("2020-09-02") NUMBER("409") NUMBER("27")
							      NUMBER("3") TEXT("Revised")))
				 SHEET("SB_02",
				       WEEKLY_HEADER ROW(DATE("2020-08-30") NUMBER("412") NUMBER(
					       "33") DASH NUMBER("390") NUMBER("21")))),
		0);
	ck_assert_uint_eq(host->observation_count, 10);
	ck_assert_uint_eq(host->reject_count, 0);
	expect("arrivals.people", 2020, 9, 2, 409);
	expect("arrivals.boats", 2020, 9, 1, 14);
	expect("arrivals.uncontrolled_boats", 2020, 9, 2, 3);
	expect("arrivals.people_weekly", 2020, 8, 30, 412);
	expect("arrivals.boats_weekly", 2020, 8, 30, 33);
	expect("prevented.people", 2020, 8, 30, 390);
	expect("prevented.events", 2020, 8, 30, 21);
	ck_assert_str_eq(host->dataset, "time-series");
	ck_assert_str_eq(host->sheets[1], "SB_02");
	ck_assert_uint_eq(find("prevented.people", NULL, 2020, 8, 30)->at, strait_at_cell(1, 1, 4));
}
END_TEST

START_TEST(gives_each_value_its_cell_and_the_status_provisional)
{
	const struct fake_observation *boats;

	ck_assert_int_eq(read_ods(DAILY(GOOD_DAY)), 0);
	boats = find("arrivals.boats", NULL, 2020, 9, 1);
	ck_assert_ptr_nonnull(boats);
	ck_assert_uint_eq(host->sheet_count, 1); /* sheets without figures are not named */
	ck_assert_str_eq(host->sheets[0], "SB_01");
	ck_assert_uint_eq(boats->at, strait_at_cell(0, 1, 2)); /* SB_01!C2 */
	ck_assert_int_eq(boats->status, STRAIT_PROVISIONAL);
}
END_TEST

START_TEST(takes_a_dash_and_an_absent_cell_as_missing_never_as_zero)
{
	ck_assert_int_eq(read_ods(DAILY(ROW(DATE("2020-09-01") NUMBER("0") NONE DASH))), 0);
	ck_assert_uint_eq(host->reject_count, 0);
	expect("arrivals.people", 2020, 9, 1, 0);
	ck_assert_int_eq(find("arrivals.boats", NULL, 2020, 9, 1)->status, STRAIT_MISSING);
	ck_assert_int_eq(find("arrivals.uncontrolled_boats", NULL, 2020, 9, 1)->status,
			 STRAIT_MISSING);
}
END_TEST

START_TEST(reads_the_same_day_however_it_is_written)
{
	ck_assert_int_eq(read_ods(same_day[_i]), 0);
	ck_assert_uint_eq(host->reject_count, 0);
	expect("arrivals.people", 2020, 9, 2, 1409);
	expect("arrivals.boats", 2020, 9, 2, 27);
	ck_assert_uint_le(host->observation_count, 3);
}
END_TEST

START_TEST(makes_repeated_cells_with_a_value_but_not_past_the_sheet)
{
	ck_assert_int_eq(
		read_ods(DAILY(ROW(
			DATE("2020-09-02") "<table:table-cell "
					   "table:number-columns-repeated=\"4294967295\" "
					   "office:value-type=\"float\" office:value=\"5\"/>"))),
		0);
	expect("arrivals.people", 2020, 9, 2, 5);
	expect("arrivals.boats", 2020, 9, 2, 5);
	expect("arrivals.uncontrolled_boats", 2020, 9, 2, 5);
	ck_assert_uint_eq(host->observation_count, 3);
}
END_TEST

START_TEST(counts_the_rows_that_it_does_not_make)
{
	ck_assert_int_eq(
		read_ods(DAILY("<table:table-row table:number-rows-repeated=\"500\"/>" GOOD_DAY)),
		0);
	ck_assert_uint_eq(find("arrivals.people", NULL, 2020, 9, 1)->at, strait_at_cell(0, 501, 1));
}
END_TEST

START_TEST(does_not_mind_the_order_of_days)
{
	ck_assert_int_eq(read_ods(DAILY(ROW(DATE("2020-09-02") NUMBER("409") NUMBER("27")) ROW(
				 DATE("2020-08-31") NUMBER("3") NUMBER("1")) GOOD_DAY)),
			 0);
	ck_assert_uint_eq(host->reject_count, 0);
	ck_assert_int_eq(coverage("arrivals.people")->first, strait_day(2020, 8, 31));
	ck_assert_int_eq(coverage("arrivals.people")->last, strait_day(2020, 9, 2));
}
END_TEST

START_TEST(rejects_what_it_cannot_read_for_certain_with_its_cell)
{
	ck_assert_int_eq(read_ods(rejected[_i].sheets), 0);
	ck_assert_uint_eq(host->reject_count, 1);
	ck_assert_msg(strstr(host->rejects[0].why, rejected[_i].why), "%s", host->rejects[0].why);
	ck_assert_uint_eq(host->rejects[0].at, STRAIT_AT_CELL | rejected[_i].at);
	ck_assert_uint_eq(host->observation_count, rejected[_i].observations);
}
END_TEST

START_TEST(covers_whole_weeks_from_monday)
{
	ck_assert_int_eq(read_ods(WEEKLY(GOOD_WEEK ROW(DATE("2020-08-23") NUMBER("5") NUMBER("1")
							       DASH DASH DASH))),
			 0);
	ck_assert_int_eq(coverage("prevented.people")->first, strait_day(2020, 8, 17));
	ck_assert_int_eq(coverage("prevented.people")->last, strait_day(2020, 8, 30));
	ck_assert_ptr_null(coverage("arrivals.people"));
}
END_TEST

/* Else the day of the unreadable cell would be taken as withdrawn. */
START_TEST(does_not_claim_to_be_complete_where_something_was_rejected)
{
	ck_assert_int_eq(
		read_ods(DAILY(GOOD_DAY ROW(DATE("2020-09-02") TEXT("many") NUMBER("27")))), 0);
	ck_assert_ptr_null(coverage("arrivals.people"));
	ck_assert_ptr_nonnull(coverage("arrivals.boats"));
	fake_host_clear(host);
	ck_assert_int_eq(read_ods(DAILY(GOOD_DAY ROW(TEXT("soon") NUMBER("1") NUMBER("27")))), 0);
	ck_assert_uint_eq(host->coverage_count, 0);
}
END_TEST

static const struct {
	const char *saved;
	int64_t published_at_ms;
} saved_times[] = {
	{ "2020-09-02T20:00:00Z", INT64_C(1599076800000) },
	{ "2020-09-02T20:00:00", INT64_C(1599076800000) },
	{ "2020-09-02T20:00:00.123456789", INT64_C(1599076800000) },
	{ "2020-09-02T21:00:00+01:00", INT64_C(1599076800000) },
	{ "2020-09-02T15:00:00-05:00", INT64_C(1599076800000) },
	{ "2020-09-02T19:30:00-00:30", INT64_C(1599076800000) },
	{ "2020-09-02", INT64_C(1599004800000) },
	{ "2020-09-02T25:00:00Z", 0 },
	{ "2020-09-02T20:00:00 and more", 0 },
	{ "yesterday", 0 },
	{ "", 0 },
	{ "1980-01-01T00:00:00Z", 0 },
	{ "2099-01-01T00:00:00Z", 0 },
	{ NULL, 0 },
};

START_TEST(is_published_when_it_was_saved)
{
	ck_assert_int_eq(read_made(spreadsheet_make(DAILY(GOOD_DAY), saved_times[_i].saved)), 0);
	ck_assert_int_eq(host->published_at_ms, saved_times[_i].published_at_ms);
	ck_assert_uint_eq(host->reject_count, 0);
}
END_TEST

START_TEST(says_which_sheet_it_does_not_read)
{
	ck_assert_int_eq(read_ods(DAILY(GOOD_DAY) SHEET(
				 "SB_02", ROW(TEXT("Week to") TEXT("People") TEXT("Boats")))),
			 0);
	ck_assert_ptr_nonnull(strstr(host->log, "'SB_02' is not read"));
	ck_assert_ptr_nonnull(strstr(host->log, "Week to | People | Boats"));
}
END_TEST

/* ── what is refused ─────────────────────────────────────────────────────────────────────────── */

static const struct {
	const char *sheets;
	enum strait_fault fault;
	const char *why;
} refused_sheets[] = {
	{ COVER, STRAIT_FAULT_DRIFTED, "no table that is known" },
	{ COVER, STRAIT_FAULT_DRIFTED, "'Date' and 'Migrants arrived' (daily arrivals)" },
	{ COVER SHEET("SB_01", ROW(TEXT("Day of arrival") TEXT("People") TEXT("Boats"))),
	  STRAIT_FAULT_DRIFTED, "in sheet 'SB_01': Day of arrival" },
	{ DAILY(""), STRAIT_FAULT_DRIFTED, "not one figure below it" },
	{ DAILY(ROW(TEXT("End"))), STRAIT_FAULT_DRIFTED, "not one figure below it" },
	{ "", STRAIT_FAULT_INPUT, "Seen: nothing" },
	{ SHEET("SB_01", ROW(TEXT("x")) "<table:table-row"), STRAIT_FAULT_INPUT, "well-formed" },
	{ "<table:table>", STRAIT_FAULT_INPUT, "well-formed" },
	{ "&unknown;", STRAIT_FAULT_INPUT, "well-formed" },
	{ SHEET("a", "<table:table-row table:number-rows-repeated=\"100001\">" TEXT(
			     "x") "</table:table-row>"),
	  STRAIT_FAULT_INPUT, "more than 100000 rows" },
};

START_TEST(refuses_a_spreadsheet_without_figures_saying_what_it_saw)
{
	expect_failure(read_ods(refused_sheets[_i].sheets), refused_sheets[_i].fault,
		       refused_sheets[_i].why);
}
END_TEST

START_TEST(looks_for_the_header_in_the_first_rows_only)
{
	expect_failure(
		read_ods(SHEET("SB_01",
			       "<table:table-row table:number-rows-repeated=\"20\"/>" DAILY_HEADER
				       GOOD_DAY)),
		STRAIT_FAULT_DRIFTED, "no table that is known");
}
END_TEST

static int read_content(const char *content, size_t size)
{
	return read_made(spreadsheet_package("content.xml", content, size, NULL, NULL));
}

START_TEST(refuses_a_doctype)
{
	static const char laughs[] =
		"<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 "
		"\"&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;\">]><office>&lol2;</office>";

	expect_failure(read_content(laughs, strlen(laughs)), STRAIT_FAULT_INPUT, "DOCTYPE");
}
END_TEST

/* text, count times, between a beginning and an end */
static char *many(const char *begin, const char *text, size_t count, size_t *ret_size)
{
	size_t begin_size = strlen(begin), size = strlen(text);
	char *content = malloc(begin_size + size * count + 1);

	memcpy(content, begin, begin_size);
	for (size_t i = 0; i < count; i++)
		memcpy(content + begin_size + i * size, text, size);
	*ret_size = begin_size + size * count;
	return content;
}

static const struct {
	const char *begin, *text;
	size_t count;
	const char *why;
} bombs[] = {
	{ "", "<a>", 100000, "nested" },
	{ "<a b='", "xxxxxxxxxxxxxxxx", 1 << 17, "single tag" },
	{ "<a><!--", "xxxxxxxxxxxxxxxx", 1 << 17, "single tag" },
	{ "<a>", "<b/>", (ODS_ENTRY_MAX_BYTES / 4) + 1, "unpacks to more than 64 MiB" },
};

START_TEST(refuses_a_bomb)
{
	size_t size;
	char *content = many(bombs[_i].begin, bombs[_i].text, bombs[_i].count, &size);

	expect_failure(read_content(content, size), STRAIT_FAULT_INPUT, bombs[_i].why);
	free(content);
}
END_TEST

START_TEST(refuses_other_packages)
{
	expect_failure(read_made(spreadsheet_package("xl/workbook.xml", "<a/>", 4, NULL, NULL)),
		       STRAIT_FAULT_INPUT, "Excel");
	expect_failure(read_made(spreadsheet_package("word.txt", "a", 1, NULL, NULL)),
		       STRAIT_FAULT_INPUT, "no content.xml");
	expect_failure(fake_host_document(host, "x.ods", "PK\3\4 and then nothing", 21),
		       STRAIT_FAULT_INPUT, "not a zip file");
}
END_TEST

START_TEST(refuses_every_truncation_and_survives_every_flipped_byte)
{
	struct spreadsheet made = spreadsheet_make(DAILY(GOOD_DAY), SAVED);
	unsigned char *data = made.data;

	for (size_t size = 4; size < made.size; size += 7) {
		ck_assert_int_lt(fake_host_document(host, "x.ods", data, size), 0);
		ck_assert_int_eq(host->fault, STRAIT_FAULT_INPUT);
		fake_host_clear(host);
	}
	for (size_t i = 4; i < made.size; i++) {
		data[i] ^= 0x55;
		if (fake_host_document(host, "x.ods", data, made.size) == 0 &&
		    host->observation_count)
			expect("arrivals.people", 2020, 9, 1,
			       150); /* the checksum guards the content */
		fake_host_clear(host);
		data[i] ^= 0x55;
	}
	free(made.data);
}
END_TEST

static const struct {
	const char *text;
	enum strait_fault fault;
	const char *why;
} refused_text[] = {
	{ "", STRAIT_FAULT_INPUT, "Seen: nothing" },
	{ "Datum,Menschen,Boote\n2020-09-02,409,27\n", STRAIT_FAULT_DRIFTED,
	  "Datum | Menschen | Boote" },
	{ "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\n20\nDate,Migrants "
	  "arrived\n2020-09-02,409\n",
	  STRAIT_FAULT_DRIFTED, "no table that is known" },
	{ "Date,Migrants arrived\nsoon,409\n", STRAIT_FAULT_DRIFTED, "not one figure" },
};

START_TEST(refuses_other_text_saying_what_it_saw)
{
	expect_failure(read_csv(refused_text[_i].text), refused_text[_i].fault,
		       refused_text[_i].why);
}
END_TEST

/* ── the time series as CSV ──────────────────────────────────────────────────────────────────── */

static const char *const csv_dates[] = { "2020-09-02",		 "2020-09-02T00:00:00",
					 "02/09/2020",		 "2/9/2020",
					 "2 September 2020",	 "02 sep 2020",
					 "\"2 September 2020\"", " 2020-09-02 " };

START_TEST(reads_the_daily_sheet_as_csv)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "\xef\xbb\xbf"
		 "Small boat arrivals\r\nDate,Migrants arrived,Boats arrived,Boats involved in "
		 "uncontrolled landings,Notes\r\n"
		 "%s,\"1,409\",27,-,Revised\r\n\"1. Provisional\"\r\n",
		 csv_dates[_i]);
	ck_assert_int_eq(read_csv(text), 0);
	ck_assert_uint_eq(host->reject_count, 0);
	ck_assert_uint_eq(host->observation_count, 3);
	expect("arrivals.people", 2020, 9, 2, 1409);
	ck_assert_int_eq(find("arrivals.uncontrolled_boats", NULL, 2020, 9, 2)->status,
			 STRAIT_MISSING);
	ck_assert_int_eq(host->published_at_ms, 0); /* the host knows the file's name and time */
	ck_assert_uint_eq(
		find("arrivals.people", NULL, 2020, 9, 2)->at,
		(uint64_t)(strstr(text, csv_dates[_i]) - text)); /* the row's first byte */
}
END_TEST

START_TEST(reads_the_weekly_sheet_as_csv)
{
	ck_assert_int_eq(
		read_csv("Events prevented,Migrants prevented,Week ending,Migrants arrived\n"
			 "21,390,19/04/2026,941\n"),
		0);
	ck_assert_uint_eq(host->observation_count, 3);
	expect("prevented.people", 2026, 4, 19, 390);
	expect("prevented.events", 2026, 4, 19, 21);
	expect("arrivals.people_weekly", 2026, 4, 19, 941);
	ck_assert_ptr_null(coverage("arrivals.boats_weekly"));
	ck_assert_ptr_nonnull(strstr(host->log, "no column 'Boats arrived'"));
}
END_TEST

START_TEST(does_not_claim_to_be_complete_after_a_broken_line)
{
	ck_assert_int_eq(read_csv("Date,Migrants arrived,Boats "
				  "arrived\n2020-09-01,150,14\n\"2020-09-02\"x,409,27\n"
				  "2020-09-03,10,1\n"),
			 0);
	ck_assert_uint_eq(host->reject_count, 1);
	ck_assert_uint_eq(host->observation_count, 4);
	ck_assert_uint_eq(host->coverage_count, 0);
}
END_TEST

START_TEST(rejects_a_day_after_tomorrow)
{
	ck_assert_int_eq(read_csv("Date,Migrants arrived\n2020-09-01,150\n2026-12-01,7\n"), 0);
	ck_assert_uint_eq(host->reject_count, 1);
	ck_assert_str_eq(host->rejects[0].raw, "2026-12-01,7");
}
END_TEST

/* ── the plugin as a whole ───────────────────────────────────────────────────────────────────── */

START_TEST(default_figures_are_formulas_that_the_daemon_knows)
{
	for (const struct strait_figure *figure = strait_plugin.figures; figure->name; figure++) {
		struct formula formula;
		struct window window;
		struct fault fault = { 0 };

		ck_assert_msg(formula_parse(figure->formula, &formula, &fault) == 0, "%s",
			      figure->formula);
		ck_assert_msg(window_parse(figure->window, &window, &fault) == 0, "%s",
			      figure->window);
		formula_done(&formula);
	}
}
END_TEST

static double outcome_total(const char *label)
{
	return fake_host_total(host, "asylum.outcomes", (const char *const[]){ label, NULL }, NULL);
}

START_TEST(the_demo_has_the_shares_of_september_2020)
{
	const char *source = getenv("STRAIT_SOURCE");
	char path[4096];
	double granted, assessed;

	snprintf(path, sizeof(path), "%s/tests/data/demo/home-office/irr_d03_2020-08-27.csv",
		 source ? source : ".");
	ck_assert_int_eq(fake_host_document_file(host, path), 0);
	granted = outcome_total("protection") + outcome_total("other_leave");
	assessed = granted + outcome_total("refused") + outcome_total("ineligible");
	ck_assert_double_eq(granted / assessed, 0.20);
	ck_assert_double_eq(outcome_total("refused") / assessed, 0.10);
	ck_assert_double_eq(outcome_total("ineligible") / assessed, 0.70);
	ck_assert_double_eq(assessed / fake_host_total(host, "asylum.outcomes", NULL, NULL), 0.50);
}
END_TEST

START_TEST(forgets_one_document_before_the_next)
{
	ck_assert_int_eq(read_ods(DAILY(GOOD_DAY)), 0);
	fake_host_clear(host);
	ck_assert_int_eq(read_ods(DAILY(ROW(DATE("2020-09-01") NUMBER("399") NUMBER("14")))), 0);
	ck_assert_uint_eq(host->reject_count, 0);
	expect("arrivals.people", 2020, 9, 1, 399);
}
END_TEST

static TCase *time_series_case(void)
{
	TCase *tcase = tcase_create("time series");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, reads_the_daily_and_the_weekly_sheet);
	tcase_add_test(tcase, gives_each_value_its_cell_and_the_status_provisional);
	tcase_add_test(tcase, takes_a_dash_and_an_absent_cell_as_missing_never_as_zero);
	LOOP(reads_the_same_day_however_it_is_written, same_day);
	tcase_add_test(tcase, makes_repeated_cells_with_a_value_but_not_past_the_sheet);
	tcase_add_test(tcase, counts_the_rows_that_it_does_not_make);
	tcase_add_test(tcase, does_not_mind_the_order_of_days);
	LOOP(rejects_what_it_cannot_read_for_certain_with_its_cell, rejected);
	tcase_add_test(tcase, covers_whole_weeks_from_monday);
	tcase_add_test(tcase, does_not_claim_to_be_complete_where_something_was_rejected);
	LOOP(is_published_when_it_was_saved, saved_times);
	tcase_add_test(tcase, says_which_sheet_it_does_not_read);
	LOOP(reads_the_daily_sheet_as_csv, csv_dates);
	tcase_add_test(tcase, reads_the_weekly_sheet_as_csv);
	tcase_add_test(tcase, does_not_claim_to_be_complete_after_a_broken_line);
	tcase_add_test(tcase, rejects_a_day_after_tomorrow);
	return tcase;
}

static TCase *refusal_case(void)
{
	TCase *tcase = tcase_create("refusals");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60); /* bombs, with sanitizers, on a busy machine */
	LOOP(refuses_a_spreadsheet_without_figures_saying_what_it_saw, refused_sheets);
	tcase_add_test(tcase, looks_for_the_header_in_the_first_rows_only);
	tcase_add_test(tcase, refuses_a_doctype);
	LOOP(refuses_a_bomb, bombs);
	tcase_add_test(tcase, refuses_other_packages);
	tcase_add_test(tcase, refuses_every_truncation_and_survives_every_flipped_byte);
	LOOP(refuses_other_text_saying_what_it_saw, refused_text);
	return tcase;
}

static TCase *plugin_case(void)
{
	TCase *tcase = tcase_create("plugin");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, default_figures_are_formulas_that_the_daemon_knows);
	tcase_add_test(tcase, the_demo_has_the_shares_of_september_2020);
	tcase_add_test(tcase, forgets_one_document_before_the_next);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("home_office");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, time_series_case());
	suite_add_tcase(suite, refusal_case());
	suite_add_tcase(suite, plugin_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
