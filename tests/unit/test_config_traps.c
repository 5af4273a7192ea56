/* SPDX-License-Identifier: MIT
 *
 * test_config_traps.c - each trap of iniparser 4.1, and each mistake of an admin, is told with its
 * line.
 */
#include "config_case.h"

/* ── lines that are refused ────────────────────────────────────────────────────────────────── */

#define FIGURE "[figure f]\nsum = m\n"
#define GOES_ON                                                                                    \
	"a line that goes on in the next one ('\\') cannot have a comment: it would swallow it"

/* clang-format off */
static const struct {
	const char *text;
	const char *errors; /* LINE: TEXT, one a line */
} traps[] = {
	/* iniparser keeps the last of two keys, and merges two sections */
	{ SOURCE "x = 1\ny = 2\nx = 3\n", "5: key 'x' of [source a] is already set in line 3; remove one of the two\n" },
	{ SOURCE "\n[source b]\nplugin = p\n[source a]\nplugin = q\n",
	  "6: section [source a] is already in line 1; put its keys there, or give this one another name\n" },
	{ SOURCE "[source  a]\nplugin = q\n", "3: source 'a' is already defined in %:1; rename or remove one of the two\n" },
	{ FIGURE "window = total\n[figure\tf]\nsum = m\nwindow = total\n",
	  "4: figure 'f' is already defined in %:1; rename or remove one of the two\n" },
	{ "[straitd]\nlog_level = info\n[straitd]\nlog_level = info\n",
	  "3: section [straitd] is already in line 1; put its keys there, or give this one another name\n" },
	/* it cuts a value at ; and # */
	{ SOURCE "url = https://x/a?b=1;c=2#frag\n",
	  "3: ';' begins a comment and would cut the value of 'url' to 'https://x/a?b=1'; put the value between quotes: "
	  "url = \"…\" (or a blank before a comment)\n" },
	{ SOURCE "x = a#b\n", "3: '#' begins a comment and would cut the value of 'x' to 'a'; put the value between quotes: "
	  "x = \"…\" (or a blank before a comment)\n" },
	/* it takes an open quote as closed at the end, and drops what follows a closed one */
	{ SOURCE "x = \"abc\n", "3: the value of 'x' begins with \", and no second \" ends it\n" },
	{ SOURCE "x = 'abc ; comment\n", "3: the value of 'x' begins with ', and no second ' ends it\n" },
	{ SOURCE "x = \"\n", "3: the value of 'x' begins with \", and no second \" ends it\n" },
	{ SOURCE "x = \"a\" b\n", "3: the value of 'x' ends at its second \", and 'b' after it would be lost; a value that has "
	  "one kind of quotes in it goes between the other kind\n" },
	{ SOURCE "x = \"say \"\"hi\"\"\"\n", "3: the value of 'x' ends at its second \", and '\"hi\"\"\"' after it would be lost; "
	  "a value that has one kind of quotes in it goes between the other kind\n" },
	/* keys before any section become ":key" */
	{ "plugin = p\n" SOURCE, "1: key 'plugin' stands before any section; put it below [straitd], [source NAME] or "
	  "[figure NAME]\n" },
	/* a colon separates sections from keys, names are lower-cased, quotes stay part of them */
	{ "[source a:b]\nplugin = p\n", "1: the name of section 'source a:b' has a ':', which separates sections from keys; "
	  "take another\n" },
	{ SOURCE "a:b = 1\n", "3: key 'a:b' has a character in it that no key can have\n" },
	{ "[source Home]\nplugin = p\n", "1: the name of section 'source Home' has capital letters; names are lower case\n" },
	{ "[Source home]\nplugin = p\n", "1: the name of section 'Source home' has capital letters; names are lower case\n" },
	{ "[source a]\nPlugin = p\n", "1: [source a] does not say which plugin reads it; add plugin = NAME\n"
	  "2: key 'Plugin' has capital letters; keys are lower case\n" },
	{ "[source \"a\"]\nplugin = p\n", "1: '\"a\"' is not a name for a source; take small letters, digits, '_' and '-', without "
	  "quotes, at most 63\n" },
	/* a section with a comment after it is a syntax error, or even a key */
	{ "[source a] # x = y\nplugin = p\n", "1: nothing, not even a comment, may stand after the ']' of a section; put '# x = y' "
	  "in a line of its own\n" },
	{ "[source a]b]\nplugin = p\n", "1: nothing, not even a comment, may stand after the ']' of a section; put 'b]' in a line "
	  "of its own\n" },
	{ "[source a\nplugin = p\n", "1: the ']' of '[source a' is missing\n" },
	{ "[]\nx = 1\n", "1: a section needs a name: [straitd], [source NAME] or [figure NAME]\n" },
	/* no '=', no value */
	{ SOURCE "enabled\n-x\n", "3: 'enabled' is neither KEY = VALUE nor [SECTION]; a comment begins with '#'\n"
	  "4: '-x' is neither KEY = VALUE nor [SECTION]; a comment begins with '#'\n" },
	{ SOURCE "= 1\n", "3: there is no key before the '='\n" },
	{ SOURCE "x =\ny = ; z\n", "3: key 'x' has no value; remove the line, or write x = \"\" for an empty one\n"
	  "4: key 'y' has no value; remove the line, or write y = \"\" for an empty one\n" },
	{ SOURCE "z", "3: 'z' is neither KEY = VALUE nor [SECTION]; a comment begins with '#'\n" },
	/* a backslash at the end joins the next line, also in comments */
	{ SOURCE "# see C:\\\nx = 1\n", "3: a comment that ends with '\\' goes on in the next line and swallows it; end it with "
	  "something else\n" },
	{ SOURCE "x = a ; b \\\ny = 2\n", "3: " GOES_ON "\n" },
	{ SOURCE "x = \"a\" ; b \\\ny = 2\n", "3: " GOES_ON "\n" },
	{ SOURCE "x = a \\\n", "3: the file ends in the middle of a line that goes on ('\\')\n" },
	{ "[source \\\na]\nplugin = p\n", "1: the name of a section cannot go on in the next line; remove the '\\'\n" },
	/* characters that nobody sees */
	{ SOURCE "x = caf\xe9\n", "3: byte 0xe9 is not UTF-8; save the file as UTF-8\n" },
	{ SOURCE "x = a\x01z\n", "3: there is an invisible character (U+0001) in the line; remove it\n" },
	{ SOURCE "x = a\xe2\x80\x8bz\n", "3: there is an invisible character (U+200B) in the line; remove it\n" },
	{ SOURCE "\xef\xbb\xbfx = a\n", "3: there is an invisible character (U+FEFF) in the line; remove it\n" },
	{ SOURCE "x = a\rb\n", "3: there is an invisible character (U+000D) in the line; remove it\n" },
	{ SOURCE "x = a\xc2\xa0\n", "3: the value of 'x' has a no-break space in it (copied from a web page?): 'a\xc2\xa0'; write a "
	  "plain one, or put the value between quotes\n" },
	{ "\xff\xfe[\0", "1: the file is UTF-16; save it as UTF-8\n" },

	/* [straitd] */
	{ "[straitd]\nlog_levle = debug\n", "2: unknown key 'log_levle' in [straitd]; did you mean 'log_level'?\n" },
	{ "[straitd]\ncolour = red\n", "2: unknown key 'colour' in [straitd]\n" },
	{ "[straitd]\nlog_level = loud\n", "2: log_level = 'loud' is none of error, warning, notice, info, debug\n" },
	{ "[straitd]\nchange_retention = 10\n", "2: change_retention = '10' is not a duration; write a whole number and one of "
	  "s, m, h, d, w: 90s, 12h, 7d\n" },
	{ "[straitd]\nchange_limit = 0\n", "2: change_limit = '0' is not a whole number from 1 to 1000000000\n" },
	{ "[straitd]\nchange_limit = 1G\n", "2: change_limit = '1G' is not a whole number from 1 to 1000000000\n" },
	{ "[straitd]\nkeep_originals = 1T\n", "2: keep_originals = '1T' is not a size; write a whole number and perhaps one of "
	  "K, M, G: 500M; 0 for none\n" },
	{ "[straitd x]\nlog_level = info\n", "1: [straitd] has no name after it; write [straitd]\n" },
	/* sections */
	{ "[sorce a]\nplugin = p\n", "1: unknown section 'sorce a'; did you mean [source NAME]?\n" },
	{ "[strait]\n", "1: unknown section 'strait'; did you mean [straitd]?\n" },
	{ "[plugin a]\n", "1: unknown section 'plugin a'; there are [straitd], [source NAME], [figure NAME] and [check NAME]\n" },
	{ "[source]\nplugin = p\n", "1: [source] needs a name: [source NAME]\n" },
	/* [source] */
	{ "[source a]\nplugn = p\n", "2: unknown key 'plugn' in [source a]; did you mean 'plugin'?\n" },
	{ "[source a]\nx = 1\n", "1: [source a] does not say which plugin reads it; add plugin = NAME\n" },
	{ "[source a]\nplugin = x#y\n", "2: '#' begins a comment and would cut the value of 'plugin' to 'x'; put the value between "
	  "quotes: plugin = \"…\" (or a blank before a comment)\n" },
	{ "[source a]\nplugin = ../x.so\n", "2: plugin = '../x.so' is not a plugin's name; those have small letters, digits and '_' "
	  "in them and no path or '.so'\n" },
	{ "[source ../a]\nplugin = p\n", "1: '../a' is not a name for a source; take small letters, digits, '_' and '-', without "
	  "quotes, at most 63\n" },
	{ SOURCE "input = data\n", "3: input = 'data' is not an absolute path; begin it with '/'\n" },
	{ SOURCE "log = ~/x.log\n", "3: log = '~/x.log' is not an absolute path; begin it with '/'\n" },
	{ SOURCE "url = http://x\nlog = /y\n", "3: [source a] has both 'url' and 'log' (line 4); a source fetches documents or "
	  "follows a log: make two sources of it\n" },
	{ SOURCE "reject_limit = 10\n", "3: reject_limit = '10' is not a share; write a number from 0 to 100, with at most two "
	  "decimals, and a percent sign\n" },
	{ SOURCE "refresh = 1h\n",
	  "3: refresh is about fetching a url, and [source a] has no url\n" },
	{ SOURCE "fetch_max = 1G\n",
	  "3: fetch_max is about fetching a url, and [source a] has no url\n" },
	{ SOURCE "url = https://x/y\nfetch_max = big\n",
	  "4: fetch_max = 'big' is not a size; write a whole number and perhaps one of K, M, G: 500M; "
	  "0 for none\n" },
	{ SOURCE "url = gov.uk/x\n", "3: url = 'gov.uk/x' does not begin with https:// or http://\n" },
	{ SOURCE "follow = *.ods\n", "3: follow picks a link on the page of a url, and [source a] has no url\n" },
	{ SOURCE "cadence = weekly\n", "3: cadence = 'weekly' is not a duration; write a whole number and one of s, m, h, d, w: "
	  "90s, 12h, 7d\n" },
	{ SOURCE "cadence = 010d\ninput = x\n", "3: cadence = '010d' is not a duration; write a whole number and one of s, m, h, d, "
	  "w: 90s, 12h, 7d\n4: input = 'x' is not an absolute path; begin it with '/'\n" },
	{ SOURCE "[source b]\nplugin = p\ninput = /spool/a\n", "3: source 'b' reads the same directory '/spool/a' as source 'a' "
	  "(%:1); each file would be taken by one of them only\n" },
	/* [figure] */
	{ FIGURE, "1: [figure f] has no window; add window = one of latest, previous, last_7_days, last_28_days, month_to_date, "
	  "year_to_date, total, record, or a period such as 2020, 2020-Q3 or 2020-09-02\n" },
	{ FIGURE "window = last_7_day\n", "3: window = 'last_7_day' is no window; did you mean 'last_7_days'?\n" },
	{ FIGURE "window = 2020-02-30\n", "3: window = '2020-02-30' is none of latest, previous, last_7_days, last_28_days, "
	  "month_to_date, year_to_date, total, record, or a period such as 2020, 2020-Q3 or 2020-09-02\n" },
	{ FIGURE "window = total\nratio = a / b\n", "4: [figure f] has both 'ratio' and 'sum' (line 2); a figure is computed in one "
	  "way\n" },
	{ "[figure f]\nwindow = total\n", "1: [figure f] does not say how it is computed; add one of sum, count, max, mean, "
	  "percentile, below, change, ratio or formula\n" },
	{ "[figure f]\nwindow = total\nratio = a + b\n", "3: ratio = a + b has no '/': write ratio = A / B\n" },
	{ "[figure f]\nwindow = total\nsum = a / b\n", "3: sum = a / b is a ratio; write ratio = a / b\n" },
	{ FIGURE "window = total\ntitel = x\n", "4: unknown key 'titel' in [figure f]; did you mean 'title'?\n" },
	{ FIGURE "window = total\nunit = a unit that is much too long to be one\n", "4: the unit is longer than 31 bytes\n" },
	{ "[figure a..b]\nsum = m\nwindow = total\n", "1: 'a..b' is not a name for a figure; take small letters, digits, '_', '-' "
	  "and single dots, at most 64\n" },
};
/* clang-format on */

/* "3: text\n4: …" → "etc/straitd.conf:3: text\n…", and % is the file. */
static const char *with_file(const char *short_form)
{
	static char text[8192];
	FILE *out = fmemopen(text, sizeof(text), "w");

	for (const char *at = short_form; *at; at++) {
		if (at == short_form || at[-1] == '\n')
			(void)fputs("etc/straitd.conf:", out);
		if (*at == '%')
			(void)fprintf(out, "%s/etc/straitd.conf", root);
		else
			(void)fputc(*at, out);
	}
	(void)fclose(out);
	return text;
}

START_TEST(tells_the_trap_with_its_line)
{
	write_text("etc/straitd.conf", traps[_i].text);
	expect_errors(with_file(traps[_i].errors));
}
END_TEST

START_TEST(a_wrong_formula_is_told_with_its_line)
{
	struct config *config = NULL;
	struct config_errors errors;

	write_text("etc/straitd.conf", "[figure f]\nwindow = total\npercentile = m{a=b}, 500\n");
	ck_assert_int_lt(load(&config, &errors), 0);
	ck_assert_uint_eq(errors.count, 1);
	ck_assert_uint_eq(errors.items[0].line, 3);
	ck_assert_ptr_nonnull(strstr(errors.items[0].text, "percentile(m{a=b}, 500)"));
	config_errors_done(&errors);
}
END_TEST

START_TEST(a_long_line_is_told_and_the_rest_still_checked)
{
	char text[4096] = SOURCE "x = ";
	size_t size = strlen(text);

	memset(text + size, 'a', 1500);
	(void)snprintf(text + size + 1500, sizeof(text) - size - 1500, "\ninput = rel\n");
	write_text("etc/straitd.conf", text);
	expect_errors(
		with_file("3: the line is longer than 1000 bytes, with those that go on from it\n"
			  "4: input = 'rel' is not an absolute path; begin it with '/'\n"));
}
END_TEST

START_TEST(a_line_of_the_greatest_length_is_whole)
{
	char text[4096] = SOURCE "x = ";
	size_t size = strlen(text), length = CONFIG_LINE_MAX_BYTES - strlen("x = ");
	struct config *config;

	memset(text + size, 'a', length);
	text[size + length] = '\n';
	write_text("etc/straitd.conf", text);
	config = expect_config();
	ck_assert_uint_eq(strlen(config->sources[0].options[0].value), length);
	config_free(config);
}
END_TEST

START_TEST(a_long_comment_does_no_harm)
{
	char text[4096] = SOURCE;
	size_t size = strlen(text);

	memset(text + size, '#', 2000);
	(void)snprintf(text + size + 2000, sizeof(text) - size - 2000, "\nx = 1\n");
	write_text("etc/straitd.conf", text);
	config_free(expect_config());
}
END_TEST

START_TEST(a_file_with_nul_bytes_is_told)
{
	static const char text[] = SOURCE "x = a\0b\n";

	write_bytes("etc/straitd.conf", text, sizeof(text) - 1);
	expect_errors(
		with_file("3: there is an invisible character (U+0000) in the line; remove it\n"));
}
END_TEST

START_TEST(too_many_keys_and_errors_have_an_end)
{
	struct config *config = NULL;
	struct config_errors errors;
	FILE *file = fopen("etc/straitd.conf", "we");

	(void)fputs(SOURCE, file);
	for (int i = 0; i < 100000; i++)
		(void)fprintf(file, "k%d=1\n", i);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_lt(load(&config, &errors), 0);
	ck_assert_uint_eq(errors.count, CONFIG_ERRORS_MAX + 1);
	ck_assert_str_eq(errors.items[0].text, "there are more errors than these");
	ck_assert_str_eq(errors.items[1].text, "[source a] has more than 128 keys");
	config_errors_done(&errors);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_traps");
	TCase *tcase = tcase_create("files");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, tells_the_trap_with_its_line, 0, COUNT(traps));
	tcase_add_test(tcase, a_wrong_formula_is_told_with_its_line);
	tcase_add_test(tcase, a_long_line_is_told_and_the_rest_still_checked);
	tcase_add_test(tcase, a_line_of_the_greatest_length_is_whole);
	tcase_add_test(tcase, a_long_comment_does_no_harm);
	tcase_add_test(tcase, a_file_with_nul_bytes_is_told);
	tcase_add_test(tcase, too_many_keys_and_errors_have_an_end);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
