/* SPDX-License-Identifier: MIT
 *
 * notify.h - READY, RELOADING, STOPPING, STATUS and WATCHDOG to systemd. Main only. No effect
 * without $NOTIFY_SOCKET.
 */
#pragma once

#include <stdint.h>

void notify_ready(const char *status);
void notify_reloading(void);
void notify_stopping(const char *status);
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Half of $WATCHDOG_USEC in milliseconds; 0 = no watchdog. */
int64_t notify_watchdog_interval_ms(void);
void notify_watchdog(void);
