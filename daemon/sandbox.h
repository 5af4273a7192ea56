/* SPDX-License-Identifier: MIT
 *
 * sandbox.h - how a worker gives up what it does not need (style rules 41, 42; docs/SECURITY.md).
 * Worker only, but for the text that main publishes.
 *
 * Two steps round the plugin's `open`. What no plugin ever needs goes before its code is in the
 * process; sockets, and files of its own choosing, go after `open`. Neither step can be undone.
 */
#pragma once

#include <stdbool.h>
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
/* "landlock 7, seccomp", "landlock 7", "seccomp" or "none", in the buffer. Returns it. */
const char *sandbox_text(const struct sandbox_layers *layers, char buffer[SANDBOX_TEXT_MAX]);
