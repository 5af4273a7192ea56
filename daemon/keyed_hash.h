/* SPDX-License-Identifier: MIT
 *
 * keyed_hash.h - identities of records as they may leave a worker: HMAC-SHA-256 (RFC 2104, FIPS
 * 198-1) under the store's own key, cut to its first 64 bits. Worker only.
 *
 * The key never changes, so that a record is the same one after a restart. At 10 million records
 * the chance that any two share a hash is about 3 in a million.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define KEYED_HASH_KEY_BYTES 32

struct keyed_hash;

/* NULL when out of memory. */
struct keyed_hash *keyed_hash_new(const uint8_t key[KEYED_HASH_KEY_BYTES]);
struct keyed_hash *keyed_hash_free(struct keyed_hash *hash);
/* Never 0: that means "no identity" on the wire. */
uint64_t keyed_hash_of(struct keyed_hash *hash, const char *text);
