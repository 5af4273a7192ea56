/* SPDX-License-Identifier: MIT
 *
 * crash_constructor.c - dies in a constructor: while it is loaded, before anything can be asked.
 */
#include <signal.h>

#include "count.h"

static void __attribute__((constructor)) die(void)
{
	(void)signal(SIGSEGV, SIG_DFL); /* also under a sanitizer */
	(void)raise(SIGSEGV);
}

static int document(struct strait_source *source, struct strait_document *document)
{
	(void)document;
	return count_row(source, 0);
}

STRAIT_PLUGIN(.name = "crash_constructor", .version = "1", .summary = "dies in a constructor",
	      .metrics = count_metrics, .document = document);
