/* SPDX-License-Identifier: MIT */
/**
 * @file dial.h
 * A client's way to a server: connections, handshakes, and the transfer that they join.
 */
#ifndef US_NET_DIAL_H
#define US_NET_DIAL_H

#include "net/auth.h"
#include "net/conn.h"
#include "net/peer.h"
#include "net/secret.h"
#include "net/tls.h"

/** What a client brings. */
struct us_dial {
	const struct us_secret *secret;
	struct us_tls *tls;       /**< NULL: challenge and response instead (--no-tls). */
	unsigned int connections; /**< 1 to US_PEER_CONNS_MAX. */
	uint64_t timeout_ns;      /**< For connecting and the handshakes, and the peer's; 0: for ever. */
	int stop_fd;              /**< See struct us_net_wait. */
	void (*note)(void *payload, const char *text); /**< Told what is worth a note, or NULL. */
	void *payload;
};

/**
 * Connect to PORT of HOST.  The first connection is through its handshake before the others begin, all at once: a
 * wrong secret is found once.  Blocks.
 *
 * @param[out] why  On failure: what went wrong, in words, with the host's name.
 * @return 0, -EACCES when the secrets differ, or another negative errno.
 */
int us_dial(struct usync_peer **peer, const struct us_dial *dial, const char *host, const char *port,
            char why[US_NET_TEXT_MAX]);

#endif /* US_NET_DIAL_H */
