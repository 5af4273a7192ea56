/* SPDX-License-Identifier: MIT
 *
 * test_place.c - places as text. Test program.
 */
#include <check.h>

#include "place.h"
#include "strait/plugin.h"

static const struct named {
	uint64_t at;
	const char *sheet, *expected;
} named[] = {
	{ 0, "", "byte 0" },
	{ 512, "Data", "byte 512" },
	{ INT64_MAX, "", "byte 9223372036854775807" },
	{ STRAIT_AT_CELL, "", "A1" },
	{ STRAIT_AT_CELL, "Data", "Data!A1" },
	{ STRAIT_AT_CELL | UINT64_C(25) << 32 | 6, "", "Z7" },
	{ STRAIT_AT_CELL | UINT64_C(26) << 32 | 6, "", "AA7" },
	{ STRAIT_AT_CELL | UINT64_C(701) << 32 | 6, "", "ZZ7" },
	{ STRAIT_AT_CELL | UINT64_C(702) << 32 | 6, "", "AAA7" },
	{ STRAIT_AT_CELL | UINT64_C(127) << 56 | UINT64_C(65535) << 32 | UINT32_MAX, "Data",
	  "Data!CRXP4294967296" },
};

START_TEST(places_read_as_spreadsheets_and_editors_name_them)
{
	char text[PLACE_TEXT_MAX];

	place_text(named[_i].at, named[_i].sheet, text, sizeof(text));
	ck_assert_str_eq(text, named[_i].expected);
}
END_TEST

START_TEST(a_short_buffer_cuts_the_end)
{
	char text[6];

	place_text(STRAIT_AT_CELL | 6, "Data", text, sizeof(text));
	ck_assert_str_eq(text, "Data!");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("place");
	TCase *tests = tcase_create("place");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tests, places_read_as_spreadsheets_and_editors_name_them, 0,
			    sizeof(named) / sizeof(named[0]));
	tcase_add_test(tests, a_short_buffer_cuts_the_end);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
