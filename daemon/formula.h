/* SPDX-License-Identifier: MIT
 *
 * formula.h - the text of a figure, parsed: what is computed and over which window. Main only;
 * pure.
 *
 *   formula  := side [ "/" side ]
 *   side     := item { "+" item }
 *   item     := series | function "(" series [ "," number ] ")"
 *   function := sum | count | max | mean | percentile | below | change
 *   series   := metric [ "{" key "=" value { "," key "=" value } "}" ]
 *   window   := latest | previous | last_7_days | last_28_days | month_to_date | year_to_date |
 * total | record | period
 */
#pragma once

#include "fault.h"
#include "model.h"

#define FORMULA_ITEMS_MAX 8u /* of one side */

enum formula_function {
	FORMULA_SUM = 1,
	FORMULA_COUNT,	    /* observations; of a level: periods that have a value */
	FORMULA_MAX,	    /* greatest period */
	FORMULA_MEAN,	    /* of a distribution: of its observations; else of the periods */
	FORMULA_PERCENTILE, /* argument 0…100 */
	FORMULA_BELOW,	    /* observations of a distribution that are at most the argument */
	FORMULA_CHANGE,	    /* relative to the same window a year before: (now - then) / then */
};

struct formula_item {
	enum formula_function function;
	double argument;
	char *metric;
	struct label labels[STRAIT_LABELS_MAX]; /* own strings */
	size_t label_count;
};

struct formula {
	struct formula_item items[2][FORMULA_ITEMS_MAX]; /* [0] above, [1] below the stroke */
	size_t counts[2];				 /* [1] = 0: no ratio */
};

enum window_kind {
	WINDOW_LATEST = 1,
	WINDOW_PREVIOUS,
	WINDOW_LAST_7_DAYS,
	WINDOW_LAST_28_DAYS,
	WINDOW_MONTH_TO_DATE,
	WINDOW_YEAR_TO_DATE,
	WINDOW_TOTAL,
	WINDOW_RECORD,
	WINDOW_FIXED,
};

struct window {
	enum window_kind kind;
	struct period fixed;
};

/* FAULT_BAD_ARGUMENT with the place and what was expected. formula_done() what was given. */
int formula_parse(const char *text, struct formula *ret_formula, struct fault *fault);
void formula_done(struct formula *formula);
/* FAULT_BAD_PERIOD when it is neither a window's name nor a period. */
int window_parse(const char *text, struct window *ret_window, struct fault *fault);
/* "arrivals.people{k=v}.2020-09-02" → formula and window. FAULT_NO_SUCH_FIGURE when it has not that
   form, FAULT_BAD_PERIOD when only what follows the series is wrong. */
int formula_parse_name(const char *name, struct formula *ret_formula, struct window *ret_window,
		       struct fault *fault);
