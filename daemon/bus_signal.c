/* SPDX-License-Identifier: MIT
 *
 * bus_signal.c - owns what we send unasked, and the cap on it. Main only. Invariant: a signal is
 * sent after the commit or the change that it tells of, and never when the queue is over the cap.
 * Must never wait for the queue to drain.
 */
#include <stdio.h>

#include "bus_private.h"
#include "bus_stall.h"
#include "log.h"
#include "period.h"

bool bus_send(struct bus *bus, DBusMessage *message)
{
	return bus->connection && bus_stall_send(bus->stall, message);
}

/* ── what subscribers have missed ──────────────────────────────────────────────────────────── */

static void extend(struct bus_missed *missed, uint64_t from, uint64_t to)
{
	if (!missed->from || from < missed->from)
		missed->from = from;
	if (to > missed->to)
		missed->to = to;
}

const char *bus_missed_text(const struct bus_missed *missed, char buffer[BUS_MISSED_TEXT_MAX])
{
	if (!missed->from)
		(void)snprintf(buffer, BUS_MISSED_TEXT_MAX, "subscribers have missed no commit");
	else
		(void)snprintf(
			buffer, BUS_MISSED_TEXT_MAX,
			"subscribers have missed commits from %llu to %llu (ChangesSince has "
			"them)",
			(unsigned long long)missed->from, (unsigned long long)missed->to);
	return buffer;
}

/* To be called before something is sent. */
static void note_what_is_read(struct bus *bus)
{
	if (!bus_stall_is_drained(bus->stall))
		return;
	bus->signals_read = bus->signals;
	bus->unread = (struct bus_missed){ 0 };
}

void bus_signals_unread(struct bus *bus)
{
	if (dbus_connection_get_is_connected(bus->connection))
		note_what_is_read(bus);
	if (bus->unread.from)
		extend(&bus->missed, bus->unread.from, bus->unread.to);
	bus->unread = (struct bus_missed){ 0 };
	bus->dropped = 0;
	bus_changes_untell(bus->changes, bus->signals_read);
	bus->signals_read = bus->signals;
}

/* ── the cap ───────────────────────────────────────────────────────────────────────────────── */

bool bus_may_signal(struct bus *bus)
{
	char missed[BUS_MISSED_TEXT_MAX];
	long waiting;

	if (!bus->connection)
		return false;
	waiting = dbus_connection_get_outgoing_size(bus->connection);
	if (bus->dropped) {
		if (waiting > BUS_OUTGOING_RESUME)
			return false;
		log_bus(LOG_NOTICE,
			"the message bus reads again; signals go out again after %llu were not "
			"sent; %s",
			(unsigned long long)(bus->dropped - 1),
			bus_missed_text(&bus->missed, missed));
		bus->dropped = 0;
		bus->missed = (struct bus_missed){ 0 };
		return true;
	}
	if (waiting <= BUS_OUTGOING_MAX)
		return true;
	bus->dropped = 1; /* one more than there were: 0 means not over the cap */
	log_bus(LOG_WARNING,
		"the message bus has not read %ld bytes of what straitd sent; sending no signals "
		"until it does",
		waiting);
	return false;
}

bool bus_send_signal(struct bus *bus, DBusMessage *signal, bool built)
{
	bool sent = false;

	if (!signal)
		return false;
	if (built && !bus_may_signal(bus)) {
		bus->dropped += bus->dropped > 0; /* else there is no bus */
	} else if (built) {
		note_what_is_read(bus);
		sent = bus_send(bus, signal);
		bus->signals += sent;
	}
	if (sent) /* else those of a sweep are told again, to all */
		bus_peers_signal(bus->peers, signal);
	dbus_message_unref(signal);
	return sent;
}

/* What is not told again goes to peers whatever becomes of it on the bus. */
static bool send_once(struct bus *bus, DBusMessage *signal, bool built)
{
	bool sent;

	dbus_message_ref(signal);
	sent = bus_send_signal(bus, signal, built);
	if (built && !sent)
		bus_peers_signal(bus->peers, signal);
	dbus_message_unref(signal);
	return sent;
}

static DBusMessage *signal_new(const char *path, const char *interface, const char *name,
			       struct bus_writer *ret_writer)
{
	DBusMessage *signal = dbus_message_new_signal(path, interface, name);

	if (signal)
		bus_writer_init(ret_writer, signal);
	else
		log_bus(LOG_WARNING,
			"no memory for the signal %s, ignoring; clients catch up with ChangesSince",
			name);
	return signal;
}

void bus_signal_figures(struct bus *bus, const struct commit_report *report)
{
	struct bus_writer writer;
	DBusMessage *signal = signal_new(BUS_ROOT, BUS_IFACE_MANAGER, "FiguresChanged", &writer);

	if (!signal)
		return;
	bus_put_u64(&writer, report->sequence);
	bus_put_text(&writer, report->source);
	bus_put_word(&writer, cause_word(report->cause));
	bus_put_array(&writer, "(sdds)");
	for (size_t i = 0; i < report->row_count; i++) {
		const struct figure_change *row = &report->rows[i];

		bus_put_struct(&writer);
		bus_put_text(&writer, row->figure);
		bus_put_double(&writer, row->old_value);
		bus_put_double(&writer, row->new_value);
		bus_put_word(&writer, status_word(row->status));
		bus_put_end(&writer);
	}
	bus_put_end(&writer);
	/* not sent = away, dropped or no memory: the gap in the sequence tells subscribers */
	if (send_once(bus, signal, bus_writer_done(&writer)))
		extend(&bus->unread, report->sequence, report->sequence);
	else
		extend(&bus->missed, report->sequence, report->sequence);
}

void bus_signal_source(struct bus *bus, const struct source_info *info)
{
	struct bus_writer writer;
	DBusMessage *signal = signal_new(BUS_ROOT, BUS_IFACE_MANAGER, "SourceChanged", &writer);

	if (!signal)
		return;
	bus_put_text(&writer, info->name);
	bus_put_word(&writer, source_state_word(info->state));
	bus_put_text(&writer, info->reason);
	/* not sent = dropped or no memory: the property State is still true */
	(void)send_once(bus, signal, bus_writer_done(&writer));
}

void bus_signal_finished(struct bus *bus, const struct job_info *info)
{
	struct bus_writer writer;
	char path[BUS_PATH_MAX];
	DBusMessage *signal;

	(void)snprintf(path, sizeof(path), BUS_ROOT "/%s/%u", bus_kinds[BUS_KIND_JOB].folder,
		       (unsigned int)info->id);
	signal = signal_new(path, BUS_IFACE_JOB, "Finished", &writer);
	if (!signal)
		return;
	bus_put_word(&writer, job_state_word(info->state));
	bus_put_text(&writer, info->error);
	/* not sent = dropped or no memory: the property State is still true */
	(void)send_once(bus, signal, bus_writer_done(&writer));
}
