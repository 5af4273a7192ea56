/* SPDX-License-Identifier: MIT
 *
 * straitctl.c - the command line client of straitd: finds the command, connects, runs it.
 *
 * Process: straitctl, a client of the public D-Bus interface and no more. Invariant: the exit code
 * is one of enum exit_code. It must never open the daemon's store, spool or configuration.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"

#ifndef STRAITD_VERSION
#error "STRAITD_VERSION is set by the Makefile"
#endif

struct invocation {
	struct arguments *arguments;
	const struct command *command;
	int argc;
	char **argv; /* the command's */
};

static error_t parse_invocation(int key, char *text, struct argp_state *state)
{
	struct invocation *invocation = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = invocation->arguments;
		return 0;
	case ARGP_KEY_ARG:
		invocation->command = command_find(text);
		if (invocation->command == NULL)
			argp_error(state, "unknown command '%s'", text);
		invocation->argc = state->argc - state->next + 1;
		invocation->argv = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a command is missing");
		return 0;
	default: /* argp asks for keys of its own, too */
		return ARGP_ERR_UNKNOWN;
	}
}

/* The help's list of commands, from the table. */
static char *add_commands(int key, const char *text, void *input)
{
	char *help = NULL;
	size_t size = 0;
	FILE *out;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	out = open_memstream(&help, &size);
	if (out == NULL)
		return NULL;
	fputs("Commands:\n", out);
	for (const struct command *command = commands; command->name != NULL; command++)
		fprintf(out, "  %-10s %s\n", command->name, command->summary);
	fputs("\n'straitctl COMMAND --help' tells more.\n"
	      "Exit codes: 0 good, 1 failed, 2 usage, 3 no daemon, 4 no such thing.\n",
	      out);
	return fclose(out) == 0 ? help : NULL;
}

static void print_version(FILE *out, struct argp_state *state)
{
	(void)state;
	fputs("straitctl " STRAITD_VERSION "\n", out);
}

int main(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &global_argp }, { 0 } };
	static const struct argp argp = {
		.parser = parse_invocation,
		.args_doc = "COMMAND [WORD...]",
		.doc = "Asks straitd for the current figures of the Dover Strait, and tells it "
		       "what to do.\v ",
		.children = children,
		.help_filter = add_commands,
	};
	const char *bus = getenv("STRAITD_BUS");
	struct arguments arguments = { .bus = bus != NULL && bus[0] != '\0' ? bus : "system" };
	struct invocation invocation = { .arguments = &arguments };
	enum exit_code code;

	(void)setlocale(LC_CTYPE, ""); /* for tables; numbers stay as they are everywhere */
	argp_err_exit_status = EXIT_USAGE;
	argp_program_version_hook = print_version;
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &invocation) != 0)
		return EXIT_USAGE;
	arguments_parse(invocation.command, invocation.argc, invocation.argv, &arguments);
	code = client_open(&arguments.client, arguments.bus);
	if (code == EXIT_GOOD)
		code = invocation.command->run(&arguments);
	client_close(&arguments.client);
	if (fflush(stdout) != 0 && code == EXIT_GOOD) {
		perror("straitctl: cannot write to standard output");
		code = EXIT_FAILED;
	}
	return (int)code;
}
