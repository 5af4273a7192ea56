/* SPDX-License-Identifier: MIT
 *
 * ledger_commit.c - one commit: batch, cursor, figures and changes in one transaction. Main process
 * only.
 *
 * Invariant: a batch is applied if and only if its number is the last one + 1; what it says, its
 * cursor, the figures that follow and the sequence become true together. Memory is touched after
 * the store has committed, never before.
 */
#include "ledger_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "fnv.h"

#define STEP_OBSERVATIONS 1000u /* a fault point of test builds after so many */

/* A batch's series, looked up once. */
struct mapped_series {
	const struct ledger_metric *metric;
	int64_t id; /* 0 = refused: its metric has LEDGER_SERIES_MAX already */
	uint64_t hash;
};

/* What a batch has of series that are one too many. */
struct refusal {
	uint64_t observations;
	uint64_t at; /* place of the first */
	const char *metric;
};

/* ── from the batch to the store ───────────────────────────────────────────────────────────── */

static void series_labels(const struct metric_declaration *metric,
			  const struct batch_series *series, char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < STRAIT_LABELS_MAX && metric->labels[i]; i++) {
		int wrote = snprintf(buffer + used, size - used, "%s%s=%s", i ? "," : "",
				     metric->labels[i], series->labels[i] ? series->labels[i] : "");

		if (wrote < 0 || (size_t)wrote >= size - used)
			return; /* cannot be: names and values are bounded on the wire */
		used += (size_t)wrote;
	}
}

static uint64_t series_hash(const char *metric, const char *labels)
{
	return fnv_add(fnv_add(FNV_START, metric, strlen(metric)), labels, strlen(labels));
}

/* Of a batch: how many series each metric may still get; counted when the first new one comes. */
struct room {
	bool known;
	uint64_t left;
};

static int64_t series_id(struct ledger *ledger, const struct ledger_metric *metric,
			 const char *labels, struct room *room)
{
	int64_t id = store_series_find(ledger->store, metric->id, labels);
	uint64_t count;

	if (id || store_failed(ledger->store))
		return id;
	if (!room->known) {
		count = store_series_count(ledger->store, metric->id);
		room->known = true;
		room->left = count < LEDGER_SERIES_MAX ? LEDGER_SERIES_MAX - count : 0;
	}
	if (!room->left)
		return 0;
	room->left--;
	return store_series(ledger->store, metric->id, labels);
}

static struct mapped_series *map_series(struct ledger *ledger, const struct ledger_source *source,
					const struct batch *batch)
{
	struct mapped_series *mapped = calloc(batch->series_count + 1, sizeof(*mapped));
	char labels[STRAIT_LABELS_MAX * (STRAIT_NAME_MAX_BYTES + STRAIT_LABEL_MAX_BYTES + 2)];
	struct room rooms[STRAIT_METRICS_MAX] = { 0 };

	if (!mapped) {
		(void)store_fail(ledger->store, FAULT_MEMORY, "ledger: out of memory");
		return NULL;
	}
	for (size_t i = 0; i < batch->series_count; i++) {
		const struct batch_series *series = &batch->series[i];

		if (series->metric >= source->metric_count) {
			(void)store_fail(ledger->store, FAULT_PROTOCOL,
					 "batch %llu names metric %u, %zu are declared",
					 (unsigned long long)batch->number, series->metric,
					 source->metric_count);
			break;
		}
		mapped[i].metric = source->metrics[series->metric];
		series_labels(&mapped[i].metric->declared, series, labels, sizeof(labels));
		mapped[i].id = series_id(ledger, mapped[i].metric, labels,
					 &rooms[series->metric % STRAIT_METRICS_MAX]);
		mapped[i].hash = series_hash(mapped[i].metric->declared.name, labels);
	}
	return mapped;
}

static void refuse(struct refusal *refusal, const struct mapped_series *series,
		   const struct batch_observation *observation)
{
	if (!refusal->observations++) {
		refusal->at = observation->at;
		refusal->metric = series->metric->declared.name;
	}
}

/* One reject speaks for all of the batch. */
static void tell_refusal(struct ledger *ledger, const struct store_release *release,
			 const struct refusal *refusal, int64_t now_ms)
{
	char reason[256];
	struct batch_reject reject = { .at = refusal->at, .reason = reason, .extract = "" };

	if (!refusal->observations)
		return;
	(void)snprintf(
		reason, sizeof(reason),
		"%s: it has %u series already, and no more are taken: %llu observations of others in this batch; too many label values?",
		refusal->metric, LEDGER_SERIES_MAX, (unsigned long long)refusal->observations);
	store_reject(ledger->store, release, &reject, now_ms);
}

/* The host moves days to the beginning of their period and refuses negative counts; a worker that
 * sends such a thing is not the host's. */
static bool is_honest(const struct ledger_metric *metric,
		      const struct batch_observation *observation)
{
	if (observation->day != granularity_floor(metric->declared.granularity, observation->day) &&
	    observation->day != 0) /* the week of 1970-01-01 began in 1969 */
		return false;
	return metric->declared.kind == STRAIT_LEVEL || !(observation->value < 0);
}

static bool same_version(const struct batch_observation *a, const struct batch_observation *b)
{
	return a->key == b->key && a->known_at_ms == b->known_at_ms && a->rank == b->rank &&
	       a->at == b->at && a->replaces == b->replaces;
}

/* Hands over the version that starts at observations[i]; returns the index after it. */
static size_t put_record(struct ledger *ledger, const struct store_release *release,
			 const struct batch *batch, const struct mapped_series *mapped, size_t i,
			 struct refusal *refusal)
{
	const struct batch_observation *identity = &batch->observations[i];
	struct store_part parts[BATCH_VERSION_PARTS_MAX];
	size_t count = 0;

	for (; i < batch->observation_count && same_version(&batch->observations[i], identity);
	     i++) {
		const struct batch_observation *observation = &batch->observations[i];
		const struct mapped_series *series = &mapped[observation->series];

		if (series->metric->declared.kind != STRAIT_RECORD)
			break;
		if (!series->id) {
			refuse(refusal, series, observation);
			continue;
		}
		if (count == BATCH_VERSION_PARTS_MAX) {
			(void)store_fail(ledger->store, FAULT_PROTOCOL,
					 "a record version has more than %u parts",
					 BATCH_VERSION_PARTS_MAX);
			return batch->observation_count;
		}
		parts[count++] =
			(struct store_part){ .series = series->id,
					     .metric = series->metric->id,
					     .series_hash = series->hash,
					     .distribution = series->metric->declared.flags &
							     STRAIT_METRIC_DISTRIBUTION,
					     .day = observation->day,
					     .status = observation->status,
					     .value = observation->value };
	}
	if (count)
		store_record_put(ledger->store, release, identity, parts, count);
	return i;
}

static void put_observations(struct ledger *ledger, const struct store_release *release,
			     const struct batch *batch, const struct mapped_series *mapped,
			     struct refusal *refusal)
{
	size_t i = 0, next_step = STEP_OBSERVATIONS;

	while (i < batch->observation_count && !store_failed(ledger->store)) {
		const struct batch_observation *observation = &batch->observations[i];
		const struct mapped_series *series;

		if (i >= next_step) {
			store_step();
			next_step += STEP_OBSERVATIONS;
		}
		if (observation->series >= batch->series_count) {
			(void)store_fail(ledger->store, FAULT_PROTOCOL,
					 "batch %llu: observation %zu names series %u of %zu",
					 (unsigned long long)batch->number, i, observation->series,
					 batch->series_count);
			return;
		}
		series = &mapped[observation->series];
		if (!is_honest(series->metric, observation)) {
			(void)store_fail(
				ledger->store, FAULT_PROTOCOL,
				"batch %llu: observation %zu of %s is negative, or its day begins no period",
				(unsigned long long)batch->number, i,
				series->metric->declared.name);
			return;
		}
		if (!series->id && series->metric->declared.kind != STRAIT_RECORD) {
			refuse(refusal, series, observation);
			i++;
			continue;
		}
		switch (series->metric->declared.kind) {
		case STRAIT_LEVEL:
			store_level_put(ledger->store, release, series->metric->id, series->id,
					observation);
			i++;
			break;
		case STRAIT_EVENT:
			store_event_put(ledger->store, release, series->id, observation);
			i++;
			break;
		case STRAIT_RECORD:
			if (!observation->key) { /* without identity: it adds, and stays */
				store_event_put(ledger->store, release, series->id, observation);
				i++;
				break;
			}
			i = put_record(ledger, release, batch, mapped, i, refusal);
			break;
		}
	}
}

static const struct batch_coverage *coverage_of(const struct batch *batch, size_t metric)
{
	for (size_t i = 0; i < batch->release.coverage_count; i++)
		if (batch->release.coverage[i].metric == metric)
			return &batch->release.coverage[i];
	return NULL;
}

static void close_release(struct ledger *ledger, const struct ledger_source *source,
			  const struct store_release *release, const struct batch *batch,
			  struct store_effects *effects)
{
	bool has_events = false;

	for (size_t i = 0; i < source->metric_count; i++) {
		const struct ledger_metric *metric = source->metrics[i];

		if (metric->declared.kind == STRAIT_LEVEL)
			store_level_close(ledger->store, release, metric->id, coverage_of(batch, i),
					  store_effects_of(effects, metric->id));
		else
			has_events = true; /* records may be without identity */
	}
	if (has_events)
		store_event_close(ledger->store, release, batch->release.dataset, effects);
}

#define CONTENT_AHEAD_MS                                                                           \
	(2 * INT64_C(86400000)) /* a period that begins later than so after it was published is a  \
				   slip of the year, not content */

/* End of the newest period that the batch has a value for; 0 = none. */
static int64_t content_end(const struct batch *batch, const struct mapped_series *mapped,
			   int64_t now_ms)
{
	int64_t bound_ms =
		batch->release.published_at_ms < now_ms ? batch->release.published_at_ms : now_ms;
	int64_t newest_ms = 0;

	for (size_t i = 0; i < batch->observation_count; i++) {
		const struct batch_observation *observation = &batch->observations[i];
		int64_t end_ms;

		if (observation->status == STRAIT_MISSING ||
		    observation->series >= batch->series_count ||
		    (int64_t)observation->day * 86400000 > bound_ms + CONTENT_AHEAD_MS)
			continue;
		end_ms = ((int64_t)granularity_last(
				  mapped[observation->series].metric->declared.granularity,
				  observation->day) +
			  1) *
			 86400000;
		if (end_ms > newest_ms)
			newest_ms = end_ms;
	}
	return newest_ms;
}

static bool has_levels(const struct ledger_source *source)
{
	for (size_t i = 0; i < source->metric_count; i++)
		if (source->metrics[i]->declared.kind == STRAIT_LEVEL)
			return true;
	return false;
}

/* Returns how many observations were refused for want of room. */
static uint64_t put_batch(struct ledger *ledger, const struct ledger_source *source,
			  const struct batch *sent, int64_t now_ms, struct store_effects *effects)
{
	struct refusal refusal = { 0 };
	struct batch counted = *sent;
	const struct batch *batch = &counted;
	int64_t source_id = store_source(ledger->store, source->name);
	struct store_release release;
	struct mapped_series *mapped;
	size_t cursor_size;
	uint64_t last;
	void *cursor;

	store_resume(ledger->store, source_id, &last, &cursor, &cursor_size);
	free(cursor);
	if (batch->number != last + 1) {
		(void)store_fail(ledger->store, FAULT_PROTOCOL, "batch %llu was sent, %llu is next",
				 (unsigned long long)batch->number, (unsigned long long)last + 1);
		return 0;
	}
	store_release_open(ledger->store, source_id, batch, source->plugin_version, now_ms,
			   &release);
	mapped = map_series(ledger, source, batch);
	if (mapped) {
		put_observations(ledger, &release, batch, mapped, &refusal);
		store_record_settle(ledger->store, &release, effects);
		if (!store_failed(ledger->store))
			store_content_put(ledger->store, &release,
					  content_end(batch, mapped, now_ms));
	}
	free(mapped);
	batch_refuse(&counted, refusal.observations);
	tell_refusal(ledger, &release, &refusal, now_ms);
	for (size_t i = 0; i < batch->reject_count; i++)
		store_reject(ledger->store, &release, &batch->rejects[i], now_ms);
	if (batch->final)
		close_release(ledger, source, &release, batch, effects);
	store_release_close(ledger->store, &release, batch, now_ms);
	if (batch->final)
		store_content_close(ledger->store, &release, !has_levels(source), now_ms);
	store_set_cursor(ledger->store, source_id, batch->number, batch->cursor, batch->cursor_size,
			 batch->accepted, batch->rejected, now_ms);
	return refusal.observations;
}

static void forget_touched(struct ledger *ledger, const struct store_effects *effects)
{
	for (size_t i = 0; i < effects->count; i++)
		ledger_forget_points(ledger, effects->items[i].metric);
}

int ledger_commit(struct ledger *ledger, const char *source, const struct batch *batch,
		  struct commit_report *ret_report, struct fault *fault)
{
	const struct ledger_source *declared = ledger_find_source(ledger, source);
	struct ledger_updates updates = { .now_ms = clock_now_ms() };
	struct store_effects effects = { .count = 0 };
	uint64_t refused;
	int64_t series_before;
	int result;

	if (!declared)
		return fault_set(fault, FAULT_PROTOCOL,
				 "source '%s' sent a batch before it declared anything", source);
	store_begin(ledger->store);
	series_before = store_newest_series(ledger->store);
	refused = put_batch(ledger, declared, batch, updates.now_ms, &effects);
	ledger_renew_points(ledger, &effects, store_newest_series(ledger->store) != series_before);
	ledger_evaluate(ledger, &effects, /* source= */ NULL, &updates);
	ledger_write(ledger, source, &updates);
	result = store_end(ledger->store, fault);
	if (result < 0)
		forget_touched(
			ledger,
			&effects); /* they were read inside the transaction that is no more */
	store_effects_done(&effects);
	ledger_settle(ledger, source, &updates, result == 0, ret_report);
	ret_report->refused = refused;
	return result;
}

int ledger_set_stale(struct ledger *ledger, const char *source, bool stale,
		     struct commit_report *ret_report, struct fault *fault)
{
	struct ledger_updates updates = { .now_ms = clock_now_ms() };
	int result;

	ledger_mark_stale(ledger, source, stale, &updates);
	if (!updates.count) {
		free(updates.items);
		*ret_report = (struct commit_report){ .sequence = 0 };
		return 0;
	}
	store_begin(ledger->store);
	ledger_write(ledger, source, &updates);
	result = store_end(ledger->store, fault);
	/* That figures are stale is true also while the store cannot take it down. */
	for (size_t i = 0; result < 0 && stale && i < updates.count; i++)
		updates.items[i].figure->published.stale = true;
	ledger_settle(ledger, source, &updates, result == 0, ret_report);
	return result;
}
