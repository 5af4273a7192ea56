/* SPDX-License-Identifier: MIT
 *
 * bus_attempt.h - a new connection to the message bus, made while the loop runs: nothing of it
 * blocks. Only bus*.c.
 *
 * Steps: is somebody at the socket? → connect, Hello → (the owner says go on) → RequestName. One of
 * the events tells of each; none comes from within a handler of the connection.
 */
#pragma once

#include <stdbool.h>

#include <dbus/dbus.h>

#include "fault.h"

struct bus_attempt;
struct bus_loop;
struct event_base;

struct bus_attempt_events {
	/* The bus has greeted us. Calls bus_attempt_claim(), or gives the attempt up. */
	void (*greeted)(void *context);
	/* The name is ours: bus_attempt_take(). */
	void (*owned)(void *context);
	/* Nothing more will come of it. FAULT_BUSY: the name belongs to a process that does not
	   give it up. */
	void (*failed)(void *context, const struct fault *fault);
};

/* The filter gets all messages, with its data. NULL when out of memory. */
struct bus_attempt *bus_attempt_new(struct event_base *base, const char *address,
				    DBusHandleMessageFunction filter, void *filter_data,
				    const struct bus_attempt_events *events, void *context);
/* Closes what was not taken. Accepts NULL, returns NULL. Not from within a handler of its
 * connection. */
struct bus_attempt *bus_attempt_free(struct bus_attempt *attempt);
void bus_attempt_claim(struct bus_attempt *attempt);
bool bus_attempt_claims(const struct bus_attempt *attempt);
/* The connection, its loop attached and the filter in; both are the caller's now. Then free the
 * attempt. */
DBusConnection *bus_attempt_take(struct bus_attempt *attempt, struct bus_loop **ret_loop);
