// needs: fake_ledger_sources
/* SPDX-License-Identifier: MIT
 *
 * test_sources_documents.c - what becomes of documents: read, failed, deadly, refused by the store.
 */
#include "sources_case.h"

/* ── documents ────────────────────────────────────────────────────────────────────────────── */

START_TEST(moves_what_was_read_to_done)
{
	section(0, "documents");
	apply();
	put("spool/a/incoming/1.csv", "ok 5");
	WAIT_FOR(exists("spool/a/done/1.csv"));
	WAIT_FOR(info_of("a").state == SOURCE_IDLE);
	ck_assert_uint_eq(count_lines("imported already"),
			  0); /* moved at its last batch, not when met again */
	ck_assert_uint_eq(info_of("a").accepted, 5);
	ck_assert_str_eq(info_of("a").last_release, "1.csv");
	ck_assert_int_ge(committed, 1);
	ck_assert(has_been(SOURCE_READING));
	put("spool/a/incoming/again.csv", "ok 5");
	WAIT_FOR(exists("spool/a/done/again.csv"));
	ck_assert_uint_eq(fake_ledger_source(&ledger, "a")->commits, 1);
}
END_TEST

START_TEST(figures_are_stale_while_a_part_of_a_document_is_in)
{
	const struct fake_source_store *store = fake_ledger_source(&ledger, "a");

	section(0, "documents");
	apply();
	put("spool/a/incoming/1.csv", "ok 5");
	WAIT_FOR(exists("spool/a/done/1.csv") && store->stale == 0);
	ck_assert_uint_eq(store->stales, 1); /* one batch: nothing to tell */
	ck_assert_uint_eq(store->fresh_commits, 1);
	put("spool/a/incoming/2.csv", "ok 5 twice");
	WAIT_FOR(exists("spool/a/done/2.csv"));
	WAIT_FOR(store->stale == 0);
	ck_assert_uint_eq(store->stales, 3);
	ck_assert_uint_eq(store->fresh_commits, 1);
}
END_TEST

START_TEST(moves_what_cannot_be_read_to_failed_with_the_reason)
{
	char path[256], text[1024];
	FILE *file;
	size_t size;

	section(0, "documents");
	apply();
	put("spool/a/incoming/1.csv", "bad");
	WAIT_FOR(exists("spool/a/failed/1.csv"));
	(void)snprintf(path, sizeof(path), "%s/spool/a/failed/1.csv.reason", root);
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	size = fread(text, 1, sizeof(text) - 1, file);
	text[size] = '\0';
	(void)fclose(file);
	ck_assert_ptr_nonnull(
		strstr(text, "reason: row 1: no date\nsource: a\nplugin: wire 1.0\n"));
	ck_assert_ptr_nonnull(strstr(text, "sha256: 626164000"));
	ck_assert_ptr_nonnull(strstr(text, "What was not read is not counted"));
	WAIT_FOR(info_of("a").state == SOURCE_IDLE);
}
END_TEST

static const char *const swapped[] = { "ok 5 swap", "bad swap" };

START_TEST(reads_what_replaced_a_document_while_it_was_read)
{
	section(0, "idle");
	apply();
	WAIT_FOR(info_of("a").state == SOURCE_IDLE);
	put("spool/a/incoming/.next", "ok 7");
	put("spool/a/incoming/daily.csv", swapped[_i]);
	section(0, "documents");
	apply();
	WAIT_FOR(exists("spool/a/done/daily.csv"));
	WAIT_FOR(info_of("a").state == SOURCE_IDLE);
	ck_assert_uint_eq(info_of("a").accepted, (_i == 0 ? 12 : 7));
	ck_assert_uint_eq(count_lines("replaced meanwhile"), 1);
	ck_assert(!exists("spool/a/incoming/daily.csv"));
	ck_assert(!exists("spool/a/failed/daily.csv"));
}
END_TEST

static int rename_in(const char *from, const char *to)
{
	char old[512], new[512];

	(void)snprintf(old, sizeof(old), "%s/%s", root, from);
	(void)snprintf(new, sizeof(new), "%s/%s", root, to);
	return rename(old, new);
}

/* The whole file, in a buffer that the next call uses again. */
static const char *text_of(const char *path)
{
	static char text[4096];
	char whole[512];
	FILE *file;

	(void)snprintf(whole, sizeof(whole), "%s/%s", root, path);
	file = fopen(whole, "re");
	ck_assert_ptr_nonnull(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	(void)fclose(file);
	return text;
}

static const struct {
	const char *said, *kept;
} reasons[] = {
	{ "'n.ods' cannot be read: it is no zip file", "it is no zip file" },
	{ "'n.ods': line 1 is no header", "line 1 is no header" },
	{ "'n.ods' has no table", "has no table" },
	{ "'n.ods'': odd", "': odd" },
	{ "'m.ods': other", "'m.ods': other" },
	{ "'n.ods", "'n.ods" },
};

START_TEST(names_a_document_once_in_what_is_said_of_it)
{
	char text[64], line[256];

	section(0, "documents");
	apply();
	(void)snprintf(text, sizeof(text), "named %s", reasons[_i].said);
	put("spool/a/incoming/.n", text);
	ck_assert_int_eq(rename_in("spool/a/incoming/.n", "spool/a/incoming/n.ods"), 0);
	WAIT_FOR(exists("spool/a/failed/n.ods.reason"));
	(void)snprintf(line, sizeof(line), "reason: %s\n", reasons[_i].kept);
	ck_assert_ptr_nonnull(strstr(text_of("spool/a/failed/n.ods.reason"), line));
	(void)snprintf(line, sizeof(line), "'n.ods' cannot be read: %s; moved", reasons[_i].kept);
	ck_assert_ptr_nonnull(strstr(logged, line));
	(void)snprintf(line, sizeof(line), "Z 'n.ods': %s", reasons[_i].kept);
	ck_assert_ptr_nonnull(strstr(info_of("a").last_fault, line));
}
END_TEST

START_TEST(gives_up_the_document_that_killed_the_worker_and_goes_on)
{
	const char *reason;

	section(0, "documents");
	apply();
	put("spool/a/incoming/poison.csv", "crash");
	WAIT_FOR(exists("spool/a/failed/poison.csv"));
	reason = text_of("spool/a/failed/poison.csv.reason");
	ck_assert_ptr_nonnull(strstr(
		reason,
		"reason: the worker died 3 times while reading it; the last one died by signal 11 "
		"(Segmentation fault)\n"));
	ck_assert_ptr_nonnull(strstr(logged, "while reading 'poison.csv'"));
	ck_assert_uint_eq(fake_ledger_source(&ledger, "a")->failures, 1);
	ck_assert_uint_eq(fake_ledger_source(&ledger, "a")->unread, 1);
	put("spool/a/incoming/good.csv", "ok 5");
	WAIT_FOR(exists("spool/a/done/good.csv"));
	ck_assert(!has_been(SOURCE_QUARANTINED));
	WAIT_FOR(info_of("a").state == SOURCE_IDLE);
	ck_assert_ptr_nonnull(strstr(info_of("a").last_fault, "died by signal 11"));
}
END_TEST

START_TEST(holds_the_plugin_for_broken_when_every_document_kills_it)
{
	char path[64], text[32];
	int i;

	section(0, "documents");
	apply();
	for (i = 0; i <= (int)SOURCE_POISON_MAX; i++) {
		(void)snprintf(path, sizeof(path), "spool/a/incoming/%d.csv", i);
		(void)snprintf(text, sizeof(text), "crash %d", i);
		put(path, text);
	}
	WAIT_FOR(info_of("a").state == SOURCE_QUARANTINED);
	ck_assert_uint_eq(fake_ledger_source(&ledger, "a")->failures, SOURCE_POISON_MAX);
	ck_assert_ptr_nonnull(strstr(logged, "8 documents in a row ended its worker"));
}
END_TEST

START_TEST(keeps_the_poison_when_its_failure_cannot_be_written_down)
{
	ledger.refuse = FAULT_SYSTEM;
	section(0, "documents");
	apply();
	put("spool/a/incoming/poison.csv", "crash");
	WAIT_FOR(info_of("a").state == SOURCE_QUARANTINED);
	ck_assert_ptr_nonnull(strstr(info_of("a").reason, "while reading 'poison.csv'"));
	ck_assert_ptr_nonnull(
		strstr(logged, "cannot write down that 'poison.csv' failed: the disk is full"));
	ck_assert(exists("spool/a/incoming/poison.csv"));
}
END_TEST

START_TEST(a_failure_that_cannot_be_written_down_is_tried_again)
{
	ledger.refuse = FAULT_SYSTEM;
	section(0, "documents");
	apply();
	put("spool/a/incoming/bad.csv", "bad");
	WAIT_FOR(has_been(SOURCE_BACKOFF));
	ck_assert(exists("spool/a/incoming/bad.csv"));
	ledger.refuse = FAULT_NONE;
	WAIT_FOR(exists("spool/a/failed/bad.csv"));
	ck_assert_uint_eq(fake_ledger_source(&ledger, "a")->failures, 1);
	ck_assert_uint_eq(fake_ledger_source(&ledger, "a")->rejects_kept, 1);
	WAIT_FOR(info_of("a").rejected == 3);
}
END_TEST

/* The worker goes on to the next document before it hears that it is to stop. */
START_TEST(a_store_that_fails_is_not_blamed_on_the_worker)
{
	ledger.refuse = FAULT_SYSTEM;
	section(0, "idle");
	apply();
	WAIT_FOR(info_of("a").state == SOURCE_IDLE);
	put("spool/a/incoming/bad.csv", "bad");
	put("spool/a/incoming/bad too.csv", "bad too");
	section(0, "documents");
	apply();
	WAIT_FOR(has_been(SOURCE_BACKOFF));
	ck_assert_uint_eq(count_lines("breaking the rules"), 0);
	ck_assert_ptr_nonnull(strstr(info_of("a").last_fault, "the disk is full"));
	ledger.refuse = FAULT_NONE;
	WAIT_FOR(exists("spool/a/failed/bad.csv") && exists("spool/a/failed/bad too.csv"));
	ck_assert_uint_eq(fake_ledger_source(&ledger, "a")->failures, 2);
}
END_TEST

static const struct {
	const char *text;
	enum freshness freshness;
	const char *reason;
} troubles[] = {
	{ "drifted", FRESHNESS_DRIFTED,
	  "it has another shape than expected: 'bad.csv': row 1: no date" },
	{ "retired", FRESHNESS_DEAD, "it is no longer updated: 'bad.csv': row 1: no date" },
};

START_TEST(a_source_in_trouble_says_so_until_good_content_comes)
{
	section(0, "documents");
	apply();
	WAIT_FOR(fake_ledger_source(&ledger, "a")->stale == 0);
	state_count = 0;
	put("spool/a/incoming/bad.csv", troubles[_i].text);
	WAIT_FOR(exists("spool/a/failed/bad.csv"));
	WAIT_FOR(info_of("a").freshness == troubles[_i].freshness);
	ck_assert_str_eq(info_of("a").reason, troubles[_i].reason);
	ck_assert_int_eq(info_of("a").state, SOURCE_IDLE);
	ck_assert_uint_ge(state_count, 1); /* SourceChanged */
	ck_assert_int_eq(fake_ledger_source(&ledger, "a")->stale, 1);
	put("spool/a/incoming/broken.csv", "bad"); /* another kind of failure changes nothing */
	WAIT_FOR(exists("spool/a/failed/broken.csv"));
	ck_assert_int_eq(info_of("a").freshness, troubles[_i].freshness);
	put("spool/a/incoming/good.csv", "ok 5");
	WAIT_FOR(info_of("a").freshness == FRESHNESS_FRESH);
	ck_assert_str_eq(info_of("a").reason, "");
	ck_assert_int_eq(fake_ledger_source(&ledger, "a")->stale, 0);
	put("spool/a/incoming/again.csv", "ok 5");
	WAIT_FOR(fake_ledger_source(&ledger, "a")->answers == 1);
}
END_TEST

START_TEST(imports_into_a_source_that_follows_a_log)
{
	struct fault fault = { 0 };
	uint32_t id = 0;

	section(0, "documents");
	sections[0].log = (char *)"/nowhere/some.log";
	apply();
	ck_assert_msg(
		sources_import(sources, "a", "old.csv", memory_file("ok 3", 4), &id, &fault) == 0,
		"%s", fault.text);
	WAIT_FOR(exists("spool/a/done/old.csv"));
}
END_TEST

START_TEST(keeps_everything_while_the_store_refuses)
{
	ledger.refuse = FAULT_SYSTEM;
	section(0, "documents");
	apply();
	put("spool/a/incoming/1.csv", "ok 5");
	WAIT_FOR(has_been(SOURCE_BACKOFF));
	WAIT_FOR(info_of("a").restarts >= 4); /* not quarantined after three */
	ck_assert(!has_been(SOURCE_QUARANTINED));
	ck_assert_uint_eq(count_lines("cannot store figures: the disk is full"), 1);
	ledger.refuse = FAULT_NONE;
	WAIT_FOR(exists("spool/a/done/1.csv"));
	ck_assert_uint_eq(fake_ledger_source(&ledger, "a")->accepted, 5);
	ck_assert_uint_eq(count_lines("figures are stored again"), 1);
}
END_TEST

static TCase *tests(void)
{
	TCase *tcase = tcase_create("sources_documents");

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, moves_what_was_read_to_done);
	tcase_add_test(tcase, figures_are_stale_while_a_part_of_a_document_is_in);
	tcase_add_test(tcase, moves_what_cannot_be_read_to_failed_with_the_reason);
	tcase_add_loop_test(tcase, reads_what_replaced_a_document_while_it_was_read, 0,
			    (int)(sizeof(swapped) / sizeof(swapped[0])));
	tcase_add_loop_test(tcase, names_a_document_once_in_what_is_said_of_it, 0,
			    (int)(sizeof(reasons) / sizeof(reasons[0])));
	tcase_add_test(tcase, gives_up_the_document_that_killed_the_worker_and_goes_on);
	tcase_add_test(tcase, holds_the_plugin_for_broken_when_every_document_kills_it);
	tcase_add_test(tcase, keeps_the_poison_when_its_failure_cannot_be_written_down);
	tcase_add_test(tcase, a_failure_that_cannot_be_written_down_is_tried_again);
	tcase_add_test(tcase, a_store_that_fails_is_not_blamed_on_the_worker);
	tcase_add_loop_test(tcase, a_source_in_trouble_says_so_until_good_content_comes, 0,
			    (int)(sizeof(troubles) / sizeof(troubles[0])));
	tcase_add_test(tcase, imports_into_a_source_that_follows_a_log);
	tcase_add_test(tcase, keeps_everything_while_the_store_refuses);
	return tcase;
}

int main(int argc, char **argv)
{
	Suite *suite;
	SRunner *runner;
	int failed;

	if (argc > 1 && strcmp(argv[1], "--worker") == 0)
		return wire_worker_main();
	suite = suite_create("sources_documents");
	suite_add_tcase(suite, tests());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
