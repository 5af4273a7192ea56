/* SPDX-License-Identifier: MIT
 *
 * lines_demo.c - a log plugin: each line is a word that is counted on its day, "WORD DAY"; "bad"
 * lines are rejected, "many N" gives N observations, "fail CLASS-NUMBER" fails. The first line of
 * the file is a header if it begins with '#'.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strait/date.h"
#include "strait/plugin.h"

enum { WORDS, VALUES };

static const struct strait_metric metrics[] = {
	[WORDS] = { .name = "demo.words",
		    .unit = "words",
		    .title = "Words",
		    .kind = STRAIT_EVENT,
		    .granularity = STRAIT_DAY,
		    .labels = { "word" } },
	[VALUES] = { .name = "demo.values",
		     .unit = "values",
		     .title = "Values",
		     .kind = STRAIT_EVENT,
		     .granularity = STRAIT_DAY,
		     .flags = STRAIT_METRIC_DISTRIBUTION },
	{ .name = NULL },
};

static void many(struct strait_source *source, int count, uint64_t at)
{
	struct strait_observation observation = { .struct_size = sizeof(observation),
						  .metric = VALUES,
						  .at = at };

	for (int i = 0; i < count; i++) {
		observation.value = i;
		/* Days of its own for each: nothing is added up. */
		observation.day = (int32_t)((uint64_t)i + at * 2000) % 80000;
		(void)strait_emit(source, &observation); /* a refusal is counted */
	}
}

static int one(struct strait_source *source, const char *text, size_t size, uint64_t at)
{
	struct strait_observation observation = { .struct_size = sizeof(observation),
						  .metric = WORDS,
						  .at = at };
	char line[256], word[64] = "";
	int number = 0;

	(void)snprintf(line, sizeof(line), "%.*s", (int)(size < 255 ? size : 255), text);
	(void)sscanf(line, "%63s %d", word, &number);
	if (strcmp(word, "many") == 0) {
		many(source, number, at);
		return 0;
	}
	if (strcmp(word, "fail") == 0)
		return strait_fail(source, (enum strait_fault)number, "told to fail");
	if (strcmp(word, "bad") == 0 || !word[0]) {
		strait_reject(source, at, text, size, "a bad line");
		return 0;
	}
	observation.labels[0] = word;
	observation.day = number;
	observation.value = 1;
	observation.known_at_ms = number * STRAIT_DAY_MS;
	return strait_emit(source, &observation) == -ECANCELED ? -1 : 0;
}

static int lines(struct strait_source *source, const struct strait_stretch *stretch)
{
	const char *at = stretch->data, *end = at + stretch->size;
	int result = 0;

	if (stretch->offset == 0 && stretch->first_line_size > 0 && stretch->first_line[0] == '#')
		at = (const char *)memchr(at, '\n', stretch->size) + 1;
	while (at < end && result == 0) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		result = one(source, at, (size_t)(newline - at),
			     stretch->offset + (uint64_t)(at - stretch->data));
		at = newline + 1;
	}
	return result;
}

STRAIT_PLUGIN(.name = "lines_demo", .version = "1", .summary = "Counts words", .metrics = metrics,
	      .lines = lines);
