/* SPDX-License-Identifier: MIT
 *
 * test_figures.c - the arithmetic of figures over made-up points: windows, gaps, status, ratios,
 * records, percentiles.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"
#include "strait/date.h"

/* A metric of the test: days as text, so that rows can be read. */
struct row {
	const char *period;
	double value;
	enum strait_status status;
};

struct metric {
	const char *name;
	enum strait_kind kind;
	enum strait_granularity granularity;
	bool is_distribution;
	const struct row *rows;
	size_t count;
};

#define ROWS(rows) rows, sizeof(rows) / sizeof(rows[0])

static const struct row daily[] = {
	{ "2020-08-31", 10, STRAIT_FINAL },	   { "2020-09-01", 0, STRAIT_FINAL },
	{ "2020-09-02", 409, STRAIT_PROVISIONAL }, { "2020-09-03", 7, STRAIT_FINAL },
	{ "2020-09-04", 409, STRAIT_FINAL },	   { "2020-09-05", NAN, STRAIT_MISSING },
};
static const struct row gappy[] = {
	{ "2020-09-01", 5, STRAIT_FINAL },
	{ "2020-09-03", 6, STRAIT_FINAL },
	{ "2020-09-04", 7, STRAIT_FINAL },
};
static const struct row boats[] = {
	{ "2020-08-31", 1, STRAIT_FINAL },  { "2020-09-01", 0, STRAIT_FINAL },
	{ "2020-09-02", 27, STRAIT_FINAL }, { "2020-09-03", 1, STRAIT_FINAL },
	{ "2020-09-04", 20, STRAIT_FINAL },
};
static const struct row events[] = {
	{ "2020-09-01", 3, STRAIT_FINAL },
	{ "2020-09-20", 4, STRAIT_FINAL },
};
static const struct row partly[] = {
	{ "2020-09-01", 3, STRAIT_ESTIMATED },
};
static const struct row weekly[] = {
	{ "2020-W35", 100, STRAIT_FINAL },
	{ "2020-W36", 200, STRAIT_FINAL },
};
static const struct row years[] = {
	{ "2019-09-02", 100, STRAIT_FINAL },
	{ "2020-09-02", 150, STRAIT_FINAL },
};

static const struct metric metrics[] = {
	{ "daily", STRAIT_LEVEL, STRAIT_DAY, false, ROWS(daily) },
	{ "gappy", STRAIT_LEVEL, STRAIT_DAY, false, ROWS(gappy) },
	{ "boats", STRAIT_LEVEL, STRAIT_DAY, false, ROWS(boats) },
	{ "events", STRAIT_RECORD, STRAIT_DAY, false, ROWS(events) },
	{ "partly", STRAIT_RECORD, STRAIT_DAY, false, ROWS(partly) },
	{ "hours", STRAIT_RECORD, STRAIT_DAY, true, ROWS(events) },
	{ "weekly", STRAIT_LEVEL, STRAIT_WEEK, false, ROWS(weekly) },
	{ "years", STRAIT_RECORD, STRAIT_DAY, false, ROWS(years) },
	{ "nothing", STRAIT_RECORD, STRAIT_DAY, false, NULL, 0 },
};

static struct point scratch[16][16];
static size_t scratch_used;

static int points(void *context, const struct formula_item *item, struct figure_points *ret,
		  struct fault *fault)
{
	(void)context;
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		const struct metric *metric = &metrics[i];
		struct point *list = scratch[scratch_used++ % 16];

		if (strcmp(metric->name, item->metric) != 0)
			continue;
		for (size_t k = 0; k < metric->count; k++) {
			struct period period;

			ck_assert(period_parse(metric->rows[k].period, &period));
			list[k] = (struct point){ .day = period.first,
						  .value = metric->rows[k].value,
						  .status = metric->rows[k].status,
						  .count = (uint64_t)metric->rows[k].value,
						  .published_at_ms = (int64_t)k + 1 };
		}
		*ret = (struct figure_points){ .kind = metric->kind,
					       .granularity = metric->granularity,
					       .is_distribution = metric->is_distribution,
					       .has_data = metric->count > 0,
					       .items = list,
					       .count = metric->count };
		return 0;
	}
	return fault_set(fault, FAULT_NO_SUCH_METRIC, "no metric '%s'", item->metric);
}

static int buckets(void *context, const struct formula_item *item, int32_t first, int32_t last,
		   struct bucket **ret, size_t *ret_count, struct fault *fault)
{
	static const struct bucket list[] = { { 1, 2 }, { 10, 1 }, { 24, 1 }, { 100, 2 } };

	(void)context;
	(void)item;
	(void)first;
	(void)last;
	(void)fault;
	*ret = malloc(sizeof(list));
	ck_assert_ptr_nonnull(*ret);
	memcpy(*ret, list, sizeof(list));
	*ret_count = 4;
	return 0;
}

static const struct {
	const char *formula, *window;
	double value;
	enum strait_status status;
	const char *period;
} cases[] = {
	/* the latest period that has a value: 5 September has none */
	{ "daily", "latest", 409, STRAIT_FINAL, "2020-09-04" },
	{ "daily", "previous", 7, STRAIT_FINAL, "2020-09-03" },
	{ "daily", "last_7_days", 835, STRAIT_PROVISIONAL, "2020-08-31/2020-09-04" },
	{ "daily", "month_to_date", 825, STRAIT_PROVISIONAL, "2020-09-01/2020-09-04" },
	{ "daily", "year_to_date", 835, STRAIT_PROVISIONAL, "2020-08-31/2020-09-04" },
	{ "daily", "total", 835, STRAIT_PROVISIONAL, "2020-08-31/2020-09-04" },
	/* the earlier of two equal records */
	{ "daily", "record", 409, STRAIT_PROVISIONAL, "2020-09-02" },
	{ "daily", "2020-09-02", 409, STRAIT_PROVISIONAL, "2020-09-02" },
	/* a day that the source has no value for is neither zero nor left out */
	{ "daily", "2020-09-05", NAN, STRAIT_MISSING, "2020-09-05" },
	{ "daily", "2020-08", 10, STRAIT_FINAL, "2020-08-31" },
	{ "daily", "2019", NAN, STRAIT_MISSING, "2019" },
	{ "daily", "2021", NAN, STRAIT_MISSING, "2021" },
	/* a hole in a level */
	{ "gappy", "total", NAN, STRAIT_MISSING, "2020-09-01/2020-09-04" },
	{ "gappy", "latest", 7, STRAIT_FINAL, "2020-09-04" },
	{ "gappy", "record", 7, STRAIT_FINAL, "2020-09-04" },
	{ "gappy", "2020-09-03/2020-09-04", 13, STRAIT_FINAL, "2020-09-03/2020-09-04" },
	/* events and records: no line is no boat */
	{ "events", "total", 7, STRAIT_FINAL, "2020-09-01/2020-09-20" },
	{ "events", "last_7_days", 4, STRAIT_FINAL, "2020-W38" },
	{ "events", "previous", 0, STRAIT_FINAL, "2020-09-19" },
	{ "events", "2020-09-05", 0, STRAIT_FINAL, "2020-09-05" },
	{ "events", "2020-08", NAN, STRAIT_MISSING, "2020-08" },
	{ "partly", "total", 3, STRAIT_ESTIMATED, "2020-09-01" },
	{ "nothing", "total", NAN, STRAIT_MISSING, "" },
	{ "nothing", "2020", NAN, STRAIT_MISSING, "2020" },
	/* ratios */
	{ "daily / boats", "2020-09-02", 409.0 / 27, STRAIT_PROVISIONAL, "2020-09-02" },
	{ "daily / boats", "2020-09-01", NAN, STRAIT_MISSING, "2020-09-01" },
	{ "daily / boats", "total", 835.0 / 49, STRAIT_PROVISIONAL, "2020-08-31/2020-09-04" },
	{ "daily / boats", "record", 409.0 / 20, STRAIT_FINAL, "2020-09-04" },
	{ "events / nothing", "total", NAN, STRAIT_MISSING, "2020-09-01/2020-09-20" },
	{ "events + events / events", "total", 2, STRAIT_FINAL, "2020-09-01/2020-09-20" },
	/* functions */
	{ "max(daily)", "total", 409, STRAIT_PROVISIONAL, "2020-08-31/2020-09-04" },
	{ "mean(boats)", "total", 49.0 / 5, STRAIT_FINAL, "2020-08-31/2020-09-04" },
	{ "count(events)", "total", 7, STRAIT_FINAL, "2020-09-01/2020-09-20" },
	{ "percentile(hours, 50)", "total", 17, STRAIT_FINAL, "2020-09-01/2020-09-20" },
	{ "percentile(hours, 0)", "total", 1, STRAIT_FINAL, "2020-09-01/2020-09-20" },
	{ "percentile(hours, 100)", "total", 100, STRAIT_FINAL, "2020-09-01/2020-09-20" },
	{ "below(hours, 24)", "total", 4, STRAIT_FINAL, "2020-09-01/2020-09-20" },
	{ "change(years)", "2020-09-02", 0.5, STRAIT_FINAL, "2020-09-02" },
	{ "change(boats)", "2020-09-02", NAN, STRAIT_MISSING, "2020-09-02" },
	/* weeks are in a window when they are in it whole */
	{ "weekly", "latest", 200, STRAIT_FINAL, "2020-W36" },
	{ "weekly", "last_7_days", 200, STRAIT_FINAL, "2020-W36" },
	{ "weekly", "2020-08", 100, STRAIT_FINAL, "2020-08-24/2020-08-31" },
};

START_TEST(computes)
{
	struct figure_reader reader = { .points = points, .buckets = buckets };
	struct figure_value value;
	struct formula formula;
	struct window window;
	struct fault fault = { 0 };

	ck_assert_int_eq(formula_parse(cases[_i].formula, &formula, &fault), 0);
	ck_assert_int_eq(window_parse(cases[_i].window, &window, &fault), 0);
	ck_assert_msg(figure_evaluate(&formula, &window, &reader, &value, &fault) == 0, "%s",
		      fault.text);
	formula_done(&formula);
	ck_assert_msg(isnan(cases[_i].value) ? isnan(value.value)
					     : fabs(value.value - cases[_i].value) < 1e-9,
		      "%s over %s: %.17g, not %.17g", cases[_i].formula, cases[_i].window,
		      value.value, cases[_i].value);
	ck_assert_msg(value.status == cases[_i].status, "%s over %s: status %d", cases[_i].formula,
		      cases[_i].window, value.status);
	ck_assert_msg(strcmp(value.period, cases[_i].period) == 0,
		      "%s over %s: period '%s', not '%s'", cases[_i].formula, cases[_i].window,
		      value.period, cases[_i].period);
}
END_TEST

START_TEST(published_at_is_that_of_the_newest_part)
{
	struct figure_reader reader = { .points = points, .buckets = buckets };
	struct figure_value value;
	struct formula formula;
	struct window window;
	struct fault fault;

	ck_assert_int_eq(formula_parse("daily", &formula, &fault), 0);
	ck_assert_int_eq(window_parse("2020-09-01/2020-09-03", &window, &fault), 0);
	ck_assert_int_eq(figure_evaluate(&formula, &window, &reader, &value, &fault), 0);
	formula_done(&formula);
	ck_assert_int_eq(value.published_at_ms, 4);
}
END_TEST

START_TEST(refuses_a_percentile_of_what_is_no_distribution)
{
	struct figure_reader reader = { .points = points, .buckets = buckets };
	struct figure_value value;
	struct formula formula;
	struct window window;
	struct fault fault;

	ck_assert_int_eq(formula_parse("percentile(events, 50)", &formula, &fault), 0);
	ck_assert_int_eq(window_parse("total", &window, &fault), 0);
	ck_assert_int_eq(figure_evaluate(&formula, &window, &reader, &value, &fault), -1);
	ck_assert_str_eq(fault.text, "metric 'events' is not kept as a distribution");
	formula_done(&formula);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("figures");
	TCase *tests = tcase_create("figures");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tests, computes, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tests, published_at_is_that_of_the_newest_part);
	tcase_add_test(tests, refuses_a_percentile_of_what_is_no_distribution);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
