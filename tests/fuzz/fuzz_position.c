/* SPDX-License-Identifier: MIT
 *
 * fuzz_position.c - positions and times of a sighting log on hostile text: whatever is accepted
 * lies on the globe and in the calendar.
 */
// links: plugins/boat_sightings/position.c plugins/boat_sightings/parse.c
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "boat_sightings/parse.h"
#include "boat_sightings/position.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_position(const struct position *position)
{
	if (!(fabs(position->latitude) <= 90) || !(fabs(position->longitude) <= 180))
		abort();
	if (!*position_area(position))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1); /* its own block, so that a sanitizer sees a byte too far */
	struct position position;
	int64_t ms;

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	text = realloc(text, size ? size : 1);
	if (!text)
		abort();
	if (!position_parse(text, size, &position))
		check_position(&position);
	position = (struct position){ 0, 0 };
	if (!position_parse_degrees(text, size, 180, &position.longitude))
		check_position(&position);
	if (sighting_parse_time(text, size, &ms) &&
	    (ms < -INT64_C(62200000000000) || ms > INT64_C(253500000000000)))
		abort();
	free(text);
	return 0;
}
