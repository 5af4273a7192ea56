/* SPDX-License-Identifier: MIT
 *
 * options.c - straitd's command line, by argp. Runs once at the start of every role.
 *
 * Invariant: what is handed out is complete: every directory is absolute and fits, the bus is one
 * that bus_loop.c understands. A usage error ends the process with 2 here and nowhere else. It must
 * not touch the file system beyond asking whether the session's plugin directory is there.
 */
#include "options.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define USAGE_EXIT     2
#define NO_MEMORY_EXIT 75 /* EX_TEMPFAIL: started again later, it may work */

enum key {
	KEY_CONFIG = 256, /* above all characters: no short options */
	KEY_STATE,
	KEY_SPOOL,
	KEY_PLUGINS,
	KEY_BUS,
	KEY_SESSION,
	KEY_CHECK_CONFIG,
	KEY_PRINT_CONFIG,
	KEY_INTROSPECT,
	KEY_WORKER,
	KEY_ARCHIVER,
};

static const struct argp_option rows[] = {
	{ "config", KEY_CONFIG, "DIR", 0,
	  "Read straitd.conf and conf.d/*.conf in DIR (default " SYSCONFDIR "/straitd)", 0 },
	{ "state", KEY_STATE, "DIR", 0,
	  "Keep the store in DIR (default " LOCALSTATEDIR "/lib/straitd)", 0 },
	{ "spool", KEY_SPOOL, "DIR", 0,
	  "Look for the sources' files below DIR (default " LOCALSTATEDIR "/spool/straitd)", 0 },
	{ "plugins", KEY_PLUGINS, "DIR", 0, "Load plugins from DIR (default " PLUGINDIR ")", 0 },
	{ "bus", KEY_BUS, "BUS", 0,
	  "Publish on BUS: system (the default), session, or a D-Bus address", 0 },
	{ "session", KEY_SESSION, NULL, 0,
	  "Session bus, and directories of the user (XDG) instead of the system's", 0 },
	{ "check-config", KEY_CHECK_CONFIG, NULL, 0,
	  "Check the configuration, the plugins' part included, and exit: 0 "
	  "good, 78 not",
	  1 },
	{ "print-config", KEY_PRINT_CONFIG, NULL, 0,
	  "Print the effective configuration with where each value comes "
	  "from, and exit",
	  1 },
	{ "introspect", KEY_INTROSPECT, NULL, 0, "Print the D-Bus introspection XML and exit", 1 },
	{ "worker", KEY_WORKER, "NAME", OPTION_HIDDEN | OPTION_ARG_OPTIONAL, NULL, 0 },
	{ "archiver", KEY_ARCHIVER, "SHA256", OPTION_HIDDEN, NULL, 0 },
	{ 0 },
};

static const char about[] = "Keeps the current figures about small-boat crossings of the Dover "
			    "Strait and publishes them on D-Bus."
			    "\vWithout any configuration it runs with no sources. Log lines go to "
			    "the journal or to standard error; "
			    "$STRAITD_LOG (error, warning, notice, info, debug) says how many. "
			    "SIGHUP reloads, SIGTERM stops.\n\n"
			    "With --session: configuration in $XDG_CONFIG_HOME/straitd, state in "
			    "$XDG_STATE_HOME/straitd, spool in its "
			    "spool/, plugins in ~/.local/lib/straitd/plugins if that is there.";

static bool copy(char *buffer, size_t size, const char *text)
{
	int length = snprintf(buffer, size, "%s", text);

	return length >= 0 && (size_t)length < size;
}

/* Absolute, and without slashes at the end. */
static bool set_directory(char *buffer, size_t size, const char *path)
{
	char here[4096] = "";
	size_t length;
	int needed;

	if (path[0] == '\0' || (path[0] != '/' && !getcwd(here, sizeof(here))))
		return false;
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	if (strcmp(path, ".") == 0)
		path = "";
	needed = snprintf(buffer, size, "%s%s%s", here, here[0] && path[0] ? "/" : "", path);
	if (needed < 0 || (size_t)needed >= size)
		return false;
	for (length = strlen(buffer); length > 1 && buffer[length - 1] == '/'; length--)
		buffer[length - 1] = '\0';
	return true;
}

static void take_directory(struct argp_state *state, char *buffer, size_t size, const char *path)
{
	if (!set_directory(buffer, size, path))
		argp_error(state,
			   "directory '%s' is empty, too long, or relative to a directory that is "
			   "gone",
			   path);
}

static void take_bus(struct argp_state *state, struct options *options, const char *bus)
{
	if (strcmp(bus, "system") != 0 && strcmp(bus, "session") != 0 && !strchr(bus, ':'))
		argp_error(state,
			   "bus '%s' is neither 'system' nor 'session' nor an address such as "
			   "'unix:path=/run/user/1000/bus'",
			   bus);
	if (!copy(options->bus, sizeof(options->bus), bus))
		argp_error(state, "the bus address is longer than %zu bytes",
			   sizeof(options->bus) - 1);
}

static void take_role(struct argp_state *state, struct options *options, enum options_role role)
{
	if (options->role != ROLE_DAEMON && options->role != role)
		argp_error(state,
			   "only one of --check-config, --print-config and --introspect at a time");
	options->role = role;
}

/* $variable/straitd, or $HOME/fallback/straitd as the XDG base directory specification 0.8 says: a
   path that is not absolute counts as not set. Left alone if the option was given. */
static void default_xdg(struct argp_state *state, char *buffer, size_t size, const char *variable,
			const char *fallback, const char *below)
{
	const char *base = variable ? secure_getenv(variable) : NULL, *home = secure_getenv("HOME");
	int needed = -1;

	if (buffer[0])
		return;
	if (base && base[0] == '/')
		needed = snprintf(buffer, size, "%s/%s", base, below);
	else if (home && home[0] == '/')
		needed = snprintf(buffer, size, "%s/%s/%s", home, fallback, below);
	if (needed < 0 || (size_t)needed >= size)
		argp_error(state, "--session needs an absolute $HOME of sensible length, or each "
				  "of --config, "
				  "--state, --spool and --plugins");
}

static void fill_session_defaults(struct argp_state *state, struct options *options)
{
	struct stat status;

	default_xdg(state, options->config_dir, sizeof(options->config_dir), "XDG_CONFIG_HOME",
		    ".config", "straitd");
	default_xdg(state, options->spool_dir, sizeof(options->spool_dir), "XDG_STATE_HOME",
		    ".local/state", "straitd/spool");
	default_xdg(state, options->state_dir, sizeof(options->state_dir), "XDG_STATE_HOME",
		    ".local/state", "straitd");
	if (options->plugin_dir[0])
		return;
	default_xdg(state, options->plugin_dir, sizeof(options->plugin_dir), NULL, ".local/lib",
		    "straitd/plugins");
	if (stat(options->plugin_dir, &status) < 0 || !S_ISDIR(status.st_mode))
		options->plugin_dir[0] = '\0'; /* then those of the system */
}

static void default_directory(char *buffer, size_t size, const char *path)
{
	if (!buffer[0])
		(void)copy(buffer, size, path); /* a constant of the build: fits */
}

static void fill_defaults(struct argp_state *state, struct options *options)
{
	if (options->session)
		fill_session_defaults(state, options);
	default_directory(options->config_dir, sizeof(options->config_dir), SYSCONFDIR "/straitd");
	default_directory(options->state_dir, sizeof(options->state_dir),
			  LOCALSTATEDIR "/lib/straitd");
	default_directory(options->spool_dir, sizeof(options->spool_dir),
			  LOCALSTATEDIR "/spool/straitd");
	default_directory(options->plugin_dir, sizeof(options->plugin_dir), PLUGINDIR);
	default_directory(options->bus, sizeof(options->bus),
			  options->session ? "session" : "system");
}

static error_t take(int key, char *argument, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case KEY_CONFIG:
		take_directory(state, options->config_dir, sizeof(options->config_dir), argument);
		return 0;
	case KEY_STATE:
		take_directory(state, options->state_dir, sizeof(options->state_dir), argument);
		return 0;
	case KEY_SPOOL:
		take_directory(state, options->spool_dir, sizeof(options->spool_dir), argument);
		return 0;
	case KEY_PLUGINS:
		take_directory(state, options->plugin_dir, sizeof(options->plugin_dir), argument);
		return 0;
	case KEY_BUS:
		take_bus(state, options, argument);
		return 0;
	case KEY_SESSION:
		options->session = true;
		return 0;
	case KEY_CHECK_CONFIG:
		take_role(state, options, ROLE_CHECK_CONFIG);
		return 0;
	case KEY_PRINT_CONFIG:
		take_role(state, options, ROLE_PRINT_CONFIG);
		return 0;
	case KEY_INTROSPECT:
		take_role(state, options, ROLE_INTROSPECT);
		return 0;
	case KEY_WORKER:
		take_role(state, options, ROLE_WORKER);
		return 0;
	case KEY_ARCHIVER:
		take_role(state, options, ROLE_ARCHIVER);
		options->archived = argument;
		return 0;
	case ARGP_KEY_ARG:
		if (options->role == ROLE_WORKER)
			return 0; /* the source's name, there for whoever reads ps(1) */
		argp_error(state, "'%s' is not an option, and straitd takes nothing else",
			   argument);
		return 0;
	case ARGP_KEY_END:
		fill_defaults(state, options);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void options_parse(int argc, char **argv, struct options *ret_options)
{
	static const struct argp parser = { .options = rows, .parser = take, .doc = about };
	error_t error;

	/* libc's own variables, set rather than defined: a definition here would be hidden from it.
	 */
	argp_program_version = "straitd " STRAITD_VERSION;
	argp_err_exit_status = USAGE_EXIT;
	*ret_options = (struct options){ .role = ROLE_DAEMON };
	error = argp_parse(&parser, argc, argv, 0, NULL, ret_options);
	if (error == 0)
		return;
	/* What is wrong with the words is told by argp; this is left. */
	(void)fprintf(stderr, "straitd: cannot read the command line: %s\n", strerror(error));
	exit(error == ENOMEM ? NO_MEMORY_EXIT : USAGE_EXIT);
}
