/* SPDX-License-Identifier: MIT
 *
 * test_follow_rotation.c - the log follower on files that are renamed, deleted, emptied and
 * replaced. The last test is a random one: a writer that appends in pieces and is rotated, against
 * a reader that is killed and started again. Its seed is told when it fails; STRAIT_SEED repeats
 * it.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nettle/sha2.h>

#include "followed_log.h"

/* ── rotation by rename ────────────────────────────────────────────────────────────────────── */

START_TEST(finishes_the_old_file_before_it_begins_the_new_one)
{
	append("boats.csv", "1\n");
	start(NULL);
	expect("1\n");
	append("boats.csv", "2\n");
	move("boats.csv", "boats.csv.1");
	append("boats.csv.1", "3\n");
	append("boats.csv", "4\n");
	expect("1\n2\n3\n4\n");
	ck_assert_uint_eq(skipped_count, 0);
}
END_TEST

START_TEST(a_rotation_before_the_first_read_hides_nothing)
{
	append("boats.csv", "1\n2\n");
	start(NULL); /* the loop has not turned yet */
	move("boats.csv", "boats.csv.1");
	append("boats.csv", "3\n");
	expect("1\n2\n3\n");
}
END_TEST

START_TEST(reads_what_the_writer_puts_late_into_the_renamed_file)
{
	append("boats.csv", "1\n");
	start(NULL);
	expect("1\n");
	move("boats.csv", "boats.csv.1");
	append("boats.csv", ""); /* made by the rotation; the writer does not know yet */
	settle();
	append("boats.csv.1", "2\n");
	expect("1\n2\n");
	append("boats.csv.1", "3\n");
	append("boats.csv", "4\n");
	expect("1\n2\n3\n4\n");
}
END_TEST

START_TEST(reads_on_in_a_file_that_was_moved_to_another_directory)
{
	append("boats.csv", "1\n");
	start(NULL);
	expect("1\n");
	ck_assert_int_eq(mkdir(path_of("old"), 0755), 0);
	move("boats.csv", "old/boats.csv");
	settle();
	append("old/boats.csv", "2\n");
	expect("1\n2\n");
	append("boats.csv", "3\n");
	expect("1\n2\n3\n");
}
END_TEST

START_TEST(reads_a_deleted_file_to_its_end)
{
	int fd;

	append("boats.csv", "1\n");
	start(NULL);
	expect("1\n");
	fd = open(path_of("boats.csv"), O_WRONLY | O_APPEND | O_CLOEXEC);
	ck_assert_int_eq(unlink(path_of("boats.csv")), 0);
	settle();
	write_bytes(fd, "2\n", 2);
	close(fd);
	append("boats.csv", "3\n");
	expect("1\n2\n3\n");
}
END_TEST

START_TEST(half_a_line_at_the_end_of_a_rotated_file_is_told)
{
	append("boats.csv", "1\n2");
	start(NULL);
	expect("1\n");
	move("boats.csv", "boats.csv.1");
	append("boats.csv", "3\n");
	expect("1\n3\n");
	ck_assert_uint_eq(skipped_count, 1);
	ck_assert_uint_eq(skipped_offset, 2);
	ck_assert_uint_eq(skipped_size, 1);
}
END_TEST

START_TEST(the_first_line_is_that_of_the_new_file)
{
	append("boats.csv", "id,people\n1,2\n");
	start(NULL);
	expect("id,people\n1,2\n");
	ck_assert_str_eq(first_line, "id,people");
	move("boats.csv", "boats.csv.1");
	append("boats.csv", "id,boats\n");
	expect("id,people\n1,2\nid,boats\n");
	ck_assert_str_eq(first_line, "id,boats");
}
END_TEST

/* How rotated files are called, the oldest first. */
static const struct {
	const char *first, *second, *third;
} schemes[] = {
	{ "boats.csv.3", "boats.csv.2", "boats.csv.1" },
	{ "boats.csv.10", "boats.csv.9", "boats.csv.8" },
	{ "boats.csv-20261122", "boats.csv-20261123", "boats.csv-20261124" },
	{ "boats.csv-20261124", "boats.csv-20261124.1", "boats.csv-20261124.2" },
	{ "boats-20261122.csv", "boats-20261123.csv", "boats-20261124.csv" },
	{ "boats.3.csv", "boats.2.csv", "boats.1.csv" },
	{ "boats.csv.2026-11-22T06:00:00", "boats.csv.2026-11-23T06:00:00",
	  "boats.csv.2026-11-24T06:00:00" },
};

START_TEST(several_rotations_while_nobody_reads_are_caught_up_in_order)
{
	unsigned char position[FOLLOW_POSITION_BYTES];

	append("boats.csv", "1\n");
	start(NULL);
	expect("1\n");
	stop(position);
	append("boats.csv", "2\n");
	move("boats.csv", schemes[_i].first);
	append("boats.csv", "3\n");
	move("boats.csv", schemes[_i].second);
	append("boats.csv", "4\n");
	move("boats.csv", schemes[_i].third);
	append("boats.csv", "5\n");
	start(position);
	expect("1\n2\n3\n4\n5\n");
	ck_assert_uint_eq(skipped_count, 0);
	restart();
	append("boats.csv", "6\n");
	expect("1\n2\n3\n4\n5\n6\n");
}
END_TEST

START_TEST(several_rotations_between_two_turns_of_the_loop_are_caught_up)
{
	append("boats.csv", "1\n");
	start(NULL);
	expect("1\n");
	move("boats.csv", schemes[_i].first);
	append("boats.csv", "2\n");
	move("boats.csv", schemes[_i].second);
	append("boats.csv", "3\n");
	move("boats.csv", schemes[_i].third);
	expect("1\n2\n3\n");
	append("boats.csv", "4\n");
	expect("1\n2\n3\n4\n");
}
END_TEST

/* Files beside the log that are no rotations of it, however young. */
static const char *const strangers[] = {
	"boats.csv.bak", "boats.csv~",	"boats.csv.1.gz", "boats.csv.swp", "aboats.csv.1",
	"boats.csv.",	 "boats.csvx1", "boats.txt",	  "oats.csv.1",	   "boats-old.csv",
};

START_TEST(other_files_are_never_taken_for_a_rotated_one)
{
	unsigned char position[FOLLOW_POSITION_BYTES];

	append("boats.csv", "1\n");
	start(NULL);
	expect("1\n");
	stop(position);
	move("boats.csv", "boats.csv.2");
	append(strangers[_i], "no\n");
	append("boats.csv", "2\n");
	start(position);
	expect("1\n2\n");
}
END_TEST

START_TEST(rotations_older_than_the_position_are_not_read_again)
{
	append("boats.csv", "0\n");
	move("boats.csv", "boats.csv.1");
	append("boats.csv", "1\n");
	start(NULL);
	expect("1\n");
	move("boats.csv.1", "boats.csv.2");
	move("boats.csv", "boats.csv.1");
	append("boats.csv.2", "touched\n");
	append("boats.csv", "2\n");
	expect("1\n2\n");
	restart();
	append("boats.csv", "3\n");
	expect("1\n2\n3\n");
}
END_TEST

START_TEST(a_file_that_vanished_while_nobody_read_is_told_and_the_next_are_read)
{
	unsigned char position[FOLLOW_POSITION_BYTES];

	append("boats.csv", "1\n");
	start(NULL);
	expect("1\n");
	stop(position);
	append("boats.csv", "lost\n");
	wait_for_tick();
	move("boats.csv", "boats.csv.2");
	append("boats.csv", "2\n");
	move("boats.csv", "boats.csv.1");
	append("boats.csv", "3\n");
	ck_assert_int_eq(unlink(path_of("boats.csv.2")), 0);
	start(position);
	expect("1\n2\n3\n");
	ck_assert_uint_eq(skipped_count, 1);
	ck_assert_uint_eq(skipped_offset, 2);
	ck_assert_ptr_nonnull(strstr(skipped_why, "gone"));
}
END_TEST

static uint64_t next_place(void)
{
	struct follow_stretch stretch;

	ck_assert_msg(follow_read(follow, &stretch, &fault) == 1, "%s", fault.text);
	while (follow_read(follow, &stretch, &fault) == 1)
		;
	return stretch.base + stretch.offset;
}

START_TEST(places_of_the_log_grow_through_rotation_truncation_and_restarts)
{
	read_at_once = false;
	append("boats.csv", "1\n22\n");
	start(NULL);
	ck_assert_uint_eq(next_place(), 0);
	move("boats.csv", "boats.csv.1");
	append("boats.csv", "333\n");
	ck_assert_uint_eq(next_place(), 5);
	restart();
	append("boats.csv", "4\n");
	ck_assert_uint_eq(next_place(), 9);
	ck_assert_int_eq(truncate(path_of("boats.csv"), 0), 0);
	append("boats.csv", "5\n");
	ck_assert_uint_eq(next_place(), 11);
	move("boats.csv", "boats.csv.2");
	append("boats.csv", "6\n");
	ck_assert_uint_eq(next_place(), 13);
	ck_assert_uint_eq(skipped_count, 0);
}
END_TEST

static void sha256(const void *data, size_t size, unsigned char *ret_hash, size_t hash_size)
{
	struct sha256_ctx context;

	sha256_init(&context);
	sha256_update(&context, size, data);
	sha256_digest(&context, hash_size, ret_hash);
}

/* It had 16 bytes of the hash where there are 8 and the base now. */
START_TEST(goes_on_from_a_position_of_the_version_before)
{
	unsigned char position[FOLLOW_POSITION_BYTES];

	append("boats.csv", "1\n");
	start(NULL);
	expect("1\n");
	stop(position);
	ck_assert_uint_eq(position[2], 2);
	position[2] = 1;
	sha256("1\n", 2, position + 40, 16);
	sha256(position, 56, position + 56, 8);
	append("boats.csv", "2\n");
	read_at_once = false;
	start(position);
	ck_assert_uint_eq(next_place(), 2);
	ck_assert_uint_eq(skipped_count, 0);
}
END_TEST

/* ── files emptied or replaced ─────────────────────────────────────────────────────────────── */

START_TEST(a_file_emptied_under_our_feet_is_read_from_its_start)
{
	append("boats.csv", "1\n2\n");
	start(NULL);
	expect("1\n2\n");
	ck_assert_int_eq(truncate(path_of("boats.csv"), 0), 0);
	append("boats.csv", "3\n");
	expect("1\n2\n3\n");
	ck_assert_uint_eq(skipped_count, 0);
}
END_TEST

START_TEST(a_file_emptied_and_filled_past_the_old_place_is_seen_by_its_first_bytes)
{
	append("boats.csv", "1\n");
	start(NULL);
	expect("1\n");
	ck_assert_int_eq(truncate(path_of("boats.csv"), 0), 0);
	append("boats.csv", "two\nthree\n");
	expect("1\ntwo\nthree\n");
}
END_TEST

START_TEST(half_a_line_that_was_emptied_away_is_told)
{
	append("boats.csv", "1\nhalf");
	start(NULL);
	expect("1\n");
	ck_assert_int_eq(truncate(path_of("boats.csv"), 0), 0);
	append("boats.csv", "2\n");
	expect("1\n2\n");
	ck_assert_uint_eq(skipped_count, 1);
	ck_assert_uint_eq(skipped_offset, 2);
	ck_assert_uint_eq(skipped_size, 4);
}
END_TEST

static const char *const rewritten[] = { "2\n", "22222\n", "two\nthree\n" };

START_TEST(a_file_written_anew_while_nobody_read_is_read_from_its_start_and_told)
{
	unsigned char position[FOLLOW_POSITION_BYTES];
	char expected[64];

	append("boats.csv", "1111\n");
	start(NULL);
	expect("1111\n");
	stop(position);
	ck_assert_int_eq(truncate(path_of("boats.csv"), 0), 0);
	append("boats.csv", rewritten[_i]);
	snprintf(expected, sizeof(expected), "1111\n%s", rewritten[_i]);
	start(position);
	expect(expected);
	ck_assert_uint_eq(skipped_count, 1);
	ck_assert_ptr_nonnull(strstr(skipped_why, "emptied"));
}
END_TEST

/* copytruncate makes a younger copy of what was read: not a rotation that follows. */
START_TEST(the_copy_that_copytruncate_leaves_is_not_read)
{
	unsigned char position[FOLLOW_POSITION_BYTES];

	append("boats.csv", "1111\n");
	start(NULL);
	expect("1111\n");
	stop(position);
	append("boats.csv.1", "1111\n");
	ck_assert_int_eq(truncate(path_of("boats.csv"), 0), 0);
	append("boats.csv", "2\n");
	start(position);
	expect("1111\n2\n");
	restart();
	append("boats.csv", "3\n");
	expect("1111\n2\n3\n");
}
END_TEST

/* File systems give the number of a deleted file to the next one. */
START_TEST(another_file_with_the_same_inode_number_is_another_file)
{
	unsigned char position[FOLLOW_POSITION_BYTES];
	struct stat old, new;

	append("boats.csv", "id,people\n1,40\n");
	start(NULL);
	expect("id,people\n1,40\n");
	stop(position);
	ck_assert_int_eq(stat(path_of("boats.csv"), &old), 0);
	wait_for_tick();
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(unlink(path_of("boats.csv")), 0);
		append("boats.csv", "id,people\n2,33\n3,7\n");
		ck_assert_int_eq(stat(path_of("boats.csv"), &new), 0);
		if (old.st_ino == new.st_ino)
			break; /* else the test is weaker, not wrong */
	}
	start(position);
	expect("id,people\n1,40\nid,people\n2,33\n3,7\n");
}
END_TEST

/* ── at random ─────────────────────────────────────────────────────────────────────────────── */

struct writer {
	unsigned int seed;
	int fd;		   /* open log, maybe renamed since */
	bool renamed;	   /* it was: the writer has to open the new one at the end of a line */
	unsigned int line; /* number of the line being written */
	char text[64];	   /* of it */
	size_t at;	   /* how much of it was written */
	char *all;	   /* every complete line so far */
	size_t all_size;
	unsigned int rotations;
};

static unsigned int draw(struct writer *writer, unsigned int below)
{
	return (unsigned int)rand_r(&writer->seed) % below;
}

static void next_line(struct writer *writer)
{
	snprintf(writer->text, sizeof(writer->text), "%u %.*s\n", writer->line++,
		 (int)draw(writer, 40), "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
	writer->at = 0;
}

static void write_piece(struct writer *writer)
{
	size_t left, size;

	if (writer->renamed && writer->at == 0) {
		close(writer->fd);
		writer->fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		writer->renamed = false;
	}
	left = strlen(writer->text + writer->at);
	size = 1 + draw(writer, (unsigned int)left);
	write_bytes(writer->fd, writer->text + writer->at, size);
	writer->at += size;
	if (size < left)
		return;
	writer->all = realloc(writer->all, writer->all_size + strlen(writer->text) + 1);
	memcpy(writer->all + writer->all_size, writer->text, strlen(writer->text) + 1);
	writer->all_size += strlen(writer->text);
	next_line(writer);
}

static void rotate(struct writer *writer)
{
	char from[32], to[32];

	if (access(log_path, F_OK) < 0)
		return;
	for (unsigned int i = writer->rotations; i >= 1; i--) {
		snprintf(from, sizeof(from), "boats.csv.%u", i);
		snprintf(to, sizeof(to), "boats.csv.%u", i + 1);
		move(from, to);
	}
	move("boats.csv", "boats.csv.1");
	writer->rotations++;
	writer->renamed = true;
	if (draw(writer, 2))
		append("boats.csv", ""); /* as logrotate's "create" */
}

/* A position that was stored, and how much had come out by then. */
struct commit {
	unsigned char position[FOLLOW_POSITION_BYTES];
	size_t lines_size;
};

static void crash_and_restart(const struct commit *commit)
{
	lines_size = commit->lines_size;
	lines[lines_size] = '\0';
	start(commit->position);
}

static void report_difference(unsigned int seed, const char *all, size_t all_size)
{
	size_t at = 0;

	while (at < all_size && at < lines_size && lines[at] == all[at])
		at++;
	ck_abort_msg("seed %u: %zu bytes came out of %zu; from byte %zu on '%.80s' and not '%.80s'",
		     seed, lines_size, all_size, at, lines + at, all + at);
}

static void run_random(unsigned int seed)
{
	struct writer writer = { .seed = seed };
	struct commit commit = { .lines_size = 0 };

	writer.fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	next_line(&writer);
	start(NULL); /* without a position, reading begins with the file that is there now */
	turn();
	follow_position(follow, commit.position);
	for (int step = 0; step < 600; step++) {
		unsigned int what = draw(&writer, 100);

		if (what < 70) {
			write_piece(&writer);
		} else if (what < 74) {
			rotate(&writer);
		} else if (what < 94) {
			settle();
		} else if (what < 97) {
			follow_position(follow, commit.position);
			commit.lines_size = lines_size;
		} else {
			crash_and_restart(&commit);
		}
	}
	while (writer.at != 0)
		write_piece(&writer);
	while (lines_size < writer.all_size)
		turn();
	if (lines_size != writer.all_size || memcmp(lines, writer.all, lines_size) != 0)
		report_difference(seed, writer.all, writer.all_size);
	ck_assert_msg(skipped_count == 0, "seed %u: %s", seed, skipped_why);
	close(writer.fd);
	free(writer.all);
}

START_TEST(every_line_comes_out_exactly_once)
{
	const char *fixed = getenv("STRAIT_SEED");

	run_random(fixed ? (unsigned int)strtoul(fixed, NULL, 10) : (unsigned int)_i * 7919 + 1);
}
END_TEST

static TCase *rotation_case(void)
{
	TCase *tests = tcase_create("rotation");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, finishes_the_old_file_before_it_begins_the_new_one);
	tcase_add_test(tests, a_rotation_before_the_first_read_hides_nothing);
	tcase_add_test(tests, reads_what_the_writer_puts_late_into_the_renamed_file);
	tcase_add_test(tests, reads_on_in_a_file_that_was_moved_to_another_directory);
	tcase_add_test(tests, reads_a_deleted_file_to_its_end);
	tcase_add_test(tests, half_a_line_at_the_end_of_a_rotated_file_is_told);
	tcase_add_test(tests, the_first_line_is_that_of_the_new_file);
	tcase_add_test(tests, places_of_the_log_grow_through_rotation_truncation_and_restarts);
	tcase_add_test(tests, goes_on_from_a_position_of_the_version_before);
	tcase_add_loop_test(tests, several_rotations_while_nobody_reads_are_caught_up_in_order, 0,
			    sizeof(schemes) / sizeof(schemes[0]));
	tcase_add_loop_test(tests, several_rotations_between_two_turns_of_the_loop_are_caught_up, 0,
			    sizeof(schemes) / sizeof(schemes[0]));
	tcase_add_loop_test(tests, other_files_are_never_taken_for_a_rotated_one, 0,
			    sizeof(strangers) / sizeof(strangers[0]));
	tcase_add_test(tests, rotations_older_than_the_position_are_not_read_again);
	tcase_add_test(tests, a_file_that_vanished_while_nobody_read_is_told_and_the_next_are_read);
	tcase_add_test(tests, a_file_emptied_under_our_feet_is_read_from_its_start);
	tcase_add_test(tests,
		       a_file_emptied_and_filled_past_the_old_place_is_seen_by_its_first_bytes);
	tcase_add_test(tests, half_a_line_that_was_emptied_away_is_told);
	tcase_add_loop_test(tests,
			    a_file_written_anew_while_nobody_read_is_read_from_its_start_and_told,
			    0, sizeof(rewritten) / sizeof(rewritten[0]));
	tcase_add_test(tests, the_copy_that_copytruncate_leaves_is_not_read);
	tcase_add_test(tests, another_file_with_the_same_inode_number_is_another_file);
	return tests;
}

int main(void)
{
	Suite *suite = suite_create("follow_rotation");
	TCase *random = tcase_create("random");
	SRunner *runner;
	int failed;

	tcase_set_timeout(random, 60);
	tcase_add_checked_fixture(random, set_up, tear_down);
	tcase_add_loop_test(random, every_line_comes_out_exactly_once, 0, 20);
	suite_add_tcase(suite, rotation_case());
	suite_add_tcase(suite, random);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
