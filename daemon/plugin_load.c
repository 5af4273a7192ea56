/* SPDX-License-Identifier: MIT
 *
 * plugin_load.c - dlopen and every check before a plugin is believed. Worker only; the one file
 * that knows dlfcn.h.
 *
 * Invariant: a table that is given out has the right ABI, the name that was asked for, and a
 * schema, metrics and figures that main will accept. A plugin is never closed again: the worker
 * ends instead, and its memory stays readable for whoever looks at the end of it.
 */
#include "plugin_load.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checks.h"
#include "cleanup.h"
#include "messages_codec.h"
#include "plugin_options.h"
#include "utf8.h"

#define PLUGIN_FILE_MAX_BYTES (64u << 20)
#define PLUGIN_SIZE_1_0	      sizeof(struct strait_plugin) /* of minor 0: all of it today */

/* ── the file ──────────────────────────────────────────────────────────────────────────────── */

/* What passes by itself is no reason to give the source up. */
static enum fault_kind kind_of_errno(int error)
{
	return error == ENOMEM || error == EMFILE || error == ENFILE ? FAULT_MEMORY : FAULT_CONFIG;
}

static int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static int check_owner(const char *what, const char *path, const struct stat *status,
		       struct fault *fault)
{
	if (status->st_uid != 0 && status->st_uid != geteuid())
		return fault_set(
			fault, FAULT_CONFIG,
			"%s '%s' belongs to user %u; it must belong to root or to user %u, who runs it",
			what, path, status->st_uid, geteuid());
	if (status->st_mode & (S_IWGRP | S_IWOTH))
		return fault_set(fault, FAULT_CONFIG,
				 "%s '%s' can be written by others (mode %04o); chmod go-w it",
				 what, path, status->st_mode & 07777);
	return 0;
}

static int check_directory(const char *path, struct fault *fault)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	struct stat status;

	(void)snprintf(directory, sizeof(directory), "%.*s",
		       slash == path ? 1 : (int)(slash - path), path);
	if (stat(directory, &status) < 0)
		return fault_set(fault, kind_of_errno(errno),
				 "cannot look at plugin directory '%s': %s", directory,
				 strerror(errno));
	return check_owner("plugin directory", directory, &status, fault);
}

/* Opens the file behind the path; both the directory that was named and the one where the file is
 * must be safe. */
static int open_checked(const char *path, struct fault *fault)
{
	CLEANUP(close_fd) int fd = -1;
	char real[PATH_MAX];
	struct stat status;

	if (path[0] != '/')
		return fault_set(fault, FAULT_CONFIG, "plugin path '%s' is not absolute", path);
	if (!realpath(path, real))
		return fault_set(fault, kind_of_errno(errno), "cannot open plugin '%s': %s", path,
				 strerror(errno));
	if (check_directory(path, fault) < 0 || check_directory(real, fault) < 0)
		return -1;
	fd = open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &status) < 0)
		return fault_set(fault, kind_of_errno(errno), "cannot open plugin '%s': %s", path,
				 strerror(errno));
	if (!S_ISREG(status.st_mode))
		return fault_set(fault, FAULT_CONFIG, "plugin '%s' is not a regular file", path);
	if (status.st_size > PLUGIN_FILE_MAX_BYTES)
		return fault_set(fault, FAULT_CONFIG, "plugin '%s' is larger than %u MiB", path,
				 PLUGIN_FILE_MAX_BYTES >> 20);
	if (check_owner("plugin", path, &status, fault) < 0)
		return -1;
	return take_fd(&fd);
}

/* A sealed copy: the file may be replaced or cut short while the plugin runs. */
static int copy_sealed(const char *name, int from, struct fault *fault)
{
	CLEANUP(close_fd) int copy = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ssize_t moved;

	if (copy < 0)
		return fault_errno(fault, errno, "cannot make a private copy of plugin '%s'", name);
	do
		moved = sendfile(copy, from, NULL, PLUGIN_FILE_MAX_BYTES);
	while (moved > 0 || (moved < 0 && errno == EINTR));
	if (moved < 0)
		return fault_errno(fault, errno, "cannot copy plugin '%s'", name);
	if (fcntl(copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return fault_errno(fault, errno, "cannot seal the copy of plugin '%s'", name);
	return take_fd(&copy);
}

/* ── the table ─────────────────────────────────────────────────────────────────────────────── */

static int check_abi(const char *name, const struct strait_plugin *plugin, struct fault *fault)
{
	if (plugin->abi_major != STRAIT_ABI_MAJOR)
		return fault_set(
			fault, FAULT_CONFIG,
			"plugin '%s' was built for plugin ABI %u, this straitd has %u; build it again",
			name, plugin->abi_major, STRAIT_ABI_MAJOR);
	if (plugin->abi_minor > STRAIT_ABI_MINOR)
		return fault_set(
			fault, FAULT_CONFIG,
			"plugin '%s' needs plugin ABI %u.%u, this straitd has %u.%u; update straitd",
			name, plugin->abi_major, plugin->abi_minor, STRAIT_ABI_MAJOR,
			STRAIT_ABI_MINOR);
	if (plugin->struct_size < PLUGIN_SIZE_1_0)
		return fault_set(
			fault, FAULT_CONFIG,
			"plugin '%s': its table has %u bytes, at least %zu are needed; use STRAIT_PLUGIN()",
			name, plugin->struct_size, PLUGIN_SIZE_1_0);
	if (!plugin->name || strcmp(plugin->name, name) != 0)
		return fault_set(
			fault, FAULT_CONFIG,
			"plugin file '%s.so' contains plugin '%s'; name and file must be the same",
			name, plugin->name ? plugin->name : "");
	return 0;
}

/* [a-z0-9_.]+ of at most max bytes */
static bool is_name(const char *text, size_t max, const char *letters)
{
	size_t size = text ? strlen(text) : 0;

	return size > 0 && size <= max && strspn(text, letters) == size;
}

static bool is_text(const char *text, size_t max)
{
	size_t size = text ? strlen(text) : 0;

	return text && size <= max && utf8_printable(text, size);
}

#define LETTERS "abcdefghijklmnopqrstuvwxyz0123456789_"

static int check_table(const struct strait_plugin *plugin, struct fault *fault)
{
	if (!is_text(plugin->version, TEXT_WORD_MAX) || !is_text(plugin->summary, TEXT_NAME_MAX))
		return fault_set(
			fault, FAULT_CONFIG,
			"plugin '%s': version or summary is missing, too long or not UTF-8",
			plugin->name);
	if (!plugin->document && !plugin->lines && !plugin->start)
		return fault_set(
			fault, FAULT_CONFIG,
			"plugin '%s' has none of document, lines and start: it could never give a figure",
			plugin->name);
	return 0;
}

static int check_option(const struct strait_plugin *plugin, size_t index, struct fault *fault)
{
	const struct strait_option *option = &plugin->options[index];
	int64_t number;

	if (index >= PLUGIN_OPTIONS_MAX)
		return fault_set(fault, FAULT_CONFIG, "plugin '%s' declares more than %u options",
				 plugin->name, PLUGIN_OPTIONS_MAX);
	if (!is_name(option->name, TEXT_WORD_MAX, LETTERS ".-"))
		return fault_set(fault, FAULT_CONFIG, "plugin '%s': option %zu has a bad name",
				 plugin->name, index);
	for (size_t i = 0; i < index; i++) {
		if (strcmp(plugin->options[i].name, option->name) == 0)
			return fault_set(fault, FAULT_CONFIG,
					 "plugin '%s' declares option '%s' twice", plugin->name,
					 option->name);
	}
	if (option->type < STRAIT_OPTION_STRING || option->type > STRAIT_OPTION_DURATION)
		return fault_set(fault, FAULT_CONFIG,
				 "plugin '%s': option '%s' has an unknown type", plugin->name,
				 option->name);
	if (option->fallback && plugin_option_parse(option, option->fallback, &number, fault) < 0)
		return fault_prefix(fault, "plugin '%s': fallback", plugin->name);
	return 0;
}

static int check_labels(const struct strait_plugin *plugin, const struct strait_metric *metric,
			struct fault *fault)
{
	bool ended = false;

	for (size_t i = 0; i < STRAIT_LABELS_MAX; i++) {
		const char *key = metric->labels[i];

		if (!key) {
			ended = true;
			continue;
		}
		if (ended || !is_name(key, TEXT_WORD_MAX, LETTERS))
			return fault_set(fault, FAULT_CONFIG,
					 "plugin '%s': metric '%s' has a bad label key %zu",
					 plugin->name, metric->name, i);
		for (size_t j = 0; j < i; j++) {
			if (strcmp(metric->labels[j], key) == 0)
				return fault_set(fault, FAULT_CONFIG,
						 "plugin '%s': metric '%s' has label '%s' twice",
						 plugin->name, metric->name, key);
		}
	}
	return 0;
}

static int check_metric(const struct strait_plugin *plugin, size_t index, struct fault *fault)
{
	const struct strait_metric *metric = &plugin->metrics[index];

	if (index >= STRAIT_METRICS_MAX)
		return fault_set(fault, FAULT_CONFIG, "plugin '%s' declares more than %u metrics",
				 plugin->name, STRAIT_METRICS_MAX);
	if (!is_name(metric->name, STRAIT_NAME_MAX_BYTES, LETTERS "."))
		return fault_set(fault, FAULT_CONFIG, "plugin '%s': metric %zu has a bad name",
				 plugin->name, index);
	for (size_t i = 0; i < index; i++) {
		if (strcmp(plugin->metrics[i].name, metric->name) == 0)
			return fault_set(fault, FAULT_CONFIG,
					 "plugin '%s' declares metric '%s' twice", plugin->name,
					 metric->name);
	}
	if (!is_text(metric->unit, TEXT_UNIT_MAX) || !is_text(metric->title, TEXT_NAME_MAX))
		return fault_set(
			fault, FAULT_CONFIG,
			"plugin '%s': metric '%s': unit or title is missing, too long or not UTF-8",
			plugin->name, metric->name);
	if (metric->kind < STRAIT_LEVEL || metric->kind > STRAIT_RECORD ||
	    metric->granularity < STRAIT_DAY || metric->granularity > STRAIT_YEAR ||
	    (metric->flags & ~STRAIT_METRIC_DISTRIBUTION))
		return fault_set(
			fault, FAULT_CONFIG,
			"plugin '%s': metric '%s' has an unknown kind, granularity or flag",
			plugin->name, metric->name);
	if (metric->kind == STRAIT_LEVEL && (metric->flags & STRAIT_METRIC_DISTRIBUTION))
		return fault_set(fault, FAULT_CONFIG,
				 "plugin '%s': metric '%s': a level has no distribution",
				 plugin->name, metric->name);
	return check_labels(plugin, metric, fault);
}

static int check_figure(const struct strait_plugin *plugin, size_t index, struct fault *fault)
{
	const struct strait_figure *figure = &plugin->figures[index];

	if (index >= STRAIT_FIGURES_MAX)
		return fault_set(fault, FAULT_CONFIG, "plugin '%s' declares more than %u figures",
				 plugin->name, STRAIT_FIGURES_MAX);
	if (!is_name(figure->name, STRAIT_NAME_MAX_BYTES, LETTERS "."))
		return fault_set(fault, FAULT_CONFIG, "plugin '%s': figure %zu has a bad name",
				 plugin->name, index);
	for (size_t i = 0; i < index; i++) {
		if (strcmp(plugin->figures[i].name, figure->name) == 0)
			return fault_set(fault, FAULT_CONFIG,
					 "plugin '%s' declares figure '%s' twice", plugin->name,
					 figure->name);
	}
	if (strncmp(figure->name, CHECK_PREFIX, sizeof(CHECK_PREFIX) - 1) == 0)
		return fault_set(fault, FAULT_CONFIG,
				 "plugin '%s': figure '%s': names that begin with '" CHECK_PREFIX
				 "' are those of checks",
				 plugin->name, figure->name);
	if (!is_text(figure->formula, TEXT_FORMULA_MAX) ||
	    !is_text(figure->window, TEXT_WORD_MAX) || !is_text(figure->unit, TEXT_UNIT_MAX) ||
	    !is_text(figure->title, TEXT_NAME_MAX))
		return fault_set(
			fault, FAULT_CONFIG,
			"plugin '%s': figure '%s': formula, window, unit or title is missing, too long or not "
			"UTF-8",
			plugin->name, figure->name);
	return 0;
}

/* Metrics of other plugins are not known here; main finds them, or not, when it compares. */
static int check_side(const struct strait_plugin *plugin, const struct strait_check *check,
		      const struct formula *formula, enum strait_granularity every,
		      struct fault *fault)
{
	for (size_t i = 0; i < formula->counts[0] + formula->counts[1]; i++) {
		bool below = i >= formula->counts[0];
		const struct formula_item *item =
			&formula->items[below][below ? i - formula->counts[0] : i];

		for (const struct strait_metric *metric = plugin->metrics; metric->name; metric++) {
			if (strcmp(metric->name, item->metric) != 0 ||
			    check_granularity_fits(metric->granularity, every))
				continue;
			return fault_set(
				fault, FAULT_CONFIG,
				"plugin '%s': check '%s' compares every %s, which the periods of metric '%s' do not add up to",
				plugin->name, check->name, check->every, metric->name);
		}
	}
	return 0;
}

static int check_formulas(const struct strait_plugin *plugin, const struct strait_check *check,
			  struct fault *fault)
{
	struct check_text text = { .left = check->left,
				   .right = check->right,
				   .every = check->every,
				   .tolerance = check->tolerance };
	struct check_rule parsed;
	int result;

	if (check_parse(&text, &parsed, fault) < 0) {
		if (fault->kind != FAULT_MEMORY)
			fault->kind = FAULT_CONFIG;
		return fault_prefix(fault, "plugin '%s': check '%s'", plugin->name, check->name);
	}
	result = check_side(plugin, check, &parsed.left, parsed.every, fault);
	if (result == 0)
		result = check_side(plugin, check, &parsed.right, parsed.every, fault);
	check_done(&parsed);
	return result;
}

static int check_check(const struct strait_plugin *plugin, size_t index, struct fault *fault)
{
	const struct strait_check *check = &plugin->checks[index];

	if (index >= STRAIT_CHECKS_MAX)
		return fault_set(fault, FAULT_CONFIG, "plugin '%s' declares more than %u checks",
				 plugin->name, STRAIT_CHECKS_MAX);
	if (!is_name(check->name, CHECK_NAME_MAX, LETTERS "."))
		return fault_set(fault, FAULT_CONFIG, "plugin '%s': check %zu has a bad name",
				 plugin->name, index);
	for (size_t i = 0; i < index; i++) {
		if (strcmp(plugin->checks[i].name, check->name) == 0)
			return fault_set(fault, FAULT_CONFIG,
					 "plugin '%s' declares check '%s' twice", plugin->name,
					 check->name);
	}
	if (!is_text(check->left, TEXT_FORMULA_MAX) || !is_text(check->right, TEXT_FORMULA_MAX) ||
	    !is_text(check->every, TEXT_WORD_MAX) || !is_text(check->tolerance, TEXT_WORD_MAX) ||
	    !is_text(check->title, TEXT_NAME_MAX))
		return fault_set(
			fault, FAULT_CONFIG,
			"plugin '%s': check '%s': left, right, every, tolerance or title is missing, too long "
			"or not UTF-8",
			plugin->name, check->name);
	return check_formulas(plugin, check, fault);
}

static int check_declaration(const struct strait_plugin *plugin, struct fault *fault)
{
	if (check_table(plugin, fault) < 0)
		return -1;
	for (size_t i = 0; plugin->options && plugin->options[i].name; i++) {
		if (check_option(plugin, i, fault) < 0)
			return -1;
	}
	if (!plugin->metrics || !plugin->metrics[0].name)
		return fault_set(fault, FAULT_CONFIG, "plugin '%s' declares no metric",
				 plugin->name);
	for (size_t i = 0; plugin->metrics[i].name; i++) {
		if (check_metric(plugin, i, fault) < 0)
			return -1;
	}
	for (size_t i = 0; plugin->figures && plugin->figures[i].name; i++) {
		if (check_figure(plugin, i, fault) < 0)
			return -1;
	}
	for (size_t i = 0; plugin->checks && plugin->checks[i].name; i++) {
		if (check_check(plugin, i, fault) < 0)
			return -1;
	}
	return 0;
}

int plugin_load(const char *name, const char *path, const struct strait_plugin **ret_plugin,
		struct fault *fault)
{
	CLEANUP(close_fd) int file = -1;
	const struct strait_plugin *plugin;
	char copy_path[32];
	void *library;
	int copy;

	if (!is_name(name, TEXT_WORD_MAX, LETTERS))
		return fault_set(fault, FAULT_CONFIG,
				 "plugin name '%s': only a-z, 0-9 and _ are allowed", name);
	file = open_checked(path, fault);
	if (file < 0)
		return -1;
	copy = copy_sealed(name, file, fault);
	if (copy < 0)
		return -1;
	/* The copy stays open as long as the process: the loader takes two plugins with the same
	   path for one, and a closed number would be given to the next. */
	(void)snprintf(copy_path, sizeof(copy_path), "/proc/self/fd/%d", copy);
	errno = 0;
	library = dlopen(copy_path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return fault_set(fault, kind_of_errno(errno), "cannot load plugin '%s': %s", path,
				 dlerror());
	plugin = dlsym(library, STRAIT_PLUGIN_SYMBOL);
	if (!plugin)
		return fault_set(fault, FAULT_CONFIG,
				 "'%s' is no straitd plugin: it does not export '%s'", path,
				 STRAIT_PLUGIN_SYMBOL);
	if (check_abi(name, plugin, fault) < 0 || check_declaration(plugin, fault) < 0)
		return -1;
	*ret_plugin = plugin;
	return 0;
}
