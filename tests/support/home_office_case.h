/* SPDX-License-Identifier: MIT
 *
 * home_office_case.h - one host for a test of the Home Office plugin, and what its tests ask for in
 * one line each.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "fake_host.h"
#include "spreadsheet.h"
#include "strait/date.h"

extern const struct strait_plugin strait_plugin;

#define NOW_MS INT64_C(1793534400000) /* 2026-11-01T12:00:00Z */
#define SAVED  "2020-09-02T20:00:00Z"

#define LOOP(test, table)                                                                          \
	tcase_add_loop_test(tcase, test, 0, (int)(sizeof(table) / sizeof((table)[0])))

static struct fake_host *host;

static inline void set_up(void)
{
	host = fake_host_new(&strait_plugin, NULL);
	host->now_ms = NOW_MS;
	ck_assert_int_eq(fake_host_open(host), 0);
}

static inline void tear_down(void)
{
	host = fake_host_free(host);
}

static inline int read_made(struct spreadsheet made)
{
	int result = fake_host_document(host, "small-boats.ods", made.data, made.size);

	free(made.data);
	return result;
}

static inline int read_ods(const char *sheets)
{
	return read_made(spreadsheet_make(sheets, SAVED));
}

static inline int read_csv(const char *text)
{
	return fake_host_document(host, "small-boats.csv", text, strlen(text));
}

static inline const struct fake_observation *find(const char *metric, const char *label, int year,
						  int month, int day)
{
	const char *labels[] = { label ? label : "", NULL };

	return fake_host_find(host, metric, strait_day(year, month, day), labels);
}

static inline void expect(const char *metric, int year, int month, int day, double value)
{
	const struct fake_observation *observation = find(metric, NULL, year, month, day);

	ck_assert_msg(observation, "no %s on %d-%02d-%02d", metric, year, month, day);
	ck_assert_double_eq(observation->value, value);
}

static inline void expect_label(const char *metric, const char *label, int year, int month,
				double value)
{
	const struct fake_observation *observation = find(metric, label, year, month, 1);

	ck_assert_msg(observation, "no %s{%s} in %d-%02d", metric, label, year, month);
	ck_assert_msg(observation->value == value, "%s{%s} is %g, not %g", metric, label,
		      observation->value, value);
}

static inline const struct fake_coverage *coverage(const char *metric)
{
	for (size_t i = 0; i < host->coverage_count; i++)
		if (strcmp(host->coverage[i].metric_name, metric) == 0)
			return &host->coverage[i];
	return NULL;
}

/* The document is refused: for its shape, or for another reason. */
static inline void expect_failure(int result, enum strait_fault fault, const char *part)
{
	ck_assert_int_lt(result, 0);
	ck_assert_ptr_nonnull(host->failure);
	ck_assert_int_eq(host->fault, fault);
	ck_assert_msg(strstr(host->failure, part), "'%s' is not in: %s", part, host->failure);
	ck_assert_uint_eq(host->observation_count, 0);
}
