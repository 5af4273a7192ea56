/* SPDX-License-Identifier: MIT
 *
 * report_html.h - text, numbers and dates as a report writes them. The output is HTML that is
 * well-formed XML, too: so no named entities but the five of XML, and every element is closed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define GROUPED_TEXT_MAX 64 /* bytes with the NUL */
#define DATE_WORDS_MAX	 48

/* Text from the bus, fit for an element and for a quoted attribute. What XML cannot hold, and marks
   that turn the direction of the text round, become U+FFFD. */
void html_text(FILE *out, const char *text);

/* "12,214", "−3", "0.4745"; "–" for NaN. Returns buffer. */
const char *grouped_text(double value, char buffer[GROUPED_TEXT_MAX]);
/* "+12", "−3", "0". Returns buffer. */
const char *signed_text(double value, char buffer[GROUPED_TEXT_MAX]);
/* "47.5 %". Returns buffer. */
const char *percent_text(double share, char buffer[GROUPED_TEXT_MAX]);
/* A number that programs can read, too; a dash with words when it is missing. */
void html_number(FILE *out, double value);
/* The same as a right-aligned table cell. */
void html_number_cell(FILE *out, double value);
void html_change_cell(FILE *out, double change);
void html_text_cell(FILE *out, const char *text);

/* "2 September 2020". Returns buffer. */
const char *day_words(int32_t day, char buffer[DATE_WORDS_MAX]);
/* "Sep", 1 to 12 */
const char *month_short(int month);
/* A period as ISO 8601 has it; a line may break between its two ends only. A dash with words for
 * "". */
void html_period(FILE *out, const char *text);
/* The same in words: "2 September 2020", "3 July 2026 to 9 July 2026". */
void html_period_words(FILE *out, const char *text);
/* A <time> to the minute, UTC; a dash with words for 0. */
void html_time(FILE *out, int64_t ms);

/* A box that scrolls sideways with a table in it; the caption is text of our own. columns: headings
   separated by '|'; one that begins with '#' is right-aligned. Ended by html_table_end. */
void html_table_begin(FILE *out, const char *caption, const char *columns);
void html_table_end(FILE *out);
