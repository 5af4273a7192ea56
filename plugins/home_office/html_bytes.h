/* SPDX-License-Identifier: MIT
 *
 * html_bytes.h - private to html*.c: checks of a page's bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Bytes that are not UTF-8, NUL, and a byte order mark become blanks. */
void html_blank_what_is_no_text(unsigned char *text, size_t size);
/* No tag has more than HTML_TAG_PARTS_MAX names and values: libxml2 2.9 compares each attribute of
   a tag with all before it. */
bool html_tags_are_bounded(const char *text, const char *end);
