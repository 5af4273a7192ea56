/* SPDX-License-Identifier: MIT
 *
 * messages_codec.h - what the messages*.c files share: the limits of every field, and the two ends
 * that every codec goes through. Private to messages*.c.
 */
#pragma once

#include "bytes.h"
#include "messages.h"

/* Longest texts on the wire, bytes without the NUL. */
#define TEXT_NAME_MAX	 255u /* names of files, datasets, sheets, keys, titles */
#define TEXT_WORD_MAX	 64u /* names of sources, plugins, metrics, figures; label keys and values */
#define TEXT_UNIT_MAX	 31u /* as in struct figure_value */
#define TEXT_PATH_MAX	 4095u
#define TEXT_VALUE_MAX	 4095u /* of an option */
#define TEXT_URL_MAX	 2047u
#define TEXT_FORMULA_MAX 1023u
#define TEXT_LOG_MAX	 2047u
#define TEXT_FAULT_MAX	 (FAULT_TEXT_MAX - 1u)
#define TEXT_REASON_MAX	 255u
#define TEXT_EXTRACT_MAX 127u

/* Days that an observation may be about: 1970-01-01 to 2199-12-31; and the same as times. */
#define WIRE_DAY_MAX	 84005
#define WIRE_TIME_MAX_MS (INT64_C(84006) * 86400000 - 1)
/* Values are smaller than this: exact as whole numbers in a double. */
#define WIRE_VALUE_LIMIT 1e15
/* Those of events and records, which the store adds up in millionths. */
#define WIRE_TALLY_LIMIT 1e12

typedef void message_encode_fn(struct bytes_writer *writer, const void *message);

/* Appends header and payload. -EMSGSIZE when the frame would be too large or a text is too long or
 * malformed, -ENOMEM. */
int message_put(struct evbuffer *out, struct message_header header, enum message_type type,
		message_encode_fn *encode, const void *message);

/* Checks type and size against the table. */
int message_begin(const struct frame *frame, enum message_type type,
		  struct bytes_reader *ret_reader, struct fault *fault);
/* "all consumed", else the fault says where it went wrong. */
int message_end(const struct frame *frame, struct bytes_reader *reader, struct fault *fault);

/* What BATCH and FAILED have in common (messages_batch.c). */
#define MESSAGE_REJECT_BYTES_MAX (8u + (3u + TEXT_REASON_MAX) + (3u + TEXT_EXTRACT_MAX))
void message_put_sheets(struct bytes_writer *writer, const char *const *sheets, size_t count);
size_t message_get_sheets(struct bytes_reader *reader, const char *ret_sheets[BATCH_SHEETS_MAX]);
void message_put_rejects(struct bytes_writer *writer, const struct batch_reject *rejects,
			 size_t count);
/* -1: no memory. */
int message_get_rejects(struct bytes_reader *reader, struct message_scratch *scratch,
			const struct batch_reject **ret_rejects, size_t *ret_count);

bool message_time_ok(int64_t ms); /* 0 … WIRE_TIME_MAX_MS */
bool message_label_ok(const char *value);

/* Arrays of decoded messages; each grows to what the largest message needed. */
struct message_scratch {
	struct message_option *options;
	size_t option_room;
	struct batch_series *series;
	size_t series_room;
	struct batch_observation *observations;
	size_t observation_room;
	struct batch_reject *rejects;
	size_t reject_room;
	struct batch_coverage coverage[BATCH_COVERAGE_MAX];
};

/* Makes room for count items of item_size behind *array; what was there is lost. false: no memory.
 */
bool message_room(void *array, size_t *room, size_t count, size_t item_size);
