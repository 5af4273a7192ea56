/* SPDX-License-Identifier: MIT
 *
 * test_plugin_platform_response.c - referral logs: what one row becomes, which rows are refused and
 * why, and that the final state of each id is what counts, whatever the format, the order and the
 * cuts.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_host.h"
#include "platform_response/parse.h"
#include "strait/date.h"
#include "strait/time.h"

extern const struct strait_plugin strait_plugin;

#define HEADER "id,platform,kind,submitted_at,status,responded_at,reason\n"

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
	return fake_host_document(host, "referrals.csv", text, strlen(text));
}

static double total(const char *metric, const char *platform, const char *outcome)
{
	return fake_host_total(host, metric, (const char *const[]){ platform, outcome, NULL },
			       NULL);
}

static void check_outcomes(unsigned int blocked, unsigned int refused, unsigned int pending)
{
	ck_assert_double_eq(total("referrals.accounts", "", "blocked"), blocked);
	ck_assert_double_eq(total("referrals.accounts", "", "refused"), refused);
	ck_assert_double_eq(total("referrals.accounts", "", "pending"), pending);
	ck_assert_double_eq(total("referrals.accounts", "", ""), blocked + refused + pending);
}

START_TEST(makes_an_account_and_its_response_time_of_an_answered_row)
{
	const struct fake_observation *account, *hours;

	ck_assert_int_eq(
		read_document(
			HEADER
			"r-1, FaceBook ,advert,2020-03-01T23:30:00Z,blocked,2020-03-02T05:00:00Z,spam\n"),
		0);
	ck_assert_uint_eq(host->observation_count, 2);
	ck_assert_uint_eq(host->reject_count, 0);
	account = &host->observations[0];
	hours = &host->observations[1];
	ck_assert_str_eq(account->metric_name, "referrals.accounts");
	ck_assert_str_eq(account->labels[0], "facebook");
	ck_assert_str_eq(account->labels[1], "blocked");
	ck_assert_int_eq(account->day, strait_day(2020, 3, 1));
	ck_assert_double_eq(account->value, 1);
	ck_assert_str_eq(account->key, "r-1");
	ck_assert_int_eq(account->known_at_ms, INT64_C(1583125200000));
	ck_assert_uint_eq(account->rank, 2);
	ck_assert_uint_eq(account->at, strait_at_offset(sizeof(HEADER) - 1));
	ck_assert_str_eq(hours->metric_name, "referrals.response_hours");
	ck_assert_str_eq(hours->labels[0], "facebook");
	ck_assert_int_eq(hours->day, strait_day(2020, 3, 1));
	ck_assert_double_eq(hours->value, 5.5);
	ck_assert_str_eq(hours->key, "r-1");
	ck_assert_int_eq(hours->known_at_ms, account->known_at_ms);
	ck_assert_uint_eq(hours->rank, account->rank);
}
END_TEST

START_TEST(counts_an_answer_without_time_but_measures_nothing)
{
	ck_assert_int_eq(read_document(HEADER "r-1,x,,2020-03-01,refused,,\n"), 0);
	ck_assert_uint_eq(host->observation_count, 1);
	ck_assert_int_eq(host->observations[0].known_at_ms, strait_day(2020, 3, 1) * STRAIT_DAY_MS);
	check_outcomes(0, 1, 0);
}
END_TEST

START_TEST(measures_nothing_while_a_case_is_open)
{
	ck_assert_int_eq(
		read_document(
			HEADER
			"r-1,x,,2020-03-01,requested,,\nr-2,x,,2020-03-01,pending,2020-03-02,seen\n"),
		0);
	ck_assert_uint_eq(host->observation_count, 2);
	check_outcomes(0, 0, 2);
}
END_TEST

static const struct {
	const char *row;
	const char *why;
} bad_rows[] = {
	{ ",x,,2020-03-01,blocked,,", "no id" },
	{ "r-1, ,,2020-03-01,blocked,,", "no platform" },
	{ "r-1,x,,2020-03-01,closed,,",
	  "unknown status; known are requested, pending, blocked, refused" },
	{ "r-1,x,,2020-03-01,,,", "unknown status" },
	{ "r-1,x,,2020-02-30,blocked,,", "submitted_at is no ISO 8601 time" },
	{ "r-1,x,,,blocked,,", "submitted_at is no ISO 8601 time" },
	{ "r-1,x,,2020-03-01,blocked,yesterday,", "responded_at is no ISO 8601 time" },
	{ "r-1,x,,2020-03-02,blocked,2020-03-01T23:59:59Z,", "responded before it was submitted" },
	{ "r-1,x,,2020-03-02,pending,2020-03-01,", "responded before it was submitted" },
	{ "\"r-1\"x,x,,2020-03-01,blocked,,", "text after a closing quote" },
	{ "r-1,x", "unknown status" },
};

START_TEST(refuses_a_bad_row_with_place_and_reason_and_reads_on)
{
	char text[512];

	snprintf(text, sizeof(text), HEADER "%s\nr-2,x,,2020-03-01,blocked,,\n", bad_rows[_i].row);
	ck_assert_int_eq(read_document(text), 0);
	ck_assert_uint_eq(host->reject_count, 1);
	ck_assert_ptr_nonnull(strstr(host->rejects[0].why, bad_rows[_i].why));
	ck_assert_str_eq(host->rejects[0].raw, bad_rows[_i].row);
	ck_assert_uint_eq(host->rejects[0].at, sizeof(HEADER) - 1);
	ck_assert(!host->rejects[0].by_host);
	check_outcomes(1, 0, 0);
}
END_TEST

START_TEST(refuses_ids_and_platforms_that_are_too_long)
{
	char text[1024], id[301], platform[66];

	memset(id, 'i', sizeof(id));
	memset(platform, 'p', sizeof(platform));
	id[300] = platform[65] = '\0';
	snprintf(
		text, sizeof(text),
		HEADER
		"%s,x,,2020-03-01,blocked,,\nr-2,%s,,2020-03-01,blocked,,\nr-3,%s,,2020-03-01,blocked,,\n",
		id, platform, platform + 1);
	ck_assert_int_eq(read_document(text), 0);
	ck_assert_uint_eq(host->reject_count, 2);
	ck_assert_str_eq(host->rejects[0].why, "longer than 255 bytes: id");
	ck_assert_str_eq(host->rejects[1].why,
			 "the platform is longer than 64 bytes or has a NUL byte");
	check_outcomes(1, 0, 0);
}
END_TEST

START_TEST(leaves_a_platform_name_that_the_host_refuses_as_one_reject)
{
	ck_assert_int_eq(
		read_document(
			HEADER
			"r-1,\xff\xfe,,2020-03-01,blocked,2020-03-02,\nr-2,\"Acme, Inc.\",,2020-03-01,blocked,,\n"),
		0);
	ck_assert_uint_eq(host->reject_count, 1);
	ck_assert(host->rejects[0].by_host);
	ck_assert_uint_eq(host->observation_count, 1);
	ck_assert_str_eq(host->observations[0].labels[0], "acme_ inc.");
}
END_TEST

START_TEST(takes_columns_in_any_order_and_ignores_unknown_ones)
{
	ck_assert_int_eq(
		read_document(
			"\xEF\xBB\xBFSTATUS, Submitted_At ,who,\"id\",platform\r\nblocked,2020-03-01,someone,r-1,x\r\n"),
		0);
	ck_assert_uint_eq(host->reject_count, 0);
	check_outcomes(1, 0, 0);
}
END_TEST

START_TEST(takes_columns_under_the_names_that_the_section_gives)
{
	const char *text = "Ref,Service,Sent,State\nr-1,x,2020-03-01,refused\n";
	struct fake_host *mapped = fake_host_new(
		&strait_plugin, (struct fake_option[]){ { "column.id", "Ref" },
							{ "column.platform", "Service" },
							{ "column.submitted_at", "Sent" },
							{ "column.status", "State" },
							{ NULL, NULL } });

	ck_assert_int_eq(fake_host_open(mapped), 0);
	ck_assert_int_eq(fake_host_document(mapped, "a.csv", text, strlen(text)), 0);
	ck_assert_uint_eq(mapped->observation_count, 1);
	ck_assert_str_eq(mapped->observations[0].labels[1], "refused");
	text = "r-1,x,,2020-03-01,refused,,\n"; /* no header, but the section speaks of one */
	ck_assert_int_lt(fake_host_document(mapped, "a.csv", text, strlen(text)), 0);
	ck_assert_ptr_nonnull(strstr(mapped->failure, "'Ref'"));
	fake_host_free(mapped);
}
END_TEST

START_TEST(refuses_to_map_a_field_that_does_not_exist)
{
	struct fake_host *mapped =
		fake_host_new(&strait_plugin,
			      (struct fake_option[]){ { "column.ident", "Ref" }, { NULL, NULL } });

	ck_assert_int_lt(fake_host_open(mapped), 0);
	ck_assert_int_eq(mapped->fault, STRAIT_FAULT_CONFIG);
	ck_assert_ptr_nonnull(strstr(mapped->failure, "column.ident"));
	fake_host_free(mapped);
}
END_TEST

START_TEST(fails_a_document_without_a_required_column)
{
	ck_assert_int_lt(read_document("id,platform,submitted\nr-1,x,2020-03-01\n"), 0);
	ck_assert_int_eq(host->fault, STRAIT_FAULT_INPUT);
	ck_assert_ptr_nonnull(strstr(host->failure, "'referrals.csv'"));
	ck_assert_ptr_nonnull(strstr(host->failure, "submitted_at"));
	ck_assert_uint_eq(host->observation_count, 0);
	ck_assert_int_lt(read_document(""), 0);
	ck_assert_int_eq(host->fault, STRAIT_FAULT_INPUT);
	ck_assert_int_eq(read_document(HEADER),
			 0); /* a header and no rows is a log of a quiet day */
	ck_assert_int_eq(read_document(HEADER "r-1,x,,2020-03-01,blocked,,\n"),
			 0); /* and the source goes on */
	ck_assert_uint_eq(host->observation_count, 1);
}
END_TEST

START_TEST(reads_a_log_without_header_in_the_order_of_the_format)
{
	ck_assert_int_eq(
		read_document(
			"r-1,x,advert,2020-03-01,blocked,2020-03-02,spam\nr-2,x,,2020-03-01,refused,,\n"),
		0);
	ck_assert_uint_eq(host->reject_count, 0);
	check_outcomes(1, 1, 0);
}
END_TEST

static const char story[] =
	"{\"id\":\"r-1\",\"platform\":\"X\",\"submitted_at\":\"2020-03-01T10:00:00Z\",\"status\":\"requested\"}\n"
	"\r\n"
	"{\"id\":7,\"platform\":\"X\",\"submitted_at\":\"2020-03-01\",\"status\":\"blocked\",\"responded_at\":null}\n"
	"{\"id\":\"r-1\",\"platform\":\"X\",\"submitted_at\":\"2020-03-01T10:00:00Z\",\"status\":\"blocked\","
	"\"responded_at\":\"2020-03-01T12:30:00+01:00\",\"reason\":[\"anything\"]}\r\n"
	"not json\n"
	"{\"id\":\"r-2\",\"id\":\"r-3\",\"platform\":\"X\",\"submitted_at\":\"2020-03-01\",\"status\":\"blocked\"}\n"
	"[1]\n"
	"{\"id\":{\"a\":1},\"platform\":\"X\",\"submitted_at\":\"2020-03-01\",\"status\":\"blocked\"}\n"
	"{\"id\":\"r-4\",\"platform\":\"Y\",\"submitted_at\":\"2020-03-01\",\"status\":\"pending\"}";

START_TEST(reads_ndjson_as_document_and_as_log_alike)
{
	for (int as_log = 0; as_log <= 1; as_log++) {
		fake_host_clear(host);
		host->stretch_bytes = 100;
		ck_assert_int_eq(as_log ? fake_host_log(host, story, sizeof(story) - 1)
					: read_document(story),
				 0);
		if (as_log) { /* its last line is not complete */
			ck_assert_uint_eq(host->observation_count, 4);
			ck_assert_int_eq(fake_host_stretch(host, "\n", 1, sizeof(story) - 1, "{"),
					 0);
		}
		ck_assert_uint_eq(host->reject_count, 4);
		for (size_t i = 0; i < 3; i++)
			ck_assert_str_eq(host->rejects[i].why, "not one JSON object on one line");
		ck_assert_str_eq(host->rejects[3].why, "not a short text or a number: id");
		check_outcomes(2, 0, as_log ? 0 : 1);
		ck_assert_double_eq(total("referrals.response_hours", "x", NULL), 1.5);
	}
}
END_TEST

START_TEST(refuses_a_line_of_more_than_a_mebibyte_and_reads_on)
{
	size_t size = (2u << 20) + 5;
	const char *good =
		"{\"id\":\"r-1\",\"platform\":\"X\",\"submitted_at\":\"2020-03-01\",\"status\":\"blocked\"}\n";
	char *text = malloc(size + strlen(good) + 1);

	ck_assert_ptr_nonnull(text);
	memset(text, '{', size);
	text[size - 1] = '\n';
	memcpy(text + size, good, strlen(good) + 1);
	ck_assert_int_eq(fake_host_document(host, "a.ndjson", text, size + strlen(good)), 0);
	ck_assert_uint_eq(host->reject_count, 1);
	ck_assert_str_eq(host->rejects[0].why, "line longer than 1 MiB");
	ck_assert_uint_eq(host->observation_count, 1);
	ck_assert_uint_eq(host->observations[0].at, size);
	free(text);
}
END_TEST

START_TEST(lets_a_reason_hold_line_ends_in_a_document_and_be_of_any_length)
{
	static char text[8192] = HEADER "r-1,x,,2020-03-01,blocked,,\"";

	memset(text + strlen(text), 'y', 5000);
	strncat(text,
		"\nr-9,x,,2020-03-01,blocked,,\n\"\"quoted\"\"\"\nr-2,x,,2020-03-01,refused,,\n",
		100);
	ck_assert_int_eq(read_document(text), 0);
	ck_assert_uint_eq(host->reject_count, 0);
	check_outcomes(1, 1, 0);
}
END_TEST

static const char log_text[] = HEADER "r-1,x,,2020-03-01,requested,,\n"
				      "r-2,y,,2020-03-01,blocked,2020-03-03,\"a, b\"\n"
				      "r-3,y,,2020-03-02,blocked,,\"broken\n"
				      "reason\"\n"
				      "\n"
				      "r-1,x,,2020-03-01,refused,2020-03-02,\n"
				      "r-4,z,,2020-03-04,pending,,\n";

START_TEST(reads_an_appended_log_alike_whatever_the_stretches)
{
	size_t places[16], count = 0;

	for (size_t bytes = 1; bytes <= sizeof(log_text); bytes++) {
		fake_host_clear(host);
		host->stretch_bytes = bytes;
		ck_assert_int_eq(fake_host_log(host, log_text, sizeof(log_text) - 1), 0);
		check_outcomes(1, 1, 1);
		ck_assert_uint_eq(host->reject_count,
				  2); /* the row of two lines: one line is one row here */
		ck_assert_str_eq(host->rejects[0].why, "quote not closed");
		ck_assert_uint_eq(host->observation_count, 6);
		for (size_t i = 0; i < host->observation_count && bytes == 1; i++)
			places[count++] = host->observations[i].at;
		for (size_t i = 0; i < host->observation_count; i++)
			ck_assert_uint_eq(host->observations[i].at, places[i]);
	}
}
END_TEST

START_TEST(goes_on_in_the_middle_of_a_log_with_its_first_line)
{
	const char *line = "blocked,r-7,2020-03-01,x\n";

	ck_assert_int_eq(fake_host_stretch(host, line, strlen(line), 5000,
					   "status,id,submitted_at,platform\r"),
			 0);
	check_outcomes(1, 0, 0);
	ck_assert_uint_eq(host->observations[0].at, 5000);
	line = "r-8,x,2020-03-01,refused\n";
	ck_assert_int_eq(
		fake_host_stretch(host, line, strlen(line), 60, "id,platform,submitted_at,status"),
		0);
	check_outcomes(1, 1, 0);
}
END_TEST

START_TEST(calls_a_log_with_a_foreign_header_misconfigured)
{
	ck_assert_int_lt(fake_host_log(host, "a,b,c\n1,2,3\n", 12), 0);
	ck_assert_int_eq(host->fault, STRAIT_FAULT_CONFIG);
	ck_assert_ptr_nonnull(strstr(host->failure, "column.id"));
	ck_assert_int_lt(fake_host_log(host, "a,b,c\n1,2,3\n", 12), 0); /* and stays so */
	ck_assert_int_lt(fake_host_log(host, "\nid,platform\n", 13), 0);
	ck_assert_uint_eq(host->observation_count, 0);
}
END_TEST

/* One id's life; every order of its rows must end in the same state. */
static const struct {
	const char *rows[3];
	unsigned int blocked, refused, pending;
} lives[] = {
	{ { "r-1,x,,2020-03-01,requested,,\n", "r-1,x,,2020-03-01,pending,,\n",
	    "r-1,x,,2020-03-01,blocked,2020-03-05,\n" },
	  1,
	  0,
	  0 },
	{ { "r-1,x,,2020-03-01,requested,,\n", "r-1,x,,2020-03-01,pending,,\n",
	    "r-1,x,,2020-03-01,requested,,\n" },
	  0,
	  0,
	  1 },
	{ { "r-1,x,,2020-03-01,refused,,\n", "r-1,x,,2020-03-01,pending,,\n",
	    "r-1,x,,2020-03-01,requested,,\n" },
	  0,
	  1,
	  0 },
	{ { "r-1,x,,2020-03-01,blocked,2020-03-02,\n",
	    "r-1,x,,2020-03-01,pending,2020-03-03,reopened\n",
	    "r-1,x,,2020-03-01,refused,2020-03-04,\n" },
	  0,
	  1,
	  0 },
	{ { "r-1,x,,2020-03-01,blocked,2020-03-02,\n",
	    "r-1,x,,2020-03-01,pending,2020-03-03,reopened\n", "r-1,x,,2020-03-01,requested,,\n" },
	  0,
	  0,
	  1 },
	{ { "r-1,x,,2020-03-01,pending,2020-03-02,\n", "r-1,x,,2020-03-01,blocked,2020-03-02,\n",
	    "r-1,x,,2020-03-01,blocked,2020-03-02,\n" },
	  1,
	  0,
	  0 },
};

START_TEST(counts_the_final_state_of_an_id_in_any_order_and_once)
{
	static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					  { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

	for (size_t i = 0; i < 6; i++) {
		char text[1024];

		fake_host_clear(host);
		snprintf(text, sizeof(text), HEADER "%s%s%s%s", lives[_i].rows[orders[i][0]],
			 lives[_i].rows[orders[i][1]], lives[_i].rows[orders[i][2]],
			 lives[_i].rows[orders[i][1]]);
		ck_assert_int_eq(read_document(text), 0);
		ck_assert_int_eq(read_document(text), 0); /* twice is once */
		check_outcomes(lives[_i].blocked, lives[_i].refused, lives[_i].pending);
	}
}
END_TEST

START_TEST(lets_a_later_line_correct_an_equal_one)
{
	ck_assert_int_eq(read_document(HEADER "r-1,x,,2020-03-01,blocked,2020-03-02T12:00:00Z,\n"
					      "r-1,x,,2020-03-01,refused,2020-03-02T12:00:00Z,\n"),
			 0);
	check_outcomes(0, 1, 0);
	ck_assert_double_eq(total("referrals.response_hours", "x", NULL), 36);
}
END_TEST

START_TEST(gives_the_founding_example)
{
	static char text[200000];
	size_t used = (size_t)snprintf(text, sizeof(text), HEADER);

	for (unsigned int i = 0; i < 1218; i++) {
		const char *status = i < 578	     ? "blocked"
				     : i < 578 + 485 ? "refused"
				     : i % 2	     ? "pending"
						     : "requested";

		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "nca-%u,p%u,profile,2020-0%u-1%uT08:00:00Z,requested,,\n",
					 i, i % 3, 1 + i % 5, i % 10);
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "nca-%u,p%u,profile,2020-0%u-1%uT08:00:00Z,%s,%s,\n", i,
					 i % 3, 1 + i % 5, i % 10, status,
					 i < 578 + 485 ? "2020-06-01T00:00:00Z" : "");
	}
	ck_assert_int_eq(read_document(text), 0);
	check_outcomes(578, 485, 155);
	ck_assert_double_eq(total("referrals.accounts", "", ""), 1218);
}
END_TEST

static const struct {
	const char *text;
	bool good;
	int64_t ms;
} times[] = {
	{ "1970-01-01", true, 0 },
	{ "2020-09-02T03:04:05Z", true, 1599015845000 },
	{ " 2020-09-02 03:04:05 ", true, 1599015845000 },
	{ "2020-09-02T03:04", true, 1599015840000 },
	{ "2020-09-02t03:04:05.6789z", true, 1599015845678 },
	{ "2020-09-02T03:04:05,5", true, 1599015845500 },
	{ "2020-09-02T05:04:05+02:00", true, 1599015845000 },
	{ "2020-09-02T05:04:05+0200", true, 1599015845000 },
	{ "2020-09-02T05:04:05+02", true, 1599015845000 },
	{ "2020-09-01T21:34:05-05:30", true, 1599015845000 },
	{ "2024-07-07 21:48:06.252149202 +0000 UTC", true, 1720388886252 },
	{ "2024-07-07 22:48:06.252149202 +0100 BST", true, 1720388886252 },
	{ "2020-09-02 03:04:05 UTC", true, 1599015845000 },
	{ "2020-09-02T24:00:00Z", true, 1599091200000 },
	{ "2016-12-31T23:59:60Z", true, 1483228800000 },
	{ "1969-12-31T23:59:59.999Z", true, -1 },
	{ "", false, 0 },
	{ "2020-09-02T", false, 0 },
	{ "2020-09-02T03", false, 0 },
	{ "2020-09-02T03:04:05BST", false, 0 },
	{ "2020-09-02T03:04:05.Z", false, 0 },
	{ "2020-09-02T03:60", false, 0 },
	{ "2020-09-02T24:01", false, 0 },
	{ "2020-09-02T03:04:61", false, 0 },
	{ "2020-09-02T03:04+15:00", false, 0 },
	{ "2020-09-02T03:04+2", false, 0 },
	{ "2020-09-02T03:04Z!", false, 0 },
	{ "2021-02-29", false, 0 },
	{ "0000-01-01", false, 0 },
	{ "20200902", false, 0 },
	{ "02/09/2020", false, 0 },
};

START_TEST(reads_iso_8601_times)
{
	int64_t ms = 4711;

	ck_assert_msg(strait_time_parse(times[_i].text, strlen(times[_i].text), &ms) ==
			      times[_i].good,
		      "%s", times[_i].text);
	ck_assert_int_eq(ms, times[_i].good ? times[_i].ms : 4711);
}
END_TEST

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fake_host *final_lines(void)
{
	struct fake_host *final = fake_host_new(
		&strait_plugin, (struct fake_option[]){ { "identity", "none" }, { NULL, NULL } });

	ck_assert_int_eq(fake_host_open(final), 0);
	return final;
}

START_TEST(without_identity_each_line_adds)
{
	static const char text[] = "id,platform,submitted_at,status,responded_at\n"
				   "a,X,2024-01-01T10:00:00Z,blocked,2024-01-01T22:00:00Z\n"
				   "a,X,2024-01-01T10:00:00Z,blocked,2024-01-01T22:00:00Z\n"
				   "b,x,2024-01-01 23:30:00 +0100,Pending,\n"
				   "c,X,2024-01-02T00:00:00Z,refused,2024-01-01T00:00:00Z\n"
				   ",X,2024-01-02T00:00:00Z,refused,\n"
				   "d,X,2024-01-02T25:00:00Z,refused,\n"
				   "e,X,2024-01-02T23:59:59Z,requested,\n";
	struct fake_host *final = final_lines();

	ck_assert_int_eq(fake_host_document(final, "a.csv", text, sizeof(text) - 1), 0);
	ck_assert_uint_eq(final->observation_count, 6); /* four lines, two with hours */
	ck_assert_uint_eq(final->reject_count, 3);
	ck_assert_str_eq(final->observations[0].labels[0], "x");
	ck_assert_str_eq(final->observations[0].labels[1], "blocked");
	ck_assert_ptr_null(final->observations[0].key);
	ck_assert_int_eq(final->observations[0].day, 19723);
	ck_assert(final->observations[1].value == 12 && final->observations[1].rows == 0);
	ck_assert_str_eq(final->observations[4].labels[1], "pending");
	ck_assert_int_eq(final->observations[4].day, 19723);
	ck_assert_int_eq(final->observations[5].day, 19724);
	fake_host_free(final);
}
END_TEST

START_TEST(identity_is_one_of_two_words)
{
	struct fake_host *final = fake_host_new(
		&strait_plugin, (struct fake_option[]){ { "identity", "some" }, { NULL, NULL } });

	ck_assert_int_ne(fake_host_open(final), 0);
	ck_assert_int_eq(final->fault, STRAIT_FAULT_CONFIG);
	fake_host_free(final);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("platform_response");
	TCase *rows = tcase_create("rows"), *logs = tcase_create("logs"),
	      *states = tcase_create("states");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(rows, open_host, close_host);
	tcase_add_checked_fixture(logs, open_host, close_host);
	tcase_add_checked_fixture(states, open_host, close_host);
	tcase_add_test(rows, makes_an_account_and_its_response_time_of_an_answered_row);
	tcase_add_test(rows, counts_an_answer_without_time_but_measures_nothing);
	tcase_add_test(rows, measures_nothing_while_a_case_is_open);
	tcase_add_loop_test(rows, refuses_a_bad_row_with_place_and_reason_and_reads_on, 0,
			    COUNT(bad_rows));
	tcase_add_test(rows, refuses_ids_and_platforms_that_are_too_long);
	tcase_add_test(rows, leaves_a_platform_name_that_the_host_refuses_as_one_reject);
	tcase_add_loop_test(rows, reads_iso_8601_times, 0, COUNT(times));
	tcase_add_test(logs, takes_columns_in_any_order_and_ignores_unknown_ones);
	tcase_add_test(logs, takes_columns_under_the_names_that_the_section_gives);
	tcase_add_test(logs, refuses_to_map_a_field_that_does_not_exist);
	tcase_add_test(logs, fails_a_document_without_a_required_column);
	tcase_add_test(logs, reads_a_log_without_header_in_the_order_of_the_format);
	tcase_add_test(logs, reads_ndjson_as_document_and_as_log_alike);
	tcase_add_test(logs, refuses_a_line_of_more_than_a_mebibyte_and_reads_on);
	tcase_add_test(logs, lets_a_reason_hold_line_ends_in_a_document_and_be_of_any_length);
	tcase_add_test(logs, reads_an_appended_log_alike_whatever_the_stretches);
	tcase_add_test(logs, goes_on_in_the_middle_of_a_log_with_its_first_line);
	tcase_add_test(logs, calls_a_log_with_a_foreign_header_misconfigured);
	tcase_add_loop_test(states, counts_the_final_state_of_an_id_in_any_order_and_once, 0,
			    COUNT(lives));
	tcase_add_test(states, lets_a_later_line_correct_an_equal_one);
	tcase_add_test(rows, without_identity_each_line_adds);
	tcase_add_test(rows, identity_is_one_of_two_words);
	tcase_add_test(states, gives_the_founding_example);
	suite_add_tcase(suite, rows);
	suite_add_tcase(suite, logs);
	suite_add_tcase(suite, states);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
