/* SPDX-License-Identifier: MIT
 *
 * home_office.h - what the parts of this plugin share: its metrics, the shapes of table that it
 * knows, and the state of the one document being read.
 */
#pragma once

#include "strait/plugin.h"

#include "table.h"

/* Index into the plugin's metrics. */
enum metric {
	METRIC_PEOPLE = 0,
	METRIC_BOATS,
	METRIC_UNCONTROLLED_BOATS,
	METRIC_PEOPLE_WEEKLY,
	METRIC_BOATS_WEEKLY,
	METRIC_PREVENTED_PEOPLE,
	METRIC_PREVENTED_EVENTS,
	METRIC_DETECTIONS,
	METRIC_OUTCOMES,
	METRIC_PEOPLE_MOD,
	METRIC_BOATS_MOD,
};
#define METRIC_COUNT (METRIC_BOATS_MOD + 1)

#define COUNT_LIMIT INT64_C(1000000) /* no day, week or row of a data set has so many */
#define FIRST_YEAR                                                                                 \
	2014 /* nothing here is about earlier years: Home Office series start in 2018              \
	      */

#define SHAPE_COLUMNS_MAX      6u
#define SHAPE_COLUMN_NAMES_MAX 6u

enum shape_need {
	NEED_OPTIONAL = 0,
	NEED_EXPECTED, /* its absence is worth a warning: it may have been renamed */
	NEED_REQUIRED, /* tells the shape */
};

struct shape_column {
	const char *names[SHAPE_COLUMN_NAMES_MAX]; /* any of these; NULL ends them */
	enum shape_need need;
};

struct reading;

/* One kind of table, told by its header row, never by sheet or file name. */
struct shape {
	const char *title;   /* "daily arrivals" */
	const char *dataset; /* what its publications are about */
	struct shape_column columns[SHAPE_COLUMNS_MAX];
	/* Both return 0 or what the document callback is to return. */
	int (*row)(struct reading *reading,
		   const struct table_row *row); /* rows after the header */
	int (*finish)(struct reading *reading);	 /* once, after the last row of the document */
};

/* The document being read. */
struct reading {
	struct strait_source *source;
	struct strait_document *document;
	int32_t last_day; /* newest day that a figure in it may be about */
	uint64_t values;  /* observations handed over */
	bool torn; /* a line could not even be cut into cells: the document is not known to be
		      complete */

	/* of the current sheet */
	const struct shape *shape;	/* NULL until its header was found */
	int columns[SHAPE_COLUMNS_MAX]; /* where the shape's columns are; -1 = absent */
	uint64_t header_at;		/* place of the first of them in the header row */

	struct timeseries *timeseries; /* made when first needed */
	struct quarterly *quarterly;
};

/* Reads one release: the `document` callback. */
int document_read(struct strait_source *source, struct strait_document *document);

extern const struct shape shape_daily, shape_weekly;	    /* timeseries.c */
extern const struct shape shape_detections, shape_outcomes; /* quarterly.c */
struct timeseries *timeseries_free(struct timeseries *timeseries);
struct quarterly *quarterly_free(struct quarterly *quarterly);

/* The cell of the shape's column with this index; the empty cell when the column is absent. */
const struct table_cell *reading_cell(const struct reading *reading, const struct table_row *row,
				      unsigned int column);
/* Rejects the row at the shape's column `column`, with that cell or the whole line as extract. */
void reading_reject(struct reading *reading, const struct table_row *row, unsigned int column,
		    const char *why, ...) __attribute__((format(printf, 4, 5)));
/* Hands over one value. 0, also when the host counts it as a reject; else a negative number to
 * return. */
int reading_emit(struct reading *reading, const struct strait_observation *observation);
/* The document says that it was published then: tells the host, and sets last_day. false, with a
   warning, when that cannot be: a clock far off must not make a release the newest for years. */
bool reading_published(struct reading *reading, int64_t published_at_ms);
/* "2020-09-02" into buffer. Returns buffer. */
#define DAY_TEXT_MAX 16
const char *reading_day_text(int32_t day, char buffer[DAY_TEXT_MAX]);
