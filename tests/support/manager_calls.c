/* SPDX-License-Identifier: MIT
 *
 * manager_calls.c - calls of the Manager and their answers, over libdbus's blocking call. Test
 * programs only.
 */
#include "manager_calls.h"

#include <check.h>

DBusConnection *client_open(const char *address, bool registered)
{
	DBusError error = DBUS_ERROR_INIT;
	DBusConnection *connection = dbus_connection_open_private(address, &error);

	ck_assert_msg(connection != NULL, "%s", error.message);
	dbus_connection_set_exit_on_disconnect(connection, FALSE);
	if (registered)
		ck_assert_msg(dbus_bus_register(connection, &error), "%s", error.message);
	return connection;
}

void client_close(DBusConnection *connection)
{
	dbus_connection_close(connection);
	dbus_connection_unref(connection);
}

DBusMessage *call_new(const char *member)
{
	DBusMessage *call = dbus_message_new_method_call(NAME, ROOT, MANAGER, member);

	ck_assert_ptr_nonnull(call);
	return call;
}

DBusMessage *call_figure(const char *name)
{
	DBusMessage *call = call_new("GetFigure");

	ck_assert(dbus_message_append_args(call, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID));
	return call;
}

DBusMessage *call_figures(const char *const *names, int count)
{
	DBusMessage *call = call_new("GetFigures");

	ck_assert(dbus_message_append_args(call, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING, &names, count,
					   DBUS_TYPE_INVALID));
	return call;
}

DBusMessage *call_series(const char *member, const char *metric)
{
	const char *open = "";
	DBusMessage *call = call_new(member);
	DBusMessageIter to, labels;
	dbus_int64_t now = 0;

	dbus_message_iter_init_append(call, &to);
	ck_assert(dbus_message_iter_append_basic(&to, DBUS_TYPE_STRING, &metric) &&
		  dbus_message_iter_open_container(&to, DBUS_TYPE_ARRAY, "{ss}", &labels) &&
		  dbus_message_iter_close_container(&to, &labels) &&
		  dbus_message_iter_append_basic(&to, DBUS_TYPE_STRING, &open) &&
		  dbus_message_iter_append_basic(&to, DBUS_TYPE_STRING, &open) &&
		  dbus_message_iter_append_basic(&to, DBUS_TYPE_INT64, &now));
	return call;
}

DBusMessage *try_ask(DBusConnection *client, DBusMessage *call, int timeout_ms, DBusError *error)
{
	DBusMessage *reply =
		dbus_connection_send_with_reply_and_block(client, call, timeout_ms, error);

	dbus_message_unref(call);
	return reply;
}

DBusMessage *ask(DBusConnection *client, DBusMessage *call)
{
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *reply = try_ask(client, call, CALL_MS, &error);

	ck_assert_msg(reply != NULL, "%s: %s", error.name, error.message);
	return reply;
}

double value_of(DBusMessage *reply)
{
	DBusMessageIter from, fields;
	double value = 0;

	ck_assert(dbus_message_iter_init(reply, &from));
	dbus_message_iter_recurse(&from, &fields);
	ck_assert_int_eq(dbus_message_iter_get_arg_type(&fields), DBUS_TYPE_DOUBLE);
	dbus_message_iter_get_basic(&fields, &value);
	dbus_message_unref(reply);
	return value;
}
