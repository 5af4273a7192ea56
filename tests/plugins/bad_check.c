/* SPDX-License-Identifier: MIT
 *
 * bad_check.c - a plugin whose check compares weeks by month.
 */
#include "strait/plugin.h"

static const struct strait_metric metrics[] = {
	{ .name = "demo.weekly",
	  .unit = "things",
	  .title = "Demo",
	  .kind = STRAIT_LEVEL,
	  .granularity = STRAIT_WEEK },
	{ .name = NULL },
};

static const struct strait_check checks[] = {
	{ .name = "months",
	  .left = "elsewhere",
	  .right = "demo.weekly",
	  .every = "month",
	  .tolerance = "0",
	  .title = "Weeks do not add up to months" },
	{ .name = NULL },
};

static int document(struct strait_source *source, struct strait_document *input)
{
	(void)source;
	(void)input;
	return 0;
}

STRAIT_PLUGIN(.name = "bad_check", .version = "1", .summary = "Declares an impossible check",
	      .metrics = metrics, .checks = checks, .document = document);
