/* SPDX-License-Identifier: MIT
 *
 * test_worker_document.c - a worker reads documents: batches, commits, going on in the middle,
 * failing.
 */
#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "strait/date.h"
#include "worker.h"
#include "worker_driver.h"

START_TEST(reads_a_document_that_is_there)
{
	struct batch batch;

	driver_drop(
		"page-2020-09-02.txt",
		"sheet Data\nlevel 18507 409\nlevel 18508 12\nreject Ann4\ncover 18500 18508\n");
	driver_begin("doc_demo", "");
	driver_expect_document("page-2020-09-02.txt");
	driver_proceed(false, 0);
	batch = driver_expect_batch();
	ck_assert_uint_eq(batch.number, 1);
	ck_assert(batch.final);
	ck_assert_uint_eq(batch.first, 0);
	ck_assert_uint_eq(batch.observation_count, 2);
	ck_assert(batch.observations[0].value == 409);
	ck_assert_uint_eq(batch.accepted, 2);
	ck_assert_uint_eq(batch.rejected, 1);
	ck_assert_str_eq(batch.rejects[0].reason, "told to reject: Ann4");
	ck_assert_str_eq(batch.rejects[0].extract, "xxxxxx xxx9");
	ck_assert_str_eq(batch.release.name, "page-2020-09-02.txt");
	ck_assert_str_eq(batch.release.sheets[0], "Data");
	ck_assert_uint_eq(batch.release.coverage_count, 1);
	ck_assert_int_eq(batch.release.coverage[0].last, 18508);
	ck_assert(batch.release.published_at_ms ==
		  strait_day(2020, 9, 2) * STRAIT_DAY_MS + STRAIT_DAY_MS / 2);
	driver_commit(&batch);
	driver_expect_stopped();
}
END_TEST

START_TEST(reads_one_document_after_the_other)
{
	struct batch batch;

	driver_begin("doc_demo", "");
	for (int i = 1; i <= 3; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "%d.txt", i);
		driver_drop(name, "level 1 1\n");
		driver_expect_document(name);
		driver_proceed(false, 0);
		batch = driver_expect_batch();
		ck_assert_uint_eq(batch.number, (uint64_t)i);
		driver_commit(&batch);
	}
	driver_expect_stopped();
}
END_TEST

START_TEST(a_document_without_an_observation_is_told_too)
{
	struct batch batch;

	driver_drop("a.txt", "nothing\n");
	driver_begin("doc_demo", "");
	driver_expect_document("a.txt");
	driver_proceed(false, 0);
	batch = driver_expect_batch();
	ck_assert(batch.final);
	ck_assert_uint_eq(batch.observation_count, 0);
	driver_commit(&batch);
	driver_expect_stopped();
}
END_TEST

START_TEST(skips_what_main_has)
{
	struct batch batch;

	driver_drop("a.txt", "level 1 1\n");
	driver_drop("b.txt", "level 2 2\n");
	driver_begin("doc_demo", "");
	driver_expect_document("a.txt");
	driver_proceed(true, 0);
	driver_expect_document("b.txt");
	driver_proceed(false, 0);
	batch = driver_expect_batch();
	ck_assert(batch.observations[0].value == 2);
	driver_commit(&batch);
	driver_expect_stopped();
}
END_TEST

START_TEST(the_plugin_dates_its_document)
{
	struct batch batch;

	driver_drop("a-2020-01-01.txt", "published 1600000000000\nrecord k 1\n");
	driver_begin("doc_demo", "");
	driver_expect_document("a-2020-01-01.txt");
	driver_proceed(false, 0);
	batch = driver_expect_batch();
	ck_assert(batch.release.published_at_ms == 1600000000000);
	ck_assert(batch.observations[0].known_at_ms == 1600000000000);
	ck_assert(batch.observations[0].key != 0);
	driver_commit(&batch);
	driver_expect_stopped();
}
END_TEST

START_TEST(a_document_without_a_date_is_as_old_as_its_file)
{
	/* No date in the name: a digit stands before it. */
	driver_drop_dated("12020-01-01.txt", "level 1 1\n", 1500000000);
	driver_begin("doc_demo", "");
	driver_expect_document("12020-01-01.txt");
	driver_proceed(false, 0);
	ck_assert(driver_expect_batch().release.published_at_ms == 1500000000000);
	driver_kill();
}
END_TEST

/* A document of 40,000 observations: three batches. */
#define LARGE "level 70000 7\nlevels 39998\nlevel 70001 8\n"

START_TEST(a_large_document_waits_for_every_commit)
{
	struct pollfd quiet = { 0 };
	struct batch batch;
	uint64_t first = 0;
	unsigned int batches = 0;

	driver_drop("large.txt", LARGE);
	driver_begin("doc_demo", "");
	driver_expect_document("large.txt");
	driver_proceed(false, 0);
	do {
		batch = driver_expect_batch();
		batches++;
		ck_assert_uint_eq(batch.first, first);
		first += batch.observation_count;
		if (batches == 1) { /* the second one must not come before the first is committed */
			quiet = (struct pollfd){ .fd = driver.fd, .events = POLLIN };
			ck_assert_int_eq(poll(&quiet, 1, 200), 0);
		}
		driver_commit(&batch);
	} while (!batch.final);
	ck_assert_uint_eq(first, 40000);
	ck_assert_uint_eq(batches, 3);
	driver_expect_stopped();
}
END_TEST

START_TEST(goes_on_in_the_middle_of_a_document)
{
	struct batch batch;
	uint64_t done;

	driver_drop("large.txt", LARGE "reject late\n");
	driver_begin("doc_demo", "");
	driver_expect_document("large.txt");
	driver_proceed(false, 0);
	batch = driver_expect_batch();
	done = batch.observation_count;
	driver_commit(&batch);
	(void)driver_expect_batch(); /* on its way, but not committed */
	driver_kill();

	driver_begin_again("doc_demo", "");
	driver_expect_document("large.txt");
	driver_proceed(false, done);
	batch = driver_expect_batch();
	ck_assert_uint_eq(batch.number, 2);
	ck_assert_uint_eq(batch.first, done);
	ck_assert(batch.observations[0].value ==
		  (double)(done - 1)); /* the first one was another */
	done += batch.observation_count;
	driver_commit(&batch);
	batch = driver_expect_batch();
	ck_assert_uint_eq(batch.first, done);
	ck_assert_uint_eq(batch.first + batch.observation_count, 40000);
	ck_assert(batch.final);
	ck_assert_uint_eq(batch.rejected, 1);
	ck_assert_str_eq(driver.logged, "");
	driver_commit(&batch);
	driver_expect_stopped();
}
END_TEST

static const struct dated {
	const char *text;
	int64_t half_read_ms, published_ms;
} dated[] = {
	{ "level 1 1\nlevel 2 2\n", 1400000000000, 1400000000000 },
	{ "level 1 1\nlevel 2 2\n", 0, 1500000000000 },
	{ "published 1600000000000\nlevel 1 1\nlevel 2 2\n", 1400000000000, 1600000000000 },
};

START_TEST(goes_on_under_the_publication_time_that_it_began_with)
{
	struct batch batch;

	driver_drop_dated("a.txt", dated[_i].text, 1500000000); /* touched since */
	driver_begin("doc_demo", "");
	driver_expect_document("a.txt");
	driver_go_on(1, dated[_i].half_read_ms);
	batch = driver_expect_batch();
	ck_assert_uint_eq(batch.first, 1);
	ck_assert_int_eq(batch.release.published_at_ms, dated[_i].published_ms);
	driver_commit(&batch);
	driver_expect_stopped();
}
END_TEST

START_TEST(goes_on_where_another_version_stopped)
{
	struct batch batch;

	driver_drop("a.txt", "level 1 1\nlevel 2 2\nlevel 3 3\n");
	driver_begin("doc_demo", "");
	driver_expect_document("a.txt");
	driver_proceed(false, 2);
	batch = driver_expect_batch();
	ck_assert_uint_eq(batch.first, 2);
	ck_assert_uint_eq(batch.observation_count, 1);
	ck_assert(batch.observations[0].value == 3);
	ck_assert_ptr_nonnull(strstr(driver.logged, "another version"));
	driver_commit(&batch);
	driver_expect_stopped();
}
END_TEST

START_TEST(stops_in_the_middle_of_a_document)
{
	driver_drop("large.txt", LARGE);
	driver_begin("doc_demo", "");
	driver_expect_document("large.txt");
	driver_proceed(false, 0);
	(void)driver_expect_batch();
	driver_expect_stopped();
}
END_TEST

START_TEST(a_long_parse_is_heard_of)
{
	struct batch batch;

	driver_drop("busy.txt", "busy 2500\nlevel 1 1\n");
	driver_begin("doc_demo", "");
	driver_expect_document("busy.txt");
	driver_proceed(false, 0);
	batch = driver_expect_batch();
	ck_assert_uint_ge(driver.beats, 2);
	ck_assert(driver.progress == 1); /* it was all read, if not all parsed */
	driver_commit(&batch);
	driver_expect_stopped();
}
END_TEST

START_TEST(stops_in_the_middle_of_a_long_parse)
{
	driver_drop("busy.txt", "busy 3600000\nlevel 1 1\n");
	driver_begin("doc_demo", "");
	driver_expect_document("busy.txt");
	driver_proceed(false, 0);
	driver_expect_beat(); /* so that it is in the middle */
	driver_expect_stopped();
}
END_TEST

START_TEST(ends_in_the_middle_of_a_document_when_main_is_gone)
{
	driver_drop("large.txt", LARGE);
	driver_begin("doc_demo", "");
	driver_expect_document("large.txt");
	driver_proceed(false, 0);
	(void)driver_expect_batch();
	close(driver.fd);
	driver.fd = -1;
	ck_assert_int_eq(driver_reap(), WORKER_EXIT_STOPPED);
}
END_TEST

static const struct broken {
	const char *how;
	enum strait_fault class_;
} broken[] = {
	{ "input", STRAIT_FAULT_INPUT },
	{ "drifted", STRAIT_FAULT_DRIFTED },
	{ "retired", STRAIT_FAULT_RETIRED },
};

START_TEST(an_empty_document_fails_for_being_empty)
{
	struct message_failed failed;
	struct frame frame;

	driver_drop("a.txt", "");
	driver_begin("doc_demo", "");
	driver_expect_document("a.txt");
	driver_proceed(false, 0);
	driver_expect(&frame, MESSAGE_FAILED);
	ck_assert_int_eq(message_get_failed(&frame, driver.scratch, &failed, NULL), 0);
	ck_assert_str_eq(failed.reason, "is empty");
	ck_assert_uint_eq(failed.class_, STRAIT_FAULT_INPUT);
	driver_expect_stopped();
}
END_TEST

START_TEST(a_broken_document_fails_and_the_next_is_read)
{
	char text[64], reason[64];
	struct message_failed failed;
	struct frame frame;
	struct batch batch;

	(void)snprintf(text, sizeof(text), "level 1 1\nsheet S\nreject x\nreject y\nfail %s\n",
		       broken[_i].how);
	(void)snprintf(reason, sizeof(reason), "told to fail: %s", broken[_i].how);
	driver_drop("a.txt", text);
	driver_drop("b.txt", "level 2 2\n");
	driver_begin("doc_demo", "");
	driver_expect_document("a.txt");
	driver_proceed(false, 0);
	driver_expect(&frame, MESSAGE_FAILED);
	ck_assert_int_eq(message_get_failed(&frame, driver.scratch, &failed, NULL), 0);
	ck_assert_str_eq(failed.name, "a.txt");
	ck_assert_str_eq(failed.reason, reason);
	ck_assert_uint_eq(failed.class_, broken[_i].class_);
	ck_assert_uint_eq(failed.rejected, 2);
	ck_assert_uint_eq(failed.reject_count, 2);
	ck_assert_str_eq(failed.rejects[1].reason, "told to reject: y");
	ck_assert_str_eq(failed.rejects[1].extract, "xxxxxx x");
	ck_assert_uint_eq(failed.rejects[1].at, 27);
	ck_assert_uint_eq(failed.sheet_count, 1);
	ck_assert_str_eq(failed.sheets[0], "S");
	driver_expect_document("b.txt");
	driver_proceed(false, 0);
	batch = driver_expect_batch();
	ck_assert_uint_eq(batch.number, 1);
	ck_assert_uint_eq(batch.observation_count, 1);
	driver_commit(&batch);
	driver_expect_stopped();
}
END_TEST

/* The next frame, which must be FAILED of that document; valid until the next one. */
static struct message_failed expect_failed(const char *name)
{
	struct message_failed failed = { 0 };
	struct frame frame;

	driver_expect(&frame, MESSAGE_FAILED);
	ck_assert_int_eq(message_get_failed(&frame, driver.scratch, &failed, NULL), 0);
	ck_assert_str_eq(failed.name, name);
	return failed;
}

/* Writes into a file of incoming/ that is there, some seconds after it was made. */
static void write_into(const char *name, const char *text)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", driver.incoming, name);
	file = fopen(path, "r+e");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fflush(file), 0);
	times[1].tv_sec = time(NULL) + 2;
	ck_assert_int_eq(futimens(fileno(file), times), 0);
	ck_assert_int_eq(fclose(file), 0);
}

#define CHANGED                                                                                    \
	"it changed while it was read; rename finished files into incoming/ instead of "           \
	"writing them there"

static const char *const rewritten[] = { "level 3 3\n", "level 3 3\nlevel 4 4\n", "fail input\n",
					 "fail drifted\n" };

START_TEST(a_document_written_to_between_its_hash_and_its_reading_fails)
{
	struct message_failed failed;

	driver_drop("a.txt", "level 1 1\n");
	driver_begin("doc_demo", "");
	driver_expect_document("a.txt");
	write_into("a.txt", rewritten[_i]);
	driver_proceed(false, 0);
	failed = expect_failed("a.txt");
	ck_assert_str_eq(failed.reason, CHANGED);
	ck_assert_uint_eq(failed.class_, STRAIT_FAULT_INPUT);
	driver_kill(); /* main would move it away */
}
END_TEST

START_TEST(a_document_written_to_between_two_batches_fails_at_the_next)
{
	struct message_failed failed;
	struct frame frame;
	struct batch batch;

	driver_drop("large.txt", LARGE);
	driver_begin("doc_demo", "");
	driver_expect_document("large.txt");
	driver_proceed(false, 0);
	batch = driver_expect_batch();
	write_into("large.txt", "level 70000 8");
	driver_commit(&batch);
	ck_assert(driver_next(&frame));
	if (frame.type == MESSAGE_BATCH) { /* it was ready before: the one after it is the next */
		ck_assert_int_eq(message_get_batch(&frame, driver.scratch, &batch, NULL), 0);
		ck_assert(!batch.final);
		driver_commit(&batch);
		ck_assert(driver_next(&frame));
	}
	ck_assert_uint_eq(frame.type, MESSAGE_FAILED);
	ck_assert_int_eq(message_get_failed(&frame, driver.scratch, &failed, NULL), 0);
	ck_assert_str_eq(failed.reason, CHANGED);
	driver_kill();
}
END_TEST

static const struct share {
	int good, bad;
	bool refused;
} shares[] = {
	{ 16, 4, false },		    /* 20 % is what is allowed */
	{ 15, 5, true },  { 0, 19, false }, /* too short to judge */
	{ 0, 20, true },  { 80, 21, true }, { 80, 20, false },
};

START_TEST(a_share_of_rejects_over_the_limit_refuses_the_document)
{
	char text[2048] = "";
	struct batch batch;

	for (int i = 0; i < shares[_i].good; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "level %d 1\n", i);
	for (int i = 0; i < shares[_i].bad; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "reject %c\n",
			       "xy"[i % 2]);
	driver_drop("a.txt", text);
	driver_begin("doc_demo", "");
	driver_expect_document("a.txt");
	driver_proceed(false, 0);
	if (shares[_i].refused) {
		struct message_failed failed = expect_failed("a.txt");
		char expected[256];

		(void)snprintf(expected, sizeof(expected),
			       "%d of %d rows are rejected, more than reject_limit = 20%% allows: "
			       "told to reject: x; told to reject: y",
			       shares[_i].bad, shares[_i].good + shares[_i].bad);
		ck_assert_str_eq(failed.reason, expected);
		ck_assert_uint_eq(failed.class_, STRAIT_FAULT_INPUT);
		ck_assert_uint_eq(failed.rejected, (uint64_t)shares[_i].bad);
		ck_assert_uint_eq(failed.reject_count, (uint64_t)shares[_i].bad);
	} else {
		batch = driver_expect_batch();
		ck_assert_uint_eq(batch.rejected, (uint64_t)shares[_i].bad);
		driver_commit(&batch);
	}
	driver_drop("b.txt", "level 2 2\n"); /* the worker goes on */
	driver_expect_document("b.txt");
	driver_proceed(false, 0);
	batch = driver_expect_batch();
	driver_commit(&batch);
	driver_expect_stopped();
}
END_TEST

/* 25 bad cells stand in 5 rows of the 25. */
START_TEST(many_bad_cells_of_a_few_rows_refuse_no_document)
{
	char text[2048] = "";
	struct batch batch;

	for (int i = 0; i < 20; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "level %d 1\n", i);
	for (int i = 0; i < 25; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "cell %d %d\n",
			       i / 5, i % 5);
	driver_drop("a.txt", text);
	driver_begin("doc_demo", "");
	driver_expect_document("a.txt");
	driver_proceed(false, 0);
	batch = driver_expect_batch();
	ck_assert_uint_eq(batch.accepted, 20);
	ck_assert_uint_eq(batch.rejected, 25);
	driver_commit(&batch);
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "cell 5 0\ncell 5 1\n");
	driver_drop("c.txt", text);
	driver_expect_document("c.txt");
	driver_proceed(false, 0);
	ck_assert_str_eq(expect_failed("c.txt").reason,
			 "6 of 26 rows are rejected, more than reject_limit = 20% allows: "
			 "told to reject a cell");
	driver_expect_stopped();
}
END_TEST

#define MANY 5000 /* of about 21,000 rows when the first batch is full */

START_TEST(too_many_rejects_are_noticed_at_the_first_cut)
{
	static const char row[] = "reject x\n", rest[] = "levels 20000\nfail bug\n";
	char *text = calloc(1, MANY * (sizeof(row) - 1) + sizeof(rest));
	struct message_failed failed;

	ck_assert_ptr_nonnull(text);
	for (int i = 0; i < MANY; i++)
		memcpy(text + (size_t)i * (sizeof(row) - 1), row, sizeof(row) - 1);
	memcpy(text + MANY * (sizeof(row) - 1), rest, sizeof(rest));
	driver_drop("a.txt", text);
	free(text);
	driver_begin("doc_demo", "");
	driver_expect_document("a.txt");
	driver_proceed(false, 0);
	failed = expect_failed(
		"a.txt"); /* before any batch, and the plugin's own end is not asked */
	ck_assert_uint_eq(failed.rejected, MANY);
	ck_assert_uint_eq(failed.reject_count, BATCH_REJECTS_MAX);
	/* every line is 9 bytes long */
	ck_assert_str_eq(failed.rejects[BATCH_REJECTS_MAX - 1].reason,
			 "and 4745 more rejected in this batch, up to byte 44991; the first of "
			 "them: told to reject: x");
	ck_assert_uint_eq(failed.rejects[BATCH_REJECTS_MAX - 1].at, 255 * 9);
	ck_assert_ptr_null(strstr(failed.reason, "more rejected"));
	driver_expect_stopped();
}
END_TEST

static const struct failure {
	const char *how;
	int class_, code;
	const char *text;
} failures[] = {
	{ "fail transient\n", STRAIT_FAULT_TRANSIENT, WORKER_EXIT_TRANSIENT,
	  "'a.txt': told to fail: transient" },
	{ "fail config\n", STRAIT_FAULT_CONFIG, WORKER_EXIT_CONFIG, "told to fail: config" },
	{ "fail bug\n", STRAIT_FAULT_BUG, WORKER_EXIT_BUG, "told to fail: bug" },
	{ "fail silent\n", STRAIT_FAULT_BUG, WORKER_EXIT_BUG,
	  "document returned -7 without saying why" },
};

START_TEST(a_failing_plugin_ends_the_worker)
{
	driver_drop("a.txt", failures[_i].how);
	driver_begin("doc_demo", "");
	driver_expect_document("a.txt");
	driver_proceed(false, 0);
	driver_expect_fault(failures[_i].class_, failures[_i].text, failures[_i].code);
}
END_TEST

START_TEST(a_crash_is_a_signal)
{
	struct frame frame;

	driver_drop("a.txt", "crash\n");
	driver_begin("doc_demo", "");
	driver_expect_document("a.txt");
	driver_proceed(false, 0);
	ck_assert(!driver_next(&frame));
	ck_assert_int_eq(driver_reap(), -SIGABRT);
}
END_TEST

START_TEST(log_lines_of_the_plugin_come_as_frames)
{
	struct batch batch;

	driver_drop("a.txt", "log well-\xff\x01said\n");
	driver_begin("doc_demo", "");
	driver_expect_document("a.txt");
	driver_proceed(false, 0);
	batch = driver_expect_batch();
	ck_assert_ptr_nonnull(strstr(driver.logged, "well-? said"));
	driver_commit(&batch);
	driver_expect_stopped();
}
END_TEST

START_TEST(a_document_of_lines_goes_through_lines)
{
	struct batch batch;

	driver_drop("words.log",
		    "#header\nred 18500\nblue 18500\nbad\nred 18500\nred 18501"); /* no newline at
										   * the end
										   */
	driver_begin("lines_demo", "");
	driver_expect_document("words.log");
	driver_proceed(false, 0);
	batch = driver_expect_batch();
	ck_assert(batch.final);
	ck_assert_uint_eq(batch.observation_count, 3);
	ck_assert(batch.observations[0].value == 2);
	ck_assert_uint_eq(batch.observations[0].count, 2);
	ck_assert_uint_eq(batch.accepted, 4);
	ck_assert_uint_eq(batch.rejected, 1);
	ck_assert_uint_eq(batch.rejects[0].at, 29);
	driver_commit(&batch);
	driver_expect_stopped();
}
END_TEST

START_TEST(a_line_of_a_document_may_be_too_long)
{
	char *text = malloc((3u << 20) + 64);
	struct batch batch;

	(void)snprintf(text, 64, "red 18500\n");
	memset(text + 10, 'x', 3u << 20);
	(void)snprintf(text + 10 + (3u << 20), 32, "\nblue 18500\n");
	driver_drop("words.log", text);
	free(text);
	driver_begin("lines_demo", "");
	driver_expect_document("words.log");
	driver_proceed(false, 0);
	batch = driver_expect_batch();
	ck_assert_uint_eq(batch.observation_count, 2);
	ck_assert_uint_eq(batch.rejected, 1);
	ck_assert_str_eq(batch.rejects[0].reason, "the line is longer than 1 MiB");
	ck_assert_uint_eq(batch.observations[1].at, 10 + (3u << 20) + 1);
	driver_commit(&batch);
	driver_expect_stopped();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("worker_document");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, driver_set_up, driver_tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, reads_a_document_that_is_there);
	tcase_add_test(tcase, reads_one_document_after_the_other);
	tcase_add_test(tcase, a_document_without_an_observation_is_told_too);
	tcase_add_test(tcase, skips_what_main_has);
	tcase_add_test(tcase, the_plugin_dates_its_document);
	tcase_add_test(tcase, a_document_without_a_date_is_as_old_as_its_file);
	tcase_add_test(tcase, a_large_document_waits_for_every_commit);
	tcase_add_test(tcase, goes_on_in_the_middle_of_a_document);
	tcase_add_loop_test(tcase, goes_on_under_the_publication_time_that_it_began_with, 0,
			    sizeof(dated) / sizeof(dated[0]));
	tcase_add_test(tcase, goes_on_where_another_version_stopped);
	tcase_add_test(tcase, stops_in_the_middle_of_a_document);
	tcase_add_test(tcase, a_long_parse_is_heard_of);
	tcase_add_test(tcase, stops_in_the_middle_of_a_long_parse);
	tcase_add_test(tcase, ends_in_the_middle_of_a_document_when_main_is_gone);
	tcase_add_test(tcase, an_empty_document_fails_for_being_empty);
	tcase_add_loop_test(tcase, a_broken_document_fails_and_the_next_is_read, 0,
			    sizeof(broken) / sizeof(broken[0]));
	tcase_add_loop_test(tcase, a_document_written_to_between_its_hash_and_its_reading_fails, 0,
			    sizeof(rewritten) / sizeof(rewritten[0]));
	tcase_add_test(tcase, a_document_written_to_between_two_batches_fails_at_the_next);
	tcase_add_loop_test(tcase, a_share_of_rejects_over_the_limit_refuses_the_document, 0,
			    sizeof(shares) / sizeof(shares[0]));
	tcase_add_test(tcase, many_bad_cells_of_a_few_rows_refuse_no_document);
	tcase_add_test(tcase, too_many_rejects_are_noticed_at_the_first_cut);
	tcase_add_loop_test(tcase, a_failing_plugin_ends_the_worker, 0,
			    sizeof(failures) / sizeof(failures[0]));
	tcase_add_test(tcase, a_crash_is_a_signal);
	tcase_add_test(tcase, log_lines_of_the_plugin_come_as_frames);
	tcase_add_test(tcase, a_document_of_lines_goes_through_lines);
	tcase_add_test(tcase, a_line_of_a_document_may_be_too_long);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
