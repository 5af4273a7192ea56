/* SPDX-License-Identifier: MIT
 *
 * make_seeds.c - seeds that are no text: one frame of each message, cursors, D-Bus calls; into
 * DIRECTORY/fuzz_messages and so on. Seeds that are files or text come from tests/fuzz/seeds.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <dbus/dbus.h>
#include <event2/buffer.h>

#include "fetch_wire.h"
#include "messages.h"
#include "worker_cursor.h"

static const char *root;

static void save(const char *target, const char *name, const void *head, size_t head_size,
		 const void *data, size_t size)
{
	char path[512];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", root, target);
	(void)mkdir(path, 0777); /* it may be there */
	(void)snprintf(path, sizeof(path), "%s/%s/seed-%s", root, target, name);
	file = fopen(path, "we");
	if (!file || fwrite(head, 1, head_size, file) != head_size ||
	    fwrite(data, 1, size, file) != size || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

/* What is in the buffer, for the decoder (a type, then the payload) and for the stream of frames.
 */
static void save_frame(struct evbuffer *out, const char *name)
{
	const unsigned char pieces[] = { 3, 0 };
	size_t size = evbuffer_get_length(out);
	const unsigned char *bytes = evbuffer_pullup(out, -1);

	save("fuzz_frame", name, pieces, sizeof(pieces), bytes, size);
	save("fuzz_messages", name, &bytes[3], 1, bytes + FRAME_HEADER_BYTES,
	     size - FRAME_HEADER_BYTES);
	save("fuzz_messages", "stream", "", 0, bytes, size);
	(void)evbuffer_drain(out, size);
}

static void save_batch(struct evbuffer *out, struct message_header header)
{
	static const struct batch_series series[] = { { 0, { "x", "blocked" } }, { 1, { "x" } } };
	static const struct batch_observation observations[] = {
		{ .series = 0,
		  .day = 18500,
		  .status = STRAIT_FINAL,
		  .value = 1,
		  .at = 17,
		  .key = 4711,
		  .known_at_ms = INT64_C(1598400000000),
		  .rank = 2,
		  .count = 1 },
		{ .series = 1,
		  .day = 18500,
		  .status = STRAIT_FINAL,
		  .value = 12.5,
		  .at = 17,
		  .key = 4711,
		  .known_at_ms = INT64_C(1598400000000),
		  .rank = 2,
		  .count = 1 },
	};
	static const struct batch_reject rejects[] = { { 99, "no id", ",aaa,1999-99-99" } };
	static const struct batch_coverage coverage[] = { { 0, 18262, 18627 } };
	const struct batch batch = {
		.number = 1,
		.release = { .name = "a.csv",
			     .dataset = "series",
			     .url = "",
			     .size = 1000,
			     .published_at_ms = INT64_C(1598400000000),
			     .sheets = { "SB_01" },
			     .sheet_count = 1,
			     .coverage = coverage,
			     .coverage_count = 1 },
		.final = true,
		.accepted = 2,
		.rejected = 1,
		.series = series,
		.series_count = 2,
		.observations = observations,
		.observation_count = 2,
		.rejects = rejects,
		.reject_count = 1,
		.cursor = "cursor",
		.cursor_size = 6,
	};

	if (message_put_batch(out, header, &batch) == 0)
		save_frame(out, "batch");
}

static void save_from_main(struct evbuffer *out, struct message_header header)
{
	static const struct message_option options[] = { { "column.id", "key" }, { "x", "" } };
	const struct message_configure configure = {
		.source = "sea",
		.plugin = "boat_sightings",
		.plugin_path = "/usr/lib/x.so",
		.incoming = "/var/spool/straitd/sea/incoming",
		.log = "",
		.reject_limit = 2000,
		.options = options,
		.option_count = 2,
	};
	const struct message_start start = { .batch = 7, .cursor = "cursor", .cursor_size = 6 };
	const struct message_proceed proceed = { .observations = 3, .published_at_ms = 1 };

	(void)message_put_configure(out, header, &configure);
	save_frame(out, "configure");
	(void)message_put_start(out, header, &start);
	save_frame(out, "start");
	(void)message_put_proceed(out, header, &proceed);
	save_frame(out, "proceed");
	(void)message_put_committed(out, header, 8);
	save_frame(out, "committed");
	(void)message_put_stop(out, header, 5000);
	save_frame(out, "stop");
}

static void save_from_worker(struct evbuffer *out, struct message_header header)
{
	static const struct batch_reject rejects[] = { { 99, "no id", ",aaa" } };
	const struct message_document document = { .name = "a.csv", .file = { 0 } };
	const struct message_failed failed = { .name = "a.csv",
					       .reason = "is empty",
					       .rejected = 1,
					       .sheets = { "S" },
					       .sheet_count = 1,
					       .rejects = rejects,
					       .reject_count = 1 };
	const struct message_log log = { .level = 4, .text = "said" };
	const struct message_heartbeat heartbeat = { .lag_ms = 3, .progress = 0.5 };
	const struct message_fault fault = { .class_ = STRAIT_FAULT_CONFIG, .text = "why" };

	(void)message_put_document(out, header, &document);
	save_frame(out, "document");
	(void)message_put_failed(out, header, &failed);
	save_frame(out, "failed");
	(void)message_put_log(out, header, &log);
	save_frame(out, "log");
	(void)message_put_heartbeat(out, header, &heartbeat);
	save_frame(out, "heartbeat");
	(void)message_put_fault(out, header, &fault);
	save_frame(out, "fault");
	(void)message_put_stopped(out, header);
	save_frame(out, "stopped");
}

static void save_cursors(void)
{
	static struct worker_cursor cursor = {
		.has_position = true, .done_bytes = 3, .plugin = "own", .plugin_size = 3
	};
	unsigned char buffer[CURSOR_MAX_BYTES];

	save("fuzz_cursor", "log", "", 0, buffer, worker_cursor_encode(&cursor, buffer));
	cursor = (struct worker_cursor){ .plugin_size = 0 };
	save("fuzz_cursor", "none", "", 0, buffer, worker_cursor_encode(&cursor, buffer));
}

static void save_fetch(void)
{
	static const struct fetch_result result = { .outcome = FETCH_DONE,
						    .status = 200,
						    .bytes = 17,
						    .name = "a.ods",
						    .now = { .url = "https://example.org/a.ods",
							     .etag = "\"1\"" } };
	static const struct fetch_job job = { .url = "https://example.org/",
					      .follow = "*.ods",
					      .spool = "/var/spool/straitd/a",
					      .user_agent = "x",
					      .max_bytes = 1000,
					      .connect_ms = 1,
					      .stall_ms = 1 };
	static unsigned char bytes[FETCH_WIRE_MAX];

	save("fuzz_fetch", "result", "\0", 1, bytes, fetch_result_encode(&result, bytes));
	save("fuzz_fetch", "job", "\1", 1, bytes, fetch_job_encode(&job, bytes));
}

static void save_calls(void)
{
	static const char *const members[] = { "GetFigure", "Explain", "ListMetrics" };
	const char *name = "arrivals.people.2020-09-02";
	char *bytes;
	int size;

	for (int i = 0; i < 3; i++) {
		DBusMessage *message = dbus_message_new_method_call(
			"org.straitd.Straitd1", "/org/straitd/Straitd1",
			"org.straitd.Straitd1.Manager", members[i]);

		if (i < 2)
			(void)dbus_message_append_args(message, DBUS_TYPE_STRING, &name,
						       DBUS_TYPE_INVALID);
		dbus_message_set_serial(message, 1);
		if (dbus_message_marshal(message, &bytes, &size)) {
			save("fuzz_dbus", members[i], "\1", 1, bytes, (size_t)size);
			dbus_free(bytes);
		}
		dbus_message_unref(message);
	}
}

int main(int argc, char **argv)
{
	const struct message_header header = { .generation = 1, .sequence = 1 };
	struct evbuffer *out = evbuffer_new();

	if (argc != 2 || !out) {
		(void)fprintf(stderr, "usage: make_seeds DIRECTORY\n");
		return 2;
	}
	root = argv[1];
	save_from_main(out, header);
	save_from_worker(out, header);
	save_batch(out, header);
	save_cursors();
	save_calls();
	save_fetch();
	evbuffer_free(out);
	return 0;
}
