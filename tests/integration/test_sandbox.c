/* SPDX-License-Identifier: MIT
 *
 * test_sandbox.c - a hostile plugin in a real worker: each of its attempts is refused and told, the
 * daemon is fine, another source goes on. And a kernel that has less to offer is said once and
 * shown. Test program; the plugin is tests/plugins/hostile.c.
 *
 * What this kernel does not have is skipped with a line that begins with "SKIP", which tests/run
 * shows.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <check.h>

#include "harness.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifndef WITH_ASAN
#define WITH_ASAN 0
#endif

#define LANDLOCK (1u << 0)
#define SECCOMP	 (1u << 1)
#define NO_ASAN	 (1u << 2) /* its address space, or what its leak check must be allowed */

static struct harness h;

static void set_up(void)
{
	harness_start(&h);
	harness_plugin(&h, "counts");
	harness_plugin(&h, "hostile");
	harness_config(&h, "good.conf", "[source good]\nplugin = counts\n");
}

static void tear_down(void)
{
	harness_stop(&h);
}

static void begin(const char *attack, const char *target, const char *moment)
{
	harness_config(&h, "bad.conf",
		       "[source bad]\nplugin = hostile\nattack = %s\ntarget = %s\nmoment = %s\n",
		       attack, target, moment);
	harness_make_spool(&h, "bad");
	harness_daemon(&h);
	harness_wait_source(&h, "good", "idle");
	harness_wait_source(&h, "bad", "idle");
}

/* Of this kernel, as the daemon shows it. */
static unsigned int layers(void)
{
	char text[128];

	harness_source_text(&h, "bad", "Sandbox", text, sizeof(text));
	return (strstr(text, "landlock") ? LANDLOCK : 0) | (strstr(text, "seccomp") ? SECCOMP : 0) |
	       (WITH_ASAN ? 0 : NO_ASAN);
}

static bool skipped(unsigned int needs, const char *what)
{
	unsigned int missing = needs & ~layers();

	if (!missing)
		return false;
	(void)fprintf(stderr, "SKIP %s: %s\n", what,
		      missing & LANDLOCK  ? "this kernel has no Landlock"
		      : missing & SECCOMP ? "this kernel has no seccomp filters"
					  : "not under AddressSanitizer");
	return true;
}

static void goes_on(void)
{
	(void)harness_sequence(&h);
	harness_drop(&h, "good", "1", "abc");
	harness_wait_figure(&h, "test.count.total", 3);
}

/* ── attacks ───────────────────────────────────────────────────────────────────────────────── */

static const struct attack {
	const char *name, *target; /* "~…" is below the test's directory */
	unsigned int needs;
	double attempts;
	const char *log[4]; /* what the plugin says of each, what the sandbox says */
} attacks[] = {
	{ "open_store",
	  "~/state/straitd.db",
	  LANDLOCK | SECCOMP,
	  2,
	  { "open_store: open for reading was refused with EACCES",
	    "open_store: open for writing was refused with EPERM",
	    "sandbox refused openat(): a worker writes no file" } },
	{ "connect",
	  "~/bus",
	  SECCOMP,
	  4,
	  { "connect: socket of TCP was refused with EPERM",
	    "connect: pair of datagram sockets was refused with EPERM",
	    "connect: connect of the link was refused with EPERM",
	    "sandbox refused socket(): a worker opens no connection" } },
	{ "exec",
	  "/",
	  SECCOMP,
	  1,
	  { "exec: execve was refused with EPERM",
	    "sandbox refused execve(): a worker starts no program" } },
	{ "ptrace",
	  "/",
	  SECCOMP | NO_ASAN,
	  3,
	  { "ptrace: ptrace of main was refused with EPERM",
	    "ptrace: process_vm_readv of main was refused with EPERM",
	    "ptrace: prlimit of main was refused with EPERM",
	    "sandbox refused ptrace(): other " } },
	{ "memory",
	  "/",
	  LANDLOCK | NO_ASAN,
	  1,
	  { "memory: open of main's memory was refused with EACCES" } },
	{ "signal",
	  "/",
	  SECCOMP,
	  4,
	  { "signal: SIGTERM to main was refused with EPERM",
	    "signal: F_SETOWN to main was refused with EPERM",
	    "signal: F_SETOWN to main with junk was refused with EPERM",
	    "sandbox refused kill(): a worker signals nobody but itself" } },
	{ "kill_parent",
	  "/",
	  SECCOMP,
	  3,
	  { "kill_parent: SIGKILL to main was refused with EPERM",
	    "kill_parent: SIGKILL to main's thread was refused with EPERM",
	    "kill_parent: pidfd of main was refused with EPERM" } },
	{ "outlive",
	  "/",
	  SECCOMP | NO_ASAN,
	  1,
	  { "outlive: giving up the death signal was refused with EPERM" } },
	{ "fork",
	  "/",
	  SECCOMP,
	  2,
	  { "fork: fork without end was refused with EPERM",
	    "fork: vfork was refused with EPERM" } },
	{ "fill_disk",
	  "~",
	  SECCOMP,
	  2,
	  { "fill_disk: a new file was refused with EPERM",
	    "fill_disk: a memfd of 1 GiB was refused with EPERM" } },
	{ "map8g", "/", NO_ASAN, 1, { "map8g: a mapping of 8 GiB was refused with ENOMEM" } },
	{ "write_spool",
	  "~/spool/bad/incoming",
	  SECCOMP,
	  4,
	  { "write_spool: a new file was refused with EPERM",
	    "write_spool: a new link was refused with EPERM",
	    "write_spool: a new FIFO was refused with EPERM",
	    "write_spool: renaming was refused with EPERM" } },
	{ "read_etc",
	  "/etc/passwd",
	  LANDLOCK,
	  2,
	  { "read_etc: open for reading was refused with EACCES",
	    "read_etc: listing / was refused with EACCES" } },
	{ "privilege",
	  "/",
	  SECCOMP,
	  4,
	  { "privilege: setuid was refused with EPERM", "privilege: unshare was refused with EPERM",
	    "privilege: io_uring_setup was refused with EPERM",
	    "privilege: bpf was refused with EPERM" } },
};

static const char *place(const struct attack *attack, char buffer[HARNESS_PATH_MAX])
{
	bool below = attack->target[0] == '~';

	(void)snprintf(buffer, HARNESS_PATH_MAX, "%s%s", below ? h.directory : "",
		       attack->target + below);
	return buffer;
}

START_TEST(is_refused_and_told)
{
	const struct attack *attack = &attacks[_i];
	char target[HARNESS_PATH_MAX];

	begin(attack->name, place(attack, target), "document");
	if (skipped(attack->needs, attack->name))
		return;
	harness_drop(&h, "bad", "x", "x");
	harness_wait_figure(&h, "hostile.attempts", attack->attempts);
	for (size_t i = 0; i < 4 && attack->log[i]; i++)
		harness_wait_log(&h, attack->log[i]);
	harness_assert(&h, harness_figure(&h, "hostile.refused") == attack->attempts,
		       "some of %s worked", attack->name);
	ck_assert_double_eq(harness_source_number(&h, "bad", "Restarts"), 0);
	goes_on();
}
END_TEST

/* Before `open` no plugin needs these either. */
static const struct {
	const char *attack, *log;
} early[] = {
	{ "exec", "exec: execve was refused with EPERM" },
	{ "fork", "fork: fork without end was refused with EPERM" },
	{ "kill_parent", "kill_parent: SIGKILL to main was refused with EPERM" },
	{ "write_spool", "write_spool: a new file was refused with EPERM" },
};

START_TEST(is_refused_in_open_already)
{
	begin(early[_i].attack, h.spool, "open");
	if (skipped(SECCOMP, early[_i].attack))
		return;
	harness_wait_log(&h, early[_i].log);
	goes_on();
}
END_TEST

/* ── kernels with less ─────────────────────────────────────────────────────────────────────── */

/* Takes system calls away from this process and all that it starts, as if the kernel did not have
 * them. */
static void hide(unsigned int hidden)
{
	const struct scmp_arg_cmp set = { .arg = 0, .op = SCMP_CMP_EQ, .datum_a = PR_SET_SECCOMP };
	const struct scmp_arg_cmp get = { .arg = 0, .op = SCMP_CMP_EQ, .datum_a = PR_GET_SECCOMP };
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	const uint32_t none = SCMP_ACT_ERRNO(ENOSYS), wrong = SCMP_ACT_ERRNO(EINVAL);

	ck_assert_ptr_nonnull(filter);
	if (hidden & LANDLOCK)
		ck_assert_int_eq(seccomp_rule_add_array(filter, none,
							SCMP_SYS(landlock_create_ruleset), 0, NULL),
				 0);
	if (hidden & SECCOMP) {
		ck_assert_int_eq(seccomp_rule_add_array(filter, none, SCMP_SYS(seccomp), 0, NULL),
				 0);
		ck_assert_int_eq(seccomp_rule_add_array(filter, wrong, SCMP_SYS(prctl), 1, &set),
				 0);
		ck_assert_int_eq(seccomp_rule_add_array(filter, wrong, SCMP_SYS(prctl), 1, &get),
				 0);
	}
	ck_assert_int_eq(seccomp_load(filter), 0);
	seccomp_release(filter);
}

static unsigned int count_in_log(const char *text)
{
	char *log = harness_read(&h, h.log);
	unsigned int count = 0;

	for (const char *at = log; (at = strstr(at, text)); at++)
		count++;
	free(log);
	return count;
}

static const struct {
	unsigned int hidden;
	const char *shown, *log[2];
} kernels[] = {
	{ LANDLOCK, "seccomp", { "this kernel has no Landlock" } },
	{ SECCOMP, "landlock ", { "this kernel has no seccomp filters" } },
	{ LANDLOCK | SECCOMP,
	  "none",
	  { "this kernel has no Landlock", "this kernel has no seccomp filters" } },
};

START_TEST(a_kernel_with_less_is_said_once_and_shown)
{
	char text[128];

	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) {
		(void)fputs("SKIP kernels with less: this kernel has no seccomp filters\n", stderr);
		return;
	}
	hide(kernels[_i].hidden);
	begin("map8g", "/", "document");
	harness_source_text(&h, "good", "Sandbox", text, sizeof(text));
	if (kernels[_i].hidden == SECCOMP && strcmp(text, "none") == 0) {
		(void)fputs("SKIP a kernel with Landlock only: this one has none\n", stderr);
		return;
	}
	ck_assert_msg(strncmp(text, kernels[_i].shown, strlen(kernels[_i].shown)) == 0,
		      "shown as '%s' instead of '%s'", text, kernels[_i].shown);
	goes_on();
	for (size_t i = 0; i < 2 && kernels[_i].log[i]; i++)
		ck_assert_uint_eq(count_in_log(kernels[_i].log[i]), 1); /* for two workers */
}
END_TEST

START_TEST(a_kernel_with_everything_is_not_worth_a_line)
{
	struct output output;

	begin("map8g", "/", "document");
	if (skipped(LANDLOCK | SECCOMP, "a kernel with everything"))
		return;
	ck_assert_uint_eq(count_in_log("this kernel has no"), 0);
	CTL(&h, &output, "sources", "--json");
	ck_assert_int_eq(output.code, 0);
	ck_assert_ptr_nonnull(strstr(output.out, "\"sandbox\""));
	ck_assert_ptr_nonnull(strstr(output.out, "seccomp"));
	output_done(&output);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sandbox");
	TCase *tests = tcase_create("sandbox");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, is_refused_and_told, 0, sizeof(attacks) / sizeof(attacks[0]));
	tcase_add_loop_test(tests, is_refused_in_open_already, 0, sizeof(early) / sizeof(early[0]));
	tcase_add_loop_test(tests, a_kernel_with_less_is_said_once_and_shown, 0,
			    sizeof(kernels) / sizeof(kernels[0]));
	tcase_add_test(tests, a_kernel_with_everything_is_not_worth_a_line);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
