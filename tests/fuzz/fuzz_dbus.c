/* SPDX-License-Identifier: MIT
 *
 * fuzz_dbus.c - hostile calls: every one is answered exactly once (never, when the caller wants no
 * reply), and none ends the process. The bus is a connection of our own whose other end plays the
 * message bus: it takes the replies, and answers the question who a caller is.
 *
 * Byte 0 chooses: a message as it stands in the input (libdbus checks it as it does what arrives),
 * or one that is built: the method from the tables, its path and interface, and arguments of its
 * signature or of another one, with values from the input.
 */
// links: tests/support/fake_ledger.c tests/support/fake_sources.c
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>
#include <event2/event.h>

#include "bus_private.h"
#include "fake_ledger.h"
#include "fake_sources.h"

#define SERIAL	   4711u
#define TURNS_MAX  200
#define TEXT_BYTES 300u
#define SENDER	   ":1.7"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct world {
	struct event_base *base;
	struct bus *bus;
	DBusServer *server;
	DBusConnection *peer;
	struct bus_loop *peer_loop;
	unsigned int replies; /* to SERIAL */
	unsigned int trust;   /* what the bus says of the caller */
} world;

/* What is left of the input. */
struct input {
	const uint8_t *data;
	size_t size;
};

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static uint8_t take_byte(struct input *input)
{
	if (!input->size)
		return 0;
	input->size--;
	return *input->data++;
}

static uint64_t take_number(struct input *input)
{
	uint64_t number = 0;

	for (int i = 0; i < 8; i++)
		number = number << 8 | take_byte(input);
	return number;
}

/* What the fakes' assertions call; there is no running test here. */
void _mark_point(const char *file, int line)
{
	(void)file, (void)line;
}

void _ck_assert_failed(const char *file, int line, const char *expr, const char *msg, ...)
{
	(void)msg;
	(void)fprintf(stderr, "%s:%d: %s\n", file, line, expr);
	abort();
}

/* ── the other end ─────────────────────────────────────────────────────────────────────────── */

static void answer_who(DBusConnection *connection, DBusMessage *question)
{
	DBusMessage *reply = world.trust % 3 == 2
				     ? dbus_message_new_error(question, DBUS_ERROR_FAILED, "no")
				     : dbus_message_new_method_return(question);
	struct bus_writer writer;

	demand(reply);
	if (world.trust % 3 != 2) {
		bus_writer_init(&writer, reply);
		bus_put_array(&writer, "{sv}");
		bus_put_entry(&writer);
		bus_put_word(&writer, "UnixUserID");
		bus_put_variant(&writer, "u");
		bus_put_u32(&writer, world.trust % 3 ? 65534 : 0);
		bus_put_end(&writer);
		bus_put_end(&writer);
		bus_put_end(&writer);
		demand(bus_writer_done(&writer));
	}
	demand(dbus_connection_send(connection, reply, NULL));
	dbus_message_unref(reply);
}

static DBusHandlerResult on_peer(DBusConnection *connection, DBusMessage *message, void *data)
{
	(void)data;
	if (dbus_message_is_method_call(message, DBUS_INTERFACE_DBUS, "GetConnectionCredentials"))
		answer_who(connection, message);
	else if (dbus_message_get_reply_serial(message) == SERIAL)
		world.replies++;
	return DBUS_HANDLER_RESULT_HANDLED;
}

static void on_connection(DBusServer *server, DBusConnection *connection, void *data)
{
	(void)server, (void)data;
	world.peer = dbus_connection_ref(connection);
}

static dbus_bool_t add_watch(DBusWatch *watch, void *data)
{
	DBusWatch **kept = data;

	*kept = watch;
	return TRUE;
}

static void remove_watch(DBusWatch *watch, void *data)
{
	(void)watch, (void)data;
}

static DBusHandlerResult on_ours(DBusConnection *connection, DBusMessage *message, void *data)
{
	(void)connection, (void)message, (void)data;
	return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
}

static int refuse_reload(void *context, struct fault *fault)
{
	(void)context;
	return fault_set(fault, FAULT_CONFIG, "no");
}

static void on_lost(void *context, const char *why)
{
	(void)context, (void)why;
	abort(); /* no call may end the daemon */
}

static int open_original(void *context, const uint8_t sha256[SHA256_BYTES], int *ret_fd,
			 struct fault *fault)
{
	(void)context;
	if (sha256[0] != FAKE_HASH_BYTE)
		return fault_set(fault, FAULT_BAD_ARGUMENT, "it is not kept");
	*ret_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return 0;
}

static bool has_original(void *context, const uint8_t sha256[SHA256_BYTES])
{
	(void)context;
	return sha256[0] == FAKE_HASH_BYTE;
}

static void on_lost_event(evutil_socket_t fd, short what, void *data)
{
	(void)fd, (void)what, (void)data;
	abort();
}

static DBusConnection *connect_pair(void)
{
	DBusWatch *watch = NULL;
	DBusConnection *ours;
	char *address;

	world.server = dbus_server_listen("unix:tmpdir=/tmp", NULL);
	demand(world.server);
	dbus_server_set_new_connection_function(world.server, on_connection, NULL, NULL);
	demand(dbus_server_set_watch_functions(world.server, add_watch, remove_watch, NULL, &watch,
					       NULL));
	address = dbus_server_get_address(world.server);
	ours = dbus_connection_open_private(address, NULL);
	dbus_free(address);
	demand(ours && watch);
	demand(dbus_watch_handle(watch, DBUS_WATCH_READABLE) && world.peer);
	return ours;
}

static void set_up(void)
{
	static const struct bus_requests requests = { .reload = refuse_reload,
						      .lost = on_lost,
						      .open_original = open_original,
						      .has_original = has_original };
	struct ledger *ledger = fake_ledger_new();
	struct sources *sources = fake_sources_new();
	struct bus *bus = calloc(1, sizeof(*bus));

	demand(bus && ledger && sources);
	world.base = event_base_new();
	world.bus = bus;
	*bus = (struct bus){
		.base = world.base, .ledger = ledger, .sources = sources, .requests = &requests
	};
	fake_ledger_commit(ledger, "arrivals.people.latest", 409, STRAIT_PROVISIONAL, "2020-09-02",
			   NULL);
	(void)fake_source(sources, "home-office");
	(void)fake_job(sources, 1);
	bus->connection = connect_pair();
	dbus_connection_set_exit_on_disconnect(bus->connection, FALSE);
	bus->spare = malloc(BUS_SPARE_BYTES);
	bus->lost = event_new(bus->base, -1, 0, on_lost_event, bus);
	bus->changes = bus_changes_new(bus);
	bus->access = bus_access_new(bus);
	bus->series = bus_series_new();
	bus->replies = bus_replies_new();
	bus->reconnect = bus_reconnect_new(bus); /* and the stall */
	bus->loop = bus_loop_new(bus->base, bus->connection);
	world.peer_loop = bus_loop_new(world.base, world.peer);
	demand(bus->reconnect && bus->changes && bus->access && bus->series && bus->replies &&
	       bus->loop && world.peer_loop);
	demand(dbus_connection_add_filter(world.peer, on_peer, NULL, NULL));
	demand(dbus_connection_add_filter(bus->connection, on_ours, NULL, NULL));
	bus_loop_check(world.peer_loop);
	bus_loop_check(bus->loop);
}

/* ── a message ─────────────────────────────────────────────────────────────────────────────── */

static const char *take_text(struct input *input)
{
	static const char *const known[] = {
		"arrivals.people.latest",
		"arrivals.people",
		"arrivals.people.2020-09-02",
		"2020-09-02",
		"",
		"home-office",
		"referrals.accounts",
		"platform",
		"2020-01/2020-05",
		BUS_IFACE_MANAGER,
		BUS_IFACE_FIGURE,
		"Value",
		"Sequence",
		"abababababababababababababababababababababababababababababababab",
	};
	static char text[TEXT_BYTES];
	uint8_t choice = take_byte(input);
	size_t size = choice & 0x80 ? choice & 0x7f : 0;

	if (!size)
		return known[choice % (sizeof(known) / sizeof(known[0]))];
	size = size < input->size ? size : input->size;
	memcpy(text, input->data, size);
	text[size] = '\0';
	input->data += size;
	input->size -= size;
	/* libdbus ends a *sender* with text that is not UTF-8, so none arrives */
	return dbus_validate_utf8(text, NULL) ? text : "?";
}

static void put_value(struct input *input, DBusSignatureIter *type, DBusMessageIter *message);

static void put_all(struct input *input, DBusSignatureIter *type, DBusMessageIter *message)
{
	do
		put_value(input, type, message);
	while (dbus_signature_iter_next(type));
}

static void put_container(struct input *input, DBusSignatureIter *type, DBusMessageIter *message)
{
	int code = dbus_signature_iter_get_current_type(type);
	DBusSignatureIter inner;
	DBusMessageIter below;
	char *signature;
	uint8_t count;

	if (code == DBUS_TYPE_VARIANT) {
		demand(dbus_message_iter_open_container(message, code, "s", &below));
		dbus_signature_iter_init(&inner, "s");
		put_all(input, &inner, &below);
		demand(dbus_message_iter_close_container(message, &below));
		return;
	}
	dbus_signature_iter_recurse(type, &inner);
	if (code != DBUS_TYPE_ARRAY) {
		demand(dbus_message_iter_open_container(message, code, NULL, &below));
		put_all(input, &inner, &below);
		demand(dbus_message_iter_close_container(message, &below));
		return;
	}
	signature = dbus_signature_iter_get_signature(&inner);
	demand(dbus_message_iter_open_container(message, code, signature, &below));
	dbus_free(signature);
	for (count = take_byte(input) % 20; count; count--) {
		DBusSignatureIter element = inner;

		put_value(input, &element, &below);
	}
	demand(dbus_message_iter_close_container(message, &below));
}

static void put_value(struct input *input, DBusSignatureIter *type, DBusMessageIter *message)
{
	int code = dbus_signature_iter_get_current_type(type);
	const char *text;
	DBusBasicValue value;
	int fd;

	if (dbus_type_is_container(code)) {
		put_container(input, type, message);
		return;
	}
	memset(&value, 0, sizeof(value));
	if (code == DBUS_TYPE_UNIX_FD) {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		demand(fd >= 0 && dbus_message_iter_append_basic(message, code, &fd));
		(void)close(fd);
		return;
	}
	if (code == DBUS_TYPE_STRING) {
		text = take_text(input);
		demand(dbus_message_iter_append_basic(message, code, &text));
		return;
	}
	value.u64 = take_number(input);
	if (code == DBUS_TYPE_BOOLEAN)
		value.bool_val &= 1;
	demand(dbus_message_iter_append_basic(message, code, &value));
}

static const struct bus_interface *const interfaces[] = {
	&bus_manager_interface,	   &bus_manager_interface,	  &bus_manager_interface,
	&bus_figure_interface,	   &bus_source_interface,	  &bus_job_interface,
	&bus_properties_interface, &bus_introspectable_interface, &bus_object_manager_interface,
};

static const struct bus_method *take_method(struct input *input,
					    const struct bus_interface *interface)
{
	size_t count = 0;

	while (interface->methods && interface->methods[count].name)
		count++;
	return count ? &interface->methods[take_byte(input) % count] : NULL;
}

static DBusMessage *build(struct input *input)
{
	static const char *const paths[] = { BUS_ROOT,
					     BUS_ROOT,
					     BUS_ROOT,
					     BUS_ROOT "/figure/arrivals_2epeople_2elatest",
					     BUS_ROOT "/source/home_2doffice",
					     BUS_ROOT "/job/1",
					     BUS_ROOT "/figure",
					     "/" };
	static const char *const signatures[] = {
		"", "s", "as", "sa{ss}ssx", "h", "v", "ssv", "tu"
	};
	const struct bus_interface *interface = interfaces[take_byte(input) % 9];
	const struct bus_method *method = take_method(input, interface);
	uint8_t choice = take_byte(input);
	const char *signature = method ? method->in : "";
	DBusSignatureIter type;
	DBusMessageIter arguments;
	DBusMessage *message = dbus_message_new_method_call(BUS_NAME, paths[choice % 8],
							    choice & 0x40 ? NULL : interface->name,
							    method ? method->name : "GetFigure");

	demand(message);
	if ((choice & 0x38) == 0x38)
		signature = signatures[take_byte(input) % 8];
	if (choice & 0x80)
		dbus_message_set_no_reply(message, TRUE);
	dbus_message_iter_init_append(message, &arguments);
	if (*signature) {
		dbus_signature_iter_init(&type, signature);
		put_all(input, &type, &arguments);
	}
	return message;
}

/* ── one call ──────────────────────────────────────────────────────────────────────────────── */

static void turn(void)
{
	(void)event_base_loop(world.base, EVLOOP_NONBLOCK);
}

/* Imports made jobs, of which the fake has room for a few. */
static void forget_jobs(struct sources *sources)
{
	struct job_info job;

	while (sources_job_count(sources) > 1 && sources_job_at(sources, 1, &job) == 0)
		fake_job_remove(sources, job.id);
}

static void call(DBusMessage *message)
{
	bool no_reply = dbus_message_get_no_reply(message);

	world.replies = 0;
	bus_object_call(world.bus, world.bus->connection, message);
	for (int i = 0; i < TURNS_MAX && !world.replies; i++) {
		turn();
		if (no_reply && i == 3)
			break;
	}
	if (!no_reply)
		turn(); /* a second one would come now */
	demand(no_reply ? world.replies == 0 : world.replies == 1);
	forget_jobs(world.bus->sources);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	DBusMessage *message;
	uint8_t choice;

	if (!world.bus)
		set_up();
	choice = take_byte(&input);
	world.trust = choice >> 4;
	if (choice & 1)
		message = dbus_message_demarshal((const char *)input.data, (int)input.size, NULL);
	else
		message = build(&input);
	if (!message)
		return 0;
	/* what the bus and libdbus let through to bus_object_call() */
	if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_METHOD_CALL &&
	    dbus_message_get_path(message)) {
		demand(dbus_message_set_sender(message, SENDER));
		dbus_message_set_serial(message, SERIAL);
		call(message);
	}
	dbus_message_unref(message);
	return 0;
}
