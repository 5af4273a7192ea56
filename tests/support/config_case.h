/* SPDX-License-Identifier: MIT
 *
 * config_case.h - a configuration directory of a test, and what loading it gives. See
 * test_config.c.
 */
#pragma once

#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "config_scan.h"
#include "log.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SOURCE	     "[source a]\nplugin = p\n"
#define DAY_MS	     INT64_C(86400000)

static char root[64];
static char logged[4096];

static inline void capture(void *context, int level, enum log_token token, const char *source,
			   const char *text)
{
	size_t used = strlen(logged);

	(void)context;
	(void)token;
	(void)snprintf(logged + used, sizeof(logged) - used, "%d %s: %s\n", level,
		       source ? source : "-", text);
}

static inline void setup(void)
{
	logged[0] = '\0';
	(void)snprintf(root, sizeof(root), "/tmp/strait-config-XXXXXX");
	log_set_sink(capture, NULL);
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_int_eq(chdir(root), 0);
	ck_assert_int_eq(mkdir("etc", 0755), 0);
	ck_assert_int_eq(mkdir("etc/conf.d", 0755), 0);
	ck_assert_int_eq(mkdir("vendor", 0755), 0);
	ck_assert_int_eq(mkdir("vendor/conf.d", 0755), 0);
}

static inline void teardown(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		execlp("rm", "rm", "-rf", "--", root, (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static inline void write_bytes(const char *path, const char *text, size_t size)
{
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

static inline void write_text(const char *path, const char *text)
{
	write_bytes(path, text, strlen(text));
}

static inline int load(struct config **ret_config, struct config_errors *ret_errors)
{
	char directory[128], vendor[128];

	(void)snprintf(directory, sizeof(directory), "%s/etc", root);
	(void)snprintf(vendor, sizeof(vendor), "%s/vendor", root);
	return config_load(directory, vendor, "/spool", ret_config, ret_errors);
}

/* All errors as "FILE:LINE: TEXT" lines, files relative to the root. */
static inline void expect_errors(const char *expected)
{
	struct config *config = NULL;
	struct config_errors errors;
	char found[16384] = "";
	size_t used = 0;

	ck_assert_msg(load(&config, &errors) < 0, "loaded, but expected:\n%s", expected);
	ck_assert_ptr_null(config);
	for (size_t i = 0; i < errors.count; i++) {
		const struct config_error *error = &errors.items[i];
		const char *file = error->file;

		if (strncmp(file, root, strlen(root)) == 0)
			file += strlen(root) + 1;
		used += (size_t)snprintf(found + used, sizeof(found) - used, "%s:%u: %s\n", file,
					 error->line, error->text);
		ck_assert_uint_lt(used, sizeof(found));
	}
	config_errors_done(&errors);
	ck_assert_str_eq(found, expected);
}

static inline struct config *expect_config(void)
{
	struct config *config = NULL;
	struct config_errors errors;

	if (load(&config, &errors) < 0)
		ck_abort_msg("%s:%u: %s", errors.items[0].file, errors.items[0].line,
			     errors.items[0].text);
	ck_assert_uint_eq(errors.count, 0);
	config_errors_done(&errors);
	return config;
}
