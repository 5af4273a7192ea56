/* SPDX-License-Identifier: MIT
 *
 * sources.c - the set of sources: made equal to the configuration, started, reaped, stopped. Main
 * only.
 *
 * Owns all sources and import jobs, the SIGCHLD event, and the watch on the plugin directory.
 * Invariant: `sources` is what the configuration says; a removed source is in `leaving`, mute,
 * until its worker is gone. Must never: wait for a worker.
 */
#include "sources.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "cleanup.h"
#include "fetch.h"
#include "jobs.h"
#include "log.h"
#include "plugin_watch.h"
#include "source.h"

#define LEAVING_MAX                                                                                \
	(4u * CONFIG_SOURCES_MAX) /* workers that take their time to end; more are killed at once  \
				   */

struct sources {
	struct source_owner owner;
	char *plugin_dir;
	const struct sources_events *events;
	void *context;
	struct source *sources[CONFIG_SOURCES_MAX]; /* in order of the configuration */
	size_t count;
	struct source *leaving[LEAVING_MAX];
	size_t leaving_count;
	struct jobs *jobs;
	struct event *child; /* SIGCHLD */
	struct event *sweep; /* zero timer: frees who has left, ends the stop */
	struct plugin_watch *watch;
	struct fetches *fetches;
	bool sandbox_told; /* what this kernel lacks for workers was said */
	bool stopping;
	void (*stopped)(void *context);
	void *stopped_context;
};

static bool is_listed(const struct sources *sources, const struct source *source)
{
	size_t i;

	for (i = 0; i < sources->count; i++)
		if (sources->sources[i] == source)
			return true;
	return false;
}

static struct source *find(const struct sources *sources, const char *name)
{
	size_t i;

	for (i = 0; i < sources->count; i++)
		if (strcmp(source_name(sources->sources[i]), name) == 0)
			return sources->sources[i];
	return NULL;
}

static struct source *require(const struct sources *sources, const char *name, struct fault *fault)
{
	struct source *source = find(sources, name);

	if (!source)
		(void)fault_set(fault, FAULT_NO_SUCH_SOURCE,
				"there is no source '%.64s'; 'straitctl sources' lists them", name);
	return source;
}

static void arm_sweep(struct sources *sources)
{
	static const struct timeval now = { 0 };

	(void)evtimer_add(sources->sweep, &now); /* allocated: fails only on a broken base */
}

/* ── what sources tell ────────────────────────────────────────────────────────────────────── */

static void source_committed(void *context, const struct commit_report *report)
{
	struct sources *sources = context;

	sources->events->committed(sources->context, report);
}

static void source_changed(void *context, struct source *source, bool state_changed)
{
	struct sources *sources = context;

	if (!is_listed(sources, source))
		return; /* nobody asks about it any more */
	sources->events->source_changed(sources->context, source_name(source), state_changed);
	if (source_blocked(source))
		jobs_give_up(sources->jobs, source_name(source), source_blocked(source));
}

static void source_document(void *context, struct source *source, const struct document_news *news)
{
	struct sources *sources = context;

	if (is_listed(sources, source))
		jobs_follow(sources->jobs, source_name(source), news);
}

/* Only what publishes totals is kept: a document of single cases may name people, and stays where
 * the admin has it. */
static void source_document_done(void *context, struct source *source, const char *path,
				 const uint8_t sha256[SHA256_BYTES])
{
	struct sources *sources = context;

	if (sources->events->document_done &&
	    ledger_only_levels(sources->owner.ledger, source_name(source)))
		sources->events->document_done(sources->context, path, sha256);
}

static void source_document_leaves(void *context, struct source *source, const char *path,
				   const uint8_t sha256[SHA256_BYTES])
{
	struct sources *sources = context;

	if (sources->events->document_leaves &&
	    ledger_only_levels(sources->owner.ledger, source_name(source)))
		sources->events->document_leaves(sources->context, path, sha256);
}

/* Once a daemon: it is the same for every worker. */
static void source_confined(void *context, const struct sandbox_layers *layers)
{
	struct sources *sources = context;

	if (sources->sandbox_told)
		return;
	sources->sandbox_told = true;
	if (!layers->landlock_abi)
		log_main(
			LOG_WARNING,
			"this kernel has no Landlock: a broken plugin can read every file that this user can; add 'landlock' to the boot option lsm=, or use Linux 5.13 or newer built with it");
	if (!layers->seccomp)
		log_main(
			LOG_WARNING,
			"this kernel has no seccomp filters: a broken plugin can do to the system what this user can; use a kernel built with CONFIG_SECCOMP_FILTER, or allow seccomp() in the container");
}

static void source_rests(void *context, struct source *source)
{
	struct sources *sources = context;

	if (sources->stopping || !is_listed(sources, source))
		arm_sweep(sources);
}

static void job_added(void *context, uint32_t id)
{
	struct sources *sources = context;

	sources->events->job_added(sources->context, id);
}

static void job_changed(void *context, uint32_t id, bool finished)
{
	struct sources *sources = context;

	sources->events->job_changed(sources->context, id, finished);
}

static void job_removed(void *context, uint32_t id)
{
	struct sources *sources = context;

	sources->events->job_removed(sources->context, id);
}

static void fetch_changed(void *context, const char *source)
{
	struct sources *sources = context;

	sources->events->source_changed(sources->context, source, false);
}

static const struct fetch_events fetch_events = { .changed = fetch_changed };

static const struct jobs_events jobs_events = {
	.added = job_added,
	.changed = job_changed,
	.removed = job_removed,
};

/* ── the loop's events ────────────────────────────────────────────────────────────────────── */

static void reap(struct sources *sources)
{
	size_t i;

	/* By pid, not waitpid(-1): other parts may have children of their own. The arrays change in
	 * sweep() only. */
	for (i = 0; i < sources->count; i++)
		source_reap(sources->sources[i]);
	for (i = 0; i < sources->leaving_count; i++)
		source_reap(sources->leaving[i]);
	fetches_reap(sources->fetches);
}

static bool all_at_rest(const struct sources *sources)
{
	size_t i;

	for (i = 0; i < sources->count; i++)
		if (!source_at_rest(sources->sources[i]))
			return false;
	return sources->leaving_count == 0;
}

static void sweep(struct sources *sources)
{
	void (*stopped)(void *context) = sources->stopped;
	size_t kept = 0;
	size_t i;

	for (i = 0; i < sources->leaving_count; i++) {
		if (source_at_rest(sources->leaving[i]))
			(void)source_free(sources->leaving[i]);
		else
			sources->leaving[kept++] = sources->leaving[i];
	}
	sources->leaving_count = kept;
	if (!stopped || !all_at_rest(sources))
		return;
	sources->stopped = NULL;
	stopped(sources->stopped_context); /* may free the sources */
}

/* A new file is a reason to try again for those that gave up on the old one; who works is left
 * alone until a reload. */
static void plugin_came(struct sources *sources, const char *plugin)
{
	size_t i;

	for (i = 0; i < sources->count && !sources->stopping; i++) {
		struct source *source = sources->sources[i];

		if (strcmp(source_config(source)->plugin, plugin) != 0 || !source_blocked(source))
			continue;
		log_source(LOG_NOTICE, source_name(source),
			   "there is a new plugin file '%s.so': trying again", plugin);
		source_start(source);
	}
}

static void on_child(evutil_socket_t number, short what, void *context)
{
	(void)number, (void)what;
	reap(context);
}

static void on_sweep(evutil_socket_t fd, short what, void *context)
{
	(void)fd, (void)what;
	sweep(context);
}

static void on_plugin(void *context, const char *name)
{
	plugin_came(context, name);
}

/* ── applying a configuration ─────────────────────────────────────────────────────────────── */

/* The sources that the configuration has and we have not, at their places in `fresh`; all of them
 * or none. */
static int make_missing(struct sources *sources, const struct config *config, struct source **fresh,
			struct fault *fault)
{
	size_t i;

	for (i = 0; i < config->source_count; i++) {
		if (find(sources, config->sources[i].name))
			continue;
		fresh[i] = source_new(&sources->owner, &config->sources[i], fault);
		if (fresh[i])
			continue;
		while (i-- > 0)
			fresh[i] = source_free(fresh[i]);
		return -1;
	}
	return 0;
}

static const struct config_source *section_of(const struct config *config, const char *name)
{
	size_t i;

	for (i = 0; i < config->source_count; i++)
		if (strcmp(config->sources[i].name, name) == 0)
			return &config->sources[i];
	return NULL;
}

static void dismiss(struct sources *sources, struct source *source)
{
	source_mute(source);
	jobs_give_up(sources->jobs, source_name(source), "the source is no longer configured");
	sources->events->source_removed(sources->context, source_name(source));
	if (sources->leaving_count == LEAVING_MAX) {
		(void)source_free(source);
		return;
	}
	sources->leaving[sources->leaving_count++] = source;
	source_stop(source);
}

static void dismiss_unconfigured(struct sources *sources, const struct config *config)
{
	struct source *gone[CONFIG_SOURCES_MAX];
	size_t gone_count = 0;
	size_t kept = 0;
	size_t i;

	for (i = 0; i < sources->count; i++) {
		if (section_of(config, source_name(sources->sources[i])))
			sources->sources[kept++] = sources->sources[i];
		else
			gone[gone_count++] = sources->sources[i];
	}
	sources->count = kept;
	for (i = 0; i < gone_count; i++)
		dismiss(sources, gone[i]);
}

static int renew(struct source *source, const struct config_source *section, struct fault *fault)
{
	struct config_source same = *section;

	same.cadence_ms =
		source_config(source)->cadence_ms; /* a new cadence needs no other worker */
	if (!config_source_equal(source_config(source), &same))
		return source_restart(source, section, fault);
	source_set_cadence(source, section->cadence_ms);
	if (source_plugin_changed(source))
		return source_restart(source, NULL, fault);
	source_start(source);
	return 0;
}

static int keep_in_ledger(struct sources *sources, struct fault *fault)
{
	const char *names[CONFIG_SOURCES_MAX];
	struct commit_report report = { 0 };
	size_t i;

	for (i = 0; i < sources->count; i++)
		names[i] = source_name(sources->sources[i]);
	if (ledger_keep_sources(sources->owner.ledger, names, sources->count, &report, fault) < 0)
		return -1;
	if (report.sequence)
		sources->events->committed(sources->context, &report);
	return 0;
}

int sources_apply(struct sources *sources, const struct config *config, struct fault *fault)
{
	struct source *fresh[CONFIG_SOURCES_MAX] = { NULL };
	struct source *ordered[CONFIG_SOURCES_MAX];
	int result = 0;
	size_t i;

	if (config->source_count > CONFIG_SOURCES_MAX)
		return fault_set(fault, FAULT_CONFIG, "there are more than %u sources",
				 CONFIG_SOURCES_MAX);
	if (sources->stopping)
		return fault_set(fault, FAULT_NOT_READY, "the daemon is stopping");
	if (make_missing(sources, config, fresh, fault) < 0)
		return -1;
	dismiss_unconfigured(sources, config);
	for (i = 0; i < config->source_count; i++)
		ordered[i] = fresh[i] ? fresh[i] : find(sources, config->sources[i].name);
	(void)memcpy(sources->sources, ordered, config->source_count * sizeof(ordered[0]));
	sources->count = config->source_count;
	for (i = 0; i < sources->count; i++)
		if (fresh[i])
			sources->events->source_added(sources->context, source_name(fresh[i]));
	if (keep_in_ledger(sources, fault) < 0)
		result = -1; /* the workers can start all the same */
	for (i = 0; i < sources->count; i++) {
		if (fresh[i])
			source_start(fresh[i]);
		else if (renew(sources->sources[i], &config->sources[i], fault) < 0)
			result = -1;
	}
	if (fetches_apply(sources->fetches, config, fault) < 0)
		result = -1;
	if (!sources->watch)
		sources->watch = plugin_watch_new(sources->owner.base, sources->plugin_dir,
						  on_plugin, sources);
	return result;
}

/* ── life of the set ──────────────────────────────────────────────────────────────────────── */

struct sources *sources_new(struct event_base *base, struct ledger *ledger, const char *plugin_dir,
			    const char *spool_dir, const struct sources_events *events,
			    void *context)
{
	struct sources *sources = calloc(1, sizeof(*sources));

	(void)spool_dir; /* every section names its own directory in it */
	if (!sources)
		return NULL;
	sources->events = events;
	sources->context = context;
	sources->plugin_dir = strdup(plugin_dir);
	sources->owner = (struct source_owner){
		.base = base,
		.ledger = ledger,
		.plugin_dir = sources->plugin_dir,
		.deadlines = supervisor_deadlines,
		.context = sources,
		.committed = source_committed,
		.changed = source_changed,
		.document = source_document,
		.document_leaves = source_document_leaves,
		.document_done = source_document_done,
		.confined = source_confined,
		.at_rest = source_rests,
	};
	supervisor_scale_for_tests(&sources->owner.deadlines);
	sources->jobs = jobs_new(base, &jobs_events, sources);
	sources->fetches = fetches_new(base, ledger, &fetch_events, sources);
	sources->child = evsignal_new(base, SIGCHLD, on_child, sources);
	sources->sweep = evtimer_new(base, on_sweep, sources);
	if (!sources->plugin_dir || !sources->jobs || !sources->fetches || !sources->child ||
	    !sources->sweep || evsignal_add(sources->child, NULL) < 0)
		return sources_free(sources);
	return sources;
}

struct sources *sources_free(struct sources *sources)
{
	if (!sources)
		return NULL;
	while (sources->count)
		(void)source_free(sources->sources[--sources->count]);
	while (sources->leaving_count)
		(void)source_free(sources->leaving[--sources->leaving_count]);
	sources->jobs = jobs_free(sources->jobs);
	sources->fetches = fetches_free(sources->fetches);
	sources->watch = plugin_watch_free(sources->watch);
	if (sources->child)
		event_free(sources->child);
	if (sources->sweep)
		event_free(sources->sweep);
	free(sources->plugin_dir);
	free(sources);
	return NULL;
}

void sources_rebuild(struct sources *sources)
{
	sources->owner.rebuilding = sources->owner.unpacking = true;
}

void sources_unpacked(struct sources *sources)
{
	sources->owner.unpacking = false; /* each looks at its incoming/ with the next heartbeat */
}

size_t sources_rebuilding(const struct sources *sources)
{
	size_t count = 0;

	for (size_t i = 0; i < sources->count; i++)
		count += source_rebuilding(sources->sources[i]) &&
			 !source_blocked(sources->sources[i]);
	return count + sources->owner.unpacking;
}

void sources_stop(struct sources *sources, void (*done)(void *context), void *context)
{
	size_t i;

	sources->stopping = true;
	sources->stopped = done;
	sources->stopped_context = context;
	for (i = 0; i < sources->count; i++)
		source_stop(sources->sources[i]);
	fetches_stop(sources->fetches);
	arm_sweep(sources); /* when none runs, done is called all the same, and from the loop */
}

int sources_retry(struct sources *sources, const char *name, struct fault *fault)
{
	struct source *source = require(sources, name, fault);

	if (!source)
		return -1;
	if (sources->stopping)
		return fault_set(fault, FAULT_NOT_READY, "the daemon is stopping");
	source_start(source);
	return 0;
}

int sources_refresh(struct sources *sources, const char *name, struct fault *fault)
{
	if (!require(sources, name, fault))
		return -1;
	if (sources->stopping)
		return fault_set(fault, FAULT_NOT_READY, "the daemon is stopping");
	return fetches_now(sources->fetches, name, fault);
}

static void fill_info(const struct sources *sources, const struct source *source,
		      struct source_info *ret_info)
{
	struct fetch_info fetch;

	source_info(source, ret_info);
	fetches_info(sources->fetches, source_name(source), &fetch);
	ret_info->last_fetch_ms = fetch.answered_ms;
	ret_info->fetch_fault = fetch.fault;
}

size_t sources_count(const struct sources *sources)
{
	return sources->count;
}

int sources_info_at(const struct sources *sources, size_t index, struct source_info *ret_info)
{
	if (index >= sources->count)
		return -1;
	fill_info(sources, sources->sources[index], ret_info);
	return 0;
}

int sources_info(const struct sources *sources, const char *name, struct source_info *ret_info,
		 struct fault *fault)
{
	const struct source *source = require(sources, name, fault);

	if (!source)
		return -1;
	fill_info(sources, source, ret_info);
	return 0;
}

/* ── jobs ─────────────────────────────────────────────────────────────────────────────────── */

int sources_import(struct sources *sources, const char *source_name_asked, const char *name, int fd,
		   uint32_t *ret_job, struct fault *fault)
{
	CLEANUP(close_fd) int own = fd;
	struct source *source = require(sources, source_name_asked, fault);

	if (!source)
		return -1;
	if (sources->stopping)
		return fault_set(fault, FAULT_NOT_READY, "the daemon is stopping");
	if (source_blocked(source))
		return fault_set(fault, FAULT_NOT_READY, "source '%s' does not work: %.300s",
				 source_name_asked, source_blocked(source));
	own = -1; /* taken in every case */
	return jobs_add(sources->jobs, source_name_asked, source_config(source)->input, name, fd,
			ret_job, fault);
}

int sources_job_cancel(struct sources *sources, uint32_t id, struct fault *fault)
{
	return jobs_cancel(sources->jobs, id, fault);
}

size_t sources_job_count(const struct sources *sources)
{
	return jobs_count(sources->jobs);
}

int sources_job_at(const struct sources *sources, size_t index, struct job_info *ret_info)
{
	return jobs_at(sources->jobs, index, ret_info);
}

int sources_job(const struct sources *sources, uint32_t id, struct job_info *ret_info)
{
	return jobs_find(sources->jobs, id, ret_info);
}
