/* SPDX-License-Identifier: MIT
 *
 * test_plugin_home_office_quarterly.c - the quarterly irregular-migration sets in the column
 * variants that have been published, on made-up rows.
 */
#include "home_office_case.h"

#define D01                                                                                        \
	"Date,Year,Quarter,Method of entry,Nationality,Region,Sex,Age Group,Number of "            \
	"detections\n"
#define D03                                                                                        \
	"Date,Year,Quarter,Nationality,Region,Asylum Case Outcome,Asylum Case Outcome "            \
	"Group,Applicant type,Sex,Age "                                                            \
	"Group,Decisions\n"

START_TEST(sums_detections_by_quarter_and_method)
{
	ck_assert_int_eq(
		read_csv(D01
			 "2018-03-31,2018,1,Small boat arrivals,Iran,Middle East,Male,18 to 24,4\n"
			 "2018-03-31,2018,1,Small boat arrivals,Iraq,Middle East,Male,18 to "
			 "24,\"1,003\"\n"
			 "2018-03-31,2018,1,Inadequately documented air arrivals,Iran,Middle "
			 "East,Male,18 to 24,5\n"
			 "2018-06-30,2018,2,Recorded detections at UK ports,Iran,Middle "
			 "East,Male,18 to 24,6\n"
			 "2018-06-30,2018,2,Recorded detections in the UK,Iran,Middle East,Male,18 "
			 "to 24,7\n"
			 "2018-06-30,2018,2,By Kite (new),Iran,Middle East,Male,18 to 24,8\n"),
		0);
	ck_assert_uint_eq(host->reject_count, 0);
	ck_assert_uint_eq(host->observation_count, 10);
	expect_label("detections", "small_boats", 2018, 1, 1007);
	expect_label("detections", "air", 2018, 1, 5);
	expect_label("detections", "ports", 2018, 4, 6);
	expect_label("detections", "uk", 2018, 4, 7);
	expect_label("detections", "by_kite_new", 2018, 4, 8);
	expect_label("detections", "by_kite_new", 2018, 1, 0); /* no row: it did not occur */
	ck_assert_int_eq(find("detections", "air", 2018, 1, 1)->status, STRAIT_FINAL);
	ck_assert_int_eq(coverage("detections")->first, strait_day(2018, 1, 1));
	ck_assert_int_eq(coverage("detections")->last, strait_day(2018, 6, 30));
	ck_assert_str_eq(host->dataset, "detections");
}
END_TEST

START_TEST(sorts_asylum_outcomes_by_group_and_takes_third_countries_out_of_refusals)
{
	ck_assert_int_eq(
		read_csv(
			D03
			"2018-01-01,2018,1,Iran,M,Refugee Permission,Grant of Protection,Main "
			"applicant,Male,18,10\n"
			"2018-01-01,2018,1,Iran,M,UASC Leave,Grant of Other Leave,Main "
			"applicant,Male,18,1\n"
			"2018-01-01,2018,1,Iran,M,3rd Country Refusal,Refused,Main "
			"applicant,Male,18,35\n"
			"2018-01-01,2018,1,Iran,M,Inadmissible - Third Country,Refused,Main "
			"applicant,Male,18,5\n"
			"2018-01-01,2018,1,Iran,M,Other Refusals,Refused,Main applicant,Male,18,3\n"
			"2018-01-01,2018,1,Iran,M,Certified Refusal,Refused,Dependant,Male,18,2\n"
			"2018-01-01,2018,1,Iran,M,Other Withdrawal,Withdrawn,Main "
			"applicant,Male,18,4\n"
			"2018-01-01,2018,1,Iran,M,Paused,Administrative Outcome,Main "
			"applicant,Male,18,6\n"
			"2018-04-01,2018,2,Iran,M,Awaiting initial decision,Awaiting initial "
			"decision,M,Male,18,7\n"),
		0);
	ck_assert_uint_eq(host->reject_count, 0);
	ck_assert_uint_eq(host->observation_count, 14); /* seven outcomes in each of two quarters */
	expect_label("asylum.outcomes", "protection", 2018, 1, 10);
	expect_label("asylum.outcomes", "other_leave", 2018, 1, 1);
	expect_label("asylum.outcomes", "ineligible", 2018, 1, 40);
	expect_label("asylum.outcomes", "refused", 2018, 1, 5);
	expect_label("asylum.outcomes", "withdrawn", 2018, 1, 4);
	expect_label("asylum.outcomes", "administrative", 2018, 1, 6);
	expect_label("asylum.outcomes", "awaiting", 2018, 1, 0);
	expect_label("asylum.outcomes", "awaiting", 2018, 4, 7);
	expect_label("asylum.outcomes", "protection", 2018, 4, 0);
}
END_TEST

/* One row of a quarter, in the forms that releases have used; all say 9 grants in 2023 Q3. */
static const char *const same_quarter[] = {
	D03 "2023-07-01,2023,3,Iran,M,Refugee Permission,Grant of Protection,Main "
	    "applicant,Male,18,9\n",
	/* last day of the quarter, and no Year and Quarter */
	"Date,Asylum Case Outcome,Asylum Case Outcome Group,Decisions\n30/09/2023,R,Grant of "
	"Protection,9\n",
	/* a column in the middle, the value column renamed, a title, a footer */
	"Irr_D03: Outcomes of asylum applications,,,\n"
	"Year,Quarter,Nationality,Asylum Case Outcome,Asylum Case Outcome Group,UASC,Sex,Outcomes\n"
	"2023,2023 Q3,Iran,Refugee Permission,Grant of Protection,UASC,Male,9\n"
	"End of table,,,\n",
	"QUARTER,Outcome Group,Outcomes\n2023Q3,grant of protection,9\n",
	"Year,Quarter,Outcome Group,Outcomes\n2023,Q3,Grant of Protection,9\n",
	"Date,Outcome Group,Outcomes\n2023 Q3,Grant of Protection,9\n",
	/* the later releases whole: title, header in row 2, UASC in the middle, footer */
	"Irr_D03: Outcomes of asylum applications raised by small boat arrivals,,,,,,,,,,\n"
	"Year,Quarter,Nationality,Region,Asylum Case Outcome,Asylum Case Outcome Group,"
	"Applicant type,UASC,Sex,Age Group,Outcomes\n"
	"2023,2023 Q3,Iran,Middle East,Refugee Permission,Grant of Protection,Main applicant,"
	"Non-UASC,Male,18 to 29,5\n"
	"2023,2023 Q3,Iran,Middle East,Humanitarian Protection,Grant of Protection,Main applicant,"
	"UASC,Male,17 and under,4\n"
	"End of table,,,,,,,,,,\n",
};

START_TEST(tells_the_quarter_from_whatever_columns_there_are)
{
	ck_assert_int_eq(read_csv(same_quarter[_i]), 0);
	ck_assert_uint_eq(host->reject_count, 0);
	ck_assert_uint_eq(host->observation_count, 7);
	expect_label("asylum.outcomes", "protection", 2023, 7, 9);
}
END_TEST

/* The same for detections; all say 9 in 2023 Q3. */
static const char *const same_detections[] = {
	D01 "2023-09-30,2023,3,Small boat arrivals,Iran,Middle East,Male,18 to 24,9\n",
	"Irr_D01: Irregular migration to the UK,,,,,,,,\n"
	"Year,Quarter,Method of entry,Nationality,Region,Sex,Age Group,Number of detections,\n"
	"2023,2023 Q3,Small boat arrivals,Iran,Middle East,Male,18 to 24,9,\n"
	"End of table,,,,,,,,\n",
	"Year,Quarter,Method of entry,Nationality,Region,UASC,Sex,Age Group,Arrivals\n"
	"2023,2023 Q3,small boat arrivals,Iran,Middle East,UASC,Male,17 and under,9\n",
	"Number of detections,Date,Method of entry\n4,2023 Q3,Small boat arrivals\n"
	"5,2023 Q3,Small boat arrivals\n",
};

START_TEST(sums_the_same_detections_under_whatever_header)
{
	ck_assert_int_eq(read_csv(same_detections[_i]), 0);
	ck_assert_uint_eq(host->reject_count, 0);
	ck_assert_uint_eq(host->observation_count, 1);
	expect_label("detections", "small_boats", 2023, 7, 9);
}
END_TEST

/* Else the figures would stand still while everything looks well. */
START_TEST(calls_a_renamed_value_column_drifted)
{
	expect_failure(read_csv("Year,Quarter,Asylum Case Outcome Group,Persons\n"
				"2023,2023 Q3,Grant of Protection,9\n"),
		       STRAIT_FAULT_DRIFTED,
		       "Year | Quarter | Asylum Case Outcome Group | Persons");
}
END_TEST

START_TEST(reads_a_quarterly_set_from_a_spreadsheet_too)
{
	ck_assert_int_eq(
		read_made(spreadsheet_make(
			SHEET("Data_Irr_D01",
			      ROW(TEXT("Irr_D01")) ROW(TEXT("Year") TEXT("Quarter") TEXT(
				      "Method of entry") TEXT("Number of detections"))
				      ROW(NUMBER("2020") TEXT("2020 Q2") TEXT("Small boat arrivals")
						  NUMBER("12")) ROW(TEXT("End of table"))),
			"2020-08-27T09:00:00")),
		0);
	expect_label("detections", "small_boats", 2020, 4, 12);
	ck_assert_uint_eq(host->observations[0].at, strait_at_cell(0, 2, 3));
	ck_assert_uint_eq(host->reject_count, 0);
}
END_TEST

#define TITLE "Irr_D03: Outcomes of asylum applications,,\n"

/* --show prints what stands there: the header says what was looked for, another outcome's row would
 * say a number that is not this one. */
START_TEST(points_a_zero_without_a_row_at_the_header)
{
	ck_assert_int_eq(read_csv(TITLE "Quarter,Outcome Group,Outcomes\n"
					"2023 Q3,Grant of Protection,9\n"
					"2023 Q4,Refused,8\n"),
			 0);
	expect_label("asylum.outcomes", "refused", 2023, 7, 0);
	ck_assert_uint_eq(find("asylum.outcomes", "refused", 2023, 7, 1)->at,
			  strait_at_offset(strlen(TITLE)));
	ck_assert_uint_eq(find("asylum.outcomes", "protection", 2023, 10, 1)->at,
			  strait_at_offset(strlen(TITLE)));
	ck_assert_uint_gt(find("asylum.outcomes", "protection", 2023, 7, 1)->at,
			  strait_at_offset(strlen(TITLE)));
}
END_TEST

START_TEST(points_a_zero_of_a_spreadsheet_at_the_header_of_its_sheet)
{
	ck_assert_int_eq(
		read_made(spreadsheet_make(
			SHEET("Data_Irr_D03",
			      ROW(TEXT("Quarter") TEXT("Outcome Group") TEXT("Outcomes"))
				      ROW(TEXT("2020 Q2") TEXT("Refused") NUMBER("12")))
				SHEET("More",
				      ROW(TEXT("Title")) ROW(TEXT("Outcome Group") TEXT("Quarter")
								     TEXT("Outcomes"))
					      ROW(TEXT("Refused") TEXT("2020 Q3") NUMBER("13"))),
			"2020-11-27T09:00:00")),
		0);
	ck_assert_uint_eq(find("asylum.outcomes", "withdrawn", 2020, 4, 1)->at,
			  strait_at_cell(0, 0, 1));
	ck_assert_uint_eq(find("asylum.outcomes", "withdrawn", 2020, 7, 1)->at,
			  strait_at_cell(1, 1, 0));
	ck_assert_uint_eq(find("asylum.outcomes", "refused", 2020, 7, 1)->at,
			  strait_at_cell(1, 2, 2));
}
END_TEST

static const struct {
	const char *row;
	const char *why;
} rejected_outcomes[] = {
	{ "2018-01-01,2018,1,Iran,M,Lost,Lost,Main applicant,Male,18,1\n",
	  "'Grant of Protection', 'Grant of Other Leave'" },
	{ "2018-01-01,2018,1,Iran,M,R,Refused,Main applicant,Male,18,few\n", "whole number" },
	{ "2018-01-01,2018,1,Iran,M,R,Refused,Main applicant,Male,18,-1\n", "whole number" },
	{ "2018-01-01,2018,5,Iran,M,R,Refused,Main applicant,Male,18,1\n",
	  "2018" }, /* falls back to its date */
	{ ",2018,,Iran,M,R,Refused,Main applicant,Male,18,1\n", "no quarter" },
	{ "2029-01-01,2029,1,Iran,M,R,Refused,Main applicant,Male,18,1\n", "2029 Q1 is after" },
	{ "2010-01-01,2010,1,Iran,M,R,Refused,Main applicant,Male,18,1\n", "2010 Q1 is before" },
};

START_TEST(rejects_a_row_that_it_cannot_place_or_count)
{
	char text[1024];
	bool taken = strcmp(rejected_outcomes[_i].why, "2018") == 0;

	snprintf(text, sizeof(text),
		 D03 "2018-01-01,2018,1,Iran,M,R,Refused,Main applicant,Male,18,5\n%s",
		 rejected_outcomes[_i].row);
	ck_assert_int_eq(read_csv(text), 0);
	ck_assert_uint_eq(host->reject_count, taken ? 0 : 1);
	if (taken)
		return;
	ck_assert_msg(strstr(host->rejects[0].why, rejected_outcomes[_i].why), "%s",
		      host->rejects[0].why);
	expect_label("asylum.outcomes", "refused", 2018, 1, 5);
	ck_assert_uint_eq(host->coverage_count, 0);
}
END_TEST

START_TEST(marks_a_sum_that_misses_a_part)
{
	ck_assert_int_eq(
		read_csv(D01 "2018-03-31,2018,1,Small boat arrivals,Iran,M,Male,18,4\n"
			     "2018-03-31,2018,1,Small boat arrivals,Iraq,M,Male,18,[c]\n"
			     "2018-03-31,2018,1,Recorded detections in the UK,Iraq,M,Male,18,..\n"),
		0);
	ck_assert_int_eq(find("detections", "small_boats", 2018, 1, 1)->status, STRAIT_ESTIMATED);
	expect_label("detections", "small_boats", 2018, 1, 4);
	ck_assert_int_eq(find("detections", "uk", 2018, 1, 1)->status, STRAIT_MISSING);
}
END_TEST

START_TEST(refuses_too_many_kinds_one_by_one)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	fputs(D01, stream);
	for (int i = 0; i < 40; i++)
		fprintf(stream, "2018-03-31,2018,1,Kind %d,Iran,M,Male,18,1\n", i);
	fclose(stream);
	ck_assert_int_eq(read_csv(text), 0);
	ck_assert_uint_eq(host->observation_count, 32);
	ck_assert_uint_eq(host->reject_count, 8);
	free(text);
}
END_TEST

static TCase *quarterly_case(void)
{
	TCase *tcase = tcase_create("quarterly");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, sums_detections_by_quarter_and_method);
	tcase_add_test(tcase,
		       sorts_asylum_outcomes_by_group_and_takes_third_countries_out_of_refusals);
	LOOP(tells_the_quarter_from_whatever_columns_there_are, same_quarter);
	LOOP(sums_the_same_detections_under_whatever_header, same_detections);
	tcase_add_test(tcase, calls_a_renamed_value_column_drifted);
	tcase_add_test(tcase, reads_a_quarterly_set_from_a_spreadsheet_too);
	tcase_add_test(tcase, points_a_zero_without_a_row_at_the_header);
	tcase_add_test(tcase, points_a_zero_of_a_spreadsheet_at_the_header_of_its_sheet);
	LOOP(rejects_a_row_that_it_cannot_place_or_count, rejected_outcomes);
	tcase_add_test(tcase, marks_a_sum_that_misses_a_part);
	tcase_add_test(tcase, refuses_too_many_kinds_one_by_one);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("home_office quarterly");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, quarterly_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
