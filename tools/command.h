/* SPDX-License-Identifier: MIT
 *
 * command.h - the commands of straitctl: what they take, and the functions that carry them out.
 */
#pragma once

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "client.h"

struct arguments {
	struct client client; /* open while a command runs */
	const char *bus;
	bool json;
	char **words; /* what is not an option */
	int word_count;
	/* options of single commands */
	const char *from, *to; /* periods, "" = open */
	int64_t as_of_ms;      /* 0 = now */
	uint64_t since;
	bool has_since;
	const char *since_figure; /* of that commit, only the figures after this one; NULL = none */
	bool resync, metrics;
	bool csv;
	uint32_t max;
	const char *output; /* a file, "-" = stdout, NULL = not said */
	const char *day;    /* NULL = not said */
	bool show, all;	    /* explain */
};

struct command {
	const char *name;
	const char *words;   /* for the help: "FIGURE..." */
	const char *summary; /* one line; the start of the command's own help */
	const char *details; /* the rest of its help, or NULL */
	const struct argp_option *options;
	int words_min, words_max; /* -1 = any number */
	enum exit_code (*run)(struct arguments *arguments);
};

enum exit_code command_list(struct arguments *arguments);
enum exit_code command_get(struct arguments *arguments);
enum exit_code command_watch(struct arguments *arguments);
enum exit_code command_series(struct arguments *arguments);
enum exit_code command_versions(struct arguments *arguments);
enum exit_code command_explain(struct arguments *arguments);
enum exit_code command_sources(struct arguments *arguments);
enum exit_code command_status(struct arguments *arguments);
enum exit_code command_import(struct arguments *arguments);
enum exit_code command_rejects(struct arguments *arguments);
enum exit_code command_checks(struct arguments *arguments);
enum exit_code command_report(struct arguments *arguments);
enum exit_code command_reload(struct arguments *arguments);
enum exit_code command_retry(struct arguments *arguments);
enum exit_code command_refresh(struct arguments *arguments);

/* The first command of that name, or NULL. */
const struct command *command_find(const char *name);
/* The table, ended by a NULL name. */
extern const struct command commands[];

/* Fills arguments from the command's own words and options (argv[0] is the command's name); ends
   the process with the usage, exit code 2, when they are wrong. */
void arguments_parse(const struct command *command, int argc, char **argv,
		     struct arguments *arguments);
/* --bus and --json, which stand before or after the command; its input is the struct arguments. */
extern const struct argp global_argp;
