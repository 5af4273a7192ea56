/* SPDX-License-Identifier: MIT
 *
 * test_no_fds.c - the daemon has reached its limit of file descriptors, for real: who is connected
 * is answered, what needs one gets an error that says so, nothing spins, and all of it works again
 * when the limit is gone. Test program.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

#include "bus_client.h"
#include "documents.h"

#define SERVICE "org.straitd.Straitd1"
#define CLIENTS 8
#define ROOT	"/org/straitd/Straitd1"

static struct harness h;
static struct bus_client client;
static char path[HARNESS_PATH_MAX], address[HARNESS_PATH_MAX + 16];
static rlim_t hard;

static void set_up(void)
{
	harness_start(&h);
	documents_configure(&h);
	(void)snprintf(path, sizeof(path), "%.60s/run/private", h.directory);
	(void)snprintf(address, sizeof(address), "unix:path=%s", path);
	harness_config(&h, "socket.conf", "[straitd]\nsocket = %s\n", path);
	harness_make_spool(&h, "home");
	harness_drop(&h, "home", documents[2][0].name, documents[2][0].text);
	harness_daemon(&h);
	harness_wait_source(&h, "home", "idle");
	bus_client_open(&client, NULL, h.bus.address, SERVICE);
}

static void tear_down(void)
{
	bus_client_close(&client);
	harness_stop(&h);
}

/* The soft limit becomes the lowest number that is free: none can be opened any more. */
static void take_fds_away(void)
{
	char directory[64], file[96];
	struct rlimit limit;
	int lowest = 0;

	(void)snprintf(directory, sizeof(directory), "/proc/%d/fd", (int)h.daemon.pid);
	do
		(void)snprintf(file, sizeof(file), "%s/%d", directory, lowest++);
	while (faccessat(AT_FDCWD, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
	ck_assert_int_eq(prlimit(h.daemon.pid, RLIMIT_NOFILE, NULL, &limit), 0);
	hard = limit.rlim_max;
	limit.rlim_cur = (rlim_t)lowest - 1;
	ck_assert_int_eq(prlimit(h.daemon.pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

static void give_fds_back(void)
{
	struct rlimit limit = { .rlim_cur = hard, .rlim_max = hard };

	ck_assert_int_eq(prlimit(h.daemon.pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

static const char *ask_series(const char *member)
{
	const char *const arguments[] = { "arrivals.people", "", "", "", "0" };
	DBusMessage *reply =
		bus_client_ask(&client, bus_client_message(&client, ROOT, SERVICE ".Manager",
							   member, "sa{ss}ssx", arguments));
	static char text[4096];

	if (dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_ERROR) {
		const char *why = "";

		(void)dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &why, DBUS_TYPE_INVALID);
		(void)snprintf(text, sizeof(text), "%s", why);
	} else {
		(void)snprintf(text, sizeof(text), "%s", bus_client_text(reply));
	}
	dbus_message_unref(reply);
	return text;
}

START_TEST(a_series_by_fd_is_refused_with_a_reason_and_given_when_there_are_fds)
{
	take_fds_away();
	ck_assert_ptr_nonnull(strstr(ask_series("GetSeriesFd"), "Too many open files"));
	ck_assert_ptr_nonnull(strstr(ask_series("GetSeries"), "P1D"));
	give_fds_back();
	ck_assert_str_eq(ask_series("GetSeriesFd"), "fd");
}
END_TEST

static double seconds_of(clockid_t clock)
{
	struct timespec time;

	ck_assert_int_eq(clock_gettime(clock, &time), 0);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

START_TEST(a_client_that_cannot_be_accepted_waits_and_keeps_nobody_busy)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fds[CLIENTS];
	struct process late;
	struct output output;
	clockid_t clock;
	double begin, used;

	ck_assert_int_eq(clock_getcpuclockid(h.daemon.pid, &clock), 0);
	take_fds_away();
	memcpy(name.sun_path, path, strlen(path) + 1);
	for (size_t i = 0; i < CLIENTS; i++) { /* some fds may have become free since */
		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert_int_eq(connect(fds[i], (struct sockaddr *)&name, sizeof(name)), 0);
	}
	CTL_BEGIN(&h, &late, "--bus", address, "get", "arrivals.people.total");
	begin = seconds_of(CLOCK_MONOTONIC);
	used = seconds_of(clock);
	while (seconds_of(CLOCK_MONOTONIC) < begin + 0.5) {
		CTL(&h, &output, "get", "arrivals.people.total"); /* who comes by the bus */
		ck_assert_int_eq(output.code, 0);
		output_done(&output);
	}
	used = seconds_of(clock) - used;
	fprintf(stderr, "clients waiting: %.3f s of its time in half a second\n", used);
	ck_assert_msg(used < (seconds_of(CLOCK_MONOTONIC) - begin) / 10, "it used %.3f s", used);
	give_fds_back();
	ck_assert_int_eq(process_wait(&late, PROCESS_DEADLINE_MS), 0);
	process_done(&late);
	for (size_t i = 0; i < CLIENTS; i++)
		(void)close(fds[i]);
}
END_TEST

START_TEST(an_import_fails_with_a_sentence_and_works_later)
{
	char file[HARNESS_PATH_MAX];
	pid_t pid = h.daemon.pid;
	struct output output;

	harness_file(&h, documents[2][1].name, documents[2][1].text, file);
	take_fds_away();
	CTL(&h, &output, "import", "home", file);
	ck_assert_int_ne(output.code, 0);
	ck_assert_str_ne(output.err, "");
	fprintf(stderr, "import without fds: %d %s", output.code, output.err);
	output_done(&output);
	give_fds_back();
	ck_assert(harness_wait_name(&h, true));
	documents_import(&h, &documents[2][1]);
	ck_assert_int_eq(h.daemon.pid, pid);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("no_fds");
	TCase *tests = tcase_create("no_fds");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, a_series_by_fd_is_refused_with_a_reason_and_given_when_there_are_fds);
	tcase_add_test(tests, a_client_that_cannot_be_accepted_waits_and_keeps_nobody_busy);
	tcase_add_test(tests, an_import_fails_with_a_sentence_and_works_later);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
