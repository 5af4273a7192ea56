/* SPDX-License-Identifier: MIT
 *
 * test_feed.c - the feed of changes without a gap: a watcher that is killed and stopped at random
 * over thousands of commits, while the daemon and the bus are restarted, prints each change once;
 * a snapshot and the changes after its sequence give the next snapshot; what is not kept any more
 * is told as such. Test program.
 *
 * $STRAIT_FEED_COMMITS: how many commits the first test makes (10000; 1000 under AddressSanitizer).
 * $STRAIT_FEED_SEED: of its random choices; it is printed, and otherwise taken from the clock.
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>
#include <jansson.h>

#include "feed_client.h"
#include "inputs.h"

#ifdef __SANITIZE_ADDRESS__
#define COMMITS 1000
#else
#define COMMITS 10000
#endif
#define COMMIT_MS	20000
#define DAEMON_RESTARTS 6 /* in the whole run; and the bus once */

static struct harness h;
static char log_path[HARNESS_PATH_MAX];
static unsigned long next_id; /* of the line that append_line writes */

/* What the watchers have printed, one after the other. */
static struct {
	struct process process;
	bool stopped;
	uint64_t wakes_at;	     /* when stopped: at this commit, or killed before */
	struct feed_figures figures; /* as they follow from it */
	char figure[FEED_NAME_MAX];  /* of the last line */
	char *text;		     /* all lines */
	size_t size, room;
	unsigned long lines, kills, stops, restarts, refusals;
} watch;

static unsigned long choice; /* state of chance() */

/* One of `of` numbers from 0: xorshift64 (Marsaglia 2003, "Xorshift RNGs"). */
static unsigned long chance(unsigned long of)
{
	choice ^= choice << 13;
	choice ^= choice >> 7;
	choice ^= choice << 17;
	return choice % of;
}

static unsigned long from_environment(const char *name, unsigned long fallback)
{
	const char *text = getenv(name);

	return text != NULL && text[0] != '\0' ? strtoul(text, NULL, 10) : fallback;
}

/* One boat more on the same day, with some people: a commit when it comes alone. */
static void append_line(void)
{
	char line[256];

	(void)snprintf(line, sizeof(line),
		       "b%08lu,2026-07-07T%02lu:%02lu:%02luZ,51.02 N 1.50 E,1,%lu,cutter,,\n",
		       next_id, next_id / 3600 % 24, next_id / 60 % 60, next_id % 60,
		       10 + next_id % 7);
	next_id++;
	harness_append(log_path, line);
}

/* Waits for a commit after this one; returns the newest sequence that is known. */
static uint64_t wait_commit(uint64_t after)
{
	struct figures_signal signal = { .sequence = 0 };

	while (signal.sequence <= after) {
		harness_assert(&h, harness_next_signal(&h, &signal, COMMIT_MS),
			       "no commit after %llu", (unsigned long long)after);
	}
	return signal.sequence;
}

/* ── the watcher ─────────────────────────────────────────────────────────────────────────────── */

static void watch_begin(void)
{
	char since[32 + FEED_NAME_MAX];

	/* The lines of a commit come at once, so both are right. */
	if (watch.figures.sequence > 0 && chance(2) == 0)
		(void)snprintf(since, sizeof(since), "%llu:%s",
			       (unsigned long long)watch.figures.sequence, watch.figure);
	else
		(void)snprintf(since, sizeof(since), "%llu",
			       (unsigned long long)watch.figures.sequence);
	CTL_BEGIN(&h, &watch.process, "--json", "watch", "--since", since);
}

static double number_of(const json_t *change, const char *key)
{
	const json_t *value = json_object_get(change, key);

	ck_assert_ptr_nonnull(value);
	return json_is_null(value) ? (double)NAN : json_number_value(value);
}

static void keep_line(const char *line)
{
	size_t size = strlen(line);

	if (watch.size + size + 1 > watch.room) {
		watch.room = 2 * (watch.size + size + 1);
		watch.text = realloc(watch.text, watch.room);
		ck_assert_ptr_nonnull(watch.text);
	}
	memcpy(watch.text + watch.size, line, size);
	watch.size += size;
	watch.text[watch.size++] = '\n';
}

/* It must be the next one: of the same commit with a greater name, or the first of the next one. */
static void check_line(const char *line)
{
	json_t *change = json_loads(line, 0, NULL);
	const char *figure = json_string_value(json_object_get(change, "figure"));
	uint64_t sequence = (uint64_t)json_integer_value(json_object_get(change, "sequence"));
	double *value;

	harness_assert(&h, figure != NULL, "no change: %s", line);
	harness_assert(
		&h,
		sequence == watch.figures.sequence + 1 ||
			(sequence == watch.figures.sequence && strcmp(figure, watch.figure) > 0),
		"after %llu %s came: %s", (unsigned long long)watch.figures.sequence, watch.figure,
		line);
	value = feed_value(&watch.figures, figure);
	harness_assert(&h, feed_same(*value, number_of(change, "old")), "it was %g before: %s",
		       *value, line);
	*value = number_of(change, "new");
	watch.figures.sequence = sequence;
	(void)snprintf(watch.figure, sizeof(watch.figure), "%s", figure);
	watch.lines++;
	keep_line(line);
	json_decref(change);
}

/* What has come so far, waiting at most so long for the first line. */
static void watch_drain(int wait_ms)
{
	const char *line = process_line(&watch.process, wait_ms);

	for (; line != NULL; line = process_line(&watch.process, 0))
		check_line(line);
}

static void watch_kill(void)
{
	ck_assert_int_eq(process_end(&watch.process, SIGKILL), 128 + SIGKILL);
	watch_drain(0);
	process_done(&watch.process);
	watch.kills++;
	watch.stopped = false;
}

static void watch_stop(bool stopped)
{
	ck_assert_int_eq(kill(watch.process.pid, stopped ? SIGSTOP : SIGCONT), 0);
	watch.stops += stopped;
	watch.stopped = stopped;
}

/* One that began just when there was no daemon says so and ends with 3; nothing else ends it. */
static void watch_revive(void)
{
	int code = watch.stopped ? -1 : process_wait(&watch.process, 0);

	if (code < 0)
		return;
	harness_assert(&h, code == 3, "the watcher ended with %d", code);
	watch_drain(0);
	process_done(&watch.process);
	watch.refusals++;
	watch_begin();
}

/* Kills it, stops it, lets it go on, or nothing. */
static void watch_disturb(uint64_t sequence)
{
	unsigned long what = chance(128);

	if (what == 0) {
		watch_kill(); /* stopped or not */
		watch_begin();
	} else if (what <= 2 && !watch.stopped) {
		watch_stop(true);
		/* For some commits; or for so many that more is sent to it than a socket holds. */
		watch.wakes_at = sequence + (chance(8) == 0 ? 300 : 1 + chance(40));
	} else if (watch.stopped && sequence >= watch.wakes_at) {
		watch_stop(false);
	}
	if (!watch.stopped)
		watch_drain(0);
}

/* ── the run ─────────────────────────────────────────────────────────────────────────────────── */

/* Kill, orderly end, or the loss of the bus, which the daemon survives; a line is written in
   between. Returns the sequence. */
static uint64_t restart_daemon(unsigned long number, uint64_t sequence)
{
	bool bus = number == DAEMON_RESTARTS / 2;

	if (bus)
		harness_bus_restart(&h);
	else if (number % 2 == 0)
		ck_assert_int_eq(harness_daemon_end(&h, SIGKILL), 128 + SIGKILL);
	else
		ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
	append_line();
	if (!bus)
		harness_daemon(&h);
	watch.restarts++;
	watch_revive();
	while (harness_sequence(&h) <= sequence)
		(void)harness_next_signal(&h, &(struct figures_signal){ 0 }, 50);
	return harness_sequence(&h);
}

static void expect_all_seen(uint64_t sequence)
{
	long long end = process_now_ms() + COMMIT_MS;

	if (watch.stopped)
		watch_stop(false);
	while (watch.figures.sequence < sequence) {
		harness_assert(&h, process_now_ms() < end, "the watcher is at %llu of %llu",
			       (unsigned long long)watch.figures.sequence,
			       (unsigned long long)sequence);
		watch_drain(100);
		watch_revive();
	}
	watch_drain(200);
	ck_assert_uint_eq(watch.figures.sequence, sequence);
}

/* One that nobody disturbs prints the same, byte for byte. */
static void expect_same_as_undisturbed(void)
{
	struct process other;
	size_t at = 0;

	CTL_BEGIN(&h, &other, "--json", "watch", "--since", "0");
	while (at < watch.size) {
		const char *line = process_line(&other, COMMIT_MS);
		size_t size;

		harness_assert(&h, line != NULL, "the undisturbed watcher printed less");
		size = strlen(line);
		harness_assert(&h,
			       at + size < watch.size && memcmp(watch.text + at, line, size) == 0 &&
				       watch.text[at + size] == '\n',
			       "undisturbed: %s\ndisturbed: %.*s", line,
			       (int)strcspn(watch.text + at, "\n"), watch.text + at);
		at += size + 1;
	}
	process_done(&other);
}

static void expect_figures_reached(void)
{
	struct feed_figures now;

	feed_snapshot(&h, &now);
	ck_assert_uint_eq(now.sequence, watch.figures.sequence);
	for (size_t i = 0; i < now.count; i++)
		harness_assert(&h,
			       feed_same(*feed_value(&watch.figures, now.items[i].name),
					 now.items[i].value),
			       "%s", now.items[i].name);
}

static void set_up(void)
{
	next_id = 0;
	memset(&watch, 0, sizeof(watch));
	harness_start(&h);
	harness_plugin(&h, "boat_sightings");
	harness_file(&h, "sightings.csv", SIGHTINGS_HEADER, log_path);
	harness_config(&h, "sea.conf", "[source sea]\nplugin = boat_sightings\nlog = %s\n",
		       log_path);
	harness_daemon(&h);
	harness_wait_source(&h, "sea", "idle");
}

static void tear_down(void)
{
	process_done(&watch.process);
	free(watch.text);
	harness_stop(&h);
}

START_TEST(a_watcher_killed_and_stopped_at_random_misses_and_repeats_nothing)
{
	unsigned long commits = from_environment("STRAIT_FEED_COMMITS", COMMITS),
		      seed = from_environment("STRAIT_FEED_SEED", (unsigned long)process_now_ms() ^
									  (unsigned long)getpid()
										  << 20),
		      restarts = 0;
	long long begun = process_now_ms();
	uint64_t sequence = harness_sequence(&h);

	choice = seed | 1;
	fprintf(stderr, "test_feed: STRAIT_FEED_COMMITS=%lu STRAIT_FEED_SEED=%lu\n", commits, seed);
	watch_begin();
	while (sequence < commits) {
		append_line();
		sequence = wait_commit(sequence);
		watch_disturb(sequence);
		if (sequence > (restarts + 1) * commits / (DAEMON_RESTARTS + 1) &&
		    restarts < DAEMON_RESTARTS)
			sequence = restart_daemon(++restarts, sequence);
	}
	expect_all_seen(harness_sequence(&h));
	fprintf(stderr,
		"test_feed: %llu commits, %lu changes, %lu watchers killed, %lu stopped, daemon "
		"restarted %lu times, %lu watchers found none, %lld ms\n",
		(unsigned long long)watch.figures.sequence, watch.lines, watch.kills, watch.stops,
		watch.restarts, watch.refusals, process_now_ms() - begun);
	expect_figures_reached();
	expect_same_as_undisturbed();
}
END_TEST

START_TEST(a_snapshot_and_the_changes_after_it_give_the_next_snapshot)
{
	struct feed_figures client, fresh;
	uint64_t sequence;

	choice = 20261124;
	feed_snapshot(&h, &client);
	for (int round = 0; round < 60; round++) {
		sequence = harness_sequence(&h);
		for (unsigned long i = chance(12); i > 0; i--)
			append_line(); /* not waited for: commits go on while we ask */
		if (chance(4) == 0) {
			append_line();
			(void)wait_commit(sequence);
		}
		feed_snapshot(&h, &fresh);
		feed_advance(&h, &client, fresh.sequence, (unsigned int)(1 + chance(40)));
		ck_assert_uint_eq(client.count, fresh.count);
		for (size_t i = 0; i < fresh.count; i++)
			harness_assert(&h,
				       feed_same(*feed_value(&client, fresh.items[i].name),
						 fresh.items[i].value),
				       "%s at %llu", fresh.items[i].name,
				       (unsigned long long)fresh.sequence);
		if (chance(5) == 0)
			client = fresh; /* a new client */
	}
	ck_assert_uint_gt(client.sequence, 10);
}
END_TEST

/* ── what is not kept any more ───────────────────────────────────────────────────────────────── */

static void reload(const char *section)
{
	struct output output;

	harness_config(&h, "feed.conf", "[straitd]\n%s\n", section);
	CTL(&h, &output, "reload");
	harness_assert(&h, output.code == 0, "%s", output.err);
	output_done(&output);
}

/* Some commits; returns the last one's sequence. */
static uint64_t commit_some(int count)
{
	uint64_t sequence = harness_sequence(&h);

	for (int i = 0; i < count; i++) {
		append_line();
		sequence = wait_commit(sequence);
	}
	return sequence;
}

static void wait_expired(uint64_t after)
{
	long long end = process_now_ms() + HARNESS_DEADLINE_MS;
	struct figures_signal signal;

	while (!feed_expired(&h, after)) {
		harness_assert(&h, process_now_ms() < end, "changes after %llu are still kept",
			       (unsigned long long)after);
		(void)harness_next_signal(&h, &signal, 100);
	}
}

START_TEST(changes_older_than_change_retention_are_forgotten)
{
	uint64_t sequence = commit_some(5);

	ck_assert(!feed_expired(&h, 0));
	reload("change_retention = 1s");
	wait_expired(0);
	ck_assert(!feed_expired(&h, sequence)); /* whoever has read everything goes on */
	ck_assert_uint_eq(commit_some(1), sequence + 1);
	ck_assert_int_eq(harness_daemon_end(&h, SIGKILL), 128 + SIGKILL);
	harness_daemon(&h);
	ck_assert_uint_ge(harness_sequence(&h), sequence + 1); /* it goes on after a restart too */
	ck_assert_uint_gt(commit_some(1), sequence + 1);
}
END_TEST

START_TEST(no_more_rows_than_change_limit_are_kept)
{
	uint64_t sequence;

	(void)commit_some(5);
	reload("change_limit = 30");
	wait_expired(0);
	sequence = commit_some(20);
	ck_assert(feed_expired(&h, sequence - 20));
	ck_assert(!feed_expired(&h, sequence - 1));
	ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
	harness_daemon(&h);
	ck_assert(feed_expired(&h, sequence - 20));
	ck_assert_uint_ge(harness_sequence(&h), sequence);
}
END_TEST

START_TEST(an_expired_sequence_ends_the_watch_with_a_way_out)
{
	struct output output;

	(void)commit_some(5);
	reload("change_limit = 1");
	wait_expired(0);
	CTL(&h, &output, "--json", "watch", "--since", "0");
	ck_assert_int_eq(output.code, 1);
	ck_assert_str_eq(output.out, "");
	harness_assert(&h, strstr(output.err, "--resync") != NULL && strstr(output.err, "list"),
		       "%s", output.err);
	output_done(&output);
}
END_TEST

START_TEST(resync_prints_all_figures_and_goes_on)
{
	struct feed_figures fresh;
	size_t count = 0;
	uint64_t sequence = commit_some(5);
	const char *line;

	reload("change_limit = 1");
	wait_expired(0);
	feed_snapshot(&h, &fresh);
	ck_assert_uint_eq(fresh.sequence, sequence);
	CTL_BEGIN(&h, &watch.process, "--json", "watch", "--since", "0", "--resync");
	for (; count < fresh.count; count++) {
		json_t *change;

		line = process_line(&watch.process, COMMIT_MS);
		harness_assert(&h, line != NULL, "%zu figures of %zu", count, fresh.count);
		change = json_loads(line, 0, NULL);
		ck_assert_str_eq(json_string_value(json_object_get(change, "cause")), "snapshot");
		ck_assert_int_eq(json_integer_value(json_object_get(change, "sequence")),
				 (json_int_t)sequence);
		ck_assert(json_is_null(json_object_get(change, "old")));
		*feed_value(&watch.figures, json_string_value(json_object_get(change, "figure"))) =
			number_of(change, "new");
		json_decref(change);
	}
	ck_assert_uint_eq(watch.figures.count, fresh.count);
	watch.figures.sequence = sequence;
	append_line();
	sequence = wait_commit(sequence);
	watch_drain(COMMIT_MS); /* old of each is what the snapshot said */
	ck_assert_uint_eq(watch.figures.sequence, sequence);
}
END_TEST

/* ── single mishaps ──────────────────────────────────────────────────────────────────────────── */

START_TEST(a_watcher_survives_the_loss_of_the_bus_and_says_so_once)
{
	char path[HARNESS_PATH_MAX], *said;
	const char *first, *second;
	uint64_t sequence;
	int err;

	harness_file(&h, "watch.err", "", path);
	err = dup(STDERR_FILENO);
	ck_assert_ptr_nonnull(freopen(path, "a", stderr));
	watch_begin();
	(void)dup2(err, STDERR_FILENO);
	(void)close(err);
	(void)commit_some(3);
	expect_all_seen(harness_sequence(&h));
	watch_stop(_i == 1); /* perhaps it only hears of it afterwards */
	harness_bus_restart(&h);
	append_line();
	sequence = watch.figures.sequence;
	while (harness_sequence(&h) <= sequence)
		(void)harness_next_signal(&h, &(struct figures_signal){ 0 }, 50);
	expect_all_seen(harness_sequence(&h));
	said = harness_read(&h, path);
	first = strstr(said, "waiting");
	harness_assert(&h, first != NULL, "it said nothing of the bus: %s", said);
	second = strstr(first + 1, "waiting");
	harness_assert(&h, second == NULL, "it said so more than once: %s", said);
	harness_assert(&h, strstr(said, "is back") != NULL, "%s", said);
	free(said);
}
END_TEST

static void set_up_forgetful_bus(void)
{
	(void)setenv(PRIVATE_BUS_OUTGOING, "20000", 1);
	set_up();
}

/* All lines are committed. */
static void settle(void)
{
	struct figures_signal signal;

	while (harness_source_number(&h, "sea", "Accepted") < (double)next_id)
		(void)harness_next_signal(&h, &signal, 50);
}

START_TEST(signals_that_the_bus_dropped_are_made_up_for)
{
	uint64_t sequence;

	watch_begin();
	(void)commit_some(3);
	for (int round = 0; round < 3; round++) {
		settle();
		expect_all_seen(harness_sequence(&h));
		watch_stop(true);
		sequence = commit_some(1500);
		watch_stop(false);
		/* It reads what waited while more comes, the last of it dropped perhaps. */
		for (int i = 0; i < 40; i++)
			append_line();
		(void)wait_commit(sequence);
	}
	settle();
	expect_all_seen(harness_sequence(&h));
}
END_TEST

START_TEST(since_a_figure_prints_the_rest_of_that_commit)
{
	uint64_t sequence = commit_some(2);
	char since[32 + FEED_NAME_MAX], first[FEED_NAME_MAX];
	struct output output;
	json_t *change;
	const char *line;

	(void)snprintf(since, sizeof(since), "%llu", (unsigned long long)sequence - 1);
	CTL_BEGIN(&h, &watch.process, "--json", "watch", "--since", since);
	line = process_line(&watch.process, COMMIT_MS);
	ck_assert_ptr_nonnull(line);
	change = json_loads(line, 0, NULL);
	(void)snprintf(first, sizeof(first), "%s",
		       json_string_value(json_object_get(change, "figure")));
	json_decref(change);
	process_done(&watch.process);
	(void)snprintf(since, sizeof(since), "%llu:%s", (unsigned long long)sequence, first);
	CTL_BEGIN(&h, &watch.process, "--json", "watch", "--since", since);
	line = process_line(&watch.process, COMMIT_MS);
	ck_assert_ptr_nonnull(line);
	change = json_loads(line, 0, NULL);
	ck_assert_int_eq(json_integer_value(json_object_get(change, "sequence")),
			 (json_int_t)sequence);
	ck_assert_str_gt(json_string_value(json_object_get(change, "figure")), first);
	json_decref(change);
	CTL(&h, &output, "watch", "--since", "5:");
	ck_assert_int_eq(output.code, 2);
	output_done(&output);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feed");
	TCase *tests = tcase_create("feed"), *forgetful = tcase_create("forgetful bus");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 600);
	tcase_add_checked_fixture(forgetful, set_up_forgetful_bus, tear_down);
	tcase_set_timeout(forgetful, 120);
	tcase_add_test(forgetful, signals_that_the_bus_dropped_are_made_up_for);
	tcase_add_test(tests, a_watcher_killed_and_stopped_at_random_misses_and_repeats_nothing);
	tcase_add_test(tests, a_snapshot_and_the_changes_after_it_give_the_next_snapshot);
	tcase_add_test(tests, changes_older_than_change_retention_are_forgotten);
	tcase_add_test(tests, no_more_rows_than_change_limit_are_kept);
	tcase_add_test(tests, an_expired_sequence_ends_the_watch_with_a_way_out);
	tcase_add_test(tests, resync_prints_all_figures_and_goes_on);
	tcase_add_loop_test(tests, a_watcher_survives_the_loss_of_the_bus_and_says_so_once, 0, 2);
	tcase_add_test(tests, since_a_figure_prints_the_rest_of_that_commit);
	suite_add_tcase(suite, tests);
	suite_add_tcase(suite, forgetful);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
