/* SPDX-License-Identifier: MIT
 *
 * calls.c - calls on the bus and on the private socket, as ratios to Peer.Ping of the same process,
 * which libdbus answers before it asks us. Interleaved; client, bus and services are pinned to one
 * core, because otherwise wake-ups across cores make the ratios swing by two or three times. The
 * client speaks the wire itself, so that it costs as little as possible. An sd-bus service that
 * builds the same answers is the measure for those of 50 figures and of 10,000 points. Bench
 * program.
 *
 * Environment: RUNS (default 9), CALLS (2000 a run).
 */
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

// packages: libsystemd
#include <check.h>
#include <dbus/dbus.h>
#include <systemd/sd-bus.h>

#include "harness.h"

#define NAME	   "org.straitd.Straitd1"
#define ROOT	   "/org/straitd/Straitd1"
#define MANAGER	   NAME ".Manager"
#define SD_NAME	   "org.straitd.Bench1"
#define SD_ROOT	   "/org/straitd/bench"
#define FIGURES	   50
#define POINTS	   10000
#define RUNS_MAX   64
#define BUFFER_MAX (4 << 20)
#define SLICES	   20 /* of a run; the fastest counts, which nobody else disturbed */

/* ── an sd-bus service doing the same ──────────────────────────────────────────────────────── */

static int sd_figures(sd_bus_message *call, void *data, sd_bus_error *error)
{
	sd_bus_message *reply = NULL;
	int result;

	(void)data;
	(void)error;
	(void)sd_bus_message_new_method_return(call, &reply);
	(void)sd_bus_message_open_container(reply, 'r', "ta(sdsssx)");
	(void)sd_bus_message_append(reply, "t", UINT64_C(7));
	(void)sd_bus_message_open_container(reply, 'a', "(sdsssx)");
	for (int i = 0; i < FIGURES; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "bench.f%02d", i);
		(void)sd_bus_message_append(reply, "(sdsssx)", name, i * 1.5, "people", "final",
					    "1970-01-01/1997-05-18", (int64_t)i);
	}
	(void)sd_bus_message_close_container(reply);
	(void)sd_bus_message_close_container(reply);
	result = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return result;
}

static int sd_rows(sd_bus_message *call, void *data, sd_bus_error *error)
{
	sd_bus_message *reply = NULL;
	int result;

	(void)data;
	(void)error;
	(void)sd_bus_message_new_method_return(call, &reply);
	(void)sd_bus_message_open_container(reply, 'a', "(xd)");
	for (int i = 0; i < POINTS; i++)
		(void)sd_bus_message_append(reply, "(xd)", (int64_t)i, i * 1.5);
	(void)sd_bus_message_close_container(reply);
	result = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return result;
}

static const sd_bus_vtable sd_table[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("GetFigures", "as", "(ta(sdsssx))", sd_figures, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("GetRows", "", "a(xd)", sd_rows, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static pid_t start_sd(const char *address, int *ret_ready)
{
	int ready[2];
	sd_bus *bus = NULL;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	*ret_ready = ready[0];
	if (pid)
		return close(ready[1]) < 0 ? -1 : pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, address) < 0 ||
	    sd_bus_set_bus_client(bus, 1) < 0 || sd_bus_start(bus) < 0 ||
	    sd_bus_add_object_vtable(bus, NULL, SD_ROOT, SD_NAME, sd_table, NULL) < 0 ||
	    sd_bus_request_name(bus, SD_NAME, 0) < 0 || write(ready[1], "", 1) != 1)
		_exit(1);
	for (;;) {
		while (sd_bus_process(bus, NULL) > 0)
			;
		(void)sd_bus_wait(bus, UINT64_MAX);
	}
}

/* ── the wire ──────────────────────────────────────────────────────────────────────────────── */

struct wire {
	int fd;
	uint32_t serial;
	char *buffer;
	size_t used;
};

static void send_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);

		ck_assert_msg(sent > 0, "the other end has closed");
		bytes += sent;
		size -= (size_t)sent;
	}
}

/* Takes descriptors that come along, and closes them. */
static void receive(struct wire *wire)
{
	char control[256];
	struct iovec part = { wire->buffer + wire->used, BUFFER_MAX - wire->used };
	struct msghdr header = { .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control) };
	ssize_t got = recvmsg(wire->fd, &header, MSG_CMSG_CLOEXEC);

	ck_assert_msg(got > 0, "the other end has closed");
	wire->used += (size_t)got;
	for (struct cmsghdr *part_of = CMSG_FIRSTHDR(&header); part_of;
	     part_of = CMSG_NXTHDR(&header, part_of)) {
		int fds[16];
		size_t size = part_of->cmsg_len - CMSG_LEN(0);

		if (part_of->cmsg_type != SCM_RIGHTS || size > sizeof(fds))
			continue;
		memcpy(fds, CMSG_DATA(part_of), size);
		for (size_t i = 0; i < size / sizeof(int); i++)
			(void)close(fds[i]);
	}
}

/* Takes whole messages out; returns how many were replies. */
static int take_replies(struct wire *wire)
{
	size_t at = 0;
	int replies = 0;

	while (wire->used - at >= 16) {
		uint32_t body, fields;
		size_t size;

		memcpy(&body, wire->buffer + at + 4, 4);
		memcpy(&fields, wire->buffer + at + 12, 4);
		size = 16 + ((fields + 7) & ~UINT32_C(7)) + body;
		if (wire->used - at < size)
			break;
		ck_assert_msg(wire->buffer[at + 1] != DBUS_MESSAGE_TYPE_ERROR, "an error: %.200s",
			      wire->buffer + at + size - body + 4);
		replies += wire->buffer[at + 1] == DBUS_MESSAGE_TYPE_METHOD_RETURN;
		at += size;
	}
	memmove(wire->buffer, wire->buffer + at, wire->used - at);
	wire->used -= at;
	return replies;
}

/* A call as bytes; its serial is put in later. */
static char *make_call(const char *name, const char *path, const char *interface,
		       const char *member, const char *kind, int *ret_size)
{
	DBusMessage *call = dbus_message_new_method_call(name, path, interface, member);
	const char *figure = "bench.f07", *metric = "demo.level", *open = "";
	int64_t now = 0;
	DBusMessageIter arguments, list;
	char *bytes;

	dbus_message_iter_init_append(call, &arguments);
	if (!strcmp(kind, "s"))
		(void)dbus_message_iter_append_basic(&arguments, 's', &figure);
	if (!strcmp(kind, "series"))
		(void)dbus_message_iter_append_basic(&arguments, 's', &metric);
	if (!strcmp(kind, "as") || !strcmp(kind, "series")) {
		(void)dbus_message_iter_open_container(&arguments, 'a', *kind == 'a' ? "s" : "{ss}",
						       &list);
		(void)dbus_message_iter_close_container(&arguments, &list);
	}
	if (!strcmp(kind, "series")) {
		(void)dbus_message_iter_append_basic(&arguments, 's', &open);
		(void)dbus_message_iter_append_basic(&arguments, 's', &open);
		(void)dbus_message_iter_append_basic(&arguments, 'x', &now);
	}
	dbus_message_set_serial(call, 1);
	ck_assert(dbus_message_marshal(call, &bytes, ret_size));
	dbus_message_unref(call);
	return bytes;
}

static void wire_open(struct wire *wire, const char *address, bool is_bus)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	const char *path = strstr(address, "path=");
	char line[128], uid[16];
	size_t used;

	ck_assert_ptr_nonnull(path);
	memcpy(name.sun_path, path + 5, strcspn(path + 5, ","));
	*wire = (struct wire){ .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), .serial = 2 };
	wire->buffer = malloc(BUFFER_MAX);
	ck_assert(wire->buffer && connect(wire->fd, (struct sockaddr *)&name, sizeof(name)) == 0);
	(void)snprintf(uid, sizeof(uid), "%u", (unsigned int)getuid());
	used = (size_t)snprintf(line, sizeof(line), "%cAUTH EXTERNAL ", 0);
	for (size_t i = 0; uid[i]; i++) {
		line[used++] = '3';
		line[used++] = uid[i];
	}
	memcpy(line + used, "\r\n", 2);
	send_all(wire->fd, line, used + 2);
	ck_assert_int_gt(recv(wire->fd, line, sizeof(line), 0), 2);
	send_all(wire->fd, "NEGOTIATE_UNIX_FD\r\n", 19);
	ck_assert_int_gt(recv(wire->fd, line, sizeof(line), 0), 2);
	send_all(wire->fd, "BEGIN\r\n", 7);
	if (is_bus) {
		int size;
		char *hello = make_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS,
					"Hello", "", &size);

		send_all(wire->fd, hello, (size_t)size);
		dbus_free(hello);
		do
			receive(wire);
		while (!take_replies(wire));
	}
}

/* ── what is measured ──────────────────────────────────────────────────────────────────────── */

struct target {
	const char *name, *path, *interface, *member, *arguments;
	bool private;
	int divide; /* of the calls of a run: slow ones */
	char *call;
	int size;
	double rate[RUNS_MAX], cpu[RUNS_MAX]; /* calls a second; seconds of the service a call */
};

enum { PING, FIGURE, LIST, SD_LIST, SD_ROWS, SERIES, SERIES_FD, PRIVATE_FIGURE, TARGETS };

static struct target targets[TARGETS] = {
	[PING] = { NAME, ROOT, DBUS_INTERFACE_PEER, "Ping", "", false, 1 },
	[FIGURE] = { NAME, ROOT, MANAGER, "GetFigure", "s", false, 1 },
	[LIST] = { NAME, ROOT, MANAGER, "GetFigures", "as", false, 1 },
	[SD_LIST] = { SD_NAME, SD_ROOT, SD_NAME, "GetFigures", "as", false, 1 },
	[SD_ROWS] = { SD_NAME, SD_ROOT, SD_NAME, "GetRows", "", false, 40 },
	[SERIES] = { NAME, ROOT, MANAGER, "GetSeries", "series", false, 40 },
	[SERIES_FD] = { NAME, ROOT, MANAGER, "GetSeriesFd", "series", false, 10 },
	[PRIVATE_FIGURE] = { NAME, ROOT, MANAGER, "GetFigure", "s", true, 1 },
};

static double clock_s(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void run(struct target *target, struct wire *wire, int calls, int depth)
{
	int sent = 0, got = 0;

	while (got < calls) {
		for (; sent < calls && sent - got < depth; sent++) {
			uint32_t serial = wire->serial++;

			memcpy(target->call + 8, &serial, 4);
			send_all(wire->fd, target->call, (size_t)target->size);
		}
		receive(wire);
		got += take_replies(wire);
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void tell(const char *what, const char *to, const double *over, const double *under,
		 int runs, double goal, const char *better)
{
	double ratios[RUNS_MAX];

	for (int i = 0; i < runs; i++)
		ratios[i] = over[i] / under[i];
	qsort(ratios, (size_t)runs, sizeof(ratios[0]), compare);
	printf("{\"bench\":\"calls\",\"what\":\"%s\",\"ratio\":%.3f,\"to\":\"%s\",\"min\":%.3f,"
	       "\"max\":%.3f,\"runs\":%d,\"goal\":%g,\"better\":\"%s\"}\n",
	       what, ratios[runs / 2], to, ratios[0], ratios[runs - 1], runs, goal, better);
	(void)fflush(stdout);
}

static void measure(struct harness *h, struct wire *bus, struct wire *peer, int depth, int runs,
		    int calls)
{
	clockid_t service;

	ck_assert_int_eq(clock_getcpuclockid(h->daemon.pid, &service), 0);
	for (int i = 0; i < TARGETS; i++)
		memset(targets[i].rate, 0, sizeof(targets[i].rate));
	for (int round = -1; round < runs; round++) { /* the first one warms up */
		for (int i = 0; i < TARGETS; i++) {
			struct target *target = &targets[(i + round + 1) % TARGETS];
			int count = calls / target->divide / SLICES + 1;
			double cpu = clock_s(service);

			for (int slice = 0; slice < SLICES; slice++) {
				double from = clock_s(CLOCK_MONOTONIC), rate;

				run(target, target->private ? peer : bus, count, depth);
				rate = count / (clock_s(CLOCK_MONOTONIC) - from);
				if (round >= 0 && rate > target->rate[round])
					target->rate[round] = rate;
			}
			if (round >= 0)
				target->cpu[round] = (clock_s(service) - cpu) / count / SLICES;
		}
		fprintf(stderr, "calls: depth %d, run %d of %d\n", depth, round + 1, runs);
	}
}

static void tell_all(int depth, int runs)
{
	const struct target *t = targets;

	if (depth != 1) {
		tell("GetFigure, depth 64", "Peer.Ping", t[FIGURE].rate, t[PING].rate, runs, 0.92,
		     "higher");
		return;
	}
	tell("GetFigure, depth 1", "Peer.Ping", t[FIGURE].rate, t[PING].rate, runs, 0.95, "higher");
	tell("GetFigure, CPU of the service", "Peer.Ping", t[FIGURE].cpu, t[PING].cpu, runs, 1.15,
	     "lower");
	tell("GetFigures of 50", "Peer.Ping", t[LIST].rate, t[PING].rate, runs, 0.83, "higher");
	tell("GetFigures of 50", "sd-bus", t[LIST].rate, t[SD_LIST].rate, runs, 1.15, "higher");
	tell("GetSeries of 10000", "sd-bus a(xd)", t[SERIES].rate, t[SD_ROWS].rate, runs, 8,
	     "higher");
	tell("GetSeriesFd of 10000, kept", "sd-bus a(xd)", t[SERIES_FD].rate, t[SD_ROWS].rate, runs,
	     15, "higher");
	tell("GetFigure, private socket", "the bus", t[PRIVATE_FIGURE].rate, t[FIGURE].rate, runs,
	     2.5, "higher");
}

/* ── the daemon ────────────────────────────────────────────────────────────────────────────── */

static void configure(struct harness *h, const char *socket)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fprintf(out, "[straitd]\nsocket = %s\n[source demo]\nplugin = doc_demo\n", socket);
	/* with the plugin's own there are FIGURES or a few more */
	for (int i = 0; i < FIGURES; i++)
		fprintf(out, "[figure bench.f%02d]\nsum = demo.level\nwindow = total\n", i);
	(void)fclose(out);
	harness_config(h, "bench.conf", "%s", text);
	free(text);
}

static int number(const char *name, int otherwise, int max)
{
	const char *text = getenv(name);
	long value = text && *text ? strtol(text, NULL, 10) : otherwise;

	return value < 1 ? 1 : value > max ? max : (int)value;
}

static void pin(void)
{
	cpu_set_t core;

	CPU_ZERO(&core);
	CPU_SET(sched_getcpu(), &core);
	if (sched_setaffinity(0, sizeof(core), &core) < 0)
		fputs("calls: cannot pin to one core: ratios will swing\n", stderr);
}

START_TEST(calls)
{
	const int runs = number("RUNS", 9, RUNS_MAX), count = number("CALLS", 2000, 1000000);
	char socket_path[HARNESS_PATH_MAX], address[HARNESS_PATH_MAX + 16], byte;
	struct wire bus, peer;
	struct harness h;
	int ready;
	pid_t sd;

	pin(); /* all that is started from here on, too */
	harness_start(&h);
	ck_assert(snprintf(socket_path, sizeof(socket_path), "%s/run/private", h.directory) <
		  (int)sizeof(socket_path));
	(void)snprintf(address, sizeof(address), "unix:path=%s", socket_path);
	harness_plugin(&h, "doc_demo");
	configure(&h, socket_path);
	harness_daemon(&h);
	harness_wait_source(&h, "demo", "idle");
	harness_drop(&h, "demo", "points.txt", "levels 10000\n");
	harness_wait_source(&h, "demo", "idle");
	for (int tries = 0; harness_sequence(&h) == 0 && tries < 1000000; tries++)
		;
	sd = start_sd(h.bus.address, &ready);
	ck_assert_int_eq(read(ready, &byte, 1), 1);
	wire_open(&bus, h.bus.address, /* is_bus= */ true);
	wire_open(&peer, address, /* is_bus= */ false);
	for (int i = 0; i < TARGETS; i++)
		targets[i].call =
			make_call(targets[i].name, targets[i].path, targets[i].interface,
				  targets[i].member, targets[i].arguments, &targets[i].size);
	measure(&h, &bus, &peer, 1, runs, count);
	tell_all(1, runs);
	measure(&h, &bus, &peer, 64, runs, count);
	tell_all(64, runs);
	(void)kill(sd, SIGKILL);
	for (int i = 0; i < TARGETS; i++)
		dbus_free(targets[i].call);
	free(bus.buffer);
	free(peer.buffer);
	harness_stop(&h);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("calls");
	TCase *tests = tcase_create("calls");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 0);
	tcase_add_test(tests, calls);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	for (int i = 0; i < failed; i++) {
		TestResult **results = srunner_failures(runner);

		fprintf(stderr, "calls: %s\n", tr_msg(results[i]));
		free(results);
	}
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
