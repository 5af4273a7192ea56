/* SPDX-License-Identifier: MIT
 *
 * ledger.c - life of the ledger: opening, the identity key, what is declared, definitions of
 * figures. Main only.
 *
 * Invariant: what is published in memory is what the last committed transaction says. Never knows
 * the bus.
 */
#include "ledger_private.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "clock.h"

/* ── looking things up ─────────────────────────────────────────────────────────────────────── */

/* Index of the first figure whose name is not less. */
static size_t figure_place(const struct ledger *ledger, const char *name)
{
	size_t low = 0, high = ledger->figure_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(ledger->figures[middle]->published.name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct ledger_figure *ledger_find_figure(const struct ledger *ledger, const char *name)
{
	size_t place = figure_place(ledger, name);

	if (place < ledger->figure_count &&
	    strcmp(ledger->figures[place]->published.name, name) == 0)
		return ledger->figures[place];
	return NULL;
}

static size_t metric_place(const struct ledger *ledger, const char *name)
{
	size_t low = 0, high = ledger->metric_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(ledger->metrics[middle]->declared.name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct ledger_metric *ledger_find_metric(const struct ledger *ledger, const char *name)
{
	size_t place = metric_place(ledger, name);

	if (place < ledger->metric_count &&
	    strcmp(ledger->metrics[place]->declared.name, name) == 0)
		return ledger->metrics[place];
	return NULL;
}

struct ledger_source *ledger_find_source(struct ledger *ledger, const char *name)
{
	for (size_t i = 0; i < ledger->source_count; i++)
		if (strcmp(ledger->sources[i].name, name) == 0)
			return &ledger->sources[i];
	return NULL;
}

size_t ledger_figure_count(const struct ledger *ledger)
{
	return ledger->figure_count;
}

const struct figure *ledger_figure_at(const struct ledger *ledger, size_t index)
{
	return index < ledger->figure_count ? &ledger->figures[index]->published : NULL;
}

const struct figure *ledger_figure(const struct ledger *ledger, const char *name)
{
	const struct ledger_figure *figure = ledger_find_figure(ledger, name);

	return figure ? &figure->published : NULL;
}

size_t ledger_metric_count(const struct ledger *ledger)
{
	return ledger->metric_count;
}

const struct metric_declaration *ledger_metric_at(const struct ledger *ledger, size_t index)
{
	return index < ledger->metric_count ? &ledger->metrics[index]->declared : NULL;
}

uint64_t ledger_sequence(const struct ledger *ledger)
{
	return ledger->sequence;
}

const uint8_t *ledger_identity_key(const struct ledger *ledger)
{
	return ledger->identity_key;
}

/* ── metrics ───────────────────────────────────────────────────────────────────────────────── */

static bool copy_metric(const struct metric_declaration *from, struct metric_declaration *to)
{
	*to = *from;
	to->name = strdup(from->name);
	to->unit = strdup(from->unit);
	to->title = strdup(from->title);
	for (size_t i = 0; i < STRAIT_LABELS_MAX; i++)
		to->labels[i] = from->labels[i] ? strdup(from->labels[i]) : NULL;
	return to->name && to->unit && to->title;
}

static bool same_shape(const struct metric_declaration *a, const struct metric_declaration *b)
{
	for (size_t i = 0; i < STRAIT_LABELS_MAX; i++)
		if (!a->labels[i] != !b->labels[i] ||
		    (a->labels[i] && strcmp(a->labels[i], b->labels[i]) != 0))
			return false;
	return a->kind == b->kind && a->granularity == b->granularity && a->flags == b->flags;
}

static struct ledger_metric *
add_metric(struct ledger *ledger, const struct metric_declaration *declared, struct fault *fault)
{
	size_t place = metric_place(ledger, declared->name);
	struct ledger_metric **grown =
		realloc(ledger->metrics, (ledger->metric_count + 1) * sizeof(*ledger->metrics));
	struct ledger_metric *metric = calloc(1, sizeof(*metric));

	if (grown)
		ledger->metrics = grown;
	if (!grown || !metric || !copy_metric(declared, &metric->declared)) {
		free(metric);
		(void)fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
		return NULL;
	}
	memmove(&grown[place + 1], &grown[place], (ledger->metric_count - place) * sizeof(*grown));
	grown[place] = metric;
	ledger->metric_count++;
	return metric;
}

/* The metric of this declaration; the same name from two sources must mean the same. */
static struct ledger_metric *adopt_metric(struct ledger *ledger,
					  const struct metric_declaration *declared,
					  const char *source, struct fault *fault)
{
	struct ledger_metric *metric = ledger_find_metric(ledger, declared->name);
	struct metric_declaration copy;

	if (!metric)
		return add_metric(ledger, declared, fault);
	if (!same_shape(&metric->declared, declared)) {
		for (size_t i = 0; i < ledger->source_count; i++) {
			const struct ledger_source *other = &ledger->sources[i];

			for (size_t k = 0; k < other->metric_count; k++) {
				if (other->metrics[k] != metric || strcmp(other->name, source) == 0)
					continue;
				(void)fault_set(
					fault, FAULT_CONFIG,
					"metric '%s' is declared otherwise by source '%s' (kind, period or labels differ)",
					declared->name, other->name);
				return NULL;
			}
		}
	}
	if (!copy_metric(declared, &copy)) {
		(void)fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
		return NULL;
	}
	metric_declaration_done(&metric->declared);
	metric->declared = copy;
	return metric;
}

static struct ledger_source *source_slot(struct ledger *ledger, const char *name)
{
	struct ledger_source *source = ledger_find_source(ledger, name), *grown;

	if (source)
		return source;
	grown = realloc(ledger->sources, (ledger->source_count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	ledger->sources = grown;
	source = &grown[ledger->source_count];
	*source = (struct ledger_source){ .name = strdup(name) };
	if (!source->name)
		return NULL;
	ledger->source_count++;
	return source;
}

int ledger_adopt(struct ledger *ledger, const char *source, const struct declaration *declaration,
		 struct fault *fault)
{
	struct ledger_source *slot = source_slot(ledger, source);
	struct ledger_metric **metrics = calloc(declaration->metric_count + 1, sizeof(*metrics));
	char *version = strdup(declaration->version);

	if (!slot || !metrics || !version) {
		free(metrics);
		free(version);
		return fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
	}
	for (size_t i = 0; i < declaration->metric_count; i++) {
		metrics[i] = adopt_metric(ledger, &declaration->metrics[i], source, fault);
		if (!metrics[i]) {
			free(metrics);
			free(version);
			return -1;
		}
	}
	free(slot->metrics);
	free(slot->plugin_version);
	slot->metrics = metrics;
	slot->metric_count = declaration->metric_count;
	slot->plugin_version = version;
	return 0;
}

/* ── figures ───────────────────────────────────────────────────────────────────────────────── */

static void figure_free(struct ledger_figure *figure)
{
	if (!figure)
		return;
	free(figure->published.name);
	free(figure->published.title);
	free(figure->published.unit);
	free(figure->published.source);
	free(figure->formula_text);
	free(figure->window_text);
	formula_done(&figure->formula);
	free(figure);
}

static struct ledger_figure *figure_new(const char *source, const char *name, const char *formula,
					const char *window, const char *unit, const char *title,
					struct fault *fault)
{
	struct ledger_figure *figure = calloc(1, sizeof(*figure));

	if (!figure || formula_parse(formula, &figure->formula, fault) < 0 ||
	    window_parse(window, &figure->window, fault) < 0) {
		if (!figure)
			(void)fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
		figure_free(figure);
		return NULL;
	}
	figure->published = (struct figure){ .name = strdup(name),
					     .title = strdup(title),
					     .unit = strdup(unit),
					     .source = strdup(source),
					     .value = NAN,
					     .status = STRAIT_MISSING };
	figure->formula_text = strdup(formula);
	figure->window_text = strdup(window);
	if (figure->published.name && figure->published.title && figure->published.unit &&
	    figure->published.source && figure->formula_text && figure->window_text)
		return figure;
	(void)fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
	figure_free(figure);
	return NULL;
}

int ledger_define(struct ledger *ledger, const char *source, const char *name, const char *formula,
		  const char *window, const char *unit, const char *title, bool from_section,
		  struct fault *fault)
{
	size_t place = figure_place(ledger, name);
	struct ledger_figure *old = ledger_find_figure(ledger, name), *figure, **grown;

	if (old && strcmp(old->published.source, source) != 0 && !from_section)
		return 0; /* a section, or the source that came first, has the name */
	figure = figure_new(source, name, formula, window, unit, title, fault);
	if (!figure)
		return fault_prefix(fault, "figure '%s'", name);
	figure->from_section = from_section;
	if (old) {
		figure->published.value = old->published.value;
		figure->published.status = old->published.status;
		memcpy(figure->published.period, old->published.period,
		       sizeof(figure->published.period));
		figure->published.published_at_ms = old->published.published_at_ms;
		figure->published.sequence = old->published.sequence;
		figure->published.stale = old->published.stale;
		ledger->figures[place] = figure;
		figure_free(old);
		return 0;
	}
	grown = realloc(ledger->figures, (ledger->figure_count + 1) * sizeof(*grown));
	if (!grown) {
		figure_free(figure);
		return fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
	}
	ledger->figures = grown;
	memmove(&grown[place + 1], &grown[place], (ledger->figure_count - place) * sizeof(*grown));
	grown[place] = figure;
	ledger->figure_count++;
	return 0;
}

void ledger_undefine(struct ledger *ledger, size_t index)
{
	figure_free(ledger->figures[index]);
	ledger->figure_count--;
	memmove(&ledger->figures[index], &ledger->figures[index + 1],
		(ledger->figure_count - index) * sizeof(*ledger->figures));
}

/* ── opening ───────────────────────────────────────────────────────────────────────────────── */

static int read_key(int fd, const char *path, uint8_t *key, struct fault *fault)
{
	if (read(fd, key, IDENTITY_KEY_BYTES) == IDENTITY_KEY_BYTES)
		return 0;
	return fault_set(
		fault, FAULT_SYSTEM,
		"'%s' is damaged (it must hold %u bytes); restore it from a backup: without it, records that are imported again would count twice",
		path, IDENTITY_KEY_BYTES);
}

/* Written whole under another name, synced, then renamed: a crash leaves either no key or a good
 * one. */
static int make_key(const char *state_dir, const char *path, uint8_t *key, struct fault *fault)
{
	CLEANUP(close_fd) int fd = -1;
	CLEANUP(close_fd) int directory = -1;
	char temporary[4200];

	(void)snprintf(temporary, sizeof(temporary), "%s.new",
		       path);	 /* too long: open fails and says so */
	(void)unlink(temporary); /* of an earlier crash */
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fault_errno(
			fault, errno,
			"cannot make '%s'; is the state directory writable for the daemon's user?",
			path);
	if (getrandom(key, IDENTITY_KEY_BYTES, 0) != IDENTITY_KEY_BYTES)
		return fault_errno(fault, errno, "no random bytes for '%s'", path);
	if (write(fd, key, IDENTITY_KEY_BYTES) != IDENTITY_KEY_BYTES || fsync(fd) < 0 ||
	    rename(temporary, path) < 0)
		return fault_errno(fault, errno, "cannot write '%s'", path);
	directory = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0 || fsync(directory) < 0)
		return fault_errno(fault, errno, "cannot sync '%s'", state_dir);
	return 0;
}

static int open_key(const char *state_dir, uint8_t *key, struct fault *fault)
{
	CLEANUP(close_fd) int fd = -1;
	char path[4150];

	(void)snprintf(path, sizeof(path), "%s/identity.key",
		       state_dir); /* too long: open fails and says so */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
		return read_key(fd, path, key, fault);
	if (errno != ENOENT)
		return fault_errno(fault, errno, "cannot read '%s'", path);
	return make_key(state_dir, path, key, fault);
}

static void adopt_kept(void *context, const char *source, struct declaration *declaration)
{
	struct ledger *ledger = context;
	struct fault fault; /* an old declaration that no longer fits is replaced when the worker
			       announces itself */

	if (!declaration->version || ledger_adopt(ledger, source, declaration, &fault) < 0)
		return;
	for (size_t i = 0; i < declaration->figure_count; i++) {
		const struct figure_declaration *figure = &declaration->figures[i];

		if (figure->name && figure->formula && figure->window && figure->unit &&
		    figure->title)
			(void)ledger_define(ledger, source, figure->name, figure->formula,
					    figure->window, figure->unit, figure->title,
					    /* from_section= */ false, &fault);
	}
}

static void restore_figure(void *context, const struct figure *kept)
{
	struct ledger_figure *figure = ledger_find_figure(context, kept->name);

	if (!figure)
		return; /* of a section; ledger_set_figures reads the store again */
	figure->published.value = kept->value;
	figure->published.status = kept->status;
	memcpy(figure->published.period, kept->period, sizeof(kept->period));
	figure->published.published_at_ms = kept->published_at_ms;
	figure->published.sequence = kept->sequence;
	figure->published.stale = kept->stale;
}

void ledger_restore(struct ledger *ledger)
{
	store_each_figure(ledger->store, restore_figure, ledger);
}

int ledger_open(const char *state_dir, struct ledger **ret_ledger, struct fault *fault)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));
	char path[4150];

	if (!ledger)
		return fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
	(void)snprintf(path, sizeof(path), "%s/straitd.db",
		       state_dir); /* too long: open fails and says so */
	if (store_open(path, &ledger->store, fault) < 0 ||
	    open_key(state_dir, ledger->identity_key, fault) < 0)
		goto failed;
	store_begin(ledger->store);
	store_each_declaration(ledger->store, adopt_kept, ledger);
	for (size_t i = 0; i < ledger->metric_count; i++)
		ledger->metrics[i]->id =
			store_metric(ledger->store, ledger->metrics[i]->declared.name);
	ledger_restore(ledger);
	ledger->sequence = store_sequence(ledger->store);
	if (store_end(ledger->store, fault) < 0)
		goto failed;
	*ret_ledger = ledger;
	return 0;
failed:
	ledger_free(ledger);
	return -1;
}

struct ledger *ledger_free(struct ledger *ledger)
{
	if (!ledger)
		return NULL;
	ledger_forget_points(ledger, 0);
	free(ledger->points);
	while (ledger->figure_count)
		ledger_undefine(ledger, ledger->figure_count - 1);
	free(ledger->figures);
	for (size_t i = 0; i < ledger->source_count; i++) {
		free(ledger->sources[i].name);
		free(ledger->sources[i].plugin_version);
		free(ledger->sources[i].metrics);
	}
	free(ledger->sources);
	for (size_t i = 0; i < ledger->metric_count; i++) {
		metric_declaration_done(&ledger->metrics[i]->declared);
		free(ledger->metrics[i]);
	}
	free(ledger->metrics);
	free(ledger->rows);
	store_free(ledger->store);
	free(ledger);
	return NULL;
}
