/* SPDX-License-Identifier: MIT
 *
 * test_kill.c - promise 1: the daemon is killed at every step of the store while it takes in
 * releases, and started again; figures and versions are those of an undisturbed run, and nothing is
 * counted twice. Test program.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <check.h>

#include "documents.h"

#define FAULT_VARIABLE "STRAITD_TEST_FAULT_POINT"
#define FAULT_CODE     99
#define POINTS_MAX     1000

/* All releases of one source wait in incoming/ before the daemon starts. */
static void prepare(struct harness *h, int source)
{
	harness_start(h);
	h->program = "tests/straitd-faulty"; /* the one with fault points: tests/hooks */
	harness_plugin(h, "platform_response");
	harness_plugin(h, "boat_sightings");
	harness_plugin(h, "home_office");
	harness_config(h, "one.conf", "[source %s]\nplugin = %s\n", documents[source][0].source,
		       source == 0   ? "platform_response"
		       : source == 1 ? "boat_sightings"
				     : "home_office");
	harness_make_spool(h, documents[source][0].source);
	for (int i = 0; i < DOCUMENTS_RELEASES; i++)
		harness_drop(h, documents[source][i].source, documents[source][i].name,
			     documents[source][i].text);
}

static void wait_until_read(struct harness *h, int source)
{
	char path[HARNESS_PATH_MAX];

	for (int i = 0; i < DOCUMENTS_RELEASES; i++)
		harness_wait_path(h,
				  harness_spool_path(h, documents[source][i].source, "done",
						     documents[source][i].name, path),
				  true);
	harness_wait_source(h, documents[source][0].source, "idle");
}

/* Figures, versions of this source's metrics, and the count of accepted rows. */
static char *answers(struct harness *h, int source)
{
	static const char *const prefixes[] = { "referrals.", "sightings.", "arrivals." };
	const char *versions[32] = { NULL };
	char *text, *all = NULL;
	size_t count = 0;

	for (size_t i = 0; documents_versions[i] != NULL; i++) {
		if (strncmp(documents_versions[i], prefixes[source], strlen(prefixes[source])) == 0)
			versions[count++] = documents_versions[i];
	}
	text = harness_snapshot(h, versions);
	ck_assert_int_gt(
		asprintf(&all, "%saccepted %g rejected %g\n", text,
			 harness_source_number(h, documents[source][0].source, "Accepted"),
			 harness_source_number(h, documents[source][0].source, "Rejected")),
		0);
	free(text);
	return all;
}

/* Runs until everything is read or the daemon dies. False: the point was never reached. */
static bool run_into(struct harness *h, int source, int point)
{
	char number[16];
	bool alive = true;
	int code;

	(void)snprintf(number, sizeof(number), "%d", point);
	ck_assert_int_eq(setenv(FAULT_VARIABLE, number, 1), 0);
	harness_daemon_begin(h);
	ck_assert_int_eq(unsetenv(FAULT_VARIABLE), 0);
	for (int i = 0; i < DOCUMENTS_RELEASES && alive; i++) {
		char path[HARNESS_PATH_MAX];

		alive = harness_wait_path_or_end(
			h, harness_spool_path(h, documents[source][i].source, "done",
					      documents[source][i].name, path));
	}
	/* It may also die while it stops. */
	code = harness_daemon_end(h, SIGTERM);
	harness_assert(h, code == 0 || code == FAULT_CODE, "the daemon ended with %d at point %d",
		       code, point);
	return code == FAULT_CODE;
}

START_TEST(every_step_of_the_store_can_be_the_last)
{
	int source = _i, point = 1;
	struct harness h;
	char *expected;

	prepare(&h, source);
	harness_daemon(&h);
	wait_until_read(&h, source);
	expected = answers(&h, source);
	harness_stop(&h);
	for (;; point++) {
		bool died;
		char *got;

		ck_assert_int_lt(point, POINTS_MAX);
		prepare(&h, source);
		died = run_into(&h, source, point);
		harness_daemon(&h);
		wait_until_read(&h, source);
		got = answers(&h, source);
		if (strcmp(got, expected) != 0)
			harness_fail(&h, "killed at point %d, it says:\n%sand should say:\n%s",
				     point, got, expected);
		free(got);
		harness_stop(&h);
		if (!died)
			break;
	}
	ck_assert_msg(point > 5, "only %d fault points: the store does not honour " FAULT_VARIABLE,
		      point - 1);
	free(expected);
}
END_TEST

static const struct long_file {
	const char *name;
	bool touched; /* while the daemon is dead */
} long_files[] = {
	{ "long-2020-03-01.csv", false },
	{ "long.csv", true },
};

/* Gives a file of incoming/ another modification time, if it is still there. */
static void touch(struct harness *h, const char *name, int turn)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
				     { .tv_sec = 1600000000 + turn * 86400 } };
	char path[HARNESS_PATH_MAX];

	(void)utimensat(AT_FDCWD, harness_spool_path(h, "nca", "incoming", name, path), times, 0);
}

START_TEST(kill_9_in_the_middle_of_a_long_file_loses_and_doubles_nothing)
{
	enum { ROWS = 60000 };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	struct figures_signal signal;
	struct harness h;

	ck_assert_ptr_nonnull(out);
	fputs(REFERRALS_HEADER, out);
	for (int i = 0; i < ROWS; i++)
		fprintf(out,
			"k%d,alpha,account,2020-01-%02dT10:00:00Z,blocked,2020-02-01T10:00:00Z,\n",
			i, 1 + i % 28);
	ck_assert_int_eq(fclose(out), 0);
	harness_start(&h);
	harness_plugin(&h, "platform_response");
	harness_config(&h, "one.conf", "[source nca]\nplugin = platform_response\n");
	harness_daemon(&h);
	harness_wait_source(&h, "nca", "idle");
	harness_drop(&h, "nca", long_files[_i].name, text);
	for (int kills = 0; kills < 3; kills++) {
		/* after a commit, so that there is something to lose; or the end was reached */
		if (!harness_next_signal(&h, &signal, 5000))
			break;
		ck_assert_int_eq(harness_daemon_end(&h, SIGKILL), 128 + SIGKILL);
		if (long_files[_i].touched)
			touch(&h, long_files[_i].name, kills);
		harness_daemon(&h);
	}
	harness_wait_figure(&h, "referrals.requested", ROWS);
	harness_wait_source(&h, "nca", "idle");
	ck_assert_double_eq(harness_source_number(&h, "nca", "Accepted"), ROWS);
	ck_assert_double_eq(harness_figure(&h, "referrals.blocked"), ROWS);
	harness_stop(&h);
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kill");
	TCase *tests = tcase_create("kill");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 600);
	tcase_add_loop_test(tests, every_step_of_the_store_can_be_the_last, 0, DOCUMENTS_SOURCES);
	tcase_add_loop_test(tests, kill_9_in_the_middle_of_a_long_file_loses_and_doubles_nothing, 0,
			    (int)(sizeof(long_files) / sizeof(long_files[0])));
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
