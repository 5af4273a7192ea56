/* SPDX-License-Identifier: MIT
 *
 * store_fetch.c - what is known of the last fetch of a source: what makes the next one conditional,
 * and when it is due. Main only.
 *
 * Invariant: one row a source at most; losing it costs one fetch, nothing else.
 */
#include "store_internal.h"

#include <stdio.h>
#include <string.h>

void store_get_fetch(struct store *store, int64_t source, struct fetch_state *ret_state)
{
	sqlite3_stmt *row = store_sql(
		store, "SELECT url, etag, last_modified, sha256, answered_at, next_at, failures"
		       " FROM fetch WHERE source = ?");
	struct fetch_validators *last = &ret_state->last;

	*ret_state = (struct fetch_state){ 0 };
	store_bind(store, row, "i", source);
	if (!store_row(store, row))
		return;
	(void)snprintf(last->url, sizeof(last->url), "%s", store_text(row, 0));
	(void)snprintf(last->etag, sizeof(last->etag), "%s", store_text(row, 1));
	(void)snprintf(last->last_modified, sizeof(last->last_modified), "%s", store_text(row, 2));
	if (sqlite3_column_bytes(row, 3) == SHA256_BYTES)
		(void)memcpy(last->sha256, sqlite3_column_blob(row, 3), SHA256_BYTES);
	ret_state->answered_ms = sqlite3_column_int64(row, 4);
	ret_state->next_ms = sqlite3_column_int64(row, 5);
	ret_state->failures = (uint32_t)sqlite3_column_int64(row, 6);
	(void)sqlite3_reset(row); /* one row was wanted */
}

void store_put_fetch(struct store *store, int64_t source, const struct fetch_state *state)
{
	const struct fetch_validators *last = &state->last;

	store_run(store,
		  "INSERT OR REPLACE INTO fetch (source, url, etag, last_modified, sha256,"
		  " answered_at, next_at, failures) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		  "itttbiii", source, last->url, last->etag, last->last_modified, last->sha256,
		  (size_t)SHA256_BYTES, state->answered_ms, state->next_ms,
		  (int64_t)state->failures);
}
