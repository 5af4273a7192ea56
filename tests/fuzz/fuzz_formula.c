/* SPDX-License-Identifier: MIT
 *
 * fuzz_formula.c - what an admin or a caller of the bus writes as a formula, a window, the name of
 * a figure that is computed on the spot, or a check. What is accepted keeps to the limits of
 * formula.h, what is refused says why. The first byte chooses the parser's further arguments.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "formula.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static void check_formula(const struct formula *formula)
{
	demand(formula->counts[0] >= 1 && formula->counts[0] <= FORMULA_ITEMS_MAX &&
	       formula->counts[1] <= FORMULA_ITEMS_MAX);
	for (int side = 0; side < 2; side++) {
		for (size_t i = 0; i < formula->counts[side]; i++) {
			const struct formula_item *item = &formula->items[side][i];

			demand(item->metric && *item->metric &&
			       item->label_count <= STRAIT_LABELS_MAX && isfinite(item->argument));
			for (size_t l = 0; l < item->label_count; l++)
				demand(item->labels[l].key && item->labels[l].value);
		}
	}
}

static void check_window(const struct window *window)
{
	demand(window->kind >= WINDOW_LATEST && window->kind <= WINDOW_FIXED);
	if (window->kind == WINDOW_FIXED)
		demand(window->fixed.first <= window->fixed.last);
}

static void check_texts(const char *text, uint8_t choice)
{
	static const char *const every[] = { "day", "week", "month", "quarter", "year", "x" };
	char *copy = strdup(text), *slash;
	struct check_text parts = { .every = every[choice % 6], .tolerance = "0.5 %" };
	struct check_rule rule;
	struct fault fault = { 0 };

	demand(copy);
	slash = strchr(copy, '|');
	if (slash)
		*slash++ = '\0';
	parts.left = copy;
	parts.right = slash ? slash : copy;
	slash = slash ? strchr(slash, '|') : NULL;
	if (slash) {
		*slash++ = '\0';
		parts.explained = slash;
		slash = strchr(slash, '|');
	}
	if (slash) {
		*slash++ = '\0';
		parts.tolerance = slash;
	}
	if (check_parse(&parts, &rule, &fault) == 0) {
		check_formula(&rule.left);
		check_formula(&rule.right);
		demand(rule.note_count <= CHECK_NOTES_MAX && rule.tolerance.amount >= 0);
		check_done(&rule);
	} else {
		demand(*fault.text);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault fault = { 0 };
	struct formula formula;
	struct window window;
	char *text;

	if (size < 1)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	demand(text);
	if (formula_parse(text, &formula, &fault) == 0) {
		check_formula(&formula);
		formula_done(&formula);
	} else {
		demand(fault.kind == FAULT_BAD_ARGUMENT && *fault.text);
	}
	if (window_parse(text, &window, &fault) == 0)
		check_window(&window);
	if (formula_parse_name(text, &formula, &window, &fault) == 0) {
		check_formula(&formula);
		check_window(&window);
		formula_done(&formula);
	}
	check_texts(text, data[0]);
	free(text);
	return 0;
}
