/* SPDX-License-Identifier: MIT
 *
 * test_damage.c - a store that is not what was written to it: it is set aside as it is, a new one
 * is made and rebuilt from documents and kept originals, and everything it says afterwards is what
 * it said before, as of every date; or nothing that it says is different. Test program.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "documents.h"
#include "store_internal.h"

#define PAGE	   4096
#define WAL_HEADER 32
#define WAL_FRAME  (24 + PAGE)
#define FLIPS	   20 /* $FLIPS says otherwise */

static const char *const as_of_dates[] = { "2020-05-01", "2020-10-01", "2026-07-09", "2026-07-11",
					   NULL };

static void path_of(const struct harness *h, const char *suffix, char path[HARNESS_PATH_MAX])
{
	(void)snprintf(path, HARNESS_PATH_MAX, "%.200s/straitd.db%s", h->state, suffix);
}

static void wait_until_read(struct harness *h)
{
	char path[HARNESS_PATH_MAX];

	for (int source = 0; source < DOCUMENTS_SOURCES; source++) {
		for (int i = 0; i < DOCUMENTS_RELEASES; i++)
			harness_wait_path(h,
					  harness_spool_path(h, documents[source][i].source, "done",
							     documents[source][i].name, path),
					  true);
		harness_wait_source(h, documents[source][0].source, "idle");
	}
}

static void fill(struct harness *h)
{
	harness_start(h);
	documents_configure(h);
	for (int source = 0; source < DOCUMENTS_SOURCES; source++) {
		harness_make_spool(h, documents[source][0].source);
		for (int i = 0; i < DOCUMENTS_RELEASES; i++)
			harness_drop(h, documents[source][i].source, documents[source][i].name,
				     documents[source][i].text);
	}
	harness_daemon(h);
	wait_until_read(h);
}

/* Figures and versions as they are now, and the figures as of some dates. */
static char *answers(struct harness *h)
{
	char *now = harness_snapshot(h, documents_versions), *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	fputs(now, out);
	free(now);
	for (size_t i = 0; as_of_dates[i] != NULL; i++) {
		struct output output;

		CTL(h, &output, "get", "arrivals.people.latest", "arrivals.people.year_to_date",
		    "arrivals.people.record", "referrals.blocked", "referrals.requested",
		    "sightings.people.latest", "sightings.boats.latest", "--as-of", as_of_dates[i]);
		fprintf(out, "as of %s (%d):\n%s%s", as_of_dates[i], output.code, output.out,
			output.err);
		output_done(&output);
	}
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

static void assert_same(struct harness *h, const char *got, const char *expected, const char *what)
{
	if (strcmp(got, expected) != 0)
		harness_fail(h, "%s: it says\n%sand should say\n%s", what, got, expected);
}

/* The one file beside the store that was set aside; "" when there is none. */
static void find_aside(struct harness *h, char path[HARNESS_PATH_MAX])
{
	DIR *directory = opendir(h->state);
	struct dirent *entry;

	ck_assert_ptr_nonnull(directory);
	path[0] = '\0';
	while ((entry = readdir(directory)) != NULL) {
		size_t length = strlen(entry->d_name);

		if (strncmp(entry->d_name, "straitd.db.damaged-", 19) == 0 &&
		    strcmp(entry->d_name + length - 4, "-wal") != 0 &&
		    strcmp(entry->d_name + length - 4, "-shm") != 0)
			(void)snprintf(path, HARNESS_PATH_MAX, "%.150s/%.80s", h->state,
				       entry->d_name);
	}
	(void)closedir(directory);
}

static bool was_set_aside(struct harness *h)
{
	char path[HARNESS_PATH_MAX];

	find_aside(h, path);
	return path[0] != '\0';
}

static void wait_rebuilt(struct harness *h)
{
	harness_wait_log(h, "the store is rebuilt, in");
	wait_until_read(h);
}

/* ── what is done to the file ───────────────────────────────────────────────────────────────────
 */

static void overwrite(const char *path, off_t at, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, data, size, at), (ssize_t)size);
	(void)close(fd);
}

static void flip(const char *path, off_t at, unsigned char bits)
{
	unsigned char byte;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	byte ^= bits;
	ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	(void)close(fd);
}

static off_t size_of(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 ? status.st_size : 0;
}

static void flip_header(const char *path)
{
	flip(path, 3, 0x20);
}

static void flip_tree(const char *path)
{
	for (off_t at = PAGE + 8; at < size_of(path); at += PAGE)
		flip(path, at, 0x41);
}

static void zero_pages(const char *path)
{
	static const char zeros[PAGE];

	for (off_t at = 2 * PAGE; at < size_of(path); at += PAGE)
		overwrite(path, at, zeros, PAGE);
}

static void cut_in_half(const char *path)
{
	ck_assert_int_eq(truncate(path, size_of(path) / 2 / PAGE * PAGE), 0);
}

static void cut_mid_page(const char *path)
{
	ck_assert_int_eq(truncate(path, size_of(path) / 2 + 100), 0);
}

static void make_empty(const char *path)
{
	ck_assert_int_eq(truncate(path, 0), 0);
}

static void make_directory_of_it(const char *path)
{
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void make_text(const char *path)
{
	static const char text[] = "this is a text, and no store\n";

	ck_assert_int_eq(truncate(path, 0), 0);
	overwrite(path, 0, text, sizeof(text) - 1);
}

static void lose_it(const char *path)
{
	ck_assert_int_eq(unlink(path), 0);
}

static void garbage_wal(const char *path)
{
	char wal[HARNESS_PATH_MAX], garbage[512];

	(void)snprintf(wal, sizeof(wal), "%.240s-wal", path);
	ck_assert_int_gt(size_of(wal), PAGE);
	memset(garbage, 0xa5, sizeof(garbage));
	overwrite(wal, 0, garbage, sizeof(garbage));
}

static void flip_log(const char *path)
{
	char wal[HARNESS_PATH_MAX];

	(void)snprintf(wal, sizeof(wal), "%.240s-wal", path);
	flip(wal, WAL_HEADER + size_of(wal) / 2 / WAL_FRAME * WAL_FRAME + 1000, 0x10);
}

static const struct damage {
	const char *name;
	void (*make)(const char *path);
	bool by_kill; /* the WAL is still there */
} damages[] = {
	{ "a flipped bit in the header", flip_header, false },
	{ "flipped bits in every page of a tree", flip_tree, false },
	{ "zeroed pages", zero_pages, false },
	{ "half of it cut off", cut_in_half, false },
	{ "cut off in the middle of a page", cut_mid_page, false },
	{ "an empty file", make_empty, false },
	{ "a directory in its place", make_directory_of_it, false },
	{ "a text file in its place", make_text, false },
	{ "nothing in its place", lose_it, false },
	{ "a garbage log", garbage_wal, true },
	{ "a flipped bit in the middle of the log", flip_log, true },
	{ "an empty file, and the log", make_empty, true },
	{ "nothing in its place, but the log", lose_it, true },
};
#define DAMAGES ((int)(sizeof(damages) / sizeof(damages[0])))

START_TEST(a_damaged_store_is_set_aside_and_rebuilt_to_the_same_answers)
{
	const struct damage *damage = &damages[_i];
	char path[HARNESS_PATH_MAX], aside[HARNESS_PATH_MAX], store[512], key[HARNESS_PATH_MAX];
	char *expected, *got, *key_before, *key_after;
	struct harness h;
	struct output output;
	uint64_t sequence;
	off_t size;

	fill(&h);
	expected = answers(&h);
	sequence = harness_sequence(&h);
	(void)snprintf(key, sizeof(key), "%.200s/identity.key", h.state);
	key_before = harness_read(&h, key);
	ck_assert_int_eq(harness_daemon_end(&h, damage->by_kill ? SIGKILL : SIGTERM),
			 damage->by_kill ? 128 + SIGKILL : 0);
	path_of(&h, "", path);
	damage->make(path);
	size = size_of(path);
	harness_daemon(&h);
	wait_rebuilt(&h);
	got = answers(&h);
	assert_same(&h, got, expected, damage->name);
	/* kept as it was, never overwritten */
	find_aside(&h, aside);
	if (damage->make != lose_it) {
		harness_assert(&h, aside[0] != '\0', "%s: nothing was set aside", damage->name);
		if (damage->make != make_directory_of_it)
			ck_assert_int_eq(size_of(aside), size);
	}
	key_after = harness_read(&h, key);
	ck_assert_str_eq(key_after, key_before);
	/* who watched goes on: told that what it saw last is no more */
	harness_assert(&h, harness_sequence(&h) > sequence, "the sequence went back");
	(void)snprintf(store, sizeof(store), "%llu", (unsigned long long)sequence);
	CTL(&h, &output, "watch", "--since", store);
	harness_assert(&h, output.code != 0 && strstr(output.err, "not kept any more") != NULL,
		       "watch --since: %d %s", output.code, output.err);
	output_done(&output);
	CTL(&h, &output, "status");
	harness_assert(&h, strstr(output.out, "store: rebuilt on ") != NULL, "%s", output.out);
	output_done(&output);
	/* and the next start is an ordinary one */
	ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
	harness_daemon(&h);
	wait_until_read(&h);
	free(got);
	got = answers(&h);
	assert_same(&h, got, expected, "after another start");
	harness_stop(&h);
	free(got);
	free(expected);
	free(key_before);
	free(key_after);
}
END_TEST

static unsigned int count_originals(struct harness *h)
{
	unsigned int count = 0;

	for (int i = 0; i < DOCUMENTS_RELEASES; i++) {
		struct output output;
		char sum[65], path[HARNESS_PATH_MAX], kept[HARNESS_PATH_MAX];

		(void)harness_spool_path(h, "home", "done", documents[2][i].name, path);
		process_run(&output, (const char *const[]){ "/usr/bin/sha256sum", path, NULL });
		(void)snprintf(sum, sizeof(sum), "%.64s", output.out);
		output_done(&output);
		(void)snprintf(kept, sizeof(kept), "%.100s/originals/%.2s/%s.zst", h->state, sum,
			       sum);
		count += access(kept, F_OK) == 0;
	}
	return count;
}

/* Pending ones are done at the next start, too; the wait is for the archiver's child. */
static void wait_originals(struct harness *h, unsigned int wanted)
{
	char pending[HARNESS_PATH_MAX];
	DIR *directory;

	(void)snprintf(pending, sizeof(pending), "%.200s/originals/pending", h->state);
	for (;;) {
		struct dirent *entry;
		char first[HARNESS_PATH_MAX] = "";

		directory = opendir(pending);
		ck_assert_ptr_nonnull(directory);
		while ((entry = readdir(directory)) != NULL)
			if (entry->d_name[0] != '.')
				(void)snprintf(first, sizeof(first), "%.180s/%.70s", pending,
					       entry->d_name);
		(void)closedir(directory);
		if (first[0] == '\0')
			break;
		harness_wait_path(h, first, false);
	}
	ck_assert_uint_eq(count_originals(h), wanted);
}

/* The documents of the source of levels are gone from done/: the kept originals are enough. */
START_TEST(kept_originals_are_enough_to_rebuild_from)
{
	char path[HARNESS_PATH_MAX];
	char *expected, *got;
	struct harness h;

	fill(&h);
	expected = answers(&h);
	wait_originals(&h, DOCUMENTS_RELEASES);
	ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
	for (int i = 0; i < DOCUMENTS_RELEASES; i++)
		ck_assert_int_eq(
			unlink(harness_spool_path(&h, "home", "done", documents[2][i].name, path)),
			0);
	path_of(&h, "", path);
	flip_header(path);
	harness_daemon(&h);
	wait_rebuilt(&h);
	got = answers(&h);
	assert_same(&h, got, expected, "rebuilt from the originals");
	harness_stop(&h);
	free(got);
	free(expected);
}
END_TEST

static void copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char data[65536];
	ssize_t got;

	ck_assert_int_ge(in, 0);
	ck_assert_int_ge(out, 0);
	while ((got = read(in, data, sizeof(data))) > 0)
		ck_assert_int_eq(write(out, data, (size_t)got), got);
	(void)close(in);
	(void)close(out);
}

static void remove_aside(struct harness *h)
{
	char aside[HARNESS_PATH_MAX];

	for (find_aside(h, aside); aside[0] != '\0'; find_aside(h, aside))
		ck_assert_int_eq(unlink(aside), 0);
}

/* Whatever is answered or refused: afterwards every page was read that an answer needs. */
static void ask_everything(struct harness *h)
{
	struct output output;

	for (size_t i = 0; documents_versions[i] != NULL; i++) {
		char metric[64], period[32];

		ck_assert_int_eq(sscanf(documents_versions[i], "%63s %31s", metric, period), 2);
		CTL(h, &output, "versions", metric, period);
		output_done(&output);
	}
	for (size_t i = 0; as_of_dates[i] != NULL; i++) {
		CTL(h, &output, "get", "arrivals.people.record", "referrals.blocked",
		    "sightings.people.latest", "--as-of", as_of_dates[i]);
		output_done(&output);
	}
}

START_TEST(a_flipped_bit_anywhere_changes_no_answer_or_is_found)
{
	char path[HARNESS_PATH_MAX], whole[HARNESS_PATH_MAX];
	const char *wanted = getenv("FLIPS");
	long flips = wanted ? strtol(wanted, NULL, 10) : FLIPS;
	unsigned int random = 20201103, rebuilt = 0;
	char *expected;
	struct harness h;

	fill(&h);
	expected = answers(&h);
	ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
	path_of(&h, "", path);
	path_of(&h, ".whole", whole);
	copy_file(path, whole);
	for (int turn = 0; turn < flips; turn++) {
		char what[64], *got;
		off_t at;

		random = random * 1103515245 + 12345;
		at = (off_t)(random >> 4) % size_of(whole);
		(void)snprintf(what, sizeof(what), "bit %u of byte %lld", random >> 1 & 7,
			       (long long)at);
		copy_file(whole, path);
		flip(path, at, (unsigned char)(1u << (random >> 1 & 7)));
		ck_assert_int_eq(truncate(h.log, 0), 0);
		harness_daemon_begin(&h);
		if (!harness_wait_name(&h, true)) { /* found after a while: it starts again */
			ck_assert_int_eq(process_wait(&h.daemon, PROCESS_DEADLINE_MS), 1);
			harness_daemon(&h);
		}
		if (was_set_aside(&h)) {
			wait_rebuilt(&h);
			rebuilt++;
		} else {
			wait_until_read(&h);
		}
		ask_everything(&h);
		if (harness_log_has(&h, "ending, so that the service manager starts")) {
			/* Met by a question, which was refused: the next start rebuilds. */
			ck_assert_int_eq(process_wait(&h.daemon, PROCESS_DEADLINE_MS), 1);
			harness_daemon(&h);
			wait_rebuilt(&h);
			rebuilt++;
		}
		got = answers(&h);
		assert_same(&h, got, expected, what);
		free(got);
		(void)harness_daemon_end(&h, SIGTERM);
		remove_aside(&h);
	}
	fprintf(stderr, "%ld flips, %u rebuilds\n", flips, rebuilt);
	ck_assert_msg(rebuilt > 0, "no flip was ever found");
	harness_stop(&h);
	free(expected);
}
END_TEST

static bool wal_is_damaged(const char *wal, const char *whole, off_t flip_at, off_t cut_at)
{
	copy_file(whole, wal);
	if (flip_at >= 0)
		flip(wal, flip_at, 0x04);
	if (cut_at >= 0)
		ck_assert_int_eq(truncate(wal, cut_at), 0);
	return store_wal_is_damaged(wal);
}

/* Where the second newest commit ends: damage up to there is found. */
static off_t older_commits_end(const char *wal)
{
	unsigned char frame[8];
	off_t newest = 0, older = 0;
	int fd = open(wal, O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	for (off_t at = WAL_HEADER; pread(fd, frame, 8, at) == 8; at += WAL_FRAME) {
		if (!frame[4] && !frame[5] && !frame[6] && !frame[7])
			continue;
		older = newest;
		newest = at + WAL_FRAME;
	}
	(void)close(fd);
	return older;
}

/* After a kill: a log that ends anywhere is a torn one, and no damage; a flipped bit in a frame
 * that a finished commit follows is damage, wherever in the frame it is. */
START_TEST(a_torn_log_is_no_damage_and_a_flip_before_the_newest_commit_is)
{
	static const off_t places[] = { 0, 3, 6, 9, 13, 17, 22, 24, 1000, WAL_FRAME - 1 };
	char wal[HARNESS_PATH_MAX], whole[HARNESS_PATH_MAX];
	unsigned int found = 0;
	struct harness h;
	off_t end;

	fill(&h);
	ck_assert_int_eq(harness_daemon_end(&h, SIGKILL), 128 + SIGKILL);
	path_of(&h, "-wal", wal);
	path_of(&h, "-whole", whole);
	copy_file(wal, whole);
	end = older_commits_end(whole);
	ck_assert_int_gt(end, 20 * WAL_FRAME);
	ck_assert(!store_wal_is_damaged(whole));
	for (off_t at = WAL_HEADER; at < end; at += WAL_FRAME) {
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i += at % 3 ? 4 : 1) {
			ck_assert_msg(wal_is_damaged(wal, whole, at + places[i], -1),
				      "a flip at %lld + %lld of %lld", (long long)at,
				      (long long)places[i], (long long)end);
			found++;
		}
		ck_assert(!wal_is_damaged(wal, whole, -1, at));
		ck_assert(!wal_is_damaged(wal, whole, -1, at + 1000));
		ck_assert(!wal_is_damaged(wal, whole, at + 1000, at + WAL_FRAME));
	}
	fprintf(stderr, "%u flips in a log of %lld bytes\n", found, (long long)end);
	h.daemon.pid = 0;
	harness_stop(&h);
}
END_TEST

/* As a newer straitd would have left it. */
static void raise_version(const char *path)
{
	sqlite3 *db = NULL;

	ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, store_pages_vfs()),
			 SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "PRAGMA user_version = 999", NULL, NULL, NULL),
			 SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

START_TEST(a_store_of_a_newer_version_is_left_alone)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char path[HARNESS_PATH_MAX], *before;
	struct stat status, after;
	struct harness h;

	fill(&h);
	ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
	path_of(&h, "", path);
	raise_version(path);
	before = harness_read(&h, path);
	ck_assert_int_eq(stat(path, &status), 0);
	harness_daemon_begin(&h);
	ck_assert_int_eq(process_wait(&h.daemon, PROCESS_DEADLINE_MS), 78);
	harness_assert(&h, harness_log_has(&h, "written by a newer straitd (format 999"), "%s", "");
	ck_assert_int_eq(stat(path, &after), 0);
	ck_assert_int_eq(after.st_size, status.st_size);
	ck_assert_int_eq(after.st_mtim.tv_nsec, status.st_mtim.tv_nsec);
	ck_assert_int_eq(after.st_ino, status.st_ino);
	{
		char *now = harness_read(&h, path);

		ck_assert_int_eq(memcmp(now, before, (size_t)status.st_size), 0);
		free(now);
	}
	for (size_t i = 1; i < 3; i++) {
		path_of(&h, suffixes[i], path);
		ck_assert_int_eq(access(path, F_OK), -1);
	}
	harness_assert(&h, !was_set_aside(&h), "it was set aside");
	h.daemon.pid = 0;
	harness_stop(&h);
	free(before);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("damage");
	TCase *tests = tcase_create("damage");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 1200);
	tcase_add_loop_test(tests, a_damaged_store_is_set_aside_and_rebuilt_to_the_same_answers, 0,
			    DAMAGES);
	tcase_add_test(tests, kept_originals_are_enough_to_rebuild_from);
	tcase_add_test(tests, a_flipped_bit_anywhere_changes_no_answer_or_is_found);
	tcase_add_test(tests, a_torn_log_is_no_damage_and_a_flip_before_the_newest_commit_is);
	tcase_add_test(tests, a_store_of_a_newer_version_is_left_alone);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
