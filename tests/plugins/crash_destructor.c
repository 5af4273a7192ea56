/* SPDX-License-Identifier: MIT
 *
 * crash_destructor.c - dies in a destructor: when its worker has said that it stopped.
 */
#include <signal.h>

#include "count.h"

static void __attribute__((destructor)) die(void)
{
	(void)signal(SIGSEGV, SIG_DFL); /* also under a sanitizer */
	(void)raise(SIGSEGV);
}

static int document(struct strait_source *source, struct strait_document *document)
{
	(void)document;
	return count_row(source, 0);
}

STRAIT_PLUGIN(.name = "crash_destructor", .version = "1", .summary = "dies in a destructor",
	      .metrics = count_metrics, .document = document);
