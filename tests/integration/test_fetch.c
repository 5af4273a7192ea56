/* SPDX-License-Identifier: MIT
 *
 * test_fetch.c - sources with a url: the real daemon and fetcher against a server on loopback that
 * redirects, stalls, lies and floods. Test program.
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "harness.h"
#include "web_server.h"

#define WAIT_MS 20000

static struct harness h;
static struct web_server web;

static void set_up(void)
{
	/* a stall of 2 s and a first retry after 1.2 s */
	ck_assert_int_eq(setenv("STRAITD_TEST_PERCENT", "2", 1), 0);
	(void)unsetenv("http_proxy");
	web_server_start(&web);
	harness_start(&h);
	harness_plugin(&h, "platform_response");
}

static void tear_down(void)
{
	harness_stop(&h);
	web_server_stop(&web);
	(void)unsetenv("STRAITD_TEST_PERCENT");
}

static void configure(const char *name, const char *path, const char *more)
{
	char file[64];

	(void)snprintf(file, sizeof(file), "%s.conf", name);
	harness_config(&h, file,
		       "[source %s]\nplugin = platform_response\nurl = http://127.0.0.1:%d%s\n%s",
		       name, web.port, path, more);
}

static void wait_file(const char *source, const char *folder, const char *name)
{
	char path[HARNESS_PATH_MAX];

	harness_wait_path(&h, harness_spool_path(&h, source, folder, name, path), true);
}

/* ── what is fetched ──────────────────────────────────────────────────────────────────────── */

START_TEST(fetches_a_document_once_and_then_asks_whether_it_changed)
{
	configure("a", "/good.csv", "refresh = 1s\n");
	harness_daemon(&h);
	harness_wait_figure(&h, "referrals.requested", 2);
	wait_file("a", "done", "good.csv");
	ck_assert(web_server_wait(&web, "GET /good.csv conditional", 2));
	ck_assert(harness_source_number(&h, "a", "LastFetch") > 0);
	harness_wait_source_text(&h, "a", "FetchFault", "");
	ck_assert_int_eq(harness_log_has(&h, "fetched 'good.csv'"), 1);
}
END_TEST

START_TEST(asks_conditionally_after_a_restart_too)
{
	configure("a", "/good.csv", "refresh = 1s\n");
	harness_daemon(&h);
	harness_wait_figure(&h, "referrals.requested", 2);
	ck_assert(web_server_wait(&web, "GET /good.csv", 1));
	ck_assert_int_eq(harness_daemon_end(&h, 15), 0);
	harness_daemon(&h);
	ck_assert(web_server_wait(&web, "GET /good.csv conditional", 1));
}
END_TEST

START_TEST(the_servers_date_becomes_that_of_the_file)
{
	char path[HARNESS_PATH_MAX];
	struct stat status;

	configure("a", "/dated.csv", "refresh = 1s\n");
	harness_daemon(&h);
	harness_wait_figure(&h, "referrals.requested", 2);
	ck_assert(web_server_wait(&web, "GET /dated.csv conditional", 1));
	wait_file("a", "done", "dated.csv");
	ck_assert_int_eq(stat(harness_spool_path(&h, "a", "done", "dated.csv", path), &status), 0);
	ck_assert_int_eq(status.st_mtime, 1583064000); /* 2020-03-01T12:00:00Z */
}
END_TEST

START_TEST(the_same_bytes_without_a_date_are_not_imported_again)
{
	char path[HARNESS_PATH_MAX];

	configure("a", "/plain.csv", "refresh = 1s\n");
	harness_daemon(&h);
	ck_assert(web_server_wait(&web, "GET /plain.csv", 3));
	harness_wait_figure(&h, "referrals.requested", 2);
	ck_assert_int_ne(access(harness_spool_path(&h, "a", "done", "plain.csv.1", path), F_OK), 0);
	ck_assert_int_ne(access(harness_spool_path(&h, "a", "incoming", "plain.csv", path), F_OK),
			 0);
}
END_TEST

START_TEST(follow_picks_the_first_link_that_matches)
{
	configure("a", "/page.html", "follow = goo*.csv\n");
	configure("b", "/page.html", "follow = *.ods\n");
	harness_daemon(&h);
	harness_wait_figure(&h, "referrals.requested", 2);
	wait_file("a", "done", "good.csv");
	harness_wait_source_text(&h, "b", "FetchFault",
				 "none of the 4 links on the page of 127.0.0.1");
}
END_TEST

START_TEST(a_redirect_is_followed)
{
	configure("a", "/redirect", "");
	harness_daemon(&h);
	harness_wait_figure(&h, "referrals.requested", 2);
	wait_file("a", "done", "good.csv");
}
END_TEST

START_TEST(a_name_from_the_server_stays_in_the_spool)
{
	configure("a", "/name", "");
	harness_daemon(&h);
	harness_wait_figure(&h, "referrals.requested", 2);
	harness_wait_log(&h, "fetched 'document'");
}
END_TEST

/* ── what fails ───────────────────────────────────────────────────────────────────────────── */

static const struct bad {
	const char *path, *more, *fault;
} bad[] = {
	{ "/loop", "", "redirect" },
	{ "/down", "", "rotocol" },
	{ "/stall.csv", "", "too slow" },
	{ "/silent", "", "too slow" },
	{ "/truncated.csv", "", "remaining" },
	{ "/longer.csv", "", "" }, /* cut to what was promised: see below */
	{ "/endless.csv", "fetch_max = 1M\n", "sends more than 1048576 bytes" },
	{ "/promised.csv", "fetch_max = 1M\n", "sends more than 1048576 bytes" },
	{ "/many-headers", "", "127.0.0.1" },
	{ "/busy", "", "answered 429" },
	{ "/broken", "", "answered 500: the server is in trouble" },
	{ "/gone", "", "answered 410: there is nothing at that address" },
	{ "/empty.csv", "", "empty document" },
	{ "/nowhere", "", "answered 404" },
};

START_TEST(what_is_no_whole_document_never_reaches_the_spool)
{
	char name[16], path[HARNESS_PATH_MAX];
	struct stat status;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(name, sizeof(name), "s%zu", i);
		configure(name, bad[i].path, bad[i].more);
	}
	harness_daemon(&h);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(name, sizeof(name), "s%zu", i);
		if (!bad[i].fault[0])
			continue;
		harness_wait_source_text(&h, name, "FetchFault", bad[i].fault);
		harness_wait_source_text(&h, name, "FetchFault", "; tried again at 20");
		ck_assert_int_eq((int)harness_source_number(&h, name, "LastFetch"), 0);
		(void)harness_spool_path(&h, name, "incoming", "", path);
		ck_assert_int_eq(stat(path, &status), 0);
		ck_assert_int_eq((int)harness_source_number(&h, name, "Accepted"), 0);
	}
	ck_assert(isnan(harness_figure(&h, "referrals.requested")));
}
END_TEST

START_TEST(a_failure_is_tried_again_and_its_end_is_told)
{
	configure("a", "/truncated.csv", "refresh = 1s\n");
	harness_daemon(&h);
	ck_assert(web_server_wait(&web, "GET /truncated.csv", 2));
	configure("a", "/good.csv", "refresh = 1s\n");
	ck_assert_int_eq(kill(h.daemon.pid, SIGHUP), 0);
	harness_wait_figure(&h, "referrals.requested", 2);
	harness_wait_source_text(&h, "a", "FetchFault", "");
}
END_TEST

START_TEST(retry_after_is_honoured)
{
	long long began;

	configure("a", "/busy", "refresh = 1s\n");
	harness_daemon(&h);
	ck_assert(web_server_wait(&web, "GET /busy", 1));
	began = process_now_ms();
	ck_assert(web_server_wait(&web, "GET /busy", 1));
	ck_assert_int_ge(process_now_ms() - began, 6900);
}
END_TEST

/* ── asked for ────────────────────────────────────────────────────────────────────────────── */

START_TEST(refresh_fetches_now)
{
	struct output output;

	configure("a", "/plain.csv", "");
	harness_config(&h, "b.conf", "[source b]\nplugin = platform_response\n");
	harness_daemon(&h);
	ck_assert(web_server_wait(&web, "GET /plain.csv", 1));
	harness_wait_figure(&h, "referrals.requested", 2);
	harness_wait_log(&h, "fetched 'plain.csv'"); /* it has ended */
	CTL(&h, &output, "refresh", "a");
	ck_assert_int_eq(output.code, 0);
	output_done(&output);
	ck_assert(web_server_wait(&web, "GET /plain.csv", 1));
	CTL(&h, &output, "refresh", "b");
	ck_assert_int_eq(output.code, 1);
	ck_assert_ptr_nonnull(strstr(output.err, "has no 'url'"));
	output_done(&output);
	CTL(&h, &output, "refresh", "c");
	ck_assert_int_eq(output.code, 4);
	output_done(&output);
}
END_TEST

START_TEST(without_its_program_it_says_so)
{
	char *build = getenv("STRAIT_BUILD"), other[HARNESS_PATH_MAX], to[HARNESS_PATH_MAX + 16];

	/* a build directory with the daemon alone */
	(void)snprintf(other, sizeof(other), "%s/alone", h.directory);
	ck_assert_int_eq(mkdir(other, 0755), 0);
	(void)snprintf(to, sizeof(to), "%s/straitd", other);
	{
		struct output output;
		char from[HARNESS_PATH_MAX];

		(void)snprintf(from, sizeof(from), "%s/straitd", build);
		RUN(&output, "cp", from, to);
		ck_assert_int_eq(output.code, 0);
		output_done(&output);
	}
	configure("a", "/good.csv", "");
	h.program = "straitd";
	build = strdup(build);
	ck_assert_int_eq(setenv("STRAIT_BUILD", other, 1), 0);
	harness_daemon(&h);
	ck_assert_int_eq(setenv("STRAIT_BUILD", build, 1), 0);
	free(build);
	harness_wait_source_text(&h, "a", "FetchFault",
				 "there is no straitd-fetcher beside the daemon's program");
}
END_TEST

/* ── TLS ──────────────────────────────────────────────────────────────────────────────────── */

static bool have_openssl(void)
{
	struct output output;
	bool have;

	RUN(&output, "sh", "-c", "command -v openssl");
	have = output.code == 0;
	output_done(&output);
	if (!have)
		(void)fprintf(stderr, "SKIP: there is no openssl to serve HTTPS with\n");
	return have;
}

static int begin_tls(struct process *server)
{
	char script[1024];
	const char *line;

	(void)snprintf(
		script, sizeof(script),
		"cd %s && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
		"-addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem 2>/dev/null && "
		"printf '%%s' '%s' > tls.csv && exec openssl s_server -accept 127.0.0.1:0 -cert "
		"cert.pem -key key.pem -WWW 2>&1",
		h.directory, WEB_DOCUMENT);
	process_start(server, -1, (const char *const[]){ "sh", "-c", script, NULL });
	while ((line = process_line(server, WAIT_MS))) {
		const char *port = strstr(line, "ACCEPT 127.0.0.1:");

		if (port)
			return (int)strtol(port + strlen("ACCEPT 127.0.0.1:"), NULL, 10);
	}
	ck_abort_msg("openssl s_server did not start");
}

START_TEST(certificates_are_verified)
{
	struct process server = { 0 };
	char path[HARNESS_PATH_MAX];
	int port;

	if (!have_openssl())
		return;
	port = begin_tls(&server);
	harness_config(
		&h, "a.conf",
		"[source a]\nplugin = platform_response\nurl = https://localhost:%d/tls.csv\n"
		"[source b]\nplugin = platform_response\nurl = https://127.0.0.1:%d/tls.csv\n",
		port, port);
	harness_daemon(&h);
	harness_wait_source_text(&h, "a", "FetchFault", "ertificate");
	ck_assert_int_eq(harness_daemon_end(&h, 15), 0);

	(void)snprintf(path, sizeof(path), "%s/cert.pem", h.directory);
	ck_assert_int_eq(setenv("SSL_CERT_FILE", path, 1), 0);
	harness_daemon(&h);
	ck_assert_int_eq(unsetenv("SSL_CERT_FILE"), 0);
	harness_wait_figure(&h, "referrals.requested", 2);
	harness_wait_source_text(&h, "b", "FetchFault",
				 "127.0.0.1"); /* the certificate is of another name */
	process_done(&server);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fetch");
	TCase *tests = tcase_create("fetch");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 90);
	tcase_add_test(tests, fetches_a_document_once_and_then_asks_whether_it_changed);
	tcase_add_test(tests, asks_conditionally_after_a_restart_too);
	tcase_add_test(tests, the_servers_date_becomes_that_of_the_file);
	tcase_add_test(tests, the_same_bytes_without_a_date_are_not_imported_again);
	tcase_add_test(tests, follow_picks_the_first_link_that_matches);
	tcase_add_test(tests, a_redirect_is_followed);
	tcase_add_test(tests, a_name_from_the_server_stays_in_the_spool);
	tcase_add_test(tests, what_is_no_whole_document_never_reaches_the_spool);
	tcase_add_test(tests, a_failure_is_tried_again_and_its_end_is_told);
	tcase_add_test(tests, retry_after_is_honoured);
	tcase_add_test(tests, refresh_fetches_now);
	tcase_add_test(tests, without_its_program_it_says_so);
	tcase_add_test(tests, certificates_are_verified);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
