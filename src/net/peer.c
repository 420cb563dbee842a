/* SPDX-License-Identifier: MIT */
#include "net/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "usync-j1"
#define MAGIC_SIZE 8

int us_peer_new(struct usync_peer **peer, bool server, const char *name, uint64_t timeout_ns)
{
	struct usync_peer *new = calloc(1, sizeof(*new));

	if (new == NULL) {
		return -ENOMEM;
	}
	new->server = server;
	new->timeout_ns = timeout_ns;
	snprintf(new->name, sizeof(new->name), "%s", name);
	*peer = new;
	return 0;
}

void us_peer_free(struct usync_peer *peer)
{
	if (peer == NULL) {
		return;
	}
	for (unsigned int i = 0; i < US_PEER_CONNS_MAX; i++) {
		us_conn_close(peer->conns[i]);
	}
	if (peer->freed != NULL) {
		peer->freed(peer->payload);
	}
	free(peer);
}

/** Write 16 bits, the lower ones first. */
static void put16(uint8_t *out, uint16_t value)
{
	out[0] = (uint8_t)value;
	out[1] = (uint8_t)(value >> 8);
}

/** Read them. */
static uint16_t get16(const uint8_t *in)
{
	return (uint16_t)(in[0] | in[1] << 8);
}

void us_join_encode(uint8_t out[US_JOIN_SIZE], const struct us_join *join)
{
	memset(out, 0, US_JOIN_SIZE);
	memcpy(out, MAGIC, MAGIC_SIZE);
	memcpy(out + MAGIC_SIZE, join->id, US_JOIN_ID_SIZE);
	put16(out + 24, join->index);
	put16(out + 26, join->nr);
}

int us_join_decode(struct us_join *join, const uint8_t in[US_JOIN_SIZE])
{
	static const uint8_t zeros[4];

	if (memcmp(in, MAGIC, MAGIC_SIZE) != 0 || memcmp(in + 28, zeros, sizeof(zeros)) != 0) {
		return -EPROTO;
	}
	memcpy(join->id, in + MAGIC_SIZE, US_JOIN_ID_SIZE);
	join->index = get16(in + 24);
	join->nr = get16(in + 26);
	return join->nr > 0 && join->nr <= US_PEER_CONNS_MAX && join->index < join->nr ? 0 : -EPROTO;
}

void us_join_answer(uint8_t out[US_JOIN_SIZE], enum us_join_status status)
{
	memset(out, 0, US_JOIN_SIZE);
	memcpy(out, MAGIC, MAGIC_SIZE);
	out[MAGIC_SIZE] = (uint8_t)status;
}

int us_join_answered(const uint8_t in[US_JOIN_SIZE])
{
	return memcmp(in, MAGIC, MAGIC_SIZE) == 0 && in[MAGIC_SIZE] <= US_JOIN_BAD ? in[MAGIC_SIZE] : -EPROTO;
}
