/* SPDX-License-Identifier: MIT
 *
 * fetch_wire.h - what main tells a fetcher, and what a fetcher answers. Both processes.
 *
 * A fetcher lives for one fetch: it reads one job from standard input to its end, and writes one
 * result to standard output. Main takes the result for hostile: a decoder checks every length, enum
 * and text, and that nothing is left over.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "model.h"
#include "spool.h"

#define FETCH_URL_MAX		4096u
#define FETCH_VALIDATOR_MAX	512u   /* an ETag or a Last-Modified as it was sent */
#define FETCH_TEXT_MAX		400u   /* a sentence */
#define FETCH_WIRE_MAX		16384u /* an encoded job or result: fits into a pipe at once */
#define FETCH_RETRY_AFTER_MAX_S (7u * 24 * 60 * 60)

/* What a server said that makes the next request conditional (RFC 9110, section 8.8); and the hash
   of what came, for servers that say nothing. All of one document: the one at `url`. */
struct fetch_validators {
	char url[FETCH_URL_MAX];
	char etag[FETCH_VALIDATOR_MAX];
	char last_modified[FETCH_VALIDATOR_MAX];
	uint8_t sha256[SHA256_BYTES]; /* all 0 = nothing came yet */
};

struct fetch_job {
	char url[FETCH_URL_MAX];
	char follow[256]; /* glob that picks a link of the page at url; "" = url is the document */
	char spool[SPOOL_PATH_MAX];
	char user_agent[64];
	struct fetch_validators last;
	uint64_t max_bytes;
	uint32_t connect_ms, stall_ms; /* a stall: hardly anything came for so long */
};

/* What is kept of the last fetch of a source. */
struct fetch_state {
	struct fetch_validators last;
	int64_t answered_ms; /* when the server last gave something, or said that nothing is new */
	int64_t next_ms;     /* when it is asked again */
	uint32_t failures;   /* in a row */
};

enum fetch_outcome {
	FETCH_DONE = 1,	 /* `name` lies in incoming/ */
	FETCH_UNCHANGED, /* 304, or the very bytes of last time */
	FETCH_FAILED,	 /* `text` says why */
};

struct fetch_result {
	enum fetch_outcome outcome;
	uint16_t status;	/* of HTTP; 0 = it did not come so far */
	uint32_t retry_after_s; /* asked for by the server; 0 = not */
	uint64_t bytes;
	char name[SPOOL_NAME_MAX];
	struct fetch_validators now; /* with FETCH_DONE and FETCH_UNCHANGED */
	char text[FETCH_TEXT_MAX];
};

/* Into FETCH_WIRE_MAX bytes; returns how many. 0: a text is too long, or is not UTF-8. */
size_t fetch_job_encode(const struct fetch_job *job, unsigned char *bytes);
size_t fetch_result_encode(const struct fetch_result *result, unsigned char *bytes);
/* FAULT_PROTOCOL with what is wrong. */
int fetch_job_decode(const void *bytes, size_t size, struct fetch_job *ret_job,
		     struct fault *fault);
int fetch_result_decode(const void *bytes, size_t size, struct fetch_result *ret_result,
			struct fault *fault);
