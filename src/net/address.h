/* SPDX-License-Identifier: MIT */
/**
 * @file address.h
 * Hosts, addresses and ports.
 */
#ifndef US_NET_ADDRESS_H
#define US_NET_ADDRESS_H

#include "net/conn.h"

#include <netdb.h>
#include <stdint.h>
#include <sys/socket.h>

/** The bytes of an address's key. */
#define US_ADDRESS_KEY 8

/** Write an address as people write it: "192.0.2.1:9000", "[2001:db8::1]:9000".  IPv4 in IPv6 is shown as IPv4. */
void us_address_text(char text[US_CONN_NAME_MAX], const struct sockaddr_storage *address);

/**
 * What tells one party from another: an IPv4 address, or the first 64 bits of an IPv6 one, for whoever has one address
 * of a network has all of them.
 */
void us_address_key(uint8_t key[US_ADDRESS_KEY], const struct sockaddr_storage *address);

/** The bytes of it that count, for connect(2). */
socklen_t us_address_size(const struct sockaddr_storage *address);

/** Its port; 0 for what has none. */
uint16_t us_address_port(const struct sockaddr_storage *address);

/**
 * Look HOST up (getaddrinfo(3)): names, IPv4 and IPv6 addresses without brackets; NULL with PASSIVE for every address
 * of this host.
 *
 * @param[out] list  To be freed with freeaddrinfo(3).
 * @return 0, -EHOSTUNREACH when there is no such host, or -ENOMEM; WHY tells in words.
 */
int us_address_lookup(struct addrinfo **list, const char *host, const char *port, bool passive,
                      char why[US_NET_TEXT_MAX]);

#endif /* US_NET_ADDRESS_H */
