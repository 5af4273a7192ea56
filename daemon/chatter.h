/* SPDX-License-Identifier: MIT
 *
 * chatter.h - what a worker says: its stderr cut into lines, its log frames, both at a limited
 * rate, and the last words for its obituary. Main only. Hostile input: lines are cut and quoted
 * before they are logged.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CHATTER_LINE_MAX 400u /* bytes of one line that are kept */
#define CHATTER_LINES_A_SECOND                                                                     \
	20u		      /* of stderr and log frames together; the rest are only counted */
#define CHATTER_LAST_LINES 3u /* for the obituary */

struct chatter {
	const char *source;
	pid_t pid;
	char line[CHATTER_LINE_MAX + 1]; /* of stderr, not yet complete */
	size_t used;
	char last[CHATTER_LAST_LINES][CHATTER_LINE_MAX + 1];
	uint32_t
		last_count; /* lines ever; the newest is at (last_count - 1) % CHATTER_LAST_LINES */
	int64_t window_ms;  /* monotonic start of the present window */
	int64_t length_ms;  /* of it: a second, longer while more is said than is heard */
	uint32_t said, left_out;
};

/* A new worker; source lives as long as the chatter. */
void chatter_begin(struct chatter *chatter, const char *source, pid_t pid);
/* Bytes of its stderr, any pieces. */
void chatter_feed(struct chatter *chatter, const char *data, size_t size, int64_t now_ms);
/* Copies text with '?' for control characters, cut to the size; for sentences of a worker that
 * stand unquoted. */
const char *chatter_clean(char *buffer, size_t size, const char *text);
/* A log frame. */
void chatter_log(struct chatter *chatter, int level, const char *text, int64_t now_ms);
/* It is gone: the rest without a newline, and how many lines were left out. */
void chatter_end(struct chatter *chatter, int64_t now_ms);
/* The last lines of stderr, quoted: "'a' 'b'"; "" if it said nothing. */
void chatter_last_words(const struct chatter *chatter, char *buffer, size_t size);
