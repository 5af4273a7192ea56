/* SPDX-License-Identifier: MIT
 *
 * crash_document.c - dies in the middle of every document.
 */
#include <signal.h>

#include "count.h"

static int document(struct strait_source *source, struct strait_document *document)
{
	(void)document;
	(void)count_row(source, 0);
	(void)signal(SIGSEGV, SIG_DFL); /* also under a sanitizer */
	return raise(SIGSEGV);
}

STRAIT_PLUGIN(.name = "crash_document", .version = "1", .summary = "crashes while reading",
	      .metrics = count_metrics, .document = document);
