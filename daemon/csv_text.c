/* SPDX-License-Identifier: MIT
 *
 * csv_text.c - reading one field of include/strait/csv.h as text, number or "no value". Runs in
 * workers; pure. Invariant: a field is read through its quotes (doubled ones count as one) and no
 * byte outside the slice is touched. Must not depend on the locale.
 */
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "strait/csv.h"

#define NUMBER_BYTES_MAX 64u /* longer ones are no numbers that anybody meant */

/* The characters of a field, quotes undone. */
struct text {
	const char *at, *end;
	bool quoted;
};

static struct text text_of(const struct strait_csv_field *field)
{
	return (struct text){ .at = field->data,
			      .end = field->data + field->size,
			      .quoted = field->quoted };
}

/* The next byte, or -1 at the end. */
static int next_byte(struct text *text)
{
	if (text->at == text->end)
		return -1;
	if (text->quoted && *text->at == '"' && text->end - text->at > 1 && text->at[1] == '"')
		text->at++;
	return (unsigned char)*text->at++;
}

/* Length of the blank at the start of this text: 0, 1, or 2 for U+00A0. */
static size_t blank_at(const char *at, const char *end)
{
	if (at == end)
		return 0;
	if (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n')
		return 1;
	return end - at > 1 && at[0] == '\xC2' && at[1] == '\xA0' ? 2 : 0;
}

static struct text trimmed(struct text text)
{
	size_t size;

	while ((size = blank_at(text.at, text.end)) != 0)
		text.at += size;
	while (text.end > text.at) {
		if (blank_at(text.end - 1, text.end) == 1)
			text.end--;
		else if (text.end - text.at > 1 && blank_at(text.end - 2, text.end) == 2)
			text.end -= 2;
		else
			break;
	}
	return text;
}

static bool equals(struct text text, const char *other)
{
	for (;; other++) {
		int byte = next_byte(&text);

		if (byte < 0)
			return *other == '\0';
		if (byte != (unsigned char)*other || *other == '\0')
			return false;
	}
}

/* The next byte with runs of blanks as one and capital letters made small (ASCII); -1 at the end.
 */
static int next_folded(struct text *text)
{
	size_t size = blank_at(text->at, text->end);
	int byte;

	if (size) {
		do
			text->at += size;
		while ((size = blank_at(text->at, text->end)) != 0);
		return ' ';
	}
	byte = next_byte(text);
	return byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte;
}

static bool equals_folded(struct text a, struct text b)
{
	int byte;

	do {
		byte = next_folded(&a);
		if (byte != next_folded(&b))
			return false;
	} while (byte >= 0);
	return true;
}

bool strait_csv_text(const struct strait_csv_field *field, char *buffer, size_t size)
{
	struct text text = text_of(field);
	size_t used = 0;
	int byte;

	if (size == 0)
		return false;
	while ((byte = next_byte(&text)) >= 0 && used + 1 < size)
		buffer[used++] = (char)byte;
	buffer[used] = '\0';
	return byte < 0;
}

bool strait_csv_equals(const struct strait_csv_field *field, const char *text)
{
	return equals(text_of(field), text);
}

/* Digits, either without commas or in groups of three after a first one of one to three. */
static bool whole_digits(const char *at, const char *end, uint64_t *ret_value)
{
	uint64_t value = 0;
	size_t in_group = 0;
	bool grouped = false;

	for (; at < end; at++) {
		if (*at == ',') {
			if (in_group == 0 || in_group > 3 || (grouped && in_group != 3))
				return false;
			grouped = true;
			in_group = 0;
			continue;
		}
		if (*at < '0' || *at > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
			return false;
		in_group++;
	}
	if (in_group == 0 || (grouped && in_group != 3))
		return false;
	*ret_value = value;
	return true;
}

bool strait_csv_integer(const struct strait_csv_field *field, int64_t *ret_value)
{
	struct text text = trimmed(text_of(field));
	bool negative = text.at < text.end && *text.at == '-';
	uint64_t value;

	if (negative || (text.at < text.end && *text.at == '+'))
		text.at++;
	if (!whole_digits(text.at, text.end, &value))
		return false;
	if (value > (uint64_t)INT64_MAX + negative)
		return false;
	*ret_value = negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

/* What of a decimal number stands where. */
struct decimal {
	uint64_t digits; /* the first 19 that are not leading zeros; more of them are far above 2^53
			  */
	int exponent;	 /* of ten, for `digits` */
	bool negative;
};

static const char *read_digits(const char *at, const char *end, bool fraction,
			       struct decimal *decimal)
{
	for (; at < end && *at >= '0' && *at <= '9'; at++) {
		if (decimal->digits < UINT64_C(1000000000000000000)) {
			decimal->digits = decimal->digits * 10 + (uint64_t)(*at - '0');
			decimal->exponent -= fraction;
		} else {
			decimal->exponent += !fraction;
		}
	}
	return at;
}

static bool read_exponent(const char *at, const char *end, int *ret_exponent)
{
	bool negative = at < end && *at == '-';
	int value = 0;

	if (negative || (at < end && *at == '+'))
		at++;
	if (at == end)
		return false;
	for (; at < end; at++) {
		if (*at < '0' || *at > '9' || value > 9999)
			return false;
		value = value * 10 + (*at - '0');
	}
	*ret_exponent = negative ? -value : value;
	return true;
}

static bool read_decimal(const char *at, const char *end, struct decimal *ret_decimal)
{
	struct decimal decimal = { .negative = at < end && *at == '-' };
	const char *start;
	size_t digits;
	int exponent = 0;

	if (decimal.negative || (at < end && *at == '+'))
		at++;
	start = at;
	at = read_digits(at, end, false, &decimal);
	digits = (size_t)(at - start);
	if (at < end && *at == '.') {
		start = ++at;
		at = read_digits(at, end, true, &decimal);
		digits += (size_t)(at - start);
	}
	if (digits == 0)
		return false;
	if (at < end && (*at == 'e' || *at == 'E')) {
		if (!read_exponent(at + 1, end, &exponent))
			return false;
		at = end;
	}
	decimal.exponent += exponent;
	*ret_decimal = decimal;
	return at == end;
}

/* What is too long for the exact way goes to strtod, in the spelling of whatever locale a library
 * may have set. */
static double read_slowly(const char *at, size_t size)
{
	const char *point = localeconv()->decimal_point;
	char copy[NUMBER_BYTES_MAX + 16];
	size_t used = 0;

	for (; size > 0; at++, size--) {
		if (*at != '.') {
			copy[used++] = *at;
			continue;
		}
		for (const char *byte = point;
		     *byte && used < sizeof(copy) - NUMBER_BYTES_MAX + size; byte++)
			copy[used++] = *byte;
	}
	copy[used] = '\0';
	return strtod(copy, NULL);
}

bool strait_csv_number(const struct strait_csv_field *field, double *ret_value)
{
	/* Powers of ten that a double holds exactly: with at most 53 bits of digits, one rounding,
	   so the nearest double (W. D. Clinger, "How to read floating point numbers accurately",
	   PLDI 1990). */
	static const double powers[] = { 1e0,  1e1,  1e2,  1e3,	 1e4,  1e5,  1e6,  1e7,
					 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
					 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
	struct text text = trimmed(text_of(field));
	size_t size = (size_t)(text.end - text.at);
	struct decimal decimal;
	double value;

	if (size > NUMBER_BYTES_MAX || !read_decimal(text.at, text.end, &decimal))
		return false;
	if (decimal.digits <= (UINT64_C(1) << 53) && abs(decimal.exponent) <= 22) {
		value = (double)decimal.digits;
		value = decimal.exponent < 0 ? value / powers[-decimal.exponent]
					     : value * powers[decimal.exponent];
		value = decimal.negative ? -value : value;
	} else {
		value = read_slowly(text.at, size);
	}
	if (!isfinite(value))
		return false;
	*ret_value = value;
	return true;
}

bool strait_csv_missing(const struct strait_csv_field *field)
{
	static const char *const words[] = { "",    "-",   "..", ":",	"[z]",
					     "[x]", "[c]", "NA", "N/A", "n/a" };
	struct text text = trimmed(text_of(field));

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (equals(text, words[i]))
			return true;
	}
	return false;
}

int strait_csv_column(const struct strait_csv_row *header, const char *name)
{
	struct text wanted = trimmed((struct text){ .at = name, .end = name + strlen(name) });

	for (uint32_t i = 0; i < header->count; i++) {
		if (equals_folded(trimmed(text_of(&header->fields[i])), wanted))
			return (int)i;
	}
	return -1;
}
