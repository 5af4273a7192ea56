/* SPDX-License-Identifier: MIT
 *
 * fetcher_transfer.h - one HTTP(S) request, by libcurl's multi-socket interface on libevent.
 * Fetcher only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "fetch_wire.h"

#define TRANSFER_REDIRECTS_MAX 5L
#define TRANSFER_STALL_BYTES   1024L /* a second: less is a stall */
#define TRANSFER_ERROR_BODY_MAX                                                                    \
	(64u << 10) /* of an answer that is no document; then it is cut off */

struct event_base;

struct transfer_request {
	const char *url;
	const char *etag, *last_modified; /* "" = not conditional */
	const char *user_agent;
	uint64_t max_bytes;
	uint32_t connect_ms, stall_ms;
	/* Takes the body of a 200; false = it cannot, and has filled a fault of its own. */
	bool (*sink)(void *context, const void *data, size_t size);
	void *context;
};

struct transfer_reply {
	uint16_t status;
	uint32_t retry_after_s;
	uint64_t bytes;
	char url[FETCH_URL_MAX]; /* after redirects */
	char etag[FETCH_VALIDATOR_MAX], last_modified[FETCH_VALIDATOR_MAX];
	int64_t modified_ms; /* Last-Modified; 0 = not said, or not readable */
	char file_name[256]; /* of Content-Disposition, as it was sent; "" */
};

/* Waits for the end of it. 0 with status 200 or 304; else -1 and a sentence. What of the reply came
   is filled in either case. FAULT_NONE in the fault when it was the sink that refused. */
int transfer_run(struct event_base *base, const struct transfer_request *request,
		 struct transfer_reply *ret_reply, struct fault *fault);

/* An absolute URL out of a link on the page at `base`; false when it is none for http or https, or
   too long. */
bool transfer_resolve(const char *base, const char *link, char ret_url[FETCH_URL_MAX]);
/* "host:port" without user and password, for people; the port of the URL or of its scheme. false
   when the URL cannot be read. */
bool transfer_host(const char *url, char *ret_host, size_t size, uint16_t *ret_port);
/* Last component of the URL's path, decoded; "" when there is none. */
void transfer_file_name(const char *url, char *ret_name, size_t size);
