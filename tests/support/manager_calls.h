/* SPDX-License-Identifier: MIT
 *
 * manager_calls.h - for tests that talk to a daemon of another process: calls of the Manager, and
 * asking them one at a time. What fails, fails the running Check test.
 */
#pragma once

#include <stdbool.h>

#include <dbus/dbus.h>

#define NAME	"org.straitd.Straitd1"
#define ROOT	"/org/straitd/Straitd1"
#define MANAGER NAME ".Manager"
#define ERROR	NAME ".Error."
#define CALL_MS 10000 /* for an answer */

/* A connection of its own, to a bus (registered) or to the private socket. */
DBusConnection *client_open(const char *address, bool registered);
void client_close(DBusConnection *connection);

DBusMessage *call_new(const char *member);
DBusMessage *call_figure(const char *name);
/* An empty list: all of them. */
DBusMessage *call_figures(const char *const *names, int count);
/* GetSeries or GetSeriesFd: all periods, as known now, summed over all labels. */
DBusMessage *call_series(const char *member, const char *metric);

/* Takes the call. NULL: no answer, because of that error. */
DBusMessage *try_ask(DBusConnection *client, DBusMessage *call, int timeout_ms, DBusError *error);
/* The same, and there must be an answer. */
DBusMessage *ask(DBusConnection *client, DBusMessage *call);
/* The first number in the struct of a reply, which is unreferenced. */
double value_of(DBusMessage *reply);
