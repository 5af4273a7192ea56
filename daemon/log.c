/* SPDX-License-Identifier: MIT
 *
 * log.c - levels, tokens, sinks. Every process; straitctl too.
 *
 * Invariants: one call is one line whatever stands in the text, and errno is the same afterwards.
 * The level, the sink and where stderr goes are the only state. It must never allocate or fail: a
 * line that cannot be written is lost.
 */
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION	/* CODE_FILE and its kin name the place in log.c, of no use \
					   to anybody */
#include <systemd/sd-journal.h>

#include "utf8.h"

#define TEXT_MAX 2048 /* longer lines are cut with "…" */
#define ELLIPSIS "\xe2\x80\xa6"

static int max_level = -1; /* -1 = $STRAITD_LOG not read yet */
static log_sink_fn *custom_sink;
static void *sink_context;

static const struct {
	const char *name;
	int level;
} levels[] = {
	{ "emergency", LOG_EMERG }, { "alert", LOG_ALERT },	{ "critical", LOG_CRIT },
	{ "error", LOG_ERR },	    { "warning", LOG_WARNING }, { "notice", LOG_NOTICE },
	{ "info", LOG_INFO },	    { "debug", LOG_DEBUG }, /* then the names of syslog.conf(5) */
	{ "emerg", LOG_EMERG },	    { "crit", LOG_CRIT },	{ "err", LOG_ERR },
};
#define LEVEL_COUNT (sizeof(levels) / sizeof(levels[0]))

static const char *const token_names[] = {
	[LOG_TOKEN_MAIN] = "main",     [LOG_TOKEN_CONFIG] = "config", [LOG_TOKEN_STORE] = "store",
	[LOG_TOKEN_SOURCE] = "source", [LOG_TOKEN_WORKER] = "worker", [LOG_TOKEN_BUS] = "bus",
};

/* systemd sets $JOURNAL_STREAM to DEVICE:INODE of the stream it gave; stderr may have been
 * redirected since. */
static bool stderr_is_journal(void)
{
	const char *stream = secure_getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat status;
	int used = 0;

	return stream && sscanf(stream, "%ju:%ju%n", &device, &inode, &used) == 2 &&
	       stream[used] == '\0' && fstat(STDERR_FILENO, &status) == 0 &&
	       status.st_dev == device && status.st_ino == inode;
}

static int write_journal(int level, enum log_token token, const char *source, const char *text)
{
	if (!source)
		return sd_journal_send("MESSAGE=%s", text, "PRIORITY=%d", level,
				       "SYSLOG_IDENTIFIER=straitd", "STRAITD_TOKEN=%s",
				       token_names[token], NULL);
	return sd_journal_send("MESSAGE=source '%s': %s", source, text, "PRIORITY=%d", level,
			       "SYSLOG_IDENTIFIER=straitd", "STRAITD_TOKEN=%s", token_names[token],
			       "STRAITD_SOURCE=%s", source, NULL);
}

/* One write() a line, so that lines of several processes do not mix. */
static void write_stderr(int level, enum log_token token, const char *source, const char *text)
{
	char line[TEXT_MAX + 256];
	int size = snprintf(line, sizeof(line), "straitd: %s%s%s%s%s%s%s%s\n",
			    level <= LOG_WARNING || level == LOG_DEBUG ? log_level_name(level) : "",
			    level <= LOG_WARNING || level == LOG_DEBUG ? ": " : "",
			    level == LOG_DEBUG ? token_names[token] : "",
			    level == LOG_DEBUG ? ": " : "", source ? "source '" : "",
			    source ? source : "", source ? "': " : "", text);

	if (size >= (int)sizeof(line)) {
		size = (int)sizeof(line) - 1;
		line[size - 1] = '\n';
	}
	(void)!write(STDERR_FILENO, line, (size_t)size); /* nobody left to tell */
}

static void default_sink(int level, enum log_token token, const char *source, const char *text)
{
	if (!stderr_is_journal() || write_journal(level, token, source, text) < 0)
		write_stderr(level, token, source, text);
}

void log_write(int level, enum log_token token, const char *source, const char *format, ...)
{
	int error = errno;
	char raw[TEXT_MAX], text[TEXT_MAX];
	va_list arguments;
	int size;

	if (level > log_level())
		return;
	errno = error; /* log_level() may have read the environment; the format may hold %m */
	va_start(arguments, format);
	size = vsnprintf(raw, sizeof(raw), format, arguments);
	va_end(arguments);
	if (size < 0)
		raw[0] = '\0';
	(void)utf8_repair(text, sizeof(text) - sizeof(ELLIPSIS), raw, strlen(raw));
	if (size >= (int)(sizeof(text) - sizeof(ELLIPSIS)))
		memcpy(text + strlen(text), ELLIPSIS, sizeof(ELLIPSIS));
	if (custom_sink)
		custom_sink(sink_context, level, token, source, text);
	else
		default_sink(level, token, source, text);
	errno = error;
}

void log_set_level(int level)
{
	max_level = level;
}

int log_level(void)
{
	if (max_level < 0) {
		const char *wanted = secure_getenv("STRAITD_LOG");
		int level = wanted ? log_level_parse(wanted) : -1;

		max_level = level < 0 ? LOG_INFO : level;
	}
	return max_level;
}

const char *log_level_name(int level)
{
	for (size_t i = 0; i < LEVEL_COUNT; i++) {
		if (levels[i].level == level)
			return levels[i].name;
	}
	return "unknown";
}

int log_level_parse(const char *text)
{
	for (size_t i = 0; i < LEVEL_COUNT; i++) {
		if (strcmp(levels[i].name, text) == 0)
			return levels[i].level;
	}
	return -1;
}

void log_set_sink(log_sink_fn *sink, void *context)
{
	custom_sink = sink;
	sink_context = context;
}

const char *log_quote(char *buffer, size_t size, const char *text, size_t text_size)
{
	static const char digits[] = "0123456789abcdef";
	const size_t tail = sizeof(ELLIPSIS "'"); /* with the NUL */
	size_t used = 0;

	if (size < tail + 1) { /* no room for quotes and ellipsis */
		if (size)
			buffer[0] = '\0';
		return buffer;
	}
	buffer[used++] = '\'';
	for (size_t i = 0; i < text_size;) {
		size_t length = utf8_length(text + i, text_size - i, NULL);
		bool plain = length && *(text + i) != '\'' && *(text + i) != '\\' &&
			     utf8_printable(text + i, length);
		size_t step = plain ? length : 1, room = plain ? length : 4;

		if (used + room + tail > size) {
			memcpy(buffer + used, ELLIPSIS, sizeof(ELLIPSIS) - 1);
			used += sizeof(ELLIPSIS) - 1;
			break;
		}
		if (plain) {
			memcpy(buffer + used, text + i, length);
		} else {
			unsigned char byte = (unsigned char)text[i];

			memcpy(buffer + used,
			       (char[]){ '\\', 'x', digits[byte >> 4], digits[byte & 15] }, 4);
		}
		used += room;
		i += step;
	}
	buffer[used++] = '\'';
	buffer[used] = '\0';
	return buffer;
}
