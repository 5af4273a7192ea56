/* SPDX-License-Identifier: MIT
 *
 * options.h - straitd's command line (argp) and the directories that follow from it.
 */
#pragma once

#include <stdbool.h>

enum options_role {
	ROLE_DAEMON = 1,
	ROLE_WORKER,   /* hidden: --worker */
	ROLE_ARCHIVER, /* hidden: --archiver SHA256 */
	ROLE_CHECK_CONFIG,
	ROLE_PRINT_CONFIG,
	ROLE_INTROSPECT,
};

struct options {
	enum options_role role;
	bool session;	       /* --session: session bus and XDG directories */
	char config_dir[4096]; /* --config */
	char state_dir[4096];  /* --state */
	char spool_dir[4096];  /* --spool */
	char plugin_dir[4096]; /* --plugins */
	char bus[1024];	       /* --bus: "system", "session" or an address */
	const char *archived;  /* --archiver: the hash, from argv */
};

/* Fills *ret_options from the command line with the defaults of the build (SYSCONFDIR/straitd,
   LOCALSTATEDIR/lib/straitd, LOCALSTATEDIR/spool/straitd, LIBDIR/straitd/plugins) or the XDG ones;
   --help, --version and usage errors (exit 2) end the process here, nowhere else. Paths are made
   absolute. */
void options_parse(int argc, char **argv, struct options *ret_options);
