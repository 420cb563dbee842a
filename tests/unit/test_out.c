/* SPDX-License-Identifier: MIT */
/* net/out: when records make a frame that goes. */
#include "unit.h"

#include "net/conn.h"
#include "net/in.h"
#include "net/out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/** Put NR copies of RECORD into OUT, with rising tokens. */
static void put_all(struct us_out *out, struct us_record record, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		record.token = i;
		assert_int_equal(us_out_record(out, &record), 0);
	}
}

/**
 * Read what is queued in OUT; tokens have to rise by one.
 *
 * @return how many records there are, and in NR_FRAMES frames.
 */
static uint32_t queued(const struct us_out *out, bool replies, uint32_t *nr_frames)
{
	uint32_t nr = 0;

	*nr_frames = 0;
	for (const struct us_out_frame *frame = out->first; frame != NULL; frame = frame->next) {
		struct us_record_cursor cursor = {
			.at = frame->bytes + US_FRAME_HEAD,
			.end = frame->bytes + US_FRAME_HEAD + frame->length,
			.replies = replies,
		};
		struct us_record record;

		while (us_record_next(&cursor, &record) == 1) {
			assert_int_equal(record.token, nr);
			nr++;
		}
		assert_ptr_equal(cursor.at, cursor.end);
		(*nr_frames)++;
	}
	return nr;
}

/** A sender that is out of tokens must not have to wait until its receiver has nothing else to do. */
static void test_receipts_go_early(void **state)
{
	struct us_out out;
	uint32_t nr_frames;

	(void)state;
	us_out_init(&out, US_WIRE_REPLY);
	put_all(&out, (struct us_record){.type = US_REPLY_DONE, .state = US_RESULT_DONE}, 32);
	assert_null(out.first);
	us_out_fini(&out);
	us_out_init(&out, US_WIRE_REPLY);
	put_all(&out, (struct us_record){.type = US_REPLY_DONE, .state = US_RESULT_DONE}, 1024);
	assert_in_range(queued(&out, true, &nr_frames), 1024 - 128, 1024);
	assert_in_range(nr_frames, 8, 32);
	us_out_seal(&out);
	assert_int_equal(queued(&out, true, &nr_frames), 1024);
	us_out_fini(&out);
}

/** Small files go many in a frame. */
static void test_data_go_in_large_frames(void **state)
{
	static const char contents[4096];
	struct us_record part = {.type = US_RECORD_PART, .data = contents, .length = sizeof(contents)};
	struct us_out out;
	uint32_t nr_frames;

	(void)state;
	us_out_init(&out, US_WIRE_DATA);
	put_all(&out, part, 31);
	assert_null(out.first);
	us_out_fini(&out);
	us_out_init(&out, US_WIRE_DATA);
	put_all(&out, part, 320);
	us_out_seal(&out);
	assert_int_equal(queued(&out, false, &nr_frames), 320);
	assert_int_equal(nr_frames, 10);
	assert_true(us_out_is_full(&out));
	us_out_clear(&out);
	assert_true(us_out_is_empty(&out));
	us_out_fini(&out);
}

/** Both ends of a way, and a pipe with SIZE bytes. */
struct way {
	struct us_conn *from;
	struct us_conn *to;
	struct us_out out;
	struct us_in in;
	struct us_out_pipe pipe;
	int ends[2];
};

static void way_open(struct way *way, uint32_t size)
{
	int fds[2];

	*way = (struct way){0};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(us_conn_socket(&way->from, fds[0], NULL, "from"), 0);
	assert_int_equal(us_conn_socket(&way->to, fds[1], NULL, "to"), 0);
	us_out_init(&way->out, US_WIRE_DATA);
	us_in_init(&way->in, 8);
	way->in.bare = true;
	assert_int_equal(pipe2(way->ends, O_CLOEXEC), 0);
	assert_true(fcntl(way->ends[1], F_SETPIPE_SZ, 1 << 20) >= (int)size);
	for (uint32_t i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)(i % 251);

		assert_int_equal(write(way->ends[1], &byte, 1), 1);
	}
	way->pipe.fd = way->ends[0];
}

static void way_close(struct way *way)
{
	us_out_fini(&way->out);
	us_in_fini(&way->in);
	us_conn_close(way->from);
	us_conn_close(way->to);
	close(way->ends[0]);
	close(way->ends[1]);
}

/** Queue LENGTH bytes of the pipe. */
static void put_piped(struct way *way, uint32_t token, uint32_t length)
{
	struct us_record part = {.type = US_RECORD_PART, .token = token, .length = length};

	assert_int_equal(us_out_piped(&way->out, &part, &way->pipe), 0);
}

/** Move what is queued until all of it is there. */
static void move(struct way *way)
{
	while (!us_out_is_empty(&way->out)) {
		assert_true(us_out_send(&way->out, way->from) >= 0);
		assert_true(us_in_receive(&way->in, way->to) >= 0);
	}
	assert_true(us_in_receive(&way->in, way->to) >= 0);
	assert_int_equal(way->out.queued, 0);
}

/** The next frame holds one PART of TOKEN with LENGTH bytes, the first of which are those of the pipe from AT on. */
static void take_piped(struct way *way, uint32_t token, uint32_t at, uint32_t length)
{
	struct us_in_frame *frame = us_in_take(&way->in);
	struct us_record_cursor cursor;
	struct us_record record;

	assert_non_null(frame);
	cursor = (struct us_record_cursor){.at = us_in_payload(frame), .end = us_in_payload(frame) + frame->head.length};
	assert_int_equal(us_record_next(&cursor, &record), 1);
	assert_int_equal(record.token, token);
	assert_int_equal(record.length, length);
	for (uint32_t i = 0; i < length; i++) {
		assert_int_equal(((const uint8_t *)record.data)[i], (at + i) % 251);
	}
	assert_int_equal(us_record_next(&cursor, &record), 0);
	us_in_put(frame);
}

/** Contents of a pipe arrive between others, in order, though the way is narrow. */
static void test_piped(void **state)
{
	static const char contents[1000];
	struct us_record part = {.type = US_RECORD_PART, .data = contents, .length = sizeof(contents)};
	struct way way;
	struct us_in_frame *frame;

	(void)state;
	way_open(&way, 500000);
	assert_int_equal(us_out_record(&way.out, &part), 0);
	put_piped(&way, 1, 250000);
	put_piped(&way, 2, 250000);
	assert_int_equal(us_out_record(&way.out, &part), 0);
	us_out_seal(&way.out);
	assert_int_equal(way.pipe.left, 500000);
	move(&way);
	assert_int_equal(way.pipe.left, 0);
	assert_int_equal(way.pipe.nr_frames, 2);
	assert_int_equal(way.pipe.error, 0);
	for (int i = 0; i < 2; i++) {
		frame = us_in_take(&way.in);
		assert_non_null(frame);
		us_in_put(frame);
		if (i == 0) {
			take_piped(&way, 1, 0, 250000);
			take_piped(&way, 2, 250000, 250000);
		}
	}
	assert_null(us_in_take(&way.in));
	way_close(&way);
}

/**
 * A pipe that has less than was promised: what was sent whole stays, the others are void, and what follows is taken.
 */
static void test_piped_short(void **state)
{
	struct us_record abandon = {.type = US_RECORD_ABANDON, .token = 1};
	struct way way;
	struct us_in_frame *frame;

	(void)state;
	way_open(&way, 150000);
	close(way.ends[1]);
	way.ends[1] = -1;
	put_piped(&way, 1, 100000);
	put_piped(&way, 1, 100000);
	put_piped(&way, 1, 100000);
	assert_int_equal(us_out_record(&way.out, &abandon), 0);
	us_out_seal(&way.out);
	move(&way);
	assert_int_equal(way.pipe.left, 0);
	assert_int_equal(way.pipe.nr_frames, 1);
	assert_int_equal(way.pipe.error, -EIO);
	take_piped(&way, 1, 0, 100000);
	frame = us_in_take(&way.in);
	assert_non_null(frame);
	assert_int_equal(frame->head.length, us_record_size(&abandon));
	us_in_put(frame);
	assert_null(us_in_take(&way.in));
	way_close(&way);
}

/** A pipe that goes away before its frames do, one of them half sent. */
static void test_piped_void(void **state)
{
	struct way way;

	(void)state;
	way_open(&way, 1000000);
	for (uint32_t i = 0; i < 4; i++) {
		put_piped(&way, i, 250000);
	}
	assert_true(us_out_send(&way.out, way.from) > 0);
	assert_in_range(way.pipe.left, 1, 999999);
	us_out_void(&way.out, &way.pipe);
	assert_int_equal(way.pipe.left, 0);
	move(&way);
	for (uint32_t i = 0; i < way.pipe.nr_frames; i++) {
		take_piped(&way, i, i * 250000, 250000);
	}
	assert_null(us_in_take(&way.in));
	way_close(&way);
}

/** Who has not agreed to bare frames takes none. */
static void test_bare_refused(void **state)
{
	struct way way;

	(void)state;
	way_open(&way, 1000);
	way.in.bare = false;
	put_piped(&way, 1, 1000);
	assert_true(us_out_send(&way.out, way.from) > 0);
	assert_int_equal(us_in_receive(&way.in, way.to), -EBADMSG);
	way_close(&way);
}

/** Before it is told that a connection is broken, what came on it is to be taken: that may say why. */
static void test_broken_later(void **state)
{
	struct us_wire_abort wire = {.error = -EINVAL};
	struct way way;

	(void)state;
	way_open(&way, 1);
	assert_int_equal(us_conn_write(way.to, &(struct iovec){(char[]){"unread"}, 6}, 1), 6);
	assert_int_equal(us_out_frame(&way.out, US_WIRE_ABORT, &wire, sizeof(wire)), 0);
	assert_true(us_out_send(&way.out, way.from) > 0);
	us_conn_close(way.from);
	way.from = NULL;
	assert_int_equal(us_in_receive(&way.in, way.to), US_FRAME_HEAD + sizeof(wire));
	assert_int_equal(us_in_receive(&way.in, way.to), 0);
	assert_false(way.in.ended);
	assert_false(us_in_wants(&way.in));
	us_in_put(us_in_take(&way.in));
	assert_true(us_in_wants(&way.in));
	assert_int_equal(us_in_receive(&way.in, way.to), -ECONNRESET);
	assert_int_equal(us_in_receive(&way.in, way.to), -ECONNRESET);
	way_close(&way);
}

/** Sums are left out of what they were agreed to be left out of, and of nothing else. */
static void test_unsummed(void **state)
{
	struct us_out out;
	struct us_frame head;

	(void)state;
	us_out_init(&out, US_WIRE_DATA);
	out.unsummed = true;
	put_all(&out, (struct us_record){.type = US_RECORD_ABANDON}, 3);
	assert_int_equal(us_out_frame(&out, US_WIRE_PING, NULL, 0), 0);
	assert_int_equal(us_frame_open(out.first->bytes, &head), 0);
	assert_int_equal(head.type, US_WIRE_DATA);
	assert_int_equal(head.flags, US_WIRE_UNSUMMED);
	assert_int_equal(us_frame_open(out.first->next->bytes, &head), 0);
	assert_int_equal(head.type, US_WIRE_PING);
	assert_int_equal(head.flags, 0);
	assert_int_equal(us_frame_check(&head, out.first->next->bytes + US_FRAME_HEAD), 0);
	us_out_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_receipts_go_early),
		cmocka_unit_test(test_data_go_in_large_frames),
		cmocka_unit_test(test_piped),
		cmocka_unit_test(test_piped_short),
		cmocka_unit_test(test_piped_void),
		cmocka_unit_test(test_bare_refused),
		cmocka_unit_test(test_broken_later),
		cmocka_unit_test(test_unsummed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
