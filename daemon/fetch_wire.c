/* SPDX-License-Identifier: MIT
 *
 * fetch_wire.c - a fetch job and its result as bytes. Both processes; pure.
 *
 * Invariant: a decoder gives a whole message or a fault; texts are bounded, printable UTF-8, and a
 * file name is one that may stand behind a directory.
 */
#include "fetch_wire.h"

#include <string.h>

#include "bytes.h"
#include "utf8.h"

#define FETCH_MAGIC_JOB	   0x4a46u /* "FJ" */
#define FETCH_MAGIC_RESULT 0x5246u /* "FR" */

static void put_validators(struct bytes_writer *writer, const struct fetch_validators *validators)
{
	bytes_put_text(writer, validators->url, FETCH_URL_MAX - 1);
	bytes_put_text(writer, validators->etag, FETCH_VALIDATOR_MAX - 1);
	bytes_put_text(writer, validators->last_modified, FETCH_VALIDATOR_MAX - 1);
	bytes_put(writer, validators->sha256, SHA256_BYTES);
}

/* Of at most size - 1 bytes; what is no text for a log or a header is refused. */
static void get_text(struct bytes_reader *reader, char *buffer, size_t size)
{
	const char *text = bytes_get_text(reader, (uint32_t)size - 1);

	if (reader->failed)
		return;
	if (text[0] && !utf8_printable(text, strlen(text)))
		bytes_refuse(reader, "text with control characters");
	else
		(void)memcpy(buffer, text, strlen(text) + 1);
}

static void get_validators(struct bytes_reader *reader, struct fetch_validators *validators)
{
	const void *hash;

	get_text(reader, validators->url, sizeof(validators->url));
	get_text(reader, validators->etag, sizeof(validators->etag));
	get_text(reader, validators->last_modified, sizeof(validators->last_modified));
	hash = bytes_get(reader, SHA256_BYTES);
	if (hash)
		(void)memcpy(validators->sha256, hash, SHA256_BYTES);
}

size_t fetch_job_encode(const struct fetch_job *job, unsigned char *bytes)
{
	struct bytes_writer writer = bytes_writer(bytes, FETCH_WIRE_MAX);

	bytes_put_u16(&writer, FETCH_MAGIC_JOB);
	bytes_put_text(&writer, job->url, FETCH_URL_MAX - 1);
	bytes_put_text(&writer, job->follow, sizeof(job->follow) - 1);
	bytes_put_text(&writer, job->spool, SPOOL_PATH_MAX - 1);
	bytes_put_text(&writer, job->user_agent, sizeof(job->user_agent) - 1);
	put_validators(&writer, &job->last);
	bytes_put_u64(&writer, job->max_bytes);
	bytes_put_u32(&writer, job->connect_ms);
	bytes_put_u32(&writer, job->stall_ms);
	return writer.failed ? 0 : writer.used;
}

int fetch_job_decode(const void *bytes, size_t size, struct fetch_job *ret_job, struct fault *fault)
{
	struct bytes_reader reader = bytes_reader(bytes, size);

	if (bytes_get_u16(&reader) != FETCH_MAGIC_JOB)
		bytes_refuse(&reader, "not a job");
	get_text(&reader, ret_job->url, sizeof(ret_job->url));
	get_text(&reader, ret_job->follow, sizeof(ret_job->follow));
	get_text(&reader, ret_job->spool, sizeof(ret_job->spool));
	get_text(&reader, ret_job->user_agent, sizeof(ret_job->user_agent));
	get_validators(&reader, &ret_job->last);
	ret_job->max_bytes = bytes_get_u64(&reader);
	ret_job->connect_ms = bytes_get_u32(&reader);
	ret_job->stall_ms = bytes_get_u32(&reader);
	if (bytes_finish(&reader))
		return 0;
	return fault_set(fault, FAULT_PROTOCOL,
			 "a fetch job of %zu bytes is malformed at offset %zu: %s", size,
			 reader.failed_at, reader.failed_why);
}

size_t fetch_result_encode(const struct fetch_result *result, unsigned char *bytes)
{
	struct bytes_writer writer = bytes_writer(bytes, FETCH_WIRE_MAX);

	bytes_put_u16(&writer, FETCH_MAGIC_RESULT);
	bytes_put_u8(&writer, (uint8_t)result->outcome);
	bytes_put_u16(&writer, result->status);
	bytes_put_u32(&writer, result->retry_after_s);
	bytes_put_u64(&writer, result->bytes);
	bytes_put_text(&writer, result->name, SPOOL_NAME_MAX - 1);
	put_validators(&writer, &result->now);
	bytes_put_text(&writer, result->text, FETCH_TEXT_MAX - 1);
	return writer.failed ? 0 : writer.used;
}

int fetch_result_decode(const void *bytes, size_t size, struct fetch_result *ret_result,
			struct fault *fault)
{
	struct bytes_reader reader = bytes_reader(bytes, size);
	uint8_t outcome;

	if (bytes_get_u16(&reader) != FETCH_MAGIC_RESULT)
		bytes_refuse(&reader, "not a result");
	outcome = bytes_get_u8(&reader);
	if (outcome < FETCH_DONE || outcome > FETCH_FAILED)
		bytes_refuse(&reader, "no such outcome");
	ret_result->outcome = (enum fetch_outcome)outcome;
	ret_result->status = bytes_get_u16(&reader);
	ret_result->retry_after_s = bytes_get_u32(&reader);
	if (ret_result->retry_after_s > FETCH_RETRY_AFTER_MAX_S)
		bytes_refuse(&reader, "waits longer than a week");
	ret_result->bytes = bytes_get_u64(&reader);
	get_text(&reader, ret_result->name, sizeof(ret_result->name));
	if (outcome == FETCH_DONE && !spool_name_ok(ret_result->name))
		bytes_refuse(&reader, "not the name of a file");
	get_validators(&reader, &ret_result->now);
	get_text(&reader, ret_result->text, sizeof(ret_result->text));
	if (bytes_finish(&reader))
		return 0;
	return fault_set(fault, FAULT_PROTOCOL,
			 "the fetcher's answer of %zu bytes is malformed at offset %zu: %s", size,
			 reader.failed_at, reader.failed_why);
}
