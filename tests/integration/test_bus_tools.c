/* SPDX-License-Identifier: MIT
 *
 * test_bus_tools.c - the daemon as busctl, gdbus, dbus-send and dbus-monitor see it, typed as
 * people type it. Test program. A tool that is not installed is passed over.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>
#include <jansson.h>

#include "harness.h"
#include "inputs.h"

#define NAME	"org.straitd.Straitd1"
#define ROOT	"/org/straitd/Straitd1"
#define MANAGER NAME ".Manager"
#define LINE_MS 10000

static struct harness h;
static struct process monitor;

static void set_up(void)
{
	harness_start(&h);
	harness_plugin(&h, "platform_response");
	harness_config(&h, "nca.conf", "[source nca]\nplugin = platform_response\n");
	harness_daemon(&h);
	harness_wait_source(&h, "nca", "idle");
	harness_drop(&h, "nca", REFERRALS_MARCH_NAME, REFERRALS_MARCH);
	harness_wait_figure(&h, "referrals.requested", 4);
}

static void tear_down(void)
{
	process_done(&monitor);
	harness_stop(&h);
}

static bool is_installed(const char *program)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "/usr/bin/%s", program);
	return access(path, X_OK) == 0;
}

/* Each row: what is typed, and what the output must have. */
struct typed {
	const char *words[16];
	const char *has;
};

static void check_rows(const struct typed *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct output output;

		if (!is_installed(rows[i].words[0]))
			continue;
		process_run(&output, rows[i].words);
		harness_assert(&h, output.code == 0, "%s %s %s (row %zu): %s", rows[i].words[0],
			       rows[i].words[1], rows[i].words[2], i, output.err);
		harness_assert(&h, strstr(output.out, rows[i].has) != NULL,
			       "%s %s (row %zu) has no '%s': %s", rows[i].words[0],
			       rows[i].words[1], i, rows[i].has, output.out);
		output_done(&output);
	}
}

START_TEST(busctl_shows_tree_members_and_values)
{
	static const struct typed rows[] = {
		{ { "busctl", "--list", "tree", NAME }, ROOT "/figure/referrals_2eblocked" },
		{ { "busctl", "--list", "tree", NAME }, ROOT "/source/nca" },
		{ { "busctl", "introspect", NAME, ROOT }, "GetFigure" },
		{ { "busctl", "introspect", NAME, ROOT }, "FiguresChanged" },
		{ { "busctl", "introspect", NAME, ROOT "/figure/referrals_2eblocked" },
		  "PublishedAt" },
		{ { "busctl", "introspect", NAME, ROOT "/source/nca" }, "Freshness" },
		{ { "busctl", "get-property", NAME, ROOT, MANAGER, "Ready" }, "b true" },
		{ { "busctl", "get-property", NAME, ROOT "/figure/referrals_2eblocked",
		    NAME ".Figure", "Value" },
		  "d 2" },
		{ { "busctl", "get-property", NAME, ROOT "/source/nca", NAME ".Source", "State" },
		  "s \"idle\"" },
		{ { "busctl", "call", NAME, ROOT, MANAGER, "GetFigure", "s",
		    "referrals.requested" },
		  "(dsssxt) 4 \"accounts\"" },
		{ { "busctl", "call", NAME, ROOT, MANAGER, "GetFigures", "as", "1",
		    "referrals.blocked" },
		  "referrals.blocked" },
		{ { "busctl", "call", NAME, ROOT, MANAGER, "ListMetrics" }, "referrals.accounts" },
		{ { "busctl", "call", NAME, ROOT, MANAGER, "ChangesSince", "tu", "0", "10" },
		  "referrals.requested" },
	};

	check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}
END_TEST

START_TEST(busctl_json_is_what_scripts_read)
{
	struct output output;
	json_t *reply, *data;

	if (!is_installed("busctl"))
		return;
	RUN(&output, "busctl", "--json=short", "call", NAME, ROOT, MANAGER, "GetFigure", "s",
	    "referrals.requested");
	harness_assert(&h, output.code == 0, "%s", output.err);
	reply = json_loads(output.out, 0, NULL);
	ck_assert_str_eq(json_string_value(json_object_get(reply, "type")), "(dsssxt)");
	data = json_array_get(json_array_get(json_object_get(reply, "data"), 0), 0);
	ck_assert_double_eq(json_number_value(data), 4);
	json_decref(reply);
	output_done(&output);
}
END_TEST

START_TEST(busctl_tells_the_error_in_a_sentence)
{
	struct output output;

	if (!is_installed("busctl"))
		return;
	RUN(&output, "busctl", "call", NAME, ROOT, MANAGER, "GetFigure", "s", "referrals.blokced");
	ck_assert_int_ne(output.code, 0);
	harness_assert(&h, strstr(output.err, "referrals.blocked") != NULL, "%s", output.err);
	output_done(&output);
}
END_TEST

START_TEST(gdbus_introspects_calls_and_reads)
{
	static const struct typed rows[] = {
		{ { "gdbus", "introspect", "--system", "--dest", NAME, "--object-path", ROOT,
		    "--xml" },
		  "<interface name=\"" MANAGER "\">" },
		{ { "gdbus", "introspect", "--session", "--recurse", "--dest", NAME,
		    "--object-path", ROOT },
		  "interface " NAME ".Figure" },
		{ { "gdbus", "call", "--system", "--dest", NAME, "--object-path", ROOT, "--method",
		    MANAGER ".GetFigure", "referrals.requested" },
		  "((4.0, 'accounts', " },
		{ { "gdbus", "call", "--system", "--dest", NAME, "--object-path", ROOT, "--method",
		    "org.freedesktop.DBus.ObjectManager.GetManagedObjects" },
		  "'PluginVersion'" },
		{ { "gdbus", "call", "--system", "--dest", NAME, "--object-path", ROOT, "--method",
		    "org.freedesktop.DBus.Properties.GetAll", MANAGER },
		  "'Version'" },
	};

	check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}
END_TEST

START_TEST(dbus_send_prints_replies)
{
	static const struct typed rows[] = {
		{ { "dbus-send", "--system", "--print-reply", "--dest=" NAME, ROOT,
		    MANAGER ".GetFigure", "string:referrals.requested" },
		  "double 4" },
		{ { "dbus-send", "--system", "--print-reply", "--dest=" NAME, ROOT,
		    "org.freedesktop.DBus.Introspectable.Introspect" },
		  "GetSeries" },
		{ { "dbus-send", "--system", "--print-reply", "--dest=" NAME, ROOT,
		    "org.freedesktop.DBus.Properties.Get", "string:" MANAGER, "string:Sequence" },
		  "uint64" },
		{ { "dbus-send", "--system", "--print-reply", "--dest=" NAME, ROOT,
		    "org.freedesktop.DBus.Peer.Ping" },
		  "method return" },
	};

	check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}
END_TEST

/* Reads the monitor's lines until one has the text. */
static bool monitor_shows(const char *text)
{
	const char *line;

	while ((line = process_line(&monitor, LINE_MS)) != NULL) {
		if (strstr(line, text) != NULL)
			return true;
	}
	return false;
}

static void import_september(void)
{
	harness_drop(&h, "nca", REFERRALS_SEPTEMBER_NAME, REFERRALS_SEPTEMBER);
}

START_TEST(gdbus_monitor_shows_the_change)
{
	if (!is_installed("gdbus"))
		return;
	process_start(
		&monitor, -1,
		(const char *const[]){ "gdbus", "monitor", "--system", "--dest", NAME, NULL });
	/* it says so when it has its match rule */
	harness_assert(&h, monitor_shows("is owned by"), "gdbus monitor did not begin");
	import_september();
	harness_assert(&h, monitor_shows(MANAGER ".FiguresChanged (uint64 "), "no FiguresChanged");
}
END_TEST

START_TEST(dbus_monitor_takes_a_path_namespace)
{
	if (!is_installed("dbus-monitor"))
		return;
	process_start(&monitor, -1,
		      (const char *const[]){ "dbus-monitor", "--system",
					     "path_namespace='" ROOT "'", NULL });
	/* its own name being lost is the first thing that a monitor prints */
	harness_assert(&h, monitor_shows("NameLost"), "dbus-monitor did not begin");
	import_september();
	harness_assert(&h, monitor_shows("member=FiguresChanged"), "no FiguresChanged");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bus tools");
	TCase *tests = tcase_create("bus tools");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, busctl_shows_tree_members_and_values);
	tcase_add_test(tests, busctl_json_is_what_scripts_read);
	tcase_add_test(tests, busctl_tells_the_error_in_a_sentence);
	tcase_add_test(tests, gdbus_introspects_calls_and_reads);
	tcase_add_test(tests, dbus_send_prints_replies);
	tcase_add_test(tests, gdbus_monitor_shows_the_change);
	tcase_add_test(tests, dbus_monitor_takes_a_path_namespace);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
