/* SPDX-License-Identifier: MIT */
/**
 * @file door.h
 * A server's entrance: what becomes of a connection between accept(2) and the transfer that it is part of.
 *
 *	accepted ─ (held: its address gave wrong secrets) ─ first byte ─ handshake ─ joins ─┐
 *	                                                                      a whole party ─ waits its turn ─ us_door_accept()
 *
 * Everything before "joins" is done for strangers.  There are at most US_DOOR_STRANGERS of them, each with a deadline,
 * and none gets more than some 60 KiB; where they are as many as may be, a new one takes the place of the oldest one of
 * the address that has most of them.  All are served side by side, so a slow one holds up nobody.
 *
 * One thread calls us_door_accept(), again and again: nothing of this happens outside of it.
 */
#ifndef US_NET_DOOR_H
#define US_NET_DOOR_H

#include "net/conn.h"
#include "net/peer.h"
#include "net/secret.h"
#include "net/tls.h"

#include <stdbool.h>
#include <stdint.h>

/** Connections in the entrance. */
#define US_DOOR_STRANGERS 256u

/** Transfers whose connections gather, or that wait their turn. */
#define US_DOOR_PARTIES 16u

/** What a server brings. */
struct us_door_options {
	const struct us_secret *secret; /**< Borrowed. */
	struct us_tls *tls;             /**< A server's, borrowed; NULL: challenge and response instead (--no-tls). */
	unsigned int max_clients;       /**< Transfers at a time. */
	uint64_t handshake_ns;          /**< The time from the first byte to the transfer; so long may its connections
	                                     lie apart, too. */
	uint64_t timeout_ns;            /**< The peers'. */
	int stop_fd;                    /**< See struct us_net_wait. */
	void (*warn)(void *payload, const char *text); /**< Told of each that is turned away, or NULL. */
	void (*note)(void *payload, const char *text); /**< Told of what is worth a note, or NULL. */
	void *payload;
};

struct us_door;

/** Listen: see us_listener_open().  OPTIONS are copied. */
int us_door_open(struct us_door **door, const struct us_door_options *options, const char *host, const char *port,
                 char why[US_NET_TEXT_MAX]);

/** The port that is listened on. */
uint16_t us_door_port(const struct us_door *door);

/**
 * Wait for a transfer that has all of its connections, while no more than max_clients of those before are still there.
 * It is over for the door when its peer is freed, which any thread may do.
 *
 * @return 0; -ECANCELED when stopped; -ESHUTDOWN when the door is shut and no peer is left; -errno.
 */
int us_door_accept(struct us_door *door, struct usync_peer **peer);

/** Take no more connections and turn away who waits.  The peers live on. */
void us_door_shut(struct us_door *door);

/** Shut and free it, when all its peers are freed; NULL is allowed. */
void us_door_free(struct us_door *door);

#endif /* US_NET_DOOR_H */
