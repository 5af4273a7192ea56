/* SPDX-License-Identifier: MIT
 *
 * straitd.h - the roles of the main process; each returns the exit code.
 */
#pragma once

#include "options.h"

#define EXIT_CONFIG 78 /* sysexits EX_CONFIG */

int straitd_main(const struct options *options);
int straitd_check_config(const struct options *options);
int straitd_print_config(const struct options *options);
