/* SPDX-License-Identifier: MIT
 *
 * fault_point.c - linked into the test build of the daemon only: ends the process at the n-th step
 * of the store, as a crash would, when STRAITD_TEST_FAULT_POINT=n. Tests run it with n = 1, 2, 3 …
 * until an import completes.
 */
#include <stdlib.h>
#include <unistd.h>

#define FAULT_EXIT 99

void store_fault_point(void);

void store_fault_point(void)
{
	static long steps;
	const char *wanted = getenv("STRAITD_TEST_FAULT_POINT");

	if (wanted && ++steps == strtol(wanted, NULL, 10))
		_exit(FAULT_EXIT);
}
