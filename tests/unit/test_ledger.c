/* SPDX-License-Identifier: MIT
 *
 * test_ledger.c - commits: newest release wins, any order, withdrawal, as known on a date, the
 * feed, resuming.
 */
#include <sys/wait.h>

#include "ledger_case.h"

static struct ledger_case c;
static struct case_release r;

static void open_case(void)
{
	case_open(&c);
}

static void close_case(void)
{
	case_close(&c);
}

static void people(const char *name, int64_t published, const char *day, double value)
{
	release_init(&r, name, published);
	release_add(&r, CASE_PEOPLE, day, value, NULL, NULL);
	release_send(&c, &r);
}

START_TEST(figures_exist_before_there_is_data)
{
	const struct figure *figure = ledger_figure(c.ledger, "people.latest");

	ck_assert_ptr_nonnull(figure);
	ck_assert(isnan(figure->value));
	ck_assert_int_eq(figure->status, STRAIT_MISSING);
	ck_assert_uint_eq(ledger_sequence(c.ledger), 0);
}
END_TEST

START_TEST(the_newest_release_wins_in_any_order)
{
	people("b", 2000, "2020-09-02", 416);
	ck_assert_double_eq(case_figure(&c, "people.latest"), 416);
	people("a", 1000, "2020-09-02", 409);
	ck_assert_double_eq(case_figure(&c, "people.latest"), 416);
	people("c", 3000, "2020-09-02", 399);
	ck_assert_double_eq(case_figure(&c, "people.latest"), 399);
	ck_assert_double_eq(case_value(&c, "people.latest", 1500), 409);
	ck_assert_double_eq(case_value(&c, "people.2020-09-02", 2000), 416);
	ck_assert_double_eq(case_value(&c, "people.2020-09-02", 1999), 409);
	ck_assert(isnan(case_value(&c, "people.2020-09-02", 999)));
}
END_TEST

START_TEST(releases_of_one_instant_are_ordered_by_their_content)
{
	people("a", 1000, "2020-09-02", 1);
	people("b", 1000, "2020-09-02", 2);
	ck_assert_double_eq(case_figure(&c, "people.latest"), 2);
	people("aa", 1000, "2020-09-02", 3);
	ck_assert_double_eq(case_figure(&c, "people.latest"), 2);
}
END_TEST

START_TEST(the_record_moves_with_what_was_known)
{
	release_init(&r, "a", 1000);
	release_add(&r, CASE_PEOPLE, "2020-09-02", 409, NULL, NULL);
	release_send(&c, &r);
	release_init(&r, "b", 2000);
	for (int day = 2; day <= 22; day++) {
		char text[32];

		(void)snprintf(text, sizeof(text), "2020-09-%02d", day);
		release_add(&r, CASE_PEOPLE, text,
			    day == 2	? 399
			    : day == 22 ? 401
					: 0,
			    NULL, NULL);
	}
	release_send(&c, &r);
	ck_assert_double_eq(case_figure(&c, "people.record"), 401);
	ck_assert_str_eq(ledger_figure(c.ledger, "people.record")->period, "2020-09-22");
	ck_assert_double_eq(case_value(&c, "people.record", 1000), 409);
	ck_assert_int_eq(c.report.cause, CAUSE_REVISED);
}
END_TEST

/* A covers 1 to 3; B covers 1 to 3 and has not the 2nd. */
static void withdraw_second(bool old_first)
{
	for (int i = 0; i < 2; i++) {
		bool old = (i == 0) == old_first;

		release_init(&r, old ? "old" : "new", old ? 1000 : 2000);
		release_add(&r, CASE_PEOPLE, "2020-09-01", 1, NULL, NULL);
		if (old)
			release_add(&r, CASE_PEOPLE, "2020-09-02", 2, NULL, NULL);
		release_add(&r, CASE_PEOPLE, "2020-09-03", 3, NULL, NULL);
		release_cover(&r, CASE_PEOPLE, "2020-09-01", "2020-09-03");
		release_send(&c, &r);
	}
}

START_TEST(a_covered_period_that_is_gone_is_withdrawn_in_any_order)
{
	struct version_row *rows;
	size_t count;

	withdraw_second(_i == 0);
	ck_assert(isnan(case_value(&c, "people.2020-09-02", 0)));
	ck_assert_double_eq(case_value(&c, "people.2020-09-02", 1000), 2);
	ck_assert(isnan(case_value(&c, "people.2020-09-02", 2000)));
	ck_assert_int_eq(
		ledger_versions(c.ledger, "people", NULL, 0, "2020-09-02", &rows, &count, &c.fault),
		0);
	ck_assert_uint_eq(count, 2);
	ck_assert_double_eq(rows[0].value, 2);
	ck_assert_str_eq(rows[0].release, "old");
	ck_assert(isnan(rows[1].value));
	ck_assert_int_eq(rows[1].status, 0);
	free(rows);
	/* it comes back */
	people("back", 3000, "2020-09-02", 5);
	ck_assert_double_eq(case_value(&c, "people.2020-09-02", 0), 5);
	ck_assert_double_eq(case_value(&c, "people.total", 0), 9);
}
END_TEST

START_TEST(a_version_says_what_each_release_said)
{
	static const double values[] = { 390, 322, 390 };
	struct version_row *rows;
	size_t count;

	for (int i = 2; i >= 0; i--) { /* newest first */
		char name[2] = { (char)('a' + i), 0 };

		release_init(&r, name, (i + 1) * 1000);
		release_add(&r, CASE_WEEKLY, "2026-04-13", values[i], NULL, NULL);
		release_send(&c, &r);
	}
	ck_assert_int_eq(
		ledger_versions(c.ledger, "weekly", NULL, 0, "2026-W16", &rows, &count, &c.fault),
		0);
	ck_assert_uint_eq(count, 3);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_double_eq(rows[i].value, values[i]);
		ck_assert_int_eq(rows[i].published_at_ms, (int64_t)(i + 1) * 1000);
	}
	free(rows);
	ck_assert_int_eq(
		ledger_versions(c.ledger, "weekly", NULL, 0, "2026-04-19", &rows, &count, &c.fault),
		0);
	ck_assert_uint_eq(count, 3);
	free(rows);
	ck_assert_int_eq(
		ledger_versions(c.ledger, "weekly", NULL, 0, "2026", &rows, &count, &c.fault), -1);
	ck_assert_int_eq(c.fault.kind, FAULT_BAD_PERIOD);
}
END_TEST

/* ── exactly once ──────────────────────────────────────────────────────────────────────────── */

START_TEST(refuses_a_batch_out_of_order)
{
	people("a", 1000, "2020-09-02", 409);
	c.batch = 0;
	release_init(&r, "b", 2000);
	release_add(&r, CASE_PEOPLE, "2020-09-02", 1, NULL, NULL);
	ck_assert_int_eq(release_send_part(&c, &r, 0, 1, true), -1);
	ck_assert_int_eq(c.fault.kind, FAULT_PROTOCOL);
	ck_assert_str_eq(c.fault.text, "batch 1 was sent, 2 is next");
	ck_assert_double_eq(case_figure(&c, "people.latest"), 409);
}
END_TEST

START_TEST(a_release_in_parts_counts_when_it_is_whole)
{
	int64_t published;
	uint64_t done;
	bool complete;
	void *cursor;
	size_t size;

	release_init(&r, "a", 1000);
	release_add(&r, CASE_PEOPLE, "2020-09-01", 1, NULL, NULL);
	release_add(&r, CASE_PEOPLE, "2020-09-02", 2, NULL, NULL);
	ck_assert_int_eq(release_send_part(&c, &r, 0, 1, false), 0);
	ck_assert(isnan(case_figure(&c, "people.total")));
	ck_assert(isnan(case_value(&c, "people.total", 5000)));
	case_reopen(&c);
	ck_assert_int_eq(ledger_release_state(c.ledger, "src", "a", r.release.sha256, &complete,
					      &done, &published, &c.fault),
			 0);
	ck_assert(!complete);
	ck_assert_uint_eq(done, 1);
	ck_assert_int_eq(published, r.release.published_at_ms);
	ck_assert_int_eq(release_send_part(&c, &r, 0, 1, false), -1);
	ck_assert_str_eq(c.fault.text, "batch of 'a' starts at observation 0, 1 are committed");
	ck_assert_int_eq(release_send_part(&c, &r, 1, 2, true), 0);
	ck_assert_double_eq(case_figure(&c, "people.total"), 3);
	ck_assert_int_eq(ledger_release_state(c.ledger, "src", "a", r.release.sha256, &complete,
					      &done, &published, &c.fault),
			 0);
	ck_assert(complete);
	ck_assert_int_eq(published, 0);
	ck_assert_int_eq(ledger_resume(c.ledger, "src", &done, &cursor, &size, &c.fault), 0);
	ck_assert_uint_eq(done, 2);
	ck_assert_uint_eq(size, 6);
	ck_assert_mem_eq(cursor, "cursor", 6);
	free(cursor);
}
END_TEST

START_TEST(everything_is_there_again_after_a_restart)
{
	uint64_t sequence;

	people("a", 1000, "2020-09-02", 409);
	sequence = ledger_sequence(c.ledger);
	case_reopen(&c);
	ck_assert_uint_eq(ledger_sequence(c.ledger), sequence);
	ck_assert_double_eq(case_figure(&c, "people.latest"), 409);
	ck_assert_str_eq(ledger_figure(c.ledger, "people.latest")->period, "2020-09-02");
	case_declare(&c);
	ck_assert_uint_eq(ledger_sequence(c.ledger),
			  sequence); /* nothing changed, nothing is told */
}
END_TEST

START_TEST(a_second_daemon_on_the_same_store_is_refused)
{
	pid_t other = fork();
	int status;

	if (other == 0) {
		struct ledger *ledger;
		bool refused = ledger_open(c.dir, &ledger, &c.fault) < 0;

		_exit(refused && strstr(c.fault.text, "is in use by another straitd") ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(other, &status, 0), other);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(the_identity_key_is_private_and_stays)
{
	uint8_t key[IDENTITY_KEY_BYTES];
	char path[128];
	struct stat status;

	memcpy(key, ledger_identity_key(c.ledger), sizeof(key));
	case_reopen(&c);
	ck_assert_mem_eq(key, ledger_identity_key(c.ledger), sizeof(key));
	(void)snprintf(path, sizeof(path), "%s/identity.key", c.dir);
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0600);
	ck_assert_int_eq(truncate(path, 3), 0);
	ledger_free(c.ledger);
	c.ledger = NULL;
	ck_assert_int_eq(ledger_open(c.dir, &c.ledger, &c.fault), -1);
	ck_assert_ptr_nonnull(strstr(c.fault.text, "is damaged"));
}
END_TEST

/* ── records ───────────────────────────────────────────────────────────────────────────────── */

static struct batch_observation *boat(uint64_t key, const char *day, double value, const char *area,
				      const char *outcome, int64_t known_at, uint32_t rank)
{
	struct batch_observation *observation =
		release_add(&r, CASE_BOATS, day, value, area, outcome);

	observation->key = key;
	observation->known_at_ms = known_at;
	observation->rank = rank;
	return observation;
}

START_TEST(a_later_version_of_a_record_takes_the_place_of_the_earlier)
{
	release_init(&r, "a", 9000);
	if (_i == 0) {
		boat(1, "2020-09-02", 1, "east", "open", 1000, 0);
		boat(1, "2020-09-02", 1, "east", "lost", 2000, 1);
	} else {
		boat(1, "2020-09-02", 1, "east", "lost", 2000, 1);
		boat(1, "2020-09-02", 1, "east", "open", 1000, 0);
	}
	boat(2, "2020-09-03", 1, "west", "open", 1500, 0);
	release_send(&c, &r);
	ck_assert_double_eq(case_figure(&c, "boats.total"), 2);
	ck_assert_double_eq(case_figure(&c, "boats.lost"), 0.5);
	ck_assert_double_eq(case_value(&c, "boats{outcome=open}.total", 0), 1);
	ck_assert_double_eq(case_value(&c, "boats.lost", 1999), 0);
	ck_assert_double_eq(case_value(&c, "boats.total", 1000), 1);
	ck_assert_double_eq(case_value(&c, "boats{area=west}.total", 1500), 1);
}
END_TEST

START_TEST(an_outcome_that_nothing_had_is_zero_not_missing)
{
	ck_assert(isnan(case_value(&c, "boats{outcome=lost}.total", 0)));
	release_init(&r, "a", 9000);
	boat(1, "2020-09-02", 1, "east", "open", 1000, 0);
	release_send(&c, &r);
	ck_assert_double_eq(case_value(&c, "boats{outcome=lost}.total", 0), 0);
	ck_assert_double_eq(case_figure(&c, "boats.lost"), 0);
}
END_TEST

START_TEST(two_equal_lines_are_one_record)
{
	release_init(&r, "a", 9000);
	boat(1, "2020-09-02", 1, "east", "open", 1000, 0);
	boat(1, "2020-09-02", 1, "east", "open", 1000, 0);
	release_send(&c, &r);
	ck_assert_double_eq(case_figure(&c, "boats.total"), 1);
}
END_TEST

START_TEST(a_record_that_moved_to_another_day_leaves_a_version_behind)
{
	struct version_row *rows;
	size_t count;

	release_init(&r, "a", 9000);
	boat(1, "2020-09-02", 3, "east", "open", 1000, 0);
	boat(2, "2020-09-02", 1, "east", "open", 1100, 0);
	boat(3, "2020-09-05", 3, "east", "open", 2000, 0)->replaces = 1;
	release_send(&c, &r);
	ck_assert_int_eq(
		ledger_versions(c.ledger, "boats", NULL, 0, "2020-09-02", &rows, &count, &c.fault),
		0);
	ck_assert_uint_eq(count, 3);
	ck_assert_double_eq(rows[1].value, 4);
	ck_assert_double_eq(rows[2].value, 1);
	ck_assert_int_eq(rows[2].published_at_ms, 2000);
	free(rows);
}
END_TEST

START_TEST(the_same_lines_again_change_nothing)
{
	uint64_t sequence;

	release_init(&r, "a", 9000);
	boat(1, "2020-09-02", 1, "east", "open", 1000, 0);
	boat(2, "2020-09-02", 1, "east", "open", 1000, 0);
	release_send(&c, &r);
	sequence = ledger_sequence(c.ledger);
	release_init(&r, "again", 9500);
	boat(2, "2020-09-02", 1, "east", "open", 1000, 0);
	boat(1, "2020-09-02", 1, "east", "open", 1000, 0);
	release_send(&c, &r);
	ck_assert_double_eq(case_figure(&c, "boats.total"), 2);
	ck_assert_uint_eq(ledger_sequence(c.ledger), sequence);
	ck_assert_uint_eq(c.report.sequence, 0);
}
END_TEST

/* B amends A, C amends B: in every order of arrival only C counts. */
static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
				  { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

START_TEST(an_amended_record_is_taken_back_in_any_order)
{
	for (int i = 0; i < 3; i++) {
		int k = orders[_i][i];
		char name[2] = { (char)('a' + k), 0 };

		release_init(&r, name, 9000);
		boat((uint64_t)k + 1, "2020-09-02", 10.0 * (k + 1), "east", "open", 1000 * (k + 1),
		     0)
			->replaces = (uint64_t)k;
		release_send(&c, &r);
	}
	ck_assert_double_eq(case_figure(&c, "boats.total"), 30);
	ck_assert_double_eq(case_value(&c, "boats.total", 1500), 10);
	ck_assert_double_eq(case_value(&c, "boats.total", 2500), 20);
}
END_TEST

START_TEST(versions_of_a_record_metric_follow_what_was_known)
{
	struct version_row *rows;
	size_t count;

	release_init(&r, "a", 9000);
	boat(1, "2020-09-02", 4, "east", "open", 1000, 0);
	boat(2, "2020-09-02", 2, "east", "open", 2000, 0);
	boat(1, "2020-09-02", 3, "east", "open", 3000, 0);
	release_send(&c, &r);
	ck_assert_int_eq(
		ledger_versions(c.ledger, "boats", NULL, 0, "2020-09-02", &rows, &count, &c.fault),
		0);
	ck_assert_uint_eq(count, 3);
	ck_assert_double_eq(rows[0].value, 4);
	ck_assert_double_eq(rows[1].value, 6);
	ck_assert_double_eq(rows[2].value, 5);
	free(rows);
}
END_TEST

START_TEST(a_record_without_a_number_makes_the_sum_an_estimate)
{
	release_init(&r, "a", 9000);
	boat(1, "2020-09-02", 4, "east", "open", 1000, 0);
	boat(2, "2020-09-02", NAN, "east", "open", 1000, 0);
	release_send(&c, &r);
	ck_assert_double_eq(case_figure(&c, "boats.total"), 4);
	ck_assert_int_eq(ledger_figure(c.ledger, "boats.total")->status, STRAIT_ESTIMATED);
}
END_TEST

START_TEST(a_distribution_gives_back_what_is_taken_back)
{
	static const double hours[] = { 1, 2.5, 24, 100, 7 };

	release_init(&r, "a", 9000);
	for (size_t i = 0; i < 5; i++) {
		struct batch_observation *observation =
			release_add(&r, CASE_HOURS, "2020-09-02", hours[i], "east", NULL);

		observation->key = i + 1;
		observation->known_at_ms = 1000;
	}
	release_send(&c, &r);
	ck_assert_double_eq(case_figure(&c, "hours.median"), 7);
	release_init(&r, "b", 9500);
	release_add(&r, CASE_HOURS, "2020-09-02", 200, "east", NULL)->key = 5;
	r.observations[0].known_at_ms = 2000;
	release_send(&c, &r);
	ck_assert_double_eq(case_figure(&c, "hours.median"), 24);
	ck_assert_double_eq(case_value(&c, "hours.median", 1000), 7);
}
END_TEST

/* ── events ────────────────────────────────────────────────────────────────────────────────── */

static void statements(const char *name, const char *dataset, int64_t published, double value)
{
	release_init(&r, name, published);
	r.release.dataset = dataset;
	release_add(&r, CASE_STATEMENTS, "2024-09-04", value, "x", NULL);
	release_add(&r, CASE_STATEMENTS, "2024-09-04", 1, "x", NULL);
	release_send(&c, &r);
}

START_TEST(events_that_the_worker_added_up_are_counted_each)
{
	release_init(&r, "log", 1000);
	release_add(&r, CASE_STATEMENTS, "2024-09-04", 7, "x", NULL)->count = 5;
	release_add(&r, CASE_STATEMENTS, "2024-09-04", 1, "x", NULL);
	release_send(&c, &r);
	ck_assert_double_eq(case_figure(&c, "statements.total"), 8);
	ck_assert_double_eq(case_figure(&c, "statements.count"), 6);
}
END_TEST

START_TEST(events_add_up_and_a_regenerated_dataset_supersedes)
{
	statements("log1", "", 1000, 10);
	statements("log2", "", 1000, 20);
	ck_assert_double_eq(case_figure(&c, "statements.total"), 32);
	statements("day-v2", "2024-09-04", 3000, 300);
	ck_assert_double_eq(case_figure(&c, "statements.total"), 333);
	statements("day-v1", "2024-09-04", 2000, 200); /* came late */
	ck_assert_double_eq(case_figure(&c, "statements.total"), 333);
	statements("day-v3", "2024-09-04", 4000, 400);
	ck_assert_double_eq(case_figure(&c, "statements.total"), 433);
	ck_assert_double_eq(case_value(&c, "statements.total", 2500), 233);
	ck_assert_double_eq(case_value(&c, "statements.total", 1000), 32);
}
END_TEST

/* ── the feed ──────────────────────────────────────────────────────────────────────────────── */

START_TEST(the_feed_has_each_change_once_with_old_and_new)
{
	struct change_row *rows;
	uint64_t latest;
	bool complete;
	size_t count;

	people("a", 1000, "2020-09-02", 409);
	ck_assert_uint_eq(c.report.sequence, 1);
	ck_assert_uint_eq(c.report.row_count, 3);
	ck_assert_int_eq(c.report.cause, CAUSE_NEW);
	people("b", 2000, "2020-09-02", 416);
	ck_assert_uint_eq(c.report.sequence, 2);
	ck_assert_int_eq(c.report.cause, CAUSE_REVISED);
	ck_assert_double_eq(c.report.rows[0].old_value, 409);
	ck_assert_double_eq(c.report.rows[0].new_value, 416);
	people("confirms", 3000, "2020-09-02", 416);
	ck_assert_uint_eq(c.report.sequence, 0); /* no figure changed */
	ck_assert_int_eq(ledger_figure(c.ledger, "people.latest")->published_at_ms, 3000);

	ck_assert_int_eq(
		ledger_changes_since(c.ledger, 0, 4, &latest, &complete, &rows, &count, &c.fault),
		0);
	ck_assert_uint_eq(latest, 2);
	ck_assert(!complete);
	ck_assert_uint_eq(count, 3); /* never half a commit */
	free(rows);
	ck_assert_int_eq(
		ledger_changes_since(c.ledger, 1, 100, &latest, &complete, &rows, &count, &c.fault),
		0);
	ck_assert(complete);
	ck_assert_uint_eq(count, 3);
	ck_assert_uint_eq(rows[0].sequence, 2);
	ck_assert_int_eq(rows[0].cause, CAUSE_REVISED);
	free(rows);
	ck_assert_int_eq(
		ledger_changes_since(c.ledger, 0, 1, &latest, &complete, &rows, &count, &c.fault),
		0);
	ck_assert_uint_eq(count, 3); /* a commit larger than the page */
	free(rows);
	ck_assert_int_eq(
		ledger_changes_since(c.ledger, 7, 1, &latest, &complete, &rows, &count, &c.fault),
		-1);
	ck_assert_int_eq(c.fault.kind, FAULT_SEQUENCE_EXPIRED);
}
END_TEST

/* How many rows are kept, and from which sequence on. */
static size_t rows_kept(uint64_t *ret_first)
{
	struct change_row *rows;
	uint64_t latest, after = 0;
	bool complete;
	size_t count;

	while (ledger_changes_since(c.ledger, after, 0, &latest, &complete, &rows, &count,
				    &c.fault) < 0)
		after++; /* the oldest that is kept is found by trying */
	ck_assert(complete);
	*ret_first = after + 1;
	free(rows);
	return count;
}

START_TEST(no_more_rows_of_changes_are_kept_than_asked_for)
{
	uint64_t first = 0, before = 0;

	ledger_limit_changes(c.ledger, 20);
	for (int i = 0; i < 40; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "r%d", i);
		people(name, 1000 * (i + 1), "2020-09-02", i);
		ck_assert_uint_le(rows_kept(&first), 20);
		ck_assert_uint_ge(first, before);
		before = first;
	}
	ck_assert_uint_gt(first, 1);
	ck_assert_uint_ge(rows_kept(&first), 10); /* and not many fewer */
	/* A lower limit is put into force by expiry; the newest commit stays whatever its size. */
	ledger_limit_changes(c.ledger, 1);
	ck_assert_int_eq(ledger_expire(c.ledger, INT64_MIN, &c.fault), 0);
	ck_assert_uint_ge(rows_kept(&first), 1);
	ck_assert_uint_eq(first, ledger_sequence(c.ledger));
	people("last", 100000, "2020-09-02", 1000);
	ck_assert_uint_gt(ledger_sequence(c.ledger), first);
}
END_TEST

START_TEST(what_was_forgotten_is_told_as_expired)
{
	struct change_row *rows;
	uint64_t latest;
	bool complete;
	size_t count;

	for (int i = 0; i < 4; i++) {
		char name[2] = { (char)('a' + i), 0 };

		people(name, 1000 * (i + 1), "2020-09-02", i);
	}
	ck_assert_int_eq(ledger_expire(c.ledger, INT64_MAX, &c.fault), 0);
	ck_assert_int_eq(
		ledger_changes_since(c.ledger, 1, 10, &latest, &complete, &rows, &count, &c.fault),
		-1);
	ck_assert_int_eq(c.fault.kind, FAULT_SEQUENCE_EXPIRED);
	ck_assert_int_eq(
		ledger_changes_since(c.ledger, 4, 10, &latest, &complete, &rows, &count, &c.fault),
		0);
	ck_assert_uint_eq(count, 0);
	free(rows);
	people("e", 9000, "2020-09-02", 77);
	ck_assert_uint_eq(c.report.sequence, 5);
}
END_TEST

START_TEST(staleness_is_told_once_and_taken_back)
{
	people("a", 1000, "2020-09-02", 409);
	ck_assert_int_eq(ledger_set_stale(c.ledger, "src", true, &c.report, &c.fault), 0);
	ck_assert_uint_eq(c.report.sequence, 2);
	ck_assert_int_eq(c.report.cause, CAUSE_STALE);
	ck_assert(ledger_figure(c.ledger, "people.latest")->stale);
	ck_assert_double_eq(case_figure(&c, "people.latest"), 409);
	ck_assert_int_eq(ledger_set_stale(c.ledger, "src", true, &c.report, &c.fault), 0);
	ck_assert_uint_eq(c.report.sequence, 0);
	case_reopen(&c);
	ck_assert(ledger_figure(c.ledger, "people.latest")->stale);
	ck_assert_int_eq(ledger_set_stale(c.ledger, "src", false, &c.report, &c.fault), 0);
	ck_assert(!ledger_figure(c.ledger, "people.latest")->stale);
}
END_TEST

/* ── asking ────────────────────────────────────────────────────────────────────────────────── */

START_TEST(names_the_nearest_figure_metric_and_label)
{
	struct figure_value value;
	struct series series;
	struct label label = { "are", "x" };

	ck_assert_int_eq(ledger_value(c.ledger, "peple.latest", 0, &value, &c.fault), -1);
	ck_assert_ptr_nonnull(strstr(c.fault.text, "did you mean 'people.latest'?"));
	ck_assert_int_eq(c.fault.kind, FAULT_NO_SUCH_FIGURE);
	ck_assert_int_eq(
		ledger_series(c.ledger, "peoples", NULL, 0, "", "", 0, 10, &series, &c.fault), -1);
	ck_assert_ptr_nonnull(strstr(c.fault.text, "did you mean 'people'?"));
	ck_assert_int_eq(
		ledger_series(c.ledger, "boats", &label, 1, "", "", 0, 10, &series, &c.fault), -1);
	ck_assert_str_eq(c.fault.text, "metric 'boats' has no label 'are'; it has: area, outcome");
	ck_assert_int_eq(
		ledger_series(c.ledger, "boats", NULL, 0, "x", "", 0, 10, &series, &c.fault), -1);
	ck_assert_int_eq(c.fault.kind, FAULT_BAD_PERIOD);
}
END_TEST

START_TEST(a_series_has_starts_values_and_letters)
{
	struct series series;

	release_init(&r, "a", 1000);
	release_add(&r, CASE_PEOPLE, "2020-09-01", 5, NULL, NULL);
	release_add(&r, CASE_PEOPLE, "2020-09-02", NAN, NULL, NULL);
	release_add(&r, CASE_PEOPLE, "2020-09-03", 7, NULL, NULL)->status = STRAIT_PROVISIONAL;
	release_send(&c, &r);
	ck_assert_int_eq(ledger_series(c.ledger, "people", NULL, 0, "2020-09-02", "2020", 0, 10,
				       &series, &c.fault),
			 0);
	ck_assert_uint_eq(series.count, 2);
	ck_assert_int_eq(series.granularity, STRAIT_DAY);
	ck_assert_int_eq(series.starts[0], case_day("2020-09-02") * STRAIT_DAY_MS);
	ck_assert(isnan(series.values[0]));
	ck_assert_mem_eq(series.letters, "OP", 2);
	series_done(&series);
	ck_assert_int_eq(
		ledger_series(c.ledger, "people", NULL, 0, "", "", 0, 2, &series, &c.fault), -1);
	ck_assert_int_eq(c.fault.kind, FAULT_TOO_LARGE);
}
END_TEST

START_TEST(sections_define_figures_and_take_them_back)
{
	struct figure_section section = { .name = "my.figure",
					  .formula = "people / weekly",
					  .window = "total",
					  .unit = "ratio",
					  .title = "Mine" };

	people("a", 1000, "2020-09-02", 409);
	ck_assert_int_eq(ledger_set_figures(c.ledger, &section, 1, &c.report, &c.fault), 0);
	ck_assert(isnan(case_figure(&c, "my.figure")));
	section.formula = "people";
	ck_assert_int_eq(ledger_set_figures(c.ledger, &section, 1, &c.report, &c.fault), 0);
	ck_assert_double_eq(case_figure(&c, "my.figure"), 409);
	ck_assert_str_eq(ledger_figure(c.ledger, "my.figure")->source, "src");
	ck_assert_int_eq(ledger_set_figures(c.ledger, NULL, 0, &c.report, &c.fault), 0);
	ck_assert_ptr_null(ledger_figure(c.ledger, "my.figure"));
}
END_TEST

START_TEST(a_section_read_before_its_source_declares_belongs_to_it_once_it_has)
{
	struct figure_section section = { .name = "my.figure",
					  .formula = "people",
					  .window = "total",
					  .unit = "people",
					  .title = "Mine" };
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/straitd.db", c.dir);
	c.ledger = ledger_free(c.ledger);
	ck_assert_int_eq(unlink(path), 0); /* a first start: a store that is gone is rebuilt */
	(void)snprintf(path, sizeof(path), "%s/identity.key", c.dir);
	ck_assert_int_eq(unlink(path), 0);
	case_reopen(&c);
	ck_assert_int_eq(ledger_set_figures(c.ledger, &section, 1, &c.report, &c.fault), 0);
	ck_assert_str_eq(ledger_figure(c.ledger, "my.figure")->source, "");
	case_declare(&c);
	ck_assert_str_eq(ledger_figure(c.ledger, "my.figure")->source, "src");
}
END_TEST

START_TEST(a_removed_source_loses_its_figures_not_its_data)
{
	people("a", 1000, "2020-09-02", 409);
	ck_assert_int_eq(ledger_keep_sources(c.ledger, NULL, 0, &c.report, &c.fault), 0);
	ck_assert_uint_eq(ledger_figure_count(c.ledger), 0);
	case_declare(&c);
	ck_assert_double_eq(case_figure(&c, "people.latest"), 409);
}
END_TEST

START_TEST(a_sum_out_of_range_stays_at_its_end)
{
	release_init(&r, "a", 1000);
	for (int i = 0; i < 3; i++)
		release_add(&r, CASE_STATEMENTS, "2020-09-02", 9e14, "x", NULL)->count = 1;
	release_send(&c, &r);
	ck_assert_double_gt(case_figure(&c, "statements.total"), 9e12);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ledger");
	TCase *tests = tcase_create("ledger");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, open_case, close_case);
	tcase_add_test(tests, figures_exist_before_there_is_data);
	tcase_add_test(tests, the_newest_release_wins_in_any_order);
	tcase_add_test(tests, releases_of_one_instant_are_ordered_by_their_content);
	tcase_add_test(tests, the_record_moves_with_what_was_known);
	tcase_add_loop_test(tests, a_covered_period_that_is_gone_is_withdrawn_in_any_order, 0, 2);
	tcase_add_test(tests, a_version_says_what_each_release_said);
	tcase_add_test(tests, refuses_a_batch_out_of_order);
	tcase_add_test(tests, a_release_in_parts_counts_when_it_is_whole);
	tcase_add_test(tests, everything_is_there_again_after_a_restart);
	tcase_add_test(tests, a_second_daemon_on_the_same_store_is_refused);
	tcase_add_test(tests, the_identity_key_is_private_and_stays);
	tcase_add_loop_test(tests, a_later_version_of_a_record_takes_the_place_of_the_earlier, 0,
			    2);
	tcase_add_test(tests, an_outcome_that_nothing_had_is_zero_not_missing);
	tcase_add_test(tests, two_equal_lines_are_one_record);
	tcase_add_test(tests, a_record_that_moved_to_another_day_leaves_a_version_behind);
	tcase_add_test(tests, the_same_lines_again_change_nothing);
	tcase_add_loop_test(tests, an_amended_record_is_taken_back_in_any_order, 0, 6);
	tcase_add_test(tests, versions_of_a_record_metric_follow_what_was_known);
	tcase_add_test(tests, a_record_without_a_number_makes_the_sum_an_estimate);
	tcase_add_test(tests, a_distribution_gives_back_what_is_taken_back);
	tcase_add_test(tests, events_that_the_worker_added_up_are_counted_each);
	tcase_add_test(tests, events_add_up_and_a_regenerated_dataset_supersedes);
	tcase_add_test(tests, the_feed_has_each_change_once_with_old_and_new);
	tcase_add_test(tests, what_was_forgotten_is_told_as_expired);
	tcase_add_test(tests, no_more_rows_of_changes_are_kept_than_asked_for);
	tcase_add_test(tests, staleness_is_told_once_and_taken_back);
	tcase_add_test(tests, names_the_nearest_figure_metric_and_label);
	tcase_add_test(tests, a_series_has_starts_values_and_letters);
	tcase_add_test(tests, sections_define_figures_and_take_them_back);
	tcase_add_test(tests, a_section_read_before_its_source_declares_belongs_to_it_once_it_has);
	tcase_add_test(tests, a_removed_source_loses_its_figures_not_its_data);
	tcase_add_test(tests, a_sum_out_of_range_stays_at_its_end);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
