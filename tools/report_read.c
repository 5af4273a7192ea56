/* SPDX-License-Identifier: MIT
 *
 * report_read.c - everything a report says, asked from the daemon.
 *
 * Process: straitctl. It owns the messages that the report's strings stand in. Invariant: with an
 * as-of time every number comes from an answer as known then, and what cannot be asked for another
 * time (the sources' state) is not asked at all. It must never mix what two commits said and hide
 * it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "period.h"
#include "report.h"
#include "strait/date.h"

#define TRIES_MAX	3
#define SERIES_DAYS_MAX 200000 /* from the first day to the last */

void *report_grow(void *list, size_t count, size_t item_bytes)
{
	void *grown = list;

	if ((count & (count - 1)) == 0) /* at powers of two */
		grown = reallocarray(list, count > 0 ? 2 * count : 1, item_bytes);
	if (grown == NULL) {
		fputs("straitctl: out of memory\n", stderr);
		exit(EXIT_FAILED);
	}
	return grown;
}

static void *take_array(size_t count, size_t item_bytes)
{
	void *array = calloc(count + 1, item_bytes);

	if (array == NULL) {
		fputs("straitctl: out of memory\n", stderr);
		exit(EXIT_FAILED);
	}
	return array;
}

static void keep(struct report *report, DBusMessage *message)
{
	report->messages =
		report_grow(report->messages, report->message_count, sizeof(*report->messages));
	report->messages[report->message_count++] = message;
}

static bool is_absence(const DBusError *error)
{
	static const char *const names[] = {
		DAEMON_ERROR "NoSuchMetric", DAEMON_ERROR "NoSuchFigure",
		DAEMON_ERROR "TooLarge",     DAEMON_ERROR "SequenceExpired",
		DBUS_ERROR_UNKNOWN_METHOD,   DBUS_ERROR_INVALID_SIGNATURE,
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (dbus_error_has_name(error, names[i]))
			return true;
	}
	return false;
}

enum exit_code report_ask(struct report *report, struct client *client, DBusMessage *call,
			  const char *signature, DBusMessage **ret_reply)
{
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *reply = NULL;

	if (!client_try(client, call, DBUS_TIMEOUT_USE_DEFAULT, signature, &reply, &error)) {
		if (!is_absence(&error))
			return client_complain(client, &error);
		dbus_error_free(&error);
		*ret_reply = NULL;
		return EXIT_GOOD;
	}
	keep(report, reply);
	*ret_reply = reply;
	return EXIT_GOOD;
}

/* ── the daemon and its objects ────────────────────────────────────────────────────────────── */

static enum exit_code read_sequence(struct report *report, struct client *client,
				    uint64_t *ret_sequence)
{
	dbus_uint64_t sequence = 0;
	const struct property_slot slots[] = {
		{ "Version", DBUS_TYPE_STRING, &report->version },
		{ "Sequence", DBUS_TYPE_UINT64, &sequence },
	};
	DBusMessageIter iterator;
	DBusMessage *reply;
	enum exit_code code = client_call(client, client_new_get_all(DAEMON_ROOT, DAEMON_MANAGER),
					  "a{sv}", &reply);

	if (code != EXIT_GOOD)
		return code;
	keep(report, reply);
	(void)dbus_message_iter_init(reply, &iterator); /* the signature was checked */
	(void)properties_read(&iterator, slots, sizeof(slots) / sizeof(slots[0]));
	*ret_sequence = sequence;
	return EXIT_GOOD;
}

static void read_figure(DBusMessageIter *properties, struct report_figure *ret_figure)
{
	struct report_figure figure = { .name = "",
					.title = "",
					.unit = "",
					.status = "",
					.period = "",
					.source = "",
					.value = NAN };
	dbus_bool_t stale = FALSE;
	dbus_int64_t published = 0;
	const struct property_slot slots[] = {
		{ "Name", DBUS_TYPE_STRING, &figure.name },
		{ "Title", DBUS_TYPE_STRING, &figure.title },
		{ "Unit", DBUS_TYPE_STRING, &figure.unit },
		{ "Status", DBUS_TYPE_STRING, &figure.status },
		{ "Period", DBUS_TYPE_STRING, &figure.period },
		{ "Source", DBUS_TYPE_STRING, &figure.source },
		{ "Value", DBUS_TYPE_DOUBLE, &figure.value },
		{ "PublishedAt", DBUS_TYPE_INT64, &published },
		{ "Stale", DBUS_TYPE_BOOLEAN, &stale },
	};

	(void)properties_read(properties, slots, sizeof(slots) / sizeof(slots[0]));
	figure.published_at_ms = published;
	figure.stale = stale;
	*ret_figure = figure;
}

static void read_source(DBusMessageIter *properties, struct report_source *ret_source)
{
	struct report_source source = { .name = "",
					.plugin = "",
					.plugin_version = "",
					.state = "",
					.reason = "",
					.freshness = "",
					.last_release = "" };
	dbus_int64_t last_read = 0;
	dbus_uint64_t accepted = 0, rejected = 0;
	dbus_uint32_t restarts = 0;
	const struct property_slot slots[] = {
		{ "Name", DBUS_TYPE_STRING, &source.name },
		{ "Plugin", DBUS_TYPE_STRING, &source.plugin },
		{ "PluginVersion", DBUS_TYPE_STRING, &source.plugin_version },
		{ "State", DBUS_TYPE_STRING, &source.state },
		{ "Reason", DBUS_TYPE_STRING, &source.reason },
		{ "Freshness", DBUS_TYPE_STRING, &source.freshness },
		{ "LastRelease", DBUS_TYPE_STRING, &source.last_release },
		{ "LastRead", DBUS_TYPE_INT64, &last_read },
		{ "Accepted", DBUS_TYPE_UINT64, &accepted },
		{ "Rejected", DBUS_TYPE_UINT64, &rejected },
		{ "Restarts", DBUS_TYPE_UINT32, &restarts },
	};

	(void)properties_read(properties, slots, sizeof(slots) / sizeof(slots[0]));
	source.last_read_ms = last_read;
	source.accepted = accepted;
	source.rejected = rejected;
	source.restarts = restarts;
	*ret_source = source;
}

static int compare_figures(const void *a, const void *b)
{
	return strcmp(((const struct report_figure *)a)->name,
		      ((const struct report_figure *)b)->name);
}

static int compare_sources(const void *a, const void *b)
{
	return strcmp(((const struct report_source *)a)->name,
		      ((const struct report_source *)b)->name);
}

static void take_object(struct report *report, const char *interface, DBusMessageIter *properties)
{
	if (strcmp(interface, DAEMON_FIGURE) == 0) {
		report->figures = report_grow(report->figures, report->figure_count,
					      sizeof(*report->figures));
		read_figure(properties, &report->figures[report->figure_count++]);
	} else if (strcmp(interface, DAEMON_SOURCE) == 0 && report->as_of_ms == 0) {
		report->sources = report_grow(report->sources, report->source_count,
					      sizeof(*report->sources));
		read_source(properties, &report->sources[report->source_count++]);
	}
}

/* Figures and sources from one answer. */
static enum exit_code read_objects(struct report *report, struct client *client)
{
	DBusMessage *reply;
	DBusMessageIter iterator, objects, object, interfaces, interface;
	enum exit_code code =
		client_call(client,
			    client_new_call(DAEMON_ROOT, "org.freedesktop.DBus.ObjectManager",
					    "GetManagedObjects"),
			    "a{oa{sa{sv}}}", &reply);

	if (code != EXIT_GOOD)
		return code;
	keep(report, reply);
	(void)dbus_message_iter_init(reply, &iterator);
	dbus_message_iter_recurse(&iterator, &objects);
	for (; dbus_message_iter_get_arg_type(&objects) != DBUS_TYPE_INVALID;
	     (void)dbus_message_iter_next(&objects)) {
		dbus_message_iter_recurse(&objects, &object);
		(void)message_read(&object, "-");
		dbus_message_iter_recurse(&object, &interfaces);
		for (; dbus_message_iter_get_arg_type(&interfaces) != DBUS_TYPE_INVALID;
		     (void)dbus_message_iter_next(&interfaces)) {
			const char *name;

			dbus_message_iter_recurse(&interfaces, &interface);
			if (message_read(&interface, "s", &name))
				take_object(report, name, &interface);
		}
	}
	if (report->figure_count > 0)
		qsort(report->figures, report->figure_count, sizeof(*report->figures),
		      compare_figures);
	if (report->source_count > 0)
		qsort(report->sources, report->source_count, sizeof(*report->sources),
		      compare_sources);
	return EXIT_GOOD;
}

static enum exit_code read_figure_as_of(struct report *report, struct client *client,
					struct report_figure *figure)
{
	dbus_int64_t as_of = report->as_of_ms, published = 0;
	DBusMessageIter iterator, fields;
	DBusMessage *reply;
	enum exit_code code =
		report_ask(report, client,
			   client_new_manager_call("GetFigureAsOf", DBUS_TYPE_STRING, &figure->name,
						   DBUS_TYPE_INT64, &as_of, DBUS_TYPE_INVALID),
			   "(dsssx)", &reply);

	/* What it is today must not stay, whatever the answer. */
	figure->value = NAN;
	figure->status = "missing";
	figure->period = "";
	figure->published_at_ms = 0;
	figure->stale = false;
	if (code != EXIT_GOOD || reply == NULL)
		return code;
	(void)dbus_message_iter_init(reply, &iterator);
	dbus_message_iter_recurse(&iterator, &fields);
	(void)message_read(&fields, "dsssx", &figure->value, &figure->unit, &figure->status,
			   &figure->period, &published);
	figure->published_at_ms = published;
	return EXIT_GOOD;
}

/* ── series and versions ───────────────────────────────────────────────────────────────────── */

static DBusMessage *new_series_call(const char *method, const char *metric, const char *outcome)
{
	static const char *const key = "outcome";
	DBusMessage *call = client_new_call(DAEMON_ROOT, DAEMON_MANAGER, method);
	DBusMessageIter iterator, labels, entry;
	bool good;

	dbus_message_iter_init_append(call, &iterator);
	good = dbus_message_iter_append_basic(&iterator, DBUS_TYPE_STRING, &metric) &&
	       dbus_message_iter_open_container(&iterator, DBUS_TYPE_ARRAY, "{ss}", &labels);
	if (good && outcome != NULL)
		good = dbus_message_iter_open_container(&labels, DBUS_TYPE_DICT_ENTRY, NULL,
							&entry) &&
		       dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key) &&
		       dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &outcome) &&
		       dbus_message_iter_close_container(&labels, &entry);
	if (good && dbus_message_iter_close_container(&iterator, &labels))
		return call;
	fputs("straitctl: out of memory\n", stderr);
	exit(EXIT_FAILED);
}

static void append(DBusMessage *call, int type, const void *value)
{
	DBusMessageIter iterator;

	dbus_message_iter_init_append(call, &iterator);
	if (dbus_message_iter_append_basic(&iterator, type, value))
		return;
	fputs("straitctl: out of memory\n", stderr);
	exit(EXIT_FAILED);
}

/* Arrays of periods, values and letters to one slot a day. */
static void fill_series(struct report_series *series, const dbus_int64_t *starts,
			const double *values, const unsigned char *letters, int count)
{
	int32_t last;

	if (count == 0)
		return;
	series->first = strait_day_of_ms(starts[0]);
	last = strait_day_of_ms(starts[count - 1]);
	if (last < series->first || last - series->first >= SERIES_DAYS_MAX)
		return;
	series->count = (size_t)(last - series->first) + 1;
	series->values = take_array(series->count, sizeof(*series->values));
	series->letters = take_array(series->count, sizeof(*series->letters));
	for (size_t i = 0; i < series->count; i++)
		series->values[i] = NAN;
	for (int i = 0; i < count; i++) {
		int32_t day = strait_day_of_ms(starts[i]);

		if (day < series->first || day > last)
			continue;
		series->values[day - series->first] = values[i];
		series->letters[day - series->first] = (char)letters[i];
	}
}

static enum exit_code read_series(struct report *report, struct client *client, const char *metric,
				  const char *outcome, struct report_series *series)
{
	static const char *const open = "";
	DBusMessage *call = new_series_call("GetSeries", metric, outcome), *reply;
	DBusMessageIter iterator, fields, array;
	dbus_int64_t as_of = report->as_of_ms;
	const dbus_int64_t *starts;
	const double *values;
	const unsigned char *letters;
	const char *duration = "";
	int counts[3];
	enum exit_code code;

	append(call, DBUS_TYPE_STRING, &open);
	append(call, DBUS_TYPE_STRING, &open);
	append(call, DBUS_TYPE_INT64, &as_of);
	code = report_ask(report, client, call, "(saxaday)", &reply);
	if (code != EXIT_GOOD || reply == NULL)
		return code;
	(void)dbus_message_iter_init(reply, &iterator);
	dbus_message_iter_recurse(&iterator, &fields);
	(void)message_read(&fields, "s", &duration);
	dbus_message_iter_recurse(&fields, &array);
	dbus_message_iter_get_fixed_array(&array, &starts, &counts[0]);
	(void)dbus_message_iter_next(&fields);
	dbus_message_iter_recurse(&fields, &array);
	dbus_message_iter_get_fixed_array(&array, &values, &counts[1]);
	(void)dbus_message_iter_next(&fields);
	dbus_message_iter_recurse(&fields, &array);
	dbus_message_iter_get_fixed_array(&array, &letters, &counts[2]);
	if (strcmp(duration, "P1D") == 0 && counts[0] == counts[1] && counts[0] == counts[2])
		fill_series(series, starts, values, letters, counts[0]);
	return EXIT_GOOD;
}

static enum exit_code read_all_series(struct report *report, struct client *client)
{
	static const char *const outcomes[REPORT_OUTCOMES] = { "blocked", "refused", "pending" };
	enum exit_code code =
		read_series(report, client, "arrivals.people", NULL, &report->arrivals);

	if (code == EXIT_GOOD)
		code = read_series(report, client, "sightings.people", NULL, &report->sightings);
	for (size_t i = 0; i < REPORT_OUTCOMES && code == EXIT_GOOD; i++)
		code = read_series(report, client, "referrals.accounts", outcomes[i],
				   &report->outcomes[i]);
	return code;
}

static void choose_day(struct report *report, int32_t day)
{
	const struct report_figure *record = report_find(report, "arrivals.people.record");
	struct period period;

	report->has_day = day >= PERIOD_DAY_MIN;
	report->day = day;
	if (!report->has_day && record != NULL && period_parse(record->period, &period) &&
	    period.first == period.last) {
		report->has_day = true;
		report->day = period.first;
	}
}

static enum exit_code read_versions(struct report *report, struct client *client)
{
	char text[PERIOD_TEXT_MAX];
	const char *period = text;
	DBusMessageIter iterator, rows, fields;
	DBusMessage *call, *reply;
	enum exit_code code;

	if (!report->has_day)
		return EXIT_GOOD;
	(void)granularity_format(STRAIT_DAY, report->day, text);
	call = new_series_call("GetVersions", "arrivals.people", NULL);
	append(call, DBUS_TYPE_STRING, &period);
	code = report_ask(report, client, call, "a(xdss)", &reply);
	if (code != EXIT_GOOD || reply == NULL)
		return code;
	(void)dbus_message_iter_init(reply, &iterator);
	dbus_message_iter_recurse(&iterator, &rows);
	for (; dbus_message_iter_get_arg_type(&rows) != DBUS_TYPE_INVALID;
	     (void)dbus_message_iter_next(&rows)) {
		struct report_version version = { .value = NAN, .status = "", .release = "" };
		dbus_int64_t published = 0;

		dbus_message_iter_recurse(&rows, &fields);
		(void)message_read(&fields, "xdss", &published, &version.value, &version.status,
				   &version.release);
		if (report->as_of_ms != 0 && published > report->as_of_ms)
			continue;
		version.published_at_ms = published;
		report->versions = report_grow(report->versions, report->version_count,
					       sizeof(*report->versions));
		report->versions[report->version_count++] = version;
	}
	return EXIT_GOOD;
}

/* ── checks ────────────────────────────────────────────────────────────────────────────────── */

static enum exit_code read_check(struct report *report, struct client *client, const char *name)
{
	struct report_check check = {
		.name = name, .title = "", .state = "", .left = "", .right = ""
	};
	dbus_int64_t as_of = report->as_of_ms;
	DBusMessageIter iterator, fields;
	DBusMessage *reply;
	enum exit_code code =
		report_ask(report, client,
			   client_new_manager_call("GetCheck", DBUS_TYPE_STRING, &name,
						   DBUS_TYPE_INT64, &as_of, DBUS_TYPE_INVALID),
			   "(ssssssuuuua(sddss))", &reply);

	if (code != EXIT_GOOD || reply == NULL)
		return code;
	(void)dbus_message_iter_init(reply, &iterator);
	dbus_message_iter_recurse(&iterator, &fields);
	(void)message_read(&fields, "sssss-uuuu", &check.name, &check.title, &check.state,
			   &check.left, &check.right, &check.compared, &check.explained,
			   &check.open, &check.unknown);
	report->checks = report_grow(report->checks, report->check_count, sizeof(*report->checks));
	report->checks[report->check_count++] = check;
	return EXIT_GOOD;
}

static enum exit_code read_checks(struct report *report, struct client *client)
{
	DBusMessageIter iterator, rows, fields;
	DBusMessage *reply;
	enum exit_code code =
		report_ask(report, client, client_new_manager_call("ListChecks", DBUS_TYPE_INVALID),
			   "a(sssuuu)", &reply);

	if (code != EXIT_GOOD || reply == NULL)
		return code;
	(void)dbus_message_iter_init(reply, &iterator);
	dbus_message_iter_recurse(&iterator, &rows);
	for (; dbus_message_iter_get_arg_type(&rows) != DBUS_TYPE_INVALID && code == EXIT_GOOD;
	     (void)dbus_message_iter_next(&rows)) {
		const char *name = "";

		dbus_message_iter_recurse(&rows, &fields);
		(void)message_read(&fields, "s", &name);
		code = read_check(report, client, name);
	}
	return code;
}

/* ── all of it ─────────────────────────────────────────────────────────────────────────────── */

static enum exit_code read_once(struct report *report, struct client *client, int32_t day)
{
	enum exit_code code = read_objects(report, client);

	for (size_t i = 0; report->as_of_ms != 0 && i < report->figure_count && code == EXIT_GOOD;
	     i++)
		code = read_figure_as_of(report, client, &report->figures[i]);
	if (code == EXIT_GOOD)
		code = report_read_changes(report, client);
	if (code == EXIT_GOOD)
		code = read_all_series(report, client);
	if (code == EXIT_GOOD) {
		choose_day(report, day);
		code = read_versions(report, client);
	}
	if (code == EXIT_GOOD)
		code = read_checks(report, client);
	if (code == EXIT_GOOD)
		code = report_read_origins(report, client);
	return code;
}

enum exit_code report_read(struct client *client, int64_t as_of_ms, int32_t day,
			   struct report *ret_report)
{
	struct report report;
	uint64_t after = 0;
	enum exit_code code;

	for (int tries = 1;; tries++) {
		report = (struct report){ .as_of_ms = as_of_ms,
					  .made_at_ms = clock_now_ms(),
					  .version = "" };
		code = read_sequence(&report, client, &report.sequence);
		if (code == EXIT_GOOD)
			code = read_once(&report, client, day);
		if (code == EXIT_GOOD)
			code = read_sequence(&report, client, &after);
		report.moved = after != report.sequence;
		if (code != EXIT_GOOD)
			break;
		if (!report.moved || tries == TRIES_MAX) {
			*ret_report = report;
			return EXIT_GOOD;
		}
		report_done(&report);
	}
	report_done(&report);
	return code;
}

static void series_done(struct report_series *series)
{
	free(series->values);
	free(series->letters);
}

void report_done(struct report *report)
{
	for (size_t i = 0; i < report->message_count; i++)
		dbus_message_unref(report->messages[i]);
	for (size_t i = 0; i < report->origin_count; i++)
		free(report->origins[i].releases);
	for (size_t i = 0; i < REPORT_OUTCOMES; i++)
		series_done(&report->outcomes[i]);
	series_done(&report->arrivals);
	series_done(&report->sightings);
	free(report->figures);
	free(report->changes);
	free(report->versions);
	free(report->checks);
	free(report->sources);
	free(report->origins);
	free(report->releases);
	free(report->messages);
	*report = (struct report){ 0 };
}

const struct report_figure *report_find(const struct report *report, const char *name)
{
	const struct report_figure wanted = { .name = name };

	return report->figure_count == 0 ? NULL
					 : bsearch(&wanted, report->figures, report->figure_count,
						   sizeof(*report->figures), compare_figures);
}

double report_value(const struct report *report, const char *name)
{
	const struct report_figure *figure = report_find(report, name);

	return figure != NULL ? figure->value : NAN;
}

double report_on(const struct report_series *series, int32_t day)
{
	if (series->count == 0 || day < series->first ||
	    (size_t)(day - series->first) >= series->count)
		return NAN;
	return series->values[day - series->first];
}
