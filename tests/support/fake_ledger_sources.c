/* SPDX-License-Identifier: MIT
 *
 * fake_ledger_sources.c - see the header.
 */
#include "fake_ledger_sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

struct fake_source_store *fake_ledger_source(struct ledger *ledger, const char *name)
{
	size_t i;

	for (i = 0; i < FAKE_SOURCES_MAX; i++) {
		struct fake_source_store *source = &ledger->sources[i];

		if (!source->name[0]) {
			(void)snprintf(source->name, sizeof(source->name), "%s", name);
			source->stale = -1;
		}
		if (strcmp(source->name, name) == 0)
			return source;
	}
	abort(); /* the test has more sources than it may */
}

static void report(struct ledger *ledger, const char *source, struct commit_report *ret_report)
{
	*ret_report = (struct commit_report){ .sequence = ++ledger->sequence };
	(void)snprintf(ret_report->source, sizeof(ret_report->source), "%s", source);
}

const uint8_t *ledger_identity_key(const struct ledger *ledger)
{
	static const uint8_t key[IDENTITY_KEY_BYTES] = { 1 };

	(void)ledger;
	return key;
}

int ledger_declare(struct ledger *ledger, const char *source, const struct declaration *declaration,
		   struct commit_report *ret_report, struct fault *fault)
{
	(void)declaration;
	if (ledger->refuse_declaration)
		return fault_set(fault, ledger->refuse_declaration,
				 "the formula of figure 'x' is not one");
	fake_ledger_source(ledger, source)->declared++;
	*ret_report = (struct commit_report){ 0 };
	return 0;
}

int ledger_keep_sources(struct ledger *ledger, const char *const *names, size_t count,
			struct commit_report *ret_report, struct fault *fault)
{
	(void)names, (void)fault;
	ledger->kept = count;
	*ret_report = (struct commit_report){ 0 };
	return 0;
}

int ledger_commit(struct ledger *ledger, const char *name, const struct batch *batch,
		  struct commit_report *ret_report, struct fault *fault)
{
	struct fake_source_store *source = fake_ledger_source(ledger, name);

	if (ledger->refuse)
		return fault_set(fault, ledger->refuse, "the disk is full");
	if (batch->number != source->batch + 1)
		return fault_set(fault, FAULT_PROTOCOL, "batch %llu came after batch %llu",
				 (unsigned long long)batch->number,
				 (unsigned long long)source->batch);
	source->batch = batch->number;
	source->accepted += batch->accepted;
	source->rejected += batch->rejected;
	source->commits++;
	source->fresh_commits += source->stale != 1;
	if (batch->final) {
		(void)memcpy(source->complete, batch->release.sha256, SHA256_BYTES);
		source->has_complete = true;
		source->health.trouble = (enum strait_fault)0;
		source->health.trouble_text[0] = '\0';
	}
	report(ledger, name, ret_report);
	return 0;
}

int ledger_set_stale(struct ledger *ledger, const char *name, bool stale,
		     struct commit_report *ret_report, struct fault *fault)
{
	(void)fault;
	fake_ledger_source(ledger, name)->stale = stale;
	fake_ledger_source(ledger, name)->stales++;
	report(ledger, name, ret_report);
	return 0;
}

int ledger_resume(struct ledger *ledger, const char *source, uint64_t *ret_batch, void **ret_cursor,
		  size_t *ret_cursor_size, struct fault *fault)
{
	(void)fault;
	*ret_batch = fake_ledger_source(ledger, source)->batch;
	*ret_cursor = NULL;
	*ret_cursor_size = 0;
	return 0;
}

bool ledger_only_levels(struct ledger *ledger, const char *source)
{
	(void)ledger;
	(void)source;
	return true;
}

int ledger_release_state(struct ledger *ledger, const char *name, const char *document,
			 const uint8_t sha256[SHA256_BYTES], bool *ret_complete,
			 uint64_t *ret_observations, int64_t *ret_published_at_ms,
			 struct fault *fault)
{
	const struct fake_source_store *source = fake_ledger_source(ledger, name);

	(void)fault;
	(void)document;
	*ret_complete = source->has_complete && memcmp(source->complete, sha256, SHA256_BYTES) == 0;
	*ret_observations = 0;
	*ret_published_at_ms = 0;
	return 0;
}

static void fill_health(struct ledger *ledger, const struct fake_source_store *source,
			struct source_totals *totals)
{
	totals->accepted = source->accepted;
	totals->rejected = source->rejected;
	totals->health = source->health;
	if (!totals->health.since_ms)
		totals->health.since_ms = clock_now_ms();
	if (ledger->published_at_ms)
		totals->health.content_end_ms = totals->health.content_at_ms =
			ledger->published_at_ms;
}

int ledger_totals(struct ledger *ledger, const char *source, struct source_totals *ret_totals,
		  struct fault *fault)
{
	(void)fault;
	*ret_totals = (struct source_totals){ .last_published_ms = ledger->published_at_ms };
	fill_health(ledger, fake_ledger_source(ledger, source), ret_totals);
	return 0;
}

int ledger_refresh_totals(struct ledger *ledger, const char *source, struct source_totals *totals,
			  struct fault *fault)
{
	(void)fault;
	fill_health(ledger, fake_ledger_source(ledger, source), totals);
	return 0;
}

int ledger_get_fetch(struct ledger *ledger, const char *source, struct fetch_state *ret_state,
		     struct fault *fault)
{
	(void)ledger, (void)source, (void)fault;
	*ret_state = (struct fetch_state){ 0 };
	return 0;
}

int ledger_put_fetch(struct ledger *ledger, const char *source, const struct fetch_state *state,
		     struct fault *fault)
{
	(void)ledger, (void)source, (void)state, (void)fault;
	return 0;
}

int ledger_answered(struct ledger *ledger, const char *name, const uint8_t sha256[SHA256_BYTES],
		    struct fault *fault)
{
	(void)sha256, (void)fault;
	fake_ledger_source(ledger, name)->answers++;
	return 0;
}

int ledger_fail_document(struct ledger *ledger, const char *name,
			 const struct failed_document *document, struct fault *fault)
{
	struct fake_source_store *source = fake_ledger_source(ledger, name);

	if (ledger->refuse)
		return fault_set(fault, ledger->refuse, "the disk is full");
	source->failures++;
	source->unread += document->unread;
	source->rejected += document->rejected;
	source->rejects_kept += (uint32_t)document->reject_count;
	if (document->class_ != STRAIT_FAULT_INPUT) {
		source->health.trouble = document->class_;
		(void)snprintf(source->health.trouble_text, sizeof(source->health.trouble_text),
			       "%s", document->reason);
	}
	return 0;
}
