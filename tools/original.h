/* SPDX-License-Identifier: MIT
 *
 * original.h - cells and lines of a kept original, a zstd stream as the daemon hands it out. No
 * bus.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORIGINAL_ERROR_MAX 256u
#define ORIGINAL_TEXT_MAX  400u /* bytes of one line or cell that are shown */
#define ORIGINAL_BYTES_MAX                                                                         \
	(16u << 20) /* of a spreadsheet, which is read at once; lines have no limit */
#define ORIGINAL_SHEET_MAX 128u

/* A place in a document: a byte, or a cell of a sheet. */
struct original_place {
	bool is_cell;
	uint64_t offset;
	char sheet[ORIGINAL_SHEET_MAX]; /* "" = the locator names none */
	uint32_t row, column;		/* from 0 */
};

/* The places of a locator as Explain writes it: none (what events have: the whole release), one, or
   the first and the last of several. */
size_t original_places(const char *locator, struct original_place ret_places[2]);

struct original_want {
	struct original_place place;
	char *text; /* filled in, to be freed: the line from that byte on, or the cell's text; NULL
		       = the document has no such place */
};

/* Fills the wants, which are sorted on the way, from the stream. False with a sentence when it
   cannot be read. */
bool original_read(int fd, struct original_want *wants, size_t count,
		   char error[ORIGINAL_ERROR_MAX]);
/* The cells among the wants, from a whole spreadsheet. original_cell.c */
bool original_cells(const void *data, size_t size, struct original_want *wants, size_t count,
		    char error[ORIGINAL_ERROR_MAX]);
