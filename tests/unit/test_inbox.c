/* SPDX-License-Identifier: MIT
 *
 * test_inbox.c - the spool's incoming/ on a real directory with a real event loop; every wait has a
 * deadline.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "inbox.h"
#include "log.h"

#define DEADLINE_S 10

static char directory[64];
static struct event_base *base;
static struct inbox *inbox;
static unsigned int ready_calls;

static void on_ready(void *context)
{
	(void)context;
	ready_calls++;
	event_base_loopbreak(base);
}

static char warned[4096];

static void keep_warning(void *context, int level, enum log_token token, const char *source,
			 const char *text)
{
	(void)context, (void)token, (void)source;
	ck_assert_int_eq(level, LOG_WARNING);
	(void)snprintf(warned + strlen(warned), sizeof(warned) - strlen(warned), "%s\n", text);
}

static const struct inbox_events events = { .ready = on_ready };

static void open_inbox(void)
{
	struct fault fault;

	ck_assert_msg(inbox_new(base, directory, &events, NULL, &inbox, &fault) == 0, "%s",
		      fault.text);
}

static void set_up(void)
{
	snprintf(directory, sizeof(directory), "/tmp/test_inbox.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ready_calls = 0;
}

static void tear_down(void)
{
	pid_t child;

	inbox = inbox_free(inbox);
	event_base_free(base);
	child = fork();
	if (child == 0) {
		execlp("rm", "rm", "-rf", "--", directory, (char *)NULL);
		_exit(127);
	}
	waitpid(child, NULL, 0);
}

static const char *path_of(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void put(const char *name, const char *text)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void move(const char *from, const char *to)
{
	char old[512];

	snprintf(old, sizeof(old), "%s", path_of(from));
	ck_assert_int_eq(rename(old, path_of(to)), 0);
}

/* Waits until the inbox says that there may be something. */
static void wait_ready(void)
{
	const struct timeval deadline = { DEADLINE_S, 0 };
	unsigned int before = ready_calls;

	event_base_loopexit(base, &deadline);
	event_base_loop(base, 0);
	ck_assert_msg(ready_calls > before, "not woken within %d s", DEADLINE_S);
}

/* Lets the loop handle all that the kernel has told already. */
static void settle(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void expect_file(const char *name, const char *text)
{
	struct inbox_file file = { .fd = -1 };
	struct fault fault;
	char content[256];
	ssize_t size;

	ck_assert_msg(inbox_next(inbox, &file, &fault) == 1, "'%s' was not offered", name);
	ck_assert_str_eq(file.name, name);
	ck_assert_uint_eq(file.size, strlen(text));
	ck_assert_int_gt(file.modified_at_ms, INT64_C(1500000000000));
	size = read(file.fd, content, sizeof(content));
	ck_assert_int_eq(size, (ssize_t)strlen(text));
	ck_assert_int_eq(memcmp(content, text, (size_t)size), 0);
	ck_assert_int_eq(fcntl(file.fd, F_GETFD), FD_CLOEXEC);
	close(file.fd);
}

static void expect_none(void)
{
	struct inbox_file file = { .name = "" };
	struct fault fault = { .text = "" };
	int result = inbox_next(inbox, &file, &fault);

	ck_assert_msg(result == 0, "%s%s",
		      result < 0 ? fault.text : "unexpectedly offered: ", file.name);
}

START_TEST(offers_what_was_there_at_the_start_in_order_of_name)
{
	put("c.csv", "3");
	put("a.csv", "1");
	put("b.csv", "2");
	open_inbox();
	wait_ready();
	expect_file("a.csv", "1");
	expect_file("b.csv", "2");
	expect_file("c.csv", "3");
	expect_none();
}
END_TEST

START_TEST(an_empty_directory_offers_nothing)
{
	open_inbox();
	wait_ready();
	expect_none();
}
END_TEST

START_TEST(wakes_for_a_file_that_is_closed_after_writing)
{
	open_inbox();
	wait_ready();
	expect_none();
	put("a.csv", "hello");
	wait_ready();
	expect_file("a.csv", "hello");
	expect_none();
}
END_TEST

START_TEST(a_file_that_is_still_being_written_is_not_offered)
{
	int fd;

	open_inbox();
	wait_ready();
	expect_none();
	fd = open(path_of("a.csv"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	ck_assert_int_eq(write(fd, "half", 4), 4);
	put("b.csv", "whole");
	wait_ready();
	expect_file("b.csv", "whole");
	expect_none();
	ck_assert_int_eq(write(fd, " and half", 9), 9);
	close(fd);
	wait_ready();
	expect_file("a.csv", "half and half");
	expect_none();
}
END_TEST

START_TEST(wakes_for_a_file_that_is_renamed_in)
{
	open_inbox();
	wait_ready();
	expect_none();
	put(".part", "text");
	settle();
	ck_assert_uint_eq(ready_calls, 1);
	move(".part", "a.csv");
	wait_ready();
	expect_file("a.csv", "text");
	expect_none();
}
END_TEST

START_TEST(ready_is_called_once_until_all_is_taken)
{
	open_inbox();
	wait_ready();
	put("a.csv", "1");
	settle();
	put("b.csv", "2");
	settle();
	ck_assert_uint_eq(ready_calls, 1);
	expect_file("a.csv", "1");
	put("c.csv", "3");
	settle();
	ck_assert_uint_eq(ready_calls, 1);
	expect_file("b.csv", "2");
	expect_file("c.csv", "3");
	expect_none();
	put("d.csv", "4");
	wait_ready();
	expect_file("d.csv", "4");
	ck_assert_uint_eq(ready_calls, 2);
}
END_TEST

START_TEST(a_file_that_stays_is_not_offered_twice)
{
	put("a.csv", "1");
	open_inbox();
	wait_ready();
	expect_file("a.csv", "1");
	expect_none();
	/* the event again, and nothing changed */
	ck_assert_int_eq(chmod(path_of("a.csv"), 0600), 0);
	close(open(path_of("a.csv"), O_WRONLY | O_CLOEXEC));
	wait_ready();
	expect_none();
}
END_TEST

START_TEST(a_file_replaced_under_the_same_name_is_offered_again)
{
	put("a.csv", "1");
	open_inbox();
	wait_ready();
	expect_file("a.csv", "1");
	expect_none();
	put(".new", "2");
	move(".new", "a.csv");
	wait_ready();
	expect_file("a.csv", "2");
	expect_none();
}
END_TEST

START_TEST(a_file_written_anew_in_place_is_offered_again)
{
	put("a.csv", "1");
	open_inbox();
	wait_ready();
	expect_file("a.csv", "1");
	expect_none();
	put("a.csv", "longer");
	wait_ready();
	expect_file("a.csv", "longer");
	expect_none();
}
END_TEST

START_TEST(a_file_that_comes_back_is_offered_again)
{
	put("a.csv", "1");
	open_inbox();
	wait_ready();
	expect_file("a.csv", "1");
	expect_none();
	move("a.csv", ".away"); /* into failed/, say, */
	move(".away", "a.csv"); /* and dropped in once more by the admin */
	wait_ready();
	expect_file("a.csv", "1");
	expect_none();
}
END_TEST

START_TEST(a_file_that_went_before_it_was_taken_is_forgotten)
{
	put("a.csv", "1");
	put("b.csv", "2");
	put("c.csv", "3");
	open_inbox();
	wait_ready();
	expect_file("a.csv", "1");
	ck_assert_int_eq(unlink(path_of("b.csv")), 0);
	expect_file("c.csv", "3");
	expect_none();
	ck_assert_int_eq(unlink(path_of("a.csv")), 0);
	ck_assert_int_eq(unlink(path_of("c.csv")), 0);
	settle();
	put("b.csv", "2");
	wait_ready();
	expect_file("b.csv", "2");
	expect_none();
}
END_TEST

static void make_symlink(const char *path)
{
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
}

static void make_dangling_symlink(const char *path)
{
	ck_assert_int_eq(symlink("nowhere", path), 0);
}

static void make_fifo(const char *path)
{
	ck_assert_int_eq(mkfifo(path, 0666), 0);
}

static void make_directory(const char *path)
{
	ck_assert_int_eq(mkdir(path, 0755), 0);
}

static void make_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static void make_hidden(const char *path)
{
	char hidden[600];
	int fd;

	snprintf(hidden, sizeof(hidden), "%.*s/.b.odd", (int)(strrchr(path, '/') - path), path);
	fd = open(hidden, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static const struct {
	const char *what;
	void (*make)(const char *path);
} odd[] = {
	{ "symbolic link", make_symlink },
	{ "dangling link", make_dangling_symlink },
	{ "FIFO", make_fifo },
	{ "directory", make_directory },
	{ "socket", make_socket },
	{ "hidden file", make_hidden },
};

START_TEST(passes_over_what_is_no_plain_file_at_the_start)
{
	odd[_i].make(path_of("b.odd"));
	put("a.csv", "1");
	put("c.csv", "2");
	open_inbox();
	wait_ready();
	expect_file("a.csv", "1");
	expect_file("c.csv", "2");
	expect_none();
}
END_TEST

/* How it comes: there at the start, made in place, renamed in. */
START_TEST(says_once_a_name_that_it_is_no_regular_file)
{
	bool there = _i % 3 == 0, renamed = _i % 3 == 2;
	char expected[512];

	if (odd[_i / 3].make == make_hidden)
		return;
	log_set_sink(keep_warning, NULL);
	if (there)
		odd[_i / 3].make(path_of("b.odd"));
	open_inbox();
	wait_ready();
	expect_none();
	if (!there)
		odd[_i / 3].make(path_of(renamed ? ".tmp" : "b.odd"));
	if (renamed)
		move(".tmp", "b.odd");
	put("c.csv", "2");
	wait_ready();
	if (!there && warned[0] == '\0')
		expect_file("c.csv", "2");
	ck_assert_int_eq(utimensat(AT_FDCWD, path_of("b.odd"), NULL, AT_SYMLINK_NOFOLLOW), 0);
	put("d.csv", "3"); /* comes after that: b.odd was looked at again */
	settle();
	for (struct inbox_file file = { .fd = -1 }; inbox_next(inbox, &file, NULL) > 0;)
		(void)close(file.fd);
	(void)snprintf(
		expected, sizeof(expected),
		"'b.odd' in '%s' is no regular file, leaving it there; copy the file itself here\n",
		directory);
	ck_assert_str_eq(warned, expected);
	log_set_sink(NULL, NULL);
}
END_TEST

START_TEST(passes_over_what_is_no_plain_file_when_it_is_renamed_in)
{
	struct stat stat;

	open_inbox();
	wait_ready();
	expect_none();
	odd[_i].make(path_of(".tmp"));
	if (lstat(path_of(".tmp"), &stat) == 0)
		move(".tmp", "b.odd");
	put("c.csv", "2");
	wait_ready();
	expect_file("c.csv", "2");
	expect_none();
}
END_TEST

START_TEST(a_name_of_the_greatest_length_is_offered_whole)
{
	char name[256];

	memset(name, 'n', 255);
	name[255] = '\0';
	put(name, "1");
	open_inbox();
	wait_ready();
	expect_file(name, "1");
	expect_none();
}
END_TEST

START_TEST(nothing_is_lost_when_the_kernel_drops_events)
{
	char name[32], limit[32];
	unsigned int count;
	FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");

	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(limit, sizeof(limit), file));
	fclose(file);
	/* each file makes two events that we watch for; more of them than the queue holds, with no
	 * turn of the loop between */
	count = (unsigned int)strtoul(limit, NULL, 10) / 2 + 100;
	if (count > 40000)
		return; /* an unusual kernel setting: too slow to overflow */
	open_inbox();
	wait_ready();
	expect_none();
	for (unsigned int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%06u", i);
		put(name, "x");
		ck_assert_int_eq(chmod(path_of(name), 0600), 0);
	}
	wait_ready();
	for (unsigned int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%06u", i);
		expect_file(name, "x");
	}
	expect_none();
}
END_TEST

START_TEST(a_directory_that_is_removed_is_a_fault)
{
	struct inbox_file file;
	struct fault fault;

	open_inbox();
	wait_ready();
	expect_none();
	ck_assert_int_eq(rmdir(directory), 0);
	wait_ready();
	ck_assert_int_eq(inbox_next(inbox, &file, &fault), -1);
	ck_assert_int_eq(fault.kind, FAULT_TRANSIENT);
	ck_assert_ptr_nonnull(strstr(fault.text, directory));
}
END_TEST

START_TEST(a_directory_that_does_not_exist_is_a_fault)
{
	struct fault fault;

	ck_assert_int_eq(rmdir(directory), 0);
	ck_assert_int_eq(inbox_new(base, directory, &events, NULL, &inbox, &fault), -1);
	ck_assert_ptr_null(inbox);
	ck_assert_ptr_nonnull(strstr(fault.text, directory));
	ck_assert_ptr_nonnull(strstr(fault.text, strerror(ENOENT)));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("inbox");
	TCase *all = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_set_timeout(all, 60);
	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_add_test(all, offers_what_was_there_at_the_start_in_order_of_name);
	tcase_add_test(all, an_empty_directory_offers_nothing);
	tcase_add_test(all, wakes_for_a_file_that_is_closed_after_writing);
	tcase_add_test(all, a_file_that_is_still_being_written_is_not_offered);
	tcase_add_test(all, wakes_for_a_file_that_is_renamed_in);
	tcase_add_test(all, ready_is_called_once_until_all_is_taken);
	tcase_add_test(all, a_file_that_stays_is_not_offered_twice);
	tcase_add_test(all, a_file_replaced_under_the_same_name_is_offered_again);
	tcase_add_test(all, a_file_written_anew_in_place_is_offered_again);
	tcase_add_test(all, a_file_that_comes_back_is_offered_again);
	tcase_add_test(all, a_file_that_went_before_it_was_taken_is_forgotten);
	tcase_add_loop_test(all, passes_over_what_is_no_plain_file_at_the_start, 0,
			    sizeof(odd) / sizeof(odd[0]));
	tcase_add_loop_test(all, passes_over_what_is_no_plain_file_when_it_is_renamed_in, 0,
			    sizeof(odd) / sizeof(odd[0]));
	tcase_add_loop_test(all, says_once_a_name_that_it_is_no_regular_file, 0,
			    3 * sizeof(odd) / sizeof(odd[0]));
	tcase_add_test(all, a_name_of_the_greatest_length_is_offered_whole);
	tcase_add_test(all, nothing_is_lost_when_the_kernel_drops_events);
	tcase_add_test(all, a_directory_that_is_removed_is_a_fault);
	tcase_add_test(all, a_directory_that_does_not_exist_is_a_fault);
	suite_add_tcase(suite, all);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
