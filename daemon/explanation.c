/* SPDX-License-Identifier: MIT
 *
 * explanation.c - frees explanations. Main only; pure.
 *
 * Invariant: each function accepts all zeros and half-built objects, and leaves zeros.
 */
#include "explanation.h"

#include <stdlib.h>

void explanation_release_done(struct explanation_release *release)
{
	free(release->source);
	free(release->plugin);
	free(release->plugin_version);
	free(release->name);
	free(release->dataset);
	free(release->url);
	free(release->sheets);
	*release = (struct explanation_release){ 0 };
}

void explanation_inputs_done(struct explanation_inputs *inputs)
{
	for (size_t i = 0; i < inputs->release_count; i++)
		explanation_release_done(&inputs->releases[i]);
	free(inputs->releases);
	free(inputs->rows);
	*inputs = (struct explanation_inputs){ 0 };
}

void explanation_done(struct explanation *explanation)
{
	for (size_t i = 0; i < explanation->item_count; i++) {
		free(explanation->items[i].text);
		explanation_inputs_done(&explanation->items[i].inputs);
	}
	free(explanation->items);
	free(explanation->formula);
	free(explanation->window);
	*explanation = (struct explanation){ 0 };
}
