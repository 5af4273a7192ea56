/* SPDX-License-Identifier: MIT
 *
 * sources_check.c - what every plugin says about its section, for --check-config. Main's program,
 * but not the daemon: one worker after the other, each with a loop of its own, blocking until it
 * answered, left or was too late.
 *
 * Must never: leave a worker behind.
 */
#include "sources.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "chatter.h"
#include "link.h"
#include "log.h"
#include "spawn.h"
#include "spool.h"
#include "supervisor.h"
#include "worker.h"

struct check {
	const struct config_source *section;
	struct event_base *base;
	struct link *link;
	struct chatter chatter;
	bool agreed, closed;
	char refusal[FAULT_TEXT_MAX]; /* "" = none yet */
};

static void refuse(struct check *check, const char *text)
{
	if (!check->refusal[0])
		(void)chatter_clean(check->refusal, sizeof(check->refusal), text);
}

static int take_fault(struct check *check, const struct frame *frame, struct fault *fault)
{
	struct message_fault message;

	if (message_get_fault(frame, &message, fault) < 0)
		return -1;
	refuse(check, message.text);
	(void)event_base_loopbreak(check->base);
	return 0;
}

static int take_ready(struct check *check, const struct frame *frame, struct fault *fault)
{
	struct declaration declaration = { 0 };
	struct sandbox_layers sandbox; /* of a worker that does not open anything */

	if (message_get_ready(frame, &declaration, &sandbox, fault) < 0)
		return -1;
	declaration_done(&declaration);
	check->agreed = true;
	(void)event_base_loopbreak(check->base);
	return 0;
}

static int take_log(struct check *check, const struct frame *frame, struct fault *fault)
{
	struct message_log message;

	if (message_get_log(frame, &message, fault) < 0)
		return -1;
	chatter_log(&check->chatter, message.level, message.text, 0);
	return 0;
}

static int on_frame(void *context, const struct frame *frame, struct fault *fault)
{
	struct check *check = context;

	if (frame->type == MESSAGE_READY)
		return take_ready(check, frame, fault);
	if (frame->type == MESSAGE_FAULT)
		return take_fault(check, frame, fault);
	if (frame->type == MESSAGE_LOG)
		return take_log(check, frame, fault);
	if (frame->type == MESSAGE_HEARTBEAT)
		return 0;
	return fault_set(fault, FAULT_PROTOCOL, "%s at the wrong moment",
			 message_name(frame->type));
}

static void on_closed(void *context, const struct fault *fault)
{
	struct check *check = context;

	if (fault->kind == FAULT_PROTOCOL)
		refuse(check, fault->text);
	check->closed = true;
	(void)event_base_loopbreak(check->base);
}

static const struct link_events link_events = { .frame = on_frame, .closed = on_closed };

static int send_configure(struct check *check, const char *path)
{
	const struct config_source *section = check->section;
	struct message_option options[MESSAGE_OPTIONS_MAX];
	char incoming[SPOOL_PATH_MAX] = "";
	struct message_configure configure = {
		.source = section->name,
		.plugin = section->plugin,
		.plugin_path = path,
		.incoming = incoming,
		.log = section->log ? section->log : "",
		.reject_limit = section->reject_limit,
		.check_only = true,
		.options = options,
	};
	size_t i;

	(void)snprintf(incoming, sizeof(incoming), "%s/incoming", section->input);
	for (i = 0; i < section->option_count && i < MESSAGE_OPTIONS_MAX; i++)
		options[i] = (struct message_option){ .key = section->options[i].key,
						      .value = section->options[i].value };
	configure.option_count = i;
	return message_put_configure(link_output(check->link), link_header(check->link),
				     &configure);
}

/* Its last words: a loader's message, a sanitizer's, a failed exec's. */
static void listen_to_the_end(struct check *check, int fd)
{
	char data[4096];
	ssize_t size;

	while ((size = read(fd, data, sizeof(data))) > 0)
		chatter_feed(&check->chatter, data, (size_t)size, 0);
	chatter_end(&check->chatter, 0);
}

/* The worker is not needed any more, whatever it is doing. One that is dying already keeps its own
 * status. */
static void bury(struct check *check, const struct spawned *spawned)
{
	char words[CHATTER_LINE_MAX], text[FAULT_TEXT_MAX];
	int status = 0;

	(void)kill(spawned->pid, SIGKILL);
	while (waitpid(spawned->pid, &status, 0) < 0 && errno == EINTR)
		continue; /* killed: the wait is short */
	listen_to_the_end(check, spawned->stderr_fd);
	if (check->agreed || check->refusal[0])
		return;
	chatter_last_words(&check->chatter, words, sizeof(words));
	if (!check->closed)
		(void)snprintf(text, sizeof(text), "the plugin's worker gave no answer in %d s",
			       SUPERVISOR_START_MS / 1000);
	else if (WIFEXITED(status))
		(void)snprintf(text, sizeof(text),
			       "the plugin's worker left with code %d without an answer",
			       WEXITSTATUS(status));
	else if (WTERMSIG(status) == SIGKILL)
		(void)snprintf(text, sizeof(text),
			       "the plugin's worker closed its link without an answer");
	else
		(void)snprintf(text, sizeof(text), "the plugin's worker died by signal %d (%s)",
			       WTERMSIG(status), strsignal(WTERMSIG(status)));
	(void)snprintf(check->refusal, sizeof(check->refusal), "%.200s%s%.280s", text,
		       words[0] ? "; last words: " : "", words);
}

static void ask(struct check *check, const char *path)
{
	const struct timeval deadline = { .tv_sec = SUPERVISOR_START_MS / 1000 };
	struct spawned spawned;
	struct fault fault = { 0 };

	if (spawn_worker(check->section->name, &spawned, &fault) < 0) {
		refuse(check, fault.text);
		return;
	}
	chatter_begin(&check->chatter, check->section->name, spawned.pid);
	check->link = link_new(check->base, spawned.link_fd, 1, true, &link_events, check);
	if (!check->link || send_configure(check, path) < 0 ||
	    event_base_loopexit(check->base, &deadline) < 0) {
		refuse(check, "the section is too large for a worker, or memory ran out");
	} else {
		(void)event_base_dispatch(check->base); /* what it found is in the check */
	}
	bury(check, &spawned);
	check->link = link_free(check->link);
	(void)close(spawned.stderr_fd); /* only read from */
}

/* The line of the option that a refusal quotes, else the section's. */
static unsigned int line_of(const struct config_source *section, const char *text,
			    const char **ret_file)
{
	char quoted[128];
	size_t i;

	for (i = 0; i < section->option_count; i++) {
		(void)snprintf(quoted, sizeof(quoted), "'%s'", section->options[i].key);
		if (!strstr(text, quoted))
			continue;
		*ret_file = section->options[i].file;
		return section->options[i].line;
	}
	*ret_file = section->file;
	return section->line;
}

static void append_error(struct config_errors *errors, const struct config_source *section,
			 const char *text)
{
	struct config_error *items = realloc(errors->items, (errors->count + 1) * sizeof(*items));
	const char *file;
	unsigned int line = line_of(section, text, &file);
	char *whole = NULL;

	if (!items)
		return; /* sources_check() still says that something is wrong */
	errors->items = items;
	if (asprintf(&whole, "source '%s': %s", section->name, text) < 0)
		whole = NULL;
	items[errors->count++] = (struct config_error){ .file = file ? strdup(file) : NULL,
							.line = line,
							.text = whole };
}

int sources_check(const struct config *config, const char *plugin_dir, struct config_errors *errors)
{
	char path[SPOOL_PATH_MAX];
	int result = 0;
	size_t i;

	(void)signal(SIGPIPE, SIG_IGN); /* a worker that died shows as the end of its link */
	for (i = 0; i < config->source_count; i++) {
		struct check check = { .section = &config->sources[i], .base = event_base_new() };

		(void)snprintf(path, sizeof(path), "%s/%s.so", plugin_dir, check.section->plugin);
		if (!check.base)
			refuse(&check, "out of memory");
		else if (access(path, F_OK) < 0)
			(void)snprintf(check.refusal, sizeof(check.refusal),
				       "there is no plugin '%s': %.400s is missing",
				       check.section->plugin, path);
		else
			ask(&check, path);
		if (check.base)
			event_base_free(check.base);
		if (check.agreed)
			continue;
		result = -1;
		append_error(errors, check.section, check.refusal);
	}
	return result;
}
