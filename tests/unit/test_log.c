/* SPDX-License-Identifier: MIT
 *
 * test_log.c - levels, the line on stderr, the sink, and quoting.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char seen[8192];

static void capture(void *context, int level, enum log_token token, const char *source,
		    const char *text)
{
	(void)snprintf(seen, sizeof(seen), "%s|%d|%d|%s|%s", (const char *)context, level,
		       (int)token, source ? source : "-", text);
	errno = EIO; /* as a write that fails would leave it */
}

static void setup(void)
{
	unsetenv("STRAITD_LOG");
	unsetenv("JOURNAL_STREAM");
	log_set_sink(NULL, NULL);
	log_set_level(LOG_INFO);
	seen[0] = '\0';
}

/* What stderr gets from one call. */
static const char *stderr_of(int level, enum log_token token, const char *source, const char *text)
{
	int ends[2], before = dup(STDERR_FILENO);
	ssize_t got;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
	(void)close(ends[1]);
	log_write(level, token, source, "%s", text);
	ck_assert_int_ge(dup2(before, STDERR_FILENO), 0);
	(void)close(before);
	got = read(ends[0], seen, sizeof(seen) - 1);
	(void)close(ends[0]);
	ck_assert_int_ge(got, 0);
	seen[got] = '\0';
	return seen;
}

/* clang-format off */
static const struct {
	int level;
	enum log_token token;
	const char *source, *text, *line;
} lines[] = {
	{ LOG_INFO, LOG_TOKEN_MAIN, NULL, "started", "straitd: started\n" },
	{ LOG_NOTICE, LOG_TOKEN_SOURCE, "home", "idle", "straitd: source 'home': idle\n" },
	{ LOG_WARNING, LOG_TOKEN_SOURCE, "home", "gone; retrying", "straitd: warning: source 'home': gone; retrying\n" },
	{ LOG_ERR, LOG_TOKEN_STORE, NULL, "disk full", "straitd: error: disk full\n" },
	{ LOG_DEBUG, LOG_TOKEN_BUS, NULL, "call", "" }, /* above the level */
	{ LOG_INFO, LOG_TOKEN_MAIN, NULL, "two\nlines\x1b[31m", "straitd: two lines [31m\n" },
	{ LOG_INFO, LOG_TOKEN_MAIN, NULL, "bad \xff byte", "straitd: bad ? byte\n" },
	{ LOG_INFO, LOG_TOKEN_MAIN, NULL, "%s%n", "straitd: %s%n\n" },
	{ LOG_INFO, LOG_TOKEN_MAIN, NULL, "", "straitd: \n" },
};

static const struct {
	const char *text;
	size_t size;
	const char *quoted;
} quotes[] = {
	{ "plain", 5, "'plain'" },
	{ "", 0, "''" },
	{ "a'b\\c", 5, "'a\\x27b\\x5cc'" },
	{ "a\0b\n", 4, "'a\\x00b\\x0a'" },
	{ "\x1b[0m", 4, "'\\x1b[0m'" },
	{ "caf\xc3\xa9", 5, "'caf\xc3\xa9'" },
	{ "caf\xe9", 4, "'caf\\xe9'" },
	{ "\xc2\x9b", 2, "'\\xc2\\x9b'" }, /* CSI of C1 */
	{ "0123456789abcdef0123456789abcdef", 32, "'0123456789abcdef01234567\xe2\x80\xa6'" },
	{ "0123456789abcdef012345\n", 23, "'0123456789abcdef012345\xe2\x80\xa6'" }, /* an escape is not halved */
};
/* clang-format on */

START_TEST(writes_one_line_to_stderr)
{
	ck_assert_str_eq(
		stderr_of(lines[_i].level, lines[_i].token, lines[_i].source, lines[_i].text),
		lines[_i].line);
}
END_TEST

START_TEST(debug_lines_carry_their_token)
{
	log_set_level(LOG_DEBUG);
	ck_assert_str_eq(stderr_of(LOG_DEBUG, LOG_TOKEN_STORE, NULL, "opened"),
			 "straitd: debug: store: opened\n");
}
END_TEST

START_TEST(a_long_line_is_cut_and_ends)
{
	char text[5000];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)stderr_of(LOG_INFO, LOG_TOKEN_MAIN, NULL, text);
	ck_assert_uint_lt(strlen(seen), 2200);
	ck_assert_uint_gt(strlen(seen), 2000);
	ck_assert_str_eq(seen + strlen(seen) - 5, "a\xe2\x80\xa6\n");
}
END_TEST

START_TEST(a_journal_stream_that_is_not_stderr_is_not_used)
{
	ck_assert_int_eq(setenv("JOURNAL_STREAM", "1:1", 1), 0);
	ck_assert_str_eq(stderr_of(LOG_INFO, LOG_TOKEN_MAIN, NULL, "x"), "straitd: x\n");
	ck_assert_int_eq(setenv("JOURNAL_STREAM", "rubbish", 1), 0);
	ck_assert_str_eq(stderr_of(LOG_INFO, LOG_TOKEN_MAIN, NULL, "x"), "straitd: x\n");
}
END_TEST

/* libsystemd sends to the journal's socket, so stderr gets nothing. */
START_TEST(a_journal_stream_that_is_stderr_is_not_written_to)
{
	char stream[64];
	struct stat status;
	int file = memfd_create("stderr", MFD_CLOEXEC), before = dup(STDERR_FILENO);

	ck_assert_int_eq(fstat(file, &status), 0);
	(void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev,
		       (uintmax_t)status.st_ino);
	ck_assert_int_eq(setenv("JOURNAL_STREAM", stream, 1), 0);
	ck_assert_int_ge(dup2(file, STDERR_FILENO), 0);
	log_source(LOG_NOTICE, "test", "a line of straitd's unit tests");
	ck_assert_int_ge(dup2(before, STDERR_FILENO), 0);
	ck_assert_int_eq(fstat(file, &status), 0);
	ck_assert_int_eq(status.st_size, 0);
	(void)close(before);
	(void)close(file);
}
END_TEST

START_TEST(a_sink_takes_the_place_of_stderr)
{
	char context[] = "mine", expected[64];

	log_set_sink(capture, context);
	(void)snprintf(expected, sizeof(expected), "mine|%d|%d|home|7 rows", LOG_WARNING,
		       (int)LOG_TOKEN_WORKER);
	log_write(LOG_WARNING, LOG_TOKEN_WORKER, "home", "%d rows", 7);
	ck_assert_str_eq(seen, expected);
	seen[0] = '\0';
	log_main(LOG_DEBUG, "not written");
	ck_assert_str_eq(seen, "");
}
END_TEST

START_TEST(errno_is_the_same_afterwards)
{
	errno = ENOSPC;
	(void)stderr_of(LOG_INFO, LOG_TOKEN_MAIN, NULL, "x");
	errno = ENOSPC;
	log_set_sink(capture, (char[]){ "mine" });
	log_main(LOG_INFO, "x: %m");
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_ptr_nonnull(strstr(seen, "No space left"));
}
END_TEST

START_TEST(the_environment_sets_the_level_at_start)
{
	log_set_level(-1);
	ck_assert_int_eq(setenv("STRAITD_LOG", "debug", 1), 0);
	ck_assert_int_eq(log_level(), LOG_DEBUG);
	log_set_level(-1);
	ck_assert_int_eq(setenv("STRAITD_LOG", "loud", 1), 0);
	ck_assert_int_eq(log_level(), LOG_INFO);
}
END_TEST

START_TEST(level_names_are_read_back)
{
	for (int level = LOG_EMERG; level <= LOG_DEBUG; level++)
		ck_assert_int_eq(log_level_parse(log_level_name(level)), level);
	ck_assert_str_eq(log_level_name(LOG_ERR), "error");
	ck_assert_int_eq(log_level_parse("err"), LOG_ERR);
	ck_assert_int_eq(log_level_parse("Error"), -1);
	ck_assert_int_eq(log_level_parse(""), -1);
}
END_TEST

START_TEST(quotes_what_others_wrote)
{
	char buffer[30];

	ck_assert_str_eq(log_quote(buffer, sizeof(buffer), quotes[_i].text, quotes[_i].size),
			 quotes[_i].quoted);
}
END_TEST

START_TEST(quoting_stays_within_any_buffer)
{
	for (size_t size = 0; size < 40; size++) {
		char *buffer = malloc(size + 1); /* for the sanitizer */

		ck_assert_ptr_nonnull(buffer);
		buffer[size] = '!';
		(void)log_quote(buffer, size, "a\n\xc3\xa9 bcdefghijklmnopqrstuvwxyz", 29);
		ck_assert_int_eq(buffer[size], '!');
		if (size)
			ck_assert_uint_lt(strlen(buffer), size);
		free(buffer);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tcase = tcase_create("lines");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_loop_test(tcase, writes_one_line_to_stderr, 0, COUNT(lines));
	tcase_add_test(tcase, debug_lines_carry_their_token);
	tcase_add_test(tcase, a_long_line_is_cut_and_ends);
	tcase_add_test(tcase, a_journal_stream_that_is_not_stderr_is_not_used);
	tcase_add_test(tcase, a_journal_stream_that_is_stderr_is_not_written_to);
	tcase_add_test(tcase, a_sink_takes_the_place_of_stderr);
	tcase_add_test(tcase, errno_is_the_same_afterwards);
	tcase_add_test(tcase, the_environment_sets_the_level_at_start);
	tcase_add_test(tcase, level_names_are_read_back);
	tcase_add_loop_test(tcase, quotes_what_others_wrote, 0, COUNT(quotes));
	tcase_add_test(tcase, quoting_stays_within_any_buffer);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
