/* SPDX-License-Identifier: MIT
 *
 * bus_fixture.h - the bus layer over fakes, on a private bus, with a client: what test_bus*.c start
 * from. Link with fake_ledger and fake_sources. One fixture a process (Check forks for each test).
 *
 * It holds the figures arrivals.people.latest (409, provisional, 2020-09-02) and
 * referrals.block_rate (missing), the source home-office (idle) and the job 1 (queued); the
 * ledger's sequence is 2.
 */
#pragma once

#include "bus_client.h"
#include "bus_private.h"
#include "fake_ledger.h"
#include "fake_sources.h"
#include "private_bus.h"

#define FIGURE_PATH BUS_ROOT "/figure/arrivals_2epeople_2elatest"
#define SOURCE_PATH BUS_ROOT "/source/home_2doffice"

struct bus_fixture {
	struct private_bus bus;
	struct event_base *base;
	struct ledger *ledger;
	struct sources *sources;
	struct bus *service;
	struct bus_client client;
	unsigned int reloads;
	const char *reload_fault; /* reload fails with this */
	char lost[512];		  /* why; "" = not lost */
	bool away;		  /* the bus has gone */
	char log[4096];		  /* lines so far, warnings and above */
};

extern struct bus_fixture fixture;

void bus_fixture_start(void);			 /* everybody may do everything on its bus */
void bus_fixture_start_with(const char *policy); /* see private_bus_start() */
void bus_fixture_stop(void);
/* A program on the fixture's bus while the loop turns, as that user and group (0 = as we are); its
   output and errors together, valid until the next call. Skips nothing: a program that is missing
   prints "missing". */
const char *bus_fixture_run(unsigned int uid, unsigned int gid, const char *const *argv);
