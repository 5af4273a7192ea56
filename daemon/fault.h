/* SPDX-License-Identifier: MIT
 *
 * fault.h - the one error object (style rules 18, 19).
 *
 * Functions return 0, or a negative number after filling a fault where the error was born. Upper
 * layers may put context in front of the text; the top logs it once or answers a caller with it. A
 * NULL fault is accepted everywhere: the caller does not want to know.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define FAULT_TEXT_MAX 512

/* What went wrong, as far as somebody must act differently on it. bus_message.c maps the middle
   part to D-Bus error names. */
enum fault_kind {
	FAULT_NONE = 0,
	FAULT_SYSTEM, /* a system call or library failed; text has the reason */
	FAULT_MEMORY,
	FAULT_PROTOCOL, /* a peer broke the rules of the wire */
	FAULT_DAMAGED,	/* the store's file is not what was written to it */

	FAULT_NO_SUCH_FIGURE,
	FAULT_NO_SUCH_METRIC,
	FAULT_NO_SUCH_SOURCE,
	FAULT_BAD_PERIOD,
	FAULT_BAD_ARGUMENT,
	FAULT_TOO_LARGE,
	FAULT_SEQUENCE_EXPIRED,
	FAULT_NOT_READY,
	FAULT_ACCESS_DENIED,
	FAULT_BUSY,

	/* The plugin's classes (enum strait_fault), also a worker's exit codes. */
	FAULT_TRANSIENT,
	FAULT_CONFIG,
	FAULT_INPUT,
	FAULT_BUG,
};

struct fault {
	enum fault_kind kind;
	char text[FAULT_TEXT_MAX]; /* a sentence that says what to do; no newline */
};

/* Fills the fault and returns -1, so that a failing function reads "return fault_set(…)". */
int fault_set(struct fault *fault, enum fault_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* As fault_set with FAULT_SYSTEM, and ": strerror(error)" at the end; error is a positive errno. */
int fault_errno(struct fault *fault, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Puts "context: " in front of the text; returns -1. */
int fault_prefix(struct fault *fault, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* "no-such-figure", … for logs */
const char *fault_kind_name(enum fault_kind kind);
