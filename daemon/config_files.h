/* SPDX-License-Identifier: MIT
 *
 * config_files.h - which files make up the configuration, and their text. Main only.
 */
#pragma once

#include <stddef.h>

#include "config.h"

#define CONFIG_FILES_MAX 1000u

struct config_file {
	char *name; /* without directory; "" for straitd.conf, which comes first */
	char *path;
};

struct config_files {
	struct config_file *items; /* in the order in which they are read */
	size_t count;
};

/* straitd.conf in the directory, then *.conf of its conf.d and of the vendor's conf.d in order of
   name; of two with the same name only the admin's. Directories and files that are not there are
   not an error. -1 when out of memory. What cannot be read is appended to the errors. */
int config_files_find(const char *directory, const char *vendor_directory,
		      struct config_files *ret_files, struct config_errors *errors);
void config_files_done(struct config_files *files);
/* The whole text (freed by the caller). 0, 1 when the file is not there, or -1 and the reason in
 * the errors. */
int config_file_read(const char *path, char **ret_text, size_t *ret_size,
		     struct config_errors *errors);
