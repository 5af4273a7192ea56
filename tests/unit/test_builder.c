/* SPDX-License-Identifier: MIT
 *
 * test_builder.c - what a plugin emits becomes batches: sums, versions kept whole, refusals with
 * reasons, cuts at the same places every time.
 */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "builder.h"
#include "spread.h"
#include "messages.h"
#include "strait/date.h"

enum { LEVEL, EVENT, HOURS, RECORD, WEEKLY };

static const struct strait_metric metrics[] = {
	[LEVEL] = { "arrivals", "people", "Arrivals", STRAIT_LEVEL, STRAIT_DAY, 0, { NULL } },
	[EVENT] = { "statements",
		    "statements",
		    "Statements",
		    STRAIT_EVENT,
		    STRAIT_DAY,
		    0,
		    { "platform", "action" } },
	[HOURS] = { "hours",
		    "hours",
		    "Hours",
		    STRAIT_EVENT,
		    STRAIT_DAY,
		    STRAIT_METRIC_DISTRIBUTION,
		    { "platform" } },
	[RECORD] = { "referrals",
		     "accounts",
		     "Referrals",
		     STRAIT_RECORD,
		     STRAIT_DAY,
		     0,
		     { "outcome" } },
	[WEEKLY] = { "prevented", "people", "Prevented", STRAIT_LEVEL, STRAIT_WEEK, 0, { NULL } },
	{ .name = NULL },
};
static const struct strait_plugin plugin = { .name = "sample", .metrics = metrics };

#define NOW_MS INT64_C(1600000000000) /* 2020-09-13 */

static struct keyed_hash *hash;
static struct builder *builder;

static void set_up(void)
{
	static const uint8_t key[KEYED_HASH_KEY_BYTES] = { 1 };

	hash = keyed_hash_new(key);
	builder = builder_new(&plugin, hash);
	ck_assert_ptr_nonnull(builder);
	builder_begin(builder, NOW_MS);
}

static void tear_down(void)
{
	builder_free(builder);
	keyed_hash_free(hash);
}

static struct strait_observation level(int32_t day, double value)
{
	return (struct strait_observation){ .struct_size = sizeof(struct strait_observation),
					    .metric = LEVEL,
					    .day = day,
					    .value = value };
}

static struct strait_observation event(const char *platform, const char *action, int32_t day,
				       double value)
{
	return (struct strait_observation){ .struct_size = sizeof(struct strait_observation),
					    .metric = EVENT,
					    .labels = { platform, action },
					    .day = day,
					    .value = value };
}

static struct strait_observation record(const char *key, int64_t known_at_ms, const char *outcome,
					double value)
{
	return (struct strait_observation){ .struct_size = sizeof(struct strait_observation),
					    .metric = RECORD,
					    .labels = { outcome },
					    .day = 18500,
					    .value = value,
					    .key = key,
					    .known_at_ms = known_at_ms };
}

static void add(struct strait_observation observation)
{
	ck_assert_int_eq(builder_add(builder, &observation), 0);
}

static struct batch batch_now(void)
{
	struct batch batch;

	builder_batch(builder, true, NOW_MS, &batch);
	return batch;
}

START_TEST(events_of_one_series_and_day_are_added_up)
{
	struct batch batch;

	for (int i = 0; i < 1000; i++)
		add(event("alpha", "removed", 18500 + i % 2, 1));
	add(event("alpha", "kept", 18500, 5));
	batch = batch_now();
	ck_assert_uint_eq(batch.series_count, 2);
	ck_assert_uint_eq(batch.observation_count, 3);
	ck_assert(batch.observations[0].value == 500);
	ck_assert_uint_eq(batch.observations[0].count, 500);
	ck_assert_int_eq(batch.observations[1].day, 18501);
	ck_assert_uint_eq(batch.observations[2].count, 1);
	ck_assert_uint_eq(batch.accepted, 1001);
}
END_TEST

START_TEST(levels_are_not_added_up)
{
	add(level(18500, 1));
	add(level(18500, 2));
	ck_assert_uint_eq(batch_now().observation_count, 2);
}
END_TEST

START_TEST(values_of_a_distribution_are_added_up_and_kept)
{
	struct strait_observation hours = event("alpha", NULL, 18500, 3);
	struct spread_reader reader;
	struct batch batch;
	uint32_t bucket;
	uint64_t count;

	hours.metric = HOURS;
	add(hours);
	hours.value = 100;
	add(hours);
	hours.value = 3;
	add(hours);
	batch = batch_now();
	ck_assert_uint_eq(batch.observation_count, 1);
	ck_assert(batch.observations[0].value == 106);
	ck_assert_uint_eq(batch.observations[0].count, 3);
	reader = spread_reader(batch.observations[0].spread, batch.observations[0].spread_size);
	ck_assert(spread_next(&reader, &bucket, &count));
	ck_assert(spread_value(bucket) == 3 && count == 2);
	ck_assert(spread_next(&reader, &bucket, &count));
	ck_assert(spread_value(bucket) == 100 && count == 1);
	ck_assert(!spread_next(&reader, &bucket, &count) && !reader.broken);
}
END_TEST

/* The same observations by number, many in one call, as one by one. */
START_TEST(addends_give_what_observations_give)
{
	const char *const labels[STRAIT_LABELS_MAX] = { "alpha", "removed" };
	struct strait_addend addends[3] = {
		{ .day = 18500, .value = 1, .count = 400, .rows = 400 },
		{ .day = 18501, .value = 2, .count = 1, .rows = 1 },
		{ .day = 18500, .value = 1, .count = 100, .rows = 0, .known_at_ms = 77 },
	};
	struct batch batch;
	int result = 0;
	long series = builder_handle(builder, EVENT, labels);

	ck_assert_int_ge(series, 0);
	for (int i = 0; i < 3; i++)
		addends[i].series = (uint32_t)series;
	for (int round = 0; round < 2; round++) { /* the number stays through batches */
		ck_assert_uint_eq(builder_add_sums(builder, addends, 3, &result), 3);
		ck_assert_int_eq(result, 0);
		batch = batch_now();
		ck_assert_uint_eq(batch.observation_count, 2);
		ck_assert_str_eq(batch.series[0].labels[1], "removed");
		ck_assert(batch.observations[0].value == 500);
		ck_assert_uint_eq(batch.observations[0].count, 500);
		ck_assert(batch.observations[1].value == 2);
		ck_assert_uint_eq(batch.accepted, 401);
		ck_assert_int_eq(builder_newest_ms(builder), 77);
		builder_next(builder);
	}
}
END_TEST

START_TEST(addends_that_are_no_good_are_rejects)
{
	const char *const labels[STRAIT_LABELS_MAX] = { "alpha", "removed" };
	const char *const bad[STRAIT_LABELS_MAX] = { "al{pha", "removed" };
	struct strait_addend good = { .day = 18500, .value = 1, .count = 1, .rows = 1 };
	struct strait_addend addends[5];
	int result = 0;

	ck_assert_int_eq(builder_handle(builder, EVENT, bad), -EINVAL);
	ck_assert_int_eq(builder_handle(builder, LEVEL, labels), -EINVAL);
	ck_assert_int_eq(builder_handle(builder, 99, labels), -EINVAL);
	good.series = (uint32_t)builder_handle(builder, EVENT, labels);
	for (int i = 0; i < 5; i++)
		addends[i] = good;
	addends[0].series = 17;
	addends[1].value = NAN;
	addends[2].day = -1;
	addends[3].count = 0;
	ck_assert_uint_eq(builder_add_sums(builder, addends, 5, &result), 5);
	ck_assert_int_eq(result, -EINVAL);
	ck_assert_uint_eq(batch_now().rejected, 4);
	ck_assert_uint_eq(batch_now().accepted, 1);
}
END_TEST

START_TEST(labels_are_told_apart_at_their_ends)
{
	add(event("ab", "c", 18500, 1));
	add(event("a", "bc", 18500, 1));
	ck_assert_uint_eq(batch_now().series_count, 2);
}
END_TEST

START_TEST(labels_are_copies)
{
	char platform[8] = "alpha";

	add(event(platform, "kept", 18500, 1));
	memset(platform, 'z', 5);
	ck_assert_str_eq(batch_now().series[0].labels[0], "alpha");
}
END_TEST

START_TEST(a_day_moves_to_the_start_of_its_period)
{
	struct strait_observation weekly = level(strait_day(2020, 9, 2), 100); /* a Wednesday */

	weekly.metric = WEEKLY;
	add(weekly);
	ck_assert_int_eq(batch_now().observations[0].day, strait_day(2020, 8, 31));
}
END_TEST

START_TEST(cells_of_one_row_are_one_accepted_row)
{
	for (unsigned int column = 1; column < 4; column++) {
		struct strait_observation cell = level(18500 + (int32_t)column, 1);

		cell.at = strait_at_cell(0, 7, column);
		add(cell);
	}
	for (uint32_t row = 8; row < 10; row++) {
		struct strait_observation cell = level(18500, 1);

		cell.at = strait_at_cell(0, row, 1);
		add(cell);
	}
	ck_assert_uint_eq(batch_now().accepted, 3);
}
END_TEST

START_TEST(identities_leave_only_as_keyed_hashes)
{
	struct batch batch;

	add(record("secret-person", 1000, "blocked", 1));
	add(record("secret-person", 2000, "refused", 1));
	add(record("other", 2000, "refused", 1));
	batch = batch_now();
	ck_assert(batch.observations[0].key == batch.observations[1].key);
	ck_assert(batch.observations[0].key != batch.observations[2].key);
	ck_assert(batch.observations[0].key == keyed_hash_of(hash, "secret-person"));
	ck_assert(batch.observations[0].key != 0);
}
END_TEST

START_TEST(the_hash_is_the_start_of_hmac_sha_256)
{
	/* RFC 4231, test case 2 has the key "Jefe"; zero bytes after it are the same key to HMAC.
	 */
	uint8_t key[KEYED_HASH_KEY_BYTES] = "Jefe";
	struct keyed_hash *jefe = keyed_hash_new(key);

	/* 5bdcc146bf60754e…, as a little-endian number */
	ck_assert_uint_eq(keyed_hash_of(jefe, "what do ya want for nothing?"),
			  UINT64_C(0x4e7560bf46c1dc5b));
	ck_assert_uint_eq(keyed_hash_of(jefe, "what do ya want for nothing?"),
			  UINT64_C(0x4e7560bf46c1dc5b));
	keyed_hash_free(jefe);
}
END_TEST

START_TEST(a_record_known_at_no_time_gets_that_of_the_release)
{
	struct batch batch;

	add(record("a", 0, "blocked", 1));
	add(record("b", 5000, "blocked", 1));
	batch = batch_now();
	ck_assert(batch.observations[0].known_at_ms == NOW_MS);
	ck_assert(batch.observations[1].known_at_ms == 5000);
	ck_assert(builder_newest_ms(builder) == 5000);
}
END_TEST

/* ── refusals ──────────────────────────────────────────────────────────────────────────────── */

static const struct refusal {
	const char *why;
	struct strait_observation observation;
} refusals[] = {
	{ "struct_size", { .struct_size = 8, .metric = LEVEL, .day = 1 } },
	{ "metric 5", { .metric = 5, .day = 1 } },
	{ "status 9", { .metric = LEVEL, .day = 1, .status = (enum strait_status)9 } },
	{ "not a number", { .metric = LEVEL, .day = 1, .value = NAN } },
	{ "not a number", { .metric = LEVEL, .day = 1, .value = -INFINITY } },
	{ "below 1e+15", { .metric = LEVEL, .day = 1, .value = 1e15 } },
	{ "below 1e+12", { .metric = EVENT, .day = 1, .value = -1e12, .labels = { "a", "x" } } },
	{ "day is not between", { .metric = LEVEL, .day = -1 } },
	{ "day is not between", { .metric = LEVEL, .day = 84006 } },
	{ "known_at",
	  { .metric = RECORD,
	    .day = 1,
	    .labels = { "a" },
	    .key = "k",
	    .known_at_ms = NOW_MS + 3 * 86400000LL } },
	{ "known_at",
	  { .metric = RECORD, .day = 1, .labels = { "a" }, .key = "k", .known_at_ms = -1 } },
	{ "needs a key", { .metric = RECORD, .day = 1, .labels = { "a" } } },
	{ "needs a key", { .metric = RECORD, .day = 1, .labels = { "a" }, .key = "" } },
	{ "only records", { .metric = LEVEL, .day = 1, .key = "k" } },
	{ "label is missing", { .metric = EVENT, .day = 1, .labels = { "alpha" } } },
	{ "label is empty", { .metric = EVENT, .day = 1, .labels = { "alpha", "" } } },
	{ "not allowed", { .metric = EVENT, .day = 1, .labels = { "a=b", "x" } } },
	{ "not allowed", { .metric = EVENT, .day = 1, .labels = { "a\nb", "x" } } },
	{ "not allowed", { .metric = EVENT, .day = 1, .labels = { "caf\xe9", "x" } } },
	{ "longer than 64",
	  { .metric = EVENT,
	    .day = 1,
	    .labels = { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			"x" } } },
};

START_TEST(refuses_and_says_why)
{
	struct strait_observation observation = refusals[_i].observation;
	struct batch batch;

	if (observation.struct_size == 0)
		observation.struct_size = sizeof(observation);
	observation.at = 77;
	ck_assert_int_eq(builder_add(builder, &observation), -EINVAL);
	batch = batch_now();
	ck_assert_uint_eq(batch.observation_count, 0);
	ck_assert_uint_eq(batch.accepted, 0);
	ck_assert_uint_eq(batch.rejected, 1);
	ck_assert_uint_eq(batch.rejects[0].at, 77);
	ck_assert_msg(strstr(batch.rejects[0].reason, refusals[_i].why) != NULL, "%s",
		      batch.rejects[0].reason);
}
END_TEST

START_TEST(a_key_must_not_be_too_long)
{
	char key[BUILDER_KEY_BYTES_MAX + 2];
	struct strait_observation observation = record(key, 1, "a", 1);

	memset(key, 'k', sizeof(key));
	key[BUILDER_KEY_BYTES_MAX] = '\0';
	ck_assert_int_eq(builder_add(builder, &observation), 0);
	key[BUILDER_KEY_BYTES_MAX] = 'k';
	key[BUILDER_KEY_BYTES_MAX + 1] = '\0';
	ck_assert_int_eq(builder_add(builder, &observation), -EINVAL);
}
END_TEST

START_TEST(missing_needs_no_value)
{
	struct strait_observation missing = level(18500, NAN);

	missing.status = STRAIT_MISSING;
	add(missing);
	ck_assert_uint_eq(batch_now().observations[0].status, STRAIT_MISSING);
}
END_TEST

static const struct masking {
	const char *raw, *expected;
} maskings[] = {
	{ "Ann Other,+44 7700 900123", "xxx xxxxx,+99 9999 999999" },
	{ "Zoë;é\xff!", "xxx;xx!" },
	{ "a\tb\n", "x x " },
	{ "", "" },
};

START_TEST(extracts_are_masked)
{
	builder_reject(builder, 3, maskings[_i].raw, strlen(maskings[_i].raw), "why");
	ck_assert_str_eq(batch_now().rejects[0].extract, maskings[_i].expected);
}
END_TEST

START_TEST(extracts_are_short_and_reasons_clean)
{
	char raw[5000];

	memset(raw, 'a', sizeof(raw));
	builder_reject(builder, 3, raw, sizeof(raw), "bad \xff\nbyte");
	builder_reject(builder, 4, NULL, 0, "nothing to show");
	ck_assert_uint_eq(strlen(batch_now().rejects[0].extract), BUILDER_EXTRACT_BYTES);
	ck_assert_str_eq(batch_now().rejects[0].reason, "bad ? byte");
	ck_assert_str_eq(batch_now().rejects[1].extract, "");
}
END_TEST

static void reject_numbered(int from, int to)
{
	char reason[32];

	for (int i = from; i < to; i++) {
		(void)snprintf(reason, sizeof(reason), "why %d", i);
		builder_reject(builder, strait_at_offset(1000 + (uint64_t)i), "x1", 2, reason);
	}
}

START_TEST(as_many_rejects_as_have_room_are_told_one_by_one)
{
	reject_numbered(0, BATCH_REJECTS_MAX);
	ck_assert_uint_eq(batch_now().reject_count, BATCH_REJECTS_MAX);
	ck_assert_str_eq(batch_now().rejects[BATCH_REJECTS_MAX - 1].reason, "why 255");
}
END_TEST

START_TEST(rejects_past_the_limit_are_summed_up_in_the_last)
{
	const struct batch_reject *last;

	reject_numbered(0, 300);
	ck_assert_str_eq(batch_now().rejects[BATCH_REJECTS_MAX - 1].reason,
			 "and 45 more rejected in this batch, up to byte 1299; the first of them: "
			 "why 255");
	reject_numbered(300, 1000);
	ck_assert_uint_eq(batch_now().reject_count, BATCH_REJECTS_MAX);
	ck_assert_uint_eq(batch_now().rejected, 1000);
	ck_assert_str_eq(batch_now().rejects[BATCH_REJECTS_MAX - 2].reason, "why 254");
	last = &batch_now().rejects[BATCH_REJECTS_MAX - 1];
	ck_assert_uint_eq(last->at, 1255);
	ck_assert_str_eq(last->reason,
			 "and 745 more rejected in this batch, up to byte 1999; the first of them: "
			 "why 255");
	ck_assert_str_eq(last->extract, "x9");
	builder_next(builder);
	ck_assert_uint_eq(batch_now().rejected, 0);
	ck_assert_uint_eq(builder_rejected(builder), 1000);
	reject_numbered(0, BATCH_REJECTS_MAX); /* the next batch begins anew */
	ck_assert_str_eq(batch_now().rejects[BATCH_REJECTS_MAX - 1].reason, "why 255");
}
END_TEST

START_TEST(the_sum_of_rejects_names_its_last_cell)
{
	(void)builder_sheet(builder, "Notes");
	(void)builder_sheet(builder, "Data");
	for (uint32_t row = 0; row < 257; row++)
		builder_reject(builder, strait_at_cell(1, row, 27), NULL, 0, "'x' is no number");
	ck_assert_str_eq(batch_now().rejects[BATCH_REJECTS_MAX - 1].reason,
			 "and 2 more rejected in this batch, up to Data!AB257; the first of them: "
			 "'x' is no number");
}
END_TEST

/* ── the share of rows with rejects ────────────────────────────────────────────────────────── */

START_TEST(a_row_with_good_and_bad_cells_is_one_row)
{
	struct strait_observation cell = level(18500, 1);

	for (uint32_t row = 0; row < 10; row++) {
		for (unsigned int column = 0; column < 5; column++) {
			cell.at = strait_at_cell(0, row, column);
			if (row < 3 && column % 2 == 1)
				builder_reject(builder, cell.at, "x", 1, "no number");
			else
				add(cell);
		}
	}
	ck_assert_uint_eq(builder_rejected(builder), 6);
	ck_assert_uint_eq(builder_rows(builder), 10);
	ck_assert_uint_eq(builder_rows_rejected(builder), 3);
}
END_TEST

START_TEST(rows_are_told_apart_by_their_place)
{
	struct strait_observation refused = level(-1, 1);

	builder_reject(builder, strait_at_offset(10), "x", 1, "first cell");
	builder_reject(builder, strait_at_offset(10), "x", 1, "second cell");
	builder_reject(builder, strait_at_offset(20), "x", 1, "first cell");
	refused.at = strait_at_offset(20);
	ck_assert_int_eq(builder_add(builder, &refused), -EINVAL);
	builder_reject(builder, 0, "x", 1, "nobody said where");
	builder_reject(builder, 0, "x", 1, "nobody said where");
	builder_next(builder); /* the share is that of the release */
	builder_reject(builder, strait_at_cell(0, 1, 1), "x", 1, "row 2");
	builder_reject(builder, strait_at_cell(1, 1, 1), "x", 1, "row 2 of another sheet");
	ck_assert_uint_eq(builder_rows(builder), 6);
	ck_assert_uint_eq(builder_rows_rejected(builder), 6);
	builder_begin(builder, NOW_MS);
	ck_assert_uint_eq(builder_rows(builder), 0);
	ck_assert_uint_eq(builder_rows_rejected(builder), 0);
}
END_TEST

/* ── cuts ──────────────────────────────────────────────────────────────────────────────────── */

/* Emits as the worker does; returns the number of batches, the last one not counted. */
static unsigned int emit_cutting(struct strait_observation observation, size_t *ret_sizes)
{
	unsigned int cuts = 0;

	if (builder_full(builder, &observation)) {
		ret_sizes[cuts++] = batch_now().observation_count;
		builder_next(builder);
	}
	add(observation);
	return cuts;
}

START_TEST(a_batch_is_full_before_it_is_too_large)
{
	size_t sizes[8] = { 0 }, cuts = 0;

	for (int32_t i = 0; i < 40000; i++)
		cuts += emit_cutting(level(i, i), sizes + cuts);
	ck_assert_uint_eq(cuts, 2);
	ck_assert_uint_eq(sizes[0], sizes[1]);
	ck_assert_uint_le(sizes[0], BATCH_OBSERVATIONS_MAX);
	ck_assert_uint_eq(batch_now().first, sizes[0] + sizes[1]);
	ck_assert_uint_eq(batch_now().first + batch_now().observation_count, 40000);
}
END_TEST

START_TEST(a_version_is_never_cut)
{
	size_t sizes[64] = { 0 }, cuts = 0;
	char key[32];

	for (int i = 0; i < 2000; i++) {
		(void)snprintf(key, sizeof(key), "record %d", i);
		for (int part = 0; part < 30; part++)
			cuts += emit_cutting(record(key, 1000, "blocked", 1), sizes + cuts);
	}
	ck_assert_uint_gt(cuts, 2);
	for (size_t i = 0; i < cuts; i++)
		ck_assert_uint_eq(sizes[i] % 30, 0);
}
END_TEST

START_TEST(a_version_has_a_greatest_size)
{
	struct strait_observation part = record("a", 1000, "blocked", 1);

	for (unsigned int i = 0; i < BATCH_VERSION_PARTS_MAX; i++)
		add(part);
	ck_assert_int_eq(builder_add(builder, &part), -EINVAL);
	part.rank = 1;
	add(part);
}
END_TEST

START_TEST(the_worst_batch_fits_its_frame)
{
	struct evbuffer *out = evbuffer_new();
	struct message_header header = { .generation = 1, .sequence = 1 };
	struct message_scratch *scratch = message_scratch_new();
	char label[STRAIT_LABEL_MAX_BYTES + 1], reason[400], raw[400], sheet[200];
	struct strait_observation observation = record("k", 1000, label, 1);
	struct batch batch, got;
	struct fault fault = { 0 };
	struct frame frame;

	memset(label, 'l', sizeof(label) - 1);
	memset(reason, 'r', sizeof(reason) - 1);
	memset(raw, 'x', sizeof(raw));
	memset(sheet, 's', sizeof(sheet) - 1);
	label[sizeof(label) - 1] = reason[sizeof(reason) - 1] = sheet[sizeof(sheet) - 1] = '\0';
	for (unsigned int i = 0; i < 200; i++) {
		(void)snprintf(sheet, 10, "%9u", i);
		sheet[9] = 's';
		(void)builder_sheet(builder, sheet);
	}
	for (unsigned int i = 0; !builder_full(builder, &observation); i++) {
		(void)snprintf(label, 10, "%9u", i % 3000);
		label[9] = 'l';
		observation.rank = i;
		add(observation);
		observation.rank = i + 1;
	}
	for (unsigned int i = 0; i < BATCH_VERSION_PARTS_MAX;
	     i++) { /* the version that was open goes on */
		(void)snprintf(label, 10, "%9u", 4000 + i);
		label[9] = 'l';
		observation.rank--;
		(void)builder_add(builder, &observation);
		observation.rank++;
	}
	for (unsigned int i = 0; i < 300; i++)
		builder_reject(builder, i, raw, sizeof(raw), reason);
	builder_batch(builder, true, NOW_MS, &batch);
	batch.number = 1;
	batch.release.name = "a";
	batch.release.dataset = batch.release.url = "";
	batch.release.published_at_ms = NOW_MS;
	ck_assert_int_eq(message_put_batch(out, header, &batch), 0);
	ck_assert_int_eq(frame_peek(out, &frame, &fault), 1);
	ck_assert_msg(message_get_batch(&frame, scratch, &got, &fault) == 0, "%s", fault.text);
	ck_assert_uint_eq(got.observation_count, batch.observation_count);
	evbuffer_free(out);
	message_scratch_free(scratch);
}
END_TEST

START_TEST(the_same_input_is_cut_at_the_same_places)
{
	size_t sizes[2][64] = { 0 }, cuts[2] = { 0, 0 };
	char label[32];

	for (int pass = 0; pass < 2; pass++) {
		builder_begin(builder, NOW_MS + pass);
		for (int i = 0; i < 60000; i++) {
			(void)snprintf(label, sizeof(label), "platform %d", i % 7000);
			cuts[pass] += emit_cutting(event(label, "kept", 18000 + i % 9, 1),
						   sizes[pass] + cuts[pass]);
		}
	}
	ck_assert_uint_gt(cuts[0], 1);
	ck_assert_uint_eq(cuts[0], cuts[1]);
	ck_assert_mem_eq(sizes[0], sizes[1], sizeof(sizes[0]));
}
END_TEST

/* ── sheets and coverage ───────────────────────────────────────────────────────────────────── */

START_TEST(sheets_are_numbered_once)
{
	ck_assert_uint_eq(builder_sheet(builder, "Data"), 0);
	ck_assert_uint_eq(builder_sheet(builder, "Notes"), 1);
	ck_assert_uint_eq(builder_sheet(builder, "Data"), 0);
	ck_assert_uint_eq(batch_now().release.sheet_count, 2);
}
END_TEST

START_TEST(coverage_widens_and_comes_last)
{
	struct batch batch;

	ck_assert(builder_cover(builder, LEVEL, 100, 200));
	ck_assert(builder_cover(builder, LEVEL, 150, 300));
	ck_assert(builder_cover(builder, LEVEL, 50, 60));
	ck_assert(!builder_cover(builder, LEVEL, 200, 100));
	ck_assert(!builder_cover(builder, EVENT, 100, 200));
	ck_assert(!builder_cover(builder, 99, 100, 200));
	builder_batch(builder, false, NOW_MS, &batch);
	ck_assert_uint_eq(batch.release.coverage_count, 0);
	builder_next(builder);
	builder_batch(builder, true, NOW_MS, &batch);
	ck_assert_uint_eq(batch.release.coverage_count, 1);
	ck_assert_int_eq(batch.release.coverage[0].first, 50);
	ck_assert_int_eq(batch.release.coverage[0].last, 300);
}
END_TEST

START_TEST(a_new_release_starts_empty)
{
	add(level(18500, 1));
	builder_reject(builder, 1, "x", 1, "why");
	(void)builder_sheet(builder, "Data");
	(void)builder_cover(builder, LEVEL, 1, 2);
	ck_assert(!builder_empty(builder));
	builder_begin(builder, NOW_MS);
	ck_assert(builder_empty(builder));
	ck_assert_uint_eq(builder_rejected(builder), 0);
	ck_assert_uint_eq(batch_now().first, 0);
	ck_assert_uint_eq(batch_now().release.sheet_count, 0);
	ck_assert_uint_eq(batch_now().release.coverage_count, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("builder");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, events_of_one_series_and_day_are_added_up);
	tcase_add_test(tcase, levels_are_not_added_up);
	tcase_add_test(tcase, values_of_a_distribution_are_added_up_and_kept);
	tcase_add_test(tcase, addends_give_what_observations_give);
	tcase_add_test(tcase, addends_that_are_no_good_are_rejects);
	tcase_add_test(tcase, labels_are_told_apart_at_their_ends);
	tcase_add_test(tcase, labels_are_copies);
	tcase_add_test(tcase, a_day_moves_to_the_start_of_its_period);
	tcase_add_test(tcase, cells_of_one_row_are_one_accepted_row);
	tcase_add_test(tcase, identities_leave_only_as_keyed_hashes);
	tcase_add_test(tcase, the_hash_is_the_start_of_hmac_sha_256);
	tcase_add_test(tcase, a_record_known_at_no_time_gets_that_of_the_release);
	tcase_add_loop_test(tcase, refuses_and_says_why, 0, sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_test(tcase, a_key_must_not_be_too_long);
	tcase_add_test(tcase, missing_needs_no_value);
	tcase_add_loop_test(tcase, extracts_are_masked, 0, sizeof(maskings) / sizeof(maskings[0]));
	tcase_add_test(tcase, extracts_are_short_and_reasons_clean);
	tcase_add_test(tcase, as_many_rejects_as_have_room_are_told_one_by_one);
	tcase_add_test(tcase, rejects_past_the_limit_are_summed_up_in_the_last);
	tcase_add_test(tcase, the_sum_of_rejects_names_its_last_cell);
	tcase_add_test(tcase, a_row_with_good_and_bad_cells_is_one_row);
	tcase_add_test(tcase, rows_are_told_apart_by_their_place);
	tcase_add_test(tcase, a_batch_is_full_before_it_is_too_large);
	tcase_add_test(tcase, a_version_is_never_cut);
	tcase_add_test(tcase, a_version_has_a_greatest_size);
	tcase_add_test(tcase, the_worst_batch_fits_its_frame);
	tcase_add_test(tcase, the_same_input_is_cut_at_the_same_places);
	tcase_add_test(tcase, sheets_are_numbered_once);
	tcase_add_test(tcase, coverage_widens_and_comes_last);
	tcase_add_test(tcase, a_new_release_starts_empty);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
