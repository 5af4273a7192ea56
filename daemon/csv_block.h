/* SPDX-License-Identifier: MIT
 *
 * csv_block.h - where the bytes that matter to CSV stand, 64 bytes a word: what the scanner (csv.c)
 * walks over instead of looking at every byte. Private to csv*.c and their tests.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CSV_BLOCK_BYTES 64u

/* Bit i is byte i of the block. */
struct csv_block {
	uint64_t outside; /* separator, LF, NUL: what matters outside quotes */
	uint64_t inside;  /* quote, LF, NUL: what matters inside */
};

/* Fills size / 64 blocks, rounded up; the bits past the last byte are 0. Reads no byte outside of
   data[0 … size). The separator is none of quote, CR, LF, NUL. */
typedef void csv_classify_fn(const char *data, size_t size, char separator,
			     struct csv_block *ret_blocks);

/* Writes the places of all bytes that matter in or out of quotes, in order; returns how many. There
   is room for CSV_FLATTEN_SLACK more, which may be written to. At most 65,536 bytes of data. */
typedef size_t csv_flatten_fn(const struct csv_block *blocks, size_t size, uint16_t *ret_places);

#define CSV_FLATTEN_SLACK 8u

struct csv_classifier {
	const char *name;
	csv_classify_fn *classify;
	csv_flatten_fn *flatten;
};

/* All that this processor can run, the fastest first; the plain C one is always the last. Ends with
 * a NULL name. */
const struct csv_classifier *csv_classifiers(void);
