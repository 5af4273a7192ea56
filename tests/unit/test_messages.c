/* SPDX-License-Identifier: MIT
 *
 * test_messages.c - every message survives the way there; no truncation and no flipped byte of one
 * is more than a fault.
 *
 * Each frame is copied to memory of exactly its size before it is decoded, so that ASan sees a read
 * past its end.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "messages.h"

static struct evbuffer *out;
static struct message_scratch *scratch;
static const struct message_header header = { .generation = 7, .sequence = 42 };

static void set_up(void)
{
	out = evbuffer_new();
	scratch = message_scratch_new();
	ck_assert(out && scratch);
}

static void tear_down(void)
{
	evbuffer_free(out);
	message_scratch_free(scratch);
}

/* ── samples ───────────────────────────────────────────────────────────────────────────────── */

static const struct message_option options[] = { { "column.id", "mmsi" },
						 { "zone", "Europe/London" } };
static const struct message_configure configure = { .source = "home-office",
						    .plugin = "home_office",
						    .plugin_path = "/lib/home_office.so",
						    .incoming = "/spool/incoming",
						    .log = "",
						    .identity_key = { 1, 2, 3, [31] = 9 },
						    .reject_limit = 250,
						    .check_only = true,
						    .options = options,
						    .option_count = 2 };
static const struct message_start start = { .batch = 12, .cursor = "\1\0cursor", .cursor_size = 8 };
static const struct message_proceed proceed = { .skip = false,
						.observations = 16384,
						.published_at_ms = -5 };
static const struct message_document document = { .name = "2020-09-02 Zahlen.ods",
						  .file = { 64769, 1234567, 70000,
							    UINT64_C(1700000000123456789) },
						  .sha256 = { 0xab, [31] = 1 } };
static const struct batch_reject failed_rejects[] = {
	{ .at = UINT64_C(1) << 63 | 7, .reason = "no date", .extract = "xx/99" },
	{ .at = 0, .reason = "", .extract = "" },
};
static const struct message_failed failed = { .name = "a.csv",
					      .reason = "no column 'Date'",
					      .rejected = 3,
					      .class_ = STRAIT_FAULT_DRIFTED,
					      .sheets = { "SB_01", "Notes" },
					      .sheet_count = 2,
					      .rejects = failed_rejects,
					      .reject_count = 2 };
static const struct message_log line = { .level = 4, .text = "careful" };
static const struct message_heartbeat heartbeat = {
	.lag_ms = 5, .allowed_block_s = 60, .progress = 0.25, .catches_up = 1
};
static const struct message_fault fault_message = { .class_ = STRAIT_FAULT_INPUT,
						    .text = "broken" };

#define TEXT(literal)                                                                              \
	((char *)(literal)) /* declarations own their texts; these are never freed                 \
			     */

static struct metric_declaration metrics[] = {
	{ .name = TEXT("arrivals.people"),
	  .unit = TEXT("people"),
	  .title = TEXT("People"),
	  .kind = STRAIT_LEVEL,
	  .granularity = STRAIT_DAY },
	{ .name = TEXT("referrals.hours"),
	  .unit = TEXT("hours"),
	  .title = TEXT("Hours"),
	  .kind = STRAIT_RECORD,
	  .granularity = STRAIT_WEEK,
	  .flags = STRAIT_METRIC_DISTRIBUTION,
	  .labels = { TEXT("platform"), TEXT("outcome") } },
};
static struct figure_declaration figures[] = {
	{ .name = TEXT("arrivals.people.latest"),
	  .formula = TEXT("arrivals.people"),
	  .window = TEXT("latest"),
	  .unit = TEXT("people"),
	  .title = TEXT("Now") },
};
static struct check_declaration checks[] = {
	{ .name = TEXT("weekly"),
	  .left = TEXT("arrivals.people_weekly"),
	  .right = TEXT("arrivals.people"),
	  .every = TEXT("week"),
	  .tolerance = TEXT("0.5 %"),
	  .title = TEXT("Weeks") },
};
static const struct declaration declaration = { .plugin = TEXT("home_office"),
						.version = TEXT("1.0"),
						.summary = TEXT("What is published"),
						.metrics = metrics,
						.metric_count = 2,
						.figures = figures,
						.figure_count = 1,
						.checks = checks,
						.check_count = 1 };

static const struct batch_series series[] = { { .metric = 0 },
					      { .metric = 1, .labels = { "alpha", "blocked" } } };
static const struct batch_observation observations[] = {
	{ .series = 0,
	  .day = 18507,
	  .status = STRAIT_PROVISIONAL,
	  .value = 409,
	  .at = 7,
	  .count = 1 },
	{ .series = 0, .day = 18508, .status = STRAIT_MISSING, .at = 8, .count = 1 },
	{ .series = 0, .day = 18509, .status = STRAIT_FINAL, .value = 12, .at = 9, .count = 300 },
	{ .series = 1,
	  .day = 18510,
	  .status = STRAIT_FINAL,
	  .value = -1.5,
	  .at = STRAIT_AT_CELL | 3,
	  .key = 77,
	  .replaces = 78,
	  .known_at_ms = 1599080400000,
	  .rank = 2,
	  .count = 1 },
};
static const struct batch_reject rejects[] = {
	{ .at = 99, .reason = "no day", .extract = "99/99/9999,xxx" }
};
static const struct batch_coverage coverage[] = { { .metric = 0, .first = 18262, .last = 18627 } };
static const struct batch batch = { .number = 13,
				    .release = { .name = "a.ods",
						 .dataset = "daily",
						 .url = "https://example.org/a.ods",
						 .sha256 = { 5 },
						 .size = 1000,
						 .offset = 0,
						 .published_at_ms = 1599080400000,
						 .sheets = { "Data", "Notes" },
						 .sheet_count = 2,
						 .coverage = coverage,
						 .coverage_count = 1 },
				    .final = true,
				    .first = 16384,
				    .accepted = 3,
				    .rejected = 5,
				    .series = series,
				    .series_count = 2,
				    .observations = observations,
				    .observation_count = 4,
				    .rejects = rejects,
				    .reject_count = 1,
				    .cursor = "c",
				    .cursor_size = 1 };

/* ── one row a message: how to put the sample, how to decode whatever comes ──────────────── */

static int put_configure(void)
{
	return message_put_configure(out, header, &configure);
}

static int put_start(void)
{
	return message_put_start(out, header, &start);
}

static int put_proceed(void)
{
	return message_put_proceed(out, header, &proceed);
}

static int put_committed(void)
{
	return message_put_committed(out, header, 13);
}

static int put_stop(void)
{
	return message_put_stop(out, header, 2000);
}

static const struct sandbox_layers sandbox = { .landlock_abi = 7, .seccomp = true };

static int put_ready(void)
{
	return message_put_ready(out, header, &declaration, &sandbox);
}

static int put_document(void)
{
	return message_put_document(out, header, &document);
}

static int put_batch(void)
{
	return message_put_batch(out, header, &batch);
}

static int put_failed(void)
{
	return message_put_failed(out, header, &failed);
}

static int put_log(void)
{
	return message_put_log(out, header, &line);
}

static int put_heartbeat(void)
{
	return message_put_heartbeat(out, header, &heartbeat);
}

static int put_fault(void)
{
	return message_put_fault(out, header, &fault_message);
}

static int put_stopped(void)
{
	return message_put_stopped(out, header);
}

static int get_configure(const struct frame *frame, struct fault *fault)
{
	struct message_configure got;

	return message_get_configure(frame, scratch, &got, fault);
}

static int get_start(const struct frame *frame, struct fault *fault)
{
	struct message_start got;

	return message_get_start(frame, &got, fault);
}

static int get_proceed(const struct frame *frame, struct fault *fault)
{
	struct message_proceed got;

	return message_get_proceed(frame, &got, fault);
}

static int get_committed(const struct frame *frame, struct fault *fault)
{
	uint64_t got;

	return message_get_committed(frame, &got, fault);
}

static int get_stop(const struct frame *frame, struct fault *fault)
{
	uint32_t got;

	return message_get_stop(frame, &got, fault);
}

static int get_ready(const struct frame *frame, struct fault *fault)
{
	struct declaration got;
	struct sandbox_layers got_sandbox;
	int result = message_get_ready(frame, &got, &got_sandbox, fault);

	if (result == 0)
		declaration_done(&got);
	return result;
}

static int get_document(const struct frame *frame, struct fault *fault)
{
	struct message_document got;

	return message_get_document(frame, &got, fault);
}

static int get_batch(const struct frame *frame, struct fault *fault)
{
	struct batch got;
	int result = message_get_batch(frame, scratch, &got, fault);
	size_t bytes = 0;

	/* What was accepted must be usable: touch all of it. */
	for (size_t i = 0; result == 0 && i < got.observation_count; i++) {
		ck_assert_uint_lt(got.observations[i].series, got.series_count);
		ck_assert(got.observations[i].count > 0);
	}
	for (size_t i = 0; result == 0 && i < got.series_count; i++) {
		for (size_t j = 0; j < STRAIT_LABELS_MAX; j++)
			bytes += got.series[i].labels[j] ? strlen(got.series[i].labels[j]) : 0;
	}
	for (size_t i = 0; result == 0 && i < got.reject_count; i++)
		bytes += strlen(got.rejects[i].reason) + strlen(got.rejects[i].extract);
	ck_assert_uint_lt(bytes, FRAME_MAX_BYTES);
	return result;
}

static int get_failed(const struct frame *frame, struct fault *fault)
{
	struct message_failed got;

	return message_get_failed(frame, scratch, &got, fault);
}

static int get_log(const struct frame *frame, struct fault *fault)
{
	struct message_log got;

	return message_get_log(frame, &got, fault);
}

static int get_heartbeat(const struct frame *frame, struct fault *fault)
{
	struct message_heartbeat got;

	return message_get_heartbeat(frame, &got, fault);
}

static int get_fault(const struct frame *frame, struct fault *fault)
{
	struct message_fault got;

	return message_get_fault(frame, &got, fault);
}

static const struct codec {
	enum message_type type;
	int (*put)(void);
	int (*get)(const struct frame *frame, struct fault *fault);
} codecs[] = {
	{ MESSAGE_CONFIGURE, put_configure, get_configure },
	{ MESSAGE_START, put_start, get_start },
	{ MESSAGE_PROCEED, put_proceed, get_proceed },
	{ MESSAGE_COMMITTED, put_committed, get_committed },
	{ MESSAGE_STOP, put_stop, get_stop },
	{ MESSAGE_READY, put_ready, get_ready },
	{ MESSAGE_DOCUMENT, put_document, get_document },
	{ MESSAGE_BATCH, put_batch, get_batch },
	{ MESSAGE_FAILED, put_failed, get_failed },
	{ MESSAGE_LOG, put_log, get_log },
	{ MESSAGE_HEARTBEAT, put_heartbeat, get_heartbeat },
	{ MESSAGE_FAULT, put_fault, get_fault },
	{ MESSAGE_STOPPED, put_stopped, message_get_stopped },
};
#define CODECS (int)(sizeof(codecs) / sizeof(codecs[0]))

/* The frame in memory of exactly its size; to be freed. */
static unsigned char *put_frame(int (*put)(void), struct frame *ret_frame)
{
	struct fault fault = { 0 };
	unsigned char *payload;

	ck_assert_int_eq(put(), 0);
	ck_assert_msg(frame_peek(out, ret_frame, &fault) == 1, "%s", fault.text);
	ck_assert_uint_eq(evbuffer_get_length(out), FRAME_HEADER_BYTES + ret_frame->payload_size);
	payload = malloc(ret_frame->payload_size + !ret_frame->payload_size);
	ck_assert_ptr_nonnull(payload);
	memcpy(payload, ret_frame->payload, ret_frame->payload_size);
	ret_frame->payload = payload;
	evbuffer_drain(out, FRAME_HEADER_BYTES + ret_frame->payload_size);
	return payload;
}

START_TEST(a_sample_of_each_message_is_accepted)
{
	struct fault fault = { 0 };
	struct frame frame;
	unsigned char *payload = put_frame(codecs[_i].put, &frame);

	ck_assert_uint_eq(frame.type, codecs[_i].type);
	ck_assert_uint_eq(frame.generation, 7);
	ck_assert_uint_eq(frame.sequence, 42);
	ck_assert_msg(codecs[_i].get(&frame, &fault) == 0, "%s", fault.text);
	free(payload);
}
END_TEST

START_TEST(every_truncation_is_a_fault)
{
	struct frame frame, shorter;
	unsigned char *payload = put_frame(codecs[_i].put, &frame);

	for (size_t size = 0; size < frame.payload_size; size++) {
		struct fault fault = { 0 };
		unsigned char *copy = malloc(size + !size);

		memcpy(copy, payload, size);
		shorter = frame;
		shorter.payload = copy;
		shorter.payload_size = size;
		ck_assert_msg(codecs[_i].get(&shorter, &fault) < 0, "%s cut to %zu bytes",
			      message_name(frame.type), size);
		ck_assert_int_eq(fault.kind, FAULT_PROTOCOL);
		free(copy);
	}
	free(payload);
}
END_TEST

START_TEST(bytes_left_over_are_a_fault)
{
	struct fault fault = { 0 };
	struct frame frame;
	unsigned char *payload = put_frame(codecs[_i].put, &frame);
	unsigned char *copy = calloc(1, frame.payload_size + 1);

	memcpy(copy, payload, frame.payload_size);
	frame.payload = copy;
	frame.payload_size++;
	ck_assert_int_lt(codecs[_i].get(&frame, &fault), 0);
	ck_assert_int_eq(fault.kind, FAULT_PROTOCOL);
	free(payload);
	free(copy);
}
END_TEST

START_TEST(no_changed_byte_does_harm)
{
	struct frame frame;
	unsigned char *payload = put_frame(codecs[_i].put, &frame);

	for (size_t at = 0; at < frame.payload_size; at++) {
		unsigned char good = payload[at];

		for (unsigned int value = 0; value < 256; value++) {
			struct fault fault = { 0 };

			payload[at] = (unsigned char)value;
			if (codecs[_i].get(&frame, &fault) < 0)
				ck_assert_int_eq(fault.kind, FAULT_PROTOCOL);
		}
		payload[at] = good;
	}
	free(payload);
}
END_TEST

START_TEST(another_type_is_a_fault)
{
	struct fault fault = { 0 };
	struct frame frame;
	unsigned char *payload = put_frame(codecs[_i].put, &frame);

	frame.type = codecs[(_i + 1) % CODECS].type;
	ck_assert_int_lt(codecs[_i].get(&frame, &fault), 0);
	ck_assert_msg(strstr(fault.text, message_name(codecs[_i].type)) != NULL, "%s", fault.text);
	free(payload);
}
END_TEST

/* ── contents ──────────────────────────────────────────────────────────────────────────────── */

START_TEST(configure_arrives_whole)
{
	struct message_configure got;
	struct frame frame;
	unsigned char *payload = put_frame(put_configure, &frame);

	ck_assert_int_eq(message_get_configure(&frame, scratch, &got, NULL), 0);
	ck_assert_str_eq(got.source, "home-office");
	ck_assert_str_eq(got.plugin, "home_office");
	ck_assert_str_eq(got.plugin_path, "/lib/home_office.so");
	ck_assert_str_eq(got.incoming, "/spool/incoming");
	ck_assert_str_eq(got.log, "");
	ck_assert_mem_eq(got.identity_key, configure.identity_key, 32);
	ck_assert_uint_eq(got.reject_limit, 250);
	ck_assert(got.check_only);
	ck_assert_uint_eq(got.option_count, 2);
	ck_assert_str_eq(got.options[1].key, "zone");
	ck_assert_str_eq(got.options[1].value, "Europe/London");
	free(payload);
}
END_TEST

START_TEST(a_failure_with_more_rejects_than_it_counts_is_a_fault)
{
	struct message_failed got, wrong = failed;
	struct fault fault = { 0 };
	struct frame frame;

	wrong.rejected = 1;
	ck_assert_int_eq(message_put_failed(out, header, &wrong), 0);
	ck_assert_int_eq(frame_peek(out, &frame, &fault), 1);
	ck_assert_int_eq(message_get_failed(&frame, scratch, &got, &fault), -1);
	ck_assert_int_eq(fault.kind, FAULT_PROTOCOL);
}
END_TEST

START_TEST(the_short_messages_arrive_whole)
{
	struct message_start got_start;
	struct message_proceed got_proceed;
	struct message_document got_document;
	struct message_failed got_failed;
	struct message_heartbeat got_heartbeat;
	struct frame frame;
	unsigned char *payload = put_frame(put_start, &frame);

	ck_assert_int_eq(message_get_start(&frame, &got_start, NULL), 0);
	ck_assert_uint_eq(got_start.batch, 12);
	ck_assert_uint_eq(got_start.cursor_size, 8);
	ck_assert_mem_eq(got_start.cursor, start.cursor, 8);
	free(payload);
	payload = put_frame(put_proceed, &frame);
	ck_assert_int_eq(message_get_proceed(&frame, &got_proceed, NULL), 0);
	ck_assert(!got_proceed.skip);
	ck_assert_uint_eq(got_proceed.observations, 16384);
	ck_assert_int_eq(got_proceed.published_at_ms, -5);
	free(payload);
	payload = put_frame(put_document, &frame);
	ck_assert_int_eq(message_get_document(&frame, &got_document, NULL), 0);
	ck_assert_str_eq(got_document.name, document.name);
	ck_assert(file_identity_same(&got_document.file, &document.file));
	ck_assert_uint_eq(got_document.file.size, 70000);
	ck_assert_mem_eq(got_document.sha256, document.sha256, SHA256_BYTES);
	free(payload);
	payload = put_frame(put_failed, &frame);
	ck_assert_int_eq(message_get_failed(&frame, scratch, &got_failed, NULL), 0);
	ck_assert_str_eq(got_failed.reason, failed.reason);
	ck_assert_uint_eq(got_failed.rejected, 3);
	ck_assert_uint_eq(got_failed.class_, STRAIT_FAULT_DRIFTED);
	ck_assert_uint_eq(got_failed.sheet_count, 2);
	ck_assert_str_eq(got_failed.sheets[1], "Notes");
	ck_assert_uint_eq(got_failed.reject_count, 2);
	ck_assert_uint_eq(got_failed.rejects[0].at, UINT64_C(1) << 63 | 7);
	ck_assert_str_eq(got_failed.rejects[0].reason, "no date");
	ck_assert_str_eq(got_failed.rejects[0].extract, "xx/99");
	free(payload);
	payload = put_frame(put_heartbeat, &frame);
	ck_assert_int_eq(message_get_heartbeat(&frame, &got_heartbeat, NULL), 0);
	ck_assert_uint_eq(got_heartbeat.allowed_block_s, 60);
	ck_assert(got_heartbeat.progress == 0.25);
	ck_assert_uint_eq(got_heartbeat.catches_up, 1);
	free(payload);
}
END_TEST

START_TEST(a_declaration_arrives_as_a_copy)
{
	struct declaration got;
	struct sandbox_layers got_sandbox;
	struct frame frame;
	unsigned char *payload = put_frame(put_ready, &frame);

	ck_assert_int_eq(message_get_ready(&frame, &got, &got_sandbox, NULL), 0);
	ck_assert_uint_eq(got_sandbox.landlock_abi, 7);
	ck_assert(got_sandbox.seccomp);
	free(payload);
	ck_assert_str_eq(got.plugin, "home_office");
	ck_assert_uint_eq(got.metric_count, 2);
	ck_assert_str_eq(got.metrics[1].name, "referrals.hours");
	ck_assert_int_eq(got.metrics[1].kind, STRAIT_RECORD);
	ck_assert_int_eq(got.metrics[1].granularity, STRAIT_WEEK);
	ck_assert_uint_eq(got.metrics[1].flags, STRAIT_METRIC_DISTRIBUTION);
	ck_assert_str_eq(got.metrics[1].labels[1], "outcome");
	ck_assert_ptr_null(got.metrics[1].labels[2]);
	ck_assert_uint_eq(got.figure_count, 1);
	ck_assert_str_eq(got.figures[0].formula, "arrivals.people");
	ck_assert_uint_eq(got.check_count, 1);
	ck_assert_str_eq(got.checks[0].name, "weekly");
	ck_assert_str_eq(got.checks[0].right, "arrivals.people");
	ck_assert_str_eq(got.checks[0].tolerance, "0.5 %");
	declaration_done(&got);
}
END_TEST

START_TEST(a_batch_arrives_whole)
{
	struct batch got;
	struct frame frame;
	unsigned char *payload = put_frame(put_batch, &frame);

	ck_assert_int_eq(message_get_batch(&frame, scratch, &got, NULL), 0);
	ck_assert_uint_eq(got.number, 13);
	ck_assert(got.final);
	ck_assert_uint_eq(got.first, 16384);
	ck_assert_uint_eq(got.accepted, 3);
	ck_assert_uint_eq(got.rejected, 5);
	ck_assert_str_eq(got.release.url, "https://example.org/a.ods");
	ck_assert_str_eq(got.release.sheets[1], "Notes");
	ck_assert_int_eq(got.release.coverage[0].last, 18627);
	ck_assert_ptr_null(got.series[0].labels[0]);
	ck_assert_str_eq(got.series[1].labels[1], "blocked");
	ck_assert_ptr_null(got.series[1].labels[2]);
	ck_assert(got.observations[0].value == 409);
	ck_assert(isnan(got.observations[1].value));
	ck_assert_uint_eq(got.observations[1].status, STRAIT_MISSING);
	ck_assert_uint_eq(got.observations[2].count, 300);
	ck_assert_uint_eq(got.observations[3].key, 77);
	ck_assert_uint_eq(got.observations[3].replaces, 78);
	ck_assert(got.observations[3].known_at_ms == 1599080400000);
	ck_assert_uint_eq(got.observations[3].rank, 2);
	ck_assert(got.observations[3].at == (STRAIT_AT_CELL | 3));
	ck_assert_str_eq(got.rejects[0].extract, "99/99/9999,xxx");
	ck_assert_uint_eq(got.cursor_size, 1);
	free(payload);
}
END_TEST

/* ── batches that must not get through ─────────────────────────────────────────────────────── */

static const struct bad_observation {
	const char *what;
	struct batch_observation observation;
} bad_observations[] = {
	{ "series out of range", { .series = 2, .status = STRAIT_FINAL, .day = 1 } },
	{ "day out of range", { .status = STRAIT_FINAL, .day = -1 } },
	{ "day out of range", { .status = STRAIT_FINAL, .day = 84006 } },
	{ "no such status", { .status = 0, .day = 1 } },
	{ "no such status", { .status = 6, .day = 1 } },
	{ "value out of range", { .status = STRAIT_FINAL, .day = 1, .value = NAN } },
	{ "value out of range", { .status = STRAIT_FINAL, .day = 1, .value = INFINITY } },
	{ "value out of range", { .status = STRAIT_FINAL, .day = 1, .value = -1e15 } },
	{ "time out of range", { .status = STRAIT_FINAL, .day = 1, .key = 1, .known_at_ms = -1 } },
	{ "time out of range",
	  { .status = STRAIT_FINAL, .day = 1, .key = 1, .known_at_ms = INT64_MAX } },
};

static struct batch changed;

static int put_changed(void)
{
	return message_put_batch(out, header, &changed);
}

START_TEST(refuses_an_observation_with)
{
	struct fault fault = { 0 };
	struct batch got;
	struct frame frame;
	unsigned char *payload;

	changed = batch;
	changed.observations = &bad_observations[_i].observation;
	changed.observation_count = 1;
	payload = put_frame(put_changed, &frame);
	ck_assert_int_eq(message_get_batch(&frame, scratch, &got, &fault), -1);
	ck_assert_msg(strstr(fault.text, bad_observations[_i].what) != NULL, "%s", fault.text);
	ck_assert_msg(strstr(fault.text, "offset") != NULL, "%s", fault.text);
	free(payload);
}
END_TEST

static const char *const bad_labels[] = { "", "a=b", "a,b", "{", "}", "line\nbreak", "\xc2\x85" };

START_TEST(refuses_a_label_with)
{
	struct batch_series bad = { .metric = 0, .labels = { bad_labels[_i] } };
	struct fault fault = { 0 };
	struct batch got;
	struct frame frame;
	unsigned char *payload;

	changed = batch;
	changed.series = &bad;
	changed.series_count = 1;
	changed.observation_count = 0;
	payload = put_frame(put_changed, &frame);
	ck_assert_int_eq(message_get_batch(&frame, scratch, &got, &fault), -1);
	ck_assert_msg(strstr(fault.text, "not a label") != NULL, "%s", fault.text);
	free(payload);
}
END_TEST

START_TEST(refuses_file_names_that_lead_elsewhere)
{
	static const char *const names[] = { "../passwd", "a/b", ".hidden", "" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct message_document bad = { .name = names[i] }, got;
		struct fault fault = { 0 };
		struct frame frame;

		ck_assert_int_eq(message_put_document(out, header, &bad), 0);
		ck_assert_int_eq(frame_peek(out, &frame, NULL), 1);
		ck_assert_int_lt(message_get_document(&frame, &got, &fault), 0);
		ck_assert_msg(strstr(fault.text, "not the name of a file") != NULL, "%s",
			      fault.text);
		evbuffer_drain(out, FRAME_HEADER_BYTES + frame.payload_size);
	}
}
END_TEST

START_TEST(what_cannot_be_sent_leaves_no_trace)
{
	struct message_log bad = { .level = 3, .text = "caf\xe9" };
	char name[300];
	struct message_document long_name = { .name = name };

	ck_assert_int_lt(message_put_log(out, header, &bad), 0);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_lt(message_put_document(out, header, &long_name), 0);
	ck_assert_uint_eq(evbuffer_get_length(out), 0);
}
END_TEST

START_TEST(types_have_names)
{
	ck_assert_str_eq(message_name(MESSAGE_BATCH), "BATCH");
	ck_assert_str_eq(message_name(0), "?");
	ck_assert_str_eq(message_name(10), "?");
	ck_assert_str_eq(message_name(255), "?");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("messages");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int broken;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_sample_of_each_message_is_accepted, 0, CODECS);
	tcase_add_loop_test(tcase, every_truncation_is_a_fault, 0, CODECS);
	tcase_add_loop_test(tcase, bytes_left_over_are_a_fault, 0, CODECS);
	tcase_add_loop_test(tcase, no_changed_byte_does_harm, 0, CODECS);
	tcase_add_loop_test(tcase, another_type_is_a_fault, 0, CODECS);
	tcase_add_test(tcase, configure_arrives_whole);
	tcase_add_test(tcase, a_failure_with_more_rejects_than_it_counts_is_a_fault);
	tcase_add_test(tcase, the_short_messages_arrive_whole);
	tcase_add_test(tcase, a_declaration_arrives_as_a_copy);
	tcase_add_test(tcase, a_batch_arrives_whole);
	tcase_add_loop_test(tcase, refuses_an_observation_with, 0,
			    sizeof(bad_observations) / sizeof(bad_observations[0]));
	tcase_add_loop_test(tcase, refuses_a_label_with, 0,
			    sizeof(bad_labels) / sizeof(bad_labels[0]));
	tcase_add_test(tcase, refuses_file_names_that_lead_elsewhere);
	tcase_add_test(tcase, what_cannot_be_sent_leaves_no_trace);
	tcase_add_test(tcase, types_have_names);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	broken = srunner_ntests_failed(runner);
	srunner_free(runner);
	return broken ? 1 : 0;
}
