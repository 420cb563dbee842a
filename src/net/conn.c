/* SPDX-License-Identifier: MIT */
/*
 * The stream itself, and the way through a layer.
 *
 *	us_conn_read ── layer->read ──┐
 *	             └───────────────-┴─ us_conn_raw_read ─┬─ recv(2) or read(2)
 *	                                                   └─ a ring (conn_ring.c)
 *
 * A call that answers -EAGAIN leaves in read_wants or write_wants what it waits for; any other answer clears that.
 */
#include "net/conn.h"

#include "base/clock.h"
#include "base/us.h"
#include "net/address.h"
#include "net/conn_layer.h"
#include "sys/call.h"
#include "sys/sock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** A connection of two descriptors. */
static int conn_new(struct us_conn **conn, int in, int out, const char *name)
{
	struct us_conn *new = calloc(1, sizeof(*new));

	if (new == NULL) {
		return -ENOMEM;
	}
	*new = (struct us_conn){
		.in = in, .out = out, .plain_send = true, .plain_recv = true, .calls = &us_conn_plain_calls};
	new->in_socket = us_is_socket(in);
	new->out_socket = in == out ? new->in_socket : us_is_socket(out);
	snprintf(new->name, sizeof(new->name), "%s", name);
	pthread_mutex_init(&new->lock, NULL);
	*conn = new;
	return 0;
}

int us_conn_socket(struct us_conn **conn, int fd, const struct sockaddr_storage *address, const char *name)
{
	char text[US_CONN_NAME_MAX];
	int ret;

	if (address != NULL) {
		us_address_text(text, address);
		name = text;
	}
	ret = us_set_nonblocking(fd, true);
	if (ret >= 0) {
		ret = conn_new(conn, fd, fd, name);
	}
	if (ret < 0) {
		us_close(fd);
		return ret;
	}
	(*conn)->owned = true;
	/* Frames are put together before they are sent, so Nagle's waiting gains nothing.  Not TCP: no such options. */
	us_sock_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	/* A peer that is gone without a word (half-open) is found in two minutes, whatever lies above. */
	us_sock_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	us_sock_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
	us_sock_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
	us_sock_set(fd, IPPROTO_TCP, TCP_KEEPCNT, 6);
	return 0;
}

int us_conn_stdio(struct us_conn **conn, int in, int out, const char *name)
{
	struct us_conn *new;
	int ret = conn_new(&new, in, out, name);

	if (ret < 0) {
		return ret;
	}
	ret = us_set_nonblocking(in, true);
	if (ret >= 0) {
		new->in_blocked = ret > 0;
		ret = in != out ? us_set_nonblocking(out, true) : 0;
		new->out_blocked = ret > 0;
	}
	if (ret < 0) {
		us_conn_close(new);
		return ret;
	}
	*conn = new;
	return 0;
}

void us_conn_set_layer(struct us_conn *conn, const struct us_conn_layer *layer, void *state)
{
	conn->layer = layer;
	conn->state = state;
	conn->shaken = false;
}

int us_conn_fail(struct us_conn *conn, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(conn->why, sizeof(conn->why), format, args);
	va_end(args);
	return error;
}

/** See us_conn_calls. */
static int plain_read(struct us_conn *conn, void *buf, size_t size)
{
	int ret = us_stream_read(conn->in, conn->in_socket, buf, size);

	conn->read_wants = ret == -EAGAIN ? POLLIN : 0;
	return ret;
}

/** The same. */
static int plain_write(struct us_conn *conn, const struct iovec *iov, int nr)
{
	int ret = us_stream_write(conn->out, conn->out_socket, iov, nr);

	conn->write_wants = ret == -EAGAIN ? POLLOUT : 0;
	return ret;
}

const struct us_conn_calls us_conn_plain_calls = {.read = plain_read, .write = plain_write};

int us_conn_raw_read(struct us_conn *conn, void *buf, size_t size)
{
	return conn->calls->read(conn, buf, size);
}

int us_conn_raw_write(struct us_conn *conn, const struct iovec *iov, int nr)
{
	return conn->calls->write(conn, iov, nr);
}

int us_conn_handshake(struct us_conn *conn)
{
	int ret;

	if (conn->layer == NULL || conn->shaken) {
		return 0;
	}
	ret = conn->layer->handshake(conn->state, conn);
	if (ret != -EAGAIN) {
		conn->read_wants = 0;
		conn->write_wants = 0;
	}
	if (ret < 0 && ret != -EAGAIN && conn->why[0] == '\0') {
		us_conn_fail(conn, ret, "%s", strerror(-ret));
	}
	conn->shaken = ret == 0;
	return ret;
}

int us_conn_handshake_wait(struct us_conn *conn, const struct us_net_wait *wait)
{
	for (;;) {
		int ret = us_conn_handshake(conn);

		if (ret != -EAGAIN) {
			return ret;
		}
		ret = us_conn_wait(conn, 0, wait);
		if (ret == -ETIMEDOUT) {
			return us_conn_fail(conn, ret, "the other side does not answer");
		}
		if (ret < 0) {
			return us_conn_fail(conn, ret, "%s", strerror(-ret));
		}
	}
}

int us_conn_read(struct us_conn *conn, void *buf, size_t size)
{
	int ret;

	pthread_mutex_lock(&conn->lock);
	if (conn->layer != NULL && conn->layer->read != NULL) {
		ret = conn->layer->read(conn->state, conn, buf, us_min(size, (size_t)1 << 30));
	} else {
		ret = us_conn_raw_read(conn, buf, size);
	}
	pthread_mutex_unlock(&conn->lock);
	return ret;
}

/**
 * A write came to RET.  What was spliced before it TCP may hold back for more to follow, which has no room then: for
 * ever with kernel TLS between, where Linux 6.1 gives TCP whole records with MSG_SENDPAGE_NOTLAST and waits for room
 * before the one that ends that.
 */
static void let_go(struct us_conn *conn, int ret)
{
	if (ret == -EAGAIN && conn->is_held && conn->out_socket) {
		/* It is set: setting it again sends what is held (tcp(7)). */
		us_sock_set(conn->out, IPPROTO_TCP, TCP_NODELAY, 1);
	}
}

int us_conn_write(struct us_conn *conn, const struct iovec *iov, int nr)
{
	int ret;

	pthread_mutex_lock(&conn->lock);
	if (conn->layer != NULL && conn->layer->write != NULL) {
		ret = conn->layer->write(conn->state, conn, iov, nr);
	} else {
		ret = us_conn_raw_write(conn, iov, nr);
	}
	let_go(conn, ret);
	conn->is_held = conn->is_held && ret < 0;
	pthread_mutex_unlock(&conn->lock);
	return ret;
}

int us_conn_splice(struct us_conn *conn, int pipe, size_t size)
{
	int ret = conn->plain_send ? us_stream_splice(pipe, conn->out, size) : -EINVAL;

	/* Not under the lock meanwhile, for it may wait for a disk; who writes is one at a time in any case (out.h). */
	pthread_mutex_lock(&conn->lock);
	conn->write_wants = ret == -EAGAIN ? POLLOUT : 0;
	let_go(conn, ret);
	conn->is_held = conn->is_held || ret > 0;
	pthread_mutex_unlock(&conn->lock);
	return ret;
}

int us_conn_finish(struct us_conn *conn)
{
	if (conn->layer != NULL && conn->layer->finish != NULL) {
		int ret = conn->layer->finish(conn->state, conn);

		if (ret < 0) {
			return ret;
		}
	}
	conn->write_wants = 0;
	/* A pipe's end is told by its close. */
	return conn->out_socket ? us_sock_shutdown(conn->out) : 0;
}

int us_conn_events(struct us_conn *conn)
{
	int events;

	pthread_mutex_lock(&conn->lock);
	events = conn->read_wants | conn->write_wants;
	pthread_mutex_unlock(&conn->lock);
	return events;
}

int us_conn_fd(const struct us_conn *conn, int which)
{
	return which == POLLOUT ? conn->out : conn->in;
}

bool us_conn_pending(const struct us_conn *conn)
{
	return conn->read_wants == 0 && conn->layer != NULL && conn->layer->pending != NULL &&
	       conn->layer->pending(conn->state);
}

int us_conn_wait(struct us_conn *conn, int events, const struct us_net_wait *wait)
{
	struct pollfd fds[3];
	unsigned int nr = 0;
	int ret;

	events = events != 0 ? events : us_conn_events(conn);
	fds[nr++] = (struct pollfd){.fd = wait->stop_fd, .events = POLLIN}; /* A negative one is left out by poll(2). */
	if ((events & POLLIN) != 0) {
		fds[nr++] = (struct pollfd){.fd = conn->in, .events = POLLIN};
	}
	if ((events & POLLOUT) != 0) {
		fds[nr++] = (struct pollfd){.fd = conn->out, .events = POLLOUT};
	}
	ret = us_poll_until(fds, nr, wait->deadline_ns);
	if (ret > 0 && fds[0].revents != 0) {
		return -ECANCELED;
	}
	return ret == 0 ? -ETIMEDOUT : us_min(ret, 0);
}

int us_conn_read_all(struct us_conn *conn, void *buf, size_t size, const struct us_net_wait *wait)
{
	size_t done = 0;

	while (done < size) {
		int ret = us_conn_read(conn, (char *)buf + done, size - done);

		if (ret == 0) {
			return -ECONNRESET;
		}
		if (ret == -EAGAIN) {
			ret = us_conn_wait(conn, conn->read_wants, wait);
		} else if (ret > 0) {
			done += (size_t)ret;
		}
		if (ret < 0) {
			return ret;
		}
	}
	return 0;
}

int us_conn_write_all(struct us_conn *conn, const void *buf, size_t size, const struct us_net_wait *wait)
{
	struct iovec iov = {(void *)(uintptr_t)buf, size};

	while (iov.iov_len > 0) {
		int ret = us_conn_write(conn, &iov, 1);

		if (ret == -EAGAIN) {
			ret = us_conn_wait(conn, conn->write_wants, wait);
		} else if (ret > 0) {
			iov.iov_base = (char *)iov.iov_base + ret;
			iov.iov_len -= (size_t)ret;
		}
		if (ret < 0) {
			return ret;
		}
	}
	return 0;
}

bool us_conn_plain_send(const struct us_conn *conn)
{
	return conn->plain_send;
}

bool us_conn_plain_recv(const struct us_conn *conn)
{
	return conn->plain_recv;
}

bool us_conn_authentic(const struct us_conn *conn)
{
	return conn->authentic;
}

const char *us_conn_name(const struct us_conn *conn)
{
	return conn->name;
}

const char *us_conn_security(const struct us_conn *conn)
{
	if (conn->layer != NULL && conn->layer->security != NULL) {
		return conn->layer->security(conn->state);
	}
	return "no encryption";
}

const char *us_conn_why(const struct us_conn *conn)
{
	return conn->why;
}

void us_conn_close(struct us_conn *conn)
{
	if (conn == NULL) {
		return;
	}
	if (conn->layer != NULL && conn->layer->free != NULL) {
		conn->layer->free(conn->state);
	}
	us_conn_ring_free(conn->ring);
	if (conn->owned) {
		us_close(conn->in);
	} else {
		if (conn->in_blocked) {
			us_set_nonblocking(conn->in, false);
		}
		if (conn->out_blocked) {
			us_set_nonblocking(conn->out, false);
		}
	}
	pthread_mutex_destroy(&conn->lock);
	free(conn);
}
