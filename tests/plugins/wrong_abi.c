/* SPDX-License-Identifier: MIT
 *
 * wrong_abi.c - a plugin built for another major version of the ABI.
 */
#include "strait/plugin.h"

__attribute__((visibility("default"))) const struct strait_plugin strait_plugin;
const struct strait_plugin strait_plugin = {
	.abi_major = STRAIT_ABI_MAJOR + 1,
	.struct_size = sizeof(struct strait_plugin),
	.name = "wrong_abi",
};
