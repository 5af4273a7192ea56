/* SPDX-License-Identifier: MIT
 *
 * config.c - straitd.conf and conf.d through iniparser into typed values. Main only; the only file
 * that knows iniparser.
 *
 * Every file goes the same way: read, scanned (config_scan.c closes iniparser's traps and keeps the
 * line numbers), parsed by iniparser from a copy without the refused lines, read section by
 * section. So one bad line does not hide the errors in the others. Invariant: a configuration is
 * handed out only if no error was told.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <iniparser/iniparser.h>

#include "cleanup.h"
#include "config_files.h"
#include "config_scan.h"
#include "config_sections.h"
#include "write_all.h"

#define CHANGE_RETENTION_MS   (INT64_C(400) * 24 * 3600 * 1000)
#define RESERVE_BYTES	      (32u * 1024u)
#define RESERVE_TIMES	      8u /* its text, as keys and values and a table of them */
#define KEEP_ORIGINALS_BYTES  (UINT64_C(1) << 30)
#define KEEP_ORIGINALS_AGE_MS (INT64_C(3650) * 24 * 3600 * 1000)

static int say_nothing(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int say_nothing(const char *format, ...)
{
	(void)format; /* "input line too long in /proc/self/fd/7": of no use; the failure itself is
			 told */
	return 0;
}

/* dictionary_new() of iniparser 4.1 does not look at what calloc() returns and crashes without
 * memory. What is taken here and given back at once, on the heap's end, is more than it needs:
 * there it finds it. */
static bool has_memory_for(size_t text_size)
{
	size_t size = RESERVE_BYTES + RESERVE_TIMES * text_size;
	void *volatile reserve = malloc(size); /* volatile: else the compiler sees no use in it */

	if (!reserve)
		return false;
	free(reserve);
	return true;
}

/* iniparser 4.1 reads only what has a path; a memfd has one. NULL when it fails. */
static dictionary *parse(const struct config_scan *scan)
{
	CLEANUP(close_fd) int fd = memfd_create("straitd-config", MFD_CLOEXEC);
	char path[64];

	if (fd < 0 || write_all(fd, scan->text, scan->text_size) < 0)
		return NULL;
	if (!has_memory_for(scan->text_size)) {
		errno = ENOMEM;
		return NULL;
	}
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	iniparser_set_error_callback(say_nothing);
	return iniparser_load(path);
}

static void fill_values(const dictionary *values, struct config_scan_section *section)
{
	char name[2 * CONFIG_NAME_MAX_BYTES + 2];

	for (size_t i = 0; i < section->key_count; i++) {
		struct config_scan_key *key = &section->keys[i];

		(void)snprintf(name, sizeof(name), "%s:%s", section->name, key->name);
		if (!key->bad)
			key->value = iniparser_getstring(values, name, NULL);
	}
}

static void read_text(struct config_reader *reader, const char *text, size_t size)
{
	struct config_scan scan;
	dictionary *values;

	if (config_scan(reader->file, text, size, &scan, reader->errors) < 0)
		return;
	errno = 0;
	values = parse(&scan);
	if (!values)
		config_errors_add(
			reader->errors, reader->file, 0, "iniparser cannot read the file: %s%s",
			errno ? strerror(errno) : "out of memory",
			errno == ENOENT ? " (/proc is not mounted; straitd needs it)" : "");
	for (size_t i = 0; values && i < scan.section_count && !reader->out_of_memory; i++) {
		fill_values(values, &scan.sections[i]);
		config_read_section(reader, &scan.sections[i]);
	}
	iniparser_freedict(values);
	config_scan_done(&scan);
}

static void read_file(struct config_reader *reader, const struct config_file *file)
{
	CLEANUP(free_text) char *text = NULL;
	size_t size;
	int result = config_file_read(file->path, &text, &size, reader->errors);

	if (result > 0 && file->name[0])
		config_errors_add(
			reader->errors, file->path, 0,
			"is a link to nowhere; to disable a file of this name link it to /dev/null");
	if (result != 0)
		return;
	reader->file = file->path;
	reader->config->file_count++;
	read_text(reader, text, size);
}

int config_load(const char *directory, const char *vendor_directory, const char *spool_directory,
		struct config **ret_config, struct config_errors *ret_errors)
{
	struct config_errors errors = { 0 };
	struct config_files files = { 0 };
	struct config_reader reader = {
		.config = calloc(1, sizeof(*reader.config)),
		.errors = &errors,
		.spool_directory = spool_directory,
	};

	if (!reader.config) {
		config_errors_add(&errors, directory, 0, "out of memory");
	} else if (config_files_find(directory, vendor_directory, &files, &errors) == 0) {
		reader.config->change_retention_ms = CHANGE_RETENTION_MS;
		reader.config->change_limit = CONFIG_CHANGE_LIMIT;
		reader.config->keep_originals_bytes = KEEP_ORIGINALS_BYTES;
		reader.config->keep_originals_age_ms = KEEP_ORIGINALS_AGE_MS;
		for (size_t i = 0; i < files.count && !reader.out_of_memory; i++)
			read_file(&reader, &files.items[i]);
		if (reader.out_of_memory)
			config_errors_add(&errors, directory, 0, "out of memory");
		else
			config_check_sections(&reader);
	}
	config_files_done(&files);
	if (errors.count || errors.lost) {
		config_free(reader.config);
		config_errors_sort(&errors);
		*ret_errors = errors;
		return -1;
	}
	*ret_config = reader.config;
	*ret_errors = errors;
	return 0;
}
