/* SPDX-License-Identifier: MIT
 *
 * test_hostile_bus.c - the real daemon on a real message bus among clients that harm it: a
 * subscriber that never reads until the bus stops reading from the daemon, a bus that is killed,
 * floods of calls, callers that never read or die. A steady client's calls are answered, the
 * daemon's memory is bounded, no commit is lost. Test program.
 *
 * $STRAIT_BUS_INCOMING: at how many waiting bytes the bus stops reading from the daemon, where that
 * is tested: 2 MiB. 133169152 is what a bus has by default; it takes a minute for each to be
 * reached.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>
#include <dbus/dbus.h>
#include <jansson.h>

#include "harness.h"
#include "inputs.h"
#include "manager_calls.h"

#define FIGURES	     400 /* all of them change with each line */
#define FILE_FIGURES 50	 /* in one file of configuration */
#define FIRST_FIGURE "big.number.of.boats.in.a.name.that.takes.room.in.signals.000"
#define INCOMING     "2097152"
#define GAP_MAX_MS   2000
#define LINES_MAX    20000 /* until the bus must have stopped reading */

/* What the daemon may ever have resident: 16 MiB of signals and 32 MiB of replies that wait for a
   bus which does not read (docs/DBUS.md), and itself. */
#define RSS_MAX_KIB (64L << 10)

static struct harness h;
static struct process watch;
static char log_path[HARNESS_PATH_MAX];
static unsigned int lines; /* in the log: what FIRST_FIGURE is, or will be */

static double figure(DBusConnection *client)
{
	return value_of(ask(client, call_figure(FIRST_FIGURE)));
}

/* ── the daemon and its log ────────────────────────────────────────────────────────────────── */

/* One boat more on the same day. */
static void append_line(void)
{
	char line[256];

	(void)snprintf(line, sizeof(line),
		       "b%08u,2026-07-07T%02u:%02u:%02uZ,51.02 N 1.50 E,1,12,cutter,,\n", lines,
		       lines / 3600 % 24, lines / 60 % 60, lines % 60);
	lines++;
	harness_append(log_path, line);
}

static void wait_committed(DBusConnection *client)
{
	long long end = process_now_ms() + HARNESS_DEADLINE_MS;

	while (figure(client) != lines)
		harness_assert(&h, process_now_ms() < end, "%u lines are not counted", lines);
}

/* The test's own eyes subscribe to everything: closed, lest they be the ones that do not read. */
static void close_eyes(void)
{
	if (h.connection != NULL)
		client_close(h.connection);
	h.connection = NULL;
}

/* Of these numbers, as a file. */
static void write_some_figures(unsigned int from, unsigned int to, const char *unit)
{
	char file[32], *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	for (unsigned int i = from; i < to; i++)
		fprintf(out,
			"[figure %.*s%03u]\nsum = sightings.boats\nwindow = total\nunit = %s\n",
			(int)sizeof(FIRST_FIGURE) - 4, FIRST_FIGURE, i, unit);
	ck_assert_int_eq(fclose(out), 0);
	(void)snprintf(file, sizeof(file), "big%u.conf", from);
	harness_config(&h, file, "%s", text);
	free(text);
}

static void write_figures(unsigned int count, const char *unit)
{
	for (unsigned int from = 0; from < count; from += FILE_FIGURES) {
		unsigned int to = from + FILE_FIGURES;

		write_some_figures(from, to < count ? to : count, unit);
	}
}

static void begin(unsigned int figures)
{
	harness_start(&h);
	harness_plugin(&h, "boat_sightings");
	harness_file(&h, "sightings.csv", SIGHTINGS_HEADER, log_path);
	harness_config(&h, "sea.conf",
		       "[straitd]\nsocket = %s/private\n"
		       "[source sea]\nplugin = boat_sightings\nlog = %s\n",
		       h.directory, log_path);
	write_figures(figures, "boats");
	lines = 0;
	harness_daemon(&h);
	append_line();
	harness_wait_figure(&h, FIRST_FIGURE, 1);
	close_eyes();
}

static void set_up_small_bus(void)
{
	(void)setenv(PRIVATE_BUS_INCOMING, INCOMING, /* overwrite= */ 0);
	begin(FIGURES);
}

static void set_up(void)
{
	(void)unsetenv(PRIVATE_BUS_INCOMING);
	begin(FIGURES);
}

static void tear_down(void)
{
	close_eyes();
	process_done(&watch);
	harness_stop(&h);
}

/* A line of /proc/PID/status in KiB. */
static long status_kib(const char *field)
{
	char path[64], line[256];
	long kib = -1;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)h.daemon.pid);
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	while (kib < 0 && fgets(line, sizeof(line), file))
		if (strncmp(line, field, strlen(field)) == 0)
			kib = strtol(line + strlen(field), NULL, 10);
	(void)fclose(file);
	ck_assert_int_ge(kib, 0);
	return kib;
}

static void check_memory(const char *when)
{
	long peak = status_kib("VmHWM:");

	printf("%s: resident %ld KiB, at most %ld KiB\n", when, status_kib("VmRSS:"), peak);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what is freed */
	harness_assert(&h, peak <= RSS_MAX_KIB, "%ld KiB were resident", peak);
#endif
}

/* ── the watcher ───────────────────────────────────────────────────────────────────────────── */

static void watch_begin(void)
{
	CTL_BEGIN(&h, &watch, "--json", "watch", "--since", "0", FIRST_FIGURE);
}

/* Reads until the newest value, each change following from the one before, from `value` on. */
static double watch_until_now(double value)
{
	while (value != lines) {
		const char *line = process_line(&watch, HARNESS_DEADLINE_MS);
		json_t *change = line ? json_loads(line, 0, NULL) : NULL, *old;

		harness_assert(&h, json_is_object(change), "watch prints no change after %g: %s",
			       value, line ? line : "nothing");
		old = json_object_get(change, "old");
		harness_assert(&h, json_is_null(old) ? value == 0 : json_number_value(old) == value,
			       "watch missed something after %g: %s", value, line);
		value = json_number_value(json_object_get(change, "new"));
		json_decref(change);
	}
	return value;
}

/* ── a subscriber that never reads ─────────────────────────────────────────────────────────── */

static DBusConnection *stalled_open(void)
{
	DBusConnection *stalled = client_open(h.bus.address, /* registered= */ true);
	DBusError error = DBUS_ERROR_INIT;

	dbus_bus_add_match(stalled, "type='signal',sender='" NAME "'", &error);
	harness_assert(&h, !dbus_error_is_set(&error), "%s", error.message);
	return stalled;
}

/* Asks until it is answered after it was not; what is not answered ends with NoReply. Returns for
   how long, from when the first unanswered call was sent; 0 = it was always answered. */
static long long gap_of(DBusConnection *client, int timeout_ms)
{
	long long first = process_now_ms();
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *reply = try_ask(client, call_figure(FIRST_FIGURE), timeout_ms, &error);

	if (reply != NULL) {
		dbus_message_unref(reply);
		return 0;
	}
	while (reply == NULL) {
		harness_assert(&h, strcmp(error.name, DBUS_ERROR_NO_REPLY) == 0, "%s: %s",
			       error.name, error.message);
		dbus_error_free(&error);
		harness_assert(&h, process_now_ms() - first < CALL_MS,
			       "nothing is answered for %d ms", CALL_MS);
		reply = try_ask(client, call_figure(FIRST_FIGURE), timeout_ms, &error);
	}
	dbus_message_unref(reply);
	return process_now_ms() - first;
}

/* Commits until a call is not answered. */
static long long gap_by_commits(DBusConnection *client)
{
	for (unsigned int i = 0; i < LINES_MAX; i++) {
		long long gap;

		append_line();
		for (int calls = 0; calls < 8; calls++) {
			gap = gap_of(client, CALL_MS);
			if (gap > 0)
				return gap;
		}
	}
	harness_fail(&h, "the bus has not stopped reading after %u lines", lines);
}

START_TEST(calls_are_answered_soon_after_a_stalled_subscriber_stopped_the_bus)
{
	DBusConnection *steady = client_open(h.bus.address, /* registered= */ true);
	DBusConnection *stalled[2];
	double watched = 0;

	check_memory("before");
	watch_begin();
	watched = watch_until_now(watched);
	for (int i = 0; i < 2; i++) { /* at the bus's own limits one alone can do it only once */
		long long gap;

		stalled[i] = stalled_open();
		gap = gap_by_commits(steady);
		printf("stalled at %u lines: no answer for %lld ms\n", lines, gap);
		check_memory("after it");
		harness_assert(&h, gap < GAP_MAX_MS, "no answer for %lld ms", gap);
		harness_wait_log(&h, "went on with a second connection");
		wait_committed(steady);
		watched = watch_until_now(watched);
	}
	ck_assert_int_eq(kill(h.daemon.pid, 0), 0);
	for (int i = 0; i < 2; i++)
		client_close(stalled[i]);
	client_close(steady);
}
END_TEST

static pid_t owner_of(DBusConnection *client)
{
	const char *name = NAME;
	DBusMessage *call =
		dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS,
					     "GetConnectionUnixProcessID");
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *reply;
	dbus_uint32_t pid = 0;

	ck_assert(dbus_message_append_args(call, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID));
	reply = try_ask(client, call, CALL_MS, &error);
	if (reply == NULL) {
		dbus_error_free(&error);
		return 0;
	}
	ck_assert(dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT32, &pid, DBUS_TYPE_INVALID));
	dbus_message_unref(reply);
	return (pid_t)pid;
}

/* Commits until an answer is late, and does not wait for it. */
static void stall(DBusConnection *client)
{
	const int late_ms = 300;

	for (unsigned int i = 0; i < LINES_MAX; i++) {
		append_line();
		for (int calls = 0; calls < 8; calls++) {
			DBusError error = DBUS_ERROR_INIT;
			DBusMessage *reply =
				try_ask(client, call_figure(FIRST_FIGURE), late_ms, &error);

			if (reply == NULL) {
				dbus_error_free(&error);
				return;
			}
			dbus_message_unref(reply);
		}
	}
	harness_fail(&h, "the bus has not stopped reading after %u lines", lines);
}

START_TEST(a_new_daemon_gets_the_name_of_one_killed_while_the_bus_does_not_read)
{
	DBusConnection *steady = client_open(h.bus.address, /* registered= */ true);
	DBusConnection *stalled = stalled_open();
	pid_t killed = h.daemon.pid;

	stall(steady);
	ck_assert_int_eq(harness_daemon_end(&h, SIGKILL), 128 + SIGKILL);
	ck_assert_int_eq(owner_of(steady), killed); /* the bus has not even noticed */
	long long started = process_now_ms();

	harness_daemon_begin(&h);
	while (owner_of(steady) != h.daemon.pid)
		harness_assert(&h, process_now_ms() - started < HARNESS_DEADLINE_MS,
			       "process %d still has the name", (int)owner_of(steady));
	printf("the name is the new daemon's after %lld ms\n", process_now_ms() - started);
	wait_committed(steady); /* and no line is lost */
	client_close(stalled);
	client_close(steady);
}
END_TEST

/* ── the bus is killed ─────────────────────────────────────────────────────────────────────── */

START_TEST(no_commit_is_lost_while_there_is_no_bus)
{
	char address[HARNESS_PATH_MAX + 32];
	DBusConnection *private, *steady;
	pid_t daemon = h.daemon.pid;
	long long up;
	double watched;

	(void)snprintf(address, sizeof(address), "unix:path=%s/private", h.directory);
	watch_begin();
	watched = watch_until_now(0);
	private = client_open(address, /* registered= */ false);
	append_line();
	ck_assert_int_eq(kill(h.bus.pid, SIGKILL), 0);
	for (int i = 0; i < 50; i++) {
		append_line();
		wait_committed(private); /* which is there all the time */
	}
	up = process_now_ms();
	harness_bus_restart(&h);
	printf("the name is back %lld ms after the bus was started\n", process_now_ms() - up);
	for (int i = 0; i < 5; i++)
		append_line();
	steady = client_open(h.bus.address, /* registered= */ true);
	close_eyes();
	ck_assert_int_eq(owner_of(steady), daemon);
	wait_committed(steady);
	(void)watch_until_now(watched);
	client_close(steady);
	client_close(private);
}
END_TEST

/* ── floods ────────────────────────────────────────────────────────────────────────────────── */

#define FLOODERS     8
#define FLOOD_WINDOW 64
#define STEADY_CALLS 60 /* in a round */

static unsigned long *flood_answers; /* shared with the children */

/* Keeps so many calls under way until it is killed. A child must not fail as a test does. */
static void flood(const char *address)
{
	DBusConnection *client = dbus_connection_open_private(address, NULL);
	unsigned int pending = 0;

	if (client == NULL || !dbus_bus_register(client, NULL))
		_exit(1);
	dbus_connection_set_exit_on_disconnect(client, TRUE);
	for (unsigned int sent = 0;;) {
		DBusMessage *reply;

		while (pending < FLOOD_WINDOW) {
			DBusMessage *call = sent++ % 16 == 0 ? call_new("ListMetrics")
							     : call_figure(FIRST_FIGURE);

			(void)dbus_connection_send(client, call, NULL);
			dbus_message_unref(call);
			pending++;
		}
		(void)dbus_connection_read_write(client, -1);
		while ((reply = dbus_connection_pop_message(client)) != NULL) {
			if (dbus_message_get_reply_serial(reply) != 0) {
				pending--;
				(void)__atomic_fetch_add(flood_answers, 1, __ATOMIC_RELAXED);
			}
			dbus_message_unref(reply);
		}
	}
}

static pid_t begin_child(void (*run)(const char *address))
{
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		run(h.bus.address);
		_exit(0);
	}
	return child;
}

static void end_child(pid_t child)
{
	(void)kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Each is answered; returns the longest time. */
static long long ask_steadily(DBusConnection *steady, unsigned int calls)
{
	long long longest = 0;

	for (unsigned int i = 0; i < calls; i++) {
		long long before = process_now_ms(), took;

		(void)figure(steady);
		took = process_now_ms() - before;
		longest = took > longest ? took : longest;
	}
	return longest;
}

START_TEST(a_steady_client_is_answered_in_a_flood_of_calls)
{
	DBusConnection *steady = client_open(h.bus.address, /* registered= */ true);
	pid_t children[FLOODERS];

	flood_answers = mmap(NULL, sizeof(*flood_answers), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(flood_answers, MAP_FAILED);
	for (int i = 0; i < FLOODERS; i++)
		children[i] = begin_child(flood);
	for (int i = 0; i < 3; i++) {
		unsigned long before = __atomic_load_n(flood_answers, __ATOMIC_RELAXED), others;
		long long longest;

		append_line();
		longest = ask_steadily(steady, STEADY_CALLS);
		wait_committed(steady);
		others = __atomic_load_n(flood_answers, __ATOMIC_RELAXED) - before;
		printf("in a flood: the longest of %d calls %lld ms, of others %lu\n", STEADY_CALLS,
		       longest, others);
		ck_assert_uint_gt(others, STEADY_CALLS);
	}
	for (int i = 0; i < FLOODERS; i++)
		end_child(children[i]);
	ck_assert_int_eq(munmap(flood_answers, sizeof(*flood_answers)), 0);
	ck_assert(!harness_log_has(&h, "went on with a second connection"));
	check_memory("after a flood");
	client_close(steady);
}
END_TEST

START_TEST(match_rules_up_to_the_limit_harm_nobody)
{
	DBusConnection *steady = client_open(h.bus.address, /* registered= */ true);
	DBusConnection *rules[4];
	unsigned int added = 0;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		DBusError error = DBUS_ERROR_INIT;

		rules[i] = client_open(h.bus.address, /* registered= */ true);
		while (!dbus_error_is_set(&error)) {
			char rule[128];

			(void)snprintf(rule, sizeof(rule),
				       "type='signal',interface='" MANAGER "',arg1='source%u'",
				       added);
			dbus_bus_add_match(rules[i], rule, &error);
			added += !dbus_error_is_set(&error);
		}
		ck_assert_str_eq(error.name, DBUS_ERROR_LIMITS_EXCEEDED);
		dbus_error_free(&error);
	}
	ck_assert_uint_gt(added, 2000);
	for (int i = 0; i < 10; i++) {
		append_line();
		(void)ask_steadily(steady, 20);
		wait_committed(steady);
	}
	printf("%u match rules\n", added);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		client_close(rules[i]);
	client_close(steady);
}
END_TEST

/* At the bus's own limit, 127 MiB. It lets 128 replies be owed to one, so thousands need answers in
   between. When it holds so much for one caller it stops reading from the daemon, once. */
#define DEAF_CALLS 5000 /* with some 40 KiB in each answer */

START_TEST(a_caller_that_never_reads_its_replies_costs_others_a_moment)
{
	DBusConnection *steady = client_open(h.bus.address, /* registered= */ true);
	DBusConnection *deaf = client_open(h.bus.address, /* registered= */ true);
	long long longest = 0;
	unsigned int gaps = 0;

	for (int i = 0; i < DEAF_CALLS; i++) {
		DBusMessage *call = call_figures(NULL, 0);
		long long gap;

		ck_assert(dbus_connection_send(deaf, call, NULL));
		dbus_message_unref(call);
		if (i % 50 != 49)
			continue;
		dbus_connection_flush(deaf);
		gap = gap_of(steady, CALL_MS);
		gaps += gap > 0;
		longest = gap > longest ? gap : longest;
	}
	printf("a caller that never reads: %u gaps, the longest %lld ms\n", gaps, longest);
	ck_assert_uint_ge(gaps, 1);
	harness_assert(&h, longest < GAP_MAX_MS, "no answer for %lld ms", longest);
	client_close(deaf);
	append_line();
	wait_committed(steady);
	(void)ask_steadily(steady, 50);
	check_memory("after a caller that never reads");
	client_close(steady);
}
END_TEST

/* Many at once, so that some of those who must be looked up are still being. */
static void call_and_die(const char *address)
{
	static const char *const privileged[] = { "Retry", "Refresh" };
	DBusConnection *client = dbus_connection_open_private(address, NULL);

	if (client == NULL || !dbus_bus_register(client, NULL))
		_exit(1);
	for (unsigned int i = 0; i < 100; i++) {
		const char *source = "none-of-that-name";
		DBusMessage *call;

		if (i % 3 == 2) {
			call = call_figures(NULL, 0);
		} else {
			call = call_new(privileged[i % 3]);
			(void)dbus_message_append_args(call, DBUS_TYPE_STRING, &source,
						       DBUS_TYPE_INVALID);
		}
		(void)dbus_connection_send(client, call, NULL);
		dbus_message_unref(call);
	}
	dbus_connection_flush(client);
	_exit(0);
}

START_TEST(callers_that_die_with_calls_outstanding_harm_nobody)
{
	DBusConnection *steady = client_open(h.bus.address, /* registered= */ true);
	const char *source = "none-of-that-name";
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *call;

	for (int round = 0; round < 30; round++) {
		pid_t child = begin_child(call_and_die);

		(void)ask_steadily(steady, 10);
		ck_assert_int_eq(waitpid(child, NULL, 0), child);
	}
	append_line();
	wait_committed(steady);
	/* none of those look-ups is left over: one more finds room, and gets its own answer */
	call = call_new("Retry");
	ck_assert(dbus_message_append_args(call, DBUS_TYPE_STRING, &source, DBUS_TYPE_INVALID));
	ck_assert_ptr_null(try_ask(steady, call, CALL_MS, &error));
	ck_assert_str_eq(error.name, ERROR "NoSuchSource");
	dbus_error_free(&error);
	check_memory("after callers that died");
	client_close(steady);
}
END_TEST

START_TEST(a_reply_over_the_limit_is_refused)
{
	enum { OVER = 10001 };
	static const char *names[OVER];
	DBusConnection *steady = client_open(h.bus.address, /* registered= */ true);
	DBusError error = DBUS_ERROR_INIT;

	for (size_t i = 0; i < OVER; i++)
		names[i] = FIRST_FIGURE;
	for (int i = 0; i < 5; i++) {
		ck_assert_ptr_null(try_ask(steady, call_figures(names, OVER), CALL_MS, &error));
		ck_assert_str_eq(error.name, ERROR "TooLarge");
		dbus_error_free(&error);
		dbus_message_unref(ask(steady, call_figures(names, OVER - 1)));
	}
	(void)ask_steadily(steady, 50);
	check_memory("after replies at the limit");
	client_close(steady);
}
END_TEST

/* ── no reply is older than what it answers for ────────────────────────────────────────────── */

static double series_sum(DBusConnection *client)
{
	DBusMessage *reply = ask(client, call_series("GetSeries", "sightings.boats"));
	DBusMessageIter from, fields, array;
	const double *values;
	double sum = 0;
	int count;

	ck_assert(dbus_message_iter_init(reply, &from));
	dbus_message_iter_recurse(&from, &fields);
	ck_assert(dbus_message_iter_next(&fields) && dbus_message_iter_next(&fields));
	dbus_message_iter_recurse(&fields, &array);
	dbus_message_iter_get_fixed_array(&array, &values, &count);
	for (int i = 0; i < count; i++)
		sum += values[i];
	dbus_message_unref(reply);
	return sum;
}

/* The one day that there is: its value is behind the head and one start. */
static double series_fd_sum(DBusConnection *client)
{
	DBusMessage *reply = ask(client, call_series("GetSeriesFd", "sightings.boats"));
	uint64_t count = 0;
	double value = 0;
	int fd;

	ck_assert(dbus_message_get_args(reply, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID));
	dbus_message_unref(reply);
	ck_assert_int_eq(pread(fd, &count, sizeof(count), 0), sizeof(count));
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(pread(fd, &value, sizeof(value), 24 + 8), sizeof(value));
	ck_assert_int_eq(close(fd), 0);
	return value;
}

/* (ta(sdsssx)): how many, and value and unit of the first. */
static unsigned int listed(DBusConnection *client, const char *const *names, int asked,
			   double *ret_value, char *unit, size_t unit_size)
{
	DBusMessage *reply = ask(client, call_figures(names, asked));
	DBusMessageIter from, fields, rows, row;
	unsigned int count = 0;
	const char *text;

	ck_assert(dbus_message_iter_init(reply, &from));
	dbus_message_iter_recurse(&from, &fields);
	ck_assert(dbus_message_iter_next(&fields));
	dbus_message_iter_recurse(&fields, &rows);
	for (; dbus_message_iter_get_arg_type(&rows) == DBUS_TYPE_STRUCT; count++) {
		dbus_message_iter_recurse(&rows, &row);
		if (count == 0 && ret_value) {
			ck_assert(dbus_message_iter_next(&row));
			dbus_message_iter_get_basic(&row, ret_value);
			ck_assert(dbus_message_iter_next(&row));
			dbus_message_iter_get_basic(&row, &text);
			(void)snprintf(unit, unit_size, "%s", text);
		}
		(void)dbus_message_iter_next(&rows);
	}
	dbus_message_unref(reply);
	return count;
}

static void check_all_say(DBusConnection *client, const char *wanted_unit)
{
	const char *name = FIRST_FIGURE;
	char unit[64] = "";
	double value = 0;

	ck_assert_uint_eq(listed(client, &name, 1, &value, unit, sizeof(unit)), 1);
	ck_assert_double_eq(value, lines);
	ck_assert_str_eq(unit, wanted_unit);
	ck_assert_double_eq(figure(client), lines);
	ck_assert_double_eq(series_sum(client), lines);
	ck_assert_double_eq(series_fd_sum(client), lines);
}

START_TEST(what_is_kept_of_replies_is_never_older_than_the_last_change)
{
	DBusConnection *steady = client_open(h.bus.address, /* registered= */ true);
	unsigned int all = listed(steady, NULL, 0, NULL, NULL, 0);

	for (int i = 0; i < 20; i++) { /* commits; each question is asked before and after */
		check_all_say(steady, "boats");
		append_line();
		wait_committed(steady);
		check_all_say(steady, "boats");
	}
	write_figures(FIGURES - 10, "vessels"); /* another configuration */
	dbus_message_unref(ask(steady, call_new("Reload")));
	check_all_say(steady, "vessels");
	ck_assert_uint_eq(listed(steady, NULL, 0, NULL, NULL, 0), all - 10);
	write_figures(FIGURES, "boats");
	dbus_message_unref(ask(steady, call_new("Reload")));
	check_all_say(steady, "boats");
	ck_assert_uint_eq(listed(steady, NULL, 0, NULL, NULL, 0), all);
	client_close(steady);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hostile bus");
	TCase *small = tcase_create("stall"), *bus = tcase_create("bus");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(small, set_up_small_bus, tear_down);
	tcase_set_timeout(small, 300);
	tcase_add_test(small, calls_are_answered_soon_after_a_stalled_subscriber_stopped_the_bus);
	tcase_add_test(small, a_new_daemon_gets_the_name_of_one_killed_while_the_bus_does_not_read);
	tcase_add_checked_fixture(bus, set_up, tear_down);
	tcase_set_timeout(bus, 300);
	tcase_add_test(bus, no_commit_is_lost_while_there_is_no_bus);
	tcase_add_test(bus, a_steady_client_is_answered_in_a_flood_of_calls);
	tcase_add_test(bus, match_rules_up_to_the_limit_harm_nobody);
	tcase_add_test(bus, a_caller_that_never_reads_its_replies_costs_others_a_moment);
	tcase_add_test(bus, callers_that_die_with_calls_outstanding_harm_nobody);
	tcase_add_test(bus, a_reply_over_the_limit_is_refused);
	tcase_add_test(bus, what_is_kept_of_replies_is_never_older_than_the_last_change);
	suite_add_tcase(suite, small);
	suite_add_tcase(suite, bus);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
