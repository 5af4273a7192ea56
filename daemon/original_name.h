/* SPDX-License-Identifier: MIT
 *
 * original_name.h - where a kept original came from, in front of it in its own file. Main only;
 * for originals.c.
 */
#pragma once

/* Writes the note of the document (its fd, and the pending link that leads to it) to out_fd; -1 and
   errno when it cannot. */
int original_note(int pending_fd, const char *link, int document_fd, int out_fd);
