/* SPDX-License-Identifier: MIT
 *
 * test_faults.c - the disk is full, does not sync, is read-only; there are no file descriptors, no
 * memory, the clock jumps: calls are answered, what is wrong is said, nothing is lost, and it goes
 * on by itself when the fault goes away. Test program.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <check.h>

#include "documents.h"
#include "faults.h"

#define YEARS_10_MS (INT64_C(10) * 365 * 86400 * 1000)
#define SAMPLE_MAX  24

static const char *const questions[] = { "arrivals.people.total", "arrivals.people.record",
					 "arrivals.people.2026-07-10" };
#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))
static const char *const versions[] = { "arrivals.people 2026-07-08", NULL };

static struct harness h;
static struct faults *faults;

static void set_up(void)
{
	char path[HARNESS_PATH_MAX];
	int fd;

	harness_start(&h);
	h.program = "tests/straitd-weak";
	(void)snprintf(path, sizeof(path), "%.60s/faults", h.directory);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, sizeof(*faults)), 0);
	faults = mmap(NULL, sizeof(*faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(faults, MAP_FAILED);
	(void)close(fd);
	(void)snprintf(faults->directory, sizeof(faults->directory), "%s", h.state);
	ck_assert_int_eq(setenv(FAULTS_VARIABLE, path, 1), 0);
	ck_assert_int_eq(setenv("STRAITD_TEST_PERCENT", "20", 1), 0);
	documents_configure(&h);
}

static void tear_down(void)
{
	faults->calls = 0;
	harness_stop(&h);
	(void)munmap(faults, sizeof(*faults));
	ck_assert_int_eq(unsetenv(FAULTS_VARIABLE), 0);
	ck_assert_int_eq(unsetenv("STRAITD_TEST_PERCENT"), 0);
}

static void wait_idle(void)
{
	for (int i = 0; i < DOCUMENTS_SOURCES; i++)
		harness_wait_source(&h, documents[i][0].source, "idle");
}

static void drop(int source, int release)
{
	harness_drop(&h, documents[source][release].source, documents[source][release].name,
		     documents[source][release].text);
}

static void wait_done(int source, int release)
{
	char path[HARNESS_PATH_MAX];

	harness_wait_path(&h,
			  harness_spool_path(&h, documents[source][release].source, "done",
					     documents[source][release].name, path),
			  true);
}

/* "value":… of a line of straitctl --json get; to be freed. */
static char *value_of(const char *line)
{
	const char *begin = strstr(line, "\"value\":");

	ck_assert_msg(begin != NULL, "no value in '%s'", line);
	return strndup(begin, strcspn(begin, ",}"));
}

static bool has_value(const char *line, const char *expected)
{
	return strstr(line, expected) != NULL;
}

static const struct disk_fault {
	uint32_t calls;
	int error;
	const char *said, *spared;
} disk_faults[] = {
	{ FAULTS_WRITE | FAULTS_CUT, ENOSPC, "free space on its file system", NULL },
	{ FAULTS_SYNC, EIO, "look at the disk (dmesg)", NULL },
	{ FAULTS_WRITE | FAULTS_OPEN | FAULTS_CUT | FAULTS_RENAME, EROFS, "tried again by itself",
	  NULL },
	{ FAULTS_WRITE, EIO, "look at the disk (dmesg)", NULL },
};

START_TEST(a_disk_that_fails_loses_nothing_and_is_told_until_it_works)
{
	const struct disk_fault *fault = &disk_faults[_i];
	struct output output;
	double before;

	harness_daemon(&h);
	wait_idle();
	drop(2, 0);
	wait_done(2, 0);
	wait_idle();
	before = harness_figure(&h, "arrivals.people.total");
	ck_assert_double_gt(before, 0);
	faults->error = fault->error;
	faults->calls = fault->calls;
	drop(2, 1);
	harness_wait_log(&h, "Nothing is lost: what is not stored is read again");
	harness_wait_source(&h, "home", "backoff");
	harness_assert(&h, harness_log_has(&h, fault->said), "the remedy '%s'", fault->said);
	harness_assert(&h, harness_log_has(&h, h.state), "the path");
	/* answered from memory, marked stale, and why */
	ck_assert_double_eq(harness_figure(&h, "arrivals.people.total"), before);
	CTL(&h, &output, "status");
	harness_assert(&h, strstr(output.out, "store: store '") != NULL, "%s", output.out);
	harness_assert(&h, strstr(output.out, " 0 stale") == NULL, "%s", output.out);
	output_done(&output);
	CTL(&h, &output, "sources");
	harness_assert(&h, strstr(output.out, "backoff") != NULL, "%s", output.out);
	output_done(&output);
	ck_assert_uint_gt(faults->failed, 0);
	faults->calls = 0;
	wait_done(2, 1);
	harness_wait_log(&h, "the store works again, after");
	wait_idle();
	drop(2, 2);
	wait_done(2, 2);
	wait_idle();
	CTL(&h, &output, "status");
	harness_assert(&h, strstr(output.out, "store:") == NULL, "%s", output.out);
	output_done(&output);
}
END_TEST

START_TEST(a_start_on_a_disk_that_fails_ends_with_a_sentence_and_the_next_one_works)
{
	const struct disk_fault *fault = &disk_faults[_i];

	faults->error = fault->error;
	faults->calls = fault->calls;
	harness_daemon_begin(&h);
	ck_assert_int_eq(process_wait(&h.daemon, PROCESS_DEADLINE_MS), 1);
	harness_assert(&h, harness_log_has(&h, "cannot start: "), "%s", "no sentence");
	faults->calls = 0;
	harness_daemon(&h);
	wait_idle();
	drop(2, 0);
	wait_done(2, 0);
}
END_TEST

START_TEST(without_file_descriptors_calls_are_answered_and_workers_come_back)
{
	pid_t pids[8];
	size_t count;

	harness_daemon(&h);
	wait_idle();
	drop(2, 0);
	wait_done(2, 0);
	faults->error = EMFILE;
	faults->calls = FAULTS_FD;
	count = harness_workers(&h, pids, 8);
	ck_assert_uint_ge(count, 3);
	for (size_t i = 0; i < count; i++)
		(void)kill(pids[i], SIGKILL);
	harness_wait_log(&h, "Too many open files; trying again in");
	ck_assert_double_gt(harness_figure(&h, "arrivals.people.total"), 0);
	faults->calls = 0;
	wait_idle();
	drop(2, 1);
	wait_done(2, 1);
}
END_TEST

START_TEST(a_clock_that_jumps_ends_no_worker_and_its_return_makes_figures_fresh)
{
	int64_t jump = _i ? -YEARS_10_MS : YEARS_10_MS;
	char path[HARNESS_PATH_MAX];
	double restarts;
	struct output output;
	uint64_t sequence;

	harness_daemon(&h);
	wait_idle();
	drop(2, 0);
	wait_done(2, 0);
	wait_idle();
	restarts = harness_source_number(&h, "home", "Restarts");
	faults->clock_ms = jump;
	sequence = harness_sequence(&h);
	drop(2, 1);
	if (jump > 0) {
		wait_done(2, 1);
		harness_assert(&h, harness_sequence(&h) > sequence, "%s", "the sequence stood");
	} else {
		/* What it says is of the future, which no document may be: kept in failed/. */
		harness_wait_path(
			&h, harness_spool_path(&h, "home", "failed", documents[2][1].name, path),
			true);
		ck_assert_uint_ge(harness_sequence(&h), sequence);
	}
	faults->clock_ms = 0;
	if (jump < 0) {
		drop(2, 1);
		wait_done(2, 1);
	}
	drop(2, 2);
	wait_done(2, 2);
	wait_idle();
	ck_assert_double_eq(harness_source_number(&h, "home", "Restarts"), restarts);
	CTL(&h, &output, "versions", "arrivals.people", "2026-07-10");
	harness_assert(&h, output.code == 0, "%s", output.err);
	output_done(&output);
}
END_TEST

/* ── one failure at every place ──────────────────────────────────────────────────────────────── */

/* Every n-th of what a scenario does, with $EVERY=1; without, some of them. */
static int64_t step_of(int64_t total)
{
	const char *every = getenv("EVERY");
	int64_t step = every ? strtol(every, NULL, 10) : total / SAMPLE_MAX;

	return step > 0 ? step : 1;
}

/* Starts, reads a document, asks, reloads, stops. What it answers is right, or an error. 0 when it
 * ended well, else how it ended. */
static int scenario(bool *ret_started, const char *const expected[])
{
	struct output output;

	harness_daemon_begin(&h);
	*ret_started = harness_wait_name(&h, true);
	if (!*ret_started)
		return process_wait(&h.daemon, PROCESS_DEADLINE_MS);
	wait_done(2, 0);
	for (size_t i = 0; i < QUESTIONS; i++) {
		CTL(&h, &output, "--json", "get", questions[i]);
		if (output.code == 0 && expected)
			harness_assert(&h, has_value(output.out, expected[i]),
				       "%s: it says %s instead of %s", questions[i], output.out,
				       expected[i]);
		harness_assert(&h, output.code == 0 || output.err[0] != '\0', "%s: no sentence",
			       questions[i]);
		output_done(&output);
	}
	CTL(&h, &output, "explain", questions[0]);
	output_done(&output);
	CTL(&h, &output, "reload");
	output_done(&output);
	return harness_daemon_end(&h, SIGTERM);
}

static void configure_one(void)
{
	harness_config_remove(&h, "all.conf");
	harness_config(&h, "one.conf", "[source home]\nplugin = home_office\n");
	harness_make_spool(&h, "home");
	drop(2, 0);
}

/* Nothing is stored, and the document waits. */
static void begin_anew(void)
{
	char command[3 * HARNESS_PATH_MAX], path[HARNESS_PATH_MAX];
	struct output output;

	(void)snprintf(command, sizeof(command), "rm -rf '%.200s'/* '%.200s'/home/done/*", h.state,
		       h.spool);
	process_run(&output, (const char *const[]){ "/bin/sh", "-c", command, NULL });
	output_done(&output);
	if (access(harness_spool_path(&h, "home", "incoming", documents[2][0].name, path), F_OK) <
	    0)
		drop(2, 0);
	ck_assert_int_eq(truncate(h.log, 0), 0);
}

/* Without a fault: what is in the store is whole, whatever happened to the run before. */
static void assert_whole(const char *what, int64_t number, const char *expected)
{
	char *got;

	harness_daemon(&h);
	wait_done(2, 0);
	harness_wait_source(&h, "home", "idle");
	got = harness_snapshot(&h, versions);
	harness_assert(&h, strcmp(got, expected) == 0,
		       "after %s %lld failed it says\n%sand should say\n%s", what,
		       (long long)number, got, expected);
	free(got);
	ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
}

/* What a run without a fault says. */
static char *learn(char *answers[QUESTIONS])
{
	struct output output;
	bool started;
	char *text;

	configure_one();
	ck_assert_int_eq(scenario(&started, NULL), 0);
	harness_daemon(&h);
	text = harness_snapshot(&h, versions);
	for (size_t i = 0; i < QUESTIONS; i++) {
		CTL(&h, &output, "--json", "get", questions[i]);
		answers[i] = value_of(output.out);
		output_done(&output);
	}
	ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
	return text;
}

static const struct single {
	const char *name;
	uint32_t calls;
	int error;
	bool in_spool;
} singles[] = {
	{ "write", FAULTS_WRITE | FAULTS_CUT, ENOSPC, false },
	{ "write", FAULTS_WRITE, EIO, false },
	{ "sync", FAULTS_SYNC, EIO, false },
	{ "rename", FAULTS_RENAME, EIO, false },
	{ "open", FAULTS_OPEN, ENOSPC, false },
	{ "move in the spool", FAULTS_RENAME, ENOSPC, true },
};

START_TEST(a_disk_that_fails_once_anywhere_is_as_if_it_had_not)
{
	const struct single *single = &singles[_i];
	unsigned int runs = 0, refused = 0, hit = 0;
	char *answers[QUESTIONS], *expected = learn(answers);
	int64_t total, step;
	bool started;

	(void)snprintf(faults->directory, sizeof(faults->directory), "%s",
		       single->in_spool ? h.spool : h.state);
	faults->once = 1;
	faults->error = single->error;
	begin_anew();
	faults->spared = INT32_MAX;
	faults->calls = single->calls;
	ck_assert_int_eq(scenario(&started, NULL), 0);
	faults->calls = 0;
	total = INT32_MAX - faults->spared;
	ck_assert_int_gt(total, 0);
	step = step_of(total * 3);
	for (int64_t number = 1; number <= total; number += step) {
		int code;

		begin_anew();
		faults->failed = 0;
		faults->spared = (int32_t)number - 1;
		faults->calls = single->calls;
		code = scenario(&started, (const char *const *)answers);
		faults->calls = 0;
		runs++;
		hit += faults->failed;
		refused += !started;
		harness_assert(&h, code == 0 || code == 1, "%s %lld: it ended with %d",
			       single->name, (long long)number, code);
		harness_assert(&h, started || harness_log_has(&h, "cannot start: "),
			       "%s %lld: no sentence", single->name, (long long)number);
		assert_whole(single->name, number, expected);
	}
	fprintf(stderr, "%s (%s): %lld, %u tried, %u hit, %u ended the start\n", single->name,
		strerror(single->error), (long long)total, runs, hit, refused);
	ck_assert_uint_gt(hit, 0);
	for (size_t i = 0; i < QUESTIONS; i++)
		free(answers[i]);
	free(expected);
}
END_TEST

/* ── memory ──────────────────────────────────────────────────────────────────────────────────── */

START_TEST(an_allocation_that_fails_is_no_crash_no_lie_and_no_half_commit)
{
	bool in_worker = _i != 0, started;
	unsigned int runs = 0, refused = 0, died = 0;
	char *answers[QUESTIONS], *expected = learn(answers);
	int64_t total, step;

	begin_anew();
	ck_assert_int_eq(scenario(&started, NULL), 0);
	total = in_worker ? faults->worker_allocations : faults->main_allocations;
	step = step_of(total);
	for (int64_t number = 1; number <= total; number += step) {
		int code;

		begin_anew();
		faults->allocation_failed = 0;
		faults->main_allocation = in_worker ? 0 : number;
		faults->worker_allocation = in_worker ? number : 0;
		code = scenario(&started, (const char *const *)answers);
		faults->main_allocation = faults->worker_allocation = 0;
		runs++;
		refused += !started;
		harness_assert(&h, code < 128, "allocation %lld: it ended with %d",
			       (long long)number, code);
		harness_assert(&h, started || harness_log_has(&h, "memory"),
			       "allocation %lld: no sentence", (long long)number);
		died += started && code != 0;
		assert_whole("allocation", number, expected);
	}
	fprintf(stderr, "%s: %lld allocations, %u tried: %u ended the start, %u the daemon later\n",
		in_worker ? "worker" : "main", (long long)total, runs, refused, died);
	for (size_t i = 0; i < QUESTIONS; i++)
		free(answers[i]);
	free(expected);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("faults");
	TCase *tests = tcase_create("faults"), *once = tcase_create("once");
	TCase *memory[2] = { tcase_create("main"), tcase_create("worker") };
	SRunner *runner;
	int failed, disks = (int)(sizeof(disk_faults) / sizeof(disk_faults[0]));

	tcase_set_timeout(tests, 3600);
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_loop_test(tests, a_disk_that_fails_loses_nothing_and_is_told_until_it_works, 0,
			    disks);
	tcase_add_loop_test(
		tests, a_start_on_a_disk_that_fails_ends_with_a_sentence_and_the_next_one_works, 0,
		disks);
	tcase_add_test(tests, without_file_descriptors_calls_are_answered_and_workers_come_back);
	tcase_add_loop_test(
		tests, a_clock_that_jumps_ends_no_worker_and_its_return_makes_figures_fresh, 0, 2);
	suite_add_tcase(suite, tests);
	/* a case each, so that CK_RUN_CASE=main EVERY=1 tries all of one kind */
	tcase_add_loop_test(once, a_disk_that_fails_once_anywhere_is_as_if_it_had_not, 0,
			    (int)(sizeof(singles) / sizeof(singles[0])));
	tcase_add_loop_test(memory[0],
			    an_allocation_that_fails_is_no_crash_no_lie_and_no_half_commit, 0, 1);
	tcase_add_loop_test(memory[1],
			    an_allocation_that_fails_is_no_crash_no_lie_and_no_half_commit, 1, 2);
	for (size_t i = 0; i < 3; i++) {
		TCase *more = i < 2 ? memory[i] : once;

		tcase_set_timeout(more, 36000);
		tcase_add_checked_fixture(more, set_up, tear_down);
		suite_add_tcase(suite, more);
	}
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
