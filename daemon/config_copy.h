/* SPDX-License-Identifier: MIT
 *
 * config_copy.h - a source's section that outlives the configuration it came from. Main only.
 */
#pragma once

#include "config.h"

/* 0, or -1 without memory (and then nothing is left to free). */
int config_copy_source(const struct config_source *from, struct config_source *ret_copy);
void config_source_copy_done(struct config_source *copy);
