/* SPDX-License-Identifier: MIT
 *
 * plugin_watch.c - inotify on the plugin directory, so that a new file frees a quarantined source
 * by itself. Main only.
 */
#include "plugin_watch.h"

#include <limits.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <event2/event.h>

#define SUFFIX	    ".so"
#define READ_EVENTS 16u /* a loop turn, at least so many */

struct plugin_watch {
	struct event *event;
	int fd;
	plugin_watch_fn *changed;
	void *context;
};

static void tell(struct plugin_watch *watch, const char *file)
{
	char name[NAME_MAX + 1];
	size_t size = strlen(file);
	size_t suffix = strlen(SUFFIX);

	if (size <= suffix || size >= sizeof(name) || strcmp(file + size - suffix, SUFFIX) != 0)
		return;
	(void)memcpy(name, file, size - suffix);
	name[size - suffix] = '\0';
	watch->changed(watch->context, name);
}

static void read_events(struct plugin_watch *watch)
{
	alignas(struct inotify_event) char
		data[READ_EVENTS * (sizeof(struct inotify_event) + NAME_MAX + 1)];
	ssize_t size = read(watch->fd, data, sizeof(data));
	const char *at = data;

	while (size > 0 && at < data + size) {
		const struct inotify_event *event = (const void *)at;

		if (event->len)
			tell(watch, event->name);
		at += sizeof(*event) + event->len;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	(void)fd, (void)what;
	read_events(context);
}

struct plugin_watch *plugin_watch_new(struct event_base *base, const char *directory,
				      plugin_watch_fn *changed, void *context)
{
	struct plugin_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->changed = changed;
	watch->context = context;
	watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch->fd < 0 ||
	    inotify_add_watch(watch->fd, directory, IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR) < 0)
		return plugin_watch_free(watch);
	watch->event = event_new(base, watch->fd, EV_READ | EV_PERSIST, on_readable, watch);
	if (!watch->event || event_add(watch->event, NULL) < 0)
		return plugin_watch_free(watch);
	return watch;
}

struct plugin_watch *plugin_watch_free(struct plugin_watch *watch)
{
	if (!watch)
		return NULL;
	if (watch->event)
		event_free(watch->event);
	if (watch->fd >= 0)
		(void)close(watch->fd); /* only read from */
	free(watch);
	return NULL;
}
