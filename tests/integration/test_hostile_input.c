/* SPDX-License-Identifier: MIT
 *
 * test_hostile_input.c - files that were made to hurt, through the spool of the real daemon: each
 * is refused with its reason in failed/, by a worker that lives on, within bounded memory; then the
 * same source takes a good file, and the daemon answers all the time. Test program.
 *
 * Large ones are sparse where bytes may be NUL; the others are as large as a test may be, and
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "harness.h"
#include "hostile_zip.h"
#include "inputs.h"

#define MIB		 (1024L * 1024L)
#define GIB		 (1024L * MIB)
#define BOMB_MIB	 (10u * 1024u)
#define MEMORY_MAX_MIB	 64 /* of the worker, and of the daemon; all took less than 30 */
#define HOSTILE_DEADLINE 60000
#define TEST_SECONDS	 120

#define OASIS "urn:oasis:names:tc:opendocument:xmlns:"
#define XML_HEAD                                                                                   \
	"<?xml version=\"1.0\"?><office:document-content xmlns:office=\"" OASIS                    \
	"office:1.0\" xmlns:table=\"" OASIS "table:1.0\" xmlns:text=\"" OASIS                      \
	"text:1.0\"><office:body><office:spreadsheet><table:table table:name=\"SB_01\">"
#define XML_TAIL "</table:table></office:spreadsheet></office:body></office:document-content>"

static struct harness h;

static void tear_down(void)
{
	harness_stop(&h);
}

/* ── writing them ──────────────────────────────────────────────────────────────────────────── */

static void repeat(FILE *file, const char *text, size_t times)
{
	for (size_t i = 0; i < times; i++)
		(void)fputs(text, file);
}

static FILE *open_file(const char *path)
{
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	return file;
}

static void end_file(FILE *file)
{
	ck_assert_int_eq(fclose(file), 0);
}

/* So many bytes, all of them the same; NUL takes no room on the disk. */
static void fill(FILE *file, char byte, long size)
{
	static char block[64 * 1024];

	if (!byte) {
		ck_assert_int_eq(fflush(file), 0);
		ck_assert_int_eq(ftruncate(fileno(file), ftell(file) + size), 0);
		ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
		return;
	}
	memset(block, byte, sizeof(block));
	for (; size > 0; size -= (long)sizeof(block))
		(void)fwrite(block, 1, sizeof(block), file);
}

static void pack(const char *path, const char *content)
{
	struct hostile_zip zip;

	hostile_zip_begin(&zip, path);
	hostile_zip_store(&zip, "content.xml", content, strlen(content));
	hostile_zip_end(&zip, 1);
}

static void zip_bomb(const char *path)
{
	struct hostile_zip zip;

	hostile_zip_begin(&zip, path);
	hostile_zip_bomb(&zip, "content.xml", XML_HEAD, BOMB_MIB, 1000);
	hostile_zip_end(&zip, 1);
}

static void zip_bomb_that_says_so(const char *path)
{
	struct hostile_zip zip;

	hostile_zip_begin(&zip, path);
	hostile_zip_bomb(&zip, "content.xml", XML_HEAD, BOMB_MIB / 4 - 1, UINT32_MAX - 1);
	hostile_zip_end(&zip, 1);
}

/* After Fifield, "A better zip bomb": every entry of the directory is the same member. */
static void zip_overlapping(const char *path)
{
	struct hostile_zip zip;

	hostile_zip_begin(&zip, path);
	hostile_zip_bomb(&zip, "content.xml", XML_HEAD, 4000, 1000);
	hostile_zip_end(&zip, 60000);
}

/* As 42.zip: packages in a package; none of them is unpacked. */
static void zip_nested(const char *path)
{
	static const char *const names[] = { "lib 0.zip", "lib 1.zip", "lib 2.zip", "lib 3.zip" };
	struct hostile_zip zip;

	hostile_zip_begin(&zip, path);
	for (int i = 0; i < 4; i++)
		hostile_zip_bomb(&zip, names[i], "PK", 1000, UINT32_MAX - 1);
	hostile_zip_end(&zip, 1);
}

static void xml_laughs(const char *path)
{
	pack(path, "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"ha ha ha ha ha ha ha ha \">"
		   "<!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c "
		   "\"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d "
		   "\"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\"><!ENTITY e "
		   "\"&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;\"><!ENTITY f "
		   "\"&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;\"><!ENTITY g "
		   "\"&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;\">]><x>&g;</x>");
}

static void xml_outside(const char *path)
{
	pack(path, "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a SYSTEM "
		   "\"file:///etc/passwd\">]><x>&a;</x>");
}

static void pack_made(const char *path, void (*make)(FILE *))
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(file);
	make(file);
	end_file(file);
	pack(path, text);
	free(text);
}

static void make_deep(FILE *file)
{
	(void)fputs(XML_HEAD, file);
	repeat(file, "<x>", 1000000);
}

static void xml_deep(const char *path)
{
	pack_made(path, make_deep);
}

static void make_repeated(FILE *file)
{
	(void)fputs(XML_HEAD, file);
	(void)fputs("<table:table-row table:number-rows-repeated=\"1000000000\"><table:table-cell "
		    "table:number-columns-repeated=\"1000000000\" office:value-type=\"float\" "
		    "office:value=\"1\"><text:p>1</text:p></table:table-cell></table:table-row>",
		    file);
	(void)fputs(XML_TAIL, file);
}

static void xml_repeated(const char *path)
{
	pack_made(path, make_repeated);
}

static void make_repeated_known(FILE *file)
{
	static const char *const names[] = { "Date", "Migrants arrived", "Boats arrived", "Notes" };

	(void)fputs(XML_HEAD "<table:table-row>", file);
	for (int i = 0; i < 4; i++)
		(void)fprintf(
			file,
			"<table:table-cell office:value-type=\"string\"><text:p>%s</text:p></table:table-cell>",
			names[i]);
	(void)fputs(
		"</table:table-row><table:table-row table:number-rows-repeated=\"1000000000\"><table:table-cell office:value-type=\"date\" office:date-value=\"2020-09-02\"><text:p>2020-09-02</text:p></table:table-cell><table:table-cell table:number-columns-repeated=\"1000000000\" office:value-type=\"float\" office:value=\"1\"><text:p>1</text:p></table:table-cell></table:table-row>" XML_TAIL,
		file);
}

static void xml_repeated_known(const char *path)
{
	pack_made(path, make_repeated_known);
}

static void html_deep(const char *path)
{
	FILE *file = open_file(path);

	(void)fputs("<!DOCTYPE html><html><body>", file);
	repeat(file, "<div>", 1000000);
	(void)fputs("</body></html>", file);
	end_file(file);
}

static void html_cells(const char *path)
{
	FILE *file = open_file(path);

	(void)fputs("<!DOCTYPE html><html><body><table>", file);
	for (int row = 0; row < 100; row++) {
		(void)fputs("<tr>", file);
		repeat(file, "<td colspan=1000000000 rowspan=1000000000>1", 1000);
	}
	(void)fputs("</table></body></html>", file);
	end_file(file);
}

static void too_large(const char *path)
{
	FILE *file = open_file(path);

	(void)fputs("<!DOCTYPE html><html><body>", file);
	fill(file, '\0', GIB);
	end_file(file);
}

static void line_of_nuls(const char *path)
{
	FILE *file = open_file(path);

	fill(file, '\0', GIB);
	end_file(file);
}

static void line_of_letters(const char *path)
{
	FILE *file = open_file(path);

	fill(file, 'a', 64 * MIB);
	end_file(file);
}

static void columns(const char *path)
{
	FILE *file = open_file(path);

	fill(file, ',', 64 * MIB);
	end_file(file);
}

static void open_quote(const char *path)
{
	FILE *file = open_file(path);

	(void)fputc('"', file);
	fill(file, 'a', 64 * MIB);
	end_file(file);
}

static void empty_lines(const char *path)
{
	FILE *file = open_file(path);

	fill(file, '\n', 64 * MIB);
	end_file(file);
}

static void json_deep(const char *path)
{
	FILE *file = open_file(path);

	for (int line = 0; line < 30; line++) {
		repeat(file, "{\"id\":", 100000);
		(void)fputc('\n', file);
	}
	end_file(file);
}

static void json_long(const char *path)
{
	FILE *file = open_file(path);

	for (int line = 0; line < 30; line++) {
		(void)fputs("{\"id\":\"", file);
		fill(file, 'a', 4 * MIB);
		(void)fputs("\"}\n", file);
	}
	end_file(file);
}

static const struct hostile {
	const char *name;
	void (*write)(const char *path);
	const char *plugin;
	const char *reason; /* part of it */
} cases[] = {
	{ "bomb.ods", zip_bomb, "home_office", "unpacks to more than 64 MiB" },
	{ "bomb-declared.ods", zip_bomb_that_says_so, "home_office",
	  "unpacks to more than 64 MiB" },
	{ "overlapping.ods", zip_overlapping, "home_office", "unpacks to more than 64 MiB" },
	{ "42.ods", zip_nested, "home_office", "it has no content.xml inside" },
	{ "laughs.ods", xml_laughs, "home_office", "its XML has a DOCTYPE" },
	{ "outside.ods", xml_outside, "home_office", "its XML has a DOCTYPE" },
	{ "deep.ods", xml_deep, "home_office", "more than 64 nested elements" },
	{ "repeated.ods", xml_repeated, "home_office", "more than 100000 rows with content" },
	{ "repeated-known.ods", xml_repeated_known, "home_office",
	  "more than 100000 rows with content" },
	{ "deep.html", html_deep, "home_office", "elements are nested too deeply" },
	{ "cells.html", html_cells, "home_office", "without figures that can be told" },
	{ "large.html", too_large, "home_office", "is larger than 8 MiB" },
	{ "quote-arrivals.csv", open_quote, "home_office", "has no table that is known" },
	{ "nuls.csv", line_of_nuls, "platform_response", "line 1 is no header with a column 'id'" },
	{ "letters.csv", line_of_letters, "platform_response",
	  "line 1 is no header with a column 'id'" },
	{ "columns.csv", columns, "platform_response", "line 1 is no header with a column 'id'" },
	{ "quote.csv", open_quote, "platform_response", "line 1 is no header with a column 'id'" },
	{ "empty.csv", empty_lines, "platform_response", "is empty" },
	{ "deep.ndjson", json_deep, "platform_response", "30 of 30 rows are rejected" },
	{ "long.ndjson", json_long, "platform_response", "line longer than 1 MiB" },
};

/* One hostile line below a good header, and a good row after it. */
static void put_around(const char *path, void (*line)(FILE *))
{
	FILE *file = open_file(path);

	(void)fputs(REFERRALS_HEADER, file);
	line(file);
	(void)fputs("\nr1,alpha,account,2020-01-10T10:00:00Z,blocked,2020-01-10T20:00:00Z,x\n",
		    file);
	end_file(file);
}

static void put_nuls(FILE *file)
{
	fill(file, '\0', GIB);
}

static void put_letters(FILE *file)
{
	fill(file, 'a', 64 * MIB);
}

static void put_columns(FILE *file)
{
	fill(file, ',', 64 * MIB);
}

static void nuls_between(const char *path)
{
	put_around(path, put_nuls);
}

static void letters_between(const char *path)
{
	put_around(path, put_letters);
}

static void columns_between(const char *path)
{
	put_around(path, put_columns);
}

static const struct {
	const char *name;
	void (*write)(const char *path);
	const char *reason; /* of the reject */
} lines[] = {
	{ "nuls.csv", nuls_between, "NUL byte" },
	{ "letters.csv", letters_between, "row too long" },
	{ "columns.csv", columns_between, "too many columns" },
};

/* ── feeding them ──────────────────────────────────────────────────────────────────────────── */

/* The most memory that the process ever had, MiB. */
static long peak_mib(pid_t pid)
{
	char path[64], line[256];
	long kib = -1;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "VmHWM: %ld", &kib) == 1)
			break;
	(void)fclose(file);
	ck_assert_int_ge(kib, 0);
	return kib / 1024;
}

/* Not under AddressSanitizer, which keeps what is freed. */
static void expect_small(pid_t pid, const char *what)
{
#if defined(__SANITIZE_ADDRESS__)
	ck_assert_int_ge(peak_mib(pid), 0);
	(void)what;
#else
	harness_assert(&h, peak_mib(pid) <= MEMORY_MAX_MIB, "%s: %s took %ld MiB", what,
		       pid == h.daemon.pid ? "the daemon" : "the worker", peak_mib(pid));
#endif
}

static pid_t only_worker(void)
{
	pid_t pids[4];

	ck_assert_uint_eq(harness_workers(&h, pids, 4), 1);
	return pids[0];
}

static void drop_path(const char *source, const char *name, void (*write)(const char *path))
{
	char temporary[HARNESS_PATH_MAX + 8], path[HARNESS_PATH_MAX];

	(void)snprintf(temporary, sizeof(temporary), "%s/new", h.spool);
	write(temporary);
	(void)harness_spool_path(&h, source, "incoming", name, path);
	ck_assert_int_eq(rename(temporary, path), 0);
}

/* Waits for the reason while the daemon is asked again and again. */
static char *wait_reason(const char *source, const char *name)
{
	long long until = process_now_ms() + HOSTILE_DEADLINE;
	char file[64], path[HARNESS_PATH_MAX];

	(void)snprintf(file, sizeof(file), "%s.reason", name);
	(void)harness_spool_path(&h, source, "failed", file, path);
	while (access(path, F_OK) != 0) {
		harness_assert(&h, process_now_ms() < until, "%s is not refused in time", name);
		(void)harness_sequence(&h); /* fails the test when there is no answer */
	}
	return harness_read(&h, path);
}

static void begin(const struct hostile *one)
{
	harness_start(&h);
	harness_plugin(&h, one->plugin);
	harness_config(&h, "a.conf", "[source a]\nplugin = %s\n", one->plugin);
	harness_daemon(&h);
	harness_wait_source(&h, "a", "idle");
}

static void expect_good_file(const struct hostile *one)
{
	if (!strcmp(one->plugin, "home_office")) {
		harness_drop(&h, "a", ARRIVALS_ONE_NAME, ARRIVALS_ONE);
		harness_wait_figure(&h, "arrivals.people.latest", 225);
	} else {
		harness_drop(&h, "a", REFERRALS_MARCH_NAME, REFERRALS_MARCH);
		harness_wait_figure(&h, "referrals.requested", 4);
	}
}

START_TEST(a_hostile_file_is_refused_with_its_reason_in_bounded_memory)
{
	const struct hostile *one = &cases[_i];
	char path[HARNESS_PATH_MAX];
	pid_t worker;
	char *reason;

	begin(one);
	worker = only_worker();
	drop_path("a", one->name, one->write);
	reason = wait_reason("a", one->name);
	harness_assert(&h, strstr(reason, one->reason) != NULL, "'%s' in '%s'", one->reason,
		       reason);
	free(reason);
	harness_wait_path(&h, harness_spool_path(&h, "a", "failed", one->name, path), true);
	harness_assert(&h, only_worker() == worker, "%s: the worker did not live on", one->name);
	expect_small(worker, one->name);
	expect_small(h.daemon.pid, one->name);
	expect_good_file(one);
}
END_TEST

START_TEST(a_hostile_line_is_rejected_with_its_reason_and_the_others_are_read)
{
	static const struct hostile plain = { .plugin = "platform_response" };
	struct output output;
	pid_t worker;

	begin(&plain);
	worker = only_worker();
	drop_path("a", lines[_i].name, lines[_i].write);
	for (long long until = process_now_ms() + HOSTILE_DEADLINE;
	     harness_figure(&h, "referrals.requested") != 1;)
		harness_assert(&h, process_now_ms() < until, "the row after the line is not read");
	harness_assert(&h, only_worker() == worker, "the worker did not live on");
	CTL(&h, &output, "rejects", "a");
	harness_assert(&h, strstr(output.out, lines[_i].reason) != NULL, "%s", output.out);
	output_done(&output);
	ck_assert_double_eq(harness_source_number(&h, "a", "Rejected"), 1);
	expect_small(worker, "it");
}
END_TEST

START_TEST(a_line_of_a_gibibyte_in_a_log_is_passed_over_and_the_next_is_read)
{
	char log[HARNESS_PATH_MAX];
	pid_t worker;
	FILE *file;

	harness_start(&h);
	harness_plugin(&h, "platform_response");
	harness_file(&h, "referrals.csv", REFERRALS_HEADER, log);
	harness_config(&h, "a.conf", "[source a]\nplugin = platform_response\nlog = %s\n", log);
	harness_daemon(&h);
	harness_wait_source(&h, "a", "idle");
	worker = only_worker();
	file = fopen(log, "ae");
	ck_assert_ptr_nonnull(file);
	fill(file, '\0', GIB);
	(void)fputs("\nr1,alpha,account,2020-01-10T10:00:00Z,blocked,2020-01-10T20:00:00Z,x\n",
		    file);
	end_file(file);
	for (long long until = process_now_ms() + HOSTILE_DEADLINE;
	     harness_figure(&h, "referrals.requested") != 1;)
		harness_assert(&h, process_now_ms() < until, "the row after the line is not read");
	harness_assert(&h, only_worker() == worker, "the worker did not live on");
	harness_assert(&h, harness_source_number(&h, "a", "Rejected") >= 1, "it is not told");
	expect_small(worker, "it");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hostile_input");
	TCase *tcase = tcase_create("spool");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, TEST_SECONDS);
	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_loop_test(tcase, a_hostile_file_is_refused_with_its_reason_in_bounded_memory, 0,
			    (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_loop_test(tcase,
			    a_hostile_line_is_rejected_with_its_reason_and_the_others_are_read, 0,
			    (int)(sizeof(lines) / sizeof(lines[0])));
	tcase_add_test(tcase, a_line_of_a_gibibyte_in_a_log_is_passed_over_and_the_next_is_read);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
