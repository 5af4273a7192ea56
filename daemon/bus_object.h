/* SPDX-License-Identifier: MIT
 *
 * bus_object.h - the tables that describe our interfaces, and what is made from them: dispatch,
 * introspection, properties, the object manager, change signals. Only bus*.c.
 *
 * No object is registered with libdbus. A call's path is resolved to a subject when it arrives, so
 * thousands of figures cost nothing until they are asked for; which objects exist is a question to
 * the ledger and to the sources.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <dbus/dbus.h>

#include "bus_message.h"
#include "bus_path.h"
#include "fault.h"
#include "ledger.h"
#include "sources.h"

#define BUS_PATH_MAX	   (64 + BUS_PATH_ESCAPED_MAX(FIGURE_NAME_MAX))
#define BUS_PROPERTIES_MAX 16 /* of one interface */

struct bus;
struct bus_kind;

/* What a path leads to. Folders and ancestors only hold other objects. */
enum bus_place {
	BUS_PLACE_NOWHERE,
	BUS_PLACE_OBJECT,
	BUS_PLACE_FOLDER,   /* BUS_ROOT/figure … */
	BUS_PLACE_ANCESTOR, /* "/", "/org", "/org/straitd" */
};

/* One object, resolved: valid until the ledger or the sources change. */
struct bus_subject {
	struct bus *bus;
	enum bus_place place;
	const char *path;	     /* of the call; NULL when it was not found by a call */
	const struct bus_kind *kind; /* also for folders: of what they hold; NULL for ancestors */
	const char *name;	     /* of the figure or source, the number of the job; "" else */
	union {
		const struct figure *figure;
		struct source_info source;
		struct job_info job;
	} of;
	char text[FIGURE_NAME_MAX]; /* where name is kept when it came from a path */
};

/* A method call being answered. Handlers take the arguments in order (their signature has been
   checked) and put the results of exactly the declared type. */
struct bus_call {
	struct bus *bus;
	DBusConnection *connection; /* it came on, and the reply goes to */
	DBusMessage *message;
	const struct bus_subject *subject;
	DBusMessageIter arguments;
	struct bus_writer reply;
	const char
		*error; /* name of the error when the call fails; NULL = as the fault's kind says */
};

/* Names of arguments stand in one text, separated by blanks, one for each complete type of the
 * signature. */
struct bus_method {
	const char *name;
	const char *in, *in_names;
	const char *out, *out_names;
	bool privileged; /* root, our own user, or the group BUS_GROUP */
	/* 0, or -1 with the fault that the caller gets (what was put into the reply is then
	 * dropped) */
	int (*call)(struct bus_call *call, struct fault *fault);
	const char *doc; /* one or two sentences, for the XML */
};

struct bus_signal {
	const char *name;
	const char *signature, *names;
	const char *doc;
};

struct bus_property {
	const char *name;
	char type;     /* D-Bus type code: s d t x u b */
	bool constant; /* else PropertiesChanged tells of every change */
	void (*get)(const struct bus_subject *subject,
		    struct bus_value *ret_value); /* sets ret_value->as */
	const char *doc;
};

/* The arrays end with a NULL name; NULL = none. */
struct bus_interface {
	const char *name;
	const char *doc;
	const struct bus_method *methods;
	const struct bus_signal *signals;
	const struct bus_property *properties;
};

/* A class of objects: the root, or everything in one folder below it. */
struct bus_kind {
	const char *folder; /* "figure"; NULL = the root itself */
	const struct bus_interface *interface;
	bool managed;  /* the root: has ObjectManager as well */
	bool numbered; /* names are decimal numbers and stand in the path as they are */
	/* Existing objects; `at` may be called with every index below count. Text in ret_subject
	   stays valid as bus_subject says. */
	size_t (*count)(const struct bus *bus);
	bool (*at)(struct bus *bus, size_t index, struct bus_subject *ret_subject);
	bool (*find)(struct bus *bus, const char *name, struct bus_subject *ret_subject);
};

extern const struct bus_interface bus_manager_interface, bus_figure_interface, bus_source_interface,
	bus_job_interface;
extern const struct bus_interface bus_properties_interface, bus_introspectable_interface,
	bus_peer_interface, bus_object_manager_interface;

enum bus_kind_id {
	BUS_KIND_ROOT,
	BUS_KIND_FIGURE,
	BUS_KIND_SOURCE,
	BUS_KIND_JOB,
	BUS_KINDS,
};
extern const struct bus_kind bus_kinds[BUS_KINDS];

/* How bus_kinds finds its objects: bus_figure.c, bus_source.c, bus_job.c. */
size_t bus_figure_count(const struct bus *bus);
bool bus_figure_at(struct bus *bus, size_t index, struct bus_subject *ret_subject);
bool bus_figure_find(struct bus *bus, const char *name, struct bus_subject *ret_subject);
size_t bus_source_count(const struct bus *bus);
bool bus_source_at(struct bus *bus, size_t index, struct bus_subject *ret_subject);
bool bus_source_find(struct bus *bus, const char *name, struct bus_subject *ret_subject);
size_t bus_job_count(const struct bus *bus);
bool bus_job_at(struct bus *bus, size_t index, struct bus_subject *ret_subject);
bool bus_job_find(struct bus *bus, const char *name, struct bus_subject *ret_subject);

/* Path of the subject; false when its name is too long to have one (such a figure is only reached
 * by GetFigure). */
bool bus_subject_path(const struct bus_subject *subject, char buffer[BUS_PATH_MAX]);
/* Its interfaces one after the other, its own first, so that a call without interface finds that
 * first; NULL ends. */
const struct bus_interface *bus_subject_interface(const struct bus_subject *subject, size_t index);
void bus_property_get(const struct bus_property *property, const struct bus_subject *subject,
		      struct bus_value *ret_value);

/* a{sv} of all properties of an interface. */
void bus_put_properties(struct bus_writer *writer, const struct bus_interface *interface,
			const struct bus_subject *subject);
/* a{sa{sv}} of a managed object, as InterfacesAdded and GetManagedObjects have it. */
void bus_put_interfaces(struct bus_writer *writer, const struct bus_subject *subject);

/* Answers one method call, whatever it is, on the connection that it came on. */
void bus_object_call(struct bus *bus, DBusConnection *connection, DBusMessage *message);
/* Sends a reply where the call came from; false when out of memory. Does not take the reference. */
bool bus_object_reply(const struct bus_call *call, DBusMessage *reply);
/* Second half of a privileged call, once the caller has been found worthy (denied = NULL), or the
 * reason why not. */
void bus_object_resume(struct bus *bus, DBusConnection *connection, DBusMessage *message,
		       const struct bus_method *method, const struct fault *denied);

/* XML of one interface as it stands inside <node>; of a whole node without its children. Only stdio
 * errors of `out`. */
void bus_introspect_interface(FILE *out, const struct bus_interface *interface);
void bus_introspect_open(FILE *out);
void bus_introspect_close(FILE *out);
