/* SPDX-License-Identifier: MIT
 *
 * test_plugins_doc.c - docs/PLUGINS.md is true: its plugin compiles against include/ alone, its
 * commands do what the page shows, line by line, and the headers are C++ too. Test program; the
 * real daemon, with what the page's own blocks say and nothing else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "harness.h"

#define BLOCK_MAX   16384
#define COMMAND_MAX 2048

static struct harness h;
static char *page;

static const char *source_directory(void)
{
	const char *source = getenv("STRAIT_SOURCE");

	ck_assert_msg(source != NULL, "$STRAIT_SOURCE is not set; run this through tests/run");
	return source;
}

static void set_up(void)
{
	char path[HARNESS_PATH_MAX];

	harness_start(&h);
	(void)snprintf(path, sizeof(path), "%s/docs/PLUGINS.md", source_directory());
	page = harness_read(&h, path);
}

static void tear_down(void)
{
	free(page);
	harness_stop(&h);
}

/* The page's only block of that language, in a buffer of BLOCK_MAX bytes. */
static const char *block(const char *language, char *buffer)
{
	char fence[32];
	const char *begin, *end;

	(void)snprintf(fence, sizeof(fence), "\n```%s\n", language);
	begin = strstr(page, fence);
	ck_assert_msg(begin != NULL, "the page has no block of %s", language);
	begin += strlen(fence);
	ck_assert_msg(strstr(begin, fence) == NULL, "the page has two blocks of %s", language);
	end = strstr(begin, "\n```\n");
	ck_assert_ptr_nonnull(end);
	ck_assert_int_lt(end - begin + 2, BLOCK_MAX);
	(void)snprintf(buffer, BLOCK_MAX, "%.*s", (int)(end + 1 - begin), begin);
	return buffer;
}

/* What `make install` makes of systemd/straitd-plugin.pc, with directories of this test. */
static void install_pc(void)
{
	static const char script[] =
		"sed -e \"s,@includedir@,$1/include,g\" -e \"s,@plugindir@,$2,g\" -e s,@prefix@,/usr,g"
		" -e s,@version@,0,g \"$1/systemd/straitd-plugin.pc\" > \"$3/straitd-plugin.pc\"";
	struct output output;

	RUN(&output, "sh", "-ec", script, "sh", source_directory(), h.plugins, h.directory);
	harness_assert(&h, output.code == 0, "%s", output.err);
	output_done(&output);
}

/* One command of the page, in the test's directory, where straitctl is the one that was built. */
static void run(const char *command, struct output *output)
{
	static const char script[] = "cd \"$1\"; PATH=$2:$PATH PKG_CONFIG_PATH=$1; "
				     "export PATH PKG_CONFIG_PATH; sudo() { \"$@\"; }; eval \"$3\"";

	RUN(output, "sh", "-c", script, "sh", h.directory, getenv("STRAIT_BUILD"), command);
	harness_assert(&h, output->code == 0, "'%s' ended with %d: %s%s", command, output->code,
		       output->out, output->err);
}

/* "$ command", then what it prints, up to the next command. Returns where that is. */
static const char *run_step(const char *step)
{
	const char *end = strchr(step, '\n'), *next = strstr(step, "\n$ ");
	char command[COMMAND_MAX], expected[COMMAND_MAX];
	struct output output;

	ck_assert_int_eq(strncmp(step, "$ ", 2), 0);
	ck_assert_ptr_nonnull(end);
	next = next != NULL ? next + 1 : step + strlen(step);
	(void)snprintf(command, sizeof(command), "%.*s", (int)(end - step - 2), step + 2);
	(void)snprintf(expected, sizeof(expected), "%.*s", (int)(next - end - 1), end + 1);
	run(command, &output);
	harness_assert(&h, strcmp(output.out, expected) == 0,
		       "'%s' does not print what the page shows, but:\n%s%s", command, output.out,
		       output.err);
	output_done(&output);
	return next;
}

START_TEST(the_page_s_plugin_builds_and_does_what_the_page_shows)
{
	char text[BLOCK_MAX];
	struct output output;
	int steps = 0;

	install_pc();
	harness_file(&h, "tide_gauge.c", block("c", text), NULL);
	harness_file(&h, "tide-2025-11-22.csv", block("csv", text), NULL);
	harness_daemon(&h);
	harness_config(&h, "tide.conf", "%s", block("ini", text));
	for (const char *step = block("console", text); *step != '\0'; steps++)
		step = run_step(step);
	ck_assert_int_ge(steps, 6);
	ck_assert_double_eq(harness_figure(&h, "tide.high_water.record"), 6.61);
	ck_assert_double_eq(harness_source_number(&h, "tide", "Rejected"), 1);
	CTL(&h, &output, "rejects", "tide");
	harness_assert(&h, strstr(output.out, ",xxx") != NULL, "%s%s", output.out, output.err);
	output_done(&output);
	CTL(&h, &output, "explain", "tide.high_water.record"); /* the third line of the file */
	harness_assert(&h, strstr(output.out, "byte 40") != NULL, "%s%s", output.out, output.err);
	output_done(&output);
}
END_TEST

/* What the page says of a header that changed. */
START_TEST(the_page_s_plugin_notices_another_shape)
{
	char text[BLOCK_MAX], freshness[32], fault[512], path[HARNESS_PATH_MAX];
	const char *step;

	install_pc();
	harness_file(&h, "tide_gauge.c", block("c", text), NULL);
	step = block("console", text);
	(void)run_step(run_step(step)); /* built and installed */
	harness_config(&h, "tide.conf", "[source tide]\nplugin = tide_gauge\n");
	harness_daemon(&h);
	harness_wait_source(&h, "tide", "idle");
	harness_drop(&h, "tide", "tide.csv", "when,height_m\n2025-11-22T00:10:00Z,1\n");
	harness_wait_path(&h, harness_spool_path(&h, "tide", "failed", "tide.csv", path), true);
	harness_source_text(&h, "tide", "Freshness", freshness, sizeof(freshness));
	ck_assert_str_eq(freshness, "drifted");
	harness_source_text(&h, "tide", "Reason", fault, sizeof(fault));
	ck_assert_msg(strstr(fault, "when,height_m") != NULL, "%s", fault);
}
END_TEST

START_TEST(the_headers_are_cplusplus_too)
{
	static const char program[] = "#include <strait/plugin.h>\n"
				      "#include <strait/csv.h>\n"
				      "#include <strait/time.h>\n"
				      "int main() { return strait_is_date(2020, 9, 2) ? 0 : 1; }\n";
	char path[HARNESS_PATH_MAX], include[HARNESS_PATH_MAX];
	struct output output;

	RUN(&output, "sh", "-c", "command -v g++");
	if (output.code != 0) {
		printf("SKIP test_plugins_doc: there is no g++; the headers were not tried as C++\n");
		output_done(&output);
		return;
	}
	output_done(&output);
	harness_file(&h, "headers.cc", program, path);
	(void)snprintf(include, sizeof(include), "-I%s/include", source_directory());
	RUN(&output, "g++", "-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
	    "-fsyntax-only", include, path);
	harness_assert(&h, output.code == 0, "%s", output.err);
	output_done(&output);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plugins_doc");
	TCase *tests = tcase_create("the page");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, the_page_s_plugin_builds_and_does_what_the_page_shows);
	tcase_add_test(tests, the_page_s_plugin_notices_another_shape);
	tcase_add_test(tests, the_headers_are_cplusplus_too);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
