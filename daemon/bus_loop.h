/* SPDX-License-Identifier: MIT
 *
 * bus_loop.h - one libdbus connection on libevent. Only bus*.c.
 */
#pragma once

#include <stddef.h>

#include <dbus/dbus.h>

struct event_base;
struct bus_loop;

#define BUS_LOOP_MESSAGES_PER_TURN 16 /* then other events get their turn */
/* While more than this waits to be written, no call is dispatched: replies would only make it
   longer. Calls then wait in libdbus, which stops reading at BUS_LOOP_RECEIVED_MAX. Far above the
   cap of signals (bus_signal.c), so that it only bites when somebody pipelines large replies or the
   bus has stopped reading. */
#define BUS_LOOP_OUTGOING_PAUSE (32L << 20)
#define BUS_LOOP_RECEIVED_MAX	(32L << 20)

/* Attaches the connection; from now on its messages reach filters and handlers from the loop. NULL
   when out of memory. The connection must stay until bus_loop_free(). */
struct bus_loop *bus_loop_new(struct event_base *base, DBusConnection *connection);
/* Instead of BUS_LOOP_OUTGOING_PAUSE. */
void bus_loop_set_pause(struct bus_loop *loop, long bytes);
/* Detaches. Returns NULL, accepts NULL. Not from within a handler of this connection. */
struct bus_loop *bus_loop_free(struct bus_loop *loop);
/* To be called once after every blocking call: messages may have been read that no watch will tell
 * of. */
void bus_loop_check(struct bus_loop *loop);
