/* SPDX-License-Identifier: MIT
 *
 * bus_message.h - typed append and read helpers over libdbus messages, and faults as D-Bus errors.
 * Only bus*.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dbus/dbus.h>

#include "fault.h"
#include "model.h"

#define BUS_ERROR_PREFIX "org.straitd.Straitd1.Error."

/* ── writing ───────────────────────────────────────────────────────────────────────────────── */

#define BUS_WRITER_DEPTH 8

/* Appends to one message. Failure (out of memory, or a message that grew past what D-Bus carries)
   is sticky: everything after it does nothing, and bus_writer_done() tells. */
struct bus_writer {
	DBusMessageIter levels[BUS_WRITER_DEPTH];
	unsigned int depth;
	bool failed;
};

void bus_writer_init(struct bus_writer *writer, DBusMessage *message);
/* true when all went well; else abandons the open containers. */
bool bus_writer_done(struct bus_writer *writer);

void bus_put_double(struct bus_writer *writer, double value);
void bus_put_u32(struct bus_writer *writer, uint32_t value);
void bus_put_u64(struct bus_writer *writer, uint64_t value);
void bus_put_i64(struct bus_writer *writer, int64_t value);
void bus_put_bool(struct bus_writer *writer, bool value);
/* Text from outside: libdbus ends the process over invalid UTF-8, so every byte that does not
   belong is replaced by U+FFFD. NULL is written as "". */
void bus_put_text(struct bus_writer *writer, const char *text);
/* Text known to be ASCII: our own words and escaped paths. */
void bus_put_word(struct bus_writer *writer, const char *word);
void bus_put_path(struct bus_writer *writer, const char *path);
void bus_put_fd(struct bus_writer *writer, int fd); /* duplicated */

void bus_put_struct(struct bus_writer *writer);
void bus_put_array(struct bus_writer *writer, const char *element_signature);
void bus_put_entry(struct bus_writer *writer); /* of a dictionary */
void bus_put_variant(struct bus_writer *writer, const char *signature);
void bus_put_end(struct bus_writer *writer); /* of the innermost of these */

void bus_put_i64_array(struct bus_writer *writer, const int64_t *values, size_t count);
void bus_put_double_array(struct bus_writer *writer, const double *values, size_t count);
void bus_put_byte_array(struct bus_writer *writer, const char *bytes, size_t count);

/* A property's value. Text belongs to the object it was read from. */
struct bus_value {
	char type; /* D-Bus type code: s d t x u b */
	union {
		const char *text;
		double number;
		uint64_t u64;
		int64_t i64;
		uint32_t u32;
		bool boolean;
	} as;
};

void bus_put_value(struct bus_writer *writer, const struct bus_value *value); /* as a variant */
/* Equal values have equal fingerprints; different ones differ but for 1 in 2^64. */
uint64_t bus_value_fingerprint(const struct bus_value *value);

/* ── reading ───────────────────────────────────────────────────────────────────────────────── */

/* The signature has been checked before: each call takes the next argument, which must have that
   type. Text belongs to the message and is valid UTF-8 (libdbus checks what it receives). */
const char *bus_take_text(DBusMessageIter *arguments);
uint32_t bus_take_u32(DBusMessageIter *arguments);
uint64_t bus_take_u64(DBusMessageIter *arguments);
int64_t bus_take_i64(DBusMessageIter *arguments);
int bus_take_fd(
	DBusMessageIter *arguments); /* the caller's own, CLOEXEC; -1 when there are none left */
/* a{ss} as labels; more than STRAIT_LABELS_MAX, or a key twice, is a FAULT_BAD_ARGUMENT. */
int bus_take_labels(DBusMessageIter *arguments, struct label ret_labels[STRAIT_LABELS_MAX],
		    size_t *ret_count, struct fault *fault);

/* ── errors ────────────────────────────────────────────────────────────────────────────────── */

/* "org.straitd.Straitd1.Error.NoSuchFigure" …; faults that the contract has no name for are
 * org.freedesktop's Failed. */
const char *bus_error_name(enum fault_kind kind);
