/* SPDX-License-Identifier: MIT
 *
 * place.c - a locator as text. Main and worker; pure.
 *
 * Invariant: a place reads the same whoever prints it: the worker in the entry that sums up
 * rejects, main beside every reject and input.
 */
#include "place.h"

#include <inttypes.h>
#include <stdio.h>

#include "strait/plugin.h"

void place_text(uint64_t at, const char *sheet, char *buffer, size_t size)
{
	unsigned int column = (unsigned int)(at >> 32) & 0xffff;
	char letters[8] = "", *letter = letters + sizeof(letters) - 1;

	if (!(at & STRAIT_AT_CELL)) {
		(void)snprintf(buffer, size, "byte %" PRIu64, at);
		return;
	}
	for (unsigned int n = column + 1; n > 0 && letter > letters; n = (n - 1) / 26)
		*--letter = (char)('A' + (n - 1) % 26);
	(void)snprintf(buffer, size, "%s%s%s%" PRIu64, sheet, *sheet ? "!" : "", letter,
		       (at & 0xffffffffu) + 1);
}
