/* SPDX-License-Identifier: MIT
 *
 * bulk.c - rows without identity, see the header. Worker only; owns the platforms seen and what is
 * not handed over yet. Invariant: a row gives what referral_parse() says of it; what is quicker
 * here is only that spellings of platforms and dates are remembered. Must never allocate for a row.
 */
#include "bulk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"
#include "strait/date.h"
#include "strait/time.h"

#define HOUR_MS	   3600000.0
#define TIME_BYTES 20u /* YYYY-MM-DDTHH:MM:SSZ */
#define FNV_START  UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME  UINT64_C(0x100000001b3)

struct bulk *bulk_new(uint32_t accounts_metric, uint32_t hours_metric)
{
	struct bulk *bulk = calloc(1, sizeof(*bulk));

	if (bulk) {
		bulk->accounts = accounts_metric;
		bulk->hours = hours_metric;
	}
	return bulk;
}

int bulk_flush(struct bulk *bulk, struct strait_source *source)
{
	int result = bulk->count ? strait_add(source, bulk->addends, bulk->count) : 0;

	bulk->count = 0;
	return result == -EINVAL ? 0 : result; /* counted as rejects */
}

/* ── platforms ─────────────────────────────────────────────────────────────────────────────── */

static struct bulk_platform *slot_of(struct bulk *bulk, struct log_field field)
{
	const size_t slots = sizeof(bulk->platforms) / sizeof(bulk->platforms[0]);
	uint64_t hash = FNV_START;
	size_t slot;

	for (size_t i = 0; i < field.size; i++)
		hash = (hash ^ (unsigned char)field.data[i]) * FNV_PRIME;
	slot = (size_t)(hash ^ hash >> 32) % slots;
	while (bulk->platforms[slot].size &&
	       (bulk->platforms[slot].size != field.size ||
		memcmp(bulk->platforms[slot].text, field.data, field.size) != 0))
		slot = (slot + 1) % slots;
	return &bulk->platforms[slot];
}

/* NULL and the platform, or why it is refused. */
static const char *learn_platform(struct bulk *bulk, struct strait_source *source,
				  struct log_field spelling, const char *label,
				  struct bulk_platform **ret_platform)
{
	static const char *const outcomes[] = {
		[BULK_PENDING] = "pending", [BULK_BLOCKED] = "blocked", [BULK_REFUSED] = "refused"
	};
	struct bulk_platform *platform = slot_of(bulk, spelling);
	const char *labels[STRAIT_LABELS_MAX] = { label };

	*ret_platform = platform;
	if (platform->size)
		return NULL;
	if (bulk->platform_count == BULK_PLATFORMS_MAX)
		return "one platform too many; with identity = none at most 1024 spellings are told apart";
	for (unsigned int i = 0; i < BULK_SERIES; i++) {
		long series;

		labels[1] = i == BULK_HOURS ? NULL : outcomes[i];
		series = strait_series(source, i == BULK_HOURS ? bulk->hours : bulk->accounts,
				       labels);
		if (series < 0)
			return series == -EINVAL ? "the platform is no label"
						 : "the platform cannot be told apart any more";
		platform->series[i] = (uint32_t)series;
	}
	memcpy(platform->text, spelling.data, spelling.size);
	platform->size = spelling.size;
	bulk->platform_count++;
	return NULL;
}

/* ── rows ──────────────────────────────────────────────────────────────────────────────────── */

static inline bool two_digits(const char *text, int *ret_value)
{
	unsigned int tens = (unsigned int)(text[0] - '0'), ones = (unsigned int)(text[1] - '0');

	*ret_value = (int)(tens * 10 + ones);
	return tens <= 9 && ones <= 9;
}

/* The usual form, on a date that is remembered; anything else by strait_time_parse(). */
static inline bool parse_time(struct log_field field, struct bulk_date *date, int64_t *ret_ms)
{
	int hour, minute, second;

	if (field.size == TIME_BYTES && memcmp(field.data, date->text, BULK_DATE_BYTES) == 0 &&
	    field.data[10] == 'T' && field.data[13] == ':' && field.data[16] == ':' &&
	    field.data[19] == 'Z' && two_digits(field.data + 11, &hour) && hour <= 23 &&
	    two_digits(field.data + 14, &minute) && minute <= 59 &&
	    two_digits(field.data + 17, &second) && second <= 59) {
		*ret_ms = date->ms + ((hour * 60 + minute) * 60 + second) * INT64_C(1000);
		return true;
	}
	if (!strait_time_parse(field.data, field.size, ret_ms))
		return false;
	if (field.size == TIME_BYTES && field.data[19] == 'Z') {
		memcpy(date->text, field.data, BULK_DATE_BYTES);
		date->ms = strait_day_of_ms(*ret_ms) * STRAIT_DAY_MS;
	}
	return true;
}

static bool is_word(struct log_field field, const char *word, size_t size)
{
	return field.size == size && memcmp(field.data, word, size) == 0;
}

/* Whether the row is of the usual kind: a platform that was seen before, small letters, times in
   order. */
static inline bool quick_row(struct bulk *bulk, const struct log_field *fields,
			     struct referral *referral, const struct bulk_platform **ret_platform)
{
	struct log_field status = fields[REFERRAL_STATUS];
	const struct bulk_platform *platform;

	if (fields[REFERRAL_ID].size == 0 || fields[REFERRAL_PLATFORM].size == 0 ||
	    fields[REFERRAL_PLATFORM].size > STRAIT_LABEL_MAX_BYTES)
		return false;
	platform = slot_of(bulk, fields[REFERRAL_PLATFORM]);
	if (platform->size == 0)
		return false;
	if (is_word(status, "blocked", 7))
		referral->status = REFERRAL_BLOCKED;
	else if (is_word(status, "refused", 7))
		referral->status = REFERRAL_REFUSED;
	else if (is_word(status, "pending", 7))
		referral->status = REFERRAL_PENDING;
	else
		return false;
	if (!parse_time(fields[REFERRAL_SUBMITTED_AT], &bulk->submitted,
			&referral->submitted_at_ms))
		return false;
	referral->responded = fields[REFERRAL_RESPONDED_AT].size > 0;
	*ret_platform = platform;
	return !referral->responded || (parse_time(fields[REFERRAL_RESPONDED_AT], &bulk->responded,
						   &referral->responded_at_ms) &&
					referral->responded_at_ms >= referral->submitted_at_ms);
}

static enum bulk_series series_of(enum referral_status status)
{
	switch (status) {
	case REFERRAL_REQUESTED:
	case REFERRAL_PENDING:
		return BULK_PENDING;
	case REFERRAL_BLOCKED:
		return BULK_BLOCKED;
	case REFERRAL_REFUSED:
		return BULK_REFUSED;
	}
	return BULK_PENDING;
}

int bulk_row(struct bulk *bulk, struct strait_source *source, const struct log_field *fields,
	     uint64_t at, const char *raw, size_t raw_size)
{
	const struct bulk_platform *platform;
	struct referral referral;
	struct strait_addend *addend;

	if (!quick_row(bulk, fields, &referral, &platform)) {
		struct bulk_platform *learnt;
		const char *why = referral_parse(fields, &referral);

		if (!why)
			why = learn_platform(bulk, source, fields[REFERRAL_PLATFORM],
					     referral.platform, &learnt);
		if (why) {
			strait_reject(source, at, raw, raw_size, "%s", why);
			return 0;
		}
		platform = learnt;
	}
	addend = &bulk->addends[bulk->count++];
	*addend = (struct strait_addend){ .series = platform->series[series_of(referral.status)],
					  .day = strait_day_of_ms(referral.submitted_at_ms),
					  .value = 1,
					  .count = 1,
					  .rows = 1,
					  .at = at,
					  .known_at_ms = referral_known_at_ms(&referral) };
	if (referral_is_answered(&referral) && referral.responded) {
		bulk->addends[bulk->count] = *addend;
		addend = &bulk->addends[bulk->count++];
		addend->series = platform->series[BULK_HOURS];
		addend->rows = 0;
		addend->value =
			(double)(referral.responded_at_ms - referral.submitted_at_ms) / HOUR_MS;
	}
	return bulk->count + 2 > BULK_ADDENDS ? bulk_flush(bulk, source) : 0;
}
