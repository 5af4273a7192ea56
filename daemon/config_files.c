/* SPDX-License-Identifier: MIT
 *
 * config_files.c - finding and reading the files of the configuration. Main only.
 *
 * Invariant: of each name only one file is in the list, the admin's before the vendor's. It must
 * never block: what is neither a file nor /dev/null is refused before it is read.
 */
#include "config_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "config_scan.h"

static int add(struct config_files *files, const char *name, const char *directory,
	       const char *below)
{
	CLEANUP(free_text) char *path = NULL;
	CLEANUP(free_text) char *name_copy = strdup(name);
	struct config_file *items = reallocarray(files->items, files->count + 1, sizeof(*items));

	if (items)
		files->items = items;
	if (!items || !name_copy || asprintf(&path, "%s/%s", directory, below) < 0)
		return -1;
	items[files->count++] = (struct config_file){ .name = TAKE(name_copy), .path = TAKE(path) };
	return 0;
}

static bool listed(const struct config_files *files, const char *name)
{
	for (size_t i = 0; i < files->count; i++) {
		if (strcmp(files->items[i].name, name) == 0)
			return true;
	}
	return false;
}

/* Hidden files are what editors and package managers leave behind. */
static bool is_wanted(const char *name)
{
	size_t size = strlen(name);

	return name[0] != '.' && size > 5 && strcmp(name + size - 5, ".conf") == 0;
}

static void close_directory(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory); /* it was only read */
}

/* The *.conf in DIRECTORY/conf.d whose names are not in the list yet. */
static int add_drop_ins(struct config_files *files, const char *parent,
			struct config_errors *errors)
{
	CLEANUP(close_directory) DIR *directory = NULL;
	CLEANUP(free_text) char *path = NULL;
	const struct dirent *entry;

	if (asprintf(&path, "%s/conf.d", parent) < 0) {
		path = NULL;
		return -1;
	}
	directory = opendir(path);
	if (!directory) {
		if (errno != ENOENT)
			config_errors_add(errors, path, 0, "the directory cannot be read: %s",
					  strerror(errno));
		return 0;
	}
	while ((entry = readdir(directory))) {
		if (!is_wanted(entry->d_name) || listed(files, entry->d_name))
			continue;
		if (files->count == CONFIG_FILES_MAX) {
			config_errors_add(errors, path, 0, "there are more than %u files",
					  CONFIG_FILES_MAX);
			return 0;
		}
		if (add(files, entry->d_name, path, entry->d_name) < 0)
			return -1;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct config_file *)a)->name, ((const struct config_file *)b)->name);
}

int config_files_find(const char *directory, const char *vendor_directory,
		      struct config_files *ret_files, struct config_errors *errors)
{
	struct config_files files = { 0 };

	if (add(&files, "", directory, "straitd.conf") < 0 ||
	    add_drop_ins(&files, directory, errors) < 0 ||
	    (vendor_directory && add_drop_ins(&files, vendor_directory, errors) < 0)) {
		config_files_done(&files);
		config_errors_add(errors, directory, 0, "out of memory");
		return -1;
	}
	qsort(files.items, files.count, sizeof(files.items[0]), by_name);
	*ret_files = files;
	return 0;
}

void config_files_done(struct config_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free(files->items[i].name);
		free(files->items[i].path);
	}
	free(files->items);
	*files = (struct config_files){ 0 };
}

static bool is_null_device(const struct stat *status)
{
	return S_ISCHR(status->st_mode) && status->st_rdev == makedev(1, 3);
}

/* One byte more than may be, so that a file that is too long, or grows, is noticed. */
static int read_all(int fd, char *buffer, size_t size, size_t *ret_size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t got = read(fd, buffer + used, size - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	*ret_size = used;
	return 0;
}

int config_file_read(const char *path, char **ret_text, size_t *ret_size,
		     struct config_errors *errors)
{
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	CLEANUP(free_text) char *text = NULL;
	struct stat status;
	size_t size;

	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0 || fstat(fd, &status) < 0) {
		config_errors_add(errors, path, 0, "the file cannot be read: %s", strerror(errno));
		return -1;
	}
	if (!S_ISREG(status.st_mode) && !is_null_device(&status)) {
		config_errors_add(
			errors, path, 0,
			"is not a file; to disable a configuration file make it empty or a link "
			"to /dev/null");
		return -1;
	}
	text = malloc(CONFIG_FILE_MAX_BYTES + 1);
	if (!text || read_all(fd, text, CONFIG_FILE_MAX_BYTES + 1, &size) < 0) {
		config_errors_add(errors, path, 0, "the file cannot be read: %s", strerror(errno));
		return -1;
	}
	if (size > CONFIG_FILE_MAX_BYTES) {
		config_errors_add(errors, path, 0, "the file is larger than %u bytes",
				  CONFIG_FILE_MAX_BYTES);
		return -1;
	}
	*ret_text = TAKE(text);
	*ret_size = size;
	return 0;
}
