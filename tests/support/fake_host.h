/* SPDX-License-Identifier: MIT
 *
 * fake_host.h - a host for plugin unit tests: the strait_* functions of include/strait/plugin.h in
 * one process, recording what the plugin hands over. What it records are deep copies, valid until
 * fake_host_clear() or fake_host_free(). Out of memory and mistakes of the test itself (an option
 * that the plugin does not declare) abort.
 *
 *   struct fake_host *host = fake_host_new(&strait_plugin, (struct fake_option[]){ { "column.id",
 * "mmsi" }, { NULL } }); ck_assert_int_eq(fake_host_open(host), 0);
 *   ck_assert_int_eq(fake_host_document(host, "a.csv", text, strlen(text)), 0);
 *   ck_assert_uint_eq(host->observation_count, 3);
 *   fake_host_free(host);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "strait/plugin.h"

struct fake_option {
	const char *name, *value;
};

struct fake_observation {
	uint32_t metric;
	const char *metric_name; /* the plugin's */
	const char *labels[STRAIT_LABELS_MAX];
	int32_t day;		   /* as emitted: not moved to the period's first day */
	enum strait_status status; /* 0 recorded as STRAIT_FINAL */
	double value;		   /* NAN when missing or suppressed */
	uint64_t at;
	const char *key, *replaces; /* NULL when not given */
	int64_t known_at_ms;	    /* as emitted */
	uint32_t rank;
	uint32_t count, rows; /* of an addend; 1 of what was emitted */
};

/* Series by number are per host, at most so many. */
#define FAKE_SERIES_MAX 1024u

struct fake_series {
	uint32_t metric;
	const char *labels[STRAIT_LABELS_MAX];
};

struct fake_reject {
	uint64_t at;
	const char *raw; /* terminated copy */
	size_t raw_size;
	const char *why;
	bool by_host; /* strait_emit() said -EINVAL */
};

struct fake_coverage { /* one entry a metric, widened like the real one */
	uint32_t metric;
	const char *metric_name;
	int32_t first, last;
};

struct fake_host {
	const struct strait_plugin *plugin;
	int64_t now_ms; /* answer of strait_now_ms(); 2026-01-01T00:00:00Z unless the test sets it
			 */
	size_t stretch_bytes; /* documents and logs are fed to `lines` in pieces of about this size;
				 256 KiB */

	struct fake_observation *observations; /* addends too, one for one, without keys */
	size_t observation_count;
	struct fake_reject *rejects;
	size_t reject_count;
	struct fake_coverage *coverage;
	size_t coverage_count;
	const char **sheets;
	size_t sheet_count;

	int64_t published_at_ms; /* 0 = the document did not say */
	const char *dataset;	 /* "" by default */

	enum strait_fault fault; /* of the last strait_fail(); 0 = none */
	const char *failure;	 /* its text; NULL = none */
	const char *log;	 /* all strait_log() texts, a line each; "" by default */

	unsigned int commit_count; /* strait_commit() calls */
	const void *cursor;	   /* of the last one */
	size_t cursor_size;
	unsigned int block_seconds; /* of the last strait_expect_block() */
};

/* options ends with a NULL name; may be NULL. Values follow the plugin's table (types, ranges and
 * fallbacks are checked). */
struct fake_host *fake_host_new(const struct strait_plugin *plugin,
				const struct fake_option *options);
struct fake_host *fake_host_free(struct fake_host *host); /* calls `close`; returns NULL */

/* check, open, start without a cursor: 0, or the first result that was not. */
int fake_host_open(struct fake_host *host);
/* Feeds one release: through `document`, or through `lines` when the plugin has no `document`
   (complete lines, a missing last newline added, as the real host does). Returns what the plugin
   returned. */
int fake_host_document(struct fake_host *host, const char *name, const void *data, size_t size);
int fake_host_document_file(struct fake_host *host, const char *path);
/* Feeds a log's complete lines through `lines`, in stretches. Returns what the plugin returned. */
int fake_host_log(struct fake_host *host, const char *data, size_t size);
/* Feeds exactly one stretch. first_line NULL = "". */
int fake_host_stretch(struct fake_host *host, const char *data, size_t size, uint64_t offset,
		      const char *first_line);
/* Forgets everything recorded; the plugin's own state stays. */
void fake_host_clear(struct fake_host *host);

/* Last observation of this metric and day whose labels begin with those given: "blocked" … up to
   NULL (label values in the order of the metric's keys; "" = any). NULL = none. */
const struct fake_observation *fake_host_find(const struct fake_host *host, const char *metric,
					      int32_t day, const char *const *labels);
/* What the store would sum up: the values of a metric over all periods, for records only those of
   the version that counts (greatest known_at_ms, rank, position; a known_at_ms of 0 sorts first),
   replaced keys left out. labels as above, NULL = any. *ret_count (may be NULL): how many values;
   missing and suppressed ones are left out. */
double fake_host_total(const struct fake_host *host, const char *metric, const char *const *labels,
		       size_t *ret_count);
