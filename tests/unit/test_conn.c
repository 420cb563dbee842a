/* SPDX-License-Identifier: MIT */
/* net/conn, net/connect, net/listener, net/address: streams between two ends, over loopback and pipes. */
#include "unit.h"

#include "base/clock.h"
#include "net/address.h"
#include "net/conn.h"
#include "net/listener.h"
#include "sys/io.h"
#include "sys/sock.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

static char why[US_NET_TEXT_MAX];

/** Long enough for a busy machine. */
static struct us_net_wait soon(void)
{
	return (struct us_net_wait){.deadline_ns = us_clock_ns() + 20 * SECOND, .stop_fd = -1};
}

/** Long enough for what shall not come. */
static struct us_net_wait shortly(void)
{
	return (struct us_net_wait){.deadline_ns = us_clock_ns() + SECOND / 20, .stop_fd = -1};
}

/** Take the connection that is on its way. */
static struct us_conn *take(struct us_listener *listener, struct sockaddr_storage *address)
{
	struct us_conn *conn = NULL;
	struct pollfd fds[US_LISTENER_MAX];

	for (unsigned int i = 0; i < listener->nr; i++) {
		fds[i] = (struct pollfd){.fd = listener->fds[i], .events = POLLIN};
	}
	assert_true(poll(fds, listener->nr, 20000) > 0);
	assert_int_equal(us_listener_accept(listener, &conn, address), 0);
	return conn;
}

/** Two ends of a connection over loopback. */
static void connected(struct us_conn **client, struct us_conn **server)
{
	struct us_listener listener;
	struct sockaddr_storage address;
	struct us_net_wait wait = soon();
	char port[16];

	assert_int_equal(us_listener_open(&listener, "127.0.0.1", "0", why), 0);
	snprintf(port, sizeof(port), "%u", listener.port);
	assert_int_equal(us_conn_connect(client, "127.0.0.1", port, &wait, why), 0);
	*server = take(&listener, &address);
	us_listener_close(&listener);
}

/** Bytes cross in both directions; the end is told in order. */
static void test_stream(void **state)
{
	struct us_conn *client;
	struct us_conn *server;
	struct us_net_wait wait = soon();
	char buf[16] = "";

	(void)state;
	connected(&client, &server);
	assert_int_equal(us_conn_read(server, buf, sizeof(buf)), -EAGAIN);
	assert_int_equal(us_conn_events(server), POLLIN);
	assert_int_equal(us_conn_write_all(client, "hello", 5, &wait), 0);
	assert_int_equal(us_conn_read_all(server, buf, 5, &wait), 0);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(us_conn_events(server), 0);
	assert_int_equal(us_conn_write_all(server, "back", 4, &wait), 0);
	assert_int_equal(us_conn_finish(server), 0);
	assert_int_equal(us_conn_read_all(client, buf, 4, &wait), 0);
	assert_int_equal(us_conn_wait(client, POLLIN, &wait), 0);
	assert_int_equal(us_conn_read(client, buf, sizeof(buf)), 0);
	assert_true(us_conn_plain_send(client) && us_conn_plain_recv(client));
	assert_false(us_conn_pending(client));
	assert_int_equal(us_conn_handshake(client), 0);
	assert_string_equal(us_conn_security(client), "no encryption");
	assert_memory_equal(us_conn_name(server), "127.0.0.1:", 10);
	us_conn_close(client);
	us_conn_close(server);
	us_conn_close(NULL);
}

/** A peer that does not read fills the way, and that is said; nothing is lost when it reads on. */
static void test_full(void **state)
{
	static char out[65536];
	static char in[65536];
	struct us_conn *client;
	struct us_conn *server;
	struct us_net_wait wait = shortly();
	uint64_t written = 0;
	uint64_t got = 0;
	int ret;

	(void)state;
	connected(&client, &server);
	for (;;) {
		struct iovec iov[2] = {{out, 1000}, {out + 1000, sizeof(out) - 1000}};

		for (size_t i = 0; i < sizeof(out); i++) {
			out[i] = (char)((written + i) % 251);
		}
		ret = us_conn_write(client, iov, 2);
		if (ret == -EAGAIN) {
			/* What the kernel has taken may still move on, and make room. */
			assert_int_equal(us_conn_events(client), POLLOUT);
			wait = shortly();
			if (us_conn_wait(client, 0, &wait) == -ETIMEDOUT) {
				break;
			}
			continue;
		}
		assert_true(ret > 0);
		written += (uint64_t)ret;
		assert_true(written < (uint64_t)1 << 30);
	}
	assert_int_equal(us_conn_finish(client), 0);
	wait = soon();
	for (;;) {
		ret = us_conn_read(server, in, sizeof(in));
		if (ret == -EAGAIN) {
			assert_int_equal(us_conn_wait(server, 0, &wait), 0);
			continue;
		}
		if (ret <= 0) {
			break;
		}
		for (int i = 0; i < ret; i++) {
			assert_int_equal(in[i], (char)((got + (uint64_t)i) % 251));
		}
		got += (uint64_t)ret;
	}
	assert_int_equal(ret, 0);
	assert_int_equal(got, written);
	us_conn_close(client);
	us_conn_close(server);
}

/** A lost peer is an error, and no signal. */
static void test_lost(void **state)
{
	struct us_conn *client;
	struct us_conn *server;
	struct us_net_wait wait = soon();
	char buf[4];
	int ret = 0;

	(void)state;
	connected(&client, &server);
	us_conn_close(server);
	assert_int_equal(us_conn_read_all(client, buf, 4, &wait), -ECONNRESET);
	for (int i = 0; i < 100 && ret >= 0; i++) {
		struct iovec iov = {buf, sizeof(buf)};

		ret = us_conn_write(client, &iov, 1);
		usleep(1000);
	}
	assert_true(ret == -EPIPE || ret == -ECONNRESET);
	us_conn_close(client);
}

/** A pair of pipes: separate descriptors, left open, and blocking as they were. */
static void test_stdio(void **state)
{
	int there[2];
	int back[2];
	struct us_conn *conn;
	struct us_net_wait wait = soon();
	char buf[8] = "";

	(void)state;
	assert_int_equal(pipe(there), 0);
	assert_int_equal(pipe(back), 0);
	assert_int_equal(us_conn_stdio(&conn, back[0], there[1], "ssh"), 0);
	assert_int_equal(us_conn_fd(conn, POLLIN), back[0]);
	assert_int_equal(us_conn_fd(conn, POLLOUT), there[1]);
	assert_int_equal(us_conn_read(conn, buf, sizeof(buf)), -EAGAIN);
	assert_int_equal(us_conn_write_all(conn, "ping", 4, &wait), 0);
	assert_int_equal(read(there[0], buf, sizeof(buf)), 4);
	assert_int_equal(write(back[1], "pong", 4), 4);
	assert_int_equal(us_conn_read_all(conn, buf, 4, &wait), 0);
	assert_memory_equal(buf, "pong", 4);
	close(back[1]);
	assert_int_equal(us_conn_read(conn, buf, sizeof(buf)), 0);
	assert_string_equal(us_conn_name(conn), "ssh");
	us_conn_close(conn);
	assert_int_equal(fcntl(back[0], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(there[1], F_GETFL) & O_NONBLOCK, 0);
	close(back[0]);
	close(there[0]);
	close(there[1]);
}

/** What was stopped gives up at once, whatever the deadline. */
static void test_stop(void **state)
{
	struct us_conn *client;
	struct us_conn *server;
	struct us_net_wait wait = {.deadline_ns = 0, .stop_fd = eventfd(1, EFD_CLOEXEC)};
	char buf[4];

	(void)state;
	assert_true(wait.stop_fd >= 0);
	connected(&client, &server);
	assert_int_equal(us_conn_read_all(client, buf, 1, &wait), -ECANCELED);
	us_conn_close(client);
	us_conn_close(server);
	close(wait.stop_fd);
}

/** A port is one program's; who wants it, too, is told. */
static void test_in_use(void **state)
{
	struct us_listener first;
	struct us_listener second;
	char port[16];

	(void)state;
	assert_int_equal(us_listener_open(&first, "127.0.0.1", "0", why), 0);
	assert_int_not_equal(first.port, 0);
	snprintf(port, sizeof(port), "%u", first.port);
	assert_int_equal(us_listener_open(&second, "127.0.0.1", port, why), -EADDRINUSE);
	assert_non_null(strstr(why, port));
	assert_non_null(strstr(why, "in use"));
	assert_int_equal(second.nr, 0);
	us_listener_close(&first);
	us_listener_close(&first);
	assert_int_equal(us_listener_open(&second, "127.0.0.1", port, why), 0);
	us_listener_close(&second);
}

/** The port can be had again at once, though connections of the last run are not forgotten yet. */
static void test_reuse(void **state)
{
	struct us_listener listener;
	struct sockaddr_storage address;
	struct us_conn *client;
	struct us_conn *server;
	struct us_net_wait wait = soon();
	char port[16];

	(void)state;
	assert_int_equal(us_listener_open(&listener, "127.0.0.1", "0", why), 0);
	snprintf(port, sizeof(port), "%u", listener.port);
	assert_int_equal(us_conn_connect(&client, "127.0.0.1", port, &wait, why), 0);
	server = take(&listener, &address);
	us_conn_close(server); /* The first to close is who waits. */
	us_conn_close(client);
	us_listener_close(&listener);
	assert_int_equal(us_listener_open(&listener, "127.0.0.1", port, why), 0);
	us_listener_close(&listener);
}

/** Every address of this machine, by IPv4 and IPv6. */
static void test_any(void **state)
{
	static const char *const hosts[] = {"127.0.0.1", "::1", "localhost"};
	struct us_listener listener;
	struct sockaddr_storage address;
	char port[16];
	unsigned int reached = 0;

	(void)state;
	assert_int_equal(us_listener_open(&listener, NULL, "0", why), 0);
	snprintf(port, sizeof(port), "%u", listener.port);
	for (size_t i = 0; i < unit_nr(hosts); i++) {
		struct us_net_wait wait = soon();
		struct us_conn *client;
		struct us_conn *server;
		int ret = us_conn_connect(&client, hosts[i], port, &wait, why);

		if (i == 1 && ret < 0) {
			continue; /* A machine without IPv6. */
		}
		assert_int_equal(ret, 0);
		server = take(&listener, &address);
		assert_non_null(strstr(us_conn_name(server), i == 1 ? "[::1]:" : ":"));
		assert_null(strstr(us_conn_name(server), "ffff"));
		us_conn_close(client);
		us_conn_close(server);
		reached++;
	}
	assert_true(reached >= 2);
	us_listener_close(&listener);
}

/** All addresses of a name get one port, and each leads in. */
static void test_name(void **state)
{
	struct us_listener listener;
	struct sockaddr_storage address;
	struct us_conn *client;
	struct us_conn *server;
	struct us_net_wait wait = soon();
	char port[16];

	(void)state;
	assert_int_equal(us_listener_open(&listener, "localhost", "0", why), 0);
	assert_true(listener.nr >= 1);
	for (unsigned int i = 0; i < listener.nr; i++) {
		assert_int_equal(us_sock_name(listener.fds[i], &address), 0);
		assert_int_equal(us_address_port(&address), listener.port);
	}
	snprintf(port, sizeof(port), "%u", listener.port);
	assert_int_equal(us_conn_connect(&client, "localhost", port, &wait, why), 0);
	server = take(&listener, &address);
	us_conn_close(client);
	us_conn_close(server);
	us_listener_close(&listener);
}

/** Stands before the C library's: this name has two addresses, and on the first of them nobody listens. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
	int ret;

	memcpy(&real, &symbol, sizeof(real));
	if (node == NULL || strcmp(node, "several.test") != 0) {
		return real(node, service, hints, list);
	}
	ret = real("127.0.0.2", service, hints, list);
	return ret != 0 ? ret : real("127.0.0.1", service, hints, &(*list)->ai_next);
}

/** A name whose first address refuses is reached by another. */
static void test_several(void **state)
{
	struct us_listener listener;
	struct sockaddr_storage address;
	struct us_conn *client;
	struct us_conn *server;
	struct us_net_wait wait = soon();
	char port[16];

	(void)state;
	assert_int_equal(us_listener_open(&listener, "127.0.0.1", "0", why), 0);
	snprintf(port, sizeof(port), "%u", listener.port);
	assert_int_equal(us_conn_connect(&client, "several.test", port, &wait, why), 0);
	assert_non_null(strstr(us_conn_name(client), "127.0.0.1:"));
	server = take(&listener, &address);
	us_conn_close(client);
	us_conn_close(server);
	/* None of them: the last one's reason. */
	us_listener_close(&listener);
	assert_int_equal(us_conn_connect(&client, "several.test", port, &wait, why), -ECONNREFUSED);
	assert_non_null(strstr(why, "several.test"));
	assert_non_null(strstr(why, "127.0.0.1"));
	/* And both are listened on, with one port. */
	assert_int_equal(us_listener_open(&listener, "several.test", "0", why), 0);
	assert_int_equal(listener.nr, 2);
	us_listener_close(&listener);
}

/** Who can't be reached: told with host and reason. */
static void test_unreachable(void **state)
{
	struct us_conn *conn;
	struct us_listener listener;
	struct us_net_wait wait = soon();
	char port[16];

	(void)state;
	assert_int_equal(us_listener_open(&listener, "127.0.0.1", "0", why), 0);
	snprintf(port, sizeof(port), "%u", listener.port);
	us_listener_close(&listener);
	assert_int_equal(us_conn_connect(&conn, "127.0.0.1", port, &wait, why), -ECONNREFUSED);
	assert_non_null(strstr(why, "127.0.0.1"));
	assert_non_null(strstr(why, port));
	assert_non_null(strstr(why, "Connection refused"));
	assert_int_equal(us_conn_connect(&conn, "no-such-host.invalid", port, &wait, why), -EHOSTUNREACH);
	assert_non_null(strstr(why, "no-such-host.invalid"));
	assert_int_equal(us_listener_open(&listener, "no-such-host.invalid", "0", why), -EHOSTUNREACH);
	/* An address of documentation is none of this machine's (RFC 5737). */
	assert_int_equal(us_listener_open(&listener, "192.0.2.1", "0", why), -EADDRNOTAVAIL);
	assert_non_null(strstr(why, "192.0.2.1"));
}

/** Addresses in text, and whose they are. */
static void test_address(void **state)
{
	static const struct {
		const char *address;
		const char *text;
	} rows[] = {{"192.0.2.7", "192.0.2.7:77"},
	            {"::ffff:192.0.2.7", "192.0.2.7:77"},
	            {"2001:db8:1:2:3::1", "[2001:db8:1:2:3::1]:77"},
	            {"2001:db8:1:2:4::9", "[2001:db8:1:2:4::9]:77"},
	            {"2001:db8:1:3::1", "[2001:db8:1:3::1]:77"}};
	uint8_t keys[unit_nr(rows)][US_ADDRESS_KEY];
	char text[US_CONN_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < unit_nr(rows); i++) {
		struct sockaddr_storage address = {0};
		struct sockaddr_in *in4 = (struct sockaddr_in *)&address;
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;

		if (strchr(rows[i].address, ':') != NULL) {
			in6->sin6_family = AF_INET6;
			in6->sin6_port = htons(77);
			assert_int_equal(inet_pton(AF_INET6, rows[i].address, &in6->sin6_addr), 1);
		} else {
			in4->sin_family = AF_INET;
			in4->sin_port = htons(77);
			assert_int_equal(inet_pton(AF_INET, rows[i].address, &in4->sin_addr), 1);
		}
		us_address_text(text, &address);
		assert_string_equal(text, rows[i].text);
		us_address_key(keys[i], &address);
	}
	assert_memory_equal(keys[0], keys[1], US_ADDRESS_KEY);
	assert_memory_equal(keys[2], keys[3], US_ADDRESS_KEY);
	assert_memory_not_equal(keys[3], keys[4], US_ADDRESS_KEY);
	assert_memory_not_equal(keys[0], keys[4], US_ADDRESS_KEY);
}

/** Move IO's ops on until SIDE has something to say. */
static void reap(struct us_io *io)
{
	struct us_op *ops[4];
	unsigned int nr = us_io_reap(io, ops, 4, 1);

	for (unsigned int i = 0; i < nr; i++) {
		ops[i]->done(ops[i], NULL);
	}
}

/**
 * By a ring: what was asked for comes when it is asked for again; what was received when the ring is left is not lost.
 */
static void test_ring(void **state)
{
	struct us_conn *client;
	struct us_conn *server;
	struct us_net_wait wait = soon();
	struct iovec iov = {(char[]){"hello"}, 5};
	struct us_io io;
	char buf[16] = "";

	(void)state;
	us_io_init(&io, US_IO_AUTO, 8);
	if (io.ring == NULL) {
		us_io_fini(&io);
		skip();
	}
	connected(&client, &server);
	assert_int_equal(us_conn_use_ring(server, &io), US_CONN_RING_SEND | US_CONN_RING_RECV);
	assert_int_equal(us_conn_read(server, buf, 5), -EAGAIN);
	assert_int_equal(us_conn_events(server), 0);
	assert_int_equal(us_conn_write(server, &iov, 1), -EAGAIN);
	assert_int_equal(us_conn_write_all(client, "there", 5, &wait), 0);
	while (io.in_flight > 0) {
		reap(&io);
	}
	assert_int_equal(us_conn_read(server, buf, 5), 5);
	assert_memory_equal(buf, "there", 5);
	assert_int_equal(us_conn_write(server, &iov, 1), 5);
	assert_int_equal(us_conn_read_all(client, buf, 5, &wait), 0);
	assert_memory_equal(buf, "hello", 5);

	/* Nothing comes: leaving it ends the wait, and plain calls go on. */
	assert_int_equal(us_conn_read(server, buf, 5), -EAGAIN);
	us_conn_leave_ring(server);
	assert_int_equal(io.in_flight, 0);
	assert_int_equal(us_conn_write_all(client, "again", 5, &wait), 0);
	assert_int_equal(us_conn_read_all(server, buf, 5, &wait), 0);
	assert_memory_equal(buf, "again", 5);

	/* Something comes, and is not asked for until the ring is left. */
	assert_true(us_conn_use_ring(server, &io) > 0);
	assert_int_equal(us_conn_read(server, buf, 5), -EAGAIN);
	assert_int_equal(us_conn_write_all(client, "after", 5, &wait), 0);
	reap(&io);
	us_conn_leave_ring(server);
	assert_int_equal(us_conn_read(server, buf, 5), 5);
	assert_memory_equal(buf, "after", 5);

	/* The end of the other side is told as by plain calls. */
	assert_true(us_conn_use_ring(server, &io) > 0);
	assert_int_equal(us_conn_read(server, buf, 5), -EAGAIN);
	us_conn_close(client);
	reap(&io);
	assert_int_equal(us_conn_read(server, buf, 5), 0);
	us_conn_leave_ring(server);
	us_conn_close(server);
	us_io_fini(&io);
}

/** What is not a socket, or has no ring, is left to plain calls. */
static void test_no_ring(void **state)
{
	struct us_conn *client;
	struct us_conn *server;
	struct us_conn *pipes;
	struct us_io io;
	int ends[2];

	(void)state;
	us_io_init(&io, US_IO_SYNC, 8);
	connected(&client, &server);
	assert_int_equal(us_conn_use_ring(server, &io), 0);
	us_conn_leave_ring(server);
	us_io_fini(&io);
	us_io_init(&io, US_IO_AUTO, 8);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(us_conn_stdio(&pipes, ends[0], ends[1], "pipes"), 0);
	assert_int_equal(us_conn_use_ring(pipes, &io), 0);
	us_conn_close(pipes);
	us_conn_close(client);
	us_conn_close(server);
	close(ends[0]);
	close(ends[1]);
	us_io_fini(&io);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stream),  cmocka_unit_test(test_full),  cmocka_unit_test(test_lost),
		cmocka_unit_test(test_stdio),   cmocka_unit_test(test_stop),  cmocka_unit_test(test_in_use),
		cmocka_unit_test(test_reuse),   cmocka_unit_test(test_any),   cmocka_unit_test(test_name),
		cmocka_unit_test(test_ring),    cmocka_unit_test(test_no_ring),
		cmocka_unit_test(test_several), cmocka_unit_test(test_unreachable), cmocka_unit_test(test_address),
	};

	return cmocka_run_group_tests_name("net/conn", tests, NULL, NULL);
}
