/* SPDX-License-Identifier: MIT
 *
 * fuzz_sightings.c - the boat_sightings plugin on hostile logs and documents, CSV and NDJSON.
 */
// links: plugins/boat_sightings/*.c tests/support/fake_host.c
#include "log_plugin.h"
