/* SPDX-License-Identifier: MIT
 *
 * bus_replies.c - owns replies to GetFigure and GetFigures that are kept marshalled, and the short
 * way from such a call to a copy of one. Main only.
 *
 * Appending to a libdbus message costs more than all else of such a call; copying a whole message
 * does not. A kept reply is never told that it is out of date: each time, what it was made of is
 * compared with the ledger as it is, which costs nanoseconds a figure and cannot be forgotten
 * anywhere.
 *
 * Invariant: what is sent is what bus_manager.c would build at this moment. Whatever is not plain
 * (a name that is no published figure, other arguments, no memory) is left to the general way. Must
 * never keep more than the limits below, and never a pointer into the ledger that it follows.
 */
#include <stdlib.h>
#include <string.h>

#include "bus_private.h"
#include "period.h"

#define FIGURES_KEPT	 512u /* replies to GetFigure; a power of two */
#define LISTS_KEPT	 4u   /* replies to GetFigures … */
#define LIST_FIGURES_MAX 256u /* … of so many figures at most */
#define UNIT_BYTES	 32u  /* a figure of a longer unit is not kept */
#define NAME_BYTES	 128u /* the same for its name, in lists */

/* What a reply says of a figure, but for its name. */
struct shown {
	double value;
	enum strait_status status;
	int64_t published_at_ms;
	char period[PERIOD_TEXT_MAX];
	char unit[UNIT_BYTES];
};

struct kept_figure {
	DBusMessage *reply; /* NULL = free */
	struct shown shown;
	uint64_t sequence;
};

struct listed {
	size_t index; /* in the ledger */
	char name[NAME_BYTES];
	struct shown shown;
};

struct kept_list {
	DBusMessage *reply; /* NULL = free */
	bool all;	    /* of an empty list */
	uint64_t sequence;
	size_t count;
	struct listed *figures;
};

struct bus_replies {
	struct kept_figure figures[FIGURES_KEPT];
	struct kept_list lists[LISTS_KEPT];
	unsigned int oldest; /* of the lists: the next to go */
};

/* ── comparing ─────────────────────────────────────────────────────────────────────────────── */

static bool is_same(const struct shown *shown, const struct figure *figure)
{
	/* by bits, so that NaN equals itself */
	return !memcmp(&shown->value, &figure->value, sizeof(shown->value)) &&
	       shown->status == figure->status &&
	       shown->published_at_ms == figure->published_at_ms &&
	       !strcmp(shown->period, figure->period) && !strcmp(shown->unit, figure->unit);
}

/* false when it is too long to be kept. */
static bool show(struct shown *shown, const struct figure *figure)
{
	size_t size = strlen(figure->unit) + 1;

	if (size > sizeof(shown->unit))
		return false;
	memcpy(shown->unit, figure->unit, size);
	memcpy(shown->period, figure->period, sizeof(shown->period));
	shown->value = figure->value;
	shown->status = figure->status;
	shown->published_at_ms = figure->published_at_ms;
	return true;
}

/* ── sending ───────────────────────────────────────────────────────────────────────────────── */

/* false when out of memory: nothing was sent. */
static bool send_copy(const struct bus_call *call, DBusMessage *kept)
{
	const char *sender = dbus_message_get_sender(call->message); /* NULL: a peer */
	DBusMessage *reply = dbus_message_copy(kept);
	bool sent;

	if (!reply)
		return false;
	sent = dbus_message_set_reply_serial(reply, dbus_message_get_serial(call->message)) &&
	       (!sender || dbus_message_set_destination(reply, sender)) &&
	       bus_object_reply(call, reply);
	dbus_message_unref(reply);
	return sent;
}

/* A reply to nobody yet. NULL when out of memory. */
static DBusMessage *reply_new(struct bus_writer *ret_writer)
{
	DBusMessage *reply = dbus_message_new(DBUS_MESSAGE_TYPE_METHOD_RETURN);

	if (reply) {
		dbus_message_set_no_reply(reply, TRUE); /* as every reply says */
		bus_writer_init(ret_writer, reply);
	}
	return reply;
}

/* NULL when it was not well built. */
static DBusMessage *finished(DBusMessage *reply, struct bus_writer *writer)
{
	if (reply && bus_writer_done(writer))
		return reply;
	if (reply)
		dbus_message_unref(reply);
	return NULL;
}

/* ── GetFigure ─────────────────────────────────────────────────────────────────────────────── */

static bool remake_figure(struct kept_figure *kept, const struct figure *figure)
{
	struct bus_writer writer;
	DBusMessage *reply;

	if (kept->reply)
		dbus_message_unref(kept->reply);
	kept->reply = NULL;
	if (!show(&kept->shown, figure))
		return false;
	kept->sequence = figure->sequence;
	reply = reply_new(&writer);
	if (reply)
		bus_manager_put_figure(&writer, figure);
	kept->reply = finished(reply, &writer);
	return kept->reply;
}

static bool answer_figure(struct bus_replies *replies, const struct bus_call *call,
			  DBusMessageIter *arguments)
{
	const char *name = bus_take_text(arguments);
	const struct figure *figure = ledger_figure(call->bus->ledger, name);
	struct kept_figure *kept;

	if (!figure)
		return false;
	/* any place will do, as all of it is compared; two figures rarely share one */
	kept = &replies->figures[((uintptr_t)figure / sizeof(*figure)) % FIGURES_KEPT];
	if ((!kept->reply || kept->sequence != figure->sequence ||
	     !is_same(&kept->shown, figure)) &&
	    !remake_figure(kept, figure))
		return false;
	return send_copy(call, kept->reply);
}

/* ── GetFigures ────────────────────────────────────────────────────────────────────────────── */

static void forget_list(struct kept_list *list)
{
	if (list->reply)
		dbus_message_unref(list->reply);
	free(list->figures);
	*list = (struct kept_list){ .reply = NULL };
}

/* Is it what was asked for? names: of the call; those of a list for all are none. */
static bool is_asked(const struct kept_list *list, DBusMessageIter names)
{
	size_t i = 0;

	if (!list->reply)
		return false;
	for (; dbus_message_iter_get_arg_type(&names) == DBUS_TYPE_STRING; i++) {
		const char *name = bus_take_text(&names);

		if (list->all || i == list->count || strcmp(list->figures[i].name, name) != 0)
			return false;
	}
	return list->all ? i == 0 : i == list->count;
}

static bool is_current(const struct kept_list *list, struct ledger *ledger)
{
	if (list->sequence != ledger_sequence(ledger) ||
	    (list->all && list->count != ledger_figure_count(ledger)))
		return false;
	for (size_t i = 0; i < list->count; i++) {
		const struct listed *listed = &list->figures[i];
		const struct figure *figure = listed->index < ledger_figure_count(ledger)
						      ? ledger_figure_at(ledger, listed->index)
						      : NULL;

		if (!figure || strcmp(figure->name, listed->name) != 0 ||
		    !is_same(&listed->shown, figure))
			return false;
	}
	return true;
}

static bool list_figure(struct listed *listed, struct ledger *ledger, size_t index)
{
	const struct figure *figure = ledger_figure_at(ledger, index);
	size_t size = strlen(figure->name) + 1;

	if (size > sizeof(listed->name) || !show(&listed->shown, figure))
		return false;
	memcpy(listed->name, figure->name, size);
	listed->index = index;
	return true;
}

/* SIZE_MAX when there is none. The ledger has its figures sorted by name. */
static size_t index_of(struct ledger *ledger, const char *name)
{
	size_t low = 0, high = ledger_figure_count(ledger);

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(ledger_figure_at(ledger, middle)->name, name);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return SIZE_MAX;
}

/* Fills the figures; false when they cannot be kept. */
static bool take_figures(struct kept_list *list, struct ledger *ledger, DBusMessageIter names,
			 size_t asked)
{
	const size_t count = asked ? asked : ledger_figure_count(ledger);
	bool good = true;

	if (count > LIST_FIGURES_MAX)
		return false;
	list->figures = calloc(count + 1, sizeof(*list->figures)); /* there may be none at all */
	if (!list->figures)
		return false;
	list->all = !asked;
	while (good && list->all && list->count < ledger_figure_count(ledger)) {
		good = list_figure(&list->figures[list->count], ledger, list->count);
		list->count += good;
	}
	while (good && dbus_message_iter_get_arg_type(&names) == DBUS_TYPE_STRING) {
		size_t index = index_of(ledger, bus_take_text(&names));

		good = index != SIZE_MAX && list_figure(&list->figures[list->count], ledger, index);
		list->count += good;
	}
	return good;
}

static bool remake_list(struct kept_list *list, struct ledger *ledger, DBusMessageIter names,
			size_t asked)
{
	struct bus_writer writer;
	DBusMessage *reply;

	forget_list(list);
	if (!take_figures(list, ledger, names, asked)) {
		forget_list(list);
		return false;
	}
	list->sequence = ledger_sequence(ledger);
	reply = reply_new(&writer);
	if (reply) {
		bus_manager_begin_figures(&writer, list->sequence);
		for (size_t i = 0; i < list->count; i++)
			bus_manager_put_named(&writer,
					      ledger_figure_at(ledger, list->figures[i].index));
		bus_manager_end_figures(&writer);
	}
	list->reply = finished(reply, &writer);
	if (!list->reply)
		forget_list(list);
	return list->reply;
}

static bool answer_list(struct bus_replies *replies, const struct bus_call *call,
			DBusMessageIter *arguments)
{
	struct ledger *ledger = call->bus->ledger;
	const size_t asked = (size_t)dbus_message_iter_get_element_count(arguments);
	struct kept_list *list = NULL;
	DBusMessageIter names;

	dbus_message_iter_recurse(arguments, &names);
	for (size_t i = 0; !list && i < LISTS_KEPT; i++)
		list = is_asked(&replies->lists[i], names) ? &replies->lists[i] : NULL;
	if (!list)
		list = &replies->lists[replies->oldest++ % LISTS_KEPT];
	else if (is_current(list, ledger))
		return send_copy(call, list->reply);
	return remake_list(list, ledger, names, asked) && send_copy(call, list->reply);
}

/* ── both ──────────────────────────────────────────────────────────────────────────────────── */

static bool is_to_manager(DBusMessage *message)
{
	const char *interface = dbus_message_get_interface(message);
	const char *path = dbus_message_get_path(message);

	return path && !strcmp(path, BUS_ROOT) &&
	       (!interface || !strcmp(interface, BUS_IFACE_MANAGER)) &&
	       !dbus_message_get_no_reply(message);
}

bool bus_replies_answer(struct bus_replies *replies, const struct bus_call *call)
{
	const char *member = dbus_message_get_member(call->message);
	DBusMessageIter arguments;

	if (!member || strncmp(member, "GetFigure", 9) != 0 || !is_to_manager(call->message))
		return false;
	(void)dbus_message_iter_init(call->message, &arguments); /* FALSE = none: no signature */
	if (!member[9] && dbus_message_has_signature(call->message, "s"))
		return answer_figure(replies, call, &arguments);
	if (!strcmp(member + 9, "s") && dbus_message_has_signature(call->message, "as"))
		return answer_list(replies, call, &arguments);
	return false;
}

struct bus_replies *bus_replies_free(struct bus_replies *replies)
{
	if (!replies)
		return NULL;
	for (size_t i = 0; i < FIGURES_KEPT; i++)
		if (replies->figures[i].reply)
			dbus_message_unref(replies->figures[i].reply);
	for (size_t i = 0; i < LISTS_KEPT; i++)
		forget_list(&replies->lists[i]);
	free(replies);
	return NULL;
}

struct bus_replies *bus_replies_new(void)
{
	return calloc(1, sizeof(struct bus_replies));
}
