/* SPDX-License-Identifier: MIT
 *
 * config_check.c - what the section [check NAME] may hold. Main only; pure.
 *
 * Invariant: a check that is handed out can be parsed (checks.h); whether its metrics exist is only
 * known when the plugins have declared theirs.
 */
#include "config_check.h"

#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "config_keys.h"
#include "config_text.h"
#include "log.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const check_keys[] = { "left",      "right",	    "every",
					  "tolerance", "explained", "title" };

static void check_name(struct config_reader *reader, const struct config_scan_section *section,
		       const char *name)
{
	char quoted[256];

	log_quote(quoted, sizeof(quoted), name, strlen(name));
	if (!config_figure_name_valid(name) || strlen(name) > CHECK_NAME_MAX)
		config_tell(
			reader, section->line,
			"%s is not a name for a check; take small letters, digits, '_', '-' and single dots, at most %zu",
			quoted, CHECK_NAME_MAX);
	for (size_t i = 0; i < reader->config->check_count; i++) {
		const struct config_check *other = &reader->config->checks[i];

		if (strcmp(other->name, name) == 0)
			config_tell(
				reader, section->line,
				"check %s is already defined in %s:%u; rename or remove one of the two",
				quoted, other->file, other->line);
	}
}

static void take_side(struct config_reader *reader, struct config_scan_section *section,
		      const char *side, char **ret_formula)
{
	const struct config_scan_key *key = config_take_key(section, side);
	struct formula formula;
	struct fault fault;

	if (!config_find_key(section, side))
		config_tell(reader, section->line,
			    "[%s] has no %s side; add %s = a formula such as arrivals.people",
			    section->name, side, side);
	if (!key)
		return;
	if (check_formula_parse(key->value, &formula, &fault) < 0) {
		config_tell(reader, key->line, "%s", fault.text);
		return;
	}
	formula_done(&formula);
	*ret_formula = config_copy_text(reader, key->value);
}

/* 0 when it is not stated, or wrong. */
static enum strait_granularity take_every(struct config_reader *reader,
					  struct config_scan_section *section,
					  struct config_check *check)
{
	const struct config_scan_key *key = config_take_key(section, "every");
	enum strait_granularity every = 0;
	size_t word_count = 0;
	const char *near;
	char quoted[128];

	if (!config_find_key(section, "every"))
		config_tell(reader, section->line,
			    "[%s] does not say which periods it compares; add every = one of %s",
			    section->name, CHECK_EVERY_TEXT);
	if (!key)
		return 0;
	if (check_every_parse(key->value, &every, NULL) == 0) {
		check->every = config_copy_text(reader, key->value);
		return every;
	}
	while (check_every_words[word_count])
		word_count++;
	near = config_nearest(key->value, check_every_words, word_count);
	log_quote(quoted, sizeof(quoted), key->value, strlen(key->value));
	if (near)
		config_tell(reader, key->line, "every = %s: did you mean '%s'?", quoted, near);
	else
		config_tell(reader, key->line, "every = %s is none of %s", quoted,
			    CHECK_EVERY_TEXT);
	return 0;
}

static void take_tolerance(struct config_reader *reader, struct config_scan_section *section,
			   struct config_check *check)
{
	const struct config_scan_key *key = config_take_key(section, "tolerance");
	struct check_tolerance tolerance;
	struct fault fault;

	if (key && check_tolerance_parse(key->value, &tolerance, &fault) < 0)
		config_tell(reader, key->line, "tolerance = %s", fault.text);
	check->tolerance = config_copy_text(reader, key ? key->value : "0");
}

/* Without a good `every` only the form can be looked at. */
static void take_explained(struct config_reader *reader, struct config_scan_section *section,
			   enum strait_granularity every, struct config_check *check)
{
	const struct config_scan_key *key = config_take_key(section, "explained");
	struct check_note *notes;
	struct fault fault;
	size_t count;

	if (!key)
		return;
	if (check_notes_parse(key->value, every ? every : STRAIT_DAY, &notes, &count, &fault) < 0) {
		config_tell(reader, key->line, "explained = %s", fault.text);
		return;
	}
	check_notes_free(notes, count);
	check->explained = config_copy_text(reader, key->value);
}

void config_read_check(struct config_reader *reader, struct config_scan_section *section,
		       const char *name)
{
	struct config *config = reader->config;
	const struct config_scan_key *title;
	struct config_check *check;

	check_name(reader, section, name);
	if (config->check_count == CONFIG_CHECKS_MAX) {
		config_tell(reader, section->line, "there are more than %u checks",
			    CONFIG_CHECKS_MAX);
		return;
	}
	check = config_grow(config->checks, config->check_count, sizeof(*check));
	if (!check) {
		reader->out_of_memory = true;
		return;
	}
	config->checks = check;
	check += config->check_count++;
	check->name = config_copy_text(reader, name);
	check->file = config_copy_text(reader, reader->file);
	check->line = section->line;
	take_side(reader, section, "left", &check->left);
	take_side(reader, section, "right", &check->right);
	take_explained(reader, section, take_every(reader, section, check), check);
	take_tolerance(reader, section, check);
	title = config_take_key(section, "title");
	check->title = config_copy_text(reader, title ? title->value : name);
	config_refuse_keys(reader, section, check_keys, COUNT(check_keys));
	config_add_origins(reader, section, section->name);
}
