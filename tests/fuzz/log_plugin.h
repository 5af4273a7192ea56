/* SPDX-License-Identifier: MIT
 *
 * log_plugin.h - a plugin of log_rows.h on hostile bytes, as a document and as an appended log. The
 * first byte chooses how the log is cut, the second an option.
 *
 * What is asserted: the same lines in other stretches give the same observations and rejects; what
 * is emitted keeps to the rules of strait/plugin.h (the fake host checks them); reasons do not
 * quote a field of a row. The plugin stays open from input to input, as a worker does.
 */
#pragma once

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fake_host.h"

extern const struct strait_plugin strait_plugin;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static void digest(uint64_t *hash, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i++)
		*hash = (*hash ^ bytes[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
}

static void digest_text(uint64_t *hash, const char *text)
{
	digest(hash, text ? text : "", text ? strlen(text) + 1 : 1);
}

static uint64_t digest_host(const struct fake_host *host)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < host->observation_count; i++) {
		const struct fake_observation *one = &host->observations[i];

		demand(one->metric_name);
		demand(one->status == STRAIT_MISSING ? isnan(one->value)
						     : isfinite(one->value) && one->value >= 0);
		demand(one->key && *one->key);
		digest(&hash, &one->metric, sizeof(one->metric));
		digest(&hash, &one->day, sizeof(one->day));
		digest(&hash, isnan(one->value) ? "missing" : (const char *)&one->value,
		       sizeof(one->value));
		digest(&hash, &one->at, sizeof(one->at));
		digest(&hash, &one->known_at_ms, sizeof(one->known_at_ms));
		digest(&hash, &one->rank, sizeof(one->rank));
		digest_text(&hash, one->key);
		digest_text(&hash, one->replaces);
		for (size_t label = 0; label < STRAIT_LABELS_MAX; label++)
			digest_text(&hash, one->labels[label]);
	}
	for (size_t i = 0; i < host->reject_count; i++) {
		demand(*host->rejects[i].why && strlen(host->rejects[i].why) < 512);
		digest(&hash, &host->rejects[i].at, sizeof(host->rejects[i].at));
		digest_text(&hash, host->rejects[i].why);
	}
	return hash;
}

static uint64_t read_log(struct fake_host *host, const char *data, size_t size, size_t stretch,
			 int *ret_result)
{
	fake_host_clear(host);
	host->stretch_bytes = stretch;
	*ret_result = fake_host_log(host, data, size);
	demand(*ret_result >= 0 || (host->failure && *host->failure));
	return digest_host(host);
}

static struct fake_host *open_host(const struct fake_option *options)
{
	struct fake_host *host = fake_host_new(&strait_plugin, options);

	demand(fake_host_open(host) == 0);
	return host;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fake_option mapped[] = { { "column.id", "key" }, { NULL, NULL } };
	static struct fake_host *hosts[2];
	struct fake_host *host;
	uint64_t whole, parts;
	int result, again;

	if (size < 3)
		return 0;
	if (!hosts[0]) {
		hosts[0] = open_host(NULL);
		hosts[1] = open_host(mapped);
	}
	host = hosts[data[1] & 1];
	whole = read_log(host, (const char *)data + 2, size - 2, SIZE_MAX, &result);
	parts = read_log(host, (const char *)data + 2, size - 2, 1u + data[0], &again);
	demand(result == again && whole == parts);
	fake_host_clear(host);
	if (fake_host_document(host, "2024-07-07.csv", data + 2, size - 2) < 0)
		demand(host->failure && *host->failure);
	(void)digest_host(host);
	fake_host_clear(host);
	return 0;
}
