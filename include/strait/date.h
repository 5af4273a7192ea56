/* SPDX-License-Identifier: MIT
 *
 * strait/date.h - calendar arithmetic for plugin authors, inline, no state, no locale, no time
 * zone.
 *
 * A day is an int32_t: days since 1970-01-01 in the proleptic Gregorian calendar. The conversions
 * are the standard era/year-of-era derivation: the year is taken to start on 1 March, so that the
 * leap day is its last day, and 400 years are one era of 146,097 days.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STRAIT_DAY_MS INT64_C(86400000)

static inline bool strait_is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static inline int strait_days_in_month(int year, int month)
{
	static const signed char days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && strait_is_leap(year) ? 29 : days[month - 1];
}

/* true when the three numbers name a day between the years 1 and 9999 */
static inline bool strait_is_date(int year, int month, int day)
{
	return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
	       day <= strait_days_in_month(year, month);
}

static inline int32_t strait_day(int year, int month, int day)
{
	int march_year = month <= 2 ? year - 1 : year;
	int era = (march_year >= 0 ? march_year : march_year - 399) / 400;
	int year_of_era = march_year - era * 400;
	int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return (int32_t)era * 146097 + day_of_era - 719468;
}

static inline void strait_date(int32_t day, int *ret_year, int *ret_month, int *ret_day)
{
	int32_t shifted = day + 719468;
	int32_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	int32_t day_of_era = shifted - era * 146097;
	int32_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int32_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int32_t march_month = (5 * day_of_year + 2) / 153;

	*ret_day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1);
	*ret_month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
	*ret_year = (int)(year_of_era + era * 400 + (*ret_month <= 2));
}

/* Floor division: the day that a UTC time falls on. */
static inline int32_t strait_day_of_ms(int64_t ms)
{
	return (int32_t)((ms >= 0 ? ms : ms - (STRAIT_DAY_MS - 1)) / STRAIT_DAY_MS);
}
