/* SPDX-License-Identifier: MIT
 *
 * client.h - straitctl's connection to the daemon: public D-Bus interface only, blocking calls.
 * What goes wrong is told on stderr in a sentence and comes back as the exit code.
 */
#pragma once

#include <dbus/dbus.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DAEMON_NAME	  "org.straitd.Straitd1"
#define DAEMON_ROOT	  "/org/straitd/Straitd1"
#define DAEMON_MANAGER	  DAEMON_NAME ".Manager"
#define DAEMON_FIGURE	  DAEMON_NAME ".Figure"
#define DAEMON_SOURCE	  DAEMON_NAME ".Source"
#define DAEMON_JOB	  DAEMON_NAME ".Job"
#define DAEMON_ERROR	  DAEMON_NAME ".Error."
#define OBJECT_PATH_MAX	  1024 /* bytes with the NUL of a path made by client_figure_path */
#define RELOAD_TIMEOUT_MS 120000

/* The exit codes of straitctl, part of its contract. */
enum exit_code {
	EXIT_GOOD = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NO_DAEMON = 3,
	EXIT_NO_SUCH = 4,
};

struct client {
	DBusConnection *connection; /* NULL = none at the moment */
	const char *bus;	    /* "system", "session" or an address */
	bool peer;	  /* the bus is straitd's private socket: no names, every signal comes */
	int interrupt_fd; /* client_wait() returns when it is readable; -1 = none */
};

/* Connects. EXIT_GOOD or EXIT_NO_DAEMON. */
enum exit_code client_open(struct client *client, const char *bus);
/* Once, to the same bus again, which may be another process at the same address by now; then adds
   the match rules (NULL ends them). False when that did not work; tells nothing. */
bool client_reopen(struct client *client, const char *const *rules);
void client_close(struct client *client);

/* A new call to the daemon; ends the process when memory is short. */
DBusMessage *client_new_call(const char *path, const char *interface, const char *method);
/* A new call to the Manager with the given basic arguments (as dbus_message_append_args, ended by
 * DBUS_TYPE_INVALID). */
DBusMessage *client_new_manager_call(const char *method, int first_type, ...);
/* Sends the call, which it takes, and waits. The reply, to be unreferenced, has exactly this
   signature. Otherwise the error is told and its exit code returned. */
enum exit_code client_call(struct client *client, DBusMessage *call, const char *signature,
			   DBusMessage **ret_reply);
/* As client_call, but tells nothing: the error is the caller's (dbus_error_free it). True on
 * success. */
bool client_try(struct client *client, DBusMessage *call, int timeout_ms, const char *signature,
		DBusMessage **ret_reply, DBusError *error);
/* Tells an error of client_try and frees it; returns its exit code. */
enum exit_code client_complain(struct client *client, DBusError *error);
/* The call is org.freedesktop.DBus.Properties.GetAll for one interface of one object. */
DBusMessage *client_new_get_all(const char *path, const char *interface);
/* Adds a match rule; signals that it lets in come from client_next. */
enum exit_code client_match(struct client *client, const char *rule);
enum client_news {
	CLIENT_MESSAGE,
	CLIENT_TIMEOUT,
	CLIENT_INTERRUPTED, /* interrupt_fd is readable */
	CLIENT_GONE,	    /* the bus has closed the connection */
};
/* Waits for the next incoming message, which is to be unreferenced; timeout_ms -1 = for ever. */
enum client_news client_wait(struct client *client, int timeout_ms, DBusMessage **ret_message);

/* ROOT/figure/NAME, escaped as systemd does ('.' = "_2e"). False if it does not fit. */
bool client_figure_path(const char *name, char path[OBJECT_PATH_MAX]);

/* Reads consecutive values of basic types, one letter each, into pointers of the types libdbus uses
   (strings stay in the message). '-' skips one value of any type. False when the message has
   something else there. */
bool message_read(DBusMessageIter *iterator, const char *types, ...);

/* Where a property goes. type is the basic type; the slot is left alone when the property is
 * absent. */
struct property_slot {
	const char *name;
	int type;
	void *ret_value;
};
/* iterator is at an a{sv}. False when it is not. */
bool properties_read(DBusMessageIter *iterator, const struct property_slot *slots, size_t count);
