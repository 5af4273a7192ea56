/* SPDX-License-Identifier: MIT
 *
 * documents.c - the releases of documents.h. Test programs only.
 */
#include "documents.h"

#include <check.h>

#define SIGHTINGS_THREE_NAME "sightings-2026-07-10.csv"
/* s1 again in its first form, which changes nothing; a late report of the 7th; s2 corrected. */
#define SIGHTINGS_THREE                                                                            \
	SIGHTINGS_HEADER                                                                           \
	"s1,2026-07-07T04:10:00Z,51.02 N 1.50 E,1,40,cutter,,\n"                                   \
	"s5,2026-07-07T23:30:00Z,51.10 N 1.70 E,1,61,ferry,,\n"                                    \
	"s6,2026-07-09T08:00:00Z,50.95 N 1.30 E,2,97,aircraft,s2,\n"

const struct document documents[DOCUMENTS_SOURCES][DOCUMENTS_RELEASES] = {
	{
		{ "nca", REFERRALS_MARCH_NAME, REFERRALS_MARCH },
		{ "nca", REFERRALS_SEPTEMBER_NAME, REFERRALS_SEPTEMBER },
		{ "nca", REFERRALS_NOVEMBER_NAME, REFERRALS_NOVEMBER },
	},
	{
		{ "sea", SIGHTINGS_ONE_NAME, SIGHTINGS_ONE },
		{ "sea", SIGHTINGS_TWO_NAME, SIGHTINGS_TWO },
		{ "sea", SIGHTINGS_THREE_NAME, SIGHTINGS_THREE },
	},
	{
		{ "home", ARRIVALS_ONE_NAME, ARRIVALS_ONE },
		{ "home", ARRIVALS_TWO_NAME, ARRIVALS_TWO },
		{ "home", ARRIVALS_THREE_NAME, ARRIVALS_THREE },
	},
};

const char *const documents_versions[] = {
	"referrals.accounts 2020-01-10", "referrals.accounts 2020-01-11",
	"referrals.accounts 2020-02-01", "referrals.accounts 2020-08-30",
	"sightings.boats 2026-07-07",	 "sightings.people 2026-07-07",
	"sightings.people 2026-07-08",	 "sightings.people 2026-07-09",
	"arrivals.people 2026-07-08",	 "arrivals.people 2026-07-09",
	"arrivals.people 2026-07-10",	 "arrivals.people 2026-07-12",
	"arrivals.boats 2026-07-10",	 NULL,
};

void documents_configure(struct harness *harness)
{
	harness_plugin(harness, "platform_response");
	harness_plugin(harness, "boat_sightings");
	harness_plugin(harness, "home_office");
	harness_config(harness, "all.conf",
		       "[source nca]\nplugin = platform_response\n"
		       "[source sea]\nplugin = boat_sightings\n"
		       "[source home]\nplugin = home_office\n");
}

void documents_import(struct harness *harness, const struct document *document)
{
	struct output output;
	char path[HARNESS_PATH_MAX];

	harness_file(harness, document->name, document->text, path);
	CTL(harness, &output, "import", document->source, path);
	harness_assert(harness, output.code == 0, "import of %s: %s%s", document->name, output.out,
		       output.err);
	output_done(&output);
}
