/* SPDX-License-Identifier: MIT
 *
 * period.c - calendar periods: their ISO 8601 text, their first and last days, steps from one to
 * the next.
 *
 * Runs in every process and in straitctl. Pure: no clock, no locale, no time zone, no memory.
 * Invariant: a period that period_parse() accepts lies within the years 1 to 9999, and
 * period_format() writes it so that it reads back as itself. Must never guess: text that is not one
 * of the listed forms to its last byte is refused.
 *
 * ISO 8601 week: Monday to Sunday; it belongs to the year that its Thursday is in.
 */
#include "period.h"

#include <string.h>

#include "digits.h"
#include "strait/date.h"

#define MONTH_INDEX_MIN	    (1 * 12)	     /* January of year 1, counted in months from year 0 */
#define MONTH_INDEX_MAX	    (9999 * 12 + 11) /* December of 9999 */
#define DURATION_DIGITS_MAX 6		     /* P999999D is 2,737 years */

static int32_t clamp_day(int32_t day)
{
	if (day < PERIOD_DAY_MIN)
		return PERIOD_DAY_MIN;
	return day > PERIOD_DAY_MAX ? PERIOD_DAY_MAX : day;
}

static int32_t monday_of(int32_t day)
{
	/* 1970-01-01 was a Thursday: three days after a Monday */
	int32_t weekday = (day + 3) % 7;

	return day - (weekday < 0 ? weekday + 7 : weekday);
}

/* Monday of week 1: the week that 4 January is in. */
static int32_t first_monday(int year)
{
	return monday_of(strait_day(year, 1, 4));
}

/* Months from January of year 0 to the month that the day is in. */
static int month_index(int32_t day)
{
	int year, month, unused;

	strait_date(day, &year, &month, &unused);
	return year * 12 + month - 1;
}

static int32_t month_first(int64_t index)
{
	/* one month past either end is let through, so that "the day before the next" works at the
	 * ends */
	if (index < MONTH_INDEX_MIN - 12)
		index = MONTH_INDEX_MIN - 12;
	if (index > MONTH_INDEX_MAX + 12)
		index = MONTH_INDEX_MAX + 12;
	return strait_day((int)(index / 12), (int)(index % 12) + 1, 1);
}

/* 0 for days and weeks, which are not made of months. */
static int months_of(enum strait_granularity granularity)
{
	switch (granularity) {
	case STRAIT_DAY:
	case STRAIT_WEEK:
		return 0;
	case STRAIT_MONTH:
		return 1;
	case STRAIT_QUARTER:
		return 3;
	case STRAIT_HALF_YEAR:
		return 6;
	case STRAIT_YEAR:
		return 12;
	}
	return 0;
}

int32_t granularity_step(enum strait_granularity granularity, int32_t day, int steps)
{
	int months = months_of(granularity);
	int64_t moved;

	day = clamp_day(day);
	if (months) {
		int index = month_index(day);

		return month_first(index - index % months + (int64_t)steps * months);
	}
	if (granularity == STRAIT_WEEK)
		moved = monday_of(day) + (int64_t)steps * 7;
	else
		moved = day + (int64_t)steps;
	if (moved < PERIOD_DAY_MIN - 7)
		return PERIOD_DAY_MIN - 7;
	return moved > PERIOD_DAY_MAX + 7 ? PERIOD_DAY_MAX + 7 : (int32_t)moved;
}

int32_t granularity_floor(enum strait_granularity granularity, int32_t day)
{
	return granularity_step(granularity, day, 0);
}

int32_t granularity_last(enum strait_granularity granularity, int32_t day)
{
	return granularity_step(granularity, day, 1) - 1;
}

const char *granularity_duration(enum strait_granularity granularity)
{
	switch (granularity) {
	case STRAIT_DAY:
		return "P1D";
	case STRAIT_WEEK:
		return "P7D";
	case STRAIT_MONTH:
		return "P1M";
	case STRAIT_QUARTER:
		return "P3M";
	case STRAIT_HALF_YEAR:
		return "P6M";
	case STRAIT_YEAR:
		return "P1Y";
	}
	return "";
}

/* Writes the name of the period that contains the day, no NUL; nothing for an unknown granularity.
 */
static char *put_name(char *at, enum strait_granularity granularity, int32_t day)
{
	int year, month, day_of_month;

	strait_date(day, &year, &month, &day_of_month);
	switch (granularity) {
	case STRAIT_DAY:
		return digits_put_date(at, year, month, day_of_month);
	case STRAIT_WEEK:
		strait_date(monday_of(day) + 3, &year, &month, &day_of_month);
		at = digits_put(at, 4, year);
		*at++ = '-';
		*at++ = 'W';
		return digits_put(at, 2, (monday_of(day) - first_monday(year)) / 7 + 1);
	case STRAIT_MONTH:
		at = digits_put(at, 4, year);
		*at++ = '-';
		return digits_put(at, 2, month);
	case STRAIT_QUARTER:
		at = digits_put(at, 4, year);
		*at++ = '-';
		*at++ = 'Q';
		return digits_put(at, 1, (month - 1) / 3 + 1);
	case STRAIT_HALF_YEAR:
		at = digits_put(at, 4, year);
		*at++ = '-';
		*at++ = 'S';
		return digits_put(at, 1, (month - 1) / 6 + 1);
	case STRAIT_YEAR:
		return digits_put(at, 4, year);
	}
	return at;
}

const char *granularity_format(enum strait_granularity granularity, int32_t day,
			       char buffer[PERIOD_TEXT_MAX])
{
	*put_name(buffer, granularity, clamp_day(day)) = '\0';
	return buffer;
}

static bool is_whole(enum strait_granularity granularity, struct period period)
{
	return granularity_floor(granularity, period.first) == period.first &&
	       granularity_last(granularity, period.first) == period.last;
}

const char *period_format(struct period period, char buffer[PERIOD_TEXT_MAX])
{
	enum strait_granularity ends = STRAIT_DAY;
	char *at = buffer;

	period.first = clamp_day(period.first);
	period.last = clamp_day(period.last);
	for (enum strait_granularity g = STRAIT_DAY; g <= STRAIT_YEAR; g++) {
		if (is_whole(g, period))
			return granularity_format(g, period.first, buffer);
	}
	if (granularity_floor(STRAIT_MONTH, period.first) == period.first &&
	    granularity_last(STRAIT_MONTH, period.last) == period.last)
		ends = STRAIT_MONTH;
	at = put_name(at, ends, period.first);
	*at++ = '/';
	*put_name(at, ends, period.last) = '\0';
	return buffer;
}

static struct period whole(enum strait_granularity granularity, int32_t day)
{
	return (struct period){ day, granularity_last(granularity, day) };
}

/* Q3, S2, H2: one letter, one number from 1 to count. */
static bool take_part_of_year(struct digits_text *text, int year, struct period *ret_period)
{
	enum strait_granularity granularity = *text->at == 'Q' ? STRAIT_QUARTER : STRAIT_HALF_YEAR;
	int months = months_of(granularity), number;

	text->at++;
	if (!digits_take(text, 1, &number) || number < 1 || number > 12 / months)
		return false;
	*ret_period = whole(granularity, strait_day(year, (number - 1) * months + 1, 1));
	return true;
}

static bool take_week(struct digits_text *text, int year, struct period *ret_period)
{
	int32_t monday;
	int week;

	text->at++;
	if (!digits_take(text, 2, &week) || week < 1)
		return false;
	monday = first_monday(year) + (week - 1) * 7;
	if (monday >= first_monday(year + 1))
		return false; /* a year without week 53 */
	*ret_period = whole(STRAIT_WEEK, monday);
	return true;
}

static bool take_month_or_day(struct digits_text *text, int year, struct period *ret_period)
{
	int month, day;

	if (!digits_take(text, 2, &month) || month < 1 || month > 12)
		return false;
	if (!digits_take_char(text, '-')) {
		*ret_period = whole(STRAIT_MONTH, strait_day(year, month, 1));
		return true;
	}
	if (!digits_take(text, 2, &day) || !strait_is_date(year, month, day))
		return false;
	*ret_period = whole(STRAIT_DAY, strait_day(year, month, day));
	return true;
}

/* One period by its name, up to the end of the text. */
static bool parse_name(struct digits_text text, struct period *ret_period)
{
	bool good;
	int year;

	if (!digits_take(&text, 4, &year) || year < 1)
		return false;
	if (text.at == text.end) {
		*ret_period = whole(STRAIT_YEAR, strait_day(year, 1, 1));
		return true;
	}
	if (!digits_take_char(&text, '-') || text.at == text.end)
		return false;
	if (*text.at == 'W')
		good = take_week(&text, year, ret_period);
	else if (*text.at == 'Q' || *text.at == 'S' || *text.at == 'H')
		good = take_part_of_year(&text, year, ret_period);
	else
		good = take_month_or_day(&text, year, ret_period);
	return good && text.at == text.end;
}

/* Same day of the month so many months later; the month's last day where it has no such day. */
static int64_t add_months(int32_t day, int64_t months)
{
	int64_t index = month_index(day) + months;
	int year, month, day_of_month, days;

	if (index > MONTH_INDEX_MAX + 12)
		return INT64_MAX;
	strait_date(day, &year, &month, &day_of_month);
	year = (int)(index / 12);
	month = (int)(index % 12) + 1;
	days = strait_days_in_month(year, month);
	return strait_day(year, month, day_of_month < days ? day_of_month : days);
}

/* "P7D", "P2W", "P1M", "P1Y" from that day on; *ret_last is the last day inside. */
static bool parse_duration(struct digits_text text, int32_t first, int64_t *ret_last)
{
	int count = 0, digit, digits = 0;
	int64_t next;

	if (!digits_take_char(&text, 'P'))
		return false;
	while (digits < DURATION_DIGITS_MAX && digits_take(&text, 1, &digit)) {
		count = count * 10 + digit;
		digits++;
	}
	if (count == 0 || text.end - text.at != 1)
		return false;
	switch (*text.at) {
	case 'D':
		next = first + (int64_t)count;
		break;
	case 'W':
		next = first + (int64_t)count * 7;
		break;
	case 'M':
		next = add_months(first, count);
		break;
	case 'Y':
		next = add_months(first, (int64_t)count * 12);
		break;
	default:
		return false;
	}
	*ret_last = next - 1;
	return true;
}

bool period_parse(const char *text, struct period *ret_period)
{
	struct digits_text whole_text = { text, text + strlen(text) };
	const char *slash = strchr(text, '/');
	struct period from, to;
	int64_t last;

	if (!slash) {
		if (!parse_name(whole_text, &from))
			return false;
		last = from.last;
	} else {
		struct digits_text left = { text, slash }, right = { slash + 1, whole_text.end };

		if (!parse_name(left, &from))
			return false;
		if (!parse_duration(right, from.first, &last)) {
			if (!parse_name(right, &to))
				return false;
			last = to.last;
		}
	}
	/* the last ISO week of 9999 ends in the year 10000 */
	if (from.first > last || last > PERIOD_DAY_MAX)
		return false;
	*ret_period = (struct period){ from.first, (int32_t)last };
	return true;
}

const char *status_word(enum strait_status status)
{
	switch (status) {
	case STRAIT_FINAL:
		return "final";
	case STRAIT_PROVISIONAL:
		return "provisional";
	case STRAIT_ESTIMATED:
		return "estimated";
	case STRAIT_MISSING:
		return "missing";
	case STRAIT_SUPPRESSED:
		return "suppressed";
	}
	return "unknown";
}

char status_letter(enum strait_status status)
{
	switch (status) {
	case STRAIT_FINAL:
		return 'A';
	case STRAIT_PROVISIONAL:
		return 'P';
	case STRAIT_ESTIMATED:
		return 'E';
	case STRAIT_MISSING:
		return 'O';
	case STRAIT_SUPPRESSED:
		return 'Q';
	}
	return '?';
}

enum strait_status status_of_letter(char letter)
{
	for (enum strait_status status = STRAIT_FINAL; status <= STRAIT_SUPPRESSED; status++) {
		if (status_letter(status) == letter)
			return status;
	}
	return 0;
}
