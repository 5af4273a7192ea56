/* SPDX-License-Identifier: MIT
 *
 * bus_path.c - owns the mapping between names and object path elements. Main only. Invariant:
 * unescape accepts exactly the image of escape, so the mapping is one to one. Must never depend on
 * the locale: the letters are ASCII's.
 */
#include "bus_path.h"

#include <stdint.h>

static const char hex_digits[] = "0123456789abcdef";

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static bool is_plain(char byte, bool first)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (!first && is_digit(byte));
}

/* Lower case only; -1 for anything else, the NUL included. */
static int hex_value(char digit)
{
	if (is_digit(digit))
		return digit - '0';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool bus_path_escape(const char *name, char *buffer, size_t size)
{
	size_t used = 0;

	if (!*name) {
		if (size < 2)
			return false;
		buffer[used++] = '_';
	}
	for (const char *at = name; *at; at++) {
		bool plain = is_plain(*at, at == name);

		if (used + (plain ? 1 : 3) >= size)
			return false;
		if (plain) {
			buffer[used++] = *at;
			continue;
		}
		buffer[used++] = '_';
		buffer[used++] = hex_digits[(uint8_t)*at >> 4];
		buffer[used++] = hex_digits[(uint8_t)*at & 15];
	}
	if (used >= size)
		return false;
	buffer[used] = '\0';
	return true;
}

bool bus_path_unescape(const char *element, char *buffer, size_t size)
{
	size_t used = 0;

	if (!*element || !size)
		return false;
	if (element[0] == '_' && !element[1]) {
		buffer[0] = '\0';
		return true;
	}
	while (*element) {
		char byte = *element;

		if (used + 1 >= size)
			return false;
		if (is_plain(byte, used == 0)) {
			element++;
		} else {
			int high, low;

			if (byte != '_' || (high = hex_value(element[1])) < 0 ||
			    (low = hex_value(element[2])) < 0)
				return false;
			byte = (char)(high << 4 | low);
			if (!byte || is_plain(byte, used == 0))
				return false; /* another way to write an object that has a path */
			element += 3;
		}
		buffer[used++] = byte;
	}
	buffer[used] = '\0';
	return true;
}
