/* SPDX-License-Identifier: MIT
 *
 * fake_ledger.h - a ledger without a store: tests say what it holds. Answers everything that the
 * bus asks.
 *
 * What it always knows: the metrics arrivals.people (level, no labels) and referrals.accounts
 * (record, labels platform and outcome); the series of arrivals.people; the versions of 2020-09-02
 * (409, 416, 399, and a withdrawal), and the ad hoc figure arrivals.people.2020-09-02 with them as
 * of any date; two rejects, one of them not UTF-8.
 */
#pragma once

#include "ledger.h"

#define FAKE_ANNOUNCED_MS INT64_C(1599080400000) /* 2020-09-02T21:00:00Z: 409 */
#define FAKE_RESTATED_MS  INT64_C(1627300800000) /* 2021-07-26T12:00:00Z: 416 */
#define FAKE_OFFICIAL_MS  INT64_C(1735689600000) /* 2025-01-01: 399 */

/* The one release that it explains with has this byte thirty-two times as its hash. */
#define FAKE_HASH_BYTE 0xab

struct ledger *fake_ledger_new(void);
struct ledger *fake_ledger_free(struct ledger *ledger);

/* Sets (or makes) a figure in one commit, as the newest publication; the report as ledger_commit()
   would give it. ret_report may be NULL. */
void fake_ledger_commit(struct ledger *ledger, const char *name, double value,
			enum strait_status status, const char *period,
			struct commit_report *ret_report);
/* Moves a figure's publication time without a commit: the same value was published again. */
void fake_ledger_republish(struct ledger *ledger, const char *name, int64_t published_at_ms);
void fake_ledger_set_stale_figure(struct ledger *ledger, const char *name, bool stale);
void fake_ledger_remove(struct ledger *ledger, const char *name);
/* Points that ledger_series() has for arrivals.people, and inputs that ledger_explain() has for
   arrivals.people.latest; 3 at first. */
void fake_ledger_set_points(struct ledger *ledger, size_t points);
/* Sequences below this have expired. */
void fake_ledger_expire(struct ledger *ledger, uint64_t oldest);
