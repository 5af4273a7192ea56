/* SPDX-License-Identifier: MIT
 *
 * fake_host_private.h - what stands behind the opaque types in the fake host. Only for fake_host.c.
 */
#pragma once

#include "fake_host.h"

struct value {
	const char *key; /* whole key: "column.time" */
	const char *text;
};

struct strait_source {
	struct fake_host public;
	void *state;
	bool opened;
	struct value *values;
	size_t value_count;
	char **strings; /* everything that was copied while recording */
	size_t string_count;
	void *cursor;
	char *log;
	size_t log_size;
	struct fake_series series[FAKE_SERIES_MAX];
	uint32_t series_count;
};

struct strait_document {
	struct strait_source *source;
	const char *name;
	int fd;
	uint64_t size;
};
