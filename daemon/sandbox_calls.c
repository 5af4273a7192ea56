/* SPDX-License-Identifier: MIT
 *
 * sandbox_calls.c - the table of system calls that a worker is refused, in groups, with the reason
 * that its log line gives. Worker only.
 *
 * A list of what is refused, not of what is allowed: a new libc or kernel brings calls that an
 * allow-list does not know, and breaks on an update. Invariant: argument rules match 32-bit
 * arguments by their lower half only, as the kernel does: else junk in the upper half goes round
 * the rule. Rules with SANDBOX_NOT need no mask: junk makes them refuse more.
 */
#include "sandbox_private.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define LOW_HALF UINT64_C(0xffffffff)

#define CALL(call)                                                                                 \
	{                                                                                          \
		.name = #call, .number = SCMP_SYS(call)                                            \
	}
/* when these bits of argument n are these */
#define CALL_BITS(call, n, bits, wanted)                                                           \
	{                                                                                          \
		.name = #call, .number = SCMP_SYS(call), .match = SANDBOX_BITS, .argument = n,     \
		.mask = bits, .value = wanted                                                      \
	}
#define CALL_IF(call, n, wanted) CALL_BITS(call, n, LOW_HALF, wanted)
#define CALL_NOT(call, n, unwanted)                                                                \
	{                                                                                          \
		.name = #call, .number = SCMP_SYS(call), .match = SANDBOX_NOT, .argument = n,      \
		.value = unwanted                                                                  \
	}
#define CALL_ABOVE(call, n, most)                                                                  \
	{                                                                                          \
		.name = #call, .number = SCMP_SYS(call), .match = SANDBOX_ABOVE, .argument = n,    \
		.value = most                                                                      \
	}
#define CALL_OTHERS(call, n)                                                                       \
	{                                                                                          \
		.name = #call, .number = SCMP_SYS(call), .match = SANDBOX_NOT_MYSELF,              \
		.argument = n                                                                      \
	}
#define END                                                                                        \
	{                                                                                          \
		.name = NULL                                                                       \
	}

static const struct sandbox_call programs[] = {
	CALL(execve),
	CALL(execveat),
	END,
};

/* Threads are made by clone as well; processes differ by a flag. LeakSanitizer's tracer is told by
 * one that nobody else uses. */
#if SANDBOX_FOR_LEAK_CHECK
#define PROCESS_FLAGS (CLONE_THREAD | CLONE_UNTRACED)
#else
#define PROCESS_FLAGS CLONE_THREAD
#endif
static const struct sandbox_call processes[] = {
	CALL(fork),
	CALL(vfork),
#if !defined(__s390__) /* has the flags in the second argument */
	CALL_BITS(clone, 0, PROCESS_FLAGS, 0),
#endif
	END,
};

/* Their arguments are in memory, where a filter cannot look. */
static const struct sandbox_call opaque[] = {
	CALL(clone3),
	CALL(openat2),
	END,
};

/* pidfd_open has no harmless use here, and every pidfd call begins with it or with fork. */
static const struct sandbox_call others[] = {
#if !SANDBOX_FOR_LEAK_CHECK
	CALL(ptrace),
#endif
	CALL(process_vm_readv),
	CALL(process_vm_writev),
	CALL(process_madvise),
	CALL(process_mrelease),
	CALL(pidfd_open),
	CALL(pidfd_getfd),
	CALL(pidfd_send_signal),
	CALL(kcmp),
	CALL(migrate_pages),
	CALL(move_pages),
	CALL_NOT(prlimit64, 0, 0),
	CALL_NOT(sched_setaffinity, 0, 0),
	CALL(sched_setscheduler),
	CALL(sched_setparam),
	CALL(sched_setattr),
	CALL(setpriority),
	CALL(ioprio_set),
	END,
};

/* F_SETOWN and the like: the kernel would signal in our name. raise() and abort() use tgkill. */
static const struct sandbox_call signals[] = {
	CALL_OTHERS(kill, 0),
	CALL_OTHERS(tkill, 0),
	CALL_OTHERS(tgkill, 0),
	CALL_OTHERS(rt_sigqueueinfo, 0),
	CALL_OTHERS(rt_tgsigqueueinfo, 0),
	CALL_IF(fcntl, 1, F_SETOWN),
	CALL_IF(fcntl, 1, F_SETOWN_EX),
	CALL_IF(ioctl, 1, FIOSETOWN),
	CALL_IF(ioctl, 1, SIOCSPGRP),
	END,
};

/* The death signal that ends a worker with its daemon; typing into a terminal that main has. */
static const struct sandbox_call leash[] = {
#if !SANDBOX_FOR_LEAK_CHECK /* its tracer sets one of its own */
	CALL_IF(prctl, 0, PR_SET_PDEATHSIG),
#endif
	CALL_IF(ioctl, 1, TIOCSTI),
	CALL_IF(ioctl, 1, TIOCLINUX),
	END,
};

/* Also where there is no Landlock. What main must know goes through fd 3. */
static const struct sandbox_call writes[] = {
	CALL_BITS(open, 1, O_WRONLY, O_WRONLY),
	CALL_BITS(open, 1, O_RDWR, O_RDWR),
	CALL_BITS(open, 1, O_CREAT, O_CREAT),
	CALL_BITS(open, 1, O_TRUNC, O_TRUNC),
	CALL_BITS(openat, 2, O_WRONLY, O_WRONLY),
	CALL_BITS(openat, 2, O_RDWR, O_RDWR),
	CALL_BITS(openat, 2, O_CREAT, O_CREAT),
	CALL_BITS(openat, 2, O_TRUNC, O_TRUNC),
	CALL(creat),
	CALL(truncate),
	CALL(unlink),
	CALL(unlinkat),
	CALL(rename),
	CALL(renameat),
	CALL(renameat2),
	CALL(utimensat),
	END,
};

/* What also a process that fills files in one directory does not need. */
static const struct sandbox_call links_and_modes[] = {
	CALL(mkdir),	    CALL(mkdirat),
	CALL(mknod),	    CALL(mknodat),
	CALL(rmdir),	    CALL(link),
	CALL(linkat),	    CALL(symlink),
	CALL(symlinkat),    CALL(chmod),
	CALL(fchmod),	    CALL(fchmodat),
	CALL(chown),	    CALL(fchown),
	CALL(lchown),	    CALL(fchownat),
	CALL(utime),	    CALL(utimes),
	CALL(futimesat),    CALL(setxattr),
	CALL(lsetxattr),    CALL(fsetxattr),
	CALL(removexattr),  CALL(lremovexattr),
	CALL(fremovexattr), END,
};

static const struct sandbox_call privileges[] = {
	CALL(setuid),
	CALL(setgid),
	CALL(setreuid),
	CALL(setregid),
	CALL(setresuid),
	CALL(setresgid),
	CALL(setfsuid),
	CALL(setfsgid),
	CALL(setgroups),
	CALL(capset),
	CALL(unshare),
	CALL(setns),
	CALL(chroot),
	CALL(pivot_root),
	CALL(personality),
	CALL(keyctl),
	CALL(add_key),
	CALL(request_key),
	END,
};

static const struct sandbox_call mounts[] = {
	CALL(mount),	 CALL(umount),	    CALL(umount2),  CALL(move_mount), CALL(mount_setattr),
	CALL(open_tree), CALL(fsopen),	    CALL(fsconfig), CALL(fsmount),    CALL(fspick),
	CALL(quotactl),	 CALL(quotactl_fd), CALL(swapon),   CALL(swapoff),    END,
};

/* Large and young parts of the kernel, in which most of its holes are found, or ways round file
 * permissions; and what only an administrator does. */
static const struct sandbox_call kernel[] = {
	CALL(bpf),
	CALL(perf_event_open),
	CALL(userfaultfd),
	CALL(io_uring_setup),
	CALL(io_uring_enter),
	CALL(io_uring_register),
	CALL(open_by_handle_at),
	CALL(fanotify_init),
	CALL(lookup_dcookie),
	CALL(init_module),
	CALL(finit_module),
	CALL(delete_module),
	CALL(kexec_load),
	CALL(kexec_file_load),
	CALL(reboot),
	CALL(syslog),
	CALL(acct),
	CALL(settimeofday),
	CALL(clock_settime),
	CALL(clock_adjtime),
	CALL(adjtimex),
	CALL(stime),
	CALL(sethostname),
	CALL(setdomainname),
	CALL(iopl),
	CALL(ioperm),
	CALL(modify_ldt),
	CALL(vhangup),
	CALL(nfsservctl),
	END,
};

/* accept() stays: it needs a socket that `open` made. socketpair() does not: a datagram one can be
 * sent to any path. */
static const struct sandbox_call network[] = {
	CALL(socket), CALL(socketpair), CALL(connect), CALL(bind), CALL(listen), END,
};

/* It asks for names and fetches. No local sockets: the bus is one. A datagram socket pair could be
   sent to any path. (The resolver binds a netlink socket.) */
static const struct sandbox_call other_network[] = {
	CALL_IF(socket, 0, AF_UNIX),
	CALL_ABOVE(socket, 0, AF_NETLINK),
	CALL_BITS(socketpair, 1, 0xf, SOCK_DGRAM),
	CALL(listen),
	CALL(accept),
	CALL(accept4),
	END,
};

/* It would outlive the worker, or is counted by no limit of it. */
static const struct sandbox_call shared_memory[] = {
	CALL(shmget),  CALL(shmat),	CALL(shmctl),	    CALL(semget),	CALL(semop),
	CALL(semctl),  CALL(msgget),	CALL(msgsnd),	    CALL(msgrcv),	CALL(msgctl),
	CALL(mq_open), CALL(mq_unlink), CALL(memfd_create), CALL(memfd_secret), END,
};

#define EVERYBODY (SANDBOX_EARLY | SANDBOX_FETCHER)

const struct sandbox_group sandbox_groups[] = {
	{ "a worker starts no program", EVERYBODY, SANDBOX_TELL, programs },
	{ "a worker starts no process", EVERYBODY, SANDBOX_REFUSE, processes },
	{ "arguments in memory", EVERYBODY, SANDBOX_UNKNOWN, opaque },
	{ "other processes are none of a worker's business", EVERYBODY, SANDBOX_TELL, others },
	{ "a worker signals nobody but itself", EVERYBODY, SANDBOX_TELL, signals },
	{ "a worker stays on its leash", EVERYBODY, SANDBOX_TELL, leash },
	{ "a worker writes no file", SANDBOX_EARLY, SANDBOX_TELL, writes },
	{ "a worker changes no file's name, owner or mode", EVERYBODY, SANDBOX_TELL,
	  links_and_modes },
	{ "a worker gains no rights", EVERYBODY, SANDBOX_TELL, privileges },
	{ "a worker mounts nothing", EVERYBODY, SANDBOX_TELL, mounts },
	{ "a worker leaves the kernel alone", EVERYBODY, SANDBOX_TELL, kernel },
	{ "a worker opens no connection after `open`", SANDBOX_LATE, SANDBOX_TELL, network },
	{ "a fetcher speaks TCP to servers and asks for names", SANDBOX_FETCHER, SANDBOX_TELL,
	  other_network },
	{ "a worker keeps its memory to itself", SANDBOX_LATE | SANDBOX_FETCHER, SANDBOX_TELL,
	  shared_memory },
	{ .why = NULL },
};
