/* SPDX-License-Identifier: MIT
 *
 * plugin_options.c - the keys of a [source] section as the plugin's schema reads them. Worker only.
 *
 * Owns copies of keys and values. Must never put the value of a SECRET option into a text.
 */
#include "plugin_options.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_text.h"

#define HOST_KEYS_MAX 32u

struct value {
	const struct strait_option *option;
	char *key;  /* as given: with the part after the dot for a prefix */
	char *text; /* as given, or the fallback */
	int64_t number;
};

struct plugin_options {
	struct value *values; /* in the order given, then fallbacks */
	size_t count;
};

/* Whole number of schema entries; 0 for none. */
static size_t schema_count(const struct strait_option *schema)
{
	size_t count = 0;

	while (schema && schema[count].name)
		count++;
	return count;
}

/* ── one value ─────────────────────────────────────────────────────────────────────────────── */

static int refuse_value(const struct strait_option *option, const char *text, const char *wanted,
			struct fault *fault)
{
	if (option->flags & STRAIT_OPTION_SECRET)
		return fault_set(fault, FAULT_CONFIG, "'%s' is not %s", option->name, wanted);
	return fault_set(fault, FAULT_CONFIG, "'%s = %s' is not %s", option->name, text, wanted);
}

static int check_range(const struct strait_option *option, const char *text, int64_t number,
		       struct fault *fault)
{
	char wanted[128], low[32], high[32];

	if ((option->min == 0 && option->max == 0) ||
	    (number >= option->min && number <= option->max))
		return 0;
	if (option->type == STRAIT_OPTION_DURATION) {
		(void)config_duration_text(low, sizeof(low), option->min);
		(void)config_duration_text(high, sizeof(high), option->max);
	} else {
		(void)snprintf(low, sizeof(low), "%" PRId64, option->min);
		(void)snprintf(high, sizeof(high), "%" PRId64, option->max);
	}
	(void)snprintf(wanted, sizeof(wanted), "between %s and %s", low, high);
	return refuse_value(option, text, wanted, fault);
}

int plugin_option_parse(const struct strait_option *option, const char *text, int64_t *ret_number,
			struct fault *fault)
{
	int64_t number = 0;
	bool yes = false;

	switch (option->type) {
	case STRAIT_OPTION_STRING:
		*ret_number = 0;
		return 0;
	case STRAIT_OPTION_INTEGER:
		if (config_integer(text, &number) < 0)
			return refuse_value(option, text, "a whole number", fault);
		break;
	case STRAIT_OPTION_BOOLEAN:
		if (config_boolean(text, &yes) < 0)
			return refuse_value(option, text, "yes or no", fault);
		*ret_number = yes;
		return 0;
	case STRAIT_OPTION_DURATION:
		if (config_duration(text, &number) < 0)
			return refuse_value(option, text, "a duration such as 30s, 5m or 7d",
					    fault);
		break;
	}
	if (check_range(option, text, number, fault) < 0)
		return -1;
	*ret_number = number;
	return 0;
}

/* ── all of them ───────────────────────────────────────────────────────────────────────────── */

/* Appends a complaint; what has no room any more is left out. */
static void complain(struct fault *all, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void complain(struct fault *all, const char *format, ...)
{
	size_t used = strlen(all->text);
	va_list arguments;

	all->kind = FAULT_CONFIG;
	if (used > 0) {
		if (sizeof(all->text) - used < 40)
			return;
		(void)snprintf(all->text + used, sizeof(all->text) - used, "; ");
		used += 2;
	}
	va_start(arguments, format);
	(void)vsnprintf(all->text + used, sizeof(all->text) - used, format,
			arguments); /* cut is fine */
	va_end(arguments);
}

static const struct strait_option *find_option(const struct strait_option *schema, const char *key)
{
	for (; schema && schema->name; schema++) {
		size_t length = strlen(schema->name);

		if (strcmp(schema->name, key) == 0 && !(schema->flags & STRAIT_OPTION_PREFIX))
			return schema;
		if ((schema->flags & STRAIT_OPTION_PREFIX) &&
		    strncmp(schema->name, key, length) == 0 && key[length] == '.' &&
		    key[length + 1])
			return schema;
	}
	return NULL;
}

static void complain_unknown(struct fault *all, const struct strait_option *schema, const char *key)
{
	const char *known[PLUGIN_OPTIONS_MAX + HOST_KEYS_MAX], *nearest;
	size_t count = 0;

	/* The host's own keys never come here, but a misspelt one does. */
	for (size_t i = 0; i < config_source_key_count && i < HOST_KEYS_MAX; i++)
		known[count++] = config_source_keys[i];

	for (size_t i = 0; schema && schema[i].name && i < PLUGIN_OPTIONS_MAX; i++)
		known[count++] = schema[i].name;
	nearest = config_nearest(key, known, count);
	if (nearest)
		complain(all, "unknown key '%s'; did you mean '%s'?", key, nearest);
	else
		complain(all, "unknown key '%s'", key);
}

static const struct value *find_value(const struct plugin_options *options, const char *key)
{
	for (size_t i = 0; i < options->count; i++) {
		if (strcmp(options->values[i].key, key) == 0)
			return &options->values[i];
	}
	return NULL;
}

/* false: no memory */
static bool append(struct plugin_options *options, const struct strait_option *option,
		   const char *key, const char *text, struct fault *all)
{
	struct value *value = &options->values[options->count];
	struct fault fault = { 0 };

	*value = (struct value){ .option = option, .key = strdup(key), .text = strdup(text) };
	options->count++;
	if (!value->key || !value->text)
		return false;
	if (plugin_option_parse(option, text, &value->number, &fault) < 0)
		complain(all, "%s", fault.text);
	return true;
}

static bool append_given(struct plugin_options *options, const struct strait_option *schema,
			 const struct message_option *given, struct fault *all)
{
	const struct strait_option *option = find_option(schema, given->key);

	if (!option) {
		complain_unknown(all, schema, given->key);
		return true;
	}
	if (find_value(options, given->key)) {
		complain(all, "'%s' is given twice", given->key);
		return true;
	}
	return append(options, option, given->key, given->value, all);
}

static bool is_given(const struct plugin_options *options, const struct strait_option *option)
{
	for (size_t i = 0; i < options->count; i++) {
		if (options->values[i].option == option)
			return true;
	}
	return false;
}

static bool append_fallback(struct plugin_options *options, const struct strait_option *option,
			    struct fault *all)
{
	if (is_given(options, option))
		return true;
	if (option->flags & STRAIT_OPTION_REQUIRED) {
		complain(all,
			 option->flags & STRAIT_OPTION_PREFIX
				 ? "at least one key '%s.…' must be given"
				 : "'%s' must be given",
			 option->name);
		return true;
	}
	if (!option->fallback || option->flags & STRAIT_OPTION_PREFIX)
		return true;
	return append(options, option, option->name, option->fallback, all);
}

int plugin_options_new(const struct strait_option *schema, const struct message_option *given,
		       size_t count, struct plugin_options **ret_options, struct fault *fault)
{
	struct plugin_options *options = calloc(1, sizeof(*options));
	struct fault all = { 0 };
	bool memory = options != NULL;

	if (memory) {
		options->values =
			calloc(count + schema_count(schema) + 1, sizeof(*options->values));
		memory = options->values != NULL;
	}
	for (size_t i = 0; memory && i < count; i++)
		memory = append_given(options, schema, &given[i], &all);
	for (size_t i = 0; memory && schema && schema[i].name; i++)
		memory = append_fallback(options, &schema[i], &all);
	if (!memory || all.kind) {
		(void)plugin_options_free(options);
		if (!memory)
			return fault_set(fault, FAULT_MEMORY, "no memory for the options");
		return fault_set(fault, FAULT_CONFIG, "%s", all.text);
	}
	*ret_options = options;
	return 0;
}

struct plugin_options *plugin_options_free(struct plugin_options *options)
{
	if (!options)
		return NULL;
	for (size_t i = 0; options->values && i < options->count; i++) {
		free(options->values[i].key);
		if (options->values[i].text)
			explicit_bzero(options->values[i].text,
				       strlen(options->values[i].text)); /* may be secret */
		free(options->values[i].text);
	}
	free(options->values);
	free(options);
	return NULL;
}

const char *plugin_options_string(const struct plugin_options *options, const char *name)
{
	const struct value *value = find_value(options, name);

	return value ? value->text : NULL;
}

int64_t plugin_options_integer(const struct plugin_options *options, const char *name)
{
	const struct value *value = find_value(options, name);

	return value ? value->number : 0;
}

const char *plugin_options_next(const struct plugin_options *options, const char *name,
				size_t *iterator, const char **ret_value)
{
	while (*iterator < options->count) {
		const struct value *value = &options->values[(*iterator)++];

		if ((value->option->flags & STRAIT_OPTION_PREFIX) &&
		    strcmp(value->option->name, name) == 0) {
			*ret_value = value->text;
			return value->key + strlen(name) + 1;
		}
	}
	return NULL;
}
