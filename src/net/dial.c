/* SPDX-License-Identifier: MIT */
/*
 *	connection 0: connect ── handshake ─┐
 *	connection 1:                       ├─ connect ── handshake ── join ─┐
 *	connection n:                       └─ connect ── handshake ── join ─┴─ (wait) ready
 */
#include "net/dial.h"

#include "base/clock.h"
#include "base/quote.h"
#include "base/us.h"
#include "sys/sock.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

/** One attempt. */
struct call {
	const struct us_dial *dial;
	struct usync_peer *peer;
	struct us_net_wait wait;
	char host[256]; /**< Quoted. */
	const char *port;
	char *why;
};

/** Say what went wrong, with the name of the other side; returns ERROR. */
static int fail(const struct call *call, int error, const char *text)
{
	snprintf(call->why, US_NET_TEXT_MAX, "%s, port %s: %s", call->host, call->port, text);
	return error;
}

/** Put on a new connection what protects it. */
static int begin(const struct call *call, struct us_conn *conn)
{
	int ret = call->dial->tls != NULL ? us_tls_begin(conn, call->dial->tls)
	                                  : us_auth_begin(conn, call->dial->secret, false);

	return ret < 0 ? fail(call, ret, strerror(-ret)) : 0;
}

/** Begin all further connections, to the address where the first one led. */
static int begin_others(const struct call *call)
{
	struct usync_peer *peer = call->peer;

	for (unsigned int i = 1; i < call->dial->connections; i++) {
		int ret = us_conn_connect_like(&peer->conns[i], peer->conns[0]);

		if (ret < 0) {
			return fail(call, ret, strerror(-ret));
		}
		ret = begin(call, peer->conns[i]);
		if (ret < 0) {
			return ret;
		}
	}
	return 0;
}

/** Wait until one of the connections that WAITING tells of can go on. */
static int wait_any(const struct call *call, const bool waiting[US_PEER_CONNS_MAX])
{
	struct pollfd fds[US_PEER_CONNS_MAX + 1];
	unsigned int nr = 1;
	int ret;

	fds[0] = (struct pollfd){.fd = call->wait.stop_fd, .events = POLLIN};
	for (unsigned int i = 0; i < call->dial->connections; i++) {
		if (waiting[i]) {
			int events = us_conn_events(call->peer->conns[i]);

			fds[nr++] = (struct pollfd){.fd = us_conn_fd(call->peer->conns[i], POLLIN),
			                            .events = (short)events};
		}
	}
	ret = us_poll_until(fds, nr, call->wait.deadline_ns);
	if (ret > 0 && fds[0].revents != 0) {
		return fail(call, -ECANCELED, strerror(ECANCELED));
	}
	return ret > 0 ? 0
	               : fail(call, ret < 0 ? ret : -ETIMEDOUT,
	                      ret < 0 ? strerror(-ret) : "the other side does not answer");
}

/** Bring all handshakes to their end, side by side. */
static int shake_all(const struct call *call)
{
	struct usync_peer *peer = call->peer;
	bool waiting[US_PEER_CONNS_MAX] = {false};
	unsigned int done;

	for (;;) {
		done = 0;
		for (unsigned int i = 0; i < call->dial->connections; i++) {
			int ret = us_conn_handshake(peer->conns[i]);

			if (ret < 0 && ret != -EAGAIN) {
				return fail(call, ret, us_conn_why(peer->conns[i]));
			}
			waiting[i] = ret == -EAGAIN;
			done += ret == 0;
		}
		if (done == call->dial->connections) {
			return 0;
		}
		{
			int ret = wait_any(call, waiting);

			if (ret < 0) {
				return ret;
			}
		}
	}
}

/** What is wrong when a connection ends here. */
static int lost(const struct call *call, int error)
{
	return fail(call, error, error == -ECONNRESET || error == -EPIPE ? "the other side closed the connection" :
	            error == -ETIMEDOUT ? "the other side does not answer" : strerror(-error));
}

/** Say on each connection which transfer it belongs to. */
static int join_all(const struct call *call)
{
	struct us_join join = {.nr = (uint16_t)call->dial->connections};
	uint8_t message[US_JOIN_SIZE];
	int ret = us_random(join.id, sizeof(join.id));

	if (ret < 0) {
		return fail(call, ret, "no random numbers");
	}
	for (unsigned int i = 0; i < call->dial->connections; i++) {
		join.index = (uint16_t)i;
		us_join_encode(message, &join);
		ret = us_conn_write_all(call->peer->conns[i], message, sizeof(message), &call->wait);
		if (ret < 0) {
			return lost(call, ret);
		}
	}
	return 0;
}

/** Wait for the server's word on each. */
static int wait_ready(struct call *call)
{
	uint8_t message[US_JOIN_SIZE];
	int ret;

	for (unsigned int i = 0; i < call->dial->connections; i++) {
		do {
			ret = us_conn_read_all(call->peer->conns[i], message, sizeof(message), &call->wait);
			if (ret < 0) {
				return lost(call, ret);
			}
			ret = us_join_answered(message);
			if (ret == US_JOIN_WAIT) {
				/* As long as it takes: the kernel's keep-alive finds a server that is gone. */
				call->wait.deadline_ns = 0;
				if (call->dial->note != NULL) {
					call->dial->note(call->dial->payload,
					                 "waiting: the other side serves another transfer");
				}
			}
		} while (ret == US_JOIN_WAIT);
		if (ret == US_JOIN_BUSY) {
			return fail(call, -EBUSY, "the other side is busy, and as many as may wait do so");
		}
		if (ret == US_JOIN_OVER) {
			return fail(call, -ESHUTDOWN, "the other side takes no more transfers");
		}
		if (ret != US_JOIN_READY) {
			return fail(call, -EPROTO, "the other side answers with something unknown");
		}
	}
	return 0;
}

/** The way from the first connection on. */
static int go_on(struct call *call)
{
	struct usync_peer *peer = call->peer;
	int ret = begin(call, peer->conns[0]);

	if (ret < 0) {
		return ret;
	}
	ret = us_conn_handshake_wait(peer->conns[0], &call->wait);
	if (ret < 0) {
		return fail(call, ret, us_conn_why(peer->conns[0]));
	}
	ret = begin_others(call);
	if (ret == 0) {
		ret = shake_all(call);
	}
	if (ret == 0) {
		ret = join_all(call);
	}
	return ret < 0 ? ret : wait_ready(call);
}

int us_dial(struct usync_peer **peer, const struct us_dial *dial, const char *host, const char *port,
            char why[US_NET_TEXT_MAX])
{
	struct call call = {.dial = dial, .port = port, .why = why};
	struct us_conn *first;
	int ret;

	call.wait.stop_fd = dial->stop_fd;
	call.wait.deadline_ns = dial->timeout_ns > 0 ? us_clock_ns() + dial->timeout_ns : 0;
	us_quote(call.host, sizeof(call.host), host);
	ret = us_conn_connect(&first, host, port, &call.wait, why);
	if (ret < 0) {
		return ret;
	}
	ret = us_peer_new(&call.peer, false, us_conn_name(first), dial->timeout_ns);
	if (ret < 0) {
		us_conn_close(first);
		return fail(&call, ret, strerror(-ret));
	}
	call.peer->conns[0] = first;
	call.peer->nr = dial->connections;
	ret = go_on(&call);
	if (ret < 0) {
		us_peer_free(call.peer);
		return ret;
	}
	*peer = call.peer;
	return 0;
}
