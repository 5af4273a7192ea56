/* SPDX-License-Identifier: MIT
 *
 * bus_private.h - what the bus*.c files share: the bus object and the doors between its parts. Only
 * bus*.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <dbus/dbus.h>

#include "bus.h"
#include "bus_address.h"
#include "bus_loop.h"
#include "bus_object.h"

#define BUS_GROUP "straitd"
#define BUS_CALL_TIMEOUT_MS                                                                        \
	10000 /* of each blocking call at start, and of each question to the bus later */
#define BUS_SPARE_BYTES (16u << 10)

#define BUS_IFACE_MANAGER BUS_NAME ".Manager"
#define BUS_IFACE_FIGURE  BUS_NAME ".Figure"
#define BUS_IFACE_SOURCE  BUS_NAME ".Source"
#define BUS_IFACE_JOB	  BUS_NAME ".Job"

struct event;
struct bus_changes;
struct bus_access;
struct bus_series;
struct bus_peers;
struct bus_replies;
struct bus_reconnect;
struct bus_stall;

/* Commits whose FiguresChanged … ; from 0 = none. */
struct bus_missed {
	uint64_t from, to;
};

struct bus {
	struct event_base *base;
	struct ledger *ledger;
	struct sources *sources;
	const struct bus_requests *requests;
	void *context;

	char address[BUS_ADDRESS_MAX];
	DBusConnection *connection; /* NULL: away from the bus, and so is the loop */
	struct bus_loop *loop;
	struct bus_reconnect *reconnect;
	struct bus_stall *stall;
	struct bus_changes *changes;
	struct bus_access *access;
	struct bus_series *series;
	struct bus_replies *replies;
	struct bus_peers *peers; /* NULL: no private socket */

	bool filtering; /* calls reach us */
	bool ready;	/* the property; once true it stays so */
	void *spare;	/* given up when memory runs out, so that the error can still be said */
	struct event *lost;
	char lost_why[FAULT_TEXT_MAX];

	uint64_t dropped; /* 0, or 1 + signals not sent since the queue went over the cap */
	uint64_t signals, signals_read; /* handed over so far; of these the bus has read at least */
	struct bus_missed unread, missed; /* … is not known to be read; was not sent, or not read */
};

/* ── bus.c ─────────────────────────────────────────────────────────────────────────────────── */

/* The daemon is told from the loop, not from within whatever found it out. The first reason stands.
 */
void bus_lost(struct bus *bus, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* bus_open with another deadline for each blocking call; for tests. */
int bus_open_within(struct event_base *base, const char *address, int timeout_ms,
		    struct ledger *ledger, struct sources *sources,
		    const struct bus_requests *requests, void *context, struct bus **ret_bus,
		    struct fault *fault);

#define BUS_NAME_LOST                                                                              \
	"another process took over the bus name " BUS_NAME "; 'busctl status " BUS_NAME            \
	"' says which"
/* The filter of our connections to the bus; data is the bus. */
DBusHandlerResult bus_on_message(DBusConnection *connection, DBusMessage *message, void *data);

/* ── bus_reconnect.c ───────────────────────────────────────────────────────────────────────── */

/* The connection is there. Makes and frees the bus's stall. */
struct bus_reconnect *bus_reconnect_new(struct bus *bus);
struct bus_reconnect *bus_reconnect_free(struct bus_reconnect *reconnect);
/* The connection was closed. */
void bus_reconnect_gone(struct bus_reconnect *reconnect);
/* The name was lost: by what we do ourselves just now? */
bool bus_reconnect_expects_loss(struct bus_reconnect *reconnect);

/* ── bus_signal.c ──────────────────────────────────────────────────────────────────────────── */

/* Signals are dropped while more than this waits to be written: the bus has stopped reading from
   us, most likely because one subscriber does not read (dbus-daemon stops at 127 MiB of a sender's
   undelivered messages). Subscribers see the gap in the sequence and close it with ChangesSince. */
#define BUS_OUTGOING_MAX    (16L << 20)
#define BUS_OUTGOING_RESUME (BUS_OUTGOING_MAX / 2)

/* false: over the cap (until the queue is below BUS_OUTGOING_RESUME again). Says so in the log,
 * once each way. */
bool bus_may_signal(struct bus *bus);
/* Takes the signal and sends it; false when it did not go out: over the cap, or NULL or badly built
 * for want of memory. */
bool bus_send_signal(struct bus *bus, DBusMessage *signal, bool built);
/* The connection is being given up: what the bus has not read of it is missed, and will be told
   again as far as it is a change of properties. */
void bus_signals_unread(struct bus *bus);
#define BUS_MISSED_TEXT_MAX 160
/* Half a sentence on commits that were missed. Returns buffer. */
const char *bus_missed_text(const struct bus_missed *missed, char buffer[BUS_MISSED_TEXT_MAX]);
void bus_signal_source(struct bus *bus, const struct source_info *info);
void bus_signal_figures(struct bus *bus, const struct commit_report *report);
void bus_signal_finished(struct bus *bus, const struct job_info *info);
/* Replies too: hands the message to libdbus; false when out of memory. Does not take the reference.
 */
bool bus_send(struct bus *bus, DBusMessage *message);

/* ── bus_changes.c ─────────────────────────────────────────────────────────────────────────── */

struct bus_changes *bus_changes_new(struct bus *bus);
struct bus_changes *bus_changes_free(struct bus_changes *changes);
/* Objects of this kind may have come, gone or changed: they are compared with what was last told,
   at the end of this turn of the loop, or (soon false) within BUS_CHANGES_DELAY_MS, which keeps
   mere counters from flooding the bus. */
void bus_changes_mark(struct bus_changes *changes, enum bus_kind_id kind, bool soon);
/* Compares now. quiet: takes note without telling; for the start. */
void bus_changes_sweep(struct bus_changes *changes, enum bus_kind_id kind, bool quiet);
#define BUS_CHANGES_DELAY_MS 100
/* What was told later than in that signal (of bus->signals) counts as not told. */
void bus_changes_untell(struct bus_changes *changes, uint64_t signal);

/* ── bus_access.c ──────────────────────────────────────────────────────────────────────────── */

#define BUS_ACCESS_PENDING_MAX 64u /* callers being looked up at a time; more → Busy */

struct bus_access *bus_access_new(struct bus *bus);
struct bus_access *bus_access_free(struct bus_access *access);
/* The connection is going, and with it the callers on it: their calls are forgotten. */
void bus_access_drop(struct bus_access *access, const DBusConnection *connection);
/* Asks the bus that the call came over who the caller is and calls bus_object_resume() with the
 * verdict, from a later turn or at once. */
void bus_access_check(struct bus_access *access, DBusConnection *connection, DBusMessage *message,
		      const struct bus_method *method);

/* ── bus_peers.c ───────────────────────────────────────────────────────────────────────────── */

#define BUS_PEERS_MAX	   256u /* connections; more are closed at once */
#define BUS_PEERS_USER_MAX 128u /* the same for those of one user */
/* Not yet authenticated; for one more the oldest of them is disconnected. */
#define BUS_PEERS_STRANGERS_MAX	 32u
#define BUS_PEER_AUTHENTICATE_MS 5000
/* Bytes of one message, and of those together that are not yet answered. */
#define BUS_PEER_MESSAGE_MAX (512L << 10)
#define BUS_PEER_FDS_MAX     4 /* Import has one */
/* While more than this waits for a peer its calls are not answered; a larger reply may pass it. */
#define BUS_PEER_OUTGOING_PAUSE (256L << 10)
#define BUS_PEER_OUTGOING_MAX	(8L << 20)  /* at a signal: disconnected */
#define BUS_PEERS_OUTGOING_MAX	(64L << 20) /* of all: the one with most is disconnected */
#define BUS_PEER_STALL_MS	10000	    /* it has read nothing of what waits: disconnected */

/* Listens on the private socket at that path. */
int bus_peers_new(struct bus *bus, const char *path, struct bus_peers **ret_peers,
		  struct fault *fault);
struct bus_peers *bus_peers_free(struct bus_peers *peers);
/* "" when peers is NULL. */
const char *bus_peers_address(const struct bus_peers *peers);
/* To each of them; does not take the reference. NULL = there are none. */
void bus_peers_signal(struct bus_peers *peers, DBusMessage *signal);
/* Did this connection come over the private socket? NULL = no. */
bool bus_peers_has(struct bus_peers *peers, DBusConnection *connection);
/* Is it root, our own user, or a member of the group (NULL = there is none)? */
bool bus_peers_may(struct bus_peers *peers, DBusConnection *connection, const gid_t *group);

/* ── bus_manager.c ─────────────────────────────────────────────────────────────────────────── */

/* The results of GetFigure and of GetFigures. */
void bus_manager_put_figure(struct bus_writer *writer, const struct figure *figure);
void bus_manager_begin_figures(struct bus_writer *writer, uint64_t sequence);
void bus_manager_put_named(struct bus_writer *writer, const struct figure *figure);
void bus_manager_end_figures(struct bus_writer *writer);

/* ── bus_replies.c ─────────────────────────────────────────────────────────────────────────── */

struct bus_replies *bus_replies_new(void);
struct bus_replies *bus_replies_free(struct bus_replies *replies);
/* Answers a plain GetFigure or GetFigures from what is kept. false: it was not answered. */
bool bus_replies_answer(struct bus_replies *replies, const struct bus_call *call);

/* ── bus_check.c ───────────────────────────────────────────────────────────────────────────── */

int bus_check_list(struct bus_call *call, struct fault *fault);
int bus_check_get(struct bus_call *call, struct fault *fault);

/* ── bus_series.c ──────────────────────────────────────────────────────────────────────────── */

#define BUS_SERIES_POINTS_MAX	 100000u  /* in a reply */
#define BUS_SERIES_FD_POINTS_MAX 1000000u /* in a memfd */

struct bus_series *bus_series_new(void);
struct bus_series *bus_series_free(struct bus_series *series);
/* A commit may have touched any series: nothing kept is handed out again. */
void bus_series_forget(struct bus_series *series);
int bus_series_get(struct bus_call *call, struct fault *fault);
int bus_series_get_fd(struct bus_call *call, struct fault *fault);

/* ── bus_explain.c ─────────────────────────────────────────────────────────────────────────── */

int bus_explain(struct bus_call *call, struct fault *fault);
int bus_explain_items(struct bus_call *call, struct fault *fault);
int bus_get_release(struct bus_call *call, struct fault *fault);
int bus_open_original(struct bus_call *call, struct fault *fault);
