/* SPDX-License-Identifier: MIT */
/**
 * @file tls.h
 * TLS 1.3 on a connection, by OpenSSL: the shared secret as a pre-shared key, with an ephemeral key exchange.  There
 * are no certificates, no tickets, no early data: who does not know the secret gets nowhere, on either side.
 */
#ifndef US_NET_TLS_H
#define US_NET_TLS_H

#include "net/conn.h"
#include "net/secret.h"

/** Whether the kernel encrypts what is sent (Documentation/networking/tls.rst, Linux 4.13; TLS 1.3: 5.1). */
enum us_ktls {
	US_KTLS_AUTO, /**< Where it can. */
	US_KTLS_ON,   /**< Or the handshake fails. */
	US_KTLS_OFF,  /**< OpenSSL does, in user space. */
};

/** What a process's connections share.  Many threads may use it at once. */
struct us_tls;

/**
 * @param secret  Its key is copied.
 * @param server  For the side that was connected to.
 * @return 0, -ENOMEM, or -EIO when OpenSSL lacks something; WHY tells in words.
 */
int us_tls_new(struct us_tls **tls, const struct us_secret *secret, bool server, enum us_ktls ktls,
               char why[US_NET_TEXT_MAX]);

/** Free it, when all its connections are closed: their I/O is by methods that it holds.  NULL is allowed. */
void us_tls_free(struct us_tls *tls);

/**
 * Put TLS on CONN, a socket; us_conn_handshake() does the rest.  TLS is borrowed until that is done.
 *
 * @return 0, -EINVAL, -ENOMEM.
 */
int us_tls_begin(struct us_conn *conn, struct us_tls *tls);

#endif /* US_NET_TLS_H */
