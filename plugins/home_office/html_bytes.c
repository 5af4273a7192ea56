/* SPDX-License-Identifier: MIT
 *
 * html_bytes.c - what is made sure of in a page's bytes before libxml2 gets them. Worker process
 * only; pure.
 *
 * Owns nothing. Invariant: no byte moves, so that places found later are places in the file. Must
 * never take longer than in proportion to the size of the page, whatever is in it.
 */
#include <string.h>
#include <strings.h>

#include "html.h"
#include "html_bytes.h"

/* Length of the UTF-8 sequence at text; 0 = there is none. */
static size_t sequence_size(const unsigned char *text, size_t size)
{
	size_t length = *text < 0x80   ? 1
			: *text < 0xc2 ? 0
			: *text < 0xe0 ? 2
			: *text < 0xf0 ? 3
				       : 4;

	if (*text > 0xf4 || length > size)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	if ((*text == 0xe0 && text[1] < 0xa0) || (*text == 0xed && text[1] > 0x9f) ||
	    (*text == 0xf0 && text[1] < 0x90) || (*text == 0xf4 && text[1] > 0x8f))
		return 0;
	return length;
}

void html_blank_what_is_no_text(unsigned char *text, size_t size)
{
	for (size_t i = 0; i < size;) {
		size_t length = text[i] ? sequence_size(text + i, size - i) : 0;

		if (!length)
			text[i] = ' ';
		i += length ? length : 1;
	}
	if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		memset(text, ' ', 3);
}

/* Past the tag at text ("<" and a letter), where libxml2 sees its end; NULL: it has too many parts.
 */
static const char *skip_tag(const char *text, const char *end)
{
	unsigned int parts = 0;

	for (text++; text < end && *text != '>' && parts <= HTML_TAG_PARTS_MAX; text++) {
		if (*text == '=') { /* a value; only here do quotes hide a ">" */
			while (text + 1 < end && (unsigned char)text[1] <= ' ')
				text++;
			if (text + 1 < end && (text[1] == '"' || text[1] == '\'')) {
				const char *quote =
					memchr(text + 2, text[1], (size_t)(end - text) - 2);

				text = quote ? quote : end - 1;
			}
			parts++;
		} else if ((unsigned char)*text <= ' ' || *text == '/') {
			parts += (unsigned char)text[-1] > ' ';
		}
	}
	return parts > HTML_TAG_PARTS_MAX ? NULL : text;
}

static bool begins(const char *text, const char *end, const char *with)
{
	size_t size = strlen(with);

	return (size_t)(end - text) >= size && strncasecmp(text, with, size) == 0;
}

/* Past the next place that reads so; end if there is none. */
static const char *skip_past(const char *text, const char *end, const char *what)
{
	for (; text < end; text++) {
		text = memchr(text, *what, (size_t)(end - text));
		if (!text)
			return end;
		if (begins(text, end, what))
			return text + strlen(what);
	}
	return end;
}

bool html_tags_are_bounded(const char *text, const char *end)
{
	while ((text = memchr(text, '<', (size_t)(end - text))) != NULL) {
		bool script = begins(text, end, "<script"), style = begins(text, end, "<style");
		char letter = text + 1 < end ? (char)(text[1] | 0x20) : ' ';

		if (begins(text, end, "<!--")) {
			text = skip_past(text, end, "-->");
		} else if (letter >= 'a' && letter <= 'z') {
			text = skip_tag(text, end);
			if (!text)
				return false;
			if (script || style)
				text = skip_past(text, end, script ? "</script" : "</style");
		} else {
			text++;
		}
	}
	return true;
}

bool html_likely(const char *data, size_t size)
{
	size_t at = size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	while (at < size &&
	       (data[at] == ' ' || data[at] == '\t' || data[at] == '\r' || data[at] == '\n'))
		at++;
	return at < size && data[at] == '<';
}

bool html_is_whole(const char *data, size_t size)
{
	const char *end = data + size;
	const char *start = skip_past(data, end, "<html");

	return start == end || skip_past(start, end, "</html") != end;
}
