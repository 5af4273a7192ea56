/* SPDX-License-Identifier: MIT
 *
 * config_values.c - the configuration as values: compared, printed, freed. Main only; pure but for
 * the stream.
 *
 * Invariant: what config_print() writes is itself a configuration, and reading it gives equal
 * values.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "config_scan.h"
#include "config_text.h"

static void source_done(struct config_source *source)
{
	for (size_t i = 0; i < source->option_count; i++) {
		free(source->options[i].key);
		free(source->options[i].value);
		free(source->options[i].file);
	}
	free(source->options);
	free(source->name);
	free(source->plugin);
	free(source->input);
	free(source->log);
	free(source->url);
	free(source->follow);
	free(source->file);
}

static void figure_done(struct config_figure *figure)
{
	free(figure->name);
	free(figure->formula);
	free(figure->window);
	free(figure->unit);
	free(figure->title);
	free(figure->file);
}

static void check_done(struct config_check *check)
{
	free(check->name);
	free(check->left);
	free(check->right);
	free(check->every);
	free(check->tolerance);
	free(check->explained);
	free(check->title);
	free(check->file);
}

struct config *config_free(struct config *config)
{
	if (!config)
		return NULL;
	for (size_t i = 0; i < config->source_count; i++)
		source_done(&config->sources[i]);
	for (size_t i = 0; i < config->figure_count; i++)
		figure_done(&config->figures[i]);
	for (size_t i = 0; i < config->origin_count; i++) {
		free(config->origins[i].key);
		free(config->origins[i].file);
	}
	free(config->sources);
	for (size_t i = 0; i < config->check_count; i++)
		check_done(&config->checks[i]);
	free(config->figures);
	free(config->checks);
	free(config->origins);
	free(config->log_level);
	free(config->socket);
	free(config);
	return NULL;
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static const struct config_option *find_option(const struct config_source *source, const char *key)
{
	for (size_t i = 0; i < source->option_count; i++) {
		if (same(source->options[i].key, key))
			return &source->options[i];
	}
	return NULL;
}

/* Keys are unique, so equal counts and each of a in b is equality. */
static bool options_equal(const struct config_source *a, const struct config_source *b)
{
	if (a->option_count != b->option_count)
		return false;
	for (size_t i = 0; i < a->option_count; i++) {
		const struct config_option *other = find_option(b, a->options[i].key);

		if (!other || !same(a->options[i].value, other->value))
			return false;
	}
	return true;
}

bool config_source_equal(const struct config_source *a, const struct config_source *b)
{
	return same(a->name, b->name) && same(a->plugin, b->plugin) && same(a->input, b->input) &&
	       same(a->log, b->log) && same(a->url, b->url) && same(a->follow, b->follow) &&
	       a->cadence_ms == b->cadence_ms && a->reject_limit == b->reject_limit &&
	       options_equal(a, b);
}

/* ── printing ──────────────────────────────────────────────────────────────────────────────── */

struct printer {
	const struct config *config;
	FILE *out;
	const char *kind, *name; /* of the section; name "" for [straitd] */
};

static const struct config_origin *find_origin(const struct printer *printer, const char *key)
{
	const struct config *config = printer->config;
	char wanted[512];

	(void)snprintf(wanted, sizeof(wanted), "%s%s%s:%s", printer->kind,
		       *printer->name ? " " : "", printer->name, key);
	for (size_t i = 0; i < config->origin_count; i++) {
		if (same(config->origins[i].key, wanted))
			return &config->origins[i];
	}
	return NULL;
}

/* Quotes only where the text would be read as something else without them. */
static bool needs_quotes(const char *value)
{
	size_t size = strlen(value);

	return size == 0 || strpbrk(value, "#;") || strchr("\"' \t", value[0]) ||
	       strchr(" \t", value[size - 1]) || strstr(value, "\xc2\xa0");
}

static void print_value(const struct printer *printer, const char *key, const char *value,
			const struct config_origin *origin)
{
	const char *quotes = !needs_quotes(value) ? "" : strchr(value, '"') ? "'" : "\"";
	char place[4200] = "default";

	if (origin)
		(void)snprintf(place, sizeof(place), "%s:%u", origin->file, origin->line);
	if (strlen(key) + strlen(value) + strlen(place) < CONFIG_LINE_MAX_BYTES - 32)
		(void)fprintf(printer->out, "%-16s = %s%s%s  # %s\n", key, quotes, value, quotes,
			      place);
	else
		(void)fprintf(printer->out, "# %s\n%s = %s%s%s\n", place, key, quotes, value,
			      quotes);
}

static void print_key(const struct printer *printer, const char *key, const char *value)
{
	if (value)
		print_value(printer, key, value, find_origin(printer, key));
}

static void print_section(struct printer *printer, const char *kind, const char *name,
			  const char *file, unsigned int line)
{
	printer->kind = kind;
	printer->name = name;
	(void)fprintf(printer->out, "\n# %s:%u\n[%s %s]\n", file, line, kind, name);
}

/* Shortest text that config_size() reads as the same number. */
static const char *size_text(char *buffer, size_t size, uint64_t bytes)
{
	static const char units[] = "KMG";
	size_t unit = 0;

	while (bytes && bytes % 1024 == 0 && unit < sizeof(units) - 1) {
		bytes /= 1024;
		unit++;
	}
	(void)snprintf(buffer, size, "%llu%.*s", (unsigned long long)bytes, unit ? 1 : 0,
		       unit ? &units[unit - 1] : "");
	return buffer;
}

static void print_source(struct printer *printer, const struct config_source *source)
{
	char cadence[32], limit[16], bytes[32];

	print_section(printer, "source", source->name, source->file, source->line);
	print_key(printer, "plugin", source->plugin);
	print_key(printer, "input", source->input);
	print_key(printer, "log", source->log);
	print_key(printer, "url", source->url);
	print_key(printer, "follow", source->follow);
	if (source->refresh_ms)
		print_key(printer, "refresh",
			  config_duration_text(cadence, sizeof(cadence), source->refresh_ms));
	if (source->url)
		print_key(printer, "fetch_max",
			  size_text(bytes, sizeof(bytes), source->fetch_max_bytes));
	if (source->cadence_ms)
		print_key(printer, "cadence",
			  config_duration_text(cadence, sizeof(cadence), source->cadence_ms));
	print_key(printer, "reject_limit",
		  config_percent_text(limit, sizeof(limit), source->reject_limit));
	for (size_t i = 0; i < source->option_count; i++) {
		const struct config_option *option = &source->options[i];

		print_value(printer, option->key, option->value,
			    &(struct config_origin){ .file = option->file, .line = option->line });
	}
}

/* The formula as it was understood, with the place of the key that it was made from. */
static void print_formula(const struct printer *printer, const struct config_figure *figure)
{
	static const char *const keys[] = { "formula", "sum",	     "count",  "max",  "mean",
					    "below",   "percentile", "change", "ratio" };
	const struct config_origin *origin = NULL;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && !origin; i++)
		origin = find_origin(printer, keys[i]);
	print_value(printer, "formula", figure->formula, origin);
}

static void print_figure(struct printer *printer, const struct config_figure *figure)
{
	print_section(printer, "figure", figure->name, figure->file, figure->line);
	print_formula(printer, figure);
	print_key(printer, "window", figure->window);
	print_key(printer, "unit", figure->unit);
	print_key(printer, "title", figure->title);
}

static void print_check(struct printer *printer, const struct config_check *check)
{
	print_section(printer, "check", check->name, check->file, check->line);
	print_key(printer, "left", check->left);
	print_key(printer, "right", check->right);
	print_key(printer, "every", check->every);
	print_key(printer, "tolerance", check->tolerance);
	print_key(printer, "explained", check->explained);
	print_key(printer, "title", check->title);
}

void config_print(const struct config *config, FILE *out)
{
	struct printer printer = { .config = config, .out = out, .kind = "straitd", .name = "" };
	char retention[32], limit[32], bytes[32], age[32];

	(void)fprintf(out, "# %zu files read: %zu sources, %zu figures\n[straitd]\n",
		      config->file_count, config->source_count, config->figure_count);
	print_key(&printer, "change_retention",
		  config_duration_text(retention, sizeof(retention), config->change_retention_ms));
	(void)snprintf(limit, sizeof(limit), "%lld", (long long)config->change_limit);
	print_key(&printer, "change_limit", limit);
	print_key(&printer, "keep_originals",
		  size_text(bytes, sizeof(bytes), config->keep_originals_bytes));
	print_key(&printer, "keep_originals_age",
		  config_duration_text(age, sizeof(age), config->keep_originals_age_ms));
	print_key(&printer, "log_level", config->log_level ? config->log_level : "info");
	print_key(&printer, "socket", config->socket ? config->socket : "auto");
	for (size_t i = 0; i < config->source_count; i++)
		print_source(&printer, &config->sources[i]);
	for (size_t i = 0; i < config->figure_count; i++)
		print_figure(&printer, &config->figures[i]);
	for (size_t i = 0; i < config->check_count; i++)
		print_check(&printer, &config->checks[i]);
}
