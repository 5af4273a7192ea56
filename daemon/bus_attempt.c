/* SPDX-License-Identifier: MIT
 *
 * bus_attempt.c - owns a connection to the message bus until it owns the name, step by step and
 * never waiting. Main only.
 *
 * libdbus connects with a blocking connect(), which on a local socket waits for a place in the
 * queue of those that want in: for ever, when the bus hangs and the queue is full. So we first
 * knock with a socket of our own that does not block, say the first word of the protocol, and let
 * libdbus connect once the bus has answered that; it has then emptied its queue up to us.
 *
 * Invariant: what a reply or the knock led to is acted on from `turn`, a zero timer, so that
 * whoever is told may free us. Must never block.
 */
#include "bus_attempt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "bus_address.h"
#include "bus_loop.h"
#include "bus_private.h"
#include "bus_register.h"
#include "log.h"

enum step { STEP_KNOCK, STEP_CONNECT, STEP_HELLO, STEP_GREETED, STEP_CLAIM, STEP_OWNED, STEP_END };

struct bus_attempt {
	struct event_base *base;
	char address[BUS_ADDRESS_MAX];
	DBusHandleMessageFunction filter;
	void *filter_data;
	const struct bus_attempt_events *events;
	void *context;

	enum step step;
	struct fault fault; /* why it came to its end */
	struct event *turn;
	struct event *knock; /* the answer at the door */
	int knock_fd;
	DBusConnection *connection;
	struct bus_loop *loop;
	DBusPendingCall *pending;
	bool filtering;
};

/* Acts on the step from the loop. */
static void go_to(struct bus_attempt *attempt, enum step step)
{
	const struct timeval now = { 0, 0 };

	attempt->step = step;
	if (event_add(attempt->turn, &now) < 0)
		log_bus(LOG_ERR, "no memory to connect to the message bus; restart straitd");
}

/* ── knocking ──────────────────────────────────────────────────────────────────────────────── */

static void stop_knocking(struct bus_attempt *attempt)
{
	if (attempt->knock)
		event_free(attempt->knock);
	attempt->knock = NULL;
	if (attempt->knock_fd >= 0)
		(void)close(attempt->knock_fd);
	attempt->knock_fd = -1;
}

static void on_knock(evutil_socket_t fd, short what, void *data)
{
	struct bus_attempt *attempt = data;
	char answer[64];
	ssize_t size = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);

	(void)what; /* can only be EV_READ */
	stop_knocking(attempt);
	if (size > 0) {
		go_to(attempt, STEP_CONNECT);
		return;
	}
	(void)fault_set(&attempt->fault, FAULT_SYSTEM, "the message bus closes new connections");
	go_to(attempt, STEP_END);
}

/* 1: it has to answer. 0: not there, errno says why. */
static int knock_at(struct bus_attempt *attempt, const struct sockaddr_un *name, socklen_t size)
{
	/* D-Bus specification, "Authentication Protocol": a NUL, then a question what there is */
	static const char first_words[] = "\0AUTH\r\n";

	attempt->knock_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (attempt->knock_fd < 0 ||
	    connect(attempt->knock_fd, (const struct sockaddr *)name, size) < 0 ||
	    send(attempt->knock_fd, first_words, sizeof(first_words) - 1, MSG_NOSIGNAL) < 0)
		return 0;
	attempt->knock = event_new(attempt->base, attempt->knock_fd, EV_READ, on_knock, attempt);
	if (attempt->knock && event_add(attempt->knock, NULL) == 0)
		return 1;
	errno = ENOMEM;
	return 0;
}

static void knock(struct bus_attempt *attempt)
{
	struct sockaddr_un name;
	socklen_t size;
	bool other;

	(void)fault_set(&attempt->fault, FAULT_SYSTEM, "'%.200s' is no bus address",
			attempt->address);
	for (int i = 0; bus_address_socket(attempt->address, i, &name, &size, &other); i++) {
		if (knock_at(attempt, &name, size))
			return;
		(void)fault_errno(&attempt->fault, errno, "cannot connect to the message bus");
		stop_knocking(attempt);
	}
	/* what is no local socket cannot be tried: libdbus has to */
	go_to(attempt, other ? STEP_CONNECT : STEP_END);
}

/* ── asking ────────────────────────────────────────────────────────────────────────────────── */

static void end_with_error(struct bus_attempt *attempt, DBusError *error, const char *what)
{
	(void)bus_register_fail(error, &attempt->fault, what);
	go_to(attempt, STEP_END);
}

static void on_reply(DBusPendingCall *pending, void *data)
{
	struct bus_attempt *attempt = data;
	DBusMessage *reply = dbus_pending_call_steal_reply(pending);
	DBusError error = DBUS_ERROR_INIT;
	bool greeting = attempt->step == STEP_HELLO;
	int result =
		greeting ? bus_register_greeted(attempt->connection, reply, &error, &attempt->fault)
			 : bus_register_owned(reply, &error, &attempt->fault);

	dbus_pending_call_unref(attempt->pending);
	attempt->pending = NULL;
	if (reply)
		dbus_message_unref(reply);
	if (result < 0)
		go_to(attempt, STEP_END);
	else
		go_to(attempt, greeting ? STEP_GREETED : STEP_OWNED);
}

/* Takes the message. */
static void ask(struct bus_attempt *attempt, DBusMessage *question, enum step step)
{
	DBusError error = DBUS_ERROR_INIT;
	bool asked = question &&
		     dbus_connection_send_with_reply(attempt->connection, question,
						     &attempt->pending, BUS_CALL_TIMEOUT_MS) &&
		     attempt->pending && /* NULL also when the connection is gone */
		     dbus_pending_call_set_notify(attempt->pending, on_reply, attempt, NULL);

	if (question)
		dbus_message_unref(question);
	attempt->step = step;
	if (!asked)
		end_with_error(attempt, &error, "cannot ask the message bus");
}

static void connect_now(struct bus_attempt *attempt)
{
	DBusError error = DBUS_ERROR_INIT;

	attempt->connection = dbus_connection_open_private(attempt->address, &error);
	if (!attempt->connection) {
		end_with_error(attempt, &error, "cannot connect to the message bus");
		return;
	}
	dbus_connection_set_exit_on_disconnect(attempt->connection, FALSE);
	attempt->loop = bus_loop_new(attempt->base, attempt->connection);
	attempt->filtering = dbus_connection_add_filter(attempt->connection, attempt->filter,
							attempt->filter_data, NULL);
	if (!attempt->loop || !attempt->filtering) {
		end_with_error(attempt, &error, "cannot watch the bus connection");
		return;
	}
	ask(attempt, bus_register_hello(), STEP_HELLO);
}

static void on_turn(evutil_socket_t fd, short what, void *data)
{
	struct bus_attempt *attempt = data;
	struct fault fault;

	(void)fd;   /* a timer has none */
	(void)what; /* can only be EV_TIMEOUT */
	switch (attempt->step) {
	case STEP_KNOCK:
		knock(attempt);
		break;
	case STEP_CONNECT:
		connect_now(attempt);
		break;
	case STEP_HELLO:
	case STEP_CLAIM:
		break; /* the reply is on its way */
	case STEP_GREETED:
		attempt->events->greeted(attempt->context); /* may free it */
		break;
	case STEP_OWNED:
		attempt->events->owned(attempt->context); /* frees it */
		break;
	case STEP_END:
		fault = attempt->fault;
		attempt->events->failed(attempt->context, &fault); /* frees it */
		break;
	}
}

/* ── the owner ─────────────────────────────────────────────────────────────────────────────── */

void bus_attempt_claim(struct bus_attempt *attempt)
{
	ask(attempt, bus_register_claim(), STEP_CLAIM);
}

bool bus_attempt_claims(const struct bus_attempt *attempt)
{
	return attempt->step == STEP_CLAIM || attempt->step == STEP_OWNED;
}

DBusConnection *bus_attempt_take(struct bus_attempt *attempt, struct bus_loop **ret_loop)
{
	DBusConnection *connection = attempt->connection;

	*ret_loop = attempt->loop;
	attempt->connection = NULL;
	attempt->loop = NULL;
	return connection;
}

struct bus_attempt *bus_attempt_free(struct bus_attempt *attempt)
{
	if (!attempt)
		return NULL;
	stop_knocking(attempt);
	if (attempt->turn)
		event_free(attempt->turn);
	if (attempt->pending) {
		dbus_pending_call_cancel(attempt->pending);
		dbus_pending_call_unref(attempt->pending);
	}
	if (attempt->connection) {
		if (attempt->filtering)
			dbus_connection_remove_filter(attempt->connection, attempt->filter,
						      attempt->filter_data);
		(void)bus_loop_free(attempt->loop);
		dbus_connection_close(attempt->connection);
		dbus_connection_unref(attempt->connection);
	}
	free(attempt);
	return NULL;
}

struct bus_attempt *bus_attempt_new(struct event_base *base, const char *address,
				    DBusHandleMessageFunction filter, void *filter_data,
				    const struct bus_attempt_events *events, void *context)
{
	struct bus_attempt *attempt = calloc(1, sizeof(*attempt));

	if (!attempt)
		return NULL;
	attempt->base = base;
	attempt->filter = filter;
	attempt->filter_data = filter_data;
	attempt->events = events;
	attempt->context = context;
	attempt->knock_fd = -1;
	(void)snprintf(attempt->address, sizeof(attempt->address), "%s", address);
	attempt->turn = event_new(base, -1, 0, on_turn, attempt);
	if (!attempt->turn)
		return bus_attempt_free(attempt);
	go_to(attempt, STEP_KNOCK);
	return attempt;
}
