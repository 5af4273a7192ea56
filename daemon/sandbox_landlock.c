/* SPDX-License-Identifier: MIT
 *
 * sandbox_landlock.c - Landlock: which files a worker or a fetcher may open, and
 * where a fetcher may connect. Worker and fetcher only.
 *
 * Owns nothing. Invariant: every right that the kernel knows and this file knows is handled, and
 * the only ones that are given back are reading files and directories of the inputs
 * (a worker's), and what sandbox_fetcher() lists. Must never
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"

/* Rights by the ABI that brought them. */
#define RIGHTS_READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_ABI_1 ((UINT64_C(1) << 13) - 1)
#define RIGHTS_WRITE                                                                               \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |                             \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | RIGHT_SHORTEN)
#define RIGHTS_OF_DIRECTORIES                                                                      \
	(LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define RIGHT_REFER                                                                                \
	(UINT64_C(1) << 13) /* ABI 2: to link or rename from one directory to another              \
			     */
#define RIGHT_SHORTEN (UINT64_C(1) << 14) /* ABI 3: truncate */
#define RIGHT_DEVICE  (UINT64_C(1) << 15) /* ABI 5: ioctl of device files */
#define RIGHTS_TCP    (UINT64_C(3))	  /* ABI 4: bind, connect */
#define RIGHT_CONNECT (UINT64_C(1) << 1)
#define RULE_NET_PORT 2			 /* ABI 4 */
#define SCOPE_SOCKETS (UINT64_C(1) << 0) /* ABI 6: abstract sockets of processes outside */
#define SCOPE_SIGNALS (UINT64_C(1) << 1) /* ABI 6: signals to processes outside */

/* struct landlock_ruleset_attr as of ABI 6; an older kernel takes it when the rest is 0. */
struct ruleset {
	uint64_t files, network, scoped;
};

/* struct landlock_net_port_attr. */
struct port_rule {
	uint64_t allowed_access, port;
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
	case SANDBOX_FETCHER:
		if (abi >= 4)
			rules.network = RIGHTS_TCP;
		if (abi >= 6)
			rules.scoped |= SCOPE_SOCKETS;
		break;
	}
	return rules;
}

static int allow_path(int ruleset, const struct sandbox_path *path, uint64_t handled,
		      struct fault *fault)
{
	CLEANUP(close_fd)
	int fd = open(path->path, O_PATH | O_CLOEXEC | (path->no_link ? O_NOFOLLOW : 0));
	struct landlock_path_beneath_attr rule = { .allowed_access = RIGHTS_READ, .parent_fd = fd };
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0 || S_ISLNK(status.st_mode))
		return 0; /* who wants to read it says more than we can here */
	if (path->written)
		rule.allowed_access |= RIGHTS_WRITE & handled;
	if (!S_ISDIR(status.st_mode))
		rule.allowed_access &= ~RIGHTS_OF_DIRECTORIES;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return fault_errno(fault, errno, "cannot keep '%s' open in the sandbox",
				   path->path);
	return 0;
}

static int allow_port(int ruleset, uint16_t port, struct fault *fault)
{
	const struct port_rule rule = { .allowed_access = RIGHT_CONNECT, .port = port };

	if (syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) < 0)
		return fault_errno(fault, errno, "cannot keep port %u open in the sandbox", port);
	return 0;
}

int sandbox_landlock(enum sandbox_step step, const struct sandbox_path *paths, size_t path_count,
		     const uint16_t *ports, size_t port_count, struct fault *fault)
{
	static const struct sandbox_path proc = { .path = "/proc" };
	uint32_t abi = sandbox_landlock_abi();
	const struct ruleset rules = rules_of(step, abi);
	CLEANUP(close_fd) int ruleset = -1;

	if (abi == 0)
		return 0;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	if (ruleset < 0)
		return fault_errno(fault, errno, "cannot make a Landlock ruleset (ABI %u)", abi);
	for (size_t i = 0; i < path_count; i++)
		if (allow_path(ruleset, &paths[i], rules.files, fault) < 0)
			return -1;
	for (size_t i = 0; rules.network && i < port_count; i++)
		if (allow_port(ruleset, ports[i], fault) < 0)
			return -1;
	if (SANDBOX_FOR_LEAK_CHECK && step != SANDBOX_EARLY &&
	    allow_path(ruleset, &proc, rules.files, fault) < 0)
		return -1;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return fault_errno(fault, errno, "cannot close the Landlock sandbox (ABI %u)", abi);
	return 0;
}
