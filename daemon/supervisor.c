/* SPDX-License-Identifier: MIT
 *
 * supervisor.c - the state table of one worker: deadlines, backoff, quarantine, obituary. Main
 * only. Pure.
 *
 * Invariant: the state changes in step() only, by a row of the table; due_ms belongs to the state
 * it was set for. Must never: touch a process, read a clock, log. That is the owner's (source.c).
 */
#include "supervisor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "worker.h"

#define IN(state) (1u << (state))
#define WORKING	  (IN(SUPERVISOR_STARTING) | IN(SUPERVISOR_RUNNING) | IN(SUPERVISOR_UNRESPONSIVE))
#define LEAVING	  (IN(SUPERVISOR_STOPPING) | IN(SUPERVISOR_TERMINATING) | IN(SUPERVISOR_KILLING))
#define ALIVE	  (WORKING | LEAVING)
#define AT_REST                                                                                    \
	(IN(SUPERVISOR_STOPPED) | IN(SUPERVISOR_BACKOFF) | IN(SUPERVISOR_QUARANTINED) |            \
	 IN(SUPERVISOR_MISCONFIGURED))

const struct supervisor_deadlines supervisor_deadlines = {
	.start_ms = SUPERVISOR_START_MS,
	.heartbeat_ms = SUPERVISOR_HEARTBEAT_MS,
	.unresponsive_ms = SUPERVISOR_UNRESPONSIVE_MS,
	.stop_ms = SUPERVISOR_STOP_MS,
	.term_ms = SUPERVISOR_TERM_MS,
	.kill_ms = SUPERVISOR_KILL_MS,
	.backoff_min_ms = SUPERVISOR_BACKOFF_MIN_MS,
	.backoff_max_ms = SUPERVISOR_BACKOFF_MAX_MS,
	.stall_ms = SUPERVISOR_STALL_MS,
};

/* First row that fits counts. A pair that is not here means nothing. */
static const struct rule {
	unsigned int states;
	enum supervisor_event event;
	enum supervisor_state next; /* 0 = as it is */
	enum supervisor_action action;
} rules[] = {
	{ AT_REST, SUPERVISOR_ON_START, SUPERVISOR_STARTING, SUPERVISOR_DO_SPAWN },
	{ IN(SUPERVISOR_STARTING), SUPERVISOR_ON_READY, SUPERVISOR_RUNNING, SUPERVISOR_DO_NOTHING },

	{ IN(SUPERVISOR_STARTING), SUPERVISOR_ON_HEARTBEAT, 0, SUPERVISOR_DO_NOTHING },
	{ IN(SUPERVISOR_RUNNING), SUPERVISOR_ON_HEARTBEAT, 0, SUPERVISOR_DO_NOTHING },
	{ IN(SUPERVISOR_UNRESPONSIVE), SUPERVISOR_ON_HEARTBEAT, SUPERVISOR_RUNNING,
	  SUPERVISOR_DO_NOTHING },

	{ IN(SUPERVISOR_STARTING), SUPERVISOR_ON_DEADLINE, SUPERVISOR_STOPPING, SUPERVISOR_DO_ASK },
	{ IN(SUPERVISOR_RUNNING), SUPERVISOR_ON_DEADLINE, SUPERVISOR_UNRESPONSIVE,
	  SUPERVISOR_DO_NOTHING },
	{ IN(SUPERVISOR_UNRESPONSIVE), SUPERVISOR_ON_DEADLINE, SUPERVISOR_STOPPING,
	  SUPERVISOR_DO_ASK },
	{ IN(SUPERVISOR_STOPPING), SUPERVISOR_ON_DEADLINE, SUPERVISOR_TERMINATING,
	  SUPERVISOR_DO_TERM },
	{ IN(SUPERVISOR_TERMINATING), SUPERVISOR_ON_DEADLINE, SUPERVISOR_KILLING,
	  SUPERVISOR_DO_KILL },
	{ IN(SUPERVISOR_KILLING), SUPERVISOR_ON_DEADLINE, SUPERVISOR_KILLING, SUPERVISOR_DO_KILL },
	{ IN(SUPERVISOR_BACKOFF), SUPERVISOR_ON_DEADLINE, SUPERVISOR_STARTING,
	  SUPERVISOR_DO_SPAWN },

	{ WORKING, SUPERVISOR_ON_LEAVING, SUPERVISOR_STOPPING, SUPERVISOR_DO_NOTHING },
	{ WORKING | IN(SUPERVISOR_STOPPING) | IN(SUPERVISOR_TERMINATING), SUPERVISOR_ON_HOSTILE,
	  SUPERVISOR_KILLING, SUPERVISOR_DO_KILL },
	{ WORKING, SUPERVISOR_ON_STOP, SUPERVISOR_STOPPING, SUPERVISOR_DO_ASK },
	{ AT_REST, SUPERVISOR_ON_STOP, SUPERVISOR_STOPPED, SUPERVISOR_DO_NOTHING },

	{ ALIVE, SUPERVISOR_ON_GONE_STOPPED, SUPERVISOR_STOPPED, SUPERVISOR_DO_NOTHING },
	{ ALIVE, SUPERVISOR_ON_GONE_RESTART, SUPERVISOR_STARTING, SUPERVISOR_DO_SPAWN },
	{ ALIVE, SUPERVISOR_ON_GONE_BACKOFF, SUPERVISOR_BACKOFF, SUPERVISOR_DO_NOTHING },
	{ ALIVE, SUPERVISOR_ON_GONE_QUARANTINE, SUPERVISOR_QUARANTINED, SUPERVISOR_DO_NOTHING },
	{ ALIVE, SUPERVISOR_ON_GONE_CONFIG, SUPERVISOR_MISCONFIGURED, SUPERVISOR_DO_NOTHING },
	{ IN(SUPERVISOR_QUARANTINED), SUPERVISOR_ON_SPARED, SUPERVISOR_BACKOFF,
	  SUPERVISOR_DO_NOTHING },
};

static const char *const state_names[] = {
	[SUPERVISOR_STOPPED] = "stopped",	  [SUPERVISOR_STARTING] = "starting",
	[SUPERVISOR_RUNNING] = "running",	  [SUPERVISOR_UNRESPONSIVE] = "unresponsive",
	[SUPERVISOR_STOPPING] = "stopping",	  [SUPERVISOR_TERMINATING] = "terminating",
	[SUPERVISOR_KILLING] = "killing",	  [SUPERVISOR_BACKOFF] = "backoff",
	[SUPERVISOR_QUARANTINED] = "quarantined", [SUPERVISOR_MISCONFIGURED] = "misconfigured",
};

/* Xorshift32: the jitter only has to differ between sources. */
static uint32_t next_random(struct supervisor *supervisor)
{
	uint32_t x = supervisor->random;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	supervisor->random = x;
	return x;
}

/* 1 s, 2 s, 4 s … 5 min, each ±10 %. */
static int64_t backoff_delay(struct supervisor *supervisor)
{
	int64_t delay = supervisor->deadlines.backoff_min_ms;
	int64_t spread;
	uint32_t i;

	for (i = 1; i < supervisor->failures && delay < supervisor->deadlines.backoff_max_ms; i++)
		delay *= 2;
	if (delay > supervisor->deadlines.backoff_max_ms)
		delay = supervisor->deadlines.backoff_max_ms;
	spread = delay / 10;
	return delay - spread + (int64_t)(next_random(supervisor) % (uint64_t)(2 * spread + 1));
}

static int64_t time_allowed(struct supervisor *supervisor)
{
	switch (supervisor->state) {
	case SUPERVISOR_STARTING:
		return supervisor->deadlines.start_ms;
	case SUPERVISOR_RUNNING:
		return supervisor->deadlines.heartbeat_ms;
	case SUPERVISOR_UNRESPONSIVE:
		return supervisor->deadlines.unresponsive_ms;
	case SUPERVISOR_STOPPING:
		return supervisor->deadlines.stop_ms;
	case SUPERVISOR_TERMINATING:
		return supervisor->deadlines.term_ms;
	case SUPERVISOR_KILLING:
		return supervisor->deadlines.kill_ms;
	case SUPERVISOR_BACKOFF:
		supervisor->delay_ms = backoff_delay(supervisor);
		return supervisor->delay_ms;
	case SUPERVISOR_STOPPED:
	case SUPERVISOR_QUARANTINED:
	case SUPERVISOR_MISCONFIGURED:
		break;
	}
	return 0;
}

static enum supervisor_action step(struct supervisor *supervisor, enum supervisor_event event,
				   int64_t now_ms)
{
	enum supervisor_action action;
	enum supervisor_state next;
	int64_t allowed;

	if (!supervisor_rule(supervisor->state, event, &next, &action))
		return SUPERVISOR_DO_NOTHING;
	if (!next)
		return action;
	supervisor->state = next;
	allowed = time_allowed(supervisor);
	supervisor->due_ms = allowed ? now_ms + allowed : 0;
	return action;
}

/* Stop and restart are the admin's word and replace what was found before; nothing replaces an
 * earlier finding. */
static void set_ending(struct supervisor *supervisor, enum supervisor_ending ending)
{
	if (ending == SUPERVISOR_ENDS_BY_STOP || ending == SUPERVISOR_ENDS_BY_RESTART ||
	    !supervisor->ending)
		supervisor->ending = ending;
}

static void forget_failures(struct supervisor *supervisor)
{
	supervisor->deaths = 0;
	supervisor->failures = 0;
}

static bool in(const struct supervisor *supervisor, unsigned int states)
{
	return IN(supervisor->state) & states;
}

/* The worker's exit code says what it thinks; a signal or another code is a death. */
static enum supervisor_ending ending_of_status(int status)
{
	if (!WIFEXITED(status))
		return SUPERVISOR_ENDS_BY_DEATH;
	if (WEXITSTATUS(status) == WORKER_EXIT_CONFIG)
		return SUPERVISOR_ENDS_BY_CONFIG;
	if (WEXITSTATUS(status) == WORKER_EXIT_TRANSIENT)
		return SUPERVISOR_ENDS_BY_TRANSIENT;
	return SUPERVISOR_ENDS_BY_DEATH;
}

static enum supervisor_event count_death(struct supervisor *supervisor)
{
	if (supervisor->deaths && supervisor->death_batch == supervisor->batch) {
		supervisor->deaths++;
	} else {
		supervisor->deaths = 1;
		supervisor->death_batch = supervisor->batch;
	}
	return supervisor->deaths >= SUPERVISOR_DEATHS_MAX ? SUPERVISOR_ON_GONE_QUARANTINE
							   : SUPERVISOR_ON_GONE_BACKOFF;
}

static bool was_asked(const struct supervisor *supervisor)
{
	return supervisor->ending == SUPERVISOR_ENDS_BY_STOP ||
	       supervisor->ending == SUPERVISOR_ENDS_BY_RESTART ||
	       supervisor->ending == SUPERVISOR_ENDS_BY_HOLD;
}

static enum supervisor_event judge(struct supervisor *supervisor)
{
	switch (supervisor->ending) {
	case SUPERVISOR_ENDS_BY_STOP:
		return SUPERVISOR_ON_GONE_STOPPED;
	case SUPERVISOR_ENDS_BY_RESTART:
		return SUPERVISOR_ON_GONE_RESTART;
	case SUPERVISOR_ENDS_BY_CONFIG:
		return SUPERVISOR_ON_GONE_CONFIG;
	case SUPERVISOR_ENDS_BY_HOLD:
	case SUPERVISOR_ENDS_BY_TRANSIENT:
		supervisor->failures++;
		return SUPERVISOR_ON_GONE_BACKOFF;
	case SUPERVISOR_ENDS_NOT:
	case SUPERVISOR_ENDS_BY_DEATH:
		break;
	}
	supervisor->failures++;
	return count_death(supervisor);
}

/* Appends, cut at the end of the buffer. */
static void append(char *buffer, size_t size, const char *before, const char *text,
		   const char *after)
{
	size_t used = strlen(buffer);

	if (used + 1 < size)
		(void)snprintf(buffer + used, size - used, "%s%s%s", before, text,
			       after); /* cut is fine */
}

static void append_fate(const struct supervisor *supervisor, char *buffer, size_t size)
{
	char fate[128];

	switch (supervisor->state) {
	case SUPERVISOR_BACKOFF:
		(void)snprintf(fate, sizeof(fate), "restarting in %.3g s",
			       (double)supervisor->delay_ms / 1000.0);
		break;
	case SUPERVISOR_QUARANTINED:
		(void)snprintf(
			fate, sizeof(fate),
			"quarantined: died %u times at the same place; mend the input or the plugin, then 'straitctl "
			"retry'",
			supervisor->deaths);
		break;
	case SUPERVISOR_MISCONFIGURED:
		(void)snprintf(fate, sizeof(fate),
			       "not started again until 'straitctl reload' or 'straitctl retry'");
		break;
	case SUPERVISOR_STARTING:
		(void)snprintf(fate, sizeof(fate), "starting it anew");
		break;
	case SUPERVISOR_STOPPED:
	case SUPERVISOR_RUNNING:
	case SUPERVISOR_UNRESPONSIVE:
	case SUPERVISOR_STOPPING:
	case SUPERVISOR_TERMINATING:
	case SUPERVISOR_KILLING:
		return;
	}
	append(buffer, size, "; ", fate, "");
}

int supervisor_test_percent(void)
{
	const char *text = getenv("STRAITD_TEST_PERCENT");
	long percent = text ? strtol(text, NULL, 10) : 0;

	return percent < 1 || percent > 99 ? 100 : (int)percent;
}

void supervisor_scale_for_tests(struct supervisor_deadlines *deadlines)
{
	int percent = supervisor_test_percent();
	int64_t *const all[] = { &deadlines->start_ms,	      &deadlines->heartbeat_ms,
				 &deadlines->unresponsive_ms, &deadlines->stop_ms,
				 &deadlines->term_ms,	      &deadlines->kill_ms,
				 &deadlines->backoff_min_ms,  &deadlines->backoff_max_ms,
				 &deadlines->stall_ms };
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		*all[i] = *all[i] * percent / 100;
}

void supervisor_init(struct supervisor *supervisor, const struct supervisor_deadlines *deadlines,
		     uint32_t seed)
{
	*supervisor = (struct supervisor){
		.deadlines = *deadlines,
		.state = SUPERVISOR_STOPPED,
		.random = seed ? seed : 1, /* xorshift stays at 0 for ever */
	};
}

void supervisor_begin(struct supervisor *supervisor)
{
	supervisor->ending = SUPERVISOR_ENDS_NOT;
	supervisor->batches = 0;
	supervisor->ready = false;
	if (supervisor->spawned++)
		supervisor->restarts++;
}

enum supervisor_action supervisor_start(struct supervisor *supervisor, int64_t now_ms)
{
	forget_failures(supervisor);
	if (in(supervisor, LEAVING))
		set_ending(supervisor, SUPERVISOR_ENDS_BY_RESTART);
	return step(supervisor, SUPERVISOR_ON_START, now_ms);
}

enum supervisor_action supervisor_restart(struct supervisor *supervisor, int64_t now_ms)
{
	if (!supervisor_alive(supervisor))
		return supervisor_start(supervisor, now_ms);
	forget_failures(supervisor);
	set_ending(supervisor, SUPERVISOR_ENDS_BY_RESTART);
	return step(supervisor, SUPERVISOR_ON_STOP, now_ms);
}

enum supervisor_action supervisor_stop(struct supervisor *supervisor, int64_t now_ms)
{
	set_ending(supervisor, SUPERVISOR_ENDS_BY_STOP);
	return step(supervisor, SUPERVISOR_ON_STOP, now_ms);
}

enum supervisor_action supervisor_hold(struct supervisor *supervisor, int64_t now_ms)
{
	if (!in(supervisor, WORKING))
		return SUPERVISOR_DO_NOTHING;
	set_ending(supervisor, SUPERVISOR_ENDS_BY_HOLD);
	return step(supervisor, SUPERVISOR_ON_STOP, now_ms);
}

enum supervisor_action supervisor_ready(struct supervisor *supervisor, uint64_t batch,
					int64_t now_ms)
{
	supervisor->ready = true;
	supervisor->batch = batch;
	return step(supervisor, SUPERVISOR_ON_READY, now_ms);
}

enum supervisor_action supervisor_heartbeat(struct supervisor *supervisor, uint32_t block_s,
					    int64_t now_ms)
{
	int64_t block_ms =
		(int64_t)(block_s < SUPERVISOR_BLOCK_MAX_S ? block_s : SUPERVISOR_BLOCK_MAX_S) *
		1000;
	enum supervisor_action action = step(supervisor, SUPERVISOR_ON_HEARTBEAT, now_ms);
	int64_t allowed = supervisor->deadlines.heartbeat_ms;

	if (in(supervisor, IN(SUPERVISOR_RUNNING)))
		supervisor->due_ms = now_ms + (block_ms > allowed ? block_ms : allowed);
	if (in(supervisor, IN(SUPERVISOR_STARTING)) && supervisor->due_ms < now_ms + block_ms)
		supervisor->due_ms = now_ms + block_ms;
	return action;
}

enum supervisor_action supervisor_committed(struct supervisor *supervisor, uint64_t batch,
					    int64_t now_ms)
{
	int64_t due_ms = now_ms + supervisor->deadlines.heartbeat_ms;
	enum supervisor_action action = step(supervisor, SUPERVISOR_ON_HEARTBEAT, now_ms);

	supervisor->batch = batch;
	supervisor->batches++;
	supervisor->failures = 0;
	/* An announced block goes on. */
	if (in(supervisor, IN(SUPERVISOR_RUNNING)) && supervisor->due_ms < due_ms)
		supervisor->due_ms = due_ms;
	return action;
}

enum supervisor_action supervisor_leaving(struct supervisor *supervisor,
					  enum supervisor_ending ending, int64_t now_ms)
{
	set_ending(supervisor, ending);
	return step(supervisor, SUPERVISOR_ON_LEAVING, now_ms);
}

enum supervisor_action supervisor_hostile(struct supervisor *supervisor, int64_t now_ms)
{
	set_ending(supervisor, SUPERVISOR_ENDS_BY_DEATH);
	return step(supervisor, SUPERVISOR_ON_HOSTILE, now_ms);
}

enum supervisor_action supervisor_stalled(struct supervisor *supervisor, int64_t now_ms)
{
	if (!in(supervisor, WORKING))
		return SUPERVISOR_DO_NOTHING;
	set_ending(supervisor, SUPERVISOR_ENDS_BY_DEATH);
	return step(supervisor, SUPERVISOR_ON_STOP, now_ms);
}

enum supervisor_action supervisor_deadline(struct supervisor *supervisor, int64_t now_ms)
{
	if (!supervisor->due_ms || now_ms < supervisor->due_ms)
		return SUPERVISOR_DO_NOTHING;
	/* What a worker that was too late says afterwards does not change why it ends. */
	if (in(supervisor, IN(SUPERVISOR_STARTING) | IN(SUPERVISOR_UNRESPONSIVE)))
		set_ending(supervisor, SUPERVISOR_ENDS_BY_DEATH);
	return step(supervisor, SUPERVISOR_ON_DEADLINE, now_ms);
}

enum supervisor_action supervisor_gone(struct supervisor *supervisor, int status, int64_t now_ms)
{
	set_ending(supervisor, ending_of_status(status));
	return step(supervisor, judge(supervisor), now_ms);
}

void supervisor_spare(struct supervisor *supervisor, int64_t now_ms)
{
	forget_failures(supervisor);
	(void)step(supervisor, SUPERVISOR_ON_SPARED, now_ms); /* nothing runs: nothing to do */
}

enum supervisor_action supervisor_unborn(struct supervisor *supervisor,
					 enum supervisor_ending ending, int64_t now_ms)
{
	set_ending(supervisor, ending);
	return step(supervisor, judge(supervisor), now_ms);
}

bool supervisor_alive(const struct supervisor *supervisor)
{
	return in(supervisor, ALIVE);
}

const char *supervisor_state_name(enum supervisor_state state)
{
	return state_names[state];
}

bool supervisor_rule(enum supervisor_state state, enum supervisor_event event,
		     enum supervisor_state *ret_next, enum supervisor_action *ret_action)
{
	size_t i;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].event != event || !(rules[i].states & IN(state)))
			continue;
		*ret_next = rules[i].next;
		*ret_action = rules[i].action;
		return true;
	}
	return false;
}

void supervisor_describe_end(int status, char *buffer, size_t size)
{
	if (WIFSIGNALED(status))
		(void)snprintf(buffer, size, "died by signal %d (%s)", WTERMSIG(status),
			       strsignal(WTERMSIG(status)));
	else
		(void)snprintf(buffer, size, "exited with code %d", WEXITSTATUS(status));
}

void supervisor_write_obituary(const struct supervisor *supervisor,
			       const struct supervisor_obituary *obituary, char *buffer,
			       size_t size)
{
	char how[SUPERVISOR_END_TEXT_MAX];

	if (WIFEXITED(obituary->status) && !WEXITSTATUS(obituary->status) && was_asked(supervisor))
		(void)snprintf(how, sizeof(how), "stopped as asked");
	else
		supervisor_describe_end(obituary->status, how, sizeof(how));
	(void)snprintf(buffer, size, "worker %d %s", (int)obituary->pid, how);
	if (!supervisor->ready) {
		append(buffer, size, "", " before it was ready", "");
	} else {
		(void)snprintf(how, sizeof(how), "%llu batch%s",
			       (unsigned long long)supervisor->batches,
			       supervisor->batches == 1 ? "" : "es");
		append(buffer, size, " after ", how, "");
	}
	if (obituary->document[0])
		append(buffer, size, " while reading ", obituary->document, "");
	if (obituary->cause[0])
		append(buffer, size, "; ", obituary->cause, "");
	if (obituary->last_words[0])
		append(buffer, size, "; last words: ", obituary->last_words, "");
	append_fate(supervisor, buffer, size);
}
