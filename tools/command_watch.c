/* SPDX-License-Identifier: MIT
 *
 * command_watch.c - straitctl watch: every change, in order, exactly once.
 *
 * Process: straitctl. A signal only says that there may be something new; what is printed always
 * comes from ListChanges after `last`, so that a line is the same whether it came at once or after
 * an absence. Signals may be held back by the daemon, dropped by the bus, or queue up while we are
 * stopped; the bus may close the connection or end; the daemon may be killed. Whatever is heard
 * next leads to the same question.
 *
 * Invariant: every commit up to `last` is printed, and of the next one the figures up to `partial`;
 * nothing of that is printed again. It must never start a daemon that somebody has stopped.
 */
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "output.h"

#define PAGE_ROWS      1000
#define RETRY_FIRST_MS 100  /* doubled after each failure … */
#define RETRY_MAX_MS   5000 /* … up to this */
#define ANSWER_MS      10000

static const char *const rules[] = {
	/* wakes us: there is a commit */
	"type='signal',sender='" DAEMON_NAME "',path='" DAEMON_ROOT "',"
	"interface='" DAEMON_MANAGER "',member='FiguresChanged'",
	/* wakes us when FiguresChanged was held back: the property is always told in the end */
	"type='signal',sender='" DAEMON_NAME "',path='" DAEMON_ROOT "',"
	"interface='" DBUS_INTERFACE_PROPERTIES "',member='PropertiesChanged'",
	"type='signal',sender='" DBUS_SERVICE_DBUS "',interface='" DBUS_INTERFACE_DBUS "',"
	"member='NameOwnerChanged',arg0='" DAEMON_NAME "'",
	NULL,
};

struct watch {
	struct arguments *arguments;
	uint64_t last; /* every commit up to here is printed */
	const char
		*partial; /* of commit last + 1 all up to this figure is printed; NULL = nothing */
	bool started;	  /* the daemon has answered once */
	bool behind;	  /* there may be more after `last` */
	bool away;	  /* told that the daemon or the bus is not there */
	int delay_ms;	  /* between tries */
	int64_t retry_at_ms; /* not before that; of now_ms() */
};

struct change {
	uint64_t sequence;
	int64_t time_ms;
	const char *source, *status; /* source NULL: of a snapshot */
	const char *cause, *figure;
	double old_value, new_value;
};

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* ── printing ──────────────────────────────────────────────────────────────────────────────── */

static bool is_wanted(const struct arguments *arguments, const char *figure)
{
	for (int i = 0; i < arguments->word_count; i++) {
		if (strcmp(arguments->words[i], figure) == 0)
			return true;
	}
	return arguments->word_count == 0;
}

static void put_change(const struct watch *watch, const struct change *change, FILE *out)
{
	char old_text[NUMBER_TEXT_MAX], new_text[NUMBER_TEXT_MAX], time[TIME_TEXT_MAX];
	bool plain = strcmp(change->status, "final") == 0;

	if (!is_wanted(watch->arguments, change->figure))
		return;
	if (watch->arguments->json) {
		json_put_line(json_pack("{s:I, s:s?, s:s, s:s, s:o, s:o, s:s}", "sequence",
					(json_int_t)change->sequence, "source", change->source,
					"cause", change->cause, "figure", change->figure, "old",
					number_json(change->old_value), "new",
					number_json(change->new_value), "status", change->status),
			      out);
		return;
	}
	fprintf(out, "%s  %s  %s → %s  %s%s%s%s\n", time_text(change->time_ms, time),
		change->figure, number_text(change->old_value, old_text),
		number_text(change->new_value, new_text), change->cause, plain ? "" : " (",
		plain ? "" : change->status, plain ? "" : ")");
}

/* The lines of one commit, collected to be printed at once. */
struct lines {
	char *text;
	size_t size;
	FILE *out;
};

static void lines_begin(struct lines *lines)
{
	*lines = (struct lines){ 0 };
	lines->out = open_memstream(&lines->text, &lines->size);
	if (lines->out == NULL) {
		fputs("straitctl: out of memory\n", stderr);
		exit(EXIT_FAILED);
	}
}

static void lines_end(struct lines *lines)
{
	if (fclose(lines->out) != 0) {
		fputs("straitctl: out of memory\n", stderr);
		exit(EXIT_FAILED);
	}
	output_at_once(lines->text, lines->size);
	free(lines->text);
}

static void commit_printed(struct watch *watch, uint64_t sequence)
{
	watch->last = sequence;
	watch->partial = NULL;
}

/* Rows are in order of sequence, then figure, and pages hold whole commits. */
static void print_page(struct watch *watch, DBusMessageIter *rows)
{
	const uint64_t begun = watch->last + 1; /* the commit that `partial` is about */
	uint64_t sequence = 0;			/* of the open lines; 0 = none */
	struct lines lines;

	for (; dbus_message_iter_get_arg_type(rows) == DBUS_TYPE_STRUCT;
	     (void)dbus_message_iter_next(rows)) {
		struct change change;
		DBusMessageIter fields;
		dbus_uint64_t number;
		dbus_int64_t time_ms;

		dbus_message_iter_recurse(rows, &fields);
		(void)message_read(&fields, "txsssdds", &number, &time_ms, &change.source,
				   &change.cause, &change.figure, &change.old_value,
				   &change.new_value,
				   &change.status); /* the signature was checked */
		change.sequence = number;
		change.time_ms = time_ms;
		if (change.sequence != sequence) {
			if (sequence != 0) {
				lines_end(&lines);
				commit_printed(watch, sequence);
			}
			lines_begin(&lines);
			sequence = change.sequence;
		}
		if (watch->partial == NULL || change.sequence != begun ||
		    strcmp(change.figure, watch->partial) > 0)
			put_change(watch, &change, lines.out);
	}
	if (sequence != 0) {
		lines_end(&lines);
		commit_printed(watch, sequence);
	}
}

/* ── asking ────────────────────────────────────────────────────────────────────────────────── */

/* Once started, calls start no daemon: who stopped it had a reason. */
static bool ask(struct watch *watch, DBusMessage *call, const char *signature,
		DBusMessage **ret_reply, DBusError *error)
{
	dbus_message_set_auto_start(call, watch->started ? FALSE : TRUE);
	return client_try(&watch->arguments->client, call, ANSWER_MS, signature, ret_reply, error);
}

/* One page. */
static bool read_page(struct watch *watch, bool *ret_complete, DBusError *error)
{
	dbus_uint64_t after = watch->last, latest = 0;
	dbus_uint32_t max = PAGE_ROWS;
	dbus_bool_t complete = TRUE;
	DBusMessageIter iterator, rows;
	DBusMessage *reply;

	if (!ask(watch,
		 client_new_manager_call("ListChanges", DBUS_TYPE_UINT64, &after, DBUS_TYPE_UINT32,
					 &max, DBUS_TYPE_INVALID),
		 "tba(txsssdds)", &reply, error))
		return false;
	(void)dbus_message_iter_init(reply, &iterator); /* the signature was checked */
	(void)message_read(&iterator, "tb", &latest, &complete);
	dbus_message_iter_recurse(&iterator, &rows);
	print_page(watch, &rows);
	dbus_message_unref(reply);
	*ret_complete = complete;
	return true;
}

static bool read_sequence(struct watch *watch, DBusError *error)
{
	dbus_uint64_t sequence = 0;
	const struct property_slot slots[] = { { "Sequence", DBUS_TYPE_UINT64, &sequence } };
	DBusMessageIter iterator;
	DBusMessage *reply;

	if (!ask(watch, client_new_get_all(DAEMON_ROOT, DAEMON_MANAGER), "a{sv}", &reply, error))
		return false;
	(void)dbus_message_iter_init(reply, &iterator);
	(void)properties_read(&iterator, slots, 1);
	dbus_message_unref(reply);
	watch->last = sequence;
	return true;
}

/* No names = all of them. */
static DBusMessage *new_get_figures(void)
{
	DBusMessage *call = client_new_manager_call("GetFigures", DBUS_TYPE_INVALID);
	const char *none[1] = { NULL }, **names = none;

	if (!dbus_message_append_args(call, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING, &names, 0,
				      DBUS_TYPE_INVALID)) {
		fputs("straitctl: out of memory\n", stderr);
		exit(EXIT_FAILED);
	}
	return call;
}

/* All figures as they are, at the sequence that they are true at. */
static bool print_snapshot(struct watch *watch, DBusError *error)
{
	DBusMessageIter iterator, snapshot, rows;
	struct change change = { .cause = "snapshot", .old_value = (double)NAN };
	dbus_uint64_t sequence = 0;
	DBusMessage *reply;
	struct lines lines;

	if (!ask(watch, new_get_figures(), "(ta(sdsssx))", &reply, error))
		return false;
	(void)dbus_message_iter_init(reply, &iterator); /* the signature was checked */
	dbus_message_iter_recurse(&iterator, &snapshot);
	(void)message_read(&snapshot, "t", &sequence);
	change.sequence = sequence;
	lines_begin(&lines);
	dbus_message_iter_recurse(&snapshot, &rows);
	for (; dbus_message_iter_get_arg_type(&rows) == DBUS_TYPE_STRUCT;
	     (void)dbus_message_iter_next(&rows)) {
		DBusMessageIter fields;
		dbus_int64_t published;

		dbus_message_iter_recurse(&rows, &fields);
		(void)message_read(&fields, "sd-s-x", &change.figure, &change.new_value,
				   &change.status, &published);
		change.time_ms = published;
		put_change(watch, &change, lines.out);
	}
	lines_end(&lines);
	commit_printed(watch, sequence);
	dbus_message_unref(reply);
	return true;
}

/* A figure may come later; a name that is none now is most likely mistyped. */
static void warn_unknown(struct watch *watch)
{
	const struct arguments *arguments = watch->arguments;
	DBusError error = DBUS_ERROR_INIT;
	DBusMessageIter iterator, snapshot, rows, fields;
	DBusMessage *reply;

	if (arguments->word_count == 0)
		return;
	if (!ask(watch, new_get_figures(), "(ta(sdsssx))", &reply, &error)) {
		dbus_error_free(&error); /* what is asked next tells */
		return;
	}
	(void)dbus_message_iter_init(reply, &iterator); /* the signature was checked */
	dbus_message_iter_recurse(&iterator, &snapshot);
	(void)message_read(&snapshot, "-");
	for (int i = 0; i < arguments->word_count; i++) {
		const char *name = "";
		bool known = false;

		dbus_message_iter_recurse(&snapshot, &rows);
		for (; !known && dbus_message_iter_get_arg_type(&rows) == DBUS_TYPE_STRUCT;
		     (void)dbus_message_iter_next(&rows)) {
			dbus_message_iter_recurse(&rows, &fields);
			(void)message_read(&fields, "s", &name);
			known = strcmp(name, arguments->words[i]) == 0;
		}
		if (!known)
			fprintf(stderr,
				"straitctl: there is no figure '%s' now ('straitctl list' shows "
				"all); waiting for one\n",
				arguments->words[i]);
	}
	dbus_message_unref(reply);
}

/* ── being away ────────────────────────────────────────────────────────────────────────────── */

static void tell_away(struct watch *watch, const char *what)
{
	if (!watch->away)
		fprintf(stderr, "straitctl: %s; waiting, and going on after sequence %" PRIu64 "\n",
			what, watch->last);
	watch->away = true;
}

static void tell_back(struct watch *watch)
{
	if (watch->away)
		fputs("straitctl: straitd is back\n", stderr);
	watch->away = false;
	watch->delay_ms = RETRY_FIRST_MS;
}

static void try_later(struct watch *watch)
{
	watch->retry_at_ms = now_ms() + watch->delay_ms;
	watch->delay_ms = watch->delay_ms > RETRY_MAX_MS / 2 ? RETRY_MAX_MS : watch->delay_ms * 2;
}

/* The daemon, or the bus, is not there; both come back. */
static bool is_absence(const DBusError *error)
{
	static const char *const names[] = {
		DBUS_ERROR_SERVICE_UNKNOWN, DBUS_ERROR_NAME_HAS_NO_OWNER, DBUS_ERROR_DISCONNECTED,
		DBUS_ERROR_NO_REPLY,	    DBUS_ERROR_TIMEOUT,		  DBUS_ERROR_TIMED_OUT,
		DAEMON_ERROR "NotReady",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (dbus_error_has_name(error, names[i]))
			return true;
	}
	return false;
}

/* What asking led to: EXIT_GOOD goes on, perhaps later. Frees the error. */
static enum exit_code answer_error(struct watch *watch, DBusError *error)
{
	if (watch->started && is_absence(error)) {
		/* NoReply: it died over the call, it hangs, or we were stopped in the middle. */
		tell_away(watch, dbus_error_has_name(error, DBUS_ERROR_NO_REPLY)
					 ? "straitd has gone or does not answer"
					 : "straitd has gone");
		try_later(watch);
		dbus_error_free(error);
		return EXIT_GOOD;
	}
	if (dbus_error_has_name(error, DAEMON_ERROR "SequenceExpired")) {
		fprintf(stderr,
			"straitctl: %s. Nothing was printed of what lies between. To resynchronise, "
			"read the figures ('straitctl --json list') and begin again after the "
			"greatest sequence among them, or give --resync, which does both\n",
			error->message);
		dbus_error_free(error);
		return EXIT_FAILED;
	}
	return client_complain(&watch->arguments->client, error);
}

/* Prints everything after `last`, page by page. */
static enum exit_code catch_up(struct watch *watch)
{
	DBusError error = DBUS_ERROR_INIT;
	bool complete = false;

	while (!complete && read_page(watch, &complete, &error))
		;
	if (dbus_error_has_name(&error, DAEMON_ERROR "SequenceExpired") &&
	    watch->arguments->resync) {
		fprintf(stderr, "straitctl: %s. All figures follow as they are now\n",
			error.message);
		dbus_error_free(&error);
		complete = print_snapshot(watch, &error);
	}
	if (!complete)
		return answer_error(watch, &error);
	watch->started = true;
	watch->behind = false;
	tell_back(watch);
	return EXIT_GOOD;
}

/* The bus as such has gone, or has thrown us out. */
static void reconnect(struct watch *watch)
{
	struct client *client = &watch->arguments->client;

	tell_away(watch, "the bus has closed the connection");
	watch->behind = true;
	watch->delay_ms = RETRY_FIRST_MS;
	while (!client_reopen(client, rules)) {
		int64_t wait_ms;

		try_later(watch);
		wait_ms = watch->retry_at_ms - now_ms();
		(void)poll(NULL, 0, wait_ms > 0 ? (int)wait_ms : 0); /* earlier does no harm */
	}
	watch->delay_ms = RETRY_FIRST_MS;
	watch->retry_at_ms = 0;
}

/* ── what is heard ─────────────────────────────────────────────────────────────────────────── */

static void on_owner_changed(struct watch *watch, DBusMessage *signal)
{
	const char *name, *old_owner, *new_owner;

	if (!dbus_message_get_args(signal, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING,
				   &old_owner, DBUS_TYPE_STRING, &new_owner, DBUS_TYPE_INVALID) ||
	    strcmp(name, DAEMON_NAME) != 0)
		return;
	watch->retry_at_ms = 0;
	watch->delay_ms = RETRY_FIRST_MS;
	if (new_owner[0] == '\0') {
		tell_away(watch, "straitd has gone");
		try_later(watch);
	}
}

/* Waits for something to be heard; then, or when the time of the next try has come, asks.
   Everything that waits is read first: while it waits the bus may drop what else is for us, the
   answer too. */
static enum exit_code listen(struct watch *watch)
{
	int64_t left_ms = watch->retry_at_ms - now_ms();
	DBusMessage *message;

	switch (client_wait(&watch->arguments->client,
			    !watch->behind ? -1
			    : left_ms > 0  ? (int)left_ms
					   : 0,
			    &message)) {
	case CLIENT_MESSAGE:
		/* One of a commit that is printed tells of a later one, too, whose signal was
		   dropped while this one waited. */
		watch->behind = true;
		if (dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameOwnerChanged"))
			on_owner_changed(watch, message);
		dbus_message_unref(message);
		return EXIT_GOOD;
	case CLIENT_GONE:
		reconnect(watch);
		return EXIT_GOOD;
	case CLIENT_TIMEOUT:
		return catch_up(watch);
	case CLIENT_INTERRUPTED:
		break;
	}
	return EXIT_GOOD;
}

static enum exit_code start(struct watch *watch)
{
	const struct arguments *arguments = watch->arguments;
	DBusError error = DBUS_ERROR_INIT;

	/* The rules come first: what happens from here on is heard, and what happened before is in
	 * ListChanges. */
	for (size_t i = 0; rules[i] != NULL; i++) {
		enum exit_code code = client_match(&watch->arguments->client, rules[i]);

		if (code != EXIT_GOOD)
			return code;
	}
	warn_unknown(watch);
	if (arguments->has_since) {
		watch->last = arguments->since;
		if (arguments->since_figure != NULL) {
			watch->last--;
			watch->partial = arguments->since_figure;
		}
		return catch_up(watch);
	}
	if (!read_sequence(watch, &error))
		return answer_error(watch, &error);
	watch->started = true;
	return EXIT_GOOD;
}

enum exit_code command_watch(struct arguments *arguments)
{
	struct watch watch = { .arguments = arguments, .delay_ms = RETRY_FIRST_MS };
	enum exit_code code = start(&watch);

	while (code == EXIT_GOOD)
		code = listen(&watch);
	return code;
}
