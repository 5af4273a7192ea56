/* SPDX-License-Identifier: MIT
 *
 * strait/time.h - reading an instant from a row of data, for plugin authors; inline, no state, no
 * locale, no time zone of the machine.
 *
 * ISO 8601 date-times as logs write them: "2024-07-07T21:48:06Z", "2024-07-07 21:48:06.252149202
 * +0000 UTC", "2024-07-07 23:48+02:00", "2024-07-07". The separator is 'T' or a blank; seconds and
 * fraction may be left out; the zone is Z, UTC, GMT, or an offset with or without colon and
 * minutes, which may be followed by its name ("+0100 BST"; the name says nothing). A time without
 * zone is UTC; a date alone is its midnight UTC. Names of zones without an offset ("BST") are
 * refused: they are not unique. 24:00 is the next midnight and second 60 the next minute. Times are
 * cut, not rounded, to milliseconds.
 */
#pragma once

#include "strait/date.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Text being read. */
struct strait_time_text {
	const char *at, *end;
};

static inline bool strait_time_char(struct strait_time_text *text, const char *any_of)
{
	if (text->at == text->end)
		return false;
	for (; *any_of; any_of++) {
		if (*text->at == *any_of) {
			text->at++;
			return true;
		}
	}
	return false;
}

/* Exactly so many digits. */
static inline bool strait_time_digits(struct strait_time_text *text, int count, int *ret_value)
{
	int value = 0;

	if (text->end - text->at < count)
		return false;
	for (int i = 0; i < count; i++) {
		if (text->at[i] < '0' || text->at[i] > '9')
			return false;
		value = value * 10 + (text->at[i] - '0');
	}
	text->at += count;
	*ret_value = value;
	return true;
}

/* Fraction of a second after its point: milliseconds, further digits passed over. */
static inline bool strait_time_fraction(struct strait_time_text *text, int *ret_ms)
{
	int ms = 0, scale = 100;
	const char *start = text->at;

	for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++) {
		ms += (*text->at - '0') * scale;
		scale /= 10;
	}
	*ret_ms = ms;
	return text->at > start;
}

/* ":MM[:SS[.fraction]]" after the hour */
static inline bool strait_time_clock(struct strait_time_text *text, int64_t *ret_ms)
{
	int hour, minute, second = 0, ms = 0;

	if (!strait_time_digits(text, 2, &hour) || !strait_time_char(text, ":") ||
	    !strait_time_digits(text, 2, &minute))
		return false;
	if (strait_time_char(text, ":")) {
		if (!strait_time_digits(text, 2, &second))
			return false;
		if (strait_time_char(text, ".,") && !strait_time_fraction(text, &ms))
			return false;
	}
	if (hour > 24 || minute > 59 || second > 60 || (hour == 24 && (minute || second || ms)))
		return false;
	*ret_ms = ((hour * INT64_C(60) + minute) * 60 + second) * 1000 + ms;
	return true;
}

/* Nothing, Z, UTC, GMT, or an offset with an optional name; what is to be subtracted. */
static inline bool strait_time_zone(struct strait_time_text *text, int64_t *ret_offset_ms)
{
	int hours, minutes = 0;
	bool west;

	*ret_offset_ms = 0;
	if (text->at == text->end || strait_time_char(text, "Zz"))
		return true;
	if (text->end - text->at == 3 &&
	    ((text->at[0] == 'U' && text->at[1] == 'T' && text->at[2] == 'C') ||
	     (text->at[0] == 'G' && text->at[1] == 'M' && text->at[2] == 'T'))) {
		text->at += 3;
		return true;
	}
	west = *text->at == '-';
	if (!strait_time_char(text, "+-") || !strait_time_digits(text, 2, &hours))
		return false;
	if (strait_time_char(text, ":") ? !strait_time_digits(text, 2, &minutes)
					: text->at < text->end && *text->at != ' ' &&
						  !strait_time_digits(text, 2, &minutes))
		return false;
	if (hours > 14 || minutes > 59)
		return false;
	if (strait_time_char(text, " ")) {
		while (text->at < text->end && *text->at >= 'A' && *text->at <= 'Z')
			text->at++;
	}
	*ret_offset_ms = (west ? -1 : 1) * (hours * INT64_C(60) + minutes) * 60000;
	return true;
}

/* true and milliseconds since the epoch, UTC, when all of the text (blanks around it allowed) is a
 * date-time. */
static inline bool strait_time_parse(const char *text, size_t size, int64_t *ret_ms)
{
	struct strait_time_text left = { text, text + size };
	int year, month, day;
	int64_t clock = 0, offset = 0;

	while (strait_time_char(&left, " \t"))
		;
	while (left.end > left.at && (left.end[-1] == ' ' || left.end[-1] == '\t'))
		left.end--;
	if (!strait_time_digits(&left, 4, &year) || !strait_time_char(&left, "-") ||
	    !strait_time_digits(&left, 2, &month) || !strait_time_char(&left, "-") ||
	    !strait_time_digits(&left, 2, &day) || !strait_is_date(year, month, day))
		return false;
	if (left.at < left.end) {
		if (!strait_time_char(&left, "Tt "))
			return false;
		while (strait_time_char(&left, " "))
			;
		if (!strait_time_clock(&left, &clock))
			return false;
		while (strait_time_char(&left, " "))
			;
		if (!strait_time_zone(&left, &offset) || left.at != left.end)
			return false;
	}
	*ret_ms = strait_day(year, month, day) * STRAIT_DAY_MS + clock - offset;
	return true;
}

#ifdef __cplusplus
}
#endif
