/* SPDX-License-Identifier: MIT
 *
 * builder.c - collects observations, their series, rejects, coverage and sheets until they are a
 * batch. Worker only.
 *
 * Owns: copies of all that a plugin handed over; nothing points into the plugin. Invariant: what it
 * describes always fits one frame and is accepted by message_get_batch(). Identities of records are
 * hashed here: they must never be stored, logged or sent as text.
 *
 */
#include "builder_private.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "messages_codec.h"
#include "period.h"
#include "place.h"
#include "utf8.h"

struct builder *builder_new(const struct strait_plugin *plugin, struct keyed_hash *hash)
{
	struct builder *builder = calloc(1, sizeof(*builder));

	if (!builder)
		return NULL;
	builder->plugin = plugin;
	builder->hash = hash;
	while (builder->metric_count < STRAIT_METRICS_MAX &&
	       plugin->metrics[builder->metric_count].name) {
		const struct strait_metric *metric = &plugin->metrics[builder->metric_count];
		uint8_t labels = 0;

		while (labels < STRAIT_LABELS_MAX && metric->labels[labels])
			labels++;
		builder->label_counts[builder->metric_count++] = labels;
	}
	builder->series = calloc(BATCH_SERIES_MAX, sizeof(*builder->series));
	builder->observations = calloc(BATCH_OBSERVATIONS_MAX, sizeof(*builder->observations));
	builder->rejects = calloc(BATCH_REJECTS_MAX, sizeof(*builder->rejects));
	builder->series_slots = calloc(SERIES_SLOTS, sizeof(*builder->series_slots));
	builder->sum_slots = calloc(SUM_SLOTS, sizeof(*builder->sum_slots));
	builder->text = malloc(FRAME_MAX_BYTES);
	if (!builder->series || !builder->observations || !builder->rejects ||
	    !builder->series_slots || !builder->sum_slots || !builder->text ||
	    !builder_sums_init(builder))
		return builder_free(builder);
	builder_begin(builder, 0);
	return builder;
}

struct builder *builder_free(struct builder *builder)
{
	if (!builder)
		return NULL;
	free(builder->series);
	free(builder->observations);
	free(builder->rejects);
	free(builder->series_slots);
	free(builder->sum_slots);
	free(builder->text);
	builder_sums_done(builder);
	explicit_bzero(&builder->version, sizeof(builder->version)); /* holds an identity */
	free(builder);
	return NULL;
}

/* ── rejects ───────────────────────────────────────────────────────────────────────────────── */

/* Letters become x, digits 9: the shape of a row helps an admin, its content is nobody's business.
 */
static size_t mask(char *buffer, const char *raw, size_t raw_size)
{
	size_t at = 0, used = 0;

	while (at < raw_size && used < BUILDER_EXTRACT_BYTES) {
		unsigned char byte = (unsigned char)raw[at];
		size_t length = utf8_length(raw + at, raw_size - at, NULL);
		char shown = 'x'; /* also for what is not ASCII */

		if (byte >= '0' && byte <= '9')
			shown = '9';
		else if (byte < 0x20 || byte == 0x7f)
			shown = ' ';
		else if (byte < 0x80 && !((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z'))
			shown = (char)byte;
		buffer[used++] = shown;
		at += length ? length : 1;
	}
	buffer[used] = '\0';
	return used;
}

static uint64_t placed(const struct builder *builder, uint64_t at)
{
	return at & STRAIT_AT_CELL ? at : strait_at_offset(builder->base + at);
}

/* 0 when it is not known where. */
static uint64_t row_of(uint64_t at)
{
	return at & STRAIT_AT_CELL ? at & ~(UINT64_C(0xffff) << 32) : at;
}

static void see_row(struct builder *builder, uint64_t row)
{
	if (row == 0 || row != builder->seen_row)
		builder->rows++;
	builder->seen_row = row;
}

static void see_rejected_row(struct builder *builder, uint64_t row)
{
	see_row(builder, row);
	if (row == 0 || row != builder->rejected_row)
		builder->rows_rejected++;
	builder->rejected_row = row;
}

/* One more that has no entry of its own. The text is written when the batch is asked for. */
static void sum_up(struct builder *builder, uint64_t at)
{
	struct batch_reject *last = &builder->rejects[BATCH_REJECTS_MAX - 1];

	if (!builder->summed_first) {
		builder->summed_first = last->reason;
		builder->encoded_bytes += BUILDER_REASON_BYTES - 1 - strlen(last->reason);
	}
	builder->summed_last = placed(builder, at);
}

static void tell_sum(struct builder *builder)
{
	unsigned int sheet = (unsigned int)(builder->summed_last >> 56) & 0x7f;
	char place[PLACE_TEXT_MAX], reason[2 * BUILDER_REASON_BYTES + PLACE_TEXT_MAX];

	if (!builder->summed_first)
		return;
	place_text(builder->summed_last,
		   sheet < builder->sheet_count && sheet < BATCH_SHEETS_MAX ? builder->sheets[sheet]
									    : "",
		   place, sizeof(place));
	(void)snprintf(reason, sizeof(reason),
		       "and %" PRIu64
		       " more rejected in this batch, up to %s; the first of them: %s",
		       builder->rejected - (BATCH_REJECTS_MAX - 1), place, builder->summed_first);
	(void)utf8_repair(builder->summed, sizeof(builder->summed), reason, strlen(reason));
	builder->rejects[BATCH_REJECTS_MAX - 1].reason = builder->summed;
}

void builder_reject(struct builder *builder, uint64_t at, const void *raw, size_t raw_size,
		    const char *reason)
{
	struct batch_reject *reject = &builder->rejects[builder->reject_count];
	char *text = builder->text + builder->text_used;
	size_t reason_size, extract_size;

	see_rejected_row(builder, row_of(at));
	builder->rejected++;
	builder->release_rejected++;
	if (builder->reject_count == BATCH_REJECTS_MAX) {
		sum_up(builder, at);
		return;
	}
	assert(FRAME_MAX_BYTES - builder->text_used >=
	       BUILDER_REASON_BYTES + BUILDER_EXTRACT_BYTES + 1);
	reason_size = utf8_repair(text, BUILDER_REASON_BYTES, reason, strlen(reason));
	extract_size = mask(text + reason_size + 1, raw, raw ? raw_size : 0);
	*reject = (struct batch_reject){ .at = placed(builder, at),
					 .reason = text,
					 .extract = text + reason_size + 1 };
	builder->reject_count++;
	builder->text_used += reason_size + extract_size + 2;
	builder->encoded_bytes += REJECT_BYTES + reason_size + extract_size;
}

int builder_refuse(struct builder *builder, uint64_t at, const char *format, ...)
{
	char reason[BUILDER_REASON_BYTES];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(reason, sizeof(reason), format, arguments); /* cut is fine */
	va_end(arguments);
	builder_reject(builder, at, NULL, 0, reason);
	return -EINVAL;
}

/* ── series ────────────────────────────────────────────────────────────────────────────────── */

static uint32_t series_hash(uint32_t metric, const char *const *labels, size_t count)
{
	uint64_t hash = (FNV_START ^ metric) * FNV_PRIME;

	for (size_t i = 0; i < count; i++) {
		for (const char *byte = labels[i]; *byte; byte++)
			hash = (hash ^ (unsigned char)*byte) * FNV_PRIME;
		hash = (hash ^ 0xff) * FNV_PRIME; /* no byte of UTF-8: "a","b" is not "ab","" */
	}
	return fold(hash);
}

static bool series_is(const struct batch_series *series, uint32_t metric, const char *const *labels,
		      size_t count)
{
	if (series->metric != metric)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(series->labels[i], labels[i]) != 0)
			return false;
	}
	return true;
}

const char *builder_label_fault(const char *const *labels, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t size = labels[i] ? strnlen(labels[i], STRAIT_LABEL_MAX_BYTES + 1) : 0;

		if (!labels[i])
			return "is missing";
		if (size == 0)
			return "is empty";
		if (size > STRAIT_LABEL_MAX_BYTES)
			return "is longer than 64 bytes";
		if (!message_label_ok(labels[i]))
			return "has a character that is not allowed: control characters, {, }, = and comma, or malformed UTF-8";
	}
	return NULL;
}

static void series_add(struct builder *builder, uint32_t metric, const char *const *labels,
		       size_t count)
{
	struct batch_series *series = &builder->series[builder->series_count++];

	*series = (struct batch_series){ .metric = (uint16_t)metric };
	builder->encoded_bytes += SERIES_BYTES;
	for (size_t i = 0; i < count; i++) {
		size_t size = strlen(labels[i]) + 1;

		assert(FRAME_MAX_BYTES - builder->text_used >= size);
		series->labels[i] = memcpy(builder->text + builder->text_used, labels[i], size);
		builder->text_used += size;
		builder->encoded_bytes += TEXT_BYTES - 1 + size;
	}
}

int builder_series_of(struct builder *builder, uint32_t metric, const char *const *labels,
		      const char **ret_why)
{
	size_t count = builder->label_counts[metric];
	uint32_t slot;

	for (size_t i = 0; i < count; i++) {
		if (!labels[i]) {
			*ret_why = "is missing";
			return -1;
		}
	}
	slot = series_hash(metric, labels, count) % SERIES_SLOTS;
	while (builder->series_slots[slot]) {
		uint32_t index = builder->series_slots[slot] - 1;

		if (series_is(&builder->series[index], metric, labels, count))
			return (int)index;
		slot = (slot + 1) % SERIES_SLOTS;
	}
	*ret_why = builder_label_fault(labels, count);
	if (*ret_why)
		return -1;
	if (builder->series_count == BATCH_SERIES_MAX) {
		*ret_why = "is one too many for a batch";
		return -1;
	}
	series_add(builder, metric, labels, count);
	builder->series_slots[slot] = (uint32_t)builder->series_count;
	return (int)builder->series_count - 1;
}

/* ── observations ──────────────────────────────────────────────────────────────────────────── */

static bool has_value(enum strait_status status)
{
	return status != STRAIT_MISSING && status != STRAIT_SUPPRESSED;
}

static bool same_version(const struct version *version,
			 const struct strait_observation *observation)
{
	return version->open && observation->key &&
	       version->known_at_ms == observation->known_at_ms &&
	       version->rank == observation->rank && version->at == observation->at &&
	       strcmp(version->key, observation->key) == 0;
}

bool builder_batch_full(const struct builder *builder)
{
	return builder->observation_count >= OBSERVATIONS_FULL ||
	       builder->series_count >= SERIES_FULL ||
	       builder->encoded_bytes >= BUILDER_CUT_BYTES ||
	       (builder->pool && spread_pool_room(builder->pool) == 0);
}

bool builder_full(const struct builder *builder, const struct strait_observation *next)
{
	return builder_batch_full(builder) && !same_version(&builder->version, next);
}

static double value_limit(const struct strait_metric *metric)
{
	return metric->kind == STRAIT_LEVEL ? WIRE_VALUE_LIMIT : WIRE_TALLY_LIMIT;
}

/* What can be said without the series. 0, or -EINVAL after counting it. */
static int check(struct builder *builder, const struct strait_observation *observation)
{
	const struct strait_metric *metric;

	if (observation->struct_size < sizeof(*observation))
		return builder_refuse(
			builder, observation->at,
			"observation of %u bytes; .struct_size = sizeof(observation) is missing",
			observation->struct_size);
	if (observation->metric >= builder->metric_count)
		return builder_refuse(builder, observation->at, "metric %u; the plugin declares %u",
				      observation->metric, builder->metric_count);
	metric = &builder->plugin->metrics[observation->metric];
	if ((int)observation->status < 0 || observation->status > STRAIT_SUPPRESSED)
		return builder_refuse(builder, observation->at, "%s: status %d does not exist",
				      metric->name, (int)observation->status);
	if (has_value(observation->status) && !(fabs(observation->value) < value_limit(metric)))
		return builder_refuse(builder, observation->at,
				      "%s: the value is not a number below %g", metric->name,
				      value_limit(metric));
	if (has_value(observation->status) && metric->kind != STRAIT_LEVEL &&
	    observation->value < 0)
		return builder_refuse(builder, observation->at, "%s: the value is negative",
				      metric->name);
	if (observation->day < 0 || observation->day > WIRE_DAY_MAX)
		return builder_refuse(builder, observation->at,
				      "%s: the day is not between 1970-01-01 and 2199-12-31",
				      metric->name);
	if (observation->known_at_ms < 0 || observation->known_at_ms > builder->known_at_max_ms)
		return builder_refuse(builder, observation->at,
				      "%s: known_at is before 1970 or in the future", metric->name);
	if (metric->kind == STRAIT_RECORD && (!observation->key || !observation->key[0]))
		return builder_refuse(builder, observation->at, "%s: a record needs a key",
				      metric->name);
	if (metric->kind == STRAIT_RECORD &&
	    (strnlen(observation->key, BUILDER_KEY_BYTES_MAX + 1) > BUILDER_KEY_BYTES_MAX ||
	     (observation->replaces &&
	      strnlen(observation->replaces, BUILDER_KEY_BYTES_MAX + 1) > BUILDER_KEY_BYTES_MAX)))
		return builder_refuse(builder, observation->at, "%s: a key is longer than %u bytes",
				      metric->name, BUILDER_KEY_BYTES_MAX);
	if (metric->kind != STRAIT_RECORD && (observation->key || observation->replaces))
		return builder_refuse(builder, observation->at, "%s: only records have keys",
				      metric->name);
	return 0;
}

/* Fills in identity and version; false when the version has too many parts. */
static bool take_version(struct builder *builder, const struct strait_observation *observation,
			 struct batch_observation *taken)
{
	struct version *version = &builder->version;

	if (same_version(version, observation)) {
		if (version->parts == BATCH_VERSION_PARTS_MAX)
			return false;
		version->parts++;
	} else {
		version->hash = keyed_hash_of(builder->hash, observation->key);
		version->open = true;
		version->known_at_ms = observation->known_at_ms;
		version->rank = observation->rank;
		version->at = observation->at;
		version->parts = 1;
		memcpy(version->key, observation->key, strlen(observation->key) + 1);
	}
	taken->key = version->hash;
	if (observation->replaces && observation->replaces[0])
		taken->replaces = keyed_hash_of(builder->hash, observation->replaces);
	taken->known_at_ms = observation->known_at_ms;
	taken->rank = observation->rank;
	return true;
}

static void count_row(struct builder *builder, uint64_t at)
{
	uint64_t row = row_of(at);

	see_row(builder, row);
	if (row == 0 || row != builder->row)
		builder->accepted++;
	builder->row = row;
}

int builder_add(struct builder *builder, const struct strait_observation *observation)
{
	const struct strait_metric *metric;
	struct batch_observation taken;
	const char *why;
	int series;

	if (check(builder, observation) < 0)
		return -EINVAL;
	metric = &builder->plugin->metrics[observation->metric];
	series = builder_series_of(builder, observation->metric, observation->labels, &why);
	if (series < 0)
		return builder_refuse(builder, observation->at, "%s: a label %s", metric->name,
				      why);
	if (builder->observation_count == BATCH_OBSERVATIONS_MAX)
		return builder_refuse(builder, observation->at,
				      "%s: one observation too many for a batch", metric->name);
	taken = (struct batch_observation){
		.series = (uint32_t)series,
		.day = granularity_floor(metric->granularity, observation->day),
		.status = observation->status ? (uint8_t)observation->status : STRAIT_FINAL,
		.value = has_value(observation->status) ? observation->value : 0,
		.at = placed(builder, observation->at),
		.count = 1,
	};
	if (taken.day < 0)
		taken.day = 0; /* the week of 1970-01-01 began in 1969 */
	if (metric->kind == STRAIT_RECORD) {
		if (!take_version(builder, observation, &taken))
			return builder_refuse(
				builder, observation->at,
				"%s: more than %u observations of one version of a record",
				metric->name, BATCH_VERSION_PARTS_MAX);
	} else {
		builder->version.open = false;
	}
	count_row(builder, observation->at);
	if (observation->known_at_ms > builder->newest_ms)
		builder->newest_ms = observation->known_at_ms;
	if (metric->kind == STRAIT_EVENT) {
		uint32_t sum = builder_sum_of(builder, &taken, 1);

		builder_sum_add(builder, sum, taken.value, 1);
		return 0;
	}
	builder->encoded_bytes += metric->kind == STRAIT_RECORD ? RECORD_BYTES : EVENT_BYTES;
	builder->observations[builder->observation_count++] = taken;
	return 0;
}

/* ── sheets and coverage ───────────────────────────────────────────────────────────────────── */

unsigned int builder_sheet(struct builder *builder, const char *name)
{
	char clean[sizeof(builder->sheets[0])];
	unsigned int named =
		builder->sheet_count < BATCH_SHEETS_MAX ? builder->sheet_count : BATCH_SHEETS_MAX;

	(void)utf8_repair(clean, sizeof(clean), name, strlen(name)); /* cut is fine */
	for (unsigned int i = 0; i < named; i++) {
		if (strcmp(builder->sheets[i], clean) == 0)
			return i;
	}
	if (builder->sheet_count < BATCH_SHEETS_MAX)
		memcpy(builder->sheets[builder->sheet_count], clean, sizeof(clean));
	if (builder->sheet_count == 127)
		return 127;
	return builder->sheet_count++;
}

bool builder_cover(struct builder *builder, uint32_t metric, int32_t first_day, int32_t last_day)
{
	struct batch_coverage *coverage = builder->coverage,
			      *end = coverage + builder->coverage_count;

	if (metric >= builder->metric_count ||
	    builder->plugin->metrics[metric].kind != STRAIT_LEVEL || first_day > last_day ||
	    first_day < 0 || last_day > WIRE_DAY_MAX)
		return false;
	/* Observations stand at the first day of their period, so that is where the coverage must
	 * begin. */
	first_day = granularity_floor(builder->plugin->metrics[metric].granularity, first_day);
	if (first_day < 0)
		first_day = 0;
	while (coverage < end && coverage->metric != metric)
		coverage++;
	if (coverage == end) {
		*coverage = (struct batch_coverage){ (uint16_t)metric, first_day, last_day };
		builder->coverage_count++;
	}
	if (first_day < coverage->first)
		coverage->first = first_day;
	if (last_day > coverage->last)
		coverage->last = last_day;
	return true;
}

/* ── batches ───────────────────────────────────────────────────────────────────────────────── */

static void clear_batch(struct builder *builder)
{
	if (builder->series_count > 0)
		memset(builder->series_slots, 0, SERIES_SLOTS * sizeof(*builder->series_slots));
	builder_sums_clear(builder);
	builder->encoded_bytes = BASE_BYTES;
	builder->accepted = builder->rejected = 0;
	builder->newest_ms = 0;
	builder->summed_first = NULL;
	builder->series_count = builder->observation_count = builder->reject_count =
		builder->text_used = 0;
}

void builder_begin(struct builder *builder, int64_t now_ms)
{
	clear_batch(builder);
	builder->known_at_max_ms = now_ms + BUILDER_AHEAD_MS;
	builder->first = builder->release_rejected = 0;
	builder->row = builder->seen_row = builder->rejected_row = 0;
	builder->rows = builder->rows_rejected = 0;
	builder->base = 0;
	builder->version.open = false;
	builder->sheet_count = 0;
	builder->coverage_count = 0;
}

void builder_set_base(struct builder *builder, uint64_t base)
{
	builder->base = base;
}

bool builder_empty(const struct builder *builder)
{
	return builder->observation_count == 0 && builder->accepted == 0 && builder->rejected == 0;
}

uint64_t builder_rejected(const struct builder *builder)
{
	return builder->release_rejected;
}

uint64_t builder_rows(const struct builder *builder)
{
	return builder->rows;
}

uint64_t builder_rows_rejected(const struct builder *builder)
{
	return builder->rows_rejected;
}

int64_t builder_newest_ms(const struct builder *builder)
{
	return builder->newest_ms;
}

void builder_batch(struct builder *builder, bool final, int64_t published_at_ms,
		   struct batch *ret_batch)
{
	struct batch batch = { .final = final,
			       .first = builder->first,
			       .accepted = builder->accepted,
			       .rejected = builder->rejected,
			       .series = builder->series,
			       .series_count = builder->series_count,
			       .observations = builder->observations,
			       .observation_count = builder->observation_count,
			       .rejects = builder->rejects,
			       .reject_count = builder->reject_count };

	tell_sum(builder);
	builder_sums_encode(builder);
	for (size_t i = 0; i < builder->observation_count; i++) {
		struct batch_observation *observation = &builder->observations[i];

		if (observation->key && observation->known_at_ms == 0)
			observation->known_at_ms = published_at_ms;
	}
	while (batch.release.sheet_count < builder->sheet_count &&
	       batch.release.sheet_count < BATCH_SHEETS_MAX) {
		batch.release.sheets[batch.release.sheet_count] =
			builder->sheets[batch.release.sheet_count];
		batch.release.sheet_count++;
	}
	if (final) { /* only then is it known that the rest of the periods are not there */
		batch.release.coverage = builder->coverage;
		batch.release.coverage_count = builder->coverage_count;
	}
	*ret_batch = batch;
}

void builder_batch_skip(struct batch *batch, uint64_t observations)
{
	size_t skip = observations < batch->observation_count ? (size_t)observations
							      : batch->observation_count;

	batch->observations += skip;
	batch->observation_count -= skip;
	batch->first += skip;
}

void builder_next(struct builder *builder)
{
	builder->first += builder->observation_count;
	clear_batch(builder);
}
