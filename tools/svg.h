/* SPDX-License-Identifier: MIT
 *
 * svg.h - charts as inline SVG. Across they are measured in percent and down in pixels, so a chart
 * takes the width there is and its letters keep their size, on a telephone as on paper. Each has
 * <title> and <desc>, its colours come from the page's style sheet by class.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define SVG_LAYERS_MAX 3
#define SVG_PARTS_MAX  8

/* What every chart has. id is a name that is unique on the page. */
struct svg_words {
	const char *id, *title, *desc;
};

struct svg_tick {
	size_t at; /* slot */
	const char *text;
};

/* Columns from left to right, one a slot, of layers stacked on each other. NaN in the first layer
   is a slot without a value: a band, which is not the same as the nothing of a zero. */
struct svg_columns {
	struct svg_words words;
	size_t count;
	const double *layers[SVG_LAYERS_MAX];
	const char *classes[SVG_LAYERS_MAX];
	size_t layer_count;
	const double *line;  /* a line over the slots' middles, broken at NaN; or NULL */
	const double *marks; /* a stroke across each slot; or NULL */
	const struct svg_tick *ticks;
	size_t tick_count;
};
void svg_columns(FILE *out, const struct svg_columns *chart);

struct svg_line {
	const double *values; /* one a slot */
	size_t count;
	const char *label; /* written at its end */
	bool strong;
};
/* Lines from the first slot on, over a scale that begins at zero. */
struct svg_lines {
	struct svg_words words;
	size_t count; /* slots */
	const struct svg_line *lines;
	size_t line_count;
	const struct svg_tick *ticks;
	size_t tick_count;
};
void svg_lines(FILE *out, const struct svg_lines *chart);

/* A value that stands until the next one is said. */
struct svg_step {
	double at; /* 0 to 1 */
	double value;
	const char *label; /* or NULL */
};
/* The scale begins near the least value: small differences are what the chart is about. */
struct svg_steps {
	struct svg_words words;
	const struct svg_step *steps;
	size_t count;
	const char *from, *to; /* the ends of the time axis */
};
void svg_steps(FILE *out, const struct svg_steps *chart);

/* One bar of parts that make a whole. */
struct svg_part {
	double value;
	const char *class;
};
void svg_share(FILE *out, const struct svg_words *words, const struct svg_part *parts,
	       size_t count);
