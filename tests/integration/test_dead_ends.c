/* SPDX-License-Identifier: MIT
 *
 * test_dead_ends.c - there is no state of a source that only a restart of the daemon opens: each
 * trouble is made, seen, taken away, and the source works on in the same daemon. Test program.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "faults.h"
#include "harness.h"

static struct harness h;
static char path[HARNESS_PATH_MAX];

static void set_up(void)
{
	(void)setenv("STRAITD_TEST_PERCENT", "10", 1);
	harness_start(&h);
}

static void tear_down(void)
{
	harness_stop(&h);
}

static void configure(const char *plugin, const char *more)
{
	harness_config(&h, "bad.conf", "[source bad]\nplugin = %s\n%s", plugin, more);
}

static void reload(void)
{
	ck_assert_int_eq(kill(h.daemon.pid, SIGHUP), 0);
}

static void retry(void)
{
	struct output output;

	CTL(&h, &output, "retry", "bad");
	harness_assert(&h, output.code == 0, "%s", output.err);
	output_done(&output);
}

static const char *plugin_file(const char *name)
{
	(void)snprintf(path, sizeof(path), "%.200s/%s.so", h.plugins, name);
	return path;
}

/* It reads a document, so it is well. */
static void is_well(const char *figure)
{
	harness_wait_source(&h, "bad", "idle");
	harness_drop(&h, "bad", "well", "rrr");
	harness_wait_figure(&h, figure, 3);
}

START_TEST(a_plugin_that_is_missing_comes)
{
	configure("counts", "");
	harness_daemon(&h);
	harness_wait_source(&h, "bad", "misconfigured");
	harness_plugin(&h, "counts");
	is_well("test.count.total");
}
END_TEST

START_TEST(a_file_that_is_no_plugin_is_replaced)
{
	harness_file(&h, "plugins/counts.so", "this is no ELF file", NULL);
	configure("counts", "");
	harness_daemon(&h);
	harness_wait_source(&h, "bad", "misconfigured");
	harness_plugin(&h, "counts");
	is_well("test.count.total");
}
END_TEST

START_TEST(a_plugin_that_others_may_write_is_closed_to_them)
{
	harness_plugin(&h, "counts");
	ck_assert_int_eq(chmod(plugin_file("counts"), 0666), 0);
	configure("counts", "");
	harness_daemon(&h);
	harness_wait_source(&h, "bad", "misconfigured");
	ck_assert_int_eq(chmod(plugin_file("counts"), 0644), 0);
	retry();
	is_well("test.count.total");
}
END_TEST

START_TEST(a_spool_that_cannot_be_made_can_be_made)
{
	harness_plugin(&h, "counts");
	harness_file(&h, "spool/bad", "a file where the directory should be", path);
	configure("counts", "");
	harness_daemon(&h);
	harness_wait_source(&h, "bad", "backoff");
	ck_assert_int_eq(unlink(path), 0);
	is_well("test.count.total"); /* by itself */
}
END_TEST

/* Who may not move into done/, or has no room there, says so, goes on and catches up: no matter
 * whether it is the folder's permissions, its disk or its quota. */
static const struct {
	uint32_t calls;
	int error;
	const char *document, *folder, *said;
} spool_faults[] = {
	{ FAULTS_RENAME, EACCES, "rrr", "done", "Permission denied" },
	{ FAULTS_RENAME, ENOSPC, "rrr", "done", "No space left on device" },
	{ FAULTS_RENAME, EROFS, "rrr", "done", "Read-only file system" },
	{ FAULTS_SYNC, EIO, "rrr", "done", "Input/output error" },
	{ FAULTS_WRITE, ENOSPC, "", "failed", "No space left on device" },
	{ FAULTS_WRITE, EDQUOT, "", "failed", "Disk quota exceeded" },
};

START_TEST(a_spool_that_takes_nothing_takes_it_again)
{
	struct faults *faults;
	int fd;

	harness_file(&h, "faults", "", path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, sizeof(*faults)), 0);
	faults = mmap(NULL, sizeof(*faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(faults, MAP_FAILED);
	(void)close(fd);
	(void)snprintf(faults->directory, sizeof(faults->directory), "%s", h.spool);
	(void)setenv(FAULTS_VARIABLE, path, 1);
	h.program = "tests/straitd-weak";
	harness_plugin(&h, "counts");
	configure("counts", "");
	harness_daemon(&h);
	harness_wait_source(&h, "bad", "idle");
	faults->error = spool_faults[_i].error;
	faults->calls = spool_faults[_i].calls;
	harness_drop(&h, "bad", "x", spool_faults[_i].document);
	harness_wait_log(&h, "a document that is done with stays in incoming/");
	harness_wait_log(&h, spool_faults[_i].said);
	harness_wait_figure(&h, "test.count.total", spool_faults[_i].document[0] ? 3 : NAN);
	harness_wait_source_text(&h, "bad", "LastFault",
				 spool_faults[_i].document[0] ? spool_faults[_i].said : "empty");
	faults->calls = 0;
	harness_wait_path(&h, harness_spool_path(&h, "bad", spool_faults[_i].folder, "x", path),
			  true);
	harness_wait_source(&h, "bad", "idle");
	harness_drop(&h, "bad", "well", "rrrr");
	harness_wait_figure(&h, "test.count.total", spool_faults[_i].document[0] ? 7 : 4);
	if (spool_faults[_i].calls != FAULTS_SYNC) /* that one had left: the next tells nothing */
		harness_wait_log(&h, "documents leave incoming/ again");
	(void)unsetenv(FAULTS_VARIABLE);
	(void)munmap(faults, sizeof(*faults));
}
END_TEST

START_TEST(a_quarantined_source_gets_another_file)
{
	harness_plugin(&h, "misbehave");
	configure("misbehave", "in = open\nwhat = segv\n");
	harness_daemon(&h);
	harness_wait_source(&h, "bad", "quarantined");
	harness_plugin(&h,
		       "misbehave"); /* the same text, a new file: tried again, and dies again */
	harness_wait_log(&h, "there is a new plugin file 'misbehave.so': trying again");
	harness_wait_source(&h, "bad", "quarantined");
	retry();
	harness_wait_source(&h, "bad", "quarantined");
	configure("misbehave", "");
	reload();
	is_well("bad.total");
}
END_TEST

START_TEST(a_plugin_is_replaced_while_its_worker_waits_in_backoff)
{
	harness_plugin(&h, "counts");
	harness_file(&h, "spool/bad", "", path);
	configure("counts", "");
	harness_daemon(&h);
	harness_wait_source(&h, "bad", "backoff");
	harness_plugin(&h, "counts");
	ck_assert_int_eq(unlink(path), 0);
	retry(); /* at once */
	is_well("test.count.total");
}
END_TEST

START_TEST(a_source_that_reads_for_ever_is_restarted_by_a_new_plugin_file)
{
	harness_plugin(&h, "misbehave");
	configure("misbehave", "what = flood\n");
	harness_make_spool(&h, "bad");
	harness_drop(&h, "bad", "x", "r");
	harness_daemon(&h);
	harness_wait_source(&h, "bad", "reading");
	ck_assert_int_eq(unlink(harness_spool_path(&h, "bad", "incoming", "x", path)), 0);
	harness_plugin(&h, "misbehave");
	reload();
	harness_wait_log(&h, "; starting it anew"); /* at once: it was asked to end */
	harness_wait_source(&h, "bad", "idle");
}
END_TEST

START_TEST(a_spool_that_was_removed_is_made_again)
{
	char folder[HARNESS_PATH_MAX];

	harness_plugin(&h, "counts");
	configure("counts", "");
	harness_daemon(&h);
	harness_wait_source(&h, "bad", "idle");
	for (int i = 0; i < 4; i++) {
		static const char *const folders[] = { "incoming", "done", "failed", "" };

		(void)snprintf(folder, sizeof(folder), "%.200s/bad/%s", h.spool, folders[i]);
		(void)rmdir(folder);
	}
	configure("counts", "reject_limit = 7%\n");
	reload();
	(void)snprintf(folder, sizeof(folder), "%.200s/bad", h.spool);
	harness_wait_path(&h, folder, true);
	(void)snprintf(folder, sizeof(folder), "%.200s/bad/incoming", h.spool);
	harness_wait_path(&h, folder, true);
	is_well("test.count.total");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dead_ends");
	TCase *tests = tcase_create("dead_ends");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_plugin_that_is_missing_comes);
	tcase_add_test(tests, a_file_that_is_no_plugin_is_replaced);
	tcase_add_test(tests, a_plugin_that_others_may_write_is_closed_to_them);
	tcase_add_test(tests, a_spool_that_cannot_be_made_can_be_made);
	tcase_add_loop_test(tests, a_spool_that_takes_nothing_takes_it_again, 0,
			    (int)(sizeof(spool_faults) / sizeof(spool_faults[0])));
	tcase_add_test(tests, a_quarantined_source_gets_another_file);
	tcase_add_test(tests, a_plugin_is_replaced_while_its_worker_waits_in_backoff);
	tcase_add_test(tests, a_source_that_reads_for_ever_is_restarted_by_a_new_plugin_file);
	tcase_add_test(tests, a_spool_that_was_removed_is_made_again);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
