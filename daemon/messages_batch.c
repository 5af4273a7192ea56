/* SPDX-License-Identifier: MIT
 *
 * messages_batch.c - the BATCH message. Both processes.
 *
 * Invariant: what was decoded may be committed without a further look at its form: indexes are
 * inside their arrays, days, times and values in range, labels and reasons clean text. Whether
 * metrics and labels are those of the declaration is the ledger's to check.
 *
 * Payload: number u64, final u8, first u64, accepted u64, rejected u64; the release: name, dataset,
 * url, sha256, size u64, offset u64, published i64, sheets, coverage {metric u16, first i32, last
 * i32}; series {metric u16, labels u8, texts}; observations {series u32, day i32, flags u8, value
 * f64, at u64, [count u32], [spread blob], [key u64, replaces u64, known_at i64, rank u32]};
 * rejects {at u64, reason, extract}; cursor. Lists begin with a count u32.
 */
#include "messages_codec.h"

#include <math.h>
#include <string.h>

#include "spread.h"

/* Flags of an observation: the low bits are the status. */
#define OBSERVATION_STATUS  0x0fu
#define OBSERVATION_SPREAD  0x20u /* a distribution follows */
#define OBSERVATION_COUNTED 0x40u /* a count follows; else 1 */
#define OBSERVATION_RECORD  0x80u /* identity and version follow */

/* Least bytes of an item, to check a count against what can be there. */
#define SHEET_BYTES_MIN	      3u
#define COVERAGE_BYTES	      10u
#define SERIES_BYTES_MIN      3u
#define OBSERVATION_BYTES_MIN 25u
#define REJECT_BYTES_MIN      14u

static bool has_value(uint8_t status)
{
	return status != STRAIT_MISSING && status != STRAIT_SUPPRESSED;
}

/* ── encoding ──────────────────────────────────────────────────────────────────────────────── */

void message_put_sheets(struct bytes_writer *writer, const char *const *sheets, size_t count)
{
	bytes_put_u32(writer, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		bytes_put_text(writer, sheets[i], TEXT_NAME_MAX);
}

void message_put_rejects(struct bytes_writer *writer, const struct batch_reject *rejects,
			 size_t count)
{
	bytes_put_u32(writer, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		bytes_put_u64(writer, rejects[i].at);
		bytes_put_text(writer, rejects[i].reason, TEXT_REASON_MAX);
		bytes_put_text(writer, rejects[i].extract, TEXT_EXTRACT_MAX);
	}
}

static void put_release(struct bytes_writer *writer, const struct batch_release *release)
{
	bytes_put_text(writer, release->name, TEXT_NAME_MAX);
	bytes_put_text(writer, release->dataset, TEXT_NAME_MAX);
	bytes_put_text(writer, release->url, TEXT_URL_MAX);
	bytes_put(writer, release->sha256, SHA256_BYTES);
	bytes_put_u64(writer, release->size);
	bytes_put_u64(writer, release->offset);
	bytes_put_i64(writer, release->published_at_ms);
	message_put_sheets(writer, release->sheets, release->sheet_count);
	bytes_put_u32(writer, (uint32_t)release->coverage_count);
	for (size_t i = 0; i < release->coverage_count; i++) {
		bytes_put_u16(writer, release->coverage[i].metric);
		bytes_put_i32(writer, release->coverage[i].first);
		bytes_put_i32(writer, release->coverage[i].last);
	}
}

static void put_series(struct bytes_writer *writer, const struct batch_series *series)
{
	uint8_t labels = 0;

	while (labels < STRAIT_LABELS_MAX && series->labels[labels])
		labels++;
	bytes_put_u16(writer, series->metric);
	bytes_put_u8(writer, labels);
	for (size_t i = 0; i < labels; i++)
		bytes_put_text(writer, series->labels[i], STRAIT_LABEL_MAX_BYTES);
}

static void put_observation(struct bytes_writer *writer,
			    const struct batch_observation *observation)
{
	uint8_t flags = observation->status & OBSERVATION_STATUS;

	if (observation->key)
		flags |= OBSERVATION_RECORD;
	if (observation->count > 1)
		flags |= OBSERVATION_COUNTED;
	if (observation->spread_size)
		flags |= OBSERVATION_SPREAD;
	bytes_put_u32(writer, observation->series);
	bytes_put_i32(writer, observation->day);
	bytes_put_u8(writer, flags);
	bytes_put_f64(writer, has_value(observation->status) ? observation->value : 0);
	bytes_put_u64(writer, observation->at);
	if (flags & OBSERVATION_COUNTED)
		bytes_put_u32(writer, observation->count);
	if (flags & OBSERVATION_SPREAD)
		bytes_put_blob(writer, observation->spread, observation->spread_size);
	if (flags & OBSERVATION_RECORD) {
		bytes_put_u64(writer, observation->key);
		bytes_put_u64(writer, observation->replaces);
		bytes_put_i64(writer, observation->known_at_ms);
		bytes_put_u32(writer, observation->rank);
	}
}

static void encode_batch(struct bytes_writer *writer, const void *message)
{
	const struct batch *batch = message;

	bytes_put_u64(writer, batch->number);
	bytes_put_u8(writer, batch->final);
	bytes_put_u64(writer, batch->first);
	bytes_put_u64(writer, batch->accepted);
	bytes_put_u64(writer, batch->rejected);
	put_release(writer, &batch->release);
	bytes_put_u32(writer, (uint32_t)batch->series_count);
	for (size_t i = 0; i < batch->series_count; i++)
		put_series(writer, &batch->series[i]);
	bytes_put_u32(writer, (uint32_t)batch->observation_count);
	for (size_t i = 0; i < batch->observation_count; i++)
		put_observation(writer, &batch->observations[i]);
	message_put_rejects(writer, batch->rejects, batch->reject_count);
	bytes_put_blob(writer, batch->cursor, batch->cursor_size);
}

int message_put_batch(struct evbuffer *out, struct message_header header,
		      const struct batch *message)
{
	return message_put(out, header, MESSAGE_BATCH, encode_batch, message);
}

/* ── decoding ──────────────────────────────────────────────────────────────────────────────── */

static uint64_t get_number(struct bytes_reader *reader)
{
	uint64_t value = bytes_get_u64(reader);

	if (value > INT64_MAX)
		bytes_refuse(reader, "number out of range");
	return value;
}

static bool day_ok(int32_t day)
{
	return day >= 0 && day <= WIRE_DAY_MAX;
}

static uint16_t get_metric(struct bytes_reader *reader)
{
	uint16_t metric = bytes_get_u16(reader);

	if (metric >= STRAIT_METRICS_MAX)
		bytes_refuse(reader, "metric out of range");
	return metric;
}

static void get_coverage(struct bytes_reader *reader, struct message_scratch *scratch,
			 struct batch_release *release)
{
	release->coverage_count = bytes_get_count(reader, BATCH_COVERAGE_MAX, COVERAGE_BYTES);
	for (size_t i = 0; i < release->coverage_count; i++) {
		struct batch_coverage *coverage = &scratch->coverage[i];

		coverage->metric = get_metric(reader);
		coverage->first = bytes_get_i32(reader);
		coverage->last = bytes_get_i32(reader);
		if (!day_ok(coverage->first) || !day_ok(coverage->last) ||
		    coverage->first > coverage->last)
			bytes_refuse(reader, "coverage out of range");
	}
	release->coverage = scratch->coverage;
}

size_t message_get_sheets(struct bytes_reader *reader, const char *ret_sheets[BATCH_SHEETS_MAX])
{
	size_t count = bytes_get_count(reader, BATCH_SHEETS_MAX, SHEET_BYTES_MIN);

	for (size_t i = 0; i < count; i++)
		ret_sheets[i] = bytes_get_text(reader, TEXT_NAME_MAX);
	return count;
}

static void get_release(struct bytes_reader *reader, struct message_scratch *scratch,
			struct batch_release *release)
{
	const void *hash;

	release->name = bytes_get_text(reader, TEXT_NAME_MAX);
	if (release->name[0] == '\0')
		bytes_refuse(reader, "release without a name");
	release->dataset = bytes_get_text(reader, TEXT_NAME_MAX);
	release->url = bytes_get_text(reader, TEXT_URL_MAX);
	hash = bytes_get(reader, SHA256_BYTES);
	if (hash)
		memcpy(release->sha256, hash, SHA256_BYTES);
	release->size = get_number(reader);
	release->offset = get_number(reader);
	release->published_at_ms = bytes_get_i64(reader);
	if (release->published_at_ms <= 0 || !message_time_ok(release->published_at_ms))
		bytes_refuse(reader, "publication time out of range");
	release->sheet_count = message_get_sheets(reader, release->sheets);
	get_coverage(reader, scratch, release);
}

static void get_series(struct bytes_reader *reader, struct batch_series *series)
{
	uint8_t labels;

	*series = (struct batch_series){ .metric = get_metric(reader) };
	labels = bytes_get_u8(reader);
	if (labels > STRAIT_LABELS_MAX) {
		bytes_refuse(reader, "too many labels");
		return;
	}
	for (size_t i = 0; i < labels; i++) {
		series->labels[i] = bytes_get_text(reader, STRAIT_LABEL_MAX_BYTES);
		if (!reader->failed && !message_label_ok(series->labels[i]))
			bytes_refuse(reader, "not a label");
	}
}

static void get_record(struct bytes_reader *reader, struct batch_observation *observation)
{
	observation->key = bytes_get_u64(reader);
	observation->replaces = bytes_get_u64(reader);
	observation->known_at_ms = bytes_get_i64(reader);
	observation->rank = bytes_get_u32(reader);
	if (observation->key == 0)
		bytes_refuse(reader, "record without an identity");
	if (!message_time_ok(observation->known_at_ms))
		bytes_refuse(reader, "time out of range");
}

/* As many values as the observation counts, no more and no less. */
static void get_spread(struct bytes_reader *reader, struct batch_observation *observation)
{
	uint64_t total;

	observation->spread = bytes_get_blob(reader, FRAME_MAX_BYTES, &observation->spread_size);
	if (reader->failed)
		return;
	if (!observation->spread_size ||
	    !spread_valid(observation->spread, observation->spread_size, &total) ||
	    total != observation->count || !has_value(observation->status))
		bytes_refuse(reader, "not the distribution of its values");
}

static void get_observation(struct bytes_reader *reader, size_t series_count,
			    struct batch_observation *observation)
{
	uint8_t flags;

	*observation = (struct batch_observation){ .series = bytes_get_u32(reader) };
	if (observation->series >= series_count)
		bytes_refuse(reader, "series out of range");
	observation->day = bytes_get_i32(reader);
	if (!day_ok(observation->day))
		bytes_refuse(reader, "day out of range");
	flags = bytes_get_u8(reader);
	observation->status = flags & OBSERVATION_STATUS;
	if (observation->status < STRAIT_FINAL || observation->status > STRAIT_SUPPRESSED ||
	    (flags & ~(OBSERVATION_STATUS | OBSERVATION_SPREAD | OBSERVATION_COUNTED |
		       OBSERVATION_RECORD)) ||
	    (flags & OBSERVATION_SPREAD && flags & OBSERVATION_RECORD))
		bytes_refuse(reader, "no such status");
	observation->value = bytes_get_f64(reader);
	if (!has_value(observation->status))
		observation->value = NAN;
	else if (!(fabs(observation->value) < WIRE_VALUE_LIMIT))
		bytes_refuse(reader, "value out of range");
	observation->at = bytes_get_u64(reader);
	observation->count = flags & OBSERVATION_COUNTED ? bytes_get_u32(reader) : 1;
	if (observation->count == 0)
		bytes_refuse(reader, "count is zero");
	if (flags & OBSERVATION_SPREAD)
		get_spread(reader, observation);
	if (flags & OBSERVATION_RECORD)
		get_record(reader, observation);
}

static int get_series_list(struct bytes_reader *reader, struct message_scratch *scratch,
			   struct batch *batch)
{
	batch->series_count = bytes_get_count(reader, BATCH_SERIES_MAX, SERIES_BYTES_MIN);
	if (!message_room(&scratch->series, &scratch->series_room, batch->series_count,
			  sizeof(*scratch->series)))
		return -1;
	for (size_t i = 0; i < batch->series_count && !reader->failed; i++)
		get_series(reader, &scratch->series[i]);
	batch->series = scratch->series;
	return 0;
}

static int get_observations(struct bytes_reader *reader, struct message_scratch *scratch,
			    struct batch *batch)
{
	batch->observation_count =
		bytes_get_count(reader, BATCH_OBSERVATIONS_MAX, OBSERVATION_BYTES_MIN);
	if (!message_room(&scratch->observations, &scratch->observation_room,
			  batch->observation_count, sizeof(*scratch->observations)))
		return -1;
	for (size_t i = 0; i < batch->observation_count && !reader->failed; i++)
		get_observation(reader, batch->series_count, &scratch->observations[i]);
	batch->observations = scratch->observations;
	return 0;
}

int message_get_rejects(struct bytes_reader *reader, struct message_scratch *scratch,
			const struct batch_reject **ret_rejects, size_t *ret_count)
{
	size_t count = bytes_get_count(reader, BATCH_REJECTS_MAX, REJECT_BYTES_MIN);

	if (!message_room(&scratch->rejects, &scratch->reject_room, count,
			  sizeof(*scratch->rejects)))
		return -1;
	for (size_t i = 0; i < count && !reader->failed; i++) {
		scratch->rejects[i].at = bytes_get_u64(reader);
		scratch->rejects[i].reason = bytes_get_text(reader, TEXT_REASON_MAX);
		scratch->rejects[i].extract = bytes_get_text(reader, TEXT_EXTRACT_MAX);
	}
	*ret_rejects = scratch->rejects;
	*ret_count = count;
	return 0;
}

static int get_rejects(struct bytes_reader *reader, struct message_scratch *scratch,
		       struct batch *batch)
{
	if (message_get_rejects(reader, scratch, &batch->rejects, &batch->reject_count) < 0)
		return -1;
	if (batch->rejected < batch->reject_count)
		bytes_refuse(reader, "more rejects than are counted");
	return 0;
}

int message_get_batch(const struct frame *frame, struct message_scratch *scratch, struct batch *ret,
		      struct fault *fault)
{
	struct batch batch = { 0 };
	struct bytes_reader reader;
	uint8_t final;

	if (message_begin(frame, MESSAGE_BATCH, &reader, fault) < 0)
		return -1;
	batch.number = get_number(&reader);
	if (batch.number == 0)
		bytes_refuse(&reader, "batches are numbered from 1");
	final = bytes_get_u8(&reader);
	if (final > 1)
		bytes_refuse(&reader, "neither yes nor no");
	batch.final = final == 1;
	batch.first = get_number(&reader);
	batch.accepted = get_number(&reader);
	batch.rejected = get_number(&reader);
	get_release(&reader, scratch, &batch.release);
	if (get_series_list(&reader, scratch, &batch) < 0 ||
	    get_observations(&reader, scratch, &batch) < 0 ||
	    get_rejects(&reader, scratch, &batch) < 0)
		return fault_set(fault, FAULT_MEMORY, "no memory for a batch of %zu observations",
				 batch.observation_count);
	batch.cursor = bytes_get_blob(&reader, CURSOR_MAX_BYTES, &batch.cursor_size);
	if (message_end(frame, &reader, fault) < 0)
		return -1;
	*ret = batch;
	return 0;
}
