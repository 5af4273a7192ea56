/* SPDX-License-Identifier: MIT
 *
 * test_fetch_wire.c - jobs and results of fetchers as bytes. Test program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "fetch_wire.h"

static struct fetch_job job;
static struct fetch_result result;
static unsigned char bytes[FETCH_WIRE_MAX];
static struct fault fault;

static void set_up(void)
{
	job = (struct fetch_job){ .url = "https://example.org/page?a=1",
				  .follow = "*.ods",
				  .spool = "/var/spool/straitd/a",
				  .user_agent = "straitd/1",
				  .last = { .url = "https://example.org/x.ods",
					    .etag = "\"e\"",
					    .last_modified = "then",
					    .sha256 = { 1, 2 } },
				  .max_bytes = UINT64_C(1) << 33,
				  .connect_ms = 30000,
				  .stall_ms = 60000 };
	result = (struct fetch_result){ .outcome = FETCH_DONE,
					.status = 200,
					.retry_after_s = 9,
					.bytes = 77,
					.name = "x.ods",
					.now = job.last,
					.text = "fine" };
	fault = (struct fault){ 0 };
}

START_TEST(a_job_arrives_as_it_was_sent)
{
	static struct fetch_job read;
	size_t size = fetch_job_encode(&job, bytes);

	ck_assert_uint_gt(size, 0);
	ck_assert_int_eq(fetch_job_decode(bytes, size, &read, &fault), 0);
	ck_assert_str_eq(read.url, job.url);
	ck_assert_str_eq(read.follow, job.follow);
	ck_assert_str_eq(read.spool, job.spool);
	ck_assert_str_eq(read.last.etag, job.last.etag);
	ck_assert_mem_eq(read.last.sha256, job.last.sha256, SHA256_BYTES);
	ck_assert_uint_eq(read.max_bytes, job.max_bytes);
	ck_assert_uint_eq(read.stall_ms, job.stall_ms);
}
END_TEST

START_TEST(a_result_arrives_as_it_was_sent)
{
	static struct fetch_result read;
	size_t size = fetch_result_encode(&result, bytes);

	ck_assert_uint_gt(size, 0);
	ck_assert_int_eq(fetch_result_decode(bytes, size, &read, &fault), 0);
	ck_assert_int_eq(read.outcome, FETCH_DONE);
	ck_assert_str_eq(read.name, "x.ods");
	ck_assert_str_eq(read.now.url, job.last.url);
	ck_assert_uint_eq(read.retry_after_s, 9);
	ck_assert_str_eq(read.text, "fine");
}
END_TEST

/* Cut anywhere, or with one byte more, it is none. */
START_TEST(nothing_but_a_whole_message_is_taken)
{
	static struct fetch_result read;
	size_t size = fetch_result_encode(&result, bytes);

	for (size_t cut = 0; cut < size; cut++)
		ck_assert_int_eq(fetch_result_decode(bytes, cut, &read, &fault), -1);
	ck_assert_int_eq(fetch_result_decode(bytes, size + 1, &read, &fault), -1);
	size = fetch_job_encode(&job, bytes);
	ck_assert_int_eq(fetch_result_decode(bytes, size, &read, &fault), -1);
}
END_TEST

static const struct {
	const char *name;
	enum fetch_outcome outcome;
	uint32_t retry_after_s;
	const char *text, *why;
} refused[] = {
	{ "../x", FETCH_DONE, 0, "", "not the name of a file" },
	{ "", FETCH_DONE, 0, "", "not the name of a file" },
	{ ".hidden", FETCH_DONE, 0, "", "not the name of a file" },
	{ "x", (enum fetch_outcome)9, 0, "", "no such outcome" },
	{ "x", FETCH_FAILED, FETCH_RETRY_AFTER_MAX_S + 1, "", "longer than a week" },
	{ "x", FETCH_FAILED, 0, "two\nlines", "control characters" },
};

START_TEST(refuses_what_a_hostile_fetcher_says)
{
	static struct fetch_result read;
	size_t size;

	(void)snprintf(result.name, sizeof(result.name), "%s", refused[_i].name);
	(void)snprintf(result.text, sizeof(result.text), "%s", refused[_i].text);
	result.outcome = refused[_i].outcome;
	result.retry_after_s = refused[_i].retry_after_s;
	size = fetch_result_encode(&result, bytes);
	ck_assert_int_eq(fetch_result_decode(bytes, size, &read, &fault), -1);
	ck_assert_ptr_nonnull(strstr(fault.text, refused[_i].why));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fetch_wire");
	TCase *tests = tcase_create("fetch_wire");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, NULL);
	tcase_add_test(tests, a_job_arrives_as_it_was_sent);
	tcase_add_test(tests, a_result_arrives_as_it_was_sent);
	tcase_add_test(tests, nothing_but_a_whole_message_is_taken);
	tcase_add_loop_test(tests, refuses_what_a_hostile_fetcher_says, 0,
			    sizeof(refused) / sizeof(refused[0]));
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
