/* SPDX-License-Identifier: MIT
 *
 * test_bus.c - every member of every interface, asked over a private bus; every error; the XML; the
 * command line tools. Signals, access and losing the bus: test_bus_events.c.
 */
// needs: fake_ledger fake_sources
#include "bus_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#define MANAGER	    BUS_IFACE_MANAGER
#define PROPERTIES  DBUS_INTERFACE_PROPERTIES
#define OUR_ERROR   "!org.straitd.Straitd1.Error."
#define THEIR_ERROR "!org.freedesktop.DBus.Error."

#define HASH "abababababababababababababababababababababababababababababababab"

/* clang-format off */
struct row {
	const char *path, *interface, *member, *signature;
	const char *arguments[5];
	const char *reply; /* as bus_client_text() writes it; ends with an asterisk: only so far */
};

static const struct row good_calls[] = {
	{ BUS_ROOT, MANAGER, "GetFigure", "s", { "arrivals.people.latest" },
	  "(409 'people' 'provisional' '2020-09-02' 1599080400000 1)" },
	{ BUS_ROOT, MANAGER, "GetFigure", "s", { "referrals.block_rate" },
	  "(nan 'people' 'missing' '' 1599080400000 2)" },
	{ BUS_ROOT, MANAGER, "GetFigure", "s", { "arrivals.people.2020-09-02" },
	  "(399 'people' 'final' '2020-09-02' 1735689600000 2)" },
	{ BUS_ROOT, MANAGER, "GetFigures", "as", { "" },
	  "(2 [('arrivals.people.latest' 409 'people' 'provisional' '2020-09-02' 1599080400000) "
	  "('referrals.block_rate' nan 'people' 'missing' '' 1599080400000)])" },
	{ BUS_ROOT, MANAGER, "GetFigures", "as",
	    { "arrivals.people.2020-09-02,arrivals.people.latest" },
	  "(2 [('arrivals.people.2020-09-02' 399 'people' 'final' '2020-09-02' 1735689600000) "
	  "('arrivals.people.latest' 409 'people' 'provisional' '2020-09-02' 1599080400000)])" },
	{ BUS_ROOT, MANAGER, "GetFigureAsOf", "sx", { "arrivals.people.2020-09-02",
	    "1599080400000" },
	  "(409 'people' 'provisional' '2020-09-02' 1599080400000)" },
	{ BUS_ROOT, MANAGER, "GetFigureAsOf", "sx", { "arrivals.people.2020-09-02",
	    "1627300800000" },
	  "(416 'people' 'final' '2020-09-02' 1627300800000)" },
	{ BUS_ROOT, MANAGER, "GetFigureAsOf", "sx", { "arrivals.people.2020-09-02", "1" },
	  "(nan 'people' 'missing' '2020-09-02' 0)" },
	{ BUS_ROOT, MANAGER, "GetFigureAsOf", "sx", { "arrivals.people.latest", "0" },
	  "(409 'people' 'provisional' '2020-09-02' 1599080400000)" },
	{ BUS_ROOT, MANAGER, "GetSeries", "sa{ss}ssx", { "arrivals.people", "", "2020-09-01", "",
	    "0" },
	  "('P1D' [1599004800000 1599091200000 1599177600000] [100 101 102] [APE])" },
	{ BUS_ROOT, MANAGER, "GetSeriesFd", "sa{ss}ssx", { "arrivals.people", "", "", "", "0" },
	  "fd" },
	{ BUS_ROOT, MANAGER, "GetVersions", "sa{ss}s", { "arrivals.people", "", "2020-09-02" },
	  "[(1599080400000 409 'provisional' 'press') (1627300800000 416 'final' 'restated') "
	  "(1735689600000 399 'final' 'series.ods') (1735689600001 nan 'withdrawn' 'gone')]" },
	{ BUS_ROOT, MANAGER, "Explain", "s", { "arrivals.people.2020-09-02" },
	  "[('2020-09-02' 'series.ods' 'https://example.org/' '" HASH "' 'Data!B7' 1735689600000)]" },
	{ BUS_ROOT, MANAGER, "ExplainItems", "sx", { "referrals.block_rate", "0" },
	  "('a / b' 'latest' '' [('a' 'above' [('2020-09-02' 'series.ods' 'https://example.org/' '" HASH
	  "' 'Data!B7' 1735689600000)]) ('b' 'below' [('2020-09-02' 'series.ods' "
	  "'https://example.org/' '" HASH "' 'Data!B7' 1735689600000)])])" },
	{ BUS_ROOT, MANAGER, "GetRelease", "s", { HASH },
	  "('home-office' 'series.ods' 'daily' 'https://example.org/' 1000 5 1735689600000 "
	  "1735689600001 'home_office 1.0' true)" },
	{ BUS_ROOT, MANAGER, "OpenOriginal", "s", { HASH }, "fd" },
	{ BUS_ROOT, MANAGER, "ChangesSince", "tu", { "0", "0" },
	  "2 true [(1 1000 'new' 'arrivals.people.latest' nan 409) (2 2000 'new' "
	  "'referrals.block_rate' nan nan)]" },
	{ BUS_ROOT, MANAGER, "ChangesSince", "tu", { "0", "1" },
	  "2 false [(1 1000 'new' 'arrivals.people.latest' nan 409)]" },
	{ BUS_ROOT, MANAGER, "ChangesSince", "tu", { "2", "10" }, "2 true []" },
	{ BUS_ROOT, MANAGER, "ListChanges", "tu", { "0", "0" },
	  "2 true [(1 1000 'home-office' 'new' 'arrivals.people.latest' nan 409 'provisional') (2 2000 "
	  "'home-office' 'new' 'referrals.block_rate' nan nan 'missing')]" },
	{ BUS_ROOT, MANAGER, "ListChanges", "tu", { "1", "1" },
	  "2 true [(2 2000 'home-office' 'new' 'referrals.block_rate' nan nan 'missing')]" },
	{ BUS_ROOT, MANAGER, "ListMetrics", "", { 0 },
	  "[('arrivals.people' 'people' 'level' 'People who arrived' []) "
	  "('referrals.accounts' 'accounts' 'record' 'Accounts referred to platforms' ['platform' "
	  "'outcome'])]" },
	{ BUS_ROOT, MANAGER, "ListChecks", "", { 0 },
	  "[('weekly' 'Weeks are the sums of their days' 'open' 30 1 1)]" },
	{ BUS_ROOT, MANAGER, "GetCheck", "sx", { "weekly", "0" },
	  "('weekly' 'Weeks are the sums of their days' 'open' 'arrivals.people_weekly' "
	  "'arrivals.people' 'week' 30 1 1 2 [('2020-W36' 401 399 'open' '') "
	  "('2020-W35' 5 7 'explained' 'counted later')])" },
	{ BUS_ROOT, MANAGER, "GetCheck", "sx", { "weekly", "1000" },
	  "('weekly' 'Weeks are the sums of their days' 'open' 'arrivals.people_weekly' "
	  "'arrivals.people' 'week' 30 1 1 2 [])" },
	{ BUS_ROOT, MANAGER, "ListRejects", "su", { "", "0" },
	  "[('home-office' 'series.ods' 'Data!B7' ''AAA' is no number' 'bad \xef\xbf\xbd byte' "
	  "2000) "
	  "('police' 'log.csv' '512' 'no date' 'AAAA' 1000)]" },
	{ BUS_ROOT, MANAGER, "ListRejects", "su", { "police", "5" },
	  "[('police' 'log.csv' '512' 'no date' 'AAAA' 1000)]" },
	{ BUS_ROOT, MANAGER, "Reload", "", { 0 }, "" },
	{ BUS_ROOT, MANAGER, "Retry", "s", { "home-office" }, "" },
	{ BUS_ROOT "/job/1", BUS_IFACE_JOB, "Cancel", "", { 0 }, "" },

	{ BUS_ROOT, PROPERTIES, "GetAll", "s", { MANAGER },
	  "{'Version': <'" STRAITD_VERSION "'>, 'Sequence': <2>, 'Ready': <true>, 'PrivateAddress': <''>, 'Store': <'good'>}" },
	{ BUS_ROOT, PROPERTIES, "Get", "ss", { MANAGER, "Sequence" }, "<2>" },
	{ BUS_ROOT, PROPERTIES, "Get", "ss", { "", "Version" }, "<'" STRAITD_VERSION "'>" },
	{ BUS_ROOT, PROPERTIES, "GetAll", "s", { DBUS_INTERFACE_PEER }, "{}" },
	{ FIGURE_PATH, PROPERTIES, "GetAll", "s", { BUS_IFACE_FIGURE },
	  "{'Name': <'arrivals.people.latest'>, 'Title': <'A figure'>, 'Value': <409>, 'Unit': "
	  "<'people'>, "
	  "'Status': <'provisional'>, 'Period': <'2020-09-02'>, 'PublishedAt': <1599080400000>, "
	  "'Source': <'home-office'>, 'Stale': <false>, 'Sequence': <1>, "
	  "'Formula': <'arrivals.people'>, 'Window': <'latest'>}" },
	{ SOURCE_PATH, PROPERTIES, "GetAll", "s", { "" },
	  "{'Name': <'home-office'>, 'Plugin': <'home_office'>, 'PluginVersion': <'1.0'>, 'State': "
	  "<'idle'>, "
	  "'Reason': <''>, 'Freshness': <'fresh'>, 'LastRelease': <'series.ods'>, 'LastRead': "
	  "<5000>, "
	  "'Accepted': <7>, 'Rejected': <0>, 'Restarts': <0>, 'LastFault': <''>, 'Progress': "
	  "<1>, 'Sandbox': <'landlock 7, seccomp'>, 'LastFetch': <0>, 'FetchFault': <''>}" },
	{ BUS_ROOT "/job/1", PROPERTIES, "GetAll", "s", { BUS_IFACE_JOB },
	  "{'Source': <'home-office'>, 'Name': <'file.ods'>, 'State': <'queued'>, 'Progress': <0>, "
	  "'Accepted': <0>, 'Rejected': <0>, 'Error': <''>, 'Note': <''>}" },

	{ BUS_ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", "", { 0 },
	  "{'" FIGURE_PATH "': {'" BUS_IFACE_FIGURE "': {'Name': <'arrivals.people.latest'>*" },
	{ BUS_ROOT, DBUS_INTERFACE_INTROSPECTABLE, "Introspect", "", { 0 }, "'<!DOCTYPE node*" },
	{ "/", DBUS_INTERFACE_INTROSPECTABLE, "Introspect", "", { 0 }, "'<!DOCTYPE node*" },
	{ BUS_ROOT, DBUS_INTERFACE_PEER, "Ping", "", { 0 }, "" },

	/* the interface may be left out */
	{ BUS_ROOT, NULL, "GetFigure", "s", { "arrivals.people.latest" }, "(409 *" },
	{ BUS_ROOT, NULL, "Reload", "", { 0 }, "" },
	{ FIGURE_PATH, NULL, "Get", "ss", { BUS_IFACE_FIGURE, "Value" }, "<409>" },
	{ BUS_ROOT, NULL, "Ping", "", { 0 }, "" },
	{ BUS_ROOT, NULL, "GetManagedObjects", "", { 0 }, "{'" FIGURE_PATH "*" },
	{ BUS_ROOT "/job/1", NULL, "Cancel", "", { 0 }, "" },
};

static const struct row bad_calls[] = {
	{ BUS_ROOT, MANAGER, "GetFigure", "s", { "no.such" }, OUR_ERROR "NoSuchFigure" },
	{ BUS_ROOT, MANAGER, "GetFigure", "s", { "arrivals.people.2020-02-30" },
	  OUR_ERROR "BadPeriod" },
	{ BUS_ROOT, MANAGER, "GetFigures", "as", { "arrivals.people.latest,no.such" },
	  OUR_ERROR "NoSuchFigure" },
	{ BUS_ROOT, MANAGER, "GetFigureAsOf", "sx", { "no.such", "0" }, OUR_ERROR "NoSuchFigure" },
	{ BUS_ROOT, MANAGER, "ListRejects", "su", { "no-such", "0" }, OUR_ERROR "NoSuchSource" },
	{ BUS_ROOT, MANAGER, "GetSeries", "sa{ss}ssx", { "no.such", "", "", "", "0" },
	  OUR_ERROR "NoSuchMetric" },
	{ BUS_ROOT, MANAGER, "GetSeries", "sa{ss}ssx", { "arrivals.people", "", "2020-13", "",
	    "0" },
	  OUR_ERROR "BadPeriod" },
	{ BUS_ROOT, MANAGER, "GetSeries", "sa{ss}ssx", { "arrivals.people", "a=b", "", "", "0" },
	  OUR_ERROR "BadArgument" },
	{ BUS_ROOT, MANAGER, "GetSeries", "sa{ss}ssx", { "arrivals.people", "a=1,b=2,c=3,d=4,e=5",
	    "", "", "0" },
	  OUR_ERROR "BadArgument" },
	{ BUS_ROOT, MANAGER, "GetSeries", "sa{ss}ssx", { "arrivals.people", "a=1,a=2", "", "",
	    "0" },
	  OUR_ERROR "BadArgument" },
	{ BUS_ROOT, MANAGER, "GetSeriesFd", "sa{ss}ssx", { "no.such", "", "", "", "0" },
	  OUR_ERROR "NoSuchMetric" },
	{ BUS_ROOT, MANAGER, "GetVersions", "sa{ss}s", { "arrivals.people", "", "yesterday" },
	  OUR_ERROR "BadPeriod" },
	{ BUS_ROOT, MANAGER, "Retry", "s", { "no-such" }, OUR_ERROR "NoSuchSource" },

	{ "/nowhere", MANAGER, "GetFigure", "s", { "x" }, THEIR_ERROR "UnknownObject" },
	{ "/", MANAGER, "GetFigure", "s", { "x" }, THEIR_ERROR "UnknownInterface" },
	{ "/org/straitd", PROPERTIES, "GetAll", "s", { "" }, THEIR_ERROR "UnknownInterface" },
	{ "/org/str", NULL, "Introspect", "", { 0 }, THEIR_ERROR "UnknownObject" },
	{ BUS_ROOT "x", NULL, "Introspect", "", { 0 }, THEIR_ERROR "UnknownObject" },
	{ BUS_ROOT "/figures", NULL, "Introspect", "", { 0 }, THEIR_ERROR "UnknownObject" },
	{ BUS_ROOT "/figure/no_2esuch", NULL, "Introspect", "", { 0 },
	  THEIR_ERROR "UnknownObject" },
	{ BUS_ROOT "/figure/arrivals_2Epeople_2Elatest", NULL, "Introspect", "", { 0 },
	  THEIR_ERROR "UnknownObject" },
	{ FIGURE_PATH "/deeper", NULL, "Introspect", "", { 0 }, THEIR_ERROR "UnknownObject" },
	{ BUS_ROOT "/source/nobody", NULL, "Introspect", "", { 0 }, THEIR_ERROR "UnknownObject" },
	{ BUS_ROOT "/job/2", NULL, "Cancel", "", { 0 }, THEIR_ERROR "UnknownObject" },
	{ BUS_ROOT "/job/01", NULL, "Cancel", "", { 0 }, THEIR_ERROR "UnknownObject" },
	{ BUS_ROOT "/job/4294967297", NULL, "Cancel", "", { 0 }, THEIR_ERROR "UnknownObject" },
	{ BUS_ROOT "/job/x", NULL, "Cancel", "", { 0 }, THEIR_ERROR "UnknownObject" },
	{ BUS_ROOT, "org.example.Other", "GetFigure", "s", { "x" },
	  THEIR_ERROR "UnknownInterface" },
	{ FIGURE_PATH, MANAGER, "GetFigure", "s", { "x" }, THEIR_ERROR "UnknownInterface" },
	{ FIGURE_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", "", { 0 },
	  THEIR_ERROR "UnknownInterface" },
	{ BUS_ROOT, MANAGER, "Explode", "", { 0 }, THEIR_ERROR "UnknownMethod" },
	{ BUS_ROOT, NULL, "Explode", "", { 0 }, THEIR_ERROR "UnknownMethod" },
	{ BUS_ROOT, MANAGER, "GetFigure", "u", { "1" }, THEIR_ERROR "InvalidArgs" },
	{ BUS_ROOT, MANAGER, "GetFigure", "", { 0 }, THEIR_ERROR "InvalidArgs" },
	{ BUS_ROOT, MANAGER, "GetFigure", "ss", { "a", "b" }, THEIR_ERROR "InvalidArgs" },
	{ BUS_ROOT, MANAGER, "Import", "ss", { "home-office", "x" }, THEIR_ERROR "InvalidArgs" },

	{ BUS_ROOT, PROPERTIES, "Get", "ss", { MANAGER, "Nothing" },
	  THEIR_ERROR "UnknownProperty" },
	{ BUS_ROOT, PROPERTIES, "Get", "ss", { "org.example.Other", "Version" },
	  THEIR_ERROR "UnknownInterface" },
	{ BUS_ROOT, PROPERTIES, "GetAll", "s", { "org.example.Other" },
	  THEIR_ERROR "UnknownInterface" },
	{ BUS_ROOT, PROPERTIES, "Set", "ssv", { MANAGER, "Version", "2" },
	  THEIR_ERROR "PropertyReadOnly" },
	{ BUS_ROOT, PROPERTIES, "Set", "ssv", { MANAGER, "Nothing", "2" },
	  THEIR_ERROR "UnknownProperty" },
	{ FIGURE_PATH, PROPERTIES, "Set", "ssv", { BUS_IFACE_FIGURE, "Value", "2" },
	  THEIR_ERROR "PropertyReadOnly" },
};
/* clang-format on */

static DBusMessage *ask_row(const struct row *row)
{
	return bus_client_ask(&fixture.client,
			      bus_client_message(&fixture.client, row->path, row->interface,
						 row->member, row->signature, row->arguments));
}

static void check_row(const struct row *row)
{
	DBusMessage *reply = ask_row(row);
	const char *text = bus_client_text(reply);
	size_t size = strcspn(row->reply, "*");

	if (row->reply[size])
		ck_assert_msg(!strncmp(text, row->reply, size), "%s: %s", row->member, text);
	else
		ck_assert_str_eq(text, row->reply);
	dbus_message_unref(reply);
}

START_TEST(answers_every_call)
{
	check_row(&good_calls[_i]);
}
END_TEST

/* Every error also says in words what to do, and in the caller's words what it was about. */
START_TEST(refuses_with_the_right_error)
{
	DBusMessage *reply;
	const char *sentence = "";

	check_row(&bad_calls[_i]);
	reply = ask_row(&bad_calls[_i]);
	ck_assert(
		dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &sentence, DBUS_TYPE_INVALID));
	ck_assert_uint_gt(strlen(sentence), 10);
	dbus_message_unref(reply);
}
END_TEST

START_TEST(wrong_arguments_are_told_the_right_ones)
{
	const struct row row = { BUS_ROOT, MANAGER, "GetFigureAsOf", "s", { "x" }, "" };
	DBusMessage *reply = ask_row(&row);
	const char *sentence;

	ck_assert(
		dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &sentence, DBUS_TYPE_INVALID));
	ck_assert_str_eq(sentence,
			 "GetFigureAsOf takes arguments of signature 'sx' (name as_of), not 's'");
	dbus_message_unref(reply);
}
END_TEST

/* What is in the tables is what comes back: no method answers with another signature than it
 * announces. */
START_TEST(replies_have_the_announced_signature)
{
	const struct row *row = &good_calls[_i];
	DBusMessage *reply = ask_row(row);

	for (int id = 0; id < BUS_KINDS; id++) {
		const struct bus_method *method = bus_kinds[id].interface->methods;

		for (; method && method->name; method++) {
			if (!strcmp(method->name, row->member))
				ck_assert_str_eq(dbus_message_get_signature(reply), method->out);
		}
	}
	dbus_message_unref(reply);
}
END_TEST

START_TEST(a_failed_reload_says_why)
{
	const struct row row = { BUS_ROOT, MANAGER, "Reload", "", { 0 }, THEIR_ERROR "Failed" };

	fixture.reload_fault = "straitd.conf:3: unknown key";
	check_row(&row);
	ck_assert_uint_eq(fixture.reloads, 1);
	fixture.reload_fault = NULL;
}
END_TEST

START_TEST(expired_sequences_say_so)
{
	const struct row row = { BUS_ROOT, MANAGER,	 "ChangesSince",
				 "tu",	   { "3", "0" }, OUR_ERROR "SequenceExpired" };

	fake_ledger_expire(fixture.ledger, 5);
	check_row(&row);
}
END_TEST

START_TEST(too_many_names_to_compute_are_refused)
{
	char names[70 * 28] = "arrivals.people.2020-09-02";
	const struct row row = { BUS_ROOT, MANAGER,   "GetFigures",
				 "as",	   { names }, OUR_ERROR "TooLarge" };

	for (int i = 0; i < 64; i++)
		strncat(names, ",arrivals.people.2020-09-02", sizeof(names) - strlen(names) - 1);
	check_row(&row);
}
END_TEST

/* The most that a reply carries, and one more. */
START_TEST(a_long_series_goes_by_descriptor_only)
{
	struct row row = { BUS_ROOT,
			   MANAGER,
			   "GetSeries",
			   "sa{ss}ssx",
			   { "arrivals.people", "", "", "", "0" },
			   OUR_ERROR "TooLarge" };
	DBusMessage *reply;

	fake_ledger_set_points(fixture.ledger, BUS_SERIES_POINTS_MAX);
	reply = ask_row(&row);
	ck_assert_str_eq(dbus_message_get_signature(reply), "(saxaday)");
	dbus_message_unref(reply);
	fake_ledger_set_points(fixture.ledger, BUS_SERIES_POINTS_MAX + 1);
	bus_source_changed(fixture.service, "home-office", false); /* as after a commit */
	check_row(&row);
	row.member = "GetSeriesFd";
	row.reply = "fd";
	check_row(&row);
}
END_TEST

START_TEST(an_empty_series_has_empty_arrays)
{
	const struct row row = { BUS_ROOT,
				 MANAGER,
				 "GetSeries",
				 "sa{ss}ssx",
				 { "arrivals.people", "", "", "", "0" },
				 "('P1D' [] [] [])" };

	fake_ledger_set_points(fixture.ledger, 0);
	check_row(&row);
}
END_TEST

/* ── the memfd ─────────────────────────────────────────────────────────────────────────────── */

static int series_fd(void)
{
	const struct row row = { BUS_ROOT,
				 MANAGER,
				 "GetSeriesFd",
				 "sa{ss}ssx",
				 { "arrivals.people", "", "", "", "0" },
				 "" };
	DBusMessage *reply = ask_row(&row);
	int fd = -1;

	ck_assert(dbus_message_get_args(reply, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID));
	dbus_message_unref(reply);
	return fd;
}

START_TEST(the_memfd_has_the_documented_layout)
{
	struct {
		uint64_t count;
		char granularity[16];
		int64_t starts[3];
		double values[3];
		char letters[3];
	} __attribute__((packed)) series;
	int fd = series_fd();

	ck_assert_int_eq(read(fd, &series, sizeof(series)), sizeof(series));
	ck_assert_int_eq(read(fd, &(char){ 0 }, 1), 0);
	ck_assert_uint_eq(series.count, 3);
	ck_assert_str_eq(series.granularity, "P1D");
	ck_assert_int_eq(series.starts[2], INT64_C(1599177600000));
	ck_assert_double_eq(series.values[1], 101);
	ck_assert_int_eq(memcmp(series.letters, "APE", 3), 0);
	(void)close(fd);
}
END_TEST

START_TEST(nobody_can_change_the_memfd)
{
	int fd = series_fd();
	const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

	ck_assert_int_eq(fcntl(fd, F_GET_SEALS) & all, all);
	ck_assert_int_lt(write(fd, "x", 1), 0);
	(void)close(fd);
}
END_TEST

static ino_t inode(int fd)
{
	struct stat status;

	ck_assert_int_eq(fstat(fd, &status), 0);
	return status.st_ino;
}

START_TEST(the_memfd_is_kept_until_a_commit)
{
	struct commit_report report;
	int first = series_fd(), second = series_fd(), third;

	ck_assert_int_eq(inode(first), inode(second));
	ck_assert_int_eq(read(first, &(char[8]){ 0 }, 8), 8);
	ck_assert_int_eq(lseek(second, 0, SEEK_CUR), 0); /* readers do not share a position */
	fake_ledger_commit(fixture.ledger, "arrivals.people.latest", 410, STRAIT_FINAL,
			   "2020-09-02", &report);
	bus_figures_changed(fixture.service, &report);
	third = series_fd();
	ck_assert_int_ne(inode(first), inode(third));
	(void)close(first);
	(void)close(second);
	(void)close(third);
}
END_TEST

/* ── import ────────────────────────────────────────────────────────────────────────────────── */

static DBusMessage *import(const char *source, const char *name, const char *contents)
{
	int fd = memfd_create("import", MFD_CLOEXEC);
	DBusMessage *message =
		dbus_message_new_method_call(BUS_NAME, BUS_ROOT, BUS_IFACE_MANAGER, "Import");

	ck_assert_int_eq(write(fd, contents, strlen(contents)), (ssize_t)strlen(contents));
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	ck_assert(dbus_message_append_args(message, DBUS_TYPE_STRING, &source, DBUS_TYPE_STRING,
					   &name, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID));
	(void)close(fd);
	return bus_client_ask(&fixture.client, message);
}

START_TEST(import_hands_the_open_file_over)
{
	DBusMessage *reply = import("home-office", "day.csv", "2020-09-02,409");

	ck_assert_str_eq(bus_client_text(reply), "'" BUS_ROOT "/job/2'");
	ck_assert_str_eq(fake_imported(fixture.sources), "home-office day.csv 2020-09-02,409");
	dbus_message_unref(reply);
}
END_TEST

static const struct {
	const char *source, *name, *error;
} bad_imports[] = {
	{ "nobody", "day.csv", OUR_ERROR "NoSuchSource" },
	{ "home-office", "", OUR_ERROR "BadArgument" },
	{ "home-office", "../../etc/passwd", OUR_ERROR "BadArgument" },
	{ "home-office", "a/b", OUR_ERROR "BadArgument" },
	{ "home-office", ".hidden", OUR_ERROR "BadArgument" },
	{ "home-office", "new\nline", OUR_ERROR "BadArgument" },
};

static unsigned int open_fds(void)
{
	unsigned int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

START_TEST(a_refused_import_leaks_no_descriptor)
{
	unsigned int before = open_fds();
	DBusMessage *reply = import(bad_imports[_i].source, bad_imports[_i].name, "x");

	ck_assert_str_eq(bus_client_text(reply), bad_imports[_i].error);
	ck_assert_str_eq(fake_imported(fixture.sources), "");
	dbus_message_unref(reply);
	ck_assert_uint_eq(open_fds(), before);
}
END_TEST

/* ── text from outside, callers who do not listen ──────────────────────────────────────────── */

START_TEST(text_that_is_not_utf8_is_repaired)
{
	const struct row row = { SOURCE_PATH,
				 PROPERTIES,
				 "Get",
				 "ss",
				 { BUS_IFACE_SOURCE, "LastFault" },
				 "<'\xef\xbf\xbd"
				 "a\xef\xbf\xbd\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd'>" };

	fake_source(fixture.sources, "home-office")->last_fault = "\xff"
								  "a\xc0\x80\xc3\xa9\xe2";
	check_row(&row);
}
END_TEST

START_TEST(a_missing_text_is_empty)
{
	const struct row row = {
		SOURCE_PATH, PROPERTIES, "Get", "ss", { BUS_IFACE_SOURCE, "PluginVersion" }, "<''>"
	};

	fake_source(fixture.sources, "home-office")->plugin_version = NULL;
	check_row(&row);
}
END_TEST

START_TEST(a_caller_who_wants_no_reply_gets_none)
{
	static const char *const source[] = { "home-office" };
	DBusMessage *message =
		bus_client_message(&fixture.client, BUS_ROOT, MANAGER, "Retry", "s", source);

	dbus_message_set_no_reply(message, TRUE);
	ck_assert(dbus_connection_send(fixture.client.connection, message, NULL));
	dbus_message_unref(message);
	for (int i = 0; i < 1000 && !*fake_retried(fixture.sources); i++)
		bus_client_turn(&fixture.client);
	ck_assert_str_eq(fake_retried(fixture.sources), "home-office");
	bus_client_settle(&fixture.client); /* an unwanted reply would end in DBUS_FATAL_WARNINGS or
					       the bus's log */
}
END_TEST

START_TEST(many_calls_in_flight_are_all_answered)
{
	DBusPendingCall *pending[100];
	static const char *const name[] = { "arrivals.people.latest" };

	for (int i = 0; i < 100; i++) {
		DBusMessage *message = bus_client_message(&fixture.client, BUS_ROOT, MANAGER,
							  "GetFigure", "s", name);

		ck_assert(dbus_connection_send_with_reply(fixture.client.connection, message,
							  &pending[i], -1));
		dbus_message_unref(message);
	}
	for (int i = 0; i < 100; i++) {
		DBusMessage *reply;

		for (int turn = 0; turn < 5000 && !dbus_pending_call_get_completed(pending[i]);
		     turn++)
			bus_client_turn(&fixture.client);
		reply = dbus_pending_call_steal_reply(pending[i]);
		ck_assert_ptr_nonnull(reply);
		ck_assert_str_eq(dbus_message_get_signature(reply), "(dsssxt)");
		dbus_message_unref(reply);
		dbus_pending_call_unref(pending[i]);
	}
}
END_TEST

/* ── introspection ─────────────────────────────────────────────────────────────────────────── */

static char *read_file(const char *path)
{
	char *text = calloc(1, 65536);
	FILE *file = fopen(path, "re");

	ck_assert_msg(text && file, "cannot read %s", path);
	text[fread(text, 1, 65535, file)] = '\0';
	(void)fclose(file);
	return text;
}

/* From "  <interface" on; what stands before is a comment and the document type. */
START_TEST(the_committed_xml_is_what_the_tables_say)
{
	const char *source = getenv("STRAIT_SOURCE");
	const struct bus_interface *interface = bus_kinds[_i].interface;
	char path[512], *xml = NULL, *committed, *start;
	size_t size;
	FILE *out = open_memstream(&xml, &size);

	bus_introspect_interface(out, interface);
	fputs("</node>\n", out);
	ck_assert_int_eq(fclose(out), 0);
	(void)snprintf(path, sizeof(path), "%s/conf/dbus/%s.xml", source ? source : ".",
		       interface->name);
	committed = read_file(path);
	start = strstr(committed, "  <interface");
	ck_assert_msg(start && !strcmp(start, xml),
		      "%s is not what the tables say; it should be\n%s", path, xml);
	free(committed);
	free(xml);
}
END_TEST

START_TEST(one_document_has_all_interfaces)
{
	char *xml = NULL;
	size_t size;
	FILE *out = open_memstream(&xml, &size);

	bus_introspect(out);
	ck_assert_int_eq(fclose(out), 0);
	for (int id = 0; id < BUS_KINDS; id++) {
		char name[128];

		(void)snprintf(name, sizeof(name), "<interface name=\"%s\">",
			       bus_kinds[id].interface->name);
		ck_assert_ptr_nonnull(strstr(xml, name));
	}
	ck_assert_ptr_nonnull(strstr(xml, "</node>\n"));
	free(xml);
}
END_TEST

static unsigned int words(const char *text)
{
	unsigned int count = text && *text ? 1 : 0;

	for (; text && *text; text++)
		count += *text == ' ';
	return count;
}

static unsigned int types(const char *signature)
{
	DBusSignatureIter iter;
	unsigned int count = 0;

	ck_assert_msg(dbus_signature_validate(signature, NULL), "'%s'", signature);
	if (!*signature)
		return 0;
	dbus_signature_iter_init(&iter, signature);
	do
		count++;
	while (dbus_signature_iter_next(&iter));
	return count;
}

START_TEST(every_argument_has_a_name)
{
	const struct bus_interface *interface = bus_kinds[_i].interface;
	unsigned int count = 0;

	for (const struct bus_method *method = interface->methods; method && method->name;
	     method++) {
		ck_assert_uint_eq(words(method->in_names), types(method->in));
		ck_assert_uint_eq(words(method->out_names), types(method->out));
		ck_assert_ptr_nonnull(method->doc);
	}
	for (const struct bus_signal *signal = interface->signals; signal && signal->name; signal++)
		ck_assert_uint_eq(words(signal->names), types(signal->signature));
	for (const struct bus_property *property = interface->properties; property->name;
	     property++)
		count++;
	ck_assert_uint_le(count, BUS_PROPERTIES_MAX);
}
END_TEST

/* clang-format off */
static const struct {
	const char *path, *has;
} nodes[] = {
	{ "/", "<node name=\"org\"/>" },
	{ "/org", "<node name=\"straitd\"/>" },
	{ "/org/straitd", "<node name=\"Straitd1\"/>" },
	{ BUS_ROOT, "<node name=\"figure\"/>\n  <node name=\"source\"/>\n  <node name=\"job\"/>" },
	{ BUS_ROOT, "<interface name=\"org.freedesktop.DBus.ObjectManager\">" },
	{ BUS_ROOT, "<interface name=\"" BUS_IFACE_MANAGER "\">" },
	{ BUS_ROOT "/figure", "<node name=\"arrivals_2epeople_2elatest\"/>\n  <node "
			      "name=\"referrals_2eblock_5frate\"/>" },
	{ BUS_ROOT "/source", "<node name=\"home_2doffice\"/>" },
	{ BUS_ROOT "/job", "<node name=\"1\"/>" },
	{ FIGURE_PATH, "<interface name=\"" BUS_IFACE_FIGURE "\">" },
	{ SOURCE_PATH, "<interface name=\"" BUS_IFACE_SOURCE "\">" },
	{ BUS_ROOT "/job/1", "<interface name=\"" BUS_IFACE_JOB "\">" },
	{ FIGURE_PATH, "EmitsChangedSignal\" value=\"const\"" },
};

static const struct {
	const char *argv[12], *has[3];
} tools[] = {
	{ { "busctl", "--user", "call", BUS_NAME, BUS_ROOT, BUS_IFACE_MANAGER, "GetFigure", "s",
	    "arrivals.people.latest" },
	  { "(dsssxt) 409 \"people\" \"provisional\" \"2020-09-02\" 1599080400000 1" } },
	{ { "busctl", "--user", "tree", BUS_NAME },
	  { FIGURE_PATH, SOURCE_PATH, BUS_ROOT "/job/1" } },
	{ { "busctl", "--user", "introspect", BUS_NAME, BUS_ROOT },
	  { "GetFigureAsOf", "emits-change", "FiguresChanged" } },
	{ { "busctl", "--user", "get-property", BUS_NAME, FIGURE_PATH, BUS_IFACE_FIGURE, "Value" },
	  { "d 409" } },
	{ { "gdbus", "call", "--session", "--dest", BUS_NAME, "--object-path", BUS_ROOT, "--method",
	    BUS_IFACE_MANAGER ".GetFigure", "arrivals.people.latest" },
	  { "((409.0, 'people', 'provisional', '2020-09-02', int64 1599080400000, uint64 1),)" } },
	{ { "gdbus", "introspect", "--session", "--dest", BUS_NAME, "--object-path", BUS_ROOT,
	    "--recurse" },
	  { "interface " BUS_IFACE_MANAGER, "node " FIGURE_PATH, "readonly d Value = 409.0" } },
	{ { "dbus-send", "--session", "--print-reply", "--dest=" BUS_NAME, BUS_ROOT,
	    BUS_IFACE_MANAGER ".GetFigure",
	    "string:no.such" },
	  { "Error org.straitd.Straitd1.Error.NoSuchFigure" } },
};
/* clang-format on */

START_TEST(introspection_shows_the_tree)
{
	const struct row row = { nodes[_i].path, DBUS_INTERFACE_INTROSPECTABLE,
				 "Introspect",	 "",
				 { 0 },		 "" };
	DBusMessage *reply = ask_row(&row);

	ck_assert_msg(strstr(bus_client_text(reply), nodes[_i].has), "%s", bus_client_text(reply));
	dbus_message_unref(reply);
}
END_TEST

START_TEST(the_usual_tools_work)
{
	const char *output = bus_fixture_run(0, 0, tools[_i].argv);

	if (!strcmp(output, "missing")) {
		fprintf(stderr, "%s is not installed: not tried\n", tools[_i].argv[0]);
		return;
	}
	for (int i = 0; i < 3 && tools[_i].has[i]; i++)
		ck_assert_msg(strstr(output, tools[_i].has[i]), "%s printed: %s", tools[_i].argv[0],
			      output);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("bus");
	TCase *calls = tcase_create("calls"), *tables = tcase_create("tables");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(calls, bus_fixture_start, bus_fixture_stop);
	tcase_set_timeout(calls, 30);
	tcase_add_loop_test(calls, answers_every_call, 0, ROWS(good_calls));
	tcase_add_loop_test(calls, replies_have_the_announced_signature, 0, ROWS(good_calls));
	tcase_add_loop_test(calls, refuses_with_the_right_error, 0, ROWS(bad_calls));
	tcase_add_test(calls, wrong_arguments_are_told_the_right_ones);
	tcase_add_test(calls, a_failed_reload_says_why);
	tcase_add_test(calls, expired_sequences_say_so);
	tcase_add_test(calls, too_many_names_to_compute_are_refused);
	tcase_add_test(calls, a_long_series_goes_by_descriptor_only);
	tcase_add_test(calls, an_empty_series_has_empty_arrays);
	tcase_add_test(calls, the_memfd_has_the_documented_layout);
	tcase_add_test(calls, nobody_can_change_the_memfd);
	tcase_add_test(calls, the_memfd_is_kept_until_a_commit);
	tcase_add_test(calls, import_hands_the_open_file_over);
	tcase_add_loop_test(calls, a_refused_import_leaks_no_descriptor, 0, ROWS(bad_imports));
	tcase_add_test(calls, text_that_is_not_utf8_is_repaired);
	tcase_add_test(calls, a_missing_text_is_empty);
	tcase_add_test(calls, a_caller_who_wants_no_reply_gets_none);
	tcase_add_test(calls, many_calls_in_flight_are_all_answered);
	tcase_add_loop_test(calls, introspection_shows_the_tree, 0, ROWS(nodes));
	tcase_add_loop_test(calls, the_usual_tools_work, 0, ROWS(tools));
	suite_add_tcase(suite, calls);
	tcase_add_loop_test(tables, the_committed_xml_is_what_the_tables_say, 0, BUS_KINDS);
	tcase_add_loop_test(tables, every_argument_has_a_name, 0, BUS_KINDS);
	tcase_add_test(tables, one_document_has_all_interfaces);
	suite_add_tcase(suite, tables);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
