/* SPDX-License-Identifier: MIT
 *
 * bus_register.h - the two questions that make a connection one of straitd: Hello and RequestName.
 * The messages and what their answers mean, and the blocking way, for the start. Only bus*.c.
 */
#pragma once

#include <stdbool.h>

#include <dbus/dbus.h>

#include "fault.h"

/* D-Bus specification, "Message Bus Messages". NULL when out of memory. */
DBusMessage *bus_register_hello(void);
DBusMessage *bus_register_claim(void);

/* Takes note of our unique name; else the fault has the sentence. reply may be an error, or NULL:
   there was none, and error says why. */
int bus_register_greeted(DBusConnection *connection, DBusMessage *reply, DBusError *error,
			 struct fault *fault);
/* The name is ours; else the fault: FAULT_BUSY when its owner does not give it up. */
int bus_register_owned(DBusMessage *reply, DBusError *error, struct fault *fault);

/* Both of them, each for at most that long; only before the loop runs. */
int bus_register_hello_within(DBusConnection *connection, int timeout_ms, struct fault *fault);
int bus_register_claim_within(DBusConnection *connection, int timeout_ms, struct fault *fault);

/* As "WHAT: what libdbus says"; frees the error. Returns -1. */
int bus_register_fail(DBusError *error, struct fault *fault, const char *what);
