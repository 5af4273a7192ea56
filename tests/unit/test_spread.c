/* SPDX-License-Identifier: MIT
 *
 * test_spread.c - distributions as bytes. Test program.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "spread.h"
#include "spread_pool.h"

#define ROUNDS 200

static uint64_t state = 88172645463325252ull;

/* xorshift64 (Marsaglia): the same numbers in every run */
static uint64_t draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

START_TEST(whole_numbers_come_back)
{
	for (int i = 0; i <= 256; i++)
		ck_assert(spread_value(spread_bucket(i)) == i);
	ck_assert_uint_eq(spread_bucket(-3), 0);
	ck_assert(spread_value(spread_bucket(1000.1)) <= 1000.1);
	ck_assert(spread_value(spread_bucket(1000.1)) > 1000.1 * (1 - 1.0 / 128));
}
END_TEST

/* Random values through the pool, merged and taken away again, against plain counters. */
START_TEST(merging_is_adding_and_taking_away)
{
	struct spread_pool *pool = spread_pool_new();
	static uint8_t one[1 << 16], two[1 << 16], both[1 << 19], back[1 << 21];

	for (int round = 0; round < ROUNDS; round++) {
		size_t sizes[2], sum, size;
		uint64_t total, values = 0;

		for (uint32_t part = 0; part < 2; part++) {
			uint32_t head = 0;
			int count = (int)(draw() % 300);
			size_t announced = 0;

			for (int i = 0; i < count; i++) {
				uint32_t times = (uint32_t)(draw() % (draw() % 7 ? 3 : 100000)) + 1;

				announced += spread_pool_add(
					pool, &head, part,
					spread_bucket((double)(draw() % 4000) / 16), times);
				values += times;
			}
			sizes[part] = spread_pool_encode(pool, head, part ? two : one, 1 << 16);
			ck_assert_uint_le(sizes[part], announced);
		}
		spread_pool_clear(pool);
		sum = spread_merge(one, sizes[0], two, sizes[1], 1, both, sizeof(both));
		ck_assert_uint_le(sum, spread_room(sizes[0], sizes[1]));
		ck_assert(spread_valid(both, sum, &total));
		ck_assert_uint_eq(total, values);
		size = spread_merge(both, sum, two, sizes[1], -1, back, sizeof(back));
		ck_assert_uint_eq(size, sizes[0]);
		ck_assert_int_eq(memcmp(back, one, size), 0);
	}
	ck_assert_ptr_null(spread_pool_free(pool));
}
END_TEST

START_TEST(broken_bytes_are_refused)
{
	static const struct {
		const char *bytes;
		size_t size;
	} cases[] = {
		{ "\x05", 1 },		   /* no count */
		{ "\x05\x00", 2 },	   /* a count of 0 */
		{ "\x05\x01\x00\x01", 4 }, /* the same bucket again */
		{ "\xff\xff\xff\x01", 4 }, /* name of more than three bytes */
		{ "\xff\xff\x7f\x01", 4 }, /* no such bucket */
		{ "\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 }, /* too large */
	};
	uint64_t total;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(!spread_valid(cases[i].bytes, cases[i].size, &total), "case %zu", i);
	ck_assert(spread_valid("", 0, &total));
	ck_assert_uint_eq(total, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spread");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, whole_numbers_come_back);
	tcase_add_test(tcase, merging_is_adding_and_taking_away);
	tcase_add_test(tcase, broken_bytes_are_refused);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
