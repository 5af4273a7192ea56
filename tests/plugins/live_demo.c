/* SPDX-License-Identifier: MIT
 *
 * live_demo.c - a live plugin: a timer of its own gives one observation after the other, until the
 * fifth; its cursor is how many it gave.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "strait/plugin.h"

#define LAST 5u

struct state {
	struct event *timer;
	uint32_t given;
	int emitted; /* but not committed */
};

static const struct strait_metric metrics[] = {
	{ .name = "demo.live",
	  .unit = "things",
	  .title = "Live",
	  .kind = STRAIT_EVENT,
	  .granularity = STRAIT_DAY },
	{ .name = NULL },
};

static void again(struct state *state)
{
	static const struct timeval soon = { .tv_usec = 1000 };

	if (state->given < LAST)
		(void)event_add(state->timer, &soon);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct strait_source *source = context;
	struct state *state = strait_state(source);
	const struct strait_observation observation = { .struct_size = sizeof(observation),
							.day = 18500,
							.value = 1 };
	uint32_t given = state->given + 1;

	(void)fd;
	(void)what;
	if (!state->emitted && strait_emit(source, &observation) == 0)
		state->emitted = 1;
	if (strait_commit(source, &given, sizeof(given)) == 0) {
		state->given = given;
		state->emitted = 0;
	}
}

static int start(struct strait_source *source, const void *cursor, size_t cursor_size)
{
	struct state *state = calloc(1, sizeof(*state));

	if (!state)
		return strait_fail(source, STRAIT_FAULT_TRANSIENT, "no memory");
	strait_set_state(source, state);
	if (cursor_size == sizeof(state->given))
		memcpy(&state->given, cursor, sizeof(state->given));
	state->timer = event_new(strait_event_base(source), -1, 0, on_timer, source);
	again(state);
	return 0;
}

static void committed(struct strait_source *source, uint64_t batch)
{
	(void)batch;
	again(strait_state(source));
}

static void finish(struct strait_source *source)
{
	struct state *state = strait_state(source);

	if (state)
		event_free(state->timer);
	free(state);
}

STRAIT_PLUGIN(.name = "live_demo", .version = "1", .summary = "Gives one after the other",
	      .metrics = metrics, .start = start, .committed = committed, .close = finish);
