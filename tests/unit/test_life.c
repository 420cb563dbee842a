/* SPDX-License-Identifier: MIT */
/* net/session against another side that is there, and says so or not: signs of life, and how patient each is. */
#include "scratch.h"
#include "unit.h"

#include "base/clock.h"
#include "net/conn.h"
#include "net/in.h"
#include "net/out.h"
#include "net/peer.h"

#include <usync.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/** The job under test. */
static struct usync_job *job;
static struct usync_peer *peer;
static pthread_t thread;
static atomic_bool has_ended;
static int result;

/** The other side, which this program plays. */
static struct us_conn *conn;
static struct us_out out;
static struct us_in in;

/** The note about a peer that is there and does nothing. */
static atomic_uint nr_still;

static int setup(void **state)
{
	(void)state;
	return scratch_make("mkdir src && head -c 8000000 /dev/zero >src/large");
}

static void count_note(const struct usync_event *event, void *data)
{
	(void)data;
	if (event->type == USYNC_EVENT_NOTE && strstr(event->what, "nothing has been sent or received") != NULL) {
		nr_still++;
	}
}

static void *run(void *arg)
{
	(void)arg;
	result = usync_job_run(job);
	has_ended = true;
	return NULL;
}

/** Send a frame. */
static void say(enum us_wire_type type, const void *payload, size_t size)
{
	assert_int_equal(us_out_frame(&out, type, payload, (uint32_t)size), 0);
	assert_true(us_out_send(&out, conn) >= 0);
	assert_true(us_out_is_empty(&out));
}

/**
 * Start a receiver, or a sender, that gives up after SECONDS of silence, and say hello: the SIZE first bytes, with
 * PATIENCE.
 */
static void begin(bool receives, unsigned int seconds, uint32_t patience, size_t size)
{
	struct usync_options options = {.version = USYNC_OPTIONS_VERSION, .event = count_note};
	struct us_wire_hello hello = {.magic = US_WIRE_MAGIC, .version_min = 1, .version_max = 1, .connections = 1, .tokens = 64,
	                              .role = receives ? US_WIRE_SENDER : US_WIRE_RECEIVER, .patience = patience};
	const char *path = in_scratch(receives ? "dst" : "src");
	int fds[2];

	assert_int_equal(us_peer_new(&peer, receives, "peer", seconds * UINT64_C(1000000000)), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	peer->nr = 1;
	assert_int_equal(us_conn_socket(&peer->conns[0], fds[0], NULL, "peer"), 0);
	assert_int_equal(us_conn_socket(&conn, fds[1], NULL, "job"), 0);
	us_out_init(&out, US_WIRE_DATA);
	us_in_init(&in, 4);
	if (receives) {
		assert_int_equal(usync_job_new_recv(&job, &options, peer, path), 0);
	} else {
		assert_int_equal(usync_job_new_send(&job, &options, &path, 1, peer), 0);
	}
	nr_still = 0;
	has_ended = false;
	assert_int_equal(pthread_create(&thread, NULL, run, NULL), 0);
	say(US_WIRE_HELLO, &hello, size);
}

/** Begin as far as to where contents may come. */
static void begin_contents(bool receives, unsigned int seconds, size_t size)
{
	struct us_record root = {.type = US_RECORD_DIR, .id = 1, .meta.mode = S_IFDIR | 0755, .name = ""};
	struct us_wire_start start = {.keep = USYNC_KEEP_DEFAULT};
	struct us_wire_started started = {.is_new = 1};
	uint8_t payload[512];

	begin(receives, seconds, 0, size);
	if (!receives) {
		say(US_WIRE_STARTED, &started, sizeof(started));
		return;
	}
	memcpy(payload, &start, sizeof(start));
	us_record_put(payload + sizeof(start), &root);
	say(US_WIRE_START, payload, sizeof(start) + us_record_size(&root));
}

/** Hang up, and expect that the job has failed for the reason TEXT, and not before. */
static void end(const char *text)
{
	assert_false(has_ended);
	shutdown(us_conn_fd(conn, POLLOUT), SHUT_WR);
	pthread_join(thread, NULL);
	assert_true(result < 0);
	assert_non_null(strstr(usync_job_error(job), text));
	usync_job_free(job);
	us_peer_free(peer);
	us_out_fini(&out);
	us_in_fini(&in);
	us_conn_close(conn);
	assert_int_equal(shell("rm -rf dst"), 0);
}

/** Who takes nothing and does nothing but still gives signs of life is no reason to stop, and the user is told. */
static void test_only_pings(void **state)
{
	(void)state;
	for (int receives = 0; receives < 2; receives++) {
		unsigned int longer = 10;

		begin_contents(receives == 1, 2, sizeof(struct us_wire_hello));
		for (unsigned int i = 0; i < 600 && (nr_still == 0 || longer-- > 0); i++) {
			say(US_WIRE_PING, NULL, 0);
			usleep(100000);
		}
		assert_int_equal(nr_still, 1);
		end("closed by the other side");
	}
}

/** Wait until NR signs of life have come, and give as many. */
static void exchange(uint64_t nr)
{
	struct us_net_wait wait = {.deadline_ns = us_clock_ns() + UINT64_C(60000000000), .stop_fd = -1};

	while (in.pings < nr) {
		uint64_t before = in.pings;

		assert_true(us_in_receive(&in, conn) >= 0);
		for (; before < in.pings; before++) {
			say(US_WIRE_PING, NULL, 0);
		}
		for (struct us_in_frame *frame; (frame = us_in_take(&in)) != NULL;) {
			us_in_put(frame);
		}
		if (in.pings < nr) {
			assert_int_equal(us_conn_wait(conn, POLLIN, &wait), 0);
		}
	}
}

/**
 * It is the more impatient side that says how often there are signs of life; but for one that cries for more than is
 * good.
 */
static void test_patience(void **state)
{
	static const struct {
		uint32_t patience; /**< Of the other side, in milliseconds. */
		unsigned int seconds; /**< The job's. */
		uint64_t signs;
	} rows[] = {{600, 3600, 4}, {1, 3600, 5}, {UINT32_MAX, 3, 1}, {0, 3, 1}};

	(void)state;
	for (unsigned int i = 0; i < 2 * unit_nr(rows); i++) {
		uint64_t before = us_clock_ns();

		begin(i % 2 == 0, rows[i / 2].seconds, rows[i / 2].patience, sizeof(struct us_wire_hello));
		exchange(rows[i / 2].signs);
		/* No more than 20 a second, and not only each 5 minutes. */
		assert_in_range(us_clock_ns() - before, 200000000, UINT64_C(60000000000));
		end("peer: receive: Connection reset");
	}
}

/** One that says nothing of its patience. */
static void test_brief(void **state)
{
	(void)state;
	for (int receives = 0; receives < 2; receives++) {
		begin_contents(receives == 1, 3, US_WIRE_HELLO_MIN);
		exchange(1);
		end("closed by the other side");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_pings),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_brief),
	};

	return cmocka_run_group_tests(tests, setup, scratch_remove);
}
