/* SPDX-License-Identifier: MIT
 *
 * digits.h - fixed-width decimal fields, the stuff that dates are made of. Private to period.c and
 * time_text.c; pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Text being read: [at, end). */
struct digits_text {
	const char *at, *end;
};

/* Exactly `count` decimal digits; moves past them, or leaves everything as it was. */
static inline bool digits_take(struct digits_text *text, int count, int *ret_value)
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

/* The next character is this one; moves past it. */
static inline bool digits_take_char(struct digits_text *text, char wanted)
{
	if (text->at == text->end || *text->at != wanted)
		return false;
	text->at++;
	return true;
}

/* Writes `count` digits with leading zeros, no NUL; returns the place after them. */
static inline char *digits_put(char *at, int count, int value)
{
	for (int i = count - 1; i >= 0; i--) {
		at[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return at + count;
}

/* "2020-09-02", no NUL */
static inline char *digits_put_date(char *at, int year, int month, int day)
{
	at = digits_put(at, 4, year);
	*at++ = '-';
	at = digits_put(at, 2, month);
	*at++ = '-';
	return digits_put(at, 2, day);
}
