/* SPDX-License-Identifier: MIT
 *
 * fake_host.c - the strait_* functions for unit tests of plugins; takes the place of
 * daemon/plugin_host.c. Owns deep copies of what a plugin hands over. Never touches a socket, a
 * clock or a store, so that a failing test is the plugin's fault.
 */
#include "fake_host_private.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "utf8.h"

#define STRETCH_BYTES	((size_t)256 * 1024)
#define DEFAULT_NOW_MS	INT64_C(1767225600000)
#define HANDED_OVER_MAX 256u /* copies a growing array makes room for at first */

/* What one option of the plugin's table is set to. */
/* ── memory: a test that runs out of it is over ─────────────────────────────────────────────── */

static void give_up(const char *what, const char *which)
{
	fprintf(stderr, "fake_host: %s%s%s\n", what, which ? ": " : "", which ? which : "");
	abort();
}

/* Room for one more element; arrays double at powers of two. */
static void *grow(void *array, size_t count, size_t size)
{
	if (count != 0 && (count < HANDED_OVER_MAX || (count & (count - 1)) != 0))
		return array;
	array = realloc(array, (count == 0 ? HANDED_OVER_MAX : count * 2) * size);
	if (!array)
		give_up("out of memory", NULL);
	return array;
}

static const char *keep(struct strait_source *source, const char *data, size_t size)
{
	char *copy = malloc(size + 1);

	if (!copy)
		give_up("out of memory", NULL);
	if (size)
		memcpy(copy, data, size);
	copy[size] = '\0';
	source->strings = grow(source->strings, source->string_count, sizeof(*source->strings));
	source->strings[source->string_count++] = copy;
	return copy;
}

static const char *keep_text(struct strait_source *source, const char *text)
{
	return text ? keep(source, text, strlen(text)) : NULL;
}

static __attribute__((format(printf, 2, 0))) const char *
keep_format(struct strait_source *source, const char *format, va_list arguments)
{
	char text[1024];

	(void)vsnprintf(text, sizeof(text), format, arguments); /* cut texts are good enough here */
	return keep_text(source, text);
}

/* ── options ────────────────────────────────────────────────────────────────────────────────── */

static const struct strait_option *declared_option(const struct strait_plugin *plugin,
						   const char *key)
{
	const struct strait_option *option = plugin->options;

	for (; option && option->name; option++) {
		size_t size = strlen(option->name);

		if (strcmp(option->name, key) == 0)
			return option;
		if ((option->flags & STRAIT_OPTION_PREFIX) &&
		    strncmp(option->name, key, size) == 0 && key[size] == '.')
			return option;
	}
	return NULL;
}

static bool parse_value(enum strait_option_type type, const char *text, int64_t *ret_value)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "ms", 1 },	{ "s", 1000 },	   { "m", 60000 },
		      { "h", 3600000 }, { "d", 86400000 }, { "w", 604800000 } };
	char *end;
	int64_t number = strtoll(text, &end, 10);

	switch (type) {
	case STRAIT_OPTION_STRING:
		return false;
	case STRAIT_OPTION_INTEGER:
		*ret_value = number;
		return end != text && *end == '\0';
	case STRAIT_OPTION_BOOLEAN:
		*ret_value = strcmp(text, "yes") == 0 || strcmp(text, "true") == 0;
		return *ret_value || strcmp(text, "no") == 0 || strcmp(text, "false") == 0;
	case STRAIT_OPTION_DURATION:
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
			if (end != text && strcmp(units[i].name, end) == 0) {
				*ret_value = number * units[i].ms;
				return true;
			}
		}
		return false;
	}
	return false;
}

static void set_option(struct strait_source *source, const char *key, const char *text)
{
	const struct strait_option *option = declared_option(source->public.plugin, key);
	int64_t number = 0;

	if (!option)
		give_up("the plugin declares no such option", key);
	if (option->type != STRAIT_OPTION_STRING && !parse_value(option->type, text, &number))
		give_up("not a value for this option", key);
	if ((option->min || option->max) && (number < option->min || number > option->max))
		give_up("out of the option's range", key);
	source->values = grow(source->values, source->value_count, sizeof(*source->values));
	source->values[source->value_count++] = (struct value){ .key = key, .text = text };
}

static const char *option_text(const struct strait_source *source, const char *name)
{
	const struct strait_option *option = declared_option(source->public.plugin, name);

	if (!option)
		give_up("the plugin asks for an option that it does not declare", name);
	for (size_t i = 0; i < source->value_count; i++) {
		if (strcmp(source->values[i].key, name) == 0)
			return source->values[i].text;
	}
	return option->fallback;
}

const char *strait_option_string(const struct strait_source *source, const char *name)
{
	return option_text(source, name);
}

int64_t strait_option_integer(const struct strait_source *source, const char *name)
{
	const struct strait_option *option = declared_option(source->public.plugin, name);
	const char *text = option_text(source, name);
	int64_t value = 0;

	if (text && !parse_value(option->type, text, &value))
		give_up("the fallback is not a value for this option", name);
	return value;
}

const char *strait_option_next(const struct strait_source *source, const char *name,
			       size_t *iterator, const char **ret_value)
{
	size_t size = strlen(name);

	if (!declared_option(source->public.plugin, name))
		give_up("the plugin asks for an option that it does not declare", name);
	while (*iterator < source->value_count) {
		const struct value *value = &source->values[(*iterator)++];

		if (strncmp(value->key, name, size) == 0 && value->key[size] == '.') {
			*ret_value = value->text;
			return value->key + size + 1;
		}
	}
	return NULL;
}

/* ── the source and the document ────────────────────────────────────────────────────────────── */

void *strait_state(const struct strait_source *source)
{
	return source->state;
}

void strait_set_state(struct strait_source *source, void *state)
{
	source->state = state;
}

struct event_base *strait_event_base(struct strait_source *source)
{
	(void)source;
	return NULL; /* unit tests have no loop */
}

int64_t strait_now_ms(const struct strait_source *source)
{
	return source->public.now_ms;
}

void strait_expect_block(struct strait_source *source, unsigned int seconds)
{
	source->public.block_seconds = seconds;
}

const char *strait_document_name(const struct strait_document *document)
{
	return document->name;
}

uint64_t strait_document_size(const struct strait_document *document)
{
	return document->size;
}

int strait_document_fd(const struct strait_document *document)
{
	return document->fd;
}

long strait_document_read(struct strait_document *document, void *buffer, size_t size)
{
	long got = read(document->fd, buffer, size);

	return got < 0 ? -errno : got;
}

void strait_document_published(struct strait_document *document, int64_t published_at_ms)
{
	document->source->public.published_at_ms = published_at_ms;
}

void strait_document_dataset(struct strait_document *document, const char *dataset)
{
	document->source->public.dataset = keep_text(document->source, dataset);
}

unsigned int strait_document_sheet(struct strait_document *document, const char *name)
{
	struct fake_host *host = &document->source->public;

	for (size_t i = 0; i < host->sheet_count; i++) {
		if (strcmp(host->sheets[i], name) == 0)
			return (unsigned int)i;
	}
	host->sheets = grow(host->sheets, host->sheet_count, sizeof(*host->sheets));
	host->sheets[host->sheet_count] = keep_text(document->source, name);
	return (unsigned int)host->sheet_count++;
}

void strait_document_covers(struct strait_document *document, uint32_t metric, int32_t first_day,
			    int32_t last_day)
{
	struct fake_host *host = &document->source->public;

	for (size_t i = 0; i < host->coverage_count; i++) {
		struct fake_coverage *covered = &host->coverage[i];

		if (covered->metric == metric) {
			covered->first = first_day < covered->first ? first_day : covered->first;
			covered->last = last_day > covered->last ? last_day : covered->last;
			return;
		}
	}
	host->coverage = grow(host->coverage, host->coverage_count, sizeof(*host->coverage));
	host->coverage[host->coverage_count++] =
		(struct fake_coverage){ .metric = metric,
					.metric_name = host->plugin->metrics[metric].name,
					.first = first_day,
					.last = last_day };
}

/* ── what the plugin hands over ─────────────────────────────────────────────────────────────── */

static const char *complaint(const struct strait_plugin *plugin,
			     const struct strait_observation *observation)
{
	const struct strait_metric *metric = plugin->metrics;
	uint32_t count = 0;

	while (metric[count].name)
		count++;
	if (observation->struct_size != sizeof(*observation))
		return "struct_size is not set";
	if (observation->metric >= count)
		return "unknown metric";
	metric += observation->metric;
	for (size_t i = 0; i < STRAIT_LABELS_MAX && metric->labels[i]; i++) {
		const char *label = observation->labels[i];

		if (!label || !*label || strlen(label) > STRAIT_LABEL_MAX_BYTES ||
		    strpbrk(label, "{},=") || !utf8_printable(label, strlen(label)))
			return "bad label";
	}
	if (observation->status > STRAIT_SUPPRESSED)
		return "unknown status";
	if (observation->status != STRAIT_MISSING && observation->status != STRAIT_SUPPRESSED &&
	    !isfinite(observation->value))
		return "value not finite";
	if (metric->kind == STRAIT_RECORD && (!observation->key || !*observation->key))
		return "no key for a record";
	return NULL;
}

static void record_reject(struct strait_source *source, const struct fake_reject *reject)
{
	struct fake_host *host = &source->public;

	host->rejects = grow(host->rejects, host->reject_count, sizeof(*host->rejects));
	host->rejects[host->reject_count++] = *reject;
}

int strait_emit(struct strait_source *source, const struct strait_observation *observation)
{
	struct fake_host *host = &source->public;
	const char *why = complaint(host->plugin, observation);
	struct fake_observation copy = {
		.metric = observation->metric,
		.day = observation->day,
		.status = observation->status ? observation->status : STRAIT_FINAL,
		.value = observation->value,
		.at = observation->at,
		.key = keep_text(source, observation->key),
		.replaces = keep_text(source, observation->replaces),
		.known_at_ms = observation->known_at_ms,
		.rank = observation->rank,
		.count = 1,
		.rows = 1,
	};

	if (why) {
		record_reject(source, &(struct fake_reject){ .at = observation->at,
							     .raw = "",
							     .why = why,
							     .by_host = true });
		return -EINVAL;
	}
	copy.metric_name = host->plugin->metrics[copy.metric].name;
	for (size_t i = 0; i < STRAIT_LABELS_MAX && host->plugin->metrics[copy.metric].labels[i];
	     i++)
		copy.labels[i] = keep_text(source, observation->labels[i]);
	if (copy.status == STRAIT_MISSING || copy.status == STRAIT_SUPPRESSED)
		copy.value = NAN;
	host->observations = grow(host->observations, host->observation_count, sizeof(copy));
	host->observations[host->observation_count++] = copy;
	return 0;
}

long strait_series(struct strait_source *source, uint32_t metric,
		   const char *const labels[STRAIT_LABELS_MAX])
{
	struct strait_observation observation = { .struct_size = sizeof(observation),
						  .metric = metric,
						  .key = "none" };
	struct fake_series *series = &source->series[source->series_count];

	memcpy(observation.labels, labels, sizeof(observation.labels));
	if (complaint(source->public.plugin, &observation))
		return -EINVAL;
	if (source->series_count == FAKE_SERIES_MAX)
		return -ENOSPC;
	series->metric = metric;
	/* They outlive what fake_host_clear() forgets. */
	for (size_t i = 0; i < STRAIT_LABELS_MAX; i++)
		series->labels[i] = labels[i] ? strdup(labels[i]) : NULL;
	return source->series_count++;
}

int strait_add(struct strait_source *source, const struct strait_addend *addends, size_t count)
{
	struct fake_host *host = &source->public;
	int result = 0;

	for (size_t i = 0; i < count; i++) {
		const struct strait_addend *addend = &addends[i];
		const struct fake_series *series = &source->series[addend->series];
		struct fake_observation copy = { .day = addend->day,
						 .status = STRAIT_FINAL,
						 .value = addend->value,
						 .at = addend->at,
						 .known_at_ms = addend->known_at_ms,
						 .count = addend->count,
						 .rows = addend->rows };

		if (addend->series >= source->series_count || addend->count == 0 ||
		    !isfinite(addend->value)) {
			record_reject(source, &(struct fake_reject){ .at = addend->at,
								     .raw = "",
								     .why = "bad addend",
								     .by_host = true });
			result = -EINVAL;
			continue;
		}
		copy.metric = series->metric;
		copy.metric_name = host->plugin->metrics[copy.metric].name;
		for (size_t j = 0; j < STRAIT_LABELS_MAX; j++)
			copy.labels[j] = keep_text(source, series->labels[j]);
		host->observations =
			grow(host->observations, host->observation_count, sizeof(copy));
		host->observations[host->observation_count++] = copy;
	}
	return result;
}

void strait_reject(struct strait_source *source, uint64_t at, const void *raw, size_t raw_size,
		   const char *why, ...)
{
	struct fake_reject reject = { .at = at,
				      .raw = keep(source, raw, raw_size),
				      .raw_size = raw_size };
	va_list arguments;

	va_start(arguments, why);
	reject.why = keep_format(source, why, arguments);
	va_end(arguments);
	record_reject(source, &reject);
}

int strait_commit(struct strait_source *source, const void *cursor, size_t cursor_size)
{
	struct fake_host *host = &source->public;

	host->commit_count++;
	host->cursor = keep(source, cursor, cursor_size);
	host->cursor_size = cursor_size;
	return 0;
}

void strait_log(const struct strait_source *source, int priority, const char *format, ...)
{
	struct strait_source *writable =
		(struct strait_source *)source; /* the log is the host's, not the source's */
	char text[1024];
	va_list arguments;
	size_t size;

	(void)priority;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	size = strlen(text);
	writable->log = realloc(writable->log, writable->log_size + size + 2);
	if (!writable->log)
		give_up("out of memory", NULL);
	memcpy(writable->log + writable->log_size, text, size);
	memcpy(writable->log + writable->log_size + size, "\n", 2);
	writable->log_size += size + 1;
	writable->public.log = writable->log;
}

int strait_fail(struct strait_source *source, enum strait_fault fault, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	source->public.fault = fault;
	source->public.failure = keep_format(source, format, arguments);
	va_end(arguments);
	return -(int)fault;
}

/* ── what the test calls ────────────────────────────────────────────────────────────────────── */

static struct strait_source *source_of(struct fake_host *host)
{
	return (struct strait_source *)host; /* its first member */
}

void fake_host_clear(struct fake_host *host)
{
	struct strait_source *source = source_of(host);

	for (size_t i = 0; i < source->string_count; i++)
		free(source->strings[i]);
	source->string_count = 0;
	free(source->log);
	source->log = NULL;
	source->log_size = 0;
	host->observation_count = host->reject_count = host->coverage_count = host->sheet_count = 0;
	host->published_at_ms = 0;
	host->dataset = host->log = "";
	host->fault = 0;
	host->failure = NULL;
	host->commit_count = host->block_seconds = 0;
	host->cursor = NULL;
	host->cursor_size = 0;
}

struct fake_host *fake_host_new(const struct strait_plugin *plugin,
				const struct fake_option *options)
{
	struct strait_source *source = calloc(1, sizeof(*source));

	if (!source)
		give_up("out of memory", NULL);
	source->public.plugin = plugin;
	source->public.now_ms = DEFAULT_NOW_MS;
	source->public.stretch_bytes = STRETCH_BYTES;
	for (; options && options->name; options++)
		set_option(source, options->name, options->value);
	for (const struct strait_option *option = plugin->options; option && option->name;
	     option++) {
		if ((option->flags & STRAIT_OPTION_REQUIRED) && !option_text(source, option->name))
			give_up("a required option is not set", option->name);
	}
	fake_host_clear(&source->public);
	return &source->public;
}

struct fake_host *fake_host_free(struct fake_host *host)
{
	struct strait_source *source = source_of(host);

	if (!host)
		return NULL;
	if (source->opened && host->plugin->close)
		host->plugin->close(source);
	fake_host_clear(host);
	for (uint32_t i = 0; i < source->series_count; i++)
		for (size_t j = 0; j < STRAIT_LABELS_MAX; j++)
			free((char *)source->series[i].labels[j]);
	free(source->values);
	free(source->strings);
	free(host->observations);
	free(host->rejects);
	free(host->coverage);
	free(host->sheets);
	free(source);
	return NULL;
}

int fake_host_open(struct fake_host *host)
{
	struct strait_source *source = source_of(host);
	const struct strait_plugin *plugin = host->plugin;
	int result = plugin->check ? plugin->check(source) : 0;

	if (result)
		return result;
	source->opened = true; /* close is also called after a failed open */
	result = plugin->open ? plugin->open(source) : 0;
	if (!result && plugin->start)
		result = plugin->start(source, NULL, 0);
	return result;
}

int fake_host_stretch(struct fake_host *host, const char *data, size_t size, uint64_t offset,
		      const char *first_line)
{
	struct strait_stretch stretch = {
		.struct_size = sizeof(stretch),
		.data = data,
		.size = size,
		.offset = offset,
		.first_line = first_line ? first_line : "",
		.first_line_size = first_line ? strlen(first_line) : 0,
	};

	return host->plugin->lines(source_of(host), &stretch);
}

/* The stretch is a block of its own, so that a sanitizer sees a plugin that reads past it. */
static int feed_copy(struct fake_host *host, const char *data, size_t size, uint64_t offset,
		     const char *first_line)
{
	char *copy = malloc(size);
	int result;

	if (!copy)
		give_up("out of memory", NULL);
	memcpy(copy, data, size);
	result = fake_host_stretch(host, copy, size, offset, first_line);
	free(copy);
	return result;
}

int fake_host_log(struct fake_host *host, const char *data, size_t size)
{
	const char *newline = size ? memchr(data, '\n', size) : NULL;
	char *first_line;
	size_t done = 0;
	int result = 0;

	if (!newline)
		return 0; /* nothing complete */
	first_line = strndup(data, (size_t)(newline - data));
	if (!first_line)
		give_up("out of memory", NULL);
	while (done < size && !result) {
		size_t want = size - done < host->stretch_bytes ? size - done : host->stretch_bytes;
		const char *end = memrchr(data + done, '\n', want);

		if (!end) /* one line longer than a stretch */
			end = memchr(data + done, '\n', size - done);
		if (!end)
			break; /* the incomplete last line waits */
		want = (size_t)(end + 1 - (data + done));
		result = feed_copy(host, data + done, want, done, first_line);
		done += want;
	}
	free(first_line);
	return result;
}

static int feed_as_lines(struct fake_host *host, const char *data, size_t size)
{
	bool complete = size == 0 || data[size - 1] == '\n';
	char *copy;
	int result;

	if (complete)
		return fake_host_log(host, data, size);
	copy = malloc(size + 1);
	if (!copy)
		give_up("out of memory", NULL);
	memcpy(copy, data, size);
	copy[size] = '\n';
	result = fake_host_log(host, copy, size + 1);
	free(copy);
	return result;
}

int fake_host_document(struct fake_host *host, const char *name, const void *data, size_t size)
{
	struct strait_document document = { .source = source_of(host), .name = name, .size = size };
	int result;

	if (!host->plugin->document)
		return feed_as_lines(host, data, size);
	document.fd = memfd_create("fake document", MFD_CLOEXEC);
	if (document.fd < 0 || (size && write(document.fd, data, size) != (ssize_t)size) ||
	    lseek(document.fd, 0, SEEK_SET) < 0)
		give_up("cannot make a document", name);
	result = host->plugin->document(source_of(host), &document);
	(void)close(document.fd); /* a memfd has nothing to lose */
	return result;
}

int fake_host_document_file(struct fake_host *host, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *slash = strrchr(path, '/');
	struct stat status;
	char *data;
	int result;

	if (fd < 0 || fstat(fd, &status) < 0)
		give_up("cannot open", path);
	data = malloc((size_t)status.st_size + 1);
	if (!data || read(fd, data, (size_t)status.st_size) != status.st_size)
		give_up("cannot read", path);
	(void)close(fd); /* was only read */
	result = fake_host_document(host, slash ? slash + 1 : path, data, (size_t)status.st_size);
	free(data);
	return result;
}

/* ── what the store would make of it ────────────────────────────────────────────────────────── */

static bool labels_match(const struct fake_observation *observation, const char *const *labels)
{
	for (size_t i = 0; labels && labels[i] && i < STRAIT_LABELS_MAX; i++) {
		if (*labels[i] &&
		    (!observation->labels[i] || strcmp(labels[i], observation->labels[i]) != 0))
			return false;
	}
	return true;
}

const struct fake_observation *fake_host_find(const struct fake_host *host, const char *metric,
					      int32_t day, const char *const *labels)
{
	for (size_t i = host->observation_count; i-- > 0;) {
		const struct fake_observation *observation = &host->observations[i];

		if (observation->day == day && strcmp(observation->metric_name, metric) == 0 &&
		    labels_match(observation, labels))
			return observation;
	}
	return NULL;
}

static int compare_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

/* By key, then by what counts more; the last of each key is the version that counts. */
static int compare_versions(const void *left, const void *right)
{
	const struct fake_observation *a = *(const struct fake_observation *const *)left;
	const struct fake_observation *b = *(const struct fake_observation *const *)right;
	int order = compare_text(a->key, b->key);

	if (order)
		return order;
	if (a->known_at_ms != b->known_at_ms)
		return a->known_at_ms < b->known_at_ms ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return (a > b) - (a < b); /* position: later in the array */
}

/* Parts of one version stand together and come from one place of the source. */
static bool same_version(const struct fake_observation *a, const struct fake_observation *b)
{
	return a + 1 == b && compare_text(a->key, b->key) == 0 &&
	       a->known_at_ms == b->known_at_ms && a->rank == b->rank && a->at == b->at;
}

static bool is_replaced(const struct fake_observation *const *counting, size_t count,
			const char *key)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_text(counting[middle]->replaces, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && compare_text(counting[low]->replaces, key) == 0;
}

static int compare_replaces(const void *left, const void *right)
{
	const struct fake_observation *a = *(const struct fake_observation *const *)left;
	const struct fake_observation *b = *(const struct fake_observation *const *)right;

	return compare_text(a->replaces, b->replaces);
}

/* Keeps, of the sorted observations, those of the version that counts: the last one of each key and
   the parts that belong to it. Returns how many. */
static size_t keep_counting(const struct fake_observation **sorted, size_t count)
{
	size_t kept = 0, version = 0; /* index of the first part of the version at hand */

	for (size_t i = 0; i < count; i++) {
		if (i > 0 && !same_version(sorted[i - 1], sorted[i]))
			version = i;
		if (i + 1 < count && compare_text(sorted[i]->key, sorted[i + 1]->key) == 0)
			continue;
		for (size_t part = version; part <= i; part++)
			sorted[kept++] = sorted[part];
	}
	return kept;
}

double fake_host_total(const struct fake_host *host, const char *metric, const char *const *labels,
		       size_t *ret_count)
{
	const struct fake_observation **records =
		calloc(host->observation_count + 1, sizeof(*records));
	const struct fake_observation **replacing =
		calloc(host->observation_count + 1, sizeof(*replacing));
	size_t record_count = 0, replacing_count, count = 0;
	double total = 0;

	if (!records || !replacing)
		give_up("out of memory", NULL);
	for (size_t i = 0; i < host->observation_count; i++) {
		if (host->observations[i].key)
			records[record_count++] = &host->observations[i];
	}
	qsort(records, record_count, sizeof(*records), compare_versions);
	record_count = keep_counting(records, record_count);
	replacing_count = record_count;
	memcpy(replacing, records, replacing_count * sizeof(*records));
	qsort(replacing, replacing_count, sizeof(*replacing), compare_replaces);
	for (size_t i = 0; i < host->observation_count; i++) { /* levels and events: as they are */
		if (!host->observations[i].key)
			records[record_count++] = &host->observations[i];
	}
	for (size_t i = 0; i < record_count; i++) {
		const struct fake_observation *one = records[i];

		if (strcmp(one->metric_name, metric) != 0 || !labels_match(one, labels) ||
		    isnan(one->value))
			continue;
		if (one->key && is_replaced(replacing, replacing_count, one->key))
			continue;
		total += one->value;
		count++;
	}
	free(records);
	free(replacing);
	if (ret_count)
		*ret_count = count;
	return total;
}
