/* SPDX-License-Identifier: MIT */
/* The public interface's network part: checks what it is given, and hands it to net/dial.h and net/door.h. */
#include "usync.h"

#include "base/clock.h"
#include "base/us.h"
#include "net/dial.h"
#include "net/door.h"
#include "net/peer.h"
#include "net/secret.h"
#include "net/tls.h"
#include "sys/call.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/** The time for a handshake, whoever the other side is. */
#define HANDSHAKE_NS (10 * US_SECOND_NS)

/** How long a peer may be silent, where that was not said. */
#define TIMEOUT_S 60u

static_assert(USYNC_SECRET_SIZE == US_SECRET_MADE + 1 && USYNC_SECRET_MAX == US_SECRET_MAX + 1 &&
                      USYNC_WHY_SIZE == US_NET_TEXT_MAX && USYNC_CONNECTIONS_MAX == US_PEER_CONNS_MAX,
              "sizes of the public header");
static_assert((int)USYNC_KTLS_ON == (int)US_KTLS_ON && (int)USYNC_KTLS_OFF == (int)US_KTLS_OFF,
              "values of the public header");

struct usync_net {
	struct usync_net_options options;
	struct us_secret secret;
	struct us_tls *tls;    /**< A client's or a server's, once it is known which this is. */
	struct us_door *door;
	int stop_fd;           /**< An eventfd. */
	char why[US_NET_TEXT_MAX];
};

int usync_secret_make(char text[USYNC_SECRET_SIZE])
{
	return us_secret_make(text);
}

int usync_secret_read(char text[USYNC_SECRET_MAX], const char *path, char why[USYNC_WHY_SIZE])
{
	return us_min(us_secret_read(text, path, why), 0);
}

void usync_secret_wipe(char *text, size_t size)
{
	us_secret_wipe(text, size);
}

/** Tell the caller of something. */
static void tell(const struct usync_net *net, enum usync_event_type type, const char *text)
{
	struct usync_event event = {.type = type, .what = text};

	if (net->options.event != NULL) {
		net->options.event(&event, net->options.payload);
	}
}

/** Hand a warning on. */
static void on_warn(void *payload, const char *text)
{
	tell(payload, USYNC_EVENT_WARNING, text);
}

/** Hand a note on. */
static void on_note(void *payload, const char *text)
{
	tell(payload, USYNC_EVENT_NOTE, text);
}

/** Check the caller's options. */
static int check_options(const struct usync_net_options *options, char why[USYNC_WHY_SIZE])
{
	if (options->version != USYNC_OPTIONS_VERSION || options->ktls > USYNC_KTLS_OFF ||
	    options->connections > USYNC_CONNECTIONS_MAX || (options->no_tls && options->ktls == USYNC_KTLS_ON)) {
		snprintf(why, USYNC_WHY_SIZE, "an option is out of its range");
		return -EINVAL;
	}
	return 0;
}

int usync_net_new(struct usync_net **net, const struct usync_net_options *options, const char *secret,
                  char why[USYNC_WHY_SIZE])
{
	struct usync_net *new;
	int ret = check_options(options, why);

	if (ret < 0) {
		return ret;
	}
	new = calloc(1, sizeof(*new));
	if (new == NULL) {
		snprintf(why, USYNC_WHY_SIZE, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	new->options = *options;
	new->stop_fd = us_try(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	ret = us_secret_init(&new->secret, secret, strlen(secret), why);
	if (ret == 0 && new->stop_fd < 0) {
		ret = new->stop_fd;
		snprintf(why, USYNC_WHY_SIZE, "%s", strerror(-ret));
	}
	if (ret < 0) {
		usync_net_free(new);
		return ret;
	}
	if (new->secret.weak) {
		char text[128];

		snprintf(text, sizeof(text),
		         "the secret is weak (some %u bits to guess); 'uring-sync keygen' makes a strong one",
		         new->secret.bits);
		tell(new, USYNC_EVENT_WARNING, text);
	}
	*net = new;
	return 0;
}

/** Set TLS up, when it is wanted and not there yet. */
static int prepare_tls(struct usync_net *net, bool server)
{
	if (net->options.no_tls || net->tls != NULL) {
		return 0;
	}
	return us_tls_new(&net->tls, &net->secret, server, (enum us_ktls)net->options.ktls, net->why);
}

/** The time that the other side may be silent. */
static uint64_t timeout_ns(uint32_t timeout_s)
{
	return (timeout_s > 0 ? timeout_s : TIMEOUT_S) * US_SECOND_NS;
}

int usync_net_connect(struct usync_net *net, const char *host, const char *port, struct usync_peer **peer)
{
	struct us_dial dial = {
		.secret = &net->secret,
		.connections = us_max(net->options.connections, 1u),
		.timeout_ns = timeout_ns(net->options.timeout_s),
		.stop_fd = net->stop_fd,
		.note = on_note,
		.payload = net,
	};
	int ret = prepare_tls(net, false);

	if (ret < 0) {
		return ret;
	}
	dial.tls = net->tls;
	ret = us_dial(peer, &dial, host, port, net->why);
	if (ret == 0) {
		char text[US_NET_TEXT_MAX];

		snprintf(text, sizeof(text), "%s: %u connection%s, %s", (*peer)->name, (*peer)->nr,
		         (*peer)->nr == 1 ? "" : "s", us_conn_security((*peer)->conns[0]));
		on_note(net, text);
	}
	return ret;
}

int usync_net_listen(struct usync_net *net, const char *host, const char *port)
{
	struct us_door_options options = {
		.secret = &net->secret,
		.max_clients = us_max(net->options.max_clients, 1u),
		.handshake_ns = us_min(HANDSHAKE_NS, timeout_ns(net->options.timeout_s)),
		.timeout_ns = timeout_ns(net->options.timeout_s),
		.stop_fd = net->stop_fd,
		.warn = on_warn,
		.note = on_note,
		.payload = net,
	};
	int ret;

	if (net->door != NULL) {
		return -EBUSY;
	}
	ret = prepare_tls(net, true);
	if (ret < 0) {
		return ret;
	}
	options.tls = net->tls;
	return us_door_open(&net->door, &options, host, port, net->why);
}

uint16_t usync_net_port(const struct usync_net *net)
{
	return net->door != NULL ? us_door_port(net->door) : 0;
}

int usync_net_accept(struct usync_net *net, struct usync_peer **peer)
{
	int ret = net->door != NULL ? us_door_accept(net->door, peer) : -EINVAL;

	if (ret < 0) {
		snprintf(net->why, sizeof(net->why), "%s", strerror(-ret));
	}
	return ret;
}

void usync_net_shut(struct usync_net *net)
{
	if (net->door != NULL) {
		us_door_shut(net->door);
	}
}

void usync_net_stop(struct usync_net *net)
{
	uint64_t one = 1;
	int saved = errno;

	if (write(net->stop_fd, &one, sizeof(one)) < 0) {
		/* It was stopped so often that the counter is full. */
	}
	errno = saved;
}

const char *usync_net_error(const struct usync_net *net)
{
	return net->why;
}

void usync_net_free(struct usync_net *net)
{
	if (net == NULL) {
		return;
	}
	us_door_free(net->door);
	us_tls_free(net->tls);
	if (net->stop_fd >= 0) {
		us_close(net->stop_fd);
	}
	us_secret_wipe(&net->secret, sizeof(net->secret));
	free(net);
}

int usync_peer_stdio(struct usync_peer **peer, int in, int out, const char *name, uint32_t timeout_s)
{
	struct usync_peer *new;
	int ret = us_peer_new(&new, false, name, timeout_ns(timeout_s));

	if (ret < 0) {
		return ret;
	}
	new->nr = 1;
	ret = us_conn_stdio(&new->conns[0], in, out, name);
	if (ret < 0) {
		us_peer_free(new);
		return ret;
	}
	*peer = new;
	return 0;
}

const char *usync_peer_name(const struct usync_peer *peer)
{
	return peer->name;
}

void usync_peer_free(struct usync_peer *peer)
{
	us_peer_free(peer);
}
