/* SPDX-License-Identifier: MIT */
/*
 * The side of a copy that other machines send to.
 *
 *	main thread: accept ── a thread for each transfer: a job, its report ── its place is free again
 *
 * The main thread stays in usync_net_accept() all the time, for that is what answers those who wait.  A signal makes
 * it return; it then cancels the jobs and waits for their threads.
 */
#include "base/thread.h"
#include "cli/cmd.h"
#include "cli/outputs.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/secrets.h"
#include "cli/signals.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** The values of --max-clients, and one transfer more that is ending while the next begins. */
#define TRANSFERS_MAX 65u

struct receiver;

/** One transfer. */
struct transfer {
	struct receiver *receiver;
	struct usync_peer *peer;
	struct usync_job *job;  /**< While it runs; under the lock. */
	pthread_t thread;
	bool used;              /**< There is a thread. */
	bool over;              /**< It may be joined; under the lock. */
};

struct receiver {
	const struct opts *opts;
	struct report *report;
	struct usync_net *net;
	pthread_mutex_t lock;   /**< Of the transfers, and of all that is printed. */
	bool stopping;
	enum cli_exit status;   /**< Of the last transfer. */
	struct transfer transfers[TRANSFERS_MAX];
};

/** Stop waiting for others. */
static void stop(void *payload)
{
	struct receiver *receiver = payload;

	usync_net_stop(receiver->net);
}

/** Print an event, one at a time, whichever job it is of. */
static void on_event(const struct usync_event *event, void *payload)
{
	struct receiver *receiver = payload;

	pthread_mutex_lock(&receiver->lock);
	report_event(event, receiver->report);
	pthread_mutex_unlock(&receiver->lock);
}

/** Print that a transfer can't be. */
static void fatal(struct receiver *receiver, const char *text, int error)
{
	pthread_mutex_lock(&receiver->lock);
	report_fatal(receiver->report, text, error);
	receiver->status = CLI_EXIT_STOPPED;
	pthread_mutex_unlock(&receiver->lock);
}

/** A transfer's thread. */
static void *run_transfer(void *payload)
{
	struct transfer *transfer = payload;
	struct receiver *receiver = transfer->receiver;
	struct usync_options options = run_options(receiver->report, receiver->opts);
	struct usync_job *job;
	enum cli_exit status;
	int ret;

	options.event = on_event;
	options.payload = receiver;
	ret = usync_job_new_recv(&job, &options, transfer->peer, receiver->opts->destination);
	if (ret < 0) {
		fatal(receiver, "", ret);
	} else {
		pthread_mutex_lock(&receiver->lock);
		transfer->job = job;
		if (receiver->stopping) {
			usync_job_cancel(job);
		}
		pthread_mutex_unlock(&receiver->lock);
		status = run_job(receiver->report, job, &receiver->lock);
		pthread_mutex_lock(&receiver->lock);
		transfer->job = NULL;
		receiver->status = status;
		/* The next one may be hours away.  An error stays, and is told at the end. */
		fflush(receiver->report->out);
		pthread_mutex_unlock(&receiver->lock);
		usync_job_free(job);
	}
	pthread_mutex_lock(&receiver->lock);
	transfer->over = true;
	pthread_mutex_unlock(&receiver->lock);
	usync_peer_free(transfer->peer); /* Now the next one may begin. */
	return NULL;
}

/** Wait for the threads that are over, or for ALL. */
static void join(struct receiver *receiver, bool all)
{
	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		struct transfer *transfer = &receiver->transfers[i];
		bool over;

		pthread_mutex_lock(&receiver->lock);
		over = transfer->over;
		pthread_mutex_unlock(&receiver->lock);
		if (transfer->used && (over || all)) {
			pthread_join(transfer->thread, NULL);
			*transfer = (struct transfer){.receiver = receiver};
		}
	}
}

/** Begin a transfer with PEER, which is taken. */
static void begin(struct receiver *receiver, struct usync_peer *peer)
{
	struct transfer *transfer = receiver->transfers;
	int ret;

	join(receiver, false);
	while (transfer->used) {
		/* One is free: the library gives out no more than max_clients, and those before are over. */
		transfer++;
	}
	*transfer = (struct transfer){.receiver = receiver, .peer = peer};
	ret = us_thread_start(&transfer->thread, run_transfer, transfer);
	if (ret < 0) {
		fatal(receiver, "no thread for a transfer", ret);
		usync_peer_free(peer);
		return;
	}
	transfer->used = true;
}

/** Cancel all jobs. */
static void cancel_all(struct receiver *receiver)
{
	pthread_mutex_lock(&receiver->lock);
	receiver->stopping = true;
	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		if (receiver->transfers[i].job != NULL) {
			usync_job_cancel(receiver->transfers[i].job);
		}
	}
	pthread_mutex_unlock(&receiver->lock);
}

/** Take transfers until a signal, an error, or the end of the one shot. */
static enum cli_exit serve(struct receiver *receiver)
{
	struct usync_peer *peer;
	int ret;

	for (;;) {
		ret = usync_net_accept(receiver->net, &peer);
		if (ret < 0) {
			break;
		}
		begin(receiver, peer);
		if (receiver->opts->one_shot) {
			/* From here on accept waits for the end of the transfer, or a signal. */
			usync_net_shut(receiver->net);
		}
	}
	if (ret == -ESHUTDOWN) {
		join(receiver, true);
		return receiver->status;
	}
	cancel_all(receiver);
	join(receiver, true);
	if (ret == -ECANCELED) {
		return run_interrupted();
	}
	report_fatal(receiver->report, usync_net_error(receiver->net), ret);
	return CLI_EXIT_STOPPED;
}

/** Say where this listens and, with a secret that was made just now, how the other side is started. */
static void announce(const struct receiver *receiver, const char *made)
{
	const struct opts *opts = receiver->opts;
	const char *host = opts->address.host;
	unsigned int port = usync_net_port(receiver->net);
	bool ipv6 = host != NULL && strchr(host, ':') != NULL;
	char name[256];
	FILE *out = opts->json ? stderr : stdout; /* There, stand objects and nothing else. */

	fprintf(out, "listening on %s%s%s:%u\n", ipv6 ? "[" : "", host != NULL ? host : "*", ipv6 ? "]" : "", port);
	if (made != NULL) {
		if (host == NULL && gethostname(name, sizeof(name)) == 0) {
			name[sizeof(name) - 1] = '\0';
			host = name;
		}
		fprintf(out, "on the other side: " SECRETS_VARIABLE "=%s uring-sync send %sSOURCE %s%s%s:%u\n", made,
		        opts->tls == OPTS_TLS_OFF ? "--no-tls " : "", ipv6 ? "[" : "", host != NULL ? host : "HOST",
		        ipv6 ? "]" : "", port);
	}
	fflush(out);
}

/** Listen, and go on from there; SECRET, which was MADE here or not, is wiped as soon as it was used. */
static enum cli_exit receive_all(struct report *report, const struct opts *opts, char secret[USYNC_SECRET_MAX],
                                 bool made)
{
	struct usync_net_options options = USYNC_NET_OPTIONS_INIT;
	struct receiver *receiver = calloc(1, sizeof(*receiver));
	struct signals_target target = {stop, receiver};
	enum cli_exit status = CLI_EXIT_STOPPED;
	char why[USYNC_WHY_SIZE];
	int ret;

	if (receiver == NULL) {
		report_fatal(report, "", -ENOMEM);
		return status;
	}
	receiver->opts = opts;
	receiver->report = report;
	pthread_mutex_init(&receiver->lock, NULL);
	options.no_tls = opts->tls == OPTS_TLS_OFF;
	options.ktls = opts->ktls;
	options.timeout_s = opts->timeout;
	options.max_clients = opts->max_clients;
	options.event = on_event;
	options.payload = receiver;
	ret = usync_net_new(&receiver->net, &options, secret, why);
	if (ret < 0) {
		report_fatal(report, why, ret);
	} else {
		signals_attach(&target);
		ret = usync_net_listen(receiver->net, opts->address.host, opts->address.port);
		if (ret < 0) {
			report_fatal(report, usync_net_error(receiver->net), ret);
		} else {
			sandbox_enter(opts, report);
			announce(receiver, made ? secret : NULL);
			usync_secret_wipe(secret, USYNC_SECRET_MAX);
			status = serve(receiver);
		}
		signals_detach();
		usync_net_free(receiver->net);
	}
	pthread_mutex_destroy(&receiver->lock);
	free(receiver);
	return status;
}

enum cli_exit cmd_recv(const struct opts *opts)
{
	char secret[USYNC_SECRET_MAX];
	struct report report;
	enum cli_exit status = run_open(&report, opts);

	secrets_no_core();
	if (status == CLI_EXIT_OK) {
		status = outputs_check(opts);
	}
	if (status == CLI_EXIT_OK) {
		int given = secrets_get(opts, secret);
		int ret = given == 0 ? usync_secret_make(secret) : given;

		if (given == 0 && ret < 0) {
			report_fatal(&report, "no random numbers for a secret", ret);
		}
		status = ret < 0 ? CLI_EXIT_STOPPED : receive_all(&report, opts, secret, given == 0);
		usync_secret_wipe(secret, sizeof(secret));
	}
	return run_close(&report, opts, status);
}
