/* SPDX-License-Identifier: MIT
 *
 * bus.h - the daemon's window on D-Bus. Main only. Nobody outside bus*.c includes dbus/dbus.h.
 *
 * Objects: /org/straitd/Straitd1 (Manager, ObjectManager), and below it figure/NAME, source/NAME,
 * job/N. They exist before the name is asked for. Signals are sent when the bus_… functions below
 * are called, that is after the commit they tell of; property changes are gathered and go out once
 * a loop turn, one PropertiesChanged an object.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "fault.h"
#include "ledger.h"
#include "sources.h"

#define BUS_NAME "org.straitd.Straitd1"
#define BUS_ROOT "/org/straitd/Straitd1"

struct bus;

/* What bus methods ask of the daemon beyond the ledger and the sources. */
struct bus_requests {
	/* Reload finished or failed: fault says why. Synchronous. */
	int (*reload)(void *context, struct fault *fault);
	/* The name was lost to another process: the daemon ends with this sentence. */
	void (*lost)(void *context, const char *why);
	/* The bus went away, or is back; connecting again is not the daemon's business. May be
	 * NULL. */
	void (*away)(void *context, bool away);
	/* The kept original of a document, a zstd stream, read-only; the fd is the caller's. NULL =
	 * none is kept. */
	int (*open_original)(void *context, const uint8_t sha256[SHA256_BYTES], int *ret_fd,
			     struct fault *fault);
	bool (*has_original)(void *context, const uint8_t sha256[SHA256_BYTES]);
};

/* Connects (address: "system", "session" or a D-Bus address), registers all objects, then asks for
   the name: the only blocking calls, before the loop runs. */
int bus_open(struct event_base *base, const char *address, struct ledger *ledger,
	     struct sources *sources, const struct bus_requests *requests, void *context,
	     struct bus **ret_bus, struct fault *fault);
/* The private socket: the same interfaces without a message bus between. -1: there is none, and
   fault says why; all else goes on. bus_free() removes it. */
int bus_listen(struct bus *bus, const char *path, struct fault *fault);
struct bus *bus_free(struct bus *bus);

void bus_figures_changed(struct bus *bus, const struct commit_report *report);
void bus_store_changed(struct bus *bus);
void bus_source_added(struct bus *bus, const char *name);
void bus_source_changed(struct bus *bus, const char *name, bool state_changed);
void bus_source_removed(struct bus *bus, const char *name);
void bus_job_added(struct bus *bus, uint32_t id);
void bus_job_changed(struct bus *bus, uint32_t id, bool finished);
void bus_job_removed(struct bus *bus, uint32_t id);

/* The introspection XML of every interface, from the dispatch tables; needs no bus. For
 * --introspect. */
void bus_introspect(FILE *out);
