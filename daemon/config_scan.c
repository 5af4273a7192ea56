/* SPDX-License-Identifier: MIT
 *
 * config_scan.c - the traps of iniparser 4.1, closed. Main only; pure.
 *
 * Invariant: a line that stays in ret_scan->text is read by iniparser as the key and value that
 * stand there; a line that would be read otherwise is blanked and told. What iniparser does with a
 * line is quoted in the error as the reason.
 */
#include "config_scan.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "utf8.h"

#define QUOTE_BYTES  160 /* of a piece of the file in an error */
#define SECTIONS_MAX (1 + CONFIG_SOURCES_MAX + CONFIG_FIGURES_MAX)

struct scanner {
	struct config_scan *scan;
	struct config_errors *errors;
	const char *file;
	struct config_scan_section *section; /* NULL before the first, and below a refused one */
	bool section_refused;
	bool out_of_memory;
};

/* One line with its continuations, their backslashes and line ends removed. */
struct logical_line {
	char data[CONFIG_LINE_MAX_BYTES + 1];
	size_t size;
	unsigned int number;   /* of the first */
	unsigned int physical; /* how many lines it spans */
	bool too_long;
	bool open; /* the file ended after a backslash */
};

struct slice {
	const char *data;
	size_t size;
};

static bool is_blank(char c)
{
	return c == ' ' ||
	       (c >= '\t' && c <= '\r'); /* isspace() of the C locale, as iniparser asks it */
}

static size_t strip_end(const char *text, size_t size)
{
	while (size && is_blank(text[size - 1]))
		size--;
	return size;
}

static struct slice strip(struct slice text)
{
	while (text.size && is_blank(text.data[0])) {
		text.data++;
		text.size--;
	}
	text.size = strip_end(text.data, text.size);
	return text;
}

static const char *quote(char buffer[QUOTE_BYTES], struct slice text)
{
	return log_quote(buffer, QUOTE_BYTES, text.data, text.size);
}

void *config_grow(void *items, size_t count, size_t item_size)
{
	char *grown = reallocarray(items, count + 1, item_size);

	if (grown)
		memset(grown + count * item_size, 0, item_size);
	return grown;
}

#define tell(scanner, line, ...)                                                                   \
	config_errors_add((scanner)->errors, (scanner)->file, (line)->number, __VA_ARGS__)

/* ── sections ──────────────────────────────────────────────────────────────────────────────── */

static struct config_scan_section *find_section(struct config_scan *scan, struct slice name)
{
	for (size_t i = 0; i < scan->section_count; i++) {
		struct config_scan_section *section = &scan->sections[i];

		if (strlen(section->name) == name.size &&
		    memcmp(section->name, name.data, name.size) == 0)
			return section;
	}
	return NULL;
}

static bool has_capital(struct slice text)
{
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] >= 'A' && text.data[i] <= 'Z')
			return true;
	}
	return false;
}

static bool add_section(struct scanner *scanner, const struct logical_line *line, struct slice name)
{
	struct config_scan *scan = scanner->scan;
	struct config_scan_section *sections =
		config_grow(scan->sections, scan->section_count, sizeof(*sections));
	char *copy = strndup(name.data, name.size);

	if (sections)
		scan->sections = sections;
	if (!sections || !copy) {
		free(copy);
		scanner->out_of_memory = true;
		return false;
	}
	scanner->section = &sections[scan->section_count++];
	scanner->section->name = copy;
	scanner->section->line = line->number;
	return true;
}

/* false: refused and told. */
static bool scan_section(struct scanner *scanner, const struct logical_line *line,
			 struct slice text)
{
	const char *end = memchr(text.data, ']', text.size);
	struct slice name = { text.data + 1, end ? (size_t)(end - text.data) - 1 : 0 };
	const struct config_scan_section *same;
	char quoted[QUOTE_BYTES];

	scanner->section = NULL;
	scanner->section_refused = true;
	name = strip(name);
	same = find_section(scanner->scan, name);
	if (!end)
		tell(scanner, line, "the ']' of %s is missing", quote(quoted, text));
	else if (line->physical > 1)
		tell(scanner, line,
		     "the name of a section cannot go on in the next line; remove the '\\'");
	else if (end != text.data + text.size - 1)
		tell(scanner, line,
		     "nothing, not even a comment, may stand after the ']' of a section; put %s in "
		     "a line "
		     "of its own",
		     quote(quoted, strip((struct slice){
					   end + 1, text.size - (size_t)(end + 1 - text.data) })));
	else if (name.size == 0)
		tell(scanner, line,
		     "a section needs a name: [straitd], [source NAME] or [figure NAME]");
	else if (name.size > CONFIG_NAME_MAX_BYTES)
		tell(scanner, line, "the name of the section is longer than %u bytes",
		     CONFIG_NAME_MAX_BYTES);
	else if (memchr(name.data, ':', name.size))
		tell(scanner, line,
		     "the name of section %s has a ':', which separates sections from keys; take "
		     "another",
		     quote(quoted, name));
	else if (has_capital(name))
		tell(scanner, line,
		     "the name of section %s has capital letters; names are lower case",
		     quote(quoted, name));
	else if (scanner->scan->section_count == SECTIONS_MAX)
		tell(scanner, line, "the file has more than %u sections", SECTIONS_MAX);
	else if (same)
		tell(scanner, line,
		     "section [%s] is already in line %u; put its keys there, or give this one "
		     "another name",
		     same->name, same->line);
	else
		scanner->section_refused = !add_section(scanner, line, name);
	return !scanner->section_refused;
}

/* ── keys ──────────────────────────────────────────────────────────────────────────────────── */

static bool check_quoted(struct scanner *scanner, const struct logical_line *line, const char *key,
			 struct slice value)
{
	char quoted[QUOTE_BYTES];
	const char *end = memchr(value.data + 1, value.data[0], value.size - 1);
	struct slice rest;

	if (!end) {
		tell(scanner, line, "the value of '%s' begins with %c, and no second %c ends it",
		     key, value.data[0], value.data[0]);
		return false;
	}
	rest = strip((struct slice){ end + 1, value.size - (size_t)(end + 1 - value.data) });
	if (rest.size && rest.data[0] != '#' && rest.data[0] != ';') {
		tell(scanner, line,
		     "the value of '%s' ends at its second %c, and %s after it would be lost; a "
		     "value that has "
		     "one kind of quotes in it goes between the other kind",
		     key, value.data[0], quote(quoted, rest));
		return false;
	}
	if (rest.size && line->physical > 1) {
		tell(scanner, line,
		     "a line that goes on in the next one ('\\') cannot have a comment: it would "
		     "swallow it");
		return false;
	}
	return true;
}

static bool check_unquoted(struct scanner *scanner, const struct logical_line *line,
			   const char *key, struct slice value)
{
	char quoted[QUOTE_BYTES], left[QUOTE_BYTES];

	for (size_t i = 0; i < value.size; i++) {
		bool comment = value.data[i] == '#' || value.data[i] == ';';

		if (comment && i > 0 && !is_blank(value.data[i - 1])) {
			tell(scanner, line,
			     "'%c' begins a comment and would cut the value of '%s' to %s; put the "
			     "value between "
			     "quotes: %s = \"…\" (or a blank before a comment)",
			     value.data[i], key, quote(left, (struct slice){ value.data, i }), key);
			return false;
		}
		if (comment && line->physical > 1) {
			tell(scanner, line,
			     "a line that goes on in the next one ('\\') cannot have a comment: it "
			     "would swallow it");
			return false;
		}
		if (comment) {
			value = strip((struct slice){ value.data, i });
			break;
		}
		if (value.size - i >= 2 && memcmp(value.data + i, "\xc2\xa0", 2) == 0) {
			tell(scanner, line,
			     "the value of '%s' has a no-break space in it (copied from a web "
			     "page?): %s; write a "
			     "plain one, or put the value between quotes",
			     key, quote(quoted, value));
			return false;
		}
	}
	if (value.size == 0) {
		tell(scanner, line,
		     "key '%s' has no value; remove the line, or write %s = \"\" for an empty one",
		     key, key);
		return false;
	}
	return true;
}

static bool has_other_than_key(struct slice key)
{
	for (size_t i = 0; i < key.size; i++) {
		if (strchr(":[]\"';#", key.data[i]))
			return true;
	}
	return memmem(key.data, key.size, "\xc2\xa0", 2) != NULL;
}

static bool check_key_name(struct scanner *scanner, const struct logical_line *line,
			   struct slice key)
{
	char quoted[QUOTE_BYTES];

	if (key.size == 0)
		tell(scanner, line, "there is no key before the '='");
	else if (key.size > CONFIG_NAME_MAX_BYTES)
		tell(scanner, line, "the key is longer than %u bytes", CONFIG_NAME_MAX_BYTES);
	else if (has_capital(key))
		tell(scanner, line, "key %s has capital letters; keys are lower case",
		     quote(quoted, key));
	else if (has_other_than_key(key))
		tell(scanner, line, "key %s has a character in it that no key can have",
		     quote(quoted, key));
	else
		return true;
	return false;
}

static const struct config_scan_key *find_key(const struct config_scan_section *section,
					      struct slice name)
{
	for (size_t i = 0; i < section->key_count; i++) {
		const struct config_scan_key *key = &section->keys[i];

		if (strlen(key->name) == name.size && memcmp(key->name, name.data, name.size) == 0)
			return key;
	}
	return NULL;
}

static struct config_scan_key *add_key(struct scanner *scanner, const struct logical_line *line,
				       struct slice name)
{
	struct config_scan_section *section = scanner->section;
	struct config_scan_key *keys =
		config_grow(section->keys, section->key_count, sizeof(*keys));
	char *copy = strndup(name.data, name.size);

	if (keys)
		section->keys = keys;
	if (!keys || !copy) {
		free(copy);
		scanner->out_of_memory = true;
		return NULL;
	}
	keys += section->key_count++;
	keys->name = copy;
	keys->line = line->number;
	return keys;
}

static bool scan_value(struct scanner *scanner, const struct logical_line *line, const char *key,
		       struct slice value)
{
	if (value.size && (value.data[0] == '"' || value.data[0] == '\''))
		return check_quoted(scanner, line, key, value);
	return check_unquoted(scanner, line, key, value);
}

/* false: refused, and told unless its section was. */
static bool scan_key(struct scanner *scanner, const struct logical_line *line, struct slice text)
{
	const char *equals = memchr(text.data, '=', text.size);
	struct slice name, value;
	const struct config_scan_key *same;
	struct config_scan_key *key;
	char quoted[QUOTE_BYTES];

	if (!equals) {
		tell(scanner, line,
		     "%s is neither KEY = VALUE nor [SECTION]; a comment begins with '#'",
		     quote(quoted, text));
		return false;
	}
	name = strip((struct slice){ text.data, (size_t)(equals - text.data) });
	value = strip((struct slice){ equals + 1, text.size - (size_t)(equals + 1 - text.data) });
	if (!scanner->section) {
		if (!scanner->section_refused)
			tell(scanner, line,
			     "key %s stands before any section; put it below [straitd], [source "
			     "NAME] or "
			     "[figure NAME]",
			     quote(quoted, name));
		return false;
	}
	if (!check_key_name(scanner, line, name))
		return false;
	same = find_key(scanner->section, name);
	if (same) {
		tell(scanner, line,
		     "key '%s' of [%s] is already set in line %u; remove one of the two",
		     same->name, scanner->section->name, same->line);
		return false;
	}
	if (scanner->section->key_count == CONFIG_OPTIONS_MAX) {
		tell(scanner, line, "[%s] has more than %u keys", scanner->section->name,
		     CONFIG_OPTIONS_MAX);
		return false;
	}
	key = add_key(scanner, line, name);
	if (!key)
		return false;
	key->bad = !scan_value(scanner, line, key->name, value);
	return !key->bad;
}

/* ── lines ─────────────────────────────────────────────────────────────────────────────────── */

/* Characters that iniparser or the reader of the file would trip over. */
static bool check_characters(struct scanner *scanner, const struct logical_line *line)
{
	for (size_t i = 0; i < line->size;) {
		uint32_t code;
		size_t length = utf8_length(line->data + i, line->size - i, &code);

		if (length == 0 && line->data[i] != '\0') {
			tell(scanner, line, "byte 0x%02x is not UTF-8; save the file as UTF-8",
			     (unsigned char)line->data[i]);
			return false;
		}
		if (length == 0 || (code < ' ' && code != '\t') || (code >= 0x7f && code < 0xa0) ||
		    (code >= 0x200b && code <= 0x200f) || code == 0x2028 || code == 0x2029 ||
		    code == 0xfeff) {
			tell(scanner, line,
			     "there is an invisible character (U+%04X) in the line; remove it",
			     length ? (unsigned int)code : 0u);
			return false;
		}
		i += length;
	}
	return true;
}

/* false: the line must not reach iniparser. */
static bool scan_line(struct scanner *scanner, const struct logical_line *line)
{
	struct slice text = strip((struct slice){ line->data, line->size });

	if (text.size && (text.data[0] == '#' || text.data[0] == ';')) {
		if (line->physical > 1)
			tell(scanner, line,
			     "a comment that ends with '\\' goes on in the next line and swallows "
			     "it; end it "
			     "with something else");
		return false; /* nothing is lost with it */
	}
	if (line->too_long) {
		tell(scanner, line,
		     "the line is longer than %u bytes, with those that go on from it",
		     CONFIG_LINE_MAX_BYTES);
		return false;
	}
	if (line->open) {
		tell(scanner, line, "the file ends in the middle of a line that goes on ('\\')");
		return false;
	}
	if (text.size == 0)
		return true;
	if (!check_characters(scanner, line))
		return false;
	return text.data[0] == '[' ? scan_section(scanner, line, text)
				   : scan_key(scanner, line, text);
}

static bool ends_with_backslash(struct slice text)
{
	text = strip(text);
	return text.size && text.data[text.size - 1] == '\\';
}

/* Reads one line and what goes on from it exactly as iniparser_load() does: blanks at the end go
   first, then a backslash there joins the next line. */
static void next_line(const char *text, size_t size, size_t *position, struct logical_line *line)
{
	line->size = line->physical = 0;
	line->too_long = false;
	line->open = true;
	while (line->open && *position < size) {
		struct slice piece = { text + *position, size - *position };
		const char *end = memchr(piece.data, '\n', piece.size);
		size_t fits;

		if (end)
			piece.size = (size_t)(end - piece.data);
		*position += piece.size + (end != NULL);
		line->physical++;
		fits = CONFIG_LINE_MAX_BYTES - line->size;
		line->too_long |= piece.size > fits;
		if (fits > piece.size)
			fits = piece.size;
		memcpy(line->data + line->size, piece.data, fits);
		line->size += fits;
		if (line->too_long) {
			line->open = ends_with_backslash(piece);
			continue;
		}
		line->size = strip_end(line->data, line->size);
		line->open = line->size && line->data[line->size - 1] == '\\';
		line->size -= line->open;
	}
}

/* Leaves the good lines, and of the others their line ends. In place: what is written is never
   longer than what was read. */
static void scan_text(struct scanner *scanner)
{
	struct config_scan *scan = scanner->scan;
	struct logical_line line = { .number = 1 };
	size_t written = 0;

	for (size_t position = 0; position < scan->text_size;) {
		size_t start = position;

		next_line(scan->text, scan->text_size, &position, &line);
		if (scan_line(scanner, &line)) {
			memmove(scan->text + written, scan->text + start, position - start);
			written += position - start;
		} else if (scan->text[position - 1] == '\n') {
			memset(scan->text + written, '\n', line.physical);
			written += line.physical;
		}
		line.number += line.physical;
	}
	scan->text_size = written;
}

static bool starts_with(const char *text, size_t size, const char *prefix)
{
	return size >= strlen(prefix) && memcmp(text, prefix, strlen(prefix)) == 0;
}

int config_scan(const char *file, const char *text, size_t size, struct config_scan *ret_scan,
		struct config_errors *errors)
{
	struct config_scan scan = { 0 };
	struct scanner scanner = { .scan = &scan, .errors = errors, .file = file };

	if (starts_with(text, size, "\xff\xfe") || starts_with(text, size, "\xfe\xff")) {
		config_errors_add(errors, file, 1, "the file is UTF-16; save it as UTF-8");
		size = 0;
	}
	if (starts_with(text, size, "\xef\xbb\xbf")) {
		text += 3;
		size -= 3;
	}
	scan.text = malloc(size + 1);
	if (scan.text) {
		memcpy(scan.text, text, size);
		scan.text[size] = '\0';
		scan.text_size = size;
		scan_text(&scanner);
	}
	if (!scan.text || scanner.out_of_memory) {
		config_errors_add(errors, file, 0, "out of memory");
		config_scan_done(&scan);
		return -1;
	}
	*ret_scan = scan;
	return 0;
}

void config_scan_done(struct config_scan *scan)
{
	for (size_t i = 0; i < scan->section_count; i++) {
		for (size_t j = 0; j < scan->sections[i].key_count; j++)
			free(scan->sections[i].keys[j].name);
		free(scan->sections[i].keys);
		free(scan->sections[i].name);
	}
	free(scan->sections);
	free(scan->text);
	*scan = (struct config_scan){ 0 };
}
