/* SPDX-License-Identifier: MIT
 *
 * ledger_query.c - answers: values now and as known on a date, series, versions, the feed, rejects.
 * Main process only.
 *
 * Invariant: an answer "as known on" is computed wholly from what was known then; the kept points
 * serve only answers of now.
 */
#include "ledger_private.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_text.h"
#include "strait/date.h"

#define DAY_MIN (-3000000)
#define DAY_MAX 3000000

/* ── the reader ────────────────────────────────────────────────────────────────────────────── */

static int check_labels(const struct metric_declaration *metric, const struct label *labels,
			size_t count, struct fault *fault)
{
	for (size_t i = 0; i < count; i++) {
		bool known = false;

		for (size_t k = 0; k < STRAIT_LABELS_MAX && metric->labels[k]; k++)
			known |= strcmp(metric->labels[k], labels[i].key) == 0;
		if (!known)
			return fault_set(
				fault, FAULT_BAD_ARGUMENT,
				"metric '%s' has no label '%.64s'; it has: %s%s%s%s%s",
				metric->name, labels[i].key,
				metric->labels[0] ? metric->labels[0] : "none",
				metric->labels[0] && metric->labels[1] ? ", " : "",
				metric->labels[0] && metric->labels[1] ? metric->labels[1] : "",
				metric->labels[0] && metric->labels[1] && metric->labels[2] ? ", "
											    : "",
				metric->labels[0] && metric->labels[1] && metric->labels[2]
					? metric->labels[2]
					: "");
	}
	return 0;
}

static int no_such_metric(const struct ledger *ledger, const char *name, struct fault *fault)
{
	const char **names = calloc(ledger->metric_count + 1, sizeof(*names));
	const char *near = NULL;

	for (size_t i = 0; names && i < ledger->metric_count; i++)
		names[i] = ledger->metrics[i]->declared.name;
	if (names)
		near = config_nearest(name, names, ledger->metric_count);
	(void)fault_set(fault, FAULT_NO_SUCH_METRIC,
			"no metric '%.64s'%s%s%s; `straitctl list --metrics` shows all", name,
			near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	free(names);
	return -1;
}

static struct store_selection selection_of(const struct ledger_metric *metric,
					   const struct label *labels, size_t count)
{
	return (struct store_selection){ .metric = metric->id,
					 .kind = metric->declared.kind,
					 .labels = labels,
					 .label_count = count };
}

static int read_points(void *context, const struct formula_item *item,
		       struct figure_points *ret_points, struct fault *fault)
{
	struct ledger_reader *state = context;
	const struct ledger_metric *metric = ledger_find_metric(state->ledger, item->metric);
	struct ledger_points fresh = { .count = 0 };
	const struct ledger_points *points = &fresh;

	if (!metric)
		return no_such_metric(state->ledger, item->metric, fault);
	if (check_labels(&metric->declared, item->labels, item->label_count, fault) < 0)
		return -1;
	if (!state->as_of_ms) {
		points = ledger_kept_points(state->ledger, metric, item, fault);
		if (!points)
			return -1;
	} else {
		if (ledger_load_points(state->ledger, metric, item, state->as_of_ms, &fresh,
				       fault) < 0)
			return -1;
		state->owned[state->owned_count++] = fresh.items;
	}
	*ret_points = (struct figure_points){ .kind = metric->declared.kind,
					      .granularity = metric->declared.granularity,
					      .is_distribution = metric->declared.flags &
								 STRAIT_METRIC_DISTRIBUTION,
					      .has_data = points->has_data,
					      .first_day = points->first_day,
					      .last_day = points->last_day,
					      .items = points->items,
					      .count = points->count };
	return 0;
}

static int read_buckets(void *context, const struct formula_item *item, int32_t first, int32_t last,
			struct bucket **ret_buckets, size_t *ret_count, struct fault *fault)
{
	struct ledger_reader *state = context;
	const struct ledger_metric *metric = ledger_find_metric(state->ledger, item->metric);
	struct store_selection selection;

	if (!metric)
		return no_such_metric(state->ledger, item->metric, fault);
	if (!state->as_of_ms && metric->declared.kind == STRAIT_RECORD)
		return ledger_kept_buckets(state->ledger, metric, item, first, last, ret_buckets,
					   ret_count, fault);
	selection = selection_of(metric, item->labels, item->label_count);
	return store_buckets(state->ledger->store, &selection, first, last, state->as_of_ms,
			     ret_buckets, ret_count, fault);
}

struct figure_reader ledger_reader(struct ledger_reader *state)
{
	return (struct figure_reader){ .context = state,
				       .points = read_points,
				       .buckets = read_buckets };
}

void ledger_reader_done(struct ledger_reader *state)
{
	for (size_t i = 0; i < state->owned_count; i++)
		free(state->owned[i]);
	state->owned_count = 0;
}

/* ── values ────────────────────────────────────────────────────────────────────────────────── */

static int no_such_figure(const struct ledger *ledger, const char *name, struct fault *fault)
{
	const char **names = calloc(ledger->figure_count + 1, sizeof(*names));
	const char *near = NULL;

	for (size_t i = 0; names && i < ledger->figure_count; i++)
		names[i] = ledger->figures[i]->published.name;
	if (names)
		near = config_nearest(name, names, ledger->figure_count);
	(void)fault_set(
		fault, FAULT_NO_SUCH_FIGURE,
		"no figure '%.160s'%s%s%s; `straitctl list` shows all, and METRIC.WINDOW or METRIC.PERIOD is answered too",
		name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	free(names);
	return -1;
}

static void unit_of(const struct ledger *ledger, const struct formula *formula, char *unit,
		    size_t size)
{
	const struct ledger_metric *metric =
		ledger_find_metric(ledger, formula->items[0][0].metric);

	(void)snprintf(unit, size, "%s",
		       formula->counts[1] ? "ratio"
		       : metric		  ? metric->declared.unit
					  : "");
}

static bool begins_with_metric(const struct ledger *ledger, const char *name)
{
	for (size_t i = 0; i < ledger->metric_count; i++) {
		const char *metric = ledger->metrics[i]->declared.name;
		size_t size = strlen(metric);

		if (strncmp(name, metric, size) == 0 && (name[size] == '.' || name[size] == '{'))
			return true;
	}
	return false;
}

int ledger_value(struct ledger *ledger, const char *name, int64_t as_of_ms,
		 struct figure_value *ret_value, struct fault *fault)
{
	const struct ledger_figure *figure = ledger_find_figure(ledger, name);
	struct ledger_reader state = { .ledger = ledger, .as_of_ms = as_of_ms };
	struct figure_reader reader = ledger_reader(&state);
	struct figure_value value;
	struct formula formula;
	struct window window;
	struct fault wrong;
	int result;

	if (figure) {
		result = ledger_figure_value(figure, &reader, &value, fault);
	} else {
		if (formula_parse_name(name, &formula, &window, &wrong) < 0)
			return wrong.kind == FAULT_BAD_PERIOD && begins_with_metric(ledger, name)
				       ? fault_set(fault, wrong.kind, "%s", wrong.text)
				       : no_such_figure(ledger, name, fault);
		if (!ledger_find_metric(ledger, formula.items[0][0].metric)) {
			formula_done(&formula);
			return no_such_figure(ledger, name, fault);
		}
		result = figure_evaluate(&formula, &window, &reader, &value, fault);
		if (result == 0)
			unit_of(ledger, &formula, value.unit, sizeof(value.unit));
		formula_done(&formula);
	}
	ledger_reader_done(&state);
	if (result < 0)
		return -1;
	if (figure)
		(void)snprintf(value.unit, sizeof(value.unit), "%s", figure->published.unit);
	*ret_value = value;
	return 0;
}

/* ── series and versions ───────────────────────────────────────────────────────────────────── */

static const struct ledger_metric *metric_asked(const struct ledger *ledger, const char *name,
						const struct label *labels, size_t label_count,
						struct fault *fault)
{
	const struct ledger_metric *metric = ledger_find_metric(ledger, name);

	if (!metric) {
		(void)no_such_metric(ledger, name, fault);
		return NULL;
	}
	return check_labels(&metric->declared, labels, label_count, fault) < 0 ? NULL : metric;
}

static int range_asked(const char *first, const char *last, int32_t *ret_first, int32_t *ret_last,
		       struct fault *fault)
{
	struct period from = { .first = DAY_MIN }, to = { .last = DAY_MAX };

	if ((*first && !period_parse(first, &from)) || (*last && !period_parse(last, &to)))
		return fault_set(
			fault, FAULT_BAD_PERIOD,
			"'%.40s' is no period; write a day 2020-09-02, a month 2020-09, a quarter 2020-Q3, a week 2020-W36 or a year",
			*first && !period_parse(first, &from) ? first : last);
	if (from.first > to.last)
		return fault_set(fault, FAULT_BAD_PERIOD,
				 "'%.40s' begins after '%.40s' ends; name the earlier period first",
				 first, last);
	*ret_first = from.first;
	*ret_last = to.last;
	return 0;
}

static int fill_series(const struct ledger_metric *metric, const struct point *points, size_t count,
		       struct series *ret_series, struct fault *fault)
{
	struct series series = { .granularity = metric->declared.granularity, .count = count };

	series.starts = calloc(count + 1, sizeof(*series.starts));
	series.values = calloc(count + 1, sizeof(*series.values));
	series.letters = calloc(count + 1, 1);
	if (!series.starts || !series.values || !series.letters) {
		series_done(&series);
		return fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
	}
	for (size_t i = 0; i < count; i++) {
		bool mean = metric->declared.flags & STRAIT_METRIC_DISTRIBUTION && points[i].count;

		series.starts[i] = (int64_t)points[i].day * STRAIT_DAY_MS;
		series.values[i] =
			mean ? points[i].value / (double)points[i].count : points[i].value;
		series.letters[i] = status_letter(points[i].status);
	}
	*ret_series = series;
	return 0;
}

int ledger_series(struct ledger *ledger, const char *metric_name, const struct label *labels,
		  size_t label_count, const char *first, const char *last, int64_t as_of_ms,
		  size_t max, struct series *ret_series, struct fault *fault)
{
	const struct ledger_metric *metric =
		metric_asked(ledger, metric_name, labels, label_count, fault);
	struct store_selection selection;
	int32_t first_day = DAY_MIN, last_day = DAY_MAX;
	struct point *points;
	size_t count;
	int result;

	if (!metric || range_asked(first, last, &first_day, &last_day, fault) < 0)
		return -1;
	selection = selection_of(metric, labels, label_count);
	if (store_points(ledger->store, &selection, first_day, last_day, as_of_ms, &points, &count,
			 fault) < 0)
		return -1;
	if (count > max)
		result = fault_set(
			fault, FAULT_TOO_LARGE,
			"%zu points, at most %zu fit into a reply; ask for fewer periods or use GetSeriesFd",
			count, max);
	else
		result = fill_series(metric, points, count, ret_series, fault);
	free(points);
	return result;
}

int ledger_versions(struct ledger *ledger, const char *metric_name, const struct label *labels,
		    size_t label_count, const char *period_text, struct version_row **ret_rows,
		    size_t *ret_count, struct fault *fault)
{
	const struct ledger_metric *metric =
		metric_asked(ledger, metric_name, labels, label_count, fault);
	struct store_selection selection;
	struct period period;
	int32_t day;

	if (!metric)
		return -1;
	if (!period_parse(period_text, &period))
		return fault_set(
			fault, FAULT_BAD_PERIOD,
			"'%.40s' is no period; write for example 2020-09-02, 2020-W36 or 2020-Q3",
			period_text);
	day = granularity_floor(metric->declared.granularity, period.first);
	if (granularity_last(metric->declared.granularity, day) < period.last)
		return fault_set(fault, FAULT_BAD_PERIOD,
				 "'%.40s' is longer than one period of '%s' (%s); name one period",
				 period_text, metric->declared.name,
				 granularity_duration(metric->declared.granularity));
	selection = selection_of(metric, labels, label_count);
	return store_versions(ledger->store, &selection, day, ret_rows, ret_count, fault);
}

/* ── the feed, rejects, what workers need ──────────────────────────────────────────────────── */

int ledger_changes_since(struct ledger *ledger, uint64_t after, size_t max, uint64_t *ret_latest,
			 bool *ret_complete, struct change_row **ret_rows, size_t *ret_count,
			 struct fault *fault)
{
	struct change_row *rows;
	uint64_t oldest;

	if (store_changes(ledger->store, after, max ? max : SIZE_MAX, &oldest, &rows, ret_count,
			  ret_complete, fault) < 0)
		return -1;
	if (after > ledger->sequence) {
		free(rows);
		return fault_set(
			fault, FAULT_SEQUENCE_EXPIRED,
			"%llu has not been yet, the newest commit is %llu: this is another store, or an older copy of it; read GetFigures([]) and go on from the sequence it carries, as `straitctl watch --resync` does",
			(unsigned long long)after, (unsigned long long)ledger->sequence);
	}
	if (oldest && after + 1 < oldest) {
		free(rows);
		return fault_set(
			fault, FAULT_SEQUENCE_EXPIRED,
			"changes after %llu are not kept any more (kept: %llu to %llu); read GetFigures([]) and go on from the sequence it carries, as `straitctl watch --resync` does",
			(unsigned long long)after, (unsigned long long)oldest,
			(unsigned long long)ledger->sequence);
	}
	*ret_rows = rows;
	*ret_latest = ledger->sequence;
	return 0;
}

int ledger_rejects(struct ledger *ledger, const char *source, size_t max,
		   struct reject_row **ret_rows, size_t *ret_count, struct fault *fault)
{
	return store_rejects(ledger->store, source, max, ret_rows, ret_count, fault);
}

int ledger_resume(struct ledger *ledger, const char *source, uint64_t *ret_batch, void **ret_cursor,
		  size_t *ret_cursor_size, struct fault *fault)
{
	store_begin(ledger->store); /* makes the source when it is new */
	store_resume(ledger->store, store_source(ledger->store, source), ret_batch, ret_cursor,
		     ret_cursor_size);
	if (store_end(ledger->store, fault) == 0)
		return 0;
	free(*ret_cursor);
	return -1;
}

bool ledger_only_levels(struct ledger *ledger, const char *source)
{
	const struct ledger_source *declared = ledger_find_source(ledger, source);

	for (size_t i = 0; declared && i < declared->metric_count; i++)
		if (declared->metrics[i]->declared.kind != STRAIT_LEVEL)
			return false;
	return declared != NULL;
}

int ledger_release_state(struct ledger *ledger, const char *source, const char *name,
			 const uint8_t sha256[SHA256_BYTES], bool *ret_complete,
			 uint64_t *ret_observations, int64_t *ret_published_at_ms,
			 struct fault *fault)
{
	store_begin(ledger->store);
	store_release_state(ledger->store, store_source(ledger->store, source),
			    ledger_only_levels(ledger, source) ? name : "", sha256, ret_complete,
			    ret_observations, ret_published_at_ms);
	return store_end(ledger->store, fault);
}

void ledger_limit_changes(struct ledger *ledger, size_t rows)
{
	ledger->change_limit = rows;
}

int ledger_expire(struct ledger *ledger, int64_t before_ms, struct fault *fault)
{
	store_begin(ledger->store);
	store_expire(ledger->store, before_ms, LEDGER_REJECTS_KEPT);
	store_trim_changes(ledger->store, ledger->change_limit);
	return store_end(ledger->store, fault);
}
