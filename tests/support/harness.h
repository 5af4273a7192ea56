/* SPDX-License-Identifier: MIT
 *
 * harness.h - a straitd of a test's own: temporary directories, a private bus, the real programs of
 * $STRAIT_BUILD. No call sleeps: every wait is for an event, with a deadline. What fails, fails the
 * running Check test with the end of the daemon's log.
 *
 *   struct harness h;
 *   harness_start(&h);                                   bus and directories
 *   harness_plugin(&h, "boat_sightings");
 *   harness_config(&h, "a.conf", "[source sea]\nplugin = boat_sightings\n");
 *   harness_daemon(&h);                                  runs until its name is there
 *   harness_drop(&h, "sea", "one.csv", text);            renamed into incoming/
 *   harness_wait_figure(&h, "sightings.boats.latest", 3);
 *   harness_stop(&h);
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "private_bus.h"
#include "process.h"

#define HARNESS_DEADLINE_MS 20000
#define HARNESS_PATH_MAX    256

struct DBusConnection;

struct harness {
	struct private_bus bus;
	char directory[64];
	char config[HARNESS_PATH_MAX], state[HARNESS_PATH_MAX], spool[HARNESS_PATH_MAX],
		plugins[HARNESS_PATH_MAX];
	char log[HARNESS_PATH_MAX]; /* the daemon's stderr, of all its runs */
	const char *program;   /* in $STRAIT_BUILD; "straitd", to be changed before the daemon is
				  started */
	struct process daemon; /* pid 0 = not running */
	struct DBusConnection *connection; /* the test's own eyes on the bus */
};

/* Bus, directories and environment: $STRAITD_BUS, $DBUS_SYSTEM_BUS_ADDRESS and
   $DBUS_SESSION_BUS_ADDRESS are the private bus from now on. */
void harness_start(struct harness *harness);
/* Ends the daemon (SIGTERM, checked to end with 0) and the bus, removes the directories. */
void harness_stop(struct harness *harness);

/* Kills the bus and starts it again at the same path; waits for the daemon to be there again, the
   same process. */
void harness_bus_restart(struct harness *harness);

/* ── what the daemon reads ── */

/* Writes conf.d/FILE, by rename. "" makes an empty file. */
void harness_config(struct harness *harness, const char *file, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void harness_config_remove(struct harness *harness, const char *file);
/* Copies $STRAIT_BUILD/plugins/NAME.so or $STRAIT_BUILD/tests/plugins/NAME.so, by rename. */
void harness_plugin(struct harness *harness, const char *name);
/* Moves a file with this text into SPOOL/SOURCE/incoming/. The directory must be there: the daemon
 * makes it. */
void harness_drop(struct harness *harness, const char *source, const char *name, const char *text);
/* Writes DIRECTORY/NAME for straitctl import and logs; path is of HARNESS_PATH_MAX bytes, or NULL.
 */
void harness_file(struct harness *harness, const char *name, const char *text, char *ret_path);
/* Appends to a file. */
void harness_append(const char *path, const char *text);
/* Waits until the path is there (or, with there = false, is not). */
void harness_wait_path(struct harness *harness, const char *path, bool there);
/* As harness_wait_path with there = true; false when the daemon ended before (not waited for). */
bool harness_wait_path_or_end(struct harness *harness, const char *path);
/* Makes the spool of a source before the daemon does, so that files can wait there. */
void harness_make_spool(struct harness *harness, const char *source);
/* SPOOL/SOURCE/FOLDER/NAME in a buffer of HARNESS_PATH_MAX bytes. Returns it. */
const char *harness_spool_path(const struct harness *harness, const char *source,
			       const char *folder, const char *name, char *buffer);
/* The whole file, terminated; to be freed. */
char *harness_read(struct harness *harness, const char *path);

/* ── the daemon ── */

/* Starts it and waits for its bus name. */
void harness_daemon(struct harness *harness);
/* Starts it and waits for nothing. */
void harness_daemon_begin(struct harness *harness);
/* Waits for its name, or, with owned = false, for the name to go. False when the daemon ended
 * before (not waited for). */
bool harness_wait_name(struct harness *harness, bool owned);
/* Sends a signal and waits for the end. Returns exit code or 128 + signal. */
int harness_daemon_end(struct harness *harness, int signal);
/* Waits for a line with this text in the log, from its beginning. */
void harness_wait_log(struct harness *harness, const char *text);
bool harness_log_has(struct harness *harness, const char *text);
/* Fails the test with this message and the end of the log. */
void harness_fail(struct harness *harness, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));
#define harness_assert(harness, condition, ...)                                                    \
	do {                                                                                       \
		if (!(condition))                                                                  \
			harness_fail(harness, #condition ": " __VA_ARGS__);                        \
	} while (0)
/* The daemon's living children, its workers; at most max. Returns how many. */
size_t harness_workers(struct harness *harness, pid_t *ret_pids, size_t max);

/* ── straitctl ── */

void harness_run_ctl(struct harness *harness, struct output *ret_output, const char *const words[]);
/* CTL(&h, &output, "get", "arrivals.people.latest") */
#define CTL(harness, output, ...)                                                                  \
	harness_run_ctl(harness, output, (const char *const[]){ __VA_ARGS__, NULL })
/* Starts a straitctl in the background. */
void harness_begin_ctl(struct harness *harness, struct process *process, const char *const words[]);
#define CTL_BEGIN(harness, process, ...)                                                           \
	harness_begin_ctl(harness, process, (const char *const[]){ __VA_ARGS__, NULL })

/* ── the bus ── */

/* Value of a figure now; NaN when it is missing or there is none. */
double harness_figure(struct harness *harness, const char *name);
/* Waits until the figure has this value (NaN = missing). */
void harness_wait_figure(struct harness *harness, const char *name, double value);
/* Manager.Sequence */
uint64_t harness_sequence(struct harness *harness);
/* Waits until the source is in that state. */
void harness_wait_source(struct harness *harness, const char *source, const char *state);
/* Waits until a property of the source has that text in it, or, for "", is empty. */
void harness_wait_source_text(struct harness *harness, const char *source, const char *property,
			      const char *wanted);
/* A property of the source as a number; -1 when there is none. */
double harness_source_number(struct harness *harness, const char *source, const char *property);
/* A property of the source as text, in a buffer. */
void harness_source_text(struct harness *harness, const char *source, const char *property,
			 char *buffer, size_t size);

struct figures_signal {
	uint64_t sequence;
	char source[64], cause[16];
	unsigned int rows;
};
/* The next FiguresChanged that no wait has consumed; false after the deadline. */
bool harness_next_signal(struct harness *harness, struct figures_signal *ret_signal,
			 int deadline_ms);

/* ── comparing stores through the public interface ── */

/* All figures but their sequence, and all versions of these "METRIC PERIOD" pairs (NULL ends), as
 * text; to be freed. */
char *harness_snapshot(struct harness *harness, const char *const *versions);
