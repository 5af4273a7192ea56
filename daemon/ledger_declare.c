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

/* Whether that is the figure of that check. */
static bool is_check(const char *figure, const char *check)
{
	return strncmp(figure, CHECK_PREFIX, sizeof(CHECK_PREFIX) - 1) == 0 &&
	       strcmp(figure + sizeof(CHECK_PREFIX) - 1, check) == 0;
}

static bool is_declared(const struct declaration *declaration, const char *figure)
{
	for (size_t i = 0; i < declaration->check_count; i++)
		if (is_check(figure, declaration->checks[i].name))
			return true;
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

/* A section is read before the source of its metric has declared anything. */
static int claim_sections(struct ledger *ledger, struct fault *fault)
{
	for (size_t i = 0; i < ledger->figure_count; i++) {
		struct ledger_figure *figure = ledger->figures[i];
		char *source;

		if (!figure->from_section || *figure->published.source)
			continue;
		source = strdup(source_of(ledger, figure->check ? figure->check->left
								: figure->formula_text));
		if (!source)
			return fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
		free(figure->published.source);
		figure->published.source = source;
	}
	return 0;
}

int ledger_declare(struct ledger *ledger, const char *source, const struct declaration *declaration,
		   struct commit_report *ret_report, struct fault *fault)
{
	struct ledger_updates updates = { .now_ms = clock_now_ms() };
	int result;

	if (ledger_adopt(ledger, source, declaration, fault) < 0)
		return -1;
	if (ledger_define_declared(ledger, source, declaration, fault) < 0) {
		if (fault->kind != FAULT_MEMORY) /* which passes; a formula does not mend itself */
			fault->kind = FAULT_CONFIG;
		return -1;
	}
	if (claim_sections(ledger, fault) < 0)
		return -1;
	store_begin(ledger->store);
	store_put_declaration(ledger->store, store_source(ledger->store, source), declaration);
	ledger_number_metrics(ledger);
	drop_undeclared(ledger, source, declaration);
	ledger_restore(ledger);
	result = finish(ledger, source, source, &updates, ret_report, fault);
	ledger_settle_metrics(ledger, result == 0);
	return result;
}

static bool is_section(const struct figure_section *sections, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (sections[i].check ? is_check(name, sections[i].name)
				      : strcmp(sections[i].name, name) == 0)
			return true;
	return false;
}

static bool has_figures(const struct ledger *ledger, const char *source)
{
	for (size_t i = 0; i < ledger->figure_count; i++)
		if (strcmp(ledger->figures[i]->published.source, source) == 0)
			return true;
	return false;
}

/* What a section stood in for comes back with it gone; of sources that have not been forgotten. */
static void declare_again(void *context, const char *source, struct declaration *declaration)
{
	struct ledger *ledger = context;
	struct fault fault; /* it was good when it was declared */

	if (has_figures(ledger, source))
		(void)ledger_define_declared(ledger, source, declaration, &fault);
}

int ledger_set_figures(struct ledger *ledger, const struct figure_section *sections, size_t count,
		       struct commit_report *ret_report, struct fault *fault)
{
	struct ledger_updates updates = { .now_ms = clock_now_ms() };
	bool dropped = false;

	for (size_t i = 0; i < count; i++) {
		const struct figure_section *section = &sections[i];
		const char *formula = section->check ? section->check->left : section->formula;

		if (ledger_define(ledger, source_of(ledger, formula), section,
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
		dropped = true;
	}
	if (dropped)
		store_each_declaration(ledger->store, declare_again, ledger);
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

struct kept_sources {
	struct ledger *ledger;
	const char *const *names;
	size_t count;
};

/* What several sources declare goes on under one that stays. */
static void take_over(void *context, const char *source, struct declaration *declaration)
{
	const struct kept_sources *kept = context;
	struct fault fault; /* it was good when it was declared */

	if (is_named(kept->names, kept->count, source))
		(void)ledger_define_declared(kept->ledger, source, declaration, &fault);
}

/* Figures of sources that are no longer there are nobody's; false: there are none. */
static bool disown(const struct kept_sources *kept)
{
	bool any = false;

	for (size_t i = 0; i < kept->ledger->figure_count; i++) {
		const struct ledger_figure *figure = kept->ledger->figures[i];

		if (figure->from_section ||
		    is_named(kept->names, kept->count, figure->published.source))
			continue;
		figure->published.source[0] = '\0';
		any = true;
	}
	return any;
}

static void drop_disowned(struct ledger *ledger)
{
	for (size_t i = ledger->figure_count; i > 0; i--) {
		const struct ledger_figure *figure = ledger->figures[i - 1];

		if (figure->from_section || *figure->published.source)
			continue;
		store_drop_figure(ledger->store, figure->published.name);
		ledger_undefine(ledger, i - 1);
	}
}

/* A figure is as fresh as the source that it now belongs to. */
static void mark_kept(const struct kept_sources *kept, struct ledger_updates *updates)
{
	for (size_t i = 0; i < kept->ledger->source_count; i++) {
		const struct ledger_source *source = &kept->ledger->sources[i];

		if (is_named(kept->names, kept->count, source->name))
			ledger_mark_stale(kept->ledger, source->name, source->stale, updates);
	}
}

int ledger_keep_sources(struct ledger *ledger, const char *const *names, size_t count,
			struct commit_report *ret_report, struct fault *fault)
{
	struct kept_sources kept = { .ledger = ledger, .names = names, .count = count };
	struct ledger_updates updates = { .now_ms = clock_now_ms() };
	int result;

	store_begin(ledger->store);
	if (disown(&kept)) {
		store_each_declaration(ledger->store, take_over, &kept);
		if (!store_failed(ledger->store)) /* else they wait for the next time */
			drop_disowned(ledger);
		mark_kept(&kept, &updates);
	}
	ledger_write(ledger, /* source= */ "", &updates);
	result = store_end(ledger->store, fault);
	ledger_settle(ledger, /* source= */ "", &updates, result == 0, ret_report);
	return result;
}
