/* SPDX-License-Identifier: MIT
 *
 * batch.h - one batch as it crosses from worker to main: plain data, decoded. Strings and arrays
 * point into the frame it was decoded from, or into the batch builder; see who made it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"

#define BATCH_OBSERVATIONS_MAX	16384u
#define BATCH_SERIES_MAX	4096u
#define BATCH_VERSION_PARTS_MAX 32u  /* observations of one version of one record */
#define BATCH_REJECTS_MAX	256u /* more: the last one sums up the others */
#define BATCH_COVERAGE_MAX	STRAIT_METRICS_MAX
#define BATCH_SHEETS_MAX	32u
#define CURSOR_MAX_BYTES	4096u

struct batch_series {
	uint16_t metric;		       /* index into the declaration */
	const char *labels[STRAIT_LABELS_MAX]; /* values; NULL past the metric's keys */
};

struct batch_observation {
	uint32_t series; /* index into the batch's series */
	int32_t day;	 /* first day of the period */
	uint8_t status;	 /* enum strait_status */
	double value;
	uint64_t at;
	/* records: parts of one version stand together */
	uint64_t key, replaces; /* keyed hashes; replaces 0 = none */
	int64_t known_at_ms;
	uint32_t rank;
	uint32_t count; /* emitted observations behind it: events of one series, day and status are
			   added up; else 1 */
	const void *spread; /* events of a metric with distribution: their values, as in spread.h */
	size_t spread_size; /* 0 = none */
};

struct batch_reject {
	uint64_t at;
	const char *reason, *extract;
};

/* A document that cannot be read: nothing of it counts. */
struct failed_document {
	const char *name;
	const uint8_t *sha256; /* NULL = it failed before it was read */
	uint64_t size;
	enum strait_fault class_; /* _INPUT, _DRIFTED or _RETIRED */
	int64_t published_at_ms;  /* 0 = not known: now */
	const char *reason;
	bool unread; /* the worker died over it: its rejects are not known, those that are stay */
	uint64_t rejected;
	const struct batch_reject *rejects; /* those that no batch has carried, as far as kept */
	size_t reject_count;
	const char *const *sheets;
	size_t sheet_count;
};

struct batch_coverage {
	uint16_t metric;
	int32_t first, last;
};

struct batch_release {
	const char *name;    /* file name */
	const char *dataset; /* "" by default */
	const char *url;     /* "" when not fetched */
	uint8_t sha256[SHA256_BYTES];
	uint64_t size;
	uint64_t offset; /* log stretch: its place in the log with all files before; 0 for documents
			  */
	int64_t published_at_ms;
	const char *sheets[BATCH_SHEETS_MAX];
	size_t sheet_count;
	const struct batch_coverage *coverage;
	size_t coverage_count;
};

struct batch {
	uint64_t number; /* last committed + 1 */
	struct batch_release release;
	bool final;	   /* the release ends with this batch */
	uint64_t first;	   /* ordinal, within the release, of observations[0] */
	uint64_t accepted; /* rows of input behind this batch that gave observations */
	uint64_t rejected; /* rows that did not */
	const struct batch_series *series;
	size_t series_count;
	const struct batch_observation *observations;
	size_t observation_count;
	const struct batch_reject *rejects;
	size_t reject_count;
	const void *cursor; /* the worker's own; stored as it is */
	size_t cursor_size;
};

/* So many observations of it do not count after all: rows become rejects. */
static inline void batch_refuse(struct batch *batch, uint64_t observations)
{
	uint64_t rows = observations < batch->accepted ? observations : batch->accepted;

	batch->accepted -= rows;
	batch->rejected += rows;
}
