/* SPDX-License-Identifier: MIT
 *
 * parse.h - one row of a sighting log as a sighting; pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log_rows.h"

/* The first ones in the order of a log without header; `observer` and `note` stand there but are
 * not read. */
enum sighting_field {
	SIGHTING_ID,
	SIGHTING_TIME,
	SIGHTING_POSITION,
	SIGHTING_BOATS,
	SIGHTING_PERSONS,
	SIGHTING_OBSERVER,
	SIGHTING_AMENDS,
	SIGHTING_NOTE,
	SIGHTING_PLAIN_FIELDS,
	SIGHTING_LAT = SIGHTING_PLAIN_FIELDS,
	SIGHTING_LON,
	SIGHTING_OUTCOME,
	SIGHTING_REPORTED_AT,
	SIGHTING_FIELDS,
};

#define SIGHTING_COUNT_MAX 100000 /* boats or persons of one row; more is a mistake */

struct sighting {
	char id[LOG_TEXT_MAX];
	char amends[LOG_TEXT_MAX]; /* "" = nothing else */
	int64_t time_ms;
	int64_t known_at_ms;
	const char *area; /* label value; static */
	int64_t boats;
	int64_t persons; /* when persons_known */
	bool persons_known;
	bool unresolved; /* neither landed nor rescued nor gone back, nor lost */
};

/* NULL and *ret_sighting, or why these fields are no sighting; the reason quotes none of them. */
const char *sighting_parse(const struct log_field fields[SIGHTING_FIELDS],
			   struct sighting *ret_sighting);

/* ISO 8601, a date-time group ("271235utc nov98", "271235Z NOV 98") or Unix time in seconds or
 * milliseconds. */
bool sighting_parse_time(const char *text, size_t size, int64_t *ret_ms);
