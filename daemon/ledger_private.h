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
	int64_t id;
};

struct ledger_source {
	char *name, *plugin_version;
	struct ledger_metric **metrics; /* by the plugin's index */
	size_t metric_count;
};

struct ledger_figure {
	struct figure published;
	char *formula_text, *window_text;
	struct formula formula;
	struct window window;
	bool from_section;
};

/* Points of one item, as they count now. */
struct ledger_points {
	int64_t metric;
	char *labels; /* "k=v,…" as the item names them */
	struct point *items;
	size_t count;
	bool has_data;
};

struct ledger {
	struct store *store;
	uint8_t identity_key[IDENTITY_KEY_BYTES];
	uint64_t sequence;
	struct ledger_metric **metrics; /* by name; each is its own allocation, pointers stay */
	size_t metric_count;
	struct ledger_source *sources;
	size_t source_count;
	struct ledger_figure **figures; /* by name */
	size_t figure_count;
	struct ledger_points *points;
	size_t point_count, point_capacity;
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
/* Adds or replaces one figure definition; keeps what was published under that name. */
int ledger_define(struct ledger *ledger, const char *source, const char *name, const char *formula,
		  const char *window, const char *unit, const char *title, bool from_section,
		  struct fault *fault);
void ledger_undefine(struct ledger *ledger, size_t index);
/* Takes over from the store what was published under the names that are defined. */
void ledger_restore(struct ledger *ledger);
void ledger_forget_points(struct ledger *ledger, int64_t metric); /* 0 = all */

/* The reader of figures.h over this ledger as of an instant; 0 = now, with the kept points. */
struct ledger_reader {
	struct ledger *ledger;
	int64_t as_of_ms;
	struct point *owned[2 * FORMULA_ITEMS_MAX]; /* as-of points, freed by ledger_reader_done */
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
