/* SPDX-License-Identifier: MIT
 *
 * test_config.c - the configuration as files: what is accepted means what it says; several files;
 * what is printed. What is refused: test_config_traps.c.
 */
#include "config_case.h"

/* ── what is accepted ──────────────────────────────────────────────────────────────────────── */

START_TEST(without_any_file_there_are_no_sources)
{
	struct config *config;
	struct config_errors errors;

	ck_assert_int_eq(config_load("/nowhere", "/nowhere/either", "/spool", &config, &errors), 0);
	ck_assert_uint_eq(config->source_count + config->figure_count + config->file_count, 0);
	ck_assert_int_eq(config->change_retention_ms, 400 * DAY_MS);
	ck_assert_uint_eq(config->keep_originals_bytes, UINT64_C(1) << 30);
	ck_assert_int_eq(config->keep_originals_age_ms, 3650 * DAY_MS);
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
	ck_assert_uint_eq(config->sources[0].reject_limit, 2000);
	ck_assert_str_eq(config->sources[1].input, "/spool/log"); /* a log has a spool too */
	ck_assert_uint_eq(source->fetch_max_bytes, CONFIG_FETCH_MAX_BYTES);
	ck_assert_int_eq(source->refresh_ms, 0); /* by the cadence */
	ck_assert_str_eq(logged, "");
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
	ck_assert_uint_eq(second->keep_originals_bytes, first->keep_originals_bytes);
	ck_assert_int_eq(second->keep_originals_age_ms, first->keep_originals_age_ms);
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

START_TEST(a_size_is_printed_as_it_is_written)
{
	static const struct {
		const char *line;
		uint64_t bytes;
	} sizes[] = {
		{ "keep_originals   = 0  #", 0 },
		{ "keep_originals   = 1000  #", 1000 },
		{ "keep_originals   = 1536K  #", 1536u << 10 },
		{ "keep_originals   = 5M  #", 5u << 20 },
		{ "keep_originals   = 2048G  #", UINT64_C(2048) << 30 },
	};
	char text[8192] = "", line[64];
	struct config *config;
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)snprintf(line, sizeof(line), "[straitd]\n%s\n", sizes[_i].line);
	write_text("etc/straitd.conf", line);
	config = expect_config();
	ck_assert_uint_eq(config->keep_originals_bytes, sizes[_i].bytes);
	config_print(config, out);
	(void)fclose(out);
	ck_assert_ptr_nonnull(strstr(text, sizes[_i].line));
	config_free(config);
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
		"change_limit     = 1000000  # default\n"
		"keep_originals   = 1G  # default\n"
		"keep_originals_age = 3650d  # default\n"
		"log_level        = info  # default\n"
		"socket           = auto  # default\n\n"
		"# %s/etc/conf.d/a.conf:1\n[source s]\n"
		"plugin           = p  # %s/etc/conf.d/a.conf:2\n"
		"input            = /spool/s  # default\n"
		"reject_limit     = 20%%  # default\n"
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
		"[source a]\nplugin = p\nx = 1\ny = 2\nreject_limit = 5%\n",
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
					    "change_limit = 1000000",
					    "keep_originals = 1G",
					    "keep_originals_age = 3650d",
					    "log_level = info",
					    "socket = auto",
					    "plugin =",
					    "input =",
					    "log =",
					    "url =",
					    "follow =",
					    "cadence =",
					    "reject_limit = 20%",
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
	tcase_add_test(tcase, without_any_file_there_are_no_sources);
	tcase_add_loop_test(tcase, a_value_is_what_stands_there, 0, COUNT(values));
	tcase_add_loop_test(tcase, a_figure_becomes_a_formula, 0, COUNT(figures));
	tcase_add_test(tcase, a_source_has_its_defaults);
	tcase_add_test(tcase, a_key_that_looks_like_ours_is_warned_of);
	tcase_add_test(tcase, files_are_read_in_order_of_name_and_the_admins_mask_the_vendors);
	tcase_add_test(tcase, all_errors_of_all_files_are_told_by_file_and_line);
	tcase_add_test(tcase, what_is_printed_reads_back_as_the_same);
	tcase_add_loop_test(tcase, a_size_is_printed_as_it_is_written, 0, 5);
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
