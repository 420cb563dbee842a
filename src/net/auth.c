/* SPDX-License-Identifier: MIT */
/*
 * Each side is a list of turns, each a message to send or to get, of a fixed size:
 *
 *	client: send HELLO, get REPLY, send PROOF, get REPLY
 *	server: get HELLO, send REPLY, get PROOF, send REPLY
 *
 * A server whose client's proof is wrong sends its last reply with that status, and no proof of its own.
 */
#include "net/auth.h"

#include "base/us.h"
#include "net/conn_layer.h"
#include "sys/sock.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define TURNS 4u
#define HELLO_SIZE (US_AUTH_MAGIC_SIZE + US_KEY_SIZE)
#define REPLY_SIZE (US_AUTH_MAGIC_SIZE + 8 + US_KEY_SIZE)
#define PROOF_SIZE US_KEY_SIZE

static const size_t turn_sizes[TURNS] = {HELLO_SIZE, REPLY_SIZE, PROOF_SIZE, REPLY_SIZE};

struct auth {
	bool server;
	bool wrong;         /**< The client's proof was. */
	unsigned int turn;
	size_t done;        /**< Bytes of this turn's message. */
	uint8_t message[REPLY_SIZE];
	uint8_t key[US_KEY_SIZE];
	uint8_t client[US_KEY_SIZE]; /**< The nonces. */
	uint8_t server_nonce[US_KEY_SIZE];
};

/** The proof of one side. */
static int proof(const struct auth *auth, bool of_server, uint8_t out[US_KEY_SIZE])
{
	const uint8_t *pieces[2] = {auth->client, auth->server_nonce};

	return us_hmac(out, auth->key, of_server ? "uring-sync 1 server" : "uring-sync 1 client", pieces,
	               us_array_size(pieces));
}

/** Put a reply together; its payload is the caller's. */
static uint8_t *reply(uint8_t message[REPLY_SIZE], enum us_auth_status status)
{
	memset(message, 0, REPLY_SIZE);
	memcpy(message, US_AUTH_MAGIC, US_AUTH_MAGIC_SIZE);
	message[US_AUTH_MAGIC_SIZE] = (uint8_t)status;
	return message + US_AUTH_MAGIC_SIZE + 8;
}

/** Write the message that this turn sends. */
static int compose(struct auth *auth)
{
	uint8_t *payload;
	int ret;

	switch (auth->turn) {
	case 0:
		memcpy(auth->message, US_AUTH_MAGIC, US_AUTH_MAGIC_SIZE);
		ret = us_random(auth->client, sizeof(auth->client));
		memcpy(auth->message + US_AUTH_MAGIC_SIZE, auth->client, sizeof(auth->client));
		return ret;
	case 1:
		payload = reply(auth->message, US_AUTH_OK);
		ret = us_random(auth->server_nonce, sizeof(auth->server_nonce));
		memcpy(payload, auth->server_nonce, sizeof(auth->server_nonce));
		return ret;
	case 2:
		return proof(auth, false, auth->message);
	default:
		payload = reply(auth->message, auth->wrong ? US_AUTH_WRONG : US_AUTH_OK);
		return auth->wrong ? 0 : proof(auth, true, payload);
	}
}

/** Look at a reply's head. */
static int check_reply(const struct auth *auth, struct us_conn *conn)
{
	if (memcmp(auth->message, US_AUTH_MAGIC, US_AUTH_MAGIC_SIZE) != 0) {
		return us_conn_fail(conn, -EPROTO,
		                    "the other side is no uring-sync, or demands TLS (--no-tls is for both sides)");
	}
	switch (auth->message[US_AUTH_MAGIC_SIZE]) {
	case US_AUTH_OK:
		return 0;
	case US_AUTH_NEEDS_TLS:
		return us_conn_fail(conn, -EPROTO, "the other side demands TLS (--no-tls is for both sides)");
	case US_AUTH_WRONG:
		return us_conn_fail(conn, -EACCES, "the secrets of the two sides differ");
	default:
		return us_conn_fail(conn, -EPROTO, "the other side answers with something unknown");
	}
}

/** Take in the message that this turn got. */
static int take_in(struct auth *auth, struct us_conn *conn)
{
	uint8_t expected[US_KEY_SIZE];
	int ret = 0;

	switch (auth->turn) {
	case 0:
		if (memcmp(auth->message, US_AUTH_MAGIC, US_AUTH_MAGIC_SIZE) != 0) {
			return us_conn_fail(conn, -EPROTO, "no uring-sync of a version that is known here");
		}
		memcpy(auth->client, auth->message + US_AUTH_MAGIC_SIZE, sizeof(auth->client));
		return 0;
	case 1:
		ret = check_reply(auth, conn);
		memcpy(auth->server_nonce, auth->message + US_AUTH_MAGIC_SIZE + 8, sizeof(auth->server_nonce));
		return ret;
	case 2:
		ret = proof(auth, false, expected);
		auth->wrong = ret == 0 && !us_key_equal(expected, auth->message);
		break;
	default:
		ret = check_reply(auth, conn);
		if (ret == 0) {
			ret = proof(auth, true, expected);
		}
		if (ret == 0 && !us_key_equal(expected, auth->message + US_AUTH_MAGIC_SIZE + 8)) {
			ret = us_conn_fail(conn, -EACCES, "the secrets of the two sides differ");
		}
		break;
	}
	us_secret_wipe(expected, sizeof(expected));
	return ret;
}

/** Send or get what is left of this turn's message. @return 0 when it is complete. */
static int transfer(struct auth *auth, struct us_conn *conn, bool sends)
{
	size_t size = turn_sizes[auth->turn];

	if (sends && auth->done == 0) {
		int ret = compose(auth);

		if (ret < 0) {
			return us_conn_fail(conn, ret, "no random numbers, or no HMAC");
		}
	}
	while (auth->done < size) {
		struct iovec iov = {auth->message + auth->done, size - auth->done};
		int ret = sends ? us_conn_raw_write(conn, &iov, 1) : us_conn_raw_read(conn, iov.iov_base, iov.iov_len);

		if (ret == 0 || ret == -ECONNRESET || ret == -EPIPE) {
			return us_conn_fail(conn, -ECONNRESET, "the other side closed the connection in the handshake");
		}
		if (ret < 0) {
			return ret;
		}
		auth->done += (size_t)ret;
	}
	return 0;
}

/** As us_conn_handshake(). */
static int auth_handshake(void *state, struct us_conn *conn)
{
	struct auth *auth = state;

	while (auth->turn < TURNS) {
		bool sends = (auth->turn % 2 == 1) == auth->server;
		int ret = transfer(auth, conn, sends);

		if (ret == 0 && !sends) {
			ret = take_in(auth, conn);
		}
		if (ret < 0) {
			return ret;
		}
		auth->turn++;
		auth->done = 0;
	}
	if (auth->wrong) {
		return us_conn_fail(conn, -EACCES, "the secrets of the two sides differ");
	}
	us_secret_wipe(auth->key, sizeof(auth->key));
	return 0;
}

/** Forget the key. */
static void auth_free(void *state)
{
	us_secret_wipe(state, sizeof(struct auth));
	free(state);
}

static const struct us_conn_layer auth_layer = {.handshake = auth_handshake, .free = auth_free};

int us_auth_begin(struct us_conn *conn, const struct us_secret *secret, bool server)
{
	struct auth *auth = calloc(1, sizeof(*auth));

	if (auth == NULL) {
		return -ENOMEM;
	}
	auth->server = server;
	memcpy(auth->key, secret->auth, sizeof(auth->key));
	us_conn_set_layer(conn, &auth_layer, auth);
	return 0;
}

int us_auth_peek(const struct us_conn *conn)
{
	uint8_t first;
	int ret = us_sock_peek(conn->in, &first, 1);

	if (ret == -EAGAIN) {
		return US_AUTH_KIND_NONE;
	}
	if (ret <= 0) {
		return ret < 0 ? ret : US_AUTH_KIND_GONE;
	}
	if (first == 0x16) { /* A record of the handshake (RFC 8446, 5.1). */
		return US_AUTH_KIND_TLS;
	}
	return first == US_AUTH_MAGIC[0] ? US_AUTH_KIND_PLAIN : US_AUTH_KIND_UNKNOWN;
}

void us_auth_turn_away(struct us_conn *conn, enum us_auth_kind kind)
{
	/* The alert "protocol_version", as TLS has it (RFC 8446, 6): a client knows what that means here. */
	static const uint8_t alert[] = {0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 70};
	uint8_t message[REPLY_SIZE];
	struct iovec iov = {message, sizeof(message)};
	uint8_t rest[4096];

	if (kind == US_AUTH_KIND_TLS) {
		iov = (struct iovec){(void *)(uintptr_t)alert, sizeof(alert)};
	} else {
		reply(message, US_AUTH_NEEDS_TLS);
	}
	us_conn_raw_write(conn, &iov, 1);
	us_sock_shutdown(conn->out);
	/* A close with bytes that were not read would take the answer back (RST). */
	while (us_conn_raw_read(conn, rest, sizeof(rest)) > 0) {
	}
}
