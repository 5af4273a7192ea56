/* SPDX-License-Identifier: MIT
 *
 * process.h - running programs from a test: output captured, every wait with a deadline, nothing
 * outlives the test. A failure fails the running Check test.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROCESS_DEADLINE_MS 20000

/* Milliseconds of a clock that never goes back, for deadlines. */
long long process_now_ms(void);

struct output {
	int code;	 /* exit code, or 128 + signal */
	char *out, *err; /* terminated; freed by output_done */
	size_t out_size, err_size;
};
void output_done(struct output *output);

/* Runs to its end; argv ends with NULL, argv[0] is looked up in $PATH. Kills it and fails the test
   after PROCESS_DEADLINE_MS. */
void process_run(struct output *ret_output, const char *const argv[]);
#define RUN(output, ...) process_run(output, (const char *const[]){ __VA_ARGS__, NULL })

/* A program in the background whose standard output is read line by line. */
struct process {
	pid_t pid; /* 0 = ended and waited for */
	int out;   /* -1 = none */
	char *buffer;
	size_t used, taken;
};
/* stderr_fd: where its standard error goes; -1 = the test's own. */
void process_start(struct process *process, int stderr_fd, const char *const argv[]);
/* The same for a child that the test forked itself; out: the reading end of its standard output. */
void process_adopt(struct process *process, pid_t pid, int out);
/* The next line without its newline, valid until the next call; NULL after the deadline or at the
 * end. */
const char *process_line(struct process *process, int deadline_ms);
/* Waits for the end. Returns exit code, 128 + signal, or -1 after the deadline. */
int process_wait(struct process *process, int deadline_ms);
/* Sends the signal if it still runs, and waits for the end. */
int process_end(struct process *process, int signal);
/* Ends by SIGKILL if it runs, and frees. Accepts all zeros. */
void process_done(struct process *process);
