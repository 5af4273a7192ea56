/* SPDX-License-Identifier: MIT
 *
 * bus_figure.c - owns the interface Figure: one object for each published figure. Main only.
 * Invariant: what it shows is what the ledger has at this moment. Must never keep a pointer into
 * the ledger past the call.
 */
#include "bus_object.h"

#include "bus_private.h"
#include "period.h"

static void get_name(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = subject->of.figure->name;
}

static void get_title(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = subject->of.figure->title;
}

static void get_value(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.number = subject->of.figure->value;
}

static void get_unit(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = subject->of.figure->unit;
}

static void get_status(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = status_word(subject->of.figure->status);
}

static void get_period(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = subject->of.figure->period;
}

static void get_published_at(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.i64 = subject->of.figure->published_at_ms;
}

static void get_source(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = subject->of.figure->source;
}

static void get_stale(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.boolean = subject->of.figure->stale;
}

static void get_sequence(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.u64 = subject->of.figure->sequence;
}

static void get_formula(const struct bus_subject *subject, struct bus_value *value)
{
	const char *window;

	ledger_definition(subject->bus->ledger, subject->of.figure->name, &value->as.text, &window);
}

static void get_window(const struct bus_subject *subject, struct bus_value *value)
{
	const char *formula;

	ledger_definition(subject->bus->ledger, subject->of.figure->name, &formula,
			  &value->as.text);
}

static const struct bus_property properties[] = {
	{ .name = "Name",
	  .type = 's',
	  .constant = true,
	  .get = get_name,
	  .doc = "As GetFigure takes it." },
	{ .name = "Title", .type = 's', .get = get_title, .doc = "One line for people." },
	{ .name = "Value",
	  .type = 'd',
	  .get = get_value,
	  .doc = "NaN when missing or suppressed." },
	{ .name = "Unit", .type = 's', .get = get_unit, .doc = "people, boats, hours, ratio ..." },
	{ .name = "Status",
	  .type = 's',
	  .get = get_status,
	  .doc = "final, provisional, estimated, missing or suppressed." },
	{ .name = "Period", .type = 's', .get = get_period, .doc = "ISO 8601." },
	{ .name = "PublishedAt",
	  .type = 'x',
	  .get = get_published_at,
	  .doc = "Newest publication that the value rests on: milliseconds since the epoch, UTC; 0 "
		 "= none." },
	{ .name = "Source",
	  .type = 's',
	  .get = get_source,
	  .doc = "Name of the source it comes from." },
	{ .name = "Stale",
	  .type = 'b',
	  .get = get_stale,
	  .doc = "The source is late, dead or stopped: the value may no longer be current." },
	{ .name = "Sequence",
	  .type = 't',
	  .get = get_sequence,
	  .doc = "Number of the commit that gave it this value." },
	{ .name = "Formula",
	  .type = 's',
	  .get = get_formula,
	  .doc = "How it is computed; include/strait/plugin.h has the language." },
	{ .name = "Window",
	  .type = 's',
	  .get = get_window,
	  .doc = "Over which time: latest, year_to_date, record, a period ..." },
	{ .name = NULL },
};

const struct bus_interface bus_figure_interface = {
	.name = BUS_IFACE_FIGURE,
	.doc = "One published figure. Changes come as PropertiesChanged, one an object and commit.",
	.properties = properties,
};

/* ── which ones there are ──────────────────────────────────────────────────────────────────── */

static bool fill(struct bus *bus, const struct figure *figure, struct bus_subject *ret_subject)
{
	if (!figure)
		return false;
	ret_subject->bus = bus;
	ret_subject->place = BUS_PLACE_OBJECT;
	ret_subject->kind = &bus_kinds[BUS_KIND_FIGURE];
	ret_subject->name = figure->name;
	ret_subject->of.figure = figure;
	return true;
}

size_t bus_figure_count(const struct bus *bus)
{
	return ledger_figure_count(bus->ledger);
}

bool bus_figure_at(struct bus *bus, size_t index, struct bus_subject *ret_subject)
{
	return fill(bus, ledger_figure_at(bus->ledger, index), ret_subject);
}

bool bus_figure_find(struct bus *bus, const char *name, struct bus_subject *ret_subject)
{
	return fill(bus, ledger_figure(bus->ledger, name), ret_subject);
}
