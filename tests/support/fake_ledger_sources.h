/* SPDX-License-Identifier: MIT
 *
 * fake_ledger_sources.h - a ledger in memory for test_sources: what the sources part asks of it,
 * and no more.
 */
#pragma once

#include "ledger.h"

#define FAKE_SOURCES_MAX 8

struct fake_source_store {
	char name[SOURCE_NAME_MAX];
	uint64_t batch; /* last committed */
	uint64_t accepted, rejected;
	uint32_t declared, commits;
	uint32_t failures, unread, rejects_kept, answers; /* of documents */
	struct source_health health;	/* trouble is over with the next final batch */
	int stale;			/* -1 = never told */
	uint32_t stales;		/* how often it was told another word */
	uint32_t fresh_commits;		/* commits while the figures were not called stale */
	uint8_t complete[SHA256_BYTES]; /* the last final document */
	bool has_complete;
};

struct ledger {
	uint64_t sequence;
	enum fault_kind refuse; /* commits fail with this; FAULT_NONE = they work */
	enum fault_kind refuse_declaration;
	int64_t published_at_ms; /* what ledger_totals says */
	size_t kept;		 /* of the last ledger_keep_sources */
	struct fake_source_store sources[FAKE_SOURCES_MAX];
};

struct fake_source_store *fake_ledger_source(struct ledger *ledger, const char *name);
