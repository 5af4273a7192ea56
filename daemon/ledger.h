/* SPDX-License-Identifier: MIT
 *
 * ledger.h - the figures of the daemon: joins the store (what was observed and when it was known)
 * with the figure engine (what is published), in one transaction a commit. Main process only. The
 * one place that the bus and the sources ask; neither sees SQL.
 */
#pragma once

#include "batch.h"
#include "checks.h"
#include "explanation.h"
#include "fault.h"
#include "fetch_wire.h"
#include "model.h"

#define IDENTITY_KEY_BYTES 32
#define CHANGE_LIMIT	   1000000u /* rows of changes kept unless told otherwise */

struct ledger;

/* Series of one metric. Observations of more are refused and told as a reject. */
#define LEDGER_SERIES_MAX 16384u

/* A [figure NAME] or [check NAME] section. */
struct figure_section {
	const char *name, *formula, *window, *unit, *title;
	const struct check_text *check; /* of a check; formula, window and unit are then not used,
					   and the name has no CHECK_PREFIX */
};

/* Opens or creates DIR/straitd.db and DIR/identity.key (mode 0600, made at first start).
   *ret_ledger is the caller's. Fails with a sentence when the store is in use, or from a newer
   version (FAULT_CONFIG). A damaged one is set aside and a new one made, which rebuild.h fills. */
int ledger_open(const char *state_dir, struct ledger **ret_ledger, struct fault *fault);
struct ledger *ledger_free(struct ledger *ledger);
/* Why nothing can be stored at the moment, with the remedy; "" = all is well. damaged: it is no
   passing trouble, and the next ledger_open() sets the store aside. */
const char *ledger_trouble(const struct ledger *ledger, bool *ret_damaged);
/* How the store is, for whoever asks the daemon: the trouble, else the note (a rebuild, under way
   or the last one), else "good". */
const char *ledger_state(const struct ledger *ledger);
void ledger_note(struct ledger *ledger, const char *note);
/* Calls back whenever that changes; nothing may be asked of the ledger in there but
   ledger_trouble(). */
void ledger_on_trouble(struct ledger *ledger, void (*tell)(void *context), void *context);
const uint8_t *ledger_identity_key(const struct ledger *ledger); /* IDENTITY_KEY_BYTES */
uint64_t ledger_sequence(const struct ledger *ledger);		 /* newest commit; 0 = none yet */

/* ── writing; each call is one transaction ─────────────────────────────────────────────────── */

/* Takes over what a source's plugin declares (idempotent). New figures appear at once, as missing
   when there is no data. May commit: the report has sequence 0 if no figure changed. */
int ledger_declare(struct ledger *ledger, const char *source, const struct declaration *declaration,
		   struct commit_report *ret_report, struct fault *fault);
/* The [figure] and [check] sections, all of them: replaces the earlier set. */
int ledger_set_figures(struct ledger *ledger, const struct figure_section *sections, size_t count,
		       struct commit_report *ret_report, struct fault *fault);
/* Forgets the figures of sources that are no longer configured, unless one that stays declares them
   too; their data stay in the store. May commit: a figure may be fresh under its new source. */
int ledger_keep_sources(struct ledger *ledger, const char *const *names, size_t count,
			struct commit_report *ret_report, struct fault *fault);
/* Commits one batch: release, observations, rejects, cursor, figures, changes, sequence. Refuses a
   number that is not last+1 and metrics that are not declared (FAULT_PROTOCOL). */
int ledger_commit(struct ledger *ledger, const char *source, const struct batch *batch,
		  struct commit_report *ret_report, struct fault *fault);
/* Marks the source's figures stale or fresh; commits only if something changed. */
int ledger_set_stale(struct ledger *ledger, const char *source, bool stale,
		     struct commit_report *ret_report, struct fault *fault);

/* ── what a worker needs to go on ──────────────────────────────────────────────────────────── */

/* Last batch number and cursor (to be freed by the caller; NULL and 0 when there is none). */
int ledger_resume(struct ledger *ledger, const char *source, uint64_t *ret_batch, void **ret_cursor,
		  size_t *ret_cursor_size, struct fault *fault);
/* The source publishes totals and nothing about single cases: all its metrics are levels. */
bool ledger_only_levels(struct ledger *ledger, const char *source);
/* A document of this name and hash: complete already, or how many of its observations are
   committed. The same bytes under another date are another publication (a value that was withdrawn
   comes back), where it is the name that dates them and all metrics of the source are levels;
   events and records must not count twice. *ret_published_at_ms: the publication time of a release
   that is half read, under which the rest of it must come; 0 = none is. */
int ledger_release_state(struct ledger *ledger, const char *source, const char *name,
			 const uint8_t sha256[SHA256_BYTES], bool *ret_complete,
			 uint64_t *ret_observations, int64_t *ret_published_at_ms,
			 struct fault *fault);

/* At most so many rows of changes are kept: as soon as a commit makes more, the oldest commits are
   forgotten. At first CHANGE_LIMIT. */
void ledger_limit_changes(struct ledger *ledger, size_t rows);
/* Forgets changes committed before that time, and all but the newest rejects of each source. */
int ledger_expire(struct ledger *ledger, int64_t before_ms, struct fault *fault);

struct source_totals {
	uint64_t accepted, rejected;
	char last_release[128];	   /* the newest published one */
	int64_t last_published_ms; /* its published_at */
	uint8_t last_sha256[SHA256_BYTES];
	int64_t last_read_ms; /* commit time of the last batch, or of the last failure */
	struct source_health health;
};
/* Looks at all releases of the source; notes since when it is configured. */
int ledger_totals(struct ledger *ledger, const char *source, struct source_totals *ret_totals,
		  struct fault *fault);
/* The same without the newest release, which stays as it is; cheap. */
int ledger_refresh_totals(struct ledger *ledger, const char *source, struct source_totals *totals,
			  struct fault *fault);
/* A document came again that is complete already. */
int ledger_answered(struct ledger *ledger, const char *source, const uint8_t sha256[SHA256_BYTES],
		    struct fault *fault);
/* What is kept of the last fetch of a source; zeros when there was none. */
int ledger_get_fetch(struct ledger *ledger, const char *source, struct fetch_state *ret_state,
		     struct fault *fault);
int ledger_put_fetch(struct ledger *ledger, const char *source, const struct fetch_state *state,
		     struct fault *fault);
/* A document cannot be read: what was committed of it no longer counts (but its records, see
   docs/ARCHITECTURE.md), its rejects are kept and counted, once however often it fails; and the
   source's trouble, if that is what it is. No figure changes. */
int ledger_fail_document(struct ledger *ledger, const char *source,
			 const struct failed_document *document, struct fault *fault);

/* ── reading ───────────────────────────────────────────────────────────────────────────────── */

/* Current figures, sorted by name. Pointers are valid until the next writing call. */
size_t ledger_figure_count(const struct ledger *ledger);
const struct figure *ledger_figure_at(const struct ledger *ledger, size_t index);
const struct figure *ledger_figure(const struct ledger *ledger, const char *name); /* NULL = none */
/* Value of a figure as known on a date; as_of_ms 0 = now. Also answers names that are not published
   figures but METRIC[{k=v}].WINDOW with any window or fixed period: "arrivals.people.2020-09-02".
 */
int ledger_value(struct ledger *ledger, const char *name, int64_t as_of_ms,
		 struct figure_value *ret_value, struct fault *fault);
/* Where the value of a figure (any name that ledger_value() answers) comes from, as of an instant.
   FAULT_TOO_LARGE past EXPLANATION_ROWS_MAX inputs. explanation_done() what was given. */
int ledger_explain(struct ledger *ledger, const char *name, int64_t as_of_ms,
		   struct explanation *ret_explanation, struct fault *fault);
/* A finished release by the hash of its content; FAULT_BAD_ARGUMENT when there is none.
 * explanation_release_done() what was given. */
int ledger_release(struct ledger *ledger, const uint8_t sha256[SHA256_BYTES],
		   struct explanation_release *ret_release, struct fault *fault);
/* How a published figure is defined; "" and "" for other names. Valid until the next writing call.
 */
void ledger_definition(const struct ledger *ledger, const char *name, const char **ret_formula,
		       const char **ret_window);

/* A check as it stands. Texts are valid until the next writing call. */
struct check_summary {
	const char *name; /* without CHECK_PREFIX */
	const char *title, *left, *right;
	enum strait_granularity every;
	struct check_result result;
};
/* All checks, sorted by name, as known now; *ret_checks is freed by the caller. One that cannot be
   compared, because a metric is not declared (yet), is missing. */
int ledger_checks(struct ledger *ledger, struct check_summary **ret_checks, size_t *ret_count,
		  struct fault *fault);
/* One check (with or without CHECK_PREFIX) as known on a date (0 = now), and the newest `max`
   periods that differ, newest first; *ret_rows is freed by the caller. FAULT_NO_SUCH_FIGURE. */
int ledger_check(struct ledger *ledger, const char *name, int64_t as_of_ms, size_t max,
		 struct check_summary *ret_check, struct check_row **ret_rows, size_t *ret_count,
		 struct fault *fault);

/* first and last are period texts, "" = open. *ret_series is done by the caller. FAULT_TOO_LARGE
 * past max points. */
int ledger_series(struct ledger *ledger, const char *metric, const struct label *labels,
		  size_t label_count, const char *first, const char *last, int64_t as_of_ms,
		  size_t max, struct series *ret_series, struct fault *fault);
/* Every version of one period, oldest publication first; *ret_rows is freed by the caller. */
int ledger_versions(struct ledger *ledger, const char *metric, const struct label *labels,
		    size_t label_count, const char *period, struct version_row **ret_rows,
		    size_t *ret_count, struct fault *fault);
/* Changes after a sequence, at most max rows but never half a commit unless one commit is larger
 *than max. ret_complete: nothing is left after these. FAULT_SEQUENCE_EXPIRED when it is older than
 *what is kept. */
int ledger_changes_since(struct ledger *ledger, uint64_t after, size_t max, uint64_t *ret_latest,
			 bool *ret_complete, struct change_row **ret_rows, size_t *ret_count,
			 struct fault *fault);
/* Declared metrics of all sources, sorted by name. */
size_t ledger_metric_count(const struct ledger *ledger);
const struct metric_declaration *ledger_metric_at(const struct ledger *ledger, size_t index);
/* Newest rejects first; source "" = all. *ret_rows is freed by the caller. */
int ledger_rejects(struct ledger *ledger, const char *source, size_t max,
		   struct reject_row **ret_rows, size_t *ret_count, struct fault *fault);
