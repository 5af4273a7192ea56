/* SPDX-License-Identifier: MIT
 *
 * worker_driver.c - drives one worker process as main would. For tests only.
 */
#include "worker_driver.h"

#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "worker.h"

#define DEADLINE_MS 20000

struct worker_driver driver;

static struct evbuffer *in;

/* ── the worker process ────────────────────────────────────────────────────────────────────── */

void driver_spawn(void)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	driver.pid = fork();
	ck_assert_int_ge(driver.pid, 0);
	if (driver.pid == 0) {
		close(fds[0]);
		if (fds[1] != WORKER_FD) {
			dup2(fds[1], WORKER_FD);
			close(fds[1]);
		}
		_exit(worker_main());
	}
	close(fds[1]);
	driver.fd = fds[0];
	evbuffer_drain(in, evbuffer_get_length(in));
	driver.sequence = 0;
}

/* Waits for its end; the exit code, or minus the signal. */
int driver_reap(void)
{
	int status;

	ck_assert_int_eq(waitpid(driver.pid, &status, 0),
			 driver.pid); /* Check's own time limit is the deadline */
	driver.pid = 0;
	if (driver.fd >= 0)
		close(driver.fd);
	driver.fd = -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void driver_kill(void)
{
	(void)kill(driver.pid, SIGKILL);
	ck_assert_int_eq(driver_reap(), -SIGKILL);
}

void driver_set_up(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)snprintf(driver.directory, sizeof(driver.directory), "/tmp/test_worker.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(driver.directory));
	(void)snprintf(driver.incoming, sizeof(driver.incoming), "%s/incoming", driver.directory);
	(void)snprintf(driver.log_path, sizeof(driver.log_path), "%s/some.log", driver.directory);
	ck_assert_int_eq(mkdir(driver.incoming, 0700), 0);
	in = evbuffer_new();
	driver.scratch = message_scratch_new();
	driver.logged[0] = '\0';
	driver.last_batch = driver.cursor_size = driver.beats = 0;
	driver_spawn();
}

void driver_tear_down(void)
{
	if (driver.pid > 0)
		driver_kill();
	evbuffer_free(in);
	message_scratch_free(driver.scratch);
	ck_assert_ptr_nonnull(strstr(driver.directory, "/tmp/test_worker."));
	if (fork() == 0) {
		execlp("rm", "rm", "-rf", driver.directory, NULL);
		_exit(1);
	}
	(void)wait(NULL);
}

/* ── what main would send ──────────────────────────────────────────────────────────────────── */

static void send_out(struct evbuffer *out)
{
	while (evbuffer_get_length(out) > 0)
		ck_assert_int_gt(evbuffer_write(out, driver.fd), 0);
	evbuffer_free(out);
}

/* Puts one message with the next header and writes it out. */
#define SEND(call, ...)                                                                            \
	do {                                                                                       \
		struct evbuffer *out_ = evbuffer_new();                                            \
		struct message_header header_ = { .generation = 3,                                 \
						  .sequence = ++driver.sequence };                 \
		ck_assert_int_eq(message_put_##call(out_, header_, __VA_ARGS__), 0);               \
		send_out(out_);                                                                    \
	} while (0)

static const char *plugin_path(const char *name)
{
	static char path[4096];

	ck_assert_msg(getenv("STRAIT_BUILD") != NULL, "STRAIT_BUILD is not set; use tests/run");
	(void)snprintf(path, sizeof(path), "%s/tests/plugins/%s.so", getenv("STRAIT_BUILD"), name);
	return path;
}

void driver_configure(const char *plugin, const char *log, const struct message_option *options,
		      size_t count, bool check_only)
{
	struct message_configure configure = { .source = "demo",
					       .plugin = plugin,
					       .plugin_path = plugin_path(plugin),
					       .incoming = driver.incoming,
					       .log = log,
					       .identity_key = { 1 },
					       .reject_limit = 2000,
					       .check_only = check_only,
					       .options = options,
					       .option_count = count };

	SEND(configure, &configure);
}

void driver_start(void)
{
	struct message_start start = { .batch = driver.last_batch,
				       .cursor = driver.cursor,
				       .cursor_size = driver.cursor_size };

	SEND(start, &start);
}

void driver_proceed(bool skip, uint64_t observations)
{
	struct message_proceed proceed_message = { .skip = skip, .observations = observations };

	SEND(proceed, &proceed_message);
}

void driver_go_on(uint64_t observations, int64_t published_at_ms)
{
	struct message_proceed proceed_message = { .observations = observations,
						   .published_at_ms = published_at_ms };

	SEND(proceed, &proceed_message);
}

void driver_commit(const struct batch *batch)
{
	ck_assert_uint_eq(batch->number, driver.last_batch + 1);
	driver.last_batch = batch->number;
	driver.cursor_size = batch->cursor_size;
	memcpy(driver.cursor, batch->cursor, driver.cursor_size);
	SEND(committed, driver.last_batch);
}

/* ── what comes from it ────────────────────────────────────────────────────────────────────── */

static bool is_small_talk(const struct frame *frame)
{
	struct message_heartbeat heartbeat;
	struct message_log line;

	if (frame->type == MESSAGE_HEARTBEAT) {
		ck_assert_int_eq(message_get_heartbeat(frame, &heartbeat, NULL), 0);
		driver.beats++;
		driver.catch_ups += heartbeat.catches_up && !driver.catches_up;
		driver.catches_up = heartbeat.catches_up;
		if (!isnan(heartbeat.progress))
			driver.progress = heartbeat.progress;
		return true;
	}
	if (frame->type != MESSAGE_LOG)
		return false;
	ck_assert_int_eq(message_get_log(frame, &line, NULL), 0);
	(void)snprintf(driver.logged + strlen(driver.logged),
		       sizeof(driver.logged) - strlen(driver.logged), "%s\n", line.text);
	return true;
}

/* Bytes at the front of the buffer that the frame given out last stands on. */
static size_t held;

/* Next frame of any kind; false at the end of the link. */
static bool take(struct frame *ret_frame)
{
	struct pollfd wait_for = { .fd = driver.fd, .events = POLLIN };
	struct fault fault = { 0 };
	int result;

	evbuffer_drain(in, held < evbuffer_get_length(in) ? held : evbuffer_get_length(in));
	held = 0;
	while ((result = frame_peek(in, ret_frame, &fault)) == 0) {
		ck_assert_msg(poll(&wait_for, 1, DEADLINE_MS) == 1, "nothing came in time; log: %s",
			      driver.logged);
		if (evbuffer_read(in, driver.fd, 65536) <= 0)
			return false;
	}
	ck_assert_msg(result == 1, "%s", fault.text);
	held = FRAME_HEADER_BYTES + ret_frame->payload_size;
	return true;
}

bool driver_next(struct frame *ret_frame)
{
	while (take(ret_frame)) {
		if (!is_small_talk(ret_frame))
			return true;
	}
	return false;
}

void driver_expect_beat(void)
{
	unsigned int before = driver.beats;
	struct frame frame;

	while (driver.beats == before)
		ck_assert_msg(take(&frame) && is_small_talk(&frame), "no heartbeat; log: %s",
			      driver.logged);
}

void driver_expect(struct frame *ret_frame, enum message_type type)
{
	struct message_fault fault = { .text = "" };

	ck_assert_msg(driver_next(ret_frame), "the link ended before %s; log: %s",
		      message_name(type), driver.logged);
	if (ret_frame->type == MESSAGE_FAULT)
		(void)message_get_fault(ret_frame, &fault, NULL);
	ck_assert_msg(ret_frame->type == type, "%s instead of %s: %s",
		      message_name(ret_frame->type), message_name(type), fault.text);
}

void driver_expect_ready(void)
{
	struct declaration declaration;
	struct sandbox_layers sandbox;
	struct frame frame;

	driver_expect(&frame, MESSAGE_READY);
	ck_assert_int_eq(message_get_ready(&frame, &declaration, &sandbox, NULL), 0);
	declaration_done(&declaration);
}

/* Valid until the next frame. */
struct batch driver_expect_batch(void)
{
	struct fault fault = { 0 };
	struct frame frame;
	struct batch batch;

	driver_expect(&frame, MESSAGE_BATCH);
	ck_assert_msg(message_get_batch(&frame, driver.scratch, &batch, &fault) == 0, "%s",
		      fault.text);
	return batch;
}

void driver_expect_document(const char *name)
{
	struct message_document document;
	struct frame frame;

	driver_expect(&frame, MESSAGE_DOCUMENT);
	ck_assert_int_eq(message_get_document(&frame, &document, NULL), 0);
	ck_assert_str_eq(document.name, name);
}

void driver_expect_fault(int class_, const char *text, int code)
{
	struct message_fault fault;
	struct frame frame;

	driver_expect(&frame, MESSAGE_FAULT);
	ck_assert_int_eq(message_get_fault(&frame, &fault, NULL), 0);
	ck_assert_msg(fault.class_ == class_, "class %u: %s", fault.class_, fault.text);
	ck_assert_msg(strstr(fault.text, text) != NULL, "%s", fault.text);
	ck_assert(!driver_next(&frame));
	ck_assert_int_eq(driver_reap(), code);
}

void driver_send_committed(uint64_t batch)
{
	SEND(committed, batch);
}

void driver_send_stop(void)
{
	SEND(stop, 5000);
}

void driver_begin(const char *plugin, const char *log)
{
	driver_configure(plugin, log, NULL, 0, false);
	driver_expect_ready();
	driver_start();
}

void driver_begin_again(const char *plugin, const char *log)
{
	driver_spawn();
	driver_begin(plugin, log);
}

/* ── inputs ────────────────────────────────────────────────────────────────────────────────── */

static void write_file(const char *path, int flags, const char *text)
{
	int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);

	ck_assert_int_ge(file, 0);
	ck_assert_int_eq(write(file, text, strlen(text)), (ssize_t)strlen(text));
	close(file);
}

void driver_drop_dated(const char *name, const char *text, time_t modified)
{
	struct timespec times[2] = { { .tv_sec = modified }, { .tv_sec = modified } };
	char path[256], hidden[256];

	(void)snprintf(hidden, sizeof(hidden), "%s/.part", driver.incoming);
	(void)snprintf(path, sizeof(path), "%s/%s", driver.incoming, name);
	write_file(hidden, O_TRUNC, text);
	ck_assert_int_eq(utimensat(AT_FDCWD, hidden, times, 0), 0);
	ck_assert_int_eq(rename(hidden, path), 0);
}

void driver_drop(const char *name, const char *text)
{
	driver_drop_dated(name, text, time(NULL));
}

void driver_append(const char *text)
{
	write_file(driver.log_path, O_APPEND, text);
}

void driver_expect_stopped(void)
{
	struct frame frame;

	driver_send_stop();
	driver_expect(&frame, MESSAGE_STOPPED);
	ck_assert(!driver_next(&frame));
	ck_assert_int_eq(driver_reap(), WORKER_EXIT_STOPPED);
}
