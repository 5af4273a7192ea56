/* SPDX-License-Identifier: MIT
 *
 * bus_path.h - names as elements of D-Bus object paths, escaped as systemd's bus_label_escape()
 * does (sd_bus_path_encode(3)): letters and digits stand for themselves, every other byte (and a
 * digit in the first place) is _xx in lower-case hexadecimal, the empty name is "_". Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Bytes that the escaped form of a name of that many bytes can need, with the NUL. */
#define BUS_PATH_ESCAPED_MAX(name_bytes) ((name_bytes)*3 + 2)

/* Writes the path element; false when it does not fit (size counts the NUL), the buffer is then
 * undefined. */
bool bus_path_escape(const char *name, char *buffer, size_t size);
/* Writes the name; false when it does not fit or when the element is not exactly what
   bus_path_escape() writes for a name: an object has one path. */
bool bus_path_unescape(const char *element, char *buffer, size_t size);
