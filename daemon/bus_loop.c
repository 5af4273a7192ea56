/* SPDX-License-Identifier: MIT
 *
 * bus_loop.c - owns the watches and timeouts of one libdbus connection as libevent events, and
 * decides when messages are dispatched. Main only.
 *
 * Dispatching happens in two places: right after a read (which saves a turn of the loop for the
 * common single call), and from a one-shot timer of zero length when messages are left over. Never
 * inside libdbus's dispatch-status function, which forbids it, and never by event_active(): an
 * event that re-activates itself from its own callback keeps libevent's active queue full, and
 * timers and other descriptors starve.
 *
 * Invariant: when messages are left, either a callback of ours is on the stack, or the timer is
 * armed, or dispatching is paused and a writable watch will wake it. Must never call into the
 * connection from a watch or timeout function: its lock is held there.
 */
#include "bus_loop.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/time.h>

#include <event2/event.h>

#include "log.h"

#define NO_MEMORY_RETRY_MS 50

struct bus_loop {
	struct event_base *base;
	DBusConnection *connection;
	struct event *dispatch; /* one-shot timer */
	bool busy;		/* we will look at the dispatch status ourselves before we return */
	bool paused;
	long pause_bytes;
};

/* One for each DBusWatch; libdbus keeps two on one descriptor (one reads, one writes). */
struct watch {
	struct bus_loop *loop;
	DBusWatch *watch;
	struct event *event;
};

static struct timeval interval(int ms)
{
	return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000 };
}

static void arm(struct bus_loop *loop, int delay_ms)
{
	struct timeval delay = interval(delay_ms);

	if (event_add(loop->dispatch, &delay) < 0)
		log_bus(LOG_ERR,
			"cannot arm the timer that dispatches bus messages (out of memory); "
			"calls wait until the next one arrives");
}

static bool must_pause(struct bus_loop *loop)
{
	return dbus_connection_get_is_connected(loop->connection) &&
	       dbus_connection_get_outgoing_size(loop->connection) > loop->pause_bytes;
}

/* Hands at most so many messages to their handlers and arms the timer for what is left. The caller
   holds a reference to the connection. */
static void dispatch_some(struct bus_loop *loop)
{
	DBusDispatchStatus status = dbus_connection_get_dispatch_status(loop->connection);

	loop->busy = true;
	for (int count = 0;
	     status == DBUS_DISPATCH_DATA_REMAINS && count < BUS_LOOP_MESSAGES_PER_TURN; count++) {
		loop->paused = must_pause(loop);
		if (loop->paused)
			break;
		status = dbus_connection_dispatch(loop->connection);
	}
	loop->busy = false;
	if (status == DBUS_DISPATCH_NEED_MEMORY)
		arm(loop, NO_MEMORY_RETRY_MS);
	else if (status == DBUS_DISPATCH_DATA_REMAINS && !loop->paused)
		arm(loop, 0);
}

static void on_dispatch(evutil_socket_t fd, short what, void *data)
{
	struct bus_loop *loop = data;
	DBusConnection *connection = dbus_connection_ref(loop->connection);

	(void)fd;   /* a timer has none */
	(void)what; /* can only be EV_TIMEOUT */
	dispatch_some(loop);
	dbus_connection_unref(connection);
}

/* ── watches ───────────────────────────────────────────────────────────────────────────────── */

static void on_watch(evutil_socket_t fd, short what, void *data)
{
	struct watch *watch = data;
	struct bus_loop *loop = watch->loop;
	DBusConnection *connection = dbus_connection_ref(loop->connection);
	unsigned int flags = 0;

	(void)fd; /* libdbus knows */
	if (what & EV_READ)
		flags |= DBUS_WATCH_READABLE;
	if (what & EV_WRITE)
		flags |= DBUS_WATCH_WRITABLE;
	loop->busy = true;
	/* FALSE = out of memory: the descriptor stays ready, so the loop comes back here */
	(void)dbus_watch_handle(watch->watch, flags);
	loop->busy = false;
	/* the watch may be gone by now; the loop is not */
	dispatch_some(loop);
	dbus_connection_unref(connection);
}

static void free_watch(void *data)
{
	struct watch *watch = data;

	if (watch->event)
		event_free(watch->event);
	free(watch);
}

static void toggle_watch(DBusWatch *dbus_watch, void *data)
{
	struct watch *watch = dbus_watch_get_data(dbus_watch);

	(void)data; /* the loop is in the watch */
	if (!watch)
		return;
	if (!dbus_watch_get_enabled(dbus_watch))
		(void)event_del(watch->event); /* cannot fail for an event that exists */
	else if (event_add(watch->event, NULL) < 0)
		log_bus(LOG_ERR,
			"cannot watch the bus connection (out of memory); restart straitd");
}

static dbus_bool_t add_watch(DBusWatch *dbus_watch, void *data)
{
	struct bus_loop *loop = data;
	unsigned int flags = dbus_watch_get_flags(dbus_watch);
	short events = EV_PERSIST;
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return FALSE;
	if (flags & DBUS_WATCH_READABLE)
		events |= EV_READ;
	if (flags & DBUS_WATCH_WRITABLE)
		events |= EV_WRITE;
	watch->loop = loop;
	watch->watch = dbus_watch;
	/* made even when the watch is disabled, so that toggling allocates nothing */
	watch->event =
		event_new(loop->base, dbus_watch_get_unix_fd(dbus_watch), events, on_watch, watch);
	if (!watch->event) {
		free(watch);
		return FALSE;
	}
	dbus_watch_set_data(dbus_watch, watch, free_watch);
	toggle_watch(dbus_watch, NULL);
	return TRUE;
}

static void remove_watch(DBusWatch *dbus_watch, void *data)
{
	(void)data; /* the loop is in the watch */

	dbus_watch_set_data(dbus_watch, NULL, NULL); /* frees */
}

/* ── timeouts ──────────────────────────────────────────────────────────────────────────────── */

struct timeout {
	struct bus_loop *loop;
	DBusTimeout *timeout;
	struct event *event;
};

static void on_timeout(evutil_socket_t fd, short what, void *data)
{
	struct timeout *timeout = data;
	struct bus_loop *loop = timeout->loop;
	DBusConnection *connection = dbus_connection_ref(loop->connection);

	(void)fd;   /* a timer has none */
	(void)what; /* can only be EV_TIMEOUT */
	loop->busy = true;
	(void)dbus_timeout_handle(timeout->timeout); /* FALSE = out of memory: it fires again */
	loop->busy = false;
	dispatch_some(loop);
	dbus_connection_unref(connection);
}

static void free_timeout(void *data)
{
	struct timeout *timeout = data;

	if (timeout->event)
		event_free(timeout->event);
	free(timeout);
}

static void toggle_timeout(DBusTimeout *dbus_timeout, void *data)
{
	struct timeout *timeout = dbus_timeout_get_data(dbus_timeout);
	struct timeval period;

	(void)data; /* the loop is in the timeout */
	if (!timeout)
		return;
	(void)event_del(timeout->event); /* the interval may be another now */
	if (!dbus_timeout_get_enabled(dbus_timeout))
		return;
	period = interval(dbus_timeout_get_interval(dbus_timeout));
	if (event_add(timeout->event, &period) < 0)
		log_bus(LOG_ERR,
			"cannot arm a timeout of the bus connection (out of memory), ignoring");
}

static dbus_bool_t add_timeout(DBusTimeout *dbus_timeout, void *data)
{
	struct bus_loop *loop = data;
	struct timeout *timeout = calloc(1, sizeof(*timeout));

	if (!timeout)
		return FALSE;
	timeout->loop = loop;
	timeout->timeout = dbus_timeout;
	timeout->event = event_new(loop->base, -1, EV_PERSIST, on_timeout, timeout);
	if (!timeout->event) {
		free(timeout);
		return FALSE;
	}
	dbus_timeout_set_data(dbus_timeout, timeout, free_timeout);
	toggle_timeout(dbus_timeout, NULL);
	return TRUE;
}

static void remove_timeout(DBusTimeout *dbus_timeout, void *data)
{
	(void)data; /* the loop is in the timeout */

	dbus_timeout_set_data(dbus_timeout, NULL, NULL); /* frees */
}

/* ── the connection ────────────────────────────────────────────────────────────────────────── */

static void on_dispatch_status(DBusConnection *connection, DBusDispatchStatus status, void *data)
{
	struct bus_loop *loop = data;

	(void)connection; /* the one of the loop */
	if (loop->busy || status == DBUS_DISPATCH_COMPLETE)
		return;
	arm(loop, status == DBUS_DISPATCH_NEED_MEMORY ? NO_MEMORY_RETRY_MS : 0);
}

void bus_loop_check(struct bus_loop *loop)
{
	on_dispatch_status(loop->connection, dbus_connection_get_dispatch_status(loop->connection),
			   loop);
}

void bus_loop_set_pause(struct bus_loop *loop, long bytes)
{
	loop->pause_bytes = bytes;
}

struct bus_loop *bus_loop_free(struct bus_loop *loop)
{
	if (!loop)
		return NULL;
	dbus_connection_set_dispatch_status_function(loop->connection, NULL, NULL, NULL);
	/* taking the functions away removes every watch and timeout through them */
	(void)dbus_connection_set_watch_functions(loop->connection, NULL, NULL, NULL, NULL, NULL);
	(void)dbus_connection_set_timeout_functions(loop->connection, NULL, NULL, NULL, NULL, NULL);
	if (loop->dispatch)
		event_free(loop->dispatch);
	free(loop);
	return NULL;
}

struct bus_loop *bus_loop_new(struct event_base *base, DBusConnection *connection)
{
	struct bus_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->base = base;
	loop->pause_bytes = BUS_LOOP_OUTGOING_PAUSE;
	loop->connection = connection;
	loop->dispatch = event_new(base, -1, 0, on_dispatch, loop);
	if (!loop->dispatch ||
	    !dbus_connection_set_watch_functions(connection, add_watch, remove_watch, toggle_watch,
						 loop, NULL) ||
	    !dbus_connection_set_timeout_functions(connection, add_timeout, remove_timeout,
						   toggle_timeout, loop, NULL))
		return bus_loop_free(loop);
	dbus_connection_set_dispatch_status_function(connection, on_dispatch_status, loop, NULL);
	dbus_connection_set_max_received_size(connection, BUS_LOOP_RECEIVED_MAX);
	bus_loop_check(loop);
	return loop;
}
