/* SPDX-License-Identifier: MIT
 *
 * counts.c - the well-behaved plugin of this folder: every byte of a document is a row.
 */
#include "count.h"

static int document(struct strait_source *source, struct strait_document *document)
{
	uint64_t at;

	for (at = 0; at < strait_document_size(document); at++)
		if (count_row(source, at) < 0)
			return strait_fail(source, STRAIT_FAULT_BUG, "a row was refused");
	return 0;
}

STRAIT_PLUGIN(.name = "counts", .version = "1", .summary = "counts bytes", .metrics = count_metrics,
	      .figures = count_figures, .document = document);
