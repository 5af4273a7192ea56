/* SPDX-License-Identifier: MIT
 *
 * config.h - straitd.conf and conf.d as typed values; the only part that knows iniparser. Main
 * only.
 *
 * Read: DIR/straitd.conf (may be absent), DIR/conf.d/[*].conf in order of name, and
 * VENDOR/conf.d/[*].conf, of which a file of the same name in DIR/conf.d masks each; an empty file
 * or a link to /dev/null disables. Sections: [straitd], [source NAME], [figure NAME], [check NAME].
 * Unknown sections and keys are errors, all of them told at once with file, line and the nearest
 * known name; keys of a plugin are only known to the plugin, so they are collected in `options` and
 * checked by the worker.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_SOURCES_MAX	256u
#define CONFIG_FIGURES_MAX	4096u
#define CONFIG_CHECKS_MAX	256u
#define CONFIG_REJECT_LIMIT	2000u		    /* 20 % */
#define CONFIG_FETCH_MAX_BYTES	(UINT64_C(1) << 30) /* the default of fetch_max */
#define CONFIG_OPTIONS_MAX	128u		    /* keys of one source */
#define CONFIG_CHANGE_LIMIT	1000000		    /* rows; the default of change_limit … */
#define CONFIG_CHANGE_LIMIT_MAX 1000000000	    /* … and the greatest that is taken */
#define CONFIG_ERRORS_MAX	500u /* told at once; then one that says there are more */

struct config_option {
	char *key, *value;
	char *file; /* where it was set: file and line */
	unsigned int line;
};

struct config_source {
	char *name;		       /* [a-z0-9_-]+ */
	char *plugin;		       /* [a-z0-9_]+ */
	char *input;		       /* spool directory; default SPOOL/NAME */
	char *log;		       /* file being appended besides, or NULL */
	char *url;		       /* fetched into the spool, or NULL … */
	char *follow;		       /* … or the page that this glob picks a link of; or NULL */
	int64_t refresh_ms;	       /* how often; 0 = by the cadence (fetch_schedule.h) */
	uint64_t fetch_max_bytes;      /* of a document; more is not fetched */
	int64_t cadence_ms;	       /* 0 = none stated */
	uint16_t reject_limit;	       /* hundredths of a percent of a document's rows */
	struct config_option *options; /* all other keys, in order of the file */
	size_t option_count;
	char *file;
	unsigned int line;
};

struct config_figure {
	char *name, *formula, *window, *unit, *title;
	char *file;
	unsigned int line;
};

struct config_check {
	char *name, *left, *right, *every, *tolerance, *title; /* texts as in checks.h */
	char *explained;				       /* or NULL */
	char *file;
	unsigned int line;
};

/* Where a value was set. key is "SECTION:KEY". */
struct config_origin {
	char *key, *file;
	unsigned int line;
};

struct config {
	struct config_source *sources;
	size_t source_count;
	struct config_figure *figures;
	size_t figure_count;
	struct config_check *checks;
	size_t check_count;
	int64_t change_retention_ms;   /* [straitd] change_retention = 400d */
	int64_t change_limit;	       /* [straitd] change_limit = 1000000; rows, at least 1 */
	uint64_t keep_originals_bytes; /* [straitd] keep_originals = 1G; 0 = none are kept */
	int64_t keep_originals_age_ms; /* [straitd] keep_originals_age = 3650d */
	char *log_level;	       /* [straitd] log_level = info, or NULL */
	char *socket;		       /* [straitd] socket = auto, none or a path; NULL = auto */
	size_t file_count;	       /* files read, for the log */

	/* For config_print(). May be empty. */
	struct config_origin *origins;
	size_t origin_count;
};

struct config_error {
	char *file;
	unsigned int line; /* 0 = of the file as a whole */
	char *text;	   /* "unknown key 'plugn' in [source home]; did you mean 'plugin'?" */
};

struct config_errors {
	struct config_error *items;
	size_t count;
	size_t lost; /* for want of memory; they are in the log */
};

/* 0 and a configuration (config_free it), or -1 with every error found, sorted. Warnings go to the
   log. The directories are absolute; vendor_directory (VENDORDIR) may be NULL. */
int config_load(const char *directory, const char *vendor_directory, const char *spool_directory,
		struct config **ret_config, struct config_errors *ret_errors);
struct config *config_free(struct config *config);
/* Appends a copy; file may be NULL (""). For everybody who checks a part of the configuration. */
void config_errors_add(struct config_errors *errors, const char *file, unsigned int line,
		       const char *format, ...) __attribute__((format(printf, 4, 5)));
/* By file, then line, else in the order they came. */
void config_errors_sort(struct config_errors *errors);
void config_errors_done(struct config_errors *errors);
/* Same worker set-up: name, plugin, paths and options all equal (place in the file does not
 * matter). */
bool config_source_equal(const struct config_source *a, const struct config_source *b);
/* The effective values, each with its origin as a comment; for --print-config. */
void config_print(const struct config *config, FILE *out);
