/* SPDX-License-Identifier: MIT
 *
 * bus_stall.c - owns the judgement whether the bus reads from one of our connections. Main only.
 *
 * What waits is libdbus's queue and what the kernel holds of ours unread (SIOCOUTQ: for little
 * traffic all of it fits there, and the queue looks empty while every caller hangs). At a look we
 * remember how much waits, the mark; what is sent after it is counted. `left` = what waits less
 * what was sent since = how much of the marked is still unread, as the bus reads in order. It only
 * shrinks when the bus reads; when it is gone, there is a new mark.
 *
 * The kernel counts buffers, not bytes, which are larger: a message that goes straight there is
 * counted with less than its buffer, so `left` errs upwards and only a bus that reads makes it
 * shrink.
 *
 * Invariant: the timer is armed while anything may wait, and never otherwise. Must never wait.
 */
#include "bus_stall.h"

#include <linux/sockios.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include <event2/event.h>

#include "clock.h"
#include "log.h"

/* Less than any message in a socket buffer is counted for by the kernel. */
#define BUFFER_MIN_BYTES 512

struct bus_stall {
	DBusConnection *connection; /* NULL = none */
	void (*late)(void *context);
	void *context;
	struct event *look;
	bool looking; /* the timer is armed */
	bool marked;
	int64_t marked_ms;
	int64_t sent;	  /* since the mark */
	int64_t left;	  /* at the last look that found it smaller */
	int64_t moved_ms; /* of that look */
};

static int64_t waiting(const struct bus_stall *stall)
{
	int64_t size = dbus_connection_get_outgoing_size(stall->connection);
	int fd, unread;

	if (dbus_connection_get_socket(stall->connection, &fd) && ioctl(fd, SIOCOUTQ, &unread) == 0)
		size += unread;
	return size;
}

static void arm(struct bus_stall *stall)
{
	const struct timeval delay = { 0, BUS_STALL_LOOK_MS * 1000 };

	if (event_add(stall->look, &delay) == 0)
		stall->looking = true;
	else
		log_bus(LOG_WARNING,
			"cannot arm the timer that sees whether the bus reads (out of memory); "
			"trying again with the next message");
}

static void mark(struct bus_stall *stall, int64_t size, int64_t now_ms)
{
	stall->marked = true;
	stall->marked_ms = now_ms;
	stall->sent = 0;
	stall->left = size;
	stall->moved_ms = now_ms;
}

static bool judge(struct bus_stall *stall)
{
	int64_t size = waiting(stall), left = size - stall->sent;
	int64_t now_ms = clock_monotonic_ms();

	if (size == 0) {
		stall->marked = false;
		return false;
	}
	/* a bus that reads again after it did not is as good as new */
	if (!stall->marked || left <= 0 ||
	    (left < stall->left && now_ms - stall->moved_ms >= BUS_STALL_IDLE_MS)) {
		mark(stall, size, now_ms);
		return false;
	}
	if (left < stall->left) {
		stall->left = left;
		stall->moved_ms = now_ms;
	}
	return now_ms - stall->moved_ms >= BUS_STALL_IDLE_MS ||
	       now_ms - stall->marked_ms >= BUS_STALL_WAIT_MS;
}

static void on_look(evutil_socket_t fd, short what, void *data)
{
	struct bus_stall *stall = data;
	bool late = judge(stall);

	(void)fd;   /* a timer has none */
	(void)what; /* can only be EV_TIMEOUT */
	stall->looking = false;
	if (stall->marked && dbus_connection_get_is_connected(stall->connection))
		arm(stall);
	if (late)
		stall->late(stall->context); /* may free us */
}

bool bus_stall_send(struct bus_stall *stall, DBusMessage *message)
{
	bool queued = dbus_connection_has_messages_to_send(stall->connection);
	long before = queued ? dbus_connection_get_outgoing_size(stall->connection) : 0, after;

	if (!dbus_connection_send(stall->connection, message, NULL))
		return false;
	after = dbus_connection_get_outgoing_size(stall->connection);
	stall->sent += after > before ? after - before : BUFFER_MIN_BYTES;
	if (!stall->looking)
		arm(stall);
	return true;
}

bool bus_stall_is_late(struct bus_stall *stall)
{
	return judge(stall);
}

bool bus_stall_is_drained(const struct bus_stall *stall)
{
	return waiting(stall) == 0;
}

void bus_stall_watch(struct bus_stall *stall, DBusConnection *connection)
{
	(void)event_del(stall->look); /* cannot fail for an event that exists */
	stall->looking = false;
	stall->marked = false;
	stall->connection = connection;
}

struct bus_stall *bus_stall_free(struct bus_stall *stall)
{
	if (!stall)
		return NULL;
	if (stall->look)
		event_free(stall->look);
	free(stall);
	return NULL;
}

struct bus_stall *bus_stall_new(struct event_base *base, void (*late)(void *context), void *context)
{
	struct bus_stall *stall = calloc(1, sizeof(*stall));

	if (!stall)
		return NULL;
	stall->late = late;
	stall->context = context;
	stall->look = event_new(base, -1, 0, on_look, stall);
	return stall->look ? stall : bus_stall_free(stall);
}
