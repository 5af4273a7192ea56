/* SPDX-License-Identifier: MIT
 *
 * ledger_explain.c - a figure taken apart: formula → items → inputs in the days that its value is
 * about. Main only; reads.
 *
 * Invariant: the days are those of the value that is told with them, so that inputs and value
 * belong together; of a record only the period that won.
 */
#include "ledger_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

static const char *function_word(enum formula_function function)
{
	switch (function) {
	case FORMULA_SUM:
		return "";
	case FORMULA_COUNT:
		return "count";
	case FORMULA_MAX:
		return "max";
	case FORMULA_MEAN:
		return "mean";
	case FORMULA_PERCENTILE:
		return "percentile";
	case FORMULA_BELOW:
		return "below";
	case FORMULA_CHANGE:
		return "change";
	}
	return "";
}

/* The item as a formula writes it, to be freed; NULL when out of memory. */
static char *item_text(const struct formula_item *item, const char *remark)
{
	const char *function = function_word(item->function);
	CLEANUP(free_text) char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	(void)fprintf(out, "%s%s%s", function, *function ? "(" : "", item->metric);
	for (size_t i = 0; i < item->label_count; i++)
		(void)fprintf(out, "%s%s=%s", i ? "," : "{", item->labels[i].key,
			      item->labels[i].value);
	(void)fprintf(out, "%s", item->label_count ? "}" : "");
	if (item->function == FORMULA_PERCENTILE || item->function == FORMULA_BELOW)
		(void)fprintf(out, ", %g", item->argument);
	(void)fprintf(out, "%s%s", *function ? ")" : "", remark);
	return fclose(out) == 0 ? TAKE(text) : NULL; /* fclose fails when out of memory */
}

struct explaining {
	struct ledger *ledger;
	int64_t as_of_ms;
	size_t left; /* rows */
	struct explanation *explanation;
	struct fault *fault;
};

static int add_item(struct explaining *explaining, const struct formula_item *item,
		    const char *side, const struct period *period, const char *remark)
{
	const struct ledger_metric *metric = ledger_find_metric(explaining->ledger, item->metric);
	struct explanation *explanation = explaining->explanation;
	struct explanation_item *added = &explanation->items[explanation->item_count];
	struct store_selection selection;

	if (!metric) /* the evaluation found it */
		return fault_set(explaining->fault, FAULT_BUG, "metric '%s' went", item->metric);
	added->side = side;
	added->text = item_text(item, remark);
	if (!added->text)
		return fault_set(explaining->fault, FAULT_MEMORY, "ledger: out of memory");
	explanation->item_count++;
	if (!period)
		return 0; /* nothing is known of any of its metrics */
	selection = (struct store_selection){ .metric = metric->id,
					      .kind = metric->declared.kind,
					      .labels = item->labels,
					      .label_count = item->label_count };
	if (store_explain(explaining->ledger->store, &selection, metric->declared.granularity,
			  *period, explaining->as_of_ms, explaining->left, &added->inputs,
			  explaining->fault) < 0)
		return -1;
	explaining->left -= added->inputs.row_count;
	return 0;
}

static int add_formula(struct explaining *explaining, const struct formula *formula,
		       const char *const sides[2], const struct period *window)
{
	for (size_t side = 0; side < 2; side++) {
		for (size_t i = 0; i < formula->counts[side]; i++) {
			const struct formula_item *item = &formula->items[side][i];
			struct period before;

			if (add_item(explaining, item, sides[side], window, "") < 0)
				return -1;
			if (item->function != FORMULA_CHANGE)
				continue;
			if (window)
				before = figure_year_before(*window);
			if (add_item(explaining, item, sides[side], window ? &before : NULL,
				     ", a year before") < 0)
				return -1;
		}
	}
	return 0;
}

/* One formula, or both sides of a check. */
static int add_formulas(struct explaining *explaining, const struct formula *const *formulas,
			size_t count)
{
	static const char *const ratio[] = { "above", "below" }, *const sum[] = { "", "" },
				 *const checks[][2] = { { "left", "left" }, { "right", "right" } };
	struct explanation *explanation = explaining->explanation;
	struct period period;
	const struct period *window =
		period_parse(explanation->value.period, &period) ? &period : NULL;
	size_t room = 0;

	for (size_t i = 0; i < count; i++) /* a change looks at two windows */
		room += 2 * (formulas[i]->counts[0] + formulas[i]->counts[1]);
	explanation->items = calloc(room, sizeof(*explanation->items));
	if (!explanation->items)
		return fault_set(explaining->fault, FAULT_MEMORY, "ledger: out of memory");
	for (size_t i = 0; i < count; i++) {
		const char *const *sides = count == 2		    ? checks[i]
					   : formulas[i]->counts[1] ? ratio
								    : sum;

		if (add_formula(explaining, formulas[i], sides, window) < 0)
			return -1;
	}
	return 0;
}

/* "arrivals.people.2020-09-02" → "arrivals.people" and "2020-09-02": neither windows nor periods
 * have dots in them. */
static int split_name(const char *name, struct explanation *explanation, struct fault *fault)
{
	const char *dot = strrchr(name, '.');

	explanation->formula = strndup(name, dot ? (size_t)(dot - name) : strlen(name));
	explanation->window = strdup(dot ? dot + 1 : "");
	if (explanation->formula && explanation->window)
		return 0;
	return fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
}

static int copy_definition(const struct ledger_figure *figure, struct explanation *explanation,
			   struct fault *fault)
{
	explanation->formula = strdup(figure->formula_text);
	explanation->window = strdup(figure->window_text);
	if (explanation->formula && explanation->window)
		return 0;
	return fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
}

static int explain(struct explaining *explaining, const char *name)
{
	const struct ledger_figure *figure = ledger_find_figure(explaining->ledger, name);
	const struct formula *formulas[2];
	struct formula formula;
	struct window window;
	int result;

	if (ledger_value(explaining->ledger, name, explaining->as_of_ms,
			 &explaining->explanation->value, explaining->fault) < 0)
		return -1;
	if (figure)
		return copy_definition(figure, explaining->explanation, explaining->fault) < 0
			       ? -1
			       : add_formulas(explaining, formulas,
					      ledger_formulas(figure, formulas));
	if (split_name(name, explaining->explanation, explaining->fault) < 0 ||
	    formula_parse_name(name, &formula, &window, explaining->fault) < 0)
		return -1;
	formulas[0] = &formula;
	result = add_formulas(explaining, formulas, 1);
	formula_done(&formula);
	return result;
}

int ledger_explain(struct ledger *ledger, const char *name, int64_t as_of_ms,
		   struct explanation *ret_explanation, struct fault *fault)
{
	struct explanation explanation = { 0 };
	struct explaining explaining = { .ledger = ledger,
					 .as_of_ms = as_of_ms,
					 .left = EXPLANATION_ROWS_MAX,
					 .explanation = &explanation,
					 .fault = fault };

	if (explain(&explaining, name) < 0) {
		explanation_done(&explanation);
		return -1;
	}
	*ret_explanation = explanation;
	return 0;
}

int ledger_release(struct ledger *ledger, const uint8_t sha256[SHA256_BYTES],
		   struct explanation_release *ret_release, struct fault *fault)
{
	int result = store_release_by_hash(ledger->store, sha256, ret_release, fault);

	if (result <= 0)
		return result;
	return fault_set(
		fault, FAULT_BAD_ARGUMENT,
		"no release has this hash; Explain gives the hashes of a figure's releases");
}

void ledger_definition(const struct ledger *ledger, const char *name, const char **ret_formula,
		       const char **ret_window)
{
	const struct ledger_figure *figure = ledger_find_figure(ledger, name);

	*ret_formula = figure ? figure->formula_text : "";
	*ret_window = figure ? figure->window_text : "";
}
