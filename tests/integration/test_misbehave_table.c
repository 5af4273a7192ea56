/* SPDX-License-Identifier: MIT
 *
 * test_misbehave_table.c - every row of tests/support/misbehaviour.c: calls on the bus keep being
 * answered, the good source goes on, the log has the one clear line, the figures are right
 * afterwards, and the source is mended without a restart of the daemon. Test program.
 */
#include <stdio.h>

#include <check.h>

#include "harness.h"
#include "misbehaviour.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifndef WITH_ASAN
#define WITH_ASAN 0
#endif

#define STRETCH_MS 200

static struct harness h;

static void set_up(void)
{
	misbehaviour_begin(&h);
}

static void tear_down(void)
{
	harness_stop(&h);
}

START_TEST(does_not_hurt)
{
	const struct misbehaviour *row = &misbehaviours[_i];
	struct misbehaviour_run run;

	if (WITH_ASAN && row->needs & MISBEHAVIOUR_NO_ASAN) {
		(void)fprintf(stderr, "SKIP %s: not under AddressSanitizer\n", row->name);
		return;
	}
	misbehaviour_run(&h, row, STRETCH_MS, &run);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("misbehave_table");
	TCase *tests = tcase_create("misbehave_table");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 90);
	tcase_add_loop_test(tests, does_not_hurt, 0, (int)misbehaviour_count);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
