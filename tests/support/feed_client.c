/* SPDX-License-Identifier: MIT
 *
 * feed_client.c - see feed_client.h. Test programs only; uses the harness's connection. Invariant:
 * the figures are those of `sequence`, of no earlier and of no later commit.
 */
#include "feed_client.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <check.h>
#include <dbus/dbus.h>

#define NAME	"org.straitd.Straitd1"
#define ROOT	"/org/straitd/Straitd1"
#define MANAGER NAME ".Manager"

double *feed_value(struct feed_figures *figures, const char *name)
{
	struct feed_figure *figure;

	for (size_t i = 0; i < figures->count; i++) {
		if (strcmp(figures->items[i].name, name) == 0)
			return &figures->items[i].value;
	}
	ck_assert_uint_lt(figures->count, FEED_FIGURES_MAX);
	figure = &figures->items[figures->count++];
	(void)snprintf(figure->name, sizeof(figure->name), "%s", name);
	figure->value = (double)NAN;
	return &figure->value;
}

bool feed_same(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static DBusMessage *ask(struct harness *harness, DBusMessage *call, DBusError *error)
{
	DBusMessage *reply;

	if (harness->connection == NULL)
		(void)harness_sequence(harness); /* connects */
	reply = dbus_connection_send_with_reply_and_block(harness->connection, call,
							  HARNESS_DEADLINE_MS, error);
	dbus_message_unref(call);
	return reply;
}

void feed_snapshot(struct harness *harness, struct feed_figures *ret_figures)
{
	DBusMessage *call = dbus_message_new_method_call(NAME, ROOT, MANAGER, "GetFigures"), *reply;
	DBusMessageIter iterator, array, rows, fields;
	DBusError error = DBUS_ERROR_INIT;
	dbus_uint64_t sequence;

	dbus_message_iter_init_append(call, &iterator);
	(void)dbus_message_iter_open_container(&iterator, DBUS_TYPE_ARRAY, "s", &array);
	(void)dbus_message_iter_close_container(&iterator, &array);
	reply = ask(harness, call, &error);
	harness_assert(harness, reply != NULL, "%s", error.message);
	ck_assert(dbus_message_has_signature(reply, "(ta(sdsssx))"));
	*ret_figures = (struct feed_figures){ 0 };
	(void)dbus_message_iter_init(reply, &iterator);
	dbus_message_iter_recurse(&iterator, &fields);
	dbus_message_iter_get_basic(&fields, &sequence);
	(void)dbus_message_iter_next(&fields);
	ret_figures->sequence = sequence;
	dbus_message_iter_recurse(&fields, &rows);
	for (; dbus_message_iter_get_arg_type(&rows) == DBUS_TYPE_STRUCT;
	     (void)dbus_message_iter_next(&rows)) {
		const char *name;

		dbus_message_iter_recurse(&rows, &fields);
		dbus_message_iter_get_basic(&fields, &name);
		(void)dbus_message_iter_next(&fields);
		dbus_message_iter_get_basic(&fields, feed_value(ret_figures, name));
	}
	dbus_message_unref(reply);
}

static DBusMessage *changes_since(struct harness *harness, uint64_t after, unsigned int page,
				  DBusError *error)
{
	DBusMessage *call = dbus_message_new_method_call(NAME, ROOT, MANAGER, "ChangesSince");
	dbus_uint64_t sequence = after;
	dbus_uint32_t max = page;

	(void)dbus_message_append_args(call, DBUS_TYPE_UINT64, &sequence, DBUS_TYPE_UINT32, &max,
				       DBUS_TYPE_INVALID);
	return ask(harness, call, error);
}

struct row {
	dbus_uint64_t sequence;
	const char *figure;
	double old_value, new_value;
};

static void read_row(DBusMessageIter *rows, struct row *ret_row)
{
	DBusMessageIter fields;

	dbus_message_iter_recurse(rows, &fields);
	dbus_message_iter_get_basic(&fields, &ret_row->sequence);
	for (int i = 0; i < 3; i++) /* past time and cause */
		(void)dbus_message_iter_next(&fields);
	dbus_message_iter_get_basic(&fields, &ret_row->figure);
	(void)dbus_message_iter_next(&fields);
	dbus_message_iter_get_basic(&fields, &ret_row->old_value);
	(void)dbus_message_iter_next(&fields);
	dbus_message_iter_get_basic(&fields, &ret_row->new_value);
}

/* Applies one page; false when nothing at or before `until` is left in it. */
static bool apply_page(struct harness *harness, struct feed_figures *figures, uint64_t until,
		       DBusMessageIter *rows)
{
	uint64_t before = figures->sequence;

	for (; dbus_message_iter_get_arg_type(rows) == DBUS_TYPE_STRUCT;
	     (void)dbus_message_iter_next(rows)) {
		struct row row;
		double *value;

		read_row(rows, &row);
		if (row.sequence > until)
			break;
		harness_assert(harness,
			       row.sequence == figures->sequence ||
				       row.sequence == figures->sequence + 1,
			       "%llu follows %llu", (unsigned long long)row.sequence,
			       (unsigned long long)figures->sequence);
		value = feed_value(figures, row.figure);
		harness_assert(harness, feed_same(*value, row.old_value),
			       "%llu: %s was %g, the change says %g",
			       (unsigned long long)row.sequence, row.figure, *value, row.old_value);
		*value = row.new_value;
		figures->sequence = row.sequence;
	}
	return figures->sequence > before;
}

void feed_advance(struct harness *harness, struct feed_figures *figures, uint64_t until,
		  unsigned int page)
{
	while (figures->sequence < until) {
		DBusError error = DBUS_ERROR_INIT;
		DBusMessage *reply = changes_since(harness, figures->sequence, page, &error);
		DBusMessageIter iterator, rows;

		harness_assert(harness, reply != NULL, "%s", error.message);
		ck_assert(dbus_message_has_signature(reply, "tba(txssdd)"));
		(void)dbus_message_iter_init(reply, &iterator);
		(void)dbus_message_iter_next(&iterator);
		(void)dbus_message_iter_next(&iterator);
		dbus_message_iter_recurse(&iterator, &rows);
		harness_assert(harness, apply_page(harness, figures, until, &rows),
			       "ChangesSince(%llu) does not lead to %llu",
			       (unsigned long long)figures->sequence, (unsigned long long)until);
		dbus_message_unref(reply);
	}
}

bool feed_expired(struct harness *harness, uint64_t after)
{
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *reply = changes_since(harness, after, 1, &error);
	bool expired = dbus_error_has_name(&error, NAME ".Error.SequenceExpired");

	harness_assert(harness, reply != NULL || expired, "%s", error.message);
	if (reply != NULL)
		dbus_message_unref(reply);
	dbus_error_free(&error);
	return expired;
}
