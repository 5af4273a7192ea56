/* SPDX-License-Identifier: MIT
 *
 * bus_standard.c - owns the interfaces of org.freedesktop.DBus that our objects have: Properties,
 * Introspectable, Peer, ObjectManager. Main only. Everything they say is read from the tables and
 * from the live ledger and sources. Invariant: a property that a getter read is complete. Must
 * never change anything: all our properties are read-only.
 */
#include "bus_object.h"

#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "bus_private.h"

/* ── Properties ────────────────────────────────────────────────────────────────────────────── */

void bus_property_get(const struct bus_property *property, const struct bus_subject *subject,
		      struct bus_value *ret_value)
{
	ret_value->type = property->type;
	property->get(subject, ret_value);
}

static void put_property(struct bus_writer *writer, const struct bus_property *property,
			 const struct bus_subject *subject)
{
	struct bus_value value;

	bus_property_get(property, subject, &value);
	bus_put_entry(writer);
	bus_put_word(writer, property->name);
	bus_put_value(writer, &value);
	bus_put_end(writer);
}

void bus_put_properties(struct bus_writer *writer, const struct bus_interface *interface,
			const struct bus_subject *subject)
{
	bus_put_array(writer, "{sv}");
	for (const struct bus_property *property = interface->properties;
	     property && property->name; property++)
		put_property(writer, property, subject);
	bus_put_end(writer);
}

/* The interface of that name ("" = the object's own); a fault when the object has none such. */
static const struct bus_interface *find_interface(const struct bus_subject *subject,
						  const char *name)
{
	const struct bus_interface *interface;

	if (!*name)
		return subject->kind->interface;
	for (size_t i = 0; (interface = bus_subject_interface(subject, i)); i++) {
		if (!strcmp(interface->name, name))
			return interface;
	}
	return NULL;
}

static int unknown_interface(struct bus_call *call, const char *name, struct fault *fault)
{
	call->error = DBUS_ERROR_UNKNOWN_INTERFACE;
	return fault_set(fault, FAULT_BAD_ARGUMENT,
			 "the object has no interface '%.128s'; Introspect lists those it has",
			 name);
}

/* Takes interface and name; NULL and a fault when there is none such. */
static const struct bus_property *take_property(struct bus_call *call, struct fault *fault)
{
	const char *interface_name = bus_take_text(&call->arguments);
	const char *name = bus_take_text(&call->arguments);
	const struct bus_interface *interface = find_interface(call->subject, interface_name);

	if (!interface) {
		(void)unknown_interface(call, interface_name, fault);
		return NULL;
	}
	for (const struct bus_property *property = interface->properties;
	     property && property->name; property++) {
		if (!strcmp(property->name, name))
			return property;
	}
	call->error = DBUS_ERROR_UNKNOWN_PROPERTY;
	(void)fault_set(fault, FAULT_BAD_ARGUMENT,
			"the interface %s has no property '%.128s'; GetAll lists those it has",
			interface->name, name);
	return NULL;
}

static int get(struct bus_call *call, struct fault *fault)
{
	const struct bus_property *property = take_property(call, fault);
	struct bus_value value;

	if (!property)
		return -1;
	bus_property_get(property, call->subject, &value);
	bus_put_value(&call->reply, &value);
	return 0;
}

static int get_all(struct bus_call *call, struct fault *fault)
{
	const char *name = bus_take_text(&call->arguments);
	const struct bus_interface *interface = find_interface(call->subject, name);

	if (!interface)
		return unknown_interface(call, name, fault);
	bus_put_properties(&call->reply, interface, call->subject);
	return 0;
}

static int set(struct bus_call *call, struct fault *fault)
{
	const struct bus_property *property = take_property(call, fault);

	if (!property)
		return -1;
	call->error = DBUS_ERROR_PROPERTY_READ_ONLY;
	return fault_set(
		fault, FAULT_ACCESS_DENIED,
		"the property %s is read-only, as all of straitd's are; set-up is in straitd.conf",
		property->name);
}

static const struct bus_method properties_methods[] = {
	{ .name = "Get",
	  .in = "ss",
	  .in_names = "interface_name property_name",
	  .out = "v",
	  .out_names = "value",
	  .call = get },
	{ .name = "GetAll",
	  .in = "s",
	  .in_names = "interface_name",
	  .out = "a{sv}",
	  .out_names = "props",
	  .call = get_all },
	{ .name = "Set",
	  .in = "ssv",
	  .in_names = "interface_name property_name value",
	  .out = "",
	  .call = set },
	{ .name = NULL },
};

static const struct bus_signal properties_signals[] = {
	{ .name = "PropertiesChanged",
	  .signature = "sa{sv}as",
	  .names = "interface_name changed_properties invalidated_properties" },
	{ .name = NULL },
};

const struct bus_interface bus_properties_interface = {
	.name = DBUS_INTERFACE_PROPERTIES,
	.methods = properties_methods,
	.signals = properties_signals,
};

/* ── Introspectable ────────────────────────────────────────────────────────────────────────── */

/* The next element of BUS_ROOT below an ancestor of it. */
static void put_step(FILE *out, const char *path)
{
	const char *rest = &BUS_ROOT[(path[1] ? strlen(path) : 0) + 1];

	fprintf(out, "  <node name=\"%.*s\"/>\n", (int)strcspn(rest, "/"), rest);
}

static void put_children(FILE *out, const struct bus_subject *folder)
{
	struct bus_subject child;
	char path[BUS_PATH_MAX];

	for (size_t i = 0; i < folder->kind->count(folder->bus); i++) {
		if (folder->kind->at(folder->bus, i, &child) && bus_subject_path(&child, path))
			fprintf(out, "  <node name=\"%s\"/>\n", strrchr(path, '/') + 1);
	}
}

static void put_node(FILE *out, const struct bus_subject *subject)
{
	const struct bus_interface *interface;

	bus_introspect_open(out);
	for (size_t i = 0; (interface = bus_subject_interface(subject, i)); i++)
		bus_introspect_interface(out, interface);
	if (subject->place == BUS_PLACE_ANCESTOR)
		put_step(out, subject->path);
	else if (subject->place == BUS_PLACE_FOLDER)
		put_children(out, subject);
	else if (!subject->kind->folder)
		for (int id = BUS_KIND_ROOT + 1; id < BUS_KINDS; id++)
			fprintf(out, "  <node name=\"%s\"/>\n", bus_kinds[id].folder);
	bus_introspect_close(out);
}

static int introspect(struct bus_call *call, struct fault *fault)
{
	char *xml = NULL;
	size_t size;
	FILE *out = open_memstream(&xml, &size);
	bool good = out;

	if (out) {
		put_node(out, call->subject);
		good = !ferror(out);
		good = fclose(out) == 0 && good;
	}
	if (good)
		bus_put_word(&call->reply, xml); /* tables and escaped names: ASCII */
	free(xml);
	return good ? 0
		    : fault_set(fault, FAULT_MEMORY,
				"no memory for the introspection text; try again later");
}

static const struct bus_method introspectable_methods[] = {
	{ .name = "Introspect", .in = "", .out = "s", .out_names = "xml_data", .call = introspect },
	{ .name = NULL },
};

const struct bus_interface bus_introspectable_interface = {
	.name = DBUS_INTERFACE_INTROSPECTABLE,
	.methods = introspectable_methods,
};

/* ── Peer ──────────────────────────────────────────────────────────────────────────────────── */
/* libdbus answers calls that name this interface; what comes here left it out. */

static int ping(struct bus_call *call, struct fault *fault)
{
	(void)call;  /* the empty reply is the answer */
	(void)fault; /* cannot fail */
	return 0;
}

static int get_machine_id(struct bus_call *call, struct fault *fault)
{
	DBusError error = DBUS_ERROR_INIT;
	char *id = dbus_try_get_local_machine_id(&error);

	if (!id) {
		(void)fault_set(fault, FAULT_SYSTEM, "this machine has no id: %s", error.message);
		dbus_error_free(&error);
		return -1;
	}
	bus_put_word(&call->reply, id);
	dbus_free(id);
	return 0;
}

static const struct bus_method peer_methods[] = {
	{ .name = "Ping", .in = "", .out = "", .call = ping },
	{ .name = "GetMachineId",
	  .in = "",
	  .out = "s",
	  .out_names = "machine_uuid",
	  .call = get_machine_id },
	{ .name = NULL },
};

const struct bus_interface bus_peer_interface = {
	.name = DBUS_INTERFACE_PEER,
	.methods = peer_methods,
};

/* ── ObjectManager ─────────────────────────────────────────────────────────────────────────── */

void bus_put_interfaces(struct bus_writer *writer, const struct bus_subject *subject)
{
	bus_put_array(writer, "{sa{sv}}");
	bus_put_entry(writer);
	bus_put_word(writer, subject->kind->interface->name);
	bus_put_properties(writer, subject->kind->interface, subject);
	bus_put_end(writer);
	bus_put_end(writer);
}

static int get_managed_objects(struct bus_call *call, struct fault *fault)
{
	struct bus_writer *reply = &call->reply;
	struct bus_subject subject;
	char path[BUS_PATH_MAX];

	(void)fault; /* only memory can be short, which the writer tells */
	bus_put_array(reply, "{oa{sa{sv}}}");
	for (int id = BUS_KIND_ROOT + 1; id < BUS_KINDS; id++) {
		for (size_t i = 0; i < bus_kinds[id].count(call->bus); i++) {
			if (!bus_kinds[id].at(call->bus, i, &subject) ||
			    !bus_subject_path(&subject, path))
				continue;
			bus_put_entry(reply);
			bus_put_path(reply, path);
			bus_put_interfaces(reply, &subject);
			bus_put_end(reply);
		}
	}
	bus_put_end(reply);
	return 0;
}

static const struct bus_method object_manager_methods[] = {
	{ .name = "GetManagedObjects",
	  .in = "",
	  .out = "a{oa{sa{sv}}}",
	  .out_names = "object_paths_interfaces_and_properties",
	  .call = get_managed_objects },
	{ .name = NULL },
};

static const struct bus_signal object_manager_signals[] = {
	{ .name = "InterfacesAdded",
	  .signature = "oa{sa{sv}}",
	  .names = "object_path interfaces_and_properties" },
	{ .name = "InterfacesRemoved", .signature = "oas", .names = "object_path interfaces" },
	{ .name = NULL },
};

const struct bus_interface bus_object_manager_interface = {
	.name = "org.freedesktop.DBus.ObjectManager",
	.methods = object_manager_methods,
	.signals = object_manager_signals,
};
