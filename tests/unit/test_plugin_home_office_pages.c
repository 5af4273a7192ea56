/* SPDX-License-Identifier: MIT
 *
 * test_plugin_home_office_pages.c - web pages of the Home Office and of the Ministry of Defence,
 * made up with the quirks of the published ones: what is read, and what must be refused, with which
 * words.
 */
#include "home_office/html.h"
#include "home_office_case.h"
#include "home_office_pages.h"

/* ── helpers ─────────────────────────────────────────────────────────────────────────────────── */

static int read_page(const char *text)
{
	return fake_host_document(host, "page.html", text, strlen(text));
}

/* count times `text` between two others; to be freed */
static char *many(const char *before, const char *text, size_t count, const char *after)
{
	char *whole = malloc(strlen(before) + strlen(text) * count + strlen(after) + 1);
	char *at = stpcpy(whole, before);

	while (count--)
		at = stpcpy(at, text);
	(void)stpcpy(at, after);
	return whole;
}

static void expect_three_days(void)
{
	ck_assert_msg(!host->failure, "%s", host->failure);
	ck_assert_uint_eq(host->reject_count, 0);
	ck_assert_uint_eq(host->observation_count, 9);
	expect("arrivals.people", 2026, 7, 6, 0);
	expect("arrivals.people", 2026, 7, 7, 1249);
	expect("arrivals.boats", 2026, 7, 7, 17);
	expect("arrivals.uncontrolled_boats", 2026, 7, 7, 2);
	expect("arrivals.people", 2026, 7, 8, 81);
}

/* ── the table ───────────────────────────────────────────────────────────────────────────────── */

START_TEST(reads_the_same_table_however_it_is_marked_up)
{
	ck_assert_int_eq(read_page(same_page[_i]), 0);
	expect_three_days();
	ck_assert_int_eq(host->published_at_ms, PUBLISHED_MS);
	ck_assert_str_eq(host->dataset, "last-7-days");
}
END_TEST

START_TEST(covers_its_days_and_gives_each_value_the_place_of_its_cell)
{
	const char *text = same_page[0];
	const struct fake_observation *boats;

	ck_assert_int_eq(read_page(text), 0);
	boats = find("arrivals.boats", NULL, 2026, 7, 7);
	ck_assert_uint_eq(boats->at, (uint64_t)(strstr(text, "<td>17</td>") - text));
	ck_assert_int_eq(boats->status, STRAIT_PROVISIONAL);
	ck_assert_uint_eq(host->coverage_count, 3);
	ck_assert_int_eq(coverage("arrivals.people")->first, strait_day(2026, 7, 6));
	ck_assert_int_eq(coverage("arrivals.people")->last, strait_day(2026, 7, 8));
}
END_TEST

START_TEST(takes_a_dash_as_missing_and_rejects_what_is_no_count)
{
	ck_assert_int_eq(read_page(PAGE(TABLE(DAY("7 July 2026", "1,249", "17", "-") DAY(
				 "8 July 2026", "81<sup>1</sup>", "1", "0")))),
			 0);
	ck_assert_int_eq(find("arrivals.uncontrolled_boats", NULL, 2026, 7, 7)->status,
			 STRAIT_MISSING);
	ck_assert_uint_eq(host->reject_count, 1); /* 811 people would be a disaster */
	ck_assert_str_eq(host->rejects[0].raw, "81 1");
	ck_assert_uint_eq(host->observation_count, 5);
	ck_assert_ptr_null(coverage("arrivals.people"));
	ck_assert_ptr_nonnull(coverage("arrivals.boats"));
}
END_TEST

static const struct {
	const char *metas;
	int64_t published_at_ms;
} published[] = {
	{ UPDATED("public-updated-at", "2026-07-09T13:15:01+01:00"), INT64_C(1783599301000) },
	{ UPDATED("public-updated-at", "2026-07-09T13:15:01.000+01:00")
		  UPDATED("updated-at", "2026-07-09T13:20:01+01:00"),
	  INT64_C(1783599301000) },
	/* a minor change: it reports a day that was not over at the public time */
	{ UPDATED("updated-at", "2026-07-09T09:00:00+00:00")
		  UPDATED("public-updated-at", "2026-07-08T09:00:00+00:00"),
	  INT64_C(1783587600000) },
	{ "<script type='application/ld+json'>{ \"dateModified\": \"2026-07-09T12:00:00.000+00:00\" "
	  "}</script>",
	  INT64_C(1783598400000) },
	{ UPDATED("public-updated-at", "yesterday"), 0 },
	{ UPDATED("public-updated-at", "2036-07-09T13:15:01+01:00"), 0 },
	{ "", 0 },
};

START_TEST(is_published_when_its_metas_say)
{
	char *text =
		many("<html><head>", published[_i].metas, 1, TABLE(THREE_DAYS) "</body></html>");

	ck_assert_int_eq(read_page(text), 0);
	expect_three_days();
	ck_assert_int_eq(host->published_at_ms, published[_i].published_at_ms);
	ck_assert(published[_i].published_at_ms ||
		  strstr(host->log, "using its name or file time"));
	free(text);
}
END_TEST

START_TEST(calls_a_page_of_another_shape_drifted)
{
	expect_failure(read_page(drifted[_i].text), STRAIT_FAULT_DRIFTED, drifted[_i].saw);
	ck_assert_msg(strstr(host->failure, "expected"), "%s", host->failure);
	ck_assert_msg(strstr(host->failure, "saw"), "%s", host->failure);
	ck_assert_uint_eq(host->coverage_count, 0);
	ck_assert_uint_eq(host->reject_count, 0);
}
END_TEST

/* ── prose ───────────────────────────────────────────────────────────────────────────────────── */

START_TEST(reads_the_counts_of_the_ministry_of_defence_into_their_own_series)
{
	const char *text = prose_page[_i];
	const struct fake_observation *people;

	ck_assert_int_eq(read_page(text), 0);
	ck_assert_uint_eq(host->observation_count, 2);
	expect("arrivals.people_mod", 2022, 9, 4, 1160);
	expect("arrivals.boats_mod", 2022, 9, 4, 25);
	people = find("arrivals.people_mod", NULL, 2022, 9, 4);
	ck_assert_int_eq(people->status, STRAIT_PROVISIONAL);
	ck_assert_int_eq(strncmp(text + people->at, "<", 1), 0);
	ck_assert_int_eq(host->published_at_ms, INT64_C(1662366600000));
	ck_assert_str_eq(host->dataset, "mod-daily");
	ck_assert_int_eq(coverage("arrivals.people_mod")->first, strait_day(2022, 9, 4));
}
END_TEST

START_TEST(never_counts_a_page_that_is_given_up)
{
	expect_failure(read_page(retired[_i].text), STRAIT_FAULT_RETIRED, retired[_i].phrase);
	ck_assert_ptr_nonnull(strstr(host->failure, "Point the source at what took its place"));
}
END_TEST

START_TEST(does_not_take_a_remark_about_another_page_for_its_own_end)
{
	ck_assert_int_eq(read_page(not_retired[_i]), 0);
	expect_three_days();
}
END_TEST

/* ── hostile and broken pages ────────────────────────────────────────────────────────────────── */

/* Cut anywhere, a page gives all of its figures or none; never a part of a number. */
START_TEST(refuses_every_page_that_was_not_fetched_whole)
{
	const char *text = _i ? prose_page[0] : same_page[0];
	size_t whole = (size_t)(strstr(text, _i ? "</main>" : "</table>\n") - text);

	for (size_t size = 1; size < strlen(text); size++) {
		int result = fake_host_document(host, "page.html", text, size);

		if (result < 0) {
			ck_assert_uint_eq(host->observation_count, 0);
			ck_assert(host->fault == STRAIT_FAULT_INPUT || size < 80);
			ck_assert_msg(size < whole + 9, "%zu bytes: %s", size, host->failure);
		} else if (_i) {
			ck_assert_uint_eq(host->observation_count, 2);
			expect("arrivals.people_mod", 2022, 9, 4, 1160);
			expect("arrivals.boats_mod", 2022, 9, 4, 25);
		} else {
			expect_three_days();
			ck_assert_uint_ge(size, whole);
		}
		fake_host_clear(host);
	}
}
END_TEST

START_TEST(survives_every_flipped_byte)
{
	char *text = strdup(same_page[_i]);
	size_t size = strlen(text);

	for (size_t i = 0; i < size; i++) {
		for (int bit = 0; bit < 8; bit += 3) {
			text[i] ^= (char)(1 << bit);
			(void)fake_host_document(host, "page.html", text, size); /* any answer */
			fake_host_clear(host);
			text[i] ^= (char)(1 << bit);
		}
	}
	free(text);
}
END_TEST

static const struct {
	const char *before, *text;
	size_t count;
	const char *after;
	const char *why; /* part of the failure; NULL = the page is read */
} bombs[] = {
	{ "<html>", "<div>", 300, "", "nested too deeply" },
	{ "<html><table>", "<tr><td><table>", 100000, "", "nested too deeply" },
	{ "<html><p ", "a=1 ", 600, "></p>", "more than 512 parts" },
	{ "<html><p ", "a='<>' ", 100000, "></p>", "more than 512 parts" },
	{ "<html>", "<!-- x -->", 900000, "</html>", "larger than 8 MiB" },
	{ "<html><p>", "&nbsp;text", 800000, "</p></html>", "saw prose" },
	{ "<html><p>", "<b><i>", 1000, "</p>", "nested too deeply" },
	{ "<html><table>", "<tr><td>1</td></tr>", 300000, "</table></html>", "that header" },
	{ "<html><table><tr>", "<td>1</td>", 500000, "</tr></table></html>", "that header" },
	{ "<html>", "<p></i></b></div>", 300000, "</html>", "not one word" },
	{ "<html><script>if (a <b", " x y = 'it''s ", 5000, "</script>" PAGE(TABLE(THREE_DAYS)),
	  NULL },
	{ "<html><!--<p ", " a=\"1\"", 5000, "-->" PAGE(TABLE(THREE_DAYS)), NULL },
};

START_TEST(bounds_what_a_page_can_cost)
{
	char *text = many(bombs[_i].before, bombs[_i].text, bombs[_i].count, bombs[_i].after);
	int result = read_page(text);

	if (bombs[_i].why) {
		ck_assert_int_lt(result, 0);
		ck_assert_msg(strstr(host->failure, bombs[_i].why), "%s", host->failure);
		ck_assert_uint_eq(host->observation_count, 0);
	} else {
		expect_three_days();
	}
	free(text);
}
END_TEST

static TCase *page_case(void)
{
	TCase *tcase = tcase_create("pages");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	LOOP(reads_the_same_table_however_it_is_marked_up, same_page);
	tcase_add_test(tcase, covers_its_days_and_gives_each_value_the_place_of_its_cell);
	tcase_add_test(tcase, takes_a_dash_as_missing_and_rejects_what_is_no_count);
	LOOP(is_published_when_its_metas_say, published);
	LOOP(calls_a_page_of_another_shape_drifted, drifted);
	LOOP(reads_the_counts_of_the_ministry_of_defence_into_their_own_series, prose_page);
	LOOP(never_counts_a_page_that_is_given_up, retired);
	LOOP(does_not_take_a_remark_about_another_page_for_its_own_end, not_retired);
	return tcase;
}

static TCase *hostile_case(void)
{
	TCase *tcase = tcase_create("hostile");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60); /* with sanitizers, on a busy machine */
	tcase_add_loop_test(tcase, refuses_every_page_that_was_not_fetched_whole, 0, 2);
	LOOP(survives_every_flipped_byte, same_page);
	LOOP(bounds_what_a_page_can_cost, bombs);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("home_office pages");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, page_case());
	suite_add_tcase(suite, hostile_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
