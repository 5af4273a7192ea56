/* SPDX-License-Identifier: MIT
 *
 * test_notify.c - what systemd is told, read from a socket of our own.
 */
#include "notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <check.h>

#include "clock.h"

static int receiver = -1;

static void setup(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval deadline = { .tv_sec = 5 };
	socklen_t size = sizeof(sa_family_t); /* the kernel picks an abstract name */
	char name[32] = "@";

	receiver = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(receiver, 0);
	ck_assert_int_eq(setsockopt(receiver, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)),
			 0);
	ck_assert_int_eq(bind(receiver, (const struct sockaddr *)&address, size), 0);
	size = sizeof(address);
	ck_assert_int_eq(getsockname(receiver, (struct sockaddr *)&address, &size), 0);
	size -= (socklen_t)(sizeof(sa_family_t) + 1);
	memcpy(name + 1, address.sun_path + 1, size);
	name[1 + size] = '\0';
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void teardown(void)
{
	unsetenv("NOTIFY_SOCKET");
	clock_set_fake(0);
	(void)close(receiver);
}

static const char *received(void)
{
	static char text[1024];
	ssize_t size = recv(receiver, text, sizeof(text) - 1, 0);

	ck_assert_int_ge(size, 0);
	text[size] = '\0';
	return text;
}

START_TEST(each_change_of_state_is_told)
{
	clock_set_fake(1234);
	notify_ready("37 figures, 4 sources");
	ck_assert_str_eq(received(), "READY=1\nSTATUS=37 figures, 4 sources");
	notify_ready(NULL);
	ck_assert_str_eq(received(), "READY=1");
	notify_reloading();
	ck_assert_str_eq(received(), "RELOADING=1\nMONOTONIC_USEC=1234000");
	notify_status("%d figures", 38);
	ck_assert_str_eq(received(), "STATUS=38 figures");
	notify_watchdog();
	ck_assert_str_eq(received(), "WATCHDOG=1");
	notify_stopping("bye");
	ck_assert_str_eq(received(), "STOPPING=1\nSTATUS=bye");
}
END_TEST

START_TEST(a_status_cannot_smuggle_in_an_assignment)
{
	notify_status("bad\nMAINPID=1");
	ck_assert_str_eq(received(), "STATUS=bad MAINPID=1");
	notify_ready("bad\nMAINPID=1");
	ck_assert_str_eq(received(), "READY=1\nSTATUS=bad MAINPID=1");
}
END_TEST

START_TEST(the_watchdog_is_fed_twice_as_often_as_asked)
{
	char pid[32];

	ck_assert_int_eq(notify_watchdog_interval_ms(), 0);
	ck_assert_int_eq(setenv("WATCHDOG_USEC", "30000000", 1), 0);
	ck_assert_int_eq(notify_watchdog_interval_ms(), 15000);
	ck_assert_int_eq(setenv("WATCHDOG_USEC", "1", 1), 0);
	ck_assert_int_eq(notify_watchdog_interval_ms(), 1);
	(void)snprintf(pid, sizeof(pid), "%d", (int)getppid());
	ck_assert_int_eq(setenv("WATCHDOG_PID", pid, 1), 0); /* meant for another process */
	ck_assert_int_eq(notify_watchdog_interval_ms(), 0);
}
END_TEST

START_TEST(without_systemd_nothing_happens)
{
	unsetenv("NOTIFY_SOCKET");
	notify_ready("x");
	notify_status("x");
	notify_reloading();
	notify_watchdog();
	notify_stopping(NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("notify");
	TCase *tcase = tcase_create("messages");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, each_change_of_state_is_told);
	tcase_add_test(tcase, a_status_cannot_smuggle_in_an_assignment);
	tcase_add_test(tcase, the_watchdog_is_fed_twice_as_often_as_asked);
	tcase_add_test(tcase, without_systemd_nothing_happens);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
