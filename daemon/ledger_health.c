/* SPDX-License-Identifier: MIT
 *
 * ledger_health.c - totals and health of a source, and documents that cannot be read. Main only.
 *
 * Invariant: nothing here changes a figure; each function is one transaction.
 */
#include "ledger_private.h"

#include <string.h>

#include "clock.h"

static void take_over(const struct store_totals *from, struct source_totals *totals)
{
	totals->accepted = from->accepted;
	totals->rejected = from->rejected;
	totals->last_read_ms = from->last_read_ms;
	totals->health = from->health;
}

int ledger_totals(struct ledger *ledger, const char *source, struct source_totals *ret_totals,
		  struct fault *fault)
{
	struct store_totals totals;
	struct store_newest newest;
	int64_t id;

	store_begin(ledger->store);
	id = store_source(ledger->store, source);
	store_known_since(ledger->store, id, clock_now_ms());
	store_totals(ledger->store, id, &totals);
	store_newest_release(ledger->store, id, &newest);
	if (store_end(ledger->store, fault) < 0)
		return -1;
	*ret_totals = (struct source_totals){ .last_published_ms = newest.published_at_ms };
	memcpy(ret_totals->last_release, newest.name, sizeof(newest.name));
	memcpy(ret_totals->last_sha256, newest.sha256, SHA256_BYTES);
	take_over(&totals, ret_totals);
	return 0;
}

int ledger_refresh_totals(struct ledger *ledger, const char *source, struct source_totals *totals,
			  struct fault *fault)
{
	struct store_totals now;

	store_begin(ledger->store);
	store_totals(ledger->store, store_source(ledger->store, source), &now);
	if (store_end(ledger->store, fault) < 0)
		return -1;
	take_over(&now, totals);
	return 0;
}

int ledger_answered(struct ledger *ledger, const char *source, const uint8_t sha256[SHA256_BYTES],
		    struct fault *fault)
{
	store_begin(ledger->store);
	store_answered(ledger->store, store_source(ledger->store, source), sha256, clock_now_ms());
	return store_end(ledger->store, fault);
}

int ledger_get_fetch(struct ledger *ledger, const char *source, struct fetch_state *ret_state,
		     struct fault *fault)
{
	struct fetch_state state;

	store_begin(ledger->store);
	store_get_fetch(ledger->store, store_source(ledger->store, source), &state);
	if (store_end(ledger->store, fault) < 0)
		return -1;
	*ret_state = state;
	return 0;
}

int ledger_put_fetch(struct ledger *ledger, const char *source, const struct fetch_state *state,
		     struct fault *fault)
{
	store_begin(ledger->store);
	store_put_fetch(ledger->store, store_source(ledger->store, source), state);
	return store_end(ledger->store, fault);
}

int ledger_fail_document(struct ledger *ledger, const char *source,
			 const struct failed_document *document, struct fault *fault)
{
	store_begin(ledger->store);
	store_fail_document(ledger->store, store_source(ledger->store, source), document,
			    clock_now_ms());
	return store_end(ledger->store, fault);
}
