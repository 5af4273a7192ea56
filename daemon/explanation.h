/* SPDX-License-Identifier: MIT
 *
 * explanation.h - where a figure comes from: its formula, the inputs of each item, and the releases
 * that said them. Plain data, made by the ledger, shown by the bus. Main only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"

#define EXPLANATION_ROWS_MAX	100000u /* inputs of one figure; more is FAULT_TOO_LARGE */
#define EXPLANATION_LOCATOR_MAX 208	/* bytes with the NUL */

/* A release as it was taken in. Owns its strings. Under the inputs of events and records the
   commits of one log are one: hash, times and version are the newest's, offset and size span all of
   them. */
struct explanation_release {
	char *source, *plugin, *plugin_version;
	char *name, *dataset, *url; /* dataset and url may be "" */
	char *sheets;		    /* names of its sheets, each on a line */
	uint8_t sha256[SHA256_BYTES];
	uint64_t size, offset; /* offset: of a log stretch in all its files; 0 for documents */
	int64_t published_at_ms, imported_at_ms;
};
void explanation_release_done(struct explanation_release *release);

/* One input. Of a level: one period of one series, and the cell or byte it stands at. Of events and
   records: what one release or log gave, with the days that it is about. */
struct explanation_row {
	char period[PERIOD_TEXT_MAX];
	/* "SB_01!B978"; "byte 123"; "byte 123, 1 record"; "bytes 123-4567, 12 records", where the
	   first and the last of them begin; "bytes 0-4567, 80 events", the release's own bytes; of
	   a log with several commits "bytes 123-4567, 12 records in 3 commits" */
	char locator[EXPLANATION_LOCATOR_MAX];
	size_t release; /* index */
};

struct explanation_inputs {
	struct explanation_release *releases;
	size_t release_count;
	struct explanation_row *rows; /* by period, then publication */
	size_t row_count;
};
void explanation_inputs_done(struct explanation_inputs *inputs);

/* One item of the formula over the figure's window. */
struct explanation_item {
	char *text; /* "referrals.accounts{outcome=blocked}" */
	/* "above" or "below" the stroke of a ratio; "left" or "right" of a check; else "". Not
	 * owned. */
	const char *side;
	struct explanation_inputs inputs;
};

struct explanation {
	char *formula, *window;
	struct figure_value value; /* its period is the one that the items are about */
	struct explanation_item *items;
	size_t item_count;
};
void explanation_done(struct explanation *explanation);
