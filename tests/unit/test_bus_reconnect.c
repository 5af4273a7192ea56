/* SPDX-License-Identifier: MIT
 *
 * test_bus_reconnect.c - the bus layer on a real dbus-daemon with its default limits, when that
 * goes, comes back, hangs, or stops reading because a subscriber does not read. Test program.
 */
// needs: fake_ledger fake_sources
#include "bus_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "clock.h"

#define WAIT_MS	      20000
#define ANSWER_MAX_MS 10000 /* generous: what it takes is measured elsewhere */

static void commit(double value)
{
	struct commit_report report;

	fake_ledger_commit(fixture.ledger, "arrivals.people.latest", value, STRAIT_FINAL,
			   "2020-09-02", &report);
	bus_figures_changed(fixture.service, &report);
}

static void turn(void)
{
	(void)event_base_loop(fixture.base, EVLOOP_NONBLOCK);
}

static bool logged(const char *text)
{
	return strstr(fixture.log, text) != NULL;
}

static void wait_logged(const char *text)
{
	int64_t deadline = clock_monotonic_ms() + WAIT_MS;

	while (!logged(text)) {
		ck_assert_msg(clock_monotonic_ms() < deadline, "no '%s' in: %s", text, fixture.log);
		turn();
	}
}

static size_t times_logged(const char *text)
{
	size_t count = 0;

	for (const char *at = fixture.log; (at = strstr(at, text)); at++)
		count++;
	return count;
}

static const char *ask_figure(struct bus_client *client)
{
	static const char *const name[] = { "arrivals.people.latest" };
	DBusMessage *reply =
		bus_client_ask(client, bus_client_message(client, BUS_ROOT, BUS_IFACE_MANAGER,
							  "GetFigure", "s", name));
	const char *text = bus_client_text(reply);

	dbus_message_unref(reply);
	return text;
}

/* ── the bus goes ──────────────────────────────────────────────────────────────────────────── */

/* With a client on the new bus that has subscribed before straitd is there. */
static void restart_bus(void)
{
	bus_client_close(&fixture.client);
	private_bus_restart(&fixture.bus);
	bus_client_open(&fixture.client, NULL, fixture.bus.address, BUS_NAME);
	bus_client_subscribe(&fixture.client);
	fixture.client.base = fixture.base;
}

START_TEST(a_bus_that_was_started_again_is_come_back_to)
{
	char value[16];

	for (int round = 1; round <= 3; round++) {
		restart_bus();
		wait_logged("closed the connection");
		commit(round * 100); /* goes on */
		wait_logged("back on the message bus");
		(void)snprintf(value, sizeof(value), "(%d00 ", round);
		ck_assert_int_eq(strncmp(ask_figure(&fixture.client), value, strlen(value)), 0);
		ck_assert(!fixture.away);
		ck_assert_str_eq(fixture.lost, "");
		ck_assert_uint_eq(times_logged("\n"), 2); /* gone, back */
		fixture.log[0] = '\0';
	}
}
END_TEST

START_TEST(ending_without_a_bus_is_no_trouble)
{
	private_bus_stop(&fixture.bus);
	wait_logged("closed the connection");
	ck_assert(fixture.away);
	commit(1);
	commit(2);
	bus_client_close(&fixture.client);
	fixture.service = bus_free(fixture.service);
}
END_TEST

START_TEST(subscribers_of_the_new_bus_hear_of_the_time_without_it)
{
	DBusMessage *told;

	restart_bus();
	wait_logged("closed the connection");
	commit(416);
	commit(417);
	told = bus_client_wait(&fixture.client, FIGURE_PATH, "PropertiesChanged", 0);
	ck_assert_ptr_nonnull(strstr(bus_client_text(told), "'Value': <417>"));
	told = bus_client_wait(&fixture.client, BUS_ROOT, "PropertiesChanged", 0);
	ck_assert_ptr_nonnull(strstr(bus_client_text(told), "'Sequence': <4>"));
	ck_assert_uint_eq(bus_client_count(&fixture.client, BUS_ROOT, "FiguresChanged"), 0);
	ck_assert_msg(logged("missed commits from 3 to 4"), "%s", fixture.log);
	commit(418);
	(void)bus_client_wait(&fixture.client, BUS_ROOT, "FiguresChanged", 0);
}
END_TEST

START_TEST(a_bus_that_stays_away_is_complained_of_once)
{
	private_bus_stop(&fixture.bus);
	wait_logged("no new connection to the message bus yet");
	for (int64_t until = clock_monotonic_ms() + 1000; clock_monotonic_ms() < until;)
		(void)event_base_loop(fixture.base, EVLOOP_ONCE);
	ck_assert_uint_eq(times_logged("\n"), 2);
	ck_assert(fixture.away);
}
END_TEST

START_TEST(a_name_that_somebody_holds_on_the_new_bus_ends_the_daemon)
{
	int64_t deadline = clock_monotonic_ms() + WAIT_MS;

	restart_bus();
	ck_assert_int_eq(dbus_bus_request_name(fixture.client.connection, BUS_NAME, 0, NULL),
			 DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER);
	while (!fixture.lost[0]) {
		ck_assert_msg(clock_monotonic_ms() < deadline, "%s", fixture.log);
		turn();
	}
	ck_assert_ptr_nonnull(strstr(fixture.lost, "does not give it up"));
}
END_TEST

START_TEST(a_privileged_call_is_forgotten_with_the_bus)
{
	DBusMessage *message = bus_client_message(&fixture.client, BUS_ROOT, BUS_IFACE_MANAGER,
						  "Reload", "", NULL);
	int64_t deadline = clock_monotonic_ms() + WAIT_MS;

	ck_assert(dbus_connection_send(fixture.client.connection, message, NULL));
	dbus_message_unref(message);
	dbus_connection_flush(fixture.client.connection);
	/* a question to a bus that has stopped, when the call has come before it did */
	while (!fixture.reloads && dbus_connection_get_dispatch_status(
					   fixture.service->connection) == DBUS_DISPATCH_COMPLETE) {
		ck_assert_int_lt(clock_monotonic_ms(), deadline);
		(void)dbus_connection_read_write(fixture.service->connection, 10);
	}
	ck_assert_int_eq(kill(fixture.bus.pid, SIGSTOP), 0);
	bus_loop_check(fixture.service->loop);
	for (int i = 0; i < 5; i++)
		turn();
	ck_assert_uint_eq(fixture.reloads, 0);
	restart_bus();
	wait_logged("back on the message bus");
	ck_assert_uint_eq(fixture.reloads, 0);
}
END_TEST

/* ── it stops reading ──────────────────────────────────────────────────────────────────────── */

enum { WIDE_ROWS = 4000 };
static struct figure_change wide[WIDE_ROWS];

/* About 360 KB. */
static void commit_wide(void)
{
	struct commit_report report;

	fake_ledger_commit(fixture.ledger, "arrivals.people.latest", 1, STRAIT_FINAL, "2020-09-02",
			   &report);
	report.rows = wide;
	report.row_count = WIDE_ROWS;
	bus_figures_changed(fixture.service, &report);
}

static void start_wide(void)
{
	bus_fixture_start();
	for (size_t i = 0; i < WIDE_ROWS; i++)
		wide[i] = (struct figure_change){ "arrivals.people.a_rather_long_name.latest", 1, 2,
						  STRAIT_FINAL };
}

/* Subscribes to everything and never reads. */
static void open_deaf(struct bus_client *deaf)
{
	bus_client_open(deaf, NULL, fixture.bus.address, BUS_NAME);
	bus_client_subscribe(deaf);
}

static bool has_owner(const char *name)
{
	return dbus_bus_name_has_owner(fixture.client.connection, name, NULL);
}

/* Commits until the connection has been exchanged, and shows what is promised then. */
static void expect_takeover(void)
{
	char old[64];
	int64_t begun = clock_monotonic_ms();

	(void)snprintf(old, sizeof(old), "%s",
		       dbus_bus_get_unique_name(fixture.service->connection));
	fixture.log[0] = '\0';
	while (!logged("a second connection")) {
		ck_assert_msg(clock_monotonic_ms() < begun + 2 * WAIT_MS, "%s", fixture.log);
		if (dbus_connection_get_outgoing_size(fixture.service->connection) == 0)
			commit_wide();
		turn();
		ck_assert_int_lt(dbus_connection_get_outgoing_size(fixture.service->connection),
				 BUS_OUTGOING_MAX + (1L << 20));
	}
	begun = clock_monotonic_ms();
	ck_assert_int_eq(strncmp(ask_figure(&fixture.client), "(1 ", 3), 0);
	ck_assert_int_lt(clock_monotonic_ms() - begun, ANSWER_MAX_MS);
	ck_assert_str_ne(old, dbus_bus_get_unique_name(fixture.service->connection));
	ck_assert_msg(logged("missed commits from"), "%s", fixture.log);
	if (getenv("STRAIT_SHOW"))
		fprintf(stderr, "%s", fixture.log);
	ck_assert(has_owner(BUS_NAME));
	ck_assert_msg(!has_owner(old), "the bus keeps the closed connection");
	ck_assert_str_eq(fixture.lost, "");
	ck_assert(!fixture.away);
}

START_TEST(a_subscriber_that_does_not_read_is_overcome_again_and_again)
{
	struct bus_client deaf[2];

	for (size_t i = 0; i < 2; i++) {
		open_deaf(&deaf[i]);
		expect_takeover();
	}
	for (size_t i = 0; i < 2; i++)
		bus_client_close(&deaf[i]);
}
END_TEST

/* Each reply has 1.7 MB, and none is read. Others are answered, but for those whose reply was under
   way when the connection was exchanged. */
START_TEST(a_caller_that_does_not_read_harms_others_only_for_a_moment)
{
	static const char *const query[] = { "arrivals.people", "", "", "", "0" };
	enum { CALLS = 120, ASKED = 300, REPLY_BYTES = 2 << 20 };
	int64_t begun = clock_monotonic_ms();
	struct bus_client deaf;
	unsigned int answered = 0, lost = 0;

	fake_ledger_set_points(fixture.ledger, BUS_SERIES_POINTS_MAX);
	bus_client_open(&deaf, NULL, fixture.bus.address, BUS_NAME);
	for (int i = 0; i < CALLS; i++) {
		DBusMessage *message = bus_client_message(&deaf, BUS_ROOT, BUS_IFACE_MANAGER,
							  "GetSeries", "sa{ss}ssx", query);

		ck_assert(dbus_connection_send(deaf.connection, message, NULL));
		dbus_message_unref(message);
	}
	dbus_connection_flush(deaf.connection);
	while (answered < ASKED || !logged("a second connection")) {
		const char *text = ask_figure(&fixture.client);

		ck_assert_msg(clock_monotonic_ms() < begun + 2 * WAIT_MS, "%s", fixture.log);
		if (*text == '(')
			answered++;
		else
			lost++;
		ck_assert_int_lt(dbus_connection_get_outgoing_size(fixture.service->connection),
				 BUS_LOOP_OUTGOING_PAUSE + REPLY_BYTES);
	}
	ck_assert_uint_le(lost, 1); /* one was waiting */
	ck_assert_uint_eq(times_logged("a second connection"), 1);
	bus_client_close(&deaf);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("bus reconnect");
	TCase *gone = tcase_create("gone"), *stalled = tcase_create("stalled");

	tcase_add_checked_fixture(gone, bus_fixture_start, bus_fixture_stop);
	tcase_set_timeout(gone, 60);
	tcase_add_test(gone, a_bus_that_was_started_again_is_come_back_to);
	tcase_add_test(gone, ending_without_a_bus_is_no_trouble);
	tcase_add_test(gone, subscribers_of_the_new_bus_hear_of_the_time_without_it);
	tcase_add_test(gone, a_bus_that_stays_away_is_complained_of_once);
	tcase_add_test(gone, a_name_that_somebody_holds_on_the_new_bus_ends_the_daemon);
	tcase_add_test(gone, a_privileged_call_is_forgotten_with_the_bus);
	suite_add_tcase(suite, gone);
	tcase_add_checked_fixture(stalled, start_wide, bus_fixture_stop);
	tcase_set_timeout(stalled, 120);
	tcase_add_test(stalled, a_subscriber_that_does_not_read_is_overcome_again_and_again);
	tcase_add_test(stalled, a_caller_that_does_not_read_harms_others_only_for_a_moment);
	suite_add_tcase(suite, stalled);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(make_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
