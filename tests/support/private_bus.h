/* SPDX-License-Identifier: MIT
 *
 * private_bus.h - a dbus-daemon of a test's own, with its configuration and socket in a temporary
 * directory. It dies with the process that started it. Knows nothing of libdbus, so every test can
 * use it.
 */
#pragma once

#include <sys/types.h>

/* In the environment: bytes that may wait for one connection; more signals are dropped. */
#define PRIVATE_BUS_OUTGOING "STRAIT_BUS_OUTGOING"
/* The same: bytes of one sender that may wait for others; then the bus reads nothing of it. */
#define PRIVATE_BUS_INCOMING "STRAIT_BUS_INCOMING"

struct private_bus {
	pid_t pid;	    /* 0 = not running */
	char directory[64]; /* removed by private_bus_stop */
	char address[256];  /* for --bus, $DBUS_SESSION_BUS_ADDRESS … */
};

/* Starts a bus on which everybody may do everything. policy: NULL, or the path of a policy file
   (conf/dbus/…conf); then the bus is of type system and denies by default what the policy does not
   allow. Fails the running Check test when dbus-daemon is missing or does not start within 10 s. */
void private_bus_start(struct private_bus *bus, const char *policy);
/* Kills it and starts another one at the same place, of another GUID. */
void private_bus_restart(struct private_bus *bus);
/* Ends it and waits for it. Accepts one that was never started (all zero) or is stopped. */
void private_bus_stop(struct private_bus *bus);
