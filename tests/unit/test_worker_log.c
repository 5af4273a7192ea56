/* SPDX-License-Identifier: MIT
 *
 * test_worker_log.c - a worker follows a log: pieces, cursors, going on after every kind of end.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strait/date.h"
#include "worker.h"
#include "worker_driver.h"

START_TEST(follows_a_log)
{
	struct batch batch;

	driver_append("red 18500\nblue 18501\nred 18");
	driver_begin("lines_demo", driver.log_path);
	batch = driver_expect_batch();
	ck_assert(batch.final);
	ck_assert_str_eq(batch.release.name, "some.log");
	ck_assert_uint_eq(batch.release.offset, 0);
	ck_assert_uint_eq(batch.release.size, 21);
	ck_assert(batch.release.published_at_ms == 18501 * STRAIT_DAY_MS);
	ck_assert_uint_eq(batch.observation_count, 2);
	driver_commit(&batch);
	driver_append("500\n");
	batch = driver_expect_batch();
	ck_assert_uint_eq(batch.number, 2);
	ck_assert_uint_eq(batch.release.offset, 21);
	ck_assert_uint_eq(batch.observation_count, 1);
	driver_commit(&batch);
	driver_expect_stopped();
}
END_TEST

START_TEST(reads_again_what_was_not_committed)
{
	struct batch batch;

	driver_append("red 18500\n");
	driver_begin("lines_demo", driver.log_path);
	batch = driver_expect_batch();
	driver_commit(&batch);
	driver_append("blue 18500\n");
	(void)driver_expect_batch();
	driver_kill();
	driver_append("green 18500\n");
	driver_begin_again("lines_demo", driver.log_path);
	batch = driver_expect_batch();
	ck_assert_uint_eq(batch.number, 2);
	ck_assert_uint_eq(batch.release.offset, 10);
	ck_assert_uint_eq(batch.observation_count, 2);
	ck_assert_str_eq(batch.series[0].labels[0], "blue");
	driver_commit(&batch);
	driver_kill();
	driver_append("white 18500\n");
	driver_begin_again("lines_demo", driver.log_path);
	batch = driver_expect_batch();
	ck_assert_uint_eq(batch.observation_count, 1);
	ck_assert_str_eq(batch.series[0].labels[0], "white");
	driver_commit(&batch);
	driver_expect_stopped();
}
END_TEST

/* Writes count lines "wordNNNNN 18500"; 16 bytes each. */
static void append_words(int count)
{
	char *text = malloc((size_t)count * 16 + 1);

	for (int i = 0; i < count; i++)
		(void)snprintf(text + i * 16, 17, "word%05d 18500\n", i % 100);
	driver_append(text);
	free(text);
}

START_TEST(goes_on_in_the_middle_of_a_stretch)
{
	uint64_t lines = 0, offset = 0;
	struct batch batch;

	append_words(12000); /* 180,000 bytes: one stretch, three pieces */
	driver_begin("lines_demo", driver.log_path);
	batch = driver_expect_batch();
	ck_assert_uint_lt(batch.release.size, 66000);
	lines += batch.accepted;
	offset += batch.release.size;
	driver_commit(&batch);
	driver_kill();
	append_words(500);
	driver_begin_again("lines_demo", driver.log_path);
	while (lines < 12500) {
		batch = driver_expect_batch();
		ck_assert_uint_eq(batch.release.offset, offset);
		offset += batch.release.size;
		lines += batch.accepted;
		driver_commit(&batch);
		driver_kill(); /* after every one */
		driver_begin_again("lines_demo", driver.log_path);
	}
	ck_assert_uint_eq(lines, 12500);
	driver_append("last 18500\n");
	batch = driver_expect_batch();
	ck_assert_uint_eq(batch.accepted, 1);
	driver_commit(&batch);
	driver_expect_stopped();
}
END_TEST

START_TEST(says_before_the_first_of_several_batches_that_it_catches_up_and_at_the_end_that_it_has)
{
	struct batch batch;

	append_words(12000);
	driver_begin("lines_demo", driver.log_path);
	batch = driver_expect_batch();
	ck_assert(driver.catches_up);
	ck_assert_double_gt(driver.progress, 0.2);
	ck_assert_double_lt(driver.progress, 0.5);
	for (int i = 0; i < 2; i++) {
		driver_commit(&batch);
		batch = driver_expect_batch();
		ck_assert(driver.catches_up);
	}
	driver_commit(&batch);
	while (driver.catches_up)
		driver_expect_beat();
	driver_append("single 18500\nhalf");
	batch = driver_expect_batch();
	driver_commit(&batch);
	driver_expect_stopped();
	ck_assert_uint_eq(driver.catch_ups, 1);
}
END_TEST

START_TEST(a_piece_that_gives_too_much_is_halved)
{
	struct batch batch;
	uint64_t observations = 0, offset = 0;

	driver_append("many 9000\nmany 9000\nmany 9000\nmany 9000\n");
	driver_begin("lines_demo", driver.log_path);
	while (offset < 40) {
		batch = driver_expect_batch();
		ck_assert(batch.final);
		ck_assert_uint_eq(batch.first, 0);
		ck_assert_uint_eq(batch.release.offset, offset);
		offset += batch.release.size;
		observations += batch.observation_count;
		driver_commit(&batch);
	}
	ck_assert_uint_eq(observations, 36000);
	driver_expect_stopped();
}
END_TEST

START_TEST(a_line_that_gives_too_much_is_rejected)
{
	struct batch batch;

	driver_append("many 30000\nred 18500\n");
	driver_begin("lines_demo", driver.log_path);
	batch = driver_expect_batch();
	ck_assert_uint_eq(batch.observation_count, 0);
	ck_assert_uint_eq(batch.rejected, 1);
	ck_assert_str_eq(batch.rejects[0].reason,
			 "the line gives more observations than a batch holds");
	driver_commit(&batch);
	batch = driver_expect_batch();
	ck_assert_uint_eq(batch.observation_count, 1);
	driver_commit(&batch);
	driver_expect_stopped();
}
END_TEST

START_TEST(a_log_line_too_long_is_a_reject_even_if_it_is_the_last)
{
	char *text = malloc((2u << 20) + 2);
	struct batch batch;

	memset(text, 'x', 2u << 20);
	text[2u << 20] = '\n';
	text[(2u << 20) + 1] = '\0';
	driver_append(text);
	free(text);
	driver_begin("lines_demo", driver.log_path);
	batch = driver_expect_batch();
	ck_assert_uint_eq(batch.rejected, 1);
	ck_assert_uint_eq(batch.observation_count, 0);
	driver_commit(&batch);
	driver_kill();
	driver_append("red 18500\n");
	driver_begin_again("lines_demo", driver.log_path);
	batch = driver_expect_batch();
	ck_assert_uint_eq(batch.rejected, 0);
	ck_assert_uint_eq(batch.observation_count, 1);
	driver_commit(&batch);
	driver_expect_stopped();
}
END_TEST

START_TEST(a_failing_log_plugin_ends_the_worker)
{
	driver_append("fail 3\n");
	driver_begin("lines_demo", driver.log_path);
	driver_expect_fault(STRAIT_FAULT_INPUT, "told to fail", WORKER_EXIT_INPUT);
}
END_TEST

START_TEST(a_log_and_the_spool_share_one_worker)
{
	struct batch batch;

	driver_append("red 18500\n");
	driver_begin("lines_demo", driver.log_path);
	batch = driver_expect_batch();
	driver_commit(&batch);
	driver_drop("old.log", "blue 18500\n");
	driver_expect_document("old.log");
	driver_proceed(false, 0);
	batch = driver_expect_batch();
	ck_assert_str_eq(batch.release.name, "old.log");
	driver_commit(&batch);
	driver_kill(); /* the document's batch carried the log's position */
	driver_append("green 18500\n");
	driver_begin_again("lines_demo", driver.log_path);
	for (int i = 0; i < 2; i++) {
		struct frame frame;

		ck_assert(driver_next(&frame));
		if (frame.type == MESSAGE_DOCUMENT) {
			driver_proceed(true, 0);
			continue;
		}
		ck_assert_int_eq(message_get_batch(&frame, driver.scratch, &batch, NULL), 0);
		ck_assert_str_eq(batch.series[0].labels[0], "green");
		ck_assert_uint_eq(batch.observation_count, 1);
		driver_commit(&batch);
	}
	driver_expect_stopped();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("worker_log");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, driver_set_up, driver_tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, follows_a_log);
	tcase_add_test(tcase, reads_again_what_was_not_committed);
	tcase_add_test(tcase, goes_on_in_the_middle_of_a_stretch);
	tcase_add_test(
		tcase,
		says_before_the_first_of_several_batches_that_it_catches_up_and_at_the_end_that_it_has);
	tcase_add_test(tcase, a_piece_that_gives_too_much_is_halved);
	tcase_add_test(tcase, a_line_that_gives_too_much_is_rejected);
	tcase_add_test(tcase, a_log_line_too_long_is_a_reject_even_if_it_is_the_last);
	tcase_add_test(tcase, a_failing_log_plugin_ends_the_worker);
	tcase_add_test(tcase, a_log_and_the_spool_share_one_worker);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
