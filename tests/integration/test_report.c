/* SPDX-License-Identifier: MIT
 *
 * test_report.c - the page that straitctl report writes: well-formed, self-contained, accessible,
 * and true to what was known then. Test program; the real daemon on a private bus, the page read by
 * expat.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>
#include <expat.h>

#include "harness.h"
#include "inputs.h"

#define IDS_MAX	  256
#define DEPTH_MAX 64

static struct harness h;

/* ── inputs ──────────────────────────────────────────────────────────────────────────────────── */

/* The founding example, as announced, restated, and in today's series. */
#define FIRST_NAME "small-boats-2020-09-02.csv"
#define FIRST                                                                                      \
	ARRIVALS_HEADER                                                                            \
	"2020-08-27,11,1,0,\n2020-08-28,0,0,0,\n2020-08-29,12,1,0,\n2020-08-30,13,1,0,\n"          \
	"2020-08-31,14,1,0,\n2020-09-01,150,9,0,\n2020-09-02,409,27,-,\n"
#define SECOND_NAME "small-boats-2021-07-19.csv"
#define SECOND	    ARRIVALS_HEADER "2020-09-01,150,9,0,\n2020-09-02,416,27,-,\n2020-09-03,0,0,0,\n"
#define THIRD_NAME  "small-boats-2026-07-10.csv"
#define THIRD                                                                                      \
	ARRIVALS_HEADER                                                                            \
	"2020-09-01,150,9,0,\n2020-09-02,399,27,-,\n2020-09-03,-,-,-,\n2020-09-04,1234,30,0,\n"

#define SEEN_NAME "sightings-2020-09-05.csv"
#define SEEN                                                                                       \
	SIGHTINGS_HEADER                                                                           \
	"s1,2020-09-02T04:10:00Z,51.02 N 1.50 E,2,77,<script>alert('observer')</script>,,\n"       \
	"s2,2020-09-04T04:10:00Z,51.02 N 1.50 E,1,-,cutter,,\n"

static void import(const char *source, const char *name, const char *text)
{
	struct output output;
	char path[HARNESS_PATH_MAX];

	harness_file(&h, name, text, path);
	CTL(&h, &output, "import", source, path);
	if (output.code != 0)
		harness_fail(&h, "import of %s: %s%s", name, output.out, output.err);
	output_done(&output);
}

static void set_up(void)
{
	harness_start(&h);
	harness_plugin(&h, "platform_response");
	harness_plugin(&h, "home_office");
	harness_plugin(&h, "boat_sightings");
	harness_config(&h, "sources.conf",
		       "[source nca]\nplugin = platform_response\n"
		       "[source official]\nplugin = home_office\n"
		       "[source sea]\nplugin = boat_sightings\n"
		       "[figure evil]\nsum = arrivals.people\nwindow = latest\n"
		       "title = <img src=x onerror=alert(1)> & \"quoted\" 'twice'\n");
	harness_daemon(&h);
	harness_wait_source(&h, "nca", "idle");
	harness_wait_source(&h, "official", "idle");
	harness_wait_source(&h, "sea", "idle");
}

static void tear_down(void)
{
	harness_stop(&h);
}

static void import_all(void)
{
	import("official", FIRST_NAME, FIRST);
	import("official", SECOND_NAME, SECOND);
	import("official", THIRD_NAME, THIRD);
	import("nca", REFERRALS_MARCH_NAME, REFERRALS_MARCH);
	import("nca", REFERRALS_SEPTEMBER_NAME, REFERRALS_SEPTEMBER);
	import("sea", SEEN_NAME, SEEN);
}

/* ── reading a page ──────────────────────────────────────────────────────────────────────────── */

struct element {
	char name[16];
	bool titled, captioned; /* has seen its <title>, <desc> or <caption> */
	bool described;
};

struct page {
	char *html, *text; /* the whole, and what a reader sees */
	size_t text_size;
	FILE *text_out;
	struct element open[DEPTH_MAX];
	size_t depth;
	char *ids[IDS_MAX], *references[IDS_MAX];
	size_t id_count, reference_count;
	unsigned int svgs, tables, details, mains, headings;
	char wrong[256]; /* the first thing that is not as it should be */
};

static void complain(struct page *page, const char *what, const char *which)
{
	if (page->wrong[0] == '\0')
		(void)snprintf(page->wrong, sizeof(page->wrong), "%s: %.200s", what, which);
}

static void check_attribute(struct page *page, const char *element, const char *name,
			    const char *value)
{
	if (strncmp(name, "on", 2) == 0 || strcmp(name, "src") == 0 || strcmp(name, "style") == 0)
		complain(page, "attribute", name);
	if (strcmp(name, "href") == 0 && value[0] != '#')
		complain(page, "leads out of the page", value);
	if (strcmp(name, "href") == 0 && page->reference_count < IDS_MAX)
		page->references[page->reference_count++] = strdup(value + 1);
	if (strcmp(name, "aria-labelledby") == 0 && page->reference_count < IDS_MAX)
		page->references[page->reference_count++] = strndup(value, strcspn(value, " "));
	if (strcmp(name, "id") != 0)
		return;
	for (size_t i = 0; i < page->id_count; i++) {
		if (strcmp(page->ids[i], value) == 0)
			complain(page, "id is there twice", value);
	}
	ck_assert_uint_lt(page->id_count, IDS_MAX);
	page->ids[page->id_count++] = strdup(value);
	(void)element;
}

static void on_start(void *input, const char *name, const char **attributes)
{
	static const char *const banned[] = { "script", "link", "img",	 "iframe", "object",
					      "embed",	"form", "audio", "video",  "use" };
	struct page *page = input;
	struct element *parent = page->depth > 0 ? &page->open[page->depth - 1] : NULL;

	for (size_t i = 0; i < sizeof(banned) / sizeof(banned[0]); i++) {
		if (strcmp(name, banned[i]) == 0)
			complain(page, "element", name);
	}
	for (size_t i = 0; attributes[i] != NULL; i += 2)
		check_attribute(page, name, attributes[i], attributes[i + 1]);
	if (parent != NULL) {
		parent->titled |= strcmp(name, "title") == 0;
		parent->described |= strcmp(name, "desc") == 0;
		parent->captioned |= strcmp(name, "caption") == 0;
	}
	page->svgs += strcmp(name, "svg") == 0;
	page->tables += strcmp(name, "table") == 0;
	page->details += strcmp(name, "details") == 0;
	page->mains += strcmp(name, "main") == 0;
	page->headings += strcmp(name, "h1") == 0;
	ck_assert_uint_lt(page->depth, DEPTH_MAX);
	page->open[page->depth] = (struct element){ 0 };
	(void)snprintf(page->open[page->depth].name, sizeof(page->open[0].name), "%.15s", name);
	page->depth++;
	fputc(' ', page->text_out);
}

static void on_end(void *input, const char *name)
{
	struct page *page = input;
	const struct element *element = &page->open[--page->depth];

	if (strcmp(name, "svg") == 0 && !(element->titled && element->described))
		complain(page, "chart without title or desc", name);
	if (strcmp(name, "table") == 0 && !element->captioned)
		complain(page, "table without caption", name);
}

static void on_text(void *input, const char *text, int length)
{
	struct page *page = input;

	if (page->depth > 0 && strcmp(page->open[page->depth - 1].name, "style") != 0)
		(void)fwrite(text, 1, (size_t)length, page->text_out);
}

/* Takes the html. */
static void page_read(struct page *page, char *html)
{
	XML_Parser parser = XML_ParserCreate("UTF-8");

	*page = (struct page){ .html = html };
	page->text_out = open_memstream(&page->text, &page->text_size);
	ck_assert(parser != NULL && page->text_out != NULL);
	XML_SetUserData(parser, page);
	XML_SetElementHandler(parser, on_start, on_end);
	XML_SetCharacterDataHandler(parser, on_text);
	if (XML_Parse(parser, html, (int)strlen(html), XML_TRUE) != XML_STATUS_OK)
		harness_fail(&h, "the page is not well-formed: line %lu: %s",
			     XML_GetCurrentLineNumber(parser),
			     XML_ErrorString(XML_GetErrorCode(parser)));
	XML_ParserFree(parser);
	(void)fclose(page->text_out);
	for (size_t i = 0; i < page->reference_count; i++) {
		bool there = false;

		for (size_t id = 0; id < page->id_count; id++)
			there |= strcmp(page->ids[id], page->references[i]) == 0;
		if (!there)
			complain(page, "points at nothing", page->references[i]);
	}
}

static void page_done(struct page *page)
{
	for (size_t i = 0; i < page->id_count; i++)
		free(page->ids[i]);
	for (size_t i = 0; i < page->reference_count; i++)
		free(page->references[i]);
	free(page->html);
	free(page->text);
}

static void report(struct page *page, const char *option, const char *value)
{
	struct output output;

	if (option != NULL)
		CTL(&h, &output, "report", option, value, "-o", "-");
	else
		CTL(&h, &output, "report");
	if (output.code != 0)
		harness_fail(&h, "report ended with %d: %s", output.code, output.err);
	page_read(page, output.out);
	output.out = NULL;
	output_done(&output);
}

static void expect(const struct page *page, const char *text)
{
	if (strstr(page->text, text) == NULL)
		harness_fail(&h, "'%s' is not in: %s", text, page->text);
}

static void expect_not(const struct page *page, const char *text)
{
	const char *at = strstr(page->text, text);

	if (at != NULL)
		harness_fail(&h, "'%s' is in the page: …%.100s", text, at);
}

/* ── what a page is ──────────────────────────────────────────────────────────────────────────── */

START_TEST(page_is_well_formed_accessible_and_loads_nothing)
{
	struct page page;

	import_all();
	report(&page, NULL, NULL);
	ck_assert_str_eq(page.wrong, "");
	ck_assert_int_eq(strncmp(page.html, "<!DOCTYPE html>\n<html lang=\"en\">", 32), 0);
	ck_assert_uint_ge(page.svgs, 5);
	ck_assert_uint_ge(page.tables, page.svgs);
	ck_assert_uint_ge(page.details, 3);
	ck_assert_uint_eq(page.mains, 1);
	ck_assert_uint_eq(page.headings, 1);
	ck_assert_ptr_null(strstr(page.html, "http:"));
	ck_assert_ptr_null(strstr(page.html, "https:"));
	ck_assert_ptr_null(strstr(page.html, "url("));
	ck_assert_ptr_null(strstr(page.html, "@import"));
	ck_assert_ptr_nonnull(strstr(page.html, "default-src 'none'"));
	page_done(&page);
}
END_TEST

START_TEST(page_has_the_figures_and_where_they_come_from)
{
	static const char *const texts[] = {
		"1,234", /* the record */
		"arrivals.people.record",
		"accounts were referred = 3 closed (60.0 %) + 1 refused (20.0 %)",
		"60.0 %",   /* closed, of those referred */
		"official", /* a source */
		THIRD_NAME,
		"SHA-256",
		"platform_response",
	};
	struct page page;

	import_all();
	report(&page, NULL, NULL);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		expect(&page, texts[i]);
	ck_assert_ptr_nonnull(strstr(page.html, "<data value=\"1234\">1,234</data>"));
	ck_assert_ptr_nonnull(strstr(page.html, "<strong>4 September 2020</strong>"));
	page_done(&page);
}
END_TEST

START_TEST(revisions_of_a_day_are_told_one_after_the_other)
{
	static const char *const names[] = { FIRST_NAME, SECOND_NAME, THIRD_NAME };
	struct page page;
	const char *at;

	import_all();
	report(&page, "--day", "2020-09-02");
	at = strstr(page.text, "Every version, the oldest first");
	ck_assert_ptr_nonnull(at);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		at = strstr(at, names[i]);
		ck_assert_msg(at != NULL, "%s is not in its place: %s", names[i], page.text);
	}
	expect(&page, "409 as first published on 2 September 2020; 399 as last published on "
		      "10 July 2026, a difference of −10. 3 releases gave 3 values");
	expect(&page, "−17");
	page_done(&page);
}
END_TEST

START_TEST(report_as_of_a_date_has_nothing_of_later)
{
	static const char *const later[] = {
		"399", "416", "1,234", SECOND_NAME, THIRD_NAME, "2021"
	};
	struct page page;

	import_all();
	report(&page, "--as-of", "2020-09-03");
	ck_assert_str_eq(page.wrong, "");
	expect(&page, "As known on");
	expect(&page, "2020-09-03");
	expect(&page, "409");
	expect(&page, FIRST_NAME);
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
		expect_not(&page, later[i]);
	expect(&page, "left out, because how the sources are is known for now only");
	page_done(&page);
}
END_TEST

START_TEST(report_as_of_the_beginning_leaves_every_section_out_and_says_so)
{
	struct page page;

	import_all();
	report(&page, "--as-of", "2019-01-01");
	ck_assert_str_eq(page.wrong, "");
	ck_assert_uint_eq(page.svgs, 0);
	expect(&page, "no arrivals by day were known then");
	expect(&page, "no day of a record was known then");
	expect(&page, "no referral was known then");
	expect(&page, "this straitd had recorded no change by then");
	expect(&page, "– no value");
	expect_not(&page, "409");
	page_done(&page);
}
END_TEST

START_TEST(missing_is_a_dash_with_words_and_never_zero)
{
	struct page page;
	const char *row;

	import_all();
	report(&page, NULL, NULL);
	row = strstr(page.html, "<tr><th scope=\"row\">2020-09-03</th>");
	ck_assert_ptr_nonnull(row);
	ck_assert_int_eq(strncmp(row + strlen("<tr><th scope=\"row\">2020-09-03</th>"),
				 "<td class=\"n\"><span class=\"none\">– no value</span></td>", 50),
			 0);
	expect(&page, "no value, which is not zero");
	page_done(&page);
}
END_TEST

START_TEST(text_from_outside_stays_text)
{
	static const char hostile[] = "x\"><script>alert(1)&'\xe2\x80\xae 2020-09-01.csv";
	struct page page;

	import_all();
	import("official", hostile, ARRIVALS_HEADER "2020-08-25,1,1,0,\n2020-09-04,1234,30,0,\n");
	report(&page, NULL, NULL);
	ck_assert_str_eq(page.wrong, "");
	expect(&page, "<img src=x onerror=alert(1)> & \"quoted\" 'twice'");
	expect(&page, "x\"><script>alert(1)&'\xef\xbf\xbd 2020-09-01.csv");
	ck_assert_ptr_null(strstr(page.html, "<script"));
	ck_assert_ptr_null(strstr(page.html, "<img"));
	ck_assert_ptr_null(strstr(page.html, "\xe2\x80\xae"));
	expect_not(&page, "alert('observer')"); /* it never left the worker */
	page_done(&page);
}
END_TEST

START_TEST(daemon_without_data_gives_a_page_too)
{
	struct page page;

	report(&page, NULL, NULL);
	ck_assert_str_eq(page.wrong, "");
	expect(&page, "no source gives arrivals by day");
	expect(&page, "no referrals are known");
	expect(&page, "How the sources are");
	page_done(&page);
}
END_TEST

/* ── colours ─────────────────────────────────────────────────────────────────────────────────── */

static double luminance(const char *colour)
{
	static const double weights[3] = { 0.2126, 0.7152, 0.0722 };
	bool is_short = strspn(colour, "0123456789abcdef") == 3;
	double sum = 0;

	for (int i = 0; i < 3; i++) {
		char digits[3] = { colour[is_short ? i : 2 * i], colour[is_short ? i : 2 * i + 1] };
		double part = (double)strtol(digits, NULL, 16) / 255;

		sum += weights[i] *
		       (part <= 0.04045 ? part / 12.92 : pow((part + 0.055) / 1.055, 2.4));
	}
	return sum;
}

static double contrast(const char *theme, const char *name, const char *behind)
{
	char wanted[2][24];
	double light[2];

	(void)snprintf(wanted[0], sizeof(wanted[0]), "--%s:#", name);
	(void)snprintf(wanted[1], sizeof(wanted[1]), "--%s:#", behind);
	for (int i = 0; i < 2; i++) {
		const char *at = strstr(theme, wanted[i]);

		ck_assert_msg(at != NULL, "there is no colour %s", wanted[i]);
		light[i] = luminance(at + strlen(wanted[i]));
	}
	return (fmax(light[0], light[1]) + 0.05) / (fmin(light[0], light[1]) + 0.05);
}

/* WCAG 2.1: 1.4.3 for letters, 1.4.11 for the marks of charts */
START_TEST(colours_stand_out_in_light_and_dark)
{
	static const char *const letters[] = { "ink", "quiet", "warn", "link" };
	static const char *const marks[] = { "bar", "line", "thin",  "mark",
					     "one", "two",  "three", "base" };
	struct page page;

	report(&page, NULL, NULL);
	for (int dark = 0; dark < 2; dark++) {
		const char *theme =
			strstr(page.html, dark ? "prefers-color-scheme:dark" : "<style>");

		ck_assert_ptr_nonnull(theme);
		for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
			ck_assert_double_ge(contrast(theme, letters[i], "paper"), 4.5);
			ck_assert_double_ge(contrast(theme, letters[i], "soft"), 4.5);
		}
		for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
			ck_assert_double_ge(contrast(theme, marks[i], "paper"), 3);
		ck_assert_double_ge(contrast(theme, "line", "bar"), 2);
	}
	page_done(&page);
}
END_TEST

/* ── where it goes ───────────────────────────────────────────────────────────────────────────── */

START_TEST(file_is_replaced_whole_and_by_nothing_on_failure)
{
	struct output output;
	struct page page;
	struct stat status;
	char path[HARNESS_PATH_MAX];

	harness_file(&h, "report.html", "old", path);
	CTL(&h, &output, "report", "-o", path);
	ck_assert_int_eq(output.code, 0);
	ck_assert_ptr_nonnull(strstr(output.out, "as known now"));
	output_done(&output);
	page_read(&page, harness_read(&h, path));
	ck_assert_str_eq(page.wrong, "");
	page_done(&page);
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_int_eq((int)(status.st_mode & 0600), 0600);

	CTL(&h, &output, "report", "-o", "/nonexistent/report.html");
	ck_assert_int_eq(output.code, 1);
	ck_assert_ptr_nonnull(strstr(output.err, "cannot write '/nonexistent/report.html'"));
	output_done(&output);
	/* a device is not replaced by a file */
	CTL(&h, &output, "report", "-o", "/dev/full");
	ck_assert_int_eq(output.code, 1);
	output_done(&output);
	ck_assert_int_eq(stat("/dev/full", &status), 0);
	ck_assert(S_ISCHR(status.st_mode));
}
END_TEST

START_TEST(wrong_options_end_with_two)
{
	static const char *const rows[][4] = {
		{ "report", "--day", "2020", NULL },   { "report", "--day", "yesterday", NULL },
		{ "report", "--as-of", "soon", NULL }, { "report", "--json", NULL },
		{ "report", "arrivals.people", NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct output output;

		harness_run_ctl(&h, &output, rows[i]);
		ck_assert_msg(output.code == 2, "row %zu ended with %d: %s", i, output.code,
			      output.err);
		ck_assert_str_ne(output.err, "");
		output_done(&output);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("report");
	TCase *page = tcase_create("page"), *file = tcase_create("file");
	SRunner *runner;
	int failed;

	tcase_set_timeout(page, 120);
	tcase_add_checked_fixture(page, set_up, tear_down);
	tcase_add_test(page, page_is_well_formed_accessible_and_loads_nothing);
	tcase_add_test(page, page_has_the_figures_and_where_they_come_from);
	tcase_add_test(page, revisions_of_a_day_are_told_one_after_the_other);
	tcase_add_test(page, report_as_of_a_date_has_nothing_of_later);
	tcase_add_test(page, report_as_of_the_beginning_leaves_every_section_out_and_says_so);
	tcase_add_test(page, missing_is_a_dash_with_words_and_never_zero);
	tcase_add_test(page, text_from_outside_stays_text);
	tcase_add_test(page, daemon_without_data_gives_a_page_too);
	tcase_add_test(page, colours_stand_out_in_light_and_dark);
	tcase_set_timeout(file, 120);
	tcase_add_checked_fixture(file, set_up, tear_down);
	tcase_add_test(file, file_is_replaced_whole_and_by_nothing_on_failure);
	tcase_add_test(file, wrong_options_end_with_two);
	suite_add_tcase(suite, page);
	suite_add_tcase(suite, file);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
