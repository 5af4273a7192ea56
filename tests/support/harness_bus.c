/* SPDX-License-Identifier: MIT
 *
 * harness_bus.c - what a test sees of its straitd on the bus: the name, figures, sources, signals.
 * Test programs only. Invariant: match rules are in place before the first question, so a wait
 * cannot miss what it waits for.
 */
#include "harness.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <check.h>
#include <dbus/dbus.h>

#define NAME	"org.straitd.Straitd1"
#define ROOT	"/org/straitd/Straitd1"
#define MANAGER NAME ".Manager"

static DBusConnection *bus(struct harness *harness)
{
	DBusError error = DBUS_ERROR_INIT;
	DBusConnection *connection = harness->connection;

	if (connection != NULL)
		return connection;
	connection = dbus_connection_open_private(harness->bus.address, &error);
	harness_assert(harness, connection != NULL, "%s", error.message);
	harness_assert(harness, dbus_bus_register(connection, &error), "%s", error.message);
	dbus_connection_set_exit_on_disconnect(connection, FALSE);
	dbus_bus_add_match(connection, "type='signal',sender='" NAME "'", &error);
	dbus_bus_add_match(
		connection,
		"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" NAME
		"'",
		&error);
	harness_assert(harness, !dbus_error_is_set(&error), "%s", error.message);
	harness->connection = connection;
	return connection;
}

/* The next signal, to be unreferenced, or NULL after the deadline. */
static DBusMessage *next_signal(struct harness *harness, long long end)
{
	DBusConnection *connection = bus(harness);

	for (;;) {
		DBusMessage *message = dbus_connection_pop_message(connection);
		long long left = end - process_now_ms();

		if (message != NULL && dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_SIGNAL)
			return message;
		if (message != NULL)
			dbus_message_unref(message);
		else if (left <= 0 || !dbus_connection_read_write(connection, (int)left))
			return NULL;
	}
}

/* Waits for any signal of the daemon or its name. */
static bool wait_signal(struct harness *harness, long long end)
{
	DBusMessage *message = next_signal(harness, end);

	if (message == NULL)
		return false;
	dbus_message_unref(message);
	return true;
}

bool harness_wait_name(struct harness *harness, bool owned)
{
	long long end = process_now_ms() + HARNESS_DEADLINE_MS;
	DBusConnection *connection = bus(harness);
	int pidfd =
		harness->daemon.pid > 0 ? (int)syscall(SYS_pidfd_open, harness->daemon.pid, 0) : -1;
	bool good = true;

	while (good && dbus_bus_name_has_owner(connection, NAME, NULL) != (owned ? TRUE : FALSE)) {
		struct pollfd fds[2] = { { .fd = -1, .events = POLLIN },
					 { .fd = pidfd, .events = POLLIN } };
		DBusMessage *message = dbus_connection_pop_message(connection);
		long long left = end - process_now_ms();

		if (message != NULL) {
			dbus_message_unref(message);
			continue;
		}
		harness_assert(harness, left > 0, "the name is still %s",
			       owned ? "not there" : "there");
		(void)dbus_connection_get_unix_fd(connection, &fds[0].fd);
		(void)poll(fds, 2, (int)left);
		(void)dbus_connection_read_write(connection, 0);
		good = !owned || fds[1].revents == 0;
	}
	if (pidfd >= 0)
		(void)close(pidfd);
	return good;
}

/* Asks and waits; NULL on any error. Takes the call. */
static DBusMessage *ask(struct harness *harness, DBusMessage *call)
{
	DBusMessage *reply;

	ck_assert_ptr_nonnull(call);
	reply = dbus_connection_send_with_reply_and_block(bus(harness), call, HARNESS_DEADLINE_MS,
							  NULL);
	dbus_message_unref(call);
	return reply;
}

/* One property; *ret_value is at its value and stays valid until the returned message is
 * unreferenced. NULL: none. */
static DBusMessage *get_property(struct harness *harness, const char *path, const char *interface,
				 const char *property, DBusMessageIter *ret_value)
{
	DBusMessage *call = dbus_message_new_method_call(NAME, path, DBUS_INTERFACE_PROPERTIES,
							 "Get"),
		    *reply;
	DBusMessageIter iterator;

	ck_assert_ptr_nonnull(call);
	(void)dbus_message_append_args(call, DBUS_TYPE_STRING, &interface, DBUS_TYPE_STRING,
				       &property, DBUS_TYPE_INVALID);
	reply = ask(harness, call);
	if (reply == NULL)
		return NULL;
	ck_assert(dbus_message_has_signature(reply, "v"));
	(void)dbus_message_iter_init(reply, &iterator);
	dbus_message_iter_recurse(&iterator, ret_value);
	return reply;
}

double harness_figure(struct harness *harness, const char *name)
{
	DBusMessage *call = dbus_message_new_method_call(NAME, ROOT, MANAGER, "GetFigure"), *reply;
	DBusMessageIter iterator, fields;
	double value = NAN;

	ck_assert_ptr_nonnull(call);
	(void)dbus_message_append_args(call, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID);
	reply = ask(harness, call);
	if (reply == NULL)
		return NAN;
	ck_assert(dbus_message_has_signature(reply, "(dsssxt)"));
	(void)dbus_message_iter_init(reply, &iterator);
	dbus_message_iter_recurse(&iterator, &fields);
	dbus_message_iter_get_basic(&fields, &value);
	dbus_message_unref(reply);
	return value;
}

static bool same(double a, double b)
{
	return (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-9 * fabs(b);
}

void harness_wait_figure(struct harness *harness, const char *name, double value)
{
	long long end = process_now_ms() + HARNESS_DEADLINE_MS;
	double now;

	(void)bus(harness);
	while (now = harness_figure(harness, name), !same(now, value)) {
		if (!wait_signal(harness, end))
			harness_fail(harness, "figure %s is still %g, not %g", name, now, value);
	}
}

uint64_t harness_sequence(struct harness *harness)
{
	DBusMessageIter value;
	DBusMessage *reply = get_property(harness, ROOT, MANAGER, "Sequence", &value);
	dbus_uint64_t sequence;

	harness_assert(harness, reply != NULL, "there is no property Sequence");
	dbus_message_iter_get_basic(&value, &sequence);
	dbus_message_unref(reply);
	return sequence;
}

static void source_path(const char *source, char path[HARNESS_PATH_MAX])
{
	size_t used = (size_t)snprintf(path, HARNESS_PATH_MAX, ROOT "/source/");

	for (; *source != '\0'; source++) {
		bool plain =
			(*source >= 'a' && *source <= 'z') || (*source >= '0' && *source <= '9');

		ck_assert_uint_lt(used + 4, HARNESS_PATH_MAX);
		used += (size_t)snprintf(path + used, HARNESS_PATH_MAX - used,
					 plain ? "%c" : "_%02x", (unsigned char)*source);
	}
}

void harness_source_text(struct harness *harness, const char *source, const char *property,
			 char *buffer, size_t size)
{
	char path[HARNESS_PATH_MAX];
	DBusMessageIter value;
	DBusMessage *reply;
	const char *text = "";

	source_path(source, path);
	reply = get_property(harness, path, NAME ".Source", property, &value);
	if (reply != NULL && dbus_message_iter_get_arg_type(&value) == DBUS_TYPE_STRING)
		dbus_message_iter_get_basic(&value, &text);
	(void)snprintf(buffer, size, "%s", text);
	if (reply != NULL)
		dbus_message_unref(reply);
}

double harness_source_number(struct harness *harness, const char *source, const char *property)
{
	char path[HARNESS_PATH_MAX];
	DBusMessageIter value;
	DBusMessage *reply;
	DBusBasicValue basic = { 0 };
	double number = -1;

	source_path(source, path);
	reply = get_property(harness, path, NAME ".Source", property, &value);
	if (reply == NULL)
		return number;
	dbus_message_iter_get_basic(&value, &basic);
	switch (dbus_message_iter_get_arg_type(&value)) {
	case DBUS_TYPE_UINT64:
		number = (double)basic.u64;
		break;
	case DBUS_TYPE_INT64:
		number = (double)basic.i64;
		break;
	case DBUS_TYPE_UINT32:
		number = basic.u32;
		break;
	case DBUS_TYPE_DOUBLE:
		number = basic.dbl;
		break;
	default:
		break;
	}
	dbus_message_unref(reply);
	return number;
}

void harness_wait_source(struct harness *harness, const char *source, const char *state)
{
	long long end = process_now_ms() + HARNESS_DEADLINE_MS;
	char now[64];

	(void)bus(harness);
	while (harness_source_text(harness, source, "State", now, sizeof(now)),
	       strcmp(now, state) != 0) {
		if (!wait_signal(harness, end))
			harness_fail(harness, "source '%s' is still '%s', not '%s'", source, now,
				     state);
	}
}

void harness_wait_source_text(struct harness *harness, const char *source, const char *property,
			      const char *wanted)
{
	long long end = process_now_ms() + HARNESS_DEADLINE_MS;
	char now[1024];

	(void)bus(harness);
	while (harness_source_text(harness, source, property, now, sizeof(now)),
	       *wanted ? !strstr(now, wanted) : now[0] != '\0') {
		if (!wait_signal(harness, end))
			harness_fail(harness, "%s of source '%s' is still '%s'; wanted: '%s'",
				     property, source, now, wanted);
	}
}

bool harness_next_signal(struct harness *harness, struct figures_signal *ret_signal,
			 int deadline_ms)
{
	long long end = process_now_ms() + deadline_ms;
	DBusMessage *message;

	while ((message = next_signal(harness, end)) != NULL) {
		bool found = dbus_message_is_signal(message, MANAGER, "FiguresChanged");

		if (found) {
			DBusMessageIter iterator;
			dbus_uint64_t sequence;
			const char *source, *cause;

			harness_assert(harness, dbus_message_has_signature(message, "tssa(sdds)"),
				       "FiguresChanged has signature '%s'",
				       dbus_message_get_signature(message));
			(void)dbus_message_iter_init(message, &iterator);
			dbus_message_iter_get_basic(&iterator, &sequence);
			(void)dbus_message_iter_next(&iterator);
			dbus_message_iter_get_basic(&iterator, &source);
			(void)dbus_message_iter_next(&iterator);
			dbus_message_iter_get_basic(&iterator, &cause);
			(void)dbus_message_iter_next(&iterator);
			ret_signal->sequence = sequence;
			(void)snprintf(ret_signal->source, sizeof(ret_signal->source), "%s",
				       source);
			(void)snprintf(ret_signal->cause, sizeof(ret_signal->cause), "%s", cause);
			ret_signal->rows =
				(unsigned int)dbus_message_iter_get_element_count(&iterator);
		}
		dbus_message_unref(message);
		if (found)
			return true;
	}
	return false;
}

/* "name value status period published" of all figures, from GetFigures. */
static void snapshot_figures(struct harness *harness, FILE *out)
{
	DBusMessage *call = dbus_message_new_method_call(NAME, ROOT, MANAGER, "GetFigures"), *reply;
	DBusMessageIter iterator, array, rows, fields;

	ck_assert_ptr_nonnull(call);
	dbus_message_iter_init_append(call, &iterator);
	(void)dbus_message_iter_open_container(&iterator, DBUS_TYPE_ARRAY, "s", &array);
	(void)dbus_message_iter_close_container(&iterator, &array);
	reply = ask(harness, call);
	harness_assert(harness, reply != NULL && dbus_message_has_signature(reply, "(ta(sdsssx))"),
		       "GetFigures did not answer as agreed");
	(void)dbus_message_iter_init(reply, &iterator);
	dbus_message_iter_recurse(&iterator, &fields);
	(void)dbus_message_iter_next(&fields);
	dbus_message_iter_recurse(&fields, &rows);
	for (; dbus_message_iter_get_arg_type(&rows) == DBUS_TYPE_STRUCT;
	     (void)dbus_message_iter_next(&rows)) {
		const char *text[4];
		double value;
		dbus_int64_t published;

		dbus_message_iter_recurse(&rows, &fields);
		dbus_message_iter_get_basic(&fields, &text[0]);
		(void)dbus_message_iter_next(&fields);
		dbus_message_iter_get_basic(&fields, &value);
		for (int i = 1; i < 4; i++) {
			(void)dbus_message_iter_next(&fields);
			dbus_message_iter_get_basic(&fields, &text[i]);
		}
		(void)dbus_message_iter_next(&fields);
		dbus_message_iter_get_basic(&fields, &published);
		fprintf(out, "%s %.12g %s %s %s %lld\n", text[0], value, text[1], text[2], text[3],
			(long long)published);
	}
	dbus_message_unref(reply);
}

char *harness_snapshot(struct harness *harness, const char *const *versions)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	snapshot_figures(harness, out);
	for (; versions != NULL && versions[0] != NULL; versions++) {
		char metric[128];
		const char *space = strchr(versions[0], ' ');
		struct output output;

		ck_assert_ptr_nonnull(space);
		(void)snprintf(metric, sizeof(metric), "%.*s", (int)(space - versions[0]),
			       versions[0]);
		CTL(harness, &output, "--json", "versions", metric, space + 1);
		harness_assert(harness, output.code == 0, "versions %s: %s", versions[0],
			       output.err);
		fprintf(out, "# %s\n%s", versions[0], output.out);
		output_done(&output);
	}
	ck_assert_int_eq(fclose(out), 0);
	return text;
}
