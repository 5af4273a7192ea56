/* SPDX-License-Identifier: MIT
 *
 * feed_client.h - a client that follows the figures as docs/DBUS.md tells it to: GetFigures carries
 * the sequence it is true at, ChangesSince leads on from there. For tests.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness.h"

#define FEED_FIGURES_MAX 256
#define FEED_NAME_MAX	 128

struct feed_figure {
	char name[FEED_NAME_MAX];
	double value; /* NaN = missing */
};

struct feed_figures {
	uint64_t sequence;
	struct feed_figure items[FEED_FIGURES_MAX]; /* in no order */
	size_t count;
};

/* The value of the figure, which is added with NaN when it is new. */
double *feed_value(struct feed_figures *figures, const char *name);
/* NaN equals NaN. */
bool feed_same(double a, double b);

/* GetFigures([]) */
void feed_snapshot(struct harness *harness, struct feed_figures *ret_figures);
/* ChangesSince(figures->sequence, page) until figures->sequence is `until`, which must not be
   larger than what the daemon is at. Fails the test when a change does not follow from what was
   before. */
void feed_advance(struct harness *harness, struct feed_figures *figures, uint64_t until,
		  unsigned int page);
/* ChangesSince(after) ends with SequenceExpired. */
bool feed_expired(struct harness *harness, uint64_t after);
