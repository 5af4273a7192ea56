/* SPDX-License-Identifier: MIT
 *
 * config_keys.c - the keys of one section: found, taken, refused, remembered. Main only; pure.
 *
 * Invariant: a key is marked as used as soon as somebody knows it, whether its value is good or
 * not, so that it is told once and by whoever knows it best.
 */
#include "config_keys.h"

#include <stdlib.h>
#include <string.h>

#include "config_text.h"
#include "log.h"

char *config_copy_text(struct config_reader *reader, const char *text)
{
	char *result = text ? strdup(text) : NULL;

	if (text && !result)
		reader->out_of_memory = true;
	return result;
}

struct config_scan_key *config_find_key(struct config_scan_section *section, const char *name)
{
	for (size_t i = 0; i < section->key_count; i++) {
		if (strcmp(section->keys[i].name, name) == 0)
			return &section->keys[i];
	}
	return NULL;
}

/* The key if it is there with a readable value; marks it as known either way. */
const struct config_scan_key *config_take_key(struct config_scan_section *section, const char *name)
{
	struct config_scan_key *key = config_find_key(section, name);

	if (key)
		key->used = true;
	return key && key->value ? key : NULL;
}

void config_take_duration(struct config_reader *reader, struct config_scan_section *section,
			  const char *name, int64_t *ret_ms)
{
	const struct config_scan_key *key = config_take_key(section, name);
	char quoted[128];
	int64_t ms;

	if (!key)
		return;
	if (config_duration(key->value, &ms) < 0 || ms == 0)
		config_tell(
			reader, key->line,
			"%s = %s is not a duration; write a whole number and one of s, m, h, d, w: "
			"90s, 12h, "
			"7d",
			name, log_quote(quoted, sizeof(quoted), key->value, strlen(key->value)));
	else
		*ret_ms = ms;
}

void config_take_path(struct config_reader *reader, struct config_scan_section *section,
		      const char *name, char **ret_path)
{
	const struct config_scan_key *key = config_take_key(section, name);
	char quoted[256];

	if (!key)
		return;
	if (key->value[0] != '/')
		config_tell(reader, key->line, "%s = %s is not an absolute path; begin it with '/'",
			    name,
			    log_quote(quoted, sizeof(quoted), key->value, strlen(key->value)));
	else
		*ret_path = config_copy_text(reader, key->value);
}

/* Keys that nobody took. */
void config_refuse_keys(struct config_reader *reader, const struct config_scan_section *section,
			const char *const *known, size_t known_count)
{
	for (size_t i = 0; i < section->key_count; i++) {
		const struct config_scan_key *key = &section->keys[i];
		const char *near = config_nearest(key->name, known, known_count);

		if (!key->used && near)
			config_tell(reader, key->line,
				    "unknown key '%s' in [%s]; did you mean '%s'?", key->name,
				    section->name, near);
		else if (!key->used)
			config_tell(reader, key->line, "unknown key '%s' in [%s]", key->name,
				    section->name);
	}
}

const struct config_origin *config_find_origin(const struct config *config, const char *section,
					       const char *key)
{
	size_t size = strlen(section);

	for (size_t i = 0; i < config->origin_count; i++) {
		const char *text = config->origins[i].key;

		if (strncmp(text, section, size) == 0 && text[size] == ':' &&
		    strcmp(text + size + 1, key) == 0)
			return &config->origins[i];
	}
	return NULL;
}

void config_add_origins(struct config_reader *reader, const struct config_scan_section *section,
			const char *name)
{
	struct config *config = reader->config;

	for (size_t i = 0; i < section->key_count; i++) {
		struct config_origin *origins =
			config_grow(config->origins, config->origin_count, sizeof(*origins));
		struct config_origin *origin;

		if (!origins) {
			reader->out_of_memory = true;
			return;
		}
		config->origins = origins;
		origin = &origins[config->origin_count++];
		origin->line = section->keys[i].line;
		origin->file = config_copy_text(reader, reader->file);
		if (asprintf(&origin->key, "%s:%s", name, section->keys[i].name) < 0) {
			origin->key = NULL;
			config->origin_count--;
			free(origin->file);
			reader->out_of_memory = true;
			return;
		}
	}
}
