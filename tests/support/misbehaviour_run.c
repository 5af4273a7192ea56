/* SPDX-License-Identifier: MIT
 *
 * misbehaviour_run.c - one run of a row of the table. Test programs only.
 *
 * Invariant: the client's connection is its own, so that no other question delays its calls; each
 * call is counted, and one without an answer within CALL_MS is a failed one. Must never assert how
 * long a call took.
 */
#include "misbehaviour.h"

#include <math.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>
#include <dbus/dbus.h>

#include "harness.h"

#define NAME	"org.straitd.Straitd1"
#define ROOT	"/org/straitd/Straitd1"
#define MANAGER NAME ".Manager"

#define PERCENT "10" /* of the real deadlines */
#if defined(__SANITIZE_ADDRESS__)
#define REPORT_LINES 100u /* of AddressSanitizer itself, about a worker that dies three times */
#else
#define REPORT_LINES 0u
#endif
#define CALL_MS	     5000 /* an answer that comes later is none */
#define TICK_MS	     1
#define ALL_EVERY    8	    /* one call of so many asks for all figures */
#define DROP_MS	     20	    /* the good source gets a document at most so often */
#define CALLS_MAX    200000 /* kept durations */
#define DISTURBED_MS 25000
#define MORE_ROWS    "rrr" /* for the mended source */
#define MORE_COUNT   3

struct client {
	struct harness *harness;
	const struct misbehaviour *row;
	DBusConnection *connection;
	bool state_seen, via_seen;
	char state[64], via[64]; /* newest state; states that were seen, for a message */
	double *durations;	 /* us; CALLS_MAX */
	size_t ticks;

	/* the good source: one document at a time, of so many rows */
	unsigned int dropped, landed;
	double expected; /* test.count.total */
	long long dropped_ms;
};

static double now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* ── what the bus tells unasked ────────────────────────────────────────────────────────────── */

static void connect_client(struct client *client)
{
	DBusError error = DBUS_ERROR_INIT;

	client->connection = dbus_connection_open_private(client->harness->bus.address, &error);
	harness_assert(client->harness, client->connection != NULL, "%s", error.message);
	harness_assert(client->harness, dbus_bus_register(client->connection, &error), "%s",
		       error.message);
	dbus_connection_set_exit_on_disconnect(client->connection, FALSE);
	dbus_bus_add_match(client->connection,
			   "type='signal',sender='" NAME "',member='SourceChanged'", &error);
	harness_assert(client->harness, !dbus_error_is_set(&error), "%s", error.message);
}

static void take_signals(struct client *client)
{
	DBusMessage *message;

	while ((message = dbus_connection_pop_message(client->connection)) != NULL) {
		const char *source, *state, *reason;

		if (dbus_message_is_signal(message, MANAGER, "SourceChanged") &&
		    dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &source,
					  DBUS_TYPE_STRING, &state, DBUS_TYPE_STRING, &reason,
					  DBUS_TYPE_INVALID) &&
		    strcmp(source, "bad") == 0) {
			(void)snprintf(client->state, sizeof(client->state), "%s", state);
			client->state_seen |= strcmp(state, client->row->state) == 0;
			client->via_seen |=
				client->row->via == NULL || strcmp(state, client->row->via) == 0;
		}
		dbus_message_unref(message);
	}
}

/* ── calls ─────────────────────────────────────────────────────────────────────────────────── */

static DBusMessage *call_of(const char *member, const char *figure)
{
	DBusMessage *call = dbus_message_new_method_call(NAME, ROOT, MANAGER, member);
	DBusMessageIter iterator, array;

	ck_assert_ptr_nonnull(call);
	dbus_message_iter_init_append(call, &iterator);
	if (figure != NULL) {
		(void)dbus_message_iter_append_basic(&iterator, DBUS_TYPE_STRING, &figure);
		return call;
	}
	(void)dbus_message_iter_open_container(&iterator, DBUS_TYPE_ARRAY, "s", &array);
	(void)dbus_message_iter_close_container(&iterator, &array);
	return call;
}

/* One call and how long it took; the value of GetFigure, else NaN. */
static double ask(struct client *client, const char *figure, struct stretch *stretch)
{
	DBusMessage *call = call_of(figure ? "GetFigure" : "GetFigures", figure);
	double began = now_us(), value = NAN;
	DBusMessageIter iterator, fields;
	DBusMessage *reply =
		dbus_connection_send_with_reply_and_block(client->connection, call, CALL_MS, NULL);

	if (stretch->calls < CALLS_MAX)
		client->durations[stretch->calls] = now_us() - began;
	stretch->calls++;
	dbus_message_unref(call);
	if (reply == NULL) {
		stretch->failed++;
		return NAN;
	}
	if (figure != NULL && dbus_message_has_signature(reply, "(dsssxt)")) {
		(void)dbus_message_iter_init(reply, &iterator);
		dbus_message_iter_recurse(&iterator, &fields);
		dbus_message_iter_get_basic(&fields, &value);
	}
	dbus_message_unref(reply);
	return value;
}

/* The good source's next document, when the one before has become a figure. */
static void feed_good(struct client *client, struct stretch *stretch, double total)
{
	char name[32], text[32];
	int size;

	if (client->dropped != client->landed) {
		if (total != client->expected)
			return;
		client->landed = client->dropped;
		stretch->documents++;
	}
	if (process_now_ms() - client->dropped_ms < DROP_MS)
		return;
	client->dropped_ms = process_now_ms();
	(void)snprintf(name, sizeof(name), "%u", ++client->dropped);
	size = snprintf(text, sizeof(text), "document %u", client->dropped);
	client->expected += size;
	harness_drop(client->harness, "good", name, text);
}

/* One turn: a call, the news, and the wait for the next tick or a signal. */
static void turn(struct client *client, struct stretch *stretch)
{
	struct pollfd fd = { .fd = -1, .events = POLLIN };

	if (client->ticks++ % ALL_EVERY == ALL_EVERY - 1)
		(void)ask(client, NULL, stretch);
	else
		feed_good(client, stretch, ask(client, "test.count.total", stretch));
	take_signals(client);
	(void)dbus_connection_get_unix_fd(client->connection, &fd.fd);
	(void)poll(&fd, 1, TICK_MS); /* how soon does not matter */
	(void)dbus_connection_read_write(client->connection, 0);
}

static int compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static void sum_up(struct client *client, struct stretch *stretch)
{
	size_t count = stretch->calls < CALLS_MAX ? stretch->calls : CALLS_MAX;

	ck_assert_uint_gt(count, 0);
	qsort(client->durations, count, sizeof(client->durations[0]), compare);
	stretch->p50_us = client->durations[count / 2];
	stretch->p99_us = client->durations[(count - 1) * 99 / 100];
	stretch->worst_us = client->durations[count - 1];
}

/* ── the log ───────────────────────────────────────────────────────────────────────────────── */

struct tally {
	unsigned int matching, lines;
};

/* Lines that the bad source has in the log, and those that are the one. say: for who wonders. */
static struct tally read_log(const struct client *client, bool say)
{
	struct tally tally = { 0 };
	regex_t pattern;
	char *log = harness_read(client->harness, client->harness->log), *line = log, *end;

	ck_assert_int_eq(regcomp(&pattern, client->row->line, REG_EXTENDED | REG_NOSUB), 0);
	for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		if (strstr(line, "source 'bad': ") == NULL)
			continue;
		tally.lines++;
		tally.matching += regexec(&pattern, line, 0, NULL, 0) == 0;
		if (say)
			(void)fprintf(stderr, "%s\n", line);
	}
	regfree(&pattern);
	free(log);
	return tally;
}

/* ── a run ─────────────────────────────────────────────────────────────────────────────────── */

static void reload(struct client *client, const char *plugin, const char *options)
{
	harness_config(client->harness, "bad.conf", "[source bad]\nplugin = %s\n%s", plugin,
		       options);
	ck_assert_int_eq(kill(client->harness->daemon.pid, SIGHUP), 0);
}

static const char *plugin_of(const struct misbehaviour *row)
{
	return row->plugin ? row->plugin : "misbehave";
}

static void misbehave(struct client *client)
{
	const struct misbehaviour *row = client->row;

	harness_make_spool(client->harness, "bad");
	if (row->document != NULL)
		harness_drop(client->harness, "bad", "x", row->document);
	reload(client, plugin_of(row), row->options ? row->options : "");
}

/* It has read what it was given, or it is in the middle of it for ever. */
static bool is_at_work(const struct client *client)
{
	const struct misbehaviour *row = client->row;

	if (row->document == NULL)
		return strcmp(client->state, "idle") == 0;
	if (strcmp(row->state, "reading") == 0)
		return strcmp(client->state, "reading") == 0;
	return harness_log_has(client->harness, "'x' is imported");
}

/* Beside the bad source, until it is where it should be, the log says so, and the good one went on
 * since. */
static void be_disturbed(struct client *client, int stretch_ms, struct stretch *stretch)
{
	const struct misbehaviour *row = client->row;
	long long begin = process_now_ms(), end = begin + DISTURBED_MS, look = begin;
	bool then = row->then != NULL;

	for (bool done = false; !done;) {
		turn(client, stretch);
		if (then && is_at_work(client)) {
			client->state_seen = false;
			reload(client, plugin_of(row), row->then);
			then = false;
		}
		if (process_now_ms() - look < 50)
			continue;
		look = process_now_ms();
		done = !then && look - begin >= stretch_ms && client->state_seen &&
		       client->via_seen && stretch->documents >= 2 &&
		       strcmp(client->state, row->state) == 0 &&
		       read_log(client, false).matching >= row->times;
		if (look > end)
			harness_fail(client->harness,
				     "%s: state '%s' (seen: %d, via: %d), %u lines that match, "
				     "%u good documents",
				     row->name, client->state, client->state_seen, client->via_seen,
				     read_log(client, true).matching, stretch->documents);
	}
}

static void check_disturbed(struct client *client, const struct stretch *stretch)
{
	const struct misbehaviour *row = client->row;
	struct tally tally = read_log(client, false);

	harness_assert(client->harness, stretch->failed == 0, "%s: %zu of %zu calls failed",
		       row->name, stretch->failed, stretch->calls);
	harness_assert(client->harness, tally.matching == row->times,
		       "%s: %u lines match '%s', not %u", row->name, tally.matching, row->line,
		       row->times);
	harness_assert(client->harness, tally.lines <= row->lines + REPORT_LINES,
		       "%s: %u lines about the source, at most %u", row->name, tally.lines,
		       row->lines + REPORT_LINES);
	if (row->figure != NULL)
		harness_wait_figure(client->harness, row->figure, row->value);
}

/* The way out, for every row: another section, a reload, and it reads as if nothing had been. */
static void mend(struct client *client)
{
	reload(client, "misbehave", "");
	harness_wait_source(client->harness, "bad", "idle");
	harness_drop(client->harness, "bad", "more", MORE_ROWS);
	harness_wait_figure(client->harness, "bad.total", client->row->total);
	harness_wait_figure(client->harness, "test.count.total", client->expected);
}

void misbehaviour_begin(struct harness *harness)
{
	(void)setenv("STRAITD_TEST_PERCENT", PERCENT, 1);
	harness_start(harness);
	harness_plugin(harness, "counts");
	harness_plugin(harness, "misbehave");
	harness_config(harness, "good.conf", "[source good]\nplugin = counts\n");
}

void misbehaviour_run(struct harness *harness, const struct misbehaviour *row, int stretch_ms,
		      struct misbehaviour_run *ret_run)
{
	struct client client = { .harness = harness, .row = row, .via_seen = row->via == NULL };
	struct misbehaviour_run run = { 0 };
	long long end;

	client.durations = calloc(CALLS_MAX, sizeof(*client.durations));
	ck_assert_ptr_nonnull(client.durations);
	if (row->plugin != NULL)
		harness_plugin(harness, row->plugin);
	harness_daemon(harness);
	harness_wait_source(harness, "good", "idle");
	connect_client(&client);
	for (end = process_now_ms() + stretch_ms; process_now_ms() < end;)
		turn(&client, &run.calm);
	sum_up(&client, &run.calm);
	misbehave(&client);
	be_disturbed(&client, stretch_ms, &run.disturbed);
	sum_up(&client, &run.disturbed);
	check_disturbed(&client, &run.disturbed);
	mend(&client);
	dbus_connection_close(client.connection);
	dbus_connection_unref(client.connection);
	free(client.durations);
	*ret_run = run;
}
