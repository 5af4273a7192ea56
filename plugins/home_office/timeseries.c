/* SPDX-License-Identifier: MIT
 *
 * timeseries.c - the weekly "small boats time series": its daily and its weekly table, from a
 * spreadsheet or from CSV. Worker process only.
 *
 * Owns what the document has said so far, by metric and day. Invariant: one value a metric and
 * period; a second, different one is a reject. Must never claim that a series is complete when a
 * part of it could not be read: that would withdraw good figures of earlier releases.
 */
#include <stdlib.h>

#include "strait/date.h"

#include "home_office.h"

#define SERIES_COUNT	(METRIC_PREVENTED_EVENTS + 1) /* the metrics of this file come first */
#define SERIES_DAYS_MAX (200 * 366)
#define VALUE_COLUMNS	5u /* columns 1 … of a shape hold values */
#define NO_METRIC	(-1)

/* What was said about one day: 0 nothing, 1 missing, else count + 2. */
enum { SAID_NOTHING = 0, SAID_MISSING = 1, SAID_COUNT = 2 };

struct stretch {
	int32_t first, last; /* days with a readable row; first > last = none */
	bool doubtful;	     /* something in it was rejected */
};

struct timeseries {
	int32_t first_day;
	int32_t days;
	struct stretch stretches[SERIES_COUNT];
	int32_t *said; /* [SERIES_COUNT][days] */
};

enum column { COLUMN_DATE = 0, COLUMN_VALUES = 1 };

/* Metric of each value column, in the order of the shape's columns. */
static const int daily_metrics[VALUE_COLUMNS] = { METRIC_PEOPLE, METRIC_BOATS,
						  METRIC_UNCONTROLLED_BOATS, NO_METRIC, NO_METRIC };
static const int weekly_metrics[VALUE_COLUMNS] = { METRIC_PEOPLE_WEEKLY, METRIC_BOATS_WEEKLY,
						   METRIC_PREVENTED_PEOPLE, METRIC_PREVENTED_EVENTS,
						   NO_METRIC };

static int prepare(struct reading *reading)
{
	struct timeseries *timeseries;
	int32_t first_day = strait_day(FIRST_YEAR, 1, 1);
	int32_t days = reading->last_day - first_day + 1;

	if (reading->timeseries)
		return 0;
	if (days < 1 || days > SERIES_DAYS_MAX)
		return strait_fail(reading->source, STRAIT_FAULT_INPUT,
				   "'%s' cannot be read: this computer's clock or the document's "
				   "own date of saving is out "
				   "of reason; set the clock and try again",
				   strait_document_name(reading->document));
	timeseries = calloc(1, sizeof(*timeseries));
	if (timeseries)
		timeseries->said = calloc((size_t)days * SERIES_COUNT, sizeof(*timeseries->said));
	if (!timeseries || !timeseries->said) {
		timeseries_free(timeseries);
		return strait_fail(reading->source, STRAIT_FAULT_TRANSIENT, "out of memory");
	}
	timeseries->first_day = first_day;
	timeseries->days = days;
	for (size_t i = 0; i < SERIES_COUNT; i++)
		timeseries->stretches[i] =
			(struct stretch){ .first = INT32_MAX, .last = INT32_MIN };
	reading->timeseries = timeseries;
	return 0;
}

struct timeseries *timeseries_free(struct timeseries *timeseries)
{
	if (timeseries)
		free(timeseries->said);
	free(timeseries);
	return NULL;
}

static void doubt_all(struct timeseries *timeseries, const int metrics[VALUE_COLUMNS])
{
	for (size_t i = 0; i < VALUE_COLUMNS && metrics[i] != NO_METRIC; i++)
		timeseries->stretches[metrics[i]].doubtful = true;
}

static bool has_value_cell(const struct reading *reading, const struct table_row *row,
			   const int metrics[VALUE_COLUMNS])
{
	for (unsigned int i = 0; i < VALUE_COLUMNS && metrics[i] != NO_METRIC; i++)
		if (reading_cell(reading, row, COLUMN_VALUES + i)->type != TABLE_EMPTY)
			return true;
	return false;
}

/* The day of a row that may be used, or a reject. */
static bool day_of_row(struct reading *reading, const struct table_row *row, bool weekly,
		       int32_t *ret_day)
{
	static const char *const weekdays[7] = { "Monday", "Tuesday",  "Wednesday", "Thursday",
						 "Friday", "Saturday", "Sunday" };
	char text[DAY_TEXT_MAX];
	int32_t day;

	if (!table_day(reading_cell(reading, row, COLUMN_DATE), &day)) {
		reading_reject(
			reading, row, COLUMN_DATE,
			"not a date; dates look like 2020-09-02, 02/09/2020 or 2 September 2020");
		return false;
	}
	if (day < strait_day(FIRST_YEAR, 1, 1)) {
		reading_reject(reading, row, COLUMN_DATE, "%s is before this series began",
			       reading_day_text(day, text));
		return false;
	}
	if (day > reading->last_day) {
		reading_reject(reading, row, COLUMN_DATE, "%s is after the document was published",
			       reading_day_text(day, text));
		return false;
	}
	if (weekly && (day + 3) % 7 != 6) { /* 1970-01-01 was a Thursday */
		reading_reject(reading, row, COLUMN_DATE,
			       "the weeks of this series end on Sunday, %s is a %s",
			       reading_day_text(day, text), weekdays[(day + 3) % 7]);
		return false;
	}
	*ret_day = day;
	return true;
}

static int emit(struct reading *reading, const struct table_row *row, unsigned int column,
		int metric, int32_t day, int32_t says)
{
	return reading_emit(reading, &(struct strait_observation){
					     .struct_size = sizeof(struct strait_observation),
					     .metric = (uint32_t)metric,
					     .day = day,
					     .status = says == SAID_MISSING ? STRAIT_MISSING
									    : STRAIT_PROVISIONAL,
					     .value = says == SAID_MISSING ? 0 : says - SAID_COUNT,
					     .at = table_at(row, reading->columns[column]),
				     });
}

static int value_of_row(struct reading *reading, const struct table_row *row, unsigned int column,
			int metric, int32_t day)
{
	struct timeseries *timeseries = reading->timeseries;
	struct stretch *stretch = &timeseries->stretches[metric];
	int32_t *said =
		&timeseries->said[metric * timeseries->days + (day - timeseries->first_day)];
	int64_t count = 0;
	int32_t says = SAID_MISSING;
	char text[DAY_TEXT_MAX];

	switch (table_count(reading_cell(reading, row, column), COUNT_LIMIT, &count)) {
	case TABLE_COUNT:
		says = (int32_t)count + SAID_COUNT;
		break;
	case TABLE_MISSING:
		break;
	case TABLE_UNREADABLE:
		stretch->doubtful = true;
		reading_reject(reading, row, column, "not a whole number from 0 to %lld",
			       (long long)COUNT_LIMIT - 1);
		return 0;
	}
	if (*said == says)
		return 0;
	if (*said != SAID_NOTHING) {
		stretch->doubtful = true;
		if (*said == SAID_MISSING)
			reading_reject(reading, row, column,
				       "a second row for %s; the first has no value",
				       reading_day_text(day, text));
		else
			reading_reject(reading, row, column,
				       "a second row for %s; the first says %d",
				       reading_day_text(day, text), *said - SAID_COUNT);
		return 0;
	}
	*said = says;
	stretch->first = day < stretch->first ? day : stretch->first;
	stretch->last = day > stretch->last ? day : stretch->last;
	return emit(reading, row, column, metric, day, says);
}

static int read_row(struct reading *reading, const struct table_row *row,
		    const int metrics[VALUE_COLUMNS], bool weekly)
{
	int result = prepare(reading);
	int32_t day;

	if (result || table_is_remark(row))
		return result;
	if (!day_of_row(reading, row, weekly, &day)) {
		doubt_all(reading->timeseries, metrics);
		return 0;
	}
	if (!has_value_cell(reading, row, metrics)) {
		reading_reject(reading, row, COLUMN_DATE, "a date without any figure");
		doubt_all(reading->timeseries, metrics);
		return 0;
	}
	for (unsigned int i = 0; i < VALUE_COLUMNS && metrics[i] != NO_METRIC && !result; i++)
		if (reading->columns[COLUMN_VALUES + i] >= 0)
			result = value_of_row(reading, row, COLUMN_VALUES + i, metrics[i], day);
	return result;
}

static int daily_row(struct reading *reading, const struct table_row *row)
{
	return read_row(reading, row, daily_metrics, false);
}

static int weekly_row(struct reading *reading, const struct table_row *row)
{
	return read_row(reading, row, weekly_metrics, true);
}

static void cover(struct reading *reading, const int metrics[VALUE_COLUMNS], int32_t days_before)
{
	const struct timeseries *timeseries = reading->timeseries;

	for (size_t i = 0; timeseries && i < VALUE_COLUMNS && metrics[i] != NO_METRIC; i++) {
		const struct stretch *stretch = &timeseries->stretches[metrics[i]];

		if (stretch->first <= stretch->last && !stretch->doubtful && !reading->torn)
			strait_document_covers(reading->document, (uint32_t)metrics[i],
					       stretch->first - days_before, stretch->last);
	}
}

static int daily_finish(struct reading *reading)
{
	cover(reading, daily_metrics, 0);
	return 0;
}

static int weekly_finish(struct reading *reading)
{
	cover(reading, weekly_metrics, 6); /* the date is the last day of seven */
	return 0;
}

const struct shape shape_daily = {
	.title = "daily arrivals",
	.dataset = "time-series",
	.columns = {
		{ { "Date", "Day" }, NEED_REQUIRED },
		{ { "Migrants arrived", "Number of migrants arrived", "People arrived" }, NEED_REQUIRED },
		{ { "Boats arrived", "Number of boats arrived" }, NEED_EXPECTED },
		{ { "Boats arrived - involved in uncontrolled landings", "Boats involved in uncontrolled landings",
		    "Boats arrived involved in uncontrolled landings" }, NEED_OPTIONAL },
	},
	.row = daily_row,
	.finish = daily_finish,
};

const struct shape shape_weekly = {
	.title = "weekly arrivals and preventions",
	.dataset = "time-series",
	.columns = {
		{ { "Week ending", "Week ending Sunday" }, NEED_REQUIRED },
		{ { "Migrants arrived", "Number of migrants arrived", "People arrived" }, NEED_REQUIRED },
		{ { "Boats arrived", "Number of boats arrived" }, NEED_EXPECTED },
		{ { "Migrants prevented", "People prevented" }, NEED_OPTIONAL },
		{ { "Events prevented" }, NEED_OPTIONAL },
	},
	.row = weekly_row,
	.finish = weekly_finish,
};
