/* SPDX-License-Identifier: MIT
 *
 * answers.h - everything that two runs over the same inputs must agree on, as lines of text:
 * through the public interface, from the store, and from the directories.
 */
#pragma once

#include "scenario.h"

struct answers {
	char *text; /* lines, each begins with what it is about */
	size_t size;
};

/* The daemon runs and has read everything: figures now and as known on dates, series, versions,
   counters. Also replays the feed from its beginning, which must lead to the figures. */
void answers_ask(struct answers *answers, struct harness *harness);
/* The daemon is stopped: integrity of the store, every version, every current value, releases,
   rejects; names in done/ and failed/, kept originals. */
void answers_read(struct answers *answers, struct harness *harness);
void answers_done(struct answers *answers);
/* Prints what differs, by name. Returns how many lines. */
unsigned long answers_compare(const struct answers *expected, const struct answers *got);
/* PRAGMA integrity_check of a running or stopped daemon's store; false and a message when it is not
   "ok". */
bool answers_store_is_sound(struct harness *harness);
/* Every line of the witness (tests/torture/load.h) must be in the store's feed, to the bit. Prints
   what is not; returns how many. */
unsigned long answers_unkept(struct harness *harness, const char *witness,
			     unsigned long *ret_lines);
