/* SPDX-License-Identifier: MIT
 *
 * store.h - the only state of the daemon, one SQLite file (WAL, synchronous=FULL). Verbs of the
 * domain; no SQL and no sqlite type leaves store*.c. Main only; used by the ledger, which adds the
 * figures.
 *
 * Writing happens inside store_begin() … store_end(). Inside, a failure is sticky: it is remembered
 * with its sentence, every further verb does nothing, and store_end() rolls back and returns it
 * (Knot's knot_lmdb idea). So callers check once.
 *
 * Times: ms UTC. Days: days since 1970-01-01, first of the period. Ids are the store's own and
 * never leave the ledger.
 */
#pragma once

#include "batch.h"
#include "explanation.h"
#include "fault.h"
#include "fetch_wire.h"
#include "model.h"

struct store;

/* ── life ──────────────────────────────────────────────────────────────────────────────────── */

/* A damaged file is set aside (store_damage.c) and a new one is made, which is to be rebuilt:
   store_rebuild_path(). FAULT_CONFIG when the store is a newer straitd's. */
int store_open(const char *path, struct store **ret_store, struct fault *fault);

/* Why nothing can be stored at the moment. */
struct store_trouble {
	char text[FAULT_TEXT_MAX]; /* "" = none */
	bool damaged; /* only another start of the daemon helps: it sets the file aside */
};
typedef void store_tell_fn(void *context);
/* Calls back whenever trouble begins, changes or ends; nothing may be done to the store in there.
 */
void store_on_trouble(struct store *store, store_tell_fn *tell, void *context);
const struct store_trouble *store_trouble(const struct store *store);

#define STORE_REBUILD_NAME ".rebuild" /* suffix: the order to rebuild, until it is done */
#define STORE_REBUILT_NAME ".rebuilt" /* what became of it: the last time this happened */

struct store *store_free(struct store *store);
void store_begin(struct store *store);
/* Commits, or rolls back when anything failed since store_begin. */
int store_end(struct store *store, struct fault *fault);
bool store_failed(const struct store *store);
/* A test_point() of the store. */
void store_step(void);
/* Makes the transaction fail with the caller's own reason; returns -1. */
int store_fail(struct store *store, enum fault_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ── sources, metrics, series ──────────────────────────────────────────────────────────────── */

int64_t store_source(struct store *store, const char *name); /* makes it; 0 on failure */
void store_resume(struct store *store, int64_t source, uint64_t *ret_batch, void **ret_cursor,
		  size_t *ret_size);
void store_set_cursor(struct store *store, int64_t source, uint64_t batch, const void *cursor,
		      size_t size, uint64_t accepted, uint64_t rejected, int64_t now_ms);

struct store_totals {
	uint64_t accepted, rejected;
	int64_t last_read_ms;
	struct source_health health;
};
void store_totals(struct store *store, int64_t source, struct store_totals *ret_totals);
/* The newest published release that is complete; all 0 = none. Looks at all of the source's. */
struct store_newest {
	char name[128];
	int64_t published_at_ms;
	uint8_t sha256[SHA256_BYTES];
};
void store_newest_release(struct store *store, int64_t source, struct store_newest *ret_newest);
/* Remembers since when the source is configured; the first time counts. */
void store_known_since(struct store *store, int64_t source, int64_t now_ms);

/* Keeps a declaration as it came, for the next start. */
void store_put_declaration(struct store *store, int64_t source,
			   const struct declaration *declaration);
/* Calls back once a source that has one; the declaration is the callee's copy to take (it is
 * emptied). */
void store_each_declaration(struct store *store,
			    void (*each)(void *context, const char *source,
					 struct declaration *declaration),
			    void *context);
int64_t store_metric(struct store *store, const char *name); /* id, made when new */
/* labels: "k=v,k=v" in the order of the metric's keys, "" without labels. */
int64_t store_series(struct store *store, int64_t metric, const char *labels);
/* The same, but 0 when there is none; and how many the metric has. */
int64_t store_series_find(struct store *store, int64_t metric, const char *labels);
uint64_t store_series_count(struct store *store, int64_t metric);

/* Grows when a series is made. */
int64_t store_newest_series(struct store *store);

/* ── writing a batch ───────────────────────────────────────────────────────────────────────── */

struct store_release {
	int64_t id;
	int64_t source;
	int64_t published_at_ms;
	int64_t tie; /* orders releases published at the same instant: from the hash, so that
			arrival does not matter */
};

/* What a batch did to the current values of one metric. */
struct store_effect {
	bool touched;	/* any current value or status changed */
	bool revised;	/* a period that had a value got another */
	bool withdrawn; /* a period lost its value */
	bool unlisted;	/* more changed than store_effects has in its lists */
};

/* Finds the unfinished release that this batch goes on with, or makes a new one. */
void store_release_open(struct store *store, int64_t source, const struct batch *batch,
			const char *plugin_version, int64_t now_ms,
			struct store_release *ret_release);
/* Ends it: from now on its versions and events count. */
void store_release_close(struct store *store, const struct store_release *release,
			 const struct batch *batch, int64_t now_ms);
/* Document with this hash: complete, or how many observations are in. */
/* name: its date tells publications of the same bytes apart; "" = the bytes alone do.
 *ret_published_at_ms: of the release that is half read, 0 = none is. */
void store_release_state(struct store *store, int64_t source, const char *name,
			 const uint8_t sha256[SHA256_BYTES], bool *ret_complete,
			 uint64_t *ret_observations, int64_t *ret_published_at_ms);

/* Level: one value of the release for one period. Not current before store_level_close(). */
void store_level_put(struct store *store, const struct store_release *release, int64_t metric,
		     int64_t series, const struct batch_observation *observation);
/* Makes the release's values of one metric current where no newer release speaks, and withdraws
   what it covers and has not. coverage may be NULL. */
void store_level_close(struct store *store, const struct store_release *release, int64_t metric,
		       const struct batch_coverage *coverage, struct store_effect *effect);

/* Event: adds to what the release contributes. Not current before store_event_close(). */
void store_event_put(struct store *store, const struct store_release *release, int64_t series,
		     const struct batch_observation *observation);
/* The release becomes what counts for its dataset, if it is the newest. effects: by metric id, see
 * store_effects. */
struct store_effects;
void store_event_close(struct store *store, const struct store_release *release,
		       const char *dataset, struct store_effects *effects);

/* Record: one version with its parts. It counts after store_record_settle(), which takes all that
   the batch has put. */
struct store_part {
	int64_t series, metric;
	uint64_t series_hash; /* of the metric's name and labels: orders equal versions the same in
				 every store */
	bool distribution;
	int32_t day;
	uint8_t status;
	double value;
};
void store_record_put(struct store *store, const struct store_release *release,
		      const struct batch_observation *identity, const struct store_part *parts,
		      size_t count);
void store_record_settle(struct store *store, const struct store_release *release,
			 struct store_effects *effects);

/* What a batch adds to a current value. Counters, so that a contribution can be taken back. */
struct store_tally {
	int64_t count, missing, provisional, estimated;
	int64_t micro; /* sum in millionths, so that the order of adding cannot show in the last
			  digit */
};
struct store_period_sum {
	int64_t series, metric;
	struct store_tally delta;
	int64_t known_at_ms; /* when touched */
	int32_t day;
	bool counts; /* something was added or taken back */
	bool touched;
};
struct store_bucket_sum {
	int64_t series, bucket, count;
	int32_t day;
};

/* Effects by metric id, a small growing list. */
struct store_effects {
	struct {
		int64_t metric;
		struct store_effect effect;
	} items[2 * STRAIT_METRICS_MAX]; /* of the plugin as it is, and as it was when older
					    releases came */
	size_t count;
	/* Of records: which periods got another value, by series and day, and what came into which
	   bucket of a distribution. Freed by store_effects_done(). */
	struct store_period_sum *periods;
	size_t period_count;
	struct store_bucket_sum *buckets;
	size_t bucket_count;
};
void store_effects_done(struct store_effects *effects);
struct store_effect *store_effects_of(struct store_effects *effects, int64_t metric);

void store_reject(struct store *store, const struct store_release *release,
		  const struct batch_reject *reject, int64_t now_ms);

/* ── how a source is ───────────────────────────────────────────────────────────────────────── */

/* A batch of the release has content up to there. */
void store_content_put(struct store *store, const struct store_release *release, int64_t end_ms);
/* The release is complete: when its content is newer, the source's moves, and earlier trouble is
   over. adds_up: more of the same period is new content too (events, records); else a period that
   is stated again is not. */
void store_content_close(struct store *store, const struct store_release *release, bool adds_up,
			 int64_t now_ms);
/* A document came that is complete already: the source still answers, if nothing newer is known. */
void store_get_fetch(struct store *store, int64_t source, struct fetch_state *ret_state);
void store_put_fetch(struct store *store, int64_t source, const struct fetch_state *state);
void store_answered(struct store *store, int64_t source, const uint8_t sha256[SHA256_BYTES],
		    int64_t now_ms);
/* Takes back what was committed of the document, keeps its rejects, counts them once, and notes
   trouble. */
void store_fail_document(struct store *store, int64_t source,
			 const struct failed_document *document, int64_t now_ms);

/* ── figures and the feed ──────────────────────────────────────────────────────────────────── */

uint64_t store_sequence(struct store *store);
void store_put_commit(struct store *store, uint64_t sequence, int64_t now_ms, const char *source);
void store_put_change(struct store *store, uint64_t sequence, const char *figure, enum cause cause,
		      double old_value, double new_value, enum strait_status status);
void store_put_figure(struct store *store, const struct figure *figure);
void store_drop_figure(struct store *store, const char *name);
/* Kept figures, sorted by name; strings are valid during the call. */
void store_each_figure(struct store *store,
		       void (*each)(void *context, const struct figure *figure), void *context);
/* ret_oldest: smallest sequence that is kept, 0 = none. */
int store_changes(struct store *store, uint64_t after, size_t max, uint64_t *ret_oldest,
		  struct change_row **ret_rows, size_t *ret_count, bool *ret_complete,
		  struct fault *fault);
/* Forgets the oldest commits once there are more rows of changes than that; then there are at most
   so many, unless the newest commit alone has more. Costs nothing below the limit. */
void store_trim_changes(struct store *store, size_t limit);
/* Forgets changes older than this, and all but the newest rejects of each source. */
void store_expire(struct store *store, int64_t before_ms, size_t rejects_kept);
int store_rejects(struct store *store, const char *source, size_t max, struct reject_row **ret_rows,
		  size_t *ret_count, struct fault *fault);

/* ── reading values ────────────────────────────────────────────────────────────────────────── */

/* Which series of a metric: those whose labels contain every "k=v" of the filter. */
struct store_selection {
	int64_t metric;
	enum strait_kind kind;
	const struct label *labels;
	size_t label_count;
};

/* Points summed over the selected series, by day, oldest first, within [first, last]. as_of_ms 0 =
   now. *ret_points is freed by the caller. */
int store_points(struct store *store, const struct store_selection *selection, int32_t first,
		 int32_t last, int64_t as_of_ms, struct point **ret_points, size_t *ret_count,
		 struct fault *fault);
/* Ids of the series that a selection takes, in order, in a list to be freed. */
int64_t *store_selected(struct store *store, const struct store_selection *selection,
			size_t *ret_count);
/* The distribution over [first, last], smallest value first. */
int store_buckets(struct store *store, const struct store_selection *selection, int32_t first,
		  int32_t last, int64_t as_of_ms, struct bucket **ret_buckets, size_t *ret_count,
		  struct fault *fault);
int store_versions(struct store *store, const struct store_selection *selection, int32_t day,
		   struct version_row **ret_rows, size_t *ret_count, struct fault *fault);

/* What the points of the selection come from: every period (of that granularity) wholly within
   `period`. as_of_ms 0 = now. More than max rows is FAULT_TOO_LARGE. explanation_inputs_done() what
   was given. */
int store_explain(struct store *store, const struct store_selection *selection,
		  enum strait_granularity granularity, struct period period, int64_t as_of_ms,
		  size_t max, struct explanation_inputs *ret_inputs, struct fault *fault);
/* A finished release with this hash; 1 = there is none. explanation_release_done() what was given.
 */
int store_release_by_hash(struct store *store, const uint8_t sha256[SHA256_BYTES],
			  struct explanation_release *ret_release, struct fault *fault);

/* Distribution buckets of records: see store_value.c for the formula. Those of events are wider,
   see spread.h. */
int64_t store_bucket_of(double value);
double store_bucket_value(int64_t bucket);
