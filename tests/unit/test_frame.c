/* SPDX-License-Identifier: MIT
 *
 * test_frame.c - cutting frames out of a stream that comes in pieces, and refusing what is no
 * frame.
 */
#include <check.h>
#include <string.h>

#include <event2/buffer.h>

#include "frame.h"

static struct evbuffer *in;

static void set_up(void)
{
	in = evbuffer_new();
	ck_assert_ptr_nonnull(in);
}

static void tear_down(void)
{
	evbuffer_free(in);
}

/* magic, version 1, type 7, length 3, generation 9, sequence 0x0102 */
static const unsigned char whole[] = { 0x74, 0x53, 1, 7, 3, 0, 0, 0, 9,	  0,   0,  0,
				       2,    1,	   0, 0, 0, 0, 0, 0, 'a', 'b', 'c' };

START_TEST(waits_until_a_frame_is_whole)
{
	struct fault fault = { 0 };
	struct frame frame;

	for (size_t i = 0; i < sizeof(whole); i++) {
		ck_assert_int_eq(frame_peek(in, &frame, &fault), 0);
		evbuffer_add(in, &whole[i],
			     1); /* each byte in a chain of its own or not: must not matter */
	}
	ck_assert_int_eq(frame_peek(in, &frame, &fault), 1);
	ck_assert_uint_eq(frame.type, 7);
	ck_assert_uint_eq(frame.generation, 9);
	ck_assert_uint_eq(frame.sequence, 0x0102);
	ck_assert_uint_eq(frame.payload_size, 3);
	ck_assert_mem_eq(frame.payload, "abc", 3);
}
END_TEST

START_TEST(gives_the_same_frame_until_it_is_drained)
{
	struct frame frame;

	evbuffer_add(in, whole, sizeof(whole));
	evbuffer_add(in, whole, sizeof(whole));
	ck_assert_int_eq(frame_peek(in, &frame, NULL), 1);
	ck_assert_int_eq(frame_peek(in, &frame, NULL), 1);
	evbuffer_drain(in, FRAME_HEADER_BYTES + frame.payload_size);
	ck_assert_int_eq(frame_peek(in, &frame, NULL), 1);
	evbuffer_drain(in, FRAME_HEADER_BYTES + frame.payload_size);
	ck_assert_int_eq(frame_peek(in, &frame, NULL), 0);
}
END_TEST

static const struct damage {
	const char *what;
	size_t at;
	unsigned char value;
} damages[] = {
	{ "not a frame", 0, 0 },	{ "not a frame", 1, 0 },     { "version 2", 2, 2 },
	{ "version 0", 2, 0 },		{ "at most 1048576", 7, 1 }, /* 16 MiB */
	{ "at most 1048576", 6, 0x11 },				     /* just above 1 MiB */
};

START_TEST(refuses_a_header_that_is)
{
	unsigned char header[FRAME_HEADER_BYTES];
	struct fault fault = { 0 };
	struct frame frame;

	memcpy(header, whole, sizeof(header));
	header[damages[_i].at] = damages[_i].value;
	evbuffer_add(in, header, sizeof(header));
	ck_assert_int_eq(frame_peek(in, &frame, &fault), -1);
	ck_assert_int_eq(fault.kind, FAULT_PROTOCOL);
	ck_assert_msg(strstr(fault.text, damages[_i].what) != NULL, "%s", fault.text);
}
END_TEST

START_TEST(takes_a_frame_of_the_greatest_length)
{
	unsigned char header[FRAME_HEADER_BYTES], block[4096] = { 0 };
	struct fault fault = { 0 };
	struct frame frame;

	memcpy(header, whole, sizeof(header));
	memcpy(header + 4, "\x00\x00\x10\x00", 4);
	evbuffer_add(in, header, sizeof(header));
	for (size_t i = 0; i < FRAME_MAX_BYTES / sizeof(block); i++) {
		ck_assert_int_eq(frame_peek(in, &frame, &fault), 0);
		evbuffer_add(in, block, sizeof(block));
	}
	ck_assert_int_eq(frame_peek(in, &frame, &fault), 1);
	ck_assert_uint_eq(frame.payload_size, FRAME_MAX_BYTES);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("frame");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, waits_until_a_frame_is_whole);
	tcase_add_test(tcase, gives_the_same_frame_until_it_is_drained);
	tcase_add_loop_test(tcase, refuses_a_header_that_is, 0,
			    sizeof(damages) / sizeof(damages[0]));
	tcase_add_test(tcase, takes_a_frame_of_the_greatest_length);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
