/* SPDX-License-Identifier: MIT
 *
 * ledger_cache.c - the points and distributions that figures use, kept from one commit to the next.
 * Main process only.
 *
 * Invariant: what is kept is what the store says within the transaction that is open. A commit of
 * records renews the periods and buckets that it touched; anything else, and any failure, forgets
 * what it may have touched, and it is read again.
 */
#include "ledger_private.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MIN	    (-3000000)
#define DAY_MAX	    3000000
#define RENEWED_MAX 4 /* of more than a quarter of the periods: all are read again */

/* ── points ────────────────────────────────────────────────────────────────────────────────── */

static struct store_selection selection_of(const struct ledger_metric *metric,
					   const struct label *labels, size_t count)
{
	return (struct store_selection){ .metric = metric->id,
					 .kind = metric->declared.kind,
					 .labels = labels,
					 .label_count = count };
}

int ledger_load_points(struct ledger *ledger, const struct ledger_metric *metric,
		       const struct formula_item *item, int64_t as_of_ms, struct ledger_points *ret,
		       struct fault *fault)
{
	struct store_selection selection = selection_of(metric, item->labels, item->label_count);
	struct point *others;
	size_t other_count;

	if (store_points(ledger->store, &selection, DAY_MIN, DAY_MAX, as_of_ms, &ret->items,
			 &ret->count, fault) < 0)
		return -1;
	ret->has_data = ret->count > 0;
	if (ret->has_data || !item->label_count)
		return 0;
	selection.label_count = 0;
	if (store_points(ledger->store, &selection, DAY_MIN, DAY_MAX, as_of_ms, &others,
			 &other_count, fault) < 0) {
		free(ret->items);
		return -1;
	}
	ret->has_data = other_count > 0;
	if (ret->has_data) {
		ret->first_day = others[0].day;
		ret->last_day = others[other_count - 1].day;
	}
	free(others);
	return 0;
}

static bool item_labels(const struct formula_item *item, char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < item->label_count; i++) {
		int wrote = snprintf(buffer + used, size - used, "%s=%s,", item->labels[i].key,
				     item->labels[i].value);

		if (wrote < 0 || (size_t)wrote >= size - used)
			return false;
		used += (size_t)wrote;
	}
	return true;
}

struct ledger_points *ledger_kept_points(struct ledger *ledger, const struct ledger_metric *metric,
					 const struct formula_item *item, struct fault *fault)
{
	struct ledger_points *kept;
	char labels[FIGURE_NAME_MAX * 2];

	if (!item_labels(item, labels, sizeof(labels))) {
		(void)fault_set(fault, FAULT_BAD_ARGUMENT, "labels are too long");
		return NULL;
	}
	for (size_t i = 0; i < ledger->point_count; i++)
		if (ledger->points[i].metric == metric->id &&
		    strcmp(ledger->points[i].labels, labels) == 0)
			return &ledger->points[i];
	if (ledger->point_count == ledger->point_capacity) {
		size_t capacity = ledger->point_capacity ? ledger->point_capacity * 2 : 16;
		struct ledger_points *grown = realloc(ledger->points, capacity * sizeof(*grown));

		if (!grown) {
			(void)fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
			return NULL;
		}
		ledger->points = grown;
		ledger->point_capacity = capacity;
	}
	kept = &ledger->points[ledger->point_count];
	*kept = (struct ledger_points){ .metric = metric->id, .labels = strdup(labels) };
	if (!kept->labels || ledger_load_points(ledger, metric, item, 0, kept, fault) < 0) {
		free(kept->labels);
		return NULL;
	}
	ledger->point_count++;
	return kept;
}

static void points_done(struct ledger_points *points)
{
	free(points->labels);
	free(points->items);
}

static void buckets_done(struct ledger_buckets *buckets)
{
	free(buckets->labels);
	free(buckets->series);
	free(buckets->items);
}

void ledger_forget_points(struct ledger *ledger, int64_t metric)
{
	size_t kept = 0;

	for (size_t i = 0; i < ledger->point_count; i++) {
		if (metric && ledger->points[i].metric != metric)
			ledger->points[kept++] = ledger->points[i];
		else
			points_done(&ledger->points[i]);
	}
	ledger->point_count = kept;
	kept = 0;
	for (size_t i = 0; i < ledger->bucket_count; i++) {
		if (metric && ledger->buckets[i].metric != metric)
			ledger->buckets[kept++] = ledger->buckets[i];
		else
			buckets_done(&ledger->buckets[i]);
	}
	ledger->bucket_count = kept;
}

/* ── distributions ─────────────────────────────────────────────────────────────────────────── */

static int compare_buckets(const void *a, const void *b)
{
	const struct bucket *left = a, *right = b;

	return (left->value > right->value) - (left->value < right->value);
}

/* Sorts, and makes one of those of the same value. Counts wrap round on the way and are right at
 * the end. */
static size_t join_buckets(struct bucket *items, size_t count)
{
	size_t kept = 0;

	if (count)
		qsort(items, count, sizeof(items[0]), compare_buckets);
	for (size_t i = 0; i < count; i++) {
		if (kept && items[kept - 1].value == items[i].value)
			items[kept - 1].count += items[i].count;
		else
			items[kept++] = items[i];
		if (!items[kept - 1].count)
			kept--;
	}
	return kept;
}

/* Adds a sorted list; of a bucket that is in both the sum, nothing of one that becomes empty. */
static bool add_buckets(struct ledger_buckets *kept, const struct bucket *more, size_t count)
{
	struct bucket *items = malloc((kept->count + count + 1) * sizeof(*items));
	size_t i = 0, k = 0, used = 0;

	if (!items)
		return false;
	while (i < kept->count || k < count) {
		struct bucket next;

		if (k == count || (i < kept->count && kept->items[i].value < more[k].value))
			next = kept->items[i++];
		else if (i == kept->count || more[k].value < kept->items[i].value)
			next = more[k++];
		else {
			next = kept->items[i++];
			next.count += more[k++].count;
		}
		if (next.count)
			items[used++] = next;
	}
	free(kept->items);
	kept->items = items;
	kept->count = used;
	return true;
}

/* Reads what the store has in [first, last] and adds it. */
static int extend(struct ledger *ledger, const struct ledger_metric *metric,
		  const struct formula_item *item, int32_t first, int32_t last,
		  struct ledger_buckets *kept, struct fault *fault)
{
	struct store_selection selection = selection_of(metric, item->labels, item->label_count);
	struct bucket *more;
	size_t count;
	bool added;

	if (store_buckets(ledger->store, &selection, first, last, 0, &more, &count, fault) < 0)
		return -1;
	count = join_buckets(more, count);
	added = add_buckets(kept, more, count);
	free(more);
	kept->last = last;
	return added ? 0 : fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
}

/* The kept one that reaches furthest, but not past the last day. */
static struct ledger_buckets *find_buckets(struct ledger *ledger, int64_t metric,
					   const char *labels, int32_t first, int32_t last)
{
	struct ledger_buckets *best = NULL;

	for (size_t i = 0; i < ledger->bucket_count; i++) {
		struct ledger_buckets *kept = &ledger->buckets[i];

		if (kept->metric == metric && kept->first == first && kept->last <= last &&
		    strcmp(kept->labels, labels) == 0 && (!best || kept->last > best->last))
			best = kept;
	}
	return best;
}

static void forget_buckets(struct ledger *ledger, struct ledger_buckets *buckets)
{
	buckets_done(buckets);
	*buckets = ledger->buckets[--ledger->bucket_count];
}

static struct ledger_buckets *new_buckets(struct ledger *ledger, const struct ledger_metric *metric,
					  const struct formula_item *item, const char *labels,
					  int32_t first, struct fault *fault)
{
	struct store_selection selection = selection_of(metric, item->labels, item->label_count);
	struct ledger_buckets *kept;

	if (ledger->bucket_count == LEDGER_BUCKETS_MAX) /* windows that move: the oldest goes */
		forget_buckets(ledger, &ledger->buckets[0]);
	kept = &ledger->buckets[ledger->bucket_count];
	*kept = (struct ledger_buckets){
		.metric = metric->id, .labels = strdup(labels), .first = first, .last = first - 1
	};
	kept->series = store_selected(ledger->store, &selection, &kept->series_count);
	if (!kept->labels || store_failed(ledger->store)) {
		buckets_done(kept);
		(void)fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
		return NULL;
	}
	ledger->bucket_count++;
	return kept;
}

int ledger_kept_buckets(struct ledger *ledger, const struct ledger_metric *metric,
			const struct formula_item *item, int32_t first, int32_t last,
			struct bucket **ret_buckets, size_t *ret_count, struct fault *fault)
{
	const struct ledger_points *points;
	struct ledger_buckets *kept;
	char labels[FIGURE_NAME_MAX * 2];

	if (!item_labels(item, labels, sizeof(labels)))
		return fault_set(fault, FAULT_BAD_ARGUMENT, "labels are too long");
	points = ledger_kept_points(ledger, metric, item, fault);
	if (!points)
		return -1;
	/* Windows end where any part of a formula has data; this metric's may end before. */
	if (points->count && points->items[points->count - 1].day < last)
		last = points->items[points->count - 1].day;
	kept = find_buckets(ledger, metric->id, labels, first, last);
	if (!kept)
		kept = new_buckets(ledger, metric, item, labels, first, fault);
	if (!kept)
		return -1;
	if (kept->last < last &&
	    extend(ledger, metric, item, kept->last + 1, last, kept, fault) < 0) {
		forget_buckets(ledger, kept);
		return -1;
	}
	*ret_buckets = malloc((kept->count + 1) * sizeof(**ret_buckets));
	if (!*ret_buckets)
		return fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
	if (kept->count)
		memcpy(*ret_buckets, kept->items, kept->count * sizeof(**ret_buckets));
	*ret_count = kept->count;
	return 0;
}

/* ── renewing ──────────────────────────────────────────────────────────────────────────────── */

static bool has_series(const struct ledger_buckets *kept, int64_t series)
{
	size_t low = 0, high = kept->series_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (kept->series[middle] < series)
			low = middle + 1;
		else
			high = middle;
	}
	return low < kept->series_count && kept->series[low] == series;
}

/* What the commit moved between buckets of the kept range. */
static bool renew_buckets(struct ledger_buckets *kept, const struct store_effects *effects)
{
	struct bucket *more = malloc((effects->bucket_count + 1) * sizeof(*more));
	size_t count = 0;
	bool added;

	if (!more)
		return false;
	for (size_t i = 0; i < effects->bucket_count; i++) {
		const struct store_bucket_sum *sum = &effects->buckets[i];

		if (sum->day < kept->first || sum->day > kept->last || !sum->count ||
		    !has_series(kept, sum->series))
			continue;
		more[count].value = store_bucket_value(sum->bucket);
		more[count++].count = (uint64_t)sum->count;
	}
	added = add_buckets(kept, more, join_buckets(more, count));
	free(more);
	return added;
}

static int compare_days(const void *a, const void *b)
{
	const int32_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* Days of the metric that the commit touched, in order, each once; to be freed. NULL: none, or out
 * of memory. */
static int32_t *days_of(const struct store_effects *effects, int64_t metric, size_t *ret_count)
{
	int32_t *days = malloc((effects->period_count + 1) * sizeof(*days));
	size_t count = 0, kept = 0;

	for (size_t i = 0; days && i < effects->period_count; i++)
		if (effects->periods[i].metric == metric)
			days[count++] = effects->periods[i].day;
	if (count)
		qsort(days, count, sizeof(days[0]), compare_days);
	for (size_t i = 0; i < count; i++)
		if (!kept || days[kept - 1] != days[i])
			days[kept++] = days[i];
	*ret_count = kept;
	return days;
}

/* First kept point of that day or later. */
static size_t place_of(const struct ledger_points *kept, int32_t day)
{
	size_t low = 0, high = kept->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (kept->items[middle].day < day)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Puts what the store says of [first, last] in the place of what is kept. */
static bool renew_range(struct ledger *ledger, struct ledger_points *kept,
			const struct store_selection *selection, int32_t first, int32_t last)
{
	size_t from = place_of(kept, first), to = place_of(kept, last + 1), count;
	struct point *fresh, *items;

	if (store_points(ledger->store, selection, first, last, 0, &fresh, &count, NULL) < 0)
		return false;
	if (count > to - from) {
		items = realloc(kept->items, (kept->count + count) * sizeof(*items));
		if (!items) {
			free(fresh);
			return false;
		}
		kept->items = items;
	}
	memmove(kept->items + from + count, kept->items + to,
		(kept->count - to) * sizeof(*kept->items));
	if (count)
		memcpy(kept->items + from, fresh, count * sizeof(*fresh));
	kept->count = kept->count - (to - from) + count;
	free(fresh);
	return kept->count > 0; /* none: what else the metric has must be looked up */
}

static bool renew_points(struct ledger *ledger, struct ledger_points *kept,
			 const struct store_effects *effects)
{
	struct store_selection selection = { .metric = kept->metric, .kind = STRAIT_RECORD };
	char labels[FIGURE_NAME_MAX * 2];
	struct label list[STRAIT_LABELS_MAX];
	size_t count;
	int32_t *days = days_of(effects, kept->metric, &count);
	bool good = days && kept->count && count * RENEWED_MAX <= kept->count + RENEWED_MAX;

	(void)snprintf(labels, sizeof(labels), "%s", kept->labels); /* as large as those */
	for (char *next = labels; good && *next && selection.label_count < STRAIT_LABELS_MAX;) {
		char *value = strchr(next, '='), *end = strchr(next, ',');

		if (!value || !end)
			break;
		*value++ = *end = '\0';
		list[selection.label_count++] = (struct label){ next, value };
		next = end + 1;
	}
	selection.labels = list;
	for (size_t i = 0; good && i < count;) {
		size_t end = i + 1;

		while (end < count && days[end] == days[end - 1] + 1)
			end++;
		good = renew_range(ledger, kept, &selection, days[i], days[end - 1]);
		i = end;
	}
	free(days);
	return good;
}

/* Brings everything kept of a metric of records up to the open transaction. */
static void renew(struct ledger *ledger, int64_t metric, const struct store_effects *effects)
{
	for (size_t i = 0; i < ledger->point_count;) {
		struct ledger_points *kept = &ledger->points[i];

		if (kept->metric != metric || renew_points(ledger, kept, effects)) {
			i++;
			continue;
		}
		points_done(kept);
		*kept = ledger->points[--ledger->point_count];
	}
	for (size_t i = 0; i < ledger->bucket_count;) {
		struct ledger_buckets *kept = &ledger->buckets[i];

		if (kept->metric != metric || renew_buckets(kept, effects))
			i++;
		else
			forget_buckets(ledger, kept);
	}
}

static bool has_records(const struct ledger *ledger, int64_t metric)
{
	for (size_t i = 0; i < ledger->metric_count; i++)
		if (ledger->metrics[i]->id == metric)
			return ledger->metrics[i]->declared.kind == STRAIT_RECORD;
	return false;
}

void ledger_renew_points(struct ledger *ledger, const struct store_effects *effects,
			 bool new_series)
{
	for (size_t i = 0; i < effects->count; i++) {
		int64_t metric = effects->items[i].metric;

		if (!new_series && !effects->items[i].effect.unlisted &&
		    has_records(ledger, metric))
			renew(ledger, metric, effects);
		else
			ledger_forget_points(ledger, metric);
	}
}
