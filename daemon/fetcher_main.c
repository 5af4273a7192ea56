/* SPDX-License-Identifier: MIT
 *
 * fetcher_main.c - straitd-fetcher: fetches one document of one source into its spool, then ends. A
 * program of its own, so that only it carries libcurl and its libraries; main starts it
 * (daemon/fetch.c) with the job on standard input and takes the result from standard output.
 *
 * Invariant: what it takes from the network is parsed confined (sandbox_fetcher.c): it can write
 * nothing but its own incoming/, and reach no bus. A file appears in incoming/ whole and synced, or
 * not at all.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <event2/event.h>
#include <nettle/sha2.h>

#include "cleanup.h"
#include "fetcher_page.h"
#include "fetcher_transfer.h"
#include "sandbox.h"
#include "spool.h"
#include "utf8.h"
#include "write_all.h"

#define FETCH_TEMP_ID	0u /* of spool_temp_open(); import jobs begin at 1 */
#define NAME_WITHOUT	"document"
#define EXIT_NO_JOB	64
#define EXIT_NO_ANSWER	74
#define READ_BYTES_STEP 4096u

struct fetcher {
	struct event_base *base;
	struct fetch_job job;
	struct fetch_result result;
	struct fault fault;
	int fd; /* of what is being written; -1 */
	struct sha256_ctx hash;
	char *page; /* of `follow` */
	size_t page_size, page_room;
};

/* ── where the bytes go ───────────────────────────────────────────────────────────────────── */

static bool take_page(void *context, const void *data, size_t size)
{
	struct fetcher *fetcher = context;
	size_t room = fetcher->page_room ? fetcher->page_room : READ_BYTES_STEP;
	char *more;

	while (room < fetcher->page_size + size)
		room *= 2;
	if (room != fetcher->page_room) {
		more = realloc(fetcher->page, room);
		if (!more) {
			(void)fault_set(&fetcher->fault, FAULT_MEMORY, "no memory for the page");
			return false;
		}
		fetcher->page = more;
		fetcher->page_room = room;
	}
	(void)memcpy(fetcher->page + fetcher->page_size, data, size);
	fetcher->page_size += size;
	return true;
}

static bool take_document(void *context, const void *data, size_t size)
{
	struct fetcher *fetcher = context;

	sha256_update(&fetcher->hash, size, data);
	if (write_all(fetcher->fd, data, size) == 0)
		return true;
	(void)fault_errno(&fetcher->fault, errno,
			  "cannot write into %.200s/incoming; make room, it is tried again",
			  fetcher->job.spool);
	return false;
}

/* ── the two requests ─────────────────────────────────────────────────────────────────────── */

static struct transfer_request request_of(struct fetcher *fetcher, const char *url)
{
	return (struct transfer_request){
		.url = url,
		.etag = "",
		.last_modified = "",
		.user_agent = fetcher->job.user_agent,
		.connect_ms = fetcher->job.connect_ms,
		.stall_ms = fetcher->job.stall_ms,
		.context = fetcher,
	};
}

/* The document's URL: that of the job, or the link on its page. */
static int find_url(struct fetcher *fetcher, char ret_url[FETCH_URL_MAX])
{
	struct transfer_request request = request_of(fetcher, fetcher->job.url);
	struct transfer_reply reply;
	unsigned int seen;
	char host[300];
	uint16_t port;

	(void)memcpy(ret_url, fetcher->job.url, sizeof(fetcher->job.url));
	if (!fetcher->job.follow[0])
		return 0;
	request.sink = take_page;
	request.max_bytes = PAGE_BYTES_MAX;
	if (transfer_run(fetcher->base, &request, &reply, &fetcher->fault) < 0) {
		fetcher->result.status = reply.status;
		fetcher->result.retry_after_s = reply.retry_after_s;
		return -1;
	}
	if (page_find(fetcher->page, fetcher->page_size, reply.url[0] ? reply.url : request.url,
		      fetcher->job.follow, ret_url, &seen))
		return 0;
	if (!transfer_host(request.url, host, sizeof(host), &port))
		(void)snprintf(host, sizeof(host), "the server");
	return fault_set(
		&fetcher->fault, FAULT_TRANSIENT,
		"none of the %u links on the page of %.100s matches follow = %.100s; look at the page: it may be built anew",
		seen, host, fetcher->job.follow);
}

/* A name that a spool takes: what the server or the URL says, without what would harm. */
static void choose_name(const struct transfer_reply *reply, char ret_name[SPOOL_NAME_MAX])
{
	char name[SPOOL_NAME_MAX] = "";

	if (reply->file_name[0])
		(void)snprintf(name, sizeof(name), "%s", reply->file_name);
	else
		transfer_file_name(reply->url, name, sizeof(name));
	for (char *at = name; *at; at++)
		if (*at == '/' || *at == '\\' || (unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '_';
	(void)utf8_repair(ret_name, SPOOL_NAME_MAX, name, strlen(name));
	if (!spool_name_ok(ret_name))
		(void)snprintf(ret_name, SPOOL_NAME_MAX, "%s", NAME_WITHOUT);
}

/* The server's time becomes the file's, which is where a worker looks for it. */
static int finish_file(struct fetcher *fetcher, const struct transfer_reply *reply)
{
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = reply->modified_ms / 1000,
		  .tv_nsec = reply->modified_ms % 1000 * 1000000 },
	};
	char name[SPOOL_NAME_MAX];

	if (reply->modified_ms && futimens(fetcher->fd, times) < 0)
		return fault_errno(&fetcher->fault, errno,
				   "cannot date the file in %.200s/incoming", fetcher->job.spool);
	if (fsync(fetcher->fd) < 0)
		return fault_errno(&fetcher->fault, errno,
				   "cannot write into %.200s/incoming to the disk",
				   fetcher->job.spool);
	choose_name(reply, name);
	return spool_temp_publish(fetcher->job.spool, FETCH_TEMP_ID, name, fetcher->result.name,
				  &fetcher->fault);
}

static void take_validators(struct fetch_validators *now, const char *url,
			    const struct transfer_reply *reply)
{
	(void)memcpy(now->url, url, strlen(url) + 1);
	(void)memcpy(now->etag, reply->etag, sizeof(now->etag));
	(void)memcpy(now->last_modified, reply->last_modified, sizeof(now->last_modified));
}

static int fetch_document(struct fetcher *fetcher, const char *url)
{
	const struct fetch_validators *last = &fetcher->job.last;
	struct fetch_result *result = &fetcher->result;
	struct transfer_request request = request_of(fetcher, url);
	struct transfer_reply reply;
	bool again = !strcmp(last->url, url);

	if (spool_temp_open(fetcher->job.spool, FETCH_TEMP_ID, &fetcher->fd, &fetcher->fault) < 0)
		return -1;
	sha256_init(&fetcher->hash);
	request.sink = take_document;
	request.max_bytes = fetcher->job.max_bytes;
	request.etag = again ? last->etag : "";
	request.last_modified = again ? last->last_modified : "";
	if (transfer_run(fetcher->base, &request, &reply, &fetcher->fault) < 0) {
		result->status = reply.status;
		result->retry_after_s = reply.retry_after_s;
		return -1;
	}
	result->status = reply.status;
	result->bytes = reply.bytes;
	if (reply.status == 304) {
		result->now = *last;
		result->outcome = FETCH_UNCHANGED;
		return 0;
	}
	take_validators(&result->now, url, &reply);
	sha256_digest(&fetcher->hash, SHA256_BYTES, result->now.sha256);
	if (!reply.bytes)
		return fault_set(&fetcher->fault, FAULT_TRANSIENT,
				 "the server sent an empty document");
	if (!memcmp(result->now.sha256, last->sha256, SHA256_BYTES)) {
		result->outcome = FETCH_UNCHANGED;
		return 0;
	}
	if (finish_file(fetcher, &reply) < 0)
		return -1;
	result->outcome = FETCH_DONE;
	return 0;
}

/* ── from the job to the answer ───────────────────────────────────────────────────────────── */

static int read_job(struct fetcher *fetcher)
{
	unsigned char bytes[FETCH_WIRE_MAX];
	size_t size = 0;
	ssize_t got;

	while ((got = read(STDIN_FILENO, bytes + size, sizeof(bytes) - size)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fault_errno(&fetcher->fault, errno, "cannot read the job");
		size += (size_t)got;
	}
	return fetch_job_decode(bytes, size, &fetcher->job, &fetcher->fault);
}

static int fetch(struct fetcher *fetcher)
{
	char url[FETCH_URL_MAX];

	fetcher->base = event_base_new();
	if (!fetcher->base)
		return fault_set(&fetcher->fault, FAULT_MEMORY, "no memory for an event loop");
	return find_url(fetcher, url) < 0 ? -1 : fetch_document(fetcher, url);
}

/* Ports of the job's own server and of the proxies; redirects may go to 80 and 443. */
static int confine(struct fetcher *fetcher)
{
	static const char *const proxies[] = { "http_proxy", "https_proxy", "HTTPS_PROXY",
					       "all_proxy", "ALL_PROXY" };
	uint16_t ports[SANDBOX_PORTS_MAX] = { 80, 443 };
	size_t count = 2;
	char host[300];

	if (transfer_host(fetcher->job.url, host, sizeof(host), &ports[count]))
		count++;
	for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++) {
		const char *proxy = getenv(proxies[i]);

		if (proxy && *proxy && transfer_host(proxy, host, sizeof(host), &ports[count]))
			count++;
	}
	return sandbox_fetcher(fetcher->job.spool, fetcher->job.max_bytes, getenv("SSL_CERT_FILE"),
			       ports, count, &fetcher->fault);
}

static int answer(struct fetcher *fetcher)
{
	unsigned char bytes[FETCH_WIRE_MAX];
	struct fetch_result *result = &fetcher->result;
	size_t size;

	if (fetcher->fault.kind != FAULT_NONE) {
		result->outcome = FETCH_FAILED;
		(void)utf8_repair(result->text, sizeof(result->text), fetcher->fault.text,
				  strlen(fetcher->fault.text));
	}
	size = fetch_result_encode(result, bytes);
	return size && write_all(STDOUT_FILENO, bytes, size) == 0 ? 0 : -1;
}

int main(void)
{
	struct fetcher *fetcher = calloc(1, sizeof(*fetcher));
	int code;

	if (!fetcher)
		return EXIT_NO_ANSWER;
	fetcher->fd = -1;
	if (read_job(fetcher) < 0) {
		(void)fprintf(stderr,
			      "straitd-fetcher: %s; it is started by straitd, not by hand\n",
			      fetcher->fault.text);
		free(fetcher);
		return EXIT_NO_JOB;
	}
	if (confine(fetcher) == 0 && fetch(fetcher) < 0 && fetcher->fault.kind == FAULT_NONE)
		(void)fault_set(&fetcher->fault, FAULT_SYSTEM, "the transfer failed");
	if (fetcher->result.outcome != FETCH_DONE)
		spool_temp_remove(fetcher->job.spool, FETCH_TEMP_ID);
	code = answer(fetcher) < 0 ? EXIT_NO_ANSWER : 0;
	if (fetcher->fd >= 0)
		(void)close(fetcher->fd); /* synced before */
	if (fetcher->base)
		event_base_free(fetcher->base);
	free(fetcher->page);
	free(fetcher);
	return code;
}
