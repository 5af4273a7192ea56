/* SPDX-License-Identifier: MIT
 *
 * test_bus_events.c - what the bus layer says unasked: signals and their order, changes gathered,
 * the cap on a bus that does not read; who may change something; and how it starts and ends: the
 * name, the bus that does not answer. Members and errors: test_bus.c. A bus that goes away or stops
 * reading: test_bus_reconnect.c.
 */
// needs: fake_ledger fake_sources
#include "bus_fixture.h"

#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <check.h>

#include "clock.h"

#define PROPERTIES_CHANGED "PropertiesChanged"
#define GROUP_ID	   4242

/* The machine need not have the group: the bus layer is told this. */
struct group *getgrnam(const char *name)
{
	static struct group group = { .gr_gid = GROUP_ID };

	return strcmp(name, BUS_GROUP) == 0 ? &group : NULL;
}

static void start_and_subscribe(void)
{
	bus_fixture_start();
	bus_client_subscribe(&fixture.client);
	bus_client_settle(&fixture.client);
	bus_client_forget(&fixture.client);
}

static void start_with_policy(void)
{
	const char *source = getenv("STRAIT_SOURCE");
	char path[512], *absolute; /* dbus-daemon takes it as relative to its own configuration */

	(void)snprintf(path, sizeof(path), "%s/conf/dbus/org.straitd.Straitd1.conf",
		       source ? source : ".");
	absolute = realpath(path, NULL);
	ck_assert_msg(absolute, "no %s", path);
	bus_fixture_start_with(absolute);
	free(absolute);
}

static void commit(const char *name, double value, enum strait_status status)
{
	struct commit_report report;

	fake_ledger_commit(fixture.ledger, name, value, status, "2020-09-02", &report);
	bus_figures_changed(fixture.service, &report);
}

/* The at-th signal of that path and name that has arrived, as text. */
static const char *arrived(const char *path, const char *name, size_t at)
{
	return bus_client_text(bus_client_wait(&fixture.client, path, name, at));
}

static size_t count(const char *path, const char *name)
{
	return bus_client_count(&fixture.client, path, name);
}

/* ── figures ───────────────────────────────────────────────────────────────────────────────── */

START_TEST(a_commit_is_told_once)
{
	commit("arrivals.people.latest", 416, STRAIT_FINAL);
	bus_client_settle(&fixture.client);
	ck_assert_str_eq(arrived(BUS_ROOT, "FiguresChanged", 0),
			 "3 'home-office' 'revised' [('arrivals.people.latest' 409 416 'final')]");
	ck_assert_str_eq(arrived(FIGURE_PATH, PROPERTIES_CHANGED, 0),
			 "'" BUS_IFACE_FIGURE
			 "' {'Value': <416>, 'Status': <'final'>, 'Sequence': <3>} []");
	ck_assert_str_eq(arrived(BUS_ROOT, PROPERTIES_CHANGED, 0),
			 "'" BUS_IFACE_MANAGER "' {'Sequence': <3>} []");
	ck_assert_uint_eq(fixture.client.signal_count, 3);
	/* the commit before what follows from it, the sequence last */
	ck_assert(dbus_message_has_member(fixture.client.signals[0], "FiguresChanged"));
	ck_assert(dbus_message_has_path(fixture.client.signals[2], BUS_ROOT));
}
END_TEST

START_TEST(changes_of_one_turn_become_one_signal_an_object)
{
	for (int i = 0; i < 5; i++)
		commit("arrivals.people.latest", 410 + i, STRAIT_FINAL);
	bus_client_settle(&fixture.client);
	ck_assert_uint_eq(count(BUS_ROOT, "FiguresChanged"), 5);
	ck_assert_uint_eq(count(FIGURE_PATH, PROPERTIES_CHANGED), 1);
	ck_assert_uint_eq(count(BUS_ROOT, PROPERTIES_CHANGED), 1);
	ck_assert_str_eq(arrived(FIGURE_PATH, PROPERTIES_CHANGED, 0),
			 "'" BUS_IFACE_FIGURE
			 "' {'Value': <414>, 'Status': <'final'>, 'Sequence': <7>} []");
}
END_TEST

START_TEST(a_change_taken_back_in_the_same_turn_is_no_change)
{
	fake_ledger_set_stale_figure(fixture.ledger, "arrivals.people.latest", true);
	bus_source_changed(fixture.service, "home-office", false);
	fake_ledger_set_stale_figure(fixture.ledger, "arrivals.people.latest", false);
	bus_source_changed(fixture.service, "home-office", true);
	(void)bus_client_wait(&fixture.client, BUS_ROOT, "SourceChanged", 0);
	for (int64_t until = clock_monotonic_ms() + 3 * BUS_CHANGES_DELAY_MS;
	     clock_monotonic_ms() < until;)
		bus_client_turn(&fixture.client);
	ck_assert_uint_eq(count(NULL, PROPERTIES_CHANGED), 0);
}
END_TEST

/* The annotation says that every change is told: also those that come without a commit. */
START_TEST(a_publication_without_a_new_value_is_told)
{
	fake_ledger_republish(fixture.ledger, "arrivals.people.latest", FAKE_RESTATED_MS);
	bus_source_changed(fixture.service, "home-office", false);
	ck_assert_str_eq(arrived(FIGURE_PATH, PROPERTIES_CHANGED, 0),
			 "'" BUS_IFACE_FIGURE "' {'PublishedAt': <1627300800000>} []");
	ck_assert_uint_eq(count(BUS_ROOT, "FiguresChanged"), 0);
}
END_TEST

START_TEST(new_figures_and_gone_ones_are_announced)
{
	static const char *const name[] = { "" };
	const char *text;
	DBusMessage *reply;

	commit("a.new.one", 1, STRAIT_FINAL);
	text = arrived(BUS_ROOT, "InterfacesAdded", 0);
	ck_assert_msg(strstr(text, "'" BUS_ROOT "/figure/a_2enew_2eone' {'" BUS_IFACE_FIGURE
				   "': {'Name': <'a.new.one'>") == text,
		      "%s", text);
	ck_assert_uint_eq(count(BUS_ROOT "/figure/a_2enew_2eone", PROPERTIES_CHANGED), 0);
	fake_ledger_remove(fixture.ledger, "arrivals.people.latest");
	reply = bus_client_ask(&fixture.client,
			       bus_client_message(&fixture.client, FIGURE_PATH,
						  DBUS_INTERFACE_PROPERTIES, "GetAll", "s", name));
	ck_assert_str_eq(bus_client_text(reply), "!org.freedesktop.DBus.Error.UnknownObject");
	dbus_message_unref(reply);
	commit("a.new.one", 2, STRAIT_FINAL);
	ck_assert_str_eq(arrived(BUS_ROOT, "InterfacesRemoved", 0),
			 "'" FIGURE_PATH "' ['" BUS_IFACE_FIGURE "']");
}
END_TEST

START_TEST(thousands_of_figures_come_and_go)
{
	char name[64];

	for (int i = 0; i < 300;
	     i++) { /* from both ends, so that the order of arrival is not theirs */
		(void)snprintf(name, sizeof(name), "many.%03d", i % 2 ? i : 300 - i);
		fake_ledger_commit(fixture.ledger, name, i, STRAIT_FINAL, "2020", NULL);
	}
	commit("many.999", 1, STRAIT_FINAL);
	bus_client_settle(&fixture.client);
	ck_assert_uint_eq(count(BUS_ROOT, "InterfacesAdded"), 301);
	bus_client_forget(&fixture.client);
	for (int i = 1; i < 300; i += 2) {
		(void)snprintf(name, sizeof(name), "many.%03d", i);
		fake_ledger_remove(fixture.ledger, name);
	}
	commit("many.999", 2, STRAIT_FINAL);
	bus_client_settle(&fixture.client);
	ck_assert_uint_eq(count(BUS_ROOT, "InterfacesRemoved"), 150);
	ck_assert_uint_eq(count(BUS_ROOT, "InterfacesAdded"), 0);
	ck_assert_uint_eq(count(NULL, PROPERTIES_CHANGED), 2);
}
END_TEST

/* ── sources and jobs ──────────────────────────────────────────────────────────────────────── */

START_TEST(a_state_is_told_at_once_and_with_its_reason)
{
	struct source_info *info = fake_source(fixture.sources, "home-office");

	info->state = SOURCE_BACKOFF;
	info->reason = "worker died by signal 11; restarting in 4 s";
	info->restarts = 1;
	bus_source_changed(fixture.service, "home-office", true);
	bus_client_settle(&fixture.client);
	ck_assert_str_eq(arrived(BUS_ROOT, "SourceChanged", 0),
			 "'home-office' 'backoff' 'worker died by signal 11; restarting in 4 s'");
	ck_assert_str_eq(
		arrived(SOURCE_PATH, PROPERTIES_CHANGED, 0),
		"'" BUS_IFACE_SOURCE "' {'State': <'backoff'>, "
		"'Reason': <'worker died by signal 11; restarting in 4 s'>, 'Restarts': <1>} []");
}
END_TEST

START_TEST(counters_are_told_but_not_every_time)
{
	struct source_info *info = fake_source(fixture.sources, "home-office");

	for (int i = 0; i < 20; i++) {
		info->accepted++;
		bus_source_changed(fixture.service, "home-office", false);
		bus_client_turn(&fixture.client);
	}
	(void)bus_client_wait(&fixture.client, SOURCE_PATH, PROPERTIES_CHANGED, 0);
	while (strcmp(arrived(SOURCE_PATH, PROPERTIES_CHANGED,
			      count(SOURCE_PATH, PROPERTIES_CHANGED) - 1),
		      "'" BUS_IFACE_SOURCE "' {'Accepted': <27>} []") != 0)
		bus_client_turn(&fixture.client);
	ck_assert_uint_le(count(SOURCE_PATH, PROPERTIES_CHANGED), 5);
	ck_assert_uint_eq(count(BUS_ROOT, "SourceChanged"), 0);
}
END_TEST

START_TEST(sources_come_and_go)
{
	(void)fake_source(fixture.sources, "police");
	bus_source_added(fixture.service, "police");
	ck_assert_ptr_nonnull(
		strstr(arrived(BUS_ROOT, "InterfacesAdded", 0), BUS_ROOT "/source/police"));
	fake_source_remove(fixture.sources, "home-office");
	bus_source_removed(fixture.service, "home-office");
	ck_assert_str_eq(arrived(BUS_ROOT, "InterfacesRemoved", 0),
			 "'" SOURCE_PATH "' ['" BUS_IFACE_SOURCE "']");
	ck_assert_uint_eq(fixture.client.signal_count, 2);
}
END_TEST

START_TEST(finished_comes_last)
{
	struct job_info *job = fake_job(fixture.sources, 1);

	job->state = JOB_READING;
	job->accepted = 10;
	bus_job_changed(fixture.service, 1, false);
	job->state = JOB_FAILED;
	job->error = "no sheet 'SB_01'";
	bus_job_changed(fixture.service, 1, true);
	bus_client_settle(&fixture.client);
	ck_assert_str_eq(arrived(BUS_ROOT "/job/1", "Finished", 0), "'failed' 'no sheet 'SB_01''");
	ck_assert_str_eq(arrived(BUS_ROOT "/job/1", PROPERTIES_CHANGED, 0),
			 "'" BUS_IFACE_JOB "' {'State': <'failed'>, 'Accepted': <10>, "
			 "'Error': <'no sheet 'SB_01''>} []");
	ck_assert_uint_eq(fixture.client.signal_count, 2);
	ck_assert(dbus_message_has_member(fixture.client.signals[1], "Finished"));
}
END_TEST

START_TEST(jobs_come_and_go)
{
	bus_job_added(fixture.service, fake_job(fixture.sources, 0)->id);
	bus_client_settle(&fixture.client);
	fake_job_remove(fixture.sources, 1);
	bus_job_removed(fixture.service, 1);
	bus_client_settle(&fixture.client);
	ck_assert_uint_eq(count(BUS_ROOT, "InterfacesAdded"), 1);
	ck_assert_str_eq(arrived(BUS_ROOT, "InterfacesRemoved", 0),
			 "'" BUS_ROOT "/job/1' ['" BUS_IFACE_JOB "']");
}
END_TEST

static const char *ready(void)
{
	static const char *const names[] = { BUS_IFACE_MANAGER, "Ready" };
	DBusMessage *reply = bus_client_ask(
		&fixture.client, bus_client_message(&fixture.client, BUS_ROOT,
						    DBUS_INTERFACE_PROPERTIES, "Get", "ss", names));
	const char *text = bus_client_text(reply);

	dbus_message_unref(reply);
	return text;
}

START_TEST(ready_stays_once_it_is)
{
	fixture.service->ready = false; /* as if started now */
	fake_source(fixture.sources, "home-office")->state = SOURCE_STARTING;
	ck_assert_str_eq(ready(), "<false>");
	bus_changes_sweep(fixture.service->changes, BUS_KIND_ROOT, /* quiet= */ true);
	fake_source(fixture.sources, "home-office")->state = SOURCE_IDLE;
	bus_source_changed(fixture.service, "home-office", true);
	ck_assert_str_eq(arrived(BUS_ROOT, PROPERTIES_CHANGED, 0),
			 "'" BUS_IFACE_MANAGER "' {'Ready': <true>} []");
	fake_source(fixture.sources, "home-office")->state = SOURCE_STARTING; /* a restart */
	ck_assert_str_eq(ready(), "<true>");
}
END_TEST

/* ── a bus that does not read ──────────────────────────────────────────────────────────────── */

/* About 90 bytes a row. */
static void commit_wide(const struct figure_change *rows, size_t row_count)
{
	struct commit_report report;

	fake_ledger_commit(fixture.ledger, "arrivals.people.latest", 1, STRAIT_FINAL, "2020-09-02",
			   &report);
	report.rows = rows;
	report.row_count = row_count;
	bus_figures_changed(fixture.service, &report);
}

START_TEST(signals_stop_at_the_cap_and_resume)
{
	enum { ROWS = 4000, COMMITS = 100 };
	struct figure_change *rows = calloc(ROWS, sizeof(*rows));
	DBusConnection *connection = fixture.service->connection;
	size_t told;

	ck_assert_ptr_nonnull(rows);
	for (size_t i = 0; i < ROWS; i++)
		rows[i] = (struct figure_change){ "arrivals.people.a_rather_long_name.latest", 1, 2,
						  STRAIT_FINAL };
	ck_assert_int_eq(kill(fixture.bus.pid, SIGSTOP), 0);
	for (int i = 0; i < COMMITS; i++) {
		commit_wide(rows, ROWS);
		(void)event_base_loop(fixture.base, EVLOOP_NONBLOCK);
	}
	free(rows);
	ck_assert_int_lt(dbus_connection_get_outgoing_size(connection),
			 BUS_OUTGOING_MAX + (1L << 20));
	ck_assert_int_gt(dbus_connection_get_outgoing_size(connection), BUS_OUTGOING_MAX);
	ck_assert_msg(strstr(fixture.log, "has not read") && !strstr(fixture.log, "reads again"),
		      "%s", fixture.log);
	ck_assert_ptr_eq(strstr(strstr(fixture.log, "has not read") + 1, "has not read"),
			 NULL); /* said once */

	ck_assert_int_eq(kill(fixture.bus.pid, SIGCONT), 0);
	/* what was held back arrives, gathered: the newest sequence */
	for (;;) {
		size_t at = 0;
		char newest[64];

		(void)snprintf(newest, sizeof(newest),
			       "'" BUS_IFACE_MANAGER "' {'Sequence': <%d>} []", COMMITS + 2);
		told = count(BUS_ROOT, PROPERTIES_CHANGED);
		while (at < told && strcmp(arrived(BUS_ROOT, PROPERTIES_CHANGED, at), newest) != 0)
			at++;
		if (at < told)
			break;
		(void)bus_client_wait(&fixture.client, BUS_ROOT, PROPERTIES_CHANGED, told);
	}
	ck_assert_msg(strstr(fixture.log, "reads again"), "%s", fixture.log);
	told = count(BUS_ROOT, "FiguresChanged");
	ck_assert_uint_lt(told, COMMITS);
	commit("arrivals.people.latest", 5, STRAIT_FINAL);
	(void)bus_client_wait(&fixture.client, BUS_ROOT, "FiguresChanged", told);
}
END_TEST

/* ── many calls ────────────────────────────────────────────────────────────────────────────── */

static void send_calls(DBusPendingCall **pending, size_t count_of, const char *member,
		       const char *signature, const char *const *arguments)
{
	for (size_t i = 0; i < count_of; i++) {
		DBusMessage *message = bus_client_message(
			&fixture.client, BUS_ROOT, BUS_IFACE_MANAGER, member, signature, arguments);

		ck_assert(dbus_connection_send_with_reply(fixture.client.connection, message,
							  &pending[i], -1));
		dbus_message_unref(message);
	}
	dbus_connection_flush(fixture.client.connection);
}

static void take_replies(DBusPendingCall **pending, size_t count_of, const char *signature)
{
	int64_t deadline = clock_monotonic_ms() + 2 * BUS_CLIENT_DEADLINE_MS;

	for (size_t i = 0; i < count_of; i++) {
		DBusMessage *reply;

		while (!dbus_pending_call_get_completed(pending[i])) {
			ck_assert_msg(clock_monotonic_ms() < deadline, "call %zu is not answered",
				      i);
			bus_client_turn(&fixture.client);
		}
		reply = dbus_pending_call_steal_reply(pending[i]);
		ck_assert_str_eq(dbus_message_get_signature(reply), signature);
		dbus_message_unref(reply);
		dbus_pending_call_unref(pending[i]);
	}
}

/* Reads without dispatching until nothing more comes: the calls wait in libdbus's queue, no
   descriptor will tell the loop of them, and libdbus does not tell either: as after the blocking
   calls at start. */
static void read_calls(void)
{
	DBusConnection *connection = fixture.service->connection;
	struct pollfd ready = { .events = POLLIN };

	ck_assert(dbus_connection_get_unix_fd(connection, &ready.fd));
	while (poll(&ready, 1, 500) == 1)
		ck_assert(dbus_connection_read_write(connection, 0));
}

START_TEST(calls_left_over_are_answered_without_new_input)
{
	static const char *const name[] = { "arrivals.people.latest" };
	enum { CALLS = 5 * BUS_LOOP_MESSAGES_PER_TURN };
	DBusPendingCall *pending[CALLS];

	send_calls(pending, CALLS, "GetFigure", "s", name);
	read_calls();
	bus_loop_check(fixture.service->loop);
	take_replies(pending, CALLS, "(dsssxt)");
}
END_TEST

/* Replies pile up only so far when the bus stops reading, and none is lost. */
START_TEST(calls_wait_while_replies_are_not_read)
{
	static const char *const query[] = { "arrivals.people", "", "", "", "0" };
	enum { CALLS = 60 }; /* of 1.7 MB each */
	DBusPendingCall *pending[CALLS];
	DBusConnection *connection = fixture.service->connection;

	fake_ledger_set_points(fixture.ledger, BUS_SERIES_POINTS_MAX);
	send_calls(pending, CALLS, "GetSeries", "sa{ss}ssx", query);
	read_calls();
	ck_assert_int_eq(kill(fixture.bus.pid, SIGSTOP), 0);
	bus_loop_check(fixture.service->loop);
	for (int i = 0; i < 200; i++)
		(void)event_base_loop(fixture.base, EVLOOP_NONBLOCK);
	ck_assert_int_gt(dbus_connection_get_outgoing_size(connection), BUS_LOOP_OUTGOING_PAUSE);
	ck_assert_int_lt(dbus_connection_get_outgoing_size(connection),
			 BUS_LOOP_OUTGOING_PAUSE + (4L << 20));
	ck_assert_int_eq(kill(fixture.bus.pid, SIGCONT), 0);
	take_replies(pending, CALLS, "(saxaday)");
}
END_TEST

/* ── who may change something ──────────────────────────────────────────────────────────────── */

static const char reload[] = BUS_IFACE_MANAGER ".Reload";
static const char get_figure[] = BUS_IFACE_MANAGER ".GetFigure";

static const char *send_as(unsigned int uid, unsigned int gid, const char *method,
			   const char *argument)
{
	const char *const argv[] = { "dbus-send", "--session", "--print-reply", "--dest=" BUS_NAME,
				     BUS_ROOT,	  method,      argument,	NULL };

	return bus_fixture_run(uid, gid, argv);
}

static bool can_try_others(void)
{
	if (geteuid() == 0)
		return true;
	fprintf(stderr, "not root: access of other users not tried\n");
	return false;
}

START_TEST(a_stranger_may_read_but_not_reload)
{
	if (!can_try_others())
		return;
	ck_assert_ptr_nonnull(strstr(send_as(65534, 0, get_figure, "string:arrivals.people.latest"),
				     "double 409"));
	ck_assert_ptr_nonnull(
		strstr(send_as(65534, 0, reload, NULL),
		       "Error org.straitd.Straitd1.Error.AccessDenied: Reload is for root and "
		       "members of the group 'straitd'"));
	ck_assert_uint_eq(fixture.reloads, 0);
}
END_TEST

START_TEST(a_member_of_the_group_may_reload)
{
	const char *output;

	if (!can_try_others())
		return;
	output = send_as(65534, GROUP_ID, reload, NULL);
	ck_assert_msg(strstr(output, "method return") && fixture.reloads == 1, "%s", output);
	ck_assert_ptr_nonnull(strstr(send_as(65534, GROUP_ID + 1, reload, NULL), "AccessDenied"));
	ck_assert_uint_eq(fixture.reloads, 1);
}
END_TEST

START_TEST(our_own_user_may_reload)
{
	ck_assert_ptr_nonnull(strstr(send_as(0, 0, reload, NULL), "method return"));
	ck_assert_uint_eq(fixture.reloads, 1);
}
END_TEST

/* Handed over without a turn of the loop between them, so that no answer of the bus can come in. */
START_TEST(too_many_privileged_calls_at_once_are_busy)
{
	const char *self = dbus_bus_get_unique_name(fixture.client.connection);

	for (unsigned int i = 0; i < BUS_ACCESS_PENDING_MAX + 10; i++) {
		DBusMessage *message = bus_client_message(&fixture.client, BUS_ROOT,
							  BUS_IFACE_MANAGER, "Reload", "", NULL);

		ck_assert(dbus_message_set_sender(message, self));
		dbus_message_set_serial(message, 1000 + i);
		bus_object_call(fixture.service, fixture.service->connection, message);
		dbus_message_unref(message);
	}
	ck_assert_uint_eq(fixture.reloads, 0);
	for (int i = 0; i < 3; i++)
		bus_client_settle(&fixture.client);
	ck_assert_uint_eq(fixture.reloads, BUS_ACCESS_PENDING_MAX);
	ck_assert_ptr_nonnull(
		strstr(send_as(0, 0, reload, NULL), "method return")); /* and it is over */
}
END_TEST

START_TEST(the_policy_lets_strangers_read_only)
{
	const char *output;

	if (!can_try_others())
		return;
	output = send_as(65534, 0, get_figure, "string:arrivals.people.latest");
	ck_assert_msg(strstr(output, "double 409"), "%s", output);
	output = send_as(65534, 0, reload, NULL);
	ck_assert_msg(
		strstr(output,
		       "Error org.freedesktop.DBus.Error.AccessDenied: Rejected send message"),
		"%s", output);
	output = send_as(65534, 0, BUS_IFACE_MANAGER ".Retry", "string:home-office");
	ck_assert_msg(strstr(output, "org.freedesktop.DBus.Error.AccessDenied"), "%s", output);
	ck_assert_ptr_nonnull(strstr(send_as(0, 0, reload, NULL), "method return"));
	ck_assert_uint_eq(fixture.reloads, 1);
}
END_TEST

/* ── start and end ─────────────────────────────────────────────────────────────────────────── */

static void wait_lost(void)
{
	int64_t deadline = clock_monotonic_ms() + BUS_CLIENT_DEADLINE_MS;

	while (!fixture.lost[0]) {
		ck_assert_int_lt(clock_monotonic_ms(), deadline);
		(void)event_base_loop(fixture.base, EVLOOP_NONBLOCK);
	}
}

START_TEST(a_lost_name_ends_the_daemon)
{
	DBusError error = DBUS_ERROR_INIT;
	int answer = dbus_bus_request_name(fixture.client.connection, BUS_NAME,
					   DBUS_NAME_FLAG_REPLACE_EXISTING, &error);

	ck_assert_int_eq(answer, DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER);
	wait_lost();
	ck_assert_ptr_nonnull(strstr(fixture.lost, "took over the bus name"));
}
END_TEST

static int open_again(const char *address, int timeout_ms, struct bus **ret_bus,
		      struct fault *fault)
{
	return bus_open_within(fixture.base, address, timeout_ms, fixture.ledger, fixture.sources,
			       fixture.service->requests, &fixture, ret_bus, fault);
}

START_TEST(a_name_that_is_not_given_up_is_an_error)
{
	struct private_bus other;
	struct bus_client owner;
	struct bus *second = NULL;
	struct fault fault;

	private_bus_start(&other, NULL);
	bus_client_open(&owner, NULL, other.address, BUS_NAME);
	ck_assert_int_eq(dbus_bus_request_name(owner.connection, BUS_NAME, 0, NULL),
			 DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER);
	ck_assert_int_lt(open_again(other.address, 5000, &second, &fault), 0);
	ck_assert_int_eq(fault.kind, FAULT_BUSY);
	ck_assert_ptr_nonnull(strstr(fault.text, "stop it, then start straitd again"));
	bus_client_close(&owner);
	private_bus_stop(&other);
}
END_TEST

START_TEST(a_second_daemon_replaces_the_first)
{
	struct bus *second = NULL;
	struct fault fault;

	ck_assert_int_eq(open_again(fixture.bus.address, 5000, &second, &fault), 0);
	wait_lost();
	ck_assert_ptr_nonnull(second);
	(void)bus_free(second);
}
END_TEST

/* A socket that takes connections (into its backlog) and never says a word. */
START_TEST(a_bus_that_does_not_answer_costs_the_deadline_only)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int64_t begin = clock_monotonic_ms();
	struct bus *second = NULL;
	struct fault fault;
	char address[160];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(name.sun_path, sizeof(name.sun_path), "%s/dumb", fixture.bus.directory);
	(void)snprintf(address, sizeof(address), "unix:path=%s", name.sun_path);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	ck_assert_int_lt(open_again(address, 200, &second, &fault), 0);
	ck_assert_int_ge(clock_monotonic_ms() - begin, 150);
	ck_assert_int_lt(clock_monotonic_ms() - begin, 3000);
	ck_assert_ptr_nonnull(strstr(fault.text, "does not answer"));
	(void)unlink(name.sun_path);
	(void)close(fd);
}
END_TEST

static const char *const bad_addresses[] = {
	"", "nonsense", "unix:path=/nonexistent/bus", "unix:", "session",
};

START_TEST(a_bad_address_is_a_sentence)
{
	struct bus *second = NULL;
	struct fault fault = { 0 };

	(void)unsetenv("DBUS_SESSION_BUS_ADDRESS");
	(void)unsetenv("XDG_RUNTIME_DIR");
	ck_assert_int_lt(open_again(bad_addresses[_i], 1000, &second, &fault), 0);
	ck_assert_uint_gt(strlen(fault.text), 20);
	ck_assert_ptr_null(second);
}
END_TEST

START_TEST(session_and_system_are_found_by_the_environment)
{
	struct bus *second = NULL;
	struct fault fault;

	(void)setenv("DBUS_SESSION_BUS_ADDRESS", fixture.bus.address, 1);
	ck_assert_int_eq(open_again("session", 5000, &second, &fault), 0);
	second = bus_free(second);
	(void)setenv("DBUS_SYSTEM_BUS_ADDRESS", fixture.bus.address, 1);
	ck_assert_int_eq(open_again("system", 5000, &second, &fault), 0);
	(void)bus_free(second);
}
END_TEST

START_TEST(a_call_in_mid_check_does_not_outlive_the_bus)
{
	DBusMessage *message = bus_client_message(&fixture.client, BUS_ROOT, BUS_IFACE_MANAGER,
						  "Reload", "", NULL);

	ck_assert(dbus_connection_send(fixture.client.connection, message, NULL));
	dbus_message_unref(message);
	dbus_connection_flush(fixture.client.connection);
	/* one turn at a time of the service only, until the question is out */
	for (int64_t until = clock_monotonic_ms() + 2000;
	     clock_monotonic_ms() < until && !fixture.reloads;) {
		(void)event_base_loop(fixture.base, EVLOOP_NONBLOCK);
		if (dbus_connection_get_outgoing_size(fixture.service->connection) ||
		    fixture.reloads)
			break;
	}
	fixture.service = bus_free(fixture.service); /* a sanitizer sees what is left */
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

static void add_signals(Suite *suite)
{
	TCase *tests = tcase_create("signals");

	tcase_add_checked_fixture(tests, start_and_subscribe, bus_fixture_stop);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_commit_is_told_once);
	tcase_add_test(tests, changes_of_one_turn_become_one_signal_an_object);
	tcase_add_test(tests, a_change_taken_back_in_the_same_turn_is_no_change);
	tcase_add_test(tests, a_publication_without_a_new_value_is_told);
	tcase_add_test(tests, new_figures_and_gone_ones_are_announced);
	tcase_add_test(tests, thousands_of_figures_come_and_go);
	tcase_add_test(tests, a_state_is_told_at_once_and_with_its_reason);
	tcase_add_test(tests, counters_are_told_but_not_every_time);
	tcase_add_test(tests, sources_come_and_go);
	tcase_add_test(tests, finished_comes_last);
	tcase_add_test(tests, jobs_come_and_go);
	tcase_add_test(tests, ready_stays_once_it_is);
	tcase_add_test(tests, signals_stop_at_the_cap_and_resume);
	suite_add_tcase(suite, tests);
}

static void add_calls(Suite *suite)
{
	TCase *tests = tcase_create("many calls");

	tcase_add_checked_fixture(tests, bus_fixture_start, bus_fixture_stop);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, calls_left_over_are_answered_without_new_input);
	tcase_add_test(tests, calls_wait_while_replies_are_not_read);
	suite_add_tcase(suite, tests);
}

static void add_access(Suite *suite)
{
	TCase *tests = tcase_create("access"), *policy = tcase_create("policy");

	tcase_add_checked_fixture(tests, bus_fixture_start, bus_fixture_stop);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, a_stranger_may_read_but_not_reload);
	tcase_add_test(tests, a_member_of_the_group_may_reload);
	tcase_add_test(tests, our_own_user_may_reload);
	tcase_add_test(tests, too_many_privileged_calls_at_once_are_busy);
	suite_add_tcase(suite, tests);
	if (geteuid() != 0) /* who else may not own the name there */
		return;
	tcase_add_checked_fixture(policy, start_with_policy, bus_fixture_stop);
	tcase_add_test(policy, the_policy_lets_strangers_read_only);
	suite_add_tcase(suite, policy);
}

static void add_ends(Suite *suite)
{
	TCase *tests = tcase_create("ends");

	tcase_add_checked_fixture(tests, bus_fixture_start, bus_fixture_stop);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, a_lost_name_ends_the_daemon);
	tcase_add_test(tests, a_name_that_is_not_given_up_is_an_error);
	tcase_add_test(tests, a_second_daemon_replaces_the_first);
	tcase_add_test(tests, a_bus_that_does_not_answer_costs_the_deadline_only);
	tcase_add_loop_test(tests, a_bad_address_is_a_sentence, 0, ROWS(bad_addresses));
	tcase_add_test(tests, session_and_system_are_found_by_the_environment);
	tcase_add_test(tests, a_call_in_mid_check_does_not_outlive_the_bus);
	suite_add_tcase(suite, tests);
}

int main(void)
{
	Suite *suite = suite_create("bus events");
	SRunner *runner;
	int failed;

	add_signals(suite);
	add_calls(suite);
	add_access(suite);
	add_ends(suite);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
