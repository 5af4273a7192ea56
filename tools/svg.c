/* SPDX-License-Identifier: MIT
 *
 * svg.c - columns, lines, steps and shares as inline SVG.
 *
 * Process: straitctl. Pure but for the stream. Invariant: a missing value leaves a gap and is never
 * drawn as zero; scales of columns and shares begin at zero. It must never write a colour or a
 * number from the locale.
 */
#include "svg.h"

#include <math.h>
#include <stdlib.h>

#include "report_html.h"

#define HEIGHT	     240.0 /* of a chart, in px */
#define TOP	     18.0  /* above the highest grid line: its number stands there */
#define BASE	     214.0 /* the line of zero; below it the words of the axis */
#define AXIS_TEXT    230.0
#define LABEL_HEIGHT 13.0 /* of a line of text */
#define LINES_WIDTH  88.0 /* percent; to the right the labels of the lines */
#define COLUMNS_LEFT 6.0  /* percent; to the left the numbers of the scale */
#define LABELS_MAX   64
#define SHARE_HEIGHT 28.0
#define STEPS_HEIGHT 150.0
#define GRID_LINES   5

struct scale {
	double low, high, step;
	double top, base; /* in px */
};

static double y_of(const struct scale *scale, double value)
{
	return scale->base -
	       (value - scale->low) / (scale->high - scale->low) * (scale->base - scale->top);
}

/* Grid lines at 1, 2 or 5 times a power of ten. */
static double round_step(double span)
{
	double rough = span / GRID_LINES, power = pow(10, floor(log10(rough)));
	double times = rough / power;

	return power * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10);
}

static struct scale scale_from_zero(double max)
{
	struct scale scale = { .top = TOP, .base = BASE };

	if (!(max > 0))
		max = 1;
	scale.step = round_step(max);
	if (scale.step < 1 && max >= 1) /* of people there are no halves */
		scale.step = 1;
	scale.high = scale.step * ceil(max / scale.step);
	return scale;
}

static void begin(FILE *out, const struct svg_words *words, double height)
{
	fprintf(out,
		"<svg role=\"img\" width=\"100%%\" height=\"%.0f\" aria-labelledby=\"%s-t %s-d\">"
		"<title id=\"%s-t\">",
		height, words->id, words->id, words->id);
	html_text(out, words->title);
	fprintf(out, "</title><desc id=\"%s-d\">", words->id);
	html_text(out, words->desc);
	fputs("</desc>\n", out);
}

static void end(FILE *out)
{
	fputs("</svg>\n", out);
}

/* anchor: start, middle or end; dx in px */
static void text_beside(FILE *out, double x, double dx, double y, const char *anchor,
			const char *class, const char *text)
{
	fprintf(out, "<text x=\"%.2f%%\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\"", x, y, anchor,
		class);
	if (dx != 0)
		fprintf(out, " dx=\"%.0f\"", dx);
	fputs(">", out);
	html_text(out, text);
	fputs("</text>", out);
}

static void text_at(FILE *out, double x, double y, const char *anchor, const char *class,
		    const char *text)
{
	text_beside(out, x, /* dx= */ 0, y, anchor, class, text);
}

static void grid(FILE *out, const struct scale *scale, double width)
{
	int lines = (int)lround((scale->high - scale->low) / scale->step);

	fputs("<g aria-hidden=\"true\">", out);
	for (int i = 0; i <= lines; i++) {
		double value = scale->low + i * scale->step, y = y_of(scale, value);

		fprintf(out, "<line x1=\"0\" x2=\"%.0f%%\" y1=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>",
			width, y, y, i == 0 ? "base" : "grid");
	}
	fputs("</g>\n", out);
}

/* After the marks, so that the numbers stand on top of them. */
static void grid_numbers(FILE *out, const struct scale *scale)
{
	int lines = (int)lround((scale->high - scale->low) / scale->step);

	fputs("<g aria-hidden=\"true\">", out);
	for (int i = 1; i <= lines; i++) {
		double value = scale->low + i * scale->step;
		char text[GROUPED_TEXT_MAX];

		text_at(out, 0, y_of(scale, value) - 4, "start", "axis", grouped_text(value, text));
	}
	fputs("</g>\n", out);
}

/* Words near an edge are set against it, so that none is cut. */
static const char *anchor_at(double x)
{
	return x < 5 ? "start" : x > 95 ? "end" : "middle";
}

/* left: where the first slot begins; offset: of a tick, in slots */
static void axis(FILE *out, const struct svg_tick *ticks, size_t count, double left, double slot,
		 double offset)
{
	fputs("<g aria-hidden=\"true\">", out);
	for (size_t i = 0; i < count; i++) {
		double x = left + ((double)ticks[i].at + offset) * slot;

		fprintf(out,
			"<line x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%.0f\" y2=\"%.0f\" "
			"class=\"base\"/>",
			x, x, BASE, BASE + 4);
		text_at(out, x, AXIS_TEXT, anchor_at(x), "axis", ticks[i].text);
	}
	fputs("</g>\n", out);
}

static double greatest(const double *values, size_t count, double at_least)
{
	for (size_t i = 0; values != NULL && i < count; i++)
		at_least = values[i] > at_least ? values[i] : at_least;
	return at_least;
}

static void columns_layer(FILE *out, const struct svg_columns *chart, const struct scale *scale,
			  size_t layer)
{
	double slot = (100 - COLUMNS_LEFT) / (double)chart->count;

	fprintf(out, "<g class=\"%s\">", chart->classes[layer]);
	for (size_t i = 0; i < chart->count; i++) {
		double below = 0, value = chart->layers[layer][i];

		for (size_t lower = 0; lower < layer; lower++)
			below += isnan(chart->layers[lower][i]) ? 0 : chart->layers[lower][i];
		if (!(value > 0))
			continue;
		fprintf(out, "<rect x=\"%.2f%%\" y=\"%.1f\" width=\"%.2f%%\" height=\"%.1f\"/>",
			COLUMNS_LEFT + ((double)i + 0.1) * slot, y_of(scale, below + value),
			0.8 * slot, y_of(scale, below) - y_of(scale, below + value));
	}
	fputs("</g>\n", out);
}

static void columns_gaps(FILE *out, const struct svg_columns *chart)
{
	double slot = (100 - COLUMNS_LEFT) / (double)chart->count;

	fputs("<g class=\"gap\">", out);
	for (size_t i = 0; i < chart->count; i++) {
		if (isnan(chart->layers[0][i]))
			fprintf(out,
				"<rect x=\"%.2f%%\" y=\"%.0f\" width=\"%.2f%%\" height=\"%.0f\"/>",
				COLUMNS_LEFT + (double)i * slot, TOP, slot, BASE - TOP);
	}
	fputs("</g>\n", out);
}

static void columns_line(FILE *out, const struct svg_columns *chart, const struct scale *scale)
{
	double slot = (100 - COLUMNS_LEFT) / (double)chart->count;

	fputs("<g class=\"line strong\">", out);
	for (size_t i = 1; i < chart->count; i++) {
		if (isnan(chart->line[i - 1]) || isnan(chart->line[i]))
			continue;
		fprintf(out, "<line x1=\"%.2f%%\" y1=\"%.1f\" x2=\"%.2f%%\" y2=\"%.1f\"/>",
			COLUMNS_LEFT + ((double)i - 0.5) * slot, y_of(scale, chart->line[i - 1]),
			COLUMNS_LEFT + ((double)i + 0.5) * slot, y_of(scale, chart->line[i]));
	}
	fputs("</g>\n", out);
}

static void columns_marks(FILE *out, const struct svg_columns *chart, const struct scale *scale)
{
	double slot = (100 - COLUMNS_LEFT) / (double)chart->count;

	fputs("<g class=\"mark\">", out);
	for (size_t i = 0; i < chart->count; i++) {
		if (isnan(chart->marks[i]))
			continue;
		fprintf(out, "<line x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%.1f\" y2=\"%.1f\"/>",
			COLUMNS_LEFT + ((double)i + 0.02) * slot,
			COLUMNS_LEFT + ((double)i + 0.98) * slot, y_of(scale, chart->marks[i]),
			y_of(scale, chart->marks[i]));
	}
	fputs("</g>\n", out);
}

void svg_columns(FILE *out, const struct svg_columns *chart)
{
	double max = greatest(chart->marks, chart->count,
			      greatest(chart->line, chart->count, /* at_least= */ 0));
	struct scale scale;

	for (size_t i = 0; i < chart->count; i++) {
		double sum = 0;

		for (size_t layer = 0; layer < chart->layer_count; layer++)
			sum += isnan(chart->layers[layer][i]) ? 0 : chart->layers[layer][i];
		max = sum > max ? sum : max;
	}
	scale = scale_from_zero(max);
	begin(out, &chart->words, HEIGHT);
	columns_gaps(out, chart);
	grid(out, &scale, 100);
	for (size_t layer = 0; layer < chart->layer_count; layer++)
		columns_layer(out, chart, &scale, layer);
	if (chart->line != NULL)
		columns_line(out, chart, &scale);
	if (chart->marks != NULL)
		columns_marks(out, chart, &scale);
	grid_numbers(out, &scale);
	axis(out, chart->ticks, chart->tick_count, COLUMNS_LEFT,
	     (100 - COLUMNS_LEFT) / (double)chart->count, /* offset= */ 0.5);
	end(out);
}

struct label {
	const struct svg_line *line;
	double x, y;
};

static int compare_labels(const void *a, const void *b)
{
	double first = ((const struct label *)a)->y, second = ((const struct label *)b)->y;

	return first > second ? -1 : first < second;
}

/* Labels at the right edge are moved up until none covers another. */
static void lines_labels(FILE *out, const struct svg_lines *chart, const struct scale *scale)
{
	struct label labels[LABELS_MAX] = { 0 };
	size_t count = 0;
	double free_above = BASE + LABEL_HEIGHT / 2;

	for (size_t i = 0; i < chart->line_count && count < LABELS_MAX; i++) {
		const struct svg_line *line = &chart->lines[i];

		if (line->count == 0)
			continue;
		labels[count++] = (struct label){
			.line = line,
			.x = (double)line->count / (double)chart->count * LINES_WIDTH + 1,
			.y = y_of(scale, line->values[line->count - 1]) + 4,
		};
	}
	if (count)
		qsort(labels, count, sizeof(*labels), compare_labels);
	for (size_t i = 0; i < count; i++) {
		bool at_edge = labels[i].x > LINES_WIDTH - 5;

		if (at_edge) {
			labels[i].x = LINES_WIDTH + 1;
			labels[i].y = fmin(labels[i].y, free_above);
			free_above = labels[i].y - LABEL_HEIGHT;
		}
		text_at(out, labels[i].x, labels[i].y, "start",
			labels[i].line->strong ? "label strong" : "label", labels[i].line->label);
	}
	fputs("\n", out);
}

void svg_lines(FILE *out, const struct svg_lines *chart)
{
	double max = 0, slot = LINES_WIDTH / (double)chart->count;
	struct scale scale;

	for (size_t i = 0; i < chart->line_count; i++)
		max = greatest(chart->lines[i].values, chart->lines[i].count, max);
	scale = scale_from_zero(max);
	begin(out, &chart->words, HEIGHT);
	grid(out, &scale, LINES_WIDTH);
	grid_numbers(out, &scale);
	for (size_t i = 0; i < chart->line_count; i++) {
		const struct svg_line *line = &chart->lines[i];
		size_t last = 0;

		fprintf(out, "<g class=\"line%s\">", line->strong ? " strong" : "");
		/* one stroke a week is as fine as anybody can see */
		for (size_t day = 1; day < line->count; day++) {
			if (day - last < 7 && day + 1 < line->count)
				continue;
			fprintf(out, "<line x1=\"%.2f%%\" y1=\"%.1f\" x2=\"%.2f%%\" y2=\"%.1f\"/>",
				(double)(last + 1) * slot, y_of(&scale, line->values[last]),
				(double)(day + 1) * slot, y_of(&scale, line->values[day]));
			last = day;
		}
		fputs("</g>\n", out);
	}
	lines_labels(out, chart, &scale);
	axis(out, chart->ticks, chart->tick_count, /* left= */ 0, slot, /* offset= */ 0);
	end(out);
}

static struct scale scale_of_steps(const struct svg_steps *chart)
{
	struct scale scale = { .low = INFINITY, .high = -INFINITY, .step = 1 };
	double margin;

	for (size_t i = 0; i < chart->count; i++) {
		scale.low = fmin(scale.low, chart->steps[i].value);
		scale.high = fmax(scale.high, chart->steps[i].value);
	}
	margin = scale.high > scale.low ? (scale.high - scale.low) * 0.1 : 1;
	scale.low -= margin;
	scale.high += margin;
	scale.top = TOP;
	scale.base = STEPS_HEIGHT - 28;
	return scale;
}

void svg_steps(FILE *out, const struct svg_steps *chart)
{
	struct scale scale = scale_of_steps(chart);

	begin(out, &chart->words, STEPS_HEIGHT);
	fprintf(out,
		"<line x1=\"0\" x2=\"100%%\" y1=\"%.1f\" y2=\"%.1f\" class=\"base\"/>"
		"<g class=\"line strong\">",
		scale.base, scale.base);
	for (size_t i = 0; i < chart->count; i++) {
		const struct svg_step *step = &chart->steps[i];
		double y = y_of(&scale, step->value);
		double x = 2 + 92 * step->at;
		double next = i + 1 < chart->count ? 2 + 92 * chart->steps[i + 1].at : 96;

		if (isnan(step->value))
			continue;
		fprintf(out, "<line x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%.1f\" y2=\"%.1f\"/>", x, next,
			y, y);
		if (i + 1 < chart->count && !isnan(chart->steps[i + 1].value))
			fprintf(out, "<line x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%.1f\" y2=\"%.1f\"/>",
				next, next, y, y_of(&scale, chart->steps[i + 1].value));
	}
	fputs("</g>\n<g class=\"dot\">", out);
	for (size_t i = 0; i < chart->count; i++) {
		if (!isnan(chart->steps[i].value))
			fprintf(out, "<circle cx=\"%.2f%%\" cy=\"%.1f\" r=\"3\"/>",
				2 + 92 * chart->steps[i].at, y_of(&scale, chart->steps[i].value));
	}
	fputs("</g>\n", out);
	for (size_t i = 0; i < chart->count; i++) {
		const struct svg_step *step = &chart->steps[i];

		if (step->label != NULL && !isnan(step->value))
			text_beside(out, 2 + 92 * step->at, step->at > 0.9 ? -6 : 6,
				    y_of(&scale, step->value) - 7, step->at > 0.9 ? "end" : "start",
				    "label strong", step->label);
	}
	text_at(out, 0, STEPS_HEIGHT - 10, "start", "axis", chart->from);
	text_at(out, 100, STEPS_HEIGHT - 10, "end", "axis", chart->to);
	end(out);
}

void svg_share(FILE *out, const struct svg_words *words, const struct svg_part *parts, size_t count)
{
	double whole = 0, before = 0;

	for (size_t i = 0; i < count; i++)
		whole += parts[i].value > 0 ? parts[i].value : 0;
	begin(out, words, SHARE_HEIGHT);
	for (size_t i = 0; i < count && whole > 0; i++) {
		if (!(parts[i].value > 0))
			continue;
		fprintf(out,
			"<rect x=\"%.2f%%\" y=\"0\" width=\"%.2f%%\" height=\"%.0f\" "
			"class=\"%s part\"/>",
			100 * before / whole, 100 * parts[i].value / whole, SHARE_HEIGHT,
			parts[i].class);
		before += parts[i].value;
	}
	fputs("\n", out);
	end(out);
}
