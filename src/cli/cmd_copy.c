/* SPDX-License-Identifier: MIT */
/* The copy on one machine: a job is made from the command line, run and reported on. */
#include "base/quote.h"
#include "cli/cmd.h"
#include "cli/run.h"
#include "cli/signals.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/** See that there is something to be compared with. */
static enum cli_exit check_exists(const char *destination)
{
	struct stat st;

	if (stat(destination, &st) == 0) {
		return CLI_EXIT_OK;
	}
	fputs("uring-sync: ", stderr);
	us_quote_write(stderr, destination);
	fprintf(stderr, ": %s\n", strerror(errno));
	return CLI_EXIT_STOPPED;
}

/** Stop the job. */
static void cancel(void *payload)
{
	usync_job_cancel(payload);
}

/** The job itself. */
static enum cli_exit copy(struct report *report, const struct opts *opts)
{
	struct usync_options options = run_options(report, opts);
	struct signals_target target = {.stop = cancel};
	struct usync_job *job;
	enum cli_exit status;
	int ret =
		usync_job_new(&job, &options, (const char *const *)opts->sources, opts->nr_sources, opts->destination);

	if (ret < 0) {
		report_fatal(report, "", ret);
		return CLI_EXIT_STOPPED;
	}
	target.payload = job;
	signals_attach(&target);
	status = run_job(report, job, NULL);
	signals_detach();
	usync_job_free(job);
	if (opts->verb == OPTS_VERB_VERIFY &&
	    (status == CLI_EXIT_VANISHED || (status == CLI_EXIT_OK && report->differences > 0))) {
		status = CLI_EXIT_PARTIAL;
	}
	return status;
}

enum cli_exit cmd_copy(const struct opts *opts)
{
	struct report report;
	enum cli_exit status = run_open(&report, opts);

	if (status == CLI_EXIT_OK && opts->verb == OPTS_VERB_VERIFY) {
		status = check_exists(opts->destination);
	}
	if (status == CLI_EXIT_OK) {
		status = copy(&report, opts);
	}
	return run_close(&report, opts, status);
}
