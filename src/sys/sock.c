/* SPDX-License-Identifier: MIT */
#include "sys/sock.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/us.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** Make a call until it is not interrupted; an injected failure stands for the call's own. */
#define sock_retry(name, call)                             \
	({                                                 \
		int sock_result;                           \
		do {                                       \
			sock_result = us_fault(name);      \
			if (sock_result >= 0) {            \
				sock_result = (int)us_try(call); \
			}                                  \
		} while (sock_result == -EINTR);           \
		sock_result;                               \
	})

int us_socket(int family)
{
	return sock_retry("socket", socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

int us_sock_set(int fd, int level, int option, int value)
{
	return us_try(setsockopt(fd, level, option, &value, sizeof(value)));
}

int us_connect(int fd, const struct sockaddr *address, socklen_t length)
{
	int ret = us_fault("connect");

	if (ret >= 0) {
		ret = us_try(connect(fd, address, length));
	}
	/* Interrupted, it goes on by itself; to call again would be EALREADY. */
	return ret == -EINTR ? -EINPROGRESS : ret;
}

int us_sock_error(int fd)
{
	int error = 0;
	socklen_t length = sizeof(error);
	int ret = us_try(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));

	return ret < 0 ? ret : -error;
}

int us_bind(int fd, const struct sockaddr *address, socklen_t length)
{
	return sock_retry("bind", bind(fd, address, length));
}

int us_listen(int fd, int backlog)
{
	return sock_retry("listen", listen(fd, backlog));
}

int us_accept(int fd, struct sockaddr_storage *address)
{
	socklen_t length;

	memset(address, 0, sizeof(*address));
	length = sizeof(*address);
	return sock_retry("accept", accept4(fd, (struct sockaddr *)address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

int us_sock_name(int fd, struct sockaddr_storage *address)
{
	socklen_t length = sizeof(*address);

	memset(address, 0, sizeof(*address));
	return us_try(getsockname(fd, (struct sockaddr *)address, &length));
}

int us_sock_peer(int fd, struct sockaddr_storage *address)
{
	socklen_t length = sizeof(*address);

	memset(address, 0, sizeof(*address));
	return us_try(getpeername(fd, (struct sockaddr *)address, &length));
}

bool us_is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

int us_set_nonblocking(int fd, bool on)
{
	int flags = us_try(fcntl(fd, F_GETFL));
	int ret;

	if (flags < 0) {
		return flags;
	}
	ret = us_try(fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
	return ret < 0 ? ret : (flags & O_NONBLOCK) == 0;
}

/** What one call may move of SIZE bytes; less when FAULT makes it a short one. */
static size_t size_of_call(size_t size, int fault)
{
	size = us_min(size, (size_t)INT_MAX);
	return fault == US_FAULT_SHORT && size > 1 ? size / 2 : size;
}

int us_stream_read(int fd, bool is_socket, void *buf, size_t size)
{
	int fault = us_fault("recv");

	if (fault < 0) {
		return fault;
	}
	size = size_of_call(size, fault);
	for (;;) {
		int ret = (int)us_try(is_socket ? recv(fd, buf, size, MSG_DONTWAIT) : read(fd, buf, size));

		if (ret != -EINTR) {
			return ret;
		}
	}
}

int us_sock_peek(int fd, void *buf, size_t size)
{
	return sock_retry("recv", recv(fd, buf, size, MSG_PEEK | MSG_DONTWAIT));
}

int us_stream_write(int fd, bool is_socket, const struct iovec *iov, int nr)
{
	int fault = us_fault("send");
	struct msghdr message = {0};
	struct iovec half;

	if (fault < 0) {
		return fault;
	}
	if (fault == US_FAULT_SHORT) {
		half = (struct iovec){iov[0].iov_base, (iov[0].iov_len + 1) / 2};
		iov = &half;
		nr = 1;
	}
	nr = us_min(nr, IOV_MAX);
	for (;;) {
		int ret;

		if (is_socket) {
			/* sendmsg(2) does not change what it is given. */
			message.msg_iov = (struct iovec *)(uintptr_t)iov;
			message.msg_iovlen = (size_t)nr;
			ret = (int)us_try(sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
		} else {
			ret = (int)us_try(writev(fd, iov, nr));
		}
		if (ret != -EINTR) {
			return ret;
		}
	}
}

int us_stream_splice(int pipe, int fd, size_t size)
{
	int fault = us_fault("sendpipe");

	if (fault < 0) {
		return fault;
	}
	size = size_of_call(size, fault);
	for (;;) {
		int ret = (int)us_try(
			splice(pipe, NULL, fd, NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE));

		if (ret != -EINTR) {
			return ret;
		}
	}
}

int us_sock_shutdown(int fd)
{
	return us_try(shutdown(fd, SHUT_WR));
}

int us_poll_until(struct pollfd *fds, unsigned int nr, uint64_t deadline_ns)
{
	for (;;) {
		uint64_t now = us_clock_ns();
		struct timespec left = {0};
		int ret;

		if (deadline_ns > now) {
			left.tv_sec = (time_t)((deadline_ns - now) / US_SECOND_NS);
			left.tv_nsec = (long)((deadline_ns - now) % US_SECOND_NS);
		}
		ret = us_try(ppoll(fds, nr, deadline_ns == 0 ? NULL : &left, NULL));
		if (ret != -EINTR) {
			return ret;
		}
	}
}
