/* SPDX-License-Identifier: MIT
 *
 * private_bus.c - owns one dbus-daemon child and its temporary directory. Test programs only.
 * Invariant: pid is the child that this process started and has not yet waited for, or 0. Must
 * never touch another bus, or outlive the test.
 */
#include "private_bus.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#define START_MS 10000

static void write_limit(FILE *file, const char *name, const char *variable)
{
	const char *limit = getenv(variable);

	if (limit)
		fprintf(file, "<limit name=\"%s\">%s</limit>\n", name, limit);
}

static void write_config(const struct private_bus *bus, const char *path, const char *policy)
{
	FILE *file = fopen(path, "we");

	ck_assert_msg(file, "cannot write %s: %s", path, strerror(errno));
	fprintf(file,
		"<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-BUS Bus Configuration "
		"1.0//EN\"\n"
		" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
		"<busconfig>\n<type>%s</type>\n<listen>unix:path=%s/socket</listen>\n"
		"<auth>EXTERNAL</auth>\n",
		policy ? "system" : "session", bus->directory);
	if (policy) /* what /usr/share/dbus-1/system.conf says before it includes the policies */
		fprintf(file,
			"<policy context=\"default\">\n<allow user=\"*\"/>\n<deny own=\"*\"/>\n"
			"<deny send_type=\"method_call\"/>\n<allow send_type=\"signal\"/>\n"
			"<allow send_requested_reply=\"true\" send_type=\"method_return\"/>\n"
			"<allow send_requested_reply=\"true\" send_type=\"error\"/>\n"
			"<allow receive_type=\"method_call\"/>\n<allow "
			"receive_type=\"method_return\"/>\n"
			"<allow receive_type=\"error\"/>\n<allow receive_type=\"signal\"/>\n"
			"<allow send_destination=\"org.freedesktop.DBus\"/>\n</policy>\n"
			"<include>%s</include>\n",
			policy);
	else
		fprintf(file, "<policy context=\"default\">\n"
			      "<allow user=\"*\"/>\n<allow own=\"*\"/>\n"
			      "<allow send_destination=\"*\" eavesdrop=\"true\"/>\n"
			      "<allow eavesdrop=\"true\"/>\n</policy>\n");
	if (!policy) {
		write_limit(file, "max_outgoing_bytes", PRIVATE_BUS_OUTGOING);
		write_limit(file, "max_incoming_bytes", PRIVATE_BUS_INCOMING);
	}
	fprintf(file, "</busconfig>\n");
	ck_assert_int_eq(fclose(file), 0);
}

static void run_daemon(const char *config, const char *log, int address_fd)
{
	char option_config[128], option_address[64];
	int log_fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)dup2(log_fd, STDERR_FILENO);   /* it complains of limits it cannot raise */
	(void)fcntl(address_fd, F_SETFD, 0); /* the one descriptor that must survive the exec */
	(void)snprintf(option_config, sizeof(option_config), "--config-file=%s", config);
	(void)snprintf(option_address, sizeof(option_address), "--print-address=%d", address_fd);
	/* these are for the program under test: a libdbus that checks its callers is slow */
	(void)unsetenv("DBUS_FATAL_WARNINGS");
	(void)unsetenv("LD_LIBRARY_PATH");
	execlp("dbus-daemon", "dbus-daemon", "--nofork", "--nopidfile", "--nosyslog", option_config,
	       option_address, (char *)NULL);
	_exit(127);
}

static void read_address(struct private_bus *bus, int fd)
{
	size_t used = 0;

	while (used + 1 < sizeof(bus->address)) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		ssize_t got;

		ck_assert_msg(poll(&ready, 1, START_MS) == 1, "dbus-daemon did not start in %d ms",
			      START_MS);
		got = read(fd, bus->address + used, sizeof(bus->address) - 1 - used);
		ck_assert_msg(got > 0, "dbus-daemon is missing or refused its configuration");
		used += (size_t)got;
		bus->address[used] = '\0';
		if (bus->address[used - 1] == '\n')
			break;
	}
	bus->address[strcspn(bus->address, "\n")] = '\0';
}

/* The configuration is written. */
static void launch(struct private_bus *bus)
{
	char config[96], log[96];
	int channel[2];

	(void)snprintf(config, sizeof(config), "%s/bus.conf", bus->directory);
	(void)snprintf(log, sizeof(log), "%s/bus.log", bus->directory);
	ck_assert_int_eq(pipe2(channel, O_CLOEXEC), 0);
	bus->pid = fork();
	ck_assert_int_ge(bus->pid, 0);
	if (bus->pid == 0)
		run_daemon(config, log, channel[1]);
	(void)close(channel[1]);
	read_address(bus, channel[0]);
	(void)close(channel[0]);
}

void private_bus_start(struct private_bus *bus, const char *policy)
{
	char config[96];

	memset(bus, 0, sizeof(*bus));
	(void)snprintf(bus->directory, sizeof(bus->directory), "/tmp/straitd-bus-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(bus->directory));
	ck_assert_int_eq(chmod(bus->directory, 0711), 0); /* tests connect as other users too */
	(void)snprintf(config, sizeof(config), "%s/bus.conf", bus->directory);
	write_config(bus, config, policy);
	launch(bus);
}

static void remove_file(const struct private_bus *bus, const char *name)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/%s", bus->directory, name);
	(void)unlink(path); /* the socket is gone already when the daemon ended by itself */
}

void private_bus_restart(struct private_bus *bus)
{
	(void)kill(bus->pid, SIGKILL);
	while (waitpid(bus->pid, NULL, 0) < 0 && errno == EINTR)
		;
	remove_file(bus, "socket");
	launch(bus);
}

void private_bus_stop(struct private_bus *bus)
{
	if (bus->pid > 0) {
		(void)kill(bus->pid, SIGTERM);
		while (waitpid(bus->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (bus->directory[0]) {
		remove_file(bus, "bus.conf");
		remove_file(bus, "bus.log");
		remove_file(bus, "socket");
		(void)rmdir(bus->directory);
	}
	memset(bus, 0, sizeof(*bus));
}
