/* SPDX-License-Identifier: MIT
 *
 * bus.c - owns the bus object: its parts, its first connection to the message bus, and the end for
 * good. Main only.
 *
 * A connection that is lost is replaced (bus_reconnect.c). When another process takes the name the
 * daemon is asked to end in good order (finish running commits, exit with a failure). See
 * docs/DBUS.md, "Losing the bus".
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
#include "bus_register.h"
#include "log.h"

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

static void on_signal(struct bus *bus, DBusConnection *connection, DBusMessage *message)
{
	const char *name = NULL;

	if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected")) {
		if (connection == bus->connection) /* else an attempt sees it fail */
			bus_reconnect_gone(bus->reconnect);
		return;
	}
	if (!dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameLost") ||
	    !dbus_message_has_sender(message, DBUS_SERVICE_DBUS) ||
	    !dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID))
		return;
	if (!strcmp(name, BUS_NAME) &&
	    !(connection == bus->connection && bus_reconnect_expects_loss(bus->reconnect)))
		bus_lost(bus, BUS_NAME_LOST);
}

DBusHandlerResult bus_on_message(DBusConnection *connection, DBusMessage *message, void *data)
{
	struct bus *bus = data;

	if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_METHOD_CALL) {
		bus_object_call(bus, connection, message);
		return DBUS_HANDLER_RESULT_HANDLED;
	}
	if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_SIGNAL)
		on_signal(bus, connection, message);
	return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
}

/* ── connecting ────────────────────────────────────────────────────────────────────────────── */

static int connect_bus(struct bus *bus, const char *address, int timeout_ms, struct fault *fault)
{
	DBusError error = DBUS_ERROR_INIT;

	if (bus_address_resolve(address, bus->address, fault) < 0)
		return -1;
	bus->connection = dbus_connection_open_private(bus->address, &error);
	if (!bus->connection)
		return bus_register_fail(&error, fault, "cannot connect to the message bus");
	bus_address_forget_guid(bus->address);
	dbus_connection_set_exit_on_disconnect(bus->connection, FALSE);
	return bus_register_hello_within(bus->connection, timeout_ms, fault);
}

/* Everything that answers calls, so that it is there before the name is. */
static int attach(struct bus *bus, struct fault *fault)
{
	bus->spare = malloc(BUS_SPARE_BYTES);
	bus->lost = event_new(bus->base, -1, 0, on_lost, bus);
	bus->changes = bus_changes_new(bus);
	bus->access = bus_access_new(bus);
	bus->series = bus_series_new();
	bus->replies = bus_replies_new();
	bus->loop = bus_loop_new(bus->base, bus->connection);
	bus->reconnect = bus_reconnect_new(bus);
	bus->filtering = dbus_connection_add_filter(bus->connection, bus_on_message, bus, NULL);
	if (!bus->spare || !bus->lost || !bus->changes || !bus->access || !bus->series ||
	    !bus->replies || !bus->loop || !bus->reconnect || !bus->filtering)
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
	    bus_register_claim_within(bus->connection, timeout_ms, fault) < 0) {
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

int bus_listen(struct bus *bus, const char *path, struct fault *fault)
{
	return bus_peers_new(bus, path, &bus->peers, fault);
}

struct bus *bus_free(struct bus *bus)
{
	if (!bus)
		return NULL;
	(void)bus_peers_free(bus->peers);
	(void)bus_access_free(bus->access); /* cancels questions: before the loop that times them */
	(void)bus_changes_free(bus->changes);
	(void)bus_series_free(bus->series);
	(void)bus_replies_free(bus->replies);
	(void)bus_reconnect_free(bus->reconnect);
	if (bus->connection) {
		if (bus->filtering)
			dbus_connection_remove_filter(bus->connection, bus_on_message, bus);
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

void bus_store_changed(struct bus *bus)
{
	bus_changes_mark(bus->changes, BUS_KIND_ROOT, /* soon= */ true);
	bus_changes_mark(bus->changes, BUS_KIND_FIGURE,
			 /* soon= */ true); /* stale without a commit */
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
