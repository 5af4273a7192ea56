/* SPDX-License-Identifier: MIT
 *
 * bus_fixture.c - owns the one fixture of a bus test. Test programs only.
 */
#include "bus_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "clock.h"
#include "log.h"

struct bus_fixture fixture;

static int on_reload(void *context, struct fault *fault)
{
	struct bus_fixture *self = context;

	self->reloads++;
	return self->reload_fault ? fault_set(fault, FAULT_CONFIG, "%s", self->reload_fault) : 0;
}

static void on_lost(void *context, const char *why)
{
	struct bus_fixture *self = context;

	ck_assert_str_eq(self->lost, ""); /* told once */
	(void)snprintf(self->lost, sizeof(self->lost), "%s", why);
}

static void on_away(void *context, bool away)
{
	struct bus_fixture *self = context;

	ck_assert_int_ne(self->away, away); /* only changes are told */
	self->away = away;
}

static void on_log(void *context, int level, enum log_token token, const char *source,
		   const char *text)
{
	struct bus_fixture *self = context;
	size_t used = strlen(self->log);

	(void)token;
	(void)source;
	if (level <= LOG_NOTICE)
		(void)snprintf(self->log + used, sizeof(self->log) - used, "%s\n", text);
}

static bool has_original(void *context, const uint8_t sha256[SHA256_BYTES])
{
	(void)context;
	return sha256[0] == FAKE_HASH_BYTE;
}

static int open_original(void *context, const uint8_t sha256[SHA256_BYTES], int *ret_fd,
			 struct fault *fault)
{
	if (!has_original(context, sha256))
		return fault_set(fault, FAULT_BAD_ARGUMENT, "it is not kept");
	*ret_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return 0;
}

void bus_fixture_start_with(const char *policy)
{
	static const struct bus_requests requests = { .reload = on_reload,
						      .lost = on_lost,
						      .away = on_away,
						      .open_original = open_original,
						      .has_original = has_original };
	struct fault fault = { 0 };

	memset(&fixture, 0, sizeof(fixture));
	log_set_sink(on_log, &fixture);
	private_bus_start(&fixture.bus, policy);
	fixture.base = event_base_new();
	fixture.ledger = fake_ledger_new();
	fixture.sources = fake_sources_new();
	fake_ledger_commit(fixture.ledger, "arrivals.people.latest", 409, STRAIT_PROVISIONAL,
			   "2020-09-02", NULL);
	fake_ledger_commit(fixture.ledger, "referrals.block_rate", NAN, STRAIT_MISSING, "", NULL);
	(void)fake_source(fixture.sources, "home-office");
	(void)fake_job(fixture.sources, 1);
	ck_assert_msg(bus_open(fixture.base, fixture.bus.address, fixture.ledger, fixture.sources,
			       &requests, &fixture, &fixture.service, &fault) == 0,
		      "%s", fault.text);
	bus_client_open(&fixture.client, fixture.base, fixture.bus.address, BUS_NAME);
}

void bus_fixture_start(void)
{
	bus_fixture_start_with(NULL);
}

void bus_fixture_stop(void)
{
	bus_client_close(&fixture.client);
	fixture.service = bus_free(fixture.service);
	fixture.ledger = fake_ledger_free(fixture.ledger);
	fixture.sources = fake_sources_free(fixture.sources);
	if (fixture.base)
		event_base_free(fixture.base);
	fixture.base = NULL;
	private_bus_stop(&fixture.bus);
	log_set_sink(NULL, NULL);
	dbus_shutdown();
}

static void become(unsigned int uid, unsigned int gid)
{
	const gid_t groups[1] = { gid };

	if (!uid)
		return;
	if (setgroups(gid ? 1 : 0, groups) < 0 || setgid(65534) < 0 || setuid(uid) < 0)
		_exit(126);
}

static pid_t start_program(unsigned int uid, unsigned int gid, const char *const *argv, int output)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)dup2(output, STDOUT_FILENO);
	(void)dup2(output, STDERR_FILENO);
	(void)setenv("DBUS_SESSION_BUS_ADDRESS", fixture.bus.address, 1);
	(void)setenv("DBUS_SYSTEM_BUS_ADDRESS", fixture.bus.address, 1);
	(void)setenv("LC_ALL", "C.UTF-8", 1);
	become(uid, gid);
	execvp(argv[0], (char *const *)(uintptr_t)argv); /* which does not change them */
	(void)dprintf(STDOUT_FILENO, "missing");
	_exit(127);
}

const char *bus_fixture_run(unsigned int uid, unsigned int gid, const char *const *argv)
{
	static char output[32768];
	int64_t deadline = clock_monotonic_ms() + BUS_CLIENT_DEADLINE_MS;
	size_t used = 0;
	int channel[2];
	pid_t pid;

	ck_assert_int_eq(pipe2(channel, O_CLOEXEC | O_NONBLOCK), 0);
	pid = start_program(uid, gid, argv, channel[1]);
	ck_assert_int_gt(pid, 0);
	(void)close(channel[1]);
	for (;;) {
		ssize_t got = read(channel[0], output + used, sizeof(output) - 1 - used);

		if (got == 0)
			break;
		ck_assert_msg(got > 0 || errno == EAGAIN, "%s: %s", argv[0], strerror(errno));
		ck_assert_msg(clock_monotonic_ms() < deadline, "%s does not end", argv[0]);
		if (got > 0)
			used += (size_t)got;
		bus_client_turn(&fixture.client);
	}
	output[used] = '\0';
	(void)close(channel[0]);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	return output;
}
