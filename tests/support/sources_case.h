/* SPDX-License-Identifier: MIT
 *
 * sources_case.h - sources with real worker processes that speak the wire by hand
 * (tests/support/wire_worker.h), a ledger in memory, and deadlines shortened to 2 % of the real
 * ones; for the tests of source*.c and sources.c.
 */
#pragma once

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "fake_ledger_sources.h"
#include "log.h"
#include "source.h"
#include "sources.h"
#include "wire_worker.h"

#define DEADLINE_MS 10000
#define LOG_MAX	    (256 * 1024)

static char root[64];
static char plugin_dir[128], spool_dir[128];
static struct event_base *base;
static struct ledger ledger;
static struct sources *sources;
static struct config config;
static struct config_source sections[FAKE_SOURCES_MAX];
static struct config_option options[FAKE_SOURCES_MAX];
static char inputs[FAKE_SOURCES_MAX][256];
static char logged[LOG_MAX];
static size_t logged_size;
static int committed, added, removed, jobs_finished, jobs_changed, jobs_added, stops;
static enum source_state states[64]; /* of source 'a', in order */
static size_t state_count;

static inline void keep_log(void *context, int level, enum log_token token, const char *source,
			    const char *text)
{
	(void)context, (void)token, (void)source;
	if (logged_size + strlen(text) + 8 < sizeof(logged))
		logged_size += (size_t)snprintf(logged + logged_size, sizeof(logged) - logged_size,
						"%d %s\n", level, text);
}

static inline void on_committed(void *context, const struct commit_report *report)
{
	(void)context;
	ck_assert_uint_ne(report->sequence, 0);
	committed++;
}

static inline void on_source_added(void *context, const char *name)
{
	(void)context, (void)name;
	added++;
}

static inline void on_source_changed(void *context, const char *name, bool state_changed)
{
	struct source_info info;

	(void)context;
	ck_assert_int_eq(sources_info(sources, name, &info, NULL), 0);
	if (state_changed && strcmp(name, "a") == 0 &&
	    state_count < sizeof(states) / sizeof(states[0]))
		states[state_count++] = info.state;
}

static inline void on_source_removed(void *context, const char *name)
{
	(void)context, (void)name;
	removed++;
}

static inline void on_job_added(void *context, uint32_t id)
{
	(void)context, (void)id;
	jobs_added++;
}

static inline void on_job_changed(void *context, uint32_t id, bool finished)
{
	(void)context, (void)id;
	jobs_changed++;
	jobs_finished += finished;
}

static inline void on_job_removed(void *context, uint32_t id)
{
	(void)context, (void)id;
}

static inline void on_stopped(void *context)
{
	(void)context;
	stops++;
}

static const struct sources_events events = {
	.committed = on_committed,
	.source_added = on_source_added,
	.source_changed = on_source_changed,
	.source_removed = on_source_removed,
	.job_added = on_job_added,
	.job_changed = on_job_changed,
	.job_removed = on_job_removed,
};

static inline void put(const char *path, const char *text)
{
	char whole[512];
	FILE *file;

	(void)snprintf(whole, sizeof(whole), "%s/%s", root, path);
	file = fopen(whole, "we");
	ck_assert_ptr_nonnull(file);
	(void)fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

static inline bool exists(const char *path)
{
	char whole[512];

	(void)snprintf(whole, sizeof(whole), "%s/%s", root, path);
	return access(whole, F_OK) == 0;
}

static inline void set_up(void)
{
	(void)snprintf(root, sizeof(root), "/tmp/test_sources.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	(void)snprintf(plugin_dir, sizeof(plugin_dir), "%s/plugins", root);
	(void)snprintf(spool_dir, sizeof(spool_dir), "%s/spool", root);
	ck_assert_int_eq(mkdir(plugin_dir, 0755), 0);
	put("plugins/wire.so", "");
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setenv("STRAITD_TEST_PERCENT", "2",
		     1); /* heartbeat 600 ms, start 200 ms, stop 100 ms, backoff 20 ms … */
	log_set_sink(keep_log, NULL);
	base = event_base_new();
	sources = sources_new(base, &ledger, plugin_dir, spool_dir, &events, NULL);
	ck_assert_ptr_nonnull(sources);
}

static inline void tear_down(void)
{
	sources = sources_free(sources);
	event_base_free(base);
	if (fork() == 0) {
		(void)execlp("rm", "rm", "-rf", root, (char *)NULL);
		_exit(1);
	}
}

/* Section number i behaves like that; its name is "a", "b" … */
static inline void section(size_t i, const char *behave)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };

	(void)snprintf(inputs[i], sizeof(inputs[i]), "%s/%s", spool_dir, names[i]);
	options[i] = (struct config_option){ .key = (char *)"behave", .value = (char *)behave };
	sections[i] = (struct config_source){ .name = (char *)names[i],
					      .plugin = (char *)"wire",
					      .input = inputs[i],
					      .options = &options[i],
					      .option_count = 1 };
	config.sources = sections;
	if (config.source_count < i + 1)
		config.source_count = i + 1;
}

static inline void apply(void)
{
	struct fault fault = { 0 };

	ck_assert_msg(sources_apply(sources, &config, &fault) == 0, "%s", fault.text);
}

static inline struct source_info info_of(const char *name)
{
	struct source_info info;

	ck_assert_int_eq(sources_info(sources, name, &info, NULL), 0);
	return info;
}

static inline bool turn(int64_t until_ms)
{
	struct timeval wait = { .tv_usec = 20000 };

	ck_assert_msg(clock_monotonic_ms() < until_ms, "the deadline passed; log:\n%s", logged);
	(void)event_base_loopexit(base, &wait);
	(void)event_base_dispatch(base);
	return true;
}

#define WAIT_FOR(condition)                                                                        \
	for (int64_t until_ = clock_monotonic_ms() + DEADLINE_MS; !(condition) && turn(until_);)

static inline bool has_been(enum source_state state)
{
	size_t i;

	for (i = 0; i < state_count; i++)
		if (states[i] == state)
			return true;
	return false;
}

static inline unsigned int count_lines(const char *text)
{
	const char *at = logged;
	unsigned int count = 0;

	while ((at = strstr(at, text))) {
		count++;
		at++;
	}
	return count;
}

static inline int memory_file(const char *text, size_t size)
{
	int fd = memfd_create("import", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, size), (ssize_t)size);
	return fd; /* the offset is at its end: an import must not mind */
}
