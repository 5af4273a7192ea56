/* SPDX-License-Identifier: MIT
 *
 * fuzz_referrals.c - the platform_response plugin on hostile logs and documents, CSV and NDJSON.
 */
// links: plugins/platform_response/*.c tests/support/fake_host.c
#include "log_plugin.h"
