/* SPDX-License-Identifier: MIT
 *
 * no_callback.c - a plugin that can do nothing.
 */
#include "strait/plugin.h"

static const struct strait_metric metrics[] = {
	{ .name = "demo",
	  .unit = "things",
	  .title = "Demo",
	  .kind = STRAIT_LEVEL,
	  .granularity = STRAIT_DAY },
	{ .name = NULL },
};

STRAIT_PLUGIN(.name = "no_callback", .version = "1", .summary = "Can do nothing",
	      .metrics = metrics);
