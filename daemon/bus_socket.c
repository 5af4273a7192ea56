/* SPDX-License-Identifier: MIT
 *
 * bus_socket.c - owns the file of the private socket and the DBusServer that listens on it. Main
 * only.
 *
 * The socket is bound beside its path and then renamed over it: a caller finds either the old
 * daemon or the new one, never nothing, and a link in its place is replaced and not followed.
 *
 * Invariant: only a socket that belongs to our own user is ever replaced or removed, and only in a
 * directory that nobody else may write. Must never block: connecting takes place in the loop.
 */
#include "bus_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "log.h"

#define PAUSE_US       100000
#define PATH_MAX_BYTES sizeof(((struct sockaddr_un *)NULL)->sun_path)

struct bus_socket {
	struct event_base *base;
	void (*connected)(void *context, DBusConnection *connection);
	void *context;
	DBusServer *server;
	DBusWatch *watch;    /* of the one address; its event is in it */
	struct event *again; /* after a pause */
	bool accepted;
	char *address;
	char path[PATH_MAX_BYTES];
	bool there; /* the path is ours: */
	dev_t device;
	ino_t inode;
};

/* ── the file ──────────────────────────────────────────────────────────────────────────────── */

static int check_directory(const char *path, struct fault *fault)
{
	char directory[PATH_MAX_BYTES];
	struct stat status;
	char *slash;

	memcpy(directory, path, strlen(path) + 1);
	slash = strrchr(directory, '/');
	if (slash == directory)
		slash++;
	*slash = '\0';
	/* parents of a directory that is missing are somebody else's to make */
	if (mkdir(directory, 0755) == 0)
		(void)chmod(directory, 0755); /* whatever the umask is: anybody may read */
	else if (errno != EEXIST)
		return fault_errno(fault, errno, "cannot make the directory '%s'", directory);
	if (lstat(directory, &status) < 0)
		return fault_errno(fault, errno, "cannot look at the directory '%s'", directory);
	if (!S_ISDIR(status.st_mode) || (status.st_uid != 0 && status.st_uid != geteuid()) ||
	    ((status.st_mode & (S_IWGRP | S_IWOTH)) && !(status.st_mode & S_ISVTX)))
		return fault_set(fault, FAULT_CONFIG,
				 "'%s' is not a directory of root or of our user that nobody else "
				 "may write; set [straitd] socket to a path in one that is",
				 directory);
	return 0;
}

/* What is at the path may be replaced. */
static int check_old(const char *path, struct fault *fault)
{
	struct stat status;

	if (lstat(path, &status) < 0)
		return errno == ENOENT ? 0 : fault_errno(fault, errno, "cannot look at '%s'", path);
	if (!S_ISSOCK(status.st_mode) || status.st_uid != geteuid())
		return fault_set(fault, FAULT_CONFIG,
				 "'%s' is there and no socket of ours; move it away, or set "
				 "[straitd] socket to another path",
				 path);
	return 0;
}

static int put_in_place(struct bus_socket *socket, const char *beside, struct fault *fault)
{
	struct stat status;

	/* anybody may read; privileged calls ask who it is */
	if (chmod(beside, 0666) < 0 || lstat(beside, &status) < 0 ||
	    rename(beside, socket->path) < 0)
		return fault_errno(fault, errno, "cannot put the socket '%s' in place",
				   socket->path);
	socket->there = true;
	socket->device = status.st_dev;
	socket->inode = status.st_ino;
	return 0;
}

static void remove_ours(const struct bus_socket *socket)
{
	struct stat status;

	if (socket->there && lstat(socket->path, &status) == 0 && status.st_dev == socket->device &&
	    status.st_ino == socket->inode && unlink(socket->path) < 0)
		log_bus(LOG_WARNING, "cannot remove the socket '%s': %s, ignoring", socket->path,
			strerror(errno));
}

/* ── the server on the loop ────────────────────────────────────────────────────────────────── */

/* A client that cannot be accepted, for want of a descriptor or of memory, keeps the socket ready;
 * libdbus does not tell. It waits in the queue while the daemon does other things. */
static void on_ready(evutil_socket_t fd, short what, void *data)
{
	static const struct timeval pause = { .tv_usec = PAUSE_US };
	struct bus_socket *socket = data;

	(void)fd;   /* libdbus knows */
	(void)what; /* it only reads */
	socket->accepted = false;
	(void)dbus_watch_handle(socket->watch, DBUS_WATCH_READABLE); /* FALSE: not accepted */
	if (socket->accepted || evtimer_add(socket->again, &pause) < 0)
		return;
	(void)event_del(dbus_watch_get_data(socket->watch)); /* cannot fail for one that exists */
}

static void free_event(void *event)
{
	event_free(event);
}

static void toggle_watch(DBusWatch *watch, void *data)
{
	struct event *event = dbus_watch_get_data(watch);

	(void)data; /* the event is in the watch */
	if (!event)
		return;
	if (!dbus_watch_get_enabled(watch))
		(void)event_del(event); /* cannot fail for an event that exists */
	else if (event_add(event, NULL) < 0)
		log_bus(LOG_ERR,
			"cannot watch the private socket (out of memory); restart straitd");
}

static void on_again(evutil_socket_t fd, short what, void *data)
{
	struct bus_socket *socket = data;

	(void)fd;   /* a timer has none */
	(void)what; /* it is time */
	if (socket->watch)
		toggle_watch(socket->watch, NULL);
}

static dbus_bool_t add_watch(DBusWatch *watch, void *data)
{
	struct bus_socket *socket = data;
	struct event *event = event_new(socket->base, dbus_watch_get_unix_fd(watch),
					EV_READ | EV_PERSIST, on_ready, socket);

	if (!event)
		return FALSE;
	socket->watch = watch;
	dbus_watch_set_data(watch, event, free_event);
	toggle_watch(watch, NULL);
	return TRUE;
}

static void remove_watch(DBusWatch *watch, void *data)
{
	struct bus_socket *socket = data;

	socket->watch = NULL;
	dbus_watch_set_data(watch, NULL, NULL); /* frees */
}

static void on_connection(DBusServer *server, DBusConnection *connection, void *data)
{
	struct bus_socket *socket = data;

	(void)server; /* the one of the socket */
	socket->accepted = true;
	socket->connected(socket->context, connection);
}

/* ── listening ─────────────────────────────────────────────────────────────────────────────── */

static char *make_address(const char *path)
{
	char *escaped = dbus_address_escape_value(path);
	char *address = NULL;

	if (escaped && asprintf(&address, "unix:path=%s", escaped) < 0)
		address = NULL;
	dbus_free(escaped);
	return address;
}

static int listen_beside(struct bus_socket *socket, const char *beside, struct fault *fault)
{
	static const char *const mechanisms[] = { "EXTERNAL", NULL }; /* the kernel says who */
	DBusError error = DBUS_ERROR_INIT;
	char *address = make_address(beside);

	if (!address)
		return fault_set(fault, FAULT_MEMORY, "no memory for the private socket");
	socket->server = dbus_server_listen(address, &error);
	free(address);
	if (!socket->server) {
		(void)fault_set(fault, FAULT_SYSTEM, "cannot listen on '%s': %s", socket->path,
				error.message);
		dbus_error_free(&error);
		return -1;
	}
	dbus_server_set_new_connection_function(socket->server, on_connection, socket, NULL);
	if (!dbus_server_set_auth_mechanisms(socket->server, (const char **)mechanisms) ||
	    !dbus_server_set_watch_functions(socket->server, add_watch, remove_watch, toggle_watch,
					     socket, NULL))
		return fault_set(fault, FAULT_MEMORY, "no memory for the private socket");
	return 0;
}

int bus_socket_new(struct event_base *base, const char *path,
		   void (*connected)(void *context, DBusConnection *connection), void *context,
		   struct bus_socket **ret_socket, struct fault *fault)
{
	char beside[PATH_MAX_BYTES];
	struct bus_socket *socket;
	int length = snprintf(beside, sizeof(beside), "%s.%ld", path, (long)getpid());

	if (path[0] != '/' || length < 0 || (size_t)length >= sizeof(beside))
		return fault_set(fault, FAULT_CONFIG,
				 "'%s' is not an absolute path of at most %zu bytes; set "
				 "[straitd] socket to another one",
				 path, sizeof(beside) - 12);
	if (check_directory(path, fault) < 0 || check_old(path, fault) < 0 ||
	    check_old(beside, fault) < 0)
		return -1;
	socket = calloc(1, sizeof(*socket));
	if (!socket)
		return fault_set(fault, FAULT_MEMORY, "no memory for the private socket");
	socket->base = base;
	socket->connected = connected;
	socket->context = context;
	memcpy(socket->path, path, strlen(path) + 1);
	socket->address = make_address(path);
	socket->again = evtimer_new(base, on_again, socket);
	if (!socket->address || !socket->again)
		(void)fault_set(fault, FAULT_MEMORY, "no memory for the private socket");
	else if (listen_beside(socket, beside, fault) == 0 &&
		 put_in_place(socket, beside, fault) == 0) {
		*ret_socket = socket;
		return 0;
	}
	(void)bus_socket_free(socket);
	return -1;
}

struct bus_socket *bus_socket_free(struct bus_socket *socket)
{
	if (!socket)
		return NULL;
	if (socket->server) {
		dbus_server_disconnect(socket->server); /* removes what lies beside */
		/* taking the functions away removes the watch through them */
		(void)dbus_server_set_watch_functions(socket->server, NULL, NULL, NULL, NULL, NULL);
		dbus_server_unref(socket->server);
	}
	if (socket->again)
		event_free(socket->again);
	remove_ours(socket);
	free(socket->address);
	free(socket);
	return NULL;
}

const char *bus_socket_address(const struct bus_socket *socket)
{
	return socket->address;
}
