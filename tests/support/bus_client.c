/* SPDX-License-Identifier: MIT
 *
 * bus_client.c - owns the client's connection and what arrived on it. Test programs only.
 * Invariant: no wait is without a deadline, and none waits for the service without turning its
 * loop.
 */
#include "bus_client.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "clock.h"

#define TEXT_MAX 65536

static DBusHandlerResult on_message(DBusConnection *connection, DBusMessage *message, void *data)
{
	struct bus_client *client = data;
	const char *sender = dbus_message_get_sender(message);

	(void)connection;
	if (dbus_message_get_type(message) != DBUS_MESSAGE_TYPE_SIGNAL || !sender ||
	    !strcmp(sender, DBUS_SERVICE_DBUS))
		return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
	ck_assert_uint_lt(client->signal_count, BUS_CLIENT_SIGNALS_MAX);
	client->signals[client->signal_count++] = dbus_message_ref(message);
	return DBUS_HANDLER_RESULT_HANDLED;
}

void bus_client_open(struct bus_client *client, struct event_base *base, const char *address,
		     const char *service)
{
	DBusError error = DBUS_ERROR_INIT;

	*client = (struct bus_client){ .base = base, .service = service };
	client->connection = dbus_connection_open_private(address, &error);
	ck_assert_msg(client->connection && dbus_bus_register(client->connection, &error), "%s",
		      error.message);
	dbus_connection_set_exit_on_disconnect(client->connection, FALSE);
	ck_assert(dbus_connection_add_filter(client->connection, on_message, client, NULL));
}

void bus_client_forget(struct bus_client *client)
{
	while (client->signal_count)
		dbus_message_unref(client->signals[--client->signal_count]);
}

void bus_client_close(struct bus_client *client)
{
	if (!client->connection)
		return;
	bus_client_forget(client);
	dbus_connection_remove_filter(client->connection, on_message, client);
	dbus_connection_close(client->connection);
	dbus_connection_unref(client->connection);
	client->connection = NULL;
}

void bus_client_subscribe(struct bus_client *client)
{
	DBusError error = DBUS_ERROR_INIT;
	char rule[256];

	(void)snprintf(rule, sizeof(rule), "type='signal',sender='%s'", client->service);
	dbus_bus_add_match(client->connection, rule, &error);
	ck_assert_msg(!dbus_error_is_set(&error), "%s", error.message);
}

void bus_client_turn(struct bus_client *client)
{
	if (client->base)
		ck_assert_int_ge(event_base_loop(client->base, EVLOOP_NONBLOCK), 0);
	(void)dbus_connection_read_write(client->connection, 1);
	while (dbus_connection_dispatch(client->connection) == DBUS_DISPATCH_DATA_REMAINS)
		;
}

DBusMessage *bus_client_ask(struct bus_client *client, DBusMessage *message)
{
	int64_t deadline = clock_monotonic_ms() + BUS_CLIENT_DEADLINE_MS;
	DBusPendingCall *pending = NULL;
	DBusMessage *reply;

	ck_assert(dbus_connection_send_with_reply(client->connection, message, &pending, -1) &&
		  pending);
	dbus_message_unref(message);
	while (!dbus_pending_call_get_completed(pending)) {
		ck_assert_msg(clock_monotonic_ms() < deadline, "no reply within %d ms",
			      BUS_CLIENT_DEADLINE_MS);
		bus_client_turn(client);
	}
	reply = dbus_pending_call_steal_reply(pending);
	dbus_pending_call_unref(pending);
	ck_assert_ptr_nonnull(reply);
	return reply;
}

void bus_client_settle(struct bus_client *client)
{
	/* two turns: what the first one arms with no delay fires in the second */
	bus_client_turn(client);
	bus_client_turn(client);
	dbus_message_unref(bus_client_ask(
		client, bus_client_message(client, "/", DBUS_INTERFACE_PEER, "Ping", "", NULL)));
	bus_client_turn(client);
}

static bool is_wanted(DBusMessage *message, const char *path, const char *name)
{
	return (!path || dbus_message_has_path(message, path)) &&
	       dbus_message_has_member(message, name);
}

size_t bus_client_count(const struct bus_client *client, const char *path, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < client->signal_count; i++)
		count += is_wanted(client->signals[i], path, name);
	return count;
}

DBusMessage *bus_client_wait(struct bus_client *client, const char *path, const char *name,
			     size_t at)
{
	int64_t deadline = clock_monotonic_ms() + BUS_CLIENT_DEADLINE_MS;

	while (bus_client_count(client, path, name) <= at) {
		ck_assert_msg(clock_monotonic_ms() < deadline, "no signal %s within %d ms", name,
			      BUS_CLIENT_DEADLINE_MS);
		bus_client_turn(client);
	}
	for (size_t i = 0;; i++) {
		if (is_wanted(client->signals[i], path, name) && at-- == 0)
			return client->signals[i];
	}
}

/* ── arguments from text ───────────────────────────────────────────────────────────────────── */

static void append_list(DBusMessageIter *to, const char *element, const char *text)
{
	DBusMessageIter array, entry;
	char *copy = strdup(text), *rest = copy, *item;

	ck_assert_ptr_nonnull(copy);
	ck_assert(dbus_message_iter_open_container(to, DBUS_TYPE_ARRAY, element, &array));
	while (*text && (item = strsep(&rest, ","))) {
		const char *key = item, *value = strchr(item, '=');

		if (*element == 's') {
			ck_assert(dbus_message_iter_append_basic(&array, DBUS_TYPE_STRING, &key));
			continue;
		}
		ck_assert_ptr_nonnull(value);
		item[value++ - item] = '\0';
		ck_assert(dbus_message_iter_open_container(&array, DBUS_TYPE_DICT_ENTRY, NULL,
							   &entry));
		ck_assert(dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key));
		ck_assert(dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &value));
		ck_assert(dbus_message_iter_close_container(&array, &entry));
	}
	ck_assert(dbus_message_iter_close_container(to, &array));
	free(copy);
}

static void append_argument(DBusMessageIter *to, const char *type, const char *text)
{
	DBusMessageIter variant;
	dbus_int64_t i64;
	dbus_uint64_t u64;
	dbus_uint32_t u32;

	switch (*type) {
	case 's':
	case 'o':
		ck_assert(dbus_message_iter_append_basic(to, *type, &text));
		break;
	case 'x':
		i64 = strtoll(text, NULL, 10);
		ck_assert(dbus_message_iter_append_basic(to, *type, &i64));
		break;
	case 't':
		u64 = strtoull(text, NULL, 10);
		ck_assert(dbus_message_iter_append_basic(to, *type, &u64));
		break;
	case 'u':
		u32 = (dbus_uint32_t)strtoul(text, NULL, 10);
		ck_assert(dbus_message_iter_append_basic(to, *type, &u32));
		break;
	case 'v':
		ck_assert(dbus_message_iter_open_container(to, 'v', "s", &variant));
		ck_assert(dbus_message_iter_append_basic(&variant, 's', &text));
		ck_assert(dbus_message_iter_close_container(to, &variant));
		break;
	case 'a':
		append_list(to, type + 1, text);
		break;
	default:
		ck_abort_msg("no argument of type %s in tests", type);
	}
}

DBusMessage *bus_client_message(const struct bus_client *client, const char *path,
				const char *interface, const char *member, const char *signature,
				const char *const *arguments)
{
	DBusMessage *message =
		dbus_message_new_method_call(client->service, path, interface, member);
	DBusSignatureIter types;
	DBusMessageIter to;

	ck_assert_ptr_nonnull(message);
	if (!*signature)
		return message;
	dbus_message_iter_init_append(message, &to);
	dbus_signature_iter_init(&types, signature);
	do {
		char *type = dbus_signature_iter_get_signature(&types);

		append_argument(&to, type, *arguments++);
		dbus_free(type);
	} while (dbus_signature_iter_next(&types));
	return message;
}

/* ── text from arguments ───────────────────────────────────────────────────────────────────── */

struct text {
	char *data;
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(text->data + text->used, TEXT_MAX - text->used, format, arguments);
	va_end(arguments);
	text->used += (size_t)size;
	ck_assert_uint_lt(text->used, TEXT_MAX);
}

static void describe(struct text *text, DBusMessageIter *iter, const char *separator);

static void describe_inside(struct text *text, DBusMessageIter *iter, const char *open,
			    const char *separator, const char *close)
{
	DBusMessageIter inside;

	dbus_message_iter_recurse(iter, &inside);
	add(text, "%s", open);
	describe(text, &inside, separator);
	add(text, "%s", close);
}

static void describe_basic(struct text *text, DBusMessageIter *iter, int type)
{
	DBusBasicValue value;

	dbus_message_iter_get_basic(iter, &value);
	switch (type) {
	case DBUS_TYPE_STRING:
	case DBUS_TYPE_OBJECT_PATH:
		add(text, "'%s'", value.str);
		break;
	case DBUS_TYPE_DOUBLE:
		add(text, "%.15g", value.dbl);
		break;
	case DBUS_TYPE_BOOLEAN:
		add(text, "%s", value.bool_val ? "true" : "false");
		break;
	case DBUS_TYPE_UINT32:
		add(text, "%" PRIu32, value.u32);
		break;
	case DBUS_TYPE_INT64:
		add(text, "%" PRId64, (int64_t)value.i64);
		break;
	case DBUS_TYPE_UINT64:
		add(text, "%" PRIu64, (uint64_t)value.u64);
		break;
	case DBUS_TYPE_BYTE:
		add(text, "%c", value.byt);
		break;
	case DBUS_TYPE_UNIX_FD:
		add(text, "fd");
		(void)close(value.fd);
		break;
	default:
		add(text, "<%c>", type);
	}
}

static void describe(struct text *text, DBusMessageIter *iter, const char *separator)
{
	int type;

	for (bool first = true; (type = dbus_message_iter_get_arg_type(iter)) != DBUS_TYPE_INVALID;
	     first = false, (void)dbus_message_iter_next(iter)) {
		if (!first)
			add(text, "%s", separator);
		if (type == DBUS_TYPE_STRUCT)
			describe_inside(text, iter, "(", " ", ")");
		else if (type == DBUS_TYPE_DICT_ENTRY)
			describe_inside(text, iter, "", ": ", "");
		else if (type == DBUS_TYPE_VARIANT)
			describe_inside(text, iter, "<", "", ">");
		else if (type != DBUS_TYPE_ARRAY)
			describe_basic(text, iter, type);
		else if (dbus_message_iter_get_element_type(iter) == DBUS_TYPE_DICT_ENTRY)
			describe_inside(text, iter, "{", ", ", "}");
		else if (dbus_message_iter_get_element_type(iter) == DBUS_TYPE_BYTE)
			describe_inside(text, iter, "[", "", "]");
		else
			describe_inside(text, iter, "[", " ", "]");
	}
}

const char *bus_client_text(DBusMessage *message)
{
	static char buffer[TEXT_MAX];
	struct text text = { .data = buffer };
	DBusMessageIter iter;

	buffer[0] = '\0';
	if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_ERROR) {
		add(&text, "!%s", dbus_message_get_error_name(message));
		return buffer;
	}
	if (dbus_message_iter_init(message, &iter))
		describe(&text, &iter, " ");
	return buffer;
}
