/* SPDX-License-Identifier: MIT */
#include "cli/opts_net.h"

#include "base/parse.h"
#include "base/quote.h"
#include "base/us.h"
#include "cli/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** The longest name of a host (RFC 1035: 253), and some more for a scope. */
#define HOST_MAX 300u

/** See that PORT is one. */
static int check_port(const char *port, bool listen, const char **why)
{
	uint64_t number;

	if (us_parse_uint(port, &number) < 0 || number > 65535 || (number == 0 && !listen)) {
		*why = listen ? "its port is not a number from 0 to 65535" : "its port is not a number from 1 to 65535";
		return -EINVAL;
	}
	return 0;
}

/** Find where the host ends and the port begins. */
static int split(const char *text, const char **host, size_t *length, const char **port, const char **why)
{
	const char *colon = strrchr(text, ':');
	const char *bracket;

	*host = text;
	*length = 0;
	if (text[0] == '[') {
		bracket = strchr(text, ']');
		if (bracket == NULL || bracket == text + 1 || bracket[1] != ':') {
			*why = "not of the form [ADDRESS]:PORT";
			return -EINVAL;
		}
		*host = text + 1;
		*length = (size_t)(bracket - *host);
		*port = bracket + 2;
		return 0;
	}
	if (colon == NULL) {
		*port = text;
		return 0;
	}
	*length = (size_t)(colon - text);
	*port = colon + 1;
	if (memchr(text, ':', *length) != NULL) {
		*why = "an IPv6 address stands in brackets: [::1]:9000";
		return -EINVAL;
	}
	return 0;
}

int opts_parse_address(struct opts_address *address, const char *text, bool listen, const char **why)
{
	const char *host;
	const char *port;
	size_t length;
	int ret = split(text, &host, &length, &port, why);
	bool any = length == 0 || (length == 1 && host[0] == '*');

	*address = (struct opts_address){0};
	if (ret == 0 && !listen && any) {
		*why = "not of the form HOST:PORT";
		ret = -EINVAL;
	}
	if (ret == 0 && length > HOST_MAX) {
		*why = "the name of its host is too long";
		ret = -EINVAL;
	}
	if (ret == 0) {
		ret = check_port(port, listen, why);
	}
	if (ret < 0) {
		return ret;
	}
	address->port = strdup(port);
	address->host = any ? NULL : strndup(host, length);
	if (address->port == NULL || (!any && address->host == NULL)) {
		opts_free_address(address);
		return -ENOMEM;
	}
	return 0;
}

void opts_free_address(struct opts_address *address)
{
	free(address->host);
	free(address->port);
	*address = (struct opts_address){0};
}

int opts_store_secret(struct opts *opts, const char *value)
{
	char *stands = (char *)(uintptr_t)value;
	char *copy;

	if (value[0] == '\0') {
		return -EINVAL;
	}
	copy = strdup(value);
	usync_secret_wipe(stands, strlen(stands));
	if (copy == NULL) {
		return -ENOMEM;
	}
	opts_free_net(opts);
	opts->secret = copy;
	return 0;
}

void opts_free_net(struct opts *opts)
{
	if (opts->secret != NULL) {
		usync_secret_wipe(opts->secret, strlen(opts->secret));
		free(opts->secret);
		opts->secret = NULL;
	}
	opts_free_address(&opts->address);
}

/** Describe an address that is none. */
static int address_error(FILE *err, const char *option, const char *text, int error, const char *why)
{
	fprintf(err, "uring-sync: %s'", option);
	us_quote_write(err, text);
	fprintf(err, "' is not valid: %s\n", error == -EINVAL ? why : strerror(-error));
	fputs("Try 'uring-sync --help' for more.\n", err);
	return error;
}

/** Read the address of the verbs that have one. */
static int read_address(struct opts *opts, FILE *err)
{
	bool listens = opts->verb == OPTS_VERB_RECV;
	const char *text = listens ? opts->listen : opts->destination;
	const char *why = "";
	int ret;

	if (text == NULL) {
		fputs("uring-sync: recv: --listen=[ADDRESS:]PORT is missing\n"
		      "Try 'uring-sync --help' for more.\n", err);
		return -EINVAL;
	}
	ret = opts_parse_address(&opts->address, text, listens, &why);
	return ret < 0 ? address_error(err, listens ? "--listen: " : "", text, ret, why) : 0;
}

/** Describe an operand on another machine that is none. */
static int remote_error(FILE *err, const char *operand, const char *why)
{
	fputs("uring-sync: '", err);
	us_quote_write(err, operand);
	fprintf(err, "': %s\n", why);
	return -EINVAL;
}

/** Look for operands on other machines, and see that they are on one. */
static int find_remote(struct opts *opts, FILE *err)
{
	struct remote first = {0};
	struct remote remote;
	size_t nr = 0;
	const char *why = strerror(ENOMEM);
	const char *wrong = NULL;

	for (size_t i = 0; i <= opts->nr_sources && wrong == NULL; i++) {
		const char *operand = i < opts->nr_sources ? opts->sources[i] : opts->destination;

		if (!remote_is(operand)) {
			continue;
		}
		if (remote_parse(&remote, operand, &why) < 0) {
			wrong = operand;
		} else if (nr++ == 0) {
			first = remote;
		} else {
			if (i == opts->nr_sources) {
				wrong = operand;
				why = "the source and the destination can't both be on other machines";
			} else if (strcmp(remote.host, first.host) != 0) {
				wrong = operand;
				why = "all sources have to be on one machine";
			}
			free(remote.host);
		}
	}
	free(first.host);
	if (wrong != NULL) {
		return remote_error(err, wrong, why);
	}
	if (nr > 0 && nr < opts->nr_sources && !remote_is(opts->destination)) {
		return remote_error(err, opts->destination, "some sources are on another machine, and some are here");
	}
	if (nr > 0 && opts->verb == OPTS_VERB_VERIFY) {
		return remote_error(err, opts->destination,
		                    "verify compares on one machine; --checksum --dry-run does between two");
	}
	if (nr > 0) {
		opts->verb = OPTS_VERB_SSH;
	}
	return 0;
}

/** Describe the first option whose value can't be where the copy goes between machines. */
static int check_values(const struct opts *opts, FILE *err)
{
	const struct usync_options *job = &opts->job;
	const struct {
		const char *name;
		bool given;
	} rows[] = {
		{"reflink=always", job->reflink == USYNC_REFLINK_ALWAYS},
		{"copy=reflink", job->copy == USYNC_COPY_REFLINK},
		{"copy=cfr", job->copy == USYNC_COPY_CFR},
	};

	for (size_t i = 0; i < us_array_size(rows); i++) {
		if (rows[i].given) {
			fprintf(err, "uring-sync: --%s is for copies on one machine only\n", rows[i].name);
			return -EINVAL;
		}
	}
	return 0;
}

int opts_check_net(struct opts *opts, FILE *err)
{
	int ret = 0;

	if (opts->verb == OPTS_VERB_COPY || opts->verb == OPTS_VERB_VERIFY) {
		ret = find_remote(opts, err);
	}
	if (ret == 0 && opts->verb != OPTS_VERB_COPY && opts->verb != OPTS_VERB_VERIFY) {
		ret = check_values(opts, err);
	}
	if (ret < 0) {
		return ret;
	}
	if (opts->secret != NULL && opts->secret_file != NULL) {
		fputs("uring-sync: --secret and --secret-file contradict each other: there is one secret\n", err);
		return -EINVAL;
	}
	if (opts->job.checksum_file != NULL && opts->max_clients > 1) {
		fputs("uring-sync: --checksum-file and --max-clients contradict each other: it is written anew by each transfer\n",
		      err);
		return -EINVAL;
	}
	if (opts->job.sockets == USYNC_SOCKETS_RING && opts->job.io == USYNC_IO_SYNC) {
		fputs("uring-sync: --uring and --io=sync contradict each other: the ring is the one that files have\n",
		      err);
		return -EINVAL;
	}
	if (opts->tls == OPTS_TLS_OFF && opts->ktls == USYNC_KTLS_ON) {
		fputs("uring-sync: --no-tls and --ktls=on contradict each other\n", err);
		return -EINVAL;
	}
	if (opts->verb == OPTS_VERB_SEND && opts->job.jobs > USYNC_CONNECTIONS_MAX) {
		fprintf(err, "uring-sync: --jobs: send: that many connections: a number from 1 to %u\n",
		        USYNC_CONNECTIONS_MAX);
		return -EINVAL;
	}
	return opts->verb == OPTS_VERB_SEND || opts->verb == OPTS_VERB_RECV ? read_address(opts, err) : 0;
}
