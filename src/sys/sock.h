/* SPDX-License-Identifier: MIT */
/**
 * @file sock.h
 * Calls on sockets and pipes that do not wait: 0 or positive, or a negative errno.  EINTR is tried again; a peer
 * that is gone is -EPIPE or -ECONNRESET, never a signal, as far as the descriptor is a socket.
 */
#ifndef US_SYS_SOCK_H
#define US_SYS_SOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

/** A stream socket of FAMILY that does not block and is closed on exec. */
int us_socket(int family);

/** setsockopt(2) of an int. */
int us_sock_set(int fd, int level, int option, int value);

/** connect(2): -EINPROGRESS while it goes on; us_sock_error() tells the end once the socket is writable. */
int us_connect(int fd, const struct sockaddr *address, socklen_t length);

/** 0, or the error that the socket has met (SO_ERROR), negative; reading it clears it. */
int us_sock_error(int fd);

int us_bind(int fd, const struct sockaddr *address, socklen_t length);
int us_listen(int fd, int backlog);

/** accept4(2): a descriptor like us_socket()'s, with the peer's address; -EAGAIN when no one waits. */
int us_accept(int fd, struct sockaddr_storage *address);

/** The address that FD is bound to. */
int us_sock_name(int fd, struct sockaddr_storage *address);

/** The address that FD is connected to. */
int us_sock_peer(int fd, struct sockaddr_storage *address);

/** True for a socket, false for a pipe and all else. */
bool us_is_socket(int fd);

/**
 * Let calls on FD not wait, or wait.  It concerns all descriptors of the same open file.
 *
 * @return whether it waited before, or -errno.
 */
int us_set_nonblocking(int fd, bool on);

/** Read what is there: bytes, 0 at the end of the stream, -EAGAIN. */
int us_stream_read(int fd, bool is_socket, void *buf, size_t size);

/** The same without taking it out; sockets only. */
int us_sock_peek(int fd, void *buf, size_t size);

/**
 * Write what there is room for: bytes, or -EAGAIN.  A pipe without a reader raises SIGPIPE where that is not ignored.
 */
int us_stream_write(int fd, bool is_socket, const struct iovec *iov, int nr);

/**
 * Move SIZE bytes from PIPE to FD, a stream that does not block, as what more follows: bytes, 0 when the pipe has none,
 * -EAGAIN when FD has no room.
 */
int us_stream_splice(int pipe, int fd, size_t size);

/** shutdown(2) of the sending side. */
int us_sock_shutdown(int fd);

/**
 * poll(2) until one of NR is ready or DEADLINE_NS (us_clock_ns()'s; 0: for ever) has come.
 *
 * @return how many are ready; 0 at the deadline.
 */
struct pollfd;
int us_poll_until(struct pollfd *fds, unsigned int nr, uint64_t deadline_ns);

#endif /* US_SYS_SOCK_H */
