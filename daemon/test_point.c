/* SPDX-License-Identifier: MIT
 *
 * test_point.c - see test_point.h. Main and worker. Must never do anything of its own: a process
 * that crashes has no time to.
 */
#include "test_point.h"

#include <stddef.h>

/* Present in test builds only (tests/hooks/fault_point.c). */
extern void fault_point(void) __attribute__((weak));

void test_point(void)
{
	if (fault_point)
		fault_point();
}
