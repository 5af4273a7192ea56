/* SPDX-License-Identifier: MIT
 *
 * test_spool.c - documents move between the folders of a spool; nothing is overwritten, nothing
 * leaves the spool.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "spool.h"

static char root[] = "/tmp/test_spool.XXXXXX";
static char spool[128];
static char moved[SPOOL_NAME_MAX];
static struct fault fault;

static void put(const char *path, const char *text)
{
	char whole[512];
	FILE *file;

	(void)snprintf(whole, sizeof(whole), "%s/%s", spool, path);
	file = fopen(whole, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

/* "" when there is no such file. */
static const char *get(const char *path)
{
	static char text[4096];
	char whole[512];
	FILE *file;
	size_t size = 0;

	(void)snprintf(whole, sizeof(whole), "%s/%s", spool, path);
	file = fopen(whole, "re");
	if (file) {
		size = fread(text, 1, sizeof(text) - 1, file);
		(void)fclose(file);
	}
	text[size] = '\0';
	return text;
}

static void set_up(void)
{
	(void)memcpy(strrchr(root, '.'), ".XXXXXX",
		     7); /* for a further test in one process (CK_FORK=no) */
	ck_assert_ptr_nonnull(mkdtemp(root));
	(void)snprintf(spool, sizeof(spool), "%s/a/b", root);
	ck_assert_int_eq(spool_create(spool, &fault), 0);
}

static void tear_down(void)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "%s", root);
	if (fork() == 0) {
		(void)execlp("rm", "rm", "-rf", command, (char *)NULL);
		_exit(1);
	}
}

START_TEST(makes_the_directories)
{
	struct stat status;
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/failed", spool);
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 07777, 0750);
	ck_assert_int_eq(spool_create(spool, &fault), 0); /* again */
}
END_TEST

START_TEST(moves_a_document_to_done)
{
	put("incoming/a.csv", "one");
	ck_assert_int_eq(spool_done(spool, "a.csv", NULL, moved, &fault), 0);
	ck_assert_str_eq(moved, "a.csv");
	ck_assert_str_eq(get("done/a.csv"), "one");
	ck_assert_str_eq(get("incoming/a.csv"), "");
}
END_TEST

START_TEST(numbers_a_document_whose_name_is_taken)
{
	put("done/a.csv", "one");
	put("done/a.csv.1", "two");
	put("incoming/a.csv", "three");
	ck_assert_int_eq(spool_done(spool, "a.csv", NULL, moved, &fault), 0);
	ck_assert_str_eq(moved, "a.csv.2");
	ck_assert_str_eq(get("done/a.csv"), "one");
	ck_assert_str_eq(get("done/a.csv.1"), "two");
	ck_assert_str_eq(get("done/a.csv.2"), "three");
}
END_TEST

START_TEST(tells_that_a_document_vanished)
{
	ck_assert_int_eq(spool_done(spool, "a.csv", NULL, moved, &fault), 1);
	ck_assert_int_eq(spool_failed(spool, "a.csv", NULL, "x", moved, &fault), 1);
	ck_assert_str_eq(get("failed/.reason-being-written"), "");
}
END_TEST

START_TEST(puts_the_reason_beside_a_failed_document)
{
	put("incoming/a.csv", "one");
	ck_assert_int_eq(spool_failed(spool, "a.csv", NULL, "reason: bad\n", moved, &fault), 0);
	ck_assert_str_eq(get("failed/a.csv"), "one");
	ck_assert_str_eq(get("failed/a.csv.reason"), "reason: bad\n");
}
END_TEST

START_TEST(never_replaces_a_document_by_a_reason)
{
	put("incoming/a.csv.reason", "a document");
	ck_assert_int_eq(spool_failed(spool, "a.csv.reason", NULL, "reason: 1\n", moved, &fault),
			 0);
	put("incoming/a.csv", "another");
	ck_assert_int_eq(spool_failed(spool, "a.csv", NULL, "reason: 2\n", moved, &fault), 0);
	ck_assert_str_eq(get("failed/a.csv.reason.1"), "a document");
	ck_assert_str_eq(get("failed/a.csv.reason"), "reason: 2\n");
}
END_TEST

START_TEST(replaces_the_reason_of_a_document_that_was_taken_back)
{
	put("failed/a.csv.reason", "reason: earlier\n");
	put("incoming/a.csv", "one");
	ck_assert_int_eq(spool_failed(spool, "a.csv", NULL, "reason: now\n", moved, &fault), 0);
	ck_assert_str_eq(get("failed/a.csv.reason"), "reason: now\n");
}
END_TEST

void fault_point(void);

static int points_left; /* until the process ends as by a crash; 0: never */

/* daemon/test_point.c calls it where there is one. */
void fault_point(void)
{
	if (points_left > 0 && --points_left == 0)
		_exit(1);
}

START_TEST(what_is_in_failed_has_its_reason_whenever_the_daemon_dies)
{
	for (int point = 1;; point++) {
		char path[512];
		int status;
		pid_t pid;

		put("incoming/a.csv", "one");
		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			points_left = point;
			_exit(spool_failed(spool, "a.csv", NULL, "reason: bad\n", moved, &fault) ==
					      0
				      ? 0
				      : 2);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_int_ne(WEXITSTATUS(status), 2);
		if (*get("failed/a.csv"))
			ck_assert_str_eq(get("failed/a.csv.reason"), "reason: bad\n");
		else
			ck_assert_str_eq(get("incoming/a.csv"), "one");
		if (WEXITSTATUS(status) == 0) {
			ck_assert_int_gt(point, 3); /* else nothing was shown */
			break;
		}
		/* Back to the beginning, but for what the crash has left. */
		(void)snprintf(path, sizeof(path), "%s/failed/a.csv", spool);
		(void)unlink(path);
	}
}
END_TEST

/* The identity of what the path leads to. */
static struct file_identity identity_of(const char *path)
{
	char whole[512];
	struct stat status;

	(void)snprintf(whole, sizeof(whole), "%s/%s", spool, path);
	ck_assert_int_eq(stat(whole, &status), 0);
	return file_identity_of(&status);
}

/* As `mv` does it. */
static void replace(const char *name, const char *text)
{
	char from[256], to[256];

	put(".new", text);
	(void)snprintf(from, sizeof(from), "%s/.new", spool);
	(void)snprintf(to, sizeof(to), "%s/incoming/%s", spool, name);
	ck_assert_int_eq(rename(from, to), 0);
}

START_TEST(puts_back_what_replaced_the_document_that_was_read)
{
	struct file_identity file;

	put("incoming/a.csv", "one");
	file = identity_of("incoming/a.csv");
	replace("a.csv", "two");
	ck_assert_int_eq(spool_done(spool, "a.csv", &file, moved, &fault), SPOOL_REPLACED);
	ck_assert_str_eq(moved, "a.csv");
	ck_assert_str_eq(get("incoming/a.csv"), "two");
	ck_assert_str_eq(get("done/a.csv"), "");
	ck_assert_int_eq(spool_failed(spool, "a.csv", &file, "reason\n", moved, &fault),
			 SPOOL_REPLACED);
	ck_assert_str_eq(get("incoming/a.csv"), "two");
	ck_assert_str_eq(get("failed/a.csv"), "");
	ck_assert_str_eq(get("failed/a.csv.reason"), "");
	ck_assert_str_eq(get("failed/.reason-being-written"), "");
	file = identity_of("incoming/a.csv");
	ck_assert_int_eq(spool_done(spool, "a.csv", &file, moved, &fault), 0);
	ck_assert_str_eq(get("done/a.csv"), "two");
}
END_TEST

START_TEST(a_document_that_was_written_to_is_not_done_but_may_have_failed)
{
	struct file_identity file;

	put("incoming/a.csv", "one");
	file = identity_of("incoming/a.csv");
	put("incoming/a.csv", "one and more"); /* the same inode */
	ck_assert_int_eq(spool_done(spool, "a.csv", &file, moved, &fault), SPOOL_REPLACED);
	ck_assert_str_eq(get("incoming/a.csv"), "one and more");
	ck_assert_int_eq(spool_failed(spool, "a.csv", &file, "reason\n", moved, &fault), 0);
	ck_assert_str_eq(get("failed/a.csv"), "one and more");
	ck_assert_str_eq(get("failed/a.csv.reason"), "reason\n");
}
END_TEST

START_TEST(moves_a_document_with_the_longest_name)
{
	char name[SPOOL_NAME_MAX];
	char path[SPOOL_NAME_MAX + 16];

	(void)memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	(void)snprintf(path, sizeof(path), "incoming/%s", name);
	put(path, "long");
	ck_assert_int_eq(spool_failed(spool, name, NULL, "reason\n", moved, &fault), 0);
	(void)snprintf(path, sizeof(path), "failed/%s", moved);
	ck_assert_str_eq(get(path), "long");
}
END_TEST

static const struct {
	const char *name;
	bool ok;
} names[] = {
	{ "a.csv", true }, { "a b (1).ods", true }, { "", false },
	{ ".", false },	   { "..", false },	    { ".hidden", false },
	{ "a/b", false },  { "../a", false },	    { "/etc/passwd", false },
	{ "a\nb", false }, { "a\x7f", false },	    { "größe.csv", true },
};

START_TEST(takes_only_plain_names)
{
	ck_assert_int_eq(spool_name_ok(names[_i].name), names[_i].ok);
	if (names[_i].ok)
		return;
	ck_assert_int_eq(spool_done(spool, names[_i].name, NULL, moved, &fault), -1);
	ck_assert_int_eq(fault.kind, FAULT_PROTOCOL);
}
END_TEST

START_TEST(publishes_a_copied_file_under_a_free_name)
{
	CLEANUP(close_fd) int fd = -1;

	put("incoming/a.csv", "waiting");
	ck_assert_int_eq(spool_temp_open(spool, 7, &fd, &fault), 0);
	ck_assert_int_eq(write(fd, "new", 3), 3);
	ck_assert_int_eq(spool_temp_publish(spool, 7, "a.csv", moved, &fault), 0);
	ck_assert_str_eq(moved, "a.csv.1");
	ck_assert_str_eq(get("incoming/a.csv.1"), "new");
	ck_assert_str_eq(get("incoming/a.csv"), "waiting");
	ck_assert_int_eq(spool_temp_publish(spool, 7, "../a.csv", moved, &fault), -1);
}
END_TEST

START_TEST(sweeps_what_an_earlier_daemon_left_half_copied)
{
	put("incoming/.job-3", "half");
	put("incoming/a.csv", "whole");
	ck_assert_int_eq(spool_create(spool, &fault), 0);
	spool_sweep(spool);
	ck_assert_str_eq(get("incoming/.job-3"), "");
	ck_assert_str_eq(get("incoming/a.csv"), "whole");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spool");
	TCase *tcase = tcase_create("spool");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, makes_the_directories);
	tcase_add_test(tcase, moves_a_document_to_done);
	tcase_add_test(tcase, numbers_a_document_whose_name_is_taken);
	tcase_add_test(tcase, tells_that_a_document_vanished);
	tcase_add_test(tcase, puts_back_what_replaced_the_document_that_was_read);
	tcase_add_test(tcase, a_document_that_was_written_to_is_not_done_but_may_have_failed);
	tcase_add_test(tcase, puts_the_reason_beside_a_failed_document);
	tcase_add_test(tcase, what_is_in_failed_has_its_reason_whenever_the_daemon_dies);
	tcase_add_test(tcase, never_replaces_a_document_by_a_reason);
	tcase_add_test(tcase, replaces_the_reason_of_a_document_that_was_taken_back);
	tcase_add_test(tcase, moves_a_document_with_the_longest_name);
	tcase_add_loop_test(tcase, takes_only_plain_names, 0,
			    (int)(sizeof(names) / sizeof(names[0])));
	tcase_add_test(tcase, publishes_a_copied_file_under_a_free_name);
	tcase_add_test(tcase, sweeps_what_an_earlier_daemon_left_half_copied);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
