/* SPDX-License-Identifier: MIT
 *
 * web_server.c - see web_server.h. The child forks for each connection and ends with its parent.
 */
#include "web_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>

#define REQUEST_MAX 16384
#define WAIT_MS	    20000
#define GIBIBYTES_4 (UINT64_C(4) << 30)
#define ETAG	    "\"strait-1\""

/* ── what the child does ──────────────────────────────────────────────────────────────────── */

static void put(int fd, const char *text)
{
	size_t size = strlen(text);

	while (size) {
		ssize_t wrote = write(fd, text, size);

		if (wrote <= 0)
			_exit(0); /* it had enough */
		text += wrote;
		size -= (size_t)wrote;
	}
}

static void answer(int fd, const char *status, const char *headers, const char *body)
{
	char head[1024];

	(void)snprintf(head, sizeof(head),
		       "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n", status,
		       headers, strlen(body));
	put(fd, head);
	put(fd, body);
}

static void answer_endless(int fd, const char *length)
{
	static char block[65537];
	uint64_t sent;

	(void)memset(block, 'a', sizeof(block) - 1);
	put(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n");
	put(fd, length);
	put(fd, "\r\n");
	for (sent = 0; sent < GIBIBYTES_4; sent += sizeof(block) - 1)
		put(fd, block);
}

static void answer_headers(int fd)
{
	put(fd, "HTTP/1.1 200 OK\r\n");
	for (;;)
		put(fd,
		    "X-Padding: 0123456789012345678901234567890123456789012345678901234567890\r\n");
}

static const struct fixed {
	const char *path, *status, *headers, *body;
} fixed[] = {
	{ "/plain.csv", "200 OK", "", WEB_DOCUMENT },
	{ "/page.html", "200 OK", "Content-Type: text/html\r\n",
	  "<html><head><base href='/sub/'></head><body><p>x<a href=old.csv>old</a>"
	  "<A HREF='../good.csv?a=1&amp;b=2#x' class=x>new</a> <a href='mailto:x@y'>m</a>"
	  "<a href=\"../plain.csv\">other</a></body>" },
	{ "/redirect", "302 Found", "Location: /good.csv\r\n", "" },
	{ "/loop", "302 Found", "Location: /loop\r\n", "" },
	{ "/down", "302 Found", "Location: file:///etc/hostname\r\n", "" },
	{ "/truncated.csv", "200 OK", "Content-Length: 400\r\nX-", WEB_DOCUMENT },
	{ "/longer.csv", "200 OK", "Content-Length: 57\r\nX-", WEB_DOCUMENT },
	{ "/busy", "429 Too Many Requests", "Retry-After: 7\r\n", "slower" },
	{ "/broken", "500 Internal Server Error", "", "oops" },
	{ "/gone", "410 Gone", "", "" },
	{ "/empty.csv", "200 OK", "", "" },
	{ "/name", "200 OK", "Content-Disposition: attachment; filename=\"../../climb up.csv\"\r\n",
	  WEB_DOCUMENT },
};

static void serve(int fd, const char *path, bool conditional)
{
	size_t i;

	for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (strcmp(path, fixed[i].path) == 0) {
			answer(fd, fixed[i].status, fixed[i].headers, fixed[i].body);
			return;
		}
	if (strcmp(path, "/good.csv") == 0)
		answer(fd, conditional ? "304 Not Modified" : "200 OK", "ETag: " ETAG "\r\n",
		       conditional ? "" : WEB_DOCUMENT);
	else if (strcmp(path, "/dated.csv") == 0)
		answer(fd, conditional ? "304 Not Modified" : "200 OK",
		       "Last-Modified: " WEB_DATED_AT "\r\n", conditional ? "" : WEB_DOCUMENT);
	else if (strcmp(path, "/endless.csv") == 0)
		answer_endless(fd, "");
	else if (strcmp(path, "/promised.csv") == 0)
		answer_endless(fd, "Content-Length: 4294967296\r\n");
	else if (strcmp(path, "/many-headers") == 0)
		answer_headers(fd);
	else if (strcmp(path, "/stall.csv") == 0)
		put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\nid,platform");
	else if (strcmp(path, "/silent") != 0)
		answer(fd, "404 Not Found", "", "");
	if (strcmp(path, "/stall.csv") == 0 || strcmp(path, "/silent") == 0)
		(void)pause();
}

static void __attribute__((noreturn)) one_connection(int fd)
{
	char request[REQUEST_MAX] = "", path[256] = "";
	size_t used = 0;
	bool conditional;

	while (!strstr(request, "\r\n\r\n") && used < sizeof(request) - 1) {
		ssize_t got = read(fd, request + used, sizeof(request) - 1 - used);

		if (got <= 0)
			_exit(0);
		used += (size_t)got;
		request[used] = '\0';
	}
	if (sscanf(request, "GET %255[^ ?]", path) != 1)
		_exit(0);
	conditional = strcasestr(request, "If-None-Match: " ETAG) ||
		      strcasestr(request, "If-Modified-Since: " WEB_DATED_AT);
	(void)dprintf(STDOUT_FILENO, "GET %s%s\n", path, conditional ? " conditional" : "");
	serve(fd, path, conditional);
	_exit(0);
}

static void __attribute__((noreturn)) child(int listener, int out)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGCHLD, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	if (dup2(out, STDOUT_FILENO) < 0)
		_exit(1);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0 && fork() == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			one_connection(fd);
		}
		(void)close(fd);
	}
}

/* ── what the test sees ───────────────────────────────────────────────────────────────────── */

void web_server_start(struct web_server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), out[2];
	pid_t pid;

	ck_assert_int_ge(listener, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, 64), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	*server = (struct web_server){ .port = ntohs(address.sin_port) };
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		child(listener, out[1]);
	process_adopt(&server->process, pid, out[0]);
	(void)close(listener);
	(void)close(out[1]);
}

void web_server_stop(struct web_server *server)
{
	process_done(&server->process);
}

bool web_server_wait(struct web_server *server, const char *request, unsigned int times)
{
	long long deadline = process_now_ms() + WAIT_MS;
	const char *line;

	while (times) {
		long long left = deadline - process_now_ms();

		line = left > 0 ? process_line(&server->process, (int)left) : NULL;
		if (!line)
			return false;
		times -= strcmp(line, request) == 0;
	}
	return true;
}
