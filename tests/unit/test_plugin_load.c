/* SPDX-License-Identifier: MIT
 *
 * test_plugin_load.c - what a plugin file must be before it is believed, and how its options are
 * read. The plugins are those of tests/plugins.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin_load.h"
#include "plugin_options.h"

static char directory[64];

/* What plugins call comes from an archive: without a use of it, the linker would leave it out. */
static int (*volatile host)(struct strait_source *,
			    const struct strait_observation *) = strait_emit;

static void set_up(void)
{
	(void)host;
	(void)snprintf(directory, sizeof(directory), "/tmp/test_plugin_load.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void tear_down(void)
{
	static const char *const names[] = { "doc_demo.so", "link.so", "text.so", "empty.so" };
	char path[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		(void)unlink(path); /* most are not there */
	}
	(void)chmod(directory, 0700);
	ck_assert_int_eq(rmdir(directory), 0);
}

static const char *built(const char *name)
{
	static char path[4096];
	const char *build = getenv("STRAIT_BUILD");

	ck_assert_msg(build != NULL, "STRAIT_BUILD is not set; use tests/run");
	(void)snprintf(path, sizeof(path), "%s/tests/plugins/%s.so", build, name);
	return path;
}

/* A copy of doc_demo.so in a directory of the test's own. */
static const char *copied(void)
{
	static char path[256];
	struct stat status;
	int from = open(built("doc_demo"), O_RDONLY | O_CLOEXEC), to;

	(void)snprintf(path, sizeof(path), "%s/doc_demo.so", directory);
	to = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	ck_assert(from >= 0 && to >= 0 && fstat(from, &status) == 0);
	ck_assert_int_eq(sendfile(to, from, NULL, (size_t)status.st_size), status.st_size);
	close(from);
	close(to);
	return path;
}

static void refused(const char *name, const char *path, const char *why)
{
	const struct strait_plugin *plugin = NULL;
	struct fault fault = { 0 };

	ck_assert_int_eq(plugin_load(name, path, &plugin, &fault), -1);
	ck_assert_int_eq(fault.kind, FAULT_CONFIG);
	ck_assert_ptr_null(plugin);
	ck_assert_msg(strstr(fault.text, why) != NULL, "%s", fault.text);
}

START_TEST(loads_a_good_plugin)
{
	const struct strait_plugin *plugin;
	struct fault fault = { 0 };

	ck_assert_msg(plugin_load("doc_demo", built("doc_demo"), &plugin, &fault) == 0, "%s",
		      fault.text);
	ck_assert_str_eq(plugin->version, "1.2");
	ck_assert_msg(plugin_load("lines_demo", built("lines_demo"), &plugin, &fault) == 0, "%s",
		      fault.text);
	ck_assert_str_eq(plugin->name, "lines_demo");
}
END_TEST

START_TEST(a_loaded_plugin_outlives_its_file)
{
	const struct strait_plugin *plugin;
	struct fault fault = { 0 };
	const char *path = copied();

	ck_assert_msg(plugin_load("doc_demo", path, &plugin, &fault) == 0, "%s", fault.text);
	ck_assert_int_eq(truncate(path, 0), 0);
	ck_assert_str_eq(plugin->summary, "Does what its document says");
}
END_TEST

static const struct bad {
	const char *name, *why;
} bads[] = {
	{ "no_table", "does not export 'strait_plugin'" },
	{ "wrong_abi", "built for plugin ABI 2" },
	{ "wrong_name", "contains plugin 'right_name'" },
	{ "no_callback", "none of document, lines and start" },
	{ "bad_metric", "metric 'demo' twice" },
	{ "bad_check", "check 'months' compares every month, which the periods of metric "
		       "'demo.weekly' do not add up to" },
	{ "unknown_symbol", "strait_of_the_future" },
	{ "not_there", "No such file" },
};

START_TEST(refuses_a_bad_plugin)
{
	refused(bads[_i].name, built(bads[_i].name), bads[_i].why);
}
END_TEST

START_TEST(refuses_names_that_are_paths)
{
	refused("../doc_demo", built("doc_demo"), "only a-z");
	refused("", built("doc_demo"), "only a-z");
	refused("doc_demo", "doc_demo.so", "not absolute");
}
END_TEST

START_TEST(refuses_a_file_that_others_may_write)
{
	const char *path = copied();

	ck_assert_int_eq(chmod(path, 0664), 0);
	refused("doc_demo", path, "chmod go-w");
	ck_assert_int_eq(chmod(path, 0646), 0);
	refused("doc_demo", path, "chmod go-w");
}
END_TEST

START_TEST(refuses_a_directory_that_others_may_write)
{
	const char *path = copied();

	ck_assert_int_eq(chmod(directory, 0777), 0);
	refused("doc_demo", path, "plugin directory");
}
END_TEST

START_TEST(refuses_a_file_of_somebody_else)
{
	const char *path = copied();

	if (geteuid() != 0 || chown(path, 65534, 65534) < 0)
		return; /* only root can give files away */
	refused("doc_demo", path, "belongs to user 65534");
}
END_TEST

START_TEST(a_link_is_as_safe_as_where_it_stands)
{
	const struct strait_plugin *plugin;
	struct fault fault = { 0 };
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/link.so", directory);
	ck_assert_int_eq(symlink(built("doc_demo"), path), 0);
	ck_assert_msg(plugin_load("doc_demo", path, &plugin, &fault) == 0, "%s", fault.text);
	ck_assert_int_eq(chmod(directory, 0777), 0);
	refused("doc_demo", path, "plugin directory");
}
END_TEST

START_TEST(refuses_what_is_no_library)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/text.so", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	ck_assert_int_eq(write(fd, "hello", 5), 5);
	close(fd);
	refused("text", path, "cannot load");
	refused("directory", "/usr/lib", "not a regular file");
	(void)snprintf(path, sizeof(path), "%s/empty.so", directory);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	refused("empty", path, "cannot load");
}
END_TEST

/* ── options ───────────────────────────────────────────────────────────────────────────────── */

static const struct strait_option schema[] = {
	{ .name = "limit",
	  .type = STRAIT_OPTION_INTEGER,
	  .fallback = "100",
	  .min = 1,
	  .max = 1000 },
	{ .name = "token", .type = STRAIT_OPTION_INTEGER, .flags = STRAIT_OPTION_SECRET },
	{ .name = "column", .type = STRAIT_OPTION_STRING, .flags = STRAIT_OPTION_PREFIX },
	{ .name = "wait", .type = STRAIT_OPTION_DURATION, .fallback = "5m" },
	{ .name = "strict", .type = STRAIT_OPTION_BOOLEAN, .fallback = "no" },
	{ .name = "zone", .type = STRAIT_OPTION_STRING, .flags = STRAIT_OPTION_REQUIRED },
	{ .name = NULL },
};

START_TEST(options_have_types_and_fallbacks)
{
	static const struct message_option given[] = { { "zone", "UTC" },
						       { "column.id", "mmsi" },
						       { "strict", "yes" },
						       { "column.day", "Date" } };
	struct plugin_options *options;
	struct fault fault = { 0 };
	const char *value;
	size_t iterator = 0;

	ck_assert_msg(plugin_options_new(schema, given, 4, &options, &fault) == 0, "%s",
		      fault.text);
	ck_assert_int_eq(plugin_options_integer(options, "limit"), 100);
	ck_assert_int_eq(plugin_options_integer(options, "wait"), 300000);
	ck_assert_int_eq(plugin_options_integer(options, "strict"), 1);
	ck_assert_int_eq(plugin_options_integer(options, "token"), 0);
	ck_assert_ptr_null(plugin_options_string(options, "token"));
	ck_assert_str_eq(plugin_options_string(options, "zone"), "UTC");
	ck_assert_str_eq(plugin_options_next(options, "column", &iterator, &value), "id");
	ck_assert_str_eq(value, "mmsi");
	ck_assert_str_eq(plugin_options_next(options, "column", &iterator, &value), "day");
	ck_assert_ptr_null(plugin_options_next(options, "column", &iterator, &value));
	plugin_options_free(options);
}
END_TEST

static const struct bad_option {
	struct message_option given;
	const char *why;
} bad_options[] = {
	{ { "limt", "5" }, "unknown key 'limt'; did you mean 'limit'?" },
	{ { "cadense", "7d" }, "unknown key 'cadense'; did you mean 'cadence'?" },
	{ { "reject_limt", "7%" }, "unknown key 'reject_limt'; did you mean 'reject_limit'?" },
	{ { "column", "5" }, "unknown key 'column'" },
	{ { "column.", "5" }, "unknown key 'column.'" },
	{ { "limit", "0" }, "'limit = 0' is not between 1 and 1000" },
	{ { "limit", "ten" }, "'limit = ten' is not a whole number" },
	{ { "wait", "5 minutes" }, "'wait = 5 minutes' is not a duration" },
	{ { "strict", "maybe" }, "'strict = maybe' is not yes or no" },
	{ { "token", "hunter2" }, "'token' is not a whole number" },
	{ { "limit", "5" }, "'zone' must be given" },
};

START_TEST(refuses_an_option_and_names_it)
{
	struct plugin_options *options;
	struct fault fault = { 0 };

	ck_assert_int_eq(plugin_options_new(schema, &bad_options[_i].given, 1, &options, &fault),
			 -1);
	ck_assert_int_eq(fault.kind, FAULT_CONFIG);
	ck_assert_msg(strstr(fault.text, bad_options[_i].why) != NULL, "%s", fault.text);
	ck_assert_msg(strstr(fault.text, "hunter2") == NULL, "%s", fault.text);
}
END_TEST

START_TEST(tells_all_that_is_wrong_at_once)
{
	static const struct message_option given[] = {
		{ "limit", "0" }, { "stict", "yes" }, { "strict", "no" }, { "strict", "no" }
	};
	struct plugin_options *options;
	struct fault fault = { 0 };

	ck_assert_int_eq(plugin_options_new(schema, given, 4, &options, &fault), -1);
	ck_assert_ptr_nonnull(strstr(fault.text, "limit"));
	ck_assert_ptr_nonnull(strstr(fault.text, "stict"));
	ck_assert_ptr_nonnull(strstr(fault.text, "'strict' is given twice"));
	ck_assert_ptr_nonnull(strstr(fault.text, "zone"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plugin_load");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, loads_a_good_plugin);
	tcase_add_test(tcase, a_loaded_plugin_outlives_its_file);
	tcase_add_loop_test(tcase, refuses_a_bad_plugin, 0, sizeof(bads) / sizeof(bads[0]));
	tcase_add_test(tcase, refuses_names_that_are_paths);
	tcase_add_test(tcase, refuses_a_file_that_others_may_write);
	tcase_add_test(tcase, refuses_a_directory_that_others_may_write);
	tcase_add_test(tcase, refuses_a_file_of_somebody_else);
	tcase_add_test(tcase, a_link_is_as_safe_as_where_it_stands);
	tcase_add_test(tcase, refuses_what_is_no_library);
	tcase_add_test(tcase, options_have_types_and_fallbacks);
	tcase_add_loop_test(tcase, refuses_an_option_and_names_it, 0,
			    sizeof(bad_options) / sizeof(bad_options[0]));
	tcase_add_test(tcase, tells_all_that_is_wrong_at_once);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
