/* SPDX-License-Identifier: MIT
 *
 * test_worker.c - the worker role: coming up, live plugins, and every way to end.
 */
#include <check.h>
#include <string.h>
#include <unistd.h>

#include "strait/date.h"
#include "worker.h"
#include "worker_driver.h"

/* ── coming up ─────────────────────────────────────────────────────────────────────────────── */

START_TEST(declares_what_its_plugin_declares)
{
	struct declaration declaration;
	struct sandbox_layers sandbox;
	struct frame frame;

	driver_configure("doc_demo", "", NULL, 0, false);
	driver_expect(&frame, MESSAGE_READY);
	ck_assert_int_eq(message_get_ready(&frame, &declaration, &sandbox, NULL), 0);
	ck_assert_str_eq(declaration.plugin, "doc_demo");
	ck_assert_uint_eq(declaration.metric_count, 2);
	ck_assert_str_eq(declaration.figures[0].name, "demo.latest");
	declaration_done(&declaration);
	driver_expect_stopped();
}
END_TEST

START_TEST(answers_a_check_and_leaves)
{
	struct frame frame;

	driver_configure("doc_demo", "", NULL, 0, true);
	driver_expect_ready();
	ck_assert(!driver_next(&frame));
	ck_assert_int_eq(driver_reap(), WORKER_EXIT_STOPPED);
}
END_TEST

static const struct wrong_option {
	struct message_option option;
	const char *why;
} wrong_options[] = {
	{ { "limt", "5" }, "unknown key 'limt'; did you mean 'limit'?" },
	{ { "limit", "5000" }, "not between 1 and 1000" },
	{ { "refuse", "these two do not go together" }, "these two do not go together" },
};

START_TEST(refuses_a_wrong_option)
{
	driver_configure("doc_demo", "", &wrong_options[_i].option, 1, true);
	driver_expect_fault(STRAIT_FAULT_CONFIG, wrong_options[_i].why, WORKER_EXIT_CONFIG);
}
END_TEST

START_TEST(refuses_a_plugin_of_another_abi)
{
	driver_configure("wrong_abi", "", NULL, 0, false);
	driver_expect_fault(STRAIT_FAULT_CONFIG, "ABI", WORKER_EXIT_CONFIG);
}
END_TEST

START_TEST(refuses_a_log_for_a_plugin_without_lines)
{
	driver_configure("doc_demo", driver.log_path, NULL, 0, false);
	driver_expect_fault(STRAIT_FAULT_CONFIG, "cannot follow a log", WORKER_EXIT_CONFIG);
}
END_TEST

START_TEST(refuses_a_cursor_of_another_version)
{
	driver.cursor[0] = 99;
	driver.cursor_size = 10;
	driver_begin("doc_demo", "");
	driver_expect_fault(STRAIT_FAULT_CONFIG, "format 99", WORKER_EXIT_CONFIG);
}
END_TEST

START_TEST(a_frame_out_of_order_ends_it)
{
	driver_send_committed(1);
	ck_assert_int_eq(driver_reap(), WORKER_EXIT_BUG);
}
END_TEST

START_TEST(ends_when_main_is_gone)
{
	driver_begin("doc_demo", "");
	close(driver.fd);
	driver.fd = -1;
	ck_assert_int_eq(driver_reap(), WORKER_EXIT_STOPPED);
}
END_TEST

START_TEST(stops_before_it_was_configured)
{
	driver_expect_stopped();
}
END_TEST

/* ── live plugins ──────────────────────────────────────────────────────────────────────────── */

START_TEST(a_live_plugin_keeps_its_own_cursor)
{
	struct batch batch;

	driver_begin("live_demo", "");
	for (uint64_t i = 1; i <= 2; i++) {
		batch = driver_expect_batch();
		ck_assert_uint_eq(batch.number, i);
		ck_assert_uint_eq(batch.observation_count, 1);
		ck_assert_str_eq(batch.release.name, "demo");
		driver_commit(&batch);
	}
	(void)driver_expect_batch();
	driver_kill();
	driver_begin_again("live_demo", "");
	for (uint64_t i = 3; i <= 5; i++) {
		batch = driver_expect_batch();
		ck_assert_uint_eq(batch.number, i);
		driver_commit(&batch);
	}
	driver_expect_stopped();
}
END_TEST

START_TEST(the_heart_beats_by_itself)
{
	driver_begin("doc_demo", "");
	driver_expect_beat();
	driver_expect_stopped();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("worker");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, driver_set_up, driver_tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, declares_what_its_plugin_declares);
	tcase_add_test(tcase, answers_a_check_and_leaves);
	tcase_add_loop_test(tcase, refuses_a_wrong_option, 0,
			    sizeof(wrong_options) / sizeof(wrong_options[0]));
	tcase_add_test(tcase, refuses_a_plugin_of_another_abi);
	tcase_add_test(tcase, refuses_a_log_for_a_plugin_without_lines);
	tcase_add_test(tcase, refuses_a_cursor_of_another_version);
	tcase_add_test(tcase, a_frame_out_of_order_ends_it);
	tcase_add_test(tcase, ends_when_main_is_gone);
	tcase_add_test(tcase, stops_before_it_was_configured);
	tcase_add_test(tcase, a_live_plugin_keeps_its_own_cursor);
	tcase_add_test(tcase, the_heart_beats_by_itself);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
