/* SPDX-License-Identifier: MIT
 *
 * test_as_of.c - "as known on", through straitctl: what is answered about a past day is what was
 * answered on that day, for windows, records, ratios and series; and a release that is imported
 * years late gives the answers that would have been given had it been imported on its day. What a
 * figure knows of a document is as old as the document; a sighting as old as itself, however late
 * its file comes, so documents of sightings are compared with a log that was followed. Test
 * program.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <jansson.h>

#include "documents.h"

#define TIMES_MAX 16
#define TIME_MAX  32 /* bytes of a day or an instant as text */

/* A subject: what is asked about. Lists end with NULL. */
struct questions {
	const char *const *figures;
	const char *const (*series)[3];
};

static const char *const published_figures[] = {
	/* windows */
	"arrivals.people.latest", "arrivals.people.previous", "arrivals.people.last_7_days",
	"arrivals.people.last_28_days", "arrivals.people.month_to_date",
	"arrivals.people.year_to_date", "arrivals.people.total", "arrivals.people.2026-07-09",
	"arrivals.people.2026-07-10", "arrivals.people.2026-07", "arrivals.people.2026-Q3",
	/* records */
	"arrivals.people.record", "arrivals.boats.record", "referrals.accounts.record",
	/* ratios, and of a distribution */
	"arrivals.people_per_boat.year_to_date", "referrals.block_rate", "referrals.attrition",
	"referrals.response_hours.median", "referrals.answered_within_24h",
	/* by label */
	"referrals.requested", "referrals.blocked", "referrals.refused", "referrals.pending",
	"referrals.accounts{outcome=blocked}.year_to_date",
	"referrals.accounts{platform=beta}.total", NULL
};

static const char *const published_series[][3] = {
	{ "arrivals.people", NULL },
	{ "arrivals.boats", NULL },
	{ "referrals.accounts", NULL },
	{ "referrals.accounts", "outcome=blocked", NULL },
	{ NULL },
};

static const char *const sighting_figures[] = {
	"sightings.people.latest",	"sightings.people.previous",
	"sightings.people.last_7_days", "sightings.people.year_to_date",
	"sightings.people.record",	"sightings.boats.record",
	"sightings.people.2026-07-07",	"sightings.boats.total",
	"sightings.unresolved",		NULL
};

static const char *const sighting_series[][3] = {
	{ "sightings.people", NULL },
	{ "sightings.boats", NULL },
	{ NULL },
};

static const struct questions published = { published_figures, published_series },
			      sightings = { sighting_figures, sighting_series };

static struct harness h;

static void set_up(void)
{
	harness_start(&h);
	documents_configure(&h);
	harness_daemon(&h);
	harness_wait_source(&h, "nca", "idle");
	harness_wait_source(&h, "sea", "idle");
	harness_wait_source(&h, "home", "idle");
}

static void tear_down(void)
{
	harness_stop(&h);
}

/* The day in the name of a release, from which it counts as published. */
static void day_of(const struct document *document, char ret_day[11])
{
	const char *dot = strrchr(document->name, '.');

	(void)snprintf(ret_day, 11, "%.10s", dot - 10);
}

/* value, status, period and publication of each figure: a sequence is of no past day, and neither
   is being stale. */
static void put_figures(const struct questions *questions, const char *as_of, FILE *out)
{
	const char *words[48] = { "--json", "get" };
	size_t count = 2;
	struct output output;
	const char *line;

	for (size_t i = 0; questions->figures[i] != NULL; i++)
		words[count++] = questions->figures[i];
	if (as_of != NULL) {
		words[count++] = "--as-of";
		words[count++] = as_of;
	}
	harness_run_ctl(&h, &output, words);
	harness_assert(&h, output.code == 0, "%s", output.err);
	for (line = output.out; *line != '\0'; line += strcspn(line, "\n") + 1) {
		json_t *figure = json_loadb(line, strcspn(line, "\n"), 0, NULL);
		char *text;

		ck_assert_ptr_nonnull(figure);
		(void)json_object_del(figure, "sequence");
		(void)json_object_del(figure, "stale");
		text = json_dumps(figure, JSON_SORT_KEYS);
		ck_assert_ptr_nonnull(text);
		fprintf(out, "%s\n", text);
		free(text);
		json_decref(figure);
	}
	output_done(&output);
}

static void put_series(const struct questions *questions, const char *as_of, FILE *out)
{
	const char *const(*series)[3] = questions->series;

	for (size_t i = 0; series[i][0] != NULL; i++) {
		const char *words[16] = { "--json", "series" };
		size_t count = 2;
		struct output output;

		for (size_t k = 0; series[i][k] != NULL; k++)
			words[count++] = series[i][k];
		if (as_of != NULL) {
			words[count++] = "--as-of";
			words[count++] = as_of;
		}
		harness_run_ctl(&h, &output, words);
		harness_assert(&h, output.code == 0, "%s", output.err);
		fprintf(out, "# %s\n%s", series[i][0], output.out);
		output_done(&output);
	}
}

/* All answers, as known on that day (NULL = now); to be freed. */
static char *answers(const struct questions *questions, const char *as_of)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	put_figures(questions, as_of, out);
	put_series(questions, as_of, out);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

/* Check's own messages cannot hold two such texts: the first line that differs is told. */
static void expect_same(const char *time, const char *got, const char *expected)
{
	while (*got != '\0' || *expected != '\0') {
		size_t got_size = strcspn(got, "\n"), expected_size = strcspn(expected, "\n");

		if (got_size != expected_size || memcmp(got, expected, got_size) != 0)
			ck_abort_msg("as of %s: '%.*s' where '%.*s' is expected", time,
				     (int)(got_size < 250 ? got_size : 250), got,
				     (int)(expected_size < 250 ? expected_size : 250), expected);
		got += got_size + (got[got_size] == '\n');
		expected += expected_size + (expected[expected_size] == '\n');
	}
}

static int by_day(const void *a, const void *b)
{
	const struct document *left = *(const struct document *const *)a,
			      *right = *(const struct document *const *)b;
	char left_day[11], right_day[11];

	day_of(left, left_day);
	day_of(right, right_day);
	return strcmp(left_day, right_day);
}

/* Releases of the official sources by day; a day may have several. Returns how many. */
static size_t in_order(const struct document *ret_documents[TIMES_MAX])
{
	size_t count = 0;

	for (int source = 0; source < DOCUMENTS_SOURCES; source++) {
		if (strcmp(documents[source][0].source, "sea") == 0)
			continue; /* has its own test */
		for (int release = 0; release < DOCUMENTS_RELEASES; release++)
			ret_documents[count++] = &documents[source][release];
	}
	qsort(ret_documents, count, sizeof(ret_documents[0]), by_day);
	return count;
}

/* What was answered at each time, when everything came at its time. */
struct history {
	const struct questions *questions;
	char times[TIMES_MAX][TIME_MAX];
	char *texts[TIMES_MAX];
	size_t count;
};

static void note(struct history *history, const char *time)
{
	ck_assert_uint_lt(history->count, TIMES_MAX);
	(void)snprintf(history->times[history->count], TIME_MAX, "%s", time);
	history->texts[history->count] = answers(history->questions, NULL);
	/* It must be worth comparing: something else was known each time. */
	ck_assert(history->count == 0 ||
		  strcmp(history->texts[history->count], history->texts[history->count - 1]) != 0);
	history->count++;
}

static void live_through(struct history *ret_history)
{
	const struct document *order[TIMES_MAX];
	size_t count = in_order(order);

	*ret_history = (struct history){ .questions = &published };
	for (size_t i = 0; i < count; i++) {
		char day[11], next[11] = "";

		day_of(order[i], day);
		if (i + 1 < count)
			day_of(order[i + 1], next);
		documents_import(&h, order[i]);
		if (strcmp(day, next) != 0)
			note(ret_history, day);
	}
}

static void expect_history(const struct history *history)
{
	for (size_t i = 0; i < history->count; i++) {
		char *now = answers(history->questions, history->times[i]);

		expect_same(history->times[i], now, history->texts[i]);
		free(now);
	}
}

static void history_done(struct history *history)
{
	for (size_t i = 0; i < history->count; i++)
		free(history->texts[i]);
}

START_TEST(a_past_day_is_answered_as_it_was_answered_then)
{
	struct history history;

	live_through(&history);
	ck_assert_uint_eq(history.count, 6);
	expect_history(&history);
	history_done(&history);
}
END_TEST

START_TEST(an_old_release_backfilled_later_answers_as_if_it_had_come_on_its_day)
{
	const struct document *order[TIMES_MAX];
	struct history history;
	size_t count = in_order(order);

	live_through(&history);
	tear_down();
	set_up();
	/* Every second one first, newest first; then what is missing, as an archive is filled up.
	 */
	for (size_t i = count; i-- > 0;) {
		if ((i + (size_t)_i) % 2 == 0)
			documents_import(&h, order[i]);
	}
	for (size_t i = count; i-- > 0;) {
		if ((i + (size_t)_i) % 2 != 0)
			documents_import(&h, order[i]);
	}
	expect_history(&history);
	history_done(&history);
}
END_TEST

/* Each with the time that it is known from. s4 amends s1, s5 amends s2. */
static const char *const sighting_lines[][2] = {
	{ "2026-07-07T04:10:00Z", "s1,2026-07-07T04:10:00Z,51.02 N 1.50 E,1,40,cutter,,\n" },
	{ "2026-07-07T05:20:00Z", "s2,2026-07-07T05:20:00Z,50.95 N 1.30 E,2,95,aircraft,,\n" },
	{ "2026-07-08T06:00:00Z", "s3,2026-07-08T06:00:00Z,51.05 N 1.60 E,1,152,cutter,,\n" },
	{ "2026-07-08T21:00:00Z", "s4,2026-07-08T21:00:00Z,51.02 N 1.50 E,1,33,inquiry,s1,\n" },
	{ "2026-07-09T08:00:00Z", "s5,2026-07-09T08:00:00Z,50.95 N 1.30 E,2,197,aircraft,s2,\n" },
};
#define LINES (sizeof(sighting_lines) / sizeof(sighting_lines[0]))

START_TEST(sightings_backfilled_later_answer_as_a_log_that_was_followed)
{
	struct history history = { .questions = &sightings };
	char path[HARNESS_PATH_MAX];

	harness_file(&h, "sightings.csv", SIGHTINGS_HEADER, path);
	harness_config(&h, "all.conf", "[source sea]\nplugin = boat_sightings\nlog = %s\n", path);
	ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
	harness_daemon(&h);
	harness_wait_source(&h, "sea", "idle");
	for (size_t i = 0; i < LINES; i++) {
		struct figures_signal signal;
		double accepted = (double)i + 1;

		harness_append(path, sighting_lines[i][1]);
		while (harness_source_number(&h, "sea", "Accepted") < accepted)
			(void)harness_next_signal(&h, &signal, 100);
		note(&history, sighting_lines[i][0]);
	}
	expect_history(&history);
	tear_down();
	set_up();
	for (size_t i = LINES; i-- > 0;) {
		char name[64], text[512];
		const struct document document = { "sea", name, text };

		/* found in an archive a month later, the last first */
		(void)snprintf(name, sizeof(name), "sightings-2026-08-%02zu.csv", LINES - i);
		(void)snprintf(text, sizeof(text), SIGHTINGS_HEADER "%s", sighting_lines[i][1]);
		documents_import(&h, &document);
	}
	expect_history(&history);
	history_done(&history);
}
END_TEST

START_TEST(before_the_first_release_nothing_is_known)
{
	struct output output;

	documents_import(&h, &documents[2][0]);
	CTL(&h, &output, "--json", "get", "arrivals.people.year_to_date", "arrivals.people.record",
	    "arrivals.people_per_boat.year_to_date", "--as-of", "2026-07-10");
	ck_assert_int_eq(output.code, 0);
	for (const char *line = output.out; *line != '\0'; line += strcspn(line, "\n") + 1) {
		json_t *figure = json_loadb(line, strcspn(line, "\n"), 0, NULL);

		ck_assert(json_is_null(json_object_get(figure, "value")));
		ck_assert_str_eq(json_string_value(json_object_get(figure, "status")), "missing");
		json_decref(figure);
	}
	output_done(&output);
	CTL(&h, &output, "--json", "series", "arrivals.people", "--as-of", "2026-07-10");
	ck_assert_int_eq(output.code, 0);
	ck_assert_str_eq(output.out, "");
	output_done(&output);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("as of");
	TCase *tests = tcase_create("as of");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, a_past_day_is_answered_as_it_was_answered_then);
	tcase_add_loop_test(
		tests, an_old_release_backfilled_later_answers_as_if_it_had_come_on_its_day, 0, 2);
	tcase_add_test(tests, sightings_backfilled_later_answer_as_a_log_that_was_followed);
	tcase_add_test(tests, before_the_first_release_nothing_is_known);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
