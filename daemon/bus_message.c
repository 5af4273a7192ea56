/* SPDX-License-Identifier: MIT
 *
 * bus_message.c - owns how our types look in D-Bus messages, and the table from faults to error
 * names. Main only. Invariant: whatever text comes in, what is appended is valid UTF-8; a writer
 * that failed appends nothing more. Must never send anything, and never look at the connection.
 */
#include "bus_message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "fnv.h"
#include "utf8.h"

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* ── writing ───────────────────────────────────────────────────────────────────────────────── */

static DBusMessageIter *top(struct bus_writer *writer)
{
	return &writer->levels[writer->depth];
}

static void put_basic(struct bus_writer *writer, int type, const void *value)
{
	if (!writer->failed)
		writer->failed = !dbus_message_iter_append_basic(top(writer), type, value);
}

static void open_container(struct bus_writer *writer, int type, const char *signature)
{
	if (writer->failed)
		return;
	assert(writer->depth + 1 < BUS_WRITER_DEPTH);
	if (dbus_message_iter_open_container(top(writer), type, signature,
					     &writer->levels[writer->depth + 1]))
		writer->depth++;
	else
		writer->failed = true;
}

void bus_writer_init(struct bus_writer *writer, DBusMessage *message)
{
	writer->depth = 0;
	writer->failed = false;
	dbus_message_iter_init_append(message, &writer->levels[0]);
}

bool bus_writer_done(struct bus_writer *writer)
{
	assert(writer->failed || writer->depth == 0);
	for (; writer->depth; writer->depth--)
		dbus_message_iter_abandon_container(&writer->levels[writer->depth - 1],
						    &writer->levels[writer->depth]);
	return !writer->failed;
}

void bus_put_double(struct bus_writer *writer, double value)
{
	put_basic(writer, DBUS_TYPE_DOUBLE, &value);
}

void bus_put_u32(struct bus_writer *writer, uint32_t value)
{
	put_basic(writer, DBUS_TYPE_UINT32, &value);
}

void bus_put_u64(struct bus_writer *writer, uint64_t value)
{
	put_basic(writer, DBUS_TYPE_UINT64, &value);
}

void bus_put_i64(struct bus_writer *writer, int64_t value)
{
	put_basic(writer, DBUS_TYPE_INT64, &value);
}

void bus_put_bool(struct bus_writer *writer, bool value)
{
	dbus_bool_t wire = value;

	put_basic(writer, DBUS_TYPE_BOOLEAN, &wire);
}

/* NULL when out of memory. */
static char *repair(const char *text)
{
	const size_t replacement_size = sizeof(replacement) - 1;
	size_t left = strlen(text);
	char *repaired = calloc(left + 1, replacement_size);
	char *to = repaired;

	while (repaired && left) {
		size_t size = utf8_length(text, left, NULL);

		memcpy(to, size ? text : replacement, size ? size : replacement_size);
		to += size ? size : replacement_size;
		text += size ? size : 1;
		left -= size ? size : 1;
	}
	return repaired;
}

void bus_put_text(struct bus_writer *writer, const char *text)
{
	CLEANUP(free_text) char *repaired = NULL;

	if (!text)
		text = "";
	if (!dbus_validate_utf8(text, NULL)) {
		repaired = repair(text);
		if (!repaired)
			writer->failed = true;
		text = repaired;
	}
	put_basic(writer, DBUS_TYPE_STRING, &text);
}

void bus_put_word(struct bus_writer *writer, const char *word)
{
	if (!word)
		word = "";
	put_basic(writer, DBUS_TYPE_STRING, &word);
}

void bus_put_path(struct bus_writer *writer, const char *path)
{
	put_basic(writer, DBUS_TYPE_OBJECT_PATH, &path);
}

void bus_put_fd(struct bus_writer *writer, int fd)
{
	put_basic(writer, DBUS_TYPE_UNIX_FD, &fd);
}

void bus_put_struct(struct bus_writer *writer)
{
	open_container(writer, DBUS_TYPE_STRUCT, NULL);
}

void bus_put_array(struct bus_writer *writer, const char *element_signature)
{
	open_container(writer, DBUS_TYPE_ARRAY, element_signature);
}

void bus_put_entry(struct bus_writer *writer)
{
	open_container(writer, DBUS_TYPE_DICT_ENTRY, NULL);
}

void bus_put_variant(struct bus_writer *writer, const char *signature)
{
	open_container(writer, DBUS_TYPE_VARIANT, signature);
}

void bus_put_end(struct bus_writer *writer)
{
	if (writer->failed)
		return;
	assert(writer->depth);
	writer->depth--;
	/* a container that failed to close is gone: there is nothing left to abandon at this level
	 */
	writer->failed =
		!dbus_message_iter_close_container(top(writer), &writer->levels[writer->depth + 1]);
}

static void put_fixed_array(struct bus_writer *writer, int type, const void *values, size_t count)
{
	const char signature[] = { (char)type, '\0' };

	bus_put_array(writer, signature);
	if (!writer->failed && count)
		writer->failed = !dbus_message_iter_append_fixed_array(top(writer), type, &values,
								       (int)count);
	bus_put_end(writer);
}

void bus_put_i64_array(struct bus_writer *writer, const int64_t *values, size_t count)
{
	put_fixed_array(writer, DBUS_TYPE_INT64, values, count);
}

void bus_put_double_array(struct bus_writer *writer, const double *values, size_t count)
{
	put_fixed_array(writer, DBUS_TYPE_DOUBLE, values, count);
}

void bus_put_byte_array(struct bus_writer *writer, const char *bytes, size_t count)
{
	put_fixed_array(writer, DBUS_TYPE_BYTE, bytes, count);
}

void bus_put_value(struct bus_writer *writer, const struct bus_value *value)
{
	const char signature[] = { value->type, '\0' };

	bus_put_variant(writer, signature);
	switch (value->type) {
	case DBUS_TYPE_STRING:
		bus_put_text(writer, value->as.text);
		break;
	case DBUS_TYPE_DOUBLE:
		bus_put_double(writer, value->as.number);
		break;
	case DBUS_TYPE_UINT64:
		bus_put_u64(writer, value->as.u64);
		break;
	case DBUS_TYPE_INT64:
		bus_put_i64(writer, value->as.i64);
		break;
	case DBUS_TYPE_UINT32:
		bus_put_u32(writer, value->as.u32);
		break;
	case DBUS_TYPE_BOOLEAN:
		bus_put_bool(writer, value->as.boolean);
		break;
	default:
		assert(!"a property of a type that bus_value does not know");
		break;
	}
	bus_put_end(writer);
}

uint64_t bus_value_fingerprint(const struct bus_value *value)
{
	uint64_t bits = 0;

	switch (value->type) {
	case DBUS_TYPE_STRING:
		return value->as.text ? fnv_add(FNV_START, value->as.text, strlen(value->as.text))
				      : fnv_add(FNV_START, "", 0);
	case DBUS_TYPE_DOUBLE: /* by bits, so that NaN equals itself */
		memcpy(&bits, &value->as.number, sizeof(bits));
		return bits;
	case DBUS_TYPE_UINT64:
		return value->as.u64;
	case DBUS_TYPE_INT64:
		return (uint64_t)value->as.i64;
	case DBUS_TYPE_UINT32:
		return value->as.u32;
	case DBUS_TYPE_BOOLEAN:
		return value->as.boolean;
	default:
		assert(!"a property of a type that bus_value does not know");
		return 0;
	}
}

/* ── reading ───────────────────────────────────────────────────────────────────────────────── */

static void take_basic(DBusMessageIter *arguments, int type, void *ret_value)
{
	assert(dbus_message_iter_get_arg_type(arguments) == type);
	dbus_message_iter_get_basic(arguments, ret_value);
	(void)dbus_message_iter_next(arguments); /* FALSE = that was the last */
}

const char *bus_take_text(DBusMessageIter *arguments)
{
	const char *text;

	take_basic(arguments, DBUS_TYPE_STRING, &text);
	return text;
}

uint32_t bus_take_u32(DBusMessageIter *arguments)
{
	dbus_uint32_t value;

	take_basic(arguments, DBUS_TYPE_UINT32, &value);
	return value;
}

uint64_t bus_take_u64(DBusMessageIter *arguments)
{
	dbus_uint64_t value;

	take_basic(arguments, DBUS_TYPE_UINT64, &value);
	return value;
}

int64_t bus_take_i64(DBusMessageIter *arguments)
{
	dbus_int64_t value;

	take_basic(arguments, DBUS_TYPE_INT64, &value);
	return value;
}

int bus_take_fd(DBusMessageIter *arguments)
{
	int fd;

	take_basic(arguments, DBUS_TYPE_UNIX_FD, &fd); /* libdbus duplicates it, CLOEXEC */
	return fd;
}

int bus_take_labels(DBusMessageIter *arguments, struct label ret_labels[STRAIT_LABELS_MAX],
		    size_t *ret_count, struct fault *fault)
{
	DBusMessageIter entries, entry;
	size_t count = 0;

	dbus_message_iter_recurse(arguments, &entries);
	for (; dbus_message_iter_get_arg_type(&entries) == DBUS_TYPE_DICT_ENTRY;
	     (void)dbus_message_iter_next(&entries)) {
		struct label label;

		dbus_message_iter_recurse(&entries, &entry);
		label.key = bus_take_text(&entry);
		label.value = bus_take_text(&entry);
		if (count == STRAIT_LABELS_MAX)
			return fault_set(
				fault, FAULT_BAD_ARGUMENT,
				"more than %u labels; no metric has so many, see ListMetrics",
				STRAIT_LABELS_MAX);
		for (size_t i = 0; i < count; i++) {
			if (!strcmp(ret_labels[i].key, label.key))
				return fault_set(fault, FAULT_BAD_ARGUMENT,
						 "the label '%.64s' is given twice; give it once",
						 label.key);
		}
		ret_labels[count++] = label;
	}
	(void)dbus_message_iter_next(arguments); /* FALSE = that was the last */
	*ret_count = count;
	return 0;
}

/* ── errors ────────────────────────────────────────────────────────────────────────────────── */

const char *bus_error_name(enum fault_kind kind)
{
	switch (kind) {
	case FAULT_NO_SUCH_FIGURE:
		return BUS_ERROR_PREFIX "NoSuchFigure";
	case FAULT_NO_SUCH_METRIC:
		return BUS_ERROR_PREFIX "NoSuchMetric";
	case FAULT_NO_SUCH_SOURCE:
		return BUS_ERROR_PREFIX "NoSuchSource";
	case FAULT_BAD_PERIOD:
		return BUS_ERROR_PREFIX "BadPeriod";
	case FAULT_BAD_ARGUMENT:
		return BUS_ERROR_PREFIX "BadArgument";
	case FAULT_TOO_LARGE:
		return BUS_ERROR_PREFIX "TooLarge";
	case FAULT_SEQUENCE_EXPIRED:
		return BUS_ERROR_PREFIX "SequenceExpired";
	case FAULT_NOT_READY:
		return BUS_ERROR_PREFIX "NotReady";
	case FAULT_ACCESS_DENIED:
		return BUS_ERROR_PREFIX "AccessDenied";
	case FAULT_BUSY:
		return BUS_ERROR_PREFIX "Busy";
	case FAULT_MEMORY:
		return DBUS_ERROR_NO_MEMORY;
	case FAULT_NONE:
	case FAULT_SYSTEM:
	case FAULT_PROTOCOL:
	case FAULT_DAMAGED:
	case FAULT_TRANSIENT:
	case FAULT_CONFIG:
	case FAULT_INPUT:
	case FAULT_BUG:
		break;
	}
	return DBUS_ERROR_FAILED;
}
