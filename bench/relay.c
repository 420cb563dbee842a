/* SPDX-License-Identifier: MIT */
/*
 * relay: passes connections on to a port of loopback, every byte MS milliseconds late in each direction: a long way
 * with as much room as it takes.  Order is kept and no rate is held.  Prints the port that it listens on; ends by a
 * signal.
 *
 *	relay PORT MS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/** Connections, at most. */
#define CONNS_MAX 64u

/** Bytes of one piece, and of all that are on their way in one direction. */
#define PIECE_BYTES (256u << 10)
#define WAY_BYTES (256u << 20)

/** Bytes that came together. */
struct piece {
	struct piece *next;
	uint64_t due_ns;
	size_t length; /**< 0: the end. */
	size_t sent;
	char bytes[];
};

/** One direction of a connection. */
struct way {
	int from;
	int to;
	struct piece *first;
	struct piece **last;
	size_t bytes;
	bool ended; /**< Nothing more comes. */
};

static struct way ways[2 * CONNS_MAX];
static unsigned int nr_ways;
static uint64_t delay_ns;

/** Stop: this is a tool for benchmarks. */
static void die(const char *what)
{
	perror(what);
	exit(1);
}

/** Nanoseconds on the monotonic clock. */
static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/** PORT of loopback. */
static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/** Take what has come, late as it shall be. */
static void take(struct way *way)
{
	struct piece *piece = malloc(sizeof(*piece) + PIECE_BYTES);
	ssize_t got;

	if (piece == NULL) {
		die("relay: malloc");
	}
	got = recv(way->from, piece->bytes, PIECE_BYTES, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		free(piece);
		return;
	}
	*piece = (struct piece){.due_ns = now_ns() + delay_ns, .length = got > 0 ? (size_t)got : 0};
	way->ended = got <= 0; /* A reset is passed on as an end. */
	*way->last = piece;
	way->last = &piece->next;
	way->bytes += piece->length;
}

/** Send what is due. */
static void give(struct way *way)
{
	while (way->first != NULL && way->first->due_ns <= now_ns()) {
		struct piece *piece = way->first;
		ssize_t sent = 0;

		if (piece->length == 0) {
			shutdown(way->to, SHUT_WR);
		} else {
			sent = send(way->to, piece->bytes + piece->sent, piece->length - piece->sent,
			            MSG_DONTWAIT | MSG_NOSIGNAL);
			if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
				return;
			}
			sent = sent < 0 ? (ssize_t)(piece->length - piece->sent) : sent; /* Nobody is there any more. */
		}
		piece->sent += (size_t)sent;
		way->bytes -= (size_t)sent;
		if (piece->sent < piece->length) {
			return;
		}
		way->first = piece->next;
		if (way->first == NULL) {
			way->last = &way->first;
		}
		free(piece);
	}
}

/** A new connection, and its other half to PORT. */
static void join(int listener, int port)
{
	struct sockaddr_in address = loopback(port);
	int one = 1;
	int in = accept(listener, NULL, NULL);
	int out = socket(AF_INET, SOCK_STREAM, 0);

	if (in < 0 || out < 0 || nr_ways == 2 * CONNS_MAX) {
		die("relay: a connection");
	}
	if (connect(out, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(in);
		close(out);
		return;
	}
	setsockopt(in, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	for (int back = 0; back < 2; back++) {
		struct way *way = &ways[nr_ways++];

		*way = (struct way){.from = back ? out : in, .to = back ? in : out};
		way->last = &way->first;
	}
}

/** What to wait for. @return when the next piece is due, or 0. */
static uint64_t prepare(struct pollfd *fds, int listener)
{
	uint64_t now = now_ns();
	uint64_t due = 0;

	fds[0] = (struct pollfd){.fd = listener, .events = POLLIN};
	for (unsigned int i = 0; i < nr_ways; i++) {
		const struct way *way = &ways[i];
		bool is_due = way->first != NULL && way->first->due_ns <= now;

		fds[1 + 2 * i] = (struct pollfd){
			.fd = way->ended || way->bytes >= WAY_BYTES ? -1 : way->from, .events = POLLIN};
		fds[2 + 2 * i] = (struct pollfd){.fd = is_due ? way->to : -1, .events = POLLOUT};
		if (way->first != NULL && !is_due && (due == 0 || way->first->due_ns < due)) {
			due = way->first->due_ns;
		}
	}
	return due;
}

/** Pass on what there is, for ever. */
static void run(int listener, int port)
{
	static struct pollfd fds[1 + 4 * CONNS_MAX];

	for (;;) {
		uint64_t due = prepare(fds, listener);
		uint64_t now = now_ns();
		uint64_t left = due > now ? due - now : 0;
		struct timespec wait = {.tv_sec = (time_t)(left / 1000000000), .tv_nsec = (long)(left % 1000000000)};
		unsigned int nr = nr_ways;

		if (ppoll(fds, 1 + 2 * nr, due != 0 ? &wait : NULL, NULL) < 0 && errno != EINTR) {
			die("relay: poll");
		}
		for (unsigned int i = 0; i < nr; i++) {
			if (fds[1 + 2 * i].revents != 0) {
				take(&ways[i]);
			}
			give(&ways[i]);
		}
		if (fds[0].revents != 0) {
			join(listener, port);
		}
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = loopback(0);
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (argc != 3) {
		fputs("Usage: relay PORT MS\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	delay_ns = strtoul(argv[2], NULL, 10) * UINT64_C(1000000);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 64) < 0 || getsockname(listener, (struct sockaddr *)&address, &length) < 0) {
		die("relay: listen");
	}
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	run(listener, atoi(argv[1]));
	return 0;
}
