/* SPDX-License-Identifier: MIT
 *
 * parse.h - one row of a referral log as a referral; pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log_rows.h"
#include "strait/plugin.h"

/* The fields that are used, in the order of a log without header; `kind` and `reason` stand there
 * but are not read. */
enum referral_field {
	REFERRAL_ID,
	REFERRAL_PLATFORM,
	REFERRAL_KIND,
	REFERRAL_SUBMITTED_AT,
	REFERRAL_STATUS,
	REFERRAL_RESPONDED_AT,
	REFERRAL_REASON,
	REFERRAL_FIELDS,
};

/* Also the rank among versions that were known at the same time. */
enum referral_status {
	REFERRAL_REQUESTED = 0,
	REFERRAL_PENDING = 1,
	REFERRAL_BLOCKED = 2,
	REFERRAL_REFUSED = 3,
};

struct referral {
	char id[LOG_TEXT_MAX];
	char platform[STRAIT_LABEL_MAX_BYTES + 1]; /* as a label */
	int64_t submitted_at_ms;
	int64_t responded_at_ms; /* when `responded` */
	bool responded;		 /* the time of the response is known */
	enum referral_status status;
};

bool referral_is_answered(const struct referral *referral); /* blocked or refused */
const char *
referral_outcome(const struct referral *referral); /* label value: blocked, refused, pending */
uint32_t
referral_rank(const struct referral *referral); /* an answer outranks pending outranks requested */
int64_t referral_known_at_ms(const struct referral *referral);

/* NULL and *ret_referral, or why these fields are no referral; the reason quotes none of them. */
const char *referral_parse(const struct log_field fields[REFERRAL_FIELDS],
			   struct referral *ret_referral);
