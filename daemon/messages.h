/* SPDX-License-Identifier: MIT
 *
 * messages.h - what crosses fd 3 between main and a worker: one struct, one encoder, one decoder a
 * message.
 *
 * A decoder takes the payload of a frame and gives pointers into it; they live as long as the
 * frame. It checks every length, count, enum and text (UTF-8) and that nothing is left over, and
 * fails with FAULT_PROTOCOL and the offset. Encoders append a whole frame (header and payload) to
 * an evbuffer; they fail only for lack of memory or when the frame would pass FRAME_MAX_BYTES. Byte
 * order little-endian, fixed widths (style rules 45 to 48).
 */
#pragma once

#include "batch.h"
#include "fault.h"
#include "file_identity.h"
#include "frame.h"
#include "model.h"
#include "sandbox.h"

struct evbuffer;

enum message_type {
	/* main → worker */
	MESSAGE_CONFIGURE = 1,
	MESSAGE_START,
	MESSAGE_PROCEED,
	MESSAGE_COMMITTED,
	MESSAGE_STOP,
	/* worker → main */
	MESSAGE_READY = 16,
	MESSAGE_DOCUMENT,
	MESSAGE_BATCH,
	MESSAGE_FAILED,
	MESSAGE_LOG,
	MESSAGE_HEARTBEAT,
	MESSAGE_FAULT,
	MESSAGE_STOPPED,
};

#define MESSAGE_OPTIONS_MAX 128u
#define REJECT_LIMIT_ALL    10000u /* 100 %, in hundredths of a percent: never refuse for rejects */

struct message_option {
	const char *key, *value;
};

/* The whole set-up of a worker. Paths are absolute; "" = not used. */
struct message_configure {
	const char *source;
	const char *plugin;	 /* bare name, [a-z0-9_]+ */
	const char *plugin_path; /* the .so */
	const char *incoming;	 /* spool directory to watch */
	const char *log;	 /* file being appended */
	uint8_t identity_key[32];
	uint16_t reject_limit; /* hundredths of a percent of a document's rows; more refuse it */
	bool check_only;       /* answer READY or FAULT after `check`, then exit */
	const struct message_option *options;
	size_t option_count;
};

/* Where to go on. */
struct message_start {
	uint64_t batch; /* last committed number */
	const void *cursor;
	size_t cursor_size;
};

/* Worker: this is in front of me. Main answers PROCEED before anything of it is parsed. */
struct message_document {
	const char *name;	   /* file name inside incoming */
	struct file_identity file; /* that is open, and whose content has the hash */
	uint8_t sha256[SHA256_BYTES];
};

struct message_proceed {
	bool skip;	       /* complete in the store: nothing to do, main moves the file away */
	uint64_t observations; /* already committed: parse again, drop so many, go on from there */
	int64_t published_at_ms; /* of the release that is half read; 0 = none is */
};

/* Worker: this document cannot be read; main moves it to failed/ with the reason. */
struct message_failed {
	const char *name;
	const char *reason;
	uint64_t rejected;	 /* of the whole document */
	uint8_t class_;		 /* STRAIT_FAULT_INPUT, _DRIFTED or _RETIRED; put as INPUT when 0 */
	int64_t published_at_ms; /* as for a document that can be read */
	const char *sheets[BATCH_SHEETS_MAX]; /* that the places of rejects name */
	size_t sheet_count;
	const struct batch_reject *rejects; /* those that no batch has carried, as far as kept */
	size_t reject_count;
};

struct message_log {
	uint8_t level;
	const char *text;
};

struct message_heartbeat {
	uint32_t lag_ms; /* how late the worker's timer was */
	uint32_t allowed_block_s;
	double progress; /* of what is read, 0…1; NaN = nothing that takes more than one batch */
	uint8_t catches_up; /* 1: what is read is a log, of which more than one batch is to come */
};

struct message_fault {
	uint8_t class_; /* enum strait_fault */
	const char *text;
};

struct message_header {
	uint32_t generation; /* of the worker; a frame of an older one is dropped */
	uint64_t sequence;   /* of the frame in its direction */
};

int message_put_configure(struct evbuffer *out, struct message_header header,
			  const struct message_configure *message);
int message_put_start(struct evbuffer *out, struct message_header header,
		      const struct message_start *message);
int message_put_proceed(struct evbuffer *out, struct message_header header,
			const struct message_proceed *message);
int message_put_committed(struct evbuffer *out, struct message_header header, uint64_t batch);
int message_put_stop(struct evbuffer *out, struct message_header header, uint32_t deadline_ms);
/* READY: what the plugin declares, and what confines it. */
int message_put_ready(struct evbuffer *out, struct message_header header,
		      const struct declaration *message, const struct sandbox_layers *sandbox);
int message_put_document(struct evbuffer *out, struct message_header header,
			 const struct message_document *message);
int message_put_batch(struct evbuffer *out, struct message_header header,
		      const struct batch *message);
int message_put_failed(struct evbuffer *out, struct message_header header,
		       const struct message_failed *message);
int message_put_log(struct evbuffer *out, struct message_header header,
		    const struct message_log *message);
int message_put_heartbeat(struct evbuffer *out, struct message_header header,
			  const struct message_heartbeat *message);
int message_put_fault(struct evbuffer *out, struct message_header header,
		      const struct message_fault *message);
int message_put_stopped(struct evbuffer *out, struct message_header header);

/* Arrays inside a decoded message live in the scratch, which is reused: one per link; decoded
   messages are valid until the next decode with the same scratch. */
struct message_scratch;
struct message_scratch *message_scratch_new(void);
struct message_scratch *message_scratch_free(struct message_scratch *scratch);

int message_get_configure(const struct frame *frame, struct message_scratch *scratch,
			  struct message_configure *ret, struct fault *fault);
int message_get_start(const struct frame *frame, struct message_start *ret, struct fault *fault);
int message_get_proceed(const struct frame *frame, struct message_proceed *ret,
			struct fault *fault);
int message_get_committed(const struct frame *frame, uint64_t *ret_batch, struct fault *fault);
int message_get_stop(const struct frame *frame, uint32_t *ret_deadline_ms, struct fault *fault);
/* Copies: the declaration is done by the caller. */
int message_get_ready(const struct frame *frame, struct declaration *ret,
		      struct sandbox_layers *ret_sandbox, struct fault *fault);
int message_get_document(const struct frame *frame, struct message_document *ret,
			 struct fault *fault);
int message_get_batch(const struct frame *frame, struct message_scratch *scratch, struct batch *ret,
		      struct fault *fault);
int message_get_failed(const struct frame *frame, struct message_scratch *scratch,
		       struct message_failed *ret, struct fault *fault);
int message_get_log(const struct frame *frame, struct message_log *ret, struct fault *fault);
int message_get_heartbeat(const struct frame *frame, struct message_heartbeat *ret,
			  struct fault *fault);
int message_get_fault(const struct frame *frame, struct message_fault *ret, struct fault *fault);
int message_get_stopped(const struct frame *frame, struct fault *fault);

/* "BATCH"; "?" for an unknown type. */
const char *message_name(unsigned int type);
