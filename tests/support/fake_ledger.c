/* SPDX-License-Identifier: MIT
 *
 * fake_ledger.c - takes the place of daemon/ledger.c in tests of the bus: plain arrays, no store,
 * no formulas. Keeps the promises of ledger.h that callers rely on: figures sorted by name, whole
 * commits, results owned by the caller.
 */
#include "fake_ledger.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#define CHANGES_KEPT 4096

struct ledger {
	struct figure *figures;
	size_t count;
	uint64_t sequence, oldest;
	struct change_row changes[CHANGES_KEPT];
	size_t change_count;
	struct figure_change row; /* of the last report */
	size_t points;
};

static char people_name[] = "arrivals.people", people_unit[] = "people",
	    people_title[] = "People who arrived", accounts_name[] = "referrals.accounts",
	    accounts_unit[] = "accounts", accounts_title[] = "Accounts referred to platforms",
	    platform[] = "platform", outcome[] = "outcome";

static const struct metric_declaration metrics[] = {
	{ .name = people_name,
	  .unit = people_unit,
	  .title = people_title,
	  .kind = STRAIT_LEVEL,
	  .granularity = STRAIT_DAY },
	{ .name = accounts_name,
	  .unit = accounts_unit,
	  .title = accounts_title,
	  .kind = STRAIT_RECORD,
	  .granularity = STRAIT_DAY,
	  .labels = { platform, outcome } },
};

static const struct version_row versions[] = {
	{ .published_at_ms = FAKE_ANNOUNCED_MS,
	  .value = 409,
	  .status = STRAIT_PROVISIONAL,
	  .release = "press" },
	{ .published_at_ms = FAKE_RESTATED_MS,
	  .value = 416,
	  .status = STRAIT_FINAL,
	  .release = "restated" },
	{ .published_at_ms = FAKE_OFFICIAL_MS,
	  .value = 399,
	  .status = STRAIT_FINAL,
	  .release = "series.ods" },
	{ .published_at_ms = FAKE_OFFICIAL_MS + 1, .value = NAN, .status = 0, .release = "gone" },
};

static const struct reject_row rejects[] = {
	{ .source = "home-office",
	  .release = "series.ods",
	  .place = "Data!B7",
	  .reason = "'AAA' is no number",
	  .extract = "bad \xff byte",
	  .time_ms = 2000 },
	{ .source = "police",
	  .release = "log.csv",
	  .place = "512",
	  .reason = "no date",
	  .extract = "AAAA",
	  .time_ms = 1000 },
};

static char *copy(const char *text)
{
	char *copied = strdup(text);

	ck_assert_ptr_nonnull(copied);
	return copied;
}

static struct figure *find(const struct ledger *ledger, const char *name)
{
	for (size_t i = 0; i < ledger->count; i++) {
		if (!strcmp(ledger->figures[i].name, name))
			return &ledger->figures[i];
	}
	return NULL;
}

static struct figure *add(struct ledger *ledger, const char *name)
{
	size_t at = 0;

	while (at < ledger->count && strcmp(ledger->figures[at].name, name) < 0)
		at++;
	ledger->figures =
		reallocarray(ledger->figures, ledger->count + 1, sizeof(*ledger->figures));
	ck_assert_ptr_nonnull(ledger->figures);
	memmove(ledger->figures + at + 1, ledger->figures + at,
		(ledger->count - at) * sizeof(*ledger->figures));
	ledger->count++;
	ledger->figures[at] = (struct figure){
		.name = copy(name),
		.title = copy("A figure"),
		.unit = copy("people"),
		.source = copy("home-office"),
		.value = NAN,
		.status = STRAIT_MISSING,
	};
	return &ledger->figures[at];
}

static void figure_done(struct figure *figure)
{
	free(figure->name);
	free(figure->title);
	free(figure->unit);
	free(figure->source);
}

struct ledger *fake_ledger_new(void)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));

	ck_assert_ptr_nonnull(ledger);
	ledger->points = 3;
	return ledger;
}

struct ledger *fake_ledger_free(struct ledger *ledger)
{
	if (!ledger)
		return NULL;
	for (size_t i = 0; i < ledger->count; i++)
		figure_done(&ledger->figures[i]);
	free(ledger->figures);
	free(ledger);
	return NULL;
}

void fake_ledger_commit(struct ledger *ledger, const char *name, double value,
			enum strait_status status, const char *period,
			struct commit_report *ret_report)
{
	struct figure *figure = find(ledger, name);
	struct change_row *change = &ledger->changes[ledger->change_count];
	enum cause cause = figure ? CAUSE_REVISED : CAUSE_NEW;

	if (!figure)
		figure = add(ledger, name);
	ck_assert_uint_lt(ledger->change_count++, CHANGES_KEPT);
	ledger->sequence++;
	ledger->row = (struct figure_change){ figure->name, figure->value, value, status };
	*change = (struct change_row){ .sequence = ledger->sequence,
				       .time_ms = (int64_t)ledger->sequence * 1000,
				       .source = "home-office",
				       .cause = cause,
				       .old_value = figure->value,
				       .new_value = value,
				       .status = status };
	(void)snprintf(change->figure, sizeof(change->figure), "%s", name);
	figure->value = value;
	figure->status = status;
	(void)snprintf(figure->period, sizeof(figure->period), "%s", period);
	figure->published_at_ms = FAKE_ANNOUNCED_MS;
	figure->sequence = ledger->sequence;
	if (ret_report)
		*ret_report = (struct commit_report){ .sequence = ledger->sequence,
						      .time_ms = change->time_ms,
						      .source = "home-office",
						      .cause = cause,
						      .rows = &ledger->row,
						      .row_count = 1 };
}

void fake_ledger_republish(struct ledger *ledger, const char *name, int64_t published_at_ms)
{
	find(ledger, name)->published_at_ms = published_at_ms;
}

void fake_ledger_set_stale_figure(struct ledger *ledger, const char *name, bool stale)
{
	find(ledger, name)->stale = stale;
}

void fake_ledger_remove(struct ledger *ledger, const char *name)
{
	struct figure *figure = find(ledger, name);
	size_t at = (size_t)(figure - ledger->figures);

	figure_done(figure);
	ledger->count--;
	memmove(figure, figure + 1, (ledger->count - at) * sizeof(*figure));
}

void fake_ledger_set_points(struct ledger *ledger, size_t points)
{
	ledger->points = points;
}

void fake_ledger_expire(struct ledger *ledger, uint64_t oldest)
{
	ledger->oldest = oldest;
}

/* ── ledger.h ──────────────────────────────────────────────────────────────────────────────── */

const char *ledger_state(const struct ledger *ledger)
{
	(void)ledger;
	return "good";
}

uint64_t ledger_sequence(const struct ledger *ledger)
{
	return ledger->sequence;
}

size_t ledger_figure_count(const struct ledger *ledger)
{
	return ledger->count;
}

const struct figure *ledger_figure_at(const struct ledger *ledger, size_t index)
{
	return index < ledger->count ? &ledger->figures[index] : NULL;
}

const struct figure *ledger_figure(const struct ledger *ledger, const char *name)
{
	return find(ledger, name);
}

static int value_of_day(int64_t as_of_ms, struct figure_value *ret_value)
{
	const struct version_row *known = NULL;

	for (size_t i = 0; i < 3; i++) {
		if (!as_of_ms || versions[i].published_at_ms <= as_of_ms)
			known = &versions[i];
	}
	*ret_value = (struct figure_value){ .value = known ? known->value : (double)NAN,
					    .status = known ? known->status : STRAIT_MISSING,
					    .period = "2020-09-02",
					    .published_at_ms = known ? known->published_at_ms : 0,
					    .unit = "people" };
	return 0;
}

int ledger_value(struct ledger *ledger, const char *name, int64_t as_of_ms,
		 struct figure_value *ret_value, struct fault *fault)
{
	const struct figure *figure = find(ledger, name);

	if (!strcmp(name, "arrivals.people.2020-09-02"))
		return value_of_day(as_of_ms, ret_value);
	if (!strncmp(name, "arrivals.people.", 16) && !figure)
		return fault_set(fault, FAULT_BAD_PERIOD, "'%s' is no window or period", name + 16);
	if (!figure)
		return fault_set(fault, FAULT_NO_SUCH_FIGURE,
				 "no figure '%s'; GetFigures lists them", name);
	*ret_value = (struct figure_value){ .value = figure->value,
					    .status = figure->status,
					    .published_at_ms = figure->published_at_ms };
	(void)snprintf(ret_value->period, sizeof(ret_value->period), "%s", figure->period);
	(void)snprintf(ret_value->unit, sizeof(ret_value->unit), "%s", figure->unit);
	return 0;
}

static int check_query(const char *metric, const struct label *labels, size_t label_count,
		       const char *period, struct fault *fault)
{
	struct period parsed;

	if (strcmp(metric, people_name) != 0)
		return fault_set(fault, FAULT_NO_SUCH_METRIC,
				 "no metric '%s'; ListMetrics lists them", metric);
	if (label_count)
		return fault_set(fault, FAULT_BAD_ARGUMENT, "the metric %s has no label '%s'",
				 metric, labels[0].key);
	if (*period && !period_parse(period, &parsed))
		return fault_set(fault, FAULT_BAD_PERIOD, "'%s' is no period", period);
	return 0;
}

int ledger_series(struct ledger *ledger, const char *metric, const struct label *labels,
		  size_t label_count, const char *first, const char *last, int64_t as_of_ms,
		  size_t max, struct series *ret_series, struct fault *fault)
{
	struct series series = { .granularity = STRAIT_DAY, .count = ledger->points };

	(void)as_of_ms;
	if (check_query(metric, labels, label_count, first, fault) < 0 ||
	    check_query(metric, labels, label_count, last, fault) < 0)
		return -1;
	if (series.count > max)
		return fault_set(fault, FAULT_TOO_LARGE, "%zu points", series.count);
	series.starts = calloc(series.count + 1, sizeof(*series.starts));
	series.values = calloc(series.count + 1, sizeof(*series.values));
	series.letters = calloc(series.count + 1, 1);
	ck_assert(series.starts && series.values && series.letters);
	for (size_t i = 0; i < series.count; i++) {
		series.starts[i] = INT64_C(1599004800000) + (int64_t)i * 86400000;
		series.values[i] = 100 + (double)i;
		series.letters[i] = "APE"[i % 3];
	}
	*ret_series = series;
	return 0;
}

int ledger_versions(struct ledger *ledger, const char *metric, const struct label *labels,
		    size_t label_count, const char *period, struct version_row **ret_rows,
		    size_t *ret_count, struct fault *fault)
{
	(void)ledger;
	if (check_query(metric, labels, label_count, *period ? period : "none", fault) < 0)
		return -1;
	*ret_rows = malloc(sizeof(versions));
	ck_assert_ptr_nonnull(*ret_rows);
	memcpy(*ret_rows, versions, sizeof(versions));
	*ret_count = sizeof(versions) / sizeof(versions[0]);
	return 0;
}

int ledger_changes_since(struct ledger *ledger, uint64_t after, size_t max, uint64_t *ret_latest,
			 bool *ret_complete, struct change_row **ret_rows, size_t *ret_count,
			 struct fault *fault)
{
	struct change_row *rows;
	size_t count = 0, left = 0;

	if (after < ledger->oldest)
		return fault_set(fault, FAULT_SEQUENCE_EXPIRED, "changes before %llu are gone",
				 (unsigned long long)ledger->oldest);
	rows = calloc(max, sizeof(*rows));
	ck_assert_ptr_nonnull(rows);
	for (size_t i = 0; i < ledger->change_count; i++) {
		if (ledger->changes[i].sequence <= after)
			continue;
		if (count < max)
			rows[count++] = ledger->changes[i];
		else
			left++;
	}
	*ret_latest = ledger->sequence;
	*ret_complete = !left;
	*ret_rows = rows;
	*ret_count = count;
	return 0;
}

size_t ledger_metric_count(const struct ledger *ledger)
{
	(void)ledger;
	return sizeof(metrics) / sizeof(metrics[0]);
}

const struct metric_declaration *ledger_metric_at(const struct ledger *ledger, size_t index)
{
	return index < ledger_metric_count(ledger) ? &metrics[index] : NULL;
}

static const struct check_row check_rows[] = {
	{ .day = 18508, .left = 401, .right = 399, .state = CHECK_OPEN, .note = "" },
	{ .day = 18501, .left = 5, .right = 7, .state = CHECK_EXPLAINED, .note = "counted later" },
};
static const struct check_summary check = {
	.name = "weekly",
	.title = "Weeks are the sums of their days",
	.left = "arrivals.people_weekly",
	.right = "arrivals.people",
	.every = STRAIT_WEEK,
	.result = { .state = CHECK_OPEN, .compared = 30, .explained = 1, .open = 1, .missing = 2 },
};

int ledger_checks(struct ledger *ledger, struct check_summary **ret_checks, size_t *ret_count,
		  struct fault *fault)
{
	(void)ledger;
	(void)fault;
	*ret_checks = calloc(1, sizeof(**ret_checks));
	ck_assert_ptr_nonnull(*ret_checks);
	**ret_checks = check;
	*ret_count = 1;
	return 0;
}

int ledger_check(struct ledger *ledger, const char *name, int64_t as_of_ms, size_t max,
		 struct check_summary *ret_check, struct check_row **ret_rows, size_t *ret_count,
		 struct fault *fault)
{
	(void)ledger;
	(void)max;
	if (strcmp(name, "weekly") != 0)
		return fault_set(fault, FAULT_NO_SUCH_FIGURE, "no check '%s'", name);
	*ret_check = check;
	*ret_count = as_of_ms ? 0 : 2;
	*ret_rows = malloc(sizeof(check_rows));
	ck_assert_ptr_nonnull(*ret_rows);
	memcpy(*ret_rows, check_rows, sizeof(check_rows));
	return 0;
}

int ledger_rejects(struct ledger *ledger, const char *source, size_t max,
		   struct reject_row **ret_rows, size_t *ret_count, struct fault *fault)
{
	(void)ledger;
	(void)fault;
	*ret_rows = calloc(2, sizeof(**ret_rows));
	ck_assert_ptr_nonnull(*ret_rows);
	*ret_count = 0;
	for (size_t i = 0; i < 2 && *ret_count < max; i++) {
		if (!*source || !strcmp(rejects[i].source, source))
			(*ret_rows)[(*ret_count)++] = rejects[i];
	}
	return 0;
}

/* ── explaining ────────────────────────────────────────────────────────────────────────────── */

void ledger_definition(const struct ledger *ledger, const char *name, const char **ret_formula,
		       const char **ret_window)
{
	bool there = find(ledger, name) != NULL;

	*ret_formula = there ? "arrivals.people" : "";
	*ret_window = there ? "latest" : "";
}

int ledger_release(struct ledger *ledger, const uint8_t sha256[SHA256_BYTES],
		   struct explanation_release *ret_release, struct fault *fault)
{
	(void)ledger;
	if (sha256[0] != FAKE_HASH_BYTE)
		return fault_set(fault, FAULT_BAD_ARGUMENT, "no release has this hash");
	*ret_release = (struct explanation_release){ .source = copy("home-office"),
						     .plugin = copy("home_office"),
						     .plugin_version = copy("1.0"),
						     .name = copy("series.ods"),
						     .dataset = copy("daily"),
						     .url = copy("https://example.org/"),
						     .sheets = copy("Data"),
						     .size = 1000,
						     .offset = 5,
						     .published_at_ms = FAKE_OFFICIAL_MS,
						     .imported_at_ms = FAKE_OFFICIAL_MS + 1 };
	memset(ret_release->sha256, FAKE_HASH_BYTE, SHA256_BYTES);
	return 0;
}

static void explain_item(struct explanation_item *item, const char *text, const char *side,
			 size_t row_count)
{
	static const uint8_t hash[SHA256_BYTES] = { FAKE_HASH_BYTE };

	*item = (struct explanation_item){ .text = copy(text), .side = side };
	item->inputs.releases = calloc(1, sizeof(*item->inputs.releases));
	item->inputs.rows = calloc(row_count, sizeof(*item->inputs.rows));
	ck_assert(item->inputs.releases && item->inputs.rows);
	ck_assert_int_eq(ledger_release(NULL, hash, &item->inputs.releases[0], NULL), 0);
	item->inputs.release_count = 1;
	item->inputs.row_count = row_count;
	for (size_t i = 0; i < row_count; i++) {
		struct explanation_row *row = &item->inputs.rows[i];

		(void)snprintf(row->period, sizeof(row->period), "2020-09-02");
		(void)snprintf(row->locator, sizeof(row->locator), "Data!B7");
	}
}

int ledger_explain(struct ledger *ledger, const char *name, int64_t as_of_ms,
		   struct explanation *ret_explanation, struct fault *fault)
{
	struct explanation explanation = { 0 };
	bool ratio = strcmp(name, "referrals.block_rate") == 0;

	if (ledger_value(ledger, name, as_of_ms, &explanation.value, fault) < 0)
		return -1;
	explanation.formula = copy(ratio ? "a / b" : "arrivals.people");
	explanation.window = copy("latest");
	explanation.items = calloc(2, sizeof(*explanation.items));
	ck_assert_ptr_nonnull(explanation.items);
	explanation.item_count = ratio ? 2 : 1;
	explain_item(&explanation.items[0], ratio ? "a" : "arrivals.people", ratio ? "above" : "",
		     strcmp(name, "arrivals.people.latest") == 0 ? ledger->points : 1);
	if (ratio)
		explain_item(&explanation.items[1], "b", "below", 1);
	*ret_explanation = explanation;
	return 0;
}
