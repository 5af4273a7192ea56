/* SPDX-License-Identifier: MIT
 *
 * bus_socket.h - the file of the private socket, and who connects to it. Only bus*.c.
 */
#pragma once

#include <dbus/dbus.h>

#include "fault.h"

struct event_base;
struct bus_socket;

/* Makes the directory (0755, not its parents) and the socket (0666), in place of a socket that an
   earlier run of ours left or still has; listens. connected: called from the loop with every new
   connection; one that it does not reference is closed. Fails, and removes nothing, when something
   else has that path, or when others may write into the directory. */
int bus_socket_new(struct event_base *base, const char *path,
		   void (*connected)(void *context, DBusConnection *connection), void *context,
		   struct bus_socket **ret_socket, struct fault *fault);
/* Closes it, and removes the file if it is still ours. Returns NULL, accepts NULL. */
struct bus_socket *bus_socket_free(struct bus_socket *socket);
/* "unix:path=…", as D-Bus libraries take it. */
const char *bus_socket_address(const struct bus_socket *socket);
