/* SPDX-License-Identifier: MIT
 *
 * position.c - text → degrees → area. Worker only; pure, owns nothing. Invariant: a position that
 * comes out lies on the globe and is exact to the digits that were written. Must never guess: what
 * has two meanings is refused. Positions stay in the worker; only the area is handed over.
 */
#include "position.h"

#include <string.h>

#include "strait/csv.h"

#define PARTS_MAX 3u /* degrees, minutes, seconds */

struct text {
	const char *at, *end;
};

/* One number of a coordinate. */
struct part {
	double value;
	size_t whole_digits;
	bool fraction;
};

/* One coordinate taken apart. */
struct coordinate {
	struct part parts[PARTS_MAX];
	size_t count;
	bool is_signed, negative;
	char letter; /* N S E W, or 0 */
};

static char hemisphere(char byte)
{
	switch (byte) {
	case 'N':
	case 'n':
		return 'N';
	case 'S':
	case 's':
		return 'S';
	case 'E':
	case 'e':
		return 'E';
	case 'W':
	case 'w':
		return 'W';
	default:
		return 0;
	}
}

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

/* Passes over the mark, if it is there. */
static bool take(struct text *text, const char *mark)
{
	size_t size = strlen(mark);

	if ((size_t)(text->end - text->at) < size || memcmp(text->at, mark, size) != 0)
		return false;
	text->at += size;
	return true;
}

static void skip_blanks(struct text *text)
{
	while (take(text, " ") || take(text, "\t") || take(text, "\xC2\xA0"))
		;
}

/* The mark of degrees, minutes or seconds, in the spellings that are seen. */
static bool take_mark(struct text *text, size_t part)
{
	static const char *const marks[PARTS_MAX][4] = {
		{ "\xC2\xB0" /* ° */, "\xC2\xBA" /* º */, "\xB0" /* ° in Latin-1 */, NULL },
		{ "\xE2\x80\xB2" /* ′ */, "\xE2\x80\x99" /* ’ */, "'", NULL },
		{ "\xE2\x80\xB3" /* ″ */, "\xE2\x80\x9D" /* ” */, "''", "\"" },
	};

	for (size_t i = 0; i < 4 && marks[part][i]; i++) {
		if (take(text, marks[part][i]))
			return true;
	}
	return false;
}

static bool take_number(struct text *text, struct part *ret_part)
{
	struct strait_csv_field field = { .data = text->at };
	struct part part = { 0 };

	for (; text->at < text->end && is_digit(*text->at); text->at++)
		part.whole_digits++;
	if (part.whole_digits && text->end - text->at > 1 && *text->at == '.' &&
	    is_digit(text->at[1])) {
		part.fraction = true;
		for (text->at++; text->at < text->end && is_digit(*text->at); text->at++)
			;
	}
	field.size = (uint32_t)(text->at - field.data);
	if (!part.whole_digits || !strait_csv_number(&field, &part.value))
		return false;
	*ret_part = part;
	return true;
}

/* Degrees, and minutes and seconds if they follow. A fraction ends it, so that of two numbers each
 * is a coordinate. */
static bool take_parts(struct text *text, struct coordinate *coordinate)
{
	struct part *part;

	do {
		part = &coordinate->parts[coordinate->count];
		if (!take_number(text, part))
			return false;
		(void)take_mark(text, coordinate->count); /* marks may be left out */
		coordinate->count++;
		if (!part->fraction && text->end - text->at > 1 && *text->at == '-' &&
		    is_digit(text->at[1]))
			text->at++;
		else
			skip_blanks(text);
	} while (!part->fraction && coordinate->count < PARTS_MAX && text->at < text->end &&
		 is_digit(*text->at));
	return true;
}

static const char *take_coordinate(struct text *text, struct coordinate *ret_coordinate)
{
	struct coordinate coordinate = { 0 };

	skip_blanks(text);
	if (text->at < text->end && hemisphere(*text->at))
		coordinate.letter = hemisphere(*text->at++);
	skip_blanks(text);
	if (text->at < text->end && (*text->at == '-' || *text->at == '+')) {
		coordinate.is_signed = true;
		coordinate.negative = *text->at++ == '-';
	}
	if (!take_parts(text, &coordinate))
		return "a coordinate is not written in numbers";
	if (text->at < text->end && !coordinate.letter && hemisphere(*text->at))
		coordinate.letter = hemisphere(*text->at++);
	if (coordinate.letter && coordinate.is_signed)
		return "a coordinate has both a sign and a letter";
	*ret_coordinate = coordinate;
	return NULL;
}

/* "5108.5N": degrees and minutes in one number, with as many digits of degrees as the limit has. */
static void split_run_together(struct coordinate *coordinate, double limit)
{
	size_t degree_digits = limit > 90 ? 3 : 2;
	struct part *parts = coordinate->parts;
	double degrees;

	if (coordinate->count != 1 || !coordinate->letter ||
	    parts[0].whole_digits != degree_digits + 2)
		return;
	degrees = (double)(int)(parts[0].value / 100);
	parts[1] = (struct part){ .value = parts[0].value - degrees * 100,
				  .fraction = parts[0].fraction };
	parts[0] = (struct part){ .value = degrees };
	coordinate->count = 2;
}

static const char *degrees_of(struct coordinate *coordinate, double limit, double *ret_degrees)
{
	static const double divisors[PARTS_MAX] = { 1, 60, 3600 };
	bool north_south = coordinate->letter == 'N' || coordinate->letter == 'S';
	double degrees = 0;

	if (coordinate->letter && north_south != (limit <= 90))
		return "N or S is for the latitude, E or W for the longitude";
	split_run_together(coordinate, limit);
	for (size_t i = coordinate->count; i-- > 0;) {
		if (i > 0 && coordinate->parts[i].value >= 60)
			return "minutes and seconds must be below 60";
		degrees += coordinate->parts[i].value / divisors[i];
	}
	if (degrees > limit)
		return "a latitude goes to 90 degrees and a longitude to 180";
	if (coordinate->negative || coordinate->letter == 'S' || coordinate->letter == 'W')
		degrees = -degrees;
	*ret_degrees = degrees;
	return NULL;
}

const char *position_parse(const char *text, size_t size, struct position *ret_position)
{
	struct text left = { .at = text, .end = text + size };
	struct coordinate first, second, swapped;
	struct position position;
	const char *why = take_coordinate(&left, &first);
	bool comma;

	if (why)
		return why;
	skip_blanks(&left);
	comma = take(&left, ",") || take(&left, ";") || take(&left, "/");
	if (left.at == left.end)
		return "there is only one coordinate";
	why = take_coordinate(&left, &second);
	if (why)
		return why;
	skip_blanks(&left);
	if (left.at != left.end)
		return "there is something after the second coordinate";
	if (!first.letter != !second.letter)
		return "one coordinate has a letter and the other has none";
	if (!first.letter && !comma && (first.count > 1 || second.count > 1))
		return "degrees and minutes without letters need a comma between latitude and longitude";
	if (first.letter == 'E' || first.letter == 'W') {
		swapped = first;
		first = second;
		second = swapped;
	}
	why = degrees_of(&first, 90, &position.latitude);
	if (!why)
		why = degrees_of(&second, 180, &position.longitude);
	if (!why)
		*ret_position = position;
	return why;
}

const char *position_parse_degrees(const char *text, size_t size, double limit, double *ret_degrees)
{
	struct text left = { .at = text, .end = text + size };
	struct coordinate coordinate;
	const char *why = take_coordinate(&left, &coordinate);

	if (why)
		return why;
	skip_blanks(&left);
	if (left.at != left.end)
		return "there is something after the coordinate";
	return degrees_of(&coordinate, limit, ret_degrees);
}

const char *position_area(const struct position *position)
{
	/* Approximations, drawn for counting and not for navigation: no border and no
	   search-and-rescue region is meant. The first box that a position lies in counts. */
	static const struct {
		const char *name;
		double south, north, west, east;
	} boxes[] = {
		{ "dover_strait", 50.8, 51.4, 0.9,
		  2.1 }, /* Dungeness to Ramsgate, across to Gravelines */
		{ "southern_north_sea", 51.4, 53.5, 0.5, 4.7 },
		{ "southern_north_sea", 50.9, 51.4, 2.1, 3.8 }, /* off Flanders */
		{ "eastern_channel", 49.3, 50.8, -2.0, 1.8 },	/* Cotentin to Cap Gris-Nez */
		{ "eastern_channel", 50.8, 51.0, -1.6, 0.9 },	/* off Sussex */
	};

	if (!position)
		return "unknown";
	for (size_t i = 0; i < sizeof(boxes) / sizeof(boxes[0]); i++) {
		if (position->latitude >= boxes[i].south && position->latitude < boxes[i].north &&
		    position->longitude >= boxes[i].west && position->longitude < boxes[i].east)
			return boxes[i].name;
	}
	return "elsewhere";
}
