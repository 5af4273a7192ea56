/* SPDX-License-Identifier: MIT
 *
 * period.h - ISO 8601 periods and times as text, and calendar steps. Every process and straitctl;
 * pure.
 *
 * A period is [first, last], both days since 1970-01-01, inclusive. Text forms, read and written:
 *   2020-09-02   2020-W36   2020-09   2020-Q3   2020-S2 (half-year, SDMX; 2020-H2 is read too) 2020
 *   A/B with A and B any of those: from the first day of A to the last day of B; B may be a
 * duration (P7D, P1M …).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "strait/plugin.h"

#define PERIOD_TEXT_MAX 32 /* bytes with the NUL, of any period or time written here */

/* 0001-01-01 and 9999-12-31. Days outside are taken as the nearest of these two by all functions
   here; a step may end in the period just outside, so that loops over periods end. */
#define PERIOD_DAY_MIN (-719162)
#define PERIOD_DAY_MAX 2932896

struct period {
	int32_t first, last;
};

/* true and *ret_period set, or false for text that is no period (also first > last, year 0 or >
 * 9999). */
bool period_parse(const char *text, struct period *ret_period);
/* Shortest standard form: a whole day, ISO week, month, quarter, half-year or year by its name,
   else first/last by days ("2020-01-01/2020-05-31" is written 2020-01/2020-05 when both ends are
   month ends). Returns buffer. */
const char *period_format(struct period period, char buffer[PERIOD_TEXT_MAX]);

/* First day of the period of that granularity that contains the day. */
int32_t granularity_floor(enum strait_granularity granularity, int32_t day);
/* Last day of the period that starts at (contains) the day. */
int32_t granularity_last(enum strait_granularity granularity, int32_t day);
/* First day of the following (steps > 0) or preceding (steps < 0) period. */
int32_t granularity_step(enum strait_granularity granularity, int32_t day, int steps);
/* "P1D" …; "" for an unknown value. */
const char *granularity_duration(enum strait_granularity granularity);
/* Text of the single period that contains the day: "2020-09-02", "2020-W36", "2020-Q3" … Returns
 * buffer. */
const char *granularity_format(enum strait_granularity granularity, int32_t day,
			       char buffer[PERIOD_TEXT_MAX]);

/* RFC 3339 in UTC, "2020-09-02T21:00:00Z", with ".123" only if there are milliseconds; "" for 0.
 * Returns buffer. */
const char *time_format(int64_t ms, char buffer[PERIOD_TEXT_MAX]);
/* Reads a date ("2020-09-03": the end of that day, 23:59:59.999 UTC, as "as known on" means), an
   RFC 3339 time with zone or Z, the same with a blank for the T and without seconds, or "@SECONDS".
 */
bool time_parse(const char *text, int64_t *ret_ms);
/* Reads "2020-09-02T21:00:00.252149202Z", "2020-09-02 21:00:00 +0100", "… +0000 UTC", fractions cut
   to ms; a time without a zone is taken as UTC. Exactly `size` bytes. For data, not for command
   lines. */
bool time_parse_data(const char *text, size_t size, int64_t *ret_ms);

/* The first YYYY-MM-DD in a file's name that is not after latest_ms, taken as noon UTC: nobody said
   when, and midnight would put it before what was published that morning, the end of the day after
   what was published that evening. */
bool time_of_name(const char *name, int64_t latest_ms, int64_t *ret_ms);

/* Status words and SDMX CL_OBS_STATUS letters: final A, provisional P, estimated E, missing O,
 * suppressed Q. */
const char *status_word(enum strait_status status);
char status_letter(enum strait_status status);
enum strait_status status_of_letter(char letter); /* 0 when unknown */
