/* SPDX-License-Identifier: MIT
 *
 * test_processes.c - who maps what, and who may die: plugins are only in workers, and a worker that
 * is killed comes back. Test program.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "harness.h"
#include "inputs.h"

static struct harness h;

static void set_up(void)
{
	harness_start(&h);
	harness_plugin(&h, "platform_response");
	harness_plugin(&h, "boat_sightings");
	harness_config(&h, "nca.conf", "[source nca]\nplugin = platform_response\n");
	harness_config(&h, "sea.conf", "[source sea]\nplugin = boat_sightings\n");
	harness_daemon(&h);
	harness_wait_source(&h, "nca", "idle");
	harness_wait_source(&h, "sea", "idle");
}

static void tear_down(void)
{
	harness_stop(&h);
}

/* What the process has mapped: /proc files have no size, so it is read to its end. */
static char *maps_of(pid_t pid)
{
	char path[64], *text = NULL, buffer[4096];
	size_t size = 0, got;
	FILE *in, *out = open_memstream(&text, &size);

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	in = fopen(path, "re");
	ck_assert_ptr_nonnull(in);
	ck_assert_ptr_nonnull(out);
	while ((got = fread(buffer, 1, sizeof(buffer), in)) > 0)
		ck_assert_uint_eq(fwrite(buffer, 1, got, out), got);
	(void)fclose(in);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

/* The worker that has this plugin mapped; 0 = none. */
static pid_t worker_with(const char *plugin)
{
	pid_t pids[8], found = 0;
	size_t count = harness_workers(&h, pids, 8);

	for (size_t i = 0; i < count; i++) {
		char *maps = maps_of(pids[i]);

		if (strstr(maps, plugin) != NULL)
			found = pids[i];
		free(maps);
	}
	return found;
}

START_TEST(plugins_are_mapped_by_their_worker_and_nobody_else)
{
	char *maps = maps_of(h.daemon.pid);
	pid_t pids[8];

	ck_assert_ptr_null(strstr(maps, "platform_response"));
	ck_assert_ptr_null(strstr(maps, "boat_sightings"));
	free(maps);
	ck_assert_uint_eq(harness_workers(&h, pids, 8), 2);
	ck_assert_int_ne(worker_with("platform_response"), 0);
	ck_assert_int_ne(worker_with("boat_sightings"), 0);
	ck_assert_int_ne(worker_with("platform_response"), worker_with("boat_sightings"));
}
END_TEST

START_TEST(a_worker_has_neither_the_store_nor_the_bus)
{
	char folder[64], link[320], target[512];
	pid_t pid = worker_with("boat_sightings");
	struct dirent *entry;
	DIR *fds;

	(void)snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)pid);
	fds = opendir(folder);
	ck_assert_ptr_nonnull(fds);
	while ((entry = readdir(fds)) != NULL) {
		ssize_t size;

		(void)snprintf(link, sizeof(link), "%s/%s", folder, entry->d_name);
		size = readlink(link, target, sizeof(target) - 1);
		if (size <= 0)
			continue;
		target[size] = '\0';
		ck_assert_msg(strstr(target, "straitd.db") == NULL &&
				      strstr(target, "identity.key") == NULL,
			      "the worker has %s open", target);
	}
	(void)closedir(fds);
}
END_TEST

START_TEST(a_killed_worker_comes_back_and_the_figures_are_right)
{
	pid_t pid = worker_with("platform_response");
	char fault[512];

	harness_drop(&h, "nca", REFERRALS_MARCH_NAME, REFERRALS_MARCH);
	harness_wait_figure(&h, "referrals.requested", 4);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	harness_wait_source(&h, "nca", "backoff");
	ck_assert_double_eq(harness_figure(&h, "referrals.requested"), 4); /* the figures stay */
	harness_source_text(&h, "nca", "LastFault", fault, sizeof(fault));
	ck_assert_msg(strstr(fault, "signal 9") != NULL || strstr(fault, "Killed") != NULL ||
			      strstr(fault, "SIGKILL") != NULL,
		      "LastFault is '%s'", fault);
	harness_drop(&h, "nca", REFERRALS_SEPTEMBER_NAME, REFERRALS_SEPTEMBER);
	harness_wait_figure(&h, "referrals.requested", 5);
	harness_wait_source(&h, "nca", "idle");
	ck_assert_double_eq(harness_source_number(&h, "nca", "Restarts"), 1);
	ck_assert_int_ne(worker_with("platform_response"), pid);
	ck_assert_double_eq(harness_source_number(&h, "sea", "Restarts"), 0);
}
END_TEST

START_TEST(replacing_the_file_of_a_running_plugin_hurts_nobody)
{
	char path[HARNESS_PATH_MAX + 32];

	(void)snprintf(path, sizeof(path), "%s/platform_response.so", h.plugins);
	ck_assert_int_eq(truncate(path, 0), 0); /* would be SIGBUS if the file itself were mapped */
	harness_drop(&h, "nca", REFERRALS_MARCH_NAME, REFERRALS_MARCH);
	harness_wait_figure(&h, "referrals.requested", 4);
	ck_assert_double_eq(harness_source_number(&h, "nca", "Restarts"), 0);
}
END_TEST

START_TEST(workers_go_with_the_daemon)
{
	pid_t pids[8];
	size_t count = harness_workers(&h, pids, 8);

	ck_assert_uint_eq(count, 2);
	ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(kill(pids[i], 0), -1);
	harness_daemon(&h);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("processes");
	TCase *tests = tcase_create("processes");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, plugins_are_mapped_by_their_worker_and_nobody_else);
	tcase_add_test(tests, a_worker_has_neither_the_store_nor_the_bus);
	tcase_add_test(tests, a_killed_worker_comes_back_and_the_figures_are_right);
	tcase_add_test(tests, replacing_the_file_of_a_running_plugin_hurts_nobody);
	tcase_add_test(tests, workers_go_with_the_daemon);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
