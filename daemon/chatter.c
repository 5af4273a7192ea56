/* SPDX-License-Identifier: MIT
 *
 * chatter.c - a worker's stderr and log frames on their way to the log. Main only.
 *
 * Invariant: at most CHATTER_LINES_A_SECOND lines a second and worker reach the log, far fewer
 * while it does not stop, and what is left out is counted there.
 */
#include "chatter.h"

#include <stdio.h>
#include <string.h>

#include "log.h"

#define WINDOW_MS     1000
#define WINDOW_MAX_MS (60 * 60 * 1000)
#define WINDOW_LINES  2u /* in a longer one */

static void tell_left_out(struct chatter *chatter)
{
	if (chatter->left_out)
		log_source(LOG_WARNING, chatter->source,
			   "worker %d: %u lines left out (more than %u in a second)",
			   (int)chatter->pid, chatter->left_out, CHATTER_LINES_A_SECOND);
	chatter->left_out = 0;
}

/* One that was too loud for a window is heard for the next one, twice as long, in a few lines. */
static void next_window(struct chatter *chatter, int64_t now_ms)
{
	bool loud = chatter->left_out > 0;

	tell_left_out(chatter);
	chatter->length_ms = loud ? 2 * chatter->length_ms : WINDOW_MS;
	if (chatter->length_ms > WINDOW_MAX_MS)
		chatter->length_ms = WINDOW_MAX_MS;
	chatter->window_ms = now_ms;
	chatter->said = 0;
}

static bool admit(struct chatter *chatter, int64_t now_ms)
{
	if (now_ms - chatter->window_ms >= chatter->length_ms)
		next_window(chatter, now_ms);
	if (chatter->said >=
	    (chatter->length_ms > WINDOW_MS ? WINDOW_LINES : CHATTER_LINES_A_SECOND)) {
		chatter->left_out++;
		return false;
	}
	chatter->said++;
	return true;
}

/* The line that was gathered is complete. */
static void end_line(struct chatter *chatter, int64_t now_ms)
{
	char quoted[CHATTER_LINE_MAX + 64];

	if (!chatter->used)
		return;
	chatter->line[chatter->used] = '\0';
	(void)memcpy(chatter->last[chatter->last_count++ % CHATTER_LAST_LINES], chatter->line,
		     chatter->used + 1);
	if (admit(chatter, now_ms))
		log_source(LOG_INFO, chatter->source, "worker %d said %s", (int)chatter->pid,
			   log_quote(quoted, sizeof(quoted), chatter->line, chatter->used));
	chatter->used = 0;
}

void chatter_begin(struct chatter *chatter, const char *source, pid_t pid)
{
	*chatter = (struct chatter){ .source = source, .pid = pid };
}

void chatter_feed(struct chatter *chatter, const char *data, size_t size, int64_t now_ms)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (data[i] == '\n')
			end_line(chatter, now_ms);
		else if (chatter->used < CHATTER_LINE_MAX)
			chatter->line[chatter->used++] = data[i];
	}
}

const char *chatter_clean(char *buffer, size_t size, const char *text)
{
	size_t i;

	for (i = 0; text[i] && i + 1 < size; i++)
		buffer[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
	/* Not in the middle of a character: the journal wants UTF-8. */
	while (text[i] && i && ((unsigned char)text[i] & 0xc0) == 0x80)
		i--;
	buffer[i] = '\0';
	return buffer;
}

void chatter_log(struct chatter *chatter, int level, const char *text, int64_t now_ms)
{
	char clean[CHATTER_LINE_MAX * 2];

	if (level < LOG_ERR)
		level = LOG_ERR; /* the levels above are for the system, not for a plugin */
	if (level > log_level())
		return; /* must not use up the rate */
	if (admit(chatter, now_ms))
		log_source(level, chatter->source, "worker %d: %s", (int)chatter->pid,
			   chatter_clean(clean, sizeof(clean), text));
}

void chatter_end(struct chatter *chatter, int64_t now_ms)
{
	end_line(chatter, now_ms);
	tell_left_out(chatter);
}

void chatter_last_words(const struct chatter *chatter, char *buffer, size_t size)
{
	uint32_t count =
		chatter->last_count < CHATTER_LAST_LINES ? chatter->last_count : CHATTER_LAST_LINES;
	char quoted[CHATTER_LINE_MAX + 64];
	size_t used = 0;
	uint32_t i;

	buffer[0] = '\0';
	for (i = chatter->last_count - count; i != chatter->last_count; i++) {
		const char *line = chatter->last[i % CHATTER_LAST_LINES];
		int wrote = snprintf(buffer + used, size - used, "%s%s", used ? " " : "",
				     log_quote(quoted, sizeof(quoted), line, strlen(line)));

		if (wrote < 0 || (size_t)wrote >= size - used)
			return; /* cut */
		used += (size_t)wrote;
	}
}
