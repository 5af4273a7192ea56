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
#include "test_point.h"

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

void ledger_number_metrics(struct ledger *ledger)
{
	for (size_t i = 0; i < ledger->metric_count; i++) {
		struct ledger_metric *metric = ledger->metrics[i];

		if (!metric->settled)
			metric->id = store_metric(ledger->store, metric->declared.name);
	}
}

void ledger_settle_metrics(struct ledger *ledger, bool committed)
{
	for (size_t i = 0; i < ledger->metric_count; i++) {
		struct ledger_metric *metric = ledger->metrics[i];

		metric->settled = metric->settled || committed;
		if (!metric->settled)
			metric->id = 0;
	}
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
	ledger_check_free(figure->check);
	formula_done(&figure->formula);
	free(figure);
}

/* What is computed: a formula over a window, or a check. */
static int define_value(struct ledger_figure *figure, const struct figure_section *section,
			struct fault *fault)
{
	if (!section->check) {
		figure->formula_text = strdup(section->formula);
		figure->window_text = strdup(section->window);
		if (formula_parse(section->formula, &figure->formula, fault) < 0)
			return -1;
		return window_parse(section->window, &figure->window, fault);
	}
	figure->check = ledger_check_new(section->check, fault);
	if (asprintf(&figure->formula_text, "%s ~ %s", section->check->left,
		     section->check->right) < 0)
		figure->formula_text = NULL;
	if (asprintf(&figure->window_text, "every %s", section->check->every) < 0)
		figure->window_text = NULL;
	return figure->check ? 0 : -1;
}

/* Of a check with the prefix; to be freed. */
static char *figure_name(const struct figure_section *section)
{
	char *name;

	if (!section->check)
		return strdup(section->name);
	return asprintf(&name, CHECK_PREFIX "%s", section->name) < 0 ? NULL : name;
}

static struct ledger_figure *figure_new(const char *source, const struct figure_section *section,
					struct fault *fault)
{
	struct ledger_figure *figure = calloc(1, sizeof(*figure));

	if (!figure) {
		(void)fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
		return NULL;
	}
	if (define_value(figure, section, fault) < 0) {
		figure_free(figure);
		return NULL;
	}
	figure->published =
		(struct figure){ .name = figure_name(section),
				 .title = strdup(section->title),
				 .unit = strdup(section->check ? CHECK_UNIT : section->unit),
				 .source = strdup(source),
				 .value = NAN,
				 .status = STRAIT_MISSING };
	if (figure->published.name && figure->published.title && figure->published.unit &&
	    figure->published.source && figure->formula_text && figure->window_text)
		return figure;
	(void)fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
	figure_free(figure);
	return NULL;
}

static void keep_published(const struct figure *from, struct figure *to)
{
	to->value = from->value;
	to->status = from->status;
	memcpy(to->period, from->period, sizeof(to->period));
	to->published_at_ms = from->published_at_ms;
	to->sequence = from->sequence;
	to->stale = from->stale;
}

/* Puts it into the list, in the place of the old one of that name. Takes the figure. */
static int put_figure(struct ledger *ledger, struct ledger_figure *figure, struct fault *fault)
{
	size_t place = figure_place(ledger, figure->published.name);
	struct ledger_figure *old = ledger_find_figure(ledger, figure->published.name), **grown;

	if (old) {
		keep_published(&old->published, &figure->published);
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

int ledger_define(struct ledger *ledger, const char *source, const struct figure_section *section,
		  bool from_section, struct fault *fault)
{
	struct ledger_figure *figure = figure_new(source, section, fault);
	const struct ledger_figure *old;

	if (!figure)
		return fault_prefix(fault, "%s '%s'", section->check ? "check" : "figure",
				    section->name);
	figure->from_section = from_section;
	old = ledger_find_figure(ledger, figure->published.name);
	if (old && !from_section &&
	    (old->from_section ||
	     (*old->published.source && strcmp(old->published.source, source) != 0))) {
		figure_free(figure);
		return 0;
	}
	return put_figure(ledger, figure, fault);
}

/* Texts that the store had no memory for are NULL. */
static bool is_whole(const struct declaration *declaration)
{
	bool whole = true;

	for (size_t i = 0; i < declaration->figure_count; i++) {
		const struct figure_declaration *figure = &declaration->figures[i];

		whole = whole && figure->name && figure->formula && figure->window &&
			figure->unit && figure->title;
	}
	for (size_t i = 0; i < declaration->check_count; i++) {
		const struct check_declaration *check = &declaration->checks[i];

		whole = whole && check->name && check->left && check->right && check->every &&
			check->tolerance && check->title;
	}
	return whole;
}

int ledger_define_declared(struct ledger *ledger, const char *source,
			   const struct declaration *declaration, struct fault *fault)
{
	if (!is_whole(declaration))
		return fault_set(fault, FAULT_MEMORY, "ledger: out of memory");
	for (size_t i = 0; i < declaration->figure_count; i++) {
		const struct figure_declaration *figure = &declaration->figures[i];
		struct figure_section section = { .name = figure->name,
						  .formula = figure->formula,
						  .window = figure->window,
						  .unit = figure->unit,
						  .title = figure->title };

		if (ledger_define(ledger, source, &section, /* from_section= */ false, fault) < 0)
			return -1;
	}
	for (size_t i = 0; i < declaration->check_count; i++) {
		const struct check_declaration *check = &declaration->checks[i];
		struct check_text text = { .left = check->left,
					   .right = check->right,
					   .every = check->every,
					   .tolerance = check->tolerance };
		struct figure_section section = { .name = check->name,
						  .title = check->title,
						  .check = &text };

		if (ledger_define(ledger, source, &section, /* from_section= */ false, fault) < 0)
			return -1;
	}
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
static int make_key(const char *path, uint8_t *key, struct fault *fault)
{
	CLEANUP(close_fd) int fd = -1;
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
	test_point();
	if (getrandom(key, IDENTITY_KEY_BYTES, 0) != IDENTITY_KEY_BYTES)
		return fault_errno(fault, errno, "no random bytes for '%s'", path);
	if (write(fd, key, IDENTITY_KEY_BYTES) != IDENTITY_KEY_BYTES || fsync(fd) < 0 ||
	    rename(temporary, path) < 0)
		return fault_errno(fault, errno, "cannot write '%s'", path);
	test_point();
	return 0;
}

/* Also when the key is there: whoever made it may have been killed before the directory was on the
   disk, and what is stored under a key that is lost with the power would count again. */
static int sync_directory(const char *state_dir, struct fault *fault)
{
	CLEANUP(close_fd) int directory = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (directory < 0 || fsync(directory) < 0)
		return fault_errno(fault, errno, "cannot sync '%s'", state_dir);
	return 0;
}

static int open_key(const char *state_dir, uint8_t *key, struct fault *fault)
{
	CLEANUP(close_fd) int fd = -1;
	char path[4150];
	int result;

	(void)snprintf(path, sizeof(path), "%s/identity.key",
		       state_dir); /* too long: open fails and says so */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno != ENOENT)
		return fault_errno(fault, errno, "cannot read '%s'", path);
	result = fd >= 0 ? read_key(fd, path, key, fault) : make_key(path, key, fault);
	return result < 0 ? result : sync_directory(state_dir, fault);
}

static void adopt_kept(void *context, const char *source, struct declaration *declaration)
{
	struct ledger *ledger = context;
	struct fault fault; /* an old declaration that no longer fits is replaced when the worker
			       announces itself */

	if (declaration->version && ledger_adopt(ledger, source, declaration, &fault) == 0)
		(void)ledger_define_declared(ledger, source, declaration, &fault);
}

static void restore_figure(void *context, const struct figure *kept)
{
	struct ledger_figure *figure = ledger_find_figure(context, kept->name);
	struct ledger_source *source;

	if (!figure)
		return; /* of a section; ledger_set_figures reads the store again */
	keep_published(kept, &figure->published);
	source = ledger_find_source(context, figure->published.source);
	if (source)
		source->stale = kept->stale;
}

void ledger_restore(struct ledger *ledger)
{
	store_each_figure(ledger->store, restore_figure, ledger);
}

static int open_ledger(const char *state_dir, struct ledger **ret_ledger, struct fault *fault)
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
	ledger_number_metrics(ledger);
	ledger_restore(ledger);
	ledger->sequence = store_sequence(ledger->store);
	ledger->change_limit = CHANGE_LIMIT;
	if (store_end(ledger->store, fault) < 0)
		goto failed;
	ledger_settle_metrics(ledger, /* committed= */ true);
	*ret_ledger = ledger;
	return 0;
failed:
	ledger_free(ledger);
	return -1;
}

int ledger_open(const char *state_dir, struct ledger **ret_ledger, struct fault *fault)
{
	if (open_ledger(state_dir, ret_ledger, fault) == 0)
		return 0;
	/* Damage that is met behind the first pages is noted: this time the file is set aside. */
	return fault->kind == FAULT_DAMAGED ? open_ledger(state_dir, ret_ledger, fault) : -1;
}

const char *ledger_trouble(const struct ledger *ledger, bool *ret_damaged)
{
	const struct store_trouble *trouble = store_trouble(ledger->store);

	*ret_damaged = trouble->damaged;
	return trouble->text;
}

const char *ledger_state(const struct ledger *ledger)
{
	const struct store_trouble *trouble = store_trouble(ledger->store);

	if (trouble->text[0])
		return trouble->text;
	return ledger->note[0] ? ledger->note : "good";
}

void ledger_note(struct ledger *ledger, const char *note)
{
	(void)snprintf(ledger->note, sizeof(ledger->note), "%s", note); /* cut is fine */
}

void ledger_on_trouble(struct ledger *ledger, void (*tell)(void *context), void *context)
{
	store_on_trouble(ledger->store, tell, context);
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
