/* SPDX-License-Identifier: MIT
 *
 * fetch.c - one fetcher process a fetch: started when it is due, given its job, heard, reaped. Main
 * only.
 *
 * Owns the processes, their pipes and timers. Invariant: a source has at most one fetcher; what a
 * fetcher says is decoded as hostile and decides nothing but when the next one comes and what the
 * server is asked then. Must never wait for a process.
 */
#include "fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "cleanup.h"
#include "clock.h"
#include "complaint.h"
#include "fetch_schedule.h"
#include "fetch_wire.h"
#include "ledger.h"
#include "log.h"
#include "period.h"
#include "spawn.h"
#include "spool.h"
#include "supervisor.h"

#define FETCHER_PROGRAM "straitd-fetcher"

struct fetch {
	struct fetches *set;
	char *name, *url, *follow, *spool;
	int64_t refresh_ms;
	uint64_t max_bytes;

	struct fetch_state state; /* as in the store */
	struct fetch_schedule schedule;
	struct complaint complaint;
	struct event *timer; /* the next fetch, or the end of the present one's patience */
	char fault[FAULT_TEXT_MAX];

	pid_t pid; /* 0 = none */
	int status;
	bool reaped, overdue;
	int out_fd; /* its standard output; -1 once it ended */
	struct event *out_event;
	unsigned char answer[FETCH_WIRE_MAX];
	size_t answer_size;
};

struct fetches {
	struct event_base *base;
	struct ledger *ledger;
	const struct fetch_events *events;
	void *context;
	struct fetch *items[CONFIG_SOURCES_MAX];
	size_t count;
	int percent; /* of all waits; below 100 in tests only */
	bool stopping;
};

static void arm(struct fetch *fetch, int64_t wait_ms)
{
	struct timeval wait;

	if (wait_ms < 0)
		wait_ms = 0;
	wait = (struct timeval){ .tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000 };
	(void)evtimer_add(fetch->timer, &wait); /* allocated: fails only on a broken base */
}

static int64_t scaled(const struct fetches *fetches, int64_t ms)
{
	return ms * fetches->percent / 100;
}

/* ── what became of it ────────────────────────────────────────────────────────────────────── */

static void remember(struct fetch *fetch, int64_t wait_ms)
{
	struct fault fault = { 0 };

	fetch->state.next_ms = clock_now_ms() + wait_ms;
	fetch->state.failures = fetch->schedule.failures;
	if (ledger_put_fetch(fetch->set->ledger, fetch->name, &fetch->state, &fault) < 0)
		log_source(
			LOG_WARNING, fetch->name,
			"cannot note what was fetched: %s; the server is asked for all of it again next time",
			fault.text);
	arm(fetch, wait_ms);
}

static void failed(struct fetch *fetch, const char *why, uint32_t retry_after_s)
{
	int64_t wait_ms = fetch_schedule_failed(&fetch->schedule, retry_after_s);
	char when[PERIOD_TEXT_MAX];

	(void)snprintf(fetch->fault, sizeof(fetch->fault), "%.380s; tried again at %s", why,
		       time_format(clock_now_ms() + wait_ms, when));
	if (complaint_raise(&fetch->complaint, clock_monotonic_ms()))
		log_source(LOG_WARNING, fetch->name, "cannot fetch: %s", fetch->fault);
	remember(fetch, wait_ms);
}

static void went_well(struct fetch *fetch, const struct fetch_result *result)
{
	struct fault fault = { 0 };
	int64_t lasted_ms;
	uint32_t count;

	fetch->fault[0] = '\0';
	fetch->state.last = result->now;
	fetch->state.answered_ms = clock_now_ms();
	if (complaint_end(&fetch->complaint, clock_monotonic_ms(), &lasted_ms, &count))
		log_source(LOG_NOTICE, fetch->name,
			   "fetching works again, after %u failures in %lld s", count,
			   (long long)lasted_ms / 1000);
	if (result->outcome == FETCH_DONE)
		log_source(LOG_INFO, fetch->name, "fetched '%s', %llu bytes", result->name,
			   (unsigned long long)result->bytes);
	else if (ledger_answered(fetch->set->ledger, fetch->name, result->now.sha256, &fault) < 0)
		log_source(LOG_WARNING, fetch->name, "cannot note that nothing is new: %s",
			   fault.text);
	remember(fetch, fetch_schedule_good(&fetch->schedule));
}

static void describe_death(const struct fetch *fetch, char *text, size_t size)
{
	char end[SUPERVISOR_END_TEXT_MAX];

	supervisor_describe_end(fetch->status, end, sizeof(end));
	(void)snprintf(text, size, "the fetcher %s%s", end,
		       fetch->overdue ? ", stopped because it took too long" : "");
}

static void settle(struct fetch *fetch)
{
	struct fetch_result result = { 0 };
	struct fault fault = { 0 };
	char text[FAULT_TEXT_MAX];
	bool clean = WIFEXITED(fetch->status) && WEXITSTATUS(fetch->status) == 0;

	fetch->pid = 0;
	if (fetch->set->stopping)
		return;
	if (!clean) {
		describe_death(fetch, text, sizeof(text));
		failed(fetch, text, 0);
	} else if (fetch_result_decode(fetch->answer, fetch->answer_size, &result, &fault) < 0) {
		failed(fetch, fault.text, 0);
	} else if (result.outcome == FETCH_FAILED) {
		failed(fetch, result.text, result.retry_after_s);
	} else {
		went_well(fetch, &result);
	}
	fetch->set->events->changed(fetch->set->context, fetch->name);
}

static void settle_when_over(struct fetch *fetch)
{
	if (fetch->pid && fetch->reaped && fetch->out_fd < 0)
		settle(fetch);
}

/* ── hearing it ───────────────────────────────────────────────────────────────────────────── */

static void close_out(struct fetch *fetch)
{
	if (fetch->out_event)
		event_free(fetch->out_event);
	fetch->out_event = NULL;
	close_fd(&fetch->out_fd);
	fetch->out_fd = -1;
}

static void kill_fetcher(struct fetch *fetch)
{
	if (fetch->pid && !fetch->reaped)
		(void)kill(fetch->pid,
			   SIGKILL); /* not reaped: the number is still this process's */
}

static void hear(struct fetch *fetch)
{
	unsigned char more[512];
	ssize_t got = read(fetch->out_fd, more, sizeof(more));

	if (got > 0 && fetch->answer_size + (size_t)got <= sizeof(fetch->answer)) {
		(void)memcpy(fetch->answer + fetch->answer_size, more, (size_t)got);
		fetch->answer_size += (size_t)got;
		return;
	}
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got > 0) {
		fetch->answer_size = 0; /* more than any answer: cannot be decoded */
		kill_fetcher(fetch);
	}
	close_out(fetch);
	settle_when_over(fetch);
}

static void on_out(evutil_socket_t fd, short what, void *context)
{
	(void)fd, (void)what;
	hear(context);
}

/* ── beginning ────────────────────────────────────────────────────────────────────────────── */

/* What the job is, in a pipe that holds it all, so that nobody waits. */
static int make_job(struct fetch *fetch, int *ret_fd, struct fault *fault)
{
	struct fetch_job *job = calloc(1, sizeof(*job));
	unsigned char bytes[FETCH_WIRE_MAX];
	int ends[2];
	size_t size;

	if (!job)
		return fault_set(fault, FAULT_MEMORY, "no memory for a fetch");
	(void)snprintf(job->url, sizeof(job->url), "%s", fetch->url);
	(void)snprintf(job->follow, sizeof(job->follow), "%s", fetch->follow ? fetch->follow : "");
	(void)snprintf(job->spool, sizeof(job->spool), "%s", fetch->spool);
	(void)snprintf(job->user_agent, sizeof(job->user_agent), "straitd/%s", STRAITD_VERSION);
	job->last = fetch->state.last;
	job->max_bytes = fetch->max_bytes;
	job->connect_ms = (uint32_t)scaled(fetch->set, FETCH_CONNECT_MS);
	job->stall_ms = (uint32_t)scaled(fetch->set, FETCH_STALL_MS);
	size = fetch_job_encode(job, bytes);
	free(job);
	if (!size)
		return fault_set(fault, FAULT_CONFIG, "url, follow or input is too long");
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return fault_errno(fault, errno, "cannot make a pipe for a fetcher");
	if (write(ends[1], bytes, size) != (ssize_t)size) {
		(void)close(ends[0]);
		(void)close(ends[1]);
		return fault_set(fault, FAULT_SYSTEM, "a pipe does not take %zu bytes", size);
	}
	(void)close(ends[1]);		  /* only a pipe's end */
	(void)fcntl(ends[0], F_SETFL, 0); /* the fetcher may wait */
	*ret_fd = ends[0];
	return 0;
}

static int start(struct fetch *fetch, struct fault *fault)
{
	CLEANUP(close_fd) int in = -1;
	CLEANUP(close_fd) int out = -1;
	int ends[2];

	if (spool_create(fetch->spool, fault) < 0 || make_job(fetch, &in, fault) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return fault_errno(fault, errno, "cannot make a pipe for a fetcher");
	out = ends[1];
	fetch->out_fd = ends[0];
	(void)fcntl(fetch->out_fd, F_SETFL, O_NONBLOCK);
	fetch->out_event =
		event_new(fetch->set->base, fetch->out_fd, EV_READ | EV_PERSIST, on_out, fetch);
	if (!fetch->out_event || event_add(fetch->out_event, NULL) < 0)
		return fault_set(fault, FAULT_MEMORY, "no memory for a fetch");
	return spawn_fetcher(FETCHER_PROGRAM, fetch->name, fetch->max_bytes + 1, in, out,
			     &fetch->pid, fault);
}

static void begin(struct fetch *fetch)
{
	struct fault fault = { 0 };

	if (fetch->set->stopping)
		return;
	fetch->answer_size = 0;
	fetch->reaped = fetch->overdue = false;
	if (start(fetch, &fault) == 0) {
		arm(fetch, scaled(fetch->set, FETCH_TOTAL_MS));
		return;
	}
	fetch->pid = 0;
	close_out(fetch);
	failed(fetch, fault.text, 0);
	fetch->set->events->changed(fetch->set->context, fetch->name);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct fetch *fetch = context;

	(void)fd, (void)what;
	if (!fetch->pid) {
		begin(fetch);
		return;
	}
	fetch->overdue = true;
	kill_fetcher(fetch);
}

/* ── the set ──────────────────────────────────────────────────────────────────────────────── */

static struct fetch *fetch_free(struct fetch *fetch)
{
	if (!fetch)
		return NULL;
	if (fetch->pid && !fetch->reaped) {
		kill_fetcher(fetch);
		while (waitpid(fetch->pid, NULL, 0) < 0 && errno == EINTR)
			continue; /* killed: the wait is short */
	}
	close_out(fetch);
	if (fetch->timer)
		event_free(fetch->timer);
	free(fetch->name);
	free(fetch->url);
	free(fetch->follow);
	free(fetch->spool);
	free(fetch);
	return NULL;
}

static int64_t refresh_of(const struct config_source *section)
{
	return section->refresh_ms ? section->refresh_ms
				   : fetch_default_refresh_ms(section->cadence_ms);
}

/* The first fetch comes when the last one said, also across restarts: a daemon that is started over
   and over does not ask over and over. */
static struct fetch *fetch_new(struct fetches *fetches, const struct config_source *section,
			       struct fault *fault)
{
	struct fetch *fetch = calloc(1, sizeof(*fetch));
	int64_t now_ms = clock_now_ms(), wait_ms;

	if (!fetch) {
		(void)fault_set(fault, FAULT_MEMORY, "no memory for a fetch");
		return NULL;
	}
	fetch->set = fetches;
	fetch->out_fd = -1;
	fetch->name = strdup(section->name);
	fetch->url = strdup(section->url);
	fetch->follow = section->follow ? strdup(section->follow) : NULL;
	fetch->spool = strdup(section->input);
	fetch->timer = evtimer_new(fetches->base, on_timer, fetch);
	if (!fetch->name || !fetch->url || (section->follow && !fetch->follow) || !fetch->spool ||
	    !fetch->timer) {
		(void)fault_set(fault, FAULT_MEMORY, "no memory for a fetch");
		return fetch_free(fetch);
	}
	fetch->refresh_ms = refresh_of(section);
	fetch->max_bytes = section->fetch_max_bytes;
	if (ledger_get_fetch(fetches->ledger, fetch->name, &fetch->state, fault) < 0)
		return fetch_free(fetch);
	fetch->schedule = (struct fetch_schedule){
		.refresh_ms = fetch->refresh_ms,
		.backoff_ms = scaled(fetches, FETCH_BACKOFF_MIN_MS),
		.failures = fetch->state.failures,
		.random = (uint32_t)now_ms ^ (uint32_t)((uintptr_t)fetch >> 4),
	};
	wait_ms = fetch->state.next_ms - now_ms;
	arm(fetch, wait_ms < fetch->refresh_ms ? wait_ms : fetch->refresh_ms);
	return fetch;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool is_same(const struct fetch *fetch, const struct config_source *section)
{
	return same_text(fetch->url, section->url) && same_text(fetch->follow, section->follow) &&
	       same_text(fetch->spool, section->input) &&
	       fetch->refresh_ms == refresh_of(section) &&
	       fetch->max_bytes == section->fetch_max_bytes;
}

static struct fetch *find(const struct fetches *fetches, const char *name)
{
	for (size_t i = 0; i < fetches->count; i++)
		if (strcmp(fetches->items[i]->name, name) == 0)
			return fetches->items[i];
	return NULL;
}

struct fetches *fetches_new(struct event_base *base, struct ledger *ledger,
			    const struct fetch_events *events, void *context)
{
	struct fetches *fetches = calloc(1, sizeof(*fetches));

	if (!fetches)
		return NULL;
	fetches->base = base;
	fetches->ledger = ledger;
	fetches->events = events;
	fetches->context = context;
	fetches->percent = supervisor_test_percent();
	return fetches;
}

struct fetches *fetches_free(struct fetches *fetches)
{
	if (!fetches)
		return NULL;
	while (fetches->count)
		(void)fetch_free(fetches->items[--fetches->count]);
	free(fetches);
	return NULL;
}

int fetches_apply(struct fetches *fetches, const struct config *config, struct fault *fault)
{
	struct fetch *old[CONFIG_SOURCES_MAX];
	size_t old_count = fetches->count;
	int result = 0;

	(void)memcpy(old, fetches->items, sizeof(old));
	fetches->count = 0;
	for (size_t i = 0; i < config->source_count; i++) {
		const struct config_source *section = &config->sources[i];
		struct fetch *fetch = NULL;

		if (!section->url)
			continue;
		for (size_t k = 0; k < old_count && !fetch; k++) {
			if (!old[k] || strcmp(old[k]->name, section->name) != 0 ||
			    !is_same(old[k], section))
				continue;
			fetch = old[k];
			old[k] = NULL;
		}
		if (!fetch)
			fetch = fetch_new(fetches, section, fault);
		if (fetch)
			fetches->items[fetches->count++] = fetch;
		else
			result = -1; /* the others are fetched all the same */
	}
	for (size_t k = 0; k < old_count; k++)
		(void)fetch_free(old[k]);
	return result;
}

int fetches_now(struct fetches *fetches, const char *source, struct fault *fault)
{
	struct fetch *fetch = find(fetches, source);

	if (!fetch)
		return fault_set(
			fault, FAULT_BAD_ARGUMENT,
			"source '%.64s' has no 'url': nothing is fetched for it; put files into its incoming/, or import them",
			source);
	if (fetch->pid)
		return fault_set(fault, FAULT_BUSY, "source '%.64s' is being fetched already",
				 source);
	begin(fetch);
	return 0;
}

void fetches_reap(struct fetches *fetches)
{
	for (size_t i = 0; i < fetches->count; i++) {
		struct fetch *fetch = fetches->items[i];

		if (!fetch->pid || fetch->reaped ||
		    waitpid(fetch->pid, &fetch->status, WNOHANG) != fetch->pid)
			continue;
		fetch->reaped = true;
		settle_when_over(fetch);
	}
}

void fetches_stop(struct fetches *fetches)
{
	fetches->stopping = true;
	for (size_t i = 0; i < fetches->count; i++) {
		(void)evtimer_del(fetches->items[i]->timer); /* cannot fail */
		kill_fetcher(fetches->items[i]);
	}
}

void fetches_info(const struct fetches *fetches, const char *source, struct fetch_info *ret_info)
{
	const struct fetch *fetch = find(fetches, source);

	*ret_info = (struct fetch_info){ .fault = "" };
	if (!fetch)
		return;
	ret_info->answered_ms = fetch->state.answered_ms;
	ret_info->fault = fetch->fault;
}
