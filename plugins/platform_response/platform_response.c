/* SPDX-License-Identifier: MIT
 *
 * platform_response.c - what social-media platforms answered to referrals, from a referral log (CSV
 * or NDJSON, as documents or appended). Worker only; owns the reader of its source. Invariant: one
 * row is one version of one record: its account, and its response time if there is one, emitted one
 * after the other. Must never hand over anything of a row but platform, outcome and times.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bulk.h"
#include "log_rows.h"
#include "parse.h"
#include "strait/date.h"
#include "strait/plugin.h"

#define HOUR_MS 3600000.0

enum metric {
	METRIC_ACCOUNTS,
	METRIC_RESPONSE_HOURS,
};

static const struct strait_option options[] = {
	{ .name = "column",
	  .type = STRAIT_OPTION_STRING,
	  .flags = STRAIT_OPTION_PREFIX,
	  .help = "column.FIELD = what the log calls id, platform, submitted_at, status or responded_at." },
	{ .name = "identity",
	  .type = STRAIT_OPTION_STRING,
	  .fallback = "id",
	  .help = "id: a later line with the same id takes the place of the earlier one; none: each line is final and adds, no identity is kept." },
	{ .name = NULL },
};

static const struct strait_metric metrics[] = {
	[METRIC_ACCOUNTS] = { .name = "referrals.accounts",
			      .unit = "accounts",
			      .title = "Accounts referred to platforms, by outcome",
			      .kind = STRAIT_RECORD,
			      .granularity = STRAIT_DAY,
			      .labels = { "platform", "outcome" } },
	[METRIC_RESPONSE_HOURS] = { .name = "referrals.response_hours",
				    .unit = "hours",
				    .title = "Hours from referral to answer",
				    .kind = STRAIT_RECORD,
				    .granularity = STRAIT_DAY,
				    .flags = STRAIT_METRIC_DISTRIBUTION,
				    .labels = { "platform" } },
	{ .name = NULL },
};

#define BLOCKED "referrals.accounts{outcome=blocked}"
#define REFUSED "referrals.accounts{outcome=refused}"
#define PENDING "referrals.accounts{outcome=pending}"

static const struct strait_figure figures[] = {
	{ "referrals.requested", "referrals.accounts", "total", "accounts",
	  "Accounts referred to platforms" },
	{ "referrals.blocked", BLOCKED, "total", "accounts",
	  "Referred accounts that platforms closed" },
	{ "referrals.refused", REFUSED, "total", "accounts",
	  "Referred accounts that platforms refused to close" },
	{ "referrals.pending", PENDING, "total", "accounts",
	  "Referred accounts without an answer" },
	{ "referrals.block_rate", BLOCKED " / referrals.accounts", "total", "ratio",
	  "Share of referred accounts that platforms closed" },
	{ "referrals.attrition", REFUSED " + " PENDING " / referrals.accounts", "total", "ratio",
	  "Share of referred accounts that were refused or have no answer" },
	{ "referrals.response_hours.median", "percentile(referrals.response_hours, 50)", "total",
	  "hours", "Median time from referral to answer, of those answered" },
	{ "referrals.answered_within_24h",
	  "below(referrals.response_hours, 24) / referrals.accounts", "total", "ratio",
	  "Share of referred accounts answered within 24 hours" },
	{ .name = NULL },
};

static const char *const field_names[] = {
	[REFERRAL_ID] = "id",	      [REFERRAL_PLATFORM] = "platform",
	[REFERRAL_KIND] = "kind",     [REFERRAL_SUBMITTED_AT] = "submitted_at",
	[REFERRAL_STATUS] = "status", [REFERRAL_RESPONDED_AT] = "responded_at",
	[REFERRAL_REASON] = "reason", [REFERRAL_FIELDS] = NULL,
};

struct referrals {
	struct log_reader *reader;
	struct bulk *bulk; /* NULL when identities are kept */
};

static bool is_referral(const struct log_field *fields)
{
	struct referral referral;

	return referral_parse(fields, &referral) == NULL;
}

/* -EINVAL: the host has counted the row as a reject. */
static int emit(struct strait_source *source, const struct referral *referral, uint64_t at)
{
	struct strait_observation observation = {
		.struct_size = sizeof(observation),
		.metric = METRIC_ACCOUNTS,
		.labels = { referral->platform, referral_outcome(referral) },
		.day = strait_day_of_ms(referral->submitted_at_ms),
		.value = 1,
		.at = at,
		.key = referral->id,
		.known_at_ms = referral_known_at_ms(referral),
		.rank = referral_rank(referral),
	};
	int result = strait_emit(source, &observation);

	if (result || !referral_is_answered(referral) || !referral->responded)
		return result;
	observation.metric = METRIC_RESPONSE_HOURS;
	observation.labels[1] = NULL;
	observation.value =
		(double)(referral->responded_at_ms - referral->submitted_at_ms) / HOUR_MS;
	return strait_emit(source, &observation);
}

static int take_row(struct strait_source *source, const struct log_field *fields, uint64_t at,
		    const char *raw, size_t raw_size)
{
	const struct referrals *state = strait_state(source);
	struct referral referral;
	const char *why;
	int result;

	if (state->bulk)
		return bulk_row(state->bulk, source, fields, at, raw, raw_size);
	why = referral_parse(fields, &referral);
	if (why) {
		strait_reject(source, at, raw, raw_size, "%s", why);
		return 0;
	}
	result = emit(source, &referral, at);
	return result == -EINVAL ? 0 : result;
}

static const struct log_format format = {
	.names = field_names,
	.plain_count = REFERRAL_FIELDS,
	.required = 1u << REFERRAL_ID | 1u << REFERRAL_PLATFORM | 1u << REFERRAL_SUBMITTED_AT |
		    1u << REFERRAL_STATUS,
	.unread = 1u << REFERRAL_KIND | 1u << REFERRAL_REASON,
	.row = take_row,
	.is_row = is_referral,
};

static bool keeps_identity(struct strait_source *source)
{
	return strcmp(strait_option_string(source, "identity"), "none") != 0;
}

static int referrals_check(struct strait_source *source)
{
	const char *columns[LOG_FIELDS_MAX];
	bool mapped;

	if (keeps_identity(source) && strcmp(strait_option_string(source, "identity"), "id") != 0)
		return strait_fail(source, STRAIT_FAULT_CONFIG,
				   "identity is 'id' or 'none', not '%s'",
				   strait_option_string(source, "identity"));
	return log_map_columns(source, &format, columns, &mapped);
}

static int referrals_open(struct strait_source *source)
{
	struct referrals *state = calloc(1, sizeof(*state));
	int result;

	strait_set_state(source, state);
	if (!state)
		return strait_fail(source, STRAIT_FAULT_TRANSIENT, "out of memory");
	if (!keeps_identity(source)) {
		state->bulk = bulk_new(METRIC_ACCOUNTS, METRIC_RESPONSE_HOURS);
		if (!state->bulk)
			return strait_fail(source, STRAIT_FAULT_TRANSIENT, "out of memory");
	}
	state->reader = log_reader_new(source, &format, &result);
	return result;
}

/* What is held goes with the release it is of; nothing is left for the next one, also after a
 * failure. */
static int finish(struct strait_source *source, int result)
{
	struct referrals *state = strait_state(source);

	if (!state->bulk)
		return result;
	if (!result)
		return bulk_flush(state->bulk, source);
	state->bulk->count = 0;
	return result;
}

static int referrals_document(struct strait_source *source, struct strait_document *document)
{
	struct referrals *state = strait_state(source);

	return finish(source, log_read_document(state->reader, document));
}

static int referrals_lines(struct strait_source *source, const struct strait_stretch *stretch)
{
	struct referrals *state = strait_state(source);

	return finish(source, log_read_stretch(state->reader, stretch));
}

static void referrals_close(struct strait_source *source)
{
	struct referrals *state = strait_state(source);

	strait_set_state(source, NULL);
	if (!state)
		return;
	log_reader_free(state->reader);
	free(state->bulk);
	free(state);
}

STRAIT_PLUGIN(.name = "platform_response", .version = "0.1.0",
	      .summary = "What platforms answered to referrals", .options = options,
	      .metrics = metrics, .figures = figures, .check = referrals_check,
	      .open = referrals_open, .document = referrals_document, .lines = referrals_lines,
	      .close = referrals_close);
