/* SPDX-License-Identifier: MIT
 *
 * test_supervisor.c - the state table of a worker, with made-up times and no process.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor.h"
#include "worker.h"

#define EXITED(code)   ((code) << 8)
#define KILLED(number) (number)

static struct supervisor supervisor;
static int64_t now;

static void set_up(void)
{
	supervisor_init(&supervisor, &supervisor_deadlines, 42);
	now = 1000000;
}

/* What the owner does when it is told to spawn. */
static void spawn(enum supervisor_action action)
{
	ck_assert_int_eq(action, SUPERVISOR_DO_SPAWN);
	ck_assert_int_eq(supervisor.state, SUPERVISOR_STARTING);
	supervisor_begin(&supervisor);
}

static void run_at(uint64_t batch)
{
	spawn(supervisor_start(&supervisor, now));
	(void)supervisor_ready(&supervisor, batch, now);
	ck_assert_int_eq(supervisor.state, SUPERVISOR_RUNNING);
}

static enum supervisor_action pass_deadline(void)
{
	ck_assert_int_gt(supervisor.due_ms, now);
	now = supervisor.due_ms;
	return supervisor_deadline(&supervisor, now);
}

static void die_and_come_back(void)
{
	(void)supervisor_gone(&supervisor, KILLED(SIGSEGV), now);
	ck_assert_int_eq(supervisor.state, SUPERVISOR_BACKOFF);
	spawn(pass_deadline());
	(void)supervisor_ready(&supervisor, supervisor.batch, now);
}

static const struct row {
	enum supervisor_state state;
	enum supervisor_event event;
	enum supervisor_state next;
	enum supervisor_action action;
} rows[] = {
	{ SUPERVISOR_STOPPED, SUPERVISOR_ON_START, SUPERVISOR_STARTING, SUPERVISOR_DO_SPAWN },
	{ SUPERVISOR_BACKOFF, SUPERVISOR_ON_START, SUPERVISOR_STARTING, SUPERVISOR_DO_SPAWN },
	{ SUPERVISOR_QUARANTINED, SUPERVISOR_ON_START, SUPERVISOR_STARTING, SUPERVISOR_DO_SPAWN },
	{ SUPERVISOR_MISCONFIGURED, SUPERVISOR_ON_START, SUPERVISOR_STARTING, SUPERVISOR_DO_SPAWN },
	{ SUPERVISOR_STARTING, SUPERVISOR_ON_READY, SUPERVISOR_RUNNING, SUPERVISOR_DO_NOTHING },
	{ SUPERVISOR_UNRESPONSIVE, SUPERVISOR_ON_HEARTBEAT, SUPERVISOR_RUNNING,
	  SUPERVISOR_DO_NOTHING },
	{ SUPERVISOR_STARTING, SUPERVISOR_ON_DEADLINE, SUPERVISOR_STOPPING, SUPERVISOR_DO_ASK },
	{ SUPERVISOR_RUNNING, SUPERVISOR_ON_DEADLINE, SUPERVISOR_UNRESPONSIVE,
	  SUPERVISOR_DO_NOTHING },
	{ SUPERVISOR_UNRESPONSIVE, SUPERVISOR_ON_DEADLINE, SUPERVISOR_STOPPING, SUPERVISOR_DO_ASK },
	{ SUPERVISOR_STOPPING, SUPERVISOR_ON_DEADLINE, SUPERVISOR_TERMINATING, SUPERVISOR_DO_TERM },
	{ SUPERVISOR_TERMINATING, SUPERVISOR_ON_DEADLINE, SUPERVISOR_KILLING, SUPERVISOR_DO_KILL },
	{ SUPERVISOR_KILLING, SUPERVISOR_ON_DEADLINE, SUPERVISOR_KILLING, SUPERVISOR_DO_KILL },
	{ SUPERVISOR_BACKOFF, SUPERVISOR_ON_DEADLINE, SUPERVISOR_STARTING, SUPERVISOR_DO_SPAWN },
	{ SUPERVISOR_RUNNING, SUPERVISOR_ON_HOSTILE, SUPERVISOR_KILLING, SUPERVISOR_DO_KILL },
	{ SUPERVISOR_STOPPING, SUPERVISOR_ON_HOSTILE, SUPERVISOR_KILLING, SUPERVISOR_DO_KILL },
	{ SUPERVISOR_RUNNING, SUPERVISOR_ON_STOP, SUPERVISOR_STOPPING, SUPERVISOR_DO_ASK },
	{ SUPERVISOR_BACKOFF, SUPERVISOR_ON_STOP, SUPERVISOR_STOPPED, SUPERVISOR_DO_NOTHING },
	{ SUPERVISOR_KILLING, SUPERVISOR_ON_GONE_QUARANTINE, SUPERVISOR_QUARANTINED,
	  SUPERVISOR_DO_NOTHING },
};

START_TEST(goes_where_the_table_says)
{
	enum supervisor_state next;
	enum supervisor_action action;

	ck_assert(supervisor_rule(rows[_i].state, rows[_i].event, &next, &action));
	ck_assert_int_eq(next, rows[_i].next);
	ck_assert_int_eq(action, rows[_i].action);
}
END_TEST

START_TEST(ignores_what_means_nothing_in_a_state)
{
	enum supervisor_state next;
	enum supervisor_action action;

	ck_assert(!supervisor_rule(SUPERVISOR_RUNNING, SUPERVISOR_ON_START, &next, &action));
	ck_assert(!supervisor_rule(SUPERVISOR_STOPPING, SUPERVISOR_ON_READY, &next, &action));
	ck_assert(!supervisor_rule(SUPERVISOR_STOPPING, SUPERVISOR_ON_HEARTBEAT, &next, &action));
	ck_assert(!supervisor_rule(SUPERVISOR_QUARANTINED, SUPERVISOR_ON_DEADLINE, &next, &action));
}
END_TEST

START_TEST(shows_a_hanging_worker_before_it_is_killed)
{
	run_at(0);
	now += 29999;
	ck_assert_int_eq(supervisor_deadline(&supervisor, now), SUPERVISOR_DO_NOTHING);
	ck_assert_int_eq(supervisor.state, SUPERVISOR_RUNNING);
	ck_assert_int_eq(pass_deadline(), SUPERVISOR_DO_NOTHING);
	ck_assert_int_eq(supervisor.state, SUPERVISOR_UNRESPONSIVE);
	ck_assert_int_eq(pass_deadline(), SUPERVISOR_DO_ASK);
	ck_assert_int_eq(pass_deadline(), SUPERVISOR_DO_TERM);
	ck_assert_int_eq(pass_deadline(), SUPERVISOR_DO_KILL);
	ck_assert_int_eq(now - 1000000, 30000 + 5000 + 5000 + 3000);
	(void)supervisor_gone(&supervisor, KILLED(SIGKILL), now);
	ck_assert_int_eq(supervisor.state, SUPERVISOR_BACKOFF);
}
END_TEST

START_TEST(takes_back_a_worker_whose_heartbeat_is_only_late)
{
	run_at(0);
	(void)pass_deadline();
	(void)supervisor_heartbeat(&supervisor, 0, now + 1);
	ck_assert_int_eq(supervisor.state, SUPERVISOR_RUNNING);
	ck_assert_int_eq(supervisor.due_ms, now + 1 + SUPERVISOR_HEARTBEAT_MS);
}
END_TEST

START_TEST(waits_for_an_announced_block_but_not_for_ever)
{
	run_at(0);
	(void)supervisor_heartbeat(&supervisor, 120, now);
	ck_assert_int_eq(supervisor.due_ms, now + 120000);
	(void)supervisor_committed(&supervisor, 1, now + 5);
	ck_assert_int_eq(supervisor.due_ms, now + 120000);
	(void)supervisor_heartbeat(&supervisor, UINT32_MAX, now);
	ck_assert_int_eq(supervisor.due_ms, now + (int64_t)SUPERVISOR_BLOCK_MAX_S * 1000);
	(void)supervisor_heartbeat(&supervisor, 0, now);
	ck_assert_int_eq(supervisor.due_ms, now + SUPERVISOR_HEARTBEAT_MS);
}
END_TEST

START_TEST(gives_a_start_ten_seconds)
{
	spawn(supervisor_start(&supervisor, now));
	ck_assert_int_eq(supervisor.due_ms, now + 10000);
	ck_assert_int_eq(pass_deadline(), SUPERVISOR_DO_ASK);
	(void)supervisor_gone(&supervisor, EXITED(WORKER_EXIT_STOPPED), now);
	ck_assert_int_eq(supervisor.state, SUPERVISOR_BACKOFF);
	ck_assert_uint_eq(supervisor.deaths, 1);
}
END_TEST

START_TEST(doubles_the_backoff_to_five_minutes)
{
	int64_t expected = 1000;
	uint64_t batch;
	int i;

	run_at(0);
	for (i = 0; i < 12; i++) {
		/* another place each time, but nothing committed by this worker: no quarantine */
		batch = (uint64_t)i;
		supervisor.batch = batch;
		(void)supervisor_gone(&supervisor, KILLED(SIGSEGV), now);
		ck_assert_int_eq(supervisor.state, SUPERVISOR_BACKOFF);
		ck_assert_int_ge(supervisor.delay_ms, expected - expected / 10);
		ck_assert_int_le(supervisor.delay_ms, expected + expected / 10);
		expected = expected * 2 > 300000 ? 300000 : expected * 2;
		spawn(pass_deadline());
		(void)supervisor_ready(&supervisor, batch, now);
	}
}
END_TEST

START_TEST(starts_the_backoff_anew_after_a_commit)
{
	run_at(7);
	die_and_come_back();
	(void)supervisor_committed(&supervisor, 8, now);
	die_and_come_back();
	ck_assert_int_le(supervisor.delay_ms, 1100);
	ck_assert_uint_eq(supervisor.restarts, 2);
}
END_TEST

START_TEST(quarantines_after_three_deaths_at_one_place)
{
	run_at(7);
	die_and_come_back();
	die_and_come_back();
	(void)supervisor_gone(&supervisor, KILLED(SIGSEGV), now);
	ck_assert_int_eq(supervisor.state, SUPERVISOR_QUARANTINED);
	ck_assert_int_eq(supervisor.due_ms, 0);
	run_at(7); /* retry */
	die_and_come_back();
}
END_TEST

START_TEST(does_not_quarantine_one_that_gets_on)
{
	int i;

	run_at(0);
	for (i = 1; i < 20; i++) {
		(void)supervisor_committed(&supervisor, (uint64_t)i, now);
		die_and_come_back();
	}
}
END_TEST

START_TEST(does_not_count_what_may_pass_as_a_death)
{
	int i;

	run_at(0);
	for (i = 0; i < 10; i++) {
		(void)supervisor_gone(&supervisor, EXITED(WORKER_EXIT_TRANSIENT), now);
		ck_assert_int_eq(supervisor.state, SUPERVISOR_BACKOFF);
		spawn(pass_deadline());
		(void)supervisor_ready(&supervisor, 0, now);
	}
}
END_TEST

START_TEST(leaves_a_configuration_fault_alone)
{
	run_at(0);
	(void)supervisor_leaving(&supervisor, SUPERVISOR_ENDS_BY_CONFIG, now);
	ck_assert_int_eq(supervisor.state, SUPERVISOR_STOPPING);
	(void)supervisor_gone(&supervisor, EXITED(WORKER_EXIT_CONFIG), now);
	ck_assert_int_eq(supervisor.state, SUPERVISOR_MISCONFIGURED);
	ck_assert_int_eq(supervisor.due_ms, 0);
}
END_TEST

START_TEST(holds_without_blaming_the_worker)
{
	int i;

	run_at(3);
	for (i = 0; i < 5; i++) {
		ck_assert_int_eq(supervisor_hold(&supervisor, now), SUPERVISOR_DO_ASK);
		(void)supervisor_gone(&supervisor, EXITED(0), now);
		ck_assert_int_eq(supervisor.state, SUPERVISOR_BACKOFF);
		spawn(pass_deadline());
		(void)supervisor_ready(&supervisor, 3, now);
	}
	ck_assert_uint_eq(supervisor.deaths, 0);
}
END_TEST

START_TEST(restarts_at_once_when_the_set_up_changed)
{
	run_at(0);
	ck_assert_int_eq(supervisor_restart(&supervisor, now), SUPERVISOR_DO_ASK);
	ck_assert_int_eq(supervisor_gone(&supervisor, EXITED(0), now), SUPERVISOR_DO_SPAWN);
	ck_assert_int_eq(supervisor.state, SUPERVISOR_STARTING);
}
END_TEST

START_TEST(stops_for_good_even_a_crashing_worker)
{
	run_at(0);
	ck_assert_int_eq(supervisor_stop(&supervisor, now), SUPERVISOR_DO_ASK);
	(void)supervisor_gone(&supervisor, KILLED(SIGABRT), now);
	ck_assert_int_eq(supervisor.state, SUPERVISOR_STOPPED);
}
END_TEST

static void write_obituary(int status, const char *cause, const char *words, char text[512])
{
	struct supervisor_obituary obituary = {
		.pid = 4123, .status = status, .cause = cause, .last_words = words, .document = ""
	};

	(void)supervisor_gone(&supervisor, status, now);
	supervisor_write_obituary(&supervisor, &obituary, text, 512);
}

START_TEST(spares_a_worker_whose_poison_was_taken_away)
{
	int i;

	for (i = 0; i < (int)SUPERVISOR_DEATHS_MAX; i++) {
		spawn(supervisor_start(&supervisor, now));
		supervisor.deaths = (uint32_t)i; /* a start forgets them */
		(void)supervisor_gone(&supervisor, KILLED(SIGSEGV), now);
	}
	ck_assert_int_eq(supervisor.state, SUPERVISOR_QUARANTINED);
	supervisor_spare(&supervisor, now);
	ck_assert_int_eq(supervisor.state, SUPERVISOR_BACKOFF);
	ck_assert_uint_eq(supervisor.deaths, 0);
	ck_assert_int_le(supervisor.due_ms, now + SUPERVISOR_BACKOFF_MIN_MS * 11 / 10);
	ck_assert_int_eq(supervisor_deadline(&supervisor, supervisor.due_ms), SUPERVISOR_DO_SPAWN);
}
END_TEST

START_TEST(does_not_spare_one_that_is_not_quarantined)
{
	run_at(0);
	supervisor_spare(&supervisor, now);
	ck_assert_int_eq(supervisor.state, SUPERVISOR_RUNNING);
}
END_TEST

START_TEST(writes_one_line_about_a_death)
{
	char text[512];
	uint64_t i;

	run_at(0);
	for (i = 1; i <= 14; i++)
		(void)supervisor_committed(&supervisor, i, now);
	write_obituary(KILLED(SIGSEGV), "", "'oops'", text);
	ck_assert_ptr_nonnull(
		strstr(text, "worker 4123 died by signal 11 (Segmentation fault) after 14 batches; "
			     "last words: 'oops'; restarting in "));
	ck_assert_ptr_null(strchr(text, '\n'));
}
END_TEST

START_TEST(says_in_the_obituary_what_to_do_about_a_bad_configuration)
{
	char text[512];

	spawn(supervisor_start(&supervisor, now));
	write_obituary(EXITED(WORKER_EXIT_CONFIG), "option 'x' is missing", "", text);
	ck_assert_str_eq(
		text,
		"worker 4123 exited with code 78 before it was ready; option 'x' is missing; not started "
		"again until 'straitctl reload' or 'straitctl retry'");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("supervisor");
	TCase *tcase = tcase_create("supervisor");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_loop_test(tcase, goes_where_the_table_says, 0,
			    (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(tcase, ignores_what_means_nothing_in_a_state);
	tcase_add_test(tcase, shows_a_hanging_worker_before_it_is_killed);
	tcase_add_test(tcase, takes_back_a_worker_whose_heartbeat_is_only_late);
	tcase_add_test(tcase, waits_for_an_announced_block_but_not_for_ever);
	tcase_add_test(tcase, gives_a_start_ten_seconds);
	tcase_add_test(tcase, doubles_the_backoff_to_five_minutes);
	tcase_add_test(tcase, starts_the_backoff_anew_after_a_commit);
	tcase_add_test(tcase, quarantines_after_three_deaths_at_one_place);
	tcase_add_test(tcase, does_not_quarantine_one_that_gets_on);
	tcase_add_test(tcase, does_not_count_what_may_pass_as_a_death);
	tcase_add_test(tcase, leaves_a_configuration_fault_alone);
	tcase_add_test(tcase, holds_without_blaming_the_worker);
	tcase_add_test(tcase, restarts_at_once_when_the_set_up_changed);
	tcase_add_test(tcase, stops_for_good_even_a_crashing_worker);
	tcase_add_test(tcase, spares_a_worker_whose_poison_was_taken_away);
	tcase_add_test(tcase, does_not_spare_one_that_is_not_quarantined);
	tcase_add_test(tcase, writes_one_line_about_a_death);
	tcase_add_test(tcase, says_in_the_obituary_what_to_do_about_a_bad_configuration);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
