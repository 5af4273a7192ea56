/* SPDX-License-Identifier: MIT
 *
 * bus_reconnect.c - owns the exchange of our connection to the message bus for another one: when
 * the bus has gone (then we are away until it is back), and when it has stopped reading from us
 * (then a second connection takes the name over from the first). Main only. See docs/DBUS.md,
 * "Losing the bus".
 *
 * The bus is a window, the store is the point: commits go on whatever happens here.
 *
 * A second connection that the bus greets while the first is not read from for a second is the
 * proof that the bus lives and will not read from the first: only then the name is taken over. The
 * caller of a reply that waited gets NoReply from the bus, at once, because it is made to notice
 * that the first connection is closed: it does not look there any more by itself.
 *
 * Invariant: there is at most one attempt. `connection` and `loop` of the bus are exchanged from a
 * timer only, never within a handler of the connection. Must never block.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <event2/event.h>

#include "bus_attempt.h"
#include "bus_private.h"
#include "bus_stall.h"
#include "clock.h"
#include "log.h"

#define RETRY_FIRST_MS 100   /* doubled after each failure … */
#define RETRY_MAX_MS   30000 /* … up to this */
#define RETRY_TELL_MS  2000  /* why not, once it takes longer */

/* So many takeovers at once, and one more for each of these intervals: with a bus that accepts very
   little, or with stalled subscribers one after the other, callers lose at most so much. */
#define TAKEOVERS_MAX	   6
#define TAKEOVER_REFILL_MS 5000
#define TAKEOVER_AGAIN_MS  1000 /* after one that failed */
#define UNIQUE_NAME_MAX	   256

struct bus_reconnect {
	struct bus *bus;
	struct bus_attempt *attempt;
	struct event *gone;  /* zero timer: the connection was closed */
	struct event *retry; /* the next attempt */
	int delay_ms;
	int64_t since_ms;	/* away, or late; 0 = neither */
	bool told;		/* what keeps us from a new connection */
	bool name_lost;		/* while we were about to take it over */
	unsigned int takeovers; /* that are left */
	int64_t refilled_ms;
};

static bool is_away(const struct bus_reconnect *reconnect)
{
	return !reconnect->bus->connection;
}

static void arm(struct event *timer, int delay_ms)
{
	const struct timeval delay = { delay_ms / 1000, delay_ms % 1000 * 1000 };

	if (event_add(timer, &delay) < 0)
		log_bus(LOG_ERR, "cannot arm the timer that connects to the message bus again (out "
				 "of memory); restart straitd");
}

/* ── exchanging ────────────────────────────────────────────────────────────────────────────── */

/* Nothing of the old connection is left. What was handed to it and not read is missed. */
static void drop_connection(struct bus *bus)
{
	bus_signals_unread(bus);
	bus_stall_watch(bus->stall, NULL);
	bus_access_drop(bus->access, bus->connection);
	dbus_connection_remove_filter(bus->connection, bus_on_message, bus);
	bus->loop = bus_loop_free(bus->loop);
	dbus_connection_close(bus->connection);
	dbus_connection_unref(bus->connection);
	bus->connection = NULL;
}

/* Makes the bus look at a connection that we have closed: a message for it cannot be delivered. A
   signal, because that is what every policy lets pass. */
static void point_at(struct bus *bus, const char *unique_name)
{
	DBusMessage *signal = dbus_message_new_signal(BUS_ROOT, BUS_IFACE_MANAGER, "Replaced");

	/* without memory the bus finds out when it reads there again */
	if (signal && dbus_message_set_destination(signal, unique_name))
		(void)bus_send(bus, signal);
	if (signal)
		dbus_message_unref(signal);
}

static void take_connection(struct bus_reconnect *reconnect)
{
	struct bus *bus = reconnect->bus;

	bus->connection = bus_attempt_take(reconnect->attempt, &bus->loop);
	reconnect->attempt = bus_attempt_free(reconnect->attempt);
	bus_stall_watch(bus->stall, bus->connection);
	reconnect->since_ms = 0;
	reconnect->told = false;
	reconnect->name_lost = false;
	/* what was not told, or not read by the bus, is told now */
	for (int id = 0; id < BUS_KINDS; id++)
		bus_changes_mark(bus->changes, (enum bus_kind_id)id, /* soon= */ true);
	bus->missed = (struct bus_missed){ 0 };
	if (!dbus_connection_get_is_connected(bus->connection)) /* closed already, and told */
		bus_reconnect_gone(reconnect);
}

static void take_over(struct bus_reconnect *reconnect)
{
	struct bus *bus = reconnect->bus;
	const char *name = dbus_bus_get_unique_name(bus->connection);
	char old_name[UNIQUE_NAME_MAX], missed[BUS_MISSED_TEXT_MAX];
	long long took_ms = clock_monotonic_ms() - reconnect->since_ms;
	long waiting = dbus_connection_get_outgoing_size(bus->connection);

	(void)snprintf(old_name, sizeof(old_name), "%s", name ? name : "");
	reconnect->takeovers--;
	drop_connection(bus);
	log_bus(LOG_WARNING,
		"the message bus had stopped reading from straitd, with %ld bytes left to send: most "
		"likely some subscriber does not read ('busctl list' shows who is there); went on "
		"with a second connection after %lld ms; %s",
		waiting, took_ms, bus_missed_text(&bus->missed, missed));
	take_connection(reconnect);
	if (*old_name)
		point_at(bus, old_name);
}

static void come_back(struct bus_reconnect *reconnect)
{
	struct bus *bus = reconnect->bus;
	char missed[BUS_MISSED_TEXT_MAX];

	log_bus(LOG_NOTICE, "back on the message bus after %.1f s; %s",
		(double)(clock_monotonic_ms() - reconnect->since_ms) / 1000,
		bus_missed_text(&bus->missed, missed));
	take_connection(reconnect);
	if (bus->requests->away && bus->connection)
		bus->requests->away(bus->context, false);
}

/* ── attempts ──────────────────────────────────────────────────────────────────────────────── */

static void on_greeted(void *context)
{
	struct bus_reconnect *reconnect = context;

	if (is_away(reconnect) || bus_stall_is_late(reconnect->bus->stall)) {
		bus_attempt_claim(reconnect->attempt);
		return;
	}
	log_bus(LOG_DEBUG, "the message bus reads again; needs no second connection");
	reconnect->attempt = bus_attempt_free(reconnect->attempt);
	reconnect->since_ms = 0;
}

static void on_owned(void *context)
{
	struct bus_reconnect *reconnect = context;

	if (is_away(reconnect))
		come_back(reconnect);
	else
		take_over(reconnect);
}

static void on_failed(void *context, const struct fault *fault)
{
	struct bus_reconnect *reconnect = context;

	reconnect->attempt = bus_attempt_free(reconnect->attempt);
	if (fault->kind == FAULT_BUSY || reconnect->name_lost) {
		bus_lost(reconnect->bus, "%s",
			 fault->kind == FAULT_BUSY ? fault->text : BUS_NAME_LOST);
		return;
	}
	if (reconnect->delay_ms > RETRY_TELL_MS && !reconnect->told) {
		reconnect->told = true;
		log_bus(LOG_WARNING, "no new connection to the message bus yet: %s; trying again",
			fault->text);
	}
	arm(reconnect->retry, reconnect->delay_ms);
	reconnect->delay_ms =
		reconnect->delay_ms > RETRY_MAX_MS / 2 ? RETRY_MAX_MS : reconnect->delay_ms * 2;
}

static void attempt(struct bus_reconnect *reconnect)
{
	static const struct bus_attempt_events events = { .greeted = on_greeted,
							  .owned = on_owned,
							  .failed = on_failed };
	struct bus *bus = reconnect->bus;

	reconnect->attempt =
		bus_attempt_new(bus->base, bus->address, bus_on_message, bus, &events, reconnect);
	if (!reconnect->attempt)
		arm(reconnect->retry, RETRY_MAX_MS);
}

static void on_retry(evutil_socket_t fd, short what, void *data)
{
	struct bus_reconnect *reconnect = data;

	(void)fd;		/* a timer has none */
	(void)what;		/* can only be EV_TIMEOUT */
	if (is_away(reconnect)) /* else it is for the next look whether the bus reads by now */
		attempt(reconnect);
}

/* ── what sets it off ──────────────────────────────────────────────────────────────────────── */

static bool may_take_over(struct bus_reconnect *reconnect)
{
	int64_t now_ms = clock_monotonic_ms();

	while (reconnect->takeovers < TAKEOVERS_MAX &&
	       now_ms - reconnect->refilled_ms >= TAKEOVER_REFILL_MS) {
		reconnect->takeovers++;
		reconnect->refilled_ms += TAKEOVER_REFILL_MS;
	}
	if (reconnect->takeovers == TAKEOVERS_MAX)
		reconnect->refilled_ms = now_ms;
	if (reconnect->takeovers)
		return true;
	if (!reconnect->told)
		log_bus(LOG_WARNING,
			"the message bus does not read from straitd, again and again; callers wait "
			"up to %d s each time",
			TAKEOVER_REFILL_MS / 1000);
	reconnect->told = true;
	return false;
}

static void on_late(void *context)
{
	struct bus_reconnect *reconnect = context;

	if (!reconnect->since_ms)
		reconnect->since_ms = clock_monotonic_ms() - BUS_STALL_IDLE_MS;
	if (reconnect->attempt || event_pending(reconnect->retry, EV_TIMEOUT, NULL) ||
	    !may_take_over(reconnect))
		return;
	reconnect->delay_ms = TAKEOVER_AGAIN_MS;
	attempt(reconnect);
}

static void on_gone(evutil_socket_t fd, short what, void *data)
{
	struct bus_reconnect *reconnect = data;
	struct bus *bus = reconnect->bus;

	(void)fd;   /* a timer has none */
	(void)what; /* can only be EV_TIMEOUT */
	if (is_away(reconnect))
		return;
	drop_connection(bus);
	reconnect->since_ms = clock_monotonic_ms();
	reconnect->told = false;
	reconnect->delay_ms = RETRY_FIRST_MS;
	log_bus(LOG_WARNING, "the message bus closed the connection; going on without it, and "
			     "connecting again when it is back");
	if (!reconnect->attempt) /* one that was to take over may still come back */
		arm(reconnect->retry, RETRY_FIRST_MS);
	if (bus->requests->away)
		bus->requests->away(bus->context, true);
}

void bus_reconnect_gone(struct bus_reconnect *reconnect)
{
	arm(reconnect->gone, 0);
}

bool bus_reconnect_expects_loss(struct bus_reconnect *reconnect)
{
	if (!reconnect->attempt || !bus_attempt_claims(reconnect->attempt))
		return false;
	reconnect->name_lost = true;
	return true;
}

struct bus_reconnect *bus_reconnect_free(struct bus_reconnect *reconnect)
{
	if (!reconnect)
		return NULL;
	(void)bus_attempt_free(reconnect->attempt);
	reconnect->bus->stall = bus_stall_free(reconnect->bus->stall);
	if (reconnect->gone)
		event_free(reconnect->gone);
	if (reconnect->retry)
		event_free(reconnect->retry);
	free(reconnect);
	return NULL;
}

struct bus_reconnect *bus_reconnect_new(struct bus *bus)
{
	struct bus_reconnect *reconnect = calloc(1, sizeof(*reconnect));

	if (!reconnect)
		return NULL;
	reconnect->bus = bus;
	reconnect->takeovers = TAKEOVERS_MAX;
	reconnect->refilled_ms = clock_monotonic_ms();
	reconnect->gone = event_new(bus->base, -1, 0, on_gone, reconnect);
	reconnect->retry = event_new(bus->base, -1, 0, on_retry, reconnect);
	bus->stall = bus_stall_new(bus->base, on_late, reconnect);
	if (!reconnect->gone || !reconnect->retry || !bus->stall)
		return bus_reconnect_free(reconnect);
	bus_stall_watch(bus->stall, bus->connection);
	return reconnect;
}
