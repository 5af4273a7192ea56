/* SPDX-License-Identifier: MIT
 *
 * complaint.h - saying a repeating trouble once, then at growing intervals, and saying when it is
 * over (style rule 30). Main only. Pure: the caller logs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define COMPLAINT_FIRST_MS (60 * 1000)
#define COMPLAINT_MAX_MS   (6 * 60 * 60 * 1000)

/* Zero-initialised = no trouble. */
struct complaint {
	int64_t since_ms; /* 0 = no trouble */
	int64_t next_ms;  /* not said again before */
	int64_t interval_ms;
	uint32_t count; /* times it happened, said or not */
};

/* It happened (again): true if it is to be said now. Times are monotonic. */
bool complaint_raise(struct complaint *complaint, int64_t now_ms);
/* It works: true, and how long and how often it did not, if that is to be said. */
bool complaint_end(struct complaint *complaint, int64_t now_ms, int64_t *ret_lasted_ms,
		   uint32_t *ret_count);
