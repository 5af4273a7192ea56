/* SPDX-License-Identifier: MIT
 *
 * hang.c - never comes back from a document, and does not listen to SIGTERM.
 */
#include <signal.h>
#include <unistd.h>

#include "count.h"

static int document(struct strait_source *source, struct strait_document *document)
{
	(void)source, (void)document;
	(void)signal(SIGTERM, SIG_IGN);
	while (pause() < 0)
		continue;
	return 0;
}

STRAIT_PLUGIN(.name = "hang", .version = "1", .summary = "blocks its loop",
	      .metrics = count_metrics, .document = document);
