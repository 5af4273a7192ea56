/* SPDX-License-Identifier: MIT
 *
 * utf8.h - checking and repairing text that others wrote. Every process; pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length in bytes, 1 to 4, of the well-formed sequence at the start of text (The Unicode Standard,
 * table 3-7), or 0. *ret_code, if wanted, gets the code point. */
size_t utf8_length(const char *text, size_t size, uint32_t *ret_code);
/* Every byte belongs to a well-formed sequence; NUL is not allowed. */
bool utf8_valid(const char *text, size_t size);
/* As utf8_valid, and no control characters: C0, DEL, C1, and the line and paragraph separators. */
bool utf8_printable(const char *text, size_t size);
/* Copies into buffer, terminated, cut between characters. What is malformed becomes '?', a control
   character a blank. Returns the bytes written without the NUL. */
size_t utf8_repair(char *buffer, size_t buffer_size, const char *text, size_t size);
