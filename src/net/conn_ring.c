/* SPDX-License-Identifier: MIT */
/*
 * A connection's calls by its worker's ring, where they are handed over together with those of files:
 *
 *	         us_conn_read()        us_io_reap()             us_conn_read()
 *	IDLE ------------------> QUEUED -----------> DONE ------------------------> IDLE
 *	       answers -EAGAIN                              answers what it came to
 *
 * A ring waits by itself for the socket, so nothing is polled for meanwhile.  What it does not take is done by a plain
 * call.
 */
#include "net/conn.h"

#include "base/us.h"
#include "net/conn_layer.h"
#include "sys/io.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/** Pieces that are sent at a time; who has more comes again. */
#define PIECES 8

enum state {
	IDLE,
	QUEUED,
	DONE,
};

/** One direction. */
struct half {
	struct us_op op; /**< First, so that an op leads back to it. */
	_Atomic enum state state;
};

struct us_conn_ring {
	struct us_io *io; /**< NULL: no more is queued. */
	pthread_t owner;  /**< The ring is its alone. */
	unsigned int uses;
	struct half send;
	struct half recv;
	struct half cancel;
	struct msghdr message;
	struct iovec pieces[PIECES];
};

/** An op has come back. */
static void done(struct us_op *op, void *context)
{
	struct half *half = (struct half *)(void *)op;

	(void)context;
	half->state = DONE;
}

/** Queue what is in HALF's op.  @return false when the ring does not take it. */
static bool queue(struct us_conn_ring *ring, struct half *half)
{
	half->op.done = done;
	if (ring->io == NULL || !us_io_queue(ring->io, &half->op)) {
		return false;
	}
	half->state = QUEUED;
	return true;
}

/** What HALF's op came to, if it is done.  @return -EAGAIN when that is to be found out by a new call. */
static int take(struct half *half)
{
	int res;

	if (half->state != DONE) {
		return -EAGAIN;
	}
	res = half->op.res; /* Not before: until then it is the ring's owner that writes it. */
	half->state = IDLE;
	return res == -ECANCELED || res == -EINTR ? -EAGAIN : res;
}

/** See us_conn_calls. */
static int ring_read(struct us_conn *conn, void *buf, size_t size)
{
	struct us_conn_ring *ring = conn->ring;
	bool was_done = ring->recv.state == DONE;
	int ret = take(&ring->recv);

	conn->read_wants = 0;
	if (ret != -EAGAIN || ring->recv.state == QUEUED) {
		return ret;
	}
	ring->recv.op = (struct us_op){
		.kind = US_OP_RECV, .fd = conn->in, .buf = buf, .len = (uint32_t)us_min(size, (size_t)1 << 30)};
	if (!was_done && (ring->uses & US_CONN_RING_RECV) != 0 && queue(ring, &ring->recv)) {
		return -EAGAIN;
	}
	return us_conn_plain_calls.read(conn, buf, size);
}

/** The same. */
static int ring_write(struct us_conn *conn, const struct iovec *iov, int nr)
{
	struct us_conn_ring *ring = conn->ring;
	bool was_done = ring->send.state == DONE;
	int ret;

	if (ring->io != NULL && !pthread_equal(ring->owner, pthread_self())) {
		/* A sign of life (keepalive.h), where nothing else is on its way. */
		return ring->send.state == IDLE ? us_conn_plain_calls.write(conn, iov, nr) : -EAGAIN;
	}
	ret = take(&ring->send);
	conn->write_wants = 0;
	if (ret != -EAGAIN || ring->send.state == QUEUED) {
		return ret;
	}
	nr = us_min(nr, PIECES);
	memcpy(ring->pieces, iov, (size_t)nr * sizeof(*iov));
	ring->message = (struct msghdr){.msg_iov = ring->pieces, .msg_iovlen = (size_t)nr};
	ring->send.op = (struct us_op){.kind = US_OP_SENDMSG, .fd = conn->out, .buf = &ring->message};
	if (!was_done && (ring->uses & US_CONN_RING_SEND) != 0 && queue(ring, &ring->send)) {
		return -EAGAIN;
	}
	return us_conn_plain_calls.write(conn, iov, nr);
}

static const struct us_conn_calls ring_calls = {.read = ring_read, .write = ring_write};

int us_conn_use_ring(struct us_conn *conn, struct us_io *io)
{
	unsigned int uses = (conn->plain_send && conn->out_socket ? US_CONN_RING_SEND : 0u) |
	                    (conn->plain_recv && conn->in_socket ? US_CONN_RING_RECV : 0u);

	if (io->ring == NULL || uses == 0) {
		return 0;
	}
	pthread_mutex_lock(&conn->lock); /* The keepalive may be about to write. */
	if (conn->ring == NULL) {
		conn->ring = calloc(1, sizeof(*conn->ring));
	}
	if (conn->ring != NULL) {
		conn->ring->io = io;
		conn->ring->owner = pthread_self();
		conn->ring->uses = uses;
		conn->calls = &ring_calls;
	}
	pthread_mutex_unlock(&conn->lock);
	return conn->ring != NULL ? (int)uses : -ENOMEM;
}

/** Let HALF's op come back, if it has not; what it has moved by then it has. */
static void settle(struct us_conn_ring *ring, struct us_io *io, struct half *half)
{
	while (half->state == QUEUED || ring->cancel.state == QUEUED) {
		struct us_op *op;

		if (half->state == QUEUED && ring->cancel.state == IDLE) {
			ring->cancel.op = (struct us_op){.done = done};
			ring->cancel.state = us_io_cancel(io, &half->op, &ring->cancel.op) ? QUEUED : IDLE;
		}
		if (us_io_reap(io, &op, 1, 1) == 1) {
			op->done(op, NULL);
		}
	}
	ring->cancel.state = IDLE;
}

void us_conn_leave_ring(struct us_conn *conn)
{
	struct us_conn_ring *ring = conn->ring;
	struct us_io *io = ring != NULL ? ring->io : NULL;

	if (io != NULL) {
		pthread_mutex_lock(&conn->lock);
		ring->io = NULL;
		pthread_mutex_unlock(&conn->lock);
		settle(ring, io, &ring->recv);
		settle(ring, io, &ring->send);
	}
}

void us_conn_ring_free(struct us_conn_ring *ring)
{
	free(ring);
}
