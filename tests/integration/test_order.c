/* SPDX-License-Identifier: MIT
 *
 * test_order.c - promise 2: the same releases in any order, or twice, give the same figures, the
 * same versions and the same answers to "as known on". Test program.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "documents.h"

static const int orders[][DOCUMENTS_RELEASES] = {
	{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
};

static const struct {
	const char *figure, *as_of;
} questions[] = {
	{ "referrals.blocked", "2020-03-02" },
	{ "referrals.blocked", "2020-10-01" },
	{ "referrals.pending", "2020-10-01" },
	{ "sightings.people.latest", "2026-07-08" },
	{ "sightings.people.total", "2026-07-09" },
	{ "arrivals.people.latest", "2026-07-12" },
	{ "arrivals.people.2026-07-10", "2026-07-12" },
	{ "arrivals.people.2026-07-10", "2026-07-13" },
};

/* Everything that can be asked, as one text. */
static char *answers(struct harness *h)
{
	char *snapshot = harness_snapshot(h, documents_versions), *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	fputs(snapshot, out);
	free(snapshot);
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		struct output output;

		CTL(h, &output, "--json", "get", questions[i].figure, "--as-of",
		    questions[i].as_of);
		harness_assert(h, output.code == 0, "%s: %s", questions[i].figure, output.err);
		fprintf(out, "# as of %s\n%s", questions[i].as_of, output.out);
		output_done(&output);
	}
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

static char *answers_in_order(const int order[DOCUMENTS_RELEASES], int times)
{
	struct harness h;
	char *text;

	harness_start(&h);
	documents_configure(&h);
	harness_daemon(&h);
	for (int time = 0; time < times; time++) {
		for (int i = 0; i < DOCUMENTS_RELEASES; i++) {
			for (int source = 0; source < DOCUMENTS_SOURCES; source++)
				documents_import(&h, &documents[source][order[i]]);
		}
	}
	text = answers(&h);
	harness_stop(&h);
	return text;
}

/* Check's own messages cannot hold two such texts: the first line that differs is told. */
static void expect_same(const char *got, const char *expected)
{
	const char *heading = "figures";

	while (*got != '\0' || *expected != '\0') {
		size_t got_size = strcspn(got, "\n"), expected_size = strcspn(expected, "\n");

		if (got_size != expected_size || memcmp(got, expected, got_size) != 0)
			ck_abort_msg("under '%.80s': '%.*s' where '%.*s' is expected", heading,
				     (int)(got_size < 200 ? got_size : 200), got,
				     (int)(expected_size < 200 ? expected_size : 200), expected);
		if (*got == '#')
			heading = got;
		got += got_size + (got[got_size] == '\n');
		expected += expected_size + (expected[expected_size] == '\n');
	}
}

START_TEST(any_order_gives_the_same_answers)
{
	char *expected = answers_in_order(orders[0], 1), *got = answers_in_order(orders[_i], 1);

	expect_same(got, expected);
	free(got);
	free(expected);
}
END_TEST

START_TEST(twice_is_the_same_as_once)
{
	char *expected = answers_in_order(orders[0], 1), *got = answers_in_order(orders[5], 2);

	expect_same(got, expected);
	free(got);
	free(expected);
}
END_TEST

START_TEST(the_answers_are_right)
{
	static const struct {
		const char *figure;
		double value;
	} rows[] = {
		{ "referrals.requested", 5 },
		{ "referrals.blocked", 3 },
		{ "referrals.refused", 2 },
		{ "referrals.pending", 0 },
		{ "arrivals.people.latest", 310 },
		{ "arrivals.people.2026-07-10", 255 },
		{ "arrivals.people.2026-07-08", 120 },
		{ "arrivals.boats.2026-07-10", 5 },
		{ "sightings.boats.2026-07-07", 1 }, /* s5; s4 took the place of s1 and says that it
							was on the 8th, s6 that of s2 */
	};
	struct harness h;

	harness_start(&h);
	documents_configure(&h);
	harness_daemon(&h);
	for (int source = 0; source < DOCUMENTS_SOURCES; source++) {
		for (int i = DOCUMENTS_RELEASES - 1; i >= 0; i--)
			documents_import(&h, &documents[source][i]);
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(harness_figure(&h, rows[i].figure) == rows[i].value,
			      "%s is %g, not %g", rows[i].figure,
			      harness_figure(&h, rows[i].figure), rows[i].value);
	harness_stop(&h);
}
END_TEST

/* value of the last line of `straitctl --json versions` */
static double last_version(struct harness *h, const char *metric, const char *period)
{
	struct output output;
	const char *last, *value;
	double number;

	CTL(h, &output, "--json", "versions", metric, period);
	harness_assert(h, output.code == 0 && output.out_size > 1, "versions %s %s: %s", metric,
		       period, output.err);
	output.out[output.out_size - 1] = '\0';
	last = strrchr(output.out, '\n');
	value = strstr(last != NULL ? last : output.out, "\"value\":");
	ck_assert_ptr_nonnull(value);
	value += strlen("\"value\":");
	number = strncmp(value, "null", 4) == 0 ? (double)NAN : strtod(value, NULL);
	output_done(&output);
	return number;
}

START_TEST(the_last_version_of_a_period_is_its_value)
{
	struct harness h;

	harness_start(&h);
	documents_configure(&h);
	harness_daemon(&h);
	for (int source = 0; source < DOCUMENTS_SOURCES; source++) {
		for (int i = 0; i < DOCUMENTS_RELEASES; i++)
			documents_import(&h, &documents[source][i]);
	}
	for (size_t i = 0; documents_versions[i] != NULL; i++) {
		const char *space = strchr(documents_versions[i], ' ');
		char metric[128], figure[160];
		double last, now;

		(void)snprintf(metric, sizeof(metric), "%.*s", (int)(space - documents_versions[i]),
			       documents_versions[i]);
		(void)snprintf(figure, sizeof(figure), "%.64s.%.32s", metric, space + 1);
		last = last_version(&h, metric, space + 1);
		now = harness_figure(&h, figure);
		ck_assert_msg(last == now || (isnan(last) && isnan(now)),
			      "%s: the last version is %g, the value %g", documents_versions[i],
			      last, now);
	}
	harness_stop(&h);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("order");
	TCase *tests = tcase_create("order");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, the_answers_are_right);
	tcase_add_test(tests, the_last_version_of_a_period_is_its_value);
	tcase_add_loop_test(tests, any_order_gives_the_same_answers, 1,
			    sizeof(orders) / sizeof(orders[0]));
	tcase_add_test(tests, twice_is_the_same_as_once);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
