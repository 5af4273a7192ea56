/* SPDX-License-Identifier: MIT
 *
 * config_text.h - the small words of a configuration: durations, sizes, booleans, names, and "did
 * you mean". Pure; every process. Strict: what is not wholly understood is refused, nothing is
 * guessed from a prefix.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_WORD_MAX 64u /* bytes of the longest word that config_nearest() looks at */

/* A whole number and one unit, no blanks: ms, s, m (minutes), h, d, w. "90s" "5m" "12h" "7d" "2w";
   "0" needs no unit. No sign, no leading zero, at most 100 years. -1 and *ret_ms untouched when it
   is not. */
int config_duration(const char *text, int64_t *ret_ms);
/* Writes the shortest text that config_duration() reads as the same time; returns buffer. */
const char *config_duration_text(char *buffer, size_t size, int64_t ms);
/* A decimal whole number with optional '-'; no leading zero (iniparser reads 010 as 8), no
 * hexadecimal. */
int config_integer(const char *text, int64_t *ret_value);
/* Bytes: a whole number with an optional K, M or G (powers of 1024). */
int config_size(const char *text, uint64_t *ret_bytes);
/* yes/no, true/false, on/off, 1/0; lower case. */
int config_boolean(const char *text, bool *ret_value);

/* [a-z0-9_-]+, begins with a letter or digit, at most 63 bytes: it is a directory's name too. */
bool config_source_name_valid(const char *name);
/* [a-z0-9_]+, begins with a letter, at most 63 bytes. */
bool config_plugin_name_valid(const char *name);
/* [a-z0-9_.-]+, begins with a letter or digit, no empty part between dots, at most 64 bytes. */
bool config_figure_name_valid(const char *name);

/* "10%", "2.5%": 0 to 100, at most two decimals; in hundredths of a percent. -1 and *ret_hundredths
   untouched when it is not. */
int config_percent(const char *text, uint16_t *ret_hundredths);
/* Writes what config_percent() reads as the same; returns buffer. */
const char *config_percent_text(char *buffer, size_t size, uint16_t hundredths);

/* The keys of [source NAME] that are straitd's own; all others are the plugin's. */
extern const char *const config_source_keys[];
extern const size_t config_source_key_count;

/* The known word nearest to this one: at most a third of the longer word's letters (and never more
   than three) added, dropped, changed, or swapped with a neighbour (the restricted
   Damerau-Levenshtein distance); NULL when none is near. Case does not count. Among equals the
   first one. NULL entries are skipped. */
const char *config_nearest(const char *word, const char *const *known, size_t known_count);
