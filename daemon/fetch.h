/* SPDX-License-Identifier: MIT
 *
 * fetch.h - fetching for the sources that have a url: when, by a process for each fetch
 * (straitd-fetcher), and what became of it. Main only. What is fetched lands in the source's
 * incoming/, where its worker finds it; nothing of it passes through main.
 */
#pragma once

#include <stdint.h>

#include "config.h"
#include "fault.h"

#define FETCH_CONNECT_MS 30000u
#define FETCH_STALL_MS	 60000u
#define FETCH_TOTAL_MS	 (INT64_C(6) * 60 * 60 * 1000) /* then the fetcher is killed */

struct event_base;
struct ledger;
struct fetches;

struct fetch_events {
	/* The server answered or failed: ask again with fetches_info(). */
	void (*changed)(void *context, const char *source);
};

struct fetch_info {
	int64_t answered_ms; /* when the server last gave a document or said that nothing is new; 0
				= never */
	const char *fault;   /* why the last one failed, and when it is tried again; "" */
};

struct fetches *fetches_new(struct event_base *base, struct ledger *ledger,
			    const struct fetch_events *events, void *context);
/* Kills what still runs. */
struct fetches *fetches_free(struct fetches *fetches);
/* Makes the set equal to the sources of the configuration that have a url; those whose section has
   not changed go on as they are. */
int fetches_apply(struct fetches *fetches, const struct config *config, struct fault *fault);
/* Fetches now, also one that waits after a failure. FAULT_BAD_ARGUMENT when the source has no url,
   FAULT_BUSY while it is fetched. */
int fetches_now(struct fetches *fetches, const char *source, struct fault *fault);
/* Looks who died. Call after SIGCHLD. */
void fetches_reap(struct fetches *fetches);
/* No new fetch begins; running ones are killed. */
void fetches_stop(struct fetches *fetches);
/* All zeros and "" for a source without url. Strings live until the next turn of the loop. */
void fetches_info(const struct fetches *fetches, const char *source, struct fetch_info *ret_info);
