/* SPDX-License-Identifier: MIT
 *
 * messages.c - the table of what crosses fd 3, the frame of every codec, and the short messages.
 * Both processes.
 *
 * Invariant: nothing of a payload is believed before its size, its counts, its enums and its texts
 * were checked; a decoder either gives a whole message or a fault, never half a one. Must never
 * allocate by a number that the peer sent before that number was checked. BATCH is in
 * messages_batch.c, CONFIGURE and READY are in messages_setup.c.
 */
#include "messages_codec.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "utf8.h"

struct message_rule {
	const char *name;
	uint32_t min, max; /* payload bytes */
};

#define TEXT(max) (3u + (max)) /* length, bytes, NUL */

static const struct message_rule rules[] = {
	[MESSAGE_CONFIGURE] = { "CONFIGURE", 54, FRAME_MAX_BYTES },
	[MESSAGE_START] = { "START", 12, 12 + CURSOR_MAX_BYTES },
	[MESSAGE_PROCEED] = { "PROCEED", 17, 17 },
	[MESSAGE_COMMITTED] = { "COMMITTED", 8, 8 },
	[MESSAGE_STOP] = { "STOP", 4, 4 },
	[MESSAGE_READY] = { "READY", 21, FRAME_MAX_BYTES },
	[MESSAGE_DOCUMENT] = { "DOCUMENT", 3 + 32 + SHA256_BYTES,
			       TEXT(TEXT_NAME_MAX) + 32 + SHA256_BYTES },
	[MESSAGE_BATCH] = { "BATCH", 100, FRAME_MAX_BYTES },
	[MESSAGE_FAILED] = { "FAILED", 31,
			     TEXT(TEXT_NAME_MAX) + TEXT(TEXT_FAULT_MAX) + 17 + 4 +
				     BATCH_SHEETS_MAX *TEXT(TEXT_NAME_MAX) + 4 +
				     BATCH_REJECTS_MAX *MESSAGE_REJECT_BYTES_MAX },
	[MESSAGE_LOG] = { "LOG", 4, 1 + TEXT(TEXT_LOG_MAX) },
	[MESSAGE_HEARTBEAT] = { "HEARTBEAT", 17, 17 },
	[MESSAGE_FAULT] = { "FAULT", 4, 1 + TEXT(TEXT_FAULT_MAX) },
	[MESSAGE_STOPPED] = { "STOPPED", 0, 0 },
};

static const struct message_rule *rule_of(unsigned int type)
{
	return type < sizeof(rules) / sizeof(rules[0]) && rules[type].name ? &rules[type] : NULL;
}

const char *message_name(unsigned int type)
{
	const struct message_rule *rule = rule_of(type);

	return rule ? rule->name : "?";
}

/* ── both ends of every codec ─────────────────────────────────────────────────────────────── */

static void put_header(unsigned char *bytes, struct message_header header, enum message_type type,
		       size_t size)
{
	struct bytes_writer writer = bytes_writer(bytes, FRAME_HEADER_BYTES);

	bytes_put_u16(&writer, FRAME_MAGIC);
	bytes_put_u8(&writer, FRAME_VERSION);
	bytes_put_u8(&writer, (uint8_t)type);
	bytes_put_u32(&writer, (uint32_t)size);
	bytes_put_u32(&writer, header.generation);
	bytes_put_u64(&writer, header.sequence);
}

int message_put(struct evbuffer *out, struct message_header header, enum message_type type,
		message_encode_fn *encode, const void *message)
{
	struct bytes_writer writer = bytes_writer(NULL, FRAME_MAX_BYTES);
	struct evbuffer_iovec space;
	size_t size;

	/* Measured first, so that the buffer takes exactly what the frame needs and an unfit
	 * message leaves no trace. */
	encode(&writer, message);
	if (writer.failed)
		return -EMSGSIZE;
	size = FRAME_HEADER_BYTES + writer.used;
	if (evbuffer_reserve_space(out, (ev_ssize_t)size, &space, 1) < 1)
		return -ENOMEM;
	put_header(space.iov_base, header, type, writer.used);
	writer = bytes_writer((unsigned char *)space.iov_base + FRAME_HEADER_BYTES, writer.used);
	encode(&writer, message);
	space.iov_len = size;
	return evbuffer_commit_space(out, &space, 1) < 0 ? -ENOMEM : 0;
}

int message_begin(const struct frame *frame, enum message_type type,
		  struct bytes_reader *ret_reader, struct fault *fault)
{
	const struct message_rule *rule = &rules[type];

	if (frame->type != type)
		return fault_set(fault, FAULT_PROTOCOL, "%s came where %s was expected",
				 message_name(frame->type), rule->name);
	if (frame->payload_size < rule->min || frame->payload_size > rule->max)
		return fault_set(fault, FAULT_PROTOCOL, "%s of %zu bytes; it takes %u to %u",
				 rule->name, frame->payload_size, rule->min, rule->max);
	*ret_reader = bytes_reader(frame->payload, frame->payload_size);
	return 0;
}

int message_end(const struct frame *frame, struct bytes_reader *reader, struct fault *fault)
{
	if (bytes_finish(reader))
		return 0;
	return fault_set(fault, FAULT_PROTOCOL, "%s of %zu bytes is malformed at offset %zu: %s",
			 message_name(frame->type), frame->payload_size, reader->failed_at,
			 reader->failed_why);
}

bool message_time_ok(int64_t ms)
{
	return ms >= 0 && ms <= WIRE_TIME_MAX_MS;
}

bool message_label_ok(const char *value)
{
	size_t size = strlen(value);

	return size > 0 && size <= STRAIT_LABEL_MAX_BYTES && !strpbrk(value, "{},=") &&
	       utf8_printable(value, size);
}

/* ── scratch ───────────────────────────────────────────────────────────────────────────────── */

struct message_scratch *message_scratch_new(void)
{
	return calloc(1, sizeof(struct message_scratch));
}

struct message_scratch *message_scratch_free(struct message_scratch *scratch)
{
	if (!scratch)
		return NULL;
	free(scratch->options);
	free(scratch->series);
	free(scratch->observations);
	free(scratch->rejects);
	free(scratch);
	return NULL;
}

bool message_room(void *array, size_t *room, size_t count, size_t item_size)
{
	void **items = array;
	void *fresh;

	if (count <= *room)
		return true;
	fresh = calloc(count, item_size);
	if (!fresh)
		return false;
	free(*items);
	*items = fresh;
	*room = count;
	return true;
}

/* ── START, PROCEED, COMMITTED, STOP, STOPPED ─────────────────────────────────────────────── */

static void encode_start(struct bytes_writer *writer, const void *message)
{
	const struct message_start *start = message;

	bytes_put_u64(writer, start->batch);
	bytes_put_blob(writer, start->cursor, start->cursor_size);
}

int message_put_start(struct evbuffer *out, struct message_header header,
		      const struct message_start *message)
{
	return message_put(out, header, MESSAGE_START, encode_start, message);
}

int message_get_start(const struct frame *frame, struct message_start *ret, struct fault *fault)
{
	struct message_start start = { 0 };
	struct bytes_reader reader;

	if (message_begin(frame, MESSAGE_START, &reader, fault) < 0)
		return -1;
	start.batch = bytes_get_u64(&reader);
	start.cursor = bytes_get_blob(&reader, CURSOR_MAX_BYTES, &start.cursor_size);
	if (message_end(frame, &reader, fault) < 0)
		return -1;
	*ret = start;
	return 0;
}

static void encode_proceed(struct bytes_writer *writer, const void *message)
{
	const struct message_proceed *proceed = message;

	bytes_put_u8(writer, proceed->skip);
	bytes_put_u64(writer, proceed->observations);
	bytes_put_i64(writer, proceed->published_at_ms);
}

int message_put_proceed(struct evbuffer *out, struct message_header header,
			const struct message_proceed *message)
{
	return message_put(out, header, MESSAGE_PROCEED, encode_proceed, message);
}

int message_get_proceed(const struct frame *frame, struct message_proceed *ret, struct fault *fault)
{
	struct message_proceed proceed = { 0 };
	struct bytes_reader reader;
	uint8_t skip;

	if (message_begin(frame, MESSAGE_PROCEED, &reader, fault) < 0)
		return -1;
	skip = bytes_get_u8(&reader);
	if (skip > 1)
		bytes_refuse(&reader, "neither yes nor no");
	proceed.skip = skip == 1;
	proceed.observations = bytes_get_u64(&reader);
	proceed.published_at_ms = bytes_get_i64(&reader);
	if (message_end(frame, &reader, fault) < 0)
		return -1;
	*ret = proceed;
	return 0;
}

static void encode_u64(struct bytes_writer *writer, const void *message)
{
	const uint64_t *value = message;

	bytes_put_u64(writer, *value);
}

int message_put_committed(struct evbuffer *out, struct message_header header, uint64_t batch)
{
	return message_put(out, header, MESSAGE_COMMITTED, encode_u64, &batch);
}

int message_get_committed(const struct frame *frame, uint64_t *ret_batch, struct fault *fault)
{
	struct bytes_reader reader;
	uint64_t batch;

	if (message_begin(frame, MESSAGE_COMMITTED, &reader, fault) < 0)
		return -1;
	batch = bytes_get_u64(&reader);
	if (message_end(frame, &reader, fault) < 0)
		return -1;
	*ret_batch = batch;
	return 0;
}

static void encode_u32(struct bytes_writer *writer, const void *message)
{
	const uint32_t *value = message;

	bytes_put_u32(writer, *value);
}

int message_put_stop(struct evbuffer *out, struct message_header header, uint32_t deadline_ms)
{
	return message_put(out, header, MESSAGE_STOP, encode_u32, &deadline_ms);
}

int message_get_stop(const struct frame *frame, uint32_t *ret_deadline_ms, struct fault *fault)
{
	struct bytes_reader reader;
	uint32_t deadline_ms;

	if (message_begin(frame, MESSAGE_STOP, &reader, fault) < 0)
		return -1;
	deadline_ms = bytes_get_u32(&reader);
	if (message_end(frame, &reader, fault) < 0)
		return -1;
	*ret_deadline_ms = deadline_ms;
	return 0;
}

static void encode_nothing(struct bytes_writer *writer, const void *message)
{
	(void)writer;
	(void)message;
}

int message_put_stopped(struct evbuffer *out, struct message_header header)
{
	return message_put(out, header, MESSAGE_STOPPED, encode_nothing, NULL);
}

int message_get_stopped(const struct frame *frame, struct fault *fault)
{
	struct bytes_reader reader;

	if (message_begin(frame, MESSAGE_STOPPED, &reader, fault) < 0)
		return -1;
	return message_end(frame, &reader, fault);
}

/* ── DOCUMENT, FAILED ──────────────────────────────────────────────────────────────────────── */

static void encode_document(struct bytes_writer *writer, const void *message)
{
	const struct message_document *document = message;

	bytes_put_text(writer, document->name, TEXT_NAME_MAX);
	bytes_put_u64(writer, document->file.device);
	bytes_put_u64(writer, document->file.inode);
	bytes_put_u64(writer, document->file.size);
	bytes_put_u64(writer, document->file.modified_ns);
	bytes_put(writer, document->sha256, SHA256_BYTES);
}

int message_put_document(struct evbuffer *out, struct message_header header,
			 const struct message_document *message)
{
	return message_put(out, header, MESSAGE_DOCUMENT, encode_document, message);
}

/* A name that main may put behind a directory: one component, and not a hidden one. */
static const char *get_file_name(struct bytes_reader *reader)
{
	const char *name = bytes_get_text(reader, TEXT_NAME_MAX);

	if (!reader->failed && (name[0] == '\0' || name[0] == '.' || strchr(name, '/')))
		bytes_refuse(reader, "not the name of a file");
	return name;
}

int message_get_document(const struct frame *frame, struct message_document *ret,
			 struct fault *fault)
{
	struct message_document document = { 0 };
	struct bytes_reader reader;
	const void *hash;

	if (message_begin(frame, MESSAGE_DOCUMENT, &reader, fault) < 0)
		return -1;
	document.name = get_file_name(&reader);
	document.file.device = bytes_get_u64(&reader);
	document.file.inode = bytes_get_u64(&reader);
	document.file.size = bytes_get_u64(&reader);
	if (document.file.size > INT64_MAX)
		bytes_refuse(&reader, "size out of range");
	document.file.modified_ns = bytes_get_u64(&reader);
	hash = bytes_get(&reader, SHA256_BYTES);
	if (hash)
		memcpy(document.sha256, hash, SHA256_BYTES);
	if (message_end(frame, &reader, fault) < 0)
		return -1;
	*ret = document;
	return 0;
}

static void encode_failed(struct bytes_writer *writer, const void *message)
{
	const struct message_failed *failed = message;

	bytes_put_text(writer, failed->name, TEXT_NAME_MAX);
	bytes_put_text(writer, failed->reason, TEXT_FAULT_MAX);
	bytes_put_u64(writer, failed->rejected);
	bytes_put_u8(writer, failed->class_ ? failed->class_ : STRAIT_FAULT_INPUT);
	bytes_put_i64(writer, failed->published_at_ms);
	message_put_sheets(writer, failed->sheets, failed->sheet_count);
	message_put_rejects(writer, failed->rejects, failed->reject_count);
}

int message_put_failed(struct evbuffer *out, struct message_header header,
		       const struct message_failed *message)
{
	return message_put(out, header, MESSAGE_FAILED, encode_failed, message);
}

int message_get_failed(const struct frame *frame, struct message_scratch *scratch,
		       struct message_failed *ret, struct fault *fault)
{
	struct message_failed failed = { 0 };
	struct bytes_reader reader;

	if (message_begin(frame, MESSAGE_FAILED, &reader, fault) < 0)
		return -1;
	failed.name = get_file_name(&reader);
	failed.reason = bytes_get_text(&reader, TEXT_FAULT_MAX);
	failed.rejected = bytes_get_u64(&reader);
	if (failed.rejected > INT64_MAX)
		bytes_refuse(&reader, "count out of range");
	failed.class_ = bytes_get_u8(&reader);
	if (failed.class_ != STRAIT_FAULT_INPUT && failed.class_ != STRAIT_FAULT_DRIFTED &&
	    failed.class_ != STRAIT_FAULT_RETIRED)
		bytes_refuse(&reader, "not how a document fails");
	failed.published_at_ms = bytes_get_i64(&reader);
	if (failed.published_at_ms < 0)
		bytes_refuse(&reader, "published before 1970");
	failed.sheet_count = message_get_sheets(&reader, failed.sheets);
	if (message_get_rejects(&reader, scratch, &failed.rejects, &failed.reject_count) < 0)
		return fault_set(fault, FAULT_MEMORY, "no memory for the rejects of a document");
	if (failed.rejected < failed.reject_count)
		bytes_refuse(&reader, "more rejects than are counted");
	if (message_end(frame, &reader, fault) < 0)
		return -1;
	*ret = failed;
	return 0;
}

/* ── LOG, HEARTBEAT, FAULT ─────────────────────────────────────────────────────────────────── */

static void encode_log(struct bytes_writer *writer, const void *message)
{
	const struct message_log *log = message;

	bytes_put_u8(writer, log->level);
	bytes_put_text(writer, log->text, TEXT_LOG_MAX);
}

int message_put_log(struct evbuffer *out, struct message_header header,
		    const struct message_log *message)
{
	return message_put(out, header, MESSAGE_LOG, encode_log, message);
}

int message_get_log(const struct frame *frame, struct message_log *ret, struct fault *fault)
{
	struct message_log log = { 0 };
	struct bytes_reader reader;

	if (message_begin(frame, MESSAGE_LOG, &reader, fault) < 0)
		return -1;
	log.level = bytes_get_u8(&reader);
	if (log.level > 7)
		bytes_refuse(&reader, "no such log level");
	log.text = bytes_get_text(&reader, TEXT_LOG_MAX);
	if (message_end(frame, &reader, fault) < 0)
		return -1;
	*ret = log;
	return 0;
}

static void encode_heartbeat(struct bytes_writer *writer, const void *message)
{
	const struct message_heartbeat *heartbeat = message;

	bytes_put_u32(writer, heartbeat->lag_ms);
	bytes_put_u32(writer, heartbeat->allowed_block_s);
	bytes_put_f64(writer, heartbeat->progress);
	bytes_put_u8(writer, heartbeat->catches_up);
}

int message_put_heartbeat(struct evbuffer *out, struct message_header header,
			  const struct message_heartbeat *message)
{
	return message_put(out, header, MESSAGE_HEARTBEAT, encode_heartbeat, message);
}

int message_get_heartbeat(const struct frame *frame, struct message_heartbeat *ret,
			  struct fault *fault)
{
	struct message_heartbeat heartbeat = { 0 };
	struct bytes_reader reader;

	if (message_begin(frame, MESSAGE_HEARTBEAT, &reader, fault) < 0)
		return -1;
	heartbeat.lag_ms = bytes_get_u32(&reader);
	heartbeat.allowed_block_s = bytes_get_u32(&reader);
	heartbeat.progress = bytes_get_f64(&reader);
	if (!isnan(heartbeat.progress) && !(heartbeat.progress >= 0 && heartbeat.progress <= 1))
		bytes_refuse(&reader, "progress is not between 0 and 1");
	heartbeat.catches_up = bytes_get_u8(&reader);
	if (heartbeat.catches_up > 1)
		bytes_refuse(&reader, "a truth value that is neither 0 nor 1");
	if (message_end(frame, &reader, fault) < 0)
		return -1;
	*ret = heartbeat;
	return 0;
}

static void encode_fault(struct bytes_writer *writer, const void *message)
{
	const struct message_fault *fault = message;

	bytes_put_u8(writer, fault->class_);
	bytes_put_text(writer, fault->text, TEXT_FAULT_MAX);
}

int message_put_fault(struct evbuffer *out, struct message_header header,
		      const struct message_fault *message)
{
	return message_put(out, header, MESSAGE_FAULT, encode_fault, message);
}

int message_get_fault(const struct frame *frame, struct message_fault *ret, struct fault *fault)
{
	struct message_fault message = { 0 };
	struct bytes_reader reader;

	if (message_begin(frame, MESSAGE_FAULT, &reader, fault) < 0)
		return -1;
	message.class_ = bytes_get_u8(&reader);
	if (message.class_ < STRAIT_FAULT_TRANSIENT || message.class_ > STRAIT_FAULT_BUG)
		bytes_refuse(&reader, "no such class of fault");
	message.text = bytes_get_text(&reader, TEXT_FAULT_MAX);
	if (message_end(frame, &reader, fault) < 0)
		return -1;
	*ret = message;
	return 0;
}
