/* SPDX-License-Identifier: MIT
 *
 * sandbox_private.h - the two layers that not every kernel has. Private to sandbox*.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

/* Of a worker, before and after `open`; and the one step of a fetcher. Bits: a group of calls may
   be refused in several. */
enum sandbox_step {
	SANDBOX_EARLY = 1 << 0,
	SANDBOX_LATE = 1 << 1,
	SANDBOX_FETCHER = 1 << 2,
};

/* A file or a directory, with all below it, that stays open to the process. */
struct sandbox_path {
	const char *path; /* what is not there is passed over */
	bool written;	  /* files are made, filled, renamed and removed in there too */
	bool no_link;	  /* passed over if it is a symbolic link */
};

/* LeakSanitizer runs at the end of the worker's life, inside the sandbox: it stops the process from
   a clone of it by ptrace, and reads /proc/PID/task and maps. Builds with it are for tests only. */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_FOR_LEAK_CHECK 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_FOR_LEAK_CHECK 1
#endif
#endif
#ifndef SANDBOX_FOR_LEAK_CHECK
#define SANDBOX_FOR_LEAK_CHECK 0
#endif

/* sandbox.c: a limit of setrlimit(2), never up; name for the fault. */
int sandbox_lower(int resource, uint64_t value, const char *name, struct fault *fault);
/* What every confined process gives up: limits, gaining privileges, capabilities. */
int sandbox_give_up(struct fault *fault);

/* sandbox_landlock.c: version of the kernel's Landlock ABI; 0 = there is none. */
uint32_t sandbox_landlock_abi(void);
/* Early: nothing is written; paths are not used. Late: nothing is read but these either. Fetcher:
   as late, and TCP goes to these ports only. 0 also without Landlock. */
int sandbox_landlock(enum sandbox_step step, const struct sandbox_path *paths, size_t path_count,
		     const uint16_t *ports, size_t port_count, struct fault *fault);

/* sandbox_seccomp.c: refuses the calls of this step. *ret_active false: the kernel has no filters.
 */
int sandbox_seccomp(enum sandbox_step step, bool *ret_active, struct fault *fault);

/* sandbox_calls.c: what is refused. */
enum sandbox_answer {
	/* EPERM, and a line on stderr that names the call, once for each call. The kernel kills
	   a thread that has SIGSYS blocked. */
	SANDBOX_TELL = 1,
	/* EPERM and no word: libc makes these calls with all signals blocked. */
	SANDBOX_REFUSE,
	/* ENOSYS: libc then takes an older call whose arguments a filter can see. */
	SANDBOX_UNKNOWN,
};

enum sandbox_match {
	SANDBOX_ANY = 0,
	SANDBOX_BITS,	   /* (argument & mask) == value */
	SANDBOX_NOT,	   /* argument != value */
	SANDBOX_ABOVE,	   /* argument > value */
	SANDBOX_NOT_MYSELF /* argument != getpid() */
};

struct sandbox_call {
	const char *name;
	int number;
	enum sandbox_match match;
	unsigned int argument;
	uint64_t mask, value;
};

struct sandbox_group {
	const char *why;
	unsigned int steps; /* enum sandbox_step */
	enum sandbox_answer answer;
	const struct sandbox_call *calls; /* ends with a NULL name */
};

extern const struct sandbox_group sandbox_groups[]; /* ends with a NULL reason */
