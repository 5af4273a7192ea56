// needs: fake_ledger_sources
/* SPDX-License-Identifier: MIT
 *
 * test_sources.c - sources with real worker processes that speak the wire by hand
 * (tests/support/wire_worker.h), a ledger in memory, and deadlines shortened to 2 % of the real
 * ones.
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "fake_ledger_sources.h"
#include "log.h"
#include "sources.h"
#include "wire_worker.h"

#define DEADLINE_MS 10000
#define LOG_MAX	    (256 * 1024)

static char root[64];
static char plugin_dir[128], spool_dir[128];
static struct event_base *base;
static struct ledger ledger;
static struct sources *sources;
static struct config config;
static struct config_source sections[FAKE_SOURCES_MAX];
static struct config_option options[FAKE_SOURCES_MAX];
static char inputs[FAKE_SOURCES_MAX][256];
static char logged[LOG_MAX];
static size_t logged_size;
static int committed, added, removed, jobs_finished, jobs_changed, jobs_added, stops;
static enum source_state states[64]; /* of source 'a', in order */
static size_t state_count;

static void keep_log(void *context, int level, enum log_token token, const char *source,
		     const char *text)
{
	(void)context, (void)token, (void)source;
	if (logged_size + strlen(text) + 8 < sizeof(logged))
		logged_size += (size_t)snprintf(logged + logged_size, sizeof(logged) - logged_size,
						"%d %s\n", level, text);
}

static void on_committed(void *context, const struct commit_report *report)
{
	(void)context;
	ck_assert_uint_ne(report->sequence, 0);
	committed++;
}

static void on_source_added(void *context, const char *name)
{
	(void)context, (void)name;
	added++;
}

static void on_source_changed(void *context, const char *name, bool state_changed)
{
	struct source_info info;

	(void)context;
	ck_assert_int_eq(sources_info(sources, name, &info, NULL), 0);
	if (state_changed && strcmp(name, "a") == 0 &&
	    state_count < sizeof(states) / sizeof(states[0]))
		states[state_count++] = info.state;
}

static void on_source_removed(void *context, const char *name)
{
	(void)context, (void)name;
	removed++;
}

static void on_job_added(void *context, uint32_t id)
{
	(void)context, (void)id;
	jobs_added++;
}

static void on_job_changed(void *context, uint32_t id, bool finished)
{
	(void)context, (void)id;
	jobs_changed++;
	jobs_finished += finished;
}

static void on_job_removed(void *context, uint32_t id)
{
	(void)context, (void)id;
}

static void on_stopped(void *context)
{
	(void)context;
	stops++;
}

static const struct sources_events events = {
	.committed = on_committed,
	.source_added = on_source_added,
	.source_changed = on_source_changed,
	.source_removed = on_source_removed,
	.job_added = on_job_added,
	.job_changed = on_job_changed,
	.job_removed = on_job_removed,
};

static void put(const char *path, const char *text)
{
	char whole[512];
	FILE *file;

	(void)snprintf(whole, sizeof(whole), "%s/%s", root, path);
	file = fopen(whole, "we");
	ck_assert_ptr_nonnull(file);
	(void)fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

static bool exists(const char *path)
{
	char whole[512];

	(void)snprintf(whole, sizeof(whole), "%s/%s", root, path);
	return access(whole, F_OK) == 0;
}

static void set_up(void)
{
	(void)snprintf(root, sizeof(root), "/tmp/test_sources.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	(void)snprintf(plugin_dir, sizeof(plugin_dir), "%s/plugins", root);
	(void)snprintf(spool_dir, sizeof(spool_dir), "%s/spool", root);
	ck_assert_int_eq(mkdir(plugin_dir, 0755), 0);
	put("plugins/wire.so", "");
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setenv("STRAITD_TEST_PERCENT", "2",
		     1); /* heartbeat 600 ms, start 200 ms, stop 100 ms, backoff 20 ms … */
	log_set_sink(keep_log, NULL);
	base = event_base_new();
	sources = sources_new(base, &ledger, plugin_dir, spool_dir, &events, NULL);
	ck_assert_ptr_nonnull(sources);
}

static void tear_down(void)
{
	sources = sources_free(sources);
	event_base_free(base);
	if (fork() == 0) {
		(void)execlp("rm", "rm", "-rf", root, (char *)NULL);
		_exit(1);
	}
}

/* Section number i behaves like that; its name is "a", "b" … */
static void section(size_t i, const char *behave)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };

	(void)snprintf(inputs[i], sizeof(inputs[i]), "%s/%s", spool_dir, names[i]);
	options[i] = (struct config_option){ .key = (char *)"behave", .value = (char *)behave };
	sections[i] = (struct config_source){ .name = (char *)names[i],
					      .plugin = (char *)"wire",
					      .input = inputs[i],
					      .options = &options[i],
					      .option_count = 1 };
	config.sources = sections;
	if (config.source_count < i + 1)
		config.source_count = i + 1;
}

static void apply(void)
{
	struct fault fault = { 0 };

	ck_assert_msg(sources_apply(sources, &config, &fault) == 0, "%s", fault.text);
}

static struct source_info info_of(const char *name)
{
	struct source_info info;

	ck_assert_int_eq(sources_info(sources, name, &info, NULL), 0);
	return info;
}

static bool turn(int64_t until_ms)
{
	struct timeval wait = { .tv_usec = 20000 };

	ck_assert_msg(clock_monotonic_ms() < until_ms, "the deadline passed; log:\n%s", logged);
	(void)event_base_loopexit(base, &wait);
	(void)event_base_dispatch(base);
	return true;
}

#define WAIT_FOR(condition)                                                                        \
	for (int64_t until_ = clock_monotonic_ms() + DEADLINE_MS; !(condition) && turn(until_);)

static bool has_been(enum source_state state)
{
	size_t i;

	for (i = 0; i < state_count; i++)
		if (states[i] == state)
			return true;
	return false;
}

static unsigned int count_lines(const char *text)
{
	const char *at = logged;
	unsigned int count = 0;

	while ((at = strstr(at, text))) {
		count++;
		at++;
	}
	return count;
}

static int memory_file(const char *text, size_t size)
{
	int fd = memfd_create("import", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, size), (ssize_t)size);
	return fd; /* the offset is at its end: an import must not mind */
}

/* ── life ─────────────────────────────────────────────────────────────────────────────────── */

START_TEST(starts_a_worker_and_calls_it_idle)
{
	struct source_info info;

	section(0, "idle");
	apply();
	WAIT_FOR(info_of("a").state == SOURCE_IDLE);
	info = info_of("a");
	ck_assert_int_gt(info.worker_pid, 0);
	ck_assert_str_eq(info.plugin_version, "1.0");
	ck_assert_uint_eq(info.restarts, 0);
	ck_assert_int_eq(added, 1);
	ck_assert_uint_eq(ledger.kept, 1);
	ck_assert(exists("spool/a/incoming"));
	WAIT_FOR(fake_ledger_source(&ledger, "a")->stale == 0);
}
END_TEST

static const struct {
	const char *behave, *line;
} deaths[] = {
	{ "crash",
	  "died by signal 11 (Segmentation fault) before it was ready; last words: 'oops'; restarting in" },
	{ "late",
	  "died by signal 15 (Terminated) before it was ready; it was not ready after 0.2 s; restarting" },
	{ "hang",
	  "died by signal 9 (Killed) after 0 batches; its worker gave no sign of life for 0.6 s" },
	{ "garbage", "killed for breaking the rules of the link (violation 1 of this source)" },
	{ "early", "BATCH (type 18, " },
	{ "unasked", "STOPPED (type 23, 0 bytes) at the wrong moment" },
	{ "number", "batch 5 came after batch 0" },
	{ "name", "DOCUMENT (type 17, " },
	{ "failname", "FAILED (type 19, " },
	{ "close",
	  "died by signal 15 (Terminated) after 0 batches; it closed its link and did not leave" },
};

START_TEST(quarantines_a_worker_that_dies_three_times_while_another_goes_on)
{
	section(0, deaths[_i].behave);
	section(1, "documents");
	apply();
	put("spool/b/incoming/1.csv", "ok 5");
	WAIT_FOR(info_of("a").state == SOURCE_QUARANTINED);
	ck_assert_uint_eq(info_of("a").restarts, 2);
	ck_assert_int_eq(info_of("a").worker_pid, 0);
	ck_assert(has_been(SOURCE_BACKOFF));
	ck_assert_msg(strstr(logged, deaths[_i].line) != NULL, "%s", logged);
	ck_assert_ptr_nonnull(strstr(info_of("a").reason, "died 3 times at the same place"));
	WAIT_FOR(exists("spool/b/done/1.csv"));
	ck_assert_int_eq(info_of("b").state, SOURCE_IDLE);
	ck_assert_int_eq(fake_ledger_source(&ledger, "a")->stale, 1);
	ck_assert_int_eq(sources_retry(sources, "a", NULL), 0);
	ck_assert_int_eq(info_of("a").state, SOURCE_STARTING);
}
END_TEST

START_TEST(shows_a_hanging_worker_as_unresponsive_first)
{
	section(0, "hang");
	apply();
	WAIT_FOR(has_been(SOURCE_BACKOFF));
	ck_assert_int_eq(states[0], SOURCE_STARTING);
	ck_assert_int_eq(states[1], SOURCE_IDLE);
	ck_assert_int_eq(states[2], SOURCE_UNRESPONSIVE);
}
END_TEST

START_TEST(goes_on_after_a_death_that_follows_a_commit)
{
	section(0, "one");
	apply();
	WAIT_FOR(fake_ledger_source(&ledger, "a")->batch >= 6);
	ck_assert(!has_been(SOURCE_QUARANTINED));
	ck_assert_ptr_nonnull(strstr(logged, "after 1 batch; restarting in"));
}
END_TEST

START_TEST(waits_for_an_admin_after_a_configuration_fault)
{
	section(0, "config");
	apply();
	WAIT_FOR(info_of("a").state == SOURCE_MISCONFIGURED);
	WAIT_FOR(info_of("a").worker_pid == 0);
	ck_assert_str_eq(info_of("a").reason, "option 'x' is missing");
	ck_assert_uint_eq(info_of("a").restarts, 0);
	section(0, "idle");
	apply();
	WAIT_FOR(info_of("a").state == SOURCE_IDLE);
	ck_assert_str_eq(info_of("a").reason, "");
}
END_TEST

START_TEST(names_the_path_of_a_missing_plugin)
{
	section(0, "idle");
	sections[0].plugin = (char *)"absent";
	apply();
	ck_assert_int_eq(info_of("a").state, SOURCE_MISCONFIGURED);
	ck_assert_ptr_nonnull(strstr(info_of("a").reason, "plugins/absent.so is missing"));
	put("plugins/absent.so", ""); /* noticed without a reload */
	WAIT_FOR(info_of("a").state == SOURCE_IDLE);
}
END_TEST

START_TEST(calls_a_refused_declaration_misconfigured)
{
	ledger.refuse_declaration = FAULT_BAD_ARGUMENT;
	section(0, "idle");
	apply();
	WAIT_FOR(info_of("a").state == SOURCE_MISCONFIGURED && !info_of("a").worker_pid);
	ck_assert_str_eq(info_of("a").reason, "the formula of figure 'x' is not one");
}
END_TEST

START_TEST(lets_no_flood_of_stderr_into_the_log)
{
	section(0, "chatter");
	apply();
	WAIT_FOR(info_of("a").state == SOURCE_IDLE);
	sources_stop(sources, on_stopped, NULL);
	WAIT_FOR(stops);
	ck_assert_uint_le(count_lines("said 'line"), 40);
	ck_assert_ptr_nonnull(strstr(logged, "lines left out"));
}
END_TEST

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
	WAIT_FOR(info_of("a").state == SOURCE_IDLE);
}
END_TEST

START_TEST(names_the_document_that_killed_the_worker)
{
	section(0, "documents");
	apply();
	put("spool/a/incoming/poison.csv", "crash");
	WAIT_FOR(info_of("a").state == SOURCE_QUARANTINED);
	ck_assert_ptr_nonnull(strstr(info_of("a").reason, "while reading 'poison.csv'"));
	ck_assert(exists("spool/a/incoming/poison.csv"));
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

/* ── the set ──────────────────────────────────────────────────────────────────────────────── */

START_TEST(leaves_unchanged_sources_alone_on_reload)
{
	int a, b;

	section(0, "idle");
	section(1, "idle");
	section(2, "idle");
	apply();
	WAIT_FOR(info_of("a").state == SOURCE_IDLE && info_of("b").state == SOURCE_IDLE);
	a = info_of("a").worker_pid;
	b = info_of("b").worker_pid;
	section(1, "documents");
	config.source_count = 2;
	apply();
	ck_assert_int_eq(removed, 1);
	ck_assert_uint_eq(sources_count(sources), 2);
	ck_assert_int_eq(sources_info(sources, "c", &(struct source_info){ 0 }, NULL), -1);
	WAIT_FOR(info_of("b").worker_pid != b && info_of("b").state == SOURCE_IDLE);
	ck_assert_int_eq(info_of("a").worker_pid, a);
	put("plugins/wire.so", "other");
	apply();
	WAIT_FOR(info_of("a").worker_pid != a && info_of("a").state == SOURCE_IDLE);
}
END_TEST

START_TEST(stops_all_workers_even_those_that_do_not_listen)
{
	int pids[3];

	section(0, "idle");
	section(1, "slow");
	section(2, "hang");
	apply();
	WAIT_FOR(info_of("a").state == SOURCE_IDLE && info_of("b").state == SOURCE_IDLE &&
		 info_of("c").state == SOURCE_IDLE);
	pids[0] = info_of("a").worker_pid;
	pids[1] = info_of("b").worker_pid;
	pids[2] = info_of("c").worker_pid;
	sources_stop(sources, on_stopped, NULL);
	ck_assert_int_eq(stops, 0);
	WAIT_FOR(stops);
	ck_assert_int_eq(kill(pids[0], 0), -1);
	ck_assert_int_eq(kill(pids[1], 0), -1);
	ck_assert_int_eq(kill(pids[2], 0), -1);
	ck_assert_int_eq(sources_retry(sources, "a", NULL), -1);
}
END_TEST

START_TEST(calls_stopped_without_any_source)
{
	apply();
	sources_stop(sources, on_stopped, NULL);
	WAIT_FOR(stops);
}
END_TEST

START_TEST(becomes_due_late_and_stale_by_the_cadence)
{
	section(0, "idle");
	sections[0].cadence_ms = 400;
	ledger.published_at_ms = clock_now_ms();
	apply();
	ck_assert_int_eq(info_of("a").freshness, FRESHNESS_FRESH);
	WAIT_FOR(info_of("a").freshness == FRESHNESS_DUE);
	WAIT_FOR(info_of("a").freshness == FRESHNESS_LATE);
	ck_assert_int_eq(fake_ledger_source(&ledger, "a")->stale, 1);
	sections[0].cadence_ms = 60000;
	apply();
	ck_assert_int_eq(info_of("a").freshness, FRESHNESS_FRESH);
	WAIT_FOR(fake_ledger_source(&ledger, "a")->stale == 0);
}
END_TEST

/* ── jobs ─────────────────────────────────────────────────────────────────────────────────── */

static struct job_info import(const char *name, const char *text, size_t size)
{
	struct job_info job;
	struct fault fault = { 0 };
	uint32_t id = 0;

	ck_assert_msg(sources_import(sources, "a", name, memory_file(text, size), &id, &fault) == 0,
		      "%s", fault.text);
	ck_assert_int_eq(sources_job(sources, id, &job), 0);
	return job;
}

static struct job_info job_of(uint32_t id)
{
	struct job_info job;

	ck_assert_int_eq(sources_job(sources, id, &job), 0);
	return job;
}

START_TEST(follows_an_import_to_its_end)
{
	uint32_t good, bad, again;

	section(0, "documents");
	apply();
	good = import("good.csv", "ok 7", 4).id;
	WAIT_FOR(job_of(good).state == JOB_DONE);
	ck_assert_uint_eq(job_of(good).accepted, 7);
	ck_assert_double_eq(job_of(good).progress, 1);
	again = import("again.csv", "ok 7", 4).id;
	WAIT_FOR(job_of(again).state == JOB_DONE);
	ck_assert_uint_eq(job_of(again).accepted, 0);
	ck_assert_str_eq(job_of(again).error, "");
	bad = import("bad.csv", "bad", 3).id;
	WAIT_FOR(job_of(bad).state == JOB_FAILED);
	ck_assert_str_eq(job_of(bad).error, "row 1: no date");
	ck_assert_uint_eq(job_of(bad).rejected, 3);
	ck_assert_int_eq(jobs_finished, 3);
	ck_assert_int_eq(jobs_added, 3);
	ck_assert_int_eq(sources_job_cancel(sources, good, NULL), -1);
}
END_TEST

START_TEST(copies_a_large_import_in_pieces_that_can_be_cancelled)
{
	size_t size = 5 << 20;
	char *text = calloc(1, size);
	struct fault fault = { 0 };
	uint32_t id;

	section(0, "documents");
	apply();
	id = import("big.csv", text, size).id;
	free(text);
	WAIT_FOR(job_of(id).state == JOB_FAILED); /* zeros are no document */
	ck_assert_int_ge(jobs_changed, 5);
	id = import("ok.csv", "ok 1", 4).id;
	ck_assert_int_eq(sources_job_cancel(sources, id, &fault), 0);
	ck_assert_int_eq(job_of(id).state, JOB_CANCELLED);
	ck_assert(!exists("spool/a/incoming/ok.csv"));
	ck_assert(!exists("spool/a/incoming/.job-2"));
}
END_TEST

START_TEST(refuses_to_cancel_what_is_being_read)
{
	struct fault fault = { 0 };
	uint32_t id;

	section(0, "documents");
	apply();
	id = import("a.csv", "wait", 4).id;
	WAIT_FOR(job_of(id).state == JOB_READING);
	ck_assert_int_eq(sources_job_cancel(sources, id, &fault), -1);
	ck_assert_int_eq(fault.kind, FAULT_BUSY);
}
END_TEST

START_TEST(refuses_what_cannot_be_imported)
{
	struct fault fault = { 0 };
	int pipe_fds[2];
	uint32_t id;
	int i;

	section(0, "late");
	section(1, "config");
	apply();
	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	ck_assert_int_eq(sources_import(sources, "a", "a", pipe_fds[0], &id, &fault), -1);
	ck_assert_int_eq(fault.kind, FAULT_BAD_ARGUMENT);
	ck_assert_int_eq(fcntl(pipe_fds[0], F_GETFD), -1); /* taken all the same */
	(void)close(pipe_fds[1]);
	ck_assert_int_eq(sources_import(sources, "a", "../a", memory_file("x", 1), &id, &fault),
			 -1);
	ck_assert_int_eq(fault.kind, FAULT_BAD_ARGUMENT);
	ck_assert_int_eq(sources_import(sources, "z", "a", memory_file("x", 1), &id, &fault), -1);
	ck_assert_int_eq(fault.kind, FAULT_NO_SUCH_SOURCE);
	WAIT_FOR(info_of("b").state == SOURCE_MISCONFIGURED);
	ck_assert_int_eq(sources_import(sources, "b", "a", memory_file("x", 1), &id, &fault), -1);
	ck_assert_int_eq(fault.kind, FAULT_NOT_READY);
	ck_assert_int_eq(sources_retry(sources, "a", NULL), 0);
	for (i = 0; i < (int)JOBS_MAX; i++)
		ck_assert_int_eq(
			sources_import(sources, "a", "n", memory_file("x", 1), &id, &fault), 0);
	ck_assert_int_eq(sources_import(sources, "a", "n", memory_file("x", 1), &id, &fault), -1);
	ck_assert_int_eq(fault.kind, FAULT_BUSY);
}
END_TEST

START_TEST(gives_up_the_import_of_a_quarantined_source_and_keeps_the_file)
{
	uint32_t id;

	section(0, "documents");
	apply();
	id = import("poison.csv", "crash", 5).id;
	WAIT_FOR(job_of(id).state == JOB_FAILED);
	ck_assert_ptr_nonnull(strstr(job_of(id).error, "kept in incoming/"));
	ck_assert(exists("spool/a/incoming/poison.csv"));
}
END_TEST

/* ── --check-config ───────────────────────────────────────────────────────────────────────── */

START_TEST(asks_every_plugin_for_check_config)
{
	struct config_errors errors = { 0 };

	section(0, "idle");
	section(1, "config");
	sections[1].line = 7;
	section(2, "crash");
	ck_assert_int_eq(sources_check(&config, plugin_dir, &errors), -1);
	ck_assert_uint_eq(errors.count, 2);
	ck_assert_uint_eq(errors.items[0].line, 7);
	ck_assert_str_eq(errors.items[0].text, "source 'b': option 'x' is missing");
	ck_assert_ptr_nonnull(strstr(errors.items[1].text,
				     "died by signal 11 (Segmentation fault); last words: 'oops'"));
	for (size_t i = 0; i < errors.count; i++)
		free(errors.items[i].text);
	free(errors.items);
}
END_TEST

static TCase *tests(void)
{
	TCase *tcase = tcase_create("sources");

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, starts_a_worker_and_calls_it_idle);
	tcase_add_loop_test(tcase, quarantines_a_worker_that_dies_three_times_while_another_goes_on,
			    0, (int)(sizeof(deaths) / sizeof(deaths[0])));
	tcase_add_test(tcase, shows_a_hanging_worker_as_unresponsive_first);
	tcase_add_test(tcase, goes_on_after_a_death_that_follows_a_commit);
	tcase_add_test(tcase, waits_for_an_admin_after_a_configuration_fault);
	tcase_add_test(tcase, names_the_path_of_a_missing_plugin);
	tcase_add_test(tcase, calls_a_refused_declaration_misconfigured);
	tcase_add_test(tcase, lets_no_flood_of_stderr_into_the_log);
	tcase_add_test(tcase, moves_what_was_read_to_done);
	tcase_add_test(tcase, moves_what_cannot_be_read_to_failed_with_the_reason);
	tcase_add_test(tcase, names_the_document_that_killed_the_worker);
	tcase_add_test(tcase, keeps_everything_while_the_store_refuses);
	tcase_add_test(tcase, leaves_unchanged_sources_alone_on_reload);
	tcase_add_test(tcase, stops_all_workers_even_those_that_do_not_listen);
	tcase_add_test(tcase, calls_stopped_without_any_source);
	tcase_add_test(tcase, becomes_due_late_and_stale_by_the_cadence);
	tcase_add_test(tcase, follows_an_import_to_its_end);
	tcase_add_test(tcase, copies_a_large_import_in_pieces_that_can_be_cancelled);
	tcase_add_test(tcase, refuses_to_cancel_what_is_being_read);
	tcase_add_test(tcase, refuses_what_cannot_be_imported);
	tcase_add_test(tcase, gives_up_the_import_of_a_quarantined_source_and_keeps_the_file);
	tcase_add_test(tcase, asks_every_plugin_for_check_config);
	return tcase;
}

int main(int argc, char **argv)
{
	Suite *suite;
	SRunner *runner;
	int failed;

	if (argc > 1 && strcmp(argv[1], "--worker") == 0)
		return wire_worker_main();
	suite = suite_create("sources");
	suite_add_tcase(suite, tests());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
