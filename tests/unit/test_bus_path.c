/* SPDX-License-Identifier: MIT
 *
 * test_bus_path.c - object path escaping, both directions.
 */
#include "bus_path.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

/* clang-format off */
static const struct {
	const char *name, *element;
} pairs[] = {
	{ "arrivals.people.latest", "arrivals_2epeople_2elatest" },
	{ "home-office", "home_2doffice" },
	{ "a_b", "a_5fb" },
	{ "", "_" },
	{ "_", "_5f" },
	{ "7days", "_37days" },
	{ "last7", "last7" },
	{ "77", "_377" },
	{ "Ab9", "Ab9" },
	{ "\xc3\xa9t\xc3\xa9", "_c3_a9t_c3_a9" },
	{ " ", "_20" },
	{ "\x01\x7f\xff", "_01_7f_ff" },
	{ "a/b", "a_2fb" },
};

static const char *const not_canonical[] = {
	"",       /* no element at all */
	"a_2Eb",  /* upper-case digits */
	"_61",    /* 'a' needs no escape */
	"a_31",   /* nor does a digit further on */
	"a.b", "a-b", "7a",
	"a_", "a_2", "a_2g", "__", "_5", "a_00",
};
/* clang-format on */

START_TEST(escapes_as_systemd_does)
{
	char buffer[64];

	ck_assert(bus_path_escape(pairs[_i].name, buffer, sizeof(buffer)));
	ck_assert_str_eq(buffer, pairs[_i].element);
}
END_TEST

START_TEST(unescapes_what_it_escaped)
{
	char buffer[64];

	ck_assert(bus_path_unescape(pairs[_i].element, buffer, sizeof(buffer)));
	ck_assert_str_eq(buffer, pairs[_i].name);
}
END_TEST

START_TEST(refuses_a_second_spelling)
{
	char buffer[64];

	ck_assert_msg(!bus_path_unescape(not_canonical[_i], buffer, sizeof(buffer)), "'%s'",
		      not_canonical[_i]);
}
END_TEST

START_TEST(every_byte_survives_the_round_trip)
{
	for (int first = 1; first < 256; first++) {
		for (int second = 1; second < 256; second++) {
			const char name[] = { (char)first, (char)second, '\0' };
			char element[BUS_PATH_ESCAPED_MAX(2)], back[3];

			ck_assert(bus_path_escape(name, element, sizeof(element)));
			ck_assert(bus_path_unescape(element, back, sizeof(back)));
			ck_assert_str_eq(back, name);
		}
	}
}
END_TEST

/* Exact buffers on the heap, so that a sanitizer sees one byte too many. */
START_TEST(never_writes_past_the_buffer)
{
	size_t need = strlen(pairs[_i].element) + 1, name_need = strlen(pairs[_i].name) + 1;

	for (size_t size = 1; size <= need; size++) {
		char *buffer = malloc(size);

		ck_assert_ptr_nonnull(buffer);
		ck_assert_int_eq(bus_path_escape(pairs[_i].name, buffer, size), size == need);
		free(buffer);
	}
	for (size_t size = 1; size <= name_need; size++) {
		char *buffer = malloc(size);

		ck_assert_ptr_nonnull(buffer);
		ck_assert_int_eq(bus_path_unescape(pairs[_i].element, buffer, size),
				 size == name_need);
		free(buffer);
	}
	ck_assert(!bus_path_escape("a", (char[1]){ 0 }, 0));
	ck_assert(!bus_path_unescape("a", (char[1]){ 0 }, 0));
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("bus_path");
	TCase *tests = tcase_create("bus_path");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tests, escapes_as_systemd_does, 0, ROWS(pairs));
	tcase_add_loop_test(tests, unescapes_what_it_escaped, 0, ROWS(pairs));
	tcase_add_loop_test(tests, refuses_a_second_spelling, 0, ROWS(not_canonical));
	tcase_add_test(tests, every_byte_survives_the_round_trip);
	tcase_add_loop_test(tests, never_writes_past_the_buffer, 0, ROWS(pairs));
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
