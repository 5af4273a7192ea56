/* SPDX-License-Identifier: MIT
 *
 * worker_wire.c - a worker's end of fd 3: what main says, what is said to main, the heartbeat, and
 * waiting. Worker only.
 *
 * Invariant: at most one batch is under way; batch n+1 is sent only after COMMITTED n. Frame
 * handlers only note what came: no plugin code runs in them.
 */
#include "worker_private.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <nettle/sha2.h>

#include "clock.h"
#include "log.h"
#include "messages_codec.h"
#include "supervisor.h"
#include "test_point.h"
#include "utf8.h"
#include "worker.h"

/* ── what main says ────────────────────────────────────────────────────────────────────────── */

static int illegal(const struct frame *frame, struct fault *fault)
{
	return fault_set(fault, FAULT_PROTOCOL, "%s came when it may not",
			 message_name(frame->type));
}

static int on_configure(struct worker *worker, const struct frame *frame, struct fault *fault)
{
	struct frame kept = *frame;

	if (worker->configured)
		return illegal(frame, fault);
	/* The set-up lives as long as the worker, the frame does not. */
	worker->setup_bytes = malloc(frame->payload_size + 1);
	worker->setup_scratch = message_scratch_new();
	if (!worker->setup_bytes || !worker->setup_scratch)
		return fault_set(fault, FAULT_MEMORY, "no memory for the configuration");
	memcpy(worker->setup_bytes, frame->payload, frame->payload_size);
	worker->setup_size = frame->payload_size;
	kept.payload = worker->setup_bytes;
	if (message_get_configure(&kept, worker->setup_scratch, &worker->setup, fault) < 0)
		return -1;
	worker->configured = true;
	return 0;
}

static int on_start(struct worker *worker, const struct frame *frame, struct fault *fault)
{
	struct message_start start;

	if (!worker->announced || worker->started)
		return illegal(frame, fault);
	if (message_get_start(frame, &start, fault) < 0)
		return -1;
	/* A cursor that cannot be read is the worker's own trouble, not the link's. */
	(void)worker_cursor_decode(start.cursor, start.cursor_size, &worker->cursor,
				   &worker->fault);
	worker->sent = worker->committed = worker->told = start.batch;
	worker->started = true;
	return 0;
}

static int on_proceed(struct worker *worker, const struct frame *frame, struct fault *fault)
{
	if (!worker->offered || worker->answered)
		return illegal(frame, fault);
	if (message_get_proceed(frame, &worker->answer, fault) < 0)
		return -1;
	worker->answered = true;
	return 0;
}

static int on_committed(struct worker *worker, const struct frame *frame, struct fault *fault)
{
	uint64_t batch;

	if (message_get_committed(frame, &batch, fault) < 0)
		return -1;
	if (worker->sent == worker->committed || batch != worker->sent)
		return illegal(frame, fault);
	worker->committed = batch;
	test_point();
	return 0;
}

static int on_stop(struct worker *worker, const struct frame *frame, struct fault *fault)
{
	if (message_get_stop(frame, &worker->stop_deadline_ms, fault) < 0)
		return -1;
	worker->stopping = true;
	worker->source.cancelled = true;
	return 0;
}

static const struct handler {
	enum message_type type;
	int (*handle)(struct worker *worker, const struct frame *frame, struct fault *fault);
} handlers[] = {
	{ MESSAGE_CONFIGURE, on_configure }, { MESSAGE_START, on_start },
	{ MESSAGE_PROCEED, on_proceed },     { MESSAGE_COMMITTED, on_committed },
	{ MESSAGE_STOP, on_stop },
};

static int on_frame(void *context, const struct frame *frame, struct fault *fault)
{
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (handlers[i].type == frame->type)
			return handlers[i].handle(context, frame, fault);
	}
	return illegal(frame, fault);
}

static void on_closed(void *context, const struct fault *fault)
{
	struct worker *worker = context;

	worker->cut_off = true;
	worker->broken = *fault;
	worker->source.cancelled = true;
}

/* ── heartbeat ─────────────────────────────────────────────────────────────────────────────── */

static void beat(struct worker *worker, uint32_t lag_ms, uint32_t block_s)
{
	struct message_heartbeat heartbeat = {
		.lag_ms = lag_ms,
		.allowed_block_s = block_s,
		.progress = worker->document || !worker->catches_up
				    ? worker_document_progress(worker)
				    : worker->log_progress,
		.catches_up = worker->catches_up,
	};

	if (worker->cut_off)
		return;
	worker->heartbeat_sent_ms = clock_monotonic_ms();
	/* If there is no memory for so few bytes, the next one may have some. */
	(void)message_put_heartbeat(link_output(worker->link), link_header(worker->link),
				    &heartbeat);
}

/* As main's deadlines, which wait for it. */
static int64_t heartbeat_ms(void)
{
	return INT64_C(1) * WORKER_HEARTBEAT_MS * supervisor_test_percent() / 100;
}

static void on_heartbeat(evutil_socket_t fd, short what, void *context)
{
	struct worker *worker = context;
	int64_t now = clock_monotonic_ms(), late = now - worker->heartbeat_due_ms;

	(void)fd;
	(void)what;
	worker->heartbeat_due_ms = now + heartbeat_ms();
	beat(worker, late < 0 ? 0 : late > UINT32_MAX ? UINT32_MAX : (uint32_t)late, 0);
}

static void turn_loop(struct worker *worker, int flags)
{
	bool waiting = worker->source.waiting;

	worker->source.waiting = true;
	if (event_base_loop(worker->base, flags) < 0 && worker->fault.kind == FAULT_NONE)
		(void)fault_set(&worker->fault, FAULT_SYSTEM, "the event loop failed");
	worker->source.waiting = waiting;
}

void worker_beat(struct worker *worker)
{
	beat(worker, 0, 0);
}

void worker_tick(struct worker *worker)
{
	if (worker->cut_off || clock_monotonic_ms() - worker->heartbeat_sent_ms < WORKER_TICK_MS)
		return;
	beat(worker, 0, 0);
	turn_loop(worker, EVLOOP_NONBLOCK); /* writes it, and hears STOP */
}

/* ── waiting ───────────────────────────────────────────────────────────────────────────────── */

bool worker_ending(const struct worker *worker)
{
	return worker->stopping || worker->cut_off || worker->fault.kind != FAULT_NONE;
}

int worker_wait(struct worker *worker, bool (*until)(const struct worker *worker))
{
	while (!worker_ending(worker) && !until(worker))
		turn_loop(worker, EVLOOP_ONCE);
	return worker_ending(worker) ? -1 : 0;
}

bool worker_is_configured(const struct worker *worker)
{
	return worker->configured;
}

bool worker_is_started(const struct worker *worker)
{
	return worker->started;
}

bool worker_is_settled(const struct worker *worker)
{
	return worker->sent == worker->committed;
}

static bool is_answered(const struct worker *worker)
{
	return worker->answered;
}

static bool is_written(const struct worker *worker)
{
	return link_pending_bytes(worker->link) == 0;
}

/* ── what is said to main ──────────────────────────────────────────────────────────────────── */

/* 0, or -1 with a fault for a frame that could not be made. */
static int check_put(struct worker *worker, int result, const char *what)
{
	if (result == 0)
		return 0;
	if (result == -ENOMEM)
		return fault_set(&worker->fault, FAULT_MEMORY, "no memory to send %s", what);
	return fault_set(&worker->fault, FAULT_BUG, "%s is too large or has malformed text", what);
}

int worker_send_batch(struct worker *worker, struct batch *batch,
		      const struct worker_cursor *cursor)
{
	unsigned char bytes[CURSOR_MAX_BYTES];
	int result;

	if (worker_wait(worker, worker_is_settled) < 0)
		return -1;
	test_point();
	batch->number = worker->committed + 1;
	batch->cursor = bytes;
	batch->cursor_size = worker_cursor_encode(cursor, bytes);
	result = message_put_batch(link_output(worker->link), link_header(worker->link), batch);
	if (check_put(worker, result, "a batch") < 0)
		return -1;
	worker->cursor = *cursor;
	worker->sent = batch->number;
	if (worker_wait(worker, is_written) < 0)
		return -1;
	test_point(); /* main commits it while the next one is built */
	return 0;
}

int worker_offer(struct worker *worker, const struct message_document *document,
		 struct message_proceed *ret_answer)
{
	int result;

	if (worker_wait(worker, worker_is_settled) < 0)
		return -1;
	result = message_put_document(link_output(worker->link), link_header(worker->link),
				      document);
	if (check_put(worker, result, "a document's name") < 0)
		return -1;
	test_point();
	worker->offered = true;
	worker->answered = false;
	if (worker_wait(worker, is_answered) < 0)
		return -1;
	test_point();
	worker->offered = false;
	*ret_answer = worker->answer;
	return 0;
}

int worker_send_failed(struct worker *worker, const struct message_failed *failed)
{
	int result;

	if (worker_wait(worker, worker_is_settled) < 0)
		return -1;
	test_point();
	result = message_put_failed(link_output(worker->link), link_header(worker->link), failed);
	return check_put(worker, result, "why a document failed");
}

/* The declaration borrows the plugin's own texts; only its arrays are ours. */
static int put_declaration(struct worker *worker, struct metric_declaration *metrics,
			   struct figure_declaration *figures, struct check_declaration *checks)
{
	const struct strait_plugin *plugin = worker->source.plugin;
	struct declaration declaration = { .plugin = (char *)plugin->name,
					   .version = (char *)plugin->version,
					   .summary = (char *)plugin->summary,
					   .metrics = metrics,
					   .figures = figures,
					   .checks = checks };

	for (const struct strait_metric *from = plugin->metrics; from->name; from++) {
		struct metric_declaration *to = &metrics[declaration.metric_count++];

		*to = (struct metric_declaration){ .name = (char *)from->name,
						   .unit = (char *)from->unit,
						   .title = (char *)from->title,
						   .kind = from->kind,
						   .granularity = from->granularity,
						   .flags = from->flags };
		for (size_t i = 0; i < STRAIT_LABELS_MAX; i++)
			to->labels[i] = (char *)from->labels[i];
	}
	for (const struct strait_figure *from = plugin->figures; from && from->name; from++)
		figures[declaration.figure_count++] =
			(struct figure_declaration){ .name = (char *)from->name,
						     .formula = (char *)from->formula,
						     .window = (char *)from->window,
						     .unit = (char *)from->unit,
						     .title = (char *)from->title };
	for (const struct strait_check *from = plugin->checks; from && from->name; from++)
		checks[declaration.check_count++] =
			(struct check_declaration){ .name = (char *)from->name,
						    .left = (char *)from->left,
						    .right = (char *)from->right,
						    .every = (char *)from->every,
						    .tolerance = (char *)from->tolerance,
						    .title = (char *)from->title };
	return message_put_ready(link_output(worker->link), link_header(worker->link), &declaration,
				 &worker->sandbox);
}

int worker_send_ready(struct worker *worker)
{
	struct metric_declaration *metrics = calloc(STRAIT_METRICS_MAX, sizeof(*metrics));
	struct figure_declaration *figures = calloc(STRAIT_FIGURES_MAX, sizeof(*figures));
	struct check_declaration *checks = calloc(STRAIT_CHECKS_MAX, sizeof(*checks));
	int result = metrics && figures && checks
			     ? put_declaration(worker, metrics, figures, checks)
			     : -ENOMEM;

	free(metrics);
	free(figures);
	free(checks);
	if (check_put(worker, result, "what the plugin declares") < 0)
		return -1;
	worker->announced = true;
	return 0;
}

static enum strait_fault class_of(enum fault_kind kind)
{
	switch (kind) {
	case FAULT_CONFIG:
		return STRAIT_FAULT_CONFIG;
	case FAULT_INPUT:
		return STRAIT_FAULT_INPUT;
	case FAULT_BUG:
	case FAULT_PROTOCOL:
	case FAULT_DAMAGED:
		return STRAIT_FAULT_BUG;
	case FAULT_NONE:
	case FAULT_SYSTEM:
	case FAULT_MEMORY:
	case FAULT_NO_SUCH_FIGURE:
	case FAULT_NO_SUCH_METRIC:
	case FAULT_NO_SUCH_SOURCE:
	case FAULT_BAD_PERIOD:
	case FAULT_BAD_ARGUMENT:
	case FAULT_TOO_LARGE:
	case FAULT_SEQUENCE_EXPIRED:
	case FAULT_NOT_READY:
	case FAULT_ACCESS_DENIED:
	case FAULT_BUSY:
	case FAULT_TRANSIENT:
		return STRAIT_FAULT_TRANSIENT;
	}
	return STRAIT_FAULT_BUG;
}

static void flush(struct worker *worker)
{
	int deadline = WORKER_FLUSH_MS;

	if (worker->stopping && worker->stop_deadline_ms < WORKER_FLUSH_MS)
		deadline = (int)worker->stop_deadline_ms;
	(void)link_flush(worker->link, deadline); /* main learns it from the exit code then */
}

void worker_send_fault(struct worker *worker)
{
	char text[FAULT_TEXT_MAX];
	struct message_fault message = { .class_ = (uint8_t)class_of(worker->fault.kind),
					 .text = text };

	if (worker->cut_off)
		return;
	(void)utf8_repair(text, sizeof(text), worker->fault.text, strlen(worker->fault.text));
	(void)message_put_fault(link_output(worker->link), link_header(worker->link),
				&message); /* as above */
	flush(worker);
}

void worker_send_stopped(struct worker *worker)
{
	if (worker->cut_off)
		return;
	(void)message_put_stopped(link_output(worker->link),
				  link_header(worker->link)); /* as above */
	flush(worker);
}

/* ── log lines ─────────────────────────────────────────────────────────────────────────────── */

static void put_log(struct worker *worker, int level, const char *text)
{
	char clean[TEXT_LOG_MAX + 1];
	struct message_log message = { .level = (uint8_t)(level & 7), .text = clean };

	(void)utf8_repair(clean, sizeof(clean), text, strlen(text)); /* cut is fine */
	if (message_put_log(link_output(worker->link), link_header(worker->link), &message) < 0)
		worker->log_dropped++;
}

static void log_to_main(void *context, int level, enum log_token token, const char *source,
			const char *text)
{
	struct worker *worker = context;
	char dropped[80];

	(void)token;
	(void)source; /* main knows whose worker this is */
	if (worker->cut_off)
		return;
	if (link_pending_bytes(worker->link) > WORKER_LOG_PENDING_MAX) {
		worker->log_dropped++;
		return;
	}
	if (worker->log_dropped > 0) {
		(void)snprintf(dropped, sizeof(dropped),
			       "%llu log lines came too fast and were dropped",
			       (unsigned long long)worker->log_dropped);
		worker->log_dropped = 0;
		put_log(worker, LOG_WARNING, dropped);
	}
	put_log(worker, level, text);
}

/* ── what the plugin asks for ──────────────────────────────────────────────────────────────── */

static int plugin_full(void *context)
{
	struct worker *worker = context;

	if (worker->document)
		return worker_document_full(worker) < 0 ? -ECANCELED : 0;
	worker->log_overflow = true; /* worker_log.c takes a smaller piece */
	return 1;
}

static void plugin_tick(void *context)
{
	worker_tick(context);
}

static void plugin_expect_block(void *context, unsigned int seconds)
{
	struct worker *worker = context;

	if (worker->cut_off)
		return;
	beat(worker, 0, seconds);
	(void)link_flush(worker->link,
			 WORKER_FLUSH_MS); /* it blocks from now on: the loop will not write it */
}

/* What a live plugin gathered has no file: its place in the sequence of batches is its identity. */
static void hash_live(const struct worker *worker, const void *cursor, size_t cursor_size,
		      uint8_t ret_sha256[SHA256_BYTES])
{
	struct sha256_ctx hash;
	unsigned char number[8];
	struct bytes_writer writer = bytes_writer(number, sizeof(number));

	bytes_put_u64(&writer, worker->committed + 1);
	sha256_init(&hash);
	sha256_update(&hash, strlen(worker->setup.source), (const uint8_t *)worker->setup.source);
	sha256_update(&hash, sizeof(number), number);
	if (cursor_size > 0)
		sha256_update(&hash, cursor_size, cursor);
	sha256_digest(&hash, SHA256_BYTES, ret_sha256);
}

static int plugin_commit(void *context, const void *cursor, size_t cursor_size)
{
	struct worker *worker = context;
	struct builder *live = worker->source.live;
	struct worker_cursor next = worker->cursor;
	unsigned char bytes[CURSOR_MAX_BYTES];
	struct batch batch;
	int64_t published;

	if (cursor_size > sizeof(next.plugin))
		return -E2BIG;
	if (!worker->started || !live)
		return -ENOTSUP;
	/* Not between the batches of a document either: it would take the numbers that those need.
	 */
	if (!worker_is_settled(worker) || worker->source.reading)
		return -EAGAIN;
	next.plugin_size = cursor_size;
	if (cursor_size > 0)
		memcpy(next.plugin, cursor, cursor_size);
	published = builder_newest_ms(live) ? builder_newest_ms(live) : clock_now_ms();
	builder_batch(live, true, published, &batch);
	batch.number = worker->committed + 1;
	batch.release.name = worker->setup.source;
	batch.release.dataset = batch.release.url = "";
	batch.release.published_at_ms = published;
	hash_live(worker, cursor, cursor_size, batch.release.sha256);
	batch.cursor = bytes;
	batch.cursor_size = worker_cursor_encode(&next, bytes);
	if (message_put_batch(link_output(worker->link), link_header(worker->link), &batch) < 0)
		return -ENOMEM;
	worker->cursor = next;
	worker->sent = batch.number;
	builder_begin(live, clock_now_ms());
	return 0;
}

const struct plugin_host_calls worker_plugin_calls = {
	.full = plugin_full,
	.tick = plugin_tick,
	.commit = plugin_commit,
	.expect_block = plugin_expect_block,
};

/* ── opening and closing ───────────────────────────────────────────────────────────────────── */

static const struct link_events link_events = { .frame = on_frame, .closed = on_closed };

int worker_wire_open(struct worker *worker, int fd)
{
	const struct timeval interval = { .tv_sec = heartbeat_ms() / 1000,
					  .tv_usec = heartbeat_ms() % 1000 * 1000 };

	if (fcntl(fd, F_SETFD, FD_CLOEXEC) <
	    0) /* a program that a plugin starts has no business with main */
		return fault_errno(&worker->fault, errno, "no link to main on fd %d", fd);
	worker->base = event_base_new();
	if (!worker->base)
		return fault_set(&worker->fault, FAULT_MEMORY, "no event loop");
	worker->link = link_new(worker->base, fd, 0, false, &link_events, worker);
	worker->heartbeat = event_new(worker->base, -1, EV_PERSIST, on_heartbeat, worker);
	if (!worker->link || !worker->heartbeat || event_add(worker->heartbeat, &interval) < 0)
		return fault_set(&worker->fault, FAULT_MEMORY, "no memory for the link to main");
	worker->heartbeat_sent_ms = clock_monotonic_ms();
	worker->heartbeat_due_ms = worker->heartbeat_sent_ms + heartbeat_ms();
	log_set_sink(log_to_main, worker);
	return 0;
}

void worker_wire_close(struct worker *worker)
{
	log_set_sink(NULL, NULL);
	if (worker->heartbeat)
		event_free(worker->heartbeat);
	worker->link = link_free(worker->link);
	if (worker->base)
		event_base_free(worker->base);
	message_scratch_free(worker->setup_scratch);
	if (worker->setup_bytes)
		explicit_bzero(worker->setup_bytes,
			       worker->setup_size); /* the identity key, perhaps secret options */
	free(worker->setup_bytes);
}
