/* SPDX-License-Identifier: MIT
 *
 * command_import.c - straitctl import: hands open files to the daemon and follows each job to its
 * end.
 *
 * Process: straitctl. Invariant: "imported" is printed only after the job's Finished signal, that
 * is after the commit. It must never write into the spool itself: the file goes over the bus as an
 * open descriptor, so that the user needs no right there and the daemon none on the user's file.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "command.h"
#include "output.h"

#define JOB_RULE                                                                                   \
	"type='signal',sender='" DAEMON_NAME "',"                                                  \
	"path_namespace='" DAEMON_ROOT "/job'"
#define OWNER_RULE                                                                                 \
	"type='signal',sender='" DBUS_SERVICE_DBUS "',interface='" DBUS_INTERFACE_DBUS "',"        \
	"member='NameOwnerChanged',arg0='" DAEMON_NAME "'"

struct import {
	struct arguments *arguments;
	const char *file; /* as given */
	const char *name; /* its last part */
	char job[OBJECT_PATH_MAX];
	struct progress progress;
};

struct import_result {
	char state[32];
	char error[512], note[64];
	dbus_uint64_t accepted, rejected;
};

/* Ctrl-C and SIGTERM are read by client_wait() instead of ending the process. */
static void interrupts_begin(struct client *client)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	client->interrupt_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (client->interrupt_fd < 0) /* then they end it, and the job goes on */
		(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void interrupts_end(struct client *client)
{
	struct signalfd_siginfo taken;
	sigset_t set;

	if (client->interrupt_fd < 0)
		return;
	(void)!read(client->interrupt_fd, &taken, sizeof(taken)); /* the one that was dealt with */
	close_fd(&client->interrupt_fd);
	client->interrupt_fd = -1;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) != 0) {
		fprintf(stderr, "straitctl: cannot open '%s': %s\n", path, strerror(errno));
		close_fd(&fd);
		return -1;
	}
	if (!S_ISREG(status.st_mode)) {
		fprintf(stderr,
			"straitctl: '%s' is not a regular file; only whole files can be imported\n",
			path);
		close_fd(&fd);
		return -1;
	}
	return fd;
}

static enum exit_code begin_job(struct import *import, int fd)
{
	const char *source = import->arguments->words[0], *name = import->name, *job;
	DBusMessage *reply;
	enum exit_code code = client_call(
		&import->arguments->client,
		client_new_manager_call("Import", DBUS_TYPE_STRING, &source, DBUS_TYPE_STRING,
					&name, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID),
		"o", &reply);

	if (code != EXIT_GOOD)
		return code;
	(void)dbus_message_get_args(reply, NULL, DBUS_TYPE_OBJECT_PATH, &job, DBUS_TYPE_INVALID);
	(void)snprintf(import->job, sizeof(import->job), "%s", job);
	dbus_message_unref(reply);
	return EXIT_GOOD;
}

static void show_progress(struct import *import, DBusMessage *signal)
{
	double fraction = -1;
	const struct property_slot slots[] = { { "Progress", DBUS_TYPE_DOUBLE, &fraction } };
	DBusMessageIter iterator;
	const char *interface;

	if (!dbus_message_has_signature(signal, "sa{sv}as"))
		return;
	(void)dbus_message_iter_init(signal, &iterator);
	(void)message_read(&iterator, "s", &interface);
	if (strcmp(interface, DAEMON_JOB) == 0 && properties_read(&iterator, slots, 1) &&
	    fraction >= 0)
		progress_set(&import->progress, import->name, fraction);
}

static bool daemon_has_gone(DBusMessage *signal)
{
	const char *name, *old_owner, *new_owner;

	return dbus_message_get_args(signal, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING,
				     &old_owner, DBUS_TYPE_STRING, &new_owner, DBUS_TYPE_INVALID) &&
	       strcmp(name, DAEMON_NAME) == 0 && old_owner[0] != '\0';
}

/* Ctrl-C: the job is taken back. A second one ends straitctl at once. False when it is too late. */
static bool cancel_job(struct import *import)
{
	struct client *client = &import->arguments->client;
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *reply;

	interrupts_end(client);
	progress_end(&import->progress);
	if (client_try(client, client_new_call(import->job, DAEMON_JOB, "Cancel"),
		       DBUS_TIMEOUT_USE_DEFAULT, "", &reply, &error)) {
		dbus_message_unref(reply);
		return true; /* Finished follows */
	}
	fprintf(stderr, "straitctl: %s: not cancelled, it goes on without straitctl: %s\n",
		import->file, error.message);
	dbus_error_free(&error);
	return false;
}

static bool take_finished(DBusMessage *message, struct import_result *ret_result)
{
	const char *state, *error;

	if (!dbus_message_is_signal(message, DAEMON_JOB, "Finished") ||
	    !dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &state, DBUS_TYPE_STRING,
				   &error, DBUS_TYPE_INVALID))
		return false;
	(void)snprintf(ret_result->state, sizeof(ret_result->state), "%s", state);
	(void)snprintf(ret_result->error, sizeof(ret_result->error), "%s", error);
	return true;
}

static enum exit_code tell_gone(struct import *import)
{
	progress_end(&import->progress);
	fprintf(stderr,
		"straitctl: straitd went away while it read '%s'; a file that is in the spool is "
		"read after its restart, and importing it again does no harm\n",
		import->file);
	return EXIT_NO_DAEMON;
}

/* Waits for the job's Finished(state, error). */
static enum exit_code wait_for_end(struct import *import, struct import_result *ret_result)
{
	struct client *client = &import->arguments->client;

	for (;;) {
		bool finished = false, gone = false;
		DBusMessage *message;

		switch (client_wait(client, -1, &message)) {
		case CLIENT_TIMEOUT:
			continue;
		case CLIENT_INTERRUPTED:
			if (!cancel_job(import))
				return EXIT_FAILED;
			continue;
		case CLIENT_GONE:
			return tell_gone(import);
		case CLIENT_MESSAGE:
			break;
		}
		if (dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameOwnerChanged"))
			gone = daemon_has_gone(message);
		else if (dbus_message_has_path(message, import->job))
			finished = take_finished(message, ret_result);
		if (!finished && dbus_message_has_path(message, import->job) &&
		    dbus_message_is_signal(message, DBUS_INTERFACE_PROPERTIES, "PropertiesChanged"))
			show_progress(import, message);
		dbus_message_unref(message);
		if (finished)
			return EXIT_GOOD;
		if (gone)
			return tell_gone(import);
	}
}

static enum exit_code read_counts(struct import *import, struct import_result *result)
{
	const char *note = "";
	const struct property_slot slots[] = {
		{ "Note", DBUS_TYPE_STRING, &note },
		{ "Accepted", DBUS_TYPE_UINT64, &result->accepted },
		{ "Rejected", DBUS_TYPE_UINT64, &result->rejected },
	};
	DBusMessageIter iterator;
	DBusMessage *reply;
	enum exit_code code =
		client_call(&import->arguments->client, client_new_get_all(import->job, DAEMON_JOB),
			    "a{sv}", &reply);

	if (code != EXIT_GOOD)
		return code;
	(void)dbus_message_iter_init(reply, &iterator);
	(void)properties_read(&iterator, slots, sizeof(slots) / sizeof(slots[0]));
	(void)snprintf(result->note, sizeof(result->note), "%s", note);
	dbus_message_unref(reply);
	return EXIT_GOOD;
}

static enum exit_code tell_result(const struct import *import, const struct import_result *result)
{
	bool done = strcmp(result->state, "done") == 0;

	if (import->arguments->json)
		json_line(json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:s}", "file", import->file,
				    "source", import->arguments->words[0], "state", result->state,
				    "accepted", (json_int_t)result->accepted, "rejected",
				    (json_int_t)result->rejected, "error", result->error, "note",
				    result->note));
	else if (strcmp(result->state, "cancelled") == 0)
		fprintf(stderr, "straitctl: %s: cancelled\n", import->file);
	else if (!done)
		fprintf(stderr, "straitctl: %s: %s: %s\n", import->file, result->state,
			result->error[0] != '\0' ? result->error : "no reason was given");
	else if (result->note[0] != '\0')
		printf("%s: %s, nothing changed\n", import->file, result->note);
	else
		printf("%s: imported, %llu accepted, %llu rejected\n", import->file,
		       (unsigned long long)result->accepted, (unsigned long long)result->rejected);
	(void)fflush(stdout); /* main tells when the last one fails */
	return done ? EXIT_GOOD : EXIT_FAILED;
}

static enum exit_code import_file(struct arguments *arguments, const char *file)
{
	struct import import = { .arguments = arguments, .file = file };
	struct import_result result = { 0 };
	const char *slash = strrchr(file, '/');
	CLEANUP(close_fd) int fd = open_file(file);
	enum exit_code code;

	if (fd < 0)
		return EXIT_FAILED;
	import.name = slash != NULL ? slash + 1 : file;
	progress_begin(&import.progress, arguments->json);
	code = begin_job(&import, fd);
	if (code != EXIT_GOOD)
		return code;
	progress_set(&import.progress, import.name, 0);
	code = wait_for_end(&import, &result);
	progress_end(&import.progress);
	if (code == EXIT_GOOD)
		code = read_counts(&import, &result);
	return code == EXIT_GOOD ? tell_result(&import, &result) : code;
}

enum exit_code command_import(struct arguments *arguments)
{
	enum exit_code code = client_match(&arguments->client, JOB_RULE);

	/* The rules come before the first job, so that no Finished can be missed. */
	if (code == EXIT_GOOD)
		code = client_match(&arguments->client, OWNER_RULE);
	if (code != EXIT_GOOD)
		return code;
	interrupts_begin(&arguments->client);
	for (int i = 1; i < arguments->word_count; i++) {
		bool interruptible = arguments->client.interrupt_fd >= 0;
		enum exit_code result = import_file(arguments, arguments->words[i]);

		if (result != EXIT_GOOD)
			code = result;
		if (result == EXIT_NO_DAEMON || result == EXIT_NO_SUCH)
			break;
		if (interruptible && arguments->client.interrupt_fd < 0)
			break; /* Ctrl-C: the files after this one are not begun */
	}
	interrupts_end(&arguments->client);
	return code;
}
