/* SPDX-License-Identifier: MIT */
/**
 * @file party.h
 * The connections of one transfer, as they gather at a door.
 */
#ifndef US_NET_PARTY_H
#define US_NET_PARTY_H

#include "net/peer.h"

#include <stdbool.h>
#include <stdint.h>

struct us_party {
	uint8_t id[US_JOIN_ID_SIZE];
	unsigned int nr;       /**< Connections that there shall be; 0: this place is free. */
	unsigned int here;     /**< And that there are. */
	uint64_t deadline_ns;  /**< Until when they are all to be here. */
	uint64_t order;        /**< Parties take their turns in the order in which they were complete; 0: it is not. */
	bool told;             /**< It knows that it waits. */
	struct us_conn *conns[US_PEER_CONNS_MAX];
};

/**
 * Close its connections, after STATUS was said on the first one as far as that goes at once; its place is free then.
 */
void us_party_dismiss(struct us_party *party, enum us_join_status status);

/**
 * Let CONN, which is taken, be the one that JOIN says.
 *
 * @return the party that it is in; NULL: there is no place, or no such connection is wanted; it was turned away.
 */
struct us_party *us_party_join(struct us_party *parties, unsigned int nr_parties, const struct us_join *join,
                               struct us_conn *conn);

/**
 * Make a peer of a complete party, whose place is free then, and tell it to go on.
 *
 * @return 0, or a negative errno: it was dismissed.
 */
int us_party_ready(struct us_party *party, struct usync_peer **peer, uint64_t timeout_ns);

/** Say something on a connection without waiting: it is the first thing said there, so there is room. */
int us_party_say(struct us_conn *conn, enum us_join_status status);

/** True when one of a waiting party's connections was closed, or says what it should not yet. */
bool us_party_left(const struct us_party *party);

#endif /* US_NET_PARTY_H */
