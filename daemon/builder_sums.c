/* SPDX-License-Identifier: MIT
 *
 * builder_sums.c - observations that add up: events of one series, day and status become one, with
 * a distribution where the metric keeps one, so that a log of a million lines crosses as a few
 * sums. Worker only. Owns the builder's table of sums, its distributions and the series that the
 * plugin knows by number. Invariant: the sum of a batch is the sum of what was handed over,
 * whatever the batches were cut at. Must never allocate but for a new number.
 */
#include "builder_private.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "period.h"

#define HANDLES_FIRST 64u

bool builder_spreads(const struct builder *builder, uint32_t metric)
{
	return builder->plugin->metrics[metric].kind != STRAIT_LEVEL &&
	       builder->plugin->metrics[metric].flags & STRAIT_METRIC_DISTRIBUTION;
}

bool builder_sums_init(struct builder *builder)
{
	bool wanted = false;

	for (uint32_t i = 0; i < builder->metric_count; i++)
		wanted = wanted || builder_spreads(builder, i);
	if (!wanted)
		return true;
	builder->pool = spread_pool_new();
	builder->spread_heads = calloc(BATCH_OBSERVATIONS_MAX, sizeof(*builder->spread_heads));
	builder->spread_bytes = malloc(FRAME_MAX_BYTES);
	return builder->pool && builder->spread_heads && builder->spread_bytes;
}

void builder_sums_done(struct builder *builder)
{
	for (size_t i = 0; i < builder->handle_count; i++)
		free(builder->handles[i].text);
	free(builder->handles);
	builder->pool = spread_pool_free(builder->pool);
	free(builder->spread_heads);
	free(builder->spread_bytes);
}

void builder_sums_clear(struct builder *builder)
{
	builder->batch++;
	if (builder->observation_count > 0)
		memset(builder->sum_slots, 0, SUM_SLOTS * sizeof(*builder->sum_slots));
	if (builder->pool)
		spread_pool_clear(builder->pool);
}

/* ── sums ──────────────────────────────────────────────────────────────────────────────────── */

static uint32_t *slot_of(struct builder *builder, const struct batch_observation *like)
{
	uint64_t hash = (FNV_START ^ like->series) * FNV_PRIME;
	uint32_t slot;

	hash = (hash ^ (uint32_t)like->day) * FNV_PRIME;
	hash = (hash ^ like->status) * FNV_PRIME;
	slot = fold(hash) % SUM_SLOTS;
	while (builder->sum_slots[slot]) {
		const struct batch_observation *there =
			&builder->observations[builder->sum_slots[slot] - 1];

		if (there->series == like->series && there->day == like->day &&
		    there->status == like->status)
			break;
		slot = (slot + 1) % SUM_SLOTS;
	}
	return &builder->sum_slots[slot];
}

static bool has_room(const struct batch_observation *sum, double value, uint32_t count)
{
	return sum->count <= UINT32_MAX - count &&
	       fabs(sum->value + value * count) < WIRE_TALLY_LIMIT;
}

uint32_t builder_sum_of(struct builder *builder, const struct batch_observation *like,
			uint32_t count)
{
	uint32_t *slot = slot_of(builder, like);
	uint32_t index = (uint32_t)builder->observation_count;

	if (*slot && has_room(&builder->observations[*slot - 1], like->value, count))
		return *slot - 1;
	builder->observations[index] = *like;
	builder->observations[index].value = 0;
	builder->observations[index].count = 0;
	if (builder->spread_heads)
		builder->spread_heads[index] = 0;
	builder->encoded_bytes += EVENT_BYTES;
	builder->observation_count++;
	*slot = index + 1;
	return index;
}

void builder_sum_add(struct builder *builder, uint32_t observation, double value, uint32_t count)
{
	struct batch_observation *sum = &builder->observations[observation];

	sum->value += value * count;
	sum->count += count;
	if (builder->pool && sum->status != STRAIT_MISSING && sum->status != STRAIT_SUPPRESSED &&
	    builder_spreads(builder, builder->series[sum->series].metric))
		builder->encoded_bytes +=
			spread_pool_add(builder->pool, &builder->spread_heads[observation],
					observation, spread_bucket(value), count);
}

void builder_sums_encode(struct builder *builder)
{
	size_t used = 0;

	if (!builder->pool)
		return;
	for (uint32_t i = 0; i < builder->observation_count; i++) {
		struct batch_observation *observation = &builder->observations[i];

		if (observation->key || !builder->spread_heads[i])
			continue;
		observation->spread = builder->spread_bytes + used;
		observation->spread_size =
			spread_pool_encode(builder->pool, builder->spread_heads[i],
					   builder->spread_bytes + used, FRAME_MAX_BYTES - used);
		used += observation->spread_size;
	}
}

/* ── series by number ──────────────────────────────────────────────────────────────────────── */

static bool grow_handles(struct builder *builder)
{
	size_t wanted = builder->handle_room ? builder->handle_room * 2 : HANDLES_FIRST;
	struct builder_handle *grown;

	if (builder->handle_count < builder->handle_room)
		return true;
	grown = realloc(builder->handles, wanted * sizeof(*grown));
	if (!grown)
		return false;
	builder->handles = grown;
	builder->handle_room = wanted;
	return true;
}

long builder_handle(struct builder *builder, uint32_t metric, const char *const *labels)
{
	struct builder_handle *handle;
	size_t size = 0, count;

	if (metric >= builder->metric_count ||
	    builder->plugin->metrics[metric].kind == STRAIT_LEVEL)
		return -EINVAL;
	count = builder->label_counts[metric];
	if (builder_label_fault(labels, count))
		return -EINVAL;
	if (builder->handle_count == STRAIT_SERIES_MAX)
		return -ENOSPC;
	for (size_t i = 0; i < count; i++)
		size += strlen(labels[i]) + 1;
	if (!grow_handles(builder))
		return -ENOMEM;
	handle = &builder->handles[builder->handle_count];
	*handle = (struct builder_handle){ .metric = metric, .text = malloc(size + 1) };
	if (!handle->text)
		return -ENOMEM;
	size = 0;
	for (size_t i = 0; i < count; i++) {
		size_t bytes = strlen(labels[i]) + 1;

		handle->labels[i] = memcpy(handle->text + size, labels[i], bytes);
		size += bytes;
	}
	return (long)builder->handle_count++;
}

/* What an addend is refused for; 0, or -EINVAL after counting it. */
static int refuse_addend(struct builder *builder, const struct strait_addend *addend)
{
	const char *name;

	if (addend->series >= builder->handle_count)
		return builder_refuse(builder, addend->at, "series %u; strait_series() gave %zu",
				      addend->series, builder->handle_count);
	name = builder->plugin->metrics[builder->handles[addend->series].metric].name;
	if (addend->count == 0)
		return builder_refuse(builder, addend->at, "%s: a count of 0", name);
	if (!(fabs(addend->value) * addend->count < WIRE_TALLY_LIMIT))
		return builder_refuse(builder, addend->at, "%s: the value is not a number below %g",
				      name, WIRE_TALLY_LIMIT);
	if (addend->value < 0)
		return builder_refuse(builder, addend->at, "%s: the value is negative", name);
	if (addend->day < 0 || addend->day > WIRE_DAY_MAX)
		return builder_refuse(builder, addend->at,
				      "%s: the day is not between 1970-01-01 and 2199-12-31", name);
	return builder_refuse(builder, addend->at, "%s: known_at is before 1970 or in the future",
			      name);
}

static inline bool addend_ok(const struct builder *builder, const struct strait_addend *addend)
{
	return addend->series < builder->handle_count && addend->count != 0 && addend->value >= 0 &&
	       fabs(addend->value) * addend->count < WIRE_TALLY_LIMIT && addend->day >= 0 &&
	       addend->day <= WIRE_DAY_MAX && addend->known_at_ms >= 0 &&
	       addend->known_at_ms <= builder->known_at_max_ms;
}

/* The observation that the addend goes to; remembered, because the next one of its series is
 * usually of the same day. -1: none, and the addend was refused. */
static int find_sum(struct builder *builder, struct builder_handle *handle,
		    const struct strait_addend *addend)
{
	struct batch_observation like = {
		.day = granularity_floor(builder->plugin->metrics[handle->metric].granularity,
					 addend->day),
		.status = STRAIT_FINAL,
		.value = addend->value
	};
	const char *why;
	int series;

	if (handle->batch != builder->batch) {
		series = builder_series_of(builder, handle->metric, handle->labels, &why);
		if (series < 0)
			return builder_refuse(builder, addend->at, "a label %s", why);
		handle->series = (uint32_t)series;
		handle->batch = builder->batch;
	}
	like.series = handle->series;
	if (like.day < 0)
		like.day = 0; /* the week of 1970-01-01 began in 1969 */
	handle->day = addend->day;
	handle->observation = builder_sum_of(builder, &like, addend->count) + 1;
	return 0;
}

static int add_one(struct builder *builder, const struct strait_addend *addend)
{
	struct builder_handle *handle;

	if (!addend_ok(builder, addend))
		return refuse_addend(builder, addend);
	handle = &builder->handles[addend->series];
	if ((handle->batch != builder->batch || handle->day != addend->day ||
	     !has_room(&builder->observations[handle->observation - 1], addend->value,
		       addend->count)) &&
	    find_sum(builder, handle, addend) < 0)
		return -EINVAL;
	builder_sum_add(builder, handle->observation - 1, addend->value, addend->count);
	builder->accepted += addend->rows;
	builder->rows += addend->rows;
	if (addend->known_at_ms > builder->newest_ms)
		builder->newest_ms = addend->known_at_ms;
	return 0;
}

size_t builder_add_sums(struct builder *builder, const struct strait_addend *addends, size_t count,
			int *ret_result)
{
	size_t done = 0;

	builder->version.open = false;
	for (; done < count && !builder_batch_full(builder); done++)
		if (add_one(builder, &addends[done]) < 0)
			*ret_result = -EINVAL;
	return done;
}
