/* SPDX-License-Identifier: MIT
 *
 * bus_job.c - owns the interface Job: one object for each import, until some minutes after it
 * ended. Main only. Invariant: Finished is sent once, after the last PropertiesChanged. Must never
 * keep a job: the sources do.
 */
#include "bus_object.h"

#include <stdio.h>
#include <stdlib.h>

#include "bus_private.h"

static void get_source(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = subject->of.job.source;
}

static void get_name(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = subject->of.job.name;
}

static void get_state(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = job_state_word(subject->of.job.state);
}

static void get_progress(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.number = subject->of.job.progress;
}

static void get_accepted(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.u64 = subject->of.job.accepted;
}

static void get_rejected(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.u64 = subject->of.job.rejected;
}

static void get_error(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = subject->of.job.error;
}

static void get_note(const struct bus_subject *subject, struct bus_value *value)
{
	value->as.text = subject->of.job.note;
}

static const struct bus_property properties[] = {
	{ .name = "Source",
	  .type = 's',
	  .constant = true,
	  .get = get_source,
	  .doc = "The source that it imports into." },
	{ .name = "Name", .type = 's', .constant = true, .get = get_name, .doc = "Of the file." },
	{ .name = "State",
	  .type = 's',
	  .get = get_state,
	  .doc = "queued, reading, done, failed or cancelled; the last three are final." },
	{ .name = "Progress", .type = 'd', .get = get_progress, .doc = "0 to 1." },
	{ .name = "Accepted", .type = 't', .get = get_accepted, .doc = "Observations counted." },
	{ .name = "Rejected", .type = 't', .get = get_rejected, .doc = "Rows kept as rejects." },
	{ .name = "Error",
	  .type = 's',
	  .get = get_error,
	  .doc = "Why it failed; empty unless it did." },
	{ .name = "Note",
	  .type = 's',
	  .get = get_note,
	  .doc = "What else to know: 'already imported' when the file was imported before and "
		 "nothing was read; else empty." },
	{ .name = NULL },
};

static int cancel(struct bus_call *call, struct fault *fault)
{
	return sources_job_cancel(call->bus->sources, call->subject->of.job.id, fault);
}

static const struct bus_method methods[] = {
	{ .name = "Cancel",
	  .in = "",
	  .out = "",
	  .privileged = true,
	  .call = cancel,
	  .doc = "Ends the import; what is committed stays. Fails when it has ended already." },
	{ .name = NULL },
};

static const struct bus_signal signals[] = {
	{ .name = "Finished",
	  .signature = "ss",
	  .names = "state error",
	  .doc = "The import has ended: done, failed or cancelled, and the reason or an empty "
		 "text." },
	{ .name = NULL },
};

const struct bus_interface bus_job_interface = {
	.name = BUS_IFACE_JOB,
	.doc = "One import. The object goes away ten minutes after the import has ended.",
	.methods = methods,
	.signals = signals,
	.properties = properties,
};

/* ── which ones there are ──────────────────────────────────────────────────────────────────── */

static bool fill(struct bus *bus, struct bus_subject *ret_subject)
{
	ret_subject->bus = bus;
	ret_subject->place = BUS_PLACE_OBJECT;
	ret_subject->kind = &bus_kinds[BUS_KIND_JOB];
	(void)snprintf(ret_subject->text, sizeof(ret_subject->text), "%u",
		       (unsigned int)ret_subject->of.job.id);
	ret_subject->name = ret_subject->text;
	return true;
}

size_t bus_job_count(const struct bus *bus)
{
	return sources_job_count(bus->sources);
}

bool bus_job_at(struct bus *bus, size_t index, struct bus_subject *ret_subject)
{
	return sources_job_at(bus->sources, index, &ret_subject->of.job) == 0 &&
	       fill(bus, ret_subject);
}

/* A decimal number as printf writes it, at most 10 digits; anything else names no job. */
bool bus_job_find(struct bus *bus, const char *name, struct bus_subject *ret_subject)
{
	uint64_t id = 0;
	size_t size = 0;

	for (; name[size]; size++) {
		if (name[size] < '0' || name[size] > '9' || size == 10)
			return false;
		id = id * 10 + (uint64_t)(name[size] - '0');
	}
	if (!size || (name[0] == '0' && size > 1) || id > UINT32_MAX)
		return false;
	return sources_job(bus->sources, (uint32_t)id, &ret_subject->of.job) == 0 &&
	       fill(bus, ret_subject);
}
