/* SPDX-License-Identifier: MIT
 *
 * home_office.c - the plugin's table: metrics, default figures, callbacks. Worker process only.
 *
 * Owns nothing: the plugin keeps no state between documents. Reading is in document.c.
 */
#include <stddef.h>

#include "home_office.h"

static const struct strait_metric metrics[] = {
	[METRIC_PEOPLE] = { .name = "arrivals.people",
			    .unit = "people",
			    .title = "People who arrived in the UK in small boats, by day",
			    .kind = STRAIT_LEVEL,
			    .granularity = STRAIT_DAY },
	[METRIC_BOATS] = { .name = "arrivals.boats",
			   .unit = "boats",
			   .title = "Small boats that arrived in the UK, by day",
			   .kind = STRAIT_LEVEL,
			   .granularity = STRAIT_DAY },
	[METRIC_UNCONTROLLED_BOATS] = { .name = "arrivals.uncontrolled_boats",
					.unit = "boats",
					.title = "Small boats that landed without being met at "
						 "sea, by day",
					.kind = STRAIT_LEVEL,
					.granularity = STRAIT_DAY },
	[METRIC_PEOPLE_WEEKLY] = { .name = "arrivals.people_weekly",
				   .unit = "people",
				   .title = "People who arrived in the UK in small boats, by week "
					    "to Sunday",
				   .kind = STRAIT_LEVEL,
				   .granularity = STRAIT_WEEK },
	[METRIC_BOATS_WEEKLY] = { .name = "arrivals.boats_weekly",
				  .unit = "boats",
				  .title = "Small boats that arrived in the UK, by week to Sunday",
				  .kind = STRAIT_LEVEL,
				  .granularity = STRAIT_WEEK },
	[METRIC_PREVENTED_PEOPLE] = { .name = "prevented.people",
				      .unit = "people",
				      .title = "People kept from crossing by French authorities, "
					       "by week to Sunday",
				      .kind = STRAIT_LEVEL,
				      .granularity = STRAIT_WEEK },
	[METRIC_PREVENTED_EVENTS] = { .name = "prevented.events",
				      .unit = "events",
				      .title = "Crossings prevented by French authorities, by week "
					       "to Sunday",
				      .kind = STRAIT_LEVEL,
				      .granularity = STRAIT_WEEK },
	[METRIC_DETECTIONS] = { .name = "detections",
				.unit = "people",
				.title = "People detected entering the UK irregularly, by quarter "
					 "and method of entry",
				.kind = STRAIT_LEVEL,
				.granularity = STRAIT_QUARTER,
				.labels = { "method" } },
	[METRIC_OUTCOMES] = { .name = "asylum.outcomes",
			      .unit = "people",
			      .title = "Asylum claims of people who came in small boats, by "
				       "quarter and what became of them",
			      .kind = STRAIT_LEVEL,
			      .granularity = STRAIT_QUARTER,
			      .labels = { "outcome" } },
	[METRIC_PEOPLE_MOD] = { .name = "arrivals.people_mod",
				.unit = "people",
				.title = "People detected in small boats, by day: Ministry of "
					 "Defence count, 2022",
				.kind = STRAIT_LEVEL,
				.granularity = STRAIT_DAY },
	[METRIC_BOATS_MOD] = { .name = "arrivals.boats_mod",
			       .unit = "boats",
			       .title = "Small boats detected, by day: Ministry of Defence count, "
					"2022",
			       .kind = STRAIT_LEVEL,
			       .granularity = STRAIT_DAY },
	{ .name = NULL },
};

#define OUTCOME(label) "asylum.outcomes{outcome=" label "}"
#define GRANTED	       OUTCOME("protection") " + " OUTCOME("other_leave")
#define ASSESSED       GRANTED " + " OUTCOME("refused") " + " OUTCOME("ineligible")

static const struct strait_figure figures[] = {
	{ "arrivals.people.latest", "arrivals.people", "latest", "people",
	  "People who arrived on the latest day" },
	{ "arrivals.people.last_7_days", "arrivals.people", "last_7_days", "people",
	  "People who arrived in the latest 7 days" },
	{ "arrivals.people.year_to_date", "arrivals.people", "year_to_date", "people",
	  "People who arrived in the year so far" },
	{ "arrivals.people.record", "arrivals.people", "record", "people",
	  "Most people who arrived on one day" },
	{ "arrivals.people.total", "arrivals.people", "total", "people",
	  "People who arrived since counting began" },
	{ "arrivals.boats.latest", "arrivals.boats", "latest", "boats",
	  "Boats that arrived on the latest day" },
	{ "arrivals.boats.last_7_days", "arrivals.boats", "last_7_days", "boats",
	  "Boats that arrived in the latest 7 days" },
	{ "arrivals.boats.year_to_date", "arrivals.boats", "year_to_date", "boats",
	  "Boats that arrived in the year so far" },
	{ "arrivals.boats.record", "arrivals.boats", "record", "boats",
	  "Most boats that arrived on one day" },
	{ "arrivals.boats.total", "arrivals.boats", "total", "boats",
	  "Boats that arrived since counting began" },
	{ "arrivals.people_per_boat.year_to_date", "arrivals.people / arrivals.boats",
	  "year_to_date", "ratio", "People in each boat, on average, in the year so far" },
	{ "prevented.people.latest", "prevented.people", "latest", "people",
	  "People kept from crossing in the latest week" },
	{ "asylum.grant_rate", GRANTED " / " ASSESSED, "total", "ratio",
	  "Share of assessed asylum claims that were granted" },
	{ "asylum.assessed_share", ASSESSED " / asylum.outcomes", "total", "ratio",
	  "Share of asylum claims that have been assessed" },
	{ "asylum.refused_share", OUTCOME("refused") " / " ASSESSED, "total", "ratio",
	  "Share of assessed asylum claims that were refused" },
	{ "asylum.ineligible_share", OUTCOME("ineligible") " / " ASSESSED, "total", "ratio",
	  "Share of assessed asylum claims for which another country was held responsible" },
	{ .name = NULL },
};

/* The tolerance of the quarters is explained in the README, "What must agree". */
static const struct strait_check checks[] = {
	{ .name = "weekly_people",
	  .left = "arrivals.people_weekly",
	  .right = "arrivals.people",
	  .every = "week",
	  .tolerance = "0",
	  .title = "People by week are the sum of the people by day" },
	{ .name = "weekly_boats",
	  .left = "arrivals.boats_weekly",
	  .right = "arrivals.boats",
	  .every = "week",
	  .tolerance = "0",
	  .title = "Boats by week are the sum of the boats by day" },
	{ .name = "quarterly_people",
	  .left = "detections{method=small_boats}",
	  .right = "arrivals.people",
	  .every = "quarter",
	  .tolerance = "0.5 %",
	  .title = "People detected in small boats by quarter are those of the days" },
	{ .name = NULL },
};

STRAIT_PLUGIN(.name = "home_office", .version = "1.1",
	      .summary = "Home Office figures: small-boat time series, daily pages and "
			 "quarterly irregular-migration data sets",
	      .metrics = metrics, .figures = figures, .checks = checks, .document = document_read);
