/* SPDX-License-Identifier: MIT
 *
 * ledger_declare.c - what sources declare and sections define, and forgetting both. Main process
 * only.
 */
#include "ledger_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

static bool is_declared(const struct declaration *declaration, const char *figure)
{
	for (size_t i = 0; i < declaration->figure_count; i++)
		if (strcmp(declaration->figures[i].name, figure) == 0)
			return true;
	return false;
}

/* Figures that an earlier version of the plugin had. */
static void drop_undeclared(struct ledger *ledger, const char *source,
			    const struct declaration *declaration)
{
	for (size_t i = ledger->figure_count; i > 0; i--) {
		const struct ledger_figure *figure = ledger->figures[i - 1];

		if (figure->from_section || strcmp(figure->published.source, source) != 0 ||
		    is_declared(declaration, figure->published.name))
			continue;
		store_drop_figure(ledger->store, figure->published.name);
		ledger_undefine(ledger, i - 1);
	}
}

static int finish(struct ledger *ledger, const char *source, const char *only,
		  struct ledger_updates *updates, struct commit_report *ret_report,
		  struct fault *fault)
{
	int result;

	ledger_forget_points(ledger, 0);
	ledger_evaluate(ledger, /* effects= */ NULL, only, updates);
	ledger_write(ledger, source, updates);
	result = store_end(ledger->store, fault);
	ledger_settle(ledger, source, updates, result == 0, ret_report);
	return result;
}

int ledger_declare(struct ledger *ledger, const char *source, const struct declaration *declaration,
		   struct commit_report *ret_report, struct fault *fault)
{
	struct ledger_updates updates = { .now_ms = clock_now_ms() };

	if (ledger_adopt(ledger, source, declaration, fault) < 0)
		return -1;
	for (size_t i = 0; i < declaration->figure_count; i++) {
		const struct figure_declaration *figure = &declaration->figures[i];

		if (ledger_define(ledger, source, figure->name, figure->formula, figure->window,
				  figure->unit, figure->title,
				  /* from_section= */ false, fault) < 0) {
			fault->kind = FAULT_CONFIG;
			return -1;
		}
	}
	store_begin(ledger->store);
	store_put_declaration(ledger->store, store_source(ledger->store, source), declaration);
	for (size_t i = 0; i < ledger->metric_count; i++)
		ledger->metrics[i]->id =
			store_metric(ledger->store, ledger->metrics[i]->declared.name);
	drop_undeclared(ledger, source, declaration);
	ledger_restore(ledger);
	return finish(ledger, source, source, &updates, ret_report, fault);
}

static bool is_section(const struct figure_section *sections, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(sections[i].name, name) == 0)
			return true;
	return false;
}

/* Figures of sections belong to the source whose metric comes first in their formula. */
static const char *source_of(const struct ledger *ledger, const char *formula_text)
{
	const char *source = "";
	struct formula formula;

	if (formula_parse(formula_text, &formula, NULL) < 0)
		return source;
	for (size_t i = 0; i < ledger->source_count; i++)
		for (size_t k = 0; k < ledger->sources[i].metric_count; k++)
			if (!*source && strcmp(ledger->sources[i].metrics[k]->declared.name,
					       formula.items[0][0].metric) == 0)
				source = ledger->sources[i].name;
	formula_done(&formula);
	return source;
}

int ledger_set_figures(struct ledger *ledger, const struct figure_section *sections, size_t count,
		       struct commit_report *ret_report, struct fault *fault)
{
	struct ledger_updates updates = { .now_ms = clock_now_ms() };

	for (size_t i = 0; i < count; i++) {
		const struct figure_section *section = &sections[i];

		if (ledger_define(ledger, source_of(ledger, section->formula), section->name,
				  section->formula, section->window, section->unit, section->title,
				  /* from_section= */ true, fault) < 0)
			return -1;
	}
	store_begin(ledger->store);
	for (size_t i = ledger->figure_count; i > 0; i--) {
		const struct ledger_figure *figure = ledger->figures[i - 1];

		if (!figure->from_section || is_section(sections, count, figure->published.name))
			continue;
		store_drop_figure(ledger->store, figure->published.name);
		ledger_undefine(ledger, i - 1);
	}
	ledger_restore(ledger);
	return finish(ledger, "", /* only= */ NULL, &updates, ret_report, fault);
}

static bool is_named(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

int ledger_keep_sources(struct ledger *ledger, const char *const *names, size_t count,
			struct commit_report *ret_report, struct fault *fault)
{
	*ret_report = (struct commit_report){ .sequence = 0 };
	store_begin(ledger->store);
	for (size_t i = ledger->figure_count; i > 0; i--) {
		const struct ledger_figure *figure = ledger->figures[i - 1];

		if (figure->from_section || is_named(names, count, figure->published.source))
			continue;
		store_drop_figure(ledger->store, figure->published.name);
		ledger_undefine(ledger, i - 1);
	}
	return store_end(ledger->store, fault);
}
