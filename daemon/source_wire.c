/* SPDX-License-Identifier: MIT
 *
 * source_wire.c - the conversation with one worker: which frame is legal when, and what it does.
 * Main only.
 *
 * Invariant: COMMITTED n is sent only after the ledger has n; a document leaves incoming/ only
 * after its last batch is committed or its failure is written down. Must never: believe a name,
 * number or order that a worker sent.
 */
#include "source_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "clock.h"
#include "period.h"

#define ANY (PHASE_NEW | PHASE_RUNNING | PHASE_ANNOUNCED)

#define REASON_TEXT_MAX 2048

static bool working(const struct source *source)
{
	return source->supervisor.state == SUPERVISOR_RUNNING ||
	       source->supervisor.state == SUPERVISOR_UNRESPONSIVE;
}

static void set_cause(struct source *source, const char *text)
{
	if (!source->cause[0])
		(void)chatter_clean(source->cause, sizeof(source->cause), text);
}

static int sent(int result, const char *what, struct fault *fault)
{
	return result == 0 ? 0
			   : fault_set(fault, FAULT_MEMORY, "cannot send %s: out of memory", what);
}

/* The store does not take it, and that is not the worker's doing: it stops, keeps everything, and
 * is started again. */
static void hold(struct source *source, const struct fault *why)
{
	if (complaint_raise(&source->store_complaint, clock_monotonic_ms()))
		log_source(
			LOG_ERR, source->config.name,
			"cannot store figures: %s; nothing is lost, its input is read again until it works",
			why->text);
	set_cause(source, why->text);
	source_act(source, supervisor_hold(&source->supervisor, clock_monotonic_ms()));
}

static void stored(struct source *source)
{
	int64_t lasted_ms;
	uint32_t count;

	if (complaint_end(&source->store_complaint, clock_monotonic_ms(), &lasted_ms, &count))
		log_source(LOG_NOTICE, source->config.name,
			   "figures are stored again, after %lld s and %u attempts",
			   (long long)(lasted_ms / 1000), count);
}

/* What a refusal of the ledger means for the worker. */
static int refused(struct source *source, struct fault *fault)
{
	if (fault->kind == FAULT_PROTOCOL)
		return -1;
	hold(source, fault);
	return 0;
}

/* A declaration is also refused for what it says; then only another plugin helps. */
static int declaration_refused(struct source *source, struct fault *fault)
{
	if (fault->kind == FAULT_PROTOCOL || fault->kind == FAULT_SYSTEM ||
	    fault->kind == FAULT_MEMORY || fault->kind == FAULT_BUSY)
		return refused(source, fault);
	set_cause(source, fault->text);
	(void)supervisor_leaving(
		&source->supervisor, SUPERVISOR_ENDS_BY_CONFIG,
		clock_monotonic_ms()); /* its action is: nothing. It must be asked */
	source_act(source, SUPERVISOR_DO_ASK);
	return 0;
}

static void tell(struct source *source, struct document_news news)
{
	source->owner->document(source->owner->context, source, &news);
}

/* The document of which a worker speaks is done with: incoming/ → done/. */
static void move_to_done(struct source *source, const char *name,
			 const uint8_t sha256[SHA256_BYTES])
{
	char moved[SPOOL_NAME_MAX], path[SPOOL_PATH_MAX];
	struct fault fault = { 0 };
	int result = spool_done(source->config.input, name, moved, &fault);

	if (result < 0)
		log_source(LOG_ERR, source->config.name,
			   "a document is imported, but stays in incoming/: %s", fault.text);
	else if (result > 0)
		log_source(LOG_NOTICE, source->config.name,
			   "'%s' is imported, but was removed from incoming/ meanwhile", name);
	else if ((size_t)snprintf(path, sizeof(path), "%s/done/%s", source->config.input, moved) <
		 sizeof(path))
		source->owner->document_done(source->owner->context, path, sha256);
}

static void close_document(struct source *source)
{
	source->document.open = false;
	source->progress = 1;
	source->phase = (source->phase & PHASE_STOPPING) | PHASE_RUNNING;
}

/* The declaration is accepted: where to go on. */
static int send_start(struct source *source, struct fault *fault)
{
	struct message_start start = { 0 };
	void *cursor = NULL;
	int result;

	if (ledger_resume(source->owner->ledger, source->config.name, &start.batch, &cursor,
			  &start.cursor_size, fault) < 0)
		return refused(source, fault);
	start.cursor = cursor;
	source->phase = PHASE_RUNNING;
	result = sent(
		message_put_start(link_output(source->link), link_header(source->link), &start),
		"START", fault);
	free(cursor);
	source_act(source,
		   supervisor_ready(&source->supervisor, start.batch, clock_monotonic_ms()));
	log_source(LOG_INFO, source->config.name, "worker %d is ready: %s %s, after batch %llu",
		   (int)source->pid, source->config.plugin, source->plugin_version,
		   (unsigned long long)start.batch);
	return result;
}

static int take_ready(struct source *source, const struct frame *frame, struct fault *fault)
{
	struct declaration declaration = { 0 };
	struct commit_report report = { 0 };
	int result;

	if (message_get_ready(frame, &declaration, fault) < 0)
		return -1;
	result = 0;
	if (source->supervisor.state == SUPERVISOR_STARTING) {
		(void)snprintf(source->plugin_version, sizeof(source->plugin_version), "%s",
			       declaration.version);
		result = ledger_declare(source->owner->ledger, source->config.name, &declaration,
					&report, fault);
		if (result < 0) {
			result = declaration_refused(source, fault);
		} else {
			source_report(source, &report);
			result = send_start(source, fault);
		}
	}
	declaration_done(&declaration);
	return result;
}

static int take_document(struct source *source, const struct frame *frame, struct fault *fault)
{
	struct message_document document;
	struct message_proceed proceed = { 0 };

	if (message_get_document(frame, &document, fault) < 0)
		return -1;
	if (!spool_name_ok(document.name))
		return fault_set(fault, FAULT_PROTOCOL,
				 "it announced a document whose name is not one");
	if (!working(source) || source->muted)
		return 0; /* it is stopping: nothing new is begun */
	if (ledger_release_state(source->owner->ledger, source->config.name, document.sha256,
				 &proceed.skip, &proceed.observations, fault) < 0)
		return refused(source, fault);
	if (sent(message_put_proceed(link_output(source->link), link_header(source->link),
				     &proceed),
		 "PROCEED", fault) < 0)
		return -1;
	if (proceed.skip) {
		log_source(LOG_INFO, source->config.name,
			   "'%s' is imported already: moved to done/", document.name);
		move_to_done(source, document.name, document.sha256);
		tell(source,
		     (struct document_news){ .step = DOCUMENT_DONE, .name = document.name });
		return 0;
	}
	(void)snprintf(source->document.name, sizeof(source->document.name), "%s", document.name);
	(void)memcpy(source->document.sha256, document.sha256, SHA256_BYTES);
	source->document.open = true;
	source->progress = 0;
	source->phase = PHASE_ANNOUNCED;
	tell(source,
	     (struct document_news){ .step = DOCUMENT_READING, .name = source->document.name });
	source_act(source, SUPERVISOR_DO_NOTHING); /* idle → reading */
	return 0;
}

static void count_batch(struct source *source, const struct batch *batch)
{
	source->totals.accepted += batch->accepted;
	source->totals.rejected += batch->rejected;
	source->totals.last_read_ms = clock_now_ms();
	if (source->totals.last_published_ms < batch->release.published_at_ms)
		source->totals.last_published_ms = batch->release.published_at_ms;
	(void)snprintf(source->totals.last_release, sizeof(source->totals.last_release), "%s",
		       batch->release.name);
}

/* After the commit: who follows the document, and where it goes. */
static void follow_batch(struct source *source, const struct batch *batch)
{
	char name[SPOOL_NAME_MAX];

	if (!source->document.open ||
	    memcmp(source->document.sha256, batch->release.sha256, SHA256_BYTES) != 0) {
		source->stretch_open = !batch->final;
		return;
	}
	(void)memcpy(name, source->document.name, sizeof(name));
	tell(source, (struct document_news){ .step = DOCUMENT_BATCH,
					     .name = name,
					     .progress = source->progress,
					     .accepted = batch->accepted,
					     .rejected = batch->rejected });
	if (!batch->final)
		return;
	close_document(source);
	move_to_done(source, name, source->document.sha256);
	log_source(LOG_INFO, source->config.name, "'%s' is imported", name);
	tell(source, (struct document_news){ .step = DOCUMENT_DONE, .name = name, .progress = 1 });
}

static int take_batch(struct source *source, const struct frame *frame, struct fault *fault)
{
	struct commit_report report = { 0 };
	struct batch batch;

	if (message_get_batch(frame, link_scratch(source->link), &batch, fault) < 0)
		return -1;
	/* Not taken is not lost: the next worker reads it again from the cursor. */
	if (source->muted || source->supervisor.ending == SUPERVISOR_ENDS_BY_HOLD)
		return 0;
	if (ledger_commit(source->owner->ledger, source->config.name, &batch, &report, fault) < 0)
		return refused(source, fault);
	stored(source);
	if (sent(message_put_committed(link_output(source->link), link_header(source->link),
				       batch.number),
		 "COMMITTED", fault) < 0)
		return -1;
	count_batch(source, &batch);
	source_report(source, &report);
	follow_batch(source, &batch);
	source->good = true;
	source_act(source,
		   supervisor_committed(&source->supervisor, batch.number, clock_monotonic_ms()));
	source_refresh(source);
	source_counters_changed(source);
	return 0;
}

static void hex(const uint8_t *bytes, size_t size, char *ret_text)
{
	size_t i;

	for (i = 0; i < size; i++)
		(void)snprintf(ret_text + 2 * i, 3, "%02x", bytes[i]);
}

static void write_reason(const struct source *source, const char *reason, char *buffer, size_t size)
{
	char sha256[2 * SHA256_BYTES + 1] = "not known: it was refused before it was read";
	char when[PERIOD_TEXT_MAX];

	if (source->document.open)
		hex(source->document.sha256, SHA256_BYTES, sha256);
	(void)snprintf(
		buffer, size,
		"reason: %s\n"
		"source: %s\n"
		"plugin: %s %s\n"
		"time:   %s\n"
		"sha256: %s\n"
		"\n"
		"Nothing of what this document has left is counted. Mend it and move it back to incoming/;\n"
		"if the plugin was wrong, install a better one, run 'straitctl reload', then move it back.\n"
		"'straitctl try %s FILE' shows what a file would do. This .reason file may be removed.\n",
		reason, source->config.name, source->config.plugin, source->plugin_version,
		time_format(clock_now_ms(), when), sha256, source->config.plugin);
}

static int take_failed(struct source *source, const struct frame *frame, struct fault *fault)
{
	char name[SPOOL_NAME_MAX], moved[SPOOL_NAME_MAX];
	char reason[FAULT_TEXT_MAX];
	char text[REASON_TEXT_MAX];
	struct message_failed failed;
	struct fault trouble = { 0 };
	int result;

	if (message_get_failed(frame, &failed, fault) < 0)
		return -1;
	if (!spool_name_ok(failed.name))
		return fault_set(fault, FAULT_PROTOCOL,
				 "it failed a document whose name is not one");
	if (source->document.open && strcmp(source->document.name, failed.name) != 0)
		return fault_set(fault, FAULT_PROTOCOL,
				 "it failed another document than it was reading");
	if (source->muted)
		return 0;
	(void)snprintf(name, sizeof(name), "%s", failed.name);
	(void)chatter_clean(reason, sizeof(reason), failed.reason);
	write_reason(source, reason, text, sizeof(text));
	result = spool_failed(source->config.input, name, text, moved, &trouble);
	if (result == 0)
		log_source(LOG_WARNING, source->config.name,
			   "'%s' cannot be read: %s; moved to failed/%s", name, reason, moved);
	else
		log_source(result < 0 ? LOG_ERR : LOG_WARNING, source->config.name,
			   "'%s' cannot be read: %s; it stays where it is: %s", name, reason,
			   result < 0 ? trouble.text : "it was removed from incoming/ meanwhile");
	close_document(source);
	(void)snprintf(source->last_fault, sizeof(source->last_fault), "'%.200s': %.300s", name,
		       reason);
	tell(source, (struct document_news){ .step = DOCUMENT_FAILED,
					     .name = name,
					     .rejected = failed.rejected,
					     .reason = reason });
	source_act(source, SUPERVISOR_DO_NOTHING); /* reading → idle */
	source_counters_changed(source);
	return 0;
}

static int take_log(struct source *source, const struct frame *frame, struct fault *fault)
{
	struct message_log message;

	if (message_get_log(frame, &message, fault) < 0)
		return -1;
	chatter_log(&source->chatter, message.level, message.text, clock_monotonic_ms());
	return 0;
}

static int take_heartbeat(struct source *source, const struct frame *frame, struct fault *fault)
{
	struct message_heartbeat heartbeat;

	if (message_get_heartbeat(frame, &heartbeat, fault) < 0)
		return -1;
	source_act(source, supervisor_heartbeat(&source->supervisor, heartbeat.allowed_block_s,
						clock_monotonic_ms()));
	if (source->supervisor.state != SUPERVISOR_RUNNING)
		return 0;
	if (!source->document.open && !source->good) {
		source->good = true;
		source_refresh(source);
	}
	/* The comparisons are false for a NaN. */
	if (source->document.open && heartbeat.progress >= 0 && heartbeat.progress <= 1 &&
	    heartbeat.progress > source->progress) {
		source->progress = heartbeat.progress;
		tell(source, (struct document_news){ .step = DOCUMENT_PROGRESS,
						     .name = source->document.name,
						     .progress = source->progress });
		source_counters_changed(source);
	}
	return 0;
}

static int take_fault(struct source *source, const struct frame *frame, struct fault *fault)
{
	enum supervisor_ending ending = SUPERVISOR_ENDS_BY_DEATH;
	struct message_fault message;

	if (message_get_fault(frame, &message, fault) < 0)
		return -1;
	if (message.class_ == STRAIT_FAULT_CONFIG)
		ending = SUPERVISOR_ENDS_BY_CONFIG;
	else if (message.class_ == STRAIT_FAULT_TRANSIENT)
		ending = SUPERVISOR_ENDS_BY_TRANSIENT;
	set_cause(source, message.text);
	source_act(source, supervisor_leaving(&source->supervisor, ending, clock_monotonic_ms()));
	return 0;
}

static int take_stopped(struct source *source, const struct frame *frame, struct fault *fault)
{
	(void)source; /* its exit is what counts */
	return message_get_stopped(frame, fault);
}

/* Style rule 48. The decoder of each message checks its size. */
static const struct {
	enum message_type type;
	unsigned int phases; /* legal in one of these */
	int (*take)(struct source *source, const struct frame *frame, struct fault *fault);
} frames[] = {
	{ MESSAGE_READY, PHASE_NEW, take_ready },
	{ MESSAGE_DOCUMENT, PHASE_RUNNING, take_document },
	{ MESSAGE_BATCH, PHASE_RUNNING | PHASE_ANNOUNCED, take_batch },
	{ MESSAGE_FAILED, PHASE_RUNNING | PHASE_ANNOUNCED, take_failed },
	{ MESSAGE_LOG, ANY, take_log },
	{ MESSAGE_HEARTBEAT, ANY, take_heartbeat },
	{ MESSAGE_FAULT, ANY, take_fault },
	{ MESSAGE_STOPPED, PHASE_STOPPING, take_stopped },
};

int source_take_frame(struct source *source, const struct frame *frame, struct fault *fault)
{
	size_t i;

	for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		if (frames[i].type != (enum message_type)frame->type)
			continue;
		if (!(frames[i].phases & source->phase))
			return fault_set(fault, FAULT_PROTOCOL,
					 "%s (type %u, %zu bytes) at the wrong moment",
					 message_name(frame->type), frame->type,
					 frame->payload_size);
		if (frames[i].take(source, frame, fault) == 0)
			return 0;
		return fault_prefix(fault, "%s (type %u, %zu bytes)", message_name(frame->type),
				    frame->type, frame->payload_size);
	}
	return fault_set(fault, FAULT_PROTOCOL, "a frame of unknown type %u, %zu bytes",
			 frame->type, frame->payload_size);
}

int source_send_configure(struct source *source, const char *plugin_path, const char *incoming)
{
	struct message_option options[MESSAGE_OPTIONS_MAX];
	struct message_configure configure = {
		.source = source->config.name,
		.plugin = source->config.plugin,
		.plugin_path = plugin_path,
		.incoming = incoming,
		.log = source->config.log ? source->config.log : "",
		.options = options,
	};
	size_t i;

	(void)memcpy(configure.identity_key, ledger_identity_key(source->owner->ledger),
		     sizeof(configure.identity_key));
	for (i = 0; i < source->config.option_count && i < MESSAGE_OPTIONS_MAX; i++)
		options[i] = (struct message_option){ .key = source->config.options[i].key,
						      .value = source->config.options[i].value };
	configure.option_count = i;
	source->phase = PHASE_NEW;
	return message_put_configure(link_output(source->link), link_header(source->link),
				     &configure);
}

void source_send_stop(struct source *source)
{
	if (!source->link)
		return;
	source->phase |= PHASE_STOPPING;
	/* Out of memory: the deadline that runs from now on brings SIGTERM. */
	(void)message_put_stop(link_output(source->link), link_header(source->link),
			       (uint32_t)source->supervisor.deadlines.stop_ms);
}
