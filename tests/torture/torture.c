/* SPDX-License-Identifier: MIT
 *
 * torture.c - the crash campaign, `make torture`: the daemon is killed at random moments and at its
 * fault points, its workers too, and the power fails, while documents, a log and questions come;
 * started again, it must end with what an undisturbed run ends with. Test program; its parts: run.h
 * (one run), cut.h (the model of a power cut), scenario.h (inputs), answers.h (what is compared),
 * load.h (who asks and watches).
 *
 * $TORTURE_SEED: of all choices. Run number n of a seed makes the same choices whatever the others
 * do; $TORTURE_ONLY=n repeats it alone. $TORTURE_ROWS: rows of the large run. $TORTURE_SECONDS:
 * after which no further run is begun. $TORTURE_POINTS=all: every fault point of main and workers,
 * and every change to the disk, however long it takes; =points: the fault points alone; else those
 * that chance takes. $TORTURE_PART=i/n: every n-th of these runs, so that several can go at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "run.h"

#define SMALL_ROWS	    2000
#define SMALL_MAX	    6	 /* disturbances of a small random run */
#define PATIENCE	    12	 /* commits */
#define LARGE_MAX	    1000 /* of the large one */
#define LARGE_WORKER_POINTS 30
#define LARGE_CHANGES	    4000 /* the power fails at the latest at this change of a process */
#define LARGE_WITHIN_MS	    1000 /* commits are large there, and far between */

enum campaign {
	CAMPAIGN_MAIN_POINTS,
	CAMPAIGN_POWER,
	CAMPAIGN_RANDOM,
	CAMPAIGN_WORKER_POINTS,
	CAMPAIGNS
};

static const char *const campaign_names[CAMPAIGNS] = { "fault point", "power cut at change",
						       "random moments", "worker's fault point" };

struct plan {
	enum campaign campaign;
	struct chance chance;
	unsigned long run, at, points, worker_points, changes, max, within_ms;
};

struct totals {
	unsigned long runs, differences, disturbed[DISTURB_KINDS], restarts, kills, cuts, undone,
		seen, rows;
};

static unsigned long from_environment(const char *name, unsigned long fallback)
{
	const char *text = getenv(name);

	return text && text[0] ? strtoul(text, NULL, 10) : fallback;
}

/* ── plans ───────────────────────────────────────────────────────────────────────────────────── */

static struct disturbance random_disturbance(struct plan *plan)
{
	static const enum disturbance_kind kinds[] = {
		DISTURB_MAIN_POINT,  DISTURB_MAIN_POINT,   DISTURB_WORKER_POINT, DISTURB_POWER,
		DISTURB_POWER,	     DISTURB_POWER_CHANGE, DISTURB_KILL_MAIN,	 DISTURB_KILL_MAIN,
		DISTURB_KILL_WORKER, DISTURB_KILL_BOTH,	   DISTURB_KILL_WORKER,	 DISTURB_STOP_MAIN,
		DISTURB_KILL_START,  DISTURB_STOP_WORKER,
	};
	struct disturbance next = {
		.kind = kinds[chance_of(&plan->chance, sizeof(kinds) / sizeof(kinds[0]))],
		.at = chance_of(&plan->chance, 4),
		.then_us = chance_of(&plan->chance, 20000),
		.patience = PATIENCE,
		.within_ms = plan->within_ms ? 1 + chance_of(&plan->chance, plan->within_ms) : 0,
	};

	if (next.kind == DISTURB_MAIN_POINT)
		next.at = 1 + chance_of(&plan->chance, plan->points);
	else if (next.kind == DISTURB_WORKER_POINT)
		next.at = 1 + chance_of(&plan->chance, plan->worker_points);
	else if (next.kind == DISTURB_POWER_CHANGE)
		next.at = 1 + chance_of(&plan->chance, plan->changes);
	return next;
}

static struct disturbance next_of_plan(void *context, unsigned long number)
{
	static const enum disturbance_kind kinds[CAMPAIGNS] = {
		[CAMPAIGN_MAIN_POINTS] = DISTURB_MAIN_POINT,
		[CAMPAIGN_WORKER_POINTS] = DISTURB_WORKER_POINT,
		[CAMPAIGN_POWER] = DISTURB_POWER_CHANGE,
	};
	struct plan *plan = context;
	struct disturbance next = { .kind = kinds[plan->campaign], .at = plan->at };

	if (number >= plan->max)
		return (struct disturbance){ .kind = DISTURB_NOTHING };
	if (plan->campaign == CAMPAIGN_RANDOM)
		next = random_disturbance(plan);
	fprintf(stderr, "torture: run %lu: choice %lu: kind %d at %lu + %lu us, within %lu ms\n",
		plan->run, number, (int)next.kind, next.at, next.then_us, next.within_ms);
	return next;
}

/* ── runs ────────────────────────────────────────────────────────────────────────────────────── */

static void add(struct totals *totals, const struct run_result *result, unsigned long rows)
{
	totals->runs++;
	totals->restarts += result->restarts;
	totals->kills += result->kills;
	totals->cuts += result->cuts;
	totals->undone += result->undone;
	totals->seen += result->seen;
	totals->rows += rows;
	for (size_t i = 0; i < DISTURB_KINDS; i++)
		totals->disturbed[i] += result->disturbed[i];
}

/* One disturbed run, compared with the undisturbed one. Returns the differences. */
static unsigned long torture(const struct scenario *scenario, const struct run_result *expected,
			     struct plan *plan, struct totals *totals)
{
	struct run run = { .scenario = scenario,
			   .plan = next_of_plan,
			   .context = plan,
			   .chance = plan->chance,
			   .recorded = true };
	struct run_result result;
	unsigned long differences;

	run_scenario(&run, &result);
	differences = answers_compare(&expected->answers, &result.answers) + result.unkept +
		      result.faults;
	add(totals, &result, scenario->rows);
	totals->differences += differences;
	answers_done(&result.answers);
	return differences;
}

static void undisturbed(const struct scenario *scenario, bool recorded,
			struct run_result *ret_result)
{
	struct run run = { .scenario = scenario,
			   .chance = chance_begin(0, 0),
			   .recorded = recorded };

	run_scenario(&run, ret_result);
	ck_assert_msg(ret_result->faults + ret_result->unkept == 0,
		      "the undisturbed run is not as it should be");
}

static void small_run(const struct scenario *scenario, const struct run_result *expected,
		      unsigned long seed, unsigned long number, enum campaign campaign,
		      unsigned long at, struct totals *totals)
{
	struct plan plan = { .campaign = campaign,
			     .run = number,
			     .chance = chance_begin(seed, number),
			     .points = expected->points,
			     .worker_points = expected->worker_points,
			     .changes = expected->changes,
			     .max = campaign == CAMPAIGN_RANDOM ? SMALL_MAX : 1 };
	const unsigned long most[CAMPAIGNS] = { expected->points, expected->changes, 1,
						expected->worker_points };
	unsigned long differences;

	plan.at = at ? at : 1 + chance_of(&plan.chance, most[campaign]);
	fprintf(stderr, "torture: run %lu: %s %lu\n", number, campaign_names[campaign], plan.at);
	differences = torture(scenario, expected, &plan, totals);
	if (differences > 0)
		fprintf(stderr, "torture: run %lu of seed %lu, %s %lu: %lu differences\n", number,
			seed, campaign_names[campaign], plan.at, differences);
}

static void large_run(unsigned long seed, unsigned long rows, const struct run_result *small,
		      struct totals *totals)
{
	struct plan plan = { .campaign = CAMPAIGN_RANDOM,
			     .chance = chance_begin(seed, 0),
			     .points = small->points,
			     .worker_points = LARGE_WORKER_POINTS,
			     .changes = LARGE_CHANGES,
			     .max = LARGE_MAX,
			     .within_ms = LARGE_WITHIN_MS };
	struct scenario scenario;
	struct run_result expected;
	long long begun = process_now_ms();

	scenario_make(&scenario, rows);
	undisturbed(&scenario, false, &expected);
	fprintf(stderr, "torture: %lu rows undisturbed: %.1f s\n", rows,
		(double)(process_now_ms() - begun) / 1000);
	begun = process_now_ms();
	(void)torture(&scenario, &expected, &plan, totals);
	fprintf(stderr, "torture: %lu rows disturbed %lu times: %.1f s\n", rows,
		totals->kills + totals->cuts, (double)(process_now_ms() - begun) / 1000);
	answers_done(&expected.answers);
	scenario_done(&scenario);
}

static void print_summary(const struct totals *totals, const struct run_result *small,
			  unsigned long seed, long long begun)
{
	const unsigned long *n = totals->disturbed;

	fprintf(stderr,
		"torture: of %lu fault points of main %lu runs, of %lu of workers %lu, of %lu changes to "
		"the disk %lu; killed at random: main %lu, worker %lu, both %lu, starting %lu, by "
		"power %lu; stopped: main %lu, worker %lu; %lu unsynced changes undone; %lu changes "
		"seen by watchers\n",
		small->points, n[DISTURB_MAIN_POINT], small->worker_points, n[DISTURB_WORKER_POINT],
		small->changes, n[DISTURB_POWER_CHANGE], n[DISTURB_KILL_MAIN],
		n[DISTURB_KILL_WORKER], n[DISTURB_KILL_BOTH], n[DISTURB_KILL_START],
		n[DISTURB_POWER], n[DISTURB_STOP_MAIN], n[DISTURB_STOP_WORKER], totals->undone,
		totals->seen);
	fprintf(stderr,
		"torture: seed %lu, %lu runs, points %lu, kills %lu, restarts %lu, power cuts %lu, "
		"rows %lu, differences: %lu, %.0f s\n",
		seed, totals->runs, n[DISTURB_MAIN_POINT] + n[DISTURB_WORKER_POINT], totals->kills,
		totals->restarts, totals->cuts, totals->rows, totals->differences,
		(double)(process_now_ms() - begun) / 1000);
}

/* Every place once, or every so-manieth of them. */
static void run_all(const struct scenario *scenario, const struct run_result *expected,
		    unsigned long seed, bool changes, struct totals *totals)
{
	const unsigned long most[CAMPAIGNS] = { expected->points, changes ? expected->changes : 0,
						0, expected->worker_points };
	const char *part = getenv("TORTURE_PART");
	unsigned long number = 1, which = 1, of = 1;

	if (part && part[0])
		ck_assert_msg(sscanf(part, "%lu/%lu", &which, &of) == 2 && of > 0,
			      "PART is i/n, not %s", part);
	for (size_t campaign = 0; campaign < CAMPAIGNS; campaign++) {
		for (unsigned long at = 1; at <= most[campaign]; at++, number++) {
			if (number % of == which % of)
				small_run(scenario, expected, seed, number, (enum campaign)campaign,
					  at, totals);
		}
	}
}

START_TEST(killed_and_without_power_it_ends_as_an_undisturbed_run_does)
{
	unsigned long seed = from_environment("TORTURE_SEED", (unsigned long)time(NULL)),
		      rows = from_environment("TORTURE_ROWS", 1000000),
		      seconds = from_environment("TORTURE_SECONDS", 600),
		      only = from_environment("TORTURE_ONLY", 0);
	const char *points = getenv("TORTURE_POINTS");
	bool fault_points = points && strcmp(points, "points") == 0,
	     all = fault_points || (points && strcmp(points, "all") == 0);
	long long begun = process_now_ms();
	struct totals totals = { 0 };
	struct scenario scenario;
	struct run_result small;

	fprintf(stderr, "torture: SEED=%lu ROWS=%lu SECONDS=%lu\n", seed, rows, seconds);
	scenario_make(&scenario, SMALL_ROWS);
	undisturbed(&scenario, true, &small);
	if (rows > 0 && only == 0)
		large_run(seed, rows, &small, &totals);
	if (all)
		run_all(&scenario, &small, seed, !fault_points, &totals);
	for (unsigned long n = only ? only : 1;
	     !all && (only ? n == only : process_now_ms() < begun + (long long)seconds * 1000); n++)
		small_run(&scenario, &small, seed, n, (enum campaign)(n % CAMPAIGNS), 0, &totals);
	print_summary(&totals, &small, seed, begun);
	answers_done(&small.answers);
	scenario_done(&scenario);
	ck_assert_uint_eq(totals.differences, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("torture");
	TCase *tests = tcase_create("torture");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 0);
	tcase_add_test(tests, killed_and_without_power_it_ends_as_an_undisturbed_run_does);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
