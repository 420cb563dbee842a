/* SPDX-License-Identifier: MIT */
/**
 * @file run.h
 * A job from its start to its exit status, with the files that were asked for beside it: what the verbs have in common.
 */
#ifndef US_CLI_RUN_H
#define US_CLI_RUN_H

#include "cli/exit.h"
#include "cli/opts.h"
#include "cli/report.h"

#include <pthread.h>

/**
 * Set REPORT up as OPTS asks, and open its files.  run_close() is needed also when that failed.
 *
 * @return CLI_EXIT_OK or _STOPPED.
 */
enum cli_exit run_open(struct report *report, const struct opts *opts);

/** The job's options that go with that. */
struct usync_options run_options(struct report *report, const struct opts *opts);

/**
 * Start JOB, wait for its end, and print how it ended.  Signals are the caller's.
 *
 * @param lock  Held while something is printed, or NULL.
 * @return the exit status.
 */
enum cli_exit run_job(struct report *report, struct usync_job *job, pthread_mutex_t *lock);

/**
 * Close the files and flush what was printed: what they lack is told, for someone relies on them.
 *
 * @return STATUS, or _STOPPED.
 */
enum cli_exit run_close(struct report *report, const struct opts *opts, enum cli_exit status);

/** Say what is wrong with the file PATH, which OPTION asks for: a negative errno.  @return CLI_EXIT_STOPPED. */
enum cli_exit run_file_error(const char *option, const char *path, int error);

/** The exit status of a run that a signal stopped. */
enum cli_exit run_interrupted(void);

#endif /* US_CLI_RUN_H */
