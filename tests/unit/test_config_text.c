/* SPDX-License-Identifier: MIT
 *
 * test_config_text.c - the small words of a configuration.
 */
#include "config_text.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#define HOUR_MS	     INT64_C(3600000)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* clang-format off */
static const struct {
	const char *text;
	int64_t ms;
} durations[] = {
	{ "0", 0 }, { "0s", 0 }, { "1ms", 1 }, { "90s", 90000 }, { "5m", 300000 }, { "12h", 12 * HOUR_MS },
	{ "7d", 7 * 24 * HOUR_MS }, { "2w", 14 * 24 * HOUR_MS }, { "36525d", 36525 * 24 * HOUR_MS },
};

static const char *const no_durations[] = {
	"", "s", "10", "10 s", " 10s", "10s ", "010s", "0x10s", "-5m", "+5m", "1.5h", "5M", "5min", "1h30m", "7days",
	"36526d", "18446744073709551616s", "9223372036854775807w", "٣d",
};

static const struct {
	int64_t ms;
	const char *text;
} duration_texts[] = {
	{ 0, "0" }, { 1500, "1500ms" }, { 90000, "90s" }, { 3 * HOUR_MS, "3h" }, { 24 * HOUR_MS, "1d" },
	{ 14 * 24 * HOUR_MS, "2w" }, { 400 * 24 * HOUR_MS, "400d" },
};

static const struct {
	const char *text;
	int64_t value;
} integers[] = {
	{ "0", 0 }, { "7", 7 }, { "-7", -7 }, { "9223372036854775807", INT64_MAX }, { "-9223372036854775808", INT64_MIN },
};

static const char *const no_integers[] = {
	"", "-", "abc", "10s", "010", "0x10", "-0", "1 ", " 1", "+1", "1e3", "9223372036854775808", "-9223372036854775809",
	"18446744073709551616",
};

static const struct {
	const char *text;
	uint64_t bytes;
} sizes[] = {
	{ "0", 0 }, { "512", 512 }, { "64K", 65536 }, { "10M", 10u << 20 }, { "4G", UINT64_C(4) << 30 },
};

static const char *const no_sizes[] = { "", "K", "1k", "1 K", "1KB", "-1", "1.5M", "18446744073709551615K" };

static const struct {
	const char *text, *again;
	uint16_t hundredths;
} percents[] = {
	{ "0%", "0%", 0 },          { "10%", "10%", 1000 },   { "2.5%", "2.5%", 250 },
	{ "0.01%", "0.01%", 1 },    { "33.30%", "33.3%", 3330 }, { "100.00%", "100%", 10000 },
};

static const char *const no_percents[] = { "", "10", "%", "10 %", "1.%", "1.234%", "101%", "100.01%", "-1%", "010%", "10%%" };

static const struct {
	const char *word, *nearest;
} words[] = {
	{ "plugn", "plugin" },           /* dropped */
	{ "pluggin", "plugin" },         /* added */
	{ "plvgin", "plugin" },          /* changed */
	{ "plugni", "plugin" },          /* swapped: one step, not two */
	{ "PLUGIN", "plugin" },
	{ "cadense", "cadence" },
	{ "inptu", "input" },
	{ "lgo", "log" },
	{ "ur", "url" },
	{ "", NULL },
	{ "x", NULL },
	{ "xyz", NULL },
	{ "plumbing", NULL },            /* three of eight letters */
	{ "completely_else", NULL },
	{ "last_7_day", "last_7_days" },
	{ "last_14_days", "last_7_days" },
};
/* clang-format on */

static const char *const known[] = {
	"plugin", "input", "log", NULL, "url", "cadence", "last_7_days"
};

START_TEST(reads_a_duration)
{
	int64_t ms = -1;

	ck_assert_int_eq(config_duration(durations[_i].text, &ms), 0);
	ck_assert_int_eq(ms, durations[_i].ms);
}
END_TEST

START_TEST(refuses_what_is_not_wholly_a_duration)
{
	int64_t ms = 77;

	ck_assert_int_eq(config_duration(no_durations[_i], &ms), -1);
	ck_assert_int_eq(ms, 77);
}
END_TEST

START_TEST(writes_the_shortest_duration)
{
	char text[32];
	int64_t ms;

	ck_assert_str_eq(config_duration_text(text, sizeof(text), duration_texts[_i].ms),
			 duration_texts[_i].text);
	ck_assert_int_eq(config_duration(text, &ms), 0);
	ck_assert_int_eq(ms, duration_texts[_i].ms);
}
END_TEST

START_TEST(reads_and_writes_a_share)
{
	uint16_t hundredths = 77;
	char text[16];

	ck_assert_int_eq(config_percent(percents[_i].text, &hundredths), 0);
	ck_assert_uint_eq(hundredths, percents[_i].hundredths);
	ck_assert_str_eq(config_percent_text(text, sizeof(text), hundredths), percents[_i].again);
}
END_TEST

START_TEST(refuses_what_is_not_wholly_a_share)
{
	uint16_t hundredths = 77;

	ck_assert_int_eq(config_percent(no_percents[_i], &hundredths), -1);
	ck_assert_uint_eq(hundredths, 77);
}
END_TEST

START_TEST(reads_an_integer)
{
	int64_t value = 77;

	ck_assert_int_eq(config_integer(integers[_i].text, &value), 0);
	ck_assert_int_eq(value, integers[_i].value);
}
END_TEST

START_TEST(refuses_octal_hexadecimal_and_rests)
{
	int64_t value = 77;

	ck_assert_int_eq(config_integer(no_integers[_i], &value), -1);
	ck_assert_int_eq(value, 77);
}
END_TEST

START_TEST(reads_a_size)
{
	uint64_t bytes = 77;

	ck_assert_int_eq(config_size(sizes[_i].text, &bytes), 0);
	ck_assert_uint_eq(bytes, sizes[_i].bytes);
}
END_TEST

START_TEST(refuses_what_is_no_size)
{
	uint64_t bytes = 77;

	ck_assert_int_eq(config_size(no_sizes[_i], &bytes), -1);
	ck_assert_uint_eq(bytes, 77);
}
END_TEST

START_TEST(a_boolean_is_one_of_eight_words)
{
	static const char *const good[] = { "yes", "true", "on", "1", "no", "false", "off", "0" };
	static const char *const bad[] = { "", "enabled", "Yes", "y", "01", "on " };
	bool value;

	for (size_t i = 0; i < COUNT(good); i++) {
		value = i >= 4;
		ck_assert_int_eq(config_boolean(good[i], &value), 0);
		ck_assert_int_eq(value, i < 4);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_int_eq(config_boolean(bad[i], &value), -1);
}
END_TEST

START_TEST(names_are_checked)
{
	char longest[65] = "";

	memset(longest, 'a', 64);
	ck_assert(config_source_name_valid("home-office") && config_source_name_valid("7_days"));
	ck_assert(!config_source_name_valid("") && !config_source_name_valid("Home"));
	ck_assert(!config_source_name_valid("-x") && !config_source_name_valid("_x"));
	ck_assert(!config_source_name_valid("a/b") && !config_source_name_valid("a.b"));
	ck_assert(!config_source_name_valid("..") && !config_source_name_valid("a b"));
	ck_assert(!config_source_name_valid(longest));
	ck_assert(config_source_name_valid(longest + 1));

	ck_assert(config_plugin_name_valid("home_office"));
	ck_assert(!config_plugin_name_valid("home-office") && !config_plugin_name_valid("../evil"));
	ck_assert(!config_plugin_name_valid("x.so") && !config_plugin_name_valid("7"));

	ck_assert(config_figure_name_valid("arrivals.people.last_7_days"));
	ck_assert(config_figure_name_valid(longest));
	ck_assert(!config_figure_name_valid("a..b") && !config_figure_name_valid("a."));
	ck_assert(!config_figure_name_valid(".a") && !config_figure_name_valid("a:b"));
	ck_assert(!config_figure_name_valid(""));
}
END_TEST

START_TEST(finds_the_nearest_word_or_none)
{
	const char *nearest = config_nearest(words[_i].word, known, COUNT(known));

	if (words[_i].nearest)
		ck_assert_pstr_eq(nearest, words[_i].nearest);
	else
		ck_assert_ptr_null(nearest);
}
END_TEST

START_TEST(very_long_words_have_no_neighbour)
{
	char word[1000];

	memset(word, 'p', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	ck_assert_ptr_null(config_nearest(word, known, COUNT(known)));
	ck_assert_ptr_null(config_nearest("plugin", (const char *const[]){ word }, 1));
	ck_assert_ptr_null(config_nearest("plugin", NULL, 0));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_text");
	TCase *tcase = tcase_create("words");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, reads_a_duration, 0, COUNT(durations));
	tcase_add_loop_test(tcase, refuses_what_is_not_wholly_a_duration, 0, COUNT(no_durations));
	tcase_add_loop_test(tcase, writes_the_shortest_duration, 0, COUNT(duration_texts));
	tcase_add_loop_test(tcase, reads_and_writes_a_share, 0, COUNT(percents));
	tcase_add_loop_test(tcase, refuses_what_is_not_wholly_a_share, 0, COUNT(no_percents));
	tcase_add_loop_test(tcase, reads_an_integer, 0, COUNT(integers));
	tcase_add_loop_test(tcase, refuses_octal_hexadecimal_and_rests, 0, COUNT(no_integers));
	tcase_add_loop_test(tcase, reads_a_size, 0, COUNT(sizes));
	tcase_add_loop_test(tcase, refuses_what_is_no_size, 0, COUNT(no_sizes));
	tcase_add_test(tcase, a_boolean_is_one_of_eight_words);
	tcase_add_test(tcase, names_are_checked);
	tcase_add_loop_test(tcase, finds_the_nearest_word_or_none, 0, COUNT(words));
	tcase_add_test(tcase, very_long_words_have_no_neighbour);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
