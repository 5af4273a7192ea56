/* SPDX-License-Identifier: MIT
 *
 * ledger_case.h - a ledger in a temporary directory and batches in one line each, for tests of the
 * ledger and its store.
 */
#pragma once

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger.h"
#include "strait/date.h"

struct ledger_case {
	char dir[64];
	struct ledger *ledger;
	struct commit_report report;
	struct fault fault;
	uint64_t batch; /* last number */
};

/* The metrics of the test's plugin, by index. */
enum { CASE_PEOPLE, CASE_BOATS, CASE_HOURS, CASE_STATEMENTS, CASE_WEEKLY };

static inline void case_declare(struct ledger_case *c)
{
	struct metric_declaration metrics[] = {
		{ (char *)"people",
		  (char *)"people",
		  (char *)"People",
		  STRAIT_LEVEL,
		  STRAIT_DAY,
		  0,
		  { NULL } },
		{ (char *)"boats",
		  (char *)"boats",
		  (char *)"Boats",
		  STRAIT_RECORD,
		  STRAIT_DAY,
		  0,
		  { (char *)"area", (char *)"outcome" } },
		{ (char *)"hours",
		  (char *)"hours",
		  (char *)"Hours",
		  STRAIT_RECORD,
		  STRAIT_DAY,
		  STRAIT_METRIC_DISTRIBUTION,
		  { (char *)"area" } },
		{ (char *)"statements",
		  (char *)"statements",
		  (char *)"Statements",
		  STRAIT_EVENT,
		  STRAIT_DAY,
		  0,
		  { (char *)"area" } },
		{ (char *)"weekly",
		  (char *)"people",
		  (char *)"Weekly",
		  STRAIT_LEVEL,
		  STRAIT_WEEK,
		  0,
		  { NULL } },
	};
	struct figure_declaration figures[] = {
		{ (char *)"people.latest", (char *)"people", (char *)"latest", (char *)"people",
		  (char *)"t" },
		{ (char *)"people.total", (char *)"people", (char *)"total", (char *)"people",
		  (char *)"t" },
		{ (char *)"people.record", (char *)"people", (char *)"record", (char *)"people",
		  (char *)"t" },
		{ (char *)"boats.total", (char *)"boats", (char *)"total", (char *)"boats",
		  (char *)"t" },
		{ (char *)"boats.lost", (char *)"boats{outcome=lost} / boats", (char *)"total",
		  (char *)"ratio", (char *)"t" },
		{ (char *)"hours.median", (char *)"percentile(hours, 50)", (char *)"total",
		  (char *)"hours", (char *)"t" },
		{ (char *)"statements.count", (char *)"count(statements)", (char *)"total",
		  (char *)"statements", (char *)"t" },
		{ (char *)"statements.total", (char *)"statements", (char *)"total",
		  (char *)"statements", (char *)"t" },
	};
	struct declaration declaration = { .plugin = (char *)"p",
					   .version = (char *)"1",
					   .summary = (char *)"s",
					   .metrics = metrics,
					   .metric_count = 5,
					   .figures = figures,
					   .figure_count = 8 };

	ck_assert_msg(ledger_declare(c->ledger, "src", &declaration, &c->report, &c->fault) == 0,
		      "%s", c->fault.text);
}

static inline void case_reopen(struct ledger_case *c)
{
	ledger_free(c->ledger);
	c->ledger = NULL;
	ck_assert_msg(ledger_open(c->dir, &c->ledger, &c->fault) == 0, "%s", c->fault.text);
}

static inline void case_open(struct ledger_case *c)
{
	*c = (struct ledger_case){ .dir = "/tmp/strait-ledger-XXXXXX" };
	ck_assert_ptr_nonnull(mkdtemp(c->dir));
	case_reopen(c);
	case_declare(c);
}

static inline void case_close(struct ledger_case *c)
{
	static const char *const names[] = { "straitd.db", "straitd.db-wal", "straitd.db-shm",
					     "straitd.db.lock", "identity.key" };
	char path[128];

	ledger_free(c->ledger);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", c->dir, names[i]);
		(void)unlink(path);
	}
	ck_assert_int_eq(rmdir(c->dir), 0);
}

static inline int32_t case_day(const char *text)
{
	struct period period;

	ck_assert(period_parse(text, &period));
	return period.first;
}

#define CASE_OBSERVATIONS 64

/* A release to be filled, then sent as one batch or several. */
struct case_release {
	struct batch_release release;
	char name[64];
	struct batch_series series[CASE_OBSERVATIONS];
	struct batch_observation observations[CASE_OBSERVATIONS];
	struct batch_coverage coverage[2];
	size_t count;
};

static inline void release_init(struct case_release *r, const char *name, int64_t published_at_ms)
{
	*r = (struct case_release){ .release = { .name = r->name,
						 .dataset = "",
						 .url = "",
						 .published_at_ms = published_at_ms,
						 .coverage = r->coverage } };
	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	for (size_t i = 0; i < SHA256_BYTES && name[i]; i++)
		r->release.sha256[i] = (uint8_t)name[i];
}

static inline struct batch_observation *release_add(struct case_release *r, uint16_t metric,
						    const char *day, double value,
						    const char *label0, const char *label1)
{
	size_t i = r->count++;

	ck_assert_uint_lt(i, CASE_OBSERVATIONS);
	r->series[i] = (struct batch_series){ .metric = metric, .labels = { label0, label1 } };
	r->observations[i] =
		(struct batch_observation){ .series = (uint32_t)i,
					    .day = case_day(day),
					    .status = isnan(value) ? STRAIT_MISSING : STRAIT_FINAL,
					    .value = value,
					    .at = strait_at_offset(i) };
	return &r->observations[i];
}

static inline void release_cover(struct case_release *r, uint16_t metric, const char *first,
				 const char *last)
{
	r->coverage[r->release.coverage_count++] = (struct batch_coverage){
		.metric = metric, .first = case_day(first), .last = case_day(last)
	};
}

/* Sends observations [from, to) as the next batch. */
static inline int release_send_part(struct ledger_case *c, const struct case_release *r,
				    size_t from, size_t to, bool final)
{
	struct batch batch = { .number = c->batch + 1,
			       .release = r->release,
			       .final = final,
			       .first = from,
			       .accepted = to - from,
			       .series = r->series,
			       .series_count = r->count,
			       .observations = r->observations + from,
			       .observation_count = to - from,
			       .cursor = "cursor",
			       .cursor_size = 6 };
	int result = ledger_commit(c->ledger, "src", &batch, &c->report, &c->fault);

	if (result == 0)
		c->batch++;
	return result;
}

static inline void release_send(struct ledger_case *c, const struct case_release *r)
{
	ck_assert_msg(release_send_part(c, r, 0, r->count, true) == 0, "%s", c->fault.text);
}

static inline double case_value(struct ledger_case *c, const char *name, int64_t as_of_ms)
{
	struct figure_value value;

	ck_assert_msg(ledger_value(c->ledger, name, as_of_ms, &value, &c->fault) == 0, "%s",
		      c->fault.text);
	return value.value;
}

static inline double case_figure(const struct ledger_case *c, const char *name)
{
	const struct figure *figure = ledger_figure(c->ledger, name);

	ck_assert_ptr_nonnull(figure);
	return figure->value;
}
