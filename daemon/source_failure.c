/* SPDX-License-Identifier: MIT
 *
 * source_failure.c - documents that cannot be read: kept in failed/ with the reason, their rejects
 * in the ledger; also those over which the worker died. Main only.
 *
 * Invariant: a document leaves incoming/ for failed/ only after the ledger has its failure. Done
 * twice, because the daemon died in between, it counts once.
 */
#include "source_private.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "period.h"

#define REASON_TEXT_MAX 2048
#define LEFT_DOUBLINGS	5u /* 30 s, 1 min … 16 min */

static void write_reason(const struct source *source, const struct failed_document *document,
			 const char *reason, char *buffer, size_t size)
{
	char sha256[SHA256_TEXT_BYTES] = "not known: it was refused before it was read";
	char when[PERIOD_TEXT_MAX];

	if (document->sha256)
		sha256_text(document->sha256, sha256);
	(void)snprintf(
		buffer, size,
		"reason: %s\n"
		"source: %s\n"
		"plugin: %s %s\n"
		"time:   %s\n"
		"sha256: %s\n"
		"\n"
		"What was not read is not counted, nor are levels and events of what was; records that were\n"
		"read before the failure stay, each for itself. Mend it and move it back to incoming/;\n"
		"if the plugin was wrong, install a better one, run 'straitctl reload', then move it back.\n"
		"'straitctl rejects %s' shows the rows that were not taken. This .reason file may be removed.\n",
		reason, source->config.name, source->config.plugin, source->plugin_version,
		time_format(clock_now_ms(), when), sha256, source->config.name);
}

/* ── what stays in incoming/ ───────────────────────────────────────────────────────────────── */

void source_leave_behind(struct source *source, const char *why)
{
	int64_t now_ms = clock_monotonic_ms();

	source_note_fault(source, why);
	if (complaint_raise(&source->left.complaint, now_ms))
		log_source(
			LOG_ERR, source->config.name,
			"a document that is done with stays in incoming/: %s; mend that, it is moved by itself then",
			why);
	if (source->left.retry_ms)
		return;
	source->left.retry_ms =
		now_ms + (source->supervisor.deadlines.heartbeat_ms << source->left.tries);
	if (source->left.tries < LEFT_DOUBLINGS)
		source->left.tries++;
}

void source_moves_again(struct source *source)
{
	int64_t lasted_ms;
	uint32_t count;

	if (source->left.retry_ms)
		return; /* others are still there */
	source->left.tries = 0;
	if (complaint_end(&source->left.complaint, clock_monotonic_ms(), &lasted_ms, &count))
		log_source(LOG_NOTICE, source->config.name,
			   "documents leave incoming/ again, after %lld s and %u attempts",
			   (long long)(lasted_ms / 1000), count);
}

void source_retry_left_behind(struct source *source)
{
	if (!source->left.retry_ms || clock_monotonic_ms() < source->left.retry_ms)
		return;
	source->left.retry_ms = 0;
	(void)source_restart(source, NULL, NULL); /* fails only with another section */
}

/* ── failed/ ───────────────────────────────────────────────────────────────────────────────── */

static void move_to_failed(struct source *source, const struct failed_document *document,
			   const char *reason)
{
	char moved[SPOOL_NAME_MAX], text[REASON_TEXT_MAX];
	struct fault trouble = { 0 };
	int result;

	write_reason(source, document, reason, text, sizeof(text));
	result = spool_failed(source->config.input, document->name,
			      source->document.open ? &source->document.file : NULL, text, moved,
			      &trouble);
	if (result == 0)
		log_source(LOG_WARNING, source->config.name,
			   "'%s' cannot be read: %s; moved to failed/%s", document->name, reason,
			   moved);
	else if (result == SPOOL_REPLACED)
		log_source(
			LOG_WARNING, source->config.name,
			"'%s' cannot be read: %s; it was replaced meanwhile, and the new file, incoming/%s, is read next",
			document->name, reason, moved);
	else
		log_source(result < 0 ? LOG_ERR : LOG_WARNING, source->config.name,
			   "'%s' cannot be read: %s; it stays where it is: %s", document->name,
			   reason,
			   result < 0 ? trouble.text : "it was removed from incoming/ meanwhile");
	if (result < 0)
		source_leave_behind(source, trouble.text);
	else
		source_moves_again(source);
}

/* Plugins begin with the document's name, since they may be read alone; here it is said already. */
static const char *without_name(const char *reason, const char *name)
{
	static const char again[] = "cannot be read: ";
	size_t size = strlen(name);

	if (reason[0] != '\'' || strncmp(reason + 1, name, size) != 0 || reason[1 + size] != '\'')
		return reason;
	reason += size + 2;
	reason += strspn(reason, ": ");
	if (strncmp(reason, again, sizeof(again) - 1) == 0)
		reason += sizeof(again) - 1;
	return reason;
}

int source_fail_document(struct source *source, const struct failed_document *document,
			 struct fault *fault)
{
	char reason[FAULT_TEXT_MAX], named[FAULT_TEXT_MAX];
	struct failed_document kept = *document;
	struct document_news news = { .step = DOCUMENT_FAILED,
				      .name = document->name,
				      .rejected = document->rejected,
				      .reason = reason };

	(void)chatter_clean(reason, sizeof(reason), without_name(document->reason, document->name));
	(void)snprintf(named, sizeof(named), "'%.128s': %.360s", document->name, reason);
	kept.reason = named;
	if (ledger_fail_document(source->owner->ledger, source->config.name, &kept, fault) < 0 ||
	    ledger_refresh_totals(source->owner->ledger, source->config.name, &source->totals,
				  fault) < 0)
		return -1;
	move_to_failed(source, document, reason);
	source_note_fault(source, named);
	source->owner->document(source->owner->context, source, &news);
	return 0;
}

/* ── deaths ────────────────────────────────────────────────────────────────────────────────── */

/* Counts deaths in a row over one document at one place; deaths elsewhere begin anew. */
static void count_death(struct source *source)
{
	bool same = source->document.open && source->poison.deaths > 0 &&
		    source->supervisor.deaths > 1 &&
		    memcmp(source->poison.sha256, source->document.sha256, SHA256_BYTES) == 0;

	if (!source->document.open) {
		source->poison.deaths = 0;
		return;
	}
	source->poison.deaths = same ? source->poison.deaths + 1 : 1;
	(void)memcpy(source->poison.sha256, source->document.sha256, SHA256_BYTES);
}

static int give_up_document(struct source *source, struct fault *fault)
{
	char how[SUPERVISOR_END_TEXT_MAX], reason[FAULT_TEXT_MAX];
	struct failed_document document = { .name = source->document.name,
					    .sha256 = source->document.sha256,
					    .size = source->document.file.size,
					    .class_ = STRAIT_FAULT_INPUT,
					    .reason = reason,
					    .unread = true };

	supervisor_describe_end(source->status, how, sizeof(how));
	(void)snprintf(reason, sizeof(reason),
		       "the worker died %u times while reading it; the last one %s%s%.300s",
		       source->poison.deaths, how, source->cause[0] ? "; " : "", source->cause);
	return source_fail_document(source, &document, fault);
}

void source_judge_death(struct source *source)
{
	struct fault fault = { 0 };

	if (source->supervisor.ending != SUPERVISOR_ENDS_BY_DEATH)
		return;
	count_death(source);
	if (source->supervisor.state != SUPERVISOR_QUARANTINED ||
	    source->poison.deaths < SUPERVISOR_DEATHS_MAX || source->muted)
		return;
	if (source->poison.documents >= SOURCE_POISON_MAX) {
		log_source(
			LOG_ERR, source->config.name,
			"%u documents in a row ended its worker: it looks like the plugin, so '%s' stays in incoming/",
			source->poison.documents, source->document.name);
		return;
	}
	if (give_up_document(source, &fault) < 0) {
		log_source(LOG_ERR, source->config.name, "cannot write down that '%s' failed: %s",
			   source->document.name, fault.text);
		return;
	}
	source->poison.documents++;
	source->poison.deaths = 0;
	supervisor_spare(&source->supervisor, clock_monotonic_ms());
}
