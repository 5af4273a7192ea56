/* SPDX-License-Identifier: MIT
 *
 * test_explain.c - a figure explained to the cell: straitctl explain over real imports, with the
 * texts of kept originals, and without them when they are gone. Test program.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "harness.h"
#include "inputs.h"

#define HASH_DIGITS 64

static struct harness h;

static void set_up(void)
{
	harness_start(&h);
	harness_plugin(&h, "platform_response");
	harness_plugin(&h, "home_office");
	harness_plugin(&h, "boat_sightings");
	harness_config(&h, "all.conf",
		       "[source nca]\nplugin = platform_response\n"
		       "[source home]\nplugin = home_office\n");
}

static void tear_down(void)
{
	harness_stop(&h);
}

static void import(const char *source, const char *path)
{
	struct output output;

	CTL(&h, &output, "import", source, path);
	harness_assert(&h, output.code == 0, "import of %s: %s%s", path, output.out, output.err);
	output_done(&output);
}

static void import_text(const char *source, const char *name, const char *text, char *path)
{
	char own[HARNESS_PATH_MAX];

	harness_file(&h, name, text, path != NULL ? path : own);
	import(source, path != NULL ? path : own);
}

/* The output of straitctl explain with these words, to be freed. */
static char *explain(int expected_code, const char *const words[])
{
	const char *argv[8] = { "explain" };
	struct output output;
	char *text;

	for (size_t i = 0; words[i] != NULL; i++)
		argv[i + 1] = words[i];
	harness_run_ctl(&h, &output, argv);
	harness_assert(&h, output.code == expected_code, "explain %s: %d %s%s", words[0],
		       output.code, output.out, output.err);
	text = strdup(expected_code == 0 ? output.out : output.err);
	ck_assert_ptr_nonnull(text);
	output_done(&output);
	return text;
}
#define EXPLAIN(...) explain(0, (const char *const[]){ __VA_ARGS__, NULL })

static void expect(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "'%s' is not in:\n%s", part, text);
}

static void expect_not(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) == NULL, "'%s' is in:\n%s", part, text);
}

/* The file's hash as sha256sum tells it. */
static void sha256sum(const char *path, char hash[HASH_DIGITS + 1])
{
	struct output output;

	RUN(&output, "sha256sum", path);
	ck_assert_int_eq(output.code, 0);
	ck_assert_uint_gt(output.out_size, HASH_DIGITS);
	(void)snprintf(hash, HASH_DIGITS + 1, "%s", output.out);
	output_done(&output);
}

/* STATE/originals/ab/abcd….zst */
static void original_of(const char *path, char *kept, size_t size)
{
	char hash[HASH_DIGITS + 1];

	sha256sum(path, hash);
	(void)snprintf(kept, size, "%s/originals/%.2s/%s.zst", h.state, hash, hash);
}

static void wait_kept(const char *path)
{
	char kept[2 * HARNESS_PATH_MAX];

	original_of(path, kept, sizeof(kept));
	*strrchr(kept, '/') = '\0'; /* a path is waited for in its directory, which must be there */
	harness_wait_path(&h, kept, true);
	original_of(path, kept, sizeof(kept));
	harness_wait_path(&h, kept, true);
}

/* A weekly spreadsheet as the Home Office has them; its path. */
static void make_spreadsheet(char path[HARNESS_PATH_MAX])
{
	static const char sheets[] = "published,2020-10-01T09:00:00Z\n"
				     "sheet,Cover\n"
				     "Made up\n"
				     "sheet,SB_01\n"
				     "Date,Migrants arrived,Boats arrived,"
				     "Boats arrived - involved in uncontrolled landings,Notes\n"
				     "2020-09-20,40,3,-,\n"
				     "2020-09-21,0,0,-,\n"
				     "2020-09-22,401,26,-,Record\n";
	char tool[512], from[HARNESS_PATH_MAX];
	struct output output;

	(void)snprintf(tool, sizeof(tool), "%s/tests/tools/make_ods", getenv("STRAIT_BUILD"));
	harness_file(&h, "small-boats.sheets", sheets, from);
	(void)snprintf(path, HARNESS_PATH_MAX, "%.200s/small-boats.ods", h.directory);
	RUN(&output, tool, from, path);
	ck_assert_msg(output.code == 0, "%s", output.err);
	output_done(&output);
}

START_TEST(a_record_names_its_cell_and_shows_it)
{
	char path[HARNESS_PATH_MAX], hash[HASH_DIGITS + 1], *text;

	harness_daemon(&h);
	make_spreadsheet(path);
	import("home", path);
	wait_kept(path);
	sha256sum(path, hash);
	text = EXPLAIN("arrivals.people.record");
	expect(text, "arrivals.people.record = 401 people");
	expect(text, "window record");
	expect(text, "small-boats.ods");
	expect(text, "2020-09-22  SB_01!B4\n");
	expect(text, "home_office ");
	expect(text, "2020-10-01T09:00:00Z");
	expect_not(text, "2020-09-20");
	free(text);
	text = EXPLAIN("arrivals.people.record", "--show");
	expect(text, "SB_01!B4  '401'\n");
	free(text);
	text = EXPLAIN("arrivals.people.record", "--show", "--json");
	expect(text, hash);
	expect(text, "\"text\":\"401\"");
	expect(text, "\"kept\":true");
	expect(text, "\"formula\":\"arrivals.people\"");
	free(text);
	text = EXPLAIN("arrivals.boats.2020-09-20", "--show");
	expect(text, "SB_01!C2  '3'\n");
	free(text);
}
END_TEST

START_TEST(a_ratio_shows_both_sides_with_their_lines)
{
	char path[HARNESS_PATH_MAX], arrivals[HARNESS_PATH_MAX], kept[2 * HARNESS_PATH_MAX], *text;

	harness_daemon(&h);
	import_text("nca", REFERRALS_MARCH_NAME, REFERRALS_MARCH, path);
	import_text("home", ARRIVALS_ONE_NAME, ARRIVALS_ONE, arrivals);
	wait_kept(arrivals);
	text = EXPLAIN("referrals.block_rate", "--show");
	expect(text, "referrals.accounts{outcome=blocked}");
	expect(text, "(above)");
	expect(text, "(below)");
	expect(text, "2 records");
	/* A document of single cases may name people: it is told by its bytes, and not kept. */
	expect(text, "is not kept");
	expect_not(text, "r1,alpha");
	original_of(path, kept, sizeof(kept));
	ck_assert_int_ne(access(kept, F_OK), 0); /* it came before the one that is kept by now */
	free(text);
	text = EXPLAIN("arrivals.people_per_boat.year_to_date", "--show");
	expect(text, "(above)");
	expect(text, "(below)");
	expect(text, "2026-07-10,225,4,0");
	free(text);
	/* "+" binds more tightly than "/" in a formula; the tool says so with brackets. */
	text = EXPLAIN("referrals.attrition");
	expect(text, "formula (referrals.accounts{outcome=refused} + "
		     "referrals.accounts{outcome=pending}) / referrals.accounts, window total\n");
	free(text);
	text = EXPLAIN("referrals.requested");
	expect(text, "bytes ");
	free(text);
}
END_TEST

START_TEST(as_known_then_names_the_release_of_then)
{
	char *text;

	harness_daemon(&h);
	import_text("home", ARRIVALS_ONE_NAME, ARRIVALS_ONE, NULL);
	import_text("home", ARRIVALS_THREE_NAME, ARRIVALS_THREE, NULL);
	text = EXPLAIN("arrivals.people.2026-07-10");
	expect(text, "= 255 people");
	expect(text, ARRIVALS_THREE_NAME);
	free(text);
	text = EXPLAIN("arrivals.people.2026-07-10", "--as-of", "2026-07-11");
	expect(text, "= 225 people");
	expect(text, ARRIVALS_ONE_NAME);
	expect_not(text, ARRIVALS_THREE_NAME);
	free(text);
}
END_TEST

START_TEST(many_inputs_of_one_release_are_counted)
{
	char csv[4096] = ARRIVALS_HEADER, *text;
	size_t used = strlen(csv);

	harness_daemon(&h);
	for (int day = 1; day <= 30; day++)
		used += (size_t)snprintf(csv + used, sizeof(csv) - used, "2026-06-%02d,%d,1,0,\n",
					 day, day);
	import_text("home", "small-boats-2026-07-01.csv", csv, NULL);
	text = EXPLAIN("arrivals.people.total");
	expect(text, "2026-06-01");
	expect(text, "28 more in between");
	expect(text, "2026-06-30");
	expect_not(text, "2026-06-15");
	free(text);
	text = EXPLAIN("arrivals.people.total", "--all");
	expect(text, "2026-06-15");
	free(text);
}
END_TEST

START_TEST(an_original_that_is_gone_is_told)
{
	char one[HARNESS_PATH_MAX], two[HARNESS_PATH_MAX], kept[2 * HARNESS_PATH_MAX], *text;
	struct output output;

	/* room for one of them, compressed and with its name, but not for both */
	harness_config(&h, "originals.conf", "[straitd]\nkeep_originals = 300\n");
	harness_daemon(&h);
	import_text("home", ARRIVALS_ONE_NAME, ARRIVALS_ONE, one);
	wait_kept(one);
	original_of(one, kept, sizeof(kept));
	import_text("home", ARRIVALS_THREE_NAME, ARRIVALS_THREE, two);
	wait_kept(two);
	harness_wait_path(&h, kept, false);
	text = EXPLAIN("arrivals.people.2026-07-10", "--as-of", "2026-07-11", "--show");
	expect(text, "is not kept");
	free(text);
	text = EXPLAIN("arrivals.people.2026-07-10", "--show");
	expect(text, ",255,");
	free(text);
	/* keeping none at all deletes the rest */
	original_of(two, kept, sizeof(kept));
	harness_config(&h, "originals.conf", "[straitd]\nkeep_originals = 0\n");
	CTL(&h, &output, "reload");
	harness_assert(&h, output.code == 0, "reload: %s", output.err);
	output_done(&output);
	harness_wait_path(&h, kept, false);
}
END_TEST

START_TEST(a_log_is_told_by_its_bytes)
{
	char log[HARNESS_PATH_MAX], *text;

	harness_file(&h, "sea.csv", SIGHTINGS_ONE, log);
	harness_config(&h, "sea.conf", "[source sea]\nplugin = boat_sightings\nlog = %s\n", log);
	harness_daemon(&h);
	harness_wait_figure(&h, "sightings.boats.latest", 3);
	text = EXPLAIN("sightings.boats.latest");
	expect(text, "2026-07-07  bytes ");
	expect(text, ", 2 records");
	expect(text, "source sea");
	free(text);
	text = EXPLAIN("sightings.boats.latest", "--show");
	expect(text, "is not kept");
	free(text);
}
END_TEST

START_TEST(a_log_of_many_commits_is_one_release)
{
	char log[HARNESS_PATH_MAX], line[128], *text, *second;

	harness_file(&h, "sea.csv", SIGHTINGS_HEADER, log);
	harness_config(&h, "sea.conf", "[source sea]\nplugin = boat_sightings\nlog = %s\n", log);
	harness_daemon(&h);
	for (int i = 1; i <= 4; i++) { /* each is waited for: a commit of its own */
		(void)snprintf(line, sizeof(line),
			       "s%d,2026-07-07T0%d:10:00Z,51.02 N 1.50 E,1,40,cutter,,\n", i, i);
		harness_append(log, line);
		harness_wait_figure(&h, "sightings.boats.latest", i);
	}
	text = EXPLAIN("sightings.boats.latest");
	expect(text, ", 4 records in 4 commits\n");
	second = strstr(strstr(text, "sha256 ") + 1, "sha256 ");
	ck_assert_msg(second == NULL, "more than one release in:\n%s", text);
	free(text);
}
END_TEST

/* The daemon is killed between the import and the archiver's end; the next start makes up for it.
 */
START_TEST(a_kill_loses_no_original)
{
	char path[HARNESS_PATH_MAX], left[HARNESS_PATH_MAX + 32];

	harness_daemon(&h);
	import_text("home", ARRIVALS_ONE_NAME, ARRIVALS_ONE, path);
	(void)harness_daemon_end(&h, SIGKILL);
	harness_daemon(&h);
	wait_kept(path);
	(void)snprintf(left, sizeof(left), "%s/originals/.being-kept", h.state);
	harness_wait_path(&h, left, false);
}
END_TEST

START_TEST(what_is_unknown_is_told)
{
	char *text;

	harness_daemon(&h);
	text = explain(4, (const char *const[]){ "no.such", NULL });
	expect(text, "no.such");
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("explain");
	TCase *tests = tcase_create("explain");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, a_record_names_its_cell_and_shows_it);
	tcase_add_test(tests, a_ratio_shows_both_sides_with_their_lines);
	tcase_add_test(tests, as_known_then_names_the_release_of_then);
	tcase_add_test(tests, many_inputs_of_one_release_are_counted);
	tcase_add_test(tests, an_original_that_is_gone_is_told);
	tcase_add_test(tests, a_log_is_told_by_its_bytes);
	tcase_add_test(tests, a_log_of_many_commits_is_one_release);
	tcase_add_test(tests, a_kill_loses_no_original);
	tcase_add_test(tests, what_is_unknown_is_told);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
