/* SPDX-License-Identifier: MIT
 *
 * test_config_checks.c - [check NAME] sections: what they mean, what is wrong with its line, and
 * printed so that they read back.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char directory[64], path[96];

static void set_up(void)
{
	(void)snprintf(directory, sizeof(directory), "/tmp/strait-config-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/straitd.conf", directory);
}

static void tear_down(void)
{
	(void)unlink(path); /* not there when a test failed early */
	ck_assert_int_eq(rmdir(directory), 0);
}

static struct config *read_text(const char *text, char *ret_errors, size_t size)
{
	struct config *config = NULL;
	struct config_errors errors;
	FILE *file = fopen(path, "we");
	size_t used = 0;

	ck_assert_ptr_nonnull(file);
	(void)fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
	ret_errors[0] = '\0';
	(void)config_load(directory, NULL, "/spool", &config, &errors);
	for (size_t i = 0; i < errors.count; i++) {
		used += (size_t)snprintf(ret_errors + used, size - used, "%u: %s\n",
					 errors.items[i].line, errors.items[i].text);
		ck_assert_uint_lt(used, size);
	}
	config_errors_done(&errors);
	return config;
}

static struct config *good(const char *text)
{
	char errors[4096];
	struct config *config = read_text(text, errors, sizeof(errors));

	ck_assert_msg(config != NULL, "%s", errors);
	return config;
}

#define SIDES "[check c]\nleft = a\nright = b\n"
#define CHECK SIDES "every = week\n"

/* clang-format off */
static const struct {
	const char *text, *errors;
} traps[] = {
	{ "[check c]\n",
	  "1: [check c] has no left side; add left = a formula such as arrivals.people\n"
	  "1: [check c] has no right side; add right = a formula such as arrivals.people\n"
	  "1: [check c] does not say which periods it compares; add every = one of day, week, month, quarter or year\n" },
	{ "[chek c]\n", "1: unknown section 'chek c'; did you mean [check NAME]?\n" },
	{ "[check]\n", "1: [check] needs a name: [check NAME]\n" },
	{ "[check a..b]\nleft = a\nright = b\nevery = day\n",
	  "1: 'a..b' is not a name for a check; take small letters, digits, '_', '-' and single dots, at most 58\n" },
	{ SIDES "every = weak\n", "4: every = 'weak': did you mean 'week'?\n" },
	{ SIDES "every = 7d\n", "4: every = '7d' is none of day, week, month, quarter or year\n" },
	{ CHECK "tolerence = 1\n", "5: unknown key 'tolerence' in [check c]; did you mean 'tolerance'?\n" },
	{ CHECK "tolerance = few\n",
	  "5: tolerance = 'few' is no tolerance; write a number such as 0 or 5, or a share such as 0.5 %\n" },
	{ CHECK "window = total\n", "5: unknown key 'window' in [check c]\n" },
	{ CHECK "explained = 2022\n", "5: explained = '2022' has no note; write why it differs: 2022: NOTE\n" },
	{ CHECK "explained = 2020-09-02: x\n",
	  "5: explained = '2020-09-02' is shorter than the periods that are compared (one week); name whole ones\n" },
	{ "[check c]\nleft = a +\nright = below(b, 24)\nevery = day\n",
	  "2: formula 'a +': expected a metric or a function at character 4\n"
	  "3: formula 'below(b, 24)': percentile and below look into a distribution, which a check does not; "
	  "compare sums, count, max or mean\n" },
	{ "[figure check.c]\nsum = a\nwindow = total\n",
	  "1: figures named check.NAME are made by [check NAME]; take another name\n" },
};
/* clang-format on */

START_TEST(tells_what_is_wrong_with_its_line)
{
	char errors[4096];

	ck_assert_ptr_null(read_text(traps[_i].text, errors, sizeof(errors)));
	ck_assert_str_eq(errors, traps[_i].errors);
}
END_TEST

START_TEST(a_name_is_there_once)
{
	char errors[4096], expected[256];

	ck_assert_ptr_null(read_text(CHECK "[check  c]\nleft = a\nright = b\nevery = day\n", errors,
				     sizeof(errors)));
	(void)snprintf(expected, sizeof(expected),
		       "5: check 'c' is already defined in %s:1; rename or remove one of the two\n",
		       path);
	ck_assert_str_eq(errors, expected);
}
END_TEST

START_TEST(has_its_defaults)
{
	struct config *config = good(CHECK);

	ck_assert_uint_eq(config->check_count, 1);
	ck_assert_str_eq(config->checks[0].name, "c");
	ck_assert_str_eq(config->checks[0].left, "a");
	ck_assert_str_eq(config->checks[0].right, "b");
	ck_assert_str_eq(config->checks[0].every, "week");
	ck_assert_str_eq(config->checks[0].tolerance, "0");
	ck_assert_str_eq(config->checks[0].title, "c");
	ck_assert_ptr_null(config->checks[0].explained);
	config_free(config);
}
END_TEST

START_TEST(what_is_printed_reads_back_as_the_same)
{
	struct config *first = good(
		"[check c]\nleft = detections{method=small_boats}\nright = x + y\nevery = quarter\n"
		"tolerance = 0.5 % # of the greater\n"
		"explained = \"2022: counted later; 2020: four fewer\"\ntitle = Quarters\n");
	struct config *again;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	config_print(first, out);
	ck_assert_int_eq(fclose(out), 0);
	again = good(text);
	ck_assert_uint_eq(again->check_count, 1);
	ck_assert_str_eq(again->checks[0].left, "detections{method=small_boats}");
	ck_assert_str_eq(again->checks[0].tolerance, "0.5 %");
	ck_assert_str_eq(again->checks[0].explained, "2022: counted later; 2020: four fewer");
	ck_assert_str_eq(again->checks[0].title, "Quarters");
	free(text);
	config_free(first);
	config_free(again);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config checks");
	TCase *tests = tcase_create("checks");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_loop_test(tests, tells_what_is_wrong_with_its_line, 0, COUNT(traps));
	tcase_add_test(tests, a_name_is_there_once);
	tcase_add_test(tests, has_its_defaults);
	tcase_add_test(tests, what_is_printed_reads_back_as_the_same);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
