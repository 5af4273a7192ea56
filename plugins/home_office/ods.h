/* SPDX-License-Identifier: MIT
 *
 * ods.h - OpenDocument spreadsheets: bytes of a zip file → rows of typed cells. Pure: no host, no
 * files.
 *
 * Format: OASIS OpenDocument 1.3, part 3 (sections 9.1 tables, 19.385 office:value-type), package:
 * part 2.
 *
 * A row is handed over once it is complete; empty rows and the padding that office programs write
 * (number-columns-repeated up to 16,384, number-rows-repeated up to 1,048,576) cost nothing,
 * because repetitions of empty cells are counted and never made. Everything that a hostile file
 * could blow up has a limit:
 */
#pragma once

#include "table.h"

#define ODS_FILE_MAX_BYTES  (16u << 20) /* the zip file */
#define ODS_ENTRY_MAX_BYTES (64u << 20) /* content.xml unpacked, as counted while unpacking */
#define ODS_TAG_MAX_BYTES   (1u << 20)	/* XML between two elements or pieces of text */
#define ODS_DEPTH_MAX	    64u		/* nested elements */
#define ODS_ROWS_MAX	    100000u	/* rows with content, repetitions counted, of all sheets */
#define ODS_ERROR_MAX	    256u

struct ods; /* opaque */

struct ods_handler {
	/* Both return 0 to go on; anything else stops the reading and comes back from ods_read. */
	int (*sheet)(void *context, const char *name);
	int (*row)(void *context,
		   const struct table_row *row); /* sheet is 0; offset, raw are unset */
	void *context;
};

/* Opens the package. data must stay until ods_close. NULL with a sentence in error (ODS_ERROR_MAX
   bytes) if this is no OpenDocument spreadsheet. */
struct ods *ods_open(const void *data, size_t size, char *error);
struct ods *ods_close(struct ods *ods);
/* When the document was last saved: dc:date of meta.xml, UTC ms; a time without zone is UTC. false
 * = it does not say. */
bool ods_saved_ms(struct ods *ods, int64_t *ret_ms);
/* Hands over all sheets. 0, or what a handler returned, or -EBADMSG, -EFBIG or -ENOMEM with a
 * sentence in error. */
int ods_read(struct ods *ods, const struct ods_handler *handler, char *error);
