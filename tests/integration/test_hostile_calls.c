/* SPDX-License-Identifier: MIT
 *
 * test_hostile_calls.c - arguments of strangers: for each member of each object, as introspection
 * shows them, wrong signatures and random values of the right one. Each call gets one reply, an
 * error has one of the documented names and a sentence, and the daemon is as it was. Test program.
 *
 * $STRAIT_SEED repeats a run; it is printed when something fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>
#include <dbus/dbus.h>

#include "harness.h"
#include "inputs.h"
#include "random_call.h"

#define NAME	     "org.straitd.Straitd1"
#define ROOT	     "/org/straitd/Straitd1"
#define CALL_MS	     20000
#define WINDOW	     32 /* calls under way; a bus lets 128 be */
#define RANDOM_CALLS 40 /* of each member */
#define WRONG_CALLS  12

static const char *const words[] = {
	"referrals.requested",
	"referrals.accounts",
	"referrals.block_rate",
	"nca",
	"platform",
	"outcome",
	"blocked",
	"2020-03",
	"2020",
	NAME ".Manager",
	NAME ".Figure",
	NAME ".Source",
	"Sequence",
	"Value",
	"State",
	"check.nothing",
	"referrals.accounts{outcome=blocked}.2020-03",
	NULL,
};

static struct harness h;
static struct members members;
static DBusConnection *caller;
static struct random_source source;
static uint64_t seed;

struct sent {
	dbus_uint32_t serial;
	const struct member *member;
	char signature[MEMBER_SIGNATURE_MAX];
	bool refused; /* must be InvalidArgs */
	bool answered;
};
static struct sent window[WINDOW];
static size_t sent_count;

static DBusMessage *ask(const char *path, const char *interface, const char *member)
{
	DBusMessage *call = dbus_message_new_method_call(NAME, path, interface, member), *reply;
	DBusError error = DBUS_ERROR_INIT;

	reply = dbus_connection_send_with_reply_and_block(caller, call, CALL_MS, &error);
	harness_assert(&h, reply != NULL, "%s of %s: %s", member, path, error.message);
	dbus_message_unref(call);
	return reply;
}

static void introspect(const char *path)
{
	DBusMessage *reply = ask(path, DBUS_INTERFACE_INTROSPECTABLE, "Introspect");
	const char *xml;

	ck_assert(dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &xml, DBUS_TYPE_INVALID));
	members_add(&members, path, xml);
	dbus_message_unref(reply);
}

static void set_up(void)
{
	static const char *const paths[] = { ROOT,
					     ROOT "/figure/referrals_2erequested",
					     ROOT "/source/nca",
					     ROOT "/job/1",
					     ROOT "/figure",
					     "/" };
	const char *wanted = getenv("STRAIT_SEED");
	DBusError error = DBUS_ERROR_INIT;
	char path[HARNESS_PATH_MAX];
	struct output output;

	harness_start(&h);
	harness_plugin(&h, "platform_response");
	harness_config(&h, "nca.conf", "[source nca]\nplugin = platform_response\n");
	harness_daemon(&h);
	harness_wait_source(&h, "nca", "idle");
	harness_file(&h, REFERRALS_MARCH_NAME, REFERRALS_MARCH, path);
	CTL(&h, &output, "import", "nca", path);
	harness_assert(&h, output.code == 0, "%s", output.err);
	output_done(&output);
	harness_wait_figure(&h, "referrals.requested", 4);
	caller = dbus_connection_open_private(h.bus.address, &error);
	harness_assert(&h, caller != NULL && dbus_bus_register(caller, &error), "%s",
		       error.message);
	dbus_connection_set_exit_on_disconnect(caller, FALSE);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		introspect(paths[i]);
	ck_assert_uint_gt(members.count, 40);
	seed = wanted ? strtoull(wanted, NULL, 10) : (uint64_t)time(NULL);
	source = (struct random_source){ .state = seed, .words = words };
}

static void tear_down(void)
{
	dbus_connection_close(caller);
	dbus_connection_unref(caller);
	harness_stop(&h);
}

static void check_reply(const struct sent *sent, DBusMessage *reply)
{
	const char *error = dbus_message_get_error_name(reply), *sentence = "";

	if (sent->refused)
		harness_assert(&h, error && strcmp(error, DBUS_ERROR_INVALID_ARGS) == 0,
			       "%s(%s) gives %s (STRAIT_SEED=%llu)", sent->member->name,
			       sent->signature, error ? error : "no error",
			       (unsigned long long)seed);
	if (error == NULL)
		return;
	(void)dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &sentence, DBUS_TYPE_INVALID);
	harness_assert(&h,
		       (strncmp(error, NAME ".Error.", sizeof(NAME ".Error.") - 1) == 0 ||
			strncmp(error, "org.freedesktop.DBus.Error.", 27) == 0) &&
			       strcmp(error, DBUS_ERROR_NO_REPLY) != 0 &&
			       strcmp(error, DBUS_ERROR_NO_MEMORY) != 0 && strlen(sentence) > 10,
		       "%s(%s) gives %s: %s (STRAIT_SEED=%llu)", sent->member->name,
		       sent->signature, error, sentence, (unsigned long long)seed);
}

static void take_reply(DBusMessage *reply)
{
	dbus_uint32_t serial = dbus_message_get_reply_serial(reply);

	for (size_t i = 0; i < sent_count; i++) {
		if (window[i].serial != serial)
			continue;
		harness_assert(&h, !window[i].answered, "%s is answered twice (STRAIT_SEED=%llu)",
			       window[i].member->name, (unsigned long long)seed);
		window[i].answered = true;
		check_reply(&window[i], reply);
		return;
	}
	harness_fail(&h, "a reply to nothing, %u (STRAIT_SEED=%llu)", (unsigned int)serial,
		     (unsigned long long)seed);
}

/* All of the window are answered. A second reply to one would meet the next window. */
static void settle(void)
{
	long long end = process_now_ms() + CALL_MS;
	size_t left = sent_count;

	dbus_connection_flush(caller);
	while (left > 0) {
		DBusMessage *message = dbus_connection_pop_message(caller);

		if (message == NULL) {
			long long wait = end - process_now_ms();

			for (size_t i = 0; wait <= 0 && i < sent_count; i++)
				harness_assert(&h, window[i].answered,
					       "%s(%s) is not answered (STRAIT_SEED=%llu)",
					       window[i].member->name, window[i].signature,
					       (unsigned long long)seed);
			harness_assert(&h, dbus_connection_read_write(caller, (int)wait),
				       "the bus closed the connection (STRAIT_SEED=%llu)",
				       (unsigned long long)seed);
			continue;
		}
		if (dbus_message_get_reply_serial(message) != 0) {
			take_reply(message);
			left--;
		}
		dbus_message_unref(message);
	}
	sent_count = 0;
}

static void send_call(const struct member *member, const char *signature, bool refused)
{
	DBusMessage *call =
		dbus_message_new_method_call(NAME, member->path, member->interface, member->name);
	struct sent *sent = &window[sent_count++];
	DBusMessageIter to;

	ck_assert_ptr_nonnull(call);
	dbus_message_iter_init_append(call, &to);
	random_append(&source, &to, signature);
	*sent = (struct sent){ .member = member, .refused = refused };
	(void)snprintf(sent->signature, sizeof(sent->signature), "%s", signature);
	ck_assert(dbus_connection_send(caller, call, &sent->serial));
	dbus_message_unref(call);
	if (sent_count == WINDOW)
		settle();
}

/* libdbus answers these itself, whatever the arguments. */
static bool is_peer(const struct member *member)
{
	return strcmp(member->interface, DBUS_INTERFACE_PEER) == 0;
}

START_TEST(wrong_signatures_are_refused)
{
	char signature[MEMBER_SIGNATURE_MAX];

	for (size_t i = 0; i < members.count; i++) {
		const struct member *member = &members.items[i];

		for (int round = 0; round < WRONG_CALLS; round++) {
			random_signature(&source, 3, signature, sizeof(signature));
			if (round == 0) /* too few, or one too many */
				(void)snprintf(signature, sizeof(signature), "%s",
					       member->in[0] ? "" : "s");
			else if (round == 1)
				(void)snprintf(signature, sizeof(signature), "%ss", member->in);
			else if (round == 2)
				(void)snprintf(signature, sizeof(signature), "h");
			if (strcmp(signature, member->in) != 0)
				send_call(member, signature, !is_peer(member));
		}
	}
	settle();
}
END_TEST

START_TEST(random_values_get_one_reply_each)
{
	for (int round = 0; round < RANDOM_CALLS; round++) {
		for (size_t i = 0; i < members.count; i++)
			send_call(&members.items[i], members.items[i].in, false);
	}
	settle();
	/* nothing of that was a fact */
	ck_assert_double_eq(harness_figure(&h, "referrals.requested"), 4);
}
END_TEST

/* Deeper than anything means; as deep as D-Bus has it. */
START_TEST(deep_nesting_is_refused)
{
	DBusMessage *call = dbus_message_new_method_call(NAME, ROOT, NAME ".Manager", "GetFigures"),
		    *reply;
	DBusMessageIter levels[33];

	dbus_message_iter_init_append(call, &levels[0]);
	for (int i = 0; i < 32; i++)
		ck_assert(dbus_message_iter_open_container(&levels[i], DBUS_TYPE_VARIANT,
							   i < 31 ? "v" : "u", &levels[i + 1]));
	ck_assert(dbus_message_iter_append_basic(&levels[32], DBUS_TYPE_UINT32,
						 &(dbus_uint32_t){ 1 }));
	for (int i = 31; i >= 0; i--)
		ck_assert(dbus_message_iter_close_container(&levels[i], &levels[i + 1]));
	ck_assert(dbus_connection_send(caller, call, NULL));
	dbus_message_unref(call);
	reply = ask(ROOT, NAME ".Manager", "ListMetrics"); /* after it */
	dbus_message_unref(reply);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hostile calls");
	TCase *tests = tcase_create("hostile calls");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 300);
	tcase_add_test(tests, wrong_signatures_are_refused);
	tcase_add_test(tests, random_values_get_one_reply_each);
	tcase_add_test(tests, deep_nesting_is_refused);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
