/* SPDX-License-Identifier: MIT */
/**
 * @file lines.h
 * What is said of an event, of the end and of the counts, in one line each, without what goes before it ("uring-sync:
 * ", the time).  Control characters in names are escaped, so that no file's name can command a terminal.
 */
#ifndef US_CLI_LINES_H
#define US_CLI_LINES_H

#include <usync.h>

#include <stdio.h>

/** How the copy ended, for the summary. */
enum lines_end {
	LINES_COMPLETE,    /**< The whole tree was gone through. */
	LINES_STOPPED,     /**< An error stopped it. */
	LINES_INTERRUPTED, /**< A signal stopped it. */
};

/** What was done, of which the counts are. */
enum lines_job {
	LINES_COPY = 1,
	LINES_DRY_RUN = 2, /**< Of a copy on one machine, or of a sender. */
	LINES_VERIFY = 4,
	LINES_SEND = 8,
	LINES_RECEIVE = 16,
};

/** A failure, an entry that vanished, a warning or a note: "PATH: WHAT: REASON". */
void lines_trouble(FILE *out, const struct usync_event *event);

/** What stopped the job: TEXT, or where that is empty the errno of ERROR (negative). */
void lines_fatal(FILE *out, const char *text, int error);

/** What was deleted, as rsync says it: behind "*deleting   " or "deleting ". */
void lines_deleted(FILE *out, const struct usync_event *event, const char *before);

/** The summary. */
void lines_summary(FILE *out, const struct usync_stats *stats, enum lines_end end);

/** The summary of a comparison, in which so many DIFFERENCES were found. */
void lines_verified(FILE *out, const struct usync_stats *stats, uint64_t differences, enum lines_end end);

/** All counts that such a job has, a line each. */
void lines_stats(FILE *out, const struct usync_stats *stats, enum lines_job job);

/** How long NR kinds of calls take, a line each. */
void lines_latencies(FILE *out, const struct usync_latency *latencies, size_t nr);

#endif /* US_CLI_LINES_H */
