/* SPDX-License-Identifier: MIT
 *
 * bus_address.h - which message bus, as libdbus takes it. Only bus*.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <sys/socket.h>
#include <sys/un.h>

#include "fault.h"

#define BUS_ADDRESS_MAX 1024

/* "system" and "session" as addresses, from the environment; anything else is one. */
int bus_address_resolve(const char *address, char buffer[BUS_ADDRESS_MAX], struct fault *fault);
/* A bus that was started again has another GUID, and libdbus refuses one that is not as the address
   says. In place. */
void bus_address_forget_guid(char *address);
/* The at-th entry of the address is a socket of this machine: where it is. false: there are fewer
   entries, or that one is something else (ret_other tells which of the two). */
bool bus_address_socket(const char *address, int at, struct sockaddr_un *ret_name,
			socklen_t *ret_size, bool *ret_other);
