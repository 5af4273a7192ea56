/* SPDX-License-Identifier: MIT
 *
 * builder.h - collects what a plugin hands over until it is a batch. Worker only.
 *
 * One builder serves one release after the other: builder_begin() for each, then add and reject,
 * and whenever builder_full() says so, or the release ends, builder_batch() and builder_next(). All
 * memory is taken in builder_new(), but for the series that the plugin wants to know by number;
 * none is taken for a row. The same input gives the same batches, cut at the same places: a release
 * that is read again after a crash goes on where it stopped.
 *
 * accepted counts rows that gave observations: observations that follow each other with the same
 * place (sheet and row, or offset; not 0) are one row. rejected counts builder_reject() and
 * observations that were refused, which may be several of a row; so for the share of a document
 * that is no good, rows are counted apart: all, and those with a reject.
 *
 * A batch describes every reject. Where there are more than BATCH_REJECTS_MAX the last entry speaks
 * for those that have none of their own: it stands at the first of them, and its reason says how
 * many they are and up to where.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "batch.h"
#include "keyed_hash.h"
#include "strait/plugin.h"

#define BUILDER_KEY_BYTES_MAX 255u	     /* of an identity; longer ones are refused */
#define BUILDER_CUT_BYTES     (700u * 1024u) /* encoded; a batch is full from here on */
#define BUILDER_REASON_BYTES  256u	     /* of a reject, with the NUL */
#define BUILDER_EXTRACT_BYTES 100u	     /* of a rejected row that are kept, masked */
#define BUILDER_AHEAD_MS                                                                           \
	(2 * INT64_C(86400000)) /* a time may be so far in the future: clocks differ */

struct builder;

/* NULL when out of memory. The plugin and the hash stay the caller's. */
struct builder *builder_new(const struct strait_plugin *plugin, struct keyed_hash *hash);
struct builder *builder_free(struct builder *builder);

/* Empties it for a release that begins. now_ms bounds known_at. */
void builder_begin(struct builder *builder, int64_t now_ms);
/* Places that are byte offsets are counted from there on, until the release ends; rejects of before
 * keep theirs. */
void builder_set_base(struct builder *builder, uint64_t base);
/* The batch should be sent before this observation is added. Never so in the middle of one version
 * of a record. */
bool builder_full(const struct builder *builder, const struct strait_observation *next);
/* 0, or -EINVAL and the observation is counted as a reject, with the reason. */
int builder_add(struct builder *builder, const struct strait_observation *observation);
/* Series by number, for many values at once: strait_series() and strait_add(). builder_add_sums()
 * goes on until the batch is full, returns how many it took, and sets *ret_result to -EINVAL when
 * some of those were refused. */
size_t builder_add_sums(struct builder *builder, const struct strait_addend *addends, size_t count,
			int *ret_result);
long builder_handle(struct builder *builder, uint32_t metric, const char *const *labels);
/* reason and raw need not be clean text; raw may be NULL. */
void builder_reject(struct builder *builder, uint64_t at, const void *raw, size_t raw_size,
		    const char *reason);
/* Index for strait_at_cell(). Past BATCH_SHEETS_MAX an index without a name, at most 127. */
unsigned int builder_sheet(struct builder *builder, const char *name);
/* false: no such metric, not a level, or no range of days. */
bool builder_cover(struct builder *builder, uint32_t metric, int32_t first_day, int32_t last_day);

/* Nothing was added or rejected since the last builder_begin() or builder_next(). */
bool builder_empty(const struct builder *builder);
/* Rejects of the whole release so far. */
uint64_t builder_rejected(const struct builder *builder);
/* Rows of the whole release so far that gave observations or rejects, and those that gave rejects.
   What follows each other with the same place is one row. */
uint64_t builder_rows(const struct builder *builder);
uint64_t builder_rows_rejected(const struct builder *builder);
/* Newest known_at_ms of the observations in this batch; 0 = none had one. */
int64_t builder_newest_ms(const struct builder *builder);
/* Describes what was collected; points into the builder, valid until the next call that changes it.
   Records known at "0" get published_at_ms. Sets all but: number, cursor, and of the release all
   but sheets and coverage. */
void builder_batch(struct builder *builder, bool final, int64_t published_at_ms,
		   struct batch *ret_batch);
/* Leaves out the first observations of a batch: they are committed already. */
void builder_batch_skip(struct batch *batch, uint64_t observations);
/* The batch was taken over: the next one of the same release begins. */
void builder_next(struct builder *builder);
