/* SPDX-License-Identifier: MIT
 *
 * sandbox_landlock.c - Landlock: which files a worker may open. Worker only.
 *
 * Owns nothing. Invariant: every right that the kernel knows and this file knows is handled, and
 * the only ones that are given back are reading files and directories of the inputs. Must never
 * treat a kernel without Landlock as a failure.
 *
 * Plain system calls: glibc has no functions for these. Constants as in Linux's
 * include/uapi/linux/landlock.h; the header of the build machine may be older than the kernel.
 */
#include "sandbox_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"

/* Rights by the ABI that brought them. */
#define RIGHTS_READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_ABI_1 ((UINT64_C(1) << 13) - 1)
#define RIGHT_REFER                                                                                \
	(UINT64_C(1) << 13) /* ABI 2: to link or rename from one directory to another              \
			     */
#define RIGHT_SHORTEN (UINT64_C(1) << 14) /* ABI 3: truncate */
#define RIGHT_DEVICE  (UINT64_C(1) << 15) /* ABI 5: ioctl of device files */
#define RIGHTS_TCP    (UINT64_C(3))	  /* ABI 4: bind, connect */
#define SCOPE_SOCKETS (UINT64_C(1) << 0)  /* ABI 6: abstract sockets of processes outside */
#define SCOPE_SIGNALS (UINT64_C(1) << 1)  /* ABI 6: signals to processes outside */

/* struct landlock_ruleset_attr as of ABI 6; an older kernel takes it when the rest is 0. */
struct ruleset {
	uint64_t files, network, scoped;
};

uint32_t sandbox_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0,
			   LANDLOCK_CREATE_RULESET_VERSION);

	/* Not built in, not switched on at boot, or kept from us by a container: all the same. */
	return abi > 0 ? (uint32_t)abi : 0;
}

static struct ruleset rules_of(enum sandbox_step step, uint32_t abi)
{
	struct ruleset rules = { .files = RIGHTS_ABI_1 };

	if (abi >= 2)
		rules.files |= RIGHT_REFER;
	if (abi >= 3)
		rules.files |= RIGHT_SHORTEN;
	if (abi >= 5)
		rules.files |= RIGHT_DEVICE;
	if (abi >= 6)
		rules.scoped = SCOPE_SIGNALS;
	switch (step) {
	case SANDBOX_EARLY: /* the loader and `open` read where they like */
		rules.files &= ~RIGHTS_READ;
		break;
	case SANDBOX_LATE:
		if (abi >= 4)
			rules.network = RIGHTS_TCP;
		if (abi >= 6)
			rules.scoped |= SCOPE_SOCKETS;
		break;
	}
	return rules;
}

static int let_read(int ruleset, const char *directory, struct fault *fault)
{
	CLEANUP(close_fd) int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct landlock_path_beneath_attr rule = { .allowed_access = RIGHTS_READ,
							 .parent_fd = fd };

	if (fd < 0)
		return 0; /* who wants to read it says more than we can here */
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return fault_errno(fault, errno, "cannot keep '%s' readable in the sandbox",
				   directory);
	return 0;
}

int sandbox_landlock(enum sandbox_step step, const char *const *readable, struct fault *fault)
{
	uint32_t abi = sandbox_landlock_abi();
	const struct ruleset rules = rules_of(step, abi);
	CLEANUP(close_fd) int ruleset = -1;

	if (abi == 0)
		return 0;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	if (ruleset < 0)
		return fault_errno(fault, errno, "cannot make a Landlock ruleset (ABI %u)", abi);
	if (step == SANDBOX_LATE) {
		for (; *readable; readable++) {
			if (let_read(ruleset, *readable, fault) < 0)
				return -1;
		}
		if (SANDBOX_FOR_LEAK_CHECK && let_read(ruleset, "/proc", fault) < 0)
			return -1;
	}
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return fault_errno(fault, errno, "cannot close the Landlock sandbox (ABI %u)", abi);
	return 0;
}
