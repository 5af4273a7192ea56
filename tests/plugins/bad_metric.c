/* SPDX-License-Identifier: MIT
 *
 * bad_metric.c - a plugin that declares one metric twice.
 */
#include "strait/plugin.h"

static const struct strait_metric metrics[] = {
	{ .name = "demo",
	  .unit = "things",
	  .title = "Demo",
	  .kind = STRAIT_LEVEL,
	  .granularity = STRAIT_DAY },
	{ .name = "demo",
	  .unit = "things",
	  .title = "Demo",
	  .kind = STRAIT_LEVEL,
	  .granularity = STRAIT_DAY },
	{ .name = NULL },
};

static int document(struct strait_source *source, struct strait_document *input)
{
	(void)source;
	(void)input;
	return 0;
}

STRAIT_PLUGIN(.name = "bad_metric", .version = "1", .summary = "Declares a metric twice",
	      .metrics = metrics, .document = document);
