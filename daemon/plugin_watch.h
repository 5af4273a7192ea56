/* SPDX-License-Identifier: MIT
 *
 * plugin_watch.h - tells when a plugin file came or was replaced. Main only; looks at names, never
 * into files.
 */
#pragma once

struct event_base;
struct plugin_watch;

/* name: without ".so". Called from the loop. */
typedef void plugin_watch_fn(void *context, const char *name);

/* NULL when the directory cannot be watched (missing, or no inotify instance left): a reload then
 * does instead. */
struct plugin_watch *plugin_watch_new(struct event_base *base, const char *directory,
				      plugin_watch_fn *changed, void *context);
struct plugin_watch *plugin_watch_free(struct plugin_watch *watch);
