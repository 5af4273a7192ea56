/* SPDX-License-Identifier: MIT
 *
 * parse.c - fields of a referral log → referral. Worker only; pure, owns nothing. Invariant: a
 * referral that comes out can be emitted. Must never look at `kind` and `reason`, nor quote a
 * field: they may be about people.
 */
#include "parse.h"

#include <string.h>
#include <strings.h>

#include "strait/time.h"

bool referral_is_answered(const struct referral *referral)
{
	return referral->status == REFERRAL_BLOCKED || referral->status == REFERRAL_REFUSED;
}

const char *referral_outcome(const struct referral *referral)
{
	switch (referral->status) {
	case REFERRAL_REQUESTED:
	case REFERRAL_PENDING:
		return "pending";
	case REFERRAL_BLOCKED:
		return "blocked";
	case REFERRAL_REFUSED:
		return "refused";
	}
	return "pending";
}

uint32_t referral_rank(const struct referral *referral)
{
	return referral_is_answered(referral) ? 2 : referral->status == REFERRAL_PENDING;
}

int64_t referral_known_at_ms(const struct referral *referral)
{
	return referral->responded ? referral->responded_at_ms : referral->submitted_at_ms;
}

static bool equals(struct log_field field, const char *word)
{
	return field.size == strlen(word) && strncasecmp(field.data, word, field.size) == 0;
}

static bool parse_status(struct log_field field, enum referral_status *ret_status)
{
	static const struct {
		const char *word;
		enum referral_status status;
	} words[] = {
		{ "requested", REFERRAL_REQUESTED },
		{ "pending", REFERRAL_PENDING },
		{ "blocked", REFERRAL_BLOCKED },
		{ "refused", REFERRAL_REFUSED },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (equals(field, words[i].word)) {
			*ret_status = words[i].status;
			return true;
		}
	}
	return false;
}

/* Small letters (ASCII); what has a meaning in the text of a series becomes '_'. */
static void make_label(struct log_field field, char *label)
{
	for (size_t i = 0; i < field.size; i++) {
		char byte = field.data[i];

		if (byte >= 'A' && byte <= 'Z')
			byte = (char)(byte - 'A' + 'a');
		label[i] = strchr("{},=", byte) && byte ? '_' : byte;
	}
	label[field.size] = '\0';
}

static const char *parse_times(const struct log_field *fields, struct referral *referral)
{
	struct log_field submitted = fields[REFERRAL_SUBMITTED_AT],
			 responded = fields[REFERRAL_RESPONDED_AT];

	if (!strait_time_parse(submitted.data, submitted.size, &referral->submitted_at_ms))
		return "submitted_at is no ISO 8601 time";
	referral->responded = responded.size > 0;
	if (!referral->responded)
		return NULL;
	if (!strait_time_parse(responded.data, responded.size, &referral->responded_at_ms))
		return "responded_at is no ISO 8601 time";
	if (referral->responded_at_ms < referral->submitted_at_ms)
		return "responded before it was submitted";
	return NULL;
}

const char *referral_parse(const struct log_field fields[REFERRAL_FIELDS],
			   struct referral *ret_referral)
{
	struct log_field id = fields[REFERRAL_ID], platform = fields[REFERRAL_PLATFORM];
	const char *why;

	if (id.size == 0)
		return "no id";
	if (id.size >= sizeof(ret_referral->id) || memchr(id.data, '\0', id.size))
		return "the id is longer than 255 bytes or has a NUL byte";
	if (platform.size == 0)
		return "no platform";
	if (platform.size > STRAIT_LABEL_MAX_BYTES || memchr(platform.data, '\0', platform.size))
		return "the platform is longer than 64 bytes or has a NUL byte";
	if (!parse_status(fields[REFERRAL_STATUS], &ret_referral->status))
		return "unknown status; known are requested, pending, blocked, refused";
	why = parse_times(fields, ret_referral);
	if (why)
		return why;
	memcpy(ret_referral->id, id.data, id.size);
	ret_referral->id[id.size] = '\0';
	make_label(platform, ret_referral->platform);
	return NULL;
}
