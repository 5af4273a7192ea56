/* SPDX-License-Identifier: MIT
 *
 * followed_log.h - a log in a temporary directory, and a follower of it, for the tests of follow.c.
 * See followed_log.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "follow.h"

struct event_base;

extern char directory[64], log_path[128]; /* log_path: DIRECTORY/boats.csv */
extern struct event_base *base;
extern struct follow *follow;
extern const struct follow_events events;
extern struct fault fault;

/* What came out: all lines one after the other, and what was told as skipped last. */
extern char *lines;
extern size_t lines_size;
extern unsigned int ready_calls, skipped_count;
extern uint64_t skipped_offset, skipped_size;
extern char skipped_why[512], first_line[256];
extern bool read_at_once; /* true: ready() reads all; false: the test reads */
extern int read_result;	  /* of the last follow_read() that ready() or read_all() did */

void set_up(void);
void tear_down(void);

/* The follower. */
void start(const unsigned char *position);
void restart(void); /* from its own position */
void stop(unsigned char position[FOLLOW_POSITION_BYTES]);
void take_stretch(const struct follow_stretch *stretch); /* adds it to the lines */
void read_all(void);
void turn(void);	       /* waits until it is woken */
void settle(void);	       /* lets the loop handle all that the kernel has told already */
void expect(const char *text); /* waits until all lines that ever came out are these */

/* The directory. Names are relative to it. */
const char *path_of(const char *name); /* valid until the next call */
void write_bytes(int fd, const char *text, size_t size);
void append(const char *name, const char *text);
void move(const char *from, const char *to);
void wait_for_tick(void); /* a file made now is younger than all before */
