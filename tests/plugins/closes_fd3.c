/* SPDX-License-Identifier: MIT
 *
 * closes_fd3.c - closes the worker's link to the daemon and lives on.
 */
#include <unistd.h>

#include "count.h"

#define LINK_FD 3

static int document(struct strait_source *source, struct strait_document *document)
{
	(void)source, (void)document;
	(void)close(LINK_FD);
	while (pause() < 0)
		continue;
	return 0;
}

STRAIT_PLUGIN(.name = "closes_fd3", .version = "1", .summary = "closes its link",
	      .metrics = count_metrics, .document = document);
