/* SPDX-License-Identifier: MIT */
/* net/tls and net/auth: two ends over a pair of sockets, that know the same secret, or another, or none. */
#include "unit.h"

#include "base/clock.h"
#include "base/us.h"
#include "net/auth.h"
#include "net/conn.h"
#include "net/secret.h"
#include "net/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char why[US_NET_TEXT_MAX];
static struct us_secret right;
static struct us_secret wrong;

/** The two ends, and what lies on them. */
static struct us_conn *client;
static struct us_conn *server;
static struct us_tls *client_tls;
static struct us_tls *server_tls;

static int group_setup(void **state)
{
	char text[US_SECRET_MADE + 1];

	(void)state;
	if (us_secret_make(text) < 0 || us_secret_init(&right, text, US_SECRET_MADE, why) < 0 || us_secret_make(text) < 0 ||
	    us_secret_init(&wrong, text, US_SECRET_MADE, why) < 0) {
		return -1;
	}
	return 0;
}

/** Two connected ends without a layer. */
static void connect_ends(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(us_conn_socket(&client, fds[0], NULL, "client"), 0);
	assert_int_equal(us_conn_socket(&server, fds[1], NULL, "server"), 0);
}

/** Put TLS on both. */
static void begin_tls(const struct us_secret *clients, const struct us_secret *servers)
{
	connect_ends();
	assert_int_equal(us_tls_new(&client_tls, clients, false, US_KTLS_OFF, why), 0);
	assert_int_equal(us_tls_new(&server_tls, servers, true, US_KTLS_OFF, why), 0);
	assert_int_equal(us_tls_begin(client, client_tls), 0);
	assert_int_equal(us_tls_begin(server, server_tls), 0);
}

/** Put challenge and response on both. */
static void begin_auth(const struct us_secret *clients, const struct us_secret *servers)
{
	connect_ends();
	assert_int_equal(us_auth_begin(client, clients, false), 0);
	assert_int_equal(us_auth_begin(server, servers, true), 0);
}

static int teardown(void **state)
{
	(void)state;
	us_conn_close(client);
	us_conn_close(server);
	us_tls_free(client_tls);
	us_tls_free(server_tls);
	client = NULL;
	server = NULL;
	client_tls = NULL;
	server_tls = NULL;
	return 0;
}

/** Both handshakes, in turns, until neither can go on. */
static void shake(int *client_ret, int *server_ret)
{
	*client_ret = -EAGAIN;
	*server_ret = -EAGAIN;
	for (int i = 0; i < 20 && (*client_ret == -EAGAIN || *server_ret == -EAGAIN); i++) {
		if (*client_ret == -EAGAIN) {
			*client_ret = us_conn_handshake(client);
		}
		if (*server_ret == -EAGAIN) {
			*server_ret = us_conn_handshake(server);
		}
	}
}

/** The same, which shall succeed. */
static void shake_hands(void)
{
	int c;
	int s;

	shake(&c, &s);
	if (c != 0 || s != 0) {
		fail_msg("client: %d %s; server: %d %s", c, us_conn_why(client), s, us_conn_why(server));
	}
}

/** Move SIZE bytes from one to the other, in pieces of many sizes, and look at each. */
static void move(struct us_conn *from, struct us_conn *to, size_t size)
{
	static uint8_t out[1 << 18];
	static uint8_t in[100000];
	size_t written = 0;
	size_t got = 0;
	unsigned int idle = 0;

	for (size_t i = 0; i < sizeof(out); i++) {
		out[i] = (uint8_t)(i % 251);
	}
	while (got < size) {
		size_t at = written % 251;
		size_t left = us_min(size - written, (size_t)1 << 17);
		size_t first = us_min(left, written % 40000);
		struct iovec iov[3] = {{out + at, first}, {out + at + first, us_min(left - first, (size_t)7)}, {NULL, 0}};
		int ret;

		iov[2].iov_base = out + at + first + iov[1].iov_len;
		iov[2].iov_len = left - first - iov[1].iov_len;
		ret = left > 0 ? us_conn_write(from, iov, 3) : -EAGAIN;
		assert_true(ret > 0 || ret == -EAGAIN);
		written += (size_t)us_max(ret, 0);
		idle = ret > 0 ? 0 : idle + 1;
		ret = us_conn_read(to, in, 1 + written % sizeof(in));
		assert_true(ret > 0 || ret == -EAGAIN);
		for (int i = 0; i < ret; i++) {
			if (in[i] != (uint8_t)((got + (size_t)i) % 251)) {
				fail_msg("byte %zu is wrong", got + (size_t)i);
			}
		}
		got += (size_t)us_max(ret, 0);
		idle = ret > 0 ? 0 : idle;
		assert_true(idle < 100);
	}
	assert_int_equal(got, size);
	assert_int_equal(us_conn_read(to, in, 1), -EAGAIN);
	assert_int_equal(us_conn_events(to) & POLLIN, POLLIN);
	assert_false(us_conn_pending(to));
}

/** The same secret: bytes go both ways, and the end is told in order. */
static void check_stream(void)
{
	char buf[8];

	shake_hands();
	assert_int_equal(us_conn_handshake(client), 0);
	move(client, server, 3 << 20);
	move(server, client, 1 << 20);
	move(client, server, 1);
	assert_int_equal(us_conn_finish(client), 0);
	assert_int_equal(us_conn_read(server, buf, sizeof(buf)), 0);
	assert_int_equal(us_conn_read(server, buf, sizeof(buf)), 0);
	move(server, client, 100000); /* The other direction goes on. */
	assert_int_equal(us_conn_finish(server), 0);
	assert_int_equal(us_conn_read(client, buf, sizeof(buf)), 0);
}

static void test_tls(void **state)
{
	(void)state;
	begin_tls(&right, &right);
	check_stream();
	assert_non_null(strstr(us_conn_security(client), "TLS 1.3, TLS_AES_128_GCM_SHA256, sending by OpenSSL"));
	assert_false(us_conn_plain_send(client));
	assert_false(us_conn_plain_recv(client));
	assert_true(us_conn_authentic(client));
	assert_true(us_conn_authentic(server));
}

static void test_auth(void **state)
{
	(void)state;
	begin_auth(&right, &right);
	check_stream();
	assert_string_equal(us_conn_security(client), "no encryption");
	assert_true(us_conn_plain_send(server));
	assert_false(us_conn_authentic(client));
	assert_false(us_conn_authentic(server));
}

/** Different secrets: both sides are told so, and no more. */
static void check_differ(void)
{
	int c;
	int s;

	shake(&c, &s);
	assert_int_equal(c, -EACCES);
	assert_int_equal(s, -EACCES);
	assert_string_equal(us_conn_why(client), "the secrets of the two sides differ");
	assert_string_equal(us_conn_why(server), "the secrets of the two sides differ");
}

static void test_tls_wrong(void **state)
{
	(void)state;
	begin_tls(&wrong, &right);
	check_differ();
}

static void test_auth_wrong(void **state)
{
	(void)state;
	begin_auth(&wrong, &right);
	check_differ();
}

/**
 * What crosses is different each time, though the secret and the bytes are the same: nothing recorded can be played
 * again.
 */
static void test_fresh(void **state)
{
	uint8_t seen[2][3][4096];
	int lengths[2][3] = {0};

	for (int layer = 0; layer < 2; layer++) {
		for (int i = 0; i < 2; i++) {
			int raw;

			if (layer == 0) {
				begin_tls(&right, &right);
			} else {
				begin_auth(&right, &right);
			}
			raw = us_conn_fd(server, POLLIN);
			for (int turn = 0; turn < 2; turn++) {
				us_conn_handshake(client);
				lengths[i][turn] = (int)recv(raw, seen[i][turn], sizeof(seen[i][turn]), MSG_PEEK);
				us_conn_handshake(server);
			}
			teardown(state);
		}
		for (int turn = 0; turn < 2; turn++) {
			assert_true(lengths[0][turn] >= 32);
			assert_int_equal(lengths[0][turn], lengths[1][turn]);
			assert_memory_not_equal(seen[0][turn], seen[1][turn], (size_t)lengths[0][turn]);
		}
	}
}

/** A client's flight, recorded and sent again: the server has another nonce, and the proof is worth nothing. */
static void test_replay(void **state)
{
	uint8_t flight[2][4096];
	int lengths[2];
	int fds[2];
	int ret;

	for (int layer = 0; layer < 2; layer++) {
		if (layer == 0) {
			begin_tls(&right, &right);
		} else {
			begin_auth(&right, &right);
		}
		for (int turn = 0; turn < 2; turn++) {
			us_conn_handshake(client);
			lengths[turn] = (int)recv(us_conn_fd(server, POLLIN), flight[turn], sizeof(flight[turn]), MSG_PEEK);
			ret = us_conn_handshake(server);
		}
		assert_int_equal(ret, 0);
		us_conn_close(server);
		us_conn_close(client);
		client = NULL;
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
		assert_int_equal(us_conn_socket(&server, fds[1], NULL, "server"), 0);
		assert_int_equal(layer == 0 ? us_tls_begin(server, server_tls) : us_auth_begin(server, &right, true), 0);
		for (int turn = 0; turn < 2; turn++) {
			assert_int_equal(send(fds[0], flight[turn], (size_t)lengths[turn], 0), lengths[turn]);
			ret = us_conn_handshake(server);
			assert_int_equal(ret == -EAGAIN, turn == 0);
		}
		assert_int_not_equal(ret, 0);
		close(fds[0]);
		teardown(state);
	}
}

/** A peer that sends back what it gets does not pass, for the two directions have proofs of their own. */
static void test_reflection(void **state)
{
	uint8_t buf[4096];
	int fds[2];
	int ret = -EAGAIN;

	(void)state;
	for (int layer = 0; layer < 2; layer++) {
		begin_tls(&right, &right);
		us_conn_close(client);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
		assert_int_equal(us_conn_socket(&client, fds[0], NULL, "client"), 0);
		assert_int_equal(layer == 0 ? us_tls_begin(client, client_tls) : us_auth_begin(client, &right, false), 0);
		ret = -EAGAIN;
		for (int i = 0; i < 10 && ret == -EAGAIN; i++) {
			ssize_t got;

			ret = us_conn_handshake(client);
			got = recv(fds[1], buf, sizeof(buf), MSG_DONTWAIT);
			if (got > 0 && layer == 1 && i == 0) {
				/* A reply has 8 bytes more than a hello: the best that can be made of it. */
				memmove(buf + 16, buf + 8, 32);
				memset(buf + 8, 0, 8);
				got = 48;
			} else if (got > 0 && layer == 1) {
				memmove(buf + 16, buf, 32);
				memcpy(buf, US_AUTH_MAGIC, 8);
				memset(buf + 8, 0, 8);
				got = 48;
			}
			if (got > 0) {
				assert_int_equal(send(fds[1], buf, (size_t)got, 0), got);
			}
		}
		assert_int_equal(ret, layer == 0 ? -EPROTO : -EACCES);
		close(fds[1]);
		teardown(state);
	}
}

/** Ends, and garbage, at every place of the handshake: an error, never a success, never a hang. */
static void test_truncated(void **state)
{
	uint8_t flight[4096];

	for (int layer = 0; layer < 2; layer++) {
		int length;

		if (layer == 0) {
			begin_tls(&right, &right);
		} else {
			begin_auth(&right, &right);
		}
		us_conn_handshake(client);
		length = (int)recv(us_conn_fd(server, POLLIN), flight, sizeof(flight), MSG_PEEK);
		assert_true(length >= 40);
		teardown(state);
		for (int cut = 0; cut < length; cut += 1 + cut / 16) {
			int fds[2];
			int ret;

			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
			assert_int_equal(us_conn_socket(&server, fds[1], NULL, "server"), 0);
			assert_int_equal(us_tls_new(&server_tls, &right, true, US_KTLS_OFF, why), 0);
			assert_int_equal(layer == 0 ? us_tls_begin(server, server_tls) : us_auth_begin(server, &right, true), 0);
			assert_int_equal(send(fds[0], flight, (size_t)cut, 0), cut);
			assert_int_equal(us_conn_handshake(server), -EAGAIN);
			assert_int_equal(us_conn_events(server), POLLIN);
			if (cut % 2 == 0) {
				close(fds[0]);
				ret = us_conn_handshake(server);
				assert_int_equal(ret, -ECONNRESET);
				assert_non_null(strstr(us_conn_why(server), "closed"));
			} else {
				memset(flight + 4000, 0xff, 96);
				for (int i = 0; i < 1000; i++) {
					send(fds[0], flight + 4000, 96, MSG_DONTWAIT | MSG_NOSIGNAL);
				}
				ret = us_conn_handshake(server);
				assert_true(ret == -EPROTO || ret == -EACCES);
				close(fds[0]);
			}
			teardown(state);
		}
	}
}

/** A stream that ends without the word for it is an error: someone may have cut it. */
static void test_cut(void **state)
{
	char buf[8];

	(void)state;
	begin_tls(&right, &right);
	shake_hands();
	move(client, server, 100000);
	shutdown(us_conn_fd(client, POLLOUT), SHUT_WR);
	assert_int_equal(us_conn_read(server, buf, sizeof(buf)), -ECONNRESET);
	assert_int_equal(us_conn_read(server, buf, sizeof(buf)), -ECONNRESET);
}

/** A byte that was changed on the way is found. */
static void test_changed(void **state)
{
	struct iovec iov = {(char[]){"hello"}, 5};
	uint8_t record[256];
	char buf[8];
	int fds[2];
	ssize_t length;

	(void)state;
	begin_tls(&right, &right);
	shake_hands();
	assert_int_equal(us_conn_write(client, &iov, 1), 5);
	length = recv(us_conn_fd(server, POLLIN), record, sizeof(record), 0);
	assert_true(length > 21);
	record[7] ^= 1;
	/* Put it back in front of the server. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_true(dup2(fds[1], us_conn_fd(server, POLLIN)) >= 0);
	assert_int_equal(send(fds[0], record, (size_t)length, 0), length);
	assert_int_equal(us_conn_read(server, buf, sizeof(buf)), -EPROTO);
	close(fds[0]);
	close(fds[1]);
}

/** A peer that does not answer: the deadline comes. */
static void test_silent(void **state)
{
	struct us_net_wait wait = {.deadline_ns = us_clock_ns() + 20000000, .stop_fd = -1};

	(void)state;
	begin_tls(&right, &right);
	assert_int_equal(us_conn_handshake_wait(client, &wait), -ETIMEDOUT);
	assert_non_null(strstr(us_conn_why(client), "does not answer"));
}

/** Who came in the wrong way is told which is the right one. */
static void test_mixed(void **state)
{
	int c;

	/* A client without TLS at a server that demands it. */
	(void)state;
	begin_auth(&right, &right);
	assert_int_equal(us_auth_peek(server), US_AUTH_KIND_NONE);
	assert_int_equal(us_conn_handshake(client), -EAGAIN);
	assert_int_equal(us_auth_peek(server), US_AUTH_KIND_PLAIN);
	us_auth_turn_away(server, US_AUTH_KIND_PLAIN);
	assert_int_equal(us_conn_handshake(client), -EPROTO);
	assert_non_null(strstr(us_conn_why(client), "demands TLS"));
	teardown(state);

	/* The reverse. */
	begin_tls(&right, &right);
	assert_int_equal(us_conn_handshake(client), -EAGAIN);
	assert_int_equal(us_auth_peek(server), US_AUTH_KIND_TLS);
	us_auth_turn_away(server, US_AUTH_KIND_TLS);
	assert_int_equal(us_conn_handshake(client), -EPROTO);
	assert_non_null(strstr(us_conn_why(client), "--no-tls"));
	teardown(state);

	/* Something else altogether, in both places. */
	connect_ends();
	assert_int_equal(send(us_conn_fd(client, POLLOUT), "GET / HTTP/1.0\r\n\r\n", 18, 0), 18);
	assert_int_equal(us_auth_peek(server), US_AUTH_KIND_UNKNOWN);
	us_conn_close(client);
	client = NULL;
	teardown(state);
	for (int layer = 0; layer < 2; layer++) {
		begin_tls(&right, &right);
		us_conn_close(server);
		us_conn_close(client);
		connect_ends();
		assert_int_equal(layer == 0 ? us_tls_begin(client, client_tls) : us_auth_begin(client, &right, false), 0);
		assert_int_equal(send(us_conn_fd(server, POLLOUT), "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3 and more\r\n", 49, 0), 49);
		c = us_conn_handshake(client);
		assert_int_equal(c == -EAGAIN ? us_conn_handshake(client) : c, -EPROTO);
		assert_non_null(strstr(us_conn_why(client), "no uring-sync"));
		teardown(state);
	}
}

/** Kernel TLS on a socket that can't have it: left to OpenSSL, or refused where it is demanded. */
static void test_ktls(void **state)
{
	int c;
	int s;

	(void)state;
	connect_ends();
	assert_int_equal(us_tls_new(&client_tls, &right, false, US_KTLS_AUTO, why), 0);
	assert_int_equal(us_tls_new(&server_tls, &right, true, US_KTLS_ON, why), 0);
	assert_int_equal(us_tls_begin(client, client_tls), 0);
	assert_int_equal(us_tls_begin(server, server_tls), 0);
	shake(&c, &s);
	assert_int_equal(c, 0);
	assert_int_equal(s, -EOPNOTSUPP);
	assert_non_null(strstr(us_conn_why(server), "--ktls=on"));
}

/** The handshake of an OpenSSL of the test's own with one of ours, until one of them is through or has failed. */
static void shake_with(SSL *ssl, struct us_conn *ours, int *ret)
{
	*ret = -EAGAIN;
	for (int i = 0; i < 20 && *ret == -EAGAIN; i++) {
		SSL_do_handshake(ssl);
		*ret = us_conn_handshake(ours);
	}
	ERR_clear_error();
}

/** A server that knows no secret, but has a certificate: a client does not take that instead. */
static void test_certificate(void **state)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	SSL *ssl;
	int ret;

	(void)state;
	assert_true(ctx != NULL && key != NULL && certificate != NULL);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(ctx, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	begin_tls(&right, &right);
	ssl = SSL_new(ctx);
	assert_int_equal(SSL_set_fd(ssl, us_conn_fd(server, POLLIN)), 1);
	SSL_set_accept_state(ssl);
	shake_with(ssl, client, &ret);
	assert_int_equal(ret, -EACCES);
	assert_string_equal(us_conn_why(client), "the secrets of the two sides differ");
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

/** The right key for the callback below. */
static int use_right(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *id_length, SSL_SESSION **session)
{
	static const unsigned char suite[2] = {0x13, 0x01};

	(void)md;
	*session = SSL_SESSION_new();
	*id = (const unsigned char *)"uring-sync 1";
	*id_length = 12;
	return SSL_SESSION_set1_master_key(*session, right.tls, sizeof(right.tls)) == 1 &&
	       SSL_SESSION_set_cipher(*session, SSL_CIPHER_find(ssl, suite)) == 1 &&
	       SSL_SESSION_set_protocol_version(*session, TLS1_3_VERSION) == 1;
}

/**
 * A client that knows the key gets in with an ephemeral exchange and not with less: another version, or another suite.
 */
static void test_less(void **state)
{
	static const struct {
		int max_version;
		const char *suites;
		int ret;
	} rows[] = {{TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", 0},
	            {TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256", -EACCES},
	            {TLS1_2_VERSION, "", -EPROTO}};

	for (size_t i = 0; i < unit_nr(rows); i++) {
		SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
		SSL *ssl;
		int ret;

		assert_non_null(ctx);
		SSL_CTX_set_options(ctx, SSL_OP_ALLOW_NO_DHE_KEX);
		assert_int_equal(SSL_CTX_set_max_proto_version(ctx, rows[i].max_version), 1);
		assert_int_equal(SSL_CTX_set_ciphersuites(ctx, rows[i].suites), 1);
		SSL_CTX_set_psk_use_session_callback(ctx, use_right);
		begin_tls(&right, &right);
		ssl = SSL_new(ctx);
		assert_int_equal(SSL_set_fd(ssl, us_conn_fd(client, POLLIN)), 1);
		SSL_set_connect_state(ssl);
		shake_with(ssl, server, &ret);
		if (ret != rows[i].ret) {
			fail_msg("row %zu: %d: %s", i, ret, us_conn_why(server));
		}
		if (ret == 0) {
			/* It would have done without; the server has not. */
			assert_int_not_equal(SSL_get_negotiated_group(ssl), 0);
			assert_int_equal(SSL_session_reused(ssl), 1);
		}
		SSL_free(ssl);
		SSL_CTX_free(ctx);
		teardown(state);
	}
}

/** TLS needs a socket, and lies on nothing else. */
static void test_begin(void **state)
{
	int fds[2];

	(void)state;
	begin_tls(&right, &right);
	assert_int_equal(us_tls_begin(client, client_tls), -EINVAL);
	assert_int_equal(pipe(fds), 0);
	us_conn_close(client);
	assert_int_equal(us_conn_stdio(&client, fds[0], fds[1], "pipes"), 0);
	assert_int_equal(us_tls_begin(client, client_tls), -EINVAL);
	us_conn_close(client);
	client = NULL;
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_tls, teardown),        cmocka_unit_test_teardown(test_auth, teardown),
		cmocka_unit_test_teardown(test_tls_wrong, teardown),  cmocka_unit_test_teardown(test_auth_wrong, teardown),
		cmocka_unit_test_teardown(test_fresh, teardown),      cmocka_unit_test_teardown(test_replay, teardown),
		cmocka_unit_test_teardown(test_reflection, teardown), cmocka_unit_test_teardown(test_truncated, teardown),
		cmocka_unit_test_teardown(test_cut, teardown),        cmocka_unit_test_teardown(test_changed, teardown),
		cmocka_unit_test_teardown(test_silent, teardown),     cmocka_unit_test_teardown(test_mixed, teardown),
		cmocka_unit_test_teardown(test_ktls, teardown),       cmocka_unit_test_teardown(test_begin, teardown),
		cmocka_unit_test_teardown(test_certificate, teardown), cmocka_unit_test_teardown(test_less, teardown),
	};

	return cmocka_run_group_tests_name("net/tls", tests, group_setup, NULL);
}
