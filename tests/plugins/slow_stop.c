/* SPDX-License-Identifier: MIT
 *
 * slow_stop.c - works, but never comes back from `close`.
 */
#include <unistd.h>

#include "count.h"

static int document(struct strait_source *source, struct strait_document *document)
{
	(void)document;
	return count_row(source, 0);
}

static void close_slowly(struct strait_source *source)
{
	(void)source;
	for (;;)
		(void)pause();
}

STRAIT_PLUGIN(.name = "slow_stop", .version = "1", .summary = "does not stop",
	      .metrics = count_metrics, .document = document, .close = close_slowly);
