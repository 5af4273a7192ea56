/* SPDX-License-Identifier: MIT
 *
 * test_dropin.c - what an admin drops in: a plugin and its section while the daemon runs, files
 * into incoming/, broken ones too. Test program.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <check.h>

#include "harness.h"
#include "inputs.h"

static struct harness h;

static void set_up(void)
{
	harness_start(&h);
	harness_plugin(&h, "platform_response");
	harness_config(&h, "nca.conf", "[source nca]\nplugin = platform_response\n");
	harness_daemon(&h);
	harness_wait_source(&h, "nca", "idle");
}

static void tear_down(void)
{
	harness_stop(&h);
}

static void reload(void)
{
	struct output output;

	CTL(&h, &output, "reload");
	harness_assert(&h, output.code == 0, "%s", output.err);
	output_done(&output);
}

static bool has_pid(const pid_t *pids, size_t count, pid_t pid)
{
	for (size_t i = 0; i < count; i++) {
		if (pids[i] == pid)
			return true;
	}
	return false;
}

START_TEST(a_plugin_and_a_section_are_taken_on_reload_and_others_run_on)
{
	pid_t before[4], after[8];
	size_t count;

	ck_assert_uint_eq(harness_workers(&h, before, 4), 1);
	harness_plugin(&h, "boat_sightings");
	harness_config(&h, "sea.conf", "[source sea]\nplugin = boat_sightings\n");
	reload();
	harness_wait_source(&h, "sea", "idle");
	count = harness_workers(&h, after, 8);
	ck_assert_uint_eq(count, 2);
	ck_assert_msg(has_pid(after, count, before[0]),
		      "the worker of the untouched source was restarted");
	harness_drop(&h, "sea", SIGHTINGS_ONE_NAME, SIGHTINGS_ONE);
	harness_wait_figure(&h, "sightings.boats.latest", 3);
	ck_assert_double_eq(harness_source_number(&h, "nca", "Restarts"), 0);
}
END_TEST

START_TEST(a_section_that_is_removed_takes_its_source_away_and_leaves_the_others)
{
	pid_t pids[8];

	harness_plugin(&h, "boat_sightings");
	harness_config(&h, "sea.conf", "[source sea]\nplugin = boat_sightings\n");
	reload();
	harness_wait_source(&h, "sea", "idle");
	harness_config_remove(&h, "sea.conf");
	reload();
	harness_wait_source(&h, "sea", ""); /* its object is gone */
	harness_drop(&h, "nca", REFERRALS_MARCH_NAME, REFERRALS_MARCH);
	harness_wait_figure(&h, "referrals.requested", 4);
	ck_assert_uint_ge(harness_workers(&h, pids, 8), 1);
}
END_TEST

START_TEST(a_section_whose_plugin_is_not_there_is_misconfigured_until_it_comes)
{
	struct output output;
	char reason[512];

	harness_config(&h, "sea.conf", "[source sea]\nplugin = boat_sightings\n");
	CTL(&h, &output, "reload");
	harness_assert(&h, output.code == 1 && strstr(output.err, "source 'sea' is misconfigured"),
		       "%d %s", output.code, output.err);
	output_done(&output);
	harness_wait_source(&h, "sea", "misconfigured");
	harness_source_text(&h, "sea", "Reason", reason, sizeof(reason));
	ck_assert_msg(strstr(reason, "boat_sightings") != NULL, "'%s' does not name the plugin",
		      reason);
	harness_plugin(&h, "boat_sightings");
	reload();
	harness_wait_source(&h, "sea", "idle");
}
END_TEST

START_TEST(a_file_moved_in_is_counted_and_goes_to_done)
{
	char path[HARNESS_PATH_MAX];

	harness_drop(&h, "nca", REFERRALS_MARCH_NAME, REFERRALS_MARCH);
	harness_wait_path(&h, harness_spool_path(&h, "nca", "done", REFERRALS_MARCH_NAME, path),
			  true);
	ck_assert_double_eq(harness_figure(&h, "referrals.requested"), 4);
	harness_wait_path(&h, harness_spool_path(&h, "nca", "incoming", REFERRALS_MARCH_NAME, path),
			  false);
}
END_TEST

/* Until somebody opens a file of that name in the watched directory. */
static void wait_until_opened(int watch, const char *name)
{
	_Alignas(struct inotify_event) char events[4096];
	struct pollfd fd = { .fd = watch, .events = POLLIN };

	for (;;) {
		ssize_t size;

		harness_assert(&h, poll(&fd, 1, HARNESS_DEADLINE_MS) == 1, "nobody opened %s",
			       name);
		size = read(watch, events, sizeof(events));
		for (ssize_t at = 0; at < size;) {
			const struct inotify_event *event = (const void *)(events + at);

			if (event->len && strcmp(event->name, name) == 0)
				return;
			at += (ssize_t)sizeof(*event) + (ssize_t)event->len;
		}
	}
}

START_TEST(a_file_that_takes_the_name_of_one_being_read_is_read_too)
{
	int watch = inotify_init1(IN_CLOEXEC);
	char path[HARNESS_PATH_MAX];

	(void)harness_spool_path(&h, "nca", "incoming", "", path);
	ck_assert_int_ge(inotify_add_watch(watch, path, IN_OPEN | IN_ONLYDIR), 0);
	/* The worker has read the first one's name and waits for an answer when it is replaced. */
	ck_assert_int_eq(kill(h.daemon.pid, SIGSTOP), 0);
	harness_drop(&h, "nca", "daily.csv", REFERRALS_MARCH);
	wait_until_opened(watch, "daily.csv");
	harness_drop(&h, "nca", "daily.csv", REFERRALS_SEPTEMBER);
	ck_assert_int_eq(kill(h.daemon.pid, SIGCONT), 0);
	(void)close(watch);
	harness_wait_log(&h, "replaced meanwhile; the new file, incoming/daily.csv, is read next");
	harness_wait_figure(&h, "referrals.requested", 5);
	harness_wait_path(&h, harness_spool_path(&h, "nca", "done", "daily.csv", path), true);
	harness_wait_path(&h, harness_spool_path(&h, "nca", "incoming", "daily.csv", path), false);
}
END_TEST

START_TEST(files_that_wait_at_the_start_are_read)
{
	char path[HARNESS_PATH_MAX];

	ck_assert_int_eq(harness_daemon_end(&h, 15), 0);
	harness_drop(&h, "nca", REFERRALS_MARCH_NAME, REFERRALS_MARCH);
	harness_drop(&h, "nca", REFERRALS_SEPTEMBER_NAME, REFERRALS_SEPTEMBER);
	harness_daemon(&h);
	harness_wait_figure(&h, "referrals.requested", 5);
	harness_wait_path(&h, harness_spool_path(&h, "nca", "done", REFERRALS_SEPTEMBER_NAME, path),
			  true);
}
END_TEST

START_TEST(a_broken_file_goes_to_failed_with_a_reason_and_changes_nothing)
{
	char path[HARNESS_PATH_MAX], *reason;

	harness_drop(&h, "nca", "letter.csv", "Dear all,\nplease find enclosed\n");
	harness_wait_path(&h, harness_spool_path(&h, "nca", "failed", "letter.csv.reason", path),
			  true);
	reason = harness_read(&h, path);
	ck_assert_msg(strlen(reason) > 20, "'%s' is no reason", reason);
	/* the trouble: a column that is missing */
	ck_assert_msg(strstr(reason, "id") != NULL || strstr(reason, "column") != NULL,
		      "'%s' names no trouble", reason);
	free(reason);
	harness_wait_path(&h, harness_spool_path(&h, "nca", "failed", "letter.csv", path), true);
	harness_wait_source(&h, "nca", "idle");
	harness_drop(&h, "nca", REFERRALS_MARCH_NAME, REFERRALS_MARCH);
	harness_wait_figure(&h, "referrals.requested", 4);
}
END_TEST

START_TEST(hidden_names_are_passed_over)
{
	char path[HARNESS_PATH_MAX];

	harness_drop(&h, "nca", ".half-written.csv", REFERRALS_MARCH);
	harness_drop(&h, "nca", REFERRALS_SEPTEMBER_NAME, REFERRALS_SEPTEMBER);
	harness_wait_figure(&h, "referrals.requested", 2);
	harness_wait_path(&h, harness_spool_path(&h, "nca", "incoming", ".half-written.csv", path),
			  true);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("drop-in");
	TCase *tests = tcase_create("drop-in");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_plugin_and_a_section_are_taken_on_reload_and_others_run_on);
	tcase_add_test(tests,
		       a_section_that_is_removed_takes_its_source_away_and_leaves_the_others);
	tcase_add_test(tests, a_section_whose_plugin_is_not_there_is_misconfigured_until_it_comes);
	tcase_add_test(tests, a_file_moved_in_is_counted_and_goes_to_done);
	tcase_add_test(tests, a_file_that_takes_the_name_of_one_being_read_is_read_too);
	tcase_add_test(tests, files_that_wait_at_the_start_are_read);
	tcase_add_test(tests, a_broken_file_goes_to_failed_with_a_reason_and_changes_nothing);
	tcase_add_test(tests, hidden_names_are_passed_over);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
