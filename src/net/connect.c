/* SPDX-License-Identifier: MIT */
/* Connections that this side begins. */
#include "base/clock.h"
#include "base/quote.h"
#include "base/us.h"
#include "net/address.h"
#include "net/conn.h"
#include "sys/call.h"
#include "sys/sock.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

/** Wait for the end of a connect that goes on. */
static int wait_connected(int fd, const struct us_net_wait *wait)
{
	struct pollfd fds[2] = {{.fd = fd, .events = POLLOUT}, {.fd = wait->stop_fd, .events = POLLIN}};
	int ret = us_poll_until(fds, 2, wait->deadline_ns);

	if (ret < 0) {
		return ret;
	}
	if (fds[1].revents != 0) {
		return -ECANCELED;
	}
	return ret == 0 ? -ETIMEDOUT : us_sock_error(fd);
}

/** Connect to one address. @return the descriptor. */
static int connect_one(const struct addrinfo *info, const struct us_net_wait *wait)
{
	int fd = us_socket(info->ai_family);
	int ret;

	if (fd < 0) {
		return fd;
	}
	ret = us_connect(fd, info->ai_addr, info->ai_addrlen);
	if (ret == -EINPROGRESS) {
		ret = wait_connected(fd, wait);
	}
	if (ret < 0) {
		us_close(fd);
		return ret;
	}
	return fd;
}

/** The time for the first of LEFT addresses: its share of what remains. */
static struct us_net_wait share(const struct us_net_wait *wait, unsigned int left)
{
	struct us_net_wait part = *wait;
	uint64_t now = us_clock_ns();

	if (part.deadline_ns > now) {
		part.deadline_ns = now + (part.deadline_ns - now) / left;
	}
	return part;
}

int us_conn_connect(struct us_conn **conn, const char *host, const char *port, const struct us_net_wait *wait,
                    char why[US_NET_TEXT_MAX])
{
	struct addrinfo *list;
	struct sockaddr_storage address;
	char text[US_CONN_NAME_MAX] = "";
	char name[256];
	unsigned int left = 0;
	int ret = us_address_lookup(&list, host, port, false, why);

	if (ret < 0) {
		return ret;
	}
	for (const struct addrinfo *info = list; info != NULL; info = info->ai_next) {
		left++;
	}
	ret = -EHOSTUNREACH;
	for (const struct addrinfo *info = list; info != NULL && ret < 0 && ret != -ECANCELED; info = info->ai_next) {
		struct us_net_wait part = share(wait, left--);

		memset(&address, 0, sizeof(address));
		memcpy(&address, info->ai_addr, us_min((size_t)info->ai_addrlen, sizeof(address)));
		us_address_text(text, &address);
		ret = connect_one(info, &part);
	}
	freeaddrinfo(list);
	if (ret >= 0) {
		ret = us_conn_socket(conn, ret, &address, NULL);
	}
	if (ret < 0) {
		us_quote(name, sizeof(name), host);
		snprintf(why, US_NET_TEXT_MAX, "%s, port %s (%s): %s", name, port, text, strerror(-ret));
	}
	return ret;
}

int us_conn_connect_like(struct us_conn **conn, const struct us_conn *like)
{
	struct sockaddr_storage address;
	int ret = us_sock_peer(us_conn_fd(like, POLLOUT), &address);
	int fd;

	if (ret < 0) {
		return ret;
	}
	fd = us_socket(address.ss_family);
	if (fd < 0) {
		return fd;
	}
	ret = us_connect(fd, (const struct sockaddr *)&address, us_address_size(&address));
	if (ret < 0 && ret != -EINPROGRESS) {
		us_close(fd);
		return ret;
	}
	return us_conn_socket(conn, fd, &address, NULL);
}
