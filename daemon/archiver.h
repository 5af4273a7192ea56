/* SPDX-License-Identifier: MIT
 *
 * archiver.h - the archiver role: compresses one document from standard input to standard output.
 */
#pragma once

/* Exit codes beside 0. */
#define ARCHIVER_EXIT_USAGE   64
#define ARCHIVER_EXIT_CHANGED 65 /* the content has not that hash */
#define ARCHIVER_EXIT_FAILED  74 /* reading, writing, memory; stderr says which */

/* Reads fd 0 to its end and writes it to fd 1 as a zstd frame with a checksum, synced. 0 only if
   the content has the SHA-256 given in 64 hexadecimal digits. */
int archiver_main(const char *sha256);
