/* SPDX-License-Identifier: MIT
 *
 * worker_log.c - reading a log that is appended to: stretches of complete lines become batches.
 * Worker only.
 *
 * Invariant: a line is in a committed batch exactly when the committed cursor is past it. A stretch
 * is read in pieces, each a batch of its own. A piece that gives more than a batch holds is thrown
 * away before anything of it was sent, and its first half is read instead; so a plugin's `lines`
 * may be called again with the beginning of what it was just given.
 */
#include "worker_private.h"

#include <stdio.h>
#include <string.h>

#include <nettle/sha2.h>

#include "clock.h"
#include "utf8.h"

#define PIECE_BYTES (64u * 1024u) /* about; at least one line */

static void on_ready(void *context)
{
	struct worker *worker = context;

	worker->follow_ready = true;
}

static void on_skipped(void *context, uint64_t place, uint64_t size, const char *why)
{
	struct worker *worker = context;

	if (worker->skip_count < WORKER_SKIPS_MAX) {
		struct worker_skip *skip = &worker->skips[worker->skip_count];

		skip->place = place;
		skip->size = size;
		(void)utf8_repair(skip->why, sizeof(skip->why), why, strlen(why)); /* cut is fine */
	}
	worker->skip_count++;
}

const struct follow_events worker_follow_events = { .ready = on_ready, .skipped = on_skipped };

/* ── pieces ────────────────────────────────────────────────────────────────────────────────── */

/* Complete lines of together at most max bytes, but at least one line. */
static size_t piece_size(const char *data, size_t size, size_t max)
{
	const char *end;

	if (size <= max)
		return size;
	end = memrchr(data, '\n', max);
	if (!end)
		end = memchr(data + max, '\n', size - max);
	return end ? (size_t)(end - data) + 1 : size;
}

static void hash_bytes(const void *data, size_t size, uint8_t ret_sha256[SHA256_BYTES])
{
	struct sha256_ctx hash;

	sha256_init(&hash);
	sha256_update(&hash, size, data);
	sha256_digest(&hash, SHA256_BYTES, ret_sha256);
}

/* Parts of the file that no plugin saw: each is a reject of the batch that comes next. */
static void tell_skips(struct worker *worker)
{
	for (uint64_t i = 0; i < worker->skip_count; i++) {
		const struct worker_skip *skip =
			&worker->skips[i < WORKER_SKIPS_MAX ? i : WORKER_SKIPS_MAX - 1];

		builder_reject(worker->builder, strait_at_offset(skip->place), NULL, 0, skip->why);
	}
}

/* A batch of lines of the file that begins at that place of the log. */
static void begin_batch(struct worker *worker, uint64_t base)
{
	builder_begin(worker->builder, clock_now_ms());
	tell_skips(worker); /* maybe of the file before: by places of the log */
	builder_set_base(worker->builder, base);
}

static int call_lines(struct worker *worker, uint64_t base, const struct strait_stretch *stretch)
{
	int result;

	begin_batch(worker, base);
	worker->log_overflow = false;
	worker->source.reading = worker->builder;
	result = worker->source.plugin->lines(&worker->source, stretch);
	worker->source.reading = NULL;
	if (worker_ending(worker))
		return -1;
	return plugin_host_result(&worker->source, "lines", result, &worker->fault);
}

/* Reads from the start of the stretch what fits a batch; *ret_size bytes. */
static int fill_batch(struct worker *worker, uint64_t base, struct strait_stretch *stretch,
		      size_t *ret_size)
{
	size_t size = piece_size(stretch->data, stretch->size, PIECE_BYTES);

	for (;;) {
		size_t half = piece_size(stretch->data, size, size / 2);

		stretch->size = size;
		if (call_lines(worker, base, stretch) < 0)
			return -1;
		if (!worker->log_overflow)
			break;
		if (half == size) { /* one line */
			begin_batch(worker, base);
			builder_reject(worker->builder, strait_at_offset(stretch->offset),
				       stretch->data, size,
				       "the line gives more observations than a batch holds");
			break;
		}
		size = half;
	}
	*ret_size = size;
	return 0;
}

static int send_piece(struct worker *worker, const struct follow_stretch *stretch, size_t from,
		      size_t size, const struct worker_cursor *cursor)
{
	int64_t newest = builder_newest_ms(worker->builder);
	char name[256];
	struct batch batch;
	int result;

	builder_batch(worker->builder, true, newest ? newest : clock_now_ms(), &batch);
	(void)utf8_repair(name, sizeof(name), stretch->name,
			  strlen(stretch->name)); /* cut is fine */
	batch.release.name = name;
	batch.release.dataset = batch.release.url = "";
	batch.release.offset = stretch->base + stretch->offset + from;
	batch.release.size = size;
	batch.release.published_at_ms = newest ? newest : clock_now_ms();
	hash_bytes(stretch->data + from, size, batch.release.sha256);
	worker->source.reading =
		worker->builder; /* it is not sent yet: no batch of others with an older cursor */
	result = worker_send_batch(worker, &batch, cursor);
	worker->source.reading = NULL;
	if (result == 0)
		worker->skip_count = 0;
	return result;
}

/* The cursor once `done` bytes of the stretch are committed. */
static void cursor_after(const struct worker *worker, const struct follow_stretch *stretch,
			 size_t done, struct worker_cursor *ret_cursor)
{
	*ret_cursor = worker->cursor;
	ret_cursor->has_position = true;
	ret_cursor->done_bytes = 0;
	if (done == stretch->size) {
		follow_position(worker->follow, ret_cursor->position);
		return;
	}
	memcpy(ret_cursor->position, worker->log_from.position, sizeof(ret_cursor->position));
	ret_cursor->done_bytes = (uint32_t)done;
	hash_bytes(stretch->data, done, ret_cursor->done_sha256);
}

/* Of the first stretch after a start: how much was committed before, if it is the same one. */
static size_t already_done(struct worker *worker, const struct follow_stretch *stretch)
{
	const struct worker_cursor *cursor = &worker->cursor;
	uint8_t sha256[SHA256_BYTES];

	if (worker->log_resumed)
		return 0;
	worker->log_resumed = true;
	if (cursor->done_bytes == 0 || cursor->done_bytes > stretch->size)
		return 0;
	hash_bytes(stretch->data, cursor->done_bytes, sha256);
	return memcmp(sha256, cursor->done_sha256, sizeof(sha256)) == 0 ? cursor->done_bytes : 0;
}

/* Main is told before the first of several batches: until the last one is in, figures are of a part
 * of the log. done: bytes of the stretch behind which the next batch ends. What lies past the
 * stretch may be the beginning of a line; only more than a piece of it is sure to be a batch. */
static void note_progress(struct worker *worker, const struct follow_stretch *stretch, size_t done)
{
	uint64_t lag = follow_lag_bytes(worker->follow), at = stretch->offset + done;
	bool begins = !worker->catches_up && (done < stretch->size || lag > PIECE_BYTES);

	worker->log_progress = (double)at / (double)(stretch->offset + stretch->size + lag);
	if (!begins)
		return;
	worker->catches_up = true;
	worker_beat(worker);
}

/* The log is read to its end, and what was read is on its way. */
static void end_catching_up(struct worker *worker)
{
	if (!worker->catches_up)
		return;
	worker->catches_up = false;
	worker_beat(worker);
}

static int read_stretch(struct worker *worker, const struct follow_stretch *stretch)
{
	size_t done = already_done(worker, stretch);

	while (done < stretch->size) {
		struct strait_stretch piece = { .struct_size = sizeof(piece),
						.data = stretch->data + done,
						.size = stretch->size - done,
						.offset = stretch->offset + done,
						.first_line = stretch->first_line,
						.first_line_size = stretch->first_line_size };
		struct worker_cursor cursor;
		size_t size;

		if (fill_batch(worker, stretch->base, &piece, &size) < 0)
			return -1;
		note_progress(worker, stretch, done + size);
		cursor_after(worker, stretch, done + size, &cursor);
		/* Lines that gave nothing at all (a header) are read again after a crash; not worth
		 * a commit. */
		if (!builder_empty(worker->builder) &&
		    send_piece(worker, stretch, done, size, &cursor) < 0)
			return -1;
		done += size;
		worker_tick(worker);
	}
	return 0;
}

/* Skipped parts must not wait for a line that may never come. */
static int send_skips(struct worker *worker)
{
	const struct worker_skip *skip = &worker->skips[0];
	struct follow_stretch nothing = { .data = "",
					  .base = skip->place,
					  .name = strrchr(worker->setup.log, '/') + 1 };
	struct worker_cursor cursor;
	char identity[64];

	builder_begin(worker->builder, clock_now_ms());
	tell_skips(worker);
	cursor_after(worker, &nothing, 0, &cursor);
	/* Two skipped parts are two releases: what is hashed is where they are. */
	nothing.size =
		(size_t)snprintf(identity, sizeof(identity), "skipped %llu %llu %llu",
				 (unsigned long long)skip->place, (unsigned long long)skip->size,
				 (unsigned long long)worker->committed);
	nothing.data = identity;
	return send_piece(worker, &nothing, 0, nothing.size, &cursor);
}

int worker_read_log(struct worker *worker)
{
	struct follow_stretch stretch;
	int result;

	follow_position(worker->follow, worker->log_from.position);
	result = follow_read(worker->follow, &stretch, &worker->fault);
	if (result < 0)
		return -1;
	if (result == 1)
		return read_stretch(worker, &stretch);
	worker->follow_ready = false;
	if (worker->skip_count > 0 && send_skips(worker) < 0)
		return -1;
	end_catching_up(worker);
	return 0;
}
