/* SPDX-License-Identifier: MIT
 *
 * arguments.c - the words and options of each command, read with argp.
 *
 * Process: straitctl, before anything else happens. Invariant: a command runs only with words and
 * options that are well formed; what is not ends here with exit code 2. It must never touch the
 * bus.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "period.h"

enum option_key {
	OPTION_BUS = 'b',
	OPTION_JSON = 'j',
	OPTION_SINCE = 's',
	OPTION_OUTPUT = 'o',
	OPTION_FROM = 0x100,
	OPTION_TO,
	OPTION_AS_OF,
	OPTION_CSV,
	OPTION_MAX,
	OPTION_DAY,
	OPTION_SHOW,
	OPTION_ALL,
	OPTION_RESYNC,
	OPTION_METRICS,
};

static const struct argp_option global_options[] = {
	{ "bus", OPTION_BUS, "BUS", 0,
	  "system (the default, or $STRAITD_BUS), session, or a D-Bus address", 0 },
	{ "json", OPTION_JSON, NULL, 0, "Print one JSON object a line", 0 },
	{ 0 },
};

static const struct argp_option as_of_options[] = {
	{ "as-of", OPTION_AS_OF, "TIME", 0,
	  "As it was known then: a date (the end of that day), an RFC 3339 time, or @SECONDS", 0 },
	{ 0 },
};

static const struct argp_option watch_options[] = {
	{ "since", OPTION_SINCE, "SEQUENCE[:FIGURE]", 0,
	  "First print the changes after this sequence number, or after that figure's in this commit",
	  0 },
	{ "resync", OPTION_RESYNC, NULL, 0,
	  "When changes are asked for that are not kept any more: print all figures instead, with the "
	  "cause 'snapshot', and go on",
	  0 },
	{ 0 },
};

static const struct argp_option list_options[] = {
	{ "metrics", OPTION_METRICS, NULL, 0, "Show what the figures are made of instead", 0 },
	{ 0 },
};

static const struct argp_option series_options[] = {
	{ "from", OPTION_FROM, "PERIOD", 0,
	  "First period: 2020-09-02, 2020-W36, 2020-09, 2020-Q3, 2020", 0 },
	{ "to", OPTION_TO, "PERIOD", 0, "Last period", 0 },
	{ "as-of", OPTION_AS_OF, "TIME", 0,
	  "As it was known then: a date (the end of that day), an RFC 3339 time, or @SECONDS", 0 },
	{ "csv", OPTION_CSV, NULL, 0, "Print period,value,status as CSV", 0 },
	{ 0 },
};

static const struct argp_option explain_options[] = {
	{ "show", OPTION_SHOW, NULL, 0, "Print the very cells and lines, from the kept originals",
	  0 },
	{ "all", OPTION_ALL, NULL, 0, "Every input, where there are many from one release", 0 },
	{ "as-of", OPTION_AS_OF, "TIME", 0,
	  "As it was known then: a date (the end of that day), an RFC 3339 time, or @SECONDS", 0 },
	{ 0 },
};

static const struct argp_option rejects_options[] = {
	{ "max", OPTION_MAX, "COUNT", 0,
	  "At most so many, the newest first (default 100, at most 10000)", 0 },
	{ 0 },
};

static const struct argp_option report_options[] = {
	{ "output", OPTION_OUTPUT, "FILE", 0,
	  "Where the page goes; - is the standard output, which it also is without this unless that "
	  "is a terminal",
	  0 },
	{ "as-of", OPTION_AS_OF, "TIME", 0,
	  "As it was known then: a date (the end of that day), an RFC 3339 time, or @SECONDS", 0 },
	{ "day", OPTION_DAY, "DAY", 0,
	  "Show the revisions of this day, not of the day of the record", 0 },
	{ 0 },
};

const struct command commands[] = {
	{ "list", "", "Show all figures, or all metrics", NULL, list_options, 0, 0, command_list },
	{ "get", "FIGURE...", "Show figures, now or as known on a date",
	  "Besides the published figures (straitctl list), METRIC.WINDOW and "
	  "METRIC{label=value}.WINDOW are answered, "
	  "with a window such as latest, last_7_days, year_to_date, total or record, or a fixed "
	  "period: "
	  "arrivals.people.2020-09-02.",
	  as_of_options, 1, -1, command_get },
	{ "watch", "[FIGURE...]", "Print changes as they happen, each exactly once",
	  "With --since nothing is missed between two runs: give the sequence number that you saw "
	  "last. The lines of one commit come at once, in the order of their names; if you were cut "
	  "off between them, give SEQUENCE:FIGURE of the last whole line. It goes on through a "
	  "restart of the daemon and of the bus, and through its own suspension. Changes that are "
	  "too old to be kept end it with exit code 1, but see --resync.",
	  watch_options, 0, -1, command_watch },
	{ "series", "METRIC [LABEL=VALUE...]", "Show a metric's values by period",
	  "A label that is left out sums over it.", series_options, 1, -1, command_series },
	{ "versions", "METRIC PERIOD [LABEL=VALUE...]",
	  "Show what each release said about one period", NULL, NULL, 2, -1, command_versions },
	{ "explain", "FIGURE",
	  "Show where a figure comes from: releases, and cells or bytes in them",
	  "The same names as get takes. --show needs root, the group straitd, or the daemon's own user: "
	  "originals may name people.",
	  explain_options, 1, 1, command_explain },
	{ "report", "", "Write a page for a browser: what is known, now or on a date",
	  "One HTML file that needs no network and no script: figures, changes, arrivals by day and "
	  "year, the revisions of one day, answers of platforms, sightings, sources, releases.",
	  report_options, 0, 0, command_report },
	{ "sources", "", "Show the sources and how they are", NULL, NULL, 0, 0, command_sources },
	{ "import", "SOURCE FILE...", "Have files read by a source, and wait for the result",
	  "A file that was imported before changes nothing and is told as such. Broken files do "
	  "not keep the others "
	  "from being read; the exit code is then 1.",
	  NULL, 2, -1, command_import },
	{ "rejects", "[SOURCE]", "Show rows that were not counted, and why", NULL, rejects_options,
	  0, 1, command_rejects },
	{ "checks", "[NAME]", "Show whether the sources agree with each other",
	  "Without a name: all checks; with one: both sides, and the periods in which they differ. "
	  "The exit code is 1 when one that is shown is open, that is, differs without a reason "
	  "stated in the configuration.",
	  as_of_options, 0, 1, command_checks },
	{ "status", "", "Show the state of the daemon", NULL, NULL, 0, 0, command_status },
	{ "reload", "", "Have the daemon read its configuration and plugins again", NULL, NULL, 0,
	  0, command_reload },
	{ "retry", "SOURCE", "Start a quarantined or misconfigured source again", NULL, NULL, 1, 1,
	  command_retry },
	{ "refresh", "SOURCE", "Fetch the url of a source now", NULL, NULL, 1, 1, command_refresh },
	{ 0 },
};

const struct command *command_find(const char *name)
{
	for (const struct command *command = commands; command->name != NULL; command++) {
		if (strcmp(command->name, name) == 0)
			return command;
	}
	return NULL;
}

static error_t parse_global(int key, char *text, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case OPTION_BUS:
		if (text[0] == '\0')
			argp_error(state,
				   "--bus is empty; give system, session or a D-Bus address");
		arguments->bus = text;
		return 0;
	case OPTION_JSON:
		arguments->json = true;
		return 0;
	default: /* argp asks for keys of its own, too */
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp global_argp = { .options = global_options, .parser = parse_global };

static uint64_t whole_number(struct argp_state *state, const char *option, const char *text,
			     uint64_t max)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value > max)
		argp_error(state, "%s takes a whole number up to %llu, not '%s'", option,
			   (unsigned long long)max, text);
	return value;
}

/* SEQUENCE or SEQUENCE:FIGURE */
static void take_since(struct argp_state *state, char *text, struct arguments *arguments)
{
	char *colon = strchr(text, ':');

	if (colon != NULL)
		*colon = '\0'; /* argv is ours */
	arguments->since = whole_number(state, "--since", text, INT64_MAX);
	arguments->has_since = true;
	arguments->since_figure = colon != NULL ? colon + 1 : NULL;
	if (colon != NULL && (colon[1] == '\0' || arguments->since == 0))
		argp_error(state,
			   "--since takes SEQUENCE, or SEQUENCE:FIGURE with a sequence from 1 on");
}

static const char *period_text(struct argp_state *state, const char *option, const char *text)
{
	struct period period;

	if (!period_parse(text, &period))
		argp_error(state,
			   "%s takes a period such as 2020-09-02, 2020-W36, 2020-09, 2020-Q3 or "
			   "2020, not '%s'",
			   option, text);
	return text;
}

static int64_t instant(struct argp_state *state, const char *text)
{
	int64_t ms = 0;

	if (!time_parse(text, &ms))
		argp_error(state,
			   "--as-of takes a date (2020-09-03), a time (2020-09-03T21:00:00Z) or "
			   "@SECONDS, not '%s'",
			   text);
	if (ms == 0)
		argp_error(state,
			   "--as-of '%s' is the start of the epoch, which stands for \"now\" on "
			   "the bus",
			   text);
	return ms;
}

struct parse {
	struct arguments *arguments;
	const struct command *command;
};

static void check_words(struct argp_state *state, const struct parse *parse)
{
	int count = parse->arguments->word_count;

	if (count < parse->command->words_min)
		argp_error(state, "%s is missing", parse->command->words);
	if (parse->command->words_max >= 0 && count > parse->command->words_max)
		argp_error(state, "'%s' is one word too many",
			   parse->arguments->words[parse->command->words_max]);
	for (int i = 0; i < count; i++) {
		/* libdbus would abort the process. */
		if (!dbus_validate_utf8(parse->arguments->words[i], NULL))
			argp_error(state,
				   "word %d is not UTF-8 text, which is all that the bus carries",
				   i + 1);
	}
}

static error_t parse_command(int key, char *text, struct argp_state *state)
{
	struct parse *parse = state->input;
	struct arguments *arguments = parse->arguments;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments;
		return 0;
	case OPTION_SINCE:
		take_since(state, text, arguments);
		return 0;
	case OPTION_RESYNC:
		arguments->resync = true;
		return 0;
	case OPTION_METRICS:
		arguments->metrics = true;
		return 0;
	case OPTION_FROM:
		arguments->from = period_text(state, "--from", text);
		return 0;
	case OPTION_TO:
		arguments->to = period_text(state, "--to", text);
		return 0;
	case OPTION_AS_OF:
		arguments->as_of_ms = instant(state, text);
		return 0;
	case OPTION_OUTPUT:
		arguments->output = text;
		return 0;
	case OPTION_DAY:
		arguments->day = period_text(state, "--day", text);
		return 0;
	case OPTION_CSV:
		arguments->csv = true;
		return 0;
	case OPTION_MAX:
		arguments->max = (uint32_t)whole_number(state, "--max", text, UINT32_MAX);
		return 0;
	case OPTION_SHOW:
		arguments->show = true;
		return 0;
	case OPTION_ALL:
		arguments->all = true;
		return 0;
	case ARGP_KEY_ARGS:
		arguments->words = state->argv + state->next;
		arguments->word_count = state->argc - state->next;
		return 0;
	case ARGP_KEY_END:
		check_words(state, parse);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void arguments_parse(const struct command *command, int argc, char **argv,
		     struct arguments *arguments)
{
	const struct argp_child children[] = {
		{ .argp = &global_argp, .header = "Of every command:", .group = 10 },
		{ 0 },
	};
	struct parse parse = { .arguments = arguments, .command = command };
	char doc[1024], name[64];
	const struct argp argp = {
		.options = command->options,
		.parser = parse_command,
		.args_doc = command->words,
		.doc = doc,
		.children = children,
	};

	(void)snprintf(doc, sizeof(doc), "%s.%s%s", command->summary,
		       command->details != NULL ? "\v" : "",
		       command->details != NULL ? command->details : "");
	(void)snprintf(name, sizeof(name), "straitctl %s", command->name);
	argv[0] = name;
	arguments->max = 100;
	arguments->from = arguments->to = "";
	/* Errors end the process in argp (argp_err_exit_status). */
	(void)argp_parse(&argp, argc, argv, 0, NULL, &parse);
}
