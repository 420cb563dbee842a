/* SPDX-License-Identifier: MIT */
/* net/out and net/in with a keepalive beside the one who sends. */
#include "unit.h"

#include "base/us.h"
#include "net/conn.h"
#include "net/in.h"
#include "net/out.h"
#include "net/secret.h"
#include "net/tls.h"
#include "sys/io.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOUR_NS UINT64_C(3600000000000)

static struct us_conn *conns[2];
static struct us_tls *tls[2];
static struct us_secret secret;
static struct us_out out;
static struct us_in in;

/** Two connected ends, what is sent at the first one and received at the second. */
static int setup(void **state)
{
	int fds[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
		return -1;
	}
	us_out_init(&out, US_WIRE_DATA);
	us_in_init(&in, 4);
	return us_conn_socket(&conns[0], fds[0], NULL, "sender") < 0 || us_conn_socket(&conns[1], fds[1], NULL, "receiver") < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	us_out_fini(&out);
	us_in_fini(&in);
	for (int i = 0; i < 2; i++) {
		us_conn_close(conns[i]);
		us_tls_free(tls[i]);
		conns[i] = NULL;
		tls[i] = NULL;
	}
	return 0;
}

/** Put an ABANDON of TOKEN, or what is left of that number. */
static void put(uint32_t token)
{
	assert_int_equal(us_out_record(&out, &(struct us_record){.type = US_RECORD_ABANDON, .token = token % US_WIRE_TOKENS_MAX}), 0);
}

/** Take all that has come. @return records; the next one has the token TOKEN, and those behind it count on. */
static uint32_t take(uint32_t token)
{
	uint32_t nr = 0;
	struct us_in_frame *frame;

	while ((frame = us_in_take(&in)) != NULL) {
		struct us_record_cursor cursor = {us_in_payload(frame), us_in_payload(frame) + frame->head.length, false};
		struct us_record record;
		int ret;

		assert_int_equal(frame->head.type, US_WIRE_DATA);
		while ((ret = us_record_next(&cursor, &record)) > 0) {
			assert_int_equal(record.token, (token + nr) % US_WIRE_TOKENS_MAX);
			nr++;
		}
		assert_int_equal(ret, 0);
		us_in_put(frame);
	}
	return nr;
}

/** Where nothing was sent for long enough there is a PING, which is for no one to take; else there is none. */
static void test_ping(void **state)
{
	(void)state;
	assert_in_range(us_out_keep_alive(&out, conns[0], HOUR_NS, false), HOUR_NS / 2, HOUR_NS);
	assert_int_equal(us_in_receive(&in, conns[1]), 0);
	assert_int_equal(us_out_keep_alive(&out, conns[0], 0, false), 0);
	assert_int_equal(us_in_receive(&in, conns[1]), US_FRAME_HEAD);
	assert_int_equal(in.pings, 1);
	assert_true(us_in_is_empty(&in));
	assert_true(us_out_is_empty(&out));
	for (uint32_t i = 0; i < 100; i++) {
		us_out_keep_alive(&out, conns[0], 0, false);
	}
	assert_int_equal(us_in_receive(&in, conns[1]), 100 * US_FRAME_HEAD);
	assert_int_equal(in.pings, 101);
	assert_int_equal(in.nr, 1);
}

/** What is queued goes in its place, also what no one has let go yet. */
static void test_queued(void **state)
{
	(void)state;
	put(0);
	put(1);
	us_out_keep_alive(&out, conns[0], 0, false);
	us_out_seal(&out);
	assert_true(us_in_receive(&in, conns[1]) > 0);
	assert_int_equal(take(0), 2);
	put(2);
	us_out_seal(&out);
	us_out_keep_alive(&out, conns[0], 0, false);
	assert_true(us_in_receive(&in, conns[1]) > 0);
	assert_int_equal(take(2), 1);
	assert_int_equal(in.pings, 1);
}

/** A frame that the other side has taken a part of is gone on with, and nothing comes in its middle. */
static void test_middle(void **state)
{
	uint32_t sent = 0;
	uint32_t taken = 0;

	(void)state;
	while (!us_out_is_full(&out)) {
		put(sent++);
	}
	us_out_seal(&out);
	assert_true(us_out_send(&out, conns[0]) > 0);
	assert_false(us_out_is_sent(&out));
	assert_false(us_out_is_stuck(&out, 0, 0));
	assert_true(us_out_is_stuck(&out, UINT64_MAX, 1));
	while (!us_out_is_sent(&out)) {
		us_out_keep_alive(&out, conns[0], 0, false);
		(void)us_in_receive(&in, conns[1]);
		taken += take(taken);
	}
	us_out_keep_alive(&out, conns[0], 0, false);
	while (us_in_receive(&in, conns[1]) > 0) {
		taken += take(taken);
	}
	assert_int_equal(taken, sent);
	assert_int_equal(in.pings, 1);
	assert_false(us_out_is_stuck(&out, UINT64_MAX, 1));
}

/** Behind an END there is none, unless that is wanted; behind an ABORT never. */
static void test_over(void **state)
{
	struct us_wire_end end = {0};
	struct us_wire_abort stop = {0};

	(void)state;
	assert_int_equal(us_out_frame(&out, US_WIRE_END, &end, sizeof(end)), 0);
	us_out_keep_alive(&out, conns[0], 0, false);
	assert_true(us_out_is_empty(&out));
	us_out_keep_alive(&out, conns[0], 0, false);
	us_out_keep_alive(&out, conns[0], 0, true);
	us_out_keep_alive(&out, conns[0], 0, true);
	assert_int_equal(us_in_receive(&in, conns[1]), sizeof(end) + 3 * US_FRAME_HEAD);
	assert_int_equal(in.pings, 2);
	assert_int_equal(us_out_frame(&out, US_WIRE_ABORT, &stop, sizeof(stop)), 0);
	us_out_keep_alive(&out, conns[0], 0, true);
	us_out_keep_alive(&out, conns[0], 0, true);
	assert_int_equal(us_in_receive(&in, conns[1]), sizeof(stop) + US_FRAME_HEAD);
	assert_int_equal(in.pings, 2);
	us_in_put(us_in_take(&in));
	us_in_put(us_in_take(&in));
}

/** A failure that the keepalive met is found by who sends, even with nothing to send. */
static void test_failure(void **state)
{
	(void)state;
	us_conn_close(conns[1]);
	conns[1] = NULL;
	us_out_keep_alive(&out, conns[0], 0, false);
	assert_int_equal(us_out_send(&out, conns[0]), -EPIPE);
	us_out_clear(&out);
	us_out_keep_alive(&out, conns[0], 0, false);
	assert_int_equal(us_out_send(&out, conns[0]), -EPIPE);
}

static atomic_bool is_over;

/** A keepalive that has nothing else to do. */
static void *keep(void *arg)
{
	(void)arg;
	while (!atomic_load(&is_over)) {
		us_out_keep_alive(&out, conns[0], 0, false);
	}
	return NULL;
}

/** Let what has come back by the ring of IO go on. */
static void reap(struct us_io *io)
{
	struct us_op *ops[4];
	unsigned int nr = us_io_reap(io, ops, unit_nr(ops), 0);

	for (unsigned int i = 0; i < nr; i++) {
		ops[i]->done(ops[i], NULL);
	}
}

/** Send and receive RECORDS beside it; with IO by its ring, which is left and used again while things are in flight. */
static void move(uint32_t records, struct us_io *io)
{
	uint32_t rounds = 0;
	uint32_t sent = 0;
	uint32_t taken = 0;
	pthread_t thread;

	atomic_store(&is_over, false);
	assert_int_equal(pthread_create(&thread, NULL, keep, NULL), 0);
	while (taken < records || in.pings == 0) { /* The keepalive has its turn at some time. */
		for (uint32_t i = 0; i < 1 + sent % 977 && sent < records && !us_out_is_full(&out); i++) {
			put(sent++);
		}
		us_out_seal(&out);
		if (io != NULL && rounds++ % 7 == 0) {
			us_conn_leave_ring(conns[0]);
			assert_true(us_conn_use_ring(conns[0], io) > 0);
		}
		assert_true(us_out_send(&out, conns[0]) >= 0);
		/* What has come the other way is looked for at that end, too: with TLS that is the same state. */
		assert_int_equal(us_conn_read(conns[0], (char[1]){0}, 1), -EAGAIN);
		assert_true(us_in_receive(&in, conns[1]) >= 0);
		taken += take(taken);
		if (io != NULL) {
			reap(io);
		}
	}
	if (io != NULL) {
		us_conn_leave_ring(conns[0]);
	}
	atomic_store(&is_over, true);
	pthread_join(thread, NULL);
	assert_int_equal(taken, records);
}

/** Two threads at one connection: each record arrives once and in order, whatever comes between the frames. */
static void test_beside(void **state)
{
	(void)state;
	move(200000, NULL);
}

/** The same under TLS, where reading and writing have one state. */
static void test_beside_tls(void **state)
{
	char text[US_SECRET_MADE + 1];
	char why[US_NET_TEXT_MAX];
	int ret[2] = {-EAGAIN, -EAGAIN};

	(void)state;
	assert_int_equal(us_secret_make(text), 0);
	assert_int_equal(us_secret_init(&secret, text, US_SECRET_MADE, why), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(us_tls_new(&tls[i], &secret, i == 1, US_KTLS_OFF, why), 0);
		assert_int_equal(us_tls_begin(conns[i], tls[i]), 0);
	}
	for (int i = 0; i < 20 && (ret[0] != 0 || ret[1] != 0); i++) {
		ret[i % 2] = us_conn_handshake(conns[i % 2]);
	}
	assert_int_equal(ret[0] | ret[1], 0);
	move(200000, NULL);
}

/**
 * The same by a ring, which is the sender's alone: the keepalive neither uses it nor takes what it answers for its own.
 */
static void test_beside_ring(void **state)
{
	struct us_io io;

	(void)state;
	us_io_init(&io, US_IO_AUTO, 8);
	if (io.ring == NULL) {
		us_io_fini(&io);
		skip();
	}
	move(200000, &io);
	us_io_fini(&io);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ping, setup, teardown),
		cmocka_unit_test_setup_teardown(test_queued, setup, teardown),
		cmocka_unit_test_setup_teardown(test_middle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_beside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_beside_tls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_beside_ring, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
