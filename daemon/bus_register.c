/* SPDX-License-Identifier: MIT
 *
 * bus_register.c - owns what is said to a message bus before straitd answers on it: Hello, and the
 * request for the name, which replaces an owner that lets itself be replaced and does not queue
 * behind one that does not. Main only.
 *
 * Invariant: a reply that was handed in stays the caller's, an error is freed. The …_within
 * functions block and are for the start only.
 */
#include "bus_register.h"

#include "bus_message.h"
#include "bus_private.h"
#include "clock.h"

int bus_register_fail(DBusError *error, struct fault *fault, const char *what)
{
	(void)fault_set(fault, FAULT_SYSTEM, "%s: %s", what,
			error->message ? error->message : "out of memory");
	dbus_error_free(error);
	return -1;
}

static DBusMessage *bus_method(const char *member)
{
	return dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS,
					    member);
}

DBusMessage *bus_register_hello(void)
{
	return bus_method("Hello");
}

DBusMessage *bus_register_claim(void)
{
	DBusMessage *message = bus_method("RequestName");
	struct bus_writer writer;

	if (!message)
		return NULL;
	bus_writer_init(&writer, message);
	bus_put_word(&writer, BUS_NAME);
	bus_put_u32(&writer, DBUS_NAME_FLAG_ALLOW_REPLACEMENT | DBUS_NAME_FLAG_REPLACE_EXISTING |
				     DBUS_NAME_FLAG_DO_NOT_QUEUE);
	if (bus_writer_done(&writer))
		return message;
	dbus_message_unref(message);
	return NULL;
}

int bus_register_greeted(DBusConnection *connection, DBusMessage *reply, DBusError *error,
			 struct fault *fault)
{
	const char *unique_name;

	if (reply && !dbus_set_error_from_message(error, reply) &&
	    dbus_message_get_args(reply, error, DBUS_TYPE_STRING, &unique_name,
				  DBUS_TYPE_INVALID) &&
	    dbus_bus_set_unique_name(connection, unique_name))
		return 0;
	return bus_register_fail(
		error, fault,
		"the message bus does not answer; see whether it runs, and that it lets this "
		"user in");
}

int bus_register_owned(DBusMessage *reply, DBusError *error, struct fault *fault)
{
	dbus_uint32_t answer = 0;

	if (!reply || dbus_set_error_from_message(error, reply))
		return bus_register_fail(error, fault,
					 "cannot own the bus name " BUS_NAME
					 " (on the system bus the policy file "
					 "org.straitd.Straitd1.conf must be installed and the "
					 "user be 'straitd' or root)");
	(void)dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT32, &answer,
				    DBUS_TYPE_INVALID); /* else it is 0 */
	if (answer == DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER ||
	    answer == DBUS_REQUEST_NAME_REPLY_ALREADY_OWNER)
		return 0;
	return fault_set(fault, FAULT_BUSY,
			 "the bus name " BUS_NAME
			 " belongs to a process that does not give it up; 'busctl status " BUS_NAME
			 "' says which: stop it, then start straitd again");
}

/* ── the blocking way ──────────────────────────────────────────────────────────────────────── */

/* Waits here, for at most so long:
   dbus_connection_send_with_reply_and_block() has a timeout too, but flushes first, without one,
   and hangs for ever on a bus that takes the connection and says nothing (libdbus 1.14). Takes the
   message; the reply is the caller's. */
static DBusMessage *ask_bus(DBusConnection *connection, DBusMessage *message, int timeout_ms,
			    DBusError *error)
{
	const int64_t deadline = clock_monotonic_ms() + timeout_ms;
	DBusPendingCall *pending = NULL;
	DBusMessage *reply = NULL;
	int64_t left;

	if (!message)
		return NULL;
	if (!dbus_connection_send_with_reply(connection, message, &pending, timeout_ms) ||
	    !pending) {
		dbus_message_unref(message);
		return NULL;
	}
	dbus_message_unref(message);
	while (!dbus_pending_call_get_completed(pending) &&
	       (left = deadline - clock_monotonic_ms()) > 0 &&
	       dbus_connection_read_write(connection, (int)left)) {
		while (!dbus_pending_call_get_completed(pending) &&
		       dbus_connection_dispatch(connection) == DBUS_DISPATCH_DATA_REMAINS)
			;
	}
	if (dbus_pending_call_get_completed(pending))
		reply = dbus_pending_call_steal_reply(pending);
	else
		dbus_set_error(error, DBUS_ERROR_NO_REPLY, "no reply within %d ms", timeout_ms);
	dbus_pending_call_cancel(pending);
	dbus_pending_call_unref(pending);
	return reply;
}

int bus_register_hello_within(DBusConnection *connection, int timeout_ms, struct fault *fault)
{
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *reply = ask_bus(connection, bus_register_hello(), timeout_ms, &error);
	int result = bus_register_greeted(connection, reply, &error, fault);

	if (reply)
		dbus_message_unref(reply);
	return result;
}

int bus_register_claim_within(DBusConnection *connection, int timeout_ms, struct fault *fault)
{
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *reply = ask_bus(connection, bus_register_claim(), timeout_ms, &error);
	int result = bus_register_owned(reply, &error, fault);

	if (reply)
		dbus_message_unref(reply);
	return result;
}
