/* SPDX-License-Identifier: MIT */
#include "net/address.h"

#include "base/quote.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/** The IPv4 address of ADDRESS, also when it is written as IPv6; NULL when it has none. */
static const uint8_t *as_ipv4(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET) {
		return (const uint8_t *)&((const struct sockaddr_in *)address)->sin_addr;
	}
	if (address->ss_family == AF_INET6) {
		const struct in6_addr *in6 = &((const struct sockaddr_in6 *)address)->sin6_addr;

		if (IN6_IS_ADDR_V4MAPPED(in6)) {
			return in6->s6_addr + 12;
		}
	}
	return NULL;
}

socklen_t us_address_size(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

uint16_t us_address_port(const struct sockaddr_storage *address)
{
	switch (address->ss_family) {
	case AF_INET:
		return ntohs(((const struct sockaddr_in *)address)->sin_port);
	case AF_INET6:
		return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
	default:
		return 0;
	}
}

void us_address_text(char text[US_CONN_NAME_MAX], const struct sockaddr_storage *address)
{
	const uint8_t *ipv4 = as_ipv4(address);
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	char host[INET6_ADDRSTRLEN];
	char zone[IF_NAMESIZE + 1] = "";
	unsigned int port = us_address_port(address);

	if (ipv4 != NULL) {
		inet_ntop(AF_INET, ipv4, host, sizeof(host));
		snprintf(text, US_CONN_NAME_MAX, "%s:%u", host, port);
	} else if (address->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		if (in6->sin6_scope_id != 0) {
			zone[0] = '%';
			if (if_indextoname(in6->sin6_scope_id, zone + 1) == NULL) {
				zone[0] = '\0';
			}
		}
		snprintf(text, US_CONN_NAME_MAX, "[%s%s]:%u", host, zone, port);
	} else {
		snprintf(text, US_CONN_NAME_MAX, "a local peer");
	}
}

void us_address_key(uint8_t key[US_ADDRESS_KEY], const struct sockaddr_storage *address)
{
	const uint8_t *ipv4 = as_ipv4(address);

	memset(key, 0, US_ADDRESS_KEY);
	if (ipv4 != NULL) {
		memcpy(key + 4, ipv4, 4);
	} else if (address->ss_family == AF_INET6) {
		memcpy(key, &((const struct sockaddr_in6 *)address)->sin6_addr, US_ADDRESS_KEY);
	}
}

int us_address_lookup(struct addrinfo **list, const char *host, const char *port, bool passive,
                      char why[US_NET_TEXT_MAX])
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0)};
	char name[256];
	int ret = getaddrinfo(host, port, &hints, list);

	if (ret == 0) {
		return 0;
	}
	us_quote(name, sizeof(name), host != NULL ? host : "*");
	snprintf(why, US_NET_TEXT_MAX, "%s: %s", name, ret == EAI_SYSTEM ? strerror(errno) : gai_strerror(ret));
	return ret == EAI_MEMORY ? -ENOMEM : -EHOSTUNREACH;
}
