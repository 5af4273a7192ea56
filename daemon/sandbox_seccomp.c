/* SPDX-License-Identifier: MIT
 *
 * sandbox_seccomp.c - makes filters of the table in sandbox_calls.c, and tells what they refused.
 * Worker only.
 *
 * Invariant: a refused call fails with EPERM and the process goes on; everything that the table
 * does not name is allowed. Must never do what is not async-signal-safe in the signal handler.
 */
#include "sandbox_private.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ucontext.h>
#include <unistd.h>

#include "log.h"

#define CALLS_MAX 512u /* numbers of calls that are told once each; higher ones each time */

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1 /* si_code of SIGSYS; <signal.h> has it not everywhere */
#endif

/* A refused call arrives as SIGSYS where its result can be set; elsewhere it fails silently. */
#if defined(__x86_64__)
#define RESULT_OF(context) ((context)->uc_mcontext.gregs[REG_RAX])
#elif defined(__aarch64__)
#define RESULT_OF(context) ((context)->uc_mcontext.regs[0])
#endif

static void free_filter(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

/* ── what was refused ──────────────────────────────────────────────────────────────────────── */

#ifdef RESULT_OF
static atomic_bool told[CALLS_MAX]; /* written by the signal handler only */
static atomic_uint active_steps;    /* whose groups are refused */

static const char *find_call(int number, const char **ret_why)
{
	for (const struct sandbox_group *group = sandbox_groups; group->why; group++) {
		for (const struct sandbox_call *call = group->calls;
		     (group->steps & atomic_load(&active_steps)) && call->name; call++) {
			if (call->number != number)
				continue;
			*ret_why = group->why;
			return call->name;
		}
	}
	*ret_why = "not allowed";
	return "a system call";
}

static size_t append(char *line, size_t used, size_t size, const char *text)
{
	size_t more = strnlen(text, size - used);

	memcpy(line + used, text, more);
	return used + more;
}

/* By hand: printf is not async-signal-safe. Main reads stderr as the worker's words. */
static void tell(int number)
{
	const char *why, *name = find_call(number, &why);
	char line[160];
	size_t used = 0;

	if (number >= 0 && number < (int)CALLS_MAX && atomic_exchange(&told[number], true))
		return;
	used = append(line, used, sizeof(line), "sandbox refused ");
	used = append(line, used, sizeof(line), name);
	used = append(line, used, sizeof(line), "(): ");
	used = append(line, used, sizeof(line), why);
	used = append(line, used, sizeof(line), "\n");
	if (write(STDERR_FILENO, line, used) < 0)
		return; /* nobody is there to hear it */
}

static void on_refused(int number, siginfo_t *info, void *context)
{
	ucontext_t *at = context;
	int saved = errno;

	(void)number;
	if (info->si_code != SYS_SECCOMP)
		return; /* somebody sent the signal: no call waits for a result */
	tell(info->si_syscall);
	errno = saved;
	RESULT_OF(at) = -EPERM;
}

static int listen_to_refusals(enum sandbox_step step, struct fault *fault)
{
	struct sigaction action = { .sa_sigaction = on_refused, .sa_flags = SA_SIGINFO };

	(void)atomic_fetch_or(&active_steps, (unsigned int)step);

	(void)sigemptyset(&action.sa_mask); /* cannot fail */
	if (sigaction(SIGSYS, &action, NULL) < 0)
		return fault_errno(fault, errno, "cannot listen to what the sandbox refuses");
	return 0;
}
#else
static int listen_to_refusals(enum sandbox_step step, struct fault *fault)
{
	(void)step, (void)fault;
	return 0;
}
#endif

/* ── the filters ───────────────────────────────────────────────────────────────────────────── */

static uint32_t action_of(enum sandbox_answer answer)
{
	switch (answer) {
	case SANDBOX_TELL:
#ifdef RESULT_OF
		return SCMP_ACT_TRAP;
#endif
	case SANDBOX_REFUSE:
		return SCMP_ACT_ERRNO(EPERM);
	case SANDBOX_UNKNOWN:
		return SCMP_ACT_ERRNO(ENOSYS);
	}
	return SCMP_ACT_KILL_PROCESS;
}

static struct scmp_arg_cmp compare(const struct sandbox_call *call)
{
	struct scmp_arg_cmp comparison = { .arg = call->argument, .op = SCMP_CMP_NE };

	switch (call->match) {
	case SANDBOX_BITS:
		comparison.op = SCMP_CMP_MASKED_EQ;
		comparison.datum_a = call->mask;
		comparison.datum_b = call->value;
		break;
	case SANDBOX_NOT:
		comparison.datum_a = call->value;
		break;
	case SANDBOX_ABOVE:
		comparison.op = SCMP_CMP_GT;
		comparison.datum_a = call->value;
		break;
	case SANDBOX_NOT_MYSELF:
		comparison.datum_a = (uint64_t)getpid();
		break;
	case SANDBOX_ANY:
		break;
	}
	return comparison;
}

static int add_call(scmp_filter_ctx filter, enum sandbox_answer answer,
		    const struct sandbox_call *call)
{
	const struct scmp_arg_cmp comparison = compare(call);
	int result = seccomp_rule_add_array(filter, action_of(answer), call->number,
					    call->match == SANDBOX_ANY ? 0 : 1, &comparison);

	return result == -EDOM ? 0 : result; /* this architecture never had the call */
}

static int fill(scmp_filter_ctx filter, enum sandbox_step step, struct fault *fault)
{
	for (const struct sandbox_group *group = sandbox_groups; group->why; group++) {
		for (const struct sandbox_call *call = group->calls;
		     (group->steps & step) && call->name; call++) {
			int result = add_call(filter, group->answer, call);

			if (result < 0)
				return fault_errno(fault, -result, "cannot refuse %s()",
						   call->name);
		}
	}
	return 0;
}

/* What an old kernel or libseccomp does not have of these is passed over. */
static void prepare(scmp_filter_ctx filter)
{
	/* Calls of another architecture (32-bit ones by int 0x80) are not in the table. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
	(void)seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a list */
	if (log_level() >= LOG_DEBUG)
		(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG,
				       1); /* also to the kernel's log */
}

int sandbox_seccomp(enum sandbox_step step, bool *ret_active, struct fault *fault)
{
	__attribute__((cleanup(free_filter))) scmp_filter_ctx filter = NULL;
	int result;

	*ret_active = false;
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
		return 0;
	filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter)
		return fault_set(fault, FAULT_MEMORY, "no memory for the sandbox's filter");
	prepare(filter);
	if (fill(filter, step, fault) < 0 || listen_to_refusals(step, fault) < 0)
		return -1;
	result = seccomp_load(filter);
	if (result == -EINVAL || result == -ENOSYS || result == -EPERM || result == -EACCES)
		return 0; /* without filters, or kept from us by a container */
	if (result < 0)
		return fault_errno(fault, -result, "cannot close the seccomp sandbox");
	*ret_active = true;
	return 0;
}
