/* SPDX-License-Identifier: MIT */
/**
 * @file log.h
 * The file of --log-file: a line for each event and for the end, each with the time and the process, as rsync writes
 * it.  Calls may come from any thread, one at a time.
 */
#ifndef US_CLI_LOG_H
#define US_CLI_LOG_H

#include "cli/lines.h"

#include <usync.h>

struct log;

/** Append to the file PATH. @return 0 or a negative errno. */
int log_open(struct log **log, const char *path);

/** Its descriptor. */
int log_fd(const struct log *log);

void log_event(struct log *log, const struct usync_event *event);

void log_fatal(struct log *log, const char *text, int error);

void log_summary(struct log *log, const struct usync_stats *stats, enum lines_end end);

/** Close it; NULL is allowed. @return 0, or the first -errno of writing to it. */
int log_close(struct log *log);

#endif /* US_CLI_LOG_H */
