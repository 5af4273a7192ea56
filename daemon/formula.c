/* SPDX-License-Identifier: MIT
 *
 * formula.c - a recursive-descent parser of the figure language (grammar: formula.h). Main process;
 * pure.
 *
 * Invariant: whatever the text, a failed parse leaves nothing to free, and every name it accepts is
 * [a-z0-9_.-]+.
 */
#include "formula.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct parser {
	const char *text, *at;
	struct fault *fault;
	bool no_memory; /* then whatever is missing is not the text's fault */
};

static const struct {
	const char *name;
	enum formula_function function;
	bool takes_argument;
} functions[] = {
	{ "sum", FORMULA_SUM, false },
	{ "count", FORMULA_COUNT, false },
	{ "max", FORMULA_MAX, false },
	{ "mean", FORMULA_MEAN, false },
	{ "percentile", FORMULA_PERCENTILE, true },
	{ "below", FORMULA_BELOW, true },
	{ "change", FORMULA_CHANGE, false },
};

static const struct {
	const char *name;
	enum window_kind kind;
} windows[] = {
	{ "latest", WINDOW_LATEST },
	{ "previous", WINDOW_PREVIOUS },
	{ "last_7_days", WINDOW_LAST_7_DAYS },
	{ "last_28_days", WINDOW_LAST_28_DAYS },
	{ "month_to_date", WINDOW_MONTH_TO_DATE },
	{ "year_to_date", WINDOW_YEAR_TO_DATE },
	{ "total", WINDOW_TOTAL },
	{ "record", WINDOW_RECORD },
};

static void skip_blanks(struct parser *parser)
{
	while (*parser->at == ' ' || *parser->at == '\t')
		parser->at++;
}

static int expected(struct parser *parser, const char *what)
{
	if (parser->no_memory)
		return fault_set(parser->fault, FAULT_MEMORY, "formula '%s': out of memory",
				 parser->text);
	return fault_set(parser->fault, FAULT_BAD_ARGUMENT,
			 "formula '%s': expected %s at character %zu", parser->text, what,
			 (size_t)(parser->at - parser->text) + 1);
}

static bool take(struct parser *parser, char wanted)
{
	skip_blanks(parser);
	if (*parser->at != wanted)
		return false;
	parser->at++;
	return true;
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

/* A run of characters up to one of the stops, without blanks round it; to be freed. */
static char *take_text(struct parser *parser, bool (*accepts)(char c))
{
	const char *start;
	char *text;

	skip_blanks(parser);
	start = parser->at;
	while (accepts(*parser->at))
		parser->at++;
	text = strndup(start, (size_t)(parser->at - start));
	parser->no_memory = parser->no_memory || !text;
	while (text && *text && text[strlen(text) - 1] == ' ')
		text[strlen(text) - 1] = '\0';
	return text;
}

static bool is_label_value(char c)
{
	return c != '\0' && c != ',' && c != '}' && c != '{' && c != '=' && (unsigned char)c >= ' ';
}

static int parse_labels(struct parser *parser, struct formula_item *item)
{
	do {
		struct label *label = &item->labels[item->label_count];

		if (item->label_count == STRAIT_LABELS_MAX)
			return expected(parser, "at most 4 labels");
		item->label_count++;
		label->key = take_text(parser, is_name);
		if (!label->key || !*label->key)
			return expected(parser, "a label's key");
		if (!take(parser, '='))
			return expected(parser, "'='");
		label->value = take_text(parser, is_label_value);
		if (!label->value || !*label->value)
			return expected(parser, "a label's value");
	} while (take(parser, ','));
	return take(parser, '}') ? 0 : expected(parser, "',' or '}'");
}

static int parse_series(struct parser *parser, struct formula_item *item)
{
	free(item->metric);
	item->metric = take_text(parser, is_name);
	if (!item->metric || !*item->metric)
		return expected(parser, "the name of a metric");
	return take(parser, '{') ? parse_labels(parser, item) : 0;
}

static int parse_argument(struct parser *parser, struct formula_item *item)
{
	char *end;

	if (!take(parser, ','))
		return expected(parser, "',' and a number");
	skip_blanks(parser);
	item->argument = strtod(parser->at, &end);
	if (end == parser->at || !isfinite(item->argument))
		return expected(parser, "a number");
	if (item->function == FORMULA_PERCENTILE && (item->argument < 0 || item->argument > 100))
		return expected(parser, "a percentile from 0 to 100");
	parser->at = end;
	return 0;
}

static int parse_item(struct parser *parser, struct formula_item *item)
{
	char *word = take_text(parser, is_name);
	bool takes_argument = false;

	item->function = 0;
	item->metric = word;
	if (!word || !*word)
		return expected(parser, "a metric or a function");
	if (!take(parser, '(')) {
		item->function = FORMULA_SUM;
		return take(parser, '{') ? parse_labels(parser, item) : 0;
	}
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (strcmp(word, functions[i].name) == 0) {
			item->function = functions[i].function;
			takes_argument = functions[i].takes_argument;
		}
	}
	if (!item->function)
		return fault_set(
			parser->fault, FAULT_BAD_ARGUMENT,
			"formula '%s': no function '%s'; there are sum, count, max, mean, percentile, below, change",
			parser->text, word);
	if (parse_series(parser, item) < 0 || (takes_argument && parse_argument(parser, item) < 0))
		return -1;
	return take(parser, ')') ? 0 : expected(parser, "')'");
}

static int parse_side(struct parser *parser, struct formula *formula, size_t side)
{
	do {
		if (formula->counts[side] == FORMULA_ITEMS_MAX)
			return expected(parser, "at most 8 terms");
		if (parse_item(parser, &formula->items[side][formula->counts[side]++]) < 0)
			return -1;
	} while (take(parser, '+'));
	return 0;
}

int formula_parse(const char *text, struct formula *ret_formula, struct fault *fault)
{
	struct parser parser = { .text = text, .at = text, .fault = fault };
	struct formula formula = { 0 };

	if (parse_side(&parser, &formula, 0) < 0)
		goto failed;
	if (take(&parser, '/') && parse_side(&parser, &formula, 1) < 0)
		goto failed;
	skip_blanks(&parser);
	if (*parser.at) {
		(void)expected(&parser, "'+', '/' or the end");
		goto failed;
	}
	*ret_formula = formula;
	return 0;
failed:
	formula_done(&formula);
	return -1;
}

void formula_done(struct formula *formula)
{
	for (size_t side = 0; side < 2; side++) {
		for (size_t i = 0; i < formula->counts[side]; i++) {
			struct formula_item *item = &formula->items[side][i];

			free(item->metric);
			for (size_t k = 0; k < item->label_count; k++) {
				free((char *)(uintptr_t)item->labels[k].key);
				free((char *)(uintptr_t)item->labels[k].value);
			}
		}
	}
	*formula = (struct formula){ 0 };
}

int window_parse(const char *text, struct window *ret_window, struct fault *fault)
{
	struct period period;

	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
		if (strcmp(text, windows[i].name) == 0) {
			*ret_window = (struct window){ .kind = windows[i].kind };
			return 0;
		}
	}
	if (!period_parse(text, &period))
		return fault_set(
			fault, FAULT_BAD_PERIOD,
			"'%s' is no window and no period; write latest, previous, last_7_days, last_28_days, month_to_date, year_to_date, total, record, or a period such as 2020, 2020-Q3, 2020-09-02, 2020-01/2020-05",
			text);
	*ret_window = (struct window){ .kind = WINDOW_FIXED, .fixed = period };
	return 0;
}

int formula_parse_name(const char *name, struct formula *ret_formula, struct window *ret_window,
		       struct fault *fault)
{
	const char *brace = strrchr(name, '}');
	const char *dot = strrchr(brace ? brace : name, '.');
	struct fault why = { .kind = FAULT_NONE };
	char series[FIGURE_NAME_MAX];

	if (!dot || dot == name || !dot[1] || (size_t)(dot - name) >= sizeof(series))
		goto unknown;
	memcpy(series, name, (size_t)(dot - name));
	series[dot - name] = '\0';
	if (formula_parse(series, ret_formula, &why) < 0)
		goto unknown;
	if (window_parse(dot + 1, ret_window, fault) == 0)
		return 0;
	formula_done(ret_formula);
	return -1;
unknown:
	if (why.kind == FAULT_MEMORY)
		return fault_set(fault, FAULT_MEMORY, "%s", why.text);
	return fault_set(fault, FAULT_NO_SUCH_FIGURE, "no figure '%.100s'", name);
}
