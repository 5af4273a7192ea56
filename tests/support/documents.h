/* SPDX-License-Identifier: MIT
 *
 * documents.h - three sources with three overlapping releases each, which revise, amend and repeat
 * one another: what the tests of "exactly once" and "order-free" feed in, and the questions that
 * they compare.
 */
#pragma once

#include "harness.h"
#include "inputs.h"

#define DOCUMENTS_SOURCES  3
#define DOCUMENTS_RELEASES 3

struct document {
	const char *source, *name, *text;
};

/* [source][release], releases in order of publication */
extern const struct document documents[DOCUMENTS_SOURCES][DOCUMENTS_RELEASES];

/* "METRIC PERIOD" pairs for harness_snapshot. */
extern const char *const documents_versions[];

/* Plugins and sections of the three sources. */
void documents_configure(struct harness *harness);
/* straitctl import, which waits for the commit. */
void documents_import(struct harness *harness, const struct document *document);
