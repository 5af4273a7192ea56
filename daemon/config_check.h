/* SPDX-License-Identifier: MIT
 *
 * config_check.h - the section [check NAME]. Only config*.c; pure.
 */
#pragma once

#include "config_sections.h"

/* Adds what the section says; what is wrong is appended to the errors. */
void config_read_check(struct config_reader *reader, struct config_scan_section *section,
		       const char *name);
