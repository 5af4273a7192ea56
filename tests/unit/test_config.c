/* SPDX-License-Identifier: MIT
 *
 * test_config.c - the configuration as files: what is accepted means what it says, and each trap of
 * iniparser 4.1 is told with its line.
 */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "config_scan.h"
#include "log.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DAY_MS	     INT64_C(86400000)

static char root[64];
static char logged[4096];

static void capture(void *context, int level, enum log_token token, const char *source,
		    const char *text)
{
	size_t used = strlen(logged);

	(void)context;
	(void)token;
	(void)snprintf(logged + used, sizeof(logged) - used, "%d %s: %s\n", level,
		       source ? source : "-", text);
}

static void setup(void)
{
	logged[0] = '\0';
	(void)snprintf(root, sizeof(root), "/tmp/strait-config-XXXXXX");
	log_set_sink(capture, NULL);
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_int_eq(chdir(root), 0);
	ck_assert_int_eq(mkdir("etc", 0755), 0);
	ck_assert_int_eq(mkdir("etc/conf.d", 0755), 0);
	ck_assert_int_eq(mkdir("vendor", 0755), 0);
	ck_assert_int_eq(mkdir("vendor/conf.d", 0755), 0);
}

static void teardown(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		execlp("rm", "rm", "-rf", "--", root, (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static void write_bytes(const char *path, const char *text, size_t size)
{
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

static void write_text(const char *path, const char *text)
{
	write_bytes(path, text, strlen(text));
}

static int load(struct config **ret_config, struct config_errors *ret_errors)
{
	char directory[128], vendor[128];

	(void)snprintf(directory, sizeof(directory), "%s/etc", root);
	(void)snprintf(vendor, sizeof(vendor), "%s/vendor", root);
	return config_load(directory, vendor, "/spool", ret_config, ret_errors);
}

/* All errors as "FILE:LINE: TEXT" lines, files relative to the root. */
static void expect_errors(const char *expected)
{
	struct config *config = NULL;
	struct config_errors errors;
	char found[16384] = "";
	size_t used = 0;

	ck_assert_msg(load(&config, &errors) < 0, "loaded, but expected:\n%s", expected);
	ck_assert_ptr_null(config);
	for (size_t i = 0; i < errors.count; i++) {
		const struct config_error *error = &errors.items[i];
		const char *file = error->file;

		if (strncmp(file, root, strlen(root)) == 0)
			file += strlen(root) + 1;
		used += (size_t)snprintf(found + used, sizeof(found) - used, "%s:%u: %s\n", file,
					 error->line, error->text);
		ck_assert_uint_lt(used, sizeof(found));
	}
	config_errors_done(&errors);
	ck_assert_str_eq(found, expected);
}

static struct config *expect_config(void)
{
	struct config *config = NULL;
	struct config_errors errors;

	if (load(&config, &errors) < 0)
		ck_abort_msg("%s:%u: %s", errors.items[0].file, errors.items[0].line,
			     errors.items[0].text);
	ck_assert_uint_eq(errors.count, 0);
	config_errors_done(&errors);
	return config;
}

/* ── lines that are refused ────────────────────────────────────────────────────────────────── */

#define SOURCE "[source a]\nplugin = p\n"
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
	{ "[straitd x]\nlog_level = info\n", "1: [straitd] has no name after it; write [straitd]\n" },
	/* sections */
	{ "[sorce a]\nplugin = p\n", "1: unknown section 'sorce a'; did you mean [source NAME]?\n" },
	{ "[strait]\n", "1: unknown section 'strait'; did you mean [straitd]?\n" },
	{ "[plugin a]\n", "1: unknown section 'plugin a'; there are [straitd], [source NAME] and [figure NAME]\n" },
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
	{ SOURCE "input = /x\nlog = /y\n", "3: [source a] has both 'input' and 'log' (line 4); a source reads either a spool "
	  "directory or a log: make two sources of it\n" },
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

/* ── what is accepted ──────────────────────────────────────────────────────────────────────── */

START_TEST(without_any_file_there_are_no_sources)
{
	struct config *config;
	struct config_errors errors;

	ck_assert_int_eq(config_load("/nowhere", "/nowhere/either", "/spool", &config, &errors), 0);
	ck_assert_uint_eq(config->source_count + config->figure_count + config->file_count, 0);
	ck_assert_int_eq(config->change_retention_ms, 400 * DAY_MS);
	ck_assert_ptr_null(config->log_level);
	config_free(config);
	ck_assert_int_eq(config_load("/nowhere", NULL, "/spool", &config, &errors), 0);
	config_free(config);
}
END_TEST

/* clang-format off */
static const struct {
	const char *line, *value;
} values[] = {
	{ "x = plain words ; comment", "plain words" },
	{ "x = plain\t# comment", "plain" },
	{ "x=1", "1" },
	{ "  x  =  1  ", "1" },
	{ "x = \"a;b # c\" ; d", "a;b # c" },
	{ "x = 'say \"hi\"'", "say \"hi\"" },
	{ "x = it's \"so\"", "it's \"so\"" },
	{ "x = \"  kept  \"", "  kept  " },
	{ "x = \"\"", "" },
	{ "x = '' # say \"hi\"", "" },
	{ "x = a = b", "a = b" },
	{ "x = [y]", "[y]" },
	{ "x = one\\\ntwo", "onetwo" },
	{ "x = one \\  \n   two", "one    two" },
	{ "\\\nx = 1", "1" },
	{ "x = r\xc3\xa9sum\xc3\xa9", "r\xc3\xa9sum\xc3\xa9" },
	{ "x = \"a\xc2\xa0\x62\"", "a\xc2\xa0\x62" },
	{ "x = 1\r", "1" },
	{ "x = C:\\dir", "C:\\dir" },
	{ "x = %s%n", "%s%n" },
	{ "x = 010", "010" },
};
/* clang-format on */

START_TEST(a_value_is_what_stands_there)
{
	char text[512];
	struct config *config;

	(void)snprintf(text, sizeof(text), "\xef\xbb\xbf" SOURCE "%s", values[_i].line);
	write_text("etc/straitd.conf", text);
	config = expect_config();
	ck_assert_uint_eq(config->sources[0].option_count, 1);
	ck_assert_str_eq(config->sources[0].options[0].key, "x");
	ck_assert_str_eq(config->sources[0].options[0].value, values[_i].value);
	config_free(config);
}
END_TEST

/* clang-format off */
static const struct {
	const char *text, *formula, *window, *unit, *title;
} figures[] = {
	{ "ratio = a.b{k=v} / a.b\nwindow = year_to_date\nunit = share\ntitle = T", "a.b{k=v} / a.b", "year_to_date", "share", "T" },
	{ "ratio = a / b\nwindow = 2020", "a / b", "2020", "ratio", "f" },
	{ "sum = a + b\nwindow = total", "a + b", "total", "", "f" },
	{ "max = a\nwindow = record", "max(a)", "record", "", "f" },
	{ "mean = a\nwindow = last_28_days", "mean(a)", "last_28_days", "", "f" },
	{ "count = a{k=v}\nwindow = 2020-01/2020-05", "count(a{k=v})", "2020-01/2020-05", "", "f" },
	{ "percentile = a{k=v,l=w}, 50\nwindow = latest", "percentile(a{k=v,l=w}, 50)", "latest", "", "f" },
	{ "below = a, 24\nwindow = previous", "below(a, 24)", "previous", "", "f" },
	{ "change = a\nwindow = month_to_date", "change(a)", "month_to_date", "ratio", "f" },
	{ "formula = max(a) / mean(b)\nwindow = total", "max(a) / mean(b)", "total", "ratio", "f" },
};
/* clang-format on */

START_TEST(a_figure_becomes_a_formula)
{
	char text[512];
	struct config *config;

	(void)snprintf(text, sizeof(text), "[figure f]\n%s\n", figures[_i].text);
	write_text("etc/straitd.conf", text);
	config = expect_config();
	ck_assert_uint_eq(config->figure_count, 1);
	ck_assert_str_eq(config->figures[0].formula, figures[_i].formula);
	ck_assert_str_eq(config->figures[0].window, figures[_i].window);
	ck_assert_str_eq(config->figures[0].unit, figures[_i].unit);
	ck_assert_str_eq(config->figures[0].title, figures[_i].title);
	config_free(config);
}
END_TEST

#define EXAMPLE                                                                                                     \
	"[straitd]\nchange_retention = 30d\nlog_level = debug\n"                                                    \
	"[source home-office]\nplugin = home_office ; c\ncadence = 7d\nurl = \"https://x/a;b#c\"\nfollow = *.ods\n" \
	"column.when = ' Date'\nempty = \"\"\nwords = it's \"so\"\n"                                                \
	"[source log]\nplugin = boat_sightings\nlog = /var/log/x.csv\n"                                             \
	"[figure f]\npercentile = a, 50\nwindow = total\nunit = hours\n"

START_TEST(a_source_has_its_defaults)
{
	struct config *config;
	const struct config_source *source;

	write_text("etc/straitd.conf", EXAMPLE);
	config = expect_config();
	ck_assert_int_eq(config->change_retention_ms, 30 * DAY_MS);
	ck_assert_str_eq(config->log_level, "debug");
	ck_assert_uint_eq(config->source_count, 2);
	source = &config->sources[0];
	ck_assert_str_eq(source->name, "home-office");
	ck_assert_str_eq(source->plugin, "home_office");
	ck_assert_str_eq(source->input, "/spool/home-office");
	ck_assert_ptr_null(source->log);
	ck_assert_str_eq(source->url, "https://x/a;b#c");
	ck_assert_str_eq(source->follow, "*.ods");
	ck_assert_int_eq(source->cadence_ms, 7 * DAY_MS);
	ck_assert_uint_eq(source->line, 4);
	ck_assert_uint_eq(source->option_count, 3);
	ck_assert_str_eq(source->options[0].key, "column.when");
	ck_assert_str_eq(source->options[0].value, " Date");
	ck_assert_uint_eq(source->options[0].line, 9);
	ck_assert_str_eq(config->sources[1].log, "/var/log/x.csv");
	ck_assert_int_eq(config->sources[1].cadence_ms, 0);
	ck_assert_str_eq(logged,
			 "4 home-office: url is not fetched by this version; files are expected in "
			 "'/spool/home-office/incoming'\n");
	config_free(config);
}
END_TEST

START_TEST(a_key_that_looks_like_ours_is_warned_of)
{
	char expected[256];

	write_text("etc/straitd.conf", SOURCE "cadense = 7d\n");
	config_free(expect_config());
	(void)snprintf(
		expected, sizeof(expected),
		"4 a: %s/etc/straitd.conf:3: key 'cadense' is handed to plugin 'p'; did you mean 'cadence'?\n",
		root);
	ck_assert_str_eq(logged, expected);
}
END_TEST

/* ── several files ─────────────────────────────────────────────────────────────────────────── */

START_TEST(files_are_read_in_order_of_name_and_the_admins_mask_the_vendors)
{
	struct config *config;

	write_text("etc/straitd.conf", "[source z]\nplugin = p\n");
	write_text("etc/conf.d/20.conf", "[source b]\nplugin = admin\n");
	write_text("etc/conf.d/.hidden.conf", "nonsense");
	write_text("etc/conf.d/20.conf~", "nonsense");
	write_text("etc/conf.d/30.conf", "");
	ck_assert_int_eq(symlink("/dev/null", "etc/conf.d/40.conf"), 0);
	write_text("vendor/conf.d/10.conf", "[source a]\nplugin = p\n");
	write_text("vendor/conf.d/20.conf", "[source b]\nplugin = vendor\n");
	write_text("vendor/conf.d/30.conf", "[source c]\nplugin = p\n");
	write_text("vendor/conf.d/40.conf", "[source d]\nplugin = p\n");
	config = expect_config();
	ck_assert_uint_eq(config->source_count, 3);
	ck_assert_str_eq(config->sources[0].name, "z");
	ck_assert_str_eq(config->sources[1].name, "a");
	ck_assert_str_eq(config->sources[2].name, "b");
	ck_assert_str_eq(config->sources[2].plugin, "admin");
	ck_assert_uint_eq(config->file_count, 5);
	config_free(config);
}
END_TEST

START_TEST(all_errors_of_all_files_are_told_by_file_and_line)
{
	char expected[2048];

	write_text("etc/straitd.conf", "[straitd]\nlog_level = info\n[source a]\nplugin = p\n");
	write_text("etc/conf.d/10.conf",
		   "[straitd]\nlog_level = debug\n[source a]\nplugin = p\nx\n");
	write_text("etc/conf.d/20.conf", "[figure f]\nwindow = total\n");
	ck_assert_int_eq(symlink("missing", "etc/conf.d/30.conf"), 0);
	ck_assert_int_eq(mkdir("etc/conf.d/40.conf", 0755), 0);
	ck_assert_int_eq(mkfifo("etc/conf.d/50.conf", 0644), 0);
	(void)snprintf(
		expected, sizeof(expected),
		"etc/conf.d/10.conf:2: key 'log_level' of [straitd] is already set in %s/etc/straitd.conf:2; remove one "
		"of the two\n"
		"etc/conf.d/10.conf:3: source 'a' is already defined in %s/etc/straitd.conf:3; rename or remove one of "
		"the two\n"
		"etc/conf.d/10.conf:5: 'x' is neither KEY = VALUE nor [SECTION]; a comment begins with '#'\n"
		"etc/conf.d/20.conf:1: [figure f] does not say how it is computed; add one of sum, count, max, mean, "
		"percentile, below, change, ratio or formula\n"
		"etc/conf.d/30.conf:0: is a link to nowhere; to disable a file of this name link it to /dev/null\n"
		"etc/conf.d/40.conf:0: is not a file; to disable a configuration file make it empty or a link to "
		"/dev/null\n"
		"etc/conf.d/50.conf:0: is not a file; to disable a configuration file make it empty or a link to "
		"/dev/null\n",
		root, root);
	expect_errors(expected);
}
END_TEST

/* ── comparing and printing ────────────────────────────────────────────────────────────────── */

START_TEST(what_is_printed_reads_back_as_the_same)
{
	struct config *first, *second;
	FILE *out;

	write_text("etc/straitd.conf", EXAMPLE);
	first = expect_config();
	out = fopen("etc/straitd.conf", "we");
	config_print(first, out);
	ck_assert_int_eq(fclose(out), 0);
	second = expect_config();
	ck_assert_int_eq(second->change_retention_ms, first->change_retention_ms);
	ck_assert_str_eq(second->log_level, first->log_level);
	ck_assert_uint_eq(second->source_count, 2);
	ck_assert(config_source_equal(&first->sources[0], &second->sources[0]));
	ck_assert(config_source_equal(&first->sources[1], &second->sources[1]));
	ck_assert_str_eq(second->figures[0].formula, first->figures[0].formula);
	ck_assert_str_eq(second->figures[0].window, first->figures[0].window);
	ck_assert_str_eq(second->figures[0].unit, first->figures[0].unit);
	config_free(first);
	config_free(second);
}
END_TEST

START_TEST(each_printed_value_has_its_origin)
{
	char text[8192] = "", expected[8192];
	struct config *config;
	FILE *out = fmemopen(text, sizeof(text), "w");

	write_text("etc/conf.d/a.conf",
		   "[source s]\nplugin = p\n\nx = \"a;b\"\n[figure f]\nmax = m\nwindow = total\n");
	config = expect_config();
	config_print(config, out);
	(void)fclose(out);
	(void)snprintf(
		expected, sizeof(expected),
		"# 1 files read: 1 sources, 1 figures\n[straitd]\nchange_retention = 400d  # default\n"
		"log_level        = info  # default\n\n"
		"# %s/etc/conf.d/a.conf:1\n[source s]\n"
		"plugin           = p  # %s/etc/conf.d/a.conf:2\n"
		"input            = /spool/s  # default\n"
		"x                = \"a;b\"  # %s/etc/conf.d/a.conf:4\n\n"
		"# %s/etc/conf.d/a.conf:5\n[figure f]\n"
		"formula          = max(m)  # %s/etc/conf.d/a.conf:6\n"
		"window           = total  # %s/etc/conf.d/a.conf:7\n"
		"unit             = \"\"  # default\n"
		"title            = f  # default\n",
		root, root, root, root, root, root);
	ck_assert_str_eq(text, expected);
	config_free(config);
}
END_TEST

START_TEST(sources_differ_by_what_a_worker_sees)
{
	static const char *const variants[] = {
		"[source a]\nplugin = p\nx = 1\ny = 2\n",
		"[source a]\nplugin = q\nx = 1\ny = 2\n",
		"[source a]\nplugin = p\nx = 1\ny = 3\n",
		"[source a]\nplugin = p\nx = 1\n",
		"[source a]\nplugin = p\nx = 1\nz = 2\n",
		"[source a]\nplugin = p\nx = 1\ny = 2\ncadence = 1d\n",
		"[source a]\nplugin = p\nx = 1\ny = 2\ninput = /x\n",
		"[source a]\nplugin = p\nx = 1\ny = 2\nlog = /x\n",
		"[source b]\nplugin = p\nx = 1\ny = 2\n",
	};
	struct config *first, *other;

	write_text("etc/straitd.conf", variants[0]);
	first = expect_config();
	for (size_t i = 1; i < COUNT(variants); i++) {
		write_text("etc/straitd.conf", variants[i]);
		other = expect_config();
		ck_assert_msg(!config_source_equal(&first->sources[0], &other->sources[0]), "%s",
			      variants[i]);
		config_free(other);
	}
	write_text("etc/straitd.conf",
		   "# elsewhere in the file\n[source a]\ny = 2\nx = 1\nplugin = p\n");
	other = expect_config();
	ck_assert(config_source_equal(&first->sources[0], &other->sources[0]));
	config_free(other);
	config_free(first);
}
END_TEST

/* Random lines from a small alphabet of everything that means something: whatever the scan lets
   through, iniparser reads, and every value is there. */
START_TEST(what_the_scan_accepts_iniparser_reads)
{
	static const char *const pieces[] = { "x",
					      "y",
					      " ",
					      "\t",
					      "=",
					      "=",
					      "\"",
					      "'",
					      ";",
					      "#",
					      "\\",
					      "\\\n",
					      "\n",
					      "\n",
					      "[source a]\n",
					      "]",
					      "plugin = p\n",
					      "\r\n",
					      ":",
					      "\xc3\xa9",
					      "a" };
	char text[1024], found[64];
	int accepted = 0;

	for (unsigned int seed = 1; seed <= 4000; seed++) {
		struct config *config = NULL;
		struct config_errors errors;
		size_t used = (size_t)snprintf(text, sizeof(text), "%s", SOURCE);

		srandom(seed);
		for (int i = 0; i < 7; i++)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s",
						 pieces[(size_t)random() % COUNT(pieces)]);
		write_text("etc/straitd.conf", text);
		if (load(&config, &errors) < 0) {
			(void)snprintf(found, sizeof(found), "%.60s", errors.items[0].text);
			ck_assert_msg(!strstr(found, "iniparser"), "%s:\n%s", found, text);
			config_errors_done(&errors);
			continue;
		}
		accepted++;
		for (size_t i = 0; i < config->sources[0].option_count; i++)
			ck_assert_msg(strstr(text, config->sources[0].options[i].value) ||
					      strstr(text, "\\"),
				      "%s", text);
		config_free(config);
	}
	ck_assert_int_gt(accepted, 100);
}
END_TEST

/* ── the examples in conf/ ─────────────────────────────────────────────────────────────────── */

static char *read_text(const char *path)
{
	char *text = calloc(1, CONFIG_FILE_MAX_BYTES);
	FILE *file = fopen(path, "re");

	ck_assert_msg(file != NULL, "%s", path);
	ck_assert_uint_gt(fread(text, 1, CONFIG_FILE_MAX_BYTES - 1, file), 0);
	(void)fclose(file);
	return text;
}

/* Copies conf/NAME into the configuration. */
static void install(const char *name)
{
	const char *source = getenv("STRAIT_SOURCE");
	char from[4096], to[256];
	char *text;

	ck_assert_msg(source != NULL, "STRAIT_SOURCE is set by tests/run");
	(void)snprintf(from, sizeof(from), "%s/conf/%s", source, name);
	(void)snprintf(to, sizeof(to), "etc/%s", name);
	text = read_text(from);
	write_text(to, text);
	free(text);
}

START_TEST(the_examples_are_accepted)
{
	struct config *config;

	install("straitd.conf");
	install("conf.d/home-office.conf");
	install("conf.d/platform-response.conf");
	install("conf.d/boat-sightings.conf");
	config = expect_config();
	ck_assert_uint_eq(config->source_count, 3);
	ck_assert_uint_eq(config->figure_count, 0);
	config_free(config);
}
END_TEST

START_TEST(straitd_conf_names_every_key)
{
	static const char *const keys[] = { "change_retention = 400d",
					    "log_level = info",
					    "plugin =",
					    "input =",
					    "log =",
					    "url =",
					    "follow =",
					    "cadence =",
					    "sum =",
					    "ratio =",
					    "count =",
					    "max =",
					    "mean =",
					    "percentile =",
					    "below =",
					    "change =",
					    "formula =",
					    "window =",
					    "unit =",
					    "title =" };
	char *text;

	install("straitd.conf");
	text = read_text("etc/straitd.conf");
	for (size_t i = 0; i < COUNT(keys); i++) {
		char wanted[64];

		(void)snprintf(wanted, sizeof(wanted), "\n#%s", keys[i]);
		ck_assert_msg(strstr(text, wanted) != NULL, "%s", keys[i]);
	}
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
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
	tcase_add_test(tcase, without_any_file_there_are_no_sources);
	tcase_add_loop_test(tcase, a_value_is_what_stands_there, 0, COUNT(values));
	tcase_add_loop_test(tcase, a_figure_becomes_a_formula, 0, COUNT(figures));
	tcase_add_test(tcase, a_source_has_its_defaults);
	tcase_add_test(tcase, a_key_that_looks_like_ours_is_warned_of);
	tcase_add_test(tcase, files_are_read_in_order_of_name_and_the_admins_mask_the_vendors);
	tcase_add_test(tcase, all_errors_of_all_files_are_told_by_file_and_line);
	tcase_add_test(tcase, what_is_printed_reads_back_as_the_same);
	tcase_add_test(tcase, each_printed_value_has_its_origin);
	tcase_add_test(tcase, sources_differ_by_what_a_worker_sees);
	tcase_add_test(tcase, what_the_scan_accepts_iniparser_reads);
	tcase_add_test(tcase, the_examples_are_accepted);
	tcase_add_test(tcase, straitd_conf_names_every_key);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
