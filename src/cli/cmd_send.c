/* SPDX-License-Identifier: MIT */
/*
 * The copy to another machine, where 'uring-sync recv' waits: connect, then a job like any other.
 *
 * A signal stops whichever of the two is going on.
 */
#include "cli/cmd.h"
#include "cli/run.h"
#include "cli/secrets.h"
#include "cli/signals.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/** Connections where the command line does not say how many. */
#define CONNECTIONS 4u

/** What a signal stops. */
struct running {
	struct usync_net *net;
	_Atomic(struct usync_job *) job;
};

/** Stop it. */
static void stop(void *payload)
{
	struct running *running = payload;
	struct usync_job *job = atomic_load(&running->job);

	usync_net_stop(running->net);
	if (job != NULL) {
		usync_job_cancel(job);
	}
}

/** Run the job over the connections to PEER. */
static enum cli_exit transfer(struct report *report, const struct opts *opts, struct running *running,
                              struct usync_peer *peer)
{
	struct usync_options options = run_options(report, opts);
	struct usync_job *job;
	enum cli_exit status;
	int ret = usync_job_new_send(&job, &options, (const char *const *)opts->sources, opts->nr_sources, peer);

	if (ret < 0) {
		report_fatal(report, "", ret);
		return CLI_EXIT_STOPPED;
	}
	atomic_store(&running->job, job);
	if (signals_caught() != 0) {
		usync_job_cancel(job); /* It came between connecting and this. */
	}
	status = run_job(report, job, NULL);
	atomic_store(&running->job, NULL);
	usync_job_free(job);
	return status;
}

/** Connect, and go on from there; SECRET is wiped as soon as it was used. */
static enum cli_exit send_all(struct report *report, const struct opts *opts, char secret[USYNC_SECRET_MAX])
{
	struct usync_net_options options = USYNC_NET_OPTIONS_INIT;
	struct running running = {0};
	struct signals_target target = {stop, &running};
	struct usync_peer *peer;
	enum cli_exit status;
	char why[USYNC_WHY_SIZE];
	int ret;

	options.no_tls = opts->tls == OPTS_TLS_OFF;
	options.ktls = opts->ktls;
	options.connections = opts->job.jobs > 0 ? opts->job.jobs : CONNECTIONS;
	options.timeout_s = opts->timeout;
	options.event = report_event;
	options.payload = report;
	ret = usync_net_new(&running.net, &options, secret, why);
	usync_secret_wipe(secret, USYNC_SECRET_MAX);
	if (ret < 0) {
		report_fatal(report, why, ret);
		return CLI_EXIT_STOPPED;
	}
	signals_attach(&target);
	ret = usync_net_connect(running.net, opts->address.host, opts->address.port, &peer);
	if (ret == 0) {
		status = transfer(report, opts, &running, peer);
		usync_peer_free(peer);
	} else if (ret == -ECANCELED) {
		status = run_interrupted();
	} else {
		report_fatal(report, usync_net_error(running.net), ret);
		status = CLI_EXIT_STOPPED;
	}
	signals_detach();
	usync_net_free(running.net);
	return status;
}

enum cli_exit cmd_send(const struct opts *opts)
{
	char secret[USYNC_SECRET_MAX];
	struct report report;
	enum cli_exit status = run_open(&report, opts);

	secrets_no_core();
	if (status == CLI_EXIT_OK) {
		int ret = secrets_get(opts, secret);

		if (ret == 0) {
			fputs("uring-sync: send: no secret: --secret-file=FILE or $" SECRETS_VARIABLE "; "
			      "'uring-sync recv' prints one that it has made\n", stderr);
		}
		status = ret > 0 ? send_all(&report, opts, secret) : CLI_EXIT_STOPPED;
		usync_secret_wipe(secret, sizeof(secret));
	}
	return run_close(&report, opts, status);
}
