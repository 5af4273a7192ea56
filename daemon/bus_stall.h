/* SPDX-License-Identifier: MIT
 *
 * bus_stall.h - does the message bus still read what we send? Only bus*.c.
 *
 * dbus-daemon stops reading from a sender when 127 MiB of its messages wait for receivers: one
 * subscriber that stays and never reads is enough, and then every caller of the sender hangs.
 */
#pragma once

#include <stdbool.h>

#include <dbus/dbus.h>

#define BUS_STALL_LOOK_MS 250  /* how often we look while something waits */
#define BUS_STALL_IDLE_MS 500  /* nothing of what waits was read for so long: late */
#define BUS_STALL_WAIT_MS 1500 /* something is read, but what was sent so long ago waits: late */

struct bus_stall;
struct event_base;

/* late: called from the loop at every look while the bus is late; not while nothing is watched.
   NULL when out of memory. */
struct bus_stall *bus_stall_new(struct event_base *base, void (*late)(void *context),
				void *context);
struct bus_stall *bus_stall_free(struct bus_stall *stall);
/* From now on this connection, or none (NULL); to be told before it is unreferenced. */
void bus_stall_watch(struct bus_stall *stall, DBusConnection *connection);
/* dbus_connection_send on that connection, seen. */
bool bus_stall_send(struct bus_stall *stall, DBusMessage *message);
/* As of now: late at the last look, and nothing was read since. */
bool bus_stall_is_late(struct bus_stall *stall);
/* Everything that was sent has been read by the bus. */
bool bus_stall_is_drained(const struct bus_stall *stall);
