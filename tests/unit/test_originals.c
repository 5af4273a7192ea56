/* SPDX-License-Identifier: MIT
 *
 * test_originals.c - kept originals: what went in comes out, bounds, what a crash leaves behind.
 * The archiver is this program itself: spawn_archiver() runs /proc/self/exe.
 */
#include <check.h>
#include <dirent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nettle/sha2.h>
#include <zstd.h>

#include "archiver.h"
#include "log.h"
#include "originals.h"
#include "process.h"

#define DEADLINE_S 20
#define DAY_MS	   INT64_C(86400000)

static char root[64], logged[8192];
static struct event_base *base;
static struct originals *originals;
static struct fault fault;

static void on_log(void *context, int level, enum log_token token, const char *source,
		   const char *text)
{
	size_t used = strlen(logged);

	(void)context, (void)level, (void)token, (void)source;
	(void)snprintf(logged + used, sizeof(logged) - used, "%s\n", text);
}

static void open_originals(void)
{
	originals = originals_new(base, root);
	ck_assert_ptr_nonnull(originals);
}

static void set_up(void)
{
	(void)snprintf(root, sizeof(root), "/tmp/test_originals.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	logged[0] = '\0';
	log_set_sink(on_log, NULL);
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	open_originals();
}

static void tear_down(void)
{
	struct output output;

	originals = originals_free(originals);
	event_base_free(base);
	log_set_sink(NULL, NULL);
	RUN(&output, "rm", "-rf", root);
	output_done(&output);
}

/* ── documents ─────────────────────────────────────────────────────────────────────────────── */

struct document {
	char path[128];
	uint8_t sha256[SHA256_BYTES];
};

/* size bytes that do not compress, made from the name. */
static struct document document(const char *name, size_t size)
{
	struct document made;
	struct sha256_ctx hash;
	unsigned int state = (unsigned char)name[0] * 7919u;
	unsigned char *data = malloc(size + 1);
	FILE *file;

	ck_assert_ptr_nonnull(data);
	for (size_t i = 0; i < size; i++) {
		state = state * 1103515245u + 12345u;
		data[i] = (unsigned char)(state >> 16);
	}
	(void)snprintf(made.path, sizeof(made.path), "%s/%s", root, name);
	file = fopen(made.path, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(data, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
	sha256_init(&hash);
	sha256_update(&hash, size, data);
	sha256_digest(&hash, SHA256_BYTES, made.sha256);
	free(data);
	return made;
}

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
	(void)fd, (void)what, (void)context;
	ck_abort_msg("nothing happened in time; the log: %s", logged);
}

static bool is_pending(void)
{
	char path[128];
	struct dirent *entry;
	bool found = false;
	DIR *directory;

	(void)snprintf(path, sizeof(path), "%s/originals/pending", root);
	directory = opendir(path);
	ck_assert_ptr_nonnull(directory);
	while ((entry = readdir(directory)))
		found = found || entry->d_name[0] != '.';
	(void)closedir(directory);
	return found;
}

/* Turns the loop until everything pending was dealt with. */
static void wait_done(void)
{
	struct event *deadline = evtimer_new(base, on_deadline, NULL);
	const struct timeval in = { .tv_sec = DEADLINE_S };

	ck_assert_int_eq(evtimer_add(deadline, &in), 0);
	while (is_pending())
		ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
	(void)event_base_loop(base, EVLOOP_NONBLOCK); /* timers that were set */
	event_free(deadline);
}

static void keep(const struct document *made)
{
	originals_keep(originals, made->path, made->sha256);
	wait_done();
}

/* The kept content equals the file. */
static void check_content(const struct document *made)
{
	static char compressed[1 << 20], data[1 << 20], file[1 << 20];
	int fd = -1, from = open(made->path, O_RDONLY | O_CLOEXEC);
	ssize_t size, wanted = read(from, file, sizeof(file));
	size_t got;

	ck_assert_msg(originals_open(originals, made->sha256, &fd, &fault) == 0, "%s", fault.text);
	size = read(fd, compressed, sizeof(compressed));
	ck_assert_int_gt(size, 0);
	got = ZSTD_decompress(data, sizeof(data), compressed, (size_t)size);
	ck_assert_msg(!ZSTD_isError(got), "%s", ZSTD_getErrorName(got));
	ck_assert_int_eq((ssize_t)got, wanted);
	ck_assert_mem_eq(data, file, got);
	ck_assert_int_lt(write(fd, "x", 1), 0); /* read-only */
	(void)close(fd);
	(void)close(from);
}

static void kept_path(const struct document *made, char *path, size_t size)
{
	char text[2 * SHA256_BYTES + 1];

	for (size_t i = 0; i < SHA256_BYTES; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", made->sha256[i]);
	(void)snprintf(path, size, "%s/originals/%.2s/%s.zst", root, text, text);
}

/* ── tests ─────────────────────────────────────────────────────────────────────────────────── */

START_TEST(keeps_what_was_there)
{
	struct document made = document("a", (size_t)_i);
	struct stat status;
	char path[256];

	originals_limit(originals, 1 << 30, DAY_MS);
	ck_assert(!originals_has(originals, made.sha256));
	keep(&made);
	ck_assert_msg(originals_has(originals, made.sha256), "%s", logged);
	check_content(&made);
	kept_path(&made, path, sizeof(path));
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0600);
	ck_assert_uint_eq(originals_bytes(originals), (uint64_t)status.st_size);
	ck_assert_int_eq(access(made.path, F_OK), 0);
}
END_TEST

START_TEST(what_is_not_kept_is_told)
{
	uint8_t hash[SHA256_BYTES] = { 1 };
	int fd = -1;

	ck_assert_int_eq(originals_open(originals, hash, &fd, &fault), -1);
	ck_assert_int_eq(fault.kind, FAULT_BAD_ARGUMENT);
	ck_assert_ptr_nonnull(strstr(fault.text, "not kept"));
}
END_TEST

START_TEST(the_oldest_goes_when_the_bound_is_hit)
{
	struct document a = document("a", 1000), b = document("b", 1000), c = document("c", 1000);

	originals_limit(originals, 2500, DAY_MS);
	keep(&a);
	keep(&b);
	keep(&c);
	ck_assert(!originals_has(originals, a.sha256));
	ck_assert(originals_has(originals, b.sha256) && originals_has(originals, c.sha256));
	ck_assert_uint_le(originals_bytes(originals), 2500);
}
END_TEST

START_TEST(an_import_again_makes_it_the_newest)
{
	struct document a = document("a", 1000), b = document("b", 1000), c = document("c", 1000);

	originals_limit(originals, 2500, DAY_MS);
	keep(&a);
	keep(&b);
	keep(&a);
	keep(&c);
	ck_assert(originals_has(originals, a.sha256) && originals_has(originals, c.sha256));
	ck_assert(!originals_has(originals, b.sha256));
}
END_TEST

START_TEST(what_is_larger_than_the_bound_is_not_kept_and_told_once)
{
	struct document a = document("a", 5000), b = document("b", 5000), c = document("c", 100);
	const char *told;

	originals_limit(originals, 2500, DAY_MS);
	keep(&c);
	keep(&a);
	keep(&b);
	ck_assert(!originals_has(originals, a.sha256) && !originals_has(originals, b.sha256));
	ck_assert(originals_has(originals, c.sha256));
	told = strstr(logged, "larger than keep_originals");
	ck_assert_ptr_nonnull(told);
	ck_assert_ptr_null(strstr(told + 1, "larger than keep_originals"));
}
END_TEST

START_TEST(a_bound_of_zero_keeps_none_and_deletes)
{
	struct document a = document("a", 1000), b = document("b", 1000);

	originals_limit(originals, 1 << 20, DAY_MS);
	keep(&a);
	originals_limit(originals, 0, DAY_MS);
	ck_assert(!originals_has(originals, a.sha256));
	ck_assert_uint_eq(originals_bytes(originals), 0);
	originals_keep(originals, b.path, b.sha256);
	ck_assert(!is_pending());
}
END_TEST

START_TEST(old_ones_go_with_time)
{
	struct document a = document("a", 1000), b = document("b", 1000);
	const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	char path[256];

	originals_limit(originals, 1 << 20, DAY_MS);
	keep(&a);
	keep(&b);
	kept_path(&a, path, sizeof(path));
	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
	originals = originals_free(originals);
	open_originals();
	originals_limit(originals, 1 << 20, DAY_MS);
	ck_assert(!originals_has(originals, a.sha256));
	ck_assert(originals_has(originals, b.sha256));
}
END_TEST

START_TEST(a_start_counts_what_is_there_in_its_order)
{
	struct document made[] = { document("a", 1000), document("b", 1000), document("c", 1000) };
	const struct document *older = &made[_i], *newer = &made[1 - _i];
	uint64_t bytes;

	originals_limit(originals, 1 << 20, DAY_MS);
	keep(older);
	keep(newer);
	bytes = originals_bytes(originals);
	originals = originals_free(originals);
	open_originals();
	ck_assert_uint_eq(originals_bytes(originals), bytes);
	originals_limit(originals, 2500, DAY_MS);
	keep(&made[2]);
	ck_assert(!originals_has(originals, older->sha256));
	ck_assert(originals_has(originals, newer->sha256));
	ck_assert(originals_has(originals, made[2].sha256));
}
END_TEST

START_TEST(what_a_crash_left_half_written_is_removed)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/originals/.being-kept", root);
	originals = originals_free(originals);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs("half", file), 0);
	ck_assert_int_eq(fclose(file), 0);
	open_originals();
	ck_assert_int_lt(access(path, F_OK), 0);
	ck_assert_uint_eq(originals_bytes(originals), 0);
}
END_TEST

/* The daemon ended while the archiver was at work, or before it was started. */
START_TEST(what_was_pending_is_kept_after_a_restart)
{
	struct document a = document("a", 200000), b = document("b", 1000);

	originals_limit(originals, 1 << 20, DAY_MS);
	originals_keep(originals, a.path, a.sha256);
	originals_keep(originals, b.path, b.sha256);
	originals = originals_free(originals);
	ck_assert(is_pending());
	open_originals();
	originals_limit(originals, 1 << 20, DAY_MS);
	wait_done();
	check_content(&a);
	check_content(&b);
}
END_TEST

/* The daemon ended after the document's move to done/, before it said so. */
START_TEST(what_was_expected_is_kept_after_a_restart)
{
	struct document a = document("a", 1000);
	char incoming[160];

	(void)snprintf(incoming, sizeof(incoming), "%s.incoming", a.path);
	ck_assert_int_eq(rename(a.path, incoming), 0);
	originals_limit(originals, 1 << 20, DAY_MS);
	originals_expect(originals, a.path, a.sha256);
	ck_assert_int_eq(rename(incoming, a.path), 0);
	originals = originals_free(originals);
	open_originals();
	originals_limit(originals, 1 << 20, DAY_MS);
	wait_done();
	check_content(&a);
}
END_TEST

/* Kills the only child of this process. */
static void kill_archiver(void)
{
	char path[64];
	FILE *file;
	int pid = 0;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%d", &pid), 1);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_gt(pid, 1);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
}

START_TEST(a_killed_archiver_is_tried_once_more)
{
	struct document a = document("a", 200000);

	originals_limit(originals, 1 << 20, DAY_MS);
	originals_keep(originals, a.path, a.sha256);
	kill_archiver();
	wait_done();
	check_content(&a);
	ck_assert_ptr_nonnull(strstr(logged, "trying once more"));
}
END_TEST

START_TEST(a_document_that_changed_is_not_kept_as_what_it_was)
{
	struct document a = document("a", 1000), b = document("b", 1000);

	originals_limit(originals, 1 << 20, DAY_MS);
	originals_keep(originals, b.path, a.sha256);
	wait_done();
	ck_assert(!originals_has(originals, a.sha256));
	ck_assert_ptr_nonnull(strstr(logged, "changed after it was imported"));
	ck_assert_uint_eq(originals_bytes(originals), 0);
}
END_TEST

START_TEST(a_document_that_went_is_passed_over)
{
	struct document a = document("a", 1000), b = document("b", 1000);

	originals_limit(originals, 1 << 20, DAY_MS);
	ck_assert_int_eq(unlink(a.path), 0);
	keep(&a);
	keep(&b);
	ck_assert(!originals_has(originals, a.sha256) && originals_has(originals, b.sha256));
}
END_TEST

START_TEST(without_a_directory_nothing_is_kept_and_all_else_works)
{
	struct document a = document("a", 1000);
	char path[128];

	originals = originals_free(originals);
	(void)snprintf(path, sizeof(path), "%s/no/such", root);
	originals = originals_new(base, path);
	ck_assert_ptr_nonnull(originals);
	originals_limit(originals, 1 << 20, DAY_MS);
	originals_keep(originals, a.path, a.sha256);
	ck_assert(!originals_has(originals, a.sha256));
	ck_assert_ptr_nonnull(strstr(logged, "originals are not kept"));
}
END_TEST

static int run_tests(void)
{
	Suite *suite = suite_create("originals");
	TCase *tests = tcase_create("originals");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, keeps_what_was_there, 0, 3);
	tcase_add_loop_test(tests, keeps_what_was_there, 400000, 400001);
	tcase_add_test(tests, what_is_not_kept_is_told);
	tcase_add_test(tests, the_oldest_goes_when_the_bound_is_hit);
	tcase_add_test(tests, an_import_again_makes_it_the_newest);
	tcase_add_test(tests, what_is_larger_than_the_bound_is_not_kept_and_told_once);
	tcase_add_test(tests, a_bound_of_zero_keeps_none_and_deletes);
	tcase_add_test(tests, old_ones_go_with_time);
	tcase_add_loop_test(tests, a_start_counts_what_is_there_in_its_order, 0, 2);
	tcase_add_test(tests, what_a_crash_left_half_written_is_removed);
	tcase_add_test(tests, what_was_pending_is_kept_after_a_restart);
	tcase_add_test(tests, what_was_expected_is_kept_after_a_restart);
	tcase_add_test(tests, a_killed_archiver_is_tried_once_more);
	tcase_add_test(tests, a_document_that_changed_is_not_kept_as_what_it_was);
	tcase_add_test(tests, a_document_that_went_is_passed_over);
	tcase_add_test(tests, without_a_directory_nothing_is_kept_and_all_else_works);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	return argc == 3 && strcmp(argv[1], "--archiver") == 0 ? archiver_main(argv[2])
							       : run_tests();
}
