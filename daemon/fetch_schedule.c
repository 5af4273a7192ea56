/* SPDX-License-Identifier: MIT
 *
 * fetch_schedule.c - refresh, backoff, jitter. Main only; pure.
 *
 * Invariant: two waits in a row differ by the jitter only, or by the backoff; nothing is waited for
 * longer than a server asked or FETCH_BACKOFF_MAX_MS and a tenth.
 */
#include "fetch_schedule.h"

#define DOUBLINGS_MAX 30u

int64_t fetch_default_refresh_ms(int64_t cadence_ms)
{
	int64_t refresh_ms = cadence_ms / FETCH_REFRESHES_A_CADENCE;

	if (!cadence_ms || refresh_ms > FETCH_REFRESH_MAX_MS)
		return FETCH_REFRESH_MAX_MS;
	return refresh_ms < FETCH_REFRESH_MIN_MS ? FETCH_REFRESH_MIN_MS : refresh_ms;
}

/* xorshift32 (Marsaglia 2003): nothing here needs better numbers. */
static int64_t jittered(struct fetch_schedule *schedule, int64_t wait_ms)
{
	uint32_t x = schedule->random ? schedule->random : 1;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	schedule->random = x;
	return wait_ms - wait_ms / 10 + (int64_t)(x % 1001) * (wait_ms / 5) / 1000;
}

int64_t fetch_schedule_good(struct fetch_schedule *schedule)
{
	schedule->failures = 0;
	return jittered(schedule, schedule->refresh_ms);
}

int64_t fetch_schedule_failed(struct fetch_schedule *schedule, uint32_t retry_after_s)
{
	int64_t most_ms = schedule->refresh_ms < FETCH_BACKOFF_MAX_MS ? schedule->refresh_ms
								      : FETCH_BACKOFF_MAX_MS;
	int64_t least_ms = (int64_t)retry_after_s * 1000;
	int64_t wait_ms = schedule->backoff_ms;

	for (uint32_t i = 0; i < schedule->failures && i < DOUBLINGS_MAX && wait_ms < most_ms; i++)
		wait_ms *= 2;
	if (wait_ms > most_ms)
		wait_ms = most_ms;
	schedule->failures++;
	wait_ms = jittered(schedule, wait_ms);
	return wait_ms < least_ms ? least_ms : wait_ms;
}
