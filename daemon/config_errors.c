/* SPDX-License-Identifier: MIT
 *
 * config_errors.c - the list of what is wrong with a configuration. Main only.
 *
 * Invariant: once something was added, count + lost is not 0 again, so that a configuration with an
 * error is never taken for a good one, whatever the memory. What does not fit into memory goes to
 * the log.
 */
#include "config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "log.h"

static int append(struct config_errors *errors, const char *file, unsigned int line,
		  const char *text)
{
	CLEANUP(free_text) char *file_copy = strdup(file);
	CLEANUP(free_text) char *text_copy = strdup(text);
	struct config_error *items = reallocarray(errors->items, errors->count + 1, sizeof(*items));

	if (items)
		errors->items = items;
	if (!items || !file_copy || !text_copy)
		return -1;
	items[errors->count++] = (struct config_error){
		.file = TAKE(file_copy),
		.line = line,
		.text = TAKE(text_copy),
	};
	return 0;
}

void config_errors_add(struct config_errors *errors, const char *file, unsigned int line,
		       const char *format, ...)
{
	CLEANUP(free_text) char *text = NULL;
	va_list arguments;

	if (errors->count > CONFIG_ERRORS_MAX)
		return;
	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	if (!file || errors->count == CONFIG_ERRORS_MAX) {
		file = "";
		line = 0;
	}
	if (!text ||
	    append(errors, file, line,
		   errors->count < CONFIG_ERRORS_MAX ? text : "there are more errors than these") <
		    0) {
		errors->lost++;
		log_config(LOG_ERR, "%s:%u: %s", file, line, text ? text : "out of memory");
	}
}

static bool before(const struct config_error *a, const struct config_error *b)
{
	int order = strcmp(a->file, b->file);

	return order < 0 || (order == 0 && a->line < b->line);
}

/* By insertion: stable, and there are few. */
void config_errors_sort(struct config_errors *errors)
{
	for (size_t i = 1; i < errors->count; i++) {
		struct config_error error = errors->items[i];
		size_t at = i;

		for (; at > 0 && before(&error, &errors->items[at - 1]); at--)
			errors->items[at] = errors->items[at - 1];
		errors->items[at] = error;
	}
}

void config_errors_done(struct config_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++) {
		free(errors->items[i].file);
		free(errors->items[i].text);
	}
	free(errors->items);
	*errors = (struct config_errors){ 0 };
}
