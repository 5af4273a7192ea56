// needs: fake_ledger_sources
/* SPDX-License-Identifier: MIT
 *
 * test_sources.c - the life of workers, the set of sources, freshness, import jobs, --check-config.
 */
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "sources_case.h"

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
	{ "version", "frame of protocol version 9, this is version 1" },
	{ "oversize", "frame of type 18 claims 1048577 bytes, at most 1048576 are allowed" },
	{ "type", "a frame of unknown type 99, 0 bytes" },
	{ "again", "READY (type 16, 0 bytes) at the wrong moment" },
	{ "empty", "HEARTBEAT (type 21, 0 bytes)" },
	{ "lies", "BATCH (type 18, 64 bytes)" },
	{ "truncated", "its worker gave no sign of life for 0.6 s" },
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

START_TEST(drops_frames_of_an_earlier_worker)
{
	section(0, "old");
	apply();
	WAIT_FOR(info_of("a").state == SOURCE_IDLE);
	WAIT_FOR(fake_ledger_source(&ledger, "a")->stale == 0); /* a heartbeat came after it */
	ck_assert(!has_been(SOURCE_BACKOFF));
	ck_assert_uint_eq(info_of("a").restarts, 0);
}
END_TEST

START_TEST(ends_a_worker_that_beats_and_comes_no_further)
{
	section(0, "stall");
	apply();
	WAIT_FOR(has_been(SOURCE_BACKOFF));
	ck_assert_ptr_nonnull(strstr(logged, "it came no further in its document for 6 s"));
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

START_TEST(a_log_that_is_caught_up_with_is_being_read_and_its_figures_are_stale)
{
	const struct fake_source_store *store = fake_ledger_source(&ledger, "a");

	section(0, "catchup");
	apply();
	WAIT_FOR(store->commits == 4);
	WAIT_FOR(info_of("a").progress > 0.7);
	ck_assert_int_eq(info_of("a").state, SOURCE_READING);
	ck_assert_double_eq(info_of("a").progress, 0.8);
	ck_assert_int_eq(store->stale, 1);
	ck_assert_uint_eq(store->fresh_commits, 0);
	put("spool/a/go-on", "");
	WAIT_FOR(info_of("a").state == SOURCE_IDLE);
	ck_assert_double_eq(info_of("a").progress, 1);
	ck_assert_int_eq(store->stale, 0);
	ck_assert_uint_eq(store->stales, 2);
}
END_TEST

START_TEST(clears_the_fault_of_a_configuration_that_is_mended)
{
	section(0, "config");
	apply();
	WAIT_FOR(info_of("a").state == SOURCE_MISCONFIGURED && !info_of("a").worker_pid);
	ck_assert_int_eq(strncmp(info_of("a").last_fault, "20", 2), 0); /* its time comes first */
	ck_assert_ptr_nonnull(strstr(info_of("a").last_fault, "Z worker "));
	section(0, "idle");
	apply();
	WAIT_FOR(info_of("a").state == SOURCE_IDLE);
	ck_assert_str_eq(info_of("a").last_fault, "");
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
	ck_assert_int_ne(fake_ledger_source(&ledger, "a")->stale, 1);
	WAIT_FOR(info_of("a").freshness == FRESHNESS_LATE);
	ck_assert_ptr_nonnull(strstr(info_of("a").reason, "newer content is late"));
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
	/* the worker would leave it in incoming/, and the job would wait for ever */
	ck_assert_int_eq(
		sources_import(sources, "a", "a\xc2\x85", memory_file("x", 1), &id, &fault), -1);
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

static int open_pipe(void)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	(void)close(fds[1]);
	return fds[0];
}

static int open_socket(void)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	(void)close(fds[1]);
	return fds[0];
}

/* It is its own writer, which never writes: reading it would wait. */
static int open_fifo(void)
{
	int fds[2], fd;
	char path[64];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	fd = open(path, O_RDWR | O_CLOEXEC);
	(void)close(fds[0]);
	(void)close(fds[1]);
	return fd;
}

static int open_directory(void)
{
	return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int open_zero(void)
{
	return open("/dev/zero", O_RDONLY | O_CLOEXEC);
}

static int open_path(void)
{
	return open("/proc/self/exe", O_PATH | O_CLOEXEC);
}

static int open_for_writing(void)
{
	return open("/tmp", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
}

static int open_event(void)
{
	return eventfd(1, EFD_CLOEXEC);
}

static int (*const no_files[])(void) = { open_pipe, open_socket, open_fifo,	   open_directory,
					 open_zero, open_path,	 open_for_writing, open_event };

START_TEST(refuses_an_fd_that_is_no_readable_file)
{
	struct fault fault = { 0 };
	int fd = no_files[_i]();
	uint32_t id;

	ck_assert_int_ge(fd, 0);
	section(0, "documents");
	apply();
	ck_assert_int_eq(sources_import(sources, "a", "a", fd, &id, &fault), -1);
	ck_assert_int_eq(fault.kind, FAULT_BAD_ARGUMENT);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1); /* taken all the same */
	ck_assert_uint_eq(sources_job_count(sources), 0);
}
END_TEST

START_TEST(imports_a_sealed_file)
{
	struct fault fault = { 0 };
	int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	uint32_t id;

	ck_assert_int_eq(write(fd, "ok 3", 4), 4);
	ck_assert_int_eq(
		fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL),
		0);
	section(0, "documents");
	apply();
	ck_assert_int_eq(sources_import(sources, "a", "sealed.csv", fd, &id, &fault), 0);
	WAIT_FOR(job_of(id).state == JOB_DONE);
}
END_TEST

/* A regular file of size 0, as the kernel tells: nothing of the memory is copied. */
START_TEST(imports_nothing_of_a_processs_memory)
{
	struct fault fault = { 0 };
	uint32_t id;

	section(0, "documents");
	apply();
	ck_assert_int_eq(sources_import(sources, "a", "mem.csv",
					open("/proc/self/mem", O_RDONLY | O_CLOEXEC), &id, &fault),
			 0);
	WAIT_FOR(job_of(id).state == JOB_FAILED);
	ck_assert_uint_eq(job_of(id).accepted, 0);
}
END_TEST

static const struct {
	off_t size; /* that it gets while it is copied; 0: stays, and is written to */
	const char *said;
} unfinished[] = { { 1, "got shorter" }, { 65 << 20, "changed while" }, { 0, "changed while" } };

START_TEST(a_file_that_changes_while_it_is_copied_is_not_imported)
{
	int fd = memory_file("", 0), own = dup(fd);
	struct fault fault = { 0 };
	uint32_t id;

	ck_assert_int_eq(ftruncate(own, 64 << 20), 0);
	section(0, "documents");
	apply();
	ck_assert_int_eq(sources_import(sources, "a", "x.csv", fd, &id, &fault), 0);
	jobs_changed = 0;
	WAIT_FOR(jobs_changed > 0); /* a piece is copied */
	if (unfinished[_i].size)
		ck_assert_int_eq(ftruncate(own, unfinished[_i].size), 0);
	else
		ck_assert_int_eq(pwrite(own, "ok", 2, 0), 2);
	WAIT_FOR(job_of(id).state == JOB_FAILED);
	ck_assert_msg(strstr(job_of(id).error, unfinished[_i].said) != NULL, "%s",
		      job_of(id).error);
	ck_assert(!exists("spool/a/incoming/x.csv"));
	ck_assert(!exists("spool/a/incoming/.job-1"));
	(void)close(own);
}
END_TEST

START_TEST(an_import_that_kills_the_worker_fails_with_the_reason)
{
	uint32_t id;

	section(0, "documents");
	apply();
	id = import("poison.csv", "crash", 5).id;
	WAIT_FOR(job_of(id).state == JOB_FAILED);
	ck_assert_ptr_nonnull(strstr(job_of(id).error, "the worker died 3 times while reading it"));
	ck_assert(exists("spool/a/failed/poison.csv"));
}
END_TEST

START_TEST(gives_up_the_import_of_a_quarantined_source_and_keeps_the_file)
{
	uint32_t id;

	ledger.refuse = FAULT_SYSTEM; /* so that the poison cannot be put away */
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
	tcase_add_test(tcase, drops_frames_of_an_earlier_worker);
	tcase_add_test(tcase, ends_a_worker_that_beats_and_comes_no_further);
	tcase_add_loop_test(tcase, quarantines_a_worker_that_dies_three_times_while_another_goes_on,
			    0, (int)(sizeof(deaths) / sizeof(deaths[0])));
	tcase_add_test(tcase, shows_a_hanging_worker_as_unresponsive_first);
	tcase_add_test(tcase, goes_on_after_a_death_that_follows_a_commit);
	tcase_add_test(tcase, waits_for_an_admin_after_a_configuration_fault);
	tcase_add_test(tcase, names_the_path_of_a_missing_plugin);
	tcase_add_test(tcase, calls_a_refused_declaration_misconfigured);
	tcase_add_test(tcase, lets_no_flood_of_stderr_into_the_log);
	tcase_add_test(tcase, an_import_that_kills_the_worker_fails_with_the_reason);
	tcase_add_test(tcase, a_log_that_is_caught_up_with_is_being_read_and_its_figures_are_stale);
	tcase_add_test(tcase, clears_the_fault_of_a_configuration_that_is_mended);
	tcase_add_test(tcase, leaves_unchanged_sources_alone_on_reload);
	tcase_add_test(tcase, stops_all_workers_even_those_that_do_not_listen);
	tcase_add_test(tcase, calls_stopped_without_any_source);
	tcase_add_test(tcase, becomes_due_late_and_stale_by_the_cadence);
	tcase_add_test(tcase, follows_an_import_to_its_end);
	tcase_add_test(tcase, copies_a_large_import_in_pieces_that_can_be_cancelled);
	tcase_add_test(tcase, refuses_to_cancel_what_is_being_read);
	tcase_add_test(tcase, refuses_what_cannot_be_imported);
	tcase_add_loop_test(tcase, refuses_an_fd_that_is_no_readable_file, 0,
			    (int)(sizeof(no_files) / sizeof(no_files[0])));
	tcase_add_test(tcase, imports_a_sealed_file);
	tcase_add_test(tcase, imports_nothing_of_a_processs_memory);
	tcase_add_loop_test(tcase, a_file_that_changes_while_it_is_copied_is_not_imported, 0,
			    (int)(sizeof(unfinished) / sizeof(unfinished[0])));
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
