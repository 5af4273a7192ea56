/* SPDX-License-Identifier: MIT
 *
 * ledger_private.h - what ledger*.c share. The ledger keeps in memory: what is declared, the
 * figures as last published, and the points of the series that figures use, until a commit touches
 * them.
 */
#pragma once

#include "figures.h"
#include "ledger.h"
#include "store.h"

#define LEDGER_REJECTS_KEPT 10000u /* of each source */

struct ledger_metric {
	struct metric_declaration declared;
	int64_t id;   /* 0 = none yet */
	bool settled; /* the transaction that gave it the id was committed */
};

struct ledger_source {
	char *name, *plugin_version;
	struct ledger_metric **metrics; /* by the plugin's index */
	size_t metric_count;
	bool stale; /* its figures were marked so last */
};

struct ledger_figure {
	struct figure published;
	char *formula_text, *window_text; /* of a check: "LEFT ~ RIGHT" and "every LENGTH" */
	struct formula formula;
	struct window window;
	struct ledger_check *check; /* instead of formula and window; or NULL */
	bool from_section;
};

struct ledger_check {
	char *left, *right; /* as they were written */
	struct check_rule check;
};

/* Points of one item, as they count now. */
struct ledger_points {
	int64_t metric;
	char *labels; /* "k=v,…" as the item names them */
	struct point *items;
	size_t count;
	bool has_data;
	int32_t first_day, last_day; /* of the metric, when count is 0 */
};

/* The distribution of one item from `first` on, as it counts now. */
struct ledger_buckets {
	int64_t metric;
	char *labels;	 /* as in ledger_points */
	int64_t *series; /* that it takes, in order */
	size_t series_count;
	int32_t first, last;
	struct bucket *items; /* by value, each once */
	size_t count;
};
#define LEDGER_BUCKETS_MAX 16u /* at most about 600 KB each */

struct ledger {
	struct store *store;
	uint8_t identity_key[IDENTITY_KEY_BYTES];
	uint64_t sequence;
	char note[FAULT_TEXT_MAX]; /* what ledger_state() says when the store works */
	size_t change_limit;
	struct ledger_metric **metrics; /* by name; each is its own allocation, pointers stay */
	size_t metric_count;
	struct ledger_source *sources;
	size_t source_count;
	struct ledger_figure **figures; /* by name */
	size_t figure_count;
	struct ledger_points *points;
	size_t point_count, point_capacity;
	struct ledger_buckets buckets[LEDGER_BUCKETS_MAX];
	size_t bucket_count;
	struct figure_change *rows; /* of the last report */
	size_t row_capacity;
};

struct ledger_metric *ledger_find_metric(const struct ledger *ledger, const char *name);
struct ledger_source *ledger_find_source(struct ledger *ledger,
					 const char *name); /* NULL = not declared */
struct ledger_figure *ledger_find_figure(const struct ledger *ledger, const char *name);

/* Takes the declaration over into memory; its figures are not evaluated yet. FAULT_CONFIG when it
   contradicts another source's. */
int ledger_adopt(struct ledger *ledger, const char *source, const struct declaration *declaration,
		 struct fault *fault);
/* Adds or replaces one definition of a figure or check; keeps what was published under that name. A
   section goes before a declaration, an earlier source before a later one, and everybody before the
   source "", which has been forgotten. */
int ledger_define(struct ledger *ledger, const char *source, const struct figure_section *section,
		  bool from_section, struct fault *fault);
void ledger_undefine(struct ledger *ledger, size_t index);
/* Defines what a plugin declares. */
int ledger_define_declared(struct ledger *ledger, const char *source,
			   const struct declaration *declaration, struct fault *fault);
/* Takes over the check of a section, which figure_new() of ledger.c then owns. */
struct ledger_check *ledger_check_new(const struct check_text *text, struct fault *fault);
struct ledger_check *ledger_check_free(struct ledger_check *check);
/* The formulas that a figure is computed from: its own, or both sides of a check. Returns how many.
 */
size_t ledger_formulas(const struct ledger_figure *figure, const struct formula *ret_formulas[2]);
/* Its value through the reader, whatever its kind. ret_value->unit is left empty. */
int ledger_figure_value(const struct ledger_figure *figure, const struct figure_reader *reader,
			struct figure_value *ret_value, struct fault *fault);
/* Inside a transaction: gives every new metric its number. Those of the others stay as they are,
   also when the transaction has failed. */
void ledger_number_metrics(struct ledger *ledger);
/* After it: keeps the new numbers, or forgets them with a transaction that is no more. */
void ledger_settle_metrics(struct ledger *ledger, bool committed);
/* Takes over from the store what was published under the names that are defined. */
void ledger_restore(struct ledger *ledger);

/* ledger_cache.c. Fills items, count and what there is of the metric besides. The items are the
 * caller's. */
int ledger_load_points(struct ledger *ledger, const struct ledger_metric *metric,
		       const struct formula_item *item, int64_t as_of_ms, struct ledger_points *ret,
		       struct fault *fault);
/* Of now; read when they are not kept yet. NULL on failure. */
struct ledger_points *ledger_kept_points(struct ledger *ledger, const struct ledger_metric *metric,
					 const struct formula_item *item, struct fault *fault);
/* A copy of the distribution of a metric of records, now; to be freed. */
int ledger_kept_buckets(struct ledger *ledger, const struct ledger_metric *metric,
			const struct formula_item *item, int32_t first, int32_t last,
			struct bucket **ret_buckets, size_t *ret_count, struct fault *fault);
/* Forgets points and distributions of the metric; 0 = all. */
void ledger_forget_points(struct ledger *ledger, int64_t metric);
/* Inside the transaction, after a batch: brings what is kept up to it. new_series: a selection may
   take more series than before. */
void ledger_renew_points(struct ledger *ledger, const struct store_effects *effects,
			 bool new_series);

/* A check has two formulas, and each of them two sides. */
#define LEDGER_READER_POINTS (4 * FORMULA_ITEMS_MAX)

/* The reader of figures.h over this ledger as of an instant; 0 = now, with the kept points. */
struct ledger_reader {
	struct ledger *ledger;
	int64_t as_of_ms;
	struct point *owned[LEDGER_READER_POINTS]; /* as-of points, freed by ledger_reader_done */
	size_t owned_count;
};
struct figure_reader ledger_reader(struct ledger_reader *state);
void ledger_reader_done(struct ledger_reader *state);

/* Inside a transaction: evaluates the figures whose metrics are in effects (NULL: all, or those of
   `source` when not NULL), writes what changed, and prepares the report. Nothing in memory changes
   before ledger_settle(). */
struct ledger_update {
	struct ledger_figure *figure;
	struct figure_value value;
	bool stale, changed;
	enum cause cause;
};
struct ledger_updates {
	struct ledger_update *items;
	size_t count, capacity;
	uint64_t sequence; /* 0 = no figure changed */
	int64_t now_ms;
};
void ledger_evaluate(struct ledger *ledger, const struct store_effects *effects, const char *source,
		     struct ledger_updates *updates);
void ledger_mark_stale(struct ledger *ledger, const char *source, bool stale,
		       struct ledger_updates *updates);
/* Writes figures, changes and the commit; still inside the transaction. */
void ledger_write(struct ledger *ledger, const char *source, struct ledger_updates *updates);
/* After store_end() succeeded: takes the new values over and fills the report. Frees the updates in
 * any case. */
void ledger_settle(struct ledger *ledger, const char *source, struct ledger_updates *updates,
		   bool committed, struct commit_report *ret_report);
