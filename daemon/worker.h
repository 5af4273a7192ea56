/* SPDX-License-Identifier: MIT
 *
 * worker.h - the worker role: configure, open, confine, announce, loop. The process that main
 * starts as `straitd --worker` with the link on fd 3.
 */
#pragma once

#define WORKER_FD 3

/* Exit codes of a worker (sysexits). Anything else, and any signal, is a crash. */
enum worker_exit {
	WORKER_EXIT_STOPPED = 0,
	WORKER_EXIT_INPUT = 65,
	WORKER_EXIT_BUG = 70,
	WORKER_EXIT_TRANSIENT = 75,
	WORKER_EXIT_CONFIG = 78,
};

#define WORKER_HEARTBEAT_MS 5000

/* Runs until stopped; returns the exit code. */
int worker_main(void);
