/* SPDX-License-Identifier: MIT
 *
 * command_explain.c - straitctl explain: a figure's formula, its items, the releases behind them
 * and the places in those, as a tree.
 *
 * Process: straitctl. Invariant: nothing that comes out of a document reaches the terminal as a
 * control character.
 */
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "explain.h"
#include "output.h"

#define INPUTS_SHOWN 6 /* of one release; of more the first and the last */
#define DEPTH_MAX    4
#define HASH_SHOWN   16

/* ── drawing ───────────────────────────────────────────────────────────────────────────────── */

static const struct branches {
	const char *down, *fork, *last, *blank, *more;
} utf8 = { "│  ", "├─ ", "└─ ", "   ", "…" }, ascii = { "|  ", "|- ", "`- ", "   ", "..." };

struct tree {
	const struct branches *branches;
	bool last[DEPTH_MAX]; /* whether the present node of each level is its parent's last */
};

/* Begins the line of a node at that depth. */
static void node(struct tree *tree, int depth, bool last)
{
	for (int i = 0; i < depth; i++)
		fputs(tree->last[i] ? tree->branches->blank : tree->branches->down, stdout);
	fputs(last ? tree->branches->last : tree->branches->fork, stdout);
	tree->last[depth] = last;
}

/* A further line of the node at that depth, above what is below it. */
static void below(const struct tree *tree, int depth, bool has_children)
{
	for (int i = 0; i <= depth; i++)
		fputs(tree->last[i] ? tree->branches->blank : tree->branches->down, stdout);
	fputs(has_children ? tree->branches->down : tree->branches->blank, stdout);
}

/* C0 and C1 control characters as '?'; what is no UTF-8 stays for the terminal to show. */
static void put_bytes(const char *text, size_t size)
{
	const unsigned char *bytes = (const unsigned char *)text;

	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == 0xc2 && i + 1 < size && bytes[i + 1] >= 0x80 &&
		    bytes[i + 1] < 0xa0) {
			putchar('?');
			i++;
		} else if (bytes[i] == '\t') {
			putchar(' ');
		} else {
			putchar(bytes[i] < 0x20 || bytes[i] == 0x7f ? '?' : bytes[i]);
		}
	}
}

static void put_safe(const char *text)
{
	put_bytes(text, strlen(text));
}

/* A cell or line, without the blanks at its end. */
static void put_text(const char *text)
{
	size_t size = strlen(text);

	while (size > 0 && (text[size - 1] == '\r' || text[size - 1] == ' '))
		size--;
	printf("%s'", tint_begin(TINT_GOOD));
	put_bytes(text, size);
	printf("'%s\n", tint_end());
}

/* A single text stands behind its place; the first and the last of several on lines of their own.
 */
static void print_input(const struct tree *tree, const struct explain_input *input)
{
	bool both = input->first != NULL && input->last != NULL &&
		    strcmp(input->first, input->last) != 0;

	printf("%s  ", input->period);
	put_safe(input->locator);
	if (both) {
		putchar('\n');
		below(tree, 2, false);
		put_text(input->first);
		below(tree, 2, false);
		put_text(input->last);
	} else if (input->first != NULL) {
		fputs("  ", stdout);
		put_text(input->first);
	} else {
		putchar('\n');
	}
}

static void print_inputs(struct tree *tree, const struct explain_release *release, bool all)
{
	bool few = all || release->count <= INPUTS_SHOWN;

	for (size_t i = 0; i < release->count; i++) {
		bool last = i + 1 == release->count;

		if (!few && i == 1) {
			node(tree, 2, false);
			printf("%s %zu more in between; --all shows them\n", tree->branches->more,
			       release->count - 2);
		}
		if (!few && i > 0 && !last)
			continue;
		node(tree, 2, last);
		print_input(tree, &release->inputs[i]);
	}
}

static void print_release(struct tree *tree, const struct explain_release *release, bool last,
			  bool all)
{
	char published[TIME_TEXT_MAX], imported[TIME_TEXT_MAX];

	node(tree, 1, last);
	put_safe(release->name);
	if (release->url[0] != '\0')
		fputs("  ", stdout);
	put_safe(release->url);
	putchar('\n');
	below(tree, 1, release->count > 0);
	printf("sha256 %.*s%s  published %s  imported %s  by ", HASH_SHOWN, release->sha256,
	       tree->branches->more, time_text(release->published_at_ms, published),
	       time_text(release->imported_at_ms, imported));
	put_safe(release->plugin);
	printf(" (source %s)\n", release->source);
	if (release->trouble != NULL) {
		below(tree, 1, release->count > 0);
		fputs(tint_begin(TINT_WARN), stdout);
		put_safe(release->trouble);
		printf("%s\n", tint_end());
	}
	print_inputs(tree, release, all);
}

/* Length of what stands before the next of these signs; in a label's value they mean nothing. */
static size_t before_sign(const char *text, size_t size, const char *signs)
{
	bool label = false;

	for (size_t i = 0; i < size; i++) {
		if (text[i] == '{' || text[i] == '}')
			label = text[i] == '{';
		else if (!label && strchr(signs, text[i]) != NULL)
			return i;
	}
	return size;
}

/* A formula has no brackets and "+" binds more tightly than "/"; a reader expects the opposite. */
static void put_formula(const char *formula)
{
	size_t left = strlen(formula), side = before_sign(formula, left, "/~");

	if (side == left) {
		put_bytes(formula, left);
		return;
	}
	for (;;) {
		size_t blanks = strspn(formula, " "), size = side;
		bool sum = before_sign(formula, side, "+") < side;

		while (size > blanks && formula[size - 1] == ' ')
			size--;
		fputs(sum ? "(" : "", stdout);
		put_bytes(formula + blanks, size > blanks ? size - blanks : 0);
		fputs(sum ? ")" : "", stdout);
		if (side == left)
			return;
		printf(" %c ", formula[side]);
		formula += side + 1;
		left -= side + 1;
		side = before_sign(formula, left, "/~");
	}
}

static void print_tree(const struct explain *explain, bool all)
{
	struct tree tree = { .branches =
				     strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? &utf8 : &ascii };
	char number[NUMBER_TEXT_MAX];

	printf("%s = %s %s (%s%s%s)\n", explain->name, number_text(explain->value, number),
	       explain->unit, explain->status, explain->period[0] != '\0' ? ", " : "",
	       explain->period);
	fputs("formula ", stdout);
	put_formula(explain->formula);
	printf(", window %s\n", explain->window);
	for (size_t i = 0; i < explain->count; i++) {
		const struct explain_item *item = &explain->items[i];

		node(&tree, 0, i + 1 == explain->count);
		printf("%s%s%s%s%s\n", item->text, item->side[0] != '\0' ? "  (" : "", item->side,
		       item->side[0] != '\0' ? ")" : "", item->count == 0 ? "  no inputs" : "");
		for (size_t k = 0; k < item->count; k++)
			print_release(&tree, &item->releases[k], k + 1 == item->count, all);
	}
}

/* ── JSON ──────────────────────────────────────────────────────────────────────────────────── */

/* A text of a document need not be UTF-8: then "?" stands for every byte that is not ASCII. */
static json_t *text_json(const char *text)
{
	json_t *json = text != NULL ? json_string(text) : json_null();
	char *plain;

	if (json != NULL)
		return json;
	plain = strdup(text);
	for (char *at = plain; at != NULL && *at != '\0'; at++)
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	json = plain != NULL ? json_string(plain) : NULL;
	free(plain);
	return json;
}

static json_t *release_json(const struct explain_release *release, bool show)
{
	json_t *inputs = json_array();

	for (size_t i = 0; i < release->count; i++) {
		const struct explain_input *input = &release->inputs[i];
		json_t *json =
			json_pack("{s:s, s:s}", "period", input->period, "locator", input->locator);

		if (show && json != NULL) {
			(void)json_object_set_new(json, "text", text_json(input->first));
			if (input->last != NULL)
				(void)json_object_set_new(json, "last_text",
							  text_json(input->last));
		}
		(void)json_array_append_new(inputs, json);
	}
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:b, s:o, s:o}",
			 "name", release->name, "url", release->url, "sha256", release->sha256,
			 "source", release->source, "plugin", release->plugin, "dataset",
			 release->dataset, "size", (json_int_t)release->size, "offset",
			 (json_int_t)release->offset, "published_at",
			 time_json(release->published_at_ms), "imported_at",
			 time_json(release->imported_at_ms), "kept", (int)release->kept, "trouble",
			 text_json(release->trouble), "inputs", inputs);
}

static void print_json(const struct explain *explain, bool show)
{
	json_t *items = json_array();

	for (size_t i = 0; i < explain->count; i++) {
		const struct explain_item *item = &explain->items[i];
		json_t *releases = json_array();

		for (size_t k = 0; k < item->count; k++)
			(void)json_array_append_new(releases,
						    release_json(&item->releases[k], show));
		(void)json_array_append_new(items,
					    json_pack("{s:s, s:s, s:o}", "item", item->text, "side",
						      item->side, "releases", releases));
	}
	json_line(json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:o}", "name", explain->name,
			    "value", number_json(explain->value), "unit", explain->unit, "status",
			    explain->status, "period", explain->period, "formula", explain->formula,
			    "window", explain->window, "items", items));
}

enum exit_code command_explain(struct arguments *arguments)
{
	bool all = arguments->all || arguments->json;
	struct explain explain;
	enum exit_code code = explain_read(&arguments->client, arguments->words[0],
					   arguments->as_of_ms, &explain);

	if (code != EXIT_GOOD)
		return code;
	if (arguments->show)
		explain_show(&arguments->client, &explain, all ? 0 : INPUTS_SHOWN);
	if (arguments->json)
		print_json(&explain, arguments->show);
	else
		print_tree(&explain, arguments->all);
	explain_done(&explain);
	return EXIT_GOOD;
}
