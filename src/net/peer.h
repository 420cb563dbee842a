/* SPDX-License-Identifier: MIT */
/**
 * @file peer.h
 * The other side of one transfer: its connections, each of which is authenticated, encrypted where that was asked for,
 * and has joined the transfer.  What follows on each is the transfer's own protocol.
 *
 * To join, the client sends on each connection a message of US_JOIN_SIZE bytes, and gets answers of the same size:
 *
 *	"usync-j1"  id[16]  le16 index  le16 nr  u32 0		client: this is connection INDEX of NR of the transfer ID
 *	"usync-j1"  status  0...				server: READY, or on connection 0 first WAIT, or why not
 */
#ifndef US_NET_PEER_H
#define US_NET_PEER_H

#include "net/conn.h"

#include <stdbool.h>
#include <stdint.h>

/** The connections of one transfer. */
#define US_PEER_CONNS_MAX 64u

#define US_JOIN_SIZE 32u
#define US_JOIN_ID_SIZE 16u

/** A server's answer. */
enum us_join_status {
	US_JOIN_READY, /**< Go on. */
	US_JOIN_WAIT,  /**< Another transfer runs; READY will come. */
	US_JOIN_BUSY,  /**< So many wait that this one can't. */
	US_JOIN_OVER,  /**< There will be no more transfers. */
	US_JOIN_BAD,   /**< This is no message of this kind, or does not fit to the others. */
};

/** What joins. */
struct us_join {
	uint8_t id[US_JOIN_ID_SIZE];
	uint16_t index;
	uint16_t nr;
};

struct usync_peer {
	unsigned int nr;                            /**< Connections. */
	struct us_conn *conns[US_PEER_CONNS_MAX];
	bool server;                                /**< This side was connected to. */
	uint64_t timeout_ns;                        /**< How long the other side may be silent; 0: for ever. */
	char name[US_CONN_NAME_MAX];                /**< The other side's, for messages. */
	void (*freed)(void *payload);               /**< Called when it is freed, from that thread, or NULL. */
	void *payload;
};

/** An empty one. @return 0 or -ENOMEM. */
int us_peer_new(struct usync_peer **peer, bool server, const char *name, uint64_t timeout_ns);

/** Close what is open and free it; NULL is allowed. */
void us_peer_free(struct usync_peer *peer);

/** Write a client's message. */
void us_join_encode(uint8_t out[US_JOIN_SIZE], const struct us_join *join);

/** Read one. @return 0, or -EPROTO when it is none, or says what can't be. */
int us_join_decode(struct us_join *join, const uint8_t in[US_JOIN_SIZE]);

/** Write and read a server's. @return the status, or -EPROTO. */
void us_join_answer(uint8_t out[US_JOIN_SIZE], enum us_join_status status);
int us_join_answered(const uint8_t in[US_JOIN_SIZE]);

#endif /* US_NET_PEER_H */
