/* SPDX-License-Identifier: MIT
 *
 * notify.c - what systemd is told, through libsystemd. Main only.
 *
 * Every function is without effect when $NOTIFY_SOCKET is not set. A failed message is not
 * reported: nothing could be done about it, and systemd notices by its own deadlines.
 */
#include "notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include <systemd/sd-daemon.h>

#include "clock.h"

#define STATUS_MAX 512

/* A line break would begin another assignment of the protocol. */
static void flatten(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ')
			*text = ' ';
	}
}

static void send_with_status(const char *assignment, const char *status)
{
	char text[STATUS_MAX];

	(void)snprintf(text, sizeof(text), "%s", status ? status : "");
	flatten(text);
	(void)sd_notifyf(/* unset_environment= */ 0, "%s%s%s", assignment, *text ? "\nSTATUS=" : "",
			 text);
}

void notify_ready(const char *status)
{
	send_with_status("READY=1", status);
}

void notify_reloading(void)
{
	(void)sd_notifyf(/* unset_environment= */ 0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
			 clock_monotonic_ms() * 1000);
}

void notify_stopping(const char *status)
{
	send_with_status("STOPPING=1", status);
}

void notify_status(const char *format, ...)
{
	char text[STATUS_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	flatten(text);
	(void)sd_notifyf(/* unset_environment= */ 0, "STATUS=%s", text);
}

int64_t notify_watchdog_interval_ms(void)
{
	uint64_t usec = 0;

	if (sd_watchdog_enabled(/* unset_environment= */ 0, &usec) <= 0)
		return 0;
	return usec < 2000 ? 1 : (int64_t)(usec / 2000);
}

void notify_watchdog(void)
{
	(void)sd_notify(/* unset_environment= */ 0, "WATCHDOG=1");
}
