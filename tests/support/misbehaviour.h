/* SPDX-License-Identifier: MIT
 *
 * misbehaviour.h - the table of what plugins do wrong, and one run of a row: the real daemon with a
 * good source that goes on committing and a client that asks on and on; first undisturbed, then
 * beside the bad source; then the bad source is mended, without a restart of the daemon. For
 * tests/integration/test_misbehave_table.c, which asserts, and tests/bench/misbehave.c, which
 * prints how long the calls took.
 */
#pragma once

#include <stddef.h>

struct harness;

struct misbehaviour {
	const char *name;
	const char *plugin;   /* NULL = misbehave */
	const char *options;  /* more lines of its section */
	const char *document; /* dropped into its incoming/ as 'x'; NULL = none */
	const char *then;     /* once it is at work, its section gets these options instead */
	const char *state;    /* that is waited for */
	const char *via;      /* another state that must have been seen before; NULL = none */
	const char *line;     /* of the log, an extended regular expression */
	unsigned int times;   /* that such a line is there */
	unsigned int lines;   /* that the source has in the log at most, until it is mended */
	double total;	      /* bad.total after it was mended and has read three rows more */
	const char *figure;   /* another one, before it is mended; NULL = none */
	double value;
	unsigned int needs; /* MISBEHAVIOUR_… */
};

#define MISBEHAVIOUR_NO_ASAN (1u << 0) /* the sanitizer does not bear it, or sees it first */

extern const struct misbehaviour misbehaviours[];
extern const size_t misbehaviour_count;

/* One stretch of calls of GetFigure and GetFigures, one a millisecond. */
struct stretch {
	size_t calls, failed;
	double p50_us, p99_us, worst_us;
	unsigned int documents; /* of the good source that became figures */
};

struct misbehaviour_run {
	struct stretch calm, disturbed;
};

/* For Check's fixture: a harness with the plugins, and deadlines shortened for tests. */
void misbehaviour_begin(struct harness *harness);
/* Runs a row; each stretch lasts at least so long. All of the row but how long calls took is
 * asserted. */
void misbehaviour_run(struct harness *harness, const struct misbehaviour *row, int stretch_ms,
		      struct misbehaviour_run *ret_run);
