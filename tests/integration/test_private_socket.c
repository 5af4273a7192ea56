/* SPDX-License-Identifier: MIT
 *
 * test_private_socket.c - straitd's own socket: the same answers as on the bus, the same refusals,
 * and peers that never read, flood, send rubbish, come by the thousand or die. Test program.
 */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "bus_client.h"
#include "harness.h"

#define NAME	"org.straitd.Straitd1"
#define ROOT	"/org/straitd/Straitd1"
#define MANAGER NAME ".Manager"
#define NOBODY	65534

static struct harness h;
static char path[HARNESS_PATH_MAX], address[HARNESS_PATH_MAX + 16];

static void set_up(void)
{
	harness_start(&h);
	ck_assert(snprintf(path, sizeof(path), "%s/run/private", h.directory) < (int)sizeof(path));
	(void)snprintf(address, sizeof(address), "unix:path=%s", path);
	harness_plugin(&h, "doc_demo");
	harness_config(&h, "demo.conf",
		       "[straitd]\nsocket = %s\n[source demo]\nplugin = doc_demo\n", path);
	harness_daemon(&h);
	harness_wait_source(&h, "demo", "idle");
}

static void tear_down(void)
{
	harness_stop(&h);
}

/* ── a well-behaved peer ───────────────────────────────────────────────────────────────────── */

static DBusHandlerResult on_message(DBusConnection *connection, DBusMessage *message, void *data)
{
	struct bus_client *client = data;

	(void)connection; /* the client's */
	if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_SIGNAL &&
	    client->signal_count < BUS_CLIENT_SIGNALS_MAX)
		client->signals[client->signal_count++] = dbus_message_ref(message);
	return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
}

static void open_peer(struct bus_client *client)
{
	DBusError error = DBUS_ERROR_INIT;

	*client = (struct bus_client){ .service = NAME };
	client->connection = dbus_connection_open_private(address, &error);
	ck_assert_msg(client->connection != NULL, "%s", error.message);
	dbus_connection_set_exit_on_disconnect(client->connection, FALSE);
	ck_assert(dbus_connection_add_filter(client->connection, on_message, client, NULL));
}

static void close_peer(struct bus_client *client)
{
	bus_client_forget(client);
	dbus_connection_close(client->connection);
	dbus_connection_unref(client->connection);
}

/* The answer as text; to be freed. */
static char *answer(struct bus_client *client, const char *object, const char *interface,
		    const char *member, const char *signature, const char *const *arguments)
{
	DBusMessage *reply =
		bus_client_ask(client, bus_client_message(client, object, interface, member,
							  signature, arguments));
	char *text = strdup(bus_client_text(reply));

	dbus_message_unref(reply);
	return text;
}

static void daemon_answers(void)
{
	struct bus_client peer;
	char *text;

	(void)harness_sequence(&h); /* on the bus: from then on the loop turns */
	open_peer(&peer);
	text = answer(&peer, ROOT, MANAGER, "GetFigures", "as", (const char *const[]){ "" });
	ck_assert_msg(strchr(text, '('), "%s", text);
	free(text);
	close_peer(&peer);
}

static long memory_kb(void)
{
	char file[64], line[256];
	long kb = -1;
	FILE *status;

	(void)snprintf(file, sizeof(file), "/proc/%d/status", (int)h.daemon.pid);
	status = fopen(file, "r");
	ck_assert_ptr_nonnull(status);
	while (kb < 0 && fgets(line, sizeof(line), status))
		if (!strncmp(line, "VmRSS:", 6))
			kb = strtol(line + 6, NULL, 10);
	(void)fclose(status);
	return kb;
}

/* AddressSanitizer keeps what is freed, up to its quarantine of 256 MiB. */
static void expect_growth_below(long before_kb, long kb)
{
#if defined(__SANITIZE_ADDRESS__)
	kb += 256 << 10;
#endif
	ck_assert_int_lt(memory_kb() - before_kb, kb);
}

static const struct {
	const char *object, *interface, *member, *signature, *arguments[5];
} reads[] = {
	{ ROOT, MANAGER, "GetFigure", "s", { "demo.level.latest" } },
	{ ROOT, MANAGER, "GetFigure", "s", { "no.such.figure" } },
	{ ROOT, MANAGER, "GetFigures", "as", { "" } },
	{ ROOT, MANAGER, "GetFigureAsOf", "sx", { "demo.level.latest", "0" } },
	{ ROOT, MANAGER, "GetSeries", "sa{ss}ssx", { "demo.level", "", "", "", "0" } },
	{ ROOT, MANAGER, "GetSeriesFd", "sa{ss}ssx", { "demo.level", "", "", "", "0" } },
	{ ROOT, MANAGER, "GetVersions", "sa{ss}s", { "demo.level", "", "2020-09-02" } },
	{ ROOT, MANAGER, "Explain", "s", { "demo.level.latest" } },
	{ ROOT, MANAGER, "ExplainItems", "sx", { "demo.level.latest", "0" } },
	{ ROOT, MANAGER, "GetRelease", "s", { "00" } },
	{ ROOT, MANAGER, "ChangesSince", "tu", { "0", "0" } },
	{ ROOT, MANAGER, "ListChanges", "tu", { "0", "0" } },
	{ ROOT, MANAGER, "ListMetrics", "", { NULL } },
	{ ROOT, MANAGER, "ListChecks", "", { NULL } },
	{ ROOT, MANAGER, "GetCheck", "sx", { "none", "0" } },
	{ ROOT, MANAGER, "ListRejects", "su", { "", "0" } },
	{ ROOT, MANAGER, "NoSuchMethod", "", { NULL } },
	{ ROOT "/nowhere", MANAGER, "GetFigure", "s", { "x" } },
	{ ROOT, "org.freedesktop.DBus.Properties", "GetAll", "s", { MANAGER } },
	{ ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", "", { NULL } },
	{ ROOT, "org.freedesktop.DBus.Introspectable", "Introspect", "", { NULL } },
	{ ROOT, "org.freedesktop.DBus.Peer", "Ping", "", { NULL } },
};

START_TEST(a_peer_gets_the_answers_of_the_bus)
{
	struct bus_client bus, peer;
	char *there, *here;

	bus_client_open(&bus, NULL, h.bus.address, NAME);
	open_peer(&peer);
	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
		there = answer(&bus, reads[i].object, reads[i].interface, reads[i].member,
			       reads[i].signature, reads[i].arguments);
		here = answer(&peer, reads[i].object, reads[i].interface, reads[i].member,
			      reads[i].signature, reads[i].arguments);
		ck_assert_str_eq(here, there);
		free(there);
		free(here);
	}
	here = answer(&peer, ROOT, "org.freedesktop.DBus.Properties", "Get", "ss",
		      (const char *const[]){ MANAGER, "PrivateAddress" });
	ck_assert_msg(strstr(here, address) != NULL, "%s", here);
	free(here);
	here = answer(&peer, ROOT, MANAGER, "Reload", "", NULL); /* we are its own user */
	ck_assert_str_eq(here, "");
	free(here);
	close_peer(&peer);
	bus_client_close(&bus);
}
END_TEST

START_TEST(a_peer_gets_signals_without_asking)
{
	struct bus_client peer;

	open_peer(&peer);
	free(answer(&peer, ROOT, "org.freedesktop.DBus.Peer", "Ping", "", NULL));
	harness_drop(&h, "demo", "one.txt", "level 2020-09-02 3\n");
	(void)bus_client_wait(&peer, ROOT, "FiguresChanged", 0);
	close_peer(&peer);
}
END_TEST

START_TEST(straitctl_uses_the_private_socket_like_a_bus)
{
	struct output output;

	RUN(&output, "env", "-u", "STRAITD_BUS", "sh", "-c",
	    "exec \"$STRAIT_BUILD\"/straitctl --bus \"$1\" list", "sh", address);
	ck_assert_msg(output.code == 0, "%s", output.err);
	output_done(&output);
	RUN(&output, "sh", "-c", "exec \"$STRAIT_BUILD\"/straitctl --bus \"$1\" reload", "sh",
	    address);
	ck_assert_msg(output.code == 0, "%s", output.err);
	output_done(&output);
}
END_TEST

/* In a process of that user; its exit code tells. */
static int reload_as_nobody(void)
{
	struct bus_client peer;
	char *figures, *reload;
	int result;

	if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
		return 2;
	open_peer(&peer);
	figures = answer(&peer, ROOT, MANAGER, "GetFigures", "as", (const char *const[]){ "" });
	reload = answer(&peer, ROOT, MANAGER, "Reload", "", NULL);
	result = *figures == '(' && !strcmp(reload, "!" NAME ".Error.AccessDenied") ? 0 : 3;
	if (result)
		fprintf(stderr, "%s\n%s\n", figures, reload);
	return result;
}

START_TEST(another_user_may_read_and_not_reload)
{
	int status;
	pid_t pid;

	if (geteuid() != 0) {
		fprintf(stderr, "not root: peers of other users not tried\n");
		return;
	}
	ck_assert_int_eq(chmod(h.directory, 0755), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(reload_as_nobody());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* ── others ────────────────────────────────────────────────────────────────────────────────── */

static int connect_raw(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	memcpy(name.sun_path, path, strlen(path) + 1);
	ck_assert_msg(connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0, "%s",
		      strerror(errno));
	return fd;
}

/* false: the other end has closed. */
static bool say(int fd, const void *bytes, size_t size)
{
	return send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static void wait_closed(int fd)
{
	char bytes[4096];
	ssize_t size;

	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

		ck_assert_msg(poll(&poll_fd, 1, HARNESS_DEADLINE_MS) == 1, "not closed");
		size = recv(fd, bytes, sizeof(bytes), 0);
		if (size <= 0)
			break;
	}
	(void)close(fd);
}

static int connect_authenticated(void)
{
	char line[128], hex[32] = "", uid[16];
	int fd = connect_raw();

	(void)snprintf(uid, sizeof(uid), "%u", (unsigned int)getuid());
	for (size_t i = 0; uid[i]; i++)
		memcpy(hex + 2 * i, (const char[]){ '3', uid[i] }, 2); /* a digit is 0x3. */
	(void)snprintf(line, sizeof(line), "AUTH EXTERNAL %s\r\n", hex);
	ck_assert(say(fd, "", 1) && say(fd, line, strlen(line)));
	ck_assert_int_gt(recv(fd, line, sizeof(line), 0), 2); /* OK … */
	ck_assert(say(fd, "BEGIN\r\n", 7));
	return fd;
}

START_TEST(rubbish_ends_the_connection_and_nothing_else)
{
	char rubbish[4096];
	int fd = connect_raw();

	memset(rubbish, 'x', sizeof(rubbish));
	for (int i = 0; i < 8 && say(fd, rubbish, sizeof(rubbish)); i++)
		;
	wait_closed(fd);
	fd = connect_authenticated();
	(void)say(fd, rubbish, sizeof(rubbish));
	wait_closed(fd);
	fd = connect_authenticated();
	/* a header that announces 64 MiB */
	(void)say(fd, "l\1\0\1\0\0\0\4\1\0\0\0\0\0\0\0", 16);
	wait_closed(fd);
	daemon_answers();
}
END_TEST

START_TEST(who_does_not_say_who_it_is_is_disconnected)
{
	int fd = connect_raw();

	wait_closed(fd);
	daemon_answers();
}
END_TEST

/* A GetManagedObjects, whose reply is large, as bytes. */
static char *request(int *ret_size)
{
	DBusMessage *message = dbus_message_new_method_call(
		NAME, ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
	char *bytes;

	dbus_message_set_serial(message, 1);
	ck_assert(dbus_message_marshal(message, &bytes, ret_size));
	dbus_message_unref(message);
	return bytes;
}

START_TEST(a_peer_that_floods_and_never_reads_is_bounded_and_disconnected)
{
	int size, fd = connect_authenticated();
	char *bytes = request(&size);
	long before = memory_kb();
	bool closed = false;
	size_t sent = 0;

	while (!closed) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

		/* blocked: it does not read from us either */
		if (poll(&poll_fd, 1, 200) == 0)
			break;
		closed = send(fd, bytes, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
			 errno != EAGAIN;
		sent++;
	}
	ck_assert_uint_gt(sent, 1000);
	expect_growth_below(before, 16 << 10);
	daemon_answers();
	harness_wait_log(&h, "private socket: disconnected process");
	wait_closed(fd);
	ck_assert(harness_log_has(&h, "has not read"));
	dbus_free(bytes);
	daemon_answers();
}
END_TEST

START_TEST(thousands_of_connections_are_refused_and_cost_nobody_else_anything)
{
	enum { COUNT = 2000, HELD = 600 };
	int held[HELD];

	for (int i = 0; i < COUNT; i++) {
		if (i >= HELD)
			(void)close(held[i % HELD]);
		held[i % HELD] = connect_raw();
	}
	(void)harness_sequence(&h); /* the bus is served all the time */
	for (int i = 0; i < HELD; i++)
		(void)close(held[i]);
	harness_wait_log(&h, "private socket: ");
	daemon_answers();
}
END_TEST

START_TEST(peers_that_die_with_calls_under_way_leave_nothing)
{
	int size;
	char *bytes = request(&size);
	long before;

	for (int round = 0; round < 2; round++) {
		before = memory_kb();
		for (int i = 0; i < 500; i++) {
			int fd = connect_authenticated();

			for (int call = 0; call < 10; call++)
				ck_assert(say(fd, bytes, (size_t)size));
			(void)close(fd);
		}
		daemon_answers();
	}
	expect_growth_below(before, 4 << 10);
	dbus_free(bytes);
}
END_TEST

/* ── the file ──────────────────────────────────────────────────────────────────────────────── */

START_TEST(a_socket_that_was_left_is_replaced_and_ours_removed_at_the_end)
{
	struct stat status;

	ck_assert_int_eq(harness_daemon_end(&h, SIGKILL), 128 + SIGKILL);
	ck_assert_int_eq(lstat(path, &status), 0); /* left */
	harness_daemon(&h);
	daemon_answers();
	ck_assert_int_eq(lstat(path, &status), 0);
	ck_assert_int_eq(status.st_mode & 0777, 0666);
	ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
	ck_assert_int_lt(lstat(path, &status), 0);
	harness_daemon(&h);
}
END_TEST

START_TEST(what_is_no_socket_of_ours_is_never_removed)
{
	char target[HARNESS_PATH_MAX];
	struct stat status;

	harness_file(&h, "precious", "text", target);
	ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
	for (int as_link = 0; as_link < 2; as_link++) {
		if (as_link)
			ck_assert_int_eq(symlink(target, path), 0);
		else
			ck_assert_int_eq(link(target, path), 0);
		harness_daemon(&h);
		harness_wait_log(&h, "no private socket: ");
		(void)harness_sequence(&h);
		ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
		ck_assert_int_eq(lstat(path, &status), 0);
		ck_assert(as_link ? S_ISLNK(status.st_mode) : S_ISREG(status.st_mode));
		ck_assert_int_eq(unlink(path), 0);
	}
	ck_assert_int_eq(chmod(h.directory, 0755), 0);
	harness_daemon(&h);
	daemon_answers();
}
END_TEST

START_TEST(a_directory_that_others_may_write_is_refused)
{
	char directory[HARNESS_PATH_MAX];
	struct stat status;

	ck_assert_int_eq(harness_daemon_end(&h, SIGTERM), 0);
	(void)snprintf(directory, sizeof(directory), "%s/run", h.directory);
	ck_assert_int_eq(chmod(directory, 0777), 0);
	harness_daemon(&h);
	harness_wait_log(&h, "no private socket: ");
	ck_assert_int_lt(lstat(path, &status), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("private_socket");
	TCase *tcase = tcase_create("private_socket");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_peer_gets_the_answers_of_the_bus);
	tcase_add_test(tcase, a_peer_gets_signals_without_asking);
	tcase_add_test(tcase, straitctl_uses_the_private_socket_like_a_bus);
	tcase_add_test(tcase, another_user_may_read_and_not_reload);
	tcase_add_test(tcase, rubbish_ends_the_connection_and_nothing_else);
	tcase_add_test(tcase, who_does_not_say_who_it_is_is_disconnected);
	tcase_add_test(tcase, a_peer_that_floods_and_never_reads_is_bounded_and_disconnected);
	tcase_add_test(tcase, thousands_of_connections_are_refused_and_cost_nobody_else_anything);
	tcase_add_test(tcase, peers_that_die_with_calls_under_way_leave_nothing);
	tcase_add_test(tcase, a_socket_that_was_left_is_replaced_and_ours_removed_at_the_end);
	tcase_add_test(tcase, what_is_no_socket_of_ours_is_never_removed);
	tcase_add_test(tcase, a_directory_that_others_may_write_is_refused);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
