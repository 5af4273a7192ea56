/* SPDX-License-Identifier: MIT
 *
 * spawn.h - starting a worker: the daemon's own program again, with the link on fd 3 and stderr on
 * a pipe. Main only.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "fault.h"

/* Limits of a worker. An input of any size fits: documents are read in pieces, plugins keep sums.
 */
#define SPAWN_MEMORY_MAX_BYTES (UINT64_C(2) << 30)
#define SPAWN_FILE_MAX_BYTES   (UINT64_C(1) << 30) /* of what it writes: memfds */
#define SPAWN_FDS_MAX	       256u
#define SPAWN_OOM_SCORE                                                                            \
	"500" /* in need of memory the kernel takes a worker first, not the daemon */
#define SPAWN_EXIT_FAILED 127 /* the child could not become a worker; its stderr says why */

struct spawned {
	pid_t pid;     /* to be reaped by the caller */
	int link_fd;   /* main's end, non-blocking */
	int stderr_fd; /* what the worker writes to its stderr, non-blocking */
};

/* Runs /proc/self/exe --worker NAME; NAME is only for people who look at ps. The child has fds 0 to
   3 and no other, its own session, default signals, an environment of a few names, and dies when
   this process dies. */
int spawn_worker(const char *name, struct spawned *ret_spawned, struct fault *fault);
/* Runs /proc/self/exe --archiver SHA256 with these as fds 0 and 1 (archiver.h), else as a worker:
   no other fd but stderr, limits, dies with this process. The fds stay the caller's. *ret_pid is to
   be reaped by the caller. */
int spawn_archiver(const char *sha256, int in_fd, int out_fd, pid_t *ret_pid, struct fault *fault);
/* Runs the program of that name, which lies beside the daemon's own or in the directory of helper
   programs, with these as fds 0 and 1; else as an archiver, and with the proxies of the daemon's
   environment. file_max: bytes of a file that it may write. name is only for people who look at ps.
 */
int spawn_fetcher(const char *program, const char *name, uint64_t file_max, int in_fd, int out_fd,
		  pid_t *ret_pid, struct fault *fault);
