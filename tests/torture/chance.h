/* SPDX-License-Identifier: MIT
 *
 * chance.h - the one source of choices of the campaign: a seed gives the same ones again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct chance {
	uint64_t state; /* never 0 */
};

/* splitmix64 (Steele, Lea, Flood 2014) of the seed and the number of what is begun, so that each
   run of a campaign can be repeated alone. */
static inline struct chance chance_begin(uint64_t seed, uint64_t number)
{
	uint64_t z = seed + (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (struct chance){ .state = (z ^ z >> 31) | 1 };
}

/* One of `of` numbers from 0: xorshift64 (Marsaglia 2003, "Xorshift RNGs"). */
static inline uint64_t chance_of(struct chance *chance, uint64_t of)
{
	chance->state ^= chance->state << 13;
	chance->state ^= chance->state >> 7;
	chance->state ^= chance->state << 17;
	return (chance->state >> 11) % of;
}

static inline bool chance_one_in(struct chance *chance, uint64_t of)
{
	return chance_of(chance, of) == 0;
}
