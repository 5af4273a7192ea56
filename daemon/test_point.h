/* SPDX-License-Identifier: MIT
 *
 * test_point.h - places where a test build may end the process, as a crash would; nothing
 * otherwise. Main and worker. The order of what follows a crash there is what tests look at.
 */
#pragma once

/* Does nothing in the released program, which has no fault_point() (tests/hooks/fault_point.c). */
void test_point(void);
