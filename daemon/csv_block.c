/* SPDX-License-Identifier: MIT
 *
 * csv_block.c - finds separators, quotes, line ends and NUL bytes, 64 at a time, with what the
 * processor has (AVX2, SSE2, NEON, or plain C). Owns nothing, runs in workers (and tools that read
 * CSV). Invariant: all versions give the same bits for the same bytes (tests/unit/test_csv.c). Must
 * never read past the end of the data: the input may end at the end of a page.
 */
#include "csv_block.h"

#include <endian.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (unsigned char)(byte))

/* Bit i of the result: byte i of the word, which was loaded little-endian, is `byte`. Eight bytes
   at once without vector instructions: adding 0x7f to the low seven bits sets a byte's top bit
   unless they are 0, and no carry leaves the byte; the multiplication moves the eight top bits next
   to each other. */
static inline uint64_t match_8(uint64_t word, char byte)
{
	uint64_t low = EACH_BYTE(0x7f), differs = word ^ EACH_BYTE(byte);
	uint64_t equal = ~(((differs & low) + low) | differs | low);

	return (equal >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

static struct csv_block classify_plain(const char *bytes, char separator)
{
	struct csv_block block = { 0, 0 };

	for (unsigned int i = 0; i < CSV_BLOCK_BYTES; i += sizeof(uint64_t)) {
		uint64_t word, both;

		memcpy(&word, bytes + i, sizeof(word));
		word = le64toh(word);
		both = match_8(word, '\n') | match_8(word, '\0');
		block.outside |= (both | match_8(word, separator)) << i;
		block.inside |= (both | match_8(word, '"')) << i;
	}
	return block;
}

/* The last, incomplete block, read from a copy. */
static struct csv_block classify_tail(const char *bytes, size_t size, char separator)
{
	char copy[CSV_BLOCK_BYTES] = { 0 };
	struct csv_block block;
	uint64_t valid = (UINT64_C(1) << size) - 1;

	memcpy(copy, bytes, size);
	block = classify_plain(copy, separator);
	block.outside &= valid;
	block.inside &= valid;
	return block;
}

static void classify_all_plain(const char *data, size_t size, char separator,
			       struct csv_block *ret_blocks)
{
	for (; size >= CSV_BLOCK_BYTES; size -= CSV_BLOCK_BYTES, data += CSV_BLOCK_BYTES)
		*ret_blocks++ = classify_plain(data, separator);
	if (size)
		*ret_blocks = classify_tail(data, size, separator);
}

static size_t flatten_plain(const struct csv_block *blocks, size_t size, uint16_t *ret_places)
{
	uint16_t *place = ret_places;

	for (size_t base = 0; base < size; base += CSV_BLOCK_BYTES, blocks++)
		for (uint64_t bits = blocks->outside | blocks->inside; bits; bits &= bits - 1)
			*place++ = (uint16_t)(base + (size_t)__builtin_ctzll(bits));
	return (size_t)(place - ret_places);
}

#if defined(__x86_64__) || defined(__aarch64__)

#define AT_ONCE                                                                                    \
	8u /* places written whether there are so many or not: a loop that ends by chance is       \
	      mispredicted once a block, which costs more */
_Static_assert(AT_ONCE <= CSV_FLATTEN_SLACK, "what is written too much has room");

static inline __attribute__((always_inline)) size_t flatten_ahead(const struct csv_block *blocks,
								  size_t size, uint16_t *ret_places)
{
	const uint64_t guard = UINT64_C(1)
			       << 63; /* for the count of zeros in what may be nothing */
	uint16_t *place = ret_places;

	for (size_t base = 0; base < size; base += CSV_BLOCK_BYTES, blocks++) {
		uint64_t bits = blocks->outside | blocks->inside;
		uint16_t *next = place + __builtin_popcountll(bits);

		for (unsigned int i = 0; i < AT_ONCE; i++, bits &= bits - 1)
			place[i] = (uint16_t)(base + (size_t)__builtin_ctzll(bits | guard));
		for (place += AT_ONCE; place < next; bits &= bits - 1)
			*place++ = (uint16_t)(base + (size_t)__builtin_ctzll(bits));
		place = next;
	}
	return (size_t)(place - ret_places);
}

#endif

#if defined(__x86_64__)

static inline struct csv_block classify_16(const char *bytes, __m128i separator)
{
	__m128i chunk = _mm_loadu_si128((const __m128i *)bytes);
	__m128i both = _mm_or_si128(_mm_cmpeq_epi8(chunk, _mm_set1_epi8('\n')),
				    _mm_cmpeq_epi8(chunk, _mm_setzero_si128()));
	__m128i outside = _mm_or_si128(both, _mm_cmpeq_epi8(chunk, separator));
	__m128i inside = _mm_or_si128(both, _mm_cmpeq_epi8(chunk, _mm_set1_epi8('"')));

	return (struct csv_block){ .outside = (uint32_t)_mm_movemask_epi8(outside),
				   .inside = (uint32_t)_mm_movemask_epi8(inside) };
}

static void classify_all_sse2(const char *data, size_t size, char separator,
			      struct csv_block *ret_blocks)
{
	__m128i wide = _mm_set1_epi8(separator);

	for (; size >= CSV_BLOCK_BYTES; size -= CSV_BLOCK_BYTES, data += CSV_BLOCK_BYTES) {
		struct csv_block block = { 0, 0 };

		for (unsigned int i = 0; i < CSV_BLOCK_BYTES; i += 16) {
			struct csv_block part = classify_16(data + i, wide);

			block.outside |= part.outside << i;
			block.inside |= part.inside << i;
		}
		*ret_blocks++ = block;
	}
	if (size)
		*ret_blocks = classify_tail(data, size, separator);
}

__attribute__((target("avx2"))) static inline struct csv_block classify_32(const char *bytes,
									   __m256i separator)
{
	__m256i chunk = _mm256_loadu_si256((const __m256i *)bytes);
	__m256i both = _mm256_or_si256(_mm256_cmpeq_epi8(chunk, _mm256_set1_epi8('\n')),
				       _mm256_cmpeq_epi8(chunk, _mm256_setzero_si256()));
	__m256i outside = _mm256_or_si256(both, _mm256_cmpeq_epi8(chunk, separator));
	__m256i inside = _mm256_or_si256(both, _mm256_cmpeq_epi8(chunk, _mm256_set1_epi8('"')));

	return (struct csv_block){ .outside = (uint32_t)_mm256_movemask_epi8(outside),
				   .inside = (uint32_t)_mm256_movemask_epi8(inside) };
}

__attribute__((target("avx2"))) static void
classify_all_avx2(const char *data, size_t size, char separator, struct csv_block *ret_blocks)
{
	__m256i wide = _mm256_set1_epi8(separator);

	for (; size >= CSV_BLOCK_BYTES; size -= CSV_BLOCK_BYTES, data += CSV_BLOCK_BYTES) {
		struct csv_block low = classify_32(data, wide), high = classify_32(data + 32, wide);

		*ret_blocks++ = (struct csv_block){ .outside = low.outside | high.outside << 32,
						    .inside = low.inside | high.inside << 32 };
	}
	if (size)
		*ret_blocks = classify_tail(data, size, separator);
}

__attribute__((target("bmi,popcnt"))) static size_t flatten_bmi(const struct csv_block *blocks,
								size_t size, uint16_t *ret_places)
{
	return flatten_ahead(blocks, size, ret_places);
}

#elif defined(__aarch64__)

/* Bit i: byte i of the four vectors is all ones, not all zeros. Each byte keeps the bit of its
   place in eight; adding neighbours three times puts eight bits into a byte. */
static inline uint64_t mask_64(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d)
{
	static const uint8_t places[16] = {
		1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128
	};
	const uint8x16_t bit = vld1q_u8(places);
	uint8x16_t low = vpaddq_u8(vandq_u8(a, bit), vandq_u8(b, bit));
	uint8x16_t high = vpaddq_u8(vandq_u8(c, bit), vandq_u8(d, bit));
	uint8x16_t sum = vpaddq_u8(low, high);

	return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)), 0);
}

static void classify_all_neon(const char *data, size_t size, char separator,
			      struct csv_block *ret_blocks)
{
	const uint8x16_t wide = vdupq_n_u8((uint8_t)separator), lf = vdupq_n_u8('\n'),
			 quote = vdupq_n_u8('"');

	for (; size >= CSV_BLOCK_BYTES; size -= CSV_BLOCK_BYTES, data += CSV_BLOCK_BYTES) {
		uint8x16_t outside[4], inside[4];

		for (unsigned int i = 0; i < 4; i++) {
			uint8x16_t chunk = vld1q_u8((const uint8_t *)data + 16 * i);
			uint8x16_t both = vorrq_u8(vceqq_u8(chunk, lf), vceqzq_u8(chunk));

			outside[i] = vorrq_u8(both, vceqq_u8(chunk, wide));
			inside[i] = vorrq_u8(both, vceqq_u8(chunk, quote));
		}
		*ret_blocks++ = (struct csv_block){
			.outside = mask_64(outside[0], outside[1], outside[2], outside[3]),
			.inside = mask_64(inside[0], inside[1], inside[2], inside[3])
		};
	}
	if (size)
		*ret_blocks = classify_tail(data, size, separator);
}

#endif

static const struct csv_classifier all[] = {
#if defined(__x86_64__)
	{ "avx2", classify_all_avx2, flatten_bmi },
	{ "sse2", classify_all_sse2, flatten_plain }, /* every x86-64 has it */
#elif defined(__aarch64__)
	{ "neon", classify_all_neon, flatten_ahead }, /* every arm64 has it */
#endif
	{ "plain", classify_all_plain, flatten_plain },
	{ NULL, NULL, NULL },
};

const struct csv_classifier *csv_classifiers(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
			       __builtin_cpu_supports("popcnt")
		       ? &all[0]
		       : &all[1];
#else
	return all;
#endif
}
