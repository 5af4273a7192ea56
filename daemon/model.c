/* SPDX-License-Identifier: MIT
 *
 * model.c - words and destructors of the shared nouns. Main process and tools; pure.
 */
#include "model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *cause_word(enum cause cause)
{
	switch (cause) {
	case CAUSE_NEW:
		return "new";
	case CAUSE_REVISED:
		return "revised";
	case CAUSE_WITHDRAWN:
		return "withdrawn";
	case CAUSE_STATUS:
		return "status";
	case CAUSE_STALE:
		return "stale";
	}
	return "unknown";
}

bool value_same(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

void sha256_text(const uint8_t sha256[SHA256_BYTES], char ret_text[SHA256_TEXT_BYTES])
{
	for (size_t i = 0; i < SHA256_BYTES; i++)
		(void)snprintf(ret_text + 2 * i, 3, "%02x", sha256[i]);
}

enum strait_status status_worse(enum strait_status a, enum strait_status b)
{
	static const signed char badness[] = { [0] = -1,
					       [STRAIT_FINAL] = 0,
					       [STRAIT_PROVISIONAL] = 1,
					       [STRAIT_ESTIMATED] = 2,
					       [STRAIT_SUPPRESSED] = 3,
					       [STRAIT_MISSING] = 4 };

	return badness[a] >= badness[b] ? a : b;
}

void series_done(struct series *series)
{
	free(series->starts);
	free(series->values);
	free(series->letters);
	*series = (struct series){ 0 };
}

void metric_declaration_done(struct metric_declaration *metric)
{
	free(metric->name);
	free(metric->unit);
	free(metric->title);
	for (size_t i = 0; i < STRAIT_LABELS_MAX; i++)
		free(metric->labels[i]);
	*metric = (struct metric_declaration){ 0 };
}

void declaration_done(struct declaration *declaration)
{
	for (size_t i = 0; i < declaration->metric_count; i++)
		metric_declaration_done(&declaration->metrics[i]);
	for (size_t i = 0; i < declaration->figure_count; i++) {
		struct figure_declaration *figure = &declaration->figures[i];

		free(figure->name);
		free(figure->formula);
		free(figure->window);
		free(figure->unit);
		free(figure->title);
	}
	for (size_t i = 0; i < declaration->check_count; i++) {
		struct check_declaration *check = &declaration->checks[i];

		free(check->name);
		free(check->left);
		free(check->right);
		free(check->every);
		free(check->tolerance);
		free(check->title);
	}
	free(declaration->metrics);
	free(declaration->figures);
	free(declaration->checks);
	free(declaration->plugin);
	free(declaration->version);
	free(declaration->summary);
	*declaration = (struct declaration){ 0 };
}
