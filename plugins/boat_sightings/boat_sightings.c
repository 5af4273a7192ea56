/* SPDX-License-Identifier: MIT
 *
 * boat_sightings.c - what is seen at sea, from a sighting log (CSV or NDJSON, as documents or
 * appended). Worker only; owns the reader of its source. Invariant: one row is one version of one
 * record: its boats, its people and its unresolved boats, emitted one after the other. Must never
 * hand over anything of a row but counts, area and times.
 */
#include <errno.h>

#include "log_rows.h"
#include "parse.h"
#include "strait/date.h"
#include "strait/plugin.h"

enum metric {
	METRIC_BOATS,
	METRIC_PEOPLE,
	METRIC_OPEN,
};

static const struct strait_option options[] = {
	{ .name = "column",
	  .type = STRAIT_OPTION_STRING,
	  .flags = STRAIT_OPTION_PREFIX,
	  .help = "column.FIELD = what the log calls id, time, position, lat, lon, boats, persons, amends, outcome or reported_at." },
	{ .name = NULL },
};

static const struct strait_metric metrics[] = {
	[METRIC_BOATS] = { .name = "sightings.boats",
			   .unit = "boats",
			   .title = "Boats seen",
			   .kind = STRAIT_RECORD,
			   .granularity = STRAIT_DAY,
			   .labels = { "area" } },
	[METRIC_PEOPLE] = { .name = "sightings.people",
			    .unit = "people",
			    .title = "People seen on boats",
			    .kind = STRAIT_RECORD,
			    .granularity = STRAIT_DAY,
			    .labels = { "area" } },
	[METRIC_OPEN] = { .name = "sightings.open",
			  .unit = "boats",
			  .title = "Boats last seen without a landing or rescue",
			  .kind = STRAIT_RECORD,
			  .granularity = STRAIT_DAY,
			  .labels = { "area" } },
	{ .name = NULL },
};

static const struct strait_figure figures[] = {
	{ "sightings.boats.latest", "sightings.boats", "latest", "boats",
	  "Boats seen on the latest day" },
	{ "sightings.boats.last_7_days", "sightings.boats", "last_7_days", "boats",
	  "Boats seen in the last 7 days" },
	{ "sightings.boats.year_to_date", "sightings.boats", "year_to_date", "boats",
	  "Boats seen this year" },
	{ "sightings.boats.record", "sightings.boats", "record", "boats",
	  "Most boats seen on one day" },
	{ "sightings.people.latest", "sightings.people", "latest", "people",
	  "People seen on the latest day" },
	{ "sightings.people.last_7_days", "sightings.people", "last_7_days", "people",
	  "People seen in the last 7 days" },
	{ "sightings.people.year_to_date", "sightings.people", "year_to_date", "people",
	  "People seen this year" },
	{ "sightings.people.record", "sightings.people", "record", "people",
	  "Most people seen on one day" },
	{ "sightings.unresolved", "sightings.open", "total", "boats",
	  "Boats last seen without a landing or rescue" },
	{ .name = NULL },
};

static const char *const field_names[] = {
	[SIGHTING_ID] = "id",
	[SIGHTING_TIME] = "time",
	[SIGHTING_POSITION] = "position",
	[SIGHTING_BOATS] = "boats",
	[SIGHTING_PERSONS] = "persons",
	[SIGHTING_OBSERVER] = "observer",
	[SIGHTING_AMENDS] = "amends",
	[SIGHTING_NOTE] = "note",
	[SIGHTING_LAT] = "lat",
	[SIGHTING_LON] = "lon",
	[SIGHTING_OUTCOME] = "outcome",
	[SIGHTING_REPORTED_AT] = "reported_at",
	[SIGHTING_FIELDS] = NULL,
};

static bool is_sighting(const struct log_field *fields)
{
	struct sighting sighting;

	return sighting_parse(fields, &sighting) == NULL;
}

/* -EINVAL: the host has counted the row as a reject. */
static int emit(struct strait_source *source, const struct sighting *sighting, uint64_t at)
{
	struct strait_observation observation = {
		.struct_size = sizeof(observation),
		.metric = METRIC_BOATS,
		.labels = { sighting->area },
		.day = strait_day_of_ms(sighting->time_ms),
		.value = (double)sighting->boats,
		.at = at,
		.key = sighting->id,
		.replaces = sighting->amends[0] ? sighting->amends : NULL,
		.known_at_ms = sighting->known_at_ms,
	};
	int result = strait_emit(source, &observation);

	if (result)
		return result;
	observation.metric = METRIC_PEOPLE;
	observation.status = sighting->persons_known ? STRAIT_FINAL : STRAIT_MISSING;
	observation.value = sighting->persons_known ? (double)sighting->persons : 0;
	result = strait_emit(source, &observation);
	if (result)
		return result;
	observation.metric = METRIC_OPEN;
	observation.status = STRAIT_FINAL;
	observation.value = sighting->unresolved ? (double)sighting->boats : 0;
	return strait_emit(source, &observation);
}

static int take_row(struct strait_source *source, const struct log_field *fields, uint64_t at,
		    const char *raw, size_t raw_size)
{
	struct sighting sighting;
	const char *why = sighting_parse(fields, &sighting);
	int result;

	if (why) {
		strait_reject(source, at, raw, raw_size, "%s", why);
		return 0;
	}
	result = emit(source, &sighting, at);
	return result == -EINVAL ? 0 : result;
}

static const struct log_format format = {
	.names = field_names,
	.plain_count = SIGHTING_PLAIN_FIELDS,
	.required = 1u << SIGHTING_ID | 1u << SIGHTING_TIME,
	.unread = 1u << SIGHTING_OBSERVER | 1u << SIGHTING_NOTE,
	.row = take_row,
	.is_row = is_sighting,
};

static int sightings_check(struct strait_source *source)
{
	const char *columns[LOG_FIELDS_MAX];
	bool mapped;

	return log_map_columns(source, &format, columns, &mapped);
}

static int sightings_open(struct strait_source *source)
{
	int result;

	strait_set_state(source, log_reader_new(source, &format, &result));
	return result;
}

static int sightings_document(struct strait_source *source, struct strait_document *document)
{
	return log_read_document(strait_state(source), document);
}

static int sightings_lines(struct strait_source *source, const struct strait_stretch *stretch)
{
	return log_read_stretch(strait_state(source), stretch);
}

static void sightings_close(struct strait_source *source)
{
	strait_set_state(source, log_reader_free(strait_state(source)));
}

STRAIT_PLUGIN(.name = "boat_sightings", .version = "0.1.0", .summary = "Small boats seen at sea",
	      .options = options, .metrics = metrics, .figures = figures, .check = sightings_check,
	      .open = sightings_open, .document = sightings_document, .lines = sightings_lines,
	      .close = sightings_close);
