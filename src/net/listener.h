/* SPDX-License-Identifier: MIT */
/**
 * @file listener.h
 * Sockets that wait for connections.  One thread at a time.
 */
#ifndef US_NET_LISTENER_H
#define US_NET_LISTENER_H

#include "net/conn.h"

#include <stdint.h>

/** The addresses of one host that are listened on at most. */
#define US_LISTENER_MAX 16

/** Storage is the caller's. */
struct us_listener {
	int fds[US_LISTENER_MAX];
	unsigned int nr;
	unsigned int next; /**< Who is asked first, in turns. */
	uint16_t port;
};

/**
 * Listen on PORT ("0": one that is free; listener->port tells which) of every address of HOST, or, where that is NULL,
 * of this machine: IPv6 and IPv4 by one socket, or IPv4 alone where there is no IPv6.
 *
 * @param[out] why  On failure: what went wrong, in words.
 * @return 0, -EADDRINUSE, -EACCES (a port below 1024), -EADDRNOTAVAIL, -EHOSTUNREACH, or another negative errno.
 */
int us_listener_open(struct us_listener *listener, const char *host, const char *port, char why[US_NET_TEXT_MAX]);

/**
 * Take a connection that waits.
 *
 * @param[out] address  The peer's.
 * @return 0; -EAGAIN when none waits; -EMFILE, -ENFILE, -ENOBUFS or -ENOMEM when it can't be taken now and waits on;
 *         -errno.  A connection that was gone again before it was taken is passed over.
 */
int us_listener_accept(struct us_listener *listener, struct us_conn **conn, struct sockaddr_storage *address);

/** Close all; may be called again. */
void us_listener_close(struct us_listener *listener);

#endif /* US_NET_LISTENER_H */
