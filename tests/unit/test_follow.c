/* SPDX-License-Identifier: MIT
 *
 * test_follow.c - the log follower on one real file: lines, partial lines, long lines, positions,
 * faults. Rotation is in test_follow_rotation.c.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "followed_log.h"

/* ── one file ──────────────────────────────────────────────────────────────────────────────── */

START_TEST(reads_what_is_there_and_then_what_comes)
{
	append("boats.csv", "id\n1\n");
	start(NULL);
	expect("id\n1\n");
	append("boats.csv", "2\n3\n");
	expect("id\n1\n2\n3\n");
	ck_assert_str_eq(first_line, "id");
	ck_assert_uint_eq(skipped_count, 0);
}
END_TEST

START_TEST(waits_for_a_file_that_is_not_there_yet)
{
	start(NULL);
	turn();
	append("boats.csv", "1\n");
	expect("1\n");
}
END_TEST

START_TEST(takes_a_file_that_is_renamed_into_place)
{
	start(NULL);
	turn();
	append("other", "1\n");
	move("other", "boats.csv");
	expect("1\n");
}
END_TEST

START_TEST(a_partial_last_line_waits_for_its_end)
{
	append("boats.csv", "1\n2");
	start(NULL);
	expect("1\n");
	append("boats.csv", "2");
	turn();
	ck_assert_str_eq(lines, "1\n");
	append("boats.csv", "2\n");
	expect("1\n222\n");
}
END_TEST

START_TEST(a_restart_in_the_middle_of_a_partial_line_reads_it_whole)
{
	append("boats.csv", "id\n1\n2");
	start(NULL);
	expect("id\n1\n");
	restart();
	append("boats.csv", "2\n");
	expect("id\n1\n22\n");
	ck_assert_str_eq(first_line, "id");
}
END_TEST

START_TEST(lines_written_while_nobody_reads_are_read_after_a_restart)
{
	unsigned char position[FOLLOW_POSITION_BYTES];

	append("boats.csv", "1\n");
	start(NULL);
	expect("1\n");
	stop(position);
	append("boats.csv", "2\n");
	start(position);
	expect("1\n2\n");
}
END_TEST

/* The fingerprint of a file that had 3 bytes when the position was taken is of these 3. */
START_TEST(a_position_stays_good_while_the_file_grows_past_the_fingerprint)
{
	unsigned char position[FOLLOW_POSITION_BYTES];
	char expected[2048] = "id\n";

	append("boats.csv", "id\n");
	start(NULL);
	expect("id\n");
	stop(position);
	for (int i = 0; i < 90; i++) {
		append("boats.csv", "1234567\n");
		strncat(expected, "1234567\n", sizeof(expected) - strlen(expected) - 1);
	}
	start(position);
	expect(expected);
	ck_assert_uint_eq(skipped_count, 0);
	restart();
	append("boats.csv", "end\n");
	strncat(expected, "end\n", sizeof(expected) - strlen(expected) - 1);
	expect(expected);
}
END_TEST

START_TEST(an_empty_file_that_was_seen_is_known_again)
{
	append("boats.csv", "");
	start(NULL);
	turn();
	restart();
	turn();
	append("boats.csv", "1\n");
	expect("1\n");
	ck_assert_uint_eq(skipped_count, 0);
}
END_TEST

START_TEST(a_position_before_any_file_starts_at_the_beginning)
{
	start(NULL);
	turn();
	restart();
	append("boats.csv", "1\n");
	expect("1\n");
}
END_TEST

START_TEST(a_large_file_comes_in_stretches_with_their_offsets)
{
	struct follow_stretch stretch;
	uint64_t offset = 0;
	char line[64];
	FILE *file = fopen(path_of("boats.csv"), "we");

	ck_assert_ptr_nonnull(file);
	for (int i = 0; i < 100000; i++)
		fprintf(file, "line %d\n", i);
	fclose(file);
	read_at_once = false;
	start(NULL);
	turn();
	while ((read_result = follow_read(follow, &stretch, &fault)) > 0) {
		ck_assert_uint_eq(stretch.offset, offset);
		ck_assert_uint_le(stretch.size, FOLLOW_STRETCH_MAX);
		take_stretch(&stretch);
		offset += stretch.size;
		ck_assert_uint_eq(follow_lag_bytes(follow), 1088890 - offset);
	}
	ck_assert_int_eq(read_result, 0);
	ck_assert_uint_eq(offset, 1088890);
	snprintf(line, sizeof(line), "line %d\n", 99999);
	ck_assert_str_eq(lines + lines_size - strlen(line), line);
	ck_assert_str_eq(first_line, "line 0");
}
END_TEST

START_TEST(ready_is_called_once_until_all_is_read)
{
	struct follow_stretch stretch;

	append("boats.csv", "1\n");
	read_at_once = false;
	start(NULL);
	turn();
	append("boats.csv", "2\n");
	settle();
	append("boats.csv", "3\n");
	settle();
	ck_assert_uint_eq(ready_calls, 1);
	ck_assert_int_eq(follow_read(follow, &stretch, &fault), 1);
	ck_assert_uint_eq(stretch.size, 6);
	append("boats.csv", "4\n");
	settle();
	ck_assert_uint_eq(ready_calls, 1);
	ck_assert_int_eq(follow_read(follow, &stretch, &fault), 1);
	ck_assert_int_eq(follow_read(follow, &stretch, &fault), 0);
	append("boats.csv", "5\n");
	turn();
	ck_assert_uint_eq(ready_calls, 2);
}
END_TEST

START_TEST(other_files_of_the_directory_do_not_wake)
{
	append("boats.csv", "1\n");
	start(NULL);
	expect("1\n");
	ready_calls = 0;
	append("other.log", "");
	settle();
	ready_calls = 0;
	append("other.log", "busy\n");
	settle();
	ck_assert_uint_eq(ready_calls, 0);
}
END_TEST

/* ── long lines ────────────────────────────────────────────────────────────────────────────── */

static void append_long_line(size_t size)
{
	char *text = malloc(size + 1);

	memset(text, 'x', size);
	text[size - 1] = '\n';
	text[size] = '\0';
	append("boats.csv", text);
	free(text);
}

START_TEST(the_longest_line_is_handed_over_whole)
{
	append("boats.csv", "1\n");
	append_long_line(FOLLOW_LINE_MAX);
	append("boats.csv", "2\n");
	start(NULL);
	while (lines_size < FOLLOW_LINE_MAX + 4)
		turn();
	ck_assert_uint_eq(lines_size, FOLLOW_LINE_MAX + 4);
	ck_assert_str_eq(lines + lines_size - 4, "x\n2\n");
	ck_assert_uint_eq(skipped_count, 0);
}
END_TEST

static const size_t too_long[] = { FOLLOW_LINE_MAX + 1, FOLLOW_LINE_MAX * 2,
				   FOLLOW_LINE_MAX * 3 + 77 };

START_TEST(a_longer_line_is_skipped_and_told_and_the_next_is_read)
{
	append("boats.csv", "1\n");
	append_long_line(too_long[_i]);
	append("boats.csv", "2\n");
	start(NULL);
	expect("1\n2\n");
	ck_assert_uint_eq(skipped_count, 1);
	ck_assert_uint_eq(skipped_offset, 2);
	ck_assert_uint_eq(skipped_size, too_long[_i]);
	restart();
	append("boats.csv", "3\n");
	expect("1\n2\n3\n");
	ck_assert_uint_eq(skipped_count, 1);
}
END_TEST

START_TEST(a_restart_inside_a_line_that_is_too_long_skips_it_once)
{
	char *half = malloc(FOLLOW_LINE_MAX + 1);

	memset(half, 'x', FOLLOW_LINE_MAX);
	half[FOLLOW_LINE_MAX] = '\0';
	append("boats.csv", "1\n");
	append("boats.csv", half);
	append("boats.csv", half);
	start(NULL);
	expect("1\n");
	restart();
	turn();
	ck_assert_uint_eq(skipped_count, 0);
	append("boats.csv", half);
	turn();
	append("boats.csv", "\n2\n");
	expect("1\n2\n");
	ck_assert_uint_eq(skipped_count, 1);
	ck_assert_uint_eq(skipped_offset, 2);
	ck_assert_uint_eq(skipped_size, 3 * (uint64_t)FOLLOW_LINE_MAX + 1);
	free(half);
}
END_TEST

START_TEST(a_first_line_that_is_too_long_stays_unknown)
{
	append_long_line(FOLLOW_LINE_MAX + 1);
	append("boats.csv", "1\n");
	start(NULL);
	expect("1\n");
	ck_assert_str_eq(first_line, "");
	restart();
	append("boats.csv", "2\n");
	expect("1\n2\n");
	ck_assert_str_eq(first_line, "");
}
END_TEST

/* ── faults ────────────────────────────────────────────────────────────────────────────────── */

START_TEST(a_position_with_any_byte_changed_is_refused)
{
	unsigned char position[FOLLOW_POSITION_BYTES];
	struct follow *never = NULL;

	append("boats.csv", "1\n");
	start(NULL);
	expect("1\n");
	stop(position);
	for (size_t i = 0; i < sizeof(position); i++) {
		position[i] ^= 0x40;
		ck_assert_int_eq(
			follow_new(base, log_path, position, &events, &base, &never, &fault), -1);
		ck_assert_int_eq(fault.kind, FAULT_CONFIG);
		ck_assert_ptr_null(never);
		position[i] ^= 0x40;
	}
	start(position);
}
END_TEST

START_TEST(what_is_no_plain_file_is_a_fault_and_does_not_block)
{
	struct follow_stretch stretch;

	if (_i)
		ck_assert_int_eq(mkdir(log_path, 0755), 0);
	else
		ck_assert_int_eq(mkfifo(log_path, 0644), 0);
	read_at_once = false;
	start(NULL);
	turn();
	ck_assert_int_eq(follow_read(follow, &stretch, &fault), -1);
	ck_assert_int_eq(fault.kind, FAULT_CONFIG);
	ck_assert_ptr_nonnull(strstr(fault.text, log_path));
}
END_TEST

START_TEST(a_missing_directory_is_a_transient_fault)
{
	ck_assert_int_eq(
		follow_new(base, "/nowhere/at/all.csv", NULL, &events, &base, &follow, &fault), -1);
	ck_assert_int_eq(fault.kind, FAULT_TRANSIENT);
	ck_assert_ptr_nonnull(strstr(fault.text, "/nowhere/at"));
	ck_assert_ptr_nonnull(strstr(fault.text, strerror(ENOENT)));
}
END_TEST

START_TEST(a_directory_that_goes_away_is_a_transient_fault)
{
	read_at_once = false;
	start(NULL);
	turn();
	read_all();
	ck_assert_int_eq(rmdir(directory), 0);
	turn();
	read_all();
	ck_assert_int_eq(read_result, -1);
	ck_assert_int_eq(fault.kind, FAULT_TRANSIENT);
}
END_TEST

static const char *const no_paths[] = { "", "/", "boats.csv", "/tmp/" };

START_TEST(a_path_that_names_no_file_is_a_fault)
{
	ck_assert_int_eq(follow_new(base, no_paths[_i], NULL, &events, &base, &follow, &fault), -1);
	ck_assert_int_eq(fault.kind, FAULT_CONFIG);
	ck_assert_ptr_null(follow);
}
END_TEST

static TCase *file_case(void)
{
	TCase *tests = tcase_create("file");

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, reads_what_is_there_and_then_what_comes);
	tcase_add_test(tests, waits_for_a_file_that_is_not_there_yet);
	tcase_add_test(tests, takes_a_file_that_is_renamed_into_place);
	tcase_add_test(tests, a_partial_last_line_waits_for_its_end);
	tcase_add_test(tests, a_restart_in_the_middle_of_a_partial_line_reads_it_whole);
	tcase_add_test(tests, lines_written_while_nobody_reads_are_read_after_a_restart);
	tcase_add_test(tests, a_position_stays_good_while_the_file_grows_past_the_fingerprint);
	tcase_add_test(tests, an_empty_file_that_was_seen_is_known_again);
	tcase_add_test(tests, a_position_before_any_file_starts_at_the_beginning);
	tcase_add_test(tests, a_large_file_comes_in_stretches_with_their_offsets);
	tcase_add_test(tests, ready_is_called_once_until_all_is_read);
	tcase_add_test(tests, other_files_of_the_directory_do_not_wake);
	tcase_add_test(tests, the_longest_line_is_handed_over_whole);
	tcase_add_loop_test(tests, a_longer_line_is_skipped_and_told_and_the_next_is_read, 0,
			    sizeof(too_long) / sizeof(too_long[0]));
	tcase_add_test(tests, a_restart_inside_a_line_that_is_too_long_skips_it_once);
	tcase_add_test(tests, a_first_line_that_is_too_long_stays_unknown);
	tcase_add_test(tests, a_position_with_any_byte_changed_is_refused);
	tcase_add_loop_test(tests, what_is_no_plain_file_is_a_fault_and_does_not_block, 0, 2);
	tcase_add_test(tests, a_missing_directory_is_a_transient_fault);
	tcase_add_test(tests, a_directory_that_goes_away_is_a_transient_fault);
	tcase_add_loop_test(tests, a_path_that_names_no_file_is_a_fault, 0,
			    sizeof(no_paths) / sizeof(no_paths[0]));
	return tests;
}

int main(void)
{
	Suite *suite = suite_create("follow");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, file_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
