/* SPDX-License-Identifier: MIT
 *
 * worker_document.c - reading one whole file of the spool: hash, offer, parse, send. Worker only.
 *
 * Invariant: the same file gives the same batches every time, so one that was half committed when
 * the worker died is read again from its start and the batches that are in the store are not sent
 * again. Must never touch the file in the spool: main moves it away.
 */
#include "worker_private.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nettle/sha2.h>

#include "cleanup.h"
#include "clock.h"
#include "log.h"
#include "strait/date.h"
#include "utf8.h"

#define READ_BYTES	    (64u * 1024u)
#define REJECT_ROWS_MIN	    20u /* a share of fewer rows says nothing */
#define REJECT_REASONS_TOLD 3u	/* different ones, in the reason of the refused document */
#define FIRST_LINE_MAX	    (64u * 1024u) /* of a file read as lines; a longer header is cut */

/* ── publication time ──────────────────────────────────────────────────────────────────────── */

int64_t worker_document_date(const char *name, int fd, int64_t modified_at_ms)
{
	struct stat status;
	int64_t named_ms;

	if (time_of_name(name, clock_now_ms() + BUILDER_AHEAD_MS, &named_ms))
		return named_ms;
	/* A modification time in the future is wrong; when the file came here is right, and the
	 * same at every reading. */
	if (fstat(fd, &status) == 0) {
		int64_t changed =
			(int64_t)status.st_ctim.tv_sec * 1000 + status.st_ctim.tv_nsec / 1000000;

		if (modified_at_ms > changed + BUILDER_AHEAD_MS || modified_at_ms <= 0)
			return changed;
	}
	return modified_at_ms > 0 ? modified_at_ms : clock_now_ms();
}

/* ── hash and progress ─────────────────────────────────────────────────────────────────────── */

/* With pread: the offset stays 0 for the plugin. What the file is, is asked first, so that whatever
 * is written into it from then on shows. */
static int hash_file(struct worker *worker, int fd, uint8_t ret_sha256[SHA256_BYTES],
		     struct file_identity *ret_file)
{
	CLEANUP(free_text) char *buffer = malloc(READ_BYTES);
	struct sha256_ctx hash;
	struct stat status;
	uint64_t size = 0;
	ssize_t got;

	if (!buffer)
		return -ENOMEM;
	if (fstat(fd, &status) < 0)
		return -errno;
	*ret_file = file_identity_of(&status);
	sha256_init(&hash);
	do {
		got = pread(fd, buffer, READ_BYTES, (off_t)size);
		if (got > 0) {
			sha256_update(&hash, (size_t)got, (const uint8_t *)buffer);
			size += (uint64_t)got;
		}
		worker_tick(worker);
	} while ((got > 0 || (got < 0 && errno == EINTR)) && !worker_ending(worker));
	if (got < 0)
		return -errno;
	sha256_digest(&hash, SHA256_BYTES, ret_sha256);
	return 0;
}

double worker_document_progress(const struct worker *worker)
{
	off_t at;

	if (!worker->document)
		return NAN;
	at = lseek(worker->document->fd, 0,
		   SEEK_CUR); /* also moved by a plugin that reads the fd itself */
	if (at <= 0 || worker->document->size == 0)
		return 0;
	return (uint64_t)at >= worker->document->size ? 1
						      : (double)at / (double)worker->document->size;
}

/* ── too many rejects ──────────────────────────────────────────────────────────────────────── */

/* Of the document so far. A short one is not judged: a wrong row or two are a large share of it. */
static bool too_many_rejects(const struct worker *worker)
{
	uint64_t rows = builder_rows(worker->builder);

	return rows >= REJECT_ROWS_MIN &&
	       (double)builder_rows_rejected(worker->builder) * REJECT_LIMIT_ALL >
		       (double)rows * worker->setup.reject_limit;
}

/* "23 of 100 rows are rejected, more than reject_limit = 20% allows: 'x' is no number" */
static void say_refused(const struct worker *worker, const struct batch *batch, char *buffer,
			size_t size)
{
	const char *told[REJECT_REASONS_TOLD];
	/* without the entry that sums up others */
	size_t whole = batch->reject_count - (batch->rejected > batch->reject_count);
	size_t count = 0, used;

	used = (size_t)snprintf(buffer, size,
				"%" PRIu64 " of %" PRIu64
				" rows are rejected, more than reject_limit = %g%% allows",
				builder_rows_rejected(worker->builder),
				builder_rows(worker->builder),
				(double)worker->setup.reject_limit * 100 / REJECT_LIMIT_ALL);
	for (size_t i = 0; i < whole && count < REJECT_REASONS_TOLD; i++) {
		const char *reason = batch->rejects[i].reason;
		size_t known = 0;

		while (known < count && strcmp(told[known], reason) != 0)
			known++;
		if (known < count || used + 1 >= size)
			continue;
		used += (size_t)snprintf(buffer + used, size - used, "%s%.120s",
					 count ? "; " : ": ", reason); /* cut is fine */
		told[count++] = reason;
	}
}

/* ── changed ───────────────────────────────────────────────────────────────────────────────── */

/* Whether something was written into the file since it was hashed: then what was read of it is not
 * what the hash stands for. */
static bool has_changed(struct worker *worker)
{
	struct file_identity now;
	struct stat status;

	if (worker->document_changed || fstat(worker->document->fd, &status) < 0)
		return worker->document_changed;
	now = file_identity_of(&status);
	worker->document_changed = !file_identity_same(&now, &worker->identity.file);
	return worker->document_changed;
}

/* ── batches ───────────────────────────────────────────────────────────────────────────────── */

/* 1: the batch is in the store already; 0: it is to be sent, perhaps without its first
 * observations. */
static int leave_out_done(struct worker *worker, struct batch *batch)
{
	uint64_t done = worker->document_done;

	if (batch->first >= done)
		return 0;
	if (batch->first + batch->observation_count <= done && !batch->final)
		return 1;
	/* Batches are cut where they were cut before, unless straitd or the plugin is another one
	 * since. */
	log_write(
		LOG_WARNING, LOG_TOKEN_WORKER, NULL,
		"'%s' was half read by another version of straitd or of the plugin, going on after observation %" PRIu64,
		worker->identity.name, done);
	builder_batch_skip(batch, done - batch->first);
	batch->first = done;
	return 0;
}

static int send_document_batch(struct worker *worker, bool final)
{
	struct strait_document *document = worker->document;
	struct batch batch;

	if (!document->begun) {
		document->begun = true;
		if (document->published_at_ms == 0)
			document->published_at_ms = worker->document_date_ms;
	}
	if (has_changed(worker) || too_many_rejects(worker)) {
		worker->document_refused = true;
		worker->source.cancelled = true; /* the plugin has nothing more to say about it */
		return -1;
	}
	builder_batch(worker->builder, final, document->published_at_ms, &batch);
	if (leave_out_done(worker, &batch)) {
		builder_next(worker->builder);
		worker_tick(worker);
		return worker_ending(worker) ? -1 : 0;
	}
	batch.release.name = worker->identity.name;
	batch.release.dataset = document->dataset;
	batch.release.url = "";
	batch.release.size = worker->identity.file.size;
	memcpy(batch.release.sha256, worker->identity.sha256, SHA256_BYTES);
	batch.release.published_at_ms = document->published_at_ms;
	if (worker_send_batch(worker, &batch, &worker->cursor) < 0)
		return -1;
	builder_next(worker->builder);
	return 0;
}

int worker_document_full(struct worker *worker)
{
	return send_document_batch(worker, false);
}

/* ── a document for a plugin that reads lines ──────────────────────────────────────────────── */

struct line_reader {
	char *buffer;	 /* FOLLOW_LINE_MAX + 1 */
	size_t held;	 /* bytes in it */
	uint64_t offset; /* of its first byte in the file */
	char *first_line;
	size_t first_line_size;
	bool has_first_line;
	bool skipping; /* a line longer than the buffer */
};

static void note_first_line(struct line_reader *reader)
{
	const char *end;

	if (reader->has_first_line)
		return;
	end = memchr(reader->buffer, '\n', reader->held);
	reader->first_line_size = end ? (size_t)(end - reader->buffer) : reader->held;
	if (reader->first_line_size > FIRST_LINE_MAX)
		reader->first_line_size = FIRST_LINE_MAX;
	memcpy(reader->first_line, reader->buffer, reader->first_line_size);
	reader->has_first_line = true;
}

/* Hands over the first size bytes, which end with a newline. */
static int give_lines(struct worker *worker, struct line_reader *reader, size_t size)
{
	struct strait_stretch stretch = { .struct_size = sizeof(stretch),
					  .data = reader->buffer,
					  .size = size,
					  .offset = reader->offset,
					  .first_line = reader->first_line };
	int result = 0;

	if (reader->skipping) { /* the end of the line that is too long */
		const char *end = memchr(reader->buffer, '\n', size);
		size_t rest = (size_t)(end - reader->buffer) + 1;

		reader->skipping = false;
		stretch.data += rest;
		stretch.size -= rest;
		stretch.offset += rest;
	}
	note_first_line(reader);
	stretch.first_line_size = reader->first_line_size;
	if (stretch.size > 0)
		result = worker->source.plugin->lines(&worker->source, &stretch);
	reader->held -= size;
	reader->offset += size;
	memmove(reader->buffer, reader->buffer + size, reader->held);
	return result;
}

/* What is there of complete lines; all of it at the end of the file. */
static int give_complete(struct worker *worker, struct line_reader *reader, bool ended)
{
	const char *newline = memrchr(reader->buffer, '\n', reader->held);

	if (ended && reader->held > 0 && reader->buffer[reader->held - 1] != '\n') {
		reader->buffer[reader->held++] = '\n'; /* there is room for this one */
		return give_lines(worker, reader, reader->held);
	}
	if (newline)
		return give_lines(worker, reader, (size_t)(newline - reader->buffer) + 1);
	if (reader->held < FOLLOW_LINE_MAX)
		return 0;
	if (!reader->skipping)
		strait_reject(&worker->source, strait_at_offset(reader->offset), reader->buffer,
			      reader->held, "the line is longer than 1 MiB");
	note_first_line(reader);
	reader->skipping = true;
	reader->offset += reader->held;
	reader->held = 0;
	return 0;
}

static int read_lines(struct worker *worker, struct line_reader *reader)
{
	int result = 0;
	long got = 1;

	while (got > 0 && result == 0) {
		size_t room = FOLLOW_LINE_MAX - reader->held;

		got = strait_document_read(worker->document, reader->buffer + reader->held,
					   room < READ_BYTES ? room : READ_BYTES);
		if (got < 0)
			return got == -ECANCELED
				       ? -1
				       : strait_fail(&worker->source, STRAIT_FAULT_INPUT,
						     "cannot read it: %s", strerror((int)-got));
		reader->held += (size_t)got;
		result = give_complete(worker, reader, got == 0);
	}
	return result;
}

static int document_as_lines(struct worker *worker)
{
	struct line_reader reader = { .buffer = malloc(FOLLOW_LINE_MAX + 1),
				      .first_line = malloc(FIRST_LINE_MAX) };
	int result;

	if (reader.buffer && reader.first_line)
		result = read_lines(worker, &reader);
	else
		result = strait_fail(&worker->source, STRAIT_FAULT_TRANSIENT,
				     "no memory to read '%s'", worker->identity.name);
	free(reader.buffer);
	free(reader.first_line);
	return result;
}

/* ── one file ──────────────────────────────────────────────────────────────────────────────── */

static int fail_document(struct worker *worker, enum strait_fault class_, const char *reason)
{
	char clean[FAULT_TEXT_MAX], refusal[FAULT_TEXT_MAX];
	struct message_failed failed = {
		.name = worker->identity.name,
		.reason = clean,
		.rejected = builder_rejected(worker->builder),
		.class_ = (uint8_t)class_,
		.published_at_ms = worker->document && worker->document->published_at_ms
					   ? worker->document->published_at_ms
					   : worker->document_date_ms
	};
	struct batch batch;

	builder_batch(worker->builder, false, worker->document_date_ms, &batch);
	if (has_changed(worker)) {
		reason = "it changed while it was read; rename finished files into incoming/ "
			 "instead of writing them there";
		failed.class_ = STRAIT_FAULT_INPUT; /* half a file may look like a drifted one */
	} else if (worker->document_refused) {
		say_refused(worker, &batch, refusal, sizeof(refusal));
		reason = refusal;
	}
	(void)utf8_repair(clean, sizeof(clean), reason, strlen(reason));
	memcpy(failed.sheets, batch.release.sheets, sizeof(failed.sheets));
	failed.sheet_count = batch.release.sheet_count;
	failed.rejects = batch.rejects;
	failed.reject_count = batch.reject_count;
	return worker_send_failed(worker, &failed);
}

/* A document with too many rejects, or that changed, is given up whatever the plugin made of it: it
 * was told to stop.
 */
static int refuse_document(struct worker *worker)
{
	worker->source.cancelled = worker_ending(worker);
	worker->source.failure = (struct fault){ 0 };
	return fail_document(worker, STRAIT_FAULT_INPUT, "");
}

/* Runs the plugin over the document and sends what is left at its end. */
static int parse(struct worker *worker)
{
	const struct strait_plugin *plugin = worker->source.plugin;
	struct fault fault = { 0 };
	int result;

	builder_begin(worker->builder, clock_now_ms());
	worker->document_refused = worker->document_changed = false;
	if (plugin->document && worker->document->size == 0)
		return fail_document(worker, STRAIT_FAULT_INPUT, "is empty");
	worker->source.reading = worker->builder;
	if (plugin->document)
		result = plugin->document(&worker->source, worker->document);
	else
		result = document_as_lines(worker);
	worker->source.reading = NULL;
	if (worker_ending(worker))
		return -1; /* whatever the plugin made of it */
	if (worker->document_refused)
		return refuse_document(worker);
	if (plugin_host_result(&worker->source, plugin->document ? "document" : "lines", result,
			       &fault) < 0) {
		if (fault.kind == FAULT_INPUT)
			return fail_document(worker, worker->source.failure_class, fault.text);
		(void)fault_prefix(&fault, "'%s'", worker->identity.name);
		worker->fault = fault;
		return -1;
	}
	worker->source.reading = worker->builder; /* no batch of others in front of the last one */
	result = send_document_batch(worker, true);
	worker->source.reading = NULL;
	if (worker->document_refused)
		return refuse_document(worker);
	return result < 0 ? -1 : worker_wait(worker, worker_is_settled);
}

static int read_file(struct worker *worker, const struct inbox_file *file)
{
	struct strait_document document = { .source = &worker->source,
					    .name = file->name,
					    .fd = file->fd };
	struct message_proceed answer;
	int result;

	worker->identity = (struct message_document){ .name = file->name };
	result = hash_file(worker, file->fd, worker->identity.sha256, &worker->identity.file);
	if (worker_ending(worker))
		return -1;
	if (result < 0) {
		(void)fault_errno(&worker->fault, -result, "cannot read '%s'", file->name);
		return -1;
	}
	if (worker_offer(worker, &worker->identity, &answer) < 0)
		return -1;
	if (answer.skip)
		return 0;
	document.size = worker->identity.file.size;
	worker->document_done = answer.observations;
	/* Its times may be others since it was half read; the release is still that one. */
	worker->document_date_ms =
		answer.published_at_ms
			? answer.published_at_ms
			: worker_document_date(file->name, file->fd, file->modified_at_ms);
	worker->document = &document;
	result = parse(worker);
	worker->document = NULL;
	return result;
}

int worker_read_inbox(struct worker *worker)
{
	struct inbox_file file;
	int result = inbox_next(worker->inbox, &file, &worker->fault);

	if (result <= 0) {
		worker->inbox_ready = false;
		return result;
	}
	if (utf8_printable(file.name, strlen(file.name))) {
		result = read_file(worker, &file);
	} else {
		char quoted[512];

		log_write(
			LOG_WARNING, LOG_TOKEN_WORKER, NULL,
			"the name of file %s in incoming is not printable UTF-8, leaving it there; rename it",
			log_quote(quoted, sizeof(quoted), file.name, strlen(file.name)));
		result = 0;
	}
	(void)close(file.fd); /* was only read */
	return result;
}
