/* SPDX-License-Identifier: MIT
 *
 * explain.c - reads an explanation from the daemon, and the texts from its originals.
 *
 * Process: straitctl. Invariant: inputs stand under the release that they came with, in the
 * daemon's order. Ends the process when memory is short.
 */
#include "explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "original.h"

static _Noreturn void out_of_memory(void)
{
	fputs("straitctl: out of memory\n", stderr);
	exit(EXIT_FAILED);
}

static void *grow(void *list, size_t count, size_t item_bytes)
{
	void *grown = list;

	/* at powers of two */
	if ((count & (count - 1)) == 0)
		grown = reallocarray(list, count ? 2 * count : 1, item_bytes);
	if (grown == NULL)
		out_of_memory();
	return grown;
}

/* ── the answer ────────────────────────────────────────────────────────────────────────────── */

static struct explain_release *release_of(struct explain_item *item, const char *name,
					  const char *url, const char *sha256,
					  int64_t published_at_ms)
{
	for (size_t i = item->count; i > 0; i--) {
		struct explain_release *release = &item->releases[i - 1];

		if (strcmp(release->sha256, sha256) == 0 && strcmp(release->name, name) == 0 &&
		    release->published_at_ms == published_at_ms)
			return release;
	}
	item->releases = grow(item->releases, item->count, sizeof(*item->releases));
	item->releases[item->count] = (struct explain_release){
		.name = name, .url = url, .sha256 = sha256, .published_at_ms = published_at_ms
	};
	return &item->releases[item->count++];
}

static void read_item(DBusMessageIter *fields, struct explain_item *item)
{
	DBusMessageIter rows, row;

	(void)message_read(fields, "ss", &item->text, &item->side); /* the signature was checked */
	dbus_message_iter_recurse(fields, &rows);
	while (dbus_message_iter_get_arg_type(&rows) == DBUS_TYPE_STRUCT) {
		const char *period = "", *name = "", *url = "", *sha256 = "", *locator = "";
		struct explain_release *release;
		dbus_int64_t published = 0;

		dbus_message_iter_recurse(&rows, &row);
		(void)message_read(&row, "sssssx", &period, &name, &url, &sha256, &locator,
				   &published);
		release = release_of(item, name, url, sha256, published);
		release->inputs = grow(release->inputs, release->count, sizeof(*release->inputs));
		release->inputs[release->count++] =
			(struct explain_input){ .period = period, .locator = locator };
		(void)dbus_message_iter_next(&rows);
	}
}

static void read_reply(struct explain *explain)
{
	DBusMessageIter iterator, fields, items, item;

	(void)dbus_message_iter_init(explain->reply, &iterator);
	dbus_message_iter_recurse(&iterator, &fields);
	(void)message_read(&fields, "ss-", &explain->formula, &explain->window);
	dbus_message_iter_recurse(&fields, &items);
	while (dbus_message_iter_get_arg_type(&items) == DBUS_TYPE_STRUCT) {
		explain->items = grow(explain->items, explain->count, sizeof(*explain->items));
		explain->items[explain->count] = (struct explain_item){ 0 };
		dbus_message_iter_recurse(&items, &item);
		read_item(&item, &explain->items[explain->count++]);
		(void)dbus_message_iter_next(&items);
	}
}

static enum exit_code read_release(struct client *client, struct explain_release *release)
{
	DBusMessageIter iterator, fields;
	dbus_uint64_t size, offset;
	dbus_int64_t published, imported;
	dbus_bool_t kept;
	enum exit_code code =
		client_call(client,
			    client_new_manager_call("GetRelease", DBUS_TYPE_STRING,
						    &release->sha256, DBUS_TYPE_INVALID),
			    "(ssssttxxsb)", &release->reply);

	if (code != EXIT_GOOD)
		return code;
	(void)dbus_message_iter_init(release->reply, &iterator);
	dbus_message_iter_recurse(&iterator, &fields);
	if (!message_read(&fields, "s-s-ttxxsb", &release->source, &release->dataset, &size,
			  &offset, &published, &imported, &release->plugin, &kept))
		return EXIT_FAILED;
	release->size = size;
	release->offset = offset;
	release->imported_at_ms = imported;
	release->kept = kept;
	return EXIT_GOOD;
}

static enum exit_code read_value(struct client *client, dbus_int64_t as_of, struct explain *explain)
{
	DBusMessageIter iterator, fields;
	enum exit_code code = client_call(client,
					  client_new_manager_call("GetFigureAsOf", DBUS_TYPE_STRING,
								  &explain->name, DBUS_TYPE_INT64,
								  &as_of, DBUS_TYPE_INVALID),
					  "(dsssx)", &explain->figure);

	if (code != EXIT_GOOD)
		return code;
	(void)dbus_message_iter_init(explain->figure, &iterator);
	dbus_message_iter_recurse(&iterator, &fields);
	(void)message_read(&fields, "dsss", &explain->value, &explain->unit, &explain->status,
			   &explain->period);
	return EXIT_GOOD;
}

enum exit_code explain_read(struct client *client, const char *name, int64_t as_of_ms,
			    struct explain *ret_explain)
{
	struct explain explain = { .name = name };
	dbus_int64_t as_of = as_of_ms;
	enum exit_code code = read_value(client, as_of, &explain);

	if (code == EXIT_GOOD)
		code = client_call(client,
				   client_new_manager_call("ExplainItems", DBUS_TYPE_STRING, &name,
							   DBUS_TYPE_INT64, &as_of,
							   DBUS_TYPE_INVALID),
				   "(sssa(ssa(sssssx)))", &explain.reply);
	if (code == EXIT_GOOD)
		read_reply(&explain);
	for (size_t i = 0; i < explain.count && code == EXIT_GOOD; i++)
		for (size_t k = 0; k < explain.items[i].count && code == EXIT_GOOD; k++)
			code = read_release(client, &explain.items[i].releases[k]);
	if (code != EXIT_GOOD) {
		explain_done(&explain);
		return code;
	}
	*ret_explain = explain;
	return EXIT_GOOD;
}

static void release_done(struct explain_release *release)
{
	for (size_t i = 0; i < release->count; i++) {
		free(release->inputs[i].first);
		free(release->inputs[i].last);
	}
	free(release->inputs);
	free(release->trouble);
	if (release->reply != NULL)
		dbus_message_unref(release->reply);
}

void explain_done(struct explain *explain)
{
	for (size_t i = 0; i < explain->count; i++) {
		for (size_t k = 0; k < explain->items[i].count; k++)
			release_done(&explain->items[i].releases[k]);
		free(explain->items[i].releases);
	}
	free(explain->items);
	if (explain->figure != NULL)
		dbus_message_unref(explain->figure);
	if (explain->reply != NULL)
		dbus_message_unref(explain->reply);
	*explain = (struct explain){ 0 };
}

/* ── texts ─────────────────────────────────────────────────────────────────────────────────── */

/* A want and whose it is; original_read() sorts the wants, so they are found again by their place.
 */
struct wanted {
	struct original_want *wants;
	size_t count;
};

static void want(struct wanted *wanted, const struct explain_input *input)
{
	struct original_place places[2];
	size_t count = original_places(input->locator, places);

	for (size_t i = 0; i < count; i++) {
		wanted->wants = grow(wanted->wants, wanted->count, sizeof(*wanted->wants));
		wanted->wants[wanted->count++] = (struct original_want){ .place = places[i] };
	}
}

static bool same_place(const struct original_place *a, const struct original_place *b)
{
	return a->is_cell == b->is_cell && a->offset == b->offset && a->row == b->row &&
	       a->column == b->column && strcmp(a->sheet, b->sheet) == 0;
}

static char *text_at(const struct wanted *wanted, const struct original_place *place)
{
	for (size_t i = 0; i < wanted->count; i++)
		if (same_place(&wanted->wants[i].place, place) && wanted->wants[i].text != NULL)
			return strdup(wanted->wants[i].text);
	return NULL;
}

static void give(const struct wanted *wanted, struct explain_input *input)
{
	struct original_place places[2];
	size_t count = original_places(input->locator, places);

	if (count > 0)
		input->first = text_at(wanted, &places[0]);
	if (count > 1)
		input->last = text_at(wanted, &places[1]);
}

static int open_original(struct client *client, struct explain_release *release)
{
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *reply;
	int fd = -1;

	if (client_try(client,
		       client_new_manager_call("OpenOriginal", DBUS_TYPE_STRING, &release->sha256,
					       DBUS_TYPE_INVALID),
		       DBUS_TIMEOUT_USE_DEFAULT, "h", &reply, &error)) {
		(void)dbus_message_get_args(reply, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID);
		dbus_message_unref(reply);
	} else {
		release->trouble = strdup(error.message != NULL ? error.message : "");
		dbus_error_free(&error);
	}
	return fd;
}

static void show_release(struct client *client, struct explain_release *release, size_t all)
{
	struct wanted wanted = { 0 };
	char error[ORIGINAL_ERROR_MAX];
	bool few = all == 0 || release->count <= all;
	int fd = open_original(client, release);

	if (fd < 0)
		return;
	for (size_t i = 0; i < release->count; i++)
		if (few || i == 0 || i + 1 == release->count)
			want(&wanted, &release->inputs[i]);
	if (wanted.count > 0 && !original_read(fd, wanted.wants, wanted.count, error))
		release->trouble = strdup(error);
	(void)close(fd);
	for (size_t i = 0; i < release->count; i++)
		if (few || i == 0 || i + 1 == release->count)
			give(&wanted, &release->inputs[i]);
	for (size_t i = 0; i < wanted.count; i++)
		free(wanted.wants[i].text);
	free(wanted.wants);
}

void explain_show(struct client *client, struct explain *explain, size_t all)
{
	for (size_t i = 0; i < explain->count; i++)
		for (size_t k = 0; k < explain->items[i].count; k++)
			show_release(client, &explain->items[i].releases[k], all);
}
