/* SPDX-License-Identifier: MIT
 *
 * freshness.c - see the header. Main only; pure.
 *
 * Invariant: when something was fetched or imported makes a source neither fresher nor staler; what
 * counts is how far its newest content reaches. Only that it answers (a newer document, the same
 * one again) without its content moving makes it dead.
 */
#include "freshness.h"

#include <stdio.h>

#include "config_text.h"
#include "period.h"

#define DURATION_TEXT_MAX 32

static int64_t content_from(const struct source_health *health)
{
	return health->content_end_ms ? health->content_at_ms : health->since_ms;
}

enum freshness freshness_judge(const struct source_health *health, int64_t cadence_ms,
			       int64_t now_ms, int64_t *ret_wait_ms)
{
	int64_t from_ms = content_from(health);
	int64_t due_ms = from_ms + cadence_ms + FRESHNESS_SLACK(cadence_ms);
	int64_t late_ms = from_ms + FRESHNESS_LATE_CADENCES * cadence_ms;

	*ret_wait_ms = 0;
	if (health->trouble == STRAIT_FAULT_RETIRED)
		return FRESHNESS_DEAD;
	if (health->trouble == STRAIT_FAULT_DRIFTED)
		return FRESHNESS_DRIFTED;
	if (!cadence_ms)
		return FRESHNESS_FRESH;
	if (now_ms <= due_ms) {
		*ret_wait_ms = due_ms - now_ms + 1;
		return FRESHNESS_FRESH;
	}
	if (now_ms <= late_ms) {
		*ret_wait_ms = late_ms - now_ms + 1;
		return FRESHNESS_DUE;
	}
	if (health->content_end_ms &&
	    health->answered_ms - from_ms >= FRESHNESS_DEAD_CADENCES * cadence_ms)
		return FRESHNESS_DEAD;
	return FRESHNESS_LATE;
}

/* The day that the content ends with, "2026-04-30"; "nothing" without any. */
static void content_text(const struct source_health *health, char text[PERIOD_TEXT_MAX])
{
	if (health->content_end_ms)
		granularity_format(STRAIT_DAY, (int32_t)(health->content_end_ms / 86400000 - 1),
				   text);
	else
		(void)snprintf(text, PERIOD_TEXT_MAX, "nothing");
}

void freshness_reason(enum freshness freshness, const struct source_health *health,
		      int64_t cadence_ms, char *buffer, size_t size)
{
	char content[PERIOD_TEXT_MAX], cadence[DURATION_TEXT_MAX];

	content_text(health, content);
	(void)config_duration_text(cadence, sizeof(cadence), cadence_ms);
	buffer[0] = '\0';
	switch (freshness) {
	case FRESHNESS_FRESH:
		break;
	case FRESHNESS_DUE:
		(void)snprintf(buffer, size,
			       "newer content is due: it reaches to %s and should move every %s",
			       content, cadence);
		break;
	case FRESHNESS_LATE:
		(void)snprintf(buffer, size,
			       "newer content is late: it reaches to %s and should move every %s",
			       content, cadence);
		break;
	case FRESHNESS_DEAD:
		if (health->trouble)
			(void)snprintf(buffer, size, "it is no longer updated: %s",
				       health->trouble_text);
		else
			(void)snprintf(
				buffer, size,
				"it still answers, but its content reaches to %s only and should move every %s",
				content, cadence);
		break;
	case FRESHNESS_DRIFTED:
		(void)snprintf(buffer, size, "it has another shape than expected: %s",
			       health->trouble_text);
		break;
	}
}
