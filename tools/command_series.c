/* SPDX-License-Identifier: MIT
 *
 * command_series.c - straitctl series and versions.
 *
 * Process: straitctl. Invariant: a missing value is never printed as a number: "-" for people,
 * nothing in CSV, null in JSON.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "command.h"
#include "output.h"
#include "period.h"
#include "strait/date.h"

/* Appends LABEL=VALUE words as a{ss}. */
static enum exit_code append_labels(DBusMessageIter *iterator, char *const *words, int count)
{
	DBusMessageIter labels, entry;

	if (!dbus_message_iter_open_container(iterator, DBUS_TYPE_ARRAY, "{ss}", &labels))
		goto memory;
	for (int i = 0; i < count; i++) {
		char key[STRAIT_NAME_MAX_BYTES + 1];
		const char *equals = strchr(words[i], '='), *key_text = key, *value;

		if (equals == NULL || equals == words[i] ||
		    (size_t)(equals - words[i]) >= sizeof(key)) {
			fprintf(stderr,
				"straitctl: '%s' is no LABEL=VALUE, such as outcome=blocked\n",
				words[i]);
			dbus_message_iter_abandon_container(iterator, &labels);
			return EXIT_USAGE;
		}
		(void)snprintf(key, sizeof(key), "%.*s", (int)(equals - words[i]), words[i]);
		value = equals + 1;
		if (!dbus_message_iter_open_container(&labels, DBUS_TYPE_DICT_ENTRY, NULL,
						      &entry) ||
		    !dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key_text) ||
		    !dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &value) ||
		    !dbus_message_iter_close_container(&labels, &entry))
			goto memory;
	}
	if (dbus_message_iter_close_container(iterator, &labels))
		return EXIT_GOOD;
memory:
	fputs("straitctl: out of memory\n", stderr);
	return EXIT_FAILED;
}

/* The call METRIC, labels, periods and perhaps a time. */
static enum exit_code new_question(struct arguments *arguments, const char *method, int first_label,
				   const char *const *periods, int period_count,
				   const dbus_int64_t *as_of, DBusMessage **ret_call)
{
	DBusMessage *call = client_new_call(DAEMON_ROOT, DAEMON_MANAGER, method);
	DBusMessageIter iterator;
	enum exit_code code;
	bool good;

	dbus_message_iter_init_append(call, &iterator);
	good = dbus_message_iter_append_basic(&iterator, DBUS_TYPE_STRING, &arguments->words[0]);
	code = append_labels(&iterator, arguments->words + first_label,
			     arguments->word_count - first_label);
	if (code != EXIT_GOOD) {
		dbus_message_unref(call);
		return code;
	}
	for (int i = 0; i < period_count; i++)
		good = good &&
		       dbus_message_iter_append_basic(&iterator, DBUS_TYPE_STRING, &periods[i]);
	if (as_of != NULL)
		good = good && dbus_message_iter_append_basic(&iterator, DBUS_TYPE_INT64, as_of);
	if (!good) {
		fputs("straitctl: out of memory\n", stderr);
		dbus_message_unref(call);
		return EXIT_FAILED;
	}
	*ret_call = call;
	return EXIT_GOOD;
}

static enum strait_granularity granularity_of(const char *duration)
{
	for (int i = STRAIT_DAY; i <= STRAIT_YEAR; i++) {
		if (strcmp(duration, granularity_duration((enum strait_granularity)i)) == 0)
			return (enum strait_granularity)i;
	}
	return STRAIT_DAY;
}

/* A row of a series. status is a word. */
static void print_point(const struct arguments *arguments, struct table *table, const char *period,
			double value, const char *status)
{
	char number[NUMBER_TEXT_MAX];

	if (arguments->json) {
		json_line(json_pack("{s:s, s:o, s:s}", "period", period, "value",
				    number_json(value), "status", status));
	} else if (arguments->csv) {
		if (isnan(value))
			printf("%s,,%s\n", period, status);
		else
			printf("%s,%.15g,%s\n", period, value, status);
	} else {
		table_row(table);
		table_cell(table, period, TINT_NONE);
		table_cell(table, number_text(value, number), TINT_NONE);
		table_cell(table, status, TINT_NONE);
	}
}

/* Arrays of equal length, in the message or in the mapping. */
struct points {
	const char *duration;
	const dbus_int64_t *starts;
	const double *values;
	const unsigned char *letters;
	size_t count;
};

static void print_series(const struct arguments *arguments, const struct points *points)
{
	static const struct table_column columns[] = {
		{ "PERIOD", false },
		{ "VALUE", true },
		{ "STATUS", false },
	};
	enum strait_granularity granularity = granularity_of(points->duration);
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));

	if (arguments->csv && !arguments->json)
		puts("period,value,status");
	for (size_t i = 0; i < points->count; i++) {
		enum strait_status status = status_of_letter((char)points->letters[i]);
		char text[PERIOD_TEXT_MAX];

		print_point(
			arguments, table,
			granularity_format(granularity, strait_day_of_ms(points->starts[i]), text),
			points->values[i], status == 0 ? "unknown" : status_word(status));
	}
	table_print(table);
}

static enum exit_code print_reply(const struct arguments *arguments, DBusMessage *reply)
{
	struct points points;
	DBusMessageIter iterator, fields, array;
	int counts[3];

	(void)dbus_message_iter_init(reply, &iterator); /* the signature was checked */
	dbus_message_iter_recurse(&iterator, &fields);
	(void)message_read(&fields, "s", &points.duration);
	dbus_message_iter_recurse(&fields, &array);
	dbus_message_iter_get_fixed_array(&array, &points.starts, &counts[0]);
	(void)dbus_message_iter_next(&fields);
	dbus_message_iter_recurse(&fields, &array);
	dbus_message_iter_get_fixed_array(&array, &points.values, &counts[1]);
	(void)dbus_message_iter_next(&fields);
	dbus_message_iter_recurse(&fields, &array);
	dbus_message_iter_get_fixed_array(&array, &points.letters, &counts[2]);
	if (counts[0] != counts[1] || counts[0] != counts[2]) {
		fputs("straitctl: the daemon answered with arrays of different lengths; please "
		      "report this\n",
		      stderr);
		return EXIT_FAILED;
	}
	points.count = (size_t)counts[0];
	print_series(arguments, &points);
	return EXIT_GOOD;
}

/* The layout is in docs/DBUS.md: count, granularity in 16 bytes, starts, values, letters. */
static enum exit_code print_memfd(const struct arguments *arguments, int fd)
{
	enum { HEADER_BYTES = 24, POINT_BYTES = 8 + 8 + 1 };
	enum exit_code code = EXIT_FAILED;
	struct stat status = { 0 };
	const unsigned char *data = MAP_FAILED;
	char duration[17] = "";
	struct points points;
	uint64_t count = 0;

	if (fstat(fd, &status) == 0 && status.st_size >= HEADER_BYTES)
		data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data != MAP_FAILED) {
		memcpy(&count, data, sizeof(count));
		memcpy(duration, data + 8, 16);
	}
	/* divided, so that no count can overflow */
	if (data != MAP_FAILED &&
	    count == (uint64_t)(status.st_size - HEADER_BYTES) / POINT_BYTES) {
		points = (struct points){
			.duration = duration,
			.count = count,
			.starts = (const dbus_int64_t *)(const void *)(data + HEADER_BYTES),
			.values = (const double *)(const void *)(data + HEADER_BYTES + 8 * count),
			.letters = data + HEADER_BYTES + 16 * count,
		};
		print_series(arguments, &points);
		code = EXIT_GOOD;
	} else {
		fputs("straitctl: the daemon's descriptor holds no series; please report this\n",
		      stderr);
	}
	if (data != MAP_FAILED)
		(void)munmap((void *)(uintptr_t)data, (size_t)status.st_size);
	return code;
}

/* Too many points for a message: by descriptor. */
static enum exit_code series_by_descriptor(struct arguments *arguments, DBusMessage *call)
{
	DBusMessage *reply;
	CLEANUP(close_fd) int fd = -1;
	enum exit_code code = client_call(&arguments->client, call, "h", &reply);

	if (code != EXIT_GOOD)
		return code;
	(void)dbus_message_get_args(reply, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID);
	dbus_message_unref(reply);
	return print_memfd(arguments, fd);
}

enum exit_code command_series(struct arguments *arguments)
{
	const char *const range[] = { arguments->from, arguments->to };
	dbus_int64_t as_of = arguments->as_of_ms;
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *call, *reply;
	enum exit_code code = new_question(arguments, "GetSeries", 1, range, 2, &as_of, &call);

	if (code != EXIT_GOOD)
		return code;
	if (client_try(&arguments->client, call, DBUS_TIMEOUT_USE_DEFAULT, "(saxaday)", &reply,
		       &error)) {
		code = print_reply(arguments, reply);
		dbus_message_unref(reply);
		return code;
	}
	if (!dbus_error_has_name(&error, DAEMON_ERROR "TooLarge"))
		return client_complain(&arguments->client, &error);
	dbus_error_free(&error);
	code = new_question(arguments, "GetSeriesFd", 1, range, 2, &as_of, &call);
	return code == EXIT_GOOD ? series_by_descriptor(arguments, call) : code;
}

static void print_version_row(const struct arguments *arguments, struct table *table,
			      DBusMessageIter *fields)
{
	dbus_int64_t published = 0;
	double value = NAN;
	const char *status = "", *release = "";
	char number[NUMBER_TEXT_MAX], time[TIME_TEXT_MAX];

	(void)message_read(fields, "xdss", &published, &value, &status, &release);
	if (arguments->json) {
		json_line(json_pack("{s:o, s:o, s:s, s:s}", "published_at", time_json(published),
				    "value", number_json(value), "status", status, "release",
				    release));
		return;
	}
	table_row(table);
	table_cell(table, time_text(published, time), TINT_NONE);
	table_cell(table, number_text(value, number), TINT_NONE);
	table_cell(table, status, TINT_NONE);
	table_cell(table, release, TINT_NONE);
}

enum exit_code command_versions(struct arguments *arguments)
{
	static const struct table_column columns[] = {
		{ "PUBLISHED", false },
		{ "VALUE", true },
		{ "STATUS", false },
		{ "RELEASE", false },
	};
	const char *const periods[] = { arguments->words[1] };
	struct period period;
	DBusMessage *call, *reply;
	DBusMessageIter iterator, rows, fields;
	struct table *table;
	enum exit_code code;

	if (!period_parse(periods[0], &period)) {
		fprintf(stderr,
			"straitctl: '%s' is no period; write it as 2020-09-02, 2020-W36, 2020-09, "
			"2020-Q3 or 2020\n",
			periods[0]);
		return EXIT_USAGE;
	}
	code = new_question(arguments, "GetVersions", 2, periods, 1, NULL, &call);
	if (code == EXIT_GOOD)
		code = client_call(&arguments->client, call, "a(xdss)", &reply);
	if (code != EXIT_GOOD)
		return code;
	table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	(void)dbus_message_iter_init(reply, &iterator);
	dbus_message_iter_recurse(&iterator, &rows);
	if (dbus_message_iter_get_arg_type(&rows) == DBUS_TYPE_INVALID)
		fprintf(stderr,
			"straitctl: no versions of %s in %s; 'straitctl series %s' shows its periods\n",
			arguments->words[0], periods[0], arguments->words[0]);
	for (; dbus_message_iter_get_arg_type(&rows) == DBUS_TYPE_STRUCT;
	     (void)dbus_message_iter_next(&rows)) {
		dbus_message_iter_recurse(&rows, &fields);
		print_version_row(arguments, table, &fields);
	}
	table_print(table);
	dbus_message_unref(reply);
	return EXIT_GOOD;
}
