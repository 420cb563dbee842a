/* SPDX-License-Identifier: MIT */
/* The copy on one machine: a job is made from the command line, run and reported on. */
#include "base/quote.h"
#include "cli/cmd.h"
#include "cli/log.h"
#include "cli/report.h"
#include "cli/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/** How far a job came. */
struct outcome {
	int error;    /**< What usync_job_start() or _wait() returned. */
	bool started; /**< Whether there is anything to sum up. */
};

/** Run a job to its end, with signals stopping it. */
static struct outcome run_job(struct usync_job *job)
{
	struct outcome outcome;

	signals_attach(job);
	outcome.error = usync_job_start(job);
	outcome.started = outcome.error == 0;
	if (outcome.started) {
		outcome.error = usync_job_wait(job);
	}
	signals_detach();
	return outcome;
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
		report_fatal(report, usync_job_error(job), outcome.error);
	}
	if (outcome.started) {
		report_end(report, stats, end);
	}
}

/** The exit status of a job that ended like this, as far as the copy itself goes. */
static enum cli_exit copy_status(const struct usync_stats *stats, int error)
{
	if (error == -ECANCELED) {
		return signals_caught() == SIGTERM ? CLI_EXIT_TERMINATED : CLI_EXIT_INTERRUPTED;
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

/** Say what is wrong with a file that was asked for. */
static enum cli_exit file_error(const char *option, const char *path, int error)
{
	fprintf(stderr, "uring-sync: %s: ", option);
	us_quote_write(stderr, path);
	fprintf(stderr, ": %s\n", strerror(-error));
	return CLI_EXIT_STOPPED;
}

/** Open the files that were asked for. */
static enum cli_exit open_files(struct report *report, const struct opts *opts)
{
	int ret;

	if (opts->failed_list != NULL) {
		report->failed = fopen(opts->failed_list, "we");
		if (report->failed == NULL) {
			return file_error("--failed-list", opts->failed_list, -errno);
		}
	}
	if (opts->log_file != NULL) {
		ret = log_open(&report->log, opts->log_file);
		if (ret < 0) {
			return file_error("--log-file", opts->log_file, ret);
		}
	}
	return CLI_EXIT_OK;
}

/** Close them: what they lack is told, for someone relies on them. */
static enum cli_exit close_files(struct report *report, const struct opts *opts, enum cli_exit status)
{
	int error = report->failed_error;

	if (report->failed != NULL && fclose(report->failed) != 0 && error == 0) {
		error = -errno;
	}
	if (error < 0) {
		status = file_error("--failed-list", opts->failed_list, error);
	}
	error = log_close(report->log);
	return error < 0 ? file_error("--log-file", opts->log_file, error) : status;
}

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

enum cli_exit cmd_copy(const struct opts *opts)
{
	struct report report = {
		.out = stdout,
		.err = stderr,
		.verbose = opts->verbose,
		.itemize = opts->itemize || (opts->job.dry_run && !opts->quiet && (!opts->verbose || opts->verifies)),
		.verifies = opts->verifies,
		.stats = opts->stats,
		.quiet = opts->quiet,
	};
	struct usync_options options = opts->job;
	struct usync_stats stats;
	struct usync_job *job;
	struct outcome outcome;
	enum cli_exit status = open_files(&report, opts);
	int ret;

	if (status == CLI_EXIT_OK && opts->verifies) {
		status = check_exists(opts->destination);
	}
	if (status != CLI_EXIT_OK) {
		return close_files(&report, opts, status);
	}
	options.report_copied = report.verbose || report.itemize || report.log != NULL || report.verifies;
	options.event = report_event;
	options.payload = &report;
	ret = usync_job_new(&job, &options, (const char *const *)opts->sources, opts->nr_sources,
	                    opts->destination);
	if (ret < 0) {
		report_fatal(&report, "", ret);
		return close_files(&report, opts, CLI_EXIT_STOPPED);
	}
	outcome = run_job(job);
	usync_job_stats(job, &stats);
	report_outcome(&report, job, &stats, outcome);
	status = copy_status(&stats, outcome.error);
	if (status == CLI_EXIT_VANISHED && opts->verifies) {
		status = CLI_EXIT_PARTIAL;
	}
	if (status == CLI_EXIT_OK && opts->verifies && report.differences > 0) {
		status = CLI_EXIT_PARTIAL;
	}
	usync_job_free(job);
	status = close_files(&report, opts, status);
	if (report_finish(&report) < 0 && status == CLI_EXIT_OK) {
		status = CLI_EXIT_STOPPED;
	}
	return status;
}
