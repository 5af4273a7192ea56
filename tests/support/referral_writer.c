/* SPDX-License-Identifier: MIT
 *
 * referral_writer.c - referral logs of any length, see the header. Test support; owns nothing.
 * Invariant: what is counted as truth is counted where the row is drawn. Must never read what it
 * wrote.
 */
#include "referral_writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "strait/date.h"

#define JITTER_S     1800u
#define DAY_S	     86400u
#define HOURS_STEPS  2000u /* of the truth's own histogram: powers of 1.01 from one second on */
#define LONGEST_S    (90u * DAY_S)
#define ROW_BYTES    512u
#define UNIT_OF_BITS (1.0 / 9007199254740992.0) /* 2^-53 */

static const struct platform {
	const char *name;
	double answered, blocked; /* shares: of all; of the answered */
	double median_s, spread;
} platforms[REFERRAL_PLATFORMS] = {
	{ "tiktok", 0.97, 0.71, 5 * 3600, 1.1 },     { "facebook", 0.94, 0.55, 20 * 3600, 1.2 },
	{ "instagram", 0.93, 0.58, 18 * 3600, 1.2 }, { "youtube", 0.90, 0.49, 30 * 3600, 1.0 },
	{ "x", 0.61, 0.31, 60 * 3600, 1.5 },	     { "telegram", 0.43, 0.22, 90 * 3600, 1.6 },
	{ "snapchat", 0.96, 0.66, 9 * 3600, 0.9 },   { "whatsapp", 0.52, 0.40, 44 * 3600, 1.1 },
	{ "threads", 0.88, 0.52, 26 * 3600, 1.2 },   { "Signal", 0.20, 0.11, 120 * 3600, 1.0 },
	{ "reddit", 0.91, 0.60, 14 * 3600, 1.0 },    { "vk", 0.15, 0.20, 200 * 3600, 1.3 },
};

static const char *const reasons[] = {
	"advertises crossings", "\"advertises crossings, with prices\"",
	"offers boats",		"\"offers \"\"safe\"\" places, by phone\"",
	"recruits drivers",	"",
	"sells life jackets",	"shows a launch site",
};

/* xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled")
 */
static uint64_t draw(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static double draw_unit(uint64_t *state)
{
	return (double)(draw(state) >> 11) * UNIT_OF_BITS;
}

/* Half of what is left for each, the last ones share the rest. */
static const struct platform *draw_platform(uint64_t *state)
{
	unsigned int zeros = (unsigned int)__builtin_ctzll(draw(state) | UINT64_C(1) << 6);

	return &platforms[zeros < 6 ? zeros : 6 + draw(state) % (REFERRAL_PLATFORMS - 6)];
}

/* About normal: twelve uniforms would be slow, four are near enough for test data. */
static double draw_normal(uint64_t *state)
{
	uint64_t bits = draw(state);
	double sum = 0;

	for (int i = 0; i < 4; i++, bits >>= 16)
		sum += (double)(bits & 0xffff) / 65536.0;
	return (sum - 2) * 1.7320508;
}

static char *put_number(char *at, unsigned int digits, unsigned int value)
{
	for (unsigned int i = digits; i-- > 0; value /= 10)
		at[i] = (char)('0' + value % 10);
	return at + digits;
}

static char *put_text(char *at, const char *text)
{
	size_t size = strlen(text);

	memcpy(at, text, size);
	return at + size;
}

/* "2024-03-01T12:34:56Z" */
static char *put_time(char *at, uint64_t second)
{
	int year, month, day;
	unsigned int rest = (unsigned int)(second % DAY_S);

	strait_date((int32_t)(second / DAY_S), &year, &month, &day);
	at = put_number(at, 4, (unsigned int)year);
	*at++ = '-';
	at = put_number(at, 2, (unsigned int)month);
	*at++ = '-';
	at = put_number(at, 2, (unsigned int)day);
	*at++ = 'T';
	at = put_number(at, 2, rest / 3600);
	*at++ = ':';
	at = put_number(at, 2, rest / 60 % 60);
	*at++ = ':';
	at = put_number(at, 2, rest % 60);
	*at++ = 'Z';
	return at;
}

static char *put_id(char *at, uint64_t number)
{
	static const char digits[] = "0123456789abcdef";

	/* an odd factor: another number for each, that looks like chance */
	number *= UINT64_C(0x9e3779b97f4a7c15);
	*at++ = 'r';
	*at++ = '-';
	for (int i = 60; i >= 0; i -= 4)
		*at++ = digits[number >> i & 15];
	return at;
}

struct drawing {
	uint64_t state;
	uint64_t steps[HOURS_STEPS];
	struct referral_truth truth;
};

static unsigned int draw_response_s(struct drawing *drawing, const struct platform *platform)
{
	double seconds = platform->median_s * exp(platform->spread * draw_normal(&drawing->state));
	unsigned int whole = seconds < 1	   ? 1
			     : seconds > LONGEST_S ? LONGEST_S
						   : (unsigned int)seconds;

	drawing->steps[(size_t)(log(whole) / log(1.01))]++;
	drawing->truth.hours += whole / 3600.0;
	drawing->truth.within_day += whole <= DAY_S;
	return whole;
}

static size_t make_row(struct drawing *drawing, uint64_t number, uint64_t submitted, char *row)
{
	const struct platform *platform = draw_platform(&drawing->state);
	struct referral_truth *truth = &drawing->truth;
	char *at = put_id(row, number);

	*at++ = ',';
	at = put_text(at, platform->name);
	at = put_text(at, draw(&drawing->state) & 1 ? ",account," : ",post,");
	at = put_time(at, submitted);
	*at++ = ',';
	if (draw_unit(&drawing->state) >= platform->answered) {
		at = put_text(at, draw(&drawing->state) & 1 ? "pending," : "requested,");
		truth->pending++;
	} else {
		bool blocked = draw_unit(&drawing->state) < platform->blocked;

		at = put_text(at, blocked ? "blocked," : "refused,");
		at = put_time(at, submitted + draw_response_s(drawing, platform));
		truth->blocked += blocked;
		truth->refused += !blocked;
	}
	*at++ = ',';
	at = put_text(at, reasons[draw(&drawing->state) % (sizeof(reasons) / sizeof(reasons[0]))]);
	*at++ = '\n';
	return (size_t)(at - row);
}

static void find_median(struct drawing *drawing)
{
	uint64_t seen = 0;
	unsigned int step = 0;

	while (step < HOURS_STEPS - 1 &&
	       seen + drawing->steps[step] < (drawing->truth.answered + 1) / 2)
		seen += drawing->steps[step++];
	drawing->truth.median_low = pow(1.01, step) / 3600;
	drawing->truth.median_high = pow(1.01, step + 1) / 3600;
}

bool referral_write(FILE *file, uint64_t rows, uint64_t seed, struct referral_truth *ret_truth)
{
	static const char header[] = "id,platform,kind,submitted_at,status,responded_at,reason\n";
	struct drawing *drawing = calloc(1, sizeof(*drawing));
	char row[ROW_BYTES];

	if (!drawing)
		return false;
	drawing->state = seed * 2 + 1;
	drawing->truth.rows = rows;
	drawing->truth.bytes = fwrite(header, 1, sizeof(header) - 1, file);
	for (uint64_t i = 0; i < rows; i++) {
		uint64_t second =
			(uint64_t)((double)i / (double)rows * (REFERRAL_DAYS * DAY_S - JITTER_S));

		second += REFERRAL_FIRST_DAY * (uint64_t)DAY_S + draw(&drawing->state) % JITTER_S;
		drawing->truth.bytes += fwrite(row, 1, make_row(drawing, i, second, row), file);
	}
	drawing->truth.answered = drawing->truth.blocked + drawing->truth.refused;
	find_median(drawing);
	*ret_truth = drawing->truth;
	free(drawing);
	return !ferror(file);
}
