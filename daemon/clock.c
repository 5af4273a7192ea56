/* SPDX-License-Identifier: MIT
 *
 * clock.c - the only place that asks the system for the time. Every process.
 */
#include "clock.h"

#include <time.h>

static int64_t fake_now_ms;

static int64_t read_clock(clockid_t id)
{
	struct timespec now;

	if (fake_now_ms)
		return fake_now_ms;
	if (clock_gettime(id, &now) < 0)
		return 0; /* cannot happen with these two clocks */
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_now_ms(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic_ms(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_monotonic_us(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
		return 0; /* cannot happen with this clock */
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void clock_set_fake(int64_t now_ms)
{
	fake_now_ms = now_ms;
}
