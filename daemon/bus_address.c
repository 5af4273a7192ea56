/* SPDX-License-Identifier: MIT
 *
 * bus_address.c - owns the way from the word in the configuration to the address of a message bus,
 * and to the socket behind it. Main only. Invariant: what it writes is terminated and fits. Must
 * never connect to anything.
 */
#include "bus_address.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dbus/dbus.h>

/* D-Bus specification, "Well-known Message Bus Instances" */
#define SYSTEM_BUS_ADDRESS "unix:path=/var/run/dbus/system_bus_socket"

int bus_address_resolve(const char *address, char buffer[BUS_ADDRESS_MAX], struct fault *fault)
{
	const char *from = address;
	const char *runtime_dir;
	int length;

	if (!strcmp(address, "system")) {
		from = getenv("DBUS_SYSTEM_BUS_ADDRESS");
		from = from && *from ? from : SYSTEM_BUS_ADDRESS;
	} else if (!strcmp(address, "session")) {
		from = getenv("DBUS_SESSION_BUS_ADDRESS");
		runtime_dir = getenv("XDG_RUNTIME_DIR");
		if ((!from || !*from) && runtime_dir && *runtime_dir) {
			length = snprintf(buffer, BUS_ADDRESS_MAX, "unix:path=%s/bus", runtime_dir);
			return length > 0 && length < BUS_ADDRESS_MAX
				       ? 0
				       : fault_set(fault, FAULT_CONFIG,
						   "$XDG_RUNTIME_DIR is too long");
		}
		if (!from || !*from)
			return fault_set(
				fault, FAULT_CONFIG,
				"no session bus: neither $DBUS_SESSION_BUS_ADDRESS nor "
				"$XDG_RUNTIME_DIR is set; run straitd under 'dbus-run-session', or "
				"give --bus ADDRESS");
	}
	length = snprintf(buffer, BUS_ADDRESS_MAX, "%s", from);
	return length > 0 && length < BUS_ADDRESS_MAX
		       ? 0
		       : fault_set(fault, FAULT_CONFIG,
				   "the bus address is empty or longer than %d bytes",
				   BUS_ADDRESS_MAX - 1);
}

void bus_address_forget_guid(char *address)
{
	char *guid;

	while ((guid = strstr(address, ",guid="))) {
		size_t size = 1 + strcspn(guid + 1, ",;");

		memmove(guid, guid + size, strlen(guid + size) + 1);
	}
}

/* false when it does not fit. */
static bool fill(struct sockaddr_un *name, socklen_t *ret_size, const char *path, bool abstract)
{
	size_t size = strlen(path), skip = abstract ? 1 : 0; /* an abstract name begins with NUL */

	memset(name, 0, sizeof(*name));
	name->sun_family = AF_UNIX;
	if (skip + size + 1 > sizeof(name->sun_path))
		return false;
	memcpy(name->sun_path + skip, path, size);
	*ret_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + 1);
	return true;
}

bool bus_address_socket(const char *address, int at, struct sockaddr_un *ret_name,
			socklen_t *ret_size, bool *ret_other)
{
	DBusAddressEntry **entries = NULL;
	const char *path, *abstract;
	bool found = false;
	int count = 0;

	*ret_other = false;
	if (!dbus_parse_address(address, &entries, &count, NULL))
		return false;
	if (at < count) {
		path = dbus_address_entry_get_value(entries[at], "path");
		abstract = dbus_address_entry_get_value(entries[at], "abstract");
		found = !strcmp(dbus_address_entry_get_method(entries[at]), "unix") &&
			(path || abstract) &&
			fill(ret_name, ret_size, path ? path : abstract, /* abstract= */ !path);
		*ret_other = !found;
	}
	dbus_address_entries_free(entries);
	return found;
}
