/* SPDX-License-Identifier: MIT
 *
 * fuzz_home_office.c - the whole home_office plugin on hostile documents: what kind of document it
 * is, then the pages, time series and quarterly tables. The first byte chooses the file's name.
 *
 * What is emitted keeps to the rules of strait/plugin.h (the fake host checks them); a document
 * that is refused says why; reading it again gives the same.
 */
// links: plugins/home_office/*.c tests/support/fake_host.c
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

static uint64_t mix(uint64_t hash, uint64_t number)
{
	return (hash ^ number) * UINT64_C(0x9e3779b97f4a7c15) + (hash >> 29);
}

static uint64_t read_once(struct fake_host *host, const char *name, const uint8_t *data,
			  size_t size)
{
	uint64_t hash = 1;

	fake_host_clear(host);
	if (fake_host_document(host, name, data, size) < 0)
		demand(host->failure && *host->failure);
	for (size_t i = 0; i < host->observation_count; i++) {
		const struct fake_observation *one = &host->observations[i];
		uint64_t bits;

		demand(isnan(one->value) || (isfinite(one->value) && one->value >= 0));
		demand(!isnan(one->value) || one->status == STRAIT_MISSING ||
		       one->status == STRAIT_SUPPRESSED);
		memcpy(&bits, &one->value, sizeof(bits));
		hash = mix(mix(mix(hash, bits), (uint64_t)one->day), one->at);
	}
	for (size_t i = 0; i < host->reject_count; i++)
		demand(*host->rejects[i].why);
	return mix(mix(hash, host->observation_count), host->reject_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "series.ods", "page-2020-09-02.html", "table.csv",
					     "x" };
	static struct fake_host *host;
	const char *name;
	uint64_t first;

	if (size < 2)
		return 0;
	if (!host) {
		host = fake_host_new(&strait_plugin, NULL);
		demand(fake_host_open(host) == 0);
	}
	name = names[data[0] % 4];
	first = read_once(host, name, data + 1, size - 1);
	demand(read_once(host, name, data + 1, size - 1) == first);
	fake_host_clear(host);
	return 0;
}
