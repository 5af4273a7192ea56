/* SPDX-License-Identifier: MIT
 *
 * test_follow.c - a log that is appended to while the daemon runs: each line counts once, at once,
 * through partial lines, rotation and restarts. Test program. Accepted counts lines and would show
 * a doubled one; the figures alone would not.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "harness.h"
#include "inputs.h"

static struct harness h;
static char log_path[HARNESS_PATH_MAX];
static int next_id; /* of the line that append_lines writes */

/* Each line is one boat with ten people on the same day. */
static void append_lines(const char *path, int count)
{
	for (int i = 0; i < count; i++, next_id++) {
		char line[256];

		(void)snprintf(line, sizeof(line),
			       "b%05d,2026-07-07T%02d:%02d:%02dZ,51.02 N 1.50 E,1,10,cutter,,\n",
			       next_id, next_id / 3600 % 24, next_id / 60 % 60, next_id % 60);
		harness_append(path, line);
	}
}

/* A new log in the place of the old one, which keeps another name, as logrotate does. */
static void rotate(int generation)
{
	char old[HARNESS_PATH_MAX + 16], fresh[HARNESS_PATH_MAX];

	(void)snprintf(old, sizeof(old), "%s.%d", log_path, generation);
	ck_assert_int_eq(rename(log_path, old), 0);
	harness_file(&h, "fresh.csv", SIGHTINGS_HEADER, fresh);
	ck_assert_int_eq(rename(fresh, log_path), 0);
}

static void expect_boats(int count)
{
	harness_wait_figure(&h, "sightings.boats.latest", count);
	ck_assert_double_eq(harness_source_number(&h, "sea", "Accepted"), count);
}

static void set_up(void)
{
	next_id = 0;
	harness_start(&h);
	harness_plugin(&h, "boat_sightings");
	harness_file(&h, "sightings.csv", SIGHTINGS_HEADER, log_path);
	harness_config(&h, "sea.conf", "[source sea]\nplugin = boat_sightings\nlog = %s\n",
		       log_path);
	harness_daemon(&h);
	harness_wait_source(&h, "sea", "idle");
	append_lines(log_path, 1); /* from here on the file is known by identity */
	expect_boats(1);
}

static void tear_down(void)
{
	harness_stop(&h);
}

START_TEST(an_appended_line_is_a_signal_within_a_second)
{
	struct figures_signal signal;

	append_lines(log_path, 1);
	expect_boats(2);
	while (harness_next_signal(&h, &signal, 0))
		; /* what came of the first line */
	append_lines(log_path, 1);
	ck_assert_msg(harness_next_signal(&h, &signal, 1000), "no FiguresChanged within a second");
	ck_assert_str_eq(signal.source, "sea");
	ck_assert_uint_ge(signal.rows, 1);
	expect_boats(3);
}
END_TEST

START_TEST(half_a_line_waits_for_its_other_half)
{
	append_lines(log_path, 1);
	harness_append(log_path, "b9,2026-07-07T10:00:00Z,51.02 N 1.50");
	expect_boats(2);
	harness_append(log_path, " E,1,10,cutter,,\n");
	expect_boats(3);
	ck_assert_double_eq(harness_source_number(&h, "sea", "Rejected"), 0);
}
END_TEST

START_TEST(lines_written_after_the_rename_are_read_before_the_new_file)
{
	char old[HARNESS_PATH_MAX + 16], fresh[HARNESS_PATH_MAX];

	append_lines(log_path, 3);
	expect_boats(4);
	(void)snprintf(old, sizeof(old), "%s.1", log_path);
	ck_assert_int_eq(rename(log_path, old), 0);
	append_lines(old, 2); /* the writer still has it open */
	harness_file(&h, "fresh.csv", SIGHTINGS_HEADER, fresh);
	append_lines(fresh, 1);
	ck_assert_int_eq(rename(fresh, log_path), 0);
	append_lines(log_path, 4);
	expect_boats(11);
}
END_TEST

START_TEST(many_rotations_lose_and_double_nothing)
{
	for (int generation = 1; generation <= 20; generation++) {
		append_lines(log_path, 7);
		rotate(generation);
		append_lines(log_path, 3);
		expect_boats(generation * 10 + 1);
	}
	ck_assert_double_eq(harness_source_number(&h, "sea", "Rejected"), 0);
}
END_TEST

START_TEST(rotations_faster_than_the_reading_lose_nothing_either)
{
	for (int generation = 1; generation <= 5; generation++) {
		append_lines(log_path, 7);
		rotate(generation);
	}
	append_lines(log_path, 1);
	expect_boats(37);
}
END_TEST

START_TEST(a_killed_daemon_goes_on_where_it_stopped)
{
	append_lines(log_path, 5);
	expect_boats(6);
	ck_assert_int_eq(harness_daemon_end(&h, SIGKILL), 128 + SIGKILL);
	append_lines(log_path, 5);
	rotate(1);
	append_lines(log_path, 5);
	harness_daemon(&h);
	expect_boats(16);
}
END_TEST

START_TEST(an_amendment_takes_back_what_it_replaces)
{
	harness_append(log_path, "a1,2026-07-07T04:00:00Z,51.02 N 1.50 E,1,40,radio,,\n");
	harness_wait_figure(&h, "sightings.people.latest", 50);
	harness_append(log_path, "a2,2026-07-07T09:00:00Z,51.02 N 1.50 E,1,33,inquiry,a1,\n");
	harness_wait_figure(&h, "sightings.people.latest", 43);
	ck_assert_double_eq(harness_figure(&h, "sightings.boats.latest"), 2);
}
END_TEST

START_TEST(a_later_line_of_the_same_id_and_time_counts_through_rotation_and_truncation)
{
	append_lines(log_path, 4);
	harness_append(log_path, "a1,2026-07-07T04:00:00Z,51.02 N 1.50 E,1,40,radio,,\n");
	harness_wait_figure(&h, "sightings.people.latest", 90);
	rotate(1);
	harness_append(log_path, "a1,2026-07-07T04:00:00Z,51.02 N 1.50 E,1,33,radio,,\n");
	harness_wait_figure(&h, "sightings.people.latest", 83);
	ck_assert_int_eq(truncate(log_path, 0), 0);
	harness_append(log_path, SIGHTINGS_HEADER);
	harness_append(log_path, "a1,2026-07-07T04:00:00Z,51.02 N 1.50 E,1,21,radio,,\n");
	harness_wait_figure(&h, "sightings.people.latest", 71);
	ck_assert_int_eq(harness_daemon_end(&h, SIGKILL), 128 + SIGKILL);
	rotate(2);
	harness_append(log_path, "a1,2026-07-07T04:00:00Z,51.02 N 1.50 E,1,20,radio,,\n");
	harness_daemon(&h);
	harness_wait_figure(&h, "sightings.people.latest", 70);
	ck_assert_double_eq(harness_figure(&h, "sightings.boats.latest"), 6);
}
END_TEST

static bool ctl_says(const char *figure, const char *text)
{
	struct output output;
	bool says;

	CTL(&h, &output, "--json", "get", figure);
	ck_assert_int_eq(output.code, 0);
	says = strstr(output.out, text) != NULL;
	output_done(&output);
	return says;
}

START_TEST(figures_are_stale_until_a_log_is_caught_up_with)
{
	char *lines = NULL;
	size_t size = 0;
	FILE *text;

	ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
	text = open_memstream(&lines, &size);
	ck_assert_ptr_nonnull(text);
	for (int i = 0; i < 50000; i++)
		(void)fprintf(text, "c%05d,2026-07-08T04:00:%02dZ,51.02 N 1.50 E,1,10,cutter,,\n",
			      i, i % 60);
	ck_assert_int_eq(fclose(text), 0);
	harness_append(log_path, lines);
	free(lines);
	harness_daemon(&h);
	harness_wait_source(&h, "sea", "reading");
	ck_assert_double_lt(harness_source_number(&h, "sea", "Progress"), 1);
	ck_assert(ctl_says("sightings.boats.latest", "\"stale\":true"));
	ck_assert_double_lt(harness_figure(&h, "sightings.boats.latest"), 50000);
	harness_wait_source(&h, "sea", "idle");
	ck_assert_double_eq(harness_figure(&h, "sightings.boats.latest"), 50000);
	ck_assert_double_eq(harness_source_number(&h, "sea", "Progress"), 1);
	ck_assert(ctl_says("sightings.boats.latest", "\"stale\":false"));
}
END_TEST

START_TEST(a_log_and_the_same_lines_as_a_file_count_once)
{
	char path[HARNESS_PATH_MAX], old[HARNESS_PATH_MAX];
	struct output output;
	char *lines;

	append_lines(log_path, 4);
	expect_boats(5);
	lines = harness_read(&h, log_path);
	harness_drop(&h, "sea", "sightings-2026-07-08.csv", lines);
	harness_wait_path(
		&h, harness_spool_path(&h, "sea", "done", "sightings-2026-07-08.csv", path), true);
	ck_assert_double_eq(harness_figure(&h, "sightings.boats.latest"), 5);
	append_lines(log_path, 1); /* the log goes on where it was */
	harness_wait_figure(&h, "sightings.boats.latest", 6);
	/* Older lines that were rotated away before the source was set up come by import. */
	harness_file(&h, "old.csv",
		     SIGHTINGS_HEADER "o1,2026-07-07T01:00:00Z,51.02 N 1.50 E,1,10,cutter,,\n",
		     old);
	CTL(&h, &output, "import", "sea", old);
	ck_assert_int_eq(output.code, 0);
	output_done(&output);
	harness_wait_figure(&h, "sightings.boats.latest", 7);
	ck_assert_double_eq(harness_source_number(&h, "sea", "Rejected"), 0);
	ck_assert_int_eq(harness_daemon_end(&h, SIGKILL), 128 + SIGKILL);
	append_lines(log_path, 2);
	harness_drop(&h, "sea", "again.csv", lines);
	harness_daemon(&h);
	harness_wait_figure(&h, "sightings.boats.latest", 9);
	harness_wait_path(&h, harness_spool_path(&h, "sea", "done", "again.csv", path), true);
	ck_assert_double_eq(harness_figure(&h, "sightings.boats.latest"), 9);
	free(lines);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("follow");
	TCase *tests = tcase_create("follow");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, an_appended_line_is_a_signal_within_a_second);
	tcase_add_test(tests, half_a_line_waits_for_its_other_half);
	tcase_add_test(tests, lines_written_after_the_rename_are_read_before_the_new_file);
	tcase_add_test(tests, many_rotations_lose_and_double_nothing);
	tcase_add_test(tests, rotations_faster_than_the_reading_lose_nothing_either);
	tcase_add_test(tests, a_killed_daemon_goes_on_where_it_stopped);
	tcase_add_test(tests, an_amendment_takes_back_what_it_replaces);
	tcase_add_test(tests,
		       a_later_line_of_the_same_id_and_time_counts_through_rotation_and_truncation);
	tcase_add_test(tests, figures_are_stale_until_a_log_is_caught_up_with);
	tcase_add_test(tests, a_log_and_the_same_lines_as_a_file_count_once);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
