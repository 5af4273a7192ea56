/* SPDX-License-Identifier: MIT
 *
 * worker_driver.h - drives one worker process as main would, over a socket pair, one frame at a
 * time. One worker at a time, in a directory of its own; every wait has a deadline, and what must
 * not happen fails the test. The plugins are those of tests/plugins, found through $STRAIT_BUILD.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "messages.h"

struct worker_driver {
	char directory[64];
	char incoming[96], log_path[96]; /* in it */
	int fd;				 /* main's end of the link; -1 = closed */
	pid_t pid;
	struct message_scratch *scratch; /* of driver_expect_batch() */
	char logged[4096];		 /* LOG lines that came by */
	unsigned int beats;		 /* heartbeats that came by */
	double progress;		 /* of the last one that told any */
	bool catches_up;		 /* as the last one said */
	unsigned int catch_ups;		 /* how often that began */
	uint64_t sequence;		 /* of the frame sent last */
	/* what main would have stored */
	uint64_t last_batch;
	unsigned char cursor[CURSOR_MAX_BYTES];
	size_t cursor_size;
};

extern struct worker_driver driver;

/* Fixture: a new directory and a worker that was not told anything yet. */
void driver_set_up(void);
void driver_tear_down(void);
void driver_spawn(void);
int driver_reap(void); /* waits for the end; the exit code, or minus the signal */
void driver_kill(void);

void driver_configure(const char *plugin, const char *log, const struct message_option *options,
		      size_t count, bool check_only);
void driver_start(void);
void driver_proceed(bool skip, uint64_t observations);
/* PROCEED with a document that is half read under that publication time. */
void driver_go_on(uint64_t observations, int64_t published_at_ms);
/* Stores number and cursor, and says so. */
void driver_commit(const struct batch *batch);
void driver_send_committed(uint64_t batch);
void driver_send_stop(void);
/* CONFIGURE, READY, START. */
void driver_begin(const char *plugin, const char *log);
void driver_begin_again(const char *plugin, const char *log); /* in a new process */

/* Next frame that is no log line and no heartbeat, valid until the next call; false at the end of
 * the link. */
bool driver_next(struct frame *ret_frame);
void driver_expect_beat(void);
void driver_expect(struct frame *ret_frame, enum message_type type);
void driver_expect_ready(void);
struct batch driver_expect_batch(void); /* valid until the next frame */
void driver_expect_document(const char *name);
/* FAULT with that class and a text that contains this one, then an end with that code. */
void driver_expect_fault(int class_, const char *text, int code);
/* Asks for the end and sees it. */
void driver_expect_stopped(void);

void driver_drop(const char *name, const char *text); /* into incoming/, by rename */
void driver_drop_dated(const char *name, const char *text, time_t modified);
void driver_append(const char *text); /* to the log */
