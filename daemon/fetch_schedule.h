/* SPDX-License-Identifier: MIT
 *
 * fetch_schedule.h - when a source is fetched next. Main only. Pure: times are given and returned.
 *
 * Good fetches come at `refresh_ms` ± a tenth, so that many machines do not come to a server
 * together. A failed one is tried again after FETCH_BACKOFF_MIN_MS, doubling up to the refresh time
 * (and to FETCH_BACKOFF_MAX_MS), reset by the first good one; and never earlier than the server's
 * Retry-After (RFC 9110, section 10.2.3).
 */
#pragma once

#include <stdint.h>

#define FETCH_REFRESH_MIN_MS	  (INT64_C(10) * 60 * 1000)	/* of the default */
#define FETCH_REFRESH_MAX_MS	  (INT64_C(6) * 60 * 60 * 1000) /* of the default */
#define FETCH_REFRESHES_A_CADENCE 28 /* a weekly release is seen within 6 h */
#define FETCH_BACKOFF_MIN_MS	  (INT64_C(60) * 1000)
#define FETCH_BACKOFF_MAX_MS	  (INT64_C(6) * 60 * 60 * 1000)

struct fetch_schedule {
	int64_t refresh_ms;
	int64_t backoff_ms; /* of the first failure: FETCH_BACKOFF_MIN_MS but in tests */
	uint32_t failures;  /* in a row */
	uint32_t random;    /* of the jitter; any number but 0 */
};

/* How often to look when the section does not say: often enough for its cadence (0 = none stated).
 */
int64_t fetch_default_refresh_ms(int64_t cadence_ms);
/* Both return the time to wait. retry_after_s: 0 = not asked for. */
int64_t fetch_schedule_good(struct fetch_schedule *schedule);
int64_t fetch_schedule_failed(struct fetch_schedule *schedule, uint32_t retry_after_s);
