/* SPDX-License-Identifier: MIT
 *
 * client.c - the connection of straitctl: opening a bus, calls and their errors, typed reading of
 * messages.
 *
 * Process: straitctl. It owns its private connection and nothing else. Invariant: every failure is
 * told once, in one sentence on stderr, and becomes exactly one exit code. It must never read the
 * daemon's files or store: what straitctl can do, every program on the bus can do.
 */
#include "client.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

static _Noreturn void out_of_memory(void)
{
	fputs("straitctl: out of memory\n", stderr);
	exit(EXIT_FAILED);
}

/* ret_peer: it is straitd's private socket, which knows no Hello. */
static DBusConnection *connect_to(const char *bus, bool *ret_peer, DBusError *error)
{
	DBusConnection *connection;

	*ret_peer = false;
	if (strcmp(bus, "system") == 0)
		return dbus_bus_get_private(DBUS_BUS_SYSTEM, error);
	if (strcmp(bus, "session") == 0)
		return dbus_bus_get_private(DBUS_BUS_SESSION, error);
	connection = dbus_connection_open_private(bus, error);
	if (connection == NULL)
		return NULL;
	if (dbus_bus_register(connection, error))
		return connection;
	if (dbus_error_has_name(error, DBUS_ERROR_UNKNOWN_OBJECT)) {
		dbus_error_free(error);
		*ret_peer = true;
		return connection;
	}
	dbus_connection_close(connection);
	dbus_connection_unref(connection);
	return NULL;
}

enum exit_code client_open(struct client *client, const char *bus)
{
	DBusError error = DBUS_ERROR_INIT;
	bool named = strcmp(bus, "system") == 0 || strcmp(bus, "session") == 0;

	client->bus = bus;
	client->interrupt_fd = -1;
	client->connection = connect_to(bus, &client->peer, &error);
	if (client->connection == NULL) {
		fprintf(stderr,
			"straitctl: cannot reach the %s%s%s: %s; "
			"choose another one with --bus system, --bus session or --bus ADDRESS\n",
			named ? bus : "bus at '", named ? " bus" : bus, named ? "" : "'",
			error.message);
		dbus_error_free(&error);
		return EXIT_NO_DAEMON;
	}
	/* libdbus would end the process without a word. */
	dbus_connection_set_exit_on_disconnect(client->connection, FALSE);
	return EXIT_GOOD;
}

static void drop_connection(struct client *client)
{
	if (client->connection == NULL)
		return;
	dbus_connection_close(client->connection);
	dbus_connection_unref(client->connection);
	client->connection = NULL;
}

/* A bus that was started again has another GUID, and libdbus refuses one that is not as the address
   says. To be freed. */
static char *without_guid(const char *address)
{
	char *text = strdup(address), *guid;

	if (text == NULL)
		out_of_memory();
	while ((guid = strstr(text, ",guid=")) != NULL) {
		size_t size = 1 + strcspn(guid + 1, ",;");

		memmove(guid, guid + size, strlen(guid + size) + 1);
	}
	return text;
}

/* The address that libdbus takes for this bus, or NULL when only it knows. */
static const char *address_of(const char *bus)
{
	if (strcmp(bus, "system") == 0)
		return getenv("DBUS_SYSTEM_BUS_ADDRESS");
	if (strcmp(bus, "session") == 0)
		return getenv("DBUS_SESSION_BUS_ADDRESS");
	return bus;
}

bool client_reopen(struct client *client, const char *const *rules)
{
	const char *known = address_of(client->bus);
	CLEANUP(free_text) char *address = without_guid(known != NULL ? known : client->bus);
	DBusError error = DBUS_ERROR_INIT;

	drop_connection(client);
	client->connection = connect_to(address, &client->peer, &error);
	if (client->connection != NULL)
		dbus_connection_set_exit_on_disconnect(client->connection, FALSE);
	for (; client->connection != NULL && !client->peer && *rules != NULL &&
	       !dbus_error_is_set(&error);
	     rules++)
		dbus_bus_add_match(client->connection, *rules, &error);
	if (!dbus_error_is_set(&error))
		return true;
	dbus_error_free(&error);
	drop_connection(client);
	return false;
}

void client_close(struct client *client)
{
	drop_connection(client);
	dbus_shutdown();
}

DBusMessage *client_new_call(const char *path, const char *interface, const char *method)
{
	DBusMessage *call = dbus_message_new_method_call(DAEMON_NAME, path, interface, method);

	if (call == NULL)
		out_of_memory();
	return call;
}

DBusMessage *client_new_manager_call(const char *method, int first_type, ...)
{
	DBusMessage *call = client_new_call(DAEMON_ROOT, DAEMON_MANAGER, method);
	va_list arguments;

	va_start(arguments, first_type);
	if (!dbus_message_append_args_valist(call, first_type, arguments))
		out_of_memory();
	va_end(arguments);
	return call;
}

DBusMessage *client_new_get_all(const char *path, const char *interface)
{
	DBusMessage *call = client_new_call(path, DBUS_INTERFACE_PROPERTIES, "GetAll");

	if (!dbus_message_append_args(call, DBUS_TYPE_STRING, &interface, DBUS_TYPE_INVALID))
		out_of_memory();
	return call;
}

bool client_try(struct client *client, DBusMessage *call, int timeout_ms, const char *signature,
		DBusMessage **ret_reply, DBusError *error)
{
	DBusMessage *reply = dbus_connection_send_with_reply_and_block(client->connection, call,
								       timeout_ms, error);

	if (reply != NULL && !dbus_message_has_signature(reply, signature)) {
		dbus_set_error(error, DBUS_ERROR_INVALID_SIGNATURE,
			       "%s answered '%s' where '%s' is agreed; "
			       "straitd and straitctl are of different versions",
			       dbus_message_get_member(call), dbus_message_get_signature(reply),
			       signature);
		dbus_message_unref(reply);
		reply = NULL;
	}
	dbus_message_unref(call);
	if (reply == NULL)
		return false;
	*ret_reply = reply;
	return true;
}

static void tell_how_to_start(const char *bus)
{
	if (strcmp(bus, "system") == 0)
		fputs("straitctl: straitd is not running on the system bus; start it with "
		      "'systemctl start straitd', or 'straitd --session' and ask with --bus "
		      "session\n",
		      stderr);
	else if (strcmp(bus, "session") == 0)
		fputs("straitctl: straitd is not running on the session bus; start it with "
		      "'straitd --session'\n",
		      stderr);
	else
		fprintf(stderr,
			"straitctl: straitd is not running on the bus at '%s'; "
			"start it with \"straitd --bus '%s'\"\n",
			bus, bus);
}

static bool daemon_is_there(struct client *client)
{
	return dbus_connection_get_is_connected(client->connection) &&
	       (client->peer || dbus_bus_name_has_owner(client->connection, DAEMON_NAME, NULL));
}

enum exit_code client_complain(struct client *client, DBusError *error)
{
	enum exit_code code = EXIT_FAILED;

	if (dbus_error_has_name(error, DBUS_ERROR_SERVICE_UNKNOWN) ||
	    dbus_error_has_name(error, DBUS_ERROR_NAME_HAS_NO_OWNER) ||
	    dbus_error_has_name(error, DBUS_ERROR_DISCONNECTED) || !daemon_is_there(client)) {
		tell_how_to_start(client->bus);
		code = EXIT_NO_DAEMON;
		if (strncmp(error->name, "org.freedesktop.DBus.Error.Spawn.", 33) == 0)
			fprintf(stderr, "straitctl: the bus tried to start it: %s\n",
				error->message);
	} else if (strncmp(error->name, DAEMON_ERROR "NoSuch", strlen(DAEMON_ERROR "NoSuch")) ==
		   0) {
		fprintf(stderr, "straitctl: %s\n", error->message);
		code = EXIT_NO_SUCH;
	} else if (dbus_error_has_name(error, DBUS_ERROR_NO_REPLY)) {
		fputs("straitctl: straitd is there but did not answer in time; 'journalctl -u "
		      "straitd' may say why\n",
		      stderr);
	} else if (dbus_error_has_name(error, DBUS_ERROR_ACCESS_DENIED)) {
		fprintf(stderr,
			"straitctl: %s; this needs root or membership of the group 'straitd'\n",
			error->message);
	} else {
		fprintf(stderr, "straitctl: %s\n", error->message);
	}
	dbus_error_free(error);
	return code;
}

enum exit_code client_call(struct client *client, DBusMessage *call, const char *signature,
			   DBusMessage **ret_reply)
{
	DBusError error = DBUS_ERROR_INIT;

	if (client_try(client, call, DBUS_TIMEOUT_USE_DEFAULT, signature, ret_reply, &error))
		return EXIT_GOOD;
	return client_complain(client, &error);
}

enum exit_code client_match(struct client *client, const char *rule)
{
	DBusError error = DBUS_ERROR_INIT;

	if (client->peer)
		return EXIT_GOOD; /* a peer gets every signal */
	dbus_bus_add_match(client->connection, rule, &error);
	if (!dbus_error_is_set(&error))
		return EXIT_GOOD;
	return client_complain(client, &error);
}

/* What is in the queue, or CLIENT_TIMEOUT. */
static enum client_news take_message(struct client *client, DBusMessage **ret_message)
{
	DBusMessage *message = dbus_connection_pop_message(client->connection);

	if (message == NULL)
		return dbus_connection_get_is_connected(client->connection) ? CLIENT_TIMEOUT
									    : CLIENT_GONE;
	if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected")) {
		dbus_message_unref(message);
		return CLIENT_GONE;
	}
	*ret_message = message;
	return CLIENT_MESSAGE;
}

enum client_news client_wait(struct client *client, int timeout_ms, DBusMessage **ret_message)
{
	struct pollfd fds[] = { { .fd = -1, .events = POLLIN },
				{ .fd = client->interrupt_fd, .events = POLLIN } };

	(void)dbus_connection_get_unix_fd(client->connection, &fds[0].fd); /* false: -1 stays */
	for (;;) {
		enum client_news news;

		/* Without waiting: libdbus would not tell of interrupt_fd. */
		(void)dbus_connection_read_write(client->connection, 0);
		news = take_message(client, ret_message);
		if (news != CLIENT_TIMEOUT)
			return news;
		if (poll(fds, 2, timeout_ms) == 0)
			return CLIENT_TIMEOUT;
		if (fds[1].revents != 0)
			return CLIENT_INTERRUPTED;
	}
}

bool client_figure_path(const char *name, char path[OBJECT_PATH_MAX])
{
	static const char prefix[] = DAEMON_ROOT "/figure/";
	size_t used = sizeof(prefix) - 1;

	memcpy(path, prefix, used);
	for (size_t i = 0; name[i] != '\0'; i++) {
		unsigned char c = (unsigned char)name[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9' && i > 0);

		if (used + 4 > OBJECT_PATH_MAX)
			return false;
		if (plain)
			path[used++] = (char)c;
		else
			used += (size_t)snprintf(path + used, OBJECT_PATH_MAX - used, "_%02x", c);
	}
	if (used == sizeof(prefix) - 1)
		path[used++] = '_';
	path[used] = '\0';
	return true;
}

bool message_read(DBusMessageIter *iterator, const char *types, ...)
{
	bool good = true;
	va_list arguments;

	va_start(arguments, types);
	for (const char *type = types; *type != '\0' && good; type++) {
		int there = dbus_message_iter_get_arg_type(iterator);

		if (*type == '-')
			good = there != DBUS_TYPE_INVALID;
		else if (there == *type)
			dbus_message_iter_get_basic(iterator, va_arg(arguments, void *));
		else
			good = false;
		(void)dbus_message_iter_next(
			iterator); /* false at the end: the next round sees INVALID */
	}
	va_end(arguments);
	return good;
}

static void take_property(const char *name, DBusMessageIter *value,
			  const struct property_slot *slots, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(name, slots[i].name) == 0 &&
		    dbus_message_iter_get_arg_type(value) == slots[i].type)
			dbus_message_iter_get_basic(value, slots[i].ret_value);
	}
}

bool properties_read(DBusMessageIter *iterator, const struct property_slot *slots, size_t count)
{
	DBusMessageIter entries;

	if (dbus_message_iter_get_arg_type(iterator) != DBUS_TYPE_ARRAY ||
	    dbus_message_iter_get_element_type(iterator) != DBUS_TYPE_DICT_ENTRY)
		return false;
	dbus_message_iter_recurse(iterator, &entries);
	for (; dbus_message_iter_get_arg_type(&entries) == DBUS_TYPE_DICT_ENTRY;
	     (void)dbus_message_iter_next(&entries)) {
		DBusMessageIter entry, value;
		const char *name;

		dbus_message_iter_recurse(&entries, &entry);
		if (!message_read(&entry, "s", &name) ||
		    dbus_message_iter_get_arg_type(&entry) != DBUS_TYPE_VARIANT)
			return false;
		dbus_message_iter_recurse(&entry, &value);
		take_property(name, &value, slots, count);
	}
	return true;
}
