/* SPDX-License-Identifier: MIT
 *
 * command_sources.c - straitctl sources, status, rejects, reload and retry.
 *
 * Process: straitctl. Invariant: reload and retry report what the daemon said, not what was asked
 * for; reload waits until each source has started or has failed to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "clock.h"
#include "figures.h"
#include "output.h"
#include "period.h"

#define SETTLE_MS   20000  /* a worker that does not start is stopped before that */
#define REJECTS_MAX 10000u /* the most that the daemon gives: docs/DBUS.md, ListRejects */

struct shown_source {
	const char *name, *plugin, *plugin_version, *state, *reason, *freshness, *last_release,
		*last_fault, *sandbox, *fetch_fault;
	dbus_int64_t last_read_ms, last_fetch_ms;
	dbus_uint64_t accepted, rejected;
	dbus_uint32_t restarts;
	double progress;
};

static void source_read(DBusMessageIter *properties, struct shown_source *ret_source)
{
	struct shown_source source = {
		.name = "",
		.plugin = "",
		.plugin_version = "",
		.state = "",
		.reason = "",
		.freshness = "",
		.last_release = "",
		.last_fault = "",
		.sandbox = "",
		.fetch_fault = "",
		.progress = 1,
	};
	const struct property_slot slots[] = {
		{ "Name", DBUS_TYPE_STRING, &source.name },
		{ "Plugin", DBUS_TYPE_STRING, &source.plugin },
		{ "PluginVersion", DBUS_TYPE_STRING, &source.plugin_version },
		{ "State", DBUS_TYPE_STRING, &source.state },
		{ "Reason", DBUS_TYPE_STRING, &source.reason },
		{ "Freshness", DBUS_TYPE_STRING, &source.freshness },
		{ "LastRelease", DBUS_TYPE_STRING, &source.last_release },
		{ "LastFault", DBUS_TYPE_STRING, &source.last_fault },
		{ "Sandbox", DBUS_TYPE_STRING, &source.sandbox },
		{ "FetchFault", DBUS_TYPE_STRING, &source.fetch_fault },
		{ "LastFetch", DBUS_TYPE_INT64, &source.last_fetch_ms },
		{ "LastRead", DBUS_TYPE_INT64, &source.last_read_ms },
		{ "Accepted", DBUS_TYPE_UINT64, &source.accepted },
		{ "Rejected", DBUS_TYPE_UINT64, &source.rejected },
		{ "Restarts", DBUS_TYPE_UINT32, &source.restarts },
		{ "Progress", DBUS_TYPE_DOUBLE, &source.progress },
	};

	(void)properties_read(properties, slots, sizeof(slots) / sizeof(slots[0]));
	*ret_source = source;
}

static int compare_sources(const void *a, const void *b)
{
	return strcmp(((const struct shown_source *)a)->name,
		      ((const struct shown_source *)b)->name);
}

/* The sources sorted by name, freed by the caller; their strings stay in the objects. */
static enum exit_code read_sources(struct client *client, struct objects *ret_objects,
				   struct shown_source **ret_sources)
{
	enum exit_code code = objects_read(client, DAEMON_SOURCE, ret_objects);
	struct shown_source *sources;

	if (code != EXIT_GOOD)
		return code;
	sources = calloc(ret_objects->count + 1, sizeof(*sources));
	if (sources == NULL) {
		fputs("straitctl: out of memory\n", stderr);
		objects_done(ret_objects);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < ret_objects->count; i++)
		source_read(&ret_objects->properties[i], &sources[i]);
	qsort(sources, ret_objects->count, sizeof(*sources), compare_sources);
	*ret_sources = sources;
	return EXIT_GOOD;
}

static enum tint tint_of_state(const char *state)
{
	if (strcmp(state, "idle") == 0 || strcmp(state, "reading") == 0)
		return TINT_GOOD;
	if (strcmp(state, "quarantined") == 0 || strcmp(state, "misconfigured") == 0)
		return TINT_BAD;
	return TINT_WARN;
}

/* Why its url cannot be fetched; else the last fault with its time in front, or "" when something
 * was committed after it: then it is history, for which there are the log and the property. */
static const char *present_fault(const struct shown_source *source)
{
	size_t size = strcspn(source->last_fault, " ");
	char when[TIME_TEXT_MAX];
	int64_t ms;

	if (source->fetch_fault[0] != '\0')
		return source->fetch_fault;
	if (size >= sizeof(when))
		return source->last_fault;
	memcpy(when, source->last_fault, size);
	when[size] = '\0';
	return time_parse(when, &ms) && ms < source->last_read_ms ? "" : source->last_fault;
}

static json_t *source_json(const struct shown_source *source)
{
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:s, s:o, s:s, s:o, s:s}",
		"name", source->name, "plugin", source->plugin, "plugin_version",
		source->plugin_version, "state", source->state, "reason", source->reason,
		"freshness", source->freshness, "last_release", source->last_release, "last_read",
		time_json(source->last_read_ms), "accepted", (json_int_t)source->accepted,
		"rejected", (json_int_t)source->rejected, "restarts", (json_int_t)source->restarts,
		"last_fault", source->last_fault, "progress", number_json(source->progress),
		"sandbox", source->sandbox, "last_fetch", time_json(source->last_fetch_ms),
		"fetch_fault", source->fetch_fault);
}

static void print_sources(const struct shown_source *sources, size_t count)
{
	static const struct table_column columns[] = {
		{ "SOURCE", false },	 { "PLUGIN", false },	 { "STATE", false },
		{ "FRESHNESS", false },	 { "ACCEPTED", true },	 { "REJECTED", true },
		{ "RESTARTS", true },	 { "LAST READ", false }, { "LAST RELEASE", false },
		{ "LAST FAULT", false },
	};
	enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };
	struct table *table = table_new(columns, COLUMNS);

	table_may_cut(table, COLUMNS - 1); /* a sentence */
	for (size_t i = 0; i < count; i++) {
		const struct shown_source *source = &sources[i];
		char number[NUMBER_TEXT_MAX], time[TIME_TEXT_MAX];

		table_row(table);
		table_cell(table, source->name, TINT_NONE);
		table_cell(table, source->plugin, TINT_NONE);
		table_cell(table, source->state, tint_of_state(source->state));
		table_cell(table, source->freshness,
			   strcmp(source->freshness, "fresh") == 0 ? TINT_NONE : TINT_WARN);
		table_cell(table, number_text((double)source->accepted, number), TINT_NONE);
		table_cell(table, number_text((double)source->rejected, number),
			   source->rejected > 0 ? TINT_WARN : TINT_NONE);
		table_cell(table, number_text(source->restarts, number), TINT_NONE);
		table_cell(table, time_text(source->last_read_ms, time), TINT_NONE);
		table_cell(table, source->last_release, TINT_NONE);
		table_cell(table, present_fault(source), TINT_NONE);
	}
	table_print(table);
}

enum exit_code command_sources(struct arguments *arguments)
{
	struct objects objects;
	struct shown_source *sources;
	enum exit_code code = read_sources(&arguments->client, &objects, &sources);

	if (code != EXIT_GOOD)
		return code;
	if (arguments->json) {
		for (size_t i = 0; i < objects.count; i++)
			json_line(source_json(&sources[i]));
	} else {
		print_sources(sources, objects.count);
		if (objects.count == 0)
			fputs("straitctl: no source is configured; put a [source NAME] section "
			      "into conf.d and "
			      "'straitctl reload'\n",
			      stderr);
	}
	free(sources);
	objects_done(&objects);
	return EXIT_GOOD;
}

struct daemon_state {
	DBusMessage *reply; /* keeps the version */
	const char *version, *store;
	dbus_uint64_t sequence;
	dbus_bool_t ready;
};

static enum exit_code read_daemon_state(struct client *client, struct daemon_state *ret_state)
{
	struct daemon_state state = { .version = "?", .store = "good" };
	const struct property_slot slots[] = {
		{ "Version", DBUS_TYPE_STRING, &state.version },
		{ "Sequence", DBUS_TYPE_UINT64, &state.sequence },
		{ "Ready", DBUS_TYPE_BOOLEAN, &state.ready },
		{ "Store", DBUS_TYPE_STRING, &state.store },
	};
	DBusMessageIter iterator;
	enum exit_code code = client_call(client, client_new_get_all(DAEMON_ROOT, DAEMON_MANAGER),
					  "a{sv}", &state.reply);

	if (code != EXIT_GOOD)
		return code;
	(void)dbus_message_iter_init(state.reply, &iterator);
	(void)properties_read(&iterator, slots, sizeof(slots) / sizeof(slots[0]));
	*ret_state = state;
	return EXIT_GOOD;
}

static void print_status_json(const struct daemon_state *state, const struct shown_source *sources,
			      size_t source_count, size_t figure_count, size_t stale_count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < source_count; i++)
		(void)json_array_append_new(
			list, source_json(&sources[i])); /* json_line sees the gap as NULL */
	json_line(json_pack("{s:s, s:b, s:s, s:I, s:I, s:I, s:o}", "version", state->version,
			    "ready", (int)state->ready, "store", state->store, "sequence",
			    (json_int_t)state->sequence, "figures", (json_int_t)figure_count,
			    "stale", (json_int_t)stale_count, "sources", list));
}

static void print_status(const struct daemon_state *state, const struct shown_source *sources,
			 size_t source_count, size_t figure_count, size_t stale_count)
{
	printf("%zu figure%s, %zu source%s, %zu stale\n", figure_count,
	       figure_count == 1 ? "" : "s", source_count, source_count == 1 ? "" : "s",
	       stale_count);
	printf("straitd %s, %s, sequence %llu\n", state->version,
	       state->ready ? "ready" : "not ready", (unsigned long long)state->sequence);
	if (strcmp(state->store, "good") != 0)
		printf("store: %s\n", state->store);
	for (size_t i = 0; i < source_count; i++) {
		const char *why = sources[i].reason[0] != '\0' ? sources[i].reason
							       : present_fault(&sources[i]);
		enum tint tint = tint_of_state(sources[i].state);

		printf("  %s: %s%s%s, %s%s%s\n", sources[i].name, tint_begin(tint),
		       sources[i].state, tint_end(), sources[i].freshness,
		       why[0] != '\0' ? ": " : "", why);
	}
}

enum exit_code command_status(struct arguments *arguments)
{
	struct daemon_state state = { 0 };
	struct figure_set figures = { 0 };
	struct objects objects = { 0 };
	struct shown_source *sources = NULL;
	size_t stale = 0;
	enum exit_code code = read_daemon_state(&arguments->client, &state);

	if (code == EXIT_GOOD)
		code = figure_set_read(&arguments->client, &figures);
	if (code == EXIT_GOOD)
		code = read_sources(&arguments->client, &objects, &sources);
	if (code == EXIT_GOOD) {
		for (size_t i = 0; i < figures.count; i++)
			stale += figures.items[i].stale;
		if (arguments->json)
			print_status_json(&state, sources, objects.count, figures.count, stale);
		else
			print_status(&state, sources, objects.count, figures.count, stale);
	}
	free(sources);
	objects_done(&objects);
	figure_set_done(&figures);
	if (state.reply != NULL)
		dbus_message_unref(state.reply);
	return code;
}

static void print_reject(const struct arguments *arguments, struct table *table,
			 DBusMessageIter *fields)
{
	const char *text[5] = { "", "", "", "", "" };
	dbus_int64_t when = 0;
	char time[TIME_TEXT_MAX];

	(void)message_read(fields, "sssssx", &text[0], &text[1], &text[2], &text[3], &text[4],
			   &when);
	if (arguments->json) {
		json_line(json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "source", text[0], "release",
				    text[1], "place", text[2], "reason", text[3], "extract",
				    text[4], "time", time_json(when)));
		return;
	}
	table_row(table);
	table_cell(table, time_text(when, time), TINT_NONE);
	for (int i = 0; i < 5; i++)
		table_cell(table, text[i], i == 4 ? TINT_DIM : TINT_NONE);
}

/* What is not shown. No rejects at all: of a source without any, or of no source? Rejects of a
   removed source stay in the store, so the daemon answers for every name. name "" = all. */
static enum exit_code tell_not_shown(struct client *client, const char *name, size_t shown,
				     uint32_t max)
{
	struct objects objects;
	struct shown_source *sources;
	enum exit_code code = read_sources(client, &objects, &sources);
	bool known = name[0] == '\0' || shown > 0;
	unsigned long long rejected = 0;

	if (code != EXIT_GOOD)
		return code;
	for (size_t i = 0; i < objects.count; i++) {
		bool meant = name[0] == '\0' || strcmp(sources[i].name, name) == 0;

		known |= meant;
		rejected += meant ? sources[i].rejected : 0;
	}
	free(sources);
	objects_done(&objects);
	if (!known) {
		fprintf(stderr, "straitctl: no source '%s'; 'straitctl sources' lists them\n",
			name);
		return EXIT_NO_SUCH;
	}
	if (shown < rejected && shown == max && max < REJECTS_MAX)
		fprintf(stderr, "straitctl: %zu of %llu shown; --max N shows more\n", shown,
			rejected);
	else if (shown < rejected)
		fprintf(stderr,
			"straitctl: %zu of %llu shown; the others are summed up in an entry that says so, "
			"or too old to be kept\n",
			shown, rejected);
	return EXIT_GOOD;
}

enum exit_code command_rejects(struct arguments *arguments)
{
	static const struct table_column columns[] = {
		{ "TIME", false },  { "SOURCE", false }, { "RELEASE", false },
		{ "PLACE", false }, { "REASON", false }, { "EXTRACT", false },
	};
	const char *source = arguments->word_count > 0 ? arguments->words[0] : "";
	dbus_uint32_t max = arguments->max;
	DBusMessageIter iterator, rows, fields;
	DBusMessage *reply;
	struct table *table;
	size_t shown = 0;
	enum exit_code code =
		client_call(&arguments->client,
			    client_new_manager_call("ListRejects", DBUS_TYPE_STRING, &source,
						    DBUS_TYPE_UINT32, &max, DBUS_TYPE_INVALID),
			    "a(sssssx)", &reply);

	if (code != EXIT_GOOD)
		return code;
	table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	(void)dbus_message_iter_init(reply, &iterator);
	dbus_message_iter_recurse(&iterator, &rows);
	for (; dbus_message_iter_get_arg_type(&rows) == DBUS_TYPE_STRUCT;
	     (void)dbus_message_iter_next(&rows)) {
		dbus_message_iter_recurse(&rows, &fields);
		print_reject(arguments, table, &fields);
		shown++;
	}
	table_print(table);
	dbus_message_unref(reply);
	return tell_not_shown(&arguments->client, source, shown, max);
}

static enum exit_code tell_done(const struct arguments *arguments, const char *command,
				const char *source, const char *sentence)
{
	if (arguments->json)
		json_line(json_pack("{s:s, s:s*, s:b}", "command", command, "source", source,
				    "done", 1));
	else
		puts(sentence);
	return EXIT_GOOD;
}

/* It is starting, or its worker leaves and the reason comes with its end. */
static bool is_unsettled(const struct shown_source *source)
{
	return strcmp(source->state, "starting") == 0 ||
	       (tint_of_state(source->state) == TINT_BAD && source->reason[0] == '\0');
}

static bool any_is_unsettled(const struct shown_source *sources, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (is_unsettled(&sources[i]))
			return true;
	}
	return false;
}

/* The sources once all of them have started or failed to, or when that has taken too long. */
static enum exit_code read_settled(struct client *client, struct objects *ret_objects,
				   struct shown_source **ret_sources)
{
	const int64_t end_ms = clock_monotonic_ms() + SETTLE_MS;

	for (;;) {
		enum exit_code code = read_sources(client, ret_objects, ret_sources);
		int64_t left_ms = end_ms - clock_monotonic_ms();
		DBusMessage *signal;

		if (code != EXIT_GOOD || left_ms <= 0 ||
		    !any_is_unsettled(*ret_sources, ret_objects->count))
			return code;
		free(*ret_sources);
		objects_done(ret_objects);
		/* SourceChanged; whatever it is that ended the waiting, the next look tells */
		if (client_wait(client, (int)left_ms, &signal) == CLIENT_MESSAGE)
			dbus_message_unref(signal);
	}
}

/* The daemon took the configuration over; that a source can work with it shows in its worker. */
static enum exit_code tell_unusable(struct client *client)
{
	struct objects objects;
	struct shown_source *sources;
	enum exit_code code = read_settled(client, &objects, &sources);

	if (code != EXIT_GOOD)
		return code;
	for (size_t i = 0; i < objects.count; i++) {
		const struct shown_source *source = &sources[i];

		if (tint_of_state(source->state) != TINT_BAD)
			continue;
		fprintf(stderr, "straitctl: source '%s' is %s: %s\n", source->name, source->state,
			source->reason[0] != '\0' ? source->reason : source->last_fault);
		code = EXIT_FAILED;
	}
	free(sources);
	objects_done(&objects);
	return code;
}

enum exit_code command_reload(struct arguments *arguments)
{
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *reply;
	enum exit_code code = client_match(
		&arguments->client, "type='signal',sender='" DAEMON_NAME "',path='" DAEMON_ROOT "',"
				    "interface='" DAEMON_MANAGER "',member='SourceChanged'");

	if (code != EXIT_GOOD)
		return code;
	if (!client_try(&arguments->client, client_new_manager_call("Reload", DBUS_TYPE_INVALID),
			RELOAD_TIMEOUT_MS, "", &reply, &error))
		return client_complain(&arguments->client, &error);
	dbus_message_unref(reply);
	(void)tell_done(arguments, "reload", NULL, "configuration and plugins read again");
	return tell_unusable(&arguments->client);
}

/* A method with the source as its only argument, that gives nothing back. */
static enum exit_code ask_of_source(struct arguments *arguments, const char *method,
				    const char *command, const char *what)
{
	const char *source = arguments->words[0];
	char sentence[256];
	DBusMessage *reply;
	enum exit_code code = client_call(
		&arguments->client,
		client_new_manager_call(method, DBUS_TYPE_STRING, &source, DBUS_TYPE_INVALID), "",
		&reply);

	if (code != EXIT_GOOD)
		return code;
	dbus_message_unref(reply);
	(void)snprintf(sentence, sizeof(sentence), "source '%.128s' is %s", source, what);
	return tell_done(arguments, command, source, sentence);
}

enum exit_code command_retry(struct arguments *arguments)
{
	return ask_of_source(arguments, "Retry", "retry", "started again");
}

enum exit_code command_refresh(struct arguments *arguments)
{
	return ask_of_source(arguments, "Refresh", "refresh",
			     "being fetched; 'straitctl sources' tells when it is there");
}
