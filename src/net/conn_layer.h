/* SPDX-License-Identifier: MIT */
/**
 * @file conn_layer.h
 * A connection from inside, for the layers that lie on it.  Use conn.h from elsewhere.
 */
#ifndef US_NET_CONN_LAYER_H
#define US_NET_CONN_LAYER_H

#include "net/conn.h"

#include <pthread.h>

/** What a layer does.  Each gets its state; those that a layer leaves NULL are the stream's own. */
struct us_conn_layer {
	/** As us_conn_handshake(). */
	int (*handshake)(void *state, struct us_conn *conn);
	/** As us_conn_read(), us_conn_write() and us_conn_finish(). */
	int (*read)(void *state, struct us_conn *conn, void *buf, size_t size);
	int (*write)(void *state, struct us_conn *conn, const struct iovec *iov, int nr);
	int (*finish)(void *state, struct us_conn *conn);
	/** True when there is more to read without a poll. */
	bool (*pending)(const void *state);
	const char *(*security)(const void *state);
	void (*free)(void *state);
};

/** How the stream below all layers is read and written: by plain calls (conn.c), or by a ring (conn_ring.c). */
struct us_conn_calls {
	int (*read)(struct us_conn *conn, void *buf, size_t size);
	int (*write)(struct us_conn *conn, const struct iovec *iov, int nr);
};

struct us_conn_ring;

struct us_conn {
	pthread_mutex_t lock; /**< Guards the layer's state, and what is waited for, between reads and writes: TLS is no
	                           two streams. */
	int in;
	int out;
	bool in_socket;
	bool out_socket;
	bool owned;         /**< The descriptors are closed with it. */
	bool in_blocked;    /**< They waited before, and shall again. */
	bool out_blocked;
	short read_wants;   /**< What the last read waits for, or 0. */
	short write_wants;  /**< What the last write, finish or handshake waits for, or 0. */
	bool plain_send;    /**< See us_conn_plain_send(). */
	bool plain_recv;
	bool is_held;       /**< The last that was written was spliced, as what more follows. */
	bool authentic;     /**< See us_conn_authentic(). */
	const struct us_conn_calls *calls;
	struct us_conn_ring *ring;         /**< NULL, or what the calls by a ring need. */
	const struct us_conn_layer *layer; /**< NULL: none. */
	void *state;        /**< The layer's. */
	bool shaken;        /**< The handshake is done. */
	char name[US_CONN_NAME_MAX];
	char why[US_NET_TEXT_MAX];
};

/** Put a layer on CONN, which has none; STATE is taken. */
void us_conn_set_layer(struct us_conn *conn, const struct us_conn_layer *layer, void *state);

/** Say why the handshake failed; returns ERROR. */
int us_conn_fail(struct us_conn *conn, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

extern const struct us_conn_calls us_conn_plain_calls;

/** Free what the ring's calls had; nothing may be in flight. */
void us_conn_ring_free(struct us_conn_ring *ring);

/* The stream below all layers. */
int us_conn_raw_read(struct us_conn *conn, void *buf, size_t size);
int us_conn_raw_write(struct us_conn *conn, const struct iovec *iov, int nr);

#endif /* US_NET_CONN_LAYER_H */
