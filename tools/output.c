/* SPDX-License-Identifier: MIT
 *
 * output.c - numbers, times, tables, JSON lines and the progress bar of straitctl.
 *
 * Process: straitctl. It owns stdout. Invariant: a JSON line is complete and flushed before
 * anything else happens, so that a reader of a pipe can act on it. It must never print what is not
 * on the bus.
 */
#include "output.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client.h"
#include "period.h"

#define EXACT_INTEGERS 9007199254740992.0 /* 2^53: a double holds every whole number up to here */
#define BAR_WIDTH      30

static _Noreturn void out_of_memory(void)
{
	fputs("straitctl: out of memory\n", stderr);
	exit(EXIT_FAILED);
}

static bool is_whole(double value)
{
	return isfinite(value) && fabs(value) <= EXACT_INTEGERS && floor(value) == value;
}

const char *number_text(double value, char buffer[NUMBER_TEXT_MAX])
{
	if (isnan(value))
		(void)snprintf(buffer, NUMBER_TEXT_MAX, "-");
	else if (is_whole(value))
		(void)snprintf(buffer, NUMBER_TEXT_MAX, "%.0f", value + 0.0); /* + 0.0: no "-0" */
	else if (fabs(value) >= 1000 && fabs(value) <= EXACT_INTEGERS)
		(void)snprintf(buffer, NUMBER_TEXT_MAX, "%.1f", value);
	else
		(void)snprintf(buffer, NUMBER_TEXT_MAX, "%.4g", value);
	return buffer;
}

const char *time_text(int64_t ms, char buffer[TIME_TEXT_MAX])
{
	char text[PERIOD_TEXT_MAX];
	int64_t fraction = ((ms % 1000) + 1000) % 1000;

	(void)snprintf(buffer, TIME_TEXT_MAX, "%s",
		       ms == 0 ? "-" : time_format(ms - fraction, text));
	return buffer;
}

json_t *number_json(double value)
{
	if (!isfinite(value))
		return json_null();
	return is_whole(value) ? json_integer((json_int_t)value) : json_real(value);
}

json_t *time_json(int64_t ms)
{
	char text[PERIOD_TEXT_MAX];

	return ms == 0 ? json_null() : json_string(time_format(ms, text));
}

/* Digits with which every real number in the value is read back the same. */
static size_t digits_needed(json_t *value, size_t digits)
{
	const char *key;
	json_t *member;
	size_t index;

	if (json_is_real(value)) {
		char text[NUMBER_TEXT_MAX];
		double number = json_real_value(value);

		do {
			(void)snprintf(text, sizeof(text), "%.*g", (int)digits, number);
		} while (strtod(text, NULL) != number && ++digits < 17);
	}
	json_object_foreach(value, key, member) digits = digits_needed(member, digits);
	json_array_foreach(value, index, member) digits = digits_needed(member, digits);
	return digits;
}

void json_put_line(json_t *object, FILE *out)
{
	if (object == NULL ||
	    json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(digits_needed(object, 6))) !=
		    0) {
		/* Out of memory, or text from the bus that is no UTF-8, which D-Bus rules out. */
		out_of_memory();
	}
	json_decref(object);
	(void)putc('\n', out);
}

void output_at_once(const char *text, size_t size)
{
	while (size > 0) {
		ssize_t written = write(STDOUT_FILENO, text, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			perror("straitctl: cannot write to standard output");
			exit(EXIT_FAILED);
		}
		text += written;
		size -= (size_t)written;
	}
}

void json_line(json_t *object)
{
	json_put_line(object, stdout);
	if (fflush(stdout) != 0) {
		perror("straitctl: cannot write to standard output");
		exit(EXIT_FAILED);
	}
}

static bool colours(void)
{
	const char *no_color = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0');
}

const char *tint_begin(enum tint tint)
{
	if (!colours())
		return "";
	switch (tint) {
	case TINT_NONE:
		return "";
	case TINT_GOOD:
		return "\033[32m";
	case TINT_WARN:
		return "\033[33m";
	case TINT_BAD:
		return "\033[31;1m";
	case TINT_DIM:
		return "\033[2m";
	}
	return "";
}

const char *tint_end(void)
{
	return colours() ? "\033[0m" : "";
}

struct table {
	struct libscols_table *scols;
	struct libscols_line *line;
	size_t columns, next;
};

struct table *table_new(const struct table_column *columns, size_t count)
{
	struct table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		out_of_memory();
	scols_init_debug(0);
	table->scols = scols_new_table();
	if (table->scols == NULL)
		out_of_memory();
	table->columns = count;
	(void)scols_table_enable_colors(table->scols, colours());
	for (size_t i = 0; i < count; i++) {
		int flags = columns[i].right ? SCOLS_FL_RIGHT : 0;

		if (scols_table_new_column(table->scols, columns[i].heading, 0, flags) == NULL)
			out_of_memory();
	}
	return table;
}

void table_may_cut(struct table *table, size_t column)
{
	struct libscols_column *cut = scols_table_get_column(table->scols, column);

	if (isatty(STDOUT_FILENO) && cut != NULL)
		(void)scols_column_set_flags(cut, SCOLS_FL_TRUNC); /* else lines are folded */
}

void table_row(struct table *table)
{
	table->line = scols_table_new_line(table->scols, NULL);
	if (table->line == NULL)
		out_of_memory();
	table->next = 0;
}

void table_cell(struct table *table, const char *text, enum tint tint)
{
	const char *sequence = tint_begin(tint);
	struct libscols_cell *cell;

	if (scols_line_set_data(table->line, table->next, text[0] != '\0' ? text : "-") != 0)
		out_of_memory();
	cell = scols_line_get_cell(table->line, table->next);
	if (sequence[0] != '\0' && cell != NULL && scols_cell_set_color(cell, sequence) != 0)
		out_of_memory();
	table->next++;
}

void table_print(struct table *table)
{
	if (!scols_table_is_empty(table->scols))
		(void)scols_print_table(table->scols);
	scols_unref_table(table->scols);
	free(table);
}

void progress_begin(struct progress *progress, bool quiet)
{
	progress->shown = !quiet && isatty(STDERR_FILENO);
	progress->percent = -1;
}

void progress_set(struct progress *progress, const char *what, double fraction)
{
	int percent = fraction < 0 ? 0 : fraction > 1 ? 100 : (int)(fraction * 100);
	int filled = percent * BAR_WIDTH / 100;

	if (!progress->shown || percent == progress->percent)
		return;
	progress->percent = percent;
	fprintf(stderr, "\r\033[K[%.*s%*s] %3d %%  %.200s", filled,
		"##############################", BAR_WIDTH - filled, "", percent, what);
	(void)fflush(stderr); /* a lost bar hurts nobody */
}

void progress_end(struct progress *progress)
{
	if (progress->shown && progress->percent >= 0)
		fputs("\r\033[K", stderr);
	progress->percent = -1;
}
