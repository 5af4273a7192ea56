/* SPDX-License-Identifier: MIT
 *
 * run.h - one run of the daemon over a scenario, from an empty state to the end of the inputs,
 * disturbed as planned, and what it answers then.
 */
#pragma once

#include "answers.h"
#include "chance.h"
#include "scenario.h"

enum disturbance_kind {
	DISTURB_NOTHING,
	DISTURB_MAIN_POINT,   /* main ends at its fault point `at` */
	DISTURB_WORKER_POINT, /* the first worker to reach its point `at` is killed there */
	DISTURB_POWER_CHANGE, /* the power fails before main's change `at` to the disk */
	DISTURB_POWER,	      /* … at a random moment */
	DISTURB_KILL_MAIN,
	DISTURB_KILL_WORKER,
	DISTURB_KILL_BOTH,
	DISTURB_STOP_MAIN, /* SIGSTOP, a while later SIGCONT */
	DISTURB_STOP_WORKER,
	DISTURB_KILL_START, /* main, while it starts; and once more */
	DISTURB_KINDS,
};

struct disturbance {
	enum disturbance_kind kind;
	unsigned long at; /* of the counted ones; of others: so many commits after the last one */
	unsigned long then_us;	 /* … and so many microseconds */
	unsigned long patience;	 /* of the counted ones: after so many commits without it main is
				    killed instead; 0: never */
	unsigned long within_ms; /* the same, and of the others the moment itself, so long after
				    the last disturbance if no commit came; 0: commits alone */
};

struct run {
	const struct scenario *scenario;
	/* The plan: the next disturbance, given the number of those before; DISTURB_NOTHING ends
	   it. NULL: undisturbed. */
	struct disturbance (*plan)(void *context, unsigned long number);
	void *context;
	struct chance chance; /* of what a power cut leaves, and who is killed */
	bool recorded; /* what main does to its disk is written down: needed for power cuts */
};

struct run_result {
	struct answers answers;
	unsigned long disturbed[DISTURB_KINDS]; /* that happened */
	unsigned long restarts, kills, cuts, undone;
	unsigned long seen, unkept; /* lines of the witness; those that the feed has not */
	unsigned long faults;	    /* stores that were damaged at a restart, changed keys, … */
	unsigned long points, worker_points, changes; /* of the longest process; all changes */
};

/* Fails the running test when the daemon does not come to the end. */
void run_scenario(const struct run *run, struct run_result *ret_result);
