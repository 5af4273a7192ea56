/* SPDX-License-Identifier: MIT
 *
 * rebuild.h - filling a new store that took the place of a damaged one: documents of done/ go back
 * to incoming/, originals that lie there no more are unpacked beside them, and the workers read
 * them as they read anything. Main only.
 *
 * The order lies in the state directory (store_damage.c) until all is read, so a daemon that ends
 * in between goes on at its next start.
 */
#pragma once

#include <stdbool.h>

#include "config.h"
#include "originals.h"

struct event_base;
struct rebuild;

/* unpacked: called once, from the loop, when no more documents will come. */
typedef void rebuild_unpacked_fn(void *context);

/* Moves the documents back, at once, before any worker runs; goes on with the originals piece by
   piece on the loop. Without an order (or memory, which it says) returns NULL. */
struct rebuild *rebuild_new(struct event_base *base, const char *state_dir,
			    const struct config *config, const struct originals *originals,
			    rebuild_unpacked_fn *unpacked, void *context);
struct rebuild *rebuild_free(struct rebuild *rebuild);
/* All is read: the order becomes the account of the last rebuild. */
void rebuild_finish(struct rebuild *rebuild);
/* "rebuilding since …: why", "" when there is no order and never was; else what the last one was.
 */
void rebuild_text(const char *state_dir, char *buffer, size_t size);
