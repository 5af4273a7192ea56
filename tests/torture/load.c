/* SPDX-License-Identifier: MIT
 *
 * load.c - see load.h. Test programs only; runs in a child, with a connection of its own.
 * Invariant: a change is in the witness only when the daemon told it, after its commit. Must never
 * fail because the daemon is not there: it is killed all the time.
 */
#include "load.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>
#include <dbus/dbus.h>

#define NAME	  "org.straitd.Straitd1"
#define ROOT	  "/org/straitd/Straitd1"
#define MANAGER	  NAME ".Manager"
#define CALL_MS	  10000
#define PAUSE_MS  3 /* between two questions: the machine is small */
#define PAGE_ROWS 500u

struct load {
	DBusConnection *connection;
	int witness;
	uint64_t sequence; /* all up to it is in the witness */
	unsigned long questions;
};

static void put(struct load *load, const char *text, size_t size)
{
	if (write(load->witness, text, size) != (ssize_t)size)
		_exit(1);
}

/* Errors that say that there is no daemon at the moment. */
static bool is_absence(const DBusError *error)
{
	static const char *const names[] = { DBUS_ERROR_SERVICE_UNKNOWN, DBUS_ERROR_NO_REPLY,
					     DBUS_ERROR_NAME_HAS_NO_OWNER, DBUS_ERROR_DISCONNECTED,
					     DBUS_ERROR_TIMEOUT, NAME ".Error.NotReady",
					     /* before its source was first ready */
					     NAME ".Error.NoSuchFigure",
					     NAME ".Error.NoSuchMetric" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (dbus_error_has_name(error, names[i]))
			return true;
	}
	return false;
}

static DBusMessage *ask(struct load *load, DBusMessage *call)
{
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *reply =
		dbus_connection_send_with_reply_and_block(load->connection, call, CALL_MS, &error);
	char text[512];

	if (!reply && !is_absence(&error)) {
		int size = snprintf(text, sizeof(text), "! %s: %.100s: %.200s\n",
				    dbus_message_get_member(call), error.name, error.message);

		put(load, text, (size_t)size);
	}
	dbus_error_free(&error);
	dbus_message_unref(call);
	return reply;
}

static DBusMessage *method(const char *name)
{
	DBusMessage *call = dbus_message_new_method_call(NAME, ROOT, MANAGER, name);

	if (!call)
		_exit(1);
	return call;
}

/* ── the feed ────────────────────────────────────────────────────────────────────────────────── */

static int put_value(char *text, size_t size, double value)
{
	return isnan(value) ? snprintf(text, size, " nan") : snprintf(text, size, " %a", value);
}

static void keep_change(struct load *load, DBusMessageIter *fields)
{
	dbus_uint64_t sequence;
	dbus_int64_t time;
	const char *skipped, *figure;
	double old_value, new_value;
	char line[512];
	int size;

	dbus_message_iter_get_basic(fields, &sequence);
	(void)dbus_message_iter_next(fields);
	dbus_message_iter_get_basic(fields, &time);
	(void)dbus_message_iter_next(fields);
	dbus_message_iter_get_basic(fields, &skipped); /* cause */
	(void)dbus_message_iter_next(fields);
	dbus_message_iter_get_basic(fields, &figure);
	(void)dbus_message_iter_next(fields);
	dbus_message_iter_get_basic(fields, &old_value);
	(void)dbus_message_iter_next(fields);
	dbus_message_iter_get_basic(fields, &new_value);
	size = snprintf(line, sizeof(line), "%llu %lld %.200s", (unsigned long long)sequence,
			(long long)time, figure);
	size += put_value(line + size, sizeof(line) - (size_t)size, old_value);
	size += put_value(line + size, sizeof(line) - (size_t)size, new_value);
	line[size++] = '\n';
	put(load, line, (size_t)size);
	load->sequence = sequence;
}

/* Everything after what is known; false when there is no more, or no daemon. */
static bool take_changes(struct load *load)
{
	DBusMessage *call = method("ChangesSince"), *reply;
	dbus_uint64_t after = load->sequence;
	dbus_uint32_t max = PAGE_ROWS;
	DBusMessageIter iterator, rows, fields;
	bool more;

	(void)dbus_message_append_args(call, DBUS_TYPE_UINT64, &after, DBUS_TYPE_UINT32, &max,
				       DBUS_TYPE_INVALID);
	reply = ask(load, call);
	if (!reply)
		return false;
	(void)dbus_message_iter_init(reply, &iterator);
	(void)dbus_message_iter_next(&iterator);
	(void)dbus_message_iter_next(&iterator);
	dbus_message_iter_recurse(&iterator, &rows);
	more = dbus_message_iter_get_arg_type(&rows) == DBUS_TYPE_STRUCT;
	for (; dbus_message_iter_get_arg_type(&rows) == DBUS_TYPE_STRUCT;
	     (void)dbus_message_iter_next(&rows)) {
		dbus_message_iter_recurse(&rows, &fields);
		keep_change(load, &fields);
	}
	dbus_message_unref(reply);
	return more;
}

/* ── questions ───────────────────────────────────────────────────────────────────────────────── */

static void ask_next(struct load *load)
{
	static const char *const figures[] = { "torture.boats", "referrals.requested",
					       "referrals.block_rate", "arrivals.people.record" };
	const char *figure = figures[load->questions / 5 % 4], *metric = "arrivals.people",
		   *open = "";
	dbus_int64_t as_of = INT64_C(1620000000000);
	DBusMessageIter iterator, array;
	DBusMessage *call = NULL, *reply;

	switch (load->questions++ % 5) {
	case 0:
		call = method("GetFigure");
		(void)dbus_message_append_args(call, 's', &figure, 0);
		break;
	case 1:
		call = method("GetFigures");
		dbus_message_iter_init_append(call, &iterator);
		(void)dbus_message_iter_open_container(&iterator, 'a', "s", &array);
		(void)dbus_message_iter_close_container(&iterator, &array);
		break;
	case 2:
		figure = figures[3]; /* of levels: of a million records it takes many seconds */
		call = method("GetFigureAsOf");
		(void)dbus_message_append_args(call, 's', &figure, 'x', &as_of, 0);
		break;
	case 3:
		call = method("Explain");
		(void)dbus_message_append_args(call, 's', &figure, 0);
		break;
	default:
		call = method("GetSeries");
		dbus_message_iter_init_append(call, &iterator);
		(void)dbus_message_iter_append_basic(&iterator, 's', &metric);
		(void)dbus_message_iter_open_container(&iterator, 'a', "{ss}", &array);
		(void)dbus_message_iter_close_container(&iterator, &array);
		(void)dbus_message_iter_append_basic(&iterator, 's', &open);
		(void)dbus_message_iter_append_basic(&iterator, 's', &open);
		(void)dbus_message_iter_append_basic(&iterator, 'x', &as_of);
	}
	/* Not there before its source was first ready. */
	reply = load->sequence > 0 ? ask(load, call) : (dbus_message_unref(call), NULL);
	if (reply)
		dbus_message_unref(reply);
}

static void run(struct load *load)
{
	for (;;) {
		DBusMessage *message;

		(void)dbus_connection_read_write(load->connection, PAUSE_MS);
		while ((message = dbus_connection_pop_message(load->connection)))
			dbus_message_unref(message); /* signals: the feed is asked for anyway */
		while (take_changes(load))
			continue;
		if (!dbus_connection_get_is_connected(load->connection))
			_exit(0);
		ask_next(load);
	}
}

pid_t load_begin(const char *bus_address, const char *witness)
{
	pid_t parent = getpid(), pid = fork();
	struct load load = { .witness = -1 };

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	load.witness = open(witness, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	load.connection = dbus_connection_open_private(bus_address, NULL);
	if (load.witness < 0 || !load.connection || !dbus_bus_register(load.connection, NULL))
		_exit(1);
	dbus_connection_set_exit_on_disconnect(load.connection, FALSE);
	run(&load);
	_exit(0);
}

void load_end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}
