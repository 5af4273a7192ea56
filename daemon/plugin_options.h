/* SPDX-License-Identifier: MIT
 *
 * plugin_options.h - the keys of a [source] section as the plugin's schema reads them. Worker only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "messages.h"
#include "strait/plugin.h"

#define PLUGIN_OPTIONS_MAX 128u /* in one schema */

struct plugin_options;

/* One value by its type and range; 0 and *ret_number (strings: 0), or FAULT_CONFIG with a sentence.
 */
int plugin_option_parse(const struct strait_option *option, const char *text, int64_t *ret_number,
			struct fault *fault);
/* Reads given keys and fallbacks. FAULT_CONFIG names every key that is unknown (with the nearest
   known one, also of the host's), given twice, missing, or not of its type, as far as the text has
   room. Copies everything but the schema. */
int plugin_options_new(const struct strait_option *schema, const struct message_option *given,
		       size_t count, struct plugin_options **ret_options, struct fault *fault);
struct plugin_options *plugin_options_free(struct plugin_options *options);
/* NULL and 0 when unset. */
const char *plugin_options_string(const struct plugin_options *options, const char *name);
int64_t plugin_options_integer(const struct plugin_options *options, const char *name);
const char *plugin_options_next(const struct plugin_options *options, const char *name,
				size_t *iterator, const char **ret_value);
