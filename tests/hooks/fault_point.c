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
 *                                process passed, as a long
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FAULT_EXIT 99

void fault_point(void) __attribute__((visibility("default")));

/* What processes share, in a file that is mapped at the start: a worker's sandbox opens, keeps and
   writes none later. */
struct shared {
	long points;
	int taken; /* by the worker that died */
};

static struct {
	long steps, wanted;
	bool worker;
	struct shared *token, *count; /* NULL: not asked for */
} points;

static long number(const char *name)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 10) : 0;
}

static struct shared *map(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	void *shared;

	if (fd < 0 || ftruncate(fd, sizeof(struct shared)) < 0)
		abort(); /* a test that counts nothing would prove nothing */
	shared = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (shared == MAP_FAILED)
		abort();
	return shared;
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
		points.token = map(token);
	if (!count || (argc > 1 && strcmp(argv[1], "--archiver") == 0))
		return;
	(void)snprintf(path, sizeof(path), "%s.%s", count, points.worker ? "worker" : "main");
	points.count = map(path);
}

void fault_point(void)
{
	points.steps++;
	if (points.count && points.count->points < points.steps)
		points.count->points = points.steps;
	if (points.steps != points.wanted)
		return;
	if (!points.worker)
		_exit(FAULT_EXIT);
	if (points.token && !__atomic_exchange_n(&points.token->taken, 1, __ATOMIC_SEQ_CST))
		(void)raise(SIGKILL);
}
