/* SPDX-License-Identifier: MIT
 *
 * store_place.c - a locator as text, for rejects and explanations. Main only; pure.
 *
 * Invariant: the text is complete or, where the buffer is short, cut at its end; never empty.
 */
#include "store_internal.h"

#include <stdio.h>
#include <string.h>

#include "place.h"

void store_place(uint64_t at, const char *sheets, char *buffer, size_t size)
{
	unsigned int sheet = at & STRAIT_AT_CELL ? (unsigned int)(at >> 56) & 0x7f : 0;
	char name[PLACE_TEXT_MAX];

	for (unsigned int i = 0; i < sheet && *sheets; i++) {
		sheets += strcspn(sheets, "\n");
		sheets += *sheets == '\n';
	}
	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(sheets, "\n"), sheets);
	place_text(at, name, buffer, size);
}
