/* SPDX-License-Identifier: MIT */
/**
 * @file keepalive.h
 * Signs of life: on a connection on which nothing was sent for a third of the shorter of both sides' time limits a PING
 * is.
 *
 * A worker can't do that by itself: it may be in a system call that takes minutes (a disk or a server that hangs,
 * fsync(2)), in a long listing or sum, or deleting a large tree.  So a thread does it for all connections of a
 * transfer.
 */
#ifndef US_NET_KEEPALIVE_H
#define US_NET_KEEPALIVE_H

#include <pthread.h>
#include <stdbool.h>

struct us_session;

/** The thread. */
struct us_keepalive {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool runs;
	bool ends; /**< It is to. */
};

void us_keepalive_init(struct us_keepalive *keepalive);
void us_keepalive_fini(struct us_keepalive *keepalive);

/** Begin, once it is known how patient the other side is.  @return 0 or a negative errno. */
int us_keepalive_start(struct us_session *session);

/** End; nothing is done when it does not run. */
void us_keepalive_stop(struct us_session *session);

#endif /* US_NET_KEEPALIVE_H */
