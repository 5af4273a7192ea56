/* SPDX-License-Identifier: MIT
 *
 * bus_object.c - owns dispatch: from the path, interface, member and signature of a call to the
 * handler in the tables, and from its result to the one reply. Main only.
 *
 * Calls arrive through a connection filter and not through libdbus's object tree: the tree would
 * take every path apart with an allocation an element, and answers an unknown object as an unknown
 * method. org.freedesktop.DBus.Peer calls that name their interface never get here: libdbus answers
 * them before it asks filters.
 *
 * Invariant: every call is answered exactly once (or never, when the caller wants no reply). Must
 * never block, and never tell libdbus that memory is missing (it would put the message back and
 * spin).
 */
#include "bus_object.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bus_private.h"
#include "log.h"

/* ── replies ───────────────────────────────────────────────────────────────────────────────── */

bool bus_object_reply(const struct bus_call *call, DBusMessage *reply)
{
	return call->connection == call->bus->connection
		       ? bus_send(call->bus, reply)
		       : dbus_connection_send(call->connection, reply, NULL);
}

static bool try_error(const struct bus_call *call, const char *name, const char *text)
{
	DBusMessage *reply = dbus_message_new_error(call->message, name, NULL);
	struct bus_writer writer;
	bool sent;

	if (!reply)
		return false;
	bus_writer_init(&writer, reply);
	bus_put_text(&writer, text); /* may quote the caller, cut anywhere */
	sent = bus_writer_done(&writer) && bus_object_reply(call, reply);
	dbus_message_unref(reply);
	return sent;
}

static void reply_error(const struct bus_call *call, const char *name, const char *text)
{
	struct bus *bus = call->bus;

	if (dbus_message_get_no_reply(call->message) || try_error(call, name, text))
		return;
	if (bus_peers_has(bus->peers, call->connection)) { /* ends that one only */
		dbus_connection_close(call->connection);
		return;
	}
	/* no memory for the error: give up the spare, a caller without an answer would hang */
	free(bus->spare);
	bus->spare = NULL;
	if (!try_error(call, DBUS_ERROR_NO_MEMORY, "straitd is out of memory; try again later"))
		bus_lost(bus, "no memory to answer a D-Bus call, not even with an error");
	bus->spare = malloc(BUS_SPARE_BYTES);
}

__attribute__((format(printf, 3, 4))) static void
reply_refusal(const struct bus_call *call, const char *name, const char *format, ...)
{
	char text[FAULT_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments); /* cut is fine */
	va_end(arguments);
	reply_error(call, name, text);
}

static void reply_fault(const struct bus_call *call, const struct fault *fault)
{
	reply_error(call, bus_error_name(fault->kind), fault->text);
}

/* ── which object ──────────────────────────────────────────────────────────────────────────── */

static bool is_ancestor(const char *path)
{
	size_t size = strlen(path);

	if (!strcmp(path, "/"))
		return true;
	return !strncmp(path, BUS_ROOT, size) && BUS_ROOT[size] == '/';
}

static bool read_name(const struct bus_kind *kind, const char *element, char name[FIGURE_NAME_MAX])
{
	size_t size = strlen(element);

	if (!kind->numbered)
		return bus_path_unescape(element, name, FIGURE_NAME_MAX);
	if (size >= FIGURE_NAME_MAX)
		return false;
	memcpy(name, element, size + 1);
	return true;
}

static enum bus_place resolve(struct bus *bus, const char *path, struct bus_subject *ret_subject)
{
	const size_t root_size = sizeof(BUS_ROOT) - 1;
	const char *rest;

	ret_subject->bus = bus;
	ret_subject->path = path;
	ret_subject->kind = NULL;
	ret_subject->name = "";
	if (strncmp(path, BUS_ROOT, root_size) != 0)
		return is_ancestor(path) ? BUS_PLACE_ANCESTOR : BUS_PLACE_NOWHERE;
	rest = path + root_size;
	ret_subject->kind = &bus_kinds[BUS_KIND_ROOT];
	if (!*rest)
		return BUS_PLACE_OBJECT;
	if (*rest++ != '/')
		return BUS_PLACE_NOWHERE;
	for (int id = BUS_KIND_ROOT + 1; id < BUS_KINDS; id++) {
		const struct bus_kind *kind = &bus_kinds[id];
		size_t size = strlen(kind->folder);

		if (strncmp(rest, kind->folder, size) != 0)
			continue;
		ret_subject->kind = kind;
		if (!rest[size])
			return BUS_PLACE_FOLDER;
		if (rest[size] == '/' && read_name(kind, rest + size + 1, ret_subject->text) &&
		    kind->find(bus, ret_subject->text, ret_subject))
			return BUS_PLACE_OBJECT;
	}
	return BUS_PLACE_NOWHERE;
}

bool bus_subject_path(const struct bus_subject *subject, char buffer[BUS_PATH_MAX])
{
	size_t used, size;

	memcpy(buffer, BUS_ROOT, sizeof(BUS_ROOT));
	if (!subject->kind->folder)
		return true;
	used = (size_t)snprintf(buffer, BUS_PATH_MAX, BUS_ROOT "/%s/", subject->kind->folder);
	if (!subject->kind->numbered)
		return bus_path_escape(subject->name, buffer + used, BUS_PATH_MAX - used);
	size = strlen(subject->name);
	if (used + size >= BUS_PATH_MAX)
		return false;
	memcpy(buffer + used, subject->name, size + 1);
	return true;
}

/* ── which method ──────────────────────────────────────────────────────────────────────────── */

const struct bus_interface *bus_subject_interface(const struct bus_subject *subject, size_t index)
{
	static const struct bus_interface *const common[] = { &bus_introspectable_interface,
							      &bus_peer_interface };
	const size_t common_count = sizeof(common) / sizeof(common[0]);

	if (subject->place == BUS_PLACE_OBJECT) {
		if (index == 0)
			return subject->kind->interface;
		if (index == 1)
			return &bus_properties_interface;
		index -= 2;
	}
	if (index < common_count)
		return common[index];
	if (index == common_count && subject->place == BUS_PLACE_OBJECT && subject->kind->managed)
		return &bus_object_manager_interface;
	return NULL;
}

static const struct bus_method *method_of(const struct bus_interface *interface, const char *member)
{
	for (const struct bus_method *method = interface->methods; method && method->name;
	     method++) {
		if (!strcmp(method->name, member))
			return method;
	}
	return NULL;
}

/* Sends the refusal and returns NULL when there is no such method. */
static const struct bus_method *find_method(const struct bus_call *call)
{
	const struct bus_subject *subject = call->subject;
	DBusMessage *message = call->message;
	const char *wanted = dbus_message_get_interface(message);
	const char *member = dbus_message_get_member(message);
	const struct bus_interface *interface;
	bool seen = false;

	for (size_t i = 0; (interface = bus_subject_interface(subject, i)); i++) {
		const struct bus_method *method;

		if (wanted && strcmp(wanted, interface->name) != 0) /* it may be left out */
			continue;
		seen = true;
		method = method_of(interface, member);
		if (method)
			return method;
	}
	if (!seen)
		reply_refusal(
			call, DBUS_ERROR_UNKNOWN_INTERFACE,
			"the object %.128s has no interface '%.128s'; 'busctl introspect " BUS_NAME
			" %.128s' lists those it has",
			dbus_message_get_path(message), wanted, dbus_message_get_path(message));
	else
		reply_refusal(call, DBUS_ERROR_UNKNOWN_METHOD,
			      "the object %.128s has no method '%.128s'%s%.128s; 'busctl "
			      "introspect " BUS_NAME " %.128s' lists those it has",
			      dbus_message_get_path(message), member,
			      wanted ? " in the interface " : "", wanted ? wanted : "",
			      dbus_message_get_path(message));
	return NULL;
}

/* ── the call ──────────────────────────────────────────────────────────────────────────────── */

static void run(struct bus_call *call, const struct bus_method *method)
{
	/* made first: a method must not take effect and then have no memory to say so */
	DBusMessage *reply = dbus_message_new_method_return(call->message);
	struct fault fault;
	int result;

	fault.kind = FAULT_NONE; /* the text is half a kilobyte: not cleared for every call */
	fault.text[0] = '\0';
	if (!reply) {
		(void)fault_set(&fault, FAULT_MEMORY, "straitd is out of memory; try again later");
		reply_fault(call, &fault);
		return;
	}
	(void)dbus_message_iter_init(call->message, &call->arguments); /* FALSE = no arguments */
	bus_writer_init(&call->reply, reply);
	result = method->call(call, &fault);
	if (result < 0)
		call->reply.failed = true; /* abandons what is half built */
	if (!bus_writer_done(&call->reply)) {
		if (result == 0)
			(void)fault_set(&fault, FAULT_MEMORY,
					"no memory for the reply of %s; ask for less",
					method->name);
		reply_error(call, call->error ? call->error : bus_error_name(fault.kind),
			    fault.text);
	} else if (!dbus_message_get_no_reply(call->message) && !bus_object_reply(call, reply)) {
		reply_error(call, DBUS_ERROR_NO_MEMORY,
			    "no memory to send the reply; ask for less, or later");
	}
	dbus_message_unref(reply);
}

/* Sends the refusal itself; false when there is nothing more to do. */
static bool resolve_or_refuse(struct bus_call *call, struct bus_subject *ret_subject)
{
	const char *path = dbus_message_get_path(call->message);

	ret_subject->place = resolve(call->bus, path, ret_subject);
	call->subject = ret_subject;
	if (ret_subject->place != BUS_PLACE_NOWHERE)
		return true;
	reply_refusal(call, DBUS_ERROR_UNKNOWN_OBJECT,
		      "there is no object %.256s; 'busctl tree " BUS_NAME "' lists those there are",
		      path);
	return false;
}

static void call_init(struct bus_call *call, struct bus *bus, DBusConnection *connection,
		      DBusMessage *message)
{
	call->bus = bus;
	call->connection = connection;
	call->message = message;
	call->subject = NULL;
	call->error = NULL;
}

void bus_object_call(struct bus *bus, DBusConnection *connection, DBusMessage *message)
{
	struct bus_subject subject;
	const struct bus_method *method;
	struct bus_call call;

	call_init(&call, bus, connection, message);
	if (bus_replies_answer(bus->replies, &call))
		return;
	if (!resolve_or_refuse(&call, &subject))
		return;
	method = find_method(&call);
	if (!method)
		return;
	if (!dbus_message_has_signature(message, method->in))
		reply_refusal(&call, DBUS_ERROR_INVALID_ARGS,
			      "%s takes arguments of signature '%s'%s%s%s, not '%.128s'",
			      method->name, method->in, *method->in ? " (" : "",
			      *method->in ? method->in_names : "", *method->in ? ")" : "",
			      dbus_message_get_signature(message));
	else if (method->privileged)
		bus_access_check(bus->access, connection, message, method);
	else
		run(&call, method);
}

void bus_object_resume(struct bus *bus, DBusConnection *connection, DBusMessage *message,
		       const struct bus_method *method, const struct fault *denied)
{
	struct bus_subject subject;
	struct bus_call call;

	call_init(&call, bus, connection, message);
	if (denied)
		reply_fault(&call, denied);
	else if (resolve_or_refuse(&call, &subject)) /* it may be gone by now */
		run(&call, method);
}
