/* SPDX-License-Identifier: MIT
 *
 * test_spool_safety.c - what lies in a spool that is no plain file, changes while it is read, has
 * an odd name, or leads elsewhere: nothing waits, nothing outside the spool is read, made, moved or
 * removed, the log or the .reason says what is wrong, the next good file is imported and the
 * figures are right. Test program.
 *
 * Around the spool lies what an attacker would like to reach: DIRECTORY/outside with a file called
 * as the daemon's own temporary files are, and one that it could take for a document.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <check.h>

#include "harness.h"

#define SECRET	   "level 20002 666\n" /* a plugin would take it */
#define PATH_BYTES 768
#define READ_MS	   "400" /* a document is read for so long, so that something can happen to it */
#define SLOW	   "busy " READ_MS "\nlevel 20000 1\n"
#define GOOD	   "level 20001 5\n"

static struct harness h;
static char outside[HARNESS_PATH_MAX], secret[PATH_BYTES];

static const char *const outside_names[] = { "document", ".job-0", ".job-1",
					     ".reason-being-written", "x.reason" };
#define OUTSIDE_COUNT (sizeof(outside_names) / sizeof(outside_names[0]))

/* ── files ─────────────────────────────────────────────────────────────────────────────────── */

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static void has_text(const char *path, const char *text)
{
	char *is = harness_read(&h, path);

	harness_assert(&h, strcmp(is, text) == 0, "%s: '%s'", path, is);
	free(is);
}

static const char *below(const char *directory, const char *name, char path[PATH_BYTES])
{
	(void)snprintf(path, PATH_BYTES, "%.250s/%.400s", directory, name);
	return path;
}

static const char *spooled(const char *folder, const char *name, char path[PATH_BYTES])
{
	(void)snprintf(path, PATH_BYTES, "%.200s/sea/%.20s%s%.400s", h.spool, folder,
		       name[0] ? "/" : "", name);
	return path;
}

static bool exists(const char *folder, const char *name)
{
	char path[PATH_BYTES];
	struct stat status;

	return lstat(spooled(folder, name, path), &status) == 0;
}

/* As it was: the same names, the same contents. */
static void nothing_outside_was_touched(void)
{
	char path[PATH_BYTES];
	struct dirent *entry;
	size_t count = 0;
	DIR *directory = opendir(outside);

	ck_assert_ptr_nonnull(directory);
	while ((entry = readdir(directory)) != NULL)
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	(void)closedir(directory);
	for (size_t i = 0; i < OUTSIDE_COUNT; i++)
		has_text(below(outside, outside_names[i], path), SECRET);
	harness_assert(&h, count == OUTSIDE_COUNT, "%zu files are outside", count);
}

/* ── the daemon ────────────────────────────────────────────────────────────────────────────── */

static void set_up(void)
{
	char path[PATH_BYTES];

	(void)setenv("STRAITD_TEST_PERCENT", "10", 1);
	harness_start(&h);
	harness_plugin(&h, "doc_demo");
	harness_config(&h, "sea.conf", "[source sea]\nplugin = doc_demo\n");
	harness_make_spool(&h, "sea");
	(void)snprintf(outside, sizeof(outside), "%.60s/outside", h.directory);
	ck_assert_int_eq(mkdir(outside, 0755), 0);
	for (size_t i = 0; i < OUTSIDE_COUNT; i++)
		write_file(below(outside, outside_names[i], path), SECRET);
	(void)below(outside, "document", secret);
}

static void tear_down(void)
{
	nothing_outside_was_touched();
	harness_stop(&h);
}

static void start(void)
{
	harness_daemon(&h);
	harness_wait_source(&h, "sea", "idle");
}

/* The end of every test. */
static void a_good_file_is_imported(void)
{
	char path[PATH_BYTES];

	harness_drop(&h, "sea", "good", GOOD);
	harness_wait_figure(&h, "demo.latest", 5);
	harness_wait_path(&h, spooled("done", "good", path), true);
	harness_wait_source(&h, "sea", "idle");
}

static unsigned int count_log(const char *text)
{
	char *log = harness_read(&h, h.log);
	unsigned int count = 0;

	for (const char *at = log; (at = strstr(at, text)) != NULL; at++)
		count++;
	free(log);
	return count;
}

/* The reason is there before its document. */
static void has_reason(const char *document, const char *text)
{
	char path[PATH_BYTES], name[64];
	char *reason;

	harness_wait_path(&h, spooled("failed", document, path), true);
	(void)snprintf(name, sizeof(name), "%s.reason", document);
	reason = harness_read(&h, spooled("failed", name, path));
	harness_assert(&h, strstr(reason, text) != NULL, "%s: '%s'", name, reason);
	free(reason);
}

/* ── what is no file ───────────────────────────────────────────────────────────────────────── */

static int make_link(const char *path)
{
	return symlink(secret, path);
}

static int make_link_to_directory(const char *path)
{
	return symlink(outside, path);
}

static int make_dangling_link(const char *path)
{
	return symlink("/nonexistent/file", path);
}

static int make_loop(const char *path)
{
	return symlink("x", path);
}

static int make_link_to_zero(const char *path)
{
	return symlink("/dev/zero", path);
}

static int make_fifo(const char *path)
{
	return mkfifo(path, 0666);
}

static int make_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), result;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
	result = bind(fd, (const struct sockaddr *)&address, sizeof(address));
	(void)close(fd);
	return result;
}

static int make_directory(const char *path)
{
	return mkdir(path, 0755);
}

static int make_device(const char *path)
{
	return mknod(path, S_IFCHR | 0666, makedev(1, 5)); /* zero: reading it would have no end */
}

static const struct thing {
	const char *what;
	int (*make)(const char *path);
} things[] = {
	{ "a symbolic link to a file outside", make_link },
	{ "a symbolic link to a directory", make_link_to_directory },
	{ "a symbolic link to nothing", make_dangling_link },
	{ "a symbolic link to itself", make_loop },
	{ "a symbolic link to /dev/zero", make_link_to_zero },
	{ "a FIFO", make_fifo },
	{ "a socket", make_socket },
	{ "a directory", make_directory },
	{ "a device", make_device },
};
#define THINGS (sizeof(things) / sizeof(things[0]))

/* Puts it there by rename, as a file comes; false when this machine forbids to make it. */
static bool drop_thing(const struct thing *thing, const char *name)
{
	char path[PATH_BYTES], to[PATH_BYTES];

	(void)below(h.spool, "new", path);
	if (thing->make(path) < 0) {
		(void)fprintf(stderr, "SKIP spool: %s cannot be made here: %s\n", thing->what,
			      strerror(errno));
		return false;
	}
	ck_assert_int_eq(rename(path, spooled("incoming", name, to)), 0);
	return true;
}

START_TEST(what_is_no_file_is_left_there_and_said_once)
{
	const struct thing *thing = &things[(size_t)_i % THINGS];
	bool there_before = (size_t)_i >= THINGS;

	if (!there_before)
		start();
	if (!drop_thing(thing, "x"))
		return;
	if (there_before)
		start();
	harness_wait_log(&h, "'x' in '");
	harness_wait_log(&h, "is no regular file, leaving it there; copy the file itself here");
	a_good_file_is_imported();
	harness_assert(&h, exists("incoming", "x"), "%s is gone", thing->what);
	harness_assert(&h, count_log("is no regular file") == 1, "%u lines",
		       count_log("is no regular file"));
}
END_TEST

START_TEST(a_hard_link_is_a_file_and_the_other_name_stays)
{
	char path[PATH_BYTES], to[PATH_BYTES];
	struct stat status;

	start();
	ck_assert_int_eq(link(secret, below(h.spool, "new", path)), 0);
	ck_assert_int_eq(rename(path, spooled("incoming", "x", to)), 0);
	harness_wait_figure(&h, "demo.latest", 666);
	harness_wait_path(&h, spooled("done", "x", path), true);
	ck_assert_int_eq(stat(secret, &status), 0);
	ck_assert_uint_eq(status.st_nlink, 2);
	harness_drop(&h, "sea", "good", "level 20003 5\n");
	harness_wait_figure(&h, "demo.latest", 5);
}
END_TEST

START_TEST(a_file_that_may_not_be_read_waits_for_its_permissions)
{
	char path[PATH_BYTES];

	if (geteuid() == 0) {
		(void)fputs("SKIP spool: root may read every file\n", stderr);
		return;
	}
	start();
	write_file(below(h.spool, "new", path), "level 20000 1\n");
	ck_assert_int_eq(chmod(path, 0), 0);
	ck_assert_int_eq(rename(path, spooled("incoming", "x", (char[PATH_BYTES]){ 0 })), 0);
	harness_wait_log(&h, "it is left there until its permissions change");
	a_good_file_is_imported();
	ck_assert_int_eq(chmod(spooled("incoming", "x", path), 0600), 0);
	harness_wait_path(&h, spooled("done", "x", path), true);
}
END_TEST

static void drop_old(const char *name, const char *text)
{
	static const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
						  { .tv_sec = 1735689600 } };
	char path[PATH_BYTES], to[PATH_BYTES];

	write_file(below(h.spool, "new", path), text);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
	ck_assert_int_eq(rename(path, spooled("incoming", name, to)), 0);
}

/* ── what changes while it is read ─────────────────────────────────────────────────────────── */

static void replace_by_file(const char *path)
{
	(void)path;
	harness_drop(&h, "sea", "x", "level 20000 2\n");
}

static void truncate_it(const char *path)
{
	ck_assert_int_eq(truncate(path, 3), 0);
}

static void cut_it_to_nothing(const char *path)
{
	ck_assert_int_eq(truncate(path, 0), 0);
}

static void grow(const char *path)
{
	harness_append(path, "busy 1\n"); /* the whole may be read, once it is there */
}

static void rewrite(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, "LEVEL", 5, (off_t)strcspn(SLOW, "l")), 5);
	(void)close(fd);
}

static void remove_it(const char *path)
{
	ck_assert_int_eq(unlink(path), 0);
}

static void replace_by(const struct thing *thing, const char *path)
{
	ck_assert_int_eq(unlink(path), 0);
	ck_assert(drop_thing(thing, "x"));
}

static void replace_by_link(const char *path)
{
	replace_by(&things[0], path);
}

static void replace_by_fifo(const char *path)
{
	replace_by(&things[5], path);
}

static void replace_by_directory(const char *path)
{
	replace_by(&things[7], path);
}

static const struct change {
	void (*make)(const char *path);
	const char *said;
	double figure;	    /* NaN: nothing of it counts */
	const char *reason; /* of failed/x; NULL = it is imported as it was */
	bool left;	    /* what took its name lies in incoming/ */
} changes[] = {
	{ replace_by_file, "was replaced meanwhile; the new file, incoming/x, is read next", 2,
	  NULL, false },
	{ truncate_it, "moved to failed/x", NAN, "it changed while it was read", false },
	{ cut_it_to_nothing, "moved to failed/x", NAN, "it changed while it was read", false },
	{ grow, "moved to failed/x", NAN, "it changed while it was read", false },
	{ rewrite, "moved to failed/x", NAN, "it changed while it was read", false },
	{ remove_it, "'x' is imported, but was removed from incoming/ meanwhile", 1, NULL, false },
	{ replace_by_link, "'x' is imported, but was replaced meanwhile", 1, NULL, true },
	{ replace_by_fifo, "'x' is imported, but was replaced meanwhile", 1, NULL, true },
	{ replace_by_directory, "'x' is imported, but was replaced meanwhile", 1, NULL, true },
};

START_TEST(what_changes_while_it_is_read_is_not_mistaken)
{
	const struct change *change = &changes[_i];
	char path[PATH_BYTES];

	start();
	drop_old("x", SLOW); /* so that what replaces it is published later */
	harness_wait_source(&h, "sea", "reading");
	change->make(spooled("incoming", "x", path));
	harness_wait_log(&h, change->said);
	harness_wait_figure(&h, "demo.latest", change->figure);
	if (change->reason != NULL)
		has_reason("x", change->reason);
	if (change->left)
		harness_wait_log(&h, "is no regular file, leaving it there");
	a_good_file_is_imported();
	harness_assert(&h, exists("incoming", "x") == change->left, "incoming/x");
	harness_assert(&h, !exists("done", "x") || !change->left, "done/x is not the document");
}
END_TEST

/* ── names ─────────────────────────────────────────────────────────────────────────────────── */

#define LONG_16 "0123456789abcdef"
#define LONG_240                                                                                   \
	LONG_16 LONG_16 LONG_16 LONG_16 LONG_16 LONG_16 LONG_16 LONG_16 LONG_16 LONG_16 LONG_16    \
		LONG_16 LONG_16 LONG_16 LONG_16
#define LONG_255 LONG_240 "0123456789abcde"

static const struct odd_name {
	const char *name, *done; /* NULL: it is left there */
} odd_names[] = {
	{ "two\nlines", NULL },
	{ "\x1b[2J\x1b]0;title\a", NULL },
	{ "del\x7f", NULL },
	{ "c1\xc2\x9b", NULL },
	{ "latin\xe9", NULL },
	{ "overlong\xc0\xaf", NULL },
	{ "surrogate\xed\xa0\x80", NULL },
	{ "percent %s %n 'quoted' \"twice\" \\", "percent %s %n 'quoted' \"twice\" \\" },
	{ "-rf", "-rf" },
	{ "x.reason", "x.reason" },
	{ " ", " " },
	{ "\xf0\x9f\x9a\xa2", "\xf0\x9f\x9a\xa2" },
	{ LONG_255, LONG_240 },
};

START_TEST(an_odd_name_is_imported_or_left_and_shown_quoted)
{
	const struct odd_name *odd = &odd_names[_i];
	char from[PATH_BYTES], to[PATH_BYTES], *log;

	start();
	write_file(below(h.spool, "new", from), "level 20000 1\n");
	ck_assert_int_eq(rename(from, spooled("incoming", odd->name, to)), 0);
	if (odd->done != NULL) {
		harness_wait_figure(&h, "demo.latest", 1);
	} else {
		harness_wait_log(&h, "is not printable UTF-8, leaving it there; rename it");
	}
	a_good_file_is_imported();
	harness_assert(&h, exists("incoming", odd->name) == !odd->done, "incoming/");
	harness_assert(&h, !odd->done || exists("done", odd->done), "done/");
	log = harness_read(&h, h.log);
	harness_assert(&h, strpbrk(log, "\x1b\x7f\a") == NULL, "raw bytes are in the log");
	free(log);
}
END_TEST

START_TEST(a_document_called_as_a_reason_is_not_replaced_by_one)
{
	char path[PATH_BYTES];

	start();
	harness_drop(&h, "sea", "x.reason", "fail input\nfirst");
	harness_wait_path(&h, spooled("failed", "x.reason.1", path), true);
	harness_drop(&h, "sea", "x", "fail input\nsecond");
	has_reason("x", "told to fail: input");
	has_text(spooled("failed", "x.reason.1", path), "fail input\nfirst");
	a_good_file_is_imported();
}
END_TEST

/* ── folders ───────────────────────────────────────────────────────────────────────────────── */

static const char *const folders[] = { "incoming", "done", "failed" };

static void lead_elsewhere(const char *folder)
{
	char path[PATH_BYTES], aside[PATH_BYTES];

	(void)spooled("aside", "", aside);
	ck_assert_int_eq(rename(spooled(folder, "", path), aside), 0);
	ck_assert_int_eq(symlink(outside, path), 0);
}

static void lead_home(const char *folder)
{
	char path[PATH_BYTES], aside[PATH_BYTES];

	(void)spooled("aside", "", aside);
	ck_assert_int_eq(unlink(spooled(folder, "", path)), 0);
	ck_assert_int_eq(rename(aside, path), 0);
}

START_TEST(a_folder_that_leads_elsewhere_is_refused_at_the_start)
{
	struct output output;

	lead_elsewhere(folders[_i]);
	harness_daemon(&h);
	harness_wait_source(&h, "sea", "backoff");
	harness_wait_log(&h, "is a symbolic link, which is not followed; put a directory there");
	if (_i == 0) { /* else it waits for the source */
		CTL(&h, &output, "import", "sea", secret);
		harness_assert(&h, output.code != 0 && strstr(output.err, "symbolic link") != NULL,
			       "%s%s", output.out, output.err);
		output_done(&output);
	}
	nothing_outside_was_touched();
	lead_home(folders[_i]);
	harness_wait_source(&h, "sea", "idle");
	harness_drop(&h, "sea", "good", "level 20003 5\n");
	harness_wait_figure(&h, "demo.latest", 5);
}
END_TEST

START_TEST(an_incoming_that_leads_elsewhere_is_not_read)
{
	start();
	lead_elsewhere("incoming");
	harness_wait_source(&h, "sea", "backoff");
	harness_wait_log(&h, "is a symbolic link, which is not followed; put a directory there");
	nothing_outside_was_touched();
	harness_wait_figure(&h, "demo.latest", NAN);
	lead_home("incoming");
	harness_wait_source(&h, "sea", "idle");
	a_good_file_is_imported();
}
END_TEST

/* Also the document that met it goes where it belongs, by itself. */
START_TEST(nothing_is_moved_into_a_folder_that_leads_elsewhere)
{
	const char *folder = folders[1 + _i];
	char path[PATH_BYTES];

	start();
	lead_elsewhere(folder);
	harness_drop(&h, "sea", "x", _i == 0 ? "level 20000 1\n" : "fail input\n");
	harness_wait_log(&h, "a document that is done with stays in incoming/");
	harness_assert(&h, harness_log_has(&h, "is a symbolic link, which is not followed"), "why");
	harness_wait_figure(&h, "demo.latest", _i == 0 ? 1 : NAN);
	harness_assert(&h, exists("incoming", "x"), "it is gone");
	nothing_outside_was_touched();
	lead_home(folder);
	harness_wait_path(&h, spooled(folder, "x", path), true);
	harness_wait_log(&h, "documents leave incoming/ again");
	harness_wait_source(&h, "sea", "idle");
	a_good_file_is_imported();
}
END_TEST

START_TEST(an_incoming_that_was_removed_is_made_again)
{
	char path[PATH_BYTES];

	start();
	ck_assert_int_eq(rmdir(spooled("incoming", "", path)), 0);
	harness_wait_source(&h, "sea", "backoff");
	harness_wait_path(&h, path, true);
	harness_wait_source(&h, "sea", "idle");
	a_good_file_is_imported();
}
END_TEST

/* What may lie where the reason is written: nothing waits for it, nothing else is written to. */
START_TEST(a_reason_is_a_new_file_whatever_has_its_name)
{
	static const char *const names[] = { ".reason-being-written", "x.reason" };
	const struct thing *thing = &things[(size_t)_i % THINGS];
	char path[PATH_BYTES];

	if (thing->make(spooled("failed", names[(size_t)_i / THINGS], path)) < 0) {
		(void)fprintf(stderr, "SKIP spool: %s cannot be made here: %s\n", thing->what,
			      strerror(errno));
		return;
	}
	start();
	harness_drop(&h, "sea", "x", "fail input\n");
	if (thing->make != make_directory) {
		has_reason("x", "told to fail: input");
	} else if ((size_t)_i >= THINGS) {
		has_reason("x.1", "told to fail: input");
	} else { /* it is said, and goes on when the directory is gone */
		harness_wait_log(&h, "failed/.reason-being-written");
		harness_assert(&h, exists("incoming", "x"), "it is gone");
		ck_assert_int_eq(rmdir(path), 0);
		has_reason("x", "told to fail: input");
		harness_wait_source(&h, "sea", "idle");
	}
	a_good_file_is_imported();
}
END_TEST

START_TEST(a_reason_is_not_written_through_a_hard_link)
{
	char path[PATH_BYTES];

	ck_assert_int_eq(link(secret, spooled("failed", ".reason-being-written", path)), 0);
	ck_assert_int_eq(link(secret, spooled("failed", "x.reason", path)), 0);
	start();
	harness_drop(&h, "sea", "x", "fail input\n");
	has_reason("x", "told to fail: input");
	a_good_file_is_imported();
}
END_TEST

START_TEST(a_spool_may_be_a_link_and_lie_on_another_file_system)
{
	char there[] = "/dev/shm/test_spool_safety.XXXXXX", path[PATH_BYTES], to[PATH_BYTES];
	struct stat state, spool;

	if (mkdtemp(there) == NULL) {
		(void)fprintf(stderr, "SKIP spool: %s: %s\n", there, strerror(errno));
		return;
	}
	ck_assert_int_eq(stat(h.state, &state), 0);
	ck_assert_int_eq(stat(there, &spool), 0);
	if (state.st_dev == spool.st_dev)
		(void)fputs("SKIP spool: /dev/shm is on the file system of the state\n", stderr);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(rmdir(spooled(folders[i], "", path)), 0);
	ck_assert_int_eq(rmdir(spooled("", "", path)), 0);
	(void)below(h.spool, "sea", path);
	ck_assert_int_eq(symlink(there, path), 0);
	start();
	/* Nor is a rename into it one: the file is copied, so it comes by being closed. */
	write_file(spooled("incoming", "x", to), "level 20000 1\n");
	harness_wait_figure(&h, "demo.latest", 1);
	harness_wait_path(&h, spooled("done", "x", to), true);
	write_file(spooled("incoming", "y", to), "fail input\n");
	has_reason("y", "told to fail: input");
	write_file(spooled("incoming", "good", to), GOOD);
	harness_wait_figure(&h, "demo.latest", 5);
	harness_wait_path(&h, spooled("done", "good", to), true);
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { "x", "y", "y.reason", "good" };

		for (int j = 0; j < 4; j++)
			(void)unlink(spooled(folders[i], names[j], to));
		(void)rmdir(spooled(folders[i], "", to));
	}
	(void)rmdir(there);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spool_safety");
	TCase *tests = tcase_create("spool_safety");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, what_is_no_file_is_left_there_and_said_once, 0, 2 * (int)THINGS);
	tcase_add_test(tests, a_hard_link_is_a_file_and_the_other_name_stays);
	tcase_add_test(tests, a_file_that_may_not_be_read_waits_for_its_permissions);
	tcase_add_loop_test(tests, what_changes_while_it_is_read_is_not_mistaken, 0,
			    (int)(sizeof(changes) / sizeof(changes[0])));
	tcase_add_loop_test(tests, an_odd_name_is_imported_or_left_and_shown_quoted, 0,
			    (int)(sizeof(odd_names) / sizeof(odd_names[0])));
	tcase_add_test(tests, a_document_called_as_a_reason_is_not_replaced_by_one);
	tcase_add_loop_test(tests, a_folder_that_leads_elsewhere_is_refused_at_the_start, 0, 3);
	tcase_add_test(tests, an_incoming_that_leads_elsewhere_is_not_read);
	tcase_add_loop_test(tests, nothing_is_moved_into_a_folder_that_leads_elsewhere, 0, 2);
	tcase_add_test(tests, an_incoming_that_was_removed_is_made_again);
	tcase_add_loop_test(tests, a_reason_is_a_new_file_whatever_has_its_name, 0,
			    2 * (int)THINGS);
	tcase_add_test(tests, a_reason_is_not_written_through_a_hard_link);
	tcase_add_test(tests, a_spool_may_be_a_link_and_lie_on_another_file_system);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
