/* SPDX-License-Identifier: MIT */
#include "cli/run.h"

#include "base/quote.h"
#include "cli/log.h"
#include "cli/remote.h"
#include "cli/signals.h"
#include "cli/watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/** How far a job came. */
struct outcome {
	int error;    /**< What usync_job_start() or _wait() returned. */
	bool started; /**< Whether there is anything to sum up. */
};

enum cli_exit run_interrupted(void)
{
	return signals_caught() == SIGTERM ? CLI_EXIT_TERMINATED : CLI_EXIT_INTERRUPTED;
}

/** Print how a job ended. */
static void report_outcome(struct report *report, const struct usync_job *job,
                           const struct usync_stats *stats, struct outcome outcome)
{
	enum lines_end end = LINES_COMPLETE;

	if (outcome.error == -ECANCELED) {
		end = LINES_INTERRUPTED;
	} else if (outcome.error < 0) {
		end = LINES_STOPPED;
		if (!usync_job_peer_knows(job)) {
			report_fatal(report, usync_job_error(job), outcome.error);
		}
	}
	if (outcome.started) {
		report_end(report, job, stats, end);
	}
}

/** The exit status of a job that ended like this, as far as the copy itself goes. */
static enum cli_exit job_status(const struct usync_stats *stats, int error)
{
	if (error == -ECANCELED) {
		return run_interrupted();
	}
	if (error < 0) {
		return CLI_EXIT_STOPPED;
	}
	if (stats->failed > 0) {
		return CLI_EXIT_PARTIAL;
	}
	if (stats->vanished > 0) {
		return CLI_EXIT_VANISHED;
	}
	return stats->not_deleted > 0 ? CLI_EXIT_MAX_DELETE : CLI_EXIT_OK;
}

enum cli_exit run_job(struct report *report, struct usync_job *job, pthread_mutex_t *lock)
{
	struct outcome outcome;
	struct usync_stats stats;
	struct watch watch;

	watch_start(&watch, job, report);
	signals_watch(&watch);
	outcome.error = usync_job_start(job);
	outcome.started = outcome.error == 0;
	if (outcome.started) {
		outcome.error = usync_job_wait(job);
	}
	signals_unwatch(&watch);
	watch_stop(&watch);
	usync_job_stats(job, &stats);
	if (lock != NULL) {
		pthread_mutex_lock(lock);
	}
	report_outcome(report, job, &stats, outcome);
	if (lock != NULL) {
		pthread_mutex_unlock(lock);
	}
	return job_status(&stats, outcome.error);
}

enum cli_exit run_file_error(const char *option, const char *path, int error)
{
	fprintf(stderr, "uring-sync: %s: ", option);
	us_quote_write(stderr, path);
	fprintf(stderr, ": %s\n", strerror(-error));
	return CLI_EXIT_STOPPED;
}

/** What the command line asks for, as far as the counts are concerned. */
static enum lines_job kind_of_job(const struct opts *opts)
{
	bool receives = opts->verb == OPTS_VERB_RECV || (opts->verb == OPTS_VERB_SSH && !remote_is(opts->destination));

	if (receives) {
		return LINES_RECEIVE;
	}
	if (opts->verb == OPTS_VERB_VERIFY) {
		return LINES_VERIFY;
	}
	if (opts->job.dry_run) {
		return LINES_DRY_RUN;
	}
	return opts->verb == OPTS_VERB_COPY ? LINES_COPY : LINES_SEND;
}

enum cli_exit run_open(struct report *report, const struct opts *opts)
{
	int ret;

	*report = (struct report){
		.out = stdout,
		.err = stderr,
		.verbose = opts->verbose,
		.itemize = opts->itemize ||
	                   (opts->job.dry_run && !opts->quiet && (!opts->verbose || opts->verb == OPTS_VERB_VERIFY)),
		.job = kind_of_job(opts),
		.stats = opts->stats,
		.quiet = opts->quiet,
		.json = opts->json,
		.shows = opts->progress == OPTS_PROGRESS_ALWAYS ||
	                 (opts->progress == OPTS_PROGRESS_AUTO && isatty(STDERR_FILENO)),
		.bar = {.out = stderr, .is_terminal = isatty(STDERR_FILENO)},
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	if (opts->failed_list != NULL) {
		report->failed = fopen(opts->failed_list, "we");
		if (report->failed == NULL) {
			return run_file_error("--failed-list", opts->failed_list, -errno);
		}
	}
	if (opts->log_file != NULL) {
		ret = log_open(&report->log, opts->log_file);
		if (ret < 0) {
			return run_file_error("--log-file", opts->log_file, ret);
		}
	}
	return CLI_EXIT_OK;
}

struct usync_options run_options(struct report *report, const struct opts *opts)
{
	struct usync_options options = opts->job;

	options.report_copied =
		report->verbose || report->itemize || report->log != NULL || report->job == LINES_VERIFY;
	if (report->failed != NULL) {
		options.spared[options.nr_spared++] = fileno(report->failed);
	}
	if (report->log != NULL) {
		options.spared[options.nr_spared++] = log_fd(report->log);
	}
	options.event = report_event;
	options.payload = report;
	return options;
}

/** Close them. */
static enum cli_exit close_files(struct report *report, const struct opts *opts, enum cli_exit status)
{
	int error = report->failed_error;

	if (report->failed != NULL && fclose(report->failed) != 0 && error == 0) {
		error = -errno;
	}
	if (error < 0) {
		status = run_file_error("--failed-list", opts->failed_list, error);
	}
	error = log_close(report->log);
	return error < 0 ? run_file_error("--log-file", opts->log_file, error) : status;
}

enum cli_exit run_close(struct report *report, const struct opts *opts, enum cli_exit status)
{
	status = close_files(report, opts, status);
	return report_finish(report) < 0 && status == CLI_EXIT_OK ? CLI_EXIT_STOPPED : status;
}
