/* SPDX-License-Identifier: MIT
 *
 * explain.h - an explanation as straitctl holds it: items, their releases, the inputs of each.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"

/* Strings stay in the messages. */
struct explain_input {
	const char *period, *locator;
	char *first, *last; /* texts of the original; NULL = not asked for, or not there */
};

struct explain_release {
	const char *name, *url, *sha256;
	int64_t published_at_ms;
	struct explain_input *inputs;
	size_t count;

	/* from GetRelease */
	const char *source, *dataset, *plugin;
	uint64_t size, offset;
	int64_t imported_at_ms;
	bool kept;
	char *trouble; /* why texts are missing, or NULL */
	DBusMessage *reply;
};

struct explain_item {
	const char *text, *side;
	struct explain_release *releases; /* in order of their first input */
	size_t count;
};

struct explain {
	const char *name, *formula, *window;
	double value;
	const char *unit, *status, *period;
	struct explain_item *items;
	size_t count;
	DBusMessage *figure, *reply;
};

/* Asks for everything; explain_done() what was given. */
enum exit_code explain_read(struct client *client, const char *name, int64_t as_of_ms,
			    struct explain *ret_explain);
void explain_done(struct explain *explain);
/* Reads the texts from the originals that are kept; what cannot be read is told in `trouble`. Of a
   release with more than `all` inputs only the first and the last; 0 = of every input. */
void explain_show(struct client *client, struct explain *explain, size_t all);
