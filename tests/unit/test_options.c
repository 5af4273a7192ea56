/* SPDX-License-Identifier: MIT
 *
 * test_options.c - straitd's command line, run in a child of its own because argp ends the process.
 */
#include "options.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define ARGUMENTS_MAX 12

static char output[16384];

/* Runs options_parse in a child; its exit code, and in output what it printed, or the options as
 * text. */
static int parse(const char *const *arguments)
{
	int ends[2], status;
	size_t used = 0;
	ssize_t got;
	pid_t child;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		char *argv[ARGUMENTS_MAX + 1] = { strdup("straitd") };
		struct options options;
		int argc = 1;

		(void)dup2(ends[1], STDOUT_FILENO);
		(void)dup2(ends[1], STDERR_FILENO);
		for (; argc < ARGUMENTS_MAX && arguments[argc - 1]; argc++)
			argv[argc] = strdup(arguments[argc - 1]);
		options_parse(argc, argv, &options);
		for (int i = 0; i < argc; i++)
			free(argv[i]);
		printf("%d %s\nconfig %s\nstate %s\nspool %s\nplugins %s\nbus %s\n", options.role,
		       options.session ? "session" : "system", options.config_dir,
		       options.state_dir, options.spool_dir, options.plugin_dir, options.bus);
		(void)fflush(stdout);
		_exit(0);
	}
	(void)close(ends[1]);
	while ((got = read(ends[0], output + used, sizeof(output) - 1 - used)) > 0)
		used += (size_t)got;
	output[used] = '\0';
	(void)close(ends[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void setup(void)
{
	ck_assert_int_eq(setenv("HOME", "/home/somebody", 1), 0);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_STATE_HOME");
	ck_assert_int_eq(chdir("/usr"), 0);
}

START_TEST(without_options_it_is_the_systems_daemon)
{
	ck_assert_int_eq(parse((const char *[]){ NULL }), 0);
	ck_assert_str_eq(output, "1 system\nconfig " SYSCONFDIR "/straitd\nstate " LOCALSTATEDIR
				 "/lib/straitd\nspool " LOCALSTATEDIR
				 "/spool/straitd\nplugins " PLUGINDIR "\nbus system\n");
}
END_TEST

START_TEST(directories_become_absolute)
{
	ck_assert_int_eq(
		parse((const char *[]){ "--config", "/a/", "--state=b//", "--spool", "./c/d",
					"--plugins", ".", "--bus", "unix:path=/x", NULL }),
		0);
	ck_assert_str_eq(
		output,
		"1 system\nconfig /a\nstate /usr/b\nspool /usr/c/d\nplugins /usr\nbus unix:path=/x\n");
}
END_TEST

START_TEST(session_means_the_users_directories)
{
	ck_assert_int_eq(parse((const char *[]){ "--session", NULL }), 0);
	ck_assert_str_eq(output,
			 "1 session\nconfig /home/somebody/.config/straitd\n"
			 "state /home/somebody/.local/state/straitd\n"
			 "spool /home/somebody/.local/state/straitd/spool\nplugins " PLUGINDIR
			 "\nbus session\n");
	ck_assert_int_eq(setenv("XDG_CONFIG_HOME", "/xdg/config", 1), 0);
	ck_assert_int_eq(setenv("XDG_STATE_HOME", "relative", 1), 0); /* counts as not set */
	ck_assert_int_eq(
		parse((const char *[]){ "--spool", "/s", "--session", "--bus", "system", NULL }),
		0);
	ck_assert_str_eq(
		output,
		"1 session\nconfig /xdg/config/straitd\nstate /home/somebody/.local/state/straitd\n"
		"spool /s\nplugins " PLUGINDIR "\nbus system\n");
}
END_TEST

START_TEST(the_users_plugins_come_first_if_there_are_any)
{
	char home[] = "/tmp/strait-options-XXXXXX", path[128], expected[256];

	ck_assert_ptr_nonnull(mkdtemp(home));
	ck_assert_int_eq(setenv("HOME", home, 1), 0);
	static const char *const parts[] = { "/.local", "/.local/lib", "/.local/lib/straitd",
					     "/.local/lib/straitd/plugins" };
	for (size_t i = 0; i < COUNT(parts); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", home, parts[i]);
		ck_assert_int_eq(mkdir(path, 0755), 0);
	}
	(void)snprintf(expected, sizeof(expected), "\nplugins %s\n", path);
	ck_assert_int_eq(parse((const char *[]){ "--session", NULL }), 0);
	ck_assert_ptr_nonnull(strstr(output, expected));
	for (size_t i = COUNT(parts); i > 0; i--) {
		(void)snprintf(path, sizeof(path), "%s%s", home, parts[i - 1]);
		ck_assert_int_eq(rmdir(path), 0);
	}
	ck_assert_int_eq(rmdir(home), 0);
}
END_TEST

START_TEST(session_without_a_home_is_a_usage_error)
{
	unsetenv("HOME");
	ck_assert_int_eq(parse((const char *[]){ "--session", NULL }), 2);
	ck_assert_ptr_nonnull(strstr(output, "$HOME"));
	ck_assert_int_eq(parse((const char *[]){ "--session", "--config=/a", "--state=/b",
						 "--spool=/c", "--plugins=/d", NULL }),
			 0);
}
END_TEST

/* clang-format off */
static const struct {
	const char *arguments[3];
	enum options_role role;
} roles[] = {
	{ { "--check-config" }, ROLE_CHECK_CONFIG },
	{ { "--print-config" }, ROLE_PRINT_CONFIG },
	{ { "--introspect" }, ROLE_INTROSPECT },
	{ { "--worker" }, ROLE_WORKER },
	{ { "--worker=home-office" }, ROLE_WORKER },
	{ { "--worker", "home-office" }, ROLE_WORKER },
};

static const struct {
	const char *arguments[4];
	const char *says;
} mistakes[] = {
	{ { "--nonsense" }, "unrecognized option '--nonsense'" },
	{ { "--config" }, "requires an argument" },
	{ { "--config", "" }, "directory '' is empty" },
	{ { "file.conf" }, "'file.conf' is not an option" },
	{ { "--bus", "sesion" }, "bus 'sesion' is neither 'system' nor 'session'" },
	{ { "--check-config", "--introspect" }, "only one of" },
};
/* clang-format on */

START_TEST(a_role_is_picked)
{
	ck_assert_int_eq(parse(roles[_i].arguments), 0);
	ck_assert_int_eq(output[0] - '0', (int)roles[_i].role);
}
END_TEST

START_TEST(a_usage_error_exits_with_2_and_says_what)
{
	ck_assert_int_eq(parse(mistakes[_i].arguments), 2);
	ck_assert_msg(strstr(output, mistakes[_i].says), "%s", output);
}
END_TEST

START_TEST(paths_that_do_not_fit_are_refused)
{
	char path[8192];

	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	ck_assert_int_eq(parse((const char *[]){ "--state", path, NULL }), 2);
	path[0] = ':';
	ck_assert_int_eq(parse((const char *[]){ "--bus", path, NULL }), 2);
}
END_TEST

START_TEST(help_and_version_exit_with_0)
{
	static const char *const options[] = { "--config",	 "--state",	   "--spool",
					       "--plugins",	 "--bus",	   "--session",
					       "--check-config", "--print-config", "--introspect" };

	ck_assert_int_eq(parse((const char *[]){ "--version", NULL }), 0);
	ck_assert_str_eq(output, "straitd " STRAITD_VERSION "\n");
	ck_assert_int_eq(parse((const char *[]){ "--help", NULL }), 0);
	for (size_t i = 0; i < COUNT(options); i++)
		ck_assert_msg(strstr(output, options[i]), "%s", options[i]);
	ck_assert_ptr_null(strstr(output, "--worker"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("options");
	TCase *tcase = tcase_create("command line");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, without_options_it_is_the_systems_daemon);
	tcase_add_test(tcase, directories_become_absolute);
	tcase_add_test(tcase, session_means_the_users_directories);
	tcase_add_test(tcase, the_users_plugins_come_first_if_there_are_any);
	tcase_add_test(tcase, session_without_a_home_is_a_usage_error);
	tcase_add_loop_test(tcase, a_role_is_picked, 0, COUNT(roles));
	tcase_add_loop_test(tcase, a_usage_error_exits_with_2_and_says_what, 0, COUNT(mistakes));
	tcase_add_test(tcase, paths_that_do_not_fit_are_refused);
	tcase_add_test(tcase, help_and_version_exit_with_0);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
