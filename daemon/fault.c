/* SPDX-License-Identifier: MIT
 *
 * fault.c - filling and naming fault objects. Every process. Pure: no allocation, no logging.
 */
#include "fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {
	[FAULT_NONE] = "none",
	[FAULT_SYSTEM] = "system",
	[FAULT_MEMORY] = "memory",
	[FAULT_PROTOCOL] = "protocol",
	[FAULT_DAMAGED] = "damaged",
	[FAULT_NO_SUCH_FIGURE] = "no-such-figure",
	[FAULT_NO_SUCH_METRIC] = "no-such-metric",
	[FAULT_NO_SUCH_SOURCE] = "no-such-source",
	[FAULT_BAD_PERIOD] = "bad-period",
	[FAULT_BAD_ARGUMENT] = "bad-argument",
	[FAULT_TOO_LARGE] = "too-large",
	[FAULT_SEQUENCE_EXPIRED] = "sequence-expired",
	[FAULT_NOT_READY] = "not-ready",
	[FAULT_ACCESS_DENIED] = "access-denied",
	[FAULT_BUSY] = "busy",
	[FAULT_TRANSIENT] = "transient",
	[FAULT_CONFIG] = "config",
	[FAULT_INPUT] = "input",
	[FAULT_BUG] = "bug",
};

int fault_set(struct fault *fault, enum fault_kind kind, const char *format, ...)
{
	va_list arguments;

	if (!fault)
		return -1;
	fault->kind = kind;
	va_start(arguments, format);
	(void)vsnprintf(fault->text, sizeof(fault->text), format, arguments); /* cut is fine */
	va_end(arguments);
	return -1;
}

int fault_errno(struct fault *fault, int error, const char *format, ...)
{
	va_list arguments;
	size_t used;

	if (!fault)
		return -1;
	fault->kind = FAULT_SYSTEM;
	va_start(arguments, format);
	(void)vsnprintf(fault->text, sizeof(fault->text), format, arguments); /* cut is fine */
	va_end(arguments);
	used = strlen(fault->text);
	(void)snprintf(fault->text + used, sizeof(fault->text) - used, ": %s", strerror(error));
	return -1;
}

int fault_prefix(struct fault *fault, const char *format, ...)
{
	char text[FAULT_TEXT_MAX];
	va_list arguments;
	size_t used;

	if (!fault)
		return -1;
	memcpy(text, fault->text, sizeof(text));
	va_start(arguments, format);
	(void)vsnprintf(fault->text, sizeof(fault->text), format, arguments); /* cut is fine */
	va_end(arguments);
	used = strlen(fault->text);
	(void)snprintf(fault->text + used, sizeof(fault->text) - used, ": %s", text);
	return -1;
}

const char *fault_kind_name(enum fault_kind kind)
{
	return (size_t)kind < sizeof(kind_names) / sizeof(kind_names[0]) ? kind_names[kind]
									 : "unknown";
}
