/* SPDX-License-Identifier: MIT
 *
 * config_text.c - durations, sizes, booleans, names and "did you mean". Every process; pure.
 *
 * Invariant: a text is accepted whole or not at all, and the result is untouched when it is not.
 * Nothing here depends on the locale, allocates, or logs.
 */
#include "config_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DURATION_MAX_MS (INT64_C(36525) * 24 * 3600 * 1000)

struct unit {
	const char *text;
	int64_t factor;
};

static const struct unit duration_units[] = {
	{ "w", INT64_C(7) * 24 * 3600 * 1000 },
	{ "d", INT64_C(24) * 3600 * 1000 },
	{ "h", INT64_C(3600) * 1000 },
	{ "m", INT64_C(60) * 1000 },
	{ "s", 1000 },
	{ "ms", 1 },
};

static const struct unit size_units[] = {
	{ "", 1 },
	{ "K", INT64_C(1) << 10 },
	{ "M", INT64_C(1) << 20 },
	{ "G", INT64_C(1) << 30 },
};

const char *const config_source_keys[] = { "plugin",	"input",   "log",
					   "url",	"follow",  "refresh",
					   "fetch_max", "cadence", "reject_limit" };
const size_t config_source_key_count = sizeof(config_source_keys) / sizeof(config_source_keys[0]);

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Reads decimal digits without a leading zero; returns what follows them, or NULL. */
static const char *read_number(const char *text, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (!is_digit(*text) || (text[0] == '0' && is_digit(text[1])))
		return NULL;
	for (; is_digit(*text); text++) {
		if (__builtin_mul_overflow(number, 10u, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*text - '0'), &number))
			return NULL;
	}
	*ret_number = number;
	return text;
}

int config_duration(const char *text, int64_t *ret_ms)
{
	uint64_t number;
	const char *rest = read_number(text, &number);

	if (rest && number == 0 && *rest == '\0') {
		*ret_ms = 0;
		return 0;
	}
	for (size_t i = 0; rest && i < sizeof(duration_units) / sizeof(duration_units[0]); i++) {
		const struct unit *unit = &duration_units[i];

		if (strcmp(rest, unit->text) != 0)
			continue;
		if (number > (uint64_t)(DURATION_MAX_MS / unit->factor))
			return -1;
		*ret_ms = (int64_t)number * unit->factor;
		return 0;
	}
	return -1;
}

const char *config_duration_text(char *buffer, size_t size, int64_t ms)
{
	size_t i = 0;

	if (ms == 0) {
		(void)snprintf(buffer, size, "0");
		return buffer;
	}
	while (ms % duration_units[i].factor != 0)
		i++; /* ends: everything is a multiple of a millisecond */
	(void)snprintf(buffer, size, "%" PRId64 "%s", ms / duration_units[i].factor,
		       duration_units[i].text);
	return buffer;
}

int config_integer(const char *text, int64_t *ret_value)
{
	bool negative = text[0] == '-';
	uint64_t number, limit = (uint64_t)INT64_MAX + negative;
	const char *rest = read_number(text + negative, &number);

	if (!rest || *rest != '\0' || number > limit || (negative && number == 0))
		return -1;
	*ret_value = negative ? (int64_t)(0 - number) : (int64_t)number;
	return 0;
}

int config_size(const char *text, uint64_t *ret_bytes)
{
	uint64_t number, bytes;
	const char *rest = read_number(text, &number);

	for (size_t i = 0; rest && i < sizeof(size_units) / sizeof(size_units[0]); i++) {
		if (strcmp(rest, size_units[i].text) != 0)
			continue;
		if (__builtin_mul_overflow(number, (uint64_t)size_units[i].factor, &bytes))
			return -1;
		*ret_bytes = bytes;
		return 0;
	}
	return -1;
}

int config_percent(const char *text, uint16_t *ret_hundredths)
{
	uint64_t whole;
	const char *rest = read_number(text, &whole);
	unsigned int part = 0;

	if (!rest || whole > 100)
		return -1;
	if (*rest == '.') {
		if (!is_digit(rest[1]))
			return -1;
		part = (unsigned int)(rest[1] - '0') * 10;
		rest += 2;
		if (is_digit(*rest))
			part += (unsigned int)(*rest++ - '0');
	}
	if (strcmp(rest, "%") != 0 || whole * 100 + part > 10000)
		return -1;
	*ret_hundredths = (uint16_t)(whole * 100 + part);
	return 0;
}

const char *config_percent_text(char *buffer, size_t size, uint16_t hundredths)
{
	unsigned int whole = hundredths / 100u, part = hundredths % 100u;

	if (part == 0)
		(void)snprintf(buffer, size, "%u%%", whole);
	else if (part % 10 == 0)
		(void)snprintf(buffer, size, "%u.%u%%", whole, part / 10);
	else
		(void)snprintf(buffer, size, "%u.%02u%%", whole, part);
	return buffer;
}

int config_boolean(const char *text, bool *ret_value)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i]) == 0) {
			*ret_value = i % 2 == 1;
			return 0;
		}
	}
	return -1;
}

/* First a letter (or a digit, if digits may begin), then letters, digits and the extra characters.
 */
static bool name_valid(const char *name, bool digit_first, const char *extra, size_t max)
{
	size_t size = strlen(name);

	if (size == 0 || size > max || !(is_lower(name[0]) || (digit_first && is_digit(name[0]))))
		return false;
	for (size_t i = 1; i < size; i++) {
		if (!is_lower(name[i]) && !is_digit(name[i]) && !strchr(extra, name[i]))
			return false;
	}
	return true;
}

bool config_source_name_valid(const char *name)
{
	return name_valid(name, true, "_-", 63);
}

bool config_plugin_name_valid(const char *name)
{
	return name_valid(name, false, "_", 63);
}

bool config_figure_name_valid(const char *name)
{
	return name_valid(name, true, "_-.", 64) && !strstr(name, "..") &&
	       name[strlen(name) - 1] != '.';
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Restricted Damerau-Levenshtein ("optimal string alignment") distance of two words of at most
   CONFIG_WORD_MAX bytes, in three rows of the usual table. */
static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
	size_t rows[3][CONFIG_WORD_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_size; j++)
		above[j] = before[j] = j;
	for (size_t i = 1; i <= a_size; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= b_size; j++) {
			bool same = lower(a[i - 1]) == lower(b[j - 1]);

			row[j] = min_size(above[j - 1] + !same, min_size(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				row[j] = min_size(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[b_size];
}

const char *config_nearest(const char *word, const char *const *known, size_t known_count)
{
	size_t size = strlen(word), best = SIZE_MAX;
	const char *nearest = NULL;

	for (size_t i = 0; i < known_count && size <= CONFIG_WORD_MAX; i++) {
		size_t known_size = known[i] ? strlen(known[i]) : 0;
		size_t longer = known_size > size ? known_size : size;
		size_t limit = min_size(longer / 3, 3), found;

		if (known_size == 0 || known_size > CONFIG_WORD_MAX)
			continue;
		found = distance(word, size, known[i], known_size);
		if (found <= limit && found < best) {
			best = found;
			nearest = known[i];
		}
	}
	return nearest;
}
