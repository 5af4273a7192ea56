/* SPDX-License-Identifier: MIT
 *
 * ledger_figures.c - which figures a commit changes and why; writing them; the report. Main process
 * only.
 *
 * Invariant: between ledger_evaluate and ledger_settle the published figures are the old ones;
 * ledger_settle makes them the new ones only when the transaction was committed.
 */
#include "ledger_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_effects(const struct ledger *ledger, const struct formula *formula,
			const struct store_effects *effects, struct store_effect *sum)
{
	for (size_t side = 0; side < 2; side++) {
		for (size_t i = 0; i < formula->counts[side]; i++) {
			const struct ledger_metric *metric =
				ledger_find_metric(ledger, formula->items[side][i].metric);

			for (size_t k = 0; metric && k < effects->count; k++) {
				if (effects->items[k].metric != metric->id)
					continue;
				sum->touched |= effects->items[k].effect.touched;
				sum->revised |= effects->items[k].effect.revised;
				sum->withdrawn |= effects->items[k].effect.withdrawn;
			}
		}
	}
}

/* What a commit did to the metrics of a figure, taken together. */
static struct store_effect effect_on(const struct ledger *ledger,
				     const struct ledger_figure *figure,
				     const struct store_effects *effects)
{
	const struct formula *formulas[2];
	size_t count = ledger_formulas(figure, formulas);
	struct store_effect sum = { 0 };

	for (size_t i = 0; i < count; i++)
		add_effects(ledger, formulas[i], effects, &sum);
	return sum;
}

static enum cause cause_of(const struct figure *old, const struct figure_value *now,
			   const struct store_effect *effect)
{
	if (value_same(old->value, now->value) && strcmp(old->period, now->period) == 0)
		return CAUSE_STATUS;
	if (isnan(old->value))
		return CAUSE_NEW;
	if (isnan(now->value))
		return effect->withdrawn ? CAUSE_WITHDRAWN : CAUSE_STATUS;
	/* A figure that moved on to a later period has news, whatever was revised behind it. */
	if (strcmp(old->period, now->period) != 0 && !effect->revised)
		return effect->withdrawn ? CAUSE_WITHDRAWN : CAUSE_NEW;
	if (effect->withdrawn && !effect->revised)
		return CAUSE_WITHDRAWN;
	return effect->revised ? CAUSE_REVISED : CAUSE_NEW;
}

static struct ledger_update *add_update(struct ledger *ledger, struct ledger_updates *updates)
{
	if (updates->count == updates->capacity) {
		size_t capacity = updates->capacity ? updates->capacity * 2 : 32;
		struct ledger_update *grown = realloc(updates->items, capacity * sizeof(*grown));

		if (!grown) {
			(void)store_fail(ledger->store, FAULT_MEMORY, "ledger: out of memory");
			return NULL;
		}
		updates->items = grown;
		updates->capacity = capacity;
	}
	return &updates->items[updates->count++];
}

static void evaluate_one(struct ledger *ledger, struct ledger_figure *figure,
			 const struct store_effect *effect, struct ledger_updates *updates)
{
	struct ledger_reader state = { .ledger = ledger };
	struct figure_reader reader = ledger_reader(&state);
	const struct figure *old = &figure->published;
	struct ledger_update *update;
	struct figure_value value;
	struct fault fault;

	if (ledger_figure_value(figure, &reader, &value, &fault) < 0)
		value = (struct figure_value){
			.value = NAN, .status = STRAIT_MISSING
		}; /* its metric is not declared yet */
	ledger_reader_done(&state);
	if (value_same(old->value, value.value) && old->status == value.status &&
	    strcmp(old->period, value.period) == 0 && old->published_at_ms == value.published_at_ms)
		return;
	update = add_update(ledger, updates);
	if (!update)
		return;
	*update = (struct ledger_update){ .figure = figure, .value = value, .stale = old->stale };
	update->changed = !(value_same(old->value, value.value) && old->status == value.status &&
			    strcmp(old->period, value.period) == 0);
	update->cause = cause_of(old, &value, effect);
}

void ledger_evaluate(struct ledger *ledger, const struct store_effects *effects, const char *source,
		     struct ledger_updates *updates)
{
	for (size_t i = 0; i < ledger->figure_count && !store_failed(ledger->store); i++) {
		struct ledger_figure *figure = ledger->figures[i];
		/* A definition that came or changed is told as a revision of what it was. */
		struct store_effect effect = { .touched = true, .revised = true };

		if (effects)
			effect = effect_on(ledger, figure, effects);
		if (!effect.touched || (source && strcmp(figure->published.source, source) != 0))
			continue;
		evaluate_one(ledger, figure, &effect, updates);
	}
}

void ledger_mark_stale(struct ledger *ledger, const char *source, bool stale,
		       struct ledger_updates *updates)
{
	struct ledger_source *declared = ledger_find_source(ledger, source);

	if (declared)
		declared->stale = stale;
	for (size_t i = 0; i < ledger->figure_count; i++) {
		struct ledger_figure *figure = ledger->figures[i];
		const struct figure *old = &figure->published;
		struct ledger_update *update;

		if (strcmp(old->source, source) != 0 || old->stale == stale)
			continue;
		update = add_update(ledger, updates);
		if (!update)
			return;
		*update = (struct ledger_update){
			.figure = figure, .stale = stale, .changed = true, .cause = CAUSE_STALE
		};
		update->value = (struct figure_value){ .value = old->value,
						       .status = old->status,
						       .published_at_ms = old->published_at_ms };
		memcpy(update->value.period, old->period, sizeof(old->period));
	}
}

static void apply_update(const struct ledger_update *update, uint64_t sequence,
			 struct figure *figure)
{
	figure->value = update->value.value;
	figure->status = update->value.status;
	memcpy(figure->period, update->value.period, sizeof(figure->period));
	figure->published_at_ms = update->value.published_at_ms;
	figure->stale = update->stale;
	if (update->changed)
		figure->sequence = sequence;
}

void ledger_write(struct ledger *ledger, const char *source, struct ledger_updates *updates)
{
	updates->sequence = 0;
	for (size_t i = 0; i < updates->count; i++)
		if (updates->items[i].changed)
			updates->sequence = ledger->sequence + 1;
	if (updates->sequence)
		store_put_commit(ledger->store, updates->sequence, updates->now_ms, source);
	for (size_t i = 0; i < updates->count; i++) {
		const struct ledger_update *update = &updates->items[i];
		struct figure next = update->figure->published;

		if (update->changed)
			store_put_change(ledger->store, updates->sequence, next.name, update->cause,
					 next.value, update->value.value, update->value.status);
		apply_update(update, updates->sequence, &next);
		store_put_figure(ledger->store, &next);
	}
	if (updates->sequence)
		store_trim_changes(ledger->store, ledger->change_limit);
}

/* The cause that the commit is told by: what somebody must look at first. */
static enum cause stronger(enum cause a, enum cause b)
{
	static const signed char strength[] = {
		[0] = 0,	 [CAUSE_STALE] = 1,	[CAUSE_STATUS] = 2,
		[CAUSE_NEW] = 3, [CAUSE_WITHDRAWN] = 4, [CAUSE_REVISED] = 5
	};

	return strength[a] >= strength[b] ? a : b;
}

void ledger_settle(struct ledger *ledger, const char *source, struct ledger_updates *updates,
		   bool committed, struct commit_report *ret_report)
{
	struct commit_report report = { .time_ms = updates->now_ms };

	(void)snprintf(report.source, sizeof(report.source), "%s",
		       source); /* names are bounded by the configuration */
	if (updates->count > ledger->row_capacity) {
		struct figure_change *grown =
			realloc(ledger->rows, updates->count * sizeof(*grown));

		if (grown) {
			ledger->rows = grown;
			ledger->row_capacity = updates->count;
		}
	}
	for (size_t i = 0; committed && i < updates->count; i++) {
		const struct ledger_update *update = &updates->items[i];
		struct figure *figure = &update->figure->published;

		if (update->changed && report.row_count < ledger->row_capacity) {
			ledger->rows[report.row_count++] =
				(struct figure_change){ .figure = figure->name,
							.old_value = figure->value,
							.new_value = update->value.value,
							.status = update->value.status };
			report.cause = stronger(report.cause, update->cause);
		}
		apply_update(update, updates->sequence, figure);
	}
	if (committed && updates->sequence)
		ledger->sequence = report.sequence = updates->sequence;
	report.rows = ledger->rows;
	free(updates->items);
	updates->items = NULL;
	updates->count = 0;
	*ret_report = report;
}
