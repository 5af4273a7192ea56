/* SPDX-License-Identifier: MIT
 *
 * complaint.c - when to repeat a complaint. Main; pure: the time comes from the caller.
 *
 * Invariant: since_ms is 0 exactly while there is no trouble, so a zeroed struct is a good one. It
 * must never log: the caller has the words.
 */
#include "complaint.h"

#include <stddef.h>

bool complaint_raise(struct complaint *complaint, int64_t now_ms)
{
	if (complaint->count < UINT32_MAX)
		complaint->count++;
	if (complaint->since_ms == 0) {
		complaint->since_ms =
			now_ms ? now_ms : 1; /* 0 would say that there is no trouble */
		complaint->interval_ms = COMPLAINT_FIRST_MS;
	} else if (now_ms < complaint->next_ms) {
		return false;
	} else if (complaint->interval_ms < COMPLAINT_MAX_MS / 2) {
		complaint->interval_ms *= 2;
	} else {
		complaint->interval_ms = COMPLAINT_MAX_MS;
	}
	complaint->next_ms = now_ms + complaint->interval_ms;
	return true;
}

bool complaint_end(struct complaint *complaint, int64_t now_ms, int64_t *ret_lasted_ms,
		   uint32_t *ret_count)
{
	if (complaint->since_ms == 0)
		return false;
	if (ret_lasted_ms)
		*ret_lasted_ms = now_ms - complaint->since_ms;
	if (ret_count)
		*ret_count = complaint->count;
	*complaint = (struct complaint){ 0 };
	return true;
}
