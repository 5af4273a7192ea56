/* SPDX-License-Identifier: MIT
 *
 * sandbox.h - how a worker, and a fetcher, give up what they do not need (style rules 41, 42;
 * docs/SECURITY.md). Worker and fetcher only, but for the text that main publishes.
 *
 * Two steps round the plugin's `open`. What no plugin ever needs goes before its code is in the
 * process; sockets, and files of its own choosing, go after `open`. Neither step can be undone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

#define SANDBOX_FDS_MORE 64u /* beside those that are open after `open` */
#define SANDBOX_TEXT_MAX 48

/* What this kernel had to offer; limits and no_new_privs are always there. */
struct sandbox_layers {
	uint32_t landlock_abi; /* 0 = none */
	bool seccomp;
};

/* Before dlopen: no_new_privs, no capabilities but the one to read, limits; from now on no file is
   written, no program or process started, no other process touched, nothing of the kernel changed.
   Missing layers are no failure. */
int sandbox_early(struct fault *fault);
/* After `open`: no file is read but those below `incoming` and in the directory of `log` (and of
   what it is a link to); both absolute or "". No connection is opened, no file grows. A directory
   that is not there is passed over: who wants to read it will say so. FAULT_BUG when the plugin has
   started threads already, which would be left outside. */
int sandbox_late(const char *incoming, const char *log, struct sandbox_layers *ret_layers,
		 struct fault *fault);
#define SANDBOX_PORTS_MAX 8u

/* The one step of a fetcher, which has read its job and nothing from outside: what a worker gives
   up as well, but for the network, which stays open to TCP on these ports and to asking for names
   (no local sockets, so no bus); and of files it writes those of spool/incoming, none larger than
   max_bytes, and reads what a resolver and TLS need (authorities: one more file of certificates, or
   NULL). A layer that the kernel lacks is no failure. */
int sandbox_fetcher(const char *spool, uint64_t max_bytes, const char *authorities,
		    const uint16_t *ports, size_t port_count, struct fault *fault);
/* "landlock 7, seccomp", "landlock 7", "seccomp" or "none", in the buffer. Returns it. */
const char *sandbox_text(const struct sandbox_layers *layers, char buffer[SANDBOX_TEXT_MAX]);
