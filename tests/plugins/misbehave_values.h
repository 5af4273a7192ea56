/* SPDX-License-Identifier: MIT
 *
 * misbehave_values.h - what misbehave.c declares, and the observations, labels, keys, names and
 * words that no plugin should hand over. Each list says what of it is refused.
 */
#pragma once

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "strait/date.h"
#include "strait/plugin.h"

enum { COUNT, LABELLED, LEVEL, RECORD, METRICS };

#define SERIES_FLOOD 30000 /* distinct labels */

static const struct strait_metric metrics[] = {
	[COUNT] = { .name = "bad.count",
		    .unit = "rows",
		    .title = "Rows",
		    .kind = STRAIT_EVENT,
		    .granularity = STRAIT_DAY },
	[LABELLED] = { .name = "bad.labelled",
		       .unit = "rows",
		       .title = "Rows by a label",
		       .kind = STRAIT_EVENT,
		       .granularity = STRAIT_DAY,
		       .labels = { "who" } },
	[LEVEL] = { .name = "bad.level",
		    .unit = "things",
		    .title = "A level by week",
		    .kind = STRAIT_LEVEL,
		    .granularity = STRAIT_WEEK },
	[RECORD] = { .name = "bad.record",
		     .unit = "things",
		     .title = "Records",
		     .kind = STRAIT_RECORD,
		     .granularity = STRAIT_DAY },
	[METRICS] = { .name = NULL },
};

static const struct strait_figure figures[] = {
	{ "bad.total", "bad.count", "total", "rows", "Rows ever" },
	{ "bad.labelled.total", "bad.labelled", "total", "rows", "Labelled rows ever" },
	{ "bad.level.latest", "bad.level", "latest", "things", "Newest level" },
	{ "bad.record.total", "bad.record", "total", "things", "Records ever" },
	{ .name = NULL },
};

static inline struct strait_observation row_of(uint32_t metric, double value, uint64_t at)
{
	return (struct strait_observation){ .struct_size = sizeof(struct strait_observation),
					    .metric = metric,
					    .day = strait_day(2026, 1, 7),
					    .value = value,
					    .at = strait_at_offset(at) };
}

static inline int count_row(struct strait_source *source, uint64_t at)
{
	struct strait_observation row = row_of(COUNT, 1, at);

	return strait_emit(source, &row);
}

/* All are refused but -0.0, which is 0. */
static inline void hand_over_values(struct strait_source *source)
{
	const double values[] = { NAN, -NAN,   INFINITY,	   -INFINITY, -0.0,
				  -1,  -1e300, 9007199254740993.0, 1e300,     1e15 };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct strait_observation row = row_of(COUNT, values[i], 100 + i);

		(void)strait_emit(source, &row);
	}
}

/* Years 0, -1, 1e9 and the ends of the type: all are refused. */
static inline void hand_over_days(struct strait_source *source)
{
	const int32_t days[] = { strait_day(0, 1, 1), -719893, INT32_MIN, INT32_MAX, -1,
				 1000000000,	      84006 };

	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		struct strait_observation row = row_of(COUNT, 1, 200 + i);

		row.day = days[i];
		(void)strait_emit(source, &row);
		row = row_of(RECORD, 1, 300 + i);
		row.key = "k";
		row.known_at_ms = i % 2 ? INT64_MAX : -1;
		(void)strait_emit(source, &row);
	}
}

/* A level in the middle of its week belongs to that week, and the later one of the week counts. */
static inline void hand_over_unaligned(struct strait_source *source)
{
	for (int i = 0; i < 3; i++) {
		struct strait_observation row = row_of(LEVEL, 10 + i, 400 + (uint64_t)i);

		row.day += i;
		(void)strait_emit(source, &row);
	}
}

/* All are refused. */
static inline void hand_over_labels(struct strait_source *source)
{
	static char long_label[100001];
	const char *const labels[] = { "",	   "\xff\xfe", "a\nb",	  "a\x1b[31m",
				       "a=b",	   "a,b",      "a{b}",	  "\xed\xa0\x80",
				       "\xc0\x80", NULL,       long_label };

	(void)memset(long_label, 'x', sizeof(long_label) - 1);
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		struct strait_observation row = row_of(LABELLED, 1, 500 + i);

		row.labels[0] = labels[i];
		(void)strait_emit(source, &row);
	}
}

/* One record under one key, over and over: the last one counts. And keys that are none. */
static inline void hand_over_keys(struct strait_source *source)
{
	static char long_key[100001];

	(void)memset(long_key, 'k', sizeof(long_key) - 1);
	for (uint64_t i = 0; i < 1000; i++) {
		struct strait_observation row = row_of(RECORD, (double)i, 1000 + i);

		row.key = "same";
		(void)strait_emit(source, &row);
		row.key = i % 3 == 0 ? NULL : i % 3 == 1 ? "" : long_key;
		row.at += 10000;
		(void)strait_emit(source, &row);
	}
}

static inline void hand_over_series(struct strait_source *source)
{
	for (uint64_t i = 0; i < SERIES_FLOOD; i++) {
		struct strait_observation row = row_of(LABELLED, 1, 100000 + i);
		char label[32];

		(void)snprintf(label, sizeof(label), "n%llu", (unsigned long long)i);
		row.labels[0] = label;
		(void)strait_emit(source, &row);
	}
}

static inline void hand_over_rejects(struct strait_source *source)
{
	static const char raw[] = "\xff\x00\x1b[31m\n\xed\xa0\x80 a secret name 07700 900000";

	strait_reject(source, 1, raw, sizeof(raw) - 1, "\xff\xfe not text: \x1b[31m\n%s",
		      "\xed\xa0\x80");
	strait_reject(source, UINT64_MAX, NULL, 1000, "%s", "");
	strait_reject(source, strait_at_cell(200, UINT32_MAX, 70000), raw, 0, "no place");
}

static inline bool hand_over(struct strait_source *source, const char *what)
{
	static const struct {
		const char *name;
		void (*run)(struct strait_source *source);
	} lists[] = {
		{ "values", hand_over_values },	      { "days", hand_over_days },
		{ "unaligned", hand_over_unaligned }, { "labels", hand_over_labels },
		{ "keys", hand_over_keys },	      { "series", hand_over_series },
		{ "rejects", hand_over_rejects },
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (strcmp(what, lists[i].name) != 0)
			continue;
		lists[i].run(source);
		return true;
	}
	return false;
}

/* Names and times of the release itself; true if `what` is about them. */
static inline bool hand_over_document(struct strait_document *document, const char *what)
{
	static char long_name[100001];

	if (strcmp(what, "release") != 0)
		return false;
	(void)memset(long_name, 'x', sizeof(long_name) - 1);
	strait_document_published(document, -1);
	strait_document_published(document, INT64_MAX);
	strait_document_dataset(document, long_name);
	strait_document_dataset(document, "\xff\xfe\n");
	for (int i = 0; i < 1000; i++)
		(void)strait_document_sheet(document, i % 2 ? long_name + i : "\xed\xa0\x80");
	strait_document_covers(document, 99, 0, 1);
	strait_document_covers(document, LEVEL, 5, 1);
	strait_document_covers(document, LEVEL, INT32_MIN, INT32_MAX);
	return true;
}
