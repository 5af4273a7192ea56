/* SPDX-License-Identifier: MIT
 *
 * crash_open.c - dies before it is ready, with last words.
 */
#include <signal.h>
#include <stdio.h>

#include "count.h"

static int crash(struct strait_source *source)
{
	(void)source;
	(void)fputs("crash_open: about to die\n", stderr);
	(void)signal(SIGSEGV, SIG_DFL); /* also under a sanitizer */
	return raise(SIGSEGV);
}

static int document(struct strait_source *source, struct strait_document *document)
{
	(void)document;
	return count_row(source, 0);
}

STRAIT_PLUGIN(.name = "crash_open", .version = "1", .summary = "crashes in open",
	      .metrics = count_metrics, .open = crash, .document = document);
