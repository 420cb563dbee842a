/* SPDX-License-Identifier: MIT */
#include "net/party.h"

#include "sys/sock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

int us_party_say(struct us_conn *conn, enum us_join_status status)
{
	uint8_t message[US_JOIN_SIZE];
	struct iovec iov = {message, sizeof(message)};
	int ret;

	us_join_answer(message, status);
	ret = us_conn_write(conn, &iov, 1);
	if (ret < 0) {
		return ret;
	}
	return ret == US_JOIN_SIZE ? 0 : -EAGAIN;
}

void us_party_dismiss(struct us_party *party, enum us_join_status status)
{
	for (unsigned int i = 0; i < US_PEER_CONNS_MAX; i++) {
		if (party->conns[i] != NULL && status != US_JOIN_READY && us_party_say(party->conns[i], status) == 0) {
			us_conn_finish(party->conns[i]);
		}
		us_conn_close(party->conns[i]);
	}
	*party = (struct us_party){0};
}

/** The party with this identity, or else a place for one; NULL when there is neither. */
static struct us_party *find_place(struct us_party *parties, unsigned int nr_parties, const uint8_t id[US_JOIN_ID_SIZE])
{
	struct us_party *place = NULL;

	for (unsigned int i = 0; i < nr_parties; i++) {
		if (parties[i].nr > 0 && memcmp(parties[i].id, id, US_JOIN_ID_SIZE) == 0) {
			return &parties[i];
		}
		if (parties[i].nr == 0 && place == NULL) {
			place = &parties[i];
		}
	}
	return place;
}

struct us_party *us_party_join(struct us_party *parties, unsigned int nr_parties, const struct us_join *join,
                               struct us_conn *conn)
{
	struct us_party *party = find_place(parties, nr_parties, join->id);

	if (party != NULL && party->nr == 0) {
		memcpy(party->id, join->id, US_JOIN_ID_SIZE);
		party->nr = join->nr;
	}
	if (party == NULL || party->nr != join->nr || party->conns[join->index] != NULL) {
		if (us_party_say(conn, party == NULL ? US_JOIN_BUSY : US_JOIN_BAD) == 0) {
			us_conn_finish(conn);
		}
		us_conn_close(conn);
		return NULL;
	}
	party->conns[join->index] = conn;
	party->here++;
	return party;
}

int us_party_ready(struct us_party *party, struct usync_peer **peer, uint64_t timeout_ns)
{
	int ret = us_peer_new(peer, true, us_conn_name(party->conns[0]), timeout_ns);

	for (unsigned int i = 0; i < party->nr && ret == 0; i++) {
		ret = us_party_say(party->conns[i], US_JOIN_READY);
		if (ret < 0) {
			us_peer_free(*peer);
		}
	}
	if (ret < 0) {
		us_party_dismiss(party, US_JOIN_READY);
		return ret;
	}
	memcpy((*peer)->conns, party->conns, sizeof(party->conns));
	(*peer)->nr = party->nr;
	*party = (struct us_party){0};
	return 0;
}

bool us_party_left(const struct us_party *party)
{
	struct pollfd fds[US_PEER_CONNS_MAX];

	for (unsigned int i = 0; i < party->nr; i++) {
		fds[i] = (struct pollfd){.fd = us_conn_fd(party->conns[i], POLLIN), .events = POLLIN};
	}
	/* The past: it does not wait. */
	return us_poll_until(fds, party->nr, 1) != 0;
}
