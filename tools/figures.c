/* SPDX-License-Identifier: MIT
 *
 * figures.c - reading the daemon's objects with one call, and printing figures.
 *
 * Process: straitctl. Invariant: what is shown together was answered together. It must never
 * compute a figure.
 */
#include "figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

bool figure_read(DBusMessageIter *properties, struct shown_figure *ret_figure)
{
	struct shown_figure figure = { 0 };
	dbus_bool_t stale = FALSE;
	dbus_int64_t published = 0;
	dbus_uint64_t sequence = 0;
	const struct property_slot slots[] = {
		{ "Name", DBUS_TYPE_STRING, &figure.name },
		{ "Unit", DBUS_TYPE_STRING, &figure.unit },
		{ "Status", DBUS_TYPE_STRING, &figure.status },
		{ "Period", DBUS_TYPE_STRING, &figure.period },
		{ "Source", DBUS_TYPE_STRING, &figure.source },
		{ "Formula", DBUS_TYPE_STRING, &figure.formula },
		{ "Value", DBUS_TYPE_DOUBLE, &figure.value },
		{ "PublishedAt", DBUS_TYPE_INT64, &published },
		{ "Sequence", DBUS_TYPE_UINT64, &sequence },
		{ "Stale", DBUS_TYPE_BOOLEAN, &stale },
	};

	if (!properties_read(properties, slots, sizeof(slots) / sizeof(slots[0])))
		return false;
	if (figure.name == NULL || figure.unit == NULL || figure.status == NULL ||
	    figure.period == NULL)
		return false;
	figure.published_at_ms = published;
	figure.sequence = sequence;
	figure.stale = stale;
	*ret_figure = figure;
	return true;
}

void figure_print_json(const struct shown_figure *figure)
{
	json_line(json_pack("{s:s, s:o, s:s, s:s, s:s, s:o, s:I, s:o, s:s?}", "name", figure->name,
			    "value", number_json(figure->value), "unit", figure->unit, "status",
			    figure->status, "period", figure->period, "published_at",
			    time_json(figure->published_at_ms), "sequence",
			    (json_int_t)figure->sequence, "stale",
			    figure->source == NULL ? json_null() : json_boolean(figure->stale),
			    "source", figure->source));
}

static enum tint tint_of_status(const char *status)
{
	if (strcmp(status, "final") == 0)
		return TINT_NONE;
	if (strcmp(status, "missing") == 0 || strcmp(status, "suppressed") == 0)
		return TINT_DIM;
	return TINT_WARN;
}

void figures_print(const struct shown_figure *figures, size_t count)
{
	static const struct table_column columns[] = {
		{ "FIGURE", false }, { "VALUE", true },	  { "UNIT", false },
		{ "STATUS", false }, { "PERIOD", false }, { "PUBLISHED", false },
		{ "STALE", false },
	};
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));

	for (size_t i = 0; i < count; i++) {
		const struct shown_figure *figure = &figures[i];
		char number[NUMBER_TEXT_MAX], time[TIME_TEXT_MAX];

		table_row(table);
		table_cell(table, figure->name, TINT_NONE);
		table_cell(table, number_text(figure->value, number), TINT_NONE);
		table_cell(table, figure->unit, TINT_NONE);
		table_cell(table, figure->status, tint_of_status(figure->status));
		table_cell(table, figure->period, TINT_NONE);
		table_cell(table, time_text(figure->published_at_ms, time), TINT_NONE);
		table_cell(table,
			   figure->source == NULL ? "?"
			   : figure->stale	  ? "stale"
						  : "-",
			   figure->stale ? TINT_WARN : TINT_NONE);
	}
	table_print(table);
}

/* Goes to the a{sv} of that interface of one object; entry is at its {o a{sa{sv}}}. */
static bool find_interface(DBusMessageIter *entry, const char *interface,
			   DBusMessageIter *ret_properties)
{
	DBusMessageIter interfaces;

	if (!message_read(entry, "-") || dbus_message_iter_get_arg_type(entry) != DBUS_TYPE_ARRAY)
		return false;
	dbus_message_iter_recurse(entry, &interfaces);
	for (; dbus_message_iter_get_arg_type(&interfaces) == DBUS_TYPE_DICT_ENTRY;
	     (void)dbus_message_iter_next(&interfaces)) {
		const char *name;

		dbus_message_iter_recurse(&interfaces, ret_properties);
		if (message_read(ret_properties, "s", &name) && strcmp(name, interface) == 0)
			return true;
	}
	return false;
}

enum exit_code objects_read(struct client *client, const char *interface,
			    struct objects *ret_objects)
{
	DBusMessage *call = client_new_call(DAEMON_ROOT, "org.freedesktop.DBus.ObjectManager",
					    "GetManagedObjects");
	struct objects objects = { 0 };
	DBusMessageIter iterator, entries;
	enum exit_code code = client_call(client, call, "a{oa{sa{sv}}}", &objects.reply);
	size_t room;

	if (code != EXIT_GOOD)
		return code;
	(void)dbus_message_iter_init(objects.reply, &iterator); /* the signature was checked */
	room = (size_t)dbus_message_iter_get_element_count(&iterator);
	objects.properties = calloc(room + 1, sizeof(*objects.properties));
	if (objects.properties == NULL) {
		fputs("straitctl: out of memory\n", stderr);
		objects_done(&objects);
		return EXIT_FAILED;
	}
	dbus_message_iter_recurse(&iterator, &entries);
	for (; dbus_message_iter_get_arg_type(&entries) == DBUS_TYPE_DICT_ENTRY;
	     (void)dbus_message_iter_next(&entries)) {
		DBusMessageIter entry;

		dbus_message_iter_recurse(&entries, &entry);
		if (find_interface(&entry, interface, &objects.properties[objects.count]))
			objects.count++;
	}
	*ret_objects = objects;
	return EXIT_GOOD;
}

void objects_done(struct objects *objects)
{
	if (objects->reply != NULL)
		dbus_message_unref(objects->reply);
	free(objects->properties);
	*objects = (struct objects){ 0 };
}

static int compare_figures(const void *a, const void *b)
{
	return strcmp(((const struct shown_figure *)a)->name,
		      ((const struct shown_figure *)b)->name);
}

enum exit_code figure_set_read(struct client *client, struct figure_set *ret_set)
{
	struct figure_set set = { 0 };
	enum exit_code code = objects_read(client, DAEMON_FIGURE, &set.objects);

	if (code != EXIT_GOOD)
		return code;
	set.items = calloc(set.objects.count + 1, sizeof(*set.items));
	if (set.items == NULL) {
		fputs("straitctl: out of memory\n", stderr);
		figure_set_done(&set);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < set.objects.count; i++) {
		if (figure_read(&set.objects.properties[i], &set.items[set.count]))
			set.count++;
	}
	qsort(set.items, set.count, sizeof(*set.items), compare_figures);
	*ret_set = set;
	return EXIT_GOOD;
}

void figure_set_done(struct figure_set *set)
{
	objects_done(&set->objects);
	free(set->items);
	set->items = NULL;
	set->count = 0;
}

const struct shown_figure *figure_set_find(const struct figure_set *set, const char *name)
{
	const struct shown_figure wanted = { .name = name };

	return set->count == 0 ? NULL
			       : bsearch(&wanted, set->items, set->count, sizeof(*set->items),
					 compare_figures);
}

/* Length of the metric that the formula is about, with labels or without; 0 when it is more than
 * one series. */
static size_t plain_series(const char *formula)
{
	size_t length = strspn(formula, "abcdefghijklmnopqrstuvwxyz0123456789_.");
	const char *rest = formula + length;

	if (*rest == '{') {
		rest += strcspn(rest, "}");
		rest += *rest == '}';
	}
	return *rest == '\0' ? length : 0;
}

const struct shown_figure *figure_set_find_kin(const struct figure_set *set, const char *name)
{
	const struct shown_figure *found = NULL;
	size_t longest = 0; /* of a metric a and a metric a.b, a.b.2020 is about the second */

	for (size_t i = 0; i < set->count; i++) {
		const char *formula = set->items[i].formula;
		size_t length = formula != NULL ? plain_series(formula) : 0;

		if (length > longest && strncmp(formula, name, length) == 0 &&
		    (name[length] == '.' || name[length] == '{')) {
			found = &set->items[i];
			longest = length;
		}
	}
	return found;
}
