/* SPDX-License-Identifier: MIT
 *
 * fake_sources.c - takes the place of daemon/sources.c in tests of the bus: plain arrays, no
 * processes.
 */
#include "fake_sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#define FAKE_MAX 64

struct sources {
	struct source_info infos[FAKE_MAX];
	char names[FAKE_MAX][SOURCE_NAME_MAX];
	size_t count;
	struct job_info jobs[FAKE_MAX];
	size_t job_count;
	uint32_t last_job;
	char imported[512], job_source[SOURCE_NAME_MAX], job_name[256], retried[SOURCE_NAME_MAX];
};

struct sources *fake_sources_new(void)
{
	struct sources *sources = calloc(1, sizeof(*sources));

	ck_assert_ptr_nonnull(sources);
	return sources;
}

struct sources *fake_sources_free(struct sources *sources)
{
	free(sources);
	return NULL;
}

static size_t find(const struct sources *sources, const char *name)
{
	size_t i = 0;

	while (i < sources->count && strcmp(sources->names[i], name) != 0)
		i++;
	return i;
}

static void point_names(struct sources *sources)
{
	for (size_t i = 0; i < sources->count; i++)
		sources->infos[i].name = sources->names[i];
}

struct source_info *fake_source(struct sources *sources, const char *name)
{
	size_t i = find(sources, name);

	if (i == sources->count) {
		ck_assert_uint_lt(sources->count, FAKE_MAX);
		(void)snprintf(sources->names[i], sizeof(sources->names[i]), "%s", name);
		sources->infos[i] = (struct source_info){ .plugin = "home_office",
							  .plugin_version = "1.0",
							  .state = SOURCE_IDLE,
							  .reason = "",
							  .freshness = FRESHNESS_FRESH,
							  .last_release = "series.ods",
							  .last_read_ms = 5000,
							  .accepted = 7,
							  .last_fault = "",
							  .fetch_fault = "",
							  .sandbox = "landlock 7, seccomp",
							  .progress = 1 };
		sources->count++;
		point_names(sources);
	}
	return &sources->infos[i];
}

void fake_source_remove(struct sources *sources, const char *name)
{
	size_t i = find(sources, name);

	ck_assert_uint_lt(i, sources->count);
	sources->count--;
	memmove(&sources->infos[i], &sources->infos[i + 1],
		(sources->count - i) * sizeof(sources->infos[0]));
	memmove(&sources->names[i], &sources->names[i + 1],
		(sources->count - i) * sizeof(sources->names[0]));
	point_names(sources);
}

static size_t find_job(const struct sources *sources, uint32_t id)
{
	size_t i = 0;

	while (i < sources->job_count && sources->jobs[i].id != id)
		i++;
	return i;
}

struct job_info *fake_job(struct sources *sources, uint32_t id)
{
	size_t i = find_job(sources, id);

	if (!id || i == sources->job_count) {
		i = sources->job_count;
		ck_assert_uint_lt(i, FAKE_MAX);
		sources->last_job = id ? id : sources->last_job + 1;
		sources->jobs[i] = (struct job_info){ .id = sources->last_job,
						      .source = "home-office",
						      .name = "file.ods",
						      .state = JOB_QUEUED,
						      .error = "",
						      .note = "" };
		sources->job_count++;
	}
	return &sources->jobs[i];
}

void fake_job_remove(struct sources *sources, uint32_t id)
{
	size_t i = find_job(sources, id);

	ck_assert_uint_lt(i, sources->job_count);
	sources->job_count--;
	memmove(&sources->jobs[i], &sources->jobs[i + 1],
		(sources->job_count - i) * sizeof(sources->jobs[0]));
}

const char *fake_imported(const struct sources *sources)
{
	return sources->imported;
}

const char *fake_retried(const struct sources *sources)
{
	return sources->retried;
}

/* ── sources.h ─────────────────────────────────────────────────────────────────────────────── */

const char *source_state_word(enum source_state state)
{
	switch (state) {
	case SOURCE_STARTING:
		return "starting";
	case SOURCE_READING:
		return "reading";
	case SOURCE_IDLE:
		return "idle";
	case SOURCE_UNRESPONSIVE:
		return "unresponsive";
	case SOURCE_BACKOFF:
		return "backoff";
	case SOURCE_QUARANTINED:
		return "quarantined";
	case SOURCE_MISCONFIGURED:
		return "misconfigured";
	case SOURCE_STOPPED:
		return "stopped";
	}
	return "unknown";
}

const char *freshness_word(enum freshness freshness)
{
	switch (freshness) {
	case FRESHNESS_FRESH:
		return "fresh";
	case FRESHNESS_DUE:
		return "due";
	case FRESHNESS_LATE:
		return "late";
	case FRESHNESS_DEAD:
		return "dead";
	case FRESHNESS_DRIFTED:
		return "drifted";
	}
	return "unknown";
}

const char *job_state_word(enum job_state state)
{
	switch (state) {
	case JOB_QUEUED:
		return "queued";
	case JOB_READING:
		return "reading";
	case JOB_DONE:
		return "done";
	case JOB_FAILED:
		return "failed";
	case JOB_CANCELLED:
		return "cancelled";
	}
	return "unknown";
}

size_t sources_count(const struct sources *sources)
{
	return sources->count;
}

int sources_info_at(const struct sources *sources, size_t index, struct source_info *ret_info)
{
	if (index >= sources->count)
		return -1;
	*ret_info = sources->infos[index];
	return 0;
}

int sources_info(const struct sources *sources, const char *name, struct source_info *ret_info,
		 struct fault *fault)
{
	if (sources_info_at(sources, find(sources, name), ret_info) < 0)
		return fault_set(fault, FAULT_NO_SUCH_SOURCE, "no source '%s' is configured", name);
	return 0;
}

int sources_retry(struct sources *sources, const char *name, struct fault *fault)
{
	struct source_info info;

	if (sources_info(sources, name, &info, fault) < 0)
		return -1;
	(void)snprintf(sources->retried, sizeof(sources->retried), "%s", name);
	return 0;
}

int sources_refresh(struct sources *sources, const char *name, struct fault *fault)
{
	struct source_info info;

	if (sources_info(sources, name, &info, fault) < 0)
		return -1;
	(void)snprintf(sources->retried, sizeof(sources->retried), "%s", name);
	return 0;
}

int sources_import(struct sources *sources, const char *source, const char *name, int fd,
		   uint32_t *ret_job, struct fault *fault)
{
	struct source_info info;
	struct job_info *job;
	char data[128];
	ssize_t size;

	if (sources_info(sources, source, &info, fault) < 0) {
		(void)close(fd);
		return -1;
	}
	size = read(fd, data, sizeof(data) - 1);
	data[size > 0 ? size : 0] = '\0';
	(void)close(fd);
	(void)snprintf(sources->imported, sizeof(sources->imported), "%s %s %s", source, name,
		       data);
	(void)snprintf(sources->job_source, sizeof(sources->job_source), "%s", source);
	(void)snprintf(sources->job_name, sizeof(sources->job_name), "%s", name);
	job = fake_job(sources, 0);
	job->source = sources->job_source;
	job->name = sources->job_name;
	*ret_job = job->id;
	return 0;
}

int sources_job_cancel(struct sources *sources, uint32_t id, struct fault *fault)
{
	size_t i = find_job(sources, id);

	if (i == sources->job_count || sources->jobs[i].state >= JOB_DONE)
		return fault_set(fault, FAULT_BAD_ARGUMENT, "the import has ended already");
	sources->jobs[i].state = JOB_CANCELLED;
	return 0;
}

size_t sources_job_count(const struct sources *sources)
{
	return sources->job_count;
}

int sources_job_at(const struct sources *sources, size_t index, struct job_info *ret_info)
{
	if (index >= sources->job_count)
		return -1;
	*ret_info = sources->jobs[index];
	return 0;
}

int sources_job(const struct sources *sources, uint32_t id, struct job_info *ret_info)
{
	return sources_job_at(sources, find_job(sources, id), ret_info);
}
