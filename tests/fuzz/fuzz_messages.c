/* SPDX-License-Identifier: MIT
 *
 * fuzz_messages.c - a hostile worker and a hostile main: the bytes are cut into frames, and every
 * frame is decoded. A frame that is accepted is encoded again and must be accepted again.
 * libFuzzer.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "messages.h"

static void decode_batch(const struct frame *frame, struct message_scratch *scratch)
{
	struct message_header header = { .generation = 1, .sequence = 1 };
	struct message_scratch *again = message_scratch_new();
	struct evbuffer *out = evbuffer_new();
	struct batch batch, same;
	struct frame encoded;

	if (message_get_batch(frame, scratch, &batch, NULL) == 0 &&
	    message_put_batch(out, header, &batch) == 0 &&
	    (frame_peek(out, &encoded, NULL) != 1 ||
	     message_get_batch(&encoded, again, &same, NULL) < 0 ||
	     same.observation_count != batch.observation_count))
		abort();
	evbuffer_free(out);
	message_scratch_free(again);
}

static void decode_ready(const struct frame *frame)
{
	struct declaration declaration;
	struct sandbox_layers sandbox;

	if (message_get_ready(frame, &declaration, &sandbox, NULL) == 0)
		declaration_done(&declaration);
}

static void decode(const struct frame *frame, struct message_scratch *scratch)
{
	union {
		struct message_configure configure;
		struct message_start start;
		struct message_proceed proceed;
		struct message_document document;
		struct message_failed failed;
		struct message_log log;
		struct message_heartbeat heartbeat;
		struct message_fault fault;
		uint64_t committed;
		uint32_t stop;
	} any;

	(void)message_get_configure(frame, scratch, &any.configure, NULL);
	(void)message_get_start(frame, &any.start, NULL);
	(void)message_get_proceed(frame, &any.proceed, NULL);
	(void)message_get_committed(frame, &any.committed, NULL);
	(void)message_get_stop(frame, &any.stop, NULL);
	(void)message_get_document(frame, &any.document, NULL);
	(void)message_get_failed(frame, scratch, &any.failed, NULL);
	(void)message_get_log(frame, &any.log, NULL);
	(void)message_get_heartbeat(frame, &any.heartbeat, NULL);
	(void)message_get_fault(frame, &any.fault, NULL);
	(void)message_get_stopped(frame, NULL);
	decode_ready(frame);
	decode_batch(frame, scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message_scratch *scratch = message_scratch_new();
	struct evbuffer *in = evbuffer_new();
	struct frame frame;

	/* First as a payload of a type that the first byte names, so that the fuzzer need not find
	 * the header. */
	if (size > 0) {
		frame = (struct frame){ .type = data[0] % 32,
					.payload = data + 1,
					.payload_size = size - 1 };
		decode(&frame, scratch);
	}
	(void)evbuffer_add(in, data, size);
	while (frame_peek(in, &frame, NULL) == 1) {
		decode(&frame, scratch);
		(void)evbuffer_drain(in, FRAME_HEADER_BYTES + frame.payload_size);
	}
	evbuffer_free(in);
	message_scratch_free(scratch);
	return 0;
}
