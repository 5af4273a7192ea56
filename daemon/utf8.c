/* SPDX-License-Identifier: MIT
 *
 * utf8.c - checking and repairing UTF-8. Every process. Pure: no allocation, no locale.
 *
 * Invariant: what utf8_repair() wrote is valid, so it may go on the wire and on the bus (libdbus
 * ends the process on malformed text).
 */
#include "utf8.h"

#include <string.h>

/* Of a lead byte: how many bytes follow it, and the bounds of the first of them, which shut out
   overlong forms, surrogates and code points past U+10FFFF. */
static size_t lead(unsigned char byte, unsigned char *ret_low, unsigned char *ret_high)
{
	*ret_low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
	*ret_high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
	if (byte >= 0xc2 && byte <= 0xdf)
		return 1;
	if (byte >= 0xe0 && byte <= 0xef)
		return 2;
	if (byte >= 0xf0 && byte <= 0xf4)
		return 3;
	return 0;
}

size_t utf8_length(const char *text, size_t size, uint32_t *ret_code)
{
	const unsigned char *bytes = (const unsigned char *)text;
	unsigned char low, high;
	uint32_t code;
	size_t following;

	if (size == 0)
		return 0;
	if (bytes[0] < 0x80) {
		if (ret_code)
			*ret_code = bytes[0];
		return 1;
	}
	following = lead(bytes[0], &low, &high);
	if (following == 0 || following >= size || bytes[1] < low || bytes[1] > high)
		return 0;
	code = bytes[0] & (0x3fu >> following);
	for (size_t i = 1; i <= following; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (bytes[i] & 0x3fu);
	}
	if (ret_code)
		*ret_code = code;
	return following + 1;
}

static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x2028 || code == 0x2029;
}

static bool check(const char *text, size_t size, bool printable)
{
	size_t at = 0;

	while (at < size) {
		uint32_t code;
		size_t length = utf8_length(text + at, size - at, &code);

		if (length == 0 || code == 0 || (printable && is_control(code)))
			return false;
		at += length;
	}
	return true;
}

bool utf8_valid(const char *text, size_t size)
{
	return check(text, size, false);
}

bool utf8_printable(const char *text, size_t size)
{
	return check(text, size, true);
}

size_t utf8_repair(char *buffer, size_t buffer_size, const char *text, size_t size)
{
	size_t at = 0, used = 0;

	while (at < size) {
		uint32_t code = 0;
		size_t length = utf8_length(text + at, size - at, &code);
		size_t width = length == 0 || is_control(code) ? 1 : length;

		if (used + width >= buffer_size)
			break;
		if (length == 0)
			buffer[used] = '?';
		else if (is_control(code))
			buffer[used] = ' ';
		else
			memcpy(buffer + used, text + at, length);
		used += width;
		at += length ? length : 1;
	}
	if (buffer_size)
		buffer[used] = '\0';
	return used;
}
