/* SPDX-License-Identifier: MIT */
/**
 * @file signals.h
 * SIGINT and SIGTERM stop a job in good order.  One job at a time.
 */
#ifndef US_CLI_SIGNALS_H
#define US_CLI_SIGNALS_H

#include <usync.h>

/** Let SIGPIPE be an error of the write that caused it. */
void signals_ignore_pipe(void);

/**
 * From now on SIGINT and SIGTERM cancel JOB; the same signal again, a moment later, kills the
 * process at once.  JOB is borrowed until signals_detach().
 */
void signals_attach(struct usync_job *job);

/**
 * SIGINT and SIGTERM kill again.  To be called when no thread but the caller's is left, before the
 * job is freed.
 */
void signals_detach(void);

/** The first signal that came since signals_attach(), or 0. */
int signals_caught(void);

#endif /* US_CLI_SIGNALS_H */
