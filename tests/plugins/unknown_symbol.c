/* SPDX-License-Identifier: MIT
 *
 * unknown_symbol.c - a plugin that calls a host function which does not exist.
 */
#include "strait/plugin.h"

int strait_of_the_future(struct strait_source *source);

static int document(struct strait_source *source, struct strait_document *input)
{
	(void)input;
	return strait_of_the_future(source);
}

STRAIT_PLUGIN(.name = "unknown_symbol", .version = "1", .summary = "Calls what is not there",
	      .document = document);
