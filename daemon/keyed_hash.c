/* SPDX-License-Identifier: MIT
 *
 * keyed_hash.c - identities of records by HMAC-SHA-256. Worker only.
 *
 * Owns the expanded key and wipes it when freed. Must never give out a text it was asked to hash.
 */
#include "keyed_hash.h"

#include <stdlib.h>
#include <string.h>

#include <nettle/hmac.h>

struct keyed_hash {
	struct hmac_sha256_ctx hmac;
};

struct keyed_hash *keyed_hash_new(const uint8_t key[KEYED_HASH_KEY_BYTES])
{
	struct keyed_hash *hash = calloc(1, sizeof(*hash));

	if (!hash)
		return NULL;
	hmac_sha256_set_key(&hash->hmac, KEYED_HASH_KEY_BYTES, key);
	return hash;
}

struct keyed_hash *keyed_hash_free(struct keyed_hash *hash)
{
	if (hash)
		explicit_bzero(hash, sizeof(*hash));
	free(hash);
	return NULL;
}

uint64_t keyed_hash_of(struct keyed_hash *hash, const char *text)
{
	uint8_t digest[8];
	uint64_t value = 0;

	hmac_sha256_update(&hash->hmac, strlen(text), (const uint8_t *)text);
	hmac_sha256_digest(&hash->hmac, sizeof(digest),
			   digest); /* also makes it ready for the next text */
	for (size_t i = 0; i < sizeof(digest); i++)
		value |= (uint64_t)digest[i] << (8 * i);
	return value ? value : 1;
}
