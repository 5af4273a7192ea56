/* SPDX-License-Identifier: MIT
 *
 * plugin_load.h - dlopen and every check before a plugin is believed. Worker only.
 */
#pragma once

#include "fault.h"
#include "strait/plugin.h"

/* Owner root or the process's user, not writable by group or others, directory likewise; ABI; size;
   name; callbacks; schema, metrics and figures sane. Each refusal has its own sentence
   (FAULT_CONFIG). The file is copied into a sealed memfd and that is mapped, so that replacing the
   file cannot hurt. Never closed again. */
int plugin_load(const char *name, const char *path, const struct strait_plugin **ret_plugin,
		struct fault *fault);
