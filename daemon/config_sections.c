/* SPDX-License-Identifier: MIT
 *
 * config_sections.c - what the sections [straitd], [source NAME] and [figure NAME] may hold
 * ([check NAME]: config_check.c). Main
 * only; pure.
 *
 * Invariant: every key is either understood, collected as an option of the source's plugin, or told
 * as an error with its line. It must not know iniparser, nor look at the file system: whether a
 * path or a plugin is there changes with time.
 */
#include "config_sections.h"

#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "cleanup.h"
#include "config_check.h"
#include "config_keys.h"
#include "config_text.h"
#include "fetch_wire.h"
#include "formula.h"
#include "log.h"

#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))
#define UNIT_MAX_BYTES 31u /* struct figure_value has room for so many */

static const char *const kinds[] = { "straitd", "source", "figure", "check" };
static const char *const straitd_keys[] = { "change_limit",   "change_retention",
					    "keep_originals", "keep_originals_age",
					    "log_level",      "socket" };
static const char *const figure_keys[] = { "sum",	 "count",  "max",    "mean",
					   "percentile", "below",  "change", "ratio",
					   "formula",	 "window", "unit",   "title" };
static const char *const windows[] = { "latest",       "previous",	"last_7_days",
				       "last_28_days", "month_to_date", "year_to_date",
				       "total",	       "record" };
#define WINDOWS_TEXT                                                                               \
	"latest, previous, last_7_days, last_28_days, month_to_date, year_to_date, total, "        \
	"record, or a "                                                                            \
	"period such as 2020, 2020-Q3 or 2020-09-02"

/* Ways to compute a figure: key and what its value becomes (include/strait/plugin.h has the
 * language). */
static const struct way {
	const char *key, *before, *after;
} ways[] = {
	{ "sum", "", "" },
	{ "count", "count(", ")" },
	{ "max", "max(", ")" },
	{ "mean", "mean(", ")" },
	{ "below", "below(", ")" },
	{ "percentile", "percentile(", ")" },
	{ "change", "change(", ")" },
	{ "ratio", "", "" },
	{ "formula", "", "" },
};
#define WAYS_TEXT "sum, count, max, mean, percentile, below, change, ratio or formula"

/* ── [straitd] ─────────────────────────────────────────────────────────────────────────────── */

static void take_log_level(struct config_reader *reader, struct config_scan_section *section)
{
	const struct config_scan_key *key = config_take_key(section, "log_level");
	char quoted[64];

	if (!key)
		return;
	if (log_level_parse(key->value) < 0) {
		config_tell(reader, key->line,
			    "log_level = %s is none of error, warning, notice, info, debug",
			    log_quote(quoted, sizeof(quoted), key->value, strlen(key->value)));
		return;
	}
	free(reader->config->log_level);
	reader->config->log_level = config_copy_text(reader, key->value);
}

static void take_size(struct config_reader *reader, struct config_scan_section *section,
		      const char *name, uint64_t *ret_bytes)
{
	const struct config_scan_key *key = config_take_key(section, name);
	char quoted[128];

	if (key && config_size(key->value, ret_bytes) < 0)
		config_tell(
			reader, key->line,
			"%s = %s is not a size; write a whole number and perhaps one of K, M, G: 500M; "
			"0 for none",
			name, log_quote(quoted, sizeof(quoted), key->value, strlen(key->value)));
}

static void take_count(struct config_reader *reader, struct config_scan_section *section,
		       const char *name, int64_t max, int64_t *ret_count)
{
	const struct config_scan_key *key = config_take_key(section, name);
	char quoted[128];
	int64_t count;

	if (!key)
		return;
	if (config_integer(key->value, &count) < 0 || count < 1 || count > max)
		config_tell(reader, key->line, "%s = %s is not a whole number from 1 to %lld", name,
			    log_quote(quoted, sizeof(quoted), key->value, strlen(key->value)),
			    (long long)max);
	else
		*ret_count = count;
}

static void take_socket(struct config_reader *reader, struct config_scan_section *section)
{
	const struct config_scan_key *key = config_find_key(section, "socket");

	if (key && key->value && (!strcmp(key->value, "auto") || !strcmp(key->value, "none"))) {
		(void)config_take_key(section, "socket"); /* marks it as known */
		reader->config->socket = config_copy_text(reader, key->value);
	} else {
		config_take_path(reader, section, "socket", &reader->config->socket);
	}
}

static void read_straitd(struct config_reader *reader, struct config_scan_section *section)
{
	for (size_t i = 0; i < section->key_count; i++) {
		const struct config_scan_key *key = &section->keys[i];
		const struct config_origin *same =
			config_find_origin(reader->config, "straitd", key->name);

		if (same)
			config_tell(
				reader, key->line,
				"key '%s' of [straitd] is already set in %s:%u; remove one of the two",
				key->name, same->file, same->line);
	}
	config_take_duration(reader, section, "change_retention",
			     &reader->config->change_retention_ms);
	take_count(reader, section, "change_limit", CONFIG_CHANGE_LIMIT_MAX,
		   &reader->config->change_limit);
	take_size(reader, section, "keep_originals", &reader->config->keep_originals_bytes);
	config_take_duration(reader, section, "keep_originals_age",
			     &reader->config->keep_originals_age_ms);
	take_log_level(reader, section);
	take_socket(reader, section);
	config_refuse_keys(reader, section, straitd_keys, COUNT(straitd_keys));
	config_add_origins(reader, section, "straitd");
}

/* ── [source NAME] ─────────────────────────────────────────────────────────────────────────── */

static void take_plugin(struct config_reader *reader, struct config_scan_section *section,
			struct config_source *source)
{
	static const char *const word[] = { "plugin" };
	const struct config_scan_key *key = config_take_key(section, "plugin");
	char quoted[128];

	if (key && !config_plugin_name_valid(key->value)) {
		config_tell(
			reader, key->line,
			"plugin = %s is not a plugin's name; those have small letters, digits and '_' "
			"in them "
			"and no path or '.so'",
			log_quote(quoted, sizeof(quoted), key->value, strlen(key->value)));
		return;
	}
	if (key) {
		source->plugin = config_copy_text(reader, key->value);
		return;
	}
	if (config_find_key(section, "plugin"))
		return; /* told by the scan */
	for (size_t i = 0; i < section->key_count; i++) {
		struct config_scan_key *other = &section->keys[i];

		if (config_nearest(other->name, word, COUNT(word))) {
			other->used = true;
			config_tell(reader, other->line,
				    "unknown key '%s' in [%s]; did you mean 'plugin'?", other->name,
				    section->name);
			return;
		}
	}
	config_tell(reader, section->line,
		    "[%s] does not say which plugin reads it; add plugin = NAME", section->name);
}

static void take_url(struct config_reader *reader, struct config_scan_section *section,
		     struct config_source *source)
{
	const struct config_scan_key *url = config_take_key(section, "url"),
				     *follow = config_take_key(section, "follow");
	const struct config_scan_key *refresh = config_find_key(section, "refresh"),
				     *most = config_find_key(section, "fetch_max");
	char quoted[256];

	source->fetch_max_bytes = CONFIG_FETCH_MAX_BYTES;
	config_take_duration(reader, section, "refresh", &source->refresh_ms);
	take_size(reader, section, "fetch_max", &source->fetch_max_bytes);
	if ((refresh || most) && !config_find_key(section, "url"))
		config_tell(reader, refresh ? refresh->line : most->line,
			    "%s is about fetching a url, and [%s] has no url",
			    refresh ? "refresh" : "fetch_max", section->name);
	if (url && strlen(url->value) >= FETCH_URL_MAX)
		config_tell(reader, url->line, "url is longer than %u bytes", FETCH_URL_MAX - 1);
	if (url && strncmp(url->value, "https://", 8) != 0 &&
	    strncmp(url->value, "http://", 7) != 0)
		config_tell(reader, url->line, "url = %s does not begin with https:// or http://",
			    log_quote(quoted, sizeof(quoted), url->value, strlen(url->value)));
	else if (url)
		source->url = config_copy_text(reader, url->value);
	if (follow && !config_find_key(section, "url"))
		config_tell(reader, follow->line,
			    "follow picks a link on the page of a url, and [%s] has no url",
			    section->name);
	else if (follow)
		source->follow = config_copy_text(reader, follow->value);
}

/* What is fetched comes as whole documents; a log is followed where it is written. */
static void check_one_input(struct config_reader *reader, struct config_scan_section *section)
{
	const struct config_scan_key *log = config_find_key(section, "log");
	const struct config_scan_key *url = config_find_key(section, "url");

	if (log && url)
		config_tell(
			reader, url->line,
			"[%s] has both 'url' and 'log' (line %u); a source fetches documents or "
			"follows a log: make two sources of it",
			section->name, log->line);
}

static void take_reject_limit(struct config_reader *reader, struct config_scan_section *section,
			      struct config_source *source)
{
	const struct config_scan_key *key = config_take_key(section, "reject_limit");
	char quoted[128];

	source->reject_limit = CONFIG_REJECT_LIMIT;
	if (key && config_percent(key->value, &source->reject_limit) < 0)
		config_tell(
			reader, key->line,
			"reject_limit = %s is not a share; write a number from 0 to 100, with at most two decimals, "
			"and a percent sign",
			log_quote(quoted, sizeof(quoted), key->value, strlen(key->value)));
}

/* Only the plugin's worker can say that a key is unknown, and it knows only its own. */
static void warn_of_misspelling(const struct config_reader *reader,
				const struct config_source *source,
				const struct config_scan_key *key)
{
	const char *near = config_nearest(key->name, config_source_keys, config_source_key_count);

	if (near)
		log_source(LOG_WARNING, source->name,
			   "%s:%u: key '%s' is handed to plugin '%s'; did you mean '%s'?",
			   reader->file, key->line, key->name, source->plugin ? source->plugin : "",
			   near);
}

static void collect_options(struct config_reader *reader, const struct config_scan_section *section,
			    struct config_source *source)
{
	for (size_t i = 0; i < section->key_count; i++) {
		const struct config_scan_key *key = &section->keys[i];
		struct config_option *options;

		if (key->used || !key->value)
			continue;
		warn_of_misspelling(reader, source, key);
		options = config_grow(source->options, source->option_count, sizeof(*options));
		if (!options) {
			reader->out_of_memory = true;
			return;
		}
		source->options = options;
		options[source->option_count++] = (struct config_option){
			.key = config_copy_text(reader, key->name),
			.value = config_copy_text(reader, key->value),
			.file = config_copy_text(reader, reader->file),
			.line = key->line,
		};
	}
}

static void check_source_name(struct config_reader *reader,
			      const struct config_scan_section *section, const char *name)
{
	char quoted[256];

	log_quote(quoted, sizeof(quoted), name, strlen(name));
	if (!config_source_name_valid(name))
		config_tell(
			reader, section->line,
			"%s is not a name for a source; take small letters, digits, '_' and '-', "
			"without "
			"quotes, at most 63",
			quoted);
	for (size_t i = 0; i < reader->config->source_count; i++) {
		const struct config_source *other = &reader->config->sources[i];

		if (strcmp(other->name, name) == 0)
			config_tell(
				reader, section->line,
				"source %s is already defined in %s:%u; rename or remove one of the "
				"two",
				quoted, other->file, other->line);
	}
}

static void read_source(struct config_reader *reader, struct config_scan_section *section,
			const char *name)
{
	struct config *config = reader->config;
	struct config_source *source;

	check_source_name(reader, section, name);
	if (config->source_count == CONFIG_SOURCES_MAX) {
		config_tell(reader, section->line, "there are more than %u sources",
			    CONFIG_SOURCES_MAX);
		return;
	}
	source = config_grow(config->sources, config->source_count, sizeof(*source));
	if (!source) {
		reader->out_of_memory = true;
		return;
	}
	config->sources = source;
	source += config->source_count++;
	source->name = config_copy_text(reader, name);
	source->file = config_copy_text(reader, reader->file);
	source->line = section->line;
	take_plugin(reader, section, source);
	config_take_path(reader, section, "input", &source->input);
	config_take_path(reader, section, "log", &source->log);
	take_url(reader, section, source);
	config_take_duration(reader, section, "cadence", &source->cadence_ms);
	take_reject_limit(reader, section, source);
	check_one_input(reader, section);
	collect_options(reader, section, source);
	if (!source->input &&
	    asprintf(&source->input, "%s/%s", reader->spool_directory, name) < 0) {
		source->input = NULL;
		reader->out_of_memory = true;
	}
	config_add_origins(reader, section, section->name);
}

/* ── [figure NAME] ─────────────────────────────────────────────────────────────────────────── */

/* The one key that says how it is computed; NULL and told if it is not one. */
static const struct way *pick_way(struct config_reader *reader, struct config_scan_section *section,
				  const struct config_scan_key **ret_key)
{
	const struct way *way = NULL;

	*ret_key = NULL;
	for (size_t i = 0; i < COUNT(ways); i++) {
		struct config_scan_key *key = config_find_key(section, ways[i].key);

		if (!key)
			continue;
		key->used = true;
		if (*ret_key) {
			config_tell(
				reader, key->line,
				"[%s] has both '%s' and '%s' (line %u); a figure is computed in one "
				"way",
				section->name, key->name, (*ret_key)->name, (*ret_key)->line);
			return NULL;
		}
		*ret_key = key;
		way = &ways[i];
	}
	if (!way)
		config_tell(reader, section->line,
			    "[%s] does not say how it is computed; add one of %s", section->name,
			    WAYS_TEXT);
	return way && (*ret_key)->value ? way : NULL;
}

static void take_formula(struct config_reader *reader, struct config_scan_section *section,
			 struct config_figure *figure, const char **ret_unit)
{
	const struct config_scan_key *key;
	const struct way *way = pick_way(reader, section, &key);
	struct formula formula;
	struct fault fault;

	if (!way)
		return;
	if (asprintf(&figure->formula, "%s%s%s", way->before, key->value, way->after) < 0) {
		figure->formula = NULL;
		reader->out_of_memory = true;
		return;
	}
	if (formula_parse(figure->formula, &formula, &fault) < 0) {
		config_tell(reader, key->line, "%s", fault.text);
		return;
	}
	if (strcmp(way->key, "ratio") == 0 && formula.counts[1] == 0)
		config_tell(reader, key->line, "ratio = %s has no '/': write ratio = A / B",
			    key->value);
	else if (strcmp(way->key, "sum") == 0 && formula.counts[1] > 0)
		config_tell(reader, key->line, "sum = %s is a ratio; write ratio = %s", key->value,
			    key->value);
	if (formula.counts[1] > 0 || formula.items[0][0].function == FORMULA_CHANGE)
		*ret_unit = "ratio";
	formula_done(&formula);
}

static void take_window(struct config_reader *reader, struct config_scan_section *section,
			struct config_figure *figure)
{
	const struct config_scan_key *key = config_take_key(section, "window");
	struct window window;
	const char *near;
	char quoted[128];

	if (!config_find_key(section, "window"))
		config_tell(reader, section->line, "[%s] has no window; add window = one of %s",
			    section->name, WINDOWS_TEXT);
	if (!key)
		return;
	if (window_parse(key->value, &window, NULL) == 0) {
		figure->window = config_copy_text(reader, key->value);
		return;
	}
	near = config_nearest(key->value, windows, COUNT(windows));
	log_quote(quoted, sizeof(quoted), key->value, strlen(key->value));
	if (near)
		config_tell(reader, key->line, "window = %s is no window; did you mean '%s'?",
			    quoted, near);
	else
		config_tell(reader, key->line, "window = %s is none of %s", quoted, WINDOWS_TEXT);
}

static void take_words(struct config_reader *reader, struct config_scan_section *section,
		       struct config_figure *figure, const char *unit)
{
	const struct config_scan_key *key = config_take_key(section, "unit");
	const struct config_scan_key *title = config_take_key(section, "title");

	if (key && strlen(key->value) > UNIT_MAX_BYTES)
		config_tell(reader, key->line, "the unit is longer than %u bytes", UNIT_MAX_BYTES);
	figure->unit = config_copy_text(reader, key ? key->value : unit);
	figure->title = config_copy_text(reader, title ? title->value : figure->name);
}

static void check_figure_name(struct config_reader *reader,
			      const struct config_scan_section *section, const char *name)
{
	char quoted[256];

	log_quote(quoted, sizeof(quoted), name, strlen(name));
	if (!config_figure_name_valid(name))
		config_tell(
			reader, section->line,
			"%s is not a name for a figure; take small letters, digits, '_', '-' and "
			"single "
			"dots, at most 64",
			quoted);
	if (strncmp(name, CHECK_PREFIX, sizeof(CHECK_PREFIX) - 1) == 0)
		config_tell(reader, section->line,
			    "figures named " CHECK_PREFIX
			    "NAME are made by [check NAME]; take another name");
	for (size_t i = 0; i < reader->config->figure_count; i++) {
		const struct config_figure *other = &reader->config->figures[i];

		if (strcmp(other->name, name) == 0)
			config_tell(
				reader, section->line,
				"figure %s is already defined in %s:%u; rename or remove one of the "
				"two",
				quoted, other->file, other->line);
	}
}

static void read_figure(struct config_reader *reader, struct config_scan_section *section,
			const char *name)
{
	struct config *config = reader->config;
	struct config_figure *figure;
	const char *unit = "";

	check_figure_name(reader, section, name);
	if (config->figure_count == CONFIG_FIGURES_MAX) {
		config_tell(reader, section->line, "there are more than %u figures",
			    CONFIG_FIGURES_MAX);
		return;
	}
	figure = config_grow(config->figures, config->figure_count, sizeof(*figure));
	if (!figure) {
		reader->out_of_memory = true;
		return;
	}
	config->figures = figure;
	figure += config->figure_count++;
	figure->name = config_copy_text(reader, name);
	figure->file = config_copy_text(reader, reader->file);
	figure->line = section->line;
	take_formula(reader, section, figure, &unit);
	take_window(reader, section, figure);
	take_words(reader, section, figure, unit);
	config_refuse_keys(reader, section, figure_keys, COUNT(figure_keys));
	config_add_origins(reader, section, section->name);
}

/* ── all ───────────────────────────────────────────────────────────────────────────────────── */

static void refuse_section(struct config_reader *reader, const struct config_scan_section *section,
			   const char *kind)
{
	const char *near = config_nearest(kind, kinds, COUNT(kinds));
	char quoted[256];

	log_quote(quoted, sizeof(quoted), section->name, strlen(section->name));
	if (near)
		config_tell(reader, section->line, "unknown section %s; did you mean [%s%s]?",
			    quoted, near, strcmp(near, "straitd") == 0 ? "" : " NAME");
	else
		config_tell(
			reader, section->line,
			"unknown section %s; there are [straitd], [source NAME], [figure NAME] and [check NAME]",
			quoted);
}

void config_read_section(struct config_reader *reader, struct config_scan_section *section)
{
	size_t kind_size = strcspn(section->name, " \t");
	const char *name = section->name + kind_size + strspn(section->name + kind_size, " \t");
	CLEANUP(free_text) char *kind = strndup(section->name, kind_size);

	if (!kind) {
		reader->out_of_memory = true;
	} else if (strcmp(kind, "straitd") == 0) {
		if (*name)
			config_tell(reader, section->line,
				    "[straitd] has no name after it; write [straitd]");
		read_straitd(reader, section);
	} else if (strcmp(kind, "source") != 0 && strcmp(kind, "figure") != 0 &&
		   strcmp(kind, "check") != 0) {
		refuse_section(reader, section, kind);
	} else if (!*name) {
		config_tell(reader, section->line, "[%s] needs a name: [%s NAME]", kind, kind);
	} else if (strcmp(kind, "source") == 0) {
		read_source(reader, section, name);
	} else if (strcmp(kind, "check") == 0) {
		config_read_check(reader, section, name);
	} else {
		read_figure(reader, section, name);
	}
}

void config_check_sections(struct config_reader *reader)
{
	const struct config *config = reader->config;

	for (size_t i = 0; i < config->source_count; i++) {
		const struct config_source *source = &config->sources[i];

		for (size_t j = 0; j < i; j++) {
			const struct config_source *other = &config->sources[j];

			if (!source->input || !other->input ||
			    strcmp(source->input, other->input) != 0 ||
			    strcmp(source->name, other->name) == 0)
				continue;
			config_errors_add(reader->errors, source->file, source->line,
					  "source '%s' reads the same directory '%s' as source "
					  "'%s' (%s:%u); each file would "
					  "be taken by one of them only",
					  source->name, source->input, other->name, other->file,
					  other->line);
		}
	}
}
