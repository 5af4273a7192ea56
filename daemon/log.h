/* SPDX-License-Identifier: MIT
 *
 * log.h - levels, tokens, sinks. One line = who, what failed, on which object, why, what happens
 * next.
 *
 * Sinks: the journal (with STRAITD_SOURCE=) when stderr is connected to it ($JOURNAL_STREAM), else
 * stderr as "straitd: source 'x': …". A worker's sink sends LOG frames instead (log_set_sink).
 * Outside text is quoted and its control characters escaped by the caller through log_quote(). Not
 * thread-safe: every process has one thread.
 */
#pragma once

#include <stddef.h>
#include <syslog.h> /* LOG_ERR needs a human; LOG_WARNING "…, retrying"; LOG_NOTICE state change; LOG_INFO; LOG_DEBUG */

enum log_token {
	LOG_TOKEN_MAIN,
	LOG_TOKEN_CONFIG,
	LOG_TOKEN_STORE,
	LOG_TOKEN_SOURCE,
	LOG_TOKEN_WORKER,
	LOG_TOKEN_BUS,
};

typedef void log_sink_fn(void *context, int level, enum log_token token, const char *source,
			 const char *text);

/* source may be NULL; it becomes the field STRAITD_SOURCE and the prefix "source 'NAME': ". */
void log_write(int level, enum log_token token, const char *source, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
#define log_main(level, ...)	       log_write(level, LOG_TOKEN_MAIN, NULL, __VA_ARGS__)
#define log_config(level, ...)	       log_write(level, LOG_TOKEN_CONFIG, NULL, __VA_ARGS__)
#define log_store(level, ...)	       log_write(level, LOG_TOKEN_STORE, NULL, __VA_ARGS__)
#define log_bus(level, ...)	       log_write(level, LOG_TOKEN_BUS, NULL, __VA_ARGS__)
#define log_source(level, source, ...) log_write(level, LOG_TOKEN_SOURCE, source, __VA_ARGS__)

/* Nothing above this level is written. $STRAITD_LOG ("debug", "info", …) sets it at start; default
 * LOG_INFO. */
void log_set_level(int level);
int log_level(void);
const char *log_level_name(int level);
/* -1 if the text is no level. */
int log_level_parse(const char *text);
/* Replaces the sink (tests, fuzzers, workers); NULL = the default one. */
void log_set_sink(log_sink_fn *sink, void *context);
/* Copies text into buffer between single quotes with control characters and quotes as \xNN, cut
 * with "…". */
const char *log_quote(char *buffer, size_t size, const char *text, size_t text_size);
