/* SPDX-License-Identifier: MIT
 *
 * test_bus_explain.c - Explain, GetRelease and OpenOriginal: what they refuse, and to whom. Their
 * good answers are in test_bus.c.
 */
// needs: fake_ledger fake_sources
#include "bus_fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#define OUR_ERROR "!org.straitd.Straitd1.Error."
#define KEPT	  "abababababababababababababababababababababababababababababababab"
#define UNKNOWN	  "0000000000000000000000000000000000000000000000000000000000000000"
#define NOBODY	  65534

static const char *ask(const char *member, const char *signature, const char *const arguments[5])
{
	static char text[4096];
	DBusMessage *reply = bus_client_ask(
		&fixture.client, bus_client_message(&fixture.client, BUS_ROOT, BUS_IFACE_MANAGER,
						    member, signature, arguments));

	(void)snprintf(text, sizeof(text), "%s", bus_client_text(reply));
	dbus_message_unref(reply);
	return text;
}

static const struct {
	const char *member, *signature;
	const char *arguments[5];
	const char *error;
} refused[] = {
	{ "Explain", "s", { "no.such" }, OUR_ERROR "NoSuchFigure" },
	{ "Explain", "s", { "arrivals.people.2020-02-30" }, OUR_ERROR "BadPeriod" },
	{ "ExplainItems", "sx", { "no.such", "0" }, OUR_ERROR "NoSuchFigure" },
	{ "GetRelease", "s", { "" }, OUR_ERROR "BadArgument" },
	{ "GetRelease", "s", { "abab" }, OUR_ERROR "BadArgument" },
	{ "GetRelease", "s", { KEPT "a" }, OUR_ERROR "BadArgument" },
	{ "GetRelease",
	  "s",
	  { "xbababababababababababababababababababababababababababababababab" },
	  OUR_ERROR "BadArgument" },
	{ "GetRelease", "s", { UNKNOWN }, OUR_ERROR "BadArgument" },
	{ "OpenOriginal", "s", { UNKNOWN }, OUR_ERROR "BadArgument" },
	{ "OpenOriginal", "s", { "abab" }, OUR_ERROR "BadArgument" },
};

START_TEST(refuses_with_the_right_error)
{
	ck_assert_str_eq(ask(refused[_i].member, refused[_i].signature, refused[_i].arguments),
			 refused[_i].error);
}
END_TEST

START_TEST(a_hash_in_capitals_is_the_same)
{
	static const char *const arguments[5] = {
		"ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB"
	};

	ck_assert_ptr_nonnull(strstr(ask("GetRelease", "s", arguments), "'series.ods'"));
}
END_TEST

/* A message that the bus refuses would cost the connection. */
START_TEST(an_explanation_that_is_too_large_is_refused)
{
	static const char *const arguments[5] = { "arrivals.people.latest", "0" };

	fake_ledger_set_points(fixture.ledger, 80000);
	ck_assert_str_eq(ask("Explain", "s", arguments), OUR_ERROR "TooLarge");
	ck_assert_str_eq(ask("ExplainItems", "sx", arguments), OUR_ERROR "TooLarge");
}
END_TEST

static const char *send_as(unsigned int uid, const char *member)
{
	char path[128];
	const char *const argv[] = { "dbus-send", "--session", "--print-reply", "--dest=" BUS_NAME,
				     BUS_ROOT,	  path,	       "string:" KEPT,	NULL };

	(void)snprintf(path, sizeof(path), BUS_IFACE_MANAGER ".%s", member);
	return bus_fixture_run(uid, 0, argv);
}

/* Documents may name people: everybody hears of them, not everybody reads them. */
START_TEST(an_original_is_for_those_who_may_import)
{
	ck_assert_ptr_nonnull(strstr(send_as(0, "OpenOriginal"), "file descriptor"));
	if (getuid() != 0)
		return; /* nobody else can be tried */
	ck_assert_ptr_nonnull(strstr(send_as(NOBODY, "GetRelease"), "series.ods"));
	ck_assert_ptr_nonnull(strstr(send_as(NOBODY, "OpenOriginal"), "AccessDenied"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bus_explain");
	TCase *calls = tcase_create("calls");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(calls, bus_fixture_start, bus_fixture_stop);
	tcase_set_timeout(calls, 60);
	tcase_add_loop_test(calls, refuses_with_the_right_error, 0,
			    sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(calls, a_hash_in_capitals_is_the_same);
	tcase_add_test(calls, an_explanation_that_is_too_large_is_refused);
	tcase_add_test(calls, an_original_is_for_those_who_may_import);
	suite_add_tcase(suite, calls);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
