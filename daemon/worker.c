/* SPDX-License-Identifier: MIT
 *
 * worker.c - the worker role: one process for one source, in which its plugin lives. Started by
 * main as `straitd --worker` with the link on fd 3.
 *
 * Invariant: the cursor that main gives with START is the only truth; nothing is kept here beyond
 * the process. Must never see the store or the bus. Whatever the plugin does ends in an exit code
 * of worker.h, or in a signal that main reads.
 */
#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "clock.h"
#include "log.h"
#include "plugin_load.h"
#include "sandbox.h"
#include "test_point.h"
#include "worker_private.h"

/* ── the steps of worker_main, in their order ─────────────────────────────────────────────── */

static bool is_live(const struct strait_plugin *plugin)
{
	return plugin->start && !plugin->document && !plugin->lines;
}

static int load(struct worker *worker)
{
	struct strait_source *source = &worker->source;
	const struct message_configure *setup = &worker->setup;

	source->name = setup->source;
	source->base = worker->base;
	source->calls = &worker_plugin_calls;
	source->context = worker;
	if (plugin_load(setup->plugin, setup->plugin_path, &source->plugin, &worker->fault) < 0)
		return -1;
	if (plugin_options_new(source->plugin->options, setup->options, setup->option_count,
			       &source->options, &worker->fault) < 0)
		return -1;
	if (setup->log[0] && !source->plugin->lines)
		return fault_set(
			&worker->fault, FAULT_CONFIG,
			"plugin '%s' cannot follow a log, it reads %s; take out the key 'log'",
			setup->plugin,
			source->plugin->document ? "whole documents from the spool"
						 : "its own source");
	if (!source->plugin->check)
		return 0;
	return plugin_host_result(source, "check", source->plugin->check(source), &worker->fault);
}

static int open_plugin(struct worker *worker)
{
	struct strait_source *source = &worker->source;

	worker->hash = keyed_hash_new(worker->setup.identity_key);
	if (!worker->hash)
		return fault_set(&worker->fault, FAULT_MEMORY, "no memory for the identity key");
	worker->builder = builder_new(source->plugin, worker->hash);
	if (source->plugin->start) /* it may have events of its own */
		source->live = builder_new(source->plugin, worker->hash);
	if (!worker->builder || (source->plugin->start && !source->live))
		return fault_set(&worker->fault, FAULT_MEMORY, "no memory for batches");
	worker->opened = true;
	if (!source->plugin->open)
		return 0;
	return plugin_host_result(source, "open", source->plugin->open(source), &worker->fault);
}

static void on_inbox_ready(void *context)
{
	struct worker *worker = context;

	worker->inbox_ready = true;
}

static const struct inbox_events inbox_events = { .ready = on_inbox_ready };

static int open_inbox(struct worker *worker)
{
	if (!worker->setup.incoming[0] || is_live(worker->source.plugin))
		return 0;
	worker->inbox_ready = true; /* for what is there already */
	return inbox_new(worker->base, worker->setup.incoming, &inbox_events, worker,
			 &worker->inbox, &worker->fault);
}

/* From here on the plugin sees its inputs and nothing else. */
static int confine(struct worker *worker)
{
	return sandbox_late(worker->setup.incoming, worker->setup.log, &worker->sandbox,
			    &worker->fault);
}

static int open_log(struct worker *worker)
{
	if (!worker->setup.log[0])
		return 0;
	worker->follow_ready = true; /* for what is there already */
	return follow_new(worker->base, worker->setup.log,
			  worker->cursor.has_position ? worker->cursor.position : NULL,
			  &worker_follow_events, worker, &worker->follow, &worker->fault);
}

static int start_plugin(struct worker *worker)
{
	struct strait_source *source = &worker->source;
	const struct worker_cursor *cursor = &worker->cursor;

	if (source->live)
		builder_begin(source->live, clock_now_ms());
	if (!source->plugin->start)
		return 0;
	return plugin_host_result(source, "start",
				  source->plugin->start(source,
							cursor->plugin_size ? cursor->plugin : NULL,
							cursor->plugin_size),
				  &worker->fault);
}

/* Between two turns of the loop: one piece of each kind of work that there is. */
static int work(struct worker *worker)
{
	struct strait_source *source = &worker->source;

	if (worker->told != worker->committed) {
		worker->told = worker->committed;
		if (source->plugin->committed)
			source->plugin->committed(source, worker->told);
	}
	if (worker->inbox_ready && worker_read_inbox(worker) < 0)
		return -1;
	if (worker->follow_ready && worker_read_log(worker) < 0)
		return -1;
	/* A live plugin's own events end the worker by strait_fail(). */
	if (source->failure.kind != FAULT_NONE)
		return plugin_host_result(source, "an event", -1, &worker->fault);
	return 0;
}

static int loop(struct worker *worker)
{
	while (!worker_ending(worker)) {
		bool busy = worker->inbox_ready || worker->follow_ready ||
			    worker->told != worker->committed;

		if (event_base_loop(worker->base, busy ? EVLOOP_NONBLOCK : EVLOOP_ONCE) < 0)
			return fault_set(&worker->fault, FAULT_SYSTEM, "the event loop failed");
		if (!worker_ending(worker) && work(worker) < 0)
			return -1;
	}
	return -1;
}

/* Every step returns 0, or -1 when the worker is to end; 1 = the question of check_only is
 * answered. */
static int run(struct worker *worker)
{
	if (worker_wire_open(worker, WORKER_FD) < 0 ||
	    worker_wait(worker, worker_is_configured) < 0 || sandbox_early(&worker->fault) < 0 ||
	    load(worker) < 0)
		return -1;
	if (worker->setup.check_only)
		return worker_send_ready(worker) < 0 ? -1 : 1;
	if (open_plugin(worker) < 0 || open_inbox(worker) < 0 || confine(worker) < 0 ||
	    worker_send_ready(worker) < 0 || worker_wait(worker, worker_is_started) < 0 ||
	    open_log(worker) < 0 || start_plugin(worker) < 0)
		return -1;
	test_point();
	return loop(worker);
}

/* ── the end ───────────────────────────────────────────────────────────────────────────────── */

static enum worker_exit exit_of(enum fault_kind kind)
{
	if (kind == FAULT_NONE)
		return WORKER_EXIT_STOPPED;
	if (kind == FAULT_CONFIG)
		return WORKER_EXIT_CONFIG;
	if (kind == FAULT_INPUT)
		return WORKER_EXIT_INPUT;
	if (kind == FAULT_BUG || kind == FAULT_PROTOCOL)
		return WORKER_EXIT_BUG;
	return WORKER_EXIT_TRANSIENT;
}

static void release(struct worker *worker)
{
	struct strait_source *source = &worker->source;

	worker->inbox = inbox_free(worker->inbox);
	worker->follow = follow_free(worker->follow);
	source->live = builder_free(source->live);
	worker->builder = builder_free(worker->builder);
	worker->hash = keyed_hash_free(worker->hash);
	source->options = plugin_options_free(source->options);
	worker_wire_close(worker);
	explicit_bzero(&worker->setup, sizeof(worker->setup)); /* holds the identity key */
	free(worker);
}

/* Says why first: `close` of a broken plugin may be its last act. */
static enum worker_exit end(struct worker *worker, bool answered)
{
	struct strait_source *source = &worker->source;
	bool stopped = worker->stopping;
	enum worker_exit code;

	if (worker->cut_off && worker->broken.kind != FAULT_NONE &&
	    worker->fault.kind == FAULT_NONE)
		worker->fault = worker->broken;
	if (stopped) /* a callback that was cut short may have called that a failure */
		worker->fault = (struct fault){ 0 };
	code = exit_of(worker->fault.kind);
	if (worker->link && worker->fault.kind != FAULT_NONE)
		worker_send_fault(worker);
	source->cancelled = true;
	if (worker->opened && source->plugin->close)
		source->plugin->close(source);
	if (worker->link && stopped)
		worker_send_stopped(worker);
	else if (worker->link && answered)
		(void)link_flush(worker->link,
				 WORKER_FLUSH_MS); /* main learns it from the end of the link */
	release(worker);
	return code;
}

int worker_main(void)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	bool answered;

	if (!worker)
		return WORKER_EXIT_TRANSIENT;
	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail; main's end shows as an error of the link */
	answered = run(worker) == 1;
	return (int)end(worker, answered);
}
