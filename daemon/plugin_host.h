/* SPDX-License-Identifier: MIT
 *
 * plugin_host.h - what stands behind the opaque types of include/strait/plugin.h. Worker only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "builder.h"
#include "fault.h"
#include "plugin_options.h"
#include "strait/plugin.h"

#define PLUGIN_HOST_TICK_EVERY 4096u /* observations and rejects between two looks at the clock */

/* What the strait_* functions need of the worker. */
struct plugin_host_calls {
	/* The builder of the release being read is full. 0: go on, it was sent and is empty; 1:
	   take no more of this piece in, without a word to the plugin; negative errno: the plugin
	   gets it. */
	int (*full)(void *context);
	/* Time may have passed: keep the heart beating. */
	void (*tick)(void *context);
	int (*commit)(void *context, const void *cursor, size_t cursor_size);
	void (*expect_block)(void *context, unsigned int seconds);
};

struct strait_source {
	const char *name;
	const struct strait_plugin *plugin;
	struct plugin_options *options;
	struct event_base *base;
	const struct plugin_host_calls *calls;
	void *context; /* of calls */
	void *state;   /* the plugin's */

	struct builder
		*reading; /* of the document or stretch that a callback is reading; NULL = none */
	struct builder *live; /* what the plugin's own events give; NULL when it has none */
	bool waiting;	/* the loop runs while a callback waits: what comes now is from the plugin's
			   own events */
	bool cancelled; /* everything ends: say so to whoever asks */
	unsigned int untold;  /* observations and rejects since the last tick */
	struct fault failure; /* of the last strait_fail(); FAULT_NONE = none */
	enum strait_fault
		failure_class; /* of that; DRIFTED and RETIRED are FAULT_INPUT in failure */
};

struct strait_document {
	struct strait_source *source;
	const char *name;
	int fd;
	uint64_t size;
	char dataset[256];
	int64_t published_at_ms; /* 0 = the plugin did not say */
	bool begun;		 /* a batch of it was made: dataset and publication time stand */
};

/* Calls one callback and looks at its end: 0, or -1 with what strait_fail() said, or FAULT_BUG when
 * it failed in silence. */
int plugin_host_result(struct strait_source *source, const char *callback, int result,
		       struct fault *fault);
