/* SPDX-License-Identifier: MIT
 *
 * sandbox.c - the two steps in which a worker gives up its rights, and its limits. Worker only.
 *
 * Owns nothing. Invariant: after a step succeeded, all that it promises and this kernel can do
 * holds for the whole process; there is no way back. Must never leave a thread outside: Landlock
 * and capabilities are per thread, so both steps are taken while there is one.
 */
#include "sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "sandbox_private.h"

#define LINKS_OF_A_DIRECTORY 2u

/* Memory and the first bound of fds are set by main (spawn.c), before the loader runs. There is no
   limit of processes to set: it counts all those of the user. */
static const struct limit {
	int resource;
	rlim_t value;
	const char *name;
} early_limits[] = {
	{ RLIMIT_CORE, 0, "core" }, /* it would hold keys and whatever the plugin read */
	{ RLIMIT_MEMLOCK, 0, "memlock" },
	{ RLIMIT_MSGQUEUE, 0, "msgqueue" },
	{ RLIMIT_RTPRIO, 0, "rtprio" },
};

int sandbox_lower(int resource, uint64_t value, const char *name, struct fault *fault)
{
	struct rlimit limit;

	if (getrlimit((unsigned int)resource, &limit) < 0)
		return fault_errno(fault, errno, "cannot read the limit '%s'", name);
	if (limit.rlim_max > value)
		limit.rlim_max = value;
	if (limit.rlim_cur > limit.rlim_max)
		limit.rlim_cur = limit.rlim_max;
	if (setrlimit((unsigned int)resource, &limit) < 0)
		return fault_errno(fault, errno, "cannot lower the limit '%s'", name);
	return 0;
}

/* Those of root, when somebody runs the daemon as root without the unit. What root may read stays
 * readable, as far as Landlock lets it. */
static int drop_capabilities(struct fault *fault)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };
	const uint32_t kept = UINT32_C(1) << CAP_DAC_READ_SEARCH;

	if (syscall(SYS_capget, &header, sets) < 0)
		return fault_errno(fault, errno, "cannot read the worker's capabilities");
	if (!sets[0].permitted && !sets[1].permitted)
		return 0; /* the unit's filter refuses even to set what is set already */
	sets[0].permitted &= kept;
	sets[0].effective &= kept;
	sets[0].inheritable = 0;
	sets[1] = (struct __user_cap_data_struct){ 0 };
	if (syscall(SYS_capset, &header, sets) < 0)
		return fault_errno(fault, errno, "cannot drop the worker's capabilities");
	return 0;
}

int sandbox_give_up(struct fault *fault)
{
	for (size_t i = 0; i < sizeof(early_limits) / sizeof(early_limits[0]); i++) {
		if (sandbox_lower(early_limits[i].resource, early_limits[i].value,
				  early_limits[i].name, fault) < 0)
			return -1;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fault_errno(fault, errno, "cannot give up gaining privileges");
	if (drop_capabilities(fault) < 0)
		return -1;
	(void)signal(SIGXFSZ, SIG_IGN); /* a write over the limit fails with EFBIG */
	return 0;
}

int sandbox_early(struct fault *fault)
{
	bool active;

	if (sandbox_give_up(fault) < 0)
		return -1;
#ifdef STRAIT_COVERAGE /* such a build writes its counters when the process ends */
	(void)active;
	return 0;
#else
	if (sandbox_landlock(SANDBOX_EARLY, NULL, 0, NULL, 0, fault) < 0)
		return -1;
	return sandbox_seccomp(SANDBOX_EARLY, &active, fault);
#endif
}

#ifndef STRAIT_COVERAGE

/* Threads of this process: each is a directory in there. */
static unsigned int count_threads(void)
{
	struct stat status;

	if (stat("/proc/self/task", &status) < 0 || status.st_nlink <= LINKS_OF_A_DIRECTORY)
		return 1; /* cannot be: without /proc the worker was not started */
	return (unsigned int)(status.st_nlink - LINKS_OF_A_DIRECTORY);
}

static rlim_t count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	const struct dirent *entry;
	rlim_t count = 0;

	if (!directory)
		return SANDBOX_FDS_MORE; /* as above */
	while ((entry = readdir(directory)))
		count += entry->d_name[0] != '.';
	(void)closedir(directory); /* was only read */
	return count;
}

/* Directory of the path, to be freed; NULL for lack of memory or for "". */
static char *directory_of(const char *path)
{
	char *copy = path && path[0] == '/' ? strdup(path) : NULL;
	char *slash = copy ? strrchr(copy, '/') : NULL;

	if (slash)
		slash[slash == copy] = '\0'; /* "/x" is in "/" */
	return copy;
}

static int close_files(const char *incoming, const char *log, struct fault *fault)
{
	CLEANUP(free_text) char *directory = directory_of(log);
	CLEANUP(free_text) char *target = log[0] ? realpath(log, NULL) : NULL;
	CLEANUP(free_text) char *target_directory = directory_of(target);
	struct sandbox_path readable[3];
	size_t count = 0;

	if (incoming[0])
		readable[count++] = (struct sandbox_path){ .path = incoming, .no_link = true };
	if (directory)
		readable[count++] = (struct sandbox_path){ .path = directory };
	if (target_directory)
		readable[count++] = (struct sandbox_path){ .path = target_directory };
	return sandbox_landlock(SANDBOX_LATE, readable, count, NULL, 0, fault);
}

#endif

int sandbox_late(const char *incoming, const char *log, struct sandbox_layers *ret_layers,
		 struct fault *fault)
{
	struct sandbox_layers layers = { 0 };
#ifndef STRAIT_COVERAGE
	unsigned int threads = count_threads();

	if (threads > 1)
		return fault_set(
			fault, FAULT_BUG,
			"the plugin runs %u threads when `open` returns, which the sandbox would not hold; it must start them in `start`",
			threads);
	if (sandbox_lower(RLIMIT_NOFILE, count_fds() + SANDBOX_FDS_MORE, "nofile", fault) < 0 ||
	    sandbox_lower(RLIMIT_FSIZE, 0, "fsize", fault) < 0 ||
	    close_files(incoming, log, fault) < 0 ||
	    sandbox_seccomp(SANDBOX_LATE, &layers.seccomp, fault) < 0)
		return -1;
	layers.landlock_abi = sandbox_landlock_abi();
#else
	(void)incoming, (void)log;
#endif
	*ret_layers = layers;
	return 0;
}

const char *sandbox_text(const struct sandbox_layers *layers, char buffer[SANDBOX_TEXT_MAX])
{
	if (layers->landlock_abi)
		(void)snprintf(buffer, SANDBOX_TEXT_MAX, "landlock %u%s", layers->landlock_abi,
			       layers->seccomp ? ", seccomp" : "");
	else
		(void)snprintf(buffer, SANDBOX_TEXT_MAX, "%s",
			       layers->seccomp ? "seccomp" : "none");
	return buffer;
}
