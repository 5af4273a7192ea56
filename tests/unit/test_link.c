/* SPDX-License-Identifier: MIT
 *
 * test_link.c - two ends of a link over a socket pair in one loop; every wait ends at a deadline.
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "clock.h"
#include "link.h"

#define DEADLINE_S 10

struct end {
	struct link *link;
	unsigned int frames, closed, drained;
	uint32_t generation; /* of the last frame */
	uint64_t sequence, batch;
	struct fault fault;
	bool refuse, free_in_handler, inside;
	unsigned int slow_us; /* it takes so long over a frame */
};

static struct event_base *base;
static struct end master, worker;
static int raw; /* the worker's end of the pair, when there is no link on it */

static int on_frame(void *context, const struct frame *frame, struct fault *fault)
{
	struct end *end = context;

	ck_assert(!end->inside);
	end->inside = true;
	end->frames++;
	end->generation = frame->generation;
	end->sequence = frame->sequence;
	if (frame->type == MESSAGE_COMMITTED)
		ck_assert_int_eq(message_get_committed(frame, &end->batch, fault), 0);
	for (int64_t until = clock_monotonic_us() + end->slow_us; clock_monotonic_us() < until;)
		continue;
	end->inside = false;
	if (end->free_in_handler)
		end->link = link_free(end->link);
	return end->refuse ? fault_set(fault, FAULT_PROTOCOL, "not now") : 0;
}

static void on_closed(void *context, const struct fault *fault)
{
	struct end *end = context;

	end->closed++;
	end->fault = *fault;
}

static void on_drained(void *context)
{
	struct end *end = context;

	end->drained++;
}

static const struct link_events events = { .frame = on_frame,
					   .closed = on_closed,
					   .drained = on_drained };

static void set_up_with(bool with_worker)
{
	int fds[2];

	(void)signal(SIGPIPE, SIG_IGN);
	memset(&master, 0, sizeof(master));
	memset(&worker, 0, sizeof(worker));
	base = event_base_new();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	master.link = link_new(base, fds[0], 5, true, &events, &master);
	ck_assert_ptr_nonnull(master.link);
	raw = fds[1];
	if (with_worker) {
		worker.link = link_new(base, fds[1], 0, false, &events, &worker);
		ck_assert_ptr_nonnull(worker.link);
	}
}

static void set_up(void)
{
	set_up_with(true);
}

static void set_up_raw(void)
{
	set_up_with(false);
}

static void tear_down(void)
{
	link_free(master.link);
	link_free(worker.link);
	event_base_free(base);
}

static void give_up(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	ck_abort_msg("nothing happened: %s", (const char *)context);
}

/* Runs the loop until *counter is at least this. */
static void run_until(const unsigned int *counter, unsigned int value, const char *what)
{
	struct timeval deadline = { .tv_sec = DEADLINE_S };
	struct event *timer = event_new(base, -1, 0, give_up, (void *)what);

	event_add(timer, &deadline);
	while (*counter < value)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(timer);
}

static void send_committed(struct end *end, uint64_t batch)
{
	ck_assert_int_eq(
		message_put_committed(link_output(end->link), link_header(end->link), batch), 0);
}

START_TEST(frames_arrive_in_order_and_numbered)
{
	for (uint64_t i = 1; i <= 100; i++)
		send_committed(&master, i);
	run_until(&worker.frames, 100, "100 frames");
	ck_assert_uint_eq(worker.batch, 100);
	ck_assert_uint_eq(worker.sequence, 100);
	ck_assert_uint_eq(worker.generation, 5);
}
END_TEST

START_TEST(a_worker_answers_with_the_generation_it_was_given)
{
	send_committed(&master, 1);
	run_until(&worker.frames, 1, "the first frame");
	send_committed(&worker, 2);
	run_until(&master.frames, 1, "the answer");
	ck_assert_uint_eq(master.generation, 5);
}
END_TEST

START_TEST(main_drops_frames_of_another_generation)
{
	struct message_header old = { .generation = 4, .sequence = 1 };

	ck_assert_int_eq(message_put_committed(link_output(worker.link), old, 1), 0);
	send_committed(&master, 1);
	run_until(&worker.frames, 1, "the generation");
	send_committed(&worker, 7);
	run_until(&master.frames, 1, "the frame of this generation");
	ck_assert_uint_eq(master.batch, 7);
	ck_assert_uint_eq(master.closed, 0);
}
END_TEST

START_TEST(garbage_closes_the_link_once)
{
	static const char garbage[64] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

	ck_assert_int_eq(write(raw, garbage, sizeof(garbage)), sizeof(garbage));
	ck_assert_int_eq(write(raw, garbage, sizeof(garbage)), sizeof(garbage));
	run_until(&master.closed, 1, "the end of the link");
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(master.closed, 1);
	ck_assert_uint_eq(master.frames, 0);
	ck_assert_int_eq(master.fault.kind, FAULT_PROTOCOL);
	close(raw);
}
END_TEST

START_TEST(an_end_of_the_peer_is_no_fault)
{
	close(raw);
	run_until(&master.closed, 1, "the end of the link");
	ck_assert_int_eq(master.fault.kind, FAULT_NONE);
}
END_TEST

START_TEST(a_peer_killed_in_mid_frame_is_no_fault)
{
	ck_assert_int_eq(write(raw, "\x74\x53\x01", 3), 3);
	close(raw);
	run_until(&master.closed, 1, "the end of the link");
	ck_assert_int_eq(master.fault.kind, FAULT_NONE);
	ck_assert_uint_eq(master.closed, 1);
}
END_TEST

START_TEST(a_handler_that_refuses_closes_the_link)
{
	worker.refuse = true;
	send_committed(&master, 1);
	send_committed(&master, 2);
	run_until(&worker.closed, 1, "the end of the link");
	ck_assert_uint_eq(worker.frames, 1);
	ck_assert_str_eq(worker.fault.text, "not now");
}
END_TEST

START_TEST(a_handler_may_free_its_link)
{
	worker.free_in_handler = true;
	send_committed(&master, 1);
	send_committed(&master, 2);
	run_until(&worker.frames, 1, "a frame");
	run_until(&master.closed, 1, "the end of the link");
	ck_assert_uint_eq(worker.frames, 1);
	ck_assert_uint_eq(worker.closed, 0);
}
END_TEST

START_TEST(what_was_sent_before_the_end_is_heard)
{
	send_committed(&master, 1);
	run_until(&worker.frames, 1, "the generation");
	send_committed(&worker, 3);
	ck_assert_int_eq(link_flush(worker.link, 1000), 0);
	ck_assert_uint_eq(link_pending_bytes(worker.link), 0);
	worker.link = link_free(worker.link);
	run_until(&master.closed, 1, "the end of the link");
	ck_assert_uint_eq(master.batch, 3);
	ck_assert_int_eq(master.fault.kind, FAULT_NONE);
}
END_TEST

START_TEST(a_flush_to_one_who_does_not_read_gives_up)
{
	struct batch big = {
		.number = 1,
		.release = { .name = "a", .dataset = "", .url = "", .published_at_ms = 1 }
	};
	static struct batch_observation observations[BATCH_OBSERVATIONS_MAX];
	static const struct batch_series series = { .metric = 0 };

	big.series = &series;
	big.series_count = 1;
	for (size_t i = 0; i < BATCH_OBSERVATIONS_MAX; i++)
		observations[i].status = STRAIT_FINAL;
	big.observations = observations;
	big.observation_count = BATCH_OBSERVATIONS_MAX;
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(
			message_put_batch(link_output(master.link), link_header(master.link), &big),
			0);
	ck_assert_int_lt(link_flush(master.link, 50), 0);
	ck_assert_uint_gt(link_pending_bytes(master.link), 0);
	close(raw);
}
END_TEST

START_TEST(a_flood_stops_at_the_high_mark)
{
	static const unsigned char header[FRAME_HEADER_BYTES] = { 0x74, 0x53, 1, 99, 0,
								  0,	0x10, 0, 5 };
	static unsigned char block[65536];
	size_t taken = 0;
	ssize_t wrote;

	/* One frame of 1 MiB without its last byte: nothing can be handled, and no more than it may
	 * be read. */
	ck_assert_int_eq(fcntl(raw, F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(write(raw, header, sizeof(header)), sizeof(header));
	for (int turn = 0; turn < 200; turn++) {
		size_t left = FRAME_MAX_BYTES - 1 - taken;

		wrote = left ? write(raw, block, left < sizeof(block) ? left : sizeof(block)) : 0;
		taken += wrote > 0 ? (size_t)wrote : 0;
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	ck_assert_uint_eq(taken, FRAME_MAX_BYTES - 1);
	ck_assert_uint_eq(master.frames, 0);
	ck_assert_int_eq(write(raw, block, 1), 1);
	master.free_in_handler = true; /* so that nothing more is read */
	run_until(&master.frames, 1, "the great frame");
	close(raw);
}
END_TEST

/* ── turns ─────────────────────────────────────────────────────────────────────────────────── */

#define FLOOD_FRAMES 1000u

/* Small ones, written at once by a peer that waits for nothing. */
static void flood(void)
{
	static const unsigned char frame[FRAME_HEADER_BYTES] = { 0x74, 0x53, 1, 99, 0, 0, 0, 0, 5 };
	static unsigned char frames[FLOOD_FRAMES * FRAME_HEADER_BYTES];

	for (size_t i = 0; i < FLOOD_FRAMES; i++)
		memcpy(frames + i * sizeof(frame), frame, sizeof(frame));
	ck_assert_int_eq(write(raw, frames, sizeof(frames)), sizeof(frames));
}

/* Turns of the loop until all of the flood is there; most: frames in one of them. */
static unsigned int count_turns(unsigned int *ret_most)
{
	unsigned int turns = 0;

	for (*ret_most = 0; master.frames < FLOOD_FRAMES; turns++) {
		unsigned int before = master.frames;

		ck_assert_uint_le(turns, 100 * FLOOD_FRAMES);
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		if (master.frames - before > *ret_most)
			*ret_most = master.frames - before;
	}
	return turns;
}

START_TEST(a_flood_of_small_frames_is_handled_a_few_a_turn)
{
	unsigned int most;

	flood();
	ck_assert_uint_ge(count_turns(&most), FLOOD_FRAMES / LINK_TURN_FRAMES);
	ck_assert_uint_le(most, LINK_TURN_FRAMES);
	ck_assert_uint_eq(master.closed, 0);
	close(raw);
}
END_TEST

START_TEST(after_a_slow_frame_the_others_have_their_turn)
{
	unsigned int most;

	master.slow_us = LINK_TURN_US;
	flood();
	(void)count_turns(&most);
	ck_assert_uint_eq(most, 1);
	close(raw);
}
END_TEST

START_TEST(all_of_a_flood_is_heard_before_its_end)
{
	flood();
	close(raw);
	run_until(&master.closed, 1, "the end of the link");
	ck_assert_uint_eq(master.frames, FLOOD_FRAMES);
	ck_assert_int_eq(master.fault.kind, FAULT_NONE);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(master.closed, 1);
}
END_TEST

START_TEST(a_link_is_freed_with_frames_left_over)
{
	flood();
	while (master.frames == 0)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_lt(master.frames, FLOOD_FRAMES);
	master.link = link_free(master.link);
	event_base_loop(base, EVLOOP_NONBLOCK);
	close(raw);
}
END_TEST

START_TEST(drained_is_told_when_all_is_written)
{
	send_committed(&master, 1);
	ck_assert_uint_gt(link_pending_bytes(master.link), 0);
	run_until(&master.drained, 1, "drained");
	ck_assert_uint_eq(link_pending_bytes(master.link), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("link");
	TCase *both = tcase_create("both"), *one = tcase_create("one");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(both, set_up, tear_down);
	tcase_add_test(both, frames_arrive_in_order_and_numbered);
	tcase_add_test(both, a_worker_answers_with_the_generation_it_was_given);
	tcase_add_test(both, main_drops_frames_of_another_generation);
	tcase_add_test(both, a_handler_that_refuses_closes_the_link);
	tcase_add_test(both, a_handler_may_free_its_link);
	tcase_add_test(both, what_was_sent_before_the_end_is_heard);
	tcase_add_test(both, drained_is_told_when_all_is_written);
	suite_add_tcase(suite, both);
	tcase_add_checked_fixture(one, set_up_raw, tear_down);
	tcase_add_test(one, garbage_closes_the_link_once);
	tcase_add_test(one, an_end_of_the_peer_is_no_fault);
	tcase_add_test(one, a_peer_killed_in_mid_frame_is_no_fault);
	tcase_add_test(one, a_flush_to_one_who_does_not_read_gives_up);
	tcase_add_test(one, a_flood_stops_at_the_high_mark);
	tcase_add_test(one, a_flood_of_small_frames_is_handled_a_few_a_turn);
	tcase_add_test(one, after_a_slow_frame_the_others_have_their_turn);
	tcase_add_test(one, all_of_a_flood_is_heard_before_its_end);
	tcase_add_test(one, a_link_is_freed_with_frames_left_over);
	suite_add_tcase(suite, one);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
