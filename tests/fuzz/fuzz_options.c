/* SPDX-License-Identifier: MIT
 *
 * fuzz_options.c - the keys of a [source] section as a plugin's schema reads them. The input is
 * lines of key=value; a schema with every type is given. What is accepted is in range, what is
 * refused is told, and never with the value of a secret.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugin_options.h"

#define OPTIONS_MAX 130u /* more than PLUGIN_OPTIONS_MAX */
#define SECRET_LONG 8u	 /* a shorter one may be in the sentence by chance */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct strait_option schema[] = {
	{ .name = "text", .type = STRAIT_OPTION_STRING },
	{ .name = "number",
	  .type = STRAIT_OPTION_INTEGER,
	  .min = -5,
	  .max = 1000,
	  .fallback = "7" },
	{ .name = "wait", .type = STRAIT_OPTION_DURATION, .min = 1, .max = 86400000 },
	{ .name = "on", .type = STRAIT_OPTION_BOOLEAN },
	{ .name = "key", .type = STRAIT_OPTION_STRING, .flags = STRAIT_OPTION_SECRET },
	{ .name = "pin",
	  .type = STRAIT_OPTION_INTEGER,
	  .flags = STRAIT_OPTION_SECRET,
	  .max = 9999 },
	{ .name = "column", .type = STRAIT_OPTION_STRING, .flags = STRAIT_OPTION_PREFIX },
	{ .name = NULL },
};

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static size_t split(char *text, struct message_option given[OPTIONS_MAX])
{
	size_t count = 0;
	char *rest = text, *line;

	while (count < OPTIONS_MAX && (line = strsep(&rest, "\n"))) {
		char *value = strchr(line, '=');

		if (value)
			*value++ = '\0';
		given[count++] =
			(struct message_option){ .key = line, .value = value ? value : "" };
	}
	return count;
}

static void check_accepted(const struct plugin_options *options)
{
	const char *field, *value;
	size_t iterator = 0;
	int64_t number = plugin_options_integer(options, "number");
	int64_t wait = plugin_options_integer(options, "wait");

	demand(number >= -5 && number <= 1000);
	demand(wait >= 0 && wait <= 86400000);
	demand(plugin_options_integer(options, "on") >> 1 == 0);
	demand(plugin_options_string(options, "number"));
	while ((field = plugin_options_next(options, "column", &iterator, &value)))
		demand(value && strlen(field) < SIZE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message_option given[OPTIONS_MAX];
	struct plugin_options *options = NULL;
	struct fault fault = { 0 };
	char *text = strndup((const char *)data, size);
	size_t count;

	demand(text);
	count = split(text, given);
	if (plugin_options_new(schema, given, count, &options, &fault) == 0)
		check_accepted(options);
	else
		demand(fault.kind == FAULT_CONFIG && *fault.text);
	if (count == 1 && !strcmp(given[0].key, "pin") && strlen(given[0].value) >= SECRET_LONG)
		demand(!strstr(fault.text, given[0].value));
	(void)plugin_options_free(options);
	free(text);
	return 0;
}
