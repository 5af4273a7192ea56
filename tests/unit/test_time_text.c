/* SPDX-License-Identifier: MIT
 *
 * test_time_text.c - instants as text. The milliseconds in the tables are from `date -u -d … +%s`,
 * the round trip is checked against the C library's strftime.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "period.h"
#include "strait/date.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	int64_t ms;
	const char *text;
} written[] = {
	{ INT64_C(1599080400000), "2020-09-02T21:00:00Z" },
	{ INT64_C(1599080400123), "2020-09-02T21:00:00.123Z" },
	{ INT64_C(1599080400007), "2020-09-02T21:00:00.007Z" },
	{ INT64_C(1), "1970-01-01T00:00:00.001Z" },
	{ INT64_C(-1), "1969-12-31T23:59:59.999Z" },
	{ INT64_C(951868799000), "2000-02-29T23:59:59Z" },
	{ INT64_C(-62135596800000), "0001-01-01T00:00:00Z" },
	{ INT64_C(253402300799999), "9999-12-31T23:59:59.999Z" },
	/* no time at all */
	{ 0, "" },
	{ INT64_C(-62135596800001), "" },
	{ INT64_C(253402300800000), "" },
	{ INT64_MIN, "" },
	{ INT64_MAX, "" },
};

START_TEST(writes_rfc_3339_in_utc)
{
	char text[PERIOD_TEXT_MAX];

	ck_assert_str_eq(time_format(written[_i].ms, text), written[_i].text);
}
END_TEST

START_TEST(what_is_written_is_what_the_c_library_writes_and_reads_back)
{
	/* a step that is prime to seconds, hours and days, from 1902 to 2200 */
	for (int64_t ms = INT64_C(-2145916800000); ms < INT64_C(7258118400000);
	     ms += 86399 * 9973) {
		time_t seconds = (time_t)((ms - (ms % 1000 + 1000) % 1000) / 1000);
		char ours[PERIOD_TEXT_MAX], theirs[PERIOD_TEXT_MAX];
		struct tm tm;
		int64_t again;

		ck_assert_ptr_nonnull(gmtime_r(&seconds, &tm));
		strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S", &tm);
		time_format(ms, ours);
		ck_assert_int_eq(strncmp(ours, theirs, strlen(theirs)), 0);
		ck_assert(time_parse(ours, &again));
		ck_assert_int_eq(again, ms);
		ck_assert(time_parse_data(ours, strlen(ours), &again));
		ck_assert_int_eq(again, ms);
	}
}
END_TEST

static const struct {
	const char *text;
	int64_t ms;
} commands[] = {
	{ "2020-09-03", INT64_C(1599177599999) }, /* its end: what was known on that day */
	{ "1970-01-01", INT64_C(86399999) },
	{ "2020-09-02T21:00:00Z", INT64_C(1599080400000) },
	{ "2020-09-02t21:00:00z", INT64_C(1599080400000) },
	{ "2020-09-02T22:00:00+01:00", INT64_C(1599080400000) },
	{ "2020-09-02T17:30:00-03:30", INT64_C(1599080400000) },
	{ "2020-09-02T22:00:00+0100", INT64_C(1599080400000) },
	{ "2020-09-02 21:00Z", INT64_C(1599080400000) },
	{ "2020-09-02 21:00:00 UTC", INT64_C(1599080400000) },
	{ "2020-09-02 22:00 +01:00", INT64_C(1599080400000) },
	{ "2020-09-02T21:00:00.5Z", INT64_C(1599080400500) },
	{ "2020-09-02T21:00:00.999999Z", INT64_C(1599080400999) },
	{ "2020-09-02T21:00:00-00:00", INT64_C(1599080400000) },
	{ "2021-01-01T00:30:00+01:00", INT64_C(1609457400000) }, /* still 2020 in UTC */
	{ "2016-12-31T23:59:60Z", INT64_C(1483228800000) },	 /* the leap second */
	{ "@1599080400", INT64_C(1599080400000) },
	{ "@1599080400.25", INT64_C(1599080400250) },
	{ "@-1", INT64_C(-1000) },
	{ "@0", 0 },
};

START_TEST(reads_what_people_type)
{
	int64_t ms;

	ck_assert_msg(time_parse(commands[_i].text, &ms), "%s", commands[_i].text);
	ck_assert_int_eq(ms, commands[_i].ms);
}
END_TEST

static const struct {
	const char *text;
	int64_t ms;
} data[] = {
	{ "2024-07-07 21:48:06.252149202 +0000 UTC", INT64_C(1720388886252) },
	{ "2020-09-02T21:00:00.252149202Z", INT64_C(1599080400252) },
	{ "2020-09-02 21:00:00 +0100", INT64_C(1599076800000) },
	{ "2024-09-04 00:00:00", INT64_C(1725408000000) }, /* no zone: UTC */
	{ "2024-09-04T00:00", INT64_C(1725408000000) },
	{ "2026-07-13T09:30:00+01:00", INT64_C(1783931400000) },
	{ "2020-09-02T21:00:00,252Z", INT64_C(1599080400252) },
	{ "2020-09-02 21:00:00 GMT", INT64_C(1599080400000) },
};

START_TEST(reads_what_logs_hold_without_looking_past_the_end)
{
	size_t size = strlen(data[_i].text);
	char *exact = malloc(size); /* not terminated: reading on is seen by the sanitizer */
	int64_t ms;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, data[_i].text, size);
	ck_assert_msg(time_parse_data(exact, size, &ms), "%s", data[_i].text);
	ck_assert_int_eq(ms, data[_i].ms);
	free(exact);
}
END_TEST

START_TEST(every_cut_of_a_time_is_refused_or_a_time)
{
	const char *text = data[_i].text;

	for (size_t size = 0; size < strlen(text); size++) {
		char *exact = malloc(size + 1);
		int64_t ms = 77;

		memcpy(exact, text, size);
		if (size < strlen("2020-09-02T21:00"))
			ck_assert(!time_parse_data(exact, size, &ms));
		if (!time_parse_data(exact, size, &ms))
			ck_assert_int_eq(ms, 77);
		free(exact);
	}
}
END_TEST

static const char *const bad_everywhere[] = {
	"",
	"@",
	"@-",
	"@x",
	"@1.",
	"@1 ",
	"@9999999999999",
	"@999999999999",
	"2020",
	"2020-09",
	"2020-09-31",
	"2021-02-29T00:00:00Z",
	"2020-09-02T",
	"2020-09-02T21",
	"2020-09-02T21Z",
	"2020-09-02T24:00:00Z",
	"2020-09-02T21:60:00Z",
	"2020-09-02T21:00:61Z",
	"2020-09-02T21:00:00.Z",
	"2020-09-02T21:00:00ZZ",
	"2020-09-02T21:00:00Z ",
	" 2020-09-02T21:00:00Z",
	"2020-09-02T21:00:00+1:00",
	"2020-09-02T21:00:00+24:00",
	"2020-09-02T21:00:00+01:60",
	"2020-09-02T21:00:00+01",
	"2020-09-02  21:00:00Z",
	"2020-09-02T21:00:00 CEST",
	"2020-09-02T21:00:00 +0100 UTC",
	"2020/09/02 21:00:00Z",
	"20200902T210000Z",
	"0000-01-01T00:00:00Z",
	"0001-01-01T00:00:00+01:00",
	"9999-12-31T23:59:59-01:00",
	"2020-09-02x",
	"2020-9-2T21:00:00Z",
	"now",
	"yesterday",
};

START_TEST(refuses_what_is_no_time)
{
	const char *text = bad_everywhere[_i];
	int64_t ms = 77;

	ck_assert_msg(!time_parse(text, &ms), "'%s' was taken as %lld", text, (long long)ms);
	ck_assert_msg(!time_parse_data(text, strlen(text), &ms), "'%s'", text);
	ck_assert_int_eq(ms, 77);
}
END_TEST

START_TEST(a_command_must_say_its_zone_and_data_need_not)
{
	int64_t ms = 77;

	ck_assert(!time_parse("2020-09-02T21:00:00", &ms));
	ck_assert(!time_parse("2020-09-02 21:00", &ms));
	ck_assert_int_eq(ms, 77);
	ck_assert(time_parse_data("2020-09-02 21:00", 16, &ms));
	ck_assert_int_eq(ms, INT64_C(1599080400000));
}
END_TEST

START_TEST(data_hold_times_not_days_and_no_bare_numbers)
{
	int64_t ms = 77;

	ck_assert(!time_parse_data("2020-09-02", 10, &ms));
	ck_assert(!time_parse_data("@1599080400", 11, &ms));
	ck_assert_int_eq(ms, 77);
}
END_TEST

START_TEST(the_machines_time_zone_does_not_matter)
{
	int64_t ms;

	setenv("TZ", "Pacific/Auckland", 1);
	tzset();
	ck_assert(time_parse("2020-09-02T21:00:00Z", &ms));
	ck_assert_int_eq(ms, INT64_C(1599080400000));
	ck_assert(time_parse("2020-09-03", &ms));
	ck_assert_int_eq(ms, INT64_C(1599177599999));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("time_text");
	TCase *all = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(all, writes_rfc_3339_in_utc, 0, COUNT(written));
	tcase_add_test(all, what_is_written_is_what_the_c_library_writes_and_reads_back);
	tcase_add_loop_test(all, reads_what_people_type, 0, COUNT(commands));
	tcase_add_loop_test(all, reads_what_logs_hold_without_looking_past_the_end, 0, COUNT(data));
	tcase_add_loop_test(all, every_cut_of_a_time_is_refused_or_a_time, 0, COUNT(data));
	tcase_add_loop_test(all, refuses_what_is_no_time, 0, COUNT(bad_everywhere));
	tcase_add_test(all, a_command_must_say_its_zone_and_data_need_not);
	tcase_add_test(all, data_hold_times_not_days_and_no_bare_numbers);
	tcase_add_test(all, the_machines_time_zone_does_not_matter);
	suite_add_tcase(suite, all);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
