/* SPDX-License-Identifier: MIT
 *
 * fuzz_config.c - a whole set of configuration files: scan, iniparser, typed values. A byte 0x01
 * separates the files: straitd.conf, two of conf.d, two of the vendor's conf.d, of which one has
 * the name of the admin's and is masked.
 *
 * What is accepted keeps to the limits of config.h and is the same when it is loaded again. What is
 * refused is told with a file. No fd is left open.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"

#define FILES 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[64];

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static const char *const names[FILES] = { "etc/straitd.conf", "etc/conf.d/a.conf",
					  "etc/conf.d/b.conf", "lib/conf.d/b.conf",
					  "lib/conf.d/c.conf" };

static const char *path_of(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static void leave(void)
{
	static const char *const directories[] = { "etc/conf.d", "lib/conf.d", "etc", "lib", "" };

	for (int i = 0; i < FILES; i++)
		(void)unlink(path_of(names[i]));
	for (int i = 0; i < 5; i++)
		(void)rmdir(path_of(directories[i]));
}

static void make_root(void)
{
	const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	(void)snprintf(root, sizeof(root), "%s/fuzz_config.XXXXXX", memory);
	demand(mkdtemp(root) && atexit(leave) == 0);
	demand(mkdir(path_of("etc"), 0700) == 0 && mkdir(path_of("etc/conf.d"), 0700) == 0);
	demand(mkdir(path_of("lib"), 0700) == 0 && mkdir(path_of("lib/conf.d"), 0700) == 0);
}

static void write_file(const char *name, const uint8_t *data, size_t size)
{
	FILE *file = fopen(path_of(name), "we");

	demand(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

static void write_files(const uint8_t *data, size_t size)
{
	for (int i = 0; i < FILES; i++) {
		const uint8_t *end = size && i < FILES - 1 ? memchr(data, '\1', size) : NULL;
		size_t part = end ? (size_t)(end - data) : size;

		if (size)
			write_file(names[i], data, part);
		else
			(void)unlink(path_of(names[i]));
		data += part + (end != NULL);
		size -= part + (end != NULL);
	}
}

static int load(struct config **ret_config, struct config_errors *ret_errors)
{
	char directory[96], vendor[96];

	(void)snprintf(directory, sizeof(directory), "%s/etc", root);
	(void)snprintf(vendor, sizeof(vendor), "%s/lib", root);
	return config_load(directory, vendor, "/var/spool/straitd", ret_config, ret_errors);
}

static void check_accepted(const struct config *config)
{
	demand(config->source_count <= CONFIG_SOURCES_MAX &&
	       config->figure_count <= CONFIG_FIGURES_MAX &&
	       config->check_count <= CONFIG_CHECKS_MAX);
	demand(config->change_limit >= 1 && config->change_limit <= CONFIG_CHANGE_LIMIT_MAX);
	for (size_t i = 0; i < config->source_count; i++) {
		const struct config_source *source = &config->sources[i];

		demand(source->name && *source->name && !strchr(source->name, '/'));
		demand(source->plugin && *source->plugin && !strchr(source->plugin, '/'));
		demand(source->input && *source->input == '/' && source->file && source->line);
		demand(source->reject_limit <= 10000 && source->option_count <= CONFIG_OPTIONS_MAX);
	}
	for (size_t i = 0; i < config->figure_count; i++)
		demand(config->figures[i].name && config->figures[i].formula);
	for (size_t i = 0; i < config->check_count; i++)
		demand(config->checks[i].name && config->checks[i].left && config->checks[i].right);
}

static char *print(const struct config *config)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	demand(out);
	config_print(config, out);
	demand(fclose(out) == 0);
	return text;
}

static void check_again(const struct config *config)
{
	struct config_errors errors;
	struct config *again;
	char *first, *second;

	demand(load(&again, &errors) == 0);
	demand(again->source_count == config->source_count);
	for (size_t i = 0; i < config->source_count; i++)
		demand(config_source_equal(&config->sources[i], &again->sources[i]));
	first = print(config);
	second = print(again);
	demand(strcmp(first, second) == 0);
	free(first);
	free(second);
	config_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_errors errors;
	struct config *config = NULL;
	int free_fd;

	if (!*root)
		make_root();
	free_fd = dup(STDERR_FILENO); /* the lowest that is free */
	(void)close(free_fd);
	write_files(data, size);
	if (load(&config, &errors) == 0) {
		check_accepted(config);
		check_again(config);
		config_free(config);
	} else {
		demand(errors.count > 0 && errors.count <= CONFIG_ERRORS_MAX + 1);
		for (size_t i = 0; i < errors.count; i++)
			demand(errors.items[i].file && *errors.items[i].text);
		config_errors_done(&errors);
	}
	demand(dup(STDERR_FILENO) == free_fd);
	(void)close(free_fd);
	return 0;
}
