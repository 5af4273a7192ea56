/* SPDX-License-Identifier: MIT
 *
 * bus.c - owns the connection to the message bus, our name on it, and the end of both. Main only.
 *
 * The bus is a window, the store is the point: when the connection or the name is lost, the daemon
 * is asked to end in good order (finish running commits, exit with a failure) and systemd starts it
 * again. See docs/DBUS.md, "Losing the bus".
 *
 * Invariant: the loop is attached, the filter is in and all objects answer before the name is asked
 * for. Must never block after bus_open(); there, each of the two calls that are waited for has a
 * deadline of its own.
 */
#include "bus.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "bus_private.h"
#include "clock.h"
#include "log.h"

/* D-Bus specification, "Well-known Message Bus Instances" */
#define SYSTEM_BUS_ADDRESS "unix:path=/var/run/dbus/system_bus_socket"

/* ── losing it ─────────────────────────────────────────────────────────────────────────────── */

void bus_lost(struct bus *bus, const char *format, ...)
{
	const struct timeval now = { 0, 0 };
	va_list arguments;

	if (bus->lost_why[0])
		return;
	va_start(arguments, format);
	(void)vsnprintf(bus->lost_why, sizeof(bus->lost_why), format, arguments); /* cut is fine */
	va_end(arguments);
	if (event_add(bus->lost, &now) < 0)
		log_bus(LOG_ERR, "%s; and there is no memory to end in good order: restart straitd",
			bus->lost_why);
}

static void on_lost(evutil_socket_t fd, short what, void *data)
{
	struct bus *bus = data;

	(void)fd;   /* a timer has none */
	(void)what; /* can only be EV_TIMEOUT */

	bus->requests->lost(bus->context, bus->lost_why); /* may free the bus */
}

static void on_signal(struct bus *bus, DBusMessage *message)
{
	const char *name = NULL;

	if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected")) {
		bus_lost(bus, "the message bus closed the connection");
		return;
	}
	if (!dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameLost") ||
	    !dbus_message_has_sender(message, DBUS_SERVICE_DBUS) ||
	    !dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID))
		return;
	if (!strcmp(name, BUS_NAME))
		bus_lost(bus, "another process took over the bus name " BUS_NAME
			      "; 'busctl status " BUS_NAME "' says which");
}

static DBusHandlerResult on_message(DBusConnection *connection, DBusMessage *message, void *data)
{
	struct bus *bus = data;

	if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_METHOD_CALL) {
		bus_object_call(bus, connection, message);
		return DBUS_HANDLER_RESULT_HANDLED;
	}
	if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_SIGNAL)
		on_signal(bus, message);
	return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
}

/* ── connecting ────────────────────────────────────────────────────────────────────────────── */

/* "system" and "session" as addresses; anything else is one. */
static int resolve_address(const char *address, char *buffer, size_t size, struct fault *fault)
{
	const char *from = address;
	const char *runtime_dir;
	int length;

	if (!strcmp(address, "system")) {
		from = getenv("DBUS_SYSTEM_BUS_ADDRESS");
		from = from && *from ? from : SYSTEM_BUS_ADDRESS;
	} else if (!strcmp(address, "session")) {
		from = getenv("DBUS_SESSION_BUS_ADDRESS");
		runtime_dir = getenv("XDG_RUNTIME_DIR");
		if ((!from || !*from) && runtime_dir && *runtime_dir) {
			length = snprintf(buffer, size, "unix:path=%s/bus", runtime_dir);
			return length > 0 && (size_t)length < size
				       ? 0
				       : fault_set(fault, FAULT_CONFIG,
						   "$XDG_RUNTIME_DIR is too long");
		}
		if (!from || !*from)
			return fault_set(
				fault, FAULT_CONFIG,
				"no session bus: neither $DBUS_SESSION_BUS_ADDRESS nor "
				"$XDG_RUNTIME_DIR is set; run straitd under 'dbus-run-session', or "
				"give --bus ADDRESS");
	}
	length = snprintf(buffer, size, "%s", from);
	return length > 0 && (size_t)length < size
		       ? 0
		       : fault_set(fault, FAULT_CONFIG,
				   "the bus address is empty or longer than %zu bytes", size - 1);
}

static int fail(DBusError *error, struct fault *fault, const char *what)
{
	(void)fault_set(fault, FAULT_SYSTEM, "%s: %s", what,
			error->message ? error->message : "out of memory");
	dbus_error_free(error);
	return -1;
}

/* A method of the bus itself. Waits here, for at most so long:
   dbus_connection_send_with_reply_and_block() has a timeout too, but flushes first, without one,
   and hangs for ever on a bus that takes the connection and says nothing (libdbus 1.14). Takes the
   message; the reply is the caller's. */
static DBusMessage *ask_bus(struct bus *bus, DBusMessage *message, int timeout_ms, DBusError *error)
{
	const int64_t deadline = clock_monotonic_ms() + timeout_ms;
	DBusPendingCall *pending = NULL;
	DBusMessage *reply = NULL;
	int64_t left;

	if (!message)
		return NULL;
	if (!dbus_connection_send_with_reply(bus->connection, message, &pending, timeout_ms) ||
	    !pending) {
		dbus_message_unref(message);
		return NULL;
	}
	dbus_message_unref(message);
	while (!dbus_pending_call_get_completed(pending) &&
	       (left = deadline - clock_monotonic_ms()) > 0 &&
	       dbus_connection_read_write(bus->connection, (int)left)) {
		while (!dbus_pending_call_get_completed(pending) &&
		       dbus_connection_dispatch(bus->connection) == DBUS_DISPATCH_DATA_REMAINS)
			;
	}
	if (dbus_pending_call_get_completed(pending))
		reply = dbus_pending_call_steal_reply(pending);
	else
		dbus_set_error(error, DBUS_ERROR_NO_REPLY, "no reply within %d ms", timeout_ms);
	dbus_pending_call_cancel(pending);
	dbus_pending_call_unref(pending);
	if (reply && dbus_set_error_from_message(error, reply)) {
		dbus_message_unref(reply);
		reply = NULL;
	}
	return reply;
}

static DBusMessage *bus_method(const char *member)
{
	return dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS,
					    member);
}

/* As dbus_bus_register() does, but with a deadline. */
static int say_hello(struct bus *bus, int timeout_ms, struct fault *fault)
{
	static const char failed[] =
		"the message bus does not answer; see whether it runs, and that it lets this "
		"user in";
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *reply = ask_bus(bus, bus_method("Hello"), timeout_ms, &error);
	const char *unique_name;
	bool good;

	if (!reply)
		return fail(&error, fault, failed);
	good = dbus_message_get_args(reply, &error, DBUS_TYPE_STRING, &unique_name,
				     DBUS_TYPE_INVALID) &&
	       dbus_bus_set_unique_name(bus->connection, unique_name);
	dbus_message_unref(reply);
	return good ? 0 : fail(&error, fault, failed);
}

static int request_name(struct bus *bus, int timeout_ms, struct fault *fault)
{
	static const char failed[] =
		"cannot own the bus name " BUS_NAME " (on the system bus the policy file "
		"org.straitd.Straitd1.conf must be installed and the user be 'straitd' or root)";
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *message = bus_method("RequestName"), *reply;
	struct bus_writer writer;
	dbus_uint32_t answer = 0;

	if (message) {
		bus_writer_init(&writer, message);
		bus_put_word(&writer, BUS_NAME);
		bus_put_u32(&writer, DBUS_NAME_FLAG_ALLOW_REPLACEMENT |
					     DBUS_NAME_FLAG_REPLACE_EXISTING |
					     DBUS_NAME_FLAG_DO_NOT_QUEUE);
		if (!bus_writer_done(&writer)) {
			dbus_message_unref(message);
			message = NULL;
		}
	}
	reply = ask_bus(bus, message, timeout_ms, &error);
	if (!reply)
		return fail(&error, fault, failed);
	(void)dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT32, &answer,
				    DBUS_TYPE_INVALID); /* else it is 0 */
	dbus_message_unref(reply);
	if (answer == DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER ||
	    answer == DBUS_REQUEST_NAME_REPLY_ALREADY_OWNER)
		return 0;
	return fault_set(fault, FAULT_BUSY,
			 "the bus name " BUS_NAME
			 " belongs to a process that does not give it up; 'busctl status " BUS_NAME
			 "' says which: stop it, then start straitd again");
}

static int connect_bus(struct bus *bus, const char *address, int timeout_ms, struct fault *fault)
{
	DBusError error = DBUS_ERROR_INIT;
	char resolved[1024];

	if (resolve_address(address, resolved, sizeof(resolved), fault) < 0)
		return -1;
	bus->connection = dbus_connection_open_private(resolved, &error);
	if (!bus->connection)
		return fail(&error, fault, "cannot connect to the message bus");
	dbus_connection_set_exit_on_disconnect(bus->connection, FALSE);
	return say_hello(bus, timeout_ms, fault);
}

/* Everything that answers calls, so that it is there before the name is. */
static int attach(struct bus *bus, struct fault *fault)
{
	bus->spare = malloc(BUS_SPARE_BYTES);
	bus->lost = event_new(bus->base, -1, 0, on_lost, bus);
	bus->changes = bus_changes_new(bus);
	bus->access = bus_access_new(bus);
	bus->series = bus_series_new();
	bus->loop = bus_loop_new(bus->base, bus->connection);
	bus->filtering = dbus_connection_add_filter(bus->connection, on_message, bus, NULL);
	if (!bus->spare || !bus->lost || !bus->changes || !bus->access || !bus->series ||
	    !bus->loop || !bus->filtering)
		return fault_set(fault, FAULT_MEMORY, "no memory for the bus connection");
	for (int id = 0; id < BUS_KINDS; id++)
		bus_changes_sweep(bus->changes, (enum bus_kind_id)id, /* quiet= */ true);
	return 0;
}

/* ── the rest of the daemon sees these ─────────────────────────────────────────────────────── */

int bus_open_within(struct event_base *base, const char *address, int timeout_ms,
		    struct ledger *ledger, struct sources *sources,
		    const struct bus_requests *requests, void *context, struct bus **ret_bus,
		    struct fault *fault)
{
	struct bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return fault_set(fault, FAULT_MEMORY, "no memory for the bus connection");
	bus->base = base;
	bus->ledger = ledger;
	bus->sources = sources;
	bus->requests = requests;
	bus->context = context;
	if (connect_bus(bus, address, timeout_ms, fault) < 0 || attach(bus, fault) < 0 ||
	    request_name(bus, timeout_ms, fault) < 0) {
		(void)bus_free(bus);
		return -1;
	}
	bus_loop_check(bus->loop); /* the blocking calls may have read more than their replies */
	*ret_bus = bus;
	return 0;
}

int bus_open(struct event_base *base, const char *address, struct ledger *ledger,
	     struct sources *sources, const struct bus_requests *requests, void *context,
	     struct bus **ret_bus, struct fault *fault)
{
	return bus_open_within(base, address, BUS_CALL_TIMEOUT_MS, ledger, sources, requests,
			       context, ret_bus, fault);
}

struct bus *bus_free(struct bus *bus)
{
	if (!bus)
		return NULL;
	(void)bus_access_free(bus->access); /* cancels questions: before the loop that times them */
	(void)bus_changes_free(bus->changes);
	(void)bus_series_free(bus->series);
	if (bus->connection) {
		if (bus->filtering)
			dbus_connection_remove_filter(bus->connection, on_message, bus);
		(void)bus_loop_free(bus->loop);
		dbus_connection_close(bus->connection);
		dbus_connection_unref(bus->connection);
	}
	if (bus->lost)
		event_free(bus->lost);
	free(bus->spare);
	free(bus);
	return NULL;
}

void bus_figures_changed(struct bus *bus, const struct commit_report *report)
{
	bus_series_forget(bus->series);
	bus_signal_figures(bus, report);
	bus_changes_mark(bus->changes, BUS_KIND_FIGURE, /* soon= */ true);
	bus_changes_mark(bus->changes, BUS_KIND_ROOT, /* soon= */ true);
}

void bus_source_added(struct bus *bus, const char *name)
{
	(void)name; /* the sweep finds it */
	bus_changes_mark(bus->changes, BUS_KIND_SOURCE, /* soon= */ true);
}

void bus_source_changed(struct bus *bus, const char *name, bool state_changed)
{
	struct source_info info;

	/* a batch that changed no published figure is only told here: series may have changed all
	   the same, and a figure's publication time */
	bus_series_forget(bus->series);
	bus_changes_mark(bus->changes, BUS_KIND_FIGURE, /* soon= */ false);
	bus_changes_mark(bus->changes, BUS_KIND_SOURCE, state_changed);
	if (!state_changed)
		return;
	if (sources_info(bus->sources, name, &info, NULL) == 0)
		bus_signal_source(bus, &info);
	if (!bus->ready)
		bus_changes_mark(bus->changes, BUS_KIND_ROOT, /* soon= */ true);
}

void bus_source_removed(struct bus *bus, const char *name)
{
	(void)name; /* the sweep misses it */
	bus_changes_mark(bus->changes, BUS_KIND_SOURCE, /* soon= */ true);
	bus_changes_mark(bus->changes, BUS_KIND_FIGURE, /* soon= */ true);
	bus_changes_mark(bus->changes, BUS_KIND_ROOT, /* soon= */ true);
}

void bus_job_added(struct bus *bus, uint32_t id)
{
	(void)id; /* the sweep finds it */
	bus_changes_mark(bus->changes, BUS_KIND_JOB, /* soon= */ true);
}

void bus_job_changed(struct bus *bus, uint32_t id, bool finished)
{
	struct job_info info;

	if (!finished) {
		bus_changes_mark(bus->changes, BUS_KIND_JOB, /* soon= */ false);
		return;
	}
	/* now, so that Finished comes after the last change of a property */
	bus_changes_sweep(bus->changes, BUS_KIND_JOB, /* quiet= */ false);
	if (sources_job(bus->sources, id, &info) == 0)
		bus_signal_finished(bus, &info);
}

void bus_job_removed(struct bus *bus, uint32_t id)
{
	(void)id; /* the sweep misses it */
	bus_changes_mark(bus->changes, BUS_KIND_JOB, /* soon= */ true);
}
