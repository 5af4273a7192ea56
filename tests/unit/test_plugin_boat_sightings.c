/* SPDX-License-Identifier: MIT
 *
 * test_plugin_boat_sightings.c - sighting logs: positions and times as people write them, what one
 * row becomes, amendments, foreign logs by column mapping, and that no position leaves the plugin.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "boat_sightings/parse.h"
#include "boat_sightings/position.h"
#include "fake_host.h"
#include "strait/date.h"

extern const struct strait_plugin strait_plugin;

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HEADER	     "id,time,position,boats,persons,observer,amends,note\n"

static struct fake_host *host;

static void open_host(void)
{
	host = fake_host_new(&strait_plugin, NULL);
	ck_assert_int_eq(fake_host_open(host), 0);
}

static void close_host(void)
{
	host = fake_host_free(host);
}

static int read_document(const char *text)
{
	return fake_host_document(host, "sightings.csv", text, strlen(text));
}

static double total(const char *metric, const char *area)
{
	return fake_host_total(host, metric, (const char *const[]){ area, NULL }, NULL);
}

/* ── positions ──────────────────────────────────────────────────────────────────────────────── */

static const struct {
	const char *text;
	double latitude, longitude;
} positions[] = {
	{ "51.02604694, 2.103116102", 51.02604694, 2.103116102 },
	{ "51.026,2.103", 51.026, 2.103 },
	{ " 51.026 2.103 ", 51.026, 2.103 },
	{ "51.026; 2.103", 51.026, 2.103 },
	{ "51, 2", 51, 2 },
	{ "-33.9, +18.4", -33.9, 18.4 },
	{ "-33.9 -18.4", -33.9, -18.4 },
	{ "51.026N 2.103E", 51.026, 2.103 },
	{ "51.026 N, 2.103 W", 51.026, -2.103 },
	{ "2.103e 51.026s", -51.026, 2.103 },
	{ "N51.026 E2.103", 51.026, 2.103 },
	{ "51°08.5N 001°44.5E", 51 + 8.5 / 60, 1 + 44.5 / 60 },
	{ "51° 09.045N 001° 45.568E", 51 + 9.045 / 60, 1 + 45.568 / 60 },
	{ "54-37 N 008-18 E", 54 + 37. / 60, 8 + 18. / 60 },
	{ "54-37.25N 008-18.5W", 54 + 37.25 / 60, -8 - 18.5 / 60 },
	{ "51 08.5 N 001 44.5 E", 51 + 8.5 / 60, 1 + 44.5 / 60 },
	{ "N51 08 E001 44", 51 + 8. / 60, 1 + 44. / 60 },
	{ "51º08.5'N, 001º44.5'E", 51 + 8.5 / 60, 1 + 44.5 / 60 },
	{ "51\xB0"
	  "08.5N 001\xB0"
	  "44.5E",
	  51 + 8.5 / 60, 1 + 44.5 / 60 },
	{ "51°08'30\"N 001°44'15\"E", 51 + 8.5 / 60, 1 + 44.25 / 60 },
	{ "51°08′30″N 001°44′15″E", 51 + 8.5 / 60, 1 + 44.25 / 60 },
	{ "51-08-30N 001-44-15E", 51 + 8.5 / 60, 1 + 44.25 / 60 },
	{ "51°08.5', 1°44.5'", 51 + 8.5 / 60, 1 + 44.5 / 60 },
	{ "5108.5N 00144.5E", 51 + 8.5 / 60, 1 + 44.5 / 60 },
	{ "5108N/00144E", 51 + 8. / 60, 1 + 44. / 60 },
	{ "0, 0", 0, 0 },
	{ "90N 180E", 90, 180 },
};

START_TEST(reads_a_position_exactly)
{
	struct position got = { 0 };

	ck_assert_ptr_null(position_parse(positions[_i].text, strlen(positions[_i].text), &got));
	ck_assert_double_eq_tol(got.latitude, positions[_i].latitude, 1e-11);
	ck_assert_double_eq_tol(got.longitude, positions[_i].longitude, 1e-11);
}
END_TEST

static const struct {
	const char *text, *why;
} bad_positions[] = {
	{ "", "not written in numbers" },
	{ "off Dover", "not written in numbers" },
	{ "51.026", "only one" },
	{ "51 2", "only one" }, /* degrees and minutes, or two of degrees? */
	{ "51-37 8-18", "need a comma" },
	{ "51 08 001 44", "need a comma" },
	{ "51°08.5N", "only one" },
	{ "51.026N 2.103", "has none" },
	{ "51.026N 2.103N", "is for the latitude" },
	{ "51.026E 2.103E", "is for the latitude" },
	{ "-51.026N 2.103E", "both a sign and a letter" },
	{ "91.1, 2", "goes to 90" },
	{ "51, 180.5", "goes to 90" },
	{ "90°00.1N 001°00E", "goes to 90" },
	{ "51°60N 001°44E", "below 60" },
	{ "51°08'60\"N 001°44'00\"E", "below 60" },
	{ "5160.0N 00144.5E", "below 60" },
	{ "51.5°08N 001°44E", "after the second" },
	{ "51.026, 2.103, 0", "after the second" },
	{ "51.026,, 2.103", "not written in numbers" },
	{ "51.026N 2.103E approx", "after the second" },
	{ "1e1, 2", "after the second" },
	{ "nan, nan", "not written in numbers" },
};

START_TEST(refuses_what_is_no_position_or_has_two_meanings)
{
	struct position got = { 0 };
	const char *why =
		position_parse(bad_positions[_i].text, strlen(bad_positions[_i].text), &got);

	ck_assert_msg(why != NULL, "'%s' was read as %f %f", bad_positions[_i].text, got.latitude,
		      got.longitude);
	ck_assert_double_eq(got.latitude, 0);
	ck_assert_msg(strstr(why, bad_positions[_i].why) != NULL, "'%s': %s",
		      bad_positions[_i].text, why);
}
END_TEST

START_TEST(names_the_area_of_a_position)
{
	static const struct {
		struct position position;
		const char *area;
	} places[] = {
		{ { 51.026, 1.5 }, "dover_strait" },
		{ { 50.8, 0.9 }, "dover_strait" },
		{ { 51.4, 1.5 }, "southern_north_sea" },
		{ { 51.026, 2.103 }, "southern_north_sea" },
		{ { 50.5, 0.5 }, "eastern_channel" },
		{ { 50.9, 0.5 }, "eastern_channel" },
		{ { 54.6, 8.3 }, "elsewhere" },
		{ { -51, 1.5 }, "elsewhere" },
	};

	for (size_t i = 0; i < COUNT(places); i++)
		ck_assert_str_eq(position_area(&places[i].position), places[i].area);
	ck_assert_str_eq(position_area(NULL), "unknown");
}
END_TEST

/* ── times ──────────────────────────────────────────────────────────────────────────────────── */

static const struct {
	const char *text;
	bool good;
	int64_t ms;
} times[] = {
	{ "271235utc nov98", true, 912170100000 },
	{ "271235Z NOV 98", true, 912170100000 },
	{ "271235ZNOV1998", true, 912170100000 },
	{ "271235 gmt nov98", true, 912170100000 },
	{ "271335A NOV 98", true, 912170100000 },
	{ "270735R nov98", true, 912170100000 },
	{ "010000z jan24", true, 1704067200000 },
	{ "1720388886", true, 1720388886000 },
	{ "1720388886.252", true, 1720388886252 },
	{ "1720388886252", true, 1720388886252 },
	{ "2024-07-07 21:48:06.252149202 +0000 UTC", true, 1720388886252 },
	{ "2024-07-07T23:48:06+02:00", true, 1720388886000 },
	{ "271235J nov98", false, 0 },
	{ "271235 nov98", false, 0 },
	{ "311235z nov98", false, 0 },
	{ "272435z nov98", false, 0 },
	{ "271260z nov98", false, 0 },
	{ "271235z nvo98", false, 0 },
	{ "271235z nov9", false, 0 },
	{ "271235z nov98x", false, 0 },
	{ "20240707", false, 0 },
	{ "-1720388886", false, 0 },
	{ "1720388886s", false, 0 },
	{ "1720388886.5E10", false, 0 },
	{ "Thu, 01/01/2026 - 12:00", false, 0 }, /* 1 January in which order? */
	{ "", false, 0 },
};

START_TEST(reads_times_in_every_form)
{
	int64_t ms = 4711;

	ck_assert_msg(sighting_parse_time(times[_i].text, strlen(times[_i].text), &ms) ==
			      times[_i].good,
		      "'%s'", times[_i].text);
	ck_assert_int_eq(ms, times[_i].good ? times[_i].ms : 4711);
}
END_TEST

/* ── rows ───────────────────────────────────────────────────────────────────────────────────── */

START_TEST(makes_boats_people_and_unresolved_boats_of_one_row)
{
	static const char *const metrics[] = { "sightings.boats", "sightings.people",
					       "sightings.open" };
	static const double values[] = { 2, 71, 2 };

	ck_assert_int_eq(
		read_document(
			HEADER
			"s-1,2020-09-02T04:10:00Z,51°00.5N 001°30E,2,71,Someone,,two black RHIBs\n"),
		0);
	ck_assert_uint_eq(host->observation_count, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct fake_observation *one = &host->observations[i];

		ck_assert_str_eq(one->metric_name, metrics[i]);
		ck_assert_str_eq(one->labels[0], "dover_strait");
		ck_assert_double_eq(one->value, values[i]);
		ck_assert_int_eq(one->day, strait_day(2020, 9, 2));
		ck_assert_int_eq(one->known_at_ms, INT64_C(1599019800000));
		ck_assert_str_eq(one->key, "s-1");
		ck_assert_ptr_null(one->replaces);
		ck_assert_uint_eq(one->at, sizeof(HEADER) - 1);
	}
}
END_TEST

START_TEST(takes_an_unknown_head_count_as_missing_and_not_as_zero)
{
	ck_assert_int_eq(
		read_document(
			HEADER
			"s-1,2020-09-02,,,,,,\ns-2,2020-09-02,,1,-,,,\ns-3,2020-09-02,,1,0,,,\n"),
		0);
	ck_assert_uint_eq(host->reject_count, 0);
	ck_assert_int_eq(host->observations[1].status, STRAIT_MISSING);
	ck_assert_int_eq(host->observations[4].status, STRAIT_MISSING);
	ck_assert_int_eq(host->observations[7].status, STRAIT_FINAL);
	ck_assert_str_eq(host->observations[0].labels[0], "unknown");
	ck_assert_double_eq(total("sightings.boats", "unknown"), 3);
}
END_TEST

START_TEST(lets_an_amendment_take_the_place_of_what_it_amends)
{
	ck_assert_int_eq(read_document(HEADER "s-1,2020-09-02T04:00Z,,1,40,radio,,\n"
					      "s-2,2020-09-02T04:00Z,,1,25,,,\n"
					      "s-9,2020-09-02T04:00Z,,1,33,inquiry,s-1,\n"
					      "s-2,2020-09-02T04:00Z,,1,26,,s-2,recount\n"),
			 0);
	ck_assert_double_eq(total("sightings.people", NULL), 33 + 26);
	ck_assert_double_eq(total("sightings.boats", NULL), 2);
	ck_assert_str_eq(host->observations[6].replaces, "s-1");
	ck_assert_ptr_null(host->observations[9].replaces);
}
END_TEST

START_TEST(counts_a_boat_as_unresolved_until_something_is_known_of_it)
{
	const char *text = "id,time,outcome,reported_at,boats,persons\n"
			   "s-1,2020-09-02T04:00Z,,,2,50\n"
			   "s-2,2020-09-02T05:00Z,unresolved,,1,20\n"
			   "s-3,2020-09-02T05:00Z,Landed,,1,20\n"
			   "s-4,2020-09-02T05:00Z,,,1,9\n"
			   "s-1,2020-09-02T04:00Z,rescued,2020-09-02T08:00Z,2,51\n"
			   "s-4,2020-09-02T05:00Z,withdrawn,2020-09-03,1,9\n";

	ck_assert_int_eq(read_document(text), 0);
	ck_assert_uint_eq(host->reject_count, 0);
	ck_assert_double_eq(total("sightings.open", NULL), 1);
	ck_assert_double_eq(total("sightings.boats", NULL), 4);
	ck_assert_double_eq(total("sightings.people", NULL), 51 + 20 + 20);
	ck_assert_int_eq(host->observations[12].known_at_ms, INT64_C(1599033600000));
}
END_TEST

static const struct {
	const char *row, *why;
} bad_rows[] = {
	{ ",2020-09-02,,1,2,,,", "no id" },
	{ "s-1,,,1,2,,,", "the time is neither" },
	{ "s-1,2 September,,1,2,,,", "the time is neither" },
	{ "s-1,2020-09-02,near Dover,1,2,,,", "not written in numbers" },
	{ "s-1,2020-09-02,\"51.0, 190.0\",1,2,,,", "goes to 90" },
	{ "s-1,2020-09-02,,two,2,,,", "boats is no whole number" },
	{ "s-1,2020-09-02,,-1,2,,,", "boats is no whole number" },
	{ "s-1,2020-09-02,,1,100001,,,", "persons is no whole number" },
	{ "s-1,2020-09-02,,1,ca. 40,,,", "persons is no whole number" },
	{ "s-1,2020-09-02,,1,2.5,,,", "persons is no whole number" },
};

START_TEST(refuses_a_bad_row_with_place_and_reason_and_reads_on)
{
	char text[512];

	snprintf(text, sizeof(text), HEADER "%s\ns-2,2020-09-02,,1,5,,,\n", bad_rows[_i].row);
	ck_assert_int_eq(read_document(text), 0);
	ck_assert_uint_eq(host->reject_count, 1);
	ck_assert_msg(strstr(host->rejects[0].why, bad_rows[_i].why) != NULL, "%s",
		      host->rejects[0].why);
	ck_assert_uint_eq(host->rejects[0].at, sizeof(HEADER) - 1);
	ck_assert_double_eq(total("sightings.people", NULL), 5);
}
END_TEST

START_TEST(refuses_a_report_before_the_sighting_and_unknown_outcomes)
{
	ck_assert_int_eq(
		read_document(
			"id,time,outcome,reported_at\ns-1,2020-09-02,,2020-09-01\ns-2,2020-09-02,sunk,\n"
			"s-3,2020-09-02,,soon\n"),
		0);
	ck_assert_uint_eq(host->observation_count, 0);
	ck_assert_uint_eq(host->reject_count, 3);
	ck_assert_str_eq(host->rejects[0].why, "reported before it was seen");
	ck_assert_str_eq(
		host->rejects[1].why,
		"unknown outcome; known are landed, rescued, returned, lost, withdrawn, unresolved");
	ck_assert_ptr_nonnull(strstr(host->rejects[2].why, "reported_at is neither"));
}
END_TEST

START_TEST(reads_ndjson_with_numbers)
{
	ck_assert_int_eq(
		read_document(
			"{\"id\":\"s-1\",\"time\":1599019800,\"lat\":51.0,\"lon\":1.5,\"boats\":2,\"persons\":30}\n"
			"{\"id\":2,\"time\":\"020410z sep20\",\"position\":\"54-37 N 008-18 E\",\"persons\":null}\n"),
		0);
	ck_assert_uint_eq(host->reject_count, 0);
	ck_assert_double_eq(total("sightings.boats", "dover_strait"), 2);
	ck_assert_double_eq(total("sightings.people", "dover_strait"), 30);
	ck_assert_double_eq(total("sightings.boats", "elsewhere"), 1);
	ck_assert_int_eq(host->observations[3].known_at_ms, INT64_C(1599019800000));
}
END_TEST

/* A log of position reports: other columns, no counts, rows out of order and repeated, positions
 * that are not available. */
static const char ais[] = "server_timestamp,time_utc,mmsi,ship_name,lat,lon,sog\n"
			  "x,2024-07-07 21:48:06.2 +0000 UTC,100,A  ,51.0,1.5,8.5\n"
			  "x,2024-07-07 21:50:06.2 +0000 UTC,100,A  ,51.45,1.5,8.5\n"
			  "x,2024-07-07 21:49:06.2 +0000 UTC,100,A  ,51.1,1.5,8.5\n"
			  "x,2024-07-07 21:50:06.2 +0000 UTC,100,A  ,51.45,1.5,8.5\n"
			  "x,2024-07-08 00:00:06.2 +0000 UTC,200,\"B, C\",91.0,181,102.3\n"
			  "x,2024-07-08 00:00:07 +0000 UTC,300,D,91.0,1.5,102.3\n"
			  "x,2024-07-08 00:00:07 +0000 UTC,300,D,51.0,181,102.3\n";

START_TEST(reads_a_foreign_log_by_column_mapping)
{
	struct fake_host *mapped =
		fake_host_new(&strait_plugin, (struct fake_option[]){ { "column.id", "mmsi" },
								      { "column.time", "time_utc" },
								      { NULL, NULL } });

	ck_assert_int_eq(fake_host_open(mapped), 0);
	for (size_t bytes = 1; bytes <= 300; bytes += 299) {
		fake_host_clear(mapped);
		mapped->stretch_bytes = bytes;
		ck_assert_int_eq(fake_host_log(mapped, ais, sizeof(ais) - 1), 0);
		ck_assert_uint_eq(mapped->reject_count, 2);
		ck_assert_double_eq(fake_host_total(mapped, "sightings.boats", NULL, NULL), 2);
		ck_assert_double_eq(
			fake_host_total(mapped, "sightings.boats",
					(const char *const[]){ "southern_north_sea", NULL }, NULL),
			1);
		ck_assert_double_eq(fake_host_total(mapped, "sightings.boats",
						    (const char *const[]){ "unknown", NULL }, NULL),
				    1);
	}
	fake_host_free(mapped);
}
END_TEST

START_TEST(hands_over_no_text_of_observer_note_and_position)
{
	ck_assert_int_eq(
		read_document(HEADER
			      "s-1,2020-09-02,\"51.0123, 1.5678\",1,2,Jane Roe,,call +44 1234\n"
			      "s-2,2020-09-02,Jane Roe's berth,1,2,,,\n"
			      "s-3,Jane Roe,,1,2,,,\n"),
		0);
	for (size_t i = 0; i < host->observation_count; i++) {
		ck_assert_str_eq(host->observations[i].labels[0], "dover_strait");
		ck_assert_ptr_null(host->observations[i].labels[1]);
		ck_assert_str_eq(host->observations[i].key, "s-1");
	}
	ck_assert_uint_eq(host->reject_count, 2);
	for (size_t i = 0; i < host->reject_count;
	     i++) /* the extract is masked by the host; the reason is not */
		ck_assert_ptr_null(strstr(host->rejects[i].why, "Jane"));
	ck_assert_str_eq(host->log, "");
}
END_TEST

START_TEST(goes_on_after_rotation_into_a_file_without_header)
{
	const char *first = HEADER "s-1,2020-09-02,,1,5,,,\n",
		   *second = "s-2,2020-09-03,51.0 1.5,1,6,,,\ns-3,2020-09-03,,1,7,,,\n";

	ck_assert_int_eq(fake_host_log(host, first, strlen(first)), 0);
	ck_assert_int_eq(fake_host_log(host, second, strlen(second)), 0);
	ck_assert_int_eq(fake_host_log(host, first, strlen(first)), 0);
	ck_assert_uint_eq(host->reject_count, 0);
	ck_assert_double_eq(total("sightings.people", NULL), 18);
}
END_TEST

/* A document between two stretches of the log, with other columns; or one that cannot be read at
 * all. */
static const char *const documents[] = {
	"id,time,position,persons,boats\nd-1,2020-09-02,,100,1\n",
	"time,id,position,persons,boats\n2020-09-02,d-1,,100,1\n",
	"foo,bar\n1,2\n",
};

START_TEST(a_document_does_not_change_how_the_log_is_read)
{
	const char *header = "id,time,position,boats,persons,observer,amends,note";
	const char *first = HEADER "s-1,2020-09-02,,1,17,,,\n",
		   *second = "s-2,2020-09-02,,1,5,,,\n";
	bool good = _i < 2;

	ck_assert_int_eq(fake_host_stretch(host, first, strlen(first), 0, header), 0);
	ck_assert_int_eq(
		fake_host_document(host, "d.csv", documents[_i], strlen(documents[_i])) == 0, good);
	ck_assert_int_eq(fake_host_stretch(host, second, strlen(second), strlen(first), header), 0);
	ck_assert_uint_eq(host->reject_count, 0);
	ck_assert_double_eq(total("sightings.people", NULL), 17 + 5 + (good ? 100 : 0));
	ck_assert_double_eq(total("sightings.boats", NULL), 2 + good);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("boat_sightings");
	TCase *texts = tcase_create("texts"), *rows = tcase_create("rows");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(texts, reads_a_position_exactly, 0, COUNT(positions));
	tcase_add_loop_test(texts, refuses_what_is_no_position_or_has_two_meanings, 0,
			    COUNT(bad_positions));
	tcase_add_test(texts, names_the_area_of_a_position);
	tcase_add_loop_test(texts, reads_times_in_every_form, 0, COUNT(times));
	tcase_add_checked_fixture(rows, open_host, close_host);
	tcase_add_test(rows, makes_boats_people_and_unresolved_boats_of_one_row);
	tcase_add_test(rows, takes_an_unknown_head_count_as_missing_and_not_as_zero);
	tcase_add_test(rows, lets_an_amendment_take_the_place_of_what_it_amends);
	tcase_add_test(rows, counts_a_boat_as_unresolved_until_something_is_known_of_it);
	tcase_add_loop_test(rows, refuses_a_bad_row_with_place_and_reason_and_reads_on, 0,
			    COUNT(bad_rows));
	tcase_add_test(rows, refuses_a_report_before_the_sighting_and_unknown_outcomes);
	tcase_add_test(rows, reads_ndjson_with_numbers);
	tcase_add_test(rows, reads_a_foreign_log_by_column_mapping);
	tcase_add_test(rows, hands_over_no_text_of_observer_note_and_position);
	tcase_add_test(rows, goes_on_after_rotation_into_a_file_without_header);
	tcase_add_loop_test(rows, a_document_does_not_change_how_the_log_is_read, 0,
			    COUNT(documents));
	suite_add_tcase(suite, texts);
	suite_add_tcase(suite, rows);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
