/* SPDX-License-Identifier: MIT
 *
 * scenario.h - what the daemon is given in every run of the campaign, and what it must come to. The
 * numbers are computed beside the text, never read from it.
 *
 * Three sources: "nca" (platform_response) reads documents of referrals, of which later ones answer
 * what was pending in earlier ones; "sea" (boat_sightings) follows a log that is appended to,
 * rotated and truncated; "home" (home_office) reads overlapping releases that revise and withdraw
 * days. Rows that cannot be counted, documents that fail and documents that come twice are among
 * them.
 */
#pragma once

#include "chance.h"
#include "harness.h"

#define SCENARIO_STEPS	       8
#define SCENARIO_DOCUMENTS_MAX 64

enum log_move {
	LOG_APPEND,   /* written to the file that is there */
	LOG_RENAME,   /* renamed; then a new file of that name */
	LOG_COPY,     /* copied and truncated; needs all of it to be counted */
	LOG_TRUNCATE, /* emptied; likewise */
};

struct scenario_document {
	const char *source;
	char name[64];
	char path[HARNESS_PATH_MAX];
	unsigned int step;
	bool fails; /* goes to failed/ */
};

struct scenario_log {
	enum log_move move;
	char *text; /* with the file's header where a file begins */
	size_t size;
	unsigned long boats; /* of all steps up to this one */
};

struct scenario {
	unsigned long rows;
	char directory[64]; /* the documents; each run links them */
	struct scenario_document documents[SCENARIO_DOCUMENTS_MAX];
	size_t document_count;
	struct scenario_log log[SCENARIO_STEPS];
	unsigned long given[SCENARIO_STEPS]; /* referrals and boats up to the end of that step */
	/* what it must come to */
	unsigned long referrals, blocked, refused, pending, boats, people, arrivals;
};

void scenario_make(struct scenario *scenario, unsigned long rows);
/* A document that must have left incoming/ before the step; NULL: none. Its bytes come again. */
const char *scenario_step_needs_read(unsigned int step);
/* All lines must be counted before the step: what a truncation takes from the log is lost to who
   has not read it, and a file that was truncated must be read before it is renamed. */
bool scenario_step_needs_all(const struct scenario *scenario, unsigned int step);
void scenario_done(struct scenario *scenario);

/* Plugins, sections and spools; the log is there, and empty. */
void scenario_prepare(const struct scenario *scenario, struct harness *harness);
/* Gives the daemon a step's documents and its part of the log. */
void scenario_step(const struct scenario *scenario, struct harness *harness, unsigned int step);
