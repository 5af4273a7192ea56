/* SPDX-License-Identifier: MIT
 *
 * garbage.c - writes nonsense into the worker's link to the daemon.
 */
#include <unistd.h>

#include "count.h"

#define LINK_FD 3

static int document(struct strait_source *source, struct strait_document *document)
{
	static const char nonsense[] = "\xff\xff\xff\xff all work and no play \x00\x01\x02";

	(void)source, (void)document;
	if (write(LINK_FD, nonsense, sizeof(nonsense)) < 0)
		return strait_fail(source, STRAIT_FAULT_BUG, "cannot write to the link");
	for (;;)
		(void)pause();
}

STRAIT_PLUGIN(.name = "garbage", .version = "1", .summary = "writes nonsense to its link",
	      .metrics = count_metrics, .document = document);
