/* SPDX-License-Identifier: MIT
 *
 * config_keys.h - what the readers of sections share: the keys of a section, and telling what is
 * wrong with them. Only config*.c; pure.
 */
#pragma once

#include "config_sections.h"

/* Appends an error with a line of the file that is being read. */
#define config_tell(reader, line, ...)                                                             \
	config_errors_add((reader)->errors, (reader)->file, line, __VA_ARGS__)

/* NULL stays NULL. Out of memory: NULL, told through the reader. */
char *config_copy_text(struct config_reader *reader, const char *text);
/* NULL = the section has no such key. */
struct config_scan_key *config_find_key(struct config_scan_section *section, const char *name);
/* The key if it is there with a readable value; marks it as known either way. */
const struct config_scan_key *config_take_key(struct config_scan_section *section,
					      const char *name);
void config_take_duration(struct config_reader *reader, struct config_scan_section *section,
			  const char *name, int64_t *ret_ms);
void config_take_path(struct config_reader *reader, struct config_scan_section *section,
		      const char *name, char **ret_path);
/* Tells the keys that nobody took, with the nearest known one. */
void config_refuse_keys(struct config_reader *reader, const struct config_scan_section *section,
			const char *const *known, size_t known_count);
/* Where a key was set before; NULL = nowhere. */
const struct config_origin *config_find_origin(const struct config *config, const char *section,
					       const char *key);
/* Remembers where the section's keys were set, under this name of the section. */
void config_add_origins(struct config_reader *reader, const struct config_scan_section *section,
			const char *name);
