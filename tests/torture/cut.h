/* SPDX-License-Identifier: MIT
 *
 * cut.h - a power cut: turns the files that a killed daemon left into what a disk may hold after
 * the power failed at that moment. The model stands in cut.c.
 */
#pragma once

#include <stddef.h>

#include "chance.h"

struct cut {
	const char *how;	/* which of the possible disks it became */
	size_t pending, undone; /* changes that were not synced, and those of them that are lost */
};

/* root and journal: what the daemon ran with (tests/hooks/disk.c). No process may use the files.
   The journal is empty afterwards. Fails the running test when the journal cannot be read. */
void cut_power(const char *root, const char *journal, struct chance *chance, struct cut *ret_cut);
/* How many changes the journal tells of; it is shortened to those that are not synced. */
size_t cut_shorten(const char *journal);
