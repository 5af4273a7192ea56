/* SPDX-License-Identifier: MIT
 *
 * sandbox_fetcher.c - what a fetcher keeps: its own incoming/, the files of a resolver and of TLS,
 * and TCP to a few ports. Fetcher only.
 *
 * Owns nothing. Invariant: after it succeeded, all that it promises and this kernel can do holds
 * for the whole process. Must be called before a thread is started or a byte is read from outside.
 */
#include "sandbox.h"

#include <stdio.h>
#include <sys/resource.h>

#include "sandbox_private.h"
#include "spool.h"

#define FETCHER_FDS_MAX	     64u
#define FETCHER_MEMORY_BYTES (UINT64_C(512) << 20) /* address space: libraries, TLS, a page */

/* Names of servers are looked up, and certificates checked, by libraries that read these. */
static const struct sandbox_path of_libraries[] = {
	{ .path = "/etc/resolv.conf" },
	{ .path = "/etc/hosts" },
	{ .path = "/etc/host.conf" },
	{ .path = "/etc/gai.conf" },
	{ .path = "/etc/nsswitch.conf" },
	{ .path = "/etc/services" },
	{ .path = "/etc/protocols" },
	{ .path = "/etc/localtime" },
	{ .path = "/etc/ld.so.cache" },
	{ .path = "/etc/ssl" },
	{ .path = "/etc/pki" },
	{ .path = "/etc/ca-certificates" },
	{ .path = "/usr/share/ca-certificates" },
	{ .path = "/usr/local/share/ca-certificates" },
	{ .path = "/usr/lib" },
	{ .path = "/usr/lib64" },
	{ .path = "/lib" },
	{ .path = "/lib64" },
	{ .path = "/run/systemd/resolve" },
	{ .path = "/run/resolvconf" },
	{ .path = "/dev/urandom" },
};

#define OF_LIBRARIES (sizeof(of_libraries) / sizeof(of_libraries[0]))

static int close_files(const char *spool, const char *authorities, const uint16_t *ports,
		       size_t port_count, struct fault *fault)
{
	struct sandbox_path paths[OF_LIBRARIES + 2];
	char incoming[SPOOL_PATH_MAX];
	size_t count = 0;

	for (; count < OF_LIBRARIES; count++)
		paths[count] = of_libraries[count];
	if ((size_t)snprintf(incoming, sizeof(incoming), "%s/incoming", spool) >= sizeof(incoming))
		return fault_set(fault, FAULT_CONFIG, "the path of the spool is too long");
	paths[count++] =
		(struct sandbox_path){ .path = incoming, .written = true, .no_link = true };
	if (authorities && *authorities)
		paths[count++] = (struct sandbox_path){ .path = authorities };
	return sandbox_landlock(SANDBOX_FETCHER, paths, count, ports, port_count, fault);
}

int sandbox_fetcher(const char *spool, uint64_t max_bytes, const char *authorities,
		    const uint16_t *ports, size_t port_count, struct fault *fault)
{
	bool active;

	if (sandbox_give_up(fault) < 0 ||
	    sandbox_lower(RLIMIT_NOFILE, FETCHER_FDS_MAX, "nofile", fault) < 0 ||
	    sandbox_lower(RLIMIT_FSIZE, max_bytes + 1, "fsize", fault) < 0)
		return -1;
#if !SANDBOX_FOR_LEAK_CHECK /* which reserves terabytes */
	if (sandbox_lower(RLIMIT_AS, FETCHER_MEMORY_BYTES, "as", fault) < 0)
		return -1;
#endif
#ifdef STRAIT_COVERAGE
	(void)authorities, (void)ports, (void)port_count, (void)active, (void)close_files;
	return 0;
#else
	if (close_files(spool, authorities, ports, port_count, fault) < 0)
		return -1;
	return sandbox_seccomp(SANDBOX_FETCHER, &active, fault);
#endif
}
