/* SPDX-License-Identifier: MIT
 *
 * test_original.c - straitctl's view of a kept original: locators taken apart, lines found in the
 * stream, broken streams told. The module is part of straitctl, so its source is included here;
 * cells are in tests/integration/test_explain.c.
 */
#include "../../tools/original.c"

#include <check.h>
#include <sys/mman.h>

static bool asked_for_cells;

bool original_cells(const void *data, size_t size, struct original_want *wants, size_t count,
		    char error[ORIGINAL_ERROR_MAX])
{
	(void)data, (void)wants, (void)count, (void)error;
	asked_for_cells = size > 0;
	return true;
}

/* ── locators ──────────────────────────────────────────────────────────────────────────────── */

static const struct {
	const char *locator;
	size_t count;
	struct original_place places[2];
} locators[] = {
	{ "byte 0", 1, { { .offset = 0 } } },
	{ "byte 123, 1 record", 1, { { .offset = 123 } } },
	{ "bytes 5-900, 12 records", 2, { { .offset = 5 }, { .offset = 900 } } },
	{ "bytes 5-900, 12 records in 3 commits", 2, { { .offset = 5 }, { .offset = 900 } } },
	{ "bytes 0-900, 12 events", 0, { { 0 } } },
	{ "bytes 0-900, 12 events in 3 commits", 0, { { 0 } } },
	{ "SB_01!B978", 1, { { .is_cell = true, .sheet = "SB_01", .row = 977, .column = 1 } } },
	{ "SB 1, old!AA1", 1, { { .is_cell = true, .sheet = "SB 1, old", .column = 26 } } },
	{ "a!b!C3", 1, { { .is_cell = true, .sheet = "a!b", .row = 2, .column = 2 } } },
	{ "byte 5!A1", 1, { { .is_cell = true, .sheet = "byte 5" } } },
	{ "B5", 1, { { .is_cell = true, .row = 4, .column = 1 } } },
	{ "S!A1 - S!B2, 4 records",
	  2,
	  { { .is_cell = true, .sheet = "S" },
	    { .is_cell = true, .sheet = "S", .row = 1, .column = 1 } } },
	{ "S!A1, 1 record", 1, { { .is_cell = true, .sheet = "S" } } },
	{ "", 0, { { 0 } } },
	{ "byte", 0, { { 0 } } },
	{ "byte x", 0, { { 0 } } },
	{ "bytes 5", 0, { { 0 } } },
	{ "bytes 5-", 0, { { 0 } } },
	{ "byte 99999999999999999999", 0, { { 0 } } },
	{ "S!", 0, { { 0 } } },
	{ "S!B0", 0, { { 0 } } },
	{ "S!ABCDE1", 0, { { 0 } } },
	{ "S!B99999999999", 0, { { 0 } } },
};

START_TEST(takes_a_locator_apart)
{
	struct original_place places[2];
	size_t count = original_places(locators[_i].locator, places);

	ck_assert_uint_eq(count, locators[_i].count);
	for (size_t i = 0; i < count; i++) {
		const struct original_place *expected = &locators[_i].places[i];

		ck_assert(places[i].is_cell == expected->is_cell);
		ck_assert_uint_eq(places[i].offset, expected->offset);
		ck_assert_uint_eq(places[i].row, expected->row);
		ck_assert_uint_eq(places[i].column, expected->column);
		ck_assert_str_eq(places[i].sheet, expected->sheet);
	}
}
END_TEST

/* ── streams ───────────────────────────────────────────────────────────────────────────────── */

static char error[ORIGINAL_ERROR_MAX];

/* A compressed file of these bytes, or of the first `keep` of its own. */
static int stream_of(const char *data, size_t size, size_t keep)
{
	size_t room = ZSTD_compressBound(size), made;
	char *compressed = malloc(room);
	int fd = memfd_create("original", MFD_CLOEXEC);

	ck_assert_ptr_nonnull(compressed);
	made = ZSTD_compress(compressed, room, data, size, 1);
	ck_assert(!ZSTD_isError(made));
	if (keep < made)
		made = keep;
	ck_assert_int_eq(write(fd, compressed, made), (ssize_t)made);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	free(compressed);
	return fd;
}

START_TEST(finds_lines_by_their_bytes)
{
	static const char text[] = "first\nsecond, longer\r\nlast";
	struct original_want wants[] = {
		{ .place = { .offset = 22 } }, { .place = { .offset = 0 } },
		{ .place = { .offset = 6 } },  { .place = { .offset = 13 } },
		{ .place = { .offset = 6 } },  { .place = { .offset = 1000 } },
	};
	static const char *const expected[] = { "first", "second, longer\r", "second, longer\r",
						" longer\r", "last" };
	int fd = stream_of(text, sizeof(text) - 1, SIZE_MAX);

	ck_assert_msg(original_read(fd, wants, 6, error), "%s", error);
	for (size_t i = 0; i < 5; i++) {
		ck_assert_str_eq(wants[i].text, expected[i]);
		free(wants[i].text);
	}
	ck_assert_ptr_null(wants[5].text);
	(void)close(fd);
}
END_TEST

/* Lines over the borders of the pieces that zstd gives, and one that has no end. */
START_TEST(finds_lines_in_a_large_document)
{
	size_t piece = ZSTD_DStreamOutSize(), size = 3 * piece;
	char *text = malloc(size);
	struct original_want wants[] = { { .place = { .offset = piece - 3 } },
					 { .place = { .offset = 2 * piece -
								ORIGINAL_TEXT_MAX / 2 } } };
	int fd;

	ck_assert_ptr_nonnull(text);
	for (size_t i = 0; i < size; i++)
		text[i] = (char)('a' + i % 26);
	text[piece + 2] = '\n';
	fd = stream_of(text, size, SIZE_MAX);
	ck_assert_msg(original_read(fd, wants, 2, error), "%s", error);
	ck_assert_uint_eq(strlen(wants[0].text), 5);
	ck_assert_mem_eq(wants[0].text, text + piece - 3, 5);
	ck_assert_uint_eq(strlen(wants[1].text), ORIGINAL_TEXT_MAX);
	ck_assert_mem_eq(wants[1].text, text + 2 * piece - ORIGINAL_TEXT_MAX / 2,
			 ORIGINAL_TEXT_MAX);
	free(wants[0].text);
	free(wants[1].text);
	free(text);
	(void)close(fd);
}
END_TEST

START_TEST(a_stream_that_is_cut_short_is_told)
{
	struct original_want want = { .place = { .offset = 1000 } };
	static const char text[] = "some text that is long enough to be cut, and more of it";
	int fd = stream_of(text, sizeof(text), (size_t)_i);

	ck_assert(!original_read(fd, &want, 1, error));
	ck_assert_ptr_nonnull(strstr(error, "kept original"));
	ck_assert_ptr_null(want.text);
	(void)close(fd);
}
END_TEST

START_TEST(what_is_no_stream_is_told)
{
	struct original_want want = { .place = { .offset = 0 } };
	int fd = memfd_create("original", MFD_CLOEXEC);

	ck_assert_int_eq(write(fd, "not compressed at all", 21), 21);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	ck_assert(!original_read(fd, &want, 1, error));
	ck_assert_ptr_nonnull(strstr(error, "damaged"));
	(void)close(fd);
}
END_TEST

/* A bomb: little in the stream, much out of it. */
START_TEST(a_spreadsheet_over_the_limit_is_refused)
{
	size_t size = (size_t)ORIGINAL_BYTES_MAX + 1;
	struct original_want want = { .place = { .is_cell = true, .sheet = "S" } };
	char *text = calloc(1, size);
	int fd;

	ck_assert_ptr_nonnull(text);
	fd = stream_of(text, size, SIZE_MAX);
	ck_assert(!original_read(fd, &want, 1, error));
	ck_assert_ptr_nonnull(strstr(error, "larger than 16 MiB"));
	(void)close(fd);
	fd = stream_of(text, size - 1, SIZE_MAX);
	ck_assert_msg(original_read(fd, &want, 1, error), "%s", error);
	ck_assert(asked_for_cells);
	free(text);
	(void)close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("original");
	TCase *tests = tcase_create("original");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tests, takes_a_locator_apart, 0,
			    sizeof(locators) / sizeof(locators[0]));
	tcase_add_test(tests, finds_lines_by_their_bytes);
	tcase_add_test(tests, finds_lines_in_a_large_document);
	tcase_add_loop_test(tests, a_stream_that_is_cut_short_is_told, 1, 40);
	tcase_add_test(tests, what_is_no_stream_is_told);
	tcase_add_test(tests, a_spreadsheet_over_the_limit_is_refused);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
