/* SPDX-License-Identifier: MIT */
#include "net/listener.h"

#include "base/quote.h"
#include "base/us.h"
#include "net/address.h"
#include "sys/call.h"
#include "sys/sock.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/** Connections that may wait to be taken; the kernel has a limit of its own (net.core.somaxconn). */
#define BACKLOG 1024

/** Let an address have PORT instead of its own. */
static void set_port(struct sockaddr_storage *address, uint16_t port)
{
	if (address->ss_family == AF_INET) {
		((struct sockaddr_in *)address)->sin_port = htons(port);
	} else if (address->ss_family == AF_INET6) {
		((struct sockaddr_in6 *)address)->sin6_port = htons(port);
	}
}

/** Listen on one more address; BOTH: an IPv6 one that takes IPv4, too. */
static int open_one(struct us_listener *listener, const struct sockaddr_storage *address, socklen_t length, bool both)
{
	struct sockaddr_storage bound;
	int fd = us_socket(address->ss_family);
	int ret;

	if (fd < 0) {
		return fd;
	}
	/* Or the port could not be had while connections of the last run wait for their end (TIME_WAIT). */
	ret = us_sock_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (ret == 0 && address->ss_family == AF_INET6) {
		ret = us_sock_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, both ? 0 : 1);
	}
	if (ret == 0) {
		ret = us_bind(fd, (const struct sockaddr *)address, length);
	}
	if (ret == 0) {
		ret = us_listen(fd, BACKLOG);
	}
	if (ret == 0) {
		ret = us_sock_name(fd, &bound);
	}
	if (ret < 0) {
		us_close(fd);
		return ret;
	}
	listener->port = us_address_port(&bound);
	listener->fds[listener->nr++] = fd;
	return 0;
}

/** Say what is wrong with listening on ADDRESS. */
static void explain(char why[US_NET_TEXT_MAX], const struct sockaddr_storage *address, int error)
{
	char text[US_CONN_NAME_MAX];

	us_address_text(text, address);
	if (error == -EADDRINUSE) {
		snprintf(why, US_NET_TEXT_MAX, "%s: the port is in use by another program", text);
	} else if (error == -EACCES && us_address_port(address) < 1024) {
		snprintf(why, US_NET_TEXT_MAX, "%s: ports below 1024 are for root", text);
	} else {
		snprintf(why, US_NET_TEXT_MAX, "%s: %s", text, strerror(-error));
	}
}

/** Listen on every address of this machine. */
static int open_any(struct us_listener *listener, uint16_t port, char why[US_NET_TEXT_MAX])
{
	struct sockaddr_storage any = {.ss_family = AF_INET6};
	int ret;

	set_port(&any, port);
	ret = open_one(listener, &any, sizeof(struct sockaddr_in6), true);
	if (ret == -EAFNOSUPPORT || ret == -EADDRNOTAVAIL) {
		any = (struct sockaddr_storage){.ss_family = AF_INET};
		set_port(&any, port);
		ret = open_one(listener, &any, sizeof(struct sockaddr_in), false);
	}
	if (ret < 0) {
		explain(why, &any, ret);
	}
	return ret;
}

/** Listen on all addresses of the list, all with one port. */
static int open_list(struct us_listener *listener, const struct addrinfo *list, char why[US_NET_TEXT_MAX])
{
	int ret = 0;

	for (const struct addrinfo *info = list; info != NULL && listener->nr < US_LISTENER_MAX; info = info->ai_next) {
		struct sockaddr_storage address = {0};

		memcpy(&address, info->ai_addr, us_min((size_t)info->ai_addrlen, sizeof(address)));
		if (listener->nr > 0) {
			set_port(&address, listener->port);
		}
		ret = open_one(listener, &address, info->ai_addrlen, false);
		/* A name may have an IPv6 address on a machine that has none. */
		if ((ret == -EAFNOSUPPORT || ret == -EADDRNOTAVAIL) && (listener->nr > 0 || info->ai_next != NULL)) {
			ret = 0;
			continue;
		}
		if (ret < 0) {
			explain(why, &address, ret);
			return ret;
		}
	}
	if (listener->nr == 0) {
		snprintf(why, US_NET_TEXT_MAX, "the host has no address here");
		return -EADDRNOTAVAIL;
	}
	return 0;
}

int us_listener_open(struct us_listener *listener, const char *host, const char *port, char why[US_NET_TEXT_MAX])
{
	struct addrinfo *list;
	int ret;

	*listener = (struct us_listener){0};
	ret = us_address_lookup(&list, host != NULL ? host : "0.0.0.0", port, true, why);
	if (ret < 0) {
		return ret;
	}
	if (host == NULL) {
		struct sockaddr_storage address = {0};

		memcpy(&address, list->ai_addr, sizeof(struct sockaddr_in));
		ret = open_any(listener, us_address_port(&address), why);
	} else {
		ret = open_list(listener, list, why);
	}
	freeaddrinfo(list);
	if (ret < 0) {
		us_listener_close(listener);
	}
	return ret;
}

int us_listener_accept(struct us_listener *listener, struct us_conn **conn, struct sockaddr_storage *address)
{
	for (unsigned int i = 0; i < listener->nr; i++) {
		unsigned int which = (listener->next + i) % listener->nr;
		int fd;

		do {
			fd = us_accept(listener->fds[which], address);
			/* The errors of the new connection itself, as accept(2) lists them. */
		} while (fd == -ECONNABORTED || fd == -EPROTO || fd == -ENETDOWN || fd == -ENOPROTOOPT ||
		         fd == -EHOSTDOWN || fd == -EHOSTUNREACH || fd == -EOPNOTSUPP || fd == -ENETUNREACH);
		if (fd != -EAGAIN) {
			listener->next = which + 1;
			return fd < 0 ? fd : us_conn_socket(conn, fd, address, NULL);
		}
	}
	return -EAGAIN;
}

void us_listener_close(struct us_listener *listener)
{
	for (unsigned int i = 0; i < listener->nr; i++) {
		us_close(listener->fds[i]);
	}
	listener->nr = 0;
}
