/* SPDX-License-Identifier: MIT
 *
 * main.c - picks the role from the command line; everything else is in libstrait.a, which the tests
 * link too.
 */
#include <stdio.h>

#include "archiver.h"
#include "bus.h"
#include "options.h"
#include "straitd.h"
#include "worker.h"

int main(int argc, char **argv)
{
	struct options options;

	options_parse(argc, argv, &options);
	switch (options.role) {
	case ROLE_DAEMON:
		return straitd_main(&options);
	case ROLE_WORKER:
		return worker_main();
	case ROLE_ARCHIVER:
		return archiver_main(options.archived);
	case ROLE_CHECK_CONFIG:
		return straitd_check_config(&options);
	case ROLE_PRINT_CONFIG:
		return straitd_print_config(&options);
	case ROLE_INTROSPECT:
		bus_introspect(stdout);
		return 0;
	}
	return 1;
}
