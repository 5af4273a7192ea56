/* SPDX-License-Identifier: MIT
 *
 * test_full_disk.c - the file system of the state directory is full, for real: a tmpfs of 4 MiB.
 * Needs leave to mount. Test program.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "documents.h"

static struct harness h;

static void wait_done(int release)
{
	char path[HARNESS_PATH_MAX];

	harness_wait_path(
		&h, harness_spool_path(&h, "home", "done", documents[2][release].name, path), true);
}

/* Until nothing more goes in. */
static void fill(const char *path)
{
	static const char block[4096];
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ssize_t got;

	ck_assert_int_ge(fd, 0);
	while ((got = write(fd, block, sizeof(block))) > 0)
		;
	ck_assert_int_eq(got, -1);
	ck_assert_int_eq(errno, ENOSPC);
	(void)close(fd);
}

START_TEST(a_full_file_system_loses_nothing_and_storing_goes_on_when_there_is_room)
{
	char filler[HARNESS_PATH_MAX];
	struct output output;
	double before;

	harness_start(&h);
	(void)mkdir(h.state, 0700); /* may be there */
	if (mount("none", h.state, "tmpfs", 0, "size=4m,mode=0700") < 0) {
		printf("SKIP a full file system: cannot mount a tmpfs: %s\n", strerror(errno));
		harness_stop(&h);
		return;
	}
	documents_configure(&h);
	harness_make_spool(&h, "home");
	harness_drop(&h, "home", documents[2][0].name, documents[2][0].text);
	harness_daemon(&h);
	wait_done(0);
	harness_wait_source(&h, "home", "idle");
	before = harness_figure(&h, "arrivals.people.total");
	(void)snprintf(filler, sizeof(filler), "%.200s/filler", h.state);
	fill(filler);
	/* the log of the store may have room in its file for one more, not for all */
	for (int i = 1; i < DOCUMENTS_RELEASES; i++)
		harness_drop(&h, "home", documents[2][i].name, documents[2][i].text);
	harness_wait_log(&h, "free space on its file system");
	ck_assert_double_gt(harness_figure(&h, "arrivals.people.total"), 0);
	CTL(&h, &output, "status");
	harness_assert(&h, strstr(output.out, "store: store '") != NULL, "%s", output.out);
	output_done(&output);
	ck_assert_int_eq(unlink(filler), 0);
	for (int i = 1; i < DOCUMENTS_RELEASES; i++)
		wait_done(i);
	harness_wait_source(&h, "home", "idle");
	ck_assert_double_ne(harness_figure(&h, "arrivals.people.total"), before);
	ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
	ck_assert_int_eq(umount(h.state), 0);
	harness_stop(&h);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("full_disk");
	TCase *tests = tcase_create("full_disk");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 120);
	tcase_add_test(tests,
		       a_full_file_system_loses_nothing_and_storing_goes_on_when_there_is_room);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
