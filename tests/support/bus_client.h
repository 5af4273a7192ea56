/* SPDX-License-Identifier: MIT
 *
 * bus_client.h - a D-Bus client for tests that run the service in the same process: whenever it
 * waits, it turns the service's loop. All failures are Check assertions; every wait has a deadline.
 */
#pragma once

#include <stddef.h>

#include <dbus/dbus.h>
#include <event2/event.h>

#define BUS_CLIENT_SIGNALS_MAX 512
#define BUS_CLIENT_DEADLINE_MS 10000

struct bus_client {
	DBusConnection *connection;
	struct event_base *base; /* of the service; NULL = it is another process */
	const char *service;	 /* bus name that calls go to */
	DBusMessage *signals[BUS_CLIENT_SIGNALS_MAX]; /* of the service, in order, since the last
							 forget */
	size_t signal_count;
};

void bus_client_open(struct bus_client *client, struct event_base *base, const char *address,
		     const char *service);
void bus_client_close(struct bus_client *client);
/* Subscribes to everything that the service sends. */
void bus_client_subscribe(struct bus_client *client);
void bus_client_forget(struct bus_client *client);

/* One turn of everything: the loop without waiting, then at most 1 ms of our own connection. */
void bus_client_turn(struct bus_client *client);
/* Returns when everything that the service has to say at this moment has arrived. */
void bus_client_settle(struct bus_client *client);
/* Waits for (another) signal of that name and path (NULL = any), the at-th from 0 since the last
 * forget. */
DBusMessage *bus_client_wait(struct bus_client *client, const char *path, const char *name,
			     size_t at);
size_t bus_client_count(const struct bus_client *client, const char *path, const char *name);

/* A call with arguments given as text, one for each type of the signature: s, o, x, t, u, v (a
   string in it) as they are; "as": "a,b"; "a{ss}": "k=v,k=v". interface NULL = left out. The array
   may be NULL for no arguments. */
DBusMessage *bus_client_message(const struct bus_client *client, const char *path,
				const char *interface, const char *member, const char *signature,
				const char *const *arguments);
/* Sends (and takes) it and waits for the reply or error, which the caller unrefs. */
DBusMessage *bus_client_ask(struct bus_client *client, DBusMessage *message);

/* Arguments of a message as text: "(409 people …)" with [] for arrays and {key: value} for
   dictionaries, separated by blanks; strings as they stand in quotes, fds as "fd". An error is
   "!NAME" instead. Valid until the next call. */
const char *bus_client_text(DBusMessage *message);
