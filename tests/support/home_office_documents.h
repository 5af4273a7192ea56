/* SPDX-License-Identifier: MIT
 *
 * home_office_documents.h - the made-up spreadsheets that test_plugin_home_office.c reads. Cells of
 * a row stand side by side, so clang-format keeps off.
 */
#pragma once

#include <stdint.h>

#include "spreadsheet.h"

/* clang-format off */
#define COVER \
	SHEET("Cover_sheet", ROW(TEXT("Migrants detected in the Channel")) ROW(TEXT("Published weekly")))
#define DAILY_HEADER \
	ROW(TEXT("Date") TEXT("Migrants arrived") TEXT("Boats arrived") \
	    TEXT("Boats arrived - involved in uncontrolled landings") TEXT("Notes"))
#define WEEKLY_HEADER \
	ROW(TEXT("Week ending") TEXT("Migrants arrived") TEXT("Boats arrived") \
	    TEXT("Boats arrived - involved in uncontrolled landings") TEXT("Migrants prevented") \
	    TEXT("Events prevented") TEXT("Notes"))
#define GOOD_DAY     ROW(DATE("2020-09-01") NUMBER("150") NUMBER("14") DASH)
#define GOOD_WEEK    ROW(DATE("2020-08-30") NUMBER("412") NUMBER("33") DASH DASH DASH)
#define DAILY(rows)  COVER SHEET("SB_01", DAILY_HEADER rows)
#define WEEKLY(rows) COVER SHEET("SB_02", WEEKLY_HEADER rows)

/* Ways in which real or imaginable programs write the same day: 2020-09-02, 1,409 people, 27 boats, nothing uncontrolled. */
static const char *const same_day[] = {
	DAILY(ROW(DATE("2020-09-02") NUMBER("1409") NUMBER("27") DASH)),
	/* sheet and column names are not to be relied on, nor is the order of columns or case */
	SHEET("Data",
	      ROW(TEXT("BOATS  ARRIVED") TEXT("Notes") TEXT(" date ") TEXT("migrants arrived"))
	      ROW(NUMBER("27") TEXT("Revised") DATE("2020-09-02") NUMBER("1409"))),
	SHEET("SB_01",
	      ROW(TEXT("Date [note 1]") TEXT("Migrants&#160;arrived [note 2, note 3]") TEXT("Boats arrived"))
	      ROW(DATE("2020-09-02") NUMBER("1409") NUMBER("27"))),
	/* titles before the header, remarks after the last row */
	SHEET("SB_01",
	      ROW(TEXT("Small boats")) ROW(TEXT("Source: Home Office")) ROW(NONE) DAILY_HEADER
	      ROW(DATE("2020-09-02") NUMBER("1409") NUMBER("27") DASH)
	      ROW(TEXT("1. These statistics are provisional and may change.")) ROW(TEXT("End"))),
	/* typed otherwise */
	DAILY(ROW(TEXT("02/09/2020") TEXT("1,409") TEXT(" 27 ") DASH)),
	DAILY(ROW(TEXT("2 September 2020") NUMBER("1409.0") NUMBER("2.7E1") TEXT(".."))),
	DAILY(ROW(TYPED("date", "office:date-value=\"2020-09-02\"", "Wed") NUMBER("1409")
		  TYPED("percentage", "office:value=\"27\"", "2700%") TEXT("[z]"))),
	DAILY(ROW(TYPED("date", "office:date-value=\"2020-09-02\"", "Wed")
		  TYPED("string", "office:string-value=\"1,409\"", "other") NUMBER("27"))),
	/* a comment and a note are no content; a covered cell takes its column */
	DAILY(ROW(DATE("2020-09-02")
		  "<table:table-cell office:value-type=\"string\">"
		  "<office:annotation><text:p>12</text:p></office:annotation>"
		  "<text:p>1<text:span>4</text:span><text:note><text:p>x</text:p></text:note>09</text:p>"
		  "</table:table-cell>"
		  "<table:covered-table-cell office:value-type=\"float\" office:value=\"27\"/>" DASH)),
	DAILY("<table:table-row-group><table:table-rows>"
	      ROW(DATE("2020-09-02") NUMBER("1409") NUMBER("27"))
	      "</table:table-rows></table:table-row-group>"),
	/* the same day twice, with the same values; a row repeated */
	DAILY(ROW(DATE("2020-09-02") NUMBER("1409") NUMBER("27") DASH)
	      ROW(DATE("2020-09-02") NUMBER("1409") NUMBER("27") DASH)),
	DAILY("<table:table-row table:number-rows-repeated=\"3\">"
	      DATE("2020-09-02") NUMBER("1409") NUMBER("27") "</table:table-row>"),
	/* a table in a cell, as text documents have; what was there before a change */
	DAILY(ROW(DATE("2020-09-02") NUMBER("1409") NUMBER("27")
		  "<table:table-cell>" SHEET("inner", ROW(DATE("2020-09-01") NUMBER("7"))) "</table:table-cell>")),
	"<table:tracked-changes>" DAILY(ROW(DATE("2020-09-01") NUMBER("7"))) "</table:tracked-changes>"
	DAILY(ROW(DATE("2020-09-02") NUMBER("1409") NUMBER("27"))),
	/* far to the right */
	DAILY(ROW(DATE("2020-09-02") NUMBER("1409") NUMBER("27") PAD TEXT("stray"))),
};

#define IN_B (UINT64_C(1) << 32 | 2) /* third row */
#define IN_C (UINT64_C(2) << 32 | 2)
#define IN_D (UINT64_C(3) << 32 | 2)

/* Each has one good row and one that gives exactly one reject, there, for this reason. */
static const struct {
	const char *sheets;
	const char *why;
	uint64_t at;
	unsigned int observations;
} rejected[] = {
	{ DAILY(GOOD_DAY ROW(TEXT("31/02/2020") NUMBER("1") NUMBER("1"))), "not a date", 2, 3 },
	{ DAILY(GOOD_DAY ROW(TEXT("09/13/2020") NUMBER("1") NUMBER("1"))), "not a date", 2, 3 },
	{ DAILY(GOOD_DAY ROW(NUMBER("43831") NUMBER("1") NUMBER("1"))), "not a date", 2, 3 },
	{ DAILY(GOOD_DAY ROW(NONE NUMBER("1") NUMBER("1"))), "not a date", 2, 3 },
	{ DAILY(GOOD_DAY ROW(TEXT("32/01/2020"))), "not a date", 2, 3 },
	{ DAILY(GOOD_DAY ROW(DATE("2013-12-31") NUMBER("1") NUMBER("1"))), "before this series began", 2, 3 },
	{ DAILY(GOOD_DAY ROW(DATE("2020-09-04") NUMBER("1") NUMBER("1"))), "after the document was published", 2, 3 },
	{ DAILY(GOOD_DAY ROW(DATE("2020-08-31"))), "without any figure", 2, 3 },
	{ DAILY(GOOD_DAY ROW(DATE("2020-08-31") NUMBER("-1") NUMBER("1"))), "whole number", IN_B, 5 },
	{ DAILY(GOOD_DAY ROW(DATE("2020-08-31") NUMBER("1.5") NUMBER("1"))), "whole number", IN_B, 5 },
	{ DAILY(GOOD_DAY ROW(DATE("2020-08-31") NUMBER("1000000") NUMBER("1"))), "whole number", IN_B, 5 },
	{ DAILY(GOOD_DAY ROW(DATE("2020-08-31") NUMBER("1e400") NUMBER("1"))), "whole number", IN_B, 5 },
	{ DAILY(GOOD_DAY ROW(DATE("2020-08-31") NUMBER("1") TEXT("1O"))), "whole number", IN_C, 5 },
	{ DAILY(GOOD_DAY ROW(DATE("2020-08-31") NUMBER("1") DATE("2020-08-31"))), "whole number", IN_C, 5 },
	{ DAILY(GOOD_DAY ROW(DATE("2020-08-31") NUMBER("1") TYPED("string", "office:string-value=\"\"", "#REF!"))),
	  "whole number", IN_C, 5 },
	/* text that was cut is not read as 12 */
	{ DAILY(GOOD_DAY ROW(DATE("2020-08-31") NUMBER("1") TEXT("12<text:s text:c=\"100000\"/>"))),
	  "whole number", IN_C, 5 },
	{ DAILY(GOOD_DAY ROW(DATE("2020-09-01") NUMBER("151") NUMBER("14"))), "the first says 150", IN_B, 3 },
	{ DAILY(GOOD_DAY ROW(DATE("2020-09-01") NUMBER("150") NUMBER("14") NUMBER("0"))), "the first has no value",
	  IN_D, 3 },
	{ WEEKLY(GOOD_WEEK ROW(DATE("2020-08-22") NUMBER("5") NUMBER("1"))), "2020-08-22 is a Saturday", 2, 4 },
};
/* clang-format on */
