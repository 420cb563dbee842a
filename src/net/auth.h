/* SPDX-License-Identifier: MIT */
/**
 * @file auth.h
 * Proof of the shared secret without encryption (--no-tls), in both directions, by challenge and response:
 *
 *	client                                            server
 *	  magic, nonce C                            ->
 *	                                            <-      magic, status, nonce S
 *	  HMAC(key, "client", C, S)                 ->
 *	                                            <-      magic, status, HMAC(key, "server", C, S)
 *
 * The secret never crosses; a proof is good for these two nonces and in this direction only.  What follows is neither
 * secret nor protected: this is for loopback and tunnels.
 */
#ifndef US_NET_AUTH_H
#define US_NET_AUTH_H

#include "net/conn.h"
#include "net/secret.h"

/** What both sides begin each message of 40 or 48 bytes with. */
#define US_AUTH_MAGIC "usync-a1"
#define US_AUTH_MAGIC_SIZE 8

/** Why a server does not go on. */
enum us_auth_status {
	US_AUTH_OK,
	US_AUTH_NEEDS_TLS, /**< It demands TLS. */
	US_AUTH_WRONG,     /**< The secrets differ. */
};

/**
 * Put the proof on CONN; us_conn_handshake() does the rest.  SECRET's key is copied.
 *
 * @return 0 or -ENOMEM.
 */
int us_auth_begin(struct us_conn *conn, const struct us_secret *secret, bool server);

/** What a server first sees of a client. */
enum us_auth_kind {
	US_AUTH_KIND_NONE,    /**< Nothing yet. */
	US_AUTH_KIND_TLS,     /**< A TLS record. */
	US_AUTH_KIND_PLAIN,   /**< A message of this module. */
	US_AUTH_KIND_UNKNOWN, /**< Neither. */
	US_AUTH_KIND_GONE,    /**< The end of the stream. */
};

/** Look at the first byte that has come, without taking it; a socket. @return the kind, or a negative errno. */
int us_auth_peek(const struct us_conn *conn);

/**
 * As a server, tell a client that came in the other way (TLS where there is none, or the reverse) why it can't be
 * served.  As far as that goes without waiting: the connection is then to be closed.
 */
void us_auth_turn_away(struct us_conn *conn, enum us_auth_kind kind);

#endif /* US_NET_AUTH_H */
