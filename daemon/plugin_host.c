/* SPDX-License-Identifier: MIT
 *
 * plugin_host.c - the strait_* functions that plugins call (include/strait/plugin.h), but those of
 * the CSV scanner. Worker only. The only symbols that straitd exports (daemon/plugin_api.sym).
 *
 * Invariant: whatever a plugin hands over is checked and copied here or in the builder; a wrong
 * call is answered with an error and a log line, never with a crash. Must never run plugin code.
 */
#include "plugin_host.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "utf8.h"

#define API	       __attribute__((visibility("default")))
#define LOG_LINE_BYTES 1024

int plugin_host_result(struct strait_source *source, const char *callback, int result,
		       struct fault *fault)
{
	struct fault failure = source->failure;

	source->failure = (struct fault){ 0 };
	if (result == 0)
		return 0;
	if (failure.kind == FAULT_NONE)
		return fault_set(fault, FAULT_BUG,
				 "plugin '%s': %s returned %d without saying why (strait_fail)",
				 source->plugin->name, callback, result);
	return fault_set(fault, failure.kind, "%s", failure.text);
}

/* ── state, options, surroundings ──────────────────────────────────────────────────────────── */

API void *strait_state(const struct strait_source *source)
{
	return source->state;
}

API void strait_set_state(struct strait_source *source, void *state)
{
	source->state = state;
}

API const char *strait_option_string(const struct strait_source *source, const char *name)
{
	return plugin_options_string(source->options, name);
}

API int64_t strait_option_integer(const struct strait_source *source, const char *name)
{
	return plugin_options_integer(source->options, name);
}

API const char *strait_option_next(const struct strait_source *source, const char *name,
				   size_t *iterator, const char **ret_value)
{
	return plugin_options_next(source->options, name, iterator, ret_value);
}

API struct event_base *strait_event_base(struct strait_source *source)
{
	return source->base;
}

API int64_t strait_now_ms(const struct strait_source *source)
{
	(void)source;
	return clock_now_ms();
}

API void strait_expect_block(struct strait_source *source, unsigned int seconds)
{
	source->calls->expect_block(source->context, seconds);
}

/* ── the document ──────────────────────────────────────────────────────────────────────────── */

API const char *strait_document_name(const struct strait_document *document)
{
	return document->name;
}

API uint64_t strait_document_size(const struct strait_document *document)
{
	return document->size;
}

API int strait_document_fd(const struct strait_document *document)
{
	return document->fd;
}

API long strait_document_read(struct strait_document *document, void *buffer, size_t size)
{
	struct strait_source *source = document->source;
	ssize_t got;

	source->calls->tick(source->context);
	if (source->cancelled)
		return -ECANCELED;
	do
		got = read(document->fd, buffer, size);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

API void strait_document_published(struct strait_document *document, int64_t published_at_ms)
{
	const struct strait_source *source = document->source;

	if (published_at_ms <= 0 || published_at_ms > clock_now_ms() + BUILDER_AHEAD_MS)
		strait_log(source, LOG_WARNING,
			   "'%s': publication time %" PRId64
			   " ms is before 1970 or in the future, ignoring it",
			   document->name, published_at_ms);
	else if (document->begun && published_at_ms != document->published_at_ms)
		strait_log(
			source, LOG_WARNING,
			"'%s': the publication time came after the first batch of the document, ignoring it",
			document->name);
	else
		document->published_at_ms = published_at_ms;
}

API void strait_document_dataset(struct strait_document *document, const char *dataset)
{
	if (document->begun)
		strait_log(
			document->source, LOG_WARNING,
			"'%s': the dataset came after the first batch of the document, ignoring it",
			document->name);
	else
		(void)utf8_repair(document->dataset, sizeof(document->dataset), dataset,
				  strlen(dataset)); /* cut is fine */
}

API unsigned int strait_document_sheet(struct strait_document *document, const char *name)
{
	return builder_sheet(document->source->reading, name);
}

API void strait_document_covers(struct strait_document *document, uint32_t metric,
				int32_t first_day, int32_t last_day)
{
	if (!builder_cover(document->source->reading, metric, first_day, last_day))
		strait_log(document->source, LOG_WARNING,
			   "'%s': coverage of metric %" PRIu32 " from day %" PRId32 " to %" PRId32
			   " is no range of days of a level metric, ignoring it",
			   document->name, metric, first_day, last_day);
}

/* ── observations ──────────────────────────────────────────────────────────────────────────── */

/* What a callback emits belongs to the release it reads; what the plugin's own events emit does
 * not. */
static bool is_reading(const struct strait_source *source)
{
	return source->reading && !source->waiting;
}

static struct builder *builder_of(const struct strait_source *source)
{
	return is_reading(source) ? source->reading : source->live;
}

static void count_tick(struct strait_source *source)
{
	if (++source->untold < PLUGIN_HOST_TICK_EVERY || !is_reading(source))
		return;
	source->untold = 0;
	source->calls->tick(source->context);
}

API int strait_emit(struct strait_source *source, const struct strait_observation *observation)
{
	struct builder *builder = builder_of(source);

	if (source->cancelled)
		return -ECANCELED;
	if (!builder)
		return -ENOTSUP;
	if (builder_full(builder, observation)) {
		int result = is_reading(source) ? source->calls->full(source->context) : -ENOBUFS;

		if (result != 0)
			return result < 0 ? result : 0;
	}
	count_tick(source);
	return builder_add(builder, observation);
}

API long strait_series(struct strait_source *source, uint32_t metric,
		       const char *const labels[STRAIT_LABELS_MAX])
{
	if (source->cancelled)
		return -ECANCELED;
	if (!is_reading(source))
		return -ENOTSUP;
	return builder_handle(source->reading, metric, labels);
}

API int strait_add(struct strait_source *source, const struct strait_addend *addends, size_t count)
{
	int result = 0;

	if (!source->cancelled && !is_reading(source))
		return -ENOTSUP;
	source->untold += (unsigned int)count;
	if (source->untold >= PLUGIN_HOST_TICK_EVERY && !source->cancelled) {
		source->untold = 0;
		source->calls->tick(source->context);
	}
	while (count > 0) {
		size_t done;

		if (source->cancelled)
			return -ECANCELED;
		done = builder_add_sums(source->reading, addends, count, &result);
		addends += done;
		count -= done;
		if (count > 0) {
			int full = source->calls->full(source->context);

			if (full != 0)
				return full < 0 ? full : 0;
		}
	}
	return result;
}

API void strait_reject(struct strait_source *source, uint64_t at, const void *raw, size_t raw_size,
		       const char *why, ...)
{
	struct builder *builder = builder_of(source);
	char reason[BUILDER_REASON_BYTES];
	va_list arguments;

	if (!builder || source->cancelled)
		return;
	va_start(arguments, why);
	(void)vsnprintf(reason, sizeof(reason), why, arguments); /* cut is fine */
	va_end(arguments);
	count_tick(source);
	builder_reject(builder, at, raw, raw_size, reason);
}

API int strait_commit(struct strait_source *source, const void *cursor, size_t cursor_size)
{
	if (source->cancelled)
		return -ECANCELED;
	return source->calls->commit(source->context, cursor, cursor_size);
}

/* ── words ─────────────────────────────────────────────────────────────────────────────────── */

API void strait_log(const struct strait_source *source, int priority, const char *format, ...)
{
	char line[LOG_LINE_BYTES], clean[LOG_LINE_BYTES];
	va_list arguments;

	(void)source;
	if (priority < LOG_ERR)
		priority = LOG_ERR; /* nothing that a plugin says concerns the whole machine */
	if (priority > LOG_DEBUG)
		priority = LOG_DEBUG;
	va_start(arguments, format);
	(void)vsnprintf(line, sizeof(line), format, arguments); /* cut is fine */
	va_end(arguments);
	(void)utf8_repair(clean, sizeof(clean), line, strlen(line));
	log_write(priority, LOG_TOKEN_WORKER, NULL, "%s", clean);
}

static enum fault_kind kind_of(enum strait_fault fault)
{
	switch (fault) {
	case STRAIT_FAULT_TRANSIENT:
		return FAULT_TRANSIENT;
	case STRAIT_FAULT_CONFIG:
		return FAULT_CONFIG;
	case STRAIT_FAULT_INPUT:
	case STRAIT_FAULT_DRIFTED:
	case STRAIT_FAULT_RETIRED:
		return FAULT_INPUT;
	case STRAIT_FAULT_BUG:
		return FAULT_BUG;
	}
	return FAULT_BUG; /* a number that is no fault is one */
}

API int strait_fail(struct strait_source *source, enum strait_fault fault, const char *format, ...)
{
	char text[FAULT_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments); /* cut is fine */
	va_end(arguments);
	source->failure.kind = kind_of(fault);
	source->failure_class = fault;
	(void)utf8_repair(source->failure.text, sizeof(source->failure.text), text, strlen(text));
	return -1;
}
