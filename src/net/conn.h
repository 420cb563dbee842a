/* SPDX-License-Identifier: MIT */
/**
 * @file conn.h
 * A duplex stream of bytes to the other side, which never blocks.  One thread at a time uses it; but us_conn_read(),
 * us_conn_write() and us_conn_events() may be called by several, as one that writes beside one that reads.
 *
 * It is a socket, or a pair of pipes (the standard streams below ssh).  A layer (net/tls.h, net/auth.h) can lie on it:
 * then us_conn_handshake() is called until it is done, and reads and writes go through the layer.
 *
 *	us_conn_connect() -> us_tls_begin() -> us_conn_handshake() ... -> us_conn_read(), us_conn_write() ... -> us_conn_finish() -> us_conn_close()
 *
 * What would block answers -EAGAIN; us_conn_events() then says what to poll for.
 */
#ifndef US_NET_CONN_H
#define US_NET_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct us_conn;
struct us_io;

/** The bytes that a reason in words may take, with its NUL. */
#define US_NET_TEXT_MAX 512

/** The bytes of a peer's name: "[address%zone]:port". */
#define US_CONN_NAME_MAX 96

/** How long a call that waits may wait. */
struct us_net_wait {
	uint64_t deadline_ns; /**< A moment of us_clock_ns(); 0: for ever. */
	int stop_fd;          /**< Once this is readable, no longer (-ECANCELED); -1: none. */
};

/**
 * Connect to HOST, a name or an address without brackets, on PORT ("9000").  A host's addresses are tried one after
 * the other, each with its share of the time that is left.  Blocks; the name's look-up is getaddrinfo(3)'s and has
 * that one's own deadline.
 *
 * @param[out] why  On failure: what went wrong, in words, with the host's name; not ended with a newline.
 * @return 0, or the negative errno of the last address; -EHOSTUNREACH when the name leads nowhere; -ETIMEDOUT;
 *         -ECANCELED.
 */
int us_conn_connect(struct us_conn **conn, const char *host, const char *port, const struct us_net_wait *wait,
                    char why[US_NET_TEXT_MAX]);

/**
 * Begin a further connection to where CONN, made by us_conn_connect(), leads.  It does not wait: what is written and
 * read next answers -EAGAIN until it is there, or tells why it can't be.
 */
int us_conn_connect_like(struct us_conn **conn, const struct us_conn *like);

/**
 * Make one of a connected stream socket FD, which is taken, also on failure.
 *
 * @param address  The peer's, or NULL: then it is called NAME.
 */
int us_conn_socket(struct us_conn **conn, int fd, const struct sockaddr_storage *address, const char *name);

/**
 * Make one of the descriptors IN and OUT (may be one), which are borrowed: us_conn_close() leaves them open, and
 * blocking as they were.  SIGPIPE should be ignored, as a pipe without a reader raises it.
 */
int us_conn_stdio(struct us_conn **conn, int in, int out, const char *name);

/**
 * Go on with the layer's handshake.
 *
 * @return 0 when it is done, or no layer is there; -EAGAIN; -EACCES: secrets differ; -errno.
 */
int us_conn_handshake(struct us_conn *conn);

/** The same until it is done.  us_conn_why() tells of failures. */
int us_conn_handshake_wait(struct us_conn *conn, const struct us_net_wait *wait);

/** Read up to SIZE (> 0) bytes. @return bytes; 0: the peer has ended the stream in order; -EAGAIN; -errno. */
int us_conn_read(struct us_conn *conn, void *buf, size_t size);

/**
 * Write.  After -EAGAIN the next call must begin with the same bytes, for an encrypted record may hold some of them
 * already.
 *
 * @return bytes taken, from the first on, at least 1; -EAGAIN; -errno.
 */
int us_conn_write(struct us_conn *conn, const struct iovec *iov, int nr);

/**
 * Write SIZE bytes of the pipe PIPE, which has them, without copying them into memory; more has to follow at once.
 * Only where us_conn_plain_send().
 *
 * @return bytes taken, at least 1; 0: the pipe has none; -EAGAIN; -EINVAL: this descriptor takes none so; -errno.
 */
int us_conn_splice(struct us_conn *conn, int pipe, size_t size);

/**
 * Say that nothing follows: the peer's reads answer 0 after all that was written.  To be called until it does not
 * answer -EAGAIN.  Nothing may be written afterwards; reading goes on.
 */
int us_conn_finish(struct us_conn *conn);

/**
 * POLLIN and POLLOUT as far as the last read, write, handshake or finish answered -EAGAIN for want of them.  With
 * TLS a read may wait for POLLOUT.  0 when none waits: there may be more to read, or to write.
 */
int us_conn_events(struct us_conn *conn);

/** The descriptor to poll for WHICH, POLLIN or POLLOUT. */
int us_conn_fd(const struct us_conn *conn, int which);

/** True when a read would give something without a poll (bytes that TLS has in its buffers). */
bool us_conn_pending(const struct us_conn *conn);

/**
 * Wait until EVENTS (or, when 0, what us_conn_events() says) can go on.
 *
 * @return 0; -ETIMEDOUT at the deadline; -ECANCELED when stopped; -errno.
 */
int us_conn_wait(struct us_conn *conn, int events, const struct us_net_wait *wait);

/*
 * Blocking, for the few small things said before a transfer: all SIZE bytes, or the first error (-ECONNRESET at an
 * early end).
 */
int us_conn_read_all(struct us_conn *conn, void *buf, size_t size, const struct us_net_wait *wait);
int us_conn_write_all(struct us_conn *conn, const void *buf, size_t size, const struct us_net_wait *wait);

/**
 * True when what is written to us_conn_fd(conn, POLLOUT) by plain calls, splice(2) or a ring arrives as if by
 * us_conn_write(): no layer changes it, or the kernel does (kernel TLS).
 */
bool us_conn_plain_send(const struct us_conn *conn);

/** The same for reading. */
bool us_conn_plain_recv(const struct us_conn *conn);

/** True when what is read is what the peer has written, or an error: a layer sees to that. */
bool us_conn_authentic(const struct us_conn *conn);
/** What goes by a ring: bits of what us_conn_use_ring() answers. */
enum {
	US_CONN_RING_SEND = 1,
	US_CONN_RING_RECV = 2,
};

/**
 * From now on let sends and receives go by the ring of IO, which is this thread's, as far as they are plain and CONN is
 * a socket.  Then the memory of a write or read that has answered -EAGAIN has to stay as it is until that is asked for
 * again; us_io_reap() moves things on, and us_io_fd() is what to poll for.
 *
 * @return what does; 0 when there is no ring, or no plain call; or -ENOMEM.
 */
int us_conn_use_ring(struct us_conn *conn, struct us_io *io);

/**
 * No more, and nothing is in flight any more; what was received stays to be read.  Nothing else of IO's may be in
 * flight.
 */
void us_conn_leave_ring(struct us_conn *conn);

/** The peer's address and port, for messages; printable. */
const char *us_conn_name(const struct us_conn *conn);

/** What protects it: "TLS 1.3 (TLS_AES_128_GCM_SHA256), kernel sends", "no encryption"; for a verbose note. */
const char *us_conn_security(const struct us_conn *conn);

/** What went wrong with the handshake, in words; "" when nothing did. */
const char *us_conn_why(const struct us_conn *conn);

/** Close it at once and free it; NULL is allowed. */
void us_conn_close(struct us_conn *conn);

#endif /* US_NET_CONN_H */
