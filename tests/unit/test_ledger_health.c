/* SPDX-License-Identifier: MIT
 *
 * test_ledger_health.c - how far the content of a source reaches, trouble, and documents that
 * cannot be read: nothing of them counts, their rejects do, once. On a real store, with a fake
 * clock; and a store of version 1 (tests/data/store-v1.db, written by straitd as it was then).
 */
#include "clock.h"
#include "freshness.h"
#include "ledger_case.h"

#define DAY_MS INT64_C(86400000)

static struct ledger_case c;

/* Noon of a day. */
static int64_t noon(const char *day)
{
	return case_day(day) * DAY_MS + DAY_MS / 2;
}

static int64_t end_of(const char *day)
{
	return (case_day(day) + 1) * DAY_MS;
}

static void set_up(void)
{
	clock_set_fake(noon("2026-06-01"));
	case_open(&c);
}

static void tear_down(void)
{
	case_close(&c);
	clock_set_fake(0);
}

static struct source_totals totals(void)
{
	struct source_totals now = { 0 };

	ck_assert_msg(ledger_totals(c.ledger, "src", &now, &c.fault) == 0, "%s", c.fault.text);
	return now;
}

/* One release of one value. */
static void import(const char *name, const char *published, uint16_t metric, const char *period,
		   double value)
{
	struct case_release r;

	release_init(&r, name, noon(published));
	release_add(&r, metric, period, value, metric == CASE_STATEMENTS ? "east" : NULL, NULL)
		->count = 1;
	release_send(&c, &r);
}

static const uint8_t *hash_of(const char *name)
{
	static uint8_t sha256[SHA256_BYTES];

	memset(sha256, 0, sizeof(sha256));
	for (size_t i = 0; i < SHA256_BYTES && name[i]; i++)
		sha256[i] = (uint8_t)name[i];
	return sha256;
}

static void fail_document(const char *name, enum strait_fault class_, uint64_t rejected,
			  bool unread)
{
	static const struct batch_reject rejects[] = {
		{ .at = UINT64_C(1) << 63 | UINT64_C(1) << 56 | UINT64_C(1) << 32 | 6,
		  .reason = "no number",
		  .extract = "xx" },
		{ .at = 512, .reason = "no date", .extract = "9999" },
	};
	static const char *const sheets[] = { "Notes", "SB_01" };
	struct failed_document document = { .name = name,
					    .sha256 = hash_of(name),
					    .size = 7,
					    .class_ = class_,
					    .published_at_ms = noon("2026-05-22"),
					    .reason = "row 1 has no date",
					    .unread = unread,
					    .rejected = rejected,
					    .rejects = rejects,
					    .reject_count = rejected < 2 ? rejected : 2,
					    .sheets = sheets,
					    .sheet_count = 2 };

	ck_assert_msg(ledger_fail_document(c.ledger, "src", &document, &c.fault) == 0, "%s",
		      c.fault.text);
}

static size_t reject_count(void)
{
	struct reject_row *rows = NULL;
	size_t count = 0;

	ck_assert_int_eq(ledger_rejects(c.ledger, "src", 1000, &rows, &count, &c.fault), 0);
	free(rows);
	return count;
}

/* ── content ───────────────────────────────────────────────────────────────────────────────── */

START_TEST(the_newest_period_says_how_far_the_content_reaches)
{
	struct source_totals now;

	ck_assert_int_eq(totals().health.content_end_ms, 0);
	ck_assert_int_eq(totals().health.since_ms, noon("2026-06-01"));
	import("a", "2026-05-22", CASE_PEOPLE, "2026-05-21", 5);
	now = totals();
	ck_assert_int_eq(now.health.content_end_ms, end_of("2026-05-21"));
	ck_assert_int_eq(now.health.content_at_ms, end_of("2026-05-21"));
	ck_assert_int_eq(now.health.answered_ms, noon("2026-05-22"));
	import("b", "2026-05-22", CASE_WEEKLY, "2026-W20", 5); /* ends on 17 May */
	ck_assert_int_eq(totals().health.content_end_ms, end_of("2026-05-21"));
	import("c", "2026-05-22", CASE_WEEKLY, "2026-W21", 5); /* ends on 24 May, not yet over */
	now = totals();
	ck_assert_int_eq(now.health.content_end_ms, end_of("2026-05-24"));
	ck_assert_int_eq(now.health.content_at_ms, noon("2026-05-22"));
}
END_TEST

START_TEST(an_old_release_that_comes_late_moves_nothing)
{
	struct source_health before;
	int64_t wait_ms;

	import("a", "2026-05-29", CASE_PEOPLE, "2026-05-28", 5);
	before = totals().health;
	clock_set_fake(noon("2026-06-02"));
	import("old", "2020-09-03", CASE_PEOPLE, "2020-09-02", 409);
	ck_assert_int_eq(totals().health.content_end_ms, before.content_end_ms);
	ck_assert_int_eq(totals().health.content_at_ms, before.content_at_ms);
	ck_assert_int_eq(totals().health.answered_ms, before.answered_ms);
	ck_assert_str_eq(totals().last_release, "a");
	ck_assert_int_eq(freshness_judge(&before, 7 * DAY_MS, clock_now_ms(), &wait_ms),
			 FRESHNESS_FRESH);
}
END_TEST

START_TEST(neither_missing_values_nor_a_slip_of_the_year_are_content)
{
	import("a", "2026-05-22", CASE_PEOPLE, "2026-05-21", 5);
	import("b", "2026-05-23", CASE_PEOPLE, "2026-05-22", NAN);
	import("c", "2026-05-24", CASE_PEOPLE, "2062-05-23", 7);
	ck_assert_int_eq(totals().health.content_end_ms, end_of("2026-05-21"));
}
END_TEST

START_TEST(a_level_that_is_stated_again_is_no_new_content)
{
	import("a", "2026-05-22", CASE_WEEKLY, "2026-W21", 5);
	import("b", "2026-05-23", CASE_WEEKLY, "2026-W21", 6);
	ck_assert_int_eq(totals().health.content_at_ms, noon("2026-05-22"));
}
END_TEST

START_TEST(half_a_release_is_no_content)
{
	struct case_release r;

	release_init(&r, "a", noon("2026-05-22"));
	release_add(&r, CASE_PEOPLE, "2026-05-21", 5, NULL, NULL);
	release_add(&r, CASE_PEOPLE, "2026-05-20", 5, NULL, NULL);
	ck_assert_int_eq(release_send_part(&c, &r, 0, 1, false), 0);
	ck_assert_int_eq(totals().health.content_end_ms, 0);
	ck_assert_str_eq(totals().last_release, "");
	ck_assert_int_eq(release_send_part(&c, &r, 1, 2, true), 0);
	ck_assert_int_eq(totals().health.content_end_ms, end_of("2026-05-21"));
}
END_TEST

START_TEST(the_same_document_again_is_a_sign_of_life_only_if_nothing_newer_is_there)
{
	struct source_health health;
	int64_t wait_ms;

	import("a", "2026-01-09", CASE_PEOPLE, "2026-01-08", 5);
	import("b", "2026-01-16", CASE_PEOPLE, "2026-01-15", 5);
	ck_assert_int_eq(ledger_answered(c.ledger, "src", hash_of("a"), &c.fault), 0);
	ck_assert_int_eq(totals().health.answered_ms, noon("2026-01-16"));
	health = totals().health;
	ck_assert_int_eq(freshness_judge(&health, 7 * DAY_MS, clock_now_ms(), &wait_ms),
			 FRESHNESS_LATE);
	ck_assert_int_eq(ledger_answered(c.ledger, "src", hash_of("b"), &c.fault), 0);
	ck_assert_int_eq(totals().health.answered_ms, noon("2026-06-01"));
	health = totals().health;
	ck_assert_int_eq(freshness_judge(&health, 7 * DAY_MS, clock_now_ms(), &wait_ms),
			 FRESHNESS_DEAD);
}
END_TEST

START_TEST(the_last_release_is_the_newest_published_one_also_after_a_restart)
{
	import("b", "2026-05-22", CASE_PEOPLE, "2026-05-21", 5);
	import("a", "2026-05-15", CASE_PEOPLE, "2026-05-14", 5);
	ck_assert_str_eq(totals().last_release, "b");
	case_reopen(&c);
	ck_assert_str_eq(totals().last_release, "b");
	ck_assert_mem_eq(totals().last_sha256, hash_of("b"), SHA256_BYTES);
}
END_TEST

/* ── trouble ───────────────────────────────────────────────────────────────────────────────── */

START_TEST(trouble_stays_through_a_restart_until_newer_content)
{
	import("a", "2026-05-22", CASE_PEOPLE, "2026-05-21", 5);
	fail_document("bad", STRAIT_FAULT_DRIFTED, 0, false);
	case_reopen(&c);
	ck_assert_int_eq(totals().health.trouble, STRAIT_FAULT_DRIFTED);
	ck_assert_str_eq(totals().health.trouble_text, "row 1 has no date");
	fail_document("worse", STRAIT_FAULT_INPUT, 0,
		      false); /* is no trouble of the source, nor its end */
	import("old", "2026-05-15", CASE_PEOPLE, "2026-05-14", 5);
	import("same", "2026-05-23", CASE_PEOPLE, "2026-05-21", 6);
	ck_assert_int_eq(ledger_answered(c.ledger, "src", hash_of("a"), &c.fault), 0);
	ck_assert_int_eq(totals().health.trouble, STRAIT_FAULT_DRIFTED);
	import("newer", "2026-05-23", CASE_PEOPLE, "2026-05-22", 6);
	ck_assert_int_eq(totals().health.trouble, 0);
	ck_assert_str_eq(totals().health.trouble_text, "");
}
END_TEST

START_TEST(an_old_document_that_fails_late_is_no_trouble)
{
	import("newer", "2026-05-23", CASE_PEOPLE, "2026-05-22", 6);
	fail_document("bad", STRAIT_FAULT_DRIFTED, 0, false);
	ck_assert_int_eq(totals().health.trouble, 0);
	ck_assert_str_eq(totals().health.trouble_text, "");
}
END_TEST

/* Its date does not matter, nor when the rest is read: who answers that, answers it now. */
START_TEST(a_retired_document_is_trouble_until_something_is_published_after_it_was_read)
{
	if (_i == 0)
		import("newer", "2026-05-23", CASE_PEOPLE, "2026-05-22", 6);
	fail_document("bad", STRAIT_FAULT_RETIRED, 0, false);
	if (_i == 1)
		import("newer", "2026-05-23", CASE_PEOPLE, "2026-05-22", 6);
	ck_assert_int_eq(totals().health.trouble, STRAIT_FAULT_RETIRED);
	import("goes-on", "2026-06-02", CASE_PEOPLE, "2026-06-01", 6);
	ck_assert_int_eq(totals().health.trouble, 0);
}
END_TEST

START_TEST(a_failure_changes_no_figure)
{
	uint64_t sequence;

	import("a", "2026-05-22", CASE_PEOPLE, "2026-05-21", 5);
	sequence = ledger_sequence(c.ledger);
	fail_document("bad", STRAIT_FAULT_RETIRED, 2, false);
	ck_assert_uint_eq(ledger_sequence(c.ledger), sequence);
	ck_assert_double_eq(case_figure(&c, "people.latest"), 5);
	ck_assert_int_eq(totals().last_read_ms, noon("2026-06-01"));
	ck_assert_str_eq(totals().last_release, "a");
}
END_TEST

/* ── rejects of failed documents ───────────────────────────────────────────────────────────── */

START_TEST(rejects_of_a_failed_document_are_kept_with_their_place)
{
	struct reject_row *rows = NULL;
	size_t count = 0;

	fail_document("table.ods", STRAIT_FAULT_INPUT, 5, false);
	ck_assert_uint_eq(totals().rejected, 5);
	ck_assert_int_eq(ledger_rejects(c.ledger, "src", 10, &rows, &count, &c.fault), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert_str_eq(rows[0].place, "byte 512");
	ck_assert_str_eq(rows[1].release, "table.ods");
	ck_assert_str_eq(rows[1].place, "SB_01!B7");
	ck_assert_str_eq(rows[1].reason, "no number");
	ck_assert_str_eq(rows[1].extract, "xx");
	free(rows);
}
END_TEST

START_TEST(the_same_failure_again_doubles_nothing)
{
	bool complete = true;
	uint64_t observations = 7;
	int64_t published = 7;

	fail_document("table.ods", STRAIT_FAULT_INPUT, 5, false);
	fail_document("table.ods", STRAIT_FAULT_INPUT, 5, false);
	case_reopen(&c);
	fail_document("table.ods", STRAIT_FAULT_INPUT, 5, false);
	ck_assert_uint_eq(totals().rejected, 5);
	ck_assert_uint_eq(reject_count(), 2);
	ck_assert_int_eq(ledger_release_state(c.ledger, "src", "table.ods", hash_of("table.ods"),
					      &complete, &observations, &published, &c.fault),
			 0);
	ck_assert(!complete);
	ck_assert_uint_eq(observations, 0);
	ck_assert_int_eq(published, 0);				 /* it begins anew */
	fail_document("table.ods", STRAIT_FAULT_INPUT, 0, true); /* then the worker dies over it */
	ck_assert_uint_eq(totals().rejected, 5);
	ck_assert_uint_eq(reject_count(), 2);
	fail_document("other.ods", STRAIT_FAULT_INPUT, 1, false);
	ck_assert_uint_eq(totals().rejected, 6);
	ck_assert_uint_eq(reject_count(), 3);
}
END_TEST

/* Sends [from, to) with so many rejects, of which one is kept. */
static void send_with_rejects(const struct case_release *r, size_t from, size_t to, bool final,
			      uint64_t rejected)
{
	static const struct batch_reject reject = { .at = 1, .reason = "early", .extract = "" };
	struct batch batch = { .number = c.batch + 1,
			       .release = r->release,
			       .final = final,
			       .first = from,
			       .accepted = to - from,
			       .rejected = rejected,
			       .series = r->series,
			       .series_count = r->count,
			       .observations = r->observations + from,
			       .observation_count = to - from,
			       .rejects = &reject,
			       .reject_count = rejected > 0,
			       .cursor = "cursor",
			       .cursor_size = 6 };

	ck_assert_msg(ledger_commit(c.ledger, "src", &batch, &c.report, &c.fault) == 0, "%s",
		      c.fault.text);
	c.batch++;
}

static void fill_half(struct case_release *r, int64_t published_ms)
{
	release_init(r, "half.ods", published_ms);
	release_add(r, CASE_PEOPLE, "2026-05-21", 5, NULL, NULL);
	release_add(r, CASE_STATEMENTS, "2026-05-21", 5, "east", NULL)->count = 1;
	release_add(r, CASE_PEOPLE, "2026-05-22", 6, NULL, NULL);
}

START_TEST(nothing_counts_of_a_document_that_fails_half_imported)
{
	struct version_row *rows = NULL;
	struct case_release r;
	size_t count = 0;

	for (int i = 0; i < 2; i++) { /* the second time it is moved back and fails again */
		fill_half(&r, noon("2026-05-23"));
		send_with_rejects(&r, 0, 2, false, 3);
		ck_assert_uint_eq(totals().accepted, 2);
		ck_assert_uint_eq(totals().rejected, 3);
		fail_document("half.ods", STRAIT_FAULT_INPUT, 5, false);
		ck_assert_uint_eq(totals().accepted, 0);
		ck_assert_uint_eq(totals().rejected, 5);
		ck_assert_uint_eq(reject_count(), 3);
	}
	ck_assert_int_eq(totals().health.content_end_ms, 0);
	ck_assert(isnan(case_figure(&c, "people.total")));
	ck_assert_int_eq(
		ledger_versions(c.ledger, "people", NULL, 0, "2026-05-21", &rows, &count, &c.fault),
		0);
	ck_assert_uint_eq(count, 0);
	free(rows);
}
END_TEST

START_TEST(a_failed_document_that_can_be_read_later_counts_once)
{
	struct case_release r;

	fill_half(&r, noon("2026-05-23"));
	send_with_rejects(&r, 0, 2, false, 3);
	fail_document("half.ods", STRAIT_FAULT_INPUT, 5, false);
	fill_half(&r, noon("2026-05-24")); /* another plugin dates it otherwise */
	send_with_rejects(&r, 0, 2, false, 0);
	send_with_rejects(&r, 2, 3, true, 1);
	ck_assert_uint_eq(totals().accepted, 3);
	ck_assert_uint_eq(totals().rejected, 1);
	ck_assert_uint_eq(reject_count(), 1);
	ck_assert_double_eq(case_figure(&c, "people.total"), 11);
	ck_assert_double_eq(case_figure(&c, "statements.total"), 5);
	ck_assert_int_eq(totals().last_published_ms, noon("2026-05-24"));
}
END_TEST

START_TEST(what_only_the_failed_reading_said_does_not_come_back)
{
	struct case_release r;

	fill_half(&r, noon("2026-05-23"));
	send_with_rejects(&r, 0, 2, false, 0);
	fail_document("half.ods", STRAIT_FAULT_INPUT, 0, false);
	release_init(&r, "half.ods", noon("2026-05-23")); /* a better plugin reads less */
	release_add(&r, CASE_PEOPLE, "2026-05-22", 6, NULL, NULL);
	release_send(&c, &r);
	ck_assert_double_eq(case_figure(&c, "people.total"), 6);
	ck_assert(isnan(case_figure(&c, "statements.total")));
}
END_TEST

START_TEST(a_document_the_worker_died_over_keeps_what_is_known_of_its_rejects)
{
	struct case_release r;

	fill_half(&r, noon("2026-05-23"));
	send_with_rejects(&r, 0, 2, false, 3);
	fail_document("half.ods", STRAIT_FAULT_INPUT, 0, true);
	ck_assert_uint_eq(totals().accepted, 0);
	ck_assert_uint_eq(totals().rejected, 3);
	ck_assert_uint_eq(reject_count(), 1);
}
END_TEST

/* ── migration ─────────────────────────────────────────────────────────────────────────────── */

static void copy_old_store(const char *name)
{
	const char *source = getenv("STRAIT_SOURCE");
	char from[512], to[512], buffer[65536];
	size_t size;
	FILE *file;

	ck_assert_msg(source != NULL, "STRAIT_SOURCE is not set; use tests/run");
	(void)snprintf(from, sizeof(from), "%s/tests/data/%s", source, name);
	(void)snprintf(to, sizeof(to), "%s/straitd.db", c.dir);
	file = fopen(from, "re");
	ck_assert_msg(file != NULL, "no %s", from);
	size = fread(buffer, 1, sizeof(buffer), file);
	ck_assert_uint_lt(size, sizeof(buffer));
	(void)fclose(file);
	ledger_free(c.ledger);
	c.ledger = NULL;
	file = fopen(to, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(buffer, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(a_store_of_version_1_becomes_one_of_ours)
{
	struct case_release r;
	struct source_totals now;

	copy_old_store("store-v1.db");
	case_reopen(&c);
	now = totals();
	ck_assert_uint_eq(now.accepted, 8);
	ck_assert_uint_eq(now.rejected, 1);
	ck_assert_str_eq(now.last_release, "sightings.csv");
	ck_assert_int_eq(now.health.content_end_ms, end_of("2026-04-30"));
	ck_assert_int_eq(now.health.content_at_ms, end_of("2026-04-30"));
	ck_assert_int_eq(now.health.answered_ms, INT64_C(1777700000000));
	ck_assert_int_eq(now.health.trouble, 0);
	ck_assert_double_eq(case_figure(&c, "people.latest"), 40);
	ck_assert_uint_eq(reject_count(), 1);
	case_declare(&c);
	/* The half imported document goes on. */
	c.batch = 4;
	release_init(&r, "half.ods", INT64_C(1777800000000));
	release_add(&r, CASE_PEOPLE, "2026-05-01", 9, NULL, NULL);
	release_add(&r, CASE_PEOPLE, "2026-05-02", 10, NULL, NULL);
	ck_assert_msg(release_send_part(&c, &r, 1, 2, true) == 0, "%s", c.fault.text);
	ck_assert_double_eq(case_figure(&c, "people.latest"), 10);
	ck_assert_int_eq(totals().health.content_end_ms, end_of("2026-05-02"));
	case_reopen(&c); /* and is not migrated twice */
	ck_assert_double_eq(case_figure(&c, "people.latest"), 10);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ledger_health");
	TCase *tcase = tcase_create("health");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, the_newest_period_says_how_far_the_content_reaches);
	tcase_add_test(tcase, an_old_release_that_comes_late_moves_nothing);
	tcase_add_test(tcase, neither_missing_values_nor_a_slip_of_the_year_are_content);
	tcase_add_test(tcase, a_level_that_is_stated_again_is_no_new_content);
	tcase_add_test(tcase, half_a_release_is_no_content);
	tcase_add_test(tcase,
		       the_same_document_again_is_a_sign_of_life_only_if_nothing_newer_is_there);
	tcase_add_test(tcase, the_last_release_is_the_newest_published_one_also_after_a_restart);
	tcase_add_test(tcase, trouble_stays_through_a_restart_until_newer_content);
	tcase_add_test(tcase, an_old_document_that_fails_late_is_no_trouble);
	tcase_add_loop_test(
		tcase, a_retired_document_is_trouble_until_something_is_published_after_it_was_read,
		0, 2);
	tcase_add_test(tcase, a_failure_changes_no_figure);
	tcase_add_test(tcase, rejects_of_a_failed_document_are_kept_with_their_place);
	tcase_add_test(tcase, the_same_failure_again_doubles_nothing);
	tcase_add_test(tcase, nothing_counts_of_a_document_that_fails_half_imported);
	tcase_add_test(tcase, a_failed_document_that_can_be_read_later_counts_once);
	tcase_add_test(tcase, what_only_the_failed_reading_said_does_not_come_back);
	tcase_add_test(tcase, a_document_the_worker_died_over_keeps_what_is_known_of_its_rejects);
	tcase_add_test(tcase, a_store_of_version_1_becomes_one_of_ours);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
