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

#define ANY (PHASE_NEW | PHASE_RUNNING | PHASE_ANNOUNCED)

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
	    fault->kind == FAULT_DAMAGED || fault->kind == FAULT_MEMORY ||
	    fault->kind == FAULT_BUSY)
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
static void move_to_done(struct source *source, const char *name, const struct file_identity *file,
			 const uint8_t sha256[SHA256_BYTES])
{
	char moved[SPOOL_NAME_MAX], path[SPOOL_PATH_MAX];
	struct fault fault = { 0 };
	int result;

	if ((size_t)snprintf(path, sizeof(path), "%s/done/%s", source->config.input, name) <
	    sizeof(path))
		source->owner->document_leaves(source->owner->context, source, path, sha256);
	result = spool_done(source->config.input, name, file, moved, &fault);
	if (result < 0)
		source_leave_behind(source, fault.text);
	else
		source_moves_again(source);
	if (result == SPOOL_GONE)
		log_source(LOG_NOTICE, source->config.name,
			   "'%s' is imported, but was removed from incoming/ meanwhile", name);
	else if (result == SPOOL_REPLACED)
		log_source(
			LOG_NOTICE, source->config.name,
			"'%s' is imported, but was replaced meanwhile; the new file, incoming/%s, is read next",
			name, moved);
	else if (result == 0 && (size_t)snprintf(path, sizeof(path), "%s/done/%s",
						 source->config.input, moved) < sizeof(path))
		source->owner->document_done(source->owner->context, source, path, sha256);
}

static void close_document(struct source *source)
{
	source->document.open = source->document_partial = false;
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
	if (source->last_fault_is_config)
		source->last_fault[0] = '\0'; /* it is mended */
	source->last_fault_is_config = false;
	source->left.retry_ms = 0; /* this one looks at all that lies in incoming/ */
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

static void note_levels(struct source *source, const struct declaration *declaration)
{
	source->levels = 0;
	for (size_t i = 0; i < declaration->metric_count; i++)
		if (declaration->metrics[i].kind == STRAIT_LEVEL)
			source->levels |= UINT64_C(1) << i;
}

static int take_ready(struct source *source, const struct frame *frame, struct fault *fault)
{
	struct declaration declaration = { 0 };
	struct commit_report report = { 0 };
	struct sandbox_layers sandbox;
	int result;

	if (message_get_ready(frame, &declaration, &sandbox, fault) < 0)
		return -1;
	result = 0;
	if (source->supervisor.state == SUPERVISOR_STARTING) {
		(void)snprintf(source->plugin_version, sizeof(source->plugin_version), "%s",
			       declaration.version);
		(void)sandbox_text(&sandbox, source->sandbox);
		note_levels(source, &declaration);
		source->owner->confined(source->owner->context, &sandbox);
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

/* The same document again: nothing new, but a sign of life of whoever publishes it. */
static int still_answers(struct source *source, const uint8_t sha256[SHA256_BYTES],
			 struct fault *fault)
{
	if (ledger_answered(source->owner->ledger, source->config.name, sha256, fault) < 0 ||
	    ledger_refresh_totals(source->owner->ledger, source->config.name, &source->totals,
				  fault) < 0)
		return refused(source, fault);
	source_refresh(source);
	return 0;
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
	if (ledger_release_state(source->owner->ledger, source->config.name, document.name,
				 document.sha256, &proceed.skip, &proceed.observations,
				 &proceed.published_at_ms, fault) < 0)
		return refused(source, fault);
	if (sent(message_put_proceed(link_output(source->link), link_header(source->link),
				     &proceed),
		 "PROCEED", fault) < 0)
		return -1;
	if (proceed.skip) {
		log_source(LOG_INFO, source->config.name,
			   "'%s' is imported already: it goes to done/", document.name);
		move_to_done(source, document.name, &document.file, document.sha256);
		tell(source, (struct document_news){ .step = DOCUMENT_DONE,
						     .name = document.name,
						     .repeated = true });
		return still_answers(source, document.sha256, fault);
	}
	(void)snprintf(source->document.name, sizeof(source->document.name), "%s", document.name);
	(void)memcpy(source->document.sha256, document.sha256, SHA256_BYTES);
	source->document.file = document.file;
	source->document.open = true;
	source->document.moved_ms = clock_monotonic_ms();
	source->progress = 0;
	source->phase = PHASE_ANNOUNCED;
	tell(source,
	     (struct document_news){ .step = DOCUMENT_READING, .name = source->document.name });
	source_act(source, SUPERVISOR_DO_NOTHING); /* idle → reading */
	return 0;
}

/* Also of the same instant there is one newest: that of the greater hash, as in the store. */
static bool is_newest(const struct source_totals *totals, const struct batch_release *release)
{
	if (release->published_at_ms != totals->last_published_ms)
		return release->published_at_ms > totals->last_published_ms;
	return memcmp(release->sha256, totals->last_sha256, SHA256_BYTES) > 0;
}

static void count_batch(struct source *source, const struct batch *batch)
{
	struct source_totals *totals = &source->totals;
	struct fault fault = { 0 };

	totals->accepted += batch->accepted;
	totals->rejected += batch->rejected;
	totals->last_read_ms = clock_now_ms();
	if (!batch->final)
		return;
	if (is_newest(totals, &batch->release)) {
		totals->last_published_ms = batch->release.published_at_ms;
		(void)memcpy(totals->last_sha256, batch->release.sha256, SHA256_BYTES);
		(void)snprintf(totals->last_release, sizeof(totals->last_release), "%s",
			       batch->release.name);
	}
	if (ledger_refresh_totals(source->owner->ledger, source->config.name, totals, &fault) < 0)
		log_source(
			LOG_WARNING, source->config.name,
			"cannot read how fresh it is: %s; looked at again after the next release",
			fault.text);
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
	move_to_done(source, name, &source->document.file, source->document.sha256);
	log_source(LOG_INFO, source->config.name, "'%s' is imported", name);
	tell(source, (struct document_news){ .step = DOCUMENT_DONE, .name = name, .progress = 1 });
}

_Static_assert(STRAIT_METRICS_MAX <= 64, "a bit for each metric");

/* Levels of a document count when all of it is in; events and records at once. */
static bool counts_at_once(const struct source *source, const struct batch *batch)
{
	for (size_t i = 0; i < batch->series_count; i++)
		if (!(source->levels >> (batch->series[i].metric % 64) & 1))
			return true;
	return false;
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
	if (source->document.open && !batch.final && !source->document_partial &&
	    counts_at_once(source, &batch)) {
		source->document_partial = true;
		source_refresh(source); /* before the figures move */
	}
	if (ledger_commit(source->owner->ledger, source->config.name, &batch, &report, fault) < 0)
		return refused(source, fault);
	stored(source);
	if (sent(message_put_committed(link_output(source->link), link_header(source->link),
				       batch.number),
		 "COMMITTED", fault) < 0)
		return -1;
	source->document.moved_ms = clock_monotonic_ms();
	batch_refuse(&batch, report.refused);
	count_batch(source, &batch);
	source_report(source, &report);
	follow_batch(source, &batch);
	source->good = true;
	source->poison.documents = 0;
	source_act(source,
		   supervisor_committed(&source->supervisor, batch.number, clock_monotonic_ms()));
	source_refresh(source);
	source_counters_changed(source);
	return 0;
}

static int take_failed(struct source *source, const struct frame *frame, struct fault *fault)
{
	char name[SPOOL_NAME_MAX];
	struct failed_document document;
	struct message_failed failed;

	if (message_get_failed(frame, link_scratch(source->link), &failed, fault) < 0)
		return -1;
	if (!spool_name_ok(failed.name))
		return fault_set(fault, FAULT_PROTOCOL,
				 "it failed a document whose name is not one");
	if (source->document.open && strcmp(source->document.name, failed.name) != 0)
		return fault_set(fault, FAULT_PROTOCOL,
				 "it failed another document than it was reading");
	/* Not taken is not lost: the next worker reads the document again. */
	if (source->muted || source->supervisor.ending == SUPERVISOR_ENDS_BY_HOLD)
		return 0;
	(void)snprintf(name, sizeof(name), "%s", failed.name);
	document = (struct failed_document){
		.name = name,
		.sha256 = source->document.open ? source->document.sha256 : NULL,
		.size = source->document.file.size,
		.class_ = (enum strait_fault)failed.class_,
		.published_at_ms = failed.published_at_ms,
		.reason = failed.reason,
		.rejected = failed.rejected,
		.rejects = failed.rejects,
		.reject_count = failed.reject_count,
		.sheets = failed.sheets,
		.sheet_count = failed.sheet_count,
	};
	if (source_fail_document(source, &document, fault) < 0)
		return refused(source, fault);
	stored(source);
	close_document(source);
	source_act(source, SUPERVISOR_DO_NOTHING); /* reading → idle */
	source_refresh(source);
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

/* How far a log is read that has more than one batch. */
static void note_catching_up(struct source *source, const struct message_heartbeat *heartbeat)
{
	bool changed = source->catches_up != (heartbeat->catches_up != 0);
	double progress = heartbeat->catches_up ? heartbeat->progress : 1;

	source->catches_up = heartbeat->catches_up != 0;
	if (!source->document.open && progress >= 0 && progress != source->progress) {
		source->progress = progress;
		source_counters_changed(source);
	}
	if (changed) {
		source_act(source, SUPERVISOR_DO_NOTHING); /* idle ↔ reading */
		source_refresh(source);
	}
}

/* A loop without end that emits or reads beats on. Also a plugin that keeps on rejecting comes no
 * further: its rejects are summed up. */
static void stop_if_stalled(struct source *source)
{
	const struct supervisor_deadlines *deadlines = &source->supervisor.deadlines;
	int64_t now_ms = clock_monotonic_ms();
	char text[128];

	if (!source->document.open || now_ms - source->document.moved_ms < deadlines->stall_ms)
		return;
	(void)snprintf(text, sizeof(text), "it came no further in its document for %g s",
		       (double)deadlines->stall_ms / 1000);
	set_cause(source, text);
	source_act(source, supervisor_stalled(&source->supervisor, now_ms));
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
	note_catching_up(source, &heartbeat);
	if (!source->document.open && (!source->good || source->rebuilding)) {
		source->good = true;
		source_refresh(source);
	}
	/* The comparisons are false for a NaN. */
	if (source->document.open && heartbeat.progress >= 0 && heartbeat.progress <= 1 &&
	    heartbeat.progress > source->progress) {
		source->progress = heartbeat.progress;
		source->document.moved_ms = clock_monotonic_ms();
		tell(source, (struct document_news){ .step = DOCUMENT_PROGRESS,
						     .name = source->document.name,
						     .progress = source->progress });
		source_counters_changed(source);
	}
	stop_if_stalled(source);
	if (!source->document.open)
		source_retry_left_behind(source);
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

/* What a worker began before it heard that it is to stop, whose last document was not taken: not
 * answered, and read again by the next one. */
static bool is_late(const struct source *source, const struct frame *frame)
{
	return (enum message_type)frame->type == MESSAGE_DOCUMENT &&
	       (source->muted || source->supervisor.ending == SUPERVISOR_ENDS_BY_HOLD);
}

int source_take_frame(struct source *source, const struct frame *frame, struct fault *fault)
{
	size_t i;

	if (is_late(source, frame))
		return 0;
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
		.reject_limit = source->config.reject_limit,
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
