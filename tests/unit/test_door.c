/* SPDX-License-Identifier: MIT */
/* net/door, net/party, net/dial, net/delays: many that want in, of whom few are welcome. */
#include "unit.h"

#include "base/clock.h"
#include "net/delays.h"
#include "net/dial.h"
#include "net/door.h"
#include "net/party.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

static char why[US_NET_TEXT_MAX];
static struct us_secret right;
static struct us_secret wrong;

/** The server, which a thread of its own runs. */
static struct {
	struct us_door *door;
	struct us_tls *tls;
	struct us_door_options options;
	pthread_t thread;
	char port[8];
	pthread_mutex_t lock;
	pthread_cond_t came;
	struct usync_peer *peers[16]; /**< What was given out. */
	unsigned int nr;
	char warnings[8192];
	atomic_uint nr_warnings;
} server = {.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};

static struct us_tls *client_tls;
static const struct us_secret *client_secret; /**< What that was made from. */
static atomic_uint nr_notes;

/** Keep what is told. */
static void on_warn(void *payload, const char *text)
{
	size_t length;

	(void)payload;
	pthread_mutex_lock(&server.lock);
	length = strlen(server.warnings);
	snprintf(server.warnings + length, sizeof(server.warnings) - length, "%s\n", text);
	pthread_mutex_unlock(&server.lock);
	atomic_fetch_add(&server.nr_warnings, 1);
}

/** Whether something was told. */
static bool was_told(const char *text)
{
	bool found;

	pthread_mutex_lock(&server.lock);
	found = strstr(server.warnings, text) != NULL;
	pthread_mutex_unlock(&server.lock);
	return found;
}

/** Wait until something is told. */
static void wait_told(const char *text)
{
	for (int i = 0; i < 2000 && !was_told(text); i++) {
		usleep(10000);
	}
	if (!was_told(text)) {
		fail_msg("never told: %s; but: %s", text, server.warnings);
	}
}

static void on_note(void *payload, const char *text)
{
	(void)payload;
	(void)text;
	atomic_fetch_add(&nr_notes, 1);
}

/** Give out peers until stopped. */
static void *serve(void *argument)
{
	struct usync_peer *peer;

	(void)argument;
	while (us_door_accept(server.door, &peer) == 0) {
		pthread_mutex_lock(&server.lock);
		server.peers[server.nr++] = peer;
		pthread_cond_broadcast(&server.came);
		pthread_mutex_unlock(&server.lock);
	}
	return NULL;
}

/** The I-th peer of the server, when it is there. */
static struct usync_peer *served(unsigned int i)
{
	struct usync_peer *peer;

	pthread_mutex_lock(&server.lock);
	while (server.nr <= i) {
		pthread_cond_wait(&server.came, &server.lock);
	}
	peer = server.peers[i];
	pthread_mutex_unlock(&server.lock);
	return peer;
}

/** Free it. */
static void free_served(unsigned int i)
{
	us_peer_free(served(i));
	pthread_mutex_lock(&server.lock);
	server.peers[i] = NULL;
	pthread_mutex_unlock(&server.lock);
}

/** Open a door on loopback. */
static void open_door(bool tls, unsigned int max_clients, uint64_t handshake_ns)
{
	memset(server.warnings, 0, sizeof(server.warnings));
	server.nr = 0;
	atomic_store(&server.nr_warnings, 0);
	atomic_store(&nr_notes, 0);
	if (tls) {
		assert_int_equal(us_tls_new(&server.tls, &right, true, US_KTLS_AUTO, why), 0);
	}
	server.options = (struct us_door_options){
		.secret = &right,
		.tls = server.tls,
		.max_clients = max_clients,
		.handshake_ns = handshake_ns,
		.stop_fd = eventfd(0, EFD_CLOEXEC),
		.warn = on_warn,
	};
	assert_int_equal(us_door_open(&server.door, &server.options, "127.0.0.1", "0", why), 0);
	snprintf(server.port, sizeof(server.port), "%u", us_door_port(server.door));
	assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
}

static int close_door(void **state)
{
	uint64_t one = 1;

	(void)state;
	if (server.door == NULL) {
		return 0;
	}
	if (write(server.options.stop_fd, &one, sizeof(one)) != sizeof(one) || pthread_join(server.thread, NULL) != 0) {
		return -1;
	}
	us_door_shut(server.door);
	for (unsigned int i = 0; i < server.nr; i++) {
		us_peer_free(server.peers[i]);
	}
	us_door_free(server.door);
	us_tls_free(server.tls);
	us_tls_free(client_tls);
	close(server.options.stop_fd);
	server.door = NULL;
	server.tls = NULL;
	client_tls = NULL;
	return 0;
}

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

/** Connect with a secret. */
static int dial(struct usync_peer **peer, const struct us_secret *secret, unsigned int connections)
{
	struct us_dial how = {
		.secret = secret, .connections = connections, .timeout_ns = 30 * SECOND, .stop_fd = -1, .note = on_note};
	int ret;

	if (server.tls != NULL) {
		/* Connections that were made with it may still be open: it stays as long as the secret does. */
		if (client_tls == NULL || client_secret != secret) {
			us_tls_free(client_tls);
			assert_int_equal(us_tls_new(&client_tls, secret, false, US_KTLS_AUTO, why), 0);
			client_secret = secret;
		}
		how.tls = client_tls;
	}
	ret = us_dial(peer, &how, "127.0.0.1", server.port, why);
	return ret;
}

/** A connection of which the server knows nothing good. */
static int raw_connect(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(server.port)), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/** Wait until the server closes a connection. */
static void wait_closed(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	char buf[256];

	for (;;) {
		assert_int_equal(poll(&poller, 1, 20000), 1);
		if (recv(fd, buf, sizeof(buf), 0) <= 0) {
			break;
		}
	}
	close(fd);
}

/** See that each connection of CLIENT leads to the one with the same number of the server's I-th peer. */
static void check_connected(struct usync_peer *client, unsigned int i, unsigned int nr)
{
	struct us_net_wait wait = {.deadline_ns = us_clock_ns() + 20 * SECOND, .stop_fd = -1};
	struct usync_peer *peer = served(i);

	assert_int_equal(client->nr, nr);
	assert_int_equal(peer->nr, nr);
	assert_true(peer->server);
	assert_false(client->server);
	for (unsigned int j = 0; j < nr; j++) {
		uint8_t byte = (uint8_t)(j + 1);
		uint8_t got = 0;

		assert_int_equal(us_conn_write_all(client->conns[j], &byte, 1, &wait), 0);
		assert_int_equal(us_conn_read_all(peer->conns[j], &got, 1, &wait), 0);
		assert_int_equal(got, byte);
		assert_int_equal(us_conn_write_all(peer->conns[j], &got, 1, &wait), 0);
		got = 0;
		assert_int_equal(us_conn_read_all(client->conns[j], &got, 1, &wait), 0);
		assert_int_equal(got, byte);
	}
}

/** A transfer's connections come together, with TLS and without. */
static void test_party(void **state)
{
	static const unsigned int rows[] = {1, 2, 7, US_PEER_CONNS_MAX};

	for (int tls = 0; tls < 2; tls++) {
		open_door(tls != 0, 8, 10 * SECOND);
		for (unsigned int i = 0; i < unit_nr(rows); i++) {
			struct usync_peer *client;

			if (dial(&client, &right, rows[i]) != 0) {
				fail_msg("%s", why);
			}
			check_connected(client, i, rows[i]);
			us_peer_free(client);
		}
		assert_int_equal(atomic_load(&server.nr_warnings), 0);
		close_door(state);
	}
}

/** A wrong secret: told on both sides, the next try waits, and the right one is taken. */
static void test_wrong(void **state)
{
	for (int tls = 0; tls < 2; tls++) {
		struct usync_peer *client;
		uint64_t before;

		open_door(tls != 0, 8, 10 * SECOND);
		assert_int_equal(dial(&client, &wrong, 4), -EACCES);
		assert_non_null(strstr(why, "the secrets of the two sides differ"));
		assert_non_null(strstr(why, server.port));
		wait_told("the secrets of the two sides differ");
		before = us_clock_ns();
		assert_int_equal(dial(&client, &wrong, 1), -EACCES);
		assert_int_equal(dial(&client, &right, 4), 0);
		/* Bounds from below only: the first waits one delay, the second two. */
		assert_true(us_clock_ns() - before >= 2 * US_DELAY_FIRST_NS);
		check_connected(client, 0, 4);
		us_peer_free(client);
		before = us_clock_ns();
		assert_int_equal(dial(&client, &right, 1), 0);
		us_peer_free(client);
		close_door(state);
	}
}

/**
 * Whoever has left takes nobody's time: after two hundred tries that were given up the next one does not wait for two
 * hundred delays.
 */
static void test_left(void **state)
{
	struct usync_peer *client;

	(void)state;
	open_door(false, 8, 10 * SECOND);
	assert_int_equal(dial(&client, &wrong, 1), -EACCES);
	wait_told("the secrets of the two sides differ");
	for (unsigned int i = 0; i < 200; i++) {
		close(raw_connect());
	}
	if (dial(&client, &right, 2) != 0) {
		fail_msg("%s", why);
	}
	check_connected(client, 0, 2);
	us_peer_free(client);
	wait_told("left while its address had to wait");
}

/** Calls of scrypt(7). */
static atomic_uint nr_stretched;

/** Stands before OpenSSL's. */
int EVP_PBE_scrypt(const char *pass, size_t passlen, const unsigned char *salt, size_t saltlen, uint64_t N, uint64_t r, uint64_t p,
                   uint64_t maxmem, unsigned char *key, size_t keylen)
{
	int (*real)(const char *, size_t, const unsigned char *, size_t, uint64_t, uint64_t, uint64_t, uint64_t, unsigned char *, size_t);
	void *symbol = dlsym(RTLD_NEXT, "EVP_PBE_scrypt");

	memcpy(&real, &symbol, sizeof(real));
	atomic_fetch_add(&nr_stretched, 1);
	return real(pass, passlen, salt, saltlen, N, r, p, maxmem, key, keylen);
}

/**
 * A weak secret is stretched when it is taken in, and never because of what a peer does: with the right one, with a
 * wrong one, or none.
 */
static void test_stretched_once(void **state)
{
	struct us_secret kept = right;
	struct usync_peer *client;

	(void)state;
	atomic_store(&nr_stretched, 0);
	assert_int_equal(us_secret_init(&right, "hunter2", 7, why), 0);
	assert_int_equal(atomic_load(&nr_stretched), 1);
	for (int tls = 0; tls < 2; tls++) {
		open_door(tls != 0, 8, 10 * SECOND);
		for (unsigned int i = 0; i < 3; i++) {
			close(raw_connect());
			assert_int_equal(dial(&client, &right, 2), 0);
			us_peer_free(client);
		}
		assert_int_equal(dial(&client, &wrong, 1), -EACCES);
		close_door(state);
	}
	assert_int_equal(atomic_load(&nr_stretched), 1);
	right = kept;
}

/** Two hundred that connect at once and say nothing: the next one is served meanwhile; and they are let go in time. */
static void test_many(void **state)
{
	static int fds[600];
	struct usync_peer *client;

	for (int nr = 200; nr <= 600; nr += 400) {
		open_door(true, 8, nr == 200 ? 2 * SECOND : 60 * SECOND);
		for (int i = 0; i < nr; i++) {
			fds[i] = raw_connect();
		}
		if (dial(&client, &right, 8) != 0) {
			fail_msg("%s", why);
		}
		check_connected(client, 0, 8);
		us_peer_free(client);
		/* Of 600 at most 256 stay, and of 200 none when their time is up. */
		for (int i = 0; i < (nr == 200 ? nr : nr - (int)US_DOOR_STRANGERS); i++) {
			wait_closed(fds[i]);
		}
		for (int i = nr == 200 ? nr : nr - (int)US_DOOR_STRANGERS; i < nr; i++) {
			close(fds[i]);
		}
		wait_told(nr == 200 ? "says nothing" : "turned away");
		assert_true(atomic_load(&server.nr_warnings) < 40);
		close_door(state);
	}
}

/** One that sends a byte now and then holds up nobody, and is let go in time. */
static void test_drip(void **state)
{
	static const uint8_t hello[] = {0x16, 0x03, 0x01, 0x01, 0x00, 0x01, 0x00, 0x00, 0xfc, 0x03, 0x03};

	for (int tls = 0; tls < 2; tls++) {
		struct usync_peer *client;
		ssize_t ret = 1;
		int fd;

		open_door(tls != 0, 8, SECOND);
		fd = raw_connect();
		for (size_t i = 0; ret > 0 && i < 2000; i++) {
			const char *magic = US_AUTH_MAGIC;
			uint8_t byte = tls != 0 ? hello[i % sizeof(hello)] : (uint8_t)magic[i % 8];

			ret = send(fd, &byte, 1, MSG_NOSIGNAL);
			if (i == 5) {
				assert_int_equal(dial(&client, &right, 3), 0);
				check_connected(client, 0, 3);
				us_peer_free(client);
			}
			usleep(20000);
		}
		assert_true(ret < 0);
		close(fd);
		wait_told(tls != 0 ? ": " : "in time");
		close_door(state);
	}
}

/** Who is none of this kind, or comes in the wrong way, is told apart. */
static void test_others(void **state)
{
	struct usync_peer *client;
	struct us_tls *tls;
	int fd;

	open_door(true, 8, 10 * SECOND);
	fd = raw_connect();
	assert_int_equal(send(fd, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL), 18);
	wait_closed(fd);
	wait_told("is no uring-sync");
	tls = server.tls;
	server.tls = NULL; /* dial() goes without. */
	assert_int_equal(dial(&client, &right, 1), -EPROTO);
	assert_non_null(strstr(why, "demands TLS"));
	server.tls = tls;
	wait_told("comes without TLS");
	close(raw_connect()); /* A port scan is not worth a word. */
	assert_int_equal(dial(&client, &right, 1), 0);
	us_peer_free(client);
	assert_int_equal(atomic_load(&server.nr_warnings), 2);
	close_door(state);

	open_door(false, 8, 10 * SECOND);
	assert_int_equal(us_tls_new(&server.tls, &right, true, US_KTLS_AUTO, why), 0); /* dial() goes with it. */
	assert_int_equal(dial(&client, &right, 1), -EPROTO);
	assert_non_null(strstr(why, "--no-tls"));
	wait_told("wants TLS");
}

/** Free the server's first peer when the client was told to wait. */
static void *free_when_noted(void *argument)
{
	(void)argument;
	for (int i = 0; i < 2000 && atomic_load(&nr_notes) == 0; i++) {
		usleep(10000);
	}
	free_served(0);
	return NULL;
}

/** More than may be served at a time wait in their order, know it, and may leave. */
static void test_turns(void **state)
{
	struct usync_peer *first;
	struct usync_peer *second;
	pthread_t thread;
	struct us_net_wait wait = {.deadline_ns = us_clock_ns() + 20 * SECOND, .stop_fd = -1};
	struct us_conn *leaver;
	struct us_join join = {.nr = 1, .id = "leaver"};
	uint8_t message[US_JOIN_SIZE];

	(void)state;
	open_door(true, 1, 10 * SECOND);
	assert_int_equal(dial(&first, &right, 2), 0);
	check_connected(first, 0, 2);

	/* The next in line is told to wait, and goes. */
	assert_int_equal(us_conn_connect(&leaver, "127.0.0.1", server.port, &wait, why), 0);
	assert_int_equal(us_tls_begin(leaver, client_tls), 0);
	assert_int_equal(us_conn_handshake_wait(leaver, &wait), 0);
	us_join_encode(message, &join);
	assert_int_equal(us_conn_write_all(leaver, message, sizeof(message), &wait), 0);
	assert_int_equal(us_conn_read_all(leaver, message, sizeof(message), &wait), 0);
	assert_int_equal(us_join_answered(message), US_JOIN_WAIT);
	us_conn_close(leaver);

	/* The one after that stays: it gets its turn when the first is done. */
	assert_int_equal(pthread_create(&thread, NULL, free_when_noted, NULL), 0);
	assert_int_equal(dial(&second, &right, 3), 0);
	pthread_join(thread, NULL);
	assert_true(atomic_load(&nr_notes) > 0);
	check_connected(second, 1, 3);
	us_peer_free(first);
	us_peer_free(second);
	assert_int_equal(atomic_load(&server.nr_warnings), 0);
}

/** A party that does not get together in time is turned away. */
static void test_incomplete(void **state)
{
	struct us_net_wait wait = {.deadline_ns = us_clock_ns() + 20 * SECOND, .stop_fd = -1};
	struct us_conn *conns[3];
	struct us_join join = {.nr = 3, .id = "one is missing"};
	uint8_t message[US_JOIN_SIZE];
	struct usync_peer *client;

	(void)state;
	open_door(false, 8, SECOND / 2);
	for (uint16_t i = 0; i < 3; i++) {
		assert_int_equal(us_conn_connect(&conns[i], "127.0.0.1", server.port, &wait, why), 0);
		assert_int_equal(us_auth_begin(conns[i], &right, false), 0);
		assert_int_equal(us_conn_handshake_wait(conns[i], &wait), 0);
		/* The third says that it is the first, too. */
		join.index = i % 2;
		us_join_encode(message, &join);
		assert_int_equal(us_conn_write_all(conns[i], message, sizeof(message), &wait), 0);
	}
	for (int i = 2; i >= 0; i--) {
		assert_int_equal(us_conn_read_all(conns[i], message, sizeof(message), &wait), 0);
		assert_int_equal(us_join_answered(message), US_JOIN_BAD);
		us_conn_close(conns[i]);
	}
	wait_told("1 of its 3 connections did not come");
	assert_int_equal(dial(&client, &right, 3), 0);
	check_connected(client, 0, 3);
	us_peer_free(client);
}

/** Messages that are none. */
static void test_join(void **state)
{
	struct us_join join = {.nr = 5, .index = 4, .id = "0123456789abcde"};
	struct us_join got;
	uint8_t message[US_JOIN_SIZE];

	(void)state;
	us_join_encode(message, &join);
	assert_int_equal(us_join_decode(&got, message), 0);
	assert_int_equal(got.nr, 5);
	assert_int_equal(got.index, 4);
	assert_memory_equal(got.id, join.id, sizeof(got.id));
	for (size_t i = 0; i < US_JOIN_SIZE; i++) {
		if (i >= 8 && i < 24) {
			continue;
		}
		message[i] ^= 0x80;
		assert_int_equal(us_join_decode(&got, message), -EPROTO);
		message[i] ^= 0x80;
	}
	message[24] = 5;
	assert_int_equal(us_join_decode(&got, message), -EPROTO);
	message[24] = 0;
	message[26] = 0;
	assert_int_equal(us_join_decode(&got, message), -EPROTO);
	message[26] = US_PEER_CONNS_MAX + 1;
	assert_int_equal(us_join_decode(&got, message), -EPROTO);
	for (int status = US_JOIN_READY; status <= US_JOIN_BAD; status++) {
		us_join_answer(message, (enum us_join_status)status);
		assert_int_equal(us_join_answered(message), status);
	}
	message[8] = US_JOIN_BAD + 1;
	assert_int_equal(us_join_answered(message), -EPROTO);
}

/** The delays of wrong secrets, with a clock of the test's own. */
static void test_delays(void **state)
{
	static struct us_delays delays;
	uint8_t a[US_ADDRESS_KEY] = "a";
	uint8_t b[US_ADDRESS_KEY] = "b";
	uint64_t now = 5000 * SECOND;
	uint64_t expected = US_DELAY_FIRST_NS;

	(void)state;
	delays = (struct us_delays){0};
	assert_int_equal(us_delays_turn(&delays, a, now), now);
	assert_int_equal(delays.nr, 0);
	for (unsigned int i = 1; i <= 12; i++) {
		assert_int_equal(us_delays_wrong(&delays, a, now), i);
		assert_int_equal(us_delays_turn(&delays, a, now), now + expected);
		now += expected;
		assert_int_equal(us_delays_turn(&delays, a, now), now);
		expected = expected < US_DELAY_LAST_NS ? expected * 2 : expected;
		expected = expected < US_DELAY_LAST_NS ? expected : US_DELAY_LAST_NS;
	}
	/*
	 * Of ten at once each has its turn a delay after the one before; who only asks takes none; another address does
	 * not wait.
	 */
	for (unsigned int i = 1; i <= 10; i++) {
		for (unsigned int j = i; j <= 10; j++) {
			assert_int_equal(us_delays_turn(&delays, a, now), now + US_DELAY_LAST_NS);
		}
		now += US_DELAY_LAST_NS;
		assert_int_equal(us_delays_turn(&delays, a, now), now);
	}
	assert_int_equal(us_delays_turn(&delays, b, now), now);
	/* The right secret, or time, and all is forgiven. */
	us_delays_right(&delays, a);
	assert_int_equal(us_delays_turn(&delays, a, now), now);
	us_delays_wrong(&delays, a, now);
	now += US_DELAY_FORGET_NS + 10 * SECOND;
	assert_int_equal(us_delays_turn(&delays, a, now), now);
	assert_int_equal(delays.nr, 0);
	/* The table does not grow: who came first is forgotten first. */
	for (unsigned int i = 0; i < US_DELAYS_MAX + 1; i++) {
		memcpy(a, &i, sizeof(i));
		us_delays_wrong(&delays, a, now + i);
	}
	assert_int_equal(delays.nr, US_DELAYS_MAX);
	memset(a, 0, sizeof(a));
	assert_int_equal(us_delays_turn(&delays, a, now + 1000), now + 1000);
	a[0] = 1;
	assert_true(us_delays_turn(&delays, a, now + 1000) > now + 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_delays),
		cmocka_unit_test_teardown(test_party, close_door),
		cmocka_unit_test_teardown(test_wrong, close_door),
		cmocka_unit_test_teardown(test_left, close_door),
		cmocka_unit_test_teardown(test_stretched_once, close_door),
		cmocka_unit_test_teardown(test_many, close_door),
		cmocka_unit_test_teardown(test_drip, close_door),
		cmocka_unit_test_teardown(test_others, close_door),
		cmocka_unit_test_teardown(test_turns, close_door),
		cmocka_unit_test_teardown(test_incomplete, close_door),
	};

	return cmocka_run_group_tests_name("net/door", tests, group_setup, NULL);
}
