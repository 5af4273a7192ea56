/* SPDX-License-Identifier: MIT
 *
 * bus_access.c - owns the question who a caller is. Main only. The bus policy (conf/dbus) refuses
 * most already; this check also holds on a session or private bus, and where an admin's policy is
 * wider than ours.
 *
 * Allowed: uid 0, our own uid, members of the group BUS_GROUP (by the group list that the kernel
 * gave the caller's connection, which the bus passes on as UnixGroupIDs). The bus is asked by a
 * pending call, so nothing waits; the name service is asked once, at start, for the number of the
 * group.
 *
 * Invariant: each query resumes its call exactly once, or is dropped with the connection. When in
 * doubt the answer is no.
 */
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <unistd.h>

#include "bus_private.h"
#include "log.h"

static const char denied_text[] =
	"%s is for root and members of the group '" BUS_GROUP "'; run it as one of them";

struct query {
	LIST_ENTRY(query) link;
	struct bus_access *access;
	DBusConnection *connection; /* the call came on */
	DBusMessage *message;
	const struct bus_method *method;
	DBusPendingCall *pending;
};

struct bus_access {
	struct bus *bus;
	LIST_HEAD(, query) queries;
	unsigned int count;
	bool has_group;
	gid_t group;
};

static struct query *query_free(struct query *query)
{
	LIST_REMOVE(query, link);
	query->access->count--;
	if (query->pending) {
		dbus_pending_call_cancel(query->pending);
		dbus_pending_call_unref(query->pending);
	}
	dbus_message_unref(query->message);
	dbus_connection_unref(query->connection);
	free(query);
	return NULL;
}

static bool group_is_ours(const struct bus_access *access, DBusMessageIter *value)
{
	DBusMessageIter groups;

	if (dbus_message_iter_get_arg_type(value) != DBUS_TYPE_ARRAY ||
	    dbus_message_iter_get_element_type(value) != DBUS_TYPE_UINT32)
		return false;
	dbus_message_iter_recurse(value, &groups);
	while (dbus_message_iter_get_arg_type(&groups) == DBUS_TYPE_UINT32) {
		if (bus_take_u32(&groups) == access->group)
			return true;
	}
	return false;
}

/* a{sv} of GetConnectionCredentials (D-Bus specification, "Message Bus Messages"). */
static bool is_allowed(const struct bus_access *access, DBusMessage *credentials)
{
	DBusMessageIter arguments, entries, entry, value;
	bool allowed = false;

	if (!dbus_message_has_signature(credentials, "a{sv}"))
		return false;
	(void)dbus_message_iter_init(credentials, &arguments); /* has one argument */
	dbus_message_iter_recurse(&arguments, &entries);
	for (; dbus_message_iter_get_arg_type(&entries) == DBUS_TYPE_DICT_ENTRY;
	     (void)dbus_message_iter_next(&entries)) {
		const char *key;

		dbus_message_iter_recurse(&entries, &entry);
		key = bus_take_text(&entry);
		dbus_message_iter_recurse(&entry, &value);
		if (!strcmp(key, "UnixUserID") &&
		    dbus_message_iter_get_arg_type(&value) == DBUS_TYPE_UINT32) {
			uint32_t uid = bus_take_u32(&value);

			allowed = allowed || uid == 0 || uid == geteuid();
		} else if (!strcmp(key, "UnixGroupIDs") && access->has_group) {
			allowed = allowed || group_is_ours(access, &value);
		}
	}
	return allowed;
}

static void on_credentials(DBusPendingCall *pending, void *data)
{
	struct query *query = data;
	struct bus *bus = query->access->bus;
	DBusMessage *reply = dbus_pending_call_steal_reply(pending);
	bool known = reply && dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_METHOD_RETURN;
	struct fault denied;

	if (known && is_allowed(query->access, reply)) {
		bus_object_resume(bus, query->connection, query->message, query->method,
				  /* denied= */ NULL);
	} else {
		(void)fault_set(&denied, FAULT_ACCESS_DENIED,
				known ? denied_text
				      : "%s is for root and members of the group '" BUS_GROUP
					"', and the bus does "
					"not "
					"say who you are; try again",
				query->method->name);
		bus_object_resume(bus, query->connection, query->message, query->method, &denied);
	}
	if (reply)
		dbus_message_unref(reply);
	(void)query_free(query);
}

/* false when out of memory; the query is then untouched. */
static bool ask(struct query *query, const char *sender)
{
	DBusMessage *question = dbus_message_new_method_call(
		DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "GetConnectionCredentials");
	struct bus_writer writer;
	bool asked;

	if (!question)
		return false;
	bus_writer_init(&writer, question);
	bus_put_text(&writer, sender);
	asked = bus_writer_done(&writer) &&
		dbus_connection_send_with_reply(query->connection, question, &query->pending,
						BUS_CALL_TIMEOUT_MS) &&
		query->pending; /* NULL also when the connection is gone */
	dbus_message_unref(question);
	return asked && dbus_pending_call_set_notify(query->pending, on_credentials, query, NULL);
}

/* Nobody need be asked: the kernel has said who it is. */
static void check_peer(struct bus_access *access, DBusConnection *connection, DBusMessage *message,
		       const struct bus_method *method)
{
	struct bus *bus = access->bus;
	struct fault denied;

	if (bus_peers_may(bus->peers, connection, access->has_group ? &access->group : NULL)) {
		bus_object_resume(bus, connection, message, method, /* denied= */ NULL);
		return;
	}
	(void)fault_set(&denied, FAULT_ACCESS_DENIED, denied_text, method->name);
	bus_object_resume(bus, connection, message, method, &denied);
}

void bus_access_check(struct bus_access *access, DBusConnection *connection, DBusMessage *message,
		      const struct bus_method *method)
{
	const char *sender = dbus_message_get_sender(message);
	struct fault denied;
	struct query *query;

	if (bus_peers_has(access->bus->peers, connection)) {
		check_peer(access, connection, message, method);
		return;
	}
	if (access->count == BUS_ACCESS_PENDING_MAX) {
		(void)fault_set(
			&denied, FAULT_BUSY,
			"%u privileged calls are waiting to be checked; try again in a second",
			BUS_ACCESS_PENDING_MAX);
		bus_object_resume(access->bus, connection, message, method, &denied);
		return;
	}
	query = calloc(1, sizeof(*query));
	if (query) {
		query->access = access;
		query->connection = dbus_connection_ref(connection);
		query->message = dbus_message_ref(message);
		query->method = method;
		LIST_INSERT_HEAD(&access->queries, query, link);
		access->count++;
		if (sender && ask(query, sender))
			return;
		(void)query_free(query);
	}
	(void)fault_set(&denied, sender ? FAULT_MEMORY : FAULT_ACCESS_DENIED,
			sender ? "no memory to ask the bus who calls %s; try again later"
			       : "%s came without a sender; call it over a message bus",
			method->name);
	bus_object_resume(access->bus, connection, message, method, &denied);
}

void bus_access_drop(struct bus_access *access, const DBusConnection *connection)
{
	struct query *query = LIST_FIRST(&access->queries);

	while (query) {
		struct query *next = LIST_NEXT(query, link);

		if (query->connection == connection)
			(void)query_free(query);
		query = next;
	}
}

struct bus_access *bus_access_free(struct bus_access *access)
{
	if (!access)
		return NULL;
	while (!LIST_EMPTY(&access->queries))
		(void)query_free(LIST_FIRST(&access->queries));
	free(access);
	return NULL;
}

struct bus_access *bus_access_new(struct bus *bus)
{
	struct bus_access *access = calloc(1, sizeof(*access));
	const struct group *group;

	if (!access)
		return NULL;
	access->bus = bus;
	LIST_INIT(&access->queries);
	group = getgrnam(BUS_GROUP);
	access->has_group = group;
	if (group)
		access->group = group->gr_gid;
	else
		log_bus(LOG_DEBUG,
			"there is no group '%s': only root and uid %u may import and reload",
			BUS_GROUP, (unsigned int)geteuid());
	return access;
}
