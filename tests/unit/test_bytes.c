/* SPDX-License-Identifier: MIT
 *
 * test_bytes.c - bounded writer and reader, and the UTF-8 that texts are checked with.
 */
#include <check.h>
#include <math.h>
#include <string.h>

#include "bytes.h"
#include "utf8.h"

START_TEST(writes_fixed_widths_little_endian)
{
	static const unsigned char expected[] = { 0x01, 0x02, 0x01, 0x04, 0x03, 0x02, 0x01,
						  0xfe, 0xff, 0xff, 0xff, 0,	0,    0,
						  0,	0,    0,    0xf0, 0x3f };
	unsigned char memory[32];
	struct bytes_writer writer = bytes_writer(memory, sizeof(memory));

	bytes_put_u8(&writer, 1);
	bytes_put_u16(&writer, 0x0102);
	bytes_put_u32(&writer, 0x01020304);
	bytes_put_i32(&writer, -2);
	bytes_put_f64(&writer, 1.0);
	ck_assert(!writer.failed);
	ck_assert_uint_eq(writer.used, sizeof(expected));
	ck_assert_mem_eq(memory, expected, sizeof(expected));
}
END_TEST

START_TEST(reads_back_what_it_wrote)
{
	unsigned char memory[128];
	struct bytes_writer writer = bytes_writer(memory, sizeof(memory));
	struct bytes_reader reader;
	const void *blob;
	size_t size;

	bytes_put_u64(&writer, UINT64_MAX);
	bytes_put_i64(&writer, INT64_MIN);
	bytes_put_f64(&writer, -0.5);
	bytes_put_text(&writer, "Straße", 64);
	bytes_put_text(&writer, NULL, 64);
	bytes_put_blob(&writer, "\0x", 2);
	reader = bytes_reader(memory, writer.used);
	ck_assert(bytes_get_u64(&reader) == UINT64_MAX);
	ck_assert(bytes_get_i64(&reader) == INT64_MIN);
	ck_assert(bytes_get_f64(&reader) == -0.5);
	ck_assert_str_eq(bytes_get_text(&reader, 64), "Straße");
	ck_assert_str_eq(bytes_get_text(&reader, 64), "");
	blob = bytes_get_blob(&reader, 2, &size);
	ck_assert_uint_eq(size, 2);
	ck_assert_mem_eq(blob, "\0x", 2);
	ck_assert(bytes_finish(&reader));
}
END_TEST

START_TEST(a_full_writer_fails_once_and_for_all)
{
	unsigned char memory[6] = { 0, 0, 0, 0, 0, 0xaa };
	struct bytes_writer writer = bytes_writer(memory, 5);

	bytes_put_u32(&writer, 1);
	bytes_put_u16(&writer, 1);
	ck_assert(writer.failed);
	bytes_put_u8(&writer, 1); /* would fit */
	ck_assert_uint_eq(writer.used, 4);
	ck_assert_uint_eq(memory[5], 0xaa);
}
END_TEST

START_TEST(a_writer_without_memory_measures)
{
	struct bytes_writer writer = bytes_writer(NULL, 1000);

	bytes_put_text(&writer, "four", 10);
	bytes_put_u64(&writer, 1);
	ck_assert(!writer.failed);
	ck_assert_uint_eq(writer.used, 2 + 4 + 1 + 8);
}
END_TEST

static const struct bad_text {
	const char *what;
	const char *bytes;
	size_t size;
} bad_texts[] = {
	{ "longer than allowed",
	  "\x09\x00"
	  "123456789",
	  12 },
	{ "longer than what is there",
	  "\x08\x00"
	  "1234",
	  7 },
	{ "not terminated",
	  "\x02\x00"
	  "123",
	  5 },
	{ "NUL inside",
	  "\x02\x00"
	  "1\0",
	  5 },
	{ "lone continuation byte", "\x01\x00\x80", 4 },
	{ "overlong slash", "\x02\x00\xc0\xaf", 5 },
	{ "surrogate", "\x03\x00\xed\xa0\x80", 6 },
	{ "past U+10FFFF", "\x04\x00\xf4\x90\x80\x80", 7 },
	{ "cut sequence", "\x02\x00\xe2\x82", 5 },
	{ "only a length", "\x00", 1 },
};

START_TEST(refuses_text_that_is)
{
	const struct bad_text *row = &bad_texts[_i];
	struct bytes_reader reader = bytes_reader(row->bytes, row->size);

	ck_assert_str_eq(bytes_get_text(&reader, 8), "");
	ck_assert_msg(reader.failed, "%s", row->what);
	ck_assert_uint_eq(bytes_get_u32(&reader), 0);
	ck_assert(!bytes_finish(&reader));
}
END_TEST

START_TEST(refuses_counts_that_cannot_be)
{
	struct bytes_reader reader = bytes_reader("\xff\xff\xff\xff____", 8);

	ck_assert_uint_eq(bytes_get_count(&reader, UINT32_MAX, 1), 0);
	ck_assert(reader.failed);
	reader = bytes_reader("\x02\0\0\0____", 8);
	ck_assert_uint_eq(bytes_get_count(&reader, 2, 2), 2);
	reader = bytes_reader("\x03\0\0\0____", 8);
	ck_assert_uint_eq(bytes_get_count(&reader, 2, 1), 0);
	ck_assert(reader.failed);
}
END_TEST

START_TEST(refuses_what_is_left_over)
{
	struct bytes_reader reader = bytes_reader("ab", 2);

	(void)bytes_get_u8(&reader);
	ck_assert(!bytes_finish(&reader));
	ck_assert_uint_eq(reader.failed_at, 1);
}
END_TEST

static const struct repair {
	const char *given, *expected;
	size_t room;
} repairs[] = {
	{ "plain", "plain", 32 },
	{ "a\nb\tc\x7f", "a b c ", 32 },
	{ "\xff\xc3\xa9", "?é", 32 },
	{ "ééé", "éé", 6 },
	{ "abc", "ab", 3 },
	{ "x\xc2\x85y", "x y", 32 },
	{ "\xe2\x82", "??", 32 },
	{ "\xe2\x80\xa8", " ", 32 },
	{ "", "", 1 },
};

START_TEST(repairs_text_for_the_wire)
{
	char buffer[32];
	size_t used =
		utf8_repair(buffer, repairs[_i].room, repairs[_i].given, strlen(repairs[_i].given));

	ck_assert_str_eq(buffer, repairs[_i].expected);
	ck_assert_uint_eq(used, strlen(repairs[_i].expected));
	ck_assert(utf8_printable(buffer, used));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bytes");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, writes_fixed_widths_little_endian);
	tcase_add_test(tcase, reads_back_what_it_wrote);
	tcase_add_test(tcase, a_full_writer_fails_once_and_for_all);
	tcase_add_test(tcase, a_writer_without_memory_measures);
	tcase_add_loop_test(tcase, refuses_text_that_is, 0,
			    sizeof(bad_texts) / sizeof(bad_texts[0]));
	tcase_add_test(tcase, refuses_counts_that_cannot_be);
	tcase_add_test(tcase, refuses_what_is_left_over);
	tcase_add_loop_test(tcase, repairs_text_for_the_wire, 0,
			    sizeof(repairs) / sizeof(repairs[0]));
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
