/* SPDX-License-Identifier: MIT
 *
 * fault_point.c - linked into the test build of the daemon only: ends the process at the n-th
 * test_point(), as a crash would. Main, workers. Tests run it with n = 1, 2, 3 … until what they do
 * completes. Must never touch anything before that point but the counts below.
 *
 * $STRAITD_TEST_FAULT_POINT=n    main ends with FAULT_EXIT at its n-th point
 * $STRAITD_TEST_WORKER_POINT=n   the first worker that reaches its n-th point is killed there; only
 *                                one of all that are ever started: the file
 * $STRAITD_TEST_WORKER_TOKEN, which must exist and be empty, gets a byte
 * $STRAITD_TEST_POINT_COUNT=F    F.main and F.worker get the greatest number of points that one
 *                                process passed, as 8 bytes
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAULT_EXIT 99

void fault_point(void) __attribute__((visibility("default")));

/* Opened at the start of the process: a worker's sandbox opens nothing later. */
static struct {
	long steps, wanted;
	bool worker;
	int token, count;
} points = { .token = -1, .count = -1 };

static long number(const char *name)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 10) : 0;
}

static __attribute__((constructor)) void begin(int argc, char **argv)
{
	const char *token = getenv("STRAITD_TEST_WORKER_TOKEN"),
		   *count = getenv("STRAITD_TEST_POINT_COUNT");
	char path[4096];

	points.worker = argc > 1 && strcmp(argv[1], "--worker") == 0;
	points.wanted =
		number(points.worker ? "STRAITD_TEST_WORKER_POINT" : "STRAITD_TEST_FAULT_POINT");
	if (points.worker && points.wanted && token)
		points.token = open(token, O_RDWR | O_CLOEXEC);
	if (!count || (argc > 1 && strcmp(argv[1], "--archiver") == 0))
		return;
	(void)snprintf(path, sizeof(path), "%s.%s", count, points.worker ? "worker" : "main");
	points.count = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
}

static void note_count(void)
{
	long most = 0;

	if (points.count < 0 ||
	    (pread(points.count, &most, sizeof(most), 0) == (ssize_t)sizeof(most) &&
	     most >= points.steps))
		return;
	most = points.steps;
	if (pwrite(points.count, &most, sizeof(most), 0) < 0)
		return; /* the count is short, which is seen */
}

void fault_point(void)
{
	char taken;

	points.steps++;
	note_count();
	if (points.steps != points.wanted)
		return;
	if (!points.worker)
		_exit(FAULT_EXIT);
	if (points.token >= 0 && pread(points.token, &taken, 1, 0) == 0 &&
	    pwrite(points.token, "x", 1, 0) == 1)
		(void)raise(SIGKILL);
}
