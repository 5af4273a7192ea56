/* SPDX-License-Identifier: MIT
 *
 * flood.c - emits rows, rejects, log lines and stderr without end.
 */
#include <stdio.h>
#include <syslog.h>

#include "count.h"

static int document(struct strait_source *source, struct strait_document *document)
{
	uint64_t at;

	(void)document;
	for (at = 0; count_row(source, at) == 0; at++) {
		strait_reject(source, at, "row", 3, "flooding");
		if (at % 16 == 0) {
			strait_log(source, LOG_WARNING, "flooding, row %llu",
				   (unsigned long long)at);
			(void)fprintf(stderr, "flooding stderr, row %llu\n",
				      (unsigned long long)at);
		}
	}
	return strait_fail(source, STRAIT_FAULT_TRANSIENT, "the flood was stopped");
}

STRAIT_PLUGIN(.name = "flood", .version = "1", .summary = "never ends", .metrics = count_metrics,
	      .document = document);
