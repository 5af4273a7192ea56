/* SPDX-License-Identifier: MIT
 *
 * doc_demo.c - a document plugin that does what its document says, one command a line:
 *
 *   level DAY VALUE     one observation        levels N          N of them, days from 0
 *   record KEY VALUE    one version            parts KEY N       one version of N parts
 *   reject TEXT         a reject of that line  published MS      publication time
 *   cell ROW COLUMN     a reject at that place of the sheet named last
 *   sheet NAME          a sheet                cover FIRST LAST  coverage
 *   fail CLASS          transient, config, input, bug, drifted, retired, silent
 *   log TEXT            a log line             crash             what it says
 *   busy MS             reads at its end for so long
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "strait/plugin.h"

#define DOCUMENT_MAX 65536
#define SHEET_MAX    64

static const struct strait_option options[] = {
	{ .name = "limit",
	  .type = STRAIT_OPTION_INTEGER,
	  .fallback = "100",
	  .min = 1,
	  .max = 1000,
	  .help = "A limit" },
	{ .name = "token",
	  .type = STRAIT_OPTION_STRING,
	  .flags = STRAIT_OPTION_SECRET,
	  .help = "A secret" },
	{ .name = "column",
	  .type = STRAIT_OPTION_STRING,
	  .flags = STRAIT_OPTION_PREFIX,
	  .help = "Names of columns" },
	{ .name = "wait", .type = STRAIT_OPTION_DURATION, .fallback = "5m", .help = "A duration" },
	{ .name = "strict", .type = STRAIT_OPTION_BOOLEAN, .fallback = "no", .help = "A choice" },
	{ .name = "refuse",
	  .type = STRAIT_OPTION_STRING,
	  .help = "Makes check fail with this text" },
	{ .name = NULL },
};

static const struct strait_metric metrics[] = {
	{ .name = "demo.level",
	  .unit = "things",
	  .title = "Levels",
	  .kind = STRAIT_LEVEL,
	  .granularity = STRAIT_DAY },
	{ .name = "demo.record",
	  .unit = "things",
	  .title = "Records",
	  .kind = STRAIT_RECORD,
	  .granularity = STRAIT_DAY },
	{ .name = NULL },
};

static const struct strait_figure figures[] = {
	{ .name = "demo.latest",
	  .formula = "demo.level",
	  .window = "latest",
	  .unit = "things",
	  .title = "Latest" },
	{ .name = NULL },
};

static int check(struct strait_source *source)
{
	const char *refuse = strait_option_string(source, "refuse");

	return refuse ? strait_fail(source, STRAIT_FAULT_CONFIG, "%s", refuse) : 0;
}

static int emit_level(struct strait_source *source, int day, double value)
{
	const struct strait_observation observation = { .struct_size = sizeof(observation),
							.day = day,
							.value = value };

	return strait_emit(source, &observation) == -ECANCELED ? -1 : 0;
}

static int emit_record(struct strait_source *source, const char *key, int parts, double value)
{
	struct strait_observation observation = { .struct_size = sizeof(observation),
						  .metric = 1,
						  .day = 18500,
						  .value = value,
						  .key = key };

	for (int i = 0; i < parts; i++) {
		observation.day = 18500 + i;
		if (strait_emit(source, &observation) == -ECANCELED)
			return -1;
	}
	return 0;
}

static int fail(struct strait_source *source, const char *how)
{
	static const char *const names[] = { "",    "transient", "config", "input",
					     "bug", "drifted",	 "retired" };

	for (int i = 1; i < 7; i++) {
		if (strcmp(names[i], how) == 0)
			return strait_fail(source, (enum strait_fault)i, "told to fail: %s", how);
	}
	return -7;
}

static int be_busy(struct strait_source *source, struct strait_document *document, int ms)
{
	int64_t end = strait_now_ms(source) + ms;
	char byte;

	while (strait_now_ms(source) < end) {
		if (strait_document_read(document, &byte, 1) < 0)
			return -1;
	}
	return 0;
}

static void name_sheet(struct strait_document *document, char *sheet, const char *name)
{
	(void)snprintf(sheet, SHEET_MAX, "%.*s", SHEET_MAX - 1, name);
	(void)strait_document_sheet(document, name);
}

/* at: of the line; sheet: of SHEET_MAX bytes, named last */
static int obey(struct strait_source *source, struct strait_document *document, uint64_t at,
		const char *line, char *sheet)
{
	char word[64] = "", rest[128] = "";
	double value = 0;
	int number = 0;

	(void)sscanf(line, "%63s %127s %lf", word, rest, &value);
	number = (int)strtol(rest, NULL, 10);
	if (strcmp(word, "level") == 0)
		return emit_level(source, number, value);
	if (strcmp(word, "record") == 0)
		return emit_record(source, rest, 1, value);
	if (strcmp(word, "parts") == 0)
		return emit_record(source, rest, (int)value, 1);
	if (strcmp(word, "reject") == 0)
		strait_reject(source, at, line, strlen(line), "told to reject: %s", rest);
	else if (strcmp(word, "published") == 0)
		strait_document_published(document, atoll(rest));
	else if (strcmp(word, "cell") == 0)
		strait_reject(source,
			      strait_at_cell(strait_document_sheet(document, sheet),
					     (uint32_t)number, (unsigned int)value),
			      line, strlen(line), "told to reject a cell");
	else if (strcmp(word, "sheet") == 0)
		name_sheet(document, sheet, rest);
	else if (strcmp(word, "cover") == 0)
		strait_document_covers(document, 0, number, (int)value);
	else if (strcmp(word, "log") == 0)
		strait_log(source, LOG_WARNING, "%s", rest);
	else if (strcmp(word, "fail") == 0)
		return fail(source, rest);
	else if (strcmp(word, "busy") == 0)
		return be_busy(source, document, number);
	else if (strcmp(word, "crash") == 0)
		abort();
	for (int i = 0; strcmp(word, "levels") == 0 && i < number; i++) {
		if (emit_level(source, i % 80000, i) < 0)
			return -1;
	}
	return 0;
}

static int document(struct strait_source *source, struct strait_document *input)
{
	char *text = calloc(1, DOCUMENT_MAX + 1), *next = text;
	char sheet[SHEET_MAX] = "Sheet";
	size_t size = 0;
	long got = 1;
	int result = 0;

	while (text && got > 0 && size < DOCUMENT_MAX) {
		got = strait_document_read(input, text + size, DOCUMENT_MAX - size);
		size += got > 0 ? (size_t)got : 0;
	}
	while (result == 0 && next && *next) {
		const char *line = strsep(&next, "\n");

		result =
			obey(source, input, strait_at_offset((uint64_t)(line - text)), line, sheet);
	}
	free(text);
	return result;
}

STRAIT_PLUGIN(.name = "doc_demo", .version = "1.2", .summary = "Does what its document says",
	      .options = options, .metrics = metrics, .figures = figures, .check = check,
	      .document = document);
