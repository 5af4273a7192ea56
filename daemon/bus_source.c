/* SPDX-License-Identifier: MIT
 *
 * bus_source.c - owns the interface Source: one object for each configured source. Main only.
 * Invariant: what it shows is what the supervisor and the ledger count at this moment. Must never
 * show an option's value: some are secret.
 */
#include "bus_object.h"

#include "bus_private.h"

static void get_name(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = subject->of.source.name;
}

static void get_plugin(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = subject->of.source.plugin;
}

static void get_plugin_version(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = subject->of.source.plugin_version;
}

static void get_state(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = source_state_word(subject->of.source.state);
}

static void get_reason(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = subject->of.source.reason;
}

static void get_freshness(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = freshness_word(subject->of.source.freshness);
}

static void get_last_release(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = subject->of.source.last_release;
}

static void get_last_read(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.i64 = subject->of.source.last_read_ms;
}

static void get_accepted(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.u64 = subject->of.source.accepted;
}

static void get_rejected(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.u64 = subject->of.source.rejected;
}

static void get_restarts(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.u32 = subject->of.source.restarts;
}

static void get_last_fault(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = subject->of.source.last_fault;
}

static void get_progress(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.number = subject->of.source.progress;
}

static void get_sandbox(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = subject->of.source.sandbox;
}

static void get_last_fetch(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.i64 = subject->of.source.last_fetch_ms;
}

static void get_fetch_fault(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = subject->of.source.fetch_fault;
}

static const struct bus_property properties[] = {
	{ .name = "Name",
	  .type = 's',
	  .constant = true,
	  .get = get_name,
	  .doc = "Of the section [source NAME]." },
	{ .name = "Plugin", .type = 's', .get = get_plugin, .doc = "The plugin that reads it." },
	{ .name = "PluginVersion",
	  .type = 's',
	  .get = get_plugin_version,
	  .doc = "As the worker announced it; empty before that." },
	{ .name = "State",
	  .type = 's',
	  .get = get_state,
	  .doc = "starting, reading, idle, unresponsive, backoff, quarantined, misconfigured or "
		 "stopped." },
	{ .name = "Reason",
	  .type = 's',
	  .get = get_reason,
	  .doc = "One sentence for the state, or for a freshness that is not fresh; may be empty." },
	{ .name = "Freshness",
	  .type = 's',
	  .get = get_freshness,
	  .doc = "fresh, due, late, dead (it answers but its content stopped moving) or drifted "
		 "(its form "
		 "changed and nothing usable is found)." },
	{ .name = "LastRelease",
	  .type = 's',
	  .get = get_last_release,
	  .doc = "Name of the newest published release that was read whole." },
	{ .name = "LastRead",
	  .type = 'x',
	  .get = get_last_read,
	  .doc = "When a batch of it was last committed, or a document of it last failed: milliseconds "
		 "since the epoch, UTC; 0 = never." },
	{ .name = "Accepted", .type = 't', .get = get_accepted, .doc = "Observations counted." },
	{ .name = "Rejected",
	  .type = 't',
	  .get = get_rejected,
	  .doc = "Rows kept as rejects: see ListRejects." },
	{ .name = "Restarts",
	  .type = 'u',
	  .get = get_restarts,
	  .doc = "Of its worker, since straitd started." },
	{ .name = "LastFault",
	  .type = 's',
	  .get = get_last_fault,
	  .doc = "What last went wrong; empty when nothing did." },
	{ .name = "Progress",
	  .type = 'd',
	  .get = get_progress,
	  .doc = "Of what is being read, 0 to 1; 1 when idle." },
	{ .name = "Sandbox",
	  .type = 's',
	  .get = get_sandbox,
	  .doc = "What this kernel confines its worker with, beside limits: \"landlock 7, seccomp\" (7: "
		 "version of the kernel's Landlock), \"seccomp\", \"none\"; empty before the first "
		 "worker was ready." },
	{ .name = "LastFetch",
	  .type = 'x',
	  .get = get_last_fetch,
	  .doc = "When its url last gave a document, or said that nothing is new: milliseconds since the "
		 "epoch, UTC; 0 = never, or it has none." },
	{ .name = "FetchFault",
	  .type = 's',
	  .get = get_fetch_fault,
	  .doc = "Why the last fetch failed, and when it is tried again; empty when it did not." },
	{ .name = NULL },
};

const struct bus_interface bus_source_interface = {
	.name = BUS_IFACE_SOURCE,
	.doc = "One configured source and its worker. Changes of State also come as the Manager's "
	       "SourceChanged.",
	.properties = properties,
};

/* ── which ones there are ──────────────────────────────────────────────────────────────────── */

static bool fill(struct bus *bus, struct bus_subject *ret_subject)
{
	ret_subject->bus = bus;
	ret_subject->place = BUS_PLACE_OBJECT;
	ret_subject->kind = &bus_kinds[BUS_KIND_SOURCE];
	ret_subject->name = ret_subject->of.source.name;
	return true;
}

size_t bus_source_count(const struct bus *bus)
{
	return sources_count(bus->sources);
}

bool bus_source_at(struct bus *bus, size_t index, struct bus_subject *ret_subject)
{
	return sources_info_at(bus->sources, index, &ret_subject->of.source) == 0 &&
	       fill(bus, ret_subject);
}

bool bus_source_find(struct bus *bus, const char *name, struct bus_subject *ret_subject)
{
	return sources_info(bus->sources, name, &ret_subject->of.source, NULL) == 0 &&
	       fill(bus, ret_subject);
}
