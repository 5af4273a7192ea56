/* SPDX-License-Identifier: MIT
 *
 * report.h - what a report is made of, read from the daemon before a word is written, and the parts
 * of the page.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "client.h"

#define REPORT_OUTCOMES 3 /* blocked, refused, pending: in this order */

struct report_figure {
	const char *name, *title, *unit, *status, *period, *source;
	double value; /* NaN = missing */
	int64_t published_at_ms;
	bool stale;
};

/* A metric by day; values[i] is of day first + i, NaN = none. */
struct report_series {
	int32_t first;
	size_t count; /* 0 = no such metric, or nothing known */
	double *values;
	char *letters; /* SDMX, '\0' = the day is not in the series */
};

struct report_version {
	int64_t published_at_ms;
	double value;
	const char *status, *release;
};

struct report_change {
	uint64_t sequence;
	int64_t time_ms;
	const char *cause, *figure;
	double old_value, new_value;
};

struct report_source {
	const char *name, *plugin, *plugin_version, *state, *reason, *freshness, *last_release;
	int64_t last_read_ms;
	uint64_t accepted, rejected;
	uint32_t restarts;
};

struct report_check {
	const char *name, *title, *state, *left, *right;
	uint32_t compared, explained, open, unknown;
};

struct report_release {
	const char *name, *url, *sha256;
	int64_t published_at_ms;
	size_t figure_count;
};

/* Where a figure comes from. */
struct report_origin {
	const char *name, *formula, *window, *period;
	size_t input_count;
	size_t *releases; /* places in the report's releases */
	size_t release_count;
	bool too_large; /* for one answer */
};

/* Strings stay in the messages. */
struct report {
	int64_t as_of_ms; /* 0 = now */
	int64_t made_at_ms;
	const char *version; /* the daemon's */
	uint64_t sequence;
	bool moved; /* commits came in while it was read, again and again */

	struct report_figure *figures; /* by name */
	size_t figure_count;
	struct report_change *changes; /* newest first */
	size_t change_count;
	bool more_changes;
	struct report_series arrivals, sightings, outcomes[REPORT_OUTCOMES];
	int32_t day; /* the versions' */
	bool has_day;
	struct report_version *versions; /* oldest first */
	size_t version_count;
	struct report_check *checks;
	size_t check_count;
	struct report_source *sources; /* none with as_of_ms */
	size_t source_count;
	bool explains; /* the daemon can */
	struct report_origin *origins;
	size_t origin_count;
	struct report_release *releases; /* in the order they were met */
	size_t release_count;
	bool more_releases;

	DBusMessage **messages;
	size_t message_count;
};

/* Reads everything, for all figures or as known at as_of_ms; day = PERIOD_DAY_MIN - 1: that of the
   record. Asks again when a commit came in between. Ends the process when memory is short. */
enum exit_code report_read(struct client *client, int64_t as_of_ms, int32_t day,
			   struct report *ret_report);
void report_done(struct report *report);
/* NULL = none of that name. */
const struct report_figure *report_find(const struct report *report, const char *name);
/* The value of a figure; NaN when there is none. */
double report_value(const struct report *report, const char *name);
/* NaN outside the series. */
double report_on(const struct report_series *series, int32_t day);

/* The whole page. */
void report_write(FILE *out, const struct report *report);

/* For the parts of report_read. A zeroed list grown by doubling. */
void *report_grow(void *list, size_t count, size_t item_bytes);
/* Sends the call, which it takes; the reply stays with the report. EXIT_GOOD and NULL: the daemon
   has no such metric, figure or method, or cannot answer so much. */
enum exit_code report_ask(struct report *report, struct client *client, DBusMessage *call,
			  const char *signature, DBusMessage **ret_reply);
enum exit_code report_read_changes(struct report *report, struct client *client);
enum exit_code report_read_origins(struct report *report, struct client *client);

/* A section of the page. */
struct report_section {
	const char *id, *heading;
	bool (*has)(const struct report *report);
	const char *(*absence)(const struct report *report); /* why it is left out: a sentence */
	void (*write)(FILE *out, const struct report *report);
};
extern const struct report_section report_section_headline, report_section_figures,
	report_section_changes, report_section_days, report_section_years, report_section_versions,
	report_section_platforms, report_section_sightings, report_section_sources,
	report_section_origins;
extern const char report_style[];
