/* SPDX-License-Identifier: MIT
 *
 * load.h - a process of its own that asks the daemon all the time, and follows the feed: every
 * change that it was told is a line of the witness.
 */
#pragma once

#include <sys/types.h>

/* The witness: "sequence time figure old new", the values as %a or "nan". What goes wrong with a
   question is a line that begins with '!'. It is appended to. Returns the process, which dies with
   the caller. */
pid_t load_begin(const char *bus_address, const char *witness);
void load_end(pid_t pid);
