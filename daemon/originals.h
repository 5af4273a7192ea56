/* SPDX-License-Identifier: MIT
 *
 * originals.h - the documents that figures come from, kept compressed under their hash, so that an
 * explanation can show the very cell or line. Main only; nothing here waits for a disk that could
 * be slow: a child of role archiver compresses, one at a time.
 *
 *   STATE/originals/ab/abcd….zst     a zstd skippable frame with where it came from, then one zstd
 *                                    frame; mtime = last import
 *   STATE/originals/pending/abcd…    link to a document that is to be kept: the queue
 *   STATE/originals/.being-kept      what the archiver writes
 *
 * Documents may name people: directory 0700, files 0600.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "model.h"

#define ORIGINALS_MAX 200000u /* files; the oldest go beyond that */

struct event_base;
struct originals;

/* Opens or makes the directory, removes what an earlier run left half written, counts what is
   there. Without a usable directory it keeps nothing and says so in the log. NULL only when out of
   memory. */
struct originals *originals_new(struct event_base *base, const char *state_dir);
/* Ends a running archiver; its document is done at the next start. */
struct originals *originals_free(struct originals *originals);
/* Bounds, from the configuration: bytes of all files (0 = keep none) and the time since the last
 * import. Deletes at once what is over them, the oldest first, and goes on with what is pending. */
void originals_limit(struct originals *originals, uint64_t max_bytes, int64_t max_age_ms);
/* A document that is imported is about to move to that path: the link that leads to it is made, and
   synced, so that it is kept even if nobody lives to say so after the move. Nothing more happens
   before originals_keep(), or the next start. */
void originals_expect(struct originals *originals, const char *path,
		      const uint8_t sha256[SHA256_BYTES]);
/* Keeps the document at that path, an absolute one. One that is kept already becomes the newest. */
void originals_keep(struct originals *originals, const char *path,
		    const uint8_t sha256[SHA256_BYTES]);
/* Deletes what has become too old; to be called now and then. */
void originals_expire(struct originals *originals);
bool originals_has(const struct originals *originals, const uint8_t sha256[SHA256_BYTES]);
/* Read-only, CLOEXEC, the caller's. FAULT_BAD_ARGUMENT when it is not kept (any more). */
int originals_open(const struct originals *originals, const uint8_t sha256[SHA256_BYTES],
		   int *ret_fd, struct fault *fault);
uint64_t originals_bytes(const struct originals *originals);

/* ── reading them again (rebuild.c) ── */

size_t originals_count(const struct originals *originals);
const uint8_t *originals_hash(const struct originals *originals, size_t index);

/* Where a document was. */
struct original_name {
	char spool[4096], file[256];
	int64_t modified_ms;
};
struct unpacking;
/* NULL when it is not kept, or was kept by a straitd that did not note where it was. */
struct unpacking *unpacking_new(const struct originals *originals,
				const uint8_t sha256[SHA256_BYTES], struct original_name *ret_name,
				struct fault *fault);
struct unpacking *unpacking_free(struct unpacking *unpacking);
/* Writes the next piece, a part of a MiB; 1 = there is more, 0 = that was all, -1 = it cannot. */
int unpacking_piece(struct unpacking *unpacking, int out_fd, struct fault *fault);
