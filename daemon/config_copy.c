/* SPDX-License-Identifier: MIT
 *
 * config_copy.c - deep copies of a source's section. Main only.
 */
#include "config_copy.h"

#include <stdlib.h>
#include <string.h>

/* NULL stays NULL. */
static char *copy_text(const char *text, bool *failed)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		*failed = true;
	return copy;
}

int config_copy_source(const struct config_source *from, struct config_source *ret_copy)
{
	bool failed = false;
	struct config_source copy = {
		.name = copy_text(from->name, &failed),
		.plugin = copy_text(from->plugin, &failed),
		.input = copy_text(from->input, &failed),
		.log = copy_text(from->log, &failed),
		.url = copy_text(from->url, &failed),
		.follow = copy_text(from->follow, &failed),
		.refresh_ms = from->refresh_ms,
		.fetch_max_bytes = from->fetch_max_bytes,
		.cadence_ms = from->cadence_ms,
		.reject_limit = from->reject_limit,
		.options = calloc(from->option_count + 1, sizeof(*copy.options)),
		.option_count = from->option_count,
		.file = copy_text(from->file, &failed),
		.line = from->line,
	};
	size_t i;

	if (!copy.options) {
		failed = true;
		copy.option_count = 0;
	}
	for (i = 0; i < copy.option_count; i++)
		copy.options[i] = (struct config_option){
			.key = copy_text(from->options[i].key, &failed),
			.value = copy_text(from->options[i].value, &failed),
			.file = copy_text(from->options[i].file, &failed),
			.line = from->options[i].line,
		};
	if (failed) {
		config_source_copy_done(&copy);
		return -1;
	}
	*ret_copy = copy;
	return 0;
}

void config_source_copy_done(struct config_source *copy)
{
	size_t i;

	for (i = 0; i < copy->option_count; i++) {
		free(copy->options[i].key);
		free(copy->options[i].value);
		free(copy->options[i].file);
	}
	free(copy->options);
	free(copy->name);
	free(copy->plugin);
	free(copy->input);
	free(copy->log);
	free(copy->url);
	free(copy->follow);
	free(copy->file);
	*copy = (struct config_source){ 0 };
}
