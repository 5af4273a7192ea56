/* SPDX-License-Identifier: MIT
 *
 * test_hints.c - what straitctl says beside the answer: sources that a reload could not bring up,
 * names that are none (yet), periods without versions, tables that fit a terminal. Test program;
 * the real daemon on a private bus.
 */
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>
#include <jansson.h>

#include "harness.h"
#include "inputs.h"

#define TERMINAL_COLUMNS 100
#define TERMINAL_TEXT	 16384

static struct harness h;
static struct process watch;

static void set_up(void)
{
	harness_start(&h);
	harness_plugin(&h, "platform_response");
	harness_config(&h, "nca.conf", "[source nca]\nplugin = platform_response\n");
	harness_daemon(&h);
	harness_wait_source(&h, "nca", "idle");
	harness_drop(&h, "nca", REFERRALS_MARCH_NAME, REFERRALS_MARCH);
	harness_wait_figure(&h, "referrals.requested", 4);
}

static void tear_down(void)
{
	process_done(&watch);
	harness_stop(&h);
}

static void expect(const struct output *output, int code, const char *in_err)
{
	if (output->code != code || (in_err != NULL && strstr(output->err, in_err) == NULL))
		harness_fail(&h, "exit code %d (wanted: %d, with '%s'); it said: %s%s",
			     output->code, code, in_err != NULL ? in_err : "", output->out,
			     output->err);
}

/* ── reload ──────────────────────────────────────────────────────────────────────────────────── */

/* The plugin goes, and the section changes, so that the worker has to start again. */
static void break_source(struct output *output)
{
	char path[HARNESS_PATH_MAX + 32];

	(void)snprintf(path, sizeof(path), "%s/platform_response.so", h.plugins);
	ck_assert_int_eq(unlink(path), 0);
	harness_config(&h, "nca.conf",
		       "[source nca]\nplugin = platform_response\nreject_limit = 30%%\n");
	CTL(&h, output, "reload");
}

START_TEST(reload_names_a_source_whose_plugin_is_not_there)
{
	struct output output;

	break_source(&output);
	expect(&output, 1, "source 'nca' is misconfigured: ");
	ck_assert_ptr_nonnull(strstr(output.err, "platform_response.so"));
	ck_assert_ptr_nonnull(strstr(output.out, "read again")); /* the reload itself was fine */
	output_done(&output);
	harness_plugin(&h, "platform_response");
	CTL(&h, &output, "reload");
	expect(&output, 0, NULL);
	ck_assert_str_eq(output.err, "");
	output_done(&output);
}
END_TEST

START_TEST(reload_names_a_source_whose_plugin_others_may_write)
{
	struct output output;

	ck_assert_int_eq(chmod(h.plugins, 0777), 0);
	harness_config(&h, "sea.conf", "[source sea]\nplugin = platform_response\n");
	CTL(&h, &output, "--json", "reload");
	expect(&output, 1, "source 'sea' is misconfigured: ");
	ck_assert_msg(strstr(output.err, "plugin directory") != NULL, "%s", output.err);
	ck_assert_ptr_null(strstr(output.err, "'nca'")); /* it runs */
	ck_assert_ptr_nonnull(strstr(output.out, "\"done\":true"));
	output_done(&output);
}
END_TEST

/* ── sources on a terminal ───────────────────────────────────────────────────────────────────── */

/* What `straitctl sources` prints on a terminal of TERMINAL_COLUMNS; to be freed. NULL where there
   are no terminals (a bare chroot without /dev/pts): said as skipped. */
static char *sources_on_a_terminal(void)
{
	const struct winsize size = { .ws_row = 24, .ws_col = TERMINAL_COLUMNS };
	char program[HARNESS_PATH_MAX], *text = calloc(1, TERMINAL_TEXT);
	size_t used = 0;
	int terminal, status;
	ssize_t got;
	pid_t child;

	ck_assert_ptr_nonnull(text);
	(void)snprintf(program, sizeof(program), "%s/straitctl", getenv("STRAIT_BUILD"));
	child = forkpty(&terminal, NULL, NULL, &size);
	if (child < 0 && access("/dev/pts/ptmx", F_OK) < 0) {
		(void)fputs("SKIP sources on a terminal: there is no /dev/pts\n", stderr);
		free(text);
		return NULL;
	}
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		(void)unsetenv("COLUMNS");
		(void)execl(program, "straitctl", "--bus", h.bus.address, "sources", (char *)NULL);
		_exit(127);
	}
	while (used < TERMINAL_TEXT - 1 &&
	       (got = read(terminal, text + used, TERMINAL_TEXT - 1 - used)) > 0)
		used += (size_t)got; /* ends with EIO when the child has */
	(void)close(terminal);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s", text);
	return text;
}

START_TEST(a_long_fault_is_cut_on_a_terminal_and_whole_elsewhere)
{
	struct output output;
	char fault[512], *text, *rest, *line;
	int lines = 0;

	break_source(&output);
	output_done(&output);
	harness_source_text(&h, "nca", "LastFault", fault, sizeof(fault));
	ck_assert_uint_gt(strlen(fault), 40);
	text = sources_on_a_terminal();
	if (text) {
		ck_assert_ptr_null(strstr(text, fault));
		ck_assert_ptr_nonnull(strstr(text, "nca"));
		rest = text;
		while ((line = strsep(&rest, "\n")) != NULL && line[0] != '\0')
			lines++;
		ck_assert_int_eq(lines, 2); /* heading and one: nothing is folded */
		free(text);
	}
	CTL(&h, &output, "sources");
	expect(&output, 0, NULL);
	ck_assert_msg(strstr(output.out, fault) != NULL, "%s", output.out);
	output_done(&output);
}
END_TEST

/* ── names ───────────────────────────────────────────────────────────────────────────────────── */

static json_t *get(const char *name)
{
	struct output output;
	json_t *figure;

	CTL(&h, &output, "--json", "get", name);
	expect(&output, 0, NULL);
	figure = json_loads(output.out, 0, NULL);
	ck_assert_msg(json_is_object(figure), "%s", output.out);
	output_done(&output);
	return figure;
}

START_TEST(what_is_computed_on_the_spot_is_as_stale_as_its_metric)
{
	static const char *const names[] = { "referrals.accounts.2020-01",
					     "referrals.accounts{outcome=blocked}.total" };

	for (int stale = 0; stale < 2; stale++) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			json_t *figure = get(names[i]);

			ck_assert_str_eq(json_string_value(json_object_get(figure, "source")),
					 "nca");
			ck_assert_int_eq(json_is_true(json_object_get(figure, "stale")), stale);
			json_decref(figure);
		}
		if (!stale) {
			struct output output;

			break_source(&output);
			output_done(&output);
		}
	}
}
END_TEST

START_TEST(staleness_of_a_metric_without_a_figure_is_null)
{
	json_t *figure = get("referrals.response_hours.total");

	ck_assert(json_is_null(json_object_get(figure, "source")));
	ck_assert(json_is_null(json_object_get(figure, "stale")));
	json_decref(figure);
}
END_TEST

START_TEST(watch_warns_of_a_name_that_is_no_figure_and_goes_on)
{
	char command[512], address[HARNESS_PATH_MAX];
	const char *line;
	struct output output;
	char path[HARNESS_PATH_MAX];

	(void)snprintf(address, sizeof(address), "%s", h.bus.address);
	(void)snprintf(
		command, sizeof(command),
		"exec \"$STRAIT_BUILD/straitctl\" --bus '%s' --json watch referrals.requestde "
		"referrals.refused --since 0 2>&1",
		address);
	process_start(&watch, -1, (const char *const[]){ "sh", "-c", command, NULL });
	line = process_line(&watch, 10000);
	ck_assert_ptr_nonnull(line);
	ck_assert_msg(strstr(line, "no figure 'referrals.requestde' now") != NULL, "%s", line);
	line = process_line(&watch, 10000);
	ck_assert_ptr_nonnull(line);
	ck_assert_msg(strstr(line, "\"referrals.refused\"") != NULL, "%s", line);
	harness_file(&h, REFERRALS_NOVEMBER_NAME, REFERRALS_NOVEMBER, path);
	CTL(&h, &output, "import", "nca", path);
	expect(&output, 0, NULL);
	output_done(&output);
	line = process_line(&watch, 10000);
	ck_assert_ptr_nonnull(line);
	ck_assert_msg(strstr(line, "\"new\":2") != NULL, "%s", line);
}
END_TEST

START_TEST(versions_of_a_period_without_any_say_so)
{
	struct output output;

	CTL(&h, &output, "versions", "referrals.accounts", "1999-01-01");
	expect(&output, 0, "no versions of referrals.accounts in 1999-01-01");
	ck_assert_str_eq(output.out, "");
	output_done(&output);
}
END_TEST

START_TEST(a_label_that_does_not_exist_is_answered_with_those_that_do)
{
	struct output output;

	CTL(&h, &output, "series", "referrals.accounts", "outcmoe=blocked");
	expect(&output, 1, "outcmoe");
	ck_assert_msg(strstr(output.err, "outcome") != NULL &&
			      strstr(output.err, "platform") != NULL,
		      "%s", output.err);
	output_done(&output);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hints");
	TCase *tests = tcase_create("with a daemon");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, reload_names_a_source_whose_plugin_is_not_there);
	tcase_add_test(tests, reload_names_a_source_whose_plugin_others_may_write);
	tcase_add_test(tests, a_long_fault_is_cut_on_a_terminal_and_whole_elsewhere);
	tcase_add_test(tests, what_is_computed_on_the_spot_is_as_stale_as_its_metric);
	tcase_add_test(tests, staleness_of_a_metric_without_a_figure_is_null);
	tcase_add_test(tests, watch_warns_of_a_name_that_is_no_figure_and_goes_on);
	tcase_add_test(tests, versions_of_a_period_without_any_say_so);
	tcase_add_test(tests, a_label_that_does_not_exist_is_answered_with_those_that_do);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
