/* SPDX-License-Identifier: MIT
 *
 * figures.h - figures as straitctl shows them, and the objects of the daemon they are read from.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"

/* Strings point into the message the figure was read from. */
struct shown_figure {
	const char *name, *unit, *status, *period;
	const char *source;  /* NULL = not known: then `stale` says nothing */
	const char *formula; /* NULL = not one of the published figures */
	double value;	     /* NaN = missing */
	int64_t published_at_ms;
	uint64_t sequence; /* 0 = as of another time */
	bool stale;
};

/* Reads org.straitd.Straitd1.Figure's properties from an a{sv}. */
bool figure_read(DBusMessageIter *properties, struct shown_figure *ret_figure);
/* {"name","value","unit","status","period","published_at","sequence","stale","source"} on one line;
   the last two are null when the source is not known. */
void figure_print_json(const struct shown_figure *figure);
/* A table with a heading. */
void figures_print(const struct shown_figure *figures, size_t count);

/* All objects of one interface, from one GetManagedObjects, so that they belong together. */
struct objects {
	DBusMessage *reply;	     /* keeps the strings */
	DBusMessageIter *properties; /* an a{sv} each */
	size_t count;
};
enum exit_code objects_read(struct client *client, const char *interface,
			    struct objects *ret_objects);
void objects_done(struct objects *objects);

/* All published figures, sorted by name. */
struct figure_set {
	struct objects objects;
	struct shown_figure *items;
	size_t count;
};
enum exit_code figure_set_read(struct client *client, struct figure_set *ret_set);
void figure_set_done(struct figure_set *set);
/* A published figure over the metric of "METRIC.WINDOW" or "METRIC{label=value}.WINDOW", which is
   not published itself: they come from the same source. NULL = there is none. */
const struct shown_figure *figure_set_find_kin(const struct figure_set *set, const char *name);
/* NULL = none of that name. */
const struct shown_figure *figure_set_find(const struct figure_set *set, const char *name);
