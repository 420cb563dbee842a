/* SPDX-License-Identifier: MIT */
/*
 * One loop, in us_door_accept():
 *
 *	gather what to poll ── poll ── accept all ── go on with each stranger ── parties: turns, deadlines ── a peer?
 *
 * A stranger's stages are in stranger_step(); it leaves the list when it has failed or joined.
 */
#include "net/door.h"

#include "base/clock.h"
#include "base/us.h"
#include "net/address.h"
#include "net/auth.h"
#include "net/delays.h"
#include "net/listener.h"
#include "net/party.h"
#include "sys/call.h"
#include "sys/nofile.h"
#include "sys/sock.h"

#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/** How long nothing is accepted after the process ran out of descriptors or memory. */
#define ACCEPT_PAUSE_NS (US_SECOND_NS / 10)

/** So many are told of in ten seconds; the others are counted. */
#define WARNINGS_MAX 20u
#define WARNINGS_NS (10 * US_SECOND_NS)

/** Of what is polled, those before the strangers. */
#define FDS_FIXED 2u

/** Where a stranger stands. */
enum stage {
	STAGE_HELD,  /**< Its address has to wait: it asks again at held_ns. */
	STAGE_PEEK,  /**< For its first byte. */
	STAGE_SHAKE, /**< The handshake goes on. */
	STAGE_JOIN,  /**< It is none any more, and is to say what it belongs to. */
};

struct stranger {
	struct us_conn *conn;
	enum stage stage;
	uint64_t held_ns;
	uint64_t deadline_ns;       /**< Once it is not held any more. */
	uint8_t key[US_ADDRESS_KEY];
	size_t got;                 /**< Bytes of its message. */
	uint8_t message[US_JOIN_SIZE];
};

struct us_door {
	struct us_door_options options;
	struct us_listener listener;
	unsigned int max_strangers;
	unsigned int nr_strangers;
	struct stranger *strangers;
	struct us_party parties[US_DOOR_PARTIES];
	struct us_delays delays;
	uint64_t next_order;
	uint64_t pause_ns;          /**< Nothing is accepted until then. */
	atomic_uint clients;        /**< Peers that are not freed. */
	int freed_fd;               /**< An eventfd: one was. */
	uint64_t warnings_ns;       /**< Since when warnings are counted. */
	unsigned int warnings;
	struct pollfd *fds;         /**< stop, freed, strangers, listener, parties. */
};

/** Tell of something, unless too much is told. */
static void warn(struct us_door *door, const struct us_conn *conn, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void warn(struct us_door *door, const struct us_conn *conn, const char *format, ...)
{
	char reason[US_NET_TEXT_MAX];
	char text[US_NET_TEXT_MAX + US_CONN_NAME_MAX + 64];
	uint64_t now = us_clock_ns();
	va_list args;

	if (door->options.warn == NULL) {
		return;
	}
	if (now - door->warnings_ns >= WARNINGS_NS) {
		unsigned int more = door->warnings > WARNINGS_MAX ? door->warnings - WARNINGS_MAX : 0;

		door->warnings_ns = now;
		door->warnings = 0;
		if (more > 0) {
			snprintf(text, sizeof(text), "%u more connections were turned away", more);
			door->options.warn(door->options.payload, text);
		}
	}
	if (++door->warnings > WARNINGS_MAX) {
		return;
	}
	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	snprintf(text, sizeof(text), "%s: %s", us_conn_name(conn), reason);
	door->options.warn(door->options.payload, text);
}

/* ---- Open and shut ---- */

/** What a peer calls when it is freed, from any thread. */
static void peer_freed(void *payload)
{
	struct us_door *door = payload;
	uint64_t one = 1;

	/* In this order: who is woken sees the new count. */
	atomic_fetch_sub(&door->clients, 1);
	if (write(door->freed_fd, &one, sizeof(one)) < 0) {
		/* The counter is full: there is something to read. */
	}
}

int us_door_open(struct us_door **door, const struct us_door_options *options, const char *host, const char *port,
                 char why[US_NET_TEXT_MAX])
{
	struct us_door *new = calloc(1, sizeof(*new));
	int ret = -ENOMEM;

	if (new == NULL) {
		snprintf(why, US_NET_TEXT_MAX, "%s", strerror(ENOMEM));
		return ret;
	}
	new->options = *options;
	/* Half of the descriptors are the transfers'. */
	new->max_strangers = us_max(us_min(US_DOOR_STRANGERS, us_nofile_raise() / 2), 8u);
	new->strangers = calloc(new->max_strangers, sizeof(*new->strangers));
	new->fds = calloc(2 + US_LISTENER_MAX + new->max_strangers + US_DOOR_PARTIES, sizeof(*new->fds));
	new->freed_fd = us_try(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (new->strangers == NULL || new->fds == NULL || new->freed_fd < 0) {
		ret = new->freed_fd < 0 ? new->freed_fd : -ENOMEM;
		snprintf(why, US_NET_TEXT_MAX, "%s", strerror(-ret));
	} else {
		ret = us_listener_open(&new->listener, host, port, why);
	}
	if (ret < 0) {
		us_door_free(new);
		return ret;
	}
	*door = new;
	return 0;
}

uint16_t us_door_port(const struct us_door *door)
{
	return door->listener.port;
}

void us_door_shut(struct us_door *door)
{
	us_listener_close(&door->listener); /* No socket is left in it: that is how accept knows. */
	for (unsigned int i = 0; i < door->nr_strangers; i++) {
		us_conn_close(door->strangers[i].conn);
	}
	door->nr_strangers = 0;
	for (unsigned int i = 0; i < US_DOOR_PARTIES; i++) {
		us_party_dismiss(&door->parties[i], US_JOIN_OVER);
	}
}

void us_door_free(struct us_door *door)
{
	if (door == NULL) {
		return;
	}
	us_door_shut(door);
	if (door->freed_fd >= 0) {
		us_close(door->freed_fd);
	}
	free(door->strangers);
	free(door->fds);
	free(door);
}

/* ---- Strangers ---- */

/** Let the one at I go; its connection is closed, or was taken (NULL). */
static void remove_stranger(struct us_door *door, unsigned int i)
{
	us_conn_close(door->strangers[i].conn);
	/* Those behind keep their order, which is that of their coming. */
	memmove(&door->strangers[i], &door->strangers[i + 1],
	        (door->nr_strangers - i - 1) * sizeof(door->strangers[0]));
	door->nr_strangers--;
}

/** The one to go when there are too many: of the address that has the most of them, the oldest. */
static unsigned int pick_victim(const struct us_door *door)
{
	unsigned int victim = 0;
	unsigned int most = 0;

	for (unsigned int i = 0; i < door->nr_strangers; i++) {
		unsigned int same = 0;

		for (unsigned int j = i; j < door->nr_strangers; j++) {
			same += memcmp(door->strangers[i].key, door->strangers[j].key, US_ADDRESS_KEY) == 0;
		}
		if (same > most) { /* Of one address, the first has the most behind it. */
			most = same;
			victim = i;
		}
	}
	return victim;
}

/** Take one more in, in the place of another if need be. */
static void add_stranger(struct us_door *door, struct us_conn *conn, const struct sockaddr_storage *address)
{
	struct stranger *stranger;

	if (door->nr_strangers == door->max_strangers) {
		unsigned int victim = pick_victim(door);

		warn(door, door->strangers[victim].conn, "turned away: %u others are in their handshakes",
		     door->max_strangers - 1);
		remove_stranger(door, victim);
	}
	stranger = &door->strangers[door->nr_strangers++];
	*stranger = (struct stranger){.conn = conn, .stage = STAGE_HELD};
	us_address_key(stranger->key, address);
}

/** Take all that wait at the listening sockets. */
static void accept_all(struct us_door *door)
{
	for (unsigned int i = 0; i < door->max_strangers; i++) {
		struct sockaddr_storage address;
		struct us_conn *conn;
		int ret = us_listener_accept(&door->listener, &conn, &address);

		if (ret == -EAGAIN) {
			return;
		}
		if (ret < 0) {
			/* They wait, and would make poll(2) return at once. */
			door->pause_ns = us_clock_ns() + ACCEPT_PAUSE_NS;
			return;
		}
		add_stranger(door, conn, &address);
	}
}

/** See in which way a stranger wants to speak, and begin its handshake. */
static int begin_handshake(struct us_door *door, struct stranger *stranger)
{
	int kind = us_auth_peek(stranger->conn);

	switch (kind) {
	case US_AUTH_KIND_NONE:
		return -EAGAIN;
	case US_AUTH_KIND_TLS:
		if (door->options.tls == NULL) {
			us_auth_turn_away(stranger->conn, US_AUTH_KIND_TLS);
			warn(door, stranger->conn, "wants TLS, which is off here (--no-tls)");
			return -EPROTO;
		}
		return us_tls_begin(stranger->conn, door->options.tls);
	case US_AUTH_KIND_PLAIN:
		if (door->options.tls != NULL) {
			us_auth_turn_away(stranger->conn, US_AUTH_KIND_PLAIN);
			warn(door, stranger->conn, "comes without TLS (--no-tls), which is demanded here");
			return -EPROTO;
		}
		return us_auth_begin(stranger->conn, door->options.secret, true);
	case US_AUTH_KIND_UNKNOWN:
		warn(door, stranger->conn, "is no uring-sync");
		return -EPROTO;
	default:
		/* Gone without a word: a port scan, or someone who looks whether anybody is here. */
		return -ECONNRESET;
	}
}

/** An address has proved that it knows the secret: those of it that are held need not be. */
static void let_go(struct us_door *door, const uint8_t key[US_ADDRESS_KEY])
{
	us_delays_right(&door->delays, key);
	for (unsigned int i = 0; i < door->nr_strangers; i++) {
		struct stranger *other = &door->strangers[i];

		if (other->stage == STAGE_HELD && memcmp(other->key, key, US_ADDRESS_KEY) == 0) {
			other->held_ns = 0;
		}
	}
}

/** Go on with the handshake. */
static int go_on(struct us_door *door, struct stranger *stranger)
{
	int ret = us_conn_handshake(stranger->conn);

	if (ret == -EACCES) {
		us_delays_wrong(&door->delays, stranger->key, us_clock_ns());
	}
	if (ret < 0 && ret != -EAGAIN) {
		warn(door, stranger->conn, "%s", us_conn_why(stranger->conn));
	}
	if (ret == 0) {
		let_go(door, stranger->key);
	}
	return ret;
}

/** Read what it belongs to. */
static int join(struct us_door *door, struct stranger *stranger)
{
	struct us_join message;
	struct us_party *party;

	while (stranger->got < US_JOIN_SIZE) {
		int ret = us_conn_read(stranger->conn, stranger->message + stranger->got, US_JOIN_SIZE - stranger->got);

		if (ret <= 0) {
			return ret == 0 ? -ECONNRESET : ret;
		}
		stranger->got += (size_t)ret;
	}
	if (us_join_decode(&message, stranger->message) < 0) {
		warn(door, stranger->conn, "knows the secret, but speaks another protocol");
		us_party_say(stranger->conn, US_JOIN_BAD);
		return -EPROTO;
	}
	party = us_party_join(door->parties, US_DOOR_PARTIES, &message, stranger->conn);
	stranger->conn = NULL;
	if (party != NULL && party->here == 1) {
		party->deadline_ns = us_clock_ns() + door->options.handshake_ns;
	}
	if (party != NULL && party->here == party->nr) {
		party->order = ++door->next_order;
	}
	return 0;
}

/** See whether it is its turn. @return 0, or -EAGAIN. */
static int ask_turn(struct us_door *door, struct stranger *stranger)
{
	uint64_t now = us_clock_ns();

	if (now >= stranger->held_ns) {
		stranger->held_ns = us_delays_turn(&door->delays, stranger->key, now);
	}
	if (now < stranger->held_ns) {
		return -EAGAIN;
	}
	stranger->deadline_ns = now + door->options.handshake_ns;
	return 0;
}

/** Bring a stranger as far as it goes. @return -EAGAIN: it waits; else it is through, or lost. */
static int stranger_step(struct us_door *door, struct stranger *stranger)
{
	int ret = 0;

	while (ret == 0) {
		switch (stranger->stage) {
		case STAGE_HELD:
			ret = ask_turn(door, stranger);
			break;
		case STAGE_PEEK:
			ret = begin_handshake(door, stranger);
			break;
		case STAGE_SHAKE:
			ret = go_on(door, stranger);
			break;
		case STAGE_JOIN:
			ret = join(door, stranger);
			return ret;
		}
		if (ret == 0) {
			stranger->stage++;
		}
	}
	return ret;
}

/** Those that are held and have left, as poll(2) has just told, go: who is not there has no turn. */
static void drop_left(struct us_door *door)
{
	for (unsigned int i = door->nr_strangers; i-- > 0;) {
		if (door->strangers[i].stage == STAGE_HELD && door->fds[FDS_FIXED + i].revents != 0) {
			warn(door, door->strangers[i].conn, "left while its address had to wait");
			remove_stranger(door, i);
		}
	}
}

/** All of them; those whose time is up go. */
static void step_strangers(struct us_door *door)
{
	unsigned int i = 0;

	while (i < door->nr_strangers) {
		struct stranger *stranger = &door->strangers[i];
		int ret = stranger_step(door, stranger);

		if (ret == -EAGAIN && stranger->stage != STAGE_HELD && us_clock_ns() >= stranger->deadline_ns) {
			warn(door, stranger->conn,
			     stranger->stage == STAGE_PEEK ? "says nothing"
			                                   : "did not bring its handshake to an end in time");
			ret = -ETIMEDOUT;
		}
		if (ret == -EAGAIN) {
			i++;
		} else {
			remove_stranger(door, i);
		}
	}
}

/* ---- Parties ---- */

/** The party whose turn it is, or NULL. */
static struct us_party *next_party(struct us_door *door)
{
	struct us_party *next = NULL;

	for (unsigned int i = 0; i < US_DOOR_PARTIES; i++) {
		struct us_party *party = &door->parties[i];

		if (party->order > 0 && (next == NULL || party->order < next->order)) {
			next = party;
		}
	}
	return next;
}

/** Let go who gave up, and who is not complete in time. */
static void check_parties(struct us_door *door)
{
	uint64_t now = us_clock_ns();

	for (unsigned int i = 0; i < US_DOOR_PARTIES; i++) {
		struct us_party *party = &door->parties[i];

		if (party->nr > 0 && party->order == 0 && now >= party->deadline_ns) {
			for (unsigned int j = 0; j < party->nr; j++) {
				if (party->conns[j] != NULL) {
					warn(door, party->conns[j], "%u of its %u connections did not come",
					     party->nr - party->here, party->nr);
					break;
				}
			}
			us_party_dismiss(party, US_JOIN_BAD);
		} else if (party->order > 0 && us_party_left(party)) {
			us_party_dismiss(party, US_JOIN_READY);
		}
	}
}

/** Give out the next one, if there is room. @return true when there is a peer. */
static bool take_turn(struct us_door *door, struct usync_peer **peer)
{
	char text[US_NET_TEXT_MAX];
	struct us_party *party;

	while ((party = next_party(door)) != NULL && atomic_load(&door->clients) < door->options.max_clients) {
		if (us_party_ready(party, peer, door->options.timeout_ns) == 0) {
			atomic_fetch_add(&door->clients, 1);
			(*peer)->freed = peer_freed;
			(*peer)->payload = door;
			snprintf(text, sizeof(text), "%s: %u connection%s, %s", (*peer)->name, (*peer)->nr,
			         (*peer)->nr == 1 ? "" : "s", us_conn_security((*peer)->conns[0]));
			if (door->options.note != NULL) {
				door->options.note(door->options.payload, text);
			}
			return true;
		}
	}
	for (unsigned int i = 0; i < US_DOOR_PARTIES; i++) {
		party = &door->parties[i];
		if (party->order > 0 && !party->told) {
			party->told = us_party_say(party->conns[0], US_JOIN_WAIT) == 0;
		}
	}
	return false;
}

/* ---- The loop ---- */

/** Let A be the earlier of both, where 0 is none. */
static void earlier(uint64_t *a, uint64_t b)
{
	*a = *a == 0 ? b : us_min(*a, b);
}

/** Gather what to poll. @return how many; DEADLINE: until when. */
static unsigned int gather(struct us_door *door, uint64_t *deadline)
{
	unsigned int nr = 0;

	*deadline = 0;
	door->fds[nr++] = (struct pollfd){.fd = door->options.stop_fd, .events = POLLIN};
	door->fds[nr++] = (struct pollfd){.fd = door->freed_fd, .events = POLLIN};
	for (unsigned int i = 0; i < door->nr_strangers; i++) {
		struct stranger *stranger = &door->strangers[i];
		bool held = stranger->stage == STAGE_HELD;
		int events = held ? POLLRDHUP : stranger->stage == STAGE_PEEK ? POLLIN : us_conn_events(stranger->conn);

		door->fds[nr++] = (struct pollfd){.fd = us_conn_fd(stranger->conn, POLLIN), .events = (short)events};
		earlier(deadline, held ? us_max(stranger->held_ns, (uint64_t)1) : stranger->deadline_ns);
	}
	if (us_clock_ns() >= door->pause_ns) {
		for (unsigned int i = 0; i < door->listener.nr; i++) {
			door->fds[nr++] = (struct pollfd){.fd = door->listener.fds[i], .events = POLLIN};
		}
	} else {
		earlier(deadline, door->pause_ns);
	}
	for (unsigned int i = 0; i < US_DOOR_PARTIES; i++) {
		struct us_party *party = &door->parties[i];

		if (party->order > 0) {
			door->fds[nr++] = (struct pollfd){.fd = us_conn_fd(party->conns[0], POLLIN), .events = POLLIN};
		} else if (party->nr > 0) {
			earlier(deadline, party->deadline_ns);
		}
	}
	return nr;
}

int us_door_accept(struct us_door *door, struct usync_peer **peer)
{
	for (;;) {
		uint64_t count;
		uint64_t deadline;
		unsigned int nr;
		int ret;

		check_parties(door);
		if (door->listener.nr == 0 && atomic_load(&door->clients) == 0) {
			return -ESHUTDOWN;
		}
		if (take_turn(door, peer)) {
			return 0;
		}
		nr = gather(door, &deadline);
		ret = us_poll_until(door->fds, nr, deadline);
		if (ret < 0) {
			return ret;
		}
		if (door->fds[0].revents != 0) {
			return -ECANCELED;
		}
		if (read(door->freed_fd, &count, sizeof(count)) < 0) {
			/* None was freed. */
		}
		drop_left(door);
		if (us_clock_ns() >= door->pause_ns) {
			accept_all(door);
		}
		step_strangers(door);
	}
}
