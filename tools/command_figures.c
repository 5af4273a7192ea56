/* SPDX-License-Identifier: MIT
 *
 * command_figures.c - straitctl list and get.
 *
 * Process: straitctl. Invariant: a figure that cannot be answered is told by the daemon's own
 * sentence, and the other figures asked for are still printed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "command.h"
#include "figures.h"
#include "output.h"

/* A label list as "platform, outcome"; the JSON array too. False when out of memory. */
static bool read_labels(DBusMessageIter *fields, char **ret_text, json_t *array)
{
	DBusMessageIter keys;
	size_t size = 0;
	FILE *out = open_memstream(ret_text, &size);
	const char *key;

	if (out == NULL)
		return false;
	dbus_message_iter_recurse(fields, &keys);
	for (bool first = true; message_read(&keys, "s", &key); first = false) {
		fprintf(out, "%s%s", first ? "" : ", ", key);
		(void)json_array_append_new(array, json_string(key)); /* NULL: json_line tells */
	}
	return fclose(out) == 0;
}

static enum exit_code print_metric(const struct arguments *arguments, struct table *table,
				   DBusMessageIter *fields)
{
	const char *cells[4];
	CLEANUP(free_text) char *labels = NULL;
	json_t *array = json_array();

	(void)message_read(fields, "ssss", &cells[0], &cells[1], &cells[2], &cells[3]);
	if (!read_labels(fields, &labels, array)) {
		fputs("straitctl: out of memory\n", stderr);
		return EXIT_FAILED;
	}
	if (arguments->json) {
		json_line(json_pack("{s:s, s:s, s:s, s:s, s:o}", "name", cells[0], "unit", cells[1],
				    "kind", cells[2], "title", cells[3], "labels", array));
		return EXIT_GOOD;
	}
	json_decref(array);
	table_row(table);
	for (size_t i = 0; i < 4; i++)
		table_cell(table, cells[i], TINT_NONE);
	table_cell(table, labels, TINT_NONE);
	return EXIT_GOOD;
}

static enum exit_code list_metrics(struct arguments *arguments)
{
	static const struct table_column columns[] = {
		{ "METRIC", false }, { "UNIT", false },	  { "KIND", false },
		{ "TITLE", false },  { "LABELS", false },
	};
	struct table *table;
	DBusMessageIter iterator, rows, fields;
	DBusMessage *reply;
	enum exit_code code = client_call(&arguments->client,
					  client_new_manager_call("ListMetrics", DBUS_TYPE_INVALID),
					  "a(ssssas)", &reply);

	if (code != EXIT_GOOD)
		return code;
	table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	(void)dbus_message_iter_init(reply, &iterator); /* the signature was checked */
	dbus_message_iter_recurse(&iterator, &rows);
	for (; code == EXIT_GOOD && dbus_message_iter_get_arg_type(&rows) == DBUS_TYPE_STRUCT;
	     (void)dbus_message_iter_next(&rows)) {
		dbus_message_iter_recurse(&rows, &fields);
		code = print_metric(arguments, table, &fields);
	}
	table_print(table);
	dbus_message_unref(reply);
	return code;
}

enum exit_code command_list(struct arguments *arguments)
{
	struct figure_set set;
	enum exit_code code;

	if (arguments->metrics)
		return list_metrics(arguments);
	code = figure_set_read(&arguments->client, &set);
	if (code != EXIT_GOOD)
		return code;
	if (arguments->json) {
		for (size_t i = 0; i < set.count; i++)
			figure_print_json(&set.items[i]);
	} else {
		figures_print(set.items, set.count);
		if (set.count == 0)
			fputs("straitctl: there are no figures yet; 'straitctl sources' shows what "
			      "is configured\n",
			      stderr);
	}
	figure_set_done(&set);
	return EXIT_GOOD;
}

/* A published figure is an object, and its properties say all. False if there is no such object. */
static bool get_object(struct client *client, const char *name, struct shown_figure *ret_figure,
		       DBusMessage **ret_reply)
{
	DBusError error = DBUS_ERROR_INIT;
	char path[OBJECT_PATH_MAX];
	DBusMessageIter iterator;

	if (!client_figure_path(name, path))
		return false;
	if (!client_try(client, client_new_get_all(path, DAEMON_FIGURE), DBUS_TIMEOUT_USE_DEFAULT,
			"a{sv}", ret_reply, &error)) {
		/* GetFigure is asked next, and tells what is wrong. */
		dbus_error_free(&error);
		return false;
	}
	(void)dbus_message_iter_init(*ret_reply, &iterator);
	if (figure_read(&iterator, ret_figure))
		return true;
	dbus_message_unref(*ret_reply);
	*ret_reply = NULL;
	return false;
}

static enum exit_code get_computed(struct client *client, const char *name, int64_t as_of_ms,
				   struct shown_figure *ret_figure, DBusMessage **ret_reply)
{
	struct shown_figure figure = { .name = name };
	dbus_int64_t as_of = as_of_ms, published;
	dbus_uint64_t sequence = 0;
	DBusMessageIter iterator, fields;
	enum exit_code code;

	if (as_of == 0)
		code = client_call(client,
				   client_new_manager_call("GetFigure", DBUS_TYPE_STRING, &name,
							   DBUS_TYPE_INVALID),
				   "(dsssxt)", ret_reply);
	else
		code = client_call(client,
				   client_new_manager_call("GetFigureAsOf", DBUS_TYPE_STRING, &name,
							   DBUS_TYPE_INT64, &as_of,
							   DBUS_TYPE_INVALID),
				   "(dsssx)", ret_reply);
	if (code != EXIT_GOOD)
		return code;
	(void)dbus_message_iter_init(*ret_reply, &iterator); /* the signature was checked */
	dbus_message_iter_recurse(&iterator, &fields);
	(void)message_read(&fields, "dsssx", &figure.value, &figure.unit, &figure.status,
			   &figure.period, &published);
	if (as_of == 0)
		(void)message_read(&fields, "t", &sequence);
	figure.published_at_ms = published;
	figure.sequence = sequence;
	*ret_figure = figure;
	return EXIT_GOOD;
}

/* The answer about one name, and the messages that its strings are in. */
struct answer {
	struct shown_figure figure;
	DBusMessage *object, *computed;
};

/* All published figures, read when the first name needs them. */
struct published {
	struct figure_set set;
	bool read;
};

/* What is computed on the spot is as stale as the published figures of its metric. */
static enum exit_code add_source(struct client *client, struct published *published,
				 bool is_current, struct shown_figure *figure)
{
	const struct shown_figure *kin;

	if (!published->read) {
		enum exit_code code = figure_set_read(client, &published->set);

		if (code != EXIT_GOOD)
			return code;
		published->read = true;
	}
	kin = figure_set_find_kin(&published->set, figure->name);
	if (kin != NULL) {
		figure->source = kin->source;
		figure->stale = is_current && kin->stale;
	}
	return EXIT_GOOD;
}

static enum exit_code get_one(struct arguments *arguments, const char *name,
			      struct published *others, struct answer *answer)
{
	struct client *client = &arguments->client;
	struct shown_figure figure = { 0 };
	bool published = get_object(client, name, &figure, &answer->object);
	enum exit_code code;

	if (published && arguments->as_of_ms == 0) {
		answer->figure = figure;
		return EXIT_GOOD;
	}
	code = get_computed(client, name, arguments->as_of_ms, &answer->figure, &answer->computed);
	if (code != EXIT_GOOD)
		return code;
	if (!published)
		return add_source(client, others, arguments->as_of_ms == 0, &answer->figure);
	answer->figure.source = figure.source; /* a figure keeps its source */
	return EXIT_GOOD;
}

static void print_figures(const struct arguments *arguments, const struct answer *answers,
			  size_t count)
{
	struct shown_figure *figures = calloc(count + 1, sizeof(*figures));

	if (figures == NULL) {
		fputs("straitctl: out of memory\n", stderr);
		exit(EXIT_FAILED);
	}
	for (size_t i = 0; i < count; i++) {
		figures[i] = answers[i].figure;
		if (arguments->json)
			figure_print_json(&figures[i]);
	}
	if (!arguments->json)
		figures_print(figures, count);
	free(figures);
}

enum exit_code command_get(struct arguments *arguments)
{
	size_t wanted = (size_t)arguments->word_count, count = 0;
	struct answer *answers = calloc(wanted, sizeof(*answers));
	struct published published = { .read = false };
	enum exit_code code = EXIT_GOOD;

	if (answers == NULL) {
		fputs("straitctl: out of memory\n", stderr);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < wanted && code != EXIT_NO_DAEMON; i++) {
		enum exit_code result =
			get_one(arguments, arguments->words[i], &published, &answers[count]);

		if (result == EXIT_GOOD) {
			count++;
			continue;
		}
		code = result;
		if (answers[count].object != NULL)
			dbus_message_unref(answers[count].object);
		if (answers[count].computed != NULL)
			dbus_message_unref(answers[count].computed);
		answers[count] = (struct answer){ 0 };
	}
	print_figures(arguments, answers, count);
	for (size_t i = 0; i < count; i++) {
		if (answers[i].object != NULL)
			dbus_message_unref(answers[i].object);
		if (answers[i].computed != NULL)
			dbus_message_unref(answers[i].computed);
	}
	free(answers);
	figure_set_done(&published.set);
	return code;
}
