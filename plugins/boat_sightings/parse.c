/* SPDX-License-Identifier: MIT
 *
 * parse.c - fields of a sighting log → sighting. Worker only; pure, owns nothing. Invariant: a
 * sighting that comes out can be emitted. Must never look at `observer` and `note`, nor quote a
 * field, nor let a position out: only its area.
 */
#include "parse.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "position.h"
#include "strait/time.h"

#define HOUR_MS INT64_C(3600000)

static bool equals(struct log_field field, const char *word)
{
	return field.size == strlen(word) && strncasecmp(field.data, word, field.size) == 0;
}

static struct strait_csv_field as_csv(struct log_field field)
{
	return (struct strait_csv_field){ .data = field.data, .size = (uint32_t)field.size };
}

/* ── times ──────────────────────────────────────────────────────────────────────────────────── */

static size_t digits_at(const char *text, const char *end)
{
	size_t count = 0;

	while (text + count < end && text[count] >= '0' && text[count] <= '9')
		count++;
	return count;
}

/* 9 to 11 digits are seconds (1973 to 5138), 12 to 14 milliseconds; a fraction may follow. */
static bool parse_unix(const char *text, size_t size, int64_t *ret_ms)
{
	struct strait_csv_field field = { .data = text, .size = (uint32_t)size };
	size_t digits = digits_at(text, text + size), all = digits;
	double value;

	if (digits < size && text[digits] == '.')
		all += 1 + digits_at(text + digits + 1, text + size);
	if (digits < 9 || digits > 14 || all != size || !strait_csv_number(&field, &value))
		return false;
	*ret_ms = (int64_t)floor(digits < 12 ? value * 1000 : value);
	return true;
}

static bool take_month(struct strait_time_text *text, int *ret_month)
{
	static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

	for (int i = 0; text->end - text->at >= 3 && i < 12; i++) {
		if (strncasecmp(text->at, names + 3 * i, 3) == 0) {
			text->at += 3;
			*ret_month = i + 1;
			return true;
		}
	}
	return false;
}

/* "utc", "gmt", or a letter of the military zones (ACP 121: A to M without J is UTC+1 to +12, N to
   Y is -1 to -12, Z is UTC; J is the observer's own time and says nothing). */
static bool take_zone_letter(struct strait_time_text *text, int *ret_hours)
{
	static const char east[] = "ABCDEFGHIKLM", west[] = "NOPQRSTUVWXY";
	const char *found;
	char letter;

	if (text->end - text->at >= 3 &&
	    (strncasecmp(text->at, "utc", 3) == 0 || strncasecmp(text->at, "gmt", 3) == 0)) {
		text->at += 3;
		*ret_hours = 0;
		return true;
	}
	if (text->at == text->end ||
	    ((letter = *text->at & ~0x20) < 'A' || letter > 'Z' || letter == 'J'))
		return false;
	text->at++;
	if ((found = strchr(east, letter)) != NULL)
		*ret_hours = (int)(found - east) + 1;
	else if ((found = strchr(west, letter)) != NULL)
		*ret_hours = -(int)(found - west) - 1;
	else
		*ret_hours = 0;
	return true;
}

static void skip_blanks(struct strait_time_text *text)
{
	while (strait_time_char(text, " \t"))
		;
}

/* Day, hour, minute, zone, month, year: "271235utc nov98". Years of two digits as strptime(3) has
   them: 69 to 99 are of the last century. */
static bool parse_date_time_group(const char *data, size_t size, int64_t *ret_ms)
{
	struct strait_time_text text = { data, data + size };
	int day, hour, minute, zone, month, year, rest;

	if (!strait_time_digits(&text, 2, &day) || !strait_time_digits(&text, 2, &hour) ||
	    !strait_time_digits(&text, 2, &minute))
		return false;
	skip_blanks(&text);
	if (!take_zone_letter(&text, &zone))
		return false;
	skip_blanks(&text);
	if (!take_month(&text, &month))
		return false;
	skip_blanks(&text);
	if (!strait_time_digits(&text, 2, &year))
		return false;
	if (strait_time_digits(&text, 2, &rest))
		year = year * 100 + rest;
	else
		year += year >= 69 ? 1900 : 2000;
	if (text.at != text.end || !strait_is_date(year, month, day) || hour > 23 || minute > 59)
		return false;
	*ret_ms = strait_day(year, month, day) * STRAIT_DAY_MS + (hour - zone) * HOUR_MS +
		  minute * INT64_C(60000);
	return true;
}

bool sighting_parse_time(const char *text, size_t size, int64_t *ret_ms)
{
	return strait_time_parse(text, size, ret_ms) || parse_date_time_group(text, size, ret_ms) ||
	       parse_unix(text, size, ret_ms);
}

/* ── the other fields ───────────────────────────────────────────────────────────────────────── */

static bool parse_count(struct log_field field, int64_t *ret_value)
{
	struct strait_csv_field csv = as_csv(field);
	int64_t value;

	if (!strait_csv_integer(&csv, &value) || value < 0 || value > SIGHTING_COUNT_MAX)
		return false;
	*ret_value = value;
	return true;
}

/* AIS says "not available" as latitude 91 and longitude 181 (ITU-R M.1371-5, message 1). */
static bool is_unavailable(struct log_field latitude, struct log_field longitude)
{
	struct strait_csv_field lat = as_csv(latitude), lon = as_csv(longitude);
	double value;

	return strait_csv_number(&lat, &value) && value == 91 && strait_csv_number(&lon, &value) &&
	       value == 181;
}

static const char *parse_area(const struct log_field *fields, const char **ret_area)
{
	struct log_field position = fields[SIGHTING_POSITION], lat = fields[SIGHTING_LAT],
			 lon = fields[SIGHTING_LON];
	struct position place;
	const char *why;

	*ret_area = position_area(NULL);
	if (position.size > 0) {
		why = position_parse(position.data, position.size, &place);
	} else {
		if ((lat.size == 0 && lon.size == 0) || is_unavailable(lat, lon))
			return NULL;
		why = position_parse_degrees(lat.data, lat.size, 90, &place.latitude);
		if (!why)
			why = position_parse_degrees(lon.data, lon.size, 180, &place.longitude);
	}
	if (!why)
		*ret_area = position_area(&place);
	return why;
}

/* What became of the boats; withdrawn takes the whole sighting back. */
static bool parse_outcome(struct log_field field, bool *ret_unresolved, bool *ret_withdrawn)
{
	static const char *const resolved[] = { "landed", "rescued", "returned", "lost" };

	*ret_withdrawn = equals(field, "withdrawn");
	*ret_unresolved = field.size == 0 || equals(field, "unresolved");
	if (*ret_withdrawn || *ret_unresolved)
		return true;
	for (size_t i = 0; i < sizeof(resolved) / sizeof(resolved[0]); i++) {
		if (equals(field, resolved[i]))
			return true;
	}
	return false;
}

static const char *parse_times(const struct log_field *fields, struct sighting *sighting)
{
	struct log_field time = fields[SIGHTING_TIME], reported = fields[SIGHTING_REPORTED_AT];

	if (!sighting_parse_time(time.data, time.size, &sighting->time_ms))
		return "the time is neither ISO 8601 nor a date-time group nor Unix seconds";
	sighting->known_at_ms = sighting->time_ms;
	if (reported.size == 0)
		return NULL;
	if (!sighting_parse_time(reported.data, reported.size, &sighting->known_at_ms))
		return "reported_at is neither ISO 8601 nor a date-time group nor Unix seconds";
	if (sighting->known_at_ms < sighting->time_ms)
		return "reported before it was seen";
	return NULL;
}

static const char *parse_counts(const struct log_field *fields, struct sighting *sighting)
{
	struct strait_csv_field boats = as_csv(fields[SIGHTING_BOATS]),
				persons = as_csv(fields[SIGHTING_PERSONS]);
	bool withdrawn;

	sighting->boats = 1; /* what was seen is a boat, whether or not the log counts */
	if (!strait_csv_missing(&boats) && !parse_count(fields[SIGHTING_BOATS], &sighting->boats))
		return "boats is no whole number from 0 to 100,000";
	sighting->persons_known = !strait_csv_missing(&persons);
	if (sighting->persons_known && !parse_count(fields[SIGHTING_PERSONS], &sighting->persons))
		return "persons is no whole number from 0 to 100,000";
	if (!parse_outcome(fields[SIGHTING_OUTCOME], &sighting->unresolved, &withdrawn))
		return "unknown outcome; known are landed, rescued, returned, lost, withdrawn, unresolved";
	if (withdrawn) {
		sighting->boats = sighting->persons = 0;
		sighting->persons_known = true;
	}
	return NULL;
}

/* An identity: the field's text, terminated. */
static void copy_id(struct log_field field, char id[LOG_TEXT_MAX])
{
	memcpy(id, field.data, field.size);
	id[field.size] = '\0';
}

const char *sighting_parse(const struct log_field fields[SIGHTING_FIELDS],
			   struct sighting *ret_sighting)
{
	const char *why;

	if (fields[SIGHTING_ID].size == 0)
		return "no id";
	if (fields[SIGHTING_ID].size >= LOG_TEXT_MAX ||
	    fields[SIGHTING_AMENDS].size >= LOG_TEXT_MAX)
		return "an id is longer than 255 bytes";
	why = parse_times(fields, ret_sighting);
	if (!why)
		why = parse_area(fields, &ret_sighting->area);
	if (!why)
		why = parse_counts(fields, ret_sighting);
	if (why)
		return why;
	copy_id(fields[SIGHTING_ID], ret_sighting->id);
	copy_id(fields[SIGHTING_AMENDS], ret_sighting->amends);
	if (strcmp(ret_sighting->amends, ret_sighting->id) == 0)
		ret_sighting->amends[0] = '\0'; /* a later version of itself */
	return NULL;
}
