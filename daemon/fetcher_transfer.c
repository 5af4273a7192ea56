/* SPDX-License-Identifier: MIT
 *
 * fetcher_transfer.c - libcurl on libevent, for one request at a time. Fetcher only; the one file
 * that knows libcurl.
 *
 * Invariant: nothing but http and https is spoken, also after a redirect, and https is never left
 * for http; certificates are verified; time, size, redirects and headers are bounded. Must never
 * log a URL whole: it may hold a password.
 */
#include "fetcher_transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>
#include <event2/event.h>

#include "utf8.h"

#define HEADER_MAX	  2048u /* one that we look at */
#define HTTP_OK		  200
#define HTTP_NOT_MODIFIED 304

struct transfer {
	struct event_base *base;
	const struct transfer_request *request;
	struct transfer_reply *reply;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	struct event *timer;
	char error[CURL_ERROR_SIZE];
	bool done, sink_refused, too_large;
	CURLcode result;
};

/* ── libcurl's sockets and timer on the loop ──────────────────────────────────────────────── */

static void look_for_end(struct transfer *transfer)
{
	const CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(transfer->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		transfer->done = true;
		transfer->result = message->data.result;
		(void)event_base_loopbreak(transfer->base);
	}
}

static void on_socket(evutil_socket_t fd, short what, void *data)
{
	struct transfer *transfer = data;
	int running, action = (what & EV_READ ? CURL_CSELECT_IN : 0) |
			      (what & EV_WRITE ? CURL_CSELECT_OUT : 0);

	(void)curl_multi_socket_action(transfer->multi, fd, action, &running);
	look_for_end(transfer);
}

static void on_timer(evutil_socket_t fd, short what, void *data)
{
	struct transfer *transfer = data;
	int running;

	(void)fd, (void)what;
	(void)curl_multi_socket_action(transfer->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	look_for_end(transfer);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
	struct transfer *transfer = data;
	struct event *event = socket_data;
	short events = EV_PERSIST;

	(void)easy;
	if (event)
		event_free(event);
	if (what == CURL_POLL_REMOVE)
		return 0;
	if (what & CURL_POLL_IN)
		events |= EV_READ;
	if (what & CURL_POLL_OUT)
		events |= EV_WRITE;
	event = event_new(transfer->base, fd, events, on_socket, transfer);
	if (!event || event_add(event, NULL) < 0)
		return -1;
	return curl_multi_assign(transfer->multi, fd, event) == CURLM_OK ? 0 : -1;
}

static int want_timer(CURLM *multi, long wait_ms, void *data)
{
	struct transfer *transfer = data;
	struct timeval wait = { .tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000 };

	(void)multi;
	return wait_ms < 0 ? evtimer_del(transfer->timer) : evtimer_add(transfer->timer, &wait);
}

/* ── what comes ───────────────────────────────────────────────────────────────────────────── */

static size_t on_body(char *data, size_t one, size_t size, void *context)
{
	struct transfer *transfer = context;
	struct transfer_reply *reply = transfer->reply;
	long status = 0;

	(void)one; /* always 1 */
	(void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	reply->bytes += size;
	if (status != HTTP_OK)
		return reply->bytes > TRANSFER_ERROR_BODY_MAX ? 0 : size;
	if (reply->bytes > transfer->request->max_bytes) {
		transfer->too_large = true;
		return 0;
	}
	transfer->sink_refused = !transfer->request->sink(transfer->request->context, data, size);
	return transfer->sink_refused ? 0 : size;
}

/* The value if the line is that header; without blanks round it. NULL else, and when it is longer
   than it may be or no text. */
static const char *header_value(const char *line, const char *name, char *buffer, size_t size)
{
	size_t length = strlen(name), used;
	const char *value;

	if (strncasecmp(line, name, length) != 0 || line[length] != ':')
		return NULL;
	value = line + length + 1;
	value += strspn(value, " \t");
	used = strcspn(value, "\r\n");
	while (used && (value[used - 1] == ' ' || value[used - 1] == '\t'))
		used--;
	if (used >= size || !utf8_printable(value, used))
		return NULL;
	(void)memcpy(buffer, value, used);
	buffer[used] = '\0';
	return buffer;
}

/* RFC 6266; filename*= is for names that a spool does not take anyway. */
static void take_disposition(const char *value, char *ret_name, size_t size)
{
	const char *name = strcasestr(value, "filename=");
	size_t length;

	if (!name)
		return;
	name += strlen("filename=");
	length = *name == '"' ? strcspn(++name, "\"") : strcspn(name, "; \t");
	if (length < size) {
		(void)memcpy(ret_name, name, length);
		ret_name[length] = '\0';
	}
}

static size_t on_header(char *data, size_t one, size_t size, void *context)
{
	struct transfer *transfer = context;
	struct transfer_reply *reply = transfer->reply;
	char line[HEADER_MAX], value[HEADER_MAX];

	(void)one; /* always 1 */
	if (size >= sizeof(line))
		return size;
	(void)memcpy(line, data, size);
	line[size] = '\0';
	if (strncmp(line, "HTTP/", 5) == 0) /* of the next answer after a redirect */
		reply->etag[0] = reply->last_modified[0] = reply->file_name[0] = '\0';
	(void)header_value(line, "ETag", reply->etag, sizeof(reply->etag));
	if (header_value(line, "Last-Modified", reply->last_modified,
			 sizeof(reply->last_modified))) {
		time_t at = curl_getdate(reply->last_modified, NULL);

		reply->modified_ms = at > 0 ? (int64_t)at * 1000 : 0;
	}
	if (header_value(line, "Content-Disposition", value, sizeof(value)))
		take_disposition(value, reply->file_name, sizeof(reply->file_name));
	return size;
}

/* ── the request ──────────────────────────────────────────────────────────────────────────── */

static bool add_header(struct transfer *transfer, const char *name, const char *value)
{
	char line[FETCH_VALIDATOR_MAX + 64];
	struct curl_slist *more;

	if (!value[0])
		return true;
	(void)snprintf(line, sizeof(line), "%s: %s", name, value);
	more = curl_slist_append(transfer->headers, line);
	if (!more)
		return false;
	transfer->headers = more;
	return true;
}

/* All of them or none: a CURLcode other than CURLE_OK stays. */
static bool set_options(struct transfer *transfer)
{
	const struct transfer_request *request = transfer->request;
	const char *authorities = getenv("SSL_CERT_FILE");
	bool secure = strncasecmp(request->url, "https:", 6) == 0;
	CURL *easy = transfer->easy;
	CURLcode code = CURLE_OK;

#define SET(option, value)                                                                         \
	do {                                                                                       \
		if (code == CURLE_OK)                                                              \
			code = curl_easy_setopt(easy, option, value);                              \
	} while (0)
	SET(CURLOPT_URL, request->url);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 1L);
	SET(CURLOPT_MAXREDIRS, TRANSFER_REDIRECTS_MAX);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (authorities && *authorities)
		SET(CURLOPT_CAINFO, authorities);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_USERAGENT, request->user_agent);
	SET(CURLOPT_HTTPHEADER, transfer->headers);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_ms);
	SET(CURLOPT_LOW_SPEED_LIMIT, TRANSFER_STALL_BYTES);
	SET(CURLOPT_LOW_SPEED_TIME, (long)(request->stall_ms + 999) / 1000);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->max_bytes);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, transfer);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, transfer);
	SET(CURLOPT_ERRORBUFFER, transfer->error);
#undef SET
	return code == CURLE_OK;
}

static bool set_up(struct transfer *transfer)
{
	transfer->timer = evtimer_new(transfer->base, on_timer, transfer);
	transfer->multi = curl_multi_init();
	transfer->easy = curl_easy_init();
	return transfer->timer && transfer->multi && transfer->easy &&
	       add_header(transfer, "If-None-Match", transfer->request->etag) &&
	       add_header(transfer, "If-Modified-Since", transfer->request->last_modified) &&
	       set_options(transfer) &&
	       curl_multi_setopt(transfer->multi, CURLMOPT_SOCKETFUNCTION, want_socket) ==
		       CURLM_OK &&
	       curl_multi_setopt(transfer->multi, CURLMOPT_SOCKETDATA, transfer) == CURLM_OK &&
	       curl_multi_setopt(transfer->multi, CURLMOPT_TIMERFUNCTION, want_timer) == CURLM_OK &&
	       curl_multi_setopt(transfer->multi, CURLMOPT_TIMERDATA, transfer) == CURLM_OK &&
	       curl_multi_add_handle(transfer->multi, transfer->easy) == CURLM_OK;
}

static void tear_down(struct transfer *transfer)
{
	if (transfer->multi && transfer->easy)
		(void)curl_multi_remove_handle(transfer->multi, transfer->easy);
	curl_easy_cleanup(transfer->easy);
	if (transfer->multi)
		(void)curl_multi_cleanup(transfer->multi);
	curl_slist_free_all(transfer->headers);
	if (transfer->timer)
		event_free(transfer->timer);
}

static void take_reply(struct transfer *transfer)
{
	struct transfer_reply *reply = transfer->reply;
	curl_off_t wait_s = 0;
	const char *url = NULL;
	long status = 0;

	(void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &wait_s);
	(void)curl_easy_getinfo(transfer->easy, CURLINFO_EFFECTIVE_URL, &url);
	reply->status = (uint16_t)status;
	reply->retry_after_s = wait_s <= 0			  ? 0
			       : wait_s > FETCH_RETRY_AFTER_MAX_S ? FETCH_RETRY_AFTER_MAX_S
								  : (uint32_t)wait_s;
	if (url && strlen(url) < sizeof(reply->url) && utf8_printable(url, strlen(url)))
		(void)memcpy(reply->url, url, strlen(url) + 1);
}

static const char *advice(uint16_t status)
{
	switch (status) {
	case 401:
	case 403:
		return "the server does not let us in";
	case 404:
	case 410:
		return "there is nothing at that address (any more): look for the new one, and put it into 'url'";
	case 429:
		return "the server wants fewer requests: a longer 'refresh' helps";
	default:
		return status >= 500 ? "the server is in trouble" : "that is no document";
	}
}

/* What became of it, once there is nothing more to wait for. */
static int judge(const struct transfer *transfer, struct fault *fault)
{
	const struct transfer_reply *reply = transfer->reply;
	char host[300], text[CURL_ERROR_SIZE];
	uint16_t port;

	if (transfer->sink_refused)
		return -1;
	if (!transfer_host(reply->url[0] ? reply->url : transfer->request->url, host, sizeof(host),
			   &port))
		(void)snprintf(host, sizeof(host), "the server");
	if (transfer->too_large || transfer->result == CURLE_FILESIZE_EXCEEDED)
		return fault_set(
			fault, FAULT_TRANSIENT,
			"%.100s sends more than %llu bytes; if it may be so large, raise 'fetch_max'",
			host, (unsigned long long)transfer->request->max_bytes);
	if (reply->status && reply->status != HTTP_OK && reply->status != HTTP_NOT_MODIFIED &&
	    (transfer->result == CURLE_OK || reply->status >= 400))
		return fault_set(fault, FAULT_TRANSIENT, "%.100s answered %u: %s", host,
				 reply->status, advice(reply->status));
	if (transfer->result != CURLE_OK) {
		(void)utf8_repair(
			text, sizeof(text),
			transfer->error[0] ? transfer->error : curl_easy_strerror(transfer->result),
			strlen(transfer->error[0] ? transfer->error
						  : curl_easy_strerror(transfer->result)));
		return fault_set(fault, FAULT_TRANSIENT, "%.100s: %.200s", host, text);
	}
	return 0;
}

int transfer_run(struct event_base *base, const struct transfer_request *request,
		 struct transfer_reply *ret_reply, struct fault *fault)
{
	struct transfer transfer = { .base = base, .request = request, .reply = ret_reply };
	int result = -1;

	*ret_reply = (struct transfer_reply){ 0 };
	if (!set_up(&transfer)) {
		(void)fault_set(fault, FAULT_MEMORY, "cannot set up the transfer");
	} else {
		/* A step at a time: libcurl calls back while the handle is added. */
		while (!transfer.done && event_base_loop(base, EVLOOP_ONCE) == 0)
			look_for_end(&transfer);
		if (!transfer.done)
			(void)snprintf(transfer.error, sizeof(transfer.error),
				       "the event loop failed");
		if (!transfer.done)
			transfer.result = CURLE_ABORTED_BY_CALLBACK;
		take_reply(&transfer);
		result = judge(&transfer, fault);
	}
	tear_down(&transfer);
	return result;
}

/* ── URLs ─────────────────────────────────────────────────────────────────────────────────── */

static void free_url(CURLU **url)
{
	curl_url_cleanup(*url);
}

bool transfer_resolve(const char *base, const char *link, char ret_url[FETCH_URL_MAX])
{
	__attribute__((cleanup(free_url))) CURLU *url = curl_url();
	char *text = NULL, *scheme = NULL;
	bool good;

	good = url && curl_url_set(url, CURLUPART_URL, base, 0) == CURLUE_OK &&
	       curl_url_set(url, CURLUPART_URL, link, CURLU_URLENCODE) == CURLUE_OK &&
	       curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
	       curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	       (!strcmp(scheme, "https") || !strcmp(scheme, "http")) &&
	       curl_url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK &&
	       strlen(text) < FETCH_URL_MAX && utf8_printable(text, strlen(text));
	if (good)
		(void)memcpy(ret_url, text, strlen(text) + 1);
	curl_free(text);
	curl_free(scheme);
	return good;
}

bool transfer_host(const char *text, char *ret_host, size_t size, uint16_t *ret_port)
{
	__attribute__((cleanup(free_url))) CURLU *url = curl_url();
	char *host = NULL, *port = NULL;
	bool good;

	good = url && curl_url_set(url, CURLUPART_URL, text, CURLU_GUESS_SCHEME) == CURLUE_OK &&
	       curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	       curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
	if (good) {
		(void)snprintf(ret_host, size, "%s:%s", host, port);
		*ret_port = (uint16_t)strtoul(port, NULL, 10); /* libcurl has checked it */
	}
	curl_free(host);
	curl_free(port);
	return good;
}

void transfer_file_name(const char *text, char *ret_name, size_t size)
{
	__attribute__((cleanup(free_url))) CURLU *url = curl_url();
	char *path = NULL;
	const char *name;

	ret_name[0] = '\0';
	if (!url || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_PATH, &path, CURLU_URLDECODE) != CURLUE_OK)
		return;
	name = strrchr(path, '/');
	name = name ? name + 1 : path;
	if (strlen(name) < size)
		(void)memcpy(ret_name, name, strlen(name) + 1);
	curl_free(path);
}
