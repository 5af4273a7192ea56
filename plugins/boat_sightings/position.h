/* SPDX-License-Identifier: MIT
 *
 * position.h - reading positions as people write them down at sea, and the area that one lies in;
 * pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct position {
	double latitude, longitude; /* degrees; north and east positive */
};

/*
 * NULL and *ret_position, or why the text is no position. Read are
 *   decimal degrees      "51.026, 2.103"   "51.026N 2.103E"   "-33.9 18.4"
 *   degrees and minutes  "51°08.5N 001°44.5E"   "51° 09.045N 001° 45.568E"   "54-37 N 008-18 E"
 * "N51 08.5 E001 44.5" and seconds          "51°08'30\"N 001°44'30\"E"   "51-08-30N 001-44-30E" run
 * together         "5108.5N 00144.5E" (two, for longitude three, digits of degrees, then minutes;
 * NMEA 0183) Latitude first, unless letters say otherwise. Without letters: two decimal numbers, or
 * a comma (or ; or /) between the two.
 */
const char *position_parse(const char *text, size_t size, struct position *ret_position);
/* One of the two, in any of these ways; limit 90 for a latitude, 180 for a longitude. */
const char *position_parse_degrees(const char *text, size_t size, double limit,
				   double *ret_degrees);

/* Label value of the area that it lies in; NULL for no position gives "unknown". Static text. */
const char *position_area(const struct position *position);
