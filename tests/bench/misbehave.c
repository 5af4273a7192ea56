/* SPDX-License-Identifier: MIT
 *
 * misbehave.c - how long calls take beside a plugin that misbehaves: for each row of
 * tests/support/misbehaviour.c the 99th percentile of the disturbed stretch by that of the
 * undisturbed one of the same run, as a JSON line (tests/bench/run). A Check program, since the
 * rows assert everything else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "harness.h"
#include "misbehaviour.h"

#define STRETCH_MS 3000 /* some 1,500 calls */
#define RUNS	   3

static struct harness h;

static int compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* One run. */
static void measure(const struct misbehaviour *row, double *ret_ratio)
{
	struct misbehaviour_run run;

	misbehaviour_begin(&h);
	misbehaviour_run(&h, row, STRETCH_MS, &run);
	harness_stop(&h);
	*ret_ratio = run.disturbed.p99_us / run.calm.p99_us;
	(void)fprintf(stderr,
		      "%-28s undisturbed: p50 %5.0f p99 %6.0f worst %6.0f us; "
		      "disturbed: p50 %5.0f p99 %6.0f worst %6.0f us; %zu calls, 0 failed\n",
		      row->name, run.calm.p50_us, run.calm.p99_us, run.calm.worst_us,
		      run.disturbed.p50_us, run.disturbed.p99_us, run.disturbed.worst_us,
		      run.calm.calls + run.disturbed.calls);
}

START_TEST(takes_no_longer)
{
	const struct misbehaviour *row = &misbehaviours[_i];
	const char *only = getenv("MISBEHAVE");
	double ratios[RUNS];

	if (only != NULL && strcmp(only, row->name) != 0)
		return;
	for (int i = 0; i < RUNS; i++)
		measure(row, &ratios[i]);
	qsort(ratios, RUNS, sizeof(ratios[0]), compare);
	(void)printf("{\"bench\":\"misbehave\",\"what\":\"p99 beside: %s\",\"ratio\":%.3g,\"to\":"
		     "\"undisturbed p99\",\"min\":%.3g,\"max\":%.3g,\"runs\":%d,\"goal\":5,"
		     "\"better\":\"lower\"}\n",
		     row->name, ratios[RUNS / 2], ratios[0], ratios[RUNS - 1], RUNS);
	(void)fflush(stdout);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("misbehave");
	TCase *tests = tcase_create("misbehave");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 240);
	tcase_add_loop_test(tests, takes_no_longer, 0, (int)misbehaviour_count);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_SILENT); /* what fails says so on stderr */
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
