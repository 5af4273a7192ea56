/* SPDX-License-Identifier: MIT
 *
 * fuzz_period.c - periods and times as text, on hostile text: what is accepted lies in the years 1
 * to 9999, and what is then written reads back as the same. libFuzzer; needs the library only.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "period.h"
#include "strait/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_period(const char *text)
{
	char written[PERIOD_TEXT_MAX];
	struct period period, again;

	if (!period_parse(text, &period))
		return;
	if (period.first > period.last || period.first < PERIOD_DAY_MIN ||
	    period.last > PERIOD_DAY_MAX)
		abort();
	period_format(period, written);
	if (!period_parse(written, &again) || again.first != period.first ||
	    again.last != period.last)
		abort();
}

static void check_time(int64_t ms)
{
	char written[PERIOD_TEXT_MAX];
	int64_t again;

	time_format(ms, written);
	if (ms == 0 ? written[0] != '\0' : !time_parse(written, &again) || again != ms)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *exact = malloc(size + 1); /* its own block, so that a sanitizer sees a byte too far */
	int64_t ms;

	if (!exact)
		return 0;
	if (size)
		memcpy(exact, data, size);
	exact[size] = '\0';
	check_period(exact);
	if (time_parse(exact, &ms))
		check_time(ms);
	free(exact);
	exact = malloc(size ? size : 1);
	if (!exact)
		return 0;
	if (size)
		memcpy(exact, data, size);
	if (time_parse_data(exact, size, &ms))
		check_time(ms);
	free(exact);
	return 0;
}
