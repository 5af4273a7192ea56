/* SPDX-License-Identifier: MIT
 *
 * test_import.c - imports as jobs: one that is taken back with Ctrl-C, one that was there already,
 * as straitctl tells them and as they are on the bus. Test program.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <check.h>
#include <jansson.h>

#include "harness.h"
#include "inputs.h"
#include "spool.h"

#define LARGE_BYTES (2LL << 30) /* sparse; copied so long that it can be interrupted */

#define DAYS                                                                                       \
	"Date,Migrants arrived,Boats arrived,Boats arrived - involved in uncontrolled landings,Notes\n"

static struct harness h;

static void set_up(void)
{
	harness_start(&h);
	harness_plugin(&h, "platform_response");
	harness_config(&h, "nca.conf", "[source nca]\nplugin = platform_response\n");
	harness_daemon(&h);
	harness_wait_source(&h, "nca", "idle");
}

static void tear_down(void)
{
	harness_stop(&h);
}

START_TEST(ctrl_c_takes_the_import_back)
{
	char large[HARNESS_PATH_MAX], small[HARNESS_PATH_MAX], copy[HARNESS_PATH_MAX];
	struct process import;
	const char *line;
	json_t *result;
	int fd;

	harness_file(&h, "large.csv", "", large);
	harness_file(&h, "small.csv", REFERRALS_MARCH, small);
	fd = open(large, O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, LARGE_BYTES), 0);
	(void)close(fd);
	CTL_BEGIN(&h, &import, "--json", "import", "nca", large, small);
	harness_wait_path(&h, harness_spool_path(&h, "nca", "incoming", SPOOL_TEMP "1", copy),
			  true);
	(void)kill(import.pid, SIGINT);
	line = process_line(&import, HARNESS_DEADLINE_MS);
	harness_assert(&h, line != NULL, "no result");
	result = json_loads(line, 0, NULL);
	ck_assert_str_eq(json_string_value(json_object_get(result, "state")), "cancelled");
	json_decref(result);
	/* the files after it are not begun */
	ck_assert_ptr_null(process_line(&import, HARNESS_DEADLINE_MS));
	ck_assert_int_eq(process_wait(&import, HARNESS_DEADLINE_MS), 1);
	process_done(&import);
	harness_wait_path(&h, copy, false);
	ck_assert_uint_eq((uint64_t)harness_source_number(&h, "nca", "Accepted"), 0);
}
END_TEST

START_TEST(a_file_that_was_there_says_so_in_the_note)
{
	struct output output;
	char path[HARNESS_PATH_MAX];
	json_t *result;

	harness_file(&h, REFERRALS_MARCH_NAME, REFERRALS_MARCH, path);
	for (int time = 0; time < 2; time++) {
		CTL(&h, &output, "--json", "import", "nca", path);
		harness_assert(&h, output.code == 0, "%s", output.err);
		result = json_loads(output.out, 0, NULL);
		ck_assert_str_eq(json_string_value(json_object_get(result, "state")), "done");
		ck_assert_str_eq(json_string_value(json_object_get(result, "note")),
				 time == 0 ? "" : "already imported");
		ck_assert_str_eq(json_string_value(json_object_get(result, "error")), "");
		json_decref(result);
		output_done(&output);
	}
}
END_TEST

/* A, B without the second day, and A again later: what was withdrawn comes back, in whatever order
 * they are read. */
static const struct {
	const char *name, *text;
} publications[] = {
	{ "a-2024-02-01.csv", DAYS "01/01/2024,10,1,0,\n02/01/2024,20,1,0,\n03/01/2024,30,1,0,\n" },
	{ "b-2024-02-02.csv", DAYS "01/01/2024,10,1,0,\n03/01/2024,30,1,0,\n" },
	{ "c-2024-02-03.csv", DAYS "01/01/2024,10,1,0,\n02/01/2024,20,1,0,\n03/01/2024,30,1,0,\n" },
};
static const int publication_orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 2, 0 }, { 0, 2, 1 } };

static void expect_total(const char *as_of, const char *value)
{
	struct output output;
	char wanted[64];

	(void)snprintf(wanted, sizeof(wanted), "\"value\":%s,", value);
	CTL(&h, &output, "--json", "get", "arrivals.people.total", "--as-of", as_of);
	harness_assert(&h, output.code == 0 && strstr(output.out, wanted), "as of %s: %s%s", as_of,
		       output.out, output.err);
	output_done(&output);
}

START_TEST(the_same_bytes_under_another_date_are_another_publication)
{
	struct output output;
	char path[HARNESS_PATH_MAX];

	harness_plugin(&h, "home_office");
	harness_config(&h, "home.conf", "[source home]\nplugin = home_office\n");
	CTL(&h, &output, "reload");
	harness_assert(&h, output.code == 0, "%s", output.err);
	output_done(&output);
	harness_wait_source(&h, "home", "idle");
	for (int i = 0; i < 3; i++) {
		int k = publication_orders[_i][i];

		harness_file(&h, publications[k].name, publications[k].text, path);
		CTL(&h, &output, "import", "home", path);
		harness_assert(&h, output.code == 0, "%s", output.err);
		output_done(&output);
	}
	expect_total("2024-02-01T12:00:00Z", "60");
	expect_total("2024-02-02T12:00:00Z", "null");
	expect_total("2024-02-03T12:00:00Z", "60");
	ck_assert_double_eq(harness_figure(&h, "arrivals.people.total"), 60);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("import");
	TCase *tests = tcase_create("import");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, ctrl_c_takes_the_import_back);
	tcase_add_test(tests, a_file_that_was_there_says_so_in_the_note);
	tcase_add_loop_test(tests, the_same_bytes_under_another_date_are_another_publication, 0, 4);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
