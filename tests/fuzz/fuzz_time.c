/* SPDX-License-Identifier: MIT
 *
 * fuzz_time.c - times as data has them (strait/time.h, as plugins read them, and time_parse_data,
 * as the daemon does), days in file names, and the small words of a configuration. What is accepted
 * is a time of the calendar, and the text that we write for it is read as the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config_text.h"
#include "period.h"
#include "strait/date.h"
#include "strait/time.h"

#define DAY_MS INT64_C(86400000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition)
{
	if (!condition)
		abort();
}

/* Years 0 to 9999, and what an offset can move over their ends. */
static void demand_calendar(int64_t ms)
{
	demand(ms >= strait_day(0, 1, 1) * DAY_MS - DAY_MS &&
	       ms <= strait_day(9999, 12, 31) * DAY_MS + 2 * DAY_MS);
}

static void check_data_time(const char *text, size_t size)
{
	char written[PERIOD_TEXT_MAX];
	int64_t plugin_ms, daemon_ms, again;
	bool plugin = strait_time_parse(text, size, &plugin_ms);
	bool daemon = time_parse_data(text, size, &daemon_ms);

	if (plugin)
		demand_calendar(plugin_ms);
	if (daemon)
		demand_calendar(daemon_ms);
	if (plugin && daemon) /* one text, two readers, one instant */
		demand(plugin_ms == daemon_ms);
	if (!plugin || plugin_ms == 0 || plugin_ms < strait_day(1, 1, 1) * DAY_MS ||
	    plugin_ms >= strait_day(9999, 12, 31) * DAY_MS)
		return;
	time_format(plugin_ms, written);
	demand(strait_time_parse(written, strlen(written), &again) && again == plugin_ms);
	demand(time_parse_data(written, strlen(written), &again) && again == plugin_ms);
}

static void check_words(const char *text)
{
	char written[64];
	uint64_t bytes;
	uint16_t hundredths, again_hundredths;
	int64_t ms, again;
	bool yes;

	if (config_duration(text, &ms) == 0) {
		demand(ms >= 0);
		(void)config_duration_text(written, sizeof(written), ms);
		demand(config_duration(written, &again) == 0 && again == ms);
	}
	if (config_percent(text, &hundredths) == 0) {
		demand(hundredths <= 10000);
		(void)config_percent_text(written, sizeof(written), hundredths);
		demand(config_percent(written, &again_hundredths) == 0 &&
		       again_hundredths == hundredths);
	}
	(void)config_integer(text, &ms);
	(void)config_size(text, &bytes);
	(void)config_boolean(text, &yes);
	if (config_source_name_valid(text)) /* it becomes a directory */
		demand(!strchr(text, '/') && text[0] != '.' && strlen(text) < CONFIG_WORD_MAX);
	(void)config_plugin_name_valid(text);
	(void)config_figure_name_valid(text);
	(void)config_nearest(text, config_source_keys, config_source_key_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *exact = malloc(size ? size : 1); /* its own block: a sanitizer sees a byte too far */
	char *text = malloc(size + 1);
	int64_t ms, latest = strait_day(2030, 1, 1) * DAY_MS;

	demand(exact && text);
	if (size) {
		memcpy(exact, data, size);
		memcpy(text, data, size);
	}
	text[size] = '\0';
	check_data_time(exact, size);
	check_words(text);
	if (time_of_name(text, latest, &ms))
		demand(ms <= latest && ms >= strait_day(0, 1, 1) * DAY_MS);
	free(exact);
	free(text);
	return 0;
}
