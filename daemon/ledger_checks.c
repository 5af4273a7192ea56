/* SPDX-License-Identifier: MIT
 *
 * ledger_checks.c - checks among the figures: their definition, their value, and what is asked
 * about them. Main process only.
 *
 * Invariant: a check is a figure like any other; only this file knows that it has two formulas.
 * What is asked is compared anew, from the same points as the published figure.
 */
#include "ledger_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_text.h"

struct ledger_check *ledger_check_new(const struct check_text *text, struct fault *fault)
{
	struct ledger_check *check = calloc(1, sizeof(*check));

	if (!check) {
		(void)fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
		return NULL;
	}
	if (check_parse(text, &check->check, fault) < 0) {
		free(check);
		return NULL;
	}
	check->left = strdup(text->left);
	check->right = strdup(text->right);
	if (check->left && check->right)
		return check;
	(void)fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
	return ledger_check_free(check);
}

struct ledger_check *ledger_check_free(struct ledger_check *check)
{
	if (!check)
		return NULL;
	free(check->left);
	free(check->right);
	check_done(&check->check);
	free(check);
	return NULL;
}

size_t ledger_formulas(const struct ledger_figure *figure, const struct formula *ret_formulas[2])
{
	if (!figure->check) {
		ret_formulas[0] = &figure->formula;
		return 1;
	}
	ret_formulas[0] = &figure->check->check.left;
	ret_formulas[1] = &figure->check->check.right;
	return 2;
}

int ledger_figure_value(const struct ledger_figure *figure, const struct figure_reader *reader,
			struct figure_value *ret_value, struct fault *fault)
{
	struct check_result result;

	if (!figure->check)
		return figure_evaluate(&figure->formula, &figure->window, reader, ret_value, fault);
	if (check_evaluate(&figure->check->check, reader, &result, NULL, 0, NULL, fault) < 0)
		return -1;
	*ret_value = check_value(&result);
	return 0;
}

static struct check_summary summary_of(const struct ledger_figure *figure)
{
	return (struct check_summary){
		.name = figure->published.name + sizeof(CHECK_PREFIX) - 1,
		.title = figure->published.title,
		.left = figure->check->left,
		.right = figure->check->right,
		.every = figure->check->check.every,
		.result = { .state = CHECK_MISSING, .status = STRAIT_MISSING },
	};
}

int ledger_checks(struct ledger *ledger, struct check_summary **ret_checks, size_t *ret_count,
		  struct fault *fault)
{
	struct check_summary *checks = calloc(ledger->figure_count + 1, sizeof(*checks));
	size_t count = 0;

	if (!checks)
		return fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
	for (size_t i = 0; i < ledger->figure_count; i++) {
		const struct ledger_figure *figure = ledger->figures[i];
		struct ledger_reader state = { .ledger = ledger };
		struct figure_reader reader = ledger_reader(&state);

		if (!figure->check)
			continue;
		checks[count] = summary_of(figure);
		/* one that cannot be compared stays missing; ledger_check() says why */
		(void)check_evaluate(&figure->check->check, &reader, &checks[count++].result, NULL,
				     0, NULL, NULL);
		ledger_reader_done(&state);
	}
	*ret_checks = checks;
	*ret_count = count;
	return 0;
}

static int no_such_check(const struct ledger *ledger, const char *name, struct fault *fault)
{
	const char **names = calloc(ledger->figure_count + 1, sizeof(*names));
	const char *near = NULL;
	size_t count = 0;

	for (size_t i = 0; names && i < ledger->figure_count; i++)
		if (ledger->figures[i]->check)
			names[count++] =
				ledger->figures[i]->published.name + sizeof(CHECK_PREFIX) - 1;
	if (names)
		near = config_nearest(name, names, count);
	(void)fault_set(fault, FAULT_NO_SUCH_FIGURE,
			"no check '%.160s'%s%s%s; `straitctl checks` shows all", name,
			near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	free(names);
	return -1;
}

static const struct ledger_figure *find_check(const struct ledger *ledger, const char *name)
{
	char full[FIGURE_NAME_MAX];
	bool prefixed = strncmp(name, CHECK_PREFIX, sizeof(CHECK_PREFIX) - 1) == 0;
	const struct ledger_figure *figure = NULL;
	int size = snprintf(full, sizeof(full), "%s%s", prefixed ? "" : CHECK_PREFIX, name);

	if (size > 0 && (size_t)size < sizeof(full))
		figure = ledger_find_figure(ledger, full);
	return figure && figure->check ? figure : NULL;
}

int ledger_check(struct ledger *ledger, const char *name, int64_t as_of_ms, size_t max,
		 struct check_summary *ret_check, struct check_row **ret_rows, size_t *ret_count,
		 struct fault *fault)
{
	const struct ledger_figure *figure = find_check(ledger, name);
	struct ledger_reader state = { .ledger = ledger, .as_of_ms = as_of_ms };
	struct figure_reader reader = ledger_reader(&state);
	struct check_summary summary;
	struct check_row *rows;
	int result;

	if (!figure)
		return no_such_check(ledger, name, fault);
	rows = calloc(max + 1, sizeof(*rows));
	if (!rows)
		return fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
	summary = summary_of(figure);
	result = check_evaluate(&figure->check->check, &reader, &summary.result, rows, max,
				ret_count, fault);
	ledger_reader_done(&state);
	if (result < 0) {
		free(rows);
		return fault_prefix(fault, "check '%s'", summary.name);
	}
	*ret_check = summary;
	*ret_rows = rows;
	return 0;
}
