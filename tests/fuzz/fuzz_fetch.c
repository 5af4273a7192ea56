/* SPDX-License-Identifier: MIT
 *
 * fuzz_fetch.c - what a fetcher answers to main, taken for hostile, what main tells it, and the
 * page of a server in which the fetcher looks for a link. The first byte chooses. What is accepted
 * is encoded as what is accepted again; a link that is found is a URL that fits.
 */
// links: daemon/fetcher_page.c daemon/fetcher_transfer.c
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fetch_wire.h"
#include "fetcher_page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static void check_result(const uint8_t *data, size_t size)
{
	static struct fetch_result result, again;
	static unsigned char bytes[FETCH_WIRE_MAX];
	struct fault fault = { 0 };
	size_t used;

	if (fetch_result_decode(data, size, &result, &fault) < 0) {
		demand(fault.kind == FAULT_PROTOCOL && *fault.text);
		return;
	}
	demand(result.outcome >= FETCH_DONE && result.outcome <= FETCH_FAILED);
	demand(!strchr(result.name, '/') && result.retry_after_s <= FETCH_RETRY_AFTER_MAX_S);
	used = fetch_result_encode(&result, bytes);
	demand(used > 0 && fetch_result_decode(bytes, used, &again, &fault) == 0);
	demand(again.bytes == result.bytes && strcmp(again.name, result.name) == 0 &&
	       strcmp(again.now.url, result.now.url) == 0);
}

static void check_job(const uint8_t *data, size_t size)
{
	static struct fetch_job job, again;
	static unsigned char bytes[FETCH_WIRE_MAX];
	struct fault fault = { 0 };
	size_t used;

	if (fetch_job_decode(data, size, &job, &fault) < 0) {
		demand(*fault.text);
		return;
	}
	used = fetch_job_encode(&job, bytes);
	demand(used > 0 && fetch_job_decode(bytes, used, &again, &fault) == 0);
	demand(strcmp(again.url, job.url) == 0 && again.max_bytes == job.max_bytes);
}

static void check_page(const uint8_t *data, size_t size)
{
	static const char *const globs[] = { "*.ods", "*", "small-boats-[0-9]*", "[", "**?*[!a]*" };
	char url[FETCH_URL_MAX];
	unsigned int seen = 0;
	char *exact;

	if (size < 1)
		return;
	exact = malloc(size); /* its own block: a sanitizer sees a byte too far */
	demand(exact);
	memcpy(exact, data, size);
	if (page_find(exact + 1, size - 1, "https://example.org/a/b?c", globs[data[0] % 5], url,
		      &seen))
		demand(memchr(url, '\0', sizeof(url)) && *url && seen > 0);
	demand(seen <= PAGE_LINKS_MAX);
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	if (data[0] % 3 == 0)
		check_result(data + 1, size - 1);
	else if (data[0] % 3 == 1)
		check_job(data + 1, size - 1);
	else
		check_page(data + 1, size - 1);
	return 0;
}
