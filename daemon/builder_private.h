/* SPDX-License-Identifier: MIT
 *
 * builder_private.h - the builder and what its files share: builder.c (one observation after the
 * other, rejects, batches) and builder_sums.c (events that add up). Private to builder*.c.
 */
#pragma once

#include "builder.h"
#include "messages_codec.h"
#include "spread.h"
#include "spread_pool.h"

/* What one frame costs beyond the lists: the release with its sheets and coverage, the cursor,
 * numbers. */
#define BASE_BYTES (24u * 1024u)
#define EVENT_BYTES                                                                                \
	33u /* of an observation without identity, with a count and a distribution's size */
#define RECORD_BYTES 57u
#define SERIES_BYTES 3u
#define TEXT_BYTES   3u /* besides the text itself */
#define REJECT_BYTES (8u + 2u * TEXT_BYTES)

/* Twice the number of entries, powers of two: probes stay short. */
#define SERIES_SLOTS 8192u
#define SUM_SLOTS    32768u

#define OBSERVATIONS_FULL (BATCH_OBSERVATIONS_MAX - BATCH_VERSION_PARTS_MAX)
#define SERIES_FULL	  (BATCH_SERIES_MAX - BATCH_VERSION_PARTS_MAX)

/* Past the cut there may be one version of a record, whole, and all rejects. */
_Static_assert(BUILDER_CUT_BYTES +
			       BATCH_VERSION_PARTS_MAX *
				       (RECORD_BYTES + SERIES_BYTES +
					STRAIT_LABELS_MAX * (TEXT_BYTES + STRAIT_LABEL_MAX_BYTES)) +
			       BATCH_REJECTS_MAX * (REJECT_BYTES + BUILDER_REASON_BYTES +
						    BUILDER_EXTRACT_BYTES) <=
		       FRAME_MAX_BYTES,
	       "a batch fits a frame");
_Static_assert(SERIES_SLOTS >= 2 * BATCH_SERIES_MAX && SUM_SLOTS >= 2 * BATCH_OBSERVATIONS_MAX,
	       "tables are large enough");

/* FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), 64 bits. */
#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static inline uint32_t fold(uint64_t hash)
{
	return (uint32_t)(hash ^ hash >> 32);
}

/* The version of a record that was added last. */
struct version {
	bool open; /* the last observation was part of it */
	char key[BUILDER_KEY_BYTES_MAX + 1];
	uint64_t hash;
	int64_t known_at_ms;
	uint32_t rank;
	uint64_t at;
	uint32_t parts;
};

/* A series that the plugin knows by number. */
struct builder_handle {
	uint32_t metric;
	const char *labels[STRAIT_LABELS_MAX];
	char *text;	/* the labels */
	uint64_t batch; /* for which the rest is; else as new */
	uint32_t series;
	int32_t day;	      /* the one added to last */
	uint32_t observation; /* of that day; index + 1, 0 = none */
};

struct builder {
	const struct strait_plugin *plugin;
	struct keyed_hash *hash;
	uint32_t metric_count;
	uint8_t label_counts[STRAIT_METRICS_MAX];

	/* of the release */
	int64_t known_at_max_ms;
	uint64_t first; /* ordinal of observations[0] */
	uint64_t release_rejected;
	uint64_t row; /* place of the last observation without its column; 0 = none */
	uint64_t seen_row, rejected_row; /* the same: of the last of either, of the last reject */
	uint64_t rows, rows_rejected;	 /* for the share of rejects */
	uint64_t base;			 /* what byte offsets are counted from */
	struct version version;
	char sheets[BATCH_SHEETS_MAX][STRAIT_LABEL_MAX_BYTES * 2];
	unsigned int sheet_count; /* may be more than have names */
	struct batch_coverage coverage[BATCH_COVERAGE_MAX];
	size_t coverage_count;

	/* of the batch */
	size_t encoded_bytes;
	uint64_t accepted, rejected;
	int64_t newest_ms;
	size_t series_count, observation_count, reject_count, text_used;
	struct batch_series *series;		/* BATCH_SERIES_MAX */
	struct batch_observation *observations; /* BATCH_OBSERVATIONS_MAX */
	struct batch_reject *rejects;		/* BATCH_REJECTS_MAX */
	const char *summed_first; /* reason of the last reject, where it sums up others; or NULL */
	uint64_t summed_last;	  /* place */
	char summed[BUILDER_REASON_BYTES];  /* what that reject says instead */
	uint32_t *series_slots, *sum_slots; /* index + 1; 0 = free */
	char *text;			    /* FRAME_MAX_BYTES: labels, reasons and extracts */

	/* sums with distributions; only of a plugin that has such metrics */
	struct spread_pool *pool;
	uint32_t *spread_heads; /* by observation: its list in the pool */
	char *spread_bytes;	/* of the batch that was described last */

	struct builder_handle *handles; /* grows as they are asked for */
	size_t handle_count, handle_room;
	uint64_t batch; /* goes up with every batch */
};

/* builder.c */
/* Counts the observation as a reject; -EINVAL. */
int builder_refuse(struct builder *builder, uint64_t at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Index of the series, made if need be; labels are looked at only then. -1: refused, *ret_why says
 * why. */
int builder_series_of(struct builder *builder, uint32_t metric, const char *const *labels,
		      const char **ret_why);
/* Why the labels are refused, or NULL. */
const char *builder_label_fault(const char *const *labels, size_t count);
bool builder_batch_full(const struct builder *builder);

/* builder_sums.c */
/* Whether observations of this metric that have no identity keep their values. */
bool builder_spreads(const struct builder *builder, uint32_t metric);
/* false: no memory */
bool builder_sums_init(struct builder *builder);
void builder_sums_done(struct builder *builder);
void builder_sums_clear(struct builder *builder);
/* Index of the observation that events of this series, day and status go to; made if need be. */
uint32_t builder_sum_of(struct builder *builder, const struct batch_observation *like,
			uint32_t count);
/* So many values more. What they add up to stays below the limit: builder_sum_of() saw to that. */
void builder_sum_add(struct builder *builder, uint32_t observation, double value, uint32_t count);
/* Gives the observations of a batch their distributions. */
void builder_sums_encode(struct builder *builder);
