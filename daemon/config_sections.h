/* SPDX-License-Identifier: MIT
 *
 * config_sections.h - from the texts of a section to typed values. Main only; pure.
 */
#pragma once

#include <stdbool.h>

#include "config.h"
#include "config_scan.h"

struct config_reader {
	struct config *config; /* grows */
	struct config_errors *errors;
	const char *spool_directory;
	const char *file; /* the one being read */
	bool out_of_memory;
};

/* Adds what the section says. Everything wrong is appended to the errors, a wrong value is then
 * left at its default. */
void config_read_section(struct config_reader *reader, struct config_scan_section *section);
/* When all files are read: rules between sections. */
void config_check_sections(struct config_reader *reader);
