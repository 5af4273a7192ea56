/* SPDX-License-Identifier: MIT
 *
 * web_server.h - an HTTP/1.1 server on loopback in a child process, whose paths behave well or
 * badly as their names say. It speaks the wire itself: no library would lie about a length.
 *
 *   /good /dated            a small document with an ETag, or with a date only; 304 when asked well
 *   /plain                  the same document and nothing about it
 *   /page                   HTML; links: /good?old=1 as "old.csv", then two matching
 * "referrals-*.csv" /redirect /loop /down   302 to /good; to itself; to another scheme /stall
 * headers and half a body, then nothing for ever /truncated              half of the promised
 * length, then the end /longer                 more than the promised length /endless 4 GiB of body
 * without a length; /promised: with it in the header /many-headers           headers without end
 *   /busy /broken /gone     429 with Retry-After: 7; 500; 410
 *   /empty                  200 with nothing
 *   /name                   Content-Disposition with a name that climbs out of the directory
 *   /silent                 takes the connection and says nothing
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "process.h"

#define WEB_DOCUMENT                                                                               \
	"id,platform,kind,submitted_at,status,responded_at,reason\n"                               \
	"r1,alpha,account,2020-01-10T10:00:00Z,blocked,2020-01-10T20:00:00Z,x\n"                   \
	"r2,alpha,account,2020-01-11T10:00:00Z,refused,2020-01-13T10:00:00Z,x\n"
#define WEB_DATED_AT "Sun, 01 Mar 2020 12:00:00 GMT"

struct web_server {
	struct process process; /* its output: "GET /path conditional" for each request */
	int port;
};

void web_server_start(struct web_server *server);
void web_server_stop(struct web_server *server);
/* Waits until so many requests for the path have come since the start; false after the deadline. */
bool web_server_wait(struct web_server *server, const char *request, unsigned int times);
