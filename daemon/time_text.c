/* SPDX-License-Identifier: MIT
 *
 * time_text.c - instants as text: RFC 3339 out, RFC 3339 and its common relatives in. Declared in
 * period.h.
 *
 * Runs in every process and in straitctl. Pure: everything is UTC, the machine's time zone and
 * locale do not matter. Invariant: what time_format() writes, both readers read back to the
 * millisecond. Must never take a time that it understands only in part: the text is consumed to its
 * last byte or refused.
 */
#include "period.h"

#include <ctype.h>
#include <string.h>

#include "digits.h"
#include "strait/date.h"

#define MINUTE_MS	   INT64_C(60000)
#define TIME_MS_MIN	   ((int64_t)PERIOD_DAY_MIN * STRAIT_DAY_MS)
#define TIME_MS_MAX	   ((int64_t)(PERIOD_DAY_MAX + 1) * STRAIT_DAY_MS - 1)
#define SECONDS_DIGITS_MAX 12 /* year 9999 has 12 */

/* What the two readers differ in. */
struct time_rules {
	bool zone_required;
	bool blank_before_zone;
};

static const struct time_rules command_rules = { .zone_required = true, .blank_before_zone = true };
static const struct time_rules data_rules = { .blank_before_zone = true };

const char *time_format(int64_t ms, char buffer[PERIOD_TEXT_MAX])
{
	int year, month, day, rest, millis;
	char *at = buffer;

	buffer[0] = '\0';
	if (ms == 0 || ms < TIME_MS_MIN || ms > TIME_MS_MAX)
		return buffer;
	strait_date(strait_day_of_ms(ms), &year, &month, &day);
	rest = (int)(ms - strait_day_of_ms(ms) * STRAIT_DAY_MS);
	millis = rest % 1000;
	rest /= 1000;
	at = digits_put_date(at, year, month, day);
	*at++ = 'T';
	at = digits_put(at, 2, rest / 3600);
	*at++ = ':';
	at = digits_put(at, 2, rest / 60 % 60);
	*at++ = ':';
	at = digits_put(at, 2, rest % 60);
	if (millis) {
		*at++ = '.';
		at = digits_put(at, 3, millis);
	}
	*at++ = 'Z';
	*at = '\0';
	return buffer;
}

static bool take_date(struct digits_text *text, int64_t *ret_ms)
{
	int year, month, day;

	if (!digits_take(text, 4, &year) || !digits_take_char(text, '-') ||
	    !digits_take(text, 2, &month) || !digits_take_char(text, '-') ||
	    !digits_take(text, 2, &day) || !strait_is_date(year, month, day))
		return false;
	*ret_ms = strait_day(year, month, day) * STRAIT_DAY_MS;
	return true;
}

/* ".252149202" cut to milliseconds; a point without digits is refused. */
static bool take_fraction(struct digits_text *text, int *ret_ms)
{
	int digit, scale = 100;

	*ret_ms = 0;
	if (!digits_take_char(text, '.') && !digits_take_char(text, ','))
		return true;
	if (!digits_take(text, 1, &digit))
		return false;
	do {
		*ret_ms += digit * scale;
		scale /= 10;
	} while (digits_take(text, 1, &digit));
	return true;
}

static bool take_clock(struct digits_text *text, int64_t *ret_ms)
{
	int hour, minute, second = 0, millis = 0;

	if (!digits_take(text, 2, &hour) || !digits_take_char(text, ':') ||
	    !digits_take(text, 2, &minute))
		return false;
	if (digits_take_char(text, ':') &&
	    (!digits_take(text, 2, &second) || !take_fraction(text, &millis)))
		return false;
	/* second 60 is a leap second (RFC 3339, 5.6); POSIX time gives it the next second's number
	 */
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	*ret_ms = (hour * 60 + minute) * MINUTE_MS + second * 1000 + millis;
	return true;
}

static bool take_word(struct digits_text *text, const char *word)
{
	size_t size = strlen(word);

	if ((size_t)(text->end - text->at) < size || memcmp(text->at, word, size) != 0)
		return false;
	text->at += size;
	return true;
}

/* Z, +01:00, +0100, "+0000 UTC" (as Go prints times), UTC, GMT. Refuses what is none of them. */
static bool take_zone(struct digits_text *text, const struct time_rules *rules,
		      int64_t *ret_offset_ms)
{
	int hour, minute;
	bool west;

	*ret_offset_ms = 0;
	if (text->at == text->end)
		return !rules->zone_required;
	if (rules->blank_before_zone)
		(void)digits_take_char(text, ' '); /* may be there or not */
	if (digits_take_char(text, 'Z') || digits_take_char(text, 'z') || take_word(text, "UTC") ||
	    take_word(text, "GMT"))
		return true;
	west = digits_take_char(text, '-');
	if (!west && !digits_take_char(text, '+'))
		return false;
	if (!digits_take(text, 2, &hour))
		return false;
	(void)digits_take_char(text, ':'); /* may be there or not */
	if (!digits_take(text, 2, &minute) || hour > 23 || minute > 59)
		return false;
	*ret_offset_ms = (hour * 60 + minute) * MINUTE_MS * (west ? -1 : 1);
	if (*ret_offset_ms == 0)
		(void)take_word(text, " UTC"); /* says the same again */
	return true;
}

/* A date, a T or a blank, a time of day, a zone, and the end of the text. */
static bool parse_instant(struct digits_text text, const struct time_rules *rules, int64_t *ret_ms)
{
	int64_t date_ms, clock_ms, offset_ms, ms;

	if (!take_date(&text, &date_ms))
		return false;
	if (!digits_take_char(&text, 'T') && !digits_take_char(&text, 't') &&
	    !digits_take_char(&text, ' '))
		return false;
	if (!take_clock(&text, &clock_ms) || !take_zone(&text, rules, &offset_ms) ||
	    text.at != text.end)
		return false;
	ms = date_ms + clock_ms - offset_ms;
	if (ms < TIME_MS_MIN || ms > TIME_MS_MAX)
		return false;
	*ret_ms = ms;
	return true;
}

/* "@1599080400", "@1599080400.25", "@-1" */
static bool parse_seconds(struct digits_text text, int64_t *ret_ms)
{
	int64_t seconds = 0, ms;
	int digit, digits = 0, millis;
	bool negative;

	if (!digits_take_char(&text, '@'))
		return false;
	negative = digits_take_char(&text, '-');
	while (digits < SECONDS_DIGITS_MAX && digits_take(&text, 1, &digit)) {
		seconds = seconds * 10 + digit;
		digits++;
	}
	if (digits == 0 || !take_fraction(&text, &millis) || text.at != text.end)
		return false;
	ms = (seconds * 1000 + millis) * (negative ? -1 : 1);
	if (ms < TIME_MS_MIN || ms > TIME_MS_MAX)
		return false;
	*ret_ms = ms;
	return true;
}

bool time_parse(const char *text, int64_t *ret_ms)
{
	struct digits_text whole = { text, text + strlen(text) }, date = whole;
	int64_t date_ms;

	if (take_date(&date, &date_ms) && date.at == date.end) {
		*ret_ms = date_ms + STRAIT_DAY_MS - 1;
		return true;
	}
	return parse_seconds(whole, ret_ms) || parse_instant(whole, &command_rules, ret_ms);
}

bool time_parse_data(const char *text, size_t size, int64_t *ret_ms)
{
	return parse_instant((struct digits_text){ text, text + size }, &data_rules, ret_ms);
}

/* ── dates in names ────────────────────────────────────────────────────────────────────────── */

/* Reads exactly count digits; -1 if they are not there. */
static int exact_digits(const char *text, int count)
{
	int value = 0;

	for (int i = 0; i < count; i++) {
		if (!isdigit((unsigned char)text[i]))
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

/* true and the day for text that starts with YYYY-MM-DD and no further digit. */
static bool date_at(const char *text, int32_t *ret_day)
{
	int year = exact_digits(text, 4), month, day;

	if (year < 0 || text[4] != '-')
		return false;
	month = exact_digits(text + 5, 2);
	if (month < 0 || text[7] != '-')
		return false;
	day = exact_digits(text + 8, 2);
	if (day < 0 || isdigit((unsigned char)text[10]) || !strait_is_date(year, month, day) ||
	    year < 1970)
		return false;
	*ret_day = strait_day(year, month, day);
	return true;
}

bool time_of_name(const char *name, int64_t latest_ms, int64_t *ret_ms)
{
	int32_t day;

	for (const char *at = name; *at; at++) {
		if ((at == name || !isdigit((unsigned char)at[-1])) && date_at(at, &day) &&
		    day * STRAIT_DAY_MS <= latest_ms) {
			*ret_ms = day * STRAIT_DAY_MS + STRAIT_DAY_MS / 2;
			return true;
		}
	}
	return false;
}
