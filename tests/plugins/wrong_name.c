/* SPDX-License-Identifier: MIT
 *
 * wrong_name.c - a plugin that is named otherwise than its file.
 */
#include "strait/plugin.h"

STRAIT_PLUGIN(.name = "right_name", .version = "1", .summary = "Named otherwise than its file");
