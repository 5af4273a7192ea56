/* SPDX-License-Identifier: MIT
 *
 * messages_setup.c - CONFIGURE and READY: what a worker is told, and what its plugin declares. Both
 * processes.
 *
 * Invariant: a declaration that was decoded is sane: names of the allowed characters, known kinds
 * and granularities, counts within the limits of include/strait/plugin.h. Main stores it as it is.
 */
#include "messages_codec.h"

#include <stdlib.h>
#include <string.h>

#include "checks.h"

/* ── CONFIGURE ─────────────────────────────────────────────────────────────────────────────── */

static void encode_configure(struct bytes_writer *writer, const void *message)
{
	const struct message_configure *configure = message;

	bytes_put_text(writer, configure->source, TEXT_WORD_MAX);
	bytes_put_text(writer, configure->plugin, TEXT_WORD_MAX);
	bytes_put_text(writer, configure->plugin_path, TEXT_PATH_MAX);
	bytes_put_text(writer, configure->incoming, TEXT_PATH_MAX);
	bytes_put_text(writer, configure->log, TEXT_PATH_MAX);
	bytes_put(writer, configure->identity_key, sizeof(configure->identity_key));
	bytes_put_u16(writer, configure->reject_limit);
	bytes_put_u8(writer, configure->check_only);
	bytes_put_u32(writer, (uint32_t)configure->option_count);
	for (size_t i = 0; i < configure->option_count; i++) {
		bytes_put_text(writer, configure->options[i].key, TEXT_NAME_MAX);
		bytes_put_text(writer, configure->options[i].value, TEXT_VALUE_MAX);
	}
}

int message_put_configure(struct evbuffer *out, struct message_header header,
			  const struct message_configure *message)
{
	return message_put(out, header, MESSAGE_CONFIGURE, encode_configure, message);
}

static const char *get_path(struct bytes_reader *reader)
{
	const char *path = bytes_get_text(reader, TEXT_PATH_MAX);

	if (!reader->failed && path[0] != '\0' && path[0] != '/')
		bytes_refuse(reader, "path is not absolute");
	return path;
}

int message_get_configure(const struct frame *frame, struct message_scratch *scratch,
			  struct message_configure *ret, struct fault *fault)
{
	struct message_configure configure = { 0 };
	struct bytes_reader reader;
	const void *key;
	uint8_t check_only;

	if (message_begin(frame, MESSAGE_CONFIGURE, &reader, fault) < 0)
		return -1;
	configure.source = bytes_get_text(&reader, TEXT_WORD_MAX);
	configure.plugin = bytes_get_text(&reader, TEXT_WORD_MAX);
	configure.plugin_path = get_path(&reader);
	configure.incoming = get_path(&reader);
	configure.log = get_path(&reader);
	key = bytes_get(&reader, sizeof(configure.identity_key));
	if (key)
		memcpy(configure.identity_key, key, sizeof(configure.identity_key));
	configure.reject_limit = bytes_get_u16(&reader);
	if (configure.reject_limit > REJECT_LIMIT_ALL)
		bytes_refuse(&reader, "more than all rows");
	check_only = bytes_get_u8(&reader);
	if (check_only > 1)
		bytes_refuse(&reader, "neither yes nor no");
	configure.check_only = check_only == 1;
	configure.option_count = bytes_get_count(&reader, MESSAGE_OPTIONS_MAX, 6);
	if (!message_room(&scratch->options, &scratch->option_room, configure.option_count,
			  sizeof(*scratch->options)))
		return fault_set(fault, FAULT_MEMORY, "no memory for %zu options",
				 configure.option_count);
	for (size_t i = 0; i < configure.option_count; i++) {
		scratch->options[i].key = bytes_get_text(&reader, TEXT_NAME_MAX);
		scratch->options[i].value = bytes_get_text(&reader, TEXT_VALUE_MAX);
	}
	configure.options = scratch->options;
	if (message_end(frame, &reader, fault) < 0)
		return -1;
	*ret = configure;
	return 0;
}

/* ── READY ─────────────────────────────────────────────────────────────────────────────────── */

static void encode_metric(struct bytes_writer *writer, const struct metric_declaration *metric)
{
	bytes_put_text(writer, metric->name, STRAIT_NAME_MAX_BYTES);
	bytes_put_text(writer, metric->unit, TEXT_UNIT_MAX);
	bytes_put_text(writer, metric->title, TEXT_NAME_MAX);
	bytes_put_u8(writer, (uint8_t)metric->kind);
	bytes_put_u8(writer, (uint8_t)metric->granularity);
	bytes_put_u32(writer, metric->flags);
	for (size_t i = 0; i < STRAIT_LABELS_MAX; i++)
		bytes_put_text(writer, metric->labels[i], TEXT_WORD_MAX); /* "" = no key */
}

struct ready {
	const struct declaration *declaration;
	const struct sandbox_layers *sandbox;
};

static void encode_ready(struct bytes_writer *writer, const void *message)
{
	const struct ready *ready = message;
	const struct declaration *declaration = ready->declaration;

	bytes_put_u32(writer, ready->sandbox->landlock_abi);
	bytes_put_u8(writer, ready->sandbox->seccomp);
	bytes_put_text(writer, declaration->plugin, TEXT_WORD_MAX);
	bytes_put_text(writer, declaration->version, TEXT_WORD_MAX);
	bytes_put_text(writer, declaration->summary, TEXT_NAME_MAX);
	bytes_put_u32(writer, (uint32_t)declaration->metric_count);
	for (size_t i = 0; i < declaration->metric_count; i++)
		encode_metric(writer, &declaration->metrics[i]);
	bytes_put_u32(writer, (uint32_t)declaration->figure_count);
	for (size_t i = 0; i < declaration->figure_count; i++) {
		const struct figure_declaration *figure = &declaration->figures[i];

		bytes_put_text(writer, figure->name, STRAIT_NAME_MAX_BYTES);
		bytes_put_text(writer, figure->formula, TEXT_FORMULA_MAX);
		bytes_put_text(writer, figure->window, TEXT_WORD_MAX);
		bytes_put_text(writer, figure->unit, TEXT_UNIT_MAX);
		bytes_put_text(writer, figure->title, TEXT_NAME_MAX);
	}
	bytes_put_u32(writer, (uint32_t)declaration->check_count);
	for (size_t i = 0; i < declaration->check_count; i++) {
		const struct check_declaration *check = &declaration->checks[i];

		bytes_put_text(writer, check->name, CHECK_NAME_MAX);
		bytes_put_text(writer, check->left, TEXT_FORMULA_MAX);
		bytes_put_text(writer, check->right, TEXT_FORMULA_MAX);
		bytes_put_text(writer, check->every, TEXT_WORD_MAX);
		bytes_put_text(writer, check->tolerance, TEXT_WORD_MAX);
		bytes_put_text(writer, check->title, TEXT_NAME_MAX);
	}
}

int message_put_ready(struct evbuffer *out, struct message_header header,
		      const struct declaration *message, const struct sandbox_layers *sandbox)
{
	const struct ready ready = { .declaration = message, .sandbox = sandbox };

	return message_put(out, header, MESSAGE_READY, encode_ready, &ready);
}

/* Copies, so that the declaration outlives the frame. NULL only for lack of memory, told through
 * *failed. */
static char *copy_text(struct bytes_reader *reader, size_t max, bool *failed)
{
	char *copy = strdup(bytes_get_text(reader, max));

	if (!copy)
		*failed = true;
	return copy;
}

static char *copy_name(struct bytes_reader *reader, bool *failed)
{
	char *name = copy_text(reader, STRAIT_NAME_MAX_BYTES, failed);

	if (!reader->failed && name &&
	    (!name[0] || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.")]))
		bytes_refuse(reader, "not a name");
	return name;
}

static void get_metric(struct bytes_reader *reader, struct metric_declaration *metric,
		       bool *no_memory)
{
	uint8_t kind, granularity;
	bool ended = false;

	metric->name = copy_name(reader, no_memory);
	metric->unit = copy_text(reader, TEXT_UNIT_MAX, no_memory);
	metric->title = copy_text(reader, TEXT_NAME_MAX, no_memory);
	kind = bytes_get_u8(reader);
	granularity = bytes_get_u8(reader);
	metric->flags = bytes_get_u32(reader);
	if (!reader->failed && (kind < STRAIT_LEVEL || kind > STRAIT_RECORD))
		bytes_refuse(reader, "no such kind of metric");
	if (!reader->failed && (granularity < STRAIT_DAY || granularity > STRAIT_YEAR))
		bytes_refuse(reader, "no such granularity");
	if (metric->flags & ~STRAIT_METRIC_DISTRIBUTION)
		bytes_refuse(reader, "unknown flags of a metric");
	metric->kind = (enum strait_kind)kind;
	metric->granularity = (enum strait_granularity)granularity;
	for (size_t i = 0; i < STRAIT_LABELS_MAX; i++) {
		const char *key = bytes_get_text(reader, TEXT_WORD_MAX);

		if (key[0] == '\0') {
			ended = true;
			continue;
		}
		if (ended || key[strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_")])
			bytes_refuse(reader, "not a label key");
		metric->labels[i] = strdup(key);
		if (!metric->labels[i])
			*no_memory = true;
	}
}

static void get_figure(struct bytes_reader *reader, struct figure_declaration *figure,
		       bool *no_memory)
{
	figure->name = copy_name(reader, no_memory);
	figure->formula = copy_text(reader, TEXT_FORMULA_MAX, no_memory);
	figure->window = copy_text(reader, TEXT_WORD_MAX, no_memory);
	figure->unit = copy_text(reader, TEXT_UNIT_MAX, no_memory);
	figure->title = copy_text(reader, TEXT_NAME_MAX, no_memory);
}

static void get_check(struct bytes_reader *reader, struct check_declaration *check, bool *no_memory)
{
	check->name = copy_name(reader, no_memory);
	check->left = copy_text(reader, TEXT_FORMULA_MAX, no_memory);
	check->right = copy_text(reader, TEXT_FORMULA_MAX, no_memory);
	check->every = copy_text(reader, TEXT_WORD_MAX, no_memory);
	check->tolerance = copy_text(reader, TEXT_WORD_MAX, no_memory);
	check->title = copy_text(reader, TEXT_NAME_MAX, no_memory);
	if (!reader->failed && check->name && strlen(check->name) > CHECK_NAME_MAX)
		bytes_refuse(reader, "name of a check is too long");
}

/* Sizes of the smallest metric, figure and check on the wire: empty texts. */
#define METRIC_BYTES_MIN (3u * 3u + 6u + 3u * STRAIT_LABELS_MAX)
#define FIGURE_BYTES_MIN (5u * 3u)
#define CHECK_BYTES_MIN	 (6u * 3u)

static void get_declaration(struct bytes_reader *reader, struct declaration *declaration,
			    bool *no_memory)
{
	size_t count;

	declaration->plugin = copy_text(reader, TEXT_WORD_MAX, no_memory);
	declaration->version = copy_text(reader, TEXT_WORD_MAX, no_memory);
	declaration->summary = copy_text(reader, TEXT_NAME_MAX, no_memory);

	count = bytes_get_count(reader, STRAIT_METRICS_MAX, METRIC_BYTES_MIN);
	declaration->metrics = calloc(count ? count : 1, sizeof(*declaration->metrics));
	if (!declaration->metrics) {
		*no_memory = true;
		return;
	}
	declaration->metric_count = count;
	for (size_t i = 0; i < count; i++)
		get_metric(reader, &declaration->metrics[i], no_memory);

	count = bytes_get_count(reader, STRAIT_FIGURES_MAX, FIGURE_BYTES_MIN);
	declaration->figures = calloc(count ? count : 1, sizeof(*declaration->figures));
	if (!declaration->figures) {
		*no_memory = true;
		return;
	}
	declaration->figure_count = count;
	for (size_t i = 0; i < count; i++)
		get_figure(reader, &declaration->figures[i], no_memory);

	count = bytes_get_count(reader, STRAIT_CHECKS_MAX, CHECK_BYTES_MIN);
	declaration->checks = calloc(count ? count : 1, sizeof(*declaration->checks));
	if (!declaration->checks) {
		*no_memory = true;
		return;
	}
	declaration->check_count = count;
	for (size_t i = 0; i < count; i++)
		get_check(reader, &declaration->checks[i], no_memory);
}

static struct sandbox_layers get_sandbox(struct bytes_reader *reader)
{
	struct sandbox_layers sandbox = { .landlock_abi = bytes_get_u32(reader) };
	uint8_t seccomp = bytes_get_u8(reader);

	if (seccomp > 1)
		bytes_refuse(reader, "neither yes nor no");
	sandbox.seccomp = seccomp == 1;
	return sandbox;
}

int message_get_ready(const struct frame *frame, struct declaration *ret,
		      struct sandbox_layers *ret_sandbox, struct fault *fault)
{
	struct declaration declaration = { 0 };
	struct sandbox_layers sandbox;
	struct bytes_reader reader;
	bool no_memory = false;

	if (message_begin(frame, MESSAGE_READY, &reader, fault) < 0)
		return -1;
	sandbox = get_sandbox(&reader);
	get_declaration(&reader, &declaration, &no_memory);
	if (no_memory || message_end(frame, &reader, fault) < 0) {
		declaration_done(&declaration);
		return no_memory ? fault_set(fault, FAULT_MEMORY, "no memory for a declaration")
				 : -1;
	}
	*ret = declaration;
	*ret_sandbox = sandbox;
	return 0;
}
