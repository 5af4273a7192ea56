/* SPDX-License-Identifier: MIT
 *
 * home_office_pages.h - the made-up web pages that test_plugin_home_office_pages.c reads. Elements
 * stand as in a page, so clang-format keeps off.
 */
#pragma once

#include <stdint.h>

#include "strait/plugin.h"

/* clang-format off */
#define UPDATED(name, time) "<meta name=\"govuk:" name "\" content=\"" time "\">\n"
#define PUBLISHED_MS INT64_C(1783599301000) /* the time in PAGE */
#define PAGE(body) \
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\n<title>Small boats: last 7 days</title>\n" \
	UPDATED("first-published-at", "2023-02-01T11:00:00+00:00") \
	UPDATED("updated-at", "2026-07-09T13:15:13+01:00") \
	UPDATED("public-updated-at", "2026-07-09T13:15:01+01:00") \
	"<script>var a = '<table><tr><td>9 July 2026</td></tr></table>';</script></head>\n<body><main>\n" \
	"<h1>Small boat arrivals: last 7 days</h1>\n" body "\n" \
	"<p>Monthly data: to 30 January 2023 (historic data; not updated).</p></main></body></html>\n"
#define CELL(text) "      <td>" text "</td>\n"
#define DAY(day, people, boats, uncontrolled) \
	"    <tr>\n      <th scope=\"row\">" day "</th>\n" CELL(people) CELL(boats) CELL(uncontrolled) CELL("\xc2\xa0") "    </tr>\n"
#define HEADER5(a, b, c, d, e) \
	"<tr><th scope=\"col\">" a "</th><th scope=\"col\">" b "</th><th scope=\"col\">" c "</th><th scope=\"col\">" d \
	"</th><th scope=\"col\">" e "</th></tr>\n"
#define HEADER HEADER5("Date", "Migrants arrived", "Boats arrived", "Boats involved in uncontrolled landings", "Notes")
#define TABLE(rows) "<table>\n<thead>" HEADER "</thead>\n<tbody>\n" rows "</tbody>\n</table>\n"
#define THREE_DAYS \
	DAY("6 July 2026", "0", "0", "0") DAY("7 July 2026", "1,249", "17", "2") DAY("8 July 2026", "81", "1", "0")

/* The same three days in every way that a browser shows alike. */
static const char *const same_page[] = {
	PAGE(TABLE(THREE_DAYS)),
	/* the newest first; closing tags left out; capitals; columns in another order; nothing but a fragment round it */
	"\xef\xbb\xbf\n<HTML><meta content='2026-07-09T13:15:01+01:00' name='govuk:public-updated-at'>\n"
	"<TABLE><TR><TH>Notes<TH>Boats arrived<TH>Migrants&nbsp;arrived<TH>Date"
	"<TH>Boats arrived - involved in uncontrolled landings\n"
	"<TR><TD>&nbsp;<TD>1<TD>81<TD>8 July 2026<TD>0\n<TR><TD>Revised<TD>17<TD>1,249<TD>7 July 2026<TD>2\n"
	"<TR><TD><TD>0<TD>0<TD>6 July 2026<TD>0\n</TABLE>",
	/* links, emphasis, paragraphs and line breaks in cells; comments and a script between; a caption; a total of other
	   things in a table before */
	PAGE("<table><tr><th>Year</th><th>Total</th></tr><tr><td>2025</td><td>41,000</td></tr></table>"
	     "<table><caption>Date | 9 July 2026</caption>" HEADER
	     DAY("<p>6&nbsp;July<br>2026</p>", " 0 ", "<b>0</b>", "0<!-- 7 -->")
	     "<script>document.write('<tr>')</script>"
	     DAY("<a href=\"/x\">7 July</a> 2026", "<strong>1</strong>,249", "<p>17</p>", "2<style>x</style>")
	     DAY("8 July 2026", "8<span>1</span>", "1", "0") "</table>"),
	/* a remark over all columns; bytes that are no UTF-8 (Windows-1252) */
	PAGE("<table>" HEADER "<tr><td colspan=\"5\">Provisional \x96 see below</td></tr>"
	     DAY("6 July\xa0" "2026", "0", "0", "0") DAY("7 July 2026", "1,249", "17", "2")
	     DAY("8 July 2026", "81", "1", "0") "<tr><td colspan=99999999999>End\xff</td></tr></table>"),
};

#define EMPTY_DAY "<tr><th>8 July 2026</th><td></td><td>&nbsp;</td><td></td><td></td></tr>"
static const struct {
	const char *text, *saw;
} drifted[] = {
	/* no header row */
	{ PAGE("<table><tbody>" THREE_DAYS "</tbody></table>"), "saw a table without that header, which begins '6 July 2026 | 0 | 0 | 0'" },
	/* columns renamed */
	{ PAGE("<table>" HEADER5("Date", "People", "Boats arrived", "Boats involved in uncontrolled landings", "Notes")
	       THREE_DAYS "</table>"), "Date | People | Boats arrived" },
	{ PAGE("<table>" HEADER5("Date", "Migrants arrived", "Craft", "Boats involved in uncontrolled landings", "Notes")
	       THREE_DAYS "</table>"), "Migrants arrived | Craft" },
	{ PAGE("<table>" HEADER5("Date", "Migrants arrived", "Boats arrived", "Uncontrolled", "Notes")
	       THREE_DAYS "</table>"), "| Uncontrolled |" },
	{ PAGE("<table>" HEADER5("Week", "Migrants arrived", "Boats arrived", "Boats involved in uncontrolled landings", "")
	       THREE_DAYS "</table>"), "Week | Migrants arrived" },
	/* prose instead of a table */
	{ PAGE("<p>| Date | Migrants arrived | Boats arrived |\n|\xe2\x80\x93|\xe2\x80\x93|\n|# 8 July 2026 | 81 | 1 |</p>"),
	  "saw prose, '| Date | Migrants arrived | Boats arrived |" },
	{ PAGE("<p>There were no crossings.</p>"), "saw prose, 'Small boats: last 7 days'" },
	{ "<html></html>", "saw not one word" },
	{ "<?xml version=\"1.0\"?><feed><entry>Sorry</entry></feed>", "saw prose, 'Sorry'" },
	/* a year typo, in one row and in all; a day to come */
	{ PAGE(TABLE(DAY("6 July 2026", "0", "0", "0") DAY("7 July 2026", "9", "1", "0") DAY("8 July 2025", "5", "1", "0"))),
	  "expected days from 2026-06-11 to 2026-07-09, when it was published; saw 2025-07-08" },
	{ PAGE(TABLE(DAY("7 July 2025", "9", "1", "0") DAY("8 July 2025", "5", "1", "0"))), "saw 2025-07-07" },
	{ PAGE(TABLE(DAY("8 July 2027", "9", "1", "0"))), "saw 2027-07-08" },
	{ "<html>" TABLE(DAY("1 November 2026", "9", "1", "0") DAY("2 November 2026", "9", "1", "0")) "</html>",
	  "expected no day after today, 2026-11-01; saw 2026-11-02" },
	/* a day missing, twice, unreadable; no day */
	{ PAGE(TABLE(DAY("5 July 2026", "0", "0", "0") DAY("6 July 2026", "9", "1", "0") DAY("8 July 2026", "5", "1", "0"))),
	  "expected every day from 2026-07-05 to 2026-07-08; saw none between 2026-07-06 and 2026-07-08" },
	{ PAGE(TABLE(THREE_DAYS DAY("8 July 2026", "81", "1", "0"))), "saw 2026-07-08 twice" },
	{ PAGE(TABLE(THREE_DAYS) TABLE(THREE_DAYS)), "saw a second one" },
	{ PAGE(TABLE(THREE_DAYS DAY("Total", "81", "1", "0"))), "saw 'Total | 81 | 1 | 0'" },
	{ PAGE(TABLE(DAY("31 June 2026", "81", "1", "0"))), "saw '31 June 2026 | 81" },
	/* a cell over two rows must not move boats into the column of people */
	{ PAGE(TABLE("<tr><th>7 July 2026<td rowspan=2>81<td>1<td>0<td></tr><tr><th>8 July 2026<td>17<td>2<td>3</tr>")),
	  "saw none in '8 July 2026 | 17 | 2 | 3'" },
	{ PAGE(TABLE("")), "saw no day" },
	/* days without a count */
	{ PAGE(TABLE(DAY("7 July 2026", "5", "1", "0") EMPTY_DAY)), "saw none in '8 July 2026'" },
	{ PAGE(TABLE(DAY("8 July 2026", "-", "-", "-"))), "saw not one count" },
	{ PAGE(TABLE(DAY("8 July 2026", "many", "few", "none"))), "saw not one count" },
	/* prose of 2022 in disorder */
#define MOD(body) \
	"<html><head>" UPDATED("public-updated-at", "2022-09-05T08:30:00.000+00:00") "</head><body><main>" body "</main></body></html>"
#define MOD_DAY(day) "<h3>The data below is for the 24-hour period 00:00 to 23:59 " day ".</h3>"
#define MOD_PEOPLE(text) "<li><h4>Number of migrants detected in small boats: " text "</h4></li>"
#define MOD_BOATS(text) "<li><h4>Number of boats detected: " text "</h4></li>"
	{ MOD(MOD_PEOPLE("1,160") MOD_BOATS("25")), "before 'Number of migrants detected in small boats: 1,160'; saw none" },
	{ MOD(MOD_DAY("the day before") MOD_PEOPLE("1,160") MOD_BOATS("25")), "saw 'The data below is for" },
	{ MOD(MOD_DAY("4 September 2021") MOD_PEOPLE("1,160") MOD_BOATS("25")), "saw 2021-09-04" },
	{ MOD(MOD_DAY("4 September 2022") MOD_PEOPLE("1,160")), "expected the number of boats detected on 2022-09-04" },
	{ MOD(MOD_DAY("4 September 2022") MOD_PEOPLE("1,160") MOD_BOATS("some")), "'Number of boats detected: some'" },
	{ MOD(MOD_DAY("4 September 2022") MOD_PEOPLE("1,160") MOD_PEOPLE("1,161") MOD_BOATS("25")), "saw 1160 and 1161" },
	{ MOD(MOD_DAY("4 September 2022") "<p>1,160 migrants were detected in 25 boats.</p>"), "saw prose" },
	{ "<html>" MOD_DAY("4 September 2024") MOD_PEOPLE("5") MOD_BOATS("1") "</html>", "when the Ministry of Defence counted; saw 2024-09-04" },
};

static const char *const prose_page[] = {
	MOD("<p>This page is updated daily.</p>" MOD_DAY("4 September 2022") "<ul>" MOD_PEOPLE("1,160") MOD_BOATS("25")
	    "<li><h4>Number of boats known by the MOD to be involved in uncontrolled landings: 3</h4></li></ul>"
	    "<p>Number of boats detected in May: see below</p>"),
	/* the time only in the JSON-LD; other blanks, capitals, emphasis; a weekday */
	"<html><head></head><body><p>Data for 00:00&nbsp;to 23:59 on Sunday 4&nbsp;September 2022</p>"
	"<p><strong>Number of migrants detected in small boats</strong>:&nbsp;1,160</p>"
	"<p>NUMBER OF BOATS  DETECTED: <b>25</b></p>"
	"<script type=\"application/ld+json\">\n{\n\"dateModified\": \"2022-09-05T08:30:00.000+00:00\" }</script></body></html>",
};

static const struct {
	const char *text, *phrase;
} retired[] = {
	{ MOD("<h3>Please note, this is a legacy page and will no longer be updated. See <a href=\"/x\">here</a>.</h3>"),
	  "\"Please note, this is a legacy page and will no longer be updated. See here.\"" },
	{ MOD("<p>These statistics are no longer published.</p>"), "no longer published" },
	{ MOD("<p>This statistical data set was withdrawn on 1 June 2023.</p>" MOD_DAY("4 September 2022") MOD_PEOPLE("7")
	      MOD_BOATS("1")), "withdrawn on 1 June 2023" },
	{ PAGE("<p>This page is no longer being updated.</p>" TABLE(THREE_DAYS)), "no longer being updated" },
};

static const char *const not_retired[] = {
	PAGE(TABLE(THREE_DAYS) "<p><a href=\"/x\">Monthly data</a> from the Ministry of Defence is no longer updated.</p>"),
	PAGE(TABLE(THREE_DAYS) "<p>These figures replace those of the weekly page, which was discontinued.</p>"),
};
/* clang-format on */
