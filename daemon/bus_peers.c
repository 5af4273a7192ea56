/* SPDX-License-Identifier: MIT
 *
 * bus_peers.c - owns the connections that came over the private socket, and what each may cost.
 * Main only.
 *
 * A peer gets the same answers as a caller on the bus, from the same dispatch, and every signal of
 * ours without asking. What it may do is decided by what the kernel says about the other end of its
 * socket (SO_PEERCRED, SO_PEERGROUPS): no name service is asked.
 *
 * Invariant: what a peer makes us keep is bounded: in, by BUS_PEER_MESSAGE_MAX; out, by the pause
 * (no call of it is answered above that) and the caps, at which it is disconnected. Must never wait
 * for a peer, and never free one from within a handler of its own connection.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <event2/event.h>

#include "bus_private.h"
#include "bus_socket.h"
#include "clock.h"
#include "complaint.h"
#include "log.h"

#define LOOK_MS	   1000
#define GROUPS_MAX 65536u /* NGROUPS_MAX of Linux */

struct peer {
	TAILQ_ENTRY(peer) link; /* the oldest first */
	struct bus_peers *peers;
	DBusConnection *connection;
	struct bus_loop *loop;
	struct ucred who;
	int fd; /* libdbus's */
	int64_t since_ms;
	long waiting;	  /* bytes for it, at the last look */
	int64_t moved_ms; /* of the last look that found less, or none */
	bool gone;	  /* to be freed by the next turn of the loop */
};

struct bus_peers {
	struct bus *bus;
	struct bus_socket *socket;
	TAILQ_HEAD(, peer) peers;
	unsigned int count;
	struct event *look; /* periodic while there are any */
	struct event *reap; /* zero timer */
	struct complaint refused, dropped;
};

/* ── the end of one ────────────────────────────────────────────────────────────────────────── */

static struct peer *peer_free(struct peer *peer)
{
	(void)bus_loop_free(peer->loop);
	if (peer->connection) {
		dbus_connection_close(peer->connection);
		dbus_connection_unref(peer->connection);
	}
	free(peer);
	return NULL;
}

static void peer_reap_soon(struct peer *peer)
{
	const struct timeval now = { 0, 0 };

	peer->gone = true;
	if (event_add(peer->peers->reap, &now) < 0)
		log_bus(LOG_WARNING,
			"cannot arm a timer (out of memory); what a peer that has gone left is "
			"freed with the next one's");
}

__attribute__((format(printf, 2, 3))) static void peer_drop(struct peer *peer, const char *format,
							    ...)
{
	char why[FAULT_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(why, sizeof(why), format, arguments); /* cut is fine */
	va_end(arguments);
	log_bus(complaint_raise(&peer->peers->dropped, clock_monotonic_ms()) ? LOG_WARNING
									     : LOG_DEBUG,
		"private socket: disconnected process %d of user %u: %s", (int)peer->who.pid,
		(unsigned int)peer->who.uid, why);
	dbus_connection_close(peer->connection); /* its queue is freed at once */
	peer_reap_soon(peer);
}

static void on_reap(evutil_socket_t fd, short what, void *data)
{
	struct bus_peers *peers = data;
	struct peer *peer, *next;

	(void)fd;   /* a timer has none */
	(void)what; /* can only be EV_TIMEOUT */
	for (peer = TAILQ_FIRST(&peers->peers); peer; peer = next) {
		next = TAILQ_NEXT(peer, link);
		if (!peer->gone)
			continue;
		TAILQ_REMOVE(&peers->peers, peer, link);
		peers->count--;
		(void)peer_free(peer);
	}
	if (!peers->count)
		(void)event_del(peers->look); /* cannot fail for an event that exists */
}

/* ── looking after them ────────────────────────────────────────────────────────────────────── */

static void look_at(struct peer *peer, int64_t now_ms)
{
	long waiting = dbus_connection_get_outgoing_size(peer->connection);

	if (waiting == 0 || waiting < peer->waiting)
		peer->moved_ms = now_ms;
	peer->waiting = waiting;
	if (!dbus_connection_get_is_authenticated(peer->connection)) {
		if (now_ms - peer->since_ms >= BUS_PEER_AUTHENTICATE_MS)
			peer_drop(peer, "it did not say who it is within %d ms",
				  BUS_PEER_AUTHENTICATE_MS);
	} else if (now_ms - peer->moved_ms >= BUS_PEER_STALL_MS) {
		peer_drop(peer, "it has not read for %d ms while %ld bytes wait for it",
			  BUS_PEER_STALL_MS, waiting);
	}
}

static void on_look(evutil_socket_t fd, short what, void *data)
{
	struct bus_peers *peers = data;
	const int64_t now_ms = clock_monotonic_ms();
	struct peer *peer;

	(void)fd;   /* a timer has none */
	(void)what; /* can only be EV_TIMEOUT */
	TAILQ_FOREACH (peer, &peers->peers, link)
		if (!peer->gone)
			look_at(peer, now_ms);
}

/* ── messages ──────────────────────────────────────────────────────────────────────────────── */

static DBusHandlerResult on_message(DBusConnection *connection, DBusMessage *message, void *data)
{
	struct peer *peer = data;

	if (peer->gone)
		return DBUS_HANDLER_RESULT_HANDLED;
	if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_METHOD_CALL)
		bus_object_call(peer->peers->bus, connection, message);
	else if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected"))
		peer_reap_soon(peer);
	return DBUS_HANDLER_RESULT_HANDLED; /* what else a peer says is nothing to us */
}

void bus_peers_signal(struct bus_peers *peers, DBusMessage *signal)
{
	struct peer *peer, *largest = NULL;
	long total = 0, most = 0;

	if (!peers)
		return;
	TAILQ_FOREACH (peer, &peers->peers, link) {
		long waiting;

		if (peer->gone || !dbus_connection_get_is_authenticated(peer->connection))
			continue;
		waiting = dbus_connection_get_outgoing_size(peer->connection);
		if (waiting > BUS_PEER_OUTGOING_MAX) {
			peer_drop(peer, "it has not read %ld bytes", waiting);
			continue;
		}
		if (waiting > most) {
			most = waiting;
			largest = peer;
		}
		total += waiting;
		/* no memory: it sees the gap in the sequence, as on the bus */
		(void)dbus_connection_send(peer->connection, signal, NULL);
	}
	if (total > BUS_PEERS_OUTGOING_MAX)
		peer_drop(largest, "all peers together have not read %ld bytes, and this one most",
			  total);
}

/* ── who it is ─────────────────────────────────────────────────────────────────────────────── */

static struct peer *peer_of(struct bus_peers *peers, DBusConnection *connection)
{
	struct peer *peer;

	TAILQ_FOREACH (peer, &peers->peers, link)
		if (peer->connection == connection)
			return peer;
	return NULL;
}

bool bus_peers_has(struct bus_peers *peers, DBusConnection *connection)
{
	return peers && peer_of(peers, connection);
}

static bool has_group(const struct peer *peer, gid_t group)
{
	socklen_t size = 0;
	bool found = false;
	gid_t *groups;

	if (peer->who.gid == group)
		return true;
	/* asked for no room it says how much is needed */
	if (getsockopt(peer->fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE ||
	    size > GROUPS_MAX * sizeof(*groups))
		return false;
	groups = malloc(size);
	if (groups && getsockopt(peer->fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0) {
		for (size_t i = 0; !found && i < size / sizeof(*groups); i++)
			found = groups[i] == group;
	}
	free(groups);
	return found;
}

bool bus_peers_may(struct bus_peers *peers, DBusConnection *connection, const gid_t *group)
{
	const struct peer *peer = peer_of(peers, connection);

	return peer && (peer->who.uid == 0 || peer->who.uid == geteuid() ||
			(group && has_group(peer, *group)));
}

/* ── the beginning of one ──────────────────────────────────────────────────────────────────── */

/* libdbus's own answer would let nobody in but our user. Who it is was said by the kernel. */
static dbus_bool_t let_in(DBusConnection *connection, unsigned long uid, void *data)
{
	(void)connection;
	(void)uid;
	(void)data;
	return TRUE;
}

/* NULL when out of memory. */
static struct peer *peer_new(struct bus_peers *peers, DBusConnection *connection)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return NULL;
	peer->peers = peers;
	peer->since_ms = peer->moved_ms = clock_monotonic_ms();
	peer->connection = dbus_connection_ref(connection);
	dbus_connection_set_unix_user_function(connection, let_in, NULL, NULL);
	dbus_connection_set_max_message_size(connection, BUS_PEER_MESSAGE_MAX);
	dbus_connection_set_max_message_unix_fds(connection, BUS_PEER_FDS_MAX);
	dbus_connection_set_max_received_unix_fds(connection, BUS_PEER_FDS_MAX);
	peer->loop = bus_loop_new(peers->bus->base, connection);
	if (!peer->loop || !dbus_connection_add_filter(connection, on_message, peer, NULL))
		return peer_free(peer);
	bus_loop_set_pause(peer->loop, BUS_PEER_OUTGOING_PAUSE);
	dbus_connection_set_max_received_size(connection, BUS_PEER_MESSAGE_MAX);
	return peer;
}

/* Why not, or NULL. Makes room among those that have not said who they are. */
static const char *refusal(struct bus_peers *peers, const struct ucred *who)
{
	unsigned int of_user = 0, strangers = 0;
	struct peer *peer, *oldest = NULL;

	if (peers->count >= BUS_PEERS_MAX)
		return "there are as many as there may be";
	TAILQ_FOREACH (peer, &peers->peers, link) {
		of_user += !peer->gone && peer->who.uid == who->uid;
		if (peer->gone || dbus_connection_get_is_authenticated(peer->connection))
			continue;
		strangers++;
		oldest = oldest ? oldest : peer;
	}
	if (of_user >= BUS_PEERS_USER_MAX)
		return "its user has as many as one user may have";
	if (strangers >= BUS_PEERS_STRANGERS_MAX)
		peer_drop(oldest, "it has not said who it is, and others want to");
	return NULL;
}

static void on_connected(void *context, DBusConnection *connection)
{
	static const struct timeval period = { LOOK_MS / 1000, (LOOK_MS % 1000) * 1000 };
	struct bus_peers *peers = context;
	struct peer *peer = NULL;
	struct ucred who;
	socklen_t size = sizeof(who);
	const char *why;
	int fd;

	if (!dbus_connection_get_socket(connection, &fd) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
		return; /* it has gone already */
	why = refusal(peers, &who);
	if (!why)
		peer = peer_new(peers, connection);
	if (!peer) {
		log_bus(complaint_raise(&peers->refused, clock_monotonic_ms()) ? LOG_WARNING
									       : LOG_DEBUG,
			"private socket: refused process %d of user %u: %s (%u connections)",
			(int)who.pid, (unsigned int)who.uid, why ? why : "out of memory",
			peers->count);
		return;
	}
	peer->who = who;
	peer->fd = fd;
	TAILQ_INSERT_TAIL(&peers->peers, peer, link);
	if (!peers->count++ && event_add(peers->look, &period) < 0)
		log_bus(LOG_WARNING,
			"cannot arm the timer that looks after peers (out of memory); it is armed "
			"when all have gone and others come");
}

/* ── all of them ───────────────────────────────────────────────────────────────────────────── */

const char *bus_peers_address(const struct bus_peers *peers)
{
	return peers ? bus_socket_address(peers->socket) : "";
}

struct bus_peers *bus_peers_free(struct bus_peers *peers)
{
	struct peer *peer;

	if (!peers)
		return NULL;
	(void)bus_socket_free(peers->socket);
	while ((peer = TAILQ_FIRST(&peers->peers))) {
		TAILQ_REMOVE(&peers->peers, peer, link);
		(void)peer_free(peer);
	}
	if (peers->look)
		event_free(peers->look);
	if (peers->reap)
		event_free(peers->reap);
	free(peers);
	return NULL;
}

int bus_peers_new(struct bus *bus, const char *path, struct bus_peers **ret_peers,
		  struct fault *fault)
{
	struct bus_peers *peers = calloc(1, sizeof(*peers));

	if (!peers)
		return fault_set(fault, FAULT_MEMORY, "no memory for the private socket");
	peers->bus = bus;
	TAILQ_INIT(&peers->peers);
	peers->look = event_new(bus->base, -1, EV_PERSIST, on_look, peers);
	peers->reap = event_new(bus->base, -1, 0, on_reap, peers);
	if (!peers->look || !peers->reap)
		(void)fault_set(fault, FAULT_MEMORY, "no memory for the private socket");
	else if (bus_socket_new(bus->base, path, on_connected, peers, &peers->socket, fault) == 0) {
		*ret_peers = peers;
		return 0;
	}
	(void)bus_peers_free(peers);
	return -1;
}
