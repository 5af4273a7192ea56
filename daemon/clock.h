/* SPDX-License-Identifier: MIT
 *
 * clock.h - the only clock. Tests replace it. Times are int64_t milliseconds since the epoch, UTC.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

int64_t clock_now_ms(void);	  /* wall clock */
int64_t clock_monotonic_ms(void); /* for deadlines */
int64_t clock_monotonic_us(void); /* for how long something took: never the fake one */
/* From now on both clocks of milliseconds answer this; 0 = the real ones again. */
void clock_set_fake(int64_t now_ms);
