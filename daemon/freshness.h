/* SPDX-License-Identifier: MIT
 *
 * freshness.h - fresh, due, late, dead or drifted: from the cadence and the dates of the content.
 * Main only; pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "model.h"
#include "sources.h"

/* What a source is allowed beyond its cadence, for the time from the end of a period to its
   publication: half a cadence. A weekly table of Friday with data to Thursday is twelve hours old
   when it comes and seven and a half days when the next one is due. */
#define FRESHNESS_SLACK(cadence_ms) ((cadence_ms) / 2)
#define FRESHNESS_LATE_CADENCES	    2 /* late past so many */
#define FRESHNESS_DEAD_CADENCES	    4 /* it answers so much longer than its content goes */

/* cadence_ms 0: not judged by its age. *ret_wait_ms: after so long it changes by itself; 0 = it
   does not. */
enum freshness freshness_judge(const struct source_health *health, int64_t cadence_ms,
			       int64_t now_ms, int64_t *ret_wait_ms);
/* One sentence for it; "" when it is fresh. */
void freshness_reason(enum freshness freshness, const struct source_health *health,
		      int64_t cadence_ms, char *buffer, size_t size);
