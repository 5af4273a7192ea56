/* SPDX-License-Identifier: MIT
 *
 * config_scan.h - the look at a configuration file before iniparser 4.1 gets it. Main only; pure.
 *
 * iniparser forgets line numbers and is silent about much: it keeps the last of two equal keys,
 * merges equal sections, cuts a value at '#' or ';', takes text after a closing quote away, gives
 * up the whole file over a byte order mark or one bad line. The scan accepts only what it reads as
 * it is written, tells the rest with its line, and leaves a copy of the text in which the refused
 * lines are blank, so that the rest can still be checked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

#define CONFIG_FILE_MAX_BYTES (1u << 20)
#define CONFIG_LINE_MAX_BYTES 1000u /* with its continuations; iniparser's buffer has 1024 */
#define CONFIG_NAME_MAX_BYTES 128u  /* of a key, or of what stands between [ and ] */

struct config_scan_key {
	char *name;
	unsigned int line;
	bool bad;	   /* told already; its value is not in the text */
	const char *value; /* what iniparser reads for it; filled by config.c, NULL before and when
			      bad */
	bool used;	   /* for config_sections.c */
};

struct config_scan_section {
	char *name; /* as written, without blanks at its ends */
	unsigned int line;
	struct config_scan_key *keys; /* each name once */
	size_t key_count;
};

struct config_scan {
	struct config_scan_section *sections; /* each name once */
	size_t section_count;
	char *text; /* for iniparser */
	size_t text_size;
};

/* Appends what is wrong to the errors. 0, or -1 when out of memory (told in the errors too). */
int config_scan(const char *file, const char *text, size_t size, struct config_scan *ret_scan,
		struct config_errors *errors);
void config_scan_done(struct config_scan *scan);

/* The array with one zeroed item more, or NULL when out of memory (then the old one is as it was).
 */
void *config_grow(void *items, size_t count, size_t item_size);
