/* SPDX-License-Identifier: MIT
 *
 * source.c - the life of one source's worker, and what is published about the source. Main only.
 *
 * Owns the process, its link, its stderr and two timers. Invariant: supervisor_alive() exactly
 * while pid is set; a frame of an earlier worker never reaches the present one's state
 * (generation). Must never: block, or load a plugin.
 */
#include "source_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "config_copy.h"
#include "freshness.h"
#include "period.h"
#include "spawn.h"

#define STDERR_READ_BYTES 4096u /* a loop turn */

static const char *const state_words[] = {
	[SOURCE_STARTING] = "starting",
	[SOURCE_READING] = "reading",
	[SOURCE_IDLE] = "idle",
	[SOURCE_UNRESPONSIVE] = "unresponsive",
	[SOURCE_BACKOFF] = "backoff",
	[SOURCE_QUARANTINED] = "quarantined",
	[SOURCE_MISCONFIGURED] = "misconfigured",
	[SOURCE_STOPPED] = "stopped",
};

static const char *const freshness_words[] = {
	[FRESHNESS_FRESH] = "fresh", [FRESHNESS_DUE] = "due",	      [FRESHNESS_LATE] = "late",
	[FRESHNESS_DEAD] = "dead",   [FRESHNESS_DRIFTED] = "drifted",
};

const char *source_state_word(enum source_state state)
{
	return state_words[state];
}

const char *freshness_word(enum freshness freshness)
{
	return freshness_words[freshness];
}

static void arm(struct event *timer, int64_t wait_ms)
{
	struct timeval wait;

	if (wait_ms < 0)
		wait_ms = 0;
	wait = (struct timeval){ .tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000 };
	(void)evtimer_add(timer,
			  &wait); /* fails only for lack of memory; the next event arms it again */
}

/* ── what is published ────────────────────────────────────────────────────────────────────── */

static enum source_state leaving_state(const struct source *source)
{
	switch (source->supervisor.ending) {
	case SUPERVISOR_ENDS_BY_STOP:
		return SOURCE_STOPPED;
	case SUPERVISOR_ENDS_BY_RESTART:
		return SOURCE_STARTING;
	case SUPERVISOR_ENDS_BY_HOLD:
	case SUPERVISOR_ENDS_BY_TRANSIENT:
		return SOURCE_BACKOFF;
	case SUPERVISOR_ENDS_BY_CONFIG:
		return SOURCE_MISCONFIGURED;
	case SUPERVISOR_ENDS_NOT:
	case SUPERVISOR_ENDS_BY_DEATH:
		break;
	}
	return SOURCE_UNRESPONSIVE;
}

static enum source_state visible_state(const struct source *source)
{
	switch (source->supervisor.state) {
	case SUPERVISOR_STOPPED:
		return SOURCE_STOPPED;
	case SUPERVISOR_STARTING:
		return SOURCE_STARTING;
	case SUPERVISOR_RUNNING:
		return source->document.open || source->stretch_open || source->catches_up
			       ? SOURCE_READING
			       : SOURCE_IDLE;
	case SUPERVISOR_UNRESPONSIVE:
		return SOURCE_UNRESPONSIVE;
	case SUPERVISOR_STOPPING:
	case SUPERVISOR_TERMINATING:
	case SUPERVISOR_KILLING:
		return leaving_state(source);
	case SUPERVISOR_BACKOFF:
		return SOURCE_BACKOFF;
	case SUPERVISOR_QUARANTINED:
		return SOURCE_QUARANTINED;
	case SUPERVISOR_MISCONFIGURED:
		return SOURCE_MISCONFIGURED;
	}
	return SOURCE_STOPPED;
}

/* The figures do not come in as they should, whatever the freshness. */
static bool is_down(enum source_state state)
{
	switch (state) {
	case SOURCE_UNRESPONSIVE:
	case SOURCE_BACKOFF:
	case SOURCE_QUARANTINED:
	case SOURCE_MISCONFIGURED:
		return true;
	case SOURCE_STARTING:
	case SOURCE_READING:
	case SOURCE_IDLE:
	case SOURCE_STOPPED:
		break;
	}
	return false;
}

static void mark_stale(struct source *source, bool stale)
{
	struct commit_report report = { 0 };
	struct fault fault = { 0 };

	if (source->stale_told == (int)stale || source->muted)
		return;
	if (ledger_set_stale(source->owner->ledger, source->config.name, stale, &report, &fault) <
	    0) {
		if (complaint_raise(&source->store_complaint, clock_monotonic_ms()))
			log_source(LOG_ERR, source->config.name,
				   "cannot mark its figures as %s: %s; tried again every minute",
				   stale ? "stale" : "fresh", fault.text);
		arm(source->freshness_timer, SOURCE_STORE_RETRY_MS);
		return;
	}
	source->stale_told = stale;
	source_report(source, &report);
}

static void sleep_until_freshness_changes(struct source *source, int64_t wait_ms)
{
	if (!wait_ms || source->supervisor.state == SUPERVISOR_STOPPED)
		(void)evtimer_del(source->freshness_timer); /* cannot fail */
	else
		arm(source->freshness_timer,
		    wait_ms < SOURCE_FRESHNESS_SLEEP_MS ? wait_ms : SOURCE_FRESHNESS_SLEEP_MS);
}

void source_report(struct source *source, const struct commit_report *report)
{
	if (report->sequence)
		source->owner->committed(source->owner->context, report);
}

void source_counters_changed(struct source *source)
{
	source->owner->changed(source->owner->context, source, false);
}

/* Tells what changed: a newly late source, but also another reason for the same. */
static void tell_freshness(struct source *source, enum freshness freshness, const char *text)
{
	if (freshness == source->freshness && strcmp(text, source->freshness_text) == 0)
		return;
	if (freshness == FRESHNESS_FRESH)
		log_source(LOG_NOTICE, source->config.name, "its figures are fresh again");
	else
		log_source(LOG_NOTICE, source->config.name, "its figures are %s: %s",
			   freshness_word(freshness), text);
	source->freshness = freshness;
	(void)snprintf(source->freshness_text, sizeof(source->freshness_text), "%s", text);
	source->owner->changed(source->owner->context, source, true);
}

static bool is_stale(enum freshness freshness)
{
	switch (freshness) {
	case FRESHNESS_LATE:
	case FRESHNESS_DEAD:
	case FRESHNESS_DRIFTED:
		return true;
	case FRESHNESS_FRESH:
	case FRESHNESS_DUE:
		break;
	}
	return false;
}

/* What is read so far is a part; it is told as such until nothing waits any more. */
static void judge_rebuild(struct source *source)
{
	if (!source->rebuilding || source->owner->unpacking || source->document.open ||
	    source->catches_up || !source->good || spool_waits(source->config.input))
		return;
	source->rebuilding = false;
	log_source(LOG_NOTICE, source->config.name, "all its documents are read again");
	source->owner->changed(source->owner->context, source, false);
}

void source_refresh(struct source *source)
{
	const struct source_health *health = &source->totals.health;
	int64_t wait_ms, cadence_ms = source->config.cadence_ms;
	enum freshness freshness = freshness_judge(health, cadence_ms, clock_now_ms(), &wait_ms);
	char text[FAULT_TEXT_MAX];

	sleep_until_freshness_changes(source, wait_ms);
	freshness_reason(freshness, health, cadence_ms, text, sizeof(text));
	tell_freshness(source, freshness, text);
	judge_rebuild(source);
	if (is_down(source->state) || is_stale(freshness) || source->document_partial ||
	    source->catches_up || source->rebuilding)
		mark_stale(source, true);
	else if (source->good)
		mark_stale(source, false);
}

static void publish(struct source *source)
{
	enum source_state state = visible_state(source);

	if (state == source->state && strcmp(source->reason, source->told_reason) == 0)
		return;
	if (state == SOURCE_READING || state == SOURCE_IDLE)
		source->reason[0] = '\0';
	if (is_down(state))
		source->good = false;
	log_source(LOG_DEBUG, source->config.name, "%s → %s",
		   source->state ? source_state_word(source->state) : "new",
		   source_state_word(state));
	source->state = state;
	(void)memcpy(source->told_reason, source->reason, sizeof(source->told_reason));
	source->owner->changed(source->owner->context, source, true);
	source_refresh(source);
}

/* ── the worker's end ─────────────────────────────────────────────────────────────────────── */

static void close_stderr(struct source *source)
{
	if (source->stderr_event)
		event_free(source->stderr_event);
	source->stderr_event = NULL;
	if (source->stderr_fd >= 0)
		(void)close(source->stderr_fd); /* only read from */
	source->stderr_fd = -1;
}

static int obituary_level(const struct source *source)
{
	if (source->supervisor.state == SUPERVISOR_QUARANTINED ||
	    source->supervisor.state == SUPERVISOR_MISCONFIGURED)
		return LOG_ERR;
	if (source->supervisor.state == SUPERVISOR_BACKOFF)
		return LOG_WARNING;
	/* Asked to stop, but it did not end as it should. */
	return WIFEXITED(source->status) ? LOG_INFO : LOG_WARNING;
}

void source_note_fault(struct source *source, const char *text)
{
	char when[PERIOD_TEXT_MAX], clean[FAULT_TEXT_MAX];

	(void)chatter_clean(clean, sizeof(clean), text);
	(void)snprintf(source->last_fault, sizeof(source->last_fault), "%s %s",
		       time_format(clock_now_ms(), when), clean);
	source->last_fault_is_config = source->supervisor.state == SUPERVISOR_MISCONFIGURED;
}

static void write_obituary(struct source *source)
{
	char words[CHATTER_LAST_LINES * CHATTER_LINE_MAX], document[SPOOL_NAME_MAX + 64] = "";
	struct supervisor_obituary obituary = {
		.pid = source->pid,
		.status = source->status,
		.cause = source->cause,
		.last_words = words,
		.document = document,
	};
	char text[FAULT_TEXT_MAX * 3];
	int level = obituary_level(source);

	chatter_last_words(&source->chatter, words, sizeof(words));
	if (source->document.open)
		(void)log_quote(document, sizeof(document), source->document.name,
				strlen(source->document.name));
	supervisor_write_obituary(&source->supervisor, &obituary, text, sizeof(text));
	log_source(level, source->config.name, "%s", text);
	if (level == LOG_INFO) {
		source->reason[0] = '\0';
		return;
	}
	source_note_fault(source, text);
	if (source->supervisor.state == SUPERVISOR_MISCONFIGURED && source->cause[0])
		(void)memcpy(source->reason, source->cause, sizeof(source->reason));
	else
		(void)chatter_clean(source->reason, sizeof(source->reason), text);
}

static void bury(struct source *source)
{
	enum supervisor_action action;

	source->link = link_free(source->link);
	close_stderr(source);
	chatter_end(&source->chatter, clock_monotonic_ms());
	action = supervisor_gone(&source->supervisor, source->status, clock_monotonic_ms());
	source_judge_death(source);
	write_obituary(source);
	source->pid = 0;
	source->reaped = false;
	source->document.open = false;
	source->stretch_open = source->document_partial = source->catches_up = false;
	source->progress = 1;
	source_act(source, action);
}

/* What it wrote before its death is heard first, but no other process that holds its fds may keep
 * it from the grave. */
static void bury_when_drained(struct source *source)
{
	if (!source->reaped)
		return;
	if (!source->link && source->stderr_fd < 0)
		bury(source);
	else
		arm(source->deadline, SOURCE_DRAIN_MS);
}

static void explain(struct source *source, const char *text)
{
	if (!source->cause[0])
		(void)snprintf(source->cause, sizeof(source->cause), "%s", text);
}

static void link_ended(struct source *source, const struct fault *fault)
{
	enum supervisor_action action;
	char text[FAULT_TEXT_MAX];

	source->link = link_free(source->link);
	if (source->reaped) {
		bury_when_drained(source);
		return;
	}
	if (fault->kind == FAULT_NONE || fault->kind == FAULT_SYSTEM) {
		action = supervisor_leaving(&source->supervisor, SUPERVISOR_ENDS_BY_DEATH,
					    clock_monotonic_ms());
	} else {
		source->violations++;
		(void)snprintf(
			text, sizeof(text),
			"killed for breaking the rules of the link (violation %u of this source): %.400s",
			source->violations, fault->text);
		if (source->cause[0]) /* what it was told to stop for stays the cause */
			log_source(LOG_WARNING, source->config.name, "its worker is %s", text);
		explain(source, text);
		action = supervisor_hostile(&source->supervisor, clock_monotonic_ms());
	}
	source_act(source, action);
}

static void read_stderr(struct source *source)
{
	char data[STDERR_READ_BYTES];
	ssize_t size = read(source->stderr_fd, data, sizeof(data));

	if (size > 0) {
		chatter_feed(&source->chatter, data, (size_t)size, clock_monotonic_ms());
	} else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
		close_stderr(source);
		bury_when_drained(source);
	}
}

/* A deadline that ran out explains what is done next. */
static void time_ran_out(struct source *source)
{
	const struct supervisor_deadlines *deadlines = &source->supervisor.deadlines;
	char text[128] = "";
	enum supervisor_state before = source->supervisor.state;
	enum supervisor_action action =
		supervisor_deadline(&source->supervisor, clock_monotonic_ms());

	if (before == SUPERVISOR_STARTING && action == SUPERVISOR_DO_ASK)
		(void)snprintf(text, sizeof(text), "it was not ready after %g s",
			       (double)deadlines->start_ms / 1000);
	if (source->supervisor.state == SUPERVISOR_UNRESPONSIVE && before == SUPERVISOR_RUNNING) {
		(void)snprintf(source->reason, sizeof(source->reason),
			       "its worker gave no sign of life for %g s",
			       (double)deadlines->heartbeat_ms / 1000);
		log_source(LOG_WARNING, source->config.name,
			   "worker %d gave no sign of life for %g s; it is stopped in %g s",
			   (int)source->pid, (double)deadlines->heartbeat_ms / 1000,
			   (double)deadlines->unresponsive_ms / 1000);
	}
	if (before == SUPERVISOR_UNRESPONSIVE && action == SUPERVISOR_DO_ASK)
		(void)snprintf(text, sizeof(text), "%.100s", source->reason);
	if (action == SUPERVISOR_DO_TERM)
		(void)snprintf(text, sizeof(text), "%s",
			       source->link ? "it did not stop when asked"
					    : "it closed its link and did not leave");
	explain(source, text);
	source_act(source, action);
}

static void deadline_passed(struct source *source)
{
	if (source->reaped)
		bury(source);
	else
		time_ran_out(source);
}

/* ── callbacks ────────────────────────────────────────────────────────────────────────────── */

static int on_frame(void *context, const struct frame *frame, struct fault *fault)
{
	return source_take_frame(context, frame, fault);
}

static void on_link_closed(void *context, const struct fault *fault)
{
	link_ended(context, fault);
}

static void on_stderr(evutil_socket_t fd, short what, void *context)
{
	(void)fd, (void)what;
	read_stderr(context);
}

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
	(void)fd, (void)what;
	deadline_passed(context);
}

static void on_freshness(evutil_socket_t fd, short what, void *context)
{
	(void)fd, (void)what;
	source_refresh(context);
}

static const struct link_events link_events = {
	.frame = on_frame,
	.closed = on_link_closed,
};

/* ── the worker's beginning ───────────────────────────────────────────────────────────────── */

static struct plugin_identity identify(const char *path)
{
	struct stat status;

	if (stat(path, &status) < 0 || !S_ISREG(status.st_mode))
		return (struct plugin_identity){ 0 };
	return (struct plugin_identity){ .device = status.st_dev,
					 .inode = status.st_ino,
					 .changed = status.st_mtim };
}

static void plugin_path(const struct source *source, char path[SPOOL_PATH_MAX])
{
	(void)snprintf(path, SPOOL_PATH_MAX, "%s/%s.so", source->owner->plugin_dir,
		       source->config.plugin);
}

/* No process: the reason becomes the source's. */
static enum supervisor_action unborn(struct source *source, enum supervisor_ending ending,
				     const char *reason)
{
	enum supervisor_action action =
		supervisor_unborn(&source->supervisor, ending, clock_monotonic_ms());

	(void)snprintf(source->reason, sizeof(source->reason), "%s", reason);
	source_note_fault(source, reason);
	if (source->supervisor.state == SUPERVISOR_BACKOFF)
		log_source(LOG_WARNING, source->config.name, "%s; trying again in %.3g s", reason,
			   (double)source->supervisor.delay_ms / 1000);
	else
		log_source(LOG_ERR, source->config.name, "%s", reason);
	return action;
}

/* The process exists; the daemon's side of it is set up. Failures show as an end of the worker. */
static enum supervisor_action attach(struct source *source, const struct spawned *spawned,
				     const char *path)
{
	char incoming[SPOOL_PATH_MAX] = "";

	source->pid = spawned->pid;
	source->reaped = false;
	source->cause[0] = '\0';
	source->generation++;
	chatter_begin(&source->chatter, source->config.name, spawned->pid);
	source->stderr_fd = spawned->stderr_fd;
	source->stderr_event = event_new(source->owner->base, spawned->stderr_fd,
					 EV_READ | EV_PERSIST, on_stderr, source);
	source->link = link_new(source->owner->base, spawned->link_fd, source->generation, true,
				&link_events, source);
	if (!source->stderr_event || event_add(source->stderr_event, NULL) < 0 || !source->link) {
		close_stderr(source);
		explain(source, "out of memory in the daemon");
		(void)supervisor_leaving(&source->supervisor, SUPERVISOR_ENDS_BY_TRANSIENT,
					 clock_monotonic_ms());
		return supervisor_hostile(&source->supervisor, clock_monotonic_ms());
	}
	(void)snprintf(incoming, sizeof(incoming), "%s/incoming", source->config.input);
	if (source_send_configure(source, path, incoming) < 0) {
		explain(source, "its section is too large for one message; shorten its options");
		(void)supervisor_leaving(&source->supervisor, SUPERVISOR_ENDS_BY_CONFIG,
					 clock_monotonic_ms());
		return supervisor_hostile(&source->supervisor, clock_monotonic_ms());
	}
	log_source(LOG_DEBUG, source->config.name, "worker %d started, generation %u",
		   (int)spawned->pid, source->generation);
	return SUPERVISOR_DO_NOTHING;
}

/* The section that was set while the last worker was still on its way out, with its own
 * directories. */
static void take_over_section(struct source *source)
{
	if (!source->next.name)
		return;
	config_source_copy_done(&source->config);
	source->config = source->next;
	source->next = (struct config_source){ 0 };
	source_refresh(source); /* the cadence may be another one */
}

static enum supervisor_action give_birth(struct source *source)
{
	char path[SPOOL_PATH_MAX], text[FAULT_TEXT_MAX];
	struct spawned spawned;
	struct fault fault = { 0 };

	supervisor_begin(&source->supervisor);
	take_over_section(source);
	plugin_path(source, path);
	source->plugin = identify(path);
	if (!source->plugin.inode) {
		(void)snprintf(
			text, sizeof(text),
			"there is no plugin '%s': %.350s is missing; install it and run 'straitctl reload'",
			source->config.plugin, path);
		return unborn(source, SUPERVISOR_ENDS_BY_CONFIG, text);
	}
	if (spool_create(source->config.input, &fault) < 0)
		return unborn(source, SUPERVISOR_ENDS_BY_TRANSIENT, fault.text);
	if (spawn_worker(source->config.name, &spawned, &fault) < 0)
		return unborn(source, SUPERVISOR_ENDS_BY_TRANSIENT, fault.text);
	return attach(source, &spawned, path);
}

static void kill_worker(struct source *source, int number)
{
	if (source->pid && !source->reaped)
		(void)kill(source->pid,
			   number); /* not reaped: the number is still this process's */
}

void source_act(struct source *source, enum supervisor_action action)
{
	while (action == SUPERVISOR_DO_SPAWN)
		action = give_birth(source);
	if (action == SUPERVISOR_DO_ASK)
		source_send_stop(source);
	else if (action == SUPERVISOR_DO_TERM)
		kill_worker(source, SIGTERM);
	else if (action == SUPERVISOR_DO_KILL)
		kill_worker(source, SIGKILL);
	if (source->reaped)
		return; /* the deadline is the drain's */
	if (source->supervisor.due_ms)
		arm(source->deadline, source->supervisor.due_ms - clock_monotonic_ms());
	else
		(void)evtimer_del(source->deadline); /* cannot fail */
	publish(source);
	if (source_at_rest(source))
		source->owner->at_rest(source->owner->context, source);
}

/* ── the public face ──────────────────────────────────────────────────────────────────────── */

struct source *source_new(const struct source_owner *owner, const struct config_source *config,
			  struct fault *fault)
{
	struct source *source = calloc(1, sizeof(*source));

	if (!source || config_copy_source(config, &source->config) < 0) {
		free(source);
		(void)fault_set(fault, FAULT_MEMORY, "out of memory for source '%s'", config->name);
		return NULL;
	}
	source->owner = owner;
	source->stderr_fd = -1;
	source->stale_told = -1;
	source->progress = 1;
	source->freshness = FRESHNESS_FRESH;
	source->rebuilding = owner->rebuilding;
	/* Sources differ by address and time: enough for a jitter. */
	supervisor_init(&source->supervisor, &owner->deadlines,
			(uint32_t)((uintptr_t)source >> 4) ^ (uint32_t)clock_now_ms());
	source->state = SOURCE_STOPPED;
	source->deadline = evtimer_new(owner->base, on_deadline, source);
	source->freshness_timer = evtimer_new(owner->base, on_freshness, source);
	if (!source->deadline || !source->freshness_timer) {
		(void)fault_set(fault, FAULT_MEMORY, "out of memory for source '%s'", config->name);
		return source_free(source);
	}
	if (ledger_totals(owner->ledger, config->name, &source->totals, fault) < 0)
		return source_free(source);
	spool_sweep(config->input);
	return source;
}

struct source *source_free(struct source *source)
{
	if (!source)
		return NULL;
	if (source->pid && !source->reaped) {
		kill_worker(source, SIGKILL);
		while (waitpid(source->pid, NULL, 0) < 0 && errno == EINTR)
			continue; /* killed: the wait is short */
	}
	source->link = link_free(source->link);
	close_stderr(source);
	if (source->deadline)
		event_free(source->deadline);
	if (source->freshness_timer)
		event_free(source->freshness_timer);
	config_source_copy_done(&source->config);
	config_source_copy_done(&source->next);
	free(source);
	return NULL;
}

void source_start(struct source *source)
{
	source->poison.documents = 0;
	source_act(source, supervisor_start(&source->supervisor, clock_monotonic_ms()));
}

int source_restart(struct source *source, const struct config_source *config, struct fault *fault)
{
	struct config_source copy;

	if (config) {
		if (config_copy_source(config, &copy) < 0)
			return fault_set(fault, FAULT_MEMORY, "out of memory for source '%s'",
					 config->name);
		config_source_copy_done(&source->next);
		source->next = copy;
	}
	source_act(source, supervisor_restart(&source->supervisor, clock_monotonic_ms()));
	return 0;
}

void source_set_cadence(struct source *source, int64_t cadence_ms)
{
	struct config_source *section = source->next.name ? &source->next : &source->config;

	section->cadence_ms = cadence_ms;
	source_refresh(source);
}

void source_stop(struct source *source)
{
	source_act(source, supervisor_stop(&source->supervisor, clock_monotonic_ms()));
}

void source_mute(struct source *source)
{
	source->muted = true;
}

void source_reap(struct source *source)
{
	if (!source->pid || source->reaped)
		return;
	if (waitpid(source->pid, &source->status, WNOHANG) != source->pid)
		return;
	source->reaped = true;
	bury_when_drained(source);
}

const char *source_name(const struct source *source)
{
	return source->config.name;
}

const struct config_source *source_config(const struct source *source)
{
	return source->next.name ? &source->next : &source->config;
}

void source_info(const struct source *source, struct source_info *ret_info)
{
	*ret_info = (struct source_info){
		.name = source->config.name,
		.plugin = source->config.plugin,
		.plugin_version = source->plugin_version,
		.sandbox = source->sandbox,
		.state = source->state,
		.reason = source->reason[0] ? source->reason : source->freshness_text,
		.freshness = source->freshness,
		.last_release = source->totals.last_release,
		.last_read_ms = source->totals.last_read_ms,
		.accepted = source->totals.accepted,
		.rejected = source->totals.rejected,
		.restarts = source->supervisor.restarts,
		.last_fault = source->last_fault,
		.progress = source->progress,
		.worker_pid = (int)source->pid,
	};
}

bool source_plugin_changed(const struct source *source)
{
	char path[SPOOL_PATH_MAX];
	struct plugin_identity now;

	plugin_path(source, path);
	now = identify(path);
	return now.device != source->plugin.device || now.inode != source->plugin.inode ||
	       now.changed.tv_sec != source->plugin.changed.tv_sec ||
	       now.changed.tv_nsec != source->plugin.changed.tv_nsec;
}

bool source_at_rest(const struct source *source)
{
	return !supervisor_alive(&source->supervisor) &&
	       source->supervisor.state != SUPERVISOR_BACKOFF;
}

const char *source_blocked(const struct source *source)
{
	return source->state == SOURCE_QUARANTINED || source->state == SOURCE_MISCONFIGURED
		       ? source->reason
		       : NULL;
}

bool source_rebuilding(const struct source *source)
{
	return source->rebuilding;
}
