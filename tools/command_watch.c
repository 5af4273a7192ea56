/* SPDX-License-Identifier: MIT
 *
 * command_watch.c - straitctl watch: every change, in order, exactly once.
 *
 * Process: straitctl. The signal says that there is something new; the sequence number says whether
 * anything was missed, and ChangesSince closes the gap. Invariant: `last` is the sequence up to
 * which everything has been printed; nothing at or below it is printed again. It must never print a
 * change that is not in the store: signals come after the commit.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "command.h"
#include "figures.h"
#include "output.h"

#define PAGE_ROWS 1000

#define SIGNAL_RULE                                                                                \
	"type='signal',sender='" DAEMON_NAME "',path='" DAEMON_ROOT "',"                           \
	"interface='" DAEMON_MANAGER "',member='FiguresChanged'"
#define OWNER_RULE                                                                                 \
	"type='signal',sender='" DBUS_SERVICE_DBUS "',interface='" DBUS_INTERFACE_DBUS "',"        \
	"member='NameOwnerChanged',arg0='" DAEMON_NAME "'"

struct watch {
	struct arguments *arguments;
	uint64_t last; /* everything up to here is printed */
};

struct change {
	uint64_t sequence;
	int64_t time_ms;
	const char *source, *status; /* NULL = not known any more */
	const char *cause, *figure;
	double old_value, new_value;
};

static bool is_wanted(const struct arguments *arguments, const char *figure)
{
	for (int i = 0; i < arguments->word_count; i++) {
		if (strcmp(arguments->words[i], figure) == 0)
			return true;
	}
	return arguments->word_count == 0;
}

static void print_change(const struct watch *watch, const struct change *change)
{
	char old_text[NUMBER_TEXT_MAX], new_text[NUMBER_TEXT_MAX], time[TIME_TEXT_MAX];
	bool plain = change->status == NULL || strcmp(change->status, "final") == 0;

	if (!is_wanted(watch->arguments, change->figure))
		return;
	if (watch->arguments->json) {
		json_line(json_pack("{s:I, s:s?, s:s, s:s, s:o, s:o, s:s?}", "sequence",
				    (json_int_t)change->sequence, "source", change->source, "cause",
				    change->cause, "figure", change->figure, "old",
				    number_json(change->old_value), "new",
				    number_json(change->new_value), "status", change->status));
		return;
	}
	printf("%s  %s  %s → %s  %s%s%s%s\n", time_text(change->time_ms, time), change->figure,
	       number_text(change->old_value, old_text), number_text(change->new_value, new_text),
	       change->cause, plain ? "" : " (", plain ? "" : change->status, plain ? "" : ")");
	(void)fflush(stdout); /* the next write tells a broken pipe, by SIGPIPE */
}

/* ChangesSince has neither source nor status: the source of a figure does not change, and its
   status is known if this was its last change, or if the value says it. */
static void complete_change(const struct figure_set *figures, struct change *change)
{
	const struct shown_figure *figure = figure_set_find(figures, change->figure);

	if (figure == NULL)
		return;
	change->source = figure->source;
	if (figure->sequence == change->sequence)
		change->status = figure->status;
}

static void print_page(struct watch *watch, DBusMessageIter *rows, const struct figure_set *figures)
{
	for (; dbus_message_iter_get_arg_type(rows) == DBUS_TYPE_STRUCT;
	     (void)dbus_message_iter_next(rows)) {
		struct change change = { 0 };
		DBusMessageIter fields;
		dbus_uint64_t sequence = 0;
		dbus_int64_t time_ms = 0;

		dbus_message_iter_recurse(rows, &fields);
		if (!message_read(&fields, "txssdd", &sequence, &time_ms, &change.cause,
				  &change.figure, &change.old_value, &change.new_value))
			continue;
		change.sequence = sequence;
		change.time_ms = time_ms;
		complete_change(figures, &change);
		print_change(watch, &change);
		watch->last = sequence;
	}
}

/* One page. *ret_latest is the daemon's newest sequence. */
static enum exit_code read_page(struct watch *watch, bool *ret_complete, uint64_t *ret_latest,
				DBusError *error)
{
	struct client *client = &watch->arguments->client;
	dbus_uint64_t after = watch->last, latest = 0;
	dbus_uint32_t max = PAGE_ROWS;
	dbus_bool_t complete = TRUE;
	struct figure_set figures = { 0 };
	DBusMessageIter iterator, rows;
	DBusMessage *reply;
	enum exit_code code = EXIT_GOOD;

	if (!client_try(client,
			client_new_manager_call("ChangesSince", DBUS_TYPE_UINT64, &after,
						DBUS_TYPE_UINT32, &max, DBUS_TYPE_INVALID),
			DBUS_TIMEOUT_USE_DEFAULT, "tba(txssdd)", &reply, error))
		return EXIT_FAILED;
	(void)dbus_message_iter_init(reply, &iterator); /* the signature was checked */
	(void)message_read(&iterator, "tb", &latest, &complete);
	dbus_message_iter_recurse(&iterator, &rows);
	if (dbus_message_iter_get_arg_type(&rows) == DBUS_TYPE_STRUCT)
		code = figure_set_read(client, &figures);
	if (code == EXIT_GOOD)
		print_page(watch, &rows, &figures);
	figure_set_done(&figures);
	dbus_message_unref(reply);
	*ret_complete = complete;
	*ret_latest = latest;
	return code;
}

static enum exit_code read_sequence(struct client *client, uint64_t *ret_sequence)
{
	dbus_uint64_t sequence = 0;
	const struct property_slot slots[] = { { "Sequence", DBUS_TYPE_UINT64, &sequence } };
	DBusMessageIter iterator;
	DBusMessage *reply;
	enum exit_code code = client_call(client, client_new_get_all(DAEMON_ROOT, DAEMON_MANAGER),
					  "a{sv}", &reply);

	if (code != EXIT_GOOD)
		return code;
	(void)dbus_message_iter_init(reply, &iterator);
	(void)properties_read(&iterator, slots, 1);
	dbus_message_unref(reply);
	*ret_sequence = sequence;
	return EXIT_GOOD;
}

/* The changes from `last` on are gone: says so and goes on from now. */
static enum exit_code skip_expired(struct watch *watch, DBusError *error)
{
	enum exit_code code = read_sequence(&watch->arguments->client, &watch->last);

	if (code == EXIT_GOOD)
		fprintf(stderr,
			"straitctl: %s; going on from sequence %" PRIu64
			", read the figures again\n",
			error->message, watch->last);
	dbus_error_free(error);
	return code;
}

/* Prints everything after `last`, page by page. */
static enum exit_code catch_up(struct watch *watch, bool expired_is_fatal)
{
	for (;;) {
		DBusError error = DBUS_ERROR_INIT;
		uint64_t latest, before = watch->last;
		bool complete;
		enum exit_code code = read_page(watch, &complete, &latest, &error);

		if (dbus_error_has_name(&error, DAEMON_ERROR "SequenceExpired") &&
		    !expired_is_fatal)
			return skip_expired(watch, &error);
		if (dbus_error_is_set(&error))
			return client_complain(&watch->arguments->client, &error);
		if (code != EXIT_GOOD)
			return code;
		if (latest < watch->last)
			fprintf(stderr,
				"straitctl: the daemon is at sequence %" PRIu64 ", before %" PRIu64
				": it has another store; going on from there\n",
				latest, watch->last);
		/* Without rows there is no progress to wait for, whatever `complete` says. */
		if (complete || watch->last == before) {
			watch->last = latest;
			return EXIT_GOOD;
		}
	}
}

static void print_signal(struct watch *watch, const struct change *common, DBusMessageIter *rows)
{
	for (; dbus_message_iter_get_arg_type(rows) == DBUS_TYPE_STRUCT;
	     (void)dbus_message_iter_next(rows)) {
		struct change change = *common;
		DBusMessageIter fields;

		dbus_message_iter_recurse(rows, &fields);
		if (message_read(&fields, "sdds", &change.figure, &change.old_value,
				 &change.new_value, &change.status))
			print_change(watch, &change);
	}
}

static enum exit_code on_figures_changed(struct watch *watch, DBusMessage *signal)
{
	struct change change = { .time_ms = clock_now_ms() };
	DBusMessageIter iterator, rows;
	dbus_uint64_t sequence;

	if (!dbus_message_has_signature(signal, "tssa(sdds)"))
		return EXIT_GOOD;
	(void)dbus_message_iter_init(signal, &iterator);
	(void)message_read(&iterator, "tss", &sequence, &change.source, &change.cause);
	if (sequence <= watch->last)
		return EXIT_GOOD;
	/* Commits that change no figure have no signal; ChangesSince knows which it was. */
	if (sequence > watch->last + 1)
		return catch_up(watch, false);
	change.sequence = sequence;
	dbus_message_iter_recurse(&iterator, &rows);
	print_signal(watch, &change, &rows);
	watch->last = sequence;
	return EXIT_GOOD;
}

static enum exit_code on_owner_changed(struct watch *watch, DBusMessage *signal)
{
	const char *name, *old_owner, *new_owner;
	enum exit_code code;

	if (!dbus_message_get_args(signal, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING,
				   &old_owner, DBUS_TYPE_STRING, &new_owner, DBUS_TYPE_INVALID) ||
	    strcmp(name, DAEMON_NAME) != 0)
		return EXIT_GOOD;
	if (new_owner[0] == '\0') {
		fputs("straitctl: straitd has gone; waiting for it to come back\n", stderr);
		return EXIT_GOOD;
	}
	code = catch_up(watch, false);
	/* Gone again already: its next owner is announced, too. */
	return code == EXIT_NO_DAEMON ? EXIT_GOOD : code;
}

static enum exit_code start(struct watch *watch)
{
	struct client *client = &watch->arguments->client;
	enum exit_code code = client_match(client, SIGNAL_RULE);

	/* The rules come first: what happens from here on is in the queue, and what happened before
	 * is in ChangesSince. */
	if (code == EXIT_GOOD)
		code = client_match(client, OWNER_RULE);
	if (code != EXIT_GOOD)
		return code;
	if (!watch->arguments->has_since)
		return read_sequence(client, &watch->last);
	watch->last = watch->arguments->since;
	return catch_up(watch, true);
}

enum exit_code command_watch(struct arguments *arguments)
{
	struct watch watch = { .arguments = arguments };
	enum exit_code code = start(&watch);

	while (code == EXIT_GOOD) {
		DBusMessage *message = client_next(&arguments->client);

		if (message == NULL) {
			fputs("straitctl: the bus has gone\n", stderr);
			return EXIT_NO_DAEMON;
		}
		if (dbus_message_is_signal(message, DAEMON_MANAGER, "FiguresChanged"))
			code = on_figures_changed(&watch, message);
		else if (dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameOwnerChanged"))
			code = on_owner_changed(&watch, message);
		dbus_message_unref(message);
	}
	return code;
}
